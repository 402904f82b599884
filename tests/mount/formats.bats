#!/usr/bin/env bats
# Every format of a transcript: listed by settings, or opened by its name though no listing shows it; and the cache they are made in.

load ../lib/common

setup() {
    common_setup
    fake_worker
}

talk() {
    recording "$INBOX/talk.wav" "${1:-say a few quiet words}"
    transcribed "$INBOX/talk"
}

once() { # it was recognised once, whatever was done with its views
    assert_equal "$(worker_log start "$RAW/talk.wav")" 1
}

listing() {
    names "$INBOX"
}

# bats test_tags=core
@test "every format opens by its name, and no listing shows it" {
    start_mount
    talk
    local format
    for format in vtt md tsv csv plain.txt words.tsv html labels.txt podcast.json whisperx.json; do
        assert_contains "$(cat "$INBOX/talk.$format")" "quiet"
        assert_equal "$(stat -c %s "$INBOX/talk.$format")" "$(cat "$INBOX/talk.$format" | wc -c)"
        assert_equal "$(stat -c '%U %a' "$INBOX/talk.$format")" "$(stat -c '%U %a' "$INBOX/talk.txt")"
    done
    assert_equal "$(listing)" "talk.json talk.srt talk.txt talk.wav"
    missing "$INBOX/talk.nonsense"
    missing "$INBOX/talk.plain"
    missing "$INBOX/.md"
    missing "$INBOX/other.vtt"
    # What the recording is called decides, not what a name could also mean.
    recording "$INBOX/memo.plain.wav" "say something else"
    transcribed "$INBOX/memo.plain"
    assert_contains "$(cat "$INBOX/memo.plain.txt")" "^memo.plain$"
    assert_contains "$(cat "$INBOX/memo.plain.plain.txt")" "something else"
    missing "$INBOX/memo.txt"
}

# bats test_tags=core
@test "a view that opens by its name is read, edited, moved and deleted like the others" {
    start_mount
    talk
    # Deleted: it is gone until it is restored.
    rm "$INBOX/talk.vtt"
    missing "$INBOX/talk.vtt"
    refute rm "$INBOX/talk.vtt"
    "$SCRIBECTL" restore "$INBOX/talk.vtt"
    wait_for exists "$INBOX/talk.vtt"
    # Edited: it is a real file, with the text in it.
    echo mine >>"$INBOX/talk.md"
    assert_contains "$(cat "$RAW/talk.md")" "quiet"
    assert_equal "$(tail -n 1 "$INBOX/talk.md")" mine
    assert_contains "$(listing)" talk.md
    rm "$INBOX/talk.md"
    assert_contains "$(cat "$INBOX/talk.md")" "quiet"
    # Moved: real under its new name, gone under the old one.
    cat "$INBOX/talk.tsv" >"$T/tsv"
    mv "$INBOX/talk.tsv" "$INBOX/kept.tsv"
    cmp "$T/tsv" "$RAW/kept.tsv"
    missing "$INBOX/talk.tsv"
    # The recording's new name is theirs too, and what was deleted stays so.
    mv "$INBOX/talk.wav" "$INBOX/speech.wav"
    transcribed "$INBOX/speech"
    missing "$INBOX/talk.vtt"
    exists "$INBOX/speech.vtt"
    missing "$INBOX/speech.tsv"
    # The folder goes as if they were not there.
    mkdir "$INBOX/d"
    mv "$INBOX/speech.wav" "$INBOX/d"
    transcribed "$INBOX/d/speech"
    exists "$INBOX/d/speech.vtt"
    rm "$INBOX/kept.tsv"
    rm -r "$INBOX/d"
    missing "$INBOX/d"
    assert_equal "$(worker_starts)" 1
}

@test "a real file of such a name is made by cp, mv, rsync and editors; what must be new wants the view deleted first" {
    start_mount
    talk
    echo 'my own' >"$T/own"
    cp "$T/own" "$INBOX/talk.vtt" && cmp "$T/own" "$RAW/talk.vtt"
    cp "$T/own" "$T/moved" && mv "$T/moved" "$INBOX/talk.md" && cmp "$T/own" "$RAW/talk.md"
    cp "$T/own" "$T/talk.csv" && rsync "$T/talk.csv" "$INBOX/" && cmp "$T/own" "$RAW/talk.csv"
    cp "$T/own" "$INBOX/new" && mv "$INBOX/new" "$INBOX/talk.tsv" && cmp "$T/own" "$RAW/talk.tsv"
    # The kernel asks whether the name is there before it says what for.
    refute mkdir "$INBOX/talk.html"
    refute mkfifo "$INBOX/talk.html"
    refute ln -s x "$INBOX/talk.html"
    refute dd if="$T/own" of="$INBOX/talk.html" conv=excl status=none
    cp -n "$T/own" "$INBOX/talk.html" || :
    missing "$RAW/talk.html"
    rm "$INBOX/talk.html"
    dd if="$T/own" of="$INBOX/talk.html" conv=excl status=none
    rm "$INBOX/talk.html"
    mkdir "$INBOX/talk.html"
    rmdir "$INBOX/talk.html"
    # The real ones win for as long as they are there.
    rm "$INBOX/talk.vtt"
    assert_contains "$(cat "$INBOX/talk.vtt")" WEBVTT
    once
}

@test "views = says which are listed; a change of it, or of how they look, shows at the next start" {
    mkdir -p "$STORE"
    printf '[views]\nviews = html, plain.txt\n' >"$T/conf"
    start_mount "config=$T/conf"
    recording "$INBOX/talk.wav"
    wait_for exists "$INBOX/talk.html"
    wait_for -t 20 "$SCRIBECTL" wait --timeout 15 "$INBOX"
    assert_equal "$(listing)" "talk.html talk.plain.txt talk.wav"
    assert_contains "$(cat "$INBOX/talk.srt")" "-->"
    assert_equal "$("$SCRIBECTL" status --json "$INBOX/talk.wav" | jq -c '[.. | .views? // empty] | flatten')" '["html","plain.txt"]'
    local before
    before=$(stat -c %Y "$INBOX/talk.html")
    stop_mount
    printf '[views]\nviews = txt, html\nheader = no\n' >"$T/conf"
    sleep 1
    start_mount "config=$T/conf"
    wait_for exists "$INBOX/talk.txt"
    wait_for -t 20 "$SCRIBECTL" wait --timeout 15 "$INBOX"
    assert_equal "$(listing)" "talk.html talk.txt talk.wav"
    refute grep -q 'Transcribed by' "$INBOX/talk.txt"
    # Their time says that they changed, and says the same ever after: a mirror takes them once.
    local after
    after=$(stat -c %.Y "$INBOX/talk.txt" "$INBOX/talk.html")
    [ "${after%%.*}" -gt "$before" ]
    stop_mount
    rm -r "$STORE/state/views"
    start_mount "config=$T/conf"
    wait_for exists "$INBOX/talk.html"
    wait_for exists "$INBOX/talk.txt"
    assert_equal "$(stat -c %.Y "$INBOX/talk.txt" "$INBOX/talk.html")" "$after"
    once
}

# bats test_tags=core
@test "the cache of views may be emptied, cut and lost at any time" {
    start_mount
    talk "say $(seq -s ' ' 2000)"
    local view
    for view in txt srt json vtt; do cat "$INBOX/talk.$view" >"$T/$view"; done
    same() { for view in txt srt json vtt; do cmp "$T/$view" "$INBOX/talk.$view" || return; done; }
    rm -r "$STORE/state/views"
    same
    find "$STORE/state/views" -type f -exec truncate -s 100 {} +
    echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || :
    same
    # While it is emptied again and again every read is right.
    start '' sh -c 'while :; do rm -rf "$0"; done' "$STORE/state/views"
    for _ in 1 2 3 4 5 6 7 8; do same; done
    end_process "${STARTED[-1]}"
    stop_mount
    rm -rf "$STORE/state/views"
    start_mount
    transcribed "$INBOX/talk"
    same
    kill -9 "$DAEMON"
    wait "$DAEMON" || :
    force_unmount "$MNT"
    find "$STORE/state/views" -type f -exec truncate -s 0 {} +
    start_mount
    transcribed "$INBOX/talk"
    same
    once
}

@test "views made by the rules of an earlier scribefs are made anew, at no cost, and their time says so" {
    start_mount
    talk
    local before
    before=$(stat -c %.Y "$INBOX/talk.txt")
    stop_mount
    rm -r "$STORE/state/views"
    sqlite "UPDATE links SET stamp = 12345"
    start_mount
    transcribed "$INBOX/talk"
    local after
    after=$(stat -c %.Y "$INBOX/talk.txt")
    [ "${after/./}" -gt "${before/./}" ]
    stop_mount
    start_mount
    transcribed "$INBOX/talk"
    assert_equal "$(stat -c %.Y "$INBOX/talk.txt")" "$after"
    once
}

# Debian's Python has SQLite; the machine may have no sqlite3(1).
sqlite() {
    py - "$STORE/state/index.db" "$1" <<'END'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute(sys.argv[2])
END
}
