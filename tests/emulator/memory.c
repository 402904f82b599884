/* Allocation that ends the program when memory is short. */
#include "tests/emulator/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *p)
{
    if (!p) {
        fputs("emulator: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    return check(calloc(count ? count : 1, size));
}

void *xgrow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count <= *capacity)
        return array;
    *capacity = count < 8 ? 8 : count * 2;
    return check(reallocarray(array, *capacity, size));
}

char *xstrdup(const char *text)
{
    return text ? check(strdup(text)) : NULL;
}

char *xstrndup(const char *text, size_t len)
{
    size_t n = strnlen(text, len);
    char *copy = xcalloc(1, n + 1);
    return memcpy(copy, text, n);
}

char *xprintf(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    return check(n < 0 ? NULL : text);
}
