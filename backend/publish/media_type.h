/* MIME types of recordings, by the end of their names. */
#pragma once

/* "audio/mpeg" for "talk.MP3"; "application/octet-stream" when the ending says nothing. */
const char *media_type(const char *name);
/* The ending with its dot, in lower case and ASCII only (".mp3"), for names of objects; "" when there is none
 * that is known. */
const char *media_extension(const char *name);
