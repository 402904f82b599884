/* The status texts. Everything that comes from a name or another program is escaped on its way out. */
#include "fs/inbox/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/utf8.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/names.h"
#include "fs/inbox/report.h"

void item_clear(struct item *item)
{
    free(item->path);
    free(item->base);
    free(item->partial);
    *item = (struct item){0};
}

void items_free(struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        item_clear(&items[i]);
    free(items);
}

/* ---- Small texts ---- */

/* True if the decoder put U+FFFD in place of what is there. */
static bool is_broken(const char *s, uint32_t c)
{
    return c == UTF8_REPLACEMENT && strncmp(s, "\xef\xbf\xbd", 3) != 0;
}

/* Control characters, and those that reorder or hide what stands around them. */
static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200b || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void status_escape(const char *bytes, struct buffer *out)
{
    const char *s = bytes;
    while (*s) {
        uint32_t c;
        size_t n = utf8_next(s, strnlen(s, 4), &c);
        if (*s == '\n')
            buffer_puts(out, "\\n");
        else if (*s == '\t')
            buffer_puts(out, "\\t");
        else if (*s == '\\')
            buffer_puts(out, "\\\\");
        else if (is_unsafe(c) || is_broken(s, c))
            for (size_t i = 0; i < n; i++)
                buffer_printf(out, "\\x%02x", (unsigned char)s[i]);
        else
            buffer_add(out, s, n);
        s += n;
    }
}

static const char *basename_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "0:31", "1:02:03" */
static void put_length(struct buffer *out, int64_t ms)
{
    int64_t s = ms > 0 ? ms / 1000 : 0;
    if (s >= 3600)
        buffer_printf(out, "%lld:%02d:%02d", (long long)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    else
        buffer_printf(out, "%d:%02d", (int)(s / 60), (int)(s % 60));
}

/* "20 s", "6 min", "2 h 5 min": as rough as a guess should look */
static void put_about(struct buffer *out, int64_t ms)
{
    int64_t s = (ms + 999) / 1000;
    int64_t min = (s + 30) / 60;
    if (s < 10)
        buffer_printf(out, "%d s", s < 1 ? 1 : (int)s);
    else if (s < 95)
        buffer_printf(out, "%d s", (int)((s + 4) / 5 * 5));
    else if (min < 60)
        buffer_printf(out, "%d min", (int)min);
    else
        buffer_printf(out, min % 60 ? "%lld h %d min" : "%lld h", (long long)(min / 60), (int)(min % 60));
}

/* Local time as near to now as is clear: "11:05", "11:05 on 24 November", "11:05 on 24 November 2027" */
static void put_time(struct buffer *out, int64_t ms, int64_t now_ms)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    time_t then = (time_t)(ms / 1000), now = (time_t)(now_ms / 1000);
    struct tm t, n;
    if (!localtime_r(&then, &t) || !localtime_r(&now, &n)) {
        buffer_puts(out, "an unknown time");
        return;
    }
    buffer_printf(out, "%02d:%02d", t.tm_hour, t.tm_min);
    if (t.tm_year == n.tm_year && t.tm_yday == n.tm_yday)
        return;
    buffer_printf(out, " on %d %s", t.tm_mday, months[t.tm_mon]);
    if (t.tm_year != n.tm_year)
        buffer_printf(out, " %d", t.tm_year + 1900);
}

static bool has_percent(const struct item *item)
{
    return item->state == ITEM_RUNNING && item->total > 0;
}

/* 0 to 100, rounded down: it says 100 only when all is done. Never asked for without a total. */
static int percent_of(const struct item *item)
{
    if (item->done <= 0)
        return 0;
    if (item->done >= item->total)
        return 100;
    return (int)((double)item->done / (double)item->total * 100);
}

/* "0:31 of 1:17" or "3.1 of 7.7 MB"; nothing for a stage whose unit means nothing to people */
static bool put_amount(struct buffer *out, const struct item *item)
{
    int64_t done = item->done < 0 ? 0 : item->done > item->total ? item->total : item->done;
    if (item->stage == STAGE_RECOGNISING) {
        put_length(out, done);
        buffer_puts(out, " of ");
        put_length(out, item->total);
        return true;
    }
    if (item->stage == STAGE_PUBLISHING) {
        buffer_printf(out, "%.1f of %.1f MB", (double)done / 1e6, (double)item->total / 1e6);
        return true;
    }
    return false;
}

static const char *stage_word(enum backend_stage stage)
{
    switch (stage) {
    case STAGE_PREPARING:
        return "preparing";
    case STAGE_PUBLISHING:
        return "sending";
    case STAGE_SUBMITTED:
        return "waiting for the service";
    case STAGE_RECOGNISING:
        return "recognising";
    }
    return "working";
}

static bool waits_for_retry(const struct item *item, int64_t now_ms)
{
    return item->state == ITEM_QUEUED && item->error.class != ERROR_NONE && item->not_before_ms > now_ms;
}

/* It is not a second try when the first was not even begun. */
static bool waits_for_tomorrow(const struct item *item)
{
    return strcmp(item->error.code, "limit.day") == 0;
}

/* ---- One line ---- */

static void line_running(const struct item *item, int64_t now_ms, struct buffer *out)
{
    buffer_puts(out, stage_word(item->stage));
    if (has_percent(item)) {
        buffer_printf(out, ", %d %%", percent_of(item));
        struct buffer amount = {0};
        if (put_amount(&amount, item))
            buffer_printf(out, " (%s)", amount.data ? amount.data : "");
        buffer_clear(&amount);
    } else if (item->started_ms > 0) {
        buffer_puts(out, " since ");
        put_time(out, item->started_ms, now_ms);
    }
    if (item->expected_ms > now_ms) {
        buffer_puts(out, ", about ");
        put_about(out, item->expected_ms - now_ms);
        buffer_puts(out, " left");
    } else if (item->expected_ms > 0) {
        buffer_puts(out, ", longer than expected");
    }
}

static void line_queued(const struct item *item, int64_t now_ms, struct buffer *out)
{
    if (waits_for_retry(item, now_ms)) {
        buffer_puts(out, waits_for_tomorrow(item) ? "waiting until " : "waiting to try again at ");
        put_time(out, item->not_before_ms, now_ms);
        buffer_printf(out, ": %s", message_find(item->error.code)->cause);
    } else if (item->position > 0) {
        buffer_printf(out, "waiting, %d before it", item->position);
    } else {
        buffer_puts(out, "waiting, it is next");
    }
}

void status_line(const struct item *item, int64_t now_ms, struct buffer *out)
{
    switch (item->state) {
    case ITEM_ARRIVING:
        buffer_puts(out, item->empty ? "empty, nothing to transcribe" : "arriving");
        break;
    case ITEM_QUEUED:
        line_queued(item, now_ms, out);
        break;
    case ITEM_RUNNING:
        line_running(item, now_ms, out);
        break;
    case ITEM_DONE:
        buffer_puts(out, "done");
        if (item->finished_ms > 0) {
            buffer_puts(out, " at ");
            put_time(out, item->finished_ms, now_ms);
        }
        if (item->cost.billed_ms > 0) {
            buffer_puts(out, ", ");
            spent_put_item(&item->cost, out);
        }
        break;
    case ITEM_FAILED:
        buffer_printf(out, "failed: %s", message_find(item->error.code)->cause);
        break;
    }
}

/* ---- The texts beside a recording ---- */

/* Spaces and a newline up to the next multiple of STATUS_BLOCK that is not below `least`. `start` is where the
 * text began. */
static void pad_to(struct buffer *out, size_t start, size_t least)
{
    size_t len = out->len - start, wanted = len > least ? len : least;
    wanted = (wanted + STATUS_BLOCK - 1) / STATUS_BLOCK * STATUS_BLOCK;
    if (len == wanted || buffer_error(out))
        return;
    buffer_fill(out, ' ', wanted - len - 1);
    buffer_puts(out, "\n");
}

static void pad(struct buffer *out, size_t start)
{
    pad_to(out, start, 0);
}

static void first_line_running(const struct item *item, int64_t now_ms, struct buffer *out)
{
    static const char *const titles[] = {
        [STAGE_PREPARING] = "Preparing",
        [STAGE_PUBLISHING] = "Sending",
        [STAGE_SUBMITTED] = "Waiting for the service",
        [STAGE_RECOGNISING] = "Recognising",
    };
    buffer_puts(out, titles[item->stage]);
    if (has_percent(item)) {
        buffer_printf(out, ": %d %% done", percent_of(item));
        struct buffer amount = {0};
        if (put_amount(&amount, item))
            buffer_printf(out, ", %s", amount.data ? amount.data : "");
        buffer_clear(&amount);
    } else if (item->started_ms > 0) {
        buffer_puts(out, " since ");
        put_time(out, item->started_ms, now_ms);
    }
    buffer_puts(out, "\n");
}

static void first_line_queued(const struct item *item, int64_t now_ms, struct buffer *out)
{
    if (waits_for_retry(item, now_ms)) {
        buffer_puts(out, waits_for_tomorrow(item) ? "Waiting until " : "Waiting to try again at ");
        put_time(out, item->not_before_ms, now_ms);
        buffer_printf(out, ": %s\n", message_find(item->error.code)->cause);
    } else if (item->position > 1) {
        buffer_printf(out, "Waiting: %d recordings before it\n", item->position);
    } else if (item->position == 1) {
        buffer_puts(out, "Waiting: 1 recording before it\n");
    } else {
        buffer_puts(out, "Waiting: it is next\n");
    }
}

/* The view that will be there: one that was deleted does not come back by itself. */
static void put_promise(const struct item *item, struct buffer *out)
{
    for (int f = VIEW_TXT; f < VIEW_RESULT_FORMATS; f++) {
        if (item->hidden & 1u << f)
            continue;
        char name[NAME_SIZE];
        view_name(item->base ? item->base : "", (enum view_format)f, name);
        buffer_puts(out, "The transcript will appear here as ");
        status_escape(name, out);
        buffer_puts(out, " when it is done.\n");
        return;
    }
    buffer_puts(out, "Its transcript was deleted before and stays hidden until it is restored.\n");
}

/* ---- Words while they are recognised ---- */

static bool ends_sentence(uint32_t c)
{
    return c == '.' || c == '!' || c == '?' || c == U'…' || c == U'。' || c == U'！' || c == U'？';
}

/* Belongs to the sentence before it. */
static bool closes(uint32_t c)
{
    return ends_sentence(c) || c == '"' || c == '\'' || c == ')' || c == U'”' || c == U'’' || c == U'」' ||
           c == U'』' || c == U'》' || c == U'）';
}

/* A line for each sentence, the last one open. What is put out for a character depends on those before it
 * only: more text makes the same bytes with more behind them. */
static void put_words(const char *text, struct buffer *out)
{
    size_t len = strlen(text);
    bool ended = false, wide = false, space = false, begun = false;
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = utf8_next(text + i, len - i, &c);
        if (c == ' ' || is_unsafe(c) || is_broken(text + i, c)) {
            space = true;
        } else {
            bool closing = !space && closes(c);
            if (ended && (space || wide) && !closing)
                buffer_puts(out, "\n");
            else if (space && begun)
                buffer_puts(out, " ");
            ended = ends_sentence(c) || (ended && closing);
            wide = (closing && wide) || (ended && c > 0x2fff); /* no space follows it */
            buffer_add(out, text + i, n);
            space = false;
            begun = true;
        }
        i += n;
    }
}

/* ---- The status beside a recording ---- */

/* What the lines of a running job take at most, besides the name in the promise: its length must not depend on
 * how far the job is, or the words behind it would move. */
#define RUNNING_LINES 288

void status_transcribing(const struct item *item, int64_t now_ms, struct buffer *out)
{
    size_t start = out->len;
    switch (item->state) {
    case ITEM_QUEUED:
        first_line_queued(item, now_ms, out);
        break;
    case ITEM_RUNNING:
        first_line_running(item, now_ms, out);
        break;
    case ITEM_DONE:
        buffer_puts(out, "Done\n");
        break;
    case ITEM_FAILED:
        buffer_printf(out, "Failed: %s\n", message_find(item->error.code)->cause);
        break;
    case ITEM_ARRIVING:
        buffer_puts(out, "Arriving: it has not been copied here completely yet\n");
        break;
    }
    buffer_puts(out, "\n");
    if (item->expected_ms > now_ms) {
        buffer_puts(out, "It should be done at about ");
        put_time(out, item->expected_ms, now_ms);
        buffer_puts(out, ".\n");
    } else if (item->expected_ms > 0 && item->state == ITEM_RUNNING) {
        buffer_puts(out, "It is taking longer than expected.\n");
    }
    size_t promise = out->len;
    put_promise(item, out);
    bool words = item->state == ITEM_RUNNING && item->partial && *item->partial;
    pad_to(out, start, words ? RUNNING_LINES + (out->len - promise) : 0);
    /* Behind the padding, so that it only ever grows at its end: "tail -f" follows it. */
    if (words)
        put_words(item->partial, out);
}

/* Codes of what happens before anything can be sent. */
static bool comes_before_sending(const char *code)
{
    static const char *const prefixes[] = {"route.", "engine.", "prepare.", "limit."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(code, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* Who is told to try again wants to know what this try has cost. */
static void put_cost(const struct item *item, struct buffer *out)
{
    bool local = !item->backend[0] || strcmp(item->backend, "local") == 0;
    if (item->cost.possible) {
        buffer_puts(out, "It was given to a service in the cloud, which may have billed it.\n");
    } else if (item->cost.billed_ms > 0) {
        buffer_puts(out, "It was given to a service in the cloud, which billed it: ");
        spent_put_item(&item->cost, out);
        buffer_puts(out, ".\n");
    } else if (local || comes_before_sending(item->error.code)) {
        buffer_puts(out, "No money was spent: this recording was not sent anywhere.\n");
    } else {
        buffer_puts(out, "No money was spent: the service in the cloud did not begin to transcribe it.\n");
    }
}

void status_failed(const struct item *item, int64_t now_ms, struct buffer *out)
{
    size_t start = out->len;
    const struct message *m = message_find(item->error.code);
    status_escape(basename_of(item->path ? item->path : ""), out);
    buffer_printf(out, ": %s\n%s\n", m->cause, m->next);
    put_cost(item, out);
    buffer_puts(out, "Delete this file to try again.\n\n");
    buffer_puts(out, "Code: ");
    status_escape(item->error.code[0] ? item->error.code : "unknown", out);
    buffer_puts(out, "\n");
    if (item->error.detail[0]) {
        buffer_puts(out, "Detail: ");
        status_escape(item->error.detail, out);
        buffer_puts(out, "\n");
    }
    if (item->attempts > 1)
        buffer_printf(out, "Tried: %d times\n", item->attempts);
    if (item->finished_ms > 0) {
        buffer_puts(out, "Time: ");
        put_time(out, item->finished_ms, now_ms);
        buffer_puts(out, "\n");
    }
    pad(out, start);
}

/* ---- The overview ---- */

#define SHOWN 20      /* of a list; the rest is counted */
#define SHOWN_DONE 10 /* nobody looks further back */
#define BAR 24        /* characters between the brackets */

void status_bar(const struct item *item, int width, struct buffer *out)
{
    int filled = (int)((int64_t)percent_of(item) * width / 100);
    buffer_puts(out, "[");
    buffer_fill(out, '#', (size_t)filled);
    buffer_fill(out, '.', (size_t)(width - filled));
    buffer_puts(out, "]");
}

static void put_entry(const struct item *item, int64_t now_ms, struct buffer *out)
{
    buffer_puts(out, "  ");
    status_escape(item->path ? item->path : "", out);
    buffer_puts(out, "\n      ");
    if (item->state == ITEM_FAILED) {
        const struct message *m = message_find(item->error.code);
        buffer_printf(out, "%s\n      %s\n", m->cause, m->next);
        return;
    }
    if (has_percent(item)) {
        status_bar(item, BAR, out);
        buffer_puts(out, " ");
    }
    status_line(item, now_ms, out);
    buffer_puts(out, "\n");
}

static void put_list(const char *title, enum item_state state, const struct item *items, size_t count,
                     size_t total, int64_t now_ms, struct buffer *out)
{
    if (total == 0)
        return;
    buffer_printf(out, "\n%s\n", title);
    size_t shown = 0;
    for (size_t i = 0; i < count && shown < SHOWN; i++) {
        if (items[i].state != state)
            continue;
        put_entry(&items[i], now_ms, out);
        shown++;
    }
    if (total > shown)
        buffer_printf(out, "  ... and %zu more\n", total - shown);
}

/* The last ones to finish, the latest first. */
static void put_done(const struct item *items, size_t count, size_t total, int64_t now_ms, struct buffer *out)
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
    buffer_puts(out, "\nFinished last\n");
    for (size_t i = 0; i < n; i++)
        put_entry(last[i], now_ms, out);
    if (total > n)
        buffer_printf(out, "  ... and %zu more\n", total - n);
}

void status_counts(const struct item *items, size_t count, size_t counts[ITEM_STATES])
{
    memset(counts, 0, ITEM_STATES * sizeof *counts);
    for (size_t i = 0; i < count; i++)
        counts[items[i].state]++;
}

void status_summary(const size_t counts[ITEM_STATES], struct buffer *out)
{
    static const struct {
        enum item_state state;
        const char *word;
    } words[] = {
        {ITEM_RUNNING, "running"}, {ITEM_QUEUED, "waiting"}, {ITEM_ARRIVING, "arriving"},
        {ITEM_FAILED, "failed"},   {ITEM_DONE, "done"},
    };
    const char *separator = "";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (counts[words[i].state] == 0)
            continue;
        buffer_printf(out, "%s%zu %s", separator, counts[words[i].state], words[i].word);
        separator = ", ";
    }
    if (!*separator)
        buffer_puts(out, "no recordings");
}

void status_overview(const struct status_report *report, struct buffer *out)
{
    size_t start = out->len, count = report->count;
    const size_t *counts = report->counts;
    const struct item *items = report->items;
    const char *trouble = report->trouble, *engine = report->engine;
    const struct spending_report *spending = report->spending;
    int64_t now_ms = report->now_ms;
    buffer_puts(out, "Recordings: ");
    status_summary(counts, out);
    buffer_puts(out, "\n");
    if (trouble && *trouble) {
        buffer_puts(out, "Attention: ");
        status_escape(trouble, out);
        buffer_puts(out, "\n");
    }
    if (engine && *engine) {
        buffer_puts(out, "Recogniser: ");
        status_escape(engine, out);
        buffer_puts(out, "\n");
    }
    if (spending && spent_is_any(spending)) {
        buffer_puts(out, "In the cloud: ");
        spent_put_report(spending, out);
        buffer_puts(out, "\n");
    }
    buffer_puts(out, "Written at ");
    put_time(out, now_ms, now_ms);
    buffer_puts(out, "\n");
    put_list("Running", ITEM_RUNNING, items, count, counts[ITEM_RUNNING], now_ms, out);
    put_list("Failed", ITEM_FAILED, items, count, counts[ITEM_FAILED], now_ms, out);
    put_list("Waiting", ITEM_QUEUED, items, count, counts[ITEM_QUEUED], now_ms, out);
    put_list("Arriving", ITEM_ARRIVING, items, count, counts[ITEM_ARRIVING], now_ms, out);
    put_done(items, count, counts[ITEM_DONE], now_ms, out);
    if (count == 0)
        buffer_puts(out, "\nPut a recording into the inbox folder: its transcript appears beside it.\n");
    pad(out, start);
}
