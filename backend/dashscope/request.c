/* Request bodies. What was not wished for is not sent, so that the service's own defaults hold; "parameters"
 * is always there. */
#include "backend/dashscope/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/dashscope/context.h"

enum { MOST_CHANNELS = 64 };

/* ---- small parts ---- */

/* Members of an object, with commas between. */
struct object {
    struct buffer *out;
    bool some;
};

static struct buffer *member(struct object *o, const char *key)
{
    buffer_printf(o->out, "%s\"%s\":", o->some ? "," : "", key);
    o->some = true;
    return o->out;
}

static void put_text(struct object *o, const char *key, const char *text)
{
    if (text)
        json_out_string(member(o, key), text);
}

static void put_flag(struct object *o, const char *key, bool value)
{
    buffer_puts(member(o, key), value ? "true" : "false");
}

/* The service's codes have neither country nor script: "en" for "en-GB". */
static void put_language(struct buffer *out, const char *language)
{
    json_out_text(out, language, strcspn(language, "-_"));
}

static void put_hints(struct object *o, const char *language)
{
    if (!language)
        return;
    buffer_puts(member(o, "language_hints"), "[");
    put_language(o->out, language);
    buffer_puts(o->out, "]");
}

/* Of the channels that are wished for, those the recording has; the first one if it has none of them. */
static void put_channels(struct object *o, const struct request *r)
{
    const char *list = r->wishes->channels ? r->wishes->channels : "0";
    bool all = strcmp(list, "all") == 0;
    int count = 0;
    buffer_puts(member(o, "channel_id"), "[");
    for (int i = 0; all && i < r->channels && i < MOST_CHANNELS; i++)
        buffer_printf(o->out, "%s%d", count++ ? "," : "", i);
    for (const char *at = all ? "" : list; *at; at += *at == ',') {
        char *end;
        long n = strtol(at, &end, 10);
        if (r->channels < 1 || n < r->channels)
            buffer_printf(o->out, "%s%ld", count++ ? "," : "", n);
        at = end;
    }
    buffer_puts(o->out, count ? "]" : "0]");
}

/* ---- tasks ---- */

/* The documentation calls the filter an object in one place and a text that holds JSON in another. */
static void put_filter(struct object *o, const struct dashscope_wishes *w)
{
    if (!w->word_filter)
        return;
    member(o, "special_word_filter");
    if (w->word_filter_object)
        buffer_puts(o->out, w->word_filter);
    else
        json_out_string(o->out, w->word_filter);
}

static void task_parameters(struct object *o, const struct request *r)
{
    const struct dashscope_wishes *w = r->wishes;
    bool can_hint = r->model->features & FEATURE_LANGUAGE_HINT;
    put_channels(o, r);
    if (r->model->family == FAMILY_QWEN_FILETRANS) {
        if (w->language)
            put_language(member(o, "language"), w->language);
        put_flag(o, "enable_itn", w->itn);
        put_flag(o, "enable_words", w->words);
        return;
    }
    if (r->model->features & FEATURE_HOTWORDS)
        put_text(o, "vocabulary_id", r->vocabulary_id);
    put_filter(o, w);
    if (can_hint)
        put_hints(o, w->language);
    if (w->speakers)
        put_flag(o, "diarization_enabled", true);
    if (w->speakers && w->speaker_count)
        buffer_printf(member(o, "speaker_count"), "%d", w->speaker_count);
    if (r->model->family != FAMILY_PARAFORMER)
        return;
    if (w->disfluency)
        put_flag(o, "disfluency_removal_enabled", true);
    /* Documented as calibration of the times, and elsewhere as what switches them on at all. */
    if (w->alignment || !w->no_times)
        put_flag(o, "timestamp_alignment_enabled", true);
}

static void task_body(const struct request *r, struct buffer *out)
{
    struct object parameters = {out, false};
    bool single = r->model->family == FAMILY_QWEN_FILETRANS;
    buffer_puts(out, "{\"model\":");
    json_out_string(out, r->model->name);
    buffer_puts(out, single ? ",\"input\":{\"file_url\":" : ",\"input\":{\"file_urls\":[");
    json_out_string(out, r->audio);
    buffer_puts(out, single ? "},\"parameters\":{" : "]},\"parameters\":{");
    task_parameters(&parameters, r);
    buffer_puts(out, "}");
    /* The oldest models know lists of another kind ("phrase_id"), which go beside the parameters. */
    if (r->vocabulary_id && !(r->model->features & FEATURE_HOTWORDS)) {
        buffer_puts(out, ",\"resources\":[{\"resource_id\":");
        json_out_string(out, r->vocabulary_id);
        buffer_puts(out, ",\"resource_type\":\"asr_phrase\"}]");
    }
    buffer_puts(out, "}");
}

/* ---- direct calls ---- */

static void asr_options(struct object *o, const struct dashscope_wishes *w)
{
    struct object options = {o->out, false};
    buffer_puts(member(o, "asr_options"), "{");
    if (w->language)
        put_language(member(&options, "language"), w->language);
    put_flag(&options, "enable_itn", w->itn);
    buffer_puts(o->out, "}");
}

static void qwen_body(const struct request *r, struct buffer *out)
{
    struct object parameters = {out, false};
    buffer_puts(out, "{\"model\":");
    json_out_string(out, r->model->name);
    buffer_puts(out, ",\"input\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"audio\":");
    json_out_string(out, r->audio);
    buffer_puts(out, "}]}]},\"parameters\":{");
    if (r->call == CALL_STREAM)
        put_flag(&parameters, "incremental_output", true);
    asr_options(&parameters, r->wishes);
    buffer_puts(out, "}}");
}

static void put_context(void *context, bool reply, const char *text, size_t length)
{
    struct buffer *out = context;
    buffer_puts(out, reply ? "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
                           : "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":");
    json_out_text(out, text, length);
    buffer_puts(out, "}]},");
}

static void fun_flash_body(const struct request *r, struct buffer *out)
{
    struct object parameters = {out, false};
    buffer_puts(out, "{\"model\":");
    json_out_string(out, r->model->name);
    buffer_puts(out, ",\"input\":{\"messages\":[");
    if (r->wishes->context)
        context_each(r->wishes->context, put_context, out);
    buffer_puts(out, "{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":");
    json_out_string(out, r->audio);
    buffer_puts(out, "}}]}]},\"parameters\":{");
    put_text(&parameters, "format", r->format);
    if (r->sample_rate > 0)
        buffer_printf(member(&parameters, "sample_rate"), "\"%d\"", r->sample_rate);
    put_text(&parameters, "vocabulary_id", r->vocabulary_id);
    put_hints(&parameters, r->wishes->language);
    buffer_puts(out, "}}");
}

static void chat_body(const struct request *r, struct buffer *out)
{
    struct object body = {out, false};
    buffer_puts(out, "{");
    put_text(&body, "model", r->model->name);
    buffer_puts(member(&body, "messages"),
                "[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":");
    json_out_string(out, r->audio);
    buffer_puts(out, "}}]}]");
    put_flag(&body, "stream", r->call == CALL_CHAT_STREAM);
    if (r->call == CALL_CHAT_STREAM)
        buffer_puts(member(&body, "stream_options"), "{\"include_usage\":true}");
    asr_options(&body, r->wishes);
    buffer_puts(out, "}");
}

int request_body(const struct request *r, struct buffer *out)
{
    if (r->call == CALL_TASK)
        task_body(r, out);
    else if (r->call == CALL_CHAT || r->call == CALL_CHAT_STREAM)
        chat_body(r, out);
    else if (r->model->family == FAMILY_FUN_ASR_FLASH)
        fun_flash_body(r, out);
    else
        qwen_body(r, out);
    return buffer_error(out);
}

const char *request_path(enum model_call call)
{
    switch (call) {
    case CALL_TASK:
        return "/api/v1/services/audio/asr/transcription";
    case CALL_CHAT:
    case CALL_CHAT_STREAM:
        return "/compatible-mode/v1/chat/completions";
    case CALL_SYNC:
    case CALL_STREAM:
        break;
    }
    return "/api/v1/services/aigc/multimodal-generation/generation";
}

/* ---- base64 ---- */

int request_data_uri(int fd, const char *media_type, int64_t most, struct buffer *out)
{
    enum { CHUNK = 3 * 4096 };
    unsigned char bytes[CHUNK], text[CHUNK / 3 * 4 + 1];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (st.st_size > most)
        return -EFBIG;
    buffer_printf(out, "data:%s;base64,", media_type);
    for (off_t at = 0; at < st.st_size;) {
        size_t have = 0;
        while (have < CHUNK && at + (off_t)have < st.st_size) {
            ssize_t n = pread(fd, bytes + have, CHUNK - have, at + (off_t)have);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return n < 0 ? -errno : -ESTALE;
            have += (size_t)n;
        }
        at += (off_t)have;
        int len = EVP_EncodeBlock(text, bytes, (int)have);
        buffer_add(out, text, (size_t)len);
    }
    return buffer_error(out);
}
