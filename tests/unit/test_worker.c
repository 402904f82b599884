/* The pure parts of the recogniser's worker: sentences by pause, cuts at silence, and containers whose end is
 * missing.
 *
 * The worker is a program of its own, not part of the library that tests link; so its sources are included
 * here. */
#include "backend/worker/chunks.c"
#include "backend/worker/sentences.c"
#include "backend/worker/truncation.c"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>

#include <cmocka.h>

/* ---- sentences ---- */

/* "word@begin-end word@begin-end|next utterance" in hundredths of a second. */
static struct transcript *hear_words(const char *script)
{
    struct transcript *t = transcript_new();
    assert_non_null(t);
    struct heard_word words[16];
    char texts[16][16];
    size_t count = 0;
    for (const char *p = script; *p;) {
        long begin, end;
        int used = 0;
        assert_int_equal(sscanf(p, " %15[a-z]@%ld-%ld%n", texts[count], &begin, &end, &used), 3);
        words[count] = (struct heard_word){begin * 10, end * 10, texts[count], 0.5};
        count++;
        p += used;
        if (*p == '|' || !*p) {
            assert_int_equal(sentences_add(t, words, count), 0);
            count = 0;
            p += *p == '|';
        }
    }
    return t;
}

static void sentences_end_at_pauses(void **state)
{
    (void)state;
    static const struct {
        const char *name, *script, *expected;
    } table[] = {
        {"one", "he@10-20 was@20-40", "he was[100-400]"},
        {"a pause within an utterance", "he@10-20 was@70-90", "he[100-200];was[700-900]"},
        {"not quite a pause", "he@10-20 was@69-90", "he was[100-900]"},
        {"an endpoint at a pause", "he@10-20|was@70-90", "he[100-200];was[700-900]"},
        {"an endpoint without a pause", "he@10-20|was@30-90", "he was[100-900]"},
        {"a sentence does not grow for ever",
         "he@0-100 was@120-2000|so@2010-2200 it@2200-2500|not@2510-2600 a@2610-3100",
         "he was so it[0-25000];not a[25100-31000]"},
        {"a lone long word is noise", "the@0-300", ""},
        {"a lone long word after a pause is noise", "he@0-30 the@100-400 was@500-520",
         "he[0-300];was[5000-5200]"},
        {"a lone short word is a word", "yes@0-200", "yes[0-2000]"},
        {"a long word among others stays", "so@0-30 well@40-300", "so well[0-3000]"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct transcript *t = hear_words(table[i].script);
        char got[512] = "";
        for (size_t s = 0; s < t->sentence_count; s++) {
            size_t used = strlen(got);
            snprintf(got + used, sizeof got - used, "%s%s[%d-%d]", s ? ";" : "", t->sentences[s].text,
                     (int)t->sentences[s].begin_ms, (int)t->sentences[s].end_ms);
            assert_true(t->sentences[s].confidence > 0.499 && t->sentences[s].confidence < 0.501);
        }
        if (strcmp(got, table[i].expected))
            fail_msg("%s: %s", table[i].name, got);
        transcript_free(t);
    }
}

/* ---- cuts ---- */

static void a_cut_lies_in_the_quietest_moment_and_never_early(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double quiet[2]; /* where half a second of silence begins, s; negative: nowhere */
        double low, high;
    } table[] = {
        {"one pause", {20, -1}, 20, 20.5},
        {"two pauses: the later", {15, 25}, 25, 25.5},
        {"a pause too early is not used", {5, 22}, 22, 22.5},
        {"no pause at all: the latest moment", {-1, -1}, 29.5, 30},
        {"silence everywhere: the latest moment", {-2, -2}, 29.5, 30},
    };
    int16_t *samples = malloc(CHUNK_MAX * sizeof *samples);
    assert_non_null(samples);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (size_t k = 0; k < CHUNK_MAX; k++)
            samples[k] = table[i].quiet[0] < -1.5 ? 0 : (k % 2 ? 1000 : -1000);
        for (int q = 0; q < 2; q++)
            if (table[i].quiet[q] >= 0)
                memset(samples + (size_t)(table[i].quiet[q] * MEDIA_RATE), 0,
                       MEDIA_RATE / 2 * sizeof *samples);
        double at = (double)chunk_cut(samples, CHUNK_MAX) / MEDIA_RATE;
        if (at < table[i].low || at > table[i].high)
            fail_msg("%s: cut at %.2f s", table[i].name, at);
    }
    free(samples);
}

/* ---- truncation ---- */

static bool found_in(const char *bytes, size_t len, int64_t size)
{
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(ftruncate(fd, size), 0);
    bool found = truncation_found(fd, size);
    close(fd);
    return found;
}

static void containers_say_when_their_end_is_missing(void **state)
{
    (void)state;
#define BYTES(text) text, sizeof(text) - 1
#define WAV "WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data"
#define FTYP                                                                                                 \
    "\0\0\0\x10"                                                                                             \
    "ftypisom\0\0\0\0"
#define EBML "\x1a\x45\xdf\xa3\x84\x42\x86\x81\x01\x18\x53\x80\x67"
#define XING                                                                                                 \
    "\xff\xfb\x90\x64\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0Xing\0\0\0\3\0\0\0\x64"
    static const struct {
        const char *name, *bytes;
        size_t len;
        int64_t size;
        bool cut;
    } table[] = {
        {"WAV, whole", BYTES("RIFF\x24\x10\0\0" WAV "\0\x10\0\0"), 44 + 4096, false},
        {"WAV, half", BYTES("RIFF\x24\x10\0\0" WAV "\0\x10\0\0"), 44 + 2048, true},
        {"WAV, a few bytes short", BYTES("RIFF\x24\x10\0\0" WAV "\0\x10\0\0"), 44 + 4000, false},
        {"WAV, streamed by ffmpeg", BYTES("RIFF\xff\xff\xff\xff" WAV "\xff\xff\xff\xff"), 4096, false},
        {"WAV, streamed by sox", BYTES("RIFF\x24\xf0\xff\x7f" WAV "\0\xf0\xff\x7f"), 4096, false},
        {"WAV, streamed with zeros", BYTES("RIFF\0\0\0\0" WAV "\0\0\0\0"), 4096, false},
        {"WAV, only the data size is right", BYTES("RIFF\0\0\0\0" WAV "\0\x10\0\0"), 2048, true},
        {"AIFF, whole",
         BYTES("FORM\0\0\x10\x04"
               "AIFFSSND\0\0\x0f\xf8"),
         4108, false},
        {"AIFF, half",
         BYTES("FORM\0\0\x10\x04"
               "AIFFSSND\0\0\x0f\xf8"),
         2048, true},
        {"MP4, whole", BYTES(FTYP "\0\0\0\x08moov\0\0\x10\0mdat"), 16 + 8 + 4096, false},
        {"MP4, half", BYTES(FTYP "\0\0\0\x08moov\0\0\x10\0mdat"), 16 + 8 + 2048, true},
        {"MP4, no moov", BYTES(FTYP "\0\0\x10\0mdat"), 16 + 4096, true},
        {"MP4, no moov, open mdat", BYTES(FTYP "\0\0\0\0mdat"), 16 + 4096, true},
        {"MP4, 64-bit mdat, half", BYTES(FTYP "\0\0\0\x08moov\0\0\0\1mdat\0\0\0\0\0\0\x10\0"), 2048, true},
        {"QuickTime without ftyp, no moov", BYTES("\0\0\0\x08wide\0\0\x10\0mdat"), 8 + 4096, true},
        {"Matroska, whole", BYTES(EBML "\x50\0"), 15 + 4096, false},
        {"Matroska, half", BYTES(EBML "\x50\0"), 15 + 2048, true},
        {"WebM, live", BYTES(EBML "\x01\xff\xff\xff\xff\xff\xff\xff"), 4096, false},
        {"Ogg, whole page", BYTES("OggS\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\xff\x10"), 29 + 271,
         false},
        {"Ogg, cut page", BYTES("OggS\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\xff\x10"), 29 + 270,
         true},
        {"Ogg, cut header", BYTES("OggS\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 22, true},
        {"FLAC, whole", BYTES("fLaC\x80\0\0\x22"), 4096, false},
        {"FLAC, cut metadata", BYTES("fLaC\x80\0\x20\0"), 4096, true},
        {"MP3, whole", BYTES(XING "\0\0\x10\0"), 4096, false},
        {"MP3, half", BYTES(XING "\0\0\x10\0"), 2048, true},
        {"MP3 after a tag, half",
         BYTES("ID3\4\0\0\0\0\0\x04"
               "abcd" XING "\0\0\x10\0"),
         2048, true},
        {"not known", BYTES("Dear diary, nothing happened."), 4096, false},
        {"tiny", BYTES("R"), 1, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (found_in(table[i].bytes, table[i].len, table[i].size) != table[i].cut)
            fail_msg("%s", table[i].name);
}

static void every_prefix_of_every_header_is_read_without_harm(void **state)
{
    (void)state;
    static const char *const heads[] = {"RIFF",
                                        "FORM",
                                        "\0\0\0\1moov",
                                        "\x1a\x45\xdf\xa3",
                                        "OggS",
                                        "fLaC",
                                        "ID3",
                                        "\x30\x26\xb2\x75\x8e\x66\xcf\x11",
                                        "\0\0\0\x10"
                                        "ftyp"};
    static const size_t lens[] = {4, 4, 8, 4, 4, 4, 3, 8, 8};
    char bytes[64];
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        for (int fill = 0; fill < 256; fill += 51)
            for (int64_t size = 0; size <= (int64_t)sizeof bytes; size++) {
                memset(bytes, fill, sizeof bytes);
                memcpy(bytes, heads[i], lens[i]);
                found_in(bytes, (size_t)size, size); /* the sanitizers judge */
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_end_at_pauses),
        cmocka_unit_test(a_cut_lies_in_the_quietest_moment_and_never_early),
        cmocka_unit_test(containers_say_when_their_end_is_missing),
        cmocka_unit_test(every_prefix_of_every_header_is_read_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
