#!/usr/bin/env bats
# Every feature of the cloud models, from its setting to what the service receives and to the views.
# time limit: 300

load ../lib/common
load ../lib/emulator

setup() {
    cloud_setup
    switch '{"log_bodies":2000000}' # direct calls carry the recording
}

teardown() {
    cloud_teardown
}

say() { # TEXT: the service hears that
    control DELETE scripts >/dev/null
    script "$(jq -nc --arg text "$1" '{match: {}, text: $text}')"
}

# parameters: of the latest submission
parameters() {
    requests submit .parameters | tail -n 1
}

of_parameters() { # JQ
    parameters | jq -c "$1"
}

stereo() { # FILE: two people, each in a channel of one's own
    sox -M "$(speech 0880)" "$(speech 0930)" "$1"
}

# ---- Who and where ---------------------------------------------------------------------------------------------------

# bats test_tags=core
@test "speakers: Speaker 1 and 2 in the text, and in the JSON" {
    say 'Good morning. How are you? Very well. And you?'
    cloud_mount dashscope.model=fun-asr dashscope.speakers=yes dashscope.speaker_count=2
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(of_parameters '[.diarization_enabled, .speaker_count]')" '[true,2]'
    contains "$INBOX/talk.txt" '^\[00:00:00\] Speaker 1: Good morning\.$'
    contains "$INBOX/talk.txt" '^\[00:00:0.\] Speaker 2: How are you\?$'
    assert_equal "$(jq -c '[.segments[].speaker]' "$INBOX/talk.json")" '["0","1","0","1"]'
    contains "$INBOX/talk.srt" 'Speaker 2: '
}

@test "speakers in a stereo recording: it is mixed down first" {
    say 'Good morning. How are you?'
    stereo "$T/stereo.wav"
    cloud_mount dashscope.model=fun-asr dashscope.speakers=yes
    drop stereo.wav "$T/stereo.wav"
    transcribed "$INBOX/stereo"
    contains "$INBOX/stereo.txt" 'Speaker 2: How are you\?$'
    assert_equal "$(counter ".uploads_by_audio[\"$(content_of "$T/stereo.wav")\"]")" 0
    assert_equal "$(of_parameters .channel_id)" '[0]'
}

# bats test_tags=core
@test "channels: each on its own and named, with real speech in both; those the recording has not are left out" {
    stereo "$T/stereo.wav"
    cloud_mount dashscope.model=fun-asr dashscope.channels=all
    drop stereo.wav "$T/stereo.wav"
    drop mono.wav "$(speech 0870)"
    wait_for -t 40 test -e "$INBOX/stereo.json"
    wait_for -t 40 test -e "$INBOX/mono.json"
    assert_equal "$(requests submit '.parameters.channel_id' | sort | tr '\n' ' ')" '[0,1] [0] '
    assert_equal "$(jq -c '[.segments[].channel] | unique' "$INBOX/stereo.json")" '[0,1]'
    contains "$INBOX/stereo.txt" '^\[00:00:0.\] Channel 1: .*young man'
    contains "$INBOX/stereo.txt" '^\[00:00:0.\] Channel 2: '
    contains "$INBOX/stereo.srt" '^Channel 2: '
    refute contains "$INBOX/mono.txt" 'Channel'
    # In order of time, whichever channel it is.
    jq -e '[.segments[].start] | . == sort' "$INBOX/stereo.json"
    cloud_remount dashscope.model=fun-asr dashscope.channels=1,2
    drop second.wav "$T/stereo.wav"
    drop one.wav "$(speech 0870)"
    wait_for -t 40 test -e "$INBOX/second.json"
    wait_for -t 40 test -e "$INBOX/one.json"
    assert_equal "$(requests submit '.parameters.channel_id' | tail -n 2 | sort | tr '\n' ' ')" '[0] [1] '
    refute contains "$INBOX/second.txt" 'young man|Channel'
    assert_equal "$(jq -c '[.segments[].channel] | unique' "$INBOX/second.json")" '[1]'
}

# bats test_tags=core
@test "stereo, and nobody said anything about channels: nothing that is said in either of them is lost" {
    sox "$(speech 0880)" "$T/silence.wav" vol 0
    sox -M "$T/silence.wav" "$(speech 0880)" "$T/right.wav"
    cloud_mount dashscope.model=fun-asr
    drop right.wav "$T/right.wav"
    wait_for -t 40 test -e "$INBOX/right.json"
    contains "$INBOX/right.txt" 'young man'
    refute contains "$INBOX/right.txt" 'Channel'
    assert_equal "$(of_parameters .channel_id)" '[0]'
    cloud_remount dashscope.model=qwen3-asr-flash
    drop direct.wav "$T/right.wav"
    wait_for -t 40 test -e "$INBOX/direct.json"
    contains "$INBOX/direct.txt" 'young man'
    # The first by name is the first alone.
    cloud_remount dashscope.model=fun-asr dashscope.channels=0
    drop left.wav "$T/right.wav"
    wait_for -t 40 test -e "$INBOX/left.json"
    refute contains "$INBOX/left.txt" 'young man'
}

@test "channels and speakers at once is refused before anything is sent" {
    local status=0
    timeout 20 "$SCRIBEFS" -f -o "backend=dashscope,dashscope.key_file=$T/key,dashscope.channels=all,dashscope.speakers=yes" "$STORE" "$MNT" \
        >"$T/out" 2>&1 || status=$?
    refute test $status = 0
    assert_contains "$(cat "$T/out")" 'speakers are told apart in one channel only'
}

# ---- Times and what they are of --------------------------------------------------------------------------------------

# bats test_tags=core
@test "words: with their times by default, without when they are switched off" {
    say 'One two three.'
    cloud_mount dashscope.model=qwen3-asr-flash-filetrans
    drop with.wav
    transcribed "$INBOX/with"
    assert_equal "$(of_parameters .enable_words)" true
    assert_equal "$(jq -c '[.timing, (.words | length)]' "$INBOX/with.json")" '["word",3]'
    cloud_remount dashscope.model=qwen3-asr-flash-filetrans dashscope.words=no
    drop without.wav
    transcribed "$INBOX/without"
    assert_equal "$(of_parameters .enable_words)" false
    assert_equal "$(jq -c '.words | length' "$INBOX/without.json")" 0
    contains "$INBOX/without.srt" 'One two three\.'
}

@test "calibrated times and no filler words (Paraformer)" {
    say 'So um we begin.'
    cloud_mount dashscope.model=paraformer-v2 dashscope.disfluency_removal=yes dashscope.timestamp_alignment=yes
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(of_parameters '[.disfluency_removal_enabled, .timestamp_alignment_enabled]')" '[true,true]'
    assert_equal "$(spoken "$INBOX/talk.txt")" '[00:00:00] So we begin.'
}

@test "numbers as people write them: itn reaches every model that has it" {
    say 'It is 25.'
    cloud_mount dashscope.model=qwen3-asr-flash-filetrans dashscope.itn=yes
    drop task.wav
    transcribed "$INBOX/task"
    assert_equal "$(of_parameters .enable_itn)" true
    cloud_remount dashscope.model=qwen3-asr-flash dashscope.itn=yes
    drop direct.wav
    transcribed "$INBOX/direct"
    assert_equal "$(requests sync .parameters.asr_options.enable_itn)" true
    cloud_remount dashscope.model=qwen3-asr-flash dashscope.itn=yes dashscope.chat=yes
    drop chat.wav
    transcribed "$INBOX/chat"
    assert_equal "$(requests chat .asr_options.enable_itn)" true
}

# bats test_tags=core
@test "emotion: in the JSON; in the text only if that is wished for" {
    script '{"match":{},"transcript":{"schema":"scribefs-transcript/1","sentences":[{"begin_ms":0,"end_ms":900,"channel":0,"text":"How nice.","emotion":"happy"}]}}'
    cloud_mount dashscope.model=qwen3-asr-flash-filetrans dashscope.emotion=yes
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(jq -r '.segments[0].emotion' "$INBOX/talk.json")" happy
    assert_equal "$(spoken "$INBOX/talk.txt")" '[00:00:00] How nice.'
    refute contains "$INBOX/talk.srt" happy
    cloud_remount dashscope.model=qwen3-asr-flash dashscope.emotion=yes views.emotion=yes
    drop direct.wav
    transcribed "$INBOX/direct"
    assert_equal "$(spoken "$INBOX/direct.txt")" '[00:00:00] (happy) How nice.'
    refute contains "$INBOX/direct.srt" happy
    assert_equal "$(jq -r '.segments[0].emotion' "$INBOX/direct.json")" happy
}

# bats test_tags=core
@test "language: told to the service in each model's own way, and in the JSON" {
    say 'Guten Tag.'
    local model
    for model in fun-asr qwen3-asr-flash-filetrans fun-asr-flash-2026-06-15 qwen3-asr-flash; do
        [ -z "$DAEMON" ] || stop_mount
        cloud_mount "dashscope.model=$model" dashscope.language=de-CH
        drop "$model.wav"
        transcribed "$INBOX/$model"
        contains "$INBOX/$model.txt" 'Guten Tag'
    done
    assert_equal "$(requests submit '.parameters | .language_hints // .language' | tr '\n' ' ')" '["de"] "de" '
    assert_equal "$(requests sync '.parameters | .language_hints // .asr_options.language' | tr '\n' ' ')" '["de"] "de" '
    assert_equal "$(jq -r .language "$INBOX/qwen3-asr-flash-filetrans.json")" de
    cloud_remount dashscope.model=qwen3-asr-flash dashscope.language=de dashscope.chat=yes
    drop chat.wav
    transcribed "$INBOX/chat"
    assert_equal "$(requests chat .asr_options.language)" '"de"'
}

@test "talk.raw.json is the service's own answer, by name, and nothing in it is missing from the text" {
    say 'One <two> & 3, again. Über 北京!'
    local model
    for model in fun-asr qwen3-asr-flash; do
        [ -z "$DAEMON" ] || stop_mount
        cloud_mount "dashscope.model=$model"
        drop "$model.wav"
        transcribed "$INBOX/$model"
        refute listed "$INBOX" "$model.raw.json"
        assert_equal "$(jq -r '.transcripts[]?.sentences[].text, .output?.choices[]?.message.content[].text' "$INBOX/$model.raw.json" | tr '\n' ' ')" \
            "$(tr '\n' ' ' <"$INBOX/$model.plain.txt")"
        refute grep -qiE "signature=|$EMULATOR_KEY" "$INBOX/$model.raw.json"
    done
    restart
    jq -e '.output.choices | length == 1' "$INBOX/qwen3-asr-flash.raw.json"
}

# ---- Words to expect, and words to hide ------------------------------------------------------------------------------

# bats test_tags=core
@test "hotwords: one vocabulary, made once, used by every recording and after a restart; not in use any more, it is removed" {
    say 'Norland and Dashwood.'
    cloud_mount dashscope.model=fun-asr 'dashscope.hotwords=Dashwood, Norland=5'
    drop one.wav
    drop two.wav "$(speech 0930)"
    transcribed "$INBOX/one" "$INBOX/two"
    assert_equal "$(counter .vocabularies.create_vocabulary)" 1
    assert_equal "$(requests submit .parameters.vocabulary_id | sort -u | wc -l)" 1
    assert_contains "$(requests submit .parameters.vocabulary_id)" '^"vocab-sf'
    assert_equal "$(requests vocabulary 'select(.input.action == "create_vocabulary") | [.model, .input.target_model, [.input.vocabulary[] | [.text, .weight]]]')" \
        '["speech-biasing","fun-asr",[["Dashwood",4],["Norland",5]]]'
    restart
    drop three.wav "$(speech 0890)"
    transcribed "$INBOX/three"
    assert_equal "$(counter .vocabularies.create_vocabulary)" 1
    assert_equal "$(requests submit .parameters.vocabulary_id | sort -u | wc -l)" 1
    local first
    first=$(requests submit .parameters.vocabulary_id | jq -r . | tail -n 1)
    cloud_remount dashscope.model=fun-asr dashscope.hotwords=Willoughby
    drop four.wav "$(speech 0920)"
    transcribed "$INBOX/four"
    wait_for counter_is .now.vocabularies 1
    assert_equal "$(requests vocabulary 'select(.input.action == "delete_vocabulary") | .input.vocabulary_id')" "\"$first\""
}

@test "hotwords: a vocabulary that is not deployed yet is waited for; one that was lost is made anew" {
    say 'Norland.'
    switch '{"vocabulary_deploy_ms":1000}'
    cloud_mount dashscope.model=fun-asr dashscope.hotwords=Norland
    drop one.wav
    transcribed "$INBOX/one"
    local id
    id=$(requests submit .parameters.vocabulary_id)
    curl -sS --fail-with-body "$API/services/audio/asr/customization" -H "Authorization: Bearer $EMULATOR_KEY" -H 'Content-Type: application/json' \
        -d "{\"model\":\"speech-biasing\",\"input\":{\"action\":\"delete_vocabulary\",\"vocabulary_id\":$id}}" >"$T/deleted"
    drop two.wav "$(speech 0930)"
    wait_for item_is two.wav '(.state == "done" or .attempts >= 1 and .state == "queued")' true
    "$SCRIBECTL" retry "$INBOX/two.wav" || :
    transcribed "$INBOX/two"
    assert_equal "$(counter .vocabularies.create_vocabulary)" 2
}

@test "hotwords: a list that the service would refuse is refused before" {
    local status=0
    timeout 20 "$SCRIBEFS" -f -o "backend=dashscope,dashscope.key_file=$T/key,dashscope.hotwords=Dashwood=9" "$STORE" "$MNT" >"$T/out" 2>&1 || status=$?
    refute test $status = 0
    assert_contains "$(cat "$T/out")" 'weight'
}

@test "hotwords from a file, for a direct call" {
    say 'Norland.'
    printf 'Norland\nDashwood=5\n' >"$T/words"
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15 "dashscope.hotwords_file=$T/words"
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_contains "$(requests sync .parameters.vocabulary_id)" '^"vocab-sf'
    assert_equal "$(requests vocabulary 'select(.input.action == "create_vocabulary") | .input.vocabulary | length')" 2
}

# bats test_tags=core
@test "vocabulary_id: a list that exists there; one that does not is said in plain words" {
    say 'Norland.'
    local id
    id=$(curl -sS --fail-with-body "$API/services/audio/asr/customization" -H "Authorization: Bearer $EMULATOR_KEY" -H 'Content-Type: application/json' \
        -d '{"model":"speech-biasing","input":{"action":"create_vocabulary","prefix":"mine","target_model":"fun-asr","vocabulary":[{"text":"Norland","weight":4,"lang":"en"}]}}' |
        jq -r .output.vocabulary_id)
    cloud_mount dashscope.model=fun-asr "dashscope.vocabulary_id=$id"
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(of_parameters .vocabulary_id)" "\"$id\""
    cloud_remount dashscope.model=fun-asr dashscope.vocabulary_id=vocab-none-0000
    drop lost.wav
    wait_for item_is lost.wav .error.code cloud.vocabulary
    wait_for contains "$INBOX/lost.transcribing.txt" 'list of special words could not be used'
}

@test "vocabulary_id of the oldest Paraformer models: a list of phrases, beside the parameters" {
    say 'Norland.'
    cloud_mount dashscope.model=paraformer-8k-v1 dashscope.vocabulary_id=phrases-1
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(requests submit .resources)" '[{"resource_id":"phrases-1","resource_type":"asr_phrase"}]'
    assert_equal "$(of_parameters 'has("vocabulary_id")')" false
}

# bats test_tags=core
@test "special_word_filter: the exact JSON, masked and removed words" {
    say 'The secret plan is quite boring today.'
    local filter='{"filter_with_signed":{"word_list":["secret"]},"filter_with_empty":{"word_list":["quite"]},"system_reserved_filter":false}'
    cloud_mount dashscope.model=fun-asr "dashscope.special_word_filter=$filter"
    drop text.wav
    transcribed "$INBOX/text"
    assert_equal "$(of_parameters '.special_word_filter | type')" '"string"'
    assert_equal "$(of_parameters '.special_word_filter | fromjson')" "$filter"
    assert_equal "$(spoken "$INBOX/text.txt")" '[00:00:00] The ****** plan is boring today.'
    refute contains "$INBOX/text.json" 'secret|quite'
    cloud_remount dashscope.model=paraformer-v2 "dashscope.special_word_filter=$filter" dashscope.filter_as_object=yes
    drop object.wav
    transcribed "$INBOX/object"
    assert_equal "$(of_parameters .special_word_filter)" "$filter"
    assert_equal "$(spoken "$INBOX/object.txt")" '[00:00:00] The ****** plan is boring today.'
}

# bats test_tags=core
@test "context: sent before the recording; from a file, in pieces as the service takes them" {
    say 'Norland.'
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15 'dashscope.context=The Dashwoods of Norland Park'
    drop short.wav
    transcribed "$INBOX/short"
    assert_equal "$(requests sync '.input.messages | [length, .[0].content[0].text]')" '[2,"The Dashwoods of Norland Park"]'
    long_text 1500 >"$T/context"
    cloud_remount dashscope.model=fun-asr-flash-2026-06-15 "dashscope.context_file=$T/context"
    drop long.wav
    transcribed "$INBOX/long"
    [ "$(requests sync '.input.messages | length' | tail -n 1)" -gt 2 ]
    assert_equal "$(requests sync '[.input.messages[:-1][].content[0].text] | join(" ")' | tail -n 1 | jq -r . | tr -s ' ')" "$(tr -s ' ' <"$T/context" | sed 's/ $//')"
}

@test "context: a conversation, each reply behind what it answers" {
    say 'Norland.'
    switch '{"strict":1}'
    printf 'user: Who lives there?\nassistant: The Dashwoods\nof Sussex.\nuser: Since when?\n' >"$T/context"
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15 "dashscope.context_file=$T/context"
    drop talk.wav
    transcribed "$INBOX/talk"
    assert_equal "$(requests sync '[.input.messages[:-1][] | [.role, .content[0].type, .content[0].text]]')" \
        '[["user","input_text","Who lives there?"],["assistant","text","The Dashwoods\nof Sussex."],["user","input_text","Since when?"]]'
}

long_text() { # CHARACTERS
    head -c "$1" /dev/zero | tr '\0' 'x' | fold -w 9 | tr '\n' ' '
}

@test "context: more than the service takes is cut, and the log says so" {
    say 'Norland.'
    long_text 50000 >"$T/context"
    allow_log context
    cloud_mount dashscope.model=fun-asr-flash-2026-06-15 "dashscope.context_file=$T/context"
    drop long.wav
    transcribed "$INBOX/long"
    grep -qi 'context.*cut\|cut.*context' "$LOG"
}

@test "settings are part of the result: the same recording with others is transcribed anew" {
    say 'One.'
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    transcribed "$INBOX/talk"
    drop same.wav
    transcribed "$INBOX/same"
    assert_equal "$(counter .requests.submit)" 1
    cloud_remount dashscope.model=fun-asr dashscope.language=en
    drop other.wav
    transcribed "$INBOX/other"
    assert_equal "$(counter .requests.submit)" 2
}
