/* Tells the kernel to forget names. It may have to wait for the directory's lock, so a thread of its own does
 * it, never a handler. */
#pragma once

#include <stdint.h>

struct mount;
struct notifier;

int notifier_start(struct mount *m, struct notifier **out); /* 0 or negative errno */
/* Any thread, never blocks: the kernel forgets `name` in the directory with this node id. */
void notifier_push(struct mount *m, uint64_t directory, const char *name);
/* Drops what is queued and ends the thread. The connection must be dead or served, or this may wait. NULL is
 * fine. */
void notifier_stop(struct notifier *notifier);
