/* Queries: taken apart, written for FTS5, and looked for in a text. */
#include "cache/search_query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "cache/search_token.h"

void search_query_clear(struct search_query *q)
{
    for (size_t i = 0; i < q->count; i++) {
        for (size_t k = 0; k < q->terms[i].count; k++)
            free(q->terms[i].tokens[k]);
        free(q->terms[i].tokens);
    }
    *q = (struct search_query){0};
}

/* ---- Parsing ---- */

static int add_token(void *arg, const struct search_token *token)
{
    struct search_term *term = arg;
    char **more = reallocarray(term->tokens, term->count + 1, sizeof *more);
    if (!more)
        return -ENOMEM;
    term->tokens = more;
    char *copy = malloc(token->length + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, token->folded, token->length);
    copy[token->length] = '\0';
    more[term->count++] = copy;
    return 0;
}

static int add_term(struct search_query *q, const char *text, size_t length)
{
    if (q->count == SEARCH_TERMS)
        return -EINVAL;
    struct search_term *term = &q->terms[q->count];
    size_t last = length;
    while (last && (text[last - 1] == ' ' || text[last - 1] == '\t'))
        last--;
    term->prefix = last && text[last - 1] == '*';
    int rc = search_tokens(text, length, add_token, term);
    if (term->count || rc)
        q->count++;
    return rc;
}

/* The length of a quotation mark at p: straight, or “ and ”. */
static size_t quote_at(const char *p)
{
    return *p == '"' ? 1 : !strncmp(p, "\u201c", 3) || !strncmp(p, "\u201d", 3) ? 3 : 0;
}

static bool is_space(const char *p)
{
    return strchr(" \t\n\r+_", *p) || !strncmp(p, "\u3000", 3);
}

int search_query_parse(const char *words, struct search_query *out)
{
    *out = (struct search_query){0};
    cleanup_free char *text = search_normalise(words);
    if (!text)
        return -ENOMEM;
    int rc = 0;
    for (const char *p = text; *p && !rc;) {
        size_t quote = quote_at(p);
        if (is_space(p)) {
            p += *p == '\xe3' ? 3 : 1;
            continue;
        }
        const char *begin = p += quote;
        while (*p && !quote_at(p) && (quote || !is_space(p)))
            p++;
        const char *end = p;
        if (quote && *p)
            p += quote_at(p);
        rc = add_term(out, begin, (size_t)(end - begin));
        if (quote && *p == '*' && out->count)
            out->terms[out->count - 1].prefix = true;
    }
    return rc ? rc : out->count ? 0 : -EINVAL;
}

void search_query_match(const struct search_query *q, struct buffer *out)
{
    for (size_t i = 0; i < q->count; i++) {
        const struct search_term *term = &q->terms[i];
        buffer_puts(out, i ? " AND \"" : "\"");
        for (size_t k = 0; k < term->count; k++) /* a token holds letters and digits only: no quotation marks */
            buffer_printf(out, "%s%s", k ? " " : "", term->tokens[k]);
        buffer_puts(out, term->prefix ? "\"*" : "\"");
    }
}

/* ---- Finding ---- */

struct place {
    size_t at; /* of its text in `folded` */
    size_t length;
    struct search_span span;
};

struct places {
    struct place *list;
    size_t count, room;
    struct buffer folded;
};

static int add_place(void *arg, const struct search_token *token)
{
    struct places *p = arg;
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 1024;
        struct place *more = reallocarray(p->list, room, sizeof *more);
        if (!more)
            return -ENOMEM;
        p->list = more;
        p->room = room;
    }
    p->list[p->count++] = (struct place){p->folded.len, token->length, {token->begin, token->end}};
    buffer_add(&p->folded, token->folded, token->length);
    return buffer_error(&p->folded);
}

static bool matches(const struct places *p, size_t at, const struct search_term *term)
{
    if (at + term->count > p->count)
        return false;
    for (size_t k = 0; k < term->count; k++) {
        const struct place *place = &p->list[at + k];
        size_t length = strlen(term->tokens[k]);
        bool may_go_on = term->prefix && k + 1 == term->count;
        if ((may_go_on ? place->length < length : place->length != length) ||
            memcmp(p->folded.data + place->at, term->tokens[k], length) != 0)
            return false;
    }
    return true;
}

/* How many tokens of the longest term are here. */
static size_t match_at(const struct places *p, size_t at, const struct search_query *q)
{
    size_t longest = 0;
    for (size_t i = 0; i < q->count; i++)
        if (q->terms[i].count > longest && matches(p, at, &q->terms[i]))
            longest = q->terms[i].count;
    return longest;
}

int search_query_find(const struct search_query *q, const char *text, size_t most, struct search_span **spans,
                      size_t *count, bool *more)
{
    struct places p = {0};
    int rc = search_tokens(text, strlen(text), add_place, &p);
    struct search_span *list = rc ? NULL : calloc(most + 1, sizeof *list);
    *count = 0;
    *more = false;
    for (size_t i = 0; list && i < p.count;) {
        size_t n = match_at(&p, i, q);
        if (n && *count == most) {
            *more = true;
            break;
        }
        if (n)
            list[(*count)++] = (struct search_span){p.list[i].span.begin, p.list[i + n - 1].span.end};
        i += n ? n : 1;
    }
    free(p.list);
    buffer_clear(&p.folded);
    *spans = list;
    return list ? 0 : rc ? rc : -ENOMEM;
}
