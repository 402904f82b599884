/* From the command line to an emulator that is ready to listen. */
#include "tests/emulator/setup.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/state.h"

static const char usage[] =
    "usage: emulator --state DIR [options]\n"
    "\n"
    "  --port N               on 127.0.0.1; 0 (the default): any; printed as the first line\n"
    "  --state DIR            where it keeps what outlives a restart\n"
    "  --worker PROGRAM       the recogniser's worker; without one there are only scripted results\n"
    "  --vosk DIR             with lib/libvosk.so and model (../vosk beside the worker; else PocketSphinx)\n"
    "  --recognitions N       workers at once (2)\n"
    "  --key KEY[@REGION,…]   an API key, in all regions unless said (sk-test); may be repeated\n"
    "  --oss-key ID:SECRET    a key to object storage (LTAItest:oss-test-secret); may be repeated\n"
    "  --bucket NAME[:public] a bucket of the tests (scribefs-test); may be repeated\n"
    "  --samples DIR          served as the public bucket \"dashscope\"\n"
    "  --region REGION        of 127.0.0.1 (cn-beijing)\n"
    "  --set NAME=VALUE       a switch; may be repeated\n"
    "  --tls-certificate FILE PEM; HTTPS on a second port, printed behind the first\n"
    "  --tls-key FILE         PEM\n"
    "  --tls-port N           0 (the default): any\n"
    "  --tls-priorities TEXT  of GnuTLS: which versions and ciphers it speaks\n"
    "  --ca-file FILE         PEM, whom it trusts when it fetches recordings\n";

enum { RECOGNITIONS = 2 };

static bool set_switch(struct config *c, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        return false;
    cleanup_free char *name = xstrndup(text, (size_t)(equals - text));
    char *end;
    double number = strtod(equals + 1, &end);
    cleanup_json cJSON *object = cJSON_CreateObject(), *quoted = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, name, number);
    cJSON_AddStringToObject(quoted, name, equals + 1);
    return (equals[1] && !*end && !config_set(c, object)) || !config_set(c, quoted);
}

static bool add_oss_key(struct accounts *a, const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon)
        return false;
    cleanup_free char *id = xstrndup(text, (size_t)(colon - text));
    accounts_add_oss(a, id, colon + 1, NULL, NULL, 0);
    return true;
}

static void add_bucket(struct store *s, const char *text)
{
    size_t len = strcspn(text, ":");
    cleanup_free char *name = xstrndup(text, len);
    store_add_bucket(s, name, default_account, !strcmp(text + len, ":public"));
}

static void add_sample(struct emulator *emu, struct bucket *b, int dir, const char *name, const char *key)
{
    cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    struct blob blob;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
        return;
    void *data = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (data == MAP_FAILED)
        return;
    if (!blob_write(&emu->store, data ? data : "", (size_t)st.st_size, &blob))
        bucket_put(&emu->store, b, key, &blob, clock_now(&emu->clock));
    if (data)
        munmap(data, (size_t)st.st_size);
}

static void add_samples(struct emulator *emu, struct bucket *b, const char *path, const char *prefix)
{
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        if (*e->d_name == '.')
            continue;
        cleanup_free char *key = xprintf("%s%s", prefix, e->d_name),
                          *below = xprintf("%s/%s", path, e->d_name);
        cleanup_free char *deeper = xprintf("%s/", key);
        struct stat st;
        if (!stat(below, &st) && S_ISDIR(st.st_mode))
            add_samples(emu, b, below, deeper);
        else
            add_sample(emu, b, dirfd(dir), e->d_name, key);
    }
    if (dir)
        closedir(dir);
}

static char *find_vosk(const char *worker)
{
    const char *slash = strrchr(worker, '/');
    char *directory = xprintf("%.*s/../vosk", slash ? (int)(slash - worker) : 1, slash ? worker : ".");
    cleanup_free char *library = xprintf("%s/lib/libvosk.so", directory);
    if (!access(library, R_OK))
        return directory;
    free(directory);
    return NULL;
}

static void init(struct emulator *emu)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&emu->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&emu->lock, NULL);
    clock_init(&emu->clock);
    config_defaults(&emu->config);
    record_init(&emu->record);
    faults_init(&emu->faults);
    scripts_init(&emu->scripts);
    hear_init(&emu->heard);
    emu->options.recognitions = RECOGNITIONS;
}

static bool whole(const char *text, int max, int *out)
{
    char *end;
    long n = strtol(text, &end, 10);
    *out = (int)n;
    return *text && !*end && n >= 0 && n <= max;
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = xstrdup(value);
}

/* What the command line says beyond single values; applied once the state is there. */
struct wishes {
    struct pairs keys, oss, buckets;
    const char *samples;
};

static int parse(struct emulator *emu, int argc, char **argv, struct wishes *w)
{
    enum {
        PORT = 256,
        STATE,
        WORKER,
        VOSK,
        RECOGNISE,
        KEY,
        OSS,
        BUCKET,
        SAMPLES,
        REGION,
        SET,
        CERTIFICATE,
        TLS_KEY,
        TLS_PORT,
        PRIORITIES,
        CA_FILE,
        HELP
    };
    static const struct option table[] = {
        {"port", required_argument, NULL, PORT},
        {"state", required_argument, NULL, STATE},
        {"worker", required_argument, NULL, WORKER},
        {"vosk", required_argument, NULL, VOSK},
        {"recognitions", required_argument, NULL, RECOGNISE},
        {"key", required_argument, NULL, KEY},
        {"oss-key", required_argument, NULL, OSS},
        {"bucket", required_argument, NULL, BUCKET},
        {"samples", required_argument, NULL, SAMPLES},
        {"region", required_argument, NULL, REGION},
        {"set", required_argument, NULL, SET},
        {"tls-certificate", required_argument, NULL, CERTIFICATE},
        {"tls-key", required_argument, NULL, TLS_KEY},
        {"tls-port", required_argument, NULL, TLS_PORT},
        {"tls-priorities", required_argument, NULL, PRIORITIES},
        {"ca-file", required_argument, NULL, CA_FILE},
        {"help", no_argument, NULL, HELP},
        {0},
    };
    struct options *o = &emu->options;
    bool good = true;
    int region;
    for (int c; good && (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        switch (c) {
        case PORT:
            good = whole(optarg, 65535, &o->port);
            break;
        case STATE:
            set_text(&o->state, optarg);
            break;
        case WORKER:
            set_text(&o->worker, optarg);
            break;
        case VOSK:
            set_text(&o->vosk, optarg);
            break;
        case RECOGNISE:
            good = whole(optarg, HEAR_CHILDREN / 2, &o->recognitions) && o->recognitions;
            break;
        case KEY:
            pairs_add(&w->keys, optarg, "");
            break;
        case OSS:
            pairs_add(&w->oss, optarg, "");
            break;
        case BUCKET:
            pairs_add(&w->buckets, optarg, "");
            break;
        case SAMPLES:
            w->samples = optarg;
            break;
        case REGION:
            region = region_find(optarg);
            good = region >= 0;
            o->region = (enum region)(good ? region : 0);
            break;
        case SET:
            good = set_switch(&emu->config, optarg);
            break;
        case CERTIFICATE:
            set_text(&o->tls_certificate, optarg);
            break;
        case TLS_KEY:
            set_text(&o->tls_key, optarg);
            break;
        case TLS_PORT:
            good = whole(optarg, 65535, &o->tls_port);
            break;
        case PRIORITIES:
            set_text(&o->tls_priorities, optarg);
            break;
        case CA_FILE:
            set_text(&o->ca_file, optarg);
            break;
        case HELP:
            fputs(usage, stdout);
            return -1;
        default:
            good = false;
        }
    }
    if (good && optind == argc && o->state)
        return 0;
    fputs(usage, stderr);
    return 2;
}

/* The service's own key, made at the first start. */
static void add_service_key(struct accounts *a)
{
    for (size_t i = 0; i < a->oss_count; i++)
        if (!strcmp(a->oss[i].account, service_account))
            return;
    char id[24], secret[41];
    memcpy(id, "LTAI5t", 6);
    text_hex_id(id + 6, 16);
    text_hex_id(secret, 40);
    accounts_add_oss(a, id, secret, NULL, service_account, 0);
}

static int fulfil(struct emulator *emu, const struct wishes *w)
{
    for (size_t i = 0; i < w->keys.count; i++)
        if (!accounts_add_key(&emu->accounts, w->keys.at[i].name, NULL, 0)) {
            fprintf(stderr, "emulator: unknown region: %s\n", w->keys.at[i].name);
            return 2;
        }
    if (!w->keys.count)
        accounts_add_key(&emu->accounts, "sk-test", NULL, 0);
    for (size_t i = 0; i < w->oss.count; i++)
        if (!add_oss_key(&emu->accounts, w->oss.at[i].name)) {
            fprintf(stderr, "emulator: not ID:SECRET: %s\n", w->oss.at[i].name);
            return 2;
        }
    if (!w->oss.count)
        add_oss_key(&emu->accounts, "LTAItest:oss-test-secret");
    for (size_t i = 0; i < w->buckets.count; i++)
        add_bucket(&emu->store, w->buckets.at[i].name);
    if (!w->buckets.count)
        add_bucket(&emu->store, "scribefs-test");
    if (w->samples)
        add_samples(emu, store_add_bucket(&emu->store, "dashscope", service_account, true), w->samples, "");
    return 0;
}

static int prepare(struct emulator *emu, const struct wishes *w)
{
    struct options *o = &emu->options;
    if (mkdir(o->state, 0700) && errno != EEXIST) {
        fprintf(stderr, "emulator: %s: %s\n", o->state, strerror(errno));
        return 1;
    }
    int rc = store_init(&emu->store, o->state);
    if (!rc) {
        state_load(emu);
        store_add_bucket(&emu->store, result_bucket, service_account, false);
        store_add_bucket(&emu->store, upload_bucket, service_account, false);
        add_service_key(&emu->accounts);
        rc = callbacks_init(emu);
    }
    if (rc) {
        fprintf(stderr, "emulator: %s: %s\n", o->state, strerror(-rc));
        return 1;
    }
    if (o->worker && !o->vosk)
        o->vosk = find_vosk(o->worker);
    emu->start_config = emu->config;
    return fulfil(emu, w);
}

int setup(struct emulator *emu, int argc, char **argv)
{
    struct wishes w = {0};
    init(emu);
    int rc = parse(emu, argc, argv, &w);
    if (!rc)
        rc = prepare(emu, &w);
    pairs_clear(&w.keys);
    pairs_clear(&w.oss);
    pairs_clear(&w.buckets);
    return rc;
}

void setup_free(struct emulator *emu)
{
    tasks_free(&emu->tasks);
    callbacks_free(&emu->callbacks);
    hear_free(&emu->heard);
    vocabularies_free(&emu->vocabularies);
    uploads_free(&emu->uploads);
    store_free(&emu->store);
    limits_free(&emu->limits);
    accounts_free(&emu->accounts);
    scripts_free(&emu->scripts);
    faults_free(&emu->faults);
    record_free(&emu->record);
    pthread_cond_destroy(&emu->changed);
    pthread_mutex_destroy(&emu->lock);
    free(emu->options.state);
    free(emu->options.worker);
    free(emu->options.vosk);
    free(emu->options.tls_certificate);
    free(emu->options.tls_key);
    free(emu->options.tls_priorities);
    free(emu->options.ca_file);
}
