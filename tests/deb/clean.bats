#!/usr/bin/env bats
# The Debian packages of `make deb` in a Debian 12 that has nothing else: they are installed, used, put in again and purged.
# Run by `make test-deb`; the bare system is made once, by debootstrap, in build/deb-tree.
#
# time limit: 1800

TEST_SECONDS=1700
load ../lib/common

setup() {
    common_setup
    [ "$(id -u)" = 0 ] || skip "only root can make a system of its own"
    [ -d "$ROOT/build/deb-tree" ] || skip "no bare system: make test-deb makes it"
    [ -n "$(echo "$ROOT"/build/deb/scribefs_*.deb)" ]
    TREE=$T/tree
    mkdir -p "$ROOT/build/deb-archives/partial"
    cp -a "$ROOT/build/deb-tree" "$TREE"
    bash "$LIB/apt_source" >"$TREE/etc/apt/sources.list"
    cp /etc/resolv.conf "$TREE/etc/resolv.conf"
    # Whom this machine trusts besides, where the way out leads through a proxy.
    cat ${NODE_EXTRA_CA_CERTS:+"$NODE_EXTRA_CA_CERTS"} /dev/null >"$TREE/etc/extra-certificates.pem"
}

# in_tree SCRIPT: runs it in the tree; its processes and mounts end with it.
in_tree() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --pid --fork --kill-child --propagation private bash -c '
        set -e
        mount --rbind /dev "$1/dev"
        mount -t proc proc "$1/proc"
        mount --bind "$2" "$1/var/cache/apt/archives"
        exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" NODE_EXTRA_CA_CERTS=/etc/extra-certificates.pem bash -euxc "$3"
    ' in_tree "$TREE" "$ROOT/build/deb-archives" "$1"
}

@test "on a bare Debian 12: installed, a recording transcribed, put in again while in use, purged without a trace" {
    [ -e "$(speech 0930)" ] || skip "pocketsphinx-testdata is not installed"
    mkdir "$TREE/deb"
    cp "$ROOT"/build/deb/scribefs_*.deb "$ROOT"/build/deb/scribefs-vosk_*.deb "$TREE/deb/"
    cp "$(speech 0930)" "$TREE/deb/talk.wav"
    # shellcheck disable=SC2016 # for the inner shell
    in_tree '
        apt-get -q update
        apt-get -q -y --no-install-recommends install man-db bash-completion
        traces() { find / -xdev \( -path /deb -o -path /srv -o -path /var/cache -o -path /var/log -o -path /proc \) -prune \
            -o -iname "*scribefs*" -print -o -name "*scribectl*" -print; }
        [ -z "$(traces)" ]
        apt-get -q -y --no-install-recommends install /deb/*.deb

        getent passwd scribefs | grep -q nologin
        # Nobody has a folder of this kind who did not ask for one.
        [ -z "$(find /etc -name "scribefs*.service")" ]
        systemd-analyze verify --man=no scribefs@talks.service
        XDG_RUNTIME_DIR=/tmp systemd-analyze --user verify --man=no scribefs.service
        for page in "8 scribefs" "7 scribefs" "5 scribefs.conf" "5 scribefs-json" "1 scribectl"; do
            man $page | grep -q SYNOPSIS\\\|DESCRIPTION
        done
        [ -x /usr/share/doc/scribefs/examples/mail ]
        bash -c ". /usr/share/bash-completion/bash_completion; _completion_loader scribectl; complete -p scribectl"
        [ -s /usr/share/zsh/vendor-completions/_scribectl ]

        mkdir /srv/mnt
        mount -t fuse.scribefs /srv/store /srv/mnt
        cp /deb/talk.wav /srv/mnt/inbox/
        scribectl wait /srv/mnt/inbox/talk.wav
        grep -qi vosk /srv/mnt/inbox/talk.json
        grep -qi "[a-z]" /srv/mnt/inbox/talk.txt
        grep -qi "[a-z]" /srv/mnt/inbox/talk.srt

        # The same version once more, as an upgrade: what is mounted goes on.
        dpkg -i /deb/*.deb
        cat /srv/mnt/inbox/talk.txt >/dev/null
        cp /deb/talk.wav /srv/mnt/inbox/again.wav
        scribectl wait /srv/mnt/inbox/again.wav

        # What an administrator adds, and systemctl enable.
        printf "STORE=/srv/store\nMOUNTPOINT=/srv/mnt\n" >/etc/default/scribefs-talks
        systemctl enable scribefs@talks
        apt-get -q -y purge scribefs scribefs-vosk >/srv/said
        grep -q "still serves /srv/mnt" /srv/said
        umount /srv/mnt
        traces
        [ -z "$(traces)" ]
        [ -s /srv/store/inbox/talk.wav ]
    ' >"$T/said" 2>&1 || { tail -n 60 "$T/said"; false; }
}

@test "on a bare Debian 12: README's first command shows a transcript, and make test-deps is all that the tests are built with" {
    mkdir "$TREE/src"
    (cd "$ROOT" && cp -R Makefile README.md LICENSE backend cache fs man tests "$TREE/src/")
    # shellcheck disable=SC2016 # for the inner shell
    in_tree '
        apt-get -q update
        apt-get -q -y --no-install-recommends install make
        cd /src
        make demo
        make test-deps
        make -j "$(nproc)" unit-programs emulator render
        tests/run -o "test_(cue|digest|catalogue)" unit
    ' >"$T/said" 2>&1 || { tail -n 60 "$T/said"; false; }
    tail -n 40 "$T/said"
    grep -q '00:00:.* --> ' "$T/said"
}
