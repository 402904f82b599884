/* Where recordings are cut: tables of made-up loudness, in frames of 10 ms.
 *
 * The worker is a program of its own, not part of the library that tests link; so its source is included
 * here. */
#include "backend/worker/cuts.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FRAMES_MAX = 100000 };

#define CREAK "3x-70 1x-30 3x-70 1x-30 3x-70 1x-30 3x-70 1x-30 3x-70 1x-30 "

static float power_of(double decibels)
{
    return (float)(FULL_SCALE * pow(10, decibels / 10));
}

/* "300x-20 60x-70": so many frames of so many dB below full scale; "0" for the level is digital silence. */
static size_t draw(const char *script, float *power)
{
    size_t count = 0;
    for (const char *p = script; *p;) {
        int frames, level, used = 0;
        assert_int_equal(sscanf(p, " %dx%d%n", &frames, &level, &used), 2);
        assert_true(count + (size_t)frames <= FRAMES_MAX);
        for (int i = 0; i < frames; i++)
            power[count++] = level ? power_of(level) : 0;
        p += used;
    }
    return count;
}

static void a_cut_lies_in_the_latest_good_pause_else_in_the_quietest_moment(void **state)
{
    (void)state;
    /* A speaker who pauses. */
    static const char clean[] = "2000x-20 500x-70", noisy[] = "2000x-20 500x-40",
                      digital[] = "2000x-20 500x0";
    static const struct {
        const char *name, *before, *window;
        size_t low, high; /* frames */
    } table[] = {
        {"one pause: a quarter of a second before speech", clean, "300x-20 60x-70 100x-20", 333, 333},
        {"a short pause: its middle", clean, "300x-20 40x-70 100x-20", 320, 320},
        {"the later of two good ones", clean, "100x-20 60x-70 100x-20 60x-70 100x-20", 293, 293},
        {"the later, though shorter", clean, "100x-20 200x-70 100x-20 50x-70 100x-20", 425, 425},
        {"a good one before a later short one", clean, "100x-20 60x-70 100x-20 40x-70 100x-20", 133, 133},
        {"the longer of two short ones", clean, "100x-20 40x-70 100x-20 30x-70 100x-20", 120, 120},
        {"the later of two equal short ones", clean, "100x-20 30x-70 100x-20 30x-70 100x-20", 245, 245},
        {"a plosive is no pause, but the quietest", clean, "100x-20 10x-70 100x-20", 90, 120},
        {"a long silence: at its end", clean, "100x-20 3000x-70 100x-20", 3073, 3073},
        {"a pause up to the end", clean, "100x-20 100x-70", 175, 175},
        {"a pause from the start", clean, "100x-70 100x-20", 73, 73},
        {"nothing but pause", clean, "200x-70", 175, 175},
        {"digital silence", digital, "100x-20 60x0 100x-20", 133, 133},
        {"a breath is a pause", digital, "100x-20 60x-55 100x-20", 133, 133},
        {"a noisy room", noisy, "100x-20 60x-40 100x-20", 133, 133},
        {"a soft speaker in a clean recording is no pause", clean, "100x-20 60x-70 200x-38 100x-20", 133,
         133},
        {"noise that fluctuates", noisy, "100x-20 20x-40 1x-30 18x-40 1x-30 20x-40 100x-20", 133, 133},
        {"a creaking voice is no pause", clean, "100x-20 60x-70 100x-20 " CREAK CREAK CREAK "100x-20", 133,
         133},
        {"a faint recording", "2000x-60 500x-90", "100x-60 60x-90 100x-60", 133, 133},
        {"somebody always speaks: the quietest", clean, "200x-20 50x-25 200x-18", 215, 240},
        {"of moments as quiet the latest", clean, "100x-20 50x-25 100x-20 50x-25 100x-20", 265, 290},
        {"a tone: as late as can be", "5000x-20", "3000x-20", 2985, 2985},
        {"silence from the beginning: as late as can be", "5000x0", "3000x0", 2985, 2985},
        {"noise and little speech: between the words", "5000x-50 100x-20", "300x-50 100x-20", 260, 290},
        {"music with little contrast: the quietest", "2000x-20 2000x-29", "300x-20 60x-29 300x-20", 335, 350},
        {"less than a moment", clean, "7x-20", 1, 7},
        {"a single frame", clean, "1x-20", 1, 1},
        {"nothing was heard before", "", "100x-20 60x-70 100x-20", 100, 160},
    };
    float *power = malloc(FRAMES_MAX * sizeof *power);
    assert_non_null(power);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct loudness loudness = {0};
        size_t count = draw(table[i].before, power);
        for (size_t f = 0; f < count; f++)
            loudness_add(&loudness, power[f]);
        count = draw(table[i].window, power);
        size_t cut = cut_choose(&loudness, power, count);
        if (cut < table[i].low || cut > table[i].high || cut < 1 || cut > count)
            fail_msg("%s: cut after %zu of %zu frames", table[i].name, cut, count);
    }
    free(power);
}

static void power_is_of_what_can_be_heard(void **state)
{
    (void)state;
    enum { COUNT = 160 };
    static const struct {
        const char *name;
        int channels;
        int low[2], high[2]; /* of each channel: alternating samples */
        double power;
    } table[] = {
        {"silence", 1, {0}, {0}, 0},
        {"full scale", 1, {-32767}, {32767}, 32767.0 * 32767},
        {"an offset is silence", 1, {9000}, {9000}, 0},
        {"an offset at the limit", 1, {-32768}, {-32768}, 0},
        {"sound on an offset", 1, {8000}, {10000}, 1e6},
        {"channels do not cancel each other out", 2, {-1000, 1000}, {1000, -1000}, 1e6},
        {"one channel alone counts half", 2, {-1000, 0}, {1000, 0}, 5e5},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int16_t samples[COUNT * 2];
        for (int s = 0; s < COUNT; s++)
            for (int c = 0; c < table[i].channels; c++)
                samples[s * table[i].channels + c] = (int16_t)(s % 2 ? table[i].high[c] : table[i].low[c]);
        double power = (double)frame_power(samples, COUNT, table[i].channels);
        if (fabs(power - table[i].power) > table[i].power / 1000)
            fail_msg("%s: %g, not %g", table[i].name, power, table[i].power);
    }
    assert_true(frame_power(NULL, 0, 1) == 0);
}

static void every_power_has_a_level(void **state)
{
    (void)state;
    static const float powers[] = {0, -1, NAN, INFINITY, 1e-30f, 1e30f, FULL_SCALE, 1};
    struct loudness loudness = {0};
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++)
        loudness_add(&loudness, powers[i]);
    for (int i = 0; i < CUT_LEVELS; i++)
        sum += loudness.frames[i];
    assert_int_equal(sum, sizeof powers / sizeof *powers);
    assert_int_equal(loudness.frames[CUT_LEVELS - 1], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_lies_in_the_latest_good_pause_else_in_the_quietest_moment),
        cmocka_unit_test(power_is_of_what_can_be_heard),
        cmocka_unit_test(every_power_has_a_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
