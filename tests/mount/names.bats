#!/usr/bin/env bats
# Names are bytes: long ones, strange ones, and what their views are called.

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

# A name of N bytes that ends in the given suffix.
long_name() { # N SUFFIX
    printf '%s%s' "$(head -c $(($1 - ${#2})) /dev/zero | tr '\0' x)" "$2"
}

# views_of NAME: waits for the views of a recording with a plain stem, and compares what a listing says.
views_of() { # STEM SUFFIX
    transcribed "$INBOX/$1"
    assert_equal "$(find "$INBOX" -mindepth 1 -print0 | sort -z | od -An -tx1)" \
        "$(printf '%s\0' "$INBOX/$1.json" "$INBOX/$1.srt" "$INBOX/$1.txt" "$INBOX/$1$2" | sort -z | od -An -tx1)"
    restart
    exists "$INBOX/$1.txt"
    rm "$INBOX/$1".*
    assert_equal "$(names "$INBOX")" ""
}

# bats test_tags=core
@test "newlines, spaces, quotes, a leading dash, glob characters" {
    for stem in $'two\nlines' ' spaces at both ends ' "'quotes\" and \$dollars\`" '-rf' '*[?]{}' 'back\slash' '...dots' 'tab	tab'; do
        case $stem in .*) continue ;; esac
        recording "$INBOX/$stem.wav"
        views_of "$stem" .wav
    done
}

@test "emoji, Chinese, combining accents, right-to-left" {
    for stem in '🎙️ interview 🎧' '会议记录' 'e\xcc\x81te' 'תמלול' 'Größe'; do
        stem=$(printf %b "$stem")
        recording "$INBOX/$stem.mp3"
        views_of "$stem" .mp3
    done
}

# bats test_tags=core
@test "bytes that are not UTF-8" {
    for bytes in '\377\376' 'caf\351' '\300\257' '\355\240\200'; do
        stem=$(printf '%b' "${bytes//\\/\\0}")
        recording "$INBOX/$stem.wav"
        views_of "$stem" .wav
    done
}

@test "a name of 255 bytes: its views have names that fit, and are its own" {
    local name other
    name=$(long_name 255 a.wav)
    other=$(long_name 255 b.wav)
    recording "$INBOX/$name"
    recording "$INBOX/$other"
    wait_for views_for 2
    find "$INBOX" -name '*.txt' -printf '%f\n' | sort >"$T/names"
    awk '{ if (length($0) > 255) exit 1 }' "$T/names"
    assert_equal "$(cat "$INBOX"/*.txt | grep -c "the words of xxx.*a.wav")" 1
    assert_equal "$(cat "$INBOX"/*.txt | grep -c "the words of xxx.*b.wav")" 1
    restart
    find "$INBOX" -name '*.txt' -printf '%f\n' | sort | diff "$T/names" -
    rm "$INBOX/$name"
    wait_for views_for 1
    assert_equal "$(grep -l "xxx.*b.wav" "$INBOX"/*.txt | wc -l)" 1
}

views_for() { # NUMBER
    [ "$(find "$INBOX" -name '*.txt' | wc -l)" = "$1" ] &&
        [ "$(find "$INBOX" -name '*.srt' | wc -l)" = "$1" ] &&
        [ "$(find "$INBOX" -name '*.json' | wc -l)" = "$1" ]
}

@test "every length from 240 to 255 bytes, in multi-byte letters, is cut between letters" {
    # Three-byte letters; the last 0 to 2 bytes are filled with x.
    for length in $(seq 240 255); do
        stem=$(printf '会%.0s' $(seq $(((length - 4) / 3))))$(printf 'x%.0s' $(seq $(((length - 4) % 3 + 1))))
        stem=${stem%x}
        recording "$INBOX/$stem.wav" "say length $length"
    done
    wait_for views_for 16
    find "$INBOX" -mindepth 1 -printf '%f\n' | iconv -f UTF-8 -t UTF-8 >/dev/null
    find "$INBOX" -mindepth 1 -printf '%f\n' | LC_ALL=C awk '{ if (length($0) > 255) exit 1 }'
    for length in $(seq 240 255); do
        assert_equal "$(cat "$INBOX"/*.txt | grep -c "length $length\$")" 1
    done
}

@test "a 255-byte name while its job waits and fails still has its texts" {
    hold_workers
    recording "$INBOX/$(long_name 255 .wav)" "fail media.decode"
    wait_for text_named transcribing
    free_workers
    wait_for text_named FAILED
    assert_contains "$(cat "$INBOX"/*FAILED.txt)" "damaged"
    allow_log 'media\.decode|fail'
}

text_named() {
    find "$INBOX" -name "*.$1.txt" | grep -q .
}

@test "three recordings with one stem" {
    for suffix in mp3 wav flac; do
        recording "$INBOX/talk.$suffix"
        wait_for -t 5 contains_words "talk.$suffix"
    done
    names "$INBOX" >"$T/before"
    assert_equal "$(cat "$T/before")" "talk.flac talk.flac.json talk.flac.srt talk.flac.txt talk.json talk.mp3 talk.srt talk.txt talk.wav talk.wav.json talk.wav.srt talk.wav.txt"
    restart
    names "$INBOX" | diff "$T/before" -
}

contains_words() { # NAME
    cat "$INBOX"/*.txt 2>/dev/null | grep -q "the words of $1"
}

@test "a recording whose name looks like a view's" {
    recording "$INBOX/talk.txt.wav"
    transcribed "$INBOX/talk.txt"
    assert_equal "$(names "$INBOX")" "talk.txt.json talk.txt.srt talk.txt.txt talk.txt.wav"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    assert_contains "$(cat "$INBOX/talk.txt")" "words of talk.wav"
}

# deep LEVELS: a recording that many directories down, each with a name of 200 bytes; then COMMAND… in its directory.
deep() {
    local levels=$1 part
    shift
    part=$(long_name 200 -dir)
    (
        cd "$INBOX" || return
        for _ in $(seq "$levels"); do
            mkdir "$part"
            cd "$part" || return
        done
        recording deep.wav
        "$@"
    )
}

deep_views() {
    wait_for test -e deep.txt
    wait_for test -e deep.json
    rm deep.wav
    wait_for missing deep.txt
}

@test "a deep directory: a path of nearly 4,000 bytes" {
    deep 18 deep_views
}

# No program can name such a file in one piece; it may be left alone, but nothing else may suffer.
@test "a path longer than any path may be does no harm" {
    allow_log 'too long'
    deep 25 true
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    restart
    fence
    rm -r "$INBOX"/xxx*
}
