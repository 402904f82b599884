/* scribectl lint: checks subtitle files; no daemon is asked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/json_out.h"
#include "cache/render/language.h"
#include "cache/render/lint.h"
#include "cache/render/look.h"
#include "fs/ctl/ctl.h"
#include "fs/inbox/status.h"

#define MOST_BYTES (256L << 20) /* more is no subtitle file */

static int read_file(const char *path, struct buffer *out)
{
    cleanup_file FILE *f = fopen(path, "re");
    char block[65536];
    if (!f)
        return -errno;
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) {
        buffer_add(out, block, n);
        if (out->len > MOST_BYTES)
            return -EFBIG;
    }
    return ferror(f) ? -EIO : buffer_error(out);
}

static void put_json(struct buffer *out, const char *path, const struct lint *lint)
{
    buffer_puts(out, "{\"path\":");
    json_out_string(out, path);
    buffer_printf(out, ",\"language\":\"%s\",\"cues\":%zu,\"hard\":%zu,\"warnings\":%zu,\"problems\":[",
                  lint->language ? lint->language->code : "und", lint->cues, lint->hard,
                  lint->count - lint->hard);
    for (size_t i = 0; i < lint->count; i++) {
        const struct lint_problem *p = &lint->items[i];
        buffer_printf(out, "%s{\"cue\":%zu,\"rule\":\"%s\",\"hard\":%s,\"value\":", i ? "," : "", p->cue,
                      p->rule, p->hard ? "true" : "false");
        json_out_string(out, p->value);
        buffer_puts(out, ",\"limit\":");
        json_out_string(out, p->limit);
        buffer_puts(out, "}");
    }
    buffer_puts(out, "]}\n");
}

/* "talk.srt:12: H2: 45 cells in line 1 (42)"; warnings say so. */
static void put_lines(struct buffer *out, const char *path, const struct lint *lint)
{
    for (size_t i = 0; i < lint->count; i++) {
        const struct lint_problem *p = &lint->items[i];
        status_escape(path, out);
        buffer_printf(out, ":%zu: %s: ", p->cue, p->rule);
        status_escape(p->value, out);
        if (*p->limit)
            buffer_printf(out, " (%s)", p->limit);
        buffer_puts(out, p->hard ? "\n" : " [warning]\n");
    }
}

int ctl_lint(const struct ctl_options *options)
{
    struct render_look look = {0};
    if (options->profile && strcmp(options->profile, "bbc") == 0)
        look.profile = LOOK_BBC;
    else if (options->profile && strcmp(options->profile, "netflix") != 0)
        return complain(EXIT_USAGE, "lint: --profile is netflix or bbc");
    int code = EXIT_OK;
    for (int i = 0; i < options->path_count; i++) {
        const char *path = options->paths[i];
        cleanup_buffer struct buffer file = {0}, out = {0};
        struct lint lint __attribute__((cleanup(lint_clear))) = {0};
        int rc = read_file(path, &file);
        if (rc < 0) {
            code = complain(rc == -ENOENT ? EXIT_NOT_FOUND : EXIT_GENERAL, "%s: %s", path, strerror(-rc));
            continue;
        }
        rc = lint_check(file.data ? file.data : "", file.len, options->language, &look, &lint);
        if (options->json)
            put_json(&out, path, &lint);
        else
            put_lines(&out, path, &lint);
        if (rc < 0 || buffer_error(&out) < 0)
            return complain(EXIT_GENERAL, "out of memory");
        fwrite(out.data ? out.data : "", 1, out.len, stdout);
        if (lint.hard && code == EXIT_OK)
            code = EXIT_FAILED;
    }
    return code;
}
