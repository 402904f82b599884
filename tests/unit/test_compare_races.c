/* Store and library compared while the mount changes both, and who writes to a file. */
#include "tests/unit/compare_tests.h"

/* ---- at the same moment ---- */

struct rush {
    struct fixture *f;
    atomic_bool over;
};

static void *compare_for_ever(void *argument)
{
    struct rush *r = argument;
    struct fixture *f = r->f;
    struct file_id inbox = status(f, "").id;
    while (!atomic_load(&r->over)) {
        compare_name(f->in, &(struct place){inbox, "", "a.wav"}, COMPARE_GONE);
        compare_name(f->in, &(struct place){inbox, "", "b.wav"}, COMPARE_GONE);
        compare_directory(f->in, inbox, "");
    }
    return NULL;
}

/* The mount renames a recording to and fro: it is never taken for gone in between, or its job would be lost.
 */
static void renamed_by_the_mount_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct rush rush = {.f = f};
    pthread_t threads[2];
    write_file(f, "a.wav", "x");
    known(f, "a.wav");
    struct store_stat st = status(f, "a.wav");
    struct file_id inbox = status(f, "").id;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compare_for_ever, &rush), 0);
    for (int i = 0; i < 2000; i++) {
        struct place places[2] = {{inbox, "", "a.wav"}, {inbox, "", "b.wav"}};
        int from = i % 2;
        unsigned turn = intake_names_begin(f->in);
        move(f, places[from].name, places[!from].name, 0);
        sched_yield();
        intake_renamed(f->in, &places[from], &places[!from], st.id);
        intake_names_end(f->in, turn);
        /* Anything else, and it had been forgotten and found again. */
        assert_int_equal(library_compare_content(f->lib, st.id, &st.stat), CONTENT_CURRENT);
    }
    atomic_store(&rush.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true(has(f, "a.wav"));
    assert_false(has_name(f, "b.wav"));
}

struct catching_up {
    struct intake *in;
    atomic_bool over;
};

static void *catch_up(void *argument)
{
    struct catching_up *c = argument;
    intake_catch_up(c->in);
    atomic_store(&c->over, true);
    return NULL;
}

static unsigned turn_of(struct intake *in)
{
    pthread_mutex_lock(&in->turns.lock);
    unsigned now = in->turns.now;
    pthread_mutex_unlock(&in->turns.lock);
    return now;
}

/* It waits for the changes that were under way, not for later ones, and holds up nobody. */
static void catching_up(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        struct catching_up c = {.in = f->in};
        pthread_t thread;
        unsigned before = intake_names_begin(f->in);
        assert_int_equal(pthread_create(&thread, NULL, catch_up, &c), 0);
        while (turn_of(f->in) == before)
            sched_yield();
        unsigned later = intake_names_begin(f->in);
        assert_false(atomic_load(&c.over));
        intake_names_end(f->in, before);
        pthread_join(thread, NULL);
        intake_names_end(f->in, later);
    }
    intake_catch_up(f->in); /* nothing to wait for */
}

/* The mount deletes it and makes another: the new one is never removed, nor is the old one found again. */
static void made_anew_by_the_mount_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct rush rush = {.f = f};
    pthread_t threads[2];
    struct place place = {status(f, "").id, "", "a.wav"};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compare_for_ever, &rush), 0);
    for (int i = 0; i < 1000; i++) {
        unsigned turn = intake_names_begin(f->in);
        write_file(f, "a.wav", "x");
        struct file_id id = status(f, "a.wav").id;
        sched_yield();
        intake_added(f->in, &place, id);
        intake_names_end(f->in, turn);
        struct file_id now;
        assert_int_equal(library_find_name(f->lib, &place, &now), 0);
        assert_true(file_id_equal(now, id));
        turn = intake_names_begin(f->in);
        remove_file(f, "a.wav");
        sched_yield();
        intake_removed(f->in, &place, id);
        intake_names_end(f->in, turn);
        assert_int_equal(library_find_name(f->lib, &place, &now), -ENOENT);
    }
    atomic_store(&rush.over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* ---- writers ---- */

static void writers(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "x");
    char *path = in_store(f, "a.wav");
    int fd = open(path, O_RDONLY | O_CLOEXEC), reader = open(path, O_RDONLY | O_CLOEXEC);
    assert_false(store_has_writer(fd));
    int writer = open(path, O_RDWR | O_CLOEXEC);
    assert_true(writer >= 0);
    assert_true(store_has_writer(fd));
    void *mapping = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
    assert_ptr_not_equal(mapping, MAP_FAILED);
    close(writer);
    assert_true(store_has_writer(fd)); /* by its mapping */
    munmap(mapping, 1);
    assert_false(store_has_writer(fd));
    /* And nobody is kept from writing. */
    writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(writer >= 0);
    close(writer);
    close(reader);
    close(fd);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(renamed_by_the_mount_meanwhile),
        TEST(made_anew_by_the_mount_meanwhile),
        TEST(catching_up),
        TEST(writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
