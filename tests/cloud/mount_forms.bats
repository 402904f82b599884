#!/usr/bin/env bats
# Recordings in forms that a model does not take as they are: of another rate, another format. What it takes is not touched.
# time limit: 200

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    script '{"match":{},"text":"Heard."}'
}

teardown() {
    cloud_teardown # also fails when a model got sound of another rate than its own
}

heard() { # NAME…
    local name
    for name in "$@"; do
        wait_for -t 30 done_or_failed "$name"
        transcribed "$INBOX/$name"
        assert_contains "$(cat "$INBOX/$name.txt")" 'Heard\.'
    done
}

done_or_failed() {
    if [ -e "$INBOX/$1.FAILED.txt" ]; then
        cat "$INBOX/$1.FAILED.txt"
        return 0
    fi
    [ -e "$INBOX/$1.json" ]
}

uploaded() { # FILE: how often it was sent as it is
    counter ".uploads_by_audio[\"$(content_of "$1")\"]"
}

# bats test_tags=core
@test "sample rates: telephone models get 8 kHz, the dialect model at least 16 kHz, the others any" {
    sox "$(speech 0880)" -r 8000 "$T/narrow.wav"
    sox "$(speech 0880)" -r 44100 "$T/wide.wav" trim 0 2
    local model
    for model in paraformer-8k-v1 paraformer-8k-v2 paraformer-mtl-v1 paraformer-v1 paraformer-v2; do
        [ -z "$DAEMON" ] || stop_mount
        cloud_mount "dashscope.model=$model"
        drop "$model.narrow.wav" "$T/narrow.wav"
        drop "$model.wide.wav" "$T/wide.wav"
        heard "$model.narrow" "$model.wide"
    done
    # As it is: the narrow one four times, the wide one three times; the others were converted.
    assert_equal "$(uploaded "$T/narrow.wav") $(uploaded "$T/wide.wav")" '4 3'
}

# bats test_tags=core
@test "formats: what a model does not take is converted, what it takes goes as it is" {
    local format
    for format in aiff m4a mp4 3gp mka flac opus; do
        case $format in
        3gp) set -- -ar 8000 -c:a amr_nb ;;
        mka) set -- -c:a libopus -f matroska ;;
        *) set -- ;;
        esac
        ffmpeg -nostdin -v error -y -i "$(speech 0880)" "$@" "$T/talk.$format" 2>"$T/ffmpeg" || rm -f "$T/talk.$format"
    done
    local model names n=0
    for model in fun-asr qwen3-asr-flash-filetrans qwen3-asr-flash fun-asr-flash-2026-06-15; do
        [ -z "$DAEMON" ] || stop_mount
        cloud_mount "dashscope.model=$model"
        names=()
        for format in aiff m4a mp4 3gp mka flac opus; do
            [ -e "$T/talk.$format" ] || continue
            drop "$model-$format.$format" "$T/talk.$format"
            names+=("$model-$format")
        done
        heard "${names[@]}"
        n=$((n + 1))
    done
    # Tasks: of these only AIFF and 3GP are not taken.
    assert_equal "$(uploaded "$T/talk.aiff") $(uploaded "$T/talk.m4a") $(uploaded "$T/talk.flac")" '0 2 2'
}

@test "nothing can be converted where the service fetches the recording itself: said in plain words, nothing is sent" {
    allow_log 'route\.form'
    sox "$(speech 0880)" "$T/talk.aiff"
    cloud_mount dashscope.model=paraformer-8k-v2 publish.method=url publish.base_url=http://127.0.0.1:9/
    drop rate.wav
    wait_for test -e "$INBOX/rate.FAILED.txt"
    contains "$INBOX/rate.FAILED.txt" 'does not take sound of this kind'
    contains "$INBOX/rate.FAILED.txt" '^Detail: paraformer-8k-v2 is made for sound of 8000 Hz; this recording has 16000 Hz'
    cloud_remount dashscope.model=fun-asr publish.method=url publish.base_url=http://127.0.0.1:9/
    drop format.aiff "$T/talk.aiff"
    wait_for test -e "$INBOX/format.FAILED.txt"
    contains "$INBOX/format.FAILED.txt" '^Detail: fun-asr does not take files of the type "aiff"'
    contains "$INBOX/format.FAILED.txt" 'No money was spent'
    assert_equal "$(control GET requests | jq length)" 0
}

@test "auto takes no telephone model, whatever the recording is" {
    sox "$(speech 0880)" -r 8000 "$T/narrow.wav"
    cloud_mount dashscope.model=auto dashscope.language=zh
    drop narrow.wav "$T/narrow.wav"
    drop wide.wav
    heard narrow wide
    assert_equal "$(jq -r .engine.model "$INBOX/narrow.json" "$INBOX/wide.json" | sort -u)" fun-asr
}
