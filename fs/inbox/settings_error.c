/* From the mistakes that are known to the texts of the library. */
#include "fs/inbox/settings_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/inbox/folders.h"
#include "fs/inbox/status.h"
#include "fs/inbox/wording.h"
#include "fs/library.h"

/* A text for one directory. It has the rights of the first file with a mistake, so it quotes that one only.
 */
struct text {
    char *path, *file_name;
    struct buffer text;
    struct folder_note note;
};

struct texts {
    struct folders *folders;
    const struct wording *wording;
    struct text *items;
    size_t count;
};

static bool is_wanted(struct folders *folders, const char *path)
{
    const struct folder_settings *s = folders_get(folders, path);
    bool wanted = !s->no_status;
    folders_put(s);
    return wanted;
}

/* The mistakes of one directory come one after the other. */
static void add(void *context, const struct folders_mistake *m)
{
    struct texts *all = context;
    struct text *last = all->count ? &all->items[all->count - 1] : NULL;
    if (last && strcmp(last->path, m->path) == 0) {
        buffer_puts(&last->text, "\n");
        buffer_printf(
            &last->text,
            say(all->wording, "There is a mistake in %s as well. It is told here once this one is mended."),
            m->name);
        buffer_puts(&last->text, "\n");
        return;
    }
    struct text *more =
        is_wanted(all->folders, m->path) ? realloc(all->items, (all->count + 1) * sizeof *more) : NULL;
    if (!more)
        return;
    all->items = more;
    more[all->count] = (struct text){.path = strdup(m->path), .file_name = strdup(m->name)};
    last = &more[all->count];
    if (!last->path || !last->file_name) {
        free(last->path);
        free(last->file_name);
        return;
    }
    all->count++;
    folder_describe_mistakes(all->wording, m->name, m->mistakes, m->held, &last->text);
}

/* False: it is not there any more; that will be noticed. */
static bool complete(struct text *t, int inbox_fd)
{
    struct store_stat directory, file;
    cleanup_close int fd = store_open(inbox_fd, t->path, O_PATH | O_DIRECTORY);
    if (fd < 0 || store_stat(fd, "", &directory) != 0 || store_stat(fd, t->file_name, &file) != 0 ||
        !S_ISREG(file.mode))
        return false;
    status_pad(&t->text, 0, 0);
    t->note = (struct folder_note){.directory = directory.id,
                                   .path = t->path,
                                   .file = file.id,
                                   .file_name = t->file_name,
                                   .mtime = {.tv_sec = (time_t)(file.stat.mtime_ns / 1000000000),
                                             .tv_nsec = (long)(file.stat.mtime_ns % 1000000000)},
                                   .text = t->text.data};
    return buffer_error(&t->text) == 0;
}

void settings_error_tell(struct library *library, struct folders *folders, int inbox_fd,
                         const struct wording *wording, const char *path)
{
    struct texts all = {.folders = folders, .wording = wording};
    size_t n = 0;
    int rc = folders_each_mistake(folders, path, add, &all);
    cleanup_free struct folder_note *notes = calloc(all.count + 1, sizeof *notes);
    for (size_t i = 0; notes && i < all.count; i++)
        if (complete(&all.items[i], inbox_fd))
            notes[n++] = all.items[i].note;
    if (rc == 0 && notes)
        (void)library_set_notes(library, VIEW_SETTINGS_ERROR, path, notes, n);
    for (size_t i = 0; i < all.count; i++) {
        buffer_clear(&all.items[i].text);
        free(all.items[i].path);
        free(all.items[i].file_name);
    }
    free(all.items);
}
