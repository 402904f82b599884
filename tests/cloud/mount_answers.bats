#!/usr/bin/env bats
# Answers in every shape the service has for them, and what comes instead of answers, through the mount.
# time limit: 300

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    script '{"match":{},"text":"Heard after all."}'
    allow_log 'cloud\.|publish\.'
}

teardown() {
    cloud_teardown
}

heard() { # NAME…
    local name
    for name in "$@"; do
        wait_for -t 30 test -e "$INBOX/$name.json"
        transcribed "$INBOX/$name"
        assert_equal "$(spoken "$INBOX/$name.txt")" '[00:00:00] Heard after all.'
    done
}

# retried_and_heard NAME…: each failed at first, waits, and is heard then. (`retry` only saves the seconds of the pause.)
retried_and_heard() {
    local name
    for name in "$@"; do
        wait_for item_is "$name.wav" '.state == "queued" and .error.code != null' true
        "$SCRIBECTL" retry "$INBOX/$name.wav"
    done
    heard "$@"
}

other() { # N: a recording of its own
    [ -e "$T/$1.wav" ] || sox "$(speech 0880)" "$T/$1.wav" trim 0 "2.$(printf %03d "$1")"
    printf %s "$T/$1.wav"
}

# ---- Tasks -----------------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "a task that was forgotten while the daemon was away is submitted anew, and the recording is not sent again" {
    ALLOWED_VIOLATIONS=query_after_the_end
    fault '{"on":"task","count":1,"stuck":true}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for item_is talk.wav .stage recognising
    local task
    task=$(control GET tasks | jq -r '[.. | .task_id? // empty][0]')
    stop_mount
    # More than a day passes there and here; the task ends in it, and a day later nobody knows it any more.
    control POST "tasks/$task" '{"fault":null}' >/dev/null
    control POST clock '{"advance_ms":60000}' >/dev/null
    wait_for task_ended "$task"
    control POST clock '{"advance_ms":90000000}' >/dev/null
    "$PYTHON" -IB - "$STORE/state/index.db" <<'END'
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for rowid, text in db.execute("SELECT rowid, checkpoint FROM jobs WHERE checkpoint IS NOT NULL").fetchall():
    state = json.loads(text)
    state["submitted_ms"] -= 90_000_000
    db.execute("UPDATE jobs SET checkpoint = ? WHERE rowid = ?", (json.dumps(state), rowid))
db.commit()
END
    start_mount "$MOUNT_OPTIONS"
    wait_for item_is talk.wav .error.code cloud.expired
    contains "$INBOX/talk.transcribing.txt" 'Waiting to try again'
    retried_and_heard talk
    assert_equal "$(counter '[.requests.submit, .requests.upload] | join(" ")')" '2 1'
}

task_ended() { # TASK
    [[ $(control GET tasks | jq -r --arg id "$1" '[.. | select(.task_id? == $id)][0] | .. | .task_status? // .status? // empty' | head -n 1) = SUCCEEDED ]]
}

@test "answers that are JSON and no answer, or another type than they say: asked again" {
    fault '{"on":"query","count":1,"body":"[]"}'
    fault '{"on":"query","skip":1,"count":1,"body":"{}"}'
    fault '{"on":"query","skip":2,"count":1,"body":"\"text\""}'
    fault '{"on":"query","skip":3,"count":1,"body":"{\"output\":{\"task_status\":\"WONDERING\"}}"}'
    fault '{"on":"query","skip":4,"count":1,"body":"{\"output\":null,\"request_id\":5}"}'
    fault '{"on":"query","skip":5,"count":1,"body":""}'
    fault '{"on":"query","skip":6,"count":1,"content_type":"text/plain"}'
    switch '{"running_queries":6}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    heard talk
    item_is talk.wav .attempts 1
    assert_equal "$(counter .requests.submit)" 1
    local n=0 body
    for body in '{}' '{\"transcripts\":5}' '[1]' '<html></html>'; do
        n=$((n + 1))
        fault "{\"on\":\"result\",\"count\":1,\"body\":\"$body\"}"
        drop "result$n.wav" "$(other $n)"
    done
    heard result1 result2 result3 result4
    assert_equal "$(counter .tasks.SUBMITTED)" 5
}

@test "the answer to a submission is none, and nobody can say what came of it: one task all the same" {
    ALLOWED_VIOLATIONS=query_after_the_end
    cloud_mount dashscope.model=fun-asr
    fault '{"on":"submit","count":1,"malformed":true}'
    fault '{"on":"list","count":1,"status":503,"code":"ModelUnavailable"}'
    drop talk.wav
    retried_and_heard talk
    # "retry" may come while the list is still closed.
    assert_equal "$(counter '.submits_by_audio | add')" 1
}

@test "deleted while its task runs, and the service does not take the cancellation: the next one goes on" {
    fault '{"on":"task","count":1,"pending":true}'
    fault '{"on":"cancel","status":400,"code":"UnsupportedOperation","message":"Failed to cancel the task"}'
    cloud_mount dashscope.model=fun-asr
    drop gone.wav "$(other 1)"
    wait_for item_is gone.wav .stage submitted
    rm "$INBOX/gone.wav"
    drop next.wav
    heard next
    wait_for counter_is .faults.cancel 1
    missing "$INBOX/gone.txt"
}

@test "the service cannot fetch the recording, in all its words: published and submitted once more" {
    cloud_mount dashscope.model=qwen3-asr-flash-filetrans
    local n=10 code names=()
    for code in FILE_403_FORBIDDEN FILE_404_NOT_FOUND FILE_SERVER_ERROR CONTENT_LENGTH_CHECK_FAILED; do
        n=$((n + 1))
        fault "{\"on\":\"download\",\"count\":1,\"code\":\"$code\"}"
        drop "fetch$n.wav" "$(other $n)"
        wait_for item_is "fetch$n.wav" .error.code cloud.download
        names+=("fetch$n")
    done
    fault '{"on":"download","count":1,"delay_ms":500}'
    drop slow.wav "$(other 20)"
    heard slow
    retried_and_heard "${names[@]}"
    assert_equal "$(counter '[.tasks.SUBMITTED, .requests.upload] | join(" ")')" '9 9'
}

# ---- Publishing and hotwords -----------------------------------------------------------------------------------------

@test "temporary storage: a certificate that has expired, a name that is taken, no connection: from the beginning" {
    cloud_mount dashscope.model=fun-asr
    local n=30 on rule names=()
    while IFS='|' read -r on rule; do
        n=$((n + 1))
        fault "{\"on\":\"$on\",\"count\":1,$rule}"
        drop "up$n.wav" "$(other $n)"
        wait_for counter_reaches ".faults.$on" 1
        names+=("up$n")
        wait_for item_is "up$n.wav" '(.state == "done" or .attempts >= 1 and .state == "queued")' true
        "$SCRIBECTL" retry "$INBOX/up$n.wav" || :
        heard "up$n"
        control DELETE faults >/dev/null
    done <<'END'
upload|"status":403,"code":"AccessDenied","message":"Invalid according to Policy: Policy expired."
upload|"status":409,"code":"FileAlreadyExists","message":"The object you specified already exists and can not be overwritten."
upload|"lost":true
policy|"reset":true
policy|"html":true
policy|"malformed":true
policy|"status":429,"code":"Throttling.RateQuota","message":"Requests rate limit exceeded"
END
    heard "${names[@]}"
    assert_equal "$(counter .tasks.SUBMITTED)" 7
}

@test "hotwords: the vocabulary's answers break off, are lost or are none: one list in the end" {
    cloud_mount dashscope.model=fun-asr dashscope.hotwords=Dashwood
    local n=50 rule
    while read -r rule; do
        n=$((n + 1))
        fault "{\"on\":\"vocabulary\",\"count\":1,$rule}"
        drop "word$n.wav" "$(other $n)"
        wait_for item_is "word$n.wav" '(.state == "done" or .attempts >= 1 and .state == "queued")' true
        "$SCRIBECTL" retry "$INBOX/word$n.wav" || :
        heard "word$n"
        stop_mount
        start_mount "$MOUNT_OPTIONS"
    done <<'END'
"status":500,"code":"InternalError","message":"oops"
"reset":true
"malformed":true
END
    assert_equal "$(counter .now.vocabularies)" 1
}

# ---- Streams ---------------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "streams of OpenAI's interface: an error inside, an end too early, cut, in drips" {
    cloud_mount dashscope.model=qwen3-asr-flash dashscope.chat=yes dashscope.stream=yes
    local n=60 rule names=()
    while read -r rule; do
        n=$((n + 1))
        fault "{\"on\":\"chat\",\"count\":1,$rule}"
        drop "chat$n.wav" "$(other $n)"
        wait_for item_is "chat$n.wav" '.state == "queued" and .error.code != null' true
        names+=("chat$n")
    done <<'END'
"error_event":1,"code":"internal_error","message":"oops","status":500
"stop_after":1
"truncate":150
"reset":true
END
    fault '{"on":"chat","count":1,"drip":{"bytes":30,"ms":2},"split_utf8":true}'
    drop drip.wav "$(other 70)"
    heard drip
    retried_and_heard "${names[@]}"
}

@test "streams: every spelling of an error, and a stream that is none" {
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15 dashscope.stream=yes
    local n=80 shape status
    for shape in json stream event; do
        for status in comment line none; do
            [ "$shape" != json ] || [ "$status" = comment ] || continue
            n=$((n + 1))
            switch "{\"sse_errors\":\"$shape\",\"sse_status\":\"$status\"}"
            fault '{"on":"sync","count":1,"status":400,"code":"DataInspectionFailed","message":"said the service"}'
            drop "bad$n.wav" "$(other $n)"
            wait_for test -e "$INBOX/bad$n.FAILED.txt"
            contains "$INBOX/bad$n.FAILED.txt" '^Code: cloud\.refused$'
        done
    done
    switch '{"sse_short":"json"}'
    drop plain.wav "$(other 95)"
    heard plain
}

@test "streams: sentences that grow and are corrected as they come end as one text" {
    control DELETE scripts >/dev/null
    script '{"match":{},"text":"One two three. Four five six. Seven."}'
    switch '{"sse_multi_ms":0,"sse_snapshots":1}'
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15 dashscope.stream=yes
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(spoken "$INBOX/talk.txt" | sed 's/^\[[^]]*\] //' | tr -s '\n' ' ')" 'One two three. Four five six. Seven. '
}
