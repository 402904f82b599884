/* The texts that say how things are: talk.transcribing.txt, talk.FAILED.txt, status.txt. Pure: the caller
 * passes the time and the language (NULL: English). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "fs/inbox/spent.h"

struct buffer;
struct wording;

/* Status views are padded with spaces to a multiple of this, so that a client that cached their size never
 * cuts them. */
#define STATUS_BLOCK 512

enum item_state {
    ITEM_ARRIVING, /* being written, or its quiet time has not passed */
    ITEM_QUEUED,
    ITEM_RUNNING,
    ITEM_DONE,
    ITEM_FAILED,
};
#define ITEM_STATES 5

/* One recording as people and scribectl see it. A copy: owns its strings. Times are wall-clock milliseconds,
 * 0 = not known. */
struct item {
    char *path;    /* relative to the inbox; bytes */
    char *base;    /* stem of its views */
    char *partial; /* while running: the text recognised so far, or NULL */
    enum item_state state;
    enum backend_stage stage; /* while running */
    int64_t done, total;      /* in the stage's unit; total 0 = unknown */
    int position;             /* in the queue, 0 = next; while queued */
    int64_t duration_ms;      /* of the audio, 0 = unknown */
    int64_t queued_ms, started_ms, finished_ms;
    int64_t expected_ms;   /* when it should be finished */
    int64_t not_before_ms; /* next attempt, while queued after a failure */
    int attempts;
    bool empty;         /* arriving, and nothing has been written to it: "wait" does not wait for it */
    bool announcing;    /* done or failed, but a view of that is not visible yet: "wait" goes on waiting */
    uint32_t hidden;    /* views that were deleted: bit n = format n */
    unsigned versions;  /* earlier results, whose views open by name: talk.v1.txt … */
    uint32_t listed;    /* views that its folder lists when it is done: the same */
    bool no_status;     /* its folder has no status texts */
    char backend[16];   /* name of the backend of its job: "local" keeps it here; "" before it has one */
    struct error error; /* of the last attempt; class ERROR_NONE if none */
    char job[65];       /* hex key, "" before it has one */
    struct spent_item cost;
    int64_t most_ms, most_micro; /* waiting for a confirmation: the most that can be billed; 0: not known */
    char most_currency[4];
};
void items_free(struct item *items, size_t count);
void item_clear(struct item *item);

/* Appends the text, padded with spaces and a final newline to a multiple of STATUS_BLOCK. While the words
 * come in as they are recognised, they follow behind that, a line for each sentence and no newline after the
 * last one: as long as more of them come, the bytes that were there stay as they are. */
void status_transcribing(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out);
void status_failed(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out);
/* The whole of MOUNT/status.txt: counts, what runs (with progress), what waits, what failed and why, what
 * finished last. See fs/inbox/report.h. */
struct status_report;
void status_overview(const struct status_report *report, struct buffer *out);
/* One line, without a newline, as scribectl and status.txt say it: "recognising, 40 % (0:31 of 1:17), about
 * 20 s left". */
void status_line(const struct wording *w, const struct item *item, int64_t now_ms, struct buffer *out);

/* ---- Parts of them, shared with scribectl ---- */

/* Appends bytes made safe to print: control characters, invisible and reordering ones, and bytes that are not
 * UTF-8 as \n, \t, \xHH; a backslash is doubled. */
void status_escape(const char *bytes, struct buffer *out);
/* Appends "[####....]" with `width` characters inside, by item->done of item->total (> 0). */
void status_bar(const struct item *item, int width, struct buffer *out);
void status_counts(const struct item *items, size_t count, size_t counts[ITEM_STATES]);
/* "1 running, 3 waiting, 140 done" */
void status_summary(const struct wording *w, const size_t counts[ITEM_STATES], struct buffer *out);
/* Appends spaces and a newline up to the next multiple of STATUS_BLOCK that is not below `least`; `start` is where the
 * text began. */
void status_pad(struct buffer *out, size_t start, size_t least);
