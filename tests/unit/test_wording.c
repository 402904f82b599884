/* Other languages: the file of a catalogue, which language is meant, what is said in Chinese. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/report.h"
#include "fs/inbox/status_parts.h"
#include "fs/inbox/wording.h"
#include "fs/program.h"
#include "tests/unit/scratch.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TODAY INT64_C(1795305600000) /* 2026-11-22 00:00 UTC */
#define AT(hour, minute) (TODAY + (INT64_C(60) * (hour) + (minute)) * 60000)
#define NOW AT(10, 42)

static struct wording *chinese;

static int open_chinese(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    cleanup_free char *directory = program_part("../locale", "locale");
    struct error err = {0};
    int rc = wording_open(directory, WORDING_CHINESE, &chinese, &err);
    if (rc)
        fprintf(stderr, "%s\n", err.detail);
    return rc;
}

static int close_chinese(void **state)
{
    (void)state;
    wording_free(chinese);
    return 0;
}

static void says_what_the_catalogue_has(void **state)
{
    (void)state;
    assert_string_equal(say(chinese, "The file is empty."), "文件是空的。");
    assert_string_equal(say(NULL, "The file is empty."), "The file is empty.");
    assert_string_equal(say(chinese, "no such text"), "no such text");
    /* A text that is the beginning of another, and one that begins like one. */
    assert_string_equal(say(chinese, "Waiting"), "排队中");
    assert_string_equal(say(chinese, "Waiting: it"), "Waiting: it");
    assert_string_equal(say(chinese, "Donee"), "Donee");
    assert_string_equal(say_in(chinese, "no such context", "Done"), "Done");
    assert_string_equal(say_count(chinese, "Tried: %d time", "Tried: %d times", 1), "已尝试：%d 次");
    assert_string_equal(say_count(chinese, "Tried: %d time", "Tried: %d times", 2), "已尝试：%d 次");
    assert_string_equal(say_count(NULL, "Tried: %d time", "Tried: %d times", 1), "Tried: %d time");
    assert_string_equal(say_count(NULL, "Tried: %d time", "Tried: %d times", 0), "Tried: %d times");
    assert_string_equal(wording_tag(chinese), "zh-Hans");
    assert_string_equal(wording_tag(NULL), "en");
}

static void every_error_has_a_cause_and_a_next_step_in_chinese(void **state)
{
    (void)state;
    for (const struct message *m = message_all(); m->code; m++) {
        const char *cause = say(chinese, m->cause), *next = say(chinese, m->next);
        if (cause == m->cause || next == m->next)
            fail_msg("%s has no Chinese text", m->code);
        /* The cause is one sentence; both end with the full stop of Chinese. */
        const char *stop = "。";
        if (strcmp(cause + strlen(cause) - 3, stop) != 0 || strcmp(next + strlen(next) - 3, stop) != 0 ||
            strstr(cause, stop) != cause + strlen(cause) - 3)
            fail_msg("%s: \"%s\" \"%s\"", m->code, cause, next);
    }
    const struct message *m = message_find("no.such.code");
    assert_true(say(chinese, m->cause) != m->cause && say(chinese, m->next) != m->next);
}

/* ---- which language ---- */

static const struct {
    const char *language, *all, *messages, *lang;
    enum wording_language wanted;
} environments[] = {
    {NULL, NULL, NULL, NULL, WORDING_ENGLISH},
    {NULL, NULL, NULL, "zh_CN.UTF-8", WORDING_CHINESE},
    {NULL, NULL, NULL, "zh_CN", WORDING_CHINESE},
    {NULL, NULL, NULL, "zh_SG.utf8@x", WORDING_CHINESE},
    {NULL, NULL, NULL, "zh_TW.UTF-8", WORDING_ENGLISH},
    {NULL, NULL, NULL, "zhu_ZZ", WORDING_ENGLISH},
    {NULL, NULL, NULL, "de_DE.UTF-8", WORDING_ENGLISH},
    {NULL, NULL, "en_GB.UTF-8", "zh_CN.UTF-8", WORDING_ENGLISH},
    {NULL, NULL, "zh_CN.UTF-8", "C", WORDING_CHINESE},
    {NULL, "C", "zh_CN.UTF-8", "zh_CN.UTF-8", WORDING_ENGLISH},
    {NULL, "", "", "zh_CN.UTF-8", WORDING_CHINESE},
    {"zh_CN", "C.UTF-8", NULL, NULL, WORDING_CHINESE},
    {"zh_CN", "C", NULL, NULL, WORDING_ENGLISH}, /* as gettext has it */
    {"zh_CN", NULL, NULL, NULL, WORDING_ENGLISH},
    {"de:zh_CN:en", NULL, NULL, "de_DE.UTF-8", WORDING_CHINESE},
    {"de:en:zh_CN", NULL, NULL, "zh_CN.UTF-8", WORDING_ENGLISH},
    {"fr", NULL, NULL, "zh_CN.UTF-8", WORDING_CHINESE},
    {":", NULL, NULL, "zh_CN.UTF-8", WORDING_CHINESE},
};

static void put_variable(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void takes_the_language_of_the_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(environments); i++) {
        put_variable("LANGUAGE", environments[i].language);
        put_variable("LC_ALL", environments[i].all);
        put_variable("LC_MESSAGES", environments[i].messages);
        put_variable("LANG", environments[i].lang);
        if (wording_of_environment() != environments[i].wanted)
            fail_msg("row %zu", i);
    }
    put_variable("LANG", "C");
    struct wording *w = chinese;
    assert_int_equal(wording_open("/nowhere", WORDING_AUTO, &w, NULL), 0);
    assert_null(w);
}

/* ---- files ---- */

static void put_catalogue(const char *directory, const void *data, size_t size)
{
    static const char *const parts[] = {"", "/zh_CN", "/zh_CN/LC_MESSAGES"};
    char path[4096];
    for (size_t i = 0; i < COUNT(parts); i++) {
        snprintf(path, sizeof path, "%s%s", directory, parts[i]);
        mkdir(path, 0700);
    }
    snprintf(path, sizeof path, "%s/zh_CN/LC_MESSAGES/scribefs.mo", directory);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void a_catalogue_that_is_missing_or_damaged_is_refused(void **state)
{
    (void)state;
    struct error err = {0};
    struct wording *w;
    assert_int_equal(wording_open(NULL, WORDING_CHINESE, &w, &err), -ENOENT);
    assert_string_equal(err.code, "wording.missing");
    assert_null(w);
    cleanup_free char *directory = program_part("../locale", "locale");
    char path[4096];
    snprintf(path, sizeof path, "%s/zh_CN/LC_MESSAGES/scribefs.mo", directory);
    cleanup_file FILE *f = fopen(path, "re");
    static char data[1 << 20];
    size_t size = fread(data, 1, sizeof data, f);
    assert_true(size > 1000);
    char *scratch = scratch_new();
    put_catalogue(scratch, data, size);
    assert_int_equal(wording_open(scratch, WORDING_CHINESE, &w, &err), 0);
    wording_free(w);
    /* Cut at every length: refused, or whole all the same (what is cut off is no text). */
    for (size_t cut = 0; cut < size; cut += cut < 64 ? 1 : 97) {
        put_catalogue(scratch, data, cut);
        if (wording_open(scratch, WORDING_CHINESE, &w, &err) == 0)
            fail_msg("cut at %zu", cut);
        assert_string_equal(err.code, "wording.damaged");
    }
    /* Any word of its beginning changed: refused, or every text can still be looked up. */
    for (size_t at = 0; at < 600; at += 4) {
        uint32_t word = 0xfffffff0u - (uint32_t)at, before;
        memcpy(&before, data + at, 4);
        memcpy(data + at, &word, 4);
        put_catalogue(scratch, data, size);
        if (wording_open(scratch, WORDING_CHINESE, &w, &err) == 0)
            for (const struct message *m = message_all(); m->code; m++)
                assert_true(strlen(say(w, m->cause)) > 0);
        wording_free(w);
        memcpy(data + at, &before, 4);
    }
    scratch_remove(scratch);
}

/* ---- threads: two languages at once, for as long as it takes ---- */

static void *keep_saying(void *arg)
{
    const struct wording *w = arg;
    const char *wanted = w ? "失败：文件是空的。" : "failed: The file is empty.";
    struct item item = {.state = ITEM_FAILED, .error = {.class = ERROR_PERMANENT, .code = "media.empty"}};
    for (int i = 0; i < 5000; i++) {
        cleanup_buffer struct buffer b = {0};
        status_line(w, &item, NOW, &b);
        if (strcmp(b.data, wanted) != 0)
            return (void *)1;
    }
    return NULL;
}

static void threads_say_it_in_their_own_language(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_saying, i % 2 ? chinese : NULL), 0);
    for (size_t i = 0; i < COUNT(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
}

/* ---- the status texts ---- */

static char talk[] = "talk.mp3";
static char stem[] = "talk";
#define TALK .path = talk, .base = stem
#define BUSY                                                                                                 \
    {                                                                                                        \
        .class = ERROR_TRANSIENT, .code = "cloud.busy"                                                       \
    }

/* clang-format off */
static const struct {
    struct item item;
    const char *line;
    const char *text; /* first lines of talk.transcribing.txt */
} rows[] = {
    {{TALK, .state = ITEM_QUEUED},
     "排队中，下一个就是它",
     "排队中：下一个就是它\n\n完成后，文字稿会出现在这里：talk.txt\n"},
    {{TALK, .state = ITEM_QUEUED, .position = 1}, "排队中，前面还有 1 个", "排队中：前面还有 1 个录音\n"},
    {{TALK, .state = ITEM_QUEUED, .not_before_ms = AT(11, 5), .attempts = 2, .error = BUSY},
     "将于 11:05 重试：转写服务正忙。",
     "将于 11:05 重试：转写服务正忙。\n\n已尝试 2 次。\n"},
    {{TALK, .state = ITEM_QUEUED, .not_before_ms = AT(24, 0), .error = {.class = ERROR_TRANSIENT, .code = "limit.day"}},
     "等到 11月23日 00:00 再继续：今天可以发送给转写服务的音频分钟数已用完。", "等到 11月23日 00:00"},
    {{TALK, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 31000, .total = 77000, .expected_ms = NOW + 20000},
     "正在识别，40%（0:31 / 1:17），大约还需 20 秒",
     "正在识别：已完成 40%，0:31 / 1:17\n\n预计 10:42 左右完成。\n"},
    {{TALK, .state = ITEM_RUNNING, .stage = STAGE_SUBMITTED, .started_ms = AT(10, 30), .expected_ms = NOW + 6 * 60000},
     "正在等待转写服务，10:30 开始，大约还需 6 分钟",
     "正在等待转写服务，10:30 开始，这个长度通常需要 18 分钟\n\n预计 10:48 左右完成。\n"},
    {{TALK, .state = ITEM_RUNNING, .stage = STAGE_PUBLISHING, .done = 3100000, .total = 7700000,
      .expected_ms = NOW + 3600000 * 2 + 60000 * 5},
     "正在上传，40%（3.1 / 7.7 MB），大约还需 2 小时 5 分钟", "正在上传：已完成 40%，3.1 / 7.7 MB\n"},
    {{TALK, .state = ITEM_RUNNING, .stage = STAGE_PREPARING, .done = 1, .total = 2, .expected_ms = NOW - 1},
     "正在准备，50%，比预计的时间长", "正在准备：已完成 50%\n\n所用时间比预计的长。\n"},
    {{TALK, .state = ITEM_DONE, .finished_ms = AT(9, 7) - INT64_C(365) * 86400000}, "2025年11月22日 09:07 完成", "已完成\n"},
    {{TALK, .state = ITEM_DONE, .cost = {.billed_ms = 3500, .cost_micro = 880, .currency = "CNY"}},
     "已完成，计费 4 秒，0.00088 CNY", "已完成\n"},
    {{TALK, .state = ITEM_FAILED, .error = {.class = ERROR_PERMANENT, .code = "media.no_audio"}},
     "失败：这段视频没有声音。", "失败：这段视频没有声音。\n"},
    {{TALK, .state = ITEM_ARRIVING}, "正在传入", "正在传入：文件还没有完整复制到这里\n"},
    {{TALK, .state = ITEM_ARRIVING, .empty = true}, "空文件，没有可转写的内容", "正在传入"},
};
/* clang-format on */

static void the_state_of_a_recording_in_chinese(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        cleanup_buffer struct buffer line = {0}, text = {0};
        status_line(chinese, &rows[i].item, NOW, &line);
        assert_string_equal(line.data, rows[i].line);
        status_transcribing(chinese, &rows[i].item, NOW, &text);
        if (strncmp(text.data, rows[i].text, strlen(rows[i].text)) != 0)
            fail_msg("row %zu: \"%s\"", i, text.data);
        /* In bytes, not in characters. */
        assert_int_equal(text.len % STATUS_BLOCK, 0);
    }
}

static void a_failure_in_chinese(void **state)
{
    (void)state;
    struct item item = {TALK,
                        .state = ITEM_FAILED,
                        .backend = "dashscope",
                        .attempts = 3,
                        .finished_ms = AT(10, 40),
                        .cost = {.billed_ms = 4000, .cost_micro = 880, .currency = "CNY"},
                        .error = {.class = ERROR_PERMANENT,
                                  .code = "cloud.refused",
                                  .detail = "DataInspectionFailed (request 7f)"}};
    cleanup_buffer struct buffer b = {0};
    status_failed(chinese, &item, NOW, &b);
    const char *wanted = "talk.mp3：转写服务因内容原因拒绝了这段录音。\n"
                         "该服务不能转写这段录音。管理员可以改为在本机转写。\n"
                         "已交给云端服务转写，费用：计费 4 秒，0.00088 CNY。\n"
                         "删除本提示文件即可重试。\n\n"
                         "代码：cloud.refused\n"
                         "详细信息：DataInspectionFailed (request 7f)\n"
                         "已尝试：3 次\n"
                         "时间：10:40\n";
    assert_memory_equal(b.data, wanted, strlen(wanted));
    assert_int_equal(b.len % STATUS_BLOCK, 0);
}

/* Words behind the padding stay where they are, whatever the lines before them say. */
static void the_text_so_far_does_not_move_in_either_language(void **state)
{
    (void)state;
    const struct wording *const both[] = {NULL, chinese};
    char partial[] = "hello";
    for (size_t l = 0; l < COUNT(both); l++) {
        size_t size = 0;
        for (enum backend_stage stage = STAGE_PREPARING; stage <= STAGE_RECOGNISING; stage++)
            for (int variant = 0; variant < 3; variant++) {
                int64_t year = INT64_C(365) * 86400000;
                struct item item = {TALK,
                                    .state = ITEM_RUNNING,
                                    .stage = stage,
                                    .partial = partial,
                                    .started_ms = NOW - year,
                                    .expected_ms = variant == 1 ? NOW + year : 1};
                if (variant == 2)
                    item.total = INT64_C(1) << 50;
                cleanup_buffer struct buffer b = {0};
                status_transcribing(both[l], &item, NOW, &b);
                assert_true(!size || size == b.len);
                size = b.len;
            }
    }
}

static void the_overview_in_chinese(void **state)
{
    (void)state;
    struct item items[] = {
        {TALK, .state = ITEM_RUNNING, .stage = STAGE_RECOGNISING, .done = 1, .total = 2000},
        {TALK, .state = ITEM_FAILED, .error = {.class = ERROR_PERMANENT, .code = "media.empty"}},
        {TALK, .state = ITEM_DONE, .finished_ms = AT(10, 1)},
    };
    struct spending_report spending = {
        .today = {.billed_ms = 750000, .jobs = 2, .money = {{"CNY", 170000}}},
        .month = {.billed_ms = 6600000,
                  .jobs = 20,
                  .estimated_jobs = 1,
                  .unpriced_jobs = 2,
                  .money = {{"CNY", 1450000}, {"USD", 20000}}},
        .limit_ms = 3600000,
        .held_until = AT(24, 0),
    };
    cleanup_buffer struct buffer b = {0};
    status_overview(
        &(struct status_report){.wording = chinese,
                                .items = items,
                                .count = COUNT(items),
                                .counts = {[ITEM_RUNNING] = 1, [ITEM_FAILED] = 1, [ITEM_DONE] = 1},
                                .engine = "Vosk",
                                .spending = &spending,
                                .now_ms = NOW},
        &b);
    const char *wanted =
        "录音：1 个正在处理，1 个失败，1 个已完成\n"
        "识别程序：Vosk\n"
        "云端用量：今天 12.5 / 60 分钟（0.17 CNY）；本月 110 分钟（约 1.45 CNY 和 0.02 USD，其中 2 "
        "个价格未知）；今天的限额已用完，其余录音明天继续\n"
        "更新时间：10:42\n"
        "\n正在处理\n  talk.mp3\n      [........................] 正在识别，0%（0:00 / 0:02）\n"
        "\n失败\n  talk.mp3\n      文件是空的。\n      请把录音重新复制到此文件夹。\n"
        "\n最近完成\n  talk.mp3\n      10:01 完成\n";
    if (strncmp(b.data, wanted, strlen(wanted)) != 0)
        fail_msg("\"%s\"", b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_the_catalogue_has),
        cmocka_unit_test(every_error_has_a_cause_and_a_next_step_in_chinese),
        cmocka_unit_test(takes_the_language_of_the_environment),
        cmocka_unit_test(a_catalogue_that_is_missing_or_damaged_is_refused),
        cmocka_unit_test(threads_say_it_in_their_own_language),
        cmocka_unit_test(the_state_of_a_recording_in_chinese),
        cmocka_unit_test(a_failure_in_chinese),
        cmocka_unit_test(the_text_so_far_does_not_move_in_either_language),
        cmocka_unit_test(the_overview_in_chinese),
    };
    return cmocka_run_group_tests_name("wording", tests, open_chinese, close_chinese);
}
