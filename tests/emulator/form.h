/* A multipart/form-data body, read strictly. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/emulator/text.h"

struct form {
    struct pairs fields; /* before the file */
    size_t fields_after; /* how many followed it: storage ignores them */
    size_t files;
    const char *file; /* within the body; of the first file */
    size_t file_len;
    char *file_name, *file_type; /* NULL when not said */
};

/* False when the body is not well-formed multipart/form-data with the boundary of `content_type`. */
bool form_parse(struct form *f, const char *content_type, const char *body, size_t len);
void form_free(struct form *f);
