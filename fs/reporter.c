/* What people and programs are told about the whole: drawn up from the parts that know. */
#include "fs/reporter.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "cache/index.h"
#include "fs/control_status.h"
#include "fs/inbox/folders.h"
#include "fs/inbox/wording.h"
#include "fs/jobs/ledger.h"
#include "fs/library.h"
#include "fs/recognisers.h"
#include "fs/usage.h"

void reporter_engine(void *context, char *line, size_t size)
{
    const struct reporter *r = context;
    r->recognisers->chosen->operations->describe(r->recognisers->chosen, line, size);
}

struct first_mistake {
    const struct wording *wording;
    char *line;
    size_t size;
    int files;
};

static void on_mistake(void *context, const struct folders_mistake *m)
{
    struct first_mistake *first = context;
    const struct wording *w = first->wording;
    const struct folder_mistake *what = m->mistakes->items;
    cleanup_buffer struct buffer file = {0}, where = {0};
    if (!m->mistakes->count || first->files++)
        return;
    status_escape(m->path, &file);
    if (what->line)
        buffer_printf(&where, say(w, "line %d: "), what->line);
    snprintf(first->line, first->size,
             m->held ? say(w, "inbox/%s%s%s has a mistake (%s%s). Until it is corrected, nothing is sent from there.")
                     : say(w, "inbox/%s%s%s has a mistake (%s%s). Until it is corrected, what was right before is in force."),
             file.data ? file.data : "", *m->path ? "/" : "", m->name, where.data ? where.data : "", what->reason);
}

/* The first mistake in the settings of folders, or in names of speakers. */
static bool mistake_in(const struct reporter *r, const struct wording *w, char *line, size_t size)
{
    struct first_mistake first = {.wording = w, .line = line, .size = size};
    return r->folders && folders_each_mistake(r->folders, "", on_mistake, &first) == 0 && first.files > 0;
}

static bool trouble_in(const struct reporter *r, const struct wording *w, char *line, size_t size)
{
    struct error err = {0};
    if (!index_trouble(r->index, &err))
        return mistake_in(r, w, line, size);
    const char *todo = strcmp(err.code, "index.full") == 0     ? say(w, "make room on the disk")
                       : strcmp(err.code, "index.locked") == 0 ? say(w, "another program has it open")
                                                               : say(w, "see whether the disk is well");
    snprintf(line, size, say(w, "The index cannot be written (%s). Nothing is lost while scribefs runs; %s."),
             err.detail, todo);
    return true;
}

/* For scribectl, which shows it to whoever asks: in English. */
bool reporter_trouble(void *context, char *line, size_t size)
{
    return trouble_in(context, NULL, line, size);
}

bool reporter_spending(void *context, struct spending_report *report)
{
    const struct reporter *r = context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    const struct limits *limits = &r->limits;
    struct error why;
    *report = (struct spending_report){.limit_ms = limits->minutes_per_day * 60000,
                                       .month_limit_ms = limits->minutes_per_month * 60000,
                                       .limit_micro = (int64_t)(limits->cost_per_day * 1e6 + 0.5),
                                       .month_limit_micro = (int64_t)(limits->cost_per_month * 1e6 + 0.5),
                                       .held_until = library_held_until(r->library, now_ms, &why)};
    memcpy(report->currency, r->recognisers->currency, sizeof report->currency);
    struct withheld withheld = library_withheld(r->library);
    report->to_confirm = withheld.count;
    report->confirm_ms = withheld.ms;
    report->confirm_micro = withheld.micro;
    memcpy(report->confirm_currency, withheld.currency, sizeof report->confirm_currency);
    report->held_for_month = report->held_until && strncmp(why.code, "limit.month", 11) == 0;
    ledger_sums(r->ledger, now_ms, &report->today, &report->month);
    return r->recognisers->paid || report->month.jobs || report->month.possible_jobs;
}

void reporter_all(void *context, struct report_all *all)
{
    const struct reporter *r = context;
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    struct statvfs fs;
    *all = (struct report_all){.started_ms = r->started_ms};
    ledger_days(r->ledger, now_ms, all->days, REPORT_DAYS, &all->ever);
    if (fstatvfs(r->state_fd, &fs) == 0)
        all->space = (struct report_space){.known = true,
                                           .size = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize,
                                           .available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize};
    usage_get(r->usage, now_ms, &all->cache);
}

void reporter_page(void *context, enum top_page page, struct buffer *out)
{
    static void (*const writers[TOP_PAGES])(const struct status_report *, struct buffer *) = {
        [PAGE_TEXT] = status_overview,
        [PAGE_HTML] = status_page,
        [PAGE_JSON] = status_json,
        [PAGE_METRICS] = status_metrics,
    };
    const struct reporter *r = context;
    struct item *items = NULL;
    struct status_report report = {.engine = r->recognisers->line, .now_ms = (int64_t)time(NULL) * 1000};
    size_t most = page == PAGE_METRICS ? 0 : REPORT_LIST;
    if (library_overview(r->library, most, &items, &report.count, report.counts) != 0) {
        out->failed = true;
        return;
    }
    char trouble[600];
    struct spending_report spent;
    struct report_all all;
    report.items = items;
    report.wording = r->wording;
    if (trouble_in(r, page == PAGE_JSON ? NULL : r->wording, trouble, sizeof trouble))
        report.trouble = trouble;
    if (reporter_spending(context, &spent))
        report.spending = &spent;
    if (page != PAGE_TEXT) {
        reporter_all(context, &all);
        report.all = &all;
    }
    writers[page](&report, out);
    items_free(items, report.count);
}
