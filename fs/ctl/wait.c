/* scribectl wait: shows what happens until every recording is done or failed, then says what failed and what
 * to do about it. The paths are waited for one after the other, which takes as long as the slowest of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/ctl/answer.h"
#include "fs/ctl/connection.h"
#include "fs/ctl/screen.h"
#include "fs/ctl/show.h"
#include "fs/ctl/target.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/wording.h"

#define ALL 100000

struct waiting {
    const struct ctl_options *options;
    struct connection connection;
    struct screen screen;
    struct said said;
    bool terminal;
    int number, count; /* of the path: 3 of 10 */
    int64_t deadline;  /* CLOCK_MONOTONIC, milliseconds; -1: none */
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int ask(struct waiting *w, const char *path)
{
    cJSON *extra = cJSON_CreateObject();
    bool quiet = w->options->quiet || w->options->json;
    cJSON_AddNumberToObject(extra, "limit", ALL);
    cJSON_AddBoolToObject(extra, "progress", !quiet);
    if (w->deadline >= 0) {
        int64_t left = w->deadline - monotonic_ms();
        cJSON_AddNumberToObject(extra, "timeout_ms", left > 0 ? (double)left : 0);
    }
    return connection_ask(&w->connection, "wait", path, extra);
}

static void print(const struct buffer *text)
{
    if (text->len > 0)
        fwrite(text->data, 1, text->len, stdout);
    fflush(stdout);
}

static void show(struct waiting *w, const struct answer *a)
{
    cleanup_buffer struct buffer text = {0};
    if (w->options->quiet)
        return;
    if (!w->terminal) {
        show_changes(&w->said, a, wall_clock_ms(), &text);
        print(&text);
        return;
    }
    if (!a->final) {
        int width, rows;
        screen_size(&width, &rows);
        show_page(a, width, rows, wall_clock_ms(), &text);
        if (w->count > 1)
            buffer_printf(&text, "(%d of %d)\n", w->number, w->count);
        screen_draw(&w->screen, text.data);
        return;
    }
    screen_draw(&w->screen, NULL);
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].state == ITEM_DONE)
            show_line(&a->items[i], wall_clock_ms(), &text);
    print(&text);
}

/* The exit code for one path, having said what went wrong. */
static int judge(const struct waiting *w, const struct answer *a, const char *path)
{
    int code = EXIT_OK;
    for (size_t i = 0; i < a->count; i++) {
        const struct item *item = &a->items[i];
        if (item->state != ITEM_FAILED && !item->empty)
            continue;
        const struct message *m = message_find(item->empty ? "media.empty" : item->error.code);
        /* A log already has this line. */
        if (w->terminal || w->options->quiet || w->options->json)
            complain(EXIT_FAILED, "%s: %s %s", item->path, say(ctl_wording(), m->cause),
                     say(ctl_wording(), m->next));
        code = EXIT_FAILED;
    }
    if (a->timed_out) {
        size_t open = a->counts[ITEM_ARRIVING] + a->counts[ITEM_QUEUED] + a->counts[ITEM_RUNNING];
        return complain(EXIT_TIMEOUT,
                        _("%s: not done in time (%zu to go): it goes on by itself, wait again to see the end"),
                        *path ? path : "inbox", open);
    }
    /* Counted even if the list was cut. */
    return a->counts[ITEM_FAILED] > 0 ? EXIT_FAILED : code;
}

static int wait_for(struct waiting *w, const char *path)
{
    int code = ask(w, path);
    while (code == EXIT_OK) {
        cJSON *object;
        cleanup_answer struct answer a = {0};
        code = connection_hear(&w->connection, path, &object);
        if (code != EXIT_OK)
            break;
        int rc = answer_read(object, &a);
        if (rc == 0 && a.final && w->options->json) {
            cleanup_free char *text = cJSON_PrintUnformatted(object);
            printf("%s\n", text ? text : "{}");
            fflush(stdout);
        }
        cJSON_Delete(object);
        if (rc < 0)
            return complain(EXIT_GENERAL, _("out of memory"));
        if (!w->options->json)
            show(w, &a);
        if (a.final)
            return judge(w, &a, path);
    }
    if (w->terminal && w->screen.lines > 0)
        screen_draw(&w->screen, NULL);
    return code;
}

/* The worst of several: not being able to ask ends it; then a timeout, a failure, a path that is not there.
 */
static int worse(int a, int b)
{
    static const int ranks[] = {
        [EXIT_OK] = 0,      [EXIT_GENERAL] = 5,   [EXIT_USAGE] = 4,    [EXIT_FAILED] = 2,
        [EXIT_TIMEOUT] = 3, [EXIT_NOT_FOUND] = 1, [EXIT_NO_DAEMON] = 6};
    return ranks[a] >= ranks[b] ? a : b;
}

int ctl_wait(const struct ctl_options *options)
{
    cleanup_target struct target target = {0};
    struct waiting w = {.options = options, .connection = {.fd = -1}, .deadline = -1};
    w.terminal = screen_is_terminal();
    if (options->timeout >= 0)
        w.deadline = monotonic_ms() + (int64_t)(options->timeout * 1000);
    int code = target_find(options, &target);
    if (code == EXIT_OK)
        code = connection_open(&w.connection, target.store);
    if (code != EXIT_OK) {
        connection_close(&w.connection);
        return code;
    }
    w.count = target.count;
    for (w.number = 1; w.number <= target.count && code != EXIT_NO_DAEMON && code != EXIT_GENERAL; w.number++)
        code = worse(code, wait_for(&w, target.paths[w.number - 1]));
    said_clear(&w.said);
    connection_close(&w.connection);
    return code;
}
