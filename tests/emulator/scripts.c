/* Scripted results. */
#include "tests/emulator/scripts.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

enum { WORD_MS = 300, PAUSE_MS = 200 };

static const char *const keys[] = {"match",      "count",  "used",    "audio",  "text",
                                   "transcript", "fail",   "silence", "result", "result_text",
                                   "body",       "events", "id"};

void scripts_init(struct scripts *s)
{
    *s = (struct scripts){.all = cJSON_CreateArray()};
}

void scripts_free(struct scripts *s)
{
    cJSON_Delete(s->all);
}

void scripts_clear(struct scripts *s)
{
    cJSON_Delete(s->all);
    s->all = cJSON_CreateArray();
}

const char *scripts_add(struct scripts *s, const cJSON *script)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, script)
    {
        size_t i = 0;
        while (i < sizeof keys / sizeof *keys && strcmp(keys[i], item->string))
            i++;
        if (i == sizeof keys / sizeof *keys)
            return item->string;
    }
    if (!cJSON_IsObject(json_get(script, "match")))
        return "match";
    if (json_get(script, "transcript")) {
        struct transcript *t = scripts_transcript(script);
        if (!t)
            return "transcript";
        transcript_free(t);
    }
    cJSON_AddItemToArray(s->all, cJSON_Duplicate(script, true));
    return NULL;
}

static bool agrees(const cJSON *match, const char *key, const char *value)
{
    const char *wanted = json_text(match, key);
    return !wanted || (value && !strcmp(wanted, value));
}

cJSON *scripts_take(struct emulator *emu, const char *sha256, const char *model, const char *url)
{
    cJSON *found = NULL, *script;
    emu_lock(emu);
    cJSON_ArrayForEach(script, emu->scripts.all)
    {
        const cJSON *match = json_get(script, "match"), *count = json_get(script, "count");
        const char *part = json_text(match, "url");
        if (!agrees(match, "sha256", sha256) || !agrees(match, "model", model) ||
            (part && !(url && strstr(url, part))))
            continue;
        if (count && json_number(script, "used", 0) >= count->valuedouble)
            continue;
        json_count(script, "used", 1);
        found = cJSON_Duplicate(script, true);
        break;
    }
    emu_unlock(emu);
    return found;
}

/* ---- text with even times ---- */

static size_t mark_length(const char *p)
{
    static const char *const marks[] = {".", "?", "!", "。", "？", "！"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (!strncmp(p, marks[i], strlen(marks[i])))
            return strlen(marks[i]);
    return 0;
}

/* One word and the punctuation behind it, from *p on; false at the end. */
static bool next_word(const char **p, char **word, char **punctuation, bool *last)
{
    const char *start = *p + strspn(*p, " ");
    if (!*start)
        return false;
    size_t len = 0, mark = 0;
    while (start[len] && start[len] != ' ' && !(mark = mark_length(start + len)) && start[len] != ',')
        len++;
    if (start[len] == ',')
        mark = 1;
    *last = mark && start[len] != ',';
    *word = xstrndup(start, len);
    *punctuation = mark ? xstrndup(start + len, mark) : NULL;
    *p = start + len + mark;
    return true;
}

static struct transcript *spread(const char *text)
{
    struct transcript *t = transcript_new();
    struct sentence *s = NULL;
    int64_t now = 0;
    char *word, *punctuation;
    bool last = false;
    while (t && next_word(&text, &word, &punctuation, &last)) {
        if (!s) {
            s = transcript_add_sentence(t);
            s->begin_ms = now;
            s->text = xstrdup("");
        }
        struct word *w = sentence_add_word(s);
        w->begin_ms = now;
        s->end_ms = w->end_ms = now += WORD_MS;
        char *longer =
            xprintf("%s%s%s%s", s->text, *s->text ? " " : "", word, punctuation ? punctuation : "");
        free(s->text);
        s->text = longer;
        w->text = word;
        w->punctuation = punctuation;
        if (last) {
            s = NULL;
            now += PAUSE_MS;
        }
    }
    return t;
}

struct transcript *scripts_transcript(const cJSON *script)
{
    const cJSON *transcript = json_get(script, "transcript");
    const char *text = json_text(script, "text");
    if (json_true(script, "silence"))
        return transcript_new();
    if (text)
        return spread(text);
    if (!transcript)
        return NULL;
    cleanup_free char *json = cJSON_PrintUnformatted(transcript);
    return transcript_from_json(json, strlen(json), NULL);
}
