/* The watch on real directories: what it tells of, and what it does when inotify does not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/magic.h>
#include <pthread.h>
#include <time.h>

#include "fs/inbox/compare.h"
#include "fs/inbox/remote.h"
#include "fs/inbox/watch.h"
#include "tests/unit/scratch.h"

#define DEADLINE_MS 20000

struct fixture {
    char *inbox;
    int inbox_fd;
    struct watch *watch;
    pthread_mutex_t lock;
    pthread_cond_t told;
    char *text;               /* what was told: a line for each call, such as "name d/a.wav written" */
    enum watched_place place; /* of every directory */
    const char *ask_again;    /* the path of a name that is to be looked at again */
    int answer;               /* … how often, or which */
    bool held;                /* calls wait */
    bool caught_up;           /* … with what led to the events */
    char log[2000];
};

static struct fixture *fixture_of_log; /* log functions have no context */

static void note(struct fixture *f, const char *what, const char *directory, const char *name,
                 const char *more)
{
    char *all;
    pthread_mutex_lock(&f->lock);
    if (asprintf(&all, "%s%s %s%s%s%s\n", f->text, what, directory, *directory && *name ? "/" : "", name,
                 more) < 0)
        exit(99);
    free(f->text);
    f->text = all;
    pthread_cond_broadcast(&f->told);
    while (f->held)
        pthread_cond_wait(&f->told, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static int on_name(void *context, const struct place *place, unsigned events)
{
    struct fixture *f = context;
    char more[40];
    snprintf(more, sizeof more, "%s%s%s", events & COMPARE_WRITTEN ? " written" : "",
             events & COMPARE_CLOSED ? " closed" : "", events & COMPARE_GONE ? " again" : "");
    note(f, "name", place->path, place->name, more);
    char *path = *place->path ? scratch_join(place->path, place->name) : strdup(place->name);
    int rc = 0;
    if (f->ask_again && strcmp(path, f->ask_again) == 0 && f->answer) {
        rc = f->answer > 0 ? 1 : f->answer;
        f->answer -= f->answer > 0;
    }
    free(path);
    return rc;
}

static enum watched_place on_directory(void *context, struct file_id id, const char *path)
{
    (void)id;
    note(context, "directory", path, "", "");
    return ((struct fixture *)context)->place;
}

static void on_names_in(void *context, struct file_id id, void (*fn)(void *argument, const char *name),
                        void *argument)
{
    (void)context, (void)id;
    fn(argument, "known.wav");
}

static void on_directory_gone(void *context, const char *path)
{
    note(context, "gone", path, "", "");
}

static void on_scan(void *context, const char *path)
{
    note(context, "scan", *path ? path : ".", "", "");
}

static void on_log(int priority, const char *format, ...)
{
    (void)priority;
    va_list ap;
    va_start(ap, format);
    pthread_mutex_lock(&fixture_of_log->lock);
    vsnprintf(fixture_of_log->log, sizeof fixture_of_log->log, format, ap);
    pthread_cond_broadcast(&fixture_of_log->told);
    pthread_mutex_unlock(&fixture_of_log->lock);
    va_end(ap);
}

static void on_catch_up(void *context)
{
    struct fixture *f = context;
    pthread_mutex_lock(&f->lock);
    f->caught_up = true;
    pthread_mutex_unlock(&f->lock);
}

static const struct watch_sink sink = {on_catch_up, on_name,           on_directory,
                                       on_names_in, on_directory_gone, on_scan};

static int count(const char *text, const char *line)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, line)); p++)
        n += p == text || p[-1] == '\n';
    return n;
}

/* Waits until that line was told so often. */
static void wait_told(struct fixture *f, const char *line, int times)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_MS / 1000;
    pthread_mutex_lock(&f->lock);
    while (count(f->text, line) < times)
        if (pthread_cond_timedwait(&f->told, &f->lock, &deadline) == ETIMEDOUT) {
            print_error("waited in vain for %d times\n%swhile told:\n%slog: %s\n", times, line, f->text,
                        f->log);
            pthread_mutex_unlock(&f->lock);
            fail();
        }
    pthread_mutex_unlock(&f->lock);
}

static int told(struct fixture *f, const char *line)
{
    pthread_mutex_lock(&f->lock);
    int n = count(f->text, line);
    pthread_mutex_unlock(&f->lock);
    return n;
}

static void begin(struct fixture *f, const struct watch_config *more)
{
    struct watch_config config = *more;
    config.inbox_fd = f->inbox_fd;
    config.sink = &sink;
    config.context = f;
    config.log = on_log;
    config.poll_ms = config.poll_ms ? config.poll_ms : 100000;
    config.quiet_ms = 30;
    assert_int_equal(watch_new(&config, &f->watch), 0);
    watch_begin(f->watch);
    wait_told(f, "scan .\n", 1);
}

static void watch(struct fixture *f)
{
    begin(f, &(struct watch_config){.mode = WATCH_YES});
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->inbox = scratch_new();
    f->inbox_fd = open(f->inbox, O_PATH | O_DIRECTORY | O_CLOEXEC);
    f->text = strdup("");
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->told, NULL);
    fixture_of_log = f;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pthread_mutex_lock(&f->lock);
    f->held = false;
    pthread_cond_broadcast(&f->told);
    pthread_mutex_unlock(&f->lock);
    watch_free(f->watch);
    close(f->inbox_fd);
    scratch_remove(f->inbox);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->told);
    free(f->text);
    free(f);
    return 0;
}

static void write_file(struct fixture *f, const char *name, const char *text)
{
    char *path = scratch_join(f->inbox, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

static void make_directory(struct fixture *f, const char *name)
{
    char *path = scratch_join(f->inbox, name);
    assert_int_equal(mkdir(path, 0755), 0);
    free(path);
}

static void move(struct fixture *f, const char *from, const char *to)
{
    char *a = scratch_join(f->inbox, from), *b = scratch_join(f->inbox, to);
    assert_int_equal(rename(a, b), 0);
    free(a);
    free(b);
}

static void remove_one(struct fixture *f, const char *name)
{
    char *path = scratch_join(f->inbox, name);
    assert_int_equal(remove(path), 0);
    free(path);
}

/* ---- names ---- */

static void a_file_from_first_to_last(void **state)
{
    struct fixture *f = *state;
    write_file(f, "there.wav", "x");
    watch(f);
    write_file(f, "a.wav", "x");
    wait_told(f, "name a.wav written closed\n", 1);
    pthread_mutex_lock(&f->lock);
    assert_true(f->caught_up);
    pthread_mutex_unlock(&f->lock);
    write_file(f, "a.wav", "y");
    wait_told(f, "name a.wav written closed\n", 2);
    move(f, "a.wav", "b.wav");
    wait_told(f, "name b.wav\n", 1);
    wait_told(f, "name a.wav\n", 1);
    remove_one(f, "b.wav");
    wait_told(f, "name b.wav\n", 2);
    /* What was there before is the scan's. */
    assert_int_equal(told(f, "name there.wav"), 0);
}

static void truncated_by_path(void **state)
{
    struct fixture *f = *state;
    write_file(f, "a.wav", "xyz");
    watch(f);
    char *path = scratch_join(f->inbox, "a.wav");
    assert_int_equal(truncate(path, 1), 0);
    free(path);
    wait_told(f, "name a.wav written\n", 1);
}

static void reading_and_touching_are_nothing(void **state)
{
    struct fixture *f = *state;
    char buffer[10];
    write_file(f, "a.wav", "xyz");
    watch(f);
    char *path = scratch_join(f->inbox, "a.wav");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, buffer, sizeof buffer) > 0);
    close(fd);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
    free(path);
    write_file(f, "fence.wav", "x");
    wait_told(f, "name fence.wav written closed\n", 1);
    assert_int_equal(told(f, "name a.wav"), 0);
}

static void other_names_are_nothing(void **state)
{
    struct fixture *f = *state;
    make_directory(f, ".hidden");
    watch(f);
    make_directory(f, ".later");
    static const char *const names[] = {"a.txt", ".a.wav", "a.wav.part", ".hidden/a.wav", ".later/a.wav"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        write_file(f, names[i], "x");
    write_file(f, "fence.wav", "x");
    wait_told(f, "name fence.wav written closed\n", 1);
    assert_int_equal(told(f, "name "), 1);
}

static void many_events_are_one_name(void **state)
{
    struct fixture *f = *state;
    watch(f);
    for (int i = 0; i < 500; i++)
        write_file(f, "a.wav", "x");
    write_file(f, "fence.wav", "x");
    wait_told(f, "name fence.wav written closed\n", 1);
    assert_true(told(f, "name a.wav") < 50);
    assert_true(told(f, "name a.wav") > 0);
}

static void asked_again(void **state)
{
    struct fixture *f = *state;
    f->ask_again = "a.wav";
    f->answer = 2;
    watch(f);
    write_file(f, "a.wav", "x");
    wait_told(f, "name a.wav written closed\n", 1);
    wait_told(f, "name a.wav written closed again\n", 2);
    write_file(f, "fence.wav", "x");
    wait_told(f, "name fence.wav written closed\n", 1);
    assert_int_equal(told(f, "name a.wav"), 3);
}

static void not_asked_for_ever_where_the_directory_went(void **state)
{
    struct fixture *f = *state;
    f->ask_again = "a.wav";
    f->answer = -ESTALE;
    watch(f);
    write_file(f, "a.wav", "x");
    wait_told(f, "name a.wav written closed again\n", 6);
}

/* ---- directories ---- */

static void directories_that_come(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "old");
    make_directory(f, "old/deep");
    watch(f);
    write_file(f, "old/a.wav", "x");
    write_file(f, "old/deep/b.wav", "x");
    wait_told(f, "name old/a.wav written closed\n", 1);
    wait_told(f, "name old/deep/b.wav written closed\n", 1);
    make_directory(f, "new");
    make_directory(f, "new/deep");
    write_file(f, "new/deep/c.wav", "x");
    wait_told(f, "name new/deep/c.wav", 1);
    write_file(f, "new/deep/d.wav", "x");
    wait_told(f, "name new/deep/d.wav written closed\n", 1);
    /* What was known in them may have gone before they were watched. */
    wait_told(f, "name new/known.wav\n", 1);
    wait_told(f, "name new/deep/known.wav\n", 1);
    assert_int_equal(told(f, "scan "), 1);
}

static void a_directory_moved_in_with_files(void **state)
{
    struct fixture *f = *state;
    make_directory(f, ".aside");
    make_directory(f, ".aside/d");
    make_directory(f, ".aside/d/sub");
    write_file(f, ".aside/d/a.wav", "x");
    write_file(f, ".aside/d/sub/b.wav", "x");
    watch(f);
    move(f, ".aside/d", "d");
    wait_told(f, "name d/a.wav\n", 1);
    wait_told(f, "name d/sub/b.wav\n", 1);
    /* And out again. */
    move(f, "d", ".aside/d");
    wait_told(f, "gone d\n", 1);
    write_file(f, ".aside/d/a.wav", "y");
    write_file(f, "fence.wav", "x");
    wait_told(f, "name fence.wav written closed\n", 1);
    assert_int_equal(told(f, "name d/a.wav"), 1);
}

static void a_directory_moved(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    make_directory(f, "d/sub");
    make_directory(f, "other");
    watch(f);
    move(f, "d", "other/e");
    wait_told(f, "directory other/e\n", 1);
    wait_told(f, "directory other/e/sub\n", 1);
    wait_told(f, "gone d\n", 1);
    write_file(f, "other/e/sub/a.wav", "x");
    wait_told(f, "name other/e/sub/a.wav written closed\n", 1);
}

static void a_directory_moved_whose_names_are_not_known(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    make_directory(f, "d/sub");
    write_file(f, "d/a.wav", "x");
    write_file(f, "d/sub/b.wav", "x");
    f->place = PLACE_UNKNOWN;
    watch(f);
    move(f, "d", "e");
    wait_told(f, "name e/a.wav\n", 1);
    wait_told(f, "name e/sub/b.wav\n", 1);
    assert_int_equal(told(f, "scan "), 1);
}

static void a_directory_moved_that_was_known_elsewhere(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    f->place = PLACE_NEW;
    watch(f);
    move(f, "d", "e");
    wait_told(f, "scan e\n", 1);
}

static void directories_exchanged(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    make_directory(f, "d/of_d");
    make_directory(f, "e");
    make_directory(f, "e/of_e");
    watch(f);
    char *d = scratch_join(f->inbox, "d"), *e = scratch_join(f->inbox, "e");
    assert_int_equal(renameat2(AT_FDCWD, d, AT_FDCWD, e, 2 /* RENAME_EXCHANGE */), 0);
    wait_told(f, "directory e/of_d\n", 1);
    wait_told(f, "directory d/of_e\n", 1);
    write_file(f, "e/of_d/a.wav", "x");
    write_file(f, "d/of_e/b.wav", "x");
    wait_told(f, "name e/of_d/a.wav written closed\n", 1);
    wait_told(f, "name d/of_e/b.wav written closed\n", 1);
    assert_int_equal(told(f, "gone "), 0);
    free(d);
    free(e);
}

static void a_directory_removed_and_made_again(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    watch(f);
    remove_one(f, "d");
    wait_told(f, "gone d\n", 1);
    make_directory(f, "d");
    write_file(f, "d/a.wav", "x");
    wait_told(f, "name d/a.wav", 1);
    remove_one(f, "d/a.wav");
    remove_one(f, "d");
    make_directory(f, "d");
    wait_told(f, "scan d\n", 1);
    write_file(f, "d/b.wav", "x");
    wait_told(f, "name d/b.wav written closed\n", 1);
}

static void a_link_to_a_directory_is_not_followed(void **state)
{
    struct fixture *f = *state;
    char *elsewhere = scratch_new(), *link = scratch_join(f->inbox, "link"),
         *file = scratch_join(elsewhere, "a.wav");
    watch(f);
    assert_int_equal(symlink(elsewhere, link), 0);
    write_file(f, "first.wav", "x");
    wait_told(f, "name first.wav written closed\n", 1);
    assert_int_equal(close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    write_file(f, "fence.wav", "x");
    wait_told(f, "name fence.wav written closed\n", 1);
    assert_int_equal(told(f, "name link"), 0);
    scratch_remove(elsewhere);
    free(link);
    free(file);
}

/* ---- when inotify does not do ---- */

static void too_many_events(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "d");
    watch(f);
    pthread_mutex_lock(&f->lock);
    f->held = true;
    pthread_mutex_unlock(&f->lock);
    write_file(f, "a.wav", "x");
    wait_told(f, "name a.wav", 1);
    /* It is busy, and the kernel's queue runs over. */
    char *a = scratch_join(f->inbox, "a.wav"), *b = scratch_join(f->inbox, "b.wav");
    int fds[2] = {open(a, O_WRONLY | O_CLOEXEC), open(b, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    long limit = 16384;
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    if (file && fscanf(file, "%ld", &limit) != 1)
        limit = 16384;
    if (file)
        fclose(file);
    for (long i = 0; i < limit + 10; i++)
        assert_int_equal(write(fds[i % 2], "x", 1), 1);
    close(fds[0]);
    close(fds[1]);
    make_directory(f, "missed");
    pthread_mutex_lock(&f->lock);
    f->held = false;
    pthread_cond_broadcast(&f->told);
    pthread_mutex_unlock(&f->lock);
    wait_told(f, "scan .\n", 2);
    write_file(f, "missed/c.wav", "x");
    wait_told(f, "name missed/c.wav written closed\n", 1);
    free(a);
    free(b);
}

static void too_many_directories(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "a");
    make_directory(f, "b");
    begin(f, &(struct watch_config){.mode = WATCH_YES, .most = 2, .poll_ms = 10});
    wait_told(f, "scan .\n", 5);
    assert_non_null(strstr(f->log, "fs.inotify.max_user_watches"));
    assert_int_equal(told(f, "name "), 0);
}

static void too_many_directories_later(void **state)
{
    struct fixture *f = *state;
    make_directory(f, "a");
    begin(f, &(struct watch_config){.mode = WATCH_YES, .most = 2, .poll_ms = 10});
    assert_string_equal(f->log, "");
    make_directory(f, "b");
    wait_told(f, "scan .\n", 5);
    assert_non_null(strstr(f->log, "fs.inotify.max_user_watches"));
}

static void polling_is_asked_for(void **state)
{
    struct fixture *f = *state;
    begin(f, &(struct watch_config){.mode = WATCH_POLL, .poll_ms = 10});
    wait_told(f, "scan .\n", 5);
    assert_string_equal(f->log, "");
}

static void the_inbox_has_gone(void **state)
{
    struct fixture *f = *state;
    begin(f, &(struct watch_config){.mode = WATCH_YES, .poll_ms = 10});
    /* The descriptor keeps the directory: only unmounting ends its watch with the directory there. */
    char *disk = scratch_join(f->inbox, "disk");
    assert_int_equal(mkdir(disk, 0755), 0);
    if (!scratch_mount(disk, "size=1m")) {
        free(disk);
        skip();
    }
    watch_free(f->watch);
    close(f->inbox_fd);
    f->inbox_fd = open(disk, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(f->text);
    f->text = strdup("");
    begin(f, &(struct watch_config){.mode = WATCH_YES, .poll_ms = 10});
    assert_string_equal(f->log, "");
    close(f->inbox_fd);
    scratch_unmount(disk);
    f->inbox_fd = -1;
    free(disk);
    wait_told(f, "scan .\n", 5);
    assert_non_null(strstr(f->log, "the inbox"));
}

static void ended_before_it_began(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(watch_new(&(struct watch_config){.inbox_fd = f->inbox_fd,
                                                      .mode = WATCH_YES,
                                                      .poll_ms = 10,
                                                      .sink = &sink,
                                                      .context = f,
                                                      .log = on_log},
                               &f->watch),
                     0);
    watch_free(f->watch);
    f->watch = NULL;
    assert_string_equal(f->text, "");
}

static void remote_filesystems(void **state)
{
    (void)state;
    static const struct {
        long type;
        bool remote;
    } table[] = {
        {NFS_SUPER_MAGIC, true},
        {(long)CIFS_SUPER_MAGIC, true},
        {(int)SMB2_SUPER_MAGIC, true},
        {FUSE_SUPER_MAGIC, true},
        {V9FS_MAGIC, true},
        {CEPH_SUPER_MAGIC, true},
        {EXT4_SUPER_MAGIC, false},
        {TMPFS_MAGIC, false},
        {BTRFS_SUPER_MAGIC, false},
        {XFS_SUPER_MAGIC, false},
        {OVERLAYFS_SUPER_MAGIC, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(filesystem_is_remote(table[i].type), table[i].remote);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_from_first_to_last),
        TEST(truncated_by_path),
        TEST(reading_and_touching_are_nothing),
        TEST(other_names_are_nothing),
        TEST(many_events_are_one_name),
        TEST(asked_again),
        TEST(not_asked_for_ever_where_the_directory_went),
        TEST(directories_that_come),
        TEST(a_directory_moved_in_with_files),
        TEST(a_directory_moved),
        TEST(a_directory_moved_whose_names_are_not_known),
        TEST(a_directory_moved_that_was_known_elsewhere),
        TEST(directories_exchanged),
        TEST(a_directory_removed_and_made_again),
        TEST(a_link_to_a_directory_is_not_followed),
        TEST(too_many_events),
        TEST(too_many_directories),
        TEST(too_many_directories_later),
        TEST(polling_is_asked_for),
        TEST(the_inbox_has_gone),
        TEST(ended_before_it_began),
        cmocka_unit_test(remote_filesystems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
