/* A zip archive in memory, by libzip. */
#include "cache/render/zip_files.h"

#include <errno.h>

#include <zip.h>

#include "backend/base/buffer.h"

#define DOS_DATE 0x0021 /* 1 January 1980, the first day there is */

static int add(zip_t *archive, const struct zip_part *part)
{
    zip_source_t *data = zip_source_buffer(archive, part->data, part->len, 0);
    if (!data)
        return -ENOMEM;
    zip_int64_t index = zip_file_add(archive, part->name, data, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(data);
        return -ENOMEM;
    }
    if (zip_file_set_dostime(archive, (zip_uint64_t)index, 0, DOS_DATE, 0) != 0 ||
        zip_set_file_compression(archive, (zip_uint64_t)index, ZIP_CM_DEFLATE, 6) != 0)
        return -ENOMEM;
    return 0;
}

static int read_all(zip_source_t *source, struct buffer *out)
{
    char block[16384];
    zip_int64_t n = 0;
    if (zip_source_open(source) != 0)
        return -ENOMEM;
    while ((n = zip_source_read(source, block, sizeof block)) > 0)
        buffer_add(out, block, (size_t)n);
    zip_source_close(source);
    return n < 0 ? -ENOMEM : buffer_error(out);
}

/* Nothing but memory is used, so nothing but its end can go wrong. */
int zip_files(const struct zip_part *parts, size_t count, struct buffer *out)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *archive = target ? zip_open_from_source(target, ZIP_TRUNCATE, &error) : NULL;
    zip_error_fini(&error);
    if (!archive) {
        zip_source_free(target);
        return -ENOMEM;
    }
    zip_source_keep(target); /* it is read when the archive is closed */
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = add(archive, &parts[i]);
    if (rc || zip_close(archive) != 0) {
        zip_discard(archive);
        rc = -ENOMEM;
    }
    if (rc == 0)
        rc = read_all(target, out);
    zip_source_free(target);
    return rc;
}
