#!/usr/bin/env bats
# The overlay as a table: every act on a view, for every format, as the owner, a member of the group and a stranger, after everything
# that may have happened to the recording, before and after a restart (tests/lib/overlay.py); and what becomes of deletions and edits
# when something happens to the recording later.
# time limit: 300

load ../lib/common

setup() {
    common_setup
    fake_worker
    start_mount
}

table() { # PHASE [restarted]
    py "$LIB/overlay.py" "$1" "$INBOX" "$RAW" "${@:2}"
}

# bats test_tags=core
@test "every act on a view, for every format, by owner, group and others, whatever happened to the recording" {
    note "$(table prepare)"
    table act
    table check
    restart
    table check
    table act restarted
    table check restarted
    restart
    table check
    table check restarted
    "$SCRIBECTL" restore "$INBOX"
    table restored
    assert_equal "$(worker_starts)" 2
    assert_equal "$(rm -r "${INBOX:?}"/* 2>&1)" ""
    assert_equal "$(names "$RAW")" ""
}

# ---- What happens to the recording afterwards --------------------------------------------------------------------------------

SAID="say these words are the same in all of them"

# put FILE [LINE]: a recording whose content depends on the line only.
put() {
    printf '%s\n' "${2:-$SAID}" >"$1"
}

# settled: everything that was dropped or changed before has been taken in.
settled() {
    fence
}

renamed() { mv "$1/talk.wav" "$1/new.wav"; }
moved() { mkdir "$1/sub" && mv "$1/talk.wav" "$1/sub/new.wav"; }
renamed_twice() { mv "$1/talk.wav" "$1/new.wav" && mv "$1/new.wav" "$1/talk.wav"; }
directory_renamed() { mv "$1" "$1.new"; }
hard_linked() { ln "$1/talk.wav" "$1/new.wav"; }
exchanged() {
    put "$1/new.wav" "say something else"
    transcribed "$1/new"
    py "$LIB/rename.py" exchange "$1/talk.wav" "$1/new.wav"
}
rewritten() { put "$1/talk.wav"; }
replaced() { put "$1/.talk.wav.tmp" && mv "$1/.talk.wav.tmp" "$1/talk.wav"; }
touched() { touch "$1/talk.wav" && chmod 600 "$1/talk.wav"; }
changed() { put "$1/talk.wav" "say something else"; }
changed_and_back() { changed "$1" && wait_for test -e "$1/talk.${2%% *}" && put "$1/talk.wav"; }
dropped_again() { rm "$1/talk.wav" && put "$1/talk.wav"; }
replaced_by_other() { put "$1/.talk.wav.tmp" "say something else" && mv "$1/.talk.wav.tmp" "$1/talk.wav"; }
shadowed() { # a real file comes and goes
    local format
    for format in $2; do echo real >"$1/talk.$format" && rm "$1/talk.$format"; done
}

# What is deleted of talk.*, for every way to delete.
deletions() {
    printf '%s\n' txt srt json "txt srt json"
}

# Which of a directory's names there are, without the real files.
views_in() { # DIRECTORY BASE
    local format
    for format in txt srt json; do
        [ ! -e "$1/$2.$format" ] || printf '%s ' "$format"
    done
}

left() { # DELETED: the formats that are not
    local format
    for format in txt srt json; do
        [[ " $1 " == *" $format "* ]] || printf '%s ' "$format"
    done
}

shown() { # DIRECTORY BASE FORMATS: exactly these, in listings too
    [ "$(views_in "$1" "$2")" = "$3" ] &&
        [ "$(find "$1" -maxdepth 1 \( -name "$2.txt" -o -name "$2.srt" -o -name "$2.json" \) | wc -l)" = "$(wc -w <<<"$3")" ]
}

# The circumstance, the directory and name where the recording is then, and what is shown there and elsewhere.
deleted_then() { # CHECK
    local deleted d all="txt srt json "
    while IFS= read -r deleted; do
        for how in "${CIRCUMSTANCES[@]}"; do
            d=$INBOX/$how-${deleted// /-}
            case $how in
            renamed) "$1" "$d" new "$(left "$deleted")" && "$1" "$d" talk "" ;;
            moved) "$1" "$d/sub" new "$(left "$deleted")" && "$1" "$d" talk "" ;;
            directory_renamed) "$1" "$d.new" talk "$(left "$deleted")" ;;
            hard_linked) "$1" "$d" talk "$(left "$deleted")" && "$1" "$d" new "$all" ;;
            exchanged) "$1" "$d" new "$(left "$deleted")" && "$1" "$d" talk "$all" ;;
            changed | changed_and_back | dropped_again | replaced_by_other) "$1" "$d" talk "$all" ;;
            *) "$1" "$d" talk "$(left "$deleted")" ;;
            esac || { echo "$how, deleted: $deleted" && ls -la "$d"* && return 1; }
        done
    done < <(deletions)
}

shown_soon() {
    wait_for -t 3 shown "$@"
}

CIRCUMSTANCES=(renamed moved renamed_twice directory_renamed hard_linked exchanged rewritten replaced touched changed changed_and_back dropped_again replaced_by_other shadowed)

@test "a deletion follows the recording, and ends with its content: table" {
    local deleted how d format
    while IFS= read -r deleted; do
        for how in "${CIRCUMSTANCES[@]}"; do
            d=$INBOX/$how-${deleted// /-}
            mkdir "$d"
            put "$d/talk.wav"
        done
    done < <(deletions)
    while IFS= read -r deleted; do
        for how in "${CIRCUMSTANCES[@]}"; do
            d=$INBOX/$how-${deleted// /-}
            transcribed "$d/talk"
            for format in $deleted; do
                rm "$d/talk.$format"
            done
            "$how" "$d" "$deleted"
        done
    done < <(deletions)
    settled
    deleted_then shown_soon
    restart
    settled
    deleted_then shown
    "$SCRIBECTL" restore "$INBOX"
    wait_for shown "$INBOX/renamed-txt" new "txt srt json "
    wait_for shown "$INBOX/replaced-txt-srt-json" talk "txt srt json "
    assert_equal "$(grep -c '^start' "$T/worker/log")" 4 # two contents, two fences
}

edited_is_kept() { # DIRECTORY FORMAT
    assert_equal "$(tail -n 1 "$1/talk.$2")" "my own line" && exists "$RAW/${1#"$INBOX/"}/talk.$2"
}

# A view that is not the edit, with its text.
unedited() { # FILE
    [ -e "$1" ] && missing "$RAW/${1#"$INBOX/"}" && refute grep -q "my own line" "$1"
}

edited_then() {
    local format how d
    for format in txt srt json; do
        for how in "${CIRCUMSTANCES[@]}"; do
            d=$INBOX/$how-$format
            case $how in
            shadowed) continue ;; # removes the edit itself
            directory_renamed) edited_is_kept "$d.new" "$format" && shown "$d.new" talk "txt srt json " ;;
            renamed | hard_linked | exchanged) edited_is_kept "$d" "$format" && wait_for unedited "$d/new.$format" ;;
            moved) edited_is_kept "$d" "$format" && wait_for unedited "$d/sub/new.$format" ;;
            # The stem of the views depends on how soon it is back.
            renamed_twice | dropped_again) edited_is_kept "$d" "$format" ;;
            # The views keep their stem, although a real file has it now.
            *) edited_is_kept "$d" "$format" && wait_for shown "$d" talk "txt srt json " && shown "$d" talk.wav "" ;;
            esac || { echo "$how, edited: $format" && ls -la "$d"* && return 1; }
        done
    done
}

@test "an edit stays where it is, whatever happens to the recording: table" {
    local format how d
    for format in txt srt json; do
        for how in "${CIRCUMSTANCES[@]}"; do
            d=$INBOX/$how-$format
            mkdir "$d"
            put "$d/talk.wav"
        done
    done
    for format in txt srt json; do
        for how in "${CIRCUMSTANCES[@]}"; do
            d=$INBOX/$how-$format
            transcribed "$d/talk"
            echo "my own line" >>"$d/talk.$format"
            "$how" "$d" "$format"
        done
    done
    settled
    edited_then
    restart
    settled
    edited_then
    wait_for contains "$INBOX/changed-txt/talk.srt" "something else"
    find "$INBOX" -name '*.wav' -delete
    for format in txt srt json; do
        edited_is_kept "$INBOX/moved-$format" "$format"
        wait_for shown "$INBOX/changed-$format" talk "$format "
    done
}

# ---- Editors -------------------------------------------------------------------------------------------------------------------

# How programs save, as strace shows it: in place, or by a new file and renames.
save_nano() { cat "$2" >"$1"; } # also vim with backupcopy=yes, LibreOffice on some filesystems
save_sed() { cp --preserve=mode "$1" "$3/sedAbCdEf" && cat "$2" >"$3/sedAbCdEf" && mv "$3/sedAbCdEf" "$1"; }
save_gio() { cat "$2" >"$3/.goutputstream-AB12CD" && mv "$3/.goutputstream-AB12CD" "$1"; }
save_kde() { cat "$2" >"$1.AbCdEf" && mv "$1.AbCdEf" "$1"; }
save_vim() { mv "$1" "$1~" && cat "$2" >"$1" && rm "$1~"; }
save_emacs() { mv "$1" "$1~" && cat "$2" >"$1"; }
save_libreoffice() {
    echo ",user,host" >"$3/.~lock.$(basename "$1")#"
    cat "$2" >"$3/lu1234abcd.tmp" && mv "$3/lu1234abcd.tmp" "$1"
    rm "$3/.~lock.$(basename "$1")#"
}
save_word() { cat "$2" >"$3/~WRD0001.tmp" && mv "$1" "$3/~WRL0002.tmp" && mv "$3/~WRD0001.tmp" "$1" && rm "$3/~WRL0002.tmp"; }

@test "an editor's save is kept, however it saves: nano, sed, GIO, KDE, vim, emacs, LibreOffice, Word" {
    local ways=(nano sed gio kde vim emacs libreoffice word) way format
    for way in "${ways[@]}"; do
        mkdir "$INBOX/$way"
        put "$INBOX/$way/talk.wav"
    done
    echo "the text as saved" >"$T/saved"
    for way in "${ways[@]}"; do
        transcribed "$INBOX/$way/talk"
        for format in txt srt json; do
            "save_$way" "$INBOX/$way/talk.$format" "$T/saved" "$INBOX/$way"
            sed 's/saved/saved again/' "$T/saved" >"$T/again"
            "save_$way" "$INBOX/$way/talk.$format" "$T/again" "$INBOX/$way"
        done
    done
    restart
    for way in "${ways[@]}"; do
        for format in txt srt json; do
            cmp "$T/again" "$INBOX/$way/talk.$format"
            cmp "$T/again" "$RAW/$way/talk.$format"
        done
        [ "$way" = emacs ] || assert_equal "$(names "$INBOX/$way")" "talk.json talk.srt talk.txt talk.wav"
    done
    assert_equal "$(names "$INBOX/emacs")" "talk.json talk.json~ talk.srt talk.srt~ talk.txt talk.txt~ talk.wav"
    assert_equal "$(worker_starts)" 1
}

@test "nano itself" {
    command -v nano >/dev/null || skip "nano is not installed"
    put "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    py - "$INBOX/talk.txt" <<'END'
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execvp("nano", ["nano", "--ignorercfiles", "--saveonexit", sys.argv[1]])
screen = b""
while b"^X" not in screen:  # it listens now
    screen += os.read(terminal, 1000)
os.write(terminal, b"my own line\r\x18")
try:
    while os.read(terminal, 1000):
        pass
except OSError:  # it has ended
    pass
os.waitpid(pid, 0)
END
    assert_equal "$(head -n 1 "$RAW/talk.txt")" "my own line"
}

# ---- Writers and readers at once -------------------------------------------------------------------------------------------

@test "two who append to one view at the same time lose nothing" {
    put "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    local size pids=()
    size=$(stat -c %s "$INBOX/talk.txt")
    for writer in one two; do
        py -c '
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
for i in range(500):
    os.write(fd, b"%s %4d\n" % (sys.argv[2].encode(), i))
' "$INBOX/talk.txt" $writer 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    assert_equal "$(stat -c %s "$INBOX/talk.txt")" $((size + 1000 * 9))
    assert_equal "$(tail -c 9000 "$RAW/talk.txt" | sort | uniq -c | awk '$1 == 1' | wc -l)" 1000
}

@test "who has a view open or mapped sees what another writes to it, as with a file" {
    put "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    py - "$INBOX/talk.txt" "$RAW/talk.txt" <<'END'
import mmap, os, sys
path, raw = sys.argv[1:]
was = open(path, "rb").read()
reader, reader_two = os.open(path, os.O_RDONLY), os.open(path, os.O_RDWR)
assert os.pread(reader, 1000, 0) == was
writer = os.open(path, os.O_RDWR)
os.pwrite(writer, b"XYZ", 0)
assert os.pread(reader, 1000, 0) == b"XYZ" + was[3:], os.pread(reader, 1000, 0)
assert os.pread(reader_two, 1000, 0) == b"XYZ" + was[3:]
os.pwrite(reader_two, b"abc", 3)  # was opened as a view, too
assert os.pread(writer, 6, 0) == b"XYZabc"
assert open(path, "rb").read() == open(raw, "rb").read() == b"XYZabc" + was[6:]
assert os.fstat(reader).st_size == os.stat(path).st_size
os.ftruncate(writer, 4)
assert os.pread(reader, 1000, 0) == b"XYZa" and os.fstat(reader_two).st_size == 4
os.unlink(path)
assert os.pread(reader, 1000, 0) == b"XYZa"
assert open(path, "rb").read() == was  # the view is back, and is another file
END
}

@test "who has a view open when it is deleted or replaced reads and writes on, and nobody sees it" {
    local way
    for way in deleted replaced renamed edited "edited too"; do
        put "$INBOX/$way.wav"
        transcribed "$INBOX/$way"
    done
    py - "$INBOX" "$RAW" <<'END'
import os, sys
inbox, raw = sys.argv[1:]
def replace(path):
    open(path + ".new", "wb").write(b"another")
    os.rename(path + ".new", path)
def rename(path):
    os.rename(path, path + ".kept")
for name, way in (("deleted", os.unlink), ("replaced", replace), ("renamed", rename)):
    for form in ("txt", "srt", "json"):
        path = f"{inbox}/{name}.{form}"
        was = open(path, "rb").read()
        reader, writer, shorter = os.open(path, os.O_RDONLY), os.open(path, os.O_RDWR | os.O_APPEND), os.open(path, os.O_RDWR)
        way(path)
        now = open(path, "rb").read() if os.path.exists(path) else None
        assert os.write(writer, b"more") == 4
        text = os.pread(writer, 100000, 0)
        assert text.startswith(was) and text.endswith(b"more"), text
        assert os.fstat(writer).st_size == len(text)
        os.ftruncate(shorter, 3)
        assert os.pread(shorter, 10, 0) == was[:3]
        os.fsync(writer)
        assert os.pread(reader, 3, 0) == was[:3]
        for fd in (reader, writer, shorter):
            os.close(fd)
        if name != "renamed":  # that file is where it was renamed to, with all that was written
            assert (open(path, "rb").read() if os.path.exists(path) else None) == now
# What another edited, and then deleted or replaced, is what those see who had the view open and did not look meanwhile.
for name, way in (("edited", os.unlink), ("edited too", replace)):
    for form in ("txt", "srt", "json"):
        path = f"{inbox}/{name}.{form}"
        was = open(path, "rb").read()
        reader, writer = os.open(path, os.O_RDONLY), os.open(path, os.O_RDWR)
        with open(path, "ab") as f:
            f.write(b"more")
        way(path)
        for fd in (reader, writer):
            assert os.fstat(fd).st_size == len(was) + 4 and os.fstat(fd).st_nlink == 0, os.fstat(fd)
            assert os.pread(fd, 100000, 0) == was + b"more"
        assert os.pwrite(writer, b"MORE", len(was)) == 4
        assert os.pread(reader, 10, len(was)) == b"MORE"
        for fd in (reader, writer):
            os.close(fd)
END
    assert_equal "$(names "$RAW")" "deleted.wav edited too.json edited too.srt edited too.txt edited too.wav edited.wav renamed.json.kept renamed.srt.kept renamed.txt.kept renamed.wav replaced.json \
replaced.srt replaced.txt replaced.wav"
}

@test "operations that views refuse are not refused to files after that" {
    put "$INBOX/talk.wav"
    transcribed "$INBOX/talk"
    echo real >"$INBOX/file"
    cp "$INBOX/file" "$INBOX/other"
    py - "$INBOX/talk.txt" "$INBOX/file" "$INBOX/other" "$MNT/status.txt" <<'END'
import fcntl, os, sys
view, real, other, status = sys.argv[1:]
def quietly(function, *arguments):
    try:
        return function(*arguments)
    except OSError:
        pass
for path in (view, status, os.path.dirname(status)):
    quietly(os.setxattr, path, "user.x", b"1")
    quietly(os.getxattr, path, "user.x")
    quietly(os.listxattr, path)
    quietly(os.removexattr, path, "user.x")
    quietly(os.link, path, path + ".link")
    quietly(os.utime, path)
    quietly(os.statvfs, path)
    fd = os.open(path, os.O_RDONLY)
    quietly(os.lseek, fd, 0, os.SEEK_HOLE)
    quietly(os.lseek, fd, 0, os.SEEK_DATA)
    quietly(os.posix_fallocate, fd, 0, 100)
    quietly(os.fsync, fd)
    quietly(fcntl.ioctl, fd, 0x80086601, bytearray(8))
    out = os.open(other, os.O_WRONLY)
    quietly(os.copy_file_range, fd, out, 100, 0, 0)
    os.close(out)
    os.close(fd)
try:
    os.setxattr(real, "user.x", b"1")
    assert os.getxattr(real, "user.x") == b"1" and os.listxattr(real) == ["user.x"]
    os.removexattr(real, "user.x")
except OSError as e:
    assert e.errno == 95 and not quietly(os.setxattr, "/tmp", "user.x", b"1"), e
os.link(real, real + ".link")
fd = os.open(real, os.O_RDWR)
os.posix_fallocate(fd, 0, 8192)
assert os.lseek(fd, 0, os.SEEK_DATA) == 0 and os.lseek(fd, 0, os.SEEK_HOLE) > 0
os.fsync(fd)
os.fsync(os.open(os.path.dirname(real), os.O_RDONLY))
out = os.open(other, os.O_RDWR)
assert os.copy_file_range(fd, out, 5, 0, 0) == 5
END
    # A copy of a view by any means is its text.
    cp "$INBOX/talk.txt" "$INBOX/copy"
    cmp "$INBOX/talk.txt" "$RAW/copy"
}

@test "a folder in which everything was edited or deleted is removed by rm -r, rmdir, and with its recording gone" {
    mkdir "$INBOX/a" "$INBOX/b" "$INBOX/c"
    for d in a b c; do
        put "$INBOX/$d/talk.wav"
    done
    for d in a b c; do
        transcribed "$INBOX/$d/talk"
        echo mine >>"$INBOX/$d/talk.txt"
        rm "$INBOX/$d/talk.srt"
    done
    assert_equal "$(rm -rv "$INBOX/a" 2>&1 | grep -v ^removed)" ""
    rm "$INBOX/b/talk.txt" # real; the view comes back
    exists "$INBOX/b/talk.txt"
    refute rmdir "$INBOX/b" 2>/dev/null
    rm "$INBOX/b/talk.wav"
    rmdir "$INBOX/b"
    rm "$INBOX/c/talk.wav"
    refute rmdir "$INBOX/c" 2>/dev/null # the edit is a file
    rm "$INBOX/c/talk.txt"
    rmdir "$INBOX/c"
    assert_equal "$(names "$RAW")" ""
}
