/* Drawing in place with three control sequences every terminal since the VT100 knows. */
#include "fs/ctl/screen.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "backend/base/buffer.h"
#include "backend/base/utf8.h"

bool screen_is_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

bool screen_has_colours(void)
{
    const char *no = getenv("NO_COLOR");
    return screen_is_terminal() && !(no && *no);
}

void screen_size(int *width, int *rows)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        size = (struct winsize){0};
    *width = size.ws_col > 0 ? size.ws_col : 80;
    *rows = size.ws_row > 0 ? size.ws_row : 24;
}

static int columns_of(uint32_t c)
{
    int n = wcwidth((wchar_t)c);
    return n >= 0 ? n : 1;
}

/* The next character or colour, and how wide it is. */
static size_t next_of(const char *text, size_t len, int *columns)
{
    uint32_t c;
    const char *end = text[0] == '\033' ? memchr(text, 'm', len) : NULL;
    if (end) {
        *columns = 0;
        return (size_t)(end - text) + 1;
    }
    size_t n = utf8_next(text, len, &c);
    *columns = columns_of(c);
    return n;
}

int text_columns(const char *text, size_t len)
{
    int columns = 0;
    for (size_t i = 0; i < len;) {
        int wide;
        i += next_of(text + i, len - i, &wide);
        columns += wide;
    }
    return columns;
}

size_t text_cut(const char *text, size_t len, int columns)
{
    size_t i = 0;
    while (i < len) {
        int wide;
        size_t n = next_of(text + i, len - i, &wide);
        columns -= wide;
        if (columns < 0)
            break;
        i += n;
    }
    return i;
}

static void write_all(const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody looks any more */
        data += n;
        len -= (size_t)n;
    }
}

void screen_draw(struct screen *s, const char *text)
{
    cleanup_buffer struct buffer out = {0};
    int width, rows, lines = 0;
    screen_size(&width, &rows);
    /* After the terminal became narrower the old lines have been wrapped: how far to go up is not known. */
    if (s->lines > 0 && width >= s->width)
        buffer_printf(&out, "\033[%dA", s->lines);
    for (const char *end; text && lines < rows - 1 && (end = strchr(text, '\n')); text = end + 1, lines++) {
        /* The last column stays free: some terminals wrap as soon as it is filled. */
        buffer_add(&out, text, text_cut(text, (size_t)(end - text), width - 1));
        buffer_puts(&out, memchr(text, '\033', (size_t)(end - text)) ? "\033[0m\033[K\n" : "\033[K\n");
    }
    buffer_puts(&out, "\033[J");
    if (buffer_error(&out) == 0)
        write_all(out.data, out.len);
    s->lines = lines;
    s->width = width;
}
