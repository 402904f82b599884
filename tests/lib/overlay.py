"""The table of the overlay: what every act on a view does, by whom, and after what has happened to the recording.

usage: overlay.py prepare|act|check|restored INBOX STORE-INBOX [restarted]

A cell of the table is one recording in a directory of its own, CIRCUMSTANCE/WHO-FORMAT-ACT, always talk.wav when the act comes. All
recordings have one of two contents, so the whole table costs two transcriptions. `prepare` makes the recordings and lets happen to
them what the circumstance says; `act` does the acts; `check` looks at what is there (and may be run again, after a restart);
`restored` looks again when deleted views were asked back. With "restarted", only the cells that are about a restart before the act;
without, only the others.
"""

import ctypes
import errno
import mmap
import os
import stat
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
ROOT = os.geteuid() == 0
OWNER, GROUP = (1234, 2345) if ROOT else (os.geteuid(), os.getegid())
CONTENT = b"say these are the words of the table and there are some of them\n"
OTHER = b"say quite another thing\n"
LINE, MINE = b"a line of my own\n", b"all of this is mine\n"
FORMATS = ("txt", "srt", "json")
# uid, gid, supplementary groups, and whether they may write the recording (0664, of OWNER and GROUP).
PEOPLE = {
    "owner": (OWNER, GROUP, [], True),
    "member": (4321, 4321, [7777, GROUP], True),
    "stranger": (5555, 5555, [7777], False),
}


def exchange(one, two):
    if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(two), 2):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def put(path, data):
    with open(path, "wb") as f:
        f.write(data)
    if path.endswith(".wav"):  # views tell this time: it is the same for all
        os.utime(path, (1_700_000_000, 1_700_000_000))


def get(path):
    with open(path, "rb") as f:
        return f.read()


# ---- What happens to the recording: before (makes it), then (its views are there by now) -------------------------------------

CIRCUMSTANCES = {
    "plain": (lambda d: put(d + "/talk.wav", CONTENT), lambda d: None),
    "renamed": (lambda d: put(d + "/old.wav", CONTENT), lambda d: os.rename(d + "/old.wav", d + "/talk.wav")),
    "moved": (
        lambda d: (os.mkdir(d + "/old"), put(d + "/old/talk.wav", CONTENT)),
        lambda d: (os.rename(d + "/old/talk.wav", d + "/talk.wav"), os.rmdir(d + "/old")),
    ),
    "directory-renamed": (
        lambda d: (os.mkdir(d + ".old"), put(d + ".old/talk.wav", CONTENT)),
        lambda d: os.rename(d + ".old", d),
    ),
    "hard-linked": (lambda d: put(d + "/old.wav", CONTENT), lambda d: os.link(d + "/old.wav", d + "/talk.wav")),
    "exchanged": (
        lambda d: (put(d + "/old.wav", CONTENT), put(d + "/talk.wav", OTHER)),
        lambda d: exchange(d + "/old.wav", d + "/talk.wav"),
    ),
    "restarted": (lambda d: put(d + "/talk.wav", CONTENT), lambda d: None),
}


# ---- Acts ----------------------------------------------------------------------------------------------------------------------


def look(view, was):
    assert get(view) == was
    with open(view, "rb") as f:
        assert mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:] == was
        assert os.fstat(f.fileno()).st_size == len(was)


def append(view, was):
    with open(view, "ab") as f:
        f.write(LINE)


def overwrite(view, was):
    put(view, MINE)


def shorten(view, was):
    os.truncate(view, 5)


def patch(view, was):
    with open(view, "r+b") as f:
        f.seek(3)
        f.write(b"XYZ")


def patch_mapped(view, was):
    fd = os.open(view, os.O_RDWR)
    with mmap.mmap(fd, 0) as mapping:
        os.close(fd)
        mapping[3:6] = b"XYZ"


def allocate(view, was):
    with open(view, "r+b") as f:
        os.posix_fallocate(f.fileno(), 0, len(was) + 10)


def touch_nothing(view, was):
    with open(view, "r+b") as f:
        assert f.read() == was
        os.fsync(f.fileno())
    open(view, "ab").close()


def attributes(view, was):
    os.chmod(view, 0o600)
    os.chown(view, -1, -1)
    os.utime(view, (1, 2))


def now(view, was):
    os.utime(view)


def set_xattr(view, was):
    os.setxattr(view, "user.note", b"x")


def delete(view, was):
    os.unlink(view)


def rename(view, was):
    os.rename(view, os.path.dirname(view) + "/kept")


def move(view, was):
    os.mkdir(os.path.dirname(view) + "/sub")
    os.rename(view, os.path.dirname(view) + "/sub/kept")


def rename_over(view, was):
    kept = os.path.dirname(view) + "/kept"
    put(kept, b"this goes")
    os.rename(view, kept)


def put_over(view, was):  # LibreOffice, GIO, KIO and sed -i save so
    put(view + ".tmp", MINE)
    os.rename(view + ".tmp", view)


def back_up(view, was):  # vim and emacs save so
    os.rename(view, view + "~")
    fd = os.open(view, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    os.write(fd, MINE)
    os.close(fd)


def delete_and_put(view, was):
    os.unlink(view)
    put(view, MINE)


def create(view, was):
    os.open(view, os.O_CREAT | os.O_EXCL | os.O_WRONLY)


def make_directory(view, was):
    os.mkdir(view)


def hard_link(view, was):
    os.link(view, view + ".link")


def make_exchange(view, was):
    put(view + ".other", MINE)
    exchange(view, view + ".other")


# What an act leads to. `real`: the view is a real file with these bytes, owned like the recording (or by who made it).
WRITERS, NOBODY = "writers", "nobody"
MINE_NOW = ("real", lambda was: MINE, "actor")
ACTS = {
    # name: (function, who may (None: everybody), errno for others, what is at the name then, is "kept" there)
    "read": (look, None, 0, ("view",)),
    "append": (append, WRITERS, errno.EACCES, ("real", lambda was: was + LINE, "recording")),
    "overwrite": (overwrite, WRITERS, errno.EACCES, ("real", lambda was: MINE, "recording")),
    "truncate": (shorten, WRITERS, errno.EACCES, ("real", lambda was: was[:5], "recording")),
    "patch": (patch, WRITERS, errno.EACCES, ("real", lambda was: was[:3] + b"XYZ" + was[6:], "recording")),
    "map": (patch_mapped, WRITERS, errno.EACCES, ("real", lambda was: was[:3] + b"XYZ" + was[6:], "recording")),
    "allocate": (allocate, WRITERS, errno.EACCES, ("real", lambda was: was + bytes(10), "recording")),
    "change-nothing": (touch_nothing, WRITERS, errno.EACCES, ("view",)),
    "attributes": (attributes, "owner", errno.EPERM, ("view",)),
    "touch": (now, WRITERS, errno.EACCES, ("view",)),
    "xattr": (set_xattr, NOBODY, (errno.EOPNOTSUPP, errno.EACCES), ("view",)),
    "delete": (delete, None, 0, ("gone",)),
    "rename": (rename, None, 0, ("gone", "kept")),
    "move": (move, None, 0, ("gone", "sub/kept")),
    "rename-over": (rename_over, None, 0, ("gone", "kept")),
    "put-over": (put_over, None, 0, MINE_NOW),
    "back-up": (back_up, None, 0, MINE_NOW),
    "delete-and-put": (delete_and_put, None, 0, MINE_NOW),
    "create": (create, NOBODY, errno.EEXIST, ("view",)),
    "mkdir": (make_directory, NOBODY, errno.EEXIST, ("view",)),
    "link": (hard_link, NOBODY, errno.EPERM, ("view",)),
    "exchange": (make_exchange, NOBODY, errno.EINVAL, ("view",)),
}

# ---- The cells -----------------------------------------------------------------------------------------------------------------


class Cell:
    def __init__(self, inbox, raw, circumstance, who, form, act):
        self.circumstance, self.who, self.form, self.act = circumstance, who, form, act
        self.label = f"{circumstance}/{who}-{form}-{act}"
        self.directory = f"{inbox}/{self.label}"
        self.view = f"{self.directory}/talk.{form}"
        self.raw = f"{raw}/{self.label}/talk.{form}"
        self.function, allowed, refusal, self.then = ACTS[act]
        may = allowed is None or (allowed == "owner" and who == "owner") or (allowed == WRITERS and PEOPLE[who][3])
        self.refusals = () if may else refusal if isinstance(refusal, tuple) else (refusal,)
        if self.refusals:
            self.then = ("view",)


def cells(inbox, raw, restarted):
    for circumstance in CIRCUMSTANCES:
        if (circumstance == "restarted") != restarted and restarted is not None:
            continue
        for who in PEOPLE:
            if who != "owner" and (not ROOT or circumstance not in ("plain", "restarted")):
                continue
            for form in FORMATS:
                for act in ACTS:
                    yield Cell(inbox, raw, circumstance, who, form, act)


def wait(condition, what):
    deadline = time.monotonic() + 60 * int(os.environ.get("TEST_TIME_FACTOR", 1))
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def as_person(who, function, *arguments):
    """Calls it as that person, in a process of its own; returns what went wrong, as text, or the errno."""
    if not ROOT:
        try:
            function(*arguments)
        except OSError as e:
            return e.errno
        return 0
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        uid, gid, groups, _ = PEOPLE[who]
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        os.umask(0o022)
        message = "0"
        try:
            function(*arguments)
        except OSError as e:
            message = str(e.errno)
        except BaseException as e:  # whatever it is, the parent says it
            message = repr(e)
        os.write(writer, message.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as f:
        message = f.read().decode()
    os.waitpid(child, 0)
    return int(message) if message.isdigit() else message


def prepare(table):
    os.umask(0)
    for cell in table:
        if cell.circumstance == "directory-renamed":
            os.makedirs(os.path.dirname(cell.directory), exist_ok=True)
        else:
            os.makedirs(cell.directory, 0o777)
        CIRCUMSTANCES[cell.circumstance][0](cell.directory)
    tops = {os.path.dirname(cell.directory) for cell in table}
    for top in tops:
        for directory, names, files in os.walk(top):
            for name in files:
                if ROOT and name.endswith(".wav"):
                    os.chown(os.path.join(directory, name), OWNER, GROUP)
                if name.endswith(".wav"):
                    os.chmod(os.path.join(directory, name), 0o664)
    for top in tops:
        for directory, names, files in os.walk(top):
            for name in files:
                if name.endswith(".wav"):
                    base = os.path.join(directory, name)[:-4]
                    for form in FORMATS:
                        wait(lambda: os.path.exists(f"{base}.{form}"), f"{base}.{form}")
    for cell in table:
        CIRCUMSTANCES[cell.circumstance][1](cell.directory)
    for cell in table:
        for form in FORMATS:
            wait(lambda: os.path.exists(f"{cell.directory}/talk.{form}"), f"{cell.directory}/talk.{form}")
        if cell.circumstance in ("renamed",):
            wait(lambda: not os.path.exists(f"{cell.directory}/old.{cell.form}"), "old views to go")


def act(cell, wanted):
    wait(lambda: get(cell.view) == wanted[cell.form], f"{cell.label}: the view of its own recording")
    st = os.stat(cell.view)
    assert (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode), st.st_nlink) == (OWNER, GROUP, 0o664, 1), st
    number = as_person(cell.who, cell.function, cell.view, wanted[cell.form])
    expected = cell.refusals or (0,)
    assert number in expected, f"{errno.errorcode.get(number, number)} instead of {[errno.errorcode.get(n, n) for n in expected]}"


def check(cell, wanted):
    was = wanted[cell.form]
    state = cell.then[0]
    listed = f"talk.{cell.form}" in os.listdir(cell.directory)
    if state == "gone":
        assert not os.path.lexists(cell.view) and not listed, "it is still there"
        if len(cell.then) > 1:
            kept = f"{cell.directory}/{cell.then[1]}"
            st = os.stat(kept)
            assert get(kept) == was and (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (OWNER, GROUP, 0o664), st
    else:
        assert listed, "it is not listed"
        st = os.stat(cell.view)
        content = get(cell.view)
        if state == "view":
            assert not os.path.lexists(cell.raw), "a file was made of it"
            assert content == was and (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (OWNER, GROUP, 0o664), st
        else:
            assert content == cell.then[1](was) == get(cell.raw), content[:200]
            owner = PEOPLE[cell.who][:2] if cell.then[2] == "actor" else (OWNER, GROUP)
            assert (st.st_uid, st.st_gid) == owner, (st.st_uid, st.st_gid)
            if cell.then[2] == "recording":
                assert stat.S_IMODE(st.st_mode) == 0o664, oct(st.st_mode)
    for form in FORMATS:  # the others are as they were
        if form != cell.form:
            other = f"{cell.directory}/talk.{form}"
            assert get(other) == wanted[form] and not os.path.lexists(cell.raw[: -len(cell.form)] + form), f"{form} changed"
    if cell.circumstance == "hard-linked":
        for form in FORMATS:
            assert get(f"{cell.directory}/old.{form}").replace(b"old", b"talk") == wanted[form], f"old.{form}, of the other name, changed"
    if cell.circumstance == "renamed":
        assert not [name for name in os.listdir(cell.directory) if name.startswith("old.")], "old views are there"


def restored(cell, wanted):
    """Whiteouts were lifted; what is real still wins, and when it goes the view is back."""
    if cell.then[0] == "real":
        assert get(cell.view) == cell.then[1](wanted[cell.form]), "the edit was lost"
        os.unlink(cell.view)
    wait(lambda: os.path.exists(cell.view), f"{cell.label} to come back")
    assert get(cell.view) == wanted[cell.form] and not os.path.lexists(cell.raw)


def main():
    phase, inbox, raw = sys.argv[1:4]
    restarted = None if phase in ("prepare", "restored") else len(sys.argv) > 4
    table = list(cells(inbox, raw, restarted))
    if phase == "prepare":
        prepare(table)
        print(f"{len(table)} cells")
        return
    # What all must have is what the first one, which is only read, has.
    wanted = {form: get(f"{inbox}/plain/owner-{form}-read/talk.{form}") for form in FORMATS}
    failures = 0
    for cell in table:
        try:
            {"act": act, "check": check, "restored": restored}[phase](cell, wanted)
        except (AssertionError, OSError) as e:
            failures += 1
            print(f"{cell.label}: {e!r}")
    sys.exit(failures > 0)


main()
