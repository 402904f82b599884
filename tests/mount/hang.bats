#!/usr/bin/env bats
# Nothing that happens to a worker or to the index makes the mount wait.

load ../lib/common

setup() {
    common_setup
    fake_worker
}

# A recording whose worker has been stopped in its tracks.
stopped_worker() {
    hold_workers
    recording "$INBOX/talk.wav"
    wait_for worker_started "$RAW/talk.wav"
    STOPPED=$(awk '/^start/ { pid = $3 } END { print pid }' "$T/worker/log")
    kill -STOP "$STOPPED"
    wait_for is_stopped "$STOPPED"
}

is_stopped() {
    [ "$(sed 's/.*) //;s/ .*//' "/proc/$1/stat")" = T ]
}

# Everything people do, each with a limit far above what it takes and far below what a hang takes.
use_the_mount() {
    timeout 10 ls -l "$INBOX" >/dev/null
    timeout 10 cat "$INBOX/talk.wav" "$INBOX/talk.transcribing.txt" "$MNT/status.txt" >/dev/null
    timeout 10 cp "$RAW/talk.wav" "$INBOX/copy.dat"
    timeout 10 sh -c "echo more >>'$INBOX/copy.dat'"
    timeout 10 mkdir "$INBOX/dir"
    timeout 10 mv "$INBOX/copy.dat" "$INBOX/dir/copy.dat"
    timeout 10 ls -l "$INBOX/dir" >/dev/null
    timeout 10 rm -r "$INBOX/dir"
    timeout 10 df "$INBOX" >/dev/null
    timeout 10 sync "$INBOX/talk.wav"
}

# bats test_tags=core
@test "with every worker stopped, listing, reading and writing go on, and SIGTERM unmounts" {
    start_mount workers=1
    stopped_worker
    use_the_mount
    for i in 1 2 3 4 5; do
        recording "$INBOX/other-$i.wav"
        wait_for exists "$INBOX/other-$i.transcribing.txt"
    done
    use_the_mount
    timeout 10 "$SCRIBECTL" status "$INBOX" >/dev/null
    stop_mount
    wait_for not_running "$STOPPED"
}

# bats test_tags=core
@test "with a worker stopped, unmounting by umount ends the daemon too" {
    start_mount workers=1
    stopped_worker
    local pid=$DAEMON
    DAEMON=''
    if [ "$(id -u)" = 0 ]; then
        umount "$MNT"
    else
        fusermount3 -u "$MNT"
    fi
    wait_for not_running "$pid"
    wait "$pid"
    wait_for not_running "$STOPPED"
}

@test "the work that a stop interrupted is done after the next start" {
    start_mount workers=1
    stopped_worker
    stop_mount
    free_workers
    start_mount
    transcribed "$INBOX/talk"
    assert_equal "$(worker_log finish "$RAW/talk.wav")" 1
}

@test "a recording whose worker is stopped can be deleted, renamed and rewritten" {
    start_mount workers=1
    stopped_worker
    timeout 10 mv "$INBOX/talk.wav" "$INBOX/renamed.wav"
    wait_for exists "$INBOX/renamed.transcribing.txt"
    running "$STOPPED"
    timeout 10 sh -c "echo 'say something else' >'$INBOX/renamed.wav'"
    wait_for not_running "$STOPPED"
    free_workers
    wait_for contains "$INBOX/renamed.txt" "something else"
    hold_workers
    recording "$INBOX/talk.wav" "say the third"
    wait_for worker_started "$RAW/talk.wav"
    STOPPED=$(awk '/^start/ { pid = $3 } END { print pid }' "$T/worker/log")
    kill -STOP "$STOPPED"
    timeout 10 rm "$INBOX/talk.wav"
    wait_for not_running "$STOPPED"
}

@test "a worker that goes silent is killed and reported, and the next recording is taken" {
    start_mount workers=1,hang_seconds=2
    allow_log 'engine\.|media\.|timeout|silent|kill|worker|fail'
    recording "$INBOX/hang.wav" hang
    recording "$INBOX/next.wav"
    transcribed "$INBOX/next"
    wait_for not_running "$(awk '/^start/ { print $3; exit }' "$T/worker/log")"
}

# bats test_tags=core
@test "with the index locked by another program, recordings are still taken, transcribed and shown" {
    start_mount
    recording "$INBOX/before.wav"
    transcribed "$INBOX/before"
    allow_log 'index|lock|busy|database'
    start locker "$PYTHON" -IBu -c '
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA busy_timeout=20000")
db.execute("BEGIN EXCLUSIVE")
print("locked")
time.sleep(90)' "$STORE/state/index.db"
    local locker=${STARTED[-1]}
    wait_for grep -q locked "$T/locker"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk" "$INBOX/before"
    timeout 10 ls -l "$INBOX" >/dev/null
    timeout 10 rm "$INBOX/talk.srt"
    timeout 10 mv "$INBOX/before.wav" "$INBOX/after.wav"
    transcribed "$INBOX/after"
    end_process "$locker"
    restart
    missing "$INBOX/talk.srt"
    exists "$INBOX/talk.txt"
    assert_equal "$(worker_log start "$RAW/talk.wav")" 1
}

@test "a reader that stops in the middle of a view does not stop others" {
    start_mount
    recording "$INBOX/talk.wav" "say $(seq -s ' ' 20000)"
    transcribed "$INBOX/talk"
    start reader "$PYTHON" -IBu -c '
import os, signal, sys
f = os.open(sys.argv[1], os.O_RDONLY)
print(len(os.read(f, 100)))
signal.pause()' "$INBOX/talk.txt"
    wait_for grep -q 100 "$T/reader"
    timeout 10 cat "$INBOX/talk.txt" | cmp - <(timeout 10 cat "$INBOX/talk.txt")
    rm "$INBOX/talk.wav"
    wait_for missing "$INBOX/talk.txt"
}

# As an ordinary user nothing can be aborted: the connection has to be severed.
# bats test_tags=core
@test "stopped while views are announced, again and again: the daemon ends, and takes its mount along" {
    local round i
    start_mount
    echo "say the same words everywhere" >"$INBOX/known.wav"
    transcribed "$INBOX/known"
    for round in $(seq 6); do
        mkdir "$INBOX/$round"
        for i in $(seq 100); do
            echo "say the same words everywhere" >"$INBOX/$round/$i.wav"
        done
        wait_for some_view "$INBOX/$round"
        restart
    done
    assert_equal "$(worker_starts)" 1
}

some_view() {
    find "$1" -name '*.json' | grep -q .
}
