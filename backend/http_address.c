/* Which addresses a request may go to. */
#include "backend/http_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void free_curl_text(char **text)
{
    curl_free(*text);
}

static bool host_is_loopback(const char *host)
{
    struct in_addr v4;
    size_t len = strlen(host);
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    if (len > 10 &&
        strcasecmp(host + len - 10, ".localhost") == 0) /* libcurl asks nobody for these (RFC 6761) */
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

/* White space and control characters never belong into an address; a name and password in it would end up in
 * logs of others. */
enum http_address http_address(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7F)
            return ADDRESS_BAD;
    CURLU *url __attribute__((cleanup(free_url))) = curl_url();
    char *scheme __attribute__((cleanup(free_curl_text))) = NULL;
    char *host __attribute__((cleanup(free_curl_text))) = NULL;
    char *user __attribute__((cleanup(free_curl_text))) = NULL;
    if (!url || curl_url_set(url, CURLUPART_URL, text, CURLU_PATH_AS_IS) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
        return ADDRESS_BAD;
    bool http = strcasecmp(scheme, "http") == 0;
    if (!http && strcasecmp(scheme, "https") != 0)
        return ADDRESS_BAD;
    if (host_is_loopback(host))
        return ADDRESS_LOOPBACK;
    return http ? ADDRESS_HTTP : ADDRESS_HTTPS;
}

bool http_is_loopback(const char *url)
{
    return http_address(url) == ADDRESS_LOOPBACK;
}
