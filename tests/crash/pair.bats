#!/usr/bin/env bats
# A writer that logs what was acknowledged, and a verifier (tests/lib/crash_writer.py, crash_verify.py): the daemon is killed while
# several of them work, started again on top of its dead mount, and everything that any of them was told has happened is there.
#
# PAIR_ROUNDS: how many kills (10). PAIR_SEED: repeats a run's choices (the moments themselves are never quite the same).
# time limit: 600

TEST_SECONDS=500
load ../lib/common

setup() {
    common_setup
    fake_worker
    allow_log 'announcer|killed|worker|engine\.|attempt|interrupted|dead'
    EXTRA_OPTIONS=$EXTRA_OPTIONS,quiet_ms=50
    CLIENTS=4
    SEED=${PAIR_SEED:-$((RANDOM * 32768 + RANDOM))}
    RANDOM=$((SEED % 32768))
}

start_writers() { # ROUND
    local client
    WRITERS=()
    for client in $(seq "$CLIENTS"); do
        "$PYTHON" -IB "$LIB/crash_writer.py" "$INBOX/client-$client" "$T/log-$client" $((SEED + $1 * 100 + client)) \
            >>"$T/writer-$client" 2>&1 3>&- 4>&- &
        WRITERS+=($!)
        STARTED+=($!)
    done
}

# They end by themselves: nobody hangs on a mount that has died.
writers_ended() {
    local pid
    for pid in "${WRITERS[@]}"; do
        not_running "$pid" || return 1
    done
}

check_writers() {
    local pid
    wait_for -t 10 writers_ended
    for pid in "${WRITERS[@]}"; do
        wait "$pid" || {
            cat "$T"/writer-*
            return 1
        }
    done
}

# Without unmounting: that is the next start's.
kill_daemon() {
    local pid=$DAEMON
    DAEMON=''
    kill -KILL "$pid"
    { wait "$pid" || :; } 2>/dev/null
}

verify() { # [--finished]
    local client
    for client in $(seq "$CLIENTS"); do
        py "$LIB/crash_verify.py" "$RAW/client-$client" "$INBOX/client-$client" "$T/log-$client" "$@" || return 1
    done
}

enough_done() { # LINES
    local client
    for client in $(seq "$CLIENTS"); do
        [ "$(wc -l <"$T/log-$client")" -ge "$1" ] || return 1
    done
}

operations() {
    cat "$T"/log-* | grep -c '"done"'
}

finished() {
    verify --finished >"$T/unfinished"
}

# How the test knows that the verifier sees: one damage of each kind must be found.
must_be_found() { # COMMAND, in the first client's stored directory
    cp -a "$RAW/client-1" "$T/kept"
    (cd "$RAW/client-1" && sh -c "$1")
    refute py "$LIB/crash_verify.py" "$RAW/client-1" "$RAW/client-1" "$T/log-1" >"$T/found"
    rm -rf "$RAW/client-1"
    cp -a "$T/kept" "$RAW/client-1"
    rm -rf "$T/kept"
    py "$LIB/crash_verify.py" "$RAW/client-1" "$RAW/client-1" "$T/log-1"
}

@test "kill -9 while clients write: what was acknowledged is there, and the next start remounts by itself" {
    local round rounds=${PAIR_ROUNDS:-10} client doubts
    note "seed $SEED, $rounds rounds"
    start_mount
    for client in $(seq "$CLIENTS"); do
        mkdir "$INBOX/client-$client"
        : >"$T/log-$client"
    done
    for round in $(seq "$rounds"); do
        start_writers "$round"
        # So that each has something to lose; then any moment: that is the purpose.
        wait_for enough_done $((round * 40))
        sleep "0.$(printf '%03d' $((RANDOM % 300)))"
        kill_daemon
        check_writers
        start_mount
        assert_equal "$(mounts_below "$T")" "$MNT"
        verify
    done
    doubts=$(cat "$T"/log-* | grep -c '"doubt"' || :)
    note "$(operations) operations acknowledged, $doubts without an answer"
    "$SCRIBECTL" retry "$INBOX" >/dev/null || : # killed three times over, a job may have given up
    wait_for -t 120 finished || {
        cat "$T/unfinished"
        return 1
    }
    stop_mount
    must_be_found 'f=$(find . -type f -size +1c | head -1); truncate -s -1 "$f"'
    must_be_found 'f=$(find . -type f | head -1); rm "$f"'
    must_be_found 'touch stray.txt'
    must_be_found 'f=$(find . -type f | head -1); mv "$f" "$f.moved"'
    start_mount
    verify --finished
}

@test "SIGTERM while clients write: every answer was true, and it ends at once" {
    start_mount
    local client
    for client in $(seq "$CLIENTS"); do
        mkdir "$INBOX/client-$client"
        : >"$T/log-$client"
    done
    start_writers 1
    wait_for enough_done 40
    stop_mount
    check_writers
    start_mount
    verify
}
