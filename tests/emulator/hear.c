/* From what a client named to what is heard in it. */
#include "tests/emulator/hear.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "tests/emulator/download.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

void hear_init(struct hear_cache *c)
{
    *c = (struct hear_cache){.infos = cJSON_CreateObject(), .transcripts = cJSON_CreateObject()};
}

void hear_free(struct hear_cache *c)
{
    cJSON_Delete(c->infos);
    cJSON_Delete(c->transcripts);
}

void heard_free(struct heard *h)
{
    transcript_free(h->transcript);
    cJSON_Delete(h->script);
    *h = (struct heard){0};
}

/* ---- fetching ---- */

/* Blanks, control and non-ASCII characters must come percent-encoded. */
static bool encoded(const char *url)
{
    for (; *url; url++)
        if ((unsigned char)*url <= ' ' || (unsigned char)*url >= 0x7f)
            return false;
    return true;
}

static enum hear_failure copy_blob(struct emulator *emu, const struct blob *blob, int fd)
{
    cleanup_close int in = blob_open(&emu->store, blob);
    char block[65536];
    ssize_t n = -1;
    while (in >= 0 && (n = read(in, block, sizeof block)) > 0)
        if (write(fd, block, (size_t)n) != n)
            return HEAR_BROKEN;
    return n ? HEAR_BROKEN : HEAR_GOOD;
}

static enum hear_failure fetch_upload(struct emulator *emu, const struct hear_request *q, int fd)
{
    struct blob blob;
    if (!q->resolve) {
        record_violation(emu, NULL, "oss_without_resolve_header", q->url);
        return HEAR_UNRESOLVED;
    }
    emu_lock(emu);
    enum upload_state state = uploads_find(emu, q->url + strlen("oss://"), q->account, q->model, &blob);
    emu_unlock(emu);
    if (state == UPLOAD_OTHER_MODEL) {
        record_violation(emu, NULL, "oss_of_another_model", q->url);
        return HEAR_OTHER_MODEL;
    }
    if (state != UPLOAD_GOOD)
        return HEAR_NO_UPLOAD;
    return (int64_t)blob.size > q->max_bytes ? HEAR_TOO_LARGE : copy_blob(emu, &blob, fd);
}

static enum hear_failure fetch(struct emulator *emu, const struct hear_request *q, int fd)
{
    if (!q->url)
        return write(fd, q->data, q->len) == (ssize_t)q->len ? HEAR_GOOD : HEAR_BROKEN;
    if (!encoded(q->url)) {
        record_violation(emu, NULL, "url_not_encoded", q->url);
        return HEAR_NOT_ENCODED;
    }
    if (!strncmp(q->url, "oss://", 6))
        return fetch_upload(emu, q, fd);
    return download_url(emu, q->url, fd, q->max_bytes);
}

static void digest(int fd, char out[SHA256_HEX])
{
    unsigned char block[65536], sha256[32];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    off_t at = 0;
    ssize_t n;
    EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    while ((n = pread(fd, block, sizeof block, at)) > 0) {
        EVP_DigestUpdate(md, block, (size_t)n);
        at += n;
    }
    EVP_DigestFinal_ex(md, sha256, NULL);
    EVP_MD_CTX_free(md);
    text_hex(sha256, sizeof sha256, out);
}

/* ---- what is in it ---- */

static void info_from_script(const cJSON *audio, struct audio_info *info)
{
    const char *format = json_text(audio, "format"), *codec = json_text(audio, "codec");
    *info = (struct audio_info){
        .rate = (int)json_number(audio, "sample_rate", 16000),
        .channels = (int)json_number(audio, "channels", 1),
        .duration_ms = (int64_t)json_number(audio, "duration_ms", 1000),
    };
    snprintf(info->format, sizeof info->format, "%s", format ? format : "wav");
    snprintf(info->codec, sizeof info->codec, "%s", codec ? codec : "pcm_s16le");
}

static cJSON *info_json(const struct audio_info *info)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "format", info->format);
    cJSON_AddStringToObject(json, "codec", info->codec);
    cJSON_AddNumberToObject(json, "sample_rate", info->rate);
    cJSON_AddNumberToObject(json, "channels", info->channels);
    cJSON_AddNumberToObject(json, "duration_ms", (double)info->duration_ms);
    return json;
}

static bool look(struct emulator *emu, int fd, struct heard *h)
{
    const cJSON *audio = json_get(h->script, "audio");
    if (audio) {
        info_from_script(audio, &h->info);
        return true;
    }
    emu_lock(emu);
    const cJSON *known = json_get(emu->heard.infos, h->sha256);
    if (known)
        info_from_script(known, &h->info);
    emu_unlock(emu);
    if (known)
        return true;
    if (!probe(emu, fd, &h->info))
        return false;
    emu_lock(emu);
    if (!json_get(emu->heard.infos, h->sha256))
        cJSON_AddItemToObject(emu->heard.infos, h->sha256, info_json(&h->info));
    emu_unlock(emu);
    return true;
}

/* The transcript of one track, heard now or before. */
static struct transcript *listen_to(struct emulator *emu, int fd, const struct heard *h, int channel,
                                    bool *not_audio)
{
    int track = h->info.channels > 1 ? channel : -1;
    cleanup_free char *key = xprintf("%s/%d", h->sha256, track);
    emu_lock(emu);
    cleanup_free char *known = xstrdup(json_text(emu->heard.transcripts, key));
    emu_unlock(emu);
    if (known)
        return transcript_from_json(known, strlen(known), NULL);
    struct transcript *t = recognise(emu, fd, track, not_audio);
    cleanup_buffer struct buffer b = {0};
    if (t && !transcript_to_json(t, &b)) {
        emu_lock(emu);
        if (!json_get(emu->heard.transcripts, key))
            cJSON_AddStringToObject(emu->heard.transcripts, key, b.data);
        emu_unlock(emu);
    }
    return t;
}

static void move_sentences(struct transcript *to, struct transcript *from, int channel)
{
    for (size_t i = 0; i < from->sentence_count; i++) {
        struct sentence *s = transcript_add_sentence(to);
        *s = from->sentences[i];
        s->channel = channel;
    }
    from->sentence_count = 0;
    to->duration_ms = from->duration_ms;
    transcript_free(from);
}

static enum hear_failure recognise_all(struct emulator *emu, int fd, const struct hear_request *q,
                                       struct heard *h)
{
    static const int mixed[] = {-1};
    const int *channels = q->channel_count ? q->channels : mixed;
    size_t count = q->channel_count ? q->channel_count : 1;
    h->transcript = transcript_new();
    for (size_t i = 0; i < count; i++) {
        bool not_audio = false;
        struct transcript *t = listen_to(emu, fd, h, channels[i], &not_audio);
        if (!t)
            return not_audio ? HEAR_NOT_AUDIO : HEAR_BROKEN;
        move_sentences(h->transcript, t, channels[i] < 0 ? 0 : channels[i]);
    }
    return HEAR_GOOD;
}

/* Is `word` one of the space-separated `list`? */
static bool in_list(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; *p; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (n == len && !strncmp(p, word, n))
            return true;
        p += n;
    }
    return false;
}

static enum hear_failure examine(struct emulator *emu, int fd, const struct hear_request *q, struct heard *h)
{
    if (json_get(h->script, "fail"))
        return HEAR_SCRIPTED;
    if (!look(emu, fd, h))
        return HEAR_NOT_AUDIO;
    if (q->formats && !in_list(q->formats, h->info.format))
        return HEAR_BAD_FORMAT;
    if (h->info.duration_ms > q->max_ms)
        return HEAR_TOO_LONG;
    for (size_t i = 0; i < q->channel_count; i++)
        if (q->channels[i] >= h->info.channels)
            return HEAR_NO_TRACK;
    h->transcript = scripts_transcript(h->script);
    bool verbatim = json_get(h->script, "result") || json_get(h->script, "result_text") ||
                    json_get(h->script, "body") || json_get(h->script, "events");
    if (!h->transcript && verbatim) {
        h->transcript = transcript_new();
        return HEAR_GOOD;
    }
    enum hear_failure failure = h->transcript ? HEAR_GOOD : recognise_all(emu, fd, q, h);
    return !failure && !h->transcript->sentence_count ? HEAR_NO_SPEECH : failure;
}

void hear(struct emulator *emu, const struct hear_request *q, struct heard *h)
{
    *h = (struct heard){0};
    struct fault_subject subject = {.model = q->model, .path = q->url};
    cleanup_json cJSON *fault = faults_take(emu, "download", &subject);
    if (!emu_sleep(emu, (int64_t)json_number(fault, "delay_ms", 0)))
        h->failure = HEAR_BROKEN;
    const char *code = json_text(fault, "code");
    cleanup_close int fd = open(emu->options.state, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (code) {
        h->failure = HEAR_SCRIPTED;
        h->script = cJSON_CreateObject();
        cJSON_AddItemToObject(h->script, "fail", cJSON_Duplicate(fault, true));
    } else if (!h->failure) {
        h->failure = fd < 0 ? HEAR_BROKEN : fetch(emu, q, fd);
    }
    if (h->failure)
        return;
    digest(fd, h->sha256);
    h->script = scripts_take(emu, h->sha256, q->model, q->url);
    h->failure = examine(emu, fd, q, h);
}
