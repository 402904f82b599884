/* cache/render/cue.h: the rules of subtitles, held by thousands of random transcripts. The checker reads the
 * .srt as a player would and knows the rules only; it shares no code with what it checks. Programs are
 * deterministic: a failure names its seed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/render.h"

enum { STREAMS = 4000, MOST_WORDS = 200, MOST_VOICES = 3 };

/* ---- random transcripts ---- */

static uint64_t random_state;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20);
}

static int between(int low, int high)
{
    return low + (int)(next_random() % (uint32_t)(high - low + 1));
}

static bool one_in(int n)
{
    return next_random() % (uint32_t)n == 0;
}

enum kind {
    ORDERLY,   /* one voice after the other, believable times: every rule must hold */
    CROSSTALK, /* voices over each other: all but the exact moments */
    ABSURD,    /* any times: still a valid file */
};

/* What was said, as the checker knows it. */
struct said {
    char text[400]; /* without spaces and without what a Chinese subtitle drops */
    int64_t begin, end;
    int columns;
    bool timed;
    bool sentence_begins;
};

struct voice {
    int speaker, channel;
    struct said said[MOST_WORDS];
    int count;
};

struct stream {
    enum kind kind;
    const char *language;
    int limit; /* columns of a line */
    struct voice voices[MOST_VOICES];
    int voice_count;
    bool named; /* cues name their speakers, or else their channels */
    struct transcript *transcript;
};

static void put(char *text, uint32_t c)
{
    size_t n = strlen(text);
    unsigned char *p = (unsigned char *)text + n;
    if (c < 0x80) {
        *p++ = (unsigned char)c;
    } else if (c < 0x800) {
        *p++ = (unsigned char)(0xC0 | c >> 6);
        *p++ = (unsigned char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *p++ = (unsigned char)(0xE0 | c >> 12);
        *p++ = (unsigned char)(0x80 | (c >> 6 & 63));
        *p++ = (unsigned char)(0x80 | (c & 63));
    } else {
        *p++ = (unsigned char)(0xF0 | c >> 18);
        *p++ = (unsigned char)(0x80 | (c >> 12 & 63));
        *p++ = (unsigned char)(0x80 | (c >> 6 & 63));
        *p++ = (unsigned char)(0x80 | (c & 63));
    }
    *p = 0;
}

static uint32_t get(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    int more = *p < 0x80 ? 0 : *p < 0xE0 ? 1 : *p < 0xF0 ? 2 : 3;
    uint32_t c = more ? *p & (0x3F >> more) : *p;
    for (int i = 0; i < more; i++)
        c = c << 6 | (*++p & 63);
    *text = (const char *)p + 1;
    return c;
}

/* Widths of the characters that occur here, from the Unicode tables by hand. */
static int columns_of(const char *text)
{
    int columns = 0;
    while (*text) {
        uint32_t c = get(&text);
        if (c == 0x301)
            continue;
        bool wide = (c >= 0x2E80 && c <= 0x303E) || (c >= 0x3041 && c <= 0x30FF) ||
                    (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
                    (c >= 0xFF01 && c <= 0xFF60) || (c >= 0x1F442 && c <= 0x1F4FC);
        columns += wide ? 2 : 1;
    }
    return columns;
}

static bool is_cjk(uint32_t c)
{
    return (c >= 0x2E80 && c <= 0x30FF) || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xFF01 && c <= 0xFF60);
}

/* A word of a character of its own, so that it can be found again. */
static void make_word(struct stream *s, int number, char *word)
{
    uint32_t c;
    int script = between(0, 9);
    bool cjk = strcmp(s->language, "zh") == 0 || strcmp(s->language, "ja") == 0;
    if (cjk ? script < 7 : script == 0)
        c = (uint32_t)(0x4E00 + number);
    else if (strcmp(s->language, "ko") == 0 ? script < 8 : script == 1)
        c = (uint32_t)(0xAC00 + number);
    else if (script == 9 && number < 180 && one_in(4))
        c = (uint32_t)(0x1F442 + number); /* pictures, all of them wide */
    else
        c = (uint32_t)(0x1E00 + number);
    int length = c >= 0x4E00 ? between(1, 4) : between(1, 12);
    if (one_in(40))
        length = between(20, 90);
    bool accents = c < 0x2000 && one_in(20);
    word[0] = '\0';
    for (int i = 0; i < length && strlen(word) < 380; i++) {
        put(word, c);
        if (accents)
            put(word, 0x301);
    }
}

static const char *make_punctuation(bool cjk)
{
    static const char *const wide[] = {"，", "。", "！", "？", "；", "：", "、", "”", "）"};
    static const char *const narrow[] = {",", ".", "!", "?", ";", ":", ")", "...", "!?"};
    return cjk ? wide[between(0, 8)] : narrow[between(0, 8)];
}

/* The text that must come out: no spaces, none of ，。； in Chinese, and 、 left aside because it may go. */
static void add_said(const struct stream *s, char *said, const char *text)
{
    bool chinese = strcmp(s->language, "zh") == 0;
    while (*text) {
        uint32_t c = get(&text);
        if (c == ' ' || (chinese && (c == U'，' || c == U'。' || c == U'；' || c == U'、')))
            continue;
        put(said, c);
    }
}

static int64_t absurd_time(void)
{
    static const int64_t times[] = {INT64_MIN, -1, 0, 1, 7000, 3600000, INT64_C(1) << 50, INT64_MAX};
    return one_in(2) ? times[between(0, 7)] : between(-1000, 100000);
}

static int64_t pause_before(void)
{
    static const int at_limits[] = {0, 1, 82, 83, 84, 499, 500, 501, 1499, 1500, 1501, 1583, 5001};
    if (one_in(8))
        return at_limits[between(0, 12)];
    return one_in(10) ? between(200, 4000) : between(0, 150);
}

/* One sentence by the voice from *now on. */
static void make_sentence(struct stream *s, struct voice *v, int *number, int64_t *now)
{
    struct sentence *out = transcript_add_sentence(s->transcript);
    out->speaker = v->speaker;
    out->channel = v->channel;
    char text[20000] = "";
    bool timed = !one_in(6), own_text = !one_in(20);
    bool absurd = s->kind == ABSURD;
    *now += pause_before();
    out->begin_ms = absurd ? absurd_time() : *now;
    int words = between(1, 30);
    uint32_t last = 0;
    for (int i = 0; i < words && *number < MOST_WORDS && v->count < MOST_WORDS; i++) {
        char word[400], full[420] = "";
        bool common = s->kind != CROSSTALK; /* else nobody could tell who said it */
        bool unit = common && i > 0 && one_in(30);
        if (unit)
            strcpy(word, "km");
        else if (common && one_in(30))
            strcpy(word, "12");
        else
            make_word(s, (*number)++, word);
        const char *p = word;
        uint32_t first = get(&p);
        if (own_text && !unit && one_in(25))
            strcat(full, is_cjk(first) ? "《" : one_in(2) ? "( " : "(");
        strcat(full, word);
        if (own_text && !is_cjk(first) && one_in(25))
            strcat(full, " "); /* as the French do before some marks */
        const char *mark = one_in(5) ? make_punctuation(is_cjk(first)) : "";
        if (own_text)
            strcat(full, mark);
        if (text[0] && !(is_cjk(last) && is_cjk(first)))
            strcat(text, " ");
        strcat(text, full);
        const char *end = full;
        while (*end)
            last = get(&end);

        int64_t begin = *now + (i ? pause_before() : 0);
        int columns = columns_of(full);
        int64_t until = begin + (columns > 30 ? columns * 30 : between(150, 700)); /* nobody speaks faster */
        *now = until;
        if (absurd) {
            begin = absurd_time();
            until = absurd_time();
        }
        struct said *said = &v->said[v->count++];
        *said = (struct said){.begin = begin, .end = until, .timed = timed, .sentence_begins = i == 0};
        add_said(s, said->text, full);
        said->columns = columns;
        if (timed) {
            struct word *w = sentence_add_word(out);
            w->text = strdup(word);
            w->begin_ms = begin;
            w->end_ms = until;
        }
        if (!own_text && !timed)
            break;
    }
    out->end_ms = absurd ? absurd_time() : *now;
    out->text = strdup(own_text || !timed ? text : "");
}

static void make_stream(struct stream *s, uint64_t seed)
{
    static const struct {
        const char *code;
        int limit;
    } languages[] = {{"en", 42}, {"fr", 42}, {"zh", 32}, {"ja", 26}, {"ko", 32}};
    random_state = seed * 0x9E3779B97F4A7C15u + 1;
    memset(s, 0, sizeof *s);
    for (int i = 0; i < 5; i++)
        next_random();
    s->kind = seed % 4 == 3 ? ABSURD : seed % 4 == 2 ? CROSSTALK : ORDERLY;
    int language = between(0, 4);
    s->language = languages[language].code;
    s->limit = languages[language].limit;
    s->transcript = transcript_new();
    s->transcript->language = strdup(s->language);
    s->voice_count = between(1, MOST_VOICES);
    bool known = one_in(2);
    for (int i = 0; i < s->voice_count; i++) {
        s->voices[i].speaker = known ? i : -1;
        s->voices[i].channel = known ? 0 : i;
    }
    int64_t now = between(0, 5000), clocks[MOST_VOICES] = {0};
    int number = 0;
    for (int i = between(1, 12); i > 0; i--) {
        int voice = between(0, s->voice_count - 1);
        make_sentence(s, &s->voices[voice], &number, s->kind == CROSSTALK ? &clocks[voice] : &now);
    }
    int speaking = 0;
    for (int i = 0; i < s->voice_count; i++)
        speaking += s->voices[i].count > 0;
    s->named = speaking > 1;
    if (s->kind != ABSURD || one_in(2))
        transcript_normalise(s->transcript);
}

/* ---- the checker ---- */

struct shown {
    int64_t begin, end;
    char *lines[3];
    int line_count;
};

static uint64_t seed_at_hand;
static const char *file_at_hand;

#define VIOLATION(...)                                                                                       \
    do {                                                                                                     \
        print_error("seed %lu: ", (unsigned long)seed_at_hand);                                              \
        print_error(__VA_ARGS__);                                                                            \
        fprintf(stderr, "\n%s\n", file_at_hand); /* print_error() would cut it short */                      \
        fail();                                                                                              \
    } while (0)

static int64_t read_time(const char *p)
{
    int64_t hours = 0;
    int n = 0;
    while (p[n] >= '0' && p[n] <= '9')
        hours = hours * 10 + p[n++] - '0';
    if (n < 2 || p[n] != ':')
        VIOLATION("no time: %.30s", p);
    static const char pattern[] = ":dd:dd,ddd";
    for (int i = 0; pattern[i]; i++) {
        if (pattern[i] == 'd' ? p[n + i] < '0' || p[n + i] > '9' : p[n + i] != pattern[i])
            VIOLATION("no time: %.30s", p);
    }
    int minutes = (p[n + 1] - '0') * 10 + p[n + 2] - '0', seconds = (p[n + 4] - '0') * 10 + p[n + 5] - '0';
    int ms = (p[n + 7] - '0') * 100 + (p[n + 8] - '0') * 10 + p[n + 9] - '0';
    if (minutes > 59 || seconds > 59)
        VIOLATION("no time: %.30s", p);
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
}

/* Parses the copy in place; returns the number of cues. */
static int parse(char *file, struct shown *cues, int most)
{
    int count = 0;
    for (char *p = file; *p;) {
        struct shown *c = &cues[count++];
        if (count > most)
            VIOLATION("more cues than words");
        *c = (struct shown){0};
        for (int line = 0;; line++) {
            char *end = strchr(p, '\n');
            if (!end)
                VIOLATION("the file does not end with a line end");
            *end = '\0';
            if (line == 0) {
                char number[16];
                snprintf(number, sizeof number, "%d", count);
                if (strcmp(p, number) != 0)
                    VIOLATION("number \"%s\" instead of %d", p, count);
            } else if (line == 1) {
                char *arrow = strstr(p, " --> ");
                if (!arrow)
                    VIOLATION("no arrow: %s", p);
                c->begin = read_time(p);
                c->end = read_time(arrow + 5);
                char again[80];
                snprintf(again, sizeof again, "%.*s --> %s", (int)(arrow - p), p, arrow + 5);
                size_t n = strlen(arrow + 5);
                if (strcmp(again, p) != 0 || n < 12 || arrow[5 + n - 4] != ',')
                    VIOLATION("time line: %s", p);
            } else if (!*p) {
                p = end + 1;
                break;
            } else if (c->line_count == 2) {
                VIOLATION("a third line: %s", p);
            } else {
                c->lines[c->line_count++] = p;
            }
            p = end + 1;
        }
        if (!c->line_count)
            VIOLATION("cue %d has no text", count);
    }
    return count;
}

static uint32_t last_of(const char *text)
{
    uint32_t c = 0;
    while (*text)
        c = get(&text);
    return c;
}

static bool contains(const char32_t *list, uint32_t c)
{
    for (; *list; list++) {
        if (*list == c)
            return true;
    }
    return false;
}

static void check_line(const struct stream *s, const char *line)
{
    if (columns_of(line) > s->limit)
        VIOLATION("H2: %d columns: %s", columns_of(line), line);
    if (line[0] == ' ' || line[strlen(line) - 1] == ' ')
        VIOLATION("a space at the end of a line: [%s]", line);
    const char *p = line;
    if (contains(U"，。！？、；：）》」』”’)]},.!?;:", get(&p)))
        VIOLATION("H12: begins with closing punctuation: %s", line);
    if (contains(U"（《「『“‘([", last_of(line)))
        VIOLATION("H12: ends with opening punctuation: %s", line);
}

static void check_form(const struct stream *s, const struct shown *cues, int count)
{
    for (int i = 0; i < count; i++) {
        const struct shown *c = &cues[i];
        for (int k = 0; k < c->line_count; k++)
            check_line(s, c->lines[k]);
        if (c->end <= c->begin)
            VIOLATION("cue %d ends before it begins", i + 1);
        if (c->end - c->begin > 7000)
            VIOLATION("H4: cue %d stays %ld ms", i + 1, (long)(c->end - c->begin));
        if (i + 1 == count)
            break;
        int64_t gap = cues[i + 1].begin - c->end;
        if (gap < 83)
            VIOLATION("H6: gap of %ld ms after cue %d", (long)gap, i + 1);
        if (gap > 83 && gap < 500)
            VIOLATION("H7: gap of %ld ms after cue %d", (long)gap, i + 1);
    }
}

/* Where a voice has got to. */
struct place {
    int word;
    size_t byte;
};

static bool at_end(const struct voice *v, struct place at)
{
    return at.word == v->count;
}

/* Walks the voice over the text of a cue. *broken: some line ended inside a word that fits a line. False if
 * the text is not what the voice says next. */
static bool follow(const struct stream *s, const struct voice *v, struct place *at, char *const *lines,
                   int count, bool *broken)
{
    *broken = false;
    for (int k = 0; k < count; k++) {
        char text[1000] = "";
        add_said(s, text, lines[k]);
        for (const char *p = text; *p; p++) {
            while (!at_end(v, *at) && !v->said[at->word].text[at->byte]) {
                at->word++;
                at->byte = 0;
            }
            if (at_end(v, *at) || v->said[at->word].text[at->byte] != *p)
                return false;
            at->byte++;
        }
        /* Without the engine's words nobody knows where a Chinese word ends. */
        const char *word = at_end(v, *at) ? "" : v->said[at->word].text, *p = word;
        if (word[0] && word[at->byte] && v->said[at->word].columns <= 12 &&
            (v->said[at->word].timed || !is_cjk(get(&p))))
            *broken = true;
        if (!at_end(v, *at) && !v->said[at->word].text[at->byte]) {
            at->word++;
            at->byte = 0;
        }
    }
    return true;
}

static int number_of(const struct voice *v)
{
    return v->speaker >= 0 ? v->speaker : v->channel;
}

/* Takes "Speaker 2:" or "Channel 2:" off the cue and returns 1; -1 if there is none. */
static int take_name(const struct stream *s, char **lines, int *count)
{
    static const struct {
        const char *language, *speaker, *channel, *after;
    } names[] = {{"zh", "说话人 ", "声道 ", "："},
                 {"ja", "話者", "チャンネル", "："},
                 {"ko", "화자 ", "채널 ", ":"},
                 {"fr", "Intervenant ", "Canal ", "\u00A0:"},
                 {NULL, "Speaker ", "Channel ", ":"}};
    size_t n = 0;
    while (names[n].language && strcmp(names[n].language, s->language) != 0)
        n++;
    bool known = s->voices[0].speaker >= 0;
    const char *before = known ? names[n].speaker : names[n].channel, *after = names[n].after;
    if (strncmp(lines[0], before, strlen(before)) != 0)
        return -1;
    char *end;
    long number = strtol(lines[0] + strlen(before), &end, 10);
    if (strncmp(end, after, strlen(after)) != 0)
        VIOLATION("a speaker without a colon: %s", lines[0]);
    end += strlen(after);
    if (*end == ' ')
        end++;
    if (*end) {
        lines[0] = end;
    } else {
        lines[0] = lines[1];
        (*count)--;
    }
    if (!*count)
        VIOLATION("a name and nothing else");
    return (int)number - 1;
}

static void check_speech(const struct stream *s, const struct voice *v, struct place from, struct place to,
                         const struct shown *c, int number)
{
    for (int w = from.word + 1; w < v->count && (w < to.word || (w == to.word && to.byte)); w++) {
        if (!v->said[w].timed || !v->said[w - 1].timed)
            continue;
        if (v->said[w].begin - v->said[w - 1].end > 1500)
            VIOLATION("H10: a silence of %ld ms in cue %d", (long)(v->said[w].begin - v->said[w - 1].end),
                      number);
    }
    if (s->kind != ORDERLY)
        return;
    const struct said *first = &v->said[from.word], *last = &v->said[to.byte ? to.word : to.word - 1];
    if (!from.byte && first->timed && (c->begin < first->begin - 42 || c->begin > first->begin + 100))
        VIOLATION("H8: cue %d begins %ld ms after its first word", number, (long)(c->begin - first->begin));
    if (!to.byte && last->timed && (c->end < last->end || c->end > last->end + 1500))
        VIOLATION("H9: cue %d ends %ld ms after its last word", number, (long)(c->end - last->end));
}

/* The digits' unit comes next: it must not be on another line. */
static void check_quantity(const struct voice *v, struct place at, const char *line)
{
    size_t n = strlen(line);
    if (!at_end(v, at) && !at.byte && n >= 2 && strcmp(line + n - 2, "12") == 0 && at.word > 0 &&
        !v->said[at.word].sentence_begins && strncmp(v->said[at.word].text, "km", 2) == 0 &&
        v->said[at.word].timed && v->said[at.word].begin - v->said[at.word - 1].end <= 1500)
        VIOLATION("H12: a number without its unit: %s", line);
}

static void check_content(const struct stream *s, struct shown *cues, int count)
{
    struct place at[MOST_VOICES] = {0};
    int before = -1;
    for (int i = 0; i < count; i++) {
        struct shown *c = &cues[i];
        char *lines[2] = {c->lines[0], c->lines[1]};
        int line_count = c->line_count;
        int name = s->named ? take_name(s, lines, &line_count) : -1;
        int best = -1;
        bool broken = false;
        struct place after = {0};
        for (int k = 0; k < s->voice_count; k++) {
            struct place p = at[k];
            bool b;
            if ((name >= 0 && number_of(&s->voices[k]) != name) ||
                !follow(s, &s->voices[k], &p, lines, line_count, &b))
                continue;
            if (best >= 0 && llabs(s->voices[best].said[at[best].word].begin - c->begin) <
                                 llabs(s->voices[k].said[at[k].word].begin - c->begin))
                continue;
            best = k;
            after = p;
            broken = b;
        }
        if (best < 0)
            VIOLATION("H11 or lost words: cue %d is not what one voice says next", i + 1);
        if (broken)
            VIOLATION("H12: a word is broken in cue %d", i + 1);
        if (s->named && name < 0 && number_of(&s->voices[best]) != before)
            VIOLATION("cue %d does not name its speaker", i + 1);
        before = number_of(&s->voices[best]);
        check_speech(s, &s->voices[best], at[best], after, c, i + 1);
        check_quantity(&s->voices[best], after, lines[line_count - 1]);
        at[best] = after;
    }
    for (int k = 0; k < s->voice_count; k++) {
        while (!at_end(&s->voices[k], at[k]) && !s->voices[k].said[at[k].word].text[at[k].byte])
            at[k] = (struct place){at[k].word + 1, 0};
        if (!at_end(&s->voices[k], at[k]))
            VIOLATION("words of voice %d are missing", k);
    }
}

static void the_hard_rules_hold_for_random_transcripts(void **state)
{
    (void)state;
    static struct stream s;
    static struct shown cues[20000];
    long total = 0;
    for (uint64_t seed = 1; seed <= STREAMS; seed++) {
        make_stream(&s, seed);
        struct buffer srt = {0}, again = {0};
        assert_int_equal(render_srt(s.transcript, NULL, &srt), 0);
        assert_int_equal(render_srt(s.transcript, NULL, &again), 0);
        assert_string_equal(srt.data, again.data);
        seed_at_hand = seed;
        file_at_hand = again.data;
        int count = parse(srt.data, cues, 20000);
        total += count;
        check_form(&s, cues, count);
        if (s.kind != ABSURD)
            check_content(&s, cues, count);
        buffer_clear(&srt);
        buffer_clear(&again);
        transcript_free(s.transcript);
    }
    print_message("# %ld cues\n", total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hard_rules_hold_for_random_transcripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
