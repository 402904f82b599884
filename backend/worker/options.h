/* The worker's command line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum engine_kind { ENGINE_VOSK, ENGINE_POCKETSPHINX, ENGINE_NONE };

enum task { TASK_TRANSCRIBE, TASK_PROBE, TASK_CONVERT, TASK_SPLIT };

struct options {
    enum task task;
    enum engine_kind engine;
    const char *vosk_library; /* path of libvosk.so */
    const char *model;        /* Vosk model directory */
    const char *sphinx_model; /* directory with en-us, en-us.lm.bin, cmudict-en-us.dict */
    const char *model_name;   /* for the transcript; NULL: none */
    const char *language;     /* BCP-47 */
    int64_t max_ms;           /* longest recording accepted */
    int memory_mb;            /* limit of the address space; 0: none */
    bool mix_down;            /* converting, cutting: to one channel; else as many as there are */
    int rate;                 /* converting, cutting: Hz; 0: the recording's own */
    int64_t max_bytes;        /* the converted file or each part has to stay below this; 0: no limit */
    int64_t part_ms;          /* cutting: longest part; 0: no limit */
    int64_t overlap_ms;       /* cutting: each part begins that much before the end of the one before it */
    bool print;               /* by hand: recording on standard input, text on standard output */
};

/* The strings point into argv. 0; 1 after --help was printed; -EINVAL after a message on standard error. */
int options_parse(int argc, char **argv, struct options *o);
