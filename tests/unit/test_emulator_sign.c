/* The emulator's signatures against published vectors of OSS and AWS. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/emulator/sign.h"
#include "tests/emulator/text.h"

static struct pairs pairs_of(const char *const *text)
{
    struct pairs p = {0};
    for (; *text; text += 2)
        pairs_add(&p, text[0], text[1]);
    return p;
}

static void v1_header_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *query, *signature;
    } cases[] = {
        {NULL, "kSHKmLxlyEAKtZPkJhG9bZb5k7M="},
        {"acl", "/afkugFbmWDQ967j1vr6zygBLQk="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pairs headers = pairs_of(
            (const char *const[]){"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw==", "Content-Type", "text/html",
                                  "x-oss-date", "Wed, 28 Dec 2022 10:27:41 GMT", "x-oss-meta-magic",
                                  "abracadabra", "x-oss-meta-author", "alice", NULL});
        struct pairs query = {0};
        if (cases[i].query)
            pairs_add(&query, cases[i].query, "");
        struct sign_request r = {"PUT", "examplebucket", "nelson", &query, &headers};
        char out[SIGN_V1_SIZE];
        sign_oss_v1(&r, "Wed, 28 Dec 2022 10:27:41 GMT", "sk", NULL, out);
        assert_string_equal(out, cases[i].signature);
        pairs_clear(&headers);
        pairs_clear(&query);
    }
}

static void v1_presigned_url(void **state)
{
    (void)state;
    struct pairs query =
        pairs_of((const char *const[]){"Expires", "1699807420", "versionId", "versionId", NULL});
    struct sign_request r = {"GET", "bucket", "key", &query, NULL};
    char out[SIGN_V1_SIZE];
    sign_oss_v1(&r, "1699807420", "sk", NULL, out);
    assert_string_equal(out, "dcLTea+Yh9ApirQ8o8dOPqtvJXQ=");
    pairs_clear(&query);
}

static const char *const odd_query[] = {"param1", "value1",  "+param1", "value3",  "|param1",
                                        "value4", "+param2", "",        "|param2", "",
                                        "param2", "",        NULL};

static void v4_header_signatures(void **state)
{
    (void)state;
    static const struct {
        int64_t time;
        const char *additional, *signature;
    } cases[] = {
        {1702743657, "", "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe"},
        {1702747512, "abc;zabc", "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char date[DATE_SIZE], out[SIGN_V4_SIZE];
        date_basic(cases[i].time * 1000, date);
        struct pairs headers = pairs_of((const char *const[]){
            "x-oss-head1", "value", "abc", "value", "ZAbc", "value", "XYZ", "value", "content-type",
            "text/plain", "x-oss-content-sha256", "UNSIGNED-PAYLOAD", "x-oss-date", date, NULL});
        struct pairs query = pairs_of(odd_query);
        struct sign_request r = {"PUT", "bucket", "1234+-/123/1.txt", &query, &headers};
        struct sign_scope scope = {date, "cn-hangzhou", "oss"};
        sign_oss_v4(&r, &scope, cases[i].additional, "UNSIGNED-PAYLOAD", "sk", NULL, out);
        assert_string_equal(out, cases[i].signature);
        pairs_clear(&headers);
        pairs_clear(&query);
    }
}

static void v4_presigned_url(void **state)
{
    (void)state;
    struct pairs headers =
        pairs_of((const char *const[]){"x-oss-head1", "value", "abc", "value", "ZAbc", "value", "XYZ",
                                       "value", "content-type", "application/octet-stream", NULL});
    struct pairs query = pairs_of(odd_query);
    char date[DATE_SIZE], out[SIGN_V4_SIZE];
    date_basic(1702781677000, date);
    assert_string_equal(date, "20231217T025437Z");
    pairs_add(&query, "x-oss-signature-version", "OSS4-HMAC-SHA256");
    pairs_add(&query, "x-oss-date", date);
    pairs_add(&query, "x-oss-expires", "599");
    pairs_add(&query, "x-oss-credential", "ak/20231217/cn-hangzhou/oss/aliyun_v4_request");
    struct sign_request r = {"PUT", "bucket", "1234+-/123/1.txt", &query, &headers};
    struct sign_scope scope = {date, "cn-hangzhou", "oss"};
    sign_oss_v4(&r, &scope, "", "UNSIGNED-PAYLOAD", "sk", NULL, out);
    assert_string_equal(out, "a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe");
    pairs_clear(&headers);
    pairs_clear(&query);
}

/* From Amazon's "Authenticating Requests (AWS Signature Version 4)": GET Object with a range, and the
 * presigned URL. */
static void aws_signatures(void **state)
{
    (void)state;
    static const char secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    struct sign_scope scope = {"20130524T000000Z", "us-east-1", "s3"};
    char out[SIGN_V4_SIZE];
    struct pairs headers = pairs_of((const char *const[]){"Host", "examplebucket.s3.amazonaws.com", "Range",
                                                          "bytes=0-9", "x-amz-content-sha256", empty,
                                                          "x-amz-date", "20130524T000000Z", NULL});
    struct sign_request r = {"GET", NULL, NULL, NULL, &headers};
    sign_aws_v4(&r, "/test.txt", &scope, "host;range;x-amz-content-sha256;x-amz-date", empty, secret, NULL,
                out);
    assert_string_equal(out, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

    struct pairs query = pairs_of((const char *const[]){
        "X-Amz-Algorithm", "AWS4-HMAC-SHA256", "X-Amz-Credential",
        "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request", "X-Amz-Date", "20130524T000000Z",
        "X-Amz-Expires", "86400", "X-Amz-SignedHeaders", "host", NULL});
    r.query = &query;
    sign_aws_v4(&r, "/test.txt", &scope, "host", "UNSIGNED-PAYLOAD", secret, NULL, out);
    assert_string_equal(out, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    pairs_clear(&headers);
    pairs_clear(&query);
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"a", "ab", "abc", "ab=c", "====", "a b=", "ab\n=", "YWJ-"};
    size_t len;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(base64_decode(bad[i], strlen(bad[i]), &len));
    unsigned char *data = base64_decode("YWI=", 4, &len);
    assert_non_null(data);
    assert_int_equal(len, 2);
    assert_memory_equal(data, "ab", 2);
    free(data);
}

static void percent_decoding_is_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text, *decoded;
    } cases[] = {{"a%20b", "a b"}, {"%41", "A"},  {"a+b", "a b"}, {"%", NULL},
                 {"%4", NULL},     {"%zz", NULL}, {"%00", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *out = percent_decode(cases[i].text, strlen(cases[i].text), true);
        if (cases[i].decoded)
            assert_string_equal(out, cases[i].decoded);
        else
            assert_null(out);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v1_header_signatures),
        cmocka_unit_test(v1_presigned_url),
        cmocka_unit_test(v4_header_signatures),
        cmocka_unit_test(v4_presigned_url),
        cmocka_unit_test(aws_signatures),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(percent_decoding_is_strict),
    };
    return cmocka_run_group_tests_name("emulator signatures", tests, NULL, NULL);
}
