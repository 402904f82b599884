#!/usr/bin/env bats
# What other programs say of the text and data formats: shapes that openai-python, Whisper, stable-ts, whisperX, Podcasting 2.0
# and oTranscribe publish, RFC 4180, Office Open XML, and our own JSON Schema. The views are those of tests/golden/texts.

load ../lib/common

setup_file() {
    export VIEWS=$BATS_FILE_TMPDIR/views
    mkdir "$VIEWS"
    "$BUILD/unit/test_golden_texts" --write "$VIEWS"
}

@test "every format of every transcript is as its readers want it" {
    "$PYTHON" -IB "$LIB/check_texts.py" "$VIEWS"
}

@test "the schema is one, and refuses what is not said in it" {
    "$PYTHON" -IB - "$ROOT/man/scribefs-1.schema.json" "$VIEWS/two-speakers/talk.json" <<'END'
import copy, json, sys, jsonschema
schema, view = (json.load(open(path)) for path in sys.argv[1:])
jsonschema.Draft202012Validator.check_schema(schema)
def broken(change):
    changed = copy.deepcopy(view)
    change(changed)
    try:
        jsonschema.validate(changed, schema)
    except jsonschema.ValidationError:
        return
    sys.exit(f"accepted: {changed}")
broken(lambda v: v.pop("engine"))
broken(lambda v: v.update(schema="scribefs/2"))
broken(lambda v: v.update(duration="20.0"))
broken(lambda v: v["segments"][0].pop("tokens"))
broken(lambda v: v["segments"][0].update(start=-1))
broken(lambda v: v["segments"][0].update(speaker=0))
broken(lambda v: v["source"].update(sha256="abc"))
END
}

@test "the documents are real ones to LibreOffice, where it is installed" {
    command -v soffice >/dev/null || skip "LibreOffice is not installed"
    HOME=$T soffice --headless --convert-to txt:Text --outdir "$T" "$VIEWS/two-speakers/talk.docx" >/dev/null 2>&1
    contains "$T/talk.txt" '\[00:00:01\] Speaker 2 \(happy\): Yes\.'
}
