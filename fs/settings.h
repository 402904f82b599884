/* The settings of scribefs as one table: key, section of the file, kind and limits of each, for the command
 * line and the settings file alike; and how a value gets into the options and out again. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"

struct options;

/* What a value may be, and of what type its field in struct options is. */
enum setting_kind {
    SETTING_TEXT,    /* char *, not empty */
    SETTING_PATH,    /* char *; a relative path is made absolute */
    SETTING_SECRET,  /* char *, not empty; in the settings file only */
    SETTING_INTEGER, /* int */
    SETTING_LONG,    /* int64_t */
    SETTING_SECONDS, /* double */
    SETTING_SWITCH,  /* bool */
    SETTING_CHOICE,  /* an enum of the size of int */
    SETTING_LOOK,    /* a key of cache/render/look.h; in struct render_look */
};

/* The values of an enum, in its order. */
struct setting_choice {
    const char *const *names; /* ends with NULL */
    const char *wants;        /* "a or b is needed" */
};

struct setting {
    const char *section, *key;
    enum setting_kind kind;
    size_t offset;                       /* of its field in struct options */
    int64_t least, most;                 /* INTEGER, LONG, SECONDS: both are allowed */
    const char *help;                    /* NULL: told in scribefs.conf(5) only */
    const struct setting_choice *choice; /* CHOICE */
};

#define SETTINGS_MOST 128 /* rows a table may have */
extern const struct setting settings_table[];
extern const size_t settings_count;

/* Some settings of the table, by their place in it. */
struct settings_set {
    uint64_t bits[SETTINGS_MOST / 64];
};
void settings_set_add(struct settings_set *set, const struct setting *s);
bool settings_set_has(const struct settings_set *set, const struct setting *s);

/* As on the command line, where the settings of the cloud and of status texts carry their section: "workers", "dashscope.model".
 * NULL: unknown. */
const struct setting *settings_find_option(const char *option, size_t len);
/* As in the settings file. */
const struct setting *settings_find_key(const char *section, const char *key);

/* Sets one field. `where` begins the message ("file:12: " or ""). 0, or negative errno and *err
 * ("config.value"). */
int setting_set(struct options *o, const struct setting *s, const char *value, const char *where,
                struct error *err);
/* The error of a value that is not what the setting wants: -EINVAL. */
int setting_refuse(const struct setting *s, const char *where, const char *value, const char *wants,
                   struct error *err);
/* Moves the value of *from to *to; a text is *from's no longer. */
void setting_move(const struct setting *s, struct options *to, struct options *from);
/* Frees what the setting holds. */
void setting_clear(const struct setting *s, struct options *o);
/* Replaces *field by a copy of value. 0 or -ENOMEM and *err. */
int setting_copy_text(char **field, const char *value, struct error *err);
