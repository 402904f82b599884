/* scribectl search */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/control_json.h"
#include "fs/ctl/connection.h"
#include "fs/ctl/screen.h"
#include "fs/ctl/target.h"
#include "fs/inbox/status.h"

#define LIMIT 100

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text ? text : "";
}

/* The words of the command line as one query: an argument with spaces in it was quoted for the shell, and is a
 * phrase. */
static void join(char **words, int count, struct buffer *out)
{
    for (int i = 0; i < count; i++) {
        bool phrase = strchr(words[i], ' ') && !strchr(words[i], '"');
        buffer_printf(out, phrase ? "%s\"%s\"" : "%s%s", i ? " " : "", words[i]);
    }
}

static void put_hit(struct buffer *out, const cJSON *hit, bool bright)
{
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(hit, "at_ms");
    long s = cJSON_IsNumber(at) && at->valuedouble > 0 && at->valuedouble < 1e15 ? (long)(at->valuedouble / 1000) : 0;
    buffer_printf(out, "  %ld:%02d:%02d  ", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
    status_escape(text_of(hit, "before"), out);
    buffer_puts(out, bright ? "\033[1m" : "[");
    status_escape(text_of(hit, "match"), out);
    buffer_puts(out, bright ? "\033[0m" : "]");
    status_escape(text_of(hit, "after"), out);
    buffer_puts(out, "\n");
}

static void put_found(struct buffer *out, const cJSON *object, bool bright)
{
    const cJSON *one, *hit, *list = cJSON_GetObjectItemCaseSensitive(object, "found");
    cJSON_ArrayForEach(one, list)
    {
        cleanup_free char *path = json_get_bytes(one, "path");
        if (one != list->child)
            buffer_puts(out, "\n");
        status_escape(path ? path : "", out);
        buffer_puts(out, "\n");
        cJSON_ArrayForEach(hit, cJSON_GetObjectItemCaseSensitive(one, "hits"))
        {
            put_hit(out, hit, bright);
        }
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(one, "more")))
            buffer_puts(out, "  and more\n");
    }
}

static int print(const cJSON *object, bool json)
{
    cleanup_buffer struct buffer out = {0};
    cleanup_free char *text = json ? cJSON_PrintUnformatted(object) : NULL;
    buffer_puts(&out, "");
    if (text)
        buffer_printf(&out, "%s\n", text);
    else if (!json)
        put_found(&out, object, screen_has_colours());
    if (buffer_error(&out) < 0 || (json && !text))
        return complain(EXIT_GENERAL, _("out of memory"));
    fwrite(out.data, 1, out.len, stdout);
    if (fflush(stdout) != 0)
        return complain(EXIT_GENERAL, _("cannot write the output: %s"), strerror(errno));
    if (!json && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "more")))
        complain(EXIT_OK, _("there are more than these: add a word, or raise -n"));
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "building")))
        complain(EXIT_OK, _("not all transcripts have been read yet: try again in a moment"));
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(object, "found")) ? EXIT_OK : EXIT_NOT_FOUND;
}

int ctl_search(const struct ctl_options *options)
{
    /* The words are no paths: the store is found as if none were given. */
    struct ctl_options anywhere = *options;
    anywhere.path_count = 0;
    cleanup_target struct target target = {0};
    cleanup_connection struct connection c = {.fd = -1};
    cleanup_buffer struct buffer words = {0};
    int code = target_find(&anywhere, &target);
    if (code == EXIT_OK)
        code = connection_open(&c, target.store);
    if (code != EXIT_OK)
        return code;
    join(options->paths, options->path_count, &words);
    cJSON *extra = buffer_error(&words) ? NULL : cJSON_CreateObject(), *object = NULL;
    if (!extra || !json_add_bytes(extra, "words", words.data) ||
        !cJSON_AddNumberToObject(extra, "limit", options->limit > 0 ? options->limit : LIMIT)) {
        cJSON_Delete(extra);
        return complain(EXIT_GENERAL, _("out of memory"));
    }
    code = connection_ask(&c, "search", "", extra);
    if (code == EXIT_OK)
        code = connection_hear(&c, words.data, &object);
    if (code == EXIT_OK)
        code = print(object, options->json);
    cJSON_Delete(object);
    return code;
}
