/* The emulator fetches the audio it is told about. */
#include "tests/emulator/download.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

enum { CONNECT_MS = 5000, STALLED_S = 20 };

struct sink {
    struct emulator *emu;
    int fd;
    int64_t left;
    bool too_large;
};

static size_t take(char *data, size_t size, size_t count, void *arg)
{
    struct sink *s = arg;
    size_t len = size * count;
    s->left -= (int64_t)len;
    s->too_large = s->left < 0;
    for (size_t done = 0; !s->too_large && done < len;) {
        ssize_t n = write(s->fd, data + done, len - done);
        if (n < 0 && errno != EINTR)
            return 0;
        done += n > 0 ? (size_t)n : 0;
    }
    return s->too_large ? 0 : len;
}

static int stop_with_emulator(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    struct sink *s = arg;
    emu_lock(s->emu);
    bool stopping = s->emu->stopping;
    emu_unlock(s->emu);
    return stopping;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len >= n && !strcasecmp(text + len - n, end);
}

enum host_kind { HOST_ELSEWHERE, HOST_LOOPBACK, HOST_SERVICE };

static enum host_kind host_kind(const char *host)
{
    struct in_addr address;
    if (ends_with(host, ".aliyuncs.com"))
        return HOST_SERVICE;
    if (!strcasecmp(host, "localhost") || ends_with(host, ".localhost"))
        return HOST_LOOPBACK;
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127 ? HOST_LOOPBACK
                                                                                         : HOST_ELSEWHERE;
}

/* What the URL's host is; -1 when it is no URL. */
static int url_kind(const char *url)
{
    CURLU *parsed = curl_url();
    char *host = NULL;
    int kind = -1;
    if (!curl_url_set(parsed, CURLUPART_URL, url, 0) && !curl_url_get(parsed, CURLUPART_HOST, &host, 0))
        kind = (int)host_kind(host);
    curl_free(host);
    curl_url_cleanup(parsed);
    return kind;
}

bool download_is_loopback(const char *url)
{
    return url_kind(url) == HOST_LOOPBACK;
}

static enum hear_failure judge(CURLcode code, long status, const struct sink *s)
{
    if (s->too_large)
        return HEAR_TOO_LARGE;
    if (code == CURLE_PARTIAL_FILE)
        return HEAR_SHORT;
    if (code != CURLE_OK)
        return HEAR_UNREACHABLE;
    if (status == 403)
        return HEAR_403;
    if (status == 404)
        return HEAR_404;
    if (status >= 500)
        return HEAR_ORIGIN_ERROR;
    return status == 200 ? HEAR_GOOD : HEAR_UNREACHABLE;
}

/* The same URL over plain HTTP to this emulator, when it names the service. The caller frees. */
static char *own_url(const char *url)
{
    const char *rest = strstr(url, "://");
    return rest ? xprintf("http%s", rest) : xstrdup(url);
}

enum hear_failure download_url(struct emulator *emu, const char *url, int fd, int64_t max_bytes)
{
    int kind = url_kind(url);
    if (kind < 0)
        return HEAR_BAD_URL;
    CURL *curl = curl_easy_init();
    if (!curl || kind == HOST_ELSEWHERE) {
        curl_easy_cleanup(curl);
        return HEAR_UNREACHABLE;
    }
    cleanup_free char *to_self = xprintf("::127.0.0.1:%d", emu->port), *own = own_url(url);
    struct curl_slist *connect = kind == HOST_SERVICE ? curl_slist_append(NULL, to_self) : NULL;
    struct sink sink = {emu, fd, max_bytes, false};
    long status = 0;
    curl_easy_setopt(curl, CURLOPT_URL, kind == HOST_SERVICE ? own : url);
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (emu->options.ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, emu->options.ca_file);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALLED_S);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "model-studio");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_with_emulator);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &sink);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(connect);
    return judge(code, status, &sink);
}
