/* URLs that the service gives out. */
#include "tests/emulator/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/sign.h"

char *link_base(const struct emulator *emu, const struct config *c, const char *bucket, const char *endpoint)
{
    const char *scheme = emu->tls_port ? "https" : "http";
    int port = emu->tls_port ? emu->tls_port : emu->port;
    if (!strcmp(c->url_hosts, "ip"))
        return xprintf("%s://127.0.0.1:%d/%s", scheme, port, bucket);
    return xprintf("%s://%s.%s.%s:%d", scheme, bucket, endpoint, c->url_suffix, port);
}

/* Slashes of the key stay, everything else that is not unreserved is encoded: a time of day shows as 10%3A15.
 */
char *link_signed(struct emulator *emu, const char *bucket, const char *endpoint, const char *key,
                  int64_t expires_ms, const char *file_name)
{
    const struct oss_key *k = NULL;
    for (size_t i = 0; i < emu->accounts.oss_count; i++)
        if (!strcmp(emu->accounts.oss[i].account, service_account))
            k = &emu->accounts.oss[i];
    if (!k)
        return xstrdup("");
    char expires[24], signature[SIGN_V1_SIZE];
    snprintf(expires, sizeof expires, "%" PRId64, expires_ms / 1000);
    struct pairs query = {0};
    cleanup_free char *disposition = file_name ? xprintf("attachment;filename=%s", file_name) : NULL;
    if (disposition)
        pairs_add(&query, "response-content-disposition", disposition);
    struct sign_request s = {.method = "GET", .bucket = bucket, .key = key, .query = &query};
    sign_oss_v1(&s, expires, k->secret, NULL, signature);
    pairs_clear(&query);
    cleanup_free char *base = link_base(emu, &emu->config, bucket, endpoint);
    struct buffer url = {0};
    buffer_printf(&url, "%s/", base);
    percent_encode(&url, key, true);
    buffer_printf(&url, "?Expires=%s&OSSAccessKeyId=%s&Signature=", expires, k->id);
    percent_encode(&url, signature, false);
    if (disposition) {
        buffer_puts(&url, "&response-content-disposition=");
        percent_encode(&url, disposition, false);
    }
    return buffer_take(&url);
}
