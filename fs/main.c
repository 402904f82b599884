/* scribefs: command line, background, exit code. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "fs/check.h"
#include "fs/exitcodes.h"
#include "fs/log.h"
#include "fs/notify.h"
#include "fs/options.h"
#include "fs/service.h"
#include "fs/version.h"

static int exit_code_for(const struct error *err)
{
    static const struct {
        const char *prefix;
        int code;
    } table[] = {{"usage", EXIT_USAGE},          {"config.", EXIT_CONFIG}, {"store.running", EXIT_RUNNING},
                 {"store.", EXIT_STORE},         {"index.", EXIT_STORE},   {"mount.", EXIT_MOUNT},
                 {"control.socket", EXIT_STORE}, {"log.", EXIT_CONFIG}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strncmp(err->code, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].code;
    return EXIT_GENERAL;
}

static int complain(const struct error *err)
{
    int code = exit_code_for(err);
    fprintf(stderr, "scribefs: %s%s\n", err->detail, code == EXIT_USAGE ? " (see scribefs --help)" : "");
    return code;
}

/* The parent waits until the mount can be used, so that "scribefs A B && cp x B/inbox" works, and takes over
 * the exit code of a child that did not get so far. Returns in the child, with the descriptor to report on.
 */
static int go_to_background(int *report_fd)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        close(fds[0]);
        *report_fd = fds[1];
        return 0;
    }
    close(fds[1]);
    char ok;
    if (read(fds[0], &ok, 1) == 1)
        _exit(EXIT_OK);
    int status;
    _exit(waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_GENERAL);
}

/* Who waits for the mount. */
struct waiting {
    int report_fd; /* the parent, when this is in the background; -1: nobody */
    int notify_fd; /* the service manager; -1: nobody */
    const struct options *options;
};

static void on_ready(void *context)
{
    struct waiting *waiting = context;
    int *report_fd = &waiting->report_fd;
    notify_send(waiting->notify_fd, "READY=1", "Serving %s at %s", waiting->options->store,
                waiting->options->mountpoint);
    if (*report_fd < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        if (null > STDERR_FILENO)
            close(null);
    }
    log_detach();
    /* Not before: while an automounter waits for the mount, only its own process group may look at the mount point. */
    setsid();
    if (chdir("/") < 0 || write(*report_fd, "1", 1) < 0)
        return;
    close(*report_fd);
    *report_fd = -1;
}

/* Descriptors 0 to 2 are open from here on, whoever started us. */
static void ensure_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv)
{
    struct options options;
    struct error err = {0};
    struct service *service = NULL;
    struct waiting waiting = {-1, -1, &options};
    int code = EXIT_OK;

    ensure_standard_descriptors();
    waiting.notify_fd = notify_open();
    int rc = options_parse(&options, argc, argv, &err);
    if (rc == 0 && (options.help || options.version)) {
        if (options.help)
            options_usage();
        else
            printf("scribefs %s\n", SCRIBEFS_VERSION);
        options_free(&options);
        return EXIT_OK;
    }
    if (rc == 0 && options.check) {
        code = check_all(&options, options.check_json);
        options_free(&options);
        return code;
    }
    if (rc == 0)
        rc = options_read_config(&options, &err);
    if (rc == 0 && !options.foreground && (rc = go_to_background(&waiting.report_fd)) < 0)
        error_set(&err, ERROR_TRANSIENT, -rc, "start.fork", "cannot go to the background: %s", strerror(-rc));
    if (rc == 0)
        rc = log_open(options.log, options.foreground, &err);
    if (rc == 0)
        rc = service_new(&options, on_ready, &waiting, &service, &err);
    if (rc != 0) {
        code = complain(&err);
        notify_send(waiting.notify_fd, NULL, "%s", err.detail);
    } else if ((rc = service_run(service)) < 0) {
        log_line(LOG_ERR, "the mount ended: %s", strerror(-rc));
        code = EXIT_MOUNT;
    }
    if (service)
        notify_send(waiting.notify_fd, "STOPPING=1", "Ending");
    service_free(service);
    options_free(&options);
    if (waiting.notify_fd >= 0)
        close(waiting.notify_fd);
    return code;
}
