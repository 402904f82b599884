/* Local days. */
#include "backend/base/day.h"

#include <stdbool.h>
#include <time.h>

enum {
    STEP_S = 900,    /* clocks change on quarters of an hour … */
    MOST_STEPS = 200 /* … and a zone that changes sides of the date line leaves out a day */
};

static bool local_time(int64_t at_ms, struct tm *out)
{
    int64_t seconds = at_ms / 1000 - (at_ms % 1000 < 0);
    time_t t = (time_t)seconds;
    return localtime_r(&t, out) != NULL;
}

int day_of(int64_t at_ms)
{
    struct tm tm;
    if (!local_time(at_ms, &tm))
        return 0;
    return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

int day_before(int day)
{
    struct tm tm = {.tm_year = day / 10000 - 1900, .tm_mon = day / 100 % 100 - 1, .tm_mday = day % 100 - 1};
    if (day <= 0 || timegm(&tm) == -1)
        return 0;
    return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

int day_month(int day)
{
    return day / 100;
}

int64_t day_end(int64_t at_ms)
{
    struct tm tm;
    int today = day_of(at_ms);
    if (!local_time(at_ms, &tm))
        return at_ms + INT64_C(86400000);
    struct tm next = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday + 1, .tm_isdst = -1};
    int64_t end_ms = (int64_t)mktime(&next) * 1000;
    /* A midnight that the clocks jump over is no moment: mktime() may name one on either side of it. */
    for (int i = 0; i < MOST_STEPS && (end_ms <= at_ms || day_of(end_ms) == today); i++)
        end_ms += STEP_S * 1000;
    return end_ms;
}

int64_t month_end(int64_t at_ms)
{
    struct tm tm;
    int month = day_month(day_of(at_ms));
    if (!local_time(at_ms, &tm))
        return at_ms + INT64_C(86400000);
    struct tm next = {.tm_year = tm.tm_year, .tm_mon = tm.tm_mon + 1, .tm_mday = 1, .tm_isdst = -1};
    int64_t end_ms = (int64_t)mktime(&next) * 1000;
    for (int i = 0; i < MOST_STEPS && (end_ms <= at_ms || day_month(day_of(end_ms)) == month); i++)
        end_ms += STEP_S * 1000;
    return end_ms;
}
