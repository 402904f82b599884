/* The built-in recogniser, seen from the daemon: starts one sandboxed worker per job, reads its progress and
 * transcript, kills it when it hangs. */
#pragma once

#include "backend/backend.h"

enum local_engine { LOCAL_AUTO, LOCAL_VOSK, LOCAL_POCKETSPHINX };

struct local_settings {
    enum local_engine engine; /* LOCAL_AUTO: Vosk if its library and model are there, else PocketSphinx */
    const char *worker;       /* path of the worker program */
    const char *vosk_library; /* path of libvosk.so, or NULL */
    const char *model;        /* Vosk model directory, or NULL */
    const char *sphinx_model; /* directory with en-us, en-us.lm.bin, cmudict-en-us.dict; NULL: Debian's */
    const char *language;     /* BCP-47 code of the model, for the transcript; NULL: "en" */
    int hang_seconds;         /* no sign of life for so long: the worker is killed; 0: 120 */
    int memory_mb;            /* address space of a worker; 0: 4096 */
};

/* Copies what it needs of *settings. NULL and *err when out of memory; a missing engine is reported by
 * freeze() and start(), so that a later installation is found without a restart. */
struct backend *local_backend_new(struct loop *loop, const struct local_settings *settings,
                                  struct error *err);
