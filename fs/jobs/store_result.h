/* A transcript becomes a result in the cache: its canonical form and the provider's bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "backend/base/error.h"
#include "cache/digest.h"

struct results;
struct transcript;

struct result_input {
    struct digest key;
    const struct transcript *transcript;
    const void *raw; /* may be NULL */
    size_t raw_length;
};

/* Durable when it returns 0; otherwise a negative errno and *err (code "io.space" or "io.state"). May take as
 * long as the disk. */
int store_result(struct results *results, const struct result_input *input, struct error *err);
