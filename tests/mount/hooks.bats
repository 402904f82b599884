#!/usr/bin/env bats
# Hooks: a program is run and a web server told when a transcript is there or could not be made, once for each.

load ../lib/common

setup() {
    common_setup
    fake_worker
    mkdir "$T/hooks"
}

# The program of the tests: it keeps what it was told, a line for each event, and reads the transcript through the mount.
use_program() {
    {
        echo '#!/bin/sh'
        printf 'out=%q\n' "$T/hooks"
        # shellcheck disable=SC2016 # for the script that is written
        echo 'cat >"$out/body.$$" && mv "$out/body.$$" "$out/body"
              { echo "$1 $SCRIBEFS_STATE $SCRIBEFS_PATH $SCRIBEFS_ERROR $(cat "$SCRIBEFS_TXT" 2>/dev/null | tail -n 1)"; } >>"$out/told"
              env >"$out/env"'
    } >"$T/tell"
    chmod 755 "$T/tell"
    mkdir -p "$STORE"
    cat >"$STORE/scribefs.conf" <<EOF
[hooks]
on_done = $T/tell "for you"
on_failed = $T/tell "for me"
$1
EOF
}

told() { # REGEX
    contains "$T/hooks/told" "$1"
}

told_times() { # REGEX
    grep -Ec -- "$1" "$T/hooks/told" || :
}

@test "each transcript is told once, and its files are there to be read" {
    use_program ""
    export DASHSCOPE_API_KEY_FILE_PATH=/nonexistent SECRET_OF_MINE=sk-123
    start_mount backend=local
    mkdir "$INBOX/a b"
    recording "$INBOX/a b/talk.wav" "say hello world"
    wait_for told '^for you done a b/talk\.wav .*hello world$'
    assert_equal "$(jq -r '.type + " " + .data.state + " " + .data.base' "$T/hooks/body")" "transcript.done done talk"
    refute grep -q SECRET_OF_MINE "$T/hooks/env"

    # A copy has its transcript at once, and is an event of its own; a renamed recording, a deleted view and a restart are none.
    cp "$INBOX/a b/talk.wav" "$INBOX/copy.wav"
    wait_for told '^for you done copy\.wav .*hello world$'
    mv "$INBOX/copy.wav" "$INBOX/renamed.wav"
    wait_for test -e "$INBOX/renamed.txt"
    rm "$INBOX/renamed.txt"
    restart
    recording "$INBOX/last.wav" "say the last"
    wait_for told ' last\.wav '
    assert_equal "$(wc -l <"$T/hooks/told")" 3

    # Other words under the same name are told again.
    recording "$INBOX/a b/talk.wav" "say other words"
    wait_for told '^for you done a b/talk\.wav .*other words$'
}

@test "a failure is told with its cause, and the success that follows it too" {
    use_program ""
    start_mount
    recording "$INBOX/bad.wav" "fail media.truncated"
    wait_for told '^for me failed bad\.wav media\.truncated'
    wait_for contains "$T/hooks/env" '^SCRIBEFS_NEXT=.+'
    recording "$INBOX/bad.wav" "say good now"
    wait_for told '^for you done bad\.wav .*good now$'
    assert_equal "$(told_times .)" 2
}

@test "what a killed daemon did not tell is told by the next" {
    use_program ""
    start_mount
    mv "$T/tell" "$T/tell.away"
    allow_log 'engine.missing|cannot start'
    recording "$INBOX/talk.wav" "say hello"
    wait_for contains "$LOG" 'talk\.wav: hook: cannot start'
    crash_mount
    mv "$T/tell.away" "$T/tell"
    start_mount
    wait_for told '^for you done talk\.wav .*hello$'
    assert_equal "$(told_times .)" 1
}

@test "an index that is made anew tells nothing again" {
    use_program ""
    start_mount
    recording "$INBOX/talk.wav" "say hello"
    wait_for told ' done talk\.wav '
    stop_mount
    rm "$STORE/state/index.db"*
    start_mount
    wait_for test -s "$INBOX/talk.txt"
    recording "$INBOX/last.wav" "say the last"
    wait_for told ' done last\.wav '
    assert_equal "$(told_times ' talk\.wav ')" 1
}

@test "a webhook is posted, signed, and posted again to a server in trouble; the examples work" {
    mkdir "$T/received"
    echo "whsec_$(head -c 24 /dev/urandom | base64)" >"$T/received/secret"
    start receiver "$PYTHON" -IB "$LIB/webhook_receiver.py" "$T/received"
    wait_for test -s "$T/receiver"
    local port
    port=$(cat "$T/receiver")
    printf '#!/bin/sh\ncat >%q\n' "$T/mail" >"$T/sendmail"
    chmod 755 "$T/sendmail"
    mkdir -p "$STORE"
    cat >"$STORE/scribefs.conf" <<EOF
[hooks]
webhook_url = http://127.0.0.1:$port/hook?from=scribefs
webhook_secret_file = $T/received/secret
webhook_text = yes
on_done = $ROOT/fs/hooks/examples/mail team@example.org $T/sendmail
on_failed = $ROOT/fs/hooks/examples/ntfy http://127.0.0.1:$port/topic
EOF
    start_mount
    recording "$INBOX/grüße.wav" "say hello world"
    wait_for test -e "$T/received/1.json"
    assert_equal "$(jq -r '.path + " " + (.signed | tostring)' "$T/received/1.json")" "/hook?from=scribefs true"
    assert_equal "$(jq -r '.body | fromjson | .data.text' "$T/received/1.json")" "$(cat "$INBOX/grüße.txt")"
    assert_contains "$(cat "$INBOX/grüße.txt")" "hello world"
    wait_for test -s "$T/mail"
    assert_contains "$(cat "$T/mail")" '^To: team@example\.org$'
    assert_contains "$(sed '1,/^$/d' "$T/mail" | base64 -d)" "hello world"
    assert_contains "$(sed -n 's/^Subject: =?UTF-8?B?\(.*\)?=$/\1/p' "$T/mail" | base64 -d)" "grüße\.wav"

    allow_log 'ntfy: curl: .* 500$' # what the program said
    echo 500 >"$T/received/status"
    recording "$INBOX/bad.wav" "fail media.truncated"
    wait_for test -e "$T/received/3.json" # the webhook and ntfy, in any order
    rm "$T/received/status"
    wait_for -t 30 test -e "$T/received/5.json"
    assert_equal "$(jq -r .path "$T"/received/[2-5].json | sort | uniq -c | awk '{ print $1 $2 }' | tr '\n' ' ')" \
        "2/hook?from=scribefs 2/topic "
    assert_equal "$(jq -r 'select(.path != "/topic") | .headers["webhook-id"]' "$T"/received/[2-5].json | sort -u | wc -l)" 1
}

# The deliveries to a web server that wait.
posts() {
    "$PYTHON" -IB - "$STORE/state/index.db" <<'EOF'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    for row in db.execute("SELECT body FROM deliveries WHERE receiver = 'webhook'"):
        print(*row)
EOF
}

posted() { # REGEX
    posts | grep -Eq -- "$1"
}

@test "of a folder whose settings say backend = local, and of copies, nothing is posted to another machine" {
    use_program "webhook_url = https://hooks.invalid/x
webhook_text = yes"
    allow_log 'webhook: '
    start_mount
    mkdir "$INBOX/private"
    echo "backend = local" >"$INBOX/private/.scribefs.conf"
    recording "$INBOX/private/secret.wav" "say the secret"
    wait_for told '^for you done private/secret\.wav '
    cp "$INBOX/private/secret.wav" "$INBOX/copy.wav"
    wait_for told '^for you done copy\.wav '
    recording "$INBOX/talk.wav" "say hello"
    wait_for told '^for you done talk\.wav '
    wait_for posted 'talk\.wav'
    refute posted 'secret|copy'
    # Nor by the next daemon.
    restart
    wait_for posted 'talk\.wav'
    refute posted 'secret|copy'
}

@test "a setting that makes no sense ends the start, with its name" {
    mkdir -p "$STORE"
    printf '[hooks]\nwebhook_url = http://example.com/\n' >"$STORE/scribefs.conf"
    run "$SCRIBEFS" -f "$STORE" "$MNT"
    [ "$status" != 0 ]
    assert_contains "$output" 'webhook_url=http://example\.com/: an address with https'
}
