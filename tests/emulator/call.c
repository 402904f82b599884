/* What the synchronous calls have in common. */
#include "tests/emulator/call.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/sse.h"

enum { STRING_MAX = 28000000, PIECE_WORDS = 2, PIECE_WIDE = 4 };

/* Containers of qwen3-asr-flash; the others say theirs in a parameter. */
static const char qwen_formats[] =
    "aac amr avi aiff flac flv m4a mkv mov mp3 mp4 mpeg ogg opus wav webm wma wmv";

static void refuse_failure(struct request *r, struct reply *a, const struct model *m, const struct heard *h)
{
    bool qwen = m->family == FAMILY_QWEN_FLASH;
    const cJSON *fail = json_get(h->script, "fail");
    const char *code = json_text(fail, "code"), *message = json_text(fail, "message");
    switch (h->failure) {
    case HEAR_GOOD:
    case HEAR_NO_SPEECH:
        return;
    case HEAR_BAD_URL:
    case HEAR_NOT_ENCODED:
    case HEAR_UNRESOLVED:
        refuse(r, a, REFUSE_URL);
        return;
    case HEAR_NO_UPLOAD:
    case HEAR_OTHER_MODEL:
    case HEAR_UNREACHABLE:
    case HEAR_403:
    case HEAR_404:
    case HEAR_ORIGIN_ERROR:
    case HEAR_SHORT:
        refuse(r, a, qwen ? REFUSE_DATA_INSPECTION : REFUSE_DOWNLOAD);
        return;
    case HEAR_TOO_LARGE:
        refuse(r, a, REFUSE_TOO_LARGE);
        return;
    case HEAR_NOT_AUDIO:
    case HEAR_BAD_FORMAT:
    case HEAR_NO_TRACK:
        refuse(r, a, qwen ? REFUSE_MEDIA : REFUSE_FORMAT);
        return;
    case HEAR_TOO_LONG:
        refuse_with(r, a, REFUSE_TOO_LONG, "audio duration (%.1fms) over service process (%ds)",
                    (double)h->info.duration_ms, (int)(r->config.sync_max_ms / 1000));
        return;
    case HEAR_SCRIPTED:
        refuse_raw(r, a, (int)json_number(fail, "status", 400), code ? code : "InternalError",
                   message ? message : code);
        return;
    case HEAR_BROKEN:
        break;
    }
    refuse(r, a, REFUSE_INTERNAL);
}

/* The bytes in a data URI, for the caller to free; NULL after refusing. */
static unsigned char *read_data_uri(struct request *r, struct reply *a, const struct model *m,
                                    const char *uri, size_t *len)
{
    size_t size = strlen(uri);
    int64_t limit = m->family == FAMILY_QWEN_FLASH ? r->config.sync_max_bytes : r->config.flash_max_data_uri;
    const char *comma = strchr(uri, ',');
    if (size > STRING_MAX) {
        refuse_with(r, a, REFUSE_PARAMETER,
                    "String value length (%zu) exceeds the maximum allowed (%d, from "
                    "`StreamReadConstraints.getMaxStringLength()`)",
                    size, STRING_MAX);
        return NULL;
    }
    if ((int64_t)size > limit) {
        refuse_with(r, a, REFUSE_TOO_LARGE, "Exceeded limit on max bytes per data-uri item : %lld",
                    (long long)limit);
        return NULL;
    }
    if (!comma || comma - uri < 12 || strncmp(comma - 7, ";base64", 7)) {
        refuse(r, a, REFUSE_URL);
        return NULL;
    }
    unsigned char *data = base64_decode(comma + 1, strlen(comma + 1), len);
    if (!data)
        refuse(r, a, REFUSE_MEDIA);
    return data;
}

bool call_hear(struct request *r, struct reply *a, const struct model *m, const char *audio,
               struct heard *heard)
{
    const char *resolve = request_header(r, "X-DashScope-OssResourceResolve");
    bool qwen = m->family == FAMILY_QWEN_FLASH;
    cleanup_free unsigned char *data = NULL;
    struct hear_request q = {
        .account = r->account,
        .model = m->name,
        .resolve = resolve && !strcasecmp(resolve, "enable"),
        .max_bytes = qwen ? r->config.sync_max_bytes : r->config.max_file_bytes,
        .max_ms = r->config.sync_max_ms,
        .formats = qwen ? qwen_formats : NULL,
    };
    *heard = (struct heard){0};
    if (!strncmp(audio, "data:", 5)) {
        data = read_data_uri(r, a, m, audio, &q.len);
        if (!data)
            return false;
        q.data = data;
    } else if (!strncasecmp(audio, "http://", 7) || !strncasecmp(audio, "https://", 8) ||
               !strncmp(audio, "oss://", 6)) {
        q.url = audio;
    } else {
        refuse(r, a, REFUSE_URL);
        return false;
    }
    hear(r->emu, &q, heard);
    emu_lock(r->emu);
    if (*heard->sha256) {
        record_add(&r->emu->record, "submits_by_audio", heard->sha256, 1);
        record_add(&r->emu->record, "audio_ms_by_model", m->name, heard->info.duration_ms);
    }
    emu_unlock(r->emu);
    if (heard->failure == HEAR_NO_SPEECH && !qwen) {
        refuse(r, a, REFUSE_NO_WORDS);
        return false;
    }
    refuse_failure(r, a, m, heard);
    return !a->status;
}

double call_seconds(const struct heard *h)
{
    return (double)((h->info.duration_ms + 999) / 1000);
}

int call_tokens(const char *text)
{
    int n = 0;
    bool in_word = false;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool wide = c >= 0xe0, word = c > ' ' && c < 0xe0;
        n += wide || (word && !in_word);
        in_word = word || (c & 0xc0) == 0x80;
    }
    return n;
}

size_t call_piece(const char *text)
{
    size_t i = 0;
    int words = 0, wide = 0;
    while (text[i]) {
        if (text[i] == ' ' && ++words == PIECE_WORDS)
            break;
        i++;
        while (((unsigned char)text[i] & 0xc0) == 0x80)
            i++;
        wide += (unsigned char)text[i] >= 0xe0;
        if (wide == PIECE_WIDE)
            break;
    }
    return i;
}

bool call_scripted(const struct request *r, struct reply *a, const struct heard *h, bool stream, bool openai)
{
    const cJSON *body = json_get(h->script, "body"), *events = json_get(h->script, "events"), *event;
    if (stream && events) {
        struct sse s;
        sse_begin(&s, r, a, openai);
        cJSON_ArrayForEach(event, events)
        {
            sse_event(&s, cJSON_Duplicate(event, true));
        }
        sse_end(&s);
        return true;
    }
    if (!stream && body)
        reply_json(a, 200, cJSON_Duplicate(body, true));
    return !stream && body;
}
