/* render FORMAT TRANSCRIPT NAME [LOOK]: writes a view to the standard output, for tests that need one without
 * a mount. TRANSCRIPT is a file of canonical JSON (backend/transcript.h), NAME that of the recording, LOOK
 * canonical JSON (cache/render/look.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/error.h"
#include "backend/transcript.h"
#include "cache/render/formats.h"
#include "cache/render/look.h"
#include "cache/render/render.h"

static int read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    char block[65536];
    size_t got;
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        buffer_add(out, block, got);
    int rc = ferror(file) ? -1 : buffer_error(out);
    fclose(file);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5) {
        fputs("usage: render FORMAT TRANSCRIPT NAME [LOOK]\n", stderr);
        return 2;
    }
    const struct format_info *format = format_info(format_find(argv[1], strlen(argv[1])));
    if (!format || !format->render) {
        fprintf(stderr, "render: there is no format %s\n", argv[1]);
        return 2;
    }
    cleanup_buffer struct buffer json = {0}, view = {0};
    struct error err = {0};
    if (read_file(argv[2], &json)) {
        fprintf(stderr, "render: %s cannot be read\n", argv[2]);
        return 1;
    }
    struct transcript *transcript = transcript_from_json(json.data ? json.data : "", json.len, &err);
    if (!transcript) {
        fprintf(stderr, "render: %s: %s\n", argv[2], err.detail);
        return 1;
    }
    struct render_look look = {0};
    int rc = argc == 5 ? look_from_json(argv[4], strlen(argv[4]), &look) : 0;
    struct render_source source = {.name = argv[3], .size = -1, .recorded_ms = 1767323045678, .look = &look};
    if (!rc)
        rc = format->render(transcript, &source, &view);
    if (!rc && fwrite(view.data, 1, view.len, stdout) != view.len)
        rc = -1;
    look_clear(&look);
    transcript_free(transcript);
    return rc ? 1 : 0;
}
