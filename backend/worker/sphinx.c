/* Recognition with PocketSphinx, for machines that Vosk is not built for.
 *
 * It does best with whole utterances, whose cepstral mean it can take in advance: the recording is cut at its
 * quietest moments into pieces of at most 30 s. Against the engine's defaults on a stream this takes the word
 * error rate on real speech from 38 % to 30 %. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pocketsphinx.h>
#include <sphinxbase/err.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/worker/chunks.h"
#include "backend/worker/engine.h"
#include "backend/worker/media.h"
#include "backend/worker/options.h"
#include "backend/worker/report.h"
#include "backend/worker/sentences.h"

enum {
    CHUNK_CPU_SECONDS = 900, /* for 30 s of audio: a slow machine needs 100 */
    FRAME_MS = 10,
    WORD_MAX = 128,
};

struct sphinx {
    cmd_ln_t *config;
    ps_decoder_t *decoder;
};

/* <s>, </s>, <sil>, [NOISE], ++BREATH++ */
static bool filler(const char *word)
{
    return word[0] == '<' || word[0] == '[' || !strncmp(word, "++", 2);
}

/* One chunk that begins at `begin_ms` of the recording. */
static int recognise_chunk(struct sphinx *s, const int16_t *samples, size_t count, int64_t begin_ms,
                           struct transcript *t, struct error *err)
{
    /* A new stream makes the frames count from the start of the chunk. */
    if (ps_start_stream(s->decoder) < 0 || ps_start_utt(s->decoder) < 0 ||
        ps_process_raw(s->decoder, samples, count, FALSE, TRUE) < 0 || ps_end_utt(s->decoder) < 0)
        return error_set(err, ERROR_PERMANENT, 0, "engine.failed", "PocketSphinx gave up");

    cleanup_free struct heard_word *words = NULL;
    cleanup_free char(*texts)[WORD_MAX] = NULL;
    /* No word is shorter than three frames. */
    size_t room = count / (MEDIA_RATE / 1000 * FRAME_MS) / 3 + 4, n = 0;
    words = calloc(room, sizeof *words);
    texts = calloc(room, sizeof *texts);
    if (!words || !texts)
        return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory while recognising");
    for (ps_seg_t *seg = ps_seg_iter(s->decoder); seg; seg = ps_seg_next(seg)) {
        const char *word = ps_seg_word(seg);
        if (filler(word) || n == room)
            continue;
        snprintf(texts[n], WORD_MAX, "%s", word);
        char *variant = strchr(texts[n], '('); /* "the(2)" */
        if (variant && variant > texts[n])
            *variant = '\0';
        int first, last, acoustic, language, back;
        ps_seg_frames(seg, &first, &last);
        double probability =
            logmath_exp(ps_get_logmath(s->decoder), ps_seg_prob(seg, &acoustic, &language, &back));
        words[n] = (struct heard_word){
            .begin_ms = begin_ms + (int64_t)first * FRAME_MS,
            .end_ms = begin_ms + (int64_t)(last + 1) * FRAME_MS,
            .text = texts[n],
            .confidence = fmin(fmax(probability, 0), 1),
        };
        n++;
    }
    if (sentences_add(t, words, n))
        return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory while recognising");
    return 0;
}

static int sphinx_recognise(void *state, struct hearing *h, struct error *err)
{
    struct sphinx *s = state;
    cleanup_free int16_t *buffer = malloc(CHUNK_MAX * sizeof *buffer);
    if (!buffer)
        return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory while recognising");
    report_expect(h->report, CHUNK_CPU_SECONDS);
    size_t held = 0;
    for (;;) {
        ssize_t n = hear(h, buffer + held, CHUNK_MAX - held, err);
        if (n < 0)
            return (int)n;
        held += (size_t)n;
        if (!held)
            return 0;
        int64_t begin_ms = media_ms(h->samples - (int64_t)held);
        size_t cut = held < CHUNK_MAX ? held : chunk_cut(buffer, held);
        int rc = recognise_chunk(s, buffer, cut, begin_ms, h->transcript, err);
        if (rc)
            return rc;
        held -= cut;
        memmove(buffer, buffer + cut, held * sizeof *buffer);
    }
}

static void sphinx_free(void *state)
{
    struct sphinx *s = state;
    if (s->decoder)
        ps_free(s->decoder);
    if (s->config)
        cmd_ln_free_r(s->config);
    free(s);
}

int sphinx_load(const struct options *o, struct engine *e, struct error *err)
{
    struct sphinx *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory");
    *e = (struct engine){
        .name = "pocketsphinx", .state = s, .recognise = sphinx_recognise, .free = sphinx_free};
    char acoustic[4096], language[4096], dictionary[4096];
    snprintf(acoustic, sizeof acoustic, "%s/en-us", o->sphinx_model);
    snprintf(language, sizeof language, "%s/en-us.lm.bin", o->sphinx_model);
    snprintf(dictionary, sizeof dictionary, "%s/cmudict-en-us.dict", o->sphinx_model);
    err_set_logfp(NULL);
    s->config = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", acoustic, "-lm", language, "-dict", dictionary,
                            "-cmn", "batch", "-remove_silence", "no", "-lw", "5", "-fwdflatlw", "7",
                            "-bestpathlw", "8", NULL);
    if (s->config)
        s->decoder = ps_init(s->config);
    if (!s->decoder)
        return error_set(err, ERROR_PERSON, 0, "engine.model", "PocketSphinx cannot load the model %s",
                         o->sphinx_model);
    return 0;
}
