/* scribectl status */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/ctl/answer.h"
#include "fs/ctl/connection.h"
#include "fs/ctl/screen.h"
#include "fs/ctl/show.h"
#include "fs/ctl/target.h"

#define ALL 100000      /* what scribefs sends at most */
#define WATCH_LIMIT 300 /* more than any screen shows */

static int print(const struct buffer *text)
{
    if (buffer_error(text) < 0)
        return complain(EXIT_GENERAL, _("out of memory"));
    fwrite(text->data ? text->data : "", 1, text->len, stdout);
    /* A pipe whose reader has gone ends the program with SIGPIPE; a full disk is said. */
    if (fflush(stdout) != 0)
        return complain(EXIT_GENERAL, _("cannot write the output: %s"), strerror(errno));
    return EXIT_OK;
}

static int print_json(const cJSON *object, bool on_one_line)
{
    cleanup_free char *text = on_one_line ? cJSON_PrintUnformatted(object) : cJSON_Print(object);
    cleanup_buffer struct buffer out = {0};
    if (text)
        buffer_printf(&out, "%s\n", text);
    return text ? print(&out) : complain(EXIT_GENERAL, _("out of memory"));
}

static int print_once(const struct answer *a, bool terminal, bool of_all)
{
    cleanup_buffer struct buffer text = {0};
    int width, rows;
    screen_size(&width, &rows);
    if (terminal)
        show_page(a, width, 0, wall_clock_ms(), &text);
    else
        show_plain(a, wall_clock_ms(), &text);
    if (!terminal && of_all)
        show_spending(a, &text);
    if (!terminal && a->trouble)
        complain(EXIT_OK, _("attention: %s"), a->trouble);
    return print(&text);
}

/* What is watched on a terminal: drawn anew when something changes, or the terminal's size does. */
struct watching {
    struct screen screen;
    struct answer last;
    int signals; /* signalfd of SIGWINCH */
};

static void watching_clear(struct watching *w)
{
    answer_clear(&w->last);
    if (w->signals >= 0)
        close(w->signals);
}

static int draw(struct watching *w)
{
    cleanup_buffer struct buffer text = {0};
    int width, rows;
    screen_size(&width, &rows);
    show_page(&w->last, width, rows, wall_clock_ms(), &text);
    if (buffer_error(&text) < 0)
        return complain(EXIT_GENERAL, _("out of memory"));
    screen_draw(&w->screen, text.data);
    return EXIT_OK;
}

static void on_resize(void *context)
{
    struct watching *w = context;
    struct signalfd_siginfo info;
    if (read(w->signals, &info, sizeof info) > 0)
        draw(w);
}

/* Without it the new size counts from the next change on. */
static int watch_size(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    return sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

static int print_again(struct answer *a, bool terminal, struct watching *w, struct said *said)
{
    cleanup_buffer struct buffer text = {0};
    if (!terminal) {
        show_changes(said, a, wall_clock_ms(), &text);
        return print(&text);
    }
    answer_clear(&w->last);
    w->last = *a;
    *a = (struct answer){0};
    return draw(w);
}

int ctl_status(const struct ctl_options *options)
{
    cleanup_target struct target target = {0};
    cleanup_connection struct connection c = {.fd = -1};
    __attribute__((cleanup(said_clear))) struct said said = {0};
    __attribute__((cleanup(watching_clear))) struct watching watching = {.signals = -1};
    bool terminal = screen_is_terminal();
    int code = target_find(options, &target);
    if (code == EXIT_OK)
        code = connection_open(&c, target.store);
    if (code != EXIT_OK)
        return code;
    if (options->watch && terminal && !options->json) {
        watching.signals = watch_size();
        c.also_fd = watching.signals;
        c.also = on_resize;
        c.context = &watching;
    }
    cJSON *extra = cJSON_CreateObject();
    cJSON_AddNumberToObject(extra, "limit", options->watch && terminal && !options->json ? WATCH_LIMIT : ALL);
    code = connection_ask(&c, options->watch ? "watch" : "status", target.paths[0], extra);
    while (code == EXIT_OK) {
        cJSON *object;
        cleanup_answer struct answer a = {0};
        code = connection_hear(&c, target.paths[0], &object);
        if (code != EXIT_OK)
            break;
        if (options->json)
            code = print_json(object, options->watch);
        else if (answer_read(object, &a) < 0)
            code = complain(EXIT_GENERAL, _("out of memory"));
        else if (options->watch)
            code = print_again(&a, terminal, &watching, &said);
        else
            code = print_once(&a, terminal, !*target.paths[0]);
        cJSON_Delete(object);
        if (!options->watch)
            break;
    }
    return code;
}
