/* Catalogues of gettext: the file as msgfmt writes it (GNU gettext manual, "The Format of GNU MO Files"). It
 * is read once and checked as a whole, so that looking up needs no checks. */
#include "fs/inbox/wording.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"

#define MAGIC 0x950412deu
#define CATALOGUE_MOST (1 << 20) /* bytes */
#define CONTEXT_END '\004'       /* between context and text in a key */
#define KEY_MOST 1024

struct header {
    uint32_t magic, revision, count, keys, texts; /* the last two: where the tables are */
};

/* A row of a table: a text of `length` bytes at `offset`, and a NUL behind it. */
struct row {
    uint32_t length, offset;
};

struct wording {
    char *data;
    const struct row *keys, *texts;
    uint32_t count;
    bool one_form; /* numbers do not change words; else as in English */
};

/* ---- opening ---- */

static const char *folder_of(enum wording_language language)
{
    return language == WORDING_CHINESE ? "zh_CN" : NULL;
}

static bool is_table(const char *data, size_t size, uint32_t at, uint32_t count)
{
    if (at % sizeof(uint32_t) || at > size || (size - at) / sizeof(struct row) < count)
        return false;
    const struct row *rows = (const struct row *)(const void *)(data + at);
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].offset >= size || rows[i].length >= size - rows[i].offset ||
            data[rows[i].offset + rows[i].length] != '\0')
            return false;
    return true;
}

/* The text of an empty key is the header: how numbers are told. Whoever adds a language with other rules adds
 * them in say_count(). */
static bool read_plurals(struct wording *w)
{
    const char *rule = strstr(say(w, ""), "Plural-Forms:");
    w->one_form = rule && strncmp(rule, "Plural-Forms: nplurals=1;", 25) == 0;
    return w->one_form || (rule && strncmp(rule, "Plural-Forms: nplurals=2; plural=(n != 1);", 42) == 0);
}

static char *read_file(const char *path, size_t *size)
{
    cleanup_file FILE *f = fopen(path, "re");
    cleanup_free char *data = f ? malloc(CATALOGUE_MOST) : NULL;
    if (!data)
        return NULL;
    *size = fread(data, 1, CATALOGUE_MOST, f);
    if (ferror(f))
        return NULL;
    errno = 0;
    return steal_ptr(data);
}

int wording_open(const char *directory, enum wording_language language, struct wording **out,
                 struct error *err)
{
    *out = NULL;
    const char *folder = folder_of(language == WORDING_AUTO ? wording_of_environment() : language);
    if (!folder)
        return 0;
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/%s/LC_MESSAGES/scribefs.mo", directory ? directory : "", folder) < 0)
        path = NULL;
    size_t size = 0;
    struct wording *w = calloc(1, sizeof *w);
    char *data = w && path && directory ? read_file(path, &size) : NULL;
    if (!data) {
        int sys = errno ? errno : ENOENT;
        free(w);
        return error_set(err, ERROR_PERSON, sys, "wording.missing", "%s: %s",
                         path && directory ? path : folder, strerror(sys));
    }
    w->data = data;
    struct header h = {0};
    if (size >= sizeof h)
        memcpy(&h, data, sizeof h);
    bool well = h.magic == MAGIC && h.revision >> 16 == 0 && is_table(data, size, h.keys, h.count) &&
                is_table(data, size, h.texts, h.count);
    if (well) {
        w->keys = (const struct row *)(const void *)(data + h.keys);
        w->texts = (const struct row *)(const void *)(data + h.texts);
        w->count = h.count;
        well = read_plurals(w);
    }
    if (!well) {
        wording_free(w);
        return error_set(err, ERROR_PERSON, EINVAL, "wording.damaged",
                         "%s: this is no catalogue of this version", path);
    }
    *out = w;
    return 0;
}

void wording_free(struct wording *w)
{
    if (w)
        free(w->data);
    free(w);
}

const char *wording_tag(const struct wording *w)
{
    return w ? "zh-Hans" : "en";
}

/* ---- which language ---- */

/* "zh_CN.UTF-8" and the like, up to ':'. Traditional characters are a catalogue of their own that is not
 * there. */
static enum wording_language language_of(const char *name)
{
    size_t len = strcspn(name, ":.@");
    static const char *const chinese[] = {"zh", "zh_CN", "zh_SG", "zh_Hans", "zh_Hans_CN", "zh_Hans_SG"};
    for (size_t i = 0; i < sizeof chinese / sizeof *chinese; i++)
        if (strlen(chinese[i]) == len && strncmp(name, chinese[i], len) == 0)
            return WORDING_CHINESE;
    bool english = strncmp(name, "en", 2) == 0 && (len == 2 || name[2] == '_');
    bool none = (len == 1 && *name == 'C') || (len == 5 && strncmp(name, "POSIX", 5) == 0);
    return english || none ? WORDING_ENGLISH : WORDING_AUTO;
}

enum wording_language wording_of_environment(void)
{
    const char *locale = NULL;
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names && !(locale && *locale); i++)
        locale = getenv(names[i]);
    if (!locale || !*locale)
        return WORDING_ENGLISH;
    /* As for gettext, a list of languages counts only where there is a locale at all. */
    const char *list = strcmp(locale, "C") && strcmp(locale, "POSIX") ? getenv("LANGUAGE") : NULL;
    for (; list && *list; list += strcspn(list, ":"), list += *list == ':') {
        enum wording_language language = language_of(list);
        if (language != WORDING_AUTO)
            return language;
    }
    return language_of(locale) == WORDING_CHINESE ? WORDING_CHINESE : WORDING_ENGLISH;
}

/* ---- saying ---- */

/* The translation of a key, its forms one behind the other and a NUL behind each; NULL: there is none. */
static const char *look_up(const struct wording *w, const char *key, size_t length, size_t *said_length)
{
    uint32_t from = 0, to = w ? w->count : 0;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        const char *here = w->data + w->keys[middle].offset;
        /* The key of a text with two forms holds both; the first one finds it. */
        int order = strncmp(key, here, length);
        if (order == 0 && !here[length]) {
            *said_length = w->texts[middle].length;
            return *said_length ? w->data + w->texts[middle].offset : NULL;
        }
        if (order > 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

const char *say(const struct wording *w, const char *text)
{
    size_t length;
    const char *said = look_up(w, text, strlen(text), &length);
    return said ? said : text;
}

const char *say_in(const struct wording *w, const char *context, const char *text)
{
    char key[KEY_MOST];
    size_t length;
    int n = snprintf(key, sizeof key, "%s%c%s", context, CONTEXT_END, text);
    const char *said = n > 0 && (size_t)n < sizeof key ? look_up(w, key, (size_t)n, &length) : NULL;
    return said ? said : text;
}

const char *say_count(const struct wording *w, const char *one, const char *many, unsigned long n)
{
    size_t length;
    const char *said = look_up(w, one, strlen(one), &length);
    if (!said)
        return n == 1 ? one : many;
    size_t first = strlen(said);
    return n == 1 || w->one_form || first >= length ? said : said + first + 1;
}
