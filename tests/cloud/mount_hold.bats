#!/usr/bin/env bats
# hold_minutes: what arrives together and is more than that is not sent before somebody confirms it. (The rules: test_drops.c.)
# time limit: 200

load ../lib/common
load ../lib/emulator

NOTE='DELETE ME TO START.txt'
DIRECT=(dashscope.model=qwen3-asr-flash jobs.hold_window_seconds=1)

setup() {
    cloud_setup
    script '{"match":{},"text":"It was heard."}'
}

teardown() {
    cloud_teardown
}

# lasting NAME SECONDS: a recording of that length in the inbox, another for each length.
lasting() {
    mkdir -p "$(dirname "$INBOX/$1")"
    sox -D -n -r 16000 -c 1 -b 16 "$T/tone.wav" synth "$2" sine 300
    cp "$T/tone.wav" "$INBOX/$1"
}

noted() { # FOLDER REGEX
    contains "$INBOX/$1/$NOTE" "$2"
}

sent() { # N
    [ "$(counter .requests.sync)" = "$1" ]
}

# bats test_tags=core
@test "a large drop is held: nothing is sent, the folder says what it would cost; deleting the text sends all of it; a restart changes nothing" {
    cloud_mount "${DIRECT[@]}" jobs.hold_minutes=1
    lasting small/s.wav 20 # less than that goes by itself
    transcribed "$INBOX/small/s"
    [ ! -e "$INBOX/small/$NOTE" ]
    lasting drop/a.wav 21
    lasting drop/deep/b.wav 22
    lasting drop/deep/c.wav 23
    wait_for noted drop '^3 recordings wait here until somebody confirms'
    noted drop '^Together: 1\.10 minutes of audio, at most 0\.01452 CNY by the price list\.$'
    assert_equal "$(find "$INBOX/drop" -maxdepth 1 -name "$NOTE" | wc -l)" 1 # it is listed
    contains "$INBOX/drop/deep/b.transcribing.txt" '^Waiting: Together with what arrived with it, this is more than is sent without asking\.$'
    contains "$INBOX/drop/deep/b.transcribing.txt" '^This recording alone: 0\.37 minutes of audio, at most 0\.0048'
    contains "$INBOX/drop/deep/b.transcribing.txt" "^To start all of them, delete \"$NOTE\" in this folder or the one above"
    assert_equal "$(item drop/a.wav '[.state, .error.code] | tojson')" '["queued","hold.confirm"]'
    assert_contains "$("$SCRIBECTL" status "$INBOX")" '; 3 recordings wait until somebody confirms them \(1\.10 minutes of audio, at most 0\.01452 CNY by the price list\)'
    assert_equal "$("$SCRIBECTL" status --json "$INBOX" | jq -c '.spending.to_confirm | [.recordings, .billed_ms, .currency]')" '[3,66000,"CNY"]'

    # What another program deletes because its own folder has no such file is nobody's wish.
    mkdir "$T/mirror"
    cp "$T/tone.wav" "$T/mirror/a.wav"
    rsync -r --existing --ignore-existing --delete "$T/mirror/" "$INBOX/drop/" --exclude '*.wav' --exclude '*.transcribing.txt' --exclude deep
    wait_for test ! -e "$INBOX/drop/$NOTE"
    assert_equal "$(grep -c 'somebody deleted the text' "$LOG")" 0
    mv "$INBOX/drop/deep/c.wav" "$INBOX/c.wav" # moved away it starts nothing
    wait_for noted drop '^2 recordings wait here'
    noted . '^1 recording waits here'
    restart
    wait_for noted drop '^2 recordings wait here'
    wait_for noted . '^1 recording waits here'
    sent 1

    rm "$INBOX/drop/$NOTE"
    transcribed "$INBOX/drop/a"
    transcribed "$INBOX/drop/deep/b"
    sent 3
    [ -e "$INBOX/c.transcribing.txt" ]
    [ ! -e "$INBOX/drop/$NOTE" ]
    "$SCRIBECTL" confirm "$INBOX/c.wav" | grep -qx '.*c.wav: 1 recording is sent now'
    transcribed "$INBOX/c"
    wait_for test ! -e "$INBOX/$NOTE"
    # A file manager's way of deleting.
    lasting trash/t.wav 61
    wait_for noted trash '^1 recording waits here'
    assert_equal "$(stat -c '%a %U' "$INBOX/trash/$NOTE")" "644 $(stat -c %U "$INBOX/trash")"
    mkdir -p "$INBOX/.Trash-$UID/files"
    mv "$INBOX/trash/$NOTE" "$INBOX/.Trash-$UID/files/"
    transcribed "$INBOX/trash/t"
}

@test "who deletes the folder has confirmed nothing; scribectl confirms; a folder has a lower limit of its own" {
    cloud_mount "${DIRECT[@]}"
    mkdir -p "$INBOX/team"
    printf 'hold_minutes = 1\n' >"$INBOX/team/.new"
    mv "$INBOX/team/.new" "$INBOX/team/.scribefs.conf"
    lasting free/a.wav 65 # no limit there
    transcribed "$INBOX/free/a"
    lasting team/a.wav 31
    lasting team/b.wav 32
    wait_for noted team '^2 recordings wait here'
    rm -r "$INBOX/team"
    mkdir "$INBOX/team"
    printf 'hold_minutes = 1\n' >"$INBOX/team/.new"
    mv "$INBOX/team/.new" "$INBOX/team/.scribefs.conf"
    lasting team/c.wav 33
    lasting team/d.wav 34
    wait_for noted team '^2 recordings wait here'
    assert_equal "$("$SCRIBECTL" confirm --json "$INBOX/team" | jq .count)" 2
    transcribed "$INBOX/team/c"
    transcribed "$INBOX/team/d"
    sent 3
    assert_equal "$("$SCRIBECTL" confirm "$INBOX/team")" 'team: nothing waits to be confirmed'
}
