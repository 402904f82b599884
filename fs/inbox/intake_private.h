/* What intake.c, reading.c and compare.c share. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include <uthash.h>

#include "fs/inbox/intake.h"
#include "fs/inbox/store.h"

struct loop_timer;

/* A file that is being read, or that came by another way than the mount. */
struct noted {
    struct file_id id;
    unsigned readings; /* under way */
    bool outside; /* seen in the store itself: it must be as it is here when it is read, and without a writer
                   */
    int64_t size, mtime_ns; /* of an outside one */
    UT_hash_handle hh;
};

struct intake {
    struct intake_config config;
    pthread_mutex_t lock;
    struct settle *settle;
    struct noted *noted;            /* under lock */
    bool rearm_posted;              /* under lock: the loop has been told to look at the timer */
    unsigned long long moved_aside; /* under lock: directories so far */
    struct loop_timer *timer;
    struct loop_timer *later; /* for what could not be read, or could get no job */
    atomic_int stopping;
    /* Held for reading while the mount changes a name and tells of it; for writing while the store is
     * compared. */
    pthread_rwlock_t names;
    /* Changes under way, in two turns: new ones are counted in that of now, so that the end of those before
     * can be waited for without holding up anybody. */
    struct {
        pthread_mutex_t lock;
        pthread_cond_t over;
        unsigned now, changes[2];
    } turns;
    atomic_bool scan_queued; /* of everything, and not begun */
    atomic_bool scanned;     /* once */
    atomic_bool scan_failed; /* the last one, which was said */
};

/* Could this name be a recording's? */
bool intake_is_recording(const struct place *place);
/* Something happened to a file of this name. True if it is one whose content says something about recordings: settings of a folder,
 * names of speakers. */
bool intake_heeds(struct intake *in, const struct place *place);
/* A regular file that intake was not told of has this name. Call it with in->names held for writing, as the
 * next. */
void intake_found(struct intake *in, const struct place *place, const struct store_stat *st);
/* The content of a known file may have changed in the store itself: it is read again when it is quiet.
 * `certain`: until then it has no views. */
void intake_changed(struct intake *in, const struct store_stat *st, bool certain);
/* Waits until the changes of names that are under way now are told. Blocks nobody. */
void intake_catch_up(struct intake *in);
/* Is it being read now? Is it going to be? */
bool intake_is_reading(struct intake *in, struct file_id id);
bool intake_is_pending(struct intake *in, struct file_id id);

/* ---- reading.c ---- */
/* With in->lock held: what is noted of a file, or NULL; forgotten where nothing is to be remembered any more; a file that came by
 * another way than the mount is as it is now. */
struct noted *intake_noted_find(struct intake *in, struct file_id id);
void intake_noted_tidy(struct intake *in, struct noted *n);
void intake_note_outside(struct intake *in, struct file_id id, const struct recording_stat *st);
/* Without in->lock: it is read once more when it is quiet. */
void intake_settle_once_more(struct intake *in, struct file_id id);
/* Without in->lock: the loop looks when something is due. */
void intake_wake_loop(struct intake *in);
/* On the loop, by its timers: begins what is due; tries again what could not be read. */
void intake_look(void *arg);
void intake_try_again(void *arg);

/* compare.c: a file is not where the library has it. Looks at all of its names, on the pool. */
void compare_recording(struct intake *in, struct file_id id);
