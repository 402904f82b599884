/* Keys: read from a file or the environment at the moment they are needed, so that a key that was put right
 * is found without a restart, and wiped after use. They never appear in a message,
 * not even one that stands where the path of its file belongs. */
#pragma once

#include "backend/base/error.h"

struct secret_source {
    const char *file;             /* path, or NULL */
    const char *environment;      /* name of a variable that holds the key itself, or NULL */
    const char *environment_file; /* name of a variable that holds the path of a file, or NULL */
};

enum { SECRET_LINES = 4 };

/* The first lines with something in them, trimmed; at most SECRET_LINES. */
struct secret {
    char *line[SECRET_LINES];
    int count;
};

/* The first source that is set: file, variable, file named by a variable. 0, or a negative errno and *err
 * (class ERROR_PERSON, the given code) when there is none, it cannot be read, or it holds fewer than `lines`
 * lines. */
int secret_read(const struct secret_source *source, int lines, const char *code, struct secret *out,
                struct error *err);
void secret_clear(struct secret *secret);
#define cleanup_secret __attribute__((cleanup(secret_clear)))
/* Wipes and frees; NULL is fine. */
void secret_free(char *text);
