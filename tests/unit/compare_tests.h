/* What the tests of comparing store and library have in common: a store, a library that knows it, and the comparison. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "backend/backend.h"
#include "backend/base/loop.h"
#include "cache/index.h"
#include "cache/results.h"
#include "fs/inbox/compare.h"
#include "fs/inbox/intake_private.h"
#include "fs/inbox/store.h"
#include "fs/jobs/pool.h"
#include "tests/unit/scratch.h"

#define EXCHANGE 2 /* RENAME_EXCHANGE */

struct fixture {
    char *dir, *index_path, *results_path, *inbox;
    int inbox_fd;
    struct index *index;
    struct results *results;
    struct library *lib;
    struct loop *loop; /* never run: what settles stays pending */
    struct pool *pool;
    struct intake *in;
};

static inline void quiet(int priority, const char *format, ...)
{
    (void)priority, (void)format;
}

static inline int setup(void **state)
{
    static struct backend no_backend;
    static const struct settle_times times = {.quiet_ms = 100000, .slow_ms = 100000, .renamed_ms = 100000};
    struct fixture *f = calloc(1, sizeof *f);
    struct error err = {0};
    struct store_stat st;
    f->dir = scratch_new();
    f->index_path = scratch_join(f->dir, "index.db");
    f->results_path = scratch_join(f->dir, "results");
    f->inbox = scratch_join(f->dir, "inbox");
    assert_int_equal(mkdir(f->inbox, 0755), 0);
    f->inbox_fd = open(f->inbox, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(store_stat(f->inbox_fd, "", &st), 0);
    assert_int_equal(index_open(f->index_path, &f->index, NULL, &err), 0);
    assert_int_equal(results_open(f->results_path, &f->results), 0);
    assert_int_equal(library_new(f->index, f->results, NULL, st.id.dev, &f->lib), 0);
    assert_int_equal(library_load(f->lib), 0);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(pool_new(2, &f->pool), 0);
    assert_int_equal(intake_new(&(struct intake_config){.inbox_fd = f->inbox_fd,
                                                        .library = f->lib,
                                                        .loop = f->loop,
                                                        .pool = f->pool,
                                                        .chooser = {.usual = &no_backend},
                                                        .settle = &times,
                                                        .log = quiet},
                                &f->in),
                     0);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    pool_stop(f->pool);
    intake_stop(f->in);
    intake_free(f->in);
    pool_free(f->pool);
    loop_free(f->loop);
    library_free(f->lib);
    assert_int_equal(index_close(f->index, 5000), 0);
    results_close(f->results);
    close(f->inbox_fd);
    scratch_remove(f->dir);
    free(f->index_path);
    free(f->results_path);
    free(f->inbox);
    free(f);
    return 0;
}

/* ---- the store ---- */

static inline char *in_store(const struct fixture *f, const char *path)
{
    return scratch_join(f->inbox, path);
}

static inline void write_file(const struct fixture *f, const char *path, const char *text)
{
    char *where = in_store(f, path);
    FILE *file = fopen(where, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(where);
}

static inline void make_directory(const struct fixture *f, const char *path)
{
    char *where = in_store(f, path);
    assert_int_equal(mkdir(where, 0755), 0);
    free(where);
}

static inline void move(const struct fixture *f, const char *from, const char *to, unsigned flags)
{
    char *a = in_store(f, from), *b = in_store(f, to);
    assert_int_equal(renameat2(AT_FDCWD, a, AT_FDCWD, b, flags), 0);
    free(a);
    free(b);
}

static inline void remove_file(const struct fixture *f, const char *path)
{
    char *where = in_store(f, path);
    assert_int_equal(remove(where), 0);
    free(where);
}

static inline struct store_stat status(const struct fixture *f, const char *path)
{
    struct store_stat st;
    char *where = in_store(f, path);
    assert_int_equal(store_stat(AT_FDCWD, where, &st), 0);
    free(where);
    return st;
}

/* Directory and name of a path; the directory must exist. `text` has room for the path. */
static inline struct place place_of(const struct fixture *f, const char *path, char *text)
{
    strcpy(text, path);
    char *slash = strrchr(text, '/');
    if (slash)
        *slash = '\0';
    const char *directory = slash ? text : "";
    return (struct place){status(f, directory).id, directory, slash ? slash + 1 : path};
}

/* ---- the library ---- */

/* As if the mount had told of it, and it had been read. */
static inline void known(struct fixture *f, const char *path)
{
    static uint8_t content;
    char text[256];
    struct digest digest = {{++content}};
    struct store_stat st = status(f, path);
    uint64_t changes;
    struct place place = place_of(f, path, text);
    assert_int_equal(library_add_name(f->lib, &place, st.id, NULL, NULL), 0);
    free(library_path_of(f->lib, st.id, &changes));
    assert_int_equal(library_set_content(f->lib, st.id, changes, &st.stat, &digest, &digest, "local", "{}"),
                     0);
}

static inline bool has(struct fixture *f, const char *path)
{
    struct file_id id;
    char text[256];
    struct place place = place_of(f, path, text);
    return library_find_name(f->lib, &place, &id) == 0 && file_id_equal(id, status(f, path).id);
}

static inline bool has_name(struct fixture *f, const char *path)
{
    struct file_id id;
    char text[256];
    struct place place = place_of(f, path, text);
    return library_find_name(f->lib, &place, &id) == 0;
}

/* It was not forgotten meanwhile. */
static inline bool is_read(struct fixture *f, const char *path)
{
    struct store_stat st = status(f, path);
    return library_compare_content(f->lib, st.id, &st.stat) != CONTENT_UNREAD;
}

static inline bool pending(struct fixture *f, const char *path)
{
    return intake_is_pending(f->in, status(f, path).id);
}

static inline int compare(struct fixture *f, const char *path, unsigned events)
{
    char text[256];
    struct place place = place_of(f, path, text);
    return compare_name(f->in, &place, events);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
