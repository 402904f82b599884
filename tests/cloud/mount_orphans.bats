#!/usr/bin/env bats
# What a recording has left at the service or in a bucket goes, also when the daemon was down, was killed, or could not reach
# anybody when the recording was deleted, and when the settings name another place by then.
# time limit: 300

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    script '{"match":{},"text":"It was heard."}'
    OSS=("publish.method=oss" "publish.endpoint=http://scribefs-test.oss-cn-beijing.localhost:$EMULATOR_PORT"
        "publish.bucket=scribefs-test" "publish.region=cn-beijing" "publish.key_file=$T/oss-key")
    S3=("publish.method=s3" "publish.endpoint=http://s3.cn-beijing.localhost:$EMULATOR_PORT/scribefs-test"
        "publish.bucket=scribefs-test" "publish.region=cn-beijing" "publish.key_file=$T/oss-key")
}

teardown() {
    cloud_teardown
}

bucket_holds() { # OBJECTS UPLOADS
    counter_is '.now | [.objects["scribefs-test"], .uploads["scribefs-test"]] | join(" ")' "$1 $2"
}

# submitted STATE: talk.wav is a task that stays in that state ("stuck": it runs, "pending": it waits).
submitted() {
    fault "{\"on\":\"task\",\"$1\":true}"
    drop talk.wav
    wait_for counter_is .tasks.SUBMITTED 1
    if [ "$1" = stuck ]; then wait_for item_is talk.wav .stage recognising; fi
    wait_for item_is talk.wav .state running
    wait_for bucket_holds 1 0
}

# bats test_tags=core
@test "deleted while the daemon was down: gone from the bucket after the start, and its task is cancelled" {
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    submitted pending
    crash_mount
    rm "$RAW/talk.wav"
    start_mount "$MOUNT_OPTIONS"
    wait_for bucket_holds 0 0
    wait_for counter_is .tasks.CANCELED 1
    assert_equal "$(counter .requests.submit)" 1
}

@test "the same with an S3 store, and after an orderly end" {
    cloud_mount dashscope.model=fun-asr "${S3[@]}"
    submitted stuck
    stop_mount
    rm "$RAW/talk.wav"
    start_mount "$MOUNT_OPTIONS"
    wait_for bucket_holds 0 0
}

# bats test_tags=core
@test "half an upload in parts, its recording deleted while the daemon was down: given up in the bucket" {
    sox -n -r 16000 -c 1 -b 16 "$T/big.wav" synth 40 noise vol 0.01
    cloud_mount dashscope.model=fun-asr "${OSS[@]}" publish.part_bytes=262144
    fault '{"on":"bucket","method":"PUT","path":"/","skip":2,"delay_ms":60000}'
    drop big.wav "$T/big.wav"
    wait_for counter_is .objects.multipart_part 2
    crash_mount
    assert_equal "$(counter '.now.uploads["scribefs-test"]')" 1
    control DELETE faults >/dev/null
    rm "$RAW/big.wav"
    start_mount "$MOUNT_OPTIONS"
    wait_for bucket_holds 0 0
}

@test "an upload in parts that began without our hearing its id: given up as well, also when the recording stays" {
    sox -n -r 16000 -c 1 -b 16 "$T/big.wav" synth 40 noise vol 0.01
    local round
    for round in deleted kept; do
        cloud_mount dashscope.model=fun-asr "${OSS[@]}" publish.part_bytes=262144
        fault '{"on":"bucket","method":"POST","count":1,"lost":true}'
        drop big.wav "$T/big.wav"
        wait_for counter_is '.now.uploads["scribefs-test"]' 1
        crash_mount
        [ $round = kept ] || rm "$RAW/big.wav"
        start_mount "$MOUNT_OPTIONS"
        [ $round = deleted ] || transcribed "$INBOX/big"
        wait_for bucket_holds 0 0
        stop_mount
    done
}

# bats test_tags=core
@test "nobody can be reached when it is found deleted: it goes when the network is back" {
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    submitted stuck
    stop_mount
    rm "$RAW/talk.wav"
    emulator_stop
    start_mount "$MOUNT_OPTIONS"
    wait_for contains "$LOG" 'left elsewhere is still there: .*it is tried again$'
    emulator_start
    wait_for -t 40 bucket_holds 0 0
}

@test "killed before it is done: done at the next start" {
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    submitted stuck
    fault '{"on":"bucket","method":"DELETE","delay_ms":60000}'
    rm "$INBOX/talk.wav"
    wait_for counter_is .requests.cancel 1
    crash_mount
    assert_equal "$(counter '.now.objects["scribefs-test"]')" 1
    control DELETE faults >/dev/null
    start_mount "$MOUNT_OPTIONS"
    wait_for bucket_holds 0 0
}

# bats test_tags=core
@test "another place is set up meanwhile: published anew there, and the old object goes when the old place is back" {
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    fault '{"on":"submit","status":503,"code":"ModelUnavailable","message":"try later"}'
    allow_log 'cloud\.down'
    ALLOWED_VIOLATIONS=query_after_the_end
    drop talk.wav
    wait_for item_is talk.wav .error.code cloud.down
    wait_for bucket_holds 1 0
    stop_mount
    control DELETE faults >/dev/null
    cloud_mount dashscope.model=fun-asr
    "$SCRIBECTL" retry "$INBOX/talk.wav" >/dev/null 2>&1 || :
    transcribed "$INBOX/talk"
    assert_equal "$(counter .requests.upload)" 1
    bucket_holds 1 0
    cloud_remount dashscope.model=fun-asr "${OSS[@]}"
    wait_for bucket_holds 0 0
    cloud_remount dashscope.model=fun-asr "${OSS[@]}"
    wait_for usable
    assert_equal "$(counter .objects.put)" 1
}

@test "the bucket refuses to remove what a finished recording has left: tried again at the next start" {
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    fault '{"on":"bucket","method":"DELETE","status":403,"code":"AccessDenied"}'
    drop talk.wav
    transcribed "$INBOX/talk"
    wait_for contains "$LOG" 'left elsewhere is still there: .*at the next start$'
    bucket_holds 1 0
    control DELETE faults >/dev/null
    cloud_remount dashscope.model=fun-asr "${OSS[@]}"
    wait_for bucket_holds 0 0
}

@test "kept in the bucket as the settings say: nothing is removed" {
    cloud_mount dashscope.model=fun-asr "${OSS[@]}" publish.keep=yes
    submitted stuck
    rm "$INBOX/talk.wav"
    wait_for counter_is .requests.cancel 1
    cloud_remount dashscope.model=fun-asr "${OSS[@]}" publish.keep=yes
    wait_for usable
    bucket_holds 1 0
}
