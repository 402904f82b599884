/* HTTP on loopback, and HTTPS if there is a certificate. */
#pragma once

struct emulator;
struct MHD_Daemon;

struct server {
    struct MHD_Daemon *plain, *tls; /* tls: or NULL */
};

/* Listens on 127.0.0.1 and sets emu->port and emu->tls_port. 0, or -1 after a message on standard error. */
int server_start(struct emulator *emu, struct server *server);
void server_stop(struct server *server);
