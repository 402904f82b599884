/* Has what abandoned jobs left elsewhere taken back by their backends: at once where that works, again later
 * where it does not (the network is down), and at the next start what is still left then. On the jobs loop.
 */
#pragma once

struct backend;
struct discards;
struct library;
struct loop;

struct discards_config {
    struct library *library;
    struct loop *loop;
    struct backend *const *backends; /* stay the caller's, and must be freed after the loop has ended */
    int backend_count;
    void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

int discards_new(const struct discards_config *config, struct discards **out); /* 0 or negative errno */
/* There may be something to do. */
void discards_look(struct discards *d);
/* Nothing new is begun. */
void discards_stop(struct discards *d);
void discards_free(struct discards *d); /* after the loop has ended; NULL is fine */
