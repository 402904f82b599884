#!/usr/bin/env bats
# What is below the mount fails: a full disk, a quota, a disk that is unplugged, detached or read-only, an index that somebody holds or
# nobody may write, a clock that is set back. Errors reach the program whose data it is; nothing hangs; the end is clean.

load ../lib/common

setup() {
    common_setup
    fake_worker
}

# disk TYPE SIZE MKFS-OPTION…: the store is on a small disk of its own.
disk() {
    local type=$1 size=$2
    shift 2
    [ "$(id -u)" = 0 ] || skip "needs root to mount a disk"
    command -v "mkfs.$type" >/dev/null || skip "mkfs.$type is not installed"
    truncate -s "$size" "$T/image"
    "mkfs.$type" -q "$@" "$T/image"
    mkdir "$T/disk"
    mount -o loop "$T/image" "$T/disk" 2>/dev/null || skip "there are no loop devices, or no $type, here"
    STORE=$T/disk/store RAW=$T/disk/store/inbox
}

# What a program is told that writes more than there is room for: by write(), fsync() or close(), but told.
write_until_refused() { # FILE BYTES
    py - "$1" "$2" <<'END'
import errno, os, sys
path, size = sys.argv[1], int(sys.argv[2])
fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
call = "write"
try:
    while size > 0:
        size -= os.write(fd, b"x" * min(size, 65536))
    call = "fsync"
    os.fsync(fd)
    call = "close"
    number, fd = fd, -1
    os.close(number)
except OSError as e:
    print(call, errno.errorcode[e.errno])
    if fd >= 0:
        os.close(fd)
END
}

log_lines() { # REGEX
    grep -Ec -- "$1" "$LOG" || :
}

@test "a full disk: the writer is told, what was there stays, and there is no half recording in the end" {
    disk ext4 24M -m 0
    start_mount
    allow_log 'full|space|io\.space|index|database'
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    assert_contains "$(write_until_refused "$INBOX/big.dat" 60000000)" '(write|fsync|close) ENOSPC'
    refute cp "$INBOX/big.dat" "$INBOX/copy.wav" 2>"$T/said"
    assert_contains "$(cat "$T/said")" "No space left"
    contains "$INBOX/talk.txt" "words of talk"
    rm "$INBOX/big.dat" "$INBOX/copy.wav"
    recording "$INBOX/next.wav"
    transcribed "$INBOX/next"
    stop_mount
    umount "$T/disk"
}

@test "a quota: the writer is told so" {
    disk btrfs 128M
    command -v btrfs >/dev/null
    btrfs quota enable "$T/disk" 2>/dev/null || skip "no quotas here"
    btrfs subvolume create "$STORE" >/dev/null
    mkdir "$STORE/inbox"
    btrfs subvolume create "$STORE/inbox/limited" >/dev/null
    btrfs qgroup limit 4M "$STORE/inbox/limited"
    start_mount
    assert_contains "$(write_until_refused "$INBOX/limited/big.dat" 30000000)" '(write|fsync|close) EDQUOT'
    refute dd if=/dev/zero of="$INBOX/limited/other.dat" bs=64k count=200 conv=fsync 2>"$T/said"
    assert_contains "$(cat "$T/said")" "Disk quota exceeded"
    # Beside it there is room.
    assert_equal "$(write_until_refused "$INBOX/big.dat" 8000000)" ''
    stop_mount
    umount "$T/disk"
}

@test "the disk unplugged: errors at once, no hang, one line in the log, and a clean end" {
    disk ext4 24M
    start_mount
    recording "$INBOX/talk.wav"
    echo x >"$INBOX/file"
    transcribed "$INBOX/talk"
    hold_workers
    recording "$INBOX/other.wav"
    wait_for worker_started "$RAW/other.wav"
    exec 5>>"$INBOX/file"
    allow_log 'disk of the store fails|index|io\.|database|cannot be read|cannot be reached|inbox'
    py "$LIB/unplug.py" "$T/disk" || skip "this filesystem cannot be shut down"
    local i
    for i in 1 2 3; do
        refute timeout 10 sh -c "echo x >'$INBOX/new-$i'" 2>"$T/said"
        assert_contains "$(cat "$T/said")" "Input/output error"
        refute timeout 10 sh -c 'echo more >&5' 2>/dev/null
        refute timeout 10 mkdir "$INBOX/dir-$i" 2>/dev/null
        refute timeout 10 rm "$INBOX/talk.wav" 2>/dev/null
        timeout 10 ls "$MNT" >/dev/null
        timeout 10 cat "$MNT/status.txt" >/dev/null
        timeout 10 "$SCRIBECTL" status "$MNT" >/dev/null || :
    done
    free_workers
    exec 5>&-
    wait_for contains "$LOG" 'disk of the store fails'
    assert_equal "$(log_lines 'disk of the store fails')" 1
    stop_mount
    umount "$T/disk"
    # Plugged in again, everything that had been there is there, and what was not done is done.
    mount -o loop "$T/image" "$T/disk"
    start_mount
    fence
    if exists "$RAW/talk.wav"; then
        transcribed "$INBOX/talk"
    fi
    stop_mount
    umount "$T/disk"
}

@test "the disk turns read-only: refused, said, and reading goes on" {
    disk ext4 24M
    start_mount
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    # As the kernel does after an error: without asking who has files open.
    allow_log 'index|database|read-only|readonly|Read-only|io\.'
    mount -o remount,errors=remount-ro "$T/disk"
    echo provoked >"/sys/fs/ext4/$(basename "$(findmnt -no SOURCE "$T/disk")")/trigger_fs_error" || skip "cannot be provoked here"
    local i
    for i in 1 2; do
        refute timeout 10 sh -c "echo x >'$INBOX/new'" 2>"$T/said"
        assert_contains "$(cat "$T/said")" "Read-only file system|Input/output error"
        refute timeout 10 rm "$INBOX/talk.wav" 2>/dev/null
        timeout 10 cat "$INBOX/talk.wav" "$INBOX/talk.txt" >/dev/null
    done
    stop_mount
    umount "$T/disk"
}

@test "the disk is detached while in use (umount -l): nothing is lost, and the next start has everything" {
    disk ext4 24M
    start_mount
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    allow_log 'io\.|result|cannot|index|disk|No such'
    umount -l "$T/disk"
    recording "$INBOX/later.wav"
    timeout 10 cat "$INBOX/later.wav" "$INBOX/talk.txt" >/dev/null
    timeout 10 ls -l "$INBOX" >/dev/null
    wait_for contains "$LOG" 'later.wav: .*No such file'
    stop_mount
    assert_equal "$(names "$T/disk")" ''
    wait_for mount -o loop "$T/image" "$T/disk"
    start_mount
    transcribed "$INBOX/later" "$INBOX/talk"
    stop_mount
    umount "$T/disk"
}

# ---- the index ----

refused_start() { # REGEX
    local status=0 said
    said=$(timeout 60 "$SCRIBEFS" -f -o "$(base_options)" "$STORE" "$MNT" 2>&1 </dev/null 3>&- 4>&-) || status=$?
    echo "exit code $status: $said"
    assert_equal "$status" 10
    assert_contains "$said" "$1"
    not_mounted
}

# bats test_tags=core
@test "an index that another program holds at start is refused in words, and served when it is free" {
    start_mount
    stop_mount
    start locker "$PYTHON" -IBu -c '
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA locking_mode=EXCLUSIVE")
db.execute("BEGIN EXCLUSIVE")
print("locked")
time.sleep(90)' "$STORE/state/index.db"
    wait_for grep -q locked "$T/locker"
    refused_start 'index.*database is locked'
    end_process "${STARTED[-1]}"
    start_mount
}

# bats test_tags=core
@test "an index that may not be written is refused in words and left as it is" {
    start_mount
    stop_mount
    if [ "$(id -u)" = 0 ]; then
        mount --bind "$STORE/state/index.db" "$STORE/state/index.db"
        mount -o remount,bind,ro "$STORE/state/index.db"
    else
        chmod 400 "$STORE/state/index.db"
    fi
    cp "$STORE/state/index.db" "$T/before"
    refused_start 'index.*(Read-only|denied)'
    [ "$(id -u)" != 0 ] || umount "$STORE/state/index.db"
    chmod 600 "$STORE/state/index.db"
    cmp "$STORE/state/index.db" "$T/before"
    start_mount
}

@test "a store on a read-only disk is refused in words" {
    [ "$(id -u)" = 0 ] || skip "needs root to mount"
    start_mount
    stop_mount
    mount --bind "$STORE" "$STORE"
    mount -o remount,bind,ro "$STORE"
    refused_start 'Read-only'
    umount "$STORE"
    start_mount
}

@test "an index that cannot be written for a while: one line in the log, and one when it can again" {
    start_mount
    allow_log 'index|locked'
    start locker "$PYTHON" -IBu -c '
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA busy_timeout=20000")
db.execute("BEGIN IMMEDIATE")
print("locked")
time.sleep(90)' "$STORE/state/index.db"
    wait_for grep -q locked "$T/locker"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    wait_for contains "$LOG" 'index cannot be written.*locked'
    wait_for contains "$MNT/status.txt" 'another program has it open'
    recording "$INBOX/other.wav"
    transcribed "$INBOX/other"
    assert_equal "$(log_lines 'index cannot be written')" 1
    end_process "${STARTED[-1]}"
    wait_for contains "$LOG" 'index can be written again'
    assert_equal "$(log_lines 'index can be written again')" 1
}

# ---- the clock ----

# The daemon's wall clock can be set from here on: set_clock SECONDS.
own_clock() {
    case $BUILD in *asan | *tsan) skip "a sanitizer does not go with a preloaded library" ;; esac
    cc -shared -fPIC -O1 -o "$T/clock.so" "$LIB/clock.c" 2>/dev/null || skip "there is no compiler"
    set_clock 0
    {
        echo '#!/bin/sh'
        printf 'CLOCK_OFFSET=%q LD_PRELOAD=%q exec %q "$@"\n' "$T/offset" "$T/clock.so" "$SCRIBEFS"
    } >"$T/scribefs"
    chmod 755 "$T/scribefs"
    SCRIBEFS=$T/scribefs
}

set_clock() {
    echo "$1" >"$T/offset.new"
    mv "$T/offset.new" "$T/offset"
}

@test "the clock set back by a year, and forward again: recordings are taken and transcribed as ever" {
    own_clock
    local seconds
    start_mount
    for seconds in 0 -31536000 31536000 -60; do
        set_clock "$seconds"
        recording "$INBOX/talk$seconds.wav"
        transcribed "$INBOX/talk$seconds"
        wait_for contains "$MNT/status.txt" "talk$seconds.wav"
    done
    restart
    fence
    for seconds in 0 -31536000 31536000 -60; do
        transcribed "$INBOX/talk$seconds"
        assert_equal "$(worker_log start "$RAW/talk$seconds.wav")" 1
    done
}

@test "what was put off by a clock that was a year ahead is not kept waiting for a year" {
    own_clock
    allow_log 'engine|crash|attempt|worker|killed'
    set_clock 31536000
    start_mount
    recording "$INBOX/talk.wav" 'fail test.transient transient'
    wait_for contains "$LOG" 'talk.wav: test.transient'
    stop_mount
    set_clock 0
    start_mount
    wait_for tried_again
}

tried_again() {
    [ "$(worker_log start "$RAW/talk.wav")" -ge 2 ]
}
