#!/usr/bin/python3
"""Watches scribectl on a terminal of its own: "status --watch PATH" is drawn, and drawn again when the terminal becomes narrower,
though nothing else happens. Usage: watch_terminal.py SCRIBECTL PATH; prints "colour" or "plain", and the longest line after that."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time


def read_until(fd, wanted, seconds=20):
    data, end = b"", time.monotonic() + seconds
    while wanted not in data:
        if time.monotonic() > end or not select.select([fd], [], [], end - time.monotonic())[0]:
            sys.exit(f"waited in vain for {wanted!r} in {data!r}")
        data += os.read(fd, 65536)
    return data


def resize(fd, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


pid, fd = pty.fork()
if pid == 0:
    time.sleep(0.2)  # so that the size is set
    os.execvp(sys.argv[1], [sys.argv[1], "status", "--watch", sys.argv[2]])
resize(fd, 120)
first = read_until(fd, b"\033[J")
resize(fd, 40)
again = read_until(fd, b"\033[J")
print("colour" if b"\033[31m" in first else "plain")
print(max(len(re.sub(rb"\033\[[0-9]*[a-zA-Z]", b"", line).rstrip().decode()) for line in again.split(b"\n")))
os.kill(pid, signal.SIGTERM)
