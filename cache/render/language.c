/* What the language of a transcript decides: the table, and how a language is found. */
#include "cache/render/language.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <unicase.h>
#include <unictype.h>

#include "backend/base/utf8.h"
#include "backend/transcript.h"
#include "cache/render/language_words.h"
#include "cache/render/text.h"

#define ALPHABET(c, cps, style, list)                                                                        \
    {                                                                                                        \
        .code = (c), .columns = 42, .characters_per_second = (cps), .fastest_cps = (cps),                    \
        .shortest_ms = 833, .dash = (style), .dash_mark = "-", .words = &(list)                              \
    }

/* The order of the first ones is that of language_count.words. */
static const struct language table[] = {
    ALPHABET("en", 20, DASH_BOTH, words_en),
    {.code = "de",
     .columns = 42,
     .characters_per_second = 17,
     .fastest_cps = 17,
     .shortest_ms = 833,
     .dash_mark = "-",
     .words = &words_de,
     .capital_nouns = true},
    ALPHABET("fr", 17, DASH_BOTH_SPACED, words_fr),
    ALPHABET("es", 17, DASH_BOTH_SPACED, words_es),
    ALPHABET("it", 17, DASH_BOTH_SPACED, words_it),
    ALPHABET("pt", 17, DASH_BOTH_SPACED, words_pt),
    ALPHABET("nl", 17, DASH_SECOND, words_nl),
    ALPHABET("pl", 17, DASH_BOTH_SPACED, words_pl),
    ALPHABET("sv", 17, DASH_BOTH, words_sv),
    ALPHABET("id", 17, DASH_BOTH_SPACED, words_id),
    ALPHABET("ru", 17, DASH_BOTH_SPACED, words_ru),
    ALPHABET("und", 17, DASH_BOTH, words_none),
    ALPHABET("cs", 17, DASH_BOTH_SPACED, words_none),
    ALPHABET("hu", 17, DASH_BOTH_SPACED, words_none),
    ALPHABET("ms", 17, DASH_BOTH_SPACED, words_id),
    ALPHABET("ro", 17, DASH_BOTH_SPACED, words_none),
    ALPHABET("sk", 17, DASH_BOTH_SPACED, words_none),
    ALPHABET("vi", 17, DASH_BOTH_SPACED, words_none),
    ALPHABET("fi", 17, DASH_SECOND, words_none),
    ALPHABET("sr", 17, DASH_SECOND, words_none),
    ALPHABET("bg", 17, DASH_SECOND_SPACED, words_none),
    ALPHABET("hi", 22, DASH_BOTH, words_hi),
    {.code = "ar",
     .columns = 42,
     .characters_per_second = 20,
     .fastest_cps = 20,
     .shortest_ms = 833,
     .dash = DASH_BOTH_SPACED,
     .dash_mark = "-",
     .words = &words_ar},
    {.code = "he",
     .columns = 42,
     .characters_per_second = 17,
     .fastest_cps = 17,
     .shortest_ms = 833,
     .dash = DASH_SECOND,
     .dash_mark = "-",
     .words = &words_none},
    {.code = "th",
     .columns = 35,
     .characters_per_second = 17,
     .fastest_cps = 17,
     .shortest_ms = 833,
     .unspaced = true,
     .dash = DASH_BOTH_SPACED,
     .dash_mark = "-",
     .words = &words_none},
    {.code = "zh",
     .columns = 32,
     .characters_per_second = 9,
     .fastest_cps = 9,
     .shortest_ms = 833,
     .wide = true,
     .drops_punctuation = true,
     .dash_mark = "–",
     .words = &words_none},
    {.code = "ja",
     .columns = 26,
     .characters_per_second = 4,
     .fastest_cps = 7,
     .shortest_ms = 500,
     .wide = true,
     .touches = true,
     .dash_mark = "-",
     .words = &words_none},
    {.code = "ko",
     .columns = 32,
     .characters_per_second = 12,
     .fastest_cps = 12,
     .shortest_ms = 833,
     .wide = true,
     .dash = DASH_BOTH_SPACED,
     .dash_mark = "-",
     .words = &words_none},
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

bool language_names_channels(const struct transcript *t)
{
    for (size_t i = 1; i < t->sentence_count; i++)
        if (t->sentences[i].channel != t->sentences[0].channel)
            return true;
    return false;
}

/* ---- by code ---- */

/* A code's first part: zh of zh-Hans-CN. */
static bool is_language(const char *code, const char *primary)
{
    size_t n = strlen(primary);
    return strncasecmp(code, primary, n) == 0 && !isalnum((unsigned char)code[n]);
}

static const struct language *row(const char *code)
{
    for (size_t i = 0; i < COUNT(table); i++)
        if (is_language(code, table[i].code))
            return &table[i];
    return NULL;
}

const struct language *language_find(const char *code)
{
    static const char *const chinese[] = {"cmn", "yue", "wuu", "nan", "hak", "hsn", "gan", "cjy"};
    if (!code || !*code || is_language(code, "und"))
        return NULL;
    for (size_t i = 0; i < COUNT(chinese); i++)
        if (is_language(code, chinese[i]))
            return row("zh");
    if (is_language(code, "fil") || is_language(code, "und"))
        return row("und");
    const struct language *found = row(code);
    return found ? found : row("und");
}

/* ---- by text ---- */

enum script { LATIN, HAN, KANA, HANGUL, ARABIC, HEBREW, THAI, DEVANAGARI };
#define ENOUGH_WORDS 2000 /* tell the language */

static void count_word(struct language_count *count, const char *word)
{
    for (size_t i = 0; i < LANGUAGE_GUESSED && table[i].code[0] != 'u'; i++) {
        const struct language_words *w = table[i].words;
        const char *const *const lists[] = {w->determiners, w->leaning, w->prepositions, w->conjunctions};
        bool found = false;
        for (size_t k = 0; k < COUNT(lists) && !found; k++)
            for (const char *const *p = lists[k]; *p && !found; p++)
                found = strcmp(*p, word) == 0;
        count->words[i] += found;
    }
    count->looked_at++;
}

void language_count(struct language_count *count, const char *text, size_t len)
{
    char word[32];
    size_t n = 0;
    bool fits = true;
    for (size_t at = 0; at <= len;) {
        uint32_t c = ' ';
        at += at < len ? utf8_next(text + at, len - at, &c) : 1;
        bool letter = uc_is_alpha(c) || (c == '\'' && n);
        if (letter && fits) {
            char bytes[4];
            size_t more = utf8_put(uc_tolower(c), bytes);
            fits = n + more < sizeof word;
            if (fits) {
                memcpy(word + n, bytes, more);
                n += more;
            }
        } else if (!letter) {
            word[n] = '\0';
            if (n && fits && count->looked_at < ENOUGH_WORDS)
                count_word(count, word);
            n = 0;
            fits = true;
        }
        enum script script = LATIN;
        if (c >= 0x3041 && c <= 0x30FF)
            script = KANA;
        else if (c >= 0xAC00 && c <= 0xD7A3)
            script = HANGUL;
        else if (text_is_cjk(c) && !uc_is_general_category(c, UC_PUNCTUATION))
            script = HAN;
        else if (!letter)
            continue;
        else if (c >= 0x0590 && c <= 0x05FF)
            script = HEBREW;
        else if (c >= 0x0600 && c <= 0x06FF)
            script = ARABIC;
        else if (c >= 0x0900 && c <= 0x097F)
            script = DEVANAGARI;
        else if (c >= 0x0E00 && c <= 0x0E7F)
            script = THAI;
        count->scripts[script]++;
    }
}

const struct language *language_guess(const struct language_count *count)
{
    const size_t *n = count->scripts;
    size_t letters = 0, han = n[HAN] + n[KANA];
    static const struct {
        enum script script;
        const char *code;
    } own[] = {{ARABIC, "ar"}, {HEBREW, "he"}, {THAI, "th"}, {DEVANAGARI, "hi"}};
    for (size_t i = 0; i < LANGUAGE_SCRIPTS; i++)
        letters += i == HAN || i == KANA || i == HANGUL ? 0 : n[i];
    /* A wide character says about as much as two or three letters. */
    if (2 * n[HANGUL] > letters && n[HANGUL] > han)
        return row("ko");
    if (2 * han > letters)
        return row(10 * n[KANA] > n[HAN] ? "ja" : "zh");
    for (size_t i = 0; i < COUNT(own); i++)
        if (2 * n[own[i].script] > letters)
            return row(own[i].code);
    size_t best = 0;
    for (size_t i = 1; i < LANGUAGE_GUESSED; i++)
        if (count->words[i] > count->words[best] && count->words[i] >= 3)
            best = i;
    return &table[best];
}

const struct language *language_of(const struct transcript *t)
{
    const struct language *found = language_find(t->language);
    if (found)
        return found;
    struct language_count count = {0};
    for (size_t i = 0; i < t->sentence_count; i++) {
        const char *text = t->sentences[i].text ? t->sentences[i].text : "";
        language_count(&count, text, strlen(text));
    }
    return language_guess(&count);
}
