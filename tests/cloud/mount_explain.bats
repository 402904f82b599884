#!/usr/bin/env bats
# scribectl explain, through the mount: which model a recording is given to, why, and why no other.
# time limit: 200

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    script '{"match":{},"text":"Heard."}'
}

teardown() {
    cloud_teardown
}

explain() { # NAME JQ
    "$SCRIBECTL" explain --json "$INBOX/$1" | jq -r "$2"
}

model_says() { # NAME MODEL JQ
    explain "$1" ".models[] | select(.name == \"$2\") | $3"
}

# It is explained, and nothing was sent anywhere for that.
nothing_was_sent() {
    assert_equal "$(control GET requests | jq length)" 0
}

# bats test_tags=core
@test "before, while and after it is transcribed: the same model, and who did it" {
    switch '{"running_ms":600000}'
    cloud_mount dashscope.speakers=yes
    drop talk.wav
    wait_for counter_is .tasks.SUBMITTED 1
    local text
    text=$("$SCRIBECTL" explain "$INBOX/talk.wav")
    assert_contains "$text" '^talk.wav: running$'
    assert_contains "$text" '^ *Model: *fun-asr: it was begun with this model'
    assert_contains "$text" '^ *Recording: *0:02, 1 channel, 16000 Hz'
    assert_contains "$text" '^ *Published: *.*temporary storage'
    assert_contains "$text" '^ *Cost: *at most about 0\.[0-9]* CNY'
    assert_contains "$text" '^ *qwen3-asr-flash *does not offer speaker labels$'
    assert_contains "$text" '^ *qwen3-asr-flash-us *is not offered in China \(Beijing\)$'
    control POST clock '{"advance_ms":600000}' >/dev/null
    transcribed "$INBOX/talk"
    assert_equal "$(explain talk.wav '[.state, .taken.provider, .taken.model, .model] | join(" ")')" \
        "done dashscope fun-asr fun-asr"
    assert_equal "$(explain talk.txt .path)" talk.wav
    switch '{"running_ms":0}'
    # Another setting is for other recordings; this one is what it is.
    cloud_remount dashscope.model=paraformer-v2
    drop later.wav "$(speech 0930)"
    assert_equal "$(explain later.wav '[.model, .why] | join(": ")')" 'paraformer-v2: the settings name it'
    assert_equal "$(model_says later.wav fun-asr .text)" 'it could; the settings name paraformer-v2'
    assert_equal "$(explain talk.wav '[.taken.model, .why] | join(": ")')" \
        'fun-asr: of those that can do all that is asked for, it comes first'
    transcribed "$INBOX/later"
}

@test "region, features and names that do not fit" {
    allow_log route
    cloud_mount dashscope.region=us dashscope.speakers=yes
    drop talk.wav
    assert_equal "$(explain talk.wav .refused.code)" route.feature
    assert_equal "$(explain talk.wav '.unmet[]')" 'speaker labels: no model in US (Virginia) offers that'
    assert_equal "$(model_says talk.wav fun-asr '[.verdict, .code] | join(" ")')" 'refused route.region'
    cloud_remount dashscope.region=singapore dashscope.model=paraformer-v2
    drop name.wav "$(speech 0930)"
    assert_equal "$(explain name.wav '[.model, .refused.code] | join(" ")')" ' route.region'
    assert_contains "$("$SCRIBECTL" explain "$INBOX/name.wav")" 'Not possible: *The model that is set is not offered in the region'
    nothing_was_sent
}

silence() { # SECONDS FILE
    ffmpeg -v error -f lavfi -i anullsrc=r=8000:cl=mono -t "$1" "$2" </dev/null
}

@test "stereo with speakers, too large, too long; and where nothing can be converted" {
    allow_log 'route|media'
    sox "$(speech 0880)" -c 2 "$T/stereo.wav"
    sox -n -r 48000 -c 2 "$T/large.wav" trim 0 60
    silence 7300 "$T/long.flac"
    silence 7301 "$T/longer.flac"
    switch '{"running_ms":600000}'
    cloud_mount dashscope.speakers=yes
    drop stereo.wav "$T/stereo.wav"
    assert_equal "$(explain stereo.wav '[.model, .steps[0]] | join(": ")')" 'fun-asr: its 2 channels are mixed down to one'
    drop long.flac "$T/long.flac"
    assert_contains "$(explain long.flac '.steps[]')" 'cut where nobody speaks, into at least 2 parts of at most 120 minutes'
    # An address of its own: the service reads the file as it is.
    cloud_remount dashscope.speakers=yes publish.method=url "publish.base_url=http://127.0.0.1:$EMULATOR_PORT/files/"
    drop other.wav "$T/stereo.wav"
    assert_equal "$(explain other.wav .refused.code)" route.mono
    drop longer.flac "$T/longer.flac"
    assert_equal "$(explain longer.flac .refused.code)" media.too_long
    assert_contains "$(model_says longer.flac fun-asr .text)" 'at most 2 hours with speaker labels'
    cloud_remount dashscope.model=qwen3-asr-flash publish.method=url "publish.base_url=http://127.0.0.1:$EMULATOR_PORT/files/"
    drop large.wav "$T/large.wav"
    assert_equal "$(explain large.wav .refused.code)" media.too_large
    cloud_remount dashscope.model=qwen3-asr-flash
    mkdir "$INBOX/again"
    drop again/large.wav "$T/large.wav"
    assert_contains "$(explain again/large.wav '.steps[]')" 'since it is too large'
}

# bats test_tags=core
@test "a key that is missing, what is no recording, folders, strangers" {
    allow_log 'cloud\.no_key|cannot be used|media'
    rm "$T/key"
    cloud_mount
    drop talk.wav
    assert_equal "$(explain talk.wav '[.model, .refused.code] | join(" ")')" 'fun-asr cloud.no_key'
    echo 'no audio at all' >"$INBOX/bad.wav"
    assert_contains "$(explain bad.wav .refused.code)" '^media\.'
    local path wanted words
    while IFS='|' read -r path wanted words; do
        run -"$wanted" "$SCRIBECTL" -s "$STORE" explain "$path"
        assert_contains "${lines[*]}" "$words"
    done <<END
$INBOX|1|it is a folder: name a recording
$INBOX/none.wav|5|no recording is there
$T/key|5|it is not in the inbox
$(speech 0880)|5|it is not in the inbox
END
    : >"$INBOX/empty.wav"
    run -1 "$SCRIBECTL" explain "$INBOX/empty.wav" "$INBOX/talk.wav"
    assert_contains "${lines[*]}" 'the file is empty.*talk.wav:'
}

# bats test_tags=core
@test "who hangs up ends the looking at the recording" {
    printf '#!/bin/sh\nexec sleep 300\n' >"$T/slow"
    chmod 755 "$T/slow"
    EXTRA_OPTIONS=worker=$T/slow,hang_seconds=300
    cloud_mount jobs.workers=1
    drop first.wav
    wait_for some_child sleep
    drop talk.wav "$(speech 0930)"
    start asker "$SCRIBECTL" explain "$INBOX/talk.wav"
    wait_for children_are 2
    end_process "${STARTED[-1]}"
    wait_for children_are 1
    start asker "$SCRIBECTL" explain "$INBOX/talk.wav"
    wait_for children_are 2
    stop_mount
}

children_are() { # COUNT
    [ "$(children sleep | wc -l)" = "$1" ]
}
