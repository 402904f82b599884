/* Small readers of JSON from services. */
#include "backend/json_in.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/error.h"

const cJSON *json_get(const cJSON *object, const char *key)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const char *json_text(const cJSON *object, const char *key)
{
    const cJSON *item = json_get(object, key);
    return cJSON_IsString(item) && item->valuestring[0] ? item->valuestring : NULL;
}

bool json_number(const cJSON *object, const char *key, int64_t *value)
{
    const cJSON *item = json_get(object, key);
    double number;
    if (cJSON_IsNumber(item)) {
        number = item->valuedouble;
    } else if (cJSON_IsString(item)) {
        char *end;
        number = strtod(item->valuestring, &end);
        if (end == item->valuestring || *end)
            return false;
    } else {
        return false;
    }
    if (!(fabs(number) < 9e15))
        return false;
    *value = (int64_t)llround(number);
    return true;
}

cJSON *json_parse(const char *json, size_t length, struct error *err)
{
    cJSON *root = cJSON_ParseWithLength(json, length);
    if (cJSON_IsObject(root))
        return root;
    cJSON_Delete(root);
    error_set(err, ERROR_TRANSIENT, EBADMSG, "cloud.answer",
              "the service sent %zu bytes that are not a JSON object", length);
    return NULL;
}

void json_freep(cJSON **json)
{
    cJSON_Delete(*json);
}

char *text_trimmed(const char *text)
{
    static const char white[] = " \t\r\n\f\v";
    text += strspn(text, white);
    size_t len = strlen(text);
    while (len && strchr(white, text[len - 1]))
        len--;
    return strndup(text, len);
}
