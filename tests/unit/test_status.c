/* The status texts, word for word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/report.h"
#include "fs/inbox/status.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TODAY INT64_C(1795305600000) /* 2026-11-22 00:00 UTC */
#define AT(hour, minute) (TODAY + (INT64_C(60) * (hour) + (minute)) * 60000)
#define NOW AT(10, 42)

static char talk[] = "talk.mp3";
static char stem[] = "talk";

#define TALK .path = talk, .base = stem
#define BUSY                                                                                                 \
    {                                                                                                        \
        .class = ERROR_TRANSIENT, .code = "engine.memory"                                                    \
    }

static const struct {
    const char *name;
    struct item item;
    const char *line;
    const char *text; /* first lines of talk.transcribing.txt */
} rows[] = {
    {"next in the queue",
     {TALK, .state = ITEM_QUEUED},
     "waiting, it is next",
     "Waiting: it is next\n\nThe transcript"},
    {"one before it",
     {TALK, .state = ITEM_QUEUED, .position = 1},
     "waiting, 1 before it",
     "Waiting: 1 recording before it\n\nThe transcript will appear here as talk.txt when it is done.\n"},
    {"three before it",
     {TALK, .state = ITEM_QUEUED, .position = 3},
     "waiting, 3 before it",
     "Waiting: 3 recordings before it\n"},
    {"arriving",
     {TALK, .state = ITEM_ARRIVING},
     "arriving",
     "Arriving: it has not been copied here completely yet\n"},
    {"recognising, with progress and an expected end",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 31000, .total = 77000,
      .expected_ms = NOW + 20000},
     "recognising, 40 % (0:31 of 1:17), about 20 s left",
     "Recognising: 40 % done, 0:31 of 1:17\n\nIt should be done at about 10:42.\nThe transcript will appear "
     "here as "
     "talk.txt when it is done.\n"},
    {"recognising, nothing known but the start",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 5, .started_ms = AT(10, 40)},
     "recognising since 10:40",
     "Recognising since 10:40\n\nThe transcript"},
    {"recognising, nothing known at all",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING},
     "recognising",
     "Recognising\n\nThe transcript"},
    {"more than all is not more than 100 %",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 9000, .total = 8000},
     "recognising, 100 % (0:08 of 0:08)",
     "Recognising: 100 % done, 0:08 of 0:08\n"},
    {"nearly all is not 100 %",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 7199999, .total = 7200000},
     "recognising, 99 % (1:59:59 of 2:00:00)",
     "Recognising: 99 % done, 1:59:59 of 2:00:00\n"},
    {"less than nothing is nothing",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = -5, .total = 8000},
     "recognising, 0 % (0:00 of 0:08)",
     "Recognising: 0 % done, 0:00 of 0:08\n"},
    {"it takes longer than expected",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 1, .total = 2000,
      .expected_ms = NOW - 1},
     "recognising, 0 % (0:00 of 0:02), longer than expected",
     "Recognising: 0 % done, 0:00 of 0:02\n\nIt is taking longer than expected.\n"},
    {"preparing has no unit for people",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_PREPARING, .done = 1, .total = 4},
     "preparing, 25 %",
     "Preparing: 25 % done\n"},
    {"sending counts megabytes",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_PUBLISHING, .done = 3100000, .total = 7700000,
      .expected_ms = NOW + 3600000 * 2 + 60000 * 5},
     "sending, 40 % (3.1 of 7.7 MB), about 2 h 5 min left",
     "Sending: 40 % done, 3.1 of 7.7 MB\n\nIt should be done at about 12:47.\n"},
    {"submitted",
     {TALK, .state = ITEM_RUNNING, .stage = STAGE_SUBMITTED, .started_ms = AT(10, 30),
      .expected_ms = NOW + 6 * 60000},
     "waiting for the service since 10:30, about 6 min left",
     "Waiting for the service since 10:30, usually 18 min for this length\n\nIt should be done at about 10:48.\n"},
    {"tried again later",
     {TALK, .state = ITEM_QUEUED, .not_before_ms = AT(11, 5), .error = BUSY},
     "waiting to try again at 11:05: The computer did not have enough memory to transcribe this recording.",
     "Waiting to try again at 11:05: The computer did not have enough memory to transcribe this "
     "recording.\n"},
    {"the limit of the day is reached",
     {TALK, .state = ITEM_QUEUED, .not_before_ms = AT(24, 0), .error = {.class = ERROR_TRANSIENT, .code = "limit.day"}},
     "waiting until 00:00 on 23 November: The minutes of audio that may be sent to the transcription service in a day "
     "are used up.",
     "Waiting until 00:00 on 23 November: The minutes of audio that may be sent to the transcription service in a day "
     "are used up.\n"},
    {"tried again tomorrow",
     {TALK, .state = ITEM_QUEUED, .not_before_ms = AT(25, 5), .error = BUSY},
     "waiting to try again at 01:05 on 23 November: The computer did not have enough memory to transcribe "
     "this recording.",
     "Waiting to try again at 01:05 on 23 November: "},
    {"its time to try again has come",
     {TALK, .state = ITEM_QUEUED, .position = 2, .not_before_ms = AT(10, 41), .error = BUSY},
     "waiting, 2 before it",
     "Waiting: 2 recordings before it\n"},
    {"done", {TALK, .state = ITEM_DONE, .finished_ms = AT(9, 7)}, "done at 09:07", "Done\n"},
    {"done last year",
     {TALK, .state = ITEM_DONE, .finished_ms = AT(9, 7) - INT64_C(365) * 86400000},
     "done at 09:07 on 22 November 2025",
     "Done\n"},
    {"failed",
     {TALK, .state = ITEM_FAILED, .error = {.class = ERROR_PERMANENT, .code = "media.no_audio"}},
     "failed: This video has no sound track.",
     "Failed: This video has no sound track.\n"},
    {"the .txt is hidden: the next view is promised",
     {TALK, .state = ITEM_QUEUED, .hidden = 1},
     "waiting, it is next",
     "Waiting: it is next\n\nThe transcript will appear here as talk.srt when it is done.\n"},
    {"all views are hidden",
     {TALK, .state = ITEM_QUEUED, .hidden = 7},
     "waiting, it is next",
     "Waiting: it is next\n\nIts transcript was deleted before and stays hidden until it is restored.\n"},
};

static void says_it_in_one_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        cleanup_buffer struct buffer b = {0};
        status_line(NULL, &rows[i].item, NOW, &b);
        if (strcmp(b.data, rows[i].line) != 0)
            fail_msg("%s: \"%s\"", rows[i].name, b.data);
    }
}

/* Padded as a whole: a multiple of the block, nothing but spaces after the text, a newline at the end. */
static void check_padding(const struct buffer *b, size_t start)
{
    assert_int_equal(buffer_error(b), 0);
    assert_int_equal((b->len - start) % STATUS_BLOCK, 0);
    assert_int_equal(b->data[b->len - 1], '\n');
    assert_int_equal(strlen(b->data), b->len);
}

static void says_it_beside_the_recording(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        cleanup_buffer struct buffer b = {0};
        status_transcribing(NULL, &rows[i].item, NOW, &b);
        check_padding(&b, 0);
        if (strncmp(b.data, rows[i].text, strlen(rows[i].text)) != 0)
            fail_msg("%s: \"%s\"", rows[i].name, b.data);
    }
}

/* A client that has cached the size of one text must be able to read every other. */
static void all_texts_of_a_usual_name_are_one_block(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        cleanup_buffer struct buffer b = {0};
        status_transcribing(NULL, &rows[i].item, NOW, &b);
        assert_int_equal(b.len, STATUS_BLOCK);
    }
    for (const struct message *m = message_all(); m->code; m++) {
        struct item item = {TALK, .state = ITEM_QUEUED, .not_before_ms = AT(25, 5),
                            .error = {.class = ERROR_TRANSIENT}};
        snprintf(item.error.code, sizeof item.error.code, "%s", m->code);
        cleanup_buffer struct buffer b = {0};
        status_transcribing(NULL, &item, NOW, &b);
        assert_int_equal(b.len, STATUS_BLOCK);
    }
}

/* ---- words while they are recognised ---- */

static void words_follow_a_line_for_each_sentence(void **state)
{
    static const struct {
        const char *name, *text, *shown;
    } cases[] = {
        {"one word", "Good", "Good"},
        {"a sentence that may go on", "It is 3.", "It is 3."},
        {"it did go on", "It is 3.5", "It is 3.5"},
        {"two sentences", "Good morning. How are", "Good morning.\nHow are"},
        {"questions and quotes", "\"Why?\" he said! (No.) Yes", "\"Why?\"\nhe said!\n(No.)\nYes"},
        {"Chinese needs no space", "你好。今天", "你好。\n今天"},
        {"a closing mark stays with its sentence", "他说：「好。」然后", "他说：「好。」\n然后"},
        {"what could drive a terminal", "a\x1b[2Jb\nc\xe2\x80\xae""d", "a [2Jb c d"},
        {"spaces around and in between", "  a   b  ", "a b"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct item item = {TALK, .state = ITEM_RUNNING, .partial = (char *)(uintptr_t)cases[i].text};
        cleanup_buffer struct buffer b = {0};
        status_transcribing(NULL, &item, NOW, &b);
        assert_true(b.len > STATUS_BLOCK && b.data[STATUS_BLOCK - 1] == '\n');
        if (strcmp(b.data + STATUS_BLOCK, cases[i].shown) != 0)
            fail_msg("%s: \"%s\"", cases[i].name, b.data + STATUS_BLOCK);
    }
}

/* Whatever the lines above say meanwhile, and however long the name is. */
static void words_only_ever_grow_at_their_end(void **state)
{
    static const char text[] = "One. Two, \"three?\" 3.5 … 你好。「四。」 Five!  六？ End";
    (void)state;
    for (size_t length = 1; length < 250; length += 8) {
        char name[300], stem_of[256], before[sizeof text * 2] = "", some[sizeof text];
        memset(stem_of, '\x01', length); /* shown in four characters each */
        stem_of[length] = '\0';
        snprintf(name, sizeof name, "%s.mp3", stem_of);
        size_t begin = 0;
        for (size_t n = 1; n < sizeof text; n++) {
            if (((unsigned char)text[n] & 0xc0) == 0x80)
                continue; /* a character comes whole */
            memcpy(some, text, n);
            some[n] = '\0';
            struct item item = {.path = name, .base = stem_of, .state = ITEM_RUNNING, .partial = some,
                                .stage = n % 3 ? STAGE_RECOGNISING : STAGE_SUBMITTED,
                                .total = n % 2 ? 36000000 : 0, .done = (int64_t)n * 100000,
                                .started_ms = NOW - INT64_C(400) * 86400000,
                                .expected_ms = n % 5 ? NOW + INT64_C(400) * 86400000 : NOW - 1};
            cleanup_buffer struct buffer b = {0};
            status_transcribing(NULL, &item, NOW, &b);
            size_t at = b.len - 1;
            while (at % STATUS_BLOCK)
                at--;
            assert_true(!begin || at == begin);
            begin = at;
            if (strncmp(b.data + at, before, strlen(before)) != 0)
                fail_msg("\"%s\" became \"%s\"", before, b.data + at);
            snprintf(before, sizeof before, "%s", b.data + at);
        }
    }
}

static void appends_to_what_is_there(void **state)
{
    (void)state;
    cleanup_buffer struct buffer b = {0};
    buffer_puts(&b, "before");
    status_transcribing(NULL, &rows[0].item, NOW, &b);
    check_padding(&b, 6);
    assert_memory_equal(b.data, "beforeWaiting", 13);
}

static void a_failure_says_cause_next_step_money_and_how_to_retry(void **state)
{
    (void)state;
    struct item item = {
        TALK, .state = ITEM_FAILED, .attempts = 2, .finished_ms = AT(10, 41),
        .error = {.class = ERROR_PERMANENT, .code = "media.no_audio", .detail = "no stream\nof sound"}};
    cleanup_buffer struct buffer b = {0};
    status_failed(NULL, &item, NOW, &b);
    check_padding(&b, 0);
    static const char expected[] = "talk.mp3: This video has no sound track.\n"
                                   "There is nothing to transcribe. If you do hear speech when you play it, "
                                   "save the sound as MP3 or WAV and put that here.\n"
                                   "No money was spent: this recording was not sent anywhere.\n"
                                   "Delete this file to try again.\n"
                                   "\n"
                                   "Code: media.no_audio\n"
                                   "Detail: no stream\\nof sound\n"
                                   "Tried: 2 times\n"
                                   "Time: 10:41\n"
                                   " ";
    assert_memory_equal(b.data, expected, sizeof expected - 1);
}

/* What was sent is known by the charges, which outlive a restart; the code only says whether anything could be. */
static void a_failure_says_what_it_cost(void **state)
{
    (void)state;
#define NOT_SENT "No money was spent: this recording was not sent anywhere.\n"
#define NOT_BEGUN "No money was spent: the service in the cloud did not begin to transcribe it.\n"
#define POSSIBLY "It was given to a service in the cloud, which may have billed it.\n"
#define BILLED "It was given to a service in the cloud, which billed it: 4 s"
    static const struct {
        const char *name, *backend, *code, *said;
        struct spent_item cost;
    } cases[] = {
        {"here", "local", "media.decode", NOT_SENT, {0}},
        {"before there is a job", "", "io.read", NOT_SENT, {0}},
        {"no model for it", "dashscope", "route.feature", NOT_SENT, {0}},
        {"no model in the region", "dashscope", "route.region", NOT_SENT, {0}},
        {"the program that looks at it died", "dashscope", "engine.crashed", NOT_SENT, {0}},
        {"the limit of the day is less than its length", "dashscope", "limit.length", NOT_SENT, {0}},
        {"too long, said here or there", "dashscope", "media.too_long", NOT_BEGUN, {0}},
        {"published, then refused", "dashscope", "cloud.request", NOT_BEGUN, {0}},
        {"could not be published", "dashscope", "publish.failed", NOT_BEGUN, {0}},
        {"a code of a later version", "dashscope", "cloud.new", NOT_BEGUN, {0}},
        {"the task failed", "dashscope", "media.decode", POSSIBLY, {.possible_ms = 4000, .possible = true}},
        {"… and its length is not known", "dashscope", "cloud.refused", POSSIBLY, {.possible = true}},
        {"an earlier attempt was sent, this one not", "dashscope", "route.feature", POSSIBLY, {.possible = true}},
        {"one attempt was billed, of another nothing is known", "dashscope", "cloud.answer", POSSIBLY,
         {.billed_ms = 4000, .possible = true}},
        {"billed, and the result was lost", "dashscope", "cloud.answer", BILLED,
         {.billed_ms = 4000, .cost_micro = 880, .currency = "CNY"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct item item = {TALK, .state = ITEM_FAILED, .cost = cases[i].cost, .error = {.class = ERROR_PERMANENT}};
        snprintf(item.backend, sizeof item.backend, "%s", cases[i].backend);
        snprintf(item.error.code, sizeof item.error.code, "%s", cases[i].code);
        cleanup_buffer struct buffer b = {0};
        status_failed(NULL, &item, NOW, &b);
        if (!strstr(b.data, cases[i].said))
            fail_msg("%s: %s", cases[i].name, b.data);
    }
}

static void a_failure_names_only_the_file_and_escapes_it(void **state)
{
    (void)state;
    char path[] = "meetings/two\nlines\x1b[2J.mp3", base[] = "x";
    struct item item = {
        .path = path, .base = base, .state = ITEM_FAILED, .error = {.class = ERROR_PERMANENT}};
    cleanup_buffer struct buffer b = {0};
    status_failed(NULL, &item, NOW, &b);
    static const char expected[] = "two\\nlines\\x1b[2J.mp3: Something went wrong";
    assert_memory_equal(b.data, expected, sizeof expected - 1);
    assert_non_null(strstr(b.data, "Code: unknown\n"));
}

static void escapes_what_is_not_safe_to_print(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"", ""},
        {"talk.mp3", "talk.mp3"},
        {"\xe4\xbc\x9a\xe8\xae\xae", "\xe4\xbc\x9a\xe8\xae\xae"},
        {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
         "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7"}, /* joined emoji */
        {"a\nb\tc\rd", "a\\nb\\tc\\x0dd"},
        {"\x1b]0;x\x07\x7f", "\\x1b]0;x\\x07\\x7f"},
        {"\xc2\x9b", "\\xc2\\x9b"},          /* a control character of C1 */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"}, /* right-to-left override */
        {"\xff\xc3", "\\xff\\xc3"},          /* no UTF-8 */
        {"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
         "\\xc0\\xaf\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80"}, /* overlong, surrogate, too large */
        {"\xf0\x9f\x98", "\\xf0\\x9f\\x98"},               /* cut off */
        {"a\\n", "a\\\\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cleanup_buffer struct buffer b = {0};
        buffer_puts(&b, "");
        status_escape(cases[i].bytes, &b);
        assert_string_equal(b.data, cases[i].text);
    }
}

static void the_bar_is_as_long_as_what_is_done(void **state)
{
    (void)state;
    static const struct {
        int64_t done, total;
        const char *bar;
    } cases[] = {{0, 10, "[..........]"},   {4, 10, "[####......]"},
                 {49, 100, "[####......]"}, {10, 10, "[##########]"},
                 {11, 10, "[##########]"},  {INT64_MAX / 2, INT64_MAX, "[####......]"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct item item = {.done = cases[i].done, .total = cases[i].total};
        cleanup_buffer struct buffer b = {0};
        status_bar(&item, 10, &b);
        /* Half of INT64_MAX is 49.99… or 50 %, as doubles round. */
        if (i == COUNT(cases) - 1)
            assert_true(strncmp(b.data, "[####", 5) == 0);
        else
            assert_string_equal(b.data, cases[i].bar);
    }
}

static void overview(const struct item *items, size_t count, const char *engine, const char *trouble,
                     struct buffer *out)
{
    struct status_report report = {
        .items = items, .count = count, .engine = engine, .trouble = trouble, .now_ms = NOW};
    status_counts(items, count, report.counts);
    status_overview(&report, out);
}

static void the_overview_of_nothing_says_what_to_do(void **state)
{
    (void)state;
    cleanup_buffer struct buffer b = {0};
    overview(NULL, 0, "Vosk, model en-us-small", NULL, &b);
    check_padding(&b, 0);
    static const char expected[] =
        "Recordings: no recordings\nRecogniser: Vosk, model en-us-small\nWritten at 10:42\n\n"
        "Put a recording into the inbox folder: its transcript appears beside it.\n";
    assert_memory_equal(b.data, expected, sizeof expected - 1);
}

static void the_overview_shows_every_state(void **state)
{
    (void)state;
    char a[] = "a.mp3", b_[] = "b\n.mp3", c[] = "c.mp3", d[] = "dir/d.mp3", e[] = "e.mp3", f[] = "f.mp3";
    const struct item items[] = {
        {.path = a, .base = a, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 500, .total = 1000},
        {.path = b_, .base = b_, .state = ITEM_QUEUED},
        {.path = c, .base = c, .state = ITEM_ARRIVING},
        {.path = d,
         .base = d,
         .state = ITEM_FAILED,
         .error = {.class = ERROR_PERMANENT, .code = "media.empty"}},
        {.path = e, .base = e, .state = ITEM_DONE, .finished_ms = AT(10, 1)},
        {.path = f, .base = f, .state = ITEM_DONE, .finished_ms = AT(10, 2)},
    };
    cleanup_buffer struct buffer b = {0};
    overview(items, COUNT(items), "Vosk", "the disk is full", &b);
    check_padding(&b, 0);
    static const char expected[] = "Recordings: 1 running, 1 waiting, 1 arriving, 1 failed, 2 done\n"
                                   "Attention: the disk is full\n"
                                   "Recogniser: Vosk\n"
                                   "Written at 10:42\n"
                                   "\nRunning\n"
                                   "  a.mp3\n"
                                   "      [############............] recognising, 50 % (0:00 of 0:01)\n"
                                   "\nFailed\n"
                                   "  dir/d.mp3\n"
                                   "      The file is empty.\n"
                                   "      Copy the recording into this folder again.\n"
                                   "\nWaiting\n"
                                   "  b\\n.mp3\n"
                                   "      waiting, it is next\n"
                                   "\nArriving\n"
                                   "  c.mp3\n"
                                   "      arriving\n"
                                   "\nFinished last\n"
                                   "  f.mp3\n"
                                   "      done at 10:02\n"
                                   "  e.mp3\n"
                                   "      done at 10:01\n";
    assert_memory_equal(b.data, expected, sizeof expected - 1);
}

static void the_overview_cuts_long_lists(void **state)
{
    (void)state;
    static struct item items[320];
    static char names[COUNT(items)][16];
    for (size_t i = 0; i < COUNT(items); i++) {
        snprintf(names[i], sizeof names[i], "%03zu.mp3", i);
        items[i] =
            (struct item){.path = names[i], .base = names[i], .state = i < 160 ? ITEM_QUEUED : ITEM_DONE};
        items[i].position = (int)i;
        items[i].finished_ms = NOW - (int64_t)((i * 7) % 160) * 1000;
    }
    cleanup_buffer struct buffer b = {0};
    overview(items, COUNT(items), "", NULL, &b);
    assert_non_null(strstr(b.data, "Recordings: 160 waiting, 160 done\n"));
    assert_non_null(strstr(b.data, "  019.mp3\n      waiting, 19 before it\n  ... and 140 more\n"));
    assert_null(strstr(b.data, "020.mp3"));
    assert_non_null(strstr(b.data, "  ... and 150 more\n"));
    /* The ten that finished last, in order. */
    const char *at = strstr(b.data, "Finished last");
    assert_non_null(at);
    for (size_t rank = 0; rank < 10; rank++) {
        size_t i = 160;
        while ((i * 7) % 160 != rank)
            i++;
        at = strstr(at, names[i]);
        assert_non_null(at);
    }
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_it_in_one_line),
        cmocka_unit_test(says_it_beside_the_recording),
        cmocka_unit_test(all_texts_of_a_usual_name_are_one_block),
        cmocka_unit_test(words_follow_a_line_for_each_sentence),
        cmocka_unit_test(words_only_ever_grow_at_their_end),
        cmocka_unit_test(appends_to_what_is_there),
        cmocka_unit_test(a_failure_says_cause_next_step_money_and_how_to_retry),
        cmocka_unit_test(a_failure_says_what_it_cost),
        cmocka_unit_test(a_failure_names_only_the_file_and_escapes_it),
        cmocka_unit_test(escapes_what_is_not_safe_to_print),
        cmocka_unit_test(the_bar_is_as_long_as_what_is_done),
        cmocka_unit_test(the_overview_of_nothing_says_what_to_do),
        cmocka_unit_test(the_overview_shows_every_state),
        cmocka_unit_test(the_overview_cuts_long_lists),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
