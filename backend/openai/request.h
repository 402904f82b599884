/* What a transcription request looks like: address, form fields, and the ladder of answers that can be asked
 * for. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "backend/http.h"
#include "backend/openai/openai.h"

/* What is asked for. From verbose to text each asks for less than the one before. */
enum openai_mode {
    MODE_VERBOSE_WORDS, /* times of words and segments */
    MODE_VERBOSE,       /* times of segments */
    MODE_DIARIZED,      /* times and speakers of segments */
    MODE_JSON,          /* a text */
    MODE_TEXT,
    MODE_SRT,
    MODE_VTT,
};

/* The richest the model and the wishes allow. */
enum openai_mode openai_first_mode(const struct openai_wishes *wishes);
/* The next best after the server refused *mode; false: there is none, or the wishes leave no choice. */
bool openai_next_mode(const struct openai_wishes *wishes, enum openai_mode *mode);

/* The longest recording the model is known to take, in seconds; 0: none is known. */
int64_t openai_model_seconds(const char *model);

/* The address of the endpoint: the base with "/audio/transcriptions", unless it is the endpoint already
 * (also whisper.cpp's "/inference"). NULL when out of memory. */
char *openai_address(const char *url);
/* Host and port of an address, for people and for the transcript. NULL when out of memory. */
char *openai_host(const char *url);

/* A body of the form. The parts point into it. */
enum { OPENAI_PARTS = 10 };
struct openai_form {
    struct http_part parts[OPENAI_PARTS];
    size_t count;
    char language[16], temperature[16], file_name[32];
};
/* `name` ends like the file that is sent: servers go by it. The file comes last, so that a server knows what
 * is wanted before it has read it. */
void openai_form(const struct openai_wishes *wishes, enum openai_mode mode, const char *name,
                 const struct http_range *file, struct openai_form *form);
/* More than the form takes beside the file: bytes that count against the server's limit too. */
size_t openai_form_bytes(const struct openai_wishes *wishes);
