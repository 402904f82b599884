#!/usr/bin/env bats
# Things that happen at the wrong moment: a view never shows another recording's text, and none is lost.
# time limit: 240

load ../lib/common

setup() {
    common_setup
    fake_worker
}

# bats test_tags=core
@test "rewriting one of two equal recordings while it is read does not spoil the other's transcript" {
    start_mount workers=1
    hold_workers
    : >"$T/worker/late"
    mkdir "$INBOX/one" "$INBOX/two"
    printf 'say the same words\n' >"$INBOX/one/a.wav"
    printf 'say the same words\n' >"$INBOX/two/b.wav"
    wait_for worker_started "$RAW/one/a.wav"
    exists "$INBOX/two/b.transcribing.txt" || wait_for exists "$INBOX/two/b.transcribing.txt"
    # Whichever is being read, both are tried in turn.
    printf 'say something new\n' >"$INBOX/two/b.wav"
    free_workers
    transcribed "$INBOX/one/a" "$INBOX/two/b"
    assert_contains "$(cat "$INBOX/one/a.txt")" "the same words"
    assert_contains "$(cat "$INBOX/two/b.txt")" "something new"
    hold_workers
    printf 'say other equal words\n' >"$INBOX/one/c.wav"
    printf 'say other equal words\n' >"$INBOX/two/d.wav"
    wait_for worker_started "$RAW/one/c.wav"
    wait_for exists "$INBOX/two/d.transcribing.txt"
    printf 'say a new text\n' >"$INBOX/one/c.wav"
    free_workers
    transcribed "$INBOX/one/c" "$INBOX/two/d"
    assert_contains "$(cat "$INBOX/one/c.txt")" "a new text"
    assert_contains "$(cat "$INBOX/two/d.txt")" "other equal words"
}

@test "a recording rewritten behind the mount's back while it waits is not transcribed as the old one" {
    start_mount workers=1
    hold_workers
    recording "$INBOX/first.wav"
    wait_for worker_started "$RAW/first.wav"
    printf 'say the old words\n' >"$INBOX/n.wav"
    wait_for exists "$INBOX/n.transcribing.txt"
    crash_mount
    printf 'say the new words\n' >"$RAW/n.wav"
    free_workers
    allow_log 'dead|stale|cleared|not connected|changed or moved'
    start_mount workers=1
    transcribed "$INBOX/first" "$INBOX/n"
    assert_contains "$(cat "$INBOX/n.txt")" "the new words"
    printf 'say the old words\n' >"$INBOX/copy.wav"
    transcribed "$INBOX/copy"
    assert_contains "$(cat "$INBOX/copy.txt")" "the old words"
}

@test "a folder renamed while scribefs is not running keeps its transcripts at the first start" {
    start_mount
    mkdir "$INBOX/f"
    for i in 1 2 3; do recording "$INBOX/f/$i.wav"; done
    transcribed "$INBOX/f/1" "$INBOX/f/2" "$INBOX/f/3"
    stop_mount
    mv "$RAW/f" "$RAW/g"
    start_mount
    transcribed "$INBOX/g/1" "$INBOX/g/2" "$INBOX/g/3"
    assert_equal "$(worker_starts)" 3
    wait_for exits 0 "$SCRIBECTL" wait --timeout 5 "$INBOX/g"
}

exits() {
    local expected=$1 status=0
    shift
    "$@" >/dev/null 2>&1 || status=$?
    [ "$status" = "$expected" ]
}

@test "a folder renamed back and forth while its views are announced loses none" {
    start_mount
    mkdir "$INBOX/d1"
    for i in $(seq 40); do recording "$INBOX/d1/$i.wav"; done
    local deadline=$((SECONDS + 6))
    while [ $SECONDS -lt $deadline ]; do
        mv "$INBOX/d1" "$INBOX/d2"
        mv "$INBOX/d2" "$INBOX/d1"
    done
    allow_log 'changed or moved'
    wait_for -t 60 exits 0 "$SCRIBECTL" wait --timeout 50 "$INBOX/d1"
    assert_equal "$(find "$INBOX/d1" -name '*.txt' -o -name '*.srt' -o -name '*.json' | wc -l)" 120
}

@test "a result that was lost and is made again with another text is read without an error" {
    start_mount
    recording "$INBOX/a.wav"
    transcribed "$INBOX/a"
    exec 8<"$INBOX/a.txt"
    : >"$T/worker/late"
    allow_log 'damaged|lost'
    find "$STORE/state/results" -name transcript.json -delete
    rm -r "$STORE/state/views"
    cat "$INBOX/a.txt" >/dev/null 2>&1 || :
    transcribed "$INBOX/a"
    wait_for cat "$INBOX/a.txt"
    assert_contains "$(cat "$INBOX/a.txt")" "the words of"
    assert_equal "$(worker_starts)" 2
    exec 8<&-
}

@test "rm -r of a folder with many recordings reports nothing" {
    start_mount
    mkdir "$INBOX/d"
    for i in $(seq 400); do printf 'say the same words\n' >"$INBOX/d/$i.wav"; done
    wait_for -t 60 exits 0 "$SCRIBECTL" wait --timeout 50 "$INBOX/d"
    run rm -rv "$INBOX/d"
    assert_equal "$status" 0
    missing "$INBOX/d"
}

# bats test_tags=core
@test "views outlive their recording for as long as their folder is being emptied" {
    start_mount
    mkdir "$INBOX/d"
    for i in 1 2 3 4 5 6; do recording "$INBOX/d/$i.wav"; done
    transcribed "$INBOX"/d/{1,2,3,4,5,6}
    # Six removals half a second apart, then the views: longer than the grace of the first.
    for i in 1 2 3 4 5 6; do
        rm "$INBOX/d/$i.wav"
        sleep 0.4 # the time that passes is the case
    done
    for i in 1 2 3 4 5 6; do rm "$INBOX/d/$i.txt" "$INBOX/d/$i.srt" "$INBOX/d/$i.json"; done
    rmdir "$INBOX/d"
}

@test "a new recording under the name of one that was just deleted never shows the old text" {
    start_mount
    recording "$INBOX/aa.wav" "say the first words"
    transcribed "$INBOX/aa"
    rm "$INBOX/aa.wav"
    recording "$INBOX/aa.wav" "say the second words"
    local text
    for _ in $(seq 40); do
        text=$(cat "$INBOX/aa.txt" 2>/dev/null) || continue
        [[ $text != *"first words"* ]] || { echo "old text under a new recording"; return 1; }
    done
    transcribed "$INBOX/aa"
    assert_contains "$(cat "$INBOX/aa.txt")" "second words"
}

@test "a recording deleted in the store does not hold up one with the same content" {
    start_mount workers=1
    hold_workers
    recording "$INBOX/first.wav"
    wait_for worker_started "$RAW/first.wav"
    printf 'say the twin words\n' >"$INBOX/b.wav"
    printf 'say the twin words\n' >"$INBOX/a.wav"
    wait_for exists "$INBOX/a.transcribing.txt"
    wait_for exists "$INBOX/b.transcribing.txt"
    allow_log 'changed or moved'
    rm "$RAW/a.wav"
    free_workers
    transcribed "$INBOX/b"
    wait_for missing "$INBOX/a.transcribing.txt"
}

# bats test_tags=core
@test "two recordings exchange their names and keep their transcripts" {
    start_mount
    recording "$INBOX/a.wav" "say of a"
    recording "$INBOX/b.wav" "say of b"
    transcribed "$INBOX/a" "$INBOX/b"
    rm "$INBOX/a.srt"
    py "$LIB/rename.py" exchange "$INBOX/a.wav" "$INBOX/b.wav"
    wait_for contains "$INBOX/a.txt" "of b"
    wait_for contains "$INBOX/b.txt" "of a"
    wait_for exists "$INBOX/a.srt"
    wait_for missing "$INBOX/b.srt"
    assert_equal "$(worker_starts)" 2
}
