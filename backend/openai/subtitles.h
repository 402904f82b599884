/* SRT and WebVTT as answers. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct transcript;

/* Text that begins like subtitles. */
bool openai_is_subtitles(const char *text);
/* Adds a sentence for each cue; what is no cue is passed over. 0 or -ENOMEM. */
int openai_add_subtitles(struct transcript *t, const char *text);
