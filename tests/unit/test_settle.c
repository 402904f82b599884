/* Settling: the sequences of real tools, as they reach the mount, played against a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fs/inbox/settle.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct settle_times times = {.quiet_ms = 2000, .slow_ms = 5000, .renamed_ms = 500};

enum act {
    END,
    OPEN,
    OPEN_SLOW,
    MODIFY,
    RELEASE,
    ARRIVE,
    ARRIVE_RENAMED, /* renamed from a temporary name */
    AGAIN,
    HELD,
    GONE,
    DUE,     /* exactly now, not a millisecond before: taken */
    NOT_DUE, /* nothing is due now */
    BUSY,
    IDLE,
    PENDING,
    NOT_PENDING,
};

struct step {
    int at; /* milliseconds */
    enum act act;
    int file;
};

struct sequence {
    const char *tool;
    struct step steps[24];
};

static const struct sequence sequences[] = {
    {"cp: create, write, release",
     {{0, ARRIVE, 1},
      {0, OPEN, 1},
      {1, MODIFY, 1},
      {900, MODIFY, 1},
      {5000, NOT_DUE, 0},
      {5000, BUSY, 1},
      {6000, RELEASE, 1},
      {6000, BUSY, 1},
      {8000, DUE, 1},
      {8000, IDLE, 1}}},
    {"cp, its arrival told after the open",
     {{0, OPEN, 1}, {0, ARRIVE, 1}, {1, MODIFY, 1}, {6000, RELEASE, 1}, {8000, DUE, 1}}},
    {"cp over an existing file: open with O_TRUNC",
     {{0, OPEN, 1}, {0, MODIFY, 1}, {10, MODIFY, 1}, {20, RELEASE, 1}, {2020, DUE, 1}}},
    {"rsync: the rename is the arrival",
     {{0, OPEN, 1},
      {1, MODIFY, 1},
      {100, RELEASE, 1},
      {101, ARRIVE_RENAMED, 1},
      {601, DUE, 1},
      {601, IDLE, 1}}},
    {"rsync: the temporary file had settled before its rename",
     {{0, OPEN, 1},
      {1, MODIFY, 1},
      {100, RELEASE, 1},
      {2100, DUE, 1},
      {9000, ARRIVE_RENAMED, 1},
      {9500, DUE, 1}}},
    {"rsync --inplace: mtime is set after the release",
     {{0, OPEN, 1}, {1, MODIFY, 1}, {2, MODIFY, 1}, {50, RELEASE, 1}, {2050, DUE, 1}}},
    {"rsync --partial: the part is replaced by the whole",
     {{0, OPEN, 1},
      {1, MODIFY, 1},
      {100, RELEASE, 1},
      {101, ARRIVE_RENAMED, 1},
      {601, DUE, 1},
      {700, OPEN, 2},
      {701, MODIFY, 2},
      {900, RELEASE, 2},
      {901, GONE, 1},
      {901, ARRIVE_RENAMED, 2},
      {1401, DUE, 2}}},
    {"rsync --partial: the part is replaced before it has settled",
     {{0, OPEN, 1},
      {1, MODIFY, 1},
      {100, RELEASE, 1},
      {101, ARRIVE_RENAMED, 1},
      {300, GONE, 1},
      {300, IDLE, 1},
      {300, ARRIVE_RENAMED, 2},
      {800, DUE, 2},
      {9000, NOT_DUE, 0}}},
    {"rsync --delay-updates: recording to recording, out of a skipped directory",
     {{0, OPEN, 1},
      {1, MODIFY, 1},
      {2, RELEASE, 1},
      {3, ARRIVE_RENAMED, 1},
      {400, ARRIVE, 1},
      {2400, DUE, 1}}},
    {"GIO overwrite: renamed while it is still open",
     {{0, OPEN, 2},
      {0, RELEASE, 2},
      {0, IDLE, 2}, /* it first opens the target and changes nothing */
      {1, OPEN, 1},
      {2, MODIFY, 1},
      {300, GONE, 2},
      {300, ARRIVE_RENAMED, 1},
      {5000, NOT_DUE, 0},
      {5000, BUSY, 1},
      {6000, RELEASE, 1},
      {6500, DUE, 1}}},
    {"written again after the rename: no longer a finished file",
     {{0, OPEN, 1},
      {1, MODIFY, 1},
      {2, ARRIVE_RENAMED, 1},
      {3, MODIFY, 1},
      {10, RELEASE, 1},
      {2010, DUE, 1}}},
    {"release arrives after the following rename",
     {{0, OPEN, 1}, {1, MODIFY, 1}, {100, ARRIVE_RENAMED, 1}, {101, RELEASE, 1}, {601, DUE, 1}}},
    {"Finder: create, close, open again, fill",
     {{0, ARRIVE, 1},
      {0, OPEN, 1},
      {1, RELEASE, 1},
      {500, OPEN, 1},
      {2001, NOT_DUE, 0},
      {3000, MODIFY, 1},
      {4000, RELEASE, 1},
      {6000, NOT_DUE, 0},
      {9000, DUE, 1}}},
    {"Firefox: an empty file under the final name, the content beside it",
     {{0, ARRIVE, 1},
      {0, OPEN, 1},
      {0, RELEASE, 1},
      {1, OPEN, 2},
      {2, MODIFY, 2},
      {2000, DUE, 1},
      {7000, RELEASE, 2},
      {7001, GONE, 1},
      {7001, ARRIVE_RENAMED, 2},
      {7501, DUE, 2}}},
    {"smbd: slow from the first open",
     {{0, ARRIVE, 1},
      {0, OPEN_SLOW, 1},
      {1, MODIFY, 1},
      {100, RELEASE, 1},
      {2100, NOT_DUE, 0},
      {5100, DUE, 1}}},
    {"smbd: a rename from a temporary name does not make it quick",
     {{0, OPEN_SLOW, 1}, {1, MODIFY, 1}, {100, RELEASE, 1}, {200, ARRIVE_RENAMED, 1}, {5200, DUE, 1}}},
    {"touch: opened for writing and released unchanged",
     {{0, OPEN, 1}, {0, BUSY, 1}, {1, RELEASE, 1}, {1, IDLE, 1}, {9000, NOT_DUE, 0}}},
    {"touch of a file that settles delays it",
     {{0, ARRIVE, 1}, {1000, OPEN, 1}, {1001, RELEASE, 1}, {3001, DUE, 1}}},
    {"touch of a file that was just written: somebody came back",
     {{0, OPEN, 1}, {1, MODIFY, 1}, {2, RELEASE, 1}, {1000, OPEN, 1}, {1001, RELEASE, 1}, {6001, DUE, 1}}},
    {"truncate by path, nobody has it open", {{0, MODIFY, 1}, {1000, MODIFY, 1}, {3000, DUE, 1}}},
    {"link or mv from elsewhere", {{0, ARRIVE, 1}, {2000, DUE, 1}}},
    {"two writers: only the last release counts",
     {{0, OPEN, 1},
      {0, OPEN, 1},
      {1, MODIFY, 1},
      {2, RELEASE, 1},
      {9000, NOT_DUE, 0},
      {9000, RELEASE, 1},
      {11000, DUE, 1}}},
    {"modified by one writer, released by another that changed nothing",
     {{0, OPEN, 1}, {1, MODIFY, 1}, {2, OPEN, 1}, {3, RELEASE, 1}, {4, RELEASE, 1}, {2004, DUE, 1}}},
    {"deleted while it settles", {{0, ARRIVE, 1}, {100, GONE, 1}, {100, IDLE, 1}, {9000, NOT_DUE, 0}}},
    {"deleted while it is written: the writer is still counted",
     {{0, ARRIVE, 1},
      {0, OPEN, 1},
      {1, MODIFY, 1},
      {2, GONE, 1},
      {2, BUSY, 1},
      {3, RELEASE, 1},
      {3, IDLE, 1},
      {9000, NOT_DUE, 0}}},
    {"deleted and linked again while it is written",
     {{0, OPEN, 1},
      {1, MODIFY, 1},
      {2, GONE, 1},
      {3, ARRIVE, 1},
      {9000, NOT_DUE, 0},
      {9001, RELEASE, 1},
      {11001, DUE, 1}}},
    {"the scan finds it", {{0, AGAIN, 1}, {2000, DUE, 1}}},
    {"a writer in the store has it open: again and again, at the slow pace",
     {{0, MODIFY, 1}, {2000, DUE, 1}, {2000, NOT_PENDING, 1}, {2000, HELD, 1}, {2000, PENDING, 1}, {7000, DUE, 1},
      {7000, HELD, 1}, {12000, DUE, 1}}},
    {"open for writing and untouched: not pending, until something changes it",
     {{0, OPEN, 1}, {0, NOT_PENDING, 1}, {0, BUSY, 1}, {10, MODIFY, 1}, {10, PENDING, 1}, {20, RELEASE, 1},
      {20, PENDING, 1}, {2020, DUE, 1}, {2020, NOT_PENDING, 1}}},
    {"the scan finds a file that settles already: nothing is delayed",
     {{0, ARRIVE, 1}, {1500, AGAIN, 1}, {2000, DUE, 1}}},
    {"changed while it was digested",
     {{0, ARRIVE, 1},
      {2000, DUE, 1},
      {2100, OPEN, 1},
      {2101, MODIFY, 1},
      {2200, AGAIN, 1},
      {9000, NOT_DUE, 0},
      {9001, RELEASE, 1},
      {11001, DUE, 1}}},
    {"slow ends when it has settled",
     {{0, OPEN_SLOW, 1},
      {1, MODIFY, 1},
      {2, RELEASE, 1},
      {5002, DUE, 1},
      {6000, OPEN, 1},
      {6001, MODIFY, 1},
      {6002, RELEASE, 1},
      {8002, DUE, 1}}},
    {"a release without an open is ignored", {{0, RELEASE, 1}, {0, IDLE, 1}, {1, OPEN, 1}, {1, BUSY, 1}}},
    {"an arrival while it settles starts the quiet time again",
     {{0, ARRIVE, 1}, {1900, ARRIVE, 1}, {3900, DUE, 1}}},
};

static struct file_id file(int n)
{
    return (struct file_id){.dev = 1, .ino = (uint64_t)n};
}

static void play(void **state)
{
    const struct sequence *q = *state;
    struct settle *s = settle_new(&times);
    assert_non_null(s);
    for (const struct step *t = q->steps; t->act != END; t++) {
        struct file_id id = file(t->file), out;
        switch (t->act) {
        case OPEN:
        case OPEN_SLOW:
            settle_opened(s, id, t->act == OPEN_SLOW);
            break;
        case MODIFY:
            settle_modified(s, id, t->at);
            break;
        case RELEASE:
            settle_released(s, id, t->at);
            break;
        case ARRIVE:
        case ARRIVE_RENAMED:
            settle_arrived(s, id, t->act == ARRIVE_RENAMED, t->at);
            break;
        case AGAIN:
            settle_again(s, id, t->at);
            break;
        case HELD:
            settle_held(s, id, t->at);
            break;
        case GONE:
            settle_gone(s, id);
            break;
        case DUE:
            assert_int_equal(settle_next(s), t->at);
            assert_false(settle_take(s, t->at - 1, &out));
            assert_true(settle_take(s, t->at, &out));
            assert_true(file_id_equal(out, id));
            break;
        case NOT_DUE:
            assert_false(settle_take(s, t->at, &out));
            break;
        case BUSY:
        case IDLE:
            assert_int_equal(settle_busy(s, id), t->act == BUSY);
            break;
        case PENDING:
        case NOT_PENDING:
            assert_int_equal(settle_pending(s, id), t->act == PENDING);
            break;
        case END:
            break;
        }
    }
    settle_free(s);
}

static void nothing_is_due_when_nothing_waits(void **state)
{
    (void)state;
    struct settle *s = settle_new(&times);
    struct file_id out;
    assert_int_equal(settle_next(s), -1);
    assert_false(settle_take(s, INT64_MAX, &out));
    settle_opened(s, file(1), false);
    assert_int_equal(settle_next(s), -1);
    settle_free(s);
    settle_free(NULL);
}

/* Every file gets a time of its own, some are touched again, some go: all others come out once, in the order
 * of their times. */
static void a_hundred_thousand_files_at_once(void **state)
{
    (void)state;
    enum { FILES = 100000 };
    struct settle *s = settle_new(&times);
    int64_t *due = calloc(FILES, sizeof *due);
    assert_non_null(due);
    uint32_t random = 1;
    for (int i = 0; i < FILES; i++) {
        random = random * 1664525u + 1013904223u;
        int64_t now = random >> 12;
        settle_arrived(s, file(i), false, now);
        due[i] = now + 2000;
    }
    for (int i = 0; i < FILES; i += 3) {
        settle_arrived(s, file(i), true, due[i]);
        due[i] += 500;
    }
    int expected = FILES;
    for (int i = 0; i < FILES; i += 7) {
        settle_gone(s, file(i));
        due[i] = -1;
        expected--;
    }
    int64_t last = -1;
    int taken = 0;
    struct file_id id;
    while (settle_take(s, INT64_MAX, &id)) {
        int64_t at = due[id.ino];
        assert_true(at >= last); /* -1 marks what is gone or was taken before */
        last = at;
        due[id.ino] = -1;
        taken++;
    }
    assert_int_equal(taken, expected);
    assert_int_equal(settle_next(s), -1);
    free(due);
    settle_free(s);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(sequences) + 2];
    size_t n = 0;
    for (; n < COUNT(sequences); n++)
        tests[n] = (struct CMUnitTest){sequences[n].tool, play, NULL, NULL, (void *)&sequences[n]};
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(nothing_is_due_when_nothing_waits);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_hundred_thousand_files_at_once);
    return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
