/* Renders a transcript and puts everything into the cache in one step. */
#include "fs/jobs/store_result.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "backend/base/buffer.h"
#include "backend/transcript.h"
#include "cache/render/look.h"
#include "cache/render/render.h"
#include "cache/results.h"
#include "fs/inbox/names.h"

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
    static int (*const renderers[VIEW_RESULT_FORMATS])(const struct transcript *,
                                                       const struct render_source *, struct buffer *) = {
        [VIEW_TXT] = render_txt, [VIEW_SRT] = render_srt, [VIEW_JSON] = render_json};
    char digest[DIGEST_HEX], settings[DIGEST_HEX];
    struct digest settings_digest;
    int rc = digest_key(&(struct digest){{0}}, in->settings, &settings_digest);
    digest_hex(&in->digest, digest);
    digest_hex(&settings_digest, settings);
    struct render_look look = {.emotions = in->emotions};
    struct render_source source = {.sha256 = digest,
                                   .settings_hash = settings,
                                   .size = in->size,
                                   .look = &look,
                                   .finished_ms = (int64_t)time(NULL) * 1000};
    struct buffer text = {0};
    for (enum view_format i = 0; i < VIEW_RESULT_FORMATS && rc == 0; i++) {
        rc = renderers[i](in->transcript, &source, &text);
        if (rc == 0)
            rc = add(w, view_result_file(i), &text);
        buffer_clear(&text);
    }
    if (rc == 0 && in->raw)
        rc = result_add(w, "raw.json", in->raw, in->raw_length);
    if (rc == 0)
        rc = transcript_to_json(in->transcript, &text);
    if (rc == 0)
        rc = add(w, "transcript.json", &text);
    buffer_clear(&text);
    return rc;
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
