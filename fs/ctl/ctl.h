/* scribectl: what its parts share. */
#pragma once

#include <stdbool.h>

#include "fs/exitcodes.h"
#include "fs/inbox/wording.h"

struct ctl_options {
    const char *store; /* -s, or NULL */
    bool json, watch, quiet;
    int limit; /* -n, or 0 */
    const char *month, *by; /* of cost, or NULL */
    const char *profile;         /* of subtitles; NULL: not given */
    bool recursive, again, yes;  /* rerun */
    const char *model, *backend; /* rerun; NULL: not said */
    const char *language;        /* of subtitles, or of rerun; NULL: not said */
    bool dry_run;
    double older_days; /* of cache prune, or < 0 */
    double timeout; /* seconds, or < 0 for none */
    char **paths;
    int path_count;
};

/* The commands: each returns an exit code and has said why, on stderr, if that is not 0. */
int ctl_status(const struct ctl_options *options);
int ctl_wait(const struct ctl_options *options);
int ctl_retry(const struct ctl_options *options);
int ctl_restore(const struct ctl_options *options);
int ctl_cancel(const struct ctl_options *options);
int ctl_confirm(const struct ctl_options *options);
int ctl_history(const struct ctl_options *options);
int ctl_cost(const struct ctl_options *options);
int ctl_cache(const struct ctl_options *options);
int ctl_check(const struct ctl_options *options);
int ctl_search(const struct ctl_options *options);
int ctl_explain(const struct ctl_options *options);
int ctl_lint(const struct ctl_options *options);
int ctl_rerun(const struct ctl_options *options);

/* The language of whoever runs it; NULL: English. */
const struct wording *ctl_wording(void);
/* A text in that language. */
#define _(text) say(ctl_wording(), text)
/* Prints "scribectl: …" as one line on stderr, control characters escaped; returns the code. */
int complain(enum exit_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));
