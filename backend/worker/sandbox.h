/* Takes from the worker process what it does not need, in two steps: limits before the engine is loaded, and
 * everything else before the first byte of the untrusted recording is looked at. */
#pragma once

#include <stdbool.h>

struct error;

/* No core file, no descriptors but 0 to 4, low priority, first choice of the out-of-memory killer, dies with
 * the thread that started it. `memory_mb` 0: no limit of the address space. */
int sandbox_limits(int memory_mb, bool by_hand, struct error *err);
/* From here on: no new descriptor, file, socket, program, process or thread; for root: no privileges either.
 * Applies to all threads. 0, or negative errno and *err (code "engine.sandbox"). */
int sandbox_enter(bool by_hand, struct error *err);
