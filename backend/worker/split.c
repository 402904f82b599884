/* Reads the recording once and writes its parts as they come.
 *
 * What certainly belongs to the part at work is encoded at once. Samples are kept only where the part may
 * yet end, and before that as many as the next part may have in common with it. */
#include "backend/worker/split.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "backend/base/error.h"
#include "backend/prepare.h"
#include "backend/worker/cuts.h"
#include "backend/worker/encode.h"
#include "backend/worker/media.h"
#include "backend/worker/report.h"

enum {
    STEP = 4096,                /* samples read at once */
    PART_MIN_MS = 1000,         /* a limit below this is a mistake */
    WINDOW_MS = 10 * 60 * 1000, /* where a cut is looked for, at most: somebody pauses in ten minutes */
    WINDOW_MIN_MS = 10 * 1000,  /* … and not less for want of memory */
    WINDOW_BYTES = 256 << 20,   /* of its samples, when they are many */
    REST_MS = 5000,             /* the last part is not shorter: services refuse a split second */
    HEADERS = 8192,             /* bytes of a FLAC file before its first frame, generously */
    /* A frame that cannot be compressed is larger than its samples by up to 19 bytes in 1152 (FLAC's smallest
     * usual frame, of 576 samples in one channel): below one 32nd. */
    FRAME_MARGIN = 32,
};

struct splitter {
    const struct splitting *s;
    struct media *media;
    int file;
    int rate, channels;

    /* What is kept of the recording. Positions count samples of each channel, from its beginning. */
    int16_t *samples;
    size_t room;        /* samples of each channel */
    int64_t first, end; /* positions of the first one kept, and behind the last */
    bool ended;         /* the recording has no more */

    struct loudness loudness;
    int64_t next_frame; /* that was not yet looked at; frames of CUT_FRAME_MS count from the beginning */
    float *power;       /* of the frames from first_power on, up to next_frame */
    int64_t first_power;
    size_t power_room;

    /* of every part */
    int64_t limit_ms;  /* longest */
    int64_t window_ms; /* at its end: it is cut there */
    int64_t rest_ms;   /* this much is read beyond the limit: the last part is not shorter */

    /* of the part at work */
    struct encoder *encoder;
    int64_t begin_ms;
    int64_t offset;  /* in the file */
    int64_t encoded; /* position */
};

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory while cutting");
}

static int64_t position(const struct splitter *p, int64_t ms)
{
    return ms * p->rate / 1000;
}

static int64_t time_of(const struct splitter *p, int64_t at)
{
    return at * 1000 / p->rate;
}

/* Where the cut of the part at work may lie at the earliest. */
static int64_t window_begin_ms(const struct splitter *p)
{
    return p->begin_ms + p->limit_ms - p->window_ms;
}

int64_t split_most_bytes(const struct splitting *s)
{
    int64_t channels = s->mix_down ? 1 : MEDIA_CHANNELS_MAX;
    /* A part has at least 0.8 of its limit, of which up to 0.5 are heard again in the next. */
    return s->max_ms / 1000 * s->rate * channels * (int64_t)sizeof(int16_t) * 4;
}

/* ---- limits ---- */

static int set_limits(struct splitter *p, struct error *err)
{
    const struct splitting *s = p->s;
    int64_t frame_bytes = (int64_t)sizeof(int16_t) * p->channels;
    p->limit_ms = s->part_ms > 0 && s->part_ms < s->max_ms ? s->part_ms : s->max_ms;
    if (s->part_bytes > 0) {
        int64_t pcm = (s->part_bytes - HEADERS) / (FRAME_MARGIN + 1) * FRAME_MARGIN;
        /* More samples than the limit has, and the product stays far from overflowing. */
        int64_t samples = pcm > 0 ? pcm / frame_bytes : 0;
        if (samples < position(p, p->limit_ms))
            p->limit_ms = time_of(p, samples);
    }
    if (p->limit_ms < PART_MIN_MS || p->limit_ms / 2 < s->overlap_ms)
        return error_set(err, ERROR_PERMANENT, EFBIG, "media.too_large",
                         "a part holds no more than %" PRId64 " ms of it, and %" PRId64 " ms overlap",
                         p->limit_ms, s->overlap_ms);
    int64_t most_ms = WINDOW_BYTES / frame_bytes * 1000 / p->rate;
    if (most_ms < WINDOW_MIN_MS)
        most_ms = WINDOW_MIN_MS;
    if (most_ms > WINDOW_MS)
        most_ms = WINDOW_MS;
    p->window_ms = p->limit_ms / 5 < most_ms ? p->limit_ms / 5 : most_ms;
    p->rest_ms = p->window_ms / 4 < REST_MS ? p->window_ms / 4 : REST_MS;
    return 0;
}

static int splitter_open(struct splitter *p, int recording, struct error *err)
{
    const struct splitting *s = p->s;
    int rc = media_open(recording, s->max_ms, &p->media, err);
    if (rc)
        return rc;
    struct media_facts facts;
    const char *codec;
    media_facts(p->media, &facts, &codec);
    p->rate = s->rate ? s->rate : facts.sample_rate > 0 ? facts.sample_rate : MEDIA_RATE;
    p->channels = s->mix_down || facts.channels < 1 ? 1 : facts.channels;
    rc = media_shape(p->media, p->rate, p->channels, err);
    if (!rc)
        rc = set_limits(p, err);
    if (rc)
        return rc;
    p->power_room = (size_t)((p->window_ms + p->rest_ms) / CUT_FRAME_MS + 2);
    p->power = calloc(p->power_room, sizeof *p->power);
    return p->power ? 0 : no_memory(err);
}

static void splitter_close(struct splitter *p)
{
    encoder_free(p->encoder);
    media_free(p->media);
    free(p->samples);
    free(p->power);
}

/* ---- the part at work ---- */

static int begin_part(struct splitter *p, struct error *err)
{
    struct encoder_settings settings = {.encoding = ENCODING_FLAC,
                                        .rate = p->rate,
                                        .channels = p->channels,
                                        .max_bytes = p->s->part_bytes,
                                        .offset = p->offset};
    p->encoded = position(p, p->begin_ms);
    /* These frames are still to come: a part begins no earlier than 0.3 of the limit after the one before it,
     * and no more than 0.05 are read beyond that one's limit. */
    p->first_power = (window_begin_ms(p) + CUT_FRAME_MS - 1) / CUT_FRAME_MS;
    return encoder_open(p->file, &settings, &p->encoder, err);
}

/* Encodes up to `until`, of which a portion of the encoder's own size may be left over unless it is the end.
 */
static int encode_until(struct splitter *p, int64_t until, bool end, struct error *err)
{
    int64_t step = (int64_t)encoder_step(p->encoder);
    while (p->encoded < until && (end || until - p->encoded >= step)) {
        int64_t count = until - p->encoded < step ? until - p->encoded : step;
        int rc =
            encoder_write(p->encoder, p->samples + (p->encoded - p->first) * p->channels, (size_t)count, err);
        if (rc)
            return rc;
        p->encoded += count;
    }
    return 0;
}

/* Ends the part at `at`, which is `end_ms`. */
static int end_part(struct splitter *p, int64_t at, int64_t end_ms, struct error *err)
{
    int rc = encode_until(p, at, true, err);
    if (!rc)
        rc = encoder_finish(p->encoder, err);
    if (rc)
        return rc;
    struct media_part part = {
        .begin_ms = p->begin_ms, .end_ms = end_ms, .offset = p->offset, .length = encoder_bytes(p->encoder)};
    encoder_free(p->encoder);
    p->encoder = NULL;
    p->offset += part.length;
    report_part(p->s->report, &part);
    return 0;
}

/* ---- reading ---- */

/* Room for STEP samples more: by giving up what nobody needs any more, or else with more memory. */
static int make_room(struct splitter *p, struct error *err)
{
    size_t have = (size_t)(p->end - p->first), width = (size_t)p->channels;
    if (have + STEP <= p->room)
        return 0;
    int64_t keep = position(p, window_begin_ms(p) - p->s->overlap_ms);
    if (keep > p->encoded)
        keep = p->encoded;
    int64_t frame = position(p, p->next_frame * CUT_FRAME_MS);
    if (keep > frame)
        keep = frame;
    size_t unneeded = keep > p->first ? (size_t)(keep - p->first) : 0;
    /* Not for every few samples again. */
    if (unneeded >= STEP && unneeded >= have / 4) {
        have -= unneeded;
        memmove(p->samples, p->samples + unneeded * width, have * width * sizeof *p->samples);
        p->first = keep;
        return 0;
    }
    size_t room = p->room + p->room / 2 + 4 * (size_t)STEP;
    int16_t *samples = reallocarray(p->samples, room, width * sizeof *samples);
    if (!samples)
        return no_memory(err);
    p->samples = samples;
    p->room = room;
    return 0;
}

/* Looks at the frames that are complete. */
static void hear_frames(struct splitter *p)
{
    for (;;) {
        int64_t begin = position(p, p->next_frame * CUT_FRAME_MS);
        int64_t end = position(p, (p->next_frame + 1) * CUT_FRAME_MS);
        if (end > p->end)
            return;
        float power =
            frame_power(p->samples + (begin - p->first) * p->channels, (size_t)(end - begin), p->channels);
        loudness_add(&p->loudness, power);
        if (p->next_frame >= p->first_power && (size_t)(p->next_frame - p->first_power) < p->power_room)
            p->power[p->next_frame - p->first_power] = power;
        p->next_frame++;
    }
}

/* Reads until it is clear where the part at work may end. */
static int read_part(struct splitter *p, struct error *err)
{
    int64_t target = position(p, p->begin_ms + p->limit_ms + p->rest_ms);
    int64_t certain = position(p, window_begin_ms(p));
    while (p->end < target && !p->ended) {
        int rc = make_room(p, err);
        if (rc)
            return rc;
        size_t want = target - p->end < STEP ? (size_t)(target - p->end) : STEP;
        ssize_t n = media_read(p->media, p->samples + (p->end - p->first) * p->channels, want, err);
        if (n < 0)
            return (int)n;
        p->end += n;
        p->ended = (size_t)n < want;
        hear_frames(p);
        report_progress(p->s->report, p->s->stage, time_of(p, p->end), media_duration_ms(p->media));
        rc = encode_until(p, p->end < certain ? p->end : certain, false, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* The whole millisecond where the part at work is cut. */
static int64_t choose_cut(const struct splitter *p)
{
    int64_t latest = p->begin_ms + p->limit_ms, rest = time_of(p, p->end) - p->rest_ms;
    if (p->ended && latest > rest)
        latest = rest;
    size_t frames = (size_t)(latest / CUT_FRAME_MS - p->first_power); /* 150 ms or more, by set_limits() */
    size_t before = cut_choose(&p->loudness, p->power, frames);
    return (p->first_power + (int64_t)before) * CUT_FRAME_MS;
}

static int split_all(struct splitter *p, struct error *err)
{
    for (;;) {
        int rc = begin_part(p, err);
        if (!rc)
            rc = read_part(p, err);
        if (rc)
            return rc;
        if (p->ended && p->end <= position(p, p->begin_ms + p->limit_ms))
            return end_part(p, p->end, time_of(p, p->end), err);
        int64_t cut_ms = choose_cut(p);
        rc = end_part(p, position(p, cut_ms), cut_ms, err);
        if (rc)
            return rc;
        p->begin_ms = cut_ms - p->s->overlap_ms;
    }
}

int split(const struct splitting *s, int recording, int parts, struct media_facts *facts, struct error *err)
{
    struct splitter p = {.s = s, .file = parts};
    int rc = splitter_open(&p, recording, err);
    if (!rc)
        rc = split_all(&p, err);
    if (!rc)
        *facts = (struct media_facts){
            .duration_ms = time_of(&p, p.end), .channels = p.channels, .sample_rate = p.rate};
    splitter_close(&p);
    return rc;
}
