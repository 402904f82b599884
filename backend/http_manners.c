/* How requests are made: limits, trust, redirects, proxies. */
#include <errno.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "backend/http_internal.h"

#define DEFAULT_CONNECT_MS 10000 /* TLS handshake included */
#define DEFAULT_TOTAL_MS 300000
#define DEFAULT_LOW_SPEED_SECONDS 60
#define LOW_SPEED_BYTES 10L /* a second */
#define MAX_REDIRECTS 5L

CURLcode http_set_limits(CURL *easy, const struct http_call *call)
{
    int64_t connect_ms = call->connect_ms ? call->connect_ms : DEFAULT_CONNECT_MS;
    int64_t total_ms = call->total_ms ? call->total_ms : DEFAULT_TOTAL_MS;
    int slow = call->low_speed_seconds ? call->low_speed_seconds : DEFAULT_LOW_SPEED_SECONDS;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(total_ms > 0 ? total_ms : 0));
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
    return rc ? rc : curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)slow);
}

/* The empty strings switch off what the environment says. */
static CURLcode set_proxy(CURL *easy, const struct http_config *config, bool by_proxy)
{
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROXY, by_proxy ? config->proxy : "");
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOPROXY, config->no_proxy ? config->no_proxy : "");
    /* Ours are for the other side. */
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!rc && config->ca_file)
        rc = curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, config->ca_file);
    return rc;
}

static CURLcode set_trust(CURL *easy, const struct http_config *config)
{
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (!rc && config->ca_file)
        rc = curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
    return rc;
}

CURLcode http_set_manners(CURL *easy, const struct http_config *config, const struct http_call *call,
                          bool by_proxy)
{
    bool plain = strncasecmp(call->url, "http:", 5) == 0; /* who begins there is allowed to */
    const char *schemes = plain ? "http,https" : "https";
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, schemes);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, call->redirects ? 1L : 0L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    rc = rc ? rc : curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    rc = rc ? rc : set_trust(easy, config);
    rc = rc ? rc : set_proxy(easy, config, by_proxy);
    rc = rc ? rc
            : curl_easy_setopt(easy, CURLOPT_USERAGENT, config->user_agent ? config->user_agent : "scribefs");
    if (!rc && call->once)
        rc = curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    return rc;
}

/* Found out when the client is made rather than with the first request. */
int http_check_authorities(const char *file)
{
    X509_STORE *store = X509_STORE_new();
    bool good = store && X509_STORE_load_file(store, file) == 1;
    X509_STORE_free(store);
    ERR_clear_error();
    if (good)
        return 0;
    return access(file, R_OK) != 0 ? -errno : -EINVAL;
}
