/* Transcription requests: a form as OpenAI documents it (openai-openapi of August 2026), kept to the fields
 * that other servers know or ignore. */
#include "backend/openai/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/publish/media_type.h"

/* ---- the ladder ---- */

static bool has(const char *model, const char *part)
{
    return model && strcasestr(model, part);
}

/* OpenAI's newer models answer with a text only; one of them with speakers. Everything else is taken for a
 * Whisper. */
static bool is_text_only(const char *model)
{
    return has(model, "gpt-4o") || has(model, "gpt-transcribe");
}

enum openai_mode openai_first_mode(const struct openai_wishes *w)
{
    switch (w->format) {
    case OPENAI_VERBOSE_JSON:
        return w->words ? MODE_VERBOSE_WORDS : MODE_VERBOSE;
    case OPENAI_DIARIZED_JSON:
        return MODE_DIARIZED;
    case OPENAI_JSON:
        return MODE_JSON;
    case OPENAI_TEXT:
        return MODE_TEXT;
    case OPENAI_SRT:
        return MODE_SRT;
    case OPENAI_VTT:
        return MODE_VTT;
    case OPENAI_AUTO:
        break;
    }
    if (has(w->model, "diarize"))
        return MODE_DIARIZED;
    if (is_text_only(w->model))
        return MODE_JSON;
    return w->words ? MODE_VERBOSE_WORDS : MODE_VERBOSE;
}

bool openai_next_mode(const struct openai_wishes *w, enum openai_mode *mode)
{
    bool automatic = w->format == OPENAI_AUTO;
    switch (*mode) {
    case MODE_VERBOSE_WORDS:
        *mode = MODE_VERBOSE;
        return automatic || w->format == OPENAI_VERBOSE_JSON;
    case MODE_VERBOSE:
    case MODE_DIARIZED:
        *mode = MODE_JSON;
        return automatic;
    case MODE_JSON:
        *mode = MODE_TEXT;
        return automatic;
    case MODE_TEXT:
    case MODE_SRT:
    case MODE_VTT:
        break;
    }
    return false;
}

/* The service says 1400 s, and said 1500 s before. */
int64_t openai_model_seconds(const char *model)
{
    return is_text_only(model) ? 1380 : 0;
}

/* ---- addresses ---- */

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len >= n && memcmp(text + len - n, end, n) == 0;
}

char *openai_address(const char *url)
{
    size_t path = strcspn(url, "?#"), len = path;
    char *address;
    while (len && url[len - 1] == '/')
        len--;
    bool whole = ends_with(url, len, "/audio/transcriptions") || ends_with(url, len, "/inference");
    if (asprintf(&address, "%.*s%s%s", (int)len, url, whole ? "" : "/audio/transcriptions", url + path) < 0)
        return NULL;
    return address;
}

char *openai_host(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    return strndup(host, strcspn(host, "/?#"));
}

/* ---- the form ---- */

static void add(struct openai_form *form, const char *name, const char *value)
{
    if (value && form->count < OPENAI_PARTS)
        form->parts[form->count++] = (struct http_part){.name = name, .value = value};
}

static const char *format_name(enum openai_mode mode)
{
    static const char *const names[] = {[MODE_VERBOSE_WORDS] = "verbose_json",
                                        [MODE_VERBOSE] = "verbose_json",
                                        [MODE_DIARIZED] = "diarized_json",
                                        [MODE_JSON] = "json",
                                        [MODE_TEXT] = "text",
                                        [MODE_SRT] = "srt",
                                        [MODE_VTT] = "vtt"};
    return names[mode];
}

/* Servers know languages without country or script: "en" for "en-GB". */
static const char *bare_language(const char *language, char *into, size_t size)
{
    if (!language || strcspn(language, "-_") >= size)
        return NULL;
    snprintf(into, size, "%.*s", (int)strcspn(language, "-_"), language);
    return into;
}

void openai_form(const struct openai_wishes *w, enum openai_mode mode, const char *name,
                 const struct http_range *file, struct openai_form *form)
{
    form->count = 0;
    add(form, "model", w->model ? w->model : "whisper-1");
    add(form, "response_format", format_name(mode));
    add(form, "language", bare_language(w->language, form->language, sizeof form->language));
    if (mode == MODE_DIARIZED)
        add(form, "chunking_strategy", "auto"); /* demanded for more than 30 s; a prompt is refused */
    else
        add(form, "prompt", w->prompt);
    if (w->temperature >= 0) {
        int thousandths = (int)(w->temperature * 1000 + 0.5);
        snprintf(form->temperature, sizeof form->temperature, "%d.%03d", thousandths / 1000,
                 thousandths % 1000);
        add(form, "temperature", form->temperature);
    }
    if (mode == MODE_VERBOSE_WORDS) {
        add(form, "timestamp_granularities[]", "word");
        add(form, "timestamp_granularities[]", "segment");
    }
    if (w->stream)
        add(form, "stream", "true");
    /* The recording's own name is nobody's business there. */
    const char *extension = media_extension(name);
    snprintf(form->file_name, sizeof form->file_name, "recording%s", extension[0] ? extension : ".wav");
    form->parts[form->count++] = (struct http_part){.name = "file",
                                                    .file = *file,
                                                    .file_name = form->file_name,
                                                    .content_type = media_type(form->file_name)};
}

size_t openai_form_bytes(const struct openai_wishes *w)
{
    return 4096 + (w->prompt ? strlen(w->prompt) : 0) + (w->model ? strlen(w->model) : 0);
}
