# shellcheck shell=bash
# The Model Studio of tests/emulator for bats files: load it, and
#
#   emulator_start [OPTION…]   starts it in $EMULATOR_STATE ($T/emulator); sets EMULATOR_PORT, API, CHAT, CONTROL
#   emulator_stop              ends it (SIGTERM) and waits; its state stays, so emulator_start goes on where it was
#   control METHOD PATH [JSON] talks to /_emulator/PATH and prints the answer; fails when that is not 2xx
#   counter JQ                 a number out of the counters, 0 when nothing was counted: counter '.requests.submit'
#   fault JSON                 adds a fault rule; script JSON: a scripted result; switch JSON: sets switches
#   speech_url [FILE]          puts a recording into the public bucket "dashscope" and prints its URL
#
# Needs $T (a directory of the test) and $BUILD. `emulator_stop` belongs into teardown.

EMULATOR=$BUILD/tests/emulator
EMULATOR_KEY=sk-test

emulator_start() {
    local line
    EMULATOR_STATE=${EMULATOR_STATE:-$T/emulator}
    mkdir -p "$EMULATOR_STATE"
    [ -p "$T/emulator-in" ] || mkfifo "$T/emulator-in" "$T/emulator-out"
    local worker=()
    if [ -x "$BUILD/libexec/worker" ]; then worker=(--worker "$BUILD/libexec/worker"); fi
    if [ -e "$ROOT/build/vosk/lib/libvosk.so" ]; then worker+=(--vosk "$ROOT/build/vosk"); fi
    "$EMULATOR" --port "${EMULATOR_PORT:-0}" --state "$EMULATOR_STATE" "${worker[@]}" --bucket scribefs-test \
        --bucket dashscope:public "$@" <"$T/emulator-in" >"$T/emulator-out" 2>>"$T/emulator.log" 3>&- &
    EMULATOR_PID=$!
    exec {EMULATOR_IN}>"$T/emulator-in"
    read -r -t 20 line <"$T/emulator-out" || { cat "$T/emulator.log"; return 1; }
    EMULATOR_PORT=$line
    API=http://127.0.0.1:$EMULATOR_PORT/api/v1
    CHAT=http://127.0.0.1:$EMULATOR_PORT/compatible-mode/v1
    CONTROL=http://127.0.0.1:$EMULATOR_PORT/_emulator
}

emulator_stop() {
    local status=0
    [ -n "${EMULATOR_PID:-}" ] || return 0
    kill -TERM "$EMULATOR_PID" 2>/dev/null || :
    wait "$EMULATOR_PID" || status=$?
    exec {EMULATOR_IN}>&-
    EMULATOR_PID=
    [ ! -s "$T/emulator.log" ] || { cat "$T/emulator.log"; status=1; }
    return $status
}

control() {
    if [ $# -gt 2 ]; then
        curl -sS --fail-with-body -X "$1" "$CONTROL/$2" -H 'Content-Type: application/json' --data-binary "$3"
    else
        curl -sS --fail-with-body -X "$1" "$CONTROL/$2"
    fi
}

counter() {
    control GET counters | jq -r "($1) // 0"
}

fault() {
    control POST faults "$1" >/dev/null
}

script() {
    control POST scripts "$1" >/dev/null
}

switch() {
    control POST config "$1" >/dev/null
}

speech_url() {
    local file=${1:-/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav}
    curl -sS --fail-with-body -X PUT "$CONTROL/buckets/dashscope/samples/$(basename "$file")" --data-binary @"$file" >/dev/null
    echo "http://dashscope.oss-cn-beijing.localhost:$EMULATOR_PORT/samples/$(basename "$file")"
}

# ---- Calls, for tests of the emulator itself -------------------------------------------------------------------------

emulator_setup() { # in setup, where no mount is needed
    T=$(mktemp -d "${TMPDIR:-/tmp}/emulator-XXXXXX")
    EMULATOR_PORT='' EMULATOR_PID='' EMULATOR_STATE=$T/emulator
    [ -x "$EMULATOR" ] || skip "$EMULATOR is not built"
    emulator_start "$@"
}

emulator_teardown() {
    local trouble=0
    emulator_stop || trouble=1
    rm -rf "$T"
    return $trouble
}

# call METHOD URL [CURL-OPTION…]: with the key; the body goes to $BODY, the headers to $HEADERS, the status to $STATUS
# (with curl's own behind it when the answer broke off: 200broken:18).
call() {
    local method=$1 url=$2
    shift 2
    STATUS=$(curl -sS -o "$T/body" -D "$T/headers" -w '%{http_code}' -X "$method" "$url" \
        -H "Authorization: Bearer $EMULATOR_KEY" "$@" 2>/dev/null || echo "broken:$?")
    BODY=$(cat "$T/body" 2>/dev/null || :)
    HEADERS=$(tr -d '\r' <"$T/headers" 2>/dev/null || :)
}

# post URL JSON [CURL-OPTION…]
post() {
    local url=$1 json=$2
    shift 2
    rm -f "$T/body" "$T/headers"
    call POST "$url" -H 'Content-Type: application/json' --data-binary "$json" "$@"
}

submit() { # JSON [CURL-OPTION…]
    local json=$1
    shift
    post "$API/services/audio/asr/transcription" "$json" -H 'X-DashScope-Async: enable' "$@"
    TASK=$(jq -r '.output.task_id // empty' <<<"$BODY" 2>/dev/null || :)
}

generate() { # JSON [CURL-OPTION…]
    local json=$1
    shift
    post "$API/services/aigc/multimodal-generation/generation" "$json" "$@"
}

chat() { # JSON [CURL-OPTION…]
    local json=$1
    shift
    post "$CHAT/chat/completions" "$json" "$@"
}

query() { # [TASK]
    call GET "$API/tasks/${1:-$TASK}"
}

of_body() { # JQ
    jq -r "$1" <<<"$BODY"
}

task_ended() {
    query
    [[ $(of_body .output.task_status) != @(PENDING|RUNNING) ]]
}

# refused STATUS CODE MESSAGE-REGEX: what the last call got, in the layout of the API or of OpenAI.
refused() {
    assert_equal "$STATUS" "$1" || { echo "$BODY"; return 1; }
    assert_equal "$(of_body '.code // .error.code')" "$2"
    assert_contains "$(of_body '.message // .error.message')" "$3"
    [ -n "$(of_body .request_id)" ]
    assert_contains "$HEADERS" "^x-request-id: $(of_body .request_id)$"
}
