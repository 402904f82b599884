/* Putting out JSON, text and times; reading members. */
#include "fs/ctl/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "fs/ctl/ctl.h"

int print_text(const struct buffer *text)
{
    if (buffer_error(text) < 0)
        return complain(EXIT_GENERAL, _("out of memory"));
    fwrite(text->data ? text->data : "", 1, text->len, stdout);
    if (fflush(stdout) != 0)
        return complain(EXIT_GENERAL, _("cannot write the output: %s"), strerror(errno));
    return EXIT_OK;
}

int print_json_line(const cJSON *object)
{
    cleanup_free char *text = cJSON_PrintUnformatted(object);
    cleanup_buffer struct buffer out = {0};
    if (!text)
        return complain(EXIT_GENERAL, _("out of memory"));
    buffer_printf(&out, "%s\n", text);
    return print_text(&out);
}

void print_time(int64_t at_ms, struct buffer *out)
{
    char text[40];
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    if (at_ms > 0 && localtime_r(&at, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) > 0)
        buffer_puts(out, text);
    else
        buffer_puts(out, "-");
}

const char *text_in(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text ? text : "";
}

int64_t number_in(const cJSON *object, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(n) && n->valuedouble > 0 && n->valuedouble < 9e15 ? (int64_t)n->valuedouble : 0;
}
