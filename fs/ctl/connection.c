/* The client's side of the control socket. */
#include "fs/ctl/connection.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/control_json.h"

static int out_of_memory(void)
{
    return complain(EXIT_GENERAL, _("out of memory"));
}

int connection_open(struct connection *c, const char *store)
{
    *c = (struct connection){.fd = -1, .store = store, .also_fd = -1};
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/state", store) < 0)
        return out_of_memory();
    cleanup_close int state = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (state < 0 && (errno == ENOENT || errno == ENOTDIR))
        return complain(EXIT_NOT_FOUND, _("%s: this is not a store: name the right one with -s STORE"), store);
    if (state < 0)
        return complain(errno == EACCES ? EXIT_NO_DAEMON : EXIT_GENERAL,
                        _("%s: %s: run scribectl as the user scribefs runs as"), path, strerror(errno));
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return complain(EXIT_GENERAL, _("cannot make a socket: %s"), strerror(errno));
    /* The path of a store may be longer than the address of a socket. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control", state);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0)
        return EXIT_OK;
    if (errno == ENOENT || errno == ECONNREFUSED)
        return complain(EXIT_NO_DAEMON,
                        _("%s: scribefs is not running on it: start it with \"scribefs STORE MOUNTPOINT\""),
                        store);
    if (errno == EACCES)
        return complain(EXIT_NO_DAEMON, _("%s: only root and the user scribefs runs as may ask it: try sudo"),
                        store);
    return complain(EXIT_NO_DAEMON, _("%s: cannot ask scribefs: %s"), store, strerror(errno));
}

void connection_close(struct connection *c)
{
    if (c->fd >= 0)
        close(c->fd);
    buffer_clear(&c->in);
}

static int lost(const struct connection *c)
{
    return complain(EXIT_NO_DAEMON, _("%s: scribefs has ended the conversation: see whether it still runs"),
                    c->store);
}

int connection_ask(struct connection *c, const char *command, const char *path, cJSON *extra)
{
    cJSON *request = extra ? extra : cJSON_CreateObject();
    cleanup_buffer struct buffer line = {0};
    if (request && cJSON_AddStringToObject(request, "command", command) &&
        json_add_bytes(request, "path", path)) {
        cleanup_free char *text = cJSON_PrintUnformatted(request);
        if (text)
            buffer_printf(&line, "%s\n", text);
    }
    cJSON_Delete(request);
    if (line.len == 0)
        return out_of_memory();
    for (size_t sent = 0; sent < line.len;) {
        ssize_t n = send(c->fd, line.data + sent, line.len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) /* it may have said why before it hung up */
            break;
        sent += (size_t)n;
    }
    return EXIT_OK;
}

static int refused(const cJSON *error, const char *path)
{
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "code"));
    const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "message"));
    const char *what = *path ? path : "inbox";
    if (code && strcmp(code, "not_found") == 0)
        return complain(EXIT_NOT_FOUND, _("%s: no recording is there: \"scribectl status\" lists them"), what);
    if (code && strcmp(code, "forbidden") == 0)
        return complain(EXIT_NO_DAEMON, _("%s: %s: try sudo"), what, message ? message : code);
    return complain(EXIT_GENERAL, "%s: %s", what, message ? message : "scribefs refused without a reason");
}

int connection_hear(struct connection *c, const char *path, cJSON **answer)
{
    size_t seen = 0;
    const char *end;
    *answer = NULL;
    while (!(end = c->in.len > seen ? memchr(c->in.data + seen, '\n', c->in.len - seen) : NULL)) {
        char chunk[65536];
        seen = c->in.len;
        /* Whoever reads our output may go away while nothing happens: end then, as at a write. */
        struct pollfd ready[] = {{.fd = c->fd, .events = POLLIN}, {.fd = STDOUT_FILENO}, {.fd = c->also_fd, .events = POLLIN}};
        if (poll(ready, 3, -1) < 0 && errno == EINTR)
            continue;
        if (ready[2].revents & POLLIN)
            c->also(c->context);
        if (ready[1].revents & POLLERR)
            raise(SIGPIPE);
        if (!ready[0].revents)
            continue;
        ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return lost(c);
        buffer_add(&c->in, chunk, (size_t)n);
        if (buffer_error(&c->in))
            return out_of_memory();
    }
    size_t len = (size_t)(end - c->in.data);
    cJSON *o = cJSON_ParseWithLength(c->in.data, len);
    buffer_consume(&c->in, len + 1);
    if (!cJSON_IsObject(o)) {
        cJSON_Delete(o);
        return complain(EXIT_GENERAL,
                        _("%s: the answer of scribefs cannot be understood: are both of the same version?"),
                        c->store);
    }
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(o, "error");
    if (error) {
        int code = refused(error, path);
        cJSON_Delete(o);
        return code;
    }
    *answer = o;
    return EXIT_OK;
}
