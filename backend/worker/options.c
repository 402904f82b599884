/* Reads the worker's command line. */
#include "backend/worker/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE_MIN = 8000, RATE_MAX = 192000 }; /* of a converted file, Hz: what FLAC and players take */

#define TIME_MAX (INT64_C(366) * 24 * 3600 * 1000) /* ms of a part: more than any recording has */

static const char usage[] =
    "usage: worker [options]\n"
    "\n"
    "Transcribes the recording open as descriptor 3 and reports on descriptor 4. By hand:\n"
    "    worker --print --vosk-library build/vosk/lib/libvosk.so --model build/vosk/model < talk.mp3\n"
    "    worker --print --engine pocketsphinx < talk.mp3\n"
    "With --probe it says what the recording is instead, with --convert it writes a reduced copy of the "
    "sound\n"
    "to the file open as descriptor 5, with --split the same in parts, one file after the other.\n"
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
    "  --probe                      duration, channels, rate, codec\n"
    "  --convert                    to FLAC, or to Ogg/Opus when FLAC would be too large\n"
    "  --split                      to FLAC in parts, cut where nobody speaks\n"
    "  --mix-down                   converting, cutting: to one channel\n"
    "  --rate N                     converting, cutting: to so many Hz\n"
    "  --max-bytes N                converting, cutting: stay below this size, each part for itself\n"
    "  --max-ms N                   cutting: no part is longer\n"
    "  --overlap-ms N               cutting: each part begins so much before the end of the one before\n"
    "  --print                      recording on standard input, text on standard output\n";

static bool large_number(const char *text, int64_t max, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < 0 || value > max)
        return false;
    *out = value;
    return true;
}

static bool number(const char *text, int max, int *out)
{
    int64_t value;
    if (!large_number(text, max, &value))
        return false;
    *out = (int)value;
    return true;
}

int options_parse(int argc, char **argv, struct options *o)
{
    enum {
        ENGINE = 256,
        LIBRARY,
        MODEL,
        SPHINX,
        NAME,
        LANGUAGE,
        HOURS,
        MEMORY,
        DECODE,
        PROBE,
        CONVERT,
        SPLIT,
        MIX,
        RATE,
        BYTES,
        PART,
        OVERLAP,
        PRINT,
        HELP
    };
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
        {"probe", no_argument, NULL, PROBE},
        {"convert", no_argument, NULL, CONVERT},
        {"split", no_argument, NULL, SPLIT},
        {"mix-down", no_argument, NULL, MIX},
        {"rate", required_argument, NULL, RATE},
        {"max-bytes", required_argument, NULL, BYTES},
        {"max-ms", required_argument, NULL, PART},
        {"overlap-ms", required_argument, NULL, OVERLAP},
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
        case PROBE:
            o->task = TASK_PROBE;
            break;
        case CONVERT:
            o->task = TASK_CONVERT;
            break;
        case SPLIT:
            o->task = TASK_SPLIT;
            break;
        case MIX:
            o->mix_down = true;
            break;
        case RATE:
            good = number(optarg, RATE_MAX, &o->rate) && (!o->rate || o->rate >= RATE_MIN);
            break;
        case BYTES:
            good = large_number(optarg, INT64_MAX, &o->max_bytes);
            break;
        case PART:
            good = large_number(optarg, TIME_MAX, &o->part_ms);
            break;
        case OVERLAP:
            good = large_number(optarg, TIME_MAX, &o->overlap_ms);
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
    if (!good || optind != argc || (o->print && o->task != TASK_TRANSCRIBE)) {
        fputs(usage, stderr);
        return -EINVAL;
    }
    if (decode_only || o->task != TASK_TRANSCRIBE)
        o->engine = ENGINE_NONE;
    o->max_ms = (int64_t)hours * 3600 * 1000;
    return 0;
}
