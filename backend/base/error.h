/* An error that can be shown to a person: a class that decides what happens next, a stable code, and a
 * detail.
 *
 * Functions that can only fail by errno return a negative errno. Functions whose failure a user or an
 * administrator reads fill a struct error as well. Errors are passed up once and logged once, in fs/. */
#pragma once

enum error_class {
    ERROR_NONE = 0,
    ERROR_TRANSIENT, /* may work later: back off and try again */
    ERROR_PERMANENT, /* will never work with this content and these settings: say so, stop */
    ERROR_PERSON,  /* needs somebody (a key, money, a missing engine): hold the queue, go on when it works */
    ERROR_CHANGED, /* the recording changed while it was read: settle again, nothing to say */
};

struct error {
    enum error_class class;
    int sys;          /* errno behind it, positive; 0 if there is none */
    char code[40];    /* stable symbol such as "media.truncated": the key of the message catalogue */
    char detail[400]; /* English, one line, no trailing full stop; for the log and the end of a message */
};

/* Fills *err (which may be NULL) and returns the negative errno `-sys`, or -EIO if sys is 0. */
int error_set(struct error *err, enum error_class class, int sys, const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
