#!/usr/bin/env python3
"""An OpenAI-compatible transcription server for tests, on loopback, and a strict one.

openai_server.py --port N --state DIR [--key KEY] [--worker PROGRAM] [--vosk DIR]

Prints its port when it listens. What is sent to POST /v1/audio/transcriptions must be what OpenAI documents; whatever a strict
server could trip over is refused with a status of 400 and kept for GET /_violations. Recordings are recognised by the worker,
unless an answer is scripted.

    POST /_config {…}     sets members of CONFIG below
    POST /_fault {…}      for one of the next requests, in order: {"status", "headers", "body", "type"} is said instead of an
                          answer; {"cut": N} breaks the connection after N bytes of it; {"hang": true} never answers
    POST /_go             lets one more event of a stream out, if "gated" is set
    GET  /_requests       what was asked: [{"fields", "file", "type", "size", "magic", "authorized", "ended"}]
    GET  /_violations     [text]
"""

import argparse
import email.parser
import email.policy
import http.server
import json
import os
import select
import subprocess
import tempfile
import threading

CONFIG = {
    "formats": ["json", "text", "srt", "verbose_json", "vtt"],
    "granularities": True,  # false: a request for them is refused
    "max_bytes": 26214400,  # of a body
    "text": None,  # heard instead of what was said
    "answer": None,  # the whole body instead of one made from what was heard
    "type": None,  # Content-Type, whatever the body is
    "stream": False,  # known and done
    "gated": False,  # events wait for /_go
}
FIELDS = {
    "file", "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]", "stream", "chunking_strategy",
}  # fmt: skip
MAGIC = {".wav": b"RIFF", ".flac": b"fLaC", ".ogg": b"OggS", ".mp3": (b"ID3", b"\xff\xfb", b"\xff\xf3")}
TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".ogg": "audio/ogg", ".mp3": "audio/mpeg"}

lock = threading.Lock()
gate = threading.Semaphore(0)
config = dict(CONFIG)
faults, requests, violations = [], [], []
options = None


class Refusal(Exception):
    def __init__(self, status, message, code=None):
        self.status, self.message, self.code = status, message, code


def timecode(seconds, mark):
    ms = round(seconds * 1000)
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def recognise(data):
    """Segments with words, by the worker; one segment of a second when the text is given."""
    if config["text"] is not None:
        text = config["text"]
        return [{"start": 0.0, "end": 1.0, "text": text, "words": []}] if text else []
    with tempfile.NamedTemporaryFile(dir=options.state) as file:
        file.write(data)
        file.flush()
        engine = ["--engine", "pocketsphinx"]
        if options.vosk:
            engine = ["--vosk-library", f"{options.vosk}/lib/libvosk.so", "--model", f"{options.vosk}/model"]
        command = ["sh", "-c", 'exec "$@" 3<"$0" 4>&1 >&2', file.name, options.worker, *engine]
        said = subprocess.run(command, capture_output=True, check=True).stdout.splitlines()
    last = json.loads(said[-1])
    if last["type"] != "transcript":
        raise Refusal(400, "The audio file could not be decoded or its format is not supported.", "invalid_value")
    segments = []
    for sentence in last["transcript"]["sentences"]:
        words = [{"word": w["text"], "start": w["begin_ms"] / 1000, "end": w["end_ms"] / 1000} for w in sentence.get("words", [])]
        segments.append({"start": sentence["begin_ms"] / 1000, "end": sentence["end_ms"] / 1000, "text": sentence["text"], "words": words})
    return segments


def subtitles(segments, vtt):
    blocks = ["WEBVTT\n"] if vtt else []
    for number, s in enumerate(segments, 1):
        mark = "." if vtt else ","
        times = f"{timecode(s['start'], mark)} --> {timecode(s['end'], mark)}"
        blocks.append((f"{number}\n" if not vtt else "") + f"{times}\n{s['text']}\n")
    return "\n".join(blocks)


def render(form, segments):
    """The body and its Content-Type."""
    kind = form.get("response_format", ["json"])[0]
    text = " ".join(s["text"] for s in segments)
    usage = {"type": "duration", "seconds": 3}
    if kind == "json":
        return json.dumps({"text": text, "usage": usage}), "application/json"
    if kind == "text":
        return text + "\n", "text/plain; charset=utf-8"
    if kind in ("srt", "vtt"):
        return subtitles(segments, kind == "vtt"), "text/plain; charset=utf-8"
    grains = form.get("timestamp_granularities[]", ["segment"])
    whole = {"task": "transcribe", "language": "english", "duration": segments[-1]["end"] if segments else 0.0, "text": text, "usage": usage}
    if kind == "diarized_json":
        whole["segments"] = [
            {"type": "transcript.text.segment", "id": f"seg_{i}", "start": s["start"], "end": s["end"], "text": s["text"], "speaker": "AB"[i % 2]}
            for i, s in enumerate(segments)
        ]
        return json.dumps(whole), "application/json"
    if "segment" in grains:
        whole["segments"] = [
            {"id": i, "seek": 0, "start": s["start"], "end": s["end"], "text": " " + s["text"], "tokens": [], "temperature": 0.0}
            | {"avg_logprob": -0.2, "compression_ratio": 1.0, "no_speech_prob": 0.01}
            for i, s in enumerate(segments)
        ]  # fmt: skip
    if "word" in grains:
        whole["words"] = [w for s in segments for w in s["words"]]
    return json.dumps(whole), "application/json"


def read_form(headers, body):
    """Fields as lists of texts, and the file's name, type and bytes."""
    kind = headers.get("Content-Type", "")
    if not kind.startswith("multipart/form-data; boundary="):
        raise Refusal(400, f"Content-Type is {kind!r}")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    form, file, order = {}, None, []
    for part in message.iter_parts():
        name = part.get_param("name", header="Content-Disposition")
        order.append(name)
        if name == "file":
            file = part.get_filename(), part.get_content_type(), part.get_payload(decode=True)
        else:
            form.setdefault(name, []).append(part.get_payload(decode=True).decode())
    if not file:
        raise Refusal(400, "no 'file' field in the request")
    if order[-1] != "file":
        raise Refusal(400, "fields come after the file")
    return form, file


def check(form, file):
    """What would be wrong with any server."""
    name, kind, data = file
    unknown = set(form) - FIELDS
    extension = os.path.splitext(name or "")[1]
    grains = form.get("timestamp_granularities[]", [])
    wrong = (
        (unknown, f"unknown fields {sorted(unknown)}"),
        ([k for k, v in form.items() if len(v) > 1 and not k.endswith("[]")], "a field came twice"),
        ([k for k, v in form.items() if not all(v)], "a field is empty"),
        (len(form.get("model", [])) != 1, "model is missing"),
        (form.get("response_format", [""])[0] not in ("json", "text", "srt", "verbose_json", "vtt", "diarized_json"), "unknown response_format"),
        (grains and form["response_format"] != ["verbose_json"], "timestamp_granularities without verbose_json"),
        (grains and grains not in (["word"], ["segment"], ["word", "segment"]), f"granularities {grains}"),
        (form.get("stream", ["true"]) != ["true"], "stream is not true"),
        (extension not in MAGIC, f"the file is called {name!r}"),
        (kind != TYPES.get(extension), f"{name} is said to be {kind}"),
        (extension in MAGIC and not data.startswith(MAGIC[extension]), f"{name} begins with {data[:4]!r}"),
    )
    for is_wrong, what in wrong:
        if is_wrong:
            raise Refusal(400, what)


def check_kind(form):
    """What other servers could do, and this one cannot as it is set up."""
    kind = form["response_format"][0]
    if kind not in config["formats"]:
        raise Refusal(400, f"response_format '{kind}' is not compatible with model '{form['model'][0]}'. Use '{config['formats'][0]}'.", "unsupported_value")
    if form.get("timestamp_granularities[]") and not config["granularities"]:
        raise Refusal(400, "Granularity 'word' is not supported by this model.")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def say(self, status, body, kind="application/json", headers=None, cut=None):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-request-id", "req_0815")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def refuse(self, refusal):
        error = {"message": refusal.message, "type": "invalid_request_error", "param": None, "code": refusal.code}
        self.say(refusal.status, json.dumps({"error": error}))

    def do_GET(self):
        lists = {"/_requests": requests, "/_violations": violations}
        with lock:
            found = json.dumps(lists.get(self.path))
        self.say(200 if self.path in lists else 404, found)

    def do_POST(self):
        length = self.headers.get("Content-Length")
        if self.path.startswith("/_"):
            self.control(json.loads(self.rfile.read(int(length or 0)) or b"{}"))
            return
        entry = {"ended": "reading", "authorized": self.headers.get("Authorization") == f"Bearer {options.key}"}
        with lock:
            requests.append(entry)
            fault = faults.pop(0) if faults else None
        try:
            self.transcribe(entry, length, fault)
        except Refusal as refusal:
            entry["ended"] = f"refused: {refusal.message}"
            self.refuse(refusal)
        except (BrokenPipeError, ConnectionResetError):
            entry["ended"] = "gone"

    def control(self, said):
        with lock:
            if self.path == "/_config":
                config.update(said)
            elif self.path == "/_fault":
                faults.append(said)
        if self.path == "/_go":
            gate.release()
        self.say(200, "{}")

    def violation(self, what):
        with lock:
            violations.append(what)

    def transcribe(self, entry, length, fault):
        if self.path != "/v1/audio/transcriptions":
            raise Refusal(404, f"Invalid URL (POST {self.path})")
        if length is None or self.headers.get("Transfer-Encoding") or self.headers.get("Expect"):
            self.violation("the length of the body is not said, or Expect is")
            self.close_connection = True
            raise Refusal(411, "Content-Length is needed")
        if int(length) > config["max_bytes"]:
            self.violation("a body is larger than the limit")
            self.close_connection = True
            raise Refusal(413, f"413: Maximum content size limit ({config['max_bytes']}) exceeded")
        body = self.rfile.read(int(length))
        try:
            form, file = read_form(self.headers, body)
            entry |= {"fields": form, "file": file[0], "type": file[1], "size": len(body), "magic": file[2][:4].decode("latin-1")}
            check(form, file)
        except Refusal as refusal:
            self.violation(refusal.message)
            raise
        if options.key and not entry["authorized"]:
            raise Refusal(401, "Incorrect API key provided: sk-***.", "invalid_api_key")
        if fault and self.misbehave(entry, fault):
            return
        check_kind(form)
        segments = [] if fault and "cut" in fault else recognise(file[2])
        if config["stream"] and form.get("stream") and not config["answer"]:
            self.stream(form, segments)
        else:
            self.answer(form, segments, fault or {})
        entry["ended"] = "answered"

    def answer(self, form, segments, fault):
        body, kind = render(form, segments)
        if config["answer"] is not None:
            body = config["answer"] if isinstance(config["answer"], str) else json.dumps(config["answer"])
        self.say(200, body, config["type"] or kind, cut=fault.get("cut"))

    def misbehave(self, entry, fault):
        """True when there is nothing more to do."""
        if "status" in fault:
            entry["ended"] = f"status {fault['status']}"
            body = fault.get("body", {"error": {"message": "The server had an error", "type": "server_error", "code": None}})
            self.say(fault["status"], body if isinstance(body, str) else json.dumps(body), fault.get("type", "application/json"), fault.get("headers"))
            return True
        if fault.get("hang"):
            entry["ended"] = "waiting"
            select.select([self.connection], [], [])
            entry["ended"] = "gone" if self.connection.recv(1) == b"" else "more came"
            self.close_connection = True
            return True
        return False

    def event(self, data):
        text = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()

    def stream(self, form, segments):
        text = " ".join(s["text"] for s in segments)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i, word in enumerate(text.split()):
            if config["gated"]:
                gate.acquire()
            self.event({"type": "transcript.text.delta", "delta": (" " if i else "") + word})
        if config["gated"]:
            gate.acquire()
        self.event({"type": "transcript.text.done", "text": text, "usage": {"type": "duration", "seconds": 3}})
        self.wfile.write(b"0\r\n\r\n")


def main():
    global options
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", required=True)
    parser.add_argument("--key")
    parser.add_argument("--worker")
    parser.add_argument("--vosk")
    options = parser.parse_args()
    http.server.ThreadingHTTPServer.allow_reuse_address = True
    http.server.ThreadingHTTPServer.daemon_threads = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


main()
