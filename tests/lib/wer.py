"""Word error rate: wer.py REFERENCE HYPOTHESIS prints "errors words percent" (texts, not files; "-" reads standard input)."""

import re
import sys


def words(text):
    text = re.sub(r"\A(?!\[)(?:.+\n)+\n(?=\[\d+:\d\d)", "", text)  # the header of a .txt
    text = re.sub(r"^\[\d+:\d\d(:\d\d)?\]", "", text, flags=re.MULTILINE)  # the times in a .txt
    return re.findall(r"[\w']+", text.lower())


def errors(reference, hypothesis):
    """Levenshtein distance in words."""
    row = list(range(len(hypothesis) + 1))
    for i, wanted in enumerate(reference, 1):
        previous, row[0] = row[0], i
        for j, got in enumerate(hypothesis, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (wanted != got))
    return row[-1]


def main():
    texts = [sys.stdin.read() if text == "-" else text for text in sys.argv[1:3]]
    reference, hypothesis = map(words, texts)
    count = errors(reference, hypothesis)
    print(count, len(reference), f"{100 * count / max(1, len(reference)):.1f}")


main()
