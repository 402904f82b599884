/* Settings of a folder: parsed, and put over those of the folders above. */
#include "fs/inbox/folder.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/inbox/user_text.h"
#include "fs/inbox/wording.h"
#include "fs/settings.h"

enum { NAME_MOST = 100 /* bytes of a speaker's name */, NUMBER_MOST = 100 };

bool folder_is_settings_file(const char *name)
{
    return strcmp(name, FOLDER_FILE) == 0 || strcmp(name, FOLDER_FILE_PLAIN) == 0;
}

/* ---- mistakes ---- */

int folder_mistake_add(struct folder_mistakes *mistakes, int line, const char *format, ...)
{
    struct folder_mistake *more = realloc(mistakes->items, (mistakes->count + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    mistakes->items = more;
    struct folder_mistake *m = &more[mistakes->count++];
    m->line = line;
    va_list args;
    va_start(args, format);
    vsnprintf(m->reason, sizeof m->reason, format, args);
    va_end(args);
    return 0;
}

void folder_mistakes_clear(struct folder_mistakes *mistakes)
{
    free(mistakes->items);
    *mistakes = (struct folder_mistakes){0};
}

void folder_describe_mistakes(const struct wording *w, const char *file_name, const struct folder_mistakes *mistakes,
                              bool held, struct buffer *out)
{
    buffer_printf(out, say(w, "%s has a mistake:"), file_name);
    buffer_puts(out, "\n\n");
    for (size_t i = 0; i < mistakes->count; i++) {
        const struct folder_mistake *m = &mistakes->items[i];
        buffer_puts(out, "  ");
        if (m->line)
            buffer_printf(out, say(w, "line %d: %s"), m->line, m->reason);
        else
            buffer_puts(out, m->reason);
        buffer_puts(out, "\n");
    }
    buffer_puts(out, "\n");
    buffer_printf(out, say(w, "What to do: correct %s with any text editor and save it. This file then goes away by itself."),
                  file_name);
    buffer_printf(out, "\n%s\n",
                  say(w, held ? SAID("Until then nothing in this folder and those below it is sent to a service.")
                         : mistakes->rest_counts ? SAID("Until then everything else in it counts.")
                                                 : SAID("Until then the settings from before the mistake are in force.")));
}

/* ---- what a line means ---- */

static const char *const backend_names[] = {[BACKEND_AUTO] = "auto",
                                            [BACKEND_LOCAL] = "local",
                                            [BACKEND_DASHSCOPE] = "dashscope",
                                            [BACKEND_OPENAI] = "openai"};

static int refuse(struct error *err, const char *key, const char *value, const char *wants)
{
    error_set(err, ERROR_PERSON, EINVAL, "config.value", "%s=%s: %s", key, value, wants);
    return -EINVAL;
}

static int set_backend(struct folder_settings *s, const char *value, struct error *err)
{
    for (size_t i = 0; i < sizeof backend_names / sizeof *backend_names; i++)
        if (strcmp(backend_names[i], value) == 0) {
            s->backend = (enum backend_choice)i;
            s->local = s->apart = s->backend == BACKEND_LOCAL;
            return 0;
        }
    return refuse(err, "backend", value, "auto, local, dashscope or openai is needed");
}

static int set_switch(bool *on, bool opposite, const char *key, const char *value, struct error *err)
{
    static const char *const names[] = {"no", "yes", "off", "on", "false", "true", "0", "1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], value) == 0) {
            *on = (i % 2 != 0) != opposite;
            return 0;
        }
    return refuse(err, key, value, "yes or no is needed");
}

static int set_number(int *field, const char *key, const char *value, int least, int most, struct error *err)
{
    char *end, wants[80];
    errno = 0;
    long n = strtol(value, &end, 10);
    snprintf(wants, sizeof wants, "a number from %d to %d is needed", least, most);
    if (end == value || *end || errno || n < least || n > most)
        return refuse(err, key, value, wants);
    *field = (int)n;
    return 0;
}

static int set_name(struct look_names *names, const char *key, const char *value, struct error *err)
{
    int number;
    if (set_number(&number, key, key, 1, NUMBER_MOST, NULL) != 0)
        return refuse(err, key, value, "a number from 1 to 100 is needed before the =");
    if (strlen(value) > NAME_MOST)
        return refuse(err, key, "…", "a name has at most 100 bytes");
    return look_name(names, number - 1, value);
}

static int set_recognition(struct folder_settings *s, struct backend_overrides *of, unsigned readers,
                           const char *key, const char *value, struct error *err)
{
    struct backend_overrides one = {0};
    int rc = override_set(&one, key, value, readers, err);
    if (rc == 0 && of == &s->any) {
        /* Said here for all, it holds against what was said for one of them further up. */
        override_mask(&s->local_only, &one);
        override_mask(&s->dashscope, &one);
        override_mask(&s->openai, &one);
    }
    if (rc == 0)
        rc = override_merge(of, &one);
    override_clear(&one);
    return rc;
}

/* 0, -ENOENT when there is no such setting here, -EINVAL and *err, or -ENOMEM. */
static int set(struct folder_settings *s, const char *section, const char *key, const char *value,
               struct error *err)
{
    bool any = !*section, jobs = strcmp(section, "jobs") == 0;
    if ((any || jobs) && strcmp(key, "backend") == 0)
        return set_backend(s, value, err);
    if ((any || jobs) && strcmp(key, "priority") == 0)
        return set_number(&s->priority, key, value, -100, 100, err);
    if ((any || jobs) && limits_known(key))
        return limits_lower(&s->limits, key, value, err);
    if ((any || strcmp(section, "inbox") == 0) && strcmp(key, "skip") == 0)
        return set_switch(&s->skip, false, key, value, err);
    if ((any && strcmp(key, "status_files") == 0) ||
        (strcmp(section, "status") == 0 && strcmp(key, "files") == 0))
        return set_switch(&s->no_status, true, key, value, err);
    if (any)
        return set_recognition(s, &s->any, READ_ANY, key, value, err);
    if (strcmp(section, "local") == 0)
        return set_recognition(s, &s->local_only, READ_LOCAL, key, value, err);
    if (strcmp(section, "dashscope") == 0)
        return set_recognition(s, &s->dashscope, READ_DASHSCOPE, key, value, err);
    if (strcmp(section, "openai") == 0)
        return set_recognition(s, &s->openai, READ_OPENAI, key, value, err);
    int rc = strcmp(section, "views") == 0      ? look_set(&s->look, key, value, err)
             : strcmp(section, "speakers") == 0 ? set_name(&s->look.speaker_names, key, value, err)
             : strcmp(section, "channels") == 0 ? set_name(&s->look.channel_names, key, value, err)
                                                : -ENOENT;
    s->look_said |= rc == 0;
    return rc;
}

/* ---- a file ---- */

void folder_file_clear(struct folder_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->lines[i].section);
        free(file->lines[i].key);
        free(file->lines[i].value);
    }
    free(file->lines);
    *file = (struct folder_file){0};
}

static int keep(struct folder_file *file, const char *section, const char *key, const char *value)
{
    struct folder_line *more = realloc(file->lines, (file->count + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    file->lines = more;
    struct folder_line *line = &more[file->count++];
    *line = (struct folder_line){strdup(section), strdup(key), strdup(value)};
    return line->section && line->key && line->value ? 0 : -ENOMEM;
}

static bool is_section(const char *name)
{
    static const char *const known[] = {"jobs",  "inbox",  "local",    "dashscope", "openai",
                                        "views", "status", "speakers", "channels"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], name) == 0)
            return true;
    return false;
}

static bool is_section_of_the_store(const char *name)
{
    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_table[i].section, name) == 0)
            return true;
    return false;
}

/* Why there is no such setting here. */
static int unknown(struct folder_mistakes *mistakes, int line, const char *section, const char *key)
{
    bool in_views = false;
    for (size_t i = 0; look_key(i); i++)
        in_views |= strcmp(look_key(i), key) == 0;
    if (settings_find_key(section, key))
        return folder_mistake_add(
            mistakes, line, "\"%s\" is the administrator's to set, in the scribefs.conf of the store", key);
    if (!*section && in_views)
        return folder_mistake_add(mistakes, line, "\"%s\" belongs below a line [views]", key);
    if (*section && override_known(key))
        return folder_mistake_add(mistakes, line, "[%s] has no setting \"%s\"", section, key);
    return folder_mistake_add(mistakes, line, "there is no setting \"%s\"%s%s%s", key,
                              *section ? " in [" : "", section, *section ? "]" : "");
}

/* A comment goes from ";" after white space to the end, as in scribefs.conf. */
static void cut_comment(char *text)
{
    for (char *p = text; *p; p++)
        if (*p == ';' && p > text && (p[-1] == ' ' || p[-1] == '\t')) {
            *p = '\0';
            break;
        }
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        text[--n] = '\0';
}

struct parsing {
    struct folder_file *file;
    struct folder_mistakes *mistakes;
    struct folder_settings scratch;
    char *section;
    bool section_wrong;
    int line;
};

static int on_section(struct parsing *p, char *text)
{
    char *end = strchr(text, ']');
    if (!end) {
        p->section_wrong = true;
        return folder_mistake_add(p->mistakes, p->line, "a ] is missing at the end of this line");
    }
    *end = '\0';
    free(p->section);
    p->section = strdup(text + 1);
    if (!p->section)
        return -ENOMEM;
    p->section_wrong = !is_section(p->section);
    if (!p->section_wrong)
        return 0;
    return is_section_of_the_store(p->section)
               ? folder_mistake_add(p->mistakes, p->line,
                                    "[%s] is the administrator's to set, in the scribefs.conf of the store",
                                    p->section)
               : folder_mistake_add(p->mistakes, p->line, "there is no section [%s]", p->section);
}

static int on_line(struct parsing *p, char *text)
{
    if (!*text || *text == '#' || *text == ';')
        return 0;
    if (*text == '[')
        return on_section(p, text);
    if (p->section_wrong)
        return 0; /* said once */
    size_t n = strcspn(text, "=:");
    if (!text[n] || n == 0)
        return folder_mistake_add(p->mistakes, p->line, "this is neither [section] nor key = value");
    char *value = text + n + 1 + strspn(text + n + 1, " \t");
    text[n] = '\0';
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        text[--n] = '\0';
    cut_comment(value);
    struct error err = {0};
    int rc = set(&p->scratch, p->section, text, value, &err);
    if (rc == -ENOENT)
        return unknown(p->mistakes, p->line, p->section, text);
    if (rc == -EINVAL)
        return folder_mistake_add(p->mistakes, p->line, "%s", err.detail);
    return rc ? rc : keep(p->file, p->section, text, value);
}

int folder_parse(const char *data, size_t len, struct folder_file *file, struct folder_mistakes *mistakes)
{
    *file = (struct folder_file){0};
    *mistakes = (struct folder_mistakes){0};
    cleanup_free char *text = NULL;
    int rc = user_text(data, len, &text);
    if (rc == -EILSEQ)
        return folder_mistake_add(mistakes, 0, "this is not a text file");
    struct parsing p = {.file = file, .mistakes = mistakes, .section = strdup("")};
    char *rest = text, *line;
    if (rc == 0 && !p.section)
        rc = -ENOMEM;
    while (rc == 0 && (line = user_text_line(&rest))) {
        p.line++;
        rc = on_line(&p, line);
    }
    folder_settings_clear(&p.scratch);
    free(p.section);
    return rc;
}

/* ---- what holds in a folder ---- */

int folder_settings_copy(struct folder_settings *to, const struct folder_settings *from)
{
    *to = *from;
    to->any = to->local_only = to->dashscope = to->openai = (struct backend_overrides){0};
    int rc = look_copy(&to->look, &from->look);
    rc = rc ? rc : override_merge(&to->any, &from->any);
    rc = rc ? rc : override_merge(&to->local_only, &from->local_only);
    rc = rc ? rc : override_merge(&to->dashscope, &from->dashscope);
    rc = rc ? rc : override_merge(&to->openai, &from->openai);
    if (rc != 0)
        folder_settings_clear(to);
    return rc;
}

void folder_settings_clear(struct folder_settings *s)
{
    override_clear(&s->any);
    override_clear(&s->local_only);
    override_clear(&s->dashscope);
    override_clear(&s->openai);
    look_clear(&s->look);
    *s = (struct folder_settings){0};
}

int folder_settings_apply(struct folder_settings *s, const struct folder_file *file)
{
    struct error err;
    for (size_t i = 0; i < file->count; i++)
        if (set(s, file->lines[i].section, file->lines[i].key, file->lines[i].value, &err) == -ENOMEM)
            return -ENOMEM;
    return 0;
}

int folder_wishes(const struct folder_settings *s, enum backend_choice backend, struct backend_overrides *out)
{
    const struct backend_overrides *own = backend == BACKEND_LOCAL       ? &s->local_only
                                          : backend == BACKEND_DASHSCOPE ? &s->dashscope
                                                                         : &s->openai;
    *out = (struct backend_overrides){0};
    int rc = override_merge(out, &s->any);
    return rc ? rc : override_merge(out, own);
}
