/* Explanations: made empty, filled line by line. */
#include "backend/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct explanation *explanation_new(void)
{
    struct explanation *e = calloc(1, sizeof *e);
    if (e)
        e->duration_ms = e->bytes = e->cost_micro = -1;
    return e;
}

static void clear_lines(struct explained_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->line[i]);
    free(lines->line);
}

void explanation_free(struct explanation *e)
{
    if (!e)
        return;
    clear_lines(&e->steps);
    clear_lines(&e->unmet);
    free(e->models);
    free(e);
}

/* False when out of memory. */
static bool __attribute__((format(printf, 2, 0)))
add_line(struct explained_lines *lines, const char *format, va_list ap)
{
    char **more = realloc(lines->line, (lines->count + 1) * sizeof *more);
    if (!more)
        return false;
    lines->line = more;
    if (vasprintf(&more[lines->count], format, ap) < 0)
        return false;
    lines->count++;
    return true;
}

void explanation_step(struct explanation *e, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    e->failed |= !add_line(&e->steps, format, ap);
    va_end(ap);
}

void explanation_unmet(struct explanation *e, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    e->failed |= !add_line(&e->unmet, format, ap);
    va_end(ap);
}

struct explained_model *explanation_model(struct explanation *e, const char *name)
{
    struct explained_model *more = realloc(e->models, (e->model_count + 1) * sizeof *more);
    if (!more) {
        e->failed = true;
        return NULL;
    }
    e->models = more;
    struct explained_model *m = &more[e->model_count++];
    *m = (struct explained_model){.verdict = VERDICT_REFUSED};
    snprintf(m->name, sizeof m->name, "%s", name);
    return m;
}
