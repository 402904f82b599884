#!/usr/bin/env bats
# scribectl: what changes jobs and tells of them, beyond control.bats.
# time limit: 60

load ../lib/common

setup() {
    common_setup
    fake_worker
}

# ctl ARGUMENT…: scribectl, with its exit code in $CODE and what it says in $SAID.
ctl() {
    CODE=0
    SAID=$(timeout 60 "$SCRIBECTL" "$@" 2>&1 </dev/null) || CODE=$?
    echo "$* -> $CODE: $SAID"
}

state_is() { # FILE STATE
    [ "$("$SCRIBECTL" status --json "$INBOX/$1" | jq -r '.items[0].state')" = "$2" ]
}

@test "cancel: what runs and what waits ends, says so beside it, stays so over a restart; retry begins it again" {
    start_mount workers=1
    hold_workers
    recording "$INBOX/one.wav"
    wait_for worker_started "$RAW/one.wav"
    recording "$INBOX/two.wav"
    wait_for state_is two.wav queued
    ctl cancel "$INBOX/two.wav"
    assert_equal "$CODE $SAID" "0 two.wav: 1 recording is cancelled"
    ctl cancel --json "$INBOX"
    assert_equal "$SAID" '{"path":"","count":1}'
    for name in one two; do
        wait_for exists "$INBOX/$name.FAILED.txt"
        contains "$INBOX/$name.FAILED.txt" "^$name.wav: Somebody cancelled this transcription\.$"
        contains "$INBOX/$name.FAILED.txt" 'scribectl retry'
        contains "$INBOX/$name.FAILED.txt" '^No money was spent'
    done
    ctl cancel "$INBOX"
    assert_equal "$CODE $SAID" "0 inbox: nothing is waiting or running"
    ctl cancel "$INBOX/none.wav"
    assert_equal "$CODE" 5
    restart
    state_is one.wav failed
    ctl wait "$INBOX"
    assert_equal "$CODE" 3
    free_workers
    ctl retry --json "$INBOX/one.wav"
    assert_equal "$SAID" '{"path":"one.wav","count":1}'
    transcribed "$INBOX/one"
    state_is two.wav failed
    refute exists "$INBOX/one.FAILED.txt"
}
