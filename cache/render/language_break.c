/* Where a line may well break. */
#include "cache/render/language.h"

#include <string.h>

#include <unicase.h>
#include <unictype.h>

#include "backend/base/utf8.h"
#include "cache/render/language_words.h"
#include "cache/render/text.h"

/* ---- characters ---- */

static bool is_one_of(uint32_t c, const uint32_t *list)
{
    for (; *list; list++) {
        if (*list == c)
            return true;
    }
    return false;
}

bool language_closes(uint32_t c)
{
    static const uint32_t list[] = {
        U'，', U'。', U'！', U'？', U'、', U'；', U'：', U'”', U'’', U'»', U'›', U'…', U'⋯', U'·', U'・',
        U'ー', U'～', U'％', U'%', U',', U'.', U'!', U'?', U';', U':', U')', U']', U'}', U'،', U'؛', U'؟',
        /* Japanese: small kana; repetition marks; Thai ฯ ๆ */
        U'ぁ', U'ぃ', U'ぅ', U'ぇ', U'ぉ', U'っ', U'ゃ', U'ゅ', U'ょ', U'ァ', U'ィ', U'ゥ', U'ェ', U'ォ',
        U'ッ', U'ャ', U'ュ', U'ョ', U'々', U'ゝ', U'ゞ', U'ヽ', U'ヾ', U'ฯ', U'ๆ', 0};
    return is_one_of(c, list) || (c >= 0x80 && uc_is_general_category(c, UC_CLOSE_PUNCTUATION));
}

bool language_is_unspaced(uint32_t c)
{
    return (c >= 0x0E01 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF);
}

bool language_opens(uint32_t c)
{
    static const uint32_t list[] = {U'“', U'‘', U'«', U'‹', U'(', U'[', U'{', 0};
    return is_one_of(c, list) || (c >= 0x80 && uc_is_general_category(c, UC_OPEN_PUNCTUATION));
}

static bool is_quote_or_bracket(uint32_t c)
{
    static const uint32_t list[] = {U'"', U'\'', U'”', U'’', U'»', U')', U']', 0};
    return is_one_of(c, list) || (c >= 0x80 && uc_is_general_category(c, UC_CLOSE_PUNCTUATION));
}

/* The last character of the piece, quotes and brackets aside; *before is what comes before it (0 if nothing).
 */
static uint32_t final_mark(struct language_piece piece, size_t *before)
{
    while (piece.len) {
        uint32_t c = text_last(piece.text, piece.len);
        char bytes[4];
        size_t n = utf8_put(c, bytes);
        if (n > piece.len)
            break;
        piece.len -= n;
        if (!is_quote_or_bracket(c)) {
            *before = piece.len;
            return c;
        }
    }
    *before = 0;
    return 0;
}

/* ---- words ---- */

static bool in_list(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (word[0] == (*list)[0] && strcmp(word, *list) == 0)
            return true;
    }
    return false;
}

/* A full stop after them ends no sentence. */
static const char *const abbreviations[] = {"mr",  "mrs", "ms",  "dr",  "prof", "st",   "sr",   "jr",  "vs",
                                            "fig", "nr",  "bzw", "ca",  "hr",   "fr",   "evtl", "vgl", "str",
                                            "sra", "ing", "sig", "mme", "mlle", "dott", NULL};
static const char *const units[] = {
    "%",       "km",      "m",       "cm",   "mm",   "kg",        "g",        "mg",        "l",  "ml",
    "h",       "hz",      "khz",     "mhz",  "ghz",  "kb",        "mb",       "gb",        "tb", "ms",
    "s",       "min",     "am",      "pm",   "a.m",  "p.m",       "°c",       "°f",        "°",  "€",
    "$",       "£",       "¥",       "mph",  "km/h", "kw",        "kwh",      "w",         "v",  "percent",
    "million", "billion", "prozent", "euro", "uhr",  "millionen", "millions", "milliards", NULL};

enum { WORD = 32 };

/* The piece in lower case, without punctuation at its ends; empty when it is longer than any word of the
 * lists. The same in every locale. */
static void plain_word(struct language_piece piece, char word[WORD])
{
    while (piece.len && piece.text[0] && strchr(" \"'([{-.", piece.text[0])) {
        piece.text++;
        piece.len--;
    }
    while (piece.len && piece.text[piece.len - 1] && strchr(" .,;:!?\"')]", piece.text[piece.len - 1]))
        piece.len--;
    size_t n = 0;
    for (size_t at = 0; at < piece.len;) {
        uint32_t c;
        at += utf8_next(piece.text + at, piece.len - at, &c);
        char bytes[4];
        size_t more = utf8_put(c == U'’' ? '\'' : uc_tolower(c), bytes);
        if (n + more >= WORD) {
            n = 0;
            break;
        }
        memcpy(word + n, bytes, more);
        n += more;
    }
    word[n] = '\0';
}

/* ---- breaks ---- */

bool language_ends_sentence(struct language_piece piece)
{
    static const uint32_t marks[] = {U'。', U'？', U'！', U'．', U'!', U'?', U'؟', U'۔', U'।', 0};
    size_t before;
    uint32_t mark = final_mark(piece, &before);
    if (is_one_of(mark, marks))
        return true;
    if (mark != '.')
        return false;
    /* Not a sentence: initials, "e.g.", "Mr." */
    char word[WORD];
    plain_word((struct language_piece){piece.text, before}, word);
    return !(word[0] && (!word[1] || strchr(word, '.') || in_list(word, abbreviations)));
}

/* 、 parts the items of a list in Chinese; in Japanese it is a comma. */
static int punctuation_score(const struct language *language, struct language_piece left)
{
    static const uint32_t strong[] = {U';', U':', U'；', U'：', U'…', U'—', U'–', U'⋯', 0};
    static const uint32_t weak[] = {U',', U'，', U'،', 0}, weakest[] = {U'、', U'､', 0};
    if (language_ends_sentence(left))
        return 100;
    size_t before;
    uint32_t mark = final_mark(left, &before);
    return is_one_of(mark, strong)    ? 80
           : is_one_of(mark, weak)    ? 70
           : is_one_of(mark, weakest) ? (language->drops_punctuation ? 50 : 70)
                                      : 0;
}

static bool is_capitalised(struct language_piece piece)
{
    return piece.len > 1 && uc_is_upper(text_first(piece.text, piece.len));
}

bool language_is_quantity(struct language_piece left, struct language_piece right)
{
    uint32_t last = text_last(left.text, left.len), first = text_first(right.text, right.len);
    if (last < '0' || last > '9')
        return false;
    if (text_is_cjk(first) && !uc_is_general_category(first, UC_PUNCTUATION)) /* 3个, 2024年 */
        return true;
    char word[WORD];
    plain_word(right, word);
    return word[0] && in_list(word, units);
}

static int cjk_score(uint32_t last, uint32_t first)
{
    static const uint32_t particles[] = {U'的', U'了', U'吗', U'呢', U'吧', 0};
    static const uint32_t japanese_particles[] = {U'は', U'が', U'を', U'に', U'で', U'と',
                                                  U'も', U'へ', U'ね', U'よ', 0};
    bool kana_first = first >= 0x3041 && first <= 0x3096;
    if (is_one_of(last, particles))
        return 20;
    if (is_one_of(last, japanese_particles) && !kana_first)
        return 20;
    if (last >= 0x30A1 && last <= 0x30FF && first >= 0x30A1 && first <= 0x30FF) /* inside a katakana word */
        return -80;
    if (kana_first && text_is_cjk(last)) /* most likely an ending */
        return -40;
    return 0;
}

int language_break_score(const struct language *language, struct language_piece left,
                         struct language_piece right, int64_t pause_ms)
{
    int score = punctuation_score(language, left);
    if (score)
        return score;
    uint32_t last = text_last(left.text, left.len), first = text_first(right.text, right.len);
    const struct language_words *words = language->words;
    bool cjk = text_is_cjk(last) || text_is_cjk(first);
    char before[WORD], after[WORD];
    plain_word(left, before);
    plain_word(right, after);
    if (pause_ms >= 250)
        return 60;
    if (language_is_quantity(left, right))
        return -100;
    if (cjk)
        return cjk_score(last, first);
    if (in_list(before, words->determiners) || in_list(before, words->leaning))
        return -100;
    if (!language->capital_nouns && is_capitalised(left) && is_capitalised(right)) /* most likely a name */
        return -100;
    if (in_list(before, words->conjunctions) || in_list(before, words->prepositions))
        return -50;
    if (in_list(after, words->conjunctions) || (words == &words_fr && strncmp(after, "qu'", 3) == 0))
        return 50;
    if (words == &words_fr && strncmp(after, "d'", 2) == 0)
        return 40;
    return in_list(after, words->prepositions) ? 40 : 0;
}
