/* Reads the worker's command line. */
#include "backend/worker/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: worker [options]\n"
    "\n"
    "Transcribes the recording open as descriptor 3 and reports on descriptor 4. By hand:\n"
    "    worker --print --vosk-library build/vosk/lib/libvosk.so --model build/vosk/model < talk.mp3\n"
    "    worker --print --engine pocketsphinx < talk.mp3\n"
    "\n"
    "  --engine vosk|pocketsphinx   the recogniser (vosk)\n"
    "  --vosk-library FILE          libvosk.so\n"
    "  --model DIR                  Vosk model\n"
    "  --sphinx-model DIR           with en-us, en-us.lm.bin, cmudict-en-us.dict\n"
    "                               (/usr/share/pocketsphinx/model/en-us)\n"
    "  --model-name NAME            model's name in the transcript\n"
    "  --language CODE              language of the model (en)\n"
    "  --max-hours N                refuse longer recordings (24)\n"
    "  --memory-mb N                limit of the address space\n"
    "  --decode-only                decode everything, recognise nothing\n"
    "  --print                      recording on standard input, text on standard output\n";

static bool number(const char *text, int max, int *out)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < 0 || value > max)
        return false;
    *out = (int)value;
    return true;
}

int options_parse(int argc, char **argv, struct options *o)
{
    enum { ENGINE = 256, LIBRARY, MODEL, SPHINX, NAME, LANGUAGE, HOURS, MEMORY, DECODE, PRINT, HELP };
    static const struct option table[] = {
        {"engine", required_argument, NULL, ENGINE},
        {"vosk-library", required_argument, NULL, LIBRARY},
        {"model", required_argument, NULL, MODEL},
        {"sphinx-model", required_argument, NULL, SPHINX},
        {"model-name", required_argument, NULL, NAME},
        {"language", required_argument, NULL, LANGUAGE},
        {"max-hours", required_argument, NULL, HOURS},
        {"memory-mb", required_argument, NULL, MEMORY},
        {"decode-only", no_argument, NULL, DECODE},
        {"print", no_argument, NULL, PRINT},
        {"help", no_argument, NULL, HELP},
        {0},
    };
    int hours = 24;
    bool good = true, decode_only = false;
    *o = (struct options){
        .engine = ENGINE_VOSK,
        .sphinx_model = "/usr/share/pocketsphinx/model/en-us",
        .language = "en",
    };
    for (int c; good && (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        switch (c) {
        case ENGINE:
            good = !strcmp(optarg, "vosk") || !strcmp(optarg, "pocketsphinx");
            o->engine = strcmp(optarg, "vosk") ? ENGINE_POCKETSPHINX : ENGINE_VOSK;
            break;
        case LIBRARY:
            o->vosk_library = optarg;
            break;
        case MODEL:
            o->model = optarg;
            break;
        case SPHINX:
            o->sphinx_model = optarg;
            break;
        case NAME:
            o->model_name = optarg;
            break;
        case LANGUAGE:
            o->language = optarg;
            break;
        case HOURS:
            good = number(optarg, 24 * 365, &hours);
            break;
        case MEMORY:
            good = number(optarg, 1 << 30, &o->memory_mb);
            break;
        case DECODE:
            decode_only = true;
            break;
        case PRINT:
            o->print = true;
            break;
        case HELP:
            fputs(usage, stdout);
            return 1;
        default:
            good = false;
        }
    }
    if (!good || optind != argc) {
        fputs(usage, stderr);
        return -EINVAL;
    }
    if (decode_only)
        o->engine = ENGINE_NONE;
    o->max_ms = (int64_t)hours * 3600 * 1000;
    return 0;
}
