/* The sandbox of sandbox.h: rlimits, no_new_privs, an unprivileged user, and a system call filter.
 *
 * The filter is a list of what decoding and recognising need. Anything else is answered with an error,
 * because libraries ask harmless questions that differ from one version to the next; what only an attacker
 * would ask for ends the process. */
#include "backend/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/worker/wire.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 }; /* shadow memory needs terabytes of address space, reports need files */
#else
enum { SANITIZED = 0 };
#endif

enum {
    NICE = 10,
    NOBODY = 65534,
    OOM_SCORE = 500, /* of -1000..1000: before any ordinary process, and before the daemon */
};

static void limit(int resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit(resource, &now))
        return;
    if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max)
        value = now.rlim_max;
    setrlimit(resource, &(struct rlimit){.rlim_cur = value, .rlim_max = value});
}

/* The highest descriptor that stays open. */
static int last_descriptor(const struct sandbox *box)
{
    return box->converts ? WIRE_CONVERTED_FD : WIRE_OUTPUT_FD;
}

int sandbox_limits(const struct sandbox *box, struct error *err)
{
    if (!box->by_hand) {
        /* Set before the first line is written: if the daemon died earlier, that line finds no reader. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL))
            return error_set(err, ERROR_TRANSIENT, errno, "engine.sandbox", "cannot ask for a signal: %s",
                             strerror(errno));
        close_range((unsigned)last_descriptor(box) + 1, ~0U, 0);
        cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (fd >= 0)
            dprintf(fd, "%d", OOM_SCORE);
    }
    errno = 0;
    if (nice(NICE) == -1 && errno)
        errno = 0; /* a wish, not a condition */
    limit(RLIMIT_CORE, 0);
    if (box->memory_mb > 0 && !SANITIZED)
        limit(RLIMIT_AS, (rlim_t)box->memory_mb << 20);
    return 0;
}

/* The filter is the wall; a root without privileges is a second one, where the kernel or the container lets
 * us. */
static void drop_root(bool by_hand)
{
    if (geteuid() != 0)
        return;
    if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
        return;
    if (!by_hand)
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of user clears it */
}

static const int allowed[] = {
    /* the recording */
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(close),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    /* the two threads */
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(membarrier),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    /* time and chance */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(sysinfo),
    /* abort() */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
};

/* Nothing the worker is made of calls these. */
static const int deadly[] = {
    SCMP_SYS(execve),      SCMP_SYS(execveat),
    SCMP_SYS(fork),        SCMP_SYS(vfork),
    SCMP_SYS(ptrace),      SCMP_SYS(process_vm_writev),
    SCMP_SYS(kill),        SCMP_SYS(tkill),
    SCMP_SYS(connect),     SCMP_SYS(bind),
    SCMP_SYS(listen),      SCMP_SYS(accept4),
    SCMP_SYS(sendto),      SCMP_SYS(sendmsg),
    SCMP_SYS(mount),       SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),  SCMP_SYS(chroot),
    SCMP_SYS(setns),       SCMP_SYS(unshare),
    SCMP_SYS(bpf),         SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd), SCMP_SYS(io_uring_setup),
    SCMP_SYS(keyctl),      SCMP_SYS(add_key),
    SCMP_SYS(init_module), SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),  SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),    SCMP_SYS(rename),
    SCMP_SYS(renameat),    SCMP_SYS(renameat2),
    SCMP_SYS(truncate),
};

/* What may be written to: reports, and for aborting libraries standard error; by hand also standard output.
 */
static int allow_writing(scmp_filter_ctx filter, int fd)
{
    int rc =
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd));
    if (!rc)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1,
                              SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd));
    return rc;
}

/* The one file of a conversion: written at any place, and emptied to begin again. Whoever does not convert
 * has no reason to change the size of anything. */
static int allow_converting(scmp_filter_ctx filter, bool converts)
{
    if (!converts)
        return SANITIZED ? 0 : seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ftruncate), 0);
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(pwrite64), 1,
                              SCMP_A0(SCMP_CMP_EQ, WIRE_CONVERTED_FD));
    if (!rc)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ftruncate), 2,
                              SCMP_A0(SCMP_CMP_EQ, WIRE_CONVERTED_FD), SCMP_A1(SCMP_CMP_EQ, 0));
    return rc;
}

static int build_filter(scmp_filter_ctx filter, const struct sandbox *box)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < sizeof allowed / sizeof *allowed; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; !rc && !SANITIZED && i < sizeof deadly / sizeof *deadly; i++) {
        rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
        if (rc == -EDOM) /* not a call of this architecture */
            rc = 0;
    }
    if (!rc)
        rc = allow_writing(filter, STDERR_FILENO);
    if (!rc)
        rc = allow_writing(filter, box->by_hand ? STDOUT_FILENO : WIRE_OUTPUT_FD);
    if (!rc)
        rc = allow_converting(filter, box->converts);
    /* Memory that can be executed is never needed again. */
    if (!rc)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!rc)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* fstat(), which glibc writes as fstatat() without a name, but no look at other files. */
    if (!rc)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                              SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH));
    if (!rc)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL));
    /* abort() signals itself. */
    if (!rc)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                              SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    /* A library that looks for a file finds that it may not, and goes on without. */
    if (!rc)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0);
    if (!rc)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(open), 0);
    return rc;
}

/* Of files: nothing is written but the converted one, and not more of that than was asked for. */
static void limit_files(const struct sandbox *box)
{
    struct stat st;
    if (box->converts) {
        if (box->max_bytes > 0)
            limit(RLIMIT_FSIZE, (rlim_t)box->max_bytes);
    } else if (!box->by_hand && !fstat(WIRE_OUTPUT_FD, &st) && !S_ISREG(st.st_mode)) {
        limit(RLIMIT_FSIZE, 0); /* not when a test collects reports in a file */
    }
    limit(RLIMIT_NOFILE, (rlim_t)last_descriptor(box) + 1);
}

int sandbox_enter(const struct sandbox *box, struct error *err)
{
    drop_root(box->by_hand);
    limit_files(box);

    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc = filter ? 0 : -ENOMEM;
    if (!rc)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC,
                              1); /* the heart-beat as well; sets no_new_privs too */
    if (!rc)
        rc = build_filter(filter, box);
    if (!rc)
        rc = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    if (rc)
        return error_set(err, ERROR_PERSON, -rc, "engine.sandbox", "the kernel refused the sandbox: %s",
                         strerror(-rc));
    return 0;
}
