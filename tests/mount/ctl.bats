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
    SAID=$(SCRIBEFS_STORE=$STORE timeout 60 "$SCRIBECTL" "$@" 2>&1 </dev/null) || CODE=$?
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

@test "history: every attempt with its time, in words and as JSON, over a restart" {
    start_mount
    allow_log 'media\.decode|fail'
    recording "$INBOX/talk.wav" "fail media.decode"
    wait_for state_is talk.wav failed
    ctl retry "$INBOX/talk.wav"
    wait_for state_is talk.wav failed
    restart # so that all of it is in the index
    ctl history "$INBOX/talk.wav"
    assert_equal "$CODE" 0
    assert_contains "$SAID" '^talk\.wav$'
    assert_contains "$SAID" '^  20[0-9-]+ [0-9:]+  arrived: [0-9]+ bytes, sha256 [0-9a-f]{64}$'
    assert_contains "$SAID" '^  20[0-9-]+ [0-9:]+  begun: attempt 1$'
    assert_contains "$SAID" '^  20[0-9-]+ [0-9:]+  failed: media\.decode$'
    assert_contains "$SAID" '^  20[0-9-]+ [0-9:]+  tried again: asked for$'
    ctl history --json "$INBOX/talk.wav"
    jq -e '.path == "talk.wav" and .state == "failed" and (.jobs | length == 1) and (.jobs[0] | .current and
        .error.code == "media.decode" and ([.events[].event] == ["started","failed","retried","started","failed"]) and
        .charges == [] and .queued_ms > 0)' <<<"$SAID"
    ctl history "$INBOX/none.wav"
    assert_equal "$CODE" 5
    ctl history "$INBOX"
    assert_equal "$CODE" 1
}

@test "cache: numbers, damage that only the sums show, and transcripts of what was deleted" {
    start_mount
    recording "$INBOX/one.wav"
    recording "$INBOX/two.wav"
    transcribed "$INBOX/one" "$INBOX/two"
    ctl cache stat
    assert_contains "$SAID" '^transcripts: 2, '
    assert_contains "$SAID" '^of recordings that are not there any more: 0, 0\.0 kB$'
    ctl cache verify
    assert_equal "$CODE $SAID" "0 2 transcripts read, 0 damaged"
    # One letter is another: the size is the same, and it is still a transcript.
    local job file
    job=$("$SCRIBECTL" status --json "$INBOX/one.wav" | jq -r '.items[0].job')
    file=$STORE/state/results/${job:0:2}/$job
    (cd "$file" && sha256sum --quiet -c sums)
    sed -i 's/words/wordz/' "$file/transcript.json"
    refute sh -c "cd '$file' && sha256sum --status -c sums"
    ctl cache verify --dry-run
    assert_equal "$CODE" 3
    assert_contains "$SAID" '^one\.wav: the stored transcript is damaged$'
    ctl cache verify --json
    jq -e --arg job "$job" '.results == 2 and .damaged == [{"job":$job,"path":"one.wav"}] and .without_sums == 0' <<<"$SAID"
    wait_for state_is one.wav "done"
    transcribed "$INBOX/one"
    ctl cache verify
    assert_equal "$CODE" 0
    # A deleted recording's stays, until it is asked to go and is old enough.
    rm "$INBOX/two.wav"
    wait_for missing "$INBOX/two.txt"
    restart
    ctl cache prune
    assert_contains "$SAID" '^transcripts that were removed: 0, '
    ctl cache prune --older 30d
    assert_contains "$SAID" '^transcripts that were removed: 0, '
    ctl cache prune --older 0 --dry-run --json
    jq -e '.unneeded_results == 1 and .removed_results == 1 and .dry_run' <<<"$SAID"
    ctl cache prune --older 0
    assert_contains "$SAID" '^transcripts that were removed: 1, '
    ctl cache stat --json
    jq -e '.results == 1 and .unneeded_results == 0 and .views >= 3 and .view_bytes > 0' <<<"$SAID"
    [ -s "$INBOX/one.txt" ]
    ctl cache
    assert_equal "$CODE" 2
    ctl cache shake
    assert_equal "$CODE" 2
}

@test "check: with and without a daemon; mistakes in the settings are to do" {
    mkdir -p "$RAW/a"
    ctl check
    assert_equal "$CODE" 0
    assert_contains "$SAID" '^ok     scribefs: does not run on this store'
    assert_contains "$SAID" '^ok     recogniser: .*, for new recordings$'
    missing "$STORE/state" # it changes nothing
    start_mount workers=1
    ctl check
    assert_equal "$CODE" 0
    assert_contains "$SAID" "^ok     scribefs: serves this store, process $DAEMON$"
    assert_contains "$SAID" '^ok     index: '
    assert_contains "$SAID" '^ok     folders: 2, no mistake'
    printf '[jobs]\nbogus = 1\n' >"$INBOX/a/.scribefs.conf"
    printf '[jobs]\nworkers = many\n' >"$STORE/scribefs.conf"
    allow_log 'scribefs\.conf'
    ctl check
    assert_equal "$CODE" 3
    assert_contains "$SAID" '^TO DO  folders: inbox/a/\.scribefs\.conf:2: .*bogus'
    assert_contains "$SAID" '^TO DO  settings: .*scribefs\.conf:2: .*workers'
    echo sk-1 >"$T/key"
    chmod 644 "$T/key"
    printf '[hooks]\nwebhook_secret_file = %s\n' "$T/key" >"$STORE/scribefs.conf"
    ctl check
    assert_contains "$SAID" "^TO DO  key: $T/key can be read by everybody"
    chmod 640 "$T/key"
    ctl check
    refute grep -q '  key: ' <<<"$SAID"
    printf '[dashscope]\nproxy = http://me:secret@127.0.0.1:1\n' >"$STORE/scribefs.conf"
    chmod 644 "$STORE/scribefs.conf"
    ctl check
    assert_contains "$SAID" '^TO DO  key: .*scribefs\.conf can be read by everybody'
    refute grep -q secret <<<"$SAID"
    chmod 600 "$STORE/scribefs.conf"
    ctl check
    refute grep -q '  key: ' <<<"$SAID"
    printf '[jobs]\nworkers = many\n' >"$STORE/scribefs.conf"
    ctl check --json
    assert_equal "$CODE" 3
    jq -es 'all(.[]; (.check | type == "string") and (.ok | type == "boolean") and (.text | length > 0))' <<<"$SAID"
    rm "$STORE/scribefs.conf"
}

@test "status --watch: drawn anew for another width; failures are red, but not with NO_COLOR" {
    start_mount
    allow_log 'media\.decode|fail'
    recording "$INBOX/a recording with quite a long name, which has to be cut.wav" "fail media.decode"
    wait_for state_is "a recording with quite a long name, which has to be cut.wav" failed
    local said
    said=$(TERM=xterm py "$LIB/watch_terminal.py" "$SCRIBECTL" "$INBOX")
    assert_equal "$(head -n 1 <<<"$said")" colour
    [ "$(tail -n 1 <<<"$said")" -le 39 ]
    said=$(TERM=xterm NO_COLOR=1 py "$LIB/watch_terminal.py" "$SCRIBECTL" "$INBOX")
    assert_equal "$(head -n 1 <<<"$said")" plain
}
