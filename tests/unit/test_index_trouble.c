/* cache/index.h while it cannot be written: a full disk, a locked file; and after kill -9. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>

#include "backend/base/cleanup.h"
#include "tests/unit/index_support.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- trouble that passes ---- */

struct told {
    _Atomic int began, ended;
};

static void count_told(void *context, const struct error *trouble)
{
    struct told *told = context;
    if (trouble && !strcmp(trouble->code, "index.full"))
        told->began++;
    else if (!trouble)
        told->ended++;
}

static void a_full_disk(void **state)
{
    struct told told = {0};
    struct fixture *f = *state;
    cleanup_free char *disk = scratch_join(f->scratch, "disk");
    cleanup_free char *path = scratch_join(disk, "index.db");
    cleanup_free char *filler = scratch_join(disk, "filler");
    assert_int_equal(mkdir(disk, 0700), 0);
    if (!scratch_mount(disk, "size=8m")) {
        print_message("SKIP: no small disk: mounting is not permitted\n");
        /* skip() jumps out: nothing is cleaned up. */
        free(steal_ptr(disk));
        free(steal_ptr(path));
        free(steal_ptr(filler));
        skip();
    }
    struct index *ix;
    assert_int_equal(index_open(path, &ix, NULL, NULL), 0);
    index_when_trouble(ix, count_told, &told);
    put_jobs(ix, 0, 100);
    flush(ix);
    scratch_fill(filler);
    /* The same jobs again and again, with others: only the last state counts. */
    for (int round = 0; round < 3; round++)
        put_jobs(ix, 0, 1000);
    struct error err = wait_for_trouble(ix);
    assert_string_equal(err.code, "index.full");
    assert_int_equal(err.class, ERROR_TRANSIENT);
    assert_int_equal(err.sys, ENOSPC);
    struct index_job last = job_of(7);
    last.attempts = 77;
    index_put_job(ix, &last);
    index_drop_job(ix, &(struct digest){{0}});
    put_jobs(ix, 1000, 500);
    assert_true(index_trouble(ix, &err));
    assert_int_equal(told.began, 1);
    assert_int_equal(told.ended, 0);

    assert_int_equal(unlink(filler), 0);
    flush(ix);
    assert_false(index_trouble(ix, &err));
    assert_int_equal(told.began, 1);
    assert_int_equal(told.ended, 1);
    assert_int_equal(jobs_loaded(ix), 1500);
    assert_int_equal(index_close(ix, 0), 0);
    sqlite3 *db = open_outside(path);
    assert_int_equal(number_of(db, "SELECT count(*) FROM jobs WHERE attempts = 77"), 1);
    sqlite3_close(db);
    scratch_unmount(disk);
}

static void a_file_locked_by_somebody_else(void **state)
{
    struct fixture *f = *state;
    struct error err;
    open_index(f);
    sqlite3 *other = open_outside(f->path);
    run_sql(other, "BEGIN IMMEDIATE");
    put_jobs(f->index, 0, 10);
    err = wait_for_trouble(f->index);
    assert_string_equal(err.code, "index.locked");
    assert_int_equal(err.class, ERROR_TRANSIENT);
    /* Reading goes on. */
    assert_true(index_speed(f->index, "local") == 0.0);
    put_jobs(f->index, 10, 10);
    run_sql(other, "COMMIT");
    flush(f->index);
    assert_false(index_trouble(f->index, &err));
    sqlite3_close(other);
    assert_int_equal(jobs_loaded(f->index), 20);
}

static void note_call(void *called)
{
    *(bool *)called = true;
}

static void closing_gives_up_in_the_end(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    put_jobs(f->index, 0, 1);
    flush(f->index);
    sqlite3 *other = open_outside(f->path);
    run_sql(other, "BEGIN IMMEDIATE");
    put_jobs(f->index, 1, 1);
    bool called = false;
    index_when_durable(f->index, note_call, &called);
    struct index *ix = f->index;
    f->index = NULL;
    assert_int_equal(index_close(ix, 300), -EAGAIN);
    assert_false(called);
    run_sql(other, "COMMIT");
    sqlite3_close(other);
    assert_int_equal(count_rows(f->path, "jobs"), 1);
}

static void *commit_after_a_second(void *db)
{
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 300000000}, NULL);
    run_sql(db, "COMMIT");
    return NULL;
}

static void closing_waits_for_what_can_be_written(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    sqlite3 *other = open_outside(f->path);
    run_sql(other, "BEGIN IMMEDIATE");
    put_jobs(f->index, 0, 10);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, commit_after_a_second, other), 0);
    struct index *ix = f->index;
    f->index = NULL;
    assert_int_equal(index_close(ix, 30000), 0);
    pthread_join(thread, NULL);
    sqlite3_close(other);
    assert_int_equal(count_rows(f->path, "jobs"), 10);
}

/* ---- kill -9 ---- */

struct announced {
    int fd;
    uint32_t number;
};

static void announce(void *arg)
{
    const struct announced *a = arg;
    if (write(a->fd, &a->number, sizeof a->number) != sizeof a->number)
        _exit(3);
}

/* Writes jobs for ever, and says of each when it is durable. */
static void write_until_killed(const char *path, int fd, uint32_t first)
{
    enum { AHEAD = 5000 };
    static struct announced announced[AHEAD];
    struct index *ix;
    if (index_open(path, &ix, NULL, NULL))
        _exit(2);
    for (uint32_t i = 0; i < AHEAD; i++) {
        struct index_job job = job_of(first + i);
        announced[i] = (struct announced){.fd = fd, .number = first + i};
        index_put_job(ix, &job);
        index_when_durable(ix, announce, &announced[i]);
        if (i % 100 == 0)
            sched_yield(); /* so that there is more than one transaction */
    }
    for (;;)
        pause();
}

static int mark_job(void *arg, const struct index_job *j)
{
    bool *there = arg;
    uint32_t number;
    memcpy(&number, j->key.bytes, sizeof number);
    there[number] = true;
    return 0;
}

static void what_was_durable_survives_kill_9(void **state)
{
    struct fixture *f = *state;
    enum { MOST = 40000 };
    static const uint32_t kill_after[] = {1, 2, 50, 700, 4999};
    static bool promised[MOST];
    memset(promised, 0, sizeof promised);
    for (size_t round = 0; round < COUNT(kill_after); round++) {
        uint32_t first = (uint32_t)round * 5000, number, heard = 0;
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            write_until_killed(f->path, ends[1], first);
        }
        close(ends[1]);
        while (read(ends[0], &number, sizeof number) == sizeof number) {
            assert_true(number < MOST);
            promised[number] = true;
            if (++heard == kill_after[round])
                kill(child, SIGKILL);
        }
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_true(heard >= kill_after[round]);

        bool *there = calloc(MOST, sizeof *there);
        assert_non_null(there);
        open_index(f);
        assert_int_equal(index_load_jobs(f->index, mark_job, there), 0);
        for (uint32_t i = 0; i < MOST; i++)
            if (promised[i] && !there[i])
                fail_msg("job %u was durable and is lost", i);
        free(there);
        close_index(f);
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        CASE(a_full_disk),
        CASE(a_file_locked_by_somebody_else),
        CASE(closing_gives_up_in_the_end),
        CASE(closing_waits_for_what_can_be_written),
        CASE(what_was_durable_survives_kill_9),
    };
    return cmocka_run_group_tests_name("index trouble", tests, NULL, NULL);
}
