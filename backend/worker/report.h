/* The worker's reports to the daemon, in the form of wire.h, and its heart-beat.
 *
 * The heart-beat is a thread of its own, because an engine may compute for a long time between two reports.
 * It speaks only while the process uses the processor, and only for a limited amount of processor time after
 * the last progress: so a worker that waits for ever or loops for ever falls silent, and one that is merely
 * slow or starved does not. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;
struct media_facts;
struct media_part;
struct report;
struct transcript;

/* Opens the reports on `fd` and starts the heart-beat; -1: nothing is reported (by hand). NULL when out of
 * memory or threads. When the reader is gone the process exits. */
struct report *report_new(int fd);
void report_hello(struct report *r, const char *engine, const char *model);
/* How much processor time may honestly pass until the next progress. */
void report_expect(struct report *r, int cpu_seconds);
/* Milliseconds of audio; total 0 when unknown. Cheap: most calls write nothing. */
void report_progress(struct report *r, const char *stage, int64_t done_ms, int64_t total_ms);
/* A part that is complete. */
void report_part(struct report *r, const struct media_part *part);
/* The last line. 0 or -ENOMEM. */
int report_transcript(struct report *r, const struct transcript *t);
int report_facts(struct report *r, const struct media_facts *facts, const char *codec);
void report_error(struct report *r, const struct error *err);
