#!/usr/bin/env bats
# What a view is, and what every act on it does: the table of the overlay.
# time limit: 300

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

# talk: one recording with its views, in the inbox.
talk() {
    recording "$INBOX/talk.wav" "${1:-say a few quiet words}"
    transcribed "$INBOX/talk"
}

is_view() { # NAME: it is there, and not a file of the store
    exists "$INBOX/$1" && missing "$RAW/$1"
}

is_real() {
    exists "$INBOX/$1" && exists "$RAW/$1" && cmp "$INBOX/$1" "$RAW/$1"
}

not_recognised_again() {
    assert_equal "$(worker_log start "$RAW/talk.wav")" 1
}

# bats test_tags=core
@test "a finished recording has a text, subtitles and JSON beside it" {
    talk
    assert_equal "$(names "$INBOX")" "talk.json talk.srt talk.txt talk.wav"
    assert_contains "$(cat "$INBOX/talk.txt")" "a few quiet words"
    assert_contains "$(cat "$INBOX/talk.srt")" "a few quiet words"
    jq -e . "$INBOX/talk.json" >/dev/null
    assert_equal "$(names "$RAW")" "talk.wav"
}

# bats test_tags=core
@test "a view has its final size and content from the first moment it can be seen" {
    start watch "$PYTHON" -IB "$LIB/watch_views.py" "$INBOX" one.txt one.srt one.json two.txt
    wait_for grep -q ready "$T/watch"
    recording "$INBOX/one.wav" "say $(seq -s ' ' 3000)"
    recording "$INBOX/two.wav"
    wait_for grep -q finished "$T/watch"
    cat "$T/watch"
    refute grep -q WRONG "$T/watch"
    assert_equal "$(grep -c '^right' "$T/watch")" 4
}

# bats test_tags=core
@test "every way of reading gives the same bytes: cat, cp, dd by 7, mmap, tail, sendfile" {
    talk "say $(seq -s ' ' 5000)"
    for view in txt srt json; do
        cat "$INBOX/talk.$view" >"$T/read"
        assert_equal "$(stat -c %s "$INBOX/talk.$view")" "$(stat -c %s "$T/read")"
        cp "$INBOX/talk.$view" "$T/copied" && cmp "$T/read" "$T/copied"
        dd if="$INBOX/talk.$view" bs=7 status=none | cmp - "$T/read"
        tail -c +1 "$INBOX/talk.$view" | cmp - "$T/read"
        py - "$INBOX/talk.$view" "$T/read" <<'END'
import mmap, os, sys
wanted = open(sys.argv[2], "rb").read()
with open(sys.argv[1], "rb") as f:
    assert mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:] == wanted
    assert mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE)[:] == wanted
    assert os.pread(f.fileno(), 100, len(wanted)) == b""
    assert os.pread(f.fileno(), 100, len(wanted) - 10) == wanted[-10:]
    out = os.memfd_create("copy")
    while os.sendfile(out, f.fileno(), os.lseek(out, 0, os.SEEK_CUR), 1 << 20):
        pass
    assert os.pread(out, len(wanted) + 1, 0) == wanted
END
    done
}

@test "inode number, modification time, link count and listing agree and outlive a restart" {
    talk
    for view in txt srt json; do
        stat -c '%i %Y %h %s %F' "$INBOX/talk.$view"
    done >"$T/before"
    py - "$INBOX" <<'END'
import os, sys
for entry in os.scandir(sys.argv[1]):
    assert entry.inode() == os.stat(entry.path).st_ino and entry.is_file(), entry.name
END
    refute grep -qv '1 [0-9]* regular file$' "$T/before"
    assert_equal "$(cut -d' ' -f1 "$T/before" | sort -u | wc -l)" 3
    restart
    for view in txt srt json; do
        stat -c '%i %Y %h %s %F' "$INBOX/talk.$view"
    done >"$T/after"
    diff "$T/before" "$T/after"
    not_recognised_again
}

@test "a deleted view stays away, also after a restart, and restore brings it back at no cost" {
    talk
    rm "$INBOX/talk.srt"
    missing "$INBOX/talk.srt"
    refute listed "$INBOX" talk.srt
    exists "$INBOX/talk.txt"
    restart
    missing "$INBOX/talk.srt"
    exists "$INBOX/talk.txt"
    "$SCRIBECTL" restore "$INBOX/talk.wav"
    wait_for is_view talk.srt
    not_recognised_again
}

@test "a deleted view comes back when the content of the recording changes" {
    talk
    rm "$INBOX/talk.txt"
    recording "$INBOX/talk.wav" "say other words"
    wait_for contains "$INBOX/talk.txt" "other words"
}

@test "an open view can be read to its end after it was deleted" {
    talk
    cp "$INBOX/talk.txt" "$T/copy"
    exec 9<"$INBOX/talk.txt"
    rm "$INBOX/talk.txt"
    cmp "$T/copy" - <&9
    exec 9<&-
}

# bats test_tags=core
@test "appending to a view makes it a real file with the text in it, for ever" {
    talk
    cp "$INBOX/talk.txt" "$T/expected"
    echo "my own line" >>"$INBOX/talk.txt"
    echo "my own line" >>"$T/expected"
    cmp "$INBOX/talk.txt" "$T/expected"
    is_real talk.txt
    is_view talk.srt
    restart
    cmp "$INBOX/talk.txt" "$T/expected"
    rm "$INBOX/talk.wav"
    wait_for missing "$INBOX/talk.srt"
    cmp "$INBOX/talk.txt" "$T/expected"
}

@test "overwriting a view makes a real file with the new text" {
    talk
    echo "all mine" >"$INBOX/talk.txt"
    assert_equal "$(cat "$INBOX/talk.txt")" "all mine"
    is_real talk.txt
}

@test "writing into the middle of a view and truncating it keep the rest" {
    talk "say one two three four five six"
    cp "$INBOX/talk.txt" "$T/expected"
    for file in "$INBOX/talk.txt" "$T/expected"; do
        printf 'TWO' | dd of="$file" bs=1 seek=4 conv=notrunc status=none
        truncate -s 12 "$file"
    done
    cmp "$INBOX/talk.txt" "$T/expected"
    is_real talk.txt
    truncate -s 5 "$INBOX/talk.srt"
    assert_equal "$(stat -c %s "$INBOX/talk.srt")" 5
    is_real talk.srt
}

@test "an editor's save is kept: sed -i" {
    talk
    sed -i 's/quiet/loud/' "$INBOX/talk.txt"
    assert_contains "$(cat "$INBOX/talk.txt")" "few loud words"
    is_real talk.txt
    restart
    assert_contains "$(cat "$INBOX/talk.txt")" "few loud words"
}

@test "an editor's save is kept: vim, with each of its ways to write a backup" {
    local vim
    vim=$(command -v vim vim.basic vim.tiny | head -n 1) || skip "vim is not installed"
    for way in yes no auto; do
        recording "$INBOX/$way.wav" "say a few quiet words by $way"
        transcribed "$INBOX/$way"
        "$vim" -u NONE -es -c "set backupcopy=$way" -c '%s/quiet/loud/' -c 'wq' "$INBOX/$way.txt"
        assert_contains "$(cat "$INBOX/$way.txt")" "few loud words by $way"
        is_real "$way.txt"
    done
    assert_equal "$(names "$RAW")" "auto.txt auto.wav no.txt no.wav yes.txt yes.wav"
}

@test "an open for writing that changes nothing leaves nothing behind" {
    talk
    : >>"$INBOX/talk.txt"
    py - "$INBOX/talk.txt" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    assert f.read()
END
    is_view talk.txt
    restart
    is_view talk.txt
    assert_equal "$(names "$RAW")" "talk.wav"
}

@test "a copied-up view belongs to who owns the recording" {
    [ "$(id -u)" = 0 ] || skip "needs root to change owners"
    talk
    chown 1234:2345 "$INBOX/talk.wav"
    chmod 640 "$INBOX/talk.wav"
    echo "my own line" >>"$INBOX/talk.txt"
    assert_equal "$(stat -c '%u %g %a' "$RAW/talk.txt")" "1234 2345 640"
}

@test "a renamed view becomes a real file under the new name, and the old name stays free" {
    talk
    cp "$INBOX/talk.txt" "$T/expected"
    mkdir "$INBOX/kept"
    mv "$INBOX/talk.txt" "$INBOX/notes.txt"
    mv "$INBOX/talk.srt" "$INBOX/kept/talk.srt"
    cmp "$INBOX/notes.txt" "$T/expected"
    is_real notes.txt
    is_real kept/talk.srt
    missing "$INBOX/talk.txt"
    restart
    missing "$INBOX/talk.txt"
    missing "$INBOX/talk.srt"
    is_view talk.json
    is_real notes.txt
    not_recognised_again
}

@test "a view moved out of the mount is a file there, and gone here" {
    talk
    cp "$INBOX/talk.txt" "$T/expected"
    mv "$INBOX/talk.txt" "$T/moved.txt"
    cmp "$T/moved.txt" "$T/expected"
    missing "$INBOX/talk.txt"
}

@test "a real file put over a view's name wins, and the view comes back when it goes" {
    talk
    cp "$INBOX/talk.txt" "$T/expected"
    echo "a real file" >"$INBOX/other.txt"
    mv "$INBOX/other.txt" "$INBOX/talk.txt"
    assert_equal "$(cat "$INBOX/talk.txt")" "a real file"
    assert_equal "$(names "$INBOX")" "talk.json talk.srt talk.txt talk.wav"
    restart
    assert_equal "$(cat "$INBOX/talk.txt")" "a real file"
    mv "$INBOX/talk.txt" "$INBOX/elsewhere.txt"
    wait_for is_view talk.txt
    cmp "$INBOX/talk.txt" "$T/expected"
    not_recognised_again
}

@test "chmod, chown and touch on a view are accepted and forgotten; setxattr is not supported" {
    talk
    stat -c '%a %u %g %Y' "$INBOX/talk.txt" >"$T/before"
    chmod 777 "$INBOX/talk.txt"
    [ "$(id -u)" != 0 ] || chown 1234:1234 "$INBOX/talk.txt"
    touch -d 2001-01-01 "$INBOX/talk.txt"
    stat -c '%a %u %g %Y' "$INBOX/talk.txt" | diff "$T/before" -
    is_view talk.txt
    run setfattr -n user.note -v x "$INBOX/talk.txt"
    assert_contains "$output" "not supported"
    refute setfattr -n user.note -v x "$INBOX/talk.txt" 2>/dev/null
}

@test "owner, group and mode of a view follow the recording, without execute bits" {
    talk
    for mode in 600 640 644 664 755 711; do
        chmod "$mode" "$INBOX/talk.wav"
        wait_for mode_is "$(printf %o $((0$mode & ~0111)))" "$INBOX/talk.txt" "$INBOX/talk.srt" "$INBOX/talk.json"
    done
    [ "$(id -u)" = 0 ] || skip "owners need root; the modes are right"
    chown 1234:2345 "$INBOX/talk.wav"
    for view in txt srt json; do
        wait_for owned_by "1234 2345" "$INBOX/talk.$view"
    done
}

@test "the kernel does not wait for its timeout to see that a view's mode changed" {
    talk
    py - "$INBOX/talk" <<'END'
import os, sys, time
least = 9
for i in range(6):
    mode = 0o644 if i % 2 else 0o600
    os.stat(sys.argv[1] + ".srt")
    os.chmod(sys.argv[1] + ".wav", mode)
    begun = time.monotonic()
    while os.stat(sys.argv[1] + ".srt").st_mode & 0o777 != mode:
        time.sleep(0.01)
    least = min(least, time.monotonic() - begun)
assert least < 0.5, least  # the timeout is a second
END
}

# The kernel is told right after the change: it is waited for.
mode_is() { # MODE FILE…
    local mode=$1
    shift
    [ "$(stat -c %a "$@" | sort -u)" = "$mode" ]
}

owned_by() { # "UID GID" FILE
    [ "$(stat -c '%u %g' "$2")" = "$1" ]
}

@test "who may not read the recording may not read its views; who may write it may edit them" {
    [ "$(id -u)" = 0 ] || skip "needs root to act as others"
    stop_mount
    start_mount allow_other
    chmod 777 "$INBOX"
    talk
    chown 1234:1234 "$INBOX/talk.wav"
    chmod 600 "$INBOX/talk.wav"
    wait_for mode_is 600 "$INBOX/talk.txt"
    refute setpriv --reuid 4321 --regid 4321 --clear-groups cat "$INBOX/talk.txt" 2>/dev/null
    refute setpriv --reuid 4321 --regid 4321 --clear-groups sh -c "echo x >>'$INBOX/talk.txt'" 2>/dev/null
    setpriv --reuid 1234 --regid 1234 --clear-groups cat "$INBOX/talk.txt"
    setpriv --reuid 1234 --regid 1234 --clear-groups sh -c "echo mine >>'$INBOX/talk.txt'"
    assert_contains "$(cat "$INBOX/talk.txt")" mine
    assert_equal "$(stat -c '%u %a' "$RAW/talk.txt")" "1234 600"
}

@test "rm talk.* succeeds whatever the order" {
    local stem=0 order suffix
    for order in "json srt txt wav" "wav json srt txt" "txt wav srt json"; do
        stem=$((stem + 1))
        recording "$INBOX/$stem.wav"
        transcribed "$INBOX/$stem"
        for suffix in $order; do
            echo "$INBOX/$stem.$suffix"
        done | xargs rm
        wait_for missing "$INBOX/$stem.txt"
        assert_equal "$(names "$INBOX")" ""
    done
    talk
    rm "$INBOX"/talk.*
    assert_equal "$(names "$INBOX")" ""
}

@test "directories of recordings are removed by rm -r, and by rm and rmdir, without a complaint" {
    mkdir -p "$INBOX/a/b" "$INBOX/c"
    recording "$INBOX/a/one.wav"
    recording "$INBOX/a/b/two.wav"
    recording "$INBOX/c/three.wav"
    transcribed "$INBOX/a/one" "$INBOX/a/b/two" "$INBOX/c/three"
    assert_equal "$(rm -r "$INBOX/a" 2>&1)" ""
    missing "$INBOX/a"
    rm "$INBOX/c/three.wav"
    rmdir "$INBOX/c"
    assert_equal "$(names "$RAW")" ""
}

@test "a directory whose views and recording were deleted one by one can be removed" {
    mkdir "$INBOX/d"
    recording "$INBOX/d/talk.wav"
    transcribed "$INBOX/d/talk"
    rm "$INBOX/d/talk.txt" "$INBOX/d/talk.srt"
    refute rmdir "$INBOX/d" 2>/dev/null
    rm "$INBOX/d/talk.wav"
    rmdir "$INBOX/d"
}

@test "rsync --delete towards the inbox succeeds and costs nothing twice" {
    mkdir "$T/source"
    recording "$T/source/talk.wav"
    rsync -a "$T/source/" "$INBOX/"
    transcribed "$INBOX/talk"
    rsync -a --delete "$T/source/" "$INBOX/"
    assert_equal "$(names "$INBOX")" "talk.wav"
    rsync -a --delete "$T/source/" "$INBOX/"
    fence
    not_recognised_again
}

@test "rsync from the mount brings plain files, and the second time nothing" {
    talk
    mkdir "$T/copy"
    rsync -a "$INBOX/" "$T/copy/"
    assert_equal "$(names "$T/copy")" "talk.json talk.srt talk.txt talk.wav"
    cmp "$INBOX/talk.json" "$T/copy/talk.json"
    assert_equal "$(rsync -ai "$INBOX/" "$T/copy/")" ""
}

@test "a view cannot be hard-linked, and can be symlinked to" {
    talk
    refute ln "$INBOX/talk.txt" "$INBOX/linked.txt" 2>/dev/null
    missing "$INBOX/linked.txt"
    ln -s talk.txt "$INBOX/symlink.txt"
    cmp "$INBOX/talk.txt" "$INBOX/symlink.txt"
}

@test "views cannot be exchanged, and a name cannot be taken from one with RENAME_NOREPLACE" {
    talk
    echo real >"$INBOX/real.txt"
    py "$LIB/rename.py" exchange "$INBOX/real.txt" "$INBOX/talk.txt" EINVAL
    py "$LIB/rename.py" noreplace "$INBOX/real.txt" "$INBOX/talk.txt" EEXIST
    is_view talk.txt
    assert_equal "$(cat "$INBOX/real.txt")" real
}

@test "two recordings with one stem get names that are apart and stay" {
    recording "$INBOX/talk.mp3"
    transcribed "$INBOX/talk"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk.wav"
    assert_equal "$(names "$INBOX")" \
        "talk.json talk.mp3 talk.srt talk.txt talk.wav talk.wav.json talk.wav.srt talk.wav.txt"
    assert_contains "$(cat "$INBOX/talk.txt")" "talk.mp3"
    assert_contains "$(cat "$INBOX/talk.wav.txt")" "talk.wav"
    restart
    assert_contains "$(cat "$INBOX/talk.txt")" "talk.mp3"
    assert_contains "$(cat "$INBOX/talk.wav.txt")" "talk.wav"
    rm "$INBOX/talk.mp3"
    wait_for missing "$INBOX/talk.txt"
    exists "$INBOX/talk.wav.txt"
}

@test "a stem that a real file has is left to it" {
    echo "my notes" >"$INBOX/talk.txt"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk.wav"
    assert_equal "$(cat "$INBOX/talk.txt")" "my notes"
    restart
    assert_equal "$(cat "$INBOX/talk.txt")" "my notes"
    exists "$INBOX/talk.wav.txt"
    mv "$INBOX/talk.wav" "$INBOX/free.wav"
    wait_for exists "$INBOX/free.txt"
    wait_for missing "$INBOX/talk.wav.txt"
}

@test "while a job runs a text says so, and goes with the result" {
    hold_workers
    recording "$INBOX/talk.wav"
    wait_for exists "$INBOX/talk.transcribing.txt"
    wait_for worker_started "$RAW/talk.wav"
    local size
    size=$(stat -c %s "$INBOX/talk.transcribing.txt")
    cat "$INBOX/talk.transcribing.txt"
    assert_equal "$((size % 512))" 0
    assert_equal "$(wc -c <"$INBOX/talk.transcribing.txt")" "$size"
    wait_for contains "$INBOX/talk.transcribing.txt" "[0-9]+ ?%"
    missing "$INBOX/talk.txt"
    free_workers
    transcribed "$INBOX/talk"
    wait_for missing "$INBOX/talk.transcribing.txt"
    assert_equal "$(names "$INBOX")" "talk.json talk.srt talk.txt talk.wav"
}

@test "views are back at once after a restart, without a worker" {
    talk
    stop_mount
    hold_workers
    start_mount
    exists "$INBOX/talk.txt"
    exists "$INBOX/talk.srt"
    exists "$INBOX/talk.json"
    not_recognised_again
}
