/* From the settings of a folder to a backend and the frozen settings of a job. */
#include "fs/inbox/choose.h"

#include <errno.h>
#include <string.h>

#include "backend/backend.h"
#include "fs/inbox/folder.h"

static const char *const names[] = {[BACKEND_AUTO] = "auto",
                                    [BACKEND_LOCAL] = "local",
                                    [BACKEND_DASHSCOPE] = "dashscope",
                                    [BACKEND_OPENAI] = "openai"};

static struct backend *by_name(const struct chooser *c, const char *name)
{
    for (int i = 0; i < c->backend_count; i++)
        if (strcmp(c->backends[i]->name, name) == 0)
            return c->backends[i];
    return NULL;
}

static enum backend_choice choice_of(const struct backend *backend)
{
    for (int i = BACKEND_LOCAL; i <= BACKEND_OPENAI; i++)
        if (strcmp(names[i], backend->name) == 0)
            return (enum backend_choice)i;
    return BACKEND_LOCAL;
}

int choose_backend(const struct chooser *c, const struct folder_settings *s, bool here,
                   struct backend **backend, char **frozen, struct error *err)
{
    bool usual = !here && (!s || s->backend == BACKEND_AUTO);
    *backend = usual ? c->usual : by_name(c, here || s->local ? "local" : names[s->backend]);
    *frozen = NULL;
    if (!*backend)
        return error_set(err, ERROR_PERMANENT, ENOENT, "folder.backend",
                         "the settings of the folder say backend = %s, which is not set up",
                         here ? "local" : names[s->backend]);
    if (s && s->unsure && strcmp((*backend)->name, "local") != 0)
        return error_set(err, ERROR_PERMANENT, EINVAL, "folder.mistake",
                         "%s; nothing is sent until it is mended", s->mistake);
    struct backend_overrides wishes = {0};
    if (s && folder_wishes(s, choice_of(*backend), &wishes) != 0)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "config.memory", "out of memory");
    *frozen = (*backend)->operations->freeze(*backend, s ? &wishes : NULL, err);
    override_clear(&wishes);
    return *frozen ? 0 : -EIO;
}
