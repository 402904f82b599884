/* What the tests of the control socket share: a real socket and a real loop, a library made up by the test. */
#pragma once

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
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "fs/asking.h"
#include "fs/control.h"
#include "fs/control_json.h"
#include "fs/jobs/pool.h"
#include "fs/library.h"

/* ---- A library of a few recordings ---- */

struct library {
    pthread_mutex_t lock;
    struct item items[8]; /* the strings are constants of the test */
    size_t count;
    char asked[64]; /* the last path of retry or restore */
};

static inline bool is_at(const char *item, const char *path)
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

static inline int count_at(struct library *lib, const char *path, int *count)
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
    struct pool *pool;
    atomic_bool hold; /* the question "echo" is not answered meanwhile */
};

/* ---- What explains ---- */

struct explaining {
    struct daemon *daemon;
    char path[64];
    void (*answer)(void *to, cJSON *object);
    void *to;
};

/* On the loop, like everything that touches it. */
static inline struct explaining *explain(void *context, const char *path, void (*answer)(void *to, cJSON *object),
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

static inline void explain_cancel(struct explaining *e)
{
    __atomic_store_n(&e->daemon->explaining, NULL, __ATOMIC_RELEASE);
    __atomic_add_fetch(&e->daemon->cancelled, 1, __ATOMIC_RELEASE);
    free(e);
}

static inline void explained(void *arg)
{
    struct daemon *d = arg;
    struct explaining e = *d->explaining;
    free(d->explaining);
    d->explaining = NULL;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", e.path);
    e.answer(e.to, object);
}

static inline void explained_without_memory(void *arg)
{
    struct daemon *d = arg;
    struct explaining e = *d->explaining;
    free(d->explaining);
    d->explaining = NULL;
    e.answer(e.to, NULL);
}

static inline void engine_line(void *context, char *line, size_t size)
{
    (void)context;
    snprintf(line, size, "Vosk");
}

static inline bool trouble_line(void *context, char *line, size_t size)
{
    struct daemon *d = context;
    snprintf(line, size, "the disk is full");
    return d->troubled;
}

/* ---- A question that is answered on the pool ---- */

static inline cJSON *echo(void *context, const char *path, const cJSON *request)
{
    struct daemon *d = context;
    while (atomic_load(&d->hold))
        usleep(1000);
    if (strcmp(path, "none") == 0)
        return asking_error("not_found", "no recording is there");
    if (strcmp(path, "memory") == 0)
        return NULL;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "path", path);
    cJSON_AddNumberToObject(o, "n", cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(request, "n")));
    return o;
}
static const struct question questions[] = {{"echo", echo}};

static inline struct control_config config_of(struct daemon *d)
{
    return (struct control_config){.loop = d->loop,
                                   .library = &d->library,
                                   .state_fd = d->state_fd,
                                   .engine = engine_line,
                                   .trouble = trouble_line,
                                   .explain = explain,
                                   .explain_cancel = explain_cancel,
                                   .context = d,
                                   .explain_context = d,
                                   .questions = questions,
                                   .question_count = 1,
                                   .pool = d->pool,
                                   .question_context = d};
}

static inline void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

static inline void put(struct daemon *d, const char *path, enum item_state state)
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

static inline void set_announcing(struct daemon *d, size_t i, bool announcing)
{
    pthread_mutex_lock(&d->library.lock);
    d->library.items[i].announcing = announcing;
    pthread_mutex_unlock(&d->library.lock);
}

static inline void changed(void *arg)
{
    control_changed(((struct daemon *)arg)->control);
}

static inline void tell(struct daemon *d)
{
    assert_int_equal(loop_post(d->loop, changed, d), 0);
}

static inline int start(void **state)
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
    assert_int_equal(pool_new(2, &d->pool), 0);
    const struct control_config config = config_of(d);
    struct error err;
    assert_int_equal(control_new(&config, &d->control, &err), 0);
    assert_int_equal(pthread_create(&d->thread, NULL, run_loop, d->loop), 0);
    *state = d;
    return 0;
}

static inline int stop(void **state)
{
    struct daemon *d = *state;
    loop_stop(d->loop);
    pthread_join(d->thread, NULL);
    control_free(d->control);
    atomic_store(&d->hold, false);
    pool_stop(d->pool);
    pool_free(d->pool);
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

static inline int dial(struct daemon *d)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control", d->state_fd);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = hang_up_after};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static inline void say(int fd, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* The next line, parsed; NULL at the end. */
static inline cJSON *hear(int fd)
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

static inline const char *text(const cJSON *o, const char *key)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    assert_non_null(s);
    return s;
}

static inline int number(const cJSON *o, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
    assert_true(cJSON_IsNumber(n));
    return n->valueint;
}

static inline bool is_true(const cJSON *o, const char *key)
{
    const cJSON *b = cJSON_GetObjectItemCaseSensitive(o, key);
    assert_true(cJSON_IsBool(b));
    return cJSON_IsTrue(b);
}

static inline int item_count(const cJSON *o)
{
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(o, "items"));
}

static inline const char *item_text(const cJSON *o, int i, const char *key)
{
    return text(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(o, "items"), i), key);
}

/* Asks once and checks for the error code; NULL: none. Returns the answer. */
static inline cJSON *ask(struct daemon *d, const char *request, const char *error)
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
