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
    "$EMULATOR" --port "${EMULATOR_PORT:-0}" --tls-port "${EMULATOR_TLS_PORT:-0}" --state "$EMULATOR_STATE" "${worker[@]}" --bucket scribefs-test \
        --bucket dashscope:public "$@" <"$T/emulator-in" >"$T/emulator-out" 2>>"$T/emulator.log" 3>&- &
    EMULATOR_PID=$!
    exec {EMULATOR_IN}>"$T/emulator-in"
    read -r -t 20 line <"$T/emulator-out" || { cat "$T/emulator.log"; return 1; }
    read -r EMULATOR_PORT EMULATOR_TLS_PORT <<<"$line" # the second only with --tls-certificate
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
    EMULATOR_PORT='' EMULATOR_TLS_PORT='' EMULATOR_PID='' EMULATOR_STATE=$T/emulator
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

# ---- A mount that is transcribed by the emulator ---------------------------------------------------------------------
#
#   cloud_setup, cloud_teardown  setup and teardown: also checks that the client did nothing a careful one would not do
#                                (ALLOWED_VIOLATIONS: a regex of what a test provokes), and that no secret came out
#   cloud_mount [KEY=VALUE…]     mounts; KEY is a setting with its section, as in dashscope.model=fun-asr; $CLOUD_HOST is the
#                                service's address if it is not the emulator's plain one
#   cloud_remount [KEY=VALUE…]   the same again, with other settings
#   drop NAME [FILE]             copies a recording into the inbox (default: the shortest of the real speech)
#   requests ENDPOINT [JQ]       what the service received at ENDPOINT: for each request, JQ of its JSON body

cloud_setup() {
    common_setup
    EMULATOR_PORT='' EMULATOR_TLS_PORT='' EMULATOR_PID='' EMULATOR_STATE='' ALLOWED_VIOLATIONS='^$'
    [ -x "$EMULATOR" ] || skip "$EMULATOR is not built"
    echo "$EMULATOR_KEY" >"$T/key"
    printf '%s\n' LTAItest oss-test-secret >"$T/oss-key"
    chmod 600 "$T/key" "$T/oss-key"
    emulator_start "$@"
}

cloud_teardown() {
    local trouble=0
    [ -n "${T:-}" ] || return 0
    if [ -n "$DAEMON" ] && running "$DAEMON"; then stop_mount || trouble=1; fi
    if [ -n "${EMULATOR_PID:-}" ]; then no_violations || trouble=1; fi
    no_secrets || trouble=1
    emulator_stop || trouble=1
    common_teardown || trouble=1
    return $trouble
}

no_violations() {
    local found
    found=$(control GET violations | jq -c '.[]' | grep -Ev -- "$ALLOWED_VIOLATIONS") || return 0
    printf 'the client did what the service forbids:\n%s\n' "$found"
    return 1
}

# Neither keys nor signatures of addresses stay anywhere but in the key files.
no_secrets() {
    ! grep -rlaE 'sk-test|oss-test-secret|[Ss]ignature=[^x]' "$LOG" "$STORE" | sed 's/^/a secret is in /' | grep .
}

cloud_mount() {
    local setting
    cat >"$T/cloud.conf" <<END
[jobs]
backend = dashscope
workers = 8
[dashscope]
host = ${CLOUD_HOST:-http://127.0.0.1:$EMULATOR_PORT}
key_file = $T/key
poll_ms = 100
result_hosts = localhost
END
    for setting in "$@"; do
        printf '[%s]\n%s = %s\n' "${setting%%.*}" "$(sed 's/^[^.]*\.//;s/=.*//' <<<"$setting")" "${setting#*=}"
    done >>"$T/cloud.conf"
    start_mount "config=$T/cloud.conf"
}

cloud_remount() {
    stop_mount
    cloud_mount "$@"
}

drop() {
    mkdir -p "$(dirname "$INBOX/$1")"
    cp "${2:-$(speech 0880)}" "$INBOX/$1"
}

requests() {
    control GET "requests?endpoint=$1" | jq -c ".[] | .body | ${2:-.}"
}

# failed NAME-WITHOUT-SUFFIX REGEX: waits until it has failed, with words that match.
failed() {
    wait_for test -e "$INBOX/$1.FAILED.txt"
    assert_contains "$(cat "$INBOX/$1.FAILED.txt")" "$2"
}

# item NAME JQ: of what scribectl says about one recording.
item() {
    "$SCRIBECTL" status --json "$INBOX/$1" | jq -r ".items[0] | $2"
}

item_is() { # NAME JQ VALUE
    [ "$(item "$1" "$2")" = "$3" ]
}

counter_is() { # JQ VALUE
    [ "$(counter "$1")" = "$2" ]
}

counter_reaches() { # JQ NUMBER
    [ "$(counter "$1")" -ge "$2" ]
}
