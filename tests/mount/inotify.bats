#!/usr/bin/env bats
# Watchers of the mount (file managers, smbd, scripts) see views come and go as if somebody had written and deleted them.

load ../lib/common

setup() {
    common_setup
    fake_worker
}

# watch DIRECTORY: events go to $T/events, one "EVENTS NAME" a line.
watch() {
    inotifywait -m -q -e create,close_write,delete,moved_to,moved_from --format '%e %f' "$1" \
        >"$T/events" 2>"$T/watch-errors" </dev/null 3>&- 4>&- &
    STARTED+=($!)
    # There is no telling from outside when a watch is in place, but by an event.
    wait_for watching "$1"
}

watching() {
    : >"$1/.probe"
    rm "$1/.probe"
    grep -q 'DELETE .probe' "$T/events"
}

saw() { # EVENT NAME
    grep -Fqx -- "$1 $2" "$T/events"
}

events_of() { # NAME: in order, on one line
    grep -F -- " $1" "$T/events" | sed "s/ .*//" | tr '\n' ' ' | sed 's/ $//'
}

# bats test_tags=core
@test "each view raises CREATE and CLOSE_WRITE once when it comes, and DELETE when it goes" {
    start_mount
    watch "$INBOX"
    recording "$INBOX/talk.wav"
    for view in txt srt json; do
        wait_for saw "CLOSE_WRITE,CLOSE" "talk.$view"
        assert_equal "$(events_of "talk.$view")" "CREATE CLOSE_WRITE,CLOSE"
        exists "$INBOX/talk.$view"
    done
    rm "$INBOX/talk.wav"
    for view in txt srt json; do
        wait_for saw DELETE "talk.$view"
        assert_equal "$(events_of "talk.$view")" "CREATE CLOSE_WRITE,CLOSE DELETE"
    done
    assert_equal "$(names "$RAW")" ""
}

@test "a rename of the recording is DELETE of the old views and CREATE of the new" {
    start_mount
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    watch "$INBOX"
    mv "$INBOX/talk.wav" "$INBOX/speech.wav"
    for view in txt srt json; do
        wait_for saw "CLOSE_WRITE,CLOSE" "speech.$view"
        wait_for saw DELETE "talk.$view"
    done
}

@test "a program that waits for the complete file finds it complete" {
    start_mount
    watch "$INBOX"
    recording "$INBOX/talk.wav" "say $(seq -s ' ' 2000)"
    wait_for saw "CLOSE_WRITE,CLOSE" talk.json
    jq -e '.text | endswith("2000")' "$INBOX/talk.json"
}

@test "100 views in a watched directory: every event, nothing in the store" {
    start_mount
    watch "$INBOX"
    for i in $(seq 34); do
        recording "$INBOX/talk-$i.wav"
    done
    wait_for -t 60 seen 102
    assert_equal "$(grep -cE '^CREATE talk-[0-9]+\.(txt|srt|json)$' "$T/events")" 102
    assert_equal "$(find "$RAW" -type f ! -name '*.wav' | wc -l)" 0
}

seen() { # NUMBER of views
    [ "$(grep -E '^CLOSE_WRITE,CLOSE talk-[0-9]+\.(txt|srt|json)$' "$T/events" | sort -u | wc -l)" = "$1" ]
}

@test "a view that was looked for in vain before is seen at once when it comes" {
    start_mount
    hold_workers
    recording "$INBOX/talk.wav"
    wait_for worker_started "$RAW/talk.wav"
    watch "$INBOX"
    for _ in 1 2 3; do
        missing "$INBOX/talk.txt"
    done
    free_workers
    wait_for saw CREATE talk.txt
    exists "$INBOX/talk.txt"
}

# bats test_tags=core
@test "a killed announcer comes back" {
    start_mount
    allow_log 'announcer'
    watch "$INBOX"
    recording "$INBOX/one.wav"
    wait_for saw "CLOSE_WRITE,CLOSE" one.txt
    local old
    old=$(children announcer)
    [ -n "$old" ]
    kill -KILL "$old"
    wait_for not_running "$old"
    # At the latest when there is something to announce.
    recording "$INBOX/two.wav"
    transcribed "$INBOX/two"
    for view in txt srt json; do
        wait_for saw "CLOSE_WRITE,CLOSE" "two.$view"
    done
    wait_for another_announcer "$old"
}

another_announcer() { # OLD
    local new
    new=$(children announcer)
    [ -n "$new" ] && [ "$new" != "$1" ]
}

@test "an announcer stopped in its tracks does not stop the mount, the jobs or the end" {
    start_mount
    allow_log 'announcer'
    recording "$INBOX/first.wav"
    transcribed "$INBOX/first"
    wait_for some_child announcer
    kill -STOP "$(children announcer)"
    recording "$INBOX/talk.wav"
    wait_for worker_finished "$RAW/talk.wav"
    timeout 5 ls -l "$INBOX"
    timeout 5 cat "$INBOX/talk.wav"
    recording "$INBOX/other.wav"
    wait_for worker_finished "$RAW/other.wav"
    stop_mount
}

worker_finished() { # FILE
    [ "$(worker_log finish "$1")" -ge 1 ]
}

@test "announce=no: views come and go without an announcer" {
    start_mount announce=no
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    assert_equal "$(children announcer)" ""
    mv "$INBOX/talk.wav" "$INBOX/speech.wav"
    transcribed "$INBOX/speech"
    wait_for missing "$INBOX/talk.txt"
    rm "$INBOX/speech.wav"
    wait_for missing "$INBOX/speech.txt"
}

@test "in a directory the daemon may not write, views appear without events" {
    start_mount
    mkdir "$INBOX/sealed"
    recording "$INBOX/sealed/talk.wav"
    chmod 555 "$INBOX/sealed"
    wait_for exists "$INBOX/sealed/talk.txt"
    wait_for exists "$INBOX/sealed/talk.json"
    chmod 755 "$INBOX/sealed"
}
