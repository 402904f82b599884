/* The daemon as its two files see it: service.c puts it together and takes it apart, wiring.c joins its parts while it runs. */
#pragma once

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fs/explain.h"
#include "fs/inbox/file_id.h"
#include "fs/layout.h"
#include "fs/paying.h"
#include "fs/recognisers.h"
#include "fs/records.h"
#include "fs/reporter.h"

struct apply;
struct backend_charge;
struct buffer;
struct control;
struct digest;
struct folders;
struct holding;
struct hooks;
struct index;
struct intake;
struct item;
struct job_start;
struct ledger;
struct library;
struct loop;
struct mount;
struct pool;
struct renderer;
struct results;
struct runner;
struct search;
struct usage;
struct views;
struct watch;
struct wording;

struct service {
    struct layout layout;
    char *mountpoint;
    struct wording *wording; /* of what people read in the folder; NULL: English */
    struct index *index;
    struct results *results;
    struct views *views;
    struct library *library;
    struct ledger *ledger;
    struct loop *loop;
    pthread_t loop_thread;
    bool loop_runs;
    struct pool *pool;
    struct usage *usage;
    struct search *search;
    struct records records;
    struct reporter reporter;
    struct recognisers recognisers;
    struct paying paying;
    struct holding *holding; /* what waits until somebody confirms it */
    struct explainer *explainer;
    struct folders *folders; /* what holds in each */
    struct apply *apply;
    struct intake *intake;
    struct watch *watch; /* NULL: none */
    struct runner *runner;
    struct control *control;
    struct hooks *hooks; /* NULL: none is set */
    bool index_is_new;   /* at the start no recording was known */
    struct mount *mount;
    struct renderer *renderer;
    atomic_bool work_posted, change_posted, settings_posted;
    void (*ready)(void *context);
    void *context;
};

/* ---- Any thread: what parts tell each other. `context` is the struct service. ---- */

/* Posted to the loop, each at most once at a time. */
void service_on_work(void *context);
void service_on_settings(void *context);
void service_on_change(void *context);
void service_on_render(void *context);
void service_on_invalidate(void *context, struct file_id directory, const char *name);
void service_on_result(void *context, const struct digest *job, bool shown);
void service_on_reread(void *context, struct file_id id);
void service_on_told(void *context, const struct item *item);
void service_on_confirm(void *context, const char *path);
void service_on_index_trouble(void *context, const struct error *trouble);

/* ---- On the loop, or where the part that asks says ---- */

/* The text view of a recording: 0 or negative errno. */
int service_text_of(void *context, const char *path, struct buffer *out);
/* Nothing about the recording may be told to another machine. */
bool service_stays_here(void *context, const char *path);
bool service_withholds(void *context, const struct job_start *job, const struct backend_charge *most, struct error *why);
int service_confirm(void *context, const char *path, int *count);
cJSON *service_rerun(void *context, const char *path, const cJSON *request, struct error *err);
struct explaining *service_explain(void *context, const char *path, explained *answer, void *to, struct error *err);
