#!/usr/bin/env bats
# rsync towards the inbox and from it, with every combination that people use: what arrives is right and transcribed once, a second
# run transfers nothing, and no run ends with an error. (tests/mount/drop.bats has the ways a recording arrives in general.)
# time limit: 300

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

# tree DIRECTORY: three recordings, one in a sub-directory, one of megabytes with a hole, one hard-linked; and a text.
tree() {
    mkdir -p "$1/sub"
    recording "$1/one.wav" "say one, first"
    ln "$1/one.wav" "$1/sub/linked.wav"
    recording "$1/sub/two words.wav" "say two, second"
    recording "$1/large.wav" "say three, third"
    seq 150000 >>"$1/large.wav"
    truncate -s +500000 "$1/large.wav"
    echo "some notes" >"$1/notes.md"
    touch -d '2020-01-02 03:04:05.678' "$1"/*.* "$1/sub"/*.*
    chmod 640 "$1/one.wav"
    setfattr -n user.speaker -v Marianne "$1/sub/two words.wav" 2>/dev/null || :
}

all_transcribed() { # DIRECTORY
    transcribed "$1/one" "$1/large" "$1/sub/two words" "$1/sub/linked"
}

# pushed FROM TO: TO has all that is in FROM, with time and mode (as the disk has it).
pushed() {
    (cd "$1" && find . -type f | sort | while IFS= read -r file; do
        cmp "$file" "$2/$file" || exit 1
        stat -c '%n %s %a %y' "$file"
    done) >"$T/sent" && (cd "$2" && find . -type f | sort | xargs -d '\n' stat -c '%n %s %a %y') | diff "$T/sent" -
}

# How many regular files were transferred, by --stats.
transferred() {
    rsync --stats "$@" | sed -n 's/^Number of regular files transferred: //p'
}

# ---- Push ----------------------------------------------------------------------------------------------------------------------

# One line for each combination.
PUSHES='-a
-aHAX
-a --inplace
-a --inplace --no-whole-file
-a --partial
-a --partial-dir=.rsync-partial
-a --delay-updates
-a --append-verify
-a -S
-a -S --inplace
-a --preallocate
-a -c
-a -z --no-whole-file
-a --fsync
-a --whole-file --numeric-ids
-a --temp-dir=.tmp'

# bats test_tags=core
@test "push with every combination of options: right, transcribed once, and nothing the second time" {
    tree "$T/source"
    local options to number=0 format
    while IFS= read -r options; do
        number=$((number + 1))
        to=$INBOX/$number
        mkdir "$to" "$to/.tmp"
        # shellcheck disable=SC2086 # they are several
        case $options in
        *-aHAX*) rsync $options "$T/source/" "$to/" 2>"$T/complaints" || assert_contains "$(cat "$T/complaints")" "not supported" ;;
        *) rsync $options "$T/source/" "$to/" ;;
        esac
        rmdir "$to/.tmp"
    done <<<"$PUSHES"
    for number in $(seq "$(wc -l <<<"$PUSHES")"); do
        all_transcribed "$INBOX/$number"
        pushed "$T/source" "$RAW/$number" # nothing else is there: no temporary file, no view
    done
    assert_equal "$(stat -c %h "$INBOX/2/one.wav")" 2
    number=0
    while IFS= read -r options; do
        number=$((number + 1))
        mkdir -p "$INBOX/$number/.tmp"
        # shellcheck disable=SC2086
        assert_equal "$options: $(transferred $options "$T/source/" "$INBOX/$number/")" "$options: 0"
        rmdir "$INBOX/$number/.tmp"
        # shellcheck disable=SC2086
        assert_equal "$(rsync -i $options --exclude=.tmp "$T/source/" "$INBOX/$number/" 2>/dev/null | grep -v '/$')" ""
    done < <(grep -v temp-dir <<<"$PUSHES")
    fence
    for number in $(seq "$(wc -l <<<"$PUSHES")"); do
        all_transcribed "$INBOX/$number"
        assert_contains "$(cat "$INBOX/$number/sub/two words.txt")" "second"
    done
    assert_equal "$(worker_starts)" 4 # three contents and the fence
}

@test "a push of changed recordings, with every combination, transcribes just those" {
    tree "$T/source"
    local options number=0 starts
    while IFS= read -r options; do
        number=$((number + 1))
        rsync -a "$T/source/" "$INBOX/$number/"
    done < <(grep -Ev 'temp-dir|append' <<<"$PUSHES")
    local last=$number
    for number in $(seq "$last"); do
        all_transcribed "$INBOX/$number"
        rm "$INBOX/$number/one.srt" # comes back: another content
        rm "$INBOX/$number/large.txt" # does not: it is sent again, but it is the same
    done
    recording "$T/source/one.wav" "say quite another thing"
    touch "$T/source/large.wav"
    starts=$(worker_starts)
    number=0
    while IFS= read -r options; do
        number=$((number + 1))
        # shellcheck disable=SC2086
        rsync $options --ignore-times --no-A --no-X "$T/source/" "$INBOX/$number/"
    done < <(grep -Ev 'temp-dir|append' <<<"$PUSHES")
    for number in $(seq "$last"); do
        wait_for contains "$INBOX/$number/one.txt" "another thing"
        wait_for contains "$INBOX/$number/one.srt" "another thing"
        wait_for exists "$INBOX/$number/large.srt"
    done
    fence
    for number in $(seq "$last"); do
        missing "$INBOX/$number/large.txt"
        assert_equal "$(names "$INBOX/$number")" "large.json large.srt large.wav notes.md one.json one.srt one.txt one.wav sub"
    done
    assert_equal "$(worker_starts)" $((starts + 2)) # and the fence
}

# interrupted OPTIONS… FROM TO: a slow rsync that is stopped when some of it has arrived.
interrupted() {
    local to=${*: -1}
    rsync --bwlimit=300 "$@" 3>&- &
    local pid=$!
    wait_for some_data "$RAW/${to#"$INBOX/"}"
    kill -INT $pid
    wait $pid || :
}

some_data() {
    find "$1" -type f -size +64k 2>/dev/null | grep -q .
}

@test "interrupted and resumed: the whole is transcribed once, a part never stays" {
    recording "$T/talk.wav"
    seq 100000 >>"$T/talk.wav"
    local ways=("--partial" "--partial-dir=.rsync-partial" "--inplace" "--append-verify" "--delay-updates --partial" "--preallocate --partial") i pids=()
    for i in "${!ways[@]}"; do
        mkdir "$INBOX/$i"
        # shellcheck disable=SC2086
        interrupted -a ${ways[i]} "$T/talk.wav" "$INBOX/$i/" &
        pids+=($!)
    done
    wait "${pids[@]}"
    for i in "${!ways[@]}"; do
        # shellcheck disable=SC2086
        rsync -a ${ways[i]} "$T/talk.wav" "$INBOX/$i/"
        wait_for made_from "$INBOX/$i/talk.json" "$T/talk.wav"
        cmp "$T/talk.wav" "$RAW/$i/talk.wav"
        assert_equal "$(transferred -a "${ways[i]%% *}" "$T/talk.wav" "$INBOX/$i/")" 0
        assert_equal "$(names "$RAW/$i")" "talk.wav"
    done
    fence
    assert_equal "$(worker_log finish "$T/talk.wav")" 1
    for i in "${!ways[@]}"; do
        assert_equal "$(names "$INBOX/$i")" "talk.json talk.srt talk.txt talk.wav"
    done
}

made_from() { # JSON FILE: the view says which content it was made from
    jq -e --arg digest "$(content_of "$2")" '[.. | strings] | index($digest) != null' "$1" >/dev/null 2>&1
}

@test "four at once to one place: nobody fails, each recording is transcribed once" {
    mkdir "$T/source"
    local i pids=()
    for i in $(seq 40); do
        mkdir -p "$T/source/$((i % 7))"
        recording "$T/source/$((i % 7))/talk-$i.wav" "say number $((i % 10))" # and the name: each is another content
    done
    for i in 1 2 3 4; do
        rsync -a "$T/source/" "$INBOX/" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
    done
    fence
    wait_for -t 60 all_there
    diff -r "$T/source" "$RAW" | refute grep -v '^Only in .*: fence$'
    assert_equal "$(transferred -a "$T/source/" "$INBOX/")" 0
    fence
    assert_equal "$(grep '^start' "$T/worker/log" | cut -d' ' -f2 | sort | uniq -d)" ""
    assert_equal "$(worker_starts)" 42
}

all_there() {
    [ "$(find "$INBOX" -name 'talk-*.txt' | wc -l)" = 40 ] && [ "$(find "$INBOX" -name 'talk-*.json' | wc -l)" = 40 ]
}

# ---- --delete ------------------------------------------------------------------------------------------------------------------

@test "--delete, each of its kinds: no error, transcripts are deleted with what is not at the sender, and cost nothing twice" {
    tree "$T/source"
    local kinds=(--delete --delete-before --delete-during --delete-delay --delete-after "--delete --force" "--delete --delete-excluded --exclude=*.md"
        "--delete --backup"
        "--delete --inplace --ignore-errors") i
    for i in "${!kinds[@]}"; do
        rsync -a "$T/source/" "$INBOX/$i/"
    done
    for i in "${!kinds[@]}"; do
        all_transcribed "$INBOX/$i"
    done
    rm -r "$T/source/sub" "$T/source/large.wav" # gone at the sender: a recording, and a folder of them
    for i in "${!kinds[@]}"; do
        # shellcheck disable=SC2086
        rsync -a ${kinds[i]} "$T/source/" "$INBOX/$i/" >"$T/said" 2>&1
        # The folder of what is kept under another name is not empty.
        [[ ${kinds[i]} == *backup* ]] || assert_equal "${kinds[i]}: $(cat "$T/said")" "${kinds[i]}: "
    done
    for i in "${!kinds[@]}"; do
        case ${kinds[i]} in
        *excluded*) assert_equal "$(names "$INBOX/$i")" "one.wav" ;;
        *backup*) exists "$INBOX/$i/one.txt~" ;; # a deleted transcript is a file under another name, as any would be
        *) assert_equal "$(names "$INBOX/$i")" "notes.md one.wav" ;;
        esac
        # shellcheck disable=SC2086
        assert_equal "$(transferred -a ${kinds[i]} "$T/source/" "$INBOX/$i/")" 0
    done
    restart
    missing "$INBOX/0/one.txt"
    fence
    assert_equal "$(worker_starts)" 4
    "$SCRIBECTL" restore "$INBOX"
    transcribed "$INBOX/0/one"
}

@test "--delete with the transcripts protected keeps them, as the manual says" {
    tree "$T/source"
    rsync -a "$T/source/" "$INBOX/"
    all_transcribed "$INBOX"
    rm -r "$T/source/sub"
    local protect=("--filter=P *.txt" "--filter=P *.srt" "--filter=P *.json")
    for word in "P \*.txt" "P \*.srt" "P \*.json"; do
        grep -q -- "--filter='$word'" "$ROOT/README.md"
    done
    # A folder that holds only views is not empty for rsync, which says so; that is no error.
    rsync -a --delete "${protect[@]}" "$T/source/" "$INBOX/"
    all_transcribed "$INBOX" 2>/dev/null || transcribed "$INBOX/one" "$INBOX/large"
    missing "$INBOX/sub/linked.wav"
    assert_equal "$(rsync -ai --delete "${protect[@]}" "$T/source/" "$INBOX/" | grep -v /)" ""
}

@test "--delete while recordings wait, run and have failed" {
    hold_workers
    mkdir "$T/source"
    recording "$T/source/waits.wav"
    rsync -a "$T/source/" "$INBOX/"
    wait_for exists "$INBOX/waits.transcribing.txt"
    assert_equal "$(rsync -a --delete "$T/source/" "$INBOX/" 2>&1)" ""
    free_workers
    transcribed "$INBOX/waits" # only the word that it is under way was deleted
    recording "$T/source/fails.wav" "fail media.decode"
    allow_log 'media\.decode|fail'
    rsync -a "$T/source/" "$INBOX/"
    wait_for exists "$INBOX/fails.FAILED.txt"
    assert_equal "$(rsync -a --delete "$T/source/" "$INBOX/" 2>&1)" ""
    missing "$INBOX/fails.FAILED.txt"
    assert_equal "$(rsync -ai --delete "$T/source/" "$INBOX/" 2>&1)" ""
    fence
    assert_equal "$(names "$RAW")" "fails.wav fence waits.wav"
    # A mirror makes no new attempt, which might cost each time; somebody who wants one gets one.
    assert_equal "$(worker_log start "$RAW/fails.wav")" 1
    missing "$INBOX/fails.FAILED.txt"
    "$SCRIBECTL" retry "$INBOX/fails.wav" >/dev/null
    wait_for exists "$INBOX/fails.FAILED.txt"
    assert_equal "$(worker_log start "$RAW/fails.wav")" 2
}

# ---- Pull ----------------------------------------------------------------------------------------------------------------------

@test "pull of the transcripts only, as README says: nothing the second time, nor after a restart or a move" {
    tree "$T/source"
    rsync -a "$T/source/" "$INBOX/"
    all_transcribed "$INBOX"
    local only=(--include='*/' --include='*.txt' --include='*.srt' --exclude='*') options
    grep -qF -- "--include='*/' --include='*.txt' --include='*.srt' --exclude='*'" "$ROOT/README.md"
    for options in -a -aHAX "-a -c" "-a --inplace" "-a -S" "-a --delete" "-a -z --no-whole-file" "-a --preallocate"; do
        rm -rf "$T/texts"
        # shellcheck disable=SC2086
        assert_equal "$options: $(transferred $options "${only[@]}" "$INBOX/" "$T/texts/")" "$options: 8"
        # shellcheck disable=SC2086
        assert_equal "$(rsync -i $options "${only[@]}" "$INBOX/" "$T/texts/")" ""
    done
    assert_equal "$(find "$T/texts" -type f | wc -l)" 8
    for name in one.txt sub/linked.srt "sub/two words.txt" large.srt; do
        cmp "$INBOX/$name" "$T/texts/$name"
        assert_equal "$(stat -c '%a %Y' "$T/texts/$name")" "$(stat -c '%a %Y' "$INBOX/$name")"
    done
    restart
    assert_equal "$(rsync -ai "${only[@]}" "$INBOX/" "$T/texts/")" ""
    mv "$INBOX/sub" "$INBOX/other"
    mv "$T/texts/sub" "$T/texts/other"
    assert_equal "$(rsync -ai "${only[@]}" "$INBOX/" "$T/texts/")" ""
    # Another content is another text.
    recording "$INBOX/one.wav" "say something else"
    wait_for contains "$INBOX/one.txt" "something else"
    wait_for exists "$INBOX/one.srt"
    assert_equal "$(transferred -a "${only[@]}" "$INBOX/" "$T/texts/")" 2
    cmp "$INBOX/one.txt" "$T/texts/one.txt"
}

@test "pull that takes the transcripts away: --remove-source-files" {
    tree "$T/source"
    rsync -a "$T/source/" "$INBOX/"
    all_transcribed "$INBOX"
    rsync -a --remove-source-files --include='*/' --include='*.txt' --exclude='*' "$INBOX/" "$T/texts/"
    assert_equal "$(find "$T/texts" -name '*.txt' | wc -l)" 4
    assert_equal "$(find "$INBOX" -name '*.txt' | wc -l)" 0
    assert_equal "$(find "$INBOX" -name '*.srt' | wc -l)" 4
    fence
    assert_equal "$(worker_starts)" 4
}

@test "from the inbox to the inbox: views copied to another folder are files there" {
    mkdir "$INBOX/a"
    recording "$INBOX/a/talk.wav"
    transcribed "$INBOX/a/talk"
    rsync -a "$INBOX/a/" "$INBOX/b/"
    assert_equal "$(names "$RAW/b")" "talk.json talk.srt talk.txt talk.wav"
    for format in txt srt json; do
        cmp "$INBOX/a/talk.$format" "$RAW/b/talk.$format"
    done
    fence
    assert_equal "$(rsync -ai "$INBOX/a/" "$INBOX/b/")" ""
    assert_equal "$(worker_starts)" 2
}
