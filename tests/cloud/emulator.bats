#!/usr/bin/env bats
# The emulator's conformance: who may call, tasks from submission to UNKNOWN, limits, vocabularies, temporary keys.

load ../lib/common
load ../lib/emulator

setup() {
    emulator_setup
    script '{"match":{},"audio":{"duration_ms":61000,"sample_rate":16000,"channels":1},"text":"Good morning, all. Shall we start?"}'
    URL=$(put_audio anything)
}

teardown() {
    emulator_teardown
}

put_audio() { # CONTENT: some bytes in the public bucket; their URL
    control PUT buckets/dashscope/a.wav "$1" >/dev/null
    echo "http://dashscope.oss-cn-beijing.localhost:$EMULATOR_PORT/a.wav"
}

fun() { # [PARAMETERS [MODEL]]
    jq -nc --arg url "$URL" --argjson p "${1:-"{}"}" --arg model "${2:-fun-asr}" '{$model,input:{file_urls:[$url]},parameters:$p}'
}

filetrans() { # [PARAMETERS]
    jq -nc --arg url "$URL" --argjson p "${1:-"{}"}" '{model:"qwen3-asr-flash-filetrans",input:{file_url:$url},parameters:$p}'
}

result() { # the result file of the task that just ended
    curl -sS --fail "$(of_body '.output.results[0].transcription_url // .output.result.transcription_url')"
}

# ---- Who may call, and in which order things are refused -------------------------------------------------------------

@test "a wrong, missing or foreign key is 401 before anything else, also on unknown paths" {
    EMULATOR_KEY=sk-wrong submit "$(fun)"
    refused 401 InvalidApiKey '^Invalid API-key provided\.$'
    EMULATOR_KEY=sk-wrong call GET "$API/nowhere"
    refused 401 InvalidApiKey .
    EMULATOR_KEY=sk-wrong chat '{}'
    refused 401 invalid_api_key '^Incorrect API key provided\. $'
    assert_equal "$(of_body .error.type)" invalid_request_error
    control POST keys '{"key":"sk-far@ap-southeast-1"}' >/dev/null
    EMULATOR_KEY=sk-far submit "$(fun)"
    refused 401 InvalidApiKey .
    EMULATOR_KEY=sk-far post "http://dashscope-intl.localhost:$EMULATOR_PORT/api/v1/services/audio/asr/transcription" "$(fun)" \
        -H 'X-DashScope-Async: enable'
    assert_equal "$STATUS" 200
}

@test "unknown paths are 404, wrong methods 400" {
    call GET "$API/nowhere"
    refused 404 NotFound 'not found'
    call GET "$API/services/audio/asr/transcription"
    refused 400 InvalidParameter "^Request method 'GET' is not supported\.$"
    call DELETE "$API/tasks/x"
    refused 400 InvalidParameter 'DELETE'
}

@test "answers carry the gateway's headers and come in chunks" {
    submit "$(fun)"
    assert_equal "$STATUS" 200
    assert_contains "$HEADERS" '^x-dashscope-call-gateway: true$'
    assert_contains "$HEADERS" '^req-cost-time: [0-9]+$'
    assert_contains "$HEADERS" '^server: istio-envoy$'
    assert_contains "$HEADERS" '^Transfer-Encoding: chunked$'
    assert_contains "$HEADERS" "^x-request-id: $(of_body .request_id)$"
    assert_contains "$TASK" '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
}

@test "what a submission must have: header, body, model, input" {
    local url=$API/services/audio/asr/transcription
    post "$url" "$(fun)"
    refused 403 AccessDenied '^current user api does not support synchronous calls\.$'
    submit 'no json'
    refused 400 BadRequest.IllegalInput '^The input parameter requires json format\.$'
    call POST "$url" -H 'X-DashScope-Async: enable' -d "$(fun)"
    refused 400 InvalidParameter '^Required body invalid'
    submit '{"input":{"file_urls":["http://x/"]}}'
    refused 400 BadRequest.EmptyModel '^Required parameter "model" missing from request\.$'
    submit '{"model":"fun-asr","parameters":{}}'
    refused 400 BadRequest.EmptyInput '^Required input parameter missing from request\.$'
    submit '{"model":"fun-asr-9","input":{"file_urls":["http://x/"]}}'
    refused 400 InvalidParameter '^Model not exist\.$'
    switch '{"unknown_model":"404"}'
    submit '{"model":"fun-asr-9","input":{"file_urls":["http://x/"]}}'
    refused 404 ModelNotFound '^Model can not be found\.$'
    submit "$(fun '{}' qwen3-asr-flash)"
    refused 403 AccessDenied '^Current user api does not support asynchronous calls\.$'
    submit '{"model":"fun-asr","input":{}}'
    refused 400 InvalidParameter '^input must contain file_urls$'
}

@test "file_urls and file_url are not exchangeable, and only http, https and oss go" {
    submit '{"model":"fun-asr","input":{"file_url":"http://x/"}}'
    refused 400 InvalidParameter 'file_urls'
    submit '{"model":"qwen3-asr-flash-filetrans","input":{"file_urls":["http://x/"]}}'
    refused 400 InvalidParameter 'file_url$'
    submit '{"model":"fun-asr","input":{"file_urls":"http://x/"}}'
    refused 400 InvalidParameter 'file_urls'
    submit '{"model":"fun-asr","input":{"file_urls":[1]}}'
    refused 400 InvalidParameter 'strings'
    submit '{"model":"fun-asr","input":{"file_urls":["file:///etc/passwd"]}}'
    refused 400 InvalidParameter 'URL does not appear to be valid'
    switch '{"max_file_urls":1}'
    submit '{"model":"fun-asr","input":{"file_urls":["http://x/","http://y/"]}}'
    refused 400 InvalidParameter 'limit of 1'
}

@test "parameters of a wrong type or range are refused; unknown ones are noted, and refused in strict mode" {
    local parameters
    for parameters in '{"speaker_count":1,"diarization_enabled":true}' '{"speaker_count":101}' '{"channel_id":0}' '{"channel_id":[]}' \
        '{"language_hints":"zh"}' '{"diarization_enabled":"yes"}' '{"special_word_filter":"{"}' '{"special_word_filter":7}' '{"channel_id":[0.5]}'; do
        submit "$(fun "$parameters")"
        refused 400 InvalidParameter "$(jq -r keys[0] <<<"$parameters")|speaker_count"
    done
    submit "$(fun '{"speekers":2}')"
    assert_equal "$STATUS" 200
    assert_equal "$(counter .violations.unknown_parameter)" 1
    switch '{"strict":1}'
    submit "$(fun '{"speekers":2}')"
    refused 400 InvalidParameter '^Invalid backend response received \(missing status name\)$'
}

@test "models live in their regions" {
    local intl=http://dashscope-intl.localhost:$EMULATOR_PORT/api/v1 us=http://dashscope-us.localhost:$EMULATOR_PORT/api/v1
    API=$intl submit "$(fun '{}' paraformer-v2)"
    refused 400 InvalidParameter 'Model not exist'
    submit "$(fun '{}' paraformer-v2)"
    assert_equal "$STATUS" 200
    API=$intl submit "$(fun)"
    assert_equal "$STATUS" 200
    API=$us submit "$(fun)"
    refused 400 InvalidParameter 'Model not exist'
}

@test "the Singapore workspace host needs parameters: without them the task fails later" {
    local host=http://ws1.ap-southeast-1.maas.localhost:$EMULATOR_PORT/api/v1
    API=$host submit "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"$URL\"]}}"
    assert_equal "$STATUS" 200
    API=$host wait_for task_ended
    assert_equal "$(of_body .output.task_status)" FAILED
    switch '{"workspaces":"ws2"}'
    API=$host submit "$(fun)"
    refused 404 WorkSpaceNotFound '^WorkSpace can not be found\.$'
}

# ---- Tasks -----------------------------------------------------------------------------------------------------------

@test "fun-asr: the life of a task and its result file" {
    switch '{"pending_queries":1,"running_queries":1}'
    submit "$(fun)"
    query
    assert_equal "$(of_body .output.task_status)" PENDING
    assert_equal "$(of_body '.output | has("end_time") or has("results")')" false
    assert_equal "$(of_body '.output.task_metrics | tojson')" '{"TOTAL":1,"SUCCEEDED":0,"FAILED":0}'
    wait_for task_ended
    assert_equal "$(of_body .output.task_status)" SUCCEEDED
    assert_contains "$(of_body .output.submit_time)" '^20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}$'
    assert_equal "$(of_body '.output.results[0] | [.file_url, .subtask_status] | join(" ")')" "$URL SUCCEEDED"
    assert_contains "$(of_body '.output.results[0].transcription_url')" '%3A.*-1\.json\?Expires=[0-9]+&OSSAccessKeyId=LTAI[^&]*&Signature=.*%2B.*%3D$'
    assert_equal "$(of_body .usage.duration)" 2
    result >"$T/result"
    jq -e --arg url "$URL" '.file_url == $url and .properties.original_duration_in_milliseconds == 61000 and .properties.channels == [0]
        and (.transcripts | length == 1) and .transcripts[0].text == "Good morning, all. Shall we start?"
        and ([.transcripts[0].sentences[].sentence_id] == [1, 2])
        and ([.transcripts[0].sentences[0].words[] | .text + .punctuation] | join("") == "Good morning, all.")
        and all(.transcripts[0].sentences[]; has("speaker_id") | not)' "$T/result"
}

@test "filetrans: one result, seconds, sentences from 0, emotion, words only when asked for" {
    submit "$(filetrans)"
    wait_for task_ended
    assert_equal "$(of_body '.output | has("results") or has("task_metrics")')" false
    assert_contains "$(of_body .output.result.transcription_url)" '^http:.*&response-content-disposition=attachment%3Bfilename%3D[-0-9a-f]+\.json$'
    assert_equal "$(of_body .usage.seconds)" 61
    result >"$T/result"
    jq -e '.audio_info == {"format":"wav","sample_rate":16000} and ([.transcripts[0].sentences[] | .sentence_id] == [0, 1])
        and all(.transcripts[0].sentences[]; .emotion == "neutral" and .language == "en" and (has("words") | not))
        and (.transcripts[0] | has("content_duration_in_milliseconds") | not)' "$T/result"
    submit "$(filetrans '{"enable_words":true,"language":"fr"}')"
    wait_for task_ended
    result | jq -e '.transcripts[0].sentences[0] | .language == "fr" and (.words | length == 3)'
}

@test "diarization, word filter and removal of fillers are seen in the result" {
    control DELETE scripts >/dev/null
    script '{"match":{},"audio":{"duration_ms":9000},"text":"Um please help me test it. The game is about to start now. Umbrella."}'
    local filter='{"filter_with_signed":{"word_list":["test"]},"filter_with_empty":{"word_list":["start"]},"system_reserved_filter":false}'
    submit "$(fun "$(jq -nc --arg f "$filter" '{special_word_filter:$f,diarization_enabled:true,speaker_count:2,disfluency_removal_enabled:true}')" paraformer-v2)"
    wait_for task_ended
    result >"$T/result"
    jq -e '.transcripts[0].text == "please help me **** it. The game is about to now. Umbrella."
        and ([.transcripts[0].sentences[].speaker_id] == [0, 1, 0])' "$T/result"
    submit "$(fun "$(jq -nc --argjson f "$filter" '{special_word_filter:$f}')")"
    wait_for task_ended
    result | jq -e '.transcripts[0].text | startswith("Um please help me ****")'
}

@test "some files fail: the task has succeeded, and every subtask says how" {
    URL2=http://dashscope.oss-cn-beijing.localhost:$EMULATOR_PORT/missing.wav
    submit "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"$URL\",\"$URL2\",\"http://127.0.0.1:1/x\",\"$URL b\"]},\"parameters\":{}}"
    wait_for task_ended
    assert_equal "$(of_body .output.task_status)" SUCCEEDED
    assert_equal "$(of_body '[.output.results[].subtask_status] | join(" ")')" 'SUCCEEDED FAILED FAILED FAILED'
    assert_equal "$(of_body '[.output.results[1:][] | .code, (has("transcription_url") | tostring)] | unique | join(" ")')" 'InvalidFile.DownloadFailed false'
    assert_equal "$(of_body '.output.task_metrics | [.TOTAL, .SUCCEEDED, .FAILED] | join(" ")')" '4 1 3'
    assert_equal "$(counter .violations.url_not_encoded)" 1
}

@test "all files fail: FAILED with results, or SUCCEEDED without a good one; filetrans has neither" {
    URL=http://dashscope.oss-cn-beijing.localhost:$EMULATOR_PORT/missing.wav
    submit "$(fun)"
    wait_for task_ended
    assert_equal "$STATUS $(of_body '.output | [.task_status, .code, .message, (.results | length)] | join("|")')" \
        '200 FAILED|InvalidFile.DownloadFailed|The audio file cannot be downloaded.|1'
    submit "$(filetrans)"
    wait_for task_ended
    assert_equal "$(of_body '.output | [.task_status, .code, .message, has("result"), has("results")] | join("|")')" \
        'FAILED|FILE_404_NOT_FOUND|FILE_404_NOT_FOUND|false|false'
    switch '{"all_failed":"succeeded"}'
    submit "$(fun)"
    wait_for task_ended
    assert_equal "$(of_body '.output | [.task_status, .results[0].subtask_status, .task_metrics.SUCCEEDED] | join("|")')" 'SUCCEEDED|FAILED|0'
}

@test "no speech, in all its shapes" {
    control DELETE scripts >/dev/null
    script '{"match":{},"audio":{"duration_ms":3000},"silence":true}'
    local shape expected
    while read -r shape expected; do
        switch "{\"no_speech\":\"$shape\"}"
        submit "$(fun)"
        wait_for task_ended
        assert_equal "$(of_body '.output | [.task_status, .code // "-", .results[0].code // "-"] | join(" ")')" "$expected"
    done <<'SHAPES'
subtask FAILED SUCCESS_WITH_NO_VALID_FRAGMENT SUCCESS_WITH_NO_VALID_FRAGMENT
task FAILED ASR_RESPONSE_HAVE_NO_WORDS ASR_RESPONSE_HAVE_NO_WORDS
status ASR_RESPONSE_HAVE_NO_WORDS ASR_RESPONSE_HAVE_NO_WORDS ASR_RESPONSE_HAVE_NO_WORDS
empty SUCCEEDED - -
SHAPES
    result | jq -e '.transcripts[0].sentences == []'
}

@test "limits of a file: too long, too large, no such track, diarization over two hours" {
    control DELETE scripts >/dev/null
    script '{"match":{},"audio":{"duration_ms":7300000},"text":"Long."}'
    submit "$(fun '{"diarization_enabled":true}')"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" InternalError.Timeout
    submit "$(fun '{"channel_id":[0,1]}')"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" FILE_CHECK_FAILED
    switch '{"max_duration_ms":60000}'
    submit "$(fun)"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" AUDIO_DURATION_TOO_LONG
    switch '{"max_file_bytes":3}'
    submit "$(fun)"
    wait_for task_ended
    assert_equal "$(of_body .output.code)" FILE_TOO_LARGE
}

@test "unknown, foreign and forgotten tasks are UNKNOWN with 200" {
    submit "$(fun)"
    wait_for task_ended
    query 00000000-0000-4000-8000-000000000000
    assert_equal "$STATUS $(of_body .output.task_status)" '200 UNKNOWN'
    control POST keys '{"key":"sk-other","account":"2000"}' >/dev/null
    EMULATOR_KEY=sk-other query
    assert_equal "$(of_body .output.task_status)" UNKNOWN
    control POST clock '{"advance_ms":86000000}' >/dev/null
    query
    assert_equal "$(of_body .output.task_status)" SUCCEEDED
    control POST clock '{"advance_ms":500000}' >/dev/null
    query
    assert_equal "$STATUS $(of_body '.output.task_status + " " + .output.task_id')" "200 UNKNOWN $TASK"
}

@test "a result link ends after a day, does not survive a change, and refuses an Authorization header" {
    submit "$(fun)"
    wait_for task_ended
    local link
    link=$(of_body '.output.results[0].transcription_url')
    assert_equal "$(curl -sS -o "$T/x" -w '%{http_code}' "$link")" 200
    assert_equal "$(curl -sS -o "$T/x" -w '%{http_code}' "${link/Expires=1/Expires=2}")" 403
    assert_contains "$(cat "$T/x")" '<Code>SignatureDoesNotMatch</Code>'
    assert_equal "$(curl -sS -o "$T/x" -w '%{http_code}' "${link//%2B/+}")" 403
    assert_equal "$(curl -sS -o "$T/x" -w '%{http_code}' "${link%%\?*}")" 403
    assert_contains "$(cat "$T/x")" '<Code>AccessDenied</Code>'
    assert_equal "$(curl -sS -o "$T/x" -w '%{http_code}' -H 'Authorization: Bearer sk-test' "$link")" 400
    assert_contains "$(cat "$T/x")" '<Code>InvalidArgument</Code>'
    assert_equal "$(counter .violations.authorization_on_signed_url)" 1
    control POST clock '{"advance_ms":86500000}' >/dev/null
    assert_equal "$(curl -sS -o "$T/x" -w '%{http_code}' "$link")" 403
    assert_contains "$(cat "$T/x")" 'Request has expired\.'
}

@test "cancel: only while PENDING" {
    switch '{"pending_ms":60000}'
    submit "$(fun)"
    call POST "$API/tasks/$TASK/cancel"
    assert_equal "$STATUS $(of_body keys[0])" '200 request_id'
    query
    assert_equal "$(of_body .output.task_status)" CANCELED
    call POST "$API/tasks/$TASK/cancel"
    refused 400 UnsupportedOperation '^Failed to cancel the task, please confirm if the task is in PENDING status\.$'
    call POST "$API/tasks/none/cancel"
    refused 400 UnsupportedOperation .
}

@test "list: by model and time, in pages, without results" {
    local i
    for i in 1 2 3; do submit "$(fun)"; done
    submit "$(filetrans)"
    call GET "$API/tasks/?model_name=fun-asr&page_size=2&page_no=2"
    assert_equal "$(of_body '[.total, .total_page, .page_no, (.data | length), .data[0].model_name] | join(" ")')" '3 2 2 1 fun-asr'
    assert_equal "$(of_body '.data[0] | [.user_api_unique_key, (.gmt_create > 1700000000000), has("output")] | join(" ")')" \
        'apikey:v1:audio:asr:transcription:fun-asr true false'
    call GET "$API/tasks/?task_id=$TASK"
    assert_equal "$(of_body '[.data[].model_name] | join(" ")')" qwen3-asr-flash-filetrans
    call GET "$API/tasks/?start_time=20200101000000&end_time=20200103000000"
    refused 400 InvalidParameter 'start_time'
}

@test "queries: 20 a second for an account, 429 beyond, and the peak is told" {
    submit "$(fun)"
    local i
    for i in $(seq 30); do echo "url=$API/tasks/$TASK"; echo "output=/dev/null"; done >"$T/urls"
    curl -sS -K "$T/urls" -H 'Authorization: Bearer sk-test' -w '%{http_code}\n' >"$T/codes"
    assert_equal "$(sort "$T/codes" | uniq -c | tr -s ' \n' ' ')" ' 20 200 10 429 '
    query
    refused 429 Throttling.RateQuota '^Requests rate limit exceeded, please try again later\.$'
    [ "$(counter .peak_per_second.query)" -ge 30 ]
    assert_equal "$(counter .throttled.query)" 11
    switch '{"query_qps":100}'
    query
    assert_equal "$STATUS" 200
}

submit_many() { # COUNT JSON: as fast as one connection can; the statuses
    local i
    for i in $(seq "$1"); do
        printf 'url=%s\noutput=/dev/null\n' "$API/services/audio/asr/transcription"
    done >"$T/urls"
    curl -sS -K "$T/urls" -H 'Authorization: Bearer sk-test' -H 'X-DashScope-Async: enable' -H 'Content-Type: application/json' \
        --data-binary "$2" -w '%{http_code}\n' | sort | uniq -c | tr -s ' \n' ' '
}

@test "submissions: the model's limit for a minute or a second, and 100 paraformer-8k tasks at once" {
    switch '{"submit_rpm":2}'
    submit "$(fun)" && submit "$(fun)"
    submit "$(fun)"
    refused 429 Throttling.RateQuota 'rate limit exceeded'
    submit "$(fun '{}' fun-asr-mtl)"
    assert_equal "$STATUS" 200
    switch '{"submit_rpm":0,"pending_ms":60000}'
    assert_equal "$(submit_many 22 "$(fun '{}' paraformer-8k-v2)")" ' 20 200 2 429 '
    switch '{"submit_rpm":1000}'
    assert_equal "$(submit_many 90 "$(fun '{}' paraformer-8k-v2)")" ' 80 200 10 429 '
}

@test "nothing is forgotten over a restart: tasks, results, objects, vocabularies" {
    submit "$(fun)"
    wait_for task_ended
    local ended=$TASK link
    link=$(of_body '.output.results[0].transcription_url')
    switch '{"running_ms":3600000}'
    submit "$(fun)"
    emulator_stop
    emulator_start
    script '{"match":{},"audio":{"duration_ms":1000},"text":"Again."}'
    control POST clock '{"advance_ms":3600000}' >/dev/null
    assert_equal "$(curl -sS -o /dev/null -w '%{http_code}' "$link")" 200
    wait_for task_ended
    assert_equal "$(of_body .output.task_status)" SUCCEEDED
    query "$ended"
    assert_equal "$(of_body .output.task_status)" SUCCEEDED
    assert_equal "$(counter .tasks.SUBMITTED)" 2
}

# ---- Vocabularies and temporary keys ---------------------------------------------------------------------------------

vocabulary() { # INPUT
    post "$API/services/audio/asr/customization" "{\"model\":\"speech-biasing\",\"input\":$1}"
}

@test "vocabularies: made, listed, asked for, changed, used, deleted" {
    switch '{"vocabulary_deploy_ms":3600000}'
    vocabulary '{"action":"create_vocabulary","target_model":"fun-asr","prefix":"scribe","vocabulary":[{"text":"Dashwood","weight":4,"lang":"en"}]}'
    assert_equal "$STATUS $(of_body .usage.count)" '200 1'
    local id
    id=$(of_body .output.vocabulary_id)
    assert_contains "$id" '^vocab-scribe-[0-9a-f]{32}$'
    vocabulary "{\"action\":\"query_vocabulary\",\"vocabulary_id\":\"$id\"}"
    assert_equal "$(of_body '.output | [.status, .target_model, .vocabulary[0].text] | join(" ")')" 'UNDEPLOYED fun-asr Dashwood'
    control POST clock '{"advance_ms":3600000}' >/dev/null
    vocabulary '{"action":"list_vocabulary","prefix":"scribe","page_index":0,"page_size":10}'
    assert_equal "$(of_body '.output.vocabulary_list[0] | [.vocabulary_id, .status] | join(" ")')" "$id OK"
    vocabulary "{\"action\":\"update_vocabulary\",\"vocabulary_id\":\"$id\",\"vocabulary\":[{\"text\":\"Norland Park\"}]}"
    assert_equal "$STATUS $(of_body '.output | length')" '200 0'
    submit "$(fun "{\"vocabulary_id\":\"$id\"}")"
    assert_equal "$STATUS" 200
    submit "$(fun "{\"vocabulary_id\":\"$id\"}" paraformer-v2)"
    refused 400 InvalidParameter 'not for paraformer-v2'
    vocabulary "{\"action\":\"delete_vocabulary\",\"vocabulary_id\":\"$id\"}"
    assert_equal "$STATUS" 200
    submit "$(fun "{\"vocabulary_id\":\"$id\"}")"
    refused 400 BadRequest.ResourceNotExist '^The Required resource not exist\.$'
}

@test "vocabularies: their rules" {
    local base='"action":"create_vocabulary","target_model":"fun-asr"' i
    vocabulary "{$base,\"prefix\":\"Scribe\",\"vocabulary\":[{\"text\":\"a\"}]}"
    refused 400 InvalidParameter 'prefix should be english letter and number'
    vocabulary "{$base,\"prefix\":\"elevenchars\",\"vocabulary\":[{\"text\":\"a\"}]}"
    refused 400 InvalidParameter prefix
    vocabulary "{$base,\"prefix\":\"a\",\"vocabulary\":$(jq -nc '[range(501) | {text: "w\(.)"}]')}"
    refused 400 InvalidParameter 'vocabulary is too large'
    vocabulary "{$base,\"prefix\":\"a\",\"vocabulary\":[{\"text\":\"one two three four five six seven eight\"}]}"
    refused 400 InvalidParameter 'text should not be longer'
    vocabulary "{$base,\"prefix\":\"a\",\"vocabulary\":[{\"text\":\"一二三四五六七八九十一二三四五六\"}]}"
    refused 400 InvalidParameter 'text should not be longer'
    vocabulary "{$base,\"prefix\":\"a\",\"vocabulary\":[{\"text\":\"a\",\"weight\":6}]}"
    refused 400 InvalidParameter weight
    vocabulary '{"action":"create_vocabulary","target_model":"qwen3-asr-flash","prefix":"a","vocabulary":[{"text":"a"}]}'
    refused 400 InvalidParameter target_model
    for i in $(seq 10); do
        vocabulary "{$base,\"prefix\":\"a\",\"vocabulary\":[{\"text\":\"a\"}]}"
        assert_equal "$STATUS" 200
    done
    vocabulary "{$base,\"prefix\":\"a\",\"vocabulary\":[{\"text\":\"a\"}]}"
    refused 400 Throttling.AllocationQuota '^Free allocated quota exceeded\.$'
    vocabulary '{"action":"fly"}'
    refused 400 InvalidParameter 'fly'
}

@test "temporary keys work until they end" {
    call POST "$API/tokens?expire_in_seconds=1801"
    refused 400 InvalidParameter expire_in_seconds
    call POST "$API/tokens?expire_in_seconds=60"
    assert_equal "$STATUS $(of_body '.expires_at > 1700000000')" '200 true'
    local token
    token=$(of_body .token)
    assert_contains "$token" '^st-'
    EMULATOR_KEY=$token submit "$(fun)"
    assert_equal "$STATUS" 200
    control POST clock '{"advance_ms":61000}' >/dev/null
    EMULATOR_KEY=$token submit "$(fun)"
    refused 401 InvalidApiKey .
}

# bats test_tags=core
@test "real speech is really heard, on the channel that was asked for" {
    [ -e "$(speech 0880)" ] || skip "pocketsphinx-testdata is not installed"
    control DELETE scripts >/dev/null
    sox -M "$(speech 0880)" "$(speech 0890)" "$T/two.wav"
    URL=$(speech_url "$T/two.wav")
    submit "$(fun '{"channel_id":[1,0]}')"
    wait_for -t 90 task_ended
    assert_equal "$(of_body .output.task_status)" SUCCEEDED
    result >"$T/result"
    assert_equal "$(jq -c '[.properties.channels, [.transcripts[].channel_id]]' "$T/result")" '[[0,1],[1,0]]'
    local heard
    heard=$(word_error_rate "$(reference 0880)" "$(jq -r '.transcripts[1].text' "$T/result")" | cut -d' ' -f1)
    [ "$heard" -le 4 ]
    heard=$(word_error_rate "$(reference 0890)" "$(jq -r '.transcripts[1].text' "$T/result")" | cut -d' ' -f1)
    [ "$heard" -ge 4 ]
}
