/* A subtitle file read leniently: SubRip or WebVTT. */
#include "cache/render/lint_read.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/cleanup.h"
#include "cache/render/lint.h"

int lint_add(struct lint *lint, size_t cue, const char *rule, bool hard, const char *limit,
             const char *format, ...)
{
    if (lint->count == lint->capacity) {
        size_t capacity = lint->capacity ? lint->capacity * 2 : 32;
        struct lint_problem *items = reallocarray(lint->items, capacity, sizeof *items);
        if (!items)
            return -ENOMEM;
        lint->items = items;
        lint->capacity = capacity;
    }
    struct lint_problem *p = &lint->items[lint->count++];
    *p = (struct lint_problem){.cue = cue, .rule = rule, .hard = hard};
    va_list ap;
    va_start(ap, format);
    vsnprintf(p->value, sizeof p->value, format, ap);
    va_end(ap);
    snprintf(p->limit, sizeof p->limit, "%s", limit ? limit : "");
    lint->hard += hard;
    return 0;
}

struct reader {
    struct lint *lint;
    struct lint_file *out;
    bool vtt, failed;
};

#define PROBLEM(r, rule, hard, ...)                                                                          \
    ((r)->failed = lint_add((r)->lint, (r)->out->count, rule, hard, NULL, __VA_ARGS__) || (r)->failed)

/* ---- lines ---- */

/* The length of valid UTF-8 of one character at text, or 0. */
static size_t character(const unsigned char *p, size_t len)
{
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xC2 && p[0] < 0xE0 ? 2
               : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
               : p[0] >= 0xF0 && p[0] < 0xF5 ? 4
                                             : 0;
    if (!n || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
                   (p[0] == 0xF4 && p[1] > 0x8F)
               ? 0
               : n;
}

/* Appends the file as valid UTF-8 with LF alone. */
static void normalise(struct reader *r, const char *file, size_t len, struct buffer *out)
{
    bool broken = false, nul = false, crlf = false, lf = false, cr = false;
    for (size_t i = 0; i < len;) {
        size_t n = character((const unsigned char *)file + i, len - i);
        if (!n) {
            broken = true;
            buffer_puts(out, "\xEF\xBF\xBD");
            i++;
        } else if (file[i] == '\r') {
            bool pair = i + 1 < len && file[i + 1] == '\n';
            crlf = crlf || pair;
            cr = cr || !pair;
            buffer_puts(out, "\n");
            i += pair ? 2 : 1;
        } else if (file[i] == '\0') {
            nul = true;
            i++;
        } else {
            lf = lf || file[i] == '\n';
            buffer_add(out, file + i, n);
            i += n;
        }
    }
    if (broken)
        PROBLEM(r, "F1", true, "not UTF-8");
    if (nul)
        PROBLEM(r, "F1", true, "a NUL byte");
    if (crlf + lf + cr > 1)
        PROBLEM(r, "F2", true, "different line ends");
    if (len && out->len && out->data[out->len - 1] != '\n')
        PROBLEM(r, "F2", true, "the last line does not end");
}

/* ---- times ---- */

static bool digits(const char **p, int least, int most, int64_t *out)
{
    int n = 0;
    *out = 0;
    while (n < most && isdigit((unsigned char)(*p)[n]))
        *out = *out * 10 + (*p)[n++] - '0';
    *p += n;
    return n >= least;
}

/* "00:00:01,000"; *strict becomes false where only lenient readers understand it. */
static bool read_time(const struct reader *r, const char **p, int64_t *ms, bool *strict)
{
    int64_t a, b, c = 0, fraction = 0;
    const char *begin = *p;
    if (!digits(p, 1, 12, &a) || **p != ':')
        return false;
    size_t first = (size_t)(*p - begin);
    ++*p;
    if (!digits(p, 1, 2, &b))
        return false;
    bool hours = **p == ':';
    if (hours) {
        ++*p;
        if (!digits(p, 1, 2, &c))
            return false;
    }
    if (first < 2 || (!hours && !r->vtt) || b > 59 || c > 59 || (!hours && a > 59))
        *strict = false;
    if (**p != ',' && **p != '.')
        return false;
    if (**p != (r->vtt ? '.' : ','))
        *strict = false;
    ++*p;
    const char *dot = *p;
    if (!digits(p, 1, 9, &fraction))
        return false;
    if (*p - dot != 3)
        *strict = false;
    for (ptrdiff_t n = *p - dot; n > 3; n--)
        fraction /= 10;
    for (ptrdiff_t n = *p - dot; n < 3; n++)
        fraction *= 10;
    *ms = (hours ? (a * 60 + b) * 60 + c : a * 60 + b) * 1000 + fraction;
    return true;
}

static bool read_times(const struct reader *r, const char *line, struct lint_cue *c, bool *strict)
{
    const char *p = line;
    *strict = true;
    if (!read_time(r, &p, &c->begin_ms, strict))
        return false;
    const char *arrow = p;
    while (*p == ' ' || *p == '\t')
        p++;
    if (strncmp(p, "-->", 3) != 0)
        return false;
    *strict = *strict && p - arrow == 1;
    arrow = p += 3;
    while (*p == ' ' || *p == '\t')
        p++;
    *strict = *strict && p - arrow == 1;
    if (!read_time(r, &p, &c->end_ms, strict))
        return false;
    if (*p && !(r->vtt && (*p == ' ' || *p == '\t'))) /* the settings of WebVTT */
        *strict = false;
    return true;
}

/* ---- text ---- */

static bool begins(const char *p, const char *what)
{
    return strncasecmp(p, what, strlen(what)) == 0;
}

/* A tag of WebVTT at p, which ends before `end`. */
static void check_tag(struct reader *r, struct lint_cue *c, const char *p, const char *end, int64_t *last,
                      int *voices)
{
    const char *at = p + 1;
    int64_t ms;
    bool strict = true;
    if (isdigit((unsigned char)*at)) {
        if (!read_time(r, &at, &ms, &strict) || at != end - 1)
            PROBLEM(r, "F6", true, "a word's time that cannot be read");
        else if (ms <= *last || ms >= c->end_ms)
            PROBLEM(r, "F6", true, "a word's time that is not between those around it");
        else
            *last = ms;
        return;
    }
    static const char *const known[] = {"v", "c", "i", "b", "u", "ruby", "rt", "lang"};
    at += *at == '/';
    size_t n = strcspn(at, " \t.>");
    bool good = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        good = good || (strlen(known[i]) == n && strncmp(known[i], at, n) == 0);
    if (!good)
        PROBLEM(r, "F6", true, "the tag %.*s, which WebVTT does not have", (int)(end - p > 40 ? 40 : end - p),
                p);
    if (n == 1 && *at == 'v' && p[1] != '/')
        ++*voices;
}

/* Appends what people see of a line. */
static void see(struct reader *r, struct lint_cue *c, const char *p, int64_t *last)
{
    static const struct {
        const char *entity, *text;
    } entities[] = {{"&amp;", "&"},       {"&lt;", "<"}, {"&gt;", ">"},
                    {"&nbsp;", "\u00A0"}, {"&lrm;", ""}, {"&rlm;", ""}};
    struct buffer *out = &r->out->text;
    size_t start = out->len;
    int voices = 0;
    if (strstr(p, "-->"))
        PROBLEM(r, "F5", true, "an arrow in the text");
    while (*p) {
        const char *end = *p == '<' ? strchr(p, '>') : *p == '{' && p[1] == '\\' ? strchr(p, '}') : NULL;
        if (*p == '<' && r->vtt && !end)
            PROBLEM(r, "F6", true, "a tag that does not end");
        if (end && r->vtt && *p == '<') {
            int before = voices;
            check_tag(r, c, p, end + 1, last, &voices);
            c->voices_in_line = c->voices_in_line || (voices > before && (voices > 1 || out->len > start));
            p = end + 1;
            continue;
        }
        if (end && !r->vtt) {
            const char *name = p + 1 + (p[1] == '/');
            bool known = *p == '{' || ((begins(name, "i>") || begins(name, "b>") || begins(name, "u>")) ||
                                       begins(name, "font"));
            if (!known || *p == '{')
                PROBLEM(r, "F6", !known, "%.*s, which players hide or show as they like",
                        (int)(end + 1 - p > 40 ? 40 : end + 1 - p), p);
            p = end + 1;
            continue;
        }
        size_t skip = 0;
        for (size_t i = 0; r->vtt && *p == '&' && i < sizeof entities / sizeof *entities && !skip; i++)
            if (strncmp(p, entities[i].entity, strlen(entities[i].entity)) == 0) {
                buffer_puts(out, entities[i].text);
                skip = strlen(entities[i].entity);
            }
        if (r->vtt && *p == '&' && !skip)
            PROBLEM(r, "F6", true, "& that is not written as &amp;");
        if (!skip) {
            skip = 1;
            buffer_add(out, p, 1);
        }
        p += skip;
    }
}

static void add_line(struct reader *r, struct lint_cue *c, const char *line, int64_t *last)
{
    struct lint_file *out = r->out;
    if (out->line_count == out->line_capacity) {
        size_t capacity = out->line_capacity ? out->line_capacity * 2 : 128;
        struct lint_line *lines = reallocarray(out->lines, capacity, sizeof *lines);
        if (!lines) {
            r->failed = true;
            return;
        }
        out->lines = lines;
        out->line_capacity = capacity;
    }
    size_t at = out->text.len;
    see(r, c, line, last);
    buffer_add(&out->text, "\n", 1);
    if (out->text.failed)
        return;
    out->lines[out->line_count++] = (struct lint_line){at, out->text.len - 1 - at};
    c->line_count++;
}

/* ---- blocks ---- */

static struct lint_cue *add_cue(struct reader *r)
{
    struct lint_file *out = r->out;
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 64;
        struct lint_cue *cues = reallocarray(out->cues, capacity, sizeof *cues);
        if (!cues) {
            r->failed = true;
            return NULL;
        }
        out->cues = cues;
        out->capacity = capacity;
    }
    struct lint_cue *c = &out->cues[out->count++];
    *c = (struct lint_cue){.first_line = out->line_count};
    return c;
}

/* The next line, or NULL at the end. */
static char *next_line(char **p)
{
    char *line = *p, *end = strchr(line, '\n');
    if (!*line)
        return NULL;
    if (end)
        *end = '\0';
    *p = end ? end + 1 : line + strlen(line);
    return line;
}

static bool is_number(const char *line, size_t *number)
{
    char *end;
    *number = strtoull(line, &end, 10);
    return isdigit((unsigned char)line[0]) && !*end;
}

/* The cue whose first line is at hand: a number or an identifier, or its times. */
static void read_cue(struct reader *r, char *line, char **p)
{
    struct lint_cue times = {0};
    bool strict = true, numbered = false;
    size_t number = 0;
    char *text = line;
    if (!strstr(line, "-->")) {
        numbered = is_number(line, &number);
        text = next_line(p);
        if (!text || !strstr(text, "-->")) {
            PROBLEM(r, "F4", true, "text without times: %.40s", line);
            while (text && *text)
                text = next_line(p);
            return;
        }
    }
    struct lint_cue *c = add_cue(r);
    if (!c)
        return;
    if (!r->vtt && (!numbered || number != r->out->count))
        PROBLEM(r, "F3", true, "%s", numbered || text == line ? "a wrong number or none" : "no number");
    if (!read_times(r, text, &times, &strict))
        PROBLEM(r, "F4", true, "times that cannot be read: %.60s", text);
    else if (!strict)
        PROBLEM(r, "F4", true, "times that not every player reads: %.60s", text);
    c->begin_ms = times.begin_ms;
    c->end_ms = times.end_ms;
    int64_t last = c->begin_ms;
    while ((text = next_line(p)) && *text)
        add_line(r, c, text, &last);
    if (!c->line_count)
        PROBLEM(r, "F5", true, "no text");
    if (!text && !r->vtt)
        PROBLEM(r, "F2", false, "no empty line after the last cue");
}

int lint_read(const char *file, size_t len, struct lint *lint, struct lint_file *out)
{
    struct reader r = {.lint = lint, .out = out};
    cleanup_buffer struct buffer text = {0};
    if (len >= 3 && memcmp(file, "\xEF\xBB\xBF", 3) == 0) {
        file += 3;
        len -= 3;
    }
    normalise(&r, file, len, &text);
    if (buffer_error(&text) || r.failed)
        return -ENOMEM;
    char empty[] = "";
    char *p = text.data ? text.data : empty, *line;
    r.vtt = strncmp(p, "WEBVTT", 6) == 0 && (!p[6] || strchr(" \t\n", p[6]));
    if (r.vtt)
        while ((line = next_line(&p)) && *line)
            if (strstr(line, "-->"))
                PROBLEM(&r, "F4", true, "no empty line after the header");
    while ((line = next_line(&p))) {
        if (!*line)
            continue;
        if (r.vtt &&
            (strncmp(line, "NOTE", 4) == 0 || strcmp(line, "STYLE") == 0 || strcmp(line, "REGION") == 0) &&
            !strstr(line, "-->")) {
            while ((line = next_line(&p)) && *line)
                continue;
            continue;
        }
        read_cue(&r, line, &p);
    }
    if (!out->count && !r.vtt)
        PROBLEM(&r, "F4", true, "no cue");
    return r.failed || out->text.failed ? -ENOMEM : 0;
}

void lint_file_clear(struct lint_file *file)
{
    free(file->cues);
    free(file->lines);
    buffer_clear(&file->text);
    *file = (struct lint_file){0};
}
