#!/usr/bin/env bats
# The emulator's conformance: synchronous, streaming and OpenAI-compatible calls.

load ../lib/common
load ../lib/emulator

TEXT='Good morning, all. Shall we start?'
DATA='data:audio/wav;base64,UklGRg=='

setup() {
    emulator_setup
    hears 5000
}

teardown() {
    emulator_teardown
}

hears() { # MILLISECONDS [TEXT]
    control DELETE scripts >/dev/null
    script "$(jq -nc --arg text "${2:-$TEXT}" --argjson ms "$1" '{match:{},audio:{duration_ms:$ms},$text}')"
}

qwen() { # [AUDIO [PARAMETERS]]
    jq -nc --arg audio "${1:-$DATA}" --argjson p "${2:-"{}"}" '{model:"qwen3-asr-flash",input:{messages:[
        {role:"system",content:[{text:""}]},{role:"user",content:[{$audio}]}]},parameters:$p}'
}

flash() { # [PARAMETERS [AUDIO]]
    jq -nc --arg data "${2:-$DATA}" --argjson p "${1:-'{"format":"wav","sample_rate":"16000"}'}" '{model:"fun-asr-flash-2026-06-15",
        input:{messages:[{role:"user",content:[{type:"input_audio",input_audio:{$data}}]}]},parameters:$p}'
}

openai() { # [MORE]
    jq -nc --arg data "$DATA" --argjson more "${1:-"{}"}" '{model:"qwen3-asr-flash",messages:[{role:"user",content:[
        {type:"input_audio",input_audio:{$data}}]}]} + $more'
}

data_lines() { # the JSON of every event, one a line
    sed -n 's/^data: \{0,1\}//p' <<<"$BODY" | tr -d '\r'
}

FORMAT='{"format":"wav","sample_rate":"16000"}'

@test "qwen3-asr-flash: one JSON" {
    generate "$(qwen "$DATA" '{"asr_options":{"language":"fr","enable_itn":false}}')"
    assert_equal "$STATUS" 200
    jq -e --arg text "$TEXT" '.output.choices[0].message.content == [{text:$text}] and .output.choices[0].finish_reason == "stop"
        and .output.choices[0].message.annotations == [{type:"audio_info",language:"fr",emotion:"neutral"}] and .usage.seconds == 5' "$T/body"
}

@test "qwen3-asr-flash: silence is an answer without content" {
    control DELETE scripts >/dev/null
    script '{"match":{},"audio":{"duration_ms":1000},"silence":true}'
    generate "$(qwen)"
    assert_equal "$STATUS $(of_body '.output.choices[0].message.content | tojson')" '200 []'
}

@test "qwen3-asr-flash: a stream, cumulative and incremental" {
    generate "$(qwen)" -H 'X-DashScope-SSE: enable'
    assert_contains "$HEADERS" '^Content-Type: text/event-stream;charset=UTF-8$'
    assert_equal "$(sed -n 1,3p <<<"$BODY" | tr '\n' '|')" 'id:1|event:result|:HTTP_STATUS/200|'
    assert_equal "$(data_lines | jq -r '.output.choices[0].message.content[0].text' | tail -1)" "$TEXT"
    assert_equal "$(data_lines | jq -r '.output.choices[0].finish_reason' | uniq | tr '\n' ' ')" 'null stop '
    assert_equal "$(data_lines | jq -r '.output.choices[0].finish_reason | type' | uniq)" string
    generate "$(qwen "$DATA" '{"incremental_output":true}')" -H 'X-DashScope-SSE: enable'
    assert_equal "$(data_lines | jq -j '.output.choices[0].message.content[0].text')" "$TEXT"
    [ "$(data_lines | wc -l)" -gt 3 ]
    refute grep -q DONE <<<"$BODY"
}

@test "qwen3-asr-flash: messages must be one user's with one audio, and a system's first" {
    local messages
    for messages in '[]' '[{"role":"system","content":[{"text":""}]}]' \
        '[{"role":"user","content":[{"audio":"http://x/"}]},{"role":"user","content":[{"audio":"http://x/"}]}]' \
        '[{"role":"user","content":[{"audio":"http://x/"},{"audio":"http://x/"}]}]' '[{"role":"user","content":[{"text":"x"}]}]' \
        '[{"role":"user","content":[{"audio":"http://x/"}]},{"role":"system","content":[{"text":""}]}]' '[{"role":"user","content":"x"}]'; do
        generate "{\"model\":\"qwen3-asr-flash\",\"input\":{\"messages\":$messages}}"
        refused 400 InvalidParameter .
    done
}

@test "audio that cannot be had: scheme, data URI, download, upload, size, length, garbage" {
    generate "$(qwen file:///etc/passwd)"
    refused 400 InvalidParameter 'URL does not appear to be valid'
    generate "$(qwen data:audio/wav,UklGRg==)"
    refused 400 InvalidParameter 'URL does not appear to be valid'
    generate "$(qwen 'data:audio/wav;base64,UklG!')"
    refused 400 InvalidParameter.DataInspection 'media format is not supported'
    generate "$(qwen http://127.0.0.1:1/x)"
    refused 400 InvalidParameter.DataInspection '^Unable to download the media resource'
    generate "$(flash "$FORMAT" http://127.0.0.1:1/x)"
    refused 400 BadRequest.InputDownloadFailed .
    generate "$(qwen oss://nowhere/x.wav)"
    refused 400 InvalidParameter 'URL does not appear to be valid'
    generate "$(qwen oss://nowhere/x.wav)" -H 'X-DashScope-OssResourceResolve: enable'
    refused 400 InvalidParameter.DataInspection .
    switch '{"sync_max_bytes":20}'
    generate "$(qwen)"
    refused 400 BadRequest.TooLarge '^Exceeded limit on max bytes per data-uri item : 20$'
    hears 301008
    generate "$(flash "$FORMAT")"
    refused 400 AUDIO_DURATION_TOO_LONG '^audio duration \(301008\.0ms\) over service process \(300s\)$'
    control DELETE scripts >/dev/null
    generate "$(flash "$FORMAT")"
    refused 400 BadRequest.UnsupportedFileFormat .
}

@test "a call on the wrong kind of model is 403" {
    generate "$(flash "$FORMAT" | jq -c '.model = "fun-asr"')"
    refused 403 AccessDenied '^current user api does not support synchronous calls\.$'
    generate "$(flash "$FORMAT")" -H 'X-DashScope-Async: enable'
    refused 403 AccessDenied '^Current user api does not support asynchronous calls\.$'
}

@test "fun-asr-flash: one JSON, in both layouts" {
    generate "$(flash "$FORMAT")"
    jq -e --arg text "$TEXT" '.output.text == $text and .output.sentence.sentence_end and .output.sentence.text == $text and .usage == {duration:5}
        and (has("text") | not) and ([.output.sentence.words[] | .text + .punctuation] | join("") == $text)' "$T/body"
    local host=http://ws1.cn-beijing.maas.localhost:$EMULATOR_PORT/api/v1
    API=$host generate "$(flash "$FORMAT")"
    jq -e --arg text "$TEXT" '.text == $text and .sentence.text == $text and .output.text == $text and .usage.duration == 5' "$T/body"
    switch '{"layout":"maas"}'
    generate "$(flash "$FORMAT")"
    assert_equal "$(of_body .text)" "$TEXT"
}

@test "fun-asr-flash: parameters with a format, the audio last, context cut and its order kept" {
    generate "$(flash "$FORMAT" | jq -c 'del(.parameters)')"
    refused 400 BadRequest.EmptyParameters .
    generate "$(flash '{"sample_rate":"16000"}')"
    refused 400 InvalidParameter format
    generate "$(flash "$FORMAT" | jq -c '.input.messages += [{role:"user",content:[{type:"input_text",text:"x"}]}]')"
    refused 400 InvalidParameter 'last message'
    local context='.input.messages = [{role:"user",content:[{type:"input_text",text:"Bulge Bracket"}]},{role:"assistant",content:[{type:"text",text:"Yes."}]}] + .input.messages'
    generate "$(flash "$FORMAT" | jq -c "$context")"
    assert_equal "$STATUS" 200
    generate "$(flash "$FORMAT" | jq -c "$context | .input.messages[0].content[0].text *= 40")"
    assert_equal "$STATUS $(counter .violations.context_round_too_long)" '200 2'
    switch '{"strict":1}'
    generate "$(flash "$FORMAT" | jq -c "$context | .input.messages |= [.[1], .[0], .[2]]")"
    refused 400 InvalidParameter 'must follow'
}

@test "fun-asr-flash: no speech is 400" {
    control DELETE scripts >/dev/null
    script '{"match":{},"audio":{"duration_ms":1000},"silence":true}'
    generate "$(flash "$FORMAT")"
    refused 400 ASR_RESPONSE_HAVE_NO_WORDS '^ASR_RESPONSE_HAVE_NO_WORDS$'
}

@test "fun-asr-flash: a stream has one event below a minute, one a sentence from there on" {
    generate "$(flash "$FORMAT")" -H 'X-DashScope-SSE: enable'
    assert_equal "$(data_lines | wc -l)" 1
    hears 60000
    generate "$(flash "$FORMAT")" -H 'X-DashScope-SSE: enable'
    assert_equal "$(data_lines | jq -r '[.output.sentence.sentence_id, .output.text, .usage.duration] | join("|")')" \
        $'1|Good morning, all.|60\n2|Good morning, all. Shall we start?|60'
    switch '{"sse_snapshots":1}'
    generate "$(flash "$FORMAT")" -H 'X-DashScope-SSE: enable'
    assert_equal "$(data_lines | jq -c '[.output.sentence.sentence_end, (.output.sentence | has("end_time")), has("usage")]' | tr '\n' ' ')" \
        '[false,false,false] [true,true,true] [false,false,false] [true,true,true] '
    hears 5000
    switch '{"sse_short":"json"}'
    generate "$(flash "$FORMAT")" -H 'X-DashScope-SSE: enable'
    assert_contains "$HEADERS" '^Content-Type: application/json$'
}

@test "streams in the other spellings: CR LF, a space after the colon, [DONE]" {
    switch '{"sse_crlf":1,"sse_space":1,"sse_done":1}'
    generate "$(qwen)" -H 'X-DashScope-SSE: enable'
    assert_equal "$(head -c 7 "$T/body" | od -An -c | tr -d ' ')" 'id:1\r\n'
    assert_equal "$(tail -n 2 "$T/body" | head -1 | tr -d '\r')" 'data: [DONE]'
}

@test "errors of a streaming call: as JSON, as a stream with its status, as an event in a 200" {
    generate "$(qwen http://127.0.0.1:1/x)" -H 'X-DashScope-SSE: enable'
    refused 400 InvalidParameter.DataInspection .
    switch '{"sse_errors":"stream"}'
    generate "$(qwen http://127.0.0.1:1/x)" -H 'X-DashScope-SSE: enable'
    assert_equal "$STATUS $(data_lines | jq -r .code)" '400 InvalidParameter.DataInspection'
    assert_contains "$BODY" '^event:error$'
    switch '{"sse_errors":"event"}'
    generate "$(qwen http://127.0.0.1:1/x)" -H 'X-DashScope-SSE: enable'
    assert_equal "$STATUS" 200
    assert_contains "$BODY" '^:HTTP_STATUS/400$'
    switch '{"sse_status":"line"}'
    generate "$(qwen http://127.0.0.1:1/x)" -H 'X-DashScope-SSE: enable'
    assert_contains "$BODY" '^status:400$'
}

@test "chat completions: one JSON" {
    chat "$(openai '{"asr_options":{"language":"zh"}}')"
    jq -e --arg text "$TEXT" '.object == "chat.completion" and (.id | startswith("chatcmpl-")) and .choices[0].message.content == $text
        and .choices[0].message.annotations[0].language == "zh" and .usage.seconds == 5
        and .usage.total_tokens == .usage.prompt_tokens + .usage.completion_tokens' "$T/body"
}

@test "chat completions: chunks" {
    chat "$(openai '{"stream":true,"stream_options":{"include_usage":true}}')"
    assert_contains "$HEADERS" '^Content-Type: text/event-stream'
    local chunks
    chunks=$(data_lines | grep -v '^\[DONE\]$')
    assert_equal "$(jq -j '.choices[0].delta.content // ""' <<<"$chunks")" "$TEXT"
    assert_equal "$(jq -s '[.[].id] | unique | length' <<<"$chunks")" 1
    assert_equal "$(jq -sc '[.[0].choices[0].delta, .[-2].choices[0].finish_reason, .[-1].choices, .[-1].usage.seconds]' <<<"$chunks")" \
        '[{"content":"","role":"assistant"},"stop",[],5]'
    assert_equal "$(data_lines | tail -1)" '[DONE]'
    chat "$(openai '{"stream":true}')"
    assert_equal "$(data_lines | grep -v '^\[DONE\]$' | jq -s '.[-1].usage')" null
}

@test "chat completions: errors in OpenAI's layout" {
    chat "$(openai '{"stream_options":{"include_usage":true}}')"
    refused 400 invalid_parameter_error stream_options
    chat "$(openai '{"model":"fun-asr"}')"
    refused 404 model_not_supported '^Unsupported model fun-asr for OpenAI compatibility mode\.$'
    chat "$(openai '{"model":"gpt-5"}')"
    refused 404 model_not_found '^The model gpt-5 does not exist or you do not have access to it\.$'
    chat "$(openai '{"messages":[]}')"
    refused 400 invalid_parameter_error messages
    CHAT=http://dashscope-us.localhost:$EMULATOR_PORT/compatible-mode/v1 chat "$(openai '{"model":"qwen3-asr-flash-us"}')"
    refused 404 model_not_supported .
}

@test "an answer can be scripted word for word, for one audio and one model" {
    control DELETE scripts >/dev/null
    local sha
    sha=$(printf RIFF | sha256sum | cut -d' ' -f1)
    script "{\"match\":{\"sha256\":\"$sha\",\"model\":\"qwen3-asr-flash\"},\"count\":1,\"audio\":{},\"body\":{\"my\":1},\"events\":[{\"a\":1},{\"b\":2}]}"
    script '{"match":{"model":"qwen3-asr-flash"},"fail":{"code":"DataInspectionFailed","message":"no","status":400}}'
    generate "$(qwen)"
    assert_equal "$(of_body tojson)" '{"my":1}'
    generate "$(qwen)"
    refused 400 DataInspectionFailed '^no$'
    refute script '{"match":{},"txet":"x"}'
}
