/* Which program a request comes from, as far as that changes what it means. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* `pid` is a thread's, as a filesystem request has it. False when it cannot be told: the program has ended,
 * or is in a container of its own. */
bool program_is_smbd(pid_t pid);
/* It makes one folder like another (rsync, rclone …): what it deletes is what the other does not have, and no
 * wish of anybody's. */
bool program_mirrors(pid_t pid);
/* The same by the name of the thread, as in /proc/PID/comm. Pure. */
bool program_name_mirrors(const char *name);
