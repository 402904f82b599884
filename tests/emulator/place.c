/* What a Host header addresses. */
#include "tests/emulator/place.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Is the label list at `p` one that begins with `prefix` and a '.', '-' or the end? */
static bool starts(const char *p, const char *prefix)
{
    return !strncmp(p, prefix, strlen(prefix));
}

static void set_bucket(struct place *place, const char *host, const char *end)
{
    snprintf(place->bucket, sizeof place->bucket, "%.*s", (int)(end - host), host);
}

/* {bucket}.oss-… or oss-… */
static bool parse_oss(const char *host, struct place *place)
{
    const char *at = starts(host, "oss-") ? host : strstr(host, ".oss-");
    if (!at)
        return false;
    place->kind = PLACE_OSS;
    const char *region = strstr(at, "oss-") + 4;
    int len = (int)strcspn(region, ".");
    if (len > 9 && !strncmp(region + len - 9, "-internal", 9))
        len -= 9;
    if (strncmp(region, "accelerate", 10))
        snprintf(place->storage_region, sizeof place->storage_region, "%.*s", len, region);
    if (at == host)
        return true;
    const char *s3 = at - 3 >= host && starts(at - 3, ".s3") ? at - 3 : NULL;
    if (s3 || (at - host == 2 && starts(host, "s3")))
        place->kind = PLACE_OSS_S3;
    if (!(at - host == 2 && starts(host, "s3")))
        set_bucket(place, host, s3 ? s3 : at);
    return true;
}

static bool parse_s3(const char *host, struct place *place)
{
    const char *at = starts(host, "s3.") ? host : strstr(host, ".s3.");
    if (!at)
        return false;
    place->kind = PLACE_S3;
    if (at != host)
        set_bucket(place, host, at);
    return true;
}

/* {workspace}.{region}.maas.… */
static bool parse_workspace(const char *host, struct place *place)
{
    char workspace[64], region[64];
    if (sscanf(host, "%63[^.].%63[^.].maas.", workspace, region) != 2 || !strstr(host, ".maas."))
        return false;
    int r = region_find(region);
    if (r < 0)
        return false;
    place->workspace_host = place->named = true;
    place->region = (enum region)r;
    snprintf(place->workspace, sizeof place->workspace, "%s", workspace);
    return true;
}

void place_parse(const char *host, struct place *place)
{
    static const struct {
        const char *prefix;
        enum region region;
    } names[] = {{"dashscope-intl.", REGION_SINGAPORE},
                 {"dashscope-us.", REGION_VIRGINIA},
                 {"dashscope.", REGION_BEIJING}};
    char name[256];
    *place = (struct place){.kind = PLACE_API};
    snprintf(name, sizeof name, "%s", host ? host : "");
    char *colon = strrchr(name, ':');
    if (colon && !strchr(colon, ']'))
        *colon = '\0';
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    place->address = !strcmp(name, "localhost") || !name[strspn(name, "0123456789.")];
    if (place->address || parse_workspace(name, place) || parse_oss(name, place) || parse_s3(name, place))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (starts(name, names[i].prefix)) {
            place->named = true;
            place->region = names[i].region;
        }
}
