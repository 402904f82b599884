#!/usr/bin/env bats
# scribectl cost and history, of what a service in the cloud has billed.
# time limit: 90

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    local hour
    hour=$(date -u +%H) # no test is to meet a midnight: a time zone in which it is about noon
    export TZ=NOON$((10#$hour - 12))
}

teardown() {
    cloud_teardown
}

ctl() { # ARGUMENT…: its exit code in $CODE, what it says in $SAID
    CODE=0
    SAID=$("$SCRIBECTL" -s "$STORE" "$@" 2>&1 </dev/null) || CODE=$?
    echo "$* -> $CODE: $SAID"
}

@test "cost: by day, model and folder, in a table and as JSON; a deleted recording still counts; history has the bill" {
    script '{"match":{},"text":"It was heard."}'
    cloud_mount dashscope.model=qwen3-asr-flash
    mkdir "$INBOX/interviews"
    drop one.wav
    drop interviews/two.wav "$(speech 0930)"
    transcribed "$INBOX/one" "$INBOX/interviews/two"
    ctl history --json "$INBOX/one.wav"
    jq -e '.jobs[0] | .backend == "dashscope" and ([.charges[] | [.kind, .model, .billed_ms, .cost_micro, .currency]] ==
        [["billed", "qwen3-asr-flash", 3000, 660, "CNY"]])' <<<"$SAID"
    ctl history "$INBOX/one.wav"
    assert_contains "$SAID" 'billed: qwen3-asr-flash, 3 s, 0\.00066 CNY$'
    restart
    ctl cost
    assert_contains "$SAID" "^$(date +%Y-%m) +minutes +jobs  cost$"
    assert_contains "$SAID" "^$(date +%Y-%m-%d) +0\.12 +2  0\.00154 CNY$"
    assert_contains "$SAID" '^total +0\.12 +2  0\.00154 CNY$'
    ctl cost --by folder --json
    assert_equal "$(jq -c '[.rows[] | [.name, .sum.billed_ms, .sum.costs[0].cost_micro]]' <<<"$SAID")" '[["",3000,660],["interviews",4000,880]]'
    ctl cost --by model
    assert_contains "$SAID" '^qwen3-asr-flash +0\.12 +2  0\.00154 CNY$'
    # Who has paid has paid.
    rm "$INBOX/one.wav"
    mv "$INBOX/interviews" "$INBOX/talks"
    wait_for missing "$INBOX/one.json"
    restart
    ctl cost --by folder
    assert_contains "$SAID" '^interviews +0\.07 +1  0\.00088 CNY$'
    refute grep -q talks <<<"$SAID"
    assert_contains "$SAID" '^[^ ]+ +0\.05 +1  0\.00066 CNY$'
    ctl cost --month 2001-01
    assert_contains "$SAID" '^total +0\.00 +0  0$'
    ctl cost --month yesterday
    assert_equal "$CODE" 1
    ctl cost --by weather
    assert_equal "$CODE" 1
}

@test "check: the service knows the key, does not, cannot be reached; nothing is billed" {
    cloud_mount dashscope.model=qwen3-asr-flash
    ctl check
    assert_equal "$CODE" 0
    assert_contains "$SAID" '^ok     service: reached, and the key is valid$'
    assert_contains "$SAID" '^ok     clock: '
    echo sk-wrong >"$T/key"
    ctl check
    assert_equal "$CODE" 3
    assert_contains "$SAID" '^TO DO  service: The transcription service did not accept the key'
    echo "$EMULATOR_KEY" >"$T/key"
    assert_equal "$(counter .requests.sync)" 0
    no_violations
    emulator_stop
    ctl check
    assert_equal "$CODE" 3
    assert_contains "$SAID" '^TO DO  service: The transcription service cannot be reached'
}
