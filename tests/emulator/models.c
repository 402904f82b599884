/* The models of the service. */
#include "tests/emulator/models.h"

#include <stddef.h>
#include <string.h>

enum {
    BJ = 1 << REGION_BEIJING,
    SG = 1 << REGION_SINGAPORE,
    US = 1 << REGION_VIRGINIA,
};

/* Limits: the service's page on rate limits; per model and main account. */
static const struct model models[] = {
    {"fun-asr", FAMILY_FUN, BJ | SG, 600, 600, 0, 0, true},
    {"fun-asr-2025-11-07", FAMILY_FUN, BJ | SG, 600, 600, 0, 0, true},
    {"fun-asr-2025-08-25", FAMILY_FUN, BJ | SG, 600, 600, 0, 0, true},
    {"fun-asr-mtl", FAMILY_FUN, BJ | SG, 600, 100, 0, 0, true},
    {"fun-asr-mtl-2025-08-25", FAMILY_FUN, BJ | SG, 600, 100, 0, 0, true},
    {"paraformer-v2", FAMILY_PARAFORMER, BJ, 1200, 0, 0, 0, true},
    {"paraformer-8k-v2", FAMILY_PARAFORMER, BJ, 0, 0, 20, 100, true},
    {"paraformer-v1", FAMILY_PARAFORMER, BJ, 600, 0, 0, 0, false},
    {"paraformer-8k-v1", FAMILY_PARAFORMER, BJ, 0, 0, 10, 500, false},
    {"paraformer-mtl-v1", FAMILY_PARAFORMER, BJ, 600, 0, 0, 0, false},
    {"qwen3-asr-flash-filetrans", FAMILY_FILETRANS, BJ | SG, 100, 100, 0, 0, false},
    {"qwen3-asr-flash-filetrans-2025-11-17", FAMILY_FILETRANS, BJ | SG, 100, 100, 0, 0, false},
    {"qwen-audio-3.0-asr-flash-filetrans", FAMILY_AUDIO_FILETRANS, BJ | SG, 600, 600, 0, 0, true},
    {"qwen3-asr-flash", FAMILY_QWEN_FLASH, BJ | SG, 100, 100, 0, 0, false},
    {"qwen3-asr-flash-2026-02-10", FAMILY_QWEN_FLASH, BJ | SG, 100, 100, 0, 0, false},
    {"qwen3-asr-flash-2025-09-08", FAMILY_QWEN_FLASH, BJ | SG, 100, 100, 0, 0, false},
    {"qwen3-asr-flash-us", FAMILY_QWEN_FLASH, US, 100, 100, 0, 0, false},
    {"qwen3-asr-flash-2025-09-08-us", FAMILY_QWEN_FLASH, US, 100, 100, 0, 0, false},
    {"fun-asr-flash-2026-06-15", FAMILY_FUN_FLASH, BJ | SG, 600, 600, 0, 0, true},
    {"qwen-audio-3.0-asr-flash", FAMILY_FUN_FLASH, BJ | SG, 600, 600, 0, 0, true},
    {"speech-biasing", FAMILY_BIASING, BJ | SG, 600, 600, 0, 0, false},
};

static const char *const regions[REGIONS] = {"cn-beijing", "ap-southeast-1", "us-east-1", "eu-central-1"};

const struct model *model_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof models / sizeof *models; i++)
        if (!strcmp(models[i].name, name))
            return &models[i];
    return NULL;
}

bool model_in(const struct model *m, enum region region)
{
    return m->regions & 1u << region;
}

int model_rate(const struct model *m)
{
    if (strstr(m->name, "-8k-"))
        return 8000;
    return !strcmp(m->name, "paraformer-mtl-v1") ? -16000 : 0;
}

const char *region_name(enum region region)
{
    return regions[region];
}

int region_find(const char *name)
{
    for (int i = 0; name && i < REGIONS; i++)
        if (!strcmp(regions[i], name))
            return i;
    return -1;
}
