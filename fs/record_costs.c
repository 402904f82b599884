/* What was spent in a month, added up by day, model or folder. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>

#include "backend/base/cleanup.h"
#include "backend/base/day.h"
#include "cache/index.h"
#include "fs/control_json.h"
#include "fs/control_spent.h"
#include "fs/records.h"

/* Two tables lead from a job to its folder: the content of a job, and where recordings of that content are. What is
 * there under several names counts for the first. */
struct content {
    struct digest key; /* of a job: its content's digest; of a content: unused */
    struct digest digest;
    int64_t folder;
    UT_hash_handle hh;
};

struct file {
    struct {
        uint64_t dev, ino;
    } id;
    int64_t folder;
    UT_hash_handle hh;
};

struct folder {
    int64_t id;
    char *path;
    UT_hash_handle hh;
};

struct row {
    char *name; /* NULL: of recordings that are not there any more */
    struct spent spent;
};

enum grouping { BY_DAY, BY_MODEL, BY_FOLDER };
static const char *const groupings[] = {"day", "model", "folder"};

struct costs {
    int month; /* 202611 */
    enum grouping by;
    struct folder *folders;
    struct file *files;
    struct content *contents, *jobs; /* by digest, by key */
    struct row *rows;
    size_t count;
    struct spent total;
};

/* ---- where things are ---- */

static int take_folder(void *arg, const struct index_directory *d)
{
    struct costs *c = arg;
    struct folder *f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(d->path))) {
        free(f);
        return -ENOMEM;
    }
    f->id = d->id;
    HASH_ADD(hh, c->folders, id, sizeof f->id, f);
    return 0;
}

static int take_link(void *arg, const struct index_link *l)
{
    struct costs *c = arg;
    struct file *f, key = {.id = {l->dev, l->ino}};
    HASH_FIND(hh, c->files, &key.id, sizeof key.id, f);
    if (f)
        return 0;
    f = calloc(1, sizeof *f);
    if (!f)
        return -ENOMEM;
    f->id = key.id;
    f->folder = l->directory;
    HASH_ADD(hh, c->files, id, sizeof f->id, f);
    return 0;
}

static int take_recording(void *arg, const struct index_recording *r)
{
    struct costs *c = arg;
    struct file *f, key = {.id = {r->dev, r->ino}};
    struct content *known;
    HASH_FIND(hh, c->files, &key.id, sizeof key.id, f);
    HASH_FIND(hh, c->contents, &r->digest, sizeof r->digest, known);
    if (!f || !r->digested || known)
        return 0;
    struct content *content = calloc(1, sizeof *content);
    if (!content)
        return -ENOMEM;
    content->digest = r->digest;
    content->folder = f->folder;
    HASH_ADD(hh, c->contents, digest, sizeof content->digest, content);
    return 0;
}

static int take_job(void *arg, const struct index_job *j)
{
    struct costs *c = arg;
    struct content *job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    job->key = j->key;
    job->digest = j->digest;
    HASH_ADD(hh, c->jobs, key, sizeof job->key, job);
    return 0;
}

/* NULL: nowhere any more. */
static const char *folder_of(const struct costs *c, const struct digest *job_key)
{
    const struct content *job, *content = NULL;
    const struct folder *folder = NULL;
    HASH_FIND(hh, c->jobs, job_key, sizeof *job_key, job);
    if (job)
        HASH_FIND(hh, c->contents, &job->digest, sizeof job->digest, content);
    if (content)
        HASH_FIND(hh, c->folders, &content->folder, sizeof content->folder, folder);
    return folder ? folder->path : NULL;
}

/* ---- adding up ---- */

static struct row *row_of(struct costs *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (name ? c->rows[i].name && strcmp(c->rows[i].name, name) == 0 : !c->rows[i].name)
            return &c->rows[i];
    struct row *rows = reallocarray(c->rows, c->count + 1, sizeof *rows);
    if (!rows)
        return NULL;
    c->rows = rows;
    rows[c->count] = (struct row){.name = name ? strdup(name) : NULL};
    return name && !rows[c->count].name ? NULL : &rows[c->count++];
}

static int take_charge(void *arg, const struct index_charge *charge)
{
    struct costs *c = arg;
    int day = day_of(charge->at_ms);
    char date[40];
    if (day_month(day) != c->month)
        return 0;
    snprintf(date, sizeof date, "%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
    struct row *row = row_of(c, c->by == BY_DAY     ? date
                                : c->by == BY_MODEL ? charge->model
                                                    : folder_of(c, &charge->job));
    if (!row)
        return -ENOMEM;
    spent_count(&row->spent, charge->kind, charge->billed_ms, charge->cost_micro, charge->currency, 1);
    spent_count(&c->total, charge->kind, charge->billed_ms, charge->cost_micro, charge->currency, 1);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const char *x = ((const struct row *)a)->name, *y = ((const struct row *)b)->name;
    return x && y ? strcmp(x, y) : (x == NULL) - (y == NULL); /* what is gone is the last */
}

#define FREE_ALL(table, type, extra)                                                                         \
    do {                                                                                                     \
        struct type *one, *next;                                                                             \
        HASH_ITER(hh, table, one, next)                                                                      \
        {                                                                                                    \
            HASH_DEL(table, one);                                                                            \
            extra;                                                                                           \
            free(one);                                                                                       \
        }                                                                                                    \
    } while (0)

static void costs_clear(struct costs *c)
{
    FREE_ALL(c->folders, folder, free(one->path));
    FREE_ALL(c->files, file, );
    FREE_ALL(c->contents, content, );
    FREE_ALL(c->jobs, content, );
    for (size_t i = 0; i < c->count; i++)
        free(c->rows[i].name);
    free(c->rows);
}

static int read_index(struct index *index, struct costs *c)
{
    int rc = 0;
    if (c->by == BY_FOLDER) {
        rc = index_load_directories(index, take_folder, c);
        if (rc == 0)
            rc = index_load_links(index, take_link, c);
        if (rc == 0)
            rc = index_load_recordings(index, take_recording, c);
        if (rc == 0)
            rc = index_load_jobs(index, take_job, c);
    }
    return rc ? rc : index_load_charges(index, take_charge, c);
}

/* ---- the answer ---- */

static cJSON *to_json(struct costs *c)
{
    char month[24];
    snprintf(month, sizeof month, "%04d-%02d", c->month / 100, c->month % 100);
    if (c->count)
        qsort(c->rows, c->count, sizeof *c->rows, by_name);
    cJSON *o = cJSON_CreateObject();
    bool all = o && cJSON_AddStringToObject(o, "month", month) && cJSON_AddStringToObject(o, "by", groupings[c->by]) &&
               json_add_spent(o, "total", &c->total);
    cJSON *rows = all ? cJSON_AddArrayToObject(o, "rows") : NULL;
    all = rows;
    for (size_t i = 0; all && i < c->count; i++) {
        const struct row *r = &c->rows[i];
        cJSON *one = cJSON_CreateObject();
        all = one && cJSON_AddItemToArray(rows, one);
        if (!all)
            cJSON_Delete(one);
        all = all && (r->name ? json_add_bytes(one, "name", r->name) : cJSON_AddNullToObject(one, "name") != NULL) &&
              json_add_spent(one, "sum", &r->spent);
    }
    if (all)
        return o;
    cJSON_Delete(o);
    return NULL;
}

/* "2026-11"; 0: it is none. */
static int read_month(const char *text)
{
    int year, month, end = 0;
    if (sscanf(text, "%4d-%2d%n", &year, &month, &end) != 2 || end != 7 || text[end] || year < 1970 || month < 1 ||
        month > 12)
        return 0;
    return year * 100 + month;
}

static bool read_request(const cJSON *request, struct costs *c)
{
    const char *month = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "month"));
    const char *by = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "by"));
    c->month = month ? read_month(month) : day_month(day_of((int64_t)time(NULL) * 1000));
    for (size_t i = 0; by && i < sizeof groupings / sizeof *groupings; i++)
        if (strcmp(groupings[i], by) == 0) {
            c->by = (enum grouping)i;
            by = NULL;
            break;
        }
    return c->month && !by;
}

cJSON *record_costs(void *context, const char *path, const cJSON *request)
{
    (void)path;
    struct records *r = context;
    __attribute__((cleanup(costs_clear))) struct costs c = {.by = BY_DAY};
    if (!read_request(request, &c))
        return asking_error("request", "\"month\" is as 2026-11, \"by\" is day, model or folder");
    int rc = read_index(r->index, &c);
    if (rc != 0 && rc != -ENOMEM)
        return asking_error("failed", "the index cannot be read now");
    return rc == 0 ? to_json(&c) : NULL;
}
