/* Text files of people, made readable. */
#include "fs/inbox/user_text.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include <unistr.h>

#include "backend/base/cleanup.h"

static int convert(const char *from, const char *data, size_t len, char **out)
{
    iconv_t cd = iconv_open("UTF-8", from);
    if (cd == (iconv_t)-1)
        return -errno;
    size_t room = len * 3, left = room;
    char *to = malloc(room + 1), *in = (char *)data, *end = to;
    size_t rc = to ? iconv(cd, &in, &len, &end, &left) : (size_t)-1;
    iconv_close(cd);
    if (!to)
        return -ENOMEM;
    if (rc == (size_t)-1) {
        free(to);
        return -EILSEQ;
    }
    *end = '\0';
    *out = to;
    return 0;
}

/* "\r\n" and "\r" become "\n". */
static void plain_line_ends(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        if (p[0] == '\r' && p[1] == '\n')
            continue;
        *to++ = *p == '\r' ? '\n' : *p;
    }
    *to = '\0';
}

int user_text(const char *data, size_t len, char **out)
{
    const unsigned char *b = (const unsigned char *)data;
    int rc;
    *out = NULL;
    if (len >= 2 && b[0] == 0xff && b[1] == 0xfe) {
        rc = convert("UTF-16LE", data + 2, len - 2, out);
    } else if (len >= 2 && b[0] == 0xfe && b[1] == 0xff) {
        rc = convert("UTF-16BE", data + 2, len - 2, out);
    } else {
        size_t mark = len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        bool is_utf8 = !u8_check((const uint8_t *)data + mark, len - mark);
        rc = convert(is_utf8 ? "UTF-8" : "WINDOWS-1252", data + mark, len - mark, out);
        if (rc == 0 && memchr(data, '\0', len))
            rc = -EILSEQ;
    }
    if (rc != 0) {
        free(*out);
        *out = NULL;
        return rc;
    }
    plain_line_ends(*out);
    return 0;
}

static char *trim(char *line)
{
    line += strspn(line, " \t");
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
        line[--n] = '\0';
    return line;
}

char *user_text_line(char **text)
{
    char *line = *text;
    if (!line || !*line)
        return NULL;
    char *end = strchr(line, '\n');
    *text = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    return trim(line);
}
