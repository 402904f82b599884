/* scribectl check: finds the store, and lets scribefs, which knows its settings, look. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/cleanup.h"
#include "fs/ctl/ctl.h"
#include "fs/ctl/target.h"
#include "fs/program.h"

int ctl_check(const struct ctl_options *options)
{
    cleanup_target struct target target = {0};
    cleanup_free char *scribefs = program_part("scribefs", "scribefs");
    int code = target_find(options, &target);
    if (code != EXIT_OK)
        return code;
    execlp(scribefs ? scribefs : "scribefs", "scribefs", options->json ? "--check=json" : "--check", target.store,
           (char *)NULL);
    return complain(EXIT_GENERAL, _("scribefs cannot be started: %s"), strerror(errno));
}
