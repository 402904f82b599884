/* Recognition with Vosk. Its library comes without a header and may be missing, so it is opened at run time.
 *
 * Vosk adapts to voice and room while it listens, and the first seconds are its worst. They are therefore
 * heard twice: up to 20 s as a warm-up whose words are thrown away, then silence until the engine sees an
 * end, then the recording from its start. This takes the word error rate on real speech from 14 % to 11 %;
 * the adaptation survives the end of an utterance. */
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/transcript.h"
#include "backend/worker/engine.h"
#include "backend/worker/media.h"
#include "backend/worker/options.h"
#include "backend/worker/sentences.h"

typedef struct VoskModel VoskModel;
typedef struct VoskRecognizer VoskRecognizer;

/* The C interface of libvosk 0.3.39. */
struct vosk_api {
    void (*set_log_level)(int level);
    VoskModel *(*model_new)(const char *dir);
    void (*model_free)(VoskModel *model);
    VoskRecognizer *(*recognizer_new)(VoskModel *model, float rate);
    void (*recognizer_set_words)(VoskRecognizer *recognizer, int words);
    int (*accept_waveform_s)(VoskRecognizer *recognizer, const short *samples, int count);
    const char *(*result)(VoskRecognizer *recognizer);
    const char *(*final_result)(VoskRecognizer *recognizer);
    void (*recognizer_free)(VoskRecognizer *recognizer);
};

enum {
    BLOCK = MEDIA_RATE / 4,    /* samples for one call */
    WARM_UP = 20 * MEDIA_RATE, /* samples heard twice, at most */
    SILENCE = MEDIA_RATE / 10, /* samples of one block of silence after the warm-up */
    SILENCE_BLOCKS = 200,      /* the engine ends an empty utterance after 5 s, any other sooner */
};

struct vosk {
    void *library;
    struct vosk_api api;
    VoskModel *model;
    VoskRecognizer *recognizer;
    int64_t offset_ms; /* the engine's clock minus the recording's */
};

static int engine_failed(struct error *err, const char *what)
{
    return error_set(err, ERROR_PERMANENT, 0, "engine.failed", "Vosk: %s", what);
}

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_PERMANENT, ENOMEM, "engine.memory", "out of memory while recognising");
}

/* ---- results ---- */

static int64_t to_ms(const struct vosk *v, double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9)
        return 0;
    int64_t ms = llround(seconds * 1000) - v->offset_ms;
    return ms > 0 ? ms : 0;
}

/* {"result":[{"conf":0.97,"end":0.63,"start":0.30,"word":"and"},...],"text":"and ..."}; without words only
 * "text". */
static int add_result(const struct vosk *v, const char *json, struct transcript *t, struct error *err)
{
    cJSON *root = json ? cJSON_Parse(json) : NULL;
    if (!root)
        return engine_failed(err, "unreadable result");
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(root, "result"), *item;
    int room = cJSON_GetArraySize(result), rc = 0;
    size_t count = 0;
    struct heard_word *words = room > 0 ? calloc((size_t)room, sizeof *words) : NULL;
    if (room > 0 && !words)
        rc = no_memory(err);
    cJSON_ArrayForEach(item, result)
    {
        const cJSON *word = cJSON_GetObjectItemCaseSensitive(item, "word");
        const cJSON *begin = cJSON_GetObjectItemCaseSensitive(item, "start");
        const cJSON *end = cJSON_GetObjectItemCaseSensitive(item, "end");
        const cJSON *confidence = cJSON_GetObjectItemCaseSensitive(item, "conf");
        if (!words || !cJSON_IsString(word) || !*word->valuestring || !cJSON_IsNumber(begin) ||
            !cJSON_IsNumber(end))
            continue;
        words[count++] = (struct heard_word){
            .begin_ms = to_ms(v, begin->valuedouble),
            .end_ms = to_ms(v, end->valuedouble),
            .text = word->valuestring,
            .confidence = cJSON_IsNumber(confidence) ? fmin(fmax(confidence->valuedouble, 0), 1) : -1,
        };
    }
    if (!rc && sentences_add(t, words, count))
        rc = no_memory(err);
    free(words);
    cJSON_Delete(root);
    return rc;
}

/* ---- listening ---- */

/* `t` NULL: what is recognised is thrown away. Returns 1 after an endpoint, 0, or negative. */
static int feed(struct vosk *v, const int16_t *samples, size_t count, struct transcript *t, struct error *err)
{
    int rc = v->api.accept_waveform_s(v->recognizer, samples, (int)count);
    if (rc < 0)
        return engine_failed(err, "the engine gave up");
    if (rc == 0)
        return 0;
    const char *json = v->api.result(v->recognizer);
    if (t && (rc = add_result(v, json, t, err)))
        return rc;
    return 1;
}

static int warm_up(struct vosk *v, const int16_t *samples, size_t count, struct error *err)
{
    static const int16_t silence[SILENCE];
    int64_t fed = (int64_t)count;
    for (size_t at = 0; at < count; at += BLOCK) {
        int rc = feed(v, samples + at, count - at < BLOCK ? count - at : BLOCK, NULL, err);
        if (rc < 0)
            return rc;
    }
    for (int i = 0, rc = 0; i < SILENCE_BLOCKS && !rc; i++) {
        rc = feed(v, silence, SILENCE, NULL, err);
        if (rc < 0)
            return rc;
        fed += SILENCE;
    }
    v->offset_ms = media_ms(fed);
    return 0;
}

static int vosk_recognise(void *state, struct hearing *h, struct error *err)
{
    struct vosk *v = state;
    cleanup_free int16_t *first = malloc(WARM_UP * sizeof *first);
    if (!first)
        return no_memory(err);
    ssize_t n = hear(h, first, WARM_UP, err);
    if (n <= 0)
        return (int)n;
    int rc = warm_up(v, first, (size_t)n, err);
    for (ssize_t at = 0; rc >= 0 && at < n; at += BLOCK)
        rc = feed(v, first + at, n - at < BLOCK ? (size_t)(n - at) : BLOCK, h->transcript, err);
    while (rc >= 0 && (n = hear(h, first, BLOCK, err)) > 0)
        rc = feed(v, first, (size_t)n, h->transcript, err);
    if (n < 0)
        return (int)n;
    if (rc < 0)
        return rc;
    return add_result(v, v->api.final_result(v->recognizer), h->transcript, err);
}

/* ---- loading ---- */

static bool find_symbols(void *library, struct vosk_api *api)
{
    const struct {
        void **to;
        const char *name;
    } table[] = {
        {(void **)&api->set_log_level, "vosk_set_log_level"},
        {(void **)&api->model_new, "vosk_model_new"},
        {(void **)&api->model_free, "vosk_model_free"},
        {(void **)&api->recognizer_new, "vosk_recognizer_new"},
        {(void **)&api->recognizer_set_words, "vosk_recognizer_set_words"},
        {(void **)&api->accept_waveform_s, "vosk_recognizer_accept_waveform_s"},
        {(void **)&api->result, "vosk_recognizer_result"},
        {(void **)&api->final_result, "vosk_recognizer_final_result"},
        {(void **)&api->recognizer_free, "vosk_recognizer_free"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!(*table[i].to = dlsym(library, table[i].name)))
            return false;
    return true;
}

static void vosk_free(void *state)
{
    struct vosk *v = state;
    if (v->recognizer)
        v->api.recognizer_free(v->recognizer);
    if (v->model)
        v->api.model_free(v->model);
    /* The library stays: its static objects may still be in use by other threads at exit. */
    free(v);
}

int vosk_load(const struct options *o, struct engine *e, struct error *err)
{
    if (!o->vosk_library || !o->model)
        return error_set(err, ERROR_PERSON, 0, "engine.missing", "no Vosk library or model is set");
    struct vosk *v = calloc(1, sizeof *v);
    if (!v)
        return no_memory(err);
    *e = (struct engine){.name = "vosk", .state = v, .recognise = vosk_recognise, .free = vosk_free};
    v->library = dlopen(o->vosk_library, RTLD_NOW | RTLD_LOCAL);
    if (!v->library)
        return error_set(err, ERROR_PERSON, 0, "engine.missing", "cannot load Vosk: %s", dlerror());
    if (!find_symbols(v->library, &v->api))
        return error_set(err, ERROR_PERSON, 0, "engine.missing", "%s is not a Vosk library we know",
                         o->vosk_library);
    v->api.set_log_level(-1);
    v->model = v->api.model_new(o->model);
    /* A model without its graph loads, and only the recogniser fails. */
    if (v->model)
        v->recognizer = v->api.recognizer_new(v->model, MEDIA_RATE);
    if (!v->recognizer)
        return error_set(err, ERROR_PERSON, 0, "engine.model", "Vosk cannot load the model %s", o->model);
    v->api.recognizer_set_words(v->recognizer, 1);
    return 0;
}
