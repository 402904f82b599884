#!/usr/bin/env python3
"""Opens pages of transcripts in a real browser and does with them what people do.

usage: page_check.py RENDER DIRECTORY [CASE...]

Every case prints "ok CASE", or "not ok CASE" and why. RENDER is the program build/tests/render; pages and recordings are made in
DIRECTORY."""

import html
import json
import os
import re
import subprocess
import sys
import time
import traceback
import wave

import page_samples
from chromium import Chromium

RENDER, DIRECTORY = sys.argv[1:3]
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def recording(name, seconds):
    """A quiet hum, in the directory."""
    with wave.open(os.path.join(DIRECTORY, name), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(8000)
        out.writeframes(bytes(120 + (i // 20) % 16 for i in range(8000)) * seconds)


def page_url(transcript, name, look=None, view=None):
    """Renders the page of a recording; returns where it is."""
    source = os.path.join(DIRECTORY, "transcript.json")
    page_samples.save(transcript, source)
    command = [RENDER, "html", source, name] + ([json.dumps(look)] if look else [])
    page = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    path = os.path.join(DIRECTORY, view or name.rsplit(".", 1)[0] + ".html")
    with open(path, "wb") as out:
        out.write(page)
    return "file://" + path


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def true(value, what):
    if not value:
        raise AssertionError(what)


WORDS = "document.querySelectorAll('.w')"
PLAYER = "document.getElementById('player')"


class Opened:
    """A page with its recording loaded, and where it was told to go."""

    def __init__(self, browser, url, ready=True, **how):
        self.page = browser.open(url, **how)
        if ready:
            self.page.until(f"{PLAYER}.readyState > 0 && {WORDS}.length > 0")
            self.page.evaluate(f"window.seeks = []; {PLAYER}.addEventListener('seeking', () => seeks.push({PLAYER}.currentTime)); 1")

    def __enter__(self):
        return self.page

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                equal(self.page.messages(), [])
        finally:
            self.page.close()


def meeting(browser, **how):
    return Opened(browser, page_url(page_samples.meeting(), "meeting.wav"), **how)


def went_to(page, seconds):
    page.until(f"seeks.length && Math.abs(seeks[seeks.length - 1] - {seconds}) < 0.02")


@case
def a_click_on_a_word_plays_it(browser):
    with meeting(browser) as page:
        begin = page.evaluate(f"{WORDS}[40].dataset.m / 1000")
        true(begin > 5, "the word is further on")
        page.click(f"{WORDS}[40]")
        went_to(page, begin)
        page.until(f"!{PLAYER}.paused && {PLAYER}.currentTime > {begin + 0.3}")
        # The mark goes with the voice.
        page.until(f"document.querySelector('.w.now') && document.querySelector('.w.now') !== {WORDS}[40]")
        late = page.evaluate(f"{PLAYER}.currentTime * 1000 - document.querySelector('.w.now').dataset.m")
        true(-50 < late < 3000, f"the mark is {late} ms behind")


@case
def it_follows_and_yields(browser):
    with meeting(browser, height=420) as page:
        page.evaluate(f"document.querySelectorAll('.turn')[6].querySelector('.w') && {PLAYER}.play() && 1")
        page.evaluate(f"{PLAYER}.currentTime = 60")
        page.until("(b => b && b.top > 0 && b.bottom < innerHeight)(document.querySelector('.w.now')?.getBoundingClientRect())")
        true(page.evaluate("scrollY > 200 && document.getElementById('follow').hidden"), "it went along")
        time.sleep(1.3)  # its own scrolling is over
        page.wheel(-2000)
        page.until("scrollY < 50 && !document.getElementById('follow').hidden")
        page.click("document.getElementById('follow')")
        page.until("scrollY > 200 && document.getElementById('follow').hidden")


@case
def find_counts_and_goes_there(browser):
    text = " ".join(t for _, t in page_samples.MEETING).lower()
    with meeting(browser, height=420) as page:
        page.key("/")
        page.type("THE ")
        page.type("o")
        page.until(f"document.getElementById('count').textContent === '1 of {text.count('the o')}'")
        page.key("Enter")
        page.until("document.getElementById('count').textContent.startsWith('2 of ')")
        page.key("Enter", modifiers=8)  # with Shift
        page.until("document.getElementById('count').textContent.startsWith('1 of ')")
        equal(page.evaluate("[...document.querySelectorAll('.chosen')].map(e => e.textContent)"), ["the", "old"])
        page.until("(b => b.top > 0 && b.bottom < innerHeight)(document.querySelector('.chosen').getBoundingClientRect())")
        # From there it is one key to hear it.
        page.key("Escape")
        begin = page.evaluate("document.activeElement.dataset.m / 1000")
        page.key("Enter")
        went_to(page, begin)
        page.evaluate("document.getElementById('find').select()")
        page.type("zebra")
        page.until("document.getElementById('count').textContent === 'Not found' && !document.querySelector('.hit')")
        page.evaluate("document.getElementById('find').select()")
        page.type("E")
        page.until(f"document.getElementById('count').textContent.endsWith(' of {text.count('e')}')")


@case
def keys_play_skip_and_change_the_speed(browser):
    with meeting(browser) as page:
        page.key("l")
        page.key("l")
        went_to(page, 10)
        page.key("j")
        went_to(page, 5)
        page.key("ArrowRight")
        went_to(page, 10)
        page.key("ArrowLeft")
        went_to(page, 5)
        page.key(">")
        page.key(">")
        equal(page.evaluate(f"{PLAYER}.playbackRate"), 1.5)
        page.key("<")
        equal(page.evaluate(f"{PLAYER}.playbackRate + document.getElementById('rate').value"), "1.251.25")
        page.key("k")
        page.until(f"!{PLAYER}.paused")
        page.key(" ")
        page.until(f"{PLAYER}.paused")
        page.key("?")
        page.until("document.getElementById('keys-dialog').open")
        page.key("Escape")
        page.until("!document.getElementById('keys-dialog').open")
        page.key("/")
        page.until("document.activeElement.id === 'find'")
        page.key("k")
        page.until("document.getElementById('find').value === 'k'")
        true(page.evaluate(f"{PLAYER}.paused"), "what is typed is no key")


@case
def every_word_is_reached_without_a_mouse(browser):
    with meeting(browser) as page:
        page.evaluate("document.querySelectorAll('.at')[1].focus()")
        page.key("Tab")
        equal(page.evaluate("document.activeElement.textContent + document.activeElement.getAttribute('role')"), "Theylink")
        page.key("ArrowRight")
        equal(page.evaluate("document.activeElement.textContent"), "did.")
        page.key("ArrowDown")
        equal(page.evaluate("document.activeElement.textContent"), "How")
        page.key("ArrowLeft")
        equal(page.evaluate("document.activeElement.textContent"), "price.")
        true(page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", "the focus can be seen")
        begin = page.evaluate("document.activeElement.dataset.m / 1000")
        page.key("Enter")
        went_to(page, begin)
        page.evaluate("document.querySelectorAll('.at')[2].focus()")
        page.key("Enter")
        went_to(page, page.evaluate("document.querySelectorAll('.turn')[2].querySelector('.w').dataset.m / 1000"))


@case
def a_link_leads_to_its_place(browser):
    with meeting(browser) as page:
        browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        page.evaluate(f"{PLAYER}.currentTime = 53.26")
        page.evaluate("document.getElementById('link').click()")
        page.until("document.getElementById('said').textContent")
        link = page.evaluate("navigator.clipboard.readText()")
        true(link.startswith("file://") and link.endswith("meeting.html#t=53.3"), link)
        page.evaluate("document.getElementById('copy').click()")
        page.until("document.getElementById('said').textContent === 'The text is copied.'")
        text = page.evaluate("navigator.clipboard.readText()")
        true(text.startswith("[0:00] Speaker 1: Good morning, everyone."), text[:60])
        equal(text.count("\n\n") + 1, len(page_samples.MEETING))
    with Opened(browser, link, ready=False, height=420) as page:
        page.until(f"{PLAYER}.currentTime === 53.3")
        page.until("(b => b && b.top > 0 && b.bottom < innerHeight)(document.querySelector('.w.now')?.getBoundingClientRect())")
        page.evaluate("location.hash = '#t=1'")
        page.until(f"{PLAYER}.currentTime === 1 && scrollY < 300")


@case
def names_are_shown_and_saved(browser):
    downloads = os.path.join(DIRECTORY, "downloads")
    os.makedirs(downloads, exist_ok=True)
    look = {"speakers": {"1": "Zoë"}}
    for view, base in ("meeting.html", "meeting"), ("meeting.wav.html", "meeting.wav"):
        with Opened(browser, page_url(page_samples.meeting(), "meeting.wav", look, view)) as page:
            browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=downloads)
            zoe = page.evaluate("[...document.querySelectorAll('cite')].find(c => c.textContent === 'Zoë').dataset.voice")
            page.click("document.querySelector('cite')")
            page.until("document.activeElement.tagName === 'INPUT'")
            page.type("Alice <b>")
            equal(page.evaluate("document.querySelector('cite').textContent"), "Alice <b>")
            true("Alice <b>" in page.evaluate("document.getElementById('voices').textContent"), "the list of speakers knows her")
            page.key("Enter")
            path = os.path.join(downloads, base + ".speakers.txt")
            for _ in range(500):
                if os.path.exists(path) and os.path.getsize(path):
                    break
                time.sleep(0.02)
            lines = {"1": "Alice <b>", "2": None, "3": None, str(int(zoe[1:]) + 1): "Zoë"}
            wanted = "".join(f"{n} = {name}\n" if name else f"# {n} = Speaker {n}\n" for n, name in sorted(lines.items()))
            equal(open(path, encoding="utf-8").read(), wanted)


@case
def it_reads_well_without_scripts(browser):
    with Opened(browser, page_url(page_samples.meeting(), "meeting.wav"), ready=False, scripts=False) as page:
        tree = page.call("Accessibility.getFullAXTree")["nodes"]
        said = " ".join(node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "StaticText")
        for part in "Speaker 3", "1:16", page_samples.MEETING[4][1]:
            true(part in said, f"there is no {part}")
        roles = [node["role"]["value"] for node in tree if not node.get("ignored") and "role" in node]
        true("Audio" in roles, "there is no player")
        equal([role for role in roles if role in ("searchbox", "combobox", "dialog")], [])


@case
def a_recording_elsewhere_can_be_chosen(browser):
    url = page_url(page_samples.meeting(), "gone.wav")
    opened = Opened(browser, url, ready=False)
    page = opened.page
    page.until("!document.getElementById('lost').hidden")
    page.evaluate(f"{WORDS}[40].click()")
    page.call("DOM.enable")
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.call("DOM.setFileInputFiles", nodeId=node, files=[os.path.join(DIRECTORY, "meeting.wav")])
    page.until(f"document.getElementById('lost').hidden && Math.abs({PLAYER}.currentTime - {WORDS}[40].dataset.m / 1000) < 0.02")
    page.close()


@case
def nothing_leaves_the_folder(browser):
    hostile = '</p></script><script>window.hacked = 1</script><img src="https://example.invalid/x" onerror="hacked = 1">'
    transcript = page_samples.transcript([(0, hostile), (1, "It is & stays text.")], "en")
    name = "a </script><script>hacked=1<%2Fscript> #1?.wav".replace("/", "%")
    recording(name, 60)
    with Opened(browser, page_url(transcript, name, {"speakers": {"0": hostile}}, "hostile.html")) as page:
        equal(page.evaluate("typeof hacked"), "undefined")
        true(hostile[:12] in page.evaluate("document.querySelector('.turn p').textContent"), "it is all text")
        page.click(f"{WORDS}[1]")
        page.until(f"!{PLAYER}.paused")
        asked = [url for url in page.requests() if not url.startswith("data:")]
        equal(len(set(asked)), 2)  # the page and the recording, of which some parts come later
        true(all(url.startswith("file://" + DIRECTORY) for url in asked), asked)
        # And nothing could: the policy is in force.
        held = """new Promise(done => {
            document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective), { once: true });
            fetch('https://example.invalid/').catch(() => setTimeout(done, 500, 'nothing'));
        })"""
        equal(page.evaluate(held), "connect-src")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"x.png\" onerror=\"window.hacked = 1\">'); 1")
        equal(page.evaluate("new Promise(done => setTimeout(() => done(typeof hacked), 50))"), "undefined")
        page.browser.events.clear()  # what the policy said about that


@case
def what_is_drawn_is_what_was_written(browser):
    samples = {
        "interview.wav": page_samples.interview(),
        "arabic.wav": page_samples.transcript([(0, "مرحبا بكم في البرنامج اليوم. كيف حالكم؟")], "ar"),
        "emoji.wav": page_samples.transcript([(0, "One 🙂 two 👩‍👩‍👧 three e\u0301t\u00e9. Then more.")], "en"),
        "loop.wav": page_samples.transcript([(0, "Thank you. " * 6 + "Goodbye now.")], "en"),
    }
    for name, sample in samples.items():
        url = page_url(sample, name)
        with open(url[7:], encoding="utf-8") as file:
            written = [html.unescape(text) for text in re.findall(r"</time><p[^>]*>(.*?)</p>", file.read())]
        true(written, "there are paragraphs")
        recording(name, 40)
        with Opened(browser, url) as page:
            equal(page.evaluate("[...document.querySelectorAll('.turn p')].map(p => p.textContent)"), written)
            # Every word is one, and nothing but spaces lies between them.
            equal(page.evaluate("[...document.querySelectorAll('.turn p')].map(p => [...p.childNodes].filter(n => n.nodeType === 3 && n.data !== ' ').length)[0]"), 0)
            equal(page.evaluate(f"[...{WORDS}].some(w => /^\\s|\\s$/.test(w.textContent) || !w.textContent)"), False)
            if name == "arabic.wav":
                left = page.evaluate(f"[0, 2].map(i => {WORDS}[i].getBoundingClientRect().left)")
                true(left[0] > left[1], "it is read from the right")


@case
def light_dark_phone_and_paper(browser):
    with meeting(browser) as page:
        equal(page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        page.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        equal(page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        equal(page.evaluate("getComputedStyle(document.getElementById('bar')).display"), "none")
        equal(page.evaluate("getComputedStyle(document.querySelector('.turn')).contentVisibility"), "visible")
    with meeting(browser, dark=True) as page:
        equal(page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(21, 23, 28)")
    for width in 320, 390:
        with meeting(browser, width=width, height=800, phone=True) as page:
            page.key("/")
            page.type("price")
            page.until("document.querySelector('.chosen')  !== null")
            true(page.evaluate(f"document.documentElement.scrollWidth <= {width}"), f"it is wider than {width}")
            true(page.evaluate("document.getElementById('find').offsetWidth > 90"), "there is room to type")
            true(page.evaluate("document.getElementById('bar').offsetHeight < innerHeight / 5"), "the player leaves room for the text")


@case
def everything_has_a_name_for_those_who_do_not_see(browser):
    with meeting(browser) as page:
        page.call("Accessibility.enable")
        for node in page.call("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value")
            if not node.get("ignored") and role in ("button", "searchbox", "combobox", "link", "main", "heading", "DisclosureTriangle"):
                true(role == "main" or node["name"].get("value"), f"a {role} without a name: {node}")
        equal(page.evaluate("document.documentElement.lang + document.querySelector('article').lang"), "enen")


@case
def a_film_is_shown(browser):
    path = os.path.join(DIRECTORY, "film.webm")
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "color=c=blue:s=64x48:r=5", "-f", "lavfi", "-i", "sine=300", "-t", "3", "-c:v", "libvpx", "-c:a", "libopus", path],
        check=True,
    )  # fmt: skip
    with Opened(browser, page_url(page_samples.meeting(), "film.webm")) as page:
        equal(page.evaluate(f"[{PLAYER}.tagName, {PLAYER}.videoWidth, {PLAYER}.className]"), ["VIDEO", 64, ""])


LATENCY = """
(async () => {
  const frame = () => new Promise(done => requestAnimationFrame(done));
  let best = Infinity;
  for (let i = 1; i <= 5; i++) {
    const began = performance.now();
    location.hash = '#t=' + (SECONDS * i / 6);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
    await frame();
    await frame();
    best = Math.min(best, performance.now() - began);
    await frame();
  }
  return best;
})()
"""


@case
def twelve_hours_are_as_quick_as_a_half(browser):
    times = {}
    for hours, words in (0.5, 4_000), (12, 100_000):
        url = page_url(page_samples.long(hours, words), f"long{words}.wav")
        recording(f"long{words}.wav", 2)
        page = browser.open(url)
        page.until(f"{WORDS}.length > 0")
        if hours == 12:
            size = os.path.getsize(url[7:])
            true(size < 3_000_000, f"{size} bytes")
            share = page.evaluate(f"{WORDS}.length") / words
            true(share < 0.1, f"{share:.0%} of the words have an element before anybody looked at them")
        times[hours] = page.evaluate(LATENCY.replace("SECONDS", str(int(hours * 3600))))
        if hours == 12:
            page.evaluate("document.getElementById('find').value = 'word77 '; document.getElementById('find').dispatchEvent(new Event('input')); 1")
            page.until("/of \\d\\d/.test(document.getElementById('count').textContent)")
        page.close()
    print(f"# note: going to a place takes {times[12]:.0f} ms in 12 h of speech, {times[0.5]:.0f} ms in half an hour")
    # Linear would be 25 times.
    true(times[12] < 6 * (times[0.5] + 10), times)


def in_the_mount(browser):
    """Not one of the cases above: DIRECTORY is that of talk.wav in a mount, with what a recogniser made of it."""
    with Opened(browser, "file://" + os.path.join(DIRECTORY, "talk.html")) as page:
        page.click(f"{WORDS}[3]")
        went_to(page, page.evaluate(f"{WORDS}[3].dataset.m / 1000"))
        page.until(f"!{PLAYER}.paused && document.querySelector('.w.now') !== null")
        print(page.evaluate("[...document.querySelectorAll('.turn p')].map(p => p.textContent).join('\\n')"))


def main():
    wanted = sys.argv[3:] or list(CASES)
    failed = 0
    CASES["in_the_mount"] = in_the_mount
    if wanted != ["in_the_mount"]:
        recording("meeting.wav", 90)
    with Chromium() as browser:
        for name in wanted:
            began = time.monotonic()
            try:
                CASES[name](browser)
                print(f"ok {name} {time.monotonic() - began:.1f} s", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {name}\n{traceback.format_exc()}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
