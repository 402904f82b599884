/* From what a client named to what is heard in it: fetch, digest, script or probe and recogniser. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/emulator/text.h"

struct cJSON;
struct emulator;
struct transcript;

enum { HEAR_CHILDREN = 64, HEAR_CHANNELS = 32 };

enum hear_failure {
    HEAR_GOOD,
    HEAR_BAD_URL,
    HEAR_NOT_ENCODED,
    HEAR_UNRESOLVED,  /* oss:// without the header */
    HEAR_NO_UPLOAD,   /* oss:// unknown, expired or of another account */
    HEAR_OTHER_MODEL, /* oss:// uploaded for another model */
    HEAR_UNREACHABLE,
    HEAR_403,
    HEAR_404,
    HEAR_ORIGIN_ERROR,
    HEAR_SHORT,
    HEAR_TOO_LARGE,
    HEAR_NOT_AUDIO,
    HEAR_BAD_FORMAT, /* audio, but a container this model does not take */
    HEAR_NO_TRACK,   /* a channel_id that the file does not have */
    HEAR_TOO_LONG,
    HEAR_NO_SPEECH,
    HEAR_SCRIPTED, /* code and message are in the script */
    HEAR_BROKEN,   /* the recogniser failed */
};

struct audio_info {
    char format[32]; /* container: wav, mp3, mp4 … */
    char codec[32];  /* pcm_s16le … */
    int rate, channels;
    int64_t duration_ms;
};

struct hear_request {
    const char *url;  /* http(s) or oss://; or NULL and */
    const void *data; /* the audio itself */
    size_t len;
    const char *account, *model;
    bool resolve;        /* X-DashScope-OssResourceResolve was sent */
    const int *channels; /* tracks to hear; none: all mixed */
    size_t channel_count;
    int64_t max_bytes, max_ms;
    const char *formats; /* containers taken, space separated; NULL: any */
};

struct heard {
    enum hear_failure failure;
    char sha256[SHA256_HEX]; /* "" when nothing was fetched */
    struct audio_info info;
    struct transcript *transcript; /* NULL on failure */
    struct cJSON *script;          /* what was played, or NULL */
};

/* What was heard before, by digest; and the programs at work. */
struct hear_cache {
    struct cJSON *infos, *transcripts;
    int running;
    pid_t children[HEAR_CHILDREN];
};

void hear_init(struct hear_cache *c);
void hear_free(struct hear_cache *c);
/* Lock not held; takes its time. */
void hear(struct emulator *emu, const struct hear_request *q, struct heard *h);
void heard_free(struct heard *h);

/* probe.c. False when it is no audio. */
bool probe(struct emulator *emu, int fd, struct audio_info *info);
/* recognise.c. The transcript of one track (-1: all mixed); NULL when the recogniser failed; *not_audio when
 * that is why. */
struct transcript *recognise(struct emulator *emu, int fd, int channel, bool *not_audio);
