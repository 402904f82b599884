/* The one place where a struct error is filled. */
#include "backend/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *err, enum error_class class, int sys, const char *code, const char *format, ...)
{
    int rc = sys > 0 ? -sys : -EIO;
    if (!err)
        return rc;
    err->class = class;
    err->sys = sys > 0 ? sys : 0;
    snprintf(err->code, sizeof err->code, "%s", code);
    va_list ap;
    va_start(ap, format);
    vsnprintf(err->detail, sizeof err->detail, format, ap);
    va_end(ap);
    return rc;
}
