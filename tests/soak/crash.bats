#!/usr/bin/env bats
# Rounds of tests/crash with 100 drops each, every round with its own seed. SOAK_ROUNDS: how many (10).
# time limit: 21600

TEST_SECONDS=21000
load ../lib/common

setup() {
    :
}

teardown() {
    :
}

@test "rounds of kill -9" {
    local round seed
    for round in $(seq "${SOAK_ROUNDS:-10}"); do
        seed=$((RANDOM * 32768 + RANDOM))
        note "round $round: seed $seed"
        CRASH_DROPS=100 CRASH_SEED=$seed TEST_TIME_FACTOR=5 "$ROOT/tests/run" crash
    done
}
