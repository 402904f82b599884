"""Checks subtitles: check_srt.py FILE. Numbered from 1, UTF-8, one or two lines of at most 42 characters, times that grow and do not
overlap, a last newline. Prints the number of cues."""

import re
import sys


def milliseconds(match, first):
    hours, minutes, seconds, rest = (int(match[first + i]) for i in range(4))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def main():
    with open(sys.argv[1], "rb") as f:
        text = f.read().decode("utf-8").replace("\r\n", "\n")
    if text == "":
        print(0)
        return
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
            assert line.strip() and len(line) <= 42, f"cue {count}: {line!r} has {len(line)} characters"
    print(count)


main()
