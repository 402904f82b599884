/* One HTTP request. */
#include "tests/emulator/request.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/clock.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

static void parse_query(struct request *r, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "&");
        const char *equals = memchr(text, '=', len);
        size_t name_len = equals ? (size_t)(equals - text) : len;
        char *name = percent_decode(text, name_len, true);
        char *value = percent_decode(equals ? equals + 1 : "", equals ? len - name_len - 1 : 0, true);
        if (name && value && *name) {
            pairs_add_owned(&r->query, name, value);
        } else {
            r->bad_query |= len > 0;
            free(name);
            free(value);
        }
        text += len + (text[len] == '&');
    }
}

struct request *request_new(struct emulator *emu, const char *raw_uri)
{
    struct request *r = xcalloc(1, sizeof *r);
    r->emu = emu;
    r->arrived_ms = clock_real_ms();
    text_uuid(r->id);
    spool_init(&r->body);
    size_t path_len = strcspn(raw_uri, "?");
    r->raw_path = xstrndup(raw_uri, path_len);
    r->path = percent_decode(raw_uri, path_len, false);
    if (raw_uri[path_len])
        parse_query(r, raw_uri + path_len + 1);
    return r;
}

void request_free(struct request *r)
{
    if (!r)
        return;
    free(r->method);
    free(r->raw_path);
    free(r->path);
    pairs_clear(&r->query);
    pairs_clear(&r->headers);
    spool_free(&r->body);
    cJSON_Delete(r->json);
    free(r->tail);
    free(r->model);
    cJSON_Delete(r->fault);
    free(r);
}

const char *request_header(const struct request *r, const char *name)
{
    return pairs_get_nocase(&r->headers, name);
}
