#!/usr/bin/env bats
# Real speech through the real recogniser: what the views say, and that the mount takes nothing away from it.
# time limit: 400

TEST_SECONDS=380
load ../lib/common
load ../lib/formats

setup() {
    common_setup
    [ -e "$(speech 0880)" ] || skip "pocketsphinx-testdata is not installed"
    BY_HAND=(--print)
    if [ -e "$ROOT/build/vosk/lib/libvosk.so" ]; then
        BY_HAND+=(--vosk-library "$ROOT/build/vosk/lib/libvosk.so" --model "$ROOT/build/vosk/model")
        ENGINE=Vosk
    else
        BY_HAND+=(--engine pocketsphinx)
        ENGINE=PocketSphinx
    fi
}

by_hand() { # FILE: the recogniser run without a mount
    "$WORKER" "${BY_HAND[@]}" <"$1"
}

# subtitles_right BASE: the .srt is valid, also for FFmpeg; the .json is OpenAI's verbose_json with the same text.
views_right() {
    local cues
    cues=$(py "$LIB/check_srt.py" "$1.srt")
    [ "$cues" -ge 1 ]
    ffmpeg -nostdin -v error -i "$1.srt" -f srt -y "$T/again.srt"
    assert_equal "$(grep -c -- '-->' "$T/again.srt")" "$cues"
    jq -e '(.text | type == "string") and (.duration | type == "number" and . > 0) and (.language | type == "string")
        and (.task == "transcribe") and (.segments | length > 0)
        and all(.segments[]; .start >= 0 and .end >= .start and (.text | length > 0))
        and ([.words[]? // .segments[].words[]?] | length > 0)' "$1.json" >/dev/null
    assert_equal "$(word_error_rate "$(jq -r .text "$1.json")" "$(cat "$1.txt")" | cut -d' ' -f1)" 0
}

@test "five librivox recordings: word error rates, no worse than the recogniser by hand" {
    local errors=0 words=0 hand_errors=0 n result
    start_mount
    for n in 0870 0880 0890 0920 0930; do
        cp "$(speech $n)" "$INBOX/librivox-$n.wav"
    done
    for n in 0870 0880 0890 0920 0930; do
        wait_for -t 90 exists "$INBOX/librivox-$n.json"
        wait_for exists "$INBOX/librivox-$n.txt"
        wait_for exists "$INBOX/librivox-$n.srt"
        views_right "$INBOX/librivox-$n"
        read -ra result <<<"$(word_error_rate "$(reference $n)" "$(cat "$INBOX/librivox-$n.txt")")"
        note "$ENGINE, librivox $n: ${result[2]} % of ${result[1]} words wrong"
        errors=$((errors + result[0])) words=$((words + result[1]))
        read -ra result <<<"$(word_error_rate "$(reference $n)" "$(by_hand "$(speech $n)")")"
        hand_errors=$((hand_errors + result[0]))
    done
    note "$ENGINE, librivox in all: $errors of $words words wrong ($(awk "BEGIN { printf \"%.1f\", 100 * $errors / $words }") %), by hand $hand_errors"
    [ "$errors" -le "$hand_errors" ]
    [ "$errors" -lt $((words / 2)) ] # it did hear speech
}

@test "every format: one recording in each, no worse than by hand on the same file" {
    local format result line='' worse=''
    start_mount
    mkdir "$T/formats"
    for format in $FORMATS; do
        convert_to "$(speech 0880)" "$T/formats/$format.$format"
    done
    cp "$T/formats"/* "$INBOX/"
    for format in $FORMATS; do
        wait_for -t 120 exists "$INBOX/$format.json"
        wait_for exists "$INBOX/$format.txt"
        wait_for exists "$INBOX/$format.srt"
        views_right "$INBOX/$format"
        read -ra result <<<"$(word_error_rate "$(reference 0880)" "$(cat "$INBOX/$format.txt")")"
        line="$line $format ${result[2]} %"
        read -ra hand <<<"$(word_error_rate "$(reference 0880)" "$(by_hand "$T/formats/$format.$format")")"
        [ "${result[0]}" -le "${hand[0]}" ] || worse="$worse $format"
    done
    note "$ENGINE, librivox 0880, words wrong:$line"
    assert_equal "$worse" ""
}

@test "progress is shown while real speech is recognised" {
    start_mount
    ffmpeg -nostdin -v error -y -stream_loop 3 -i "$(speech 0870)" -t 25 "$T/long.flac"
    cp "$T/long.flac" "$INBOX/long.flac"
    wait_for contains "$INBOX/long.transcribing.txt" "Recognising: [1-9][0-9]? %"
    wait_for contains "$MNT/status.txt" "long.flac"
    wait_for -t 60 exists "$INBOX/long.txt"
    wait_for missing "$INBOX/long.transcribing.txt"
}

# bats test_tags=core
@test "a stereo recording at 44.1 kHz with a long silence in it" {
    start_mount
    sox "$(speech 0880)" -r 44100 -c 2 "$T/talk.wav"
    sox "$T/talk.wav" "$INBOX/talk.wav" pad 5 5
    wait_for -t 60 exists "$INBOX/talk.json"
    read -ra result <<<"$(word_error_rate "$(reference 0880)" "$(cat "$INBOX/talk.txt")")"
    note "$ENGINE, librivox 0880 in 10 s of silence: ${result[2]} % of words wrong"
    # The words are where the speech is, not where the file begins.
    jq -e '.segments[0].start > 3 and .segments[-1].end < 10 and .duration > 12' "$INBOX/talk.json"
}

@test "PocketSphinx, the recogniser without npm" {
    start_mount engine=pocketsphinx
    cp "$(speech 0880)" "$INBOX/talk.wav"
    wait_for -t 60 exists "$INBOX/talk.json"
    wait_for exists "$INBOX/talk.txt"
    views_right "$INBOX/talk"
    read -ra result <<<"$(word_error_rate "$(reference 0880)" "$(cat "$INBOX/talk.txt")")"
    note "PocketSphinx, librivox 0880: ${result[2]} % of words wrong"
    [ "${result[0]}" -lt "${result[1]}" ]
    assert_contains "$(cat "$INBOX/talk.json")" pocketsphinx
}

@test "the same recording gives the same text twice, and another engine its own result" {
    start_mount
    cp "$(speech 0930)" "$INBOX/talk.wav"
    wait_for -t 60 exists "$INBOX/talk.json"
    cp "$INBOX/talk.json" "$T/first.json"
    stop_mount
    rm -rf "$STORE/state"
    start_mount
    wait_for -t 60 exists "$INBOX/talk.json"
    assert_equal "$(jq -cS '[.text, .words, .segments]' "$INBOX/talk.json")" "$(jq -cS '[.text, .words, .segments]' "$T/first.json")"
}
