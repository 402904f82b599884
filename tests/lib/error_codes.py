#!/usr/bin/python3
"""The codes of errors in the sources: every literal "family.name" of a family that is given to error_set() somewhere.
Usage: error_codes.py ROOT; prints one code a line."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
texts = {path: path.read_text(errors="replace") for part in ("backend", "cache", "fs")
         for path in sorted((root / part).rglob("*.c"))}
# error_set(err, class, errno, CODE, …): the code is the first literal, or one of two.
families = {match.group(1) for text in texts.values()
            for match in re.finditer(r'error_set\([^;"]*"([a-z]+)\.[a-z_]+"', text)}
codes = {match.group(0).strip('"') for path, text in texts.items() if path.name != "messages.c"
         for match in re.finditer(r'"(?:%s)\.[a-z_]+"' % "|".join(sorted(families)), text)}
print("\n".join(sorted(code for code in codes if not code.endswith(".json"))))  # those are names of files
