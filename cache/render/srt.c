/* The .srt view: SubRip, as strict as the strictest reader. Numbers from 1, one empty line after each cue; LF
 * and no byte order mark unless the look says otherwise. */
#include "cache/render/render.h"

#include <inttypes.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/cue.h"
#include "cache/render/line_ends.h"
#include "cache/render/look.h"

#define EMPTY_MS 2000

static void add_time(struct buffer *out, int64_t ms)
{
    buffer_printf(out, "%02" PRId64 ":%02d:%02d,%03d", ms / 3600000, (int)(ms / 60000 % 60),
                  (int)(ms / 1000 % 60), (int)(ms % 1000));
}

/* Number and times. */
static void begin_cue(struct buffer *out, size_t number, int64_t begin_ms, int64_t end_ms)
{
    buffer_printf(out, "%zu\n", number);
    add_time(out, begin_ms);
    buffer_puts(out, " --> ");
    add_time(out, end_ms);
    buffer_puts(out, "\n");
}

int render_srt(const struct transcript *t, const struct render_source *source, struct buffer *out)
{
    const struct render_look *look = source ? source->look : NULL; /* SubRip has no place for provenance */
    size_t start = out->len;
    struct cues cues __attribute__((cleanup(cues_clear))) = {0};
    int rc = cues_of(t, &(struct cue_wishes){.look = look, .subrip = true}, &cues);
    if (rc)
        return rc;
    for (size_t i = 0; i < cues.count; i++) {
        begin_cue(out, i + 1, cues.items[i].begin_ms, cues.items[i].end_ms);
        cue_put(&cues, &cues.items[i], out);
        buffer_puts(out, "\n\n");
    }
    if (!cues.count && !(look && look->no_empty_cue)) { /* players call a file without a cue damaged */
        begin_cue(out, 1, 0, EMPTY_MS);
        buffer_printf(out, "[%s]\n\n", cues.voices.phrases->nothing);
    }
    return line_ends_apply(out, start, look);
}
