#!/usr/bin/env bats
# Recordings longer than their model takes: cut where nobody speaks, sent in parts, and put together again.
# time limit: 300

TEST_SECONDS=200
load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    OSS=("publish.method=oss" "publish.endpoint=http://scribefs-test.oss-cn-beijing.localhost:$EMULATOR_PORT"
        "publish.bucket=scribefs-test" "publish.region=cn-beijing" "publish.key_file=$T/oss-key")
}

teardown() {
    cloud_teardown
}

calc() {
    awk "BEGIN { printf \"%.3f\", $1 }"
}

# long_recording FILE SECONDS RATE [NNNN@SECOND…]: a quiet room for that long, with those pieces of speech in it, in order.
# Made once for the file. (Digital silence would be so small that its length is not believed.)
long_recording() {
    local file=$1 seconds=$2 rate=$3 at=0 piece begin parts=() made
    made=$BATS_FILE_TMPDIR/${*:2}.${file##*.}
    shift 3
    if [ ! -e "$made" ]; then
        for piece in "$@"; do
            begin=${piece#*@}
            sox -n -r "$rate" -c 1 -b 16 "$T/gap-$begin.wav" trim 0 "$(calc "$begin - $at")"
            sox "$(speech "${piece%@*}")" -r "$rate" "$T/speech-$begin.wav"
            parts+=("$T/gap-$begin.wav" "$T/speech-$begin.wav")
            at=$(calc "$begin + $(soxi -D "$T/speech-$begin.wav")")
        done
        sox -n -r "$rate" -c 1 -b 16 "$T/gap-end.wav" trim 0 "$(calc "$seconds - $at")"
        sox "${parts[@]}" "$T/gap-end.wav" "$made"
        rm -f "$T"/gap-*.wav "$T"/speech-*.wav
    fi
    cp "$made" "$file"
}

# parts_of FILE OPTION…: cuts it as the daemon does; into $T/parts; a line for each: begin_ms end_ms sha256 offset length.
parts_of() {
    local begin end offset length
    "$WORKER" --split --rate=16000 "${@:2}" 3<"$1" 4>"$T/parts-report" 5>"$T/parts"
    jq -r 'select(.type == "part") | "\(.begin_ms) \(.end_ms) \(.offset) \(.length)"' "$T/parts-report" |
        while read -r begin end offset length; do
            echo "$begin $end $(tail -c +$((offset + 1)) "$T/parts" | head -c "$length" | sha256sum | cut -c1-64) $offset $length"
        done
}

DIRECT=(--max-ms=300000 --max-bytes=10485760 --overlap-ms=0)

# heard_in SHA256 [BEGIN_MS END_MS SPEAKER TEXT]…: what the service hears in that part.
heard_in() {
    local sha256=$1 sentences='[]'
    shift
    while [ $# -gt 0 ]; do
        sentences=$(jq -c --argjson from "$1" --argjson to "$2" --argjson speaker "$3" --arg text "$4" \
            '. + [{begin_ms: $from, end_ms: $to, channel: 0, speaker: $speaker, text: $text}]' <<<"$sentences")
        shift 4
    done
    script "$(jq -nc --arg sha256 "$sha256" --argjson sentences "$sentences" \
        '{match: {sha256: $sha256}, transcript: {schema: "scribefs-transcript/1", sentences: $sentences}}')"
}

# said NAME: begins of the segments in whole seconds, with their texts.
said() {
    jq -r '.segments[] | "\(.start | floor) \(.text)"' "$INBOX/$1.json"
}

stored_parts() { # NUMBER
    [ "$(find "$STORE/state/work" -name 'part-*.json' | wc -l)" -ge "$1" ]
}

work_is_empty() {
    [ -z "$(find "$STORE/state/work" -mindepth 1)" ]
}

# ---- Real speech -----------------------------------------------------------------------------------------------------

# recognised FILE: the transcript of a short recording, by the same recogniser as the service's.
recognised() {
    local engine=(--engine pocketsphinx)
    if [ -e "$ROOT/build/vosk/lib/libvosk.so" ]; then
        engine=(--vosk-library "$ROOT/build/vosk/lib/libvosk.so" --model "$ROOT/build/vosk/model")
    fi
    "$WORKER" "${engine[@]}" 3<"$1" 4>"$T/recognised"
    jq -c 'select(.type == "transcript") | .transcript' "$T/recognised"
}

# listened_to LINE SECOND: the service hears in the part of that line of $T/table what is said from that second of the
# recording on, and does not have to listen to minutes of silence.
listened_to() {
    local begin end offset length sha256 from
    read -r begin end sha256 offset length <<<"$(sed -n "$1p" "$T/table")"
    tail -c +$((offset + 1)) "$T/parts" | head -c "$length" >"$T/part.flac"
    from=$(($2 * 1000 - begin - 1000))
    sox "$T/part.flac" "$T/piece.wav" trim "$(calc "$from / 1000")" 5
    recognised "$T/piece.wav" | jq -c --arg sha256 "$sha256" --argjson from "$from" '
        def late: .begin_ms += $from | .end_ms += $from;
        {match: {sha256: $sha256}, transcript: (del(.duration_ms) | .sentences |= map(late | .words |= map(late)))}' >"$T/script"
    script "$(cat "$T/script")"
}

grows() { # the text so far holds what is said in the first part and not yet what is said in the second
    grep -q 'young man' "$INBOX/stream.transcribing.txt" && ! grep -q 'amiable' "$INBOX/stream.transcribing.txt"
}

# bats test_tags=core
@test "six minutes for models that take five: every word, in order, at its time" {
    long_recording "$T/long.wav" 360 16000 0880@10 0930@330
    parts_of "$T/long.wav" "${DIRECT[@]}" >"$T/table"
    assert_equal "$(wc -l <"$T/table")" 2
    listened_to 1 10
    listened_to 2 330
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    drop long.wav "$T/long.wav"
    transcribed "$INBOX/long"
    assert_equal "$(counter .requests.sync)" 2
    assert_equal "$(counter .requests.upload)" 0
    assert_equal "$(said long | cut -d' ' -f1 | tr '\n' ' ')" '10 330 '
    assert_contains "$(said long | head -n 1)" 'young man$'
    assert_contains "$(said long | tail -n 1)" 'amiable himself$'
    assert_equal "$(jq -c '[.words[].start] | . == sort' "$INBOX/long.json")" true
    assert_equal "$(jq -c '.duration' "$INBOX/long.json")" 360
    assert_equal "$(jq -r '.engine.request_id' "$INBOX/long.json" | wc -w)" 2
    wait_for work_is_empty

    # A model without times of its own.
    cloud_remount dashscope.model=qwen3-asr-flash
    drop qwen.wav "$T/long.wav"
    transcribed "$INBOX/qwen"
    assert_contains "$(tr '\n' ' ' <"$INBOX/qwen.txt")" 'young man.*amiable himself'

    # As it is recognised: the text grows over the parts.
    switch '{"sse_interval_ms":300}'
    cloud_remount dashscope.model=qwen3-asr-flash dashscope.stream=yes
    drop stream.wav "$T/long.wav"
    wait_for grows
    transcribed "$INBOX/stream"
    assert_contains "$(tr '\n' ' ' <"$INBOX/stream.txt")" 'young man.*amiable himself'
    assert_equal "$(counter .requests.sync)" 6
}

# ---- Speakers --------------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "more than two hours with speakers: who they are is known again from what both parts heard" {
    long_recording "$T/meeting.flac" 7800 8000
    parts_of "$T/meeting.flac" --max-ms=7200000 --max-bytes=2147483648 --overlap-ms=180000 --mix-down >"$T/table"
    local first second begin
    first=$(sed -n 1p "$T/table" | cut -d' ' -f3) second=$(sed -n 2p "$T/table" | cut -d' ' -f3)
    begin=$(sed -n 2p "$T/table" | cut -d' ' -f1)
    heard_in "$first" 10000 12000 0 'I begin.' 20000 22000 1 'And I go on.' \
        $((begin + 10000)) $((begin + 30000)) 1 'What both of them hear.' \
        $((begin + 40000)) $((begin + 50000)) 0 'And this as well.'
    # There the other speaks first, and gets the first number.
    heard_in "$second" 10000 30000 0 'What both of them hear.' 40000 50000 1 'And this as well.' \
        400000 402000 1 'I end.' 410000 412000 2 'Who am I?' 420000 422000 0 'Me too.'
    cloud_mount dashscope.model=fun-asr dashscope.speakers=yes "${OSS[@]}"
    drop meeting.flac "$T/meeting.flac"
    wait_for -t 60 test -e "$INBOX/meeting.txt"
    local at
    at() { printf '[%02d:%02d:%02d]' $(($1 / 3600000)) $(($1 / 60000 % 60)) $(($1 / 1000 % 60)); }
    assert_equal "$(spoken "$INBOX/meeting.txt" | grep .)" "[00:00:10] Speaker 1: I begin.
[00:00:20] Speaker 2: And I go on.
$(at $((begin + 10000))) Speaker 2: What both of them hear.
$(at $((begin + 40000))) Speaker 1: And this as well.
$(at $((begin + 400000))) Speaker 1: I end.
$(at $((begin + 410000))) Speaker 3: Who am I?
$(at $((begin + 420000))) Speaker 2: Me too."
    assert_equal "$(counter .tasks.SUBMITTED)" 2
    wait_for counter_is '.now.objects["scribefs-test"]' 0
}

# ---- Interrupted -----------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "killed in the middle: parts that are done are not sent again" {
    local count
    long_recording "$T/long.flac" 900 8000
    count=$(parts_of "$T/long.flac" "${DIRECT[@]}" | wc -l)
    script '{"match":{},"text":"It was heard."}'
    fault '{"on":"sync","count":1,"delay_ms":60000}'
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    drop long.flac "$T/long.flac"
    wait_for stored_parts $((count - 1))
    wait_for counter_reaches .faults.sync 1
    ALLOWED_VIOLATIONS=query_after_the_end
    crash_mount
    control DELETE faults >/dev/null
    # What belongs to no job goes.
    mkdir -p "$STORE/state/work/stray" "$STORE/state/work/$(printf 'x' | sha256sum | cut -c1-64)/deep"
    start_mount "$MOUNT_OPTIONS"
    missing "$STORE/state/work/stray"
    [ "$(find "$STORE/state/work" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
    transcribed "$INBOX/long"
    assert_equal "$(said long | grep -c 'It was heard\.')" $count
    assert_equal "$(counter .requests.sync)" $count # the one that hung was never answered
    wait_for work_is_empty
}

# bats test_tags=core
@test "killed while the parts' tasks run: every task is found again" {
    long_recording "$T/meeting.flac" 7800 8000
    script '{"match":{},"text":"It was heard."}'
    fault '{"on":"task","stuck":true}'
    cloud_mount dashscope.model=fun-asr dashscope.speakers=yes "${OSS[@]}"
    drop meeting.flac "$T/meeting.flac"
    wait_for -t 60 counter_is .tasks.SUBMITTED 2
    wait_for item_is meeting.flac .stage recognising
    ALLOWED_VIOLATIONS=query_after_the_end
    crash_mount
    start_mount "$MOUNT_OPTIONS"
    wait_for item_is meeting.flac .stage recognising
    local task
    control DELETE faults >/dev/null
    for task in $(control GET tasks | jq -r '.. | .task_id? // empty'); do
        control POST "tasks/$task" '{"fault":null}' >/dev/null
    done
    transcribed "$INBOX/meeting"
    assert_equal "$(counter .requests.submit)" 2
    assert_equal "$(counter '.tasks.SUBMITTED')" 2
    wait_for counter_is '.now.objects["scribefs-test"]' 0
    wait_for work_is_empty
}

# bats test_tags=core
@test "deleted in the middle: every task is cancelled, and nothing is left in the bucket" {
    long_recording "$T/meeting.flac" 7800 8000
    fault '{"on":"task","pending":true}'
    cloud_mount dashscope.model=fun-asr dashscope.speakers=yes "${OSS[@]}"
    drop meeting.flac "$T/meeting.flac"
    wait_for -t 60 counter_is .tasks.SUBMITTED 2
    wait_for item_is meeting.flac .stage submitted
    rm "$INBOX/meeting.flac"
    wait_for counter_is .tasks.CANCELED 2
    wait_for counter_is '.now.objects["scribefs-test"]' 0
    wait_for work_is_empty
    missing "$INBOX/meeting.txt"
}

# bats test_tags=core
@test "a fault in one part: what is done is kept for the next attempt" {
    local count
    allow_log 'InternalError'
    long_recording "$T/long.flac" 900 8000
    count=$(parts_of "$T/long.flac" "${DIRECT[@]}" | wc -l)
    script '{"match":{},"text":"It was heard."}'
    # What is being paid for meanwhile goes on to its end.
    fault '{"on":"sync","count":1,"status":500,"code":"InternalError"}'
    fault '{"on":"sync","skip":1,"delay_ms":700}'
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    drop long.flac "$T/long.flac"
    wait_for item_is long.flac .error.code cloud.down
    control DELETE faults >/dev/null
    "$SCRIBECTL" retry "$INBOX/long.flac"
    transcribed "$INBOX/long"
    assert_equal "$(said long | grep -c 'It was heard\.')" $count
    assert_equal "$(counter .requests.sync)" $((count + 1))
    wait_for work_is_empty
}

# ---- Refused ---------------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "published under its own address: it cannot be cut, and the text says what could be done" {
    long_recording "$T/long.flac" 1100 8000
    cloud_mount dashscope.model=qwen3-asr-flash publish.method=url publish.base_url=http://127.0.0.1:1/
    drop long.flac "$T/long.flac"
    failed long 'Cut it into shorter parts'
    assert_contains "$(cat "$INBOX/long.FAILED.txt")" 'at most 5 minutes.*another way of publishing'
    assert_equal "$(counter .requests.sync)" 0
}

@test "one part is refused for good: so is the whole, and the text says which part" {
    long_recording "$T/long.flac" 1100 8000
    script '{"match":{},"text":"It was heard."}'
    fault '{"on":"sync","skip":1,"count":1,"status":400,"code":"DataInspectionFailed"}'
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15
    drop long.flac "$T/long.flac"
    failed long 'the part from [0-9:]* to [0-9:]*'
    wait_for work_is_empty
}
