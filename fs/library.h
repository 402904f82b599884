/* The library: what a directory shows. It joins recordings (inode, names), jobs and results, and knows of
 * every view whether it should be there and whether it has been announced. Everything is in memory; changes
 * are queued to the index.
 *
 * Any thread. One lock inside, never held across a system call that could wait; no function of other parts is
 * called under it except index_*() (which only queue) and the hooks, which must not call back into the
 * library.
 *
 * Directories are named by their file_id and their path relative to the inbox ("" is the inbox itself). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "backend/backend.h"
#include "cache/digest.h"
#include "fs/inbox/file_id.h"
#include "fs/inbox/names.h"
#include "fs/inbox/status.h"

struct library;
struct recording_stat;
struct index;
struct render_look;
struct wording;
struct results;
struct views;

struct library_hooks {
    /* A directory entry that the kernel may have cached is no longer right. Queue it; do not call the kernel
     * here. */
    void (*invalidate)(void *context, struct file_id directory, const char *name);
    /* Something that scribectl wait or status would show has changed. Called often: coalesce. */
    void (*changed)(void *context);
    /* A job was queued, or a claimed one is no longer wanted: the runner should look. */
    void (*work)(void *context);
    /* The content of this recording should be read again (a retry after it could not be read). */
    void (*reread)(void *context, struct file_id id);
    /* There are views to make: have library_render() called. Called often: coalesce. */
    void (*render)(void *context);
    /* A result is shown by a recording (again), or by none any more. Queue it. */
    void (*result)(void *context, const struct digest *job, bool shown);
    /* A transcript of a recording is there, or could not be made, and everything that shows it can be seen: said once for each
     * name and each job. Copy what you need. */
    void (*told)(void *context, const struct item *item);
    /* Somebody deleted CONFIRM_NAME in this folder. Queue it. */
    void (*confirm)(void *context, const char *path);
    void *context;
};

/* `device` is the inbox's st_dev: it is stored as 0, since device numbers change over a reboot. 0 or -ENOMEM.
 */
int library_new(struct index *index, struct results *results, struct views *views, uint64_t device,
                struct library **out);
void library_free(struct library *lib);
/* Before the mount is up. */
void library_set_hooks(struct library *lib, const struct library_hooks *hooks);
/* The language of the status texts (NULL: English); outlives the library. Before the mount is up. */
void library_set_wording(struct library *lib, const struct wording *wording);
/* Whether talk.transcribing.txt and talk.FAILED.txt are shown in a folder and below it, as far as no folder in between has
 * its own rule: "" is the whole inbox, where the rule is to show them unless another was set. Not stored: set before
 * library_load() what is known then. 0 or -ENOMEM. */
enum status_files { STATUS_FILES_AS_ABOVE, STATUS_FILES_SHOWN, STATUS_FILES_NONE };
int library_set_status_files(struct library *lib, const char *path, enum status_files files);
/* Reads the index. Views of finished jobs that are ready in the cache are visible at once, without an announcement;
 * the others are made first (library_render). library_set_default_look() comes before. */
int library_load(struct library *lib);

/* ---- Views, for the mount
 * ------------------------------------------------------------------------------------------ */

/* A view, copied out. Its owner, group and mode are those of the recording, which is in the same directory; of
 * SETTINGS_ERROR_NAME, `recording` is the settings file it tells of. */
struct view {
    struct file_id recording;
    char recording_name[NAME_SIZE];
    enum view_format format;
    struct digest job;     /* whose result or status it shows */
    struct digest key;     /* of the rendered view (cache/views.h); not of a status text */
    bool unlisted;         /* found by name only: no listing shows it */
    unsigned number;       /* of an earlier version, such as talk.v1.txt; 0: the current one */
    uint64_t version;      /* differs whenever the content or the time may differ */
    off_t size;            /* exact */
    struct timespec mtime; /* when the content was made, or looked another way for the last time */
};

/* What is read through an open view: one of the two. */
struct view_content {
    int fd;     /* an immutable file of the cache, whose first `size` bytes are the view; or -1 */
    char *text; /* malloc'ed, if fd is -1 */
    size_t size;
};

/* Is this name a view here? 0 or -ENOENT. Views that only the announcer may see (not announced yet, or about
 * to go) are found only for it; a view whose recording has just gone is still found by everybody for a
 * second, so that "rm talk.*" works. */
int library_find_view(struct library *lib, struct file_id directory, const char *name, bool for_announcer,
                      struct view *out);
/* The same for a view that no listing shows: any format of a finished recording opens by its name. It is made here
 * and now if need be (processor and disk, for milliseconds). 0 or -ENOENT. */
int library_find_unlisted(struct library *lib, struct file_id directory, const char *name, struct view *out);
/* One or the other, as everybody sees them. */
int library_find_any_view(struct library *lib, struct file_id directory, const char *name, struct view *out);
struct view_entry {
    char name[NAME_SIZE];
    struct file_id recording;
    enum view_format format;
};
/* The views a listing shows; *entries is malloc'ed. 0 or -ENOMEM. Real files of the same name win: the caller
 * leaves those out. */
int library_list_views(struct library *lib, struct file_id directory, struct view_entry **entries,
                       size_t *count);
/* 0 or negative errno: -EUCLEAN when the result is damaged (it is then made again), -ESTALE when that version of the
 * view is no longer to be had. What is missing in the cache is made here and now. */
int library_open_view(struct library *lib, const struct view *view, struct view_content *out);
/* A user deleted it (or moved it away, or a real file took its place for good): whiteout. Deleting a FAILED
 * text retries the job, unless a program did it that makes this folder like another (`by_mirror`): it would do so again and
 * again, and each time might cost; the text then stays away until the job is tried again. The same goes for CONFIRM_NAME,
 * which tells library_hooks.confirm. 0 or -ENOENT. */
int library_hide_view(struct library *lib, struct file_id directory, const char *name, bool by_mirror);
/* Owner, mode or ACL of this file changed: if it is a recording, the kernel is told to look at its views again. */
void library_rights_changed(struct library *lib, struct file_id id);

/* ---- What a folder itself says
 * ---------------------------------------------------------------------------------------------------------- */

/* The text of SETTINGS_ERROR_NAME or CONFIRM_NAME in a directory. It is a view like a status text, with owner, mode and ACL of a file in the
 * same directory, or of the directory itself ("."). */
struct folder_note {
    struct file_id directory;
    const char *path;       /* of the directory */
    struct file_id file;    /* whose rights it has, */
    const char *file_name;  /* in that directory */
    struct timespec mtime;
    const char *text;
};
/* All texts of one kind at `path` and below: others go. One that was deleted comes back when it says something else. Not
 * stored: said again at each start. A directory that is known at another path is left out. 0 or -ENOMEM. */
int library_set_notes(struct library *lib, enum view_format kind, const char *path, const struct folder_note *notes,
                      size_t count);

/* ---- How views look, and that they are made
 * ---------------------------------------------------------------------------------------- */

/* Of recordings for which nothing else is set: NULL is the look of cache/render/look.h without settings. Stored are
 * only the effects on each view's time, so it is to be said at every start, before library_load(). 0 or -ENOMEM. */
int library_set_default_look(struct library *lib, const struct render_look *look);
/* Of the views of one recording under one name; NULL: as the default. Copied, and stored with the name. What changes
 * is rendered anew in the background, and announced. Follows a rename; another file of that name begins without.
 * 0, -ENOENT or -ENOMEM. */
int library_set_look(struct library *lib, struct file_id directory, const char *name,
                     const struct render_look *look);
/* Makes what views of one recording are missing (library_hooks.render); takes as long as that. 1: call it again,
 * there may be more; 0: there is nothing more; negative errno: it cannot be done now (a full disk), call it again
 * later. */
int library_render(struct library *lib);
/* Removes views from the cache that nobody lists or used lately. Returns how many. May take long. */
size_t library_prune_views(struct library *lib);
/* The result of this job is damaged: it is dropped, and what shows it is transcribed again. */
void library_result_lost(struct library *lib, const struct digest *key);

/* ---- Announcements
 * -------------------------------------------------------------------------------------------------- */

enum announcement_kind { ANNOUNCE_CREATE, ANNOUNCE_DELETE, ANNOUNCE_TOUCH };
struct announcement {
    enum announcement_kind kind;
    char *path; /* relative to the inbox; owned by the receiver */
    struct file_id directory;
    char name[NAME_SIZE];
};
/* Waits for the next thing to announce. False when library_stop_announcing() was called. */
bool library_next_announcement(struct library *lib, struct announcement *out);
/* The announcer could not do it (or did): with result != 0 and the view still pending it becomes visible
 * without an event. */
void library_announced(struct library *lib, const struct announcement *a, int result);
/* No announcer (any more): views appear and vanish without events, by the invalidate hook. */
void library_set_announcing(struct library *lib, bool on);
void library_stop_announcing(struct library *lib);
/* The announcer's CREATE of this name arrived: is it still wanted? 0 and *out: it is visible from now on; or
 * -ENOENT. */
int library_confirm_view(struct library *lib, struct file_id directory, const char *name, struct view *out);
/* The announcer's UNLINK arrived: 0, and it is gone for everybody; or -ENOENT when it is wanted again. */
int library_withdraw_view(struct library *lib, struct file_id directory, const char *name);

/* ---- Recordings, for intake
 * ----------------------------------------------------------------------------------------- */

/* Where a name is. */
struct place {
    struct file_id directory;
    const char *path; /* of the directory */
    const char *name;
};

/* A recording has this name now (any earlier meaning of the name is forgotten). The stem of its views is
 * chosen here: `taken(context, name)` says whether a real file of that name is in the directory; it is called
 * without the lock held. 0 or -ENOMEM. */
int library_add_name(struct library *lib, const struct place *place, struct file_id id,
                     bool (*taken)(void *context, const char *name), void *context);
/* The recording's name moved: whiteouts follow it. As library_add_name() when `from` is not known. */
int library_rename(struct library *lib, const struct place *from, const struct place *to, struct file_id id,
                   bool (*taken)(void *context, const char *name), void *context);
/* The name no longer belongs to a recording. A job nobody needs any more is cancelled. */
void library_remove_name(struct library *lib, struct file_id directory, const char *name);
#define PRIORITY_MOST 100
/* What the settings of its folder say about a recording under one name; not stored. */
struct name_policy {
    bool known;     /* false: as library_set_status_files() says */
    bool local;     /* nothing of it leaves the machine, nor of any other recording with the same content */
    bool apart;     /* nobody elsewhere is told of it either (library_is_apart) */
    bool skip;      /* nothing is made of it (unless another of its names is elsewhere) */
    bool no_status; /* without status texts */
    int priority;   /* of its job: higher first; -PRIORITY_MOST to PRIORITY_MOST */
};
/* Takes effect at once: a job that may not go on is withdrawn and its recordings are read again. An unknown name is nothing. */
void library_set_policy(struct library *lib, struct file_id directory, const char *name,
                        const struct name_policy *policy);
/* The recording at this path, or one with the same content, is in a folder of which nobody elsewhere may hear. */
bool library_is_apart(struct library *lib, const char *path);
/* Every one of its names is in a folder where nothing is transcribed. */
bool library_is_skipped(struct library *lib, struct file_id id);
/* It was looked at, and nothing is made of it because of that. */
void library_set_skipped(struct library *lib, struct file_id id, const struct recording_stat *st);
/* The settings have changed: if no job could be made of it because of them, it is read again. */
void library_reconsider(struct library *lib, struct file_id directory, const char *name);
/* The directories with known recordings at or below a path; *list is malloc'ed, free it with known_directories_free(). 0 or
 * -ENOMEM. */
struct known_directory {
    struct file_id id;
    char *path;
};
int library_directories(struct library *lib, const char *path, struct known_directory **list, size_t *count);
void known_directories_free(struct known_directory *list, size_t count);
void library_move_directory(struct library *lib, const char *from, const char *to);
/* Removes every name in it and below. */
void library_remove_directory(struct library *lib, const char *path);
/* The content is changing: its views vanish and its job is cancelled, until it is digested again. */
void library_invalidate_content(struct library *lib, struct file_id id);
/* True if it is known by this very name, at this path. */
bool library_has_name(struct library *lib, const struct place *place, struct file_id id);
bool library_has_recording(struct library *lib, struct file_id id);

struct recording_stat {
    int64_t birth_ns, size, mtime_ns, ctime_ns;
};
/* True if this very file, unchanged, has been digested: nothing to do. */
bool library_is_current(struct library *lib, struct file_id id, const struct recording_stat *st);
/* True unless size, time of change or birth say that the content is another than the one digested. */
bool library_is_same_content(struct library *lib, struct file_id id, const struct recording_stat *st);
/* What the library knows of a file against what it is now. */
enum content_state {
    CONTENT_UNREAD,   /* not known, or not read yet */
    CONTENT_CURRENT,  /* this very file, unchanged */
    CONTENT_TOUCHED,  /* only the time of its last status change differs: renamed, linked, chmod … or rewritten with
                         size and time as before */
    CONTENT_OTHER,    /* size or time of change differ */
    CONTENT_STRANGER, /* another file has got its inode number */
};
/* It was so large when it was digested. */
bool library_has_size(struct library *lib, struct file_id id, int64_t size);
enum content_state library_compare_content(struct library *lib, struct file_id id, const struct recording_stat *st);
/* The recording known by this name: 0, -ENOENT, or -ESTALE if the directory is known at another path. */
int library_find_name(struct library *lib, const struct place *place, struct file_id *id);
/* Every name of a recording; *names is malloc'ed, free it with known_names_free(). 0 or -ENOMEM. */
struct known_name {
    struct file_id directory;
    char *path; /* of the directory */
    char name[NAME_SIZE];
    char base[NAME_SIZE]; /* the stem of its views */
};
int library_names_of(struct library *lib, struct file_id id, struct known_name **names, size_t *count);
/* Every name known in a directory, not below. */
int library_names_in(struct library *lib, struct file_id directory, struct known_name **names, size_t *count);
void known_names_free(struct known_name *names, size_t count);
/* Where a directory is, as far as recordings are known in it: its path, malloc'ed, or NULL. */
char *library_directory_path(struct library *lib, struct file_id directory);
/* True if recordings are known at or below this path, and not only at or below `except` (may be NULL). */
bool library_knows_below(struct library *lib, const char *path, const char *except);
/* The content is known (unless it changed since `changes` was taken: then nothing happens): joins the recording to the job of that key, made if it is new. A result in the cache
 * makes it done at once; a failed job is queued again. `settings` are the frozen settings. 0, -ENOMEM, or -EAGAIN when the content
 * has to stay here (struct name_policy) and the job of another backend would have to be run: nothing was done. */
int library_set_content(struct library *lib, struct file_id id, uint64_t changes, const struct recording_stat *st,
                        const struct digest *content, const struct digest *key, const char *backend,
                        const char *settings);
/* It has no content yet: nothing is made of it until something is written. */
void library_set_empty(struct library *lib, struct file_id id);
/* The content could not be read, or no job could be made of it: said in the folder, until it is read again.
 */
void library_set_unreadable(struct library *lib, struct file_id id, const struct error *err);
/* Has all of those read again (library_hooks.reread) that another try may help. Returns whether there are any. */
bool library_reread_unreadable(struct library *lib);
/* A path of the recording relative to the inbox, malloc'ed; NULL if it has none. *changes (may be NULL): how often its content
 * changed so far, for library_set_content(). */
char *library_path_of(struct library *lib, struct file_id id, uint64_t *changes);
/* Every name known, for the scan to find those that have gone: calls fn for a copy of each, without the lock
 * held. */
int library_each_name(struct library *lib,
                      void (*fn)(void *context, struct file_id directory, const char *path, const char *name,
                                 struct file_id id),
                      void *context);

/* ---- Jobs, for the runner
 * ------------------------------------------------------------------------------------------- */

struct job_start {
    struct digest key, digest;
    char *path; /* of one recording with that content, relative to the inbox */
    struct file_id id;
    struct recording_stat stat; /* of that recording when it was digested: what is read must still be that */
    char *settings;
    char *checkpoint; /* or NULL */
    char *backend;
    int attempts; /* this one included */
    bool was_held; /* it waited for a confirmation (HOLD_CONFIRM) when it was looked at last */
};
void job_start_clear(struct job_start *start);

/* Claims the oldest queued job that is due and whose backend is not among `held` (ends with NULL; a job somebody asked to retry is
 * taken all the same), and marks it running: 1, or 0 with *next_ms = when one will be due (wall clock, 0: none waits), or -ENOMEM. */
int library_claim_job(struct library *lib, int64_t now_ms, const char *const *held, struct job_start *out,
                      int64_t *next_ms);
/* Jobs that were claimed and are not wanted any more (recording deleted or rewritten): true and a key, once
 * each. */
bool library_next_cancelled(struct library *lib, struct digest *key);
void library_job_progress(struct library *lib, const struct digest *key, enum backend_stage stage,
                          int64_t done, int64_t total);
/* The text as far as it is recognised: shown in the status text. */
void library_job_partial(struct library *lib, const struct digest *key, const char *text);
/* Queued to the index; index_when_durable() tells when it is safe. */
void library_job_checkpoint(struct library *lib, const struct digest *key, const char *checkpoint);
/* It is queued or runs, and has a checkpoint to go on from. */
bool library_job_goes_on(struct library *lib, const struct digest *key);
/* The result is in the cache: its views are announced. duration_ms negative: not known. */
void library_job_done(struct library *lib, const struct digest *key, int64_t duration_ms);
/* It failed for good (not_before_ms < 0), or is queued again for that time (wall clock). */
void library_job_failed(struct library *lib, const struct digest *key, const struct error *err,
                        int64_t not_before_ms);
/* It is held up in the middle (the disk is full): said in its status text, and it goes on. err->class
 * ERROR_NONE: no longer. */
void library_job_trouble(struct library *lib, const struct digest *key, const struct error *err);
/* More is known of what the job costs. */
void library_job_charged(struct library *lib, const struct digest *key, const struct backend_charge *charge);
/* It may not be sent before until_ms (wall clock), and neither may the other jobs of its backend that were not
 * begun and whose recordings are in `folder` ("": all): it is the first in the queue again, as if nothing had
 * happened, and all say why they wait. */
void library_job_postponed(struct library *lib, const struct digest *key, const char *folder,
                           const struct error *err, int64_t now_ms, int64_t until_ms);
/* What arrived together is not sent before somebody confirms it (fs/jobs/drops.h); until it is known what arrived. */
#define HOLD_CONFIRM "hold.confirm"
#define HOLD_WINDOW "hold.window"
/* A claimed job waits in the queue until library_let_go(), and says why, and what it would cost at most. */
void library_job_withheld(struct library *lib, const struct digest *key, const struct error *err,
                          const struct backend_charge *most);
/* It waits for another reason by now. Nothing when it does not wait. */
void library_job_withheld_why(struct library *lib, const struct digest *key, const struct error *err);
void library_let_go(struct library *lib, const struct digest *key); /* nothing when it does not wait so */
/* The folder of the recording of a job that waits or runs, malloc'ed; NULL: of no such job. */
char *library_job_folder(struct library *lib, const struct digest *key);
/* Recordings in this top folder of the inbox ("": in the inbox itself) and below wait or are prepared that have not been `asked`
 * for, which is called with the lock held. */
bool library_more_comes(struct library *lib, const char *top,
                        bool (*asked)(void *context, const struct digest *job, const struct digest *content),
                        void *context);
/* The jobs at `path` that are withheld; free *keys. 0 or -ENOMEM. */
int library_withheld_at(struct library *lib, const char *path, struct digest **keys, size_t *count);
/* What waits for a confirmation. */
struct withheld {
    size_t count;
    int64_t ms, micro; /* at most: of audio, and in millionths of the currency */
    char currency[4];  /* "": no price is known */
};
struct withheld library_withheld(struct library *lib);
/* Limits have changed: who waits is to ask again. Whether anybody waited. */
bool library_forget_holds(struct library *lib);
/* Until when all wait, and why (`why` may be NULL); 0: they do not. */
int64_t library_held_until(struct library *lib, int64_t now_ms, struct error *why);
/* Its settings no longer fit what is installed (another model): its recordings are read again and get a job
 * with the settings of today. */
void library_job_outdated(struct library *lib, const struct digest *key);
/* It was claimed but could not be run now (shutdown, the recording changed): queued again as if nothing had
 * happened. */
void library_job_released(struct library *lib, const struct digest *key);

/* ---- What abandoned jobs have left elsewhere
 * ------------------------------------------------------------------------- */

struct orphan_start {
    struct digest key;
    char *backend, *checkpoint;
    int64_t created_ms; /* wall clock */
    int attempts;       /* since the start, this one included */
};
void orphan_start_clear(struct orphan_start *start);

/* Something is left that no job has anything to do with: `checkpoint` is for backend_operations.discard, and kept until
 * library_orphan_gone(), also over a restart. What the checkpoint of a job that is not wanted any more names is kept by itself. */
void library_leave(struct library *lib, const char *backend, const char *checkpoint);
/* Claims what is due: 1, or 0 with *next_ms = when something will be due (wall clock, 0: nothing waits), or -ENOMEM. */
int library_claim_orphan(struct library *lib, int64_t now_ms, struct orphan_start *out, int64_t *next_ms);
void library_orphan_gone(struct library *lib, const struct digest *key);
/* It could not be taken back now; again at that time (wall clock; INT64_MAX: after a restart). */
void library_orphan_again(struct library *lib, const struct digest *key, int64_t not_before_ms);

/* True if path is `top` or below it; everything is below "". */
bool path_is_below(const char *path, const char *top);

/* ---- For people
 * ------------------------------------------------------------------------------------------------------ */

/* Copies of what is at `path` (a recording, one of its views, or a directory and all below it; "" =
 * everything), sorted: first running, queued, arriving, failed, done. 0, -ENOENT or -ENOMEM. Free with
 * items_free(). */
int library_items(struct library *lib, const char *path, struct item **items, size_t *count);
/* The whole at a glance, also of 100,000 recordings: how many there are of each state, and copies of the first
 * `most` (OVERVIEW_MOST at most) of each: running (the longest first), queued, arriving, failed, done (the newest
 * first). 0 or -ENOMEM. */
#define OVERVIEW_MOST 100
int library_overview(struct library *lib, size_t most, struct item **items, size_t *count,
                     size_t counts[ITEM_STATES]);
/* Calls fn for each job whose result a recording shows, without the lock held. 0 or -ENOMEM. */
int library_each_result(struct library *lib, void (*fn)(void *arg, const struct digest *job), void *arg);
/* The paths of the recordings that show the result of this job now. Free with shown_paths_free(). 0 or -ENOMEM. */
int library_shown_with(struct library *lib, const struct digest *job, char ***paths, size_t *count);
void shown_paths_free(char **paths, size_t count);
/* A recording under one of its names, and the settings frozen with its job (malloc'ed; NULL: it has none). 0, -ENOENT or
 * -ENOMEM. Clear with item_clear() and free(). */
int library_item(struct library *lib, struct file_id id, struct item *item, char **settings);
/* The one recording at path (or whose view is there), and its job as far as there is one: settings, checkpoint and backend are
 * NULL before that. Nothing is claimed. 0, -ENOENT, -EISDIR for a folder, or -ENOMEM. Clear with job_start_clear(). */
int library_look_up(struct library *lib, const char *path, struct job_start *out, enum item_state *state);
/* One recording at `path` is transcribed again by the job of that key, made if it is new; until that is done its views
 * stay, then they change, and the earlier result is a version. Nothing happens (0) unless its content is still the one
 * with this digest. 1 when it was done, 0, -ENOENT, -ENOMEM; -EAGAIN: it has to stay here (struct name_policy), and the
 * job would send it. */
int library_rerun(struct library *lib, const char *path, const struct digest *content, const struct digest *key,
                  const char *backend, const char *settings);
/* Failed jobs at path are queued again; *count = how many. 0 or -ENOENT. */
int library_retry(struct library *lib, const char *path, int *count);
/* Jobs at path that wait or run end, and are failures ("job.cancelled") until they are tried again; *count = how many. A
 * job that runs ends once library_next_cancelled() has told of it. 0 or -ENOENT. */
int library_cancel(struct library *lib, const char *path, int *count);
/* Deleted views at path come back. */
int library_restore(struct library *lib, const char *path, int *count);
