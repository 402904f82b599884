/* Stitching: transcripts of parts in, the transcript of the whole out. A sentence is written as a line,
 * "BEGIN END SPEAKER CHANNEL w TEXT": "w" with words (the text's, evenly over its time), "-" without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/base/error.h"
#include "backend/stitch.h"
#include "backend/transcript.h"

enum { MOST_PARTS = 4 };

/* ---- the notation ---- */

static void add_words(struct sentence *s)
{
    char *copy = strdup(s->text), *rest = NULL;
    int64_t count = 0, n = 0;
    for (const char *c = s->text; *c; c++)
        count += *c == ' ';
    count++;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest), n++) {
        struct word *w = sentence_add_word(s);
        size_t length = strcspn(word, ".,?!");
        w->text = strndup(word, length);
        w->punctuation = word[length] ? strdup(word + length) : NULL;
        w->begin_ms = s->begin_ms + (s->end_ms - s->begin_ms) * n / count;
        w->end_ms = s->begin_ms + (s->end_ms - s->begin_ms) * (n + 1) / count;
    }
    free(copy);
}

static struct transcript *transcript_of(const char *lines)
{
    struct transcript *t = transcript_new();
    while (lines && *lines) {
        struct sentence *s = transcript_add_sentence(t);
        long long begin, end;
        int speaker, channel, at = 0;
        char words;
        if (sscanf(lines, "%lld %lld %d %d %c %n", &begin, &end, &speaker, &channel, &words, &at) < 5)
            fail_msg("not the notation: %s", lines);
        s->begin_ms = begin;
        s->end_ms = end;
        s->speaker = speaker;
        s->channel = channel;
        s->text = strndup(lines + at, strcspn(lines + at, "\n"));
        if (words == 'w')
            add_words(s);
        lines += strcspn(lines, "\n");
        lines += *lines == '\n';
    }
    return t;
}

static char *lines_of(const struct transcript *t)
{
    struct buffer out = {0};
    buffer_puts(&out, "");
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        buffer_printf(&out, "%lld %lld %d %d %c %s\n", (long long)s->begin_ms, (long long)s->end_ms,
                      s->speaker, s->channel, s->word_count ? 'w' : '-', s->text);
    }
    return buffer_take(&out);
}

/* The words of a sentence are those of its text, in it, in order. */
static void check_words(const char *name, const struct transcript *t)
{
    for (size_t i = 0; i < t->sentence_count; i++) {
        const struct sentence *s = &t->sentences[i];
        int64_t at = s->begin_ms;
        const char *text = s->text;
        for (size_t j = 0; j < s->word_count; j++) {
            const struct word *w = &s->words[j];
            text = text ? strstr(text, w->text) : NULL;
            if (!text || w->begin_ms < at || w->end_ms < w->begin_ms || w->end_ms > s->end_ms)
                fail_msg("%s: the word \"%s\" of \"%s\"", name, w->text, s->text);
            at = w->end_ms;
        }
    }
}

struct piece {
    int64_t begin_ms, end_ms;
    const char *said;
};

static struct transcript *stitch_pieces(const struct piece *pieces, size_t count,
                                        void (*prepare)(struct transcript *t, size_t part))
{
    struct stitch_part parts[MOST_PARTS] = {{0}};
    struct error err = {0};
    for (size_t i = 0; i < count; i++) {
        struct transcript *t = transcript_of(pieces[i].said);
        if (prepare)
            prepare(t, i);
        parts[i] = (struct stitch_part){t, pieces[i].begin_ms, pieces[i].end_ms};
    }
    struct transcript *whole = stitch(parts, count, &err);
    assert_non_null(whole);
    for (size_t i = 0; i < count; i++)
        transcript_free((struct transcript *)(uintptr_t)parts[i].transcript);
    return whole;
}

/* ---- text and times ---- */

static void parts_become_a_whole(void **state)
{
    static const struct {
        const char *name;
        struct piece pieces[MOST_PARTS];
        const char *whole;
    } cases[] = {
        {"one part", {{0, 9000, "100 900 -1 0 w One two."}}, "100 900 -1 0 w One two.\n"},
        {"no overlap",
         {{0, 5000, "100 900 -1 0 w One two.\n3000 4800 -1 0 w Three."},
          {5000, 9000, "200 1000 -1 0 w Four."}},
         "100 900 -1 0 w One two.\n3000 4800 -1 0 w Three.\n5200 6000 -1 0 w Four.\n"},
        {"no overlap, and nothing has words",
         {{0, 5000, "100 900 -1 0 - One."}, {5000, 9000, "0 1000 -1 0 - Two."}},
         "100 900 -1 0 - One.\n5000 6000 -1 0 - Two.\n"},
        {"times that run over the end of a part stay in it",
         {{0, 5000, "4000 5600 -1 0 - One."}, {5000, 9000, "0 1000 -1 0 - Two."}},
         "4000 5000 -1 0 - One.\n5000 6000 -1 0 - Two.\n"},
        {"the seam lies between sentences",
         {{0, 20000, "11000 13000 -1 0 w One two.\n14000 17000 -1 0 w Three four.\n18000 19000 -1 0 w Five."},
          {10000, 30000, "1000 3000 -1 0 w One two.\n4000 7000 -1 0 w Three four.\n8000 9000 -1 0 w Five."}},
         "11000 13000 -1 0 w One two.\n14000 17000 -1 0 w Three four.\n18000 19000 -1 0 w Five.\n"},
        {"each side of the seam has its own ears",
         {{0, 20000, "11000 13000 -1 0 w Left left.\n17000 19000 -1 0 w Left again."},
          {10000, 30000, "1000 3000 -1 0 w Right right.\n7000 9000 -1 0 w Right again."}},
         "11000 13000 -1 0 w Left left.\n17000 19000 -1 0 w Right again.\n"},
        {"one long sentence over the whole overlap is cut between words",
         {{0, 20000, "9000 21000 -1 0 w a b c d e f"}, {10000, 30000, "-1000 11000 -1 0 w a b c d e f"}},
         NULL},
        {"a pause in the middle of a sentence",
         {{0, 20000, "10000 14000 -1 0 w So I\n16000 20000 -1 0 w went home."},
          {10000, 30000, "0 4000 -1 0 w So I\n6000 10000 -1 0 w went home."}},
         "10000 14000 -1 0 w So I\n16000 20000 -1 0 w went home.\n"},
        {"sentences without words are taken whole",
         {{0, 20000, "12000 14000 -1 0 - One.\n16000 19000 -1 0 - Two."},
          {10000, 30000, "2100 4100 -1 0 - One.\n6100 9100 -1 0 - Two."}},
         "12000 14000 -1 0 - One.\n16100 19100 -1 0 - Two.\n"},
        {"a sentence without words over the seam is there once",
         {{0, 20000, "8000 16000 -1 0 - One."},
          {10000, 30000, "-2000 6000 -1 0 - One.\n8000 12000 -1 0 - Two."}},
         "8000 16000 -1 0 - One.\n18000 22000 -1 0 - Two.\n"},
        {"the left is silent in the overlap",
         {{0, 20000, "1000 2000 -1 0 w One."},
          {10000, 30000, "9000 9900 -1 0 w Two.\n12000 13000 -1 0 w Three."}},
         "1000 2000 -1 0 w One.\n19000 19900 -1 0 w Two.\n22000 23000 -1 0 w Three.\n"},
        {"a silent part between two others",
         {{0, 5000, "100 900 -1 0 w One."}, {5000, 9000, ""}, {9000, 12000, "0 500 -1 0 w Two."}},
         "100 900 -1 0 w One.\n9000 9500 -1 0 w Two.\n"},
        {"nobody says anything", {{0, 5000, ""}, {4000, 9000, ""}}, ""},
        {"channels keep their numbers, and equal times their order",
         {{0, 5000, "100 900 -1 0 w Left.\n100 800 -1 1 w Right."},
          {5000, 9000, "100 900 -1 0 w Left.\n100 700 -1 1 w Right."}},
         "100 900 -1 0 w Left.\n100 800 -1 1 w Right.\n5100 5900 -1 0 w Left.\n5100 5700 -1 1 w Right.\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;
        while (count < MOST_PARTS && cases[i].pieces[count].said)
            count++;
        struct transcript *whole = stitch_pieces(cases[i].pieces, count, NULL);
        char *lines = lines_of(whole);
        if (cases[i].whole && strcmp(lines, cases[i].whole) != 0)
            fail_msg("%s:\n%s", cases[i].name, lines);
        check_words(cases[i].name, whole);
        assert_int_equal(whole->duration_ms, cases[i].pieces[count - 1].end_ms);
        free(lines);
        transcript_free(whole);
    }
}

/* Where nobody pauses, the words of one sentence come from both parts, each once. */
static void every_word_is_taken_once(void **state)
{
    static const char words[] = "one two three four five six seven eight nine ten eleven twelve";
    (void)state;
    for (int64_t late = -150; late <= 150; late += 50) {
        char left[200], right[200];
        snprintf(left, sizeof left, "10000 22000 -1 0 w %s", words);
        snprintf(right, sizeof right, "%lld %lld -1 0 w %s", (long long)late, (long long)(12000 + late),
                 words);
        const struct piece pieces[] = {{0, 22000, left}, {10000, 40000, right}};
        struct transcript *whole = stitch_pieces(pieces, 2, NULL);
        struct buffer text = {0};
        for (size_t i = 0; i < whole->sentence_count; i++)
            for (size_t j = 0; j < whole->sentences[i].word_count; j++)
                buffer_printf(&text, "%s%s", text.len ? " " : "", whole->sentences[i].words[j].text);
        if (strcmp(text.data, words) != 0)
            fail_msg("%lld ms late: %s", (long long)late, text.data);
        buffer_clear(&text);
        transcript_free(whole);
    }
}

static void text_of_cut_sentences(void **state)
{
    static const struct {
        const char *name, *text;
        const char *word[4];
        const char *first, *second;
    } cases[] = {
        {"its marks stay",
         "\"Well\", I said - no!",
         {"Well", "I", "said", "no"},
         "\"Well\", I",
         "said - no!"},
        {"words that are not in the text", "10 %", {"ten", "per", "cent", "or"}, "ten per", "cent or"},
        {"Chinese has no spaces", "你好。", {"再", "见", "大", "家"}, "再见", "大家"},
        {"Korean has", "?", {"안녕", "하세요", "여러", "분"}, "안녕 하세요", "여러 분"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* Two words before the seam and two behind it, with a pause between. */
        static const int64_t begins[] = {11000, 12000, 17000, 18000};
        struct transcript *left = transcript_new(), *right = transcript_new();
        for (int side = 0; side < 2; side++) {
            struct sentence *s = transcript_add_sentence(side ? right : left);
            int64_t begin_ms = side ? 10000 : 0;
            s->text = strdup(cases[i].text);
            s->begin_ms = 10000 - begin_ms;
            s->end_ms = 20000 - begin_ms;
            for (int w = 0; w < 4; w++) {
                struct word *word = sentence_add_word(s);
                word->text = strdup(cases[i].word[w]);
                word->begin_ms = begins[w] - begin_ms;
                word->end_ms = begins[w] + 900 - begin_ms;
            }
        }
        const struct stitch_part parts[] = {{left, 0, 20000}, {right, 10000, 30000}};
        struct transcript *whole = stitch(parts, 2, NULL);
        assert_non_null(whole);
        if (whole->sentence_count != 2 || strcmp(whole->sentences[0].text, cases[i].first) != 0 ||
            strcmp(whole->sentences[1].text, cases[i].second) != 0)
            fail_msg("%s: %s | %s", cases[i].name, whole->sentences[0].text,
                     whole->sentence_count > 1 ? whole->sentences[1].text : "");
        assert_int_equal(whole->sentences[0].end_ms, 12900);
        assert_int_equal(whole->sentences[1].begin_ms, 17000);
        transcript_free(whole);
        transcript_free(left);
        transcript_free(right);
    }
}

/* A sentence with a long pause between its two words. */
static void add_hesitation(struct transcript *t, int64_t begin_ms)
{
    static const struct {
        const char *text;
        int64_t begin_ms, end_ms;
    } words[] = {{"Well", 13000, 14500}, {"yes", 15500, 17000}};
    struct sentence *s = transcript_add_sentence(t);
    s->text = strdup("Well … yes");
    s->begin_ms = words[0].begin_ms - begin_ms;
    s->end_ms = words[1].end_ms - begin_ms;
    for (int i = 0; i < 2; i++) {
        struct word *w = sentence_add_word(s);
        w->text = strdup(words[i].text);
        w->begin_ms = words[i].begin_ms - begin_ms;
        w->end_ms = words[i].end_ms - begin_ms;
    }
}

static void a_pause_between_sentences_is_better_than_a_nearer_one_inside(void **state)
{
    (void)state;
    struct transcript *left = transcript_of("11000 12000 -1 0 w One."),
                      *right = transcript_of("1000 2000 -1 0 w One.");
    add_hesitation(left, 0);
    add_hesitation(right, 10000);
    const struct stitch_part parts[] = {{left, 0, 20000}, {right, 10000, 30000}};
    struct transcript *whole = stitch(parts, 2, NULL);
    assert_non_null(whole);
    char *lines = lines_of(whole);
    assert_string_equal(lines, "11000 12000 -1 0 w One.\n13000 17000 -1 0 w Well … yes\n");
    free(lines);
    transcript_free(whole);
    transcript_free(left);
    transcript_free(right);
}

/* ---- speakers ---- */

static void speakers_are_known_again(void **state)
{
    static const struct {
        const char *name;
        struct piece pieces[MOST_PARTS];
        const char *whole; /* the speakers of its sentences */
    } cases[] = {
        {"the same numbers",
         {{0, 20000, "1000 2000 0 0 - A\n11000 13000 0 0 - A\n14000 14500 1 0 - B"},
          {10000, 30000, "1000 3000 0 0 - A\n4000 4500 1 0 - B\n15000 16000 1 0 - B\n17000 18000 0 0 - A"}},
         "0 0 1 1 0"},
        {"swapped",
         {{0, 20000, "1000 2000 0 0 - A\n11000 13000 1 0 - B\n14000 14500 0 0 - A"},
          {10000, 30000, "1000 3000 0 0 - B\n4000 4500 1 0 - A\n15000 16000 1 0 - A\n17000 18000 0 0 - B"}},
         "0 1 0 0 1"},
        {"one new",
         {{0, 20000, "1000 2000 0 0 - A\n11000 13000 0 0 - A"},
          {10000, 30000, "1000 3000 0 0 - A\n15000 16000 1 0 - C\n17000 18000 0 0 - A"}},
         "0 0 1 0"},
        {"one who is not heard in the overlap gets a new number",
         {{0, 20000, "1000 2000 0 0 - A\n3000 4000 1 0 - B\n11000 13000 0 0 - A"},
          {10000, 30000, "1000 3000 0 0 - A\n15000 16000 1 0 - B"}},
         "0 1 0 2"},
        {"parts that do not overlap",
         {{0, 10000, "1000 2000 0 0 - A"}, {10000, 30000, "1000 2000 0 0 - ?"}},
         "0 1"},
        {"over three parts",
         {{0, 20000, "1000 2000 0 0 - A\n11000 13000 1 0 - B\n14000 14500 0 0 - A"},
          {10000, 40000,
           "1000 3000 0 0 - B\n4000 4500 1 0 - A\n22000 23000 1 0 - A\n24000 24900 0 0 - B\n26000 27000 1 0 "
           "- A"},
          {30000, 50000, "2000 3000 4 0 - A\n4000 4900 2 0 - B\n6000 7000 4 0 - A\n15000 16000 2 0 - B"}},
         "0 1 0 0 1 0 1"},
        {"a short word into what another says is no match",
         {{0, 20000, "1000 2000 0 0 - A\n11000 14000 1 0 - B"},
          {10000, 30000, "1500 1700 1 0 - C\n15000 16000 1 0 - C"}},
         "0 1 2"},
        {"two who seldom speak at the same time are not one",
         {{0, 20000, "1000 2000 0 0 - A\n10500 13500 1 0 - B"},
          {10000, 30000, "3000 4500 0 0 - C\n15000 16000 0 0 - C"}},
         "0 1 2"},
        {"numbers have no gap where somebody fell out of the overlap",
         {{0, 20000, "1000 2000 0 0 - A\n18000 19000 1 0 - B\n"}, {10000, 30000, "15000 16000 0 0 - C"}},
         "0 1"},
        {"unknown ones stay unknown",
         {{0, 20000, "11000 13000 -1 0 - ?"}, {10000, 30000, "1000 3000 -1 0 - ?\n15000 16000 0 0 - A"}},
         "-1 0"},
        {"counted by first appearance", {{0, 20000, "1000 2000 7 0 - A\n3000 4000 2 0 - B"}}, "0 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;
        while (count < MOST_PARTS && cases[i].pieces[count].said)
            count++;
        struct transcript *whole = stitch_pieces(cases[i].pieces, count, NULL);
        struct buffer numbers = {0};
        for (size_t s = 0; s < whole->sentence_count; s++)
            buffer_printf(&numbers, "%s%d", s ? " " : "", whole->sentences[s].speaker);
        if (strcmp(numbers.data, cases[i].whole) != 0)
            fail_msg("%s: %s", cases[i].name, numbers.data);
        buffer_clear(&numbers);
        transcript_free(whole);
    }
}

/* ---- the rest ---- */

static const struct piece three[] = {
    {0, 5000, "0 1000 -1 0 - One"}, {5000, 9000, "0 3000 -1 0 - Deux"}, {9000, 12000, "0 1000 -1 0 - Three"}};

static void with_languages(struct transcript *t, size_t part)
{
    t->language = strdup(part == 1 ? "fr" : "en");
    if (part == 2)
        t->sentences[0].language = strdup("en-GB");
}

static void the_language_is_the_one_most_spoken(void **state)
{
    (void)state;
    struct transcript *whole = stitch_pieces(three, 3, with_languages);
    assert_string_equal(whole->language, "fr");
    assert_string_equal(whole->sentences[0].language, "en");
    assert_null(whole->sentences[1].language);
    assert_string_equal(whole->sentences[2].language, "en-GB");
    transcript_free(whole);
    whole = stitch_pieces(three, 1, with_languages);
    assert_string_equal(whole->language, "en");
    assert_null(whole->sentences[0].language);
    transcript_free(whole);
    whole = stitch_pieces(three, 3, NULL);
    assert_null(whole->language);
    transcript_free(whole);
}

static void with_bills(struct transcript *t, size_t part)
{
    t->provider = strdup("dashscope");
    t->engine = strdup("Model Studio");
    t->model = strdup("fun-asr");
    t->why = strdup("the settings name it");
    t->task_id = part == 1 ? NULL : strdup(part ? "task-c" : "task-a");
    t->request_id = strdup(part ? "r" : "q");
    t->billed_ms = 1000 << part;
    t->cost_micro = 220 << part;
    strcpy(t->currency, part == 1 ? "" : "CNY");
    t->times_estimated = part == 2;
    t->billed_estimated = part == 1;
    t->sentences[0].emotion = strdup("happy");
    t->sentences[0].confidence = 0.5;
}

static void with_two_currencies(struct transcript *t, size_t part)
{
    with_bills(t, part);
    strcpy(t->currency, part ? "USD" : "CNY");
}

static void bills_are_summed_up(void **state)
{
    (void)state;
    struct transcript *whole = stitch_pieces(three, 3, with_bills);
    assert_int_equal(whole->billed_ms, 7000);
    assert_int_equal(whole->cost_micro, 7 * 220);
    assert_string_equal(whole->currency, "CNY");
    assert_string_equal(whole->task_id, "task-a task-c");
    assert_string_equal(whole->request_id, "q r r");
    assert_string_equal(whole->why, "the settings name it");
    assert_string_equal(whole->provider, "dashscope");
    assert_string_equal(whole->engine, "Model Studio");
    assert_string_equal(whole->model, "fun-asr");
    assert_true(whole->times_estimated);
    assert_true(whole->billed_estimated);
    assert_string_equal(whole->sentences[1].emotion, "happy");
    assert_true(whole->sentences[1].confidence > 0.4 && whole->sentences[1].confidence < 0.6);
    transcript_free(whole);
    whole = stitch_pieces(three, 1, with_bills);
    assert_false(whole->times_estimated);
    assert_false(whole->billed_estimated);
    transcript_free(whole);
    whole = stitch_pieces(three, 3, with_two_currencies);
    assert_int_equal(whole->billed_ms, 7000);
    assert_int_equal(whole->cost_micro, 0);
    assert_string_equal(whole->currency, "");
    transcript_free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_become_a_whole),
        cmocka_unit_test(every_word_is_taken_once),
        cmocka_unit_test(text_of_cut_sentences),
        cmocka_unit_test(a_pause_between_sentences_is_better_than_a_nearer_one_inside),
        cmocka_unit_test(speakers_are_known_again),
        cmocka_unit_test(the_language_is_the_one_most_spoken),
        cmocka_unit_test(bills_are_summed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
