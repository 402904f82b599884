/* What a search found, as text. */
#include "fs/inbox/hits.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "cache/search.h"
#include "fs/inbox/status.h"
#include "fs/inbox/wording.h"

static void put_time(int64_t ms, struct buffer *out)
{
    int64_t s = ms > 0 ? ms / 1000 : 0;
    buffer_printf(out, "%lld:%02d:%02d", (long long)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
}

void hits_head(const struct wording *w, const char *words, size_t recordings, const struct search_answer *answer,
               struct buffer *out)
{
    if (answer->error) {
        buffer_puts(out, say(w, "The search could not be made. Try again in a moment."));
    } else {
        cleanup_buffer struct buffer safe = {0};
        status_escape(words, &safe);
        const char *text = safe.data ? safe.data : "";
        if (recordings == 0)
            buffer_printf(out, say(w, "Nothing was found: %s"), text);
        else
            buffer_printf(out, say_count(w, "Found in %zu recording: %s", "Found in %zu recordings: %s", recordings),
                          recordings, text);
    }
    buffer_puts(out, "\n");
    if (answer->more || answer->late) {
        buffer_puts(out, say(w, "There are more than these. Add a word to find fewer."));
        buffer_puts(out, "\n");
    }
    if (answer->building) {
        buffer_puts(out, say(w, "Not all transcripts have been read yet. Look again in a moment."));
        buffer_puts(out, "\n");
    }
}

static void put_part(const char *text, size_t length, struct buffer *out)
{
    cleanup_free char *part = strndup(text, length);
    status_escape(part ? part : "", out);
}

void hits_of(const struct wording *w, const char *path, const struct search_found *found, struct buffer *out)
{
    buffer_puts(out, "\n");
    status_escape(path, out);
    buffer_puts(out, "\n");
    for (size_t i = 0; i < found->count; i++) {
        const struct search_hit *hit = &found->hits[i];
        buffer_puts(out, "  ");
        put_time(hit->at_ms, out);
        buffer_puts(out, "  ");
        put_part(hit->text, hit->mark, out);
        buffer_puts(out, "[");
        put_part(hit->text + hit->mark, hit->mark_length, out);
        buffer_puts(out, "]");
        put_part(hit->text + hit->mark + hit->mark_length, strlen(hit->text + hit->mark + hit->mark_length), out);
        buffer_puts(out, "\n");
    }
    if (found->more)
        buffer_printf(out, "  %s\n", say(w, "and more"));
}
