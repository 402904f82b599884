/* Probing and converting recordings in workers: what the copies hold, how failures are told, and that nothing
 * is left.
 *
 * The real worker (SCRIBEFS_WORKER, by default that of the build directory) works on files that ffmpeg makes,
 * and ffmpeg decodes the copies; some cases play a worker by a shell script. Skipped without ffmpeg or
 * worker.
 *
# time limit: 500
 */
#include "tests/unit/prepare_world.h"

#define FACTS(codec)                                                                                         \
    "echo '{\"type\":\"facts\",\"duration_ms\":900,\"channels\":1,\"sample_rate\":16000,\"video\":false,"    \
    "\"codec\":\"" codec "\"}' >&4\n"

enum { RECORDINGS = 11, ERROR_MS = 100 };

/* Recordings that ffmpeg makes once; a tone of 440 Hz in one channel, or noise. */
static const struct recording {
    const char *file, *arguments;
    int64_t ms;
    int channels, rate;
    bool video;
} recordings[RECORDINGS] = {
    {"mono.wav", "-f lavfi -i sine=440:d=5:r=16000", 5000, 1, 16000, false},
    {"stereo.wav", "-f lavfi -i sine=440:d=5:r=44100 -af 'pan=stereo|c0=c0'", 5000, 2, 44100, false},
    {"odd.wav", "-f lavfi -i sine=440:d=3.3:r=11127 -c:a pcm_s24le", 3300, 1, 11127, false},
    {"talk.mp3", "-f lavfi -i sine=440:d=7:r=48000 -af 'pan=stereo|c0=c0'", 7000, 2, 48000, false},
    {"film.mp4",
     "-f lavfi -i testsrc=d=6:s=160x120 -f lavfi -i sine=440:d=6:r=44100 -af 'pan=stereo|c0=c0' -c:a aac",
     6000, 2, 44100, true},
    {"film.mkv", "-f lavfi -i testsrc=d=4:s=160x120 -f lavfi -i sine=440:d=4:r=8000 -c:a pcm_s16le", 4000, 1,
     8000, true},
    {"talk.ogg", "-f lavfi -i sine=440:d=4:r=48000 -c:a libopus", 4000, 1, 48000, false},
    {"six.flac", "-f lavfi -i sine=440:d=2:r=22050 -af 'pan=6c|c0=c0'", 2000, 6, 22050, false},
    {"front.wav", "-f lavfi -i 'aevalsrc=0|0|0.1*sin(2764*t):c=3.0:s=16000:d=2'", 2000, 3, 16000, false},
    {"unbelievable.flac", "-f lavfi -i anullsrc=r=16000:cl=mono -t 600 -frame_size 16384", 600000, 1, 16000, false},
    {"long.wav", "-f lavfi -i anoisesrc=d=180:r=48000 -af 'pan=stereo|c0=c0'", 180000, 2, 48000, false},
};

enum { MONO, STEREO, LONG = RECORDINGS - 1 };

/* ---- helpers ---- */

/* The output of a shell command, without the last newline. */
__attribute__((format(printf, 3, 4))) static void ask(char *out, size_t room, const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    assert_in_range(vsnprintf(command, sizeof command, format, arguments), 1, sizeof command - 1);
    va_end(arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(out, 1, room - 1, pipe);
    assert_int_equal(pclose(pipe), 0);
    while (n && out[n - 1] == '\n')
        n--;
    out[n] = '\0';
}

static void save(struct world *w, int fd)
{
    char bytes[65536];
    cleanup_close int to = open(w->copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(to >= 0);
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0; w->size += n)
        assert_int_equal(write(to, bytes, (size_t)n), n);
}

static void on_done(void *context, const struct media_facts *facts, int fd, const char *extension)
{
    struct world *w = context;
    w->facts = *facts;
    w->size = 0;
    snprintf(w->extension, sizeof w->extension, "%s", extension ? extension : "");
    if (fd >= 0) {
        save(w, fd);
        close(fd);
    }
    w->preparation = NULL;
    w->ends++;
    loop_stop(w->loop);
}

static const struct prepare_events events = {.done = on_done, .failed = on_failed, .progress = on_progress};

/* Begins to probe (target NULL) or convert. */
static void begin(struct world *w, int fd, const struct media_target *target)
{
    const struct preparer_operations *o = w->preparer->operations;
    forget(w);
    w->preparation = target ? o->convert(w->preparer, fd, w->dir, target, &events, w, &w->error)
                            : o->probe(w->preparer, fd, &events, w, &w->error);
    if (!w->preparation)
        fail_msg("%s: %s", w->error.code, w->error.detail);
    assert_int_equal(w->ends, 0);
}

/* The same to the end, on the descriptor that is closed then. */
static void prepare(struct world *w, int fd, const struct media_target *target)
{
    begin(w, fd, target);
    run(w);
    close(fd);
    assert_int_equal(w->ends, 1);
}

static void convert_well(struct world *w, const char *file, const struct media_target *target)
{
    prepare(w, open_recording(file), target);
    if (*w->error.code)
        fail_msg("%s: %s: %s", file, w->error.code, w->error.detail);
}

/* Decodes the copy with ffmpeg and compares with what was said of it. */
static void check_copy(struct world *w, const char *name, const char *codec, int64_t ms, int channels,
                       int rate)
{
    char said[64], expected[64], bytes[64], complaints[256];
    ask(said, sizeof said,
        "ffprobe -v error -show_entries stream=codec_name,sample_rate,channels -of csv=p=0 '%s'", w->copy);
    snprintf(expected, sizeof expected, "%s,%d,%d", codec, !strcmp(codec, "opus") ? 48000 : rate, channels);
    if (strcmp(said, expected))
        fail_msg("%s: %s, not %s", name, said, expected);
    ask(bytes, sizeof bytes, "ffmpeg -v quiet -i '%s' -f s16le -ar 16000 - | wc -c", w->copy);
    int64_t decoded = atoll(bytes) / 2 / channels / 16;
    if (llabs(decoded - ms) > ERROR_MS || llabs(w->facts.duration_ms - ms) > ERROR_MS)
        fail_msg("%s: %lld ms, said to be %lld, not %lld", name, (long long)decoded,
                 (long long)w->facts.duration_ms, (long long)ms);
    ask(complaints, sizeof complaints, "ffmpeg -v warning -i '%s' -f null - 2>&1", w->copy);
    assert_string_equal(complaints, "");
    assert_int_equal(w->facts.channels, channels);
    assert_int_equal(w->facts.sample_rate, rate);
    assert_false(w->facts.video);
    assert_string_equal(w->extension, !strcmp(codec, "opus") ? ".ogg" : ".flac");
}

/* Root mean square of one channel of the copy. */
static double loudness(struct world *w, int channel)
{
    char text[64];
    ask(text, sizeof text,
        "ffmpeg -v error -i '%s' -af 'pan=mono|c0=c%d,astats=metadata=1:reset=0,ametadata=print:"
        "key=lavfi.astats.1.RMS_level:file=-' -f null - | tail -1 | sed 's/.*=//'",
        w->copy, channel);
    return strstr(text, "inf") ? -1000 : atof(text);
}

/* ---- the real worker ---- */

static void probing_tells_length_channels_rate_and_picture(void **state)
{
    need_media();
    for (size_t i = 0; i < RECORDINGS; i++) {
        struct world *w = *state;
        const struct recording *r = &recordings[i];
        prepare(w, open_recording(r->file), NULL);
        const struct media_facts *f = &w->facts;
        if (*w->error.code || llabs(f->duration_ms - r->ms) > ERROR_MS || f->channels != r->channels ||
            f->sample_rate != r->rate || f->video != r->video)
            fail_msg("%s: %s %lld ms, %d channels, %d Hz, video %d", r->file, w->error.code,
                     (long long)f->duration_ms, f->channels, f->sample_rate, f->video);
        assert_string_equal(w->extension, "");
    }
}

static void every_kind_of_recording_becomes_flac_of_the_asked_shape(void **state)
{
    struct world *w = *state;
    need_media();
    for (size_t i = 0; i < LONG; i++) {
        const struct recording *r = &recordings[i];
        static const struct media_target targets[] = {
            {.mix_down = true, .sample_rate = 16000, .max_bytes = 10 << 20},
            {.mix_down = false, .sample_rate = 16000, .max_bytes = 10 << 20},
            {.mix_down = false, .sample_rate = 0, .max_bytes = 0},
            {.mix_down = true, .sample_rate = 22050, .max_bytes = 10 << 20},
        };
        for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
            convert_well(w, r->file, &targets[t]);
            check_copy(w, r->file, "flac", r->ms, targets[t].mix_down ? 1 : r->channels,
                       targets[t].sample_rate ? targets[t].sample_rate : r->rate);
        }
    }
}

static void channels_stay_apart_unless_mixed(void **state)
{
    struct world *w = *state;
    need_media();
    static const int64_t sizes[] = {10 << 20, 30000}; /* FLAC, Opus */
    for (size_t i = 0; i < 2; i++) {
        struct media_target target = {.sample_rate = 16000, .max_bytes = sizes[i]};
        convert_well(w, "stereo.wav", &target);
        assert_string_equal(w->extension, i ? ".ogg" : ".flac");
        assert_true(loudness(w, 0) > -30);
        assert_true(loudness(w, 1) < -70);
    }
    convert_well(w, "six.flac", &(struct media_target){.sample_rate = 16000, .max_bytes = 10 << 20});
    assert_true(loudness(w, 0) > -30);
    for (int channel = 1; channel < 6; channel++)
        assert_true(loudness(w, channel) < -70);
    /* Its speakers stand elsewhere than three usually do. */
    convert_well(w, "front.wav", &(struct media_target){.sample_rate = 8000, .max_bytes = 10 << 20});
    assert_true(loudness(w, 2) > -30);
    assert_true(loudness(w, 0) < -70 && loudness(w, 1) < -70);
    convert_well(w, "stereo.wav", &(struct media_target){.mix_down = true, .sample_rate = 16000});
    assert_true(loudness(w, 0) > -36);
}

static void what_is_too_large_as_flac_becomes_opus_below_the_size(void **state)
{
    struct world *w = *state;
    need_media();
    static const struct {
        int recording;
        bool mix_down;
        int rate, opus_rate;
        int64_t max_bytes;
    } table[] = {
        {STEREO, true, 16000, 16000, 22000},  {STEREO, true, 16000, 16000, 14000},
        {STEREO, true, 11025, 12000, 15000},  {STEREO, true, 0, 48000, 40000},
        {STEREO, false, 22050, 24000, 30000}, {LONG, true, 16000, 16000, 2 << 20},
        {LONG, true, 16000, 16000, 400000},   {LONG, false, 16000, 16000, 800000},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct recording *r = &recordings[table[i].recording];
        struct media_target target = {table[i].mix_down, table[i].rate, table[i].max_bytes};
        w->went_back = false;
        convert_well(w, r->file, &target);
        check_copy(w, r->file, "opus", r->ms, table[i].mix_down ? 1 : r->channels, table[i].opus_rate);
        /* Filled well, too: between the two limits of the bit rate. */
        int64_t most = r->ms * 8 * w->facts.channels;
        int64_t full = table[i].max_bytes < most ? table[i].max_bytes : most;
        if (w->size >= table[i].max_bytes || w->size < full * 3 / 4)
            fail_msg("case %zu: %lld of %lld bytes", i, (long long)w->size, (long long)table[i].max_bytes);
        assert_false(w->went_back);
        if (table[i].recording == LONG)
            assert_true(w->done > r->ms); /* of two rounds */
    }
}

static void the_smallest_flac_that_fits_is_kept(void **state)
{
    struct world *w = *state;
    need_media();
    struct media_target target = {.mix_down = true, .sample_rate = 16000};
    convert_well(w, "stereo.wav", &target);
    int64_t size = w->size;
    target.max_bytes = size + 1;
    convert_well(w, "stereo.wav", &target);
    assert_string_equal(w->extension, ".flac");
    assert_int_equal(w->size, size);
    target.max_bytes = size;
    convert_well(w, "stereo.wav", &target);
    assert_string_equal(w->extension, ".ogg");
    assert_true(w->size < size);
}

static void what_would_need_less_than_16_kbit_is_refused(void **state)
{
    struct world *w = *state;
    need_media();
    static const struct media_target targets[] = {
        {true, 16000, 10000}, {false, 16000, 20000}, {true, 16000, 1}, {true, 16000, 100}};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        prepare(w, open_recording("stereo.wav"), &targets[i]);
        assert_string_equal(w->error.code, "media.too_large");
        assert_int_equal(w->error.class, ERROR_PERMANENT);
    }
    prepare(w, open_recording("long.wav"), &(struct media_target){true, 16000, 300000});
    assert_string_equal(w->error.code, "media.too_large");
}

static void bad_recordings_give_the_errors_of_recognising(void **state)
{
    struct world *w = *state;
    need_media();
    static const struct {
        const char *name, *command, *code;
        bool when_probed;
    } table[] = {
        {"empty", ": > '%s'", "media.empty", true},
        {"text", "seq 1 5000 > '%s'", "media.not_audio", true},
        {"half a WAV", "head -c 200000 stereo.wav > '%s'", "media.truncated", true},
        {"half an MP4", "head -c $(($(wc -c < film.mp4) / 2)) film.mp4 > '%s'", "media.truncated", true},
        {"half a FLAC", "head -c $(($(wc -c < six.flac) / 2)) six.flac > '%s'", "media.truncated", false},
        {"a film without sound", "ffmpeg -v error -y -i film.mp4 -an -c copy -f mp4 '%s'", "media.no_audio",
         true},
        {"noise after a header", "{ head -c 200 talk.mp3; head -c 50000 long.wav | tail -c 40000; } > '%s'",
         NULL, true},
    };
    char *bad = scratch_join(media, "bad");
    struct media_target target = {.mix_down = true, .sample_rate = 16000, .max_bytes = 10 << 20};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char command[512], ignored[8];
        snprintf(command, sizeof command, "cd '%s' && ", media);
        size_t used = strlen(command);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(command + used, sizeof command - used, table[i].command, bad);
#pragma GCC diagnostic pop
        ask(ignored, sizeof ignored, "%s", command);
        for (int convert = 0; convert < 2; convert++) {
            prepare(w, open_recording("bad"), convert ? &target : NULL);
            if (table[i].code && (convert || table[i].when_probed) && strcmp(w->error.code, table[i].code))
                fail_msg("%s, %s: %s", table[i].name, convert ? "converted" : "probed", w->error.code);
        }
    }
    unlink(bad);
    free(bad);
}

/* The value of a line of /proc/PID/FILE that begins with `key`; "" when there is none. */
static void proc_value(pid_t pid, const char *file, const char *key, char *out, size_t room)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    cleanup_file FILE *f = fopen(path, "re");
    out[0] = '\0';
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, strlen(key)))
            snprintf(out, room, "%s", line + strlen(key) + strspn(line + strlen(key), " \t"));
}

static void the_converting_worker_is_confined_to_its_one_file(void **state)
{
    struct world *w = *state;
    need_media();
    cleanup_close int fd = open_recording("long.wav");
    w->stop_at_progress = true;
    begin(w, fd, &(struct media_target){true, 16000, 50 << 20});
    run(w);
    siginfo_t info = {0};
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0); /* still at work */
    assert_int_equal(info.si_pid, 0);
    char text[64], value[256];
    ask(text, sizeof text, "pgrep -P %d -x worker", (int)getpid());
    pid_t pid = atoi(text);
    assert_true(pid > 0);
    proc_value(pid, "status", "Seccomp:", value, sizeof value);
    assert_string_equal(value, "2\n");
    proc_value(pid, "status", "NoNewPrivs:", value, sizeof value);
    assert_string_equal(value, "1\n");
    proc_value(pid, "limits", "Max file size", value, sizeof value);
    assert_int_equal(atoll(value), 50 << 20);
    proc_value(pid, "limits", "Max open files", value, sizeof value);
    assert_int_equal(atoll(value), 6);
    w->preparer->operations->cancel(w->preparation);
    w->preparation = NULL;
    wait_for_no_children(w);
    assert_int_equal(w->ends, 0);
}

static void cancelling_at_any_moment_leaves_nothing(void **state)
{
    struct world *w = *state;
    need_media();
    struct media_target target = {true, 16000, 10 << 20};
    cleanup_close int fd = open_recording("long.wav");
    for (int i = 0; i < 4; i++) { /* at once; after some progress; inside it; while probing */
        w->stop_at_progress = i > 0;
        w->cancel_at_progress = i == 2;
        begin(w, fd, i == 3 ? NULL : &target);
        if (i)
            run(w);
        if (w->preparation)
            w->preparer->operations->cancel(w->preparation);
        w->preparation = NULL;
        wait_for_no_children(w);
        assert_int_equal(w->ends, 0);
    }
}

/* ---- played workers ---- */

static void a_silent_worker_is_killed(void **state)
{
    struct world *w = *state;
    use_worker(w, w->worker, 1);
    static const struct {
        const char *script, *code;
    } table[] = {{"exec sleep 1000", "engine.timeout"}, {PREPARING "exec sleep 1000", "media.timeout"}};
    struct media_target target = {true, 16000, 1000};
    for (size_t i = 0; i < 4; i++) {
        play(w, table[i % 2].script);
        prepare(w, open("/dev/null", O_RDONLY | O_CLOEXEC), i < 2 ? NULL : &target);
        assert_string_equal(w->error.code, table[i % 2].code);
        assert_int_equal(w->progress_count, i % 2);
        wait_for_no_children(w);
    }
}

static void what_a_worker_says_is_not_taken_unseen(void **state)
{
    struct world *w = *state;
    use_worker(w, w->worker, 20);
    static const struct {
        const char *name, *script, *code;
        bool convert;
    } table[] = {
        {"facts", FACTS("mp3") "exec sleep 1000", "", false},
        {"facts and a copy", "printf 12345 >&5\n" FACTS("flac") "exec sleep 1000", "", true},
        {"no copy", FACTS("flac"), "engine.protocol", true},
        {"a copy that is too large", "head -c 1000 /dev/zero >&5\n" FACTS("flac"), "engine.protocol", true},
        {"a copy in a strange format", "printf 12345 >&5\n" FACTS("exe"), "engine.protocol", true},
        {"facts without numbers", "echo '{\"type\":\"facts\",\"duration_ms\":\"7\"}' >&4", "engine.protocol",
         false},
        {"facts that break off", "echo '{\"type\":\"facts\",\"dur' >&4", "engine.protocol", false},
        {"a transcript", "echo '{\"type\":\"transcript\",\"transcript\":{}}' >&4", "engine.failed", false},
        {"an error of its own",
         "echo '{\"type\":\"error\",\"class\":\"permanent\",\"code\":\"media.no_audio\",\"detail\":\"x\"}' "
         ">&4",
         "media.no_audio", true},
        {"a crash", PREPARING "kill -SEGV $$", "media.crashed", true},
        {"a probe has no file to write to", "printf x >&5 && exec sleep 1000", "engine.failed", false},
    };
    struct media_target target = {true, 16000, 1000};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        play(w, table[i].script);
        prepare(w, open("/dev/null", O_RDONLY | O_CLOEXEC), table[i].convert ? &target : NULL);
        if (strcmp(w->error.code, table[i].code))
            fail_msg("%s: %s: %s", table[i].name, w->error.code, w->error.detail);
        if (!*table[i].code)
            assert_int_equal(w->size, table[i].convert ? 5 : 0);
        wait_for_no_children(w);
    }
}

static void without_worker_or_directory_it_does_not_even_begin(void **state)
{
    struct world *w = *state;
    struct media_target target = {true, 16000, 1000};
    const struct preparer_operations *o = w->preparer->operations;
    struct error err = {0};
    cleanup_close int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_null(o->convert(w->preparer, fd, "/nonexistent", &target, &events, w, &err));
    assert_string_equal(err.code, "prepare.file");
    use_worker(w, w->worker, 20);
    o = w->preparer->operations;
    assert_null(o->convert(w->preparer, fd, w->dir, &target, &events, w, &err));
    assert_string_equal(err.code, "engine.missing");
    assert_null(o->probe(w->preparer, fd, &events, w, &err));
    assert_string_equal(err.code, "engine.missing");
    assert_int_equal(w->ends, 0);
}

/* ---- the recordings ---- */

static int make_media(void **state)
{
    (void)state;
    if (access(real_worker(), X_OK) || system("command -v ffmpeg ffprobe > /dev/null"))
        return 0;
    media = scratch_new();
    for (size_t i = 0; i < RECORDINGS; i++) {
        char command[512];
        char *path = scratch_join(media, recordings[i].file);
        snprintf(command, sizeof command, "ffmpeg -nostdin -v error -y %s '%s'", recordings[i].arguments,
                 path);
        int rc = system(command);
        free(path);
        if (rc)
            return -1;
    }
    return 0;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(probing_tells_length_channels_rate_and_picture),
        CASE(every_kind_of_recording_becomes_flac_of_the_asked_shape),
        CASE(channels_stay_apart_unless_mixed),
        CASE(what_is_too_large_as_flac_becomes_opus_below_the_size),
        CASE(the_smallest_flac_that_fits_is_kept),
        CASE(what_would_need_less_than_16_kbit_is_refused),
        CASE(bad_recordings_give_the_errors_of_recognising),
        CASE(the_converting_worker_is_confined_to_its_one_file),
        CASE(cancelling_at_any_moment_leaves_nothing),
        CASE(a_silent_worker_is_killed),
        CASE(what_a_worker_says_is_not_taken_unseen),
        CASE(without_worker_or_directory_it_does_not_even_begin),
    };
    return cmocka_run_group_tests(tests, make_media, remove_media);
}
