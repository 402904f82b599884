/* The models of the service: where each is, how it is called, how often. */
#pragma once

#include <stdbool.h>

enum region { REGION_BEIJING, REGION_SINGAPORE, REGION_VIRGINIA, REGION_FRANKFURT, REGIONS };

enum family {
    FAMILY_FUN = 1,             /* fun-asr*: tasks, file_urls */
    FAMILY_PARAFORMER = 2,      /* paraformer*: tasks, file_urls */
    FAMILY_FILETRANS = 4,       /* qwen3-asr-flash-filetrans*: tasks, file_url */
    FAMILY_AUDIO_FILETRANS = 8, /* qwen-audio-3.0-asr-flash-filetrans: tasks, file_urls */
    FAMILY_QWEN_FLASH = 16,     /* qwen3-asr-flash*: synchronous and OpenAI-compatible */
    FAMILY_FUN_FLASH = 32,      /* fun-asr-flash*, qwen-audio-3.0-asr-flash: synchronous */
    FAMILY_BIASING = 64,        /* speech-biasing: vocabularies */
};

enum {
    FAMILIES_FILE_URLS = FAMILY_FUN | FAMILY_PARAFORMER | FAMILY_AUDIO_FILETRANS,
    FAMILIES_TASK = FAMILIES_FILE_URLS | FAMILY_FILETRANS,
    FAMILIES_SYNC = FAMILY_QWEN_FLASH | FAMILY_FUN_FLASH,
};

struct model {
    const char *name;
    enum family family;
    unsigned regions; /* bits 1 << enum region */
    int rpm;          /* submits per minute; 0: none */
    int rpm_singapore;
    int per_second; /* submits per second; 0: none */
    int in_process; /* tasks at work at once; 0: no limit */
    bool hotwords;  /* vocabulary_id is accepted */
};

const struct model *model_find(const char *name); /* NULL when there is none; in any region */
bool model_in(const struct model *m, enum region region);

/* The rate of the sound it is made for, Hz. 0: any; negative: at least that. */
int model_rate(const struct model *m);

const char *region_name(enum region region); /* cn-beijing */
int region_find(const char *name);           /* -1 when unknown */
