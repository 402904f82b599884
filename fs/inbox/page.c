/* MOUNT/status.html: the report as a page for a browser. It needs nothing but itself: no script, no network, so it
 * works from a share as well. Everything that comes from a name or another program is escaped on its way out. */
#include "fs/inbox/report.h"

#include <string.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/names.h"
#include "fs/inbox/page_chart.h"
#include "fs/inbox/page_text.h"
#include "fs/inbox/status_parts.h"
#include "fs/inbox/wording.h"

#define REFRESH_S 5
#define PAGE_BLOCK 4096 /* padded to this, so that a client that cached the size does not cut the page */
#define WAITING_SHOWN 20

static const char head[] =
    "<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";

static const char style[] =
    "<style>\n"
    ":root{--bg:#f6f7f9;--card:#fff;--fg:#1b1f24;--dim:#5b6470;--line:#dfe3e8;--run:#0b66c3;--ok:#1a7f4b;--bad:#b3261e;"
    "--wait:#8a6100;--warn:#fff4d6}\n"
    "@media (prefers-color-scheme:dark){:root{--bg:#111418;--card:#1a1f25;--fg:#e8ebef;--dim:#9aa4b0;--line:#2c333b;"
    "--run:#6cb2ff;--ok:#5fce97;--bad:#ff8a80;--wait:#e3b75a;--warn:#3a3012}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.45 system-ui,sans-serif}\n"
    "main{max-width:76rem;margin:0 auto;padding:1rem}\n"
    "header{display:flex;flex-wrap:wrap;gap:.2rem 1rem;align-items:baseline;justify-content:space-between}\n"
    "h1{font-size:1.3rem;margin:.2rem 0}\nh2{font-size:1rem;margin:0 0 .6rem}\n"
    "a{color:inherit;text-decoration-color:var(--dim);text-underline-offset:.15em}\n"
    ".dim{color:var(--dim)}\n.small{font-size:.875rem}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:.75rem 0}\n"
    ".tile,section{background:var(--card);border:1px solid var(--line);border-radius:.6rem}\n"
    ".tile{padding:.6rem .9rem}\n.tile b{display:block;font-size:2.1rem;line-height:1.1;font-variant-numeric:tabular-nums}\n"
    ".run b{color:var(--run)}.ok b{color:var(--ok)}.bad b{color:var(--bad)}.wait b{color:var(--wait)}\n"
    ".grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:.75rem;align-items:start}\n"
    "section{padding:.9rem;min-width:0}\n"
    "ul{list-style:none;margin:0;padding:0}\nli{padding:.45rem 0;border-top:1px solid var(--line);overflow-wrap:anywhere}\n"
    "li:first-child{border-top:0;padding-top:0}\n"
    "li p{margin:.1rem 0}\n.name{font-weight:600}\n"
    "progress{width:100%;height:.7rem;accent-color:var(--run);display:block;margin:.3rem 0}\n"
    ".attention{background:var(--warn);border:1px solid var(--wait);border-radius:.6rem;padding:.6rem .9rem;margin:.75rem 0}\n"
    "svg{display:block;width:100%;height:auto}\nsvg rect{fill:var(--run)}\nsvg rect.cost{fill:var(--ok)}\n"
    "svg rect.none{fill:var(--line)}\nsvg text{fill:var(--dim);font-size:15px}\nsvg line{stroke:var(--line)}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:right;padding:.15rem .5rem;border-top:1px solid var(--line);font-weight:400}\n"
    "th:first-child,td:first-child{text-align:left;padding-left:0}\nthead th{color:var(--dim);border:0}\n"
    "dl{margin:0;display:grid;grid-template-columns:auto 1fr;gap:.2rem 1rem}\ndt{color:var(--dim)}\ndd{margin:0}\n"
    "</style>\n";

/* ---- Small parts ---- */

static const char *basename_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A link to something beside the recording. `name` NULL: the recording itself. */
static void put_href(const struct item *item, const char *name, struct buffer *out)
{
    const char *path = item->path ? item->path : "", *last = basename_of(path);
    cleanup_buffer struct buffer directory = {0};
    buffer_add(&directory, path, (size_t)(last - path));
    buffer_puts(out, "<a href=\"inbox/");
    page_put_url(directory.data ? directory.data : "", out);
    page_put_url(name ? name : last, out);
    buffer_puts(out, "\">");
}

static void put_name(const struct item *item, const char *view, struct buffer *out)
{
    buffer_puts(out, "<p class=\"name\">");
    put_href(item, view, out);
    page_put_text(item->path ? item->path : "", out);
    buffer_puts(out, "</a></p>");
}

static void put_line(const struct status_report *r, const struct item *item, struct buffer *out)
{
    cleanup_buffer struct buffer line = {0};
    status_line(r->wording, item, r->now_ms, &line);
    buffer_puts(out, "<p class=\"dim small\">");
    page_put_html(line.data ? line.data : "", out);
    buffer_puts(out, "</p>");
}

static const char *view_of(const struct item *item, enum view_format format, char name[NAME_SIZE])
{
    if (!item->base || (item->hidden & 1u << format) || (format == VIEW_FAILED && item->no_status))
        return NULL;
    view_name(item->base, format, name);
    return name;
}

/* ---- Entries ---- */

static void put_running(const struct status_report *r, const struct item *item, struct buffer *out)
{
    put_name(item, NULL, out);
    if (item->total > 0) {
        int64_t done = item->done < 0 ? 0 : item->done < item->total ? item->done : item->total;
        buffer_printf(out, "<progress max=\"1000\" value=\"%d\"></progress>",
                      (int)((double)done / (double)item->total * 1000));
    } else {
        buffer_puts(out, "<progress></progress>");
    }
    put_line(r, item, out);
}

static void put_failed(const struct status_report *r, const struct item *item, struct buffer *out)
{
    char name[NAME_SIZE];
    const struct message *m = message_find(item->error.code);
    put_name(item, view_of(item, VIEW_FAILED, name), out);
    buffer_puts(out, "<p>");
    page_put_html(say(r->wording, m->cause), out);
    buffer_puts(out, "</p><p class=\"dim small\">");
    page_put_html(say(r->wording, m->next), out);
    buffer_puts(out, "</p>");
}

static void put_done(const struct status_report *r, const struct item *item, struct buffer *out)
{
    char name[NAME_SIZE];
    put_name(item, view_of(item, VIEW_TXT, name), out);
    put_line(r, item, out);
}

static void put_other(const struct status_report *r, const struct item *item, struct buffer *out)
{
    put_name(item, NULL, out);
    put_line(r, item, out);
}

static void put_list(const struct status_report *r, const char *title, enum item_state state, size_t most,
                     void (*entry)(const struct status_report *, const struct item *, struct buffer *), struct buffer *out)
{
    size_t total = r->counts[state], shown = 0;
    if (total == 0)
        return;
    buffer_puts(out, "<section><h2>");
    page_put_html(title, out);
    buffer_puts(out, "</h2><ul>\n");
    for (size_t i = 0; i < r->count && shown < most; i++) {
        if (r->items[i].state != state)
            continue;
        buffer_puts(out, "<li>");
        entry(r, &r->items[i], out);
        buffer_puts(out, "</li>\n");
        shown++;
    }
    if (total > shown) {
        buffer_puts(out, "<li class=\"dim\">");
        buffer_printf(out, say(r->wording, "and %zu more"), total - shown);
        buffer_puts(out, "</li>\n");
    }
    buffer_puts(out, "</ul></section>\n");
}

/* ---- The parts of the page ---- */

static void put_tile(const char *class, double number, int digits, const char *what, struct buffer *out)
{
    buffer_printf(out, "<div class=\"tile %s\"><b>%.*f</b>", number > 0 ? class : "", digits, number);
    page_put_html(what, out);
    buffer_puts(out, "</div>\n");
}

static void put_tiles(const struct status_report *r, struct buffer *out)
{
    const struct report_day *today = r->all ? &r->all->days[REPORT_DAYS - 1] : NULL;
    buffer_puts(out, "<div class=\"tiles\">\n");
    put_tile("run", (double)r->counts[ITEM_RUNNING], 0, say(r->wording, "running"), out);
    put_tile("wait", (double)(r->counts[ITEM_QUEUED] + r->counts[ITEM_ARRIVING]), 0, say(r->wording, "waiting"), out);
    put_tile("bad", (double)r->counts[ITEM_FAILED], 0, say(r->wording, "failed"), out);
    if (today) {
        put_tile("ok", (double)today->done, 0, say(r->wording, "done today"), out);
        double minutes = (double)today->audio_ms / 60000;
        put_tile("", minutes, minutes > 0 && minutes < 9.95, say(r->wording, "minutes today"), out);
    }
    put_tile("", (double)r->counts[ITEM_DONE], 0, say(r->wording, "transcripts"), out);
    buffer_puts(out, "</div>\n");
}

static void put_fact(const char *label, const char *value, struct buffer *out)
{
    buffer_puts(out, "<dt>");
    page_put_html(label, out);
    buffer_puts(out, "</dt><dd>");
    page_put_text(value, out);
    buffer_puts(out, "</dd>\n");
}

static void put_machine(const struct status_report *r, struct buffer *out)
{
    buffer_puts(out, "<section><h2>");
    page_put_html(say(r->wording, "This machine"), out);
    buffer_puts(out, "</h2><dl>\n");
    if (r->engine && *r->engine)
        put_fact(say(r->wording, "Recogniser"), r->engine, out);
    if (r->spending && spent_is_any(r->spending)) {
        cleanup_buffer struct buffer text = {0};
        spent_put_report(r->wording, r->spending, &text);
        put_fact(say(r->wording, "In the cloud"), text.data ? text.data : "", out);
    }
    if (r->all && r->all->space.known) {
        cleanup_buffer struct buffer text = {0};
        struct piece available = bytes_piece(r->wording, r->all->space.available);
        struct piece size = bytes_piece(r->wording, r->all->space.size);
        buffer_printf(&text, say(r->wording, "%s free of %s"), available.text, size.text);
        put_fact(say(r->wording, "Disk"), text.data ? text.data : "", out);
    }
    if (r->all && r->all->cache.known) {
        put_fact(say(r->wording, "Results and index"), bytes_piece(r->wording, r->all->cache.bytes).text, out);
    }
    buffer_puts(out, "</dl></section>\n");
}

static void put_clock(int64_t ms, struct buffer *out)
{
    time_t at = (time_t)(ms / 1000);
    struct tm tm;
    char text[64] = "";
    if (localtime_r(&at, &tm))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    buffer_puts(out, text);
}

static void put_welcome(const struct status_report *r, struct buffer *out)
{
    buffer_puts(out, "<section><p>");
    page_put_html(say(r->wording, "Put a recording into the inbox folder: its transcript appears beside it."), out);
    buffer_puts(out, " <a href=\"inbox/\">inbox</a></p></section>\n");
}

void status_page(const struct status_report *r, struct buffer *out)
{
    size_t start = out->len, all = 0;
    for (int s = 0; s < ITEM_STATES; s++)
        all += r->counts[s];
    buffer_printf(out, "<!DOCTYPE html>\n<html lang=\"%s\">\n", wording_tag(r->wording));
    buffer_puts(out, head);
    buffer_printf(out, "<meta http-equiv=\"refresh\" content=\"%d\">\n<title>", REFRESH_S);
    if (r->counts[ITEM_FAILED])
        buffer_printf(out, "(%zu!) ", r->counts[ITEM_FAILED]); /* seen on a tab, too */
    buffer_puts(out, "scribefs</title>\n");
    buffer_puts(out, style);
    buffer_puts(out, "</head>\n<body><main>\n<header><h1>scribefs</h1><span class=\"dim small\">");
    put_clock(r->now_ms, out);
    buffer_puts(out, "</span></header>\n");
    if (r->trouble && *r->trouble) {
        buffer_puts(out, "<p class=\"attention\" role=\"alert\">");
        page_put_text(r->trouble, out);
        buffer_puts(out, "</p>\n");
    }
    put_tiles(r, out);
    buffer_puts(out, "<div class=\"grid\">\n");
    if (all == 0)
        put_welcome(r, out);
    put_list(r, say(r->wording, "Running"), ITEM_RUNNING, REPORT_LIST, put_running, out);
    put_list(r, say(r->wording, "Failed"), ITEM_FAILED, REPORT_LIST, put_failed, out);
    put_list(r, say(r->wording, "Waiting"), ITEM_QUEUED, WAITING_SHOWN, put_other, out);
    put_list(r, say(r->wording, "Arriving"), ITEM_ARRIVING, WAITING_SHOWN, put_other, out);
    if (r->all)
        page_put_days(r->wording, r->all, out);
    put_list(r, say(r->wording, "Finished last"), ITEM_DONE, WAITING_SHOWN, put_done, out);
    put_machine(r, out);
    buffer_puts(out, "</div>\n</main></body>\n</html>\n");
    size_t rest = (out->len - start) % PAGE_BLOCK;
    if (rest && !buffer_error(out))
        buffer_fill(out, '\n', PAGE_BLOCK - rest);
}
