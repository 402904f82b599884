#!/usr/bin/env bats
# scribectl: what it says, to people and to scripts, and its exit codes (fs/exitcodes.h).

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

# exits CODE COMMAND…: its output is left in $OUTPUT.
exits() {
    local wanted=$1 status=0
    shift
    OUTPUT=$(timeout 60 "$@" 2>&1 </dev/null) || status=$?
    echo "$* -> $status: $OUTPUT"
    assert_equal "$status" "$wanted"
}

state_of() { # PATH: the state of the one recording there
    "$SCRIBECTL" status --json "$1" | jq -r '.items[0].state'
}

state_is() { # PATH STATE
    [ "$(state_of "$1")" = "$2" ]
}

# bats test_tags=core
@test "status: plain lines in a pipe, by recording, by view, by directory and for all" {
    recording "$INBOX/one.wav"
    mkdir "$INBOX/dir"
    recording "$INBOX/dir/two.wav"
    transcribed "$INBOX/one" "$INBOX/dir/two"
    exits 0 "$SCRIBECTL" status "$INBOX/one.wav"
    assert_contains "$OUTPUT" "one.wav"
    refute grep -q two.wav <<<"$OUTPUT"
    exits 0 "$SCRIBECTL" status "$INBOX/one.txt"
    assert_contains "$OUTPUT" "one.wav"
    exits 0 "$SCRIBECTL" status "$INBOX/dir"
    assert_contains "$OUTPUT" "two.wav"
    refute grep -q one.wav <<<"$OUTPUT"
    exits 0 "$SCRIBECTL" status "$INBOX"
    assert_contains "$OUTPUT" "one.wav"
    assert_contains "$OUTPUT" "two.wav"
    exits 0 "$SCRIBECTL" status "$MNT"
    assert_contains "$OUTPUT" "two.wav"
    refute grep -q $'\033' <<<"$OUTPUT"
    (cd "$INBOX/dir" && "$SCRIBECTL" status two.wav) | grep -q two.wav
    (cd "$INBOX/dir" && "$SCRIBECTL" status .) | grep -q two.wav
}

# bats test_tags=core
@test "status --json parses and says the state through the whole life of a recording" {
    hold_workers
    recording "$INBOX/talk.wav"
    wait_for state_is "$INBOX/talk.wav" running
    "$SCRIBECTL" status --json "$INBOX" | jq -e '.counts.running == 1 and .items[0].path == "talk.wav" and .items[0].stage == "recognising"' ||
        wait_for running_and_recognising
    free_workers
    wait_for state_is "$INBOX/talk.wav" "done"
    "$SCRIBECTL" status --json "$INBOX" | jq -e '.counts.done == 1 and .items[0].duration_ms > 0 and .items[0].finished_ms > 0'
    allow_log 'media\.decode|fail'
    recording "$INBOX/bad.wav" "fail media.decode"
    wait_for state_is "$INBOX/bad.wav" failed
    "$SCRIBECTL" status --json "$INBOX/bad.wav" | jq -e '.items[0].error.code == "media.decode" and (.items[0].error.cause | length > 0)'
}

running_and_recognising() {
    "$SCRIBECTL" status --json "$INBOX" | jq -e '.items[0].stage == "recognising" and .items[0].done > 0' >/dev/null
}

@test "status --json with names that are not UTF-8, with quotes and newlines" {
    recording "$INBOX/"$'caf\351.wav'
    recording "$INBOX/"$'two\nlines "quoted".wav'
    transcribed "$INBOX/"$'caf\351' "$INBOX/"$'two\nlines "quoted"'
    "$SCRIBECTL" status --json "$INBOX" | jq -e '.counts.done == 2'
    exits 0 "$SCRIBECTL" status "$INBOX/"$'caf\351.wav'
    exits 0 "$SCRIBECTL" wait "$INBOX/"$'two\nlines "quoted".wav'
}

@test "status --watch follows, and ends when its reader does" {
    hold_workers
    recording "$INBOX/talk.wav"
    wait_for worker_started "$RAW/talk.wav"
    start watcher "$SCRIBECTL" status --watch "$INBOX"
    local watcher=${STARTED[-1]}
    wait_for grep -q "talk.wav" "$T/watcher"
    free_workers
    transcribed "$INBOX/talk"
    wait_for grep -Eq "talk.wav.*done|done.*talk.wav" "$T/watcher"
    running "$watcher"
    kill -TERM "$watcher"
    wait_for not_running "$watcher"
    # Whoever reads it goes away: at the next change it finds out.
    start pipe sh -c "'$SCRIBECTL' status --watch '$INBOX' | head -n 1"
    wait_for grep -q talk.wav "$T/pipe"
    recording "$INBOX/other.wav"
    wait_for not_running "${STARTED[-1]}"
}

@test "on a terminal there is a progress bar" {
    command -v script >/dev/null || skip "script(1) is not installed"
    hold_workers
    recording "$INBOX/talk.wav"
    wait_for running_and_recognising
    start terminal script -qefc "TERM=xterm '$SCRIBECTL' status --watch '$INBOX'" /dev/null
    wait_for grep -Eq '4[0-9] ?%' "$T/terminal"
    grep -q $'\033' "$T/terminal"
}

# bats test_tags=core
@test "wait: 0 when the views can be seen, for one, several, and a directory" {
    recording "$INBOX/talk.wav"
    exits 0 "$SCRIBECTL" wait "$INBOX/talk.wav"
    exists "$INBOX/talk.txt"
    exists "$INBOX/talk.srt"
    exists "$INBOX/talk.json"
    mkdir "$INBOX/dir"
    for i in 1 2 3 4; do
        recording "$INBOX/dir/talk-$i.wav"
    done
    recording "$INBOX/other.wav"
    exits 0 "$SCRIBECTL" wait "$INBOX/dir" "$INBOX/other.wav"
    for i in 1 2 3 4; do
        exists "$INBOX/dir/talk-$i.txt"
        exists "$INBOX/dir/talk-$i.json"
    done
    exists "$INBOX/other.txt"
}

@test "wait right after a drop, 20 times over: the text is always there" {
    for i in $(seq 20); do
        recording "$INBOX/talk-$i.wav"
        "$SCRIBECTL" wait --timeout 30 "$INBOX/talk-$i.wav" >/dev/null
        [ -s "$INBOX/talk-$i.txt" ]
    done
}

# bats test_tags=core
@test "wait: 4 after --timeout, 3 when a recording failed, 5 when there is none" {
    hold_workers
    recording "$INBOX/talk.wav"
    wait_for worker_started "$RAW/talk.wav"
    exits 4 "$SCRIBECTL" wait --timeout 1 "$INBOX/talk.wav"
    free_workers
    exits 0 "$SCRIBECTL" wait --timeout 30 "$INBOX/talk.wav"
    allow_log 'media\.decode|fail'
    recording "$INBOX/bad.wav" "fail media.decode"
    exits 3 "$SCRIBECTL" wait "$INBOX/bad.wav"
    assert_contains "$OUTPUT" "damaged"
    exits 3 "$SCRIBECTL" wait "$INBOX/talk.wav" "$INBOX/bad.wav"
    exits 5 "$SCRIBECTL" wait "$INBOX/none.wav"
    exits 5 "$SCRIBECTL" status "$INBOX/none.wav"
    exits 5 "$SCRIBECTL" -s "$STORE" status "$T"
}

@test "retry tries failed recordings again, one or all" {
    allow_log 'media\.decode|fail'
    mkdir "$INBOX/dir"
    recording "$INBOX/bad.wav" "fail media.decode"
    recording "$INBOX/dir/worse.wav" "fail media.decode"
    exits 3 "$SCRIBECTL" wait "$INBOX"
    exits 0 "$SCRIBECTL" retry "$INBOX/bad.wav"
    wait_for started_times 2 "$RAW/bad.wav"
    exits 3 "$SCRIBECTL" wait "$INBOX"
    exits 0 "$SCRIBECTL" retry "$INBOX"
    wait_for started_times 3 "$RAW/bad.wav"
    wait_for started_times 2 "$RAW/dir/worse.wav"
    exits 3 "$SCRIBECTL" wait "$INBOX"
    exits 5 "$SCRIBECTL" retry "$INBOX/none.wav"
}

started_times() { # NUMBER FILE
    [ "$(worker_log start "$2")" = "$1" ]
}

@test "restore brings deleted views back, by recording, by view's name, and by directory" {
    recording "$INBOX/one.wav"
    recording "$INBOX/two.wav"
    transcribed "$INBOX/one" "$INBOX/two"
    rm "$INBOX/one.txt" "$INBOX/one.srt" "$INBOX/two.txt" "$INBOX/two.json"
    exits 0 "$SCRIBECTL" restore "$INBOX/one.wav"
    transcribed "$INBOX/one"
    missing "$INBOX/two.txt"
    "$SCRIBECTL" status --json "$INBOX/two.wav" | jq -e '.items[0].hidden | sort == ["json", "txt"]'
    exits 0 "$SCRIBECTL" restore "$INBOX"
    transcribed "$INBOX/two"
    assert_equal "$(worker_starts)" 2
    rm "$INBOX/one.txt"
    exits 0 "$SCRIBECTL" restore "$INBOX/one.txt"
    transcribed "$INBOX/one"
}

# bats test_tags=core
@test "wrong usage is 2, and no daemon is 6" {
    exits 2 "$SCRIBECTL"
    exits 2 "$SCRIBECTL" dance
    exits 2 "$SCRIBECTL" status --nonsense
    exits 2 "$SCRIBECTL" wait
    exits 2 "$SCRIBECTL" retry
    exits 2 "$SCRIBECTL" wait --timeout soon "$INBOX"
    exits 0 "$SCRIBECTL" status "$RAW"
    exits 0 "$SCRIBECTL" -s "$STORE" status
    exits 0 env SCRIBEFS_STORE="$STORE" "$SCRIBECTL" status
    stop_mount
    exits 6 "$SCRIBECTL" -s "$STORE" status
    # A daemon that died leaves its socket; that is no daemon either.
    start_mount
    crash_mount
    exits 6 "$SCRIBECTL" -s "$STORE" status
}

@test "another user may not ask" {
    [ "$(id -u)" = 0 ] || skip "needs root to act as another user"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    exits 6 setpriv --reuid 1234 --regid 1234 --clear-groups "$SCRIBECTL" status "$INBOX"
}

@test "the daemon stands clients that say nonsense, too much, nothing, or hang up" {
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    py - "$STORE/state/control" <<'END'
import socket, sys

def client(data, answers=True):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(sys.argv[1])
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    if answers:
        try:
            return s.recv(100000)
        except ConnectionResetError:
            return b""
    s.close()

for nonsense in (b"hello\n", b"{}\n", b"[]\n", b'{"command":7}\n', b'{"command":"status","path":7}\n', b'{"command":"status","path":"../../etc"}\n',
                 b'{"command":"wait","path":"","timeout_ms":-1}\n', b"\xff\xfe\n", b"[" * 5000 + b"\n"):
    answer = client(nonsense)
    assert answer.endswith(b"\n"), (nonsense, answer)
client(b"x" * 5_000_000)
client(b'{"command":"watch","path":""}\n', answers=False)
client(b'{"command":', answers=False)
crowd = []
for _ in range(300):
    s = socket.socket(socket.AF_UNIX)
    s.setblocking(False)
    try:
        s.connect(sys.argv[1])
    except BlockingIOError:
        break
    crowd.append(s)
END
    exits 0 "$SCRIBECTL" status "$INBOX"
    assert_contains "$OUTPUT" talk.wav
}
