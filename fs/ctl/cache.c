/* scribectl cache */
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/control_json.h"
#include "fs/ctl/connection.h"
#include "fs/ctl/print.h"
#include "fs/ctl/target.h"
#include "fs/inbox/status.h"
#include "fs/inbox/wording.h"

struct size_text {
    char text[32];
};

static struct size_text size_of(const cJSON *object, const char *key)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double n = (double)number_in(object, key) / 1000;
    size_t unit = 0;
    for (; n >= 1000 && unit < 3; unit++)
        n /= 1000;
    struct size_text size;
    snprintf(size.text, sizeof size.text, "%.*f %s", n < 10 ? 1 : 0, n, units[unit]);
    return size;
}

static double count_of(const cJSON *object, const char *key)
{
    return (double)number_in(object, key);
}

static void put_stat(const cJSON *o, struct buffer *out)
{
    buffer_printf(out, _("transcripts: %.0f, %s"), count_of(o, "results"), size_of(o, "result_bytes").text);
    buffer_puts(out, "\n");
    buffer_printf(out, _("of recordings that are not there any more: %.0f, %s"), count_of(o, "unneeded_results"),
                  size_of(o, "unneeded_bytes").text);
    buffer_puts(out, "\n");
    buffer_printf(out, _("rendered forms: %.0f, %s"), count_of(o, "views"), size_of(o, "view_bytes").text);
    buffer_puts(out, "\n");
}

static void put_prune(const cJSON *o, struct buffer *out)
{
    bool dry = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "dry_run"));
    buffer_printf(out, dry ? _("transcripts that would be removed: %.0f, %s") : _("transcripts that were removed: %.0f, %s"),
                  count_of(o, "removed_results"), size_of(o, "removed_bytes").text);
    buffer_puts(out, "\n");
    if (dry)
        return;
    buffer_printf(out, _("rendered forms that were removed: %.0f"), count_of(o, "removed_views"));
    buffer_puts(out, "\n");
}

static void put_verify(const cJSON *o, struct buffer *out)
{
    const cJSON *one;
    bool dry = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "dry_run"));
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(o, "damaged"))
    {
        cleanup_free char *path = json_get_bytes(one, "path");
        status_escape(path ? path : text_in(one, "job"), out);
        buffer_printf(out, ": %s\n",
                      dry    ? _("the stored transcript is damaged")
                      : path ? _("the stored transcript was damaged; the recording is transcribed again")
                             : _("the stored transcript was damaged, and is removed"));
    }
    buffer_printf(out, _("%.0f transcripts read, %.0f damaged"), count_of(o, "results"),
                  count_of(o, "damaged_results"));
    buffer_puts(out, "\n");
    if (number_in(o, "without_sums") > 0) {
        buffer_printf(out, _("%.0f were stored by an older version, without checksums: only their form was looked at"),
                      count_of(o, "without_sums"));
        buffer_puts(out, "\n");
    }
}

static cJSON *request(const struct ctl_options *options, const char *what)
{
    cJSON *o = cJSON_CreateObject();
    if (o && cJSON_AddStringToObject(o, "what", what) && cJSON_AddBoolToObject(o, "dry_run", options->dry_run) &&
        (options->older_days < 0 || cJSON_AddNumberToObject(o, "older_days", options->older_days)))
        return o;
    cJSON_Delete(o);
    return NULL;
}

int ctl_cache(const struct ctl_options *options)
{
    static const struct {
        const char *name;
        void (*put)(const cJSON *object, struct buffer *out);
    } parts[] = {{"stat", put_stat}, {"prune", put_prune}, {"verify", put_verify}};
    size_t i = 0, n = sizeof parts / sizeof *parts;
    while (i < n && strcmp(parts[i].name, options->paths[0]) != 0)
        i++;
    if (i == n)
        return complain(EXIT_USAGE, _("cache: stat, prune or verify is needed: see scribectl --help"));
    struct ctl_options anywhere = *options;
    anywhere.path_count = 0;
    cleanup_target struct target target = {0};
    cleanup_connection struct connection c = {.fd = -1};
    cleanup_buffer struct buffer text = {0};
    cJSON *object = NULL;
    int code = target_find(&anywhere, &target);
    if (code == EXIT_OK)
        code = connection_open(&c, target.store);
    if (code != EXIT_OK)
        return code;
    cJSON *extra = request(options, parts[i].name);
    if (!extra)
        return complain(EXIT_GENERAL, _("out of memory"));
    code = connection_ask(&c, "cache", "", extra);
    if (code == EXIT_OK)
        code = connection_hear(&c, "cache", &object);
    if (code == EXIT_OK && options->json) {
        code = print_json_line(object);
    } else if (code == EXIT_OK) {
        parts[i].put(object, &text);
        code = print_text(&text);
    }
    if (code == EXIT_OK && number_in(object, "damaged_results") > 0)
        code = EXIT_FAILED;
    cJSON_Delete(object);
    return code;
}
