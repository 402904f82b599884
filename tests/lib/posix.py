"""What programs expect of a directory tree, one function a subject: posix.py CASE DIRECTORY.

The same case is run on the disk first, so it says what a filesystem does, not what this one happens to do. A case is given an
empty directory and raises when something is wrong.
"""

import ctypes
import errno
import fcntl
import os
import socket
import stat
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from syscalls import KEEP_SIZE, PUNCH_HOLE, RENAME_EXCHANGE, RENAME_NOREPLACE, call, fails, fallocate, get, libc, put, rename  # noqa: E402


def case_create():
    old = os.umask(0o027)
    fd = os.open("file", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    assert os.fstat(fd).st_mode == stat.S_IFREG | 0o640
    assert os.write(fd, b"hello") == 5
    assert os.pread(fd, 10, 1) == b"ello"
    fails(errno.EEXIST, os.open, "file", os.O_CREAT | os.O_EXCL | os.O_RDWR)
    os.close(fd)
    os.mkdir("dir", 0o777)
    assert os.stat("dir").st_mode == stat.S_IFDIR | 0o750
    os.umask(old)
    fd = os.open("closed", os.O_CREAT | os.O_WRONLY, 0o400)
    os.write(fd, b"written though read-only for others to come")
    os.close(fd)
    assert get("closed").startswith(b"written")


def case_open_flags():
    put("file", b"0123456789")
    os.symlink("file", "link")
    os.mkdir("dir")
    assert get("link") == b"0123456789"
    fails(errno.ELOOP, os.open, "link", os.O_RDONLY | os.O_NOFOLLOW)
    fails(errno.ENOTDIR, os.open, "file", os.O_RDONLY | os.O_DIRECTORY)
    fails(errno.EISDIR, os.open, "dir", os.O_WRONLY)
    fails(errno.ENOENT, os.open, "none", os.O_RDONLY)
    fails(errno.ENOTDIR, os.open, "file/below", os.O_RDONLY)
    fails(errno.ENAMETOOLONG, os.open, "n" * 256, os.O_RDONLY)
    fails(errno.ENAMETOOLONG, os.open, "n" * 256, os.O_CREAT | os.O_WRONLY)
    os.close(os.open("file", os.O_WRONLY | os.O_TRUNC))
    assert os.stat("file").st_size == 0
    fd = os.open("file", os.O_RDONLY)
    fails(errno.EBADF, os.write, fd, b"x")
    os.close(fd)
    fd = os.open("file", os.O_WRONLY)
    fails(errno.EBADF, os.read, fd, 1)
    os.close(fd)


def case_append():
    put("file", b"start\n")
    one = os.open("file", os.O_WRONLY | os.O_APPEND)
    two = os.open("file", os.O_WRONLY | os.O_APPEND)
    for i in range(50):
        os.write(one, b"one\n")
        os.write(two, b"two\n")
    os.close(one)
    os.close(two)
    assert get("file") == b"start\n" + b"one\ntwo\n" * 50


def case_truncate():
    put("file", b"0123456789")
    os.truncate("file", 4)
    assert get("file") == b"0123"
    os.truncate("file", 8)
    assert get("file") == b"0123\0\0\0\0"
    fd = os.open("file", os.O_RDWR)
    os.ftruncate(fd, 2)
    assert os.fstat(fd).st_size == 2 and os.stat("file").st_size == 2
    os.pwrite(fd, b"x", 5)
    assert os.pread(fd, 10, 0) == b"01\0\0\0x"
    os.close(fd)
    fails(errno.EINVAL, os.truncate, "file", -1)


def case_rename():
    put("one", b"1")
    put("two", b"2")
    os.mkdir("dir")
    os.rename("one", "uno")
    fails(errno.ENOENT, os.stat, "one")
    os.rename("uno", "two")
    assert get("two") == b"1" and sorted(os.listdir()) == ["dir", "two"]
    os.rename("two", "dir/two")
    put("file")
    fails(errno.EISDIR, os.rename, "file", "dir")
    fails(errno.ENOTDIR, os.rename, "dir", "file")
    os.mkdir("empty")
    fails(errno.ENOTEMPTY, os.rename, "empty", "dir")
    os.rename("dir", "empty")
    assert get("empty/two") == b"1"
    fails(errno.EINVAL, os.rename, "empty", "empty/below")
    os.rename("empty/two", "empty/two")
    with open("empty/two", "r+b") as f:
        os.rename("empty/two", "moved")
        f.write(b"through")
    assert get("moved") == b"through"


def case_rename_flags():
    put("one", b"1")
    put("two", b"2")
    os.mkdir("dir")
    put("dir/in", b"3")
    fails(errno.EEXIST, rename, "one", "two", RENAME_NOREPLACE)
    rename("one", "uno", RENAME_NOREPLACE)
    rename("uno", "two", RENAME_EXCHANGE)
    assert get("uno") == b"2" and get("two") == b"1"
    rename("two", "dir", RENAME_EXCHANGE)
    assert get("dir") == b"1" and get("two/in") == b"3"
    fails(errno.ENOENT, rename, "uno", "none", RENAME_EXCHANGE)
    fails(errno.EINVAL, rename, "uno", "dir", RENAME_NOREPLACE | RENAME_EXCHANGE)


def case_hard_links():
    put("one", b"1")
    os.mkdir("dir")
    os.link("one", "dir/two")
    a, b = os.stat("one"), os.stat("dir/two")
    assert a.st_ino == b.st_ino and a.st_nlink == b.st_nlink == 2
    with open("dir/two", "ab") as f:
        f.write(b"2")
    assert get("one") == b"12" and os.stat("one").st_size == 2
    os.chmod("one", 0o600)
    assert stat.S_IMODE(os.stat("dir/two").st_mode) == 0o600
    os.unlink("one")
    assert os.stat("dir/two").st_nlink == 1 and get("dir/two") == b"12"
    fails(errno.EPERM, os.link, "dir", "dirlink")
    os.symlink("nowhere", "symlink")
    os.link("symlink", "hard", follow_symlinks=False)
    assert os.readlink("hard") == "nowhere"
    os.link("dir/two", "three")
    os.rename("dir/two", "three")  # the same file: nothing happens
    assert os.path.exists("dir/two") and os.path.exists("three")


def case_open_unlinked():
    put("file", b"0123456789")
    fd = os.open("file", os.O_RDWR)
    os.unlink("file")
    assert os.listdir() == []
    assert os.fstat(fd).st_nlink == 0 and os.fstat(fd).st_size == 10
    os.ftruncate(fd, 5)
    assert os.fstat(fd).st_size == 5
    os.pwrite(fd, b"abc", 5)
    os.fsync(fd)
    os.fchmod(fd, 0o600)
    os.utime(fd, ns=(1_000_000_001, 2_000_000_002))
    assert os.fstat(fd).st_mtime_ns == 2_000_000_002
    assert os.pread(fd, 20, 0) == b"01234abc"
    put("file", b"another")
    assert os.pread(fd, 20, 0) == b"01234abc" and get("file") == b"another"
    os.close(fd)
    os.mkdir("dir")
    fd = os.open("dir", os.O_RDONLY | os.O_DIRECTORY)
    os.rmdir("dir")
    assert os.listdir(fd) == []
    fails(errno.ENOENT, os.open, "in", os.O_CREAT | os.O_WRONLY, dir_fd=fd)
    os.close(fd)


def case_replaced_while_open():
    put("file", b"old content")
    fd = os.open("file", os.O_RDWR)
    put("new", b"new content")
    os.rename("new", "file")
    assert os.pread(fd, 20, 0) == b"old content"
    os.pwrite(fd, b"OLD", 0)
    assert get("file") == b"new content" and os.pread(fd, 3, 0) == b"OLD"
    assert os.fstat(fd).st_ino != os.stat("file").st_ino
    os.close(fd)
    # Known, but not open: as who has found the name and is about to open it.
    fd = os.open("file", os.O_PATH)
    put("newer", b"newer content")
    os.rename("newer", "file")
    assert os.fstat(fd).st_nlink == 0 and os.fstat(fd).st_size == 11
    assert get(f"/proc/self/fd/{fd}") == b"new content" and get("file") == b"newer content"
    os.close(fd)


def case_holes():
    size = 1 << 20
    fd = os.open("file", os.O_CREAT | os.O_RDWR)
    os.pwrite(fd, b"x" * 4096, 0)
    os.pwrite(fd, b"y" * 4096, size)
    assert os.fstat(fd).st_blocks * 512 < size
    assert os.lseek(fd, 0, os.SEEK_DATA) == 0
    hole = os.lseek(fd, 0, os.SEEK_HOLE)
    assert 4096 <= hole < size
    assert 4096 < os.lseek(fd, hole, os.SEEK_DATA) <= size
    assert os.lseek(fd, size, os.SEEK_HOLE) == size + 4096
    fails(errno.ENXIO, os.lseek, fd, size + 4096, os.SEEK_DATA)
    assert os.pread(fd, 10, 100_000) == b"\0" * 10
    os.close(fd)


def case_fallocate():
    fd = os.open("file", os.O_CREAT | os.O_RDWR)
    fallocate(fd, 0, 0, 1 << 20)
    assert os.fstat(fd).st_size == 1 << 20 and os.fstat(fd).st_blocks * 512 >= 1 << 20
    fallocate(fd, KEEP_SIZE, 1 << 20, 1 << 20)
    assert os.fstat(fd).st_size == 1 << 20
    os.pwrite(fd, b"x" * (1 << 20), 0)
    fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 65536, 65536)
    assert os.pread(fd, 3, 65535) == b"x\0\0" and os.pread(fd, 2, 131071) == b"\0x"
    os.close(fd)


def case_copy_file_range():
    put("source", bytes(range(256)) * 1024)
    source = os.open("source", os.O_RDONLY)
    target = os.open("target", os.O_CREAT | os.O_RDWR)
    copied = 0
    while copied < 262144:
        n = os.copy_file_range(source, target, 262144 - copied, copied, copied)
        assert n > 0
        copied += n
    assert os.copy_file_range(source, target, 100, 262144, 262144) == 0
    os.close(source)
    os.close(target)
    assert get("target") == get("source")


def case_xattr():
    put("file")
    os.setxattr("file", "user.one", b"1")
    os.setxattr("file", "user.two", b"\0\xff" * 500)
    assert os.getxattr("file", "user.one") == b"1"
    assert os.getxattr("file", "user.two") == b"\0\xff" * 500
    assert {"user.one", "user.two"} <= set(os.listxattr("file"))
    fails(errno.EEXIST, os.setxattr, "file", "user.one", b"2", os.XATTR_CREATE)
    fails(errno.ENODATA, os.setxattr, "file", "user.none", b"2", os.XATTR_REPLACE)
    os.setxattr("file", "user.one", b"22", os.XATTR_REPLACE)
    assert os.getxattr("file", "user.one") == b"22"
    os.removexattr("file", "user.one")
    fails(errno.ENODATA, os.getxattr, "file", "user.one")
    fails(errno.ENODATA, os.removexattr, "file", "user.one")
    os.mkdir("dir")
    os.setxattr("dir", "user.dir", b"3")
    assert os.getxattr("dir", "user.dir") == b"3"
    fd = os.open("file", os.O_RDWR)
    os.setxattr(fd, "user.fd", b"4")
    assert os.getxattr(fd, "user.fd") == b"4"
    os.close(fd)


def case_special_files():
    os.mkfifo("fifo", 0o640)
    assert os.stat("fifo").st_mode == stat.S_IFIFO | 0o640
    received = []
    reader = threading.Thread(target=lambda: received.append(get("fifo")))
    reader.start()
    put("fifo", b"through a pipe")
    reader.join()
    assert received == [b"through a pipe"]
    os.mknod("regular", stat.S_IFREG | 0o600)
    assert os.stat("regular").st_size == 0
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket")
    assert stat.S_ISSOCK(os.stat("socket").st_mode)
    server.close()


def case_symlinks():
    for target in ("file", "/etc/passwd", "../..", "x" * 1000, "spaces and\nnewlines", "\udcff\udcfe"):
        os.symlink(target, "link")
        assert os.readlink("link") == target
        assert os.lstat("link").st_size == len(os.fsencode(target))
        assert stat.S_ISLNK(os.lstat("link").st_mode)
        os.unlink("link")
    os.symlink("nowhere", "dangling")
    fails(errno.ENOENT, os.stat, "dangling")
    fails(errno.EEXIST, os.symlink, "x", "dangling")
    fails(errno.EEXIST, os.open, "dangling", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    put("dangling", b"made through the link")
    assert get("nowhere") == b"made through the link"
    os.symlink("loop", "loop")
    fails(errno.ELOOP, os.stat, "loop")


def case_times():
    put("file", b"x")
    os.utime("file", ns=(1_234_567_890_123_456_789, 987_654_321_987_654_321))
    st = os.stat("file")
    assert (st.st_atime_ns, st.st_mtime_ns) == (1_234_567_890_123_456_789, 987_654_321_987_654_321)

    class Timespec(ctypes.Structure):
        _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]

    UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
    call(libc.utimensat, -100, b"file", (Timespec * 2)(Timespec(0, UTIME_OMIT), Timespec(5, 6)), 0)
    st = os.stat("file")
    assert (st.st_atime_ns, st.st_mtime_ns) == (1_234_567_890_123_456_789, 5_000_000_006)
    call(libc.utimensat, -100, b"file", (Timespec * 2)(Timespec(7, 8), Timespec(0, UTIME_NOW)), 0)
    st = os.stat("file")
    assert st.st_atime_ns == 7_000_000_008 and st.st_mtime > 1_500_000_000
    os.symlink("file", "link")
    os.utime("link", ns=(1_000_000_001, 2_000_000_002), follow_symlinks=False)
    assert os.lstat("link").st_mtime_ns == 2_000_000_002 and os.stat("file").st_mtime_ns != 2_000_000_002
    os.mkdir("dir")
    before = os.stat("dir").st_mtime_ns
    os.utime("dir", ns=(1, 1))
    put("dir/file")
    assert os.stat("dir").st_mtime_ns >= before
    os.utime("dir", ns=(-1_000_000_000, -2_000_000_000))
    assert os.stat("dir").st_mtime_ns == -2_000_000_000


def case_modes():
    put("file")
    for mode in (0o000, 0o777, 0o640, 0o4755, 0o2755, 0o1644):
        os.chmod("file", mode)
        assert stat.S_IMODE(os.stat("file").st_mode) == mode
    os.mkdir("dir")
    os.chmod("dir", 0o1777)
    assert stat.S_IMODE(os.stat("dir").st_mode) == 0o1777
    if os.geteuid() == 0:
        os.chown("file", 1234, 2345)
        st = os.stat("file")
        assert (st.st_uid, st.st_gid) == (1234, 2345)
        os.chown("file", -1, 3456)
        st = os.stat("file")
        assert (st.st_uid, st.st_gid) == (1234, 3456)
        os.symlink("file", "link")
        os.lchown("link", 77, 78)
        assert os.lstat("link").st_uid == 77 and os.stat("file").st_uid == 1234
        os.chown("dir", -1, 2345)
        os.chmod("dir", 0o2777)
        os.mkdir("dir/below")
        assert os.stat("dir/below").st_gid == 2345


def case_directories():
    os.mkdir("a")
    fails(errno.EEXIST, os.mkdir, "a")
    assert os.stat("a").st_nlink in (1, 2)
    os.makedirs("a/b/c")
    fails(errno.ENOTEMPTY, os.rmdir, "a")
    put("file")
    fails(errno.ENOTDIR, os.rmdir, "file")
    fails((errno.EISDIR, errno.EPERM), os.unlink, "a")
    os.removedirs("a/b/c")
    assert os.listdir() == ["file"]
    deep = "d/" * 60
    os.makedirs(deep)
    put(deep + "file", b"deep")
    assert get(deep + "file") == b"deep"
    fd = os.open("d", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def case_many_entries():
    names = {f"entry-{i:05}-{'x' * (i % 50)}" for i in range(5000)}
    for name in names:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600))
    listed = os.listdir()
    assert len(listed) == 5000 and set(listed) == names
    with os.scandir() as entries:
        for entry in entries:
            assert entry.is_file() and entry.inode() == entry.stat().st_ino
    seen = []
    with os.scandir() as entries:
        for i, entry in enumerate(entries):
            seen.append(entry.name)
            if i % 2:
                os.unlink(entry.name)
    assert len(seen) == 5000 and set(seen) == names
    left = os.listdir()
    assert len(left) == 2500
    for name in left:
        os.unlink(name)
    assert os.listdir() == []


def case_seekdir():
    for i in range(1000):
        put(f"entry-{i}")
    libc.opendir.restype = ctypes.c_void_p
    libc.readdir.restype = ctypes.c_void_p
    libc.telldir.restype = ctypes.c_long
    directory = ctypes.c_void_p(libc.opendir(b"."))

    def next_name():
        entry = libc.readdir(directory)
        # d_ino, d_off, d_reclen, d_type, then the name
        return ctypes.string_at(entry + 19) if entry else None

    first = [next_name() for _ in range(400)]
    place = ctypes.c_long(libc.telldir(directory))
    rest = []
    while (name := next_name()) is not None:
        rest.append(name)
    assert len(first) + len(rest) == 1002
    libc.seekdir(directory, place)
    again = []
    while (name := next_name()) is not None:
        again.append(name)
    assert again == rest
    libc.rewinddir(directory)
    assert next_name() == first[0]
    libc.closedir(directory)


def case_locks():
    put("file", b"x" * 100)
    a, b = os.open("file", os.O_RDWR), os.open("file", os.O_RDWR)
    fcntl.flock(a, fcntl.LOCK_EX)
    fails((errno.EAGAIN, errno.EWOULDBLOCK), fcntl.flock, b, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(a, fcntl.LOCK_UN)
    fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(b, fcntl.LOCK_UN)
    fcntl.lockf(a, fcntl.LOCK_EX, 10, 0)
    if os.fork() == 0:
        try:
            fails((errno.EAGAIN, errno.EACCES), fcntl.lockf, b, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5)
            fcntl.lockf(b, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 50)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.wait()[1] == 0
    os.close(a)
    os.close(b)


def case_statfs():
    put("file")
    st = os.statvfs(".")
    assert st.f_blocks > 0 and st.f_bsize > 0 and st.f_namemax == 255
    put("n" * 255, b"long")
    assert get("n" * 255) == b"long"
    assert os.stat("file").st_dev == os.stat(".").st_dev


def case_large_writes():
    block = os.urandom(3_000_001)
    fd = os.open("file", os.O_CREAT | os.O_RDWR)
    for i in range(5):
        assert os.pwrite(fd, block, i * len(block)) == len(block)
    os.fsync(fd)
    os.fdatasync(fd)
    assert os.fstat(fd).st_size == 5 * len(block)
    assert os.pread(fd, len(block), 2 * len(block)) == block
    assert os.fstat(fd).st_blocks * 512 >= 5 * len(block)
    os.close(fd)


def case_shared_mapping():
    import mmap

    fd = os.open("file", os.O_CREAT | os.O_RDWR)
    os.ftruncate(fd, 100_000)
    with mmap.mmap(fd, 100_000) as mapping:
        mapping[50_000:50_004] = b"word"
        mapping.flush()
        assert os.pread(fd, 4, 50_000) == b"word"
        os.pwrite(fd, b"WORD", 90_000)
        assert mapping[90_000:90_004] == b"WORD"
    os.close(fd)
    assert get("file")[50_000:50_004] == b"word"


def case_direct():
    fd = os.open("file", os.O_CREAT | os.O_RDWR | os.O_DIRECT)
    import mmap

    page = mmap.mmap(-1, 8192)
    page[:] = b"d" * 8192
    assert os.writev(fd, [page]) == 8192
    assert os.preadv(fd, [page], 4096) == 4096
    os.close(fd)
    assert get("file") == b"d" * 8192


def main():
    name, directory = sys.argv[1:3]
    os.makedirs(directory)
    os.chdir(directory)
    os.umask(0o022)
    globals()["case_" + name]()


main()
