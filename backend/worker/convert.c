/* Chooses the encoding of a reduced copy.
 *
 * FLAC's size cannot be told beforehand, so it is tried. When it grows too large, the rest of the recording
 * is still decoded, without writing: then the exact length is known, and from it a bit rate for Opus that
 * fits. */
#include "backend/worker/convert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/types.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/prepare.h"
#include "backend/worker/encode.h"
#include "backend/worker/media.h"
#include "backend/worker/report.h"

enum {
    COUNT_STEP = 4096,            /* samples read at once when only counting */
    OPUS_MIN = 16000,             /* bits per second and channel: speech stays as recognisable as it was */
    OPUS_MAX = 64000,             /* more would not help */
    OGG_HEADERS = 1024,           /* bytes before the first sound, generously */
    OGG_PER_SECOND = 50 + 3 * 28, /* bytes: 50 packets' lengths in up to three pages */
};

/* One reading of the recording. */
struct pass {
    const struct conversion *conversion;
    struct media *media;
    struct encoder *encoder; /* NULL: only counting */
    int16_t *samples;
    size_t step;
    int rate, channels;
    int64_t read;      /* samples of each channel */
    int64_t before_ms; /* what an earlier pass has done, for the progress */
};

static int64_t pass_ms(const struct pass *p)
{
    return p->read * 1000 / p->rate;
}

static void pass_end(struct pass *p)
{
    encoder_free(p->encoder);
    media_free(p->media);
    free(p->samples);
    p->encoder = NULL;
    p->media = NULL;
    p->samples = NULL;
}

/* Bits per second for all channels that fill the file and no more; negative when there is no room. */
static int64_t opus_bit_rate(int64_t max_bytes, int64_t ms)
{
    /* The last packet is padded to a whole one, and the first begins early. Long packets have longer lengths:
     * one byte in 255. */
    double per_second = ((double)max_bytes - OGG_HEADERS) * 1000 / ((double)ms + 100) - OGG_PER_SECOND;
    double bits = per_second * 8 * 254 / 256;
    return bits > 1e9 ? 1000000000 : (int64_t)bits;
}

static bool opus_fits(const struct pass *p)
{
    return opus_bit_rate(p->conversion->max_bytes, pass_ms(p)) >= (int64_t)OPUS_MIN * p->channels;
}

static int too_large(const struct conversion *c, struct error *err)
{
    return error_set(err, ERROR_PERMANENT, EFBIG, "media.too_large",
                     "at %d kbit/s a channel it does not fit into %" PRId64 " bytes", OPUS_MIN / 1000,
                     c->max_bytes);
}

static int opus_rate(int rate)
{
    static const int rates[] = {8000, 12000, 16000, 24000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (rate <= rates[i])
            return rates[i];
    return 48000;
}

static int pass_open(struct pass *p, int recording, int copy, enum encoding encoding, int64_t bit_rate,
                     struct error *err)
{
    const struct conversion *c = p->conversion;
    int rc = media_open(recording, c->max_ms, &p->media, err);
    if (rc)
        return rc;
    struct media_facts facts;
    const char *codec;
    media_facts(p->media, &facts, &codec);
    p->rate = c->rate ? c->rate : facts.sample_rate > 0 ? facts.sample_rate : MEDIA_RATE;
    if (encoding == ENCODING_OPUS)
        p->rate = opus_rate(p->rate);
    p->channels = c->mix_down || facts.channels < 1 ? 1 : facts.channels;
    rc = media_shape(p->media, p->rate, p->channels, err);
    if (rc)
        return rc;
    struct encoder_settings settings = {.encoding = encoding,
                                        .rate = p->rate,
                                        .channels = p->channels,
                                        .bit_rate = bit_rate,
                                        .max_bytes = c->max_bytes};
    rc = encoder_open(copy, &settings, &p->encoder, err);
    if (rc)
        return rc;
    p->step = encoder_step(p->encoder);
    if (p->step < COUNT_STEP)
        p->step = COUNT_STEP / p->step * p->step;
    p->samples = calloc(p->step, sizeof *p->samples * (size_t)p->channels);
    return p->samples ? 0 : error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory");
}

/* Encodes `count` samples in the encoder's own portions. */
static int pass_write(struct pass *p, size_t count, struct error *err)
{
    size_t step = encoder_step(p->encoder);
    for (size_t at = 0; at < count; at += step) {
        size_t n = count - at < step ? count - at : step;
        int rc = encoder_write(p->encoder, p->samples + at * (size_t)p->channels, n, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* Reads to the end. When the file grows too large and Opus may be tried instead: goes on counting, and there
 * is no encoder afterwards. */
static int pass_run(struct pass *p, bool may_count, struct error *err)
{
    const struct conversion *c = p->conversion;
    for (;;) {
        ssize_t n = media_read(p->media, p->samples, p->step, err);
        if (n < 0)
            return (int)n;
        int rc = p->encoder ? n ? pass_write(p, (size_t)n, err) : encoder_finish(p->encoder, err) : 0;
        if (rc == -EFBIG && may_count) {
            encoder_free(p->encoder);
            p->encoder = NULL;
        } else if (rc) {
            return rc;
        }
        p->read += n;
        if (!p->encoder && !opus_fits(p))
            return too_large(c, err);
        if (!n)
            return 0;
        int64_t total = media_duration_ms(p->media);
        report_progress(c->report, c->stage, p->before_ms + pass_ms(p), total > 0 ? p->before_ms + total : 0);
    }
}

int convert(const struct conversion *c, int recording, int copy, struct media_facts *facts,
            const char **codec, struct error *err)
{
    struct pass p = {.conversion = c};
    *codec = "flac";
    int rc = pass_open(&p, recording, copy, ENCODING_FLAC, 0, err);
    if (!rc)
        rc = pass_run(&p, true, err);
    if (!rc && !p.encoder) {
        *codec = "opus";
        int64_t length = pass_ms(&p), bit_rate = opus_bit_rate(c->max_bytes, length);
        int64_t most = (int64_t)OPUS_MAX * p.channels;
        pass_end(&p);
        p.read = 0;
        p.before_ms = length;
        rc = pass_open(&p, recording, copy, ENCODING_OPUS, bit_rate < most ? bit_rate : most, err);
        if (!rc)
            rc = pass_run(&p, false, err);
    }
    if (!rc)
        *facts =
            (struct media_facts){.duration_ms = pass_ms(&p), .channels = p.channels, .sample_rate = p.rate};
    pass_end(&p);
    return rc;
}
