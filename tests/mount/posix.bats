#!/usr/bin/env bats
# The inbox is a directory tree like any other: every case of tests/lib/posix.py is run on the disk, to know that it is right, and on
# the mount.
# time limit: 300

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

posix() { # CASE
    py "$LIB/posix.py" "$1" "$T/native" || skip "the filesystem under ${TMPDIR:-/tmp} cannot do this itself"
    py "$LIB/posix.py" "$1" "$INBOX/case"
}

@test "create: modes, umask, O_EXCL" { posix create; }
@test "open: flags and errors" { posix open_flags; }
@test "append: two writers lose nothing" { posix append; }
@test "truncate: by path and by descriptor, shorter and longer" { posix truncate; }
@test "rename: over files and directories, of open files" { posix rename; }
@test "rename: NOREPLACE and EXCHANGE" { posix rename_flags; }
# bats test_tags=core
@test "hard links are one file" { posix hard_links; }
# bats test_tags=core
@test "unlinked while open: stat, truncate, chmod, utimes, read, write go on" { posix open_unlinked; }
@test "replaced while open: the old file is still there for who has it" { posix replaced_while_open; }
@test "holes: SEEK_DATA, SEEK_HOLE, blocks" { posix holes; }
@test "fallocate: allocate, keep size, punch" { posix fallocate; }
@test "copy_file_range" { posix copy_file_range; }
@test "extended attributes" { posix xattr; }
@test "fifos, sockets, mknod" { posix special_files; }
@test "symlinks: any target, dangling, loops" { posix symlinks; }
@test "times: nanoseconds, omit, now, symlinks, before 1970" { posix times; }
@test "modes and owners" { posix modes; }
@test "directories: nested, not empty, synced" { posix directories; }
# bats test_tags=core
@test "5,000 entries: each listed once, with its inode; deleted while listing" { posix many_entries; }
@test "telldir, seekdir, rewinddir" { posix seekdir; }
@test "locks: flock and fcntl" { posix locks; }
@test "statfs and 255-byte names" { posix statfs; }
@test "large writes and fsync" { posix large_writes; }
@test "shared mappings see writes and are seen" { posix shared_mapping; }
@test "O_DIRECT" { posix direct; }

# bats test_tags=core
@test "no descriptor is kept for a file that is merely known" {
    mkdir "$INBOX/many"
    (cd "$INBOX/many" && seq 5000 | xargs touch)
    ls -l "$INBOX/many" >/dev/null
    local count
    # shellcheck disable=SC2012 # numbers
    count=$(ls "/proc/$DAEMON/fd" | wc -l)
    note "descriptors with 5,000 files known: $count"
    [ "$count" -lt 500 ]
}

@test "inode numbers are the same in stat, fstat and readdir, and after a restart" {
    mkdir "$INBOX/dir"
    echo x >"$INBOX/dir/file"
    ln "$INBOX/dir/file" "$INBOX/dir/link"
    py -c 'import os, sys; [print(e.inode(), e.name) for e in sorted(os.scandir(sys.argv[1]), key=lambda e: e.name)]' "$INBOX/dir" >"$T/listed"
    (cd "$INBOX/dir" && stat -c '%i %n' file link) >"$T/statted"
    diff "$T/listed" "$T/statted"
    restart
    (cd "$INBOX/dir" && stat -c '%i %n' file link) | diff "$T/listed" -
}

@test "the mount's own directory holds inbox, the status pages and .Trash, and takes nothing else" {
    assert_equal "$(names "$MNT")" ".Trash inbox metrics.txt search status.html status.json status.txt"
    refute touch "$MNT/file" 2>/dev/null
    refute mkdir "$MNT/dir" 2>/dev/null
    refute rm "$MNT/status.txt" 2>/dev/null
    refute mv "$MNT/inbox" "$MNT/other" 2>/dev/null
    refute rmdir "$MNT/inbox" 2>/dev/null
    refute sh -c "echo x >>'$MNT/status.txt'" 2>/dev/null
    assert_equal "$(names "$MNT")" ".Trash inbox metrics.txt search status.html status.json status.txt"
    df "$MNT" >/dev/null
    [ -s "$MNT/status.txt" ]
    assert_equal "$(wc -c <"$MNT/status.txt")" "$(stat -c %s "$MNT/status.txt")"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    wait_for contains "$MNT/status.txt" "talk.wav"
    refute mv "$INBOX/talk.wav" "$MNT/talk.wav" 2>/dev/null
    exists "$INBOX/talk.wav"
}

as() { # UID GID GROUPS|- COMMAND…
    local uid=$1 gid=$2 groups=(--clear-groups)
    [ "$3" = - ] || groups=(--groups "$3")
    shift 3
    setpriv --reuid "$uid" --regid "$gid" "${groups[@]}" "$@"
}

others() { # a mount for everybody
    [ "$(id -u)" = 0 ] || skip "needs root to act as others"
    stop_mount
    start_mount allow_other
}

# bats test_tags=core
@test "another user's operations are done with that user's credentials" {
    others
    chmod 1777 "$INBOX"
    as 1234 2345 - sh -c "umask 027; echo mine >'$INBOX/file'; mkdir '$INBOX/dir'; ln -s x '$INBOX/link'; mkfifo '$INBOX/fifo'"
    assert_equal "$(stat -c '%u %g %a' "$RAW/file" "$RAW/dir" "$RAW/fifo" | tr '\n' ' ')" \
        "1234 2345 640 1234 2345 750 1234 2345 640 "
    assert_equal "$(stat -c '%u %g' "$RAW/link")" "1234 2345"
    refute as 4321 4321 - cat "$INBOX/file" 2>/dev/null
    refute as 4321 4321 - sh -c "echo x >>'$INBOX/file'" 2>/dev/null
    refute as 4321 4321 - rm -f "$INBOX/file" 2>/dev/null
    refute as 4321 4321 - touch "$INBOX/dir/x" 2>/dev/null
    refute as 4321 4321 - chmod 777 "$INBOX/file" 2>/dev/null
    as 4321 2345 - cat "$INBOX/file"
    assert_equal "$(cat "$RAW/file")" mine
}

@test "supplementary groups count" {
    others
    mkdir "$INBOX/shared"
    chown 0:5555 "$INBOX/shared"
    chmod 770 "$INBOX/shared"
    refute as 1234 1234 - touch "$INBOX/shared/file" 2>/dev/null
    as 1234 1234 5555,6666 touch "$INBOX/shared/file"
    assert_equal "$(stat -c '%u %g' "$RAW/shared/file")" "1234 1234"
}

@test "a write by another user takes set-user-id away" {
    others
    echo x >"$INBOX/program"
    chown 1234:1234 "$INBOX/program"
    chmod 6777 "$INBOX/program"
    as 4321 4321 - sh -c "echo y >>'$INBOX/program'"
    assert_equal "$(stat -c %a "$INBOX/program")" 777
}

@test "another user's recording is transcribed and its views are theirs" {
    others
    chmod 1777 "$INBOX"
    as 1234 2345 - sh -c "umask 077; echo 'say something private' >'$INBOX/talk.wav'"
    transcribed "$INBOX/talk"
    assert_equal "$(stat -c '%u %g %a' "$INBOX/talk.txt")" "1234 2345 600"
    refute as 4321 4321 - cat "$INBOX/talk.txt" 2>/dev/null
    as 1234 2345 - cat "$INBOX/talk.txt"
    as 1234 2345 - rm "$INBOX/talk.srt"
    missing "$INBOX/talk.srt"
}

@test "rsync of four trees at once, as four users, fails nowhere" {
    others
    chmod 1777 "$INBOX"
    mkdir "$T/tree"
    for i in $(seq 200); do
        mkdir -p "$T/tree/$((i % 10))"
        echo "$i" >"$T/tree/$((i % 10))/$i.txt"
    done
    local pids=()
    for user in 1001 1002 1003 1004; do
        as "$user" "$user" - rsync -r --chmod=D700,F600 "$T/tree/" "$INBOX/$user/" 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    for user in 1001 1002 1003 1004; do
        diff -r "$T/tree" "$RAW/$user"
        assert_equal "$(find "$RAW/$user" ! -uid "$user" | wc -l)" 0
    done
}
