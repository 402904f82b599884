/* The changes that wait to be written, copied, in order.
 *
 * A change that gives a row a new meaning makes an earlier one of the same row pointless, so the earlier one
 * is dropped: while the disk is full the queue grows with the number of rows, not with time. That is right
 * because the whole queue is written in one transaction. No locks here: the owner has one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cache/index.h"

enum op_kind {
    OP_PUT_DIRECTORY,
    OP_DROP_DIRECTORY,
    OP_PUT_RECORDING,
    OP_DROP_RECORDING,
    OP_PUT_LINK,
    OP_DROP_LINK,
    OP_PUT_JOB,
    OP_DROP_JOB,
    OP_PUT_CHARGE,
    OP_DROP_CHARGE,
    OP_PUT_DAY,
    OP_PUT_DELIVERY,
    OP_DROP_DELIVERY,
    OP_PUT_CONFIRMED,
    OP_MOVE_DIRECTORIES,
    OP_HISTORY,
    OP_DURABLE, /* not a change: a call to make when everything before it is durable */
};

struct op {
    struct op *next, *previous;
    struct op *chain; /* of the same bucket */
    enum op_kind kind;
    /* A removal uses the key alone. */
    union {
        struct index_directory directory;
        struct index_recording recording;
        struct index_link link;
        struct index_charge charge;
        struct index_day day;
        struct index_delivery delivery;
        struct digest confirmed;
        struct {
            struct digest key;
            const struct index_job *row; /* in `tail`; NULL for a removal */
        } job;
        struct {
            const char *from, *to;
        } move;
        struct {
            struct digest job;
            int64_t at_ms;
            const char *event, *detail;
        } history;
        struct {
            void (*fn)(void *arg);
            void *arg;
        } durable;
    };
    _Alignas(max_align_t) char tail[]; /* what the pointers above point to */
};

struct op_queue {
    struct op *first, *last;
    size_t count;
    /* The last change of each row, by hash. */
    struct op **buckets;
    size_t bucket_count, rows;
};

/* Copies; NULL when out of memory. */
struct op *op_put_directory(const struct index_directory *d);
struct op *op_drop_directory(int64_t id);
struct op *op_put_recording(const struct index_recording *r);
struct op *op_drop_recording(uint64_t dev, uint64_t ino);
struct op *op_put_link(const struct index_link *l);
struct op *op_drop_link(int64_t directory, const char *name);
struct op *op_put_job(const struct index_job *j);
struct op *op_drop_job(const struct digest *key);
struct op *op_put_charge(const struct index_charge *c);
struct op *op_drop_charge(const struct digest *job, int64_t at_ms);
struct op *op_put_day(const struct index_day *d);
struct op *op_put_delivery(const struct index_delivery *d);
struct op *op_drop_delivery(const char *id);
struct op *op_put_confirmed(const struct digest *content);
struct op *op_move_directories(const char *from, const char *to);
struct op *op_history(const struct digest *job, int64_t at_ms, const char *event, const char *detail);
struct op *op_durable(void (*fn)(void *arg), void *arg);

/* Takes op over. */
void op_queue_add(struct op_queue *q, struct op *op);
/* Puts all of `earlier` in front of what is in q, and empties it. */
void op_queue_put_back(struct op_queue *q, struct op_queue *earlier);
void op_queue_clear(struct op_queue *q);
