/* cache/index.h: files of older and newer versions, damaged ones, and what cannot be opened at all. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>

#include "backend/base/cleanup.h"
#include "cache/migrate.h"
#include "tests/unit/index_support.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* How many files are in the scratch directory whose name begins so. */
static int files_named(const struct fixture *f, const char *prefix)
{
    DIR *dir = opendir(f->scratch);
    assert_non_null(dir);
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)))
        count += !strncmp(entry->d_name, prefix, strlen(prefix));
    closedir(dir);
    return count;
}

/* ---- versions ---- */

static void older_versions_are_migrated(void **state)
{
    struct fixture *f = *state;
    for (int version = 0; version <= migrate_newest(); version++) {
        sqlite3 *db = open_outside(f->path);
        assert_int_equal(migrate(db, version), SQLITE_OK);
        assert_int_equal(number_of(db, "PRAGMA user_version"), version);
        if (version > 0)
            run_sql(db,
                    "INSERT INTO jobs VALUES (zeroblob(32), zeroblob(32), '{}', 'local', 1, 0, 0, NULL, 0,"
                    " '', '', NULL, 0, 1, 0, 0);"
                    "INSERT INTO directories VALUES (1, X'61', 1, 2);");
        sqlite3_close(db);

        open_index(f);
        assert_int_equal(jobs_loaded(f->index), version > 0);
        struct digest key = digest_of(1);
        index_history(f->index, &key, "done", "");
        put_jobs(f->index, 1, 1);
        index_put_charge(f->index, &(struct index_charge){.job = key,
                                                          .at_ms = 1,
                                                          .kind = CHARGE_BILLED,
                                                          .model = "fun-asr",
                                                          .currency = "CNY"});
        close_index(f);
        assert_int_equal(count_rows(f->path, "charges"), 1);
        db = open_outside(f->path);
        assert_int_equal(number_of(db, "PRAGMA user_version"), migrate_newest());
        assert_int_equal(number_of(db, "SELECT count(*) FROM directories"), version > 0);
        sqlite3_close(db);
        assert_int_equal(unlink(f->path), 0);
    }
}

static void migrating_stops_at_the_version_asked_for(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = open_outside(f->path);
    assert_int_equal(migrate(db, 1), SQLITE_OK);
    assert_int_equal(number_of(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'history'"), 0);
    assert_int_equal(migrate(db, 2), SQLITE_OK);
    assert_int_equal(number_of(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'history'"), 1);
    assert_int_equal(migrate(db, 1), SQLITE_OK);
    assert_int_equal(number_of(db, "PRAGMA user_version"), 2);
    sqlite3_close(db);
}

static void a_step_that_fails_leaves_the_version_as_it_was(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = open_outside(f->path);
    assert_int_equal(migrate(db, 1), SQLITE_OK);
    run_sql(db, "CREATE TABLE jobs_done (x)"); /* in the way of the last thing that step 2 makes */
    assert_int_not_equal(migrate(db, 2), SQLITE_OK);
    assert_int_equal(number_of(db, "PRAGMA user_version"), 1);
    assert_int_equal(number_of(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'history'"), 0);
    assert_true(sqlite3_get_autocommit(db));
    run_sql(db, "DROP TABLE jobs_done");
    assert_int_equal(migrate(db, 2), SQLITE_OK);
    sqlite3_close(db);
}

static void a_newer_version_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *wal = scratch_join(f->scratch, "index.db-wal");
    struct error err = {0};
    char sql[60];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", migrate_newest() + 1);
    sqlite3 *db = open_outside(f->path);
    run_sql(db, "PRAGMA journal_mode = WAL; CREATE TABLE future (x); INSERT INTO future VALUES (1);");
    run_sql(db, sql);
    /* As a crash leaves it: the log not carried over. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(db);
    size_t size[4];
    cleanup_free char *before = slurp(f->path, &size[0]);
    cleanup_free char *wal_before = slurp(wal, &size[1]);
    assert_true(size[1] > 0);

    assert_int_equal(index_open(f->path, &f->index, NULL, &err), -EPROTONOSUPPORT);
    assert_null(f->index);
    assert_string_equal(err.code, "index.newer");
    assert_int_equal(err.class, ERROR_PERSON);
    cleanup_free char *after = slurp(f->path, &size[2]);
    cleanup_free char *wal_after = slurp(wal, &size[3]);
    assert_int_equal(size[2], size[0]);
    assert_int_equal(size[3], size[1]);
    assert_memory_equal(after, before, size[0]);
    assert_memory_equal(wal_after, wal_before, size[1]);
    assert_int_equal(files_named(f, "index.db.corrupt-"), 0);
}

/* ---- damage ---- */

static void garble_header(const char *path)
{
    overwrite(path, 0, "This was a database once.", 25);
}

static void garble_middle(const char *path)
{
    char garbage[8192];
    memset(garbage, 0x5a, sizeof garbage);
    overwrite(path, 4096, garbage, sizeof garbage);
}

static void garble_end(const char *path)
{
    char garbage[4096];
    struct stat st;
    memset(garbage, 0xff, sizeof garbage);
    assert_int_equal(stat(path, &st), 0);
    overwrite(path, st.st_size - (off_t)sizeof garbage, garbage, sizeof garbage);
}

static void future_file_format(const char *path)
{
    overwrite(path, 18, "\x7f", 1);
}

static void cut_off(const char *path)
{
    assert_int_equal(truncate(path, 8192), 0);
}

static void cut_off_in_the_header(const char *path)
{
    assert_int_equal(truncate(path, 50), 0);
}

static void replace_by_text(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
    overwrite(path, 0, "hello\n", 6);
}

static void drop_a_table(const char *path)
{
    sqlite3 *db = open_outside(path);
    run_sql(db, "DROP TABLE links");
    sqlite3_close(db);
}

static void drop_a_column(const char *path)
{
    sqlite3 *db = open_outside(path);
    run_sql(db, "ALTER TABLE jobs DROP COLUMN attempts");
    sqlite3_close(db);
}

static void negative_version(const char *path)
{
    sqlite3 *db = open_outside(path);
    run_sql(db, "PRAGMA user_version = -5");
    sqlite3_close(db);
}

static void version_one_again(const char *path)
{
    sqlite3 *db = open_outside(path);
    run_sql(db, "PRAGMA user_version = 1");
    sqlite3_close(db);
}

static void noticed_while_running(const char *path)
{
    char mark[200];
    snprintf(mark, sizeof mark, "%s-damaged", path);
    overwrite(mark, 0, "", 0);
}

static void a_damaged_index_is_moved_aside(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *what;
        void (*damage)(const char *path);
    } cases[] = {
        {"garbage in the header", garble_header},
        {"garbage in the middle", garble_middle},
        {"garbage at the end", garble_end},
        {"a format of the future", future_file_format},
        {"cut off", cut_off},
        {"cut off in the header", cut_off_in_the_header},
        {"a text file", replace_by_text},
        {"a table is missing", drop_a_table},
        {"a column is missing", drop_a_column},
        {"a negative version", negative_version},
        {"an older version than its tables", version_one_again},
        {"damage was noticed while running", noticed_while_running},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error err = {0};
        cleanup_free char *moved = NULL;
        open_index(f);
        put_jobs(f->index, 0, 500);
        close_index(f);
        cases[i].damage(f->path);
        size_t before_size, after_size;
        cleanup_free char *before = slurp(f->path, &before_size);

        int rc = index_open(f->path, &f->index, &moved, &err);
        if (rc || !moved)
            fail_msg("%s: %d %s %s", cases[i].what, rc, err.code, err.detail);
        assert_int_equal(strncmp(moved, f->path, strlen(f->path)), 0);
        int year, date, time;
        assert_int_equal(sscanf(moved + strlen(f->path), ".corrupt-%4d%4d-%6d", &year, &date, &time), 3);
        cleanup_free char *after = slurp(moved, &after_size);
        assert_int_equal(after_size, before_size);
        if (cases[i].damage != noticed_while_running && cases[i].damage != drop_a_table)
            assert_memory_equal(after + 100, before + 100, before_size > 100 ? before_size - 100 : 0);
        /* One that works has taken its place. */
        assert_int_equal(jobs_loaded(f->index), 0);
        put_jobs(f->index, 1, 3);
        close_index(f);
        open_index(f);
        assert_int_equal(jobs_loaded(f->index), 3);
        close_index(f);
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(files_named(f, "index.db-damaged"), 0);
    }
    /* Most of them within one second: each has a name of its own. */
    int companions = files_named(f, "index.db.corrupt-");
    assert_true(companions >= (int)COUNT(cases));
}

static void the_log_goes_with_the_damaged_file(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *wal = scratch_join(f->scratch, "index.db-wal");
    sqlite3 *db = open_outside(f->path);
    run_sql(db, "PRAGMA journal_mode = WAL; CREATE TABLE t (x); PRAGMA user_version = -1;");
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(db);
    size_t before_size, after_size;
    cleanup_free char *before = slurp(wal, &before_size);
    assert_true(before_size > 0);
    cleanup_free char *moved = NULL;
    assert_int_equal(index_open(f->path, &f->index, &moved, NULL), 0);
    assert_non_null(moved);
    cleanup_free char *moved_wal = NULL;
    assert_true(asprintf(&moved_wal, "%s-wal", moved) > 0);
    cleanup_free char *after = slurp(moved_wal, &after_size);
    assert_int_equal(after_size, before_size);
    assert_memory_equal(after, before, before_size);
}

static void an_empty_file_is_a_new_index(void **state)
{
    struct fixture *f = *state;
    overwrite(f->path, 0, "", 0);
    open_index(f);
    put_jobs(f->index, 0, 1);
    close_index(f);
    assert_int_equal(count_rows(f->path, "jobs"), 1);
}

enum { JOBS = 40000 }; /* more than SQLite keeps in memory */

/* Overwrites what is from this offset on, up to 4 MiB of it. */
static void garble_from(const char *path, off_t offset)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 4 << 20);
    size_t size = (size_t)(st.st_size - offset);
    if (size > 4 << 20)
        size = 4 << 20;
    cleanup_free char *garbage = malloc(size);
    assert_non_null(garbage);
    memset(garbage, 0x5a, size);
    overwrite(path, offset, garbage, size);
}

static void a_large_index_is_only_read_through(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *moved = NULL;
    open_index(f);
    put_jobs(f->index, 0, JOBS);
    close_index(f);
    assert_int_equal(truncate(f->path, 65 << 20), 0); /* SQLite does not mind */
    open_index(f);
    assert_int_equal(jobs_loaded(f->index), JOBS);
    close_index(f);
    garble_from(f->path, 1 << 20);
    assert_int_equal(index_open(f->path, &f->index, &moved, NULL), 0);
    assert_non_null(moved);
    assert_int_equal(jobs_loaded(f->index), 0);
}

static void damage_met_while_running(void **state)
{
    struct fixture *f = *state;
    struct error err;
    open_index(f);
    put_jobs(f->index, 0, JOBS);
    close_index(f);
    open_index(f);
    garble_from(f->path, 4096);

    put_jobs(f->index, 0, JOBS);
    err = wait_for_trouble(f->index);
    assert_string_equal(err.code, "index.corrupt");
    assert_int_equal(err.class, ERROR_PERSON);
    /* It takes more, and ends in good time. */
    put_jobs(f->index, JOBS, 10);
    struct index *ix = f->index;
    f->index = NULL;
    assert_int_equal(index_close(ix, 300), -EAGAIN);

    assert_int_equal(files_named(f, "index.db-damaged"), 1);
    cleanup_free char *moved = NULL;
    assert_int_equal(index_open(f->path, &f->index, &moved, NULL), 0);
    assert_non_null(moved);
    assert_int_equal(jobs_loaded(f->index), 0);
}

static void damage_met_while_loading(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    put_jobs(f->index, 0, JOBS);
    close_index(f);
    open_index(f);
    garble_from(f->path, 4096);
    uint32_t count = 0;
    assert_int_equal(index_load_jobs(f->index, count_job, &count), -EUCLEAN);
    struct index *ix = f->index;
    f->index = NULL;
    index_close(ix, 0);
    assert_int_equal(files_named(f, "index.db-damaged"), 1);
    /* The next attempt gets a new one. */
    cleanup_free char *moved = NULL;
    assert_int_equal(index_open(f->path, &f->index, &moved, NULL), 0);
    assert_non_null(moved);
    assert_int_equal(jobs_loaded(f->index), 0);
}

/* ---- what cannot be opened ---- */

static void places_without_an_index(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        bool directory;
        int rc;
    } cases[] = {
        {"directory", true, 0},
        {"no/where", false, -ENOENT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error err = {0};
        char *moved;
        cleanup_free char *path = scratch_join(f->scratch, cases[i].name);
        if (cases[i].directory)
            assert_int_equal(mkdir(path, 0700), 0);
        int rc = index_open(path, &f->index, &moved, &err);
        assert_true(cases[i].rc ? rc == cases[i].rc : rc < 0);
        assert_null(f->index);
        assert_null(moved);
        assert_string_equal(err.code, "index.open");
        assert_int_equal(err.class, ERROR_PERSON);
        assert_non_null(strstr(err.detail, cases[i].name));
        if (cases[i].directory)
            assert_int_equal(rmdir(path), 0);
    }
}

/* Opens as an ordinary user: 0 if that is refused with index.open. */
static int refused_to_nobody(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        enum { NOBODY = 65534 };
        struct index *ix;
        struct error err = {0};
        char *moved;
        if (geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
            _exit(10);
        int rc = index_open(path, &ix, &moved, &err);
        _exit(rc >= 0 ? 11 : strcmp(err.code, "index.open") ? 12 : moved ? 13 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void what_may_not_be_written(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    put_jobs(f->index, 0, 1);
    close_index(f);
    assert_int_equal(chmod(f->path, 0444), 0);
    assert_int_equal(chmod(f->scratch, 0777), 0);
    assert_int_equal(refused_to_nobody(f->path), 0);
    assert_int_equal(chmod(f->path, 0666), 0);
    assert_int_equal(chmod(f->scratch, 0555), 0);
    assert_int_equal(refused_to_nobody(f->path), 0);
    cleanup_free char *missing = scratch_join(f->scratch, "missing.db");
    assert_int_equal(refused_to_nobody(missing), 0);
    assert_int_equal(chmod(f->scratch, 0777), 0);
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_int_equal(files_named(f, "index.db.corrupt-"), 0);
    open_index(f);
    assert_int_equal(jobs_loaded(f->index), 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        CASE(older_versions_are_migrated),
        CASE(migrating_stops_at_the_version_asked_for),
        CASE(a_step_that_fails_leaves_the_version_as_it_was),
        CASE(a_newer_version_is_refused_and_left_alone),
        CASE(a_damaged_index_is_moved_aside),
        CASE(the_log_goes_with_the_damaged_file),
        CASE(an_empty_file_is_a_new_index),
        CASE(a_large_index_is_only_read_through),
        CASE(damage_met_while_running),
        CASE(damage_met_while_loading),
        CASE(places_without_an_index),
        CASE(what_may_not_be_written),
    };
    return cmocka_run_group_tests_name("index damage", tests, NULL, NULL);
}
