/* Programs by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/inbox/program.h"

static void programs_that_mirror_are_known_by_their_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool mirrors;
    } table[] = {
        {"rsync", true},        {"rclone", true},       {"unison-text", true}, {"syncthing", true},
        {"nextcloudcmd", true}, {"FreeFileSync", true}, {"rm", false},         {"Thunar", false},
        {"smbd", false},        {"my-rsync", false},    {"rsyn", false},       {"", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(program_name_mirrors(table[i].name), table[i].mirrors);
}

static void a_program_is_told_by_the_name_of_its_thread(void **state)
{
    (void)state;
    prctl(PR_SET_NAME, "rsync");
    assert_true(program_mirrors(getpid()));
    assert_false(program_is_smbd(getpid()));
    prctl(PR_SET_NAME, "smbd");
    assert_false(program_mirrors(getpid()));
    assert_true(program_is_smbd(getpid()));
    assert_false(program_mirrors(-1));
    assert_false(program_is_smbd(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_that_mirror_are_known_by_their_names),
        cmocka_unit_test(a_program_is_told_by_the_name_of_its_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
