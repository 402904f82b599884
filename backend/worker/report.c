/* Writes the lines of wire.h; the heart-beat.
 *
 * Locks: `lock` protects everything in struct report and makes each line whole. It is held during write(),
 * which blocks only while the daemon does not read. */
#include "backend/worker/report.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/buffer.h"
#include "backend/base/cleanup.h"
#include "backend/base/error.h"
#include "backend/base/json_out.h"
#include "backend/prepare.h"
#include "backend/transcript.h"
#include "backend/worker/wire.h"

enum {
    BEAT_MS = 1000,
    QUIET_MS = 2000,   /* silence before the heart-beat speaks */
    PROGRESS_MS = 400, /* between two progress lines */
    WORKING_US =
        1000, /* processor time in QUIET_MS that proves work; the heart-beat itself uses less than 100 µs */
    PATIENCE_SECONDS = 120, /* processor time without progress, unless report_expect() says otherwise */
};

struct report {
    int fd;
    pthread_mutex_t lock;
    bool over;             /* the last line is out */
    int64_t spoken_ms;     /* time of the last line; -1: none */
    int64_t spoken_cpu_us; /* processor time then */
    int64_t progress_ms;   /* time of the last progress line */
    int64_t moved_cpu_us;  /* processor time when progress was last made */
    int64_t patience_us;
    int64_t done;
    char stage[16];
};

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* With the lock held. Without a reader nobody wants the transcript: the process ends here, whatever it was
 * doing. */
static void speak(struct report *r, const char *line, size_t len)
{
    if (r->fd < 0)
        return;
    while (len) {
        ssize_t n = write(r->fd, line, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            _exit(1);
        line += n;
        len -= (size_t)n;
    }
    r->spoken_ms = clock_us(CLOCK_MONOTONIC) / 1000;
    r->spoken_cpu_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

static void *beat(void *arg)
{
    static const char alive[] = "{\"type\":\"alive\"}\n";
    struct report *r = arg;
    bool over = false;
    while (!over) {
        struct timespec pause = {.tv_sec = BEAT_MS / 1000, .tv_nsec = BEAT_MS % 1000 * 1000000L};
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&r->lock);
        int64_t cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
        over = r->over;
        if (!over && clock_us(CLOCK_MONOTONIC) / 1000 - r->spoken_ms >= QUIET_MS &&
            cpu - r->spoken_cpu_us >= WORKING_US && cpu - r->moved_cpu_us <= r->patience_us)
            speak(r, alive, sizeof alive - 1);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

struct report *report_new(int fd)
{
    struct report *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->fd = fd;
    r->spoken_ms = r->progress_ms = clock_us(CLOCK_MONOTONIC) / 1000;
    r->patience_us = PATIENCE_SECONDS * INT64_C(1000000);
    r->done = -1;
    if (pthread_mutex_init(&r->lock, NULL)) {
        free(r);
        return NULL;
    }
    pthread_t thread;
    if (fd >= 0 && pthread_create(&thread, NULL, beat, r)) {
        pthread_mutex_destroy(&r->lock);
        free(r);
        return NULL;
    }
    if (fd >= 0)
        pthread_detach(thread);
    return r;
}

void report_hello(struct report *r, const char *engine, const char *model)
{
    cleanup_buffer struct buffer line = {0};
    buffer_printf(&line, "{\"type\":\"hello\",\"protocol\":%d,\"engine\":", WIRE_PROTOCOL);
    json_out_string(&line, engine);
    buffer_puts(&line, ",\"model\":");
    json_out_string(&line, model);
    buffer_puts(&line, "}\n");
    if (buffer_error(&line))
        return;
    pthread_mutex_lock(&r->lock);
    speak(r, line.data, line.len);
    pthread_mutex_unlock(&r->lock);
}

void report_expect(struct report *r, int cpu_seconds)
{
    pthread_mutex_lock(&r->lock);
    r->patience_us = cpu_seconds * INT64_C(1000000);
    r->moved_cpu_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    pthread_mutex_unlock(&r->lock);
}

void report_progress(struct report *r, const char *stage, int64_t done_ms, int64_t total_ms)
{
    char line[160];
    pthread_mutex_lock(&r->lock);
    bool new_stage = strcmp(r->stage, stage) != 0;
    if (new_stage || done_ms != r->done) {
        int64_t now = clock_us(CLOCK_MONOTONIC) / 1000;
        snprintf(r->stage, sizeof r->stage, "%s", stage);
        r->done = done_ms;
        r->moved_cpu_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
        if (new_stage || now - r->progress_ms >= PROGRESS_MS) {
            r->progress_ms = now;
            if (total_ms > 0 && total_ms < done_ms)
                total_ms = done_ms; /* the container promised too little */
            int len = snprintf(line, sizeof line,
                               "{\"type\":\"progress\",\"stage\":\"%s\",\"done\":%" PRId64
                               ",\"total\":%" PRId64 "}\n",
                               stage, done_ms, total_ms > 0 ? total_ms : 0);
            speak(r, line, (size_t)len);
        }
    }
    pthread_mutex_unlock(&r->lock);
}

void report_part(struct report *r, const struct media_part *part)
{
    char line[160];
    int len = snprintf(line, sizeof line,
                       "{\"type\":\"part\",\"begin_ms\":%" PRId64 ",\"end_ms\":%" PRId64
                       ",\"offset\":%" PRId64 ",\"length\":%" PRId64 "}\n",
                       part->begin_ms, part->end_ms, part->offset, part->length);
    pthread_mutex_lock(&r->lock);
    speak(r, line, (size_t)len);
    pthread_mutex_unlock(&r->lock);
}

static void say_last(struct report *r, const struct buffer *line)
{
    pthread_mutex_lock(&r->lock);
    r->over = true;
    speak(r, line->data, line->len);
    pthread_mutex_unlock(&r->lock);
}

int report_transcript(struct report *r, const struct transcript *t)
{
    cleanup_buffer struct buffer line = {0};
    buffer_puts(&line, "{\"type\":\"transcript\",\"transcript\":");
    int rc = transcript_to_json(t, &line);
    buffer_puts(&line, "}\n");
    if (rc < 0 || buffer_error(&line))
        return -ENOMEM;
    say_last(r, &line);
    return 0;
}

int report_facts(struct report *r, const struct media_facts *facts, const char *codec)
{
    cleanup_buffer struct buffer line = {0};
    buffer_printf(&line,
                  "{\"type\":\"facts\",\"duration_ms\":%" PRId64
                  ",\"channels\":%d,\"sample_rate\":%d,\"video\":%s,\"codec\":",
                  facts->duration_ms, facts->channels, facts->sample_rate, facts->video ? "true" : "false");
    json_out_string(&line, codec);
    buffer_puts(&line, "}\n");
    if (buffer_error(&line))
        return -ENOMEM;
    say_last(r, &line);
    return 0;
}

void report_error(struct report *r, const struct error *err)
{
    cleanup_buffer struct buffer line = {0};
    buffer_printf(&line, "{\"type\":\"error\",\"class\":\"%s\",\"code\":", wire_class_name(err->class));
    json_out_string(&line, err->code);
    buffer_puts(&line, ",\"detail\":");
    json_out_string(&line, err->detail);
    buffer_printf(&line, ",\"errno\":%d}\n", err->sys);
    if (!buffer_error(&line))
        say_last(r, &line);
}
