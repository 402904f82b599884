/* Views: what should be visible, what is, and the announcements that bring the one to the other. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "cache/render/formats.h"

static struct job *link_job(const struct link *l)
{
    return l->recording ? l->recording->job : NULL;
}

/* Whose state the status texts tell. */
static struct job *status_job(const struct link *l)
{
    return l->recording ? recording_status_job(l->recording) : NULL;
}

bool view_hidden(const struct link *l, enum view_format format)
{
    const struct recording *r = l->recording;
    if (!(l->hidden & 1u << format))
        return false;
    return r && r->digested && l->hidden_digested &&
           memcmp(&l->hidden_for, &r->digest, sizeof r->digest) == 0;
}

bool view_possible(const struct link *l, enum view_format format)
{
    const struct job *job = link_job(l);
    return job && job->state == JOB_DONE && !view_is_status(format) && format_info((int)format) &&
           !view_hidden(l, format);
}

/* What its folder says, once that is known. */
bool link_shows_status(const struct library *lib, const struct link *l)
{
    return l->policy.known ? !l->policy.no_status : status_files_shown(lib, l->folder->path);
}

bool view_wanted(const struct library *lib, const struct link *l, enum view_format format)
{
    const struct job *job = status_job(l);
    if (!job || (view_is_status(format) && !link_shows_status(lib, l)))
        return false;
    if (format == VIEW_TRANSCRIBING)
        return (job->state == JOB_QUEUED || job->state == JOB_RUNNING) && !view_hidden(l, format);
    if (format == VIEW_FAILED)
        return job->state == JOB_FAILED && !view_hidden(l, format);
    return view_possible(l, format) && link_listed(lib, l) & 1u << format;
}

bool view_is_current(const struct link *l, const struct shown *v)
{
    const struct job *job = link_job(l);
    return job && v->revision == l->revision && memcmp(&v->job, &job->key, sizeof v->job) == 0;
}

/* ---- announcements ---- */

static void invalidate(struct library *lib, const struct link *l, enum view_format format)
{
    char name[NAME_SIZE];
    view_name(l->base, format, name);
    if (lib->hooks.invalidate)
        lib->hooks.invalidate(lib->hooks.context, l->folder->fid, name);
}

static void enqueue(struct library *lib, struct link *l, struct shown *v, int64_t due_ms)
{
    if (v->queued)
        return;
    struct announcement_entry *e = calloc(1, sizeof *e);
    if (!e)
        return; /* the view stays as it is until the next change */
    e->link = l;
    e->format = v->format;
    e->due_ms = due_ms;
    v->queued = true;
    l->queued++;
    if (due_ms)
        DL_APPEND(lib->later, e); /* the delay is constant: the order is that of time */
    else
        DL_APPEND(lib->ready, e);
    pthread_cond_signal(&lib->wake);
}

/* Something was removed in the folder: the views of what has gone are found a while longer. */
static void linger(struct link *l)
{
    l->folder->linger_ms = mono_ms() + GONE_GRACE_MS;
}

/* When a view that is going is gone for its users (monotonic); 0: it is already, since its recording is there
 * and says so. */
static int64_t gone_at(const struct link *l)
{
    return l->recording ? 0 : l->folder->linger_ms;
}

void view_withdraw(struct library *lib, struct link *l, struct shown *v)
{
    if (v->state == VIEW_PENDING)
        v->state = VIEW_ABSENT;
    if (v->state == VIEW_VISIBLE) {
        v->state = VIEW_GOING;
        if (!l->recording)
            linger(l);
        enqueue(lib, l, v, gone_at(l));
    }
    /* Not for its users any more, also before the announcer comes to it. */
    if (v->state == VIEW_GOING && l->recording)
        invalidate(lib, l, v->format);
}

void view_show(struct library *lib, struct link *l, struct shown *v, bool other)
{
    switch (v->state) {
    case VIEW_ABSENT:
        v->state = lib->announcing ? VIEW_PENDING : VIEW_VISIBLE;
        if (lib->announcing)
            enqueue(lib, l, v, 0);
        else
            invalidate(lib, l, v->format);
        break;
    case VIEW_PENDING:
        enqueue(lib, l, v, 0);
        break;
    case VIEW_GOING:
        v->state = VIEW_VISIBLE;
        /* fall through */
    case VIEW_VISIBLE:
        if (!other)
            break;
        invalidate(lib, l, v->format);
        v->touch = lib->announcing;
        if (v->touch)
            enqueue(lib, l, v, 0);
        break;
    }
}

static void status_reconcile(struct library *lib, struct link *l, enum view_format format)
{
    const struct job *job = status_job(l);
    bool wanted = job && view_wanted(lib, l, format);
    struct shown *v = wanted ? shown_get(l, format) : shown_find(l, format);
    if (!v)
        return;
    if (!wanted) {
        view_withdraw(lib, l, v);
        return;
    }
    bool other = memcmp(&v->job, &job->key, sizeof job->key) != 0;
    v->job = job->key;
    view_show(lib, l, v, other);
}

/* What is not rendered (yet) as it is wanted now is rendered first; until then everything stays as it is, but for a
 * view that nobody has seen: what it would show is out of date. */
static void result_reconcile(struct library *lib, struct link *l, enum view_format format)
{
    struct shown *v = shown_find(l, format);
    if (!view_wanted(lib, l, format)) {
        if (v)
            view_withdraw(lib, l, v);
    } else if (!v || !view_is_current(l, v) || (v->state == VIEW_ABSENT && !v->none)) {
        if (v && v->state == VIEW_PENDING)
            v->state = VIEW_ABSENT;
        link_to_render(lib, l);
    } else if (!v->none) {
        view_show(lib, l, v, false);
    }
}

void view_rendered(struct library *lib, struct link *l, enum view_format format, const struct digest *key, off_t size)
{
    const struct job *job = link_job(l);
    struct shown *v = job && view_wanted(lib, l, format) ? shown_get(l, format) : NULL;
    if (!v)
        return;
    bool other = memcmp(&v->key, key, sizeof *key) != 0;
    v->job = job->key;
    v->revision = l->revision;
    if (size < 0) { /* there is no such view of this result */
        view_withdraw(lib, l, v);
        v->none = true;
        link_tell(lib, l);
        return;
    }
    v->none = false;
    v->key = *key;
    v->size = size;
    v->mtime = view_mtime(l, format);
    view_show(lib, l, v, other);
    link_tell(lib, l);
}

static void changed(struct library *lib)
{
    if (lib->hooks.changed)
        lib->hooks.changed(lib->hooks.context);
}

void link_reconcile(struct library *lib, struct link *l)
{
    const struct job *job = link_job(l);
    if ((l->hidden & 1u << VIEW_FAILED) && job && job->state != JOB_FAILED) { /* should it fail again, that is news */
        l->hidden &= ~(1u << VIEW_FAILED);
        link_store(lib, l);
    }
    for (enum view_format i = 0; i < VIEW_FORMATS; i++)
        (view_is_status(i) ? status_reconcile : result_reconcile)(lib, l, i);
    link_tell(lib, l);
    changed(lib);
}

void recording_reconcile(struct library *lib, struct recording *r)
{
    struct link *l;
    LL_FOREACH(r->links, l)
    link_reconcile(lib, l);
}

void job_reconcile(struct library *lib, struct job *job)
{
    struct recording *r;
    LL_FOREACH2(job->recordings, r, job_next)
    recording_reconcile(lib, r);
    LL_FOREACH2(job->awaiting, r, await_next)
    recording_reconcile(lib, r);
}

/* Turns an entry into an announcement if it is still true. Frees the entry. */
static bool take(struct library *lib, struct announcement_entry *e, struct announcement *out)
{
    struct link *l = e->link;
    struct shown *v = shown_find(l, e->format); /* stays while it is queued */
    bool useful = true;
    enum view_format format = e->format;
    free(e);
    v->queued = false;
    l->queued--;
    switch (v->state) {
    case VIEW_PENDING:
        out->kind = ANNOUNCE_CREATE;
        break;
    case VIEW_GOING:
        if (gone_at(l) > mono_ms()) {
            enqueue(lib, l, v, gone_at(l));
            return false;
        }
        if (!lib->announcing) {
            v->state = VIEW_ABSENT;
            invalidate(lib, l, format);
            useful = false;
        }
        out->kind = ANNOUNCE_DELETE;
        break;
    case VIEW_VISIBLE:
        out->kind = ANNOUNCE_TOUCH;
        useful = v->touch;
        v->touch = false;
        break;
    case VIEW_ABSENT:
        useful = false;
    }
    if (useful) {
        char name[NAME_SIZE];
        view_name(l->base, format, name);
        const char *slash = *l->folder->path ? "/" : "";
        if (asprintf(&out->path, "%s%s%s", l->folder->path, slash, name) < 0)
            useful = false;
        out->directory = l->folder->fid;
        memcpy(out->name, name, sizeof out->name);
    }
    link_tell(lib, l); /* what has gone without the announcer was perhaps the last thing in the way */
    link_tidy(lib, l);
    changed(lib);
    return useful;
}

bool library_next_announcement(struct library *lib, struct announcement *out)
{
    LIBRARY_LOCK(lib);
    while (!lib->stopping) {
        int64_t now = mono_ms();
        struct announcement_entry *e = lib->later;
        if (e && e->due_ms <= now) {
            DL_DELETE(lib->later, e);
        } else if ((e = lib->ready)) {
            DL_DELETE(lib->ready, e);
        } else if (lib->later) {
            int64_t due = lib->later->due_ms;
            struct timespec until = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000};
            pthread_cond_timedwait(&lib->wake, &lib->lock, &until);
            continue;
        } else {
            pthread_cond_wait(&lib->wake, &lib->lock);
            continue;
        }
        if (take(lib, e, out))
            return true;
    }
    return false;
}

void library_announced(struct library *lib, const struct announcement *a, int result)
{
    LIBRARY_LOCK(lib);
    /* By identity: its path may have changed meanwhile. */
    struct folder *f = folder_by_id(lib, a->directory);
    enum view_format format;
    struct link *l = f ? link_of_view(f, a->name, &format) : NULL;
    if (!l)
        return;
    struct shown *v = shown_find(l, format);
    if (a->kind == ANNOUNCE_CREATE && v->state == VIEW_PENDING && result != 0) {
        v->state = VIEW_VISIBLE;
        invalidate(lib, l, format);
    } else if (a->kind == ANNOUNCE_DELETE && v->state == VIEW_GOING) {
        v->state = VIEW_ABSENT;
        invalidate(lib, l, format);
    }
    link_tell(lib, l);
    link_tidy(lib, l);
    changed(lib);
}

/* Nobody announces any more what waits for that. */
static void link_announced_all(struct library *lib, struct link *l)
{
    for (unsigned i = 0; i < l->view_count; i++)
        if (l->views[i].state == VIEW_PENDING) {
            l->views[i].state = VIEW_VISIBLE;
            invalidate(lib, l, l->views[i].format);
            link_tell(lib, l);
        }
}

void library_set_announcing(struct library *lib, bool on)
{
    LIBRARY_LOCK(lib);
    lib->announcing = on;
    if (on)
        return;
    struct folder *f, *next;
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    {
        for (struct link *l = f->names; l; l = l->by_name.next)
            link_announced_all(lib, l);
        for (int i = 0; i < NOTE_KINDS; i++)
            if (f->notes[i].link)
                link_announced_all(lib, f->notes[i].link);
    }
    changed(lib);
}

void library_stop_announcing(struct library *lib)
{
    LIBRARY_LOCK(lib);
    lib->stopping = true;
    pthread_cond_broadcast(&lib->wake);
}

/* ---- what the mount asks ---- */

static int status_text(struct library *lib, const struct link *l, enum view_format format, struct buffer *out)
{
    struct item item = {0};
    int rc = item_fill(lib, l, &item);
    if (rc == 0) {
        if (format == VIEW_FAILED)
            status_failed(lib->wording, &item, wall_ms(), out);
        else
            status_transcribing(lib->wording, &item, wall_ms(), out);
        rc = buffer_error(out);
        item_clear(&item);
    }
    return rc;
}

void view_set_version(struct view *v)
{
    memcpy(&v->version, v->key.bytes, sizeof v->version);
    v->version += v->format;
    v->version ^= file_id_hash(
        (struct file_id){(uint64_t)v->size, (uint64_t)v->mtime.tv_sec ^ (uint64_t)v->mtime.tv_nsec << 32});
}

static void describe(struct library *lib, const struct link *l, enum view_format format, struct view *out)
{
    const struct shown *v = shown_find(l, format);
    *out = (struct view){.recording = l->last,
                         .format = format,
                         .job = v->job,
                         .key = v->key,
                         .size = v->size,
                         .mtime = v->mtime};
    snprintf(out->recording_name, sizeof out->recording_name, "%s", l->name);
    if (!view_is_status(format) || view_is_of_folder(format)) {
        view_set_version(out);
        return;
    }
    cleanup_buffer struct buffer text = {0};
    if (status_text(lib, l, format, &text) == 0)
        out->size = (off_t)text.len;
    const struct job *job = status_job(l);
    if (job)
        out->mtime.tv_sec = job->status_ms / 1000;
    memcpy(&out->version, v->job.bytes, sizeof out->version);
    out->version += format;
}

int library_find_view(struct library *lib, struct file_id directory, const char *name, bool for_announcer,
                      struct view *out)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, directory);
    enum view_format format;
    struct link *l = f ? link_of_view(f, name, &format) : NULL;
    if (!l)
        return -ENOENT;
    const struct shown *v = shown_find(l, format);
    if (v->state == VIEW_PENDING)
        return -ENOENT;
    if (v->state == VIEW_GOING && !for_announcer && gone_at(l) <= mono_ms())
        return -ENOENT;
    describe(lib, l, format, out);
    return 0;
}

/* Another recording's view has the name: "a.plain.txt" may be the txt of "a.plain" and the plain.txt of "a". */
static bool is_anothers(struct folder *f, const struct link *l, const char *name)
{
    enum view_format format;
    return strchr(l->base, '.') && link_of_view(f, name, &format) != l;
}

int library_list_views(struct library *lib, struct file_id directory, struct view_entry **entries,
                       size_t *count)
{
    LIBRARY_LOCK(lib);
    *entries = NULL;
    *count = 0;
    struct folder *f = folder_by_id(lib, directory);
    size_t room = f && folder_has_notes(f) ? NOTE_KINDS : 0, n = 0;
    for (const struct link *l = f ? f->names : NULL; l; l = l->by_name.next)
        room += l->view_count;
    if (!room)
        return 0;
    struct view_entry *list = calloc(room, sizeof *list);
    if (!list)
        return -ENOMEM;
    for (const struct link *l = f->names; l; l = l->by_name.next)
        for (enum view_format i = 0; i < VIEW_FORMATS; i++) {
            const struct shown *v = l->recording ? shown_find(l, i) : NULL;
            if (!v || v->state != VIEW_VISIBLE)
                continue;
            view_name(l->base, i, list[n].name);
            list[n].recording = l->recording->id;
            list[n].format = i;
            n += !is_anothers(f, l, list[n].name);
        }
    for (int i = 0; i < NOTE_KINDS; i++) {
        const struct link *note = f->notes[i].link;
        enum view_format format;
        if (!note || note->views[0].state != VIEW_VISIBLE)
            continue;
        view_name("", note->views[0].format, list[n].name);
        list[n].recording = note->last;
        list[n].format = note->views[0].format;
        n += link_of_view(f, list[n].name, &format) == note;
    }
    *entries = list;
    *count = n;
    return 0;
}

static int open_status(struct library *lib, const struct view *view, struct view_content *out)
{
    LIBRARY_LOCK(lib);
    struct recording *r = recording_find(lib, view->recording);
    struct link *l;
    for (l = r ? r->links : NULL; l; l = l->next)
        if (strcmp(l->name, view->recording_name) == 0)
            break;
    if (!l)
        return -ENOENT;
    struct buffer text = {0};
    int rc = status_text(lib, l, view->format, &text);
    if (rc != 0) {
        buffer_clear(&text);
        return rc;
    }
    out->size = text.len;
    out->text = buffer_take(&text);
    return out->text ? 0 : -ENOMEM;
}

int library_open_view(struct library *lib, const struct view *view, struct view_content *out)
{
    *out = (struct view_content){.fd = -1};
    if (view_is_of_folder(view->format))
        return note_open(lib, view, out);
    return view_is_status(view->format) ? open_status(lib, view, out) : library_open_rendered(lib, view, out);
}

static void whiteout(struct library *lib, struct link *l, enum view_format format)
{
    if (!l->hidden_digested || memcmp(&l->hidden_for, &l->recording->digest, sizeof l->hidden_for) != 0)
        l->hidden = 0;
    l->hidden |= 1u << format;
    l->hidden_digested = l->recording->digested;
    l->hidden_for = l->recording->digest;
    link_store(lib, l);
}

int library_hide_view(struct library *lib, struct file_id directory, const char *name, bool by_mirror)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, directory);
    enum view_format format;
    struct link *l = f ? link_of_view(f, name, &format) : NULL;
    struct shown *v = l ? shown_find(l, format) : NULL;
    if (v && v->state == VIEW_PENDING)
        return -ENOENT;
    unsigned number = 0;
    if (!l && !(l = f ? link_of_unlisted(lib, f, name, &format, &number) : NULL))
        return -ENOENT;
    bool confirms = format == VIEW_CONFIRM && !by_mirror && v && v->state == VIEW_VISIBLE;
    if (v)
        v->state = VIEW_ABSENT;
    changed(lib);
    if (confirms && lib->hooks.confirm)
        lib->hooks.confirm(lib->hooks.context, f->path);
    if (!l->recording) {
        linger(l); /* the next ones may follow */
        link_tidy(lib, l);
        return 0;
    }
    if (number) /* it stays for as long as the recording does */
        return -EPERM;
    struct job *job = recording_status_job(l->recording);
    if (format == VIEW_FAILED && job && job->state == JOB_FAILED && (job->unreadable || !by_mirror)) {
        if (job->unreadable) {
            if (lib->hooks.reread)
                lib->hooks.reread(lib->hooks.context, l->recording->id);
            return 0;
        }
        job->urgent = true;
        job->attempts = 0;
        job->not_before_ms = 0;
        job->error = (struct error){0};
        job_enqueue(lib, job);
        job_store(lib, job);
        index_history(lib->index, &job->key, "retried", "its FAILED text was deleted");
        job_reconcile(lib, job);
        return 0;
    }
    whiteout(lib, l, format);
    link_tell(lib, l);
    return 0;
}

int library_confirm_view(struct library *lib, struct file_id directory, const char *name, struct view *out)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, directory);
    enum view_format format;
    struct link *l = f ? link_of_view(f, name, &format) : NULL;
    struct shown *v = l ? shown_find(l, format) : NULL;
    if (!v || v->state != VIEW_PENDING)
        return -ENOENT;
    v->state = VIEW_VISIBLE;
    describe(lib, l, format, out);
    link_tell(lib, l);
    changed(lib);
    return 0;
}

int library_withdraw_view(struct library *lib, struct file_id directory, const char *name)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, directory);
    enum view_format format;
    struct link *l = f ? link_of_view(f, name, &format) : NULL;
    struct shown *v = l ? shown_find(l, format) : NULL;
    if (!v || v->state != VIEW_GOING)
        return -ENOENT;
    v->state = VIEW_ABSENT;
    link_tell(lib, l);
    link_tidy(lib, l);
    changed(lib);
    return 0;
}

void library_rights_changed(struct library *lib, struct file_id id)
{
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, id);
    for (const struct link *l = r ? r->links : NULL; l; l = l->next)
        for (unsigned i = 0; i < l->view_count; i++)
            if (l->views[i].state == VIEW_VISIBLE)
                invalidate(lib, l, l->views[i].format);
}
