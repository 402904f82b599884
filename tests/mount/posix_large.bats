#!/usr/bin/env bats
# The inbox at the limits of what a directory tree can be, and by the calls that few programs make (tests/lib/posix_large.py, first on
# the disk, then on the mount). tests/mount/posix.bats has the everyday.
# time limit: 300

# shellcheck disable=SC2034 # for common
TEST_SECONDS=200
load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

posix() { # CASE
    mkdir "$T/native"
    py "$LIB/posix_large.py" "$1" "$T/native" || skip "the filesystem under ${TMPDIR:-/tmp} cannot do this itself"
    py "$LIB/posix_large.py" "$1" "$INBOX/case"
}

# files DIRECTORY NUMBER: entry-000000 and so on.
files() {
    mkdir -p "$1"
    py -c '
import os, sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    os.mknod("entry-%06d" % i)
' "$1" "$2"
}

# What the daemon keeps in memory, in KiB.
memory() {
    awk '/^RssAnon/ { print $2 }' "/proc/$DAEMON/status"
}

# look FROM TO: stats so many of the entries.
look() {
    py -c '
import os, sys
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2]), int(sys.argv[3])):
    os.stat("entry-%06d" % i)
' "$INBOX/case/many" "$1" "$2"
}

# What 50,000 known files take in the daemon's memory, others take when the kernel has forgotten the first. It forgets when it
# likes, so once more than that may be known; what is never forgotten would be twice as much.
forgets() {
    local before first
    [ -w /proc/sys/vm/drop_caches ] || return 0
    before=$(memory)
    look 0 50000
    first=$(memory)
    echo 2 >/proc/sys/vm/drop_caches
    look 50000 100000
    echo 2 >/proc/sys/vm/drop_caches
    look 0 50000
    note "KiB before $before, with 50,000 files known $first, with 50,000 others $(memory)"
    case $BUILD in *san) return 0 ;; esac # keeps for a while what is freed
    [ $((first - before)) -gt 3000 ]
    [ $(($(memory) - first)) -lt $(((first - before) * 3 / 2)) ]
    echo 2 >/proc/sys/vm/drop_caches
}

@test "100,000 entries: known and forgotten; seekdir; removed and added while listed, removed while read" {
    stop_mount
    files "$RAW/case/many" 100000
    start_mount
    forgets
    py "$LIB/posix_large.py" large_directory "$INBOX/case"
}

@test "a tree of 12,000 bytes' depth, by descriptors" { posix deep; }
@test "names of every length to 255 bytes, and one too long" { posix long_names; }
@test "O_APPEND from two processes and four threads" { posix append_at_once; }
@test "mappings: shared, private, forked, renamed, unlinked, cut short, written when closed" { posix mappings; }
@test "locks: OFD, POSIX and flock; waiting, deadlock, death" { posix locks; }
@test "fallocate: every mode and error" { posix fallocate; }
@test "holes: a map of a sparse file, and errors" { posix holes; }
@test "O_DIRECT and the page cache see the same" { posix direct; }
@test "renameat2: exchange of everything with everything, errors" { posix rename_flags; }
@test "renameat2: RENAME_WHITEOUT" { posix whiteout; }
@test "open and unlinked: every call by descriptor; a directory one is in" { posix open_unlinked; }
@test "RLIMIT_FSIZE is the caller's" { posix limits_of_the_caller; }
@test "times: special values, and what moves them" { posix times; }

@test "the daemon's own RLIMIT_FSIZE: raised where it may be, else the writer is told; it does not end" {
    stop_mount
    local kind
    for kind in S HS; do
        (
            ulimit -$kind -f 2000 # KiB
            exec "$SCRIBEFS" -f -o "$(base_options)" "$STORE" "$MNT" >>"$LOG" 2>&1 </dev/null 3>&- 4>&-
        ) &
        DAEMON=$!
        wait_for usable
        if [ $kind = S ]; then
            head -c 3000000 /dev/zero >"$INBOX/large"
            assert_equal "$(stat -c %s "$RAW/large")" 3000000
        else
            refute sh -c "head -c 3000000 /dev/zero >'$INBOX/large'" 2>"$T/said"
            assert_contains "$(cat "$T/said")" "File too large"
        fi
        recording "$INBOX/$kind.wav"
        transcribed "$INBOX/$kind"
        stop_mount
    done
}

@test "a file known before it was deleted and its inode number given to the next one is gone, not an input/output error" {
    mkdir "$INBOX/dir"
    py - "$INBOX/dir/file" >"$T/reused" <<'END'
import errno, os, sys
path, reused = sys.argv[1], 0
for i in range(50):
    open(path, "wb").close()
    known = os.open(path, os.O_PATH)  # as who has looked the name up and is about to open it
    number = os.stat(path).st_ino
    os.unlink(path)
    open(path, "wb").close()
    reused += os.stat(path).st_ino == number
    for call in (os.fstat, lambda fd: os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)):
        try:
            call(known)
        except OSError as e:
            assert e.errno == errno.ESTALE, e
    assert os.stat(path).st_size == 0 and open(path, "rb").read() == b""
    os.close(known)
    os.unlink(path)
print(reused)
END
    [ "$(cat "$T/reused")" -gt 0 ] || skip "this filesystem does not use inode numbers again"
}
