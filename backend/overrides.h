/* What the settings of a folder ask of whoever transcribes its recordings, over what that recogniser is set
 * up for. Plain data; one table says what can be asked of whom. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/base/error.h"

enum override_switch { OVERRIDE_UNSAID, OVERRIDE_NO, OVERRIDE_YES };

/* NULL, 0 and OVERRIDE_UNSAID: nothing is asked. The texts are its own. */
struct backend_overrides {
    char *model, *language;
    char *engine;        /* "vosk" or "pocketsphinx" */
    char *channels;      /* "0,1" or "all" */
    char *hotwords;      /* as struct dashscope_wishes */
    char *vocabulary_id; /* of the service's console; instead of hotwords */
    char *word_filter;   /* JSON as the service documents it */
    char *context;       /* names and terms, or any text about the recordings */
    int speaker_count;
    enum override_switch words, speakers, emotion, itn, disfluency, alignment, stream;
};

/* Whom something can be asked of. */
enum override_reader { READ_LOCAL = 1, READ_DASHSCOPE = 2, READ_OPENAI = 4, READ_ANY = 7 };

/* The setting `key`, if one of `readers` reads it, gets a value: 0; -ENOENT when none of them has it; or
 * -EINVAL and *err
 * ("config.value": key, value and what is wanted), or -ENOMEM. */
int override_set(struct backend_overrides *o, const char *key, const char *value, unsigned readers,
                 struct error *err);
/* The keys, one by one; NULL after the last. */
const char *override_key(size_t i);
/* Whether anybody at all has that key. */
bool override_known(const char *key);

/* What *from says replaces what *to says. 0 or -ENOMEM. */
int override_merge(struct backend_overrides *to, const struct backend_overrides *from);
/* Takes out of *o all that *by says. */
void override_mask(struct backend_overrides *o, const struct backend_overrides *by);
void override_clear(struct backend_overrides *o);
#define cleanup_overrides __attribute__((cleanup(override_clear)))

/* Is everything that is asked for something this reader can do? 0, or -EINVAL and *err ("folder.cannot",
 * ERROR_PERMANENT), which names it and `who` ("the built-in recogniser"). NULL asks nothing. */
int override_check(const struct backend_overrides *o, enum override_reader reader, const char *who,
                   struct error *err);
