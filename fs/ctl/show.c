/* Lines for pipes and logs, pages for terminals. */
#include "fs/ctl/show.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/ctl/ctl.h"
#include "fs/ctl/screen.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/wording.h"

#define NAME_LEAST 12 /* columns a name gets on a narrow terminal */

int64_t wall_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Lines ---- */

void show_line(const struct item *item, int64_t now_ms, struct buffer *out)
{
    status_escape(item->path, out);
    buffer_puts(out, ": ");
    status_line(ctl_wording(), item, now_ms, out);
    if (item->state == ITEM_FAILED)
        buffer_printf(out, " %s", say(ctl_wording(), message_find(item->error.code)->next));
    buffer_puts(out, "\n");
}

void show_spending(const struct answer *a, struct buffer *out)
{
    if (!a->paid || !spent_is_any(&a->spending))
        return;
    buffer_puts(out, say(ctl_wording(), "In the cloud: "));
    spent_put_report(ctl_wording(), &a->spending, out);
    buffer_puts(out, "\n");
}

static void show_rest(size_t n, struct buffer *out)
{
    buffer_printf(out, say(ctl_wording(), "... and %zu more"), n);
    buffer_puts(out, "\n");
}

void show_plain(const struct answer *a, int64_t now_ms, struct buffer *out)
{
    for (size_t i = 0; i < a->count; i++)
        show_line(&a->items[i], now_ms, out);
    if (a->omitted > 0)
        show_rest(a->omitted, out);
}

struct said_item {
    char *path;
    enum item_state state;
    enum backend_stage stage;
};

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct said_item *)a)->path, ((const struct said_item *)b)->path);
}

static bool was_said(const struct said *said, const struct item *item)
{
    const struct said_item key = {.path = item->path};
    const struct said_item *found =
        said->count ? bsearch(&key, said->items, said->count, sizeof key, by_path) : NULL;
    return found && found->state == item->state &&
           (item->state != ITEM_RUNNING || found->stage == item->stage);
}

void show_changes(struct said *said, const struct answer *a, int64_t now_ms, struct buffer *out)
{
    for (size_t i = 0; i < a->count; i++)
        if (!was_said(said, &a->items[i]))
            show_line(&a->items[i], now_ms, out);
    said_clear(said);
    said->items = calloc(a->count + 1, sizeof *said->items);
    for (size_t i = 0; said->items && i < a->count; i++) {
        char *path = strdup(a->items[i].path);
        if (!path) /* it is said again, then */
            continue;
        said->items[said->count++] = (struct said_item){path, a->items[i].state, a->items[i].stage};
    }
    if (said->count)
        qsort(said->items, said->count, sizeof *said->items, by_path);
}

void said_clear(struct said *said)
{
    for (size_t i = 0; i < said->count; i++)
        free(said->items[i].path);
    free(said->items);
    *said = (struct said){0};
}

/* ---- Pages ---- */

/* The name in exactly `columns` columns, its middle left out if it is longer. */
static void put_name(struct buffer *out, const struct item *item, int columns)
{
    cleanup_buffer struct buffer name = {0};
    status_escape(item->path, &name);
    size_t len = name.len;
    const char *text = name.data ? name.data : "";
    int wanted = text_columns(text, len), used = wanted;
    if (wanted <= columns) {
        buffer_add(out, text, len);
    } else {
        /* The end says more than the middle: numbers and extensions are there. */
        int end_columns = (columns - 1) / 2;
        size_t begin = text_cut(text, len, columns - 1 - end_columns);
        size_t skip = text_cut(text, len, wanted - end_columns);
        while (text_columns(text + skip, len - skip) > end_columns)
            skip += text_cut(text + skip, len - skip, 2); /* half of a wide character was asked for */
        buffer_add(out, text, begin);
        buffer_puts(out, "\xe2\x80\xa6");
        buffer_add(out, text + skip, len - skip);
        used = text_columns(text, begin) + 1 + text_columns(text + skip, len - skip);
    }
    if (used < columns)
        buffer_fill(out, ' ', (size_t)(columns - used));
}

/* How the rows of a page are laid out. */
struct layout {
    int name; /* columns */
    int bar;  /* characters between the brackets */
    bool next_steps;
    bool colours;
};

static void put_row(struct buffer *out, const struct item *item, const struct layout *layout, int64_t now_ms)
{
    bool red = layout->colours && item->state == ITEM_FAILED;
    buffer_puts(out, red ? "\033[31m" : "");
    put_name(out, item, layout->name);
    buffer_puts(out, "  ");
    if (item->state == ITEM_RUNNING && item->total > 0) {
        status_bar(item, layout->bar, out);
        buffer_puts(out, " ");
    }
    status_line(ctl_wording(), item, now_ms, out);
    buffer_puts(out, red ? "\033[0m\n" : "\n");
    if (item->state == ITEM_FAILED && layout->next_steps) {
        buffer_fill(out, ' ', (size_t)layout->name + 2);
        buffer_printf(out, "%s\n", say(ctl_wording(), message_find(item->error.code)->next));
    }
}

/* How many rows of each state fit: what runs and what failed matters most. rows 0: a screenful without a
 * screen. */
static void limits_for(int rows, size_t limits[ITEM_STATES])
{
    size_t room = rows > 12 ? (size_t)rows - 8 : rows > 0 ? 4 : 80;
    limits[ITEM_RUNNING] = room / 3 + 1;
    limits[ITEM_FAILED] = room / 8 + 1;
    limits[ITEM_QUEUED] = room / 4;
    limits[ITEM_ARRIVING] = room / 8;
    limits[ITEM_DONE] = room / 8;
}

void show_page(const struct answer *a, int width, int rows, int64_t now_ms, struct buffer *out)
{
    static const enum item_state order[] = {ITEM_RUNNING, ITEM_FAILED, ITEM_QUEUED, ITEM_ARRIVING, ITEM_DONE};
    size_t limits[ITEM_STATES];
    limits_for(rows, limits);
    struct layout layout = {
        .bar = width >= 110 ? 20 : 10, .next_steps = rows == 0, .colours = screen_has_colours()};
    int most = width / 4 > NAME_LEAST ? width / 4 : NAME_LEAST;
    for (size_t i = 0; i < a->count && layout.name < most; i++) {
        cleanup_buffer struct buffer name = {0};
        status_escape(a->items[i].path, &name);
        int n = text_columns(name.data ? name.data : "", name.len);
        layout.name = n > most ? most : n > layout.name ? n : layout.name;
    }
    size_t total = 0, shown = 0;
    for (int s = 0; s < ITEM_STATES; s++)
        total += a->counts[s];
    if (a->trouble) {
        buffer_puts(out, say(ctl_wording(), "Attention: "));
        status_escape(a->trouble, out);
        buffer_puts(out, "\n");
    }
    for (size_t s = 0; s < sizeof order / sizeof *order; s++) {
        size_t n = 0;
        for (size_t i = 0; i < a->count && n < limits[order[s]]; i++) {
            if (a->items[i].state != order[s])
                continue;
            put_row(out, &a->items[i], &layout, now_ms);
            n++;
        }
        shown += n;
    }
    if (total > shown && shown > 0)
        show_rest(total - shown, out);
    if (total != 1) {
        status_summary(ctl_wording(), a->counts, out);
        buffer_puts(out, "\n");
    }
    show_spending(a, out);
}
