/* The report as a page, as metrics and as JSON (fs/inbox/report.h, fs/control_status.h): nothing that comes from a
 * name gets out of its place, links lead to the files, and the counts are of all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/base/day.h"
#include "fs/control_status.h"
#include "fs/inbox/names.h"
#include "fs/inbox/page_text.h"
#include "fs/inbox/report.h"
#include "fs/inbox/status_parts.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NOW INT64_C(1795344120000) /* 2026-11-22 10:42 UTC */

static void has(const struct buffer *b, const char *text)
{
    if (!b->data || !strstr(b->data, text))
        fail_msg("not found: %s\nin:\n%s", text, b->data ? b->data : "");
}

static void has_not(const struct buffer *b, const char *text)
{
    if (b->data && strstr(b->data, text))
        fail_msg("found: %s\nin:\n%s", text, b->data);
}

static char evil[] = "a&b/<script>alert(\"1\")<i> 100%#?\xe4\xbc\x9a\xff'.mp3";
static char evil_base[] = "<script>alert(\"1\")<i> 100%#?\xe4\xbc\x9a\xff'";
static char plain[] = "talk.mp3", plain_base[] = "talk";

static struct report_all all;

static struct status_report report_of(const struct item *items, size_t count)
{
    struct status_report r = {.items = items, .count = count, .engine = "Vosk <small>", .all = &all, .now_ms = NOW};
    status_counts(items, count, r.counts);
    int day = day_of(NOW);
    all = (struct report_all){.started_ms = NOW - 1500, .ever = {.done = 12, .failed = 3, .audio_ms = 90500}};
    for (int i = REPORT_DAYS - 1; i >= 0; i--, day = day_before(day))
        all.days[i].day = day;
    return r;
}

static void the_page_shows_names_as_text_and_links_to_files(void **state)
{
    (void)state;
    const struct item items[] = {
        {.path = evil, .base = evil_base, .state = ITEM_FAILED, .error = {.class = ERROR_PERMANENT, .code = "media.decode"}},
        {.path = plain, .base = plain_base, .state = ITEM_DONE, .finished_ms = NOW},
        {.path = plain, .base = plain_base, .state = ITEM_DONE, .finished_ms = NOW, .hidden = 1u << VIEW_TXT},
        {.path = plain, .base = plain_base, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 500, .total = 2000},
    };
    struct status_report r = report_of(items, COUNT(items));
    r.trouble = "disk <full>";
    cleanup_buffer struct buffer b = {0};
    status_page(&r, &b);
    has(&b, "href=\"inbox/a%26b/%3Cscript%3Ealert%28%221%22%29%3Ci%3E%20100%25%23%3F%E4%BC%9A%FF%27.FAILED.txt\"");
    has(&b, ">a&amp;b/&lt;script&gt;alert(&quot;1&quot;)&lt;i&gt; 100%#?\xe4\xbc\x9a\\xff&#39;.mp3</a>");
    has_not(&b, "<script");
    has(&b, "href=\"inbox/talk.txt\"");
    has(&b, "href=\"inbox/talk.mp3\""); /* the transcript was deleted, and the one that runs has none yet */
    has(&b, "max=\"1000\" value=\"250\"");
    has(&b, "disk &lt;full&gt;");
    has(&b, "Vosk &lt;small&gt;");
    has(&b, "http-equiv=\"refresh\"");
    has_not(&b, "http://");
    has_not(&b, "https://");
    assert_int_equal(b.len % 4096, 0);
}

static void the_page_counts_what_it_does_not_list(void **state)
{
    (void)state;
    const struct item item = {.path = plain, .base = plain_base, .state = ITEM_QUEUED};
    struct status_report r = report_of(&item, 1);
    r.counts[ITEM_QUEUED] = 100000;
    cleanup_buffer struct buffer b = {0};
    status_page(&r, &b);
    has(&b, "and 99999 more");
    has(&b, "<b>100000</b>");
    struct status_report nothing = report_of(NULL, 0);
    buffer_clear(&b);
    status_page(&nothing, &b);
    has(&b, "Put a recording into the inbox folder");
    has_not(&b, "<svg");
}

static void the_days_are_a_plot_and_a_table(void **state)
{
    (void)state;
    struct status_report r = report_of(NULL, 0);
    all.days[REPORT_DAYS - 1].done = 2;
    all.days[REPORT_DAYS - 1].audio_ms = 90000;
    all.days[REPORT_DAYS - 2].spent.money[0] = (struct spent_money){"CNY", 170000};
    all.days[REPORT_DAYS - 3].spent.money[0] = (struct spent_money){"USD", 20000};
    cleanup_buffer struct buffer b = {0};
    status_page(&r, &b);
    has(&b, "2026-11-22: 1.5 min, 2 recordings");
    has(&b, "2026-11-21: 0.17 CNY");
    has(&b, "2026-11-20: 0.02 USD");
    has(&b, "<td>0.17 CNY</td>");
}

static void metrics_have_every_family_once_and_an_end(void **state)
{
    (void)state;
    struct status_report r = report_of(NULL, 0);
    r.counts[ITEM_FAILED] = 7;
    all.ever.spent.billed_ms = 61001;
    all.ever.spent.money[0] = (struct spent_money){"CNY", 1000042};
    all.space = (struct report_space){true, 1000, 250};
    cleanup_buffer struct buffer b = {0};
    status_metrics(&r, &b);
    has(&b, "scribefs_recordings{state=\"failed\"} 7\n");
    has(&b, "# TYPE scribefs_jobs counter\n");
    has(&b, "scribefs_jobs_total{outcome=\"done\"} 12\n");
    has(&b, "scribefs_audio_seconds_total 90.500\n");
    has(&b, "scribefs_billed_audio_seconds_total 61.001\n");
    has(&b, "scribefs_cost_total{currency=\"CNY\"} 1.000042\n");
    has(&b, "scribefs_store_available_bytes 250\n");
    has_not(&b, "scribefs_state_bytes"); /* not measured yet */
    assert_string_equal(b.data + b.len - 6, "# EOF\n");
}

static void json_says_the_same(void **state)
{
    (void)state;
    const struct item item = {.path = plain, .base = plain_base, .state = ITEM_DONE};
    struct status_report r = report_of(&item, 1);
    r.counts[ITEM_DONE] = 41;
    all.days[REPORT_DAYS - 1].done = 2;
    cleanup_buffer struct buffer b = {0};
    status_json(&r, &b);
    assert_int_equal(b.len % STATUS_BLOCK, 0);
    cJSON *o = cJSON_Parse(b.data);
    assert_non_null(o);
    assert_int_equal(cJSON_GetObjectItem(o, "omitted")->valueint, 40);
    cJSON *days = cJSON_GetObjectItem(o, "days");
    assert_int_equal(cJSON_GetArraySize(days), REPORT_DAYS);
    cJSON *today = cJSON_GetArrayItem(days, REPORT_DAYS - 1);
    assert_string_equal(cJSON_GetObjectItem(today, "day")->valuestring, "2026-11-22");
    assert_int_equal(cJSON_GetObjectItem(today, "done")->valueint, 2);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(o, "ever"), "failed")->valueint, 3);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "cache")));
    cJSON_Delete(o);
    r.all = NULL; /* of a part */
    o = json_status(&r, 0);
    assert_null(cJSON_GetObjectItem(o, "days"));
    cJSON_Delete(o);
}

static void sizes_in_words(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {{0, "0 bytes"}, {999, "999 bytes"}, {1000, "1.0 kB"}, {9949, "9.9 kB"}, {9950, "10 kB"},
                 {999499, "999 kB"}, {999500, "1.0 MB"}, {INT64_C(271000000000), "271 GB"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct piece b = bytes_piece(NULL, cases[i].bytes);
        assert_string_equal(b.text, cases[i].text);
    }
}

static void the_day_before(void **state)
{
    (void)state;
    assert_int_equal(day_before(20261122), 20261121);
    assert_int_equal(day_before(20260301), 20260228);
    assert_int_equal(day_before(20280301), 20280229);
    assert_int_equal(day_before(20260101), 20251231);
    assert_int_equal(day_before(0), 0);
}

int main(void)
{
    setenv("TZ", "UTC0", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_shows_names_as_text_and_links_to_files),
        cmocka_unit_test(the_page_counts_what_it_does_not_list),
        cmocka_unit_test(the_days_are_a_plot_and_a_table),
        cmocka_unit_test(metrics_have_every_family_once_and_an_end),
        cmocka_unit_test(json_says_the_same),
        cmocka_unit_test(sizes_in_words),
        cmocka_unit_test(the_day_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
