/* What hooks say of a recording: the JSON, the environment of a program, the signature of a webhook. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct item;

enum hook_event { HOOK_DONE, HOOK_FAILED };

/* "transcript.done", "transcript.failed" */
const char *hook_event_name(enum hook_event event);

/* {"type":"transcript.done","timestamp":"2026-11-28T10:00:00Z","data":{…}}: data is the item as scribectl status --json has
 * it. 0 or -ENOMEM. */
int hook_message(enum hook_event event, const struct item *item, int64_t now_ms, struct buffer *out);
/* Which recording a message is about: its path relative to the inbox (any bytes), malloc'ed; NULL when it is no message of
 * ours or out of memory. */
char *hook_message_path(const char *message, enum hook_event *event);
/* The same message with the text of the transcript in data.text; cut at 256 KiB, then data.text_cut is true. 0, -EINVAL or
 * -ENOMEM. */
int hook_message_add_text(const char *message, const char *text, size_t length, struct buffer *out);

/* The environment of a program, malloc'ed in one piece, NULL at its end: PATH, LC_ALL and
 *   SCRIBEFS_EVENT     transcript.done
 *   SCRIBEFS_STATE     done, failed
 *   SCRIBEFS_PATH      the recording, relative to the inbox
 *   SCRIBEFS_FILE      the recording, in the mount
 *   SCRIBEFS_TXT, _SRT, _JSON   its transcripts in the mount (done)
 *   SCRIBEFS_ERROR, SCRIBEFS_CAUSE, SCRIBEFS_NEXT   why not, and what can be done (failed)
 * NULL when it is no message of ours or out of memory. */
char **hook_environment(const char *message, const char *mountpoint);

/* A command line as settings have it: words with spaces between, "…" around what holds spaces, \ before any character. No shell
 * is involved. malloc'ed in one piece, NULL at its end; *count words. NULL and -EINVAL in *rc for an unclosed quote or no word,
 * else -ENOMEM. */
char **hook_words(const char *line, size_t *count, int *rc);

/* The value of the header webhook-signature (Standard Webhooks 1.0): "v1," and the base64 of the HMAC-SHA256 of
 * "ID.TIMESTAMP.BODY". The key is what "whsec_" is followed by, in base64, or else the bytes of the secret. 0, -EINVAL (that is
 * no base64), or -ENOMEM. */
int hook_sign(const char *secret, const char *id, int64_t timestamp, const char *body, struct buffer *out);
