#!/usr/bin/env bats
# What goes wrong at the service, on the way to it and back, through the mount: who can do something about it is told so in
# plain words, and what passes by itself is waited for.
# time limit: 300

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    script '{"match":{},"text":"Heard after all."}'
}

teardown() {
    cloud_teardown
}

# waits_for_a_person NAME CODE WORDS: it is not given up; the status text says in plain words what is in the way.
waits_for_a_person() {
    wait_for item_is "$1.wav" .error.code "$2"
    wait_for contains "$INBOX/$1.transcribing.txt" "$3"
    missing "$INBOX/$1.txt"
}

again() { # NAME…: by scribectl, at once
    local name
    for name in "$@"; do
        "$SCRIBECTL" retry "$INBOX/$name.wav"
    done
}

heard() { # NAME…
    local name
    for name in "$@"; do
        wait_for -t 30 test -e "$INBOX/$name.json"
        transcribed "$INBOX/$name"
        assert_equal "$(spoken "$INBOX/$name.txt")" '[00:00:00] Heard after all.'
        missing "$INBOX/$name.FAILED.txt"
    done
}

# waits_and_finishes NAME: it failed at first, and nobody has to do anything. (`retry` only saves the seconds of the pause.)
waits_and_finishes() {
    wait_for item_is "$1.wav" '.attempts >= 1 and .state == "queued" and .error.code != null' true
    wait_for contains "$INBOX/$1.transcribing.txt" 'Waiting to try again'
    again "$1"
    heard "$1"
}

other() { # N: a recording of its own
    if [ ! -e "$T/$1.wav" ]; then
        sox "$(speech 0880)" "$T/$1.wav" trim 0 "2.$(printf %03d "$1")"
    fi
    printf %s "$T/$1.wav"
}

# ---- A person has to do something ------------------------------------------------------------------------------------

# bats test_tags=core
@test "a wrong key: said in plain words; once it is corrected, scribectl retry goes on" {
    echo sk-wrong >"$T/key"
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    waits_for_a_person talk cloud.key 'did not accept the key of this installation'
    "$SCRIBECTL" status "$INBOX/talk.wav" | grep -q 'did not accept the key'
    refute grep -rq sk-wrong "$LOG" "$STORE" "$INBOX/talk.transcribing.txt"
    echo "$EMULATOR_KEY" >"$T/key"
    again talk
    heard talk
    assert_equal "$(counter .tasks.SUBMITTED)" 1
}

@test "a wrong key, models that answer directly, by both interfaces" {
    echo sk-wrong >"$T/key"
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    drop talk.wav
    waits_for_a_person talk cloud.key 'did not accept the key'
    stop_mount
    cloud_mount dashscope.model=qwen3-asr-flash dashscope.chat=yes
    drop chat.wav "$(other 1)"
    waits_for_a_person chat cloud.key 'did not accept the key'
    echo "$EMULATOR_KEY" >"$T/key"
    again talk chat
    heard talk chat
}

@test "no key at all: the recording waits, and goes on when there is one" {
    rm "$T/key"
    allow_log 'cloud\.no_key|Model Studio cannot be used'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for contains "$MNT/status.txt" 'no key for the transcription service'
    assert_equal "$(control GET requests | jq length)" 0
    echo "$EMULATOR_KEY" >"$T/key"
    again talk || :
    wait_for -t 75 test -e "$INBOX/talk.json"
    heard talk
}

# bats test_tags=core
@test "money, quota, permission: said in plain words, and nothing is sent again and again" {
    cloud_mount dashscope.model=fun-asr
    local n=0 name status code key words
    while IFS='|' read -r name status code key words; do
        fault "{\"on\":\"submit\",\"count\":1,\"status\":$status,\"code\":\"$code\",\"message\":\"said the service\"}"
        n=$((n + 1))
        drop "$name.wav" "$(other $n)"
        waits_for_a_person "$name" "$key" "$words"
        assert_contains "$("$SCRIBECTL" status --json "$INBOX/$name.wav")" "$code: said the service"
        again "$name"
        heard "$name"
    done <<'END'
owing|400|Arrearage|cloud.money|has to be paid or topped up
frees|403|AllocationQuota.FreeTierOnly|cloud.money|has to be paid or topped up
deny|403|Model.AccessDenied|cloud.permission|does not allow this account
END
    fault '{"on":"submit","count":1,"status":429,"code":"Throttling.AllocationQuota","message":"Free allocated quota exceeded."}'
    drop quotation.wav "$(other 40)"
    waits_for_a_person quotation cloud.quota 'limit of the account'
    again quotation
    heard quotation
    # Each was sent twice: refused once, then accepted.
    assert_equal "$(counter .requests.submit)" 8
}

# ---- It passes -------------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "429 with Retry-After, 429 without: waited for within the job" {
    fault '{"on":"submit","count":2,"status":429,"code":"Throttling.RateQuota","message":"Requests rate limit exceeded","retry_after":1}'
    fault '{"on":"query","skip":1,"count":2,"status":429,"code":"Throttling","message":"slow down"}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    heard talk
    assert_equal "$(counter .requests.submit)" 3
    item_is talk.wav .attempts 1
    stop_mount
    fault '{"on":"sync","count":2,"status":429,"code":"Throttling.RateQuota","retry_after":1}'
    fault '{"on":"chat","count":1,"status":429,"code":"limit_requests","retry_after":1}'
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    drop direct.wav
    heard direct
    cloud_remount dashscope.model=qwen3-asr-flash dashscope.chat=yes
    drop chat.wav
    heard chat
}

# bats test_tags=core
@test "5xx, gateways' HTML, lost connections, while a task is asked about: it is asked again" {
    fault '{"on":"query","count":1,"status":500,"code":"InternalError","message":"oops"}'
    fault '{"on":"query","skip":2,"count":1,"html":true}'
    fault '{"on":"query","skip":4,"count":1,"reset":true}'
    fault '{"on":"query","skip":6,"count":1,"truncate":20}'
    fault '{"on":"query","skip":8,"count":1,"malformed":true}'
    fault '{"on":"query","skip":10,"count":1,"drip":{"bytes":40,"ms":20}}'
    switch '{"running_queries":11}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    heard talk
    item_is talk.wav .attempts 1
    assert_equal "$(counter .requests.submit)" 1
}

# bats test_tags=core
@test "5xx for a submission, an upload, a certificate: it waits and finishes by itself" {
    allow_log 'cloud\.|publish\.'
    ALLOWED_VIOLATIONS=query_after_the_end # what may have been accepted is looked for among the latest tasks
    cloud_mount dashscope.model=fun-asr
    local n=0 on rule
    while IFS='|' read -r on rule; do
        n=$((n + 1))
        fault "{\"on\":\"$on\",\"count\":20,$rule}"
        drop "$on$n.wav" "$(other $((50 + n)))"
        wait_for item_is "$on$n.wav" '.state == "queued" and .error.code != null' true
        contains "$INBOX/$on$n.transcribing.txt" 'Waiting to try again'
        control DELETE faults >/dev/null
        again "$on$n"
        heard "$on$n"
    done <<'END'
submit|"status":503,"code":"ModelUnavailable","message":"try later"
submit|"status":500,"code":"InternalError.Algo","message":"oops"
submit|"html":true
policy|"status":500,"code":"InternalError","message":"oops"
upload|"status":500,"code":"InternalError","message":"oops"
upload|"reset":true
END
}

@test "nobody has to do anything: after its pause it is tried again" {
    fault '{"on":"submit","count":1,"status":503,"code":"ModelUnavailable","message":"try later"}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for item_is talk.wav .error.code cloud.down
    wait_for -t 15 test -e "$INBOX/talk.json"
    heard talk
}

# bats test_tags=core
@test "the answer to a submission is lost: the task that may be there is not submitted a second time without a look" {
    ALLOWED_VIOLATIONS=query_after_the_end # it is looked for among the latest tasks
    fault '{"on":"submit","count":1,"lost":true}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for -t 30 test -e "$INBOX/talk.json"
    heard talk
    assert_equal "$(counter '.submits_by_audio | add')" 1
}

@test "no connection for a submission: sent again, with one task" {
    fault '{"on":"submit","count":1,"reset":true}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for -t 30 test -e "$INBOX/talk.json"
    heard talk
    assert_equal "$(counter .tasks.SUBMITTED)" 1
}

# bats test_tags=core
@test "the result: broken, cut, malformed, in drips, 5xx: fetched again" {
    cloud_mount dashscope.model=fun-asr
    fault '{"on":"result","count":1,"reset":true}'
    drop reset.wav "$(other 60)"
    heard reset
    fault '{"on":"result","count":1,"truncate":100}'
    drop cut.wav "$(other 61)"
    heard cut
    fault '{"on":"result","count":1,"malformed":true}'
    drop malformed.wav "$(other 62)"
    heard malformed
    fault '{"on":"result","count":1,"drip":{"bytes":50,"ms":5}}'
    drop drip.wav "$(other 63)"
    heard drip
    fault '{"on":"result","count":1,"status":503}'
    drop down.wav "$(other 64)"
    heard down
    assert_equal "$(counter .tasks.SUBMITTED)" 5
    item_is down.wav .attempts 1
}

@test "the address of the result has expired: it finishes all the same, with the same task" {
    fault '{"on":"result","count":1,"expired":true}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for -t 40 test -e "$INBOX/talk.json"
    heard talk
    assert_equal "$(counter .tasks.SUBMITTED)" 1
}

@test "the service does not know the task yet: asked again, and not submitted anew" {
    fault '{"on":"query","count":3,"unknown":true}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    heard talk
    assert_equal "$(counter .requests.submit)" 1
}

# ---- The service is away ---------------------------------------------------------------------------------------------

# bats test_tags=core
@test "the service is away for a while: jobs wait, and finish by themselves when it is back" {
    cloud_mount dashscope.model=fun-asr
    switch '{"running_ms":600000}'
    drop submitted.wav "$(other 70)"
    wait_for counter_is .tasks.SUBMITTED 1
    wait_for item_is submitted.wav .stage recognising
    emulator_stop
    drop new.wav "$(other 71)"
    wait_for item_is new.wav '.error.code' cloud.network
    contains "$INBOX/new.transcribing.txt" 'cannot be reached'
    assert_contains "$("$SCRIBECTL" status "$MNT")" submitted.wav
    emulator_start
    control POST clock '{"advance_ms":600000}' >/dev/null
    wait_for -t 30 test -e "$INBOX/submitted.json"
    wait_for -t 30 test -e "$INBOX/new.json"
    transcribed "$INBOX/submitted" "$INBOX/new"
    assert_equal "$(counter '.submits_by_audio | [.[]] | max')" 1
}

@test "never there: the recording waits, the mount works, and it stops quickly" {
    emulator_stop
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for item_is talk.wav .error.code cloud.network
    echo hello >"$INBOX/note.txt"
    assert_equal "$(cat "$INBOX/note.txt")" hello
    timeout 10 "$SCRIBECTL" status "$MNT" | grep -q talk.wav
    stop_mount
}

# ---- The task fails --------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "a task that fails for good: FAILED.txt in plain words, with the service's own" {
    cloud_mount dashscope.model=fun-asr
    allow_log 'media\.|cloud\.'
    local n=0 code key words
    while IFS='|' read -r code key words; do
        n=$((n + 1))
        fault "{\"on\":\"task\",\"count\":1,\"code\":\"$code\",\"message\":\"said the service\"}"
        drop "bad$n.wav" "$(other $((80 + n)))"
        failed "bad$n" "$words"
        failed "bad$n" "^Code: $key\$"
        failed "bad$n" "^Detail: .*$code"
        missing "$INBOX/bad$n.transcribing.txt"
        missing "$INBOX/bad$n.txt"
    done <<'END'
InvalidFile.DecodeFailed|media.decode|cannot be played to its end
UNSUPPORTED_FORMAT|media.decode|cannot be played to its end
FILE_TOO_LARGE|media.too_large|larger file
InvalidFile.AudioLengthError|media.too_long|longer than
NO_VALID_AUDIO_ERROR|media.no_audio|sound
DataInspectionFailed|cloud.refused|because of what it contains
SomethingNobodyHeardOf|cloud.request|did not understand
END
    assert_equal "$(counter .requests.submit)" "$n"
}

# bats test_tags=core
@test "FAILED.txt says what it cost, also after a restart" {
    allow_log 'cloud\.|route\.'
    cloud_mount dashscope.model=fun-asr
    fault '{"on":"task","count":1,"code":"DataInspectionFailed","message":"no"}'
    drop task.wav "$(other 150)"
    failed task 'which may have billed it'
    fault '{"on":"submit","count":1,"status":400,"code":"DataInspectionFailed","message":"no"}'
    drop refused.wav "$(other 151)"
    failed refused 'No money was spent: the service in the cloud did not begin'
    cloud_remount dashscope.model=qwen3-asr-flash dashscope.speakers=yes
    drop route.wav "$(other 152)"
    failed route 'No money was spent: this recording was not sent anywhere'
    failed task 'which may have billed it'
    failed refused 'No money was spent: the service in the cloud did not begin'
    cloud_remount dashscope.model=fun-asr-flash-2026-06-15
    fault '{"on":"sync","count":1,"status":400,"code":"DataInspectionFailed","message":"no"}'
    drop direct.wav "$(other 153)"
    failed direct 'No money was spent: the service in the cloud did not begin'
    failed task 'which may have billed it'
}

# bats test_tags=core
@test "a task that fails for the service's own reasons is submitted anew" {
    allow_log 'cloud\.'
    cloud_mount dashscope.model=fun-asr
    local n=0 code
    for code in InternalError.Timeout InternalError.Algo SystemError FILE_TRANS_TASK_EXPIRED; do
        n=$((n + 1))
        fault "{\"on\":\"task\",\"count\":1,\"code\":\"$code\",\"message\":\"oops\"}"
        drop "again$n.wav" "$(other $((90 + n)))"
        waits_and_finishes "again$n"
    done
    assert_equal "$(counter .tasks.SUBMITTED)" 8
}

@test "every file failed, in both shapes the service has for that" {
    allow_log 'media\.decode'
    cloud_mount dashscope.model=fun-asr
    local shape n=100
    for shape in failed succeeded; do
        switch "{\"all_failed\":\"$shape\"}"
        n=$((n + 1))
        fault '{"on":"task","count":1,"subtask":0,"code":"InvalidFile.DecodeFailed","message":"cannot be decoded"}'
        drop "$shape.wav" "$(other $n)"
        failed "$shape" '^Code: media\.decode$'
    done
}

@test "the service could not fetch the recording: it is published and submitted anew, once" {
    fault '{"on":"task","count":1,"code":"FILE_DOWNLOAD_FAILED","message":"cannot be downloaded"}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    waits_and_finishes talk
    assert_equal "$(counter .requests.upload)" 2
    fault '{"on":"task","code":"FILE_DOWNLOAD_FAILED","message":"cannot be downloaded"}'
    allow_log cloud.download
    drop never.wav "$(other 110)"
    wait_for item_is never.wav .error.code cloud.download
    again never
    failed never 'could not fetch the recording'
}

@test "deleting FAILED.txt, and scribectl retry: tried again" {
    allow_log 'cloud\.refused'
    fault '{"on":"task","count":2,"code":"DataInspectionFailed","message":"no"}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    failed talk 'refused this recording'
    rm "$INBOX/talk.FAILED.txt"
    wait_for counter_is .tasks.SUBMITTED 2
    failed talk 'refused this recording'
    again talk
    heard talk
}

# ---- Direct calls ----------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "direct calls: 5xx, broken, cut and malformed answers are tried again; refused content is not" {
    allow_log 'cloud\.'
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    local n=0 rule
    while read -r rule; do
        n=$((n + 1))
        fault "{\"on\":\"sync\",\"count\":1,$rule}"
        drop "talk$n.wav" "$(other $((120 + n)))"
        waits_and_finishes "talk$n"
    done <<'END'
"status":503,"code":"ModelUnavailable","message":"later"
"status":500,"code":"InternalError","message":"oops"
"reset":true
"truncate":60
"malformed":true
"html":true
END
    fault '{"on":"sync","count":1,"status":400,"code":"DataInspectionFailed","message":"Input data may contain inappropriate content."}'
    drop bad.wav "$(other 130)"
    failed bad 'refused this recording because of what it contains'
}

# bats test_tags=core
@test "streams: an error inside, an end too early, drips" {
    allow_log 'cloud\.'
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15 dashscope.stream=yes
    switch '{"sse_multi_ms":0}'
    fault '{"on":"sync","count":1,"error_event":0,"status":500,"code":"InternalError","message":"oops"}'
    drop event.wav "$(other 141)"
    waits_and_finishes event
    fault '{"on":"sync","count":1,"truncate":80}'
    drop cut.wav "$(other 142)"
    waits_and_finishes cut
    fault '{"on":"sync","count":1,"drip":{"bytes":30,"ms":5}}'
    drop drip.wav "$(other 143)"
    heard drip
    cloud_remount dashscope.model=qwen3-asr-flash dashscope.stream=yes
    fault '{"on":"sync","count":1,"stop_after":1}'
    drop early.wav "$(other 144)"
    waits_and_finishes early
}

# ---- Secrets ---------------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "no secret in the log, in arguments, the index, results or views" {
    switch '{"running_ms":1000}'
    cloud_mount dashscope.model=fun-asr publish.method=oss "publish.endpoint=http://scribefs-test.oss-cn-beijing.localhost:$EMULATOR_PORT" \
        publish.bucket=scribefs-test publish.region=cn-beijing "publish.key_file=$T/oss-key"
    drop talk.wav
    wait_for counter_is .tasks.SUBMITTED 1
    refute grep -aE 'sk-test|oss-test-secret' "/proc/$DAEMON/cmdline"
    heard talk
    refute grep -rlaE 'sk-test|oss-test-secret' "$LOG" "$STORE" "$INBOX" "$MNT/status.txt"
    refute grep -rlaiE 'signature=[^x]' "$LOG" "$STORE" "$INBOX" "$MNT/status.txt"
    refute grep -qE 'sk-test|oss-test-secret' <("$SCRIBECTL" status --json "$MNT")
}
