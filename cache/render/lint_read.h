/* A subtitle file read leniently, and what is wrong with its form. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/base/buffer.h"

struct lint;

struct lint_line {
    size_t at, len; /* in the text: as people see it, without markup; an empty line is none */
};

struct lint_cue {
    int64_t begin_ms, end_ms;
    size_t first_line, line_count;
    bool voices_in_line; /* WebVTT: another voice begins inside a line */
};

struct lint_file {
    struct lint_cue *cues;
    size_t count, capacity;
    struct lint_line *lines;
    size_t line_count, line_capacity;
    struct buffer text;
};

/* Adds a problem; the value is formatted, the limit may be NULL. */
int lint_add(struct lint *lint, size_t cue, const char *rule, bool hard, const char *limit,
             const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Fills *out (zeroed), and adds problems of form to the lint. 0 or -ENOMEM; clear it in any case. */
int lint_read(const char *file, size_t len, struct lint *lint, struct lint_file *out);
void lint_file_clear(struct lint_file *file);
