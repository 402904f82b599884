/* The node table: ids, lookups, names, paths, views. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fs/library.h"
#include "fs/mount/node.h"

#define DEVICE 2049

struct fixture {
    struct node_table t;
    struct node *inbox;
};

static void no_directory(struct dir_fd *d)
{
    (void)d;
    fail_msg("no node here has a directory descriptor");
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(node_table_init(&f->t, DEVICE, no_directory), 0);
    struct node_fact fact = {.file = {DEVICE, 2}, .mode = S_IFDIR | 0755};
    f->inbox = node_real(&f->t, &fact, NULL, NULL, false, 0, NULL);
    assert_non_null(f->inbox);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    node_table_clear(&f->t);
    free(f);
    return 0;
}

/* A reference that is given back at once: the node stays by its lookup. */
static struct node *look_up(struct fixture *f, uint64_t ino, mode_t mode, struct node *parent,
                            const char *name)
{
    struct node_fact fact = {.file = {DEVICE, ino}, .mode = mode, .birth_ns = 1};
    struct node *n = node_real(&f->t, &fact, parent, name, true, 0, NULL);
    assert_non_null(n);
    node_put(&f->t, n);
    return n;
}

static struct view view_of(uint64_t recording, enum view_format format, uint64_t version)
{
    struct view v = {.recording = {DEVICE, recording}, .format = format, .version = version, .size = 10};
    strcpy(v.recording_name, "talk.wav");
    return v;
}

static struct node *look_up_view(struct fixture *f, const struct view *v, const char *name, bool alone)
{
    struct node *n = node_view(&f->t, v, f->inbox, name, alone, true);
    assert_non_null(n);
    node_put(&f->t, n);
    return n;
}

static void assert_path(struct fixture *f, const struct node *directory, const char *expected)
{
    char *path = node_path(&f->t, directory, f->inbox);
    if (expected)
        assert_string_equal(path, expected);
    else
        assert_null(path);
    free(path);
}

/* ---- Ids ---- */

static void ids_are_composed_of_kind_device_and_inode(void **state)
{
    (void)state;
    static const struct {
        unsigned kind, tag;
        uint64_t inode, id;
    } table[] = {
        {NODE_KIND_REAL, 0, 1, 0x0200000000000001}, /* never 1, the top, whatever the inode number */
        {NODE_KIND_REAL, 0, 2, 0x0200000000000002},
        {NODE_KIND_REAL, 0, 0xffffffffffff, 0x0200ffffffffffff},
        {NODE_KIND_REAL, 0, 0x1000000000000, 0},
        {NODE_KIND_REAL, 511, 5, 0x03ff000000000005},
        {NODE_KIND_REAL, 512, 5, 0},
        {NODE_KIND_VIEW(VIEW_TXT), 0, 5, 0x0400000000000005},
        {NODE_KIND_VIEW(VIEW_FORMATS), 0, 5, NODE_KIND_VIEW(VIEW_FORMATS) * UINT64_C(0x0200000000000000) + 5},
        {63, 511, 0xffffffffffff, 0x7fffffffffffffff}, /* the spill bit stays free */
        {64, 0, 5, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(node_compose(table[i].kind, table[i].tag, table[i].inode), table[i].id);
}

static void a_generation_fits_32_bits_and_tells_birth_times_apart(void **state)
{
    (void)state;
    assert_int_equal(node_generation(0), 0);
    assert_int_not_equal(node_generation(1700000000000000001), node_generation(1700000000000000002));
    assert_int_not_equal(node_generation(1700000000000000001), node_generation(1700000001000000001));
}

static void an_inode_number_that_does_not_fit_gets_a_spill_id_and_keeps_it(void **state)
{
    struct fixture *f = *state;
    const uint64_t large = UINT64_C(1) << 48;
    struct node *a = look_up(f, large, S_IFREG, f->inbox, "a");
    struct node *b = look_up(f, large + 1, S_IFREG, f->inbox, "b");
    assert_true(a->id & NODE_SPILL);
    assert_int_not_equal(a->id, b->id);
    assert_int_equal(a->ino, large);
    assert_ptr_equal(look_up(f, large, S_IFREG, f->inbox, "a"), a);
}

static void another_device_shows_the_node_id_as_inode_number(void **state)
{
    struct fixture *f = *state;
    struct node_fact fact = {.file = {DEVICE + 1, 7}, .mode = S_IFREG};
    struct node *here = look_up(f, 7, S_IFREG, f->inbox, "a");
    struct node *there = node_real(&f->t, &fact, f->inbox, "b", true, 0, NULL);
    assert_int_equal(here->ino, 7);
    assert_int_equal(there->ino, there->id);
    assert_int_equal(there->id, node_compose(NODE_KIND_REAL, 1, 7));
    assert_int_equal(node_ino_of(&f->t, fact.file), there->ino);
    node_put(&f->t, there);
}

static void the_fixed_nodes_do_not_show_small_inode_numbers(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->t.top->id, 1);
    assert_true(f->t.top->ino > NODE_INODE_LIMIT);
    assert_true(f->t.pages[0]->ino > NODE_INODE_LIMIT);
    assert_int_not_equal(f->t.top->ino, f->t.pages[0]->ino);
}

/* ---- Lookups ---- */

static void a_node_goes_with_its_last_lookup(void **state)
{
    struct fixture *f = *state;
    uint64_t id = look_up(f, 10, S_IFREG, f->inbox, "a")->id;
    look_up(f, 10, S_IFREG, f->inbox, "a");
    node_forget(&f->t, id, 1);
    struct node *n = node_get(&f->t, id);
    assert_non_null(n);
    node_put(&f->t, n);
    node_forget(&f->t, id, 1);
    assert_null(node_get(&f->t, id));
}

static void a_reference_outlives_the_lookups(void **state)
{
    struct fixture *f = *state;
    uint64_t id = look_up(f, 10, S_IFREG, f->inbox, "a")->id;
    struct node *n = node_get(&f->t, id);
    node_forget(&f->t, id, 1);
    assert_int_equal(n->file.ino, 10);
    node_put(&f->t, n);
    assert_null(node_get(&f->t, id));
}

static void forgetting_more_than_there_is_or_what_is_unknown_is_harmless(void **state)
{
    struct fixture *f = *state;
    uint64_t id = look_up(f, 10, S_IFREG, f->inbox, "a")->id;
    node_forget(&f->t, id, 100);
    assert_null(node_get(&f->t, id));
    node_forget(&f->t, id, 1);
    node_forget(&f->t, 12345, 1);
}

static void a_forgotten_directory_stays_while_something_in_it_is_known(void **state)
{
    struct fixture *f = *state;
    struct node *d = look_up(f, 10, S_IFDIR, f->inbox, "d");
    struct node *e = look_up(f, 11, S_IFDIR, d, "e");
    struct node *file = look_up(f, 12, S_IFREG, e, "f");
    uint64_t d_id = d->id, e_id = e->id, file_id = file->id;
    node_forget(&f->t, d_id, 1);
    node_forget(&f->t, e_id, 1);
    assert_path(f, e, "d/e");
    node_forget(&f->t, file_id, 1);
    assert_null(node_get(&f->t, e_id));
    assert_null(node_get(&f->t, d_id));
}

static void what_is_made_up_is_one_node_for_one_text(void **state)
{
    struct fixture *f = *state;
    struct node *a = node_made(&f->t, NODE_QUERY, "words", true), *b = node_made(&f->t, NODE_QUERY, "words", false);
    struct node *hits = node_made(&f->t, NODE_HITS, "words", false), *other = node_made(&f->t, NODE_QUERY, "word", false);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, hits);
    assert_ptr_not_equal(a, other);
    assert_int_equal(a->ino, node_ino_of_made(NODE_QUERY, "words"));
    assert_true(S_ISDIR(a->type) && S_ISREG(hits->type));
    uint64_t id = a->id;
    node_put(&f->t, a);
    node_put(&f->t, b);
    assert_non_null(b = node_get(&f->t, id)); /* the kernel knows it */
    node_put(&f->t, b);
    node_forget(&f->t, id, 1);
    assert_null(node_get(&f->t, id));
    node_put(&f->t, hits);
    node_put(&f->t, other);
}

static void many_nodes_are_all_found(void **state)
{
    struct fixture *f = *state;
    char name[16];
    for (uint64_t i = 100; i < 5100; i++) {
        snprintf(name, sizeof name, "%d", (int)i);
        look_up(f, i, S_IFREG, f->inbox, name);
    }
    for (uint64_t i = 100; i < 5100; i++) {
        struct node *n = node_find(&f->t, (struct file_id){DEVICE, i});
        assert_non_null(n);
        uint64_t id = n->id;
        node_put(&f->t, n);
        node_forget(&f->t, id, 1);
    }
    assert_int_equal(f->t.count, 3 + NODE_PAGES);
}

static void a_reused_inode_number_is_another_node_and_the_old_one_has_no_name(void **state)
{
    struct fixture *f = *state;
    static const struct node_fact reuses[] = {
        {.file = {DEVICE, 10}, .mode = S_IFREG, .birth_ns = 2},
        {.file = {DEVICE, 10}, .mode = S_IFDIR, .birth_ns = 3},
    };
    struct node *old = look_up(f, 10, S_IFREG, f->inbox, "old");
    for (size_t i = 0; i < sizeof reuses / sizeof *reuses; i++) {
        struct node *n = node_real(&f->t, &reuses[i], f->inbox, "new", true, 0, NULL);
        assert_ptr_not_equal(n, old);
        assert_int_not_equal(n->id, old->id);
        assert_int_equal(n->ino, 10);
        assert_int_equal(n->type, reuses[i].mode);
        assert_string_equal(n->names->text, "new");
        assert_int_equal(old->name_count, 0);
        struct node *found = node_find(&f->t, reuses[i].file);
        assert_ptr_equal(found, n);
        node_put(&f->t, found);
        /* The kernel may ask for the old one for as long as it knows of it. */
        struct node *got = node_get(&f->t, old->id);
        assert_ptr_equal(got, old);
        node_put(&f->t, got);
        node_put(&f->t, n);
        old = n;
    }
}

static void the_id_of_a_file_is_the_same_for_whoever_derives_it(void **state)
{
    struct fixture *f = *state;
    struct node *n = look_up(f, 10, S_IFREG, f->inbox, "a");
    uint64_t id = n->id;
    assert_int_equal(id & 0xffffffff, 10);
    node_remove_name(&f->t, n, f->inbox, "a");
    node_forget(&f->t, id, 1);
    assert_null(node_get(&f->t, id));
    assert_int_equal(look_up(f, 10, S_IFREG, f->inbox, "a")->id, id);
}

#define LARGE (UINT64_C(1) << 32) /* such a number leaves no room for the birth in the id */

static void a_reused_large_inode_number_has_another_generation_and_none_of_the_old_names(void **state)
{
    struct fixture *f = *state;
    static const struct node_fact reuses[] = {
        {.file = {DEVICE, LARGE}, .mode = S_IFREG, .birth_ns = 2},
        {.file = {DEVICE, LARGE}, .mode = S_IFDIR, .birth_ns = 3},
    };
    struct node *old = look_up(f, LARGE, S_IFREG, f->inbox, "old");
    for (size_t i = 0; i < sizeof reuses / sizeof *reuses; i++) {
        struct node *n = node_real(&f->t, &reuses[i], f->inbox, "new", true, 0, NULL);
        assert_ptr_equal(n, old);
        assert_int_equal(n->generation, node_generation((uint64_t)reuses[i].birth_ns));
        assert_int_equal(n->type, reuses[i].mode);
        assert_int_equal(n->name_count, 1);
        assert_string_equal(n->names->text, "new");
        node_put(&f->t, n);
    }
}

static void what_was_seen_before_an_inode_number_was_reused_is_not_believed(void **state)
{
    struct fixture *f = *state;
    struct node_fact young = {.file = {DEVICE, 10}, .mode = S_IFDIR, .birth_ns = 20};
    struct node_fact old = {.file = {DEVICE, 10}, .mode = S_IFREG, .birth_ns = 10};
    struct node *n = node_real(&f->t, &young, f->inbox, "young", true, 0, NULL);
    bool again = false;
    assert_null(node_real(&f->t, &old, f->inbox, "old", true, node_moves(&f->t), &again));
    assert_true(again);
    assert_int_equal(n->type, S_IFDIR);
    /* Unless it stays like that: the clock was set back. */
    struct node *back = node_real(&f->t, &old, f->inbox, "old", true, 0, NULL);
    assert_ptr_not_equal(back, n);
    assert_int_equal(back->type, S_IFREG);
    node_put(&f->t, back);
    node_put(&f->t, n);
}

/* ---- Names ---- */

static void a_file_has_several_names_a_directory_one(void **state)
{
    struct fixture *f = *state;
    struct node *file = look_up(f, 10, S_IFREG, f->inbox, "a");
    look_up(f, 10, S_IFREG, f->inbox, "b");
    look_up(f, 10, S_IFREG, f->inbox, "a");
    assert_int_equal(file->name_count, 2);
    assert_string_equal(file->names->text, "a");
    struct node *dir = look_up(f, 11, S_IFDIR, f->inbox, "c");
    look_up(f, 11, S_IFDIR, f->inbox, "d");
    assert_int_equal(dir->name_count, 1);
    assert_string_equal(dir->names->text, "d");
}

static void the_oldest_of_too_many_names_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct node *n = NULL;
    char name[16];
    for (int i = 0; i < NODE_NAMES + 3; i++) {
        snprintf(name, sizeof name, "%d", i);
        n = look_up(f, 10, S_IFREG, f->inbox, name);
    }
    assert_int_equal(n->name_count, NODE_NAMES);
    assert_string_equal(n->names->text, name);
}

static void a_rename_moves_the_paths_of_everything_below(void **state)
{
    struct fixture *f = *state;
    struct node *a = look_up(f, 10, S_IFDIR, f->inbox, "a");
    struct node *b = look_up(f, 11, S_IFDIR, a, "b");
    struct node *c = look_up(f, 12, S_IFDIR, f->inbox, "c");
    assert_path(f, f->inbox, "");
    assert_path(f, b, "a/b");
    assert_int_equal(node_rename(&f->t, a, f->inbox, "a", c, "new"), 0);
    assert_path(f, b, "c/new/b");
    node_remove_name(&f->t, a, c, "new");
    assert_path(f, b, NULL);
}

static void a_directory_is_never_below_itself(void **state)
{
    struct fixture *f = *state;
    struct node *a = look_up(f, 10, S_IFDIR, f->inbox, "a");
    struct node *b = look_up(f, 11, S_IFDIR, a, "b");
    /* Somebody turned the two round behind our back, and only half of it has been seen. */
    look_up(f, 10, S_IFDIR, b, "a");
    assert_path(f, b, "a/b");
    assert_int_equal(node_rename(&f->t, a, f->inbox, "a", b, "a"), -ESTALE);
}

static void a_name_seen_before_a_rename_is_not_believed_after_it(void **state)
{
    struct fixture *f = *state;
    struct node *n = look_up(f, 10, S_IFREG, f->inbox, "old");
    uint64_t before = node_moves(&f->t);
    node_rename(&f->t, n, f->inbox, "old", f->inbox, "new");
    struct node_fact fact = {.file = {DEVICE, 10}, .mode = S_IFREG, .birth_ns = 1};
    bool again = false;
    assert_null(node_real(&f->t, &fact, f->inbox, "old", true, before, &again));
    assert_true(again);
    assert_int_equal(n->name_count, 1);
    assert_int_equal(n->lookups, 1);
}

/* ---- Views ---- */

static void a_view_is_the_same_node_and_inode_each_time(void **state)
{
    struct fixture *f = *state;
    struct view txt = view_of(50, VIEW_TXT, 1), srt = view_of(50, VIEW_SRT, 1);
    struct node *n = look_up_view(f, &txt, "talk.txt", true);
    assert_ptr_equal(look_up_view(f, &txt, "talk.txt", true), n);
    assert_ptr_not_equal(look_up_view(f, &srt, "talk.srt", true), n);
    assert_int_equal(n->ino, node_ino_of_view(&f->t, txt.recording, VIEW_TXT));
    uint64_t id = n->id;
    node_forget(&f->t, id, 2);
    assert_int_equal(look_up_view(f, &txt, "talk.txt", true)->id, id);
}

static void new_content_is_a_new_node_with_the_same_inode_number(void **state)
{
    struct fixture *f = *state;
    struct view v = view_of(50, VIEW_TXT, 1);
    struct node *old = look_up_view(f, &v, "talk.txt", true);
    v.version = 2;
    v.size = 20;
    struct node *n = look_up_view(f, &v, "talk.txt", true);
    assert_int_not_equal(n->id, old->id);
    assert_int_equal(n->ino, old->ino);
    struct view seen;
    uid_t uid;
    gid_t gid;
    mode_t mode;
    node_view_read(&f->t, old, &seen, &uid, &gid, &mode);
    assert_int_equal(seen.size, 10);
    node_view_read(&f->t, n, &seen, &uid, &gid, &mode);
    assert_int_equal(seen.size, 20);
    assert_string_equal(seen.recording_name, "talk.wav");
    assert_int_equal(mode, 0600);
}

static void a_view_whose_recording_was_renamed_moves_along(void **state)
{
    struct fixture *f = *state;
    struct view v = view_of(50, VIEW_TXT, 1);
    struct node *n = look_up_view(f, &v, "talk.txt", true);
    strcpy(v.recording_name, "other.wav");
    assert_ptr_equal(look_up_view(f, &v, "other.txt", true), n);
    assert_string_equal(n->names->text, "other.txt");
    assert_string_equal(n->view->recording_name, "other.wav");
}

static void two_names_of_one_recording_have_views_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct view v = view_of(50, VIEW_TXT, 1);
    struct node *a = look_up_view(f, &v, "a.txt", false);
    struct node *b = look_up_view(f, &v, "b.txt", false);
    assert_int_not_equal(a->id, b->id);
    assert_int_not_equal(a->ino, b->ino);
    assert_ptr_equal(look_up_view(f, &v, "a.txt", false), a);
    assert_ptr_equal(look_up_view(f, &v, "b.txt", false), b);
}

static void a_view_that_became_a_file_answers_for_it_and_the_name_for_a_new_view(void **state)
{
    struct fixture *f = *state;
    struct view v = view_of(50, VIEW_TXT, 1);
    struct node *n = look_up_view(f, &v, "talk.txt", true);
    uint64_t id = n->id;
    struct node_fact fact = {.file = {DEVICE, 60}, .mode = S_IFREG, .birth_ns = 1};
    struct node *real = node_real(&f->t, &fact, f->inbox, "talk.txt", false, 0, NULL);
    node_become(&f->t, n, real);
    struct node *got = node_get(&f->t, id);
    assert_ptr_equal(got, real);
    node_put(&f->t, got);
    node_put(&f->t, real);
    assert_int_not_equal(look_up_view(f, &v, "talk.txt", true)->id, id);
    /* The alias is all that holds the real file's node. */
    node_forget(&f->t, id, 1);
    assert_null(node_find(&f->t, fact.file));
}

static void a_view_does_not_answer_for_another_file_with_the_inode_number_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct view v = view_of(50, VIEW_TXT, 1);
    struct node *n = look_up_view(f, &v, "talk.txt", true), *got;
    struct node_fact fact = {.file = {DEVICE, 60}, .mode = S_IFREG, .birth_ns = 1};
    struct node *real = node_real(&f->t, &fact, f->inbox, "talk.txt", false, 0, NULL);
    assert_int_equal(node_became(&f->t, n, &got), 0);
    node_become(&f->t, n, real);
    assert_int_equal(node_became(&f->t, n, &got), 1);
    assert_ptr_equal(got, real);
    fact.birth_ns = 2;
    node_put(&f->t, node_real(&f->t, &fact, f->inbox, "stranger", true, 0, NULL));
    assert_int_equal(node_became(&f->t, n, &got), -ESTALE);
    assert_null(node_get(&f->t, n->id));
    node_put(&f->t, real);
    node_put(&f->t, real);
}

static void what_is_kept_of_a_replaced_file_ends_with_its_node(void **state)
{
    struct fixture *f = *state;
    f->t.most_kept = 1;
    struct node *a = look_up(f, 60, S_IFREG, f->inbox, "a"), *b = look_up(f, 61, S_IFREG, f->inbox, "b");
    uint64_t id = a->id;
    assert_true(node_keep(&f->t, a, 100));
    assert_false(node_keep(&f->t, a, 101)); /* it has one */
    assert_false(node_keep(&f->t, b, 102)); /* there are as many as may be */
    assert_int_equal(node_keep_no_longer(&f->t, a), 100);
    assert_int_equal(node_keep_no_longer(&f->t, a), -1);
    assert_true(node_keep(&f->t, a, 103));
    node_remove_name(&f->t, a, f->inbox, "a");
    assert_int_equal(node_take_kept(&f->t), -1);
    node_forget(&f->t, id, 1);
    assert_null(node_get(&f->t, id));
    assert_int_equal(node_take_kept(&f->t), 103);
    assert_int_equal(node_take_kept(&f->t), -1);
    assert_true(node_keep(&f->t, b, 104));
}

static void a_file_knows_of_the_views_that_became_it(void **state)
{
    struct fixture *f = *state;
    struct view v = view_of(50, VIEW_TXT, 1);
    struct node *n = look_up_view(f, &v, "talk.txt", true), *real = look_up(f, 60, S_IFREG, f->inbox, "talk.txt");
    assert_false(node_has_aliases(&f->t, real));
    node_become(&f->t, n, real);
    assert_true(node_has_aliases(&f->t, real));
    node_forget(&f->t, n->id, 1);
    assert_false(node_has_aliases(&f->t, real));
}

static void a_handle_moves_from_the_view_to_the_file_it_became(void **state)
{
    struct fixture *f = *state;
    struct view v = view_of(50, VIEW_TXT, 1);
    struct node *n = look_up_view(f, &v, "talk.txt", true);
    uint64_t id = n->id;
    struct node_handle h = {.fd = -1};
    node_add_handle(&f->t, n, &h);
    assert_false(node_handle_is_behind(&f->t, &h));
    node_forget(&f->t, id, 1);
    assert_ptr_equal(h.node, n);
    struct node_fact fact = {.file = {DEVICE, 60}, .mode = S_IFREG, .birth_ns = 1};
    struct node *real = node_real(&f->t, &fact, f->inbox, "talk.txt", false, 0, NULL);
    node_become(&f->t, n, real);
    assert_true(node_handle_is_behind(&f->t, &h));
    node_move_handle(&f->t, &h, real, 99);
    node_put(&f->t, real);
    assert_null(node_get(&f->t, id));
    size_t slot = 0;
    assert_ptr_equal(node_any_handle(&f->t, &slot), &h);
    assert_int_equal(h.fd, 99);
    node_remove_handle(&f->t, &h);
    slot = 0;
    assert_null(node_any_handle(&f->t, &slot));
    assert_null(node_find(&f->t, fact.file));
}

static void the_page_cache_is_kept_only_while_nothing_changed(void **state)
{
    struct fixture *f = *state;
    struct node *n = look_up(f, 10, S_IFREG, f->inbox, "a");
    struct timespec t0 = {0, 0}, t1 = {1, 1}, t2 = {1, 2};
    assert_false(node_unchanged(&f->t, n, 0, t0, t0));
    assert_false(node_unchanged(&f->t, n, 5, t1, t1));
    assert_true(node_unchanged(&f->t, n, 5, t1, t1));
    assert_false(node_unchanged(&f->t, n, 6, t1, t1));
    assert_false(node_unchanged(&f->t, n, 6, t2, t1));
    assert_false(node_unchanged(&f->t, n, 6, t2, t2));
    assert_true(node_unchanged(&f->t, n, 6, t2, t2));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ids_are_composed_of_kind_device_and_inode),
        TEST(a_generation_fits_32_bits_and_tells_birth_times_apart),
        TEST(an_inode_number_that_does_not_fit_gets_a_spill_id_and_keeps_it),
        TEST(another_device_shows_the_node_id_as_inode_number),
        TEST(the_fixed_nodes_do_not_show_small_inode_numbers),
        TEST(a_node_goes_with_its_last_lookup),
        TEST(a_reference_outlives_the_lookups),
        TEST(forgetting_more_than_there_is_or_what_is_unknown_is_harmless),
        TEST(a_forgotten_directory_stays_while_something_in_it_is_known),
        TEST(what_is_made_up_is_one_node_for_one_text),
        TEST(many_nodes_are_all_found),
        TEST(a_reused_inode_number_is_another_node_and_the_old_one_has_no_name),
        TEST(the_id_of_a_file_is_the_same_for_whoever_derives_it),
        TEST(a_reused_large_inode_number_has_another_generation_and_none_of_the_old_names),
        TEST(what_was_seen_before_an_inode_number_was_reused_is_not_believed),
        TEST(a_file_has_several_names_a_directory_one),
        TEST(the_oldest_of_too_many_names_is_dropped),
        TEST(a_rename_moves_the_paths_of_everything_below),
        TEST(a_directory_is_never_below_itself),
        TEST(a_name_seen_before_a_rename_is_not_believed_after_it),
        TEST(a_view_is_the_same_node_and_inode_each_time),
        TEST(new_content_is_a_new_node_with_the_same_inode_number),
        TEST(a_view_whose_recording_was_renamed_moves_along),
        TEST(two_names_of_one_recording_have_views_of_their_own),
        TEST(a_view_that_became_a_file_answers_for_it_and_the_name_for_a_new_view),
        TEST(a_view_does_not_answer_for_another_file_with_the_inode_number_of_its_own),
        TEST(what_is_kept_of_a_replaced_file_ends_with_its_node),
        TEST(a_file_knows_of_the_views_that_became_it),
        TEST(a_handle_moves_from_the_view_to_the_file_it_became),
        TEST(the_page_cache_is_kept_only_while_nothing_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
