/* Which settings hold in which folder of the inbox: the files are read, kept up with, and inherited
 * downwards.
 *
 * The last good settings of each file are remembered in the state directory, and stay in force while the file
 * has a mistake, also over a restart. A folder whose file has mistakes and never was right is "unsure":
 * nothing of it is sent anywhere. */
#pragma once

#include "fs/inbox/folder.h"
#include "fs/inbox/store.h"

struct folders;

struct folders_config {
    int inbox_fd;                      /* stays the caller's */
    int state_fd;                      /* the same */
    uint64_t device;                   /* of the inbox */
    const struct folder_settings *top; /* what holds above the inbox: copied */
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

/* 0 or negative errno. */
int folders_new(const struct folders_config *config, struct folders **out);
void folders_free(struct folders *f);

/* What holds in a directory, as far as its files have been looked at. Any thread, never waits for a disk.
 * Give it back with folders_put(). Never NULL. */
const struct folder_settings *folders_get(struct folders *f, const char *path);
void folders_put(const struct folder_settings *settings);

/* Looks at the files of this directory and of all above it. *changed is the topmost one where something else
 * holds now, or other mistakes are told (malloc'ed, NULL: nowhere). True: a file was just written; look again
 * after FOLDERS_QUIET_MS. For threads that may wait for a disk. */
#define FOLDERS_QUIET_MS 300
bool folders_look(struct folders *f, const char *path, char **changed);
/* The same for every file that was just written when it was looked at. */
bool folders_look_again(struct folders *f, void (*changed)(void *context, const char *path), void *context);

/* A directory was renamed, or is gone with all below it. Never waits for a disk. */
void folders_moved(struct folders *f, const char *from, const char *to);
/* The directory whose settings file this is, malloc'ed, or NULL. Never waits for a disk. */
char *folders_of_file(struct folders *f, struct file_id id);

/* Mistakes in another file of a directory (names of speakers) are told with those of its settings: `mistakes`
 * are copied, NULL or none of them: it is in order. Returns whether anything has changed by that. */
bool folders_note(struct folders *f, const char *path, const char *name,
                  const struct folder_mistakes *mistakes);

/* The files with mistakes at or below `path`, one by one, without any lock held; for scribectl check. 0 or
 * -ENOMEM. */
struct folders_mistake {
    const char *path; /* of the directory */
    const char *name; /* of the file */
    bool held;        /* nothing is sent meanwhile */
    const struct folder_mistakes *mistakes;
};
int folders_each_mistake(struct folders *f, const char *path,
                         void (*fn)(void *context, const struct folders_mistake *mistake), void *context);
