/* Proxies and trusted authorities, by the environment variables other programs know as well. */
#include "fs/network.h"

#include <stdlib.h>
#include <string.h>

#include "fs/options.h"
#include "fs/version.h"

/* The first of them that is set to something. */
static const char *environment(const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && *value)
            return value;
    }
    return NULL;
}

struct http_config network_config(const struct options *o)
{
    static const char *const proxy[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
    static const char *const no_proxy[] = {"no_proxy", "NO_PROXY", NULL};
    static const char *const authorities[] = {"SSL_CERT_FILE", NULL};
    struct http_config config = {.user_agent = "scribefs/" SCRIBEFS_VERSION,
                                 .ca_file = o->ca_file ? o->ca_file : environment(authorities),
                                 .proxy = o->proxy ? o->proxy : environment(proxy),
                                 .no_proxy = o->no_proxy ? o->no_proxy : environment(no_proxy)};
    if (config.proxy && strcmp(config.proxy, "none") == 0)
        config.proxy = NULL;
    return config;
}
