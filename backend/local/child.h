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

/* A program and what it is given. Descriptors stay the caller's; a negative one: none. */
struct child_program {
    char *const *argv;        /* argv[0]: its path */
    char *const *environment; /* NULL: hardly anything; the daemon's own may hold keys and never goes along */
    int input;                /* standard input; none: /dev/null */
    int recording, converted; /* descriptors 3 and 5 */
};

/* Starts it in a session of its own. What it writes to descriptor 4 can be read from *output, and what it writes to
 * standard error from *messages (non-blocking, owned by the caller). Where `output` is NULL there is no descriptor 4, and
 * standard output goes to *messages too; else it goes to /dev/null. `exited` is called once, on the loop, unless
 * child_abandon() came first. NULL and *err ("engine.missing", "engine.start") on failure. */
struct child *child_start(struct child_list *list, const struct child_program *program, int *output, int *messages,
                          void (*exited)(void *arg, struct child_exit how), void *arg, struct error *err);
pid_t child_pid(const struct child *child);
/* SIGKILL for all of its session; `exited` is still called. */
void child_kill(struct child *child);
/* Kills it and forgets about it: reaped in the background, `exited` is not called. */
void child_abandon(struct child *child);
