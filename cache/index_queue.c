/* The changes that wait to be written. */
#include "cache/index_queue.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 64 };

/* ---- making changes ---- */

static struct op *op_new(enum op_kind kind, size_t tail)
{
    struct op *op = malloc(sizeof *op + tail);
    if (op)
        *op = (struct op){.kind = kind};
    return op;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 1;
}

/* Copies text to *to and moves *to on. NULL is copied as "". */
static const char *put_text(char **to, const char *text)
{
    char *copy = *to;
    size_t size = text_size(text);
    memcpy(copy, text ? text : "", size);
    *to += size;
    return copy;
}

struct op *op_put_directory(const struct index_directory *d)
{
    struct op *op = op_new(OP_PUT_DIRECTORY, text_size(d->path));
    if (!op)
        return NULL;
    char *tail = op->tail;
    op->directory = *d;
    op->directory.path = put_text(&tail, d->path);
    return op;
}

struct op *op_drop_directory(int64_t id)
{
    struct op *op = op_new(OP_DROP_DIRECTORY, 0);
    if (op)
        op->directory.id = id;
    return op;
}

struct op *op_put_recording(const struct index_recording *r)
{
    size_t size = r->version_count * sizeof *r->versions;
    struct op *op = op_new(OP_PUT_RECORDING, size);
    if (!op)
        return NULL;
    op->recording = *r;
    op->recording.versions = (const struct digest *)(const void *)op->tail;
    if (size)
        memcpy(op->tail, r->versions, size);
    return op;
}

struct op *op_drop_recording(uint64_t dev, uint64_t ino)
{
    struct op *op = op_new(OP_DROP_RECORDING, 0);
    if (!op)
        return NULL;
    op->recording.dev = dev;
    op->recording.ino = ino;
    return op;
}

struct op *op_put_link(const struct index_link *l)
{
    struct op *op = op_new(OP_PUT_LINK, text_size(l->name) + text_size(l->base) + text_size(l->look));
    if (!op)
        return NULL;
    char *tail = op->tail;
    op->link = *l;
    op->link.name = put_text(&tail, l->name);
    op->link.base = put_text(&tail, l->base);
    if (l->look)
        op->link.look = put_text(&tail, l->look);
    return op;
}

struct op *op_drop_link(int64_t directory, const char *name)
{
    struct op *op = op_new(OP_DROP_LINK, text_size(name));
    if (!op)
        return NULL;
    char *tail = op->tail;
    op->link.directory = directory;
    op->link.name = put_text(&tail, name);
    return op;
}

struct op *op_put_job(const struct index_job *j)
{
    struct op *op = op_new(OP_PUT_JOB, sizeof *j + text_size(j->settings) + text_size(j->backend) +
                                           text_size(j->checkpoint));
    if (!op)
        return NULL;
    struct index_job *row = (struct index_job *)(void *)op->tail;
    char *tail = op->tail + sizeof *row;
    *row = *j;
    row->settings = put_text(&tail, j->settings);
    row->backend = put_text(&tail, j->backend);
    if (j->checkpoint)
        row->checkpoint = put_text(&tail, j->checkpoint);
    op->job.key = j->key;
    op->job.row = row;
    return op;
}

struct op *op_drop_job(const struct digest *key)
{
    struct op *op = op_new(OP_DROP_JOB, 0);
    if (op)
        op->job.key = *key;
    return op;
}

struct op *op_put_charge(const struct index_charge *c)
{
    struct op *op = op_new(OP_PUT_CHARGE, text_size(c->model) + text_size(c->currency) + text_size(c->folder));
    if (!op)
        return NULL;
    char *tail = op->tail;
    op->charge = *c;
    op->charge.model = put_text(&tail, c->model);
    op->charge.currency = put_text(&tail, c->currency);
    op->charge.folder = put_text(&tail, c->folder);
    return op;
}

struct op *op_drop_charge(const struct digest *job, int64_t at_ms)
{
    struct op *op = op_new(OP_DROP_CHARGE, 0);
    if (!op)
        return NULL;
    op->charge.job = *job;
    op->charge.at_ms = at_ms;
    return op;
}

struct op *op_put_day(const struct index_day *d)
{
    struct op *op = op_new(OP_PUT_DAY, 0);
    if (op)
        op->day = *d;
    return op;
}

struct op *op_put_delivery(const struct index_delivery *d)
{
    struct op *op = op_new(OP_PUT_DELIVERY, text_size(d->id) + text_size(d->to) + text_size(d->body));
    if (!op)
        return NULL;
    char *tail = op->tail;
    op->delivery = *d;
    op->delivery.id = put_text(&tail, d->id);
    op->delivery.to = put_text(&tail, d->to);
    op->delivery.body = put_text(&tail, d->body);
    return op;
}

struct op *op_drop_delivery(const char *id)
{
    struct op *op = op_new(OP_DROP_DELIVERY, text_size(id));
    if (!op)
        return NULL;
    char *tail = op->tail;
    op->delivery.id = put_text(&tail, id);
    return op;
}

struct op *op_put_confirmed(const struct digest *content)
{
    struct op *op = op_new(OP_PUT_CONFIRMED, 0);
    if (op)
        op->confirmed = *content;
    return op;
}

struct op *op_move_directories(const char *from, const char *to)
{
    struct op *op = op_new(OP_MOVE_DIRECTORIES, text_size(from) + text_size(to));
    if (!op)
        return NULL;
    char *tail = op->tail;
    op->move.from = put_text(&tail, from);
    op->move.to = put_text(&tail, to);
    return op;
}

struct op *op_history(const struct digest *job, int64_t at_ms, const char *event, const char *detail)
{
    struct op *op = op_new(OP_HISTORY, text_size(event) + text_size(detail));
    if (!op)
        return NULL;
    char *tail = op->tail;
    op->history.job = *job;
    op->history.at_ms = at_ms;
    op->history.event = put_text(&tail, event);
    op->history.detail = put_text(&tail, detail);
    return op;
}

struct op *op_durable(void (*fn)(void *arg), void *arg)
{
    struct op *op = op_new(OP_DURABLE, 0);
    if (!op)
        return NULL;
    op->durable.fn = fn;
    op->durable.arg = arg;
    return op;
}

/* ---- rows ---- */

enum table {
    TABLE_NONE,
    TABLE_DIRECTORIES,
    TABLE_RECORDINGS,
    TABLE_LINKS,
    TABLE_JOBS,
    TABLE_CHARGES,
    TABLE_DAYS,
    TABLE_DELIVERIES,
    TABLE_CONFIRMED,
};

/* The table of the one row that the change is about. */
static enum table table_of(const struct op *op)
{
    switch (op->kind) {
    case OP_PUT_DIRECTORY:
    case OP_DROP_DIRECTORY:
        return TABLE_DIRECTORIES;
    case OP_PUT_RECORDING:
    case OP_DROP_RECORDING:
        return TABLE_RECORDINGS;
    case OP_PUT_LINK:
    case OP_DROP_LINK:
        return TABLE_LINKS;
    case OP_PUT_JOB:
    case OP_DROP_JOB:
        return TABLE_JOBS;
    case OP_PUT_CHARGE:
    case OP_DROP_CHARGE:
        return TABLE_CHARGES;
    case OP_PUT_DAY:
        return TABLE_DAYS;
    case OP_PUT_DELIVERY:
    case OP_DROP_DELIVERY:
        return TABLE_DELIVERIES;
    case OP_PUT_CONFIRMED:
        return TABLE_CONFIRMED;
    case OP_MOVE_DIRECTORIES:
    case OP_HISTORY:
    case OP_DURABLE:
        break;
    }
    return TABLE_NONE;
}

static bool same_row(const struct op *a, const struct op *b)
{
    enum table table = table_of(a);
    if (table != table_of(b))
        return false;
    switch (table) {
    case TABLE_DIRECTORIES:
        return a->directory.id == b->directory.id;
    case TABLE_RECORDINGS:
        return a->recording.dev == b->recording.dev && a->recording.ino == b->recording.ino;
    case TABLE_LINKS:
        return a->link.directory == b->link.directory && !strcmp(a->link.name, b->link.name);
    case TABLE_JOBS:
        return !memcmp(&a->job.key, &b->job.key, sizeof a->job.key);
    case TABLE_CHARGES:
        return a->charge.at_ms == b->charge.at_ms &&
               !memcmp(&a->charge.job, &b->charge.job, sizeof a->charge.job);
    case TABLE_DAYS:
        return a->day.day == b->day.day;
    case TABLE_DELIVERIES:
        return !strcmp(a->delivery.id, b->delivery.id);
    case TABLE_CONFIRMED:
        return !memcmp(&a->confirmed, &b->confirmed, sizeof a->confirmed);
    case TABLE_NONE:
        break;
    }
    return false;
}

/* FNV-1a */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static size_t bucket_of(const struct op_queue *q, const struct op *op)
{
    enum table table = table_of(op);
    uint64_t hash = 0xcbf29ce484222325u + (uint64_t)table;
    switch (table) {
    case TABLE_DIRECTORIES:
        hash = hash_bytes(hash, &op->directory.id, sizeof op->directory.id);
        break;
    case TABLE_RECORDINGS:
        hash = hash_bytes(hash, &op->recording.dev, sizeof op->recording.dev);
        hash = hash_bytes(hash, &op->recording.ino, sizeof op->recording.ino);
        break;
    case TABLE_LINKS:
        hash = hash_bytes(hash, &op->link.directory, sizeof op->link.directory);
        hash = hash_bytes(hash, op->link.name, strlen(op->link.name));
        break;
    case TABLE_JOBS:
        hash = hash_bytes(hash, &op->job.key, sizeof op->job.key);
        break;
    case TABLE_CHARGES:
        hash = hash_bytes(hash, &op->charge.job, sizeof op->charge.job);
        hash = hash_bytes(hash, &op->charge.at_ms, sizeof op->charge.at_ms);
        break;
    case TABLE_DAYS:
        hash = hash_bytes(hash, &op->day.day, sizeof op->day.day);
        break;
    case TABLE_DELIVERIES:
        hash = hash_bytes(hash, op->delivery.id, strlen(op->delivery.id));
        break;
    case TABLE_CONFIRMED:
        hash = hash_bytes(hash, &op->confirmed, sizeof op->confirmed);
        break;
    case TABLE_NONE:
        break;
    }
    return (hash ^ hash >> 32) & (q->bucket_count - 1);
}

/* Makes room for one more row. When there is no memory the chains grow longer, or, at the very first, earlier
 * changes stay. */
static void grow(struct op_queue *q)
{
    if (q->rows < q->bucket_count)
        return;
    size_t count = q->bucket_count ? q->bucket_count * 2 : FIRST_BUCKETS;
    struct op **buckets = calloc(count, sizeof(struct op *));
    if (!buckets)
        return;
    struct op **old = q->buckets;
    size_t old_count = q->bucket_count;
    q->buckets = buckets;
    q->bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct op *op = old[i], *next; op; op = next) {
            next = op->chain;
            struct op **bucket = &q->buckets[bucket_of(q, op)];
            op->chain = *bucket;
            *bucket = op;
        }
    }
    free(old);
}

/* ---- the queue ---- */

static void unlink_op(struct op_queue *q, struct op *op)
{
    *(op->previous ? &op->previous->next : &q->first) = op->next;
    *(op->next ? &op->next->previous : &q->last) = op->previous;
    q->count--;
}

/* Drops what `op` makes pointless, and remembers op as the last change of its row. */
static void supersede(struct op_queue *q, struct op *op)
{
    grow(q);
    if (!q->bucket_count)
        return;
    struct op **at = &q->buckets[bucket_of(q, op)];
    while (*at && !same_row(*at, op))
        at = &(*at)->chain;
    struct op *earlier = *at;
    if (earlier) {
        *at = earlier->chain;
        q->rows--;
        unlink_op(q, earlier);
        free(earlier);
    }
    /* The removal of a directory takes its links along; a directory that is put later does not undo that. */
    if (op->kind == OP_DROP_DIRECTORY)
        return;
    op->chain = *at;
    *at = op;
    q->rows++;
}

void op_queue_add(struct op_queue *q, struct op *op)
{
    if (table_of(op) != TABLE_NONE)
        supersede(q, op);
    op->next = NULL;
    op->previous = q->last;
    *(q->last ? &q->last->next : &q->first) = op;
    q->last = op;
    q->count++;
}

void op_queue_put_back(struct op_queue *q, struct op_queue *earlier)
{
    /* Only the later changes are looked at again. */
    for (struct op *op = q->first, *next; op; op = next) {
        next = op->next;
        op_queue_add(earlier, op);
    }
    free(q->buckets);
    *q = *earlier;
    *earlier = (struct op_queue){0};
}

void op_queue_clear(struct op_queue *q)
{
    for (struct op *op = q->first, *next; op; op = next) {
        next = op->next;
        free(op);
    }
    free(q->buckets);
    *q = (struct op_queue){0};
}
