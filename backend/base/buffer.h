/* A growable byte buffer. An allocation failure is remembered and reported once, by buffer_error(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* always NUL-terminated once anything was added; NULL when empty */
    size_t len; /* without the NUL */
    size_t cap;
    bool failed;
};

void buffer_add(struct buffer *b, const void *data, size_t len);
void buffer_puts(struct buffer *b, const char *text);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_fill(struct buffer *b, char c, size_t count);
/* 0, or -ENOMEM if any addition was lost. */
int buffer_error(const struct buffer *b);
/* Drops the first `len` bytes (a consumed line). */
void buffer_consume(struct buffer *b, size_t len);
/* Hands the data (never NULL unless out of memory) to the caller, who frees it; the buffer is empty again. */
char *buffer_take(struct buffer *b);
void buffer_clear(struct buffer *b);

#define cleanup_buffer __attribute__((cleanup(buffer_clear)))
