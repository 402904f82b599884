/* A multipart/form-data body. */
#include "tests/emulator/form.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/memory.h"

/* The value of `name="…"` (or unquoted) in a header's value; the caller frees. */
static char *attribute(const char *header, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = strchr(header, ';'); p; p = strchr(p, ';')) {
        p += 1 + strspn(p + 1, " \t");
        if (strncasecmp(p, name, len) || p[len] != '=')
            continue;
        p += len + 1;
        return *p == '"' ? xstrndup(p + 1, strcspn(p + 1, "\"")) : xstrndup(p, strcspn(p, "; \t\r"));
    }
    return NULL;
}

static char *header_value(const char *headers, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = headers; *p; p = strstr(p, "\r\n") + 2) {
        if (!strncasecmp(p, name, len) && p[len] == ':') {
            const char *value = p + len + 1 + strspn(p + len + 1, " \t");
            return xstrndup(value, strcspn(value, "\r"));
        }
        if (!strstr(p, "\r\n"))
            break;
    }
    return NULL;
}

static bool add_part(struct form *f, const char *headers, const char *data, size_t len)
{
    cleanup_free char *disposition = header_value(headers, "Content-Disposition");
    if (!disposition || strncasecmp(disposition, "form-data", 9))
        return false;
    char *name = attribute(disposition, "name");
    if (!name)
        return false;
    if (!strcmp(name, "file")) {
        if (!f->files++) {
            f->file = data;
            f->file_len = len;
            f->file_name = attribute(disposition, "filename");
            f->file_type = header_value(headers, "Content-Type");
        }
        free(name);
    } else if (f->files) {
        f->fields_after++;
        free(name);
    } else {
        pairs_add_owned(&f->fields, name, xstrndup(data, len));
    }
    return true;
}

bool form_parse(struct form *f, const char *content_type, const char *body, size_t len)
{
    *f = (struct form){0};
    cleanup_free char *boundary = attribute(content_type, "boundary");
    if (!boundary || !*boundary || strlen(boundary) > 70)
        return false;
    cleanup_free char *opening = xprintf("--%s", boundary), *separator = xprintf("\r\n--%s", boundary);
    size_t opening_len = strlen(opening), separator_len = strlen(separator);
    const char *p = body, *end = body + len;
    if (len < opening_len || memcmp(p, opening, opening_len))
        return false;
    p += opening_len;
    while (end - p >= 2 && !memcmp(p, "\r\n", 2)) {
        p += 2;
        const char *blank = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
        if (!blank)
            return false;
        cleanup_free char *headers = xstrndup(p, (size_t)(blank - p) + 2);
        const char *data = blank + 4,
                   *stop = memmem(blank + 2, (size_t)(end - blank - 2), separator, separator_len);
        if (!stop)
            return false;
        size_t data_len = stop > data ? (size_t)(stop - data) : 0;
        if (!add_part(f, headers, data, data_len))
            return false;
        p = stop + separator_len;
    }
    return end - p >= 2 && !memcmp(p, "--", 2);
}

void form_free(struct form *f)
{
    pairs_clear(&f->fields);
    free(f->file_name);
    free(f->file_type);
}
