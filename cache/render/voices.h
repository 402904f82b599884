/* Who speaks in a transcript, and how each is called in its views. */
#pragma once

#include <stdbool.h>

#include "cache/render/phrases.h"

struct buffer;
struct render_look;
struct transcript;

struct voices {
    const struct phrases *phrases;
    const struct render_look *look; /* may be NULL */
    bool channels; /* who has no speaker's number is named by his channel: there are several */
};

struct voices voices_of(const struct transcript *t, const struct render_look *look);

/* Appends the name: the one given in the look, "Speaker 1" or "Channel 1" otherwise. False, and nothing is
 * appended, when nobody is known. */
bool voices_put(const struct voices *v, int speaker, int channel, struct buffer *out);

/* Appends what a channel is called in a table: the name given in the look, or its number, counted from 1. */
void voices_put_channel(const struct voices *v, int channel, struct buffer *out);

/* The next speaker's (or channel's) number that occurs in the transcript after `last`, in order; -1 at the
 * end. Begin with -1. */
int voices_next_speaker(const struct transcript *t, int last);
int voices_next_channel(const struct transcript *t, int last);
