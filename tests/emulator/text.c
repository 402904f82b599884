/* Small conversions: identifiers, base64, percent-encoding, dates, pairs, JSON access. */
#include "tests/emulator/text.h"

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "tests/emulator/memory.h"

enum { CHINA_MS = 8 * 3600 * 1000 };

void text_hex(const unsigned char *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 15];
    }
    *out = '\0';
}

static void random_bytes(unsigned char *out, size_t len)
{
    if (RAND_bytes(out, (int)len) != 1)
        abort();
}

void text_uuid(char out[UUID_SIZE])
{
    unsigned char r[16];
    char hex[33];
    random_bytes(r, sizeof r);
    r[6] = (r[6] & 0x0f) | 0x40;
    r[8] = (r[8] & 0x3f) | 0x80;
    text_hex(r, sizeof r, hex);
    snprintf(out, UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void text_hex_id(char *out, size_t digits)
{
    for (size_t i = 0; i < digits; i += 2) {
        unsigned char byte;
        char hex[3];
        random_bytes(&byte, 1);
        text_hex(&byte, 1, hex);
        memcpy(out + i, hex, digits - i < 2 ? 1 : 2);
    }
    out[digits] = '\0';
}

/* ---- base64 ---- */

char *base64_encode(const void *data, size_t len)
{
    char *out = xcalloc(1, 4 * ((len + 2) / 3) + 1);
    EVP_EncodeBlock((unsigned char *)out, data, (int)len);
    return out;
}

unsigned char *base64_decode(const char *text, size_t len, size_t *out_len)
{
    size_t padding = 0;
    if (len % 4)
        return NULL;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < len - padding; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", text[i]) || !text[i])
            return NULL;
    unsigned char *out = xcalloc(1, len / 4 * 3 + 1);
    int n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
    if (n < 0) {
        free(out);
        return NULL;
    }
    *out_len = (size_t)n - padding;
    return out;
}

/* ---- percent-encoding ---- */

static bool unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_.~", c));
}

void percent_encode(struct buffer *b, const char *text, bool keep_slash)
{
    for (; *text; text++) {
        if (unreserved(*text) || (*text == '/' && keep_slash))
            buffer_add(b, text, 1);
        else
            buffer_printf(b, "%%%02X", (unsigned char)*text);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *percent_decode(const char *text, size_t len, bool plus_is_space)
{
    char *out = xcalloc(1, len + 1), *p = out;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%') {
            int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0 || !(high | low)) {
                free(out);
                return NULL;
            }
            *p++ = (char)(high << 4 | low);
            i += 2;
        } else {
            *p++ = text[i] == '+' && plus_is_space ? ' ' : text[i];
        }
    }
    *p = '\0';
    return out;
}

/* ---- dates ---- */

static struct tm utc(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    return tm;
}

static struct tm china(int64_t ms)
{
    return utc(ms + CHINA_MS);
}

static void add_milliseconds(int64_t ms, const char *after, char out[DATE_SIZE])
{
    size_t len = strlen(out);
    snprintf(out + len, DATE_SIZE - len, ".%03d%s", (int)(ms % 1000), after);
}

void date_service_seconds(int64_t ms, char out[DATE_SIZE])
{
    struct tm tm = china(ms);
    strftime(out, DATE_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
}

void date_service(int64_t ms, char out[DATE_SIZE])
{
    date_service_seconds(ms, out);
    add_milliseconds(ms, "", out);
}

void date_day(int64_t ms, char out[DATE_SIZE])
{
    struct tm tm = china(ms);
    strftime(out, DATE_SIZE, "%Y-%m-%d", &tm);
}

void date_minute(int64_t ms, char out[DATE_SIZE])
{
    struct tm tm = china(ms);
    strftime(out, DATE_SIZE, "%Y%m%d/%H:%M", &tm);
}

void date_iso(int64_t ms, char out[DATE_SIZE])
{
    struct tm tm = utc(ms);
    strftime(out, DATE_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    add_milliseconds(ms, "Z", out);
}

void date_basic(int64_t ms, char out[DATE_SIZE])
{
    struct tm tm = utc(ms);
    strftime(out, DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

void date_http(int64_t ms, char out[DATE_SIZE])
{
    struct tm tm = utc(ms);
    strftime(out, DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static int64_t date_parse(const char *text, const char *format)
{
    struct tm tm = {0};
    const char *end = text ? strptime(text, format, &tm) : NULL;
    return end && !*end ? (int64_t)timegm(&tm) * 1000 : -1;
}

int64_t date_parse_basic(const char *text)
{
    return date_parse(text, "%Y%m%dT%H%M%SZ");
}

int64_t date_parse_http(const char *text)
{
    return date_parse(text, "%a, %d %b %Y %H:%M:%S GMT");
}

int64_t date_parse_iso(const char *text)
{
    cleanup_free char *whole = xstrdup(text);
    char *point = whole ? strchr(whole, '.') : NULL;
    if (point)
        strcpy(point, "Z");
    return date_parse(whole, "%Y-%m-%dT%H:%M:%SZ");
}

int64_t date_parse_compact(const char *text)
{
    int64_t ms = text && strlen(text) == 14 ? date_parse(text, "%Y%m%d%H%M%S") : -1;
    return ms < 0 ? -1 : ms - CHINA_MS;
}

/* ---- pairs ---- */

void pairs_add_owned(struct pairs *p, char *name, char *value)
{
    p->at = xgrow(p->at, p->count + 1, &p->capacity, sizeof *p->at);
    p->at[p->count++] = (struct pair){name, value};
}

void pairs_add(struct pairs *p, const char *name, const char *value)
{
    pairs_add_owned(p, xstrdup(name), xstrdup(value));
}

const char *pairs_get(const struct pairs *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->at[i].name, name))
            return p->at[i].value;
    return NULL;
}

const char *pairs_get_nocase(const struct pairs *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcasecmp(p->at[i].name, name))
            return p->at[i].value;
    return NULL;
}

void pairs_clear(struct pairs *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->at[i].name);
        free(p->at[i].value);
    }
    free(p->at);
    *p = (struct pairs){0};
}

/* ---- JSON ---- */

const cJSON *json_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

const char *json_text(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(json_get(object, key));
}

double json_number(const cJSON *object, const char *key, double otherwise)
{
    const cJSON *item = json_get(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

bool json_true(const cJSON *object, const char *key)
{
    const cJSON *item = json_get(object, key);
    return cJSON_IsTrue(item) || (cJSON_IsNumber(item) && item->valuedouble != 0);
}

void json_count(cJSON *object, const char *key, double by)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (item)
        cJSON_SetNumberValue(item, item->valuedouble + by);
    else
        cJSON_AddNumberToObject(object, key, by);
}

void json_cleanup(cJSON **json)
{
    cJSON_Delete(*json);
}
