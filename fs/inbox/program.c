/* Programs by the names of their threads. */
#include "fs/inbox/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"

#define COMM_SIZE 32 /* the kernel's names have 15 characters at most */

static void read_name(pid_t pid, char name[COMM_SIZE])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, name, COMM_SIZE - 1) : 0;
    name[n > 0 ? n : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
}

bool program_is_smbd(pid_t pid)
{
    char name[COMM_SIZE];
    read_name(pid, name);
    return !strncmp(name, "smbd", 4); /* and smbd-notifyd … */
}

bool program_name_mirrors(const char *name)
{
    /* By their beginnings: unison-text, nextcloudcmd … */
    static const char *const mirrors[] = {"rsync",     "rclone",   "unison",      "syncthing",
                                          "nextcloud", "owncloud", "FreeFileSync"};
    for (size_t i = 0; i < sizeof mirrors / sizeof *mirrors; i++)
        if (!strncmp(name, mirrors[i], strlen(mirrors[i])))
            return true;
    return false;
}

bool program_mirrors(pid_t pid)
{
    char name[COMM_SIZE];
    read_name(pid, name);
    return program_name_mirrors(name);
}
