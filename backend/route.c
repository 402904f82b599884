/* Choosing a model: each one is asked in turn whether it can; of those that can, the best is taken. */
#include "backend/route.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/buffer.h"

/* What reduced audio needs at most: FLAC of 16 kHz speech stays below 24 kB a second, Opus at 32 kbit/s needs
 * 4 kB. */
#define REDUCED_BYTES_PER_SECOND 4096
#define USUAL_RATE 16000 /* Hz: what models listen to, whatever they are sent */
#define OVERLAP_MS 180000 /* long enough for everybody who talks in a conversation to say something */

/* A length in the words of a limit: "12 hours", "5 minutes". */
static void say_length(int64_t ms, char *text, size_t size)
{
    int64_t minutes = (ms + 30000) / 60000;
    if (minutes >= 120 && minutes % 60 == 0)
        snprintf(text, size, "%" PRId64 " hours", minutes / 60);
    else if (minutes >= 1)
        snprintf(text, size, "%" PRId64 " minute%s", minutes, minutes == 1 ? "" : "s");
    else
        snprintf(text, size, "%" PRId64 " seconds", ms / 1000);
}

static void say_bytes(int64_t bytes, char *text, size_t size)
{
    if (bytes >= (int64_t)1 << 30)
        snprintf(text, size, "%" PRId64 " GB", bytes >> 30);
    else
        snprintf(text, size, "%" PRId64 " MB", bytes >> 20);
}

static bool reliable_words(const struct model *m, const struct route_needs *needs)
{
    return !needs->language || !m->word_languages ||
           catalogue_language_in(m->word_languages, needs->language);
}

/* That language and no other: it need not be told. */
static bool knows_only(const struct model *m, const char *language)
{
    return !strchr(m->languages, ' ') && catalogue_language_in(m->languages, language);
}

static int check_features(const struct model *m, const struct route_needs *needs, struct error *err)
{
    unsigned missing = needs->features & ~m->features;
    if (knows_only(m, needs->language))
        missing &= ~(unsigned)FEATURE_LANGUAGE_HINT;
    if (missing) {
        enum model_feature first = (enum model_feature)(missing & -missing);
        return error_set(err, ERROR_PERMANENT, ENOTSUP, "route.feature", "%s does not offer %s", m->name,
                         catalogue_feature_title(first));
    }
    if ((needs->features & FEATURE_WORD_TIMES) && !reliable_words(m, needs))
        return error_set(err, ERROR_PERMANENT, ENOTSUP, "route.feature",
                         "%s has no reliable word times for \"%s\"", m->name, needs->language);
    return 0;
}

/* Speakers are told apart in one channel only, by listening to the whole of it. And unless channels are asked
 * for, a model listens to the first one only: what is said in the others would be lost. */
static int check_channels(const struct model *m, const struct route_needs *needs, struct route *route,
                          struct error *err)
{
    bool alone = needs->features & FEATURE_CHANNELS || needs->named_channel;
    route->mix_down = needs->channels > 1 && needs->can_convert && !alone;
    if (!(needs->features & FEATURE_SPEAKERS))
        return 0;
    if (needs->features & FEATURE_CHANNELS)
        return error_set(err, ERROR_PERMANENT, EINVAL, "route.mono",
                         "%s cannot tell speakers apart and keep channels apart at once", m->name);
    if (needs->channels <= 1)
        return 0;
    if (!needs->can_convert)
        return error_set(err, ERROR_PERMANENT, ENOTSUP, "route.mono",
                         "%s can tell speakers apart in mono recordings only; this one has %d channels",
                         m->name, needs->channels);
    route->mix_down = true;
    return 0;
}

static int check_form(const struct model *m, const struct route_needs *needs, struct route *route,
                      struct error *err)
{
    int rate = needs->sample_rate;
    bool wrong_rate = rate > 0 && ((m->sample_rate && rate != m->sample_rate) || rate < m->least_rate);
    bool wrong_format = !catalogue_takes_format(m, needs->format);
    route->sample_rate = m->sample_rate ? m->sample_rate : USUAL_RATE;
    route->convert = wrong_rate || wrong_format;
    if (!route->convert || needs->can_convert)
        return 0;
    if (wrong_format)
        return error_set(err, ERROR_PERMANENT, ENOTSUP, "route.form", "%s does not take files of the type \"%s\"",
                         m->name, needs->format);
    return error_set(err, ERROR_PERMANENT, ENOTSUP, "route.form",
                     "%s is made for sound of %s%d Hz; this recording has %d Hz", m->name,
                     m->sample_rate ? "" : "at least ", m->sample_rate ? m->sample_rate : m->least_rate, rate);
}

static int check_length(const struct model *m, const struct route_needs *needs, struct route *route,
                        struct error *err)
{
    bool speakers = needs->features & FEATURE_SPEAKERS;
    int64_t limit = speakers && m->speakers_max_ms ? m->speakers_max_ms : m->max_ms;
    if (needs->duration_ms <= limit)
        return 0;
    if (needs->can_split) {
        route->split_ms = limit;
        route->overlap_ms = speakers ? OVERLAP_MS : 0; /* speakers are known again by what both parts heard */
        return 0;
    }
    char text[40], own[40];
    say_length(limit, text, sizeof text);
    say_length(needs->duration_ms, own, sizeof own);
    return error_set(err, ERROR_PERMANENT, EFBIG, "media.too_long",
                     "%s takes at most %s%s; this recording has %s%s%s", m->name, text,
                     speakers ? " with speaker labels" : "", own, needs->why_whole ? "; " : "",
                     needs->why_whole ? needs->why_whole : "");
}

static int check_size(const struct model *m, const struct route_needs *needs, struct route *route,
                      struct error *err)
{
    int64_t limit = needs->inlined && route->call != CALL_TASK ? CATALOGUE_INLINE_BYTES : m->max_bytes;
    if (limit > m->max_bytes)
        limit = m->max_bytes;
    if (needs->bytes <= limit || route->split_ms) /* parts are made as large as they may be */
        return 0;
    int64_t seconds = needs->duration_ms / 1000;
    if (needs->can_convert && needs->duration_ms >= 0 && seconds * REDUCED_BYTES_PER_SECOND <= limit) {
        route->reduce = true;
        return 0;
    }
    char text[40];
    say_bytes(limit, text, sizeof text);
    return error_set(err, ERROR_PERMANENT, EFBIG, "media.too_large",
                     "%s takes at most %s; this recording is larger", m->name, text);
}

/* Growing answers where they are wanted, tasks before direct calls for the rest: they take everything. */
static enum model_call pick_call(unsigned calls, bool streaming)
{
    static const enum model_call plain[] = {CALL_TASK, CALL_SYNC, CALL_CHAT, CALL_STREAM, CALL_CHAT_STREAM};
    static const enum model_call growing[] = {CALL_STREAM, CALL_CHAT_STREAM};
    const enum model_call *order = streaming ? growing : plain;
    size_t count = streaming ? sizeof growing / sizeof *growing : sizeof plain / sizeof *plain;
    for (size_t i = 0; i < count; i++)
        if (calls & order[i])
            return order[i];
    return 0;
}

static int check(const struct model *m, const struct route_needs *needs, struct route *route,
                 struct error *err)
{
    *route = (struct route){.model = m};
    unsigned calls = catalogue_calls(m, needs->region);
    if (!calls)
        return error_set(err, ERROR_PERSON, ENOTSUP, "route.region", "%s is not offered in %s", m->name,
                         catalogue_region(needs->region)->title);
    int rc = check_features(m, needs, err);
    if (rc)
        return rc;
    route->call = pick_call(calls & needs->calls, needs->features & FEATURE_STREAMING);
    if (!route->call)
        return error_set(err, ERROR_PERSON, ENOTSUP, "route.model",
                         "%s cannot be called in any way that is set up here%s", m->name,
                         calls & CALL_TASK ? "; it needs a place to publish recordings" : "");
    rc = check_channels(m, needs, route, err);
    rc = rc ? rc : check_form(m, needs, route, err);
    rc = rc ? rc : check_length(m, needs, route, err);
    return rc ? rc : check_size(m, needs, route, err);
}

/* What is only wanted counts less than what a language or a length asks for, and more than what one model is
 * better than another. */
static int missing(const struct model *m, const struct route_needs *needs)
{
    unsigned lacks = needs->wanted & ~m->features;
    int points = __builtin_popcount(lacks & ~(unsigned)FEATURE_SENTENCE_TIMES) * 50;
    if ((needs->wanted & FEATURE_WORD_TIMES) && !(lacks & FEATURE_WORD_TIMES) && !reliable_words(m, needs))
        points += 50;
    return points + (lacks & FEATURE_SENTENCE_TIMES ? 150 : 0);
}

/* A recording of unknown length may be too long for a model that takes little; one that has to be cut is
 * better whole; a model that knows the language is better than one that may not. */
static int score(const struct route *route, const struct route_needs *needs)
{
    const struct model *m = route->model;
    int points = m->rank - missing(m, needs);
    if (needs->duration_ms < 0 && !(m->calls & CALL_TASK))
        points -= 100;
    if (route->split_ms)
        points -= 400 + 10 * (int)(needs->duration_ms / route->split_ms);
    if (needs->language && !catalogue_language_in(m->languages, needs->language))
        points -= 200;
    return points;
}

static bool by_name(const struct route_needs *needs)
{
    return needs->model && strcmp(needs->model, "auto") != 0;
}

/* Of the reasons why no model can, the one of the model that came closest is said. */
static int choose_best(const struct route_needs *needs, struct route *route, struct error *err)
{
    struct error closest = {0};
    const struct route none = {0};
    *route = none;
    bool offered = false;
    int best_failed = 0;
    for (const struct model *m = catalogue_all(); m->name; m++) {
        struct route candidate;
        struct error why = {0};
        if (m->rank == 0 || !catalogue_calls(m, needs->region))
            continue;
        offered = true;
        if (check(m, needs, &candidate, &why) == 0) {
            if (!route->model || score(&candidate, needs) > score(route, needs))
                *route = candidate;
            continue;
        }
        /* What stopped a model late in check() is closer to the point than what it never could. */
        bool never = strcmp(why.code, "route.feature") == 0 || strcmp(why.code, "route.model") == 0;
        int near = m->rank + (never ? 0 : 100);
        if (near > best_failed) {
            best_failed = near;
            closest = why;
        }
    }
    if (route->model)
        return 0;
    if (!offered)
        return error_set(err, ERROR_PERSON, ENOTSUP, "route.region", "no speech model is offered in %s",
                         catalogue_region(needs->region)->title);
    if (err)
        *err = closest;
    return closest.sys ? -closest.sys : -ENOTSUP;
}

int route_choose(const struct route_needs *needs, struct route *route, struct error *err)
{
    if (!by_name(needs))
        return choose_best(needs, route, err);
    const struct model *m = catalogue_find(needs->model);
    if (!m)
        return error_set(err, ERROR_PERSON, ENOENT, "route.model", "there is no model \"%s\"", needs->model);
    return check(m, needs, route, err);
}

int route_check(const struct model *model, const struct route_needs *needs, struct route *route,
                struct error *err)
{
    return check(model, needs, route, err);
}

static void explain_chosen(const struct route *route, struct buffer *out)
{
    char length[40];
    buffer_printf(out, "%s: chosen", route->model->name);
    buffer_puts(out, route->mix_down ? ", mixed down to one channel" : "");
    buffer_puts(out, route->convert ? ", converted first" : "");
    buffer_puts(out, route->reduce ? ", reduced to 16 kHz first" : "");
    if (route->split_ms) {
        say_length(route->split_ms, length, sizeof length);
        buffer_printf(out, ", cut into parts of at most %s", length);
    }
    buffer_puts(out, "\n");
}

void route_explain(const struct route_needs *needs, struct buffer *out)
{
    struct route chosen = {0}, route;
    struct error err = {0};
    bool found = route_choose(needs, &chosen, &err) == 0;
    if (!found)
        buffer_printf(out, "no model: %s\n", err.detail);
    for (const struct model *m = catalogue_all(); m->name; m++) {
        if (by_name(needs) ? strcmp(m->name, needs->model) != 0 : m->rank == 0)
            continue;
        err = (struct error){0};
        if (check(m, needs, &route, &err) != 0)
            buffer_printf(out, "%s: %s\n", m->name, err.detail);
        else if (found && m == chosen.model)
            explain_chosen(&chosen, out);
        else
            buffer_printf(out, "%s: possible\n", m->name);
    }
}
