/* What kind of audio a file is, as ffprobe says. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "tests/emulator/child.h"
#include "tests/emulator/emulator.h"

/* ffprobe's name of a container is a list; the service says one name. */
static void container(const cJSON *format, char *out, size_t size)
{
    const char *names = json_text(format, "format_name"),
               *brand = json_text(json_get(format, "tags"), "major_brand");
    if (!names)
        names = "";
    if (strstr(names, "mp4"))
        snprintf(out, size, "%s",
                 brand && !strncmp(brand, "M4A", 3)  ? "m4a"
                 : brand && !strncmp(brand, "qt", 2) ? "mov"
                                                     : "mp4");
    else if (strstr(names, "matroska"))
        snprintf(out, size, "mkv");
    else if (!strcmp(names, "asf"))
        snprintf(out, size, "wma");
    else
        snprintf(out, size, "%.*s", (int)strcspn(names, ","), names);
}

bool probe(struct emulator *emu, int fd, struct audio_info *info)
{
    static const char *const argv[] = {
        "ffprobe",         "-v",  "quiet",           "-of", "json", "-show_format", "-show_streams",
        "-select_streams", "a:0", "/proc/self/fd/3", NULL};
    cleanup_buffer struct buffer out = {0};
    if (child_run(emu, argv, fd, STDOUT_FILENO, -1, &out))
        return false;
    cleanup_json cJSON *json = cJSON_ParseWithLength(out.data ? out.data : "", out.len);
    const cJSON *format = json_get(json, "format"),
                *stream = cJSON_GetArrayItem(json_get(json, "streams"), 0);
    const char *codec = json_text(stream, "codec_name"), *rate = json_text(stream, "sample_rate");
    const char *duration = json_text(format, "duration"), *own = json_text(stream, "duration");
    if (!codec || !rate)
        return false;
    *info = (struct audio_info){
        .rate = atoi(rate),
        .channels = (int)json_number(stream, "channels", 1),
        .duration_ms = (int64_t)(atof(own        ? own
                                      : duration ? duration
                                                 : "0") *
                                     1000 +
                                 0.5),
    };
    snprintf(info->codec, sizeof info->codec, "%s", codec);
    container(format, info->format, sizeof info->format);
    return true;
}
