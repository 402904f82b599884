/* From the command line to an emulator that is ready to listen. */
#pragma once

struct emulator;

/* 0; 1 or 2 after a message on standard error; -1 after --help was printed. */
int setup(struct emulator *emu, int argc, char **argv);
void setup_free(struct emulator *emu);
