/* One client: reads requests line by line, answers each, and keeps the one that is answered later (wait,
 * watch, explain). */
#include "fs/control_client.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "fs/asking.h"
#include "fs/control_json.h"
#include "fs/control_search.h"
#include "fs/control_status.h"
#include "fs/library.h"

#define LINE_MAX_BYTES (32 * 1024) /* a path of PATH_MAX, every byte as an escape of six */
#define LIMIT_DEFAULT 1000         /* items: about 400 KB */
#define LIMIT_MAX 100000
#define SEARCH_DEFAULT 100 /* recordings */
#define PUSH_INTERVAL 500 /* ms between two status objects of a watch */
#define CHECK_INTERVAL 50 /* ms between two looks at what a wait waits for */
#define CHECK_SHARE 20 /* … and at least this many times as long as the last look took: 5 % of the thread */
#define APPEAR_TIMEOUT 2000 /* ms a path has to become known: it may just have been dropped */

enum subscription { NOTHING, WAIT, WATCH, EXPLAIN, SEARCH, ASK };

struct control_client {
    const struct control_config *config;
    void (*gone)(void *owner, struct control_client *client);
    void *owner;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct buffer in, out;
    size_t sent;  /* of out */
    bool eof;     /* the client writes no more */
    bool closing; /* hang up when all is sent */

    enum subscription subscription;
    struct explaining *explaining;
    struct searching *searching;
    struct asking *asking;
    char *path;
    size_t limit;
    bool progress;        /* send status objects before the last one */
    int64_t deadline;     /* of the loop's clock; INT64_MAX: none */
    int64_t appear_until; /* until then an unknown path is no error; 0: not any more */
    int64_t not_before;   /* next look */
    bool changed;         /* since the last look */
    uint64_t last_sent;   /* hash of the last status object: what did not change is not sent again */
};

/* ---- Answers ---- */

static cJSON *error_object(const char *code, const char *message)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *e = o ? cJSON_AddObjectToObject(o, "error") : NULL;
    if (e && cJSON_AddStringToObject(e, "code", code) && cJSON_AddStringToObject(e, "message", message))
        return o;
    cJSON_Delete(o);
    return NULL;
}

static uint64_t hash_text(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

/* Queues the object, which is freed, as a line. Without memory there is no answer: the client is hung up on,
 * rather than left waiting. */
static void answer(struct control_client *c, cJSON *object, bool unless_sent)
{
    cleanup_free char *line = object ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    if (!line) {
        c->closing = true;
        return;
    }
    uint64_t hash = hash_text(line);
    if (unless_sent && hash == c->last_sent)
        return;
    c->last_sent = hash;
    buffer_puts(&c->out, line);
    buffer_puts(&c->out, "\n");
    if (buffer_error(&c->out))
        c->closing = true;
}

static void answer_error(struct control_client *c, const char *code, const char *message)
{
    answer(c, error_object(code, message), false);
}

static void answer_errno(struct control_client *c, int rc)
{
    if (rc == -ENOENT)
        answer_error(c, "not_found", "no recording is there");
    else
        answer_error(c, "memory", "scribefs is out of memory");
}

static void answer_count(struct control_client *c, int count)
{
    cJSON *o = cJSON_CreateObject();
    if (o && !cJSON_AddNumberToObject(o, "count", count)) {
        cJSON_Delete(o);
        o = NULL;
    }
    answer(c, o, false);
}

void control_refuse(int fd, const char *code, const char *message)
{
    cleanup_buffer struct buffer line = {0};
    cJSON *o = error_object(code, message);
    char *text = o ? cJSON_PrintUnformatted(o) : NULL;
    cJSON_Delete(o);
    if (text)
        buffer_printf(&line, "%s\n", text);
    free(text);
    if (line.len > 0 && send(fd, line.data, line.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return; /* it hears nothing, then */
}

/* `whole`: with what only a status of everything says. Not where what did not change is not to be sent again: it always
 * does. */
static cJSON *status_object(const struct control_config *config, bool whole, const struct item *items, size_t count,
                            size_t limit)
{
    char engine[400] = "", trouble[400] = "";
    struct spending_report spending = {0};
    struct report_all all;
    struct status_report report = {.items = items, .count = count, .engine = engine};
    status_counts(items, count, report.counts);
    config->engine(config->context, engine, sizeof engine);
    if (config->trouble(config->context, trouble, sizeof trouble))
        report.trouble = trouble;
    if (config->spending && config->spending(config->context, &spending))
        report.spending = &spending;
    if (config->all && whole) {
        config->all(config->context, &all);
        report.all = &all;
    }
    report.now_ms = (int64_t)time(NULL) * 1000;
    return json_status(&report, limit);
}

/* ---- What is answered later ---- */

static bool is_settled(const struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool at_an_end = items[i].state == ITEM_DONE || items[i].state == ITEM_FAILED || items[i].empty;
        if (!at_an_end || items[i].announcing)
            return false;
    }
    return true;
}

static void end_subscription(struct control_client *c)
{
    c->subscription = NOTHING;
    free(c->path);
    c->path = NULL;
    loop_timer_stop(c->timer);
}

/* The timer serves the deadline, the time a path has to appear, and a change that came too soon after the
 * last look. */
static void set_timer(struct control_client *c, int64_t now)
{
    int64_t next = c->deadline;
    if (c->appear_until > 0 && c->appear_until < next)
        next = c->appear_until;
    if (c->changed && c->not_before < next)
        next = c->not_before;
    if (next == INT64_MAX)
        loop_timer_stop(c->timer);
    else
        loop_timer_after(c->timer, next > now ? next - now : 0);
}

/* Looks at the recordings and tells the client what it wants to know of them. */
static void look(struct control_client *c)
{
    int64_t now = loop_now_ms();
    struct item *items = NULL;
    size_t count = 0;
    c->changed = false;
    int rc = library_items(c->config->library, c->path, &items, &count);
    bool timed_out = now >= c->deadline;
    if (rc == -ENOENT && c->subscription == WAIT && now < c->appear_until && !timed_out) {
        c->not_before = now;
        set_timer(c, now);
        return;
    }
    if (rc < 0) {
        answer_errno(c, rc);
        end_subscription(c);
        return;
    }
    c->appear_until = 0;
    bool settled = is_settled(items, count);
    bool final = c->subscription == WAIT && (settled || timed_out);
    if (final || c->progress) {
        cJSON *o = status_object(c->config, false, items, count, c->limit);
        if (o && c->subscription == WAIT &&
            !(cJSON_AddBoolToObject(o, "final", final) &&
              cJSON_AddBoolToObject(o, "timed_out", final && !settled))) {
            cJSON_Delete(o);
            o = NULL;
        }
        answer(c, o, !final);
    }
    items_free(items, count);
    if (final) {
        end_subscription(c);
        return;
    }
    int64_t after = loop_now_ms(), pause = (after - now) * CHECK_SHARE;
    int64_t least = c->progress ? PUSH_INTERVAL : CHECK_INTERVAL;
    c->not_before = after + (pause > least ? pause : least);
    set_timer(c, after);
}

/* Answered once, by an answer that is on its way. */
static bool is_question(const struct control_client *c)
{
    return c->subscription == EXPLAIN || c->subscription == SEARCH || c->subscription == ASK;
}

/* ---- Requests ---- */

/* In place: no leading, trailing or doubled slashes, no "." components. False for "..": the library knows no
 * such path. */
static bool normalise(char *path)
{
    char *to = path;
    for (const char *from = path; *from;) {
        size_t len = strcspn(from, "/");
        if (len == 2 && from[0] == '.' && from[1] == '.')
            return false;
        if (len > 0 && !(len == 1 && from[0] == '.')) {
            if (to != path)
                *to++ = '/';
            memmove(to, from, len);
            to += len;
        }
        from += len;
        from += *from == '/';
    }
    *to = '\0';
    return true;
}

static int64_t number_of(const cJSON *request, const char *key, int64_t missing, int64_t most)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(request, key);
    if (!cJSON_IsNumber(n) || !(n->valuedouble >= 0))
        return missing;
    return n->valuedouble < (double)most ? (int64_t)n->valuedouble : most;
}

static void subscribe(struct control_client *c, const cJSON *request, enum subscription subscription,
                      char *path)
{
    int64_t now = loop_now_ms();
    int64_t timeout = number_of(request, "timeout_ms", -1, INT64_C(1) << 50);
    bool is_wait = subscription == WAIT;
    c->subscription = subscription;
    c->path = path;
    c->progress = !is_wait || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "progress"));
    c->deadline = is_wait && timeout >= 0 ? now + timeout : INT64_MAX;
    c->appear_until = is_wait ? now + APPEAR_TIMEOUT : 0;
    c->last_sent = 0;
    look(c);
}

static void answer_status(struct control_client *c, const char *path, size_t limit)
{
    struct item *items = NULL;
    size_t count = 0;
    int rc = library_items(c->config->library, path, &items, &count);
    if (rc < 0) {
        answer_errno(c, rc);
        return;
    }
    answer(c, status_object(c->config, !*path, items, count, limit), false);
    items_free(items, count);
}

static void advance(struct control_client *c);

/* The client may be freed when this returns. */
static void on_explained(void *to, cJSON *object)
{
    struct control_client *c = to;
    c->explaining = NULL;
    c->subscription = NOTHING;
    answer(c, object, false);
    advance(c);
}

static void explain(struct control_client *c, const char *path)
{
    struct error err = {0};
    c->explaining = c->config->explain(c->config->explain_context, path, on_explained, c, &err);
    if (c->explaining)
        c->subscription = EXPLAIN;
    else
        answer_error(c, err.code, err.detail);
}

/* The client may be freed when this returns. */
static void on_searched(void *to, cJSON *object)
{
    struct control_client *c = to;
    c->searching = NULL;
    c->subscription = NOTHING;
    answer(c, object, false);
    advance(c);
}

static void search(struct control_client *c, const cJSON *request)
{
    const struct control_config *config = c->config;
    cleanup_free char *words = json_get_bytes(request, "words");
    size_t limit = (size_t)number_of(request, "limit", SEARCH_DEFAULT, LIMIT_MAX);
    int rc = !words          ? -EINVAL
             : config->search ? searching_start(config->loop, config->search, config->library, words, limit,
                                                on_searched, c, &c->searching)
                              : -ENODEV;
    if (rc == 0) {
        c->subscription = SEARCH;
        return;
    }
    c->searching = NULL;
    if (rc == -EINVAL)
        answer_error(c, "request", "\"words\" are missing");
    else if (rc == -EBUSY)
        answer_error(c, "busy", "too many searches at the same time");
    else if (rc == -ENOMEM)
        answer_errno(c, rc);
    else
        answer_error(c, "failed", "there is no search");
}

/* The client may be freed when this returns. */
static void on_asked(void *to, cJSON *object)
{
    struct control_client *c = to;
    c->asking = NULL;
    c->subscription = NOTHING;
    answer(c, object, false);
    advance(c);
}

/* NULL: it is none of those. */
static const struct question *find_question(const struct control_config *config, const char *command)
{
    for (size_t i = 0; i < config->question_count; i++)
        if (strcmp(config->questions[i].command, command) == 0)
            return &config->questions[i];
    return NULL;
}

static void ask(struct control_client *c, const struct question *question, const char *path, const cJSON *request)
{
    const struct control_config *config = c->config;
    cJSON *copy = cJSON_Duplicate(request, true);
    int rc = copy ? asking_start(config->loop, config->pool, question, config->question_context, path, copy, on_asked, c,
                                 &c->asking)
                  : -ENOMEM;
    if (rc == 0) {
        c->subscription = ASK;
        return;
    }
    cJSON_Delete(copy);
    answer_errno(c, -ENOMEM);
}

typedef int change_fn(struct library *library, const char *path, int *count);

/* NULL: it is not a change. */
static change_fn *find_change(const char *command)
{
    static const struct {
        const char *command;
        change_fn *fn;
    } changes[] = {{"retry", library_retry}, {"restore", library_restore}, {"cancel", library_cancel}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (strcmp(changes[i].command, command) == 0)
            return changes[i].fn;
    return NULL;
}

static void answer_request(struct control_client *c, const cJSON *request)
{
    const char *command = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "command"));
    if (!command) {
        answer_error(c, "request", "a request is a JSON object with a \"command\"");
        return;
    }
    bool has_path = cJSON_HasObjectItem(request, "path") || cJSON_HasObjectItem(request, "path_bytes");
    cleanup_free char *path = has_path ? json_get_bytes(request, "path") : strdup("");
    if (!path || !normalise(path)) {
        answer_error(c, "request", "\"path\" must be a path relative to the inbox, without \"..\"");
        return;
    }
    c->limit = (size_t)number_of(request, "limit", LIMIT_DEFAULT, LIMIT_MAX);
    int count = 0, rc;
    change_fn *change;
    const struct question *question;
    if (strcmp(command, "status") == 0) {
        answer_status(c, path, c->limit);
    } else if (strcmp(command, "wait") == 0) {
        subscribe(c, request, WAIT, steal_ptr(path));
    } else if (strcmp(command, "watch") == 0) {
        subscribe(c, request, WATCH, steal_ptr(path));
    } else if (strcmp(command, "explain") == 0) {
        explain(c, path);
    } else if (strcmp(command, "search") == 0) {
        search(c, request);
    } else if ((question = find_question(c->config, command))) {
        ask(c, question, path, request);
    } else if (strcmp(command, "rerun") == 0 && c->config->rerun) {
        struct error err = {0};
        cJSON *done = c->config->rerun(c->config->explain_context, path, request, &err);
        if (done)
            answer(c, done, false);
        else
            answer_error(c, err.code, err.detail);
    } else if ((change = find_change(command)) || (c->config->confirm && strcmp(command, "confirm") == 0)) {
        rc = change ? change(c->config->library, path, &count)
                    : c->config->confirm(c->config->explain_context, path, &count);
        if (rc < 0)
            answer_errno(c, rc);
        else
            answer_count(c, count);
    } else {
        answer_error(c, "request", "this command is not known");
    }
}

/* ---- The socket ---- */

static bool has_output(const struct control_client *c)
{
    return c->sent < c->out.len;
}

static void flush(struct control_client *c)
{
    while (has_output(c)) {
        ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            c->closing = true;
            break;
        }
        c->sent += (size_t)n;
    }
    buffer_clear(&c->out); /* a client that watches for days does not keep its largest answer */
    c->sent = 0;
}

/* Everything that can be done now. The client may be freed when this returns. */
static void advance(struct control_client *c)
{
    flush(c);
    while (!c->closing && !has_output(c)) {
        /* A client that reads slowly gets the newest state when it has caught up, not every state between. */
        if (c->subscription != NOTHING && c->changed && loop_now_ms() >= c->not_before) {
            look(c);
            flush(c);
            continue;
        }
        const char *end =
            c->subscription == NOTHING && c->in.len > 0 ? memchr(c->in.data, '\n', c->in.len) : NULL;
        if (!end)
            break;
        size_t len = (size_t)(end - c->in.data);
        cJSON *request = cJSON_ParseWithLength(c->in.data, len);
        buffer_consume(&c->in, len + 1);
        answer_request(c, request);
        cJSON_Delete(request);
        flush(c);
    }
    bool full = c->in.len >= LINE_MAX_BYTES;
    if (!c->closing && full && c->subscription == NOTHING && !has_output(c)) {
        answer_error(c, "request", "the request is too long");
        c->closing = true;
        flush(c);
    }
    /* Who writes no more can still wait for an answer, but has hung up on a watch. */
    if (c->eof && !has_output(c) && c->subscription != WAIT && !is_question(c))
        c->closing = true;
    if (c->closing && !has_output(c)) {
        c->gone(c->owner, c);
        return;
    }
    uint32_t events = (c->eof || c->closing || full ? 0 : EPOLLIN) | (has_output(c) ? EPOLLOUT : 0);
    loop_watch_events(c->watch, events);
}

static void on_socket(void *arg, uint32_t events)
{
    struct control_client *c = arg;
    if (events & (EPOLLHUP | EPOLLERR)) {
        c->gone(c->owner, c);
        return;
    }
    while ((events & EPOLLIN) && c->in.len < LINE_MAX_BYTES) {
        char chunk[4096];
        ssize_t n = recv(c->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        if (n == 0) {
            c->eof = true;
            break;
        }
        buffer_add(&c->in, chunk, (size_t)n);
        if (buffer_error(&c->in)) {
            c->closing = true;
            break;
        }
    }
    advance(c);
}

static void on_timer(void *arg)
{
    struct control_client *c = arg;
    c->changed = true; /* a deadline is looked at like a change */
    c->not_before = 0;
    advance(c);
}

void control_client_changed(struct control_client *c)
{
    if (c->subscription == NOTHING || is_question(c))
        return;
    c->changed = true;
    int64_t now = loop_now_ms();
    if (now >= c->not_before)
        advance(c);
    else
        set_timer(c, now);
}

struct control_client *control_client_new(const struct control_config *config, int fd,
                                          void (*gone)(void *owner, struct control_client *client),
                                          void *owner)
{
    struct control_client *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        return NULL;
    }
    c->config = config;
    c->gone = gone;
    c->owner = owner;
    c->fd = fd;
    c->timer = loop_timer(config->loop, on_timer, c);
    c->watch = loop_watch(config->loop, fd, EPOLLIN, on_socket, c);
    if (!c->timer || !c->watch) {
        control_client_free(c);
        return NULL;
    }
    return c;
}

void control_client_free(struct control_client *c)
{
    if (!c)
        return;
    if (c->explaining)
        c->config->explain_cancel(c->explaining);
    if (c->searching)
        searching_cancel(c->searching);
    if (c->asking)
        asking_cancel(c->asking);
    loop_unwatch(c->watch);
    loop_timer_free(c->timer);
    close(c->fd);
    free(c->path);
    buffer_clear(&c->in);
    buffer_clear(&c->out);
    free(c);
}
