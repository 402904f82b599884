#!/usr/bin/env bats
# The long way through real speech: every recording in every format, dropped in every way; and two hours in one piece.
# time limit: 7200

TEST_SECONDS=7000
load ../lib/common
load ../lib/formats

setup() {
    common_setup
    [ -e "$(speech 0880)" ] || skip "pocketsphinx-testdata is not installed"
    RECORDINGS="0870 0880 0890 0920 0930"
}

@test "five recordings in each of 18 formats, by cp, mv, rsync, rsync --inplace and rsync --partial resumed" {
    local format n file way=0 errors words result
    start_mount
    mkdir "$T/formats"
    for format in $FORMATS; do
        for n in $RECORDINGS; do
            file=$T/formats/$n-$format.$format
            convert_to "$(speech "$n")" "$file"
            cp "$file" "$T/source.$format"
            way=$(((way + 1) % 5))
            case $way in
            0) cp "$T/source.$format" "$INBOX/$(basename "$file")" ;;
            1) cp "$file" "$T/moving" && mv "$T/moving" "$INBOX/$(basename "$file")" ;;
            2) rsync -a "$file" "$INBOX/" ;;
            3) rsync -a --inplace "$file" "$INBOX/" ;;
            4)
                timeout -s INT 0.3 rsync -a --partial --bwlimit=50 "$file" "$INBOX/" || :
                rsync -a --partial "$file" "$INBOX/"
                ;;
            esac
        done
    done
    for format in $FORMATS; do
        errors=0 words=0
        for n in $RECORDINGS; do
            wait_for -t 600 exists "$INBOX/$n-$format.json"
            wait_for exists "$INBOX/$n-$format.txt"
            py "$LIB/check_srt.py" "$INBOX/$n-$format.srt" >/dev/null
            cmp "$T/formats/$n-$format.$format" "$RAW/$n-$format.$format"
            read -ra result <<<"$(word_error_rate "$(reference "$n")" "$(cat "$INBOX/$n-$format.txt")")"
            errors=$((errors + result[0])) words=$((words + result[1]))
        done
        note "$format: $errors of $words words wrong ($(awk "BEGIN { printf \"%.1f\", 100 * $errors / $words }") %)"
        [ $errors -lt $((words / 2)) ]
    done
}

@test "200 real recordings at once" {
    local i
    start_mount
    mkdir "$T/many"
    for i in $(seq 200); do
        # Each is a little different, so that each is a job of its own.
        sox "$(speech 0930)" "$T/many/talk-$i.wav" pad 0 "0.$(printf '%03d' "$i")"
    done
    cp "$T/many"/* "$INBOX/"
    wait_for -t 3600 "$SCRIBECTL" wait --quiet --timeout 60 "$INBOX"
    assert_equal "$(find "$INBOX" -name '*.txt' | wc -l)" 200
    assert_equal "$(find "$INBOX" -name '*.txt' -size 0 | wc -l)" 0
}

@test "a two-hour recording is recognised with bounded memory" {
    start_mount
    for n in $RECORDINGS; do
        cat <<<"file '$(speech "$n")'"
    done >"$T/list"
    ffmpeg -nostdin -v error -f concat -safe 0 -i "$T/list" -c:a libmp3lame "$T/part.mp3"
    ffmpeg -nostdin -v error -stream_loop 300 -i "$T/part.mp3" -t 7200 -c copy "$T/long.mp3"
    cp "$T/long.mp3" "$INBOX/long.mp3"
    local peak=0 size pid
    while ! "$SCRIBECTL" wait --quiet --timeout 5 "$INBOX/long.mp3"; do
        for pid in $(children libexec/worker); do
            size=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
            [ "${size:-0}" -le "$peak" ] || peak=$size
        done
        missing "$INBOX/long.FAILED.txt"
    done
    note "two hours: the worker's peak was $((peak / 1024)) MiB"
    [ "$peak" -lt 1500000 ]
    [ "$(wc -w <"$INBOX/long.txt")" -gt 10000 ]
    py "$LIB/check_srt.py" "$INBOX/long.srt" >/dev/null
    jq -e '.duration > 7190 and .segments[-1].end > 7100' "$INBOX/long.json" >/dev/null
}
