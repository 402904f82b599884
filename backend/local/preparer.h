/* Probes, converts and cuts recordings in sandboxed workers, for backends that send them elsewhere. */
#pragma once

#include "backend/prepare.h"

struct loop;

struct worker_preparer_settings {
    const char *worker; /* path of the worker program */
    int hang_seconds;   /* no sign of life for so long: the worker is killed; 0: 120 */
    int memory_mb;      /* address space of a worker; 0: 4096 */
};

/* Copies what it needs of *settings. NULL and *err when out of memory.
 *
 * All of them fail with engine.missing (person) or engine.start (transient) at once, convert() also with
 * prepare.file (transient) when there is no room for a file in work_dir. Afterwards failed() tells what
 * recognising would tell of the same recording (media.*, engine.*), and of convert() and split() also
 * media.too_large and media.encode (permanent) and media.write (transient: the disk is full). A converted
 * file has no name and is gone when its descriptor is closed; it is FLAC (".flac"), or Opus (".ogg") when
 * FLAC would be too large, and then its rate may be higher than asked for, as Opus knows only some. max_bytes
 * 0: no limit; sample_rate 0: the recording's own.
 *
 * split() writes FLAC. Each part holds at least a second and twice the overlap, or it is media.too_large;
 * what `into` holds after a failure means nothing. max_ms 0: no limit. */
struct preparer *worker_preparer_new(struct loop *loop, const struct worker_preparer_settings *settings,
                                     struct error *err);
/* Everything at work was cancelled before. NULL is fine. */
void worker_preparer_free(struct preparer *preparer);
