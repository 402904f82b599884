/* Signatures of object storage against vectors of the providers' own documentation and clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/buffer.h"
#include "backend/publish/signature.h"

static const struct signature_field oss_query[] = {{"param1", "value1"},  {"+param1", "value3"},
                                                   {"|param1", "value4"}, {"+param2", ""},
                                                   {"|param2", ""},       {"param2", ""}};
static const struct signature_field oss_headers[] = {{"x-oss-head1", "value"},
                                                     {"abc", "value"},
                                                     {"ZAbc", "value"},
                                                     {"XYZ", "value"},
                                                     {"content-type", "text/plain"}};
static const struct signature_field oss_presign_headers[] = {{"x-oss-head1", "value"},
                                                             {"abc", "value"},
                                                             {"ZAbc", "value"},
                                                             {"XYZ", "value"},
                                                             {"content-type", "application/octet-stream"}};

static struct signature_input oss(void)
{
    return (struct signature_input){.kind = SIGNATURE_OSS_V4,
                                    .method = "PUT",
                                    .host = "bucket.oss-cn-hangzhou.aliyuncs.com",
                                    .path = "",
                                    .bucket = "bucket",
                                    .key = "1234+-/123/1.txt",
                                    .region = "cn-hangzhou",
                                    .query = oss_query,
                                    .query_count = 6,
                                    .headers = oss_headers,
                                    .header_count = 5,
                                    .now = 1702743657};
}

static const struct signature_key oss_key = {.id = "ak", .secret = "sk"};

static void check_lines(const struct signature_headers *headers, const char *const *expected)
{
    size_t i = 0;
    for (; expected[i]; i++) {
        assert_non_null(headers->line[i]);
        assert_string_equal(headers->line[i], expected[i]);
    }
    assert_null(headers->line[i]);
}

static void oss_v4_in_headers(void **state)
{
    (void)state;
    struct signature_headers headers;
    struct signature_input in = oss();
    assert_int_equal(signature_headers(&oss_key, &in, &headers), 0);
    check_lines(
        &headers,
        (const char *const[]){
            "x-oss-date: 20231216T162057Z", "x-oss-content-sha256: UNSIGNED-PAYLOAD",
            "Authorization: OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,"
            "Signature=e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe",
            NULL});
    signature_headers_clear(&headers);
}

static void oss_v4_in_headers_with_additional_ones(void **state)
{
    (void)state;
    struct signature_headers headers;
    struct signature_input in = oss();
    in.now = 1702747512;
    in.additional = "abc;zabc";
    assert_int_equal(signature_headers(&oss_key, &in, &headers), 0);
    assert_string_equal(
        headers.line[2],
        "Authorization: OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,"
        "AdditionalHeaders=abc;zabc,"
        "Signature=4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f");
    signature_headers_clear(&headers);
}

static void oss_v4_in_an_address(void **state)
{
    (void)state;
    struct signature_input in = oss();
    in.now = 1702781677;
    in.headers = oss_presign_headers;
    char *query = signature_query(&oss_key, &in, 599);
    assert_string_equal(query,
                        "%2Bparam1=value3&%2Bparam2&%7Cparam1=value4&%7Cparam2&param1=value1&param2"
                        "&x-oss-credential=ak%2F20231217%2Fcn-hangzhou%2Foss%2Faliyun_v4_request"
                        "&x-oss-date=20231217T025437Z&x-oss-expires=599"
                        "&x-oss-signature-version=OSS4-HMAC-SHA256"
                        "&x-oss-signature=a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe");
    free(query);
}

static void oss_v1_in_headers(void **state)
{
    static const struct signature_field headers[] = {{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="},
                                                     {"Content-Type", "text/html"},
                                                     {"x-oss-meta-magic", "abracadabra"},
                                                     {"X-OSS-Meta-Author", "alice"}};
    static const struct signature_field acl[] = {{"acl", ""}, {"ignored", "x"}};
    (void)state;
    struct signature_input in = {.kind = SIGNATURE_OSS_V1,
                                 .method = "PUT",
                                 .host = "x",
                                 .path = "",
                                 .bucket = "examplebucket",
                                 .key = "nelson",
                                 .region = "",
                                 .headers = headers,
                                 .header_count = 4,
                                 .now = 1672223261};
    struct signature_headers out;
    assert_int_equal(signature_headers(&oss_key, &in, &out), 0);
    check_lines(&out, (const char *const[]){"x-oss-date: Wed, 28 Dec 2022 10:27:41 GMT",
                                            "Authorization: OSS ak:kSHKmLxlyEAKtZPkJhG9bZb5k7M=", NULL});
    signature_headers_clear(&out);
    in.query = acl;
    in.query_count = 2;
    assert_int_equal(signature_headers(&oss_key, &in, &out), 0);
    assert_string_equal(out.line[1], "Authorization: OSS ak:/afkugFbmWDQ967j1vr6zygBLQk=");
    signature_headers_clear(&out);
}

static void oss_v1_in_an_address(void **state)
{
    static const struct signature_field version[] = {{"versionId", "versionId"}};
    (void)state;
    struct signature_input in = {.kind = SIGNATURE_OSS_V1,
                                 .method = "GET",
                                 .host = "x",
                                 .path = "",
                                 .bucket = "bucket",
                                 .key = "key",
                                 .region = "",
                                 .query = version,
                                 .query_count = 1,
                                 .now = 1699807420 - 100};
    char *query = signature_query(&oss_key, &in, 100);
    assert_string_equal(query,
                        "Expires=1699807420&OSSAccessKeyId=ak&Signature=dcLTea%2BYh9ApirQ8o8dOPqtvJXQ%3D&"
                        "versionId=versionId");
    free(query);
}

/* The examples of Amazon's "Authenticating requests: using the Authorization header" and "… query
 * parameters". */
static const struct signature_key aws_key = {.id = "AKIAIOSFODNN7EXAMPLE",
                                             .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct signature_input aws(void)
{
    return (struct signature_input){.kind = SIGNATURE_AWS_V4,
                                    .method = "GET",
                                    .host = "examplebucket.s3.amazonaws.com",
                                    .path = "",
                                    .bucket = "examplebucket",
                                    .key = "test.txt",
                                    .region = "us-east-1",
                                    .now = 1369353600};
}

static void aws_v4_in_headers(void **state)
{
    static const struct signature_field range[] = {{"Range", "bytes=0-9"}};
    static const struct signature_field put[] = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    static const struct signature_field list[] = {{"prefix", "J"}, {"max-keys", "2"}};
    (void)state;
    struct signature_headers out;
    struct signature_input in = aws();
    in.headers = range;
    in.header_count = 1;
    in.payload = EMPTY_SHA256;
    assert_int_equal(signature_headers(&aws_key, &in, &out), 0);
    check_lines(&out, (const char *const[]){
                          "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: " EMPTY_SHA256,
                          "Authorization: AWS4-HMAC-SHA256 "
                          "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                          "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                          "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                          NULL});
    signature_headers_clear(&out);

    in = aws();
    in.method = "PUT";
    in.key = "test$file.text";
    in.headers = put;
    in.header_count = 2;
    in.payload = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    assert_int_equal(signature_headers(&aws_key, &in, &out), 0);
    assert_non_null(
        strstr(out.line[2], "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
    signature_headers_clear(&out);

    in = aws();
    in.key = "";
    in.query = list;
    in.query_count = 2;
    in.payload = EMPTY_SHA256;
    assert_int_equal(signature_headers(&aws_key, &in, &out), 0);
    assert_non_null(
        strstr(out.line[2], "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
    signature_headers_clear(&out);
}

static void aws_v4_in_an_address(void **state)
{
    (void)state;
    struct signature_input in = aws();
    char *query = signature_query(&aws_key, &in, 86400);
    assert_string_equal(query,
                        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
                        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    free(query);
}

static void a_path_in_front_of_the_key_is_signed_for_aws_only(void **state)
{
    (void)state;
    struct signature_input in = aws();
    char *plain = signature_query(&aws_key, &in, 60);
    in.path = "/examplebucket";
    char *with_path = signature_query(&aws_key, &in, 60);
    assert_string_not_equal(plain, with_path);
    free(plain);
    free(with_path);
    in = oss();
    plain = signature_query(&oss_key, &in, 60);
    in.path = "/somewhere";
    with_path = signature_query(&oss_key, &in, 60);
    assert_string_equal(plain, with_path);
    free(plain);
    free(with_path);
}

static void a_token_is_sent_and_signed(void **state)
{
    static const enum signature_kind kinds[] = {SIGNATURE_OSS_V4, SIGNATURE_OSS_V1, SIGNATURE_AWS_V4};
    static const char *const lines[] = {"x-oss-security-token: to/ken", "x-oss-security-token: to/ken",
                                        "x-amz-security-token: to/ken"};
    static const char *const arguments[] = {"x-oss-security-token=to%2Fken&", "&security-token=to%2Fken",
                                            "X-Amz-Security-Token=to%2Fken&"};
    (void)state;
    struct signature_key key = {.id = "ak", .secret = "sk", .token = "to/ken"};
    for (int i = 0; i < 3; i++) {
        struct signature_input in = aws();
        in.kind = kinds[i];
        struct signature_headers out, without;
        assert_int_equal(signature_headers(&key, &in, &out), 0);
        assert_int_equal(signature_headers(&oss_key, &in, &without), 0);
        int last = 0, last_without = 0, found = 0;
        for (int j = 0; out.line[j]; j++) {
            found += strcmp(out.line[j], lines[i]) == 0;
            last = j;
        }
        while (without.line[last_without + 1])
            last_without++;
        assert_int_equal(found, 1);
        assert_string_not_equal(out.line[last], without.line[last_without]);
        signature_headers_clear(&out);
        signature_headers_clear(&without);
        char *query = signature_query(&key, &in, 60);
        assert_non_null(strstr(query, arguments[i]));
        free(query);
    }
}

static void what_is_percent_encoded(void **state)
{
    (void)state;
    struct buffer b = {0};
    percent_encode(&b, "aZ09-_.~ /+%\xe4\xbd\xa0\xff", 16, 0);
    assert_string_equal(b.data, "aZ09-_.~%20%2F%2B%25%E4%BD%A0%FF");
    buffer_clear(&b);
    percent_encode(&b, "a/b c", 5, 1);
    assert_string_equal(b.data, "a/b%20c");
    buffer_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oss_v4_in_headers),
        cmocka_unit_test(oss_v4_in_headers_with_additional_ones),
        cmocka_unit_test(oss_v4_in_an_address),
        cmocka_unit_test(oss_v1_in_headers),
        cmocka_unit_test(oss_v1_in_an_address),
        cmocka_unit_test(aws_v4_in_headers),
        cmocka_unit_test(aws_v4_in_an_address),
        cmocka_unit_test(a_path_in_front_of_the_key_is_signed_for_aws_only),
        cmocka_unit_test(a_token_is_sent_and_signed),
        cmocka_unit_test(what_is_percent_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
