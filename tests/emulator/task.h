/* Tasks: PENDING, RUNNING, then SUCCEEDED or FAILED; CANCELED only from PENDING; forgotten a day after their
 * end.
 *
 * A thread moves them on as the clock and the recognitions say; `jobs` threads recognise. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/emulator/request.h"
#include "tests/emulator/store.h"

struct cJSON;
struct model;

extern const char result_bucket[];

enum task_status { TASK_PENDING, TASK_RUNNING, TASK_SUCCEEDED, TASK_FAILED, TASK_CANCELED };

struct task_file {
    char *url;
    char *code, *message; /* set when it failed */
    char *result_key;     /* object with the result, when it succeeded */
    char *result_url;
    char sha256[SHA256_HEX];
    int64_t billed_ms;
    bool done;
};

struct task {
    char id[UUID_SIZE], request_id[UUID_SIZE];
    char account[ACCOUNT_SIZE], key[128];
    const struct model *model;
    enum region region;
    enum task_status status;
    int64_t submit_ms, scheduled_ms, end_ms;
    char *code, *message; /* of a task that failed as a whole */
    char *odd_status;     /* told instead of the status, when set */
    struct task_file *files;
    size_t file_count;
    struct cJSON *parameters; /* NULL when none were sent */
    struct cJSON *fault;      /* what is to go wrong, or NULL */
    bool resolve;             /* X-DashScope-OssResourceResolve was sent */
    bool doomed;              /* no parameters on a host that needs them */
    bool job_taken, job_done;
    int64_t queries;       /* answered so far */
    int64_t told_terminal; /* how often a query was told the end */
    bool announced;
};

struct tasks {
    struct task **all; /* in order of submission */
    size_t count, capacity;
    struct task **active; /* those not finished */
    size_t active_count, active_capacity;
    pthread_t mover, *jobs;
    size_t job_count;
};

bool task_finished(const struct task *t);
const char *task_status_name(enum task_status status);
void tasks_free(struct tasks *t);
/* Lock held. */
struct task *tasks_find(const struct tasks *t, const char *id);
size_t tasks_in_process(const struct tasks *t, const char *account, const struct model *m);
void tasks_add(struct emulator *emu, struct task *t); /* takes it over */
/* Moves one task on; milliseconds (emulated) until it moves next, -1 when that depends on others. */
int64_t task_move(struct emulator *emu, struct task *t);
bool task_forgotten(const struct emulator *emu, const struct task *t);
void task_free(struct task *t);

int tasks_start(struct emulator *emu); /* 0 or an errno */
void tasks_stop(struct emulator *emu); /* after emu->stopping was set */

struct cJSON *tasks_save(const struct tasks *t);
void tasks_load(struct emulator *emu, const struct cJSON *json);

/* job.c. Lock not held: recognises all files of a task; false when the emulator's end came between. */
bool job_run(struct emulator *emu, struct task *t);
