#!/usr/bin/env python3
"""Disturbs a listener: flood.py PORT, until it is ended.

Many connections at once, each renewed when the other side closes it: silent ones, ones that send a header a byte at a time,
ones with endless bodies, ones that are no HTTP, and requests that pretend to be events.
"""

import itertools
import select
import socket
import sys
import time

PORT = int(sys.argv[1])
CONNECTIONS = 120
HEAD = b"POST /events HTTP/1.1\r\nHost: x\r\n"
EVENT = b"".join(
    b"x-eventbridge-%s: %s\r\n" % pair
    for pair in [
        (b"signature-timestamp", b"%d" % (time.time() * 1000)),
        (b"signature-version", b"1.0"),
        (b"hash-method", b"SHA256"),
        (b"signature-url", b"https://127.0.0.1:1/certificate.pem"),
        (b"signature-token", b"guess"),
        (b"signature-v2", b"AAAA"),
    ]
)
KINDS = itertools.cycle(["silent", "slow", "endless", "junk", "event"])


class Visitor:
    def __init__(self):
        self.kind = next(KINDS)
        self.sent = 0
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", PORT))

    def bytes(self):
        if self.kind == "slow":
            return (HEAD + b"X-Slow: " + b"a" * 10000)[self.sent : self.sent + 1]
        if self.kind == "endless":
            return HEAD + EVENT + b"Content-Length: 1000000000\r\n\r\n" if self.sent == 0 else b" " * 65536
        if self.kind == "junk":
            return bytes(range(256)) * 16
        if self.kind == "event" and self.sent == 0:
            return HEAD + EVENT + b"Content-Length: 2\r\n\r\n{}"
        return b""

    def go_on(self):
        """False when the other side has had enough."""
        try:
            readable, writable, _ = select.select([self.socket], [self.socket], [], 0)
            if readable and not self.socket.recv(65536):
                return False
            if writable:
                self.sent += self.socket.send(self.bytes())
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True


visitors = [Visitor() for _ in range(CONNECTIONS)]
print("flooding", flush=True)
while True:
    for i, visitor in enumerate(visitors):
        if not visitor.go_on():
            visitor.socket.close()
            visitors[i] = Visitor()
    time.sleep(0.05)
