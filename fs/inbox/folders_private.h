/* The table of settings files, for the files it is spread over. Locks: see folders.c. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <uthash.h>

#include "fs/inbox/folders.h"
#include "fs/inbox/names.h"

struct remembered;

/* What holds somewhere; whoever looks at it keeps it. */
struct shared {
    struct folder_settings settings; /* first */
    atomic_uint users;
};

/* A directory with a settings file, or with mistakes in another file; and the inbox itself, always. */
struct known {
    char *path;
    const char *name; /* of the settings file: one of the two; NULL: there is none */
    struct store_stat file;
    int64_t missed_ms;      /* monotonic: since when it is not there any more; 0: it is */
    struct folder_file own; /* the lines in force */
    bool unsure, unsettled;
    struct folder_mistakes mistakes;
    struct note *notes;
    struct shared *holds;
    UT_hash_handle hh;
};

struct note {
    char name[NAME_SIZE];
    struct folder_mistakes mistakes;
    struct note *next;
};

struct folders {
    struct folders_config config;
    struct folder_settings top;
    pthread_mutex_t reading, lock;
    struct remembered *remembered; /* under reading */
    struct known *known, *inbox;
};

/* With f->lock held: the directory's entry, or NULL; made where it is missing (NULL: no memory); forgotten where nothing
 * is in it any more. */
struct known *folders_find(struct folders *f, const char *path);
struct known *folders_known(struct folders *f, const char *path);
void folders_tidy(struct folders *f, struct known *k);
/* Says mistakes, or that they are mended, in the log. No lock held. */
void folders_tell(struct folders *f, const char *path, const char *name, const struct folder_mistakes *mistakes,
                  bool unsure);
