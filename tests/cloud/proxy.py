#!/usr/bin/env python3
"""A proxy that knows CONNECT: proxy.py PORT SEEN [STATUS]. Prints its port.

Wherever a tunnel is asked for, it leads to PORT on this machine. What was asked for, in clear, is appended to the file SEEN.
With STATUS every tunnel is refused with it.
"""

import pathlib
import socket
import socketserver
import sys
import threading

PORT, SEEN, STATUS = int(sys.argv[1]), pathlib.Path(sys.argv[2]), (sys.argv[3:] or ["200"])[0]
lock = threading.Lock()


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        for s in source, target:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.request.recv(1)
            if not data:
                return
            head += data
        with lock, SEEN.open("ab") as f:
            f.write(head)
        self.request.sendall(f"HTTP/1.1 {STATUS} so it is\r\nContent-Length: 0\r\n\r\n".encode() if STATUS != "200" else b"HTTP/1.1 200 go\r\n\r\n")
        if STATUS != "200":
            return
        with socket.create_connection(("127.0.0.1", PORT)) as there:
            thread = threading.Thread(target=pump, args=(there, self.request), daemon=True)
            thread.start()
            pump(self.request, there)
            thread.join()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


with Server(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
