/* What was spent at a paid service, and how people are told. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"

struct buffer;
struct wording;

#define SPENT_CURRENCIES 3 /* one for each region a person is likely to have used in a month */

struct spent_money {
    char currency[4]; /* ISO 4217; "": not used */
    int64_t micro;    /* millionths of it */
};

/* A day's or a month's. */
struct spent {
    int64_t billed_ms;   /* audio that was billed */
    int64_t possible_ms; /* audio of which that is not known: under way, or failed after it was sent */
    int jobs, possible_jobs;
    int estimated_jobs; /* of `jobs`: the service did not say how much it billed */
    int unpriced_jobs;  /* of `jobs`: the price is not known, so `money` lacks them */
    struct spent_money money[SPENT_CURRENCIES];
};

/* All that is known about spending. */
struct spending_report {
    struct spent today, month;
    int64_t limit_ms, month_limit_ms;       /* of audio, a day and a month; 0: none */
    int64_t limit_micro, month_limit_micro; /* of money; 0: none */
    char currency[4];                       /* of that */
    int64_t held_until; /* wall clock, ms: nothing is sent before, the limit is reached; 0: it is not */
    bool held_for_month; /* it is the limit of the month */
    size_t to_confirm;   /* recordings that wait until somebody confirms them … */
    int64_t confirm_ms, confirm_micro; /* … and what they cost at most */
    char confirm_currency[4];          /* "": no price is known */
};

/* One recording's. */
struct spent_item {
    int64_t billed_ms, cost_micro, possible_ms;
    char currency[4]; /* "": the price is not known */
    bool estimated;
    bool possible; /* an attempt was sent of which nothing is known; its length, and so possible_ms, may not
                      be known either */
};

/* Adds what an attempt cost; sign -1 takes it back. */
void spent_count(struct spent *s, enum charge_kind kind, int64_t billed_ms, int64_t cost_micro, const char *currency,
                 int sign);
void spent_add_money(struct spent *s, const char *currency, int64_t micro);
/* "0.00088 CNY": at least two digits after the point, at most six. */
void spent_put_money(const char *currency, int64_t micro, struct buffer *out);
/* "0.07", "12.5", "110": minutes, as fine as it matters. */
void spent_put_minutes(int64_t ms, struct buffer *out);
/* Something to say? Then a line without its end: "12.5 of 60 minutes today (0.17 CNY), 110 minutes this month
 * (1.45 CNY)". */
bool spent_is_any(const struct spending_report *report);
void spent_put_report(const struct wording *w, const struct spending_report *report, struct buffer *out);
/* "4 s billed, 0.00088 CNY"; nothing for what cost nothing. */
void spent_put_item(const struct wording *w, const struct spent_item *item, struct buffer *out);
