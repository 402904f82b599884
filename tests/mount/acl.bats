#!/usr/bin/env bats
# POSIX ACLs: through the mount as on the disk below it, kept by files and directories, inherited, and obeyed for several users; views
# have those of their recording; and -o noacl.

load ../lib/common

setup() {
    common_setup
    command -v setfacl >/dev/null || skip "the package acl is not installed"
    mkdir "$T/native"
    setfacl -m u:1234:r "$T/native" 2>/dev/null || skip "the filesystem under ${TMPDIR:-/tmp} has no ACLs"
    setfacl -b "$T/native"
    fake_worker
    start_mount
    mkdir "$INBOX/case"
}

as() { # UID GID GROUPS|- COMMAND…
    local uid=$1 gid=$2 groups=(--clear-groups)
    [ "$3" = - ] || groups=(--groups "$3")
    shift 3
    setpriv --reuid "$uid" --regid "$gid" "${groups[@]}" "$@"
}

need_root() {
    [ "$(id -u)" = 0 ] || skip "needs root to act as others"
}

# both COMMAND: a script on the disk and on the mount, in the two directories; what it says must be the same.
both() {
    (cd "$T/native" && sh -c "$1") >"$T/said-native" 2>&1 || echo "status $?" >>"$T/said-native"
    (cd "$INBOX/case" && sh -c "$1") >"$T/said-mount" 2>&1 || echo "status $?" >>"$T/said-mount"
    diff "$T/said-native" "$T/said-mount" || {
        echo "differs after: $1"
        return 1
    }
}

# Everything that is there, with its rights, must be the same; then it is removed.
same_rights() {
    both 'getfacl -Rnp . | grep -v "^# owner\|^# group"; find . -printf "%P %m\n" | LC_ALL=C sort'
    both 'find . -mindepth 1 -delete'
}

# bats test_tags=core
@test "set, read, change and remove: as on the disk" {
    both 'touch f && setfacl -m u:1234:rw,g:2345:r f && getfacl -n f'
    both 'getfacl -n f && stat -c %a f && ls -l f | cut -c1-11'
    both 'setfacl -x u:1234 f && getfacl -n f'
    both 'setfacl -m m::r f && getfacl -n f; stat -c %a f'
    both 'setfacl -b f && getfacl -n f; ls -l f | cut -c1-11'
    both 'setfacl -m u:1234:rwx f && chmod 640 f && getfacl -n f'
    both 'chmod 600 f && getfacl -n f; chmod 666 f && getfacl -n f'
    both 'mkdir d && setfacl -m u:1234:rwx,d:u:1234:rx,d:o::- d && getfacl -n d'
    both 'setfacl -k d && getfacl -n d'
    both 'setfacl -d -m u:1234:x f; ln -s f l; getfacl -n l'
    both 'mkfifo p && setfacl -m u:1234:rw p && getfacl -n p'
    same_rights
}

# bats test_tags=core
@test "a default ACL is inherited by files, directories and fifos, whatever the umask" {
    local umask
    for umask in 000 022 077; do
        both "mkdir d$umask && setfacl -d -m u:1234:rwx,g:2345:rx,o::r d$umask && cd d$umask && umask $umask &&
            echo x >f && mkdir sub && mkfifo p && touch sub/f && mkdir sub/sub && ln -s f l && cp f copy"
        both "umask $umask; touch plain$umask; mkdir dir$umask; mkfifo fifo$umask"
        same_rights
    done
}

@test "cp -a, rsync -A and tar keep ACLs" {

    mkdir "$T/source"
    echo x >"$T/source/f"
    mkdir "$T/source/d"
    setfacl -m u:1234:rw,g:2345:r "$T/source/f"
    setfacl -m u:1234:rwx,d:u:1234:rwx "$T/source/d"
    both "cp -a '$T/source/.' ."
    same_rights
    both "rsync -aA '$T/source/' ./"
    both "rsync -aAi '$T/source/' ./"
    same_rights
    cp -a "$T/source/." "$INBOX/case"
    rsync -aA "$INBOX/case/" "$T/back/"
    assert_equal "$(cd "$T/back" && getfacl -Rn .)" "$(cd "$T/source" && getfacl -Rn .)"
}

# Who may do what with a file, on the disk and here.
access_of_others() { # ACL
    both "touch f; chmod 600 f; setfacl -m '$1' f; getfacl -n f"
    local who
    for who in '1234 1234 -' '1234 2345 -' '4321 4321 -' '4321 4321 2345' '4321 2345 5555'; do
        # shellcheck disable=SC2086 # three words
        both "setpriv --reuid ${who%% *} $(regid $who) sh -c '
            cat f || echo not read; (echo x >>f) || echo not written; test -x f && echo executable
            chmod 777 f || echo mode kept; setfacl -m o::rwx f || echo ACL kept' 2>/dev/null"
    done
}

regid() { # UID GID GROUPS|-
    if [ "$3" = - ]; then
        echo "--regid $2 --clear-groups"
    else
        echo "--regid $2 --groups $3"
    fi
}

@test "what each of several users may do is what the ACL says" {
    need_root
    chmod 755 "$T/native" "$INBOX/case"
    access_of_others u:1234:r
    access_of_others u:1234:rw,o::r
    access_of_others u:1234:-,o::rw
    access_of_others g:2345:rw
    access_of_others g:2345:-,o::r
    access_of_others u:1234:rwx,m::r
    access_of_others u:1234:rwx,g::-,o::-
    both "chgrp 2345 f"
    access_of_others u:1234:rw,g::-
    access_of_others u:4321:r,g:5555:w
}

@test "a directory's ACL lets its users in, and what they make there is theirs" {
    need_root
    chmod 755 "$T/native" "$INBOX/case"
    both 'mkdir shared && chmod 700 shared && setfacl -m u:1234:rwx,d:u:1234:rwx,d:u:4321:rx shared'
    both 'setpriv --reuid 1234 --regid 1234 --clear-groups sh -c "umask 077; echo mine >shared/f; mkdir shared/d; echo deeper >shared/d/f"'
    both 'setpriv --reuid 4321 --regid 4321 --clear-groups sh -c "ls shared; cat shared/f; touch shared/g" 2>&1'
    both 'setpriv --reuid 5555 --regid 5555 --clear-groups sh -c "ls shared" 2>&1'
    both 'setfacl -m u:4321:rx shared && setpriv --reuid 4321 --regid 4321 --clear-groups sh -c "ls shared; cat shared/f; cat shared/d/f"'
    # Taken back, it is refused at once.
    both 'setfacl -x u:4321 shared; setpriv --reuid 4321 --regid 4321 --clear-groups sh -c "ls shared" 2>&1'
    same_rights
}

# A recording that its group may not read, though the group's bits are set: they are the mask of its ACL.
guarded_recording() {
    need_root
    chmod 755 "$INBOX"
    echo "say something private" >"$INBOX/talk.wav"
    chown 1000:2345 "$INBOX/talk.wav"
    chmod 600 "$INBOX/talk.wav"
    setfacl -m u:1234:rw,u:4321:-,g::-,m::rwx,o::- "$INBOX/talk.wav"
    assert_equal "$(stat -c %a "$INBOX/talk.wav")" 670
    transcribed "$INBOX/talk"
}

guarded() { # FILE
    as 1234 1234 - cat "$1" >/dev/null
    as 1000 1000 - cat "$1" >/dev/null
    refute as 9999 2345 - cat "$1" 2>/dev/null
    refute as 9999 9999 2345 cat "$1" 2>/dev/null
    refute as 4321 4321 - cat "$1" 2>/dev/null
    refute as 9999 2345 - sh -c "echo x >>'$1'" 2>/dev/null
    refute as 9999 2345 - truncate -s 1 "$1" 2>/dev/null
}

@test "a view has the ACL of its recording, and lets nobody do more" {
    guarded_recording
    local view
    for view in "$INBOX"/talk.txt "$INBOX"/talk.srt "$INBOX"/talk.json; do
        guarded "$view"
        assert_equal "$(getfacl -ncpE "$view")" "$(getfacl -ncpE "$RAW/talk.wav" | sed 's/rwx$/rw-/')"
        assert_contains "$(getfattr -m - "$view" 2>/dev/null)" system.posix_acl_access
    done
    # As a change of mode, a change of its ACL is accepted and forgotten.
    setfacl -m u:9999:rw "$INBOX/talk.txt"
    setfacl -b "$INBOX/talk.txt"
    guarded "$INBOX/talk.txt"
    # What changes with the recording changes here.
    setfacl -m u:4321:r "$INBOX/talk.wav"
    as 4321 4321 - cat "$INBOX/talk.txt"
    setfacl -b "$INBOX/talk.wav"
    wait_for refute as 1234 1234 - cat "$INBOX/talk.txt" 2>/dev/null # attributes are kept for a second
    refute getfattr -n system.posix_acl_access "$INBOX/talk.txt" 2>/dev/null
}

@test "an edited view, and one that was moved, keep the ACL of the recording" {
    guarded_recording
    as 1234 1234 - sh -c "echo more >>'$INBOX/talk.txt'"
    exists "$RAW/talk.txt"
    assert_equal "$(stat -c '%u %g' "$RAW/talk.txt")" "1000 2345"
    mv "$INBOX/talk.srt" "$INBOX/moved.txt"
    : >"$INBOX/talk.json"
    local file
    for file in talk.txt moved.txt talk.json; do
        [ -f "$RAW/$file" ]
        guarded "$INBOX/$file"
        assert_equal "$(getfacl -ncpE "$RAW/$file")" "$(getfacl -ncpE "$RAW/talk.wav" | sed 's/rwx$/rw-/')"
    done
}

@test "an edited view takes no more from its directory's default ACL than the recording has" {
    need_root
    mkdir "$INBOX/shared"
    chmod 755 "$INBOX" "$INBOX/shared"
    setfacl -d -m u:1234:rw "$INBOX/shared"
    echo "say something private" >"$INBOX/shared/talk.wav"
    setfacl -b "$INBOX/shared/talk.wav"
    chmod 640 "$INBOX/shared/talk.wav"
    transcribed "$INBOX/shared/talk"
    echo more >>"$INBOX/shared/talk.txt"
    assert_equal "$(getfacl -ncpE "$RAW/shared/talk.txt" | xargs)" "user::rw- group::r-- other::---"
    refute as 1234 1234 - cat "$INBOX/shared/talk.txt" 2>/dev/null
}

@test "when the recording has gone, a view still open and edited is its owner's alone" {
    guarded_recording
    exec 5<>"$INBOX/talk.txt"
    rm "$INBOX/talk.wav"
    echo more >&5
    exec 5>&-
    [ -f "$RAW/talk.txt" ]
    assert_equal "$(stat -c '%u %g %a' "$RAW/talk.txt")" "1000 2345 600"
    guarded_file_of_owner "$RAW/talk.txt"
}

guarded_file_of_owner() {
    refute as 9999 2345 - cat "$1" 2>/dev/null
    refute as 4321 4321 - cat "$1" 2>/dev/null
}

# bats test_tags=core
@test "noacl: ACLs are not supported, modes are" {
    touch "$INBOX/file"
    setfacl -m u:1234:rw "$INBOX/file"
    stop_mount
    start_mount noacl
    assert_contains "$(getfattr -n system.posix_acl_access "$INBOX/file" 2>&1 || :)" "not supported"
    assert_contains "$(setfacl -m u:4321:r "$INBOX/file" 2>&1 || :)" "not supported"
    assert_contains "$(setfacl -b "$INBOX/file" 2>&1 || :)" "not supported|^\$"
    refute grep -q posix_acl <(getfattr -m - "$INBOX/file" 2>/dev/null)
    setfattr -n user.comment -v x "$INBOX/file"
    assert_contains "$(getfattr -m - "$INBOX/file" 2>/dev/null)" user.comment
    assert_contains "$(ls -l "$INBOX/file")" '^-rw.rw....? '
    cp -a "$INBOX/file" "$INBOX/copy"
    assert_contains "$(getfacl -n "$RAW/file")" user:1234:rw-
    stop_mount
    start_mount noacl,acl
    assert_contains "$(getfacl -ncp "$INBOX/file")" user:1234:rw-
}

@test "noacl: a file's and a view's readers are those that the disk lets read" {
    guarded_recording
    restart_with noacl
    transcribed "$INBOX/talk"
    refute as 9999 2345 - cat "$INBOX/talk.wav" 2>/dev/null
    local view
    for view in txt srt json; do
        refute as 9999 2345 - cat "$INBOX/talk.$view" 2>/dev/null
        refute as 9999 2345 - sh -c "echo x >>'$INBOX/talk.$view'" 2>/dev/null
        refute as 9999 2345 - truncate -s 1 "$INBOX/talk.$view" 2>/dev/null
        missing "$RAW/talk.$view"
        as 1000 1000 - cat "$INBOX/talk.$view" >/dev/null
    done
    # An edit is no way around it either.
    as 1000 1000 - sh -c "echo more >>'$INBOX/talk.txt'"
    refute as 9999 2345 - cat "$INBOX/talk.txt" 2>/dev/null
    assert_contains "$(getfacl -ncpE "$RAW/talk.txt")" 'user:1234:rw-'
}

restart_with() {
    stop_mount
    start_mount "$1"
}

@test "noacl: a default ACL on the disk is still inherited" {
    mkdir "$INBOX/shared"
    setfacl -d -m u:1234:rw "$INBOX/shared"
    restart_with noacl
    (umask 077 && touch "$INBOX/shared/file")
    assert_contains "$(getfacl -ncpE "$RAW/shared/file")" 'user:1234:rw-'
    assert_equal "$(stat -c %a "$RAW/shared/file")" 664
}

@test "a store on a filesystem without ACLs: refused there and here, and other users are not locked out" {
    need_root
    mkdir "$T/disk"
    stop_mount
    mount -t ramfs none "$T/disk" || skip "ramfs cannot be mounted here"
    STORE=$T/disk/store RAW=$T/disk/store/inbox
    start_mount
    recording "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    as 1234 1234 - cat "$INBOX/talk.wav" "$INBOX/talk.txt" >/dev/null
    assert_contains "$(setfacl -m u:1234:r "$INBOX/talk.wav" 2>&1 || :)" "not supported"
    stop_mount
    umount "$T/disk"
}

@test "a filesystem without ACLs below an inbox with them: there, modes count" {
    need_root
    chmod 755 "$INBOX"
    mkdir "$INBOX/sub"
    mount -t ramfs none "$RAW/sub" || skip "ramfs cannot be mounted here"
    chmod 775 "$INBOX/sub"
    chgrp 2345 "$INBOX/sub"
    echo text >"$INBOX/sub/file"
    as 1234 2345 - sh -c "cat '$INBOX/sub/file'; echo more >'$INBOX/sub/other'"
    as 1234 1234 - cat "$INBOX/sub/other"
    refute as 1234 1234 - touch "$INBOX/sub/third" 2>/dev/null
    refute setfacl -m u:1234:rwx "$INBOX/sub/file" 2>/dev/null
    assert_contains "$(ls -l "$INBOX/sub/file")" '^-rw-r--r--[.]? '
    stop_mount
    umount "$RAW/sub"
}

@test "many at once with different masks: no thread keeps another's" {
    start makers "$PYTHON" -IBu -c '
import os, sys, threading
def make(mask):
    for i in range(50):
        pid = os.fork()
        if pid == 0:
            os.umask(mask)
            name = "%s/%03o-%d" % (sys.argv[1], mask, i)
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            os.mkdir(name + "d", 0o777)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
threads = [threading.Thread(target=make, args=(mask,)) for mask in (0, 0o022, 0o027, 0o077, 0o007)]
[t.start() for t in threads]
[t.join() for t in threads]
print("made")' "$INBOX/case"
    wait_for -t 60 grep -q made "$T/makers"
    local mask
    for mask in 000 022 027 077 007; do
        assert_equal "$(find "$RAW/case" -type f -name "$mask-*" -printf '%m\n' | sort | uniq -c | xargs)" "50 $(printf %o $((0666 & ~0$mask)))"
        assert_equal "$(find "$RAW/case" -type d -name "$mask-*" -printf '%m\n' | sort | uniq -c | xargs)" "50 $(printf %o $((0777 & ~0$mask)))"
    done
}
