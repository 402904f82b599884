/* fs/jobs/ledger.h and the charges of cache/index.h: sums of days and months, what a crash leaves, and what
 * the words for it are. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "backend/backend.h"
#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "cache/results.h"
#include "fs/control_spent.h"
#include "fs/jobs/ledger.h"
#include "tests/unit/index_support.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int set_up_utc(void **state)
{
    setenv("TZ", "UTC0", 1);
    tzset();
    return set_up(state);
}

/* "2026-11-22 08:00" */
static int64_t at(const char *text)
{
    struct tm tm = {0};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
    return (int64_t)timegm(&tm) * 1000;
}

#define NOW "2026-11-22 12:00"

static struct ledger *open_ledger(struct index *ix)
{
    struct ledger *l;
    assert_int_equal(ledger_new(ix, at(NOW), &l), 0);
    return l;
}

static struct backend_charge charge_of(const char *when, enum charge_kind kind, int seconds,
                                       const char *currency)
{
    struct backend_charge c = {.at_ms = at(when), .kind = kind, .model = "fun-asr"};
    c.billed_ms = kind == CHARGE_NONE ? 0 : seconds * 1000;
    c.cost_micro = kind == CHARGE_NONE || !*currency ? 0 : seconds * 220;
    snprintf(c.currency, sizeof c.currency, "%s", kind == CHARGE_NONE ? "" : currency);
    return c;
}

static void add(struct ledger *l, uint32_t job, const char *when, enum charge_kind kind, int seconds,
                const char *currency)
{
    struct digest key = digest_of(job);
    struct backend_charge c = charge_of(when, kind, seconds, currency);
    ledger_add(l, "", &key, &c);
}

/* ---- the index ---- */

struct read_back {
    struct buffer text;
    size_t count;
};

static int write_row(void *arg, const struct index_charge *c)
{
    struct read_back *back = arg;
    uint32_t job;
    memcpy(&job, c->job.bytes, sizeof job);
    back->count++;
    buffer_printf(&back->text, "%u %lld %d %s %lld %lld %s\n", job, (long long)c->at_ms, (int)c->kind,
                  c->model, (long long)c->billed_ms, (long long)c->cost_micro, c->currency);
    return 0;
}

static char *charges_of(struct index *ix)
{
    struct read_back back = {0};
    buffer_puts(&back.text, "");
    assert_int_equal(index_load_charges(ix, write_row, &back), 0);
    return buffer_take(&back.text);
}

static void charges_stay_when_their_job_goes(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    struct index_job job = job_of(1);
    struct index_charge c = {.job = job.key,
                             .at_ms = 1000,
                             .kind = CHARGE_POSSIBLE,
                             .model = "fun-asr",
                             .billed_ms = 5000,
                             .cost_micro = 1100,
                             .currency = "CNY"};
    index_put_job(f->index, &job);
    index_put_charge(f->index, &c);
    c.at_ms = 2000;
    index_put_charge(f->index, &c);
    c.kind = CHARGE_BILLED;
    c.billed_ms = 4000;
    c.cost_micro = 880;
    index_put_charge(f->index, &c); /* more is known of the same attempt */
    c.at_ms = 3000;
    c.currency = "";
    index_put_charge(f->index, &c);
    index_drop_charge(f->index, &job.key, 3000);
    index_drop_charge(f->index, &job.key, 4000); /* it is not there: fine */
    index_drop_job(f->index, &job.key);
    close_index(f);
    open_index(f);
    assert_int_equal(jobs_loaded(f->index), 0);
    cleanup_free char *rows = charges_of(f->index);
    assert_string_equal(rows, "1 1000 1 fun-asr 5000 1100 CNY\n"
                              "1 2000 3 fun-asr 4000 880 CNY\n");
}

static void attempts_of_one_job_that_wait_together_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    enum { ATTEMPTS = 500 };
    open_index(f);
    sqlite3 *lock = open_outside(f->path);
    run_sql(lock, "BEGIN IMMEDIATE");
    for (int i = 0; i < ATTEMPTS; i++)
        index_put_charge(f->index, &(struct index_charge){.job = digest_of(1),
                                                          .at_ms = i,
                                                          .kind = CHARGE_BILLED,
                                                          .model = "m",
                                                          .currency = ""});
    run_sql(lock, "COMMIT");
    sqlite3_close(lock);
    flush(f->index);
    assert_int_equal(count_rows(f->path, "charges"), ATTEMPTS);
}

static void rows_of_nonsense_are_passed_over(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    struct index_charge c = {
        .job = digest_of(7), .at_ms = 1, .kind = CHARGE_BILLED, .model = "m", .currency = "USD"};
    index_put_charge(f->index, &c);
    close_index(f);
    sqlite3 *db = open_outside(f->path);
    run_sql(db, "INSERT INTO charges VALUES (zeroblob(32), 1, 3, 'm', -5, 0, 'CNY', X'');"
                "INSERT INTO charges VALUES (zeroblob(32), 2, 3, 'm', 5, -1, 'CNY', X'');"
                "INSERT INTO charges VALUES (zeroblob(32), 3, 3, CAST(X'6d006d' AS TEXT), 5, 1, 'CNY', X'');");
    sqlite3_close(db);
    open_index(f);
    cleanup_free char *rows = charges_of(f->index);
    assert_string_equal(rows, "7 1 3 m 0 0 USD\n");
}

/* ---- sums ---- */

static const struct {
    const char *what;
    struct {
        uint32_t job; /* 0: no more */
        const char *when;
        enum charge_kind kind;
        int seconds;
        const char *currency;
    } told[6];
    const char *words;
} sums[] = {
    {"nothing", {{0}}, "0.00 minutes today, 0.00 minutes this month"},
    {"one that is under way",
     {{1, "2026-11-22 08:00", CHARGE_POSSIBLE, 90, "CNY"}},
     "0.00 minutes today and 1.50 under way or perhaps billed, 0.00 minutes this month"},
    {"one that was billed",
     {{1, "2026-11-22 08:00", CHARGE_POSSIBLE, 90, "CNY"}, {1, "2026-11-22 08:00", CHARGE_BILLED, 60, "CNY"}},
     "1.00 minutes today (0.0132 CNY), 1.00 minutes this month (0.0132 CNY)"},
    {"the same, told twice",
     {{1, "2026-11-22 08:00", CHARGE_BILLED, 60, "CNY"}, {1, "2026-11-22 08:00", CHARGE_BILLED, 60, "CNY"}},
     "1.00 minutes today (0.0132 CNY), 1.00 minutes this month (0.0132 CNY)"},
    {"one that was certainly not billed",
     {{1, "2026-11-22 08:00", CHARGE_POSSIBLE, 90, "CNY"}, {1, "2026-11-22 08:00", CHARGE_NONE, 0, ""}},
     "0.00 minutes today, 0.00 minutes this month"},
    {"two attempts of a job, of which the first failed",
     {{1, "2026-11-22 08:00", CHARGE_POSSIBLE, 60, "CNY"},
      {1, "2026-11-22 09:00", CHARGE_POSSIBLE, 60, "CNY"},
      {1, "2026-11-22 09:00", CHARGE_BILLED, 60, "CNY"}},
     "1.00 minutes today (0.0132 CNY) and 1.00 under way or perhaps billed, 1.00 minutes this month (0.0132 "
     "CNY)"},
    {"days and months are those of the calendar",
     {{1, "2026-10-31 23:59", CHARGE_BILLED, 60, "CNY"},
      {2, "2026-11-01 00:00", CHARGE_BILLED, 60, "CNY"},
      {3, "2026-11-21 23:59", CHARGE_BILLED, 60, "CNY"},
      {4, "2026-11-22 00:00", CHARGE_BILLED, 60, "CNY"},
      {5, "2026-11-22 23:59", CHARGE_BILLED, 60, "CNY"},
      {6, "2026-11-23 00:00", CHARGE_BILLED, 60, "CNY"}},
     "2.00 minutes today (0.0264 CNY), 5.00 minutes this month (0.066 CNY)"},
    {"several currencies, estimates, no price",
     {{1, "2026-11-22 08:00", CHARGE_BILLED, 60, "CNY"},
      {2, "2026-11-22 08:00", CHARGE_ESTIMATED, 60, "USD"},
      {3, "2026-11-22 08:00", CHARGE_BILLED, 60, ""}},
     "3.00 minutes today (about 0.0132 CNY and 0.0132 USD, the price of 1 not known), "
     "3.00 minutes this month (about 0.0132 CNY and 0.0132 USD, the price of 1 not known)"},
    {"no price at all",
     {{3, "2026-11-22 08:00", CHARGE_BILLED, 720, ""}},
     "12.0 minutes today (the price of 1 not known), 12.0 minutes this month (the price of 1 not known)"},
    {"a recording without speech costs nothing",
     {{1, "2026-11-22 08:00", CHARGE_BILLED, 0, "CNY"}},
     "0.00 minutes today (0.00 CNY), 0.00 minutes this month (0.00 CNY)"},
};

static char *words_of(struct ledger *l)
{
    struct spending_report report = {0};
    struct buffer out = {0};
    ledger_sums(l, at(NOW), &report.today, &report.month);
    spent_put_report(NULL, &report, &out);
    return buffer_take(&out);
}

static void sums_are_right_at_once_and_after_a_restart(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(sums); i++) {
        open_index(f);
        struct ledger *l = open_ledger(f->index);
        for (size_t k = 0; k < COUNT(sums[i].told) && sums[i].told[k].job; k++)
            add(l, sums[i].told[k].job, sums[i].told[k].when, sums[i].told[k].kind, sums[i].told[k].seconds,
                sums[i].told[k].currency);
        cleanup_free char *now = words_of(l);
        ledger_free(l);
        close_index(f);
        open_index(f);
        l = open_ledger(f->index);
        cleanup_free char *later = words_of(l);
        ledger_free(l);
        close_index(f);
        if (strcmp(now, sums[i].words) != 0 || strcmp(later, sums[i].words) != 0)
            fail_msg("%s: %s; after a restart: %s", sums[i].what, now, later);
        assert_int_equal(unlink(f->path), 0);
    }
}

/* A job that goes on after a restart settles what was begun before it. */
static void an_attempt_counts_once_whatever_comes_between(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    struct ledger *l = open_ledger(f->index);
    add(l, 1, "2026-11-21 23:50", CHARGE_POSSIBLE, 90, "CNY");
    add(l, 2, "2026-11-22 08:00", CHARGE_BILLED, 60, "CNY");
    ledger_free(l);
    close_index(f);
    open_index(f);
    l = open_ledger(f->index);
    assert_int_equal(ledger_paid(l, "", 20261121, "CNY").ms, 90000);
    add(l, 1, "2026-11-21 23:50", CHARGE_BILLED, 60, "CNY");
    add(l, 2, "2026-11-22 08:00", CHARGE_BILLED, 60, "CNY"); /* its result was not stored before the crash */
    assert_int_equal(ledger_paid(l, "", 20261121, "CNY").ms, 60000);
    assert_int_equal(ledger_paid(l, "", 20261122, "CNY").ms, 60000);
    assert_int_equal(ledger_paid(l, "", 20261123, "CNY").ms, 0);
    ledger_free(l);
}

static void what_was_long_ago_is_summed_up_and_no_more(void **state)
{
    struct fixture *f = *state;
    open_index(f);
    struct ledger *l = open_ledger(f->index);
    add(l, 1, "2026-08-22 08:00", CHARGE_BILLED, 60, "CNY");
    add(l, 2, "2026-10-22 08:00", CHARGE_BILLED, 60, "CNY");
    ledger_free(l);
    flush(f->index);
    l = open_ledger(f->index);
    assert_int_equal(ledger_paid(l, "", 20260822, "CNY").ms, 60000);
    struct report_day days[3], ever;
    ledger_days(l, at("2026-10-22 08:00"), days, 3, &ever);
    assert_int_equal(days[2].spent.billed_ms, 60000);
    assert_int_equal(ever.spent.billed_ms, 120000);
    assert_int_equal(ledger_paid(l, "", 20261022, "CNY").ms, 60000);
    ledger_free(l);
    assert_int_equal(count_rows(f->path, "charges"), 2);
}

static void pays(struct ledger *l, const char *folder, uint32_t job, const char *when, enum charge_kind kind,
                 int seconds, const char *currency)
{
    struct digest key = digest_of(job);
    struct backend_charge c = charge_of(when, kind, seconds, currency);
    ledger_add(l, folder, &key, &c);
}

static const struct {
    const char *folder;
    int period;
    int seconds, priced; /* priced: of those, in CNY */
} payments[] = {
    {"", 20261122, 127, 63},    {"", 202611, 255, 191}, {"", 20261123, 0, 0},
    {"a", 20261122, 7, 3},      {"a", 202611, 135, 131}, {"a/b", 20261122, 2, 2}, {"a/b", 202611, 2, 2},
    {"ab", 20261122, 24, 24},  {"c", 20261122, 96, 36}, {"a/b/c", 202611, 0, 0},
};

static void each_folder_pays_for_what_is_in_it(void **state)
{
    struct fixture *f = *state;
    for (int restart = 0; restart < 2; restart++) {
        open_index(f);
        struct ledger *l = open_ledger(f->index);
        if (!restart) {
            pays(l, "a", 1, "2026-11-22 08:00", CHARGE_BILLED, 1, "CNY");
            pays(l, "a/b", 2, "2026-11-22 08:00", CHARGE_POSSIBLE, 2, "CNY"); /* it may have been billed */
            pays(l, "a", 3, "2026-11-22 08:00", CHARGE_BILLED, 4, "");
            pays(l, "ab", 4, "2026-11-22 08:00", CHARGE_POSSIBLE, 30, "CNY");
            pays(l, "moved", 4, "2026-11-22 08:00", CHARGE_ESTIMATED, 24, "CNY"); /* who was told first pays */
            pays(l, "c", 5, "2026-11-22 08:00", CHARGE_BILLED, 36, "CNY");
            pays(l, "c", 6, "2026-11-22 08:00", CHARGE_BILLED, 60, "USD");
            pays(l, "c", 7, "2026-11-22 08:00", CHARGE_POSSIBLE, 9, "CNY");
            pays(l, "c", 7, "2026-11-22 08:00", CHARGE_NONE, 9, "CNY");
            pays(l, "a", 8, "2026-11-01 00:00", CHARGE_BILLED, 128, "CNY");
            pays(l, "a", 9, "2026-10-31 23:59", CHARGE_BILLED, 256, "CNY");
        }
        for (size_t i = 0; i < COUNT(payments); i++) {
            struct paid paid = ledger_paid(l, payments[i].folder, payments[i].period, "CNY");
            int rest = payments[i].seconds - payments[i].priced;
            if (paid.ms != payments[i].seconds * 1000 || paid.micro != payments[i].priced * 220 ||
                paid.unpriced_ms != rest * 1000)
                fail_msg("%s, %d: %lld ms, %lld, %lld ms without a price", payments[i].folder, payments[i].period,
                         (long long)paid.ms, (long long)paid.micro, (long long)paid.unpriced_ms);
        }
        ledger_free(l);
        close_index(f);
    }
}

/* ---- a crash between the result and the accounts ---- */

static void store_result_of(struct results *r, uint32_t job, int seconds)
{
    struct digest key = digest_of(job);
    struct transcript *t = transcript_new();
    cleanup_buffer struct buffer text = {0};
    struct result_writer *w;
    assert_non_null(t);
    t->billed_ms = seconds * 1000;
    t->cost_micro = seconds * 220;
    strcpy(t->currency, "CNY");
    assert_int_equal(transcript_to_json(t, &text), 0);
    assert_int_equal(results_begin(r, &key, &w), 0);
    assert_int_equal(result_add(w, "transcript.json", text.data, text.len), 0);
    assert_int_equal(result_commit(w), 0);
    transcript_free(t);
}

static void on_recovered(void *arg, const struct digest *job, const struct backend_charge *charge)
{
    struct digest first = digest_of(1);
    assert_int_equal(charge->kind, memcmp(job, &first, sizeof first) == 0 ? CHARGE_BILLED : CHARGE_ESTIMATED);
    ++*(int *)arg;
}

static void a_result_tells_what_the_accounts_missed(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *path = scratch_join(f->scratch, "results");
    struct results *results;
    int recovered = 0;
    assert_int_equal(results_open(path, &results), 0);
    store_result_of(results, 1, 60); /* the crash came before the accounts knew */
    store_result_of(results, 3, 60); /* an attempt that failed, and one that did not */
    store_result_of(results, 4, 60); /* two parts, of which one was known */
    open_index(f);
    struct ledger *l = open_ledger(f->index);
    add(l, 1, "2026-11-22 08:00", CHARGE_POSSIBLE, 90, "CNY");
    add(l, 2, "2026-11-22 08:00", CHARGE_POSSIBLE, 30, "CNY"); /* no result: it goes on */
    add(l, 3, "2026-11-22 08:00", CHARGE_POSSIBLE, 30, "CNY");
    add(l, 3, "2026-11-22 09:00", CHARGE_BILLED, 60, "CNY");
    add(l, 4, "2026-11-22 10:00", CHARGE_BILLED, 30, "CNY");
    add(l, 4, "2026-11-22 10:01", CHARGE_POSSIBLE, 36, "CNY");
    ledger_recover(l, results, on_recovered, &recovered);
    assert_int_equal(recovered, 2);
    ledger_recover(l, results, on_recovered, &recovered);
    assert_int_equal(recovered, 2);
    cleanup_free char *words = words_of(l);
    assert_string_equal(words, "3.10 minutes today (about 0.04092 CNY) and 1.00 under way or perhaps billed, "
                               "3.10 minutes this month (about 0.04092 CNY)");
    flush(f->index);
    cleanup_free char *rows = charges_of(f->index);
    assert_non_null(strstr(rows, " 3  60000 13200 CNY")); /* the transcript names no model */
    ledger_free(l);
    results_close(results);
}

/* ---- words ---- */

static void words_for_a_recording(void **state)
{
    (void)state;
    static const struct {
        struct spent_item item;
        const char *words;
    } cases[] = {
        {{0}, ""},
        {{.possible_ms = 5000, .possible = true}, ""},
        {{.billed_ms = 4000, .cost_micro = 880, .currency = "CNY"}, "4 s billed, 0.00088 CNY"},
        {{.billed_ms = 4001, .cost_micro = 1450000, .currency = "USD", .estimated = true},
         "about 5 s billed, 1.45 USD"},
        {{.billed_ms = 4000}, "4 s billed"},
        {{.billed_ms = 3600000, .cost_micro = 123000000, .currency = "CNY"}, "3600 s billed, 123.00 CNY"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_buffer struct buffer out = {0};
        buffer_puts(&out, "");
        spent_put_item(NULL, &cases[i].item, &out);
        assert_string_equal(out.data, cases[i].words);
    }
}

static void words_for_the_limit(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = {0};
    struct spending_report report = {.limit_ms = 3600000};
    assert_true(spent_is_any(&report));
    spent_put_report(NULL, &report, &out);
    assert_string_equal(out.data, "0.00 of 60 minutes today, 0.00 minutes this month");
    buffer_clear(&out);
    report.held_until = at(NOW);
    spent_put_report(NULL, &report, &out);
    assert_non_null(strstr(out.data, "; the limit of the day is reached, the others wait for tomorrow"));
    assert_false(spent_is_any(&(struct spending_report){0}));
}

/* ---- JSON ---- */

static void json_comes_back(void **state)
{
    (void)state;
    static const struct spending_report full = {
        .today = {.billed_ms = 1,
                  .possible_ms = 2,
                  .jobs = 3,
                  .possible_jobs = 4,
                  .estimated_jobs = 1,
                  .unpriced_jobs = 2,
                  .money = {{"CNY", 880}, {"USD", 35}}},
        .month = {.billed_ms = INT64_C(1) << 50, .jobs = 70, .money = {{"EUR", 1}, {"CNY", 2}, {"USD", 3}}},
        .limit_ms = 60000,
        .month_limit_ms = 3600000,
        .limit_micro = 5000000,
        .month_limit_micro = 50000000,
        .currency = "CNY",
        .held_for_month = true,
        .held_until = INT64_C(1795000000000),
    };
    struct spending_report back;
    cJSON *o = cJSON_CreateObject();
    assert_true(json_add_spending(o, &full));
    assert_true(json_read_spending(o, &back));
    assert_memory_equal(&back, &full, sizeof full);
    cJSON_Delete(o);

    o = cJSON_CreateObject();
    assert_true(json_add_spending(o, NULL));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "spending")));
    assert_false(json_read_spending(o, &back));
    cJSON_Delete(o);

    static const struct spent_item items[] = {
        {0},
        {.billed_ms = 4000, .cost_micro = 880, .currency = "CNY"},
        {.billed_ms = 4000, .estimated = true},
        {.possible_ms = 5000, .possible = true, .currency = "USD"},
        {.possible = true},
    };
    for (size_t i = 0; i < COUNT(items); i++) {
        struct spent_item item;
        o = cJSON_CreateObject();
        assert_true(json_add_cost(o, &items[i]));
        assert_int_equal(cJSON_HasObjectItem(o, "cost"), i > 0);
        json_read_cost(o, &item);
        assert_int_equal(item.billed_ms, items[i].billed_ms);
        assert_int_equal(item.cost_micro, items[i].cost_micro);
        assert_int_equal(item.possible_ms, items[i].possible_ms);
        assert_int_equal(item.possible, items[i].possible);
        assert_int_equal(item.estimated, items[i].estimated);
        assert_string_equal(item.currency, items[i].currency);
        cJSON_Delete(o);
    }
}

static void json_of_nonsense_is_nothing(void **state)
{
    (void)state;
    struct spending_report report;
    struct spent_item item;
    cJSON *o = cJSON_Parse("{\"spending\":{\"today\":5,\"month\":{\"jobs\":1e12,\"billed_ms\":-4,\"costs\":"
                           "[{\"currency\":\"YUAN\"},1,{},{},{\"cost_micro\":5}]},\"limit_ms\":\"x\"},"
                           "\"cost\":{\"billed_ms\":1e300,\"currency\":5}}");
    assert_true(json_read_spending(o, &report));
    assert_int_equal(report.month.jobs, INT32_MAX);
    assert_int_equal(report.month.billed_ms, 0);
    assert_string_equal(report.month.money[0].currency, "");
    assert_int_equal(report.limit_ms, 0);
    json_read_cost(o, &item);
    assert_int_equal(item.billed_ms, 0);
    assert_string_equal(item.currency, "");
    cJSON_Delete(o);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up_utc, tear_down)
    static const struct CMUnitTest tests[] = {
        CASE(charges_stay_when_their_job_goes),
        CASE(attempts_of_one_job_that_wait_together_are_kept_apart),
        CASE(rows_of_nonsense_are_passed_over),
        CASE(sums_are_right_at_once_and_after_a_restart),
        CASE(an_attempt_counts_once_whatever_comes_between),
        CASE(each_folder_pays_for_what_is_in_it),
        CASE(what_was_long_ago_is_summed_up_and_no_more),
        CASE(a_result_tells_what_the_accounts_missed),
        cmocka_unit_test(words_for_a_recording),
        cmocka_unit_test(words_for_the_limit),
        cmocka_unit_test(json_comes_back),
        cmocka_unit_test(json_of_nonsense_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
