/* The cache of rendered views on disk:
 *
 *   views/ab/abcd…      the bytes of a view, and behind them a trailer that says how many they are: a file that was
 *                       cut, or that a crash left empty, has none
 *
 *   views/tmp-RANDOM    being written
 *
 * The directory is opened anew each time, since somebody may have removed it, but always in the one it was in: another
 * disk may be at its path by now. One lock, for counting who renders; it
 * is not held meanwhile. */
#include "cache/views.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/transcript.h"
#include "cache/render/formats.h"
#include "cache/render/render.h"
#include "cache/results.h"

enum {
    DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    RENDERERS_MOST = 4,       /* at once */
    TRIES = 10,
    UNUSED_SECONDS = 7 * 86400, /* a view that nobody lists stays for so long after its last use … */
    SPARE_MOST = 10000,       /* … unless there are more of them: then only the youngest, */
    YOUNG_SECONDS = 3600,     /* which may belong to somebody who has not said so yet */
    USED_SECONDS = 86400,     /* how exactly the last use is known */
};

#define TRAILER_SIZE 32
#define TRAILER_FORMAT "\nscribefs-view/1 %014" PRIx64 "\n"
#define TEMPORARY_PREFIX "tmp-"
#define TEMPORARY_SIZE (sizeof TEMPORARY_PREFIX + 16)
#define RAW_FILE "raw.json"
#define TRANSCRIPT_FILE "transcript.json"

struct views {
    int parent;
    char *name;
    pthread_mutex_t lock;
    pthread_cond_t room;
    int rendering;
};

int views_open(const char *path, struct views **out)
{
    cleanup_free char *above = strdup(path), *last = strdup(path), *name = NULL;
    if (above && last)
        name = strdup(basename(last));
    cleanup_close int parent = name ? open(dirname(above), DIRECTORY_FLAGS & ~O_NOFOLLOW) : -1;
    if (parent < 0)
        return name ? -errno : -ENOMEM;
    struct views *v = calloc(1, sizeof *v);
    if (!v)
        return -ENOMEM;
    v->parent = steal_fd(parent);
    v->name = steal_ptr(name);
    pthread_mutex_init(&v->lock, NULL);
    pthread_cond_init(&v->room, NULL);
    *out = v;
    return 0;
}

void views_close(struct views *v)
{
    if (!v)
        return;
    pthread_cond_destroy(&v->room);
    pthread_mutex_destroy(&v->lock);
    close(v->parent);
    free(v->name);
    free(v);
}

/* ---- keys ---- */

static int key_text(const struct view_recipe *r, struct buffer *out)
{
    const struct format_info *info = format_info(r->format);
    buffer_printf(out, "scribefs-view/1 %d %d %" PRId64 ".%09ld %s", RENDER_VERSION, r->format,
                  (int64_t)r->made.tv_sec, r->made.tv_nsec, r->look_json ? r->look_json : "{}");
    if (info && info->names_source)
        buffer_printf(out, " %" PRId64 " %s", r->recorded_ms, r->name ? r->name : "");
    return buffer_error(out);
}

int views_key(const struct view_recipe *recipe, struct digest *key)
{
    cleanup_buffer struct buffer text = {0};
    int rc = key_text(recipe, &text);
    return rc ? rc : digest_key(&recipe->job, text.data, key);
}

/* ---- files ---- */

/* "ab/abcd…" */
#define PLACE_SIZE (3 + DIGEST_HEX)
static void place_of(const struct digest *key, char place[PLACE_SIZE])
{
    digest_hex(key, place + 3);
    memcpy(place, place + 3, 2);
    place[2] = '/';
}

/* The path itself may be a link: an administrator may keep the views elsewhere. */
static int open_root(const struct views *v, bool make)
{
    int fd = openat(v->parent, v->name, DIRECTORY_FLAGS & ~O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT && make) {
        if (mkdirat(v->parent, v->name, 0700) && errno != EEXIST)
            return -errno;
        fd = openat(v->parent, v->name, DIRECTORY_FLAGS & ~O_NOFOLLOW);
    }
    return fd < 0 ? -errno : fd;
}

/* The size of the view in the file, or -1. */
static off_t view_size(int fd, const struct stat *st)
{
    char found[TRAILER_SIZE], wanted[64];
    off_t size = st->st_size - TRAILER_SIZE;
    if (!S_ISREG(st->st_mode) || size < 0 || pread(fd, found, TRAILER_SIZE, size) != TRAILER_SIZE)
        return -1;
    snprintf(wanted, sizeof wanted, TRAILER_FORMAT, (uint64_t)size);
    return memcmp(found, wanted, TRAILER_SIZE) == 0 ? size : -1;
}

/* So that what is used is not pruned. */
static void note_use(int fd, const struct stat *st)
{
    if (time(NULL) - st->st_mtim.tv_sec > USED_SECONDS)
        futimens(fd, NULL);
}

int views_file(struct views *v, const struct digest *key, off_t *size)
{
    char place[PLACE_SIZE];
    struct stat st;
    place_of(key, place);
    cleanup_close int root = open_root(v, false);
    if (root < 0)
        return root;
    cleanup_close int fd = openat(root, place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
    if (fstat(fd, &st))
        return -errno;
    *size = view_size(fd, &st);
    if (*size < 0) {
        unlinkat(root, place, 0);
        return -ENOENT;
    }
    note_use(fd, &st);
    return steal_fd(fd);
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_synced(int root, const char *name, const struct buffer *bytes)
{
    cleanup_close int fd = openat(root, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, bytes->data, bytes->len);
    if (rc == 0 && fsync(fd))
        rc = -errno;
    /* Some network filesystems say only now that a quota was exceeded. */
    return close(steal_fd(fd)) && errno != EINTR && rc == 0 ? -errno : rc;
}

static int move_in(int root, const char *temporary, const char *place)
{
    char shard[3] = {place[0], place[1], '\0'};
    if (mkdirat(root, shard, 0700) && errno != EEXIST)
        return -errno;
    return renameat(root, temporary, root, place) ? -errno : 0;
}

static int put(struct views *v, const struct digest *key, const struct buffer *bytes)
{
    unsigned long long random;
    char temporary[TEMPORARY_SIZE], place[PLACE_SIZE];
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -errno;
    snprintf(temporary, sizeof temporary, TEMPORARY_PREFIX "%016llx", random);
    place_of(key, place);
    cleanup_close int root = open_root(v, true);
    if (root < 0)
        return root;
    int rc = write_synced(root, temporary, bytes);
    if (rc == 0)
        rc = move_in(root, temporary, place);
    if (rc != 0)
        unlinkat(root, temporary, 0);
    return rc;
}

/* Durable is not needed: what a crash takes away is made again. Synced it is, so that what is there is whole. Never
 * -ENOENT: that is said of a result that has no such view. */
static int store(struct views *v, const struct digest *key, struct buffer *bytes, off_t *size)
{
    int rc = -ENOENT;
    *size = (off_t)bytes->len;
    buffer_printf(bytes, TRAILER_FORMAT, (uint64_t)bytes->len);
    if (buffer_error(bytes))
        return -ENOMEM;
    for (int i = 0; i < TRIES && rc == -ENOENT; i++) /* somebody empties the cache meanwhile */
        rc = put(v, key, bytes);
    return rc == -ENOENT ? -EAGAIN : rc;
}

/* ---- rendering ---- */

static int read_all(int fd, struct buffer *out)
{
    char block[65536];
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : buffer_error(out);
        buffer_add(out, block, (size_t)n);
    }
}

/* 0, -EUCLEAN when the result does not hold one, or another negative errno. */
static int read_transcript(struct results *results, const struct digest *job, struct transcript **out)
{
    cleanup_buffer struct buffer text = {0};
    struct error err = {0};
    cleanup_close int fd = results_file(results, job, TRANSCRIPT_FILE);
    int rc = fd < 0 ? fd : read_all(fd, &text);
    if (rc != 0)
        return rc == -ENOENT ? -EUCLEAN : rc;
    *out = text.len ? transcript_from_json(text.data, text.len, &err) : NULL;
    return *out ? 0 : err.sys == ENOMEM ? -ENOMEM : -EUCLEAN;
}

/* The provider's bytes are a file of the result. */
static int stat_raw(struct results *results, const struct digest *job, off_t *size)
{
    struct timespec made;
    cleanup_close int fd = results_file(results, job, RAW_FILE);
    return fd < 0 ? fd : results_stat(results, job, RAW_FILE, size, &made);
}

static int render(const struct view_recipe *r, const struct format_info *info, const struct transcript *t,
                  struct buffer *out)
{
    char digest[DIGEST_HEX], settings[DIGEST_HEX] = "";
    struct digest settings_digest;
    digest_hex(&r->digest, digest);
    if (r->settings && digest_key(&(struct digest){{0}}, r->settings, &settings_digest) == 0)
        digest_hex(&settings_digest, settings);
    const struct render_source source = {
        .name = r->name,
        .sha256 = digest,
        .settings_hash = *settings ? settings : NULL,
        .size = r->size,
        .recorded_ms = r->recorded_ms,
        .finished_ms = (int64_t)r->made.tv_sec * 1000 + r->made.tv_nsec / 1000000,
        .look = r->look,
    };
    int rc = info->render(t, &source, out);
    return rc ? rc : buffer_error(out);
}

static void begin_rendering(struct views *v)
{
    pthread_mutex_lock(&v->lock);
    while (v->rendering >= RENDERERS_MOST)
        pthread_cond_wait(&v->room, &v->lock);
    v->rendering++;
    pthread_mutex_unlock(&v->lock);
}

static void end_rendering(struct views *v)
{
    pthread_mutex_lock(&v->lock);
    v->rendering--;
    pthread_cond_signal(&v->room);
    pthread_mutex_unlock(&v->lock);
}

static int make(struct views *v, struct results *results, const struct view_recipe *recipe, const struct digest *key,
                const struct format_info *info, struct transcript **transcript, off_t *size)
{
    cleanup_buffer struct buffer bytes = {0};
    int rc = *transcript ? 0 : read_transcript(results, &recipe->job, transcript);
    if (rc == 0)
        rc = render(recipe, info, *transcript, &bytes);
    return rc ? rc : store(v, key, &bytes, size);
}

int views_make(struct views *v, struct results *results, const struct view_recipe *recipe, const struct digest *key,
               struct transcript **transcript, off_t *size)
{
    const struct format_info *info = format_info(recipe->format);
    if (!info)
        return -ENOENT;
    if (!info->render)
        return stat_raw(results, &recipe->job, size);
    cleanup_close int ready = views_file(v, key, size);
    if (ready >= 0)
        return 0;
    begin_rendering(v);
    int rc = make(v, results, recipe, key, info, transcript, size);
    end_rendering(v);
    return rc;
}

int views_content(struct views *v, struct results *results, int format, const struct digest *job,
                  const struct digest *key, off_t *size)
{
    const struct format_info *info = format_info(format);
    if (!info)
        return -ENOENT;
    if (info->render)
        return views_file(v, key, size);
    int rc = stat_raw(results, job, size);
    return rc ? rc : results_file(results, job, RAW_FILE);
}

/* ---- pruning ---- */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

struct pruning {
    const struct digest *keys;
    size_t count;
    time_t now;
    int age;      /* what is older goes */
    size_t spare; /* how many nobody lists were found */
    size_t removed;
    struct view_usage usage;
};

static bool is_listed(const struct pruning *p, const char *name)
{
    struct digest key;
    return digest_parse(name, &key) == 0 && p->count &&
           bsearch(&key, p->keys, p->count, sizeof key, by_bytes) != NULL;
}

static void each_entry(int parent, const char *name, void (*fn)(struct pruning *p, int directory, const char *entry),
                       struct pruning *p)
{
    int fd = openat(parent, name, DIRECTORY_FLAGS);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            fn(p, dirfd(dir), entry->d_name);
    closedir(dir);
}

static void prune_file(struct pruning *p, int directory, const char *name)
{
    struct stat st;
    if (is_listed(p, name) || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode))
        return;
    time_t age = p->now - st.st_mtim.tv_sec;
    if (age >= 0 && age <= p->age)
        p->spare++;
    else if (unlinkat(directory, name, 0) == 0)
        p->removed++;
}

static void prune_entry(struct pruning *p, int directory, const char *name)
{
    struct stat st;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW))
        return;
    if (S_ISDIR(st.st_mode))
        each_entry(directory, name, prune_file, p);
    else if (strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0 &&
             p->now - st.st_mtim.tv_sec > YOUNG_SECONDS && unlinkat(directory, name, 0) == 0)
        p->removed++; /* a crash left it */
}

static void measure_file(struct pruning *p, int directory, const char *name)
{
    struct stat st;
    if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode))
        return;
    p->usage.count++;
    p->usage.bytes += st.st_size;
}

static void measure_entry(struct pruning *p, int directory, const char *name)
{
    each_entry(directory, name, measure_file, p);
}

void views_measure(struct views *v, struct view_usage *out)
{
    cleanup_close int root = open_root(v, false);
    struct pruning p = {0};
    if (root >= 0)
        each_entry(root, ".", measure_entry, &p);
    *out = p.usage;
}

size_t views_prune(struct views *v, const struct digest *keys, size_t count)
{
    cleanup_close int root = open_root(v, false);
    struct pruning p = {.keys = keys, .count = count, .now = time(NULL), .age = UNUSED_SECONDS};
    if (root < 0)
        return 0;
    each_entry(root, ".", prune_entry, &p);
    if (p.spare > SPARE_MOST) {
        p.age = YOUNG_SECONDS;
        each_entry(root, ".", prune_entry, &p);
    }
    return p.removed;
}
