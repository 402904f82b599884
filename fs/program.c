/* Finding what belongs to the program: as it was built, or as it was installed. */
#include "fs/program.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *existing(const char *format, const char *directory)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", directory, format);
    return n > 0 && n < (int)sizeof path && access(path, F_OK) == 0 ? strdup(path) : NULL;
}

char *program_part(const char *built, const char *installed)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return NULL;
    exe[n] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash)
        *slash = '\0';
    char *found = existing(built, exe);
    return found ? found : existing(installed, exe);
}
