/* Takes from the worker process what it does not need, in two steps: limits before the engine is loaded, and
 * everything else before the first byte of the untrusted recording is looked at. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

/* What this worker may do beyond reading the recording and reporting. */
struct sandbox {
    int memory_mb; /* of address space; 0: no limit */
    bool by_hand;  /* it was started by a person: descriptors are not the daemon's, standard output is open */
    bool converts; /* WIRE_CONVERTED_FD may be written and emptied */
    int64_t max_bytes; /* of that file; 0: as many as the system allows */
};

/* No core file, no descriptors but those of wire.h, low priority, first choice of the out-of-memory killer,
 * dies with the thread that started it. */
int sandbox_limits(const struct sandbox *box, struct error *err);
/* From here on: no new descriptor, file, socket, program, process or thread; for root: no privileges either.
 * Applies to all threads. 0, or negative errno and *err (code "engine.sandbox"). */
int sandbox_enter(const struct sandbox *box, struct error *err);
