"""Several processes do everything at once that can be done to recordings and their views: view_storm.py INBOX SECONDS SEED.

Three folders, ten recordings in each at most, three contents. What is read of a text is checked each time: it is one of the three
transcripts, or what the storm has put there, and lines added to that; never half of it, never another's. A call may find that a name
is gone or taken by now; every other error is a fault.
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
FOLDERS, STEMS, FORMATS = ("a", "b", "c"), tuple("klmnopqrst"), ("txt", "srt", "json")
CONTENTS = [b"say the words of content %d\n" % i for i in range(3)]
TRANSCRIPT = rb"\[00:00:00\] the words of content [0-2]\n"
TEXT = re.compile(rb"\A(|" + TRANSCRIPT + rb"|mine\n)(edit \d+\n)*\Z")
EXPECTED = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY}


def renameat2(old, new, flags):
    if libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), old, None, new)


class Storm:
    def __init__(self, inbox, seed):
        self.inbox, self.random, self.number = inbox, random.Random(seed), 0
        self.counts = {}
        self.transcripts = 0

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
            self.transcripts += content.startswith(b"[")
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

    # How often each is tried while contents come, and in the calm after that, when there are views to do things to.
    ODDS = (
        {drop: 40, drop_by_rename: 40, rename_recording: 10, exchange_recordings: 10, link_recording: 10, delete_recording: 20,
         remove_all: 1, edit: 5, put_over: 5, delete_view: 10, rename_view: 5, read: 40, look: 10},
        {rename_recording: 2, exchange_recordings: 10, link_recording: 4, delete_recording: 1, exchange_folders: 2, move_folder: 2,
         edit: 4, put_over: 2, delete_view: 20, rename_view: 5, touch: 10, read: 100, look: 20},
    )  # fmt: skip

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            odds = self.ODDS[int(time.time() * 2) % 4 > 0]
            act = self.random.choices(list(odds), odds.values())[0]
            try:
                act(self)
                self.counts[act.__name__] = self.counts.get(act.__name__, 0) + 1
            except OSError as e:
                view_exchange = e.errno == errno.EINVAL and "exchange" in act.__name__
                # It was open as a view, became a file by another's edit, and that was deleted: there is nothing to write to.
                lost = e.errno == errno.ESTALE and act is Storm.edit
                if e.errno not in EXPECTED and not view_exchange and not lost:
                    print(f"{act.__name__}: {e}", flush=True)
                    return 1
            except AssertionError as e:
                print(f"{act.__name__}: {e}", flush=True)
                return 1
            time.sleep(0.002)  # something may be finished
        return 0


def main():
    inbox, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    for folder in FOLDERS:
        os.mkdir(f"{inbox}/{folder}")
    # Each content is known before: only then are there views while all this goes on.
    os.mkdir(f"{inbox}/known")
    for i, content in enumerate(CONTENTS):
        with open(f"{inbox}/known/{i}.wav", "wb") as f:
            f.write(content)
    while not all(os.path.exists(f"{inbox}/known/{i}.{form}") for i in range(len(CONTENTS)) for form in FORMATS):
        time.sleep(0.02)  # the test has a time limit
    children = []
    for i in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            storm = Storm(inbox, seed * PROCESSES + i)
            try:
                failed = storm.run(seconds)
                print(f"{storm.transcripts} transcripts read;", *(f"{k} {v}" for k, v in sorted(storm.counts.items())), flush=True)
            except BaseException as e:
                print(repr(e), flush=True)
                failed = 1
            os._exit(failed)
        children.append(pid)
    sys.exit(any([os.waitpid(pid, 0)[1] for pid in children]))


main()
