/* scribefs --check. Reads, asks, changes nothing. */
#include "fs/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/dashscope/dashscope.h"
#include "fs/control_json.h"
#include "fs/exitcodes.h"
#include "fs/inbox/folder.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/status.h"
#include "fs/log.h"
#include "fs/options.h"
#include "fs/recognisers.h"

#define SPACE_LEAST (INT64_C(1) << 30) /* bytes: some hours of recordings, and the index */
#define CLOCK_MOST 300                 /* seconds; signatures of the storage are refused after 15 minutes */
#define SETTINGS_LARGEST (1 << 20)     /* bytes of a folder's settings file */
#define DEEPEST 64

struct check {
    const struct options *options;
    bool json, to_do;
    struct loop *loop;
    int64_t folders;
};

__attribute__((format(printf, 4, 5))) static void say_line(struct check *c, const char *what, bool ok,
                                                           const char *format, ...)
{
    char text[1000];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    c->to_do |= !ok;
    if (c->json) {
        cJSON *o = cJSON_CreateObject();
        bool all = o && cJSON_AddStringToObject(o, "check", what) && cJSON_AddBoolToObject(o, "ok", ok) &&
                   json_add_bytes(o, "text", text);
        cleanup_free char *line = all ? cJSON_PrintUnformatted(o) : NULL;
        cJSON_Delete(o);
        printf("%s\n", line ? line : "{}");
    } else {
        cleanup_buffer struct buffer line = {0};
        status_escape(text, &line);
        printf("%-6s %s: %s\n", ok ? "ok" : "TO DO", what, line.data ? line.data : "");
    }
    fflush(stdout); /* the next one may take a while */
}

/* ---- the store ---- */

/* The process that holds the store's lock; 0: none does. */
static pid_t daemon_of(const char *store)
{
    char path[4096], text[24] = "";
    snprintf(path, sizeof path, "%s/state/lock", store);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK || read(fd, text, sizeof text - 1) <= 0)
        return 0;
    long pid = strtol(text, NULL, 10);
    return pid > 1 ? (pid_t)pid : 0;
}

/* The options of a running daemon. False: they cannot be read. */
static bool options_of(pid_t pid, struct options *out)
{
    char path[40], data[65536], *argv[256];
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, data, sizeof data - 1) : -1;
    if (len <= 0)
        return false;
    data[len] = '\0';
    int argc = 0;
    for (char *at = data; at < data + len && argc < 255; at += strlen(at) + 1)
        argv[argc++] = at;
    argv[argc] = NULL;
    struct error err = {0};
    optind = 0;
    if (options_parse(out, argc, argv, &err) == 0)
        return true;
    options_free(out);
    return false;
}

static void check_daemon(struct check *c, pid_t pid)
{
    if (pid)
        say_line(c, "scribefs", true, "serves this store, process %d", (int)pid);
    else
        say_line(c, "scribefs", true, "does not run on this store; \"scribefs %s MOUNTPOINT\" starts it", c->options->store);
}

static bool check_store(struct check *c)
{
    char inbox[4096];
    struct stat st;
    snprintf(inbox, sizeof inbox, "%s/inbox", c->options->store);
    if (stat(inbox, &st) != 0) {
        say_line(c, "store", errno == ENOENT, "%s: %s", c->options->store,
                 errno == ENOENT ? "is made when scribefs starts" : strerror(errno));
        return false;
    }
    if (access(inbox, R_OK | W_OK | X_OK) == 0)
        say_line(c, "store", true, "%s", c->options->store);
    else
        say_line(c, "store", false, "%s: %s; give the user that scribefs runs as its rights", inbox, strerror(errno));
    return true;
}

static void check_space(struct check *c)
{
    struct statvfs fs;
    if (statvfs(c->options->store, &fs) != 0)
        return;
    int64_t left = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    bool nodes = fs.f_files == 0 || fs.f_favail > 1000; /* 0: it does not count them */
    if (left < SPACE_LEAST || !nodes)
        say_line(c, "disk", false, "%.1f GB free%s: make room", (double)left / 1e9, nodes ? "" : ", and hardly a file more");
    else
        say_line(c, "disk", true, "%.1f GB free", (double)left / 1e9);
}

static void check_index(struct check *c)
{
    char path[4096], found[200] = "";
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    snprintf(path, sizeof path, "%s/state/index.db", c->options->store);
    if (access(path, F_OK) != 0)
        return;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
    sqlite3_busy_timeout(db, 5000);
    rc = rc ? rc : sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        snprintf(found, sizeof found, "%s", (const char *)sqlite3_column_text(stmt, 0));
    if (strcmp(found, "ok") == 0)
        say_line(c, "index", true, "%s", path);
    else
        say_line(c, "index", false, "%s: %s; if that stays so, restart scribefs: it builds a new one", path,
                 *found ? found : db ? sqlite3_errmsg(db) : "out of memory");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

/* ---- folders ---- */

static void check_settings_file(struct check *c, int directory, const char *where, const char *name)
{
    cleanup_close int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > SETTINGS_LARGEST)
        return;
    cleanup_free char *data = malloc((size_t)st.st_size + 1);
    ssize_t len = data ? read(fd, data, (size_t)st.st_size) : -1;
    struct folder_file file = {0};
    struct folder_mistakes mistakes = {0};
    if (len >= 0 && folder_parse(data, (size_t)len, &file, &mistakes) == 0)
        for (size_t i = 0; i < mistakes.count; i++)
            say_line(c, "folders", false, "%s/%s:%d: %s", where, name, mistakes.items[i].line, mistakes.items[i].reason);
    folder_file_clear(&file);
    folder_mistakes_clear(&mistakes);
}

static void check_folder(struct check *c, int parent, const char *name, const char *where, int depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    c->folders++;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (folder_is_settings_file(entry->d_name))
            check_settings_file(c, dirfd(dir), where, entry->d_name);
        bool unknown = entry->d_type == DT_UNKNOWN && fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (depth >= DEEPEST || !(entry->d_type == DT_DIR || (unknown && S_ISDIR(st.st_mode))))
            continue;
        cleanup_free char *below = NULL;
        if (asprintf(&below, "%s/%s", where, entry->d_name) < 0)
            below = NULL;
        check_folder(c, dirfd(dir), entry->d_name, below ? below : "", depth + 1);
    }
    closedir(dir);
}

static void check_folders(struct check *c)
{
    bool before = c->to_do;
    long watches = 0;
    cleanup_free char *inbox = NULL;
    if (asprintf(&inbox, "%s/inbox", c->options->store) < 0) {
        inbox = NULL;
        return;
    }
    c->to_do = false;
    check_folder(c, AT_FDCWD, inbox, "inbox", 0);
    if (!c->to_do)
        say_line(c, "folders", true, "%" PRId64 ", no mistake in their settings", c->folders);
    c->to_do |= before;
    cleanup_file FILE *f = fopen("/proc/sys/fs/inotify/max_user_watches", "re");
    if (!f || fscanf(f, "%ld", &watches) != 1)
        return;
    if (c->folders * 2 > watches)
        say_line(c, "watches", false, "%ld are allowed, and there are %" PRId64 " folders: raise fs.inotify.max_user_watches",
                 watches, c->folders);
    else
        say_line(c, "watches", true, "%ld are allowed", watches);
}

/* ---- the machine ---- */

static bool on_path(const char *program)
{
    const char *path = getenv("PATH");
    cleanup_free char *copy = strdup(path ? path : "/usr/bin:/bin");
    char *save = NULL, file[4096];
    for (char *part = copy ? strtok_r(copy, ":", &save) : NULL; part; part = strtok_r(NULL, ":", &save)) {
        snprintf(file, sizeof file, "%s/%s", part, program);
        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

static void check_fuse(struct check *c)
{
    if (access("/dev/fuse", R_OK | W_OK) != 0)
        say_line(c, "FUSE", false, "/dev/fuse: %s: load the module with \"modprobe fuse\", or give the container the device",
                 strerror(errno));
    else if (geteuid() != 0 && !on_path("fusermount3"))
        say_line(c, "FUSE", false, "fusermount3 is missing: install the package fuse3");
    else
        say_line(c, "FUSE", true, "can be mounted");
}

/* Keys that everybody on this machine may read. That one cannot be read at all is said by who needs it. */
static void check_keys(struct check *c)
{
    const struct options *o = c->options;
    const char *const files[] = {o->cloud.key_file ? o->cloud.key_file : getenv("DASHSCOPE_API_KEY_FILE_PATH"),
                                 o->cloud.publish.key_file, o->server.key_file, o->hooks.webhook_secret_file,
                                 /* these two secrets may stand in the settings themselves */
                                 o->cloud.callback_token || (o->proxy && strchr(o->proxy, '@')) ? o->config_read : NULL};
    struct stat st;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] && stat(files[i], &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH))
            say_line(c, "key", false, "%s can be read by everybody on this machine: chmod 600 it", files[i]);
}

static void on_asked(void *context, const struct error *err, int64_t server_time_s)
{
    struct check *c = context;
    if (err->class == ERROR_NONE)
        say_line(c, "service", true, "reached, and the key is valid");
    else
        say_line(c, "service", false, "%s %s (%s)", message_find(err->code)->cause, message_find(err->code)->next, err->detail);
    int64_t off = server_time_s ? server_time_s - (int64_t)time(NULL) : 0;
    if (server_time_s && llabs((long long)off) > CLOCK_MOST)
        say_line(c, "clock", false, "it is %lld seconds off: set it right, with NTP best", llabs((long long)off));
    else if (server_time_s)
        say_line(c, "clock", true, "as the service's");
    loop_stop(c->loop);
}

static void check_recognisers(struct check *c)
{
    struct recognisers r = {0};
    struct error err = {0};
    int rc = loop_new(&c->loop);
    if (rc != 0) {
        say_line(c, "recogniser", false, "%s", strerror(-rc));
        return;
    }
    rc = recognisers_new(c->loop, c->options, &r, &err);
    if (rc != 0)
        say_line(c, "recogniser", false, "%s", err.detail);
    for (int i = 0; rc == 0 && i < r.count; i++) {
        char line[400] = "";
        bool ok = r.backends[i]->operations->describe(r.backends[i], line, sizeof line) == 0;
        say_line(c, "recogniser", ok || r.backends[i] != r.chosen, "%s%s", line,
                 r.backends[i] == r.chosen ? ", for new recordings" : ok ? "" : " (it is not used)");
        if (strcmp(r.backends[i]->name, "dashscope") != 0)
            continue;
        if (dashscope_check_start(r.http, &c->options->cloud, on_asked, c, &err) == 0)
            loop_run(c->loop);
        else
            say_line(c, "service", false, "%s %s (%s)", message_find(err.code)->cause, message_find(err.code)->next, err.detail);
    }
    recognisers_free(&r);
    loop_free(c->loop);
}

int check_all(struct options *given, bool json)
{
    struct error err = {0};
    struct options of_daemon;
    struct check c = {.options = given, .json = json};
    pid_t pid = daemon_of(given->store);
    bool taken = pid && options_of(pid, &of_daemon);
    struct options *o = taken ? &of_daemon : given;
    c.options = o;
    log_open("/dev/null", true, &err); /* what is wrong is said here */
    check_daemon(&c, pid);
    int rc = options_read_config(o, &err);
    say_line(&c, "settings", rc == 0, "%s", rc == 0 ? "no mistake in them" : err.detail);
    bool store = check_store(&c);
    if (store) {
        check_space(&c);
        check_index(&c);
        check_folders(&c);
    }
    check_fuse(&c);
    if (rc == 0) {
        check_keys(&c);
        check_recognisers(&c);
    }
    if (taken)
        options_free(&of_daemon);
    return c.to_do ? EXIT_FAILED : EXIT_OK;
}
