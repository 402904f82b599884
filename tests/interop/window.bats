#!/usr/bin/env bats
# A file manager's window on the inbox, on a screen of its own: views appear in it and go from it without a refresh, and what is
# done in the window is done in the folder. That a view is in the window is told by acting on it there (its name is typed, which
# selects what the window shows), and that it has gone by the picture, which is again what it was before.
# The pictures are kept in $WINDOW_PICTURES, if that is set.
# time limit: 300

TEST_SECONDS=200
load ../lib/common

setup() {
    local program
    common_setup
    fake_worker
    [ -n "${INTEROP_FULL:-}" ] || skip "a desktop is slow to start: make interop-full does it"
    for program in Xvfb dbus-run-session xdotool import thunar; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
    # Nothing of the user's own desktop.
    export HOME=$T/home XDG_RUNTIME_DIR=$T/home/run XDG_CACHE_HOME=$T/home/cache XDG_CONFIG_HOME=$T/home/config XDG_DATA_HOME=$T/home/data
    export NO_AT_BRIDGE=1 GIO_USE_VOLUME_MONITOR=unix GSETTINGS_BACKEND=memory LC_ALL=C.UTF-8
    unset WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS
    mkdir -p -m 700 "$XDG_RUNTIME_DIR" "$XDG_CONFIG_HOME" "$XDG_DATA_HOME/applications"
}

teardown() {
    if [ -n "${WINDOW_PICTURES:-}" ] && [ -n "${T:-}" ]; then
        mkdir -p "$WINDOW_PICTURES"
        find "$T" -maxdepth 1 -name '*.png' -exec cp {} "$WINDOW_PICTURES/" \;
    fi
    common_teardown
}

# A screen, and on it Thunar with a window on each directory: the id of the first in $WINDOW.
show() { # DIRECTORY…
    start screen Xvfb -displayfd 1 -screen 0 900x600x24 -nolisten tcp
    wait_for test -s "$T/screen"
    DISPLAY=:$(head -n 1 "$T/screen")
    export DISPLAY
    start window dbus-run-session -- thunar "$@"
    wait_for -t 40 window_named "$(basename "$1")"
    WINDOW=$FOUND
}

# There is no window manager that would give a window the keys.
window_named() { # REGEX: its id in $FOUND
    FOUND=$(xdotool search --onlyvisible --name "$1" 2>/dev/null | tail -n 1)
    [ -n "$FOUND" ] && xdotool windowfocus --sync "$FOUND" 2>/dev/null
}

no_window_named() {
    ! xdotool search --onlyvisible --name "$1" >/dev/null 2>&1
}

keys() { # KEY…: to the window
    xdotool windowfocus --sync "$WINDOW"
    xdotool key --delay 40 "$@"
}

# In the window, as if somebody typed the first letters of what he sees.
choose() { # NAME
    keys ctrl+shift+a || :
    keys Escape
    xdotool type --delay 40 "$1"
    xdotool key --delay 40 Escape
}

# A picture of the screen once it has come to rest.
picture() { # NAME
    wait_for same_twice "$1"
}

same_twice() {
    import -window root "$T/$1.png"
    sleep 0.4
    import -window root "$T/$1.again.png"
    same "$1" "$1.again"
}

same() { # NAME NAME
    [ "$(convert "$T/$1.png" rgb:- | cksum)" = "$(convert "$T/$2.png" rgb:- | cksum)" ]
}

looks_like() { # NAME: a picture taken before
    import -window root "$T/now.png"
    same now "$1"
}

@test "Thunar: pasted in, views appear and are opened, renamed, deleted and trashed from the window" {
    start_mount
    mkdir "$T/source"
    recording "$T/source/talk.wav"
    # Texts are opened by this.
    printf '#!/bin/sh\ncp "$1" %q\n' "$T/opened" >"$T/opener"
    chmod 755 "$T/opener"
    printf '[Desktop Entry]\nType=Application\nName=Opener\nExec=%s %%f\nMimeType=text/plain;\n' "$T/opener" >"$XDG_DATA_HOME/applications/opener.desktop"
    printf '[Default Applications]\ntext/plain=opener.desktop\n' >"$XDG_CONFIG_HOME/mimeapps.list"

    show "$T/source"
    keys ctrl+a ctrl+c
    keys ctrl+l
    xdotool type --delay 20 "$INBOX"
    keys Return
    wait_for window_named inbox
    WINDOW=$FOUND
    picture 1-empty
    keys ctrl+v
    transcribed "$INBOX/talk"
    cmp "$T/source/talk.wav" "$RAW/talk.wav"
    picture 2-views
    refute same 1-empty 2-views

    choose talk.txt
    keys Return
    wait_for cmp -s "$INBOX/talk.txt" "$T/opened"

    choose talk.srt
    keys F2
    wait_for window_named Rename
    xdotool key --delay 40 ctrl+a
    xdotool type --delay 40 minutes.srt
    xdotool key Return
    wait_for exists "$RAW/minutes.srt"
    missing "$INBOX/talk.srt"
    wait_for no_window_named Rename
    picture 3-renamed

    choose talk.json
    keys shift+Delete
    picture 4-question
    xdotool key Return
    wait_for missing "$INBOX/talk.json"
    picture 5-deleted

    choose talk.wav
    keys Delete
    wait_for exists "$MNT/.Trash/$(id -u)/files/talk.wav"
    wait_for missing "$INBOX/talk.txt"
    picture 6-trashed
    keys ctrl+z
    wait_for exists "$INBOX/talk.txt"
    cmp "$T/source/talk.wav" "$RAW/talk.wav"
    picture 7-back
    assert_equal "$(worker_starts)" 1
}

@test "Thunar: views that come and go behind its back come and go in the window" {
    start_mount
    show "$INBOX"
    picture 1-empty
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    picture 2-views
    refute same 1-empty 2-views
    rm "$INBOX/talk.wav"
    wait_for looks_like 1-empty
}

# With the left button, in steps, as a hand does; a file manager sees a drag only in movement.
drag() { # X Y X Y
    local step
    xdotool mousemove "$1" "$2" mousedown 1
    for step in $(seq 1 20); do
        xdotool mousemove $(($1 + ($3 - $1) * step / 20)) $(($2 + ($4 - $2) * step / 20))
        sleep 0.03
    done
    xdotool mouseup 1
}

@test "Thunar: dragged with the mouse from one window into another, a recording is copied and its views appear there" {
    start_mount
    mkdir "$T/source"
    recording "$T/source/talk.wav"
    show "$T/source" "$INBOX"
    xdotool windowmove --sync "$WINDOW" 0 0 windowsize --sync "$WINDOW" 440 590
    wait_for -t 40 window_named inbox
    xdotool windowmove --sync "$FOUND" 450 0 windowsize --sync "$FOUND" 440 590
    picture 1-two-windows
    drag 210 130 750 400 # the only icon in the one, the empty space of the other
    transcribed "$INBOX/talk"
    cmp "$T/source/talk.wav" "$RAW/talk.wav"
    picture 2-dragged
    refute same 1-two-windows 2-dragged
    # What is in the window can be acted on there.
    WINDOW=$FOUND
    choose talk.srt
    keys shift+Delete
    picture 3-question
    xdotool key Return
    wait_for missing "$INBOX/talk.srt"
    picture 4-deleted
    assert_equal "$(names "$INBOX")" "talk.json talk.txt talk.wav"
    assert_equal "$(worker_starts)" 1
}
