/* The built-in recogniser always, and what the settings choose beside it. */
#include "fs/recognisers.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "backend/dashscope/dashscope.h"
#include "backend/http.h"
#include "backend/local/local.h"
#include "backend/local/preparer.h"
#include "backend/openai/openai.h"
#include "backend/price.h"
#include "fs/log.h"
#include "fs/network.h"
#include "fs/options.h"
#include "fs/program.h"

/* ---- making ---- */

static bool cloud_has_key(const struct options *o)
{
    return o->cloud.key_file || getenv("DASHSCOPE_API_KEY") || getenv("DASHSCOPE_API_KEY_FILE_PATH");
}

/* A core of the daemon could hold the key. The limit alone does not keep it from a program that the kernel
 * hands cores to. Not being dumpable, nobody of the same user can read its memory either; who debugs it wants
 * to. */
static void forbid_core_dumps(bool debug)
{
    if (debug)
        return;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* What every backend needs that sends recordings elsewhere. */
static int make_network(struct recognisers *r, const char *worker, struct error *err)
{
    const struct options *o = r->options;
    if (r->http)
        return 0;
    forbid_core_dumps(o->debug); /* before a key is read */
    r->preparer =
        worker_preparer_new(r->loop,
                            &(struct worker_preparer_settings){
                                .worker = worker, .hang_seconds = o->hang_seconds, .memory_mb = o->memory_mb},
                            err);
    if (!r->preparer)
        return -EIO;
    struct http_config network = network_config(o);
    int rc = http_new(r->loop, &network, &r->http);
    if (rc == -ENOMEM)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "start.threads", "%s", strerror(ENOMEM));
    if (rc != 0)
        return error_set(err, ERROR_PERSON, -rc, "config.cloud", "%s: %s", network.ca_file,
                         rc == -EINVAL ? "there is no certificate in it" : strerror(-rc));
    return 0;
}

static int make_openai(struct recognisers *r, const char *worker, struct error *err)
{
    const struct options *o = r->options;
    int rc = make_network(r, worker, err);
    if (rc != 0)
        return rc;
    struct openai_settings settings = o->server;
    settings.preparer = r->preparer;
    if (settings.price_per_minute > 0) {
        r->paid = true;
        snprintf(r->currency, sizeof r->currency, "%s", settings.currency ? settings.currency : "USD");
        r->micro_per_second = (int64_t)(settings.price_per_minute * 1e6 / 60 + 0.5);
    }
    struct backend *server = openai_backend_new(r->loop, r->http, &settings, err);
    if (!server) {
        snprintf(err->code, sizeof err->code, "config.cloud");
        return -EINVAL;
    }
    r->backends[r->count++] = server;
    return 0;
}

static int make_cloud(struct recognisers *r, const char *worker, struct error *err)
{
    const struct options *o = r->options;
    int rc = make_network(r, worker, err);
    if (rc != 0)
        return rc;
    struct dashscope_settings settings = o->cloud;
    settings.preparer = r->preparer;
    r->paid = true;
    snprintf(r->currency, sizeof r->currency, "%s", catalogue_region(settings.region)->currency);
    r->micro_per_second = price_dearest(settings.region);
    if (settings.publish.kind == PUBLISH_NONE)
        settings.publish.kind = PUBLISH_TEMPORARY;
    struct backend *cloud = dashscope_backend_new(r->loop, r->http, &settings, err);
    if (!cloud) {
        /* A setting that makes no sense, whatever the part that found it calls it. */
        snprintf(err->code, sizeof err->code, "config.cloud");
        return -EINVAL;
    }
    if (settings.wishes.context && !dashscope_context_fits(settings.wishes.context))
        log_line(LOG_WARNING, "the context text is longer than the service takes; its end is cut off");
    r->backends[r->count++] = cloud;
    return 0;
}

static enum backend_choice usual_backend(const struct options *o)
{
    if (o->backend != BACKEND_AUTO)
        return o->backend;
    return cloud_has_key(o) ? BACKEND_DASHSCOPE : o->server.wishes.url ? BACKEND_OPENAI : BACKEND_LOCAL;
}

static const char *why_chosen(const struct options *o, enum backend_choice choice)
{
    if (o->backend == BACKEND_LOCAL)
        return "the settings say backend = local";
    if (o->backend == BACKEND_DASHSCOPE)
        return "the settings say backend = dashscope";
    if (o->backend == BACKEND_OPENAI)
        return "the settings say backend = openai";
    if (choice == BACKEND_OPENAI)
        return "the address of a server is set up";
    return choice == BACKEND_DASHSCOPE ? "a key for the service is set up"
                                       : "no key for a service in the cloud is set up";
}

static int make_all(struct recognisers *r, struct error *err)
{
    const struct options *o = r->options;
    cleanup_free char *worker = program_part("libexec/worker", "../libexec/scribefs/worker");
    cleanup_free char *vosk = program_part("vosk/lib/libvosk.so", "../lib/scribefs/vosk/lib/libvosk.so");
    cleanup_free char *model = program_part("vosk/model", "../lib/scribefs/vosk/model");
    if (!o->worker && !worker)
        return error_set(err, ERROR_PERSON, ENOENT, "config.worker",
                         "the worker program is not where scribefs is installed");
    struct local_settings settings = {.engine = o->engine,
                                      .worker = o->worker ? o->worker : worker,
                                      .vosk_library = o->vosk ? o->vosk : vosk,
                                      .model = o->model ? o->model : model,
                                      .sphinx_model = o->sphinx_model,
                                      .language = o->language,
                                      .hang_seconds = o->hang_seconds,
                                      .memory_mb = o->memory_mb};
    struct backend *local = local_backend_new(r->loop, &settings, err);
    if (!local)
        return -EIO;
    r->backends[r->count++] = r->chosen = local;
    enum backend_choice choice = usual_backend(o);
    /* Folders may ask for any that is set up; not where the administrator said that nothing leaves the machine. */
    bool elsewhere = o->backend != BACKEND_LOCAL;
    int rc = 0;
    if (choice == BACKEND_DASHSCOPE || (elsewhere && cloud_has_key(o)))
        rc = make_cloud(r, settings.worker, err);
    if (rc == 0 && choice == BACKEND_DASHSCOPE)
        r->chosen = r->backends[r->count - 1];
    if (rc == 0 && (choice == BACKEND_OPENAI || (elsewhere && o->server.wishes.url)))
        rc = make_openai(r, settings.worker, err);
    if (rc == 0 && choice == BACKEND_OPENAI)
        r->chosen = r->backends[r->count - 1];
    if (rc != 0)
        return rc;
    r->why_chosen = why_chosen(o, choice);
    if (r->chosen->operations->describe(r->chosen, r->line, sizeof r->line) != 0)
        log_line(LOG_WARNING, "%s", r->line);
    else
        log_line(LOG_INFO, "transcribed by: %s", r->line);
    return 0;
}

/* A limit that cannot be kept is none. */
static int check_limits(const struct recognisers *r, struct error *err)
{
    const struct limits *l = &r->options->limits;
    if ((l->cost_per_day <= 0 && l->cost_per_month <= 0) || r->count < 2 || r->currency[0])
        return 0;
    return error_set(err, ERROR_PERSON, EINVAL, "config.cloud",
                     "cost_per_day and cost_per_month need the price: price_per_minute in [openai]");
}

int recognisers_new(struct loop *loop, const struct options *options, struct recognisers *r,
                    struct error *err)
{
    *r = (struct recognisers){.loop = loop, .options = options};
    int rc = make_all(r, err);
    if (rc == 0)
        rc = check_limits(r, err);
    r->options = NULL;
    return rc;
}

void recognisers_free(struct recognisers *r)
{
    while (r->count > 0) {
        struct backend *backend = r->backends[--r->count];
        backend->operations->free(backend);
    }
    http_free(r->http);
    worker_preparer_free(r->preparer);
}
