/* The language people are addressed in. The program is written in English; other languages are catalogues of
 * gettext (fs/po), DIR/zh_CN/LC_MESSAGES/scribefs.mo.
 *
 * They are read here and not by libintl, because what that says hangs on the locale of the process: a server
 * has no Chinese locale as a rule, and without one libintl answers in English (since glibc 2.41 also with
 * LANGUAGE and C.UTF-8, sourceware 16621). A struct wording never changes after it was opened: any thread, no
 * lock. NULL is English. */
#pragma once

#include <stdbool.h>

#include "backend/base/error.h"

struct wording;

enum wording_language {
    WORDING_AUTO, /* what the environment says, as for gettext: LANGUAGE, LC_ALL, LC_MESSAGES, LANG */
    WORDING_ENGLISH,
    WORDING_CHINESE, /* simplified characters */
};

/* What WORDING_AUTO stands for here and now: the first language of the environment that there is, else
 * English. Not while another thread calls setenv(). */
enum wording_language wording_of_environment(void);
/* Opens the catalogue of a language; *out is NULL for English. `directory` holds the catalogues and may be
 * NULL: there are none. 0, or negative errno and *err ("wording.missing", "wording.damaged"). */
int wording_open(const char *directory, enum wording_language language, struct wording **out,
                 struct error *err);
void wording_free(struct wording *w);
/* BCP 47: "en", "zh-Hans" (for the lang of an HTML page). */
const char *wording_tag(const struct wording *w);

/* The text in that language, or the text itself where the catalogue has none; as long-lived as both. xgettext
 * collects the arguments of these functions, and texts in tables by SAID(). */
const char *say(const struct wording *w, const char *text) __attribute__((format_arg(2)));
/* Where one English text stands for two meanings: `context` tells them apart. */
const char *say_in(const struct wording *w, const char *context, const char *text)
    __attribute__((format_arg(3)));
/* One of two texts by number: say_count(w, "%d recording", "%d recordings", n). */
const char *say_count(const struct wording *w, const char *one, const char *many, unsigned long n)
    __attribute__((format_arg(2), format_arg(3)));
/* Marks a text of a table for xgettext; whoever takes it out of the table says it. */
#define SAID(text) text
#define SAID_IN(context, text) text
