#!/usr/bin/env bats
# The .html view in a real browser: Chromium, without a window. tests/lib/page_check.py has the cases; they share one browser.
# time limit: 300

load ../lib/common

setup_file() {
    [ -x "$BUILD/tests/render" ] && command -v chromium >/dev/null || return 0
    mkdir "$BATS_FILE_TMPDIR/pages"
    "$PYTHON" -B "$LIB/page_check.py" "$BUILD/tests/render" "$BATS_FILE_TMPDIR/pages" >"$BATS_FILE_TMPDIR/results" 2>&1 || :
}

# What the case of this name came to.
in_chromium() {
    command -v chromium >/dev/null || skip "chromium is not installed"
    [ -x "$BUILD/tests/render" ] || skip "there is no $BUILD/tests/render"
    sed -n "/^not ok $1\$/,/^\(not \)\?ok /p" "$BATS_FILE_TMPDIR/results"
    if ! grep -q "^ok $1 " "$BATS_FILE_TMPDIR/results"; then
        tail -n 20 "$BATS_FILE_TMPDIR/results"
        return 1
    fi
}

# Only the last test has a mount.
setup() {
    # shellcheck disable=SC2034 # teardown asks for it
    T=''
}

teardown() {
    common_teardown
}

@test "page: a click on a word plays it from there, and the mark goes with the voice" {
    in_chromium a_click_on_a_word_plays_it
}

@test "page: the text follows the voice, and yields to who scrolls" {
    in_chromium it_follows_and_yields
}

@test "page: find counts, goes from place to place, and to the sound" {
    in_chromium find_counts_and_goes_there
}

@test "page: keys play, skip and change the speed, but not while one types" {
    in_chromium keys_play_skip_and_change_the_speed
}

@test "page: every word is reached and played without a mouse" {
    in_chromium every_word_is_reached_without_a_mouse
}

@test "page: a copied link leads to its place; the text can be copied" {
    in_chromium a_link_leads_to_its_place
}

@test "page: names of speakers show at once, and are saved as the file that the folder wants" {
    in_chromium names_are_shown_and_saved
}

@test "page: without scripts it is a text to read and a player" {
    in_chromium it_reads_well_without_scripts
}

@test "page: a recording that is elsewhere can be chosen" {
    in_chromium a_recording_elsewhere_can_be_chosen
}

@test "page: hostile words and names stay text; nothing but the recording is asked for, and nothing else could be" {
    in_chromium nothing_leaves_the_folder
}

@test "page: words get their elements without a change of the text: Chinese, Arabic, emoji, loops" {
    in_chromium what_is_drawn_is_what_was_written
}

@test "page: light, dark, telephone and paper" {
    in_chromium light_dark_phone_and_paper
}

@test "page: everything that can be used has a name" {
    in_chromium everything_has_a_name_for_those_who_do_not_see
}

@test "page: a film is shown" {
    in_chromium a_film_is_shown
}

@test "page: twelve hours are under 3 MB and as quick to use as half an hour" {
    in_chromium twelve_hours_are_as_quick_as_a_half
    sed -n 's/^# note: /# note: /p' "$BATS_FILE_TMPDIR/results" >&3
}

@test "page: opened by its name in the mount, it plays the recording there" {
    command -v chromium >/dev/null || skip "chromium is not installed"
    common_setup
    start_mount
    cp "$(speech 0880)" "$INBOX/talk.wav"
    wait_for -t 60 test -e "$INBOX/talk.txt"
    run "$PYTHON" -B "$LIB/page_check.py" "$BUILD/tests/render" "$INBOX" in_the_mount
    echo "$output"
    [ "$status" = 0 ]
    assert_equal "$(word_error_rate "$(cat "$INBOX/talk.txt")" "$(grep -v '^ok ' <<<"$output")" | cut -d' ' -f1)" 0
}
