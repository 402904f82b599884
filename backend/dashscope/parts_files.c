/* The files of the parts: their audio, and the transcripts of those that are done. Everything here may wait
 * for the disk and runs in threads; what it touches is left alone by the loop meanwhile. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "backend/base/json_out.h"
#include "backend/dashscope/parts_internal.h"
#include "backend/stitch.h"
#include "backend/transcript.h"

#define PIECE ((size_t)16 << 20) /* bytes copied between two looks at `stop` */
#define NAME_MOST 32

static void free_transcript(struct transcript **t)
{
    transcript_free(*t);
}
#define cleanup_transcript __attribute__((cleanup(free_transcript)))

static int open_directory(const struct parts *parts)
{
    int fd = open(parts->job->work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

static void name_of(const struct part *part, const char *ending, char name[NAME_MOST])
{
    snprintf(name, NAME_MOST, "part-%03zu%s", part->number + 1, ending);
}

static int sync_fd(int fd)
{
    return fsync(fd) == 0 ? 0 : -errno;
}

/* ---- the file of all parts ---- */

int parts_file_open(struct parts *parts, int flags)
{
    cleanup_close int directory = open_directory(parts);
    if (directory < 0)
        return directory;
    parts->file = openat(directory, "parts", flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    return parts->file >= 0 ? 0 : -errno;
}

/* Results of an earlier cut are not to be taken for those of this one. */
static int remove_results(int directory)
{
    int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    int rc = 0;
    if (!dir) {
        rc = -errno;
        if (again >= 0)
            close(again);
        return rc;
    }
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (strncmp(entry->d_name, "part-", 5) == 0 && unlinkat(directory, entry->d_name, 0) < 0)
            rc = -errno;
    closedir(dir);
    return rc;
}

int parts_file_sync(void *arg, const atomic_bool *stop)
{
    struct parts *parts = arg;
    (void)stop;
    cleanup_close int directory = open_directory(parts);
    int rc = directory < 0 ? directory : remove_results(directory);
    rc = rc ? rc : sync_fd(parts->file);
    return rc ? rc : sync_fd(directory);
}

/* ---- a part's own file ---- */

/* Not every filesystem has files without a name. Or a negative errno. */
static int nameless_file(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd >= 0 ? fd : -errno;
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/.part-XXXXXX", directory) >= (int)sizeof path)
        return -ENAMETOOLONG;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

static int write_all(int fd, const char *data, size_t length)
{
    while (length) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* By reading and writing, where the filesystem cannot copy. */
static ssize_t copy_piece(int from, int64_t offset, int to, size_t length)
{
    size_t most = length < (1 << 20) ? length : 1 << 20;
    char *data cleanup_free = malloc(most);
    ssize_t n = data ? pread(from, data, most, offset) : -1;
    if (n <= 0)
        return n;
    int rc = write_all(to, data, (size_t)n);
    if (rc)
        errno = -rc;
    return rc ? -1 : n;
}

static int copy_range(int from, int64_t offset, int64_t length, int to, const atomic_bool *stop)
{
    bool simple = false;
    while (length > 0) {
        size_t piece = (uint64_t)length < PIECE ? (size_t)length : PIECE;
        off_t at = offset;
        if (atomic_load(stop))
            return -ECANCELED;
        ssize_t n =
            simple ? copy_piece(from, offset, to, piece) : copy_file_range(from, &at, to, NULL, piece, 0);
        if (n < 0 && !simple &&
            (errno == EXDEV || errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP)) {
            simple = true;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO; /* shorter than it was */
        offset += n;
        length -= n;
    }
    return lseek(to, 0, SEEK_SET) == 0 ? 0 : -errno;
}

int part_copy(void *arg, const atomic_bool *stop)
{
    struct part *part = arg;
    cleanup_close int fd = nameless_file(part->parts->job->work_dir);
    int rc = fd < 0 ? fd : copy_range(part->parts->file, part->offset, part->length, fd, stop);
    if (!rc)
        part->fd = steal_fd(fd);
    return rc;
}

/* ---- results ---- */

/* Whole and durable under its name, or not there at all. */
static int put_file(int directory, const char *name, const struct buffer *content)
{
    char fresh[NAME_MOST + 8];
    snprintf(fresh, sizeof fresh, "%s.new", name);
    cleanup_close int fd =
        openat(directory, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = fd < 0 ? -errno : write_all(fd, content->data ? content->data : "", content->len);
    rc = rc ? rc : sync_fd(fd);
    if (!rc && renameat(directory, fresh, directory, name) < 0)
        rc = -errno;
    if (rc)
        unlinkat(directory, fresh, 0);
    return rc;
}

/* The transcript comes last: where it is, the rest is. */
int part_store(void *arg, const atomic_bool *stop)
{
    struct part *part = arg;
    char name[NAME_MOST];
    (void)stop;
    cleanup_close int directory = open_directory(part->parts);
    if (directory < 0)
        return directory;
    name_of(part, ".raw", name);
    int rc = put_file(directory, name, &part->raw);
    name_of(part, ".json", name);
    rc = rc ? rc : put_file(directory, name, &part->json);
    return rc ? rc : sync_fd(directory);
}

static int read_file(int directory, const char *name, struct buffer *out)
{
    cleanup_close int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char data[65536];
    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t n = read(fd, data, sizeof data);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : buffer_error(out);
        buffer_add(out, data, (size_t)n);
    }
}

static struct transcript *read_transcript(int directory, const struct part *part)
{
    struct buffer json cleanup_buffer = {0};
    struct error err = {0};
    char name[NAME_MOST];
    name_of(part, ".json", name);
    if (read_file(directory, name, &json) != 0 || !json.len)
        return NULL;
    return transcript_from_json(json.data, json.len, &err);
}

char *parts_plain_text(const struct transcript *t)
{
    struct buffer text = {0};
    buffer_puts(&text, "");
    for (size_t i = 0; i < t->sentence_count; i++) {
        buffer_puts(&text, i ? " " : "");
        buffer_puts(&text, t->sentences[i].text);
    }
    return buffer_take(&text);
}

int parts_look(void *arg, const atomic_bool *stop)
{
    struct parts *parts = arg;
    struct stat st = {.st_size = 0};
    int64_t needed = 0;
    cleanup_close int directory = open_directory(parts);
    for (size_t i = 0; i < parts->count && directory >= 0; i++) {
        struct part *part = &parts->part[i];
        if (atomic_load(stop))
            return -ECANCELED;
        struct transcript *t cleanup_transcript = read_transcript(directory, part);
        part->done = t != NULL;
        free(part->text);
        part->text = t ? parts_plain_text(t) : NULL;
        if (!part->done && part->offset + part->length > needed)
            needed = part->offset + part->length;
    }
    if (directory < 0 || (needed && (parts->file < 0 || fstat(parts->file, &st) < 0 || st.st_size < needed)))
        return -ENODATA;
    return 0;
}

/* ---- the whole ---- */

static bool is_json(const char *text, size_t length)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    bool whole = json != NULL;
    for (; whole && end < text + length; end++)
        whole = strchr(" \t\r\n", *end) != NULL;
    cJSON_Delete(json);
    return whole;
}

/* Growing answers are a JSON value in each line. */
static bool is_json_lines(const struct buffer *raw)
{
    for (const char *line = raw->data; line < raw->data + raw->len;) {
        const char *end = memchr(line, '\n', (size_t)(raw->data + raw->len - line));
        size_t length = end ? (size_t)(end - line) : (size_t)(raw->data + raw->len - line);
        if (!is_json(line, length))
            return false;
        line += length + 1;
    }
    return true;
}

static void add_lines(const struct buffer *raw, struct buffer *out)
{
    buffer_puts(out, "[");
    for (size_t i = 0; i < raw->len; i++) {
        bool last = i + 1 == raw->len;
        if (raw->data[i] != '\n')
            buffer_add(out, raw->data + i, 1);
        else if (!last)
            buffer_puts(out, ",");
    }
    buffer_puts(out, "]");
}

static void add_raw(const struct buffer *raw, struct buffer *out)
{
    if (!raw->len)
        buffer_puts(out, "null");
    else if (is_json(raw->data, raw->len))
        buffer_add(out, raw->data, raw->len);
    else if (is_json_lines(raw))
        add_lines(raw, out);
    else
        json_out_text(out, raw->data, raw->len);
}

static int assemble_raw(int directory, const struct parts *parts, struct buffer *out)
{
    buffer_puts(out, "[");
    for (size_t i = 0; i < parts->count; i++) {
        struct buffer raw cleanup_buffer = {0};
        char name[NAME_MOST];
        name_of(&parts->part[i], ".raw", name);
        int rc = read_file(directory, name, &raw);
        if (rc && rc != -ENOENT)
            return rc;
        buffer_puts(out, i ? "," : "");
        add_raw(&raw, out);
    }
    buffer_puts(out, "]");
    return buffer_error(out);
}

int parts_assemble(void *arg, const atomic_bool *stop)
{
    struct parts *parts = arg;
    struct stitch_part *piece cleanup_free = calloc(parts->count, sizeof *piece);
    cleanup_close int directory = open_directory(parts);
    int rc = !piece ? -ENOMEM : directory < 0 ? directory : 0;
    for (size_t i = 0; i < parts->count && !rc; i++) {
        const struct part *part = &parts->part[i];
        piece[i] = (struct stitch_part){read_transcript(directory, part), part->begin_ms, part->end_ms};
        rc = !piece[i].transcript ? -EBADMSG : atomic_load(stop) ? -ECANCELED : 0;
    }
    if (!rc)
        parts->whole = stitch(piece, parts->count, NULL);
    if (!rc && !parts->whole)
        rc = -ENOMEM;
    for (size_t i = 0; piece && i < parts->count; i++)
        transcript_free((struct transcript *)(uintptr_t)piece[i].transcript);
    return rc ? rc : assemble_raw(directory, parts, &parts->job->raw);
}
