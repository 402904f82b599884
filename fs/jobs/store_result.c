/* Puts a transcript and what the provider said into the cache in one step. */
#include "fs/jobs/store_result.h"

#include <errno.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/results.h"

static int add(struct result_writer *w, const char *name, struct buffer *text)
{
    int rc = buffer_error(text);
    if (rc == 0)
        rc = result_add(w, name, text->data ? text->data : "", text->len);
    buffer_clear(text);
    return rc;
}

static int write_all(struct result_writer *w, const struct result_input *in)
{
    cleanup_buffer struct buffer text = {0};
    int rc = in->raw ? result_add(w, "raw.json", in->raw, in->raw_length) : 0;
    if (rc == 0)
        rc = transcript_to_json(in->transcript, &text);
    return rc ? rc : add(w, "transcript.json", &text);
}

int store_result(struct results *results, const struct result_input *in, struct error *err)
{
    struct result_writer *w = NULL;
    int rc = results_begin(results, &in->key, &w);
    if (rc == 0) {
        rc = write_all(w, in);
        if (rc == 0)
            rc = result_commit(w);
        else
            result_abort(w);
    }
    if (rc == 0)
        return 0;
    bool full = rc == -ENOSPC || rc == -EDQUOT;
    return error_set(err, ERROR_TRANSIENT, -rc, full ? "io.space" : "io.state",
                     "the result cannot be written: %s", strerror(-rc));
}
