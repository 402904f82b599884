/* What waits until somebody confirms it. Everything but holding_deleted() runs on the loop. */
#include "fs/holding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "backend/backend.h"
#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "cache/index.h"
#include "fs/inbox/confirm.h"
#include "fs/inbox/folders.h"
#include "fs/inbox/store.h"
#include "fs/jobs/drops.h"
#include "fs/library.h"

#define GRACE_MS 3000 /* who deletes a folder comes from its text to its recordings in that time */
#define SOON_MS 500   /* changes come in crowds */

struct holding {
    struct holding_config config;
    struct drops *drops;
    struct loop_timer *timer;
    bool soon;  /* the timer is set for a change */
    bool noted; /* there are texts in folders */
};

static int64_t wall_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- what drops ask and tell ---- */

static char *folder_of(void *context, const struct digest *job)
{
    const struct holding *h = context;
    return library_job_folder(h->config.library, job);
}

static int64_t most_ms(void *context, const char *folder)
{
    const struct holding *h = context;
    const struct folder_settings *settings = folders_get(h->config.folders, folder);
    int64_t minutes = settings->limits.hold_minutes;
    folders_put(settings);
    return minutes * 60000;
}

static bool is_asked(void *context, const struct digest *job, const struct digest *content)
{
    const struct holding *h = context;
    return drops_knows(h->drops, job, content);
}

static bool more_comes(void *context, const char *top)
{
    struct holding *h = context;
    return library_more_comes(h->config.library, top, is_asked, h);
}

static void on_go(void *context, const struct digest *job, const struct digest *content)
{
    struct holding *h = context;
    index_put_confirmed(h->config.index, content);
    library_let_go(h->config.library, job);
}

static void say_why(struct error *why, bool held)
{
    error_set(why, ERROR_PERSON, EDQUOT, held ? HOLD_CONFIRM : HOLD_WINDOW, "%s",
              held ? "what arrived together is more than hold_minutes" : "more may arrive together with it");
}

static void on_hold(void *context, const struct digest *job)
{
    struct holding *h = context;
    struct error why = {0};
    say_why(&why, true);
    library_job_withheld_why(h->config.library, job, &why);
}

/* ---- texts in folders ---- */

struct texts {
    struct holding *h;
    struct folder_note *notes; /* their path and text are malloc'ed */
    size_t count;
};

static bool is_shown(const struct holding *h, const char *path)
{
    const struct folder_settings *settings = folders_get(h->config.folders, path);
    bool shown = !settings->no_status;
    folders_put(settings);
    return shown;
}

static void add_text(void *context, const struct drop_sum *sum)
{
    struct texts *t = context;
    struct store_stat directory;
    cleanup_close int fd = store_open(t->h->config.inbox_fd, sum->top, O_PATH | O_DIRECTORY);
    if (sum->hidden || !is_shown(t->h, sum->top) || fd < 0 || store_stat(fd, "", &directory) != 0)
        return;
    struct confirm_facts facts = {.count = sum->count, .unpriced = sum->unpriced, .ms = sum->ms, .micro = sum->micro};
    memcpy(facts.currency, sum->currency, sizeof facts.currency);
    struct buffer text = {0};
    confirm_text(t->h->config.wording, &facts, &text);
    struct folder_note *more = realloc(t->notes, (t->count + 1) * sizeof *more);
    if (more)
        t->notes = more;
    char *path = more && !buffer_error(&text) ? strdup(sum->top) : NULL;
    if (!path) {
        buffer_clear(&text);
        return;
    }
    t->notes[t->count++] = (struct folder_note){.directory = directory.id,
                                                .path = path,
                                                .file = directory.id,
                                                .file_name = ".",
                                                .mtime = {.tv_sec = (time_t)(sum->since_ms / 1000)},
                                                .text = text.data};
}

static void tell(struct holding *h)
{
    struct texts texts = {.h = h};
    drops_each(h->drops, add_text, &texts);
    if (texts.count || h->noted)
        (void)library_set_notes(h->config.library, VIEW_CONFIRM, "", texts.notes, texts.count);
    h->noted = texts.count > 0;
    for (size_t i = 0; i < texts.count; i++) {
        free((char *)texts.notes[i].path);
        free((char *)texts.notes[i].text);
    }
    free(texts.notes);
}

/* ---- time ---- */

static void look(void *arg)
{
    struct holding *h = arg;
    int64_t now_ms = wall_now_ms();
    h->soon = false;
    int64_t due_ms = drops_look(h->drops, now_ms);
    tell(h);
    if (due_ms && !h->soon)
        loop_timer_after(h->timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

void holding_changed(struct holding *h)
{
    if (h->soon || drops_empty(h->drops))
        return;
    h->soon = true;
    loop_timer_after(h->timer, SOON_MS);
}

/* ---- questions ---- */

bool holding_withholds(struct holding *h, const struct job_start *job, const struct backend_charge *most,
                       struct error *why)
{
    const char *slash = strrchr(job->path, '/');
    cleanup_free char *folder = strndup(job->path, slash ? (size_t)(slash - job->path) : 0);
    struct drop_question q = {.job = job->key,
                              .content = job->digest,
                              .folder = folder,
                              .ms = most->billed_ms,
                              .micro = most->cost_micro,
                              .was_held = job->was_held};
    memcpy(q.currency, most->currency, sizeof q.currency);
    if (folder)
        q.most_ms = most_ms(h, folder);
    enum drop_answer answer = folder ? drops_ask(h->drops, &q, wall_now_ms()) : DROP_HELD;
    if (answer == DROP_GO)
        return false;
    say_why(why, answer == DROP_HELD);
    holding_changed(h);
    return true;
}

static int is_there(const struct holding *h, const char *path)
{
    struct item *items = NULL;
    size_t count = 0;
    int rc = library_items(h->config.library, path, &items, &count);
    items_free(items, count);
    return rc;
}

int holding_confirm(struct holding *h, const char *path, int *count)
{
    cleanup_free struct digest *keys = NULL;
    size_t n;
    int rc = library_withheld_at(h->config.library, path, &keys, &n);
    *count = 0;
    if (rc == 0 && n == 0)
        return is_there(h, path);
    for (size_t i = 0; rc == 0 && i < n; i++)
        *count += drops_confirm(h->drops, &keys[i]);
    if (*count)
        h->config.log(LOG_INFO, "%s: confirmed, %d recordings are sent", *path ? path : "inbox", *count);
    look(h);
    return rc;
}

struct deleted {
    struct holding *h;
    char path[];
};

static void do_deleted(void *arg)
{
    cleanup_free struct deleted *deleted = arg;
    struct holding *h = deleted->h;
    h->config.log(LOG_INFO, "%s: somebody deleted the text that asks for a confirmation",
                  deleted->path[0] ? deleted->path : "inbox");
    drops_deleted(h->drops, deleted->path, wall_now_ms());
    look(h);
}

void holding_deleted(struct holding *h, const char *path)
{
    struct deleted *deleted = malloc(sizeof *deleted + strlen(path) + 1);
    if (!deleted)
        return; /* the text comes back */
    deleted->h = h;
    strcpy(deleted->path, path);
    if (loop_post(h->config.loop, do_deleted, deleted) != 0)
        free(deleted);
}

/* ---- life ---- */

static int remember(void *arg, const struct digest *content)
{
    drops_remember(arg, content);
    return 0;
}

int holding_new(const struct holding_config *config, struct holding **out)
{
    struct holding *h = calloc(1, sizeof *h);
    if (!h)
        return -ENOMEM;
    h->config = *config;
    h->timer = loop_timer(config->loop, look, h);
    int rc = h->timer ? drops_new(&(struct drops_config){.window_ms = config->window_ms,
                                                         .grace_ms = GRACE_MS,
                                                         .folder_of = folder_of,
                                                         .most_ms = most_ms,
                                                         .more_comes = more_comes,
                                                         .go = on_go,
                                                         .hold = on_hold,
                                                         .context = h},
                                  &h->drops)
                      : -ENOMEM;
    if (rc == 0)
        rc = index_load_confirmed(config->index, remember, h->drops);
    if (rc != 0) {
        holding_free(h);
        return rc;
    }
    *out = h;
    return 0;
}

void holding_free(struct holding *h)
{
    if (!h)
        return;
    drops_free(h->drops);
    loop_timer_free(h->timer);
    free(h);
}
