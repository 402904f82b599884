/* The few words that stand in a view beside what was said, in the language of the transcript. */
#pragma once

struct buffer;
struct transcript;

struct phrases {
    const char *code;              /* primary language subtag; "en" for all languages without a row */
    const char *after;             /* a label or a name: ": " */
    const char *between;           /* two names in a list: ", " */
    const char *speaker, *channel; /* before a number */
    const char *date, *duration, *language, *speakers, *channels, *engine; /* labels of the header */
    const char *nothing;                                                   /* nothing was said */
    const char *repeated; /* before and after the number of times that something was said in a row */
    const char *times;
};

/* Never NULL. */
const struct phrases *phrases_of(const struct transcript *t);

/* Appends the name of a language: its own one if the header is written in it, otherwise the English one; a
 * code that is not known as it is. */
void phrases_put_language(const char *code, struct buffer *out);
