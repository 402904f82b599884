#!/usr/bin/env bats
# HTTPS from the mount to the service and its storage: with an authority of one's own, with certificates that are no good,
# by way of a proxy, by HTTP/2.
# time limit: 300

load ../lib/common
load ../lib/emulator
load ../lib/tls

NAMES='IP:127.0.0.1,DNS:localhost,DNS:*.oss-cn-beijing.localhost,DNS:*.oss-accelerate.localhost,DNS:dashscope.service.test,DNS:*.oss-cn-beijing.service.test'

setup() {
    unset HTTPS_PROXY https_proxy ALL_PROXY all_proxy NO_PROXY no_proxy SSL_CERT_FILE
    cloud_setup
    tls_authority
    tls_certificate server "$NAMES"
    tls_start server
    script '{"match":{},"text":"Heard in private."}'
}

teardown() {
    cloud_teardown
}

# tls_start NAME [OPTION…]: the emulator again, with this certificate. Addresses it gives out are https.
tls_start() {
    local name=$1
    shift
    emulator_stop
    emulator_start --tls-certificate "$T/tls/$name.pem" --tls-key "$T/tls/$name.key" --ca-file "$T/tls/ca.pem" "$@"
    CLOUD_HOST=https://127.0.0.1:$EMULATOR_TLS_PORT
}

heard() { # NAME…
    local name
    for name in "$@"; do
        transcribed "$INBOX/$name"
        assert_equal "$(spoken "$INBOX/$name.txt")" '[00:00:00] Heard in private.'
    done
}

other() { # N: a recording of its own
    [ -e "$T/$1.wav" ] || sox "$(speech 0880)" "$T/$1.wav" trim 0 "2.$(printf %03d "$1")"
    printf %s "$T/$1.wav"
}

again() { # NAME…: by scribectl, at once
    local name
    for name in "$@"; do
        "$SCRIBECTL" retry "$INBOX/$name.wav"
    done
}

nothing_arrived() {
    assert_equal "$(control GET requests | jq length)" 0
}

nothing_was_plain() {
    assert_equal "$(control GET requests | jq -c '[.[] | select(.tls | not) | [.method, .path]]')" '[]'
}

free_port() {
    py -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# bats test_tags=core
@test "the whole way over https, with an authority of one's own: upload, task, query, result" {
    cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr
    drop talk.wav
    heard talk
    assert_equal "$(counter '.requests | [.policy, .upload, .submit, .result] | join(" ")')" '1 1 1 1'
    nothing_was_plain
}

@test "https: a bucket of one's own, in parts, and removed afterwards" {
    cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr publish.method=oss \
        "publish.endpoint=https://scribefs-test.oss-cn-beijing.localhost:$EMULATOR_TLS_PORT" publish.bucket=scribefs-test \
        publish.region=cn-beijing "publish.key_file=$T/oss-key" publish.part_bytes=102400
    sox -n -r 16000 -c 1 -b 16 "$T/big.wav" synth 10 noise vol 0.01
    drop big.wav "$T/big.wav"
    heard big
    [ "$(counter .objects.part)" -ge 2 ] || [ "$(counter .requests.bucket)" -ge 4 ]
    wait_for counter_is '.now.objects["scribefs-test"]' 0
    nothing_was_plain
}

# bats test_tags=core
@test "https: direct calls, streams, the interface of OpenAI" {
    switch '{"sse_multi_ms":0}'
    cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr-flash-2026-06-15 dashscope.stream=yes
    drop stream.wav "$(other 1)"
    heard stream
    assert_equal "$(control GET 'requests?endpoint=sync' | jq -r '.[0].headers["X-DashScope-SSE"]')" enable
    cloud_remount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=qwen3-asr-flash dashscope.chat=yes
    drop chat.wav "$(other 2)"
    heard chat
    assert_equal "$(counter .requests.chat)" 1
    nothing_was_plain
}

@test "https: an event, whose signer's certificate is fetched over https" {
    local port
    port=$(free_port)
    switch "{\"callback_url\":\"http://127.0.0.1:$port/\",\"callback_delay_ms\":0}"
    cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr dashscope.poll_ms=60000 \
        dashscope.callback="127.0.0.1:$port" dashscope.callback_url="http://127.0.0.1:$port/" \
        dashscope.callback_certificate_host="cn-beijing-eventbridge.oss-accelerate.localhost:$EMULATOR_TLS_PORT"
    drop talk.wav
    heard talk
    assert_equal "$(counter .requests.query)" 0
    nothing_was_plain
}

@test "SSL_CERT_FILE names the authority where no setting does" {
    SSL_CERT_FILE=$T/tls/ca.pem cloud_mount dashscope.model=fun-asr
    drop talk.wav
    heard talk
}

# bats test_tags=core
@test "certificates that are no good: nothing is sent, the text says why; put right, it goes on" {
    tls_authority stranger
    tls_certificate strange "$NAMES" stranger
    tls_certificate expired "$NAMES" ca 20200101000000Z 20200201000000Z
    tls_certificate future "$NAMES" ca 20900101000000Z 20900201000000Z
    tls_certificate misnamed DNS:somebody.else.test
    local n=0 name words
    while IFS='|' read -r name words; do
        n=$((n + 1))
        tls_start "$name"
        cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr
        drop "$name.wav" "$(other $n)"
        wait_for item_is "$name.wav" .error.code cloud.untrusted
        wait_for contains "$INBOX/$name.transcribing.txt" 'could not prove that it is what it says, so nothing was sent'
        assert_contains "$("$SCRIBECTL" status --json "$INBOX/$name.wav")" "$words"
        nothing_arrived
        stop_mount
    done <<'END'
strange|unable to get local issuer certificate
expired|certificate has expired
future|certificate is not yet valid
misnamed|no alternative certificate subject name matches
END
    tls_start server
    script '{"match":{},"text":"Heard in private."}'
    cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr
    again strange expired future misnamed || : # one may be at work already
    heard strange expired future misnamed
}

@test "without the authority nothing is trusted, not even on this machine" {
    cloud_mount dashscope.model=fun-asr
    drop talk.wav
    wait_for item_is talk.wav .error.code cloud.untrusted
    nothing_arrived
}

@test "a service that speaks only TLS 1.1 is not spoken to, even where the system would" {
    printf '%s\n' 'openssl_conf = c' '[c]' 'ssl_conf = s' '[s]' 'system_default = d' '[d]' 'MinProtocol = TLSv1' \
        'CipherString = ALL:@SECLEVEL=0' >"$T/lax.cnf"
    tls_start server --tls-priorities 'NORMAL:-VERS-ALL:+VERS-TLS1.1'
    allow_log cloud.network
    OPENSSL_CONF=$T/lax.cnf cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr-flash-2026-06-15
    drop talk.wav
    wait_for item_is talk.wav .error.code cloud.network
    nothing_arrived
    tls_start server --tls-priorities 'NORMAL:-VERS-ALL:+VERS-TLS1.2'
    script '{"match":{},"text":"Heard in private."}'
    again talk
    heard talk
}

# bats test_tags=core
@test "http to other machines is refused at the start, and so are authorities that cannot be read" {
    echo 'no certificate' >"$T/empty.pem"
    local setting words
    while IFS='|' read -r setting words; do
        printf '[jobs]\nbackend = dashscope\n[dashscope]\nkey_file = %s\n[%s]\n%s\n' "$T/key" "${setting%%.*}" "${setting#*.}" >"$T/cloud.conf"
        [[ $setting != publish.* ]] ||
            printf 'method = oss\nbucket = b\nregion = cn-beijing\nkey_file = %s\n' "$T/oss-key" >>"$T/cloud.conf"
        run -13 --separate-stderr "$SCRIBEFS" -f -o "$(base_options),config=$T/cloud.conf" "$STORE" "$MNT"
        assert_contains "$stderr" "$words"
        not_mounted
    done <<END
dashscope.host = http://dashscope.aliyuncs.com|must begin with https://
dashscope.host = http://10.0.0.1|must begin with https://
dashscope.host = http://127.0.0.1.evil.test|must begin with https://
publish.endpoint = http://oss-cn-beijing.aliyuncs.com|https
dashscope.ca_file = $T/nowhere.pem|nowhere.pem: No such file
dashscope.ca_file = $T/empty.pem|empty.pem: there is no certificate in it
END
}

# bats test_tags=core
@test "a redirect is not followed: not with the key, not to http, not for a result" {
    cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr
    local n=0 on
    for on in policy submit query result; do
        n=$((n + 1))
        fault "{\"on\":\"$on\",\"count\":1,\"status\":302,\"location\":\"http://127.0.0.1:$EMULATOR_PORT/led-away-$on\"}"
        drop "$on.wav" "$(other $n)"
        if [ $on = result ]; then
            heard result # fetched again
            continue
        fi
        wait_for item_is "$on.wav" .error.code cloud.address
        again "$on"
        heard "$on"
    done
    assert_equal "$(control GET requests | jq '[.[] | select(.path | contains("led-away"))] | length')" 0
    nothing_was_plain
}

# bats test_tags=core
@test "HTTP/2: one connection for many requests; a lost answer to a submission costs no second task" {
    command -v node >/dev/null || skip "node is not installed"
    ALLOWED_VIOLATIONS=query_after_the_end # the lost one is looked for among the latest tasks
    allow_log 'cloud\.network'
    tls_start server
    start h2 node "$ROOT/tests/cloud/h2.js" "$T/tls/server.key" "$T/tls/server.pem" "$EMULATOR_PORT"
    wait_for test -s "$T/h2"
    CLOUD_HOST=https://127.0.0.1:$(head -n 1 "$T/h2")
    script '{"match":{},"text":"Heard in private."}'
    switch '{"running_queries":10}'
    cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr
    drop talk.wav
    heard talk
    [ "$(grep -c '^stream GET /api/v1/tasks/' "$T/h2")" -ge 10 ]
    [ "$(grep -c '^session' "$T/h2")" -le 3 ] # a submission has one of its own
    switch '{"running_queries":0}'
    fault '{"on":"submit","count":1,"lost":true}'
    drop lost.wav "$(other 1)"
    wait_for item_is lost.wav .error.code cloud.network
    again lost
    heard lost
    assert_equal "$(counter '.submits_by_audio | [.[]] | max')" 1
}

# bats test_tags=core
@test "by way of a proxy, from the environment or the settings: it sees where to, and no key" {
    start proxy "$PYTHON" -IB "$ROOT/tests/cloud/proxy.py" "$EMULATOR_TLS_PORT" "$T/seen"
    wait_for test -s "$T/proxy"
    CLOUD_HOST=https://dashscope.service.test
    switch '{"url_suffix":"service.test"}'
    HTTPS_PROXY=http://user:pass@127.0.0.1:$(cat "$T/proxy") cloud_mount dashscope.ca_file="$T/tls/ca.pem" \
        dashscope.model=fun-asr dashscope.result_hosts=.service.test
    drop talk.wav
    heard talk
    assert_equal "$(counter '.requests | [.policy, .upload, .submit, .result] | join(" ")')" '1 1 1 1'
    assert_contains "$(cat "$T/seen")" '^CONNECT dashscope\.service\.test:443 HTTP/1\.1'
    assert_contains "$(cat "$T/seen")" "^CONNECT dashscope-result.*\.service\.test:$EMULATOR_TLS_PORT HTTP/1\.1"
    assert_contains "$(cat "$T/seen")" '^Proxy-Authorization: Basic'
    refute grep -aqiE '^Authorization|sk-test|X-DashScope|POST |GET ' "$T/seen"
    refute grep -rq 'user:pass' "$LOG" "$STORE"

    : >"$T/seen"
    HTTPS_PROXY=http://127.0.0.1:1 cloud_remount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr-flash-2026-06-15 \
        dashscope.proxy="http://127.0.0.1:$(cat "$T/proxy")"
    drop direct.wav "$(other 1)"
    heard direct
    [ -s "$T/seen" ]
}

@test "a proxy that refuses, or is not there: it waits, with nothing sent and nothing in doubt" {
    start proxy "$PYTHON" -IB "$ROOT/tests/cloud/proxy.py" "$EMULATOR_TLS_PORT" "$T/seen" 407
    wait_for test -s "$T/proxy"
    CLOUD_HOST=https://dashscope.service.test
    cloud_mount dashscope.ca_file="$T/tls/ca.pem" dashscope.model=fun-asr-flash-2026-06-15 dashscope.proxy="http://127.0.0.1:$(cat "$T/proxy")"
    drop talk.wav
    wait_for item_is talk.wav .error.code cloud.network
    assert_contains "$("$SCRIBECTL" status --json "$INBOX/talk.wav")" 407
    nothing_arrived
    # Where no proxy is wanted none is asked, and such a host there is not.
    local n=0 setting
    for setting in no_proxy=.service.test proxy=none; do
        n=$((n + 1))
        : >"$T/seen"
        HTTPS_PROXY=http://127.0.0.1:$(cat "$T/proxy") cloud_remount dashscope.ca_file="$T/tls/ca.pem" \
            dashscope.model=fun-asr-flash-2026-06-15 "dashscope.$setting"
        drop "direct$n.wav" "$(other $n)"
        wait_for item_is "direct$n.wav" .error.code cloud.network
        refute test -s "$T/seen"
    done
}
