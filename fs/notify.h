/* Tells the service manager how things stand: sd_notify(3)'s protocol, without its library. */
#pragma once

/* A descriptor, to be closed, of who wants to be told (NOTIFY_SOCKET in the environment); -1: nobody. The
 * variable is removed, so that no child speaks for us. Call it while there is one thread. */
int notify_open(void);
/* One message: a state ("READY=1", "STOPPING=1"; NULL: the same as before), and a line for people, which is
 * cut at 1 kB. Nothing happens when fd is -1 or nobody listens any more; never blocks. */
void notify_send(int fd, const char *state, const char *format, ...) __attribute__((format(printf, 3, 4)));
