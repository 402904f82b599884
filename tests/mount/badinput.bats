#!/usr/bin/env bats
# Files that are not what they should be cost one worker, one message, and nothing else.
# time limit: 300

TEST_SECONDS=200
load ../lib/common
load ../lib/formats

# failed_text BASE REGEX: waits for BASE.FAILED.txt and checks what everybody is told: the cause, the next step, the money.
failed_text() {
    local text
    wait_for -t 60 exists "$1.FAILED.txt"
    text=$(cat "$1.FAILED.txt")
    assert_equal "$(wc -c <"$1.FAILED.txt")" "$(stat -c %s "$1.FAILED.txt")"
    assert_contains "$(head -n 1 <<<"$text")" "$2"
    assert_contains "$text" "[Nn]o money was spent"
    assert_contains "$text" "Delete this file to try again"
    wait_for missing "$1.transcribing.txt"
    missing "$1.txt"
    missing "$1.srt"
    missing "$1.json"
}

real_worker() { # the mount with the real recogniser, each start of a worker counted
    [ -e "$(speech 0880)" ] || skip "pocketsphinx-testdata is not installed"
    counted_worker
    start_mount "$@"
    allow_log 'media\.|engine\.|fail'
}

# bats test_tags=core
@test "an empty file is left alone, and transcribed when it is filled" {
    fake_worker
    start_mount
    : >"$INBOX/talk.mp3"
    fence
    assert_equal "$(names "$INBOX")" "fence talk.mp3"
    assert_equal "$(worker_starts)" 1
    recording "$INBOX/talk.mp3"
    transcribed "$INBOX/talk"
}

# bats test_tags=core
@test "a text named .mp3 fails in plain words; a right file in its place succeeds" {
    real_worker
    echo "this is no sound at all" >"$INBOX/talk.mp3"
    failed_text "$INBOX/talk" "talk.mp3.*not a sound or video file"
    assert_contains "$(cat "$MNT/status.txt")" "talk.mp3"
    ffmpeg -nostdin -v error -y -i "$(speech 0880)" "$T/talk.mp3"
    cp "$T/talk.mp3" "$INBOX/talk.mp3"
    wait_for -t 60 exists "$INBOX/talk.txt"
    wait_for missing "$INBOX/talk.FAILED.txt"
}

@test "truncated recordings fail as truncated" {
    real_worker
    local format
    for format in wav mp4 m4a mov; do
        convert_to "$(speech 0870)" "$T/whole.$format"
        head -c $(($(stat -c %s "$T/whole.$format") * 2 / 3)) "$T/whole.$format" >"$INBOX/cut-$format.$format"
    done
    for format in wav mp4 m4a mov; do
        failed_text "$INBOX/cut-$format" "cut-$format.$format.*(end of the recording is missing|damaged)"
    done
    # The rest arrives: a complete copy is transcribed.
    cp "$T/whole.wav" "$INBOX/cut-wav.wav"
    wait_for -t 60 exists "$INBOX/cut-wav.txt"
    wait_for missing "$INBOX/cut-wav.FAILED.txt"
}

@test "a film without a sound track fails as that" {
    real_worker
    ffmpeg -nostdin -v error -y -f lavfi -i color=c=blue:s=64x48:r=25:d=1 "$INBOX/silent-film.mp4"
    failed_text "$INBOX/silent-film" "no sound track"
}

@test "silence, noise and one second are results without a word or with few, not failures" {
    real_worker
    ffmpeg -nostdin -v error -y -f lavfi -i anullsrc=r=16000:cl=mono -t 3 "$INBOX/silence.wav"
    ffmpeg -nostdin -v error -y -f lavfi -i anoisesrc=r=16000:a=0.05:s=1 -t 3 "$INBOX/noise.wav"
    ffmpeg -nostdin -v error -y -i "$(speech 0880)" -t 1 "$INBOX/second.wav"
    for name in silence noise second; do
        wait_for -t 60 exists "$INBOX/$name.json"
        wait_for exists "$INBOX/$name.txt"
        wait_for exists "$INBOX/$name.srt"
        missing "$INBOX/$name.FAILED.txt"
        py "$LIB/check_srt.py" "$INBOX/$name.srt"
        jq -e .segments "$INBOX/$name.json" >/dev/null
    done
    assert_equal "$(jq -r .text "$INBOX/silence.json")" ""
}

@test "random bytes under every suffix: each gets a word of explanation or a transcript, and the mount goes on" {
    real_worker
    local format
    for format in $FORMATS; do
        py -c 'import random, sys; sys.stdout.buffer.write(random.Random(sys.argv[1]).randbytes(100_000))' "$format" \
            >"$INBOX/random-$format.$format"
    done
    for format in $FORMATS; do
        wait_for -t 60 decided "$INBOX/random-$format"
    done
    cp "$(speech 0880)" "$INBOX/good.wav"
    wait_for -t 60 exists "$INBOX/good.txt"
}

decided() { # BASE
    exists "$1.FAILED.txt" || exists "$1.txt"
}

@test "damaged recordings: bytes changed in the middle of every format" {
    real_worker
    local format
    for format in $FORMATS; do
        convert_to "$(speech 0880)" "$T/whole.$format"
        py - "$T/whole.$format" "$INBOX/damaged-$format.$format" <<'END'
import random, sys
data = bytearray(open(sys.argv[1], "rb").read())
dice = random.Random(len(data))
for _ in range(200):
    data[dice.randrange(len(data) // 10, len(data))] = dice.randrange(256)
open(sys.argv[2], "wb").write(data)
END
    done
    for format in $FORMATS; do
        wait_for -t 90 decided "$INBOX/damaged-$format"
    done
}

# bats test_tags=core
@test "deleting a FAILED text tries again" {
    fake_worker
    start_mount
    allow_log 'media\.decode|fail'
    recording "$INBOX/talk.wav" "fail media.decode"
    failed_text "$INBOX/talk" "talk.wav.*damaged"
    assert_equal "$(worker_log start "$RAW/talk.wav")" 1
    restart
    failed_text "$INBOX/talk" "talk.wav.*damaged"
    assert_equal "$(worker_log start "$RAW/talk.wav")" 1
    hold_workers
    rm "$INBOX/talk.FAILED.txt"
    wait_for started_times 2 "$RAW/talk.wav"
    missing "$INBOX/talk.FAILED.txt"
    exists "$INBOX/talk.transcribing.txt"
    free_workers
    failed_text "$INBOX/talk" "talk.wav.*damaged"
}

started_times() { # NUMBER FILE
    [ "$(worker_log start "$2")" = "$1" ]
}

# bats test_tags=core
@test "a worker that crashes, ends without an answer, or talks nonsense costs one message" {
    fake_worker
    start_mount
    allow_log 'engine\.|media\.|transcript\.|fail|worker'
    recording "$INBOX/crash.wav" crash
    recording "$INBOX/quit.wav" quit
    recording "$INBOX/garbage.wav" garbage
    recording "$INBOX/good.wav"
    failed_text "$INBOX/crash" "crash.wav"
    failed_text "$INBOX/quit" "quit.wav"
    failed_text "$INBOX/garbage" "garbage.wav"
    transcribed "$INBOX/good"
}

@test "a worker that never stops talking is stopped, and the daemon stays small" {
    fake_worker
    start_mount
    allow_log 'engine\.|transcript\.|fail|worker'
    recording "$INBOX/flood.wav" flood
    failed_text "$INBOX/flood" "flood.wav"
    case $BUILD in *asan | *tsan) return 0 ;; esac
    [ "$(awk '/^VmHWM/ { print $2 }' "/proc/$DAEMON/status")" -lt 400000 ]
}

# bats test_tags=core
@test "a symlink is never followed by the daemon: not to a recording, not to a directory, not in place of one" {
    fake_worker
    mkdir -p "$T/outside/dir"
    recording "$T/outside/secret.wav"
    recording "$T/outside/dir/secret.wav" "say another secret"
    start_mount
    ln -s "$T/outside/secret.wav" "$INBOX/link.wav"
    ln -s "$T/outside/dir" "$INBOX/dir"
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    mv "$INBOX/link.wav" "$INBOX/talk.wav"
    wait_for missing "$INBOX/talk.txt"
    fence
    restart
    fence
    stop_mount
    ln -s "$T/outside/secret.wav" "$RAW/while-away.wav"
    ln -sfn "$T/outside" "$RAW/fence"
    start_mount
    recording "$INBOX/last.wav"
    transcribed "$INBOX/last"
    assert_equal "$(worker_log start "$T/outside/secret.wav")" 0
    assert_equal "$(worker_log start "$T/outside/dir/secret.wav")" 0
    missing "$INBOX/link.txt"
    missing "$T/outside/secret.txt"
    assert_equal "$(names "$T/outside")" "dir secret.wav"
    # A person may follow it: it is a symlink like any other.
    cmp "$INBOX/while-away.wav" "$T/outside/secret.wav"
}

@test "fifos, sockets and directories with a recording's name are left alone" {
    fake_worker
    start_mount
    mkfifo "$INBOX/fifo.wav"
    mkdir "$INBOX/dir.wav"
    py -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$INBOX/socket.wav"
    recording "$INBOX/dir.wav/inner.wav"
    transcribed "$INBOX/dir.wav/inner"
    restart
    fence
    assert_equal "$(names "$INBOX")" "dir.wav fence fifo.wav socket.wav"
}

# bats test_tags=core
@test "recordings nobody may read: said, and transcribed when they can be read" {
    [ "$(id -u)" != 0 ] || skip "root may read everything"
    fake_worker
    start_mount
    allow_log 'io\.read|permission'
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    stop_mount
    recording "$RAW/sealed.wav"
    chmod 000 "$RAW/sealed.wav"
    start_mount
    wait_for exists "$INBOX/sealed.FAILED.txt"
    chmod 644 "$INBOX/sealed.wav"
    rm -f "$INBOX/sealed.FAILED.txt"
    transcribed "$INBOX/sealed"
}

@test "a full disk under state: the mount goes on, it is said, and work goes on when there is space" {
    [ "$(id -u)" = 0 ] || skip "needs root to mount a small disk"
    fake_worker
    mkdir -p "$STORE/inbox" "$STORE/state"
    mount -t tmpfs -o size=4m,mode=0700 scribefs-test "$STORE/state"
    start_mount
    allow_log 'full|space|io\.space|index|SQLITE|database'
    recording "$INBOX/before.wav"
    transcribed "$INBOX/before"
    dd if=/dev/zero of="$STORE/state/filler" bs=4k 2>/dev/null || :
    for i in 1 2 3; do
        recording "$INBOX/talk-$i.wav" "say $(seq -s ' ' 3000) $i"
    done
    wait_for worker_started "$RAW/talk-1.wav"
    wait_for contains "$MNT/status.txt" "full|space"
    timeout 5 ls -l "$INBOX"
    timeout 5 cat "$INBOX/before.txt"
    timeout 5 sh -c "echo x >'$INBOX/file'"
    rm "$STORE/state/filler"
    for i in 1 2 3; do
        wait_for -t 60 exists "$INBOX/talk-$i.txt"
        exists "$INBOX/talk-$i.json"
        missing "$INBOX/talk-$i.FAILED.txt"
    done
    refute grep -Eq 'No space left' "$MNT/status.txt"
    stop_mount
    rm -f "$STORE"/state/filler
    start_mount
    exists "$INBOX/talk-3.txt"
    stop_mount
    umount "$STORE/state"
}

@test "a two-hour recording is decoded with bounded memory" {
    [ -e "$(speech 0870)" ] || skip "pocketsphinx-testdata is not installed"
    ffmpeg -nostdin -v error -y -stream_loop 30 -i "$(speech 0870)" -t 200 -c:a libmp3lame "$T/part.mp3"
    ffmpeg -nostdin -v error -y -stream_loop 40 -i "$T/part.mp3" -t 7200 -c copy "$T/long.mp3"
    py - "$WORKER" "$T/long.mp3" <<'END'
import resource, subprocess, sys
with open(sys.argv[2], "rb") as recording:
    done = subprocess.run([sys.argv[1], "--decode-only", "--print"], stdin=recording, stderr=subprocess.PIPE, timeout=90)
assert done.returncode == 0, done
seconds = float(done.stderr.split()[0])
assert 7190 < seconds < 7210, done
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
assert peak < 200 or "san/" in sys.argv[1], f"{peak} MiB"
END
}
