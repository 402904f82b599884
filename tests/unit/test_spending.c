/* backend/base/day.h, backend/price.h and backend/dashscope/spending.h: local days, prices, and the limit of
 * a day. */
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
#include "backend/dashscope/spending.h"
#include "backend/price.h"

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

/* The accounts: what was sent, by day. */
struct accounts {
    struct {
        int day;
        int64_t ms;
    } days[8];
};

static int64_t sent_ms(void *context, int day)
{
    const struct accounts *a = context;
    for (size_t i = 0; i < COUNT(a->days); i++)
        if (a->days[i].day == day)
            return a->days[i].ms;
    return 0;
}

static void book(struct accounts *a, int day, int64_t ms)
{
    size_t i = 0;
    while (a->days[i].day && a->days[i].day != day)
        i++;
    assert_true(i < COUNT(a->days));
    a->days[i].day = day;
    a->days[i].ms += ms;
}

enum { STEPS = 8, LIMIT = 60 };

/* One recording asks; `then` says what becomes of it. */
struct step {
    const char *at; /* NULL: no more steps */
    int need;       /* minutes */
    enum spending_verdict verdict;
    enum { GOES_ON, IS_SENT, GIVES_UP } then;
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

static void every_date_has_its_limit_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(days); i++) {
        struct accounts accounts = {0};
        struct reservation reservations[STEPS] = {0};
        struct spending s = {.limit_ms = MINUTES(LIMIT), .sent_ms = sent_ms, .context = &accounts};
        live_in(days[i].zone);
        for (int k = 0; k < STEPS && days[i].steps[k].at; k++) {
            const struct step *step = &days[i].steps[k];
            int64_t now = utc(step->at);
            enum spending_verdict got = spending_reserve(&s, now, MINUTES(step->need), &reservations[k]);
            if (got != step->verdict)
                fail_msg("%s: step %d: %d", days[i].what, k + 1, (int)got);
            assert_int_equal(reservations[k].of != NULL, got == SPENDING_FINE);
            if (step->then != GOES_ON)
                spending_release(&reservations[k]);
            if (step->then == IS_SENT)
                book(&accounts, day_of(now), MINUTES(step->need));
        }
        for (int k = 0; k < STEPS; k++)
            spending_release(&reservations[k]);
        assert_null(s.reservations);
    }
}

static void without_a_limit_everything_goes(void **state)
{
    (void)state;
    struct reservation r = {0};
    struct spending s = {0};
    live_in("UTC0");
    assert_int_equal(spending_reserve(&s, utc("2026-11-22 08:00"), HOURS(1000), &r), SPENDING_FINE);
    assert_int_equal(spending_reserve(&s, utc("2026-11-22 08:00"), 0, &r), SPENDING_FINE); /* anew */
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
        cmocka_unit_test(without_a_limit_everything_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
