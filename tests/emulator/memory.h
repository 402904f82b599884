/* Allocation that ends the program when memory is short: half an emulator would only make tests lie. */
#pragma once

#include <stddef.h>

void *xcalloc(size_t count, size_t size);
/* Makes room for `count` elements of `size`; `*capacity` counts elements. */
void *xgrow(void *array, size_t count, size_t *capacity, size_t size);
char *xstrdup(const char *text); /* NULL gives NULL */
char *xstrndup(const char *text, size_t len);
char *xprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
