/* What searches found lately. */
#include "fs/mount/found.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/inbox/hits.h"
#include "fs/inbox/status.h"
#include "fs/library.h"
#include "fs/mount/internal.h"

enum {
    KEPT = 8,         /* lists */
    LASTS_MS = 3000,
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Lists ---- */

static void list_free(struct found_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->entries[i].path);
    free(list->entries);
    free(list->name);
    search_answer_free(list->answer);
    free(list);
}

/* The lock is held. */
static void unref(struct found_list *list)
{
    if (!--list->users)
        list_free(list);
}

void found_put(struct mount *m, struct found_list *list)
{
    if (!list)
        return;
    pthread_mutex_lock(&m->found_lock);
    unref(list);
    pthread_mutex_unlock(&m->found_lock);
}

/* Old ones, and those beyond the number that is kept, go. The lock is held. */
static void tidy(struct mount *m, int64_t now)
{
    int kept = 0;
    for (struct found_list **p = &m->found; *p;) {
        struct found_list *list = *p;
        if (list->until_ms > now && kept < KEPT) {
            kept++;
            p = &list->next;
            continue;
        }
        *p = list->next;
        unref(list);
    }
}

struct found_list *found_get(struct mount *m, const char *name)
{
    pthread_mutex_lock(&m->found_lock);
    tidy(m, monotonic_ms());
    struct found_list *list = m->found;
    while (list && strcmp(list->name, name) != 0)
        list = list->next;
    if (list)
        list->users++;
    pthread_mutex_unlock(&m->found_lock);
    return list;
}

static int add_paths(struct library *lib, struct found_list *list, const struct search_found *found)
{
    char **paths;
    size_t count;
    int rc = library_shown_with(lib, &found->job, &paths, &count);
    struct found_entry *more = rc ? NULL : reallocarray(list->entries, list->count + count + 1, sizeof *more);
    if (!more) {
        if (!rc)
            shown_paths_free(paths, count);
        return -ENOMEM;
    }
    list->entries = more;
    for (size_t i = 0; i < count; i++) {
        if (list->count < FOUND_PATHS_MOST) {
            more[list->count++] = (struct found_entry){paths[i], found};
        } else {
            list->answer->more = true;
            free(paths[i]);
        }
    }
    free(paths);
    return 0;
}

struct found_list *found_new(struct mount *m, const char *name, struct search_answer *answer)
{
    struct found_list *list = calloc(1, sizeof *list);
    if (!list || !answer) {
        free(list);
        search_answer_free(answer);
        return NULL;
    }
    list->answer = answer;
    list->name = strdup(name);
    int rc = list->name ? 0 : -ENOMEM;
    for (size_t i = 0; i < answer->count && rc == 0; i++)
        rc = add_paths(m->config.library, list, &answer->found[i]);
    if (rc) {
        list_free(list);
        return NULL;
    }
    pthread_mutex_lock(&m->found_lock);
    list->until_ms = monotonic_ms() + LASTS_MS;
    list->users = 2; /* the caller, and the mount */
    list->next = m->found;
    m->found = list;
    pthread_mutex_unlock(&m->found_lock);
    return list;
}

void found_clear(struct mount *m)
{
    pthread_mutex_lock(&m->found_lock);
    tidy(m, INT64_MAX);
    pthread_mutex_unlock(&m->found_lock);
}

/* ---- Names ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

char *found_words(const char *name)
{
    char *words = strdup(name), *to = words;
    for (const char *p = name; words && *p; p++) {
        int high = *p == '%' ? hex_digit(p[1]) : -1, low = high >= 0 ? hex_digit(p[2]) : -1;
        if (low >= 0 && high + low > 0) {
            *to++ = (char)(high << 4 | low);
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    if (words)
        *to = '\0';
    return words;
}

static const char *last_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* How many before it have the same name. */
static size_t same_before(const struct found_list *list, const bool *may, size_t entry)
{
    const char *name = last_of(list->entries[entry].path);
    size_t n = strcmp(name, "hits.txt") == 0;
    for (size_t i = 0; i < entry; i++)
        n += may[i] && strcmp(last_of(list->entries[i].path), name) == 0;
    return n;
}

/* "talk (2).mp3" */
bool found_name(const struct found_list *list, const bool *may, size_t entry, char name[NAME_SIZE])
{
    const char *last = last_of(list->entries[entry].path), *dot = strrchr(last, '.');
    size_t before = same_before(list, may, entry);
    size_t stem = dot && dot != last ? (size_t)(dot - last) : strlen(last);
    int n = before ? snprintf(name, NAME_SIZE, "%.*s (%zu)%s", (int)stem, last, before + 1, last + stem)
                   : snprintf(name, NAME_SIZE, "%s", last);
    return n > 0 && n < NAME_SIZE;
}

/* "talk (2).mp3" is the second "talk.mp3": that name and 2; false if it is none of these. */
static bool take_number(const char *name, char without[NAME_SIZE], size_t *number)
{
    const char *dot = strrchr(name, '.');
    const char *end = dot && dot != name ? dot : name + strlen(name), *p = end;
    if (p == name || *--p != ')')
        return false;
    while (p > name && p[-1] >= '0' && p[-1] <= '9')
        p--;
    if (p < name + 2 || *p < '1' || *p > '9' || p[-1] != '(' || p[-2] != ' ' || end - p > 10)
        return false;
    *number = strtoul(p, NULL, 10);
    return snprintf(without, NAME_SIZE, "%.*s%s", (int)(p - 2 - name), name, end) < NAME_SIZE;
}

/* The first that found_name() calls so: one walk, as a listing with all attributes asks for each. */
size_t found_by_name(const struct found_list *list, const bool *may, const char *name)
{
    char without[NAME_SIZE];
    size_t number = 0, same = strcmp(name, "hits.txt") == 0, alike = 0;
    bool numbered = take_number(name, without, &number);
    if (numbered)
        alike = strcmp(without, "hits.txt") == 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!may[i])
            continue;
        const char *last = last_of(list->entries[i].path);
        if (strcmp(last, name) == 0 && same++ == 0)
            return i;
        if (numbered && strcmp(last, without) == 0 && ++alike == number && number > 1)
            return i;
    }
    return list->count;
}

/* ---- hits.txt ---- */

void found_text(const struct wording *wording, const struct found_list *list, const bool *may, struct buffer *out)
{
    size_t shown = 0;
    for (size_t i = 0; i < list->count; i++)
        shown += may[i];
    cleanup_free char *words = found_words(list->name);
    hits_head(wording, words ? words : list->name, shown, list->answer, out);
    for (size_t i = 0; i < list->count; i++)
        if (may[i])
            hits_of(wording, list->entries[i].path, list->entries[i].found, out);
}
