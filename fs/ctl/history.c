/* scribectl history */
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/control_json.h"
#include "fs/ctl/connection.h"
#include "fs/ctl/print.h"
#include "fs/ctl/target.h"
#include "fs/inbox/spent.h"
#include "fs/inbox/status.h"
#include "fs/inbox/wording.h"

/* One thing that happened to a job. */
struct line {
    int64_t at_ms;
    const cJSON *event, *charge; /* neither: it was put into the queue */
    size_t order;                /* as it came */
};

static int by_time(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The daemon's words; those it does not know are shown as they are. */
static const char *event_text(const char *event)
{
    static const char *const texts[][2] = {
        {"started", SAID("begun")},
        {"done", SAID("done")},
        {"failed", SAID("failed")},
        {"postponed", SAID("failed, to be tried again")},
        {"retried", SAID("tried again")},
        {"cancelled", SAID("cancelled")},
        {"lost", SAID("the result was lost")},
        {"outdated", SAID("the settings have changed")},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i][0], event) == 0)
            return _(texts[i][1]);
    return event;
}

static void put_charge(const cJSON *charge, struct buffer *out)
{
    const char *currency = text_in(charge, "currency"), *kind = text_in(charge, "kind");
    cleanup_buffer struct buffer money = {0};
    if (*currency)
        spent_put_money(currency, number_in(charge, "cost_micro"), &money);
    else
        buffer_puts(&money, _("price not known"));
    buffer_printf(out,
                  strcmp(kind, "possible") == 0    ? _("perhaps billed: %s, %.0f s, %s")
                  : strcmp(kind, "estimated") == 0 ? _("billed, about: %s, %.0f s, %s")
                                                   : _("billed: %s, %.0f s, %s"),
                  text_in(charge, "model"), (double)number_in(charge, "billed_ms") / 1000, money.data ? money.data : "");
}

static void put_line(const struct line *line, struct buffer *out)
{
    buffer_puts(out, "  ");
    print_time(line->at_ms, out);
    buffer_puts(out, "  ");
    if (line->charge) {
        put_charge(line->charge, out);
    } else if (line->event) {
        cleanup_free char *detail = json_get_bytes(line->event, "detail");
        buffer_puts(out, event_text(text_in(line->event, "event")));
        if (detail && *detail) {
            buffer_puts(out, ": ");
            status_escape(detail, out);
        }
    } else {
        buffer_puts(out, _("queued"));
    }
    buffer_puts(out, "\n");
}

static int put_job(const cJSON *job, struct buffer *out)
{
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(job, "events"), *one;
    const cJSON *charges = cJSON_GetObjectItemCaseSensitive(job, "charges");
    size_t n = 0;
    cleanup_free struct line *lines =
        calloc((size_t)(cJSON_GetArraySize(events) + cJSON_GetArraySize(charges)) + 1, sizeof *lines);
    if (!lines)
        return complain(EXIT_GENERAL, _("out of memory"));
    lines[n++] = (struct line){.at_ms = number_in(job, "queued_ms")};
    cJSON_ArrayForEach(one, events)
    {
        lines[n] = (struct line){.at_ms = number_in(one, "at_ms"), .event = one, .order = n};
        n++;
    }
    cJSON_ArrayForEach(one, charges)
    {
        lines[n] = (struct line){.at_ms = number_in(one, "at_ms"), .charge = one, .order = n};
        n++;
    }
    qsort(lines, n, sizeof *lines, by_time);
    buffer_printf(out, "%s %.8s%s\n", text_in(job, "backend"), text_in(job, "job"),
                  cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(job, "current")) ? "" : _(" (earlier)"));
    for (size_t i = 0; i < n; i++)
        put_line(&lines[i], out);
    return EXIT_OK;
}

static int put_history(const cJSON *object, struct buffer *out)
{
    cleanup_free char *path = json_get_bytes(object, "path");
    const cJSON *job;
    int code = EXIT_OK;
    status_escape(path ? path : "", out);
    buffer_puts(out, "\n");
    if (*text_in(object, "sha256")) { /* before that nothing is known of it */
        buffer_puts(out, "  ");
        print_time(number_in(object, "arrived_ms"), out);
        buffer_printf(out, _("  arrived: %.0f bytes"), (double)number_in(object, "bytes"));
        buffer_printf(out, ", sha256 %s\n", text_in(object, "sha256"));
    }
    cJSON_ArrayForEach(job, cJSON_GetObjectItemCaseSensitive(object, "jobs"))
    {
        code = code == EXIT_OK ? put_job(job, out) : code;
    }
    return code;
}

int ctl_history(const struct ctl_options *options)
{
    cleanup_target struct target target = {0};
    cleanup_connection struct connection c = {.fd = -1};
    int code = target_find(options, &target), worst = EXIT_OK;
    if (code == EXIT_OK)
        code = connection_open(&c, target.store);
    for (int i = 0; code == EXIT_OK && i < target.count; i++) {
        cleanup_buffer struct buffer text = {0};
        cJSON *object = NULL;
        int one = connection_ask(&c, "history", target.paths[i], NULL);
        if (one == EXIT_OK)
            one = connection_hear(&c, target.paths[i], &object);
        if (one == EXIT_OK && options->json)
            one = print_json_line(object);
        else if (one == EXIT_OK && (one = put_history(object, &text)) == EXIT_OK)
            one = print_text(&text);
        cJSON_Delete(object);
        if (one == EXIT_NO_DAEMON)
            code = one;
        worst = one != EXIT_OK ? one : worst;
    }
    return code != EXIT_OK ? code : worst;
}
