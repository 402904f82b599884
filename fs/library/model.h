/* The library's tables: folders, links, recordings, jobs. Private to fs/library/.
 *
 *   folder --< link >-- recording >-- job        (a link is one name of a recording; a job serves all
 * recordings of one content)
 *
 * A link whose recording has gone stays as a ghost until its last view has been withdrawn: it keeps the names
 * of the views. Everything here is used with library->lock held. Lock order: library->lock is innermost; only
 * index_*() and the hooks are called under it. */
#pragma once

#include <pthread.h>

#include <uthash.h>

#include "cache/index.h"
#include "cache/render/look.h"
#include "cache/results.h"
#include "cache/views.h"
#include "fs/library.h"

/* For how long the views of a recording that has gone are still found by name. "rm talk.*" and file managers
 * delete them one by one after the recording, and would report an error. */
#define GONE_GRACE_MS 1000

enum view_state {
    VIEW_ABSENT = 0,
    VIEW_PENDING, /* wanted, waiting for its announcement */
    VIEW_VISIBLE,
    VIEW_GOING, /* not wanted any more, waiting for its announcement */
};

/* A view of a link that is or was there. */
struct shown {
    enum view_format format;
    enum view_state state;
    bool queued;       /* an announcement of it is in a queue */
    bool touch;        /* visible, and its content has changed */
    bool none;         /* it cannot be made of the result of that job */
    uint32_t revision; /* the link's when it was rendered */
    struct digest job; /* whose content is shown */
    struct digest key; /* of the rendered view (cache/views.h); not of a status text */
    off_t size;        /* of a rendered view */
    struct timespec mtime;
};

/* How views look: one for all that look the same. Counted, with the lock held. */
struct shared_look {
    struct render_look look;
    char *json;   /* its canonical form */
    char *key;    /* that and what is listed: what it is found by */
    unsigned users;
    UT_hash_handle hh;
};

/* Values are stored: never renumber. */
enum told_state { TOLD_UNKNOWN = -1, TOLD_NOTHING = 0, TOLD_DONE = 1, TOLD_FAILED = 2 };

struct link {
    struct folder *folder;
    struct recording *recording; /* NULL: a ghost */
    struct file_id last;         /* the recording it has, or had */
    struct link *next;           /* of the same recording */
    char *name;
    char *base;
    uint32_t hidden; /* whiteouts, for the content hidden_for */
    bool hidden_digested;
    struct digest hidden_for;
    int queued; /* announcements that point here */
    struct shown *views; /* those that are or were there, in no order */
    unsigned view_count;
    struct shared_look *look; /* NULL: library->look */
    uint32_t revision;        /* counts what its views are made of: look, name, time of the recording */
    int64_t look_ms, named_ms; /* as in struct index_link */
    enum told_state told;      /* of the job told_for */
    struct digest told_for;
    bool to_render; /* in library->to_render */
    struct link *render_prev, *render_next;
    struct name_policy policy;
    UT_hash_handle by_name; /* in the folder */
    UT_hash_handle by_base;
};

enum { NOTE_KINDS = 2 };

struct folder {
    int64_t id;
    int64_t linger_ms; /* monotonic: until then the views of recordings that have gone are found by name */
    struct file_id fid;
    char *path;
    struct link *names;
    struct link *bases;
    struct note {
        struct link *link; /* or NULL */
        char *text;
        bool wanted; /* one that is wanted and absent was deleted by somebody */
    } notes[NOTE_KINDS]; /* its own texts (notes.c), by note_kind() */
    UT_hash_handle by_id;
    UT_hash_handle by_path;
};

/* An earlier result of a recording. */
struct version {
    struct digest key;
    bool there;           /* in the cache */
    struct timespec made; /* if it is there */
    char *settings;       /* frozen settings of its job, or NULL */
};

struct recording {
    struct file_id id;
    struct recording_stat stat;
    int64_t recorded_ns; /* its time when this content was first met, which views tell: a touch makes no other views */
    uint64_t changes; /* how often its content changed */
    bool empty;       /* looked at, and nothing is in it */
    bool digested;
    struct digest digest;
    struct job *job; /* NULL until it has been digested */
    struct job *next_job; /* it is transcribed again: what takes the place of `job` once it is done; or NULL */
    struct version *versions;
    unsigned version_count;
    struct link *links;
    int64_t arrived_ms; /* wall clock */
    struct recording *job_next, *await_next;
    bool skipped; /* looked at, and nothing is to be made of it; `stat` is what it was like */
    struct content *content; /* while it is digested */
    struct recording *content_next;
    UT_hash_handle hh;
};

/* All recordings with the same bytes in them, whatever their jobs. */
struct content {
    struct digest digest;
    struct recording *recordings;
    UT_hash_handle hh;
};

/* What the attempts at a job cost; parts of a long recording are attempts of their own. */
struct job_costs {
    struct backend_charge *charges; /* without the model */
    size_t count;
};

struct job {
    struct digest key, digest;
    char *settings, *backend, *checkpoint;
    char *partial; /* text recognised so far, or NULL */
    enum job_state state;
    bool claimed; /* the runner has it */
    bool spoiled; /* claimed, and the recording that is read is changing, but others still want the job */
    bool urgent;  /* somebody asked for it: not held back with the others of its backend */
    struct file_id reading; /* claimed: the recording that is read */
    bool unwanted;          /* claimed, and to be handed out by library_next_cancelled() */
    bool stopped;           /* claimed, and to be handed out as well: somebody cancelled it */
    bool withheld;          /* queued, but not to be claimed: `most` is not sent before somebody confirms it */
    bool unreadable;        /* stands for a content that could not be read: not stored, not run */
    int attempts;
    int64_t not_before_ms;
    struct error error;
    enum backend_stage stage;
    int64_t done, total, duration_ms;
    int64_t created_ms, started_ms, finished_ms, status_ms; /* wall clock */
    struct timespec made; /* mtime of the result */
    struct job_costs costs;
    struct backend_charge most; /* withheld: the most that can be billed; without the model */
    struct recording *recordings;
    struct recording *awaiting; /* those of which it is the next_job */
    struct job *prev, *next; /* in the queue: by priority, then oldest first */
    int priority;            /* in the queue */
    int position;            /* in the queue, if library->queue_numbered */
    UT_hash_handle hh;
};

struct announcement_entry {
    struct link *link;
    enum view_format format;
    int64_t due_ms; /* monotonic */
    struct announcement_entry *prev, *next;
};

/* Jobs of this backend whose recordings are in this folder, and that were not begun, wait until then. */
struct hold {
    char backend[16];
    char *folder;              /* "": all */
    int64_t from_ms, until_ms; /* wall clock */
    struct error error;        /* why */
    struct hold *next;
};

struct library {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* monotonic clock: something to announce */
    struct index *index;
    struct results *results;
    struct views *views;
    uint64_t device;
    struct library_hooks hooks;
    const struct wording *wording; /* of the status texts */
    struct status_rule *status_rules; /* by path; empty: they are shown everywhere */
    struct folder *folders_by_id, *folders_by_path;
    struct recording *recordings;
    struct content *contents;
    struct job *jobs;
    struct job *queue; /* by priority, and within one the oldest first */
    struct job *queue_last[2 * PRIORITY_MOST + 1]; /* of each priority; NULL: none waits */
    struct orphan *orphans;
    struct aside *aside;
    struct announcement_entry *ready, *later; /* later: views that are going, in order of time */
    struct shared_look *looks, *look;         /* all; the one of links that have none of their own */
    uint32_t revisions; /* the newest of a link */
    struct link *to_render;                   /* links whose views are to be made (again), in order */
    int64_t next_folder_id;
    bool announcing, stopping;
    bool queue_numbered; /* the positions of the jobs in the queue are right */
    bool some_unwanted;  /* a hint: a claimed job may be unwanted */
    struct hold *holds;
    double speed;        /* seconds of work per second of audio, 0: not known */
};

int64_t wall_ms(void);
int64_t mono_ms(void);

#define LIBRARY_LOCK(lib)                                                                                    \
    __attribute__((cleanup(library_unlockp))) struct library *_locked = library_lock(lib);                   \
    (void)_locked
struct library *library_lock(struct library *lib);
void library_unlockp(struct library **lib);

/* ---- tables (model.c: folders, links; contents.c: recordings, jobs) ---- */
/* Device numbers change over a reboot: the inbox's own is stored as 0. */
uint64_t stored_device(const struct library *lib, uint64_t dev);

struct folder *folder_by_id(struct library *lib, struct file_id id);
struct folder *folder_by_path(struct library *lib, const char *path);
/* Finds or makes the folder at this path with this identity, whichever of the two is known. */
struct folder *folder_at(struct library *lib, struct file_id id, const char *path);
/* Forgets its recordings; the directory is no longer at its path. While views of it are still to be
 * withdrawn, it is kept at a path that cannot exist. */
void folder_forget(struct library *lib, struct folder *folder);
/* Forgets the folder if it holds nothing. */
void folder_tidy(struct library *lib, struct folder *folder);
void folder_set_path(struct library *lib, struct folder *folder, char *path); /* takes path */

struct link *link_by_name(struct folder *folder, const char *name);
struct link *link_by_base(struct folder *folder, const char *base);
/* The link and format that a name stands for, of the views that are there; NULL if of none. */
struct link *link_of_view(struct folder *folder, const char *view, enum view_format *format);
/* NULL if it never was there. */
struct shown *shown_find(const struct link *link, enum view_format format);
/* The same, made if need be; NULL: out of memory. Moves what shown_find() and this returned before. */
struct shown *shown_get(struct link *link, enum view_format format);
/* What its views are made of is not what it was. */
static inline void link_revise(struct library *lib, struct link *link)
{
    link->revision = ++lib->revisions;
}
struct link *link_new(struct library *lib, struct folder *folder, const char *name, const char *base);
void link_set_base(struct link *link, char *base); /* takes base */
void link_free(struct library *lib, struct link *link); /* it is in no table any more */
void link_attach(struct link *link, struct recording *recording);
/* Makes it a ghost. The recording is forgotten with its last name. */
void link_detach(struct library *lib, struct link *link);
/* Frees a ghost that shows nothing and that no announcement points to, and then its folder. */
void link_tidy(struct library *lib, struct link *link);
void link_store(struct library *lib, const struct link *link);

struct recording *recording_find(struct library *lib, struct file_id id);
void recording_free(struct library *lib, struct recording *recording); /* its last name is gone */
struct recording *recording_get(struct library *lib, struct file_id id);
void recording_set_job(struct library *lib, struct recording *recording,
                       struct job *job); /* job may be NULL */
/* It is transcribed again by that job (NULL: no longer). */
void recording_set_next(struct library *lib, struct recording *recording, struct job *job);
/* The job of status texts: the one that is under way. */
static inline struct job *recording_status_job(const struct recording *r)
{
    return r->next_job ? r->next_job : r->job;
}
/* ---- earlier results (versions.c) ---- */
/* The job is done: it takes the place of the one before, for all that await it. */
void job_adopt(struct library *lib, struct job *job);
void versions_clear(struct recording *recording);
/* At the start. 0 or -ENOMEM. */
int versions_load(struct library *lib, struct recording *recording, const struct index_recording *stored);
/* At the start, when all jobs are known. */
void versions_settle(struct library *lib, struct recording *recording);
/* Its content is not known (any more): it leaves its job, and its views go. */
void recording_unread(struct library *lib, struct recording *recording);
void recording_store(struct library *lib, const struct recording *recording);
char *link_path(const struct link *link);

struct job *job_find(struct library *lib, const struct digest *key);
struct job *job_new(struct library *lib, const struct digest *key, const struct digest *digest,
                    const char *backend, const char *settings);
void job_enqueue(struct library *lib, struct job *job);
void job_enqueue_first(struct library *lib, struct job *job);
void job_dequeue(struct library *lib, struct job *job);
/* How many jobs are before it. */
int queue_position(struct library *lib, const struct job *job);
void job_free(struct library *lib, struct job *job);
/* It will never go on: forgets it, but not what its checkpoint names. Frees it. */
void job_abandon(struct library *lib, struct job *job);
void job_store(struct library *lib, const struct job *job);
/* Says that its result is shown, or not any more. */
void job_tell_result(struct library *lib, const struct job *job, bool shown);
/* The time of its result, by stat: false if there is none. A damaged one is dropped. */
bool job_stat_result(struct library *lib, const struct digest *key, struct timespec *made);

/* The claimed job of this key; NULL if it was cancelled. */
struct job *job_claimed(struct library *lib, const struct digest *key);
/* What every end of a claim has in common. Returns false if nobody wants the job any more, or somebody cancelled it; then
 * it is gone, or at its end. */
bool job_unclaim(struct library *lib, struct job *job);
/* Nobody runs it (any more), and nobody shall until it is asked for again: a failure that says so. */
void job_end_cancelled(struct library *lib, struct job *job);

/* Nothing waits for longer between two attempts (fs/jobs/retry.c: 40 minutes at most). */
#define LONGEST_WAIT_MS (60 * 60 * 1000)
/* Whether what is not to be tried before that time (wall clock; INT64_MAX: not by this daemon) may be tried now. A
 * time further away than anything ever waits was set before the clock was put back. */
bool time_has_come(int64_t not_before_ms, int64_t now_ms);

/* ---- what they cost (charges.c) ---- */
void job_learn_charge(struct job *job, const struct backend_charge *charge); /* forgotten without memory */
void job_costs(const struct job *job, struct spent_item *out);
/* Why it waits, of several the one that lasts longest; NULL: it does not. */
const struct hold *job_hold(const struct library *lib, const struct job *job, int64_t now_ms);
int64_t holds_end(const struct library *lib, int64_t now_ms); /* when the first of them ends; 0: there is none */
void holds_free(struct library *lib);

/* ---- what the settings of folders say (policy.c) ---- */
/* Keeps lib->contents in line with r->digested and r->digest: call it after every change of these. */
void content_update(struct library *lib, struct recording *r);
/* The recording is going. */
void content_leave(struct library *lib, struct recording *r);
void contents_free(struct library *lib);
/* Neither this recording nor another with this content may leave the machine. `r` may be NULL. */
bool content_stays_here(struct library *lib, const struct recording *r, const struct digest *digest);
/* One of its own names says so. */
bool recording_stays_here(const struct recording *r);
/* Its content stays here from now on: withdraws every job that would send it, or is about to. */
void content_withdraw(struct library *lib, struct recording *r);
/* The job would send what has to stay here. */
bool job_is_forbidden(struct library *lib, const struct job *job);
/* It is not wanted with these settings any more: its recordings are read again. The job is gone afterwards, or cancelled. */
void job_withdraw(struct library *lib, struct job *job);
/* The highest that any name of its recordings has. */
int job_priority(const struct job *job);
/* Its place in the queue, if it is there, may be another now. */
void job_reprioritise(struct library *lib, struct job *job);

/* ---- what abandoned jobs have left elsewhere (orphans.c) ---- */
void orphan_add(struct library *lib, const char *backend, const char *checkpoint);
/* True if the row is an orphan's, not a job's. */
bool orphan_load(struct library *lib, const struct index_job *stored);
void orphans_free(struct library *lib);

/* ---- whiteouts of what was moved away (aside.c) ---- */
void whiteouts_put_aside(struct library *lib, const struct link *link);          /* before its recording leaves it */
void whiteouts_bring_back(struct library *lib, const struct recording *recording); /* its content is known */
void aside_free(struct library *lib);

/* ---- what should be visible (views.c) ---- */
/* Brings the views of these closer to what they should be, by announcements. */
void link_reconcile(struct library *lib, struct link *link);
void recording_reconcile(struct library *lib, struct recording *recording);
void job_reconcile(struct library *lib, struct job *job);
bool view_hidden(const struct link *link, enum view_format format);
/* The recording has a result of which the format can be made, and the view was not deleted. */
bool view_possible(const struct link *link, enum view_format format);
/* It should be there for all to see: possible and listed, or what a status text tells is so. */
bool view_wanted(const struct library *lib, const struct link *link, enum view_format format);
bool link_shows_status(const struct library *lib, const struct link *link); /* texts of what waits, runs, failed */
/* Sets view->version of what else is in it. */
void view_set_version(struct view *view);
/* A rendered view is (still) what the link asks for. */
bool view_is_current(const struct link *link, const struct shown *v);
/* It is rendered: shows it, as far as that is (still) wanted. size -1: it cannot be made of this result. */
void view_rendered(struct library *lib, struct link *link, enum view_format format, const struct digest *key,
                   off_t size);

/* It is wanted, and can be shown. `other`: it is another text than before. */
void view_show(struct library *lib, struct link *link, struct shown *v, bool other);
/* It was wanted and is not any more. */
void view_withdraw(struct library *lib, struct link *link, struct shown *v);

/* ---- what a folder itself says (notes.c) ---- */
/* The folder's text of that name, if it is there; NULL. */
struct link *note_at(const struct folder *folder, const char *name, enum view_format *format);
bool folder_has_notes(const struct folder *folder);
bool link_is_note(const struct link *link);
/* 0, -ENOMEM, or -ESTALE when there is another text. */
int note_open(struct library *lib, const struct view *view, struct view_content *out);
void notes_withdraw(struct library *lib, struct folder *folder);
/* Frees those that nobody wants or sees, and then their folder. */
void notes_tidy(struct library *lib, struct folder *folder);
void notes_clear(struct library *lib, struct folder *folder); /* at the end */

/* ---- how they look (looks.c) ---- */
const struct shared_look *link_look(const struct library *lib, const struct link *link);
/* Formats the link's folder lists: bit n = format n; those that can be made. */
uint32_t link_listed(const struct library *lib, const struct link *link);
/* NULL is fine. */
struct shared_look *look_ref(struct shared_look *look);
/* One that looks so, with a reference; NULL: out of memory. */
struct shared_look *look_share(struct library *lib, const struct render_look *look);
void look_unref(struct library *lib, struct shared_look *look);
/* What its views are made of has changed; the time is that of the change. */
void link_look_changed(struct library *lib, struct link *link);
void link_name_changed(struct library *lib, struct link *link);
/* Of all that is in force for its views: struct index_link.stamp. */
int64_t link_stamp(const struct library *lib, const struct link *link);
/* At the start: of what is stored. 0 or -ENOMEM. */
int link_load_look(struct library *lib, struct link *link, const struct index_link *stored);
void looks_free(struct library *lib);

/* ---- rendering (render.c) ---- */
/* The link, the format and the number of the version (0: the current one) that an unlisted view's name stands for, or
 * NULL. A name that a link lists, or listed
 * before it was deleted, is no other's. */
struct link *link_of_unlisted(struct library *lib, struct folder *folder, const char *name,
                              enum view_format *format, unsigned *number);
int library_open_rendered(struct library *lib, const struct view *view, struct view_content *out);
/* The views of this link are to be made in the background. */
void link_to_render(struct library *lib, struct link *link);
/* Its views that are to be made (again): bit n = format n. */
uint32_t link_missing(const struct library *lib, const struct link *link);
void link_not_to_render(struct library *lib, struct link *link);
/* At the start: shows at once what is ready in the cache. Waits for the disk. */
void link_show_ready(struct library *lib, struct link *link);
struct timespec view_mtime(const struct link *link, enum view_format format);

/* ---- where status texts are shown (status_files.c) ---- */
bool status_files_shown(const struct library *lib, const char *path);
/* A folder was renamed. */
void status_rules_move(struct library *lib, const char *from, const char *to);
void status_rules_free(struct library *lib);
/* ---- what was told of it (told.c) ---- */
/* After every change of the state of its job or of its views. */
void link_tell(struct library *lib, struct link *link);
/* What an earlier daemon did not come to. */
void links_tell(struct library *lib);

/* ---- for people (items.c) ---- */
enum item_state item_state_of(enum job_state state);
int item_fill(struct library *lib, const struct link *link, struct item *item); /* 0 or -ENOMEM */
