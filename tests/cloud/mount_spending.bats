#!/usr/bin/env bats
# Limits of months, of money and of folders, through the mount. (The limit of a day: mount_cost.bats.)
# time limit: 200

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    script '{"match":{},"text":"It was heard."}'
    # No test is to meet a midnight: a time zone in which it is about noon.
    local hour
    hour=$(date -u +%H)
    export TZ=NOON$((10#$hour - 12))
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

settings() { # FOLDER TEXT: the settings of a folder of the inbox, as an editor saves them
    mkdir -p "$INBOX/$1"
    printf '%b' "$2" >"$INBOX/$1/.new"
    mv "$INBOX/$1/.new" "$INBOX/$1/.scribefs.conf"
}

waits() { # BASE REGEX: what its status text says
    contains "$INBOX/$1.transcribing.txt" "^Waiting until 00:00 on $2"
}

DIRECT=dashscope.model=qwen3-asr-flash

# bats test_tags=core
@test "the limit of a month holds all, that of a folder its own; the folder says so; raised, it goes on" {
    local next
    next=$(date -d "$(date +%Y-%m-01) + 1 month" '+1 %B')
    cloud_mount "$DIRECT" jobs.minutes_per_month=2
    settings team 'minutes_per_day = 1\n'
    lasting team/a.wav 40
    transcribed "$INBOX/team/a"
    lasting team/deep/b.wav 30
    wait_for waits team/deep/b '.*: The limit that the settings of this folder give for a day is reached'
    lasting c.wav 25
    transcribed "$INBOX/c"
    assert_equal "$(item team/deep/b.wav '[.state, .error.code, .error.detail] | tojson')" '["queued","limit.folder_day","minutes_per_day is 1 in team"]'

    settings team 'minutes_per_day = 2\n'
    transcribed "$INBOX/team/deep/b"
    lasting d.wav 31
    wait_for waits d "$next.*: The minutes of audio that may be sent .* in a month are used up"
    assert_contains "$("$SCRIBECTL" status "$INBOX")" ', 1\.58 of 2 minutes this month .*; the limit of the month is reached'
    assert_equal "$("$SCRIBECTL" status --json "$INBOX" | jq -c '.spending | [.month_limit_ms, .held_for_month]')" '[120000,true]'
    mv "$INBOX/team" "$INBOX/renamed" # who has paid has paid
    restart
    wait_for waits d "$next"
    assert_equal "$(counter .requests.sync)" 3
    cloud_remount "$DIRECT"
    transcribed "$INBOX/d"
}

@test "the limit of what it costs; what alone costs more is refused before anything is sent" {
    cloud_mount "$DIRECT" jobs.cost_per_day=0.01
    allow_log limit.size
    lasting long.wav 60
    failed long 'would take more than the limits of spending allow'
    contains "$INBOX/long.FAILED.txt" 'cost_per_day is 0.01'
    lasting a.wav 40
    transcribed "$INBOX/a"
    lasting b.wav 30
    wait_for waits b '.*: What transcription may cost in a day is used up'
    assert_contains "$("$SCRIBECTL" status "$INBOX")" '^In the cloud: 0\.67 minutes today \(0\.0088 CNY\) of at most 0\.01 CNY'
    assert_equal "$(counter .requests.sync)" 1
}
