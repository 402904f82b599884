#!/usr/bin/env bats
# scribectl explain for the built-in recogniser.

load ../lib/common

setup() {
    common_setup
    fake_worker
}

# bats test_tags=core
@test "engine, model, language, what it costs, and why" {
    start_mount
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    "$SCRIBECTL" explain --json "$INBOX/talk.wav" >"$T/json"
    jq -e '.backend == "local" and .backend_why == "no key for a service in the cloud is set up" and .language == "en" and
        .cost.free and .publish == null and (.model | length > 0) and .refused == null and
        ([.models[].name] == ["vosk", "pocketsphinx"]) and ([.models[] | select(.verdict == "chosen")] | length == 1) and
        .unmet == [] and .taken.provider == "local" and .taken.why == .why' "$T/json"
    assert_equal "$(jq -r .engine.why "$INBOX/talk.json")" "$(jq -r .why "$T/json")"
    assert_contains "$("$SCRIBECTL" explain "$INBOX/talk.txt")" '^ *Cost: *nothing$'
}

@test "a recogniser that is named, wishes that only the cloud grants, several recordings at once" {
    start_mount engine=pocketsphinx,dashscope.speakers=yes,backend=local
    recording "$INBOX/one.wav"
    mkdir "$INBOX/dir"
    recording "$INBOX/dir/two.wav"
    "$SCRIBECTL" explain --json "$INBOX/one.wav" "$INBOX/dir/two.wav" >"$T/json"
    assert_equal "$(jq -r .path "$T/json" | tr '\n' ' ')" 'one.wav dir/two.wav '
    assert_equal "$(jq -r .backend_why "$T/json" | sort -u)" 'the settings say backend = local'
    assert_equal "$(jq -r '.unmet[]' "$T/json" | sort -u)" 'speaker labels: the built-in recogniser does not offer that'
    assert_equal "$(jq -r '.models[] | select(.verdict == "chosen") | "\(.name): \(.text)"' "$T/json" | sort -u)" \
        'pocketsphinx: the settings name this recogniser'
    run -1 "$SCRIBECTL" explain "$INBOX/dir"
    assert_contains "$output" 'it is a folder'
    run -2 "$SCRIBECTL" explain
    run -2 "$SCRIBECTL" explain --watch "$INBOX/one.wav"
}

@test "a backend that explains nothing is named at least" {
    allow_log 'cloud\.|worker'
    printf '[jobs]\nbackend = openai\n[openai]\nurl = http://127.0.0.1:9/v1\n' >"$T/server.conf"
    start_mount "config=$T/server.conf"
    recording "$INBOX/talk.wav"
    "$SCRIBECTL" explain --json "$INBOX/talk.wav" >"$T/json"
    jq -e '.backend == "openai" and .backend_why == "the settings say backend = openai" and (.recogniser | length > 0)' "$T/json"
    "$SCRIBECTL" explain "$INBOX/talk.wav" | grep -q '^  Recogniser: '
}
