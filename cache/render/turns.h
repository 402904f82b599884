/* A transcript as turns to read: paragraphs, each with who speaks, since when, and how. A loop is shown once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/render/token.h"
#include "cache/render/voices.h"

struct buffer;
struct render_look;
struct transcript;

struct turn {
    size_t first, count; /* tokens */
    int64_t begin_ms, end_ms;
    int channel, speaker;
    const char *emotion; /* the transcript's; "" when neutral, unknown, or not wished for */
};

struct turns {
    struct tokens tokens; /* of a loop only those of its first sentence */
    size_t *times; /* by token: how often its sentence was said in a row, at the last one of a loop; otherwise
                      0. NULL: there is no loop */
    struct turn *items;
    size_t count, capacity;
    struct voices voices;
};

/* Fills *out (zeroed). `look` may be NULL. 0 or -ENOMEM; clear it in any case. The transcript must stay. */
int turns_of(const struct transcript *t, const struct render_look *look, struct turns *out);
void turns_clear(struct turns *turns);
#define cleanup_turns __attribute__((cleanup(turns_clear)))

/* Appends the words, through `escape` (NULL: as they are), with a note where a loop was cut short unless
 * `words_only`. */
void turns_put_text(const struct turns *turns, size_t i, bool words_only,
                    void (*escape)(struct buffer *out, const char *text, size_t len), struct buffer *out);
/* Appends the note after a token, " [said 5 times in a row]", or nothing. */
void turns_put_note(const struct turns *turns, size_t token, struct buffer *out);
/* Appends who speaks and how: "Speaker 1 (happy)", "Channel 2", "(happy)" or nothing. True if a name is
 * there. */
bool turns_put_voice(const struct turns *turns, size_t i, struct buffer *out);

/* Appends "hh:mm:ss", which never wraps. */
void turns_put_time(int64_t ms, struct buffer *out);
