/* The FUSE session: options, mounting, serving, ending. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/mount/acl.h"
#include "fs/mount/announcer.h"
#include "fs/mount/credentials.h"
#include "fs/mount/internal.h"
#include "fs/mount/mountpoint.h"
#include "fs/mount/notifier.h"
#include "fs/mount/resolve.h"

#define DEFAULT_THREADS 32
#define MOST_DIRECTORIES 512 /* cached directory descriptors; at most a quarter of what may be open */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
    struct mount *m = userdata;
    /* Splicing was slower in every measurement. Setuid bits are left to the kernel, which this version of
     * libfuse does not tell otherwise whatever is set. No writeback cache: it would write after the close and
     * own the sizes. */
    conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                              FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_WRITEBACK_CACHE);
    /* The mask is for the backing filesystem to apply, which knows of default ACLs. */
    conn->want |= conn->capable & FUSE_CAP_DONT_MASK;
    m->acl = m->acl_wanted && (conn->capable & FUSE_CAP_POSIX_ACL) && acl_supported(m->config.inbox_fd);
    if (m->acl)
        conn->want |= FUSE_CAP_POSIX_ACL;
    announcer_go(m->announcer);
    if (m->config.ready)
        m->config.ready(m->config.context);
}

/* No locks (the kernel does them), no poll, no bmap: libfuse answers those in the way that lets the kernel do
 * without. */
static const struct fuse_lowlevel_ops operations = {
    .init = op_init,
    .lookup = op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .access = op_access,
    .statfs = op_statfs,
    .setxattr = op_setxattr,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .removexattr = op_removexattr,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .readdirplus = op_readdirplus,
    .releasedir = op_releasedir,
    .fsyncdir = op_fsyncdir,
    .readlink = op_readlink,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .symlink = op_symlink,
    .link = op_link,
    .unlink = op_unlink,
    .rmdir = op_rmdir,
    .rename = op_rename,
    .create = op_create,
    .open = op_open,
    .read = op_read,
    .write = op_write,
    .flush = op_flush,
    .release = op_release,
    .fsync = op_fsync,
    .fallocate = op_fallocate,
    .lseek = op_lseek,
    .copy_file_range = op_copy_file_range,
    .ioctl = op_ioctl,
};

/* ---- Making
 * ---------------------------------------------------------------------------------------------------------
 */

static int copy_config(struct mount *m, const struct mount_config *config)
{
    m->config = *config;
    m->config.store = strdup(config->store);
    m->config.mountpoint = strdup(config->mountpoint);
    m->config.announcer = config->announcer ? strdup(config->announcer) : NULL;
    m->config.fuse_options = NULL; /* used while mounting only */
    return m->config.store && m->config.mountpoint && (m->config.announcer || !config->announcer) ? 0
                                                                                                  : -ENOMEM;
}

/* As many open files as the system allows: every file a client has open is one here. */
static void raise_limit(struct mount *m)
{
    struct rlimit files = {0, 0};
    if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files))
            getrlimit(RLIMIT_NOFILE, &files);
    }
    rlim_t share = files.rlim_cur / 4;
    m->dirs.most = share < MOST_DIRECTORIES ? (unsigned)share : MOST_DIRECTORIES;
    if (!m->dirs.most)
        m->dirs.most = 1;
}

static int find_inbox(struct mount *m)
{
    struct statx x;
    int rc = stat_at(m->config.inbox_fd, "", &x);
    if (rc)
        return rc;
    struct node_fact fact = fact_from_statx(&x);
    rc = node_table_init(&m->nodes, fact.file.dev, dir_fd_drop);
    if (rc)
        return rc;
    m->nodes.most_kept = m->dirs.most;
    m->nodes.uid = geteuid();
    m->nodes.gid = getegid();
    m->inbox = node_real(&m->nodes, &fact, NULL, NULL, false, 0, NULL);
    return m->inbox ? 0 : -ENOMEM;
}

/* To intake the trash is one of the directories in the inbox that nothing is taken from: what is moved there
 * has gone, and what is moved back has come. */
static int find_trash(struct mount *m)
{
    struct statx x;
    if (m->config.trash_fd < 0)
        return 0;
    int rc = stat_at(m->config.trash_fd, "", &x);
    if (rc)
        return rc;
    struct node_fact fact = fact_from_statx(&x);
    m->trash = node_real(&m->nodes, &fact, m->inbox, TRASH_NAME, false, 0, NULL);
    return m->trash ? 0 : -ENOMEM;
}

static bool is_option(const char *p, size_t length, const char *name)
{
    return length == strlen(name) && !strncmp(p, name, length);
}

/* Copies the comma-separated options but those that are for us: "nonempty", "acl" and "noacl". The last one
 * wins. */
static int own_options(const char *options, struct buffer *rest, bool *nonempty, bool *acl)
{
    *acl = true;
    for (const char *p = options ? options : ""; *p;) {
        size_t length = strcspn(p, ",");
        if (is_option(p, length, "nonempty")) {
            *nonempty = true;
        } else if (is_option(p, length, "acl") || is_option(p, length, "noacl")) {
            *acl = *p == 'a';
        } else if (length) {
            buffer_puts(rest, ",");
            buffer_add(rest, p, length);
        }
        p += length + (p[length] == ',');
    }
    return buffer_error(rest);
}

static int add_arguments(struct mount *m, const struct buffer *more, struct fuse_args *args)
{
    char *options = NULL;
    cleanup_free char *source = NULL;
    bool ok = asprintf(&source, "fsname=%s", m->config.store) >= 0 &&
              !fuse_opt_add_opt(&options, "default_permissions,subtype=scribefs") &&
              !fuse_opt_add_opt_escaped(&options, source) &&
              (geteuid() != 0 || !fuse_opt_add_opt(&options, "allow_other")) &&
              (!more->len || !fuse_opt_add_opt(&options, more->data + 1)) &&
              (!m->config.debug || !fuse_opt_add_opt(&options, "debug")) &&
              !fuse_opt_add_arg(args, "scribefs") && !fuse_opt_add_arg(args, "-o") &&
              !fuse_opt_add_arg(args, options);
    free(options);
    return ok ? 0 : -ENOMEM;
}

/* Mounting failed, and libfuse has said why on stderr only: the usual reasons in words. */
static int explain(const struct mount *m, struct error *err)
{
    if (access("/dev/fuse", F_OK))
        return error_set(err, ERROR_PERSON, ENODEV, "mount.fuse",
                         "there is no /dev/fuse: load the kernel module (modprobe fuse), or give the "
                         "container the device");
    if (geteuid() != 0 && access("/usr/bin/fusermount3", X_OK) && access("/bin/fusermount3", X_OK))
        return error_set(
            err, ERROR_PERSON, ENOENT, "mount.fuse",
            "fusermount3 is missing, which ordinary users need to mount: install the package fuse3");
    if (geteuid() != 0 && access("/dev/fuse", R_OK | W_OK))
        return error_set(err, ERROR_PERSON, EACCES, "mount.fuse", "/dev/fuse may not be opened by this user");
    return error_set(
        err, ERROR_PERSON, EIO, "mount.fuse",
        "cannot mount on %s (the line above says why; allow_other needs user_allow_other in /etc/fuse.conf)",
        m->config.mountpoint);
}

static int start_session(struct mount *m, const struct buffer *options, struct error *err)
{
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    int rc = add_arguments(m, options, &args);
    if (!rc) {
        m->session = fuse_session_new(&args, &operations, sizeof operations, m);
        if (!m->session)
            rc = error_set(err, ERROR_PERSON, EINVAL, "mount.options", "a mount option is not known: %s",
                           options->len ? options->data + 1 : "");
    }
    fuse_opt_free_args(&args);
    if (rc)
        return rc;
    /* Before there is a mount: a signal must not end the process and leave it behind. */
    m->handles_signals = !fuse_set_signal_handlers(m->session);
    if (!m->handles_signals)
        return error_set(err, ERROR_TRANSIENT, EIO, "mount.failed", "cannot handle signals");
    if (fuse_session_mount(m->session, m->config.mountpoint))
        return explain(m, err);
    m->mounted = true;
    m->connection = mountpoint_connection(m->config.mountpoint);
    return 0;
}

int mount_new(const struct mount_config *config, struct mount **out, struct error *err)
{
    struct mount *m = calloc(1, sizeof *m);
    if (!m)
        return error_set(err, ERROR_TRANSIENT, ENOMEM, "mount.memory", "out of memory");
    pthread_mutex_init(&m->copy_up, NULL);
    pthread_mutex_init(&m->page_lock, NULL);
    pthread_mutex_init(&m->found_lock, NULL);
    m->connection = -1;
    clock_gettime(CLOCK_REALTIME, &m->started);
    cleanup_buffer struct buffer options = {0};
    bool nonempty = false;
    if (err)
        *err = (struct error){0};
    int rc = copy_config(m, config);
    if (!rc)
        rc = own_options(config->fuse_options, &options, &nonempty, &m->acl_wanted);
    raise_limit(m);
    if (!rc)
        rc = find_inbox(m);
    if (!rc)
        rc = find_trash(m);
    if (!rc && access("/proc/self/fd", X_OK))
        rc = error_set(err, ERROR_PERSON, errno, "mount.proc", "/proc is not mounted");
    if (!rc)
        rc = mountpoint_check(m->config.mountpoint, nonempty, err);
    if (!rc) {
        m->privileged = credentials_possible();
        rc = notifier_start(m, &m->notifier);
    }
    if (!rc)
        rc = announcer_start(m, &m->announcer);
    if (!rc)
        rc = start_session(m, &options, err);
    if (rc) {
        mount_free(m);
        if (err && err->class == ERROR_NONE)
            error_set(err, ERROR_TRANSIENT, -rc, "mount.failed", "cannot mount: %s", strerror(-rc));
        return rc;
    }
    *out = m;
    return 0;
}

/* ---- Serving and ending ---- */

int mount_run(struct mount *m)
{
    umask(0); /* modes come from the clients, whose own masks the kernel has applied */
    struct fuse_loop_config *loop = fuse_loop_cfg_create();
    if (!loop)
        return -ENOMEM;
    fuse_loop_cfg_set_clone_fd(loop, 0);
    fuse_loop_cfg_set_max_threads(
        loop, (unsigned)(m->config.max_threads > 0 ? m->config.max_threads : DEFAULT_THREADS));
    int rc = fuse_session_loop_mt(m->session, loop);
    fuse_loop_cfg_destroy(loop);
    return rc < 0 ? rc : 0; /* positive: the signal that ended it */
}

/* Files that clients still have open. */
static void drop_handles(struct mount *m)
{
    size_t slot = 0;
    for (struct node_handle *h; (h = node_any_handle(&m->nodes, &slot));)
        (S_ISDIR(h->node->type) ? dir_handle_drop : handle_drop)(m, h);
}

/* Ends the connection where it could not be aborted, as by an ordinary user where /sys/fs/fuse/connections is not there:
 * the kernel does it when the last descriptor is closed. The number goes on to stand for a descriptor that is as
 * dead. */
static void sever(struct fuse_session *session)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return;
    close(ends[0]);
    dup3(ends[1], fuse_session_fd(session), O_CLOEXEC);
    close(ends[1]);
}

/* The connection ended by itself: unmounted by somebody, or aborted. */
static bool is_dead(struct fuse_session *session)
{
    struct pollfd p = {.fd = fuse_session_fd(session)};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

void mount_free(struct mount *m)
{
    if (!m)
        return;
    announcer_stop(m->announcer);
    if (m->mounted && !is_dead(m->session)) {
        /* First of all, as nobody answers any more: whoever waits for the mount is let go, our own threads
         * and child among them. The descriptor is closed last, so that its number is not another file's while
         * the notifier may still use it. */
        if (m->connection < 0 || mountpoint_connection(m->config.mountpoint) == m->connection)
            mountpoint_detach(m->config.mountpoint);
        if (!is_dead(m->session))
            mountpoint_abort(m->connection);
        if (!is_dead(m->session))
            sever(m->session);
    }
    search_end(m);
    announcer_free(m->announcer);
    notifier_stop(m->notifier);
    if (m->mounted)
        fuse_session_unmount(m->session);
    if (m->handles_signals)
        fuse_remove_signal_handlers(m->session);
    if (m->session)
        fuse_session_destroy(m->session);
    if (m->nodes.by_id) {
        drop_handles(m);
        node_table_clear(&m->nodes);
    }
    top_clear(m);
    pthread_mutex_destroy(&m->copy_up);
    pthread_mutex_destroy(&m->page_lock);
    pthread_mutex_destroy(&m->found_lock);
    free((char *)(uintptr_t)m->config.store);
    free((char *)(uintptr_t)m->config.mountpoint);
    free((char *)(uintptr_t)m->config.announcer);
    free(m);
}
