/* MOUNT/status.txt: the whole inbox on a page. */
#include <string.h>

#include "backend/base/buffer.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/report.h"
#include "fs/inbox/status_parts.h"
#include "fs/inbox/wording.h"

#define SHOWN 20      /* of a list; the rest is counted */
#define SHOWN_DONE 10 /* nobody looks further back */
#define BAR 24        /* characters between the brackets */

static void put_entry(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out)
{
    buffer_puts(out, "  ");
    status_escape(item->path ? item->path : "", out);
    buffer_puts(out, "\n      ");
    if (item->state == ITEM_FAILED) {
        const struct message *m = message_find(item->error.code);
        buffer_printf(out, "%s\n      %s\n", say(w, m->cause), say(w, m->next));
        return;
    }
    if (item_has_percent(item)) {
        status_bar(item, BAR, out);
        buffer_puts(out, " ");
    }
    status_line(w, item, now_ms, out);
    buffer_puts(out, "\n");
}

static void put_rest(const struct wording *w, size_t n, struct buffer *out)
{
    buffer_puts(out, "  ");
    buffer_printf(out, say(w, "... and %zu more"), n);
    buffer_puts(out, "\n");
}

static void put_list(const struct wording *w, const char *title, enum item_state state,
                     const struct item *items, size_t count, size_t total, int64_t now_ms, struct buffer *out)
{
    if (total == 0)
        return;
    buffer_printf(out, "\n%s\n", title);
    size_t shown = 0;
    for (size_t i = 0; i < count && shown < SHOWN; i++) {
        if (items[i].state != state)
            continue;
        put_entry(w, &items[i], now_ms, out);
        shown++;
    }
    if (total > shown)
        put_rest(w, total - shown, out);
}

/* The last ones to finish, the latest first. */
static void put_done(const struct wording *w, const struct item *items, size_t count, size_t total,
                     int64_t now_ms, struct buffer *out)
{
    const struct item *last[SHOWN_DONE];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].state != ITEM_DONE)
            continue;
        size_t at = n < SHOWN_DONE ? n++ : SHOWN_DONE;
        for (; at > 0 && last[at - 1]->finished_ms < items[i].finished_ms; at--)
            if (at < SHOWN_DONE)
                last[at] = last[at - 1];
        if (at < SHOWN_DONE)
            last[at] = &items[i];
    }
    if (n == 0)
        return;
    buffer_printf(out, "\n%s\n", say(w, "Finished last"));
    for (size_t i = 0; i < n; i++)
        put_entry(w, last[i], now_ms, out);
    if (total > n)
        put_rest(w, total - n, out);
}

/* "Label: text" and a newline; what comes from elsewhere is escaped. */
static void put_fact(const char *label, const char *text, struct buffer *out)
{
    buffer_puts(out, label);
    status_escape(text, out);
    buffer_puts(out, "\n");
}

void status_overview(const struct status_report *r, struct buffer *out)
{
    size_t start = out->len;
    const struct wording *w = r->wording;
    buffer_puts(out, say(w, "Recordings: "));
    status_summary(w, r->counts, out);
    buffer_puts(out, "\n");
    if (r->trouble && *r->trouble)
        put_fact(say(w, "Attention: "), r->trouble, out);
    if (r->engine && *r->engine)
        put_fact(say(w, "Recogniser: "), r->engine, out);
    if (r->spending && spent_is_any(r->spending)) {
        buffer_puts(out, say(w, "In the cloud: "));
        spent_put_report(w, r->spending, out);
        buffer_puts(out, "\n");
    }
    buffer_printf(out, say(w, "Written at %s"), time_piece(w, r->now_ms, r->now_ms).text);
    buffer_puts(out, "\n");
    static const struct {
        enum item_state state;
        const char *title;
    } lists[] = {
        {ITEM_RUNNING, SAID("Running")},
        {ITEM_FAILED, SAID("Failed")},
        {ITEM_QUEUED, SAID("Waiting")},
        {ITEM_ARRIVING, SAID("Arriving")},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        put_list(w, say(w, lists[i].title), lists[i].state, r->items, r->count, r->counts[lists[i].state],
                 r->now_ms, out);
    put_done(w, r->items, r->count, r->counts[ITEM_DONE], r->now_ms, out);
    if (r->count == 0)
        buffer_printf(out, "\n%s\n",
                      say(w, "Put a recording into the inbox folder: its transcript appears beside it."));
    status_pad(out, start, 0);
}
