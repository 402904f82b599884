/* What people and programs are told about the whole: lines about the machine, spending, and the pages at the top of the
 * mount. Any thread; nothing here waits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/inbox/report.h"
#include "fs/inbox/limits.h"
#include "fs/mount/mount.h"

struct buffer;
struct folders;
struct index;
struct ledger;
struct library;
struct recognisers;
struct usage;
struct wording;

/* Where it is taken from; all of it stays the caller's. */
struct reporter {
    struct index *index;
    struct library *library;
    struct ledger *ledger;
    struct folders *folders;
    const struct recognisers *recognisers;
    struct usage *usage;
    struct limits limits;          /* of spending, for all */
    const struct wording *wording; /* of texts and pages; NULL: English */
    int state_fd;                  /* STORE/state */
    int64_t started_ms;            /* wall clock */
};

/* `context` is a struct reporter: for use as callbacks (fs/control.h, fs/mount/mount.h). */
void reporter_engine(void *context, char *line, size_t size);
bool reporter_trouble(void *context, char *line, size_t size); /* in English */
bool reporter_spending(void *context, struct spending_report *report);
void reporter_all(void *context, struct report_all *all);
void reporter_page(void *context, enum top_page page, struct buffer *out);
