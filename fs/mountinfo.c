/* Reading /proc/self/mountinfo. libmount can do this too, at the price of a library that is loaded for it
 * alone. */
#include "fs/mountinfo.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"

/* In place: the kernel writes space, tab, newline, backslash and '#' as \ooo. */
static void unescape(char *s)
{
    char *to = s;
    while (*s) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
            s[3] <= '7') {
            *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 4;
        } else {
            *to++ = *s++;
        }
    }
    *to = '\0';
}

/* "36 35 98:0 /root /mountpoint rw,noatime master:1 - fuse.scribefs source rw": points into the line. */
static bool parse(char *line, const char *type, char **mountpoint, char **source, unsigned *minor)
{
    char *rest = line, *field;
    *mountpoint = NULL;
    for (int n = 1; (field = strsep(&rest, " ")); n++) {
        if (n == 3 && sscanf(field, "%*u:%u", minor) != 1)
            return false;
        if (n == 5)
            *mountpoint = field;
        if (n > 6 && strcmp(field, "-") == 0)
            break;
    }
    field = strsep(&rest, " ");
    *source = strsep(&rest, " ");
    if (!field || !*source || !*mountpoint || strcmp(field, type) != 0)
        return false;
    unescape(*mountpoint);
    unescape(*source);
    return true;
}

int mountinfo_read(FILE *file, const char *type, struct mountinfo **out, size_t *count)
{
    cleanup_free char *line = NULL;
    size_t room = 0, n = 0;
    struct mountinfo *entries = NULL;
    ssize_t len;
    while ((len = getline(&line, &room, file)) > 0) {
        char *mountpoint, *source;
        unsigned minor = 0;
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        if (!parse(line, type, &mountpoint, &source, &minor))
            continue;
        struct mountinfo *more = reallocarray(entries, n + 1, sizeof *entries);
        if (!more) {
            mountinfo_free(entries, n);
            return -ENOMEM;
        }
        entries = more;
        entries[n] = (struct mountinfo){strdup(mountpoint), strdup(source), minor};
        if (!entries[n].mountpoint || !entries[n].source) {
            mountinfo_free(entries, n + 1);
            return -ENOMEM;
        }
        n++;
    }
    *out = entries;
    *count = n;
    return 0;
}

void mountinfo_free(struct mountinfo *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(entries[i].mountpoint);
        free(entries[i].source);
    }
    free(entries);
}

const char *path_below(const char *path, const char *directory)
{
    size_t n = strlen(directory);
    if (n > 0 && directory[n - 1] == '/') /* the root directory */
        n--;
    if (strncmp(path, directory, n) != 0)
        return NULL;
    if (path[n] == '\0')
        return path + n;
    return path[n] == '/' ? path + n + 1 : NULL;
}
