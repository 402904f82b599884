#!/usr/bin/env bats
# The daemon is killed while recordings are with the service: nothing is lost, nothing is paid for twice. And what happens to
# a task when its recording is deleted or renamed meanwhile.
# time limit: 300

TEST_SECONDS=200
load ../lib/common
load ../lib/emulator
load ../lib/cloud_kills

setup() {
    cloud_setup
    script '{"match":{},"text":"It was heard."}'
    OSS=("publish.method=oss" "publish.endpoint=http://scribefs-test.oss-cn-beijing.localhost:$EMULATOR_PORT"
        "publish.bucket=scribefs-test" "publish.region=cn-beijing" "publish.key_file=$T/oss-key")
}

teardown() {
    cloud_teardown
}

# A daemon that was killed may have learned that a task had ended, and has to ask once more where its result is.
revive() {
    ALLOWED_VIOLATIONS=query_after_the_end
    crash_mount
    start_mount "$MOUNT_OPTIONS"
}

# let_go: tasks that take for ever end now.
let_go() {
    local task
    control DELETE faults >/dev/null
    for task in $(control GET tasks | jq -r '.. | .task_id? // empty'); do
        control POST "tasks/$task" '{"fault":null}' >/dev/null
    done
}

submits() {
    counter ".submits_by_audio[\"$(content_of "$1")\"]"
}

# bats test_tags=core
@test "killed after the task is known: finished after the restart, with one submission" {
    fault '{"on":"task","stuck":true}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for counter_is .tasks.SUBMITTED 1
    wait_for item_is talk.wav .stage recognising
    revive
    wait_for item_is talk.wav .stage recognising
    let_go
    transcribed "$INBOX/talk"
    assert_equal "$(spoken "$INBOX/talk.txt")" '[00:00:00] It was heard.'
    assert_equal "$(counter .requests.submit)" 1
    assert_equal "$(submits "$(speech 0880)")" 1
    assert_equal "$(counter .requests.upload)" 1
}

# bats test_tags=core
@test "stopped in an orderly way: the task goes on, and is found again" {
    fault '{"on":"task","stuck":true}'
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    drop talk.wav
    wait_for counter_is .tasks.SUBMITTED 1
    wait_for item_is talk.wav .stage recognising
    stop_mount
    let_go
    assert_equal "$(counter .requests.cancel)" 0
    start_mount "$MOUNT_OPTIONS"
    transcribed "$INBOX/talk"
    assert_equal "$(counter .requests.submit)" 1
    wait_for counter_is '.now.objects["scribefs-test"]' 0
}

# bats test_tags=core
@test "killed while the result is fetched, and while the task ends: one submission" {
    fault '{"on":"result","count":1,"delay_ms":4000}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for counter_is .faults.result 1
    revive
    transcribed "$INBOX/talk"
    assert_equal "$(counter .requests.submit)" 1
}

@test "killed between the request and its answer: at most one more submission" {
    fault '{"on":"submit","count":1,"delay_ms":3000}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for counter_is .faults.submit 1
    revive
    transcribed "$INBOX/talk"
    [ "$(submits "$(speech 0880)")" -le 2 ]
    [ "$(counter .requests.submit)" -le 2 ]
}

# bats test_tags=core
@test "16 jobs of every kind, killed in several windows: every view is there, and what was sent twice can be counted" {
    control DELETE scripts >/dev/null
    cloud_kills 16 8
}

# ---- Deleted and renamed ---------------------------------------------------------------------------------------------

# bats test_tags=core
@test "deleted while its task runs: no longer asked about, and gone from the bucket" {
    fault '{"on":"task","stuck":true}'
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    drop talk.wav
    wait_for item_is talk.wav .stage recognising
    rm "$INBOX/talk.wav"
    wait_for counter_is '.now.objects["scribefs-test"]' 0
    wait_for counter_is .requests.cancel 1
    local asked
    asked=$(counter .requests.query)
    # Another that comes later and is asked about again and again shows that time has passed.
    control DELETE faults >/dev/null
    switch '{"running_ms":1000}'
    drop next.wav "$(speech 0930)"
    transcribed "$INBOX/next"
    local task
    task=$(control GET tasks | jq -r '[.. | .task_id? // empty][0]')
    [ "$(counter ".queries_by_task[\"$task\"]")" -le $((asked + 1)) ]
    missing "$INBOX/talk.txt"
}

@test "deleted while its task waits: it is cancelled at the service" {
    fault '{"on":"task","pending":true}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for item_is talk.wav .stage submitted
    rm "$INBOX/talk.wav"
    wait_for counter_is .tasks.CANCELED 1
}

# bats test_tags=core
@test "renamed and moved while its task runs: one task, and the views have the new name" {
    fault '{"on":"task","stuck":true}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for item_is talk.wav .stage recognising
    mkdir "$INBOX/dir"
    mv "$INBOX/talk.wav" "$INBOX/dir/speech.wav"
    wait_for item_is dir/speech.wav .stage recognising
    let_go
    transcribed "$INBOX/dir/speech"
    missing "$INBOX/talk.txt"
    wait_for -t 3 missing "$INBOX/talk.transcribing.txt"
    assert_equal "$(counter '[.requests.submit, (.requests.cancel // 0)] | join(" ")')" '1 0'
}

@test "cancelled at the service by somebody else: it is submitted anew" {
    fault '{"on":"task","count":1,"pending":true}'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for item_is talk.wav .stage submitted
    local task
    task=$(control GET tasks | jq -r '[.. | .task_id? // empty][0]')
    curl -sS --fail-with-body -X POST "$API/tasks/$task/cancel" -H "Authorization: Bearer $EMULATOR_KEY" >"$T/cancelled"
    wait_for item_is talk.wav .error.code cloud.canceled
    "$SCRIBECTL" retry "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    assert_equal "$(counter .tasks.SUBMITTED)" 2
}
