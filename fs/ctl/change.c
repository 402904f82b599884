/* scribectl retry, restore, cancel and confirm. */
#include <stdio.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/control_json.h"
#include "fs/ctl/connection.h"
#include "fs/ctl/target.h"
#include "fs/inbox/status.h"

struct words {
    const char *command, *none, *one, *many;
};

static int print_json(const char *path, int count)
{
    cJSON *o = cJSON_CreateObject();
    cleanup_free char *text = o && json_add_bytes(o, "path", path) && cJSON_AddNumberToObject(o, "count", count)
                                  ? cJSON_PrintUnformatted(o)
                                  : NULL;
    cJSON_Delete(o);
    if (!text)
        return complain(EXIT_GENERAL, _("out of memory"));
    printf("%s\n", text);
    return EXIT_OK;
}

static int change(struct connection *c, const struct words *words, const char *path, bool json)
{
    cJSON *answer;
    int code = connection_ask(c, words->command, path, NULL);
    if (code == EXIT_OK)
        code = connection_hear(c, path, &answer);
    if (code != EXIT_OK)
        return code;
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(answer, "count");
    int count = cJSON_IsNumber(number) ? number->valueint : 0;
    cJSON_Delete(answer);
    if (json)
        return print_json(path, count);
    cleanup_buffer struct buffer name = {0};
    status_escape(*path ? path : "inbox", &name);
    const char *shown = name.data ? name.data : "";
    if (count == 0)
        printf("%s: %s\n", shown, _(words->none));
    else
        printf("%s: %d %s\n", shown, count, say_count(ctl_wording(), words->one, words->many, (unsigned long)count));
    return EXIT_OK;
}

static int change_all(const struct ctl_options *options, const struct words *words)
{
    cleanup_target struct target target = {0};
    cleanup_connection struct connection c = {.fd = -1};
    int code = target_find(options, &target);
    if (code == EXIT_OK)
        code = connection_open(&c, target.store);
    if (code != EXIT_OK)
        return code;
    for (int i = 0; i < target.count; i++) {
        int one = change(&c, words, target.paths[i], options->json);
        if (one == EXIT_NO_DAEMON)
            return one;
        if (one != EXIT_OK)
            code = one;
    }
    return code;
}

int ctl_retry(const struct ctl_options *options)
{
    static const struct words words = {"retry", SAID("nothing has failed"), SAID("recording is tried again"),
                                       "recordings are tried again"};
    return change_all(options, &words);
}

int ctl_restore(const struct ctl_options *options)
{
    static const struct words words = {"restore", SAID("no transcript was deleted"), SAID("transcript is back"),
                                       "transcripts are back"};
    return change_all(options, &words);
}

int ctl_cancel(const struct ctl_options *options)
{
    static const struct words words = {"cancel", SAID("nothing is waiting or running"), SAID("recording is cancelled"),
                                       "recordings are cancelled"};
    return change_all(options, &words);
}

int ctl_confirm(const struct ctl_options *options)
{
    static const struct words words = {"confirm", SAID("nothing waits to be confirmed"), SAID("recording is sent now"),
                                       "recordings are sent now"};
    return change_all(options, &words);
}
