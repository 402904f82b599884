/* A library on an index, results and a cache of views of its own, for tests: opened, closed and opened again. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/index.h"
#include "cache/results.h"
#include "cache/views.h"
#include "fs/library.h"
#include "tests/unit/scratch.h"

struct library_store {
    char *dir, *index_path, *results_path, *views_path;
    struct index *index;
    struct results *results;
    struct views *views;
    struct library *lib;
};

static inline void store_open_library(struct library_store *s)
{
    struct error err = {0};
    assert_int_equal(index_open(s->index_path, &s->index, NULL, &err), 0);
    assert_int_equal(results_open(s->results_path, &s->results), 0);
    assert_int_equal(views_open(s->views_path, &s->views), 0);
    assert_int_equal(library_new(s->index, s->results, s->views, 7, &s->lib), 0);
    assert_int_equal(library_load(s->lib), 0);
}

static inline void store_close_library(struct library_store *s)
{
    library_free(s->lib);
    assert_int_equal(index_close(s->index, 5000), 0);
    results_close(s->results);
    views_close(s->views);
}

/* In a directory of its own. */
static inline void store_new(struct library_store *s)
{
    s->dir = scratch_new();
    s->index_path = scratch_join(s->dir, "index.db");
    s->results_path = scratch_join(s->dir, "results");
    s->views_path = scratch_join(s->dir, "views");
    store_open_library(s);
}

static inline void store_free(struct library_store *s)
{
    store_close_library(s);
    scratch_remove(s->dir);
    free(s->index_path);
    free(s->results_path);
    free(s->views_path);
}
