/* Words of a text. */
#include "cache/search_token.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/utf8.h"

#define LONGEST 120 /* bytes of a token as it stands; more is no word */

static bool is_between(uint32_t c, uint32_t first, uint32_t last)
{
    return c >= first && c <= last;
}

/* Written without spaces between words, or (Hangul) with endings that belong to the word before. */
static bool stands_alone(uint32_t c)
{
    return is_between(c, 0x0e00, 0x0eff) ||   /* Thai, Lao */
           is_between(c, 0x1000, 0x109f) ||   /* Myanmar */
           is_between(c, 0x1780, 0x17ff) ||   /* Khmer */
           is_between(c, 0x3005, 0x3007) ||   /* ideographic iteration mark and zero */
           is_between(c, 0x3040, 0x31ff) ||   /* kana, bopomofo */
           is_between(c, 0x3400, 0x4dbf) || is_between(c, 0x4e00, 0x9fff) || /* ideographs */
           is_between(c, 0xac00, 0xd7a3) ||   /* Hangul */
           is_between(c, 0xf900, 0xfaff) || is_between(c, 0xff66, 0xff9f) || /* half-width kana */
           is_between(c, 0x20000, 0x3ffff);
}

static bool is_mark(uint32_t c)
{
    return is_between(c, 0xff9e, 0xff9f) || /* half-width voiced marks */
           (c >= 0x300 && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_M));
}

static bool is_letter(uint32_t c)
{
    if (c < 0x80)
        return is_between(c, '0', '9') || is_between(c | 0x20, 'a', 'z');
    return c != UTF8_REPLACEMENT && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N);
}

/* Latin and Greek, whose accents people leave out when they search. */
static bool drops_accents(uint32_t base)
{
    return base < 0x250 || is_between(base, 0x370, 0x3ff) || is_between(base, 0x1e00, 0x1fff);
}

/* In place; the text is in NFKD and gets shorter. */
static size_t without_accents(char *text, size_t length)
{
    size_t to = 0;
    uint32_t base = 0;
    for (size_t i = 0; i < length;) {
        uint32_t c;
        size_t n = utf8_next(text + i, length - i, &c);
        bool accent = is_between(c, 0x300, 0x36f);
        if (!accent)
            base = c;
        if (!accent || !drops_accents(base)) {
            memmove(text + to, text + i, n);
            to += n;
        }
        i += n;
    }
    return to;
}

struct tokenising {
    int (*fn)(void *arg, const struct search_token *token);
    void *arg;
    const char *text;
};

static int give(const struct tokenising *t, size_t begin, size_t end, bool ascii)
{
    size_t length = end - begin;
    if (length > LONGEST)
        return 0;
    if (ascii) {
        char folded[LONGEST];
        for (size_t i = 0; i < length; i++) {
            char c = t->text[begin + i];
            folded[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
        return t->fn(t->arg, &(struct search_token){folded, length, begin, end});
    }
    size_t n = 0, m = 0;
    cleanup_free uint8_t *apart = u8_casefold((const uint8_t *)t->text + begin, length, NULL, UNINORM_NFKD, NULL, &n);
    if (!apart)
        return errno == ENOMEM ? -ENOMEM : 0;
    n = without_accents((char *)apart, n);
    cleanup_free uint8_t *folded = n ? u8_normalize(UNINORM_NFKC, apart, n, NULL, &m) : NULL;
    if (n && !folded)
        return errno == ENOMEM ? -ENOMEM : 0;
    return m ? t->fn(t->arg, &(struct search_token){(const char *)folded, m, begin, end}) : 0;
}

int search_tokens(const char *text, size_t length, int (*fn)(void *arg, const struct search_token *token), void *arg)
{
    const struct tokenising t = {fn, arg, text};
    size_t begin = 0;
    bool within = false, alone = false, ascii = true;
    for (size_t i = 0; i < length;) {
        uint32_t c;
        size_t n = utf8_next(text + i, length - i, &c);
        bool single = stands_alone(c) && is_letter(c) && !is_mark(c), mark = is_mark(c);
        bool goes_on = within && (mark || (!alone && !single && is_letter(c)));
        if (within && !goes_on) {
            int rc = give(&t, begin, i, ascii);
            if (rc)
                return rc;
            within = false;
        }
        if (!within && is_letter(c) && !mark) {
            within = ascii = true;
            alone = single;
            begin = i;
        }
        ascii = ascii && c < 0x80;
        i += n;
    }
    return within ? give(&t, begin, length, ascii) : 0;
}

char *search_normalise(const char *text)
{
    cleanup_buffer struct buffer whole = {0};
    buffer_puts(&whole, "");
    for (size_t i = 0, length = strlen(text); i < length;) {
        uint32_t c;
        char character[4];
        i += utf8_next(text + i, length - i, &c);
        buffer_add(&whole, character, utf8_put(c, character));
    }
    if (buffer_error(&whole))
        return NULL;
    size_t n = 0;
    uint8_t *nfc = u8_normalize(UNINORM_NFC, (const uint8_t *)whole.data, whole.len + 1, NULL, &n);
    return (char *)nfc;
}
