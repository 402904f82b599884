/* Names of languages as Whisper servers say them. Pure. */
#pragma once

/* The BCP-47 code for "english" or "en" or "en-GB" (any case); NULL when it is none of these. */
const char *openai_language_code(const char *name);
