#!/usr/bin/env bats
# The emulator's conformance: every fault it can show, and its events.

load ../lib/common
load ../lib/emulator

DATA='data:audio/wav;base64,UklGRg=='

setup() {
    emulator_setup
    RECEIVER=
    script '{"match":{},"audio":{"duration_ms":61000},"text":"Grüße, 世界。 Noch ein Satz."}'
    control PUT buckets/dashscope/a.wav RIFF >/dev/null
    URL=http://dashscope.oss-cn-beijing.localhost:$EMULATOR_PORT/a.wav
    FUN="{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"$URL\"]},\"parameters\":{}}"
    QWEN="{\"model\":\"qwen3-asr-flash\",\"input\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"audio\":\"$DATA\"}]}]},\"parameters\":{\"incremental_output\":true}}"
    CHATTED="{\"model\":\"qwen3-asr-flash\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"$DATA\"}}]}]}"
}

teardown() {
    [ -z "$RECEIVER" ] || { kill "$RECEIVER"; wait "$RECEIVER" || :; }
    emulator_teardown
}

data_lines() {
    sed -n 's/^data: \{0,1\}//p' <<<"$BODY" | tr -d '\r'
}

# ---- Requests --------------------------------------------------------------------------------------------------------

@test "an error in the endpoint's own style, counted, skipped, with Retry-After" {
    fault '{"on":"submit","skip":1,"count":2,"status":429,"code":"Throttling.RateQuota","message":"slow down","retry_after":7}'
    submit "$FUN"
    assert_equal "$STATUS" 200
    submit "$FUN"
    refused 429 Throttling.RateQuota '^slow down$'
    assert_contains "$HEADERS" '^Retry-After: 7$'
    submit "$FUN"
    assert_equal "$STATUS" 429
    submit "$FUN"
    assert_equal "$STATUS" 200
    fault '{"on":"chat","status":503,"code":"ModelUnavailable"}'
    chat "$CHATTED"
    refused 503 ModelUnavailable .
    fault '{"on":"bucket","status":503,"code":"ServiceUnavailable"}'
    call GET "$URL"
    assert_contains "$BODY" '<Code>ServiceUnavailable</Code>'
    assert_equal "$(counter '.faults | [.submit, .chat, .bucket] | join(" ")')" '2 1 1'
    refute fault '{"on":"nowhere","reset":true}'
    refute fault '{"on":"submit","rest":true}'
    refute fault '{"on":"submit"}'
}

@test "by rate: about as often as asked" {
    fault '{"on":"query","rate":0.5,"status":500,"code":"InternalError"}'
    switch '{"query_qps":0}'
    local i
    for i in $(seq 100); do printf 'url=%s\noutput=/dev/null\n' "$API/tasks/x"; done >"$T/urls"
    local failed
    failed=$(curl -sS -K "$T/urls" -H 'Authorization: Bearer sk-test' -w '%{http_code}\n' | grep -c 500)
    [ "$failed" -gt 25 ]
    [ "$failed" -lt 75 ]
}

@test "for one model, one key, one task, one path" {
    submit "$FUN"
    local first=$TASK
    fault "{\"on\":\"query\",\"task_id\":\"$first\",\"status\":500,\"code\":\"A\"}"
    fault '{"on":"submit","model":"fun-asr-mtl","status":500,"code":"B"}'
    fault '{"on":"list","key":"sk-other","status":500,"code":"C"}'
    fault '{"on":"bucket","path":"/b.","status":500,"code":"D"}'
    query
    assert_equal "$(of_body .code)" A
    submit "$FUN"
    query
    assert_equal "$STATUS" 200
    submit "${FUN/fun-asr/fun-asr-mtl}"
    assert_equal "$(of_body .code)" B
    call GET "$API/tasks/"
    assert_equal "$STATUS" 200
    assert_equal "$(curl -sS "$URL")" RIFF
}

@test "a gateway's HTML, another type, a body of one's own" {
    fault '{"on":"query","count":1,"html":true}'
    query x
    assert_equal "$STATUS" 504
    assert_contains "$HEADERS" '^Content-Type: text/html$'
    assert_contains "$BODY" '<html>'
    fault '{"on":"query","count":1,"content_type":"text/plain"}'
    query x
    assert_contains "$HEADERS" '^Content-Type: text/plain$'
    fault '{"on":"query","count":1,"body":"{]","status":200}'
    query x
    assert_equal "$BODY" '{]'
    fault '{"on":"query","count":1,"status":502}'
    query x
    assert_equal "$STATUS:$BODY" 502:
}

@test "a broken connection: before, after, in the middle; malformed JSON; a slow drip" {
    fault '{"on":"submit","count":1,"reset":true}'
    submit "$FUN"
    assert_contains "$STATUS" '^000broken:(52|56)$'
    assert_equal "$(counter .tasks.SUBMITTED)" 0
    fault '{"on":"submit","count":1,"lost":true}'
    submit "$FUN"
    assert_contains "$STATUS" '^000broken:(52|56)$'
    assert_equal "$(counter .tasks.SUBMITTED)" 1
    fault '{"on":"query","count":1,"truncate":20}'
    query x
    assert_contains "$STATUS" '^200broken:18$'
    assert_equal "${#BODY}" 20
    switch '{"chunked":0}'
    fault '{"on":"query","count":1,"truncate":20}'
    query x
    assert_contains "$HEADERS" '^Content-Length: [0-9]{3}$'
    assert_contains "$STATUS" '^200broken:18$'
    fault '{"on":"query","count":1,"malformed":true}'
    query x
    assert_equal "$STATUS" 200
    refute jq -e . "$T/body"
    fault '{"on":"query","count":1,"drip":{"bytes":10,"ms":30}}'
    call GET "$API/tasks/x" --speed-time 20
    assert_equal "$(of_body .output.task_status)" UNKNOWN
    fault '{"on":"query","count":1,"delay_ms":1500}'
    call GET "$API/tasks/x" --max-time 1
    assert_equal "$STATUS" 000broken:28
}

@test "a stream with an error event, a stream without its end, split characters, drips" {
    fault '{"on":"sync","count":1,"error_event":2,"code":"InternalError.Algo","message":"broke","status":500}'
    generate "$QWEN" -H 'X-DashScope-SSE: enable'
    assert_equal "$STATUS $(grep -c '^id:' <<<"$BODY")" '200 3'
    assert_equal "$(tail -n 4 "$T/body" | sed -n '1,2p' | tr '\n' '|')" 'event:error|:HTTP_STATUS/500|'
    assert_equal "$(data_lines | tail -1 | jq -r .code)" InternalError.Algo
    fault '{"on":"chat","count":1,"error_event":1,"code":"internal_error"}'
    chat "$CHATTED"
    assert_equal "$(data_lines | tail -1 | jq -r .error.code)" internal_error
    fault '{"on":"sync","count":1,"stop_after":1}'
    generate "$QWEN" -H 'X-DashScope-SSE: enable'
    assert_equal "$(data_lines | jq -r '.output.choices[0].finish_reason')" null
    fault '{"on":"sync","count":1,"split_utf8":true}'
    generate "$QWEN" -H 'X-DashScope-SSE: enable'
    assert_equal "$(data_lines | jq -j '.output.choices[0].message.content[0].text')" 'Grüße, 世界。Noch ein Satz.'
    fault '{"on":"sync","count":1,"split_utf8":true}'
    generate "$QWEN" -H 'X-DashScope-SSE: enable' --raw
    assert_contains "$(LC_ALL=C grep -ac $'\xc3\r$' "$T/body")" '^[1-9]'
    fault '{"on":"sync","count":1,"truncate":100}'
    generate "$QWEN" -H 'X-DashScope-SSE: enable'
    assert_equal "$STATUS" 200broken:18
}

@test "a query answered UNKNOWN, a link that has ended too early" {
    submit "$FUN"
    wait_for task_ended
    local link
    link=$(of_body '.output.results[0].transcription_url')
    fault '{"on":"query","count":1,"unknown":true}'
    query
    assert_equal "$(of_body .output.task_status)" UNKNOWN
    fault '{"on":"result","count":1,"expired":true}'
    assert_equal "$(curl -sS -o "$T/x" -w '%{http_code}' "$link")" 403
    assert_contains "$(cat "$T/x")" 'Request has expired'
    fault '{"on":"result","count":1,"truncate":10}'
    assert_equal "$(curl -sS -o "$T/x" -w '%{http_code}' "$link" || echo $?)" 20018
    curl -sS --fail "$link" | jq -e .transcripts
}

# ---- Tasks and downloads ---------------------------------------------------------------------------------------------

@test "a task that stays PENDING, one that stays RUNNING until it is let go, one that fails, one file of it" {
    fault '{"on":"task","count":1,"pending":true}'
    fault '{"on":"task","skip":1,"count":1,"stuck":true}'
    submit "$FUN"
    local pending=$TASK
    submit "$FUN"
    control POST clock '{"advance_ms":7200000}' >/dev/null
    running_now() { query && [ "$(of_body .output.task_status)" = RUNNING ]; }
    wait_for running_now
    control POST "tasks/$TASK" '{"fault":null}' >/dev/null
    wait_for task_ended
    query "$pending"
    assert_equal "$(of_body .output.task_status)" PENDING
    control DELETE faults >/dev/null
    fault '{"on":"task","model":"fun-asr","count":1,"code":"InternalError.Timeout","message":"late"}'
    submit "$FUN"
    wait_for task_ended
    assert_equal "$(of_body '.output | [.task_status, .code, .message] | join("|")')" 'FAILED|InternalError.Timeout|late'
    fault '{"on":"task","count":1,"code":"SystemError","subtask":1}'
    submit "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"$URL\",\"$URL?x\"]},\"parameters\":{}}"
    wait_for task_ended
    assert_equal "$(of_body '[.output.task_status, .output.results[].subtask_status] | join(" ")')" 'SUCCEEDED SUCCEEDED FAILED'
}

@test "a task that fails for one audio only" {
    fault "{\"on\":\"task\",\"sha256\":\"$(printf RIFF | sha256sum | cut -d' ' -f1)\",\"code\":\"InvalidFile.DecodeFailed\"}"
    submit "$FUN"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" InvalidFile.DecodeFailed
    control PUT buckets/dashscope/a.wav other >/dev/null
    submit "$FUN"
    wait_for task_ended
    assert_equal "$(of_body .output.task_status)" SUCCEEDED
}

@test "a download that goes wrong at the service, and origins that do" {
    fault '{"on":"download","count":1,"code":"InternalError.FileUpload"}'
    submit "$FUN"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" InternalError.FileUpload
    local body="{\"model\":\"qwen3-asr-flash-filetrans\",\"input\":{\"file_url\":\"$URL\"},\"parameters\":{}}"
    fault '{"on":"bucket","count":1,"status":500,"code":"InternalError"}'
    submit "$body"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" FILE_SERVER_ERROR
    fault '{"on":"bucket","count":1,"truncate":2}'
    submit "$body"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" CONTENT_LENGTH_CHECK_FAILED
}

# ---- Events ----------------------------------------------------------------------------------------------------------

receive() { # starts the receiver and tells the emulator
    mkdir -p "$T/events"
    control GET certificate >"$T/events/certificate.pem"
    [ -p "$T/port" ] || mkfifo "$T/port"
    "$PYTHON" -IB "$ROOT/tests/cloud/receiver.py" "$T/events" >"$T/port" 3>&- &
    RECEIVER=$!
    local port
    read -r -t 10 port <"$T/port"
    switch "{\"callback_url\":\"http://127.0.0.1:$port/hook?a=b\",\"callback_delay_ms\":0,\"callback_retry_ms\":100}"
}

event() { # N JQ
    wait_for exists "$T/events/$1.json"
    jq -r "$2" "$T/events/$1.json"
}

@test "an event with its result, signed both ways, under the certificate that the emulator serves" {
    receive
    switch '{"callback_versions":"both","callback_token":"secret"}'
    submit "$FUN"
    assert_equal "$(event 1 '[.v1, .v2, .path, .headers["x-eventbridge-signature-token"]] | join(" ")')" 'true true /hook?a=b secret'
    event 1 .body >"$T/event"
    jq -e --arg task "$TASK" '.type == "dashscope:System:AsyncTaskFinish" and .source == "acs.dashscope" and .data.task_id == $task
        and .data.contain_result and .data.task_status == "SUCCEEDED" and (.id | length == 36)
        and .data.user_api_unique_key == "apikey:v1:audio:asr:transcription:fun-asr"
        and (.data.output_result.output.results[0].transcription_url | startswith("http://dashscope-result-bj."))
        and .data.output_result.usage.duration > 0' "$T/event"
    local served
    served=$(event 1 '.headers["x-eventbridge-signature-url"]')
    assert_contains "$served" '^http://cn-beijing-eventbridge\.oss-accelerate\.localhost:[0-9]+/certificate\.pem$'
    assert_equal "$(curl -sS --fail "$served" | openssl x509 -noout -pubkey)" "$(openssl x509 -in "$T/events/certificate.pem" -noout -pubkey)"
}

@test "events of failures, of filetrans, without result, as a text, of some models only" {
    receive
    switch '{"callback_suffix":"filetrans"}'
    submit "${FUN/a.wav/b.wav}"
    submit "{\"model\":\"qwen3-asr-flash-filetrans\",\"input\":{\"file_url\":\"$URL\"},\"parameters\":{}}"
    assert_equal "$(event 1 '.body | fromjson | .data.output_result.output.result | has("transcription_url")')" true
    switch '{"callback_suffix":"","callback_result_text":1}'
    submit "${FUN/a.wav/b.wav}"
    assert_equal "$(event 2 '.body | fromjson | .data | [.task_status, (.output_result | fromjson | .output.code, (.output | has("results")))] | join(" ")')" \
        'FAILED InvalidFile.DownloadFailed false'
    switch '{"callback_contain_result":0}'
    submit "$FUN"
    assert_equal "$(event 3 '.body | fromjson | .data | [.contain_result, has("output_result")] | join(" ")')" 'false false'
}

@test "an event is tried again until it is taken, with the same id" {
    receive
    echo 500 >"$T/events/status"
    submit "$FUN"
    event 2 .v2
    echo 200 >"$T/events/status"
    event 3 .v2
    assert_equal "$(jq -s '[.[].body | fromjson | .id] | unique | length' "$T"/events/[123].json)" 1
    delivered() { [ "$(counter .callbacks.delivered)" = 1 ]; }
    wait_for delivered
    assert_equal "$(control GET callbacks | jq -r '[.[].status] | join(" ")')" '500 500 200'
}

@test "events that lie: tampered, stale, foreign key, foreign host, doubled, lost, about an unknown task" {
    receive
    local n=0 tamper
    for tamper in body signature certificate; do
        fault "{\"on\":\"callback\",\"count\":1,\"tamper\":\"$tamper\"}"
        submit "$FUN"
        n=$((n + 1))
        assert_equal "$(event $n .v2)" false
    done
    fault '{"on":"callback","count":1,"tamper":"timestamp"}'
    submit "$FUN"
    assert_equal "$(event 4 '[.v2, (.headers["x-eventbridge-signature-timestamp"] | tonumber / 1000 < now - 100)] | join(" ")')" 'true true'
    fault '{"on":"callback","count":1,"tamper":"url","duplicate":1,"version":"v1"}'
    submit "$FUN"
    assert_contains "$(event 5 '.headers["x-eventbridge-signature-url"]')" '^http://elsewhere\.'
    assert_equal "$(event 6 '[.v1, .v2] | tojson')" '[true,null]'
    control POST callbacks "{\"task_id\":\"$TASK\",\"fault\":{\"event_task_id\":\"nobody\"}}" >/dev/null
    assert_equal "$(event 7 '.body | fromjson | .data.task_id')" nobody
    fault '{"on":"callback","count":1,"lose":true}'
    submit "$FUN"
    wait_for task_ended
    control POST callbacks '{"body":"no json"}' >/dev/null
    assert_equal "$(event 8 .body)" 'no json'
}
