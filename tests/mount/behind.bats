#!/usr/bin/env bats
# Files put into, changed in and removed from the store's inbox while it is mounted: found, and never taken for more than that.
# time limit: 300

load ../lib/common

setup() {
    common_setup
    fake_worker
}

no_views() { # BASE…
    local base
    for base in "$@"; do
        missing "$base.txt" && missing "$base.srt" && missing "$base.json" && missing "$base.transcribing.txt" || return 1
    done
}

# Contents that were given to a worker more than once.
twice() {
    sed -n 's/^start \([0-9a-f]*\) .*/\1/p' "$T/worker/log" | sort | uniq -d
}

# bats test_tags=core
@test "put, changed, replaced by a rename, renamed, removed" {
    start_mount
    recording "$RAW/a.wav" "say the first words"
    transcribed "$INBOX/a"
    assert_contains "$(cat "$INBOX/a.txt")" "first words"
    recording "$RAW/a.wav" "say the second words"
    wait_for contains "$INBOX/a.txt" "second words"
    recording "$RAW/new" "say the third words"
    mv "$RAW/new" "$RAW/a.wav"
    wait_for contains "$INBOX/a.txt" "third words"
    mv "$RAW/a.wav" "$RAW/b.wav"
    transcribed "$INBOX/b"
    wait_for no_views "$INBOX/a"
    assert_equal "$(worker_starts)" 3
    rm "$RAW/b.wav"
    wait_for no_views "$INBOX/b"
    fence
    assert_equal "$(worker_starts)" 4
}

@test "what is at work goes on, and a deleted transcript stays deleted, when a recording is renamed in the store" {
    start_mount workers=1
    recording "$INBOX/done.wav"
    transcribed "$INBOX/done"
    rm "$INBOX/done.srt"
    hold_workers
    recording "$INBOX/running.wav"
    wait_for worker_started "$RAW/running.wav"
    mkdir "$RAW/d"
    mv "$RAW/done.wav" "$RAW/d/renamed.wav"
    mv "$RAW/running.wav" "$RAW/d/runs.wav"
    wait_for exists "$INBOX/d/renamed.txt"
    wait_for exists "$INBOX/d/runs.transcribing.txt"
    free_workers
    transcribed "$INBOX/d/runs"
    wait_for no_views "$INBOX/done" "$INBOX/running"
    missing "$INBOX/d/renamed.srt"
    assert_equal "$(worker_starts)" 2
}

@test "a folder moved in with files, moved within, exchanged, moved out" {
    start_mount
    mkdir -p "$T/outside/f/sub"
    for i in 1 2 3; do recording "$T/outside/f/$i.wav"; done
    recording "$T/outside/f/sub/4.wav"
    mkdir "$T/store/other"
    mv "$T/outside/f" "$RAW/f"
    transcribed "$INBOX"/f/{1,2,3} "$INBOX/f/sub/4"
    rm "$INBOX/f/1.srt"
    mkdir "$RAW/top"
    mv "$RAW/f" "$RAW/top/g"
    transcribed "$INBOX"/top/g/{2,3} "$INBOX/top/g/sub/4"
    missing "$INBOX/top/g/1.srt"
    missing "$INBOX/f"
    mkdir "$RAW/x"
    recording "$RAW/x/5.wav"
    transcribed "$INBOX/x/5"
    py "$LIB/rename.py" exchange "$RAW/x" "$RAW/top/g"
    transcribed "$INBOX"/x/{2,3} "$INBOX/x/sub/4" "$INBOX/top/g/5"
    missing "$INBOX/x/1.srt"
    mv "$RAW/x" "$T/outside/"
    wait_for missing "$INBOX/x"
    fence
    assert_equal "$("$SCRIBECTL" status --json "$INBOX" | grep -c '"x/')" 0
    rm -r "$RAW/top"
    wait_for missing "$INBOX/top"
    fence
    assert_equal "$(worker_starts)" 7
    assert_equal "$(names "$INBOX")" "fence"
}

@test "rsync of a tree straight into the store; a second run does nothing; --delete" {
    start_mount
    mkdir -p "$T/source/a/b" "$T/source/c"
    local i
    for i in $(seq 20); do recording "$T/source/a/$i.wav"; done
    for i in $(seq 10); do recording "$T/source/a/b/$i.wav"; recording "$T/source/c/$i.mp3"; done
    rsync -a "$T/source/" "$RAW/"
    for i in $(seq 20); do transcribed "$INBOX/a/$i"; done
    for i in $(seq 10); do transcribed "$INBOX/a/b/$i" "$INBOX/c/$i"; done
    rsync -a "$T/source/" "$RAW/"
    touch "$RAW"/c/*.mp3
    rsync -a "$T/source/" "$RAW/"
    fence
    assert_equal "$(worker_starts)" 41
    rm -r "$T/source/a/b" "$T/source/c/1.mp3"
    rsync -a --delete --exclude=/fence "$T/source/" "$RAW/"
    wait_for missing "$INBOX/a/b"
    wait_for no_views "$INBOX/c/1"
    fence
    assert_equal "$(worker_starts)" 42
}

@test "a file that is still written in the store is left alone until its writer has closed it" {
    start_mount
    exec 7>"$RAW/slow.wav"
    printf 'say the first half ' >&7
    wait_for listed "$INBOX" slow.wav
    fence
    fence
    assert_equal "$(worker_starts)" 2
    printf 'and the second half\n' >&7
    fence
    assert_equal "$(worker_starts)" 3
    exec 7>&-
    transcribed "$INBOX/slow"
    assert_contains "$(cat "$INBOX/slow.txt")" "first half and the second half"
    assert_equal "$(worker_starts)" 4
    # The same for one that has its transcript, and for one that is found at the start.
    exec 7>>"$RAW/slow.wav"
    printf 'more\n' >&7
    wait_for no_views "$INBOX/slow"
    fence
    stop_mount
    start_mount 7>&- # or the daemon had it open as well
    fence
    fence
    no_views "$INBOX/slow"
    exec 7>&-
    transcribed "$INBOX/slow"
    assert_equal "$(worker_starts)" 8
}

@test "names and contents read through the mount are the new ones" {
    start_mount
    missing "$INBOX/a.wav"
    recording "$RAW/a.wav" "say aaa"
    exists "$INBOX/a.wav"
    listed "$INBOX" a.wav
    assert_equal "$(cat "$INBOX/a.wav")" "$(cat "$RAW/a.wav")"
    exec 8<"$INBOX/a.wav"
    recording "$RAW/a.wav" "say bbb"
    assert_equal "$(cat "$INBOX/a.wav")" "$(cat "$RAW/a.wav")"
    exec 8<&-
    recording "$RAW/new" "say ccc"
    mv "$RAW/new" "$RAW/a.wav"
    same() { [ "$(cat "$INBOX/a.wav")" = "$(cat "$RAW/a.wav")" ]; }
    wait_for same
    rm "$RAW/a.wav"
    wait_for missing "$INBOX/a.wav"
    refute listed "$INBOX" a.wav
    printf 'mine\n' >"$RAW/a.txt"
    wait_for contains "$INBOX/a.txt" mine
}

@test "touched, linked, made readable: nothing is transcribed again" {
    start_mount
    recording "$INBOX/a.wav"
    recording "$RAW/b.wav"
    transcribed "$INBOX/a" "$INBOX/b"
    touch "$RAW/a.wav" "$INBOX/b.wav"
    chmod 600 "$RAW/a.wav" "$INBOX/b.wav"
    ln "$RAW/a.wav" "$RAW/c.wav"
    transcribed "$INBOX/c"
    cp "$RAW/b.wav" "$RAW/d.wav"
    transcribed "$INBOX/d"
    fence
    transcribed "$INBOX/a" "$INBOX/b"
    assert_equal "$(worker_starts)" 3
}

@test "events that are lost are made up for" {
    start_mount
    mkdir "$RAW/old"
    recording "$RAW/old/gone.wav"
    recording "$RAW/old/changed.wav"
    transcribed "$INBOX/old/gone" "$INBOX/old/changed"
    kill -STOP "$DAEMON"
    py - "$RAW" <<'PY'
import os, sys
limit = int(open("/proc/sys/fs/inotify/max_queued_events").read())
a, b = (os.open(f"{sys.argv[1]}/{name}.txt", os.O_WRONLY | os.O_CREAT) for name in "ab")
for _ in range(limit // 2 + 10):
    os.write(a, b"x")
    os.write(b, b"x")
PY
    rm "$RAW/old/gone.wav"
    recording "$RAW/old/changed.wav" "say other words"
    mkdir "$RAW/new"
    recording "$RAW/new/n.wav"
    kill -CONT "$DAEMON"
    transcribed "$INBOX/new/n"
    wait_for contains "$INBOX/old/changed.txt" "other words"
    wait_for no_views "$INBOX/old/gone"
    # And the new folder is watched.
    recording "$RAW/new/later.wav"
    transcribed "$INBOX/new/later"
    assert_equal "$(worker_starts)" 5
}

@test "without events the store is looked through regularly" {
    start_mount watch=poll,rescan_seconds=1
    mkdir "$RAW/d"
    recording "$RAW/a.wav"
    recording "$RAW/d/b.wav"
    transcribed "$INBOX/a" "$INBOX/d/b"
    rm "$INBOX/a.srt"
    mv "$RAW/a.wav" "$RAW/d/c.wav"
    transcribed_text() { [ -e "$1.txt" ] && [ -e "$1.json" ]; }
    wait_for transcribed_text "$INBOX/d/c"
    recording "$RAW/d/b.wav" "say other words"
    wait_for contains "$INBOX/d/b.txt" "other words"
    missing "$INBOX/d/c.srt"
    rm -r "$RAW/d"
    wait_for missing "$INBOX/d"
    assert_equal "$(worker_starts)" 3
    assert_equal "$(grep -c 'looked through' "$LOG" | awk '{print $1 < 8}')" 1
}

@test "when there are too few inotify watches the log says so, and the store is looked through instead" {
    [ "$(id -u)" = 0 ] || skip "needs root"
    unshare -Um --map-root-user true 2>/dev/null || skip "no user namespaces here"
    mkdir -p "$RAW/a" "$RAW/b" "$RAW/c"
    # The limit is that of a user namespace; the mount is seen inside only.
    unshare -Um --map-root-user sh -c 'echo 3 >/proc/sys/user/max_inotify_watches && exec "$@"' - \
        "$SCRIBEFS" -f -o "$(base_options),rescan_seconds=1" "$STORE" "$MNT" >>"$LOG" 2>&1 </dev/null 3>&- 4>&- &
    STARTED+=($!)
    wait_for contains "$LOG" 'fs.inotify.max_user_watches'
    assert_contains "$(cat "$LOG")" 'looked through every 1 seconds'
    recording "$RAW/c/late.wav"
    wait_for worker_started "$RAW/c/late.wav"
    assert_equal "$(grep -c 'max_user_watches' "$LOG")" 1
}

@test "watch = no: found at the next start" {
    start_mount watch=no
    recording "$RAW/a.wav"
    fence
    fence
    no_views "$INBOX/a"
    assert_equal "$(worker_starts)" 2
    restart
    transcribed "$INBOX/a"
}

@test "a store in memory" {
    [ "$(stat -f -c %T /dev/shm)" = tmpfs ] || skip "/dev/shm is no tmpfs"
    STORE=$(mktemp -d /dev/shm/scribefs-XXXXXX)
    RAW=$STORE/inbox
    ln -s "$STORE" "$T/store"
    start_mount
    mkdir "$RAW/d"
    recording "$RAW/d/a.wav"
    transcribed "$INBOX/d/a"
    mv "$RAW/d" "$RAW/e"
    transcribed "$INBOX/e/a"
    rm -r "$RAW/e"
    wait_for missing "$INBOX/e"
    fence
    assert_equal "$(worker_starts)" 2
    stop_mount
    rm -rf "$STORE"
}

switches() {
    cat /proc/"$DAEMON"/task/*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'
}

@test "an idle daemon sleeps" {
    start_mount
    mkdir "$RAW/d"
    recording "$RAW/d/a.wav"
    transcribed "$INBOX/d/a"
    # Whatever is still going on ends first.
    asleep() {
        local before
        before=$(switches)
        sleep 2.5 # that nothing happens in this time is the case
        [ "$(switches)" = "$before" ]
    }
    wait_for asleep
}

# ---- at the same moment -------------------------------------------------------------------------------------------------

# drive NAME DIRECTORY[:DIRECTORY] SEED [ROUNDS]: recordings are made, renamed, moved and removed there, through any of them.
drive() {
    cat >"$T/drive.py" <<'PY'
import os, random, sys, time
name, tops, seed, rounds = sys.argv[1], sys.argv[2].split(":"), int(sys.argv[3]), int(sys.argv[4])
random.seed(seed)
mine, n = [], 0
def place(leaf):
    return os.path.join(random.choice(["", "p", "q", "p/deep"]), leaf)
def at(path):
    return os.path.join(random.choice(tops), path)
def make(leaf, path, text):
    way = random.choice(["plain", "part", "slowly", "hidden"])
    if way in ("part", "hidden"):
        folder = os.path.dirname(at(path))
        temporary = os.path.join(folder, f".{leaf}.Ab12Cd" if way == "hidden" else leaf + ".part")
        with open(temporary, "w") as f:
            f.write(text)
        os.rename(temporary, os.path.join(folder, leaf))
    else:
        with open(at(path), "w") as f:
            if way == "slowly":
                f.write(text[:4])
                f.flush()
                time.sleep(random.random() / 20)
                f.write(text[4:])
            else:
                f.write(text)
def rename(old, new):
    top = random.choice(tops)
    os.rename(os.path.join(top, old), os.path.join(top, new))
for _ in range(rounds):
    what = random.random()
    n += 1
    leaf = f"{name}{n}.wav"
    if what < 0.45 or not mine:
        path = place(leaf)
        make(leaf, path, f"say {name} number {n} of {seed}\n")
        mine.append(path)
    elif what < 0.85:
        k = random.randrange(len(mine))
        path = place(leaf)
        rename(mine[k], path)
        mine[k] = path
    elif what < 0.95:
        os.unlink(at(mine.pop(random.randrange(len(mine)))))
    else:
        time.sleep(random.random() / 10)
PY
    start "drive-$1" "$PYTHON" -IB "$T/drive.py" "$1" "$2" "$3" "${4:-120}"
    DRIVEN+=($!)
}

# Every recording has its three views, and there is no other.
complete() {
    local expected found
    expected=$(cd "$RAW" && find . -name '*.wav' ! -name '.*' | sed 's/\.wav$//' | sed 'p;p' | LC_ALL=C sort)
    found=$(cd "$INBOX" && find . -name '*.txt' -o -name '*.srt' -o -name '*.json' | sed 's/\.[a-z]*$//' | LC_ALL=C sort)
    diff <(echo "$expected") <(echo "$found") >"$T/difference"
}

# bats test_tags=core
@test "changes through the mount and in the store at once: every recording has its views, none is transcribed twice" {
    start_mount
    mkdir -p "$INBOX/p/deep" "$INBOX/q"
    DRIVEN=()
    drive m "$INBOX" 1
    drive n "$INBOX" 2
    drive s "$RAW" 3
    drive t "$RAW" 4
    drive u "$INBOX:$RAW" 5
    local pid
    for pid in "${DRIVEN[@]}"; do wait "$pid" || { cat "$T"/drive-?; return 1; }; done
    allow_log 'changed or moved'
    wait_for -t 40 complete || { cat "$T/difference"; return 1; }
    fence
    complete
    assert_equal "$(twice)" ""
}

@test "folders renamed through the mount and in the store at once lose nothing" {
    start_mount
    local i
    mkdir "$INBOX/a" "$INBOX/b"
    for i in $(seq 20); do recording "$INBOX/a/a$i.wav"; recording "$RAW/b/b$i.wav"; done
    for i in $(seq 20); do transcribed "$INBOX/a/a$i" "$INBOX/b/b$i"; done
    rm "$INBOX/a/a1.srt"
    allow_log 'changed or moved'
    for i in $(seq 30); do
        mv "$INBOX/a" "$INBOX/a2"
        mv "$RAW/b" "$RAW/b2"
        mv "$RAW/a2" "$RAW/a"
        # The kernel may know the old name of this one for a second.
        mv "$INBOX/b2" "$INBOX/b" 2>/dev/null || mv "$RAW/b2" "$RAW/b"
    done
    all_but_one() { [ "$(find "$INBOX/a" "$INBOX/b" -name '*.txt' -o -name '*.srt' -o -name '*.json' | wc -l)" = 119 ]; }
    wait_for all_but_one || { find "$INBOX" "$RAW" | sort; "$SCRIBECTL" status "$INBOX" ; return 1; }
    missing "$INBOX/a/a1.srt"
    fence
    assert_equal "$(worker_starts)" 41
}
