#!/usr/bin/env bats
# Recordings transcribed by an OpenAI-compatible server, through the mount.
# time limit: 240

load ../lib/common
load ../lib/openai

setup() {
    openai_setup
}

teardown() {
    openai_teardown
}

# What is heard is what was said, but for a few words.
heard() { # NAME REFERENCE
    local errors
    errors=$(word_error_rate "$(reference "$2")" "$(spoken "$INBOX/$1.txt" | tr -d '[:punct:]' | tr '\n[:upper:]' ' [:lower:]')")
    errors=${errors##* }
    [ "${errors%.*}" -le 45 ] || { echo "$errors"; cat "$INBOX/$1.txt"; return 1; }
}

# bats test_tags=core
@test "real speech: text, subtitles and JSON with word times, the server's name in it, the key nowhere" {
    openai_mount openai.model=tiny
    drop talk.wav "$(speech 0870)"
    wait_for -t 80 test -e "$INBOX/talk.json"
    transcribed "$INBOX/talk"
    heard talk 0870
    assert_equal "$(requests '[.authorized, .fields.model[0], .fields.response_format[0], .fields["timestamp_granularities[]"], .file, .ended]')" \
        '[true,"tiny","verbose_json",["word","segment"],"recording.wav","answered"]'
    assert_equal "$(jq -c '[.language, (.words | length > 10), (.words[0].end <= .words[1].start + 0.01)]' "$INBOX/talk.json")" '["en",true,true]'
    jq -e --arg host "127.0.0.1:$SERVER_PORT" '[.. | strings | select(. == $host or . == "openai" or . == "tiny" or . == "the settings name it")] | unique | length == 4' \
        "$INBOX/talk.json"
    py "$LIB/check_srt.py" "$INBOX/talk.srt"
}

@test "every format of answer becomes a transcript" {
    local format
    server POST config '{"text":"he was not an ill disposed young man"}' >/dev/null
    openai_mount
    for format in json text srt vtt verbose_json; do
        stop_mount
        openai_mount openai.response_format=$format
        drop $format.wav
        transcribed "$INBOX/$format"
        heard $format 0880
    done
    assert_equal "$(requests '.fields.response_format[0]' | tr -d '"' | tr '\n' ' ')" 'json text srt vtt verbose_json '
    # Without times in the answer they are estimated, and said to be.
    assert_equal "$(jq -r .timing "$INBOX/json.json") $(jq -r .timing "$INBOX/srt.json")" 'estimated segment'
}

@test "a server that knows less is asked for less, and the next time at once" {
    server POST config '{"granularities":false,"text":"here it is"}' >/dev/null
    openai_mount
    drop one.wav
    transcribed "$INBOX/one"
    assert_equal "$(requests '.fields["timestamp_granularities[]"] != null' | tr '\n' ' ')" 'true false '
    server POST config '{"formats":["json","text"]}' >/dev/null
    drop two.wav "$(speech 0930)"
    transcribed "$INBOX/two"
    drop three.wav "$(speech 0890)"
    transcribed "$INBOX/three"
    assert_equal "$(requests '.fields.response_format[0]' | tr -d '"' | tr '\n' ' ')" 'verbose_json verbose_json verbose_json json json '
}

# bats test_tags=core
@test "a streamed answer: the text grows while it comes" {
    server POST config '{"stream":true,"gated":true,"text":"one two three"}' >/dev/null
    openai_mount openai.stream=yes openai.response_format=json
    drop talk.wav
    server POST go >/dev/null
    wait_for says talk '^one *$'
    server POST go >/dev/null
    wait_for says talk '^one two *$'
    server POST go >/dev/null
    server POST go >/dev/null
    transcribed "$INBOX/talk"
    contains "$INBOX/talk.txt" 'one two three$'
    assert_equal "$(requests '.fields.stream')" '["true"]'
}

@test "nobody speaks: a result without text, no failure" {
    server POST config '{"text":""}' >/dev/null
    openai_mount
    drop quiet.wav
    transcribed "$INBOX/quiet"
    assert_equal "$(jq -c '[.text, (.segments | length)]' "$INBOX/quiet.json")" '["",0]'
}

@test "a video is sent as sound, and so is what not every server reads" {
    server POST config '{"text":"here it is"}' >/dev/null
    ffmpeg -v error -nostdin -f lavfi -i color=c=red:s=64x64:d=3 -i "$(speech 0880)" -shortest "$T/film.mp4"
    ffmpeg -v error -nostdin -i "$(speech 0930)" "$T/note.m4a"
    openai_mount
    drop film.mp4 "$T/film.mp4"
    drop note.m4a "$T/note.m4a"
    transcribed "$INBOX/film" "$INBOX/note"
    assert_equal "$(requests '[.file, .magic]' | sort -u)" '["recording.flac","fLaC"]'
}

# bats test_tags=core
@test "too large for the server: it is made smaller first" {
    server POST config '{"max_bytes":100000,"text":"here it is"}' >/dev/null
    sox "$(speech 0870)" -r 44100 -c 2 "$T/large.wav"
    openai_mount openai.max_bytes=100000
    drop large.wav "$T/large.wav"
    transcribed "$INBOX/large"
    assert_equal "$(requests '[.magic, .size < 100000]')" '["OggS",true]'
}

@test "too long for the model: it is cut, sent in parts and put together; a part that is lost is sent again alone" {
    server POST config '{"text":"here it is"}' >/dev/null
    server POST fault '{}' >/dev/null
    server POST fault '{"cut":20}' >/dev/null
    sox "$(speech 0870)" "$(speech 0890)" "$T/long.wav"
    openai_mount openai.max_seconds=10
    drop long.wav "$T/long.wav"
    transcribed "$INBOX/long"
    assert_equal "$(requests .magic | sort | uniq -c | tr -s ' ')" ' 3 "fLaC"'
    assert_equal "$(grep -c 'long.wav: transcribing, attempt' "$LOG")" 1
    jq -e '[.segments[] | [.start > 5, .text]] == [[false, "here it is"], [true, "here it is"]] and .duration > 12' "$INBOX/long.json"
}

# ---- Faults ----------------------------------------------------------------------------------------------------------

@test "busy: it is asked again when the server said so, without being queued anew" {
    server POST fault '{"status":429,"headers":{"Retry-After":"1"},"body":{"error":{"message":"slow down","code":"rate_limit_exceeded"}}}' >/dev/null
    server POST config '{"text":"here it is"}' >/dev/null
    openai_mount
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(requests .ended | tr -d '"' | tr '\n' ' ')" 'status 429 answered '
    assert_equal "$(grep -c 'talk.wav: transcribing, attempt' "$LOG")" 1
}

@test "trouble at the server passes by itself" {
    server POST config '{"text":"here it is"}' >/dev/null
    server POST fault '{"status":500}' >/dev/null
    allow_log 'cloud.down: .*tried again$'
    openai_mount
    drop talk.wav
    wait_for says talk 'fault of its own'
    transcribed "$INBOX/talk"
    assert_equal "$(requests .ended | wc -l)" 2
}

# bats test_tags=core
@test "the server is down: it says so, and goes on when the server is up" {
    openai_stop
    openai_mount
    drop talk.wav
    wait_for says talk 'cannot be reached'
    openai_start
    server POST config '{"text":"here it is"}' >/dev/null
    transcribed "$INBOX/talk"
}

@test "a wrong key waits for a person, and is not repeated in the log" {
    echo sk-wrong-openai >"$T/key"
    openai_mount
    drop talk.wav
    wait_for says talk 'did not accept the key'
    refute grep -q sk-wrong "$LOG"
    assert_equal "$(requests .authorized | sort -u)" false
}

@test "what the server cannot read fails, with its words" {
    server POST fault '{"status":400,"body":{"error":{"message":"Invalid file format. Supported formats: flac","code":null}}}' >/dev/null
    allow_log 'media.decode'
    openai_mount
    drop talk.wav
    failed talk 'damaged'
    assert_contains "$(cat "$INBOX/talk.FAILED.txt")" 'Invalid file format'
}

@test "a web page is no transcript: the address is wrong" {
    server POST config '{"text":"","answer":"<!DOCTYPE html><title>Welcome</title>","type":"text/html"}' >/dev/null
    openai_mount
    drop talk.wav
    wait_for says talk 'address of the transcription service is wrong'
}

@test "deleting the recording ends the request" {
    server POST fault '{"hang":true}' >/dev/null
    openai_mount
    drop talk.wav
    wait_for ended waiting
    rm "$INBOX/talk.wav"
    wait_for ended gone
    wait_for missing "$INBOX/talk.transcribing.txt"
}

ended() { # WORD: of the latest request
    [ "$(requests .ended | tail -n 1)" = "\"$1\"" ]
}

@test "not more requests at once than the settings allow" {
    local i
    for i in 1 2 3; do server POST fault '{"hang":true}' >/dev/null; done
    openai_mount openai.parallel=1
    drop one.wav
    wait_for ended waiting
    drop two.wav "$(speech 0930)"
    drop three.wav "$(speech 0890)"
    wait_for says three '^Preparing'
    assert_equal "$(requests .ended | wc -l)" 1
    rm "$INBOX/one.wav"
    wait_for another
}

another() {
    [ "$(requests .ended | wc -l)" = 2 ]
}

# ---- Choosing --------------------------------------------------------------------------------------------------------

@test "auto: the server is used when its address is set and no key for Model Studio is" {
    server POST config '{"text":"here it is"}' >/dev/null
    openai_mount jobs.backend=auto
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(requests .ended)" '"answered"'
}

@test "plain http to another machine is refused unless that is allowed" {
    local status=0
    printf '[jobs]\nbackend = openai\n[openai]\nurl = http://192.0.2.1/v1\n' >"$T/openai.conf"
    "$SCRIBEFS" -f -o "config=$T/openai.conf" "$STORE" "$MNT" >"$T/out" 2>&1 || status=$?
    [ $status -ne 0 ]
    assert_contains "$(cat "$T/out")" 'https'
}

@test "a server that has a price: what it costs is counted and limited" {
    server POST config '{"text":"here it is"}' >/dev/null
    # No midnight comes between: a time zone in which it is about noon.
    TZ=NOON$((10#$(date -u +%H) - 12)) openai_mount openai.price_per_minute=0.6 openai.currency=EUR jobs.cost_per_month=0.05
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(jq -c '.cost | [.amount > 0.02 and .amount < 0.04, .currency]' "$INBOX/talk.json")" '[true,"EUR"]'
    drop other.wav "$(speech 0930)"
    wait_for says other 'What transcription may cost in a month is used up'
    assert_contains "$("$SCRIBECTL" status "$INBOX")" 'EUR\) of at most 0\.05 EUR'
    assert_equal "$(requests .ended | wc -l)" 1
    stop_mount
    allow_log .
    run openai_mount jobs.cost_per_month=0.05
    assert_contains "$(cat "$LOG")" 'need the price: price_per_minute'
}
