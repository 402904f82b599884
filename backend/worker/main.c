/* The worker: one process, one recording, one answer: a transcript, facts, or a converted copy, in one or in
 * parts.
 *
 * The order matters: engine and model are loaded while files can still be opened, then the sandbox closes,
 * and only then is the recording looked at. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/error.h"
#include "backend/prepare.h"
#include "backend/transcript.h"
#include "backend/worker/convert.h"
#include "backend/worker/engine.h"
#include "backend/worker/media.h"
#include "backend/worker/options.h"
#include "backend/worker/report.h"
#include "backend/worker/sandbox.h"
#include "backend/worker/split.h"
#include "backend/worker/wire.h"

static const char stage_preparing[] = "preparing", stage_recognising[] = "recognising";

ssize_t hear(struct hearing *h, int16_t *out, size_t count, struct error *err)
{
    enum { STEP = MEDIA_RATE };
    size_t done = 0;
    while (done < count) {
        size_t want = count - done < STEP ? count - done : STEP;
        ssize_t n = media_read(h->media, out + done, want, err);
        if (n < 0)
            return n;
        done += (size_t)n;
        h->samples += n;
        report_progress(h->report, stage_recognising, media_ms(h->samples), media_duration_ms(h->media));
        if ((size_t)n < want)
            break;
    }
    return (ssize_t)done;
}

static int decode_all(void *state, struct hearing *h, struct error *err)
{
    (void)state;
    int16_t block[4096];
    ssize_t n;
    while ((n = hear(h, block, sizeof block / sizeof *block, err)) > 0)
        ;
    return (int)n;
}

int decode_only_load(struct engine *e)
{
    *e = (struct engine){.recognise = decode_all};
    return 0;
}

static int load(const struct options *o, struct engine *e, struct error *err)
{
    switch (o->engine) {
    case ENGINE_VOSK:
        return vosk_load(o, e, err);
    case ENGINE_POCKETSPHINX:
        return sphinx_load(o, e, err);
    case ENGINE_NONE:
        break;
    }
    return decode_only_load(e);
}

/* `text` NULL: nothing. */
static int provenance(char **field, const char *text)
{
    *field = text ? strdup(text) : NULL;
    return text && !*field ? -ENOMEM : 0;
}

static int transcribe(const struct options *o, const struct engine *e, struct report *r, struct transcript *t,
                      struct error *err)
{
    struct hearing h = {.report = r, .transcript = t};
    report_progress(r, stage_preparing, 0, 0);
    int rc = media_open(o->print ? STDIN_FILENO : WIRE_RECORDING_FD, o->max_ms, &h.media, err);
    if (rc)
        return rc;
    rc = e->recognise(e->state, &h, err);
    media_free(h.media);
    if (rc)
        return rc;
    transcript_normalise(t);
    t->duration_ms = media_ms(h.samples);
    if (provenance(&t->language, o->language) || provenance(&t->provider, "local") ||
        provenance(&t->engine, e->name) || provenance(&t->model, o->model_name))
        return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory");
    return 0;
}

static void print(const struct transcript *t)
{
    if (!t->sentence_count)
        fprintf(stderr, "%.3f s, no speech\n", (double)t->duration_ms / 1000);
    for (size_t i = 0; i < t->sentence_count; i++)
        puts(t->sentences[i].text);
}

/* All the work of the default task after the sandbox closed. */
static int answer_transcript(const struct options *o, const struct engine *e, struct report *r,
                             struct error *err)
{
    struct transcript *t = transcript_new();
    if (!t)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.memory", "out of memory");
    int rc = transcribe(o, e, r, t, err);
    if (!rc && o->print)
        print(t);
    else if (!rc && report_transcript(r, t))
        rc = error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory");
    transcript_free(t);
    return rc;
}

static struct splitting splitting_of(const struct options *o, struct report *r)
{
    return (struct splitting){.mix_down = o->mix_down,
                              .rate = o->rate,
                              .part_ms = o->part_ms,
                              .part_bytes = o->max_bytes,
                              .overlap_ms = o->overlap_ms,
                              .max_ms = o->max_ms,
                              .report = r,
                              .stage = stage_preparing};
}

/* Listens to all of it, since the container does not say how long it is. Negative when that cannot be found out either:
 * whoever takes the recording will say what is wrong with it. */
static int64_t measure(struct media *media, struct report *r)
{
    int16_t block[4096];
    int64_t samples = 0;
    ssize_t n;
    while ((n = media_read(media, block, sizeof block / sizeof *block, NULL)) > 0) {
        samples += n;
        report_progress(r, stage_preparing, media_ms(samples), 0);
    }
    return n < 0 ? -1 : media_ms(samples);
}

static int answer_facts(const struct options *o, struct report *r, struct error *err)
{
    struct media_facts facts;
    const char *codec;
    report_progress(r, stage_preparing, 0, 0);
    int rc;
    if (o->task == TASK_CONVERT) {
        struct conversion c = {.mix_down = o->mix_down,
                               .rate = o->rate,
                               .max_bytes = o->max_bytes,
                               .max_ms = o->max_ms,
                               .report = r,
                               .stage = stage_preparing};
        rc = convert(&c, WIRE_RECORDING_FD, WIRE_CONVERTED_FD, &facts, &codec, err);
    } else if (o->task == TASK_SPLIT) {
        struct splitting s = splitting_of(o, r);
        codec = "flac";
        rc = split(&s, WIRE_RECORDING_FD, WIRE_CONVERTED_FD, &facts, err);
    } else {
        struct media *media;
        rc = media_open(WIRE_RECORDING_FD, o->max_ms, &media, err);
        if (!rc) {
            media_facts(media, &facts, &codec);
            if (facts.duration_ms < 0)
                facts.duration_ms = measure(media, r);
            media_free(media);
        }
    }
    if (!rc && report_facts(r, &facts, codec))
        rc = error_set(err, ERROR_TRANSIENT, ENOMEM, "engine.memory", "out of memory");
    return rc;
}

static int run(const struct options *o, const struct sandbox *box, struct report *r, struct error *err)
{
    struct engine engine = {0};
    int rc = load(o, &engine, err);
    if (!rc) {
        report_hello(r, engine.name ? engine.name : "none", o->model_name ? o->model_name : "");
        rc = sandbox_enter(box, err);
    }
    if (!rc && o->task == TASK_TRANSCRIBE)
        rc = answer_transcript(o, &engine, r, err);
    else if (!rc)
        rc = answer_facts(o, r, err);
    if (engine.free)
        engine.free(engine.state);
    return rc;
}

int main(int argc, char **argv)
{
    struct options o;
    struct error err = {0};
    int rc = options_parse(argc, argv, &o);
    if (rc)
        return rc < 0 ? 2 : 0;
    signal(SIGPIPE, SIG_IGN);
    struct splitting splitting = splitting_of(&o, NULL);
    struct sandbox box = {.memory_mb = o.memory_mb,
                          .by_hand = o.print,
                          .converts = o.task == TASK_CONVERT || o.task == TASK_SPLIT,
                          .max_bytes = o.task == TASK_SPLIT ? split_most_bytes(&splitting) : o.max_bytes};
    int limited = sandbox_limits(&box, &err);
    struct report *r = report_new(o.print ? -1 : WIRE_OUTPUT_FD);
    if (!r)
        return 1;
    rc = limited ? limited : run(&o, &box, r, &err);
    if (rc) {
        report_error(r, &err);
        if (o.print)
            fprintf(stderr, "worker: %s: %s\n", err.code, err.detail);
    }
    /* No destructors: the heart-beat still runs, and engines are not made for an orderly end. */
    fflush(NULL);
    _exit(rc ? 1 : 0);
}
