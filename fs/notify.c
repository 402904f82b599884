/* Datagrams to the service manager's socket. */
#include "fs/notify.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "backend/base/cleanup.h"

int notify_open(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t length = name ? strlen(name) : 0;
    /* A path, or with '@' an abstract name. */
    bool usable = length > 1 && length < sizeof to.sun_path && (*name == '/' || *name == '@');
    if (usable)
        memcpy(to.sun_path, name, length);
    if (name)
        unsetenv("NOTIFY_SOCKET");
    if (!usable)
        return -1;
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0';
    cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        connect(fd, (struct sockaddr *)&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)))
        return -1;
    return steal_fd(fd);
}

void notify_send(int fd, const char *state, const char *format, ...)
{
    char line[1024], text[1200];
    if (fd < 0)
        return;
    va_list ap;
    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?'; /* a path must not be able to send a state */
    int n = snprintf(text, sizeof text, "%s%sSTATUS=%s", state ? state : "", state ? "\n" : "", line);
    if (n < 0 || send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return; /* who has gone is not told */
}
