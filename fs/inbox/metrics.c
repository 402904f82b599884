/* MOUNT/metrics.txt: OpenMetrics 1.0 (https://github.com/prometheus/OpenMetrics, "ABNF" of the text format), for the
 * textfile collector of node_exporter, which reads the older format: what is here is both, so there is no type that it
 * does not know. Counters are read from the index, so they go on over a restart. */
#include "fs/inbox/report.h"

#include <inttypes.h>

#include "backend/base/buffer.h"
#include "fs/version.h"

/* A family has at most a unit that its name ends in, and in this order: TYPE, UNIT, HELP. */
static void put_family(const char *name, const char *type, const char *unit, const char *help, struct buffer *out)
{
    buffer_printf(out, "# TYPE scribefs_%s %s\n", name, type);
    if (*unit)
        buffer_printf(out, "# UNIT scribefs_%s %s\n", name, unit);
    buffer_printf(out, "# HELP scribefs_%s %s\n", name, help);
}

static void put_seconds(const char *sample, int64_t ms, struct buffer *out)
{
    buffer_printf(out, "scribefs_%s %" PRId64 ".%03d\n", sample, ms / 1000, (int)(ms % 1000));
}

static void put_bytes(const char *name, const char *help, int64_t bytes, struct buffer *out)
{
    put_family(name, "gauge", "bytes", help, out);
    buffer_printf(out, "scribefs_%s %" PRId64 "\n", name, bytes);
}

static void put_states(const size_t counts[ITEM_STATES], struct buffer *out)
{
    static const char *const names[ITEM_STATES] = {[ITEM_ARRIVING] = "arriving",
                                                   [ITEM_QUEUED] = "queued",
                                                   [ITEM_RUNNING] = "running",
                                                   [ITEM_DONE] = "done",
                                                   [ITEM_FAILED] = "failed"};
    put_family("recordings", "gauge", "", "Recordings in the inbox by state.", out);
    for (int s = 0; s < ITEM_STATES; s++)
        buffer_printf(out, "scribefs_recordings{state=\"%s\"} %zu\n", names[s], counts[s]);
}

static void put_spent(const struct report_day *ever, struct buffer *out)
{
    put_family("billed_audio_seconds", "counter", "seconds", "Audio that paid services have billed.", out);
    put_seconds("billed_audio_seconds_total", ever->spent.billed_ms, out);
    put_family("cost", "counter", "", "What that costs by the price list, by currency.", out);
    for (int i = 0; i < SPENT_CURRENCIES && ever->spent.money[i].currency[0]; i++)
        buffer_printf(out, "scribefs_cost_total{currency=\"%s\"} %" PRId64 ".%06d\n", ever->spent.money[i].currency,
                      ever->spent.money[i].micro / 1000000, (int)(ever->spent.money[i].micro % 1000000));
}

void status_metrics(const struct status_report *r, struct buffer *out)
{
    const struct report_all *all = r->all;
    put_family("build_info", "gauge", "", "The version that runs.", out);
    buffer_printf(out, "scribefs_build_info{version=\"%s\"} 1\n", SCRIBEFS_VERSION);
    put_family("start_time_seconds", "gauge", "seconds", "When this daemon started, in seconds since 1970.", out);
    put_seconds("start_time_seconds", all->started_ms, out);
    put_states(r->counts, out);
    put_family("jobs", "counter", "", "Jobs that came to their end, by outcome.", out);
    buffer_printf(out, "scribefs_jobs_total{outcome=\"done\"} %" PRId64 "\n", all->ever.done);
    buffer_printf(out, "scribefs_jobs_total{outcome=\"failed\"} %" PRId64 "\n", all->ever.failed);
    put_family("audio_seconds", "counter", "seconds", "Audio that was transcribed.", out);
    put_seconds("audio_seconds_total", all->ever.audio_ms, out);
    put_spent(&all->ever, out);
    if (r->spending && r->spending->limit_ms > 0) {
        put_family("daily_limit_seconds", "gauge", "seconds", "Audio that may be sent to paid services in a day.", out);
        put_seconds("daily_limit_seconds", r->spending->limit_ms, out);
    }
    put_family("held", "gauge", "", "1 while a limit of spending holds jobs back.", out);
    buffer_printf(out, "scribefs_held %d\n", r->spending && r->spending->held_until > 0);
    put_family("trouble", "gauge", "", "1 while the index or the disk is in trouble, or settings of a folder have a mistake.", out);
    buffer_printf(out, "scribefs_trouble %d\n", r->trouble != NULL);
    if (all->space.known) {
        put_bytes("store_size_bytes", "Size of the filesystem of the store.", all->space.size, out);
        put_bytes("store_available_bytes", "What is free of it.", all->space.available, out);
    }
    if (all->cache.known)
        put_bytes("state_bytes", "Size of results and index.", all->cache.bytes, out);
    buffer_puts(out, "# EOF\n");
}
