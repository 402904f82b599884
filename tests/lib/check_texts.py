"""Reads the text and data formats of transcripts as other programs do: check_texts.py DIRECTORY

DIRECTORY/CASE/talk.FORMAT are the views of one transcript each (build/unit/test_golden_texts --write DIRECTORY). The shapes are
those that the programs named publish, written down here. Prints what is wrong; the exit status says whether anything is.
"""

import csv
import html.parser
import io
import json
import pathlib
import sys
import unicodedata
import xml.etree.ElementTree
import zipfile
from typing import List, Literal, Optional

import jsonschema
import pydantic

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMA = json.loads((ROOT / "man/scribefs-1.schema.json").read_text())


# ---- openai-python, types/audio: no number may be a string, no member missing ----


class Strict(pydantic.BaseModel):
    class Config:
        extra = "allow"


class Word(Strict):
    word: pydantic.StrictStr
    start: float
    end: float


class Segment(Strict):
    id: pydantic.StrictInt
    seek: pydantic.StrictInt
    start: float
    end: float
    text: pydantic.StrictStr
    tokens: List[pydantic.StrictInt]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class TranscriptionVerbose(Strict):
    task: Literal["transcribe"]
    language: pydantic.StrictStr
    duration: float
    text: pydantic.StrictStr
    segments: Optional[List[Segment]]
    words: Optional[List[Word]]


class DiarizedSegment(Strict):
    type: Literal["transcript.text.segment"]
    id: pydantic.StrictStr
    start: float
    end: float
    text: pydantic.StrictStr
    speaker: pydantic.StrictStr


class UsageDuration(Strict):
    type: Literal["duration"]
    seconds: float


class TranscriptionDiarized(Strict):
    task: Literal["transcribe"]
    duration: float
    text: pydantic.StrictStr
    segments: List[DiarizedSegment]
    usage: Optional[UsageDuration]


# ---- what the views say, to be compared ----


def spoken(text):
    """Letters, digits and signs, without spaces and punctuation."""
    return "".join(c for c in text if not c.isspace() and unicodedata.category(c)[0] not in "PC")


def whisper_lines(result):
    """The subtitles that Whisper's writers make: words put together as they are, if the first segment has any."""
    segments = result["segments"]
    if segments and "words" in segments[0]:
        return ["".join(w["word"] for w in segment["words"]).strip() for segment in segments]
    return [segment["text"].strip() for segment in segments]


STABLE_TS_SEGMENT = {"id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob", "words"}
STABLE_TS_WORD = {"word", "start", "end", "probability", "tokens"}


class Html(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text, self.times = [], "", []

    def handle_starttag(self, tag, attributes):
        assert tag in ("p", "b", "span"), tag
        self.open.append(tag)
        if tag == "span":
            attributes = dict(attributes)
            assert attributes["class"] == "timestamp"
            self.times.append(float(attributes["data-timestamp"]))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += "" if "span" in self.open or "b" in self.open else data


def check_json(case, read):
    view = json.loads(read("json"))
    jsonschema.validate(view, SCHEMA)
    TranscriptionVerbose.parse_obj(view)
    whole = spoken("".join(s["text"] for s in view["segments"]))
    assert spoken(view["text"]) == whole, "text and segments differ"
    assert {"words" in s for s in view["segments"]} in (set(), {True}, {False}), "only some segments have words"

    whisper = json.loads(read("whisper.json"))
    for result in view, whisper:
        # Without the punctuation that stands alone, which is no word.
        made, said = ([[w for w in map(spoken, line.split()) if w] for line in lines] for lines in (whisper_lines(result), [s["text"] for s in result["segments"]]))
        assert made == said, made
    for segment in whisper["segments"]:
        assert set(segment) <= STABLE_TS_SEGMENT and STABLE_TS_SEGMENT - {"words"} <= set(segment), set(segment)
        assert all({"word", "start", "end"} <= set(w) <= STABLE_TS_WORD for w in segment.get("words", []))
    assert set(whisper) == {"text", "segments", "language"}

    whisperx = json.loads(read("whisperx.json"))
    assert set(whisperx) == {"segments", "word_segments", "language"}
    assert whisperx["word_segments"] == [w for s in whisperx["segments"] for w in s["words"]]
    for segment in whisperx["segments"]:
        assert all(w["word"] == w["word"].strip() and w.get("speaker") == segment.get("speaker") for w in segment["words"])

    diarized = TranscriptionDiarized.parse_obj(json.loads(read("diarized.json")))
    assert spoken("".join(s.text for s in diarized.segments)) == whole

    podcast = json.loads(read("podcast.json"))
    assert podcast["version"] == "1.0.0"
    assert spoken("".join(s["body"] for s in podcast["segments"])) == whole
    assert all(isinstance(s["startTime"], float) and s["startTime"] <= s["endTime"] for s in podcast["segments"])
    return view, whole


def check_tables(read, view, whole):
    text = read("csv").decode()
    assert text.count("\n") == text.count("\r\n"), "RFC 4180 wants CRLF"
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {8}, rows
    assert not any(cell[:1] in tuple("=+-@") for row in rows for cell in row if cell), "a formula"
    assert spoken("".join(row[4] for row in rows[1:])) == whole
    lines = read("tsv").decode().split("\n")[:-1]
    assert lines[0] == "start\tend\ttext"
    assert [line.split("\t") for line in lines[1:]] == [
        [str(round(1000 * s["start"])), str(round(1000 * s["end"])), s["text"]] for s in view["segments"]
    ]
    words = [line.split("\t") for line in read("words.tsv").decode().split("\n")[:-1]]
    assert {len(word) for word in words} == {7}
    assert spoken("".join(word[2] for word in words[1:])) == whole
    assert all(int(word[0]) <= int(word[1]) and word[6] in ("word", "estimated") for word in words[1:])
    labels = [line.split("\t") for line in read("labels.txt").decode().split("\n")[:-1]]
    assert all(len(label) == 3 and float(label[0]) <= float(label[1]) for label in labels)
    assert len(labels) == len(lines) - 1


def check_documents(case, read, once):
    """`once`: what is said, loops once."""
    archive = zipfile.ZipFile(io.BytesIO(read("docx")))
    assert archive.testzip() is None
    names = set(archive.namelist())
    parts = {name: xml.etree.ElementTree.fromstring(archive.read(name)) for name in names}
    types = {part.get("PartName") for part in parts["[Content_Types].xml"] if part.get("PartName")}
    assert {"/" + name for name in names if not name.endswith(".rels") and name[0] != "["} == types
    for relations, base in ("_rels/.rels", ""), ("word/_rels/document.xml.rels", "word/"):
        assert all(base + relation.get("Target") in names for relation in parts[relations])
    w = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
    styles = {style.get(w + "styleId") for style in parts["word/styles.xml"].iter(w + "style")}
    used = {e.get(w + "val") for tag in ("pStyle", "rStyle") for e in parts["word/document.xml"].iter(w + tag)}
    assert used <= styles, used - styles
    plain = [r for r in parts["word/document.xml"].iter(w + "r") if r.find(f"{w}rPr/{w}rStyle") is None]
    text = spoken("".join(t.text for r in plain for t in r.iter(w + "t")))
    assert text.endswith(once) or "[" in "".join(t.text for r in plain for t in r.iter(w + "t")), text

    page = Html()
    document = json.loads(read("otr"))
    assert set(document) == {"text", "media", "media-source", "media-time"}
    page.feed(document["text"])
    page.close()
    assert page.open == [] and page.times == sorted(page.times)
    assert "[" in page.text or spoken(page.text.replace(": ", "")) == once, page.text
    assert spoken(read("plain.txt").decode()) == once, read("plain.txt")


def main():
    wrong = 0
    for directory in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        if not (directory / "talk.json").exists():
            continue

        def read(suffix, directory=directory):
            return (directory / f"talk.{suffix}").read_bytes()

        try:
            view, whole = check_json(directory.name, read)
            check_tables(read, view, whole)
            repeated = {i for loop in view["collapsed"] for i in range(loop["segment"] + 1, loop["segment"] + loop["count"])}
            once = spoken("".join(s["text"] for s in view["segments"] if s["id"] not in repeated))
            check_documents(directory.name, read, once)
        except (AssertionError, KeyError, ValueError, jsonschema.ValidationError, xml.etree.ElementTree.ParseError, csv.Error) as error:
            print(f"{directory.name}: line {error.__traceback__.tb_lineno}: {error!r}")
            wrong += 1
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
