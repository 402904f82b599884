#!/usr/bin/env bats
# The index and the cache can be lost or damaged; the store knows enough to go on, and nothing is recognised again that is there.

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
    mkdir "$INBOX/dir"
    recording "$INBOX/one.wav"
    recording "$INBOX/dir/two.wav"
    cp "$INBOX/one.wav" "$INBOX/dir/same.wav"
    transcribed "$INBOX/one" "$INBOX/dir/two" "$INBOX/dir/same"
}

all_there_at_no_cost() {
    transcribed "$INBOX/one" "$INBOX/dir/two" "$INBOX/dir/same"
    fence
    assert_equal "$(worker_log start "$RAW/one.wav")" 1
    assert_equal "$(worker_log start "$RAW/dir/two.wav")" 1
    contains "$INBOX/dir/two.txt" "two.wav"
}

# bats test_tags=core
@test "a missing index is built again from the store" {
    stop_mount
    rm "$STORE"/state/index.db*
    start_mount
    all_there_at_no_cost
    restart
    all_there_at_no_cost
}

# bats test_tags=core
@test "a corrupt index is moved aside, said in the log, and built again" {
    stop_mount
    rm -f "$STORE"/state/index.db-*
    head -c 50000 /dev/urandom >"$STORE/state/index.db"
    allow_log 'index.*(damaged|corrupt)|(damaged|corrupt).*index'
    start_mount
    all_there_at_no_cost
    grep -Eiq 'index.*(damaged|corrupt)' "$LOG"
    [ "$(find "$STORE/state" -name 'index.db.corrupt-*' ! -name '*-wal' ! -name '*-shm' | wc -l)" = 1 ]
    restart
    all_there_at_no_cost
}

@test "an index with its middle overwritten" {
    stop_mount
    dd if=/dev/urandom of="$STORE/state/index.db" bs=512 seek=2 count=40 conv=notrunc status=none
    rm -f "$STORE"/state/index.db-*
    allow_log 'index|damaged|corrupt|malformed'
    start_mount
    all_there_at_no_cost
}

@test "an index that is an empty file or cut short" {
    stop_mount
    rm -f "$STORE"/state/index.db-*
    : >"$STORE/state/index.db"
    allow_log 'index|damaged|corrupt|malformed'
    start_mount
    all_there_at_no_cost
    stop_mount
    rm -f "$STORE"/state/index.db-*
    truncate -s 3000 "$STORE/state/index.db"
    start_mount
    all_there_at_no_cost
}

@test "lost results are made again" {
    stop_mount
    rm -rf "$STORE/state/results"
    start_mount
    transcribed "$INBOX/one" "$INBOX/dir/two" "$INBOX/dir/same"
    wait_for started_times 2 "$RAW/one.wav"
    transcribed "$INBOX/one" "$INBOX/dir/same"
    contains "$INBOX/one.txt" "one.wav"
    fence
    assert_equal "$(worker_log start "$RAW/one.wav")" 2
}

started_times() { # NUMBER FILE
    [ "$(worker_log start "$2")" = "$1" ]
}

@test "a result cut short is never shown as if it were whole; it is made again" {
    local size text
    size=$(stat -c %s "$INBOX/one.txt")
    text=$(cat "$INBOX/one.txt")
    stop_mount
    allow_log 'damaged|result|again'
    find "$STORE/state/results" -name 'transcript.json' -exec truncate -s 3 {} +
    start_mount
    wait_for right_text "$INBOX/one.txt" "$text"
    assert_equal "$(stat -c %s "$INBOX/one.txt")" "$size"
}

# Either not there, an error, or exactly the text: anything else is wrong at once.
right_text() { # FILE TEXT
    local got
    got=$(cat "$1" 2>/dev/null) || return 1
    if [ "$got" != "$2" ]; then
        echo "WRONG: shown as $(printf %q "$got")"
        exit 1
    fi
}

@test "state/ moved to another machine with the store, where every inode number differs" {
    stop_mount
    cp -r "$STORE" "$T/moved"
    rm -rf "$STORE"
    mv "$T/moved" "$STORE"
    start_mount
    all_there_at_no_cost
}

@test "what was deleted in state/work is not missed" {
    stop_mount
    rm -rf "$STORE/state/work"
    start_mount
    recording "$INBOX/three.wav"
    transcribed "$INBOX/three"
    all_there_at_no_cost
}
