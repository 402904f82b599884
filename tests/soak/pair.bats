#!/usr/bin/env bats
# tests/crash/pair.bats with 200 kills. SOAK_ROUNDS: how many.
# time limit: 21600

TEST_SECONDS=21000
load ../lib/common

setup() {
    :
}

teardown() {
    :
}

@test "the crash pair: many rounds" {
    PAIR_ROUNDS=${SOAK_ROUNDS:-200} TEST_TIME_FACTOR=20 "$ROOT/tests/run" -o pair crash
}
