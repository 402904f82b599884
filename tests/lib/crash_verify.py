#!/usr/bin/python3 -IB
"""Checks that everything a crash_writer.py was told has happened is there, and nothing else.

usage: crash_verify.py STORED SHOWN LOG [--finished]

STORED is the writer's directory on the disk, SHOWN the same through the mount. What the operation without an answer came to is added
to the log. --finished: every recording must have its transcript, of the words it has now. Prints what is wrong and ends with 1.
"""

import errno
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crash_model  # noqa: E402

VIEWS = (".txt", ".srt", ".json", ".transcribing.txt", ".FAILED.txt")


def listing(top):
    """path -> where it is."""
    found = {}
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, top)] = path
    return found


def attribute(path, name):
    try:
        return os.getxattr(path, name).decode()
    except OSError as e:
        if e.errno != errno.ENODATA:
            raise
        return None


def difference(node, path):
    """What is wrong with the file at `path`, or None."""
    if node == "":
        return None if os.path.isdir(path) and not os.path.islink(path) else "is no directory"
    if isinstance(node, tuple):
        return None if os.path.islink(path) and os.readlink(path) == node[0] else "is no such symlink"
    if os.path.islink(path) or not os.path.isfile(path):
        return "is no file"
    with open(path, "rb") as f:
        data = f.read()
    if data != node.data:
        same = next((i for i, (a, b) in enumerate(zip(data, node.data)) if a != b), min(len(data), len(node.data)))
        return f"has {len(data)} bytes, not {len(node.data)}; the first {same} are right"
    st = os.stat(path)
    if node.mode is not None and st.st_mode & 0o7777 != node.mode:
        return f"has mode {st.st_mode & 0o7777:o}, not {node.mode:o}"
    if node.mtime is not None and st.st_mtime_ns != node.mtime:
        return f"has time {st.st_mtime_ns}, not {node.mtime}"
    for name, value in node.attributes.items():
        if attribute(path, name) != value:
            return f"has {name} = {attribute(path, name)!r}, not {value!r}"
    return None


def is_view(path, tree):
    """Whether this may be a view of a recording that is there."""
    for suffix in VIEWS:
        if path.endswith(suffix):
            stem = path[: -len(suffix)]
            if any(isinstance(tree.nodes.get(name), crash_model.File) for name in (stem + ".wav", stem if stem.endswith(".wav") else "")):
                return True
    return False


def differences(tree, top, views):
    found = listing(top)
    wrong = [f"{path} is missing" for path in tree.nodes if path not in found]
    wrong += [f"{path} should not be there" for path in found if path not in tree.nodes and not (views and is_view(path, tree))]
    for path, node in tree.nodes.items():
        if path in found and (what := difference(node, found[path])):
            wrong.append(f"{path} {what}")
    return wrong


def judge(tree, op, stored):
    """The tree that is there, what became of the operation without an answer, and what is wrong."""
    if op is None:
        return tree, None, differences(tree, stored, False)
    path = os.path.join(stored, op["path"])
    found = open(path, "rb").read() if os.path.isfile(path) and not os.path.islink(path) else None
    every = []
    for became, candidate in tree.outcomes(op, found):
        wrong = differences(candidate, stored, False)
        if not wrong:
            return candidate, became, []
        every += [f"(if the operation without an answer, {op}, came to {became})"] + wrong
    return tree, None, every


def words_of(data):
    first = data.split(b"\n")[0].decode()
    return first[4:] if first.startswith("say ") else "words of " + hashlib.sha256(data).hexdigest()[:8]


def unfinished(tree, shown):
    wrong = []
    for path, node in tree.files().items():
        if not path.endswith(".wav") or not node.data:
            continue
        for view in (path[:-4] + ".json", path + ".json"):
            try:
                with open(os.path.join(shown, view)) as f:
                    text = json.load(f)["text"]
            except FileNotFoundError:
                continue
            if words_of(node.data) not in text:
                wrong.append(f"{view} says {text!r}, not {words_of(node.data)!r}")
            break
        else:
            wrong.append(f"{path} has no transcript")
    return wrong


def main():
    stored, shown, log = sys.argv[1:4]
    tree, op, _ = crash_model.replay(log)
    tree, became, wrong = judge(tree, op, stored)
    if op and not wrong:
        with open(log, "a") as f:
            f.write(json.dumps({"doubt": op["n"], "became": became}) + "\n")
    wrong = wrong or differences(tree, shown, True)
    if "--finished" in sys.argv:
        wrong = wrong or unfinished(tree, shown)
    if wrong:
        print(f"{log}:", *wrong[:20], sep="\n  ")
        sys.exit(1)


main()
