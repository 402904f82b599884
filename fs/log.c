/* The log. Its destination is the one piece of state that is global, as stderr is. */
#include "fs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static int destination = STDERR_FILENO; /* -1: syslog */
static bool to_journal;                 /* stderr is the journal: prefix the priority, leave out the time */

int log_open(const char *file, bool foreground, struct error *err)
{
    openlog("scribefs", LOG_PID, LOG_DAEMON);
    to_journal = foreground && getenv("JOURNAL_STREAM") && !isatty(STDERR_FILENO);
    if (!file)
        return 0;
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return error_set(err, ERROR_PERSON, errno, "log.open", "%s: %s", file, strerror(errno));
    destination = fd;
    to_journal = false;
    return 0;
}

void log_detach(void)
{
    if (destination == STDERR_FILENO)
        destination = -1;
}

void log_line(int priority, const char *format, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?'; /* a file name must not be able to forge a line */
    if (destination < 0) {
        syslog(priority, "%s", text);
        return;
    }
    struct timespec now;
    struct tm tm;
    char stamp[32] = "";
    clock_gettime(CLOCK_REALTIME, &now);
    if (to_journal)
        snprintf(stamp, sizeof stamp, "<%d>", priority);
    else if (localtime_r(&now.tv_sec, &tm))
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S ", &tm);
    char line[1100];
    int n = snprintf(line, sizeof line, "%sscribefs: %s\n", stamp, text);
    /* One write: lines of several threads do not mix. Nobody is left to tell if it fails. */
    if (n > 0 && write(destination, line, (size_t)n) < 0)
        return;
}
