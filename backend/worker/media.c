/* Decodes the sound track of a recording with FFmpeg's libraries.
 *
 * The bytes are hostile until proven otherwise: only known containers and pure audio decoders are used, video
 * is never decoded, nothing else is ever opened, and one odd packet spoils that packet only. */
#include "backend/worker/media.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/prepare.h"
#include "backend/worker/source.h"
#include "backend/worker/truncation.h"

/* No playlists, no pictures, no subtitles, no scripts. */
#define CONTAINERS                                                                                           \
    "aac,ac3,eac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,flac,flv,gsm,iff,loas,"              \
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,nut,oga,ogg,oma,rm,swf,tak,tta,"         \
    "voc,w64,wav,wv,xwma"

enum {
    CHANNELS_MAX = 64, /* what the resampler can take */
    RATE_MIN = 1000,
    RATE_MAX = 768000,
    FRAME_SAMPLES_MAX = 16 << 20, /* of one decoded frame, per channel: 17 minutes at 16 kHz */
    ERRORS_IN_A_ROW = 200,        /* reads without a packet between them, before the rest is given up */
    HOLE_MIN_MS = 200,            /* smaller ones are jitter of the container's clock */
    HOLE_MAX_MS = 30 * 60 * 1000, /* larger ones are a broken clock */
    CLAIM_BYTES_PER_SECOND = 50, /* fewer: the promised duration is not to be believed (codecs begin at 75) */
};

struct media {
    struct source source;
    AVFormatContext *format;
    AVCodecContext *codec;
    SwrContext *resampler;
    AVPacket *packet;
    AVFrame *frame;
    AVStream *stream;

    int out_rate, out_channels; /* of pcm; every count of samples below is per channel and at this rate */

    /* what the resampler is set up for */
    int rate;
    enum AVSampleFormat sample_format;
    AVChannelLayout layout;

    int16_t *pcm; /* decoded and not yet read; channels interleaved */
    size_t pcm_len, pcm_at, pcm_cap;
    int64_t silence;  /* samples of a hole, to be read before pcm */
    int64_t produced; /* samples up to the end of pcm */
    int64_t shift;    /* samples, added to the container's clock after it jumped */

    int64_t max_ms;
    int64_t promised_ms; /* what the header says, -1: nothing */
    int64_t duration_ms; /* the same or an estimate */
    int64_t begin_us;    /* of the recording on the container's clock: its earliest packet of any track */
    int64_t last_ms;     /* end of the last packet of any track */
    int64_t packets, bad_packets;
    bool begin_known;
    bool begun; /* the first packet of the sound track was seen, and begin_us is final */
    bool draining, ended, gave_up;
    bool watch_all; /* every track's packets are seen to the end */
    bool knows_end; /* last_ms tells where the file ends */
};

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory while decoding");
}

static int unreadable(const struct media *m, struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, m->source.error, "media.read", "cannot read the recording: %s",
                     strerror(m->source.error));
}

static int too_long(const struct media *m, struct error *err)
{
    return error_set(err, ERROR_PERMANENT, 0, "media.too_long", "longer than the limit of %" PRId64 " hours",
                     m->max_ms / 3600000);
}

/* Of a count of samples at the rate that is read. */
static int64_t out_ms(const struct media *m, int64_t samples)
{
    return samples * 1000 / m->out_rate;
}

/* Container times may be anything; beyond this (35 years in microseconds) they are not computed with. */
static bool sane(int64_t time)
{
    return time > -(INT64_C(1) << 50) && time < (INT64_C(1) << 50);
}

/* ---- opening ---- */

/* A container that refers to other files gets none. */
static int refuse_open(AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                       AVDictionary **options)
{
    (void)format, (void)url, (void)flags, (void)options;
    *io = NULL;
    return AVERROR(EACCES);
}

/* Names of all native audio decoders: the only ones that may touch the bytes, while probing too. */
static char *audio_decoders(void)
{
    struct buffer names = {0};
    void *state = NULL;
    for (const AVCodec *c; (c = av_codec_iterate(&state));) {
        if (c->type != AVMEDIA_TYPE_AUDIO || !av_codec_is_decoder(c) || c->wrapper_name)
            continue;
        buffer_printf(&names, "%s%s", names.len ? "," : "", c->name);
    }
    return buffer_take(&names);
}

static int open_container(struct media *m, struct error *err)
{
    m->format = avformat_alloc_context();
    cleanup_free char *decoders = audio_decoders();
    if (!m->format || !decoders)
        return no_memory(err);
    m->format->pb = m->source.io;
    m->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    m->format->io_open = refuse_open;
    m->format->codec_whitelist = av_strdup(decoders);
    m->format->format_whitelist = av_strdup(CONTAINERS);
    m->format->protocol_whitelist = av_strdup("");
    if (!m->format->codec_whitelist || !m->format->format_whitelist)
        return no_memory(err);
    int rc = avformat_open_input(&m->format, NULL, NULL, NULL); /* frees format on failure */
    if (rc >= 0)
        rc = avformat_find_stream_info(m->format, NULL);
    if (rc >= 0)
        return 0;
    if (m->source.error)
        return unreadable(m, err);
    if (rc == AVERROR(ENOMEM))
        return no_memory(err);
    return error_set(err, ERROR_PERMANENT, 0, "media.not_audio", "not recognised as audio or video: %s",
                     av_err2str(rc));
}

static int choose_track(struct media *m, struct error *err)
{
    const AVCodec *decoder = NULL;
    int index = av_find_best_stream(m->format, AVMEDIA_TYPE_AUDIO, -1, -1, &decoder, 0);
    if (index == AVERROR_STREAM_NOT_FOUND)
        return error_set(err, ERROR_PERMANENT, 0, "media.no_audio", "no sound track in this %s file",
                         m->format->iformat->name);
    if (index < 0 || !decoder)
        return error_set(err, ERROR_PERMANENT, 0, "media.decode", "no decoder for its sound track");
    m->stream = m->format->streams[index];

    bool alone = true;
    for (unsigned i = 0; i < m->format->nb_streams; i++) {
        const AVStream *s = m->format->streams[i];
        if ((int)i != index && !(s->disposition & AV_DISPOSITION_ATTACHED_PIC))
            alone = false;
    }
    /* These two say how long they are, but not where they end: the packets of the other tracks must tell. */
    m->watch_all = strstr(m->format->iformat->name, "flv") || strstr(m->format->iformat->name, "asf");
    m->knows_end = alone || m->watch_all;
    m->begin_known = m->format->start_time != AV_NOPTS_VALUE && sane(m->format->start_time);
    m->begin_us = m->begin_known ? m->format->start_time : 0;

    m->codec = avcodec_alloc_context3(decoder);
    if (!m->codec)
        return no_memory(err);
    int rc = avcodec_parameters_to_context(m->codec, m->stream->codecpar);
    m->codec->pkt_timebase = m->stream->time_base;
    m->codec->thread_count = 1; /* the sandbox allows no new thread */
    if (rc >= 0)
        rc = avcodec_open2(m->codec, decoder, NULL);
    if (rc == AVERROR(ENOMEM))
        return no_memory(err);
    if (rc < 0)
        return error_set(err, ERROR_PERMANENT, 0, "media.decode", "cannot decode its %s sound track: %s",
                         decoder->name, av_err2str(rc));
    return 0;
}

/* A header that was written before the sound and never corrected (sox and arecord into a pipe) promises 2 GiB
 * or more. */
static bool placeholder(const struct media *m, int64_t duration_ms)
{
    const AVCodecParameters *p = m->stream->codecpar;
    int64_t bytes_per_second =
        (int64_t)p->sample_rate * p->ch_layout.nb_channels * p->bits_per_coded_sample / 8;
    return bytes_per_second > 0 && duration_ms / 1000 >= 0x7e000000 / bytes_per_second &&
           m->source.size < 0x7e000000;
}

static void learn_duration(struct media *m)
{
    m->promised_ms = m->duration_ms = -1;
    if (m->stream->duration != AV_NOPTS_VALUE && m->stream->duration > 0)
        m->duration_ms = av_rescale_q(m->stream->duration, m->stream->time_base, (AVRational){1, 1000});
    else if (m->format->duration != AV_NOPTS_VALUE && m->format->duration > 0)
        m->duration_ms = m->format->duration / (AV_TIME_BASE / 1000);
    if (m->duration_ms < 0)
        return;
    if (placeholder(m, m->duration_ms) ||
        m->source.size / CLAIM_BYTES_PER_SECOND < m->duration_ms / 1000 - 10) {
        m->duration_ms = -1;
        return;
    }
    /* An AVI's number of frames is a guess in a streamed one; the sizes of its chunks were checked before. */
    if (m->format->duration_estimation_method == AVFMT_DURATION_FROM_STREAM &&
        strcmp(m->format->iformat->name, "avi"))
        m->promised_ms = m->duration_ms;
}

int media_open(int fd, int64_t max_ms, struct media **out, struct error *err)
{
    av_log_set_level(AV_LOG_QUIET);
    struct media *m = calloc(1, sizeof *m);
    if (!m)
        return no_memory(err);
    m->max_ms = max_ms;
    m->out_rate = MEDIA_RATE;
    m->out_channels = 1;
    m->packet = av_packet_alloc();
    m->frame = av_frame_alloc();
    int rc = source_open(&m->source, fd);
    if (rc == -ENOMEM || !m->packet || !m->frame)
        rc = no_memory(err);
    else if (rc)
        rc = error_set(err, ERROR_PERMANENT, -rc, "media.not_audio", "not a regular file");
    else if (m->source.size == 0)
        rc = error_set(err, ERROR_PERMANENT, 0, "media.empty", "the file is empty");
    else if (truncation_found(fd, m->source.size))
        rc = error_set(err, ERROR_PERMANENT, 0, "media.truncated",
                       "the container promises more bytes than there are");
    else
        rc = open_container(m, err);
    if (!rc)
        rc = choose_track(m, err);
    if (!rc) {
        learn_duration(m);
        if (m->promised_ms > max_ms)
            rc = too_long(m, err);
    }
    if (rc) {
        media_free(m);
        return rc;
    }
    *out = m;
    return 0;
}

void media_free(struct media *m)
{
    if (!m)
        return;
    swr_free(&m->resampler);
    av_channel_layout_uninit(&m->layout);
    avcodec_free_context(&m->codec);
    av_frame_free(&m->frame);
    av_packet_free(&m->packet);
    avformat_close_input(&m->format);
    source_close(&m->source);
    free(m->pcm);
    free(m);
}

int64_t media_duration_ms(const struct media *m)
{
    return m->duration_ms;
}

void media_facts(const struct media *m, struct media_facts *facts, const char **codec)
{
    const AVCodecParameters *p = m->stream->codecpar;
    *facts = (struct media_facts){
        .duration_ms = m->duration_ms, .channels = p->ch_layout.nb_channels, .sample_rate = p->sample_rate};
    for (unsigned i = 0; i < m->format->nb_streams; i++) {
        const AVStream *s = m->format->streams[i];
        if (s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !(s->disposition & AV_DISPOSITION_ATTACHED_PIC))
            facts->video = true;
    }
    *codec = avcodec_get_name(p->codec_id);
}

int media_shape(struct media *m, int rate, int channels, struct error *err)
{
    if (rate < RATE_MIN || rate > RATE_MAX || channels < 1 || channels > MEDIA_CHANNELS_MAX)
        return error_set(err, ERROR_PERMANENT, EINVAL, "media.decode", "%d channels at %d Hz", channels,
                         rate);
    m->out_rate = rate;
    m->out_channels = channels;
    return 0;
}

/* ---- resampling ---- */

/* Converts `frame` (NULL: what the resampler still holds) onto the end of pcm. */
static int convert(struct media *m, const AVFrame *frame, struct error *err)
{
    int room = swr_get_out_samples(m->resampler, frame ? frame->nb_samples : 0);
    if (room < 0 || room > FRAME_SAMPLES_MAX)
        return error_set(err, ERROR_PERMANENT, 0, "media.decode", "a frame of absurd length");
    if (m->pcm_len + (size_t)room > m->pcm_cap) {
        size_t cap = m->pcm_len + (size_t)room;
        int16_t *pcm = reallocarray(m->pcm, cap, sizeof *pcm * (size_t)m->out_channels);
        if (!pcm)
            return no_memory(err);
        m->pcm = pcm;
        m->pcm_cap = cap;
    }
    if (!room)
        return 0;
    uint8_t *to = (uint8_t *)(m->pcm + m->pcm_len * (size_t)m->out_channels);
    int n = swr_convert(m->resampler, &to, room, frame ? (const uint8_t **)frame->extended_data : NULL,
                        frame ? frame->nb_samples : 0);
    if (n < 0)
        return n == AVERROR(ENOMEM)
                   ? no_memory(err)
                   : error_set(err, ERROR_PERMANENT, 0, "media.decode", "cannot resample: %s", av_err2str(n));
    m->pcm_len += (size_t)n;
    m->produced += n;
    return 0;
}

/* A file may change its rate or its channels in the middle. */
static int set_up_resampler(struct media *m, const AVFrame *frame, struct error *err)
{
    int channels = frame->ch_layout.nb_channels;
    if (m->resampler && m->rate == frame->sample_rate && m->sample_format == frame->format &&
        !av_channel_layout_compare(&m->layout, &frame->ch_layout))
        return 0;
    if (channels < 1 || channels > CHANNELS_MAX || frame->sample_rate < RATE_MIN ||
        frame->sample_rate > RATE_MAX)
        return error_set(err, ERROR_PERMANENT, 0, "media.decode", "%d channels at %d Hz", channels,
                         frame->sample_rate);
    if (m->resampler) {
        int rc = convert(m, NULL, err);
        if (rc)
            return rc;
        swr_free(&m->resampler);
    }
    av_channel_layout_uninit(&m->layout);
    int rc = av_channel_layout_copy(&m->layout, &frame->ch_layout);
    m->rate = frame->sample_rate;
    m->sample_format = frame->format;

    /* As many channels as there are: each stays itself, wherever its speaker stands. Else they are mixed,
     * those without a known place in equal parts. */
    AVChannelLayout in = {0}, out = {0};
    av_channel_layout_default(&out, m->out_channels);
    bool as_is = channels == m->out_channels;
    bool placed = as_is || m->layout.order == AV_CHANNEL_ORDER_NATIVE;
    if (rc >= 0 && placed) {
        rc = av_channel_layout_copy(&in, as_is ? &out : &m->layout);
    } else {
        av_channel_layout_default(&in, channels);
        placed = in.order == AV_CHANNEL_ORDER_NATIVE;
    }
    if (rc >= 0)
        rc = swr_alloc_set_opts2(&m->resampler, &out, AV_SAMPLE_FMT_S16, m->out_rate, &in, m->sample_format,
                                 m->rate, 0, NULL);
    if (rc >= 0 && !placed) {
        double even[MEDIA_CHANNELS_MAX * CHANNELS_MAX];
        for (int i = 0; i < m->out_channels * channels; i++)
            even[i] = 1.0 / channels;
        rc = swr_set_matrix(m->resampler, even, channels);
    }
    if (rc >= 0)
        rc = swr_init(m->resampler);
    av_channel_layout_uninit(&in);
    av_channel_layout_uninit(&out);
    if (rc == AVERROR(ENOMEM))
        return no_memory(err);
    if (rc < 0)
        return error_set(err, ERROR_PERMANENT, 0, "media.decode", "cannot mix %d channels at %d Hz: %s",
                         channels, m->rate, av_err2str(rc));
    return 0;
}

/* Compares the frame's time with the samples there are, and fills a hole before it. */
static void keep_time(struct media *m, const AVFrame *frame)
{
    if (frame->best_effort_timestamp == AV_NOPTS_VALUE)
        return;
    int64_t begin = av_rescale(m->begin_us, m->out_rate, AV_TIME_BASE);
    int64_t at =
        av_rescale_q(frame->best_effort_timestamp, m->stream->time_base, (AVRational){1, m->out_rate});
    if (!sane(at))
        return;
    at += m->shift - begin;
    int64_t hole = at - (m->produced + swr_get_delay(m->resampler, m->out_rate));
    bool beyond_end = m->promised_ms >= 0 && out_ms(m, at) > m->promised_ms + 1000;
    if (out_ms(m, hole) > HOLE_MIN_MS) {
        if (out_ms(m, hole) > HOLE_MAX_MS || beyond_end) {
            m->shift -= hole;
        } else {
            m->silence += hole;
            m->produced += hole;
        }
    } else if (hole < -10 * (int64_t)m->out_rate) { /* the clock began again */
        m->shift -= hole;
    }
}

/* ---- decoding ---- */

/* Where the recording begins and ends, by the times of its packets. FFmpeg's own start time leaves out video
 * that it was not allowed to decode. */
static void note_time(struct media *m, const AVStream *s)
{
    int64_t pts = m->packet->pts != AV_NOPTS_VALUE ? m->packet->pts : m->packet->dts;
    if (pts == AV_NOPTS_VALUE)
        return;
    int64_t begin = av_rescale_q(pts, s->time_base, AV_TIME_BASE_Q);
    int64_t length = av_rescale_q(m->packet->duration, s->time_base, AV_TIME_BASE_Q);
    if (!sane(begin) || !sane(length))
        return;
    if (!m->begun && (!m->begin_known || begin < m->begin_us)) {
        m->begin_known = true;
        m->begin_us = begin;
    }
    int64_t end = (begin + length - m->begin_us) / 1000;
    if (end > m->last_ms)
        m->last_ms = end;
}

static void begin_sound(struct media *m)
{
    m->begun = true;
    for (unsigned i = 0; i < m->format->nb_streams && !m->watch_all; i++)
        if (m->format->streams[i] != m->stream)
            m->format->streams[i]->discard = AVDISCARD_ALL;
}

/* The next packet of the sound track into m->packet: 1, 0 at the end, negative after a failed read. */
static int next_packet(struct media *m, struct error *err)
{
    for (int failures = 0; failures < ERRORS_IN_A_ROW;) {
        av_packet_unref(m->packet);
        int rc = av_read_frame(m->format, m->packet);
        if (rc == AVERROR_EOF && !m->source.error)
            return 0;
        if (m->source.error)
            return unreadable(m, err);
        if (rc == AVERROR(ENOMEM))
            return no_memory(err);
        if (rc < 0) {
            failures++;
            continue;
        }
        const AVStream *s = m->format->streams[m->packet->stream_index];
        note_time(m, s);
        if (s == m->stream && !m->begun)
            begin_sound(m);
        if (s == m->stream)
            return 1;
        failures = 0;
    }
    m->gave_up = true;
    return 0;
}

/* At the end: was this all that was promised, and could it be decoded? */
static int judge(const struct media *m, struct error *err)
{
    int64_t have = out_ms(m, m->produced);
    if (m->bad_packets && (have == 0 || m->bad_packets * 2 > m->packets)) {
        /* What was taken for a container on thin evidence was none. */
        if (m->format->probe_score <= AVPROBE_SCORE_RETRY && have == 0)
            return error_set(err, ERROR_PERMANENT, 0, "media.not_audio", "not recognised as audio or video");
        return error_set(err, ERROR_PERMANENT, 0, "media.decode",
                         "%" PRId64 " of %" PRId64 " packets are damaged", m->bad_packets, m->packets);
    }
    int64_t reached = m->last_ms > have ? m->last_ms : have;
    if (m->promised_ms <= 0 || !(m->knows_end || m->gave_up))
        return 0;
    /* Lossless formats count their samples; others round, and leave the encoder's padding in or out. */
    const AVCodecDescriptor *codec = avcodec_descriptor_get(m->codec->codec_id);
    bool exact = codec && (codec->props & AV_CODEC_PROP_LOSSLESS) && !(codec->props & AV_CODEC_PROP_LOSSY);
    int64_t forgiven = exact ? 250 + m->promised_ms / 100 : 500 + m->promised_ms / 10;
    if (m->promised_ms - reached <= forgiven)
        return 0;
    return error_set(err, ERROR_PERMANENT, 0, "media.truncated",
                     "the container promises %.1f s and ends after %.1f s", (double)m->promised_ms / 1000,
                     (double)reached / 1000);
}

static int finish(struct media *m, struct error *err)
{
    m->ended = true;
    if (m->resampler) {
        int rc = convert(m, NULL, err);
        if (rc)
            return rc;
    }
    return judge(m, err);
}

/* Decodes until there is something to read, or the end. */
static int decode_more(struct media *m, struct error *err)
{
    m->pcm_len = m->pcm_at = 0;
    while (!m->ended && !m->pcm_len && !m->silence) {
        int rc = avcodec_receive_frame(m->codec, m->frame);
        if (rc >= 0) {
            int failed = set_up_resampler(m, m->frame, err);
            if (!failed) {
                keep_time(m, m->frame);
                failed = convert(m, m->frame, err);
            }
            av_frame_unref(m->frame);
            if (failed)
                return failed;
            if (m->produced > m->max_ms * m->out_rate / 1000)
                return too_long(m, err);
            continue;
        }
        if (rc == AVERROR(ENOMEM))
            return no_memory(err);
        if (rc == AVERROR_EOF || (rc != AVERROR(EAGAIN) && m->draining))
            return finish(m, err);
        if (rc != AVERROR(EAGAIN))
            m->bad_packets++;
        int got = next_packet(m, err);
        if (got < 0)
            return got;
        m->packets += got;
        m->draining = !got;
        rc = avcodec_send_packet(m->codec, got ? m->packet : NULL);
        if (rc == AVERROR(ENOMEM))
            return no_memory(err);
        if (rc < 0 && got)
            m->bad_packets++;
        if (rc < 0 && !got)
            return finish(m, err);
    }
    return 0;
}

ssize_t media_read(struct media *m, int16_t *out, size_t count, struct error *err)
{
    size_t done = 0, width = (size_t)m->out_channels;
    while (done < count) {
        size_t want = count - done, n;
        if (m->silence) {
            n = (uint64_t)m->silence < want ? (size_t)m->silence : want;
            memset(out + done * width, 0, n * width * sizeof *out);
            m->silence -= (int64_t)n;
        } else if (m->pcm_at < m->pcm_len) {
            n = m->pcm_len - m->pcm_at < want ? m->pcm_len - m->pcm_at : want;
            memcpy(out + done * width, m->pcm + m->pcm_at * width, n * width * sizeof *out);
            m->pcm_at += n;
        } else if (m->ended) {
            break;
        } else {
            int rc = decode_more(m, err);
            if (rc)
                return rc;
            continue;
        }
        done += n;
    }
    return (ssize_t)done;
}
