/* What people are told: one catalogue, keyed by the stable code of an error. The texts are English: say() of
 * fs/inbox/wording.h has them in the reader's language. */
#pragma once

struct message {
    const char *code;  /* "media.truncated" */
    const char *cause; /* one sentence: what is wrong with this file or this machine */
    const char *next;  /* one or two sentences: what the reader can do */
};

/* Never NULL: an unknown code gives a general message. */
const struct message *message_find(const char *code);
/* All of them, for tests; ends with a NULL code. */
const struct message *message_all(void);
