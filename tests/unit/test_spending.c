/* backend/base/day.h, backend/price.h and fs/jobs/spending.h: local days, prices, and the limits of days and
 * months, of all and of folders. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backend/base/day.h"
#include "backend/backend.h"
#include "backend/price.h"
#include "fs/inbox/limits.h"
#include "fs/jobs/spending.h"
#include "fs/library.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MINUTES(n) ((int64_t)(n)*60000)
#define HOURS(n) MINUTES((n)*60)

/* As POSIX writes them, so that no time zone files are needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define AT_MIDNIGHT "BRT3BRST,M10.3.0/0,M2.3.0/0"            /* Brazil until 2018: no midnight in October */
#define AFTER_MIDNIGHT "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01" /* Newfoundland until 2011: a day begins twice  \
                                                              */

static void live_in(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

/* "2026-10-25 01:30" of UTC */
static int64_t utc(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%d %H:%M", &tm);
    assert_true(end && !*end);
    return (int64_t)timegm(&tm) * 1000;
}

/* ---- days ---- */

static void days_follow_the_clocks_of_the_zone(void **state)
{
    (void)state;
    static const struct {
        const char *what, *zone, *at;
        int day;
        const char *end;
    } cases[] = {
        {"an ordinary day", BERLIN, "2026-11-22 12:00", 20261122, "2026-11-22 23:00"},
        {"its first moment", BERLIN, "2026-11-21 23:00", 20261122, "2026-11-22 23:00"},
        {"its last minute", BERLIN, "2026-11-22 22:59", 20261122, "2026-11-22 23:00"},
        {"the last of a year", BERLIN, "2026-12-31 12:00", 20261231, "2026-12-31 23:00"},
        {"a leap day", "UTC0", "2028-02-29 12:00", 20280229, "2028-03-01 00:00"},
        {"23 hours", BERLIN, "2026-03-28 23:30", 20260329, "2026-03-29 22:00"},
        {"25 hours", BERLIN, "2026-10-24 22:30", 20261025, "2026-10-25 23:00"},
        {"a midnight that is left out", AT_MIDNIGHT, "2026-10-17 20:00", 20261017, "2026-10-18 03:00"},
        {"an hour before midnight that comes twice", AT_MIDNIGHT, "2026-02-15 01:30", 20260214,
         "2026-02-15 03:00"},
        {"its second time", AT_MIDNIGHT, "2026-02-15 02:30", 20260214, "2026-02-15 03:00"},
        {"before 1970", "UTC0", "1969-12-31 23:59", 19691231, "1970-01-01 00:00"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        live_in(cases[i].zone);
        int64_t at = utc(cases[i].at), end = day_end(at);
        if (day_of(at) != cases[i].day || end != utc(cases[i].end))
            fail_msg("%s: %d, which ends %d minutes later", cases[i].what, day_of(at),
                     (int)((end - at) / 60000));
    }
    assert_int_equal(day_month(20261122), 202611);
}

static void a_day_ends_in_another_day(void **state)
{
    (void)state;
    static const char *const zones[] = {"UTC0", BERLIN, AT_MIDNIGHT, AFTER_MIDNIGHT};
    for (size_t z = 0; z < COUNT(zones); z++) {
        live_in(zones[z]);
        for (int64_t at = utc("2026-01-01 00:00"); at < utc("2027-01-01 00:00"); at += MINUTES(17)) {
            int64_t end = day_end(at);
            if (end <= at || end - at > HOURS(25) || day_of(end) == day_of(at))
                fail_msg("%s: %d minutes after the year began, %d", zones[z],
                         (int)((at - utc("2026-01-01 00:00")) / 60000), (int)((end - at) / 60000));
        }
    }
}

/* ---- prices ---- */

static void what_can_be_billed_is_every_begun_second_of_every_channel(void **state)
{
    (void)state;
    static const struct {
        int64_t duration_ms;
        int channels;
        int64_t longest_ms;
    } cases[] = {
        {0, 1, 0},       {-1, 2, 0},         {1, 1, 1000},      {1000, 1, 1000},
        {1001, 1, 2000}, {59999, 2, 120000}, {60000, 0, 60000}, {HOURS(12), 8, HOURS(96)},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(price_longest_ms(cases[i].duration_ms, cases[i].channels), cases[i].longest_ms);
}

static void prices_are_those_of_the_list(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        enum region region;
        int64_t billed_ms, cost_micro; /* -1: not known */
    } cases[] = {
        {"fun-asr", REGION_BEIJING, 0, 0},
        {"fun-asr", REGION_BEIJING, 1000, 220},
        {"fun-asr", REGION_BEIJING, 4380, 964}, /* 963.6 */
        {"fun-asr", REGION_BEIJING, 2, 0},
        {"fun-asr", REGION_BEIJING, 3, 1},
        {"fun-asr", REGION_BEIJING, HOURS(1), 792000},
        {"fun-asr-mtl", REGION_SINGAPORE, HOURS(1), 126000},
        {"paraformer-v2", REGION_BEIJING, HOURS(12), 3456000},
        {"paraformer-v2", REGION_SINGAPORE, 1000, -1}, /* not offered there */
        {"qwen3-asr-flash", REGION_BEIJING, 1000, 220},
        {"qwen3-asr-flash-filetrans", REGION_SINGAPORE, 1000, 35},
        {"qwen3-asr-flash-us", REGION_US, 300000, 10500},
        {"fun-asr-flash-2026-06-15", REGION_BEIJING, 1000, -1},
        {"fun-asr", REGION_BEIJING, INT64_C(1) << 53, INT64_C(1981583836043018)},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t cost = -1;
        bool known = price_cost(catalogue_find(cases[i].model), cases[i].region, cases[i].billed_ms, &cost);
        if (known != (cases[i].cost_micro >= 0) || cost != cases[i].cost_micro)
            fail_msg("%s, %lld ms: %lld", cases[i].model, (long long)cases[i].billed_ms, (long long)cost);
    }
}

static void speech_alone_is_billed_by_two_families(void **state)
{
    (void)state;
    assert_true(price_is_of_speech(catalogue_find("fun-asr")));
    assert_true(price_is_of_speech(catalogue_find("paraformer-8k-v1")));
    assert_false(price_is_of_speech(catalogue_find("qwen3-asr-flash-filetrans")));
    assert_false(price_is_of_speech(catalogue_find("qwen3-asr-flash")));
    assert_false(price_is_of_speech(catalogue_find("fun-asr-flash-2026-06-15")));
}

/* ---- the limit ---- */

/* The accounts: what was sent, by day and folder; and the limits of folders. */
struct accounts {
    struct {
        const char *folder;
        int day;
        struct amount amount;
    } paid[8];
    const struct rule {
        const char *folder; /* NULL: no more */
        struct limits limits;
    } *rules;
};

static struct amount sent(void *context, const char *folder, int period)
{
    const struct accounts *a = context;
    struct amount sum = {0};
    for (size_t i = 0; i < COUNT(a->paid) && a->paid[i].day; i++) {
        int day = a->paid[i].day;
        if ((day != period && day_month(day) != period) || !path_is_below(a->paid[i].folder, folder))
            continue;
        sum.ms += a->paid[i].amount.ms;
        sum.micro += a->paid[i].amount.micro;
    }
    return sum;
}

/* The nearest above holds. */
static struct limits limits_in(void *context, const char *folder)
{
    const struct accounts *a = context;
    struct limits limits = {0};
    for (const struct rule *r = a->rules; r->folder; r++)
        if (path_is_below(folder, r->folder))
            limits = r->limits;
    return limits;
}

static void book(struct accounts *a, const char *folder, int day, const struct amount *amount)
{
    size_t i = 0;
    while (i < COUNT(a->paid) && a->paid[i].day)
        i++;
    assert_true(i < COUNT(a->paid));
    a->paid[i].folder = folder;
    a->paid[i].day = day;
    a->paid[i].amount = *amount;
}

enum { STEPS = 8, LIMIT = 60 };
enum verdict { SPENDING_FINE, SPENDING_LATER, SPENDING_NEVER };

/* One recording asks; `then` says what becomes of it. A minute costs 0.01. */
struct step {
    const char *at; /* NULL: no more steps */
    int need;       /* minutes */
    enum verdict verdict;
    enum { GOES_ON, IS_SENT, GIVES_UP } then;
};

/* The same in a folder, and what it is told. */
struct folder_step {
    struct step step;
    const char *folder; /* NULL: "" */
    const char *code;   /* of a refusal; NULL: any */
    const char *until;  /* the same */
};

static const struct {
    const char *what, *zone;
    struct step steps[STEPS];
} days[] = {
    {"up to the limit, and not a minute more",
     "UTC0",
     {{"2026-11-22 08:00", 40, SPENDING_FINE, IS_SENT},
      {"2026-11-22 09:00", 20, SPENDING_FINE, IS_SENT},
      {"2026-11-22 10:00", 1, SPENDING_LATER, GOES_ON},
      {"2026-11-23 00:00", 1, SPENDING_FINE, IS_SENT}}},
    {"what is under way counts",
     "UTC0",
     {{"2026-11-22 08:00", 40, SPENDING_FINE, GOES_ON}, {"2026-11-22 08:00", 30, SPENDING_LATER, GOES_ON}}},
    {"what was given up does not",
     "UTC0",
     {{"2026-11-22 08:00", 40, SPENDING_FINE, GIVES_UP}, {"2026-11-22 08:00", 60, SPENDING_FINE, GOES_ON}}},
    {"a smaller one does not overtake",
     "UTC0",
     {{"2026-11-22 08:00", 40, SPENDING_FINE, IS_SENT},
      {"2026-11-22 09:00", 30, SPENDING_LATER, GOES_ON},
      {"2026-11-22 10:00", 5, SPENDING_LATER, GOES_ON},
      {"2026-11-23 00:00", 30, SPENDING_FINE, IS_SENT},
      {"2026-11-23 00:00", 5, SPENDING_FINE, IS_SENT}}},
    {"longer than the limit is never sent, and holds up nobody",
     "UTC0",
     {{"2026-11-22 08:00", 61, SPENDING_NEVER, GOES_ON},
      {"2026-11-22 08:00", 60, SPENDING_FINE, IS_SENT},
      {"2026-11-22 08:00", 61, SPENDING_NEVER, GOES_ON}}},
    {"a length that is not known goes while anything is left",
     "UTC0",
     {{"2026-11-22 08:00", 59, SPENDING_FINE, IS_SENT},
      {"2026-11-22 08:00", 0, SPENDING_FINE, IS_SENT},
      {"2026-11-22 08:00", 1, SPENDING_FINE, IS_SENT},
      {"2026-11-22 08:00", 0, SPENDING_LATER, GOES_ON}}},
    {"sent after midnight, it counts for the day it was reserved on",
     "UTC0",
     {{"2026-11-22 23:59", 60, SPENDING_FINE, GOES_ON},
      {"2026-11-23 00:01", 60, SPENDING_FINE, IS_SENT},
      {"2026-11-23 00:02", 1, SPENDING_LATER, GOES_ON}}},
    {"the limit of a day of 25 hours is no larger",
     BERLIN,
     {{"2026-10-24 22:10", 30, SPENDING_FINE, IS_SENT},   /* 00:10 */
      {"2026-10-25 00:30", 20, SPENDING_FINE, IS_SENT},   /* 02:30 for the first time */
      {"2026-10-25 01:30", 10, SPENDING_FINE, IS_SENT},   /* 02:30 for the second time */
      {"2026-10-25 22:59", 1, SPENDING_LATER, GOES_ON},   /* 23:59 */
      {"2026-10-25 23:00", 60, SPENDING_FINE, IS_SENT}}}, /* 00:00 */
    {"the day of 23 hours has its limit as well",
     BERLIN,
     {{"2026-03-28 22:59", 60, SPENDING_FINE, IS_SENT},
      {"2026-03-28 23:00", 60, SPENDING_FINE, IS_SENT},
      {"2026-03-29 21:59", 1, SPENDING_LATER, GOES_ON},
      {"2026-03-29 22:00", 60, SPENDING_FINE, IS_SENT}}},
    {"a day that begins twice has one limit",
     AFTER_MIDNIGHT,
     {{"2026-11-01 02:29", 60, SPENDING_FINE, IS_SENT}, /* 23:59 on 31 October */
      {"2026-11-01 02:30", 40, SPENDING_FINE, IS_SENT}, /* 00:00 on 1 November, for a minute */
      {"2026-11-01 02:31", 1, SPENDING_LATER, GOES_ON}, /* 23:01 on 31 October again */
      {"2026-11-01 03:30", 20, SPENDING_FINE, IS_SENT}, /* 00:00 on 1 November again */
      {"2026-11-01 12:00", 1, SPENDING_LATER, GOES_ON}}},
    {"the clock set back by hours neither frees nor takes anything",
     "UTC0",
     {{"2026-11-22 20:00", 50, SPENDING_FINE, IS_SENT},
      {"2026-11-22 08:00", 20, SPENDING_LATER, GOES_ON},
      {"2026-11-22 20:00", 10, SPENDING_LATER, GOES_ON}}},
    {"a wrong date, put right: each day has its limit once",
     "UTC0",
     {{"2026-11-22 08:00", 60, SPENDING_FINE, IS_SENT},
      {"2026-11-23 08:00", 40, SPENDING_FINE, IS_SENT}, /* a day ahead, wrongly */
      {"2026-11-22 09:00", 1, SPENDING_LATER, GOES_ON}, /* put right */
      {"2026-11-23 09:00", 20, SPENDING_FINE, IS_SENT}, /* the real day */
      {"2026-11-23 10:00", 1, SPENDING_LATER, GOES_ON}}},
    {"a full day in the future stops nobody today",
     "UTC0",
     {{"2027-11-22 08:00", 60, SPENDING_FINE, IS_SENT},
      {"2027-11-22 08:00", 1, SPENDING_LATER, GOES_ON},
      {"2026-11-22 08:00", 60, SPENDING_FINE, IS_SENT}}},
};

static void check_step(const char *what, int number, const struct folder_step *step, bool fine,
                       const struct refusal *why)
{
    enum verdict got = fine ? SPENDING_FINE : why->until_ms ? SPENDING_LATER : SPENDING_NEVER;
    if (got != step->step.verdict)
        fail_msg("%s: step %d: %d", what, number, (int)got);
    if (!fine && step->code && strcmp(step->code, why->error.code) != 0)
        fail_msg("%s: step %d: %s (%s)", what, number, why->error.code, why->error.detail);
    if (step->until)
        assert_int_equal(why->until_ms, utc(step->until));
}

static void go(const char *what, const struct folder_step *steps, const struct rule *rules)
{
    struct accounts accounts = {.rules = rules};
    struct reservation reservations[STEPS] = {0};
    struct spending s = {.sent = sent, .limits = limits_in, .context = &accounts};
    for (int k = 0; k < STEPS && steps[k].step.at; k++) {
        const struct step *step = &steps[k].step;
        const char *folder = steps[k].folder ? steps[k].folder : "";
        struct amount amount = {MINUTES(step->need), (int64_t)step->need * 10000};
        struct refusal why;
        int64_t now = utc(step->at);
        bool fine = spending_reserve(&s, folder, now, &amount, &reservations[k], &why);
        check_step(what, k + 1, &steps[k], fine, &why);
        free(why.folder);
        assert_int_equal(reservations[k].of != NULL, fine);
        if (step->then == IS_SENT) {
            spending_sent(&reservations[k], &amount);
            book(&accounts, folder, day_of(now), &amount);
        }
        if (step->then != GOES_ON)
            spending_release(&reservations[k]);
    }
    for (int k = 0; k < STEPS; k++)
        spending_release(&reservations[k]);
    assert_null(s.reservations);
    spending_clear(&s);
}

static void every_date_has_its_limit_once(void **state)
{
    (void)state;
    static const struct rule rules[] = {{"", {.minutes_per_day = LIMIT}}, {0}};
    for (size_t i = 0; i < COUNT(days); i++) {
        struct folder_step steps[STEPS] = {0};
        for (size_t k = 0; k < STEPS; k++)
            steps[k].step = days[i].steps[k];
        live_in(days[i].zone);
        go(days[i].what, steps, rules);
    }
}

static const struct {
    const char *what;
    struct rule rules[4];
    struct folder_step steps[STEPS];
} limited[] = {
    {"a month is used up: until the next",
     {{"", {.minutes_per_month = 60}}},
     {{.step = {"2026-11-02 08:00", 40, SPENDING_FINE, IS_SENT}},
      {.step = {"2026-11-29 08:00", 30, SPENDING_LATER, GOES_ON}, .code = "limit.month", .until = "2026-12-01 00:00"},
      {.step = {"2026-11-30 23:59", 5, SPENDING_LATER, GOES_ON}, .code = "limit.month", .until = "2026-12-01 00:00"},
      {.step = {"2026-12-01 00:00", 60, SPENDING_FINE, IS_SENT}},
      {.step = {"2026-12-31 08:00", 1, SPENDING_LATER, GOES_ON}, .code = "limit.month", .until = "2027-01-01 00:00"}}},
    {"of a day and a month the one that lasts longer is told",
     {{"", {.minutes_per_day = 50, .minutes_per_month = 60}}},
     {{.step = {"2026-11-02 08:00", 40, SPENDING_FINE, IS_SENT}},
      {.step = {"2026-11-02 09:00", 15, SPENDING_LATER, GOES_ON}, .code = "limit.day", .until = "2026-11-03 00:00"},
      {.step = {"2026-11-02 09:00", 30, SPENDING_LATER, GOES_ON}, .code = "limit.month", .until = "2026-12-01 00:00"},
      {.step = {"2026-11-03 09:00", 20, SPENDING_LATER, GOES_ON}, .code = "limit.month", .until = "2026-12-01 00:00"}}},
    {"money",
     {{"", {.cost_per_day = 0.5, .cost_per_month = 0.8}}},
     {{.step = {"2026-11-02 08:00", 51, SPENDING_NEVER, GOES_ON}, .code = "limit.size"},
      {.step = {"2026-11-02 08:00", 50, SPENDING_FINE, IS_SENT}},
      {.step = {"2026-11-02 08:00", 1, SPENDING_LATER, GOES_ON}, .code = "limit.day_cost", .until = "2026-11-03 00:00"},
      {.step = {"2026-11-03 00:00", 31, SPENDING_LATER, GOES_ON}, .code = "limit.month_cost", .until = "2026-12-01 00:00"}}},
    {"longer than the limit of a month or of a folder",
     {{"", {.minutes_per_month = 60}}, {"a", {.minutes_per_day = 10}}},
     {{.step = {"2026-11-02 08:00", 61, SPENDING_NEVER, GOES_ON}, .code = "limit.size"},
      {.step = {"2026-11-02 08:00", 11, SPENDING_NEVER, GOES_ON}, .folder = "a", .code = "limit.size"},
      {.step = {"2026-11-02 08:00", 10, SPENDING_FINE, IS_SENT}, .folder = "a"},
      {.step = {"2026-11-02 08:00", 50, SPENDING_FINE, IS_SENT}}}},
    {"a folder's limit is that of all below it, and of nobody else",
     {{"", {.minutes_per_day = 60}}, {"a", {.minutes_per_day = 20}}, {"a/b", {.minutes_per_day = 10}}},
     {{.step = {"2026-11-02 08:00", 30, SPENDING_FINE, GOES_ON}, .folder = "ab"},
      {.step = {"2026-11-02 08:00", 10, SPENDING_FINE, IS_SENT}, .folder = "a/b"},
      {.step = {"2026-11-02 08:00", 1, SPENDING_LATER, GOES_ON}, .folder = "a/b/c", .code = "limit.folder_day", .until = "2026-11-03 00:00"},
      {.step = {"2026-11-02 08:00", 10, SPENDING_FINE, GOES_ON}, .folder = "a/d"},
      {.step = {"2026-11-02 08:00", 1, SPENDING_LATER, GOES_ON}, .folder = "a", .code = "limit.folder_day"},
      {.step = {"2026-11-02 08:00", 11, SPENDING_LATER, GOES_ON}, .folder = "c", .code = "limit.day"},
      {.step = {"2026-11-02 08:00", 1, SPENDING_LATER, GOES_ON}, .folder = "", .code = "limit.day"}}},
};

static void months_money_and_folders_are_limited_as_well(void **state)
{
    (void)state;
    live_in("UTC0");
    for (size_t i = 0; i < COUNT(limited); i++)
        go(limited[i].what, limited[i].steps, limited[i].rules);
}

/* The parts of a long recording are sent one by one. */
static void what_is_sent_is_no_longer_reserved(void **state)
{
    (void)state;
    static const struct rule rules[] = {{"", {.minutes_per_day = LIMIT}}, {0}};
    struct accounts accounts = {.rules = rules};
    struct spending s = {.sent = sent, .limits = limits_in, .context = &accounts};
    struct reservation whole = {0}, other = {0};
    struct refusal why;
    const struct amount all = {.ms = MINUTES(40)}, part = {.ms = MINUTES(25)}, rest = {.ms = MINUTES(20)};
    int64_t now = utc("2026-11-22 08:00");
    live_in("UTC0");
    assert_true(spending_reserve(&s, "", now, &all, &whole, &why));
    spending_sent(&whole, &part);
    book(&accounts, "", 20261122, &part);
    spending_sent(&whole, &part); /* parts have something in common */
    book(&accounts, "", 20261122, &(struct amount){.ms = MINUTES(15)});
    assert_true(spending_reserve(&s, "", now, &rest, &other, &why));
    spending_release(&whole);
    spending_release(&other);
}

static void what_has_no_price_counts_as_the_dearest(void **state)
{
    (void)state;
    const struct spending s = {.currency = "CNY", .micro_per_second = 300};
    struct backend_charge c = {.billed_ms = 10000, .cost_micro = 5, .currency = "CNY"};
    assert_int_equal(spending_amount(&s, &c).micro, 5);
    assert_int_equal(spending_amount(&s, &c).ms, 10000);
    strcpy(c.currency, "USD");
    assert_int_equal(spending_amount(&s, &c).micro, 3000);
    strcpy(c.currency, "");
    assert_int_equal(spending_amount(&s, &c).micro, 3000);
    for (enum region region = 0; region < REGION_COUNT; region++)
        for (const struct model *m = catalogue_all(); m->name; m++)
            assert_true(m->price[region] <= price_dearest(region));
    assert_true(price_dearest(REGION_BEIJING) > 0);
}

static void a_folder_only_lowers(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        double minutes, cost; /* afterwards, where 10 and 1 were; 0: it is refused */
    } cases[] = {
        {"minutes_per_day", "5", 5, 0},   {"minutes_per_day", "20", 10, 0}, {"minutes_per_day", "0", 0, 0},
        {"minutes_per_day", "-1", 0, 0},  {"minutes_per_day", "2.5", 0, 0}, {"minutes_per_day", "five", 0, 0},
        {"cost_per_month", "0.25", 0, 0.25}, {"cost_per_month", "3", 0, 1}, {"cost_per_month", "nan", 0, 0},
        {"cost_per_month", "1e9", 0, 0},  {"cost_per_month", "", 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct limits l = {.minutes_per_day = 10, .cost_per_month = 1};
        struct error err = {0};
        int rc = limits_lower(&l, cases[i].key, cases[i].value, &err);
        bool refused = !cases[i].minutes && !cases[i].cost;
        if (rc != (refused ? -EINVAL : 0))
            fail_msg("%s=%s: %d", cases[i].key, cases[i].value, rc);
        assert_int_equal(l.minutes_per_day, cases[i].minutes > 0 ? (int64_t)cases[i].minutes : 10);
        assert_true(l.cost_per_month == (cases[i].cost > 0 ? cases[i].cost : 1));
    }
    struct limits none = {0};
    assert_int_equal(limits_lower(&none, "minutes_per_month", "300", NULL), 0);
    assert_int_equal(none.minutes_per_month, 300);
    assert_int_equal(limits_lower(&none, "minutes_per_year", "300", NULL), -ENOENT);
}

static void without_a_limit_everything_goes(void **state)
{
    (void)state;
    static const struct rule none[] = {{0}};
    struct accounts accounts = {.rules = none};
    struct reservation r = {0};
    struct refusal why;
    struct spending s = {.sent = sent, .limits = limits_in, .context = &accounts};
    const struct amount much = {.ms = HOURS(1000)}, unknown = {0};
    live_in("UTC0");
    assert_true(spending_reserve(&s, "", utc("2026-11-22 08:00"), &much, &r, &why));
    assert_true(spending_reserve(&s, "", utc("2026-11-22 08:00"), &unknown, &r, &why)); /* anew */
    assert_ptr_equal(s.reservations, &r);
    spending_release(&r);
    spending_release(&r);
    assert_null(s.reservations);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_follow_the_clocks_of_the_zone),
        cmocka_unit_test(a_day_ends_in_another_day),
        cmocka_unit_test(what_can_be_billed_is_every_begun_second_of_every_channel),
        cmocka_unit_test(prices_are_those_of_the_list),
        cmocka_unit_test(speech_alone_is_billed_by_two_families),
        cmocka_unit_test(every_date_has_its_limit_once),
        cmocka_unit_test(months_money_and_folders_are_limited_as_well),
        cmocka_unit_test(what_is_sent_is_no_longer_reserved),
        cmocka_unit_test(what_has_no_price_counts_as_the_dearest),
        cmocka_unit_test(a_folder_only_lowers),
        cmocka_unit_test(without_a_limit_everything_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
