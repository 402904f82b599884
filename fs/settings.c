/* The table of settings. */
#include "fs/settings.h"

#include <stdio.h>
#include <string.h>

#include "fs/options.h"

static const struct setting_choice engines = {
    (const char *const[]){
        [LOCAL_AUTO] = "auto", [LOCAL_VOSK] = "vosk", [LOCAL_POCKETSPHINX] = "pocketsphinx", NULL},
    "auto, vosk or pocketsphinx is needed"};
static const struct setting_choice watches = {
    (const char *const[]){[WATCH_NO] = "no", [WATCH_YES] = "yes", [WATCH_POLL] = "poll", NULL},
    "yes, poll or no is needed"};
static const struct setting_choice backends = {(const char *const[]){[BACKEND_AUTO] = "auto",
                                                                     [BACKEND_LOCAL] = "local",
                                                                     [BACKEND_DASHSCOPE] = "dashscope",
                                                                     [BACKEND_OPENAI] = "openai",
                                                                     NULL},
                                               "auto, local, dashscope or openai is needed"};
static const struct setting_choice formats = {
    openai_format_names, "auto, verbose_json, diarized_json, json, text, srt or vtt is needed"};
static const struct setting_choice languages = {
    (const char *const[]){[WORDING_AUTO] = "auto", [WORDING_ENGLISH] = "en", [WORDING_CHINESE] = "zh", NULL},
    "auto, en or zh is needed"};
static const struct setting_choice regions = {
    (const char *const[]){
        [REGION_BEIJING] = "beijing", [REGION_SINGAPORE] = "singapore", [REGION_US] = "us", NULL},
    "beijing, singapore or us is needed"};
static const struct setting_choice methods = {(const char *const[]){[PUBLISH_NONE] = "none",
                                                                    [PUBLISH_TEMPORARY] = "temporary",
                                                                    [PUBLISH_OSS] = "oss",
                                                                    [PUBLISH_S3] = "s3",
                                                                    [PUBLISH_URL] = "url",
                                                                    NULL},
                                              "temporary, oss, s3 or url is needed"};

/* section, key, field, limits, help */
#define SETTING(section, key, kind, field, least, most, help, choice)                                        \
    {                                                                                                        \
        section, key, SETTING_##kind, offsetof(struct options, field), least, most, help, choice             \
    }
#define TEXT(section, key, field, help) SETTING(section, key, TEXT, field, 0, 0, help, NULL)
#define PATH(section, key, field, help) SETTING(section, key, PATH, field, 0, 0, help, NULL)
#define SECRET(section, key, field, help) SETTING(section, key, SECRET, field, 0, 0, help, NULL)
#define SWITCH(section, key, field, help) SETTING(section, key, SWITCH, field, 0, 0, help, NULL)
#define INTEGER(section, key, field, least, most, help)                                                      \
    SETTING(section, key, INTEGER, field, least, most, help, NULL)
#define LONG(section, key, field, least, most, help)                                                         \
    SETTING(section, key, LONG, field, least, most, help, NULL)
#define SECONDS(section, key, field, least, most, help)                                                      \
    SETTING(section, key, SECONDS, field, least, most, help, NULL)
#define LOOK(key) SETTING("views", key, LOOK, look, 0, 0, NULL, NULL)
#define CHOICE(section, key, field, choice, help) SETTING(section, key, CHOICE, field, 0, 0, help, choice)

const struct setting settings_table[] = {
    INTEGER("inbox", "quiet_ms", settle.quiet_ms, 0, 3600000,
            "quiet time after the last writer closed (2000)"),
    INTEGER("inbox", "slow_ms", settle.slow_ms, 0, 3600000, "the same for Samba and reopened files (5000)"),
    INTEGER("inbox", "renamed_ms", settle.renamed_ms, 0, 3600000,
            "the same after a rename from a temporary name (500)"),
    CHOICE("inbox", "watch", watch, &watches, "find what is changed in the store directly: yes, poll or no (yes)"),
    INTEGER("inbox", "rescan_seconds", rescan_seconds, 1, 86400, "how often to look where that takes looking (30)"),
    INTEGER("jobs", "workers", workers, 1, 64,
            "recordings transcribed at once (one per processor, at most 4)"),
    CHOICE("local", "engine", engine, &engines, "auto, vosk or pocketsphinx (auto)"),
    PATH("local", "model", model, "directory of a Vosk model, of any language"),
    TEXT("local", "language", language, "language code of that model (en)"),
    PATH("local", "vosk", vosk, "path of libvosk.so"),
    PATH("local", "sphinx_model", sphinx_model, "directory of a PocketSphinx model"),
    PATH("local", "worker", worker, "path of the worker program"),
    INTEGER("local", "hang_seconds", hang_seconds, 1, 86400, "a worker silent for so long is killed (120)"),
    INTEGER("local", "memory_mb", memory_mb, 256, 1048576, "address space of a worker, MiB (4096)"),
    SWITCH("mount", "announce", announce, "raise inotify events for views (yes)"),
    PATH("mount", "announcer", announcer, "path of the announcer program"),
    SECONDS("mount", "attr_timeout", attr_timeout, 0, 86400, "seconds names and attributes are cached (1)"),
    INTEGER("mount", "threads", threads, 1, 1024, "filesystem threads (32)"),
    CHOICE("jobs", "backend", backend, &backends,
           "auto, local, dashscope or openai (auto: dashscope if a key is set up)"),
    LONG("jobs", "minutes_per_day", limits.minutes_per_day, 0, LIMITS_MOST,
         "minutes of audio sent to paid services in a day (0: no limit)"),
    LONG("jobs", "minutes_per_month", limits.minutes_per_month, 0, LIMITS_MOST, "the same in a month"),
    SECONDS("jobs", "cost_per_day", limits.cost_per_day, 0, LIMITS_MOST,
            "what that may cost in a day, in the currency of the price list"),
    SECONDS("jobs", "cost_per_month", limits.cost_per_month, 0, LIMITS_MOST, "the same in a month"),
    LONG("jobs", "hold_minutes", limits.hold_minutes, 0, LIMITS_MOST,
         "minutes of audio that arrive together and are sent without a question (0: any)"),
    INTEGER("jobs", "hold_window_seconds", hold_window_seconds, 1, 3600,
            "quiet time after which nothing more arrives together with the others (30)"),

    CHOICE("dashscope", "region", cloud.region, &regions, NULL),
    TEXT("dashscope", "host", cloud.host, NULL),
    TEXT("dashscope", "workspace", cloud.workspace, NULL),
    PATH("dashscope", "key_file", cloud.key_file, NULL),
    TEXT("dashscope", "model", cloud.wishes.model, NULL),
    TEXT("dashscope", "language", cloud.wishes.language, NULL),
    SWITCH("dashscope", "words", cloud.wishes.words, NULL),
    SWITCH("dashscope", "speakers", cloud.wishes.speakers, NULL),
    INTEGER("dashscope", "speaker_count", cloud.wishes.speaker_count, 2, 100, NULL),
    TEXT("dashscope", "channels", cloud.wishes.channels, NULL),
    SWITCH("dashscope", "emotion", cloud.wishes.emotion, NULL),
    SWITCH("dashscope", "itn", cloud.wishes.itn, NULL),
    SWITCH("dashscope", "disfluency_removal", cloud.wishes.disfluency, NULL),
    SWITCH("dashscope", "timestamp_alignment", cloud.wishes.alignment, NULL),
    SWITCH("dashscope", "stream", cloud.wishes.stream, NULL),
    SWITCH("dashscope", "chat", cloud.wishes.chat, NULL),
    TEXT("dashscope", "vocabulary_id", cloud.wishes.vocabulary_id, NULL),
    TEXT("dashscope", "hotwords", cloud.wishes.hotwords, NULL),
    PATH("dashscope", "hotwords_file", hotwords_file, NULL),
    PATH("dashscope", "context_file", context_file, NULL),
    TEXT("dashscope", "special_word_filter", cloud.wishes.word_filter, NULL),
    SWITCH("dashscope", "filter_as_object", cloud.wishes.word_filter_object, NULL),
    TEXT("dashscope", "context", cloud.wishes.context, NULL),
    LONG("dashscope", "minutes_per_day", limits.minutes_per_day, 0, LIMITS_MOST, NULL), /* its name of before */
    INTEGER("dashscope", "queries_per_second", cloud.queries_per_second, 1, 100, NULL),
    LONG("dashscope", "poll_ms", cloud.poll_ms, 10, 60000, NULL),
    TEXT("dashscope", "result_hosts", cloud.result_hosts, NULL),
    PATH("dashscope", "ca_file", ca_file, NULL),
    SECRET("dashscope", "proxy", proxy, NULL),
    TEXT("dashscope", "no_proxy", no_proxy, NULL),
    TEXT("dashscope", "callback", cloud.callback, NULL),
    TEXT("dashscope", "callback_url", cloud.callback_url, NULL),
    SECRET("dashscope", "callback_token", cloud.callback_token, NULL),
    TEXT("dashscope", "callback_certificate_host", cloud.callback_certificate_host, NULL),

    CHOICE("publish", "method", cloud.publish.kind, &methods, NULL),
    TEXT("publish", "endpoint", cloud.publish.endpoint, NULL),
    TEXT("publish", "bucket", cloud.publish.bucket, NULL),
    TEXT("publish", "region", cloud.publish.region, NULL),
    TEXT("publish", "prefix", cloud.publish.prefix, NULL),
    PATH("publish", "key_file", cloud.publish.key_file, NULL),
    SWITCH("publish", "old_signatures", cloud.publish.old_signatures, NULL),
    SWITCH("publish", "keep", cloud.publish.keep, NULL),
    LONG("publish", "valid_seconds", cloud.publish.valid_seconds, 60, 604800, NULL),
    LONG("publish", "part_bytes", cloud.publish.part_bytes, 102400, 5368709120, NULL),
    TEXT("publish", "base_url", cloud.publish.base_url, NULL),

    SWITCH("status", "files", status_files, NULL),
    SWITCH("status", "private", status_private, NULL),
    CHOICE("status", "language", status_language, &languages, NULL),

    /* Each key of look_key(). */
    LOOK("views"),
    LOOK("profile"),
    LOOK("line_length"),
    LOOK("lines"),
    LOOK("reading_speed"),
    LOOK("shortest_ms"),
    LOOK("longest_ms"),
    LOOK("gap_ms"),
    LOOK("subtitle_speakers"),
    LOOK("subtitle_punctuation"),
    LOOK("empty_cue"),
    LOOK("lyrics"),
    LOOK("header"),
    LOOK("timestamps"),
    LOOK("emotion"),
    LOOK("line_ends"),
    LOOK("byte_order_mark"),

    TEXT("openai", "url", server.wishes.url, NULL),
    SWITCH("openai", "insecure", server.insecure, NULL),
    PATH("openai", "key_file", server.key_file, NULL),
    TEXT("openai", "model", server.wishes.model, NULL),
    TEXT("openai", "language", server.wishes.language, NULL),
    TEXT("openai", "prompt", server.wishes.prompt, NULL),
    PATH("openai", "prompt_file", prompt_file, NULL),
    SECONDS("openai", "temperature", server.wishes.temperature, 0, 1, NULL),
    CHOICE("openai", "response_format", server.wishes.format, &formats, NULL),
    SWITCH("openai", "words", server.wishes.words, NULL),
    SWITCH("openai", "stream", server.wishes.stream, NULL),
    LONG("openai", "max_bytes", server.max_bytes, 65536, 5368709120, NULL),
    LONG("openai", "max_seconds", server.max_seconds, 10, 864000, NULL),
    INTEGER("openai", "parallel", server.parallel, 1, 64, NULL),
    SECONDS("openai", "price_per_minute", server.price_per_minute, 0, 1000, NULL),
    TEXT("openai", "currency", server.currency, NULL),

    TEXT("hooks", "on_done", hooks.on_done, NULL),
    TEXT("hooks", "on_failed", hooks.on_failed, NULL),
    INTEGER("hooks", "timeout_seconds", hooks.timeout_seconds, 1, 86400, NULL),
    TEXT("hooks", "webhook_url", hooks.webhook_url, NULL),
    PATH("hooks", "webhook_secret_file", hooks.webhook_secret_file, NULL),
    SWITCH("hooks", "webhook_text", hooks.webhook_text, NULL),

    PATH("log", "log", log, "log file instead of stderr or syslog"),
};
const size_t settings_count = sizeof settings_table / sizeof *settings_table;
_Static_assert(sizeof settings_table / sizeof *settings_table <= SETTINGS_MOST,
               "a settings_set has a bit for each");

void settings_set_add(struct settings_set *set, const struct setting *s)
{
    size_t i = (size_t)(s - settings_table);
    set->bits[i / 64] |= UINT64_C(1) << i % 64;
}

bool settings_set_has(const struct settings_set *set, const struct setting *s)
{
    size_t i = (size_t)(s - settings_table);
    return set->bits[i / 64] >> i % 64 & 1;
}

/* Its key alone would not say what it is about. */
static bool carries_section(const struct setting *s)
{
    return strcmp(s->section, "hooks") == 0 || strcmp(s->section, "status") == 0 ||
           strcmp(s->section, "dashscope") == 0 || strcmp(s->section, "publish") == 0 ||
           strcmp(s->section, "openai") == 0;
}

const struct setting *settings_find_option(const char *option, size_t len)
{
    for (size_t i = 0; i < settings_count; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s%s", carries_section(&settings_table[i]) ? settings_table[i].section : "",
                 carries_section(&settings_table[i]) ? "." : "", settings_table[i].key);
        if (strlen(name) == len && strncmp(name, option, len) == 0)
            return &settings_table[i];
    }
    return NULL;
}

const struct setting *settings_find_key(const char *section, const char *key)
{
    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_table[i].section, section) == 0 && strcmp(settings_table[i].key, key) == 0)
            return &settings_table[i];
    return NULL;
}
