/* The identity of a file in the backing store: what all state about it is keyed by, whatever its names. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct file_id {
    uint64_t dev, ino;
};

static inline bool file_id_equal(struct file_id a, struct file_id b)
{
    return a.dev == b.dev && a.ino == b.ino;
}

/* A well-mixed hash for tables (the finaliser of splitmix64). */
static inline uint64_t file_id_hash(struct file_id id)
{
    uint64_t x = id.ino + 0x9e3779b97f4a7c15u * (id.dev + 1);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
