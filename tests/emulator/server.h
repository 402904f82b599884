/* HTTP on loopback. */
#pragma once

struct emulator;
struct MHD_Daemon;

/* Listens on 127.0.0.1 and sets emu->port. NULL after a message on standard error. */
struct MHD_Daemon *server_start(struct emulator *emu);
void server_stop(struct MHD_Daemon *daemon);
