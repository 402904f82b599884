/* Reads the command line and the settings file. */
#include "fs/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>

#include "backend/base/cleanup.h"
#include "fs/settings.h"

/* What mount(8), fstab and systemd pass on and nobody here needs. */
static bool is_fstab_noise(const char *key)
{
    static const char *const noise[] = {
        "auto",    "noauto",   "user",   "nouser",   "users",       "owner",    "group",      "nofail",
        "_netdev", "defaults", "rw",     "strictatime", "lazytime", "nolazytime", "silent",
        "loud",    "mand",     "nomand", "iversion", "noiversion",  NULL};
    for (int i = 0; noise[i]; i++)
        if (strcmp(key, noise[i]) == 0)
            return true;
    return strncmp(key, "x-", 2) == 0 || strncmp(key, "comment=", 8) == 0 || strncmp(key, "X-", 2) == 0;
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
                                        "acl",
                                        "noacl",
                                        "nonempty",
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
        return setting_copy_text(&o->config, equals + 1, err);
    const struct setting *s = settings_find_option(option, len);
    if (s && s->kind == SETTING_SECRET)
        return error_set(err, ERROR_PERSON, EINVAL, "usage",
                         "%.*s belongs into the settings file: here everybody can read it", (int)len, option);
    if (s && equals) {
        settings_set_add(&o->given, s);
        return setting_set(o, s, equals + 1, "", err);
    }
    if (s)
        return setting_refuse(s, "", "", "a value is needed", err);
    if (is_mount_option(option))
        return add_fuse_option(o, option, err);
    return error_set(err, ERROR_PERSON, EINVAL, "usage", "unknown option '%.*s'", (int)len, option);
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
                          .status_files = true,
                          .attr_timeout = 1.0,
                          .threads = 32,
                          .settle = {.quiet_ms = 2000, .slow_ms = 5000, .renamed_ms = 500},
                          .watch = WATCH_YES,
                          .rescan_seconds = 30,
                          .hold_window_seconds = 30,
                          .hooks = {.timeout_seconds = 60},
                          .server = {.wishes = {.words = true, .temperature = -1}},
                          .cloud = {.region = REGION_BEIJING, .wishes = {.words = true}},
                          .workers = processors < 1   ? 1
                                     : processors > 4 ? 4
                                                      : (int)processors};
}

int options_parse(struct options *o, int argc, char **argv, struct error *err)
{
    static const struct option longs[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {"check", optional_argument, NULL, 'c'}, {0}};
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
        case 'c':
            o->check = true;
            o->check_json = optarg != NULL;
            if (optarg && strcmp(optarg, "json") != 0)
                rc = error_set(err, ERROR_PERSON, EINVAL, "usage", "--check takes =json or nothing");
            break;
        default:
            rc = error_set(err, ERROR_PERSON, EINVAL, "usage", "unknown or incomplete argument '%s'",
                           argv[optind - 1]);
        }
    }
    if (rc != 0 || o->help || o->version)
        return rc;
    if (o->check && argc - optind == 1)
        return setting_copy_text(&o->store, argv[optind], err);
    if (argc - optind != 2)
        return error_set(err, ERROR_PERSON, EINVAL, "usage", "a store and a mount point are needed");
    rc = setting_copy_text(&o->store, argv[optind], err);
    return rc ? rc : setting_copy_text(&o->mountpoint, argv[optind + 1], err);
}

void options_usage(void)
{
    printf("usage: scribefs [-f] [-d] [-o OPTION[,OPTION...]] STORE MOUNTPOINT\n\n"
           "Shows STORE/inbox at MOUNTPOINT/inbox. Recordings dropped there are transcribed; the transcripts "
           "appear beside them.\n\n"
           "  -f              stay in the foreground, log to stderr\n"
           "  -d              the same, with a trace of every filesystem request\n"
           "  -o allow_other  let other users in (always on for root), and other mount options: ro, noatime, "
           "noacl ...\n"
           "  -o config=FILE  settings file (else STORE/scribefs.conf, else /etc/scribefs.conf)\n"
           "  -o KEY=VALUE    any setting of scribefs.conf(5):\n");
    for (size_t i = 0; i < settings_count; i++)
        if (settings_table[i].help)
            printf("     %-13s %s\n", settings_table[i].key, settings_table[i].help);
    printf("  -h, --help      this text\n"
           "  -V, --version   the version\n"
           "  --check[=json]  with STORE alone: is everything there that is needed? Changes nothing\n\n"
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
    const struct setting *s = settings_find_key(section, key);
    if (!s) {
        r->failed = true;
        error_set(r->err, ERROR_PERSON, EINVAL, "config.key", "%sunknown setting '%s' in section [%s]", where,
                  key, section);
    } else if (setting_set(r->file, s, value, where, r->err) != 0) {
        r->failed = true;
    }
    return 1;
}

/* Takes from *file what the command line did not say. */
static void merge(struct options *o, struct options *file)
{
    for (size_t i = 0; i < settings_count; i++)
        if (!settings_set_has(&o->given, &settings_table[i]))
            setting_move(&settings_table[i], o, file);
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
        if (rc == 0)
            rc = setting_copy_text(&o->config_read, candidates[i], err);
        options_free(&file);
        if (rc != 0)
            return rc;
        break;
    }
    int rc = read_text(o->hotwords_file, &o->cloud.wishes.hotwords, err);
    rc = rc ? rc : read_text(o->context_file, &o->cloud.wishes.context, err);
    return rc ? rc : read_text(o->prompt_file, &o->server.wishes.prompt, err);
}

void options_free(struct options *o)
{
    free(o->store);
    free(o->mountpoint);
    free(o->config);
    free(o->config_read);
    free(o->fuse_options);
    for (size_t i = 0; i < settings_count; i++)
        setting_clear(&settings_table[i], o);
}
