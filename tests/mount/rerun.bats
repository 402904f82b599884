#!/usr/bin/env bats
# Transcribing again: what was there before stays until the new result is, and opens by its name ever after.

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

talk() {
    recording "$INBOX/talk.wav" "say the first words"
    transcribed "$INBOX/talk"
}

rerun() {
    "$SCRIBECTL" rerun "$@" && "$SCRIBECTL" wait --timeout 20 "$INBOX"
}

says() { # FILE WORDS
    grep -q "$2" "$1"
}

# bats test_tags=core
@test "another result takes the place of the first, which opens as v1; both outlive a rename and a restart" {
    talk
    echo 'say the second words' >"$T/worker/instead"
    : >"$T/worker/hold"
    local said
    assert_equal "$("$SCRIBECTL" rerun --json --dry-run --again "$INBOX/talk.wav" | jq -c '[.count, .duration_ms, .sent, .cost.most, .begun]')" \
        '[1,10000,0,0,0]'
    assert_contains "$("$SCRIBECTL" rerun --dry-run --again "$INBOX/talk.wav")" "1 recording, 0:00:10 of audio"
    "$SCRIBECTL" status --json "$INBOX/talk.wav" | jq -e '.items[0].state == "done"'
    said=$("$SCRIBECTL" rerun --again "$INBOX/talk.wav")
    assert_contains "$said" "1 recording, 0:00:10 of audio, to transcribe again. Cost: nothing"
    # Until it is done everything is as it was, and the folder says what is under way.
    wait_for exists "$INBOX/talk.transcribing.txt"
    says "$INBOX/talk.txt" 'the first words'
    missing "$INBOX/talk.v1.txt"
    rm "$T/worker/hold"
    wait_for says "$INBOX/talk.txt" 'the second words'
    "$SCRIBECTL" wait --timeout 20 "$INBOX"
    says "$INBOX/talk.srt" 'the second words'
    says "$INBOX/talk.json" 'the second words'
    local view
    for view in txt srt json vtt plain.txt; do says "$INBOX/talk.v1.$view" 'the first words'; done
    missing "$INBOX/talk.v2.txt"
    missing "$INBOX/talk.v0.txt"
    assert_equal "$(names "$INBOX")" "talk.json talk.srt talk.txt talk.wav"
    assert_equal "$("$SCRIBECTL" status --json "$INBOX/talk.wav" | jq '.items[0].versions')" 1
    assert_equal "$(stat -c %s "$INBOX/talk.v1.txt")" "$(cat "$INBOX/talk.v1.txt" | wc -c)"
    # It stays for as long as the recording; a copy of it may go anywhere.
    refute rm "$INBOX/talk.v1.txt"
    cp "$INBOX/talk.v1.txt" "$INBOX/first.txt"
    echo 'say the third words' >"$T/worker/instead"
    rerun --again "$INBOX/talk.txt"
    mkdir "$INBOX/d"
    mv "$INBOX/talk.wav" "$INBOX/d/speech.wav"
    transcribed "$INBOX/d/speech"
    stop_mount
    rm -r "$STORE/state/views"
    start_mount
    transcribed "$INBOX/d/speech"
    says "$INBOX/d/speech.txt" 'the third words'
    says "$INBOX/d/speech.v1.txt" 'the first words'
    says "$INBOX/d/speech.v2.txt" 'the second words'
    assert_equal "$(worker_starts)" 3
    # Another content is another story.
    rm "$T/worker/instead"
    printf 'say something else\n' >"$INBOX/d/speech.wav"
    wait_for says "$INBOX/d/speech.txt" 'something else'
    missing "$INBOX/d/speech.v1.txt"
}

@test "what these settings gave already is not made again unless --again is said" {
    talk
    assert_contains "$("$SCRIBECTL" rerun "$INBOX/talk.wav")" "1 recording has the result of these settings already"
    assert_equal "$("$SCRIBECTL" rerun --json "$INBOX/talk.wav" | jq -c '[.count, .needless, .begun]')" '[0,1,0]'
    assert_equal "$(worker_starts)" 1
    refute "$SCRIBECTL" rerun --model no-such-model "$INBOX/talk.wav"
    refute "$SCRIBECTL" rerun --backend dashscope "$INBOX/talk.wav"
    run "$SCRIBECTL" rerun --again "$INBOX"
    assert_contains "$output" "is a folder: say -r"
    mkdir "$INBOX/d"
    recording "$INBOX/d/one.wav" 'say other words'
    transcribed "$INBOX/d/one"
    rerun -r --again "$INBOX"
    assert_equal "$(worker_starts)" 4
}

@test "a rerun that fails leaves the transcript as it is, and says so; an edited view is never touched" {
    talk
    echo 'my own words' >"$INBOX/talk.srt"
    echo 'fail audio.unreadable' >"$T/worker/instead"
    allow_log 'audio.unreadable'
    "$SCRIBECTL" rerun --again "$INBOX/talk.wav"
    wait_for exists "$INBOX/talk.FAILED.txt"
    says "$INBOX/talk.txt" 'the first words'
    missing "$INBOX/talk.v1.txt"
    # So it is after a restart; and when the FAILED text is deleted it is tried once more.
    stop_mount
    start_mount
    wait_for exists "$INBOX/talk.FAILED.txt"
    says "$INBOX/talk.txt" 'the first words'
    echo 'say the second words' >"$T/worker/instead"
    rm "$INBOX/talk.FAILED.txt"
    wait_for says "$INBOX/talk.txt" 'the second words'
    "$SCRIBECTL" wait --timeout 20 "$INBOX"
    missing "$INBOX/talk.FAILED.txt"
    says "$INBOX/talk.v1.txt" 'the first words'
    assert_equal "$(cat "$INBOX/talk.srt")" 'my own words'
    assert_equal "$(cat "$RAW/talk.srt")" 'my own words'
}

@test "killed in the middle of a rerun: nothing is lost, and it goes on" {
    talk
    echo 'say the second words' >"$T/worker/instead"
    : >"$T/worker/hold"
    "$SCRIBECTL" rerun --again "$INBOX/talk.wav"
    wait_for started 2
    kill -9 "$DAEMON"
    wait "$DAEMON" || :
    force_unmount "$MNT"
    rm "$T/worker/hold"
    start_mount
    wait_for says "$INBOX/talk.txt" 'the second words'
    says "$INBOX/talk.v1.txt" 'the first words'
}

@test "a rerun that is cancelled ends, and the transcript stays" {
    talk
    : >"$T/worker/hold"
    "$SCRIBECTL" rerun --again "$INBOX/talk.wav"
    wait_for started 2
    "$SCRIBECTL" cancel "$INBOX/talk.wav"
    wait_for exists "$INBOX/talk.FAILED.txt"
    says "$INBOX/talk.txt" 'the first words'
    rm "$T/worker/hold"
    "$SCRIBECTL" retry "$INBOX/talk.wav"
    wait_for exists "$INBOX/talk.v1.txt"
    missing "$INBOX/talk.FAILED.txt"
}

@test "what has to stay on this machine is not sent by a rerun either, nor is a copy of it elsewhere" {
    stop_mount
    printf '[jobs]\nbackend = openai\n[openai]\nurl = http://127.0.0.1:9/v1\n' >"$T/conf"
    start_mount "config=$T/conf"
    local name
    for name in here there; do
        mkdir "$INBOX/$name"
        printf 'backend = local\n' >"$INBOX/$name/.scribefs.conf"
    done
    recording "$INBOX/here/talk.wav" "say the first words"
    cp "$INBOX/here/talk.wav" "$INBOX/there/talk.wav"
    recording "$INBOX/there/other.wav" "say other words"
    transcribed "$INBOX/here/talk" "$INBOX/there/talk" "$INBOX/there/other"
    # What was to stay only there may go; what is also here may not.
    rm "$INBOX/there/.scribefs.conf"
    allow_log 'engine.failed' # the worker that prepares what is sent is no real one
    wait_for "$SCRIBECTL" rerun --backend openai "$INBOX/there/other.wav"
    for name in here/talk there/talk; do
        run "$SCRIBECTL" rerun --backend openai "$INBOX/$name.wav"
        assert_equal "$status" 1
        assert_contains "$output" "stays on this machine"
    done
    wait_for exists "$INBOX/there/other.transcribing.txt"
    says "$INBOX/there/other.txt" 'other words'
    missing "$INBOX/there/talk.transcribing.txt"
}

started() {
    [ "$(worker_starts)" -ge "$1" ]
}
