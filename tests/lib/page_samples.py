"""Transcripts in canonical JSON for the tests and the pictures of the .html view."""

import json
import re

MEETING = [
    (0, "Good morning, everyone. Thank you for coming in so early. I would like to begin with the budget for the spring campaign, because the numbers changed on Friday."),
    (1, "They did. The printing house raised its price by eleven percent, and we have not signed yet. If we order before the end of the month, we keep the old price."),
    (0, "How much are we talking about?"),
    (1, "About four thousand euros. It is not dramatic, but it would come out of the travel money, and that is thin already."),
    (2, "May I add something? We could print the second brochure in house. Marguerite tried it with the autumn catalogue, and honestly nobody noticed the difference."),
    (0, "That is a good idea. Could you send me a sample by Wednesday? Then I can decide before I see the board."),
    (2, "I will. There is one more thing: the photographs. Two of them are only licensed until March, so either we renew them or we take new ones. I would take new ones, because the old pictures show the entrance before it was rebuilt."),
    (1, "Agreed. I know somebody who lives around the corner and would do it for a lunch."),
    (0, "Then let us do that. Please write it down, and let us go on to the second point."),
]  # fmt: skip

INTERVIEW = [
    (0, "大家好，欢迎收听今天的节目。我们请到了一位在海边住了三十年的老渔民，请他讲讲这里的变化。"),
    (1, "谢谢。变化很大。以前早上四点出海，六点就能回来，船舱里全是鱼。现在要开到很远的地方，有时候还是空船回来。"),
    (0, "您觉得原因是什么？"),
    (1, "水变暖了，鱼往北走。另外，码头扩建以后，浅滩没有了，小鱼没有地方长大。年轻人都去了城里，留下来的只有我们这些老人。"),
    (0, "那您还会继续出海吗？"),
    (1, "会的。海是我的家，只要还走得动，我就要出海。"),
]


def pieces(text):
    """Words as recognisers give them: what stands between spaces, or one Chinese character."""
    for match in re.finditer(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff，。？！：]+", text):
        rest = re.match(r"[，。？！：]*", text[match.end() :])[0]
        yield match[0], rest


def transcript(turns, language, pace=320, unsure=(), **more):
    sentences, now = [], 400
    for speaker, text in turns:
        for part in re.findall(r"[^.?!。？！]+[.?!。？！]*\s*", text):
            words = []
            for word, mark in pieces(part.strip()):
                letters = word.rstrip(".,?!:")
                lasts = pace if len(word) == 1 else 120 + 45 * len(letters)
                words.append({"begin_ms": now, "end_ms": now + lasts, "text": letters, "confidence": 0.4 if letters in unsure else 0.95})
                if mark or word != letters:
                    words[-1]["punctuation"] = mark or word[len(letters) :]
                now += lasts + 30
            sentences.append({"begin_ms": words[0]["begin_ms"], "end_ms": words[-1]["end_ms"], "channel": 0, "speaker": speaker, "text": part.strip(), "words": words})
            now += 250
        now += 500
    return dict({"schema": "scribefs-transcript/1", "duration_ms": now, "language": language, "sentences": sentences}, **more)


def meeting():
    return transcript(MEETING, "en", unsure=("Marguerite", "catalogue"), provider="local", engine="vosk", model="small-en-us-0.15")


def interview():
    return transcript(INTERVIEW, "zh", pace=190, provider="dashscope", engine="Model Studio", model="fun-asr")


def long(hours=12, words=100_000):
    """One that lasts so many hours."""
    turns, per_turn = [], 50
    for i in range(words // per_turn):
        turns.append((i % 5, " ".join(f"word{(i * per_turn + k) % 1000}" if k % 7 else "something" for k in range(per_turn)) + "."))
    result = transcript(turns, "en")
    scale = hours * 3_600_000 / result["duration_ms"]
    for sentence in result["sentences"]:
        for entry in [sentence] + sentence["words"]:
            entry["begin_ms"], entry["end_ms"] = int(entry["begin_ms"] * scale), int(entry["end_ms"] * scale)
    result["duration_ms"] = hours * 3_600_000
    return result


def save(value, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False)
