#!/usr/bin/python3 -IB
"""Works in a directory as programs do, and logs what it was told has happened, until the filesystem goes away.

usage: crash_writer.py DIRECTORY LOG SEED

Files, recordings (*.wav), folders, links; written in pieces, appended to, cut, renamed over one another, exchanged, deleted, edited
views. It begins where the log ends. Ends with 0 when the filesystem has gone, with 1 when it answered something it may not.
(The log needs no fsync() for each line: it is the daemon that is killed, not the machine.)
"""

import ctypes
import errno
import json
import os
import random
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crash_model  # noqa: E402

GONE = {errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV, errno.ESHUTDOWN}
# A view may go by itself between a look and the edit.
NO_VIEW = {errno.ENOENT, errno.ESTALE}
MOST_FILES = 40
LIBC = ctypes.CDLL(None, use_errno=True)
RENAME_EXCHANGE = 2


class Gone(Exception):
    pass


class Writer:
    def __init__(self, directory, log, seed):
        self.directory = directory
        self.tree, open_op, self.n = crash_model.replay(log) if os.path.exists(log) else (crash_model.Tree(), None, 1)
        assert open_op is None, "the verifier has not judged the last operation"
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.random = random.Random(seed)

    def say(self, **entry):
        os.write(self.log, (json.dumps(entry) + "\n").encode())

    def at(self, path):
        return os.path.join(self.directory, path)

    def is_gone(self, error):
        """The mount. Unmounted in good order, there is an empty directory in its place."""
        return error.errno in GONE or (error.errno == errno.ENOENT and not os.path.isdir(self.directory))

    def do(self, call, op, path, allowed=(), **more):
        """Logs, does, logs. True when it was done."""
        entry = dict(n=self.n, op=op, path=path, **more)
        self.n += 1
        self.say(**entry)
        try:
            call(entry)
        except OSError as e:
            if self.is_gone(e):
                raise Gone from e
            self.say(failed=entry["n"], errno=e.errno)
            if e.errno in allowed:
                return False
            sys.exit(f"crash_writer: {entry}: {e.strerror}")
        self.say(done=entry["n"])
        self.tree.apply(entry)
        return True

    # ---- names ----

    def some(self, kind):
        choice = list(self.tree.files() if kind == "file" else self.tree.directories())
        return self.random.choice(choice) if choice else None

    def new_name(self, suffix):
        directory = self.some("directory") if self.random.random() < 0.5 else None
        return os.path.join(directory or "", f"n{self.n}{suffix}")

    # ---- what programs do ----

    def write_some(self, fd, path, line=""):
        recording = path.endswith(".wav")
        size = self.random.choice((1, 100, 4000, 4096, 9000, 70000))
        length = len(self.tree.nodes[path].data)
        # The first line of a recording says what is in it: it is only ever written once.
        at = 0 if line else None if recording or self.random.random() < 0.5 else self.random.randrange(length + 100)

        def call(entry):
            data = crash_model.data_of(entry)
            where = at
            while data:
                written = os.write(fd, data) if where is None else os.pwrite(fd, data, where)
                data = data[written:]
                where = None if where is None else where + written

        if where_appends := at is None:
            os.lseek(fd, 0, os.SEEK_END)
        self.do(call, "write", path, at=None if where_appends else at, size=size, **({"line": line} if line else {}))

    def create(self, final=None):
        recording = self.random.random() < 0.4
        suffix = self.random.choice((".wav", ".wav.part")) if recording else self.random.choice((".dat", ".doc", ""))
        path = self.new_name(suffix)
        mode = self.random.choice((0o644, 0o600, 0o640))
        fds = []
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        self.do(lambda entry: fds.append(os.open(self.at(path), flags, mode)), "create", path, mode=mode)
        fd = fds[0]
        try:
            if recording:
                self.write_some(fd, path, f"say words number {self.n}\n")
            for _ in range(self.random.randrange(4)):
                self.write_some(fd, path)
            if self.random.random() < 0.5:
                self.do(lambda entry: os.fsync(fd), "fsync", path)
        finally:
            os.close(fd)
        if path.endswith(".part"):
            self.do(lambda entry: os.rename(self.at(path), self.at(path[:-5])), "rename", path, to=path[:-5])

    def change(self):
        path = self.some("file")
        if not path:
            return
        fd = os.open(self.at(path), os.O_RDWR | (os.O_APPEND if path.endswith(".wav") else 0))
        try:
            for _ in range(self.random.randrange(1, 4)):
                self.write_some(fd, path)
            if self.random.random() < 0.3 and not path.endswith(".wav"):
                size = self.random.randrange(len(self.tree.nodes[path].data) + 5000)
                self.do(lambda entry: os.ftruncate(fd, size), "truncate", path, size=size)
        finally:
            os.close(fd)

    def rename(self):
        path = self.some("file")
        if not path:
            return
        over = self.some("file") if self.random.random() < 0.3 else None
        suffix = os.path.splitext(path)[1]
        to = over if over and os.path.splitext(over)[1] == suffix else self.new_name(suffix)
        if to != path:
            self.do(lambda entry: os.rename(self.at(path), self.at(to)), "rename", path, to=to)

    def exchange(self):
        path, to = self.some("file"), self.some("file")
        if not path or path == to or os.path.splitext(path)[1] != os.path.splitext(to)[1]:
            return

        def call(entry):
            if LIBC.renameat2(-100, self.at(path).encode(), -100, self.at(to).encode(), RENAME_EXCHANGE):
                raise OSError(ctypes.get_errno(), "")

        self.do(call, "exchange", path, to=to)

    def move_directory(self):
        path = self.some("directory")
        if path:
            to = f"d{self.n}"
            self.do(lambda entry: os.rename(self.at(path), self.at(to)), "rename", path, to=to)

    def make_directory(self):
        path = self.new_name("d")
        self.do(lambda entry: os.mkdir(self.at(path)), "mkdir", path)

    def remove_directory(self):
        empty = [d for d in self.tree.directories() if not any(p.startswith(d + "/") for p in self.tree.nodes)]
        if empty:
            path = self.random.choice(empty)
            self.do(lambda entry: os.rmdir(self.at(path)), "rmdir", path)

    def link(self):
        path = self.some("file")
        if path:
            to = self.new_name(os.path.splitext(path)[1])
            self.do(lambda entry: os.link(self.at(path), self.at(to)), "link", path, to=to)

    def symlink(self):
        path = self.new_name("l")
        self.do(lambda entry: os.symlink("anything", self.at(path)), "symlink", path, to="anything")

    def unlink(self):
        path = self.some("file")
        if path:
            self.do(lambda entry: os.unlink(self.at(path)), "unlink", path)

    def attributes(self):
        path = self.some("file")
        if not path:
            return
        mode, ns, value = self.random.choice((0o600, 0o644)), self.random.randrange(10**18), str(self.n)
        self.do(lambda entry: os.chmod(self.at(path), mode), "chmod", path, mode=mode)
        self.do(lambda entry: os.setxattr(self.at(path), "user.crash", value.encode()), "setxattr", path, name="user.crash", value=value)
        self.do(lambda entry: os.utime(self.at(path), ns=(ns, ns)), "utime", path, ns=ns)

    def view_of(self, suffix):
        for path in self.tree.files():
            view = path[:-4] + suffix
            if path.endswith(".wav") and view not in self.tree.nodes and os.path.exists(self.at(view)):
                return view
        return None

    def edit_view(self):
        view = self.view_of(".txt")
        if not view:
            return
        try:
            with open(self.at(view), "r+b", buffering=0) as f:
                was = f.read().decode()
                self.do(lambda entry: f.write(crash_model.data_of(entry)), "edit", view, NO_VIEW, was=was, size=100)
        except OSError as e:
            if e.errno not in NO_VIEW:
                raise

    def hide_view(self):
        view = self.view_of(".srt")
        if view:
            self.do(lambda entry: os.unlink(self.at(view)), "hide", view, NO_VIEW)

    def run(self):
        jobs = [self.create] * 4 + [self.change] * 3 + [self.rename] * 3 + [self.unlink] * 2
        jobs += [self.exchange, self.move_directory, self.make_directory, self.remove_directory, self.link, self.symlink]
        jobs += [self.attributes, self.edit_view, self.hide_view]
        while True:
            try:
                self.random.choice(jobs if len(self.tree.files()) < MOST_FILES else [self.unlink, self.rename])()
            except OSError as e:
                if self.is_gone(e):
                    raise Gone from e
                raise


def main():
    directory, log, seed = sys.argv[1:]
    os.umask(0)
    writer = Writer(directory, log, int(seed))
    try:
        writer.run()
    except Gone:
        return


main()
