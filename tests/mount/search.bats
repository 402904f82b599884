#!/usr/bin/env bats
# Search: MOUNT/search/WORDS and scribectl search.

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

found() { # WORDS: the names below search/WORDS
    names "$MNT/search/$1"
}

finds() { # WORDS NAMES
    [ "$(found "$1")" = "$2" ]
}

wait_found() { # WORDS NAMES: what was found a moment ago is kept for some seconds
    wait_for finds "$1" "$2" || {
        echo "search/$1: $(found "$1")"
        return 1
    }
}

exits() { # CODE ARGUMENTS of scribectl search
    local wanted=$1 status=0
    shift
    "$SCRIBECTL" -s "$STORE" search "$@" >/dev/null 2>&1 || status=$?
    assert_equal "$status" "$wanted"
}

# bats test_tags=core
@test "search/WORDS has a link to each recording in which they were said, and hits.txt says when" {
    mkdir "$INBOX/Team A" "$INBOX/Team B"
    recording "$INBOX/Team A/talk.wav" "say one two the Budget is new and the house is old so we meet"
    recording "$INBOX/Team B/talk.wav" "say a house for us"
    recording "$INBOX/会议.wav" "say 今天的会议讨论预算。"
    transcribed "$INBOX/Team A/talk" "$INBOX/Team B/talk" "$INBOX/会议"
    wait_found budget "hits.txt talk.wav"
    assert_equal "$(readlink "$MNT/search/budget/talk.wav")" "../../inbox/Team A/talk.wav"
    cmp "$MNT/search/budget/talk.wav" "$INBOX/Team A/talk.wav"
    assert_contains "$(cat "$MNT/search/budget/hits.txt")" '^  0:00:00  one two the \[Budget\] is new and the house is$'
    assert_equal "$(wc -c <"$MNT/search/budget/hits.txt")" "$(stat -c %s "$MNT/search/budget/hits.txt")"
    # Both words, anywhere in it; a phrase; the beginning of a word; part of a Chinese sentence, however typed.
    wait_found "house BUDGET" "hits.txt talk.wav"
    wait_found '"budget house"' "hits.txt"
    assert_contains "$(cat "$MNT/search/\"budget house\"/hits.txt")" 'Nothing was found'
    wait_found 'budg*' "hits.txt talk.wav"
    wait_found 预算 "hits.txt 会议.wav"
    wait_found 讨论%20会议 "hits.txt 会议.wav"
    wait_found "$(printf 'u\314\210ber')" "hits.txt"
    # Two of one name.
    wait_found house "hits.txt talk (2).wav talk.wav"
    assert_equal "$(cat "$MNT/search/house/"*.wav | sort)" "$(cat "$INBOX/Team "*/talk.wav | sort)"
    # Found by name, too, without a listing before.
    stat "$MNT/search/meet/talk.wav" >/dev/null
    refute stat "$MNT/search/meet/other.wav" 2>/dev/null
    # What was renamed or deleted is found where it is, or not at all.
    mv "$INBOX/会议.wav" "$INBOX/plan.wav"
    wait_found 预算 "hits.txt plan.wav"
    rm "$INBOX/plan.wav"
    wait_found 预算 "hits.txt"
}

@test "nothing is written below search/, and programs that look for names of their own find none" {
    local name
    assert_equal "$(names "$MNT/search")" ""
    for name in .hidden desktop.ini autorun.inf Thumbs.db ._x .DS_Store '...' folder.jpg; do
        refute stat "$MNT/search/$name" 2>/dev/null
        refute stat "$MNT/search/words/$name" 2>/dev/null
    done
    refute mkdir "$MNT/search/words/x" 2>/dev/null
    refute touch "$MNT/search/words/x" 2>/dev/null
    refute rm "$MNT/search/words/hits.txt" 2>/dev/null
    refute rmdir "$MNT/search/words" 2>/dev/null
    refute mv "$MNT/search/words" "$MNT/inbox/" 2>/dev/null
    refute sh -c "echo x >>'$MNT/search/words/hits.txt'" 2>/dev/null
    refute mv "$MNT/search/words/hits.txt" "$MNT/search/words/x" 2>/dev/null
    assert_equal "$(find "$MNT/search" | wc -l)" 1
    (cd "$MNT/search/words" && assert_equal "$(pwd -P)" "$MNT/search/words" && [ -e ../../status.txt ])
}

@test "who may not read a recording does not find it" {
    [ "$(id -u)" = 0 ] || skip "only root can be several users"
    local other=(setpriv --reuid 47115 --regid 47115 --groups 47116)
    mkdir -m 755 "$INBOX/open"
    mkdir -m 700 "$INBOX/closed"
    recording "$INBOX/open/public.wav" "say the secret plan"
    recording "$INBOX/open/private.wav" "say a secret plan"
    recording "$INBOX/open/ours.wav" "say our secret plan"
    recording "$INBOX/closed/hidden.wav" "say that secret plan"
    chmod 600 "$INBOX/open/private.wav"
    chgrp 47116 "$INBOX/open/ours.wav"
    chmod 640 "$INBOX/open/ours.wav"
    transcribed "$INBOX/open/public" "$INBOX/open/private" "$INBOX/open/ours" "$INBOX/closed/hidden"
    wait_found plan "hidden.wav hits.txt ours.wav private.wav public.wav"
    assert_equal "$("${other[@]}" ls "$MNT/search/plan" | xargs)" "hits.txt ours.wav public.wav"
    refute "${other[@]}" stat "$MNT/search/plan/private.wav" 2>/dev/null
    refute "${other[@]}" grep -q private "$MNT/search/plan/hits.txt"
    assert_contains "$("${other[@]}" cat "$MNT/search/plan/hits.txt")" 'Found in 2 recordings'
    # Root has looked it up a moment ago: that is no help to others.
    stat "$MNT/search/plan/private.wav" >/dev/null
    refute "${other[@]}" stat "$MNT/search/plan/private.wav" 2>/dev/null
}

# bats test_tags=core
@test "scribectl search: people, programs, exit codes; and a store that was transcribed before, or whose search.db is damaged" {
    recording "$INBOX/one.wav" "say the budget of the year"
    recording "$INBOX/"$'caf\351.wav' "say another budget"
    transcribed "$INBOX/one" "$INBOX/"$'caf\351'
    wait_found budget "$(printf 'caf\351.wav hits.txt one.wav')"
    assert_equal "$("$SCRIBECTL" -s "$STORE" search year)" $'one.wav\n  0:00:00  the budget of the [year]'
    "$SCRIBECTL" -s "$STORE" search --json budget | jq -e '(.found | length) == 2 and .more == false
        and ([.found[].hits[0].match] | unique) == ["budget"] and ([.found[].path_bytes] | index("636166e92e776176") != null)'
    "$SCRIBECTL" -s "$STORE" search --json -n 1 budget | jq -e '(.found | length) == 1 and .more == true'
    exits 0 "the year"
    exits 5 "year the"
    exits 0 year the
    exits 1 '**'
    exits 2 -n 0 budget
    stop_mount
    assert_equal "$(stat -c %a "$STORE/state/search.db")" 600
    rm "$STORE/state/search.db"*
    start_mount
    wait_found year "hits.txt one.wav"
    stop_mount
    head -c 20000 /dev/urandom >"$STORE/state/search.db"
    start_mount
    wait_found year "hits.txt one.wav"
}
