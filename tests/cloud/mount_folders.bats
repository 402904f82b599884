#!/usr/bin/env bats
# Settings of folders and the cloud: what a folder asks for reaches the service, and what has to stay here never does.
# time limit: 300

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    script '{"match":{},"text":"Good morning."}'
}

# tone NAME HERTZ: a short recording in which nobody speaks, another for each number.
tone() {
    mkdir -p "$(dirname "$INBOX/$1")"
    sox -D -n -r 16000 -c 1 -b 16 "$T/tone.wav" synth 1 sine "$2"
    cp "$T/tone.wav" "$INBOX/$1"
}

teardown() {
    cloud_teardown
}

settings() { # FOLDER TEXT: the settings of a folder of the inbox, as an editor saves them
    mkdir -p "$INBOX/$1"
    printf '%b' "$2" >"$INBOX/$1/.new"
    mv "$INBOX/$1/.new" "$INBOX/$1/.scribefs.conf"
}

# Nothing was sent to the service: no address for an upload was asked for, nothing was submitted.
nothing_sent() {
    assert_equal "$(control GET counters | jq -c '.requests // {}')" '{}'
    assert_equal "$(requests submit | wc -l)" 0
}

backend_is() { # NAME BACKEND
    item_is "$1" .backend "$2"
}

done_by() { # NAME BACKEND
    wait_for -t 40 test -e "$INBOX/${1%.*}.json"
    assert_equal "$(item "$1" .backend)" "$2"
}

# bats test_tags=core
@test "a folder that is local sends nothing, nor does one below it, nor a copy of the same recording elsewhere" {
    cloud_mount
    settings secret 'backend = local\n'
    tone secret/talk.wav 330
    tone secret/deep/er/other.wav 440
    done_by secret/talk.wav local
    done_by secret/deep/er/other.wav local
    # The same bytes in a folder that may be sent: they are what must not leave.
    cp "$INBOX/secret/talk.wav" "$INBOX/copy.wav"
    done_by copy.wav local
    nothing_sent
    restart
    settings secret 'backend = local\npriority = 1\n'
    cp "$INBOX/secret/deep/er/other.wav" "$INBOX/again.wav"
    done_by again.wav local
    nothing_sent
    # Others are sent.
    tone public.wav 550
    done_by public.wav dashscope
}

# bats test_tags=core
@test "what was queued for the cloud is withdrawn when its folder becomes local, or when it is moved into one that is" {
    cloud_mount jobs.workers=1
    fault '{"on":"policy","delay_ms":60000}'
    settings private 'backend = local\n'
    tone first.wav 550 # hangs before anything is sent
    wait_for backend_is first.wav dashscope
    tone soon/talk.wav 330
    tone moved.wav 440
    wait_for backend_is soon/talk.wav dashscope
    wait_for backend_is moved.wav dashscope
    settings soon 'backend = local\n'
    mv "$INBOX/moved.wav" "$INBOX/private/moved.wav"
    wait_for -t 40 backend_is soon/talk.wav local
    wait_for -t 40 backend_is private/moved.wav local
    mv "$INBOX/first.wav" "$INBOX/private/first.wav" # it is being worked on
    for name in soon/talk private/moved private/first; do
        done_by "$name.wav" local
    done
    assert_equal "$(requests submit | wc -l)" 0
    assert_equal "$(counter '.uploads')" 0
}

@test "model, language, hotwords and speakers of a folder reach the service; each key from the nearest folder" {
    cloud_mount dashscope.model=fun-asr
    settings meetings 'speakers = yes\nspeaker_count = 2\n[dashscope]\nlanguage = zh\n'
    settings meetings/bergen 'model = paraformer-v2\nlanguage = en\nspeakers = no\n'
    tone plain.wav 330
    tone meetings/talk.wav 440
    tone meetings/bergen/talk.wav 550
    done_by plain.wav dashscope
    done_by meetings/talk.wav dashscope
    done_by meetings/bergen/talk.wav dashscope
    assert_equal "$(requests submit '[.model, .parameters.diarization_enabled, .parameters.speaker_count, .parameters.language_hints]' | sort)" \
        "$(printf '%s\n' '["fun-asr",null,null,null]' '["fun-asr",true,2,["zh"]]' '["paraformer-v2",null,null,["en"]]' | sort)"
}

@test "what cannot be done is said before anything is sent, and goes on by itself when the settings are mended" {
    cloud_mount
    settings odd 'model = no-such-model\n'
    tone odd/talk.wav 330
    failed odd/talk 'no model "no-such-model"'
    settings here 'backend = local\nspeakers = yes\n'
    tone here/talk.wav 440
    failed here/talk 'speakers'
    settings server 'backend = openai\n'
    tone server/talk.wav 550
    failed server/talk 'not set up'
    nothing_sent
    settings here 'backend = local\n'
    done_by here/talk.wav local
    settings odd 'backend = local\n'
    done_by odd/talk.wav local
    nothing_sent
}

# bats test_tags=core
@test "settings with a mistake: what was in force stays in force, also over a restart; without that nothing is sent" {
    allow_log 'folder.mistake'
    cloud_mount
    settings secret 'backend = local\n'
    settings new 'backend = locale\n'
    tone new/talk.wav 440
    failed new/talk 'new/.scribefs.conf line 1: backend=locale'
    tone secret/first.wav 330
    done_by secret/first.wav local
    settings secret 'backend = locl\nlanguage = en\n'
    wait_for contains "$LOG" 'secret/.scribefs.conf:1: backend=locl'
    tone secret/second.wav 550
    done_by secret/second.wav local
    restart
    tone secret/third.wav 660
    done_by secret/third.wav local
    nothing_sent
    settings new 'backend = auto\n'
    done_by new/talk.wav dashscope
}
