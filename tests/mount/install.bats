#!/usr/bin/env bats
# What make install puts where, that it runs from there, and that make uninstall takes all of it away.

load ../lib/common

setup() {
    common_setup
    [ "$BUILD" = "$ROOT/build" ] || skip "installing is tested with the ordinary build"
    make -s -C "$ROOT" install DESTDIR="$T/root" PREFIX=/opt/scribefs >/dev/null
    PREFIX=$T/root/opt/scribefs
}

@test "programs and man pages are installed" {
    for program in bin/scribefs bin/scribectl libexec/scribefs/worker libexec/scribefs/announcer; do
        [ -x "$PREFIX/$program" ]
    done
    for page in "$ROOT"/man/*.[0-9]; do
        [ -s "$PREFIX/share/man/man${page##*.}/$(basename "$page")" ]
    done
    cmp "$ROOT/man/scribefs-1.schema.json" "$PREFIX/share/scribefs/scribefs-1.schema.json"
    [ -s "$PREFIX/share/locale/zh_CN/LC_MESSAGES/scribefs.mo" ]
    cmp "$ROOT/fs/ctl/completion/scribectl.bash" "$PREFIX/share/bash-completion/completions/scribectl"
    cmp "$ROOT/fs/ctl/completion/_scribectl" "$PREFIX/share/zsh/site-functions/_scribectl"
}

@test "the installed daemon finds its worker, its announcer and its model" {
    [ -e "$(speech 0930)" ] || skip "pocketsphinx-testdata is not installed"
    SCRIBEFS=$PREFIX/bin/scribefs
    start_mount
    cp "$(speech 0930)" "$INBOX/talk.wav"
    wait_for -t 60 exists "$INBOX/talk.json"
    assert_equal "$(readlink "/proc/$(children announcer)/exe")" "$PREFIX/libexec/scribefs/announcer"
    [ ! -e "$ROOT/build/vosk/lib/libvosk.so" ] || assert_contains "$(cat "$INBOX/talk.json")" vosk
}

@test "where Vosk could not be had PocketSphinx does the work" {
    [ -e "$(speech 0930)" ] || skip "pocketsphinx-testdata is not installed"
    rm -rf "$PREFIX/lib/scribefs"
    SCRIBEFS=$PREFIX/bin/scribefs
    start_mount
    cp "$(speech 0930)" "$INBOX/talk.wav"
    wait_for -t 60 exists "$INBOX/talk.json"
    assert_contains "$(cat "$INBOX/talk.json")" pocketsphinx
    missing "$INBOX/talk.FAILED.txt"
}

@test "uninstall leaves nothing" {
    make -s -C "$ROOT" uninstall DESTDIR="$T/root" PREFIX=/opt/scribefs >/dev/null
    assert_equal "$(find "$PREFIX" ! -type d)" ""
    missing "$PREFIX/lib/scribefs"
    missing "$PREFIX/libexec/scribefs"
}

@test "the Debian package is built with the libraries that make deps installs" {
    # The libraries of the packages, one a line; gcc, libc6-dev and make are there wherever packages are built.
    listed() {
        tr -s ' ,\n' '\n' | grep -vxE '|gcc|libc6-dev|make|debhelper-compat|\(=|13\)|dh-sequence-.*' | sort
    }
    assert_equal "$(sed -n '/^Build-Depends:/,/^[A-Z]/{s/^Build-Depends://;/^[A-Z]/!p}' "$ROOT/fs/debian/control" | listed)" \
        "$(make -s -C "$ROOT" -f - print <<<$'include Makefile\nprint:\n\t@echo $(BUILD_DEPS)' | listed)"
}
