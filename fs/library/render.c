/* Views are made: those that folders list in the background, before they can be seen; the others when somebody asks
 * for them by name.
 *
 * What a view is made of is copied under the lock; the work is done without it; then the copy is compared with what
 * is asked for by now. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "cache/render/formats.h"

/* ---- what a link's views are made of ---- */

struct wish {
    struct file_id directory;
    char name[NAME_SIZE]; /* of the recording */
    uint32_t revision;
    struct digest job, digest;
    struct timespec made;
    struct shared_look *look; /* a reference; NULL: the default */
    char *settings;
    int64_t recorded_ms, size;
};

/* number 0: of the current result; else of the version of that number, which must be there. */
static int wish_of_version(struct library *lib, const struct link *l, unsigned number, struct wish *w)
{
    const struct recording *r = l->recording;
    const struct job *job = r->job;
    const struct version *version = number ? &r->versions[number - 1] : NULL;
    const char *settings = version ? version->settings : job->settings;
    struct shared_look *look = l->look ? l->look : lib->look;
    *w = (struct wish){.directory = l->folder->fid,
                       .revision = l->revision,
                       .job = version ? version->key : job->key,
                       .digest = r->digest,
                       .made = version ? version->made : job->made,
                       .recorded_ms = r->recorded_ns / 1000000,
                       .size = r->stat.size,
                       .settings = strdup(settings ? settings : "")};
    snprintf(w->name, sizeof w->name, "%s", l->name);
    if (!w->settings)
        return -ENOMEM;
    w->look = look_ref(look);
    return 0;
}

static int wish_of(struct library *lib, const struct link *l, struct wish *w)
{
    return wish_of_version(lib, l, 0, w);
}

/* With the lock held. */
static void wish_clear(struct library *lib, struct wish *w)
{
    look_unref(lib, w->look);
    free(w->settings);
}

static struct view_recipe recipe_of(const struct wish *w, enum view_format format)
{
    return (struct view_recipe){.job = w->job,
                                .made = w->made,
                                .format = (int)format,
                                .look = w->look ? &w->look->look : NULL,
                                .look_json = w->look ? w->look->json : "{}",
                                .name = w->name,
                                .recorded_ms = w->recorded_ms,
                                .size = w->size,
                                .digest = w->digest,
                                .settings = *w->settings ? w->settings : NULL};
}

static int64_t to_ms(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct timespec mtime_of(const struct link *l, enum view_format format, struct timespec made)
{
    const struct format_info *info = format_info((int)format);
    int64_t changed = l->look_ms;
    if (info && info->names_source && l->named_ms > changed)
        changed = l->named_ms;
    if (changed <= to_ms(made))
        return made;
    return (struct timespec){.tv_sec = changed / 1000, .tv_nsec = changed % 1000 * 1000000};
}

struct timespec view_mtime(const struct link *l, enum view_format format)
{
    return mtime_of(l, format, l->recording->job->made);
}

/* A result that should be there and is not: the job is queued again, and its views go until it is done. */
void library_result_lost(struct library *lib, const struct digest *key)
{
    bool summed = false;
    /* Somebody else has seen the damage too, and it is made anew by now; or memory was short: what is paid for stays. */
    if (results_verify(lib->results, key, &summed) == 0 && summed)
        return;
    results_drop(lib->results, key);
    LIBRARY_LOCK(lib);
    struct job *job = job_find(lib, key);
    if (!job || job->state != JOB_DONE)
        return;
    job_tell_result(lib, job, false);
    /* What is made instead may be another: no view of the old one may come back. */
    for (const struct recording *r = job->recordings; r; r = r->job_next)
        for (struct link *l = r->links; l; l = l->next)
            link_revise(lib, l);
    job_enqueue(lib, job);
    job_store(lib, job);
    index_history(lib->index, key, "lost", "the result in the cache was damaged");
    job_reconcile(lib, job);
}

/* ---- in the background ---- */

void link_to_render(struct library *lib, struct link *l)
{
    if (!l->to_render) {
        l->to_render = true;
        DL_APPEND2(lib->to_render, l, render_prev, render_next);
    }
    if (lib->hooks.render)
        lib->hooks.render(lib->hooks.context);
}

void link_not_to_render(struct library *lib, struct link *l)
{
    if (!l->to_render)
        return;
    l->to_render = false;
    DL_DELETE2(lib->to_render, l, render_prev, render_next);
}

uint32_t link_missing(const struct library *lib, const struct link *l)
{
    uint32_t bits = 0;
    for (enum view_format i = 0; i < VIEW_FORMATS; i++) {
        if (view_is_status(i) || !view_wanted(lib, l, i))
            continue;
        const struct shown *v = shown_find(l, i);
        if (!v || !view_is_current(l, v) || (v->state == VIEW_ABSENT && !v->none))
            bits |= 1u << i;
    }
    return bits;
}

void link_show_ready(struct library *lib, struct link *l)
{
    struct wish w;
    uint32_t formats = link_missing(lib, l);
    if (!formats || wish_of(lib, l, &w) != 0)
        return;
    for (enum view_format i = 0; i < VIEW_FORMATS; i++) {
        if (!(formats & 1u << i))
            continue;
        struct view_recipe recipe = recipe_of(&w, i);
        struct digest key;
        off_t size;
        cleanup_close int fd = -1;
        if (views_key(&recipe, &key) == 0)
            fd = views_content(lib->views, lib->results, (int)i, &w.job, &key, &size);
        if (fd >= 0)
            view_rendered(lib, l, i, &key, size);
    }
    wish_clear(lib, &w);
}

struct made {
    struct digest key;
    off_t size;
    int rc; /* 0; -ENOENT: there is no such view of the result */
};

/* The next link in the queue: false if there is none. */
static bool take_link(struct library *lib, struct wish *w, uint32_t *formats)
{
    LIBRARY_LOCK(lib);
    for (struct link *l; (l = lib->to_render);) {
        link_not_to_render(lib, l);
        *formats = l->recording ? link_missing(lib, l) : 0;
        if (*formats && wish_of(lib, l, w) == 0)
            return true;
    }
    return false;
}

/* Shows what was made if it still is what is asked for. Otherwise the link is in the queue again. */
static void give_back(struct library *lib, struct wish *w, uint32_t formats, const struct made *made, int rc)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, w->directory);
    struct link *l = f ? link_by_name(f, w->name) : NULL;
    bool same = l && l->recording && l->recording->job && l->revision == w->revision &&
                memcmp(&l->recording->job->key, &w->job, sizeof w->job) == 0;
    for (enum view_format i = 0; same && i < VIEW_FORMATS; i++)
        if (formats & 1u << i && (made[i].rc == 0 || made[i].rc == -ENOENT))
            view_rendered(lib, l, i, &made[i].key, made[i].rc == 0 ? made[i].size : -1);
    if (same && rc != 0 && rc != -EUCLEAN && !l->to_render) {
        /* Not by link_to_render(): the caller knows, and waits a while. */
        l->to_render = true;
        DL_APPEND2(lib->to_render, l, render_prev, render_next);
    }
    wish_clear(lib, w);
    if (lib->hooks.changed)
        lib->hooks.changed(lib->hooks.context);
}

int library_render(struct library *lib)
{
    struct wish w;
    uint32_t formats;
    struct made made[VIEW_FORMATS];
    struct transcript *transcript = NULL;
    int rc = 0;
    if (!take_link(lib, &w, &formats))
        return 0;
    for (enum view_format i = 0; i < VIEW_FORMATS; i++) {
        if (!(formats & 1u << i))
            continue;
        struct view_recipe recipe = recipe_of(&w, i);
        made[i].rc = views_key(&recipe, &made[i].key);
        if (made[i].rc == 0)
            made[i].rc =
                views_make(lib->views, lib->results, &recipe, &made[i].key, &transcript, &made[i].size);
        if (made[i].rc != 0 && made[i].rc != -ENOENT)
            rc = made[i].rc;
    }
    transcript_free(transcript);
    struct digest job = w.job;
    give_back(lib, &w, formats, made, rc);
    if (rc == -EUCLEAN)
        library_result_lost(lib, &job);
    return rc == 0 || rc == -EUCLEAN ? 1 : rc;
}

/* ---- asked for by name ---- */

/* "talk.v1.txt" */
static struct link *link_of_version(struct folder *f, const char *name, enum view_format *format, unsigned *number)
{
    size_t stem;
    for (unsigned at = 0; view_split(name, &at, format, &stem);) {
        struct link *l = NULL;
        if (!view_is_status(*format) && format_info((int)*format) && view_split_version(name, &stem, number))
            HASH_FIND(by_base, f->bases, name, stem, l);
        if (l && l->recording && *number <= l->recording->version_count &&
            l->recording->versions[*number - 1].there)
            return l;
    }
    return NULL;
}

struct link *link_of_unlisted(struct library *lib, struct folder *f, const char *name, enum view_format *format,
                              unsigned *number)
{
    struct link *found = NULL;
    enum view_format i;
    size_t stem;
    if (strlen(name) >= NAME_SIZE)
        return NULL;
    for (unsigned at = 0; view_split(name, &at, &i, &stem);) {
        struct link *l;
        HASH_FIND(by_base, f->bases, name, stem, l);
        if (!l || !l->recording || view_is_status(i))
            continue;
        if (link_listed(lib, l) & 1u << i)
            return NULL;
        if (!found && view_possible(l, i)) {
            found = l;
            *format = i;
        }
    }
    *number = 0;
    return found ? found : link_of_version(f, name, format, number);
}

/* Makes the view of a wish, and describes it. Without the lock. */
static int make_named(struct library *lib, const struct wish *w, struct view *out)
{
    struct view_recipe recipe = recipe_of(w, out->format);
    struct transcript *transcript = NULL;
    int rc = views_key(&recipe, &out->key);
    if (rc == 0)
        rc = views_make(lib->views, lib->results, &recipe, &out->key, &transcript, &out->size);
    transcript_free(transcript);
    return rc;
}

static bool ask_by_name(struct library *lib, struct file_id directory, const char *name, struct wish *w,
                        struct view *out)
{
    LIBRARY_LOCK(lib);
    struct folder *f = folder_by_id(lib, directory);
    enum view_format format;
    unsigned number;
    struct link *l = f ? link_of_unlisted(lib, f, name, &format, &number) : NULL;
    if (!l || wish_of_version(lib, l, number, w) != 0)
        return false;
    *out = (struct view){.recording = l->recording->id,
                         .format = format,
                         .job = w->job,
                         .mtime = mtime_of(l, format, w->made),
                         .unlisted = true,
                         .number = number};
    snprintf(out->recording_name, sizeof out->recording_name, "%s", l->name);
    return true;
}

static void done_with(struct library *lib, struct wish *w)
{
    LIBRARY_LOCK(lib);
    wish_clear(lib, w);
}

int library_find_unlisted(struct library *lib, struct file_id directory, const char *name, struct view *out)
{
    struct wish w;
    if (!ask_by_name(lib, directory, name, &w, out))
        return -ENOENT;
    int rc = make_named(lib, &w, out);
    done_with(lib, &w);
    if (rc == -EUCLEAN)
        library_result_lost(lib, &out->job);
    view_set_version(out);
    return rc ? -ENOENT : 0;
}

int library_find_any_view(struct library *lib, struct file_id directory, const char *name, struct view *out)
{
    int rc = library_find_view(lib, directory, name, false, out);
    return rc == -ENOENT ? library_find_unlisted(lib, directory, name, out) : rc;
}

/* Finds what the view is made of, if the recording still has that name. */
static bool ask_again(struct library *lib, const struct view *view, struct wish *w)
{
    LIBRARY_LOCK(lib);
    const struct recording *r = recording_find(lib, view->recording);
    for (struct link *l = r ? r->links : NULL; l; l = l->next)
        if (strcmp(l->name, view->recording_name) == 0 &&
            (view->number ? view->number <= r->version_count : r->job && r->job->state == JOB_DONE) &&
            wish_of_version(lib, l, view->number, w) == 0)
            return true;
    return false;
}

int library_open_rendered(struct library *lib, const struct view *view, struct view_content *out)
{
    struct wish w;
    struct view again = *view;
    off_t size = -1;
    int fd = views_content(lib->views, lib->results, (int)view->format, &view->job, &view->key, &size);
    if (fd == -ENOENT) { /* somebody emptied the cache */
        if (!ask_again(lib, view, &w))
            return -ESTALE;
        int rc = make_named(lib, &w, &again);
        done_with(lib, &w);
        if (rc == -EUCLEAN)
            library_result_lost(lib, &view->job);
        if (rc != 0)
            return rc;
        if (memcmp(&again.key, &view->key, sizeof again.key) != 0)
            return -ESTALE; /* it looks another way by now */
        fd = views_content(lib->views, lib->results, (int)view->format, &view->job, &view->key, &size);
    }
    if (fd < 0)
        return fd;
    if (size != view->size) {
        close(fd);
        return -ESTALE;
    }
    *out = (struct view_content){.fd = fd, .size = (size_t)size};
    return 0;
}

/* ---- what nobody wants any more ---- */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

/* The keys of all that is shown: malloc'ed, sorted; NULL without memory. */
static struct digest *all_keys(struct library *lib, size_t *count)
{
    LIBRARY_LOCK(lib);
    struct folder *f, *next;
    size_t room = 1, n = 0;
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    for (const struct link *l = f->names; l; l = l->by_name.next)
        room += l->view_count;
    struct digest *keys = malloc(room * sizeof *keys);
    if (!keys)
        return NULL;
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    for (const struct link *l = f->names; l; l = l->by_name.next)
        for (unsigned i = 0; i < l->view_count; i++)
            if (!view_is_status(l->views[i].format))
                keys[n++] = l->views[i].key;
    *count = n;
    return keys;
}

size_t library_prune_views(struct library *lib)
{
    size_t count;
    struct digest *keys = all_keys(lib, &count);
    if (!keys)
        return 0;
    qsort(keys, count, sizeof *keys, by_bytes);
    size_t removed = views_prune(lib->views, keys, count);
    free(keys);
    return removed;
}
