"""What a directory must look like after a list of operations: shared by crash_writer.py and crash_verify.py.

The log is a file of JSON lines, outside of what is tested:

  {"n": 7, "op": "rename", "path": "a", "to": "b"}   about to be done
  {"done": 7}                                         acknowledged: it must be there, whatever happens from now on
  {"failed": 7, "errno": 2}                           refused: nothing happened
  {"doubt": 7, "became": "after" | "before" | 1234}   written by the verifier: what an operation without an answer came to
                                                      (of a write: how many bytes arrived)
"""

import copy
import json


def payload(n, size):
    """The bytes of write number n."""
    unit = b"%08d the quick brown fox jumps over the lazy dog\n" % n
    return (unit * (size // len(unit) + 1))[:size]


def data_of(op):
    return op.get("line", "").encode() + payload(op["n"], op["size"])


class File:
    def __init__(self, mode):
        self.data, self.mode, self.mtime, self.attributes = b"", mode, None, {}


class Tree:
    """path -> File, "" for a directory, or the target of a symlink as a tuple. Hard links share a File."""

    def __init__(self):
        self.nodes = {}

    def files(self):
        return {path: node for path, node in self.nodes.items() if isinstance(node, File)}

    def directories(self):
        return [path for path, node in self.nodes.items() if node == ""]

    def apply(self, op, arrived=None):
        """`arrived`: of a write, only so many bytes."""
        nodes, path = self.nodes, op["path"]
        kind = op["op"]
        if kind == "mkdir":
            nodes[path] = ""
        elif kind in ("rmdir", "unlink"):
            del nodes[path]
        elif kind == "symlink":
            nodes[path] = (op["to"],)
        elif kind == "link":
            nodes[op["to"]] = nodes[path]
        elif kind == "rename":
            if nodes[path] is not nodes.get(op["to"]):  # two names of one file stay
                below = [p for p in nodes if p == path or p.startswith(path + "/")]
                for p in below:
                    nodes[op["to"] + p[len(path) :]] = nodes.pop(p)
        elif kind == "exchange":
            nodes[path], nodes[op["to"]] = nodes[op["to"]], nodes[path]
        elif kind == "create":
            nodes[path] = File(op["mode"])
        elif kind == "write":
            file, data = nodes[path], data_of(op)[:arrived]
            at = len(file.data) if op["at"] is None else op["at"]
            if data:
                file.data = file.data.ljust(at, b"\0")[:at] + data + file.data[at + len(data) :]
            file.mtime = None
        elif kind == "truncate":
            file = nodes[path]
            file.data = file.data[: op["size"]].ljust(op["size"], b"\0")
            file.mtime = None
        elif kind == "chmod":
            nodes[path].mode = op["mode"]
        elif kind == "utime":
            nodes[path].mtime = op["ns"]
        elif kind == "setxattr":
            nodes[path].attributes[op["name"]] = op["value"]
        elif kind == "edit":  # a view becomes a file, and gets something added
            file = nodes[path] = File(None)
            file.data = op["was"].encode() + data_of(op)[:arrived]
        else:
            assert kind in ("fsync", "close", "hide"), kind

    def outcomes(self, op, found):
        """What an operation without an answer may have come to: (name, tree). `found`: the bytes of the file that is there. Of a
        write any number of bytes may have arrived, from the first on."""
        yield "before", self
        arrived = None
        if op["op"] in ("write", "edit"):
            data, found = data_of(op), found or b""
            at = len(op["was"].encode()) if op["op"] == "edit" else len(self.nodes[op["path"]].data) if op["at"] is None else op["at"]
            arrived = next((i for i, (a, b) in enumerate(zip(data, found[at:])) if a != b), min(len(data), max(len(found) - at, 0)))
        tree = copy.deepcopy(self)
        tree.apply(op, arrived)
        yield "after" if arrived is None else arrived, tree


def replay(log):
    """The tree, the operation nobody answered (or None), and the next number."""
    tree, open_op, last = Tree(), None, 0
    for line in open(log):
        entry = json.loads(line)
        if "op" in entry:
            assert open_op is None, f"{log}: {open_op} was left open"
            open_op, last = entry, entry["n"]
        elif "done" in entry:
            tree.apply(open_op)
            open_op = None
        elif "failed" in entry:
            open_op = None
        elif entry["became"] == "before":
            open_op = None
        else:
            tree.apply(open_op, None if entry["became"] == "after" else entry["became"])
            open_op = None
    return tree, open_op, last + 1
