# shellcheck shell=bash
# A Samba server on loopback that shares the mount's inbox and, to compare with, a plain directory of the same filesystem.
#
# A test file loads ../lib/common first, and gets: samba_start, smb (smbclient on the mount's share), torture, $SMB_USER, $PLAIN.
# Everything of the server is below $T: nothing of a Samba that is installed or runs on this machine is read or written.
# shellcheck disable=SC2154 # $T, $INBOX … are tests/lib/common.bash's

# An ordinary account, so that the server's requests reach the mount with somebody's own rights.
SMB_USER=nobody
SMB_PASSWORD=secret
PLAIN='' # the plain directory
TORTURE_SECONDS=150 # for one call of smbtorture

require_samba() { # [PROGRAM…]: also these
    local program
    [ "$(id -u)" = 0 ] || skip "smbd changes users, which root only may"
    for program in smbd smbclient smbpasswd "$@"; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
}

free_port() {
    py -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# samba_start [LINE…]: a server with the shares "mount" (the inbox), "plain" and "top" (the whole mount); the lines are added to all. Call it after start_mount.
samba_start() {
    local directory share line
    PLAIN=$T/plain
    SMB_DIR=$T/samba SMB_CONF=$T/samba/smb.conf
    SMB_PORT=$(free_port)
    for directory in private lock state cache pid ncalrpc log; do
        mkdir -p "$SMB_DIR/$directory"
    done
    mkdir -p "$PLAIN"
    chown "$SMB_USER" "$PLAIN" "$INBOX"
    {
        echo "[global]
            server role = standalone server
            workgroup = SCRIBEFS
            netbios name = SCRIBEFS
            interfaces = 127.0.0.1
            bind interfaces only = yes
            smb ports = $SMB_PORT
            private dir = $SMB_DIR/private
            lock directory = $SMB_DIR/lock
            state directory = $SMB_DIR/state
            cache directory = $SMB_DIR/cache
            pid directory = $SMB_DIR/pid
            ncalrpc dir = $SMB_DIR/ncalrpc
            log file = $SMB_DIR/log/%m
            log level = 0
            passdb backend = tdbsam
            disable spoolss = yes
            disable netbios = yes
            load printers = no"
        for share in "mount $INBOX" "plain $PLAIN" "top $MNT"; do
            echo "[${share%% *}]
                path = ${share#* }
                read only = no"
            for line in "$@"; do
                echo "$line"
            done
        done
    } | sed 's/^ *//' >"$SMB_CONF"
    printf '%s\n' "$SMB_PASSWORD" "$SMB_PASSWORD" | smbpasswd -L -c "$SMB_CONF" -s -a "$SMB_USER" >/dev/null
    # In a process group of its own, all of which it ends when it is ended.
    start smbd smbd -F -s "$SMB_CONF"
    wait_for smb_answers
}

smb_answers() {
    smb mount ls >/dev/null 2>&1
}

# smb SHARE COMMAND…: in one session, one after the other; fails when the last does.
smb() {
    local share=$1 commands
    shift
    commands=$(printf '%s;' "$@")
    timeout 60 smbclient -s "$SMB_CONF" -p "$SMB_PORT" -U "$SMB_USER%$SMB_PASSWORD" "//127.0.0.1/$share" -c "$commands"
}

# torture SHARE TEST: the outcome of each of its tests, sorted, one a line; "hangs" for one that does not end.
torture() {
    local status=0
    timeout $TORTURE_SECONDS smbtorture -s "$SMB_CONF" -p "$SMB_PORT" -U "$SMB_USER%$SMB_PASSWORD" \
        --option=torture:progress=no --option=torture:timelimit=1 "//127.0.0.1/$1" "$2" \
        >"$T/torture.$1" 2>&1 </dev/null 3>&- 4>&- || status=$?
    {
        sed -n -E 's/^(success|failure|error|skip): ([^ ]+).*/\2 \1/p' "$T/torture.$1"
        [ $status != 124 ] || echo "$2 hangs"
    } | sort
}

# torture_tests SUITE…: the single tests of these, to be run one by one where one of them may hang.
torture_tests() {
    local suite
    for suite in "$@"; do
        smbtorture --list | sed -n "s/^\\($suite\\.[^.]*\\)\\..*/\\1/p" | sort -u
    done
}
