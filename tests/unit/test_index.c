/* cache/index.h: what is put, dropped and moved is found so by the next start. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "backend/base/cleanup.h"
#include "tests/unit/index_support.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Every byte a name may have. */
static void all_bytes(char name[256])
{
    for (int i = 0; i < 255; i++)
        name[i] = (char)(i + 1);
    name[255] = '\0';
}

/* ---- round trips ---- */

static int never(void *arg)
{
    (void)arg;
    fail();
    return 0;
}

static int no_directory(void *arg, const struct index_directory *d)
{
    (void)d;
    return never(arg);
}

static int no_recording(void *arg, const struct index_recording *r)
{
    (void)r;
    return never(arg);
}

static int no_link(void *arg, const struct index_link *l)
{
    (void)l;
    return never(arg);
}

static int no_job(void *arg, const struct index_job *j)
{
    (void)j;
    return never(arg);
}

static void assert_empty(struct index *ix)
{
    assert_int_equal(index_load_directories(ix, no_directory, NULL), 0);
    assert_int_equal(index_load_recordings(ix, no_recording, NULL), 0);
    assert_int_equal(index_load_links(ix, no_link, NULL), 0);
    assert_int_equal(index_load_jobs(ix, no_job, NULL), 0);
}

static void a_new_index_is_empty_and_private(void **state)
{
    struct fixture *f = *state;
    mode_t before = umask(0);
    open_index(f);
    umask(before);
    assert_empty(f->index);
    assert_false(index_trouble(f->index, &(struct error){0}));
    assert_true(index_speed(f->index, "local") == 0.0);
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        char name[20];
        struct stat st;
        snprintf(name, sizeof name, "index.db%s", suffixes[i]);
        cleanup_free char *path = scratch_join(f->scratch, name);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
}

static void closing_leaves_one_file(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    struct index_job job = job_of(1);
    index_put_job(f->index, &job);
    close_index(f);
    cleanup_free char *wal = scratch_join(f->scratch, "index.db-wal");
    cleanup_free char *shm = scratch_join(f->scratch, "index.db-shm");
    assert_int_equal(access(wal, F_OK), -1);
    assert_int_equal(access(shm, F_OK), -1);
    assert_int_equal(count_rows(f->path, "jobs"), 1);
    assert_int_equal(index_close(NULL, 0), 0);
}

struct expected_directories {
    const struct index_directory *rows;
    size_t count, seen;
};

static int check_directory(void *arg, const struct index_directory *d)
{
    struct expected_directories *expected = arg;
    assert_true(expected->seen < expected->count);
    const struct index_directory *want = &expected->rows[expected->seen++];
    assert_int_equal(d->id, want->id);
    assert_string_equal(d->path, want->path);
    assert_int_equal(d->dev, want->dev);
    assert_int_equal(d->ino, want->ino);
    return 0;
}

static void directories_round_trip(void **state)
{
    struct fixture *f = *state;
    char bytes[256];
    all_bytes(bytes);
    const struct index_directory rows[] = {
        {.id = 1, .path = "", .dev = 0, .ino = 0},
        {.id = 2, .path = "talks/2024", .dev = 0xfe00, .ino = 12},
        {.id = 3, .path = bytes, .dev = UINT64_MAX, .ino = UINT64_MAX - 1},
        {.id = INT64_MAX, .path = "\xff\xfe/\xc3", .dev = (uint64_t)INT64_MAX + 1, .ino = 7},
    };
    open_index(f);
    for (size_t i = 0; i < COUNT(rows); i++)
        index_put_directory(f->index, &rows[i]);
    close_index(f);
    open_index(f);
    struct expected_directories expected = {.rows = rows, .count = COUNT(rows)};
    assert_int_equal(index_load_directories(f->index, check_directory, &expected), 0);
    assert_int_equal(expected.seen, COUNT(rows));
}

struct expected_recordings {
    const struct index_recording *rows;
    size_t count, seen;
};

static int check_recording(void *arg, const struct index_recording *r)
{
    struct expected_recordings *expected = arg;
    assert_true(expected->seen < expected->count);
    const struct index_recording *want = &expected->rows[expected->seen++];
    assert_int_equal(r->dev, want->dev);
    assert_int_equal(r->ino, want->ino);
    assert_int_equal(r->birth_ns, want->birth_ns);
    assert_int_equal(r->size, want->size);
    assert_int_equal(r->mtime_ns, want->mtime_ns);
    assert_int_equal(r->ctime_ns, want->ctime_ns);
    assert_int_equal(r->digested, want->digested);
    if (want->digested) {
        assert_memory_equal(&r->digest, &want->digest, sizeof r->digest);
        assert_memory_equal(&r->job, &want->job, sizeof r->job);
    }
    return 0;
}

static void recordings_round_trip(void **state)
{
    struct fixture *f = *state;
    /* In the order of loading: numbers above INT64_MAX are negative in the file. */
    const struct index_recording rows[] = {
        {.dev = UINT64_MAX, .ino = UINT64_MAX, .size = INT64_MAX, .mtime_ns = INT64_MIN, .ctime_ns = -1},
        {.dev = 1, .ino = 1, .digested = true}, /* digest and job of zeros */
        {.dev = 1,
         .ino = 2,
         .birth_ns = 3,
         .size = 4,
         .mtime_ns = 5,
         .ctime_ns = 6,
         .digested = true,
         .digest = digest_of(7),
         .job = digest_of(8)},
        {.dev = 2, .ino = 1},
    };
    open_index(f);
    for (size_t i = 0; i < COUNT(rows); i++)
        index_put_recording(f->index, &rows[i]);
    close_index(f);
    open_index(f);
    struct expected_recordings expected = {.rows = rows, .count = COUNT(rows)};
    assert_int_equal(index_load_recordings(f->index, check_recording, &expected), 0);
    assert_int_equal(expected.seen, COUNT(rows));
}

struct expected_links {
    const struct index_link *rows;
    size_t count, seen;
};

static int check_link(void *arg, const struct index_link *l)
{
    struct expected_links *expected = arg;
    assert_true(expected->seen < expected->count);
    const struct index_link *want = &expected->rows[expected->seen++];
    assert_int_equal(l->directory, want->directory);
    assert_string_equal(l->name, want->name);
    assert_int_equal(l->dev, want->dev);
    assert_int_equal(l->ino, want->ino);
    assert_string_equal(l->base, want->base);
    assert_int_equal(l->hidden, want->hidden);
    assert_int_equal(l->hidden_digested, want->hidden_digested);
    if (want->hidden_digested)
        assert_memory_equal(&l->hidden_for, &want->hidden_for, sizeof l->hidden_for);
    return 0;
}

static void links_round_trip(void **state)
{
    struct fixture *f = *state;
    char bytes[256];
    all_bytes(bytes);
    const struct index_link rows[] = {
        {.directory = 1, .name = bytes, .dev = 1, .ino = 2, .base = bytes},
        {.directory = 1, .name = "TALK.mp3", .base = "TALK"},
        {.directory = 1, .name = "talk\n.mp3", .base = "", .hidden = UINT32_MAX, .hidden_digested = true},
        {.directory = 1,
         .name = "talk.mp3",
         .dev = UINT64_MAX,
         .ino = UINT64_MAX,
         .base = "talk.mp3",
         .hidden = 5,
         .hidden_digested = true,
         .hidden_for = digest_of(9)},
        {.directory = 2, .name = "talk.mp3", .base = "talk", .hidden = 1},
    };
    open_index(f);
    for (int64_t id = 1; id <= 2; id++)
        index_put_directory(f->index, &(struct index_directory){.id = id, .path = "x"});
    for (size_t i = 0; i < COUNT(rows); i++)
        index_put_link(f->index, &rows[i]);
    close_index(f);
    open_index(f);
    struct expected_links expected = {.rows = rows, .count = COUNT(rows)};
    assert_int_equal(index_load_links(f->index, check_link, &expected), 0);
    assert_int_equal(expected.seen, COUNT(rows));
}

struct expected_jobs {
    const struct index_job *rows;
    size_t count, seen;
};

static int check_job(void *arg, const struct index_job *j)
{
    struct expected_jobs *expected = arg;
    assert_true(expected->seen < expected->count);
    const struct index_job *want = &expected->rows[expected->seen++];
    assert_memory_equal(&j->key, &want->key, sizeof j->key);
    assert_memory_equal(&j->digest, &want->digest, sizeof j->digest);
    assert_string_equal(j->settings, want->settings);
    assert_string_equal(j->backend, want->backend);
    assert_int_equal(j->state, want->state);
    assert_int_equal(j->attempts, want->attempts);
    assert_int_equal(j->not_before_ms, want->not_before_ms);
    assert_int_equal(j->error.class, want->error.class);
    assert_int_equal(j->error.sys, want->error.sys);
    assert_string_equal(j->error.code, want->error.code);
    assert_string_equal(j->error.detail, want->error.detail);
    assert_int_equal(!j->checkpoint, !want->checkpoint);
    if (want->checkpoint)
        assert_string_equal(j->checkpoint, want->checkpoint);
    assert_int_equal(j->duration_ms, want->duration_ms);
    assert_int_equal(j->created_ms, want->created_ms);
    assert_int_equal(j->started_ms, want->started_ms);
    assert_int_equal(j->finished_ms, want->finished_ms);
    return 0;
}

static void jobs_round_trip(void **state)
{
    struct fixture *f = *state;
    char long_text[100001];
    memset(long_text, 's', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    struct index_job rows[] = {
        job_of(1),
        job_of(2),
        job_of(3),
        job_of(4),
        job_of(5),
        {.key = digest_of(6),
         .digest = digest_of(60),
         .settings = long_text,
         .backend = "",
         .state = JOB_DONE,
         .attempts = INT32_MAX,
         .not_before_ms = INT64_MAX,
         .checkpoint = "",
         .duration_ms = INT64_MAX,
         .created_ms = INT64_MAX - 3,
         .started_ms = INT64_MAX - 2,
         .finished_ms = INT64_MAX - 1},
    };
    error_set(&rows[1].error, ERROR_TRANSIENT, 111, "http.down", "no answer");
    error_set(&rows[2].error, ERROR_PERMANENT, 0, "media.truncated", "bytes \xff\xfe of a name\xc3");
    error_set(&rows[3].error, ERROR_PERSON, 13, "key.missing", "%s", long_text);
    error_set(&rows[4].error, ERROR_CHANGED, 0, "", "%s", "");
    rows[1].checkpoint = "task \"1\"\n\xff";
    rows[2].state = JOB_FAILED;
    rows[3].state = JOB_RUNNING;
    open_index(f);
    for (size_t i = 0; i < COUNT(rows); i++)
        index_put_job(f->index, &rows[i]);
    close_index(f);
    open_index(f);
    struct expected_jobs expected = {.rows = rows, .count = COUNT(rows)};
    assert_int_equal(index_load_jobs(f->index, check_job, &expected), 0);
    assert_int_equal(expected.seen, COUNT(rows));
}

static int stop_at_second(void *arg, const struct index_job *j)
{
    (void)j;
    return ++*(int *)arg == 2 ? -ECANCELED : 0;
}

struct expected_deliveries {
    const struct index_delivery *items;
    size_t count, seen;
};

static int check_delivery(void *arg, const struct index_delivery *d)
{
    struct expected_deliveries *expected = arg;
    assert_true(expected->seen < expected->count);
    const struct index_delivery *want = &expected->items[expected->seen++];
    assert_string_equal(d->id, want->id);
    assert_string_equal(d->to, want->to);
    assert_string_equal(d->body, want->body);
    assert_int_equal(d->attempts, want->attempts);
    assert_int_equal(d->created_ms, want->created_ms);
    assert_int_equal(d->not_before_ms, want->not_before_ms);
    return 0;
}

static int add_first_byte(void *arg, const struct digest *content)
{
    *(int *)arg += content->bytes[0];
    return 0;
}

static void what_was_confirmed_is_remembered_once(void **state)
{
    struct fixture *f = *state;
    int sum = 0;
    open_index(f);
    index_put_confirmed(f->index, &(struct digest){{3}});
    index_put_confirmed(f->index, &(struct digest){{40}});
    flush(f->index);
    index_put_confirmed(f->index, &(struct digest){{3}});
    flush(f->index);
    assert_int_equal(index_load_confirmed(f->index, add_first_byte, &sum), 0);
    assert_int_equal(sum, 43);
    assert_false(index_trouble(f->index, NULL));
}

static void deliveries_round_trip_the_oldest_first(void **state)
{
    struct fixture *f = *state;
    static const struct index_delivery later = {"a", "webhook", "{\"text\":\"\xe4\xbd\xa0\"}", 3, 2000, 9000},
                                       earlier = {"b", "program", "{}", 0, 1000, 0};
    open_index(f);
    index_put_delivery(f->index, &later);
    index_put_delivery(f->index, &earlier);
    flush(f->index);
    struct expected_deliveries expected = {(const struct index_delivery[]){earlier, later}, 2, 0};
    assert_int_equal(index_load_deliveries(f->index, check_delivery, &expected), 0);
    assert_int_equal(expected.seen, 2);
    index_drop_delivery(f->index, "b");
    flush(f->index);
    expected = (struct expected_deliveries){&later, 1, 0};
    assert_int_equal(index_load_deliveries(f->index, check_delivery, &expected), 0);
    assert_int_equal(expected.seen, 1);
}

static void a_callback_can_stop_the_loading(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    for (uint32_t i = 0; i < 5; i++) {
        struct index_job job = job_of(i);
        index_put_job(f->index, &job);
    }
    flush(f->index);
    int calls = 0;
    assert_int_equal(index_load_jobs(f->index, stop_at_second, &calls), -ECANCELED);
    assert_int_equal(calls, 2);
}

static void arguments_are_copied(void **state)
{
    struct fixture *f = *state;
    char path[] = "a", name[] = "n", base[] = "b", settings[] = "s", backend[] = "e", checkpoint[] = "c";
    open_index(f);
    sqlite3 *db = open_outside(f->path);
    run_sql(db, "BEGIN IMMEDIATE"); /* nothing is written before the strings change */
    struct index_job job = job_of(1);
    job.settings = settings;
    job.backend = backend;
    job.checkpoint = checkpoint;
    index_put_directory(f->index, &(struct index_directory){.id = 1, .path = path});
    index_put_link(f->index, &(struct index_link){.directory = 1, .name = name, .base = base});
    index_put_job(f->index, &job);
    *path = *name = *base = *settings = *backend = *checkpoint = '!';
    run_sql(db, "COMMIT");
    sqlite3_close(db);
    close_index(f);
    open_index(f);
    struct index_job want = job_of(1);
    want.settings = "s";
    want.backend = "e";
    want.checkpoint = "c";
    struct expected_directories directories = {&(struct index_directory){.id = 1, .path = "a"}, 1, 0};
    struct expected_links links = {&(struct index_link){.directory = 1, .name = "n", .base = "b"}, 1, 0};
    struct expected_jobs jobs = {&want, 1, 0};
    assert_int_equal(index_load_directories(f->index, check_directory, &directories), 0);
    assert_int_equal(index_load_links(f->index, check_link, &links), 0);
    assert_int_equal(index_load_jobs(f->index, check_job, &jobs), 0);
    assert_int_equal(directories.seen + links.seen + jobs.seen, 3);
}

/* ---- removing and moving ---- */

static void what_is_dropped_is_gone(void **state)
{
    struct fixture *f = *state;
    struct index_job job = job_of(1);
    open_index(f);
    index_put_directory(f->index, &(struct index_directory){.id = 1, .path = "a"});
    index_put_recording(f->index, &(struct index_recording){.dev = UINT64_MAX, .ino = 2});
    index_put_link(f->index, &(struct index_link){.directory = 1, .name = "\xff", .base = "b"});
    index_put_job(f->index, &job);
    flush(f->index);
    cleanup_free char *before = dump(f->path);
    /* Neighbours of what is there. */
    index_drop_directory(f->index, 2);
    index_drop_recording(f->index, UINT64_MAX, 3);
    index_drop_recording(f->index, 2, UINT64_MAX);
    index_drop_link(f->index, 1, "\xff\xff");
    index_drop_link(f->index, 2, "\xff");
    index_drop_job(f->index, &(struct digest){{0}});
    flush(f->index);
    cleanup_free char *same = dump(f->path);
    assert_string_equal(same, before);
    index_drop_recording(f->index, UINT64_MAX, 2);
    index_drop_link(f->index, 1, "\xff");
    index_drop_job(f->index, &job.key);
    index_drop_directory(f->index, 1);
    flush(f->index);
    assert_empty(f->index);
}

static void a_directory_takes_its_links_along(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    for (int64_t id = 1; id <= 2; id++) {
        index_put_directory(f->index, &(struct index_directory){.id = id, .path = "x"});
        index_put_link(f->index, &(struct index_link){.directory = id, .name = "n", .base = "b"});
    }
    flush(f->index);
    index_drop_directory(f->index, 1);
    index_put_directory(f->index, &(struct index_directory){.id = 1, .path = "again"});
    flush(f->index);
    struct expected_links expected = {&(struct index_link){.directory = 2, .name = "n", .base = "b"}, 1, 0};
    assert_int_equal(index_load_links(f->index, check_link, &expected), 0);
    assert_int_equal(expected.seen, 1);
}

/* A directory that is put later under the same number must not get them. */
static void links_without_a_directory_are_forgotten(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    index_put_link(f->index, &(struct index_link){.directory = 8, .name = "n", .base = "b"});
    close_index(f);
    open_index(f);
    assert_int_equal(index_load_links(f->index, no_link, NULL), 0);
}

static void moving_directories(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *from, *to;
        const char *before[6], *after[6];
    } cases[] = {
        {"a", "b", {"a", "a/x", "a/x/y"}, {"b", "b/x", "b/x/y"}},
        {"a", "b", {"", "ab", "ab/x", "a.x", "a-", "a0"}, {"", "ab", "ab/x", "a.x", "a-", "a0"}},
        {"a", "b", {"A", "x/a", "x/a/y", "aa", "a0/x", "a/0"}, {"A", "x/a", "x/a/y", "aa", "a0/x", "b/0"}},
        {"a", "long/way/down", {"a", "a/x"}, {"long/way/down", "long/way/down/x"}},
        {"long/way/down", "a", {"long", "long/way", "long/way/down/x"}, {"long", "long/way", "a/x"}},
        {"a", "a/b", {"a", "a/x"}, {"a/b", "a/b/x"}},
        {"a/b", "a", {"a/b", "a/b/x", "a/c"}, {"a", "a/x", "a/c"}},
        {"\xff",
         "\xfe\xff",
         {"\xff", "\xff/\x80", "\xff\xff", "\xff.\xff"},
         {"\xfe\xff", "\xfe\xff/\x80", "\xff\xff", "\xff.\xff"}},
        {"\xc3\xa9", "e", {"\xc3\xa9/\xc3", "\xc3"}, {"e/\xc3", "\xc3"}},
        {"a%_*[", "b", {"a%_*[", "a%_*[/x", "axyz"}, {"b", "b/x", "axyz"}},
        {"none", "b", {"a"}, {"a"}},
    };
    open_index(f);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct index_directory want[6];
        size_t count = 0;
        for (; count < 6 && cases[i].before[count]; count++) {
            int64_t id = (int64_t)count + 1;
            index_put_directory(f->index,
                                &(struct index_directory){.id = id, .path = cases[i].before[count]});
            want[count] = (struct index_directory){.id = id, .path = cases[i].after[count]};
        }
        index_move_directories(f->index, cases[i].from, cases[i].to);
        flush(f->index);
        struct expected_directories expected = {want, count, 0};
        assert_int_equal(index_load_directories(f->index, check_directory, &expected), 0);
        assert_int_equal(expected.seen, count);
        for (size_t id = 1; id <= count; id++)
            index_drop_directory(f->index, (int64_t)id);
    }
}

static void a_path_of_all_bytes_is_moved(void **state)
{
    struct fixture *f = *state;
    char bytes[256], below[300], moved[300];
    all_bytes(bytes);
    snprintf(below, sizeof below, "a/%s", bytes);
    snprintf(moved, sizeof moved, "%s/%s", "b\xff", bytes);
    open_index(f);
    index_put_directory(f->index, &(struct index_directory){.id = 1, .path = below});
    index_move_directories(f->index, "a", "b\xff");
    flush(f->index);
    struct expected_directories expected = {&(struct index_directory){.id = 1, .path = moved}, 1, 0};
    assert_int_equal(index_load_directories(f->index, check_directory, &expected), 0);
    assert_int_equal(expected.seen, 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        CASE(a_new_index_is_empty_and_private),
        CASE(closing_leaves_one_file),
        CASE(directories_round_trip),
        CASE(recordings_round_trip),
        CASE(links_round_trip),
        CASE(jobs_round_trip),
        CASE(what_was_confirmed_is_remembered_once),
        CASE(deliveries_round_trip_the_oldest_first),
        CASE(a_callback_can_stop_the_loading),
        CASE(arguments_are_copied),
        CASE(what_is_dropped_is_gone),
        CASE(a_directory_takes_its_links_along),
        CASE(links_without_a_directory_are_forgotten),
        CASE(moving_directories),
        CASE(a_path_of_all_bytes_is_moved),
    };
    return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
