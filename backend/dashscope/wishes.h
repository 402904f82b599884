/* What is wanted of a transcript, as canonical JSON: the frozen settings of a job, and part of the key of its
 * result. Pure. */
#pragma once

#include "backend/dashscope/dashscope.h"

struct buffer;

/* The wishes read back; the texts are its own. */
struct wishes {
    struct dashscope_wishes is;
    enum region region;
};

/* 0 or -ENOMEM, or -EINVAL and *err ("cloud.settings", ERROR_PERSON) when the wishes contradict themselves or
 * the service's limits. */
int wishes_write(const struct dashscope_wishes *wishes, enum region region, struct buffer *out,
                 struct error *err);
/* 0, or a negative errno and *err. Clear in any case. */
int wishes_read(const char *json, struct wishes *out, struct error *err);
void wishes_clear(struct wishes *wishes);
#define cleanup_wishes __attribute__((cleanup(wishes_clear)))

/* NULL, or what is wrong with the value of this setting ("channels", "hotwords", "special_word_filter"; others
 * are never wrong by themselves). */
const char *wishes_text_wrong(const char *key, const char *value);

/* The features a model must have for them (FEATURE_…). */
unsigned wishes_features(const struct dashscope_wishes *wishes);
/* Those it had better have: without times from the model they are estimated, and the transcript says so. */
unsigned wishes_wanted(const struct dashscope_wishes *wishes);
