#!/usr/bin/env bats
# What a killed daemon leaves behind, and how a daemon ends: dead mounts are cleared by the next start, busy ones too; SIGTERM and
# umount leave nothing.

load ../lib/common

setup() {
    common_setup
    fake_worker
    allow_log 'dead|stale|cleared|not connected'
}

# Killed, and nothing cleared away.
leave_dead() {
    local pid=$DAEMON
    DAEMON=''
    kill -KILL "$pid"
    { wait "$pid" || :; } 2>/dev/null
    wait_for refute ls "$INBOX" 2>/dev/null
    is_mounted
}

# start_at MOUNTPOINT: as start_mount, with the mount point spelled so, in the background.
start_at() {
    "$SCRIBEFS" -f -o "$(base_options)" "$STORE" "$1" >>"$LOG" 2>&1 </dev/null 3>&- 4>&- &
    DAEMON=$!
    wait_for usable
    assert_equal "$(mounts_below "$T")" "$MNT"
}

# bats test_tags=core
@test "a dead mount is cleared, however its place is spelled" {
    start_mount
    echo kept >"$INBOX/file"
    ln -s "$MNT" "$T/link"
    mkdir "$T/dir"
    cd "$T"
    local way
    for way in "$MNT" "$MNT/" "$MNT//" mnt mnt/ ./mnt dir/../mnt "$T/link" "$T/link/" "$T/./mnt"; do
        echo "as $way"
        leave_dead
        start_at "$way"
        assert_equal "$(cat "$INBOX/file")" kept
    done
    cd /
}

# bats test_tags=core
@test "a dead mount that is in use: a program in it, open files, its announcer" {
    start_mount
    echo kept >"$INBOX/file"
    mkdir "$INBOX/dir"
    # shellcheck disable=SC2016 # for the shell that is started
    start sitter sh -c 'cd "$0" && exec 5<file 6>>file && echo sitting && exec sleep infinity' "$INBOX"
    wait_for grep -q sitting "$T/sitter"
    recording "$INBOX/first.wav"
    transcribed "$INBOX/first"
    local announcer
    announcer=$(children announcer)
    kill -STOP "$announcer"
    leave_dead
    start_mount
    assert_equal "$(mounts_below "$T")" "$MNT"
    assert_equal "$(cat "$INBOX/file")" kept
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    # What held the old one has the old one still: that is dead, and does not come back.
    refute ls "/proc/${STARTED[0]}/cwd/" 2>/dev/null
    kill -CONT "$announcer"
    wait_for not_running "$announcer"
}

@test "several dead mounts, one over another" {
    [ "$(id -u)" = 0 ] || skip "only root can mount over a mount"
    start_mount
    local first=$DAEMON
    "$SCRIBEFS" -f -o "$(base_options),nonempty" "$T/other" "$MNT" >>"$LOG" 2>&1 </dev/null 3>&- 4>&- &
    DAEMON=$!
    wait_for is_layered
    kill -KILL "$first" "$DAEMON"
    { wait "$first" "$DAEMON" || :; } 2>/dev/null
    DAEMON=''
    start_mount
    assert_equal "$(mounts_below "$T")" "$MNT"
}

is_layered() {
    [ "$(mounts_below "$T" | wc -l)" = 2 ]
}

@test "a mount point with something in it is refused, and taken with nonempty" {
    echo x >"$MNT/file"
    local status=0
    "$SCRIBEFS" -f "$STORE" "$MNT" >"$T/said" 2>&1 </dev/null 3>&- 4>&- || status=$?
    assert_equal "$status" 12
    assert_contains "$(cat "$T/said")" "not empty"
    start_mount nonempty
    missing "$MNT/file"
    stop_mount
    exists "$MNT/file"
    rm "$MNT/file"
}

@test "programs in the middle of a request get an error when the daemon is killed, and none waits on" {
    start_mount
    start writers "$PYTHON" -IBu -c '
import os, sys, threading
ends = []
def write(i):
    try:
        fd = os.open("%s/file-%d" % (sys.argv[1], i), os.O_RDWR | os.O_CREAT)
        while True:
            os.pwrite(fd, b"x" * 100000, 0)
            os.listdir(sys.argv[1])
    except OSError as e:
        ends.append(e.errno)
threads = [threading.Thread(target=write, args=(i,)) for i in range(8)]
[t.start() for t in threads]
print("writing")
[t.join() for t in threads]
print("ended", sorted(set(ends)))' "$INBOX"
    wait_for grep -q writing "$T/writers"
    wait_for exists "$RAW/file-7"
    leave_dead
    wait_for grep -Eq 'ended \[(103|107|103, 107)\]' "$T/writers"
}

# bats test_tags=core
@test "SIGTERM with open files and programs in it: what was written is there, the mount is gone, nobody waits" {
    start_mount
    # shellcheck disable=SC2016 # for the shell that is started
    start sitter sh -c 'cd "$0" && exec 5>file && echo written >&5 && echo sitting && exec sleep infinity' "$INBOX"
    start follower tail -f -n +1 --pid=$$ "$MNT/status.txt"
    wait_for grep -q sitting "$T/sitter"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    exec 5<"$INBOX/talk.txt"
    stop_mount
    exec 5>&-
    assert_equal "$(cat "$RAW/file")" written
    assert_equal "$(names "$MNT")" ""
    start_mount
    transcribed "$INBOX/talk"
    assert_equal "$(worker_log start "$RAW/talk.wav")" 1
}

@test "SIGINT and SIGHUP end it as SIGTERM does" {
    local signal pid
    for signal in INT HUP; do
        # A shell without job control has its children ignore SIGINT.
        "$PYTHON" -IB -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
            "$SCRIBEFS" -f -o "$(base_options)" "$STORE" "$MNT" >>"$LOG" 2>&1 </dev/null 3>&- 4>&- &
        DAEMON=$!
        wait_for usable
        pid=$DAEMON DAEMON=''
        kill -"$signal" "$pid"
        wait "$pid"
        not_mounted
    done
}

@test "umount of a mount in use is refused and harms nothing" {
    start_mount
    exec 5>"$INBOX/file"
    if [ "$(id -u)" = 0 ]; then
        refute umount "$MNT" 2>/dev/null
    else
        refute fusermount3 -u "$MNT" 2>/dev/null
    fi
    echo still here >&5
    exec 5>&-
    assert_equal "$(cat "$INBOX/file")" "still here"
}

@test "unmounted lazily while a file is open: the daemon goes on for it, and ends with it" {
    start_mount
    exec 5>"$INBOX/file"
    local pid=$DAEMON
    force_unmount "$MNT"
    not_mounted
    echo still here >&5
    running "$pid"
    DAEMON=''
    exec 5>&-
    wait_for not_running "$pid"
    wait "$pid"
    assert_equal "$(cat "$RAW/file")" "still here"
}
