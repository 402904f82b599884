/* Settings of a folder: what its settings file says, mistakes in it, and what then holds in the folder when
 * those above it are taken into account. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/overrides.h"
#include "cache/render/look.h"
#include "fs/inbox/limits.h"
#include "fs/options.h"

struct buffer;
struct wording;

/* Both are accepted; where both are, the first one counts. (Many programs on a share do not show names that
 * begin with a dot.) */
#define FOLDER_FILE ".scribefs.conf"
#define FOLDER_FILE_PLAIN "scribefs.conf"
bool folder_is_settings_file(const char *name);

/* ---- a file ---- */

/* One line of it. */
struct folder_line {
    char *section, *key, *value;
};
struct folder_file {
    struct folder_line *lines;
    size_t count;
};
struct folder_mistake {
    int line;         /* counted from 1; 0: of the whole file */
    char reason[300]; /* a sentence for people, without a full stop */
};
struct folder_mistakes {
    struct folder_mistake *items;
    size_t count;
    bool rest_counts; /* what is right in the file is in force all the same */
};

/* Reads the bytes of a settings file. 0, also with mistakes in it: all of them are in *mistakes and *file has
 * the lines that are right; or -ENOMEM. Both are filled anew; clear them in any case. */
int folder_parse(const char *data, size_t len, struct folder_file *file, struct folder_mistakes *mistakes);
void folder_file_clear(struct folder_file *file);
/* 0 or -ENOMEM. */
int folder_mistake_add(struct folder_mistakes *mistakes, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void folder_mistakes_clear(struct folder_mistakes *mistakes);

/* ---- what holds in a folder ---- */

struct folder_settings {
    enum backend_choice backend;
    bool local;        /* somebody wants that: nothing here leaves the machine */
    bool apart;        /* a folder itself says so: nobody elsewhere is told of it either */
    bool unsure;       /* its file has mistakes and never was right: nothing is sent until it is */
    char mistake[240]; /* the first one, while it is unsure: for people */
    bool unsettled;    /* its file has just been written: no job is made before it has been read */
    bool skip;         /* nothing is transcribed */
    bool no_status;    /* neither talk.transcribing.txt nor talk.FAILED.txt */
    int priority;      /* -100 to 100; higher first */
    struct limits limits; /* of spending, for all that is here and below */
    /* For whoever transcribes, and, over that, for one of them. */
    struct backend_overrides any, local_only, dashscope, openai;
    struct render_look look;
    bool look_said; /* some folder says something about that, or about names */
};

/* A deep copy into *to (overwritten, not freed). 0 or -ENOMEM. */
int folder_settings_copy(struct folder_settings *to, const struct folder_settings *from);
void folder_settings_clear(struct folder_settings *settings);
/* What the file says comes over *settings, which hold in the folder above. 0 or -ENOMEM. */
int folder_settings_apply(struct folder_settings *settings, const struct folder_file *file);
/* What is asked of this recogniser: *out is filled anew. 0 or -ENOMEM. */
int folder_wishes(const struct folder_settings *settings, enum backend_choice backend,
                  struct backend_overrides *out);

/* What is wrong with one file, what to do, and what is in force meanwhile, for people, in their language (NULL: English; the
 * reasons are English). `held`: nothing is sent; else the rest of the file if it counts, or the settings before the
 * mistake. */
void folder_describe_mistakes(const struct wording *w, const char *file_name, const struct folder_mistakes *mistakes,
                              bool held, struct buffer *out);
