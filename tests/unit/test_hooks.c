/* fs/hooks/hooks.h: who is told, how often, and what a restart finds. Programs are shell scripts; the web server is one of
 * the test's own loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/http.h"
#include "fs/hooks/hooks.h"
#include "fs/inbox/status.h"
#include "tests/unit/index_support.h"
#include "tests/unit/web.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { SAFETY_MS = 20000 };

struct world {
    struct fixture *f;
    struct loop *loop;
    struct loop_timer *safety, *poll;
    struct web *web;
    struct hooks *hooks;
    char *script, *out;
    char script_line[600], url[100], secret[300];
    struct hooks_settings settings;
    bool too_late;
    /* What the web server answers, and what it was told. */
    int status;
    const char *retry_after; /* NULL: no such header */
    int posts;
    char id[2][64];
    struct buffer body;
    bool is_signed;
    /* Whether the index has nothing to deliver any more. */
    size_t left;
    size_t want_left;
    bool stays_here;
};

static struct buffer said; /* log lines: a hook has no context for them */

__attribute__((format(printf, 2, 3))) static void log_here(int priority, const char *format, ...)
{
    char line[1000];
    va_list arguments;
    (void)priority;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buffer_printf(&said, "%s\n", line);
}

static void serve(void *context, const struct web_request *request, struct web_reply *reply)
{
    struct world *w = context;
    const char *id = web_header(request, "webhook-id"), *stamp = web_header(request, "webhook-timestamp"),
               *signature = web_header(request, "webhook-signature");
    cleanup_buffer struct buffer want = {0}, body = {0};
    snprintf(w->id[w->posts % 2], sizeof w->id[0], "%s", id ? id : "");
    buffer_add(&body, request->body.data, request->body.len);
    if (id && stamp && signature && hook_sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id, atoll(stamp), body.data, &want) == 0)
        w->is_signed = strcmp(want.data, signature) == 0;
    buffer_clear(&w->body);
    buffer_puts(&w->body, body.data);
    w->posts++;
    web_say(reply, w->status, "ok");
    reply->headers[0] = w->retry_after;
}

static void on_safety(void *arg)
{
    struct world *w = arg;
    w->too_late = true;
    loop_stop(w->loop);
}

static int count_one(void *arg, const struct index_delivery *d)
{
    (void)d;
    ++*(size_t *)arg;
    return 0;
}

/* Looks until as many deliveries wait as are wanted, tried at least once each. */
static void on_poll(void *arg)
{
    struct world *w = arg;
    flush(w->f->index);
    w->left = 0;
    index_load_deliveries(w->f->index, count_one, &w->left);
    if (w->left == w->want_left)
        loop_stop(w->loop);
    else
        loop_timer_after(w->poll, 10);
}

static void run_until_left(struct world *w, size_t left)
{
    w->want_left = left;
    loop_timer_after(w->poll, 0);
    loop_run(w->loop);
    assert_false(w->too_late);
    assert_int_equal(w->left, left);
}

static bool stays(void *context, const char *path)
{
    const struct world *w = context;
    (void)path;
    return w->stays_here;
}

static int text_of(void *context, const char *path, struct buffer *out)
{
    (void)context;
    buffer_printf(out, "the words of %s", path);
    return 0;
}

static int open_hooks(struct world *w, struct error *err)
{
    return hooks_new(&(struct hooks_config){.settings = &w->settings,
                                            .network = &(struct http_config){0},
                                            .mountpoint = "/mnt/x",
                                            .loop = w->loop,
                                            .index = w->f->index,
                                            .stays_here = stays,
                                            .text = text_of,
                                            .context = w,
                                            .log = log_here},
                     &w->hooks, err);
}

static void use(struct world *w)
{
    struct error err = {0};
    hooks_free(w->hooks);
    w->hooks = NULL;
    if (open_hooks(w, &err) != 0)
        fail_msg("%s", err.detail);
}

static void tell(struct world *w, enum hook_event event, const char *path)
{
    struct item item = {.path = (char *)path, .base = (char *)"talk", .state = event == HOOK_DONE ? ITEM_DONE : ITEM_FAILED};
    if (event == HOOK_FAILED)
        error_set(&item.error, ERROR_PERMANENT, 0, "media.truncated", "cut off");
    hooks_tell(w->hooks, event, &item);
}

/* The program of both events; it appends to a file what it was told. */
static void play(struct world *w, const char *text)
{
    FILE *script = fopen(w->script, "we");
    assert_non_null(script);
    fprintf(script, "#!/bin/sh\n%s\n", text);
    fclose(script);
    assert_int_equal(chmod(w->script, 0755), 0);
    snprintf(w->script_line, sizeof w->script_line, "%s \"%s\"", w->script, w->out);
    w->settings.on_done = w->settings.on_failed = w->script_line;
}

static char *output(struct world *w)
{
    size_t size;
    return slurp(w->out, &size);
}

static int set_up_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    void *inner = NULL;
    set_up(&inner);
    w->f = inner;
    open_index(w->f);
    assert_int_equal(loop_new(&w->loop), 0);
    w->safety = loop_timer(w->loop, on_safety, w);
    w->poll = loop_timer(w->loop, on_poll, w);
    loop_timer_after(w->safety, SAFETY_MS);
    w->web = web_new(w->loop, NULL, NULL, serve, w);
    w->script = scratch_join(w->f->scratch, "hook");
    w->out = scratch_join(w->f->scratch, "out");
    w->settings.timeout_seconds = 10;
    w->status = 200;
    buffer_clear(&said);
    *state = w;
    return 0;
}

static int tear_down_world(void **state)
{
    struct world *w = *state;
    void *inner = w->f;
    hooks_free(w->hooks);
    web_free(w->web);
    loop_timer_free(w->safety);
    loop_timer_free(w->poll);
    loop_free(w->loop);
    free(w->script);
    free(w->out);
    buffer_clear(&w->body);
    buffer_clear(&said);
    free(w);
    return tear_down(&inner);
}

static void use_webhook(struct world *w)
{
    snprintf(w->url, sizeof w->url, "%s/hook?x=1", w->web->base);
    cleanup_free char *path = scratch_join(w->f->scratch, "secret");
    snprintf(w->secret, sizeof w->secret, "%s", path);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", f);
    fclose(f);
    w->settings.webhook_url = w->url;
    w->settings.webhook_secret_file = w->secret;
}

/* ---- programs ---- */

static void a_program_gets_the_message_and_its_facts(void **state)
{
    struct world *w = *state;
    play(w, "cat >>\"$1\"; echo \" $SCRIBEFS_STATE $SCRIBEFS_TXT $SCRIBEFS_ERROR\" >>\"$1\"; echo seen; echo twice >&2");
    use(w);
    tell(w, HOOK_DONE, "a/talk.wav");
    run_until_left(w, 0);
    tell(w, HOOK_FAILED, "bad.wav");
    run_until_left(w, 0);
    cleanup_free char *got = output(w);
    assert_non_null(strstr(got, "\"type\":\"transcript.done\""));
    assert_non_null(strstr(got, " done /mnt/x/inbox/a/talk.txt \n"));
    assert_non_null(strstr(got, " failed  media.truncated\n"));
    assert_non_null(strstr(said.data, "seen\n"));
    assert_non_null(strstr(said.data, "twice\n"));
}

static void a_program_that_fails_is_told_and_not_run_again_unless_it_asks(void **state)
{
    struct world *w = *state;
    play(w, "echo x >>\"$1\"; exit 3");
    use(w);
    tell(w, HOOK_DONE, "talk.wav");
    run_until_left(w, 0);
    assert_non_null(strstr(said.data, "ended with status 3"));
    play(w, "echo y >>\"$1\"; [ $(grep -c y \"$1\") -ge 2 ] || exit 75");
    use(w);
    tell(w, HOOK_DONE, "talk.wav");
    run_until_left(w, 0); /* after five seconds */
    cleanup_free char *got = output(w);
    assert_string_equal(got, "x\ny\ny\n");
}

static void a_program_that_does_not_end_is_ended_with_all_it_started(void **state)
{
    struct world *w = *state;
    w->settings.timeout_seconds = 1;
    play(w, "sleep 1000 & echo $! >\"$1\"; sleep 1000");
    use(w);
    tell(w, HOOK_DONE, "talk.wav");
    run_until_left(w, 0);
    assert_non_null(strstr(said.data, "ran longer than 1 s"));
    cleanup_free char *got = output(w);
    char path[64], state_of[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", atoi(got));
    FILE *f = fopen(path, "re"); /* gone, or a zombie of whoever adopted it */
    if (f) {
        if (!fgets(state_of, sizeof state_of, f))
            state_of[0] = '\0';
        fclose(f);
    }
    assert_true(!*state_of || strstr(state_of, ") Z ") || strstr(state_of, ") X "));
}

static void what_was_not_delivered_is_delivered_after_a_restart(void **state)
{
    struct world *w = *state;
    play(w, "[ -e \"$1\" ] || { echo begun; sleep 1000; }; echo $SCRIBEFS_PATH >>\"$1\"");
    use(w);
    tell(w, HOOK_DONE, "one.wav");
    tell(w, HOOK_DONE, "two.wav");
    while (!said.data || !strstr(said.data, "begun"))
        run_until_left(w, 2);
    hooks_free(w->hooks); /* the programs are killed */
    w->hooks = NULL;
    close_index(w->f);
    open_index(w->f);
    fclose(fopen(w->out, "we"));
    use(w);
    run_until_left(w, 0);
    cleanup_free char *got = output(w);
    assert_non_null(strstr(got, "one.wav\n"));
    assert_non_null(strstr(got, "two.wav\n"));
}

/* ---- webhooks ---- */

static void a_webhook_is_signed_and_carries_the_text_if_wanted(void **state)
{
    struct world *w = *state;
    use_webhook(w);
    w->settings.webhook_text = true;
    use(w);
    tell(w, HOOK_DONE, "talk.wav");
    run_until_left(w, 0);
    assert_int_equal(w->posts, 1);
    assert_true(w->is_signed);
    assert_non_null(strstr(w->body.data, "\"text\":\"the words of talk.wav\""));
    w->settings.webhook_text = false;
    use(w);
    tell(w, HOOK_DONE, "talk.wav");
    run_until_left(w, 0);
    assert_null(strstr(w->body.data, "the words"));
    assert_string_not_equal(w->id[0], w->id[1]);
}

static void a_server_in_trouble_is_asked_again_with_the_same_id(void **state)
{
    struct world *w = *state;
    use_webhook(w);
    use(w);
    w->status = 500;
    tell(w, HOOK_DONE, "talk.wav");
    while (w->posts < 1)
        run_until_left(w, 1);
    w->status = 204;
    run_until_left(w, 0); /* after five seconds */
    assert_int_equal(w->posts, 2);
    assert_string_equal(w->id[0], w->id[1]);
    assert_non_null(strstr(said.data, "status 500; it is tried again"));
}

static void one_that_is_gone_is_not(void **state)
{
    struct world *w = *state;
    use_webhook(w);
    use(w);
    w->status = 410;
    tell(w, HOOK_DONE, "talk.wav");
    run_until_left(w, 0);
    assert_int_equal(w->posts, 1);
}

static void a_server_that_wants_to_be_left_alone_for_ages_is(void **state)
{
    struct world *w = *state;
    use_webhook(w);
    use(w);
    w->status = 503;
    w->retry_after = "Retry-After: 9999999999";
    tell(w, HOOK_DONE, "talk.wav");
    while (w->posts < 1)
        run_until_left(w, 1);
    for (int i = 0; i < 20; i++)
        run_until_left(w, 1);
    assert_int_equal(w->posts, 1);
}

/* In one go, and not each from inside the one before. */
static void many_that_cannot_even_begin_are_no_trouble(void **state)
{
    enum { MANY = 3000 };
    struct world *w = *state;
    struct rlimit before, small;
    use_webhook(w);
    w->settings.webhook_secret_file = (char *)"/nonexistent/secret";
    for (int i = 0; i < MANY; i++) {
        char id[40];
        snprintf(id, sizeof id, "msg_%d", i);
        index_put_delivery(w->f->index,
                           &(struct index_delivery){
                               .id = id,
                               .to = "webhook",
                               .body = "{\"type\":\"transcript.done\",\"data\":{\"path\":\"talk.wav\"}}"});
    }
    flush(w->f->index);
    assert_int_equal(getrlimit(RLIMIT_STACK, &before), 0);
    small = before;
    small.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_STACK, &small), 0);
    use(w);
    run_until_left(w, MANY);
    assert_int_equal(setrlimit(RLIMIT_STACK, &before), 0);
    int lines = 0;
    for (const char *p = said.data; (p = strstr(p, "it is tried again\n")); p++)
        lines++;
    assert_int_equal(lines, MANY);
}

/* "Local only" holds for what is told as well; this machine itself may know. */
static void what_stays_here_is_posted_to_this_machine_only(void **state)
{
    struct world *w = *state;
    use_webhook(w);
    w->stays_here = true;
    use(w);
    tell(w, HOOK_DONE, "talk.wav");
    run_until_left(w, 0);
    assert_int_equal(w->posts, 1);
    w->settings.webhook_url = (char *)"https://192.0.2.1/hook"; /* never connected to: RFC 5737 */
    use(w);
    tell(w, HOOK_DONE, "secret.wav");
    run_until_left(w, 0);
    w->stays_here = false;
    assert_int_equal(w->posts, 1);
}

/* ---- settings ---- */

static void settings_that_make_no_sense(void **state)
{
    struct world *w = *state;
    static const struct {
        struct hooks_settings settings;
        const char *names;
    } cases[] = {
        {{.on_done = (char *)"relative/path"}, "on_done=relative/path"},
        {{.on_failed = (char *)"/x \"open"}, "on_failed="},
        {{.webhook_url = (char *)"http://example.com/"}, "webhook_url="},
        {{.webhook_url = (char *)"ftp://127.0.0.1/"}, "webhook_url="},
        {{.webhook_url = (char *)"https://me:secret@example.com/"}, "webhook_url: a name and a password"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error err = {0};
        w->settings = cases[i].settings;
        assert_true(open_hooks(w, &err) < 0);
        assert_null(w->hooks);
        assert_string_equal(err.code, "config.value");
        if (!strstr(err.detail, cases[i].names) || strstr(err.detail, "secret@"))
            fail_msg("%s", err.detail);
    }
    w->settings = (struct hooks_settings){0};
    assert_int_equal(open_hooks(w, NULL), 0);
    assert_null(w->hooks); /* none is set */
    hooks_tell(w->hooks, HOOK_DONE, &(struct item){.path = (char *)"x", .base = (char *)"x"});
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_world, tear_down_world)
    static const struct CMUnitTest tests[] = {
        CASE(a_program_gets_the_message_and_its_facts),
        CASE(a_program_that_fails_is_told_and_not_run_again_unless_it_asks),
        CASE(a_program_that_does_not_end_is_ended_with_all_it_started),
        CASE(what_was_not_delivered_is_delivered_after_a_restart),
        CASE(a_webhook_is_signed_and_carries_the_text_if_wanted),
        CASE(a_server_in_trouble_is_asked_again_with_the_same_id),
        CASE(one_that_is_gone_is_not),
        CASE(a_server_that_wants_to_be_left_alone_for_ages_is),
        CASE(many_that_cannot_even_begin_are_no_trouble),
        CASE(what_stays_here_is_posted_to_this_machine_only),
        CASE(settings_that_make_no_sense),
    };
    return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
