/* What the tests of the library have in common: an index, results, views, a pool and an announcer that are played. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/base/cleanup.h"
#include "cache/render/look.h"
#include "tests/unit/library_store.h"

struct fixture {
    struct library_store s;
    int work, changed, invalidated;
    struct file_id reread;
};

static inline void on_invalidate(void *context, struct file_id directory, const char *name)
{
    (void)directory, (void)name;
    ((struct fixture *)context)->invalidated++;
}

static inline void on_change(void *context)
{
    ((struct fixture *)context)->changed++;
}

static inline void on_work(void *context)
{
    ((struct fixture *)context)->work++;
}

static inline void on_reread(void *context, struct file_id id)
{
    ((struct fixture *)context)->reread = id;
}

/* Hooks, and an announcer that is played. */
static inline void wire(struct fixture *f)
{
    library_set_hooks(f->s.lib, &(struct library_hooks){.invalidate = on_invalidate,
                                                        .changed = on_change,
                                                        .work = on_work,
                                                        .reread = on_reread,
                                                        .context = f});
    library_set_announcing(f->s.lib, true);
}

static inline void open_library(struct fixture *f)
{
    store_open_library(&f->s);
    wire(f);
}

static inline void close_library(struct fixture *f)
{
    store_close_library(&f->s);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    store_new(&f->s);
    wire(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    store_free(&f->s);
    free(f);
    return 0;
}

static const struct file_id inbox = {7, 2}, sub = {7, 3};

static inline struct place at(const char *name)
{
    return (struct place){inbox, "", name};
}

static inline void add(struct fixture *f, const char *name, uint64_t ino)
{
    struct place p = at(name);
    assert_int_equal(library_add_name(f->s.lib, &p, (struct file_id){7, ino}, NULL, NULL), 0);
}

static inline struct digest digest_of(int content)
{
    struct digest d = {{0}};
    d.bytes[0] = (uint8_t)content;
    d.bytes[31] = 1;
    return d;
}

static inline void content(struct fixture *f, uint64_t ino, int what)
{
    struct digest d = digest_of(what), key = digest_of(what + 100);
    struct recording_stat st = {.size = 10, .mtime_ns = what, .ctime_ns = what, .birth_ns = 1};
    struct file_id id = {7, ino};
    uint64_t changes;
    free(library_path_of(f->s.lib, id, &changes));
    assert_int_equal(library_set_content(f->s.lib, id, changes, &st, &d, &key, "local", "{}"), 0);
}

static inline void put_result(struct fixture *f, int what)
{
    struct digest key = digest_of(what + 100);
    struct result_writer *w;
    assert_int_equal(results_begin(f->s.results, &key, &w), 0);
    static const char transcript[] = "{\"schema\":\"scribefs-transcript/1\",\"sentences\":[]}";
    assert_int_equal(result_add(w, "transcript.json", transcript, sizeof transcript - 1), 0);
    assert_int_equal(result_commit(w), 0);
}

static const char *const none_held[] = {NULL};

/* Claims the next job and returns its number, or -1. */
static inline int claim(struct fixture *f)
{
    struct job_start start;
    int64_t next;
    if (library_claim_job(f->s.lib, 1000, none_held, &start, &next) != 1)
        return -1;
    int what = start.digest.bytes[0];
    job_start_clear(&start);
    return what;
}

static inline void finish(struct fixture *f, int what)
{
    struct digest key = digest_of(what + 100);
    put_result(f, what);
    library_job_done(f->s.lib, &key, 1000);
}

/* Does what the pool would. */
static inline void render_all(struct fixture *f)
{
    int rc;
    do
        rc = library_render(f->s.lib);
    while (rc > 0);
    assert_int_equal(rc, 0);
}

/* Does what the announcer would, until nothing is left that is due. Returns how many announcements there
 * were. */
static inline int announce_all(struct fixture *f, struct file_id directory)
{
    int n = 0;
    render_all(f);
    for (;;) {
        struct item *items;
        size_t count;
        bool waiting = false;
        assert_int_equal(library_items(f->s.lib, "", &items, &count), 0);
        for (size_t i = 0; i < count; i++)
            waiting |= items[i].announcing;
        items_free(items, count);
        if (!waiting)
            return n;
        struct announcement a;
        assert_true(library_next_announcement(f->s.lib, &a));
        const char *slash = strrchr(a.path, '/');
        const char *name = slash ? slash + 1 : a.path;
        struct view view;
        if (a.kind == ANNOUNCE_CREATE)
            library_confirm_view(f->s.lib, directory, name, &view);
        else if (a.kind == ANNOUNCE_DELETE)
            library_withdraw_view(f->s.lib, directory, name);
        library_announced(f->s.lib, &a, 0);
        free(a.path);
        n++;
    }
}

static inline bool visible(struct fixture *f, struct file_id directory, const char *name)
{
    struct view_entry *entries;
    size_t count;
    bool found = false;
    render_all(f);
    assert_int_equal(library_list_views(f->s.lib, directory, &entries, &count), 0);
    for (size_t i = 0; i < count; i++)
        found |= strcmp(entries[i].name, name) == 0;
    free(entries);
    struct view view;
    /* A listing and a lookup agree on what is there. */
    if (found)
        assert_int_equal(library_find_view(f->s.lib, directory, name, false, &view), 0);
    return found;
}

/* One recording, transcribed and announced. */
static inline void transcribed(struct fixture *f, const char *name, uint64_t ino, int what)
{
    add(f, name, ino);
    content(f, ino, what);
    assert_int_equal(claim(f), what);
    finish(f, what);
    announce_all(f, inbox);
}

static inline int claim_at(struct fixture *f, int64_t now_ms, int64_t *next_ms)
{
    struct job_start start;
    if (library_claim_job(f->s.lib, now_ms, none_held, &start, next_ms) != 1)
        return -1;
    int what = start.digest.bytes[0];
    job_start_clear(&start);
    return what;
}

static inline struct item item_of(struct fixture *f, const char *name)
{
    struct item *items, item;
    size_t count;
    assert_int_equal(library_items(f->s.lib, name, &items, &count), 0);
    assert_int_equal(count, 1);
    item = items[0];
    free(items);
    return item;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
