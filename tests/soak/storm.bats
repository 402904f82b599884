#!/usr/bin/env bats
# Everything at once: recordings and views are dropped, renamed, exchanged, linked, edited, deleted and read by several processes, while
# views are announced.
# time limit: 300

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

idle() { # nothing arrives, waits or runs
    "$SCRIBECTL" status --json "$INBOX" >"$T/status"
    jq -e '[.. | .state? | select(. == "arriving" or . == "queued" or . == "running")] | length == 0' "$T/status" >/dev/null
}

# What the inbox shows: names, sizes, contents.
shown() {
    (cd "$INBOX" && find . -type f | LC_ALL=C sort | xargs -d '\n' sha256sum)
}

same_as_before() {
    shown | cmp -s - "$T/before"
}

@test "a storm over recordings and views: every text is whole and right, and a restart finds the same" {
    py "$LIB/view_storm.py" "$INBOX" "${STORM_SECONDS:-6}" "${STORM_SEED:-$RANDOM}" >"$T/storm" || { cat "$T/storm" && false; }
    cat "$T/storm"
    refute grep -q "^0 transcripts" "$T/storm"
    find "$INBOX" -name '.[0-9]*' -delete
    wait_for "$SCRIBECTL" wait --timeout 20 "$INBOX"
    fence
    wait_for idle
    # Every recording has its three views, once those that were deleted are back; under one of the two stems it can have.
    "$SCRIBECTL" restore "$INBOX" || :
    local recording
    for recording in "$INBOX"/*/*.wav; do
        [ -e "$recording" ] || continue
        wait_for has_views "$recording"
    done
    shown >"$T/before"
    restart
    fence_views_alike
}

# Real files are what the storm has put there; everything else is the recording's, and of what it says now.
has_views() { # RECORDING
    local stem=${1%.wav} format text
    for format in txt srt json; do
        [ -e "$stem.$format" ] || [ -e "$1.$format" ] || return 1
    done
    for text in "$stem.txt" "$1.txt"; do
        if [ -e "$text" ] && [ ! -e "$RAW/${text#"$INBOX/"}" ]; then
            grep -q "$(sed 's/^say //' "$1")" "$text" || return 1
        fi
    done
}

fence_views_alike() {
    wait_for same_as_before || { shown | diff "$T/before" - && false; }
}
