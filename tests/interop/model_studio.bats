#!/usr/bin/env bats
# The emulator judged by clients that are not ours: the guide's own examples with only the host replaced, the npm packages openai
# and ali-oss. Packages are installed into the build directory.
# time limit: 600

TEST_SECONDS=300
load ../lib/common
load ../lib/emulator

EXAMPLES=$ROOT/tests/interop/model_studio
NPM=$ROOT/build/interop/npm

setup_file() {
    mkdir -p "$NPM"
    if command -v npm >/dev/null && [ ! -d "$NPM/node_modules/ali-oss" ]; then
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$NPM" 'openai@^4.68.0' ali-oss@^6.23.0 >/dev/null 2>&1 || :
    fi
}

setup() {
    [ -e "$(speech 0880)" ] || skip "pocketsphinx-testdata is not installed"
    emulator_setup
    # The recordings of the examples, as the service's own samples.
    ffmpeg -nostdin -v error -i "$(speech 0880)" -y "$T/welcome.mp3"
    put samples/audio/paraformer/hello_world_female2.wav "$(speech 0880)"
    put samples/audio/sensevoice/rich_text_example_1.wav "$(speech 0880)"
    put audios/welcome.mp3 "$T/welcome.mp3"
    export DASHSCOPE_API_KEY=$EMULATOR_KEY
    cd "$T"
}

teardown() {
    cd "$ROOT"
    [ -z "${T:-}" ] || emulator_teardown
}

put() { # KEY FILE
    curl -sS --fail -X PUT "$CONTROL/buckets/dashscope/$1" --data-binary @"$2" >/dev/null
}

# example NAME [SED-EXPRESSION…]: runs it with the host replaced; the audio's URLs stay as they are, the emulator is that host.
example() {
    local name=$1 expressions=(-e "s#https://dashscope.aliyuncs.com#http://127.0.0.1:$EMULATOR_PORT#")
    shift
    while [ $# -gt 0 ]; do
        expressions+=(-e "$1")
        shift
    done
    sed "${expressions[@]}" "$EXAMPLES/$name" >"example-$name"
    case $name in
    *.sh) bash "example-$name" 2>/dev/null ;;
    *) cp "example-$name" "$NPM/example-$$.mjs" && node "$NPM/example-$$.mjs" && rm "$NPM/example-$$.mjs" ;;
    esac
}

# near TEXT: about what the recording says.
near() {
    local wrong
    wrong=$(word_error_rate "$(reference 0880)" "$1" | cut -d' ' -f1)
    [ "$wrong" -le 4 ] || { echo "heard: $1"; return 1; }
}

ended() {
    example fun-asr-query.sh "s#{task_id}#$TASK#" >answer
    [[ $(jq -r .output.task_status answer) != @(PENDING|RUNNING) ]]
}

node_package() {
    command -v node >/dev/null || skip "Node.js is not installed"
    [ -d "$NPM/node_modules/$1" ] || skip "the npm package $1 could not be installed"
}

@test "the guide's cURL examples: a Fun-ASR task from submission to result" {
    TASK=$(example fun-asr-submit.sh | jq -r .output.task_id)
    wait_for -t 60 ended
    example fun-asr-download.sh "s#{transcription_url}#$(jq -r '.output.results[0].transcription_url' answer | sed 's/[&#]/\\&/g')#" >result
    near "$(jq -r '.transcripts[0].text' result)"
}

@test "the guide's cURL examples: a Qwen3-ASR-Flash-Filetrans task" {
    TASK=$(example filetrans-submit.sh | jq -r .output.task_id)
    wait_for -t 60 ended
    curl -sS "$(jq -r '.output.result.transcription_url' answer)" >result
    near "$(jq -r '.transcripts[0].text' result)"
    jq -e '.transcripts[0].sentences[0].words | length > 3' result
}

@test "the guide's cURL examples: Fun-ASR-Flash and Qwen3-ASR-Flash, one answer and a stream" {
    near "$(example fun-asr-flash.sh | jq -r .output.text)"
    near "$(example qwen3-asr-flash.sh | jq -r '.output.choices[0].message.content[0].text')"
    near "$(example qwen3-asr-flash-stream.sh | sed -n 's/^data://p' | jq -j '.output.choices[0].message.content[0].text')"
    near "$(example chat-completions.sh | jq -r '.choices[0].message.content')"
}

@test "the guide's Node.js examples with the npm package openai" {
    node_package openai
    local name text
    cp "$T/welcome.mp3" "$NPM/welcome.mp3"
    for name in openai-url.mjs openai-base64.mjs; do
        text=$(cd "$NPM" && cd "$T" && example $name)
        near "${text#Non-streaming output: }"
        text=$(example $name 's/streamEnabled = false/streamEnabled = true/' 's#// stream_options: {#stream_options: {#' \
            's#// "include_usage": true#"include_usage": true#' 's#^// },$#},#')
        near "$(sed -n 's/^Full content: //p' <<<"$text")"
        assert_contains "$text" '"choices":\[\],"usage":\{"prompt_tokens":'
    done
    text=$(DASHSCOPE_API_KEY=sk-wrong example openai-url.mjs 2>&1)
    assert_contains "$text" '401 Incorrect API key provided'
}

@test "the npm package ali-oss against the bucket, V1 and V4" {
    node_package ali-oss
    local version
    cp "$EXAMPLES/oss.cjs" "$NPM/oss-$$.cjs"
    for version in v1 v4; do
        assert_equal "$(node --require "$EXAMPLES/loopback.cjs" "$NPM/oss-$$.cjs" "$EMULATOR_PORT" $version 2>&1 | tail -n 15)" good
    done
    rm "$NPM/oss-$$.cjs"
}
