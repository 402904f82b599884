/* Brings what the library knows of recordings in line with the settings of their folders and with the names
 * people give their speakers (talk.speakers.txt), whenever one of these files appears, changes, moves or
 * goes.
 *
 * The names in talk.speakers.txt are remembered for the recording: when it is renamed they stay, until there
 * is such a file under its new name; when the file is deleted they go.
 *
 * A mistake in one of these files is told in its folder (settings_error.h). */
#pragma once

#include <stdbool.h>

#include "fs/inbox/folders.h"
#include "fs/library.h"

struct apply;
struct loop;
struct pool;
struct wording;

struct apply_config {
    int inbox_fd, state_fd; /* stay the caller's */
    uint64_t device;        /* of the inbox */
    struct library *library;
    struct folders *folders;
    struct loop *loop;
    struct pool *pool;
    const struct wording *wording; /* of what is told in the folders; NULL: English */
    void (*changed)(void *context); /* something else holds in some folder; any thread */
    void *context;
};

int apply_new(const struct apply_config *config, struct apply **out); /* 0 or negative errno */
/* Nothing begins any more; before pool_stop(). NULL is fine for this and the next. */
void apply_stop(struct apply *a);
void apply_free(struct apply *a);

/* Before anything else runs: what holds in every folder that is known. Waits for the disk. */
void apply_begin(struct apply *a);

/* ---- for threads that may wait for a disk ---- */

/* The files of this directory and those above it are looked at, and what has changed is applied. */
void apply_look(struct apply *a, const char *path);
/* All directories at and below `path`, also the names of speakers. */
void apply_everything(struct apply *a, const char *path);
/* What holds for this recording, under each of its names. */
void apply_recording(struct apply *a, struct file_id id);

/* ---- at once: what has to wait for a disk is done later ---- */

/* Something happened to a file of that name. False: it is neither a settings file nor one with names. */
bool apply_file(struct apply *a, const struct place *place);
/* A file was closed after writing: it may be one of these. */
void apply_released(struct apply *a, struct file_id id);
/* A recording has got this name. `known`: it had another before, and may not be read again. */
void apply_named(struct apply *a, const struct place *place, bool known);
void apply_directory_moved(struct apply *a, const char *from, const char *to);
