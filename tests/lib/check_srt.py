"""Checks subtitles: check_srt.py [--form] FILE... (.srt or .vtt). UTF-8, numbered from 1, one or two lines of at most 42 characters,
times that grow and do not overlap, a last newline; then a public parser (pysrt, webvtt-py), FFmpeg, and scribectl lint
($SCRIBECTL) must find as many cues and no broken hard rule. With --form only the form counts, as settings may
allow longer lines and the like. Prints the number of cues of the last file."""

import json
import os
import re
import subprocess
import sys


FORM = sys.argv[1:2] == ["--form"]


def milliseconds(match, first):
    hours, minutes, seconds, rest = (int(match[first + i]) for i in range(4))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def by_hand(text):
    """The cues of a .srt, as strict as the strictest reader."""
    if text == "":
        return 0
    assert text.endswith("\n"), "no newline at the end"
    last, count = 0, 0
    for block in text.strip("\n").split("\n\n"):
        count += 1
        number, times, *lines = block.split("\n")
        assert number.lstrip("\ufeff") == str(count), f"cue {count} is numbered {number!r}"
        match = re.fullmatch(r"(\d\d):(\d\d):(\d\d),(\d\d\d) --> (\d\d):(\d\d):(\d\d),(\d\d\d)", times)
        assert match, f"cue {count}: {times!r}"
        begin, end = milliseconds(match, 1), milliseconds(match, 5)
        assert last <= begin < end, f"cue {count}: {begin} to {end} after {last}"
        last = end
        assert 1 <= len(lines) <= 2, f"cue {count} has {len(lines)} lines"
        for line in lines:
            assert line.strip() and (FORM or len(line) <= 42), f"cue {count}: {line!r} has {len(line)} characters"
    return count


def by_public_parser(path):
    """Cues by a parser from Debian, or None where it is not installed."""
    try:
        if path.endswith(".vtt"):
            import webvtt

            return len(webvtt.read(path))
        import pysrt

        with open(path, encoding="utf-8-sig") as f:  # pysrt.open() does not work with Python 3.11
            return len(pysrt.from_string(f.read(), error_handling=pysrt.SubRipFile.ERROR_RAISE))
    except ImportError:
        return None


def by_ffmpeg(path):
    run = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-f", "srt", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
    )
    assert run.returncode == 0 and not run.stderr, f"ffmpeg: {run.stderr.decode(errors='replace')}"
    return len(re.findall(rb"^\d+:\d\d:\d\d,\d\d\d --> ", run.stdout, re.MULTILINE))


def by_lint(path):
    program = os.environ.get("SCRIBECTL")
    if not program or not os.access(program, os.X_OK):
        return None
    run = subprocess.run([program, "lint", "--json", path], stdout=subprocess.PIPE, check=False)
    report = json.loads(run.stdout)
    hard = [p for p in report["problems"] if p["hard"] and (not FORM or p["rule"][0] == "F")]
    assert not hard, f"lint: {hard[:3]}"
    return report["cues"]


def check(path):
    with open(path, "rb") as f:
        text = f.read().decode("utf-8").replace("\r\n", "\n")
    count = len(re.findall(r"^[\d:]+\.\d\d\d --> ", text, re.MULTILINE)) if path.endswith(".vtt") else by_hand(text)
    if count:
        for reader in (by_public_parser, by_ffmpeg, by_lint):
            found = reader(path)
            assert found in (None, count), f"{reader.__name__}: {found} cues instead of {count}"
    return count


def main():
    count = 0
    for path in sys.argv[1 + FORM :]:
        try:
            count = check(path)
        except AssertionError as error:
            raise AssertionError(f"{path}: {error}") from None
    print(count)


if __name__ == "__main__":
    main()
