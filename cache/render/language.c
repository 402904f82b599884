/* What the language of a transcript decides. */
#include "cache/render/language.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include <unictype.h>

#include "backend/base/buffer.h"
#include "backend/base/utf8.h"
#include "backend/transcript.h"
#include "cache/render/text.h"

static const struct language latin = {.code = "en",
                                      .columns = 42,
                                      .characters_per_second = 20,
                                      .shortest_ms = 833,
                                      .speaker_before = "Speaker ",
                                      .channel_before = "Channel ",
                                      .speaker_after = ": "};
static const struct language chinese = {.code = "zh",
                                        .columns = 32,
                                        .characters_per_second = 9,
                                        .shortest_ms = 833,
                                        .drops_punctuation = true,
                                        .speaker_before = "说话人 ",
                                        .channel_before = "声道 ",
                                        .speaker_after = "："};
static const struct language japanese = {.code = "ja",
                                         .columns = 26,
                                         .characters_per_second = 7,
                                         .shortest_ms = 500,
                                         .speaker_before = "話者",
                                         .channel_before = "チャンネル",
                                         .speaker_after = "："};
static const struct language korean = {.code = "ko",
                                       .columns = 32,
                                       .characters_per_second = 12,
                                       .shortest_ms = 833,
                                       .speaker_before = "화자 ",
                                       .channel_before = "채널 ",
                                       .speaker_after = ": "};

bool language_names_channels(const struct transcript *t)
{
    for (size_t i = 1; i < t->sentence_count; i++)
        if (t->sentences[i].channel != t->sentences[0].channel)
            return true;
    return false;
}

void language_put_voice(const struct language *language, int speaker, int channel, struct buffer *out)
{
    int number = speaker >= 0 ? speaker : channel < 0 ? 0 : channel;
    buffer_printf(out, "%s%" PRId64, speaker >= 0 ? language->speaker_before : language->channel_before,
                  (int64_t)number + 1);
}

/* A code's first part: zh of zh-Hans-CN. */
static bool is_language(const char *code, const char *primary)
{
    size_t n = strlen(primary);
    return strncasecmp(code, primary, n) == 0 && !isalnum((unsigned char)code[n]);
}

static const struct language *by_script(const struct transcript *t)
{
    size_t han = 0, kana = 0, hangul = 0, other = 0;
    for (size_t i = 0; i < t->sentence_count; i++) {
        const char *text = t->sentences[i].text ? t->sentences[i].text : "";
        size_t len = strlen(text);
        for (size_t at = 0; at < len;) {
            uint32_t c;
            at += utf8_next(text + at, len - at, &c);
            if (c >= 0x3041 && c <= 0x30FF)
                kana++;
            else if (c >= 0xAC00 && c <= 0xD7A3)
                hangul++;
            else if (text_is_cjk(c) && !uc_is_general_category(c, UC_PUNCTUATION))
                han++;
            else if (uc_is_alpha(c))
                other++;
        }
    }
    /* A wide character says about as much as two or three letters. */
    if (2 * hangul > other && hangul > han + kana)
        return &korean;
    if (2 * (han + kana) <= other)
        return &latin;
    return 10 * kana > han ? &japanese : &chinese;
}

const struct language *language_of(const struct transcript *t)
{
    static const char *const chinese_codes[] = {"zh", "cmn", "yue", "wuu", "nan", "hak", "hsn", "gan", "cjy"};
    const char *code = t->language;
    if (!code || !*code || is_language(code, "und"))
        return by_script(t);
    for (size_t i = 0; i < sizeof chinese_codes / sizeof *chinese_codes; i++) {
        if (is_language(code, chinese_codes[i]))
            return &chinese;
    }
    if (is_language(code, "ja"))
        return &japanese;
    if (is_language(code, "ko"))
        return &korean;
    return &latin;
}

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
    static const uint32_t list[] = {U'，', U'。', U'！', U'？', U'、', U'；', U'：', U'”',  U'’', U'»',
                                    U'›',  U'…',  U'⋯',  U'·',  U'・', U'ー', U'～', U'％', U'%', U',',
                                    U'.',  U'!',  U'?',  U';',  U':',  U')',  U']',  U'}',  0};
    return is_one_of(c, list) || (c >= 0x80 && uc_is_general_category(c, UC_CLOSE_PUNCTUATION));
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

/* ---- English words that decide where a line may break ---- */

static bool in_list(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(word, *list) == 0)
            return true;
    }
    return false;
}

static const char *const conjunctions[] = {
    "and",  "but",   "or", "nor",    "so",       "yet",    "because", "that",  "which", "who", "while",
    "when", "where", "if", "unless", "although", "though", "since",   "until", "as",    NULL};
static const char *const prepositions[] = {
    "in",   "on",    "at",     "by",    "for",     "with",    "from",   "to",      "of",      "about", "into",
    "over", "after", "before", "under", "between", "through", "during", "against", "without", NULL};
static const char *const articles[] = {"a",     "an",  "the", "my",    "your", "his",
                                       "her",   "its", "our", "their", "this", "these",
                                       "those", "no",  "not", "never", "very", NULL};
static const char *const auxiliaries[] = {
    "am",     "is",     "are",    "was",   "were",   "be",      "been",   "has",   "have",
    "had",    "do",     "does",   "did",   "will",   "would",   "can",    "could", "shall",
    "should", "may",    "might",  "must",  "don't",  "doesn't", "didn't", "can't", "won't",
    "isn't",  "aren't", "wasn't", "i",     "you",    "he",      "she",    "we",    "they",
    "i'm",    "it's",   "i've",   "we're", "you're", "they're", "i'll",   "we'll", NULL};
static const char *const abbreviations[] = {"mr", "mrs", "ms", "dr", "prof", "st",
                                            "sr", "jr",  "vs", "no", "fig",  NULL};
static const char *const units[] = {"%",   "km", "m",  "cm",      "mm",      "kg",      "g",   "mg",   "l",
                                    "ml",  "h",  "hz", "khz",     "mhz",     "ghz",     "kb",  "mb",   "gb",
                                    "tb",  "ms", "s",  "min",     "am",      "pm",      "a.m", "p.m",  "°c",
                                    "°f",  "°",  "€",  "$",       "£",       "¥",       "mph", "km/h", "kw",
                                    "kwh", "w",  "v",  "percent", "million", "billion", NULL};

/* The piece in lower case, without punctuation at its ends; empty when it is longer than any word of the
 * lists. ASCII only, so that no locale has a say. */
static void plain_word(struct language_piece piece, char word[16])
{
    while (piece.len && strchr(" \"'([{-.", piece.text[0])) {
        piece.text++;
        piece.len--;
    }
    while (piece.len && strchr(" .,;:!?\"')]", piece.text[piece.len - 1]))
        piece.len--;
    size_t n = piece.len < 16 ? piece.len : 0;
    for (size_t i = 0; i < n; i++)
        word[i] =
            piece.text[i] >= 'A' && piece.text[i] <= 'Z' ? (char)(piece.text[i] + 'a' - 'A') : piece.text[i];
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
    char word[16];
    plain_word((struct language_piece){piece.text, before}, word);
    return !(word[0] && (!word[1] || strchr(word, '.') || in_list(word, abbreviations)));
}

static int punctuation_score(struct language_piece left)
{
    static const uint32_t strong[] = {U';', U':', U'；', U'：', U'…', U'—', U'–', U'⋯', 0};
    static const uint32_t weak[] = {U',', U'，', U'、', U'､', U'،', 0};
    if (language_ends_sentence(left))
        return 100;
    size_t before;
    uint32_t mark = final_mark(left, &before);
    return is_one_of(mark, strong) ? 80 : is_one_of(mark, weak) ? 70 : 0;
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
    char word[16];
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

int language_break_score(struct language_piece left, struct language_piece right, int64_t pause_ms)
{
    int score = punctuation_score(left);
    if (score)
        return score;
    uint32_t last = text_last(left.text, left.len), first = text_first(right.text, right.len);
    bool cjk = text_is_cjk(last) || text_is_cjk(first);
    char before[16], after[16];
    plain_word(left, before);
    plain_word(right, after);
    if (pause_ms >= 250)
        return 60;
    if (language_is_quantity(left, right))
        return -100;
    if (cjk)
        return cjk_score(last, first);
    if (in_list(before, articles) || in_list(before, auxiliaries))
        return -100;
    if (is_capitalised(left) && is_capitalised(right)) /* most likely a name */
        return -100;
    if (in_list(before, conjunctions) || in_list(before, prepositions))
        return -50;
    if (in_list(after, conjunctions))
        return 50;
    return in_list(after, prepositions) ? 40 : 0;
}
