/* What a view does differently from a file: it is read from the library, written by becoming a real file
 * (copy-up), deleted by being hidden, and renamed by being made real under the new name. */
#pragma once

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <sys/stat.h>

struct handle;
struct mount;
struct node;
struct view;

/* Attributes of the version this node stands for, with the owner and the mode of the recording. Never fails:
 * the last known are used when the recording is gone. */
void view_attributes(struct mount *m, struct node *n, struct stat *st);
/* The node and the entry of a view that the library has at (dir, name). 0 or negative errno. */
int view_entry(struct mount *m, struct node *dir, int dirfd, const char *name, const struct view *view,
               struct fuse_entry_param *e, struct node **out);
/* An O_PATH descriptor of the view's recording, whose rights and ACL are the view's; negative errno: -ENOENT when
 * it has gone. */
int view_recording(struct mount *m, struct node *n);
/* Whether the caller may do this (R_OK, W_OK) with the view: where the kernel does not know the recording's ACL,
 * the backing filesystem is asked. 0 or negative errno. */
int view_permits(fuse_req_t req, struct mount *m, struct node *n, int mask);
/* True if everybody sees a view of this name (and no real file is asked about). One that only opens by its name is in
 * nobody's way. */
bool view_visible(struct mount *m, const struct node *dir, const char *name);

/* OPEN of a view: replies. */
void view_open(fuse_req_t req, struct mount *m, struct node *n, struct fuse_file_info *fi);
/* The descriptor to write to through this handle: the view is a real file afterwards. Negative errno. */
int view_handle_fd(struct mount *m, struct handle *h, pid_t pid);
/* Reads through a handle of a view that is (still) a view: -EAGAIN if it is a real file by now, whose
 * descriptor is in h->base.fd. */
ssize_t view_read(struct mount *m, struct handle *h, char *data, size_t size, off_t off);
/* truncate() by path. 0 or negative errno; *real gets a reference when the view became a file (else NULL). */
int view_truncate(struct mount *m, struct node *n, off_t size, struct node **real);

/* unlink() of a name that is no real file, by this thread. */
int view_unlink(struct mount *m, struct node *dir, const char *name, pid_t pid);
/* rename() of a name that is no real file: from (dir, name) to (newdir, newname). */
int view_rename(struct mount *m, struct node *dir, int dirfd, const char *name, struct node *newdir,
                int newdirfd, const char *newname, unsigned flags);

/* The announcer's CREATE and UNLINK. */
void view_announce_create(fuse_req_t req, struct mount *m, struct node *dir, int dirfd, const char *name,
                          struct fuse_file_info *fi);
int view_announce_unlink(struct mount *m, struct node *dir, int dirfd, const char *name);
