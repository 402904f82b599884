/* The table of what a folder can ask of a recogniser. */
#include "backend/overrides.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/dashscope/wishes.h"

enum kind { TEXT, COUNT, SWITCH };

struct row {
    const char *key; /* as in the settings file */
    enum kind kind;
    size_t offset;
    unsigned readers;
    const char *what; /* is asked for, for people: "… cannot tell speakers apart" */
};

#define ROW(key, kind, field, readers, what)                                                                 \
    {                                                                                                        \
        key, kind, offsetof(struct backend_overrides, field), readers, what                                  \
    }
static const struct row rows[] = {
    ROW("model", TEXT, model, READ_ANY, "take another model"),
    ROW("language", TEXT, language, READ_ANY, "be told a language"),
    ROW("engine", TEXT, engine, READ_LOCAL, "take another engine"),
    ROW("words", SWITCH, words, READ_DASHSCOPE | READ_OPENAI, "be asked for the times of words"),
    ROW("speakers", SWITCH, speakers, READ_DASHSCOPE, "tell speakers apart"),
    ROW("speaker_count", COUNT, speaker_count, READ_DASHSCOPE, "be told how many people speak"),
    ROW("channels", TEXT, channels, READ_DASHSCOPE, "take channels on their own"),
    ROW("emotion", SWITCH, emotion, READ_DASHSCOPE, "recognise emotions"),
    ROW("itn", SWITCH, itn, READ_DASHSCOPE, "be told how to write numbers"),
    ROW("disfluency_removal", SWITCH, disfluency, READ_DASHSCOPE, "leave out hesitations"),
    ROW("timestamp_alignment", SWITCH, alignment, READ_DASHSCOPE, "be asked for corrected times"),
    ROW("stream", SWITCH, stream, READ_DASHSCOPE | READ_OPENAI, "be asked for the text as it comes"),
    ROW("vocabulary_id", TEXT, vocabulary_id, READ_DASHSCOPE, "take a vocabulary"),
    ROW("hotwords", TEXT, hotwords, READ_DASHSCOPE, "take hotwords"),
    ROW("special_word_filter", TEXT, word_filter, READ_DASHSCOPE, "filter words"),
    ROW("context", TEXT, context, READ_DASHSCOPE | READ_OPENAI, "take a text as context"),
    ROW("prompt", TEXT, context, READ_OPENAI, "take a prompt"), /* its name there */
};
#define ROWS (sizeof rows / sizeof *rows)

static char **text_of(const struct backend_overrides *o, const struct row *r)
{
    return (char **)((uintptr_t)o + r->offset);
}

static enum override_switch *switch_of(const struct backend_overrides *o, const struct row *r)
{
    return (enum override_switch *)((uintptr_t)o + r->offset);
}

static int *count_of(const struct backend_overrides *o, const struct row *r)
{
    return (int *)((uintptr_t)o + r->offset);
}

static bool is_said(const struct backend_overrides *o, const struct row *r)
{
    return r->kind == TEXT    ? *text_of(o, r) != NULL
           : r->kind == COUNT ? *count_of(o, r) != 0
                              : *switch_of(o, r) != OVERRIDE_UNSAID;
}

const char *override_key(size_t i)
{
    return i < ROWS ? rows[i].key : NULL;
}

bool override_known(const char *key)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].key, key) == 0)
            return true;
    return false;
}

/* ---- setting ---- */

static int refuse(struct error *err, const char *key, const char *value, const char *wants)
{
    error_set(err, ERROR_PERSON, EINVAL, "config.value", "%s=%s: %s", key, value, wants);
    return -EINVAL;
}

static const char *text_wrong(const struct row *r, const char *value)
{
    if (!*value)
        return "a value is needed";
    if (strcmp(r->key, "engine") == 0 && strcmp(value, "vosk") != 0 && strcmp(value, "pocketsphinx") != 0)
        return "vosk or pocketsphinx is needed";
    return wishes_text_wrong(r->key, value);
}

static int set_switch(enum override_switch *field, const char *key, const char *value, struct error *err)
{
    static const char *const names[] = {"no", "yes", "off", "on", "false", "true", "0", "1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], value) == 0) {
            *field = i % 2 ? OVERRIDE_YES : OVERRIDE_NO;
            return 0;
        }
    return refuse(err, key, value, "yes or no is needed");
}

static int set_count(int *field, const char *key, const char *value, struct error *err)
{
    char *end;
    long n = strtol(value, &end, 10);
    if (end == value || *end || n < 2 || n > 100)
        return refuse(err, key, value, "a number from 2 to 100 is needed");
    *field = (int)n;
    return 0;
}

static int set_text(char **field, const char *value)
{
    char *copy = strdup(value);
    if (!copy)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

int override_set(struct backend_overrides *o, const char *key, const char *value, unsigned readers,
                 struct error *err)
{
    for (const struct row *r = rows; r < rows + ROWS; r++) {
        if (strcmp(r->key, key) != 0 || !(r->readers & readers))
            continue;
        if (r->kind == SWITCH)
            return set_switch(switch_of(o, r), key, value, err);
        if (r->kind == COUNT)
            return set_count(count_of(o, r), key, value, err);
        const char *wrong = text_wrong(r, value);
        return wrong ? refuse(err, key, value, wrong) : set_text(text_of(o, r), value);
    }
    return -ENOENT;
}

/* ---- one over another ---- */

static void forget(struct backend_overrides *o, const struct row *r)
{
    if (r->kind == TEXT) {
        free(*text_of(o, r));
        *text_of(o, r) = NULL;
    } else if (r->kind == COUNT) {
        *count_of(o, r) = 0;
    } else {
        *switch_of(o, r) = OVERRIDE_UNSAID;
    }
}

int override_merge(struct backend_overrides *to, const struct backend_overrides *from)
{
    int rc = 0;
    /* Words of one's own and a vocabulary of the console exclude each other: the nearer one is meant. */
    if (from->hotwords || from->vocabulary_id) {
        free(to->hotwords);
        free(to->vocabulary_id);
        to->hotwords = to->vocabulary_id = NULL;
    }
    for (const struct row *r = rows; r < rows + ROWS && rc == 0; r++) {
        if (!is_said(from, r))
            continue;
        if (r->kind == TEXT)
            rc = set_text(text_of(to, r), *text_of(from, r));
        else if (r->kind == COUNT)
            *count_of(to, r) = *count_of(from, r);
        else
            *switch_of(to, r) = *switch_of(from, r);
    }
    return rc;
}

void override_mask(struct backend_overrides *o, const struct backend_overrides *by)
{
    for (const struct row *r = rows; r < rows + ROWS; r++)
        if (is_said(by, r))
            forget(o, r);
}

void override_clear(struct backend_overrides *o)
{
    for (const struct row *r = rows; r < rows + ROWS; r++)
        forget(o, r);
}

/* ---- can it be done ---- */

int override_check(const struct backend_overrides *o, enum override_reader reader, const char *who,
                   struct error *err)
{
    for (const struct row *r = rows; o && r < rows + ROWS; r++) {
        bool readable = false;
        for (const struct row *same = rows; same < rows + ROWS; same++)
            readable |= same->offset == r->offset && (same->readers & reader);
        bool asked = is_said(o, r) && !(r->kind == SWITCH && *switch_of(o, r) == OVERRIDE_NO) &&
                     !(r->kind == COUNT && o->speakers == OVERRIDE_NO);
        if (asked && !readable)
            return error_set(err, ERROR_PERMANENT, EINVAL, "folder.cannot",
                             "the settings of the folder say %s, but %s cannot %s", r->key, who, r->what);
    }
    return 0;
}
