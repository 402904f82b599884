#!/usr/bin/env bats
# scribefs under a service manager, from fstab and by mount(8).

load ../lib/common

setup() {
    common_setup
    fake_worker
}

listen() { # SOCKET
    start heard "$PYTHON" -IB "$LIB/notify_listener.py" "$1" "$INBOX"
    wait_for grep -q listening "$T/heard"
    export NOTIFY_SOCKET=$1
}

# bats test_tags=core
@test "Type=notify: ready when the mount can be used, stopping before it goes, at a socket with a path or an abstract one" {
    local socket
    for socket in "$T/notify" "@scribefs-test-$$"; do
        listen "$socket"
        start_mount
        unset NOTIFY_SOCKET
        wait_for contains "$T/heard" "^READY=1\|STATUS=Serving $STORE at $MNT \(inbox: \[.*\]\)\$"
        recording "$INBOX/talk.wav"
        transcribed "$INBOX/talk"
        # Its children are not to speak for it.
        local child
        for child in $(children .); do
            refute grep -zq '^NOTIFY_SOCKET=' "/proc/$child/environ"
        done
        stop_mount
        wait_for contains "$T/heard" '^STOPPING=1\|STATUS='
        assert_equal "$(grep -c '=' "$T/heard")" 2
        end_process "${STARTED[-1]}"
        rm "$T/heard"
    done
}

# bats test_tags=core
@test "a start that fails says why, and not that it is ready" {
    listen "$T/notify"
    mkdir "$T/photos"
    echo x >"$T/photos/picture.jpg"
    local status=0
    timeout 20 "$SCRIBEFS" -f "$T/photos" "$MNT" >"$T/said" 2>&1 </dev/null 3>&- 4>&- || status=$?
    assert_equal "$status" 10
    wait_for contains "$T/heard" '^STATUS=.*not a store'
    refute contains "$T/heard" 'READY|STOPPING'
}

@test "nobody listens, or the socket has no usable name: it starts all the same" {
    local socket
    for socket in "$T/none" "$T/$(printf 'x%.0s' {1..200})" '' / @ relative; do
        export NOTIFY_SOCKET=$socket
        start_mount
        unset NOTIFY_SOCKET
        stop_mount
    done
}

@test "a store whose name has a line break cannot send a state" {
    listen "$T/notify"
    STORE=$T/$'store\nSTOPPING=1' RAW=$STORE/inbox
    start_mount
    wait_for contains "$T/heard" '^READY=1\|STATUS=Serving .*store\?STOPPING=1 at '
    stop_mount
}

verified() { # NAME INSTALLED [OPTION…]
    cp "$2" "$T/units/$1"
    sed -i "s|$PREFIX_OF_UNITS|$T/root$PREFIX_OF_UNITS|" "$T/units/$1"
    XDG_RUNTIME_DIR=$T systemd-analyze verify --man=no "${@:3}" "$T/units/$1" >"$T/said" 2>&1 || {
        cat "$T/said"
        return 1
    }
    assert_equal "$(grep -F "$1" "$T/said" || :)" ''
}

@test "the systemd units are installed with the right paths, and systemd understands them" {
    command -v systemd-analyze >/dev/null || skip "systemd is not installed"
    [ "$BUILD" = "$ROOT/build" ] || skip "installing is tested with the ordinary build"
    PREFIX_OF_UNITS=/opt/scribefs
    make -s -C "$ROOT" install DESTDIR="$T/root" PREFIX=$PREFIX_OF_UNITS >/dev/null
    local units=$T/root$PREFIX_OF_UNITS/lib/systemd
    grep -q "^ExecStart=$PREFIX_OF_UNITS/bin/scribefs -f " "$units/system/scribefs@.service"
    grep -q "^ExecStart=$PREFIX_OF_UNITS/bin/scribefs -f " "$units/user/scribefs.service"
    mkdir "$T/units"
    verified scribefs@talks.service "$units/system/scribefs@.service"
    verified scribefs.service "$units/user/scribefs.service" --user
    make -s -C "$ROOT" uninstall DESTDIR="$T/root" PREFIX=$PREFIX_OF_UNITS >/dev/null
    assert_equal "$(find "$units" ! -type d)" ''
}

@test "the units have nothing that would hide the mount" {
    refute grep -hE '^(Protect|Private|ReadOnly|ReadWrite|Inaccessible|BindPaths|TemporaryFileSystem|RootDirectory|DynamicUser|MountFlags|NoNewPrivileges|SystemCall|Restrict[A-QS-Z]|Lock|MemoryDeny)' \
        "$ROOT"/fs/systemd/*.service
}

# Runs as the units do: the command line of ExecStart=, then the commands of ExecStopPost=.
@test "what the units run: an empty list of options, and after a kill the mount is cleared, after an orderly end it is let alone" {
    local line stop
    line=$(sed -n 's/^ExecStart=[^ ]* //p' "$ROOT/fs/systemd/scribefs@.service")
    # shellcheck disable=SC2016 # systemd's variables
    assert_equal "$line" '-f -o ${OPTIONS} ${STORE} ${MOUNTPOINT}'
    stop=$(sed -n "s/^ExecStopPost=-\/bin\/sh -c '\(.*\)'\$/\1/p" "$ROOT/fs/systemd/scribefs@.service" | sed 's/\$\$/$/g')
    "$SCRIBEFS" -f -o '' "$STORE" "$MNT" >>"$LOG" 2>&1 </dev/null 3>&- 4>&- &
    DAEMON=$!
    wait_for usable
    EXIT_CODE=exited MOUNTPOINT=$MNT sh -c "$stop"
    EXIT_CODE='' MOUNTPOINT=$MNT sh -c "$stop"
    usable
    local pid=$DAEMON
    DAEMON=''
    kill -KILL "$pid"
    { wait "$pid" || :; } 2>/dev/null
    EXIT_CODE=killed MOUNTPOINT=$MNT sh -c "$stop"
    not_mounted
}

@test "mount -t fuse.scribefs, as fstab and automounts have it" {
    [ "$(id -u)" = 0 ] || skip "mount(8) needs root"
    [ -x /sbin/mount.fuse ] || skip "fuse3 is not installed"
    unshare -m true 2>/dev/null || skip "there can be no mount namespaces here"
    # mount(8) looks for scribefs in the system's directories only: there it is, for this test.
    STORE=$STORE MNT=$MNT OPTIONS="noauto,nofail,_netdev,x-systemd.automount,x-systemd.requires=/srv,noatime,$(base_options),log=$LOG" \
        BUILD=$BUILD unshare -m --propagation private bash -eu -c '
            mount --bind "$BUILD" /usr/local/bin
            mount -t fuse.scribefs "$STORE" "$MNT" -o "$OPTIONS" </dev/null
            test -d "$MNT/inbox"
            echo "say through mount" >"$MNT/inbox/talk.wav"
            for i in $(seq 200); do test -e "$MNT/inbox/talk.json" && break; sleep 0.1; done
            grep -q "through mount" "$MNT/inbox/talk.txt"
            findmnt -no FSTYPE,SOURCE,OPTIONS "$MNT"
            pid=$(cat "$STORE/state/lock")
            umount "$MNT"
            for i in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
            ! kill -0 "$pid" 2>/dev/null' 3>&- 4>&- >"$T/said"
    assert_contains "$(cat "$T/said")" "^fuse.scribefs +$STORE +.*noatime"
}

# An automounter's own process group passes its mount point while all others wait there: who leaves it too early waits for himself.
@test "mounted by an automounter when somebody looks, in the background" {
    [ "$(id -u)" = 0 ] || skip "an automounter needs root"
    grep -qw autofs /proc/filesystems || skip "the kernel has no autofs"
    start automounter "$PYTHON" -IB "$LIB/automounter.py" "$MNT" "$SCRIBEFS" -o "$(base_options),log=$LOG" "$STORE" "$MNT"
    wait_for grep -q waiting "$T/automounter"
    recording "$T/talk.wav"
    timeout $((20 * TIME_FACTOR)) cp "$T/talk.wav" "$INBOX/"
    transcribed "$INBOX/talk"
    DAEMON=$(cat "$STORE/state/lock")
    umount "$MNT"
    wait_for not_running "$DAEMON"
    DAEMON=''
    umount -l "$MNT"
}

@test "as a user of its own, with allow_other: others are let in, where fuse.conf allows it" {
    [ "$(id -u)" = 0 ] || skip "needs root to become that user"
    command -v fusermount3 >/dev/null || skip "fusermount3 is not installed"
    unshare -m true 2>/dev/null || skip "there can be no mount namespaces here"
    local id=47114
    chown $id:$id "$T" "$MNT"
    mknod "$T/fuse" c 10 229 && chmod 666 "$T/fuse"
    { cat /etc/fuse.conf 2>/dev/null && echo user_allow_other; } >"$T/fuse.conf"
    chmod 644 "$T/fuse.conf"
    { cat /etc/passwd && echo "scribefs-tester:x:$id:$id::$T:/bin/sh"; } >"$T/passwd"
    chmod 644 "$T/passwd"
    : >"$T/log" && chown $id "$T/log"
    ID=$id T=$T STORE=$STORE MNT=$MNT INBOX=$INBOX SCRIBEFS=$SCRIBEFS OPTIONS="allow_other,$(base_options),log=$T/log" \
        unshare -m --propagation private bash -eu -c '
            mount --bind "$T/fuse" /dev/fuse || exit 77
            mount --bind "$T/passwd" /etc/passwd
            touch /etc/fuse.conf && mount --bind "$T/fuse.conf" /etc/fuse.conf
            as() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
            as $ID test -x "$SCRIBEFS" || exit 77
            as $ID env HOME="$T" "$SCRIBEFS" -o "$OPTIONS" "$STORE" "$MNT" </dev/null || exit 78
            as $ID chmod 1777 "$INBOX"
            # What others put there is the daemon user'\''s; they may do what modes and ACLs say.
            as 4321 sh -c "umask 022; echo say from another >\"$INBOX/talk.wav\""
            test "$(stat -c %u "$INBOX/talk.wav")" = $ID
            for i in $(seq 200); do test -e "$INBOX/talk.json" && break; sleep 0.1; done
            as 4321 cat "$INBOX/talk.txt"
            as $ID chmod 600 "$INBOX/talk.wav"
            # A view keeps its mode for a second.
            for i in $(seq 200); do as 4321 cat "$INBOX/talk.txt" >/dev/null 2>&1 || break; sleep 0.1; done
            ! as 4321 cat "$INBOX/talk.txt" 2>/dev/null
            ! as 4321 cat "$INBOX/talk.wav" 2>/dev/null
            # Killed, it is cleared away by its own next start.
            kill -KILL "$(cat "$STORE/state/lock")"
            as $ID env HOME="$T" "$SCRIBEFS" -o "$OPTIONS" "$STORE" "$MNT" </dev/null
            test -e "$INBOX/talk.txt"
            pid=$(cat "$STORE/state/lock")
            as $ID fusermount3 -u "$MNT"
            for i in $(seq 200); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
            ! kill -0 "$pid" 2>/dev/null' 3>&- 4>&- >"$T/said" 2>&1 || {
        local status=$?
        cat "$T/said" "$T/log"
        [ $status != 77 ] || skip "/dev/fuse cannot be opened up here, or this directory not be read"
        return 1
    }
    assert_contains "$(cat "$T/said")" "from another"
}
