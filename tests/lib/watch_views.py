"""Watches names in a directory from before they exist: watch_views.py DIRECTORY NAME…

For each, the size of the first successful stat is compared with what is read right after; then once more a little later.
Prints "ready", then "right NAME" or "WRONG NAME …" for each, then "finished".
"""

import os
import sys
import time


def main():
    directory, names = sys.argv[1], set(sys.argv[2:])
    first = {}
    print("ready", flush=True)
    while names:
        for name in sorted(names):
            path = os.path.join(directory, name)
            try:
                size = os.stat(path).st_size
            except FileNotFoundError:
                continue
            with open(path, "rb") as f:
                content = f.read()
            names.discard(name)
            first[name] = content
            if len(content) != size or size == 0:
                print(f"WRONG {name}: stat said {size}, read gave {len(content)}", flush=True)
                first.pop(name)
        time.sleep(0.002)
    time.sleep(0.3)  # whatever would still change has time to do so
    for name, content in first.items():
        with open(os.path.join(directory, name), "rb") as f:
            same = f.read() == content
        print(f"right {name}" if same else f"WRONG {name}: changed later", flush=True)
    print("finished", flush=True)


main()
