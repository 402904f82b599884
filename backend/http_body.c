/* Request bodies: memory, ranges of files, multipart forms. Files are read as libcurl asks, so that memory
 * does not grow with them. */
#include "backend/http_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

size_t http_source_read(char *into, size_t size, size_t count, void *arg)
{
    struct http_source *source = arg;
    int64_t left = source->range.length - source->position;
    size_t want = size * count;
    if ((uint64_t)left < want)
        want = (size_t)left;
    if (want == 0)
        return 0;
    if (source->data) {
        memcpy(into, source->data + source->position, want);
        source->position += (int64_t)want;
        return want;
    }
    ssize_t n;
    do
        n = pread(source->range.fd, into, want, source->range.offset + source->position);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        source->sys = n < 0 ? errno : ENODATA;
        return CURL_READFUNC_ABORT;
    }
    source->position += n;
    return (size_t)n;
}

int http_source_seek(void *arg, curl_off_t offset, int origin)
{
    struct http_source *source = arg;
    if (origin != SEEK_SET || offset < 0 || offset > source->range.length)
        return CURL_SEEKFUNC_FAIL;
    source->position = offset;
    return CURL_SEEKFUNC_OK;
}

static CURLcode add_part(curl_mime *form, const struct http_part *part, struct http_source *source)
{
    curl_mimepart *p = curl_mime_addpart(form);
    CURLcode rc = p ? curl_mime_name(p, part->name) : CURLE_OUT_OF_MEMORY;
    if (rc != CURLE_OK)
        return rc;
    if (!part->file_name)
        return curl_mime_data(p, part->value ? part->value : "", CURL_ZERO_TERMINATED);
    *source = (struct http_source){.range = part->file};
    rc = curl_mime_data_cb(p, part->file.length, http_source_read, http_source_seek, NULL, source);
    if (rc == CURLE_OK)
        rc = curl_mime_filename(p, part->file_name);
    if (rc == CURLE_OK && part->content_type)
        rc = curl_mime_type(p, part->content_type);
    return rc;
}

int http_form(CURL *easy, const struct http_part *parts, size_t part_count, struct http_source *sources,
              curl_mime **out)
{
    curl_mime *form = curl_mime_init(easy);
    if (!form)
        return -ENOMEM;
    for (size_t i = 0; i < part_count; i++)
        if (add_part(form, &parts[i], &sources[i]) != CURLE_OK) {
            curl_mime_free(form);
            return -ENOMEM;
        }
    *out = form;
    return 0;
}
