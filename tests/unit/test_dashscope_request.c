/* What is sent to the service: frozen wishes, the bodies of every family and call, context, hotwords,
 * addresses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/dashscope/context.h"
#include "backend/dashscope/hotwords.h"
#include "backend/dashscope/request.h"
#include "backend/dashscope/service.h"
#include "backend/dashscope/wishes.h"

/* ---- wishes ---- */

static void wishes_survive_being_frozen(void **state)
{
    (void)state;
    struct dashscope_wishes full = {.model = "fun-asr",
                                    .language = "en-GB",
                                    .no_times = true,
                                    .words = true,
                                    .speakers = true,
                                    .speaker_count = 3,
                                    .channels = "1",
                                    .emotion = true,
                                    .itn = true,
                                    .disfluency = true,
                                    .alignment = true,
                                    .stream = true,
                                    .chat = true,
                                    .hotwords = "Bulge Bracket=5, \"x\"",
                                    .word_filter = "{\"system_reserved_filter\":false}",
                                    .word_filter_object = true,
                                    .context = "a\nb\\"};
    struct buffer json = {0}, again = {0};
    struct wishes read;
    assert_int_equal(wishes_write(&full, REGION_SINGAPORE, &json, NULL), 0);
    assert_string_equal(
        json.data,
        "{\"backend\":\"dashscope\",\"region\":\"singapore\",\"model\":\"fun-asr\",\"speaker_count\":3,"
        "\"language\":\"en-GB\",\"no_times\":true,\"words\":true,\"speakers\":true,\"channels\":\"1\","
        "\"emotion\":true,\"itn\":true,\"disfluency\":true,\"alignment\":true,\"stream\":true,\"chat\":true,"
        "\"hotwords\":\"Bulge Bracket=5, "
        "\\\"x\\\"\",\"word_filter\":\"{\\\"system_reserved_filter\\\":false}\","
        "\"word_filter_object\":true,\"context\":\"a\\nb\\\\\"}");
    assert_int_equal(wishes_read(json.data, &read, NULL), 0);
    assert_int_equal(read.region, REGION_SINGAPORE);
    assert_int_equal(wishes_write(&read.is, read.region, &again, NULL), 0);
    assert_string_equal(again.data, json.data);
    wishes_clear(&read);
    buffer_clear(&json);
    buffer_clear(&again);
    assert_int_equal(wishes_write(&(struct dashscope_wishes){0}, REGION_BEIJING, &json, NULL), 0);
    assert_string_equal(json.data, "{\"backend\":\"dashscope\",\"region\":\"beijing\",\"model\":\"auto\"}");
    buffer_clear(&json);
}

static void frozen_wishes_that_cannot_be_read(void **state)
{
    static const char *const texts[] = {"", "{}", "[]", "{\"region\":\"mars\"}", "{\"region\":5}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct wishes read;
        struct error err = {0};
        assert_true(wishes_read(texts[i], &read, &err) < 0);
        wishes_clear(&read);
    }
}

static void wishes_that_contradict_themselves(void **state)
{
    static const struct {
        struct dashscope_wishes wishes;
        const char *detail;
    } cases[] = {
        {{.speaker_count = 3}, "speaker_count is a number from 2 to 100, with speakers switched on"},
        {{.speakers = true, .speaker_count = 1},
         "speaker_count is a number from 2 to 100, with speakers switched on"},
        {{.speakers = true, .speaker_count = 101},
         "speaker_count is a number from 2 to 100, with speakers switched on"},
        {{.channels = "left"}, "channels are \"all\" or numbers with commas between, from 0"},
        {{.channels = "0,"}, "channels are \"all\" or numbers with commas between, from 0"},
        {{.channels = ""}, "channels are \"all\" or numbers with commas between, from 0"},
        {{.channels = "0,1", .speakers = true}, "speakers are told apart in one channel only"},
        {{.channels = "all", .speakers = true}, "speakers are told apart in one channel only"},
        {{.vocabulary_id = "v", .hotwords = "w"}, "either hotwords or vocabulary_id can be set"},
        {{.word_filter = "[1]"}, "word_filter is not a JSON object"},
        {{.word_filter = "{"}, "word_filter is not a JSON object"},
        {{.word_filter = "{\"filter_with_sign\":{\"word_list\":[\"a\"]}}"},
         "word_filter has filter_with_signed and filter_with_empty, each with a word_list of texts, and "
         "system_reserved_filter, true or false"},
        {{.word_filter = "{\"filter_with_empty\":[\"a\"]}"},
         "word_filter has filter_with_signed and filter_with_empty, each with a word_list of texts, and "
         "system_reserved_filter, true or false"},
        {{.word_filter = "{\"filter_with_empty\":{\"words\":[\"a\"]}}"},
         "word_filter has filter_with_signed and filter_with_empty, each with a word_list of texts, and "
         "system_reserved_filter, true or false"},
        {{.word_filter = "{\"filter_with_signed\":{\"word_list\":[5]}}"},
         "word_filter has filter_with_signed and filter_with_empty, each with a word_list of texts, and "
         "system_reserved_filter, true or false"},
        {{.word_filter = "{\"system_reserved_filter\":\"no\"}"},
         "word_filter has filter_with_signed and filter_with_empty, each with a word_list of texts, and "
         "system_reserved_filter, true or false"},
        {{.hotwords = "a=6"}, "the weight of a hotword is a number from 1 to 5"},
        {{.hotwords = "a=x"}, "the weight of a hotword is a number from 1 to 5"},
        {{.hotwords = "one two three four five six seven eight"}, "a hotword has at most 7 words"},
        {{.hotwords = "一二三四五六七八九十一二三四五六"},
         "a hotword has at most 15 characters, or 7 words if all of it is ASCII"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer json = {0};
        struct error err = {0};
        assert_int_equal(wishes_write(&cases[i].wishes, REGION_BEIJING, &json, &err), -EINVAL);
        assert_int_equal(err.class, ERROR_PERSON);
        assert_string_equal(err.detail, cases[i].detail);
        buffer_clear(&json);
    }
}

static void wishes_become_features(void **state)
{
    static const struct {
        struct dashscope_wishes wishes;
        unsigned features;
    } cases[] = {
        {{.no_times = true}, 0},
        {{.model = "auto", .words = true}, 0},
        {{.no_times = true, .speakers = true}, FEATURE_SPEAKERS},
        {{.no_times = true, .channels = "0"}, 0},
        {{.no_times = true, .channels = "all"}, FEATURE_CHANNELS},
        {{.no_times = true, .channels = "1"}, FEATURE_CHANNELS},
        {{.no_times = true, .emotion = true, .itn = true}, FEATURE_EMOTION | FEATURE_ITN},
        {{.no_times = true, .vocabulary_id = "v"}, FEATURE_VOCABULARY},
        {{.no_times = true, .hotwords = "v"}, FEATURE_HOTWORDS},
        {{.no_times = true, .context = "v", .stream = true}, FEATURE_CONTEXT | FEATURE_STREAMING},
        {{.no_times = true, .word_filter = "{}", .language = "en"},
         FEATURE_WORD_FILTER | FEATURE_LANGUAGE_HINT},
        {{.no_times = true, .disfluency = true, .alignment = true}, FEATURE_DISFLUENCY | FEATURE_ALIGNMENT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(wishes_features(&cases[i].wishes), cases[i].features);
    assert_int_equal(wishes_wanted(&(struct dashscope_wishes){.no_times = true}), 0);
    assert_int_equal(wishes_wanted(&(struct dashscope_wishes){.words = true}),
                     FEATURE_SENTENCE_TIMES | FEATURE_WORD_TIMES);
}

/* ---- hotwords ---- */

static void hotwords_as_the_service_takes_them(void **state)
{
    static const struct {
        const char *list, *language, *json;
    } cases[] = {
        {"", NULL, "[]"},
        {" , \n ,", NULL, "[]"},
        {"Bulge Bracket=5,Lazard", NULL,
         "[{\"text\":\"Bulge Bracket\",\"weight\":5},{\"text\":\"Lazard\",\"weight\":4}]"},
        {"a\r\n b \n", "en-GB",
         "[{\"text\":\"a\",\"weight\":4,\"lang\":\"en\"},{\"text\":\"b\",\"weight\":4,\"lang\":\"en\"}]"},
        {"贾文斌 = 1", "zh", "[{\"text\":\"贾文斌\",\"weight\":1,\"lang\":\"zh\"}]"},
        {"say \"hi\"", NULL, "[{\"text\":\"say \\\"hi\\\"\",\"weight\":4}]"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *json = hotwords_json(cases[i].list, cases[i].language);
        assert_string_equal(json, cases[i].json);
        assert_null(hotwords_wrong(cases[i].list));
        cJSON *theirs = cJSON_Parse(json);
        assert_true(hotwords_same(theirs, json));
        assert_false(hotwords_same(theirs, "[{\"text\":\"other\",\"weight\":4}]"));
        assert_false(hotwords_same(NULL, json));
        cJSON_Delete(theirs);
        free(json);
    }
    cJSON *theirs = cJSON_Parse("[{\"text\":\"a\",\"weight\":4},{\"text\":\"b\",\"weight\":4}]");
    assert_false(hotwords_same(theirs, "[{\"text\":\"a\",\"weight\":4},{\"text\":\"b\",\"weight\":5}]"));
    assert_false(hotwords_same(
        theirs, "[{\"text\":\"a\",\"weight\":4},{\"text\":\"b\",\"weight\":4,\"lang\":\"en\"}]"));
    assert_false(hotwords_same(theirs, "[{\"text\":\"a\",\"weight\":4}]"));
    cJSON_Delete(theirs);
}

static void at_most_500_hotwords(void **state)
{
    (void)state;
    struct buffer list = {0};
    for (int i = 0; i < HOTWORDS_MOST; i++)
        buffer_printf(&list, "word%d,", i);
    assert_null(hotwords_wrong(list.data));
    buffer_puts(&list, "one more");
    assert_string_equal(hotwords_wrong(list.data), "there can be at most 500 hotwords");
    buffer_clear(&list);
}

/* ---- bodies ---- */

#define A "https://h.example/a%20b.wav"

static const struct {
    const char *name, *model;
    enum model_call call;
    struct dashscope_wishes wishes;
    int sample_rate, channels;
    const char *vocabulary, *body;
} bodies[] = {
    {"fun-asr, nothing wished",
     "fun-asr",
     CALL_TASK,
     {0},
     0,
     0,
     NULL,
     "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"" A "\"]},\"parameters\":{\"channel_id\":[0]}}"},
    {"fun-asr, everything",
     "fun-asr",
     CALL_TASK,
     {.language = "zh-CN",
      .speakers = true,
      .speaker_count = 2,
      .word_filter = "{\"filter_with_signed\":{\"word_list\":[\"test\"]}}"},
     16000,
     1,
     "vocab-1",
     "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"" A
     "\"]},\"parameters\":{\"channel_id\":[0],\"vocabulary_id\":\"vocab-1\","
     "\"special_word_filter\":\"{\\\"filter_with_signed\\\":{\\\"word_list\\\":[\\\"test\\\"]}}\",\"language_"
     "hints\":[\"zh\"],"
     "\"diarization_enabled\":true,\"speaker_count\":2}}"},
    {"the filter as an object",
     "fun-asr",
     CALL_TASK,
     {.word_filter = "{\"a\":1}", .word_filter_object = true},
     0,
     0,
     NULL,
     "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"" A
     "\"]},\"parameters\":{\"channel_id\":[0],\"special_word_filter\":{\"a\":1}}}"},
    {"all channels",
     "fun-asr-mtl",
     CALL_TASK,
     {.channels = "all"},
     0,
     3,
     NULL,
     "{\"model\":\"fun-asr-mtl\",\"input\":{\"file_urls\":[\"" A
     "\"]},\"parameters\":{\"channel_id\":[0,1,2]}}"},
    {"all channels of a recording nobody looked at",
     "fun-asr",
     CALL_TASK,
     {.channels = "all"},
     0,
     0,
     NULL,
     "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"" A "\"]},\"parameters\":{\"channel_id\":[0]}}"},
    {"some channels",
     "fun-asr",
     CALL_TASK,
     {.channels = "1,0"},
     0,
     2,
     NULL,
     "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"" A "\"]},\"parameters\":{\"channel_id\":[1,0]}}"},
    {"of the channels asked for, those that are there",
     "fun-asr",
     CALL_TASK,
     {.channels = "3,1"},
     0,
     2,
     NULL,
     "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"" A "\"]},\"parameters\":{\"channel_id\":[1]}}"},
    {"none of them is there",
     "fun-asr",
     CALL_TASK,
     {.channels = "1"},
     0,
     1,
     NULL,
     "{\"model\":\"fun-asr\",\"input\":{\"file_urls\":[\"" A "\"]},\"parameters\":{\"channel_id\":[0]}}"},
    {"a list of phrases of an old model",
     "paraformer-8k-v1",
     CALL_TASK,
     {.no_times = true},
     0,
     0,
     "phrases",
     "{\"model\":\"paraformer-8k-v1\",\"input\":{\"file_urls\":[\"" A
     "\"]},\"parameters\":{\"channel_id\":[0]},"
     "\"resources\":[{\"resource_id\":\"phrases\",\"resource_type\":\"asr_phrase\"}]}"},
    {"a vocabulary of a newer one",
     "paraformer-8k-v2",
     CALL_TASK,
     {.no_times = true},
     0,
     0,
     "vocab-1",
     "{\"model\":\"paraformer-8k-v2\",\"input\":{\"file_urls\":[\"" A
     "\"]},\"parameters\":{\"channel_id\":[0],\"vocabulary_id\":\"vocab-1\"}}"},
    {"fun flash, a conversation",
     "fun-asr-flash-2026-06-15",
     CALL_SYNC,
     {.context = "user: Who?\nassistant: Dashwood."},
     0,
     0,
     NULL,
     "{\"model\":\"fun-asr-flash-2026-06-15\",\"input\":{\"messages\":["
     "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"Who?\"}]},"
     "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"Dashwood.\"}]},"
     "{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"" A
     "\"}}]}]},\"parameters\":{\"format\":\"wav\"}}"},
    {"paraformer-v2",
     "paraformer-v2",
     CALL_TASK,
     {.language = "en", .disfluency = true},
     0,
     0,
     NULL,
     "{\"model\":\"paraformer-v2\",\"input\":{\"file_urls\":[\"" A
     "\"]},\"parameters\":{\"channel_id\":[0],\"language_hints\":[\"en\"],"
     "\"disfluency_removal_enabled\":true,\"timestamp_alignment_enabled\":true}}"},
    {"paraformer-v1 takes no language; times are not needed",
     "paraformer-v1",
     CALL_TASK,
     {.language = "en", .no_times = true},
     0,
     0,
     NULL,
     "{\"model\":\"paraformer-v1\",\"input\":{\"file_urls\":[\"" A
     "\"]},\"parameters\":{\"channel_id\":[0]}}"},
    {"filetrans",
     "qwen3-asr-flash-filetrans",
     CALL_TASK,
     {.language = "en", .words = true, .itn = true},
     0,
     0,
     NULL,
     "{\"model\":\"qwen3-asr-flash-filetrans\",\"input\":{\"file_url\":\"" A
     "\"},\"parameters\":{\"channel_id\":[0],\"language\":\"en\","
     "\"enable_itn\":true,\"enable_words\":true}}"},
    {"qwen flash",
     "qwen3-asr-flash",
     CALL_SYNC,
     {0},
     0,
     0,
     NULL,
     "{\"model\":\"qwen3-asr-flash\",\"input\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"audio\":\"" A
     "\"}]}]},"
     "\"parameters\":{\"asr_options\":{\"enable_itn\":false}}}"},
    {"qwen flash, growing",
     "qwen3-asr-flash-us",
     CALL_STREAM,
     {.language = "en", .itn = true},
     0,
     0,
     NULL,
     "{\"model\":\"qwen3-asr-flash-us\",\"input\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"audio\":"
     "\"" A "\"}]}]},"
     "\"parameters\":{\"incremental_output\":true,\"asr_options\":{\"language\":\"en\",\"enable_itn\":true}}"
     "}"},
    {"fun flash",
     "fun-asr-flash-2026-06-15",
     CALL_SYNC,
     {0},
     0,
     0,
     NULL,
     "{\"model\":\"fun-asr-flash-2026-06-15\",\"input\":{\"messages\":[{\"role\":\"user\",\"content\":[{"
     "\"type\":\"input_audio\","
     "\"input_audio\":{\"data\":\"" A "\"}}]}]},\"parameters\":{\"format\":\"wav\"}}"},
    {"fun flash, everything",
     "fun-asr-flash-2026-06-15",
     CALL_STREAM,
     {.language = "zh", .context = "Bulge Bracket"},
     16000,
     0,
     "vocab-2",
     "{\"model\":\"fun-asr-flash-2026-06-15\",\"input\":{\"messages\":[{\"role\":\"user\",\"content\":[{"
     "\"type\":\"input_text\","
     "\"text\":\"Bulge "
     "Bracket\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"" A
     "\"}}]}]},"
     "\"parameters\":{\"format\":\"wav\",\"sample_rate\":\"16000\",\"vocabulary_id\":\"vocab-2\",\"language_"
     "hints\":[\"zh\"]}}"},
    {"chat",
     "qwen3-asr-flash",
     CALL_CHAT,
     {.language = "en"},
     0,
     0,
     NULL,
     "{\"model\":\"qwen3-asr-flash\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\","
     "\"input_audio\":{\"data\":\"" A
     "\"}}]}],\"stream\":false,\"asr_options\":{\"language\":\"en\",\"enable_itn\":false}}"},
    {"chat, growing",
     "qwen3-asr-flash",
     CALL_CHAT_STREAM,
     {0},
     0,
     0,
     NULL,
     "{\"model\":\"qwen3-asr-flash\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\","
     "\"input_audio\":{\"data\":\"" A "\"}}]}],\"stream\":true,\"stream_options\":{\"include_usage\":true},"
     "\"asr_options\":{\"enable_itn\":false}}"},
};

static void bodies_of_every_family_and_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct buffer body = {0};
        struct request request = {.wishes = &bodies[i].wishes,
                                  .model = catalogue_find(bodies[i].model),
                                  .call = bodies[i].call,
                                  .audio = A,
                                  .format = "wav",
                                  .sample_rate = bodies[i].sample_rate,
                                  .channels = bodies[i].channels,
                                  .vocabulary_id = bodies[i].vocabulary};
        assert_int_equal(request_body(&request, &body), 0);
        if (strcmp(body.data, bodies[i].body) != 0)
            fail_msg("%s:\n%s", bodies[i].name, body.data);
        cJSON *json = cJSON_Parse(body.data);
        assert_non_null(json);
        cJSON_Delete(json);
        buffer_clear(&body);
    }
}

static void every_call_has_its_path(void **state)
{
    (void)state;
    assert_string_equal(request_path(CALL_TASK), "/api/v1/services/audio/asr/transcription");
    assert_string_equal(request_path(CALL_SYNC), "/api/v1/services/aigc/multimodal-generation/generation");
    assert_string_equal(request_path(CALL_STREAM), request_path(CALL_SYNC));
    assert_string_equal(request_path(CALL_CHAT), "/compatible-mode/v1/chat/completions");
    assert_string_equal(request_path(CALL_CHAT_STREAM), request_path(CALL_CHAT));
}

/* ---- context ---- */

struct pieces {
    size_t length[16];
    int count;
    char text[8192];
};

static void collect(void *context, bool reply, const char *piece, size_t length)
{
    struct pieces *p = context;
    p->length[p->count++] = length;
    strcat(p->text, reply ? ">" : "");
    strncat(p->text, piece, length);
    strcat(p->text, "|");
}

static void context_is_cut_between_words_into_at_most_five_pieces(void **state)
{
    (void)state;
    struct pieces p = {.count = 0};
    assert_true(context_each("  short \n", collect, &p));
    assert_string_equal(p.text, "short|");
    p = (struct pieces){.count = 0};
    assert_true(context_each("", collect, &p));
    assert_int_equal(p.count, 0);

    struct buffer text = {0};
    for (int i = 0; i < 100; i++)
        buffer_puts(&text, "four ");
    p = (struct pieces){.count = 0};
    assert_true(context_each(text.data, collect, &p));
    assert_int_equal(p.count, 2);
    assert_int_equal(p.length[0], 399);
    buffer_clear(&text);

    buffer_fill(&text, 'x', 5 * CONTEXT_CHARACTERS);
    p = (struct pieces){.count = 0};
    assert_true(context_each(text.data, collect, &p));
    assert_int_equal(p.count, 5);
    buffer_puts(&text, "y");
    p = (struct pieces){.count = 0};
    assert_false(context_each(text.data, collect, &p));
    assert_int_equal(p.count, 5);
    buffer_clear(&text);

    for (int i = 0; i < CONTEXT_CHARACTERS + 1; i++)
        buffer_puts(&text, "会");
    p = (struct pieces){.count = 0};
    assert_true(context_each(text.data, collect, &p));
    assert_int_equal(p.length[0], 3 * CONTEXT_CHARACTERS);
    assert_int_equal(p.length[1], 3);
    buffer_clear(&text);
}

static void a_conversation_keeps_its_latest_rounds(void **state)
{
    static const struct {
        const char *name, *text;
        bool whole;
        const char *sent;
    } cases[] = {
        {"a round", "user: Hello there\nassistant: Good morning.", true, "Hello there|>Good morning.|"},
        {"lines belong to the message before them", "\nUser: a\nb\n\n  Assistant:c\nd\n", true, "a\nb|>c\nd|"},
        {"a user twice", "user: a\nuser: b\nassistant: c", true, "a|b|>c|"},
        {"a reply to nothing is sent as the user's", "assistant: a\nassistant: b\nuser: c", true, "a|>b|c|"},
        {"two replies", "user: a\nassistant: b\nassistant: c", true, "a|>b|c|"},
        {"a reply to silence is one to nothing", "user:\nassistant: b", true, "b|"},
        {"the words inside a line", "note that user: is no message", true, "note that user: is no message|"},
        {"six rounds", "user:1\nassistant:1\nuser:2\nassistant:2\nuser:3\nuser:4\nuser:5\nuser:6", false,
         "2|>2|3|4|5|6|"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pieces p = {.count = 0};
        assert_int_equal(context_each(cases[i].text, collect, &p), cases[i].whole);
        if (strcmp(p.text, cases[i].sent) != 0)
            fail_msg("%s: \"%s\"", cases[i].name, p.text);
    }
    struct buffer text = {0};
    buffer_puts(&text, "user: ");
    buffer_fill(&text, 'u', CONTEXT_CHARACTERS - 10);
    buffer_puts(&text, "\nassistant: 0123456789abc");
    struct pieces p = {.count = 0};
    assert_false(context_each(text.data, collect, &p)); /* both share the room of a round */
    assert_int_equal(p.length[0], CONTEXT_CHARACTERS - 10);
    assert_int_equal(p.length[1], 10);
    buffer_clear(&text);
    buffer_puts(&text, "user: ");
    buffer_fill(&text, 'u', CONTEXT_CHARACTERS + 1);
    buffer_puts(&text, "\nassistant: yes");
    p = (struct pieces){.count = 0};
    assert_false(context_each(text.data, collect, &p));
    assert_int_equal(p.count, 1);
    assert_int_equal(p.length[0], CONTEXT_CHARACTERS);
    buffer_clear(&text);
}

/* ---- audio inside a request ---- */

static void a_file_becomes_a_data_uri(void **state)
{
    static const struct {
        const char *bytes, *uri;
    } cases[] = {
        {"", "data:audio/wav;base64,"},
        {"a", "data:audio/wav;base64,YQ=="},
        {"ab", "data:audio/wav;base64,YWI="},
        {"abc", "data:audio/wav;base64,YWJj"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = memfd_create("x", MFD_CLOEXEC);
        struct buffer uri = {0};
        assert_int_equal(write(fd, cases[i].bytes, strlen(cases[i].bytes)), strlen(cases[i].bytes));
        assert_int_equal(request_data_uri(fd, "audio/wav", 3, &uri), 0);
        assert_string_equal(uri.data, cases[i].uri);
        buffer_clear(&uri);
        close(fd);
    }
    int fd = memfd_create("x", MFD_CLOEXEC);
    struct buffer uri = {0};
    assert_int_equal(ftruncate(fd, 100000), 0);
    assert_int_equal(request_data_uri(fd, "audio/wav", 99999, &uri), -EFBIG);
    assert_int_equal(request_data_uri(fd, "audio/wav", 100000, &uri), 0);
    assert_int_equal(uri.len, strlen("data:audio/wav;base64,") + 133336);
    assert_string_equal(uri.data + uri.len - 4, "AA==");
    assert_null(strchr(uri.data, '\n'));
    buffer_clear(&uri);
    close(fd);
}

/* ---- addresses of the service ---- */

static void the_address_follows_region_workspace_and_host(void **state)
{
    static const struct {
        struct dashscope_settings settings;
        const char *base;
    } cases[] = {
        {{.region = REGION_BEIJING}, "https://dashscope.aliyuncs.com"},
        {{.region = REGION_SINGAPORE}, "https://dashscope-intl.aliyuncs.com"},
        {{.region = REGION_US}, "https://dashscope-us.aliyuncs.com"},
        {{.region = REGION_BEIJING, .workspace = "llm-1a"}, "https://llm-1a.cn-beijing.maas.aliyuncs.com"},
        {{.region = REGION_SINGAPORE, .workspace = "ws"}, "https://ws.ap-southeast-1.maas.aliyuncs.com"},
        {{.region = REGION_US, .workspace = "ws"}, "https://dashscope-us.aliyuncs.com"},
        {{.region = REGION_FRANKFURT, .workspace = "ws"}, "https://ws.eu-central-1.maas.aliyuncs.com"},
        {{.region = REGION_FRANKFURT}, NULL},
        {{.host = "https://gateway.example/"}, "https://gateway.example"},
        {{.host = "http://127.0.0.1:8080"}, "http://127.0.0.1:8080"},
        {{.host = "http://gateway.example"}, NULL},
        {{.workspace = "evil.example/"}, NULL},
        {{.workspace = "a b"}, NULL},
        {{.region = REGION_COUNT}, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service service;
        struct error err = {0};
        int rc = service_init(&service, NULL, &cases[i].settings, &err);
        assert_int_equal(rc == 0, cases[i].base != NULL);
        if (rc == 0)
            assert_string_equal(service.base, cases[i].base);
        else
            assert_string_equal(err.code, "cloud.settings");
        service_clear(&service);
    }
}

static void results_are_fetched_from_listed_hosts_only(void **state)
{
    static const struct {
        const char *hosts, *host, *url;
        bool fine;
    } cases[] = {
        {NULL, NULL, "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/a?b", true},
        {NULL, NULL, "http://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/a?b", true},
        {NULL, NULL, "https://aliyuncs.com.evil.example/a", false},
        {NULL, NULL, "https://evilaliyuncs.com/a", false},
        {NULL, NULL, "https://evil.example/?x=.aliyuncs.com", false},
        {NULL, NULL, "https://evil.example#.aliyuncs.com", false},
        {NULL, NULL, "https://a.aliyuncs.com@evil.example/", false},
        {NULL, NULL, "file:///etc/passwd", false},
        {NULL, NULL, "http://127.0.0.1/a", false},
        {NULL, "http://127.0.0.1:1", "http://127.0.0.1:2/a", true},
        {"a.example, .b.example", NULL, "https://a.example/", true},
        {"a.example, .b.example", NULL, "https://x.a.example/", true},
        {"a.example, .b.example", NULL, "https://xa.example/", false},
        {"a.example, .b.example", NULL, "https://x.b.example:444/", true},
        {"a.example, .b.example", NULL, "https://x.aliyuncs.com/", false},
        {",", NULL, "https://x.aliyuncs.com/", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service service;
        assert_int_equal(
            service_init(&service, NULL,
                         &(struct dashscope_settings){.host = cases[i].host, .result_hosts = cases[i].hosts},
                         NULL),
            0);
        if (service_may_fetch(&service, cases[i].url) != cases[i].fine)
            fail_msg("%s", cases[i].url);
        service_clear(&service);
    }
}

static void ids_of_tasks_in_a_path(void **state)
{
    static const char *const bad[] = {"", "a/b", "..", ".", "a?b", "a b", "a%2f", "ä"};
    (void)state;
    char path[64];
    assert_true(service_task_path("5d1b6a0e-0c61", "", path, sizeof path));
    assert_string_equal(path, "/api/v1/tasks/5d1b6a0e-0c61");
    assert_true(service_task_path("a_b.c", "/cancel", path, sizeof path));
    assert_string_equal(path, "/api/v1/tasks/a_b.c/cancel");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(service_task_path(bad[i], "", path, sizeof path));
    assert_false(service_task_path("0123456789012345678901234567890123456789012345678901234567890123", "",
                                   path, sizeof path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wishes_survive_being_frozen),
        cmocka_unit_test(frozen_wishes_that_cannot_be_read),
        cmocka_unit_test(wishes_that_contradict_themselves),
        cmocka_unit_test(wishes_become_features),
        cmocka_unit_test(hotwords_as_the_service_takes_them),
        cmocka_unit_test(at_most_500_hotwords),
        cmocka_unit_test(bodies_of_every_family_and_call),
        cmocka_unit_test(every_call_has_its_path),
        cmocka_unit_test(a_conversation_keeps_its_latest_rounds),
        cmocka_unit_test(context_is_cut_between_words_into_at_most_five_pieces),
        cmocka_unit_test(a_file_becomes_a_data_uri),
        cmocka_unit_test(the_address_follows_region_workspace_and_host),
        cmocka_unit_test(results_are_fetched_from_listed_hosts_only),
        cmocka_unit_test(ids_of_tasks_in_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
