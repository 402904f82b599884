/* The catalogue of messages: complete, and fit to be read by people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/base/error.h"
#include "fs/inbox/messages.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void has_a_row_for_every_code(void **state)
{
    (void)state;
    static const char *const codes[] = {
        "media.empty",   "media.not_audio", "media.no_audio", "media.truncated",    "media.decode",
        "media.crashed", "media.timeout",   "media.too_long", "engine.missing",     "engine.model",
        "engine.failed", "engine.crashed",  "engine.timeout", "engine.killed",      "engine.memory",
        "io.read",       "io.space",        "io.changed",     "engine.sandbox",     "media.read",
        "io.state",      "index.write",     "index.full",     "index.locked",       "index.refused",
        "index.newer",   "index.open",      "index.corrupt",  "transcript.invalid",
    };
    for (size_t i = 0; i < COUNT(codes); i++) {
        const struct message *m = message_find(codes[i]);
        assert_non_null(m);
        assert_string_equal(m->code, codes[i]);
    }
}

static void says_something_general_for_an_unknown_code(void **state)
{
    (void)state;
    static const char *const codes[] = {"", "no.such", "media", "media.empty2"};
    for (size_t i = 0; i < COUNT(codes); i++) {
        const struct message *m = message_find(codes[i]);
        assert_non_null(m);
        assert_string_equal(m->code, "");
        assert_true(strlen(m->cause) > 0 && strlen(m->next) > 0);
    }
    assert_string_equal(message_find(NULL)->code, "");
}

static bool is_sentences(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && text[0] >= 'A' && text[0] <= 'Z' && text[len - 1] == '.' && !strpbrk(text, "\n\t\\");
}

static void every_row_is_sentences_of_a_readable_length(void **state)
{
    (void)state;
    size_t rows = 0;
    for (const struct message *m = message_all(); m->code; m++, rows++) {
        if (!is_sentences(m->cause) || !is_sentences(m->next))
            fail_msg("%s is not sentences", m->code);
        /* The cause is on a line with a file's name and in a text of 512 bytes. */
        if (strlen(m->cause) > 120 || strlen(m->next) > 200)
            fail_msg("%s is too long", m->code);
        if (strstr(m->cause, ". "))
            fail_msg("the cause of %s is more than one sentence", m->code);
    }
    assert_true(rows > 0);
}

static void no_code_is_there_twice_or_too_long(void **state)
{
    (void)state;
    for (const struct message *m = message_all(); m->code; m++) {
        assert_ptr_equal(message_find(m->code), m);
        assert_true(strlen(m->code) < sizeof((struct error *)0)->code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_row_for_every_code),
        cmocka_unit_test(says_something_general_for_an_unknown_code),
        cmocka_unit_test(every_row_is_sentences_of_a_readable_length),
        cmocka_unit_test(no_code_is_there_twice_or_too_long),
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
