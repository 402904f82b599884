/* Who speaks in a transcript, and how each is called. */
#include "cache/render/voices.h"

#include <inttypes.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/language.h"
#include "cache/render/look.h"
#include "cache/render/text.h"

struct voices voices_of(const struct transcript *t, const struct render_look *look)
{
    return (struct voices){phrases_of(t), look, language_names_channels(t)};
}

bool voices_put(const struct voices *v, int speaker, int channel, struct buffer *out)
{
    if (speaker < 0 && !v->channels)
        return false;
    int number = speaker >= 0 ? speaker : channel < 0 ? 0 : channel;
    const struct look_names *names = !v->look       ? NULL
                                     : speaker >= 0 ? &v->look->speaker_names
                                                    : &v->look->channel_names;
    const char *given = names ? look_find_name(names, number) : NULL;
    size_t start = out->len;
    text_clean(out, given);
    if (out->len == start)
        buffer_printf(out, "%s%" PRId64, speaker >= 0 ? v->phrases->speaker : v->phrases->channel,
                      (int64_t)number + 1);
    return true;
}

void voices_put_channel(const struct voices *v, int channel, struct buffer *out)
{
    int number = channel < 0 ? 0 : channel;
    size_t start = out->len;
    text_clean(out, v->look ? look_find_name(&v->look->channel_names, number) : NULL);
    if (out->len == start)
        buffer_printf(out, "%" PRId64, (int64_t)number + 1);
}

int voices_next_speaker(const struct transcript *t, int last)
{
    int next = -1;
    for (size_t i = 0; i < t->sentence_count; i++) {
        int speaker = t->sentences[i].speaker;
        if (speaker > last && (next < 0 || speaker < next))
            next = speaker;
    }
    return next;
}

int voices_next_channel(const struct transcript *t, int last)
{
    int next = -1;
    for (size_t i = 0; i < t->sentence_count; i++) {
        int channel = t->sentences[i].channel < 0 ? 0 : t->sentences[i].channel;
        if (channel > last && (next < 0 || channel < next))
            next = channel;
    }
    return next;
}
