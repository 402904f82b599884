/* The shapes in which the service tells a transcript. */
#pragma once

#include "tests/emulator/features.h"

struct cJSON;
struct sentence;

/* The result file of a task; `url` as it was submitted. */
struct cJSON *shape_result(const struct heard *h, const struct features *f, const struct model *m,
                           const char *url);
/* Speech in milliseconds, which is what Fun-ASR and Paraformer bill. */
int64_t shape_speech_ms(const struct transcript *t, int channel);
/* The whole text of a channel (-1: all). The caller frees. */
char *shape_text(const struct transcript *t, int channel);
/* One sentence object of fun-asr-flash. */
struct cJSON *shape_flash_sentence(const struct sentence *s, int id);
/* All sentences as one: words and times joined. NULL when there are none. */
struct cJSON *shape_flash_whole(const struct transcript *t);
/* {"type":"audio_info",…} */
struct cJSON *shape_annotation(const struct transcript *t, const char *language);
