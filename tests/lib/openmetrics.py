"""Checks a text against OpenMetrics 1.0, as far as counters and gauges go, and against what node_exporter's textfile
collector takes. Prints a line "NAME{LABELS} VALUE" for each sample."""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"^({NAME})(\{{{LABEL}(?:,{LABEL})*\}})? (-?[0-9]+(?:\.[0-9]+)?)$")


def fail(number, line, why):
    sys.exit(f"line {number}: {why}: {line!r}")


def main(data):
    text = data.decode("utf-8")
    if not text.endswith("# EOF\n") or text.count("# EOF") != 1:
        sys.exit("it must end with one '# EOF' line")
    family, kind, unit, stage, seen, samples = None, None, "", 0, set(), set()
    for number, line in enumerate(text[: -len("# EOF\n")].splitlines(), 1):
        if line.startswith("#"):
            match = re.match(rf"^# (TYPE|UNIT|HELP) ({NAME}) (.+)$", line)
            if not match:
                fail(number, line, "no metadata")
            what, name, rest = match.groups()
            if what == "TYPE":
                if name in seen or rest not in ("counter", "gauge"):
                    fail(number, line, "a family twice, or a type that not both formats know")
                seen.add(name)
                family, kind, unit, stage = name, rest, "", 1
            elif name != family or stage >= {"UNIT": 2, "HELP": 3}[what]:
                fail(number, line, "out of place")
            elif what == "UNIT":
                unit, stage = rest, 2
                if not name.endswith("_" + unit):
                    fail(number, line, "the name does not end in its unit")
            else:
                stage = 3
                if "\\" in rest:
                    fail(number, line, "unexpected escape")
            continue
        match = SAMPLE.match(line)
        if not match:
            fail(number, line, "no sample")
        name, labels, value = match.groups()
        if name != family + ("_total" if kind == "counter" else ""):
            fail(number, line, f"no sample of {family}, a {kind}")
        if kind == "counter" and float(value) < 0:
            fail(number, line, "a counter below 0")
        if (name, labels) in samples:
            fail(number, line, "twice")
        samples.add((name, labels))
        stage = 4
        print(name + (labels or ""), value)


main(sys.stdin.buffer.read())
