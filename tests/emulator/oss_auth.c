/* Who signed a request to object storage: OSS V4 and V1, AWS V4, each in headers or in the URL.
 *
 * Dates of clients are judged by the real clock; links of the service itself by the emulator's. */
#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/base/cleanup.h"
#include "tests/emulator/emulator.h"
#include "tests/emulator/memory.h"
#include "tests/emulator/oss.h"
#include "tests/emulator/sign.h"

enum { SKEW_MS = 15 * 60 * 1000, PRESIGN_MAX_S = 604800 };

struct claim {
    char id[128];
    char secret[128], token[512], account[ACCOUNT_SIZE];
    bool has_token, service;
    int64_t expires_ms;
};

static bool deny(const struct request *r, struct reply *a, int status, const char *code, const char *message)
{
    refuse_oss(r, a, status, code, message, NULL);
    return false;
}

/* The secret of the access key `id`. */
static bool look_up(const struct request *r, struct reply *a, struct claim *c, const char *id)
{
    struct emulator *emu = r->emu;
    emu_lock(emu);
    const struct oss_key *k = accounts_find_oss(&emu->accounts, id);
    if (k) {
        snprintf(c->id, sizeof c->id, "%s", k->id);
        snprintf(c->secret, sizeof c->secret, "%s", k->secret);
        snprintf(c->token, sizeof c->token, "%s", k->token ? k->token : "");
        snprintf(c->account, sizeof c->account, "%s", k->account);
        c->has_token = k->token;
        c->expires_ms = k->expires_ms;
        c->service = !strcmp(k->account, service_account);
    }
    emu_unlock(emu);
    return k || deny(r, a, 403, "InvalidAccessKeyId",
                     "The OSS Access Key Id you provided does not exist in our records.");
}

static bool token_good(const struct request *r, struct reply *a, const struct claim *c, const char *token)
{
    if (c->has_token != (token != NULL) || (token && strcmp(token, c->token)))
        return deny(r, a, 403, "InvalidAccessKeyId",
                    "The OSS Access Key Id you provided does not exist in our records.");
    if (c->expires_ms && clock_real_ms() > c->expires_ms)
        return deny(r, a, 403, "SecurityTokenExpired", "The security token you provided has expired.");
    return true;
}

static bool accept(struct request *r, struct reply *a, const struct claim *c, const char *expected,
                   const char *given, const struct buffer *text)
{
    if (strlen(expected) == strlen(given) && !CRYPTO_memcmp(expected, given, strlen(expected))) {
        snprintf(r->account, sizeof r->account, "%s", c->account);
        snprintf(r->key, sizeof r->key, "%s", c->id);
        return true;
    }
    cleanup_buffer struct buffer b = {0};
    buffer_puts(&b, "  <OSSAccessKeyId>");
    xml_text(&b, c->id);
    buffer_puts(&b, "</OSSAccessKeyId>\n  <SignatureProvided>");
    xml_text(&b, given);
    buffer_puts(&b, "</SignatureProvided>\n  <StringToSign>");
    xml_text(&b, text->data ? text->data : "");
    buffer_puts(&b, "</StringToSign>\n");
    refuse_oss(
        r, a, 403, "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and "
        "signing method.",
        b.data);
    record_violation(r->emu, r, "signature_mismatch", text->data);
    return false;
}

static struct sign_request sign_of(const struct request *r, const struct pairs *query)
{
    return (struct sign_request){
        .method = r->method,
        .bucket = *r->place.bucket ? r->place.bucket : NULL,
        .key = oss_key(r),
        .query = query,
        .headers = &r->headers,
    };
}

/* A copy of the query without `name`. */
static struct pairs query_without(const struct request *r, const char *name)
{
    struct pairs p = {0};
    for (size_t i = 0; i < r->query.count; i++)
        if (strcmp(r->query.at[i].name, name))
            pairs_add(&p, r->query.at[i].name, r->query.at[i].value);
    return p;
}

static bool fresh(const struct request *r, struct reply *a, int64_t date)
{
    if (date < 0)
        return deny(r, a, 403, "AccessDenied", "OSS authentication requires a valid Date.");
    if (llabs(clock_real_ms() - date) > SKEW_MS)
        return deny(r, a, 403, "RequestTimeTooSkewed",
                    "The difference between the request time and the current time is too large.");
    return true;
}

/* ---- V1 ---- */

static bool v1_header(struct request *r, struct reply *a, const char *text)
{
    struct claim c = {0};
    cleanup_free char *id = xstrndup(text, strcspn(text, ":"));
    const char *given = text + strlen(id);
    if (*given++ != ':')
        return deny(r, a, 400, "InvalidArgument", "Authorization header is invalid.");
    const char *oss_date = request_header(r, "x-oss-date"),
               *date = oss_date ? oss_date : request_header(r, "Date");
    if (!date)
        return deny(r, a, 403, "AccessDenied", "OSS authentication requires a valid Date.");
    if (!look_up(r, a, &c, id) || !token_good(r, a, &c, request_header(r, "x-oss-security-token")))
        return false;
    cleanup_buffer struct buffer b = {0};
    char out[SIGN_V1_SIZE];
    struct sign_request s = sign_of(r, &r->query);
    sign_oss_v1(&s, date, c.secret, &b, out);
    return accept(r, a, &c, out, given, &b) && fresh(r, a, date_parse_http(date));
}

static bool v1_link(struct request *r, struct reply *a)
{
    struct claim c = {0};
    const char *id = pairs_get(&r->query, "OSSAccessKeyId"), *expires = pairs_get(&r->query, "Expires");
    const char *given = pairs_get(&r->query, "Signature");
    if (!id || !expires || !given)
        return deny(r, a, 403, "AccessDenied",
                    "Query-string authentication requires the Signature, Expires and "
                    "OSSAccessKeyId parameters.");
    if (!look_up(r, a, &c, id) || !token_good(r, a, &c, pairs_get(&r->query, "security-token")))
        return false;
    char *end;
    int64_t until = strtoll(expires, &end, 10) * 1000;
    if (!*expires || *end)
        return deny(r, a, 403, "AccessDenied", "Invalid date (should be seconds since epoch).");
    if ((c.service ? emu_now(r->emu) : clock_real_ms()) > until || json_true(r->fault, "expired"))
        return deny(r, a, 403, "AccessDenied", "Request has expired.");
    cleanup_buffer struct buffer b = {0};
    char out[SIGN_V1_SIZE];
    struct sign_request s = sign_of(r, &r->query);
    if (!strcmp(s.method, "HEAD"))
        s.method = "GET";
    sign_oss_v1(&s, expires, c.secret, &b, out);
    if (!strcmp(r->method, "HEAD") && strcmp(out, given)) { /* a link may be made for either */
        buffer_clear(&b);
        s.method = "HEAD";
        sign_oss_v1(&s, expires, c.secret, &b, out);
    }
    return accept(r, a, &c, out, given, &b);
}

/* ---- V4 ---- */

/* {id}/{date}/{region}/{service}/{type} */
struct credential {
    char id[128], date[16], region[64], service[16], type[32];
};

static bool parse_credential(const char *text, struct credential *c)
{
    char end;
    return text && sscanf(text, "%127[^/]/%15[^/]/%63[^/]/%15[^/]/%31[^/]%c", c->id, c->date, c->region,
                          c->service, c->type, &end) == 5;
}

/* The value of `name=` in an Authorization header's list; the caller frees. */
static char *field(const char *text, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = text; *p; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " ");
        if (!strncmp(p, name, len) && p[len] == '=')
            return xstrndup(p + len + 1, strcspn(p + len + 1, ", "));
    }
    return NULL;
}

struct v4 {
    bool aws, link;
    struct credential credential;
    const char *date, *signature, *names, *token; /* names: additional or signed headers */
    const char *payload;
    int64_t expires_s;
};

/* The host must be signed, and every x-amz-* header of the request. */
static bool aws_names_good(const struct request *r, const char *names)
{
    cleanup_free char *list = xprintf(";%s;", names);
    if (!strstr(list, ";host;"))
        return false;
    for (size_t i = 0; i < r->headers.count; i++) {
        if (strncasecmp(r->headers.at[i].name, "x-amz-", 6))
            continue;
        cleanup_free char *name = xprintf(";%s;", r->headers.at[i].name);
        if (!strcasestr(list, name))
            return false;
    }
    return true;
}

static bool v4_check(struct request *r, struct reply *a, const struct v4 *v)
{
    struct claim c = {0};
    const struct credential *k = &v->credential;
    const char *service = v->aws ? "s3" : "oss", *type = v->aws ? "aws4_request" : "aliyun_v4_request";
    if (strcmp(k->service, service) || strcmp(k->type, type) || !v->date || strncmp(v->date, k->date, 8) ||
        strlen(k->date) != 8)
        return deny(r, a, 400, "InvalidArgument", "The credential scope is invalid.");
    if (!v->aws && *r->place.storage_region && strcmp(r->place.storage_region, k->region))
        return deny(r, a, 400, "InvalidArgument", "Invalid signing region in Authorization header.");
    if (!look_up(r, a, &c, k->id) || !token_good(r, a, &c, v->token))
        return false;
    int64_t date = date_parse_basic(v->date), now = clock_real_ms();
    if (!v->link && !fresh(r, a, date))
        return false;
    if (v->link && (v->expires_s < 1 || v->expires_s > PRESIGN_MAX_S))
        return deny(r, a, 400, "AuthorizationQueryParametersError",
                    "x-oss-expires must be between 1 and 604800 seconds.");
    if (v->link && (date < 0 || date > now + SKEW_MS))
        return deny(r, a, 403, "AccessDenied", "Request is not valid yet.");
    if (v->link && (now > date + v->expires_s * 1000 || json_true(r->fault, "expired")))
        return deny(r, a, 403, "AccessDenied", "Request has expired.");
    if (v->aws && !aws_names_good(r, v->names))
        return deny(r, a, 403, "AccessDenied",
                    "There were headers present in the request which were not signed");
    struct pairs query = query_without(r, !v->link ? "" : v->aws ? "X-Amz-Signature" : "x-oss-signature");
    struct sign_scope scope = {v->date, k->region, service};
    struct sign_request s = sign_of(r, &query);
    cleanup_buffer struct buffer b = {0};
    char out[SIGN_V4_SIZE];
    if (v->aws) {
        cleanup_free char *path = percent_decode(r->raw_path, strlen(r->raw_path), false);
        sign_aws_v4(&s, path ? path : "/", &scope, v->names, v->payload, c.secret, &b, out);
    } else {
        sign_oss_v4(&s, &scope, v->names, v->payload, c.secret, &b, out);
    }
    pairs_clear(&query);
    return accept(r, a, &c, out, v->signature, &b);
}

static bool v4_header(struct request *r, struct reply *a, const char *text, bool aws)
{
    cleanup_free char *credential = field(text, "Credential"), *signature = field(text, "Signature");
    cleanup_free char *names = field(text, aws ? "SignedHeaders" : "AdditionalHeaders");
    struct v4 v = {
        .aws = aws,
        .date = request_header(r, aws ? "x-amz-date" : "x-oss-date"),
        .token = request_header(r, aws ? "x-amz-security-token" : "x-oss-security-token"),
        .payload = request_header(r, aws ? "x-amz-content-sha256" : "x-oss-content-sha256"),
        .signature = signature,
        .names = names ? names : "",
    };
    if (!signature || !parse_credential(credential, &v.credential) || (aws && !names))
        return deny(r, a, 400, "InvalidArgument", "Authorization header is invalid.");
    if (!v.payload || (!aws && strcmp(v.payload, "UNSIGNED-PAYLOAD")))
        return deny(r, a, 400, "InvalidArgument",
                    aws ? "Missing required header for this request: x-amz-content-sha256"
                        : "x-oss-content-sha256 must be UNSIGNED-PAYLOAD.");
    if (aws && !strncmp(v.payload, "STREAMING-", 10))
        return deny(r, a, 501, "NotImplemented", "aws-chunked encoding is not supported.");
    return v4_check(r, a, &v);
}

static bool v4_link(struct request *r, struct reply *a, bool aws)
{
    const char *expires = pairs_get(&r->query, aws ? "X-Amz-Expires" : "x-oss-expires");
    const char *names = pairs_get(&r->query, aws ? "X-Amz-SignedHeaders" : "x-oss-additional-headers");
    const char *version = pairs_get(&r->query, aws ? "X-Amz-Algorithm" : "x-oss-signature-version");
    struct v4 v = {
        .aws = aws,
        .link = true,
        .date = pairs_get(&r->query, aws ? "X-Amz-Date" : "x-oss-date"),
        .token = pairs_get(&r->query, aws ? "X-Amz-Security-Token" : "x-oss-security-token"),
        .signature = pairs_get(&r->query, aws ? "X-Amz-Signature" : "x-oss-signature"),
        .names = names ? names : "",
        .payload = "UNSIGNED-PAYLOAD",
        .expires_s = expires ? atoll(expires) : 0,
    };
    if (strcmp(version, aws ? "AWS4-HMAC-SHA256" : "OSS4-HMAC-SHA256") || !v.signature || (aws && !names) ||
        !parse_credential(pairs_get(&r->query, aws ? "X-Amz-Credential" : "x-oss-credential"), &v.credential))
        return deny(r, a, 400, "AuthorizationQueryParametersError",
                    "Query-string authentication is incomplete.");
    return v4_check(r, a, &v);
}

bool oss_authenticate(struct request *r, struct reply *a)
{
    const char *header = request_header(r, "Authorization");
    bool oss4 = pairs_get(&r->query, "x-oss-signature-version"),
         aws4 = pairs_get(&r->query, "X-Amz-Algorithm");
    bool oss1 = pairs_get(&r->query, "OSSAccessKeyId") || pairs_get(&r->query, "Signature");
    bool aws = oss_is_s3(r);
    if (r->bad_query)
        return deny(r, a, 400, "InvalidArgument", "The query string is not percent-encoded correctly.");
    if (header && (oss4 || aws4 || oss1)) {
        record_violation(r->emu, r, "authorization_on_signed_url", r->raw_path);
        return deny(r, a, 400, "InvalidArgument",
                    "Only one auth mechanism allowed; only the query signature or the "
                    "Authorization header should be specified.");
    }
    if (!aws && oss4)
        return v4_link(r, a, false);
    if (aws && aws4)
        return v4_link(r, a, true);
    if (oss1 && r->place.kind == PLACE_OSS)
        return v1_link(r, a);
    if (!header)
        return true;
    if (aws && !strncmp(header, "AWS4-HMAC-SHA256 ", 17))
        return v4_header(r, a, header + 17, true);
    if (!aws && !strncmp(header, "OSS4-HMAC-SHA256 ", 17))
        return v4_header(r, a, header + 17, false);
    if (!aws && !strncmp(header, "OSS ", 4))
        return v1_header(r, a, header + 4);
    if (!strncasecmp(header, "Bearer ", 7))
        record_violation(r->emu, r, "api_key_to_storage", r->raw_path);
    return deny(r, a, 400, "InvalidArgument", "Authorization header is invalid.");
}
