#!/usr/bin/env bats
# What the documents and the completions say, against what the programs say and do. No mount.
# time limit: 60

load ../lib/common

setup() {
    T=$(mktemp -d "${TMPDIR:-/tmp}/scribefs-XXXXXX")
    export LC_ALL=C.UTF-8
    unset LANGUAGE
}

teardown() {
    rm -rf "$T"
}

commands_of_help() {
    "$SCRIBECTL" --help | sed -n '/^Exit codes/,$d;s/^  \([a-z]\{1,\}\)\( .*\)\{0,1\}$/\1/p'
}

# same FILE FILE WHAT: the lines that only one of them has are named.
same() {
    sort -u -o "$1" "$1"
    sort -u -o "$2" "$2"
    [ -s "$1" ] && [ -s "$2" ] || { echo "nothing to compare: $3" && return 1; }
    diff -U0 --label "$3: documents" --label "$3: program" "$1" "$2"
}

# Long and short options of one command in its synopsis in scribectl(1): -n, --json …
documented_options() { # COMMAND
    awk -v wanted="$1" '/^\.Sh DESCRIPTION/ { exit }
        function done() { if (command == wanted) printf "%s", options; options = command = "" }
        /^\.Nm/ { done() }
        /^\.Cm / && !command { command = $2 }
        /^\.Op Fl / && $3 != "s" { options = options $3 "\n" }
        END { done() }' "$ROOT/man/scribectl.1" | sed 's/^\([^-]\)$/-\1/;s/^-\([a-z][a-z-]\)/--\1/'
}

@test "scribectl: each command and each of its options is in scribectl(1), and nothing else" {
    commands_of_help >"$T/commands"
    awk '/^\.Sh DESCRIPTION/ { exit } /^\.Cm [a-z]+$/ { print $2 }' "$ROOT/man/scribectl.1" >"$T/documented"
    same "$T/documented" "$T/commands" commands
    local command
    while read -r command; do
        # Where there is a short form it stands for both.
        "$SCRIBECTL" "$command" --help | sed -n 's/^  \(-[a-z]\), --.*/\1/p;s/^  \(--[a-z-]*\).*/\1/p' |
            grep -vx -- '-h' >"$T/options" || continue
        documented_options "$command" >"$T/documented"
        same "$T/documented" "$T/options" "$command"
        # And it is told what the command does, and what its options mean.
        grep -Eq "^\.It Cm $command( |$)" "$ROOT/man/scribectl.1" || { echo "not described: $command" && false; }
        sed 's/^-*//' "$T/options" | while read -r option; do
            grep -Eq -- "Fl -?$option( |$|,)" <(sed '1,/^\.Sh DESCRIPTION/d' "$ROOT/man/scribectl.1") ||
                { echo "not described: $command, $option" && false; }
        done
    done <"$T/commands"
}

@test "scribefs: each option of --help is in scribefs(8), and nothing else" {
    "$SCRIBEFS" --help | sed -n 's/^  \(-[a-zA-Z]\)[ ,].*/\1/p;s/^  \(-.*, \)\{0,1\}\(--[a-z]*\).*/\2/p' | sort -u >"$T/options"
    awk '/^\.Sh DESCRIPTION/ { on = 1 } on && /^\.It Fl / { print $3 }' "$ROOT/man/scribefs.8" |
        sed 's/^\([a-zA-Z]\)$/-\1/;s/^-\([a-z][a-z]\)/--\1/' >"$T/documented"
    same "$T/documented" "$T/options" "scribefs"
}

@test "exit codes: those of the program are in the man pages, and nothing else" {
    sed -n 's/^    EXIT_[A-Z_]* = \([0-9]*\),.*/\1/p' "$ROOT/fs/exitcodes.h" >"$T/all"
    awk '$1 < 10' "$T/all" >"$T/ctl"
    sed '1,/^\.Sh EXIT STATUS/d;/^\.Sh /,$d' "$ROOT/man/scribectl.1" | sed -n 's/^\.It \([0-9]*\)$/\1/p' >"$T/documented"
    same "$T/documented" "$T/ctl" "scribectl(1)"
    # Those that scribefs itself ends with.
    grep -ho 'EXIT_[A-Z_]*' "$ROOT/fs/main.c" "$ROOT/fs/check.c" | sort -u | while read -r name; do
        sed -n "s/^    $name = \([0-9]*\),.*/\1/p" "$ROOT/fs/exitcodes.h"
    done >"$T/used"
    sed '1,/^\.Sh EXIT STATUS/d;/^\.Sh /,$d' "$ROOT/man/scribefs.8" | sed -n 's/^\.It \([0-9]*\)$/\1/p' >"$T/documented"
    same "$T/documented" "$T/used" "scribefs(8)"
    "$SCRIBECTL" --help | sed -n '/^Exit codes/,$p' | grep -Eo '[0-9]+ ' | tr -d ' ' >"$T/told"
    same "$T/told" "$T/ctl" "scribectl --help"
}

@test "scribefs.conf: each key of the table is in scribefs.conf(5), and nothing else" {
    sed -n '/^const struct setting settings_table/,/^};/p' "$ROOT/fs/settings.c" | tr '\n' ' ' >"$T/table"
    {
        grep -Eo '[A-Z]+\("[a-z]+", *"[a-z_]+"' "$T/table" | sed 's/.*("\([a-z]*\)", *"\([a-z_]*\)"/\1.\2/'
        grep -Eo 'LOOK\("[a-z_]+"' "$T/table" | sed 's/.*"\(.*\)"/views.\1/'
    } >"$T/keys"
    sed '/^\.Sh SETTINGS OF A FOLDER/,$d' "$ROOT/man/scribefs.conf.5" |
        awk '/^\.Ss \[/ { gsub(/[][]/, "", $2); section = $2 }
            section && /^\.It Cm / { for (i = 3; i <= NF; i++) if ($i ~ /^[a-z_]+$/) print section "." $i }' >"$T/documented"
    same "$T/documented" "$T/keys" "keys"
}

@test "completion: bash and zsh know every command and option" {
    local shell
    # shellcheck disable=SC2016 # for the other shells
    {
        echo 'try() { COMP_WORDS=("$SCRIBECTL" "$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _scribectl; printf "%s\n" "${COMPREPLY[@]}"; }'
        echo "source '$ROOT/fs/ctl/completion/scribectl.bash'"
        echo '"$@"'
    } >"$T/bash"
    {
        echo 'setopt extendedglob; compadd() { shift; print -l -- $@ }; _files() { : }'
        echo '_describe() { print -l -- ${${(P)2}%%:*} }; _values() { shift; print -l -- $@ }'
        echo "complete() { source '$ROOT/fs/ctl/completion/_scribectl' }"
        echo 'try() { words=($SCRIBECTL "$@"); CURRENT=$#words; PREFIX=$words[-1]; complete }; "$@"'
    } >"$T/zsh"
    export SCRIBECTL
    for shell in bash "zsh -f"; do
        command -v "${shell% *}" >/dev/null || continue
        $shell "$T/${shell% *}" try '' >"$T/found"
        commands_of_help >"$T/commands"
        same "$T/found" "$T/commands" "$shell: commands"
        local command
        for command in $(cat "$T/commands"); do
            $shell "$T/${shell% *}" try "$command" - | grep -- -- >"$T/found"
            "$SCRIBECTL" "$command" --help | grep -Eo '^  (-., )?--[a-z-]+' | grep -o -- '--.*' >"$T/options"
            same "$T/found" "$T/options" "$shell: $command"
        done
        assert_equal "$($shell "$T/${shell% *}" try cost --by '' | xargs)" "day model folder"
        assert_equal "$($shell "$T/${shell% *}" try -s /store cache '' | xargs)" "stat prune verify"
    done
}
