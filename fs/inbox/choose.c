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

/* A backend that was asked for by name. */
static int asked_for(const struct chooser *c, bool here, const char *name, struct backend **backend, struct error *err)
{
    *backend = by_name(c, name);
    if (!*backend)
        return error_set(err, ERROR_PERSON, ENOENT, "folder.backend", "no backend called %s is set up", name);
    if (here && strcmp(name, "local") != 0)
        return error_set(err, ERROR_PERSON, EPERM, "folder.local",
                         "its folder, or a folder with a copy of it, says that it stays on this machine");
    return 0;
}

int choose_backend(const struct chooser *c, const struct folder_settings *s, bool here,
                   const struct chosen_over *over, struct backend **backend, char **frozen, struct error *err)
{
    bool usual = !here && (!s || s->backend == BACKEND_AUTO);
    *backend = usual ? c->usual : by_name(c, here || s->local ? "local" : names[s->backend]);
    *frozen = NULL;
    if (over && over->backend) {
        int rc = asked_for(c, here || (s && s->local), over->backend, backend, err);
        if (rc != 0)
            return rc;
    }
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
    if (over && over->wishes && override_merge(&wishes, over->wishes) != 0) {
        override_clear(&wishes);
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "config.memory", "out of memory");
    }
    *frozen = (*backend)->operations->freeze(*backend, s || over ? &wishes : NULL, err);
    override_clear(&wishes);
    return *frozen ? 0 : -EIO;
}
