/* Reads subtitles: a line with two times, and the lines up to an empty one. */
#include "backend/openai/subtitles.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/json_in.h"
#include "backend/transcript.h"

/* "01:02:03,450", "02:03.450"; hours may have more digits. NULL: it is none. */
static const char *read_time(const char *text, int64_t *ms)
{
    int64_t parts[3] = {0}, fraction = 0;
    int count = 0, digits = 0;
    while (*text == ' ')
        text++;
    for (; count < 3; count++) {
        char *end;
        if (*text < '0' || *text > '9')
            return NULL;
        parts[count] = strtol(text, &end, 10);
        text = end;
        if (*text != ':') {
            count++;
            break;
        }
        text++;
    }
    if (count < 2 || (*text != '.' && *text != ','))
        return NULL;
    for (text++; *text >= '0' && *text <= '9'; text++, digits++)
        if (digits < 3)
            fraction = fraction * 10 + (*text - '0');
    for (; digits < 3; digits++)
        fraction *= 10;
    int64_t hours = count == 3 ? parts[0] : 0, minutes = parts[count - 2], seconds = parts[count - 1];
    if (hours > 10000 || minutes > 59 || seconds > 59)
        return NULL;
    *ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + fraction;
    return text;
}

static bool read_times(const char *line, int64_t *begin, int64_t *end)
{
    const char *at = read_time(line, begin);
    if (!at)
        return false;
    at += strspn(at, " \t");
    return strncmp(at, "-->", 3) == 0 && read_time(at + 3, end) && *end >= *begin;
}

bool openai_is_subtitles(const char *text)
{
    int64_t begin, end;
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3;
    if (strncmp(text, "WEBVTT", 6) == 0 && strchr("\r\n \t", text[6]))
        return true;
    text += strspn(text, " \r\n");
    size_t number = strspn(text, "0123456789"), line = number + strspn(text + number, " \r\n");
    return number && line > number && read_times(text + line, &begin, &end);
}

/* Without <b>, <v Name> and the like. */
static void add_line(struct buffer *out, const char *line, size_t len)
{
    if (out->len)
        buffer_add(out, " ", 1);
    for (size_t i = 0; i < len; i++) {
        if (line[i] == '<' && memchr(line + i, '>', len - i))
            i += (size_t)((const char *)memchr(line + i, '>', len - i) - (line + i));
        else
            buffer_add(out, line + i, 1);
    }
}

static int add_cue(struct transcript *t, const struct buffer *text, int64_t begin, int64_t end)
{
    char *trimmed = text_trimmed(text->data ? text->data : "");
    if (!trimmed || buffer_error(text)) {
        free(trimmed);
        return -ENOMEM;
    }
    struct sentence *s = trimmed[0] ? transcript_add_sentence(t) : NULL;
    if (!s) {
        int rc = trimmed[0] ? -ENOMEM : 0;
        free(trimmed);
        return rc;
    }
    s->begin_ms = begin;
    s->end_ms = end;
    s->text = trimmed;
    return 0;
}

int openai_add_subtitles(struct transcript *t, const char *text)
{
    struct buffer cue cleanup_buffer = {0};
    int64_t begin = 0, end = 0, next_begin, next_end;
    bool in_cue = false;
    int rc = 0;
    while (rc == 0) {
        size_t len = strcspn(text, "\r\n");
        bool times = read_times(text, &next_begin, &next_end);
        if (in_cue && (times || !len)) {
            rc = add_cue(t, &cue, begin, end);
            in_cue = false;
        }
        if (times) {
            buffer_clear(&cue);
            begin = next_begin;
            end = next_end;
            in_cue = true;
        } else if (in_cue) {
            add_line(&cue, text, len);
        }
        text += len;
        if (!*text)
            break;
        text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
    }
    return rc || !in_cue ? rc : add_cue(t, &cue, begin, end);
}
