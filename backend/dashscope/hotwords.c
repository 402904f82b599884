/* Lists of hotwords. */
#include "backend/dashscope/hotwords.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "backend/base/buffer.h"
#include "backend/base/json_out.h"
#include "backend/base/utf8.h"
#include "backend/dashscope/parse_internal.h"

/* ---- reading ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int each_word(const char *list, int (*fn)(void *context, const char *word, size_t length, int weight),
                     void *context)
{
    while (*list) {
        size_t len = strcspn(list, ",\n"), first = 0, end = len;
        int weight = HOTWORD_WEIGHT;
        const char *equals = memchr(list, '=', len);
        if (equals) {
            char *rest;
            long number = strtol(equals + 1, &rest, 10);
            while (rest < list + len && is_space(*rest))
                rest++;
            weight = rest == list + len && number >= 0 && number <= 100 ? (int)number : 0;
            end = (size_t)(equals - list);
        }
        while (first < end && is_space(list[first]))
            first++;
        while (end > first && is_space(list[end - 1]))
            end--;
        int rc = first < end ? fn(context, list + first, end - first, weight) : 0;
        if (rc)
            return rc;
        list += len + (list[len] ? 1 : 0);
    }
    return 0;
}

struct word_check {
    int count;
    const char *wrong;
};

static int check_word(void *context, const char *word, size_t length, int weight)
{
    struct word_check *check = context;
    size_t characters = 0, parts = 1;
    bool ascii = true;
    for (size_t i = 0; i < length; characters++) {
        uint32_t c;
        i += utf8_next(word + i, length - i, &c);
        ascii &= c < 0x80;
        parts += c == ' ' && i < length && word[i] != ' ';
    }
    if (weight < 1 || weight > 5)
        check->wrong = "the weight of a hotword is a number from 1 to 5";
    else if (!ascii && characters > HOTWORD_MOST_CHARACTERS)
        check->wrong = "a hotword has at most 15 characters, or 7 words if all of it is ASCII";
    else if (ascii && parts > HOTWORD_MOST_PARTS)
        check->wrong = "a hotword has at most 7 words";
    else if (++check->count > HOTWORDS_MOST)
        check->wrong = "there can be at most 500 hotwords";
    return check->wrong ? -EINVAL : 0;
}

const char *hotwords_wrong(const char *list)
{
    struct word_check check = {.count = 0};
    each_word(list, check_word, &check);
    return check.wrong;
}

/* ---- for the service ---- */

struct word_list {
    struct buffer *out;
    const char *language;
    int count;
};

static int add_word(void *context, const char *word, size_t length, int weight)
{
    struct word_list *list = context;
    buffer_puts(list->out, list->count++ ? ",{\"text\":" : "{\"text\":");
    json_out_text(list->out, word, length);
    buffer_printf(list->out, ",\"weight\":%d", weight);
    if (list->language) {
        buffer_puts(list->out, ",\"lang\":");
        json_out_text(list->out, list->language, strcspn(list->language, "-_"));
    }
    buffer_puts(list->out, "}");
    return 0;
}

char *hotwords_json(const char *list, const char *language)
{
    struct buffer out = {0};
    struct word_list words = {&out, language, 0};
    buffer_puts(&out, "[");
    each_word(list, add_word, &words);
    buffer_puts(&out, "]");
    return buffer_take(&out);
}

static bool equal_texts(const cJSON *a, const cJSON *b, const char *key)
{
    const char *x = json_text(a, key), *y = json_text(b, key);
    return strcmp(x ? x : "", y ? y : "") == 0;
}

bool hotwords_same(const cJSON *theirs, const char *ours)
{
    cJSON *list cleanup_json = cJSON_Parse(ours);
    if (!cJSON_IsArray(theirs) || cJSON_GetArraySize(theirs) != cJSON_GetArraySize(list))
        return false;
    const cJSON *b = theirs->child, *a;
    cJSON_ArrayForEach(a, list)
    {
        int64_t weight = 0, their_weight = 0;
        json_number(a, "weight", &weight);
        json_number(b, "weight", &their_weight);
        if (weight != their_weight || !equal_texts(a, b, "text") || !equal_texts(a, b, "lang"))
            return false;
        b = b->next;
    }
    return true;
}

void hotwords_hash(const char *text, char *hex, size_t digits)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < digits; i++)
        hex[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
    hex[digits] = '\0';
}
