#!/usr/bin/env bats
# The cloud, for longer: many kills among many recordings of every kind, and as many running tasks as there may be.
# CLOUD_JOBS, CLOUD_KILLS: how many of each (200, 40). CLOUD_TASKS: running tasks (10,000).
# time limit: 7200

TEST_SECONDS=7000
load ../lib/common
load ../lib/emulator
load ../lib/cloud_kills

setup() {
    cloud_setup
}

teardown() {
    cloud_teardown
}

@test "200 mixed jobs, killed in every window: every view, nothing paid for twice, nothing left behind" {
    cloud_kills "${CLOUD_JOBS:-200}" "${CLOUD_KILLS:-40}"
}

# The service takes 1,200 tasks of this model a minute: ten thousand need nine minutes to be submitted.
@test "10,000 running tasks: one poller asks about all of them in turn, inside its budget" {
    local tasks=${CLOUD_TASKS:-10000} rate=100 before after
    script '{"match":{},"text":"It was heard."}'
    switch "{\"query_qps\":$rate,\"running_ms\":36000000}"
    recordings "$tasks"
    cloud_mount dashscope.model=paraformer-v2 dashscope.queries_per_second=$rate dashscope.poll_ms=2000
    note "resident without tasks: $(resident_kib) KiB"
    cp -r "$T/recordings" "$INBOX/many"
    wait_for -t $((tasks / 5 + 60)) slowly counter_is .tasks.SUBMITTED "$tasks"
    wait_for -t $((tasks / rate * 22 / 20 + 60)) slowly counter_is '.queries_by_task | length' "$tasks"
    before=$(control GET counters | jq -c .queries_by_task)
    report_cpu 30
    # Two rounds, each a second for as many as may be asked about, and a twentieth; and the rest of the round it is in.
    sleep $((2 * tasks / rate * 22 / 20 + 15)) # time is what is tested here
    after=$(control GET counters | jq -c .queries_by_task)
    note "resident: $(resident_kib) KiB, threads: $(find "/proc/$DAEMON/task" -mindepth 1 -maxdepth 1 | wc -l)," \
        "descriptors: $(find "/proc/$DAEMON/fd" -mindepth 1 | wc -l)"
    printf '%s\n%s\n' "$before" "$after" | jq -es '.[0] as $before | .[1] | to_entries | map(.value - $before[.key]) | min >= 2'
    assert_equal "$(counter '.statuses["429"]')" 0
    [ "$(find "/proc/$DAEMON/task" -mindepth 1 -maxdepth 1 | wc -l)" -lt 60 ]
    control POST clock '{"advance_ms":36000000}' >/dev/null
    wait_for -t $((tasks / 5 + 120)) all_there "$tasks"
    assert_equal "$(counter .tasks.SUBMITTED)" "$tasks"
}

# The counters of ten thousand tasks are so long that asking for them all the time would be what is measured.
slowly() { # COMMAND…
    sleep 5
    "$@"
}

recordings() { # NUMBER: each with another content
    mkdir "$T/recordings"
    py - "$T/recordings" "$1" <<'END_OF_SCRIPT'
import random, sys, wave

for n in range(int(sys.argv[2])):
    with wave.open(f"{sys.argv[1]}/talk-{n}.wav", "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(random.Random(n).randbytes(6400))
END_OF_SCRIPT
}

resident_kib() {
    awk '/^VmRSS/ { print $2 }' "/proc/$DAEMON/status"
}

report_cpu() { # SECONDS
    local before after
    before=$(awk '{ print $14 + $15 }' "/proc/$DAEMON/stat")
    sleep "$1"
    after=$(awk '{ print $14 + $15 }' "/proc/$DAEMON/stat")
    note "processor: $(((after - before) * 100 / $1 / $(getconf CLK_TCK))) % of one"
}

all_there() { # NUMBER
    [ "$(find "$INBOX/many" -name '*.json' | wc -l)" = "$1" ]
}
