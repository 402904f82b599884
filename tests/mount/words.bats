#!/usr/bin/env bats
# What people read: every text in both languages, the texts in the folder, what can be switched off.
# time limit: 120

load ../lib/common

chinese() { # FILE REGEX, in UTF-8 whatever the locale is
    LC_ALL=C.UTF-8 contains "$@"
}

@test "every error that the code can produce has a message, and every text is there in Chinese" {
    command -v msgcmp >/dev/null || skip "gettext is not installed"
    # What ends the start is said to the administrator's face in the words of its detail; what is taken back later, and hooks, go
    # to the log. transcript.done and transcript.failed are events of hooks.
    local unsaid='^(config|control|hook|log|mount|start|store|wording)\.|^publish\.place$|^transcript\.(done|failed)$'
    py "$LIB/error_codes.py" "$ROOT" | grep -Ev "$unsaid" >"$T/codes"
    [ "$(wc -l <"$T/codes")" -gt 60 ]
    grep -Eo '^    \{"[a-z]+\.[a-z_]+"' "$ROOT/fs/inbox/messages.c" | cut -d'"' -f2 | sort >"$T/messages"
    assert_equal "$(comm -23 "$T/codes" "$T/messages")" ""
    make -s -C "$ROOT" pot BUILD="$T" >/dev/null
    local po
    for po in "$ROOT"/fs/po/*.po; do
        msgcmp "$po" "$T/scribefs.pot" # nothing is missing, nothing is fuzzy
        msgcmp --use-untranslated "$T/scribefs.pot" "$po" # nothing is left over
    done
}

# bats test_tags=core
@test "the folder speaks Chinese if the settings say so: waiting, running, failed, status.txt" {
    fake_worker
    hold_workers
    start_mount status.language=zh,workers=1
    recording "$INBOX/a.wav" "fail media.truncated"
    wait_for worker_started "$INBOX/a.wav"
    recording "$INBOX/b.wav"
    wait_for chinese "$INBOX/a.transcribing.txt" '^正在(准备|识别)'
    wait_for chinese "$INBOX/b.transcribing.txt" '^排队中：下一个就是它$'
    assert_contains "$(cat "$INBOX/b.transcribing.txt")" '完成后，文字稿会出现在这里：b.txt'
    # Bytes are padded, not characters.
    assert_equal $(($(stat -c %s "$INBOX/b.transcribing.txt") % 512)) 0
    assert_equal "$(wc -c <"$INBOX/b.transcribing.txt")" "$(stat -c %s "$INBOX/b.transcribing.txt")"
    wait_for chinese "$MNT/status.txt" '^录音：1 个正在处理，1 个在排队$'
    free_workers
    wait_for exists "$INBOX/a.FAILED.txt"
    assert_equal "$(head -n 1 "$INBOX/a.FAILED.txt")" 'a.wav：录音的结尾缺失，可能是复制时中断了。'
    assert_contains "$(cat "$INBOX/a.FAILED.txt")" '^没有产生费用：这段录音没有发送到任何地方。$'
    assert_contains "$(cat "$INBOX/a.FAILED.txt")" '^代码：media.truncated$'
    # scribectl speaks the language of whoever runs it, whatever the folder speaks; its JSON is for programs.
    run "$SCRIBECTL" -s "$STORE" status a.wav
    assert_contains "$output" 'failed: The end of the recording is missing'
    LC_MESSAGES=zh_CN.UTF-8 run "$SCRIBECTL" -s "$STORE" status a.wav
    assert_contains "$output" '失败：录音的结尾缺失'
    LC_MESSAGES=zh_CN.UTF-8 run "$SCRIBECTL" -s "$STORE" status --json a.wav
    assert_contains "$output" 'The end of the recording is missing'
    allow_log 'media\.truncated|fail'
}

@test "the language of the folder is that of the daemon's locale, and English where there is none" {
    fake_worker
    LC_MESSAGES=zh_CN.UTF-8 start_mount
    contains "$MNT/status.txt" '^录音：没有录音$'
    stop_mount
    start_mount
    contains "$MNT/status.txt" '^Recordings: no recordings$'
    stop_mount
    # A catalogue that is not there keeps nobody from working.
    mkdir -p "$T/bin/libexec"
    ln "$SCRIBEFS" "$T/bin/scribefs" 2>/dev/null || cp "$SCRIBEFS" "$T/bin/scribefs"
    ln -s "$BUILD/libexec/announcer" "$T/bin/libexec/announcer"
    SCRIBEFS=$T/bin/scribefs
    start_mount status.language=zh
    contains "$MNT/status.txt" '^Recordings: no recordings$'
    contains "$LOG" 'status texts are in English'
}

fact() { # NAME FILE: the value, or "-"
    getfattr --absolute-names --only-values -n "user.scribefs.$1" "$2" 2>/dev/null || echo -n -
}

fact_is() { # NAME FILE VALUE
    [ "$(fact "$1" "$2")" = "$3" ]
}

# bats test_tags=core
@test "without status files a failure is in status.txt and in attributes, which are not listed, not copied and not changed" {
    fake_worker
    hold_workers
    start_mount status.files=no,workers=1
    recording "$INBOX/good.wav"
    wait_for fact_is state "$INBOX/good.wav" running
    recording "$INBOX/bad.wav" "fail media.decode"
    wait_for fact_is state "$INBOX/bad.wav" queued
    assert_equal "$(fact progress "$INBOX/bad.wav")" 0
    wait_for fact_is progress "$INBOX/good.wav" "recognising 4000/10000 ms"
    assert_equal "$(names "$INBOX")" "bad.wav good.wav"
    free_workers
    transcribed "$INBOX/good"
    wait_for fact_is error "$INBOX/bad.wav" media.decode
    assert_equal "$(fact state "$INBOX/bad.wav")" failed
    wait_for contains "$MNT/status.txt" 'damaged and cannot be played'
    assert_equal "$(fact state "$INBOX/good.txt")/$(fact backend "$INBOX/good.txt")/$(fact error "$INBOX/good.txt")" done/local/-
    assert_equal "$(fact job "$INBOX/good.txt" | wc -c)" 64
    assert_equal "$(fact job "$INBOX/good.txt")" "$(fact job "$INBOX/good.wav")"
    assert_equal "$(fact state "$INBOX")" -
    refute setfattr -n user.scribefs.state -v done "$INBOX/good.wav" 2>/dev/null
    refute setfattr -n user.scribefs.state -v done "$INBOX/good.txt" 2>/dev/null
    refute setfattr -x user.scribefs.state "$INBOX/good.wav" 2>/dev/null
    # What carries attributes along takes those of the file and none of ours, out of the mount and into it.
    if setfattr -n user.note -v kept "$INBOX/good.wav" 2>/dev/null; then
        assert_equal "$(getfattr --absolute-names "$INBOX/good.wav" | grep '^user')" user.note
        mkdir "$T/out"
        cp -a "$INBOX/good.wav" "$INBOX/good.txt" "$T/out/"
        rsync -aX "$INBOX/" "$T/synced/"
        (cd "$INBOX" && tar --xattrs -cf "$T/all.tar" .) && tar --xattrs -xf "$T/all.tar" -C "$T/out" ./bad.wav
        assert_equal "$(getfattr -R --absolute-names -d "$T/out" "$T/synced" | grep -c '^user.scribefs')" 0
        assert_equal "$(getfattr -R --absolute-names -d "$T/synced" | grep '^user')" 'user.note="kept"'
        mkdir "$INBOX/in"
        cp -a "$T/out/good.wav" "$INBOX/in/"
        mv "$INBOX/bad.wav" "$T/out/moved.wav"
        mv "$T/out/moved.wav" "$INBOX/in/"
        rsync -aX "$T/synced/" "$INBOX/in/synced/"
        assert_equal "$(getfattr --absolute-names -d "$INBOX/in/good.wav" | grep '^user')" 'user.note="kept"'
        wait_for fact_is state "$INBOX/in/good.wav" done
    fi
    # Other users learn no more than they may read.
    if [ "$(id -u)" = 0 ]; then
        local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups getfattr --absolute-names --only-values
            -n user.scribefs.state)
        assert_equal "$("${nobody[@]}" "$INBOX/good.wav" "$INBOX/good.txt")" donedone
        chmod 600 "$INBOX/good.wav"
        refute "${nobody[@]}" "$INBOX/good.wav" 2>/dev/null
        wait_for refute "${nobody[@]}" "$INBOX/good.txt" 2>/dev/null # the kernel is told soon after
    fi
    allow_log 'media\.decode|fail'
}
