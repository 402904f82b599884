/* All that the pages at the top of the mount say: one report, drawn up once, and put out as text, as a page for
 * a browser, as JSON and as metrics. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/inbox/spent.h"
#include "fs/inbox/status.h"

struct buffer;
struct wording;

#define REPORT_DAYS 31 /* a month of the longest kind */
#define REPORT_LIST 50 /* recordings of each state that are listed; the others are counted */

/* What happened on one local day. */
struct report_day {
    int day;              /* 20261122 */
    int64_t done, failed; /* jobs that came to their end */
    int64_t audio_ms;     /* of those that are done */
    struct spent spent;   /* at a paid service */
};

struct report_space {
    bool known;
    int64_t size, available; /* bytes of the filesystem of the store */
};

struct report_cache {
    bool known;
    int64_t bytes, files; /* of the store's state: results, views, index */
    int64_t measured_ms;  /* wall clock */
};

struct status_report {
    const struct wording *wording; /* the language of texts and pages; JSON and metrics are English */
    const struct item *items; /* as library_overview() orders them */
    size_t count;
    size_t counts[ITEM_STATES]; /* of all recordings */
    const char *engine;         /* a line about the recogniser */
    const char *trouble;        /* a line about the index, the disk, or a mistake in settings of folders; or NULL */
    const struct spending_report *spending; /* NULL: no paid service is used */
    /* Of the whole mount only; NULL where the report is about a part of it. */
    const struct report_all {
        struct report_day days[REPORT_DAYS]; /* oldest first; the last is today */
        struct report_day ever;
        struct report_space space;
        struct report_cache cache;
        int64_t started_ms; /* wall clock */
    } *all;
    int64_t now_ms; /* wall clock */
};

/* MOUNT/status.html: a page that needs nothing but itself and loads itself again every few seconds. Links are
 * relative to the top of the mount. */
void status_page(const struct status_report *report, struct buffer *out);
/* MOUNT/metrics.txt: OpenMetrics 1.0 text. Needs report->all. */
void status_metrics(const struct status_report *report, struct buffer *out);
