/* Server-sent events (HTML standard, section 9.2), and two habits of the service: the HTTP status of an event
 * in a comment, or in a field of its own. */
#include "backend/sse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int dispatch(struct sse *sse, bool cut, int (*fn)(void *context, const struct sse_event *event),
                    void *context)
{
    int rc = 0;
    if (sse->has_data)
        rc = fn(context,
                &(struct sse_event){.type = sse->type,
                                    .data = sse->data.data ? sse->data.data : "",
                                    .length = sse->data.len,
                                    .status = sse->status_comment ? sse->status_comment : sse->status_line,
                                    .cut = cut});
    sse->data.len = 0;
    if (sse->data.data)
        sse->data.data[0] = '\0';
    sse->type[0] = '\0';
    sse->status_comment = sse->status_line = 0;
    sse->has_data = false;
    return rc;
}

static int to_status(const char *text)
{
    long n = strtol(text, NULL, 10);
    return n >= 100 && n <= 599 ? (int)n : 0;
}

static void field(struct sse *sse, const char *name, size_t name_len, const char *value)
{
    if (name_len == 4 && memcmp(name, "data", 4) == 0) {
        if (sse->has_data)
            buffer_add(&sse->data, "\n", 1);
        buffer_puts(&sse->data, value);
        sse->has_data = true;
    } else if (name_len == 5 && memcmp(name, "event", 5) == 0) {
        snprintf(sse->type, sizeof sse->type, "%s", value);
    } else if (name_len == 6 && memcmp(name, "status", 6) == 0) {
        sse->status_line = to_status(value);
    }
}

static int end_line(struct sse *sse, int (*fn)(void *context, const struct sse_event *event), void *context)
{
    const char *line = sse->line.data ? sse->line.data : "";
    int rc = 0;
    if (!sse->begun && strncmp(line, "\xEF\xBB\xBF", 3) == 0)
        line += 3;
    sse->begun = true;
    if (!*line) {
        rc = dispatch(sse, false, fn, context);
    } else if (*line == ':') {
        const char *mark = ":HTTP_STATUS/";
        if (strncmp(line, mark, strlen(mark)) == 0)
            sse->status_comment = to_status(line + strlen(mark));
    } else {
        size_t name = strcspn(line, ":");
        const char *value = line[name] ? line + name + 1 : "";
        field(sse, line, name, *value == ' ' ? value + 1 : value);
    }
    sse->line.len = 0;
    if (sse->line.data)
        sse->line.data[0] = '\0';
    return rc;
}

int sse_feed(struct sse *sse, const char *bytes, size_t length,
             int (*fn)(void *context, const struct sse_event *event), void *context)
{
    for (size_t i = 0; i < length;) {
        if (sse->after_cr && bytes[i] == '\n') {
            sse->after_cr = false;
            i++;
            continue;
        }
        sse->after_cr = false;
        size_t n = 0;
        while (i + n < length && bytes[i + n] != '\n' && bytes[i + n] != '\r')
            n++;
        if (sse->line.len + sse->data.len + n > sse->limit)
            return -EMSGSIZE;
        buffer_add(&sse->line, bytes + i, n);
        i += n;
        if (i == length)
            break;
        sse->after_cr = bytes[i++] == '\r';
        int rc = end_line(sse, fn, context);
        if (rc)
            return rc;
    }
    return buffer_error(&sse->line) ? -ENOMEM : buffer_error(&sse->data);
}

int sse_end(struct sse *sse, int (*fn)(void *context, const struct sse_event *event), void *context)
{
    int rc = sse->line.len ? end_line(sse, fn, context) : 0;
    return rc ? rc : dispatch(sse, true, fn, context);
}

void sse_clear(struct sse *sse)
{
    buffer_clear(&sse->line);
    buffer_clear(&sse->data);
    *sse = (struct sse){.limit = sse->limit};
}
