#!/usr/bin/env bats
# Every way of putting a recording where the service can fetch it, through the mount. The emulator fetches what it is given:
# a transcript comes only if publishing worked.
# time limit: 300

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    script '{"match":{},"text":"It was fetched."}'
    OSS=("publish.method=oss" "publish.endpoint=http://scribefs-test.oss-cn-beijing.localhost:$EMULATOR_PORT"
        "publish.bucket=scribefs-test" "publish.region=cn-beijing" "publish.key_file=$T/oss-key")
    # A plain S3 store; the region is in its name, as in s3.us-east-1.amazonaws.com.
    S3=("publish.method=s3" "publish.endpoint=http://s3.cn-beijing.localhost:$EMULATOR_PORT/scribefs-test"
        "publish.bucket=scribefs-test" "publish.region=cn-beijing" "publish.key_file=$T/oss-key")
}

teardown() {
    cloud_teardown
}

fetched() { # NAME…
    local name
    for name in "$@"; do
        transcribed "$INBOX/$name"
        assert_equal "$(spoken "$INBOX/$name.txt")" '[00:00:00] It was fetched.'
    done
}

in_bucket() {
    counter '.now.objects["scribefs-test"]'
}

big() { # FILE: a recording of some 1.2 MB
    sox -n -r 16000 -c 1 -b 16 "$1" synth 40 noise vol 0.01
}

# bats test_tags=core
@test "temporary: one certificate, one upload, oss:// with its header" {
    cloud_mount dashscope.model=fun-asr
    drop "dir/a talk ü 北京.wav"
    fetched "dir/a talk ü 北京"
    assert_equal "$(counter '.requests | [.policy, .upload, .submit] | join(" ")')" '1 1 1'
    assert_contains "$(requests submit '.input.file_urls[0]')" '^"oss://dashscope-instant/'
    assert_equal "$(control GET 'requests?endpoint=submit' | jq -r '.[0].headers["X-DashScope-OssResourceResolve"]')" enable
    assert_equal "$(counter ".uploads_by_audio[\"$(content_of "$(speech 0880)")\"]")" 1
}

# bats test_tags=core
@test "oss: with V4 signatures, and removed from the bucket afterwards" {
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    drop talk.wav
    fetched talk
    assert_contains "$(requests submit '.input.file_urls[0]')" '^"http://scribefs-test\.oss-cn-beijing\.localhost.*x-oss-signature-version=OSS4-HMAC-SHA256'
    assert_equal "$(counter .objects.put)" 1
    wait_for counter_is '.now.objects["scribefs-test"]' 0
}

@test "oss: with old signatures" {
    cloud_mount dashscope.model=fun-asr "${OSS[@]}" publish.old_signatures=yes
    drop talk.wav
    fetched talk
    assert_contains "$(requests submit '.input.file_urls[0]')" '[?&]OSSAccessKeyId=LTAItest'
    wait_for counter_is '.now.objects["scribefs-test"]' 0
}

# bats test_tags=core
@test "s3: an S3 store, and removed afterwards" {
    cloud_mount dashscope.model=fun-asr "${S3[@]}"
    drop talk.wav
    fetched talk
    assert_contains "$(requests submit '.input.file_urls[0]')" 'X-Amz-Signature='
    wait_for counter_is '.now.objects["scribefs-test"]' 0
}

@test "keep = yes: it stays in the bucket, under the prefix" {
    cloud_mount dashscope.model=fun-asr "${OSS[@]}" publish.keep=yes publish.prefix=kept/
    drop talk.wav
    fetched talk
    stop_mount
    assert_equal "$(in_bucket)" 1
    assert_contains "$(requests submit '.input.file_urls[0]')" '/kept/[^/?]*\.wav\?'
}

# bats test_tags=core
@test "large recordings go in parts, to OSS and S3; a part that breaks off is sent again" {
    big "$T/big.wav"
    cloud_mount dashscope.model=fun-asr "${OSS[@]}" publish.part_bytes=262144
    fault '{"on":"bucket","method":"PUT","skip":2,"count":1,"reset":true}'
    drop big.wav "$T/big.wav"
    fetched big
    assert_equal "$(counter '.objects | [.multipart_begin, .multipart_part, .multipart_complete] | join(" ")')" '1 5 1'
    wait_for counter_is '.now.objects["scribefs-test"]' 0
    stop_mount
    sox "$T/big.wav" "$T/other.wav" trim 0 39
    cloud_mount dashscope.model=fun-asr "${S3[@]}" publish.part_bytes=5242880
    drop other.wav "$T/other.wav"
    fetched other
    wait_for counter_is '.now.objects["scribefs-test"]' 0
    assert_equal "$(counter '.now.uploads["scribefs-test"]')" 0
}

@test "an upload in parts goes on after kill -9, and the parts that were there are not sent again" {
    big "$T/big.wav"
    cloud_mount dashscope.model=fun-asr "${OSS[@]}" publish.part_bytes=262144
    fault '{"on":"bucket","method":"PUT","skip":3,"count":1,"delay_ms":3000}'
    drop big.wav "$T/big.wav"
    wait_for counter_is .objects.multipart_part 3
    wait_for counter_is .faults.bucket 1
    crash_mount
    start_mount "$MOUNT_OPTIONS"
    fetched big
    assert_equal "$(counter .objects.multipart_begin)" 1
    [ "$(counter .objects.multipart_part)" -le 6 ]
    wait_for counter_is '.now.objects["scribefs-test"]' 0
}

@test "a recording that is deleted while it is sent: nothing stays in the bucket" {
    big "$T/big.wav"
    cloud_mount dashscope.model=fun-asr "${OSS[@]}" publish.part_bytes=262144
    fault '{"on":"bucket","method":"PUT","skip":2,"count":1,"delay_ms":1500}'
    drop big.wav "$T/big.wav"
    wait_for counter_is .faults.bucket 1
    rm "$INBOX/big.wav"
    wait_for counter_is '.now | [.objects["scribefs-test"], .uploads["scribefs-test"]] | join(" ")' '0 0'
    wait_for counter_is .objects.multipart_abort 1
    assert_equal "$(counter .requests.submit)" 0
}

# bats test_tags=core
@test "url: the inbox served by a web server, with any name" {
    mkdir -p "$RAW"
    # Port 0: the server chooses, and says which.
    start web "$PYTHON" -u -c 'import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print("port", server.server_port, flush=True)
server.serve_forever()' "$RAW"
    wait_for web_port
    cloud_mount dashscope.model=fun-asr publish.method=url "publish.base_url=http://127.0.0.1:$WEB_PORT/"
    local name n=0
    for name in plain "with spaces" "会议 录音" '100%25 & more?x=1#y' "deep/er/ü+ö" "'quoted\"" "semi;colon,comma"; do
        n=$((n + 1))
        sox "$(speech 0880)" "$T/$n.wav" trim 0 "2.$n"
        drop "$name.wav" "$T/$n.wav"
        fetched "$name"
    done
    assert_equal "$(counter .requests.upload)" 0
    assert_equal "$(counter .requests.submit)" $n
}

web_port() {
    WEB_PORT=$(sed -n 's/^port //p' "$T/web")
    [ -n "$WEB_PORT" ]
}

# bats test_tags=core
@test "a key the bucket does not know, and none at all: said in plain words; corrected, it goes on" {
    printf '%s\n' LTAIwrong wrong-secret >"$T/oss-key"
    ALLOWED_VIOLATIONS=signature_mismatch
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    drop talk.wav
    wait_for item_is talk.wav .error.code publish.denied
    wait_for contains "$INBOX/talk.transcribing.txt" 'did not let this installation in'
    refute grep -rqa wrong-secret "$LOG" "$STORE"
    printf '%s\n' LTAItest wrong-secret >"$T/oss-key"
    "$SCRIBECTL" retry "$INBOX/talk.wav"
    wait_for item_is talk.wav '.state == "queued" and (.error.detail | test("SignatureDoesNotMatch"))' true
    rm "$T/oss-key"
    "$SCRIBECTL" retry "$INBOX/talk.wav"
    wait_for item_is talk.wav '.state == "queued" and .error.code == "publish.denied" and (.error.detail | test("oss-key"))' true
    printf '%s\n' LTAItest oss-test-secret >"$T/oss-key"
    "$SCRIBECTL" retry "$INBOX/talk.wav"
    fetched talk
    assert_equal "$(counter .requests.submit)" 1
}

@test "a bucket that is not there" {
    OSS[1]=${OSS[1]/scribefs-test/nowhere}
    OSS[2]=publish.bucket=nowhere
    allow_log 'publish\.'
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    drop talk.wav
    wait_for item_is talk.wav .error.code publish.settings
    control POST buckets/nowhere >/dev/null
    "$SCRIBECTL" retry "$INBOX/talk.wav"
    fetched talk
}

@test "the storage is busy for a while: it waits and goes on by itself" {
    fault '{"on":"bucket","method":"PUT","count":2,"status":503,"code":"ServiceUnavailable"}'
    cloud_mount dashscope.model=fun-asr "${OSS[@]}"
    drop talk.wav
    fetched talk
    assert_equal "$(counter .requests.submit)" 1
}

@test "a direct call of something too large for a request goes by address" {
    sox -n -r 48000 -c 1 -b 16 "$T/large.wav" synth 90 noise vol 0.01
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    drop large.wav "$T/large.wav"
    fetched large
    assert_equal "$(counter '.requests | [.upload, .sync] | join(" ")')" '1 1'
}
