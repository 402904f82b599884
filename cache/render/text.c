/* Text as people see it: cleaning, joining, measuring. Unicode's tables come from libunistring. */
#include "cache/render/text.h"

#include <string.h>

#include <unictype.h>
#include <unigbrk.h>
#include <uniwidth.h>

#include "backend/base/buffer.h"
#include "backend/base/utf8.h"

#define MAX_TAG                                                                                              \
    40 /* bytes inside <| |>; the longest that SenseVoice and Whisper write have about half of it */

bool text_is_cjk(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x2E80, 0x303F}, /* radicals, description characters, punctuation */
        {0x3040, 0x312F}, /* hiragana, katakana, bopomofo */
        {0x3190, 0x4DBF}, /* annotations, strokes, enclosed, extension A */
        {0x4E00, 0x9FFF}, {0xF900, 0xFAFF},   {0xFE30, 0xFE4F}, /* vertical forms */
        {0xFF01, 0xFF9F}, /* full-width Latin and punctuation, half-width katakana */
        {0xFFE0, 0xFFE6}, {0x1B000, 0x1B16F}, {0x20000, 0x3FFFD},
    };
    if (c < ranges[0].first)
        return false;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    }
    return false;
}

bool text_is_spoken(uint32_t c)
{
    return !(c < 0x80 ? c <= ' ' : uc_is_property_white_space(c)) &&
           !uc_is_general_category(c, UC_PUNCTUATION);
}

bool text_is_silent(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t c;
        i += utf8_next(text + i, len - i, &c);
        if (text_is_spoken(c))
            return false;
    }
    return true;
}

uint32_t text_first(const char *text, size_t len)
{
    uint32_t c;
    utf8_next(text, len, &c);
    return c;
}

uint32_t text_last(const char *text, size_t len)
{
    size_t at = len - 1;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    return text_first(text + at, len - at);
}

bool text_needs_space(uint32_t last, uint32_t first)
{
    if (!text_is_cjk(last))
        return true;
    /* After 。 and the like nothing needs a space; between Han and Latin one is usual. */
    return !text_is_cjk(first) && !uc_is_general_category(last, UC_PUNCTUATION);
}

/* The length of an engine's tag at text, or 0. */
static size_t tag_length(const char *text, size_t len)
{
    if (len < 5 || text[0] != '<' || text[1] != '|')
        return 0;
    for (size_t i = 2; i + 1 < len && i <= 2 + MAX_TAG; i++) {
        if (text[i] == '|' && text[i + 1] == '>')
            return i > 2 ? i + 2 : 0;
        if (strchr("<>| \t\r\n", text[i]))
            return 0;
    }
    return 0;
}

static bool is_invisible(uint32_t c)
{
    return c == 0x00AD || c == 0x061C || c == 0x180E || c == 0x200B || c == 0x200E || c == 0x200F ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE0FFF);
}

/* Invisible by itself, but not what it does to the character before: the variants of a Chinese character
 * (Unicode Standard, 23.4), and the flags of England, Scotland, Wales and others (UTS #51, emoji tag sequences).
 */
static bool belongs_to(uint32_t last, uint32_t c)
{
    if (c >= 0xE0100 && c <= 0xE01EF)
        return text_is_cjk(last);
    return c >= 0xE0020 && c <= 0xE007F && (last == 0x1F3F4 || (last >= 0xE0020 && last <= 0xE007E));
}

static bool is_white(uint32_t c)
{
    return c <= 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0xA0 && uc_is_property_white_space(c));
}

static bool is_unbreakable_space(uint32_t c)
{
    return c == 0x00A0 || c == 0x202F;
}

static void add_character(struct buffer *out, uint32_t c)
{
    char bytes[4];
    buffer_add(out, bytes, utf8_put(c, bytes));
}

void text_clean(struct buffer *out, const char *raw)
{
    size_t len = raw ? strlen(raw) : 0;
    size_t start = out->len;
    uint32_t last = 0;  /* last character written */
    uint32_t space = 0; /* the space that comes before the next one */
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = tag_length(raw + i, len - i);
        if (n) {
            c = ' ';
        } else {
            n = utf8_next(raw + i, len - i, &c);
        }
        i += n;
        if (is_invisible(c) && (space || !belongs_to(last, c)))
            continue;
        if (is_white(c)) {
            space = is_unbreakable_space(c) && (!space || space == c) ? c : ' ';
            continue;
        }
        if (space && last && !(text_is_cjk(last) && text_is_cjk(c)))
            add_character(out, space);
        add_character(out, c);
        last = c;
        space = 0;
    }
    if (!out->failed && out->len > start && !text_is_visible(out->data + start, out->len - start)) {
        out->len = start;
        out->data[start] = '\0';
    }
}

void text_put_name(struct buffer *out, const char *name, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t c;
        i += utf8_next(name + i, len - i, &c);
        if (!is_invisible(c))
            add_character(out, is_white(c) ? ' ' : c);
    }
}

void text_clean_subtitle(struct buffer *out, const char *raw)
{
    struct buffer clean = {0};
    text_clean(&clean, raw);
    if (buffer_error(&clean))
        out->failed = true;
    for (size_t i = 0; i < clean.len; i++) {
        const char *p = clean.data + i; /* NUL-terminated, so p[1] and p[2] may be looked at */
        if (strncmp(p, "-->", 3) == 0) {
            buffer_puts(out, "→");
            i += 2;
        } else if (*p == '<') {
            buffer_puts(out, "‹");
        } else if (*p == '>') {
            buffer_puts(out, "›");
        } else if (*p == '{') {
            buffer_puts(out, "(");
        } else if (*p == '}') {
            buffer_puts(out, ")");
        } else if (*p == '\\' && (p[1] == 'N' || p[1] == 'n' || p[1] == 'h')) {
            buffer_puts(out, "/");
        } else {
            buffer_add(out, p, 1);
        }
    }
    buffer_clear(&clean);
}

/* The next grapheme cluster: its bytes and its columns. */
static size_t next_cluster(const char *text, size_t len, int *columns)
{
    const uint8_t *p = (const uint8_t *)text;
    if (p[0] < 0x80 && (len == 1 || p[1] < 0x80)) { /* plain ASCII: nothing can combine */
        *columns = 1;
        return 1;
    }
    size_t n = (size_t)(u8_grapheme_next(p, p + len) - p);
    int width = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c;
        i += utf8_next(text + i, n - i, &c);
        int w = uc_width(c, "UTF-8");
        width += w > 0 ? w : 0;
    }
    *columns = width < 1 ? 1 : width > 2 ? 2 : width;
    return n;
}

struct text_size text_measure(const char *text, size_t len)
{
    struct text_size size = {0};
    for (size_t i = 0; i < len;) {
        int columns;
        i += next_cluster(text + i, len - i, &columns);
        size.columns += columns;
        size.characters++;
    }
    return size;
}

size_t text_fit(const char *text, size_t len, int columns)
{
    int used = 0;
    for (size_t i = 0; i < len;) {
        int more;
        size_t n = next_cluster(text + i, len - i, &more);
        if (i > 0 && used + more > columns)
            return i;
        used += more;
        i += n;
    }
    return len;
}

bool text_is_visible(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t c;
        i += utf8_next(text + i, len - i, &c);
        if ((c > 0x20 && c < 0x7F) ||
            (c > 0xA0 && !uc_is_property_white_space(c) && uc_width(c, "UTF-8") > 0))
            return true;
    }
    return false;
}
