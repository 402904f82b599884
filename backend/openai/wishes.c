/* Wishes to JSON and back. Only what differs from the default is written, in a fixed order. */
#include "backend/openai/wishes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/json_in.h"

const char *const openai_format_names[] = {"auto", "verbose_json", "diarized_json", "json",
                                           "text", "srt",          "vtt",           NULL};

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.memory", "out of memory");
}

/* ---- writing ---- */

static void write_text(struct buffer *out, const char *key, const char *text)
{
    if (!text)
        return;
    buffer_printf(out, ",\"%s\":", key);
    json_out_string(out, text);
}

/* The order is that of the JSON: never change it, results are found by these bytes. */
int openai_wishes_write(const struct openai_wishes *w, struct buffer *out, struct error *err)
{
    buffer_puts(out, "{\"backend\":\"openai\"");
    write_text(out, "url", w->url);
    write_text(out, "model", w->model ? w->model : "whisper-1");
    write_text(out, "language", w->language);
    write_text(out, "prompt", w->prompt);
    if (w->temperature >= 0) {
        buffer_puts(out, ",\"temperature\":");
        json_out_decimal(out, llround(w->temperature * 1000), 3);
    }
    if (w->format != OPENAI_AUTO)
        write_text(out, "format", openai_format_names[w->format]);
    buffer_printf(out, "%s%s}", w->words ? ",\"words\":true" : "", w->stream ? ",\"stream\":true" : "");
    return buffer_error(out) ? out_of_memory(err) : 0;
}

/* ---- reading ---- */

static int copy_texts(struct openai_wishes *w, struct error *err)
{
    const char **texts[] = {&w->url, &w->model, &w->language, &w->prompt};
    bool failed = false;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = *texts[i];
        *texts[i] = text && *text ? strdup(text) : NULL;
        failed |= text && *text && !*texts[i];
    }
    return failed ? out_of_memory(err) : 0;
}

static enum openai_format format_of(const char *name)
{
    for (int i = 0; name && openai_format_names[i]; i++)
        if (strcmp(openai_format_names[i], name) == 0)
            return (enum openai_format)i;
    return OPENAI_AUTO;
}

int openai_wishes_read(const char *text, struct openai_wishes *out, struct error *err)
{
    *out = (struct openai_wishes){.temperature = -1};
    cJSON *json cleanup_json = json_parse(text, strlen(text), err);
    const cJSON *temperature = json_get(json, "temperature");
    if (!json_text(json, "url"))
        return error_set(err, ERROR_PERMANENT, EBADMSG, "cloud.settings",
                         "the frozen settings of this job cannot be read");
    *out = (struct openai_wishes){.url = json_text(json, "url"),
                                  .model = json_text(json, "model"),
                                  .language = json_text(json, "language"),
                                  .prompt = json_text(json, "prompt"),
                                  .temperature = cJSON_IsNumber(temperature) ? temperature->valuedouble : -1,
                                  .format = format_of(json_text(json, "format")),
                                  .words = cJSON_IsTrue(json_get(json, "words")),
                                  .stream = cJSON_IsTrue(json_get(json, "stream"))};
    return copy_texts(out, err);
}

int openai_wishes_copy(const struct openai_wishes *from, struct openai_wishes *out, struct error *err)
{
    *out = *from;
    return copy_texts(out, err);
}

void openai_wishes_clear(struct openai_wishes *w)
{
    const char *texts[] = {w->url, w->model, w->language, w->prompt};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((void *)(uintptr_t)texts[i]);
    *w = (struct openai_wishes){.temperature = -1};
}
