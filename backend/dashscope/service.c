/* Requests to the service. */
#include "backend/dashscope/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "backend/faults.h"
#include "backend/secrets.h"

/* ---- settings ---- */

static int wrong(struct error *err, const char *what)
{
    return error_set(err, ERROR_PERSON, EINVAL, "cloud.settings", "%s", what);
}

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_TRANSIENT, ENOMEM, "cloud.settings", "out of memory");
}

static bool is_label(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    return len && len < 64 && !text[len];
}

static int choose_base(struct service *s, const struct dashscope_settings *settings, struct error *err)
{
    const struct region_info *region = catalogue_region(settings->region);
    int n;
    if (settings->workspace && !is_label(settings->workspace))
        return wrong(err, "the workspace is not an id");
    if (settings->host) {
        if (strncmp(settings->host, "https://", 8) != 0 && !http_is_loopback(settings->host))
            return wrong(err, "the address of the service must begin with https://");
        size_t len = strlen(settings->host);
        while (len && settings->host[len - 1] == '/')
            len--;
        n = asprintf(&s->base, "%.*s", (int)len, settings->host);
    } else if (settings->workspace && region->workspace_suffix) {
        n = asprintf(&s->base, "https://%s%s", settings->workspace, region->workspace_suffix);
    } else if (region->host) {
        n = asprintf(&s->base, "https://%s", region->host);
    } else {
        return wrong(err, "this region has addresses of workspaces only; set the workspace");
    }
    if (n < 0) {
        s->base = NULL;
        return out_of_memory(err);
    }
    return 0;
}

static int copy(char **to, const char *text)
{
    *to = text ? strdup(text) : NULL;
    return text && !*to ? -ENOMEM : 0;
}

int service_init(struct service *s, struct http *http, const struct dashscope_settings *settings,
                 struct error *err)
{
    *s = (struct service){.http = http};
    if ((unsigned)settings->region >= REGION_COUNT)
        return wrong(err, "there is no such region");
    int rc = choose_base(s, settings, err);
    if (rc)
        return rc;
    if (copy(&s->workspace, settings->workspace) || copy(&s->key_file, settings->key_file) ||
        copy(&s->result_hosts, settings->result_hosts ? settings->result_hosts : ".aliyuncs.com"))
        return out_of_memory(err);
    return 0;
}

void service_clear(struct service *s)
{
    free(s->base);
    free(s->workspace);
    free(s->key_file);
    free(s->result_hosts);
    *s = (struct service){.base = NULL};
}

/* ---- requests ---- */

char *service_authorization(const struct service *s, struct error *err)
{
    struct secret_source source = {.file = s->key_file,
                                   .environment = "DASHSCOPE_API_KEY",
                                   .environment_file = "DASHSCOPE_API_KEY_FILE_PATH"};
    struct secret key cleanup_secret = {.count = 0};
    char *line;
    if (secret_read(&source, 1, "cloud.no_key", &key, err) != 0)
        return NULL;
    if (asprintf(&line, "Authorization: Bearer %s", key.line[0]) >= 0)
        return line;
    out_of_memory(err);
    return NULL;
}

struct http_request *service_send(const struct service *s, const struct service_call *call, struct error *err)
{
    char *url = NULL, workspace[100] = "";
    char *authorization = service_authorization(s, err);
    if (!authorization)
        return NULL;
    if (asprintf(&url, "%s%s", s->base, call->path) < 0) {
        secret_free(authorization);
        out_of_memory(err);
        return NULL;
    }
    const char *headers[10];
    size_t n = 0;
    headers[n++] = authorization;
    headers[n++] = call->stream ? "Accept: text/event-stream" : "Accept: application/json; charset=utf-8";
    if (call->body)
        headers[n++] = "Content-Type: application/json";
    if (call->task)
        headers[n++] = "X-DashScope-Async: enable";
    if (call->stream)
        headers[n++] = "X-DashScope-SSE: enable";
    if (call->resolves)
        headers[n++] = "X-DashScope-OssResourceResolve: enable";
    if (s->workspace) {
        snprintf(workspace, sizeof workspace, "X-DashScope-WorkSpace: %s", s->workspace);
        headers[n++] = workspace;
    }
    headers[n] = NULL;
    struct http_request *request = http_start(s->http,
                                              &(struct http_call){.method = call->method,
                                                                  .url = url,
                                                                  .headers = headers,
                                                                  .body = call->body,
                                                                  .body_length = call->body_length,
                                                                  .once = call->once,
                                                                  .total_ms = call->total_ms,
                                                                  .low_speed_seconds = call->patience_seconds,
                                                                  .response_limit = call->response_limit,
                                                                  .on_data = call->on_data,
                                                                  .done = call->done,
                                                                  .context = call->context},
                                              err);
    secret_free(authorization);
    free(url);
    return request;
}

/* ---- answers ---- */

int service_check(const struct http_response *response, const char *doing, struct fault_text *words,
                  struct error *err)
{
    struct fault_text said = {.code = ""};
    if (words)
        *words = said;
    if (response->end != HTTP_ANSWERED) {
        fault_of_transport(response, doing, err);
        return -EIO;
    }
    if (response->status == 200)
        return 0;
    parse_fault(response->body, response->length, &said);
    const char *id = http_header(response, "x-request-id");
    if (!said.request_id[0] && id)
        snprintf(said.request_id, sizeof said.request_id, "%s", id);
    fault_explain(&(struct fault){response->status, said.code, said.message, said.request_id}, err);
    if (words)
        *words = said;
    return -EREMOTEIO;
}

bool service_is_busy(const struct http_response *response)
{
    struct error err = {0};
    return response->end == HTTP_ANSWERED && service_check(response, "", NULL, &err) != 0 &&
           err.class == ERROR_TRANSIENT && (response->status == 429 || strcmp(err.code, "cloud.busy") == 0);
}

bool service_task_path(const char *id, const char *suffix, char *path, size_t size)
{
    size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    if (!len || id[len] || len > 200 || id[0] == '.')
        return false;
    return snprintf(path, size, "/api/v1/tasks/%s%s", id, suffix) < (int)size;
}

/* ---- results ---- */

/* "a.b.example" ends in ".example", and is "a.b.example". */
static bool host_fits(const char *host, const char *ending, size_t length)
{
    size_t len = strlen(host);
    if (!length || len < length || strncasecmp(host + len - length, ending, length) != 0)
        return false;
    return len == length || ending[0] == '.' || host[len - length - 1] == '.';
}

static void free_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

bool service_may_fetch(const struct service *s, const char *url)
{
    if (http_is_loopback(url))
        return http_is_loopback(s->base);
    CURLU *parsed __attribute__((cleanup(free_url))) = curl_url();
    char *host = NULL, *scheme = NULL;
    bool fine = false;
    if (parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0))
        for (const char *at = s->result_hosts; *at && !fine;) {
            size_t skip = strspn(at, ", "), length = strcspn(at + skip, ", ");
            fine = host_fits(host, at + skip, length);
            at += skip + length;
        }
    curl_free(host);
    curl_free(scheme);
    return fine;
}
