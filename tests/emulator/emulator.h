/* The emulator's state. One lock protects everything but the options; nobody blocks, downloads or recognises
 * under it. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/emulator/accounts.h"
#include "tests/emulator/callback.h"
#include "tests/emulator/clock.h"
#include "tests/emulator/config.h"
#include "tests/emulator/faults.h"
#include "tests/emulator/hear.h"
#include "tests/emulator/limits.h"
#include "tests/emulator/models.h"
#include "tests/emulator/record.h"
#include "tests/emulator/scripts.h"
#include "tests/emulator/store.h"
#include "tests/emulator/task.h"
#include "tests/emulator/uploads.h"
#include "tests/emulator/vocabulary.h"

struct options {
    int port;           /* 0: any */
    char *state;        /* directory */
    char *worker;       /* program; NULL: only scripts */
    char *vosk;         /* directory with lib/libvosk.so and model; NULL: PocketSphinx */
    enum region region; /* of 127.0.0.1 and localhost */
    int recognitions;   /* workers at once */
    /* HTTPS besides; NULL: none. */
    char *tls_certificate, *tls_key; /* PEM files */
    char *tls_priorities;            /* of GnuTLS; NULL: its own */
    char *ca_file;                   /* whom it trusts when it fetches; NULL: those of the system */
    int tls_port;                    /* 0: any */
};

struct emulator {
    struct options options;
    int port, tls_port; /* tls_port 0: none */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* broadcast when anything others wait for changes; CLOCK_MONOTONIC */
    bool stopping, stopped; /* stopped: only the last thread is left */
    struct emu_clock clock;
    struct config config, start_config; /* as it is, and as it was when the program started */
    struct record record;
    struct faults faults;
    struct scripts scripts;
    struct accounts accounts;
    struct limits limits;
    struct store store;
    struct uploads uploads;
    struct vocabularies vocabularies;
    struct hear_cache heard;
    struct tasks tasks;
    struct callbacks callbacks;
};

void emu_lock(struct emulator *emu);
void emu_unlock(struct emulator *emu);
/* Lock held; waits for a change, at most `real_ms`. */
void emu_wait(struct emulator *emu, int64_t real_ms);
/* Lock not held; false when the emulator stops meanwhile. */
bool emu_sleep(struct emulator *emu, int64_t real_ms);
int64_t emu_now(struct emulator *emu); /* emulated time; lock not held */
