/* Full-text search: the two threads.
 *
 * Locks: `lock` alone, over nothing but memory. The writer's file is the writer's; the answerer opens its own, and
 * opens it again when the writer has begun a new one (`generation`). */
#include "cache/search.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <uthash.h>
#include <utlist.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "cache/results.h"
#include "cache/search_db.h"
#include "cache/search_query.h"
#include "cache/search_text.h"

enum {
    BATCH = 64,             /* transcripts in a transaction */
    AGAIN_S = 10,           /* after a failure */
    MOST_ASKED = 64,        /* that wait for an answer */
    LARGEST = 64 << 20,     /* bytes of a transcript: more is no transcript */
};

struct change {
    struct digest job;
    bool add;
    UT_hash_handle hh;
};

struct question {
    char *words;
    size_t most;
    void (*done)(void *to, struct search_answer *answer);
    void *to;
    struct question *prev, *next;
};

struct search {
    struct search_config config;
    char *path;
    pthread_t writer, answerer;
    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t to_write, to_answer, settled; /* CLOCK_MONOTONIC */
    struct change *changes;
    bool compare;  /* with all results, before anything else */
    bool writing;  /* changes are on their way into the file */
    bool damaged;  /* the answerer has seen it */
    unsigned generation;
    struct question *questions;
    unsigned asked;
    bool stopping;
    atomic_bool hurry; /* stopping, for those that do not hold the lock */
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Changes ---- */

/* The lock is held. */
static void put_change(struct search *s, const struct digest *job, bool add, bool unless_there)
{
    struct change *c;
    HASH_FIND(hh, s->changes, job, sizeof *job, c);
    if (c && unless_there)
        return;
    if (!c) {
        c = calloc(1, sizeof *c);
        if (!c) {
            s->compare = true; /* the comparison finds it */
            return;
        }
        c->job = *job;
        HASH_ADD(hh, s->changes, job, sizeof c->job, c);
    }
    c->add = add;
}

static void change(struct search *s, const struct digest *job, bool add)
{
    pthread_mutex_lock(&s->lock);
    put_change(s, job, add, false);
    pthread_cond_signal(&s->to_write);
    pthread_mutex_unlock(&s->lock);
}

void search_add(struct search *s, const struct digest *job)
{
    change(s, job, true);
}

void search_drop(struct search *s, const struct digest *job)
{
    change(s, job, false);
}

/* ---- The writer ---- */

static struct transcript *read_transcript(struct results *results, const struct digest *job)
{
    cleanup_close int fd = results_file(results, job, "transcript.json");
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > LARGEST)
        return NULL;
    size_t size = (size_t)st.st_size, have = 0;
    cleanup_free char *text = malloc(size);
    while (text && have < size) {
        ssize_t n = read(fd, text + have, size - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return NULL;
        have += (size_t)n;
    }
    return text ? transcript_from_json(text, size, NULL) : NULL;
}

static int write_change(struct search *s, struct search_db *db, const struct change *c)
{
    if (!c->add)
        return search_db_drop(db, &c->job);
    struct transcript *t = read_transcript(s->config.results, &c->job);
    if (!t)
        return search_db_drop(db, &c->job); /* damaged or gone: the library has it made again, and says so */
    struct search_text text;
    int rc = search_text_make(t, &text);
    if (rc == 0)
        rc = search_db_put(db, &c->job, &text);
    buffer_clear(&text.text);
    buffer_clear(&text.marks);
    transcript_free(t);
    return rc;
}

static int write_batch(struct search *s, struct search_db *db, struct change *batch)
{
    int rc = search_db_begin(db);
    for (struct change *c = batch; c && rc == 0; c = c->hh.next)
        rc = write_change(s, db, c);
    if (rc == 0)
        rc = search_db_commit(db);
    if (rc != 0)
        search_db_rollback(db);
    return rc;
}

struct comparing {
    struct search *search;
    struct change *wanted; /* a set; `add`: it is there already */
};

static void want(void *arg, const struct digest *job)
{
    struct comparing *c = arg;
    struct change *w;
    HASH_FIND(hh, c->wanted, job, sizeof *job, w);
    if (w || !(w = calloc(1, sizeof *w)))
        return;
    w->job = *job;
    HASH_ADD(hh, c->wanted, job, sizeof w->job, w);
}

/* For a moment only, each time: others queue under locks of theirs. */
static void differ(struct search *s, const struct digest *job, bool add)
{
    pthread_mutex_lock(&s->lock);
    put_change(s, job, add, true);
    pthread_mutex_unlock(&s->lock);
}

static int have(void *arg, const struct digest *job)
{
    struct comparing *c = arg;
    struct change *w;
    HASH_FIND(hh, c->wanted, job, sizeof *job, w);
    if (w)
        w->add = true;
    else
        differ(c->search, job, false);
    return atomic_load(&c->search->hurry) ? -ECANCELED : 0;
}

/* What is in the file against what should be: the differences become changes. */
static int compare(struct search *s, struct search_db *db)
{
    struct comparing c = {.search = s};
    s->config.each(s->config.context, want, &c);
    int rc = search_db_each(db, have, &c);
    struct change *w, *next;
    HASH_ITER(hh, c.wanted, w, next)
    {
        HASH_DEL(c.wanted, w);
        if (rc == 0 && !w->add)
            differ(s, &w->job, true);
        free(w);
    }
    return rc;
}

/* Some changes, taken out of the queue. The lock is held. */
static struct change *take_batch(struct search *s)
{
    struct change *batch = NULL, *c, *next;
    int n = 0;
    HASH_ITER(hh, s->changes, c, next)
    {
        if (n++ == BATCH)
            break;
        HASH_DEL(s->changes, c);
        HASH_ADD(hh, batch, job, sizeof c->job, c);
    }
    return batch;
}

/* Back into the queue, unless something newer is there; or away. The lock is held. */
static void put_back(struct search *s, struct change *batch, bool keep)
{
    struct change *c, *next;
    HASH_ITER(hh, batch, c, next)
    {
        HASH_DEL(batch, c);
        if (keep)
            put_change(s, &c->job, c->add, true);
        free(c);
    }
}

/* The lock is held; false: stopping. */
static bool wait_for_changes(struct search *s)
{
    while (!s->stopping && !s->changes && !s->compare && !s->damaged) {
        pthread_cond_broadcast(&s->settled);
        pthread_cond_wait(&s->to_write, &s->lock);
    }
    return !s->stopping;
}

/* The lock is held. */
static void rest(struct search *s)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += AGAIN_S;
    while (!s->stopping && pthread_cond_timedwait(&s->to_write, &s->lock, &until) != ETIMEDOUT) {
    }
}

/* One step of work, without the lock. */
static int work(struct search *s, struct search_db **db, bool comparing, bool anew, struct change *batch)
{
    int rc = 0;
    if (anew && *db) {
        search_db_close(*db);
        *db = NULL;
        search_db_remove(s->path);
    }
    if (!*db)
        rc = search_db_create(s->path, db);
    if (rc == 0 && comparing)
        rc = compare(s, *db);
    return rc == 0 && batch ? write_batch(s, *db, batch) : rc;
}

static void *write_thread(void *arg)
{
    struct search *s = arg;
    struct search_db *db = NULL;
    int told = 0;
    pthread_mutex_lock(&s->lock);
    while (wait_for_changes(s)) {
        bool anew = s->damaged, opening = !db || anew, comparing = s->compare || opening;
        struct change *batch = comparing ? NULL : take_batch(s);
        s->writing = true;
        s->damaged = s->compare = false;
        pthread_mutex_unlock(&s->lock);
        int rc = work(s, &db, comparing, anew, batch);
        if (s->config.trouble && rc != told && rc != -ECANCELED)
            s->config.trouble(s->config.context, rc);
        told = rc;
        pthread_mutex_lock(&s->lock);
        s->generation += opening;
        put_back(s, batch, rc != 0);
        s->writing = false;
        if (rc != 0) {
            s->compare |= comparing;
            s->damaged |= rc == -EUCLEAN;
            rest(s);
        }
    }
    pthread_cond_broadcast(&s->settled);
    pthread_mutex_unlock(&s->lock);
    search_db_close(db);
    return NULL;
}

void search_settle(struct search *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->stopping && (s->changes || s->compare || s->writing || s->damaged))
        pthread_cond_wait(&s->settled, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

/* ---- The answerer ---- */

void search_answer_free(struct search_answer *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < a->found[i].count; k++)
            free(a->found[i].hits[k].text);
        free(a->found[i].hits);
    }
    free(a->found);
    free(a);
}

struct answering {
    struct search *search;
    struct search_answer *answer;
    const struct search_query *query;
    size_t most, room;
    int64_t deadline;
};

static bool time_is_up(void *arg)
{
    const struct answering *a = arg;
    return atomic_load(&a->search->hurry) || monotonic_ms() >= a->deadline;
}

static int add_hits(const struct answering *a, const struct search_match *m, struct search_found *found)
{
    struct search_span *spans;
    size_t count;
    int rc = search_query_find(a->query, m->text, SEARCH_HITS, &spans, &count, &found->more);
    if (rc)
        return rc;
    found->hits = calloc(count + 1, sizeof *found->hits);
    for (size_t i = 0; i < count && found->hits; i++) {
        struct search_hit *hit = &found->hits[i];
        struct buffer text = {0};
        hit->at_ms = search_text_time(m->marks, m->marks_size, spans[i].begin);
        search_text_excerpt(m->text, spans[i].begin, spans[i].end, SEARCH_EXCERPT, &text, &hit->mark, &hit->mark_length);
        hit->text = buffer_take(&text);
        if (!hit->text) {
            rc = -ENOMEM;
            break;
        }
        found->count++;
    }
    free(spans);
    return found->hits ? rc : -ENOMEM;
}

static int add_found(void *arg, const struct search_match *m)
{
    struct answering *a = arg;
    struct search_answer *answer = a->answer;
    if (answer->count == a->most) {
        answer->more = true;
        return 1;
    }
    if (answer->count == a->room) {
        size_t room = a->room ? a->room * 2 : 16;
        struct search_found *more = reallocarray(answer->found, room, sizeof *more);
        if (!more)
            return -ENOMEM;
        answer->found = more;
        a->room = room;
    }
    struct search_found *found = &answer->found[answer->count++];
    *found = (struct search_found){.job = m->job};
    int rc = add_hits(a, m, found);
    return rc ? rc : time_is_up(a) ? -ETIME : 0;
}

static int find(struct search *s, struct search_db **db, const struct question *q, struct answering *a)
{
    struct search_query query;
    int rc = search_query_parse(q->words, &query);
    if (rc == 0 && !*db)
        rc = search_db_open(s->path, db);
    if (rc == 0) {
        a->query = &query;
        search_db_stop_when(*db, time_is_up, a);
        rc = search_db_find(*db, &query, add_found, a);
        search_db_stop_when(*db, NULL, NULL);
    }
    search_query_clear(&query);
    return rc > 0 ? 0 : rc;
}

static struct search_answer *answer(struct search *s, struct search_db **db, const struct question *q, bool building)
{
    struct search_answer *out = calloc(1, sizeof *out);
    if (!out)
        return NULL;
    struct answering a = {
        .search = s, .answer = out, .most = q->most, .deadline = monotonic_ms() + SEARCH_SECONDS * 1000};
    int rc = find(s, db, q, &a);
    out->building = building;
    if (rc == -ETIME) {
        out->late = true;
    } else if (rc == -EUCLEAN || rc == -ENOENT) {
        /* It is being made (anew). */
        out->building = true;
        pthread_mutex_lock(&s->lock);
        s->damaged |= rc == -EUCLEAN;
        pthread_cond_signal(&s->to_write);
        pthread_mutex_unlock(&s->lock);
        search_db_close(*db);
        *db = NULL;
    } else if (rc) {
        out->error = rc;
    }
    return out;
}

static void *answer_thread(void *arg)
{
    struct search *s = arg;
    struct search_db *db = NULL;
    unsigned generation = 0;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->questions && !s->stopping)
            pthread_cond_wait(&s->to_answer, &s->lock);
        struct question *q = s->questions;
        if (!q)
            break;
        DL_DELETE(s->questions, q);
        s->asked--;
        bool anew = generation != s->generation;
        bool building = s->changes || s->compare || s->writing || s->damaged;
        generation = s->generation;
        pthread_mutex_unlock(&s->lock);
        if (anew) {
            search_db_close(db);
            db = NULL;
        }
        q->done(q->to, answer(s, &db, q, building));
        free(q->words);
        free(q);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    search_db_close(db);
    return NULL;
}

int search_ask(struct search *s, const char *words, size_t most, void (*done)(void *to, struct search_answer *answer),
               void *to)
{
    struct question *q = calloc(1, sizeof *q);
    char *copy = strdup(words);
    if (!q || !copy) {
        free(q);
        free(copy);
        return -ENOMEM;
    }
    *q = (struct question){.words = copy, .most = most, .done = done, .to = to};
    pthread_mutex_lock(&s->lock);
    int rc = s->stopping ? -ECANCELED : s->asked >= MOST_ASKED ? -EBUSY : 0;
    if (rc == 0) {
        DL_APPEND(s->questions, q);
        s->asked++;
        pthread_cond_signal(&s->to_answer);
    }
    pthread_mutex_unlock(&s->lock);
    if (rc) {
        free(copy);
        free(q);
    }
    return rc;
}

/* ---- Beginning and end ---- */

static int start_thread(pthread_t *thread, const char *name, void *(*fn)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(thread, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!rc)
        pthread_setname_np(*thread, name);
    return -rc;
}

static void begin_stop(struct search *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    atomic_store(&s->hurry, true);
    pthread_cond_broadcast(&s->to_write);
    pthread_cond_broadcast(&s->to_answer);
    pthread_mutex_unlock(&s->lock);
}

static void clear(struct search *s)
{
    put_back(s, s->changes, false);
    pthread_cond_destroy(&s->to_write);
    pthread_cond_destroy(&s->to_answer);
    pthread_cond_destroy(&s->settled);
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
}

int search_new(const struct search_config *config, struct search **out)
{
    struct search *s = calloc(1, sizeof *s);
    char *path = strdup(config->path);
    if (!s || !path) {
        free(s);
        free(path);
        return -ENOMEM;
    }
    s->config = *config;
    s->path = path;
    s->compare = true;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->to_write, &attributes);
    pthread_cond_init(&s->to_answer, &attributes);
    pthread_cond_init(&s->settled, &attributes);
    pthread_condattr_destroy(&attributes);
    int rc = start_thread(&s->writer, "search-write", write_thread, s);
    if (rc == 0) {
        rc = start_thread(&s->answerer, "search", answer_thread, s);
        if (rc != 0) {
            begin_stop(s);
            pthread_join(s->writer, NULL);
        }
    }
    if (rc != 0) {
        clear(s);
        return rc;
    }
    *out = s;
    return 0;
}

void search_stop(struct search *s)
{
    pthread_mutex_lock(&s->lock);
    bool stopped = s->stopping;
    pthread_mutex_unlock(&s->lock);
    if (stopped)
        return;
    begin_stop(s);
    pthread_join(s->answerer, NULL);
    pthread_join(s->writer, NULL);
}

void search_free(struct search *s)
{
    if (!s)
        return;
    search_stop(s);
    clear(s);
}
