/* cache/results.h: a result is there as a whole or not at all, whatever happens while it is written. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <time.h>

#include "backend/base/cleanup.h"
#include "cache/results.h"
#include "tests/unit/scratch.h"

struct fixture {
    char *scratch;
    char *path; /* of the cache */
    struct results *results;
};

static const struct digest key = {{0xab, 0xcd, 0xef}};
/* The same shard, another result. */
static const struct digest sibling = {{0xab, 0x01}};
static const struct digest absent = {{0x77}};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->scratch = scratch_new();
    f->path = scratch_join(f->scratch, "results");
    *state = f;
    return results_open(f->path, &f->results);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    results_close(f->results);
    scratch_remove(f->scratch);
    free(f->path);
    free(f);
    return 0;
}

static char *path_in(const struct fixture *f, const struct digest *d, const char *name)
{
    char hex[DIGEST_HEX], *path;
    digest_hex(d, hex);
    assert_true(asprintf(&path, "%s/%.2s/%s%s%s", f->path, hex, hex, *name ? "/" : "", name) > 0);
    return path;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

/* How many entries of the cache's directory begin with tmp-. */
static int leftovers(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(dir)))
        count += !strncmp(entry->d_name, "tmp-", 4);
    closedir(dir);
    return count;
}

static void store(struct results *r, const struct digest *d, const char *name, const char *text)
{
    struct result_writer *w;
    assert_int_equal(results_begin(r, d, &w), 0);
    assert_int_equal(result_add(w, name, text, strlen(text)), 0);
    assert_int_equal(result_commit(w), 0);
}

static void assert_holds(struct results *r, const struct digest *d, const char *name, const char *text)
{
    cleanup_close int fd = results_file(r, d, name);
    assert_true(fd >= 0);
    char got[200] = "";
    assert_int_equal(read(fd, got, sizeof got - 1), (ssize_t)strlen(text));
    assert_string_equal(got, text);
}

static void what_was_written_is_read(void **state)
{
    struct fixture *f = *state;
    struct result_writer *w;
    static const char binary[] = "\0\xff\n\0raw";
    struct timespec before, mtime;
    clock_gettime(CLOCK_REALTIME_COARSE, &before);
    assert_int_equal(results_begin(f->results, &key, &w), 0);
    assert_int_equal(result_add(w, "transcript.json", "{}", 2), 0);
    assert_int_equal(result_add(w, "raw.json", binary, sizeof binary), 0);
    assert_int_equal(result_add(w, "empty", NULL, 0), 0);
    assert_int_equal(result_commit(w), 0);

    assert_holds(f->results, &key, "transcript.json", "{}");
    assert_holds(f->results, &key, "empty", "");
    off_t size;
    assert_int_equal(results_stat(f->results, &key, "raw.json", &size, &mtime), 0);
    assert_int_equal(size, sizeof binary);
    assert_true(mtime.tv_sec >= before.tv_sec);
    assert_int_equal(leftovers(f->path), 0);
}

static void it_survives_closing_and_opening(void **state)
{
    struct fixture *f = *state;
    store(f->results, &key, "view.txt", "text");
    results_close(f->results);
    assert_int_equal(results_open(f->path, &f->results), 0);
    assert_holds(f->results, &key, "view.txt", "text");
}

static void nobody_else_may_read_it(void **state)
{
    struct fixture *f = *state;
    mode_t before = umask(0);
    store(f->results, &key, "view.txt", "text");
    umask(before);
    cleanup_free char *file = path_in(f, &key, "view.txt");
    cleanup_free char *directory = path_in(f, &key, "");
    cleanup_free char *shard = scratch_join(f->path, "ab");
    assert_int_equal(mode_of(file), 0600);
    assert_int_equal(mode_of(directory), 0700);
    assert_int_equal(mode_of(shard), 0700);
    assert_int_equal(mode_of(f->path), 0700);
}

static void descriptors_are_read_only_and_close_on_exec(void **state)
{
    struct fixture *f = *state;
    store(f->results, &key, "view.txt", "text");
    cleanup_close int fd = results_file(f->results, &key, "view.txt");
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void what_is_not_there(void **state)
{
    struct fixture *f = *state;
    off_t size;
    struct timespec mtime;
    store(f->results, &key, "view.txt", "text");
    assert_int_equal(results_file(f->results, &absent, "view.txt"), -ENOENT);
    assert_int_equal(results_file(f->results, &sibling, "view.txt"), -ENOENT);
    assert_int_equal(results_file(f->results, &key, "view.srt"), -ENOENT);
    assert_int_equal(results_stat(f->results, &absent, "view.txt", &size, &mtime), -ENOENT);
    assert_int_equal(results_stat(f->results, &key, "view.srt", &size, &mtime), -EUCLEAN);
    assert_int_equal(results_drop(f->results, &absent), 0);
    assert_int_equal(results_drop(f->results, &sibling), 0);
}

static void nothing_is_seen_before_the_commit(void **state)
{
    struct fixture *f = *state;
    struct result_writer *w;
    assert_int_equal(results_begin(f->results, &key, &w), 0);
    assert_int_equal(result_add(w, "view.txt", "text", 4), 0);
    assert_int_equal(results_file(f->results, &key, "view.txt"), -ENOENT);
    assert_int_equal(leftovers(f->path), 1);
    result_abort(w);
    assert_int_equal(results_file(f->results, &key, "view.txt"), -ENOENT);
    assert_int_equal(leftovers(f->path), 0);
    result_abort(NULL);
}

static void names_are_one_component(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {"", ".", "..", "a/b", "/a", "../a"};
    struct result_writer *w;
    off_t size;
    struct timespec mtime;
    store(f->results, &sibling, "view.txt", "text");
    assert_int_equal(results_begin(f->results, &key, &w), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(result_add(w, wrong[i], "x", 1), -EINVAL);
        assert_int_equal(results_file(f->results, &sibling, wrong[i]), -EINVAL);
        assert_int_equal(results_stat(f->results, &sibling, wrong[i], &size, &mtime), -EINVAL);
    }
    assert_int_equal(result_add(w, "view.txt", "text", 4), 0);
    assert_int_equal(result_add(w, "view.txt", "text", 4), -EEXIST);
    /* A result that lost a file must not be taken for a whole one. */
    assert_int_equal(result_commit(w), -EEXIST);
    assert_int_equal(results_file(f->results, &key, "view.txt"), -ENOENT);
    assert_int_equal(leftovers(f->path), 0);
}

static void the_first_of_two_writers_wins(void **state)
{
    struct fixture *f = *state;
    struct result_writer *first, *second;
    assert_int_equal(results_begin(f->results, &key, &first), 0);
    assert_int_equal(results_begin(f->results, &key, &second), 0);
    assert_int_equal(result_add(first, "view.txt", "first", 5), 0);
    assert_int_equal(result_add(second, "view.txt", "second", 6), 0);
    assert_int_equal(result_commit(first), 0);
    assert_int_equal(result_commit(second), 0);
    assert_holds(f->results, &key, "view.txt", "first");
    assert_int_equal(leftovers(f->path), 0);
}

struct racer {
    struct results *results;
    pthread_barrier_t *barrier;
    int number;
    int rc;
};

static void *race(void *arg)
{
    struct racer *racer = arg;
    pthread_barrier_wait(racer->barrier);
    for (unsigned char i = 0; i < 20 && !racer->rc; i++) {
        struct digest d = {{i, 0xee}};
        struct result_writer *w;
        char text[20];
        snprintf(text, sizeof text, "%d", racer->number);
        racer->rc = results_begin(racer->results, &d, &w);
        if (racer->rc)
            break;
        racer->rc = result_add(w, "a", text, strlen(text));
        if (!racer->rc)
            racer->rc = result_add(w, "b", text, strlen(text));
        if (racer->rc)
            result_abort(w);
        else
            racer->rc = result_commit(w);
    }
    return NULL;
}

static void writers_of_the_same_keys_at_once(void **state)
{
    struct fixture *f = *state;
    enum { RACERS = 4 };
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, RACERS);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.results = f->results, .barrier = &barrier, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(racers[i].rc, 0);
    for (unsigned char i = 0; i < 20; i++) {
        struct digest d = {{i, 0xee}};
        cleanup_close int a = results_file(f->results, &d, "a");
        cleanup_close int b = results_file(f->results, &d, "b");
        char in_a, in_b;
        assert_int_equal(read(a, &in_a, 1), 1);
        assert_int_equal(read(b, &in_b, 1), 1);
        assert_int_equal(in_a, in_b);
    }
    assert_int_equal(leftovers(f->path), 0);
}

static void dropping(void **state)
{
    struct fixture *f = *state;
    store(f->results, &key, "view.txt", "old");
    store(f->results, &sibling, "view.txt", "other");
    cleanup_close int fd = results_file(f->results, &key, "view.txt");
    assert_int_equal(results_drop(f->results, &key), 0);
    assert_int_equal(results_file(f->results, &key, "view.txt"), -ENOENT);
    assert_holds(f->results, &sibling, "view.txt", "other");
    assert_int_equal(leftovers(f->path), 0);
    /* Who had it open reads on. */
    char got[4] = "";
    assert_int_equal(pread(fd, got, 3, 0), 3);
    assert_string_equal(got, "old");
    store(f->results, &key, "view.txt", "new");
    assert_holds(f->results, &key, "view.txt", "new");
    assert_int_equal(pread(fd, got, 3, 0), 3);
    assert_string_equal(got, "old");
}

static void dropping_what_is_not_a_directory(void **state)
{
    struct fixture *f = *state;
    store(f->results, &sibling, "view.txt", "other");
    cleanup_free char *place = path_in(f, &key, "");
    cleanup_close int fd = open(place, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(results_file(f->results, &key, "view.txt"), -ENOTDIR);
    assert_int_equal(results_drop(f->results, &key), 0);
    assert_int_equal(access(place, F_OK), -1);
    assert_int_equal(leftovers(f->path), 0);
}

static void leftovers_of_a_crash_are_swept(void **state)
{
    struct fixture *f = *state;
    store(f->results, &key, "view.txt", "text");
    struct result_writer *w;
    assert_int_equal(results_begin(f->results, &sibling, &w), 0);
    assert_int_equal(result_add(w, "view.txt", "half", 4), 0);
    cleanup_free char *deep = scratch_join(f->path, "tmp-1/below");
    cleanup_free char *parent = scratch_join(f->path, "tmp-1");
    cleanup_free char *mine = scratch_join(f->path, "tmpfile");
    assert_int_equal(mkdir(parent, 0700), 0);
    assert_int_equal(mkdir(deep, 0700), 0);
    assert_int_equal(mkdir(mine, 0700), 0);
    assert_int_equal(leftovers(f->path), 2);
    /* As after a crash: the writer is still there, its directory is not known to anybody. */
    struct results *again;
    assert_int_equal(results_open(f->path, &again), 0);
    assert_int_equal(leftovers(f->path), 0);
    assert_int_equal(access(mine, F_OK), 0);
    assert_holds(again, &key, "view.txt", "text");
    results_close(again);
    result_abort(w);
}

static void links_are_not_followed(void **state)
{
    struct fixture *f = *state;
    store(f->results, &key, "view.txt", "text");
    cleanup_free char *outside = scratch_join(f->scratch, "outside");
    cleanup_free char *secret = scratch_join(outside, "view.txt");
    assert_int_equal(mkdir(outside, 0700), 0);
    cleanup_close int fd = open(secret, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    off_t size;
    struct timespec mtime;

    cleanup_free char *file = path_in(f, &key, "view.srt");
    assert_int_equal(symlink(secret, file), 0);
    assert_int_equal(results_file(f->results, &key, "view.srt"), -ELOOP);
    assert_int_equal(results_stat(f->results, &key, "view.srt", &size, &mtime), -EUCLEAN);

    cleanup_free char *directory = path_in(f, &sibling, "");
    assert_int_equal(symlink(outside, directory), 0);
    assert_true(results_file(f->results, &sibling, "view.txt") < 0);
    assert_int_equal(results_drop(f->results, &sibling), 0);

    cleanup_free char *shard = scratch_join(f->path, "77");
    assert_int_equal(symlink(outside, shard), 0);
    struct result_writer *w;
    assert_int_equal(results_begin(f->results, &absent, &w), 0);
    assert_int_equal(result_add(w, "view.txt", "text", 4), 0);
    assert_true(result_commit(w) < 0);
    assert_int_equal(access(secret, F_OK), 0);
}

static void a_fifo_does_not_hold_up_the_reader(void **state)
{
    struct fixture *f = *state;
    store(f->results, &key, "view.txt", "text");
    cleanup_free char *fifo = path_in(f, &key, "view.srt");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(results_file(f->results, &key, "view.srt"), -EIO);
}

static void places_that_cannot_be_opened(void **state)
{
    struct fixture *f = *state;
    struct results *r;
    cleanup_free char *file = scratch_join(f->scratch, "file");
    cleanup_close int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(results_open(file, &r), -ENOTDIR);
    cleanup_free char *nowhere = scratch_join(f->scratch, "no/where");
    assert_int_equal(results_open(nowhere, &r), -ENOENT);
}

static void a_full_disk(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *disk = scratch_join(f->scratch, "disk");
    cleanup_free char *path = scratch_join(disk, "results");
    cleanup_free char *filler = scratch_join(disk, "filler");
    assert_int_equal(mkdir(disk, 0700), 0);
    if (!scratch_mount(disk, "size=64k")) {
        print_message("SKIP: no small disk: mounting is not permitted\n");
        /* skip() jumps out: nothing is cleaned up. */
        free(steal_ptr(disk));
        free(steal_ptr(path));
        free(steal_ptr(filler));
        skip();
    }
    struct results *r;
    struct result_writer *w;
    assert_int_equal(results_open(path, &r), 0);
    store(r, &sibling, "view.txt", "text");
    assert_int_equal(results_begin(r, &key, &w), 0);
    assert_int_equal(result_add(w, "transcript.json", "{}", 2), 0);
    scratch_fill(filler);
    static const char large[20000];
    assert_int_equal(result_add(w, "view.json", large, sizeof large), -ENOSPC);
    assert_int_equal(leftovers(path), 0);
    assert_int_equal(result_add(w, "view.txt", "", 0), -ENOSPC);
    assert_int_equal(result_commit(w), -ENOSPC);
    assert_int_equal(results_file(r, &key, "transcript.json"), -ENOENT);
    assert_holds(r, &sibling, "view.txt", "text");

    unlink(filler);
    store(r, &key, "view.txt", "at last");
    assert_holds(r, &key, "view.txt", "at last");
    results_close(r);
    scratch_unmount(disk);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
        CASE(what_was_written_is_read),
        CASE(it_survives_closing_and_opening),
        CASE(nobody_else_may_read_it),
        CASE(descriptors_are_read_only_and_close_on_exec),
        CASE(what_is_not_there),
        CASE(nothing_is_seen_before_the_commit),
        CASE(names_are_one_component),
        CASE(the_first_of_two_writers_wins),
        CASE(writers_of_the_same_keys_at_once),
        CASE(dropping),
        CASE(dropping_what_is_not_a_directory),
        CASE(leftovers_of_a_crash_are_swept),
        CASE(links_are_not_followed),
        CASE(a_fifo_does_not_hold_up_the_reader),
        CASE(places_that_cannot_be_opened),
        CASE(a_full_disk),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
