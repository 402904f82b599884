"""Turns a store into one of the first version: the index with schema 1, and rendered views inside state/results.

usage: older_store.py STORE      nothing may be mounted

The schema is the one that was released, and never changes. Prints the user_version that the index had.
"""

import os
import pathlib
import shutil
import sqlite3
import sys

SCHEMA = """
CREATE TABLE directories (id INTEGER PRIMARY KEY, path BLOB NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL) STRICT;
CREATE INDEX directories_by_path ON directories (path);
CREATE TABLE recordings (dev INTEGER NOT NULL, ino INTEGER NOT NULL, birth_ns INTEGER NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, digest BLOB CHECK (length(digest) = 32),
  job BLOB CHECK (length(job) = 32), PRIMARY KEY (dev, ino)) STRICT, WITHOUT ROWID;
CREATE TABLE links (directory INTEGER NOT NULL, name BLOB NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL,
  base BLOB NOT NULL, hidden INTEGER NOT NULL, hidden_for BLOB CHECK (length(hidden_for) = 32),
  PRIMARY KEY (directory, name)) STRICT, WITHOUT ROWID;
CREATE TABLE jobs (key BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32), digest BLOB NOT NULL CHECK (length(digest) = 32),
  settings TEXT NOT NULL, backend TEXT NOT NULL, state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
  attempts INTEGER NOT NULL, not_before_ms INTEGER NOT NULL, error_class TEXT, error_sys INTEGER NOT NULL,
  error_code TEXT NOT NULL, error_detail TEXT NOT NULL, checkpoint TEXT, duration_ms INTEGER NOT NULL,
  created_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL) STRICT;
PRAGMA user_version = 1;
"""


def older_index(path):
    new = sqlite3.connect(path)
    version = new.execute("PRAGMA user_version").fetchone()[0]
    old = sqlite3.connect(f"{path}.old")
    old.executescript(SCHEMA)
    for table in ("directories", "recordings", "links", "jobs"):
        columns = ", ".join(row[1] for row in old.execute(f"PRAGMA table_info({table})"))
        rows = new.execute(f"SELECT {columns} FROM {table}").fetchall()
        if rows:
            old.executemany(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(rows[0]))})", rows)
    old.commit()
    old.close()
    new.close()
    for ending in ("-wal", "-shm"):
        pathlib.Path(f"{path}{ending}").unlink(missing_ok=True)
    os.rename(f"{path}.old", path)
    return version


def older_result(directory):
    sizes = directory / "sizes"
    lines = sizes.read_text()
    for name in ("view.txt", "view.srt", "view.json"):
        text = f"{name} as the first version rendered it\n"
        (directory / name).write_text(text)
        lines = f"{len(text)} {name}\n{lines}"
    sizes.write_text(lines)


state = pathlib.Path(sys.argv[1]) / "state"
print(older_index(state / "index.db"))
for result in state.glob("results/??/*"):
    older_result(result)
shutil.rmtree(state / "views", ignore_errors=True)
(state / "search.db").unlink(missing_ok=True)
