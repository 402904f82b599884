/* Drops. */
#include "fs/jobs/drops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "backend/base/cleanup.h"

#define AGAIN_MS 1000 /* how soon it is looked again whether more comes */

struct member {
    struct digest job, content;
    struct drop *drop;
    char *folder;
    int64_t ms, micro, most_ms, since_ms;
    int64_t seen_ms; /* the limit of its folder when it was looked at last */
    char currency[4];
    struct member *prev, *next;
    UT_hash_handle hh;
};

struct drop {
    char *top;
    bool held;
    int64_t last_ms;    /* when the last one arrived */
    int64_t held_ms;
    int64_t deleted_ms; /* its text was deleted then; 0: it was not */
    bool losing;        /* recordings went after that */
    struct member *members;
    struct drop *next;
};

struct known {
    struct digest content;
    UT_hash_handle hh;
};

struct drops {
    struct drops_config config;
    struct drop *drops;
    struct member *members; /* by job */
    struct known *known;
};

int drops_new(const struct drops_config *config, struct drops **out)
{
    struct drops *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->config = *config;
    *out = d;
    return 0;
}

static struct member *find(const struct drops *d, const struct digest *job)
{
    struct member *m;
    HASH_FIND(hh, d->members, job, sizeof *job, m);
    return m;
}

static bool is_known(const struct drops *d, const struct digest *content)
{
    struct known *k;
    HASH_FIND(hh, d->known, content, sizeof *content, k);
    return k != NULL;
}

void drops_remember(struct drops *d, const struct digest *content)
{
    struct known *k = is_known(d, content) ? NULL : calloc(1, sizeof *k);
    if (!k)
        return; /* without memory it is asked for again */
    k->content = *content;
    HASH_ADD(hh, d->known, content, sizeof k->content, k);
}

bool drops_knows(const struct drops *d, const struct digest *job, const struct digest *content)
{
    return find(d, job) || is_known(d, content);
}

static void drop_free(struct drops *d, struct drop *drop)
{
    LL_DELETE(d->drops, drop);
    free(drop->top);
    free(drop);
}

static void leave(struct member *m)
{
    if (!m->drop)
        return;
    m->drop->losing |= m->drop->deleted_ms != 0;
    DL_DELETE(m->drop->members, m);
    m->drop = NULL;
}

static void member_free(struct drops *d, struct member *m)
{
    leave(m);
    HASH_DEL(d->members, m);
    free(m->folder);
    free(m);
}

static void let_go(struct drops *d, struct member *m)
{
    const struct digest job = m->job, content = m->content;
    DL_DELETE(m->drop->members, m);
    m->drop = NULL;
    member_free(d, m);
    drops_remember(d, &content);
    d->config.go(d->config.context, &job, &content);
}

void drops_free(struct drops *d)
{
    struct member *m, *next_m;
    if (!d)
        return;
    HASH_ITER(hh, d->members, m, next_m)
    member_free(d, m);
    while (d->drops)
        drop_free(d, d->drops);
    struct known *k, *next;
    HASH_ITER(hh, d->known, k, next)
    {
        HASH_DEL(d->known, k);
        free(k);
    }
    free(d);
}

bool drops_empty(const struct drops *d)
{
    return !d->drops;
}

/* ---- which drop ---- */

static bool is_top_of(const char *top, const char *folder)
{
    size_t len = strcspn(folder, "/");
    return strlen(top) == len && memcmp(top, folder, len) == 0;
}

static struct drop *drop_of(struct drops *d, const char *folder, int64_t now_ms)
{
    struct drop *drop;
    LL_FOREACH(d->drops, drop)
    {
        if (is_top_of(drop->top, folder))
            return drop;
    }
    drop = calloc(1, sizeof *drop);
    if (!drop)
        return NULL;
    drop->top = strndup(folder, strcspn(folder, "/"));
    if (!drop->top) {
        free(drop);
        return NULL;
    }
    drop->last_ms = now_ms;
    LL_PREPEND(d->drops, drop);
    return drop;
}

static void hold(struct drops *d, struct drop *drop, int64_t now_ms)
{
    const struct member *m;
    if (drop->held)
        return;
    drop->held = true;
    drop->held_ms = now_ms;
    DL_FOREACH(drop->members, m)
    d->config.hold(d->config.context, &m->job);
}

/* The lowest limit of its recordings holds for all of them. */
static void weigh(struct drops *d, struct drop *drop, int64_t now_ms)
{
    int64_t sum = 0, most = INT64_MAX;
    const struct member *m;
    DL_FOREACH(drop->members, m)
    {
        sum += m->ms;
        most = m->most_ms < most ? m->most_ms : most;
    }
    if (sum > most)
        hold(d, drop, now_ms);
}

/* False without memory. A recording that is held stays so wherever it is moved. */
static bool join(struct drops *d, struct member *m, const char *folder, int64_t now_ms)
{
    if (m->drop && strcmp(m->folder, folder) == 0)
        return true;
    char *copy = strdup(folder);
    if (!copy)
        return false;
    free(m->folder);
    m->folder = copy;
    if (m->drop && is_top_of(m->drop->top, folder))
        return true;
    bool held = m->drop && m->drop->held;
    struct drop *drop = drop_of(d, folder, now_ms);
    if (!drop)
        return false;
    leave(m);
    m->drop = drop;
    DL_APPEND(drop->members, m);
    drop->last_ms = now_ms;
    if (held)
        hold(d, drop, now_ms);
    else if (drop->held)
        d->config.hold(d->config.context, &m->job);
    return true;
}

/* ---- questions ---- */

enum drop_answer drops_ask(struct drops *d, const struct drop_question *q, int64_t now_ms)
{
    struct member *m = find(d, &q->job);
    if (q->most_ms <= 0 || is_known(d, &q->content)) {
        if (m)
            member_free(d, m);
        return DROP_GO;
    }
    if (!m) {
        m = calloc(1, sizeof *m);
        if (!m)
            return DROP_HELD; /* nothing is sent that might not be wanted */
        m->job = q->job;
        m->since_ms = now_ms;
        HASH_ADD(hh, d->members, job, sizeof m->job, m);
    }
    m->content = q->content;
    m->ms = q->ms;
    m->micro = q->micro;
    m->most_ms = m->seen_ms = q->most_ms;
    memcpy(m->currency, q->currency, sizeof m->currency);
    if (!join(d, m, q->folder, now_ms)) {
        if (!m->drop)
            member_free(d, m);
        return DROP_HELD;
    }
    if (q->was_held)
        hold(d, m->drop, now_ms);
    weigh(d, m->drop, now_ms);
    return m->drop->held ? DROP_HELD : DROP_WAIT;
}

bool drops_confirm(struct drops *d, const struct digest *job)
{
    struct member *m = find(d, job);
    if (!m)
        return false;
    let_go(d, m);
    return true;
}

void drops_deleted(struct drops *d, const char *top, int64_t now_ms)
{
    struct drop *drop;
    LL_FOREACH(d->drops, drop)
    {
        if (!drop->held || strcmp(drop->top, top) != 0)
            continue;
        drop->deleted_ms = now_ms;
        drop->losing = false;
    }
}

/* ---- time ---- */

/* Somebody has set another limit: what was held by the one before is weighed anew. */
static void limit(struct drops *d, struct member *m)
{
    int64_t most_ms = d->config.most_ms(d->config.context, m->folder);
    if (most_ms == m->seen_ms)
        return;
    m->most_ms = m->seen_ms = most_ms;
    m->drop->held = false;
    if (most_ms <= 0)
        let_go(d, m);
}

/* Where the recordings are by now, and what holds there. The limit of another folder than the one it was put in starts
 * nothing. */
static void follow(struct drops *d, int64_t now_ms)
{
    struct member *m, *next;
    struct drop *drop;
    HASH_ITER(hh, d->members, m, next)
    {
        cleanup_free char *folder = d->config.folder_of(d->config.context, &m->job);
        if (!folder) {
            member_free(d, m);
        } else if (is_known(d, &m->content)) {
            let_go(d, m); /* by another job */
        } else if (strcmp(folder, m->folder) == 0) {
            limit(d, m);
        } else if (join(d, m, folder, now_ms)) {
            m->seen_ms = d->config.most_ms(d->config.context, folder);
            m->most_ms = m->seen_ms > 0 ? m->seen_ms : m->most_ms;
        }
    }
    LL_FOREACH(d->drops, drop)
    weigh(d, drop, now_ms);
}

static void let_all_go(struct drops *d, struct drop *drop, int64_t until_ms)
{
    struct member *m, *next;
    DL_FOREACH_SAFE(drop->members, m, next)
    {
        if (m->since_ms <= until_ms)
            let_go(d, m);
    }
}

/* The text was deleted a while ago. What arrived after that, nobody has read of: it is a drop of its own. */
static void decide(struct drops *d, struct drop *drop, int64_t now_ms)
{
    int64_t deleted_ms = drop->deleted_ms;
    bool confirmed = !drop->losing;
    drop->deleted_ms = 0;
    drop->losing = false;
    if (!confirmed)
        return;
    let_all_go(d, drop, deleted_ms);
    drop->held = false;
    weigh(d, drop, now_ms);
}

/* When to look at it again, or 0. */
static int64_t look_at(struct drops *d, struct drop *drop, int64_t now_ms)
{
    if (drop->deleted_ms > now_ms) /* somebody set the clock back */
        drop->deleted_ms = now_ms;
    if (drop->deleted_ms && now_ms >= drop->deleted_ms + d->config.grace_ms)
        decide(d, drop, now_ms);
    if (drop->deleted_ms)
        return drop->deleted_ms + d->config.grace_ms;
    if (drop->held || !drop->members)
        return 0;
    if (now_ms < drop->last_ms)
        drop->last_ms = now_ms;
    if (now_ms < drop->last_ms + d->config.window_ms)
        return drop->last_ms + d->config.window_ms;
    if (d->config.more_comes(d->config.context, drop->top))
        return now_ms + AGAIN_MS;
    let_all_go(d, drop, INT64_MAX);
    return 0;
}

int64_t drops_look(struct drops *d, int64_t now_ms)
{
    int64_t first_ms = 0;
    struct drop *drop, *next;
    follow(d, now_ms);
    LL_FOREACH_SAFE(d->drops, drop, next)
    {
        int64_t due_ms = look_at(d, drop, now_ms);
        if (due_ms && (!first_ms || due_ms < first_ms))
            first_ms = due_ms;
        if (!drop->members)
            drop_free(d, drop);
    }
    return first_ms;
}

void drops_each(struct drops *d, void (*fn)(void *context, const struct drop_sum *sum), void *context)
{
    const struct drop *drop;
    LL_FOREACH(d->drops, drop)
    {
        const struct member *m;
        struct drop_sum sum = {.top = drop->top, .since_ms = drop->held_ms, .hidden = drop->deleted_ms != 0};
        if (!drop->held || !drop->members)
            continue;
        DL_FOREACH(drop->members, m)
        {
            sum.count++;
            sum.ms += m->ms;
            if (!sum.currency[0])
                memcpy(sum.currency, m->currency, sizeof sum.currency);
            if (m->currency[0] && strcmp(m->currency, sum.currency) == 0)
                sum.micro += m->micro;
            else
                sum.unpriced++;
        }
        fn(context, &sum);
    }
}
