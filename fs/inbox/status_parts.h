/* What the status texts are made of. Shared by those who write such texts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fs/inbox/status.h"

struct wording;

/* A short text by value: a time, a length, an amount. */
struct piece {
    char text[96];
};

/* "0:31", "1:02:03" */
struct piece length_piece(int64_t ms);
/* "20 s", "6 min", "2 h 5 min": as rough as a guess should look. */
struct piece about_piece(const struct wording *w, int64_t ms);
/* Local time as near to now as is clear: "11:05", "11:05 on 24 November", "11:05 on 24 November 2027". */
struct piece time_piece(const struct wording *w, int64_t ms, int64_t now_ms);

/* "3.1 GB" */
struct piece bytes_piece(const struct wording *w, int64_t bytes);

/* Runs, and how much there is to do is known. */
bool item_has_percent(const struct item *item);
/* 0 to 100, rounded down: it says 100 only when all is done. Never asked for without a total. */
int item_percent(const struct item *item);
/* "0:31 of 1:17" or "3.1 of 7.7 MB"; false for a stage whose unit means nothing to people. */
bool amount_piece(const struct wording *w, const struct item *item, struct piece *out);
/* "recognising" */
const char *stage_word(const struct wording *w, enum backend_stage stage);

/* Control characters, and those that reorder or hide what stands around them. */
bool status_is_unsafe(uint32_t c);
/* True if the decoder put U+FFFD in place of what is there. */
bool status_is_broken(const char *s, uint32_t c);
