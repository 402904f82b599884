/* What the worker and the daemon say to each other: lines of JSON, from the worker only.
 *
 *   {"type":"hello","protocol":1,"engine":"vosk","model":"..."}        once, when the engine is loaded
 *   {"type":"progress","stage":"preparing|recognising","done":MS,"total":MS}   total 0 when unknown
 *   {"type":"alive"}                                                   at work, nothing to tell
 *   {"type":"transcript","transcript":{...}}                           the end, or
 *   {"type":"facts","duration_ms":N,"channels":N,"sample_rate":N,"video":B,"codec":"..."}   the end of
 * --probe, --convert and --split: of the recording, of the converted file ("flac" or "opus" in Ogg), of all
 * parts together ("flac"); duration -1, the others 0: not known
 *   {"type":"part","begin_ms":N,"end_ms":N,"offset":N,"length":N}  of --split: each, in order
 *   {"type":"error","class":"...","code":"...","detail":"...","errno":N}
 *
 * The worker finds the recording open for reading as WIRE_RECORDING_FD and writes to WIRE_OUTPUT_FD. With
 * --convert or --split it finds an empty file open for writing as WIRE_CONVERTED_FD. */
#pragma once

#include <stddef.h>
#include <string.h>

#include "backend/base/error.h"

enum {
    WIRE_PROTOCOL = 1,
    WIRE_RECORDING_FD = 3,
    WIRE_OUTPUT_FD = 4,
    WIRE_CONVERTED_FD = 5,
};

static const struct {
    enum error_class class;
    const char *name;
} wire_classes[] = {
    {ERROR_TRANSIENT, "transient"},
    {ERROR_PERMANENT, "permanent"},
    {ERROR_PERSON, "person"},
    {ERROR_CHANGED, "changed"},
};

static inline const char *wire_class_name(enum error_class class)
{
    for (size_t i = 0; i < sizeof wire_classes / sizeof *wire_classes; i++)
        if (wire_classes[i].class == class)
            return wire_classes[i].name;
    return "permanent";
}

/* ERROR_NONE when there is no such class. */
static inline enum error_class wire_class(const char *name)
{
    for (size_t i = 0; i < sizeof wire_classes / sizeof *wire_classes; i++)
        if (!strcmp(wire_classes[i].name, name))
            return wire_classes[i].class;
    return ERROR_NONE;
}
