/* The control socket: a real socket and a real loop, a library made up by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "fs/control.h"
#include "fs/control_json.h"
#include "fs/library.h"

/* ---- A library of a few recordings ---- */

struct library {
    pthread_mutex_t lock;
    struct item items[8]; /* the strings are constants of the test */
    size_t count;
    char asked[64]; /* the last path of retry or restore */
};

static bool is_at(const char *item, const char *path)
{
    size_t n = strlen(path);
    return n == 0 || (strncmp(item, path, n) == 0 && (item[n] == '\0' || item[n] == '/'));
}

int library_items(struct library *lib, const char *path, struct item **items, size_t *count)
{
    pthread_mutex_lock(&lib->lock);
    struct item *copy = calloc(lib->count + 1, sizeof *copy);
    assert_non_null(copy);
    size_t n = 0;
    for (size_t i = 0; i < lib->count; i++) {
        if (!is_at(lib->items[i].path, path))
            continue;
        copy[n] = lib->items[i];
        copy[n].path = strdup(lib->items[i].path);
        copy[n++].base = strdup(lib->items[i].base);
    }
    pthread_mutex_unlock(&lib->lock);
    if (n == 0 && *path) {
        free(copy);
        return -ENOENT;
    }
    *items = copy;
    *count = n;
    return 0;
}

static int count_at(struct library *lib, const char *path, int *count)
{
    pthread_mutex_lock(&lib->lock);
    snprintf(lib->asked, sizeof lib->asked, "%s", path);
    *count = 0;
    for (size_t i = 0; i < lib->count; i++)
        *count += is_at(lib->items[i].path, path);
    pthread_mutex_unlock(&lib->lock);
    return *count == 0 ? -ENOENT : 0;
}

int library_retry(struct library *lib, const char *path, int *count)
{
    return count_at(lib, path, count);
}

int library_restore(struct library *lib, const char *path, int *count)
{
    int rc = count_at(lib, path, count);
    *count *= 10;
    return rc;
}

int library_cancel(struct library *lib, const char *path, int *count)
{
    int rc = count_at(lib, path, count);
    *count *= 100;
    return rc;
}

int library_shown_with(struct library *lib, const struct digest *job, char ***paths, size_t *count)
{
    (void)lib;
    (void)job;
    *paths = NULL;
    *count = 0;
    return 0;
}

void shown_paths_free(char **paths, size_t count)
{
    (void)count;
    free(paths);
}

/* ---- A daemon ---- */

struct daemon {
    char directory[160];
    int state_fd;
    struct loop *loop;
    pthread_t thread;
    struct library library;
    struct control *control;
    bool troubled;
    struct explaining *explaining; /* the question that was asked last, until it is answered */
    int cancelled;
};

/* ---- What explains ---- */

struct explaining {
    struct daemon *daemon;
    char path[64];
    void (*answer)(void *to, cJSON *object);
    void *to;
};

/* On the loop, like everything that touches it. */
static struct explaining *explain(void *context, const char *path, void (*answer)(void *to, cJSON *object),
                                  void *to, struct error *err)
{
    struct daemon *d = context;
    if (strcmp(path, "dir") == 0) {
        error_set(err, ERROR_PERMANENT, EISDIR, "request", "it is a folder");
        return NULL;
    }
    struct explaining *e = calloc(1, sizeof *e);
    assert_non_null(e);
    *e = (struct explaining){.daemon = d, .answer = answer, .to = to};
    snprintf(e->path, sizeof e->path, "%s", path);
    __atomic_store_n(&d->explaining, e, __ATOMIC_RELEASE);
    return e;
}

static void explain_cancel(struct explaining *e)
{
    __atomic_store_n(&e->daemon->explaining, NULL, __ATOMIC_RELEASE);
    __atomic_add_fetch(&e->daemon->cancelled, 1, __ATOMIC_RELEASE);
    free(e);
}

static void explained(void *arg)
{
    struct daemon *d = arg;
    struct explaining e = *d->explaining;
    free(d->explaining);
    d->explaining = NULL;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", e.path);
    e.answer(e.to, object);
}

static void explained_without_memory(void *arg)
{
    struct daemon *d = arg;
    struct explaining e = *d->explaining;
    free(d->explaining);
    d->explaining = NULL;
    e.answer(e.to, NULL);
}

static void engine_line(void *context, char *line, size_t size)
{
    (void)context;
    snprintf(line, size, "Vosk");
}

static bool trouble_line(void *context, char *line, size_t size)
{
    struct daemon *d = context;
    snprintf(line, size, "the disk is full");
    return d->troubled;
}

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void put(struct daemon *d, const char *path, enum item_state state)
{
    pthread_mutex_lock(&d->library.lock);
    size_t i = 0;
    while (i < d->library.count && strcmp(d->library.items[i].path, path) != 0)
        i++;
    if (i == d->library.count)
        d->library.count++;
    d->library.items[i] = (struct item){.path = (char *)path, .base = (char *)path, .state = state};
    pthread_mutex_unlock(&d->library.lock);
}

static void set_announcing(struct daemon *d, size_t i, bool announcing)
{
    pthread_mutex_lock(&d->library.lock);
    d->library.items[i].announcing = announcing;
    pthread_mutex_unlock(&d->library.lock);
}

static void changed(void *arg)
{
    control_changed(((struct daemon *)arg)->control);
}

static void tell(struct daemon *d)
{
    assert_int_equal(loop_post(d->loop, changed, d), 0);
}

static int start(void **state)
{
    struct daemon *d = calloc(1, sizeof *d);
    assert_non_null(d);
    /* A path longer than a socket's address can hold: 108 bytes. */
    snprintf(d->directory, sizeof d->directory, "/tmp/test_control-%0100d-XXXXXX", 0);
    assert_non_null(mkdtemp(d->directory));
    d->state_fd = open(d->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(d->state_fd >= 0);
    pthread_mutex_init(&d->library.lock, NULL);
    assert_int_equal(loop_new(&d->loop), 0);
    struct control_config config = {.loop = d->loop,
                                    .library = &d->library,
                                    .state_fd = d->state_fd,
                                    .engine = engine_line,
                                    .trouble = trouble_line,
                                    .explain = explain,
                                    .explain_cancel = explain_cancel,
                                    .context = d,
                                    .explain_context = d};
    struct error err;
    assert_int_equal(control_new(&config, &d->control, &err), 0);
    assert_int_equal(pthread_create(&d->thread, NULL, run_loop, d->loop), 0);
    *state = d;
    return 0;
}

static int stop(void **state)
{
    struct daemon *d = *state;
    loop_stop(d->loop);
    pthread_join(d->thread, NULL);
    control_free(d->control);
    loop_free(d->loop);
    assert_int_equal(faccessat(d->state_fd, "control", F_OK, 0), -1);
    close(d->state_fd);
    assert_int_equal(rmdir(d->directory), 0);
    pthread_mutex_destroy(&d->library.lock);
    free(d);
    return 0;
}

/* ---- A client ---- */

static int hang_up_after = 20; /* seconds: a test that would wait for ever fails instead */

static int dial(struct daemon *d)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control", d->state_fd);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = hang_up_after};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* The next line, parsed; NULL at the end. */
static cJSON *hear(int fd)
{
    cleanup_buffer struct buffer line = {0};
    char c;
    ssize_t n;
    while ((n = recv(fd, &c, 1, 0)) == 1 && c != '\n')
        buffer_add(&line, &c, 1);
    if (n == 0)
        return NULL;
    assert_int_equal(n, 1);
    cJSON *o = cJSON_Parse(line.data);
    assert_non_null(o);
    return o;
}

static const char *text(const cJSON *o, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    assert_non_null(s);
    return s;
}

static int number(const cJSON *o, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
    assert_true(cJSON_IsNumber(n));
    return n->valueint;
}

static bool is_true(const cJSON *o, const char *key)
{
    const cJSON *b = cJSON_GetObjectItemCaseSensitive(o, key);
    assert_true(cJSON_IsBool(b));
    return cJSON_IsTrue(b);
}

static int item_count(const cJSON *o)
{
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(o, "items"));
}

static const char *item_text(const cJSON *o, int i, const char *key)
{
    return text(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(o, "items"), i), key);
}

/* Asks once and checks for the error code; NULL: none. Returns the answer. */
static cJSON *ask(struct daemon *d, const char *request, const char *error)
{
    int fd = dial(d);
    say(fd, request);
    cJSON *o = hear(fd);
    close(fd);
    assert_non_null(o);
    const cJSON *e = cJSON_GetObjectItemCaseSensitive(o, "error");
    if (error)
        assert_string_equal(text(e, "code"), error);
    else
        assert_null(e);
    return o;
}

/* ---- Tests ---- */

static void the_socket_is_for_the_owner_only(void **state)
{
    struct daemon *d = *state;
    struct stat st;
    assert_int_equal(fstatat(d->state_fd, "control", &st, 0), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_stale_socket_is_replaced_and_another_file_is_not(void **state)
{
    struct daemon *d = *state;
    struct control_config config = {.loop = d->loop, .library = &d->library, .state_fd = d->state_fd};
    struct control *second;
    struct error err;
    char sub[] = "/tmp/test_control-XXXXXX";
    assert_non_null(mkdtemp(sub));
    config.state_fd = open(sub, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mknodat(config.state_fd, "control", S_IFSOCK | 0600, 0), 0);
    struct loop *loop;
    assert_int_equal(loop_new(&loop), 0);
    config.loop = loop;
    assert_int_equal(control_new(&config, &second, &err), 0);
    control_free(second);
    int fd = openat(config.state_fd, "control", O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(control_new(&config, &second, &err), -EEXIST);
    assert_string_equal(err.code, "control.socket");
    assert_int_equal(unlinkat(config.state_fd, "control", 0), 0);
    loop_free(loop);
    close(config.state_fd);
    assert_int_equal(rmdir(sub), 0);
}

static void status_says_counts_items_engine_and_trouble(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    put(d, "b.mp3", ITEM_QUEUED);
    put(d, "dir/c.mp3", ITEM_DONE);
    cJSON *o = ask(d, "{\"command\":\"status\"}\n", NULL);
    assert_string_equal(text(o, "engine"), "Vosk");
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(o, "trouble")));
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(o, "counts");
    assert_int_equal(number(counts, "running"), 1);
    assert_int_equal(number(counts, "queued"), 1);
    assert_int_equal(number(counts, "done"), 1);
    assert_int_equal(number(counts, "failed"), 0);
    assert_int_equal(item_count(o), 3);
    assert_string_equal(item_text(o, 0, "path"), "a.mp3");
    assert_string_equal(item_text(o, 0, "state"), "running");
    assert_int_equal(number(o, "omitted"), 0);
    cJSON_Delete(o);

    d->troubled = true;
    o = ask(d, "{\"command\":\"status\",\"limit\":1}\n", NULL);
    assert_string_equal(text(o, "trouble"), "the disk is full");
    assert_int_equal(item_count(o), 1);
    assert_int_equal(number(o, "omitted"), 2);
    assert_int_equal(number(cJSON_GetObjectItemCaseSensitive(o, "counts"), "done"), 1);
    cJSON_Delete(o);
}

static void paths_are_normalised(void **state)
{
    struct daemon *d = *state;
    put(d, "dir/c.mp3", ITEM_DONE);
    static const char *const paths[] = {"dir/c.mp3", "/dir/c.mp3", "dir//c.mp3", "./dir/./c.mp3/", "dir"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char request[100];
        snprintf(request, sizeof request, "{\"command\":\"status\",\"path\":\"%s\"}\n", paths[i]);
        cJSON *o = ask(d, request, NULL);
        assert_int_equal(item_count(o), 1);
        cJSON_Delete(o);
    }
}

static void bad_requests_are_answered(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_DONE);
    static const struct {
        const char *request, *code;
    } rows[] = {
        {"\n", "request"},
        {"no JSON\n", "request"},
        {"5\n", "request"},
        {"[]\n", "request"},
        {"{}\n", "request"},
        {"{\"command\":7}\n", "request"},
        {"{\"command\":\"fly\"}\n", "request"},
        {"{\"command\":\"status\",\"path\":7}\n", "request"},
        {"{\"command\":\"status\",\"path\":\"../etc\"}\n", "request"},
        {"{\"command\":\"status\",\"path\":\"a/..\"}\n", "request"},
        {"{\"command\":\"status\",\"path_bytes\":\"6\"}\n", "request"},
        {"{\"command\":\"status\",\"path_bytes\":\"zz\"}\n", "request"},
        {"{\"command\":\"status\",\"path_bytes\":\"6100\"}\n", "request"},
        {"{\"command\":\"status\",\"path\":\"nothing.mp3\"}\n", "not_found"},
        {"{\"command\":\"watch\",\"path\":\"nothing.mp3\"}\n", "not_found"},
        {"{\"command\":\"retry\",\"path\":\"nothing.mp3\"}\n", "not_found"},
        {"{\"command\":\"restore\",\"path\":\"nothing.mp3\"}\n", "not_found"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cJSON_Delete(ask(d, rows[i].request, rows[i].code));
}

static void a_request_without_end_is_refused(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    char chunk[1024];
    memset(chunk, ' ', sizeof chunk);
    /* It may hang up while this is still writing. */
    for (int i = 0; i < 64; i++)
        if (send(fd, chunk, sizeof chunk, MSG_NOSIGNAL) < 0)
            break;
    cJSON *o = hear(fd);
    assert_string_equal(text(cJSON_GetObjectItemCaseSensitive(o, "error"), "code"), "request");
    cJSON_Delete(o);
    close(fd);
}

static void requests_are_answered_in_order_and_after_the_client_stops_writing(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_DONE);
    int fd = dial(d);
    for (int i = 0; i < 100; i++)
        say(fd, i % 2 ? "{\"command\":\"retry\",\"path\":\"a.mp3\"}\n"
                      : "{\"command\":\"restore\",\"path\":\"a.mp3\"}\n");
    say(fd, "{\"command\":\"wait\",\"path\":\"a.mp3\"}\n{\"command\":\"unfinished\"");
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 100; i++) {
        cJSON *o = hear(fd);
        assert_int_equal(number(o, "count"), i % 2 ? 1 : 10);
        cJSON_Delete(o);
    }
    cJSON *o = hear(fd);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    assert_null(hear(fd));
    close(fd);
}

static void who_writes_no_more_still_gets_what_it_waits_for(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    int fd = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"a.mp3\"}\n");
    shutdown(fd, SHUT_WR);
    cJSON_Delete(ask(d, "{\"command\":\"status\"}\n", NULL));
    put(d, "a.mp3", ITEM_DONE);
    tell(d);
    cJSON *o = hear(fd);
    assert_non_null(o);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    assert_null(hear(fd));
    close(fd);
}

/* More answers than the socket holds: it stops reading requests, forgets none, and goes on. */
static void who_reads_late_gets_every_answer(void **state)
{
    struct daemon *d = *state;
    enum { REQUESTS = 1200 };
    static const char *const names[] = {"a.mp3", "b.mp3", "c.mp3", "d.mp3",
                                        "e.mp3", "f.mp3", "g.mp3", "h.mp3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        put(d, names[i], ITEM_FAILED);
    int fd = dial(d);
    for (int i = 0; i < REQUESTS; i++)
        say(fd, "{\"command\":\"status\"}\n");
    shutdown(fd, SHUT_WR);
    cJSON_Delete(ask(d, "{\"command\":\"status\"}\n", NULL)); /* others are served meanwhile */
    for (int i = 0; i < REQUESTS; i++) {
        cJSON *o = hear(fd);
        assert_non_null(o);
        assert_int_equal(item_count(o), 8);
        cJSON_Delete(o);
    }
    assert_null(hear(fd));
    close(fd);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    for (const char *s = "{\"command\":\"status\"}\n"; *s; s++)
        say(fd, (char[]){*s, '\0'});
    cJSON *o = hear(fd);
    assert_int_equal(item_count(o), 0);
    cJSON_Delete(o);
    close(fd);
}

static void retry_restore_and_cancel_reach_the_library(void **state)
{
    struct daemon *d = *state;
    put(d, "dir/a\xff.mp3", ITEM_FAILED);
    cJSON *o =
        ask(d, "{\"command\":\"retry\",\"path\":\"wrong\",\"path_bytes\":\"6469722f61ff2e6D7033\"}\n", NULL);
    assert_int_equal(number(o, "count"), 1);
    assert_string_equal(d->library.asked, "dir/a\xff.mp3");
    cJSON_Delete(o);
    o = ask(d, "{\"command\":\"restore\",\"path\":\"dir\"}\n", NULL);
    assert_int_equal(number(o, "count"), 10);
    cJSON_Delete(o);
    o = ask(d, "{\"command\":\"cancel\",\"path\":\"dir\"}\n", NULL);
    assert_int_equal(number(o, "count"), 100);
    cJSON_Delete(o);
}

static void wait_answers_at_once_when_all_is_done_or_failed(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_DONE);
    put(d, "b.mp3", ITEM_FAILED);
    cJSON *o = ask(d, "{\"command\":\"wait\"}\n", NULL);
    assert_true(is_true(o, "final"));
    assert_false(is_true(o, "timed_out"));
    assert_int_equal(item_count(o), 2);
    cJSON_Delete(o);
}

static void wait_answers_when_the_last_one_is_done(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_ARRIVING);
    put(d, "b.mp3", ITEM_QUEUED);
    put(d, "other.mp3", ITEM_RUNNING);
    int fd = dial(d), a = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"\"}\n");
    say(a, "{\"command\":\"wait\",\"path\":\"a.mp3\"}\n");
    put(d, "a.mp3", ITEM_DONE);
    tell(d);
    cJSON *o = hear(a);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    assert_int_equal(recv(fd, (char[1]){0}, 1, MSG_DONTWAIT), -1);
    put(d, "b.mp3", ITEM_DONE);
    tell(d);
    put(d, "other.mp3", ITEM_FAILED);
    tell(d);
    o = hear(fd);
    assert_true(is_true(o, "final"));
    assert_int_equal(number(cJSON_GetObjectItemCaseSensitive(o, "counts"), "done"), 2);
    cJSON_Delete(o);
    close(fd);
    close(a);
}

static void wait_waits_until_the_views_can_be_seen(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_DONE);
    set_announcing(d, 0, true);
    int fd = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"a.mp3\",\"progress\":true}\n");
    cJSON *o = hear(fd);
    assert_false(is_true(o, "final"));
    cJSON_Delete(o);
    set_announcing(d, 0, false);
    tell(d);
    o = hear(fd);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    close(fd);
}

static void wait_ends_at_its_timeout(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    cJSON *o = ask(d, "{\"command\":\"wait\",\"path\":\"a.mp3\",\"timeout_ms\":30}\n", NULL);
    assert_true(is_true(o, "final"));
    assert_true(is_true(o, "timed_out"));
    assert_string_equal(item_text(o, 0, "state"), "running");
    cJSON_Delete(o);
    o = ask(d, "{\"command\":\"wait\",\"path\":\"a.mp3\",\"timeout_ms\":0}\n", NULL);
    assert_true(is_true(o, "timed_out"));
    cJSON_Delete(o);
}

static void wait_lets_a_path_appear(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"new.mp3\"}\n{\"command\":\"status\"}\n");
    cJSON_Delete(ask(d, "{\"command\":\"status\"}\n", NULL)); /* it has looked for new.mp3 before this */
    put(d, "new.mp3", ITEM_DONE);
    tell(d);
    cJSON *o = hear(fd);
    assert_true(is_true(o, "final"));
    cJSON_Delete(o);
    o = hear(fd); /* the next request is answered after it */
    assert_int_equal(item_count(o), 1);
    cJSON_Delete(o);
    close(fd);
    cJSON_Delete(ask(d, "{\"command\":\"wait\",\"path\":\"never.mp3\"}\n", "not_found"));
    cJSON_Delete(ask(d, "{\"command\":\"wait\",\"path\":\"never.mp3\",\"timeout_ms\":1}\n", "not_found"));
}

static void wait_ends_when_the_recording_is_deleted(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    int fd = dial(d);
    say(fd, "{\"command\":\"wait\",\"path\":\"a.mp3\",\"progress\":true}\n");
    cJSON_Delete(hear(fd));
    pthread_mutex_lock(&d->library.lock);
    d->library.count = 0;
    pthread_mutex_unlock(&d->library.lock);
    tell(d);
    cJSON *o = hear(fd);
    assert_string_equal(text(cJSON_GetObjectItemCaseSensitive(o, "error"), "code"), "not_found");
    cJSON_Delete(o);
    close(fd);
}

static void watch_sends_what_changed_and_nothing_twice(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_QUEUED);
    int fd = dial(d);
    say(fd, "{\"command\":\"watch\"}\n");
    cJSON *o = hear(fd);
    assert_string_equal(item_text(o, 0, "state"), "queued");
    cJSON_Delete(o);
    /* Nothing is different: nothing comes, though there was time for it. */
    tell(d);
    struct timeval limit = {.tv_usec = 700000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(recv(fd, (char[1]){0}, 1, 0), -1);
    limit = (struct timeval){.tv_sec = hang_up_after};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    put(d, "a.mp3", ITEM_RUNNING);
    for (int i = 0; i < 100; i++)
        tell(d);
    o = hear(fd);
    assert_string_equal(item_text(o, 0, "state"), "running");
    cJSON_Delete(o);
    put(d, "a.mp3", ITEM_DONE);
    tell(d);
    o = hear(fd);
    assert_string_equal(item_text(o, 0, "state"), "done");
    cJSON_Delete(o);
    shutdown(fd, SHUT_WR); /* it hangs up on a watch that is over */
    assert_null(hear(fd));
    close(fd);
}

static void watch_is_sent_twice_a_second_at_most(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    int fd = dial(d);
    say(fd, "{\"command\":\"watch\"}\n");
    cJSON_Delete(hear(fd));
    int64_t begin = loop_now_ms();
    for (int i = 1; i <= 2; i++) {
        pthread_mutex_lock(&d->library.lock);
        d->library.items[0].attempts = i;
        pthread_mutex_unlock(&d->library.lock);
        tell(d);
        cJSON_Delete(hear(fd));
    }
    assert_true(loop_now_ms() - begin >= 900);
    close(fd);
}

static void hang_up_many_times(struct daemon *d, const char *request)
{
    for (int i = 0; i < 300; i++) { /* more than are admitted together */
        int fd = dial(d);
        say(fd, request);
        close(fd);
    }
    /* The daemon may still be at the ones before. */
    for (int i = 0; i < 1000; i++) {
        int fd = dial(d);
        send(fd, "{\"command\":\"status\"}\n", 21, MSG_NOSIGNAL);
        cJSON *o = hear(fd);
        bool served = o && cJSON_HasObjectItem(o, "items");
        cJSON_Delete(o);
        close(fd);
        if (served)
            return;
    }
    fail_msg("nobody is served any more");
}

static void clients_that_hang_up_are_forgotten(void **state)
{
    struct daemon *d = *state;
    put(d, "a.mp3", ITEM_RUNNING);
    hang_up_many_times(d, "{\"command\":\"wait\"}\n");
    hang_up_many_times(d, "{\"command\":\"watch\"}\n");
    hang_up_many_times(d, "{\"command\"");
}

static void too_many_clients_are_refused(void **state)
{
    struct daemon *d = *state;
    int fds[65];
    for (int i = 0; i < 65; i++)
        fds[i] = dial(d);
    cJSON *o = hear(fds[64]);
    assert_string_equal(text(cJSON_GetObjectItemCaseSensitive(o, "error"), "code"), "busy");
    cJSON_Delete(o);
    assert_null(hear(fds[64]));
    for (int i = 0; i < 65; i++)
        close(fds[i]);
}

/* ---- Explaining ---- */

static void hang_up_on_all(void *arg)
{
    struct daemon *d = arg;
    control_free(d->control);
    struct control_config config = {.loop = d->loop,
                                    .library = &d->library,
                                    .state_fd = d->state_fd,
                                    .engine = engine_line,
                                    .trouble = trouble_line,
                                    .explain = explain,
                                    .explain_cancel = explain_cancel,
                                    .context = d,
                                    .explain_context = d};
    struct error err;
    assert_int_equal(control_new(&config, &d->control, &err), 0);
}

static void wait_until_asked(struct daemon *d)
{
    for (int ms = 0; !__atomic_load_n(&d->explaining, __ATOMIC_ACQUIRE); ms++) {
        if (ms > hang_up_after * 1000)
            fail_msg("the question did not arrive");
        usleep(1000);
    }
}

static void an_explanation_comes_when_it_is_there(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    /* What is asked meanwhile waits its turn; changes of recordings are nothing to it. */
    say(fd, "{\"command\":\"explain\",\"path\":\"./a.mp3\"}\n{\"command\":\"status\"}\n");
    wait_until_asked(d);
    put(d, "a.mp3", ITEM_DONE);
    tell(d);
    assert_int_equal(loop_post(d->loop, explained, d), 0);
    cJSON *o = hear(fd);
    assert_string_equal(text(o, "model"), "a.mp3");
    cJSON_Delete(o);
    o = hear(fd);
    assert_int_equal(item_count(o), 1);
    cJSON_Delete(o);
    close(fd);
    assert_int_equal(d->cancelled, 0);
}

static void an_explanation_reaches_who_writes_no_more(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    say(fd, "{\"command\":\"explain\",\"path\":\"a.mp3\"}\n");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    wait_until_asked(d);
    tell(d);
    assert_int_equal(loop_post(d->loop, explained, d), 0);
    cJSON *o = hear(fd);
    assert_string_equal(text(o, "model"), "a.mp3");
    cJSON_Delete(o);
    assert_null(hear(fd));
    close(fd);
}

static void what_cannot_be_explained_is_said(void **state)
{
    struct daemon *d = *state;
    cJSON_Delete(ask(d, "{\"command\":\"explain\",\"path\":\"dir\"}\n", "request"));
    cJSON_Delete(ask(d, "{\"command\":\"explain\",\"path\":\"../a.mp3\"}\n", "request"));
    /* Without memory there is no answer; the client is not left waiting. */
    int fd = dial(d);
    say(fd, "{\"command\":\"explain\",\"path\":\"a.mp3\"}\n");
    wait_until_asked(d);
    assert_int_equal(loop_post(d->loop, explained_without_memory, d), 0);
    assert_null(hear(fd));
    close(fd);
}

static void who_hangs_up_cancels_his_question(void **state)
{
    struct daemon *d = *state;
    int fd = dial(d);
    say(fd, "{\"command\":\"explain\",\"path\":\"a.mp3\"}\n");
    wait_until_asked(d);
    close(fd);
    for (int ms = 0; __atomic_load_n(&d->cancelled, __ATOMIC_ACQUIRE) == 0; ms++) {
        if (ms > hang_up_after * 1000)
            fail_msg("the question was not cancelled");
        usleep(1000);
    }
    assert_null(d->explaining);
    /* Another is asked when everything ends: stop() sees that it is cancelled. */
    fd = dial(d);
    say(fd, "{\"command\":\"explain\",\"path\":\"a.mp3\"}\n");
    wait_until_asked(d);
    assert_int_equal(loop_post(d->loop, hang_up_on_all, d), 0);
    assert_null(hear(fd));
    assert_int_equal(d->cancelled, 2);
    close(fd);
}

static void items_survive_json(void **state)
{
    (void)state;
    char path[] = "d\xc3\xa4/x\ny\xff.mp3", base[] = "x\ny\xff";
    const struct item items[] = {
        {.path = path,
         .base = base,
         .state = ITEM_RUNNING,
         .stage = STAGE_PUBLISHING,
         .done = 5,
         .total = INT64_C(1) << 40,
         .duration_ms = 1,
         .queued_ms = 1795305600000,
         .started_ms = 3,
         .expected_ms = 4,
         .attempts = 2,
         .hidden = 5,
         .job = "ab"},
        {.path = path,
         .base = base,
         .state = ITEM_QUEUED,
         .position = 7,
         .not_before_ms = 1795305600001,
         .error = {.class = ERROR_PERSON, .code = "engine.missing", .detail = "bad \xff\n"}},
        {.path = path, .base = base, .state = ITEM_DONE, .finished_ms = 9},
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        cJSON *made = json_item(&items[i]);
        cleanup_free char *line = cJSON_PrintUnformatted(made);
        cJSON *o = cJSON_Parse(line);
        struct item *read = calloc(1, sizeof *read);
        assert_true(json_read_item(o, read));
        assert_string_equal(read->path, path);
        assert_string_equal(read->base, base);
        assert_int_equal(read->state, items[i].state);
        assert_int_equal(read->stage, items[i].stage);
        assert_int_equal(read->done, items[i].done);
        assert_int_equal(read->total, items[i].total);
        assert_int_equal(read->position, items[i].position);
        assert_int_equal(read->duration_ms, items[i].duration_ms);
        assert_int_equal(read->queued_ms, items[i].queued_ms);
        assert_int_equal(read->started_ms, items[i].started_ms);
        assert_int_equal(read->finished_ms, items[i].finished_ms);
        assert_int_equal(read->expected_ms, items[i].expected_ms);
        assert_int_equal(read->not_before_ms, items[i].not_before_ms);
        assert_int_equal(read->attempts, items[i].attempts);
        assert_int_equal(read->hidden, items[i].hidden);
        assert_string_equal(read->job, items[i].job);
        assert_int_equal(read->error.class, items[i].error.class);
        assert_string_equal(read->error.code, items[i].error.code);
        items_free(read, 1);
        cJSON_Delete(o);
        cJSON_Delete(made);
    }
}

static void what_is_no_item_is_not_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}",
                                        "[]",
                                        "7",
                                        "{\"path\":\"a\",\"base\":\"a\"}",
                                        "{\"path\":\"a\",\"base\":\"a\",\"state\":\"flying\"}",
                                        "{\"path\":\"a\",\"state\":\"done\"}",
                                        "{\"path\":\"a\",\"base\":\"a\",\"state\":7}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cJSON *o = cJSON_Parse(texts[i]);
        struct item item;
        assert_false(json_read_item(o, &item));
        cJSON_Delete(o);
    }
    cJSON *o = cJSON_Parse(
        "{\"path\":\"a\",\"base\":\"a\",\"state\":\"done\",\"attempts\":1e300,\"done\":-1e300,\"hidden\":7,"
        "\"error\":{\"class\":[]}}");
    struct item *item = calloc(1, sizeof *item);
    assert_true(json_read_item(o, item));
    assert_int_equal(item->attempts, 0);
    assert_int_equal(item->error.class, ERROR_PERMANENT);
    items_free(item, 1);
    cJSON_Delete(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_socket_is_for_the_owner_only, start, stop),
        cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced_and_another_file_is_not, start, stop),
        cmocka_unit_test_setup_teardown(status_says_counts_items_engine_and_trouble, start, stop),
        cmocka_unit_test_setup_teardown(paths_are_normalised, start, stop),
        cmocka_unit_test_setup_teardown(bad_requests_are_answered, start, stop),
        cmocka_unit_test_setup_teardown(a_request_without_end_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(requests_are_answered_in_order_and_after_the_client_stops_writing,
                                        start, stop),
        cmocka_unit_test_setup_teardown(who_writes_no_more_still_gets_what_it_waits_for, start, stop),
        cmocka_unit_test_setup_teardown(who_reads_late_gets_every_answer, start, stop),
        cmocka_unit_test_setup_teardown(a_request_may_come_byte_by_byte, start, stop),
        cmocka_unit_test_setup_teardown(retry_restore_and_cancel_reach_the_library, start, stop),
        cmocka_unit_test_setup_teardown(wait_answers_at_once_when_all_is_done_or_failed, start, stop),
        cmocka_unit_test_setup_teardown(wait_answers_when_the_last_one_is_done, start, stop),
        cmocka_unit_test_setup_teardown(wait_waits_until_the_views_can_be_seen, start, stop),
        cmocka_unit_test_setup_teardown(wait_ends_at_its_timeout, start, stop),
        cmocka_unit_test_setup_teardown(wait_lets_a_path_appear, start, stop),
        cmocka_unit_test_setup_teardown(wait_ends_when_the_recording_is_deleted, start, stop),
        cmocka_unit_test_setup_teardown(watch_sends_what_changed_and_nothing_twice, start, stop),
        cmocka_unit_test_setup_teardown(watch_is_sent_twice_a_second_at_most, start, stop),
        cmocka_unit_test_setup_teardown(clients_that_hang_up_are_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(too_many_clients_are_refused, start, stop),
        cmocka_unit_test_setup_teardown(an_explanation_comes_when_it_is_there, start, stop),
        cmocka_unit_test_setup_teardown(an_explanation_reaches_who_writes_no_more, start, stop),
        cmocka_unit_test_setup_teardown(what_cannot_be_explained_is_said, start, stop),
        cmocka_unit_test_setup_teardown(who_hangs_up_cancels_his_question, start, stop),
        cmocka_unit_test(items_survive_json),
        cmocka_unit_test(what_is_no_item_is_not_read),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
