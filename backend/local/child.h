/* A child process on the loop: started with a recording and two pipes, watched through a pidfd, always
 * reaped.
 *
 * No SIGCHLD handler is needed, and a killed child never makes anybody wait. */
#pragma once

#include <sys/types.h>

struct error;
struct loop;
struct child;
struct child_list;

/* All children of one backend. NULL when out of memory. */
struct child_list *child_list_new(struct loop *loop);
/* Kills and reaps what is left; waits up to a second for the kernel to finish. */
void child_list_free(struct child_list *list);

struct child_exit {
    int code;   /* exit status; -1 when it was killed */
    int signal; /* 0 when it exited */
};

/* Starts argv[0] in a session of its own, with standard input and output on /dev/null, `recording` as
 * descriptor 3 and `converted`, unless negative, as descriptor 5; both stay the caller's. What it writes to
 * descriptor 4 and to standard error can be read from *output and *messages (non-blocking, owned by the
 * caller). `exited` is called once, on the loop, unless child_abandon() came first. NULL and *err on failure.
 */
struct child *child_start(struct child_list *list, char *const argv[], int recording, int converted,
                          int *output, int *messages, void (*exited)(void *arg, struct child_exit how),
                          void *arg, struct error *err);
pid_t child_pid(const struct child *child);
/* SIGKILL; `exited` is still called. */
void child_kill(struct child *child);
/* Kills it and forgets about it: reaped in the background, `exited` is not called. */
void child_abandon(struct child *child);
