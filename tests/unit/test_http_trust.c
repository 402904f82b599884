/* The HTTP client: what it refuses, whom it trusts, proxies and TLS. */
#include "tests/unit/http_tests.h"

/* ---- what it refuses, and whom it trusts ---- */

static void addresses_that_are_refused(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *url;
        bool plain_http, fine;
    } cases[] = {
        {"https://service.invalid/x", false, true},
        {"http://service.invalid/x", false, false},
        {"http://service.invalid/x", true, true},
        {"http://127.0.0.1:1/", false, true},
        {"http://127.9.9.9:1/", false, true},
        {"http://[::1]:1/", false, true},
        {"http://localhost:1/", false, true},
        {"http://bucket.localhost:1/", false, true},
        {"http://127.0.0.1.evil.invalid/", false, false},
        {"http://localhost.evil.invalid/", false, false},
        {"http://10.0.0.1/", false, false},
        {"https://user:secret@service.invalid/", false, false},
        {"ftp://127.0.0.1/", true, false},
        {"file:///etc/passwd", true, false},
        {"gopher://127.0.0.1/", true, false},
        {"", true, false},
        {"https://", true, false},
        {"127.0.0.1/x", true, false},
        {"https://service.invalid/a b", true, false},
        {"https://service.invalid/a\nb", true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct http_request *r = http_start(w->http,
                                            &(struct http_call){.method = "GET",
                                                                .url = cases[i].url,
                                                                .plain_http = cases[i].plain_http,
                                                                .done = on_done,
                                                                .context = w},
                                            &err);
        if ((r != NULL) != cases[i].fine)
            fail_msg("%s is %s", cases[i].url, r ? "accepted" : "refused");
        assert_true(r || strcmp(err.code, "http.request") == 0);
        assert_null(strstr(err.detail, "secret"));
        http_cancel(r);
    }
}

static void redirects_are_followed_only_when_asked_for(void **state)
{
    struct world *w = *state;
    w->look_at = "Authorization";
    struct http_call call = {.headers = (const char *const[]){"Authorization: Bearer sk-1", NULL}};
    go(w, "/moved", call);
    assert_int_equal(w->got.status, 302);
    assert_string_equal(w->header, "Bearer sk-1");
    call.redirects = true;
    go(w, "/moved", call);
    assert_int_equal(w->got.status, 200);
    assert_string_equal(w->target, "/there");
    assert_null(w->header); /* another host: it does not get the key */
}

static void the_environment_chooses_no_proxy(void **state)
{
    struct world *w = *state;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", free_port());
    setenv("http_proxy", url, 1);
    setenv("all_proxy", url, 1);
    go(w, "/", (struct http_call){0});
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_int_equal(w->got.end, HTTP_ANSWERED);
}

/* ---- proxies ---- */

/* The client, now with a proxy: the rude server or our own, which knows no CONNECT. */
static void use_proxy(struct world *w, const char *proxy, const char *no_proxy)
{
    http_free(w->http);
    struct http_config config = {.proxy = proxy, .no_proxy = no_proxy};
    assert_int_equal(http_new(w->loop, &config, &w->http), 0);
}

static const char *const with_key[] = {"Authorization: Bearer sk-1", NULL};

static void a_proxy_is_asked_for_a_tunnel_and_never_sees_the_key(void **state)
{
    struct world *w = *state;
    use_proxy(w, w->web->base, NULL);
    w->reply.status = 407;
    w->look_at = "Authorization";
    go(w, NULL,
       (struct http_call){.method = "POST",
                          .url = "https://service.invalid/x",
                          .headers = with_key,
                          .body = "secret",
                          .body_length = 6});
    assert_string_equal(w->method, "CONNECT");
    assert_null(w->header);
    assert_int_equal(w->sent.len, 0);
    /* What the proxy refused never reached the service. */
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION);
    assert_false(w->got.sent);
    assert_non_null(strstr(w->got.detail, "407"));
}

static void a_proxy_that_breaks_off_or_is_not_there_means_nothing_was_sent(void **state)
{
    struct world *w = *state;
    struct rude rude;
    char url[64];
    rude_start(w, &rude, 0, url, sizeof url);
    use_proxy(w, url, NULL);
    go(w, NULL,
       (struct http_call){.method = "POST", .url = "https://service.invalid/x", .headers = with_key});
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION);
    assert_false(w->got.sent);
    rude_end(&rude);
    go(w, NULL,
       (struct http_call){.method = "POST", .url = "https://service.invalid/x", .headers = with_key});
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION);
    assert_false(w->got.sent);
}

static void a_proxy_is_not_used_for_this_machine_nor_where_none_is_wanted(void **state)
{
    struct world *w = *state;
    use_proxy(w, w->web->base, ".internal.invalid, service.invalid");
    go(w, "/", (struct http_call){0});
    assert_string_equal(w->target, "/");
    int before = w->web->requests;
    go(w, NULL, (struct http_call){.url = "https://service.invalid/x"});
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION); /* there is no such host */
    go(w, NULL, (struct http_call){.url = "https://a.internal.invalid/x"});
    assert_int_equal(w->got.end, HTTP_NO_CONNECTION);
    assert_int_equal(w->web->requests, before);
    go(w, NULL, (struct http_call){.url = "https://other.invalid/x"});
    assert_int_equal(w->web->requests, before + 1);
}

/* ---- TLS ---- */

static void a_handshake_that_stalls_ends_and_nothing_was_sent(void **state)
{
    struct world *w = *state;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    assert_int_equal(listen(fd, 8), 0); /* the kernel takes the connection, nobody reads from it */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &length), 0);
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", ntohs(here.sin_port));
    go(w, NULL, (struct http_call){.method = "POST", .url = url, .connect_ms = 100});
    assert_int_equal(w->got.end, HTTP_TIMEOUT);
    assert_false(w->got.sent);
    close(fd);
}

static void authorities_that_cannot_be_read_are_an_error_at_once(void **state)
{
    struct world *w = *state;
    struct http *http;
    char *directory = scratch_new(), *file = scratch_join(directory, "ca.pem");
    assert_int_equal(http_new(w->loop, &(struct http_config){.ca_file = file}, &http), -ENOENT);
    FILE *f = fopen(file, "we");
    fputs("no certificate\n", f);
    fclose(f);
    assert_int_equal(http_new(w->loop, &(struct http_config){.ca_file = file}, &http), -EINVAL);
    free(file);
    scratch_remove(directory);
}

static void this_machine_by_ipv6(void **state)
{
    struct world *w = *state;
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof here;
    struct rude rude;
    char url[64];
    rude_start(w, &rude, 1, url, sizeof url);
    loop_unwatch(rude.listener);
    close(rude.fd[7]);
    rude.fd[7] = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool there = rude.fd[7] >= 0 && bind(rude.fd[7], (struct sockaddr *)&here, sizeof here) == 0;
    if (!there) {
        rude.listener = NULL;
        rude_end(&rude);
        skip(); /* a machine without IPv6 */
    }
    assert_int_equal(listen(rude.fd[7], 8), 0);
    assert_int_equal(getsockname(rude.fd[7], (struct sockaddr *)&here, &length), 0);
    rude.listener = loop_watch(w->loop, rude.fd[7], EPOLLIN, rude_accepts, &rude);
    snprintf(url, sizeof url, "http://[::1]:%d/", ntohs(here.sin6_port));
    go(w, NULL, (struct http_call){.url = url});
    assert_int_equal(w->got.end, HTTP_ANSWERED);
    rude_end(&rude);
}

static char *bio_text(BIO *bio)
{
    char *data;
    long length = BIO_get_mem_data(bio, &data);
    char *text = calloc(1, (size_t)length + 1);
    assert_non_null(text);
    memcpy(text, data, (size_t)length);
    BIO_free(bio);
    return text;
}

/* A key and a certificate for 127.0.0.1, signed by itself, as PEM. */
static void make_certificate(char **key_text, char **certificate_text)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, san, -1);
    X509_EXTENSION_free(san);
    X509_sign(certificate, key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    *key_text = bio_text(bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    *certificate_text = bio_text(bio);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void an_unknown_certificate_is_not_trusted(void **state)
{
    struct world *w = *state;
    char *key, *certificate;
    make_certificate(&key, &certificate);
    struct web *tls = web_new(w->loop, key, certificate, serve, w);
    char url[80];
    snprintf(url, sizeof url, "%s/", tls->base);
    go(w, NULL, (struct http_call){.url = url, .method = "POST", .body = "secret", .body_length = 6});
    assert_int_equal(w->got.end, HTTP_UNTRUSTED);
    assert_false(w->got.sent);
    assert_int_equal(tls->requests, 0);

    char *directory = scratch_new(), *file = scratch_join(directory, "ca.pem");
    FILE *f = fopen(file, "we");
    fputs(certificate, f);
    fclose(f);
    http_free(w->http);
    assert_int_equal(http_new(w->loop, &(struct http_config){.ca_file = file}, &w->http), 0);
    go(w, NULL, (struct http_call){.url = url});
    assert_int_equal(w->got.end, HTTP_ANSWERED);
    assert_int_equal(tls->requests, 1);
    /* The certificate is for the address, not for the name. */
    snprintf(url, sizeof url, "https://localhost%s/", strrchr(tls->base, ':'));
    go(w, NULL, (struct http_call){.url = url});
    assert_int_equal(w->got.end, HTTP_UNTRUSTED);
    http_free(w->http);
    w->http = NULL;
    web_free(tls);
    free(file);
    scratch_remove(directory);
    free(key);
    free(certificate);
}

static void no_redirect_leads_from_https_to_http(void **state)
{
    struct world *w = *state;
    char *key, *certificate, url[80];
    make_certificate(&key, &certificate);
    struct web *tls = web_new(w->loop, key, certificate, serve, w);
    char *directory = scratch_new(), *file = scratch_join(directory, "ca.pem");
    FILE *f = fopen(file, "we");
    fputs(certificate, f);
    fclose(f);
    http_free(w->http);
    assert_int_equal(http_new(w->loop, &(struct http_config){.ca_file = file}, &w->http), 0);
    snprintf(url, sizeof url, "%s/moved", tls->base); /* to the plain server */
    for (int plain_http = 0; plain_http < 2; plain_http++) {
        go(w, NULL, (struct http_call){.url = url, .redirects = true, .plain_http = plain_http});
        assert_int_equal(w->got.end, HTTP_BROKEN);
    }
    assert_int_equal(w->web->requests, 0);
    http_free(w->http);
    w->http = NULL;
    web_free(tls);
    free(file);
    scratch_remove(directory);
    free(key);
    free(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(addresses_that_are_refused),
        CASE(redirects_are_followed_only_when_asked_for),
        CASE(the_environment_chooses_no_proxy),
        CASE(a_proxy_is_asked_for_a_tunnel_and_never_sees_the_key),
        CASE(a_proxy_that_breaks_off_or_is_not_there_means_nothing_was_sent),
        CASE(a_proxy_is_not_used_for_this_machine_nor_where_none_is_wanted),
        CASE(a_handshake_that_stalls_ends_and_nothing_was_sent),
        CASE(authorities_that_cannot_be_read_are_an_error_at_once),
        CASE(this_machine_by_ipv6),
        CASE(an_unknown_certificate_is_not_trusted),
        CASE(no_redirect_leads_from_https_to_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
