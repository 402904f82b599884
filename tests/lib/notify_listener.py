#!/usr/bin/python3 -IB
"""A service manager's end of sd_notify(3).

usage: notify_listener.py SOCKET INBOX   (@NAME: an abstract socket)

Prints "listening", and each message as one line, its lines joined by "|". To "READY=1" it adds what the inbox says at that moment,
which must be usable by then.
"""

import os
import socket
import sys

name, inbox = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + name[1:] if name.startswith("@") else name)
print("listening", flush=True)
while True:
    text = s.recv(65536).decode().replace("\n", "|")
    if "READY=1" in text:
        text += f" (inbox: {os.listdir(inbox)})"
    print(text, flush=True)
