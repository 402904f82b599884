/* Request limits. */
#include "tests/emulator/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/reply.h"

enum { SECOND = 1000, MINUTE = 60000 };

void limits_reset(struct limits *l)
{
    limits_free(l);
}

void limits_free(struct limits *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->at[i].name);
        free(l->at[i].times);
    }
    free(l->at);
    *l = (struct limits){0};
}

static struct window *find(const struct limits *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->at[i].name, name))
            return &l->at[i];
    return NULL;
}

static int64_t time_at(const struct window *w, size_t i)
{
    return w->times[(w->first + i) % w->capacity];
}

static void push(struct window *w, int64_t now)
{
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? w->capacity * 2 : 64;
        int64_t *times = xcalloc(capacity, sizeof *times);
        for (size_t i = 0; i < w->count; i++)
            times[i] = time_at(w, i);
        free(w->times);
        w->times = times;
        w->first = 0;
        w->capacity = capacity;
    }
    w->times[(w->first + w->count++) % w->capacity] = now;
}

bool limits_take(struct limits *l, const char *name, int64_t span_ms, int64_t limit)
{
    struct window *w = find(l, name);
    if (!w) {
        l->at = xgrow(l->at, l->count + 1, &l->capacity, sizeof *l->at);
        w = &l->at[l->count++];
        *w = (struct window){.name = xstrdup(name)};
    }
    int64_t now = clock_mono_ms();
    while (w->count && time_at(w, 0) <= now - span_ms) {
        w->first = (w->first + 1) % w->capacity;
        w->count--;
    }
    if ((int64_t)w->count >= limit)
        return false;
    push(w, now);
    return true;
}

size_t limits_seen(const struct limits *l, const char *name, int64_t span_ms)
{
    const struct window *w = find(l, name);
    size_t n = 0;
    int64_t now = clock_mono_ms();
    for (size_t i = 0; w && i < w->count; i++)
        n += time_at(w, i) > now - span_ms;
    return n;
}

static bool refuse_rate(const struct request *r, struct reply *a, const char *group)
{
    emu_lock(r->emu);
    record_add(&r->emu->record, "throttled", group, 1);
    emu_unlock(r->emu);
    refuse(r, a, REFUSE_RATE);
    return false;
}

bool limits_submit(struct request *r, struct reply *a, const struct model *m)
{
    int64_t rpm = r->region == REGION_SINGAPORE ? m->rpm_singapore : m->rpm;
    int64_t per_second = m->per_second;
    if (r->config.submit_rpm) {
        rpm = r->config.submit_rpm;
        per_second = 0;
    }
    if (rpm > 0 && r->config.submit_burst)
        per_second = rpm / 60 ? rpm / 60 : 1;
    char minute[160], second[160];
    snprintf(minute, sizeof minute, "submit/%s/%s", r->account, m->name);
    snprintf(second, sizeof second, "submit-second/%s/%s", r->account, m->name);
    struct emulator *emu = r->emu;
    emu_lock(emu);
    bool allowed = per_second <= 0 || limits_take(&emu->limits, second, SECOND, per_second);
    allowed = allowed && (rpm <= 0 || limits_take(&emu->limits, minute, MINUTE, rpm));
    if (allowed && m->in_process && rpm >= 0)
        allowed = tasks_in_process(&emu->tasks, r->account, m) < (size_t)m->in_process;
    emu_unlock(emu);
    return allowed || refuse_rate(r, a, "submit");
}

bool limits_query(struct request *r, struct reply *a)
{
    struct emulator *emu = r->emu;
    char all[64], name[64];
    snprintf(all, sizeof all, "arrived/%s/%s", r->endpoint, r->account);
    snprintf(name, sizeof name, "%s/%s", r->endpoint, r->account);
    emu_lock(emu);
    limits_take(&emu->limits, all, SECOND, INT64_MAX);
    record_peak(&emu->record, "peak_per_second", r->endpoint,
                (int64_t)limits_seen(&emu->limits, all, SECOND));
    bool allowed = r->config.query_qps <= 0 || limits_take(&emu->limits, name, SECOND, r->config.query_qps);
    emu_unlock(emu);
    return allowed || refuse_rate(r, a, r->endpoint);
}

bool limits_policy(struct request *r, struct reply *a)
{
    char name[160];
    snprintf(name, sizeof name, "policy/%s/%s", r->account, r->model ? r->model : "");
    emu_lock(r->emu);
    bool allowed =
        r->config.policy_qps <= 0 || limits_take(&r->emu->limits, name, SECOND, r->config.policy_qps);
    emu_unlock(r->emu);
    return allowed || refuse_rate(r, a, "policy");
}
