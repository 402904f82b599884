/* The errors of object storage: XML bodies, codes, and what they mean for a job. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/faults.h"
#include "backend/publish/publish_internal.h"

/* clang-format off */
static const struct {
    const char *code, *message_part;
    enum error_class class;
    const char *key;
} rows[] = {
    {"AccessDenied", "Policy expired", ERROR_TRANSIENT, "publish.expired"},
    {"AccessDenied", "equest has expired", ERROR_TRANSIENT, "publish.expired"},
    {"AccessDenied", NULL, ERROR_PERSON, "publish.denied"},
    {"SignatureDoesNotMatch", NULL, ERROR_PERSON, "publish.denied"},
    {"InvalidAccessKeyId", NULL, ERROR_PERSON, "publish.denied"},
    {"InvalidSecurityToken", NULL, ERROR_PERSON, "publish.denied"},
    {"ExpiredToken", NULL, ERROR_PERSON, "publish.denied"},
    {"SecurityTokenExpired", NULL, ERROR_PERSON, "publish.denied"},
    {"UserDisable", NULL, ERROR_PERSON, "publish.denied"},
    {"AccountProblem", NULL, ERROR_PERSON, "publish.denied"},
    {"NoSuchBucket", NULL, ERROR_PERSON, "publish.settings"},
    {"InvalidBucketName", NULL, ERROR_PERSON, "publish.settings"},
    {"PermanentRedirect", NULL, ERROR_PERSON, "publish.settings"},
    {"AuthorizationHeaderMalformed", NULL, ERROR_PERSON, "publish.settings"},
    {"RequestTimeTooSkewed", NULL, ERROR_PERSON, "publish.clock"},
    {"EntityTooLarge", NULL, ERROR_PERMANENT, "media.too_large"},
    {"FileAlreadyExists", NULL, ERROR_TRANSIENT, "publish.down"},
    {"NoSuchUpload", NULL, ERROR_TRANSIENT, "publish.down"},
    {"RequestTimeout", NULL, ERROR_TRANSIENT, "publish.down"},
    {"SlowDown", NULL, ERROR_TRANSIENT, "publish.down"},
    {"QpsLimitExceeded", NULL, ERROR_TRANSIENT, "publish.down"},
    {"InternalError", NULL, ERROR_TRANSIENT, "publish.down"},
    {"ServiceUnavailable", NULL, ERROR_TRANSIENT, "publish.down"},
};
/* clang-format on */

static size_t unescape(char *text)
{
    static const struct {
        const char *entity;
        char c;
    } entities[] = {{"&quot;", '"'}, {"&amp;", '&'},   {"&lt;", '<'},
                    {"&gt;", '>'},   {"&apos;", '\''}, {"&#34;", '"'}};
    char *to = text;
    for (const char *from = text; *from;) {
        size_t i = 0, count = sizeof entities / sizeof *entities;
        while (i < count && strncmp(from, entities[i].entity, strlen(entities[i].entity)) != 0)
            i++;
        *to++ = i < count ? entities[i].c : *from;
        from += i < count ? strlen(entities[i].entity) : 1;
    }
    *to = '\0';
    return (size_t)(to - text);
}

int storage_xml(const char *xml, const char *name, char *text, size_t size)
{
    char open[64], close[64];
    snprintf(open, sizeof open, "<%s>", name);
    snprintf(close, sizeof close, "</%s>", name);
    const char *begin = strstr(xml, open), *end = begin ? strstr(begin, close) : NULL;
    if (!end)
        return -ENOENT;
    begin += strlen(open);
    snprintf(text, size, "%.*s", (int)(end - begin), begin);
    unescape(text);
    return 0;
}

static void classify(int status, const char *code, const char *message, struct error *err)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].code, code) == 0 &&
            (!rows[i].message_part || strstr(message, rows[i].message_part))) {
            error_set(err, rows[i].class, EREMOTEIO, rows[i].key, " ");
            return;
        }
    if (status >= 500 || status == 408 || status == 429)
        error_set(err, ERROR_TRANSIENT, EREMOTEIO, "publish.down", " ");
    else if (status == 401 || status == 403)
        error_set(err, ERROR_PERSON, EREMOTEIO, "publish.denied", " ");
    else if (status == 413)
        error_set(err, ERROR_PERMANENT, EREMOTEIO, "media.too_large", " ");
    else
        error_set(err, ERROR_PERSON, EREMOTEIO, "publish.settings", " ");
}

void storage_error(const struct http_response *response, const char *doing, struct error *err)
{
    if (response->end != HTTP_ANSWERED) {
        fault_of_transport(response, doing, err);
        return;
    }
    char code[64] = "", message[160] = "";
    storage_xml(response->body, "Code", code, sizeof code);
    storage_xml(response->body, "Message", message, sizeof message);
    classify(response->status, code, message, err);
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    snprintf(err->detail, sizeof err->detail, "%s: HTTP %d%s%s%s%s", doing, response->status,
             code[0] ? " " : "", code, message[0] ? ": " : "", message);
}
