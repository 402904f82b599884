/* Which filesystems are changed by others than this machine. */
#pragma once

#include <stdbool.h>

/* True for the types of statfs(2) where changes may come from elsewhere and raise no inotify events here.
 * Pure. */
bool filesystem_is_remote(long type);
