/* What a Host header addresses: the API of a region, by its own or a workspace's name, or a bucket. */
#pragma once

#include <stdbool.h>

#include "tests/emulator/models.h"

enum place_kind {
    PLACE_API,
    PLACE_OSS, /* {bucket}.oss-{region}[-internal].…, {bucket}.oss-accelerate.…, or without the bucket */
    PLACE_OSS_S3, /* {bucket}.s3.oss-{region}.…: the S3-compatible face of OSS, bucket names only */
    PLACE_S3,     /* [{bucket}.]s3.{region}.… or s3.…: any other S3-compatible store, path style too */
};

struct place {
    enum place_kind kind;
    bool named;         /* the API's region was in the name; otherwise it is the default region */
    enum region region; /* of the API */
    bool workspace_host;
    char workspace[64];
    char bucket[64];         /* "" when the name has none */
    char storage_region[64]; /* of an OSS host: cn-beijing; "" for acceleration */
    bool address;            /* the host is an IP address or plain localhost */
};

/* Suffixes after the service's own names do not matter: aliyuncs.com and localhost are the same. */
void place_parse(const char *host, struct place *place);
