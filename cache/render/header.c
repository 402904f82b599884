/* What a text says about its recording before the first word. */
#include "cache/render/header.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "backend/transcript.h"
#include "cache/render/phrases.h"
#include "cache/render/render.h"
#include "cache/render/text.h"
#include "cache/render/voices.h"

static void add_date(int64_t recorded_ms, struct buffer *out)
{
    time_t seconds = (time_t)(recorded_ms / 1000);
    struct tm local;
    char text[64];
    if (recorded_ms > 0 && localtime_r(&seconds, &local) &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M", &local))
        buffer_puts(out, text);
}

static void add_duration(int64_t ms, struct buffer *out)
{
    int64_t seconds = ms / 1000 + (ms % 1000 >= 500);
    if (ms >= 0)
        buffer_printf(out, "%" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
                      (int)(seconds % 60));
}

/* Those who speak, by number; without any, the channels, if there are several. */
static void add_voices(const struct transcript *t, const struct voices *v, struct buffer *out)
{
    bool speakers = voices_next_speaker(t, -1) >= 0;
    int (*next)(const struct transcript *, int) = speakers ? voices_next_speaker : voices_next_channel;
    if (!speakers && !v->channels)
        return;
    for (int n = next(t, -1); n >= 0; n = next(t, n)) {
        buffer_puts(out, out->len ? v->phrases->between : "");
        voices_put(v, speakers ? n : -1, n, out);
    }
}

/* "Vosk (small-en-us-0.15)", "fun-asr (Alibaba Cloud Model Studio)" */
static void add_engine(const struct transcript *t, struct buffer *out)
{
    static const char *const names[][2] = {
        {"vosk", "Vosk"}, {"pocketsphinx", "PocketSphinx"}, {"Model Studio", "Alibaba Cloud Model Studio"}};
    const char *engine = t->engine;
    for (size_t i = 0; engine && i < sizeof names / sizeof *names; i++) {
        if (strcmp(engine, names[i][0]) == 0)
            engine = names[i][1];
    }
    bool local = t->provider && strcmp(t->provider, "local") == 0;
    const char *first = local || !t->model ? engine : t->model,
               *second = local || !t->model ? t->model : engine;
    text_clean(out, first ? first : second);
    if (!first || !second || strcmp(first, second) == 0)
        return;
    buffer_puts(out, " (");
    text_clean(out, second);
    buffer_puts(out, ")");
}

void header_put_title(const struct render_source *source, struct buffer *out)
{
    if (!source || !source->name)
        return;
    const char *dot = strrchr(source->name, '.');
    text_put_name(out, source->name,
                  dot && dot > source->name ? (size_t)(dot - source->name) : strlen(source->name));
}

int header_of(const struct transcript *t, const struct render_source *source, struct header *out)
{
    struct voices voices = voices_of(t, source ? source->look : NULL);
    const struct phrases *p = voices.phrases;
    bool speakers = voices_next_speaker(t, -1) >= 0;
    const char *const labels[HEADER_LINES] = {p->date, p->duration, p->language,
                                              speakers ? p->speakers : p->channels, p->engine};
    struct buffer values[HEADER_LINES] = {0};
    header_put_title(source, &out->title);
    add_date(source ? source->recorded_ms : 0, &values[0]);
    add_duration(t->duration_ms, &values[1]);
    if (t->language && strcmp(t->language, "und") != 0)
        phrases_put_language(t->language, &values[2]);
    add_voices(t, &voices, &values[3]);
    add_engine(t, &values[4]);

    int rc = buffer_error(&out->title);
    for (size_t i = 0; i < HEADER_LINES; i++) {
        rc = rc ? rc : buffer_error(&values[i]);
        if (values[i].len)
            out->lines[out->count++] = (struct header_line){labels[i], values[i]};
        else
            buffer_clear(&values[i]);
    }
    return rc;
}

void header_clear(struct header *header)
{
    buffer_clear(&header->title);
    for (size_t i = 0; i < header->count; i++)
        buffer_clear(&header->lines[i].value);
    *header = (struct header){0};
}
