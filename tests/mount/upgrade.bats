#!/usr/bin/env bats
# A store of the first version is served by today's: nothing is transcribed again, nothing that people did is lost.

load ../lib/common

version() {
    "$PYTHON" -Bc 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("PRAGMA user_version").fetchone()[0])' \
        "$STORE/state/index.db"
}

@test "a store of the first version: transcripts, edits and deletions are as they were, at no cost" {
    fake_worker
    start_mount
    mkdir "$INBOX/dir"
    recording "$INBOX/one.wav"
    recording "$INBOX/dir/two.wav"
    transcribed "$INBOX/one" "$INBOX/dir/two"
    local txt newest
    txt=$(cat "$INBOX/one.txt")
    echo "corrected by hand" >"$INBOX/dir/two.txt"
    rm "$INBOX/one.srt"
    stop_mount
    newest=$("$PYTHON" -IB "$LIB/older_store.py" "$STORE")
    assert_equal "$(version)" 1

    start_mount
    wait_for test -e "$INBOX/one.txt"
    wait_for test -e "$INBOX/dir/two.json"
    assert_equal "$(cat "$INBOX/one.txt")" "$txt"
    assert_equal "$(cat "$INBOX/dir/two.txt")" "corrected by hand"
    missing "$INBOX/one.srt"
    # What is new since then is there for old transcripts too.
    contains "$INBOX/one.vtt" WEBVTT
    wait_for "$SCRIBECTL" -s "$STORE" search words
    recording "$INBOX/three.wav"
    transcribed "$INBOX/three"
    fence
    assert_equal "$(worker_log start "$RAW/one.wav")" 1
    assert_equal "$(worker_log start "$RAW/dir/two.wav")" 1
    stop_mount
    assert_equal "$(version)" "$newest"
}
