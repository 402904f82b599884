#!/usr/bin/env bats
# What recordings cost, and the limit of a day, through the mount.
# time limit: 200

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    live_at_noon
}

teardown() {
    cloud_teardown
}

# No test is to meet a midnight: a time zone in which it is about noon.
live_at_noon() {
    local hour
    hour=$(date -u +%H)
    export TZ=NOON$((10#$hour - 12))
}

# lasting NAME SECONDS [NNNN]: a recording of that length, of speech and silence, in $T.
lasting() {
    sox -V1 "$(speech "${3:-0880}")" "$T/$1" pad 0 "$2" trim 0 "$2"
}

# spent JQ: of what scribectl says about spending.
spent() {
    "$SCRIBECTL" status --json "$INBOX" | jq -c ".spending | $1"
}

spent_is() { # JQ VALUE
    [ "$(spent "$1")" = "$2" ]
}

cost_of() { # BASE JQ: of its JSON view
    jq -c ".cost | $2" "$INBOX/$1.json"
}

waits_for_tomorrow() { # BASE
    contains "$INBOX/$1.transcribing.txt" '^Waiting until 00:00 on .*: The minutes of audio that may be sent .* in a day are used up\.'
}

FILETRANS=dashscope.model=qwen3-asr-flash-filetrans
DIRECT=dashscope.model=qwen3-asr-flash
HEARD='{"match":{},"text":"It was heard."}'

# ---- Costs -----------------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "a task and a direct call: what each cost, in its JSON and in the status; kept when all is deleted" {
    script "$HEARD"
    cloud_mount "$FILETRANS"
    assert_equal "$(spent .today.jobs)" 0
    drop task.wav
    transcribed "$INBOX/task"
    assert_equal "$(cost_of task .)" '{"amount":0.00066,"currency":"CNY","billed_seconds":3,"estimated":false}'
    cloud_remount "$DIRECT"
    drop direct.wav "$(speech 0930)"
    transcribed "$INBOX/direct"
    assert_equal "$(cost_of direct .)" '{"amount":0.00088,"currency":"CNY","billed_seconds":4,"estimated":false}'
    assert_equal "$(item task.wav '.cost | [.billed_ms, .cost_micro, .currency, .estimated, .possible] | tojson')" '[3000,660,"CNY",false,false]'
    assert_contains "$("$SCRIBECTL" status "$INBOX/direct.wav")" '^direct.wav: done at 12:[0-5][0-9], 4 s billed, 0\.00088 CNY$'
    assert_equal "$(spent '[.today, .month | .billed_ms, .jobs, .possible_jobs] + [.limit_ms]')" '[7000,2,0,7000,2,0,0]'
    assert_equal "$(spent .today.costs)" '[{"cost_micro":1540,"currency":"CNY"}]'
    assert_contains "$("$SCRIBECTL" status "$INBOX")" '^In the cloud: 0\.12 minutes today \(0\.00154 CNY\), 0\.12 minutes this month'
    contains "$MNT/status.txt" '^In the cloud: 0\.12 minutes today \(0\.00154 CNY\)'
    rm "$INBOX/task.wav" "$INBOX/direct.wav"
    wait_for missing "$INBOX/direct.json"
    restart
    assert_equal "$(spent .month.costs)" '[{"cost_micro":1540,"currency":"CNY"}]'
}

@test "speech alone is billed where the service says so; a price that is not known; nobody spoke" {
    lasting pause.wav 20
    sox -n -r 16000 -c 1 "$T/silence.wav" trim 0 5
    script '{"match":{"sha256":"'"$(content_of "$T/silence.wav")"'"},"fail":{"code":"SUCCESS_WITH_NO_VALID_FRAGMENT"}}'
    script '{"match":{},"transcript":{"schema":"scribefs-transcript/1","sentences":[
        {"begin_ms":100,"end_ms":1600,"channel":0,"text":"Well."},{"begin_ms":9000,"end_ms":11000,"channel":0,"text":"Yes."}]}}'
    cloud_mount dashscope.model=fun-asr
    drop pause.wav "$T/pause.wav"
    drop silence.wav "$T/silence.wav"
    transcribed "$INBOX/pause" "$INBOX/silence"
    assert_equal "$(cost_of pause .)" '{"amount":0.00088,"currency":"CNY","billed_seconds":4,"estimated":false}'
    assert_equal "$(cost_of silence .)" '{"amount":0,"currency":"CNY","billed_seconds":0,"estimated":false}'
    cloud_remount dashscope.model=fun-asr-flash-2026-06-15
    drop flash.wav
    transcribed "$INBOX/flash"
    assert_equal "$(cost_of flash .)" '{"amount":null,"currency":null,"billed_seconds":3,"estimated":false}'
    assert_equal "$(item flash.wav '.cost | [.cost_micro, .currency] | tojson')" '[null,null]'
    assert_equal "$(spent .today.unpriced_jobs)" 1
    assert_contains "$("$SCRIBECTL" status "$INBOX")" 'the price of 1 not known'
}

# bats test_tags=core
@test "the same content twice, and dropped again later: paid once" {
    script "$HEARD"
    cloud_mount "$DIRECT"
    drop one.wav
    drop two.wav
    transcribed "$INBOX/one" "$INBOX/two"
    rm "$INBOX/one.wav" "$INBOX/two.wav"
    wait_for missing "$INBOX/two.json"
    drop three.wav
    transcribed "$INBOX/three"
    assert_equal "$(spent '[.today.jobs, .today.billed_ms]')" '[1,3000]'
    assert_equal "$(counter .requests.sync)" 1
    assert_equal "$(cost_of three .billed_seconds)" 3
}

@test "with the built-in recogniser nothing is said of costs" {
    start_mount
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(spent .)" null
    refute contains "$INBOX/talk.json" cost
    refute contains "$MNT/status.txt" cloud
    assert_equal "$(item talk.wav .cost)" null
}

# ---- What may have been billed ---------------------------------------------------------------------------------------

@test "a task that failed may have been billed; what was refused was not" {
    script '{"match":{},"fail":{"code":"InvalidFile.DecodeFailed","message":"The audio file cannot be decoded."}}'
    allow_log 'cannot be decoded|url error'
    cloud_mount "$FILETRANS"
    drop broken.wav
    failed broken 'may have billed it'
    assert_equal "$(item broken.wav '.cost | [.billed_ms, .possible_ms, .possible] | tojson')" '[0,3000,true]'
    assert_equal "$(spent '[.today.jobs, .today.possible_jobs, .today.possible_ms]')" '[0,1,3000]'
    fault '{"on":"submit","status":400,"code":"InvalidParameter","message":"url error"}'
    drop refused.wav "$(speech 0930)"
    wait_for item_is refused.wav .state failed
    assert_equal "$(item refused.wav .cost)" null
    assert_equal "$(spent .today.possible_jobs)" 1
}

@test "killed while a task runs: counted once, before and after" {
    script "$HEARD"
    fault '{"on":"task","stuck":true}'
    cloud_mount "$FILETRANS"
    drop talk.wav
    wait_for item_is talk.wav .stage recognising
    assert_equal "$(spent '[.today.jobs, .today.possible_ms]')" '[0,3000]'
    crash_mount
    start_mount "$MOUNT_OPTIONS"
    assert_equal "$(spent '[.today.jobs, .today.possible_ms]')" '[0,3000]'
    control DELETE faults >/dev/null
    control POST "tasks/$(control GET tasks | jq -r '.. | .task_id? // empty')" '{"fault":null}' >/dev/null
    transcribed "$INBOX/talk"
    wait_for spent_is '[.today.jobs, .today.billed_ms, .today.possible_ms]' '[1,3000,0]'
}

# ---- The limit of a day ----------------------------------------------------------------------------------------------

# bats test_tags=core
@test "limit reached: the others wait and say why, also after a restart; with a higher limit they go on" {
    lasting a.wav 40
    lasting b.wav 40 0930
    lasting c.wav 25
    script "$HEARD"
    cloud_mount "$DIRECT" dashscope.minutes_per_day=1
    drop a.wav "$T/a.wav"
    transcribed "$INBOX/a"
    drop b.wav "$T/b.wav"
    wait_for waits_for_tomorrow b
    drop c.wav "$T/c.wav"
    wait_for waits_for_tomorrow c
    assert_contains "$("$SCRIBECTL" status "$INBOX/c.wav")" '^c.wav: waiting until 00:00 on .* used up\.$'
    assert_contains "$("$SCRIBECTL" status "$INBOX")" '^In the cloud: 0\.67 of 1 minutes today .*; the limit of the day is reached'
    assert_equal "$(spent '[.limit_ms, .held_until_ms > 0]')" '[60000,true]'
    assert_equal "$(item b.wav '[.state, .error.code, .attempts] | tojson')" '["queued","limit.day",0]'
    restart
    wait_for waits_for_tomorrow b
    wait_for waits_for_tomorrow c
    assert_equal "$(counter .requests.sync)" 1
    cloud_remount "$DIRECT" dashscope.minutes_per_day=2
    transcribed "$INBOX/b" "$INBOX/c"
    assert_equal "$(spent '[.today.billed_ms, .held_until_ms]')" '[105000,0]'
    assert_equal "$(counter .requests.sync)" 3
}

@test "longer than the whole limit: refused before anything is sent, and holds up nobody" {
    lasting long.wav 70
    script "$HEARD"
    cloud_mount "$FILETRANS" dashscope.minutes_per_day=1
    allow_log limit.length
    drop long.wav "$T/long.wav"
    failed long 'longer than all the audio that may be sent'
    contains "$INBOX/long.FAILED.txt" 'raise "minutes_per_day"'
    contains "$INBOX/long.FAILED.txt" 'was not sent anywhere'
    assert_equal "$(control GET requests | jq length)" 0
    drop short.wav
    transcribed "$INBOX/short"
    cloud_remount "$FILETRANS" dashscope.minutes_per_day=2
    rm "$INBOX/long.FAILED.txt"
    transcribed "$INBOX/long"
}

# bats test_tags=core
@test "what is under way counts, also after a restart; what runs goes on, what waits does not" {
    lasting a.wav 40
    lasting b.wav 40 0930
    script "$HEARD"
    fault '{"on":"task","stuck":true}'
    cloud_mount "$FILETRANS" dashscope.minutes_per_day=1
    drop a.wav "$T/a.wav"
    wait_for item_is a.wav .stage recognising
    drop b.wav "$T/b.wav"
    wait_for waits_for_tomorrow b
    restart
    wait_for item_is a.wav .stage recognising
    wait_for waits_for_tomorrow b
    control DELETE faults >/dev/null
    control POST "tasks/$(control GET tasks | jq -r '.. | .task_id? // empty')" '{"fault":null}' >/dev/null
    transcribed "$INBOX/a"
    waits_for_tomorrow b
    assert_equal "$(counter .requests.submit)" 1
    assert_equal "$(counter .requests.upload)" 1
}
