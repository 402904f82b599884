/* Full-text search: words of every script, queries, excerpts and times; and the file: in step with the results, made
 * again when it is missing, damaged or of another version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "cache/results.h"
#include "cache/search.h"
#include "cache/search_query.h"
#include "cache/search_text.h"
#include "cache/search_token.h"
#include "tests/unit/scratch.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- Words ---- */

static int put_token(void *arg, const struct search_token *token)
{
    buffer_add(arg, token->folded, token->length);
    buffer_puts(arg, "|");
    return 0;
}

static void words_of_every_script(void **state)
{
    (void)state;
    static const struct {
        const char *text, *tokens;
    } cases[] = {
        {"Hello, World 42!", "hello|world|42|"},
        {"don't", "don|t|"},
        {"Café CAFE\u0301 Straße", "cafe|cafe|strasse|"},
        {"ΆΘΛΟΣ", "αθλοσ|"},
        {"会议记录 2026年", "会|议|记|录|2026|年|"},
        {"東京タワー", "東|京|タ|ワ|ー|"},
        {"ｶﾞｷﾞ ＡＢＣ１", "ガ|ギ|abc1|"},
        {"がか", "が|か|"},
        {"회의를", "회|의|를|"},
        {"Привет, МИР", "привет|мир|"},
        {"ภาษาไทย", "ภ|า|ษ|า|ไ|ท|ย|"},
        {"हिन्दी में", "हिन्दी|में|"},
        {"a\xff" "b", "a|b|"},
        {"\"*'();--", ""},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_free char *text = search_normalise(cases[i].text);
        cleanup_buffer struct buffer out = {0};
        buffer_puts(&out, "");
        assert_int_equal(search_tokens(text, strlen(text), put_token, &out), 0);
        assert_string_equal(out.data, cases[i].tokens);
    }
}

static void queries_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *words, *match;
    } cases[] = {
        {"Budget meeting", "\"budget\" AND \"meeting\""},
        {"\"new budget\" 2026", "\"new budget\" AND \"2026\""},
        {"“New budget”", "\"new budget\""},
        {"meet*", "\"meet\"*"},
        {"\"new bud\"*", "\"new bud\"*"},
        {"\"new bud*\"", "\"new bud\"*"},
        {"会议", "\"会 议\""},
        {"会议\u3000预算", "\"会 议\" AND \"预 算\""},
        {"don't AND NOT OR", "\"don t\" AND \"and\" AND \"not\" AND \"or\""},
        {"budget+meeting_room", "\"budget\" AND \"meeting\" AND \"room\""},
        {"e-mail text:x ^y", "\"e mail\" AND \"text x\" AND \"y\""},
        {"\"open", "\"open\""},
        {"a ** \" \" b", "\"a\" AND \"b\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct search_query q;
        cleanup_buffer struct buffer out = {0};
        assert_int_equal(search_query_parse(cases[i].words, &q), 0);
        search_query_match(&q, &out);
        assert_string_equal(out.data, cases[i].match);
        search_query_clear(&q);
    }
    static const char *const refused[] = {"", "  ", "*", "\"\"", "...", "、。",
                                          "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"};
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct search_query q;
        assert_int_equal(search_query_parse(refused[i], &q), -EINVAL);
        search_query_clear(&q);
    }
}

static void hits_are_marked_where_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *words, *text, *marked;
    } cases[] = {
        {"budget", "The Budget, a budget; budgets.", "The [Budget], a [budget]; budgets."},
        {"budget*", "budgets begin", "[budgets] begin"},
        {"\"new budget\"", "new, budget new old budget", "[new, budget] new old budget"},
        {"议程", "会议程序，议程。", "会[议程]序，[议程]。"},
        {"cafe", "Le café.", "Le [café]."},
        {"new \"new budget\"", "a new budget", "a [new budget]"},
        {"none", "nothing", "nothing"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct search_query q;
        struct search_span *spans;
        size_t count, at = 0;
        bool more;
        cleanup_buffer struct buffer out = {0};
        assert_int_equal(search_query_parse(cases[i].words, &q), 0);
        assert_int_equal(search_query_find(&q, cases[i].text, 10, &spans, &count, &more), 0);
        assert_false(more);
        for (size_t k = 0; k < count; k++) {
            buffer_add(&out, cases[i].text + at, spans[k].begin - at);
            buffer_puts(&out, "[");
            buffer_add(&out, cases[i].text + spans[k].begin, spans[k].end - spans[k].begin);
            buffer_puts(&out, "]");
            at = spans[k].end;
        }
        buffer_puts(&out, cases[i].text + at);
        assert_string_equal(out.data, cases[i].marked);
        free(spans);
        search_query_clear(&q);
    }
    struct search_query q;
    struct search_span *spans;
    size_t count;
    bool more;
    assert_int_equal(search_query_parse("a", &q), 0);
    assert_int_equal(search_query_find(&q, "a a a", 2, &spans, &count, &more), 0);
    assert_int_equal(count, 2);
    assert_true(more);
    free(spans);
    search_query_clear(&q);
}

static void nonsense_does_no_harm(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a", "Z", " ", "\"", "*", "\xe4\xbc\x9a", "\xff", "\xe4\xbc", "\xcc\x81", "\n", "\xef\xbe\x9e",
                                         "\xe1\x84\x92\xe1\x85\xac", "\xf0\x9f\x91\x8d", "\xe2\x80\x9c", "1", "+", "\xc5\x92"};
    srandom(1);
    for (int round = 0; round < 3000; round++) {
        char words[64] = "", text[200] = "";
        for (int i = 0; i < 8; i++)
            strcat(words, pieces[(size_t)random() % COUNT(pieces)]);
        for (int i = 0; i < 24; i++)
            strcat(text, pieces[(size_t)random() % COUNT(pieces)]);
        struct search_query q;
        cleanup_free char *normal = search_normalise(text);
        int rc = search_query_parse(words, &q);
        assert_true(rc == 0 || rc == -EINVAL);
        struct search_span *spans = NULL;
        size_t count = 0;
        bool more;
        if (rc == 0)
            assert_int_equal(search_query_find(&q, normal, 5, &spans, &count, &more), 0);
        for (size_t i = 0; i < count; i++) {
            cleanup_buffer struct buffer out = {0};
            size_t at, length;
            search_text_excerpt(normal, spans[i].begin, spans[i].end, (size_t)random() % 40, &out, &at, &length);
            assert_true(at + length <= out.len);
        }
        free(spans);
        search_query_clear(&q);
        search_text_time(text, strlen(text), (size_t)random() % 100);
    }
}

/* ---- Transcripts ---- */

struct said {
    int64_t at;
    const char *text;
};

/* A sentence each, with words where its text has spaces, 100 ms apart. */
static struct transcript *transcript_of(const struct said *said, size_t count)
{
    struct transcript *t = transcript_new();
    for (size_t i = 0; i < count; i++) {
        struct sentence *s = transcript_add_sentence(t);
        s->begin_ms = said[i].at;
        s->end_ms = said[i].at + 5000;
        s->text = strdup(said[i].text);
        cleanup_free char *copy = strdup(said[i].text);
        int n = 0;
        for (char *save, *w = strtok_r(copy, " ", &save); w && strchr(said[i].text, ' '); w = strtok_r(NULL, " ", &save)) {
            struct word *word = sentence_add_word(s);
            word->text = strdup(w);
            word->begin_ms = said[i].at + 100 * n++;
            word->end_ms = word->begin_ms + 100;
        }
    }
    return t;
}

static void a_word_has_its_time(void **state)
{
    (void)state;
    static const struct said said[] = {{1000, "one two three"}, {500, "four five"}, {3600000, "六七八"}};
    struct transcript *t = transcript_of(said, COUNT(said));
    struct search_text text;
    assert_int_equal(search_text_make(t, &text), 0);
    assert_string_equal(text.text.data, "one two three\nfour five\n六七八\n");
    static const struct {
        const char *word;
        int64_t ms;
    } cases[] = {{"one", 1000}, {"two", 1100}, {"three", 1200}, {"four", 500}, {"five", 600}, {"六", 3600000}, {"八", 3600000}};
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(search_text_time(text.marks.data, text.marks.len,
                                          (size_t)(strstr(text.text.data, cases[i].word) - text.text.data)),
                         cases[i].ms);
    assert_int_equal(search_text_time("\xff\xff", 2, 10), 0); /* nonsense */
    buffer_clear(&text.text);
    buffer_clear(&text.marks);
    transcript_free(t);
}

static void excerpts_are_cut_at_words_and_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hit;
        size_t most;
        const char *excerpt;
    } cases[] = {
        {"first\nThe budget is new.\nlast\n", "budget", 200, "The budget is new."},
        {"aaa bbb ccc ddd eee fff ggg hhh", "ddd", 13, "…ccc ddd eee…"},
        {"一二三四五六七八九十", "五", 9, "…四五六…"},
        {"one two\nthree four\n", "two\nthree", 100, "one two three four"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_buffer struct buffer out = {0};
        size_t at, length, begin = (size_t)(strstr(cases[i].text, cases[i].hit) - cases[i].text);
        search_text_excerpt(cases[i].text, begin, begin + strlen(cases[i].hit), cases[i].most, &out, &at, &length);
        assert_string_equal(out.data, cases[i].excerpt);
        assert_int_equal(length, strlen(cases[i].hit));
        assert_true(out.data[at] == cases[i].hit[0]);
    }
}

/* ---- The file ---- */

struct fixture {
    char *dir, *path, *results_path;
    struct results *results;
    struct search *search;
    struct digest jobs[8]; /* what recordings show */
    size_t job_count;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct search_answer *answer;
    bool has_answer;
};

static struct digest job_of(unsigned char n)
{
    struct digest d = {{0}};
    d.bytes[0] = n;
    return d;
}

static void each(void *context, void (*fn)(void *arg, const struct digest *job), void *arg)
{
    const struct fixture *f = context;
    for (size_t i = 0; i < f->job_count; i++)
        fn(arg, &f->jobs[i]);
}

static void start(struct fixture *f)
{
    assert_int_equal(search_new(&(struct search_config){.path = f->path, .results = f->results, .each = each, .context = f},
                                &f->search),
                     0);
    search_settle(f->search);
}

static void stop(struct fixture *f)
{
    search_free(f->search);
    f->search = NULL;
}

static void store(struct fixture *f, unsigned char n, const struct said *said, size_t count)
{
    struct digest job = job_of(n);
    struct transcript *t = transcript_of(said, count);
    cleanup_buffer struct buffer json = {0};
    struct result_writer *w;
    assert_int_equal(transcript_to_json(t, &json), 0);
    assert_int_equal(results_begin(f->results, &job, &w), 0);
    assert_int_equal(result_add(w, "transcript.json", json.data, json.len), 0);
    assert_int_equal(result_commit(w), 0);
    f->jobs[f->job_count++] = job;
    transcript_free(t);
}

static void on_answer(void *to, struct search_answer *answer)
{
    struct fixture *f = to;
    pthread_mutex_lock(&f->lock);
    f->answer = answer;
    f->has_answer = true;
    pthread_cond_signal(&f->answered);
    pthread_mutex_unlock(&f->lock);
}

static struct search_answer *ask(struct fixture *f, const char *words, size_t most)
{
    f->has_answer = false;
    assert_int_equal(search_ask(f->search, words, most, on_answer, f), 0);
    pthread_mutex_lock(&f->lock);
    while (!f->has_answer)
        pthread_cond_wait(&f->answered, &f->lock);
    pthread_mutex_unlock(&f->lock);
    assert_non_null(f->answer);
    return f->answer;
}

/* "2@1100 1@3000,3100": jobs and times. */
static void finds(struct fixture *f, const char *words, const char *expected)
{
    struct search_answer *a = ask(f, words, 100);
    cleanup_buffer struct buffer out = {0};
    buffer_puts(&out, "");
    for (size_t i = 0; i < a->count; i++) {
        buffer_printf(&out, "%s%d", i ? " " : "", a->found[i].job.bytes[0]);
        for (size_t k = 0; k < a->found[i].count; k++)
            buffer_printf(&out, "%s%lld", k ? "," : "@", (long long)a->found[i].hits[k].at_ms);
    }
    search_answer_free(a);
    if (strcmp(out.data, expected) != 0)
        fail_msg("%s: found %s, expected %s", words, out.data, expected);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->dir = scratch_new();
    f->path = scratch_join(f->dir, "search.db");
    f->results_path = scratch_join(f->dir, "results");
    assert_int_equal(results_open(f->results_path, &f->results), 0);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->answered, NULL);
    static const struct said meeting[] = {{1000, "The new budget is here"}, {9000, "a meeting about the budget"}};
    static const struct said talk[] = {{2000, "the old budget"}};
    static const struct said chinese[] = {{3000, "今天的会议讨论预算。"}, {8000, "下一次会议在东京。"}};
    store(f, 1, meeting, COUNT(meeting));
    store(f, 2, talk, COUNT(talk));
    store(f, 3, chinese, COUNT(chinese));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    search_free(f->search);
    results_close(f->results);
    scratch_remove(f->dir);
    free(f->path);
    free(f->results_path);
    free(f);
    return 0;
}

static void words_are_found_with_their_times(void **state)
{
    struct fixture *f = *state;
    start(f);
    finds(f, "BUDGET", "2@2200 1@1200,9400");
    finds(f, "budget meeting", "1@1200,9100,9400"); /* both, anywhere in it */
    finds(f, "\"new budget\"", "1@1100");
    finds(f, "\"budget new\"", "");
    finds(f, "budg*", "2@2200 1@1200,9400");
    finds(f, "budg", "");
    finds(f, "会议", "3@3000,8000");
    finds(f, "京", "3@8000");
    finds(f, "议会", "");
    finds(f, "会议 东京", "3@3000,8000,8000");
    struct search_answer *a = ask(f, "budget", 1);
    assert_int_equal(a->count, 1);
    assert_true(a->more);
    assert_false(a->late || a->building);
    assert_string_equal(a->found[0].hits[0].text, "the old budget");
    assert_int_equal(a->found[0].hits[0].mark, 8);
    assert_int_equal(a->found[0].hits[0].mark_length, 6);
    search_answer_free(a);
    a = ask(f, "...", 1);
    assert_int_equal(a->error, -EINVAL);
    search_answer_free(a);
}

static void it_follows_what_recordings_show(void **state)
{
    struct fixture *f = *state;
    start(f);
    struct digest gone = job_of(2);
    search_drop(f->search, &gone);
    search_settle(f->search);
    finds(f, "budget", "1@1200,9400");
    search_add(f->search, &gone);
    search_settle(f->search);
    finds(f, "budget", "2@2200 1@1200,9400");
    /* While it does not run: one comes, one goes. */
    stop(f);
    static const struct said late[] = {{0, "another budget"}};
    store(f, 4, late, COUNT(late));
    f->jobs[1] = job_of(9); /* has no result: no harm */
    start(f);
    finds(f, "budget", "4@100 1@1200,9400");
}

static void nothing_stays_of_what_is_dropped(void **state)
{
    struct fixture *f = *state;
    static const struct said secret[] = {{0, "xyzzyplugh secret"}};
    store(f, 5, secret, COUNT(secret));
    start(f);
    finds(f, "xyzzyplugh", "5@0");
    struct digest job = job_of(5);
    search_drop(f->search, &job);
    search_settle(f->search);
    stop(f);
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM words_content WHERE c0 LIKE '%xyzzy%'", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void overwrite(const struct fixture *f, const char *text, size_t size)
{
    int fd = open(f->path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), size);
    close(fd);
}

static void a_file_that_is_damaged_or_of_another_version_is_made_again(void **state)
{
    struct fixture *f = *state;
    start(f);
    stop(f);
    overwrite(f, "this is no database, and long enough to be read as one ........................................", 90);
    start(f);
    finds(f, "预算", "3@3000");
    stop(f);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    start(f);
    finds(f, "预算", "3@3000");
    stop(f);
    assert_int_equal(unlink(f->path), 0);
    start(f);
    finds(f, "预算", "3@3000");
}

static void damage_that_shows_while_searching_is_mended(void **state)
{
    struct fixture *f = *state;
    start(f);
    stop(f);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE words_data SET block = X'00' WHERE id > 1000", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    start(f);
    search_answer_free(ask(f, "budget", 10)); /* sees it */
    search_settle(f->search);
    finds(f, "budget", "2@2200 1@1200,9400");
}

static void after_the_end_nothing_is_answered_late(void **state)
{
    struct fixture *f = *state;
    start(f);
    search_stop(f->search);
    assert_int_equal(search_ask(f->search, "budget", 1, on_answer, f), -ECANCELED);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_every_script),
        cmocka_unit_test(queries_are_taken_apart),
        cmocka_unit_test(hits_are_marked_where_they_are),
        cmocka_unit_test(nonsense_does_no_harm),
        cmocka_unit_test(a_word_has_its_time),
        cmocka_unit_test(excerpts_are_cut_at_words_and_characters),
        CASE(words_are_found_with_their_times),
        CASE(it_follows_what_recordings_show),
        CASE(nothing_stays_of_what_is_dropped),
        CASE(a_file_that_is_damaged_or_of_another_version_is_made_again),
        CASE(damage_that_shows_while_searching_is_mended),
        CASE(after_the_end_nothing_is_answered_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
