/* Finds pauses by a threshold between the recording's own silence and its own speech.
 *
 * A fixed threshold would find no pause in a noisy room and nothing but pauses in a faint recording. So the
 * quietest tenth of the frames stands for silence, the loudest twentieth for speech. */
#include "backend/worker/cuts.h"

#include <math.h>
#include <stdbool.h>

enum {
    SPEECH_PERCENT = 95,
    SILENCE_PERCENT = 10,
    BELOW_SPEECH = 30, /* dB: no phone of speech is that much fainter than its loud vowels for long */
    ABOVE_SILENCE = 8, /* dB: noise fluctuates */
    CONTRAST = 10,     /* dB that a pause has to be below speech, or it may be speech */
    AROUND = 2,        /* frames on either side that a frame is judged with: noise, and a creaking voice */
    GOOD_PAUSE = 50 - 2 * AROUND,  /* frames: between sentences; its edges are judged with what is beyond */
    SHORT_PAUSE = 20 - 2 * AROUND, /* frames: longer than the silence within a plosive */
    QUIET_MOMENT = 30,             /* frames */
    BEFORE_SPEECH = 25,            /* frames of a good pause that are left to the next part */
};

#define FULL_SCALE 1073741824.0f /* 2^30 */
#define SAME_LEVEL 1.2589254f    /* 1 dB: moments that differ less are equal */
#define DIGITAL_SILENCE 1.0f     /* power; what differs below it cannot be heard */

float frame_power(const int16_t *samples, size_t count, int channels)
{
    double total = 0;
    if (!count || channels < 1)
        return 0;
    for (int c = 0; c < channels; c++) {
        int64_t sum = 0, squares = 0;
        for (size_t i = 0; i < count; i++) {
            int64_t sample = samples[i * (size_t)channels + (size_t)c];
            sum += sample;
            squares += sample * sample;
        }
        double mean = (double)sum / (double)count;
        total += fmax((double)squares / (double)count - mean * mean, 0);
    }
    return (float)(total / channels);
}

static int level_of(float power)
{
    if (!(power > 0))
        return 0;
    double level = floor(10 * log10((double)(power / FULL_SCALE))) + CUT_LEVELS;
    return level < 0 ? 0 : level >= CUT_LEVELS ? CUT_LEVELS - 1 : (int)level;
}

void loudness_add(struct loudness *loudness, float power)
{
    loudness->frames[level_of(power)]++;
}

/* The level that `percent` of the frames do not exceed. */
static int percentile(const struct loudness *l, int percent)
{
    uint64_t all = 0, seen = 0;
    for (int i = 0; i < CUT_LEVELS; i++)
        all += l->frames[i];
    for (int i = 0; i < CUT_LEVELS; i++) {
        seen += l->frames[i];
        if (seen * 100 >= all * (uint64_t)percent)
            return i;
    }
    return CUT_LEVELS - 1;
}

/* The power below which nobody speaks; negative when that cannot be told. */
static float pause_power(const struct loudness *l)
{
    int speech = percentile(l, SPEECH_PERCENT), silence = percentile(l, SILENCE_PERCENT);
    int level = speech - BELOW_SPEECH;
    if (level < silence + ABOVE_SILENCE)
        level = silence + ABOVE_SILENCE;
    if (level > speech - CONTRAST)
        return -1;
    return FULL_SCALE * powf(10, (float)(level - CUT_LEVELS) / 10);
}

static bool is_pause(const float *power, size_t count, size_t frame, float threshold)
{
    size_t first = frame < AROUND ? 0 : frame - AROUND, end = frame + AROUND + 1;
    float sum = 0;
    if (end > count)
        end = count;
    for (size_t i = first; i < end; i++)
        sum += power[i];
    return sum < threshold * (float)(end - first);
}

/* The best pause into *begin and *length; false when none is long enough. */
static bool find_pause(const float *power, size_t count, float threshold, size_t *begin, size_t *length)
{
    *begin = *length = 0;
    for (size_t end = count; end && *length < GOOD_PAUSE;) {
        size_t first = end;
        while (first && is_pause(power, count, first - 1, threshold))
            first--;
        if (end - first > *length) {
            *begin = first;
            *length = end - first;
        }
        end = first ? first - 1 : 0; /* the frame before it is none */
    }
    return *length >= SHORT_PAUSE;
}

/* The middle of the quietest moment. */
static size_t quietest(const float *power, size_t count)
{
    size_t width = count < QUIET_MOMENT ? count : QUIET_MOMENT, best = 0;
    double least = INFINITY;
    /* First how quiet it gets, then where it is so for the last time. */
    for (int round = 0; round < 2; round++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += (double)power[i];
            if (i + 1 < width)
                continue;
            if (!round && sum < least)
                least = sum;
            if (round && sum <= least)
                best = i + 1 - width;
            sum -= (double)power[i + 1 - width];
        }
        least = fmax(least * (double)SAME_LEVEL, (double)(DIGITAL_SILENCE * (float)width));
    }
    return best + (width + 1) / 2;
}

size_t cut_choose(const struct loudness *loudness, const float *power, size_t count)
{
    size_t begin, length;
    float threshold = pause_power(loudness);
    if (threshold < 0 || !find_pause(power, count, threshold, &begin, &length))
        return quietest(power, count);
    size_t left = length / 2 < BEFORE_SPEECH ? length / 2 : BEFORE_SPEECH;
    return begin + length - left;
}
