#!/usr/bin/env python3
"""Draws status.html: part of mount_pictures. usage: status_pictures.py STATUS.HTML DIRECTORY"""

import os
import sys

from chromium import Chromium

page_file, target = sys.argv[1:]
with Chromium() as browser:
    for name, how in (
        ("status", {"width": 860, "height": 640}),
        ("status-dark", {"width": 860, "height": 640, "dark": True}),
        ("status-phone", {"width": 390, "height": 780, "phone": True}),
    ):
        page = browser.open("file://" + os.path.realpath(page_file), **how)
        page.screenshot(os.path.join(target, name + ".png"))
        page.close()
