"""Several processes do everything at once that can be done to recordings and their views: view_storm.py INBOX SECONDS SEED.

Three folders, four recordings in each at most, three contents. What is read of a text is checked each time: it is one of the three
transcripts, or what the storm has put there, and lines added to that; never half of it, never another's. A call may find that a name is gone or taken
by now; every other error is a fault.
"""

import ctypes
import errno
import mmap
import os
import random
import re
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
PROCESSES = 4
FOLDERS, STEMS, FORMATS = ("a", "b", "c"), ("one", "two", "three", "four"), ("txt", "srt", "json")
CONTENTS = [b"say the words of content %d\n" % i for i in range(3)]
TEXT = re.compile(rb"(\A\Z|\A[Tt]he words of content [0-2]\.?\n+|\Amine\n)(edit \d+\n)*\Z")
EXPECTED = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY}


def renameat2(old, new, flags):
    if libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), old, None, new)


class Storm:
    def __init__(self, inbox, seed):
        self.inbox, self.random, self.number = inbox, random.Random(seed), 0
        self.counts = {}
        self.errors = {}

    def folder(self):
        return f"{self.inbox}/{self.random.choice(FOLDERS)}"

    def recording(self):
        return f"{self.folder()}/{self.random.choice(STEMS)}.wav"

    def view(self):
        return f"{self.folder()}/{self.random.choice(STEMS)}.{self.random.choice(FORMATS)}"

    def text(self):
        return f"{self.folder()}/{self.random.choice(STEMS)}.txt"

    def fresh(self):
        self.number += 1
        return f"{self.folder()}/.{os.getpid()}-{self.number}"

    def drop(self):
        with open(self.recording(), "wb") as f:
            f.write(self.random.choice(CONTENTS))

    def drop_by_rename(self):
        name = self.fresh()
        with open(name, "wb") as f:
            f.write(self.random.choice(CONTENTS))
        try:
            os.rename(name, self.recording())
        except OSError:
            os.unlink(name)

    def rename_recording(self):
        os.rename(self.recording(), self.recording())

    def exchange_recordings(self):
        renameat2(self.recording(), self.recording(), 2)

    def link_recording(self):
        os.link(self.recording(), self.recording())

    def delete_recording(self):
        os.unlink(self.recording())

    def exchange_folders(self):
        renameat2(self.folder(), self.folder(), 2)

    def move_folder(self):
        one, name = self.folder(), f"{self.inbox}/moved-{os.getpid()}"
        os.rename(one, name)
        os.rename(name, one)

    def edit(self):
        fd = os.open(self.text(), os.O_WRONLY | os.O_APPEND)
        try:
            os.write(fd, b"edit %d\n" % self.random.randrange(1000))
        finally:
            os.close(fd)

    def put_over(self):
        name = self.fresh()
        with open(name, "wb") as f:
            f.write(b"mine\n")
        try:
            os.rename(name, self.text())
        except OSError:
            os.unlink(name)

    def delete_view(self):
        os.unlink(self.view())

    def rename_view(self):
        os.rename(self.text(), self.text())

    def touch(self):
        os.utime(self.view())

    def read(self):
        with open(self.text(), "rb") as f:
            content = f.read()
            assert TEXT.match(content), content
            size = os.fstat(f.fileno()).st_size
            if size:
                with mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as mapping:
                    mapping[:1]

    def look(self):
        for entry in os.scandir(self.folder()):
            entry.stat()

    def remove_all(self):
        folder = self.folder()
        for name in os.listdir(folder):
            try:
                os.unlink(f"{folder}/{name}")
            except OSError as e:
                if e.errno not in EXPECTED:
                    raise

    ODDS = (
        [drop] * 8 + [drop_by_rename] * 8 + [rename_recording] * 4 + [exchange_recordings] * 2 + [link_recording] * 2 + [delete_recording] * 3 + [exchange_folders]
        + [move_folder] + [edit] * 4 + [put_over] * 3 + [delete_view] * 4 + [rename_view] * 3 + [touch] * 2 + [read] * 20 + [look] * 6
    )  # fmt: skip

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            act = self.random.choice(self.ODDS)
            # Two seconds of three no content comes, so that there are views to do things to.
            if "drop" in act.__name__ and int(time.time()) % 3:
                continue
            if self.random.random() < 0.002:
                act = Storm.remove_all
            try:
                act(self)
                self.counts[act.__name__] = self.counts.get(act.__name__, 0) + 1
            except OSError as e:
                view_exchange = e.errno == errno.EINVAL and "exchange" in act.__name__
                if e.errno not in EXPECTED and not view_exchange:
                    print(f"{act.__name__}: {e}", flush=True)
                    return 1
            except AssertionError as e:
                print(f"{act.__name__}: {e}", flush=True)
                return 1
            if self.random.random() < 0.01:
                time.sleep(0.05)  # something may be finished
        return 0


def main():
    inbox, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    for folder in FOLDERS:
        os.mkdir(f"{inbox}/{folder}")
    children = []
    for i in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            storm = Storm(inbox, seed * PROCESSES + i)
            try:
                failed = storm.run(seconds)
                print({k: v for k, v in sorted(storm.counts.items())}, flush=True)
            except BaseException as e:
                print(repr(e), flush=True)
                failed = 1
            os._exit(failed)
        children.append(pid)
    sys.exit(any([os.waitpid(pid, 0)[1] for pid in children]))


main()
