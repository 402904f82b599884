/* What the files of the mount share: the mount itself, open handles, replies.
 *
 * Rules of every handler: exactly one fuse_reply_*() on every path, no lock held while replying, no use of a
 * handle after the reply that hands it out (the kernel may release it at once), and never ENOSYS (it would
 * switch the operation off for the whole mount).
 *
 * Locks, outermost first: intake_names_begin(), struct dir_handle.lock, struct mount.copy_up, struct mount.page_lock,
 * struct mount.found_lock, node_table.lock. */
#pragma once

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fs/library.h"
#include "fs/mount/mount.h"
#include "fs/mount/node.h"

struct announcer;
struct notifier;
struct dir_fd;
struct buffer;
struct found_list;
struct page_text;

/* Seconds the kernel may keep a view's name and attributes; the notifier takes them back earlier. */
#define VIEW_TIMEOUT 1.0

struct mount {
    struct mount_config config; /* owns copies of the strings */
    struct fuse_session *session;
    bool mounted, handles_signals;
    bool privileged; /* operations run as their caller */
    bool acl_wanted, acl; /* POSIX ACLs: not refused by an option; in force (set before any request but the first) */
    struct node_table nodes;
    struct node *inbox; /* never forgotten */
    struct node *trash; /* neither; MOUNT/.Trash. NULL: there is none */
    /* Cached directory descriptors, most recently used first; under nodes.lock. */
    struct {
        struct dir_fd *first, *last;
        unsigned count, most;
    } dirs;
    pthread_mutex_t copy_up; /* one view at a time becomes a real file */
    pthread_mutex_t page_lock;
    struct page_text *pages[TOP_PAGES]; /* the latest of each */
    pthread_mutex_t found_lock;
    struct found_list *found; /* what was found lately, the latest first; under found_lock */
    struct timespec started; /* wall clock: mtime of the top */
    int connection;          /* minor device number of the mount, -1 if unknown */
    struct notifier *notifier;
    struct announcer *announcer; /* NULL: none */
    atomic_bool said_too_many_files, said_disk_fails;
};

enum handle_kind {
    HANDLE_REAL,
    HANDLE_VIEW,     /* reads `content`, unless base.fd is a real file by now */
    HANDLE_PAGE,     /* reads `page` */
    HANDLE_ANNOUNCE, /* the announcer's: swallows everything */
};

/* An open file. fi->fh points to it. */
struct handle {
    struct node_handle base;
    enum handle_kind kind;
    int flags;            /* as opened */
    struct file_id file;  /* what intake was told was opened */
    atomic_bool reported; /* intake_opened() was called */
    atomic_bool modified; /* intake_modified() was called */
    struct view_content content;
    struct page_text *page;
};

static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
    return (struct handle *)(uintptr_t)fi->fh; // NOLINT(performance-no-int-to-ptr)
}

static inline bool wants_write(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY;
}

static inline struct mount *mount_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

/* A name as the kernel sends it: one component. */
static inline bool plain_name(const char *name)
{
    for (const char *p = name; *p; p++)
        if (*p == '/')
            return false;
    return *name && !(name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])));
}

/* ---- Attributes (attributes.c) ---- */

void stat_from_statx(const struct node *n, const struct statx *x, struct stat *st);
struct node_fact fact_from_statx(const struct statx *x);
static inline struct file_id file_of_statx(const struct statx *x)
{
    return (struct file_id){makedev(x->stx_dev_major, x->stx_dev_minor), x->stx_ino};
}
/* 0 or negative errno; *timeout: how long the kernel may keep them. */
int node_attributes(struct mount *m, struct node *n, struct stat *st, double *timeout);

/* ---- Lookup (lookup.c) ---- */

/* What a name in a directory is: fills *e with one lookup counted, and *out with a reference. 0 or negative
 * errno. */
int lookup_entry(struct mount *m, struct node *dir, int dirfd, const char *name, bool for_announcer,
                 struct fuse_entry_param *e, struct node **out);
/* The same for a real file that was just made (or found) at the name. */
int lookup_real(struct mount *m, struct node *dir, int dirfd, const char *name, struct fuse_entry_param *e,
                struct node **out);
void entry_fill(struct mount *m, const struct node *n, const struct stat *st, struct fuse_entry_param *e);
/* Replies with the entry; undoes its lookup if the kernel does not take it. */
void reply_entry(fuse_req_t req, struct mount *m, const struct fuse_entry_param *e);
/* rc is 0 or a negative errno. */
void reply_rc(fuse_req_t req, struct mount *m, int rc);

/* Closes what was kept of replaced files that the kernel has forgotten. */
void close_kept(struct mount *m);

/* ---- Telling intake (names.c) ---- */

void tell_added(struct mount *m, struct node *dir, const char *name, struct file_id id);
void tell_removed(struct mount *m, struct node *dir, const char *name, struct file_id id);

/* ---- Files (file.c) ---- */

struct handle *handle_new(enum handle_kind kind, int fd, int flags);
/* Takes it from its node and frees it, telling intake if it was a writer's. */
void handle_free(struct mount *m, struct handle *h);
/* Tells intake that it was opened, if it can write. */
void handle_opened(struct mount *m, struct handle *h, struct file_id id, pid_t pid);
void handle_modified(struct mount *m, struct handle *h);
/* Of a file or directory that is still open when the mount ends: intake is told nothing, as it may be gone.
 */
void handle_drop(struct mount *m, struct node_handle *h);
void dir_handle_drop(struct mount *m, struct node_handle *h); /* directory.c */
/* The flags a backing file is opened with when a client opens with `flags`. */
int backing_flags(int flags);

/* ---- The top and its pages (root.c) ---- */

#define TRASH_NAME ".Trash" /* where the FreeDesktop trash specification 1.0 looks first */
int top_lookup(struct mount *m, const char *name, struct fuse_entry_param *e);
void top_attributes(struct mount *m, struct stat *st);
/* The n-th entry of the top's listing, "." and ".." not counted; false at the end. */
bool top_entry(struct mount *m, size_t n, const char **name, const struct node **node);
int page_attributes(struct mount *m, const struct node *n, struct stat *st);
void page_open(fuse_req_t req, struct mount *m, struct node *n, struct fuse_file_info *fi);
/* What a read of a page gets: *data is the handle's. */
size_t page_read(const struct handle *h, size_t size, off_t off, const char **data);
void page_unref(struct mount *m, struct page_text *text);
void top_clear(struct mount *m);

/* A page of one reader's own. Takes the buffer's data; NULL when out of memory. */
struct page_text *page_new(struct buffer *text);
void page_reply_open(fuse_req_t req, struct mount *m, struct node *n, struct page_text *page, struct fuse_file_info *fi);

/* ---- What is made up below search/ (search.c) ---- */

#define SEARCH_NAME "search"
struct made_entry {
    char name[NAME_SIZE];
    uint64_t ino;
    unsigned char type; /* DT_* */
};
int search_lookup(struct mount *m, const char *name, struct fuse_entry_param *e);
void search_attributes(struct mount *m, const struct node *n, struct stat *st);
/* What a link points to. */
const char *search_target(const struct node *n);
/* These reply, perhaps later and from another thread, and give the reference to the node back. */
void search_lookup_hit(fuse_req_t req, struct mount *m, struct node *query, const char *name);
void search_getattr(fuse_req_t req, struct mount *m, struct node *n);
void search_opendir(fuse_req_t req, struct mount *m, struct node *n, struct fuse_file_info *fi);
void search_open(fuse_req_t req, struct mount *m, struct node *n, struct fuse_file_info *fi);
/* Answers all that wait; then forgets what was found. Once nothing more is asked. */
void search_end(struct mount *m);
/* OPENDIR of a directory with these entries, which it owns: replies (directory.c). */
void dir_open_made(fuse_req_t req, struct mount *m, struct node *n, struct made_entry *entries, size_t count,
                   struct fuse_file_info *fi);

/* ---- Operations, for the table in session.c ---- */

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi);
void op_access(fuse_req_t req, fuse_ino_t ino, int mask);
void op_statfs(fuse_req_t req, fuse_ino_t ino);

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags);
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

void op_readlink(fuse_req_t req, fuse_ino_t ino);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
               unsigned flags);

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
              struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t length,
                  struct fuse_file_info *fi);
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t off_in, struct fuse_file_info *fi_in,
                        fuse_ino_t out, off_t off_out, struct fuse_file_info *fi_out, size_t length,
                        int flags);
void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned command, void *argument, struct fuse_file_info *fi,
              unsigned flags, const void *in, size_t in_size, size_t out_size);
