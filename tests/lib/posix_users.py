"""What several users may do in one directory tree, all at once: posix_users.py CASE DIRECTORY. As posix.py; root runs it."""

import ctypes
import errno
import os
import stat
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from syscalls import call, fails, get, libc, put  # noqa: E402

TEAM, OTHERS = 5001, 5002
# uid, gid, supplementary groups, umask
PEOPLE = [
    (0, 0, [], 0o022),
    (1001, 1001, [TEAM], 0o077),
    (1002, 1002, [TEAM, OTHERS], 0o002),
    (1003, 1003, [], 0o027),
    (1004, TEAM, [OTHERS], 0o000),
]
ROUNDS = 40


def become(uid, gid, groups, umask=0o022):
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.umask(umask)


def as_each(people, function):
    """Calls function(uid, gid, groups, umask) as each of them, in processes that run at the same time."""
    children = []
    for person in people:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                become(*person)
                function(*person)
                status = 0
            except BaseException as e:
                print(f"user {person[0]}: {e!r}", file=sys.stderr, flush=True)
            os._exit(status)
        children.append(pid)
    assert not any([os.waitpid(pid, 0)[1] for pid in children])


def in_threads(count, function):
    wrong = []

    def run(which):
        try:
            function(which)
        except BaseException as e:
            wrong.append(e)

    threads = [threading.Thread(target=run, args=(which,)) for which in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if wrong:
        raise wrong[0]


def case_all_at_once():
    """Everybody makes everything at the same time: each thing belongs to who made it, with that umask; groups open and close doors."""
    os.mkdir("all")
    os.chmod("all", 0o1777)
    os.mkdir("team")
    os.chown("team", 0, TEAM)
    os.chmod("team", 0o770)
    os.mkdir("shared")
    os.chown("shared", 0, OTHERS)
    os.chmod("shared", 0o2777)
    put("secret", b"secret")
    os.chmod("secret", 0o600)

    def work(uid, gid, groups, umask):
        may = uid == 0 or TEAM in groups or gid == TEAM

        def owned(path, mode, group=gid):
            st = os.lstat(path)
            assert (st.st_uid, st.st_gid) == (uid, group), f"{path} belongs to {st.st_uid}:{st.st_gid}"
            assert mode is None or stat.S_IMODE(st.st_mode) == mode & ~umask, f"{path} has mode {stat.S_IMODE(st.st_mode):o}"

        def one_thread(which):
            for i in range(ROUNDS):
                name = f"{uid}-{which}-{i}"
                os.mkdir(f"all/d{name}", 0o777)
                owned(f"all/d{name}", 0o777)
                os.close(os.open(f"all/f{name}", os.O_CREAT | os.O_WRONLY, 0o666))
                owned(f"all/f{name}", 0o666)
                os.symlink("x", f"all/l{name}")
                owned(f"all/l{name}", None)
                if i % 10 == 0:
                    os.mkfifo(f"all/p{name}", 0o666)
                    owned(f"all/p{name}", 0o666)
                os.mkdir(f"shared/d{name}", 0o777)
                owned(f"shared/d{name}", None, OTHERS)
                assert os.stat(f"shared/d{name}").st_mode & stat.S_ISGID
                if may:
                    put(f"team/f{name}", b"x")
                    owned(f"team/f{name}", 0o666)
                    os.rename(f"team/f{name}", f"team/g{name}")
                else:
                    fails(errno.EACCES, put, f"team/f{name}")
                    fails(errno.EACCES, os.listdir, "team")
                if uid:
                    fails(errno.EACCES, get, "secret")
                    fails(errno.EPERM, os.chmod, "secret", 0o666)
                    fails(errno.EPERM, os.chown, f"all/f{name}", 0, 0)
                    fails(errno.EPERM, os.chown, f"all/f{name}", -1, 9999)
                    fails(errno.EPERM, os.unlink, "all/f0-0-0") if os.path.exists("all/f0-0-0") else None
                    if OTHERS in groups:
                        os.chown(f"all/f{name}", -1, OTHERS)
                else:
                    assert get("secret") == b"secret"

        in_threads(2, one_thread)

    as_each(PEOPLE, work)
    for name in os.listdir("all"):
        st = os.lstat("all/" + name)
        assert name[1:].startswith(f"{st.st_uid}-"), f"{name} belongs to {st.st_uid}"


def case_changing_groups():
    """A process that gives up or takes on a group is judged by what it has now."""
    os.mkdir("team")
    os.chown("team", 0, TEAM)
    os.chmod("team", 0o770)

    def work(uid, gid, groups, umask):
        for i in range(50):
            os.seteuid(0)
            os.setgroups([TEAM] if i % 2 else [])
            os.seteuid(uid)
            if i % 2:
                put(f"team/{i}")
                os.unlink(f"team/{i}")
            else:
                fails(errno.EACCES, put, f"team/{i}")

    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setresgid(1001, 1001, 1001)
            os.setresuid(1001, 1001, 0)
            work(1001, 1001, [], 0)
            status = 0
        except BaseException as e:
            print(repr(e), file=sys.stderr, flush=True)
        os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def case_times():
    """Who may set times to what: the owner to anything, who may write to now."""

    class Timespec(ctypes.Structure):
        _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]

    now, omit = (1 << 30) - 1, (1 << 30) - 2

    def utimens(path, one, two):
        call(libc.utimensat, -100, os.fsencode(path), (Timespec * 2)(Timespec(1, one), Timespec(1, two)), 0)

    for name, mode in (("writable", 0o666), ("readable", 0o644), ("own", 0o400)):
        put(name)
        os.chmod(name, mode)
    os.chown("own", 1001, 1001)

    def work(uid, gid, groups, umask):
        call(libc.utimensat, -100, b"writable", None, 0)
        utimens("writable", now, now)
        for values in ((now, omit), (omit, now), (5, 5), (now, 5)):
            fails(errno.EPERM, utimens, "writable", *values)
            fails(errno.EPERM, utimens, "readable", *values)
            utimens("own", *values)
        utimens("writable", omit, omit)
        utimens("readable", omit, omit)
        fails(errno.EACCES, utimens, "readable", now, now)
        utimens("own", now, now)

    as_each([(1001, 1001, [], 0o022)], work)


def case_sticky():
    """In a sticky directory only owners delete and rename; a group bit in a mode goes when it may not be had."""
    os.mkdir("sticky")
    os.chmod("sticky", 0o1777)
    put("sticky/of-root")
    os.mkdir("sticky/dir")

    def work(uid, gid, groups, umask):
        put("sticky/own")
        for function, arguments in (
            (os.unlink, ("sticky/of-root",)),
            (os.rename, ("sticky/of-root", "sticky/taken")),
            (os.rename, ("sticky/own", "sticky/of-root")),
            (os.rmdir, ("sticky/dir",)),
        ):
            fails(errno.EPERM, function, *arguments)
        os.rename("sticky/own", "sticky/renamed")
        os.chmod("sticky/renamed", 0o2755)
        os.chown("sticky/renamed", -1, TEAM)  # takes set-group-id away
        assert stat.S_IMODE(os.stat("sticky/renamed").st_mode) == 0o755
        os.unlink("sticky/renamed")

    as_each([(1001, 1001, [TEAM], 0o022)], work)


def case_execute():
    """A program is executed by who may execute it, and read by who may read it."""
    with open("/bin/true", "rb") as f:
        put("program", f.read())
    os.chown("program", 1001, TEAM)
    for mode, may_execute, may_read in (
        (0o111, True, False),
        (0o011, True, False),
        (0o001, False, False),
        (0o554, True, True),
        (0o444, False, True),
        (0o640, False, True),
    ):
        os.chmod("program", mode)

        def work(uid, gid, groups, umask):
            if may_read:
                get("program")
            else:
                fails(errno.EACCES, get, "program")
            if may_execute:
                assert os.spawnv(os.P_WAIT, "./program", ["program"]) == 0
            else:
                fails(errno.EACCES, os.execv, "./program", ["program"])

        as_each([(1002, 1002, [TEAM], 0o022)], work)  # by the group's bits


def main():
    name, directory = sys.argv[1:3]
    os.umask(0o022)
    os.makedirs(directory)
    os.chmod(directory, 0o755)
    os.chdir(directory)
    globals()["case_" + name]()


main()
