/* Reading keys. */
#include "backend/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"

enum { MOST_BYTES = 8192 };

void secret_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void secret_clear(struct secret *secret)
{
    for (int i = 0; i < SECRET_LINES; i++)
        secret_free(secret->line[i]);
    *secret = (struct secret){.count = 0};
}

/* Each line without white space around it; empty ones are passed over. */
static int split(const char *text, struct secret *out)
{
    while (*text && out->count < SECRET_LINES) {
        size_t len = strcspn(text, "\r\n");
        size_t first = strspn(text, " \t"), end = len;
        while (end > first && (text[end - 1] == ' ' || text[end - 1] == '\t'))
            end--;
        if (first < end) {
            out->line[out->count] = strndup(text + first, end - first);
            if (!out->line[out->count])
                return -ENOMEM;
            out->count++;
        }
        text += len + strspn(text + len, "\r\n");
    }
    return 0;
}

static int read_file(const char *path, struct secret *out)
{
    char text[MOST_BYTES];
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    size_t len = 0;
    ssize_t n;
    while (len < sizeof text - 1 && (n = read(fd, text + len, sizeof text - 1 - len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        len += (size_t)n;
    }
    text[len] = '\0';
    int rc = split(text, out);
    explicit_bzero(text, sizeof text);
    return rc;
}

/* A key goes into a header: whatever is not printable ASCII in it is a mistake, and could be an attack. */
static int printable(const struct secret *secret)
{
    for (int i = 0; i < secret->count; i++)
        for (const char *c = secret->line[i]; *c; c++)
            if (*c <= ' ' || *c > '~')
                return 0;
    return 1;
}

/* Whether somebody gave a key itself as the path of its file: a message with it would be read by everybody. */
static bool is_key(const char *path)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    static const char *const prefixes[] = {"sk-", "gsk_", "LTAI", "whsec_"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return strlen(name) >= 24 && !name[strspn(name, letters)] && strpbrk(name, "0123456789");
}

static const char *variable(const char *name)
{
    const char *value = name ? getenv(name) : NULL;
    return value && *value ? value : NULL;
}

int secret_read(const struct secret_source *source, int lines, const char *code, struct secret *out,
                struct error *err)
{
    *out = (struct secret){.count = 0};
    const char *text = source->file ? NULL : variable(source->environment);
    const char *path = source->file ? source->file : text ? NULL : variable(source->environment_file);
    int rc = text ? split(text, out) : path ? read_file(path, out) : -ENOKEY;
    const char *where = path ? path : text ? source->environment : "";
    if (!rc && out->count >= lines && printable(out))
        return 0;
    if (!rc)
        rc = out->count < lines ? -ENODATA : -EINVAL;
    secret_clear(out);
    if (rc == -ENOKEY)
        return error_set(err, ERROR_PERSON, ENOKEY, code, "no key is configured");
    if (rc == -ENODATA)
        return error_set(err, ERROR_PERSON, ENODATA, code, "%s holds no whole key", where);
    if (rc == -EINVAL)
        return error_set(err, ERROR_PERSON, EINVAL, code, "%s holds characters that no key has", where);
    if (rc == -ENOENT && is_key(where))
        return error_set(err, ERROR_PERSON, ENOENT, code,
                         "a key was given where the path of a file belongs: put it into a file, and name that");
    return error_set(err, ERROR_PERSON, -rc, code, "%s cannot be read: %s", where, strerror(-rc));
}
