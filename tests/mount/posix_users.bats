#!/usr/bin/env bats
# Several users at once on one mount: each is who they are, whatever the daemon's threads did a moment ago (tests/lib/posix_users.py,
# first on the disk, then on the mount).
# time limit: 300

load ../lib/common

setup() {
    common_setup
    [ "$(id -u)" = 0 ] || skip "needs root to act as others"
    fake_worker
    start_mount allow_other
}

posix() { # CASE
    py "$LIB/posix_users.py" "$1" "$T/native"
    py "$LIB/posix_users.py" "$1" "$INBOX/case"
    daemon_is_itself
}

# No thread of the daemon is anybody else, or in anybody's group, when nothing is asked of it.
daemon_is_itself() {
    wait_for threads_are_root
}

threads_are_root() {
    local status
    for status in "/proc/$DAEMON/task"/*/status; do
        awk -F'\t' '/^[UG]id:/ && $2 + $3 + $4 + $5 || /^Groups:/ && $2 !~ /^ *$/ { exit 1 }' "$status" || return 1
    done
}

# bats test_tags=core
@test "five users make everything at once: owners, umasks and groups are each one's own" { posix all_at_once; }
@test "a process is judged by the groups it has now" { posix changing_groups; }
@test "times: anything for the owner, now for who may write" { posix times; }
@test "a program that may not be read can be executed" { posix execute; }
@test "sticky directories, and set-group-id that may not be had" { posix sticky; }
