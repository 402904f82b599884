/* The catalogue against the service's documentation, written down here a second time; and the table of its
 * errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/catalogue.h"
#include "backend/faults.h"
#include "backend/http.h"

/* ---- models ---- */

static const struct {
    const char *name, *stands_for, *regions; /* b: Beijing, s: Singapore, u: US */
    const char *calls;                       /* t: task, d: direct, g: growing, c: chat */
    int minutes, megabytes;
} documented[] = {
    {"fun-asr", "fun-asr-2025-11-07", "bs", "t", 720, 2048},
    {"fun-asr-2025-11-07", NULL, "bs", "t", 720, 2048},
    {"fun-asr-2025-08-25", NULL, "bs", "t", 720, 2048},
    {"fun-asr-mtl", "fun-asr-mtl-2025-08-25", "bs", "t", 720, 2048},
    {"fun-asr-mtl-2025-08-25", NULL, "bs", "t", 720, 2048},
    {"fun-asr-flash-2026-06-15", NULL, "bs", "dg", 5, 10},
    {"qwen3-asr-flash-filetrans", "qwen3-asr-flash-filetrans-2025-11-17", "bs", "t", 720, 2048},
    {"qwen3-asr-flash-filetrans-2025-11-17", NULL, "bs", "t", 720, 2048},
    {"qwen3-asr-flash", "qwen3-asr-flash-2025-09-08", "bs", "dgc", 5, 10},
    {"qwen3-asr-flash-2026-02-10", NULL, "bs", "dgc", 5, 10},
    {"qwen3-asr-flash-2025-09-08", NULL, "bs", "dgc", 5, 10},
    {"qwen3-asr-flash-us", "qwen3-asr-flash-2025-09-08-us", "u", "dg", 5, 10},
    {"qwen3-asr-flash-2025-09-08-us", NULL, "u", "dg", 5, 10},
    {"paraformer-v2", NULL, "b", "t", 720, 2048},
    {"paraformer-8k-v2", NULL, "b", "t", 720, 2048},
    {"paraformer-v1", NULL, "b", "t", 720, 2048},
    {"paraformer-8k-v1", NULL, "b", "t", 720, 2048},
    {"paraformer-mtl-v1", NULL, "b", "t", 720, 2048},
};
enum { DOCUMENTED = sizeof documented / sizeof *documented };

/* How often an account may submit, a minute, and what a second costs, in millionths, in Beijing, Singapore and
 * the US; how many languages there are, and one that tells the list from others. */
static const struct {
    const char *name;
    int per_minute[3], price[3], languages;
    const char *one, *not_one;
} more[] = {
    {"fun-asr", {600, 600, 0}, {220, 35, 0}, 30, "tl", "yue"},
    {"fun-asr-2025-11-07", {600, 600, 0}, {220, 35, 0}, 30, "sk", "uk"},
    {"fun-asr-2025-08-25", {600, 600, 0}, {220, 35, 0}, 2, "en", "ja"},
    {"fun-asr-mtl", {600, 100, 0}, {220, 35, 0}, 36, "lt", "yue"},
    {"fun-asr-mtl-2025-08-25", {600, 100, 0}, {220, 35, 0}, 36, "mt", "uk"},
    {"fun-asr-flash-2026-06-15", {600, 600, 0}, {0, 0, 0}, 30, "el", "fil"},
    {"qwen3-asr-flash-filetrans", {100, 100, 0}, {220, 35, 0}, 27, "yue", "el"},
    {"qwen3-asr-flash-filetrans-2025-11-17", {100, 100, 0}, {220, 35, 0}, 27, "fil", "hu"},
    {"qwen3-asr-flash", {100, 100, 100}, {220, 35, 0}, 27, "uk", "ro"},
    {"qwen3-asr-flash-2026-02-10", {100, 100, 100}, {220, 35, 0}, 27, "is", "tl"},
    {"qwen3-asr-flash-2025-09-08", {100, 100, 100}, {220, 35, 0}, 27, "sv", "bg"},
    {"qwen3-asr-flash-us", {100, 100, 100}, {0, 0, 35}, 27, "no", "hr"},
    {"qwen3-asr-flash-2025-09-08-us", {100, 100, 100}, {0, 0, 35}, 27, "pl", "sk"},
    {"paraformer-v2", {1200, 0, 0}, {80, 0, 0}, 8, "yue", "it"},
    {"paraformer-8k-v2", {1200, 0, 0}, {80, 0, 0}, 1, "zh", "en"},
    {"paraformer-v1", {600, 0, 0}, {80, 0, 0}, 2, "zh", "ja"},
    {"paraformer-8k-v1", {600, 0, 0}, {80, 0, 0}, 1, "zh", "en"},
    {"paraformer-mtl-v1", {600, 0, 0}, {80, 0, 0}, 10, "ms", "yue"},
};

static void limits_prices_and_languages_are_those_documented(void **state)
{
    (void)state;
    _Static_assert(sizeof more / sizeof *more == DOCUMENTED, "a row for each model");
    for (size_t i = 0; i < DOCUMENTED; i++) {
        const struct model *m = catalogue_find(more[i].name);
        assert_non_null(m);
        int languages = 1;
        for (const char *c = m->languages; *c; c++)
            languages += *c == ' ';
        for (enum region r = REGION_BEIJING; r <= REGION_US; r++)
            if (m->per_minute[r] != more[i].per_minute[r] || m->price[r] != more[i].price[r])
                fail_msg("%s in %s", m->name, catalogue_region(r)->name);
        if (languages != more[i].languages || !catalogue_language_in(m->languages, more[i].one) ||
            catalogue_language_in(m->languages, more[i].not_one))
            fail_msg("languages of %s", m->name);
        bool filetrans = strstr(m->name, "filetrans") != NULL;
        assert_int_equal(m->word_languages != NULL, filetrans);
        if (m->features & FEATURE_SPEAKERS)
            assert_int_equal(m->speakers_max_ms, 120 * INT64_C(60000));
    }
    assert_string_equal(catalogue_find("qwen3-asr-flash-filetrans")->word_languages, "zh en ja ko de fr es it pt ru");
    assert_string_equal(catalogue_find("paraformer-v2")->hotword_languages, "zh en ja yue ko de fr ru");
    assert_string_equal(catalogue_find("fun-asr")->hotword_languages, "zh en ja");
}

static unsigned calls_of(const char *letters)
{
    unsigned calls = strchr(letters, 't') ? CALL_TASK : 0;
    calls |= strchr(letters, 'd') ? CALL_SYNC : 0;
    calls |= strchr(letters, 'g') ? CALL_STREAM : 0;
    return calls | (strchr(letters, 'c') ? CALL_CHAT | CALL_CHAT_STREAM : 0);
}

static void every_documented_model_is_there_and_no_other(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct model *m = catalogue_all(); m->name; m++)
        count++;
    assert_int_equal(count, DOCUMENTED);
    for (size_t i = 0; i < DOCUMENTED; i++) {
        const struct model *m = catalogue_find(documented[i].name);
        if (!m)
            fail_msg("%s is missing", documented[i].name);
        if (documented[i].stands_for)
            assert_string_equal(m->snapshot, documented[i].stands_for);
        else
            assert_null(m->snapshot);
        assert_int_equal(m->max_ms, documented[i].minutes * INT64_C(60000));
        assert_int_equal(m->max_bytes, documented[i].megabytes * INT64_C(1048576));
    }
    assert_null(catalogue_find("fun-asr-flash"));
    assert_null(catalogue_find(""));
}

static void every_model_is_called_as_documented_in_each_region(void **state)
{
    (void)state;
    static const char letters[REGION_COUNT] = {'b', 's', 'u', 'f'};
    for (size_t i = 0; i < DOCUMENTED; i++)
        for (enum region r = 0; r < REGION_COUNT; r++) {
            unsigned expected = strchr(documented[i].regions, letters[r]) ? calls_of(documented[i].calls) : 0;
            if (catalogue_calls(catalogue_find(documented[i].name), r) != expected)
                fail_msg("%s in %s", documented[i].name, catalogue_region(r)->name);
        }
}

static void a_snapshot_can_what_its_stable_name_can(void **state)
{
    (void)state;
    for (const struct model *m = catalogue_all(); m->name; m++) {
        if (!m->snapshot)
            continue;
        const struct model *dated = catalogue_find(m->snapshot);
        assert_non_null(dated);
        assert_int_equal(dated->features, m->features);
        assert_int_equal(dated->regions, m->regions);
        assert_int_equal(dated->calls, m->calls);
        assert_string_equal(dated->languages, m->languages);
        assert_int_equal(dated->rank, 0);
    }
}

static void regions_are_found_by_name_and_id(void **state)
{
    (void)state;
    assert_int_equal(catalogue_region_find("beijing"), REGION_BEIJING);
    assert_int_equal(catalogue_region_find("Singapore"), REGION_SINGAPORE);
    assert_int_equal(catalogue_region_find("ap-southeast-1"), REGION_SINGAPORE);
    assert_int_equal(catalogue_region_find("us"), REGION_US);
    assert_int_equal(catalogue_region_find("mars"), REGION_COUNT);
    assert_string_equal(catalogue_region(REGION_BEIJING)->host, "dashscope.aliyuncs.com");
    assert_string_equal(catalogue_region(REGION_SINGAPORE)->host, "dashscope-intl.aliyuncs.com");
    assert_string_equal(catalogue_region(REGION_US)->host, "dashscope-us.aliyuncs.com");
    assert_string_equal(catalogue_region(REGION_SINGAPORE)->workspace_suffix,
                        ".ap-southeast-1.maas.aliyuncs.com");
}

static void languages_are_compared_without_country_and_case(void **state)
{
    (void)state;
    assert_true(catalogue_language_in("zh en ja", "en"));
    assert_true(catalogue_language_in("zh en ja", "en-GB"));
    assert_true(catalogue_language_in("zh en ja", "ZH_CN"));
    assert_true(catalogue_language_in("zh en ja", "ja"));
    assert_false(catalogue_language_in("zh yue", "yu"));
    assert_false(catalogue_language_in("zh en", "e"));
    assert_false(catalogue_language_in(NULL, "en"));
    assert_false(catalogue_language_in("zh en", ""));
}

static void every_feature_has_a_title(void **state)
{
    (void)state;
    unsigned all = 0;
    for (const struct model *m = catalogue_all(); m->name; m++)
        all |= m->features;
    for (unsigned bit = 1; bit; bit <<= 1)
        if (all & bit)
            assert_string_not_equal(catalogue_feature_title((enum model_feature)bit), "?");
}

static void base64_of_the_largest_inline_file_fits(void **state)
{
    (void)state;
    int64_t encoded = (CATALOGUE_INLINE_BYTES + 2) / 3 * 4 + (int64_t)strlen("data:audio/mpeg;base64,");
    assert_true(encoded <= 10485760);
}

/* ---- errors ---- */

static const struct {
    int status;
    const char *code, *message;
    enum error_class class;
    const char *key;
} faults[] = {
    /* Requests. */
    {401, "InvalidApiKey", "Invalid API-key provided.", ERROR_PERSON, "cloud.key"},
    {401, "invalid_api_key", "Incorrect API key provided. ", ERROR_PERSON, "cloud.key"},
    {401, "NOT AUTHORIZED", "Access denied: workspace", ERROR_PERSON, "cloud.permission"},
    {403, "AccessDenied", "current user api does not support synchronous calls.", ERROR_PERSON,
     "cloud.model"},
    {403, "AccessDenied", "Current user api does not support asynchronous calls.", ERROR_PERSON,
     "cloud.model"},
    {403, "AccessDenied", "Access denied.", ERROR_PERSON, "cloud.permission"},
    {403, "access_denied", "", ERROR_PERSON, "cloud.permission"},
    {403, "AccessDenied.Unpurchased", "Access to model denied.", ERROR_PERSON, "cloud.permission"},
    {403, "Model.AccessDenied", "Model access denied.", ERROR_PERSON, "cloud.permission"},
    {403, "Workspace.AccessDenied", "", ERROR_PERSON, "cloud.permission"},
    {403, "App.AccessDenied", "", ERROR_PERSON, "cloud.permission"},
    {403, "AllocationQuota.FreeTierOnly", "", ERROR_PERSON, "cloud.money"},
    {400, "InvalidParameter", "input must contain file_urls", ERROR_PERMANENT, "cloud.request"},
    {400, "InvalidParameter", "Model not exist.", ERROR_PERSON, "cloud.model"},
    {404, "ModelNotFound", "Model can not be found.", ERROR_PERSON, "cloud.model"},
    {404, "model_not_found", "", ERROR_PERSON, "cloud.model"},
    {404, "model_not_supported", "", ERROR_PERSON, "cloud.model"},
    {404, "WorkSpaceNotFound", "", ERROR_PERSON, "cloud.permission"},
    {404, "NotFound", "Not found!", ERROR_PERSON, "cloud.address"},
    {400, "BadRequest.EmptyModel", "", ERROR_PERMANENT, "cloud.request"},
    {400, "BadRequest.EmptyInput", "", ERROR_PERMANENT, "cloud.request"},
    {400, "BadRequest.EmptyParameters", "", ERROR_PERMANENT, "cloud.request"},
    {400, "BadRequest.IllegalInput", "", ERROR_PERMANENT, "cloud.request"},
    {400, "BadRequest.InputDownloadFailed", "", ERROR_PERMANENT, "cloud.download"},
    {400, "BadRequest.UnsupportedFileFormat", "", ERROR_PERMANENT, "media.decode"},
    {400, "BadRequest.TooLarge", "Payload Too Large.", ERROR_PERMANENT, "media.too_large"},
    {400, "BadRequest.ResourceNotExist", "The Required resource not exist.", ERROR_PERSON,
     "cloud.vocabulary"},
    {400, "InvalidParameter.DataInspection", "Unable to download the media resource", ERROR_PERMANENT,
     "cloud.download"},
    {400, "Arrearage", "", ERROR_PERSON, "cloud.money"},
    {400, "DataInspectionFailed", "", ERROR_PERMANENT, "cloud.refused"},
    {400, "data_inspection_failed", "", ERROR_PERMANENT, "cloud.refused"},
    {400, "InvalidURL", "", ERROR_PERMANENT, "cloud.download"},
    {400, "InvalidURL.ConnectionRefused", "", ERROR_PERMANENT, "cloud.download"},
    {400, "InvalidURL.Timeout", "", ERROR_PERMANENT, "cloud.download"},
    {400, "UnsupportedOperation", "", ERROR_PERMANENT, "cloud.request"},
    {400, "Throttling.AllocationQuota", "Free allocated quota exceeded.", ERROR_PERSON, "cloud.quota"},
    {400, "ClientDisconnect", "", ERROR_TRANSIENT, "cloud.network"},
    {400, "Audio.AudioShortError", "", ERROR_PERMANENT, "media.decode"},
    {400, "Audio.AudioSilentError", "", ERROR_PERMANENT, "media.no_audio"},
    {400, "Audio.DecoderError", "", ERROR_PERMANENT, "media.decode"},
    {400, "Audio.AudioRateError", "", ERROR_PERMANENT, "media.decode"},
    {400, "Audio.DurationLimitError", "", ERROR_PERMANENT, "media.too_long"},
    {409, "Conflict", "", ERROR_PERMANENT, "cloud.request"},
    {429, "Throttling", "Too many requests in route.", ERROR_TRANSIENT, "cloud.busy"},
    {429, "Throttling.RateQuota", "", ERROR_TRANSIENT, "cloud.busy"},
    {429, "LimitRequests", "", ERROR_TRANSIENT, "cloud.busy"},
    {429, "limit_requests", "", ERROR_TRANSIENT, "cloud.busy"},
    {429, "Throttling.BurstRate", "", ERROR_TRANSIENT, "cloud.busy"},
    {429, "limit_burst_rate", "", ERROR_TRANSIENT, "cloud.busy"},
    {429, "Throttling.AllocationQuota", "Allocated quota exceeded, please increase", ERROR_TRANSIENT,
     "cloud.busy"},
    {429, "insufficient_quota", "", ERROR_TRANSIENT, "cloud.busy"},
    {429, "CommodityNotPurchased", "", ERROR_PERSON, "cloud.money"},
    {429, "PrepaidBillOverdue", "", ERROR_PERSON, "cloud.money"},
    {429, "PostpaidBillOverdue", "", ERROR_PERSON, "cloud.money"},
    {430, "Audio.DecoderError", "", ERROR_PERMANENT, "media.decode"},
    {430, "FileSizeExceed", "", ERROR_PERMANENT, "media.too_large"},
    {430, "AudioRateError", "", ERROR_PERMANENT, "media.decode"},
    {430, "AudioSilentError", "", ERROR_PERMANENT, "media.no_audio"},
    {500, "InternalError", "An internal error has occured", ERROR_TRANSIENT, "cloud.down"},
    {500, "internal_error", "", ERROR_TRANSIENT, "cloud.down"},
    {500, "InternalError.Algo", "", ERROR_TRANSIENT, "cloud.down"},
    {500, "InternalError.Timeout", "", ERROR_TRANSIENT, "cloud.down"},
    {500, "InternalError.FileUpload", "", ERROR_TRANSIENT, "cloud.down"},
    {500, "InternalError.Upload", "", ERROR_TRANSIENT, "cloud.down"},
    {500, "SystemError", "", ERROR_TRANSIENT, "cloud.down"},
    {500, "ModelServiceFailed", "", ERROR_TRANSIENT, "cloud.down"},
    {500, "RequestTimeOut", "", ERROR_TRANSIENT, "cloud.down"},
    {500, "ResponseTimeout", "", ERROR_TRANSIENT, "cloud.down"},
    {503, "ModelServingError", "Too many requests.", ERROR_TRANSIENT, "cloud.busy"},
    {503, "ModelUnavailable", "", ERROR_TRANSIENT, "cloud.down"},
    /* Tasks. */
    {0, "InvalidFile.DownloadFailed", "The audio file cannot be downloaded.", ERROR_PERMANENT,
     "cloud.download"},
    {0, "InvalidFile.DecodeFailed", "The audio file cannot be decoded.", ERROR_PERMANENT, "media.decode"},
    {0, "InvalidFile.AudioLengthError", "", ERROR_PERMANENT, "media.too_long"},
    {0, "InvalidFile.SomethingNew", "", ERROR_PERMANENT, "media.decode"},
    {0, "FILE_DOWNLOAD_FAILED", "", ERROR_PERMANENT, "cloud.download"},
    {0, "FILE_404_NOT_FOUND", "", ERROR_PERMANENT, "cloud.download"},
    {0, "FILE_403_FORBIDDEN", "FILE_403_FORBIDDEN", ERROR_PERMANENT, "cloud.download"},
    {0, "FILE_SERVER_ERROR", "", ERROR_TRANSIENT, "cloud.download"},
    {0, "CONTENT_LENGTH_CHECK_FAILED", "", ERROR_PERMANENT, "cloud.download"},
    {0, "REQUEST_INVALID_FILE_URL_VALUE", "", ERROR_PERMANENT, "cloud.download"},
    {0, "FILE_CHECK_FAILED", "", ERROR_PERMANENT, "media.decode"},
    {0, "FILE_TOO_LARGE", "", ERROR_PERMANENT, "media.too_large"},
    {0, "AUDIO_DURATION_TOO_LONG", "", ERROR_PERMANENT, "media.too_long"},
    {0, "FILE_NORMALIZE_FAILED", "", ERROR_PERMANENT, "media.decode"},
    {0, "FILE_PARSE_FAILED", "", ERROR_PERMANENT, "media.decode"},
    {0, "MKV_PARSE_FAILED", "", ERROR_PERMANENT, "media.decode"},
    {0, "DECODE_ERROR", "", ERROR_PERMANENT, "media.decode"},
    {0, "UNSUPPORTED_FORMAT", "", ERROR_PERMANENT, "media.decode"},
    {0, "NO_VALID_AUDIO_ERROR", "", ERROR_PERMANENT, "media.no_audio"},
    {0, "NO_INPUT_AUDIO_ERROR", "", ERROR_PERMANENT, "media.no_audio"},
    {0, "FILE_TRANS_TASK_EXPIRED", "", ERROR_TRANSIENT, "cloud.expired"},
    {0, "DataInspectionFailed", "", ERROR_PERMANENT, "cloud.refused"},
    {0, "InternalError.Timeout", "", ERROR_TRANSIENT, "cloud.down"},
    {0, "SystemError", "", ERROR_TRANSIENT, "cloud.down"},
    {0, "ModelServiceFailed", "", ERROR_TRANSIENT, "cloud.down"},
    /* Gateways and inventions. */
    {502, NULL, NULL, ERROR_TRANSIENT, "cloud.down"},
    {504, "", "", ERROR_TRANSIENT, "cloud.down"},
    {599, "Brand.New", "", ERROR_TRANSIENT, "cloud.down"},
    {429, NULL, NULL, ERROR_TRANSIENT, "cloud.busy"},
    {401, NULL, NULL, ERROR_PERSON, "cloud.key"},
    {403, NULL, NULL, ERROR_PERSON, "cloud.permission"},
    {404, NULL, NULL, ERROR_PERSON, "cloud.address"},
    {413, NULL, NULL, ERROR_PERMANENT, "media.too_large"},
    {418, NULL, NULL, ERROR_PERMANENT, "cloud.request"},
    {0, "BRAND_NEW", NULL, ERROR_PERMANENT, "cloud.request"},
};

static void every_documented_error_has_its_class_and_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct error err = {0};
        struct fault fault = {
            .status = faults[i].status, .code = faults[i].code, .message = faults[i].message};
        fault_explain(&fault, &err);
        if (err.class != faults[i].class || strcmp(err.code, faults[i].key) != 0)
            fail_msg("%d %s \"%s\" is %d %s", faults[i].status, faults[i].code ? faults[i].code : "-",
                     faults[i].message ? faults[i].message : "", err.class, err.code);
        assert_false(fault_is_silence(&fault));
        assert_int_equal(fault_is_download(&fault), strcmp(faults[i].key, "cloud.download") == 0);
    }
}

static void every_row_of_the_table_can_be_reached(void **state)
{
    (void)state;
    for (const struct fault_row *row = fault_rows(); row->key; row++) {
        char code[64];
        snprintf(code, sizeof code, "%.*s", (int)strcspn(row->code, "*"), row->code);
        struct fault fault = {.status = row->status, .code = code, .message = row->message_part};
        struct error err = {0};
        if (row->class == ERROR_NONE) {
            assert_true(fault_is_silence(&fault));
            continue;
        }
        fault_explain(&fault, &err);
        if (err.class != row->class || strcmp(err.code, row->key) != 0)
            fail_msg("row %d %s is hidden by an earlier one", row->status, row->code);
    }
}

static void silence_is_said_in_code_or_message(void **state)
{
    (void)state;
    assert_true(fault_is_silence(&(struct fault){.code = "SUCCESS_WITH_NO_VALID_FRAGMENT"}));
    assert_true(fault_is_silence(&(struct fault){.code = "ASR_RESPONSE_HAVE_NO_WORDS", .message = "x"}));
    assert_true(fault_is_silence(
        &(struct fault){.status = 400, .code = "InvalidParameter", .message = "ASR_RESPONSE_HAVE_NO_WORDS"}));
    assert_false(fault_is_silence(&(struct fault){.code = "InvalidFile.DecodeFailed"}));
    assert_false(fault_is_silence(&(struct fault){0}));
}

static void a_detail_is_one_line_with_code_words_and_request(void **state)
{
    (void)state;
    static const struct {
        struct fault fault;
        const char *detail;
    } cases[] = {
        {{400, "InvalidParameter", "input must\ncontain file_urls.", "r-1"},
         "HTTP 400 InvalidParameter: input must contain file_urls (request r-1)"},
        {{0, "FILE_403_FORBIDDEN", "FILE_403_FORBIDDEN", NULL}, "FILE_403_FORBIDDEN"},
        {{502, NULL, NULL, NULL}, "HTTP 502"},
        {{0, NULL, "words alone", ""}, "words alone"},
        {{400, "InvalidURL", "Download https://b.example/a.wav?Expires=1&Signature=secret timeout!", NULL},
         "HTTP 400 InvalidURL: Download https://b.example/a.wav?... timeout!"},
        {{400, "InvalidURL", "Why? <http://b.example/?Signature=secret>", NULL},
         "HTTP 400 InvalidURL: Why? <http://b.example/?...>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        fault_explain(&cases[i].fault, &err);
        assert_string_equal(err.detail, cases[i].detail);
    }
}

static void endings_of_an_exchange_have_a_class(void **state)
{
    (void)state;
    static const struct {
        enum http_end end;
        int sys;
        enum error_class class;
        const char *key;
    } cases[] = {
        {HTTP_NO_CONNECTION, 0, ERROR_TRANSIENT, "cloud.network"},
        {HTTP_UNTRUSTED, 0, ERROR_PERSON, "cloud.untrusted"},
        {HTTP_BROKEN, 0, ERROR_TRANSIENT, "cloud.network"},
        {HTTP_TIMEOUT, 0, ERROR_TRANSIENT, "cloud.network"},
        {HTTP_TOO_LARGE, 0, ERROR_PERMANENT, "cloud.answer"},
        {HTTP_SOURCE, 5, ERROR_TRANSIENT, "io.read"},
        {HTTP_SOURCE, 61, ERROR_CHANGED, "io.read"},
        {HTTP_INTERNAL, 0, ERROR_TRANSIENT, "cloud.network"},
        {HTTP_ANSWERED, 0, ERROR_TRANSIENT, "cloud.answer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        fault_of_transport(
            &(struct http_response){.end = cases[i].end, .sys = cases[i].sys, .detail = "because"}, "asking",
            &err);
        assert_int_equal(err.class, cases[i].class);
        assert_string_equal(err.code, cases[i].key);
        assert_string_equal(err.detail, "asking: because");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_documented_model_is_there_and_no_other),
        cmocka_unit_test(limits_prices_and_languages_are_those_documented),
        cmocka_unit_test(every_model_is_called_as_documented_in_each_region),
        cmocka_unit_test(a_snapshot_can_what_its_stable_name_can),
        cmocka_unit_test(regions_are_found_by_name_and_id),
        cmocka_unit_test(languages_are_compared_without_country_and_case),
        cmocka_unit_test(every_feature_has_a_title),
        cmocka_unit_test(base64_of_the_largest_inline_file_fits),
        cmocka_unit_test(every_documented_error_has_its_class_and_message),
        cmocka_unit_test(every_row_of_the_table_can_be_reached),
        cmocka_unit_test(silence_is_said_in_code_or_message),
        cmocka_unit_test(a_detail_is_one_line_with_code_words_and_request),
        cmocka_unit_test(endings_of_an_exchange_have_a_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
