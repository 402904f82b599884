/* scribectl cost */
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/control_json.h"
#include "fs/control_spent.h"
#include "fs/ctl/connection.h"
#include "fs/ctl/print.h"
#include "fs/ctl/screen.h"
#include "fs/ctl/target.h"
#include "fs/inbox/status.h"
#include "fs/inbox/wording.h"

#define NAME_LEAST 12 /* columns */

/* The text, right-aligned or filled up, as many columns as it is wide and more. */
static void put_cell(struct buffer *out, const char *text, int width, bool right)
{
    int columns = text_columns(text, strlen(text)), fill = width > columns ? width - columns : 0;
    if (right)
        buffer_fill(out, ' ', (size_t)fill);
    buffer_puts(out, text);
    if (!right)
        buffer_fill(out, ' ', (size_t)fill);
}

static void put_money(const struct spent *s, struct buffer *out)
{
    if (!s->money[0].currency[0] && !s->unpriced_jobs)
        buffer_puts(out, "0");
    for (int i = 0; i < SPENT_CURRENCIES && s->money[i].currency[0]; i++) {
        buffer_puts(out, i > 0 ? " + " : s->estimated_jobs ? "~" : "");
        spent_put_money(s->money[i].currency, s->money[i].micro, out);
    }
    if (s->unpriced_jobs) {
        buffer_puts(out, s->money[0].currency[0] ? ", " : "");
        buffer_printf(out, _("the price of %d not known"), s->unpriced_jobs);
    }
    if (s->possible_jobs) {
        cleanup_buffer struct buffer minutes = {0};
        spent_put_minutes(s->possible_ms, &minutes);
        buffer_printf(out, _("; perhaps %s minutes more (%d under way or failed)"), minutes.data ? minutes.data : "",
                      s->possible_jobs);
    }
}

static void put_row(const char *name, int width, const cJSON *holder, const char *key, struct buffer *out)
{
    struct spent s = {0};
    cleanup_buffer struct buffer minutes = {0};
    char jobs[24];
    json_read_spent(holder, key, &s);
    spent_put_minutes(s.billed_ms, &minutes);
    snprintf(jobs, sizeof jobs, "%d", s.jobs);
    put_cell(out, name, width, false);
    put_cell(out, minutes.data ? minutes.data : "", 10, true);
    put_cell(out, jobs, 8, true);
    buffer_puts(out, "  ");
    put_money(&s, out);
    buffer_puts(out, "\n");
}

/* What a row is called: escaped; malloc'ed. */
static char *name_of(const cJSON *row, bool of_folders)
{
    cleanup_free char *name = json_get_bytes(row, "name");
    struct buffer out = {0};
    if (of_folders && name && !*name)
        buffer_puts(&out, "inbox");
    else
        status_escape(name ? name : "", &out);
    return buffer_take(&out);
}

static void put_table(const cJSON *object, struct buffer *out)
{
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(object, "rows"), *row;
    const char *by = text_in(object, "by");
    bool of_folders = strcmp(by, "folder") == 0;
    int width = NAME_LEAST;
    cJSON_ArrayForEach(row, rows)
    {
        cleanup_free char *name = name_of(row, of_folders);
        int columns = name ? text_columns(name, strlen(name)) : 0;
        width = columns > width ? columns : width;
    }
    put_cell(out, text_in(object, "month"), width, false);
    put_cell(out, _("minutes"), 10, true);
    put_cell(out, _("jobs"), 8, true);
    buffer_printf(out, "  %s\n", _("cost"));
    cJSON_ArrayForEach(row, rows)
    {
        cleanup_free char *name = name_of(row, of_folders);
        put_row(name ? name : "", width, row, "sum", out);
    }
    put_row(_("total"), width, object, "total", out);
}

int ctl_cost(const struct ctl_options *options)
{
    cleanup_target struct target target = {0};
    cleanup_connection struct connection c = {.fd = -1};
    cleanup_buffer struct buffer text = {0};
    cJSON *object = NULL, *extra = cJSON_CreateObject();
    if ((options->month && !cJSON_AddStringToObject(extra, "month", options->month)) ||
        (options->by && !cJSON_AddStringToObject(extra, "by", options->by))) {
        cJSON_Delete(extra);
        return complain(EXIT_GENERAL, _("out of memory"));
    }
    int code = target_find(options, &target);
    if (code == EXIT_OK)
        code = connection_open(&c, target.store);
    if (code != EXIT_OK) {
        cJSON_Delete(extra);
        return code;
    }
    code = connection_ask(&c, "cost", "", extra);
    if (code == EXIT_OK)
        code = connection_hear(&c, "cost", &object);
    if (code == EXIT_OK && options->json)
        code = print_json_line(object);
    else if (code == EXIT_OK) {
        put_table(object, &text);
        code = print_text(&text);
    }
    cJSON_Delete(object);
    return code;
}
