/* Programs the emulator runs on a recording. */
#include "tests/emulator/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"

extern char **environ;

enum { FIRST_FREE = 10 }; /* descriptors from here on cannot be in the way of 0..4 */

static void enrol(struct emulator *emu, pid_t pid, pid_t instead)
{
    emu_lock(emu);
    for (size_t i = 0; i < HEAR_CHILDREN; i++)
        if (emu->heard.children[i] == instead) {
            emu->heard.children[i] = pid;
            break;
        }
    emu_unlock(emu);
}

void child_kill_all(struct emulator *emu)
{
    for (size_t i = 0; i < HEAR_CHILDREN; i++)
        if (emu->heard.children[i])
            kill(emu->heard.children[i], SIGKILL);
}

static int spawn(const char *const argv[], int recording, int output, int out_fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (output != STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, recording, 3);
    posix_spawn_file_actions_adddup2(&actions, out_fd, output);
    int rc = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return rc;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int child_run(struct emulator *emu, const char *const argv[], int recording, int output, int out_fd,
              struct buffer *out)
{
    int ends[2] = {-1, -1};
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", recording);
    cleanup_close int again = open(path, O_RDONLY | O_CLOEXEC); /* an offset of its own */
    cleanup_close int high = fcntl(again, F_DUPFD_CLOEXEC, FIRST_FREE);
    if (high < 0 || (out_fd < 0 && pipe2(ends, O_CLOEXEC)))
        return -1;
    cleanup_close int read_end = ends[0];
    cleanup_close int write_end = fcntl(out_fd < 0 ? ends[1] : out_fd, F_DUPFD_CLOEXEC, FIRST_FREE);
    if (ends[1] >= 0)
        close(ends[1]);
    pid_t pid;
    emu_lock(emu);
    bool stopping = emu->stopping;
    emu_unlock(emu);
    if (stopping || write_end < 0 || spawn(argv, high, output, write_end, &pid))
        return -1;
    enrol(emu, pid, 0);
    close(steal_fd(write_end));
    char block[8192];
    ssize_t n;
    while (read_end >= 0 && (n = read(read_end, block, sizeof block)) > 0)
        buffer_add(out, block, (size_t)n);
    /* Out of the list before it is reaped, so that its number is never another process's when it is killed.
     */
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    enrol(emu, 0, pid);
    return wait_for(pid);
}
