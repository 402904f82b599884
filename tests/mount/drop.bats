#!/usr/bin/env bats
# The ways a recording arrives, changes and goes; and that none of them costs a transcription too many.
# time limit: 300

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

# A recording of some megabytes, so that a copy takes more than one write.
large() { # FILE
    recording "$1"
    seq 400000 >>"$1"
}

# bats test_tags=core
@test "cp: one job, and the recording is byte for byte what was copied" {
    large "$T/talk.wav"
    cp "$T/talk.wav" "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    cmp "$T/talk.wav" "$RAW/talk.wav"
    cmp "$T/talk.wav" "$INBOX/talk.wav"
    assert_equal "$(worker_starts)" 1
}

@test "cp -p, install and touch afterwards do not start it again" {
    recording "$T/talk.wav"
    cp -p "$T/talk.wav" "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    touch "$INBOX/talk.wav"
    chmod 600 "$INBOX/talk.wav"
    : >>"$INBOX/talk.wav"
    fence
    assert_equal "$(worker_log start "$T/talk.wav")" 1
    exists "$INBOX/talk.txt"
}

@test "mv from another filesystem" {
    recording "$T/talk.wav"
    cp "$T/talk.wav" "$T/copy"
    mv "$T/talk.wav" "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    cmp "$T/copy" "$RAW/talk.wav"
    missing "$T/talk.wav"
}

# bats test_tags=core
@test "rsync: with a temporary name, in place, and again without a change" {
    large "$T/one.wav"
    large "$T/two.wav"
    rsync -a "$T/one.wav" "$INBOX/"
    rsync -a --inplace "$T/two.wav" "$INBOX/"
    transcribed "$INBOX/one" "$INBOX/two"
    rsync -a "$T/one.wav" "$T/two.wav" "$INBOX/"
    rsync -a --inplace --ignore-times "$T/two.wav" "$INBOX/"
    fence
    cmp "$T/one.wav" "$RAW/one.wav"
    cmp "$T/two.wav" "$RAW/two.wav"
    assert_equal "$(worker_log start "$T/one.wav")" 1
    assert_equal "$(worker_log start "$T/two.wav")" 1
    assert_equal "$(names "$INBOX")" \
        "fence one.json one.srt one.txt one.wav two.json two.srt two.txt two.wav"
}

@test "rsync --partial, interrupted and resumed: the whole is transcribed, the part never stays" {
    large "$T/talk.wav"
    rsync --partial --bwlimit=200 "$T/talk.wav" "$INBOX/" &
    local pid=$!
    wait_for some_rsync_data
    kill -INT $pid
    wait $pid || :
    wait_for exists "$RAW/talk.wav"
    [ "$(stat -c %s "$RAW/talk.wav")" -lt "$(stat -c %s "$T/talk.wav")" ]
    rsync --partial "$T/talk.wav" "$INBOX/"
    wait_for result_is "$INBOX/talk.json" "$T/talk.wav"
    cmp "$T/talk.wav" "$RAW/talk.wav"
    assert_equal "$(worker_log finish "$T/talk.wav")" 1
}

some_rsync_data() {
    find "$RAW" -name '.talk.wav.*' -size +64k | grep -q .
}

# result_is JSON FILE: the view says which content it was made from.
result_is() {
    jq -e --arg digest "$(content_of "$2")" '[.. | strings] | index($digest) != null' "$1" >/dev/null 2>&1
}

@test "rsync --partial-dir and --delay-updates: nothing under a hidden directory is taken" {
    recording "$T/one.wav"
    recording "$T/two.wav"
    rsync -a --partial-dir=.rsync-partial "$T/one.wav" "$INBOX/"
    rsync -a --delay-updates "$T/two.wav" "$INBOX/"
    transcribed "$INBOX/one" "$INBOX/two"
    assert_equal "$(worker_starts)" 2
    assert_equal "$(names "$RAW")" "one.wav two.wav"
}

# bats test_tags=core
@test "200 at once" {
    mkdir "$T/many"
    for i in $(seq 200); do
        recording "$T/many/talk-$i.wav"
    done
    cp "$T/many"/* "$INBOX/"
    wait_for -t 80 count_is 200 txt
    wait_for count_is 200 srt
    wait_for count_is 200 json
    assert_equal "$(sort "$T/worker/log" | grep -c '^start')" 200
    assert_equal "$(grep '^finish' "$T/worker/log" | sort -u | wc -l)" 200
    for i in 1 50 200; do
        assert_contains "$(cat "$INBOX/talk-$i.txt")" "the words of talk-$i.wav"
        cmp "$T/many/talk-$i.wav" "$RAW/talk-$i.wav"
    done
}

count_is() { # NUMBER SUFFIX
    [ "$(find "$INBOX" -maxdepth 1 -name "*.$2" | wc -l)" = "$1" ]
}

@test "sub-directories, made before, with, and around recordings" {
    mkdir -p "$INBOX/a/b" "$T/tree/c/d"
    recording "$INBOX/a/b/one.wav"
    recording "$T/tree/c/d/two.wav"
    cp -r "$T/tree" "$INBOX/"
    transcribed "$INBOX/a/b/one" "$INBOX/tree/c/d/two"
    assert_equal "$(names "$INBOX/a")" "b"
}

# bats test_tags=core
@test "a rename takes the views along and recognises nothing again" {
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    jq 'del(.source.name)' "$INBOX/talk.json" >"$T/before"
    mv "$INBOX/talk.wav" "$INBOX/speech.wav"
    transcribed "$INBOX/speech"
    wait_for missing "$INBOX/talk.txt"
    assert_equal "$(names "$INBOX")" "speech.json speech.srt speech.txt speech.wav"
    jq 'del(.source.name)' "$INBOX/speech.json" | cmp "$T/before" -
    assert_equal "$(jq -r .source.name "$INBOX/speech.json")" speech.wav
    mkdir "$INBOX/sub"
    mv "$INBOX/speech.wav" "$INBOX/sub/again.wav"
    transcribed "$INBOX/sub/again"
    wait_for missing "$INBOX/speech.txt"
    restart
    transcribed "$INBOX/sub/again"
    fence
    assert_equal "$(worker_log start "$RAW/sub/again.wav")" 1
}

@test "moving a directory takes the views of all below along" {
    mkdir -p "$INBOX/a/b"
    recording "$INBOX/a/b/one.wav"
    recording "$INBOX/a/two.wav"
    transcribed "$INBOX/a/b/one" "$INBOX/a/two"
    mkdir "$INBOX/new"
    mv "$INBOX/a" "$INBOX/new/place"
    transcribed "$INBOX/new/place/b/one" "$INBOX/new/place/two"
    missing "$INBOX/a"
    restart
    transcribed "$INBOX/new/place/b/one" "$INBOX/new/place/two"
    fence
    assert_equal "$(worker_log start "$RAW/new/place/b/one.wav")" 1
    assert_equal "$(worker_log start "$RAW/new/place/two.wav")" 1
}

@test "a directory moved while its recordings are in the queue" {
    hold_workers
    mkdir "$INBOX/a"
    for i in 1 2 3 4 5; do
        recording "$INBOX/a/talk-$i.wav"
    done
    wait_for worker_started "$RAW/a/talk-1.wav"
    mv "$INBOX/a" "$INBOX/b"
    free_workers
    transcribed "$INBOX/b/talk-1" "$INBOX/b/talk-5"
    transcribed "$INBOX/b/talk-2" "$INBOX/b/talk-3" "$INBOX/b/talk-4"
    for i in 1 2 3 4 5; do
        assert_equal "$(worker_log finish "$RAW/b/talk-$i.wav")" 1
    done
}

@test "the same content again, by copy, hard link or a second drop, is done at once" {
    recording "$T/talk.wav"
    cp "$T/talk.wav" "$INBOX/one.wav"
    transcribed "$INBOX/one"
    cp "$INBOX/one.wav" "$INBOX/two.wav"
    ln "$INBOX/one.wav" "$INBOX/three.wav"
    mkdir "$INBOX/sub"
    cp "$T/talk.wav" "$INBOX/sub/four.wav"
    transcribed "$INBOX/two" "$INBOX/three" "$INBOX/sub/four"
    rm "$INBOX/one.wav" "$INBOX/two.wav" "$INBOX/three.wav" "$INBOX/sub/four.wav"
    cp "$T/talk.wav" "$INBOX/five.wav"
    transcribed "$INBOX/five"
    assert_equal "$(worker_log start "$T/talk.wav")" 1
}

@test "the same content dropped many times while it is being transcribed is one job" {
    hold_workers
    recording "$T/talk.wav"
    for i in 1 2 3 4 5 6; do
        cp "$T/talk.wav" "$INBOX/talk-$i.wav"
    done
    wait_for worker_started "$T/talk.wav"
    free_workers
    for i in 1 2 3 4 5 6; do
        transcribed "$INBOX/talk-$i"
    done
    assert_equal "$(worker_log start "$T/talk.wav")" 1
}

# bats test_tags=core
@test "a rewrite makes the old views go and the new ones come" {
    recording "$INBOX/talk.wav" "say the first words"
    wait_for contains "$INBOX/talk.txt" "first words"
    exec 9>"$INBOX/talk.wav"
    echo "say the second words" >&9
    wait_for missing "$INBOX/talk.txt"
    missing "$INBOX/talk.srt"
    exec 9>&-
    wait_for contains "$INBOX/talk.txt" "second words"
    wait_for contains "$INBOX/talk.srt" "second words"
}

@test "a rewrite while a job runs cancels it and starts over" {
    hold_workers
    recording "$INBOX/talk.wav" "say the first words"
    wait_for worker_started "$RAW/talk.wav"
    local first
    first=$(content_of "$RAW/talk.wav")
    recording "$INBOX/talk.wav" "say the second words"
    wait_for worker_started "$RAW/talk.wav"
    free_workers
    wait_for contains "$INBOX/talk.txt" "second words"
    assert_equal "$(grep -c "^finish $first" "$T/worker/log" || :)" 0
}

# bats test_tags=core
@test "a delete while a job runs cancels it" {
    hold_workers
    recording "$INBOX/talk.wav"
    cp "$INBOX/talk.wav" "$T/copy"
    wait_for worker_started "$T/copy"
    local worker
    worker=$(children worker)
    rm "$INBOX/talk.wav"
    wait_for missing "$INBOX/talk.transcribing.txt"
    for pid in $worker; do
        wait_for not_running "$pid"
    done
    free_workers
    fence
    assert_equal "$(worker_log finish "$T/copy")" 0
    assert_equal "$(names "$INBOX")" "fence"
}

@test "a recording still being written is not taken, however long that lasts" {
    exec 9>"$INBOX/talk.wav"
    echo "say the words of a slow writer" >&9
    fence
    missing "$INBOX/talk.txt"
    assert_equal "$(worker_log start "$RAW/talk.wav")" 0
    echo "more" >&9
    fence
    missing "$INBOX/talk.txt"
    exec 9>&-
    transcribed "$INBOX/talk"
    assert_equal "$(worker_log start "$RAW/talk.wav")" 1
}

@test "a writer that maps the file and closes it is waited for until it unmaps" {
    start mapper "$PYTHON" -IB "$LIB/map_writer.py" "$INBOX/talk.wav" "$T/go"
    wait_for grep -q closed "$T/mapper"
    fence
    missing "$INBOX/talk.txt"
    : >"$T/go"
    wait_for contains "$INBOX/talk.txt" "words written through a mapping"
    assert_equal "$(worker_log start "$RAW/talk.wav")" 1
}

@test "temporary and junk names are ignored until they are renamed" {
    for name in talk.wav.part .talk.wav.AbCdEf talk.wav.crdownload ._talk.wav talk.wav~ .hidden.mp3 Thumbs.db; do
        recording "$INBOX/$name"
    done
    mkdir -p "$INBOX/.Trash-1000/files" "$INBOX/@eaDir"
    recording "$INBOX/.Trash-1000/files/talk.wav"
    recording "$INBOX/@eaDir/talk.wav"
    fence
    assert_equal "$(worker_starts)" 1
    mv "$INBOX/talk.wav.part" "$INBOX/talk.wav"
    mv "$INBOX/.talk.wav.AbCdEf" "$INBOX/other.wav"
    transcribed "$INBOX/talk" "$INBOX/other"
    mv "$INBOX/talk.wav" "$INBOX/.Trash-1000/files/trashed.wav"
    wait_for missing "$INBOX/talk.txt"
    missing "$INBOX/.Trash-1000/files/trashed.txt"
}

@test "an empty file that is filled later, as browsers and Finder do, is one recording" {
    : >"$INBOX/talk.wav"
    fence
    assert_equal "$(names "$INBOX")" "fence talk.wav"
    recording "$INBOX/talk.wav.part"
    mv "$INBOX/talk.wav.part" "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    assert_equal "$(worker_log start "$RAW/talk.wav")" 1
}

@test "files that are no recordings are just files" {
    echo "text" >"$INBOX/notes.md"
    echo "text" >"$INBOX/noextension"
    fence
    assert_equal "$(names "$INBOX")" "fence noextension notes.md"
    assert_equal "$(worker_starts)" 1
}

@test "what changed in the store while scribefs was not running is found at the next start" {
    mkdir "$INBOX/dir"
    recording "$INBOX/kept.wav"
    recording "$INBOX/renamed.wav"
    recording "$INBOX/deleted.wav"
    recording "$INBOX/rewritten.wav" "say the first words"
    recording "$INBOX/dir/moved.wav"
    transcribed "$INBOX"/{kept,renamed,deleted,rewritten,dir/moved}
    stop_mount
    mv "$RAW/renamed.wav" "$RAW/new-name.wav"
    rm "$RAW/deleted.wav"
    recording "$RAW/rewritten.wav" "say the second words"
    mv "$RAW/dir" "$RAW/other-dir"
    recording "$RAW/other-dir/added.wav"
    start_mount
    transcribed "$INBOX"/{kept,new-name,rewritten,other-dir/moved,other-dir/added}
    wait_for contains "$INBOX/rewritten.txt" "second words"
    wait_for missing "$INBOX/renamed.txt"
    wait_for missing "$INBOX/deleted.txt"
    for name in kept new-name rewritten other-dir/moved other-dir/added; do
        assert_equal "$(worker_log start "$RAW/$name.wav")" 1
    done
    assert_equal "$(worker_starts)" 7
}

@test "a store with recordings from before scribefs is transcribed" {
    stop_mount
    rm -rf "$STORE"
    mkdir -p "$RAW/old/box"
    recording "$RAW/old/box/one.wav"
    recording "$RAW/two.mp3"
    start_mount
    transcribed "$INBOX/old/box/one" "$INBOX/two"
}

@test "upper-case extensions are recordings too" {
    recording "$INBOX/DSC001.MP4"
    recording "$INBOX/Memo.M4A"
    transcribed "$INBOX/DSC001" "$INBOX/Memo"
}
