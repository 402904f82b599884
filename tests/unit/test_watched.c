/* The tree of watched directories: moved, exchanged, replaced, dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/inbox/watched.h"

static struct watched_dir *put(struct watched *t, int wd, struct watched_dir *parent, const char *name)
{
    struct watched_dir *d = watched_put(t, wd, (struct file_id){7, (uint64_t)wd + 100}, parent, name);
    assert_non_null(d);
    return d;
}

static void assert_path(const struct watched *t, int wd, const char *path)
{
    struct watched_dir *d = watched_by_wd(t, wd);
    assert_non_null(d);
    char *now = watched_path(d);
    if (path)
        assert_string_equal(now, path);
    else
        assert_null(now);
    free(now);
}

static int removed[16], removed_count;

static void on_removed(void *context, int wd)
{
    (void)context;
    removed[removed_count++] = wd;
}

/* 1 the inbox, 2 a, 3 a/x, 4 a/x/deep, 5 b, 6 b/y */
static struct watched *tree(void)
{
    struct watched *t = watched_new();
    struct watched_dir *top = put(t, 1, NULL, ""), *a = put(t, 2, top, "a"), *x = put(t, 3, a, "x");
    put(t, 4, x, "deep");
    put(t, 6, put(t, 5, top, "b"), "y");
    removed_count = 0;
    return t;
}

static void paths(void **state)
{
    (void)state;
    struct watched *t = tree();
    assert_path(t, 1, "");
    assert_path(t, 2, "a");
    assert_path(t, 4, "a/x/deep");
    assert_true(watched_is_top(watched_by_wd(t, 1)));
    assert_false(watched_is_top(watched_by_wd(t, 2)));
    assert_int_equal(watched_count(t), 6);
    assert_null(watched_by_wd(t, 9));
    assert_int_equal(watched_wd(watched_by_id(t, (struct file_id){7, 104})), 4);
    watched_free(t);
}

static void moved(void **state)
{
    (void)state;
    struct watched *t = tree();
    put(t, 3, watched_by_wd(t, 5), "z");
    assert_path(t, 3, "b/z");
    assert_path(t, 4, "b/z/deep");
    assert_path(t, 2, "a");
    assert_int_equal(watched_count(t), 6);
    watched_free(t);
}

static void exchanged(void **state)
{
    (void)state;
    struct watched *t = tree();
    put(t, 5, watched_by_wd(t, 1), "a");
    put(t, 2, watched_by_wd(t, 1), "b");
    assert_path(t, 6, "a/y");
    assert_path(t, 4, "b/x/deep");
    watched_free(t);
}

static void upside_down(void **state)
{
    (void)state;
    struct watched *t = tree();
    /* a/x became x, and a went into it: seen in the wrong order. */
    put(t, 2, watched_by_wd(t, 3), "a");
    assert_path(t, 3, NULL);
    put(t, 3, watched_by_wd(t, 1), "x");
    assert_path(t, 3, "x");
    assert_path(t, 2, "x/a");
    watched_free(t);
}

static void replaced(void **state)
{
    (void)state;
    struct watched *t = tree();
    /* Another directory, with the inode number of the old one. */
    assert_non_null(watched_put(t, 9, (struct file_id){7, 103}, watched_by_wd(t, 1), "new"));
    assert_null(watched_by_wd(t, 3));
    assert_path(t, 9, "new");
    assert_path(t, 4, NULL);
    watched_free(t);
}

static void in_order(void **state)
{
    (void)state;
    struct watched *t = tree();
    static const int expected[] = {1, 2, 3, 4, 5, 6}, below_a[] = {2, 3, 4};
    struct watched_dir *top = watched_by_wd(t, 1), *a = watched_by_wd(t, 2), *d;
    int n = 0;
    for (d = top; d; d = watched_next(d, top))
        assert_int_equal(watched_wd(d), expected[n++]);
    assert_int_equal(n, 6);
    n = 0;
    for (d = a; d; d = watched_next(d, a))
        assert_int_equal(watched_wd(d), below_a[n++]);
    assert_int_equal(n, 3);
    watched_free(t);
}

static void pruned(void **state)
{
    (void)state;
    struct watched *t = tree();
    struct file_id keep = {7, 102};
    watched_prune(t, watched_by_wd(t, 1), "a", &keep, on_removed, NULL);
    assert_int_equal(removed_count, 0);
    watched_prune(t, watched_by_wd(t, 1), "a", NULL, on_removed, NULL);
    assert_int_equal(removed_count, 3);
    assert_int_equal(removed[0], 4);
    assert_int_equal(removed[2], 2);
    assert_int_equal(watched_count(t), 3);
    watched_free(t);
}

static void dropped(void **state)
{
    (void)state;
    struct watched *t = tree();
    watched_drop(t, watched_by_wd(t, 2));
    assert_path(t, 3, NULL);
    assert_path(t, 4, NULL);
    /* They are found again elsewhere. */
    put(t, 3, watched_by_wd(t, 5), "x");
    assert_path(t, 4, "b/x/deep");
    watched_free(t);
}

static void swept(void **state)
{
    (void)state;
    struct watched *t = tree();
    watched_unmark(t);
    put(t, 6, put(t, 5, put(t, 1, NULL, ""), "b"), "y");
    watched_sweep(t, on_removed, NULL);
    assert_int_equal(removed_count, 3);
    assert_int_equal(watched_count(t), 3);
    assert_path(t, 6, "b/y");
    watched_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),       cmocka_unit_test(moved),    cmocka_unit_test(exchanged),
        cmocka_unit_test(upside_down), cmocka_unit_test(replaced), cmocka_unit_test(in_order),
        cmocka_unit_test(pruned),      cmocka_unit_test(dropped),  cmocka_unit_test(swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
