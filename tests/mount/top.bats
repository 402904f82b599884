#!/usr/bin/env bats
# The pages at the top of the mount: status.html, status.json, metrics.txt (status.txt is in posix.bats).

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

metric() { # SAMPLE: its value; fails when the text is no OpenMetrics
    py "$LIB/openmetrics.py" <"$MNT/metrics.txt" >"$T/metrics" && awk -v name="$1" '$1 == name { print $2 }' "$T/metrics"
}

metric_is() { # SAMPLE VALUE
    [ "$(metric "$1")" = "$2" ]
}

json_is() { # FILTER
    jq -e "$1" <"$MNT/status.json" >/dev/null
}

# bats test_tags=core
@test "the pages say the same: what runs, what failed and why, what was done, also after a restart and a deletion" {
    allow_log 'media\.decode|fail'
    hold_workers
    recording "$INBOX/slow & <b>.wav"
    wait_for contains "$MNT/status.html" 'slow &amp; &lt;b&gt;\.wav'
    wait_for contains "$MNT/status.html" '<progress'
    refute contains "$MNT/status.html" '<b>\.wav'
    wait_for json_is '.counts.running == 1 and .items[0].path == "slow & <b>.wav"'
    metric_is 'scribefs_recordings{state="running"}' 1
    free_workers
    mkdir "$INBOX/dir"
    recording "$INBOX/dir/bad.wav" "fail media.decode"
    wait_for contains "$MNT/status.html" 'href="inbox/dir/bad\.FAILED\.txt"'
    wait_for json_is '.counts == {"arriving":0,"queued":0,"running":0,"done":1,"failed":1} and .days[30].done == 1
        and .days[30].failed == 1 and .days[30].audio_ms > 0 and .disk.size_bytes > 0'
    wait_for metric_is 'scribefs_jobs_total{outcome="done"}' 1
    wait_for json_is '.cache.files > 0'
    # The link leads to the file.
    [ -s "$MNT/inbox/dir/bad.FAILED.txt" ]
    # Where there are no such texts it leads to the recording.
    echo 'status_files = no' >"$INBOX/dir/.scribefs.conf"
    wait_for contains "$MNT/status.html" 'href="inbox/dir/bad\.wav"'
    refute contains "$MNT/status.html" 'bad\.FAILED'
    rm "$INBOX/dir/.scribefs.conf"
    wait_for contains "$MNT/status.html" 'href="inbox/dir/bad\.FAILED\.txt"'
    # What was done stays done.
    rm -r "$INBOX/dir" "$INBOX/slow & <b>.wav"
    wait_for metric_is 'scribefs_recordings{state="done"}' 0
    stop_mount
    start_mount
    metric_is 'scribefs_jobs_total{outcome="done"}' 1
    metric_is 'scribefs_jobs_total{outcome="failed"}' 1
    json_is '.ever.done == 1 and .ever.audio_ms > 0 and (.days | length) == 31'
}

@test "private pages are for the daemon's user alone" {
    restart_private() { stop_mount && start_mount status.private=yes; }
    assert_equal "$(stat -c %a "$MNT/status.txt")" 444
    restart_private
    assert_equal "$(stat -c '%a %u' "$MNT"/status.* "$MNT/metrics.txt" | sort -u)" "400 $(id -u)"
    grep -q . "$MNT/status.json"
    [ "$(id -u)" = 0 ] || return 0
    refute setpriv --reuid 4321 --regid 4321 --clear-groups cat "$MNT/status.txt"
}

@test "the pages are files with exact sizes, of one moment for each reader, and nobody can change them" {
    local page
    for page in status.html status.json metrics.txt; do
        assert_equal "$(wc -c <"$MNT/$page")" "$(stat -c %s "$MNT/$page")"
        refute sh -c "echo x >>'$MNT/$page'" 2>/dev/null
        refute rm "$MNT/$page" 2>/dev/null
        refute mv "$MNT/$page" "$MNT/inbox/" 2>/dev/null
        refute touch "$MNT/$page" 2>/dev/null
    done
    assert_equal "$(find "$MNT" -maxdepth 1 -type f -printf '%i\n' | sort -u | wc -l)" 4
    exec 5<"$MNT/status.json"
    recording "$INBOX/new.wav"
    wait_for json_is '.counts.done == 1'
    jq -e '.counts.done == 0' <&5
    exec 5<&-
}

@test "scribectl status --json of everything is status.json; of a part it has no days" {
    recording "$INBOX/one.wav"
    transcribed "$INBOX/one"
    "$SCRIBECTL" status --json "$MNT" | jq -e '(.days | length) == 31 and .ever.done == 1 and .disk.size_bytes > 0'
    diff <("$SCRIBECTL" status --json "$MNT" | jq 'keys') <(jq keys <"$MNT/status.json")
    "$SCRIBECTL" status --json "$INBOX/one.wav" | jq -e 'has("days") | not'
}
