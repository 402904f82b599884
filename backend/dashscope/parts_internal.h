/* What the files about parts share: their table, and what is done with their files. */
#pragma once

#include <stdatomic.h>

#include "backend/base/buffer.h"
#include "backend/dashscope/job.h"
#include "backend/dashscope/parts.h"

struct errand;

struct part {
    struct parts *parts;
    size_t number;             /* from 0 */
    int64_t begin_ms, end_ms;  /* in the recording */
    int64_t offset, length;    /* in the file of all parts, bytes */
    bool done;                 /* its transcript is stored */
    char *state;               /* last checkpoint of its job, or NULL */
    char *text;                /* recognised so far, or NULL */
    struct backend_job *child; /* NULL: not at work, or being copied or stored */
    struct errand *errand;
    int fd;                      /* its own file, on the way to the child; -1 */
    struct buffer json, raw;     /* on the way to the disk */
    bool begun;                  /* this time: it is at work or done */
    enum backend_stage stage;    /* of the child … */
    int64_t stage_ms, stage_all; /* … and how far */
};

struct parts {
    struct backend_job *job;
    char *extension;
    int64_t overlap_ms;
    int file; /* of all parts, or -1 */
    struct part *part;
    size_t count;
    int active;            /* parts that are begun and not done */
    struct errand *errand; /* about all of them */
    struct error trouble;  /* class ERROR_NONE, or why no more parts are begun */
    struct loop_timer *report;
    int64_t reported_ms;
    struct transcript *whole; /* put together */
};

struct parts *parts_new(struct backend_job *job); /* NULL when out of memory */
/* Makes room for the table, all zero but for the descriptors. 0 or -ENOMEM. */
int parts_set_count(struct parts *parts, size_t count);
/* Frees the table alone. */
void parts_clear_table(struct parts *parts);

/* ---- work that waits for the disk: bodies of errands. 0 or negative errno ---- */

/* The argument is the struct parts. */
int parts_file_open(struct parts *parts, int flags);       /* its file in the work directory; on the loop */
int parts_file_sync(void *parts, const atomic_bool *stop); /* the new file is durable, old results are gone */
/* Which parts are done, by what is stored. -ENODATA: some are not, and their audio is gone. */
int parts_look(void *parts, const atomic_bool *stop);
/* All transcripts into parts->whole, what the service said into job->raw. */
int parts_assemble(void *parts, const atomic_bool *stop);
/* The argument is the struct part. */
int part_copy(void *part, const atomic_bool *stop);  /* its audio into a nameless file: part->fd */
int part_store(void *part, const atomic_bool *stop); /* part->json and part->raw, durable */

/* ---- on the loop ---- */

/* The table is durable: begins the parts. */
void parts_run(struct backend_job *job);
/* rc: why the files of parts could not be written or read. */
void parts_disk_error(int rc, struct error *err);
/* Ends the job, which has nothing at work: the files could not be written or read. */
void parts_fail_disk(struct parts *parts, int rc);

/* The text of a transcript in one line; NULL when out of memory. */
char *parts_plain_text(const struct transcript *transcript);
