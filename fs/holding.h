/* Joins drops (fs/jobs/drops.h) to the library, the settings of folders, and what is said in them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct backend_charge;
struct error;
struct folders;
struct holding;
struct index;
struct job_start;
struct library;
struct loop;
struct wording;

struct holding_config {
    int inbox_fd; /* stays the caller's */
    struct library *library;
    struct index *index;
    struct folders *folders;
    struct loop *loop;
    const struct wording *wording; /* NULL: English */
    int64_t window_ms;             /* quiet time after which nothing more arrives together with the others */
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

int holding_new(const struct holding_config *config, struct holding **out); /* 0 or negative errno */
/* After the loop has ended. */
void holding_free(struct holding *h);

/* ---- On the loop ---- */

/* As runner_config.withhold. */
bool holding_withholds(struct holding *h, const struct job_start *job, const struct backend_charge *most,
                       struct error *why);
/* Recordings have come, moved or gone, or settings have changed. Cheap to call often. */
void holding_changed(struct holding *h);
/* What waits at `path` and below is confirmed; *count = how many. 0, -ENOENT when nothing is known there, or -ENOMEM. */
int holding_confirm(struct holding *h, const char *path, int *count);

/* ---- Any thread ---- */

/* Somebody deleted the text of a drop in this folder (library_hooks.confirm). */
void holding_deleted(struct holding *h, const char *path);
