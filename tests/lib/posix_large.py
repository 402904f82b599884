"""Directory trees at the limits, one function a subject: posix_large.py CASE DIRECTORY. As posix.py."""

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import select
import shutil
import signal
import stat
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from syscalls import KEEP_SIZE, PUNCH_HOLE, RENAME_WHITEOUT, ZERO_RANGE, call, fails, fallocate, get, libc, put, rename  # noqa: E402

ENTRIES = 100_000
F_OFD_SETLK = 37


class Listing:
    """opendir and what goes with it."""

    def __init__(self, path):
        libc.opendir.restype = ctypes.c_void_p
        libc.readdir.restype = ctypes.c_void_p
        libc.telldir.restype = ctypes.c_long
        self.stream = ctypes.c_void_p(libc.opendir(os.fsencode(path)))

    def next(self):
        entry = libc.readdir(self.stream)
        return ctypes.string_at(entry + 19) if entry else None  # behind d_ino, d_off, d_reclen, d_type

    def rest(self):
        names = []
        while (name := self.next()) is not None:
            names.append(name)
        return names

    def tell(self):
        return ctypes.c_long(libc.telldir(self.stream))

    def seek(self, place):
        libc.seekdir(self.stream, place)

    def close(self):
        libc.closedir(self.stream)


def case_large_directory():
    """`many` holds 100,000 entries already (made behind the mount)."""
    names = {b"entry-%06d" % i for i in range(ENTRIES)}
    listing = Listing("many")
    first = [listing.next() for _ in range(ENTRIES // 3)]
    place = listing.tell()
    rest = listing.rest()
    assert len(first) + len(rest) == ENTRIES + 2 and set(first) | set(rest) == names | {b".", b".."}
    listing.seek(place)
    assert [listing.next() for _ in range(1000)] == rest[:1000]
    listing.close()
    # While it is read, others remove every 20th entry and add new ones: what stays is listed exactly once.
    gone = set(sorted(names)[::20])

    def change():
        for i, name in enumerate(sorted(gone)):
            os.unlink(b"many/" + name)
            if i % 10 == 0:
                put(b"many/new-%06d" % i)

    changer = threading.Thread(target=change)
    changer.start()
    rounds = 0
    while changer.is_alive() or not rounds:
        listed = os.listdir(b"many")
        assert len(set(listed)) == len(listed), "an entry is listed twice"
        assert names - gone <= set(listed), "an entry that stayed is not listed"
        rounds += 1
    changer.join()
    listed = os.listdir(b"many")
    assert {name for name in listed if name.startswith(b"entry")} == names - gone
    # rm -r's way: read some, remove those, go on.
    removed = set()
    with os.scandir(b"many") as entries:
        for entry in entries:
            os.unlink(entry.path)
            removed.add(entry.name)
            if len(removed) == 5000:
                break
        assert removed | {entry.name for entry in entries} == set(listed), "an entry was passed over"
    assert set(os.listdir(b"many")) == set(listed) - removed


def case_deep():
    """A tree whose path is longer than any call may be given, walked by descriptors and by chdir."""
    name = "d" * 200
    top = os.getcwd()
    for depth in range(60):  # 12,000 bytes; PATH_MAX is 4,096
        os.mkdir(name)
        os.chdir(name)
    put("file", b"deep")
    os.link("file", "link")
    os.rename("link", "renamed")
    os.symlink("file", "symlink")
    assert get("renamed") == get("symlink") == b"deep" and os.stat("file").st_nlink == 2
    os.truncate("file", 2)
    os.chmod("file", 0o600)
    os.utime("file", ns=(1_000_000_001, 2_000_000_002))
    st = os.stat("renamed")
    assert (st.st_size, stat.S_IMODE(st.st_mode), st.st_mtime_ns) == (2, 0o600, 2_000_000_002)
    assert sorted(os.listdir()) == ["file", "renamed", "symlink"]
    fails(errno.ENAMETOOLONG, os.stat, "./" + name * 25)
    inner = os.open(".", os.O_RDONLY)
    os.chdir(top)
    # The top of it is renamed: everything is still reached by descriptor, and from above.
    os.rename(name, "renamed")
    assert os.stat("file", dir_fd=inner).st_size == 2
    os.mkdir("below", dir_fd=inner)
    os.rmdir("below", dir_fd=inner)
    os.close(inner)
    shutil.rmtree("renamed")
    assert os.listdir() == []


def case_long_names():
    for length in (1, 100, 254, 255):
        for name in ("n" * length, "é" * (length // 2) + "x" * (length % 2)):
            if os.path.exists(name):
                continue
            put(name, name.encode())
            assert name in os.listdir() and get(name) == name.encode()
            os.rename(name, name[:-1] + "y")
            os.mkdir(name)
            put(name + "/" + name)
            os.unlink(name + "/" + name)
            os.rmdir(name)
            os.unlink(name[:-1] + "y")
    for function in (os.mkdir, os.mkfifo, os.unlink, os.rmdir, os.stat, os.listdir):
        fails(errno.ENAMETOOLONG, function, "n" * 256)
    put("n")
    fails(errno.ENAMETOOLONG, os.rename, "n", "n" * 256)
    fails(errno.ENAMETOOLONG, os.link, "n", "n" * 256)
    fails(errno.ENAMETOOLONG, os.symlink, "n", "n" * 256)
    fails(errno.ENOENT, os.symlink, "", "empty")


def case_append_at_once():
    """Two processes, and within each two threads, append: no line is lost or torn, in a file and through one descriptor."""
    put("file")
    children = []
    for who in range(2):
        pid = os.fork()
        if pid == 0:
            shared = os.open("file", os.O_WRONLY | os.O_APPEND)

            def write(which):
                for i in range(300):
                    os.write(shared, b"%d %d %04d\n" % (who, which, i))

            threads = [threading.Thread(target=write, args=(which,)) for which in range(2)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    lines = get("file").splitlines()
    assert len(lines) == 1200 and len(set(lines)) == 1200
    for who in range(2):
        for which in range(2):
            mine = [line for line in lines if line.startswith(b"%d %d" % (who, which))]
            assert mine == sorted(mine) and len(mine) == 300
    # pwrite with O_APPEND appends, wherever it was told to write.
    fd = os.open("file", os.O_RDWR | os.O_APPEND)
    os.ftruncate(fd, 4)
    os.pwrite(fd, b"end", 0)
    assert os.pread(fd, 100, 0)[4:] == b"end"
    # Appending while somebody makes it shorter.
    os.truncate("file", 0)
    os.write(fd, b"again")
    assert get("file") == b"again"
    os.close(fd)


def case_mappings():
    fd = os.open("file", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 3 * 4096 + 100)
    with mmap.mmap(fd, 3 * 4096 + 100) as shared:
        private = mmap.mmap(fd, 4096, flags=mmap.MAP_PRIVATE)
        private[0:4] = b"mine"
        assert shared[0:4] == bytes(4), "a private mapping was written back"
        shared[4090:4100] = b"0123456789"
        private.close()
        os.pwrite(fd, b"ABC", 8190)
        assert shared[8190:8193] == b"ABC"
        child = os.fork()
        if child == 0:
            shared[100:105] = b"child"
            os._exit(0)
        os.waitpid(child, 0)
        assert shared[100:105] == b"child" and os.pread(fd, 5, 100) == b"child"
        shared.flush()
        os.rename("file", "renamed")
        shared[200:207] = b"renamed"
        os.unlink("renamed")
        shared[300:308] = b"unlinked"
        assert os.pread(fd, 8, 300) == b"unlinked"
    os.close(fd)
    # Behind the end of a file that was cut short there is nothing to read.
    put("cut", bytes(8192))
    fd = os.open("cut", os.O_RDWR)
    mapping = mmap.mmap(fd, 8192)
    os.ftruncate(fd, 4096)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGBUS, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        mapping[5000]
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGBUS
    mapping.close()
    os.close(fd)
    # A mapping that is written to when its descriptor is long closed.
    fd = os.open("late", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 4096)
    mapping = mmap.mmap(fd, 4096)
    os.close(fd)
    mapping[10:14] = b"late"
    mapping.close()
    assert get("late")[10:14] == b"late"


def lock_of(kind, start, length):
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)


def case_locks():
    put("file", b"x" * 100)
    one, two = os.open("file", os.O_RDWR), os.open("file", os.O_RDWR)
    # OFD locks belong to the descriptor: two of one process exclude each other, a duplicate does not.
    fcntl.fcntl(one, F_OFD_SETLK, lock_of(fcntl.F_WRLCK, 0, 10))
    fails((errno.EAGAIN, errno.EACCES), fcntl.fcntl, two, F_OFD_SETLK, lock_of(fcntl.F_WRLCK, 5, 10))
    fails((errno.EAGAIN, errno.EACCES), fcntl.fcntl, two, F_OFD_SETLK, lock_of(fcntl.F_RDLCK, 5, 10))
    fcntl.fcntl(two, F_OFD_SETLK, lock_of(fcntl.F_WRLCK, 10, 10))
    copy = os.dup(one)
    fcntl.fcntl(copy, F_OFD_SETLK, lock_of(fcntl.F_WRLCK, 0, 5))
    os.close(one)
    fails((errno.EAGAIN, errno.EACCES), fcntl.fcntl, two, F_OFD_SETLK, lock_of(fcntl.F_WRLCK, 5, 5))
    os.close(copy)  # the last one
    fcntl.fcntl(two, F_OFD_SETLK, lock_of(fcntl.F_WRLCK, 0, 20))
    fcntl.fcntl(two, F_OFD_SETLK, lock_of(fcntl.F_UNLCK, 0, 0))
    # POSIX locks: who holds one can be asked; they go when any descriptor of the file is closed, and with the process.
    ready, go = os.pipe()
    holder = os.fork()
    if holder == 0:
        fd = os.open("file", os.O_RDWR)
        fcntl.lockf(fd, fcntl.LOCK_EX, 10, 40)
        os.write(go, b"x")
        signal.pause()
    os.read(ready, 1)
    answer = fcntl.fcntl(two, fcntl.F_GETLK, lock_of(fcntl.F_WRLCK, 0, 0))
    kind, _, start, length, pid = struct.unpack("hhqqi4x", answer)
    assert (kind, start, length, pid) == (fcntl.F_WRLCK, 40, 10, holder), (kind, start, length, pid)
    waiter = os.fork()
    if waiter == 0:
        fd = os.open("file", os.O_RDWR)
        os.write(go, b"x")
        fcntl.lockf(fd, fcntl.LOCK_EX)  # waits for the whole
        os._exit(0)
    os.read(ready, 1)
    assert select.select([], [], [], 0.1) == ([], [], []) and os.waitpid(waiter, os.WNOHANG)[0] == 0, "it did not wait"
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    assert os.waitpid(waiter, 0)[1] == 0
    fcntl.lockf(two, fcntl.LOCK_EX)
    os.close(os.open("file", os.O_RDONLY))
    child = os.fork()
    if child == 0:
        fd = os.open("file", os.O_RDWR)
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    # Two that wait for each other: one is told.
    child = os.fork()
    if child == 0:
        fd = os.open("file", os.O_RDWR)
        fcntl.lockf(fd, fcntl.LOCK_EX, 1, 1)
        os.write(go, b"x")
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX, 1, 0)
            os._exit(0)
        except OSError as e:
            os._exit(1 if e.errno == errno.EDEADLK else 2)
    fcntl.lockf(two, fcntl.LOCK_EX, 1, 0)
    os.read(ready, 1)
    told = 0
    try:
        fcntl.lockf(two, fcntl.LOCK_EX, 1, 1)
    except OSError as e:
        assert e.errno == errno.EDEADLK
        told = 1
    fcntl.lockf(two, fcntl.LOCK_UN)
    code = os.WEXITSTATUS(os.waitpid(child, 0)[1])
    assert code + told == 1, (code, told)
    # flock: shared and exclusive, kept by a child, gone with the last copy.
    three = os.open("file", os.O_RDONLY)
    fcntl.flock(two, fcntl.LOCK_SH)
    fcntl.flock(three, fcntl.LOCK_SH | fcntl.LOCK_NB)
    fails(errno.EAGAIN, fcntl.flock, three, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(two)
    fcntl.flock(three, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(three)


def case_fallocate():
    fd = os.open("file", os.O_CREAT | os.O_RDWR)
    os.write(fd, b"x" * 65536)
    fallocate(fd, ZERO_RANGE, 4096, 4096)
    assert os.pread(fd, 8194, 4095) == b"x" + bytes(4096) + b"x" * 4097
    fallocate(fd, ZERO_RANGE | KEEP_SIZE, 65536 - 4096, 8192)
    assert os.fstat(fd).st_size == 65536 and os.pread(fd, 4096, 65536 - 4096) == bytes(4096)
    fallocate(fd, ZERO_RANGE, 65536, 4096)
    assert os.fstat(fd).st_size == 65536 + 4096
    blocks = os.fstat(fd).st_blocks
    fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 8192, 32768)
    assert os.fstat(fd).st_blocks < blocks and os.pread(fd, 4, 8192) == bytes(4)
    for mode, offset, length, wanted in (
        (0, 0, 0, errno.EINVAL),
        (0, -1, 10, errno.EINVAL),
        (PUNCH_HOLE, 0, 4096, (errno.EOPNOTSUPP, errno.EINVAL)),
        (0x8000, 0, 4096, (errno.EOPNOTSUPP, errno.EINVAL)),
        (0, (1 << 62), (1 << 61), (errno.EFBIG, errno.EINVAL, errno.ENOSPC)),
    ):
        fails(wanted, fallocate, fd, mode, offset, length)
    reader = os.open("file", os.O_RDONLY)
    fails(errno.EBADF, fallocate, reader, 0, 0, 4096)
    fallocate(fd, 0, 0, 4096)  # and none of these errors has switched it off


def case_holes():
    fd = os.open("file", os.O_CREAT | os.O_RDWR)
    fails(errno.ENXIO, os.lseek, fd, 0, os.SEEK_DATA)
    for i in (1, 5, 9):
        os.pwrite(fd, b"data" * 16384, i * 1048576)
    os.ftruncate(fd, 20 * 1048576)
    places, at = [], 0
    while True:
        try:
            data = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as e:
            assert e.errno == errno.ENXIO
            break
        at = os.lseek(fd, data, os.SEEK_HOLE)
        places.append((data, at))
    assert [(a // 1048576, b - a) for a, b in places] == [(1, 65536), (5, 65536), (9, 65536)], places
    assert os.fstat(fd).st_blocks * 512 < 1048576
    fails(errno.ENXIO, os.lseek, fd, 20 * 1048576, os.SEEK_HOLE)
    fails(errno.ENXIO, os.lseek, fd, -1, os.SEEK_DATA)
    assert os.lseek(fd, -5, os.SEEK_END) == 20 * 1048576 - 5
    os.close(fd)


def case_direct():
    fd = os.open("file", os.O_CREAT | os.O_RDWR)
    os.write(fd, os.urandom(100_001))
    os.fsync(fd)
    whole = get("file")
    direct = os.open("file", os.O_RDWR | os.O_DIRECT)
    page = mmap.mmap(-1, 1 << 20)
    assert os.preadv(direct, [page], 0) == 100_001 and page[:100_001] == whole
    assert os.preadv(direct, [page], 98_304) == 100_001 - 98_304
    assert os.preadv(direct, [page], 131_072) == 0
    # What was written past the cache is read from it, and the other way round.
    page[:4096] = b"D" * 4096
    assert os.pwritev(direct, [memoryview(page)[:4096]], 4096) == 4096
    assert os.pread(fd, 4098, 4095) == whole[4095:4096] + b"D" * 4096 + whole[8192:8193]
    os.pwrite(fd, b"cached", 0)
    assert os.preadv(direct, [memoryview(page)[:4096]], 0) == 4096 and page[:6] == b"cached"
    os.close(direct)
    os.close(fd)


def case_rename_flags():
    put("one", b"1")
    os.mkdir("dir")
    put("dir/in", b"2")
    os.symlink("nowhere", "symlink")
    rename("one", "symlink", 2)
    assert os.readlink("one") == "nowhere" and get("symlink") == b"1"
    rename("symlink", "one", 2)
    rename("one", "dir/in", 2)
    assert get("one") == b"2" and get("dir/in") == b"1"
    fails(errno.EINVAL, rename, "dir", "dir/in", 2)
    fails((errno.EINVAL, errno.ENOTEMPTY), rename, "dir/in", "dir", 2)
    fails(errno.EEXIST, rename, "one", "symlink", 1)
    fails(errno.EEXIST, rename, "one", "one", 1)
    rename("one", "one", 2)
    fd = os.open("one", os.O_RDWR)
    rename("one", "dir/in", 2)  # an open file keeps its content
    assert os.pread(fd, 1, 0) == b"2" and os.fstat(fd).st_ino == os.stat("dir/in").st_ino
    os.close(fd)
    fails(errno.EINVAL, rename, "one", "two", 0x100)


def case_whiteout():
    put("one", b"1")
    rename("one", "two", RENAME_WHITEOUT)
    st = os.lstat("one")
    assert stat.S_ISCHR(st.st_mode) and st.st_rdev == 0 and get("two") == b"1"


def case_open_unlinked():
    """Files and directories that have no name any more, by every call that takes a descriptor."""
    put("file", b"0123456789")
    fd = os.open("file", os.O_RDWR)
    path = os.open("file", os.O_PATH)
    os.unlink("file")
    time.sleep(1.1)  # what the kernel keeps of it has timed out
    assert os.fstat(fd).st_nlink == 0 and os.fstat(path).st_size == 10
    try:
        os.setxattr(fd, "user.x", b"1")
        assert os.getxattr(fd, "user.x") == b"1"
    except OSError as e:
        assert e.errno == errno.EOPNOTSUPP
    if os.geteuid() == 0:
        os.fchown(fd, 1234, 2345)
        assert os.fstat(fd).st_gid == 2345
    again = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
    os.write(again, b"again")
    assert os.pread(fd, 10, 0) == b"again56789"
    fallocate(fd, 0, 0, 8192)
    os.copy_file_range(fd, again, 5, 0, 100)
    assert os.pread(fd, 5, 100) == b"again"
    with mmap.mmap(fd, 8192) as mapping:
        mapping[0:3] = b"map"
    assert os.pread(again, 5, 0) == b"mapin"
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert os.lseek(fd, 0, os.SEEK_DATA) == 0
    if os.geteuid() == 0:  # AT_EMPTY_PATH
        assert libc.linkat(fd, b"", -100, b"back", 0x1000) == -1 and ctypes.get_errno() == errno.ENOENT
    for each in (fd, again, path):
        os.close(each)
    # The directory one is in.
    os.mkdir("dir")
    put("dir/file")
    here = os.open(".", os.O_RDONLY)
    os.chdir("dir")
    os.unlink("file")
    os.rmdir("../dir")
    assert os.listdir(".") == [] and os.stat(".").st_ino
    fails(errno.ENOENT, put, "new")
    fails(errno.ENOENT, os.mkdir, "new")
    os.stat("..")
    os.fchdir(here)
    os.mkdir("dir")
    assert os.listdir("dir") == []
    os.close(here)


def case_limits_of_the_caller():
    """A file may become as large as the caller's limit says, whatever the daemon's."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
    fd = os.open("file", os.O_CREAT | os.O_RDWR)
    assert os.write(fd, b"x" * 20_000) == 10_000
    fails(errno.EFBIG, os.write, fd, b"x")
    fails(errno.EFBIG, os.ftruncate, fd, 10_001)
    fails(errno.EFBIG, os.truncate, "file", 10_001)
    fails(errno.EFBIG, fallocate, fd, 0, 0, 10_001)
    assert os.fstat(fd).st_size == 10_000
    os.close(fd)


def case_times():
    """utimensat by its special values, on an open file, and of what happens by itself."""

    class Timespec(ctypes.Structure):
        _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]

    now, omit = (1 << 30) - 1, (1 << 30) - 2

    def utimens(path, *values, flags=0):
        call(libc.utimensat, -100, os.fsencode(path), (Timespec * 2)(*(Timespec(*v) for v in values)), flags)

    put("file", b"x")
    utimens("file", (1, 999_999_999), (2, 1))
    before = os.stat("file")
    assert (before.st_atime_ns, before.st_mtime_ns) == (1_999_999_999, 2_000_000_001)
    utimens("file", (7, omit), (7, omit))  # nothing at all, not even the time of the status change
    after = os.stat("file")
    assert (after.st_atime_ns, after.st_mtime_ns, after.st_ctime_ns) == (before.st_atime_ns, before.st_mtime_ns, before.st_ctime_ns)
    utimens("file", (0, now), (0, now))
    st = os.stat("file")
    assert abs(st.st_mtime - time.time()) < 60 and abs(st.st_atime - time.time()) < 60
    fails(errno.EINVAL, utimens, "file", (0, 1_000_000_000), (0, 0))
    fails(errno.ENOENT, utimens, "none", (0, 0), (0, 0))
    os.symlink("file", "link")
    utimens("link", (3, 0), (4, 0), flags=0x100)
    assert os.lstat("link").st_mtime == 4 and os.stat("link").st_mtime != 4
    fd = os.open("file", os.O_RDWR)
    os.utime(fd, ns=(10**9, 2 * 10**9))
    os.fchmod(fd, 0o604)
    st = os.stat("file")
    assert (st.st_atime_ns, st.st_mtime_ns, stat.S_IMODE(st.st_mode)) == (10**9, 2 * 10**9, 0o604)
    # What moves time by itself, and what does not.
    def moves(change, *, path="file", what="st_mtime_ns"):
        os.utime(path, ns=(10**9, 10**9))
        old = getattr(os.stat(path), what)
        change()
        return getattr(os.stat(path), what) != old

    assert moves(lambda: os.write(fd, b"y"))
    assert moves(lambda: os.ftruncate(fd, 100))
    assert moves(lambda: fallocate(fd, 0, 0, 5000))
    assert not moves(lambda: os.chmod("file", 0o600))
    assert not moves(lambda: os.link("file", "hard"))
    assert not moves(lambda: os.rename("hard", "harder"))
    assert moves(lambda: os.chmod("file", 0o640), what="st_ctime_ns")
    os.mkdir("dir")
    assert moves(lambda: put("dir/a"), path="dir")
    assert moves(lambda: os.rename("dir/a", "dir/b"), path="dir")
    assert moves(lambda: os.unlink("dir/b"), path="dir")
    assert not moves(lambda: os.chmod("dir", 0o700), path="dir")
    os.close(fd)


def main():
    name, directory = sys.argv[1:3]
    os.makedirs(directory, exist_ok=True)
    os.chdir(directory)
    os.umask(0o022)
    globals()["case_" + name]()


main()
