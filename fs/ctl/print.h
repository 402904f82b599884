/* What scribectl puts out. */
#pragma once

#include <stdint.h>

#include <cjson/cJSON.h>

struct buffer;

/* One line of JSON, or the text. An exit code. A pipe whose reader has gone ends the program with SIGPIPE; a full disk is said. */
int print_json_line(const cJSON *object);
int print_text(const struct buffer *text);
/* "2026-11-22 10:00:01", local; "-" for 0. */
void print_time(int64_t at_ms, struct buffer *out);
/* A text of an object, "" if there is none. The object's. */
const char *text_in(const cJSON *object, const char *key);
/* A number of an object, 0 if there is none or it is negative. */
int64_t number_in(const cJSON *object, const char *key);
