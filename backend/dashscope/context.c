/* Cutting the context text into messages. */
#include "backend/dashscope/context.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "backend/base/utf8.h"

static const char white[] = " \t\r\n";

struct piece {
    const char *text;
    size_t length;
};

static struct piece trimmed(struct piece p)
{
    while (p.length && strchr(white, *p.text)) {
        p.text++;
        p.length--;
    }
    while (p.length && strchr(white, p.text[p.length - 1]))
        p.length--;
    return p;
}

/* How many bytes have at most so many characters, which are counted into *characters; with `words`, back to
 * the last space if there is one in the second half. */
static size_t fitting(struct piece p, size_t most, bool words, size_t *characters)
{
    size_t at = 0, space = 0, count = 0;
    while (at < p.length && count < most) {
        uint32_t c;
        size_t n = utf8_next(p.text + at, p.length - at, &c);
        if (c == ' ' || c == '\n')
            space = at;
        at += n;
        count++;
    }
    *characters = count;
    return words && at < p.length && space > at / 2 ? space : at;
}

/* ---- a text ---- */

static bool each_piece(const char *text, context_message *fn, void *context)
{
    for (int pieces = 0; pieces < CONTEXT_ROUNDS; pieces++) {
        struct piece rest = {text, strlen(text)};
        rest = trimmed(rest);
        if (!rest.length)
            return true;
        size_t characters, length = fitting(rest, CONTEXT_CHARACTERS, true, &characters);
        fn(context, false, rest.text, length);
        text = rest.text + length;
    }
    return text[strspn(text, white)] == '\0';
}

/* ---- a conversation ---- */

/* Whether a line begins a message; *skip: what stands before its words. */
static bool begins_message(const char *line, bool *reply, size_t *skip)
{
    static const char user[] = "user:", assistant[] = "assistant:";
    size_t blank = strspn(line, " \t");
    line += blank;
    *reply = strncasecmp(line, assistant, sizeof assistant - 1) == 0;
    *skip = blank + (*reply ? sizeof assistant : sizeof user) - 1;
    return *reply || strncasecmp(line, user, sizeof user - 1) == 0;
}

struct round {
    struct piece user, reply;
};

struct rounds {
    struct round kept[CONTEXT_ROUNDS];
    int count;
    bool all; /* nothing was dropped or cut */
};

/* Where the words of the next message go. A reply to nothing is sent as the user's: the service takes no
 * other. */
static struct piece *place_for(struct rounds *r, bool reply)
{
    struct round *last = r->count ? &r->kept[r->count - 1] : NULL;
    if (reply && last && !last->reply.text)
        return &last->reply;
    if (r->count == CONTEXT_ROUNDS) {
        memmove(r->kept, r->kept + 1, (CONTEXT_ROUNDS - 1) * sizeof *r->kept);
        r->count--;
        r->all = false;
    }
    r->kept[r->count] = (struct round){.user = {NULL, 0}};
    return &r->kept[r->count++].user;
}

static void read_rounds(const char *text, struct rounds *r)
{
    struct piece *at = NULL;
    while (*text) {
        size_t line = strcspn(text, "\n"), skip;
        bool reply;
        if (begins_message(text, &reply, &skip)) {
            at = place_for(r, reply);
            at->text = text + skip;
        }
        if (at)
            at->length = (size_t)(text + line - at->text);
        text += line + (text[line] == '\n');
    }
}

static size_t send(struct rounds *r, bool reply, struct piece p, size_t most, context_message *fn,
                   void *context)
{
    size_t characters;
    p = trimmed(p);
    size_t length = fitting(p, most, false, &characters);
    r->all &= length == p.length;
    if (length)
        fn(context, reply, p.text, length);
    return characters;
}

static bool each_round(const char *text, context_message *fn, void *context)
{
    struct rounds r = {.all = true};
    read_rounds(text, &r);
    for (int i = 0; i < r.count; i++) {
        size_t used = send(&r, false, r.kept[i].user, CONTEXT_CHARACTERS, fn, context);
        if (r.kept[i].reply.text)
            send(&r, used > 0, r.kept[i].reply, CONTEXT_CHARACTERS - used, fn, context);
    }
    return r.all;
}

bool context_each(const char *text, context_message *fn, void *context)
{
    bool reply;
    size_t skip;
    text += strspn(text, white);
    return begins_message(text, &reply, &skip) ? each_round(text, fn, context)
                                               : each_piece(text, fn, context);
}
