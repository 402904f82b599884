#!/usr/bin/env python3
"""Receives events and keeps them: receiver.py DIRECTORY. Prints its port. Answers with the status in DIRECTORY/status (200).

Each request becomes DIRECTORY/N.json: {"path", "headers" (lower-case names), "body", "v2", "v1"}; the last two say whether
that signature is right under the certificate DIRECTORY/certificate.pem, as openssl sees it (null: there is none).
"""

import base64
import hashlib
import hmac
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile

directory = pathlib.Path(sys.argv[1])
HEADERS = "x-eventbridge-signature-timestamp", None, "x-eventbridge-signature-version", "x-eventbridge-signature-url", "x-eventbridge-signature-token"


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True)


def text(url, headers, second, body):
    names = [name or second for name in HEADERS]
    return "\n".join([url, *(f"{n}: {headers[n]}" for n in names if n in headers), body]).encode()


def verify(url, headers, body):
    public = directory / "public.pem"
    public.write_bytes(openssl("x509", "-in", str(directory / "certificate.pem"), "-noout", "-pubkey").stdout)
    with tempfile.NamedTemporaryFile() as signature:
        v1 = v2 = None
        if value := headers.get("x-eventbridge-signature-v2"):
            signature.write(base64.b64decode(value))
            signature.flush()
            signed = text(url, headers, "x-eventbridge-hash-method", body)
            v2 = openssl("dgst", "-sha256", "-verify", str(public), "-signature", signature.name, data=signed).returncode == 0
        if value := headers.get("x-eventbridge-signature"):
            sealed = base64.b64decode(headers["x-eventbridge-signature-secret"])
            secret = openssl("pkeyutl", "-verifyrecover", "-pubin", "-inkey", str(public), data=sealed).stdout
            signed = text(url, headers, "x-eventbridge-signature-method", body)
            v1 = value == base64.b64encode(hmac.new(secret, signed, hashlib.sha1).digest()).decode()
    return v1, v2


class Handler(http.server.BaseHTTPRequestHandler):
    count = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        v1, v2 = verify(f"http://127.0.0.1:{self.server.server_port}{self.path}", headers, body)
        Handler.count += 1
        new = directory / "new"
        new.write_text(json.dumps({"path": self.path, "headers": headers, "body": body, "v1": v1, "v2": v2}))
        new.rename(directory / f"{Handler.count}.json")
        status = directory / "status"
        self.send_response(int(status.read_text()) if status.exists() else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
