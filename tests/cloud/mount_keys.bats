#!/usr/bin/env bats
# Keys, through the mount: exchanged while it runs, of another region, put right; and in no place where they do not belong,
# also when the daemon dies.
# time limit: 300

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    script '{"match":{},"text":"Heard."}'
}

teardown() {
    cloud_teardown
}

SECRETS='sk-test|sk-next|sk-far|oss-test-secret'

other() { # N: a recording of its own
    sox "$(speech 0880)" "$T/$1.wav" trim 0 "2.$(printf %03d "$1")"
    printf %s "$T/$1.wav"
}

# ---- The key file ----------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "another key in the file is used from the next request on, without a restart" {
    switch '{"running_ms":600000}'
    control POST keys '{"key":"sk-next"}' >/dev/null
    cloud_mount dashscope.model=fun-asr
    drop first.wav "$(other 1)"
    wait_for counter_is .tasks.SUBMITTED 1
    # Both ways to write a file: over the old one, and beside it, then renamed.
    echo sk-next >"$T/key.new"
    mv "$T/key.new" "$T/key"
    control DELETE keys/sk-test >/dev/null
    switch '{"running_ms":0}'
    drop second.wav "$(other 2)"
    transcribed "$INBOX/second"
    # The task of the first key is the account's: the second may ask for it.
    control POST clock '{"advance_ms":600000}' >/dev/null
    transcribed "$INBOX/first"
    item_is first.wav .attempts 1
    control POST keys '{"key":"sk-test"}' >/dev/null
    control DELETE keys/sk-next >/dev/null
    echo sk-test >"$T/key"
    drop third.wav "$(other 3)"
    transcribed "$INBOX/third"
    item_is third.wav .attempts 1
}

# bats test_tags=core
@test "a key of another region: the region is named as the next thing to look at" {
    control POST keys '{"key":"sk-far@ap-southeast-1"}' >/dev/null
    echo sk-far >"$T/key"
    local model
    for model in fun-asr fun-asr-flash-2026-06-15; do
        [ -z "$DAEMON" ] || stop_mount
        cloud_mount "dashscope.model=$model"
        drop "$model.wav" "$(other $((10 + ${#model})))"
        wait_for item_is "$model.wav" .error.code cloud.key
        assert_contains "$(item "$model.wav" .error.next)" 'the region that is set'
        contains "$INBOX/$model.transcribing.txt" 'did not accept the key of this installation'
    done
}

@test "a wrong key holds everything after one request, and all of it goes on by itself once the key is right" {
    echo sk-wrong >"$T/key"
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15 jobs.workers=1
    local n
    for n in 1 2 3 4 5; do
        drop "talk$n.wav" "$(other $((20 + n)))"
    done
    wait_for item_is talk1.wav .error.code cloud.key
    assert_contains "$(cat "$MNT/status.txt")" 'did not accept the key'
    assert_equal "$(control GET 'requests?endpoint=sync' | jq length)" 1
    echo "$EMULATOR_KEY" >"$T/key"
    # Nobody asks for a retry.
    for n in 1 2 3 4 5; do
        wait_for -t 75 test -e "$INBOX/talk$n.json"
    done
    assert_equal "$(control GET 'requests?endpoint=sync' | jq length)" 6
}

# ---- Where keys are not ----------------------------------------------------------------------------------------------

# Everything a child of the daemon is given is written down by a worker around the worker.
watched_worker() {
    # shellcheck disable=SC2016 # for the script
    printf '#!/bin/sh\n{ echo "$0 $*"; tr "\\0" "\\n" </proc/$$/environ; } >>%q\nexec %q "$@"\n' \
        "$T/children" "$WORKER" >"$T/watched"
    chmod 755 "$T/watched"
    EXTRA_OPTIONS=worker=$T/watched
}

no_secret_came_out() {
    refute grep -rlaE "$SECRETS" "$LOG" "$STORE" "$INBOX" "$MNT/status.txt" "$T/children"
    refute grep -rlaiE 'signature=[^x]' "$LOG" "$STORE" "$INBOX" "$MNT/status.txt"
    refute grep -aqE "$SECRETS" "/proc/$DAEMON/cmdline"
    refute grep -qE "$SECRETS" <("$SCRIBECTL" status --json "$MNT")
}

# bats test_tags=core
@test "after jobs of every kind of call: no key in the store, the log, arguments, the environment of children, views" {
    watched_worker
    local n=30 settings
    while read -r settings; do
        [ -z "$DAEMON" ] || stop_mount
        # shellcheck disable=SC2086 # several settings
        cloud_mount $settings
        n=$((n + 1))
        drop "talk$n.wav" "$(other $n)"
        transcribed "$INBOX/talk$n"
        "$SCRIBECTL" explain --json "$INBOX/talk$n.wav" >"$T/explained"
        refute grep -qE "$SECRETS" "$T/explained"
        no_secret_came_out
    done <<END
dashscope.model=fun-asr
dashscope.model=qwen3-asr-flash-filetrans publish.method=oss publish.endpoint=http://scribefs-test.oss-cn-beijing.localhost:$EMULATOR_PORT publish.bucket=scribefs-test publish.region=cn-beijing publish.key_file=$T/oss-key
dashscope.model=fun-asr-flash-2026-06-15
dashscope.model=fun-asr-flash-2026-06-15 dashscope.stream=yes
dashscope.model=qwen3-asr-flash dashscope.chat=yes
dashscope.model=qwen3-asr-flash dashscope.chat=yes dashscope.stream=yes
END
    [ -s "$T/children" ]
}

# bats test_tags=core
@test "a key in the environment stays with the daemon" {
    watched_worker
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    stop_mount
    sed -i '/^key_file = /d' "$T/cloud.conf"
    export DASHSCOPE_API_KEY=$EMULATOR_KEY
    start_mount "config=$T/cloud.conf"
    drop talk.wav
    transcribed "$INBOX/talk"
    grep -q -- --probe "$T/children"
    no_secret_came_out
    local pid
    for pid in $(children); do
        refute grep -aqE "$SECRETS" "/proc/$pid/environ"
    done
}

# bats test_tags=core
@test "a key where the path of its file belongs: said, and not repeated anywhere" {
    allow_log 'cloud\.no_key|Model Studio cannot be used'
    watched_worker
    cloud_mount dashscope.model=fun-asr
    stop_mount
    sed -i 's/^key_file = .*/key_file = sk-test/' "$T/cloud.conf"
    start_mount "config=$T/cloud.conf"
    drop talk.wav
    wait_for contains "$INBOX/talk.FAILED.txt" 'no key for the transcription service'
    assert_contains "$(cat "$INBOX/talk.FAILED.txt")" 'a key was given where the path of a file belongs'
    contains "$LOG" 'cannot be used: a key was given'
    no_secret_came_out
    # The same for an option that is none: what is behind "=" might be one.
    refute grep -q sk-test <("$SCRIBEFS" -o dashscope.key=sk-test "$STORE" "$MNT" 2>&1)
}

@test "a daemon that is killed with SIGABRT leaves no core" {
    mkdir "$T/cores"
    chmod 777 "$T/cores"
    cd "$T/cores" || return
    ulimit -c unlimited 2>/dev/null || skip "core files cannot be allowed here"
    sh -c 'kill -ABRT $$' 2>/dev/null || :
    local cores_are_files=no pid
    [ -z "$(ls)" ] || cores_are_files=yes
    find . -mindepth 1 -delete
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$DAEMON/limits")" '0 0'
    # The limit is not all: a kernel that hands cores to a program does not ask for it. What may not be dumped belongs to root
    # in /proc; where the limit can be lifted, a core would show it as well.
    assert_equal "$(stat -c %u "/proc/$DAEMON/status")" 0
    prlimit --pid "$DAEMON" --core=unlimited 2>/dev/null || :
    pid=$DAEMON DAEMON=''
    kill -ABRT "$pid"
    { wait "$pid" || :; } 2>/dev/null
    is_mounted && force_unmount "$MNT"
    wait_for not_mounted
    assert_equal "$(ls)" ''
    cd /
    [ $cores_are_files = yes ] || skip "cores are not files here: only the limit was looked at"
}
