/* The node table: what the kernel knows of this filesystem, by node id. No libfuse and no system calls in
 * here.
 *
 * A node id is derived, never a pointer, so that another process can find the file behind it:
 *
 *     bit 63     spill: the rest is a counter, for what does not fit the layout below; with bit 62, a hash of what is made
 *                up below search/
 *     62 .. 57   kind: 0 the fixed nodes (1 = top, 2 to 5 = status.txt and its like,
 *                6 = search), 1 a real file, 2 + format a view
 *     56 .. 48   device tag: 0 is the device of the inbox, others are numbered as they appear
 *     47 ..  0   inode number (of the file; for a view, of its recording, or the settings file it tells of); of a file whose
 *                inode number has no
 *                more than 32 bits, 47 .. 32 are made of its time of birth; of an earlier version of a view, likewise, they are
 *                its number
 *
 * Disks give an inode number to the next file at once. With the birth in its id that file is a new node, and who is
 * about to open the old one is told that it is gone; were the id the same, the kernel would declare what it knows
 * of the old file broken, and answer EIO.
 *
 * A node keeps no descriptor. It knows its names (directory node and name, newest first, verified whenever
 * they are used) and its open handles; resolve.h makes descriptors from that. A node lives while the kernel
 * has lookups of it or anything holds a reference: a running operation, a handle, a name in it, an alias to
 * it.
 *
 * A file that was replaced by a rename while the kernel knows it keeps one descriptor (node_keep()) until the kernel
 * forgets it: who is about to open it gets what was there, as on a disk, and who has it open through a view that became
 * this file goes on. These nodes end in node_take_kept(), as closing the last descriptor of a large file takes time.
 *
 * A view's node stands for one version of one view at one place. When the content changes, the next lookup
 * makes a new node, so that whoever reads the old one keeps its size and its content. When a view becomes a
 * real file (copy-up, rename), its node becomes an alias of the real file's node: node_get() then returns
 * that.
 *
 * One lock, a leaf: nothing is called under it and it is never held across a system call that could wait. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "cache/digest.h"
#include "fs/inbox/file_id.h"
#include "fs/inbox/names.h"

struct view;
struct dir_fd;

#define NODE_TOP_ID 1    /* FUSE_ROOT_ID */
#define NODE_PAGE_ID(page) (2 + (uint64_t)(page)) /* MOUNT/status.txt and its like: enum top_page */
#define NODE_PAGES 4
#define NODE_SEARCH_ID 6
#define NODE_MADE (NODE_SPILL | UINT64_C(1) << 62)
#define NODE_SPILL (UINT64_C(1) << 63)
#define NODE_KIND_SHIFT 57
#define NODE_DEVICE_SHIFT 48
#define NODE_INODE_LIMIT (UINT64_C(1) << NODE_DEVICE_SHIFT)
#define NODE_BORN_SHIFT 32
#define NODE_BORN_MASK 0xffff
#define NODE_DEVICES (1 << (NODE_KIND_SHIFT - NODE_DEVICE_SHIFT))
#define NODE_NAMES 8 /* of a file with hard links, how many names are remembered */

enum node_kind {
    NODE_TOP,
    NODE_PAGE,
    NODE_REAL,
    NODE_VIEW,
    NODE_SEARCH, /* MOUNT/search */
    NODE_QUERY,  /* MOUNT/search/WORDS; its text is WORDS */
    NODE_HIT,    /* a link in it; its text is WORDS/NAME/TARGET */
    NODE_HITS,   /* its hits.txt; its text is WORDS */
};

/* The kind field of an id. */
#define NODE_KIND_REAL 1
#define NODE_KIND_VIEW(format) (2 + (unsigned)(format))
#define NODE_KIND_FIXED 63 /* only in inode numbers: those of the fixed nodes */

/* An open handle, as far as the table is concerned; embedded in struct handle and struct dir_handle. */
struct node_handle {
    struct node_handle *next, **link;
    struct node *node;
    _Atomic int fd; /* of the real file; -1: none (yet). Changes at most once, from -1. */
};

struct node_name {
    struct node_name *next;
    struct node *parent; /* a reference */
    char text[];
};

/* The version of a view that a node stands for. */
struct node_view {
    enum view_format format;
    struct digest job, key;
    bool unlisted;
    unsigned number; /* struct view.number */
    uint64_t version;
    off_t size;
    struct timespec mtime;
    uid_t uid; /* these three as last seen on the recording */
    gid_t gid;
    mode_t mode; /* permission bits of the view */
    char *recording_name;
};

struct node {
    struct node *id_next, *key_next;
    uint64_t id;
    uint64_t ino;        /* st_ino */
    struct file_id file; /* the real file, or the recording of a view */
    uint64_t lookups;
    unsigned references;
    int64_t birth_ns; /* of a real file; 0 when its filesystem does not say */
    uint32_t generation;
    mode_t type; /* S_IFMT bits */
    enum node_kind kind;
    bool keyed; /* findable by key; one that was superseded, by another version or file, is not */
    unsigned name_count;
    struct node_name *names;
    struct node_handle *handles;
    struct node *alias;     /* a reference: the real file this view became, */
    int64_t alias_birth_ns; /* if it is still that one and its inode number not reused */
    unsigned aliases;       /* views that became this file */
    int kept;               /* O_PATH, of a file that lost its name; -1: none */
    struct dir_fd *dir;     /* resolve.c's cached descriptor of a directory */
    struct node_view *view; /* NODE_VIEW only */
    char *text;             /* of what is below search/ */
    /* What the last open saw, to keep the page cache while the file is the same. */
    struct {
        bool valid;
        off_t size;
        struct timespec mtime, ctime;
    } seen;
};

struct node_table {
    pthread_mutex_t lock;
    struct node **by_id, **by_key;
    size_t slots, count;
    uint64_t spills;
    dev_t *devices; /* index = tag */
    unsigned device_count;
    struct node *ended; /* with a kept descriptor, chained by key_next */
    _Atomic unsigned kept, to_close; /* how many are kept; how many of those have ended */
    unsigned most_kept;
    _Atomic uint64_t moves; /* counts every rename and removal of a name */
    void (*drop_directory)(
        struct dir_fd *dir); /* called with the lock held when a node with a cached descriptor goes */
    struct node *top, *pages[NODE_PAGES], *search;
    uid_t uid; /* the daemon's, to whom a view belongs whose recording was not seen yet */
    gid_t gid;
};

/* `inbox_device` gets tag 0. 0 or -ENOMEM. */
int node_table_init(struct node_table *t, dev_t inbox_device, void (*drop_directory)(struct dir_fd *dir));
void node_table_clear(struct node_table *t);

/* What a real file is, from statx. */
struct node_fact {
    struct file_id file;
    mode_t mode;
    int64_t birth_ns; /* 0: unknown */
};
/* The generation that goes with a birth time or a version: 32 bits, because the kernel compares no more; 0
 * for 0. */
uint32_t node_generation(uint64_t of);

/* Composes an id; 0 if something does not fit its field. Pure. */
uint64_t node_compose(unsigned kind, unsigned device_tag, uint64_t inode);
/* The inode number to show for a file without a node (a listing): as node.ino would be for a real file or for
 * a view. */
uint64_t node_ino_of(struct node_table *t, struct file_id file);
uint64_t node_ino_of_view(struct node_table *t, struct file_id recording, enum view_format format);

/* All of these that return a node return a reference of the caller's; give it back with node_put(). */

/* NULL when the id is not known. Follows aliases; NULL also when the file behind one is gone. */
struct node *node_get(struct node_table *t, uint64_t id);
struct node *node_ref(struct node_table *t, struct node *n);
void node_put(struct node_table *t, struct node *n); /* NULL is fine */
/* NULL when no node stands for the file. */
struct node *node_find(struct node_table *t, struct file_id file);

/* The node of a real file found at (parent, name); `lookup` counts one lookup of the kernel's. `moves` is
 * what node_moves() said before the file was looked at: if a name moved since, or the fact is older than what
 * is known (the inode number was reused meanwhile), NULL with *again = true: look again. `again` may be NULL:
 * the fact is then taken as it is. NULL otherwise: out of memory. parent may be NULL (the inbox). */
struct node *node_real(struct node_table *t, const struct node_fact *fact, struct node *parent,
                       const char *name, bool lookup, uint64_t moves, bool *again);
uint64_t node_moves(struct node_table *t);
/* The node of a view found at (parent, name). `alone`: the recording has one name only, so that the same view
 * at another place is this one, moved. NULL: out of memory. */
struct node *node_view(struct node_table *t, const struct view *view, struct node *parent, const char *name,
                       bool alone, bool lookup);
/* The node of something below search/; the same one for the same text. NULL: out of memory. */
struct node *node_made(struct node_table *t, enum node_kind kind, const char *text, bool lookup);
uint64_t node_ino_of_made(enum node_kind kind, const char *text); /* the inode number it would have */
void node_count_lookup(struct node_table *t, struct node *n);
/* The kernel forgets `count` lookups of this very id (aliases are not followed); unknown ids are ignored. */
void node_forget(struct node_table *t, uint64_t id, uint64_t count);

/* Names. Removing or renaming one that is not known is fine: a name is only a hint until it is verified. */
void node_remove_name(struct node_table *t, struct node *n, struct node *parent, const char *name);
/* 0, or -ENOMEM (the node then has no name until the next lookup). */
int node_rename(struct node_table *t, struct node *n, struct node *from, const char *name, struct node *to,
                const char *newname);
/* Hands over a descriptor of a file that is losing a name: it is the node's until the node ends. False: it stays the
 * caller's, as there is one already, or too many are kept. */
bool node_keep(struct node_table *t, struct node *n, int fd);
/* Takes it back: the file keeps its name after all. -1: there is none. */
int node_keep_no_longer(struct node_table *t, struct node *n);
/* A descriptor of a node that has ended, to be closed by the caller; -1: none. Cheap when there is none. */
int node_take_kept(struct node_table *t);
/* True if views became this file. */
bool node_has_aliases(struct node_table *t, const struct node *n);
/* The first name: a reference to its directory, and the name copied. False if there is none. */
bool node_place(struct node_table *t, struct node *n, struct node **parent, char name[NAME_SIZE]);
/* The path of a directory relative to the inbox ("" for the inbox), malloc'ed. NULL: no memory, or not
 * connected. */
char *node_path(struct node_table *t, const struct node *directory, const struct node *inbox);

/* The view becomes a real file: handles and names stay as they are, the node answers for `real` from now on.
 */
void node_become(struct node_table *t, struct node *view, struct node *real);
/* What the view became: 1 and *real (a reference), 0 if it is still a view, -ESTALE if that file is gone. */
int node_became(struct node_table *t, struct node *view, struct node **real);
/* True if the handle was opened on a view that is a real file by now. */
bool node_handle_is_behind(struct node_table *t, const struct node_handle *h);
/* Copies the version of a view into *out (recording_name at most NAME_SIZE - 1 bytes). */
void node_view_read(struct node_table *t, const struct node *n, struct view *out, uid_t *uid, gid_t *gid,
                    mode_t *mode);
void node_view_owner(struct node_table *t, struct node *n, uid_t uid, gid_t gid, mode_t mode);
/* A status text has become that long; it stays so for those who still have it open when it goes. */
void node_view_size(struct node_table *t, struct node *n, off_t size);

/* Handles hold a reference to their node. */
void node_add_handle(struct node_table *t, struct node *n, struct node_handle *h);
void node_remove_handle(struct node_table *t, struct node_handle *h);
/* Hands a view's handle on to the real file's node, with a descriptor of it. */
void node_move_handle(struct node_table *t, struct node_handle *h, struct node *real, int fd);

/* An open handle, any; NULL when there is none. For the end only: *slot (start with 0) is where to go on. */
struct node_handle *node_any_handle(struct node_table *t, size_t *slot);

/* True if nothing changed since the last open that was noted here; notes this one. */
bool node_unchanged(struct node_table *t, struct node *n, off_t size, struct timespec mtime,
                    struct timespec ctime);
