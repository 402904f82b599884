#!/usr/bin/env bats
# Many recordings, many watchers, many writers, for a while: nothing is lost, nothing grows without end.
# time limit: 3600

TEST_SECONDS=3500
load ../lib/common

setup() {
    common_setup
    fake_worker
}

resident_kib() {
    awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON/status"
}

@test "5,000 recordings in 50 directories, listed and renamed all the while" {
    local i
    start_mount
    mkdir -p "$T/tree"
    for i in $(seq 5000); do
        mkdir -p "$T/tree/$((i % 50))"
        recording "$T/tree/$((i % 50))/talk-$i.wav"
    done
    start lister sh -c "while [ -d '$INBOX' ]; do ls -lR '$INBOX' >/dev/null 2>&1; done"
    rsync -a "$T/tree/" "$INBOX/"
    for i in $(seq 0 49); do
        mv "$INBOX/$i" "$INBOX/moved-$i"
    done
    wait_for -t 1800 all_views 5000
    assert_equal "$(grep '^start' "$T/worker/log" | sort | uniq -d | wc -l)" 0
    note "resident with 5,000 recordings: $(($(resident_kib) / 1024)) MiB"
    restart
    wait_for -t 60 all_views 5000
    assert_equal "$(worker_starts)" 5000
    find "$INBOX" -name '*.txt' -print0 | xargs -0 cat | grep -c "the words of" | grep -qx 5000
}

all_views() { # NUMBER
    [ "$(find "$INBOX" \( -name '*.txt' -o -name '*.srt' -o -name '*.json' \) | wc -l)" = $(($1 * 3)) ]
}

@test "drop and delete for ten minutes: memory, descriptors and threads stay where they are" {
    local end i=0 early late
    start_mount
    end=$((SECONDS + ${SOAK_SECONDS:-600}))
    while [ $SECONDS -lt $end ]; do
        i=$((i + 1))
        recording "$INBOX/talk-$i.wav"
        [ $i -le 20 ] || rm -f "$INBOX/talk-$((i - 20)).wav"
        [ $i -ne 300 ] || early=$(resident_kib)
    done
    late=$(resident_kib)
    note "$i drops; resident after 300: $((early / 1024)) MiB, at the end: $((late / 1024)) MiB"
    [ $((late - early)) -lt 100000 ]
    [ "$(find "/proc/$DAEMON/fd" -mindepth 1 | wc -l)" -lt 300 ]
    [ "$(find "/proc/$DAEMON/task" -mindepth 1 -maxdepth 1 | wc -l)" -lt 60 ]
}
