/* Has the views that are missing made on the pool, and what nobody uses any more removed. */
#pragma once

struct library;
struct loop;
struct pool;
struct renderer;

struct renderer_config { /* all of it stays the caller's */
    struct library *library;
    struct loop *loop;
    struct pool *pool;
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

int renderer_new(const struct renderer_config *config, struct renderer **out); /* 0 or -ENOMEM */
/* There are views to make (library_hooks.render). Any thread; cheap to call often. `renderer` is void for that. */
void renderer_look(void *renderer);
/* Removes what nobody uses, some time soon. */
void renderer_prune(struct renderer *r);
void renderer_free(struct renderer *r); /* when loop and pool have ended; NULL is fine */
