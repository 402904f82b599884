/* One setting: its value from text into the options, moved, freed. */
#include "fs/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/options.h"

static bool is_text(const struct setting *s)
{
    return s->kind == SETTING_TEXT || s->kind == SETTING_PATH || s->kind == SETTING_SECRET;
}

int setting_copy_text(char **field, const char *value, struct error *err)
{
    char *copy = strdup(value);
    if (!copy)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "config.memory", "out of memory");
    free(*field);
    *field = copy;
    return 0;
}

int setting_refuse(const struct setting *s, const char *where, const char *value, const char *wants,
                   struct error *err)
{
    return error_set(err, ERROR_PERSON, EINVAL, "config.value", "%s%s=%s: %s", where, s->key, value, wants);
}

static bool in_list(const char *const *names, const char *value, int *place)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], value) == 0) {
            *place = i;
            return true;
        }
    return false;
}

static bool parse_switch(const char *value, bool *on)
{
    static const char *const names[] = {"no", "yes", "off", "on", "false", "true", "0", "1", NULL};
    int place = 0;
    bool known = in_list(names, value, &place);
    *on = place % 2 != 0;
    return known;
}

/* The daemon leaves its directory: a relative path is taken from here. */
static int set_path(char **field, const char *value, struct error *err)
{
    cleanup_free char *here = *value == '/' ? NULL : getcwd(NULL, 0);
    cleanup_free char *path = NULL;
    if (here && asprintf(&path, "%s/%s", here, value) < 0)
        path = NULL;
    return setting_copy_text(field, path ? path : value, err);
}

int setting_set(struct options *o, const struct setting *s, const char *value, const char *where,
                struct error *err)
{
    void *field = (char *)o + s->offset;
    char *end = NULL, wants[80];
    snprintf(wants, sizeof wants, "a number from %" PRId64 " to %" PRId64 " is needed", s->least, s->most);
    switch (s->kind) {
    case SETTING_TEXT:
    case SETTING_SECRET:
        return *value ? setting_copy_text(field, value, err)
                      : setting_refuse(s, where, value, "a value is needed", err);
    case SETTING_PATH:
        return *value ? set_path(field, value, err)
                      : setting_refuse(s, where, value, "a path is needed", err);
    case SETTING_INTEGER:
    case SETTING_LONG: {
        errno = 0;
        long long n = strtoll(value, &end, 10);
        if (end == value || *end || errno || n < s->least || n > s->most)
            return setting_refuse(s, where, value, wants, err);
        if (s->kind == SETTING_LONG)
            *(int64_t *)field = n;
        else
            *(int *)field = (int)n;
        return 0;
    }
    case SETTING_SECONDS: {
        double n = strtod(value, &end);
        if (end == value || *end || !(n >= s->least && n <= s->most))
            return setting_refuse(s, where, value, wants, err);
        *(double *)field = n;
        return 0;
    }
    case SETTING_SWITCH:
        return parse_switch(value, field) ? 0 : setting_refuse(s, where, value, "yes or no is needed", err);
    case SETTING_CHOICE: {
        int choice = 0;
        if (!in_list(s->choice->names, value, &choice))
            return setting_refuse(s, where, value, s->choice->wants, err);
        *(int *)field = choice;
        return 0;
    }
    case SETTING_LOOK: {
        struct error refused = {0};
        if (look_set(field, s->key, value, &refused) == 0)
            return 0;
        return error_set(err, ERROR_PERSON, EINVAL, "config.value", "%s%s", where, refused.detail);
    }
    }
    return 0;
}

void setting_move(const struct setting *s, struct options *to, struct options *from)
{
    void *mine = (char *)to + s->offset, *theirs = (char *)from + s->offset;
    switch (s->kind) {
    case SETTING_TEXT:
    case SETTING_PATH:
    case SETTING_SECRET:
        free(*(char **)mine);
        *(char **)mine = steal_ptr(*(char **)theirs);
        break;
    case SETTING_INTEGER:
    case SETTING_CHOICE:
        *(int *)mine = *(int *)theirs;
        break;
    case SETTING_LONG:
        *(int64_t *)mine = *(int64_t *)theirs;
        break;
    case SETTING_SECONDS:
        *(double *)mine = *(double *)theirs;
        break;
    case SETTING_SWITCH:
        *(bool *)mine = *(bool *)theirs;
        break;
    case SETTING_LOOK:
        look_take(mine, theirs, s->key);
        break;
    }
}

void setting_clear(const struct setting *s, struct options *o)
{
    if (is_text(s))
        free(*(char **)((char *)o + s->offset));
}
