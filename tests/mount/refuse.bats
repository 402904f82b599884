#!/usr/bin/env bats
# How scribefs starts, what it refuses, and with which words and exit code (fs/exitcodes.h).

load ../lib/common

# refused CODE REGEX ARGUMENT…: in the foreground and in the background the same.
refused() {
    local code=$1 words=$2 status output
    shift 2
    for mode in -f ''; do
        status=0
        # shellcheck disable=SC2086
        output=$(timeout 20 "$SCRIBEFS" $mode "$@" 2>&1 </dev/null 3>&- 4>&-) || status=$?
        echo "scribefs $mode $*: exit code $status: $output"
        assert_equal "$status" "$code"
        assert_contains "$output" "$words"
        assert_equal "$(mounts_below "$T")" "${EXPECTED_MOUNTS:-}"
    done
}

# bats test_tags=core
@test "a store that is a file, unreachable, or a directory with other things in it" {
    echo x >"$T/file"
    refused 10 "file" "$T/file" "$MNT"
    refused 10 "No such file|missing" "$T/none/store" "$MNT"
    mkdir "$T/photos"
    echo x >"$T/photos/picture.jpg"
    refused 10 "not a store" "$T/photos" "$MNT"
    assert_equal "$(names "$T/photos")" "picture.jpg"
}

# bats test_tags=core
@test "a store that cannot be written" {
    [ "$(id -u)" != 0 ] || skip "root may write everywhere"
    mkdir "$STORE"
    chmod 555 "$STORE"
    refused 10 "ermission denied" "$STORE" "$MNT"
}

# bats test_tags=core
@test "an empty directory and a missing one become stores" {
    mkdir "$STORE"
    start_mount
    stop_mount
    assert_equal "$(names "$STORE")" "inbox state trash"
    assert_equal "$(stat -c %a "$STORE/state")" 700
    STORE=$T/other
    start_mount
    stop_mount
    assert_equal "$(names "$STORE")" "inbox state trash"
}

# bats test_tags=core
@test "a mount point inside the store, and a store inside the mount point" {
    mkdir -p "$STORE/mnt" "$STORE/inbox/mnt"
    refused 12 "inside the store" "$STORE" "$STORE/mnt"
    refused 12 "inside the store" "$STORE" "$STORE/inbox/mnt"
    refused 12 "inside" "$STORE" "$STORE"
    refused 12 "inside the mount point" "$MNT/store" "$MNT"
    ln -s "$STORE" "$T/link"
    refused 12 "inside the store" "$T/link" "$STORE/mnt"
    refused 12 "inside the store" "$STORE" "$T/link/mnt"
}

@test "a mount point that is missing or a file" {
    refused 12 "none.*No such file" "$STORE" "$T/none"
    echo x >"$T/file"
    refused 12 "file.*not a directory" "$STORE" "$T/file"
}

# bats test_tags=core
@test "a second daemon on the same store" {
    start_mount
    mkdir "$T/second"
    EXPECTED_MOUNTS=$MNT
    refused 11 "another scribefs" "$STORE" "$T/second"
    ln -s "$STORE" "$T/link"
    refused 11 "another scribefs" "$T/link" "$T/second"
    recording "$INBOX/file.dat"
    stop_mount
    EXPECTED_MOUNTS=''
    start_mount
    exists "$INBOX/file.dat"
}

@test "wrong arguments, options and settings" {
    refused 2 "store and a mount point"
    refused 2 "store and a mount point" "$STORE"
    refused 2 "store and a mount point" "$STORE" "$MNT" extra
    refused 2 "colour" -o colour=blue "$STORE" "$MNT"
    refused 2 "-x" -x "$STORE" "$MNT"
    refused 13 "quiet_ms=soon.*number" -o quiet_ms=soon "$STORE" "$MNT"
    refused 13 "workers=0" -o workers=0 "$STORE" "$MNT"
    refused 13 "engine=whisper.*auto, vosk or pocketsphinx" -o engine=whisper "$STORE" "$MNT"
    printf '[inbox]\nquiet_ms = 100\ncolour = blue\n' >"$T/bad.conf"
    refused 13 "bad.conf:3.*colour" -o "config=$T/bad.conf" "$STORE" "$MNT"
    refused 13 "none.conf" -o "config=$T/none.conf" "$STORE" "$MNT"
}

@test "an index of a newer version is refused and left as it is" {
    start_mount
    stop_mount
    py - "$STORE/state/index.db" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA user_version=9999")
db.commit()
END
    cp "$STORE/state/index.db" "$T/before.db"
    refused 10 "newer" "$STORE" "$MNT"
    cmp "$STORE/state/index.db" "$T/before.db"
}

@test "help and version" {
    "$SCRIBEFS" --help | grep -q "usage: scribefs"
    "$SCRIBEFS" --version | grep -Eq "^scribefs [0-9]"
    "$SCRIBECTL" --help | grep -q "scribectl"
}

@test "settings come from the store's scribefs.conf, and -o wins" {
    fake_worker
    mkdir -p "$STORE/inbox"
    printf '[jobs]\nworkers = 1\n[local]\nworker = %s\n[mount]\nannounce = no\n' "$T/worker/run" >"$STORE/scribefs.conf"
    EXTRA_OPTIONS=''
    start_mount
    assert_equal "$(children announcer)" ""
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    stop_mount
    start_mount announce=yes
    recording "$INBOX/other.wav"
    transcribed "$INBOX/other"
    wait_for some_child announcer
}

# A daemon in the background has no parent to wait for it; its lock file says who it is.
background_pid() {
    cat "$STORE/state/lock"
}

# bats test_tags=core
@test "without -f it returns when the mount can be used, and umount ends it" {
    fake_worker
    (cd "$T" && "$SCRIBEFS" -o "$(base_options),log=$LOG" store mnt </dev/null 3>&- 4>&-)
    test -d "$INBOX"
    local pid
    pid=$(background_pid)
    STARTED+=("$pid")
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    # It holds no terminal, no directory and no descriptor of who started it.
    assert_equal "$(readlink "/proc/$pid/cwd")" /
    assert_equal "$(readlink "/proc/$pid/fd/0")" /dev/null
    if [ "$(id -u)" = 0 ]; then umount "$MNT"; else fusermount3 -u "$MNT"; fi
    wait_for not_running "$pid"
    not_mounted
}

@test "as mount -t fuse.scribefs and fstab call it, with what they add, and ended by umount" {
    [ "$(id -u)" = 0 ] || skip "mount(8) needs root"
    command -v mount.fuse3 >/dev/null || skip "mount.fuse3 is not installed"
    fake_worker
    # mount(8) would look for scribefs in the system's directories only; this is what it runs.
    PATH=$BUILD:$PATH mount.fuse3 "$STORE" "$MNT" -t fuse.scribefs \
        -o "noauto,_netdev,nofail,x-systemd.automount,rw,noatime,$(base_options),log=$LOG" </dev/null 3>&- 4>&-
    STARTED+=("$(background_pid)")
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    assert_contains "$(findmnt -no FSTYPE,SOURCE "$MNT")" "fuse.scribefs +$STORE"
    umount "$MNT"
    wait_for not_running "${STARTED[-1]}"
}

# bats test_tags=core
@test "a dead mount left by a killed daemon is cleared by the next start" {
    start_mount
    local pid=$DAEMON
    DAEMON=''
    kill -KILL "$pid"
    wait "$pid" || :
    refute ls "$INBOX" 2>/dev/null
    allow_log 'dead|stale|cleared|not connected'
    start_mount
    assert_equal "$(mounts_below "$T")" "$MNT"
    stop_mount
}

@test "a mount point and a store with spaces, commas and other letters in their names" {
    fake_worker
    STORE="$T/my store, with \"ünïcödé\"" MNT="$T/the mount" INBOX="$T/the mount/inbox" RAW="$STORE/inbox"
    mkdir "$MNT"
    "$SCRIBEFS" -f -o "$(base_options)" "$STORE" "$MNT" >>"$LOG" 2>&1 </dev/null 3>&- 4>&- &
    DAEMON=$!
    wait_for test -d "$INBOX"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    "$SCRIBECTL" status "$INBOX" | grep -q talk.wav
    local pid=$DAEMON
    DAEMON=''
    kill -TERM "$pid"
    wait "$pid"
}

@test "read-only: views are shown and nothing can be changed" {
    fake_worker
    start_mount
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    stop_mount
    start_mount ro
    transcribed "$INBOX/talk"
    refute touch "$INBOX/file" 2>/dev/null
    refute rm -f "$INBOX/talk.txt" 2>/dev/null
    refute rm -f "$INBOX/talk.wav" 2>/dev/null
    exists "$INBOX/talk.txt"
}

@test "nothing secret or daemon-like is let in by the mount: state is not shown, the store's path is the source" {
    start_mount
    assert_equal "$(awk -v point="$MNT" '$2 == point { print $1, $3 }' /proc/mounts)" "$STORE fuse.scribefs"
    missing "$MNT/state"
    missing "$INBOX/../state"
}
