"""What the cases of posix.py and posix_large.py share: calls that Python does not have, and the expectation that one fails."""

import ctypes
import errno
import os

libc = ctypes.CDLL(None, use_errno=True)
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16


def fails(number, function, *arguments, **keywords):
    """The call must fail with that errno (or one of them)."""
    numbers = number if isinstance(number, tuple) else (number,)
    try:
        function(*arguments, **keywords)
    except OSError as e:
        assert e.errno in numbers, f"got {errno.errorcode[e.errno]}, expected {[errno.errorcode[n] for n in numbers]}"
    else:
        raise AssertionError(f"succeeded, expected {[errno.errorcode[n] for n in numbers]}")


def call(function, *arguments):
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def rename(old, new, flags=0):
    call(libc.renameat2, -100, os.fsencode(old), -100, os.fsencode(new), flags)


def fallocate(fd, mode, offset, length):
    call(libc.fallocate, fd, mode, ctypes.c_long(offset), ctypes.c_long(length))


def put(path, data=b""):
    with open(path, "wb") as f:
        f.write(data)


def get(path):
    with open(path, "rb") as f:
        return f.read()
