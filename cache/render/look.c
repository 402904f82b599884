/* Looks: their settings, their canonical JSON. One table says what is in them. */
#include "cache/render/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/base/json_out.h"

enum kind { NUMBER, CHOICE, YES, NO /* the field is the opposite of the setting */, VIEWS, LINE_ENDS };

struct field {
    const char *key;
    enum kind kind;
    size_t offset;
    int least, most;
    const char *const *choices; /* ends with NULL */
};

static const char *const profiles[] = {[LOOK_NETFLIX] = "netflix", [LOOK_BBC] = "bbc", NULL};
static const char *const speakers[] = {[LOOK_SPEAKERS_CHANGE] = "change",
                                       [LOOK_SPEAKERS_NONE] = "none",
                                       [LOOK_SPEAKERS_ALL] = "all",
                                       [LOOK_SPEAKERS_DASH] = "dash",
                                       NULL};
static const char *const punctuations[] = {
    [LOOK_PUNCTUATION_NETFLIX] = "netflix", [LOOK_PUNCTUATION_KEEP] = "keep", NULL};

#define AT(field) offsetof(struct render_look, field)
/* In the order of the JSON: never change it, or every view is made again. */
static const struct field fields[] = {
    {"views", VIEWS, AT(listed), 0, 0, NULL},
    {"profile", CHOICE, AT(profile), 0, 0, profiles},
    {"line_length", NUMBER, AT(line_cells), 8, 200, NULL},
    {"lines", NUMBER, AT(lines), 1, 2, NULL},
    {"reading_speed", NUMBER, AT(reading_cps), 1, 100, NULL},
    {"shortest_ms", NUMBER, AT(shortest_ms), 1, 5000, NULL},
    {"longest_ms", NUMBER, AT(longest_ms), 2000, 30000, NULL},
    {"gap_ms", NUMBER, AT(gap_ms), 1, 500, NULL},
    {"subtitle_speakers", CHOICE, AT(speakers), 0, 0, speakers},
    {"subtitle_punctuation", CHOICE, AT(punctuation), 0, 0, punctuations},
    {"empty_cue", NO, AT(no_empty_cue), 0, 0, NULL},
    {"lyrics", YES, AT(lyrics), 0, 0, NULL},
    {"header", NO, AT(no_header), 0, 0, NULL},
    {"timestamps", NO, AT(no_timestamps), 0, 0, NULL},
    {"emotion", YES, AT(emotions), 0, 0, NULL},
    {"line_ends", LINE_ENDS, AT(crlf), 0, 0, NULL},
    {"byte_order_mark", YES, AT(bom), 0, 0, NULL},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

const char *look_key(size_t i)
{
    return i < COUNT(fields) ? fields[i].key : NULL;
}

static int refuse(struct error *err, const char *key, const char *value, const char *wants)
{
    error_set(err, ERROR_PERSON, EINVAL, "config.value", "%s=%s: %s", key, value, wants);
    return -EINVAL;
}

static int choice_of(const char *const *names, const char *value)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], value) == 0)
            return i;
    return -1;
}

static int switch_of(const char *value)
{
    static const char *const names[] = {"no", "yes", "off", "on", "false", "true", "0", "1", NULL};
    int i = choice_of(names, value);
    return i < 0 ? i : i % 2;
}

/* "txt, srt, html" */
static int set_views(uint32_t *listed, const char *value, struct error *err)
{
    uint32_t bits = 0;
    for (const char *p = value; *p;) {
        p += strspn(p, ", \t");
        size_t n = strcspn(p, ", \t");
        int format = format_find(p, n);
        if (n && format < 0)
            return refuse(err, "views", value,
                          "names of formats such as txt, srt, json, vtt or html are needed");
        if (n)
            bits |= UINT32_C(1) << format;
        p += n;
    }
    if (!bits)
        return refuse(err, "views", value, "at least one format is needed");
    *listed = bits;
    return 0;
}

static int set_number(int *field, const struct field *f, const char *value, struct error *err)
{
    char *end, wants[80];
    errno = 0;
    long n = strtol(value, &end, 10);
    snprintf(wants, sizeof wants, "a number from %d to %d is needed", f->least, f->most);
    if (end == value || *end || errno || n < f->least || n > f->most)
        return refuse(err, f->key, value, wants);
    *field = (int)n;
    return 0;
}

static int set_choice(int *field, const struct field *f, const char *value, struct error *err)
{
    char wants[120] = "";
    int i = choice_of(f->choices, value);
    for (int n = 0; f->choices[n]; n++) {
        size_t len = strlen(wants);
        snprintf(wants + len, sizeof wants - len, "%s%s",
                 n == 0              ? ""
                 : f->choices[n + 1] ? ", "
                                     : " or ",
                 f->choices[n]);
    }
    size_t len = strlen(wants);
    snprintf(wants + len, sizeof wants - len, " is needed");
    if (i < 0)
        return refuse(err, f->key, value, wants);
    *field = i;
    return 0;
}

int look_set(struct render_look *look, const char *key, const char *value, struct error *err)
{
    for (const struct field *f = fields; f < fields + COUNT(fields); f++) {
        void *at = (char *)look + f->offset;
        if (strcmp(f->key, key) != 0)
            continue;
        switch (f->kind) {
        case NUMBER:
            return set_number(at, f, value, err);
        case CHOICE:
            return set_choice(at, f, value, err);
        case VIEWS:
            return set_views(at, value, err);
        case LINE_ENDS:
            if (strcmp(value, "lf") != 0 && strcmp(value, "crlf") != 0)
                return refuse(err, key, value, "lf or crlf is needed");
            *(bool *)at = value[0] == 'c';
            return 0;
        case YES:
        case NO: {
            int on = switch_of(value);
            if (on < 0)
                return refuse(err, key, value, "yes or no is needed");
            *(bool *)at = (on == 1) == (f->kind == YES);
            return 0;
        }
        }
    }
    return -ENOENT;
}

void look_take(struct render_look *to, const struct render_look *from, const char *key)
{
    for (const struct field *f = fields; f < fields + COUNT(fields); f++) {
        bool is_switch = f->kind == YES || f->kind == NO || f->kind == LINE_ENDS;
        if (strcmp(f->key, key) == 0)
            memcpy((char *)to + f->offset, (const char *)from + f->offset,
                   is_switch ? sizeof(bool) : sizeof(int));
    }
}

/* ---- names ---- */

static void names_clear(struct look_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i].text);
    free(names->items);
    *names = (struct look_names){0};
}

int look_name(struct look_names *names, int number, const char *text)
{
    size_t i = 0;
    while (i < names->count && names->items[i].number < number)
        i++;
    bool known = i < names->count && names->items[i].number == number;
    if (!text || !*text) {
        if (!known)
            return 0;
        free(names->items[i].text);
        memmove(names->items + i, names->items + i + 1, (names->count - i - 1) * sizeof *names->items);
        names->count--;
        return 0;
    }
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    if (known) {
        free(names->items[i].text);
        names->items[i].text = copy;
        return 0;
    }
    struct look_name *more = realloc(names->items, (names->count + 1) * sizeof *more);
    if (!more) {
        free(copy);
        return -ENOMEM;
    }
    memmove(more + i + 1, more + i, (names->count - i) * sizeof *more);
    more[i] = (struct look_name){number, copy};
    names->items = more;
    names->count++;
    return 0;
}

const char *look_find_name(const struct look_names *names, int number)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->items[i].number == number)
            return names->items[i].text;
    return NULL;
}

static int names_copy(struct look_names *to, const struct look_names *from)
{
    int rc = 0;
    *to = (struct look_names){0};
    for (size_t i = 0; i < from->count && rc == 0; i++)
        rc = look_name(to, from->items[i].number, from->items[i].text);
    return rc;
}

int look_copy(struct render_look *to, const struct render_look *from)
{
    *to = *from;
    to->channel_names = (struct look_names){0};
    int rc = names_copy(&to->speaker_names, &from->speaker_names);
    if (rc == 0)
        rc = names_copy(&to->channel_names, &from->channel_names);
    if (rc != 0)
        look_clear(to);
    return rc;
}

void look_clear(struct render_look *look)
{
    names_clear(&look->speaker_names);
    names_clear(&look->channel_names);
    *look = (struct render_look){0};
}

/* ---- JSON ---- */

static void put_key(struct buffer *out, const char *key, bool *any)
{
    buffer_printf(out, "%s\"%s\":", *any ? "," : "", key);
    *any = true;
}

static void put_names(struct buffer *out, const char *key, const struct look_names *names, bool *any)
{
    if (!names->count)
        return;
    put_key(out, key, any);
    for (size_t i = 0; i < names->count; i++) {
        buffer_printf(out, "%s\"%d\":", i ? "," : "{", names->items[i].number);
        json_out_string(out, names->items[i].text);
    }
    buffer_puts(out, "}");
}

int look_to_json(const struct render_look *look, struct buffer *out)
{
    bool any = false;
    buffer_puts(out, "{");
    for (const struct field *f = fields; f < fields + COUNT(fields); f++) {
        const void *at = (const char *)look + f->offset;
        bool is_switch = f->kind == YES || f->kind == NO || f->kind == LINE_ENDS;
        int value = f->kind == VIEWS ? 0 : is_switch ? *(const bool *)at : *(const int *)at;
        if (!value)
            continue;
        put_key(out, f->key, &any);
        buffer_printf(out, "%d", value);
    }
    put_names(out, "speakers", &look->speaker_names, &any);
    put_names(out, "channels", &look->channel_names, &any);
    buffer_puts(out, "}");
    return buffer_error(out);
}

static int get_names(const cJSON *object, struct look_names *names)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        char *end;
        long number = strtol(item->string, &end, 10);
        if (*end || end == item->string || number < 0 || number > 100000 || !cJSON_IsString(item))
            return -EINVAL;
        int rc = look_name(names, (int)number, item->valuestring);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int look_from_json(const char *json, size_t len, struct render_look *out)
{
    *out = (struct render_look){0};
    cJSON *root = cJSON_ParseWithLength(json, len);
    int rc = cJSON_IsObject(root) ? 0 : -EINVAL;
    for (const struct field *f = fields; f < fields + COUNT(fields) && rc == 0; f++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, f->key);
        void *at = (char *)out + f->offset;
        if (!item || f->kind == VIEWS)
            continue;
        int n = 0;
        while (f->kind == CHOICE && f->choices[n])
            n++;
        int most = f->kind == NUMBER ? f->most : f->kind == CHOICE ? n - 1 : 1;
        if (!cJSON_IsNumber(item) || item->valueint < 0 || item->valueint > most)
            rc = -EINVAL;
        else if (f->kind == NUMBER || f->kind == CHOICE)
            *(int *)at = item->valueint;
        else
            *(bool *)at = item->valueint != 0;
    }
    if (rc == 0)
        rc = get_names(cJSON_GetObjectItemCaseSensitive(root, "speakers"), &out->speaker_names);
    if (rc == 0)
        rc = get_names(cJSON_GetObjectItemCaseSensitive(root, "channels"), &out->channel_names);
    cJSON_Delete(root);
    return rc;
}
