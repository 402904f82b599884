# shellcheck shell=bash
# An OpenAI-compatible server for bats files: load common and it, and
#
#   openai_setup, openai_teardown  setup and teardown: also checks that nothing was sent that a strict server refuses, and
#                                  that no key came out
#   openai_start [OPTION…]         starts the server on $SERVER_PORT (any, the first time); openai_stop ends it
#   openai_mount [KEY=VALUE…]      mounts; KEY is a setting with its section, as in openai.model=whisper-1
#   server METHOD PATH [JSON]      talks to it: server POST config '{"stream":true}'
#   requests [JQ]                  what was asked, a line for each request
#   drop NAME [FILE]               copies a recording into the inbox (default: the shortest of the real speech)

SERVER_KEY=sk-test-openai

openai_setup() {
    common_setup
    SERVER_PORT=0 SERVER_PID='' ALLOWED_VIOLATIONS='^$'
    echo "$SERVER_KEY" >"$T/key"
    chmod 600 "$T/key"
    mkfifo "$T/server-out"
    openai_start "$@"
}

openai_start() {
    local engine=(--worker "$WORKER")
    if [ -e "$ROOT/build/vosk/lib/libvosk.so" ]; then engine+=(--vosk "$ROOT/build/vosk"); fi
    "$PYTHON" -IB "$LIB/openai_server.py" --port "$SERVER_PORT" --state "$T" --key "$SERVER_KEY" "${engine[@]}" "$@" \
        >"$T/server-out" 2>>"$T/server.log" </dev/null 3>&- &
    SERVER_PID=$!
    read -r -t 20 SERVER_PORT <"$T/server-out" || { cat "$T/server.log"; return 1; }
}

openai_stop() {
    [ -n "$SERVER_PID" ] || return 0
    kill -TERM "$SERVER_PID" 2>/dev/null || :
    wait "$SERVER_PID" 2>/dev/null || :
    SERVER_PID=
}

openai_teardown() {
    local trouble=0
    [ -n "${T:-}" ] || return 0
    if [ -n "$DAEMON" ] && running "$DAEMON"; then stop_mount || trouble=1; fi
    if [ -n "$SERVER_PID" ] && server GET violations | jq -r '.[]' | grep -Ev -- "$ALLOWED_VIOLATIONS"; then
        echo "the client did what a strict server refuses (above)"
        trouble=1
    fi
    if grep -rla -- "$SERVER_KEY" "$LOG" "$STORE"; then
        echo "the key is in the files above"
        trouble=1
    fi
    openai_stop
    if [ -s "$T/server.log" ]; then
        cat "$T/server.log"
        trouble=1
    fi
    common_teardown || trouble=1
    return $trouble
}

openai_mount() {
    local setting
    cat >"$T/openai.conf" <<END
[jobs]
backend = openai
workers = 4
[openai]
url = http://127.0.0.1:$SERVER_PORT/v1
key_file = $T/key
END
    for setting in "$@"; do
        printf '[%s]\n%s = %s\n' "${setting%%.*}" "$(sed 's/^[^.]*\.//;s/=.*//' <<<"$setting")" "${setting#*=}"
    done >>"$T/openai.conf"
    start_mount "config=$T/openai.conf"
}

server() {
    if [ $# -gt 2 ]; then
        curl -sS --fail-with-body -X "$1" "http://127.0.0.1:$SERVER_PORT/_$2" --data-binary "$3"
    else
        curl -sS --fail-with-body -X "$1" "http://127.0.0.1:$SERVER_PORT/_$2"
    fi
}

requests() {
    server GET requests | jq -c ".[] | ${1:-.}"
}

drop() {
    cp "${2:-$(speech 0880)}" "$INBOX/$1"
}

# failed NAME-WITHOUT-SUFFIX REGEX: waits until it has failed, with words that match.
failed() {
    wait_for test -e "$INBOX/$1.FAILED.txt"
    assert_contains "$(cat "$INBOX/$1.FAILED.txt")" "$2"
}

# says NAME-WITHOUT-SUFFIX REGEX: the file of its progress reads like that now.
says() {
    contains "$INBOX/$1.transcribing.txt" "$2"
}
