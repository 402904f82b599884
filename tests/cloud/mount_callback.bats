#!/usr/bin/env bats
# Events instead of queries, through the mount: EventBridge, here the emulator, tells the daemon's listener that a task has
# ended. What is forged, old or unknown changes nothing, and whatever happens the slow queries are left as a net.
# time limit: 300

load ../lib/common
load ../lib/emulator

TOKEN=event-token

setup() {
    cloud_setup
    script '{"match":{},"text":"Told by an event."}'
    CALLBACK_PORT=$(free_port)
    CALLBACK_URL="http://127.0.0.1:$CALLBACK_PORT/events?from=eventbridge"
    switch "{\"callback_url\":\"$CALLBACK_URL\",\"callback_token\":\"$TOKEN\",\"callback_delay_ms\":0,\"callback_retry_ms\":200}"
}

teardown() {
    refute grep -rqs "$TOKEN" "$LOG" "$STORE"
    cloud_teardown
}

free_port() {
    py -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# callback_mount POLL_MS [KEY=VALUE…]: queries are 15 times rarer than POLL_MS says; with `never`, no test lives to see one.
callback_mount() {
    local poll=${1/never/60000}
    shift
    cloud_mount dashscope.model=fun-asr dashscope.poll_ms="$poll" dashscope.callback="127.0.0.1:$CALLBACK_PORT" \
        dashscope.callback_url="$CALLBACK_URL" dashscope.callback_token="$TOKEN" \
        dashscope.callback_certificate_host="cn-beijing-eventbridge.oss-accelerate.localhost:$EMULATOR_PORT" "$@"
}

told() { # NAME…
    local name
    for name in "$@"; do
        transcribed "$INBOX/$name"
        assert_equal "$(spoken "$INBOX/$name.txt")" '[00:00:00] Told by an event.'
    done
}

queries_are() {
    assert_equal "$(counter .requests.query)" "$1"
}

# deliveries: the status of each attempt to deliver an event.
deliveries() {
    control GET callbacks | jq -r '[.[].status] | join(" ")'
}

delivered() { # STATUSES
    [ "$(deliveries)" = "$1" ]
}

forget_deliveries() {
    control DELETE callbacks >/dev/null
}

other() { # N: a recording of its own
    [ -e "$T/$1.wav" ] || sox "$(speech 0880)" "$T/$1.wav" trim 0 "2.$(printf %03d "$1")"
    printf %s "$T/$1.wav"
}

# bats test_tags=core
@test "every form of an event brings the transcript without a query" {
    callback_mount never
    local n=0 form
    while read -r form; do
        n=$((n + 1))
        switch "$form"
        drop "talk$n.wav" "$(other $n)"
        told "talk$n"
        queries_are 0
    done <<'END'
{"callback_versions":"v2"}
{"callback_versions":"v1"}
{"callback_versions":"v1","callback_v1_newline":1}
{"callback_versions":"both","callback_v1_newline":0}
{"callback_versions":"v2","callback_result_text":1}
{"callback_result_text":0,"callback_usage_inside":1}
END
    assert_equal "$(counter .callbacks.delivered)" $n
    # The signer's certificate was fetched once.
    assert_equal "$(control GET requests | jq '[.[] | select(.path | endswith("/certificate.pem"))] | length')" 1
}

@test "another model, whose result lies elsewhere in the event" {
    callback_mount never dashscope.model=qwen3-asr-flash-filetrans
    drop talk.wav
    told talk
    queries_are 0
}

# bats test_tags=core
@test "an event without the result causes exactly one query" {
    switch '{"callback_contain_result":0}'
    callback_mount never
    drop one.wav "$(other 1)"
    drop two.wav "$(other 2)"
    told one two
    assert_equal "$(counter '.queries_by_task | [.[]] | join(" ")')" '1 1'
}

# bats test_tags=core
@test "a task that fails: FAILED.txt by event" {
    allow_log 'media\.decode'
    fault '{"on":"task","count":1,"code":"InvalidFile.DecodeFailed","message":"said the service"}'
    callback_mount never
    drop bad.wav
    failed bad 'cannot be played to its end'
    failed bad '^Code: media\.decode$'
    queries_are 0
}

# bats test_tags=core
@test "an event faster than the answer to the submission: one query" {
    fault '{"on":"submit","count":1,"drip":{"bytes":4,"ms":40}}'
    switch '{"pending_ms":0,"running_ms":0}'
    callback_mount never
    drop talk.wav
    wait_for delivered 200
    told talk
    queries_are 1
    assert_equal "$(counter .requests.submit)" 1
}

@test "the same event again and again: nothing more happens" {
    fault '{"on":"callback","duplicate":3}'
    callback_mount never
    drop talk.wav
    told talk
    wait_for delivered '200 200 200 200'
    queries_are 0
    assert_equal "$(counter .tasks.SUBMITTED)" 1
    assert_equal "$(names "$INBOX")" 'talk.json talk.srt talk.txt talk.wav'
}

# bats test_tags=core
@test "forged and stale events change nothing; a restart asks at once" {
    callback_mount never
    switch '{"callback_retries":0}'
    local n=0 trick
    for trick in body signature timestamp certificate url token; do
        n=$((n + 1))
        fault "{\"on\":\"callback\",\"count\":1,\"tamper\":\"$trick\"}"
        drop "$trick.wav" "$(other $n)"
        wait_for delivered 403
        forget_deliveries
    done
    switch '{"callback_versions":"none"}'
    drop unsigned.wav "$(other 20)"
    wait_for delivered 403
    for trick in body signature timestamp certificate url token unsigned; do
        item_is "$trick.wav" .state running
        missing "$INBOX/$trick.txt"
        missing "$INBOX/$trick.FAILED.txt"
    done
    queries_are 0
    # From an address that is not on the list nothing was fetched.
    assert_equal "$(control GET requests | jq '[.[] | select(.host // "" | startswith("elsewhere"))] | length')" 0
    stop_mount
    callback_mount 100
    told body signature timestamp certificate url token unsigned
    queries_are 7
}

@test "events about other tasks, of other kinds, and nonsense, all well signed: nothing happens" {
    switch '{"running_ms":600000,"callback_retries":0}'
    callback_mount never
    drop talk.wav
    wait_for counter_is .tasks.SUBMITTED 1
    local body
    while read -r body; do
        control POST callbacks "$(jq -cn --arg body "$body" '{body: $body}')" >/dev/null
    done <<'END'
{"id":"a","type":"dashscope:System:AsyncTaskFinish","data":{"task_id":"not-ours","task_status":"SUCCEEDED"}}
{"id":"b","type":"oss:ObjectCreated:PutObject","data":{"task_id":"x"}}
{"id":"c","type":"dashscope:System:AsyncTaskFinish","data":{"task_id":"../../v1/uploads?action=getPolicy"}}
{"id":"d","type":"dashscope:System:AsyncTaskFinish"}
no JSON at all
[]
END
    all_are_in() { [ "$(control GET callbacks | jq length)" = 6 ]; }
    wait_for all_are_in
    assert_equal "$(control GET callbacks | jq -r '[.[].status] | sort | join(" ")')" '200 200 200 400 400 400'
    queries_are 0
    item_is talk.wav .state running
    control POST clock '{"advance_ms":600000}' >/dev/null
    told talk
    queries_are 0
}

# bats test_tags=core
@test "events that are lost: the slow queries find the end" {
    fault '{"on":"callback","lose":true}'
    switch '{"running_ms":1000}'
    callback_mount 100
    drop talk.wav
    told talk
    # Every 1.5 s and not every 0.1 s.
    [ "$(counter .requests.query)" -le 4 ]
    assert_equal "$(counter .callbacks.delivered)" 0
}

@test "the daemon is away when the event comes: the sender tries again, and the restart asks" {
    switch '{"running_ms":600000}'
    callback_mount never
    drop talk.wav
    wait_for item_is talk.wav .stage submitted
    stop_mount
    control POST clock '{"advance_ms":600000}' >/dev/null
    wait_for counter_reaches .callbacks.failed 1
    callback_mount 100
    told talk
    [ "$(counter .requests.query)" -le 1 ]
    assert_equal "$(counter .requests.submit)" 1
}

@test "settings that cannot work are said at the start" {
    start holder "$PYTHON" -IB -c 'import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen(); print("there", flush=True); time.sleep(600)' "$CALLBACK_PORT"
    wait_for contains "$T/holder" there
    local callback url words
    while IFS='|' read -r callback url words; do
        printf '[jobs]\nbackend = dashscope\n[dashscope]\nkey_file = %s\ncallback = %s\n' "$T/key" "$callback" >"$T/cloud.conf"
        [ -z "$url" ] || printf 'callback_url = %s\n' "$url" >>"$T/cloud.conf"
        run -13 --separate-stderr "$SCRIBEFS" -f -o "$(base_options),config=$T/cloud.conf" "$STORE" "$MNT"
        assert_contains "$stderr" "$words"
        not_mounted
    done <<END
127.0.0.1:$CALLBACK_PORT|$CALLBACK_URL|cannot listen on 127\.0\.0\.1:$CALLBACK_PORT: Address already in use
8090|$CALLBACK_URL|is not an address and a port
:8090|$CALLBACK_URL|is not an address and a port
localhost:8090|$CALLBACK_URL|is not an address and a port
127.0.0.1:0||address EventBridge was given is needed
127.0.0.1:0|me.example|begins with https:// or http://
END
    # A secret does not belong where everybody can read it.
    run --separate-stderr "$SCRIBEFS" -f -o "dashscope.callback_token=$TOKEN" "$STORE" "$MNT"
    [ "$status" != 0 ]
    assert_contains "$stderr" 'belongs into the settings file'
}

# bats test_tags=core
@test "junk connections, slow ones, endless bodies: bounded, and the work goes on" {
    callback_mount 100
    local before after
    before=$(ls "/proc/$DAEMON/fd" | wc -l)
    start flood "$PYTHON" -IB "$ROOT/tests/cloud/flood.py" "$CALLBACK_PORT"
    wait_for contains "$T/flood" flooding
    local n
    for n in 1 2 3; do
        drop "talk$n.wav" "$(other $n)"
        told "talk$n"
    done
    after=$(ls "/proc/$DAEMON/fd" | wc -l)
    [ "$((after - before))" -le 100 ]
    [ "$(awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON/status")" -lt $((200 * 1024 * TIME_FACTOR)) ]
    [ "$(ps -o nlwp= -p "$DAEMON")" -lt 60 ]
    end_process "${STARTED[-1]}"
    # Afterwards events get through again.
    wait_for -t 40 delivered_after
}

# The emulator gives up after a few tries, as the service does: it has a new event every other second.
delivered_after() {
    if [ $((SECONDS % 2)) = 0 ] && [ "$SECONDS" != "${SENT_AT:-}" ]; then
        SENT_AT=$SECONDS
        control POST callbacks '{"body":"{\"id\":\"after'"$SECONDS"'\",\"type\":\"dashscope:System:AsyncTaskFinish\",\"data\":{\"task_id\":\"t\"}}"}' >/dev/null
    fi
    [ "$(control GET callbacks | jq -r '[.[] | select(.task_id == "" and .status == 200)] | length')" -ge 1 ]
}
