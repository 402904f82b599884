#!/usr/bin/env bats
# The mount behind a real Samba server: what clients do, what they are told, and the same outcome of Samba's own test suite as on
# a plain directory. With INTEROP_FULL=1 (make interop-full) all of that suite that says anything about the disk below.
# time limit: 400

TEST_SECONDS=200
load ../lib/common
load ../lib/samba

setup() {
    common_setup
    fake_worker
    export LC_ALL=C.UTF-8
}

shared() { # [LINE…]
    require_samba
    start_mount
    samba_start "$@"
}

# Views as a client sees them.
smb_has() { # NAME…
    local listing name
    listing=$(smb mount ls 2>/dev/null | sed -E 's/^  (.*[^ ]) +[A-Z]+ +[0-9]+  .*/\1/')
    for name in "$@"; do
        grep -Fxq -- "$name" <<<"$listing" || return 1
    done
}

smb_has_not() { # NAME…
    local name
    for name in "$@"; do
        smb_has "$name" && return 1
    done
    return 0
}

@test "put, get, rename, put again, delete: the views follow, and nothing is transcribed twice" {
    shared
    recording "$T/talk.wav"
    recording "$T/second.wav" "say the second words"
    smb mount "put $T/talk.wav talk.wav"
    wait_for smb_has talk.txt talk.srt talk.json
    smb mount "get talk.txt $T/talk.txt" "get talk.wav $T/back.wav"
    cmp "$INBOX/talk.txt" "$T/talk.txt"
    cmp "$T/talk.wav" "$T/back.wav"

    smb mount "rename talk.wav speech.wav"
    wait_for smb_has speech.txt speech.srt speech.json
    wait_for smb_has_not talk.txt talk.srt talk.json
    smb mount "put $T/talk.wav speech.wav"
    wait_for smb_has speech.txt speech.srt speech.json
    fence
    assert_equal "$(worker_log start "$T/talk.wav")" 1

    smb mount "put $T/second.wav speech.wav"
    wait_for contains "$INBOX/speech.txt" "second words"
    smb mount "get speech.txt $T/speech.txt"
    assert_contains "$(cat "$T/speech.txt")" "second words"

    smb mount "mkdir sub" "rename speech.wav sub\\speech.wav"
    wait_for exists "$INBOX/sub/speech.srt"
    smb mount "del sub\\speech.wav"
    wait_for missing "$INBOX/sub/speech.srt"
    assert_equal "$(names "$INBOX/sub")" ""
    assert_equal "$(worker_log start "$T/second.wav")" 1
}

@test "views edited, renamed and deleted by a client" {
    shared
    recording "$T/talk.wav"
    smb mount "put $T/talk.wav talk.wav"
    wait_for smb_has talk.txt talk.srt talk.json
    echo "my own words" >"$T/mine.txt"
    smb mount "put $T/mine.txt talk.txt"
    cmp "$T/mine.txt" "$RAW/talk.txt"
    assert_equal "$(stat -c %U "$RAW/talk.txt")" "$SMB_USER"
    smb mount "rename talk.srt minutes.srt"
    cmp "$RAW/minutes.srt" "$INBOX/minutes.srt"
    smb mount "del talk.json"
    smb_has_not talk.json talk.srt
    restart_samba_and_mount
    smb_has_not talk.json talk.srt
    smb_has talk.txt minutes.srt talk.wav
    assert_equal "$(worker_starts)" 1
}

restart_samba_and_mount() {
    end_process "${STARTED[-1]}"
    restart
    samba_start
}

@test "a folder with recordings and views goes as a whole" {
    shared
    smb mount "mkdir dir" "mkdir dir\\sub"
    for name in dir/one.wav dir/two.wav dir/sub/three.wav; do
        recording "$T/put.wav" "say the words of $name"
        smb mount "put $T/put.wav ${name//\//\\}"
    done
    transcribed "$INBOX/dir/one" "$INBOX/dir/two" "$INBOX/dir/sub/three"
    smb mount "deltree dir"
    missing "$INBOX/dir"
    missing "$RAW/dir"
    assert_equal "$(smb mount 'ls dir' 2>&1 | grep -c NT_STATUS_NO_SUCH_FILE)" 1
}

# One client: puts five recordings, waits for its transcripts, takes them away, deletes one.
client() { # NUMBER
    local i
    mkdir -p "$T/client-$1"
    for i in 1 2 3 4 5; do
        recording "$T/client-$1/talk-$1-$i.wav"
    done
    smb mount "lcd $T/client-$1" "prompt off" "mput *.wav" ls || return 1
    for i in 1 2 3 4 5; do
        wait_for -t 60 smb_gets "talk-$1-$i.txt" "$T/client-$1/$i.txt" || return 1
        grep -q "the words of talk-$1-$i.wav" "$T/client-$1/$i.txt" || return 1
    done
    smb mount "del talk-$1-1.wav" "rename talk-$1-2.wav renamed-$1.wav"
}

smb_gets() { # NAME FILE
    smb mount "get $1 $2" >/dev/null 2>&1
}

@test "eight clients at once" {
    shared
    local pids=() number pid
    for number in 1 2 3 4 5 6 7 8; do
        client "$number" >"$T/client-$number.log" 2>&1 3>&- 4>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    for number in 1 2 3 4 5 6 7 8; do
        transcribed "$INBOX/renamed-$number" "$INBOX/talk-$number-5"
        wait_for missing "$INBOX/talk-$number-1.txt"
        cmp "$T/client-$number/talk-$number-4.wav" "$RAW/talk-$number-4.wav"
    done
    wait_for view_count_is 32
    assert_equal "$(worker_starts)" 40
}

view_count_is() {
    [ "$(find "$INBOX" -name '*.srt' | wc -l)" = "$1" ]
}

@test "names of every script, composed and decomposed, and of 255 bytes" {
    shared
    local long names base
    long=$(printf 'ü%.0s' {1..125})
    names=("Gespräch in Zürich" "Интервью" "東京の会議" "لقاء" "🎤 démo" $'Decomposed e\u0301' "a 'quoted' & (odd) one, 100%" "$long")
    for base in "${names[@]}"; do
        recording "$T/put.wav" "say the words of $base"
        smb mount "put $T/put.wav \"$base.wav\""
    done
    for base in "${names[@]}"; do
        exists "$RAW/$base.wav"
        if [ "$base" != "$long" ]; then
            wait_for exists "$INBOX/$base.txt"
            smb mount "get \"$base.txt\" $T/got.txt"
            cmp "$INBOX/$base.txt" "$T/got.txt"
        fi
    done
    # Its views have a shorter stem.
    wait_for long_name_is_done
    smb mount "del \"$long.wav\""
    wait_for refute long_name_is_done
}

long_name_is_done() {
    smb mount ls | grep -Eq '^  ü{80,}~[0-9a-f]{6}\.txt '
}

notified() { # CODE NAME: 0001 it is there, 0002 it has gone, 0003 it has changed
    grep -Eq -- "^$1 $2\$" "$T/notify"
}

@test "a client that watches the folder is told when views appear and when they go" {
    shared
    start notify stdbuf -oL smbclient -s "$SMB_CONF" -p "$SMB_PORT" -U "$SMB_USER%$SMB_PASSWORD" //127.0.0.1/mount -c 'notify \'
    wait_for probed
    recording "$INBOX/talk.wav"
    for view in txt srt json; do
        wait_for notified 0001 "talk.$view"
    done
    rm "$INBOX/talk.wav"
    for view in txt srt json; do
        wait_for notified 0002 "talk.$view"
    done
}

probed() {
    echo x >"$INBOX/probe.md"
    rm "$INBOX/probe.md"
    notified 0002 probe.md
}

@test "the README's share definition works, with streams and what macOS leaves behind" {
    local lines
    mapfile -t lines < <(sed -n '/^    \[recordings\]/,/^$/p' "$ROOT/README.md" | grep -Ev '\[recordings\]|path =|^$')
    [ ${#lines[@]} -ge 2 ]
    shared "${lines[@]}"
    testparm -s "$SMB_CONF" 2>&1 | tee "$T/testparm" | refute grep -Ei 'unknown|ignoring'
    assert_contains "$(cat "$T/testparm")" "vfs objects = catia fruit streams_xattr"
    recording "$T/talk.wav"
    printf '[ZoneTransfer]\r\nZoneId=3\r\n' >"$T/zone"
    smb mount "put $T/talk.wav talk.wav" "put $T/zone talk.wav:Zone.Identifier"
    wait_for smb_has talk.txt talk.srt talk.json
    smb mount "put $T/zone talk.wav:Comment" "get talk.wav:Zone.Identifier $T/zone.back"
    cmp "$T/zone" "$T/zone.back"
    # Finder's own files are kept, and nothing comes of them.
    smb mount "put $T/zone .DS_Store" "put $T/zone .apdisk" "mkdir .TemporaryItems" "put $T/talk.wav .TemporaryItems\\talk.wav"
    fence
    assert_equal "$(worker_log start "$T/talk.wav")" 1
    missing "$INBOX/.TemporaryItems/talk.txt"
}

# ---- Samba's own test suite --------------------------------------------------------------------------------------------

# as_on_plain TEST…: of smbtorture; what succeeds or is skipped on the plain directory must do so on the mount. Both shares are asked
# at the same time. What some tests are told depends on the moment at which smbd reads its events, on either share; so a
# difference is one that is there three times.
as_on_plain() {
    local test differ=0 count=0 try
    require_samba smbtorture
    start_mount
    samba_start "vfs objects = streams_xattr acl_xattr"
    for test in "$@"; do
        for try in 1 2 3; do
            no_difference "$test" && break
            echo "$test, try $try, not on the mount: $(cat "$T/differences")"
            grep -aA 4 '^failure' "$T/torture.mount" || :
            [ $try -lt 3 ] || differ=1
        done
        count=$((count + $(grep -c ' success$' "$T/outcome.mount" || :)))
    done
    note "smbtorture: $count successes"
    [ "$count" -gt 0 ] && [ $differ = 0 ]
}

no_difference() { # TEST
    torture plain "$1" >"$T/outcome.plain" &
    local plain=$!
    torture mount "$1" >"$T/outcome.mount"
    wait $plain
    [ -s "$T/outcome.plain" ] && ! grep -E ' (success|skip)$' "$T/outcome.plain" | grep -vxF -f "$T/outcome.mount" >"$T/differences"
}

full() {
    [ -n "${INTEROP_FULL:-}" ]
}

@test "smbtorture, names and directories: as on a plain directory" {
    local tests=(smb2.create smb2.rename smb2.delete-on-close-perms smb2.mkdir smb2.fileid smb2.openattr smb2.mangle smb2.charset
        smb2.dir.find smb2.dir.fixed smb2.dir.one smb2.dir.file-index)
    full && tests+=(smb2.dir smb2.compound_find smb2.compound smb2.maximum_allowed smb2.deny smb2.scan smb2.acls)
    as_on_plain "${tests[@]}"
}

@test "smbtorture, content and locks: as on a plain directory" {
    local tests=(smb2.read smb2.rw smb2.lock smb2.sharemode)
    full && tests+=(smb2.ioctl smb2.zero-data-ioctl smb2.set-sparse-ioctl smb2.credits)
    as_on_plain "${tests[@]}"
}

@test "smbtorture, attributes, times and streams: as on a plain directory" {
    local tests=(smb2.getinfo smb2.setinfo smb2.streams smb2.winattr smb2.dosmode smb2.ea smb2.timestamps.time_t_0
        smb2.timestamps.time_t_1 smb2.timestamps.time_t_-1 smb2.timestamps.time_t_1968 smb2.timestamps.time_t_4294967295)
    full && tests+=(smb2.timestamps smb2.timestamp_resolution smb2.sdread)
    as_on_plain "${tests[@]}"
}

@test "smbtorture, events, leases, and handles that outlive a connection: as on a plain directory" {
    local tests=(smb2.notify-inotify smb2.notify.tdis smb2.notify.file smb2.notify.close smb2.lease.request smb2.oplock.batch1
        smb2.durable-open.open-oplock)
    full && mapfile -t -O ${#tests[@]} tests < <(torture_tests smb2.notify smb2.lease smb2.oplock smb2.durable-open smb2.durable-v2-open)
    as_on_plain "${tests[@]}"
}

@test "the mount itself as a share: the pages, and search, whose links lead to the recordings" {
    shared
    recording "$INBOX/talk.wav" "say the new budget"
    transcribed "$INBOX/talk"
    wait_for smb_finds
    smb top "cd search\\budget" "get hits.txt $T/hits.txt" "get talk.wav $T/back.wav"
    assert_contains "$(cat "$T/hits.txt")" 'the new \[budget\]'
    cmp "$T/back.wav" "$INBOX/talk.wav"
    smb top "get status.html $T/status.html" "get metrics.txt $T/metrics.txt"
    assert_contains "$(cat "$T/status.html")" '</html>'
}

smb_finds() {
    smb top "cd search\\budget" ls 2>/dev/null | grep -q 'talk\.wav'
}
