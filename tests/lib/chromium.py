"""A headless Chromium, driven over the pipe of its DevTools protocol: no port, no library.

    with Chromium() as browser:
        page = browser.open("file:///…/talk.html", width=1200, height=800)
        page.evaluate("document.title")
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

LIMIT = 60 * int(os.environ.get("TEST_TIME_FACTOR", 1))  # seconds for anything


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Chromium:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        environment = dict(os.environ, HOME=self.profile, TZ="UTC")
        commands, self.out = os.pipe()
        self.answers, answers = os.pipe()
        # The protocol uses descriptors 3 and 4; dup2 onto 5 and 6 first, for they may be what pipe() gave.
        arguments = [
            program(), "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu",
            "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-extensions", "--hide-scrollbars", "--mute-audio", f"--user-data-dir={self.profile}", "about:blank",
        ]  # fmt: skip
        shell = f'exec "$@" 3<&{commands} 4>&{answers}'
        self.log = open(os.path.join(self.profile, "log"), "wb")
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "chromium"] + arguments,
            pass_fds=(commands, answers), env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip
        os.close(commands)
        os.close(answers)
        self.waiting = b""
        self.number = 0
        self.events = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        except (OSError, RuntimeError):
            pass
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, 9)  # its helpers, if they still run
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.out)
        os.close(self.answers)
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def read(self, deadline):
        """The next message, or None when there is none before the deadline."""
        import select

        while b"\0" not in self.waiting:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.answers], [], [], left)[0]:
                return None
            block = os.read(self.answers, 1 << 20)
            if not block:
                raise RuntimeError("Chromium ended: " + open(os.path.join(self.profile, "log"), errors="replace").read()[-2000:])
            self.waiting += block
        message, self.waiting = self.waiting.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + LIMIT
        while True:
            answer = self.read(deadline)
            if answer is None:
                raise RuntimeError(f"no answer to {method}")
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def open(self, url=None, **how):
        return Page(self, url, **how)


class Page:
    """One tab; `requests` has the URL of everything it asked for, `messages` what the browser complained about."""

    def __init__(self, browser, url, width=1200, height=800, dark=False, scripts=True, phone=False):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.target = target
        for domain in "Page", "Runtime", "Network", "Log":
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        if url:
            self.go(url)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, expression, gesture=True):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=gesture)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return result["result"].get("value")

    def until(self, expression):
        """Waits until the expression is true, and returns its value."""
        deadline = time.monotonic() + LIMIT
        while True:
            value = self.evaluate(expression)
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"never true: {expression}")
            time.sleep(0.02)

    def click(self, expression):
        """A real click of the mouse on the middle of an element."""
        x, y = self.evaluate(f"(() => {{ const b = ({expression}).getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()")
        for kind in "mouseMoved", "mousePressed", "mouseReleased":
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="none" if kind == "mouseMoved" else "left", clickCount=1)

    def key(self, key, **more):
        text = {"Enter": "\r", "Tab": ""}.get(key, key if len(key) == 1 else "")
        code = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}.get(key, ord(key[0].upper()))
        if text:
            more["text"] = text
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def wheel(self, distance):
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=300, y=500, deltaX=0, deltaY=distance)

    def screenshot(self, path, whole=False):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]))

    def pdf(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.printToPDF", printBackground=False, preferCSSPageSize=True)["data"]))

    def seen(self, method):
        self.evaluate("0") if method else None  # events that are on their way come first
        return [event["params"] for event in self.browser.events if event.get("sessionId") == self.session and event["method"] == method]

    def requests(self):
        return [event["request"]["url"] for event in self.seen("Network.requestWillBeSent")]

    def messages(self):
        """What went wrong: exceptions, and what the console says."""
        found = [event["exceptionDetails"].get("exception", {}).get("description", "?") for event in self.seen("Runtime.exceptionThrown")]
        return found + [event["entry"]["text"] for event in self.seen("Log.entryAdded") if event["entry"]["level"] in ("warning", "error")]

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
