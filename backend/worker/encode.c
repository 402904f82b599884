/* Encodes with FFmpeg's libraries; the sandbox is closed, so without threads and without opening anything. */
#include "backend/worker/encode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/channel_layout.h>

#include "backend/base/error.h"
#include "backend/worker/sink.h"

enum {
    STEP = 4096,           /* for an encoder that takes any */
    SEPARATE_FAMILY = 255, /* of Opus: channels that have nothing to do with each other */
};

struct encoder {
    struct sink sink;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVPacket *packet;
    AVFrame *frame;
    int64_t max_bytes;
    int64_t samples;
};

/* Why a call of FFmpeg failed with `rc`: the file, the memory, or the encoder. */
static int failed(const struct encoder *e, int rc, struct error *err)
{
    if (e->sink.full)
        return error_set(err, ERROR_PERMANENT, EFBIG, "media.too_large",
                         "does not fit into %" PRId64 " bytes", e->max_bytes);
    if (e->sink.error)
        return error_set(err, ERROR_TRANSIENT, e->sink.error, "media.write",
                         "cannot write the converted recording: %s", strerror(e->sink.error));
    if (rc == AVERROR(ENOMEM))
        return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory while encoding");
    return error_set(err, ERROR_PERMANENT, 0, "media.encode", "cannot encode it: %s", av_err2str(rc));
}

static int open_codec(struct encoder *e, const struct encoder_settings *s)
{
    bool opus = s->encoding == ENCODING_OPUS;
    const AVCodec *encoder = avcodec_find_encoder_by_name(opus ? "libopus" : "flac");
    if (!encoder)
        return AVERROR_ENCODER_NOT_FOUND;
    e->codec = avcodec_alloc_context3(encoder);
    if (!e->codec)
        return AVERROR(ENOMEM);
    e->codec->sample_rate = s->rate;
    e->codec->sample_fmt = AV_SAMPLE_FMT_S16;
    e->codec->time_base = (AVRational){1, s->rate};
    e->codec->thread_count = 1; /* the sandbox allows no new thread */
    av_channel_layout_default(&e->codec->ch_layout, s->channels);
    /* The same recording gives the same bytes: no version of an encoder, no random serial number. */
    e->codec->flags |= AV_CODEC_FLAG_BITEXACT;
    if (e->format->oformat->flags & AVFMT_GLOBALHEADER)
        e->codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AVDictionary *options = NULL;
    int rc = 0;
    if (opus) {
        e->codec->bit_rate = s->bit_rate;
        rc = av_dict_set(&options, "vbr", "off", 0);
        if (rc >= 0)
            rc = av_dict_set(&options, "application", "voip", 0);
        if (rc >= 0 && s->channels > 2)
            rc = av_dict_set_int(&options, "mapping_family", SEPARATE_FAMILY, 0);
    }
    if (rc >= 0)
        rc = avcodec_open2(e->codec, encoder, &options);
    av_dict_free(&options);
    return rc;
}

static int begin(struct encoder *e, const struct encoder_settings *s)
{
    e->packet = av_packet_alloc();
    e->frame = av_frame_alloc();
    if (!e->packet || !e->frame)
        return AVERROR(ENOMEM);
    int rc =
        avformat_alloc_output_context2(&e->format, NULL, s->encoding == ENCODING_OPUS ? "ogg" : "flac", NULL);
    if (rc < 0)
        return rc;
    e->format->pb = e->sink.io;
    e->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    e->format->metadata_header_padding = 0; /* nobody will add titles */
    rc = open_codec(e, s);
    if (rc < 0)
        return rc;
    e->stream = avformat_new_stream(e->format, NULL);
    if (!e->stream)
        return AVERROR(ENOMEM);
    e->stream->time_base = e->codec->time_base;
    rc = avcodec_parameters_from_context(e->stream->codecpar, e->codec);
    if (rc >= 0)
        rc = avformat_write_header(e->format, NULL);
    if (rc < 0)
        return rc;
    e->frame->format = e->codec->sample_fmt;
    e->frame->sample_rate = e->codec->sample_rate;
    e->frame->nb_samples = (int)encoder_step(e);
    rc = av_channel_layout_copy(&e->frame->ch_layout, &e->codec->ch_layout);
    if (rc >= 0)
        rc = av_frame_get_buffer(e->frame, 0);
    return rc;
}

int encoder_open(int fd, const struct encoder_settings *settings, struct encoder **out, struct error *err)
{
    struct encoder *e = calloc(1, sizeof *e);
    if (!e)
        return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory while encoding");
    e->max_bytes = settings->max_bytes;
    int rc = sink_open(&e->sink, fd, settings->offset, settings->max_bytes);
    if (rc == 0)
        rc = begin(e, settings);
    else if (rc != -ENOMEM)
        e->sink.error = -rc;
    if (rc < 0) {
        rc = failed(e, rc, err);
        encoder_free(e);
        return rc;
    }
    *out = e;
    return 0;
}

void encoder_free(struct encoder *e)
{
    if (!e)
        return;
    avcodec_free_context(&e->codec);
    av_frame_free(&e->frame);
    av_packet_free(&e->packet);
    avformat_free_context(e->format);
    sink_close(&e->sink);
    free(e);
}

size_t encoder_step(const struct encoder *e)
{
    return e->codec->frame_size > 0 ? (size_t)e->codec->frame_size : STEP;
}

/* Encodes `frame` (NULL: what the encoder still holds) and writes what comes of it. */
static int encode(struct encoder *e, const AVFrame *frame, struct error *err)
{
    int rc = avcodec_send_frame(e->codec, frame);
    while (rc >= 0) {
        rc = avcodec_receive_packet(e->codec, e->packet);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) {
            rc = 0;
            break;
        }
        if (rc < 0)
            break;
        av_packet_rescale_ts(e->packet, e->codec->time_base, e->stream->time_base);
        e->packet->stream_index = e->stream->index;
        rc = av_write_frame(e->format, e->packet);
        av_packet_unref(e->packet);
    }
    /* Not every muxer passes on that a write failed. */
    return rc < 0 || e->sink.full || e->sink.error ? failed(e, rc, err) : 0;
}

int encoder_write(struct encoder *e, const int16_t *samples, size_t count, struct error *err)
{
    if (count > encoder_step(e))
        return failed(e, AVERROR(EINVAL), err);
    int rc = av_frame_make_writable(e->frame); /* the encoder may still hold the last one */
    if (rc < 0)
        return failed(e, rc, err);
    memcpy(e->frame->data[0], samples, count * (size_t)e->codec->ch_layout.nb_channels * sizeof *samples);
    e->frame->nb_samples = (int)count;
    e->frame->pts = e->samples;
    e->samples += (int64_t)count;
    return encode(e, e->frame, err);
}

int encoder_finish(struct encoder *e, struct error *err)
{
    int rc = encode(e, NULL, err);
    if (rc)
        return rc;
    rc = av_write_trailer(e->format);
    avio_flush(e->sink.io);
    return rc < 0 || e->sink.full || e->sink.error ? failed(e, rc, err) : 0;
}

int64_t encoder_bytes(const struct encoder *e)
{
    return e->sink.size;
}
