/* Where status texts are shown: a rule for the whole inbox, and rules of folders that hold below them until
 * the next one. They are not stored: whoever makes them knows them at every start. */
#include "fs/library/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"

struct status_rule {
    bool shown;
    UT_hash_handle hh;
    char path[]; /* of the folder, relative to the inbox */
};

bool status_files_shown(const struct library *lib, const char *path)
{
    if (!lib->status_rules)
        return true;
    for (size_t len = strlen(path);; len--) {
        struct status_rule *rule;
        if (len == 0 || path[len] == '\0' || path[len] == '/') {
            HASH_FIND(hh, lib->status_rules, path, len, rule);
            if (rule)
                return rule->shown;
        }
        if (len == 0)
            return true;
    }
}

static void rule_free(struct library *lib, struct status_rule *rule)
{
    HASH_DEL(lib->status_rules, rule);
    free(rule);
}

static int rule_set(struct library *lib, const char *path, bool shown)
{
    size_t len = strlen(path);
    struct status_rule *rule;
    HASH_FIND(hh, lib->status_rules, path, len, rule);
    if (!rule) {
        rule = malloc(sizeof *rule + len + 1);
        if (!rule)
            return -ENOMEM;
        memcpy(rule->path, path, len + 1);
        HASH_ADD_KEYPTR(hh, lib->status_rules, rule->path, len, rule);
    }
    rule->shown = shown;
    return 0;
}

static void reconcile_below(struct library *lib, const char *path)
{
    struct folder *f, *next;
    HASH_ITER(by_id, lib->folders_by_id, f, next)
    {
        struct link *l, *next_l;
        if (!path_is_below(f->path, path))
            continue;
        HASH_ITER(by_name, f->names, l, next_l)
        link_reconcile(lib, l);
    }
}

int library_set_status_files(struct library *lib, const char *path, enum status_files files)
{
    LIBRARY_LOCK(lib);
    struct status_rule *rule;
    int rc = 0;
    HASH_FIND(hh, lib->status_rules, path, strlen(path), rule);
    if (files == STATUS_FILES_AS_ABOVE && rule)
        rule_free(lib, rule);
    else if (files != STATUS_FILES_AS_ABOVE)
        rc = rule_set(lib, path, files == STATUS_FILES_SHOWN);
    reconcile_below(lib, path);
    return rc;
}

void status_rules_move(struct library *lib, const char *from, const char *to)
{
    struct status_rule *rule, *next;
    size_t cut = strlen(from);
    if (!lib->status_rules || !*from) /* the inbox itself does not move */
        return;
    /* What was at `to` has been replaced. */
    HASH_ITER(hh, lib->status_rules, rule, next)
    if (path_is_below(rule->path, to))
        rule_free(lib, rule);
    HASH_ITER(hh, lib->status_rules, rule, next)
    {
        if (!path_is_below(rule->path, from))
            continue;
        cleanup_free char *path = NULL;
        if (asprintf(&path, "%s%s", to, rule->path + cut) < 0)
            path = NULL;
        if (path) /* without memory, what holds above it holds until the folder is read again */
            rule_set(lib, path, rule->shown);
        rule_free(lib, rule);
    }
    reconcile_below(lib, to);
}

void status_rules_free(struct library *lib)
{
    struct status_rule *rule, *next;
    HASH_ITER(hh, lib->status_rules, rule, next)
    rule_free(lib, rule);
}
