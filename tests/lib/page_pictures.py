#!/usr/bin/env python3
"""Draws the .html view: make screenshots. usage: page_pictures.py RENDER DIRECTORY

README shows page.png; the others are for who changes the page to look at."""

import os
import sys
import tempfile

RENDER, TARGET = sys.argv[1:3]
work = tempfile.TemporaryDirectory()
sys.argv[1:] = [RENDER, work.name]  # as page_check takes them

import page_check  # noqa: E402
import page_samples  # noqa: E402
from chromium import Chromium  # noqa: E402

WORD = "document.querySelectorAll('.w')[40]"


def main():
    os.makedirs(TARGET, exist_ok=True)
    page_check.recording("Board meeting.wav", 90)
    page_check.recording("interview.wav", 60)
    meeting = page_check.page_url(page_samples.meeting(), "Board meeting.wav", {"speakers": {"0": "Alice", "1": "Ben"}})
    interview = page_check.page_url(page_samples.interview(), "interview.wav")
    gone = page_check.page_url(page_samples.meeting(), "gone.mp3")
    phone = {"width": 390, "height": 780, "phone": True}
    pictures = [
        ("page", meeting, {"width": 860, "height": 560}, f"{WORD}.click()"),
        ("page-dark", meeting, {"width": 860, "height": 560, "dark": True}, f"{WORD}.click()"),
        ("page-phone", meeting, phone, f"{WORD}.click()"),
        ("page-phone-find", meeting, dict(phone, dark=True), "find"),
        ("page-find", meeting, {"width": 860, "height": 560}, "find"),
        ("page-menu", meeting, {"width": 860, "height": 560}, "document.querySelector('#more summary').click()"),
        ("page-names", meeting, {"width": 860, "height": 560}, "document.querySelector('cite').click()"),
        ("page-keys", meeting, {"width": 860, "height": 560}, "document.getElementById('keys').click()"),
        ("page-lost", gone, {"width": 860, "height": 560}, ""),
        ("page-chinese", interview, {"width": 860, "height": 560}, f"{WORD}.click()"),
    ]
    with Chromium() as browser:
        for name, url, how, act in pictures:
            page = browser.open(url, **how)
            page.until("document.querySelectorAll('.w').length > 0")
            if act == "find":
                page.key("/")
                page.type("the ")
                page.until("document.querySelector('.hit') !== null")
            elif act:
                page.evaluate(f"{act}; 1")
            page.evaluate("new Promise(done => setTimeout(done, 300))")
            page.screenshot(os.path.join(TARGET, name + ".png"))
            page.close()
        page = browser.open(meeting, scripts=False)
        page.pdf(os.path.join(TARGET, "page-paper.pdf"))


main()
