/* From settings files and names of speakers to the library.
 *
 * Lock order: a->reading (held while files with names are read) or a->telling (while mistakes are told), then
 * a->lock, which is innermost, with those inside the library and the folders. */
#include "fs/inbox/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "fs/inbox/remembered.h"
#include "fs/inbox/settings_error.h"
#include "fs/inbox/speakers.h"
#include "fs/jobs/pool.h"

#define FILE_MOST (64 * 1024) /* bytes of a file with names */

/* A file with names, and the recording it is for. */
struct names_file {
    struct file_id id, recording;
    UT_hash_handle hh;
};

struct apply {
    struct apply_config config;
    pthread_mutex_t reading, telling;
    struct remembered *remembered; /* under reading */
    pthread_mutex_t lock;
    struct names_file *files; /* under lock */
    struct loop_timer *timer;
    atomic_bool stopping;
};

/* ---- in the background ---- */

struct task {
    struct apply *apply;
    void (*run)(struct task *task);
    struct file_id id;
    char *path, *name;
};

static void task_free(struct task *t)
{
    free(t->path);
    free(t->name);
    free(t);
}

static void task_run(void *arg)
{
    struct task *t = arg;
    if (!atomic_load(&t->apply->stopping))
        t->run(t);
    task_free(t);
}

static void later(struct apply *a, void (*run)(struct task *task), struct file_id id, const char *path,
                  const char *name)
{
    struct task *t = calloc(1, sizeof *t);
    if (!t)
        return;
    *t = (struct task){.apply = a, .run = run, .id = id, .path = strdup(path), .name = strdup(name)};
    if (atomic_load(&a->stopping) || !t->path || !t->name ||
        pool_submit_urgent(a->config.pool, task_run, t) != 0)
        task_free(t);
}

/* ---- mistakes ---- */

/* What is known by now, and not an earlier state of it, is what is told last. */
static void tell_mistakes(struct apply *a, const char *path)
{
    pthread_mutex_lock(&a->telling);
    settings_error_tell(a->config.library, a->config.folders, a->config.inbox_fd, a->config.wording, path);
    pthread_mutex_unlock(&a->telling);
}

/* ---- policies ---- */

static void set_policy(struct apply *a, const struct folder_settings *s, struct file_id directory,
                       const char *name)
{
    library_set_policy(a->config.library, directory, name,
                       &(struct name_policy){.local = s->local || s->unsure,
                                             .apart = s->apart || s->unsure,
                                             .skip = s->skip,
                                             .no_status = s->no_status,
                                             .priority = s->priority});
}

/* ---- names of speakers, under reading ---- */

static char *join(const char *path, const char *name)
{
    char *joined = NULL;
    return asprintf(&joined, "%s%s%s", path, *path ? "/" : "", name) < 0 ? NULL : joined;
}

/* The bytes of a regular file, malloc'ed; NULL: there is none, or it is none of ours. */
static char *read_file(struct apply *a, const char *path, const char *name, struct store_stat *st,
                       size_t *len)
{
    cleanup_free char *whole = join(path, name);
    cleanup_close int fd = whole ? store_open(a->config.inbox_fd, whole, O_RDONLY) : -ENOMEM;
    if (fd < 0 || store_stat(fd, "", st) != 0 || !S_ISREG(st->mode) || st->stat.size > FILE_MOST)
        return NULL;
    char *data = malloc(FILE_MOST + 1);
    ssize_t n = data ? read(fd, data, FILE_MOST) : -1;
    if (n < 0) {
        free(data);
        return NULL;
    }
    *len = (size_t)n;
    return data;
}

static void note_file(struct apply *a, struct file_id id, struct file_id recording)
{
    struct names_file *n;
    pthread_mutex_lock(&a->lock);
    HASH_FIND(hh, a->files, &id, sizeof id, n);
    if (!n && (n = calloc(1, sizeof *n))) {
        n->id = id;
        HASH_ADD(hh, a->files, id, sizeof n->id, n);
    }
    if (n)
        n->recording = recording;
    pthread_mutex_unlock(&a->lock);
}

/* Where remembered names came from: "INODE NAME\n" and the bytes of the file. */
static void remember(struct apply *a, const char *key, struct file_id directory, const char *name,
                     const char *data, size_t len)
{
    cleanup_buffer struct buffer text = {0};
    buffer_printf(&text, "%" PRIx64 " %s\n", directory.ino, name);
    buffer_add(&text, data, len);
    if (buffer_error(&text) == 0)
        (void)remembered_put(a->remembered, key, text.data, text.len);
}

/* The names a recording had under an earlier name of its own. False: there are none, or their file was
 * deleted. */
static bool recall(struct apply *a, const char *key, const struct known_name *n, char files[2][NAME_SIZE],
                   struct render_look *look)
{
    size_t len = 0;
    struct folder_mistakes mistakes;
    cleanup_free char *text = remembered_get(a->remembered, key, &len);
    char *end = text ? memchr(text, '\n', len) : NULL, *name;
    if (!end)
        return false;
    *end = '\0';
    uint64_t ino = strtoull(text, &name, 16);
    name += *name == ' ';
    if (ino == n->directory.ino && (strcmp(name, files[0]) == 0 || strcmp(name, files[1]) == 0)) {
        remembered_drop(a->remembered, key);
        return false;
    }
    int rc = speakers_parse(end + 1, len - (size_t)(end + 1 - text), look, &mistakes);
    folder_mistakes_clear(&mistakes);
    return rc == 0;
}

/* Names from the file beside the recording, or those it brought along: 1, 0: there are none, or negative
 * errno: it cannot be told. *news: what is told in the folder has changed. */
static int add_speakers(struct apply *a, const struct known_name *n, struct render_look *look, bool *news)
{
    char files[2][NAME_SIZE] = {"", ""}, key[REMEMBERED_NAME];
    struct store_stat recording, st;
    cleanup_close int fd = store_open(a->config.inbox_fd, n->path, O_PATH | O_DIRECTORY);
    int rc = fd < 0 ? fd : store_stat(fd, n->name, &recording);
    if (rc != 0)
        return rc;
    remembered_name("names", &recording, a->config.device, key);
    bool found = false;
    const char *const bases[2] = {n->base, n->name};
    for (int i = 0; i < 2; i++) {
        if (!speakers_file_name(bases[i], files[i]))
            files[i][0] = '\0';
        size_t len = 0;
        struct folder_mistakes mistakes = {0};
        bool there = files[i][0] && !found && faccessat(fd, files[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        cleanup_free char *data = there ? read_file(a, n->path, files[i], &st, &len) : NULL;
        if (data) {
            found = true;
            (void)speakers_parse(data, len, look, &mistakes);
            remember(a, key, n->directory, files[i], data, len);
            note_file(a, st.id, recording.id);
        }
        if (files[i][0])
            *news |= folders_note(a->config.folders, n->path, files[i], &mistakes);
        folder_mistakes_clear(&mistakes);
    }
    return found || recall(a, key, n, files, look);
}

static void apply_look_of(struct apply *a, const struct known_name *n)
{
    struct render_look look;
    bool news = false;
    const struct folder_settings *s = folders_get(a->config.folders, n->path);
    bool said = s->look_said;
    int rc = look_copy(&look, &s->look);
    folders_put(s);
    if (rc != 0)
        return;
    pthread_mutex_lock(&a->reading);
    rc = add_speakers(a, n, &look, &news);
    if (rc >= 0)
        library_set_look(a->config.library, n->directory, n->name, said || rc == 1 ? &look : NULL);
    pthread_mutex_unlock(&a->reading);
    look_clear(&look);
    if (news)
        tell_mistakes(a, n->path);
}

/* ---- directories ---- */

static void apply_directory(struct apply *a, const struct known_directory *d, bool with_looks)
{
    struct known_name *names = NULL;
    size_t count = 0;
    const struct folder_settings *s = folders_get(a->config.folders, d->path);
    library_names_in(a->config.library, d->id, &names, &count);
    for (size_t i = 0; i < count && !atomic_load(&a->stopping); i++) {
        set_policy(a, s, names[i].directory, names[i].name);
        if (!with_looks)
            continue;
        apply_look_of(a, &names[i]);
        library_reconsider(a->config.library, names[i].directory, names[i].name);
    }
    known_names_free(names, count);
    folders_put(s);
}

static void apply_below(struct apply *a, const char *path, bool with_looks)
{
    struct known_directory *all = NULL;
    size_t count = 0;
    library_directories(a->config.library, path, &all, &count);
    for (size_t i = 0; i < count; i++)
        apply_directory(a, &all[i], with_looks);
    known_directories_free(all, count);
    if (with_looks && a->config.changed)
        a->config.changed(a->config.context);
}

static void arm(void *arg)
{
    struct apply *a = arg;
    if (!atomic_load(&a->stopping))
        loop_timer_after(a->timer, FOLDERS_QUIET_MS + 20);
}

static void look_again_soon(struct apply *a)
{
    (void)loop_post(a->config.loop, arm, a);
}

static void on_changed(void *context, const char *path)
{
    tell_mistakes(context, path);
    apply_below(context, path, true);
}

static void look_again(struct task *t)
{
    if (folders_look_again(t->apply->config.folders, on_changed, t->apply))
        look_again_soon(t->apply);
}

static void on_timer(void *arg)
{
    later(arg, look_again, (struct file_id){0}, "", "");
}

void apply_look(struct apply *a, const char *path)
{
    cleanup_free char *changed = NULL;
    bool again = folders_look(a->config.folders, path, &changed);
    if (changed)
        on_changed(a, changed);
    if (again)
        look_again_soon(a);
}

static void look_at_all(struct apply *a, const char *path)
{
    struct known_directory *all = NULL;
    size_t count = 0;
    bool again = false;
    library_directories(a->config.library, path, &all, &count);
    for (size_t i = 0; i < count && !atomic_load(&a->stopping); i++) {
        cleanup_free char *changed = NULL;
        again |= folders_look(a->config.folders, all[i].path, &changed);
    }
    known_directories_free(all, count);
    if (again)
        look_again_soon(a);
}

void apply_begin(struct apply *a)
{
    look_at_all(a, "");
    apply_below(a, "", false);
    tell_mistakes(a, "");
}

void apply_everything(struct apply *a, const char *path)
{
    look_at_all(a, path);
    apply_below(a, path, true);
    tell_mistakes(a, path);
}

void apply_recording(struct apply *a, struct file_id id)
{
    struct known_name *names = NULL;
    size_t count = 0;
    library_names_of(a->config.library, id, &names, &count);
    for (size_t i = 0; i < count; i++) {
        const struct folder_settings *s = folders_get(a->config.folders, names[i].path);
        set_policy(a, s, names[i].directory, names[i].name);
        folders_put(s);
        apply_look_of(a, &names[i]);
    }
    known_names_free(names, count);
}

/* ---- what happens in the inbox ---- */

static void look_task(struct task *t)
{
    apply_look(t->apply, t->path);
}

static void recording_task(struct task *t)
{
    apply_recording(t->apply, t->id);
}

/* Whose names are in the file t->name? */
static void names_task(struct task *t)
{
    struct known_name *names = NULL;
    size_t count = 0;
    size_t cut = strlen(t->name) - strlen(SPEAKERS_SUFFIX);
    bool read = false;
    library_names_in(t->apply->config.library, t->id, &names, &count);
    for (size_t i = 0; i < count; i++) {
        bool by_base = strlen(names[i].base) == cut && memcmp(names[i].base, t->name, cut) == 0;
        bool by_name = strlen(names[i].name) == cut && memcmp(names[i].name, t->name, cut) == 0;
        if (by_base || by_name)
            apply_look_of(t->apply, &names[i]);
        read |= by_base || by_name;
    }
    /* Nobody's: what was wrong with it is no matter any more. */
    if (!read && folders_note(t->apply->config.folders, t->path, t->name, NULL))
        tell_mistakes(t->apply, t->path);
    known_names_free(names, count);
}

bool apply_file(struct apply *a, const struct place *place)
{
    if (folder_is_settings_file(place->name)) {
        later(a, look_task, place->directory, place->path, place->name);
        return true;
    }
    if (!speakers_is_file(place->name))
        return false;
    later(a, names_task, place->directory, place->path, place->name);
    return true;
}

void apply_released(struct apply *a, struct file_id id)
{
    cleanup_free char *path = folders_of_file(a->config.folders, id);
    struct file_id recording = {0};
    struct names_file *n;
    pthread_mutex_lock(&a->lock);
    HASH_FIND(hh, a->files, &id, sizeof id, n);
    if (n)
        recording = n->recording;
    pthread_mutex_unlock(&a->lock);
    if (path)
        later(a, look_task, id, path, "");
    if (n)
        later(a, recording_task, recording, "", "");
}

void apply_named(struct apply *a, const struct place *place, bool known)
{
    const struct folder_settings *s = folders_get(a->config.folders, place->path);
    struct file_id id;
    set_policy(a, s, place->directory, place->name);
    folders_put(s);
    if (known && library_find_name(a->config.library, place, &id) == 0)
        later(a, recording_task, id, "", "");
}

static void moved_task(struct task *t)
{
    apply_everything(t->apply, t->path);
}

void apply_directory_moved(struct apply *a, const char *from, const char *to)
{
    folders_moved(a->config.folders, from, to);
    later(a, moved_task, (struct file_id){0}, to, "");
}

/* ---- beginning and end ---- */

int apply_new(const struct apply_config *config, struct apply **out)
{
    struct apply *a = calloc(1, sizeof *a);
    if (!a)
        return -ENOMEM;
    a->config = *config;
    pthread_mutex_init(&a->reading, NULL);
    pthread_mutex_init(&a->telling, NULL);
    pthread_mutex_init(&a->lock, NULL);
    a->timer = loop_timer(config->loop, on_timer, a);
    int rc = a->timer ? remembered_open(config->state_fd, &a->remembered) : -ENOMEM;
    if (rc != 0) {
        apply_free(a);
        return rc;
    }
    *out = a;
    return 0;
}

void apply_stop(struct apply *a)
{
    if (a)
        atomic_store(&a->stopping, true);
}

void apply_free(struct apply *a)
{
    if (!a)
        return;
    struct names_file *n, *next;
    HASH_ITER(hh, a->files, n, next)
    {
        HASH_DEL(a->files, n);
        free(n);
    }
    loop_timer_free(a->timer);
    remembered_free(a->remembered);
    pthread_mutex_destroy(&a->reading);
    pthread_mutex_destroy(&a->telling);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
