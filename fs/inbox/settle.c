/* Settling: a hash table of the files that have writers or wait, and a heap of those that wait, the next due
 * first. */
#include "fs/inbox/settle.h"

#include <stddef.h>
#include <stdlib.h>

#define NOT_WAITING SIZE_MAX

struct entry {
    struct file_id id;
    struct entry *next; /* in its bucket */
    unsigned writers;   /* handles with write access */
    bool pending;       /* wants to be looked at when it is quiet */
    bool released;      /* a writer has come and gone since it is here */
    bool slow;          /* settles by slow_ms */
    bool renamed; /* nothing has happened since it was renamed from a temporary name: settles by renamed_ms */
    int64_t due;  /* while it waits */
    size_t place; /* in the heap, or NOT_WAITING */
};

struct settle {
    struct settle_times times;
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    struct entry **heap; /* has room for every entry, so that waiting never fails */
    size_t heap_room, waiting;
};

/* ---- The heap ---- */

static void heap_put(struct settle *s, size_t place, struct entry *e)
{
    s->heap[place] = e;
    e->place = place;
}

static void heap_up(struct settle *s, struct entry *e)
{
    size_t i = e->place;
    while (i > 0 && s->heap[(i - 1) / 2]->due > e->due) {
        heap_put(s, i, s->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(s, i, e);
}

static void heap_down(struct settle *s, struct entry *e)
{
    size_t i = e->place;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->waiting)
            break;
        if (child + 1 < s->waiting && s->heap[child + 1]->due < s->heap[child]->due)
            child++;
        if (s->heap[child]->due >= e->due)
            break;
        heap_put(s, i, s->heap[child]);
        i = child;
    }
    heap_put(s, i, e);
}

static void stop_waiting(struct settle *s, struct entry *e)
{
    size_t place = e->place;
    if (place == NOT_WAITING)
        return;
    e->place = NOT_WAITING;
    struct entry *last = s->heap[--s->waiting];
    if (last == e)
        return;
    heap_put(s, place, last);
    heap_up(s, last);
    heap_down(s, last);
}

/* Starts its quiet time anew, if nobody is writing. */
static void wait_quiet(struct settle *s, struct entry *e, int64_t now)
{
    stop_waiting(s, e);
    if (e->writers > 0 || !e->pending)
        return;
    int ms = e->slow ? s->times.slow_ms : e->renamed ? s->times.renamed_ms : s->times.quiet_ms;
    e->due = now + ms;
    heap_put(s, s->waiting++, e);
    heap_up(s, e);
}

/* ---- The table ---- */

static struct entry **bucket_of(const struct settle *s, struct file_id id)
{
    return &s->buckets[file_id_hash(id) & (s->bucket_count - 1)];
}

static struct entry *find(const struct settle *s, struct file_id id)
{
    struct entry *e = *bucket_of(s, id);
    while (e && !file_id_equal(e->id, id))
        e = e->next;
    return e;
}

/* Longer chains when there is no memory: not worth failing for. */
static void grow_table(struct settle *s)
{
    struct settle bigger = {.bucket_count = s->bucket_count * 2};
    bigger.buckets = calloc(bigger.bucket_count, sizeof(struct entry *));
    if (!bigger.buckets)
        return;
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct entry *e = s->buckets[i], *next; e; e = next) {
            next = e->next;
            struct entry **bucket = bucket_of(&bigger, e->id);
            e->next = *bucket;
            *bucket = e;
        }
    }
    free(s->buckets);
    s->buckets = bigger.buckets;
    s->bucket_count = bigger.bucket_count;
}

/* Finds or makes. NULL when out of memory: the file is then not tracked, and the next scan finds it. */
static struct entry *track(struct settle *s, struct file_id id)
{
    struct entry *e = find(s, id);
    if (e)
        return e;
    if (s->count == s->heap_room) {
        size_t room = s->heap_room * 2;
        struct entry **heap = realloc(s->heap, room * sizeof(struct entry *));
        if (!heap)
            return NULL;
        s->heap = heap;
        s->heap_room = room;
    }
    e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    if (s->count >= s->bucket_count)
        grow_table(s);
    e->id = id;
    e->place = NOT_WAITING;
    struct entry **bucket = bucket_of(s, id);
    e->next = *bucket;
    *bucket = e;
    s->count++;
    return e;
}

/* Drops an entry that neither has writers nor waits. */
static void forget_idle(struct settle *s, struct entry *e)
{
    if (e->writers > 0 || e->place != NOT_WAITING)
        return;
    struct entry **link = bucket_of(s, e->id);
    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
    s->count--;
    free(e);
}

struct settle *settle_new(const struct settle_times *times)
{
    struct settle *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->times = *times;
    s->bucket_count = 64;
    s->heap_room = 64;
    s->buckets = calloc(s->bucket_count, sizeof(struct entry *));
    s->heap = calloc(s->heap_room, sizeof(struct entry *));
    if (!s->buckets || !s->heap) {
        settle_free(s);
        return NULL;
    }
    return s;
}

void settle_free(struct settle *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->buckets && i < s->bucket_count; i++) {
        for (struct entry *e = s->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e);
        }
    }
    free(s->buckets);
    free(s->heap);
    free(s);
}

/* ---- What happens ---- */

void settle_opened(struct settle *s, struct file_id id, bool slow)
{
    struct entry *e = track(s, id);
    if (!e)
        return;
    /* A program that comes back while it settles is likely to come back again. (A first open is no return:
     * the arrival of a new file may be told before the open that made it.) */
    if (slow || (e->place != NOT_WAITING && e->released))
        e->slow = true;
    e->writers++;
    stop_waiting(s, e);
}

void settle_modified(struct settle *s, struct file_id id, int64_t now)
{
    struct entry *e = track(s, id);
    if (!e)
        return;
    e->pending = true;
    e->renamed = false;
    wait_quiet(s, e, now);
}

void settle_released(struct settle *s, struct file_id id, int64_t now)
{
    struct entry *e = find(s, id);
    if (!e || e->writers == 0) /* opened while there was no memory */
        return;
    e->released = true;
    if (--e->writers > 0)
        return;
    wait_quiet(s, e, now);
    forget_idle(s, e);
}

void settle_arrived(struct settle *s, struct file_id id, bool from_temporary, int64_t now)
{
    struct entry *e = track(s, id);
    if (!e)
        return;
    e->pending = true;
    e->renamed = from_temporary;
    wait_quiet(s, e, now);
}

void settle_again(struct settle *s, struct file_id id, int64_t now)
{
    struct entry *e = track(s, id);
    if (!e || e->pending)
        return;
    e->pending = true;
    e->renamed = false;
    wait_quiet(s, e, now);
}

void settle_held(struct settle *s, struct file_id id, int64_t now)
{
    struct entry *e = track(s, id);
    if (!e)
        return;
    e->pending = true;
    e->renamed = false;
    e->slow = true;
    wait_quiet(s, e, now);
}

void settle_gone(struct settle *s, struct file_id id)
{
    struct entry *e = find(s, id);
    if (!e)
        return;
    e->pending = false;
    e->renamed = false;
    stop_waiting(s, e);
    forget_idle(s, e);
}

bool settle_busy(const struct settle *s, struct file_id id)
{
    const struct entry *e = find(s, id);
    return e && (e->writers > 0 || e->place != NOT_WAITING);
}

bool settle_pending(const struct settle *s, struct file_id id)
{
    const struct entry *e = find(s, id);
    return e && e->pending;
}

int64_t settle_next(const struct settle *s)
{
    return s->waiting > 0 ? s->heap[0]->due : -1;
}

bool settle_take(struct settle *s, int64_t now, struct file_id *out)
{
    if (s->waiting == 0 || s->heap[0]->due > now)
        return false;
    struct entry *e = s->heap[0];
    *out = e->id;
    stop_waiting(s, e);
    forget_idle(s, e);
    return true;
}
