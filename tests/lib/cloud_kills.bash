# shellcheck shell=bash
# Many recordings, many kills: the daemon is killed again and again, in every window between an intent and its end, while it has
# recordings of every kind of model and every place to publish at work. Then everything must be there, and nothing left over.
#
#   cloud_kills JOBS KILLS   needs lib/common and lib/emulator, and cloud_setup
#
# Every recording says something of its own, so that a text under a wrong name would be seen.

# The turns: kind, what its requests are called, and the settings. Recordings that were dropped in one turn go on in the next,
# under its settings for publishing.
cloud_turns() {
    local oss="publish.method=oss publish.endpoint=http://scribefs-test.oss-cn-beijing.localhost:$EMULATOR_PORT"
    local s3="publish.method=s3 publish.endpoint=http://s3.cn-beijing.localhost:$EMULATOR_PORT/scribefs-test"
    local bucket="publish.bucket=scribefs-test publish.region=cn-beijing publish.key_file=$T/oss-key"
    cat <<TURNS
task dashscope.model=fun-asr
task dashscope.model=paraformer-v2 $oss $bucket
direct dashscope.model=fun-asr-flash-2026-06-15 dashscope.stream=yes $oss $bucket
task dashscope.model=qwen3-asr-flash-filetrans $s3 $bucket
direct dashscope.model=qwen3-asr-flash dashscope.chat=yes $s3 $bucket
task dashscope.model=fun-asr-mtl $oss $bucket publish.part_bytes=102400
direct dashscope.model=qwen3-asr-flash dashscope.stream=yes $oss $bucket
task dashscope.model=fun-asr $s3 $bucket
TURNS
}

# Where it is killed, for each kind: a request that is held up long enough, or a moment after one. Each fires once; where it
# cannot fire in a turn (no bucket is used), the kill comes all the same.
CLOUD_WINDOWS_task=(
    'submit {"on":"submit","count":1,"delay_ms":4000}'              # the intent is written, the request is out
    'query {"on":"query","count":1,"delay_ms":4000}'                # the task is known
    'bucket {"on":"bucket","method":"PUT","count":1,"lost":true}'     # it is there, and nobody heard so
    'result {"on":"result","count":1,"delay_ms":4000}'
    'submit {"on":"submit","count":1,"lost":true}'                  # accepted, and nobody heard the id
    'bucket {"on":"bucket","method":"DELETE","count":1,"delay_ms":4000}'
    'result {"on":"result","count":1,"delay_ms":100}'               # about to be stored
    'submit {"on":"submit","count":1,"delay_ms":100}'               # the id is about to be written
    'bucket {"on":"bucket","method":"POST","count":1,"lost":true}'    # an upload in parts has begun, its id is not known
    'policy {"on":"policy","count":1,"delay_ms":4000}'
    'none'
)
CLOUD_WINDOWS_direct=(
    'sync {"on":"sync","count":1,"delay_ms":4000}'
    'chat {"on":"chat","count":1,"delay_ms":4000}'
    'sync {"on":"sync","count":1,"delay_ms":100}'
    'none'
)

cloud_kills() {
    local jobs=$1 kills=$2 turns=() turn n=0 kill=0 kinds=() names=() settings kind task=0 direct=0
    # What had ended before it was killed is asked about again.
    # shellcheck disable=SC2034 # for emulator.bash
    ALLOWED_VIOLATIONS=query_after_the_end
    switch '{"pending_ms":300,"running_ms":1200}'
    mapfile -t turns < <(cloud_turns)
    cloud_recordings "$jobs"
    for turn in "${!turns[@]}"; do
        kind=${turns[turn]%% *}
        read -ra settings <<<"${turns[turn]#* }"
        [ -z "$DAEMON" ] || stop_mount
        cloud_mount "${settings[@]}"
        for (( ; n < jobs * (turn + 1) / ${#turns[@]}; n++)); do
            names[n]=$kind/$n
            kinds[n]=$kind
            drop "$kind/$n.wav" "$T/recordings/$n.wav"
        done
        for (( ; kill < kills * (turn + 1) / ${#turns[@]}; kill++)); do
            case $kind in
            task) cloud_kill "${CLOUD_WINDOWS_task[task++ % ${#CLOUD_WINDOWS_task[@]}]}" ;;
            direct) cloud_kill "${CLOUD_WINDOWS_direct[direct++ % ${#CLOUD_WINDOWS_direct[@]}]}" ;;
            esac
        done
        wait_for -t 30 cloud_all_taken "$n" # with these settings and no others
    done
    # Everything ends, whatever the settings are by now …
    wait_for -t $((30 + jobs * 2)) cloud_all_there "$jobs"
    for n in "${!names[@]}"; do
        transcribed "$INBOX/${names[n]}"
        assert_equal "$(spoken "$INBOX/${names[n]}.txt")" "[00:00:00] This is recording $n."
    done
    [ -z "$(find "$INBOX" -name '*.FAILED.txt' -o -name '*.transcribing.txt')" ]
    # … and what lies in a place that is not set up goes when it is set up again.
    for turn in 1 3 1 3; do
        wait_for -t 10 cloud_bucket_is_empty && break
        stop_mount
        read -ra settings <<<"${turns[turn]#* }"
        cloud_mount "${settings[@]}"
    done >"$T/emptying"
    wait_for cloud_bucket_is_empty || { control GET buckets/scribefs-test; return 1; }
    stop_mount
    assert_equal "$(find "$STORE/state/work" -mindepth 1 2>/dev/null)" ''
    cloud_count "$kills" "${kinds[@]}"
}

cloud_recordings() { # JOBS
    local n sha scripts=''
    mkdir "$T/recordings"
    for ((n = 0; n < $1; n++)); do
        # Some are large enough for several parts.
        sox "$(speech 0880)" "$T/recordings/$n.wav" trim 0 "2.$(printf %03d "$n")" pad 0 $((n % 4 * 2))
        sha=$(content_of "$T/recordings/$n.wav")
        scripts+="${scripts:+,}{\"match\":{\"sha256\":\"$sha\"},\"text\":\"This is recording $n.\"}"
    done
    control POST scripts "[$scripts]" >"$T/scripts"
}

cloud_kill() { # WINDOW
    local on=${1%% *} before deadline
    if [ "$on" = none ]; then
        sleep "0.$((RANDOM % 10))" # at any moment: that is the purpose
    else
        before=$(counter ".faults.$on")
        fault "${1#* }"
        deadline=$((SECONDS + 2))
        until [ "$(counter ".faults.$on")" -gt "$before" ] || [ $SECONDS -gt $deadline ]; do sleep 0.02; done
        # A short delay is over at about this time: just before, or just after.
        case $1 in *':100}') sleep "0.$((RANDOM % 3))$((RANDOM % 10))" ;; esac
    fi
    crash_mount
    control DELETE faults >/dev/null
    start_mount "$MOUNT_OPTIONS"
}

cloud_all_taken() { # JOBS
    [ "$("$SCRIBECTL" status --json "$INBOX" | jq '[.items[] | select(.state != "arriving")] | length')" = "$1" ]
}

cloud_all_there() { # JOBS
    [ "$(find "$INBOX" -name '*.json' | wc -l)" = "$1" ] || {
        # Saves the minutes of pauses after failures.
        "$SCRIBECTL" retry "$INBOX" >/dev/null 2>&1
        return 1
    }
}

cloud_bucket_is_empty() {
    counter_is '.now | [.objects["scribefs-test"], .uploads["scribefs-test"]] | join(" ")' '0 0'
}

# What was sent more often than there are recordings, and how often nobody can have heard the answer: the first is at most the
# second. A direct call is nothing but request and answer: one that was answered is sent again when the kill came before its
# transcript was stored.
cloud_count() { # KILLS KIND…
    local kills=$1 counters n sent more_tasks more_calls=0 unheard_tasks unheard_calls
    shift
    counters=$(control GET counters)
    n=0
    more_tasks=$(jq '.tasks.SUBMITTED' <<<"$counters")
    for kind in "$@"; do
        sent=$(jq --arg audio "$(content_of "$T/recordings/$n.wav")" '.submits_by_audio[$audio] // 0' <<<"$counters")
        [ "$sent" -ge 1 ]
        case $kind in
        task) more_tasks=$((more_tasks - 1)) ;;
        direct) more_calls=$((more_calls + sent - 1)) ;;
        esac
        n=$((n + 1))
    done
    unheard_tasks=$(jq '.unheard.submit // 0' <<<"$counters")
    unheard_calls=$(jq '(.unheard.sync // 0) + (.unheard.chat // 0)' <<<"$counters")
    note "$n recordings, $kills kills: $more_tasks tasks and $more_calls direct calls more than recordings;" \
        "$unheard_tasks and $unheard_calls answers that nobody heard;" \
        "$(jq '.requests | "\(.query) queries, \(.list // 0) lists"' -r <<<"$counters")"
    [ "$more_tasks" -ge 0 ]
    [ "$more_tasks" -le "$unheard_tasks" ]
    [ "$more_calls" -le $((unheard_calls + kills)) ]
}
