#!/usr/bin/env bats
# The emulator's conformance: temporary uploads, the bucket with its signatures, multipart uploads, the S3 faces.

load ../lib/common
load ../lib/emulator

setup() {
    emulator_setup
    BUCKET=http://scribefs-test.oss-cn-beijing.localhost:$EMULATOR_PORT
}

teardown() {
    emulator_teardown
}

policy() { # [MODEL]
    call GET "$API/uploads?action=getPolicy&model=${1:-fun-asr}"
    POLICY=$BODY
}

given() { # JQ: out of the certificate
    jq -r ".data.$1" <<<"$POLICY"
}

# form FILE-OR-TEXT [CURL-OPTION…]: the post of a certificate; -F options replace fields by coming first.
form() {
    local content=$1
    shift
    FORM_KEY=${FORM_KEY:-$(given upload_dir)/a.wav}
    STATUS=$(curl -sS -o "$T/body" -w '%{http_code}' "$(given upload_host)" \
        -F "OSSAccessKeyId=$(given oss_access_key_id)" -F "Signature=${SIGNATURE:-$(given signature)}" -F "policy=$(given policy)" \
        -F "x-oss-object-acl=${ACL:-private}" -F "x-oss-forbid-overwrite=true" -F "key=$FORM_KEY" -F success_action_status=200 "$@" \
        -F "file=$content;filename=a.wav") || STATUS=broken
    BODY=$(cat "$T/body")
}

xml_refused() { # STATUS CODE [MESSAGE-REGEX]
    assert_equal "$STATUS" "$1" || { echo "$BODY"; return 1; }
    assert_contains "$BODY" "<Code>$2</Code>"
    assert_contains "$BODY" "<Message>.*${3:-}"
}

# sign VERSION METHOD KEY [PY-ARGUMENT…]: see sign.py; prints a URL or header lines.
sign() {
    py "$ROOT/tests/cloud/sign.py" "$@"
}

storage() { # METHOD URL [CURL-OPTION…]
    local method=$1 url=$2
    shift 2
    STATUS=$(curl -sS -o "$T/body" -D "$T/headers" -w '%{http_code}' -X "$method" "$url" "$@") || STATUS=broken
    BODY=$(cat "$T/body")
    HEADERS=$(tr -d '\r' <"$T/headers")
}

# ---- Temporary uploads -----------------------------------------------------------------------------------------------

@test "getPolicy: what it needs and gives" {
    call GET "$API/uploads?action=getPolicy"
    refused 400 BadRequest.EmptyModel .
    call GET "$API/uploads?action=put&model=fun-asr"
    refused 400 InvalidParameter action
    call GET "$API/uploads?action=getPolicy&model=x"
    refused 400 InvalidParameter 'Model not exist'
    policy
    assert_equal "$(of_body '.data | [.expire_in_seconds, .max_file_size_mb, .x_oss_object_acl, .x_oss_forbid_overwrite] | join(" ")')" '300 100 private true'
    given policy | base64 -d | jq -e '.conditions | length == 5'
}

@test "a form post under a certificate, and its oss:// URL in a task of the same model" {
    script '{"match":{},"audio":{},"text":"Heard."}'
    policy
    form hello
    assert_equal "$STATUS:$BODY" 200:
    local body="{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"oss://$FORM_KEY\"]},\"parameters\":{}}"
    submit "$body" -H 'X-DashScope-OssResourceResolve: enable'
    wait_for task_ended
    assert_equal "$(of_body .output.task_status)" SUCCEEDED
    submit "$body"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" InvalidFile.DownloadFailed
    submit "${body/fun-asr/fun-asr-mtl}" -H 'X-DashScope-OssResourceResolve: enable'
    wait_for task_ended
    assert_equal "$(of_body .output.code)" InvalidFile.DownloadFailed
    assert_equal "$(counter '.violations | [.oss_without_resolve_header, .oss_of_another_model] | join(" ")')" '1 1'
    control POST clock '{"advance_ms":172900000}' >/dev/null
    submit "$body" -H 'X-DashScope-OssResourceResolve: enable'
    wait_for task_ended
    assert_equal "$(of_body .output.code)" InvalidFile.DownloadFailed
}

@test "a form post is refused: twice, elsewhere, forged, too large, too late, otherwise than the policy says" {
    policy
    form hello
    form hello
    xml_refused 409 FileAlreadyExists
    FORM_KEY=elsewhere/a.wav form hello
    xml_refused 403 AccessDenied 'Invalid according to Policy: Policy Condition failed: \[&quot;starts-with&quot;'
    FORM_KEY=$(given upload_dir)/b.wav
    SIGNATURE=AAAA form hello
    xml_refused 403 SignatureDoesNotMatch
    ACL=public-read form hello
    xml_refused 403 AccessDenied 'Policy Condition failed'
    form hello -H 'Authorization: Bearer sk-test'
    xml_refused 400 InvalidArgument
    assert_equal "$(counter .violations.authorization_to_upload)" 1
    switch '{"policy_max_mb":1}'
    policy
    FORM_KEY=$(given upload_dir)/b.wav
    head -c 1048577 /dev/zero >"$T/large"
    form "@$T/large"
    xml_refused 400 EntityTooLarge
    head -c 1048576 /dev/zero >"$T/large"
    form "@$T/large"
    assert_equal "$STATUS" 200
    control POST clock '{"advance_ms":301000}' >/dev/null
    form hello
    xml_refused 403 AccessDenied 'Invalid according to Policy: Policy expired\.'
}

@test "a form post must be well formed, its one file last" {
    policy
    form hello -F 'file=two;filename=x'
    xml_refused 400 InvalidArgument 'exactly one file'
    STATUS=$(curl -sS -o "$T/body" -w '%{http_code}' "$(given upload_host)" -F "file=x;filename=a" -F "OSSAccessKeyId=$(given oss_access_key_id)" \
        -F "Signature=$(given signature)" -F "policy=$(given policy)" -F "key=$(given upload_dir)/a")
    BODY=$(cat "$T/body")
    xml_refused 400 InvalidArgument "field named 'key'"
    STATUS=$(curl -sS -o "$T/body" -w '%{http_code}' "$(given upload_host)" -H 'Content-Type: multipart/form-data; boundary=b' -d $'--b\r\nnothing')
    BODY=$(cat "$T/body")
    xml_refused 400 MalformedPOSTRequest
    call GET "$(given upload_host)/$(given upload_dir)/a.wav"
    assert_equal "$STATUS" 400
}

# ---- The bucket ------------------------------------------------------------------------------------------------------

@test "V4 and V1, in headers and as links: written, read, ranged, deleted" {
    local version url
    for version in v4 v1; do
        mapfile -t headers < <(sign $version PUT "$BUCKET/dir/näme +1.wav" --type audio/wav --header x-oss-meta-a:b)
        storage PUT "${headers[0]}" "${headers[@]:1}" --data-binary 'hello world'
        assert_equal "$STATUS" 200
        assert_contains "$HEADERS" '^ETag: "5EB63BBBE01EEED093CB22BB8F5ACDC3"$'
        assert_contains "$HEADERS" '^x-oss-hash-crc64ecma: 5981764153023615706$'
        url=$(sign $version-link GET "$BUCKET/dir/näme +1.wav")
        storage GET "$url" -H 'Range: bytes=6-'
        assert_equal "$STATUS $BODY" '206 world'
        storage GET "$url"
        assert_equal "$STATUS $BODY" '200 hello world'
        assert_contains "$HEADERS" '^x-oss-meta-a: b$'
        assert_contains "$HEADERS" '^Content-Type: audio/wav$'
        storage GET "$(sign $version-link GET "$BUCKET/dir/näme +1.wav" --secret wrong)"
        xml_refused 403 SignatureDoesNotMatch
        storage GET "$(sign $version-link GET "$BUCKET/dir/näme +1.wav" --id LTAInobody)"
        xml_refused 403 InvalidAccessKeyId
        storage GET "$(sign $version-link GET "$BUCKET/dir/näme +1.wav" --ago 7200 --expires 3600)"
        xml_refused 403 AccessDenied 'expired'
        storage GET "$url" -H 'Authorization: OSS a:b'
        xml_refused 400 InvalidArgument
        mapfile -t headers < <(sign $version DELETE "$BUCKET/dir/näme +1.wav")
        storage DELETE "${headers[0]}" "${headers[@]:1}"
        assert_equal "$STATUS" 204
        storage GET "$url"
        xml_refused 404 NoSuchKey
    done
}

@test "requests that are unsigned, old, for another region, path style, or not what was signed" {
    storage PUT "$BUCKET/a" --data-binary x
    xml_refused 403 AccessDenied
    mapfile -t headers < <(sign v4 PUT "$BUCKET/a" --ago 1000)
    storage PUT "${headers[0]}" "${headers[@]:1}" --data-binary x
    xml_refused 403 RequestTimeTooSkewed
    mapfile -t headers < <(sign v4 PUT "$BUCKET/a" --region cn-hangzhou)
    storage PUT "${headers[0]}" "${headers[@]:1}" --data-binary x
    xml_refused 400 InvalidArgument 'region'
    mapfile -t headers < <(sign v4 PUT "$BUCKET/a" --type audio/wav)
    storage PUT "${headers[0]}" "${headers[@]:1}" -H 'Content-Type: audio/mpeg' --data-binary x
    xml_refused 403 SignatureDoesNotMatch
    storage GET "http://oss-cn-beijing.localhost:$EMULATOR_PORT/scribefs-test/a"
    xml_refused 403 SecondLevelDomainForbidden
    storage GET "http://nobody.oss-cn-beijing.localhost:$EMULATOR_PORT/a"
    xml_refused 404 NoSuchBucket
    mapfile -t headers < <(sign v4 PUT "$BUCKET/a" --header Content-MD5:AAAAAAAAAAAAAAAAAAAAAA==)
    storage PUT "${headers[0]}" "${headers[@]:1}" --data-binary x
    xml_refused 400 InvalidDigest
    mapfile -t headers < <(sign v4 PUT "$BUCKET/a" --header x-oss-forbid-overwrite:true)
    storage PUT "${headers[0]}" "${headers[@]:1}" --data-binary x
    assert_equal "$STATUS" 200
    storage PUT "${headers[0]}" "${headers[@]:1}" --data-binary x
    xml_refused 409 FileAlreadyExists
}

@test "a temporary key to storage needs its token, in the signature" {
    control POST keys '{"oss_id":"STS.a","oss_secret":"s","token":"tok"}' >/dev/null
    control PUT buckets/scribefs-test/a x >/dev/null
    local version
    for version in v4-link v1-link; do
        storage GET "$(sign $version GET "$BUCKET/a" --id STS.a --secret s --token tok)"
        assert_equal "$STATUS" 200
        storage GET "$(sign $version GET "$BUCKET/a" --id STS.a --secret s)"
        xml_refused 403 InvalidAccessKeyId
    done
}

@test "a multipart upload: parts in any order, joined by number; small, missing and misordered parts; abort" {
    local key=$BUCKET/large.wav id etag1 etag2
    signed() { # METHOD URL [CURL-OPTION…]
        local method=$1 url=$2
        shift 2
        mapfile -t headers < <(sign v4 "$method" "$url")
        storage "$method" "${headers[0]}" "${headers[@]:1}" "$@"
    }
    signed POST "$key?uploads"
    id=$(sed -n 's:.*<UploadId>\(.*\)</UploadId>.*:\1:p' <<<"$BODY")
    head -c 102400 /dev/zero >"$T/one"
    signed PUT "$key?partNumber=2&uploadId=$id" --data-binary end
    etag2=$(sed -n 's/^ETag: //p' <<<"$HEADERS")
    signed PUT "$key?partNumber=1&uploadId=$id" --data-binary @"$T/one"
    etag1=$(sed -n 's/^ETag: //p' <<<"$HEADERS")
    signed GET "$key?uploadId=$id"
    assert_equal "$(grep -c '<PartNumber>' <<<"$BODY")" 2
    local first="<Part><PartNumber>1</PartNumber><ETag>$etag1</ETag></Part>" second="<Part><PartNumber>2</PartNumber><ETag>$etag2</ETag></Part>"
    signed POST "$key?uploadId=$id" --data-binary "<CompleteMultipartUpload>$second$first</CompleteMultipartUpload>"
    xml_refused 400 InvalidPartOrder
    signed POST "$key?uploadId=$id" --data-binary "<CompleteMultipartUpload>$first${second//>2</>3<}</CompleteMultipartUpload>"
    xml_refused 400 InvalidPart
    signed POST "$key?uploadId=$id" --data-binary "<CompleteMultipartUpload>$first$second</CompleteMultipartUpload>"
    assert_equal "$STATUS" 200
    storage GET "$(sign v4-link GET "$key")"
    assert_equal "$(tail -c 4 "$T/body" | od -An -c | tr -d ' ')" '\0end'
    assert_contains "$HEADERS" '^ETag: "[0-9A-F]{32}-2"$'
    signed POST "$key?uploads"
    id=$(sed -n 's:.*<UploadId>\(.*\)</UploadId>.*:\1:p' <<<"$BODY")
    signed PUT "$key?partNumber=1&uploadId=$id" --data-binary a
    etag1=$(sed -n 's/^ETag: //p' <<<"$HEADERS")
    signed PUT "$key?partNumber=2&uploadId=$id" --data-binary end
    first="<Part><PartNumber>1</PartNumber><ETag>$etag1</ETag></Part>"
    signed POST "$key?uploadId=$id" --data-binary "<CompleteMultipartUpload>$first$second</CompleteMultipartUpload>"
    xml_refused 400 EntityTooSmall
    assert_equal "$(counter '.now.uploads["scribefs-test"]')" 1
    signed DELETE "$key?uploadId=$id"
    assert_equal "$STATUS $(counter '.now.uploads["scribefs-test"]')" '204 0'
    signed POST "$key?uploadId=$id" --data-binary "<CompleteMultipartUpload>$first</CompleteMultipartUpload>"
    xml_refused 404 NoSuchUpload
}

@test "the S3 faces take what libcurl signs" {
    local host
    for host in "scribefs-test.s3.oss-cn-beijing.localhost:$EMULATOR_PORT" "scribefs-test.s3.us-east-1.localhost:$EMULATOR_PORT" \
        "s3.us-east-1.localhost:$EMULATOR_PORT/scribefs-test"; do
        storage PUT "http://$host/a.wav" --aws-sigv4 aws:amz:us-east-1:s3 --user LTAItest:oss-test-secret -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --data-binary hello
        assert_equal "$STATUS" 200 || { echo "$host $BODY"; return 1; }
        storage GET "http://$host/a.wav" --aws-sigv4 aws:amz:us-east-1:s3 --user LTAItest:oss-test-secret -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'
        assert_equal "$STATUS $BODY" '200 hello'
        storage GET "http://$host/a.wav" --aws-sigv4 aws:amz:us-east-1:s3 --user LTAItest:wrong -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'
        xml_refused 403 SignatureDoesNotMatch
        storage GET "http://$host/a.wav" --aws-sigv4 aws:amz:us-east-1:s3 --user LTAItest:oss-test-secret -H "x-amz-content-sha256: $(printf x | sha256sum | cut -d' ' -f1)"
        assert_equal "$STATUS" 200
        storage PUT "http://$host/a.wav" --aws-sigv4 aws:amz:us-east-1:s3 --user LTAItest:oss-test-secret -H "x-amz-content-sha256: $(printf x | sha256sum | cut -d' ' -f1)" --data-binary hello
        xml_refused 400 XAmzContentSHA256Mismatch
        storage GET "$(sign aws-link GET "http://$host/a.wav" --region us-east-1)"
        assert_equal "$STATUS $BODY" '200 hello'
    done
}

@test "audio behind a presigned link is fetched: a task hears it only when the link is right" {
    script '{"match":{},"audio":{},"text":"Heard."}'
    control PUT buckets/scribefs-test/a.wav hello >/dev/null
    local link
    link=$(sign v4-link GET "$BUCKET/a.wav")
    submit "$(jq -nc --arg a "$link" --arg b "${link}0" '{model:"fun-asr",input:{file_urls:[$a,$b]},parameters:{}}')"
    wait_for task_ended
    assert_equal "$(of_body '[.output.results[].subtask_status] | join(" ")')" 'SUCCEEDED FAILED'
    submit "$(jq -nc --arg a "${link}0" '{model:"qwen3-asr-flash-filetrans",input:{file_url:$a},parameters:{}}')"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" FILE_403_FORBIDDEN
}

@test "URLs can be given out for 127.0.0.1, for clients that do not know *.localhost" {
    switch '{"url_hosts":"ip"}'
    script '{"match":{},"audio":{},"text":"Heard."}'
    policy
    assert_contains "$(given upload_host)" '^http://127\.0\.0\.1:'
    form hello
    assert_equal "$STATUS" 200
    submit "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"oss://$FORM_KEY\"]},\"parameters\":{}}" -H 'X-DashScope-OssResourceResolve: enable'
    wait_for task_ended
    curl -sS --fail "$(of_body '.output.results[0].transcription_url')" | jq -e '.transcripts[0].text == "Heard."'
}
