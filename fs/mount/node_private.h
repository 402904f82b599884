/* What node.c and node_files.c share. Everything here is called with the table's lock held. */
#pragma once

#include "fs/mount/node.h"

uint64_t node_derive(struct node_table *t, unsigned kind, struct file_id file); /* 0 if it does not fit */
/* The same of a real file born then: its node id. */
uint64_t node_derive_born(struct node_table *t, struct file_id file, int64_t birth_ns);
uint64_t node_spill(struct node_table *t);
struct node *node_find_id(struct node_table *t, uint64_t id);
struct node *node_find_real(struct node_table *t, struct file_id file);
/* Where nodes of this kind for this file are chained (by key_next), among others. */
struct node **node_key_slot(struct node_table *t, enum node_kind kind, struct file_id file);
/* A new node with one reference, in the tables; NULL when out of memory. */
struct node *node_add(struct node_table *t, enum node_kind kind, uint64_t id, struct file_id file,
                      mode_t type);
/* What the view n became; NULL if it is a view still, or the file is gone. */
struct node *node_alias_of(const struct node *n);
/* It stays in the table by its id but is not found by its file any more. */
void node_unkey(struct node_table *t, struct node *n);
/* Drops one reference. */
void node_put_locked(struct node_table *t, struct node *n);
/* The name becomes the newest; a directory and a view have one only. 0, -ENOMEM, or -ESTALE: a directory
 * would be below itself. */
int node_put_name(struct node_table *t, struct node *n, struct node *parent, const char *name);
/* Removes the name *p points to, from n's list. */
void node_unlink_name(struct node_table *t, struct node *n, struct node_name **p);
void node_view_free(struct node_view *v); /* NULL is fine */
