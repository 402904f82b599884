/* Finds the quietest moment by the energy of 10 ms frames. */
#include "backend/worker/chunks.h"

enum { FRAME = MEDIA_RATE / 100, WINDOW = 30 /* frames */ };

static double energy(const int16_t *samples)
{
    double sum = 0;
    for (int i = 0; i < FRAME; i++)
        sum += (double)samples[i] * samples[i];
    return sum;
}

size_t chunk_cut(const int16_t *samples, size_t count)
{
    size_t first = CHUNK_MIN / FRAME, last = count / FRAME, best = last - WINDOW;
    double sum = 0, least = -1;
    for (size_t i = first; i < last; i++) {
        sum += energy(samples + i * FRAME);
        if (i < first + WINDOW - 1)
            continue;
        size_t begin = i + 1 - WINDOW;
        if (least < 0 || sum <= least) { /* of equals the latest: fewer cuts */
            least = sum;
            best = begin;
        }
        sum -= energy(samples + begin * FRAME);
    }
    return (best + WINDOW / 2) * FRAME;
}
