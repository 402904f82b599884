#!/usr/bin/env bats
# SETTINGS-ERROR.txt: a mistake in the settings of a folder, or in the names of speakers, is told in the folder.
# time limit: 120

load ../lib/common

setup() {
    common_setup
    fake_worker
    allow_log '\.conf:|speakers\.txt:|SETTINGS-ERROR'
}

# As editors and SMB clients do, by a temporary file and a rename.
save() { # FILE TEXT
    mkdir -p "$(dirname "$1")"
    printf '%b' "$2" >"$1.tmp"
    mv "$1.tmp" "$1"
}

saw() { # EVENT
    grep -Fqx -- "$1 SETTINGS-ERROR.txt" "$T/events"
}

watching() {
    : >"$1/.probe"
    rm "$1/.probe"
    grep -q 'DELETE .probe' "$T/events"
}

@test "a mistake is told in the folder by itself, with its line and reason, and goes when it is mended" {
    start_mount
    local dir=$INBOX/team error=$INBOX/team/SETTINGS-ERROR.txt
    mkdir "$dir"
    inotifywait -m -q -e create,close_write,attrib,delete --format '%e %f' "$dir" >"$T/events" 2>"$T/errors" </dev/null 3>&- 4>&- &
    STARTED+=($!)
    wait_for watching "$dir"
    # No recording is there yet. It was never right: nothing is sent meanwhile.
    save "$dir/.scribefs.conf" 'language = de\nbackend = cloud\n'
    wait_for saw CLOSE_WRITE,CLOSE
    saw CREATE
    listed "$dir" SETTINGS-ERROR.txt
    assert_contains "$(cat "$error")" '^\.scribefs\.conf has a mistake:$'
    assert_contains "$(cat "$error")" '^  line 2: backend=cloud: auto, local, dashscope or openai is needed$'
    assert_contains "$(cat "$error")" '^What to do: correct \.scribefs\.conf with any text editor and save it\.'
    assert_contains "$(cat "$error")" '^Until then nothing in this folder and those below it is sent to a service\.$'
    assert_equal $(($(stat -c %s "$error") % 512)) 0
    assert_equal "$(wc -c <"$error")" "$(stat -c %s "$error")"
    # It is as private as the file it tells of, and nobody can edit it.
    chmod 640 "$dir/.scribefs.conf"
    wait_for mode_is "$error" 640
    run bash -c 'echo >>"$1"' - "$error"
    assert_contains "$output" 'Permission denied'
    run truncate -s 0 "$error"
    assert_contains "$output" 'Permission denied'
    # It says at once what is wrong now.
    save "$dir/.scribefs.conf" 'nonsense\n'
    wait_for contains "$error" '^  line 1: this is neither'
    # What is right counts, and the text is gone.
    save "$dir/.scribefs.conf" 'language = de\n'
    wait_for saw DELETE
    refute listed "$dir" SETTINGS-ERROR.txt
    wait_for refute exists "$error"
    # From now on there is something to fall back to.
    save "$dir/.scribefs.conf" 'what = now\n'
    wait_for contains "$error" '^Until then the settings from before the mistake are in force\.$'
    # After a restart it is there again, as it was.
    cp "$error" "$T/before"
    restart
    wait_for listed "$dir" SETTINGS-ERROR.txt
    cmp "$error" "$T/before"
}

told_times() {
    [ "$(grep -c 'a/\.scribefs\.conf:1:' "$LOG")" -ge "$1" ]
}

mode_is() {
    [ "$(stat -c %a "$1")" = "$2" ]
}

@test "it can be deleted, until there is something else to say; a file of that name is left alone; folders can be removed" {
    start_mount
    local a=$INBOX/a/SETTINGS-ERROR.txt
    save "$INBOX/a/.scribefs.conf" 'wrong\n'
    wait_for listed "$INBOX/a" SETTINGS-ERROR.txt
    rm "$a"
    refute exists "$a"
    save "$INBOX/a/.scribefs.conf" 'wrong\n' # the same mistake
    wait_for told_times 2
    fence
    refute exists "$a"
    save "$INBOX/a/.scribefs.conf" '\nwrong\n'
    wait_for contains "$a" 'line 2'
    # It moves with its folder.
    mv "$INBOX/a" "$INBOX/b"
    wait_for listed "$INBOX/b" SETTINGS-ERROR.txt
    contains "$INBOX/b/SETTINGS-ERROR.txt" 'line 2'
    # A file of that name wins, and stays; it is no recording.
    printf 'mine\n' >"$T/mine"
    mv "$T/mine" "$INBOX/b/SETTINGS-ERROR.txt"
    assert_equal "$(cat "$INBOX/b/SETTINGS-ERROR.txt")" mine
    save "$INBOX/b/.scribefs.conf" 'language = en\n'
    fence
    assert_equal "$(cat "$INBOX/b/SETTINGS-ERROR.txt")" mine
    # Folders that hold it go as others do: rm -r, rsync --delete, rmdir.
    for d in c d e; do save "$INBOX/$d/scribefs.conf" 'wrong\n'; done
    for d in c d e; do wait_for listed "$INBOX/$d" SETTINGS-ERROR.txt; done
    rm -r "$INBOX/c"
    mkdir "$T/empty"
    rsync -r --delete "$T/empty/" "$INBOX/d/"
    assert_equal "$(names "$INBOX/d")" ''
    rmdir "$INBOX/d"
    rm "$INBOX/e/scribefs.conf"
    rmdir "$INBOX/e"
    fence
    assert_equal "$(names "$INBOX")" 'b fence'
    assert_equal "$(names "$RAW")" 'b fence'
}

@test "names of speakers, the language of the folder, status texts switched off" {
    start_mount status.language=zh
    recording "$INBOX/talk.wav" 'voices Good morning. | How are you?'
    transcribed "$INBOX/talk"
    save "$INBOX/talk.speakers.txt" '1 = Anna\nBert\n'
    wait_for contains "$INBOX/talk.txt" 'Anna: Good morning'
    wait_for contains "$INBOX/SETTINGS-ERROR.txt" '^talk\.speakers\.txt 有错误：$'
    assert_contains "$(cat "$INBOX/SETTINGS-ERROR.txt")" '^  第 2 行：a line such as "1 = Alice" is expected$'
    assert_contains "$(cat "$INBOX/SETTINGS-ERROR.txt")" '其余内容'
    # The settings come first; the other file is only named, as it may be private.
    save "$INBOX/.scribefs.conf" 'wrong\n'
    wait_for contains "$INBOX/SETTINGS-ERROR.txt" '^\.scribefs\.conf 有错误：$'
    assert_contains "$(cat "$INBOX/SETTINGS-ERROR.txt")" 'talk\.speakers\.txt'
    refute contains "$INBOX/SETTINGS-ERROR.txt" Alice
    save "$INBOX/.scribefs.conf" 'status_files = no\n'
    wait_for refute listed "$INBOX" SETTINGS-ERROR.txt
    rm "$INBOX/.scribefs.conf"
    wait_for contains "$INBOX/SETTINGS-ERROR.txt" 'Alice'
    rm "$INBOX/talk.speakers.txt"
    wait_for refute listed "$INBOX" SETTINGS-ERROR.txt
}
