/* The exit codes of scribefs and scribectl. Scripts depend on them: never renumber. They are listed in
 * scribectl(1) and scribefs(8). */
#pragma once

enum exit_code {
    EXIT_OK = 0,        /* all went well */
    EXIT_GENERAL = 1,   /* it did not work; the message says why */
    EXIT_USAGE = 2,     /* the command line is wrong */
    EXIT_FAILED = 3,    /* scribectl: a recording could not be transcribed (wait), a file breaks a hard rule (lint), a stored
                           transcript was damaged (cache verify), there is something to do (check) */
    EXIT_TIMEOUT = 4,   /* scribectl wait: --timeout passed first */
    EXIT_NOT_FOUND = 5, /* scribectl: no such recording, or no store */
    EXIT_NO_DAEMON = 6, /* scribectl: scribefs does not run on that store, or may not be asked */

    EXIT_STORE = 10,   /* scribefs: the store cannot be used: missing, not writable, or of a newer version */
    EXIT_RUNNING = 11, /* scribefs: another scribefs serves this store */
    EXIT_MOUNT = 12,   /* scribefs: mounting failed */
    EXIT_CONFIG = 13,  /* scribefs: a setting is wrong */
};
