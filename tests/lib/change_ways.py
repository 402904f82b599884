"""Every way to change a file's content, and what looks like one: change_ways.py list|apply changes|others DIRECTORY.

`list` prints the names of the ways; `apply` does each to the file NAME.wav, which is there, of 64 KiB at least, and has been transcribed.
`changes` must reach the recogniser; `others` leave the content as it is.
"""

import ctypes
import fcntl
import mmap
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from syscalls import KEEP_SIZE, PUNCH_HOLE, RENAME_EXCHANGE, ZERO_RANGE, fallocate, get, libc, put, rename  # noqa: E402

NEW = b"say something new by "


def opened(function, flags=os.O_RDWR):
    def way(path):
        fd = os.open(path, flags)
        try:
            function(fd, path)
        finally:
            os.close(fd)

    return way


def text(path):
    return NEW + os.path.basename(path).encode() + b"\n"


def map_and_write(fd, path, flush=True):
    with mmap.mmap(fd, 0) as mapping:
        mapping[: len(text(path))] = text(path)
        if flush:
            mapping.flush()


def map_close_write(path):
    fd = os.open(path, os.O_RDWR)
    mapping = mmap.mmap(fd, 0)
    os.close(fd)
    mapping[: len(text(path))] = text(path)
    mapping.close()


def map_in_child(path):
    fd = os.open(path, os.O_RDWR)
    with mmap.mmap(fd, 0) as mapping:
        os.close(fd)
        pid = os.fork()
        if pid == 0:
            mapping[: len(text(path))] = text(path)
            os.kill(os.getpid(), 9)  # nothing is unmapped in order
        os.waitpid(pid, 0)


def copy_range(fd, path):
    put(path + ".source", text(path))
    source = os.open(path + ".source", os.O_RDONLY)
    assert os.copy_file_range(source, fd, len(text(path)), 0, 0) == len(text(path))
    os.close(source)
    os.unlink(path + ".source")


def from_pipe(fd, path):
    reader, writer = os.pipe()
    os.write(writer, text(path))
    assert os.splice(reader, fd, len(text(path)), offset_dst=0) == len(text(path))


def send(fd, path):
    source = os.memfd_create("source")
    os.write(source, text(path))
    os.lseek(source, 0, os.SEEK_SET)
    assert os.sendfile(fd, source, None, len(text(path))) == len(text(path))


def direct(path):
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    page = mmap.mmap(-1, 4096)
    page[:] = text(path).ljust(4096, b"\n")
    os.pwritev(fd, [page], 0)
    os.close(fd)


def put_over(path):
    put(path + ".tmp", text(path))
    os.rename(path + ".tmp", path)


def exchange(path):
    put(path + ".tmp", text(path))
    rename(path + ".tmp", path, RENAME_EXCHANGE)
    os.unlink(path + ".tmp")


def link_over(path):
    put(path + ".tmp", text(path))
    os.unlink(path)
    os.link(path + ".tmp", path)
    os.unlink(path + ".tmp")


def second_name(path):
    os.link(path, path + ".data")
    with open(path + ".data", "r+b") as f:
        f.write(text(path))
    os.unlink(path + ".data")


def same_time(path):
    """Written, and the time set back to what it was, as some programs do."""
    st = os.stat(path)
    with open(path, "r+b") as f:
        f.write(text(path))
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


def by_inherited(path):
    fd = os.open(path, os.O_RDWR)
    pid = os.fork()
    if pid == 0:
        os.write(fd, text(path))
        os._exit(0)
    os.close(fd)
    os.waitpid(pid, 0)


CHANGES = {
    "write": opened(lambda fd, p: os.write(fd, text(p))),
    "pwritev": opened(lambda fd, p: os.pwritev(fd, [b"xx", b"yy"], 5000)),
    "append": opened(lambda fd, p: os.write(fd, b"more"), os.O_WRONLY | os.O_APPEND),
    "overwrite": lambda p: put(p, text(p)),
    "truncate": lambda p: os.truncate(p, 30000),
    "ftruncate": opened(lambda fd, p: os.ftruncate(fd, 30001)),
    "longer": lambda p: os.truncate(p, 100_000),
    "open-truncated": opened(lambda fd, p: os.write(fd, text(p)), os.O_WRONLY | os.O_TRUNC),
    "punch": opened(lambda fd, p: fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 4096, 4096)),
    "zero": opened(lambda fd, p: fallocate(fd, ZERO_RANGE, 8192, 5000)),
    "allocate": opened(lambda fd, p: fallocate(fd, 0, 0, 200_000)),
    "map": opened(map_and_write),
    "map-unflushed": opened(lambda fd, p: map_and_write(fd, p, False)),
    "map-closed": map_close_write,
    "map-killed": map_in_child,
    "copy-range": opened(copy_range),
    "splice": opened(from_pipe),
    "sendfile": opened(send),
    "direct": direct,
    "synchronous": opened(lambda fd, p: os.write(fd, text(p)), os.O_WRONLY | os.O_SYNC),
    "put-over": put_over,
    "exchange": exchange,
    "link-over": link_over,
    "second-name": second_name,
    "same-time": same_time,
    "inherited": by_inherited,
}


def locks(fd, path):
    fcntl.flock(fd, fcntl.LOCK_EX)
    fcntl.lockf(fd, fcntl.LOCK_EX)


OTHERS = {
    "open": opened(lambda fd, p: None),
    "open-append": opened(lambda fd, p: None, os.O_WRONLY | os.O_APPEND),
    "read": get,
    "map-read": opened(lambda fd, p: mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:10]),
    "map-private": opened(lambda fd, p: mmap.mmap(fd, 0, flags=mmap.MAP_PRIVATE).__setitem__(0, 1)),
    "chmod": lambda p: os.chmod(p, 0o600),
    "chown": lambda p: os.chown(p, -1, os.getegid()),
    "utime": lambda p: os.utime(p, (1, 2)),
    "lock": opened(locks),
    "fsync": opened(lambda fd, p: os.fsync(fd)),
    "seek": opened(lambda fd, p: os.lseek(fd, 0, os.SEEK_HOLE)),
    "keep-size": opened(lambda fd, p: fallocate(fd, KEEP_SIZE, 0, 1 << 20)),
    "same-bytes": opened(lambda fd, p: os.pwrite(fd, os.pread(fd, 100, 0), 0)),
    "symlink": lambda p: os.symlink(p, p + ".symlink"),
    "fadvise": opened(lambda fd, p: os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)),
    "readahead": opened(lambda fd, p: libc.readahead(fd, ctypes.c_long(0), ctypes.c_size_t(4096))),
}


def main():
    what, which = sys.argv[1:3]
    table = {"changes": CHANGES, "others": OTHERS}[which]
    if what == "list":
        print("\n".join(table))
        return
    for name, way in table.items():
        try:
            way(f"{sys.argv[3]}/{name}.wav")
        except OSError as e:
            raise SystemExit(f"{name}: {e}")


main()
