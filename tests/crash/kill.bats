#!/usr/bin/env bats
# kill -9 of the daemon, its workers and its announcer at random moments while recordings are dropped. Afterwards nothing is lost,
# nothing is there twice, and nothing was transcribed again that had been finished.
#
# CRASH_DROPS: how many recordings (20). CRASH_SEED: repeats a run's choices (the moments themselves are never quite the same).
# time limit: 600

TEST_SECONDS=500
load ../lib/common

setup() {
    common_setup
    fake_worker
    mkdir "$T/source"
    DROPS=${CRASH_DROPS:-20}
    SEED=${CRASH_SEED:-$((RANDOM * 32768 + RANDOM))}
    RANDOM=$((SEED % 32768))
    # A killed worker, announcer or daemon is worth a line in the log.
    allow_log 'announcer|killed|worker|engine\.|attempt|interrupted|dead'
}

# A random moment. This is no wait for anything: it is what is tested.
moment() {
    sleep "0.$(printf '%03d' $((RANDOM % 250)))"
}

# Copies one recording in, by a random way, however often it takes: the daemon may be killed in the middle.
drop() { # NAME
    local name=$1 way=$((RANDOM % 3))
    for _ in 1 2 3 4 5; do
        case $way in
        0) cp "$T/source/$name" "$INBOX/$name" 2>/dev/null && return ;;
        1) rsync "$T/source/$name" "$INBOX/$name" 2>/dev/null && return ;;
        2) rsync --inplace "$T/source/$name" "$INBOX/$name" 2>/dev/null && return ;;
        esac
        revive
    done
    return 1
}

revive() {
    if [ -z "$DAEMON" ]; then
        start_mount
    fi
}

# What can be seen now was finished: its content may never be given to a worker again.
note_finished() {
    local view name
    for view in "$INBOX"/*.json; do
        [ -s "$view" ] || continue
        name=$(basename "$view" .json).wav
        if [ -e "$T/source/$name" ] && ! grep -qs "^$name\$" "$T/seen"; then
            echo "$name" >>"$T/seen"
            echo "seen $(content_of "$T/source/$name") 0" >>"$T/worker/log"
        fi
    done
}

kill_something() {
    local victim kind=$((RANDOM % 4))
    case $kind in
    0 | 1)
        note_finished
        crash_mount
        KILLS[0]=$((KILLS[0] + 1))
        ;;
    2 | 3)
        for victim in $(children "$([ $kind = 2 ] && echo fake-worker || echo scribefs-announcer)"); do
            kill -KILL "$victim" 2>/dev/null || continue
            KILLS[kind - 1]=$((KILLS[kind - 1] + 1))
        done
        ;;
    esac
}

all_done() {
    local name
    for name in "$T/source"/*; do
        name=$(basename "$name")
        [ -e "$INBOX/${name%.wav}.txt" ] && [ -e "$INBOX/${name%.wav}.srt" ] && [ -e "$INBOX/${name%.wav}.json" ] || return 1
    done
}

expected_names() {
    local name
    for name in "$T/source"/*; do
        name=$(basename "$name")
        printf '%s\n' "$name" "${name%.wav}.txt" "${name%.wav}.srt" "${name%.wav}.json"
    done | LC_ALL=C sort
}

crash_rounds() {
    local i name
    KILLS=(0 0 0)
    note "seed $SEED, $DROPS drops"
    EXTRA_OPTIONS=$EXTRA_OPTIONS,quiet_ms=50
    start_mount
    for i in $(seq "$DROPS"); do
        name=talk-$i.wav
        recording "$T/source/$name" "slow $((RANDOM % 300)) the words of recording $i"
        seq $((RANDOM % 3000)) >>"$T/source/$name"
        drop "$name" &
        local copier=$!
        moment
        kill_something
        wait "$copier" || :
        revive
        # The copy itself may have been cut off: that is the sender's to repeat.
        cmp -s "$T/source/$name" "$RAW/$name" || drop "$name"
    done
    note "killed: the daemon ${KILLS[0]} times, workers ${KILLS[1]} times, the announcer ${KILLS[2]} times"
    note_finished
    crash_mount
    start_mount
}

check_everything() {
    local i name digest
    # Killed three times over, a job may give up and say so; asking again is what a person does then.
    "$SCRIBECTL" retry "$INBOX" >/dev/null || :
    wait_for -t 120 all_done
    for i in $(seq "$DROPS"); do
        name=talk-$i.wav
        cmp "$T/source/$name" "$RAW/$name"
        cmp "$T/source/$name" "$INBOX/$name"
        contains "$INBOX/talk-$i.txt" "the words of recording $i\$"
        jq -e --arg text "the words of recording $i" '.text | contains($text)' "$INBOX/talk-$i.json" >/dev/null
        py "$LIB/check_srt.py" "$INBOX/talk-$i.srt" >/dev/null
        digest=$(content_of "$T/source/$name")
        awk -v digest="$digest" '$2 == digest && $1 == "seen" { seen = 1 }
            $2 == digest && $1 == "start" && seen { print "transcribed again after it had been finished: " digest; exit 1 }' "$T/worker/log"
    done
    wait_for only_what_is_expected
    # In the store: the recordings, what a killed rsync left, and nothing that looks like a view.
    assert_equal "$(find "$RAW" -type f ! -name '*.wav' ! -name '.*' -printf '%f ')" ""
    "$SCRIBECTL" status --json "$INBOX" | jq -e --argjson drops "$DROPS" '.counts | .done == $drops and .failed + .queued + .running + .arriving == 0'
    restart
    all_done
    only_what_is_expected
}

only_what_is_expected() {
    find "$INBOX" -mindepth 1 ! -name '.*' -printf '%f\n' | LC_ALL=C sort | diff - <(expected_names)
}

@test "kill -9 of daemon, worker and announcer during drops" {
    crash_rounds
    check_everything
}

@test "kill -9 while many jobs run and finish at once" {
    local i
    KILLS=(0 0 0)
    note "seed $SEED, $DROPS drops"
    for i in $(seq "$DROPS"); do
        recording "$T/source/talk-$i.wav" "slow $((RANDOM % 500)) the words of recording $i"
    done
    hold_workers
    start_mount workers=4
    cp "$T/source"/* "$INBOX/"
    wait_for some_child fake-worker
    free_workers
    while ! all_done && [ "${KILLS[0]}" -lt 12 ]; do
        moment
        note_finished
        crash_mount
        KILLS[0]=$((KILLS[0] + 1))
        start_mount workers=4
    done
    note "killed: the daemon ${KILLS[0]} times"
    check_everything
}

@test "kill -9 between edits, deletions and renames of views: what was acknowledged stays" {
    local i
    DROPS=6
    for i in $(seq "$DROPS"); do
        recording "$T/source/talk-$i.wav" "say the words of recording $i"
    done
    start_mount
    cp "$T/source"/* "$INBOX/"
    wait_for all_done
    rm "$INBOX/talk-1.srt"
    echo "my edit" >>"$INBOX/talk-2.txt"
    mv "$INBOX/talk-3.txt" "$INBOX/notes.txt"
    mv "$INBOX/talk-4.wav" "$INBOX/speech.wav"
    wait_for exists "$INBOX/speech.txt"
    # A deletion is acknowledged before it is durable (no call waits for the index); it is written within a moment.
    wait_for is_written "SELECT count(*) FROM links WHERE hidden != 0 AND CAST(name AS TEXT) IN ('talk-1.wav', 'talk-3.wav')" 2
    crash_mount
    start_mount
    wait_for exists "$INBOX/speech.json"
    missing "$INBOX/talk-1.srt"
    contains "$INBOX/talk-2.txt" "my edit"
    contains "$INBOX/notes.txt" "recording 3"
    missing "$INBOX/talk-3.txt"
    missing "$INBOX/talk-4.txt"
    exists "$INBOX/talk-1.txt"
    for i in $(seq "$DROPS"); do
        assert_equal "$(worker_log start "$T/source/talk-$i.wav")" 1
    done
}

is_written() { # QUERY NUMBER: at least
    local got
    got=$("$PYTHON" -IB -c 'import sqlite3, sys; print(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(sys.argv[2]).fetchone()[0])' \
        "$STORE/state/index.db" "$1" 2>/dev/null) && [ "$got" -ge "$2" ]
}

@test "a daemon killed while its worker runs takes the worker with it" {
    hold_workers
    start_mount
    recording "$INBOX/talk.wav"
    wait_for worker_started "$RAW/talk.wav"
    local pid
    pid=$(awk '/^start/ { print $3 }' "$T/worker/log")
    crash_mount
    wait_for not_running "$pid"
    free_workers
    start_mount
    transcribed "$INBOX/talk"
}
