/* The .srt view: SubRip, as strict as the strictest reader. Numbers from 1, LF, one empty line after each
 * cue, no byte order mark. */
#include "cache/render/render.h"

#include <inttypes.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/cue.h"
#include "cache/render/language.h"
#include "cache/render/txt.h"

static void add_time(struct buffer *out, int64_t ms)
{
    buffer_printf(out, "%02" PRId64 ":%02d:%02d,%03d", ms / 3600000, (int)(ms / 60000 % 60),
                  (int)(ms / 1000 % 60), (int)(ms % 1000));
}

static void add_cue(struct buffer *out, size_t number, int64_t begin_ms, int64_t end_ms, const char *text,
                    size_t len)
{
    buffer_printf(out, "%zu\n", number);
    add_time(out, begin_ms);
    buffer_puts(out, " --> ");
    add_time(out, end_ms);
    buffer_puts(out, "\n");
    buffer_add(out, text, len);
    buffer_puts(out, "\n\n");
}

int render_srt(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    (void)source; /* SubRip has no place for provenance */
    struct cues cues __attribute__((cleanup(cues_clear))) = {0};
    int rc = cues_of(t, language_of(t), &cues);
    if (rc)
        return rc;
    for (size_t i = 0; i < cues.count; i++) {
        const struct cue *c = &cues.items[i];
        add_cue(out, i + 1, c->begin_ms, c->end_ms, cues.text.data + c->at, c->len);
    }
    if (!cues.count) /* players call a file without a cue damaged */
        add_cue(out, 1, 0, 2000, NO_SPEECH, sizeof NO_SPEECH - 1);
    return buffer_error(out);
}
