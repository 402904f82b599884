#!/usr/bin/env bats
# Settings of folders and names of speakers, as people write them: what appears, what is told, what is kept.
# time limit: 240

load ../lib/common

setup() {
    common_setup
    fake_worker
    allow_log 'folder\.'
}

save() { # FILE TEXT: as editors and SMB clients do, by a temporary file and a rename
    mkdir -p "$(dirname "$1")"
    printf '%b' "$2" >"$1.tmp"
    mv "$1.tmp" "$1"
}

state_is() { # NAME STATE
    [ "$("$SCRIBECTL" status --json "$INBOX/$1" | jq -r '.items[0].state')" = "$2" ]
}

@test "skip: nothing is transcribed in the folder and those below, until it is switched off" {
    start_mount
    save "$INBOX/music/.scribefs.conf" 'skip = yes\n'
    mkdir -p "$INBOX/music/album"
    recording "$INBOX/music/song.wav"
    recording "$INBOX/music/album/song.wav"
    fence
    fence
    assert_equal "$(names "$INBOX/music")" '.scribefs.conf album song.wav'
    assert_equal "$(worker_starts)" 2
    assert_equal "$("$SCRIBECTL" status --json "$INBOX" | jq '.items | length')" 2
    restart
    fence
    assert_equal "$(worker_starts)" 3
    rm "$INBOX/music/.scribefs.conf"
    transcribed "$INBOX/music/song" "$INBOX/music/album/song"
}

@test "status_files = no: neither transcribing nor FAILED texts; without the dot in its name it counts as well" {
    hold_workers
    start_mount workers=3
    recording "$INBOX/shown.wav"
    wait_for listed "$INBOX" shown.transcribing.txt
    save "$INBOX/quiet/scribefs.conf" 'status_files = no\n'
    recording "$INBOX/quiet/talk.wav"
    recording "$INBOX/quiet/bad.wav" 'fail media.decode'
    wait_for state_is quiet/talk.wav running
    refute listed "$INBOX/quiet" talk.transcribing.txt
    rm "$INBOX/quiet/scribefs.conf"
    wait_for listed "$INBOX/quiet" talk.transcribing.txt
    save "$INBOX/quiet/scribefs.conf" 'status_files = no\n'
    wait_for refute listed "$INBOX/quiet" talk.transcribing.txt
    free_workers
    transcribed "$INBOX/quiet/talk"
    wait_for state_is quiet/bad.wav failed
    refute listed "$INBOX/quiet" bad.FAILED.txt
}

@test "priority: a folder's recordings come first" {
    hold_workers
    start_mount workers=1
    recording "$INBOX/first.wav"
    wait_for state_is first.wav running
    for i in 1 2 3; do recording "$INBOX/$i.wav"; done
    for i in 1 2 3; do wait_for state_is $i.wav queued; done
    save "$INBOX/urgent/.scribefs.conf" 'priority = 10\n'
    recording "$INBOX/urgent/now.wav"
    wait_for state_is urgent/now.wav queued
    assert_equal "$("$SCRIBECTL" status --json "$INBOX" | jq -r '[.items[] | select(.state == "queued") | .path][0]')" urgent/now.wav
    free_workers
    transcribed "$INBOX/urgent/now"
}

@test "an editor that writes in place, a folder that is renamed: what holds there holds at once" {
    start_mount watch=no
    mkdir "$INBOX/a"
    printf 'skip = yes\n' >"$INBOX/a/.scribefs.conf"
    mkdir "$INBOX/a/deep"
    recording "$INBOX/a/deep/one.wav"
    fence
    refute listed "$INBOX/a/deep" one.txt
    mv "$INBOX/a" "$INBOX/b"
    recording "$INBOX/b/deep/two.wav"
    fence
    refute listed "$INBOX/b/deep" two.txt
    printf 'skip = no\n' >"$INBOX/b/.scribefs.conf"
    transcribed "$INBOX/b/deep/one" "$INBOX/b/deep/two"
    # Moved out of such a folder it is one like any other.
    printf 'skip = yes\n' >"$INBOX/b/.scribefs.conf"
    sleep 1
    recording "$INBOX/b/three.wav"
    fence
    refute listed "$INBOX/b" three.txt
    mv "$INBOX/b/three.wav" "$INBOX/three.wav"
    transcribed "$INBOX/three"
}

@test "a mistake in a folder's settings is told at the top of the mount until it is corrected" {
    local file=$INBOX/talks/.scribefs.conf told='inbox/talks/\.scribefs\.conf has a mistake'
    start_mount
    save "$file" 'skip = yes\nquite = 1\n'
    wait_for contains "$MNT/status.txt" "^Attention: $told \(line 2: .*quite.*\)\. .* nothing is sent from there"
    wait_for contains "$MNT/status.html" "$told"
    assert_contains "$("$SCRIBECTL" -s "$STORE" status 2>&1)" "$told"
    save "$file" 'skip = yes\n'
    wait_for refute contains "$MNT/status.txt" "$told"
    wait_for refute contains "$MNT/status.html" "$told"
    save "$file" 'skip = yes\nquite = 1\n'
    wait_for contains "$MNT/status.txt" "$told .* what was right before is in force"
}

@test "settings that are written into the store behind the mount's back count" {
    start_mount
    mkdir "$RAW/outside"
    printf 'skip = yes\n' >"$RAW/outside/.scribefs.conf"
    recording "$RAW/outside/talk.wav"
    fence
    fence
    refute listed "$INBOX/outside" talk.txt
    printf 'skip = no\n' >"$RAW/outside/.scribefs.conf"
    transcribed "$INBOX/outside/talk"
}

@test "names of speakers: a file beside the recording, or the folder's; every view shows them at once" {
    start_mount
    recording "$INBOX/talk.wav" 'voices Good morning. | How are you?'
    transcribed "$INBOX/talk"
    contains "$INBOX/talk.txt" 'Speaker 1: Good morning'
    save "$INBOX/.scribefs.conf" '[speakers]\n1 = Anna\n2 = Bert\n[views]\nviews = txt, vtt\n'
    wait_for contains "$INBOX/talk.txt" 'Anna: Good morning'
    wait_for listed "$INBOX" talk.vtt
    wait_for refute listed "$INBOX" talk.srt
    # As Notepad saves it.
    printf '\xef\xbb\xbfSpeaker 1: Alice\r\n# nobody\r\n' >"$INBOX/talk.speakers.txt"
    wait_for contains "$INBOX/talk.txt" 'Alice: Good morning'
    wait_for contains "$INBOX/talk.vtt" 'Bert'
    save "$INBOX/talk.speakers.txt" '1 = Carol\n'
    wait_for contains "$INBOX/talk.txt" 'Carol: Good morning'
    # The names go with the recording; a file under its new name is taken instead.
    mv "$INBOX/talk.wav" "$INBOX/walk.wav"
    wait_for contains "$INBOX/walk.txt" 'Carol: Good morning'
    restart
    fence
    contains "$INBOX/walk.txt" 'Carol: Good morning'
    save "$INBOX/walk.speakers.txt" '1 = Dora\n'
    wait_for contains "$INBOX/walk.txt" 'Dora: Good morning'
    rm "$INBOX/walk.speakers.txt"
    wait_for contains "$INBOX/walk.txt" 'Anna: Good morning'
    rm "$INBOX/.scribefs.conf"
    wait_for contains "$INBOX/walk.txt" 'Speaker 1: Good morning'
    wait_for listed "$INBOX" walk.srt
    assert_equal "$(worker_starts)" 2
}
