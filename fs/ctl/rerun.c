/* scribectl rerun: says what would be done and what it would cost, asks, and has it done. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/control_json.h"
#include "fs/ctl/connection.h"
#include "fs/ctl/target.h"
#include "fs/inbox/status.h"

#define EXPLAINED_MOST 50 /* recordings whose cost is asked for one by one */

struct plan {
    int count, needless, busy;
    double duration_ms;
    int sent; /* to a service */
    /* The cost, by the price list. */
    bool known;
    double most;
    char currency[4];
};

static bool add(cJSON *o, const char *key, const char *value)
{
    return !value || cJSON_AddStringToObject(o, key, value);
}

static int ask(struct connection *c, const struct ctl_options *options, const char *path, bool dry, cJSON **answer)
{
    cJSON *extra = cJSON_CreateObject();
    if (!extra || !add(extra, "model", options->model) || !add(extra, "backend", options->backend) ||
        !add(extra, "language", options->language) || !cJSON_AddBoolToObject(extra, "again", options->again) ||
        !cJSON_AddBoolToObject(extra, "dry", dry)) {
        cJSON_Delete(extra);
        return complain(EXIT_GENERAL, _("out of memory"));
    }
    int code = connection_ask(c, "rerun", path, extra);
    return code == EXIT_OK ? connection_hear(c, path, answer) : code;
}

static double number(const cJSON *o, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(n) ? n->valuedouble : -1;
}

/* What the recording costs with the settings of today. */
static void add_cost(struct connection *c, const char *path, struct plan *plan)
{
    cJSON *answer = NULL;
    if (connection_ask(c, "explain", path, NULL) != EXIT_OK || connection_hear(c, path, &answer) != EXIT_OK) {
        plan->known = false;
        return;
    }
    const cJSON *cost = cJSON_GetObjectItemCaseSensitive(answer, "cost");
    const char *currency = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cost, "currency"));
    double most = number(cost, "most");
    if (most < 0 || (*plan->currency && currency && strcmp(plan->currency, currency) != 0))
        plan->known = false;
    else
        plan->most += most;
    if (currency)
        snprintf(plan->currency, sizeof plan->currency, "%s", currency);
    cJSON_Delete(answer);
}

static int plan_one(struct connection *c, const struct ctl_options *options, const char *path, struct plan *plan)
{
    cJSON *answer = NULL;
    int code = ask(c, options, path, true, &answer);
    if (code != EXIT_OK)
        return code;
    const cJSON *paths = cJSON_GetObjectItemCaseSensitive(answer, "paths"), *item;
    int before = plan->count, count = (int)number(answer, "count");
    plan->count += count;
    plan->needless += (int)number(answer, "needless");
    plan->busy += (int)number(answer, "busy");
    plan->duration_ms += number(answer, "duration_ms");
    plan->sent += (int)number(answer, "sent");
    if (plan->sent && (options->model || options->backend || before + count > EXPLAINED_MOST))
        plan->known = false;
    cJSON_ArrayForEach(item, paths)
    {
        cleanup_free char *one = json_get_bytes(item, "path");
        bool is_folder = one && strcmp(one, path) != 0 && (!*path || strncmp(one, path, strlen(path)) == 0) &&
                         (!*path || one[strlen(path)] == '/');
        if (is_folder && !options->recursive)
            code = complain(EXIT_USAGE, _("%s is a folder: say -r for all recordings in it"), *path ? path : "inbox");
        if (code != EXIT_OK)
            break;
        if (one && plan->sent && plan->known)
            add_cost(c, one, plan);
    }
    cJSON_Delete(answer);
    return code;
}

/* "3 recordings …" */
static void count_line(int count, const char *one, const char *many, const char *end)
{
    printf("%d %s%s", count, say_count(ctl_wording(), one, many, (unsigned long)count), end);
}

static void tell(const struct plan *plan)
{
    int64_t seconds = (int64_t)(plan->duration_ms / 1000);
    if (plan->needless)
        count_line(plan->needless,
                   SAID("recording has the result of these settings already; --again transcribes once more"),
                   SAID("recordings have the result of these settings already; --again transcribes once more"), "\n");
    if (plan->busy)
        count_line(plan->busy, SAID("recording is not done yet"), SAID("recordings are not done yet"), "\n");
    if (!plan->count)
        return;
    count_line(plan->count, SAID("recording"), SAID("recordings"), "");
    printf(_(", %d:%02d:%02d of audio, to transcribe again. "), (int)(seconds / 3600), (int)(seconds / 60 % 60),
           (int)(seconds % 60));
    if (!plan->sent)
        printf("%s", _("Cost: nothing"));
    else if (plan->known)
        printf(_("Cost: at most about %.4f %s by the price list"), plan->most, plan->currency);
    else
        printf("%s", _("Cost: not known beforehand"));
    printf("\n");
    fflush(stdout);
}

/* What is said, for programs. */
static int tell_json(const struct plan *plan, int done)
{
    cJSON *o = cJSON_CreateObject(), *cost = NULL;
    bool known = !plan->sent || plan->known;
    bool whole = o && cJSON_AddNumberToObject(o, "count", plan->count) &&
                 cJSON_AddNumberToObject(o, "needless", plan->needless) &&
                 cJSON_AddNumberToObject(o, "busy", plan->busy) &&
                 cJSON_AddNumberToObject(o, "duration_ms", plan->duration_ms) &&
                 cJSON_AddNumberToObject(o, "sent", plan->sent) && (cost = cJSON_AddObjectToObject(o, "cost")) &&
                 (known ? cJSON_AddNumberToObject(cost, "most", plan->sent ? plan->most : 0)
                        : cJSON_AddNullToObject(cost, "most")) &&
                 (*plan->currency ? cJSON_AddStringToObject(cost, "currency", plan->currency)
                                  : cJSON_AddNullToObject(cost, "currency")) &&
                 cJSON_AddNumberToObject(o, "begun", done);
    cleanup_free char *text = whole ? cJSON_PrintUnformatted(o) : NULL;
    cJSON_Delete(o);
    if (!text)
        return complain(EXIT_GENERAL, _("out of memory"));
    printf("%s\n", text);
    return EXIT_OK;
}

/* A terminal is asked; a script has said what it wants. */
static bool agreed(const struct ctl_options *options)
{
    char line[16] = "";
    if (options->yes || options->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return true;
    printf("%s", _("Go on? [y/N] "));
    fflush(stdout);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

int ctl_rerun(const struct ctl_options *options)
{
    cleanup_target struct target target = {0};
    cleanup_connection struct connection c = {.fd = -1};
    struct plan plan = {.known = true};
    int done = 0, code = target_find(options, &target);
    if (code == EXIT_OK)
        code = connection_open(&c, target.store);
    for (int i = 0; i < target.count && code == EXIT_OK; i++)
        code = plan_one(&c, options, target.paths[i], &plan);
    if (code != EXIT_OK)
        return code;
    if (!options->json)
        tell(&plan);
    if (!plan.count || options->dry_run)
        return options->json ? tell_json(&plan, 0) : EXIT_OK;
    if (!agreed(options))
        return EXIT_GENERAL;
    for (int i = 0; i < target.count && code == EXIT_OK; i++) {
        cJSON *answer = NULL;
        code = ask(&c, options, target.paths[i], false, &answer);
        if (code == EXIT_OK)
            done += (int)number(answer, "count");
        cJSON_Delete(answer);
    }
    if (code == EXIT_OK && options->json)
        return tell_json(&plan, done);
    if (code == EXIT_OK)
        count_line(done, SAID("recording is transcribed again; until then the transcripts stay as they are"),
                   SAID("recordings are transcribed again; until then the transcripts stay as they are"), "\n");
    return code;
}
