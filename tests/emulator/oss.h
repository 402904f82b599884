/* Object storage over REST: OSS, its S3-compatible face, and a plain S3-compatible store. */
#pragma once

#include <stdbool.h>

#include "tests/emulator/reply.h"

/* The endpoint's name for faults and counters: "result", "upload" (PostObject) or "bucket". */
const char *oss_endpoint(const struct request *r);
void oss_serve(struct request *r, struct reply *a);

/* The object's key in this request ("" for the bucket itself). */
const char *oss_key(const struct request *r);
bool oss_is_s3(const struct request *r);

/* oss_auth.c. Lock not held. Who signed the request: fills r->account and r->key; false after refusing. An
 * unsigned request passes with an empty r->account. */
bool oss_authenticate(struct request *r, struct reply *a);

/* oss_multipart.c. Lock not held. Each answers. */
void oss_begin_upload(struct request *r, struct reply *a);
void oss_put_part(struct request *r, struct reply *a);
void oss_complete_upload(struct request *r, struct reply *a);
void oss_abort_upload(struct request *r, struct reply *a);
void oss_list_parts(struct request *r, struct reply *a);
void oss_list_uploads(struct request *r, struct reply *a);

/* oss_list.c */
void oss_list_objects(struct request *r, struct reply *a);
void oss_list_buckets(struct request *r, struct reply *a);
void oss_delete_many(struct request *r, struct reply *a);

/* Content-MD5 (and for S3 the signed payload hash) against the body; false after refusing. */
bool oss_body_intact(struct request *r, struct reply *a);
/* Headers that an object keeps, from this request. */
void oss_keep_headers(const struct request *r, struct pairs *headers);
