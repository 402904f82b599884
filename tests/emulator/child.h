/* Programs the emulator runs on a recording: the recogniser's worker, ffprobe, ffmpeg. */
#pragma once

struct buffer;
struct emulator;

/* Runs argv with the recording open as descriptor 3 (at its start) and nothing on standard input. What it
 * writes to descriptor `output` goes to `out_fd`, or when that is -1 into `out`. The exit status, or -1 when
 * it did not run or was ended by a signal. The emulator's end ends it. */
int child_run(struct emulator *emu, const char *const argv[], int recording, int output, int out_fd,
              struct buffer *out);
/* Lock held: ends what runs. */
void child_kill_all(struct emulator *emu);
