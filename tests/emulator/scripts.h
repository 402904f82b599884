/* Scripted results, for exact checks.
 *
 *   {"match":{"sha256":…,"model":…,"url":part},"count":N,
 *    "audio":{"format","codec","sample_rate","channels","duration_ms"}   instead of probing the file
 *    "text":"Hello there. Good bye."                                     sentences and words with even times,
 * or "transcript":{"schema":"scribefs-transcript/1",…}                   with times, channels, speakers,
 * emotions, or "fail":{"code","message"[,"status"]}                                a failure of the file or
 * call, or "silence":true                                                      no speech "result":{…} /
 * "result_text":"…"                                    the result file of a task, word for word "body":{…}
 * the answer of a synchronous call, word for word "events":[{…},…]} the data of its events, one by one
 *
 * The first script that matches and is not used up is played. The audio is fetched in any case. */
#pragma once

struct cJSON;
struct emulator;
struct transcript;

struct scripts {
    struct cJSON *all;
    long next_id;
};

void scripts_init(struct scripts *s);
void scripts_free(struct scripts *s);
/* Lock held. NULL when good, else what is wrong. */
const char *scripts_add(struct scripts *s, const struct cJSON *script);
void scripts_clear(struct scripts *s);
/* Lock not held. A copy of the script to play, for the caller to free; NULL when none matches. */
struct cJSON *scripts_take(struct emulator *emu, const char *sha256, const char *model, const char *url);
/* The transcript a script tells; NULL when it tells none. */
struct transcript *scripts_transcript(const struct cJSON *script);
