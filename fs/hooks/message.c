/* Messages of hooks. */
#include "fs/hooks/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/json_in.h"
#include "fs/control_json.h"
#include "fs/inbox/messages.h"
#include "fs/inbox/names.h"
#include "fs/inbox/status.h"

#define TEXT_MOST (256 << 10)
#define SECRET_PREFIX "whsec_"

static const char *const event_names[] = {[HOOK_DONE] = "transcript.done", [HOOK_FAILED] = "transcript.failed"};

const char *hook_event_name(enum hook_event event)
{
    return event_names[event];
}

/* ---- JSON ---- */

static int print(const cJSON *root, struct buffer *out)
{
    cleanup_free char *text = root ? cJSON_PrintUnformatted(root) : NULL;
    if (!text)
        return -ENOMEM;
    buffer_puts(out, text);
    return buffer_error(out);
}

int hook_message(enum hook_event event, const struct item *item, int64_t now_ms, struct buffer *out)
{
    char stamp[40];
    struct tm utc;
    time_t now = (time_t)(now_ms / 1000);
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    cleanup_json cJSON *root = cJSON_CreateObject();
    cJSON *data = json_item(item);
    if (!root || !data || !cJSON_AddStringToObject(root, "type", event_names[event]) ||
        !cJSON_AddStringToObject(root, "timestamp", stamp) || !cJSON_AddItemToObject(root, "data", data)) {
        cJSON_Delete(data);
        return -ENOMEM;
    }
    return print(root, out);
}

/* The event of a message, or -1. */
static int event_of(const cJSON *root)
{
    const char *type = json_text(root, "type");
    for (int i = HOOK_DONE; type && i <= HOOK_FAILED; i++)
        if (strcmp(type, event_names[i]) == 0)
            return i;
    return -1;
}

char *hook_message_path(const char *message, enum hook_event *event)
{
    cleanup_json cJSON *root = cJSON_Parse(message);
    int found = event_of(root);
    if (found < 0)
        return NULL;
    *event = (enum hook_event)found;
    return json_get_bytes(json_get(root, "data"), "path");
}

/* Where a text may be cut: not inside a character. */
static size_t cut(const char *text, size_t length)
{
    if (length <= TEXT_MOST)
        return length;
    length = TEXT_MOST;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

int hook_message_add_text(const char *message, const char *text, size_t length, struct buffer *out)
{
    cleanup_json cJSON *root = cJSON_Parse(message);
    cJSON *data = cJSON_GetObjectItemCaseSensitive(root, "data");
    if (!cJSON_IsObject(data))
        return -EINVAL;
    size_t kept = cut(text, length);
    cleanup_free char *copy = malloc(kept + 1);
    if (copy) {
        memcpy(copy, text, kept);
        copy[kept] = '\0';
    }
    if (!copy || !cJSON_AddStringToObject(data, "text", copy) ||
        (kept < length && !cJSON_AddTrueToObject(data, "text_cut")))
        return -ENOMEM;
    return print(root, out);
}

/* ---- the environment of a program ---- */

/* Strings that follow each other in one buffer become an array in the same allocation, with a NULL at its end. */
static char **array_of(const struct buffer *strings, size_t count)
{
    size_t head = (count + 1) * sizeof(char *);
    char **array = buffer_error(strings) ? NULL : malloc(head + strings->len);
    if (!array)
        return NULL;
    char *at = (char *)array + head;
    if (strings->len)
        memcpy(at, strings->data, strings->len);
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        array[i] = at;
    array[count] = NULL;
    return array;
}

struct variables {
    struct buffer strings;
    size_t count;
};

__attribute__((format(printf, 2, 3))) static void add(struct variables *v, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    if (text)
        buffer_add(&v->strings, text, strlen(text) + 1);
    else
        v->strings.failed = true;
    free(text);
    v->count++;
}

static void add_transcripts(struct variables *v, const char *mountpoint, const struct item *item)
{
    static const struct {
        const char *variable;
        enum view_format format;
    } views[] = {{"TXT", VIEW_TXT}, {"SRT", VIEW_SRT}, {"JSON", VIEW_JSON}};
    const char *slash = strrchr(item->path, '/');
    int folder = slash ? (int)(slash - item->path) + 1 : 0;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char name[NAME_SIZE];
        view_name(item->base, views[i].format, name);
        add(v, "SCRIBEFS_%s=%s/inbox/%.*s%s", views[i].variable, mountpoint, folder, item->path, name);
    }
}

char **hook_environment(const char *message, const char *mountpoint)
{
    cleanup_json cJSON *root = cJSON_Parse(message);
    struct item item = {0};
    int event = event_of(root);
    if (event < 0 || !json_read_item(json_get(root, "data"), &item))
        return NULL;
    struct variables v = {0};
    add(&v, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    add(&v, "LC_ALL=C.UTF-8");
    add(&v, "SCRIBEFS_EVENT=%s", event_names[event]);
    add(&v, "SCRIBEFS_STATE=%s", item_state_name(item.state));
    add(&v, "SCRIBEFS_PATH=%s", item.path);
    add(&v, "SCRIBEFS_FILE=%s/inbox/%s", mountpoint, item.path);
    if (event == HOOK_DONE) {
        add_transcripts(&v, mountpoint, &item);
    } else {
        const struct message *m = message_find(item.error.code);
        add(&v, "SCRIBEFS_ERROR=%s", item.error.code);
        add(&v, "SCRIBEFS_CAUSE=%s", m->cause);
        add(&v, "SCRIBEFS_NEXT=%s", m->next);
    }
    char **environment = array_of(&v.strings, v.count);
    buffer_clear(&v.strings);
    item_clear(&item);
    return environment;
}

/* ---- command lines ---- */

char **hook_words(const char *line, size_t *count, int *rc)
{
    cleanup_buffer struct buffer words = {0};
    bool quoted = false, inside = false;
    *count = 0;
    for (const char *p = line; *p; p++) {
        bool space = *p == ' ' || *p == '\t';
        if (space && !quoted) {
            if (inside)
                buffer_add(&words, "", 1);
            inside = false;
            continue;
        }
        if (!inside)
            ++*count;
        inside = true;
        if (*p == '"') {
            quoted = !quoted;
            continue;
        }
        if (*p == '\\' && p[1])
            p++;
        buffer_add(&words, p, 1);
    }
    if (inside)
        buffer_add(&words, "", 1);
    *rc = quoted || !*count ? -EINVAL : -ENOMEM;
    return *rc == -EINVAL ? NULL : array_of(&words, *count);
}

/* ---- signatures ---- */

/* malloc'ed, *length bytes; NULL and *rc. */
static unsigned char *key_of(const char *secret, size_t *length, int *rc)
{
    size_t n = strlen(secret);
    *rc = -ENOMEM;
    if (strncmp(secret, SECRET_PREFIX, sizeof SECRET_PREFIX - 1) != 0) {
        *length = n;
        return (unsigned char *)strdup(secret);
    }
    const char *text = secret + sizeof SECRET_PREFIX - 1;
    n = strlen(text);
    unsigned char *key = malloc(n + 1);
    if (!key)
        return NULL;
    int decoded = n % 4 == 0 && n > 0 ? EVP_DecodeBlock(key, (const unsigned char *)text, (int)n) : -1;
    if (decoded < 0) {
        *rc = -EINVAL;
        free(key);
        return NULL;
    }
    /* OpenSSL counts the padding as bytes. */
    for (size_t i = n; i > n - 2 && text[i - 1] == '='; i--)
        decoded--;
    *length = (size_t)decoded;
    return key;
}

int hook_sign(const char *secret, const char *id, int64_t timestamp, const char *body, struct buffer *out)
{
    cleanup_buffer struct buffer content = {0};
    size_t length = 0;
    int rc;
    unsigned char *key = key_of(secret, &length, &rc);
    if (!key)
        return rc;
    unsigned char mac[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
    unsigned mac_length = 0;
    buffer_printf(&content, "%s.%lld.", id, (long long)timestamp);
    buffer_puts(&content, body);
    rc = buffer_error(&content);
    if (rc == 0 && !HMAC(EVP_sha256(), key, (int)length, (const unsigned char *)content.data, content.len, mac, &mac_length))
        rc = -ENOMEM;
    OPENSSL_cleanse(key, length);
    free(key);
    if (rc != 0)
        return rc;
    EVP_EncodeBlock(text, mac, (int)mac_length);
    buffer_printf(out, "v1,%s", text);
    return buffer_error(out);
}
