/* scribectl status */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static int print_again(const struct answer *a, bool terminal, struct screen *screen, struct said *said)
{
    cleanup_buffer struct buffer text = {0};
    if (!terminal) {
        show_changes(said, a, wall_clock_ms(), &text);
        return print(&text);
    }
    int width, rows;
    screen_size(&width, &rows);
    show_page(a, width, rows, wall_clock_ms(), &text);
    screen_draw(screen, text.data);
    return EXIT_OK;
}

int ctl_status(const struct ctl_options *options)
{
    cleanup_target struct target target = {0};
    cleanup_connection struct connection c = {.fd = -1};
    __attribute__((cleanup(said_clear))) struct said said = {0};
    struct screen screen = {0};
    bool terminal = screen_is_terminal();
    int code = target_find(options, &target);
    if (code == EXIT_OK)
        code = connection_open(&c, target.store);
    if (code != EXIT_OK)
        return code;
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
            code = print_again(&a, terminal, &screen, &said);
        else
            code = print_once(&a, terminal, !*target.paths[0]);
        cJSON_Delete(object);
        if (!options->watch)
            break;
    }
    return code;
}
