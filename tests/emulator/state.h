/* What outlives a restart: STATE/state.json, written at an orderly end. */
#pragma once

struct emulator;

int state_save(struct emulator *emu);  /* 0 or negative errno */
void state_load(struct emulator *emu); /* nothing there: nothing happens */
