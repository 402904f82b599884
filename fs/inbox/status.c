/* The status texts beside a recording, and the line about it. Everything that comes from a name or another program is
 * escaped on its way out. */
#include "fs/inbox/status.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/utf8.h"
#include "fs/inbox/confirm.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/names.h"
#include "fs/inbox/status_parts.h"
#include "fs/inbox/wording.h"

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

static const char *basename_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool waits_for_retry(const struct item *item, int64_t now_ms)
{
    return item->state == ITEM_QUEUED && item->error.class != ERROR_NONE && item->not_before_ms > now_ms;
}

/* Until somebody confirms it, or it is known that nobody has to. */
static bool waits_for_word(const struct item *item)
{
    return item->state == ITEM_QUEUED && strncmp(item->error.code, "hold.", 5) == 0;
}

/* Until there is money again. It is not a second try when the first was not even begun. */
static bool waits_for_money(const struct item *item)
{
    return strncmp(item->error.code, "limit.", 6) == 0;
}

/* ---- One line ---- */

static void line_running(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out)
{
    struct piece amount;
    buffer_puts(out, stage_word(w, item->stage));
    if (item_has_percent(item)) {
        buffer_printf(out, say(w, ", %d %%"), item_percent(item));
        if (amount_piece(w, item, &amount))
            buffer_printf(out, say(w, " (%s)"), amount.text);
    } else if (item->started_ms > 0) {
        buffer_printf(out, say(w, " since %s"), time_piece(w, item->started_ms, now_ms).text);
    }
    if (item->expected_ms > now_ms)
        buffer_printf(out, say(w, ", about %s left"), about_piece(w, item->expected_ms - now_ms).text);
    else if (item->expected_ms > 0)
        buffer_puts(out, say(w, ", longer than expected"));
}

static void line_queued(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out)
{
    if (waits_for_word(item)) {
        buffer_printf(out, say(w, "waiting: %s"), say(w, message_find(item->error.code)->cause));
    } else if (waits_for_retry(item, now_ms)) {
        struct piece when = time_piece(w, item->not_before_ms, now_ms);
        const char *cause = say(w, message_find(item->error.code)->cause);
        if (waits_for_money(item))
            buffer_printf(out, say(w, "waiting until %s: %s"), when.text, cause);
        else
            buffer_printf(out, say(w, "waiting to try again at %s: %s"), when.text, cause);
    } else if (item->position > 0) {
        buffer_printf(out, say(w, "waiting, %d before it"), item->position);
    } else {
        buffer_puts(out, say(w, "waiting, it is next"));
    }
}

void status_line(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out)
{
    switch (item->state) {
    case ITEM_ARRIVING:
        buffer_puts(out, item->empty ? say(w, "empty, nothing to transcribe") : say(w, "arriving"));
        break;
    case ITEM_QUEUED:
        line_queued(w, item, now_ms, out);
        break;
    case ITEM_RUNNING:
        line_running(w, item, now_ms, out);
        break;
    case ITEM_DONE:
        if (item->finished_ms > 0)
            buffer_printf(out, say(w, "done at %s"), time_piece(w, item->finished_ms, now_ms).text);
        else
            buffer_puts(out, say(w, "done"));
        if (item->cost.billed_ms > 0) {
            buffer_puts(out, say(w, ", "));
            spent_put_item(w, &item->cost, out);
        }
        break;
    case ITEM_FAILED:
        buffer_printf(out, say(w, "failed: %s"), say(w, message_find(item->error.code)->cause));
        break;
    }
}

/* ---- The texts beside a recording ---- */

void status_pad(struct buffer *out, size_t start, size_t least)
{
    size_t len = out->len - start, wanted = len > least ? len : least;
    wanted = (wanted + STATUS_BLOCK - 1) / STATUS_BLOCK * STATUS_BLOCK;
    if (len == wanted || buffer_error(out))
        return;
    buffer_fill(out, ' ', wanted - len - 1);
    buffer_puts(out, "\n");
}

static void first_line_running(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out)
{
    static const char *const titles[] = {
        [STAGE_PREPARING] = SAID("Preparing"),
        [STAGE_PUBLISHING] = SAID("Sending"),
        [STAGE_SUBMITTED] = SAID("Waiting for the service"),
        [STAGE_RECOGNISING] = SAID("Recognising"),
    };
    struct piece amount;
    buffer_puts(out, say(w, titles[item->stage]));
    if (item_has_percent(item)) {
        buffer_printf(out, say(w, ": %d %% done"), item_percent(item));
        if (amount_piece(w, item, &amount))
            buffer_printf(out, say(w, ", %s"), amount.text);
    } else if (item->started_ms > 0) {
        buffer_printf(out, say(w, " since %s"), time_piece(w, item->started_ms, now_ms).text);
        /* Nothing is known but how long such recordings took before. */
        if (item->expected_ms > item->started_ms)
            buffer_printf(out, say(w, ", usually %s for this length"),
                          about_piece(w, item->expected_ms - item->started_ms).text);
    }
    buffer_puts(out, "\n");
}

static void first_line_queued(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out)
{
    if (waits_for_word(item)) {
        buffer_printf(out, say(w, "Waiting: %s"), say(w, message_find(item->error.code)->cause));
    } else if (waits_for_retry(item, now_ms)) {
        struct piece when = time_piece(w, item->not_before_ms, now_ms);
        const char *cause = say(w, message_find(item->error.code)->cause);
        if (waits_for_money(item))
            buffer_printf(out, say(w, "Waiting until %s: %s"), when.text, cause);
        else
            buffer_printf(out, say(w, "Waiting to try again at %s: %s"), when.text, cause);
    } else if (item->position > 0) {
        buffer_printf(out,
                      say_count(w, "Waiting: %d recording before it", "Waiting: %d recordings before it",
                                (unsigned long)item->position),
                      item->position);
    } else {
        buffer_puts(out, say(w, "Waiting: it is next"));
    }
    buffer_puts(out, "\n");
}

/* The view that will be there: one that was deleted does not come back by itself. */
static void put_promise(const struct wording *w, const struct item *item, struct buffer *out)
{
    uint32_t views = (item->listed ? item->listed : VIEWS_LISTED) & ~item->hidden;
    for (int f = VIEW_TXT; f < VIEW_FORMATS; f++) {
        if (!(views & 1u << f))
            continue;
        char name[NAME_SIZE];
        cleanup_buffer struct buffer shown = {0};
        view_name(item->base ? item->base : "", (enum view_format)f, name);
        status_escape(name, &shown);
        buffer_printf(out, say(w, "The transcript will appear here as %s when it is done."),
                      shown.data ? shown.data : "");
        buffer_puts(out, "\n");
        return;
    }
    buffer_printf(out, "%s\n", say(w, "Its transcript was deleted before and stays hidden until it is restored."));
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
        if (c == ' ' || status_is_unsafe(c) || status_is_broken(text + i, c)) {
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

static void first_line(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out)
{
    switch (item->state) {
    case ITEM_QUEUED:
        first_line_queued(w, item, now_ms, out);
        break;
    case ITEM_RUNNING:
        first_line_running(w, item, now_ms, out);
        break;
    case ITEM_DONE:
        buffer_printf(out, "%s\n", say(w, "Done"));
        break;
    case ITEM_FAILED:
        buffer_printf(out, say(w, "Failed: %s"), say(w, message_find(item->error.code)->cause));
        buffer_puts(out, "\n");
        break;
    case ITEM_ARRIVING:
        buffer_printf(out, "%s\n", say(w, "Arriving: it has not been copied here completely yet"));
        break;
    }
}

/* What it would cost, and what to do. */
static void put_question(const struct wording *w, const struct item *item, struct buffer *out)
{
    cleanup_buffer struct buffer estimate = {0};
    confirm_put_estimate(w,
                         &(struct confirm_facts){.count = 1,
                                                 .unpriced = item->most_currency[0] ? 0 : 1,
                                                 .ms = item->most_ms,
                                                 .micro = item->most_micro,
                                                 .currency = {item->most_currency[0], item->most_currency[1],
                                                              item->most_currency[2]}},
                         &estimate);
    if (item->most_ms > 0) {
        buffer_printf(out, say(w, "This recording alone: %s."), estimate.data ? estimate.data : "");
        buffer_puts(out, "\n");
    }
    buffer_printf(out, "%s\n", say(w, message_find(item->error.code)->next));
}

void status_transcribing(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out)
{
    size_t start = out->len;
    first_line(w, item, now_ms, out);
    buffer_puts(out, "\n");
    if (waits_for_word(item))
        put_question(w, item, out);
    if (waits_for_retry(item, now_ms) && !waits_for_money(item) && item->attempts > 0) {
        buffer_printf(out, say_count(w, "It was tried %d time so far.", "It was tried %d times so far.", (unsigned long)item->attempts),
                      item->attempts);
        buffer_puts(out, "\n");
    }
    if (item->expected_ms > now_ms) {
        buffer_printf(out, say(w, "It should be done at about %s."), time_piece(w, item->expected_ms, now_ms).text);
        buffer_puts(out, "\n");
    } else if (item->expected_ms > 0 && item->state == ITEM_RUNNING) {
        buffer_printf(out, "%s\n", say(w, "It is taking longer than expected."));
    }
    size_t promise = out->len;
    put_promise(w, item, out);
    bool words = item->state == ITEM_RUNNING && item->partial && *item->partial;
    status_pad(out, start, words ? RUNNING_LINES + (out->len - promise) : 0);
    /* Behind the padding, so that it only ever grows at its end: "tail -f" follows it. */
    if (words)
        put_words(item->partial, out);
}

/* Codes of what happens before anything can be sent. */
static bool comes_before_sending(const char *code)
{
    static const char *const prefixes[] = {"route.", "engine.", "prepare.", "limit.", "hold."};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(code, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* Who is told to try again wants to know what this try has cost. */
static void put_cost(const struct wording *w, const struct item *item, struct buffer *out)
{
    bool local = !item->backend[0] || strcmp(item->backend, "local") == 0;
    if (item->cost.possible) {
        buffer_puts(out, say(w, "It was given to a service in the cloud, which may have billed it."));
    } else if (item->cost.billed_ms > 0) {
        cleanup_buffer struct buffer bill = {0};
        spent_put_item(w, &item->cost, &bill);
        buffer_printf(out, say(w, "It was given to a service in the cloud, which billed it: %s."),
                      bill.data ? bill.data : "");
    } else if (local || comes_before_sending(item->error.code)) {
        buffer_puts(out, say(w, "No money was spent: this recording was not sent anywhere."));
    } else {
        buffer_puts(out, say(w, "No money was spent: the service in the cloud did not begin to transcribe it."));
    }
    buffer_puts(out, "\n");
}

static void put_fact(const char *label, const char *text, struct buffer *out)
{
    buffer_puts(out, label);
    status_escape(text, out);
    buffer_puts(out, "\n");
}

void status_failed(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out)
{
    size_t start = out->len;
    const struct message *m = message_find(item->error.code);
    cleanup_buffer struct buffer name = {0};
    status_escape(basename_of(item->path ? item->path : ""), &name);
    /* The name of the recording, and what is wrong with it. */
    buffer_printf(out, say(w, "%s: %s"), name.data ? name.data : "", say(w, m->cause));
    buffer_printf(out, "\n%s\n", say(w, m->next));
    put_cost(w, item, out);
    buffer_printf(out, "%s\n\n", say(w, "Delete this file to try again."));
    put_fact(say(w, "Code: "), item->error.code[0] ? item->error.code : say(w, "unknown"), out);
    if (item->error.detail[0])
        put_fact(say(w, "Detail: "), item->error.detail, out);
    if (item->attempts > 1) {
        buffer_printf(out, say_count(w, "Tried: %d time", "Tried: %d times", (unsigned long)item->attempts), item->attempts);
        buffer_puts(out, "\n");
    }
    if (item->finished_ms > 0)
        put_fact(say(w, "Time: "), time_piece(w, item->finished_ms, now_ms).text, out);
    status_pad(out, start, 0);
}
