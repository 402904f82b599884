/* Escaping for HTML. */
#include "cache/render/html_out.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "cache/render/text.h"

void html_put(struct buffer *out, const char *text, size_t len)
{
    size_t plain = 0; /* begins here */
    for (size_t i = 0; i < len; i++) {
        const char *entity = text[i] == '&'    ? "&amp;"
                             : text[i] == '<'  ? "&lt;"
                             : text[i] == '>'  ? "&gt;"
                             : text[i] == '"'  ? "&quot;"
                             : text[i] == '\'' ? "&#39;"
                                               : NULL;
        if (!entity)
            continue;
        buffer_add(out, text + plain, i - plain);
        buffer_puts(out, entity);
        plain = i + 1;
    }
    buffer_add(out, text + plain, len - plain);
}

void html_put_clean(struct buffer *out, const char *raw)
{
    cleanup_buffer struct buffer clean = {0};
    text_clean(&clean, raw);
    out->failed = out->failed || clean.failed;
    if (clean.len)
        html_put(out, clean.data, clean.len);
}

void html_put_json(struct buffer *out, const char *text)
{
    cleanup_buffer struct buffer json = {0};
    json_out_string(&json, text);
    out->failed = out->failed || json.failed;
    /* In a script only "<" can begin something: its end, or a comment. In JSON it stands in strings only. */
    for (size_t i = 0; i < json.len; i++) {
        if (json.data[i] == '<')
            buffer_puts(out, "\\u003c");
        else
            buffer_add(out, &json.data[i], 1);
    }
}

void html_put_url(struct buffer *out, const char *name)
{
    for (const char *c = name; *c; c++) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
            strchr("-._~", *c))
            buffer_add(out, c, 1);
        else
            buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
    }
}

int html_put_hash(struct buffer *out, const char *text)
{
    unsigned char digest[EVP_MAX_MD_SIZE], base64[EVP_MAX_MD_SIZE * 2];
    unsigned len;
    if (!EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL))
        return -ENOMEM; /* nothing else can go wrong here */
    EVP_EncodeBlock(base64, digest, (int)len);
    buffer_printf(out, "sha256-%s", (const char *)base64);
    return 0;
}
