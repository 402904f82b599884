#!/usr/bin/env python3
"""Receives webhooks and keeps them: webhook_receiver.py DIRECTORY. Prints its port. Answers with the status in DIRECTORY/status
(200 without it).

Each request becomes DIRECTORY/N.json: {"path", "headers" (lower-case names), "body", "signed"}; the last says whether the
signature is that of the secret in DIRECTORY/secret (Standard Webhooks 1.0), null without a signature.
"""

import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import sys

directory = pathlib.Path(sys.argv[1])


def signed(headers, body):
    if "webhook-signature" not in headers:
        return None
    secret = base64.b64decode((directory / "secret").read_text().strip().removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    wanted = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(headers["webhook-signature"], "v1," + wanted)


class Handler(http.server.BaseHTTPRequestHandler):
    count = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        Handler.count += 1
        record = {"path": self.path, "headers": headers, "body": body, "signed": signed(headers, body)}
        hidden = directory / f".{Handler.count}"
        hidden.write_text(json.dumps(record))
        hidden.rename(directory / f"{Handler.count}.json")
        status = directory / "status"
        self.send_response(int(status.read_text()) if status.exists() else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
