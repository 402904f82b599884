/* MIME types of recordings. The list is that of the formats the service takes. */
#include "backend/publish/media_type.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *extension, *type;
} types[] = {
    {".wav", "audio/wav"},        {".mp3", "audio/mpeg"},     {".m4a", "audio/mp4"},
    {".aac", "audio/aac"},        {".flac", "audio/flac"},    {".ogg", "audio/ogg"},
    {".oga", "audio/ogg"},        {".opus", "audio/ogg"},     {".amr", "audio/amr"},
    {".aiff", "audio/aiff"},      {".aif", "audio/aiff"},     {".wma", "audio/x-ms-wma"},
    {".mp4", "video/mp4"},        {".m4v", "video/mp4"},      {".mov", "video/quicktime"},
    {".mkv", "video/x-matroska"}, {".webm", "video/webm"},    {".avi", "video/x-msvideo"},
    {".flv", "video/x-flv"},      {".wmv", "video/x-ms-wmv"}, {".mpeg", "video/mpeg"},
    {".mpg", "video/mpeg"},       {".pcm", "audio/L16"},      {".3gp", "video/3gpp"},
    {".m4b", "audio/mp4"},        {".mpga", "audio/mpeg"},    {".mka", "audio/x-matroska"},
};

static int find(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot, types[i].extension) == 0)
            return (int)i;
    return -1;
}

const char *media_type(const char *name)
{
    int i = find(name);
    return i < 0 ? "application/octet-stream" : types[i].type;
}

const char *media_extension(const char *name)
{
    int i = find(name);
    return i < 0 ? "" : types[i].extension;
}
