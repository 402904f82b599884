/* What is known of tasks that were looked at while somebody searched for his own: whose recording each one
 * names. So many searches at once cost no more queries than there are tasks. */
#pragma once

struct strangers;

/* NULL: nothing is known of that task; "": it names no recording and never will; else what it names. */
const char *strangers_names(const struct strangers *strangers, const char *task_id);
/* `address` of a recording; its query, which may hold a signature, is not kept. NULL: it names none.
 * *strangers is made when it is NULL, and forgets everything when it holds too much. Out of memory: it is not
 * remembered. */
void strangers_add(struct strangers **strangers, const char *task_id, const char *address);
void strangers_free(struct strangers *strangers); /* NULL is fine */
