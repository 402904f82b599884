#!/usr/bin/env bats
# File managers: GIO's own program, and the ways of copying of other programs, call by call.
# time limit: 300

load ../lib/common

setup() {
    common_setup
    fake_worker
    # GIO keeps what it knows of a user there.
    export HOME=$T/home XDG_DATA_HOME=$T/home/data XDG_RUNTIME_DIR=$T/home/run GIO_USE_VFS=local GSETTINGS_BACKEND=memory
    mkdir -p -m 700 "$HOME" "$XDG_DATA_HOME" "$XDG_RUNTIME_DIR"
}

require_gio() {
    command -v gio >/dev/null || skip "gio is not installed"
}

# started_too_early FINISHED…: contents that a worker was given although their file is not one of these, complete, or a fence.
started_too_early() {
    local name
    {
        for name in "$INBOX"/fence/*.wav; do
            content_of "$name"
        done
        for name in "$@"; do
            content_of "$T/expected/$name"
        done
    } | sort -u >"$T/complete"
    sed -n 's/^start \([0-9a-f]*\) .*/\1/p' "$T/worker/log" | grep -vxF -f "$T/complete"
}

# One step of all schemes; adds to $finished what is complete now.
step() {
    local line
    echo >&8
    while read -r -t 20 -u 7 line && [ "$line" != . ]; do
        finished+=("$line")
    done
    [ "$line" = . ]
}

@test "however a program copies, its file is taken once, when it is whole, and never before" {
    local finished=() total schemes schemes_PID name
    mkdir "$T/expected"
    start_mount
    coproc schemes { exec "$PYTHON" -IB "$LIB/copy_schemes.py" "$INBOX" "$T/expected" 3>&-; }
    STARTED+=("$schemes_PID")
    # Bash takes its own descriptors away when the process ends, whatever is still to be read.
    exec 7<&"${schemes[0]}" 8>&"${schemes[1]}"
    step
    total=$(find "$T/expected" -name '*.wav' | wc -l)
    [ "$total" -gt 15 ]
    while [ ${#finished[@]} -lt "$total" ]; do
        fence
        refute started_too_early "${finished[@]}"
        step
    done
    for name in "${finished[@]}"; do
        transcribed "$INBOX/${name%.wav}"
        cmp "$T/expected/$name" "$RAW/$name"
        assert_contains "$(cat "$INBOX/${name%.wav}.txt")" "the words of ${name%.wav}"
    done
    fence
    for name in "${finished[@]}"; do
        assert_equal "$name $(worker_log start "$T/expected/$name")" "$name 1"
    done
    exec 7<&- 8>&-
}

@test "gio copy, copy over it, save, rename, move, remove" {
    require_gio
    start_mount
    recording "$T/talk.wav"
    recording "$T/other.wav" "say the second words"
    gio copy -p "$T/talk.wav" "$INBOX/talk.wav" >/dev/null
    transcribed "$INBOX/talk"
    cmp "$T/talk.wav" "$RAW/talk.wav"
    gio copy "$T/other.wav" "$INBOX/talk.wav"
    wait_for contains "$INBOX/talk.txt" "second words"
    gio save "$INBOX/saved.wav" <"$T/talk.wav"
    transcribed "$INBOX/saved"
    gio save "$INBOX/saved.wav" <"$T/other.wav"
    wait_for contains "$INBOX/saved.txt" "second words"
    gio rename "$INBOX/talk.wav" speech.wav
    transcribed "$INBOX/speech"
    mkdir "$INBOX/sub"
    gio move "$INBOX/speech.wav" "$INBOX/sub/"
    transcribed "$INBOX/sub/speech"
    wait_for missing "$INBOX/speech.txt"
    gio move "$T/talk.wav" "$INBOX/moved.wav"
    transcribed "$INBOX/moved"
    missing "$T/talk.wav"
    gio remove "$INBOX/sub/speech.wav"
    wait_for missing "$INBOX/sub/speech.txt"
    fence
    assert_equal "$(worker_log start "$INBOX/moved.wav")" 1
    assert_equal "$(worker_log start "$T/other.wav")" 1
    assert_equal "$(names "$RAW")" "fence moved.wav saved.wav sub"
}

@test "views to GIO: their size and type, copies, and their own renaming and removal" {
    require_gio
    start_mount
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    local info
    info=$(gio info "$INBOX/talk.txt")
    assert_contains "$info" "standard::size: $(stat -c %s "$INBOX/talk.txt")\$"
    assert_contains "$info" "standard::type: 1"
    assert_contains "$info" "access::can-trash: TRUE"
    gio copy -p "$INBOX/talk.txt" "$INBOX/talk.json" "$T/" >/dev/null
    cmp "$INBOX/talk.txt" "$T/talk.txt"
    cmp "$INBOX/talk.json" "$T/talk.json"
    gio rename "$INBOX/talk.txt" minutes.txt
    cmp "$RAW/minutes.txt" "$T/talk.txt"
    missing "$INBOX/talk.txt"
    gio remove "$INBOX/talk.srt"
    missing "$INBOX/talk.srt"
    exists "$INBOX/talk.json"
}

monitored() { # EVENT NAME
    grep -Fq -- "$INBOX/$2: $1" "$T/monitor"
}

@test "gio monitor sees views appear, change places and go" {
    require_gio
    start_mount
    start monitor gio monitor -d "$INBOX"
    wait_for probed
    recording "$INBOX/talk.wav"
    for view in txt srt json; do
        wait_for monitored created "talk.$view"
    done
    mv "$INBOX/talk.wav" "$INBOX/speech.wav"
    for view in txt srt json; do
        wait_for monitored created "speech.$view"
        wait_for monitored deleted "talk.$view"
    done
    rm "$INBOX/speech.wav"
    for view in txt srt json; do
        wait_for monitored deleted "speech.$view"
    done
}

# The watch is in place when it has seen a file come.
probed() {
    echo x >"$INBOX/probe.md"
    rm "$INBOX/probe.md"
    monitored deleted probe.md
}

# ---- Trash -----------------------------------------------------------------------------------------------------------

@test "the trash of the mount is one that file managers use: sticky, for everybody, kept in the store" {
    start_mount
    assert_equal "$(stat -c '%F %a' "$MNT/.Trash")" "directory 1777"
    assert_equal "$(stat -c '%F %a' "$STORE/trash")" "directory 1777"
    mkdir -p "$MNT/.Trash/$(id -u)/files"
    exists "$STORE/trash/$(id -u)/files"
    assert_equal "$(stat -c %i "$MNT/.Trash/..")" "$(stat -c %i "$MNT")"
    assert_equal "$(find "$MNT/.Trash" -mindepth 1 -printf '%P %i\n' | sort)" \
        "$(cd "$MNT/.Trash" && stat -c '%n %i' "$(id -u)" "$(id -u)/files")"
    refute rmdir "$MNT/.Trash" 2>/dev/null
    refute mv "$MNT/.Trash" "$INBOX/" 2>/dev/null
    # An administrator's choice stays.
    stop_mount
    chmod 700 "$STORE/trash"
    start_mount
    assert_equal "$(stat -c %a "$MNT/.Trash")" 700
}

@test "without a place for it there is no trash, and all else works" {
    mkdir -p "$RAW"
    echo x >"$STORE/trash"
    start_mount
    assert_equal "$(names "$MNT")" "inbox metrics.txt search status.html status.json status.txt"
    missing "$MNT/.Trash"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
}

@test "gio trash: the views go with the recording; moved back, it has its transcript without a new job, also after a restart" {
    require_gio
    start_mount
    mkdir -p "$INBOX/dir/sub"
    recording "$INBOX/dir/talk.wav"
    recording "$INBOX/dir/sub/deep.wav"
    transcribed "$INBOX/dir/talk" "$INBOX/dir/sub/deep"
    local trash place
    trash=$MNT/.Trash/$(id -u)

    gio trash "$INBOX/dir/talk.wav"
    for view in txt srt json; do
        wait_for missing "$INBOX/dir/talk.$view"
    done
    assert_equal "$(names "$trash/files")" "talk.wav"
    assert_contains "$(cat "$trash/info/talk.wav.trashinfo")" "^Path=inbox/dir/talk.wav\$"
    for place in "$trash/files" "$STORE/trash/$(id -u)/files"; do
        run "$SCRIBECTL" -s "$STORE" status "$place/talk.wav"
        assert_equal "$status" 5
        assert_contains "$output" "in the trash"
    done
    mv "$trash/files/talk.wav" "$INBOX/dir/talk.wav"
    transcribed "$INBOX/dir/talk"

    gio trash "$INBOX/dir"
    missing "$INBOX/dir"
    assert_equal "$(cd "$trash/files" && find dir -type f | sort | tr '\n' ' ')" "dir/sub/deep.wav dir/talk.wav "
    restart
    fence
    mv "$trash/files/dir" "$INBOX/back"
    transcribed "$INBOX/back/talk" "$INBOX/back/sub/deep"
    fence
    assert_equal "$(worker_log start "$INBOX/back/talk.wav")" 1
    assert_equal "$(worker_log start "$INBOX/back/sub/deep.wav")" 1
}

@test "what was deleted of a recording's views stays deleted when it, or its folder, is trashed and moved back" {
    start_mount
    mkdir -p "$INBOX/dir" "$MNT/.Trash/$(id -u)/files"
    recording "$INBOX/dir/talk.wav"
    transcribed "$INBOX/dir/talk"
    rm "$INBOX/dir/talk.srt"
    local files
    files=$MNT/.Trash/$(id -u)/files
    mv "$INBOX/dir/talk.wav" "$files/"
    mv "$files/talk.wav" "$INBOX/again.wav"
    wait_for exists "$INBOX/again.json"
    assert_equal "$(cd "$INBOX" && echo again.*)" "again.json again.txt again.wav"
    mv "$INBOX/again.wav" "$INBOX/dir/"
    mv "$INBOX/dir" "$files/"
    mv "$files/dir" "$INBOX/back"
    wait_for exists "$INBOX/back/again.json"
    assert_equal "$(names "$INBOX/back")" "again.json again.txt again.wav"
    "$SCRIBECTL" restore "$INBOX/back" >/dev/null
    wait_for exists "$INBOX/back/again.srt"
    # Another recording that has the name by now knows nothing of it.
    rm "$INBOX/back/again.txt"
    mv "$INBOX/back/again.wav" "$files/"
    recording "$INBOX/back/again.wav" "say other words"
    transcribed "$INBOX/back/again"
}

@test "gio trash of a recording together with its views, in any order, reports no error" {
    require_gio
    start_mount
    recording "$INBOX/one.wav"
    recording "$INBOX/two.wav"
    transcribed "$INBOX/one" "$INBOX/two"
    gio trash "$INBOX/one.wav" "$INBOX/one.txt" "$INBOX/one.srt" "$INBOX/one.json"
    gio trash "$INBOX/two.json" "$INBOX/two.srt" "$INBOX/two.txt" "$INBOX/two.wav"
    assert_equal "$(names "$INBOX")" ""
    assert_equal "$(names "$MNT/.Trash/$(id -u)/files")" "one.json one.srt one.txt one.wav two.json two.srt two.txt two.wav"
    assert_contains "$(cat "$MNT/.Trash/$(id -u)/files/one.txt")" "the words of one.wav"
}

@test "gio trash while a worker has the recording ends the job" {
    require_gio
    start_mount
    hold_workers
    recording "$INBOX/talk.wav"
    cp "$INBOX/talk.wav" "$T/copy"
    wait_for worker_started "$T/copy"
    local worker
    worker=$(children worker)
    gio trash "$INBOX/talk.wav"
    for pid in $worker; do
        wait_for not_running "$pid"
    done
    free_workers
    fence
    assert_equal "$(worker_log finish "$T/copy")" 0
    mv "$MNT/.Trash/$(id -u)/files/talk.wav" "$INBOX/"
    transcribed "$INBOX/talk"
}

# What KIO does, call by call: looks at .Trash, makes its own directories in it, writes the description, renames.
kio_trash() { # FILE
    local uid trash
    uid=$(id -u) trash=$MNT/.Trash/$(id -u)
    [ -k "$MNT/.Trash" ] && [ ! -L "$MNT/.Trash" ] || return 1
    mkdir -m 700 "$trash" "$trash/info" "$trash/files" || return 1
    [ "$(stat -c '%u %a' "$trash")" = "$uid 700" ] || return 1
    (set -C && printf '[Trash Info]\nPath=inbox/%s\nDeletionDate=2026-01-01T00:00:00\n' "${1##*/}" >"$trash/info/${1##*/}.trashinfo") || return 1
    py -c 'import os, sys; os.rename(*sys.argv[1:])' "$1" "$trash/files/${1##*/}"
}

@test "another user has a trash of his own, which others cannot enter" {
    [ "$(id -u)" = 0 ] || skip "acts as another user"
    start_mount
    mkdir "$INBOX/his"
    chown nobody "$INBOX/his"
    export -f kio_trash py
    export MNT INBOX PYTHON
    as_nobody "echo 'say the words of somebody' >'$INBOX/his/talk.wav'"
    transcribed "$INBOX/his/talk"
    as_nobody "kio_trash '$INBOX/his/talk.wav'"
    wait_for missing "$INBOX/his/talk.txt"
    mkdir "$INBOX/other"
    chown daemon "$INBOX/other"
    refute as_somebody daemon "ls '$MNT/.Trash/$(id -u nobody)'" 2>/dev/null
    refute as_somebody daemon "mv '$MNT/.Trash/$(id -u nobody)' '$INBOX/other/'" 2>/dev/null
    as_nobody "mv '$MNT/.Trash/$(id -u nobody)/files/talk.wav' '$INBOX/his/'"
    transcribed "$INBOX/his/talk"
    assert_equal "$(worker_starts)" 1
}

as_somebody() { # USER COMMAND
    setpriv --reuid "$1" --regid "$1" --clear-groups bash -c "$2"
}

as_nobody() {
    setpriv --reuid nobody --regid nogroup --clear-groups bash -c "$1"
}
