/* Reading views inside the daemon. */
#include "fs/view_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/inbox/status.h"
#include "fs/inbox/store.h"
#include "fs/library.h"

/* The file may hold more than the view. */
static int read_all(int fd, size_t size, struct buffer *out)
{
    char bytes[65536];
    for (size_t at = 0; at < size;) {
        size_t left = size - at;
        ssize_t n = pread(fd, bytes, left < sizeof bytes ? left : sizeof bytes, (off_t)at);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        buffer_add(out, bytes, (size_t)n);
        at += (size_t)n;
    }
    return buffer_error(out);
}

/* The name of the view beside the recording. */
static int name_of(struct library *library, const char *path, enum view_format format, char name[NAME_SIZE])
{
    struct item *items = NULL;
    size_t count = 0;
    int rc = library_items(library, path, &items, &count);
    if (rc == 0 && count != 1)
        rc = -ENOENT;
    if (rc == 0)
        view_name(items[0].base, format, name);
    items_free(items, count);
    return rc;
}

int view_text(struct library *library, int inbox_fd, const char *path, enum view_format format, struct buffer *out)
{
    char name[NAME_SIZE];
    struct store_stat folder;
    struct view view;
    struct view_content content;
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
    int rc = directory ? name_of(library, path, format, name) : -ENOMEM;
    cleanup_close int at = rc == 0 ? store_open(inbox_fd, directory, O_PATH | O_DIRECTORY) : -1;
    if (rc == 0)
        rc = at < 0 ? at : store_stat(at, "", &folder);
    if (rc == 0)
        rc = library_find_view(library, folder.id, name, false, &view);
    if (rc == 0)
        rc = library_open_view(library, &view, &content);
    if (rc != 0)
        return rc;
    cleanup_close int fd = content.fd;
    cleanup_free char *text = content.text;
    if (fd >= 0)
        return read_all(fd, content.size, out);
    buffer_add(out, text, content.size);
    return buffer_error(out);
}
