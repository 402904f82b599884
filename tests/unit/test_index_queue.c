/* cache/index.h: the order of changes, what is durable when, history and speed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "backend/base/cleanup.h"
#include "tests/unit/index_support.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- order ---- */

/* One change out of few, so that they hit the same rows again and again. */
static void random_change(struct index *ix, unsigned *seed)
{
    static const char *const paths[] = {"a", "a/b", "ab", "a/b/c", "c"};
    static const char *const names[] = {"x", "y"};
    unsigned what = (unsigned)rand_r(seed) % 13, value = (unsigned)rand_r(seed) % 1000;
    int64_t id = 1 + rand_r(seed) % 3;
    const char *path = paths[rand_r(seed) % 5], *name = names[rand_r(seed) % 2];
    struct index_job job = job_of(value % 3);
    job.attempts = (int)value;
    switch (what) {
    case 0:
    case 1:
        index_put_directory(ix, &(struct index_directory){.id = id, .path = path, .ino = value});
        break;
    case 2:
        index_drop_directory(ix, id);
        break;
    case 3:
        index_move_directories(ix, path, paths[rand_r(seed) % 5]);
        break;
    case 4:
    case 5:
        index_put_link(ix, &(struct index_link){.directory = id, .name = name, .base = path, .ino = value});
        break;
    case 6:
        index_drop_link(ix, id, name);
        break;
    case 7:
        if (value % 3)
            index_put_recording(ix, &(struct index_recording){.dev = 1, .ino = value % 4, .size = value});
        else
            index_drop_recording(ix, 1, value % 4);
        break;
    case 8:
    case 9:
        if (value % 3)
            index_put_charge(ix, &(struct index_charge){.job = job.key,
                                                        .at_ms = value % 2,
                                                        .kind = CHARGE_BILLED,
                                                        .model = "m",
                                                        .billed_ms = value,
                                                        .currency = ""});
        else
            index_drop_charge(ix, &job.key, value % 2);
        break;
    case 10:
        if (value % 3)
            index_put_delivery(ix, &(struct index_delivery){.id = value % 2 ? "a" : "b",
                                                            .to = "webhook",
                                                            .body = "{}",
                                                            .attempts = (int)value});
        else
            index_drop_delivery(ix, value % 2 ? "a" : "b");
        break;
    default:
        if (value % 4)
            index_put_job(ix, &job);
        else
            index_drop_job(ix, &job.key);
    }
}

/* Changes that wait for each other are merged; the outcome is as if each had been written on its own. */
static void merged_changes_come_to_the_same(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *other_path = scratch_join(f->scratch, "other.db");
    struct index *other;
    enum { ROUNDS = 12, CHANGES = 25 };
    open_index(f);
    assert_int_equal(index_open(other_path, &other, NULL, NULL), 0);
    sqlite3 *lock = open_outside(other_path);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned one = round, piled = round;
        run_sql(lock, "BEGIN IMMEDIATE");
        for (int i = 0; i < CHANGES; i++) {
            random_change(f->index, &one);
            flush(f->index);
            random_change(other, &piled);
        }
        run_sql(lock, "COMMIT");
        flush(other);
        cleanup_free char *want = dump(f->path);
        cleanup_free char *got = dump(other_path);
        assert_string_equal(got, want);
    }
    sqlite3_close(lock);
    assert_int_equal(index_close(other, 10000), 0);
}

static void fifty_thousand_changes(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    put_jobs(f->index, 0, 50000);
    flush(f->index);
    assert_int_equal(jobs_loaded(f->index), 50000);
}

struct writer_of_jobs {
    struct index *index;
    uint32_t first;
};

static void *put_a_thousand(void *arg)
{
    struct writer_of_jobs *w = arg;
    for (uint32_t i = 0; i < 1000; i++) {
        struct index_job job = job_of(w->first + i);
        index_put_job(w->index, &job);
        index_speed(w->index, "local");
        index_trouble(w->index, NULL);
    }
    return NULL;
}

static void many_threads(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct writer_of_jobs writers[THREADS];
    open_index(f);
    for (uint32_t i = 0; i < THREADS; i++) {
        writers[i] = (struct writer_of_jobs){.index = f->index, .first = i * 1000};
        assert_int_equal(pthread_create(&threads[i], NULL, put_a_thousand, &writers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    flush(f->index);
    assert_int_equal(count_rows(f->path, "jobs"), THREADS * 1000);
}

/* ---- durable ---- */

struct durable_call {
    struct fixture *fixture;
    uint32_t number;
    int64_t rows; /* that another connection saw when the call came */
    sem_t called;
};

static void look_from_outside(void *arg)
{
    struct durable_call *call = arg;
    sqlite3 *db;
    if (sqlite3_open(call->fixture->path, &db) == SQLITE_OK) {
        sqlite3_stmt *stmt;
        if (sqlite3_prepare_v2(db, "SELECT count(*) FROM jobs", -1, &stmt, NULL) == SQLITE_OK &&
            sqlite3_step(stmt) == SQLITE_ROW)
            call->rows = sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db);
    sem_post(&call->called);
}

static void what_came_before_is_there_when_it_is_durable(void **state)
{
    struct fixture *f = *state;
    struct durable_call calls[20];
    open_index(f);
    for (uint32_t i = 0; i < COUNT(calls); i++) {
        struct index_job job = job_of(i);
        calls[i] = (struct durable_call){.fixture = f, .number = i};
        sem_init(&calls[i].called, 0, 0);
        index_put_job(f->index, &job);
        index_when_durable(f->index, look_from_outside, &calls[i]);
    }
    for (uint32_t i = 0; i < COUNT(calls); i++) {
        assert_int_equal(sem_wait(&calls[i].called), 0);
        assert_true(calls[i].rows >= (int64_t)i + 1);
        sem_destroy(&calls[i].called);
    }
}

struct chain {
    struct index *index;
    uint32_t left;
    sem_t done;
};

static void put_another(void *arg)
{
    struct chain *chain = arg;
    if (chain->left == 0) {
        sem_post(&chain->done);
        return;
    }
    struct index_job job = job_of(chain->left--);
    index_put_job(chain->index, &job);
    index_when_durable(chain->index, put_another, chain);
}

static void a_durable_call_may_queue_more(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    struct chain chain = {.index = f->index, .left = 10};
    sem_init(&chain.done, 0, 0);
    index_when_durable(f->index, put_another, &chain); /* nothing to write at all */
    assert_int_equal(sem_wait(&chain.done), 0);
    assert_int_equal(count_rows(f->path, "jobs"), 10);
    sem_destroy(&chain.done);
}

/* ---- what is refused ---- */

static void a_refused_change_holds_up_nothing(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    open_index(f);
    sqlite3 *lock = open_outside(f->path);
    run_sql(lock, "BEGIN IMMEDIATE"); /* all three in one transaction */
    struct index_job before = job_of(1), wrong = job_of(2), after = job_of(3);
    wrong.state = (enum job_state)9;
    index_put_job(f->index, &before);
    index_put_job(f->index, &wrong);
    index_put_job(f->index, &after);
    run_sql(lock, "COMMIT");
    sqlite3_close(lock);
    flush(f->index);
    assert_true(index_trouble(f->index, &err));
    assert_string_equal(err.code, "index.refused");
    assert_int_equal(jobs_loaded(f->index), 2);
    sqlite3 *db = open_outside(f->path);
    assert_int_equal(number_of(db, "SELECT count(*) FROM jobs WHERE created_ms IN (2, 4)"), 2);
    sqlite3_close(db);
}

/* ---- history and speed ---- */

static int take_event(void *arg, const struct index_event *e)
{
    struct digest key = digest_of(5);
    assert_memory_equal(&e->job, &key, sizeof key);
    buffer_printf(arg, "%s:%s;", e->event, e->detail);
    return 0;
}

static void history_is_written(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(5);
    open_index(f);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    index_history(f->index, &key, "failed", "no \xff answer");
    index_history(f->index, &key, "retried", NULL);
    index_history(f->index, &key, "retried", NULL); /* never merged */
    flush(f->index);
    sqlite3 *db = open_outside(f->path);
    assert_int_equal(number_of(db, "SELECT count(*) FROM history WHERE event = 'retried' AND detail = ''"),
                     2);
    assert_int_equal(number_of(db,
                               "SELECT count(*) FROM history WHERE event = 'failed'"
                               " AND CAST(detail AS BLOB) = X'6e6f20ff20616e73776572' AND length(job) = 32"),
                     1);
    int64_t at = number_of(db, "SELECT min(at_ms) FROM history");
    assert_in_range(at, (uint64_t)now.tv_sec * 1000, (uint64_t)now.tv_sec * 1000 + 60000);
    sqlite3_close(db);
    /* It is read as it was written, also after the first write. */
    cleanup_buffer struct buffer read = {0};
    assert_int_equal(index_load_history(f->index, take_event, &read), 0);
    assert_string_equal(read.data, "failed:no \xff answer;retried:;retried:;");
}

static void history_does_not_grow_for_ever(void **state)
{
    struct fixture *f = *state;
    struct digest key = digest_of(5);
    open_index(f);
    for (int i = 0; i < 103500; i++)
        index_history(f->index, &key, i == 103499 ? "last" : "done", "");
    close_index(f);
    sqlite3 *db = open_outside(f->path);
    assert_in_range(number_of(db, "SELECT count(*) FROM history"), 100000, 101000);
    assert_int_equal(number_of(db, "SELECT event = 'last' FROM history ORDER BY id DESC LIMIT 1"), 1);
    sqlite3_close(db);
}

static void speed_is_the_median_of_the_last_jobs(void **state)
{
    struct fixture *f = *state;
    enum { MOST = 30 };
    static const struct {
        const char *what;
        double expected;
        int count;
        int64_t took_ms[MOST]; /* for 10 s of audio, in the order of finishing; negative: not counted */
    } cases[] = {
        {"none", 0, 0, {0}},
        {"one", 0.5, 1, {5000}},
        {"odd", 0.3, 3, {9000, 3000, 1000}},
        {"even", 0.4, 4, {9000, 3000, 1000, 5000}},
        {"only the last twenty", 0.2, 25, {9000, 9000, 9000, 9000, 9000, 1000, 1000, 1000, 1000,
                                           1000, 1000, 1000, 1000, 1000, 1000, 3000, 3000, 3000,
                                           3000, 3000, 3000, 3000, 3000, 3000, 3000}},
        {"without those that took no time", 0.5, 3, {0, 5000, 0}},
    };
    open_index(f);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char backend[20];
        snprintf(backend, sizeof backend, "backend %zu", i);
        for (int k = 0; k < cases[i].count; k++) {
            struct index_job job = job_of((uint32_t)(i * 1000 + (size_t)k));
            job.backend = backend;
            job.state = JOB_DONE;
            job.duration_ms = 10000;
            job.started_ms = 1000000 + k * 100000;
            job.finished_ms = job.started_ms + cases[i].took_ms[k];
            index_put_job(f->index, &job);
            /* None of these counts. */
            job.key = digest_of((uint32_t)(i * 1000 + 500 + (size_t)k));
            job.finished_ms += 70000;
            switch (k % 4) {
            case 0:
                job.state = JOB_FAILED;
                break;
            case 1:
                job.duration_ms = 0;
                break;
            case 2:
                job.started_ms = 0;
                break;
            default:
                job.backend = "another";
            }
            index_put_job(f->index, &job);
        }
    }
    flush(f->index);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char backend[20];
        snprintf(backend, sizeof backend, "backend %zu", i);
        double got = index_speed(f->index, backend);
        if (got < cases[i].expected - 1e-9 || got > cases[i].expected + 1e-9)
            fail_msg("%s: %f, not %f", cases[i].what, got, cases[i].expected);
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        CASE(merged_changes_come_to_the_same),
        CASE(fifty_thousand_changes),
        CASE(many_threads),
        CASE(what_came_before_is_there_when_it_is_durable),
        CASE(a_durable_call_may_queue_more),
        CASE(a_refused_change_holds_up_nothing),
        CASE(history_is_written),
        CASE(history_does_not_grow_for_ever),
        CASE(speed_is_the_median_of_the_last_jobs),
    };
    return cmocka_run_group_tests_name("index queue", tests, NULL, NULL);
}
