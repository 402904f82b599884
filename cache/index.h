/* The job index: what survives a restart (SQLite, WAL, state/index.db).
 *
 * It is read once, at start, and written by one thread. The writing functions copy their arguments, never
 * block and never fail: the writer thread puts all that has queued up into one transaction, and while the
 * disk is full or the file locked it keeps trying, in order (index_trouble() says so). Names and paths are
 * bytes, not text.
 *
 * Everything but settings, names chosen, hidden views, history, charges, days and what was confirmed can be rebuilt from the store, so an index
 * that is corrupt is moved aside and a new one begun. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "backend/base/error.h"
#include "cache/digest.h"

struct index;

/* A directory below the inbox that holds recordings. */
struct index_directory {
    int64_t id;       /* chosen by the caller, > 0 */
    const char *path; /* relative to the inbox, "" for the inbox itself; bytes, NUL-terminated */
    uint64_t dev, ino;
};

/* One file, whatever its names. */
struct index_recording {
    uint64_t dev, ino;
    int64_t birth_ns;                 /* statx birth time; 0 when the filesystem has none */
    int64_t size, mtime_ns, ctime_ns; /* when it was digested */
    int64_t recorded_ns;              /* its mtime when this content was first met */
    bool digested;                    /* digest and job are valid */
    struct digest digest;
    struct digest job; /* key of its job */
    bool rerun;        /* another job is to replace it: */
    struct digest next;
    const struct digest *versions; /* keys of the jobs whose results it had before, the first one first */
    size_t version_count;
};

/* One name of a recording. */
struct index_link {
    int64_t directory;
    const char *name;
    uint64_t dev, ino;
    const char *base; /* the stem its views are named by: "talk", or "talk.mp3" where "talk" was taken */
    uint32_t hidden;  /* whiteouts: bit n = the view of format n was deleted … */
    bool hidden_digested;
    struct digest hidden_for; /* … of the content with this digest; valid if hidden_digested */
    /* How its views look. */
    const char *look;             /* canonical JSON (cache/render/look.h); NULL: as the daemon's settings say */
    uint32_t listed;              /* with look: its render_look.listed */
    int64_t stamp;                /* of all that was in force when its views were made last: another one now makes them
                                     anew; 0: not known */
    int64_t look_ms, named_ms;    /* wall clock: when the look, or the name or time of the recording, changed its views
                                     last; 0: not since the result was made */
    /* What those outside were told of it last: a number of the caller's, 0 nothing; negative: not known. */
    int told;
    struct digest told_for; /* … of the job with this key */
};

/* Values are stored: never renumber. */
enum job_state {
    JOB_QUEUED = 1,
    JOB_RUNNING = 2, /* found at start: it was interrupted */
    JOB_DONE = 3,
    JOB_FAILED = 4,
};

struct index_job {
    struct digest key;
    struct digest digest;
    const char *settings; /* frozen settings */
    const char *backend;
    enum job_state state;
    int attempts;
    int64_t not_before_ms;                       /* wall clock, 0: at once */
    struct error error;                          /* class ERROR_NONE when there is none */
    const char *checkpoint;                      /* or NULL */
    int64_t duration_ms;                         /* of the audio; 0 when not known yet */
    int64_t created_ms, started_ms, finished_ms; /* wall clock; 0 when it has not happened */
};

/* What an attempt at a job cost at a service that is paid. It stays when the job is dropped. */
struct index_charge {
    struct digest job;
    int64_t at_ms; /* wall clock; with the job the key of the row */
    enum charge_kind kind;
    const char *model;
    int64_t billed_ms;    /* audio */
    int64_t cost_micro;   /* millionths of the currency */
    const char *currency; /* ISO 4217, or "" where the price is not known */
    const char *folder;   /* bytes: where the recording was that was sent, relative to the inbox */
};

/* What was done on a local day (backend/base/day.h). It stays when recordings and jobs go. */
struct index_day {
    int day; /* 20261122; the key of the row */
    int64_t done, failed;
    int64_t audio_ms; /* of those that are done */
};

/* A line of history. */
struct index_event {
    struct digest job;
    int64_t at_ms; /* wall clock */
    const char *event, *detail;
};

/* Something that somebody outside is still to be told (fs/hooks). */
struct index_delivery {
    const char *id;   /* unique, ASCII */
    const char *to;   /* whom: a word of the caller's */
    const char *body; /* what: UTF-8 */
    int attempts;
    int64_t created_ms, not_before_ms; /* wall clock */
};

/* Opens or creates. An older schema is migrated; a corrupt file is moved aside to index.db.corrupt-TIME (path
 * in *moved, if moved is not NULL and there was one; the caller frees it) and a new one is begun. A file of a
 * newer version is refused with code "index.newer". */
int index_open(const char *path, struct index **out, char **moved, struct error *err);
/* Writes all that is queued (gives up after about `wait_ms` of failing), then closes. Returns 0, or -EAGAIN
 * if something was not written; calls that waited for it to be durable are not made. NULL is fine. */
int index_close(struct index *ix, int wait_ms);

/* Read everything, at the start before the first write; what was written is in it once it is durable. The callback's pointers are valid during the call; non-zero stops
 * and is returned. It may queue writes, but not read. Otherwise 0 or negative errno: after -EUCLEAN (damage
 * that opening did not see) close the index and open it again, and a new one is begun. */
int index_load_directories(struct index *ix, int (*fn)(void *arg, const struct index_directory *d),
                           void *arg);
int index_load_recordings(struct index *ix, int (*fn)(void *arg, const struct index_recording *r), void *arg);
int index_load_links(struct index *ix, int (*fn)(void *arg, const struct index_link *l), void *arg);
int index_load_jobs(struct index *ix, int (*fn)(void *arg, const struct index_job *j), void *arg);
int index_load_charges(struct index *ix, int (*fn)(void *arg, const struct index_charge *c),
                       void *arg); /* those of a job in the order of time */
int index_load_deliveries(struct index *ix, int (*fn)(void *arg, const struct index_delivery *d),
                          void *arg); /* the oldest first */

/* The last 100,000 lines or so, the oldest first. */
int index_load_history(struct index *ix, int (*fn)(void *arg, const struct index_event *e), void *arg);
int index_load_confirmed(struct index *ix, int (*fn)(void *arg, const struct digest *content), void *arg);
int index_load_days(struct index *ix, int (*fn)(void *arg, const struct index_day *d), void *arg); /* oldest first */

/* Queue a write: insert or replace. */
void index_put_directory(struct index *ix, const struct index_directory *d);
void index_put_recording(struct index *ix, const struct index_recording *r);
void index_put_link(struct index *ix, const struct index_link *l);
void index_put_job(struct index *ix, const struct index_job *j);
void index_put_charge(struct index *ix, const struct index_charge *c);
void index_put_day(struct index *ix, const struct index_day *d);
void index_put_delivery(struct index *ix, const struct index_delivery *d);
/* A content may be sent to paid services: nobody asks for it again (fs/jobs/drops.h). */
void index_put_confirmed(struct index *ix, const struct digest *content);
/* Queue a removal; what is not there is fine. */
void index_drop_directory(struct index *ix, int64_t id); /* with its links */
void index_drop_recording(struct index *ix, uint64_t dev, uint64_t ino);
void index_drop_link(struct index *ix, int64_t directory, const char *name);
void index_drop_job(struct index *ix, const struct digest *key);
void index_drop_charge(struct index *ix, const struct digest *job, int64_t at_ms);
void index_drop_delivery(struct index *ix, const char *id);
/* Queue: the directory `from` and all below it are now at `to`. Neither is the inbox itself. */
void index_move_directories(struct index *ix, const char *from, const char *to);
/* Queue a line of history: event such as "done", "failed", "retried". */
void index_history(struct index *ix, const struct digest *job, const char *event, const char *detail);

/* fn(arg) runs on the writer thread once everything queued before this call is durable. */
void index_when_durable(struct index *ix, void (*fn)(void *arg), void *arg);
/* True while writes fail; then *err (may be NULL) says why: "index.full", "index.locked", "index.write";
 * "index.corrupt" lasts until the next start, which begins a new index; and so does "index.refused": one
 * change could not be written at all and was left out. Any thread. */
bool index_trouble(struct index *ix, struct error *err);
/* fn(context, trouble) runs on the writer thread when writes begin to fail, and with NULL when they succeed
 * again. */
void index_when_trouble(struct index *ix, void (*fn)(void *context, const struct error *trouble), void *context);
/* Median seconds of processing per second of audio over the last finished jobs of this backend, or 0 when
 * there is no history. Reads only; any thread; used for "expected end". */
double index_speed(struct index *ix, const char *backend);
