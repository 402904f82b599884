/* The few words that stand in a view beside what was said. */
#include "cache/render/phrases.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/language.h"
#include "cache/render/text.h"

static const struct phrases table[] = {
    {"en", ": ", ", ", "Speaker ", "Channel ", "Date", "Duration", "Language", "Speakers", "Channels",
     "Transcribed by", "no speech detected", "said ", " times in a row"},
    {"zh", "：", "、", "说话人 ", "声道 ", "日期", "时长", "语言", "说话人", "声道", "转写", "未检测到语音",
     "连续重复 ", " 次"},
    {"ja", "：", "、", "話者", "チャンネル", "日付", "長さ", "言語", "話者", "チャンネル", "文字起こし",
     "音声は検出されませんでした", "", "回繰り返し"},
    {"ko", ": ", ", ", "화자 ", "채널 ", "날짜", "길이", "언어", "화자", "채널", "받아쓰기",
     "음성이 감지되지 않음", "", "회 반복"},
    {"de", ": ", ", ", "Sprecher ", "Kanal ", "Datum", "Dauer", "Sprache", "Sprecher", "Kanäle",
     "Transkribiert von", "keine Sprache erkannt", "", "-mal hintereinander"},
    /* In French a no-break space stands before a colon. */
    {"fr", "\u00A0: ", ", ", "Intervenant ", "Canal ", "Date", "Durée", "Langue", "Intervenants", "Canaux",
     "Transcrit par", "aucune parole détectée", "dit ", "\u00A0fois de suite"},
    {"es", ": ", ", ", "Hablante ", "Canal ", "Fecha", "Duración", "Idioma", "Hablantes", "Canales",
     "Transcrito por", "no se ha detectado voz", "dicho ", " veces seguidas"},
    /* A Latin word at the beginning would turn the line around for those who read from right to left. */
    {"ar", ": ", "، ", "المتحدث ", "القناة ", "التاريخ", "المدة", "اللغة", "المتحدثون", "القنوات",
     "فُرِّغ بواسطة", "لم يُكتشف كلام", "تكرر ", " مرات متتالية"},
    {"he", ": ", ", ", "דובר ", "ערוץ ", "תאריך", "משך", "שפה", "דוברים", "ערוצים", "תומלל על ידי",
     "לא זוהה דיבור", "נאמר ", " פעמים ברצף"},
};

/* The code's first part: zh of zh-Hans-CN. */
static bool is_language(const char *code, const char *primary)
{
    size_t n = strlen(primary);
    return strncasecmp(code, primary, n) == 0 && !isalnum((unsigned char)code[n]);
}

const struct phrases *phrases_of(const struct transcript *t)
{
    const char *code = language_of(t)->code; /* knows the languages of China, and scripts */
    for (size_t i = 1; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].code, code) == 0 || (t->language && is_language(t->language, table[i].code)))
            return &table[i];
    }
    return &table[0];
}

void phrases_put_language(const char *code, struct buffer *out)
{
    static const struct {
        const char *code, *name;
    } names[] = {
        {"en", "English"},    {"zh-TW", "繁體中文"}, {"zh-HK", "繁體中文"}, {"zh-Hant", "繁體中文"},
        {"zh", "中文"},       {"cmn", "中文"},       {"yue", "粤语"},       {"wuu", "吴语"},
        {"nan", "闽南语"},    {"hak", "客家话"},     {"hsn", "湘语"},       {"gan", "赣语"},
        {"cjy", "晋语"},      {"ja", "日本語"},      {"ko", "한국어"},      {"de", "Deutsch"},
        {"fr", "français"},   {"es", "español"},     {"af", "Afrikaans"},   {"ar", "العربية"},
        {"be", "Belarusian"}, {"bg", "Bulgarian"},   {"bn", "Bengali"},     {"ca", "Catalan"},
        {"cs", "Czech"},      {"cy", "Welsh"},       {"da", "Danish"},      {"el", "Greek"},
        {"et", "Estonian"},   {"eu", "Basque"},      {"fa", "Persian"},     {"fi", "Finnish"},
        {"fil", "Filipino"},  {"ga", "Irish"},       {"gl", "Galician"},    {"he", "עברית"},
        {"hi", "Hindi"},      {"hr", "Croatian"},    {"hu", "Hungarian"},   {"hy", "Armenian"},
        {"id", "Indonesian"}, {"is", "Icelandic"},   {"it", "Italian"},     {"ka", "Georgian"},
        {"kk", "Kazakh"},     {"km", "Khmer"},       {"lo", "Lao"},         {"lt", "Lithuanian"},
        {"lv", "Latvian"},    {"mk", "Macedonian"},  {"mn", "Mongolian"},   {"ms", "Malay"},
        {"mt", "Maltese"},    {"my", "Burmese"},     {"nb", "Norwegian"},   {"ne", "Nepali"},
        {"nl", "Dutch"},      {"no", "Norwegian"},   {"pl", "Polish"},      {"pt", "Portuguese"},
        {"ro", "Romanian"},   {"ru", "Russian"},     {"sk", "Slovak"},      {"sl", "Slovenian"},
        {"sq", "Albanian"},   {"sr", "Serbian"},     {"sv", "Swedish"},     {"sw", "Swahili"},
        {"ta", "Tamil"},      {"te", "Telugu"},      {"th", "Thai"},        {"tl", "Filipino"},
        {"tr", "Turkish"},    {"uk", "Ukrainian"},   {"ur", "Urdu"},        {"uz", "Uzbek"},
        {"vi", "Vietnamese"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (is_language(code, names[i].code)) {
            buffer_puts(out, names[i].name);
            return;
        }
    }
    text_clean(out, code);
}
