/* The announcer, the daemon's side: a child process that creates, removes and touches views' names through
 * the mount, so that inotify watchers, file managers and smbd notice them. A thread of the daemon must never
 * use the daemon's own mount (killed, it would hang for ever); the child may, and holds nothing of the
 * daemon's but one socket. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct announcer;
struct mount;

/* What goes over the socket (SOCK_SEQPACKET): a request is one byte and the path, an answer is an int32_t, 0
 * or negative errno. */
enum announcer_request { ANNOUNCER_CREATE = 'c', ANNOUNCER_DELETE = 'd', ANNOUNCER_TOUCH = 't' };

/* Starts the thread; it sends nothing before announcer_go(). 0 or negative errno. */
int announcer_start(struct mount *m, struct announcer **out);
/* The kernel answers: begin. */
void announcer_go(struct announcer *a);
/* Is this thread the announcer's child? A NULL announcer is nobody. */
bool announcer_is(const struct announcer *a, pid_t pid);
/* The same, and it is there to remove or touch something: it must find what nobody else sees any more. (What
 * it is about to create it must not find.) */
bool announcer_sees_hidden(const struct announcer *a, pid_t pid);
/* No more announcements; wakes the thread. */
void announcer_stop(struct announcer *a);
/* After announcer_stop() and when the mount is gone or dead: ends the thread and the child. NULL is fine. */
void announcer_free(struct announcer *a);
