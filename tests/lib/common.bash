# shellcheck shell=bash
# The harness of the tests on a real mount: a fresh store for every test, a daemon in the foreground with its log in a file,
# conditions instead of sleeps, and a teardown that always unmounts, ends what was started, and reads the log.
#
# A test file says:  load ../lib/common
# and gets:  $T (its own directory), $STORE, $RAW (the store's inbox), $MNT, $INBOX (the mount's inbox), $LOG, and the functions
# below. Its own setup() and teardown(), if it needs any, call common_setup and common_teardown.
# shellcheck disable=SC2034 # the variables are for the tests

bats_require_minimum_version 1.5.0

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(realpath -m "${SCRIBEFS_BUILD:-$ROOT/build}")
SCRIBEFS=$BUILD/scribefs
export SCRIBECTL=$BUILD/scribectl
WORKER=$BUILD/libexec/worker
LIB=$ROOT/tests/lib
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3
SPEECH_DATA=/usr/share/pocketsphinx/test/data/librivox
SPEECH=sense_and_sensibility_01_austen_64kb
# A test that hangs must not take the others along. A file that needs more than the usual time sets TEST_SECONDS before it loads this.
TIME_FACTOR=${TEST_TIME_FACTOR:-1}
case $BUILD in *asan | *tsan) TIME_FACTOR=$((TIME_FACTOR * 3)) ;; esac
export BATS_TEST_TIMEOUT=$((${TEST_SECONDS:-100} * TIME_FACTOR))

# Words that a healthy daemon has no reason to write: the idea is from sshfs's tests.
SUSPICIOUS='error|warn|assert|sanitizer|leak|traceback|panic|runtime error|data race'

# ---- Where a test lives ----------------------------------------------------------------------------------------------

common_setup() {
    umask 022
    unset LANGUAGE LC_ALL # what is said to people is compared in English
    export LC_MESSAGES=C
    T=$(mktemp -d "${TMPDIR:-/tmp}/scribefs-XXXXXX")
    chmod 755 "$T"
    STORE=$T/store RAW=$T/store/inbox MNT=$T/mnt INBOX=$T/mnt/inbox LOG=$T/scribefs.log
    mkdir "$MNT"
    DAEMON='' MOUNT_OPTIONS='' EXTRA_OPTIONS='' ALLOWED_LOG='' STARTED=()
    : >"$LOG"
    require_fuse
}

require_fuse() {
    if [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ]; then
        skip "/dev/fuse cannot be opened here"
    fi
    [ "$(id -u)" = 0 ] || command -v fusermount3 >/dev/null || skip "fusermount3 is not installed"
}

setup() {
    common_setup
}

teardown() {
    common_teardown
}

# Some of the .json, .srt and .vtt views that the test came across, for tests/run to look at.
keep_views() {
    [ -d "$STORE/state" ] && [ -w "${SCRIBEFS_TEST_VIEWS:-}" ] || return 0
    find "$STORE/state/views" "$STORE/state/results" -type f -size -200k 2>/dev/null | head -n 100 |
        xargs -r -d '\n' grep -lsF '"schema": "scribefs/1",' | head -n 5 |
        xargs -r -d '\n' cp --backup=numbered -t "$SCRIBEFS_TEST_VIEWS" 2>/dev/null || :
    find "$STORE/state/views" -type f -size -200k 2>/dev/null | head -n 100 |
        xargs -r -d '\n' grep -laE -m 1 '^[0-9:]+[,.][0-9]{3} --> ' | head -n 2 |
        xargs -r -d '\n' cp --backup=numbered -t "$SCRIBEFS_TEST_VIEWS" 2>/dev/null || :
}

# Fails the test if the daemon died, does not end on SIGTERM, or wrote something suspicious.
common_teardown() {
    local trouble=0 pid point
    [ -n "${T:-}" ] || return 0
    if [ -n "$DAEMON" ]; then
        if running "$DAEMON"; then
            stop_mount || trouble=1
        else
            echo "the daemon died: exit status $(wait "$DAEMON" && echo 0 || echo $?)"
            trouble=1
        fi
    fi
    for pid in "${STARTED[@]}"; do
        end_process "$pid"
    done
    mounts_below "$T" | while IFS= read -r point; do
        echo "still mounted: $point"
        force_unmount "$point"
    done
    keep_views
    if suspicious_lines "$LOG"; then
        echo "the log has suspicious lines (above)"
        trouble=1
    fi
    if [ $trouble = 1 ] || [ -z "${BATS_TEST_COMPLETED:-}${BATS_TEST_SKIPPED:-}" ]; then
        echo "--- the end of the daemon's log:"
        tail -n 60 "$LOG" || :
        [ ! -s "$T/worker/log" ] || { echo "--- the workers:" && tail -n 40 "$T/worker/log"; }
    fi
    chmod -R u+rwX "$T" 2>/dev/null || :
    rm -rf "$T" || trouble=1
    return $trouble
}

# allow_log REGEX: lines that match it are expected in this test.
allow_log() {
    ALLOWED_LOG=${ALLOWED_LOG:+$ALLOWED_LOG|}$1
}

suspicious_lines() {
    if [ -n "$ALLOWED_LOG" ]; then
        grep -aEiv -- "$ALLOWED_LOG" "$1" | grep -aEi -- "$SUSPICIOUS"
    else
        grep -aEi -- "$SUSPICIOUS" "$1"
    fi
}

# ---- Conditions ------------------------------------------------------------------------------------------------------

# wait_for [-t SECONDS] COMMAND…: until it succeeds; fails after the deadline (default 20 s; longer in a sanitizer build), or
# at once when the daemon dies meanwhile.
wait_for() {
    local seconds=20 deadline
    if [ "$1" = -t ]; then
        seconds=$2
        shift 2
    fi
    seconds=$((seconds * TIME_FACTOR))
    deadline=$((SECONDS + seconds))
    until "$@"; do
        if [ -n "${DAEMON:-}" ] && ! running "$DAEMON"; then
            echo "the daemon ended while waiting for: $*"
            return 1
        fi
        if [ $SECONDS -gt $deadline ]; then
            echo "waited $seconds seconds in vain for: $*"
            return 1
        fi
        sleep 0.05
    done
}

# refute COMMAND…: it must fail.
refute() {
    if "$@"; then
        echo "succeeded, but should have failed: $*"
        return 1
    fi
}

assert_equal() { # ACTUAL EXPECTED
    if [ "$1" != "$2" ]; then
        printf 'got:      %q\nexpected: %q\n' "$1" "$2"
        return 1
    fi
}

# assert_contains TEXT REGEX (extended)
assert_contains() {
    if ! grep -Eq -- "$2" <<<"$1"; then
        printf 'no match for %q in:\n%s\n' "$2" "$1"
        return 1
    fi
}

exists() {
    [ -e "$1" ] || [ -L "$1" ]
}

missing() {
    ! exists "$1"
}

contains() { # FILE REGEX
    grep -Eqs -- "$2" "$1"
}

# listed DIRECTORY NAME: as readdir says, without a lookup of the name.
listed() {
    find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -Fxq -- "$2"
}

# names DIRECTORY: what is in it, sorted, on one line.
names() {
    # shellcheck disable=SC2012 # the names are ours
    LC_ALL=C ls -A "$1" | tr '\n' ' ' | sed 's/ $//'
}

note() { # a line for the report, also when the test passes
    echo "# note: $*" >&3
}

py() {
    "$PYTHON" -IB "$@"
}

# ---- The daemon ------------------------------------------------------------------------------------------------------

running() { # PID: and not a zombie
    local state
    state=$(sed 's/.*) //;s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ "$state" != Z ] && [ -n "$state" ]
}

not_running() {
    ! running "$1"
}

# Mount points below a directory, deepest first. mountinfo is read, not stat(): a dead mount must be seen too.
mounts_below() {
    awk -v top="$1/" 'index($5, top) == 1 { print length($5), $5 }' /proc/self/mountinfo | sort -rn | cut -d' ' -f2-
}

is_mounted() { # [MOUNTPOINT]
    awk -v point="${1:-$MNT}" '$5 == point && / - fuse/ { found = 1 } END { exit !found }' /proc/self/mountinfo
}

not_mounted() {
    ! is_mounted "$@"
}

force_unmount() {
    if [ "$(id -u)" = 0 ]; then
        umount -l "$1"
    else
        fusermount3 -uz "$1"
    fi
}

# Quick settle times: the tests watch conditions, not clocks. The engine's files are in the main build directory.
base_options() {
    local options=quiet_ms=200,slow_ms=400,renamed_ms=100
    if [ -e "$ROOT/build/vosk/lib/libvosk.so" ] && [ "$BUILD" != "$ROOT/build" ]; then
        options=$options,vosk=$ROOT/build/vosk/lib/libvosk.so,model=$ROOT/build/vosk/model
    fi
    printf %s "$options${EXTRA_OPTIONS:+,$EXTRA_OPTIONS}"
}

# start_mount [OPTIONS]: a daemon on $STORE and $MNT, usable when this returns.
start_mount() {
    MOUNT_OPTIONS=${1:-}
    "$SCRIBEFS" -f -o "$(base_options)${1:+,$1}" "$STORE" "$MNT" >>"$LOG" 2>&1 </dev/null 3>&- 4>&- &
    DAEMON=$!
    wait_for usable
}

# A dead mount is in mountinfo too, and its attributes may be cached: only a listing tells.
usable() {
    is_mounted && ls "$INBOX" >/dev/null 2>&1
}

# Ends it as an administrator does; the daemon must unmount and say goodbye with status 0.
stop_mount() {
    local pid=$DAEMON status=0
    DAEMON=''
    kill -TERM "$pid"
    if ! wait_for not_running "$pid"; then
        kill -KILL "$pid"
        wait "$pid" || :
        force_unmount "$MNT" || :
        return 1
    fi
    wait "$pid" || status=$?
    [ $status = 0 ] || echo "the daemon ended with status $status"
    if is_mounted; then
        echo "the daemon left its mount behind"
        force_unmount "$MNT"
        return 1
    fi
    return $status
}

restart() {
    stop_mount
    start_mount "$MOUNT_OPTIONS"
}

# Power gone: the daemon is killed, its dead mount cleared away.
crash_mount() {
    local pid=$DAEMON
    DAEMON=''
    kill -KILL "$pid"
    { wait "$pid" || :; } 2>/dev/null # bash would announce its death
    # Its children end by themselves; a mount that is gone already is fine.
    is_mounted && force_unmount "$MNT"
    wait_for not_mounted
}

# start NAME COMMAND…: a helper in the background, ended by teardown; output in $T/NAME.
start() {
    local name=$1
    shift
    "$@" >"$T/$name" 2>&1 </dev/null 3>&- 4>&- &
    STARTED+=($!)
}

end_process() {
    running "$1" || return 0
    kill -CONT "$1" 2>/dev/null || :
    kill -TERM "$1" 2>/dev/null || :
    wait_for -t 5 not_running "$1" || kill -KILL "$1" 2>/dev/null || :
}

# Ids of the daemon's children whose command line matches REGEX.
children() {
    local pid
    # shellcheck disable=SC2013 # they are words
    for pid in $(cat "/proc/$DAEMON/task"/*/children 2>/dev/null); do
        if running "$pid" && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -Eq -- "${1:-.}"; then
            echo "$pid"
        fi
    done
}

some_child() {
    [ -n "$(children "$1")" ]
}

# ---- Recordings and workers ------------------------------------------------------------------------------------------

# speech NNNN: the path of a librivox recording (0870 0880 0890 0920 0930) of Debian's pocketsphinx-testdata.
speech() {
    printf %s "$SPEECH_DATA/$SPEECH-$1.wav"
}

# reference NNNN: what is said in it.
reference() {
    sed -n "s/^<s> \(.*\) <\/s> ($SPEECH-$1)\$/\1/p" "$SPEECH_DATA/transcription"
}

# spoken FILE: a .txt without the lines about the recording.
spoken() {
    awk 'NR == 1 && /^\[/ { said = 1 } said; /^$/ { said = 1 }' "$1"
}

# word_error_rate REFERENCE HYPOTHESIS: "errors words percent".
word_error_rate() {
    "$PYTHON" -IB "$LIB/wer.py" "$1" "$2"
}

# fake_worker: the mount's jobs are done by tests/lib/fake-worker instead of a recogniser. What it does is decided by the
# recording's first line (see there) and by the files in $T/worker: `hold` makes it wait, `log` says what it did.
fake_worker() {
    mkdir -p "$T/worker"
    : >"$T/worker/log"
    chmod 777 "$T/worker"
    chmod 666 "$T/worker/log"
    {
        echo '#!/bin/sh'
        printf 'exec %s -IB %q %q "$@"\n' "$PYTHON" "$LIB/fake-worker" "$T/worker"
    } >"$T/worker/run"
    chmod 755 "$T/worker/run"
    EXTRA_OPTIONS=${EXTRA_OPTIONS:+$EXTRA_OPTIONS,}worker=$T/worker/run
}

# counted_worker: the real worker, with each start noted in $T/worker/log.
counted_worker() {
    mkdir -p "$T/worker"
    : >"$T/worker/log"
    {
        echo '#!/bin/sh'
        # shellcheck disable=SC2016 # for the script that is written
        printf 'echo "start $(sha256sum /dev/fd/3 | cut -c1-64) $$" >>%q\n' "$T/worker/log"
        printf 'exec %q "$@"\n' "$WORKER"
    } >"$T/worker/run"
    chmod 755 "$T/worker/run"
    EXTRA_OPTIONS=${EXTRA_OPTIONS:+$EXTRA_OPTIONS,}worker=$T/worker/run
}

# worker_log EVENT FILE: how often the fake worker had EVENT (start, finish) for this content.
worker_log() {
    grep -c "^$1 $(content_of "$2")" "$T/worker/log" || :
}

content_of() {
    sha256sum <"$1" 2>/dev/null | cut -c1-64
}

worker_starts() {
    grep -c '^start' "$T/worker/log" || :
}

worker_started() { # FILE
    [ "$(worker_log start "$1")" -ge 1 ]
}

hold_workers() {
    : >"$T/worker/hold"
}

free_workers() {
    rm -f "$T/worker/hold"
}

# recording FILE [LINE]: a recording for the fake worker; the content differs for every file name.
recording() {
    printf '%s\n%s\n' "${2:-say the words of $(basename "$1")}" "$1" >"$1"
}

# transcribed BASE…: waits until all three views of each are there (BASE is a path without the view's suffix).
transcribed() {
    local base
    for base in "$@"; do
        wait_for test -e "$base.txt"
        wait_for test -e "$base.srt"
        wait_for test -e "$base.json"
    done
}

# fence: returns when everything that had settled before this call has been through the queue: a recording dropped now has its
# transcript. For checks that something did NOT happen.
fence() {
    FENCE=$((${FENCE:-0} + 1))
    mkdir -p "$INBOX/fence"
    recording "$INBOX/fence/$FENCE.wav"
    transcribed "$INBOX/fence/$FENCE"
}
