#!/usr/bin/env bats
# Every model and way of calling it, through the mount: a recording dropped, its views read.
# time limit: 300

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup "${EMULATOR_OPTIONS[@]}"
}

teardown() {
    cloud_teardown
}

# each_model ENDPOINT MODEL… -- SETTING…: a recording for each, by name, and the service was asked for it at ENDPOINT.
each_model() {
    local endpoint=$1 model models=() before
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        models+=("$1")
        shift
    done
    shift
    for model in "${models[@]}"; do
        before=$(counter ".requests.$endpoint")
        if [ -n "$DAEMON" ]; then stop_mount; fi
        cloud_mount "dashscope.model=$model" "$@"
        drop "$model.$endpoint.wav"
        wait_for done_or_failed "$model.$endpoint"
        transcribed "$INBOX/$model.$endpoint" || return 1
        assert_contains "$(cat "$INBOX/$model.$endpoint.txt")" 'young man'
        contains "$INBOX/$model.$endpoint.srt" '^00:00:0[0-9],[0-9]* --> 00:00:0[0-3],'
        assert_equal "$(jq -r '.engine | [.provider, .model, .why] | join(" ")' "$INBOX/$model.$endpoint.json")" "dashscope $model the settings name it"
        assert_equal "$(counter ".requests.$endpoint")" $((before + 1))
        assert_equal "$(control GET "requests?endpoint=$endpoint" | jq -r '.[-1].model')" "$model"
    done
}

done_or_failed() {
    if [ -e "$INBOX/$1.FAILED.txt" ]; then
        cat "$INBOX/$1.FAILED.txt"
        return 0
    fi
    [ -e "$INBOX/$1.json" ]
}

FUN=(fun-asr fun-asr-2025-11-07 fun-asr-2025-08-25 fun-asr-mtl fun-asr-mtl-2025-08-25)
FILETRANS=(qwen3-asr-flash-filetrans qwen3-asr-flash-filetrans-2025-11-17)
PARAFORMER=(paraformer-v2 paraformer-8k-v2 paraformer-v1 paraformer-8k-v1 paraformer-mtl-v1)
QWEN=(qwen3-asr-flash qwen3-asr-flash-2026-02-10 qwen3-asr-flash-2025-09-08)

# ---- Tasks -----------------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "tasks, Beijing: Fun-ASR and Qwen3-ASR-Flash-Filetrans by name" {
    each_model submit "${FUN[@]}" "${FILETRANS[@]}" --
}

@test "tasks, Beijing: Paraformer by name" {
    each_model submit "${PARAFORMER[@]}" --
}

@test "tasks, Singapore: by name; Paraformer is not there" {
    emulator_stop
    emulator_start --region ap-southeast-1
    each_model submit "${FUN[@]}" "${FILETRANS[@]}" -- dashscope.region=singapore
    cloud_remount dashscope.model=paraformer-v2 dashscope.region=singapore
    local before
    before=$(control GET requests | jq length)
    allow_log route.region
    drop absent.wav
    wait_for item_is absent.wav .error.code route.region
    assert_equal "$(control GET requests | jq length)" "$before"
}

# ---- Direct calls ----------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "direct, Beijing: Fun-ASR-Flash and Qwen3-ASR-Flash by name" {
    each_model sync fun-asr-flash-2026-06-15 "${QWEN[@]}" --
    # It goes in the request itself.
    assert_equal "$(counter .requests.upload)" 0
}

@test "direct, Singapore and US" {
    emulator_stop
    emulator_start --region ap-southeast-1
    each_model sync fun-asr-flash-2026-06-15 "${QWEN[@]}" -- dashscope.region=singapore
    stop_mount
    emulator_stop
    emulator_start --region us-east-1
    each_model sync qwen3-asr-flash-us qwen3-asr-flash-2025-09-08-us -- dashscope.region=us
}

@test "OpenAI's interface: chat = yes" {
    each_model chat "${QWEN[@]}" -- dashscope.chat=yes
    assert_equal "$(counter .requests.sync)" 0
    cloud_remount dashscope.model=qwen3-asr-flash dashscope.chat=yes dashscope.stream=yes
    drop stream.wav
    transcribed "$INBOX/stream"
    assert_contains "$(cat "$INBOX/stream.txt")" 'young man'
    assert_equal "$(control GET 'requests?endpoint=chat' | jq -r '.[-1].status')" 200
}

@test "both layouts of hosts: the shared one and a workspace's" {
    script '{"match":{},"text":"Heard in a workspace."}'
    local host model
    for host in dashscope.localhost ws-test.cn-beijing.maas.localhost; do
        for model in fun-asr fun-asr-flash-2026-06-15; do
            [ -z "$DAEMON" ] || stop_mount
            cloud_mount "dashscope.model=$model" "dashscope.host=http://$host:$EMULATOR_PORT" dashscope.workspace=ws-test
            drop "$host.$model.wav" "$(speech 0930)"
            transcribed "$INBOX/$host.$model"
            assert_equal "$(spoken "$INBOX/$host.$model.txt")" '[00:00:00] Heard in a workspace.'
        done
    done
    assert_equal "$(control GET requests | jq -r '[.[] | select(.endpoint == "submit" or .endpoint == "sync") | .headers["X-DashScope-WorkSpace"]] | unique | join(" ")')" ws-test
}

# ---- Growing text ----------------------------------------------------------------------------------------------------

WORDS='one two three four five six seven eight nine ten eleven twelve.'

# grows_while TEXT MODEL [SETTING…]: TEXT is seen in the status text before it is done, more and more of it, and "tail -f"
# gets it byte for byte: nothing that was there is ever changed or moved, and no line ends before its sentence does.
grows_while() {
    local text=$1 model=$2 follower seen
    shift 2
    cloud_mount "dashscope.model=$model" dashscope.stream=yes "$@"
    drop talk.wav
    wait_for contains "$INBOX/talk.transcribing.txt" '^one'
    missing "$INBOX/talk.txt"
    start follower tail -c +1 -s 0.1 -f "$INBOX/talk.transcribing.txt"
    follower=${STARTED[-1]}
    wait_for contains "$INBOX/talk.transcribing.txt" '\bfour\b'
    missing "$INBOX/talk.txt"
    wait_for contains "$T/follower" '\bfour\b'
    transcribed "$INBOX/talk"
    missing "$INBOX/talk.transcribing.txt"
    contains "$INBOX/talk.txt" 'one.*two.*eleven.*twelve'
    end_process "$follower"
    seen=$(tail -c +513 "$T/follower")
    [ "${text:0:${#seen}}" = "$seen" ] || { printf '%q\n' "$seen"; return 1; }
}

# bats test_tags=core
@test "stream = yes: talk.transcribing.txt grows with the words (Fun-ASR-Flash)" {
    script '{"match":{},"text":"one. two. three. four. five. six. seven. eight. nine. ten. eleven. twelve."}'
    switch '{"sse_multi_ms":0,"sse_interval_ms":400}'
    grows_while "$(printf '%s\n' one. two. three. four. five. six. seven. eight. nine. ten. eleven. twelve.)" fun-asr-flash-2026-06-15
}

# bats test_tags=core
@test "stream = yes: talk.transcribing.txt grows with the words (Qwen3-ASR-Flash)" {
    script "{\"match\":{},\"text\":\"$WORDS\"}"
    switch '{"sse_interval_ms":400}'
    grows_while "$WORDS" qwen3-asr-flash
}

@test "stream = yes and chat = yes: it grows as well" {
    script "{\"match\":{},\"text\":\"$WORDS\"}"
    switch '{"sse_interval_ms":400}'
    grows_while "$WORDS" qwen3-asr-flash dashscope.chat=yes
}

@test "a stream in drips, with characters cut in two, and with CR LF" {
    script '{"match":{},"text":"Grüße aus 北京。 Noch ein Satz."}'
    switch '{"sse_multi_ms":0,"sse_crlf":1,"sse_space":1,"sse_done":1}'
    fault '{"on":"sync","split_utf8":true,"drip":{"bytes":50,"ms":5}}'
    local model
    for model in fun-asr-flash-2026-06-15 qwen3-asr-flash; do
        [ -z "$DAEMON" ] || stop_mount
        cloud_mount "dashscope.model=$model" dashscope.stream=yes
        drop "$model.wav"
        transcribed "$INBOX/$model"
        assert_contains "$(cat "$INBOX/$model.txt")" 'Grüße aus 北京。 ?Noch ein Satz\.'
    done
}

# ---- Choosing --------------------------------------------------------------------------------------------------------

@test "auto: what is asked for decides, with OpenAI's interface and streaming as well" {
    script '{"match":{},"text":"Heard."}'
    local settings model
    while read -r model settings; do
        [ -z "$DAEMON" ] || stop_mount
        # shellcheck disable=SC2086 # several settings
        cloud_mount $settings
        drop "$model.wav"
        transcribed "$INBOX/$model"
        assert_equal "$(jq -r '.engine | [.model, .why] | join(" ")' "$INBOX/$model.json")" \
            "$model of those that can do all that is asked for, it comes first"
    done <<'END'
fun-asr dashscope.model=auto
qwen3-asr-flash-filetrans dashscope.model=auto dashscope.emotion=yes
fun-asr-flash-2026-06-15 dashscope.model=auto dashscope.stream=yes
paraformer-v2 dashscope.model=auto dashscope.disfluency_removal=yes
END
}

# bats test_tags=core
@test "a named model that cannot do what is asked fails in plain words before anything is sent" {
    allow_log 'route\.feature'
    local model setting
    while read -r model setting; do
        [ -z "$DAEMON" ] || stop_mount
        cloud_mount "dashscope.model=$model" "$setting"
        drop "$model.wav"
        failed "$model" '^Code: route\.feature$'
        failed "$model" 'The model that is set cannot do what the settings ask for'
    done <<'END'
fun-asr dashscope.emotion=yes
qwen3-asr-flash dashscope.speakers=yes
paraformer-v1 dashscope.hotwords=Dashwood
qwen3-asr-flash-filetrans dashscope.context=Dashwood
END
    assert_equal "$(control GET requests | jq length)" 0
}

@test "a model that does not exist: the daemon says so and does not start" {
    local status=0
    echo "$EMULATOR_KEY" >"$T/key"
    "$SCRIBEFS" -f -o "backend=dashscope,dashscope.model=fun-asr-9,dashscope.key_file=$T/key" "$STORE" "$MNT" >"$T/out" 2>&1 || status=$?
    refute test $status = 0
    assert_contains "$(cat "$T/out")" 'there is no model "fun-asr-9"'
    not_mounted
}

# bats test_tags=core
@test "nobody speaks: done, and the transcript says so, whichever way the service does" {
    local shape seconds=1
    script '{"match":{},"silence":true}'
    cloud_mount dashscope.model=fun-asr
    for shape in subtask task status empty; do
        switch "{\"no_speech\":\"$shape\"}"
        seconds=$((seconds + 1))
        sox -n -r 16000 -c 1 -b 16 "$T/$shape.wav" trim 0 "$seconds"
        drop "$shape.wav" "$T/$shape.wav"
        transcribed "$INBOX/$shape"
        assert_equal "$(spoken "$INBOX/$shape.txt")" '[no speech detected]'
        item_is "$shape.wav" .state "done"
    done
    local model
    for model in fun-asr-flash-2026-06-15 qwen3-asr-flash; do
        cloud_remount "dashscope.model=$model"
        drop "$model.wav"
        transcribed "$INBOX/$model"
        assert_equal "$(spoken "$INBOX/$model.txt")" '[no speech detected]'
    done
}
