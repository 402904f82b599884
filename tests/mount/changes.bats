#!/usr/bin/env bats
# What counts as a change of a recording, and what does not: every way to change a file's content reaches the recogniser, and nothing
# else does (tests/lib/change_ways.py).
# time limit: 300

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

# One recording for each way, all the same but for a word, and large enough for every way.
recordings() { # WHICH
    local way
    py "$LIB/change_ways.py" list "$1" >"$T/ways"
    while IFS= read -r way; do
        recording "$T/recording" "say the words before: $way"
        seq 12000 >>"$T/recording"
        cp "$T/recording" "$INBOX/$way.wav"
    done <"$T/ways"
    while IFS= read -r way; do
        transcribed "$INBOX/$way"
    done <"$T/ways"
}

made_from_its_content() { # WAY
    jq -e --arg digest "$(content_of "$RAW/$1.wav")" '[.. | strings] | index($digest) != null' "$INBOX/$1.json" >/dev/null 2>&1
}

@test "every way to change the content makes a transcript of the new content" {
    recordings changes
    mkdir "$T/before"
    cp "$INBOX"/*.json "$T/before"
    py "$LIB/change_ways.py" apply changes "$INBOX"
    while IFS= read -r way; do
        wait_for made_from_its_content "$way"
        refute cmp -s "$T/before/$way.json" "$INBOX/$way.json"
        transcribed "$INBOX/$way"
    done <"$T/ways"
    local count
    count=$(wc -l <"$T/ways")
    note "$count ways"
    fence
    # A way may be taken in two steps, and each be seen; but not more.
    [ "$(worker_starts)" -ge $((count * 2 + 1)) ]
    assert_equal "$(names "$RAW")" "$({ sed 's/$/.wav/' "$T/ways" && echo fence; } | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
}

@test "what changes no content starts nothing, and the views are the same" {
    recordings others
    (cd "$INBOX" && stat -c '%n %i %s %Y' ./*.txt ./*.srt ./*.json) >"$T/before"
    py "$LIB/change_ways.py" apply others "$INBOX"
    fence
    while IFS= read -r way; do
        transcribed "$INBOX/$way"
        made_from_its_content "$way"
    done <"$T/ways"
    (cd "$INBOX" && stat -c '%n %i %s %Y' ./*.txt ./*.srt ./*.json) | diff "$T/before" -
    assert_equal "$(worker_starts)" $(($(wc -l <"$T/ways") + 1))
}

@test "a recording that is unlinked while it is written is never taken, nor is one that was never closed under a name" {
    exec 9>"$INBOX/talk.wav"
    echo "say words that nobody can find again" >&9
    rm "$INBOX/talk.wav"
    echo "more" >&9
    exec 9>&-
    exec 9>"$INBOX/.talk.wav.tmp"
    echo "say words of a temporary file" >&9
    rm "$INBOX/.talk.wav.tmp"
    exec 9>&-
    fence
    assert_equal "$(worker_starts)" 1
    assert_equal "$(names "$INBOX")" fence
}

@test "a recording renamed, linked and unlinked while it is written is taken under the name it has then" {
    exec 9>"$INBOX/one.wav"
    echo "say words that move" >&9
    mv "$INBOX/one.wav" "$INBOX/two.wav"
    ln "$INBOX/two.wav" "$INBOX/three.wav"
    rm "$INBOX/two.wav"
    mkdir "$INBOX/dir"
    mv "$INBOX/three.wav" "$INBOX/dir/four.wav"
    fence
    missing "$INBOX/dir/four.txt"
    echo "more" >&9
    exec 9>&-
    transcribed "$INBOX/dir/four"
    assert_equal "$(names "$INBOX")" "dir fence"
    assert_equal "$(worker_starts)" 2
}
