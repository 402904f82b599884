/* scribectl explain */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/control_json.h"
#include "fs/ctl/connection.h"
#include "fs/ctl/target.h"
#include "fs/inbox/status.h"

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text ? text : "";
}

/* Negative: not known. */
static double number_of(const cJSON *object, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(n) ? n->valuedouble : -1;
}

/* "  Model:       fun-asr"; what comes from elsewhere is escaped. */
static void put(struct buffer *out, const char *label, const char *text)
{
    buffer_printf(out, "  %-13s", label);
    status_escape(text, out);
    buffer_puts(out, "\n");
}

static void put_lines(struct buffer *out, const char *label, const cJSON *lines, const char *none)
{
    const cJSON *line;
    if (cJSON_GetArraySize(lines) == 0)
        put(out, label, none);
    cJSON_ArrayForEach(line, lines)
    {
        put(out, line == lines->child ? label : "", cJSON_IsString(line) ? line->valuestring : "");
    }
}

static void put_with_reason(struct buffer *out, const char *label, const char *text, const char *why)
{
    cleanup_buffer struct buffer line = {0};
    buffer_printf(&line, "%s%s%s", text, *why ? ": " : "", why);
    put(out, label, line.data ? line.data : "");
}

static void put_facts(struct buffer *out, const cJSON *object)
{
    cleanup_buffer struct buffer line = {0};
    double duration = number_of(object, "duration_ms"), bytes = number_of(object, "bytes");
    double channels = number_of(object, "channels"), rate = number_of(object, "sample_rate");
    if (duration >= 0)
        buffer_printf(&line, "%" PRId64 ":%02d", (int64_t)duration / 60000,
                      (int)((int64_t)duration / 1000 % 60));
    if (channels >= 0)
        buffer_printf(&line, "%s%.0f channel%s", line.len ? ", " : "", channels, channels == 1 ? "" : "s");
    if (rate >= 0)
        buffer_printf(&line, "%s%.0f Hz", line.len ? ", " : "", rate);
    if (bytes >= 0)
        buffer_printf(&line, "%s%.0f bytes", line.len ? ", " : "", bytes);
    if (line.len)
        put(out, "Recording:", line.data);
}

static void put_cost(struct buffer *out, const cJSON *object)
{
    const cJSON *cost = cJSON_GetObjectItemCaseSensitive(object, "cost");
    char text[100] = "not known";
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(cost, "free")))
        snprintf(text, sizeof text, "nothing");
    else if (number_of(cost, "most") >= 0)
        snprintf(text, sizeof text, "at most about %.4f %s by the price list", number_of(cost, "most"),
                 text_of(cost, "currency"));
    put(out, "Cost:", text);
}

static void put_models(struct buffer *out, const cJSON *models)
{
    const cJSON *row;
    size_t width = 0;
    cJSON_ArrayForEach(row, models)
    {
        size_t length = strlen(text_of(row, "name"));
        width = length > width ? length : width;
    }
    buffer_puts(out, "  Why not another:\n");
    cJSON_ArrayForEach(row, models)
    {
        if (strcmp(text_of(row, "verdict"), "chosen") == 0)
            continue;
        buffer_printf(out, "    %-*s  ", (int)width, text_of(row, "name"));
        status_escape(text_of(row, "text"), out);
        buffer_puts(out, "\n");
    }
}

static void put_refusal(struct buffer *out, const cJSON *object)
{
    const cJSON *refused = cJSON_GetObjectItemCaseSensitive(object, "refused");
    if (!cJSON_IsObject(refused))
        return;
    put(out, "Not possible:", text_of(refused, "cause"));
    put(out, "", text_of(refused, "next"));
    put_with_reason(out, "", text_of(refused, "code"), text_of(refused, "detail"));
}

static void put_all(struct buffer *out, const cJSON *object)
{
    cleanup_free char *path = json_get_bytes(object, "path");
    status_escape(path ? path : "", out);
    buffer_printf(out, ": %s\n", text_of(object, "state"));
    const cJSON *taken = cJSON_GetObjectItemCaseSensitive(object, "taken");
    if (cJSON_IsObject(taken))
        put_with_reason(out, "Done by:", text_of(taken, "provider"), text_of(taken, "model"));
    put_with_reason(out, "Recogniser:", text_of(object, "recogniser"), text_of(object, "backend_why"));
    if (*text_of(object, "model"))
        put_with_reason(out, "Model:", text_of(object, "model"), text_of(object, "why"));
    put_refusal(out, object);
    put_facts(out, object);
    if (*text_of(object, "language"))
        put(out, "Language:", text_of(object, "language"));
    if (*text_of(object, "model")) {
        put_lines(out, "First:", cJSON_GetObjectItemCaseSensitive(object, "steps"),
                  "nothing is done to the audio");
        if (*text_of(object, "call"))
            put(out, "Called:", text_of(object, "call"));
        if (*text_of(object, "publish"))
            put(out, "Published:", text_of(object, "publish"));
        put_cost(out, object);
    }
    const cJSON *unmet = cJSON_GetObjectItemCaseSensitive(object, "unmet");
    const cJSON *models = cJSON_GetObjectItemCaseSensitive(object, "models");
    if (*text_of(object, "model") || cJSON_GetArraySize(unmet) > 0)
        put_lines(out, "Not met:", unmet, "everything the settings wish for is offered");
    if (cJSON_GetArraySize(models) > 0)
        put_models(out, models);
}

static int print(const cJSON *object, bool json, bool another)
{
    cleanup_buffer struct buffer out = {0};
    cleanup_free char *text = json ? cJSON_PrintUnformatted(object) : NULL;
    if (text)
        buffer_printf(&out, "%s\n", text);
    else if (!json)
        put_all(&out, object);
    if (buffer_error(&out) < 0 || out.len == 0)
        return complain(EXIT_GENERAL, _("out of memory"));
    if (another && !json)
        fputs("\n", stdout);
    fwrite(out.data, 1, out.len, stdout);
    return fflush(stdout) == 0 ? EXIT_OK
                               : complain(EXIT_GENERAL, _("cannot write the output: %s"), strerror(errno));
}

int ctl_explain(const struct ctl_options *options)
{
    cleanup_target struct target target = {0};
    cleanup_connection struct connection c = {.fd = -1};
    bool another = false;
    int code = target_find(options, &target);
    if (code == EXIT_OK)
        code = connection_open(&c, target.store);
    if (code != EXIT_OK)
        return code;
    for (int i = 0; i < target.count; i++) {
        cJSON *object = NULL;
        int one = connection_ask(&c, "explain", target.paths[i], NULL);
        if (one == EXIT_OK)
            one = connection_hear(&c, target.paths[i], &object);
        if (one == EXIT_OK) {
            one = print(object, options->json, another);
            another = true;
        }
        cJSON_Delete(object);
        if (one == EXIT_NO_DAEMON)
            return one;
        if (one != EXIT_OK)
            code = one;
    }
    return code;
}
