/* Hotwords given as a plain list: scribefs creates the vocabulary at the service, uses it again, updates it,
 * and removes it when nobody needs it any more. An account may have ten of them, so one list of words has one
 * vocabulary for each model.
 *
 * Ours are known by their prefix: "sf", four characters for this installation, four for the words and the
 * model. What has these is still compared before it is used. */
#pragma once

#include "backend/base/error.h"

struct budget;
struct loop;
struct model;
struct service;
struct vocabularies;
struct vocabulary_wait; /* one who waits for a vocabulary; gone after ready(), failed() or vocabulary_leave()
                         */

/* `instance`: see dashscope_settings. NULL when out of memory. */
struct vocabularies *vocabularies_new(struct loop *loop, const struct service *service, const char *instance);
void vocabularies_free(struct vocabularies *vocabularies);

struct vocabulary_events {
    /* The vocabulary can be used. */
    void (*ready)(void *context, const char *id);
    void (*failed)(void *context, const struct error *error);
};

/* `hotwords` as in dashscope_wishes; `language`: BCP-47 or NULL. NULL and *err when out of memory. */
struct vocabulary_wait *vocabulary_get(struct vocabularies *vocabularies, const char *hotwords,
                                       const struct model *model, const char *language,
                                       const struct vocabulary_events *events, void *context,
                                       struct error *err);
void vocabulary_leave(struct vocabulary_wait *wait); /* NULL is fine */
/* A job of an earlier run of the daemon uses this id. */
void vocabulary_hold(struct vocabularies *vocabularies, const char *id);
/* The job that got or holds this id needs it no more. */
void vocabulary_release(struct vocabularies *vocabularies, const char *id);
/* The service did not know this id: it is looked for, or made, anew. */
void vocabulary_forget(struct vocabularies *vocabularies, const char *id);
