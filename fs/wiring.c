/* What the parts of the daemon tell and ask each other, through the hooks they were given. Each hook does a word or two: it
 * posts to the loop, or hands on to the part that knows. */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "cache/search.h"
#include "fs/control.h"
#include "fs/holding.h"
#include "fs/hooks/hooks.h"
#include "fs/inbox/folders.h"
#include "fs/inbox/intake.h"
#include "fs/inbox/status.h"
#include "fs/jobs/runner.h"
#include "fs/library.h"
#include "fs/log.h"
#include "fs/mount/mount.h"
#include "fs/renderer.h"
#include "fs/rerun.h"
#include "fs/service_private.h"
#include "fs/view_text.h"

/* ---- from any thread to the loop, each at most once at a time ---- */

static void do_work(void *arg)
{
    struct service *s = arg;
    atomic_store(&s->work_posted, false);
    if (s->runner)
        runner_look(s->runner);
}

void service_on_work(void *context)
{
    struct service *s = context;
    if (!atomic_exchange(&s->work_posted, true) && loop_post(s->loop, do_work, s) != 0)
        atomic_store(&s->work_posted, false);
}

/* What folders allow has changed: who waits asks again. */
static void do_settings(void *arg)
{
    struct service *s = arg;
    atomic_store(&s->settings_posted, false);
    spending_clear(&s->paying.spending);
    holding_changed(s->holding);
    if (library_forget_holds(s->library) && s->runner)
        runner_look(s->runner);
}

void service_on_settings(void *context)
{
    struct service *s = context;
    if (!atomic_exchange(&s->settings_posted, true) && loop_post(s->loop, do_settings, s) != 0)
        atomic_store(&s->settings_posted, false);
}

static void do_change(void *arg)
{
    struct service *s = arg;
    atomic_store(&s->change_posted, false);
    holding_changed(s->holding);
    if (s->control)
        control_changed(s->control);
}

void service_on_change(void *context)
{
    struct service *s = context;
    if (!atomic_exchange(&s->change_posted, true) && loop_post(s->loop, do_change, s) != 0)
        atomic_store(&s->change_posted, false);
}

void service_on_render(void *context)
{
    struct service *s = context;
    renderer_look(s->renderer);
}

void service_on_confirm(void *context, const char *path)
{
    struct service *s = context;
    holding_deleted(s->holding, path);
}

bool service_withholds(void *context, const struct job_start *job, const struct backend_charge *most, struct error *why)
{
    struct service *s = context;
    return holding_withholds(s->holding, job, most, why);
}

int service_confirm(void *context, const char *path, int *count)
{
    struct service *s = context;
    return holding_confirm(s->holding, path, count);
}

void service_on_invalidate(void *context, struct file_id directory, const char *name)
{
    struct service *s = context;
    if (s->mount)
        mount_invalidate(s->mount, directory, name);
}

void service_on_result(void *context, const struct digest *job, bool shown)
{
    struct service *s = context;
    if (shown)
        search_add(s->search, job);
    else
        search_drop(s->search, job);
}

void service_on_reread(void *context, struct file_id id)
{
    struct service *s = context;
    intake_reread(s->intake, id);
}

int service_text_of(void *context, const char *path, struct buffer *out)
{
    struct service *s = context;
    return view_text(s->library, s->layout.inbox_fd, path, VIEW_TXT, out);
}

/* Nothing about it may be told to another machine. */
bool service_stays_here(void *context, const char *path)
{
    struct service *s = context;
    const char *slash = strrchr(path, '/');
    cleanup_free char *folder = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
    if (!folder)
        return true;
    const struct folder_settings *settings = folders_get(s->folders, folder);
    bool apart = settings->apart || settings->unsure;
    folders_put(settings);
    return apart || library_is_apart(s->library, path);
}

void service_on_told(void *context, const struct item *item)
{
    struct service *s = context;
    /* An index that begins anew does not know what was told: what was done before has been. */
    if (s->index_is_new && item->finished_ms <= s->reporter.started_ms)
        return;
    hooks_tell(s->hooks, item->state == ITEM_FAILED ? HOOK_FAILED : HOOK_DONE, item);
}

void service_on_index_trouble(void *context, const struct error *trouble)
{
    (void)context;
    if (trouble)
        log_line(LOG_WARNING, "%s; trying again", trouble->detail);
    else
        log_line(LOG_NOTICE, "the job index can be written again");
}

cJSON *service_rerun(void *context, const char *path, const cJSON *request, struct error *err)
{
    struct service *s = context;
    return rerun(&(struct rerun_config){.library = s->library,
                                        .results = s->results,
                                        .folders = s->folders,
                                        .chooser = {.backends = s->recognisers.backends,
                                                    .backend_count = s->recognisers.count,
                                                    .usual = s->recognisers.chosen}},
                 path, request, err);
}

struct explaining *service_explain(void *context, const char *path, explained *answer, void *to,
                                  struct error *err)
{
    struct service *s = context;
    return explain_start(s->explainer, path, answer, to, err);
}
