/* The command line and the settings file of scribefs: one table of keys for both. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backend/base/error.h"
#include "backend/dashscope/dashscope.h"
#include "backend/local/local.h"
#include "backend/openai/openai.h"
#include "cache/render/look.h"
#include "fs/hooks/hooks.h"
#include "fs/inbox/limits.h"
#include "fs/inbox/settle.h"
#include "fs/inbox/watch.h"
#include "fs/inbox/wording.h"
#include "fs/settings.h"

/* Where recordings are transcribed. */
enum backend_choice {
    BACKEND_AUTO, /* Model Studio if a key for it is set up, else another server if one is set up, else here */
    BACKEND_LOCAL,
    BACKEND_DASHSCOPE,
    BACKEND_OPENAI,
};

struct options {
    char *store, *mountpoint;
    bool foreground, debug, help, version, check, check_json;
    struct settings_set given; /* the settings that were on the command line */
    char *config;   /* settings file given with config= */
    char *config_read; /* the settings file that was read; NULL: there is none */
    char *log;      /* log file */
    char *fuse_options; /* for libfuse: what is not ours */
    bool announce;
    double attr_timeout;
    int threads;
    struct settle_times settle;
    enum watch_mode watch;
    int rescan_seconds; /* where events are of no use */
    int workers;
    enum local_engine engine;
    char *model, *vosk, *sphinx_model, *language, *worker, *announcer;
    int hang_seconds, memory_mb;
    enum backend_choice backend;
    struct limits limits; /* of spending, for all */
    int hold_window_seconds;
    char *hotwords_file, *context_file, *prompt_file;
    struct hooks_settings hooks; /* its texts belong to the options */
    char *ca_file, *proxy, *no_proxy; /* of the cloud; NULL: what the environment says */
    struct render_look look; /* how views look unless a folder says otherwise */
    bool status_files; /* talk.transcribing.txt and talk.FAILED.txt are shown */
    bool status_private; /* the pages at the top are for the daemon's user alone */
    enum wording_language status_language; /* of what people read in the folder */
    struct openai_settings server; /* its texts belong to the options */
    struct dashscope_settings cloud; /* its texts belong to the options; publish.kind PUBLISH_NONE: not said */
};

/* Reads the command line: [-f] [-d] [-o OPTION[,OPTION…]] STORE MOUNTPOINT (mount(8) helper order). 0, or
 * -EINVAL and *err ("usage" or "config.…"). Free with options_free() in any case. */
int options_parse(struct options *o, int argc, char **argv, struct error *err);
/* Reads the settings file, config= or else STORE/scribefs.conf or else /etc/scribefs.conf if there; what the
 * command line said wins. 0 or negative errno and *err, which names file, line and key. */
int options_read_config(struct options *o, struct error *err);
void options_free(struct options *o);
void options_usage(void);
