/* Command line and settings. Every setting is one row of a table: its key, its section in the file, its kind
 * and its limits. */
#include "fs/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>

#include "backend/base/cleanup.h"

enum kind { TEXT, PATH, SECRET, INTEGER, LONG, SECONDS, SWITCH, ENGINE, BACKEND, REGION, PUBLISH };

struct setting {
    const char *section, *key;
    enum kind kind;
    size_t offset;
    int64_t least, most; /* INTEGER, LONG, SECONDS */
    const char *help;    /* NULL: told in scribefs.conf(5) only */
};

#define FIELD(name) offsetof(struct options, name)
static const struct setting settings[] = {
    {"inbox", "quiet_ms", INTEGER, FIELD(settle.quiet_ms), 0, 3600000,
     "quiet time after the last writer closed (2000)"},
    {"inbox", "slow_ms", INTEGER, FIELD(settle.slow_ms), 0, 3600000,
     "the same for Samba and reopened files (5000)"},
    {"inbox", "renamed_ms", INTEGER, FIELD(settle.renamed_ms), 0, 3600000,
     "the same after a rename from a temporary name (500)"},
    {"jobs", "workers", INTEGER, FIELD(workers), 1, 64,
     "recordings transcribed at once (one per processor, at most 4)"},
    {"local", "engine", ENGINE, FIELD(engine), 0, 0, "auto, vosk or pocketsphinx (auto)"},
    {"local", "model", PATH, FIELD(model), 0, 0, "directory of a Vosk model, of any language"},
    {"local", "language", TEXT, FIELD(language), 0, 0, "language code of that model (en)"},
    {"local", "vosk", PATH, FIELD(vosk), 0, 0, "path of libvosk.so"},
    {"local", "sphinx_model", PATH, FIELD(sphinx_model), 0, 0, "directory of a PocketSphinx model"},
    {"local", "worker", PATH, FIELD(worker), 0, 0, "path of the worker program"},
    {"local", "hang_seconds", INTEGER, FIELD(hang_seconds), 1, 86400,
     "a worker silent for so long is killed (120)"},
    {"local", "memory_mb", INTEGER, FIELD(memory_mb), 256, 1048576, "address space of a worker, MiB (4096)"},
    {"mount", "announce", SWITCH, FIELD(announce), 0, 0, "raise inotify events for views (yes)"},
    {"mount", "announcer", PATH, FIELD(announcer), 0, 0, "path of the announcer program"},
    {"mount", "attr_timeout", SECONDS, FIELD(attr_timeout), 0, 86400,
     "seconds names and attributes are cached (1)"},
    {"mount", "threads", INTEGER, FIELD(threads), 1, 1024, "filesystem threads (32)"},
    {"jobs", "backend", BACKEND, FIELD(backend), 0, 0,
     "auto, local or dashscope (auto: dashscope if a key is set up)"},

#define CLOUD(name) FIELD(cloud.name)
    {"dashscope", "region", REGION, CLOUD(region), 0, 0, NULL},
    {"dashscope", "host", TEXT, CLOUD(host), 0, 0, NULL},
    {"dashscope", "workspace", TEXT, CLOUD(workspace), 0, 0, NULL},
    {"dashscope", "key_file", PATH, CLOUD(key_file), 0, 0, NULL},
    {"dashscope", "model", TEXT, CLOUD(wishes.model), 0, 0, NULL},
    {"dashscope", "language", TEXT, CLOUD(wishes.language), 0, 0, NULL},
    {"dashscope", "words", SWITCH, CLOUD(wishes.words), 0, 0, NULL},
    {"dashscope", "speakers", SWITCH, CLOUD(wishes.speakers), 0, 0, NULL},
    {"dashscope", "speaker_count", INTEGER, CLOUD(wishes.speaker_count), 2, 100, NULL},
    {"dashscope", "channels", TEXT, CLOUD(wishes.channels), 0, 0, NULL},
    {"dashscope", "emotion", SWITCH, CLOUD(wishes.emotion), 0, 0, NULL},
    {"dashscope", "itn", SWITCH, CLOUD(wishes.itn), 0, 0, NULL},
    {"dashscope", "disfluency_removal", SWITCH, CLOUD(wishes.disfluency), 0, 0, NULL},
    {"dashscope", "timestamp_alignment", SWITCH, CLOUD(wishes.alignment), 0, 0, NULL},
    {"dashscope", "stream", SWITCH, CLOUD(wishes.stream), 0, 0, NULL},
    {"dashscope", "chat", SWITCH, CLOUD(wishes.chat), 0, 0, NULL},
    {"dashscope", "vocabulary_id", TEXT, CLOUD(wishes.vocabulary_id), 0, 0, NULL},
    {"dashscope", "hotwords", TEXT, CLOUD(wishes.hotwords), 0, 0, NULL},
    {"dashscope", "hotwords_file", PATH, FIELD(hotwords_file), 0, 0, NULL},
    {"dashscope", "context_file", PATH, FIELD(context_file), 0, 0, NULL},
    {"dashscope", "special_word_filter", TEXT, CLOUD(wishes.word_filter), 0, 0, NULL},
    {"dashscope", "filter_as_object", SWITCH, CLOUD(wishes.word_filter_object), 0, 0, NULL},
    {"dashscope", "context", TEXT, CLOUD(wishes.context), 0, 0, NULL},
    {"dashscope", "queries_per_second", INTEGER, CLOUD(queries_per_second), 1, 100, NULL},
    {"dashscope", "poll_ms", LONG, CLOUD(poll_ms), 10, 60000, NULL},
    {"dashscope", "result_hosts", TEXT, CLOUD(result_hosts), 0, 0, NULL},
    {"dashscope", "callback_listen", TEXT, CLOUD(callback_listen), 0, 0, NULL},
    {"dashscope", "callback_url", TEXT, CLOUD(callback_url), 0, 0, NULL},
    {"dashscope", "callback_token", SECRET, CLOUD(callback_token), 0, 0, NULL},
    {"dashscope", "callback_certificate_host", TEXT, CLOUD(callback_certificate_host), 0, 0, NULL},

#define PUBLISHED(name) FIELD(cloud.publish.name)
    {"publish", "method", PUBLISH, PUBLISHED(kind), 0, 0, NULL},
    {"publish", "endpoint", TEXT, PUBLISHED(endpoint), 0, 0, NULL},
    {"publish", "bucket", TEXT, PUBLISHED(bucket), 0, 0, NULL},
    {"publish", "region", TEXT, PUBLISHED(region), 0, 0, NULL},
    {"publish", "prefix", TEXT, PUBLISHED(prefix), 0, 0, NULL},
    {"publish", "key_file", PATH, PUBLISHED(key_file), 0, 0, NULL},
    {"publish", "old_signatures", SWITCH, PUBLISHED(old_signatures), 0, 0, NULL},
    {"publish", "keep", SWITCH, PUBLISHED(keep), 0, 0, NULL},
    {"publish", "valid_seconds", LONG, PUBLISHED(valid_seconds), 60, 604800, NULL},
    {"publish", "part_bytes", LONG, PUBLISHED(part_bytes), 102400, 5368709120, NULL},
    {"publish", "base_url", TEXT, PUBLISHED(base_url), 0, 0, NULL},

    {"log", "log", PATH, FIELD(log), 0, 0, "log file instead of stderr or syslog"},
};
#undef CLOUD
#undef PUBLISHED
#define SETTINGS (sizeof settings / sizeof *settings)
_Static_assert(SETTINGS <= 64, "options.given has a bit for each");

/* What mount(8), fstab and systemd pass on and nobody here needs. */
static bool is_fstab_noise(const char *key)
{
    static const char *const noise[] = {
        "auto",    "noauto",   "user",   "nouser",   "users",       "owner",    "group",      "nofail",
        "_netdev", "defaults", "rw",     "nonempty", "strictatime", "lazytime", "nolazytime", "silent",
        "loud",    "mand",     "nomand", "iversion", "noiversion",  NULL};
    for (int i = 0; noise[i]; i++)
        if (strcmp(key, noise[i]) == 0)
            return true;
    return strncmp(key, "x-", 2) == 0 || strncmp(key, "comment=", 8) == 0 || strncmp(key, "X-", 2) == 0;
}

static int bad_value(struct error *err, const char *where, const char *key, const char *value,
                     const char *wants)
{
    return error_set(err, ERROR_PERSON, EINVAL, "config.value", "%s%s=%s: %s", where, key, value, wants);
}

static int set_text(char **field, const char *value, struct error *err)
{
    char *copy = strdup(value);
    if (!copy)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "config.memory", "out of memory");
    free(*field);
    *field = copy;
    return 0;
}

static int one_of(const char *const *names, const char *value)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], value) == 0)
            return i;
    return -1;
}

/* Sets one field. `where` begins the message ("file:12: " or ""). */
static int set_value(struct options *o, const struct setting *s, const char *value, const char *where,
                     struct error *err)
{
    void *field = (char *)o + s->offset;
    char *end = NULL, wants[80];
    snprintf(wants, sizeof wants, "a number from %" PRId64 " to %" PRId64 " is needed", s->least, s->most);
    switch (s->kind) {
    case TEXT:
    case SECRET:
        return *value ? set_text(field, value, err)
                      : bad_value(err, where, s->key, value, "a value is needed");
    case PATH: {
        /* The daemon leaves its directory: a relative path is taken from here. */
        cleanup_free char *here = *value == '/' ? NULL : getcwd(NULL, 0);
        cleanup_free char *path = NULL;
        if (!*value)
            return bad_value(err, where, s->key, value, "a path is needed");
        if (here && asprintf(&path, "%s/%s", here, value) < 0)
            path = NULL;
        return set_text(field, path ? path : value, err);
    }
    case INTEGER: {
        errno = 0;
        long n = strtol(value, &end, 10);
        if (end == value || *end || errno || n < s->least || n > s->most)
            return bad_value(err, where, s->key, value, wants);
        *(int *)field = (int)n;
        return 0;
    }
    case LONG: {
        errno = 0;
        long long n = strtoll(value, &end, 10);
        if (end == value || *end || errno || n < s->least || n > s->most)
            return bad_value(err, where, s->key, value, wants);
        *(int64_t *)field = n;
        return 0;
    }
    case SECONDS: {
        double n = strtod(value, &end);
        if (end == value || *end || !(n >= s->least && n <= s->most))
            return bad_value(err, where, s->key, value, wants);
        *(double *)field = n;
        return 0;
    }
    case SWITCH: {
        bool yes =
            !strcmp(value, "yes") || !strcmp(value, "on") || !strcmp(value, "true") || !strcmp(value, "1");
        bool no =
            !strcmp(value, "no") || !strcmp(value, "off") || !strcmp(value, "false") || !strcmp(value, "0");
        if (!yes && !no)
            return bad_value(err, where, s->key, value, "yes or no is needed");
        *(bool *)field = yes;
        return 0;
    }
    case ENGINE: {
        enum local_engine engine;
        if (strcmp(value, "auto") == 0)
            engine = LOCAL_AUTO;
        else if (strcmp(value, "vosk") == 0)
            engine = LOCAL_VOSK;
        else if (strcmp(value, "pocketsphinx") == 0)
            engine = LOCAL_POCKETSPHINX;
        else
            return bad_value(err, where, s->key, value, "auto, vosk or pocketsphinx is needed");
        *(enum local_engine *)field = engine;
        return 0;
    }
    case BACKEND: {
        static const char *const names[] = {"auto", "local", "dashscope", NULL};
        int choice = one_of(names, value);
        if (choice < 0)
            return bad_value(err, where, s->key, value, "auto, local or dashscope is needed");
        *(enum backend_choice *)field = (enum backend_choice)choice;
        return 0;
    }
    case REGION: {
        enum region region = catalogue_region_find(value);
        if (region == REGION_COUNT)
            return bad_value(err, where, s->key, value, "beijing, singapore or us is needed");
        *(enum region *)field = region;
        return 0;
    }
    case PUBLISH: {
        static const char *const names[] = {"none", "temporary", "oss", "s3", "url", NULL};
        int method = one_of(names, value);
        if (method < 0)
            return bad_value(err, where, s->key, value, "temporary, oss, s3 or url is needed");
        *(enum publish_kind *)field = (enum publish_kind)method;
        return 0;
    }
    }
    return 0;
}

static bool is_cloud(const struct setting *s)
{
    return strcmp(s->section, "dashscope") == 0 || strcmp(s->section, "publish") == 0;
}

/* On the command line the settings of the cloud carry their section: "dashscope.model". */
static const struct setting *find_option(const char *option, size_t len)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s%s", is_cloud(&settings[i]) ? settings[i].section : "",
                 is_cloud(&settings[i]) ? "." : "", settings[i].key);
        if (strlen(name) == len && strncmp(name, option, len) == 0)
            return &settings[i];
    }
    return NULL;
}

static const struct setting *find_key(const char *section, const char *key)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (strcmp(settings[i].section, section) == 0 && strcmp(settings[i].key, key) == 0)
            return &settings[i];
    return NULL;
}

/* ---- command line ---- */

static int add_fuse_option(struct options *o, const char *option, struct error *err)
{
    char *all = NULL;
    if (asprintf(&all, "%s%s%s", o->fuse_options ? o->fuse_options : "", o->fuse_options ? "," : "", option) <
        0)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "config.memory", "out of memory");
    free(o->fuse_options);
    o->fuse_options = all;
    return 0;
}

/* Options that libfuse and the kernel know; anything else is a mistake worth a word. */
static bool is_mount_option(const char *option)
{
    static const char *const known[] = {"allow_other",
                                        "ro",
                                        "nosuid",
                                        "suid",
                                        "nodev",
                                        "dev",
                                        "noexec",
                                        "exec",
                                        "noatime",
                                        "atime",
                                        "relatime",
                                        "norelatime",
                                        "nodiratime",
                                        "diratime",
                                        "sync",
                                        "async",
                                        "dirsync",
                                        "auto_unmount",
                                        "default_permissions",
                                        NULL};
    for (int i = 0; known[i]; i++)
        if (strcmp(option, known[i]) == 0)
            return true;
    return strncmp(option, "context=", 8) == 0 || strncmp(option, "fscontext=", 10) == 0;
}

static int parse_option(struct options *o, const char *option, struct error *err)
{
    if (!*option || is_fstab_noise(option))
        return 0;
    const char *equals = strchr(option, '=');
    size_t len = equals ? (size_t)(equals - option) : strlen(option);
    if (equals && len == 6 && strncmp(option, "config", 6) == 0)
        return set_text(&o->config, equals + 1, err);
    const struct setting *s = find_option(option, len);
    if (s && s->kind == SECRET)
        return error_set(err, ERROR_PERSON, EINVAL, "usage",
                         "%.*s belongs into the settings file: here everybody can read it", (int)len, option);
    if (s && equals) {
        o->given |= UINT64_C(1) << (s - settings);
        return set_value(o, s, equals + 1, "", err);
    }
    if (s)
        return bad_value(err, "", s->key, "", "a value is needed");
    if (is_mount_option(option))
        return add_fuse_option(o, option, err);
    return error_set(err, ERROR_PERSON, EINVAL, "usage", "unknown option '%s'", option);
}

/* Splits at commas; "\," is a comma, as in libfuse. */
static int parse_option_list(struct options *o, const char *list, struct error *err)
{
    cleanup_free char *one = malloc(strlen(list) + 1);
    if (!one)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "config.memory", "out of memory");
    int rc = 0;
    while (rc == 0) {
        size_t n = 0;
        for (; *list && *list != ','; list++) {
            if (list[0] == '\\' && (list[1] == ',' || list[1] == '\\'))
                list++;
            one[n++] = *list;
        }
        one[n] = '\0';
        rc = parse_option(o, one, err);
        if (!*list++)
            break;
    }
    return rc;
}

static void set_defaults(struct options *o)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    *o = (struct options){.announce = true,
                          .attr_timeout = 1.0,
                          .threads = 32,
                          .settle = {.quiet_ms = 2000, .slow_ms = 5000, .renamed_ms = 500},
                          .cloud = {.region = REGION_BEIJING, .wishes = {.words = true}},
                          .workers = processors < 1   ? 1
                                     : processors > 4 ? 4
                                                      : (int)processors};
}

int options_parse(struct options *o, int argc, char **argv, struct error *err)
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
    set_defaults(o);
    int c, rc = 0;
    opterr = 0;
    while (rc == 0 && (c = getopt_long(argc, argv, "fdo:hV", longs, NULL)) != -1) {
        switch (c) {
        case 'f':
            o->foreground = true;
            break;
        case 'd':
            o->debug = o->foreground = true;
            break;
        case 'o':
            rc = parse_option_list(o, optarg, err);
            break;
        case 'h':
            o->help = true;
            break;
        case 'V':
            o->version = true;
            break;
        default:
            rc = error_set(err, ERROR_PERSON, EINVAL, "usage", "unknown or incomplete argument '%s'",
                           argv[optind - 1]);
        }
    }
    if (rc != 0 || o->help || o->version)
        return rc;
    if (argc - optind != 2)
        return error_set(err, ERROR_PERSON, EINVAL, "usage", "a store and a mount point are needed");
    rc = set_text(&o->store, argv[optind], err);
    return rc ? rc : set_text(&o->mountpoint, argv[optind + 1], err);
}

void options_usage(void)
{
    printf("usage: scribefs [-f] [-d] [-o OPTION[,OPTION...]] STORE MOUNTPOINT\n\n"
           "Shows STORE/inbox at MOUNTPOINT/inbox. Recordings dropped there are transcribed; the transcripts "
           "appear beside them.\n\n"
           "  -f              stay in the foreground, log to stderr\n"
           "  -d              the same, with a trace of every filesystem request\n"
           "  -o allow_other  let other users in (always on for root), and other mount options: ro, noatime, "
           "noexec ...\n"
           "  -o config=FILE  settings file (else STORE/scribefs.conf, else /etc/scribefs.conf)\n"
           "  -o KEY=VALUE    any setting of scribefs.conf(5):\n");
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].help)
            printf("     %-13s %s\n", settings[i].key, settings[i].help);
    printf("  -h, --help      this text\n"
           "  -V, --version   the version\n\n"
           "See scribefs(8), scribectl(1), scribefs.conf(5), scribefs(7).\n");
}

/* ---- settings file ---- */

#define TEXT_MOST 65536 /* bytes of a text in a file of its own */

struct reading {
    FILE *stream;
    int line;
    struct options *file; /* what the file says */
    const char *path;
    struct error *err;
    bool failed;
};

/* Debian's inih does not tell the handler the line: count them. */
static char *next_line(char *text, int size, void *user)
{
    struct reading *r = user;
    r->line++;
    char *line = fgets(text, size, r->stream);
    if (line && !strchr(line, '\n') && !feof(r->stream) && !r->failed) {
        r->failed = true;
        error_set(r->err, ERROR_PERSON, EINVAL, "config.syntax",
                  "%s:%d: a line has at most %d characters; long texts can be put into a file of their own",
                  r->path, r->line, size - 2);
    }
    return line;
}

static int on_setting(void *user, const char *section, const char *key, const char *value)
{
    struct reading *r = user;
    char where[300];
    snprintf(where, sizeof where, "%s:%d: ", r->path, r->line);
    if (r->failed)
        return 1;
    const struct setting *s = find_key(section, key);
    if (!s) {
        r->failed = true;
        error_set(r->err, ERROR_PERSON, EINVAL, "config.key", "%sunknown setting '%s' in section [%s]", where,
                  key, section);
    } else if (set_value(r->file, s, value, where, r->err) != 0) {
        r->failed = true;
    }
    return 1;
}

/* Takes from *file what the command line did not say. */
static void merge(struct options *o, struct options *file)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        void *mine = (char *)o + s->offset, *theirs = (char *)file + s->offset;
        if (o->given & UINT64_C(1) << i)
            continue;
        switch (s->kind) {
        case TEXT:
        case PATH:
        case SECRET:
            free(*(char **)mine);
            *(char **)mine = steal_ptr(*(char **)theirs);
            break;
        case INTEGER:
            *(int *)mine = *(int *)theirs;
            break;
        case LONG:
            *(int64_t *)mine = *(int64_t *)theirs;
            break;
        case BACKEND:
            *(enum backend_choice *)mine = *(enum backend_choice *)theirs;
            break;
        case REGION:
            *(enum region *)mine = *(enum region *)theirs;
            break;
        case PUBLISH:
            *(enum publish_kind *)mine = *(enum publish_kind *)theirs;
            break;
        case SECONDS:
            *(double *)mine = *(double *)theirs;
            break;
        case SWITCH:
            *(bool *)mine = *(bool *)theirs;
            break;
        case ENGINE:
            *(enum local_engine *)mine = *(enum local_engine *)theirs;
            break;
        }
    }
}

/* A long text from a file of its own. */
static int read_text(const char *path, const char **text, struct error *err)
{
    if (!path)
        return 0;
    cleanup_file FILE *f = fopen(path, "re");
    cleanup_free char *data = f ? calloc(1, TEXT_MOST + 2) : NULL;
    size_t len = data ? fread(data, 1, TEXT_MOST + 1, f) : 0;
    if (!data || ferror(f))
        return error_set(err, ERROR_PERSON, errno, "config.open", "%s: %s", path, strerror(errno));
    if (len > TEXT_MOST)
        return error_set(err, ERROR_PERSON, EFBIG, "config.value", "%s: more than %d bytes", path, TEXT_MOST);
    free((char *)*text);
    *text = steal_ptr(data);
    return 0;
}

int options_read_config(struct options *o, struct error *err)
{
    cleanup_free char *beside = NULL;
    if (asprintf(&beside, "%s/scribefs.conf", o->store) < 0) {
        beside = NULL;
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "config.memory", "out of memory");
    }
    const char *candidates[] = {o->config ? o->config : beside, o->config ? NULL : "/etc/scribefs.conf",
                                NULL};
    for (int i = 0; candidates[i]; i++) {
        cleanup_file FILE *f = fopen(candidates[i], "re");
        if (!f && (errno == ENOENT || errno == ENOTDIR) && !o->config)
            continue;
        if (!f)
            return error_set(err, ERROR_PERSON, errno, "config.open", "%s: %s", candidates[i],
                             strerror(errno));
        struct options file;
        set_defaults(&file);
        struct reading r = {.stream = f, .file = &file, .path = candidates[i], .err = err};
        int line = ini_parse_stream(next_line, &r, on_setting, &r);
        int rc = r.failed ? -EINVAL : 0;
        if (rc == 0 && line != 0)
            rc = error_set(err, ERROR_PERSON, EINVAL, "config.syntax",
                           "%s:%d: this is neither [section] nor key = value", candidates[i], line);
        if (rc == 0)
            merge(o, &file);
        options_free(&file);
        if (rc != 0)
            return rc;
        break;
    }
    int rc = read_text(o->hotwords_file, &o->cloud.wishes.hotwords, err);
    return rc ? rc : read_text(o->context_file, &o->cloud.wishes.context, err);
}

void options_free(struct options *o)
{
    free(o->store);
    free(o->mountpoint);
    free(o->config);
    free(o->fuse_options);
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].kind == TEXT || settings[i].kind == PATH || settings[i].kind == SECRET)
            free(*(char **)((char *)o + settings[i].offset));
}
