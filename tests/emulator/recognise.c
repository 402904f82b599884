/* The built-in recogniser at the emulator's service, by its worker program. */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/transcript.h"
#include "backend/worker/wire.h"
#include "tests/emulator/child.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"

/* The last line of what the worker said. */
static struct transcript *conclusion(const struct buffer *out, bool *not_audio)
{
    for (const char *line = out->data; line && *line;) {
        size_t len = strcspn(line, "\n");
        cleanup_json cJSON *json = cJSON_ParseWithLength(line, len);
        const char *type = json_text(json, "type"), *code = json_text(json, "code");
        if (type && !strcmp(type, "transcript")) {
            cleanup_free char *text = cJSON_PrintUnformatted(json_get(json, "transcript"));
            return transcript_from_json(text, strlen(text), NULL);
        }
        if (type && !strcmp(type, "error")) {
            *not_audio = code && !strncmp(code, "media.", 6);
            return NULL;
        }
        line += len + (line[len] == '\n');
    }
    return NULL;
}

static struct transcript *run(struct emulator *emu, int fd, bool *not_audio)
{
    cleanup_buffer struct buffer out = {0};
    const char *vosk = emu->options.vosk;
    cleanup_free char *library = vosk ? xprintf("%s/lib/libvosk.so", vosk) : NULL;
    cleanup_free char *model = vosk ? xprintf("%s/model", vosk) : NULL;
    const char *const by_vosk[] = {emu->options.worker, "--vosk-library", library, "--model", model, NULL};
    const char *const by_sphinx[] = {emu->options.worker, "--engine", "pocketsphinx", NULL};
    child_run(emu, vosk ? by_vosk : by_sphinx, fd, WIRE_OUTPUT_FD, -1, &out);
    return conclusion(&out, not_audio);
}

/* One track of the recording as a file of its own; -1 when that fails. */
static int extract(struct emulator *emu, int fd, int channel)
{
    cleanup_free char *pan = xprintf("pan=mono|c0=c%d", channel);
    const char *const argv[] = {"ffmpeg", "-v",        "quiet",  "-nostdin", "-i",    "/proc/self/fd/3",
                                "-vn",    "-filter:a", pan,      "-ar",      "16000", "-f",
                                "wav",    "-bitexact", "pipe:1", NULL};
    cleanup_close int wav = open(emu->options.state, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    /* Raw samples in a pipe cannot have their length written into the header, so ffmpeg writes to the file
     * itself. */
    if (wav < 0 || child_run(emu, argv, fd, STDOUT_FILENO, wav, NULL))
        return -1;
    return steal_fd(wav);
}

struct transcript *recognise(struct emulator *emu, int fd, int channel, bool *not_audio)
{
    *not_audio = false;
    if (!emu->options.worker)
        return NULL;
    emu_lock(emu);
    while (emu->heard.running >= emu->options.recognitions && !emu->stopping)
        emu_wait(emu, 1000);
    emu->heard.running++;
    emu_unlock(emu);
    cleanup_close int track = channel >= 0 ? extract(emu, fd, channel) : -1;
    struct transcript *t = channel >= 0 && track < 0 ? NULL : run(emu, track >= 0 ? track : fd, not_audio);
    emu_lock(emu);
    emu->heard.running--;
    pthread_cond_broadcast(&emu->changed);
    emu_unlock(emu);
    for (size_t i = 0; t && channel >= 0 && i < t->sentence_count; i++)
        t->sentences[i].channel = channel;
    return t;
}
