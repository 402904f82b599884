/* The accounts of what was done and of what was sent to a paid service.
 *
 * Days have only their sums. The attempts themselves are kept while something new may still be learned of
 * them: the same attempt told twice must count once. */
#include "fs/jobs/ledger.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/base/day.h"
#include "backend/transcript.h"
#include "cache/index.h"
#include "cache/results.h"
#include "fs/jobs/payers.h"

#define DAYS(n) ((int64_t)(n)*24 * 3600 * 1000)
#define WINDOW_MS DAYS(62) /* the month, and the one before it if the clock is set back */
#define ATTEMPT_MS DAYS(4) /* a task ends within hours, and its result is there for a day */

struct attempt_key {
    struct digest job;
    int64_t at_ms;
};

struct attempt {
    struct attempt_key key;
    enum charge_kind kind;
    int64_t billed_ms, cost_micro;
    char currency[4];
    const char *folder; /* of payers; NULL: not known yet, or no memory */
    UT_hash_handle hh;
};

struct day_sum {
    int day;
    struct spent spent;
    int64_t done, failed, audio_ms;
    UT_hash_handle hh;
};

struct ledger {
    pthread_mutex_t lock;
    struct index *index;
    struct attempt *attempts;
    struct day_sum *days;
    struct payers payers;
    int tidied; /* the day old attempts were last forgotten on */
};

static void unlock(struct ledger **l)
{
    pthread_mutex_unlock(&(*l)->lock);
}

#define LEDGER_LOCK(l)                                                                                       \
    pthread_mutex_lock(&(l)->lock);                                                                          \
    __attribute__((cleanup(unlock), unused)) struct ledger *_locked = (l)

/* ---- sums ---- */

/* sign -1 takes it back. */
static void count(struct spent *s, const struct attempt *a, int sign)
{
    spent_count(s, a->kind, a->billed_ms, a->cost_micro, a->currency, sign);
}

static void add_up(struct spent *to, const struct spent *s)
{
    to->billed_ms += s->billed_ms;
    to->possible_ms += s->possible_ms;
    to->jobs += s->jobs;
    to->possible_jobs += s->possible_jobs;
    to->estimated_jobs += s->estimated_jobs;
    to->unpriced_jobs += s->unpriced_jobs;
    for (int i = 0; i < SPENT_CURRENCIES; i++)
        spent_add_money(to, s->money[i].currency, s->money[i].micro);
}

static struct day_sum *sum_of(struct ledger *l, int day)
{
    struct day_sum *sum;
    HASH_FIND_INT(l->days, &day, sum);
    if (sum)
        return sum;
    sum = calloc(1, sizeof *sum);
    if (!sum)
        return NULL;
    sum->day = day;
    HASH_ADD_INT(l->days, day, sum);
    return sum;
}

/* ---- attempts ---- */

static struct attempt *attempt_find(struct ledger *l, const struct digest *job, int64_t at_ms)
{
    struct attempt_key key;
    struct attempt *a;
    memset(&key, 0, sizeof key);
    key.job = *job;
    key.at_ms = at_ms;
    HASH_FIND(hh, l->attempts, &key, sizeof key, a);
    return a;
}

static struct attempt *attempt_get(struct ledger *l, const struct digest *job, int64_t at_ms)
{
    struct attempt *a = attempt_find(l, job, at_ms);
    if (a)
        return a;
    a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->key.job = *job;
    a->key.at_ms = at_ms;
    HASH_ADD(hh, l->attempts, key, sizeof a->key, a);
    return a;
}

static void attempt_forget(struct ledger *l, struct attempt *a)
{
    HASH_DEL(l->attempts, a);
    free(a);
}

/* Nothing more is learned of attempts that ended long ago; their sums stay. */
static void tidy(struct ledger *l, int64_t now_ms)
{
    int today = day_of(now_ms);
    if (l->tidied == today)
        return;
    l->tidied = today;
    struct attempt *a, *next;
    HASH_ITER(hh, l->attempts, a, next)
    {
        if (a->key.at_ms < now_ms - ATTEMPT_MS)
            attempt_forget(l, a);
    }
}

static void pay(struct ledger *l, const struct attempt *a, int sign)
{
    struct backend_charge charge = {
        .at_ms = a->key.at_ms, .kind = a->kind, .billed_ms = a->billed_ms, .cost_micro = a->cost_micro};
    memcpy(charge.currency, a->currency, sizeof charge.currency);
    if (a->folder)
        payers_count(&l->payers, a->folder, &charge, sign);
}

/* What is known of the attempt from now on; the folder it began with pays. Without memory it is missing in the sums until the next start. */
static void learn(struct ledger *l, const struct digest *job, int64_t at_ms, const struct attempt *what)
{
    struct day_sum *sum = sum_of(l, day_of(at_ms));
    struct attempt *a = sum ? attempt_get(l, job, at_ms) : NULL;
    if (!a)
        return;
    count(&sum->spent, a, -1);
    pay(l, a, -1);
    if (!a->folder)
        a->folder = payers_folder(&l->payers, what->folder);
    a->kind = what->kind;
    a->billed_ms = what->billed_ms;
    a->cost_micro = what->cost_micro;
    memcpy(a->currency, what->currency, sizeof a->currency);
    count(&sum->spent, a, 1);
    pay(l, a, 1);
}

/* ---- the beginning ---- */

struct loading {
    struct ledger *ledger;
    int64_t since_ms;
};

static int load_charge(void *arg, const struct index_charge *c)
{
    struct loading *loading = arg;
    struct attempt what = {.key.at_ms = c->at_ms,
                           .kind = c->kind,
                           .billed_ms = c->billed_ms,
                           .cost_micro = c->cost_micro,
                           .folder = payers_folder(&loading->ledger->payers, c->folder)};
    if (!what.folder)
        return -ENOMEM;
    snprintf(what.currency, sizeof what.currency, "%s", c->currency);
    if (c->at_ms < loading->since_ms) { /* nothing more is learned of it: its sums are enough */
        struct day_sum *sum = sum_of(loading->ledger, day_of(c->at_ms));
        if (sum)
            count(&sum->spent, &what, 1);
        pay(loading->ledger, &what, 1);
        return sum ? 0 : -ENOMEM;
    }
    learn(loading->ledger, &c->job, c->at_ms, &what);
    return attempt_find(loading->ledger, &c->job, c->at_ms) ? 0 : -ENOMEM;
}

static int load_day(void *arg, const struct index_day *d)
{
    struct day_sum *sum = sum_of(arg, d->day);
    if (!sum)
        return -ENOMEM;
    sum->done = d->done;
    sum->failed = d->failed;
    sum->audio_ms = d->audio_ms;
    return 0;
}

int ledger_new(struct index *index, int64_t now_ms, struct ledger **out)
{
    struct ledger *l = calloc(1, sizeof *l);
    if (!l)
        return -ENOMEM;
    pthread_mutex_init(&l->lock, NULL);
    l->index = index;
    int rc = index_load_charges(index, load_charge, &(struct loading){l, now_ms - WINDOW_MS});
    if (rc == 0)
        rc = index_load_days(index, load_day, l);
    if (rc != 0) {
        ledger_free(l);
        return rc;
    }
    tidy(l, now_ms);
    *out = l;
    return 0;
}

void ledger_free(struct ledger *l)
{
    if (!l)
        return;
    struct attempt *a, *next_a;
    HASH_ITER(hh, l->attempts, a, next_a)
    attempt_forget(l, a);
    struct day_sum *sum, *next;
    HASH_ITER(hh, l->days, sum, next)
    {
        HASH_DEL(l->days, sum);
        free(sum);
    }
    payers_clear(&l->payers);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* ---- what happens ---- */

void ledger_add(struct ledger *l, const char *folder, const struct digest *job, const struct backend_charge *charge)
{
    LEDGER_LOCK(l);
    struct attempt what = {
        .kind = charge->kind, .billed_ms = charge->billed_ms, .cost_micro = charge->cost_micro, .folder = folder};
    snprintf(what.currency, sizeof what.currency, "%s", charge->currency);
    tidy(l, charge->at_ms);
    learn(l, job, charge->at_ms, &what);
    const struct attempt *a = attempt_find(l, job, charge->at_ms);
    if (charge->kind == CHARGE_NONE)
        index_drop_charge(l->index, job, charge->at_ms);
    else
        index_put_charge(l->index, &(struct index_charge){.job = *job,
                                                          .at_ms = charge->at_ms,
                                                          .kind = charge->kind,
                                                          .model = charge->model,
                                                          .billed_ms = charge->billed_ms,
                                                          .cost_micro = charge->cost_micro,
                                                          .currency = charge->currency,
                                                          .folder = a && a->folder ? a->folder : folder});
}

struct paid ledger_paid(struct ledger *l, const char *folder, int day_or_month, const char *currency)
{
    LEDGER_LOCK(l);
    return payers_sum(&l->payers, folder, day_or_month, currency);
}

void ledger_sums(struct ledger *l, int64_t now_ms, struct spent *today, struct spent *month)
{
    LEDGER_LOCK(l);
    int day = day_of(now_ms);
    *today = *month = (struct spent){0};
    const struct day_sum *sum;
    for (sum = l->days; sum; sum = sum->hh.next) {
        if (sum->day == day)
            *today = sum->spent;
        if (day_month(sum->day) == day_month(day))
            add_up(month, &sum->spent);
    }
}

void ledger_finished(struct ledger *l, int64_t now_ms, bool failed, int64_t audio_ms)
{
    LEDGER_LOCK(l);
    struct day_sum *sum = sum_of(l, day_of(now_ms));
    if (!sum)
        return;
    sum->done += !failed;
    sum->failed += failed;
    sum->audio_ms += !failed && audio_ms > 0 ? audio_ms : 0;
    index_put_day(l->index, &(struct index_day){.day = sum->day,
                                                .done = sum->done,
                                                .failed = sum->failed,
                                                .audio_ms = sum->audio_ms});
}

static void add_day(struct report_day *to, const struct day_sum *sum)
{
    to->done += sum->done;
    to->failed += sum->failed;
    to->audio_ms += sum->audio_ms;
    add_up(&to->spent, &sum->spent);
}

void ledger_days(struct ledger *l, int64_t now_ms, struct report_day *days, size_t count, struct report_day *ever)
{
    LEDGER_LOCK(l);
    int day = day_of(now_ms);
    for (size_t i = count; i-- > 0; day = day_before(day)) {
        struct day_sum *sum;
        HASH_FIND_INT(l->days, &day, sum);
        days[i] = (struct report_day){.day = day};
        if (sum)
            add_day(&days[i], sum);
    }
    *ever = (struct report_day){0};
    for (const struct day_sum *sum = l->days; sum; sum = sum->hh.next)
        add_day(ever, sum);
}

/* ---- after a crash ---- */

static struct transcript *read_result(struct results *results, const struct digest *job)
{
    cleanup_close int fd = results_file(results, job, "transcript.json");
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0)
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

struct others {
    bool any, later;
};

/* Of the same job. */
static struct others others_of(const struct ledger *l, const struct attempt *a)
{
    struct others others = {0};
    for (const struct attempt *b = l->attempts; b; b = b->hh.next) {
        if (b == a || b->kind == CHARGE_NONE || memcmp(&b->key.job, &a->key.job, sizeof a->key.job) != 0)
            continue;
        others.any = true;
        others.later |= b->key.at_ms > a->key.at_ms;
    }
    return others;
}

/* The next attempt in doubt after *at that is the last of its job, and so the one that came to the result if
 * there is one. False: no more. */
static bool next_in_doubt(struct ledger *l, bool first, struct attempt_key *at, struct attempt *out,
                          bool *alone)
{
    LEDGER_LOCK(l);
    const struct attempt *a = first ? l->attempts : attempt_find(l, &at->job, at->at_ms);
    for (a = !first && a ? a->hh.next : a; a; a = a->hh.next) {
        struct others others = a->kind == CHARGE_POSSIBLE ? others_of(l, a) : (struct others){.later = true};
        if (others.later)
            continue;
        *at = a->key;
        *out = *a;
        *alone = !others.any;
        return true;
    }
    return false;
}

void ledger_recover(struct ledger *l, struct results *results,
                    void (*fn)(void *arg, const struct digest *job, const struct backend_charge *charge),
                    void *arg)
{
    struct attempt_key at;
    struct attempt a;
    bool alone;
    for (bool first = true; next_in_doubt(l, first, &at, &a, &alone); first = false) {
        struct transcript *t = read_result(results, &at.job);
        if (!t)
            continue;
        struct backend_charge charge = {.at_ms = at.at_ms,
                                        .kind = CHARGE_ESTIMATED,
                                        .model = t->model ? t->model : "",
                                        .billed_ms = a.billed_ms,
                                        .cost_micro = a.cost_micro};
        memcpy(charge.currency, a.currency, sizeof charge.currency);
        if (alone) { /* what the transcript says is of this attempt and no other */
            charge.kind = t->billed_estimated ? CHARGE_ESTIMATED : CHARGE_BILLED;
            charge.billed_ms = t->billed_ms;
            charge.cost_micro = t->cost_micro;
            memcpy(charge.currency, t->currency, sizeof charge.currency);
        }
        ledger_add(l, a.folder ? a.folder : "", &at.job, &charge);
        fn(arg, &at.job, &charge);
        transcript_free(t);
    }
}
