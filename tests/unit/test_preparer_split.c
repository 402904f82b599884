/* Cutting recordings in workers: the parts are files of their own and together the whole, they are cut where
 * nobody speaks, failures are told, and nothing is left.
 *
 * The real worker (SCRIBEFS_WORKER, by default that of the build directory) works on speech of
 * pocketsphinx-testdata with known silences; ffmpeg decodes the parts. Some cases play a worker by a shell
 * script. Skipped without worker, sox, ffmpeg or speech.
 *
# time limit: 300
 */
#include "tests/unit/prepare_world.h"

#define SPEECH "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav"

#define PART(begin, end, offset, length)                                                                     \
    "echo '{\"type\":\"part\",\"begin_ms\":" #begin ",\"end_ms\":" #end ",\"offset\":" #offset               \
    ",\"length\":" #length "}' >&4\n"
#define FACTS(ms, codec)                                                                                     \
    "echo '{\"type\":\"facts\",\"duration_ms\":" #ms                                                         \
    ",\"channels\":1,\"sample_rate\":16000,\"video\":false,\"codec\":\"" codec "\"}' >&4\n"

/* One utterance and the silence after it, of "speech.wav". */
enum { UTTERANCE_MS = 7100, SILENCE_MS = 700, UTTERANCES = 6 };

enum { HEAD = 26 /* bytes of a FLAC file that tell its shape */ };

/* ---- helpers ---- */

__attribute__((format(printf, 1, 2))) static bool shell(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    assert_in_range(vsnprintf(command, sizeof command, format, arguments), 1, sizeof command - 1);
    va_end(arguments);
    return system(command) == 0;
}

static int open_nothing(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A file for the parts. */
static int empty_file(const struct world *w)
{
    int fd = open(w->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

/* Samples of all channels. */
struct sound {
    int16_t *samples;
    size_t count;
};

static void sound_free(struct sound *s)
{
    free(s->samples);
}

/* Decodes a piece of `fd` with ffmpeg, which must not have anything to say about it. */
static struct sound decode(int fd, int64_t offset, int64_t length)
{
    char *piece = scratch_join(media, "piece"), *raw = scratch_join(media, "raw");
    cleanup_free char *bytes = malloc((size_t)length);
    assert_non_null(bytes);
    assert_int_equal(pread(fd, bytes, (size_t)length, offset), length);
    cleanup_file FILE *to = fopen(piece, "we");
    assert_non_null(to);
    assert_int_equal(fwrite(bytes, 1, (size_t)length, to), length);
    assert_int_equal(fflush(to), 0);
    assert_true(
        shell("test -z \"$(ffmpeg -nostdin -v error -y -f flac -i '%s' -f s16le '%s' 2>&1)\"", piece, raw));
    cleanup_file FILE *from = fopen(raw, "re");
    struct stat st;
    assert_true(from && !fstat(fileno(from), &st));
    struct sound sound = {malloc((size_t)st.st_size + 1), (size_t)st.st_size / sizeof(int16_t)};
    assert_non_null(sound.samples);
    assert_int_equal(fread(sound.samples, sizeof(int16_t), sound.count, from), sound.count);
    free(piece);
    free(raw);
    return sound;
}

/* ---- events ---- */

static void on_cut(void *context, const struct media_facts *facts, const struct media_part *parts,
                   size_t count, const char *extension)
{
    struct world *w = context;
    w->facts = *facts;
    assert_true(count <= PARTS_MAX);
    memcpy(w->parts, parts, count * sizeof *parts);
    w->count = count;
    snprintf(w->extension, sizeof w->extension, "%s", extension);
    w->preparation = NULL;
    w->ends++;
    loop_stop(w->loop);
}

static void on_converted(void *context, const struct media_facts *facts, int fd, const char *extension)
{
    struct world *w = context;
    (void)facts, (void)extension;
    w->whole = fd;
    w->preparation = NULL;
    w->ends++;
    loop_stop(w->loop);
}

static const struct split_events split_events = {on_cut, on_failed, on_progress};
static const struct prepare_events prepare_events = {on_converted, on_failed, on_progress};

static void begin(struct world *w, int fd, int into, const struct media_cut *cut)
{
    forget(w);
    w->preparation = w->preparer->operations->split(w->preparer, fd, into, cut, &split_events, w, &w->error);
    if (!w->preparation)
        fail_msg("%s: %s", w->error.code, w->error.detail);
    assert_int_equal(w->ends, 0);
}

/* The same to the end, on the recording, which is closed then. */
static void cut_to_the_end(struct world *w, int fd, int into, const struct media_cut *cut)
{
    begin(w, fd, into, cut);
    run(w);
    close(fd);
    assert_int_equal(w->ends, 1);
}

static void cut_well(struct world *w, const char *file, int into, const struct media_cut *cut)
{
    cut_to_the_end(w, open_recording(file), into, cut);
    if (*w->error.code)
        fail_msg("%s: %s: %s", file, w->error.code, w->error.detail);
}

/* The recording in one piece, of the same shape. */
static void convert_to_the_end(struct world *w, int fd, const struct media_cut *cut)
{
    struct media_target target = {.mix_down = cut->mix_down, .sample_rate = cut->sample_rate};
    forget(w);
    w->preparation =
        w->preparer->operations->convert(w->preparer, fd, w->dir, &target, &prepare_events, w, &w->error);
    assert_non_null(w->preparation);
    run(w);
    close(fd);
}

/* ---- the real worker ---- */

/* What the file's own header says: complete, and of the right shape. */
static void check_header(const char *name, int file, const struct media_part *part,
                         const struct media_facts *facts, int64_t samples)
{
    unsigned char h[HEAD];
    assert_int_equal(pread(file, h, sizeof h, part->offset), sizeof h);
    assert_memory_equal(h, "fLaC", 4);
    int rate = h[18] << 12 | h[19] << 4 | h[20] >> 4, channels = (h[20] >> 1 & 7) + 1;
    int64_t total = (int64_t)(h[21] & 15) << 32 | (int64_t)h[22] << 24 | h[23] << 16 | h[24] << 8 | h[25];
    if (rate != facts->sample_rate || channels != facts->channels || total != samples)
        fail_msg("%s, from %lld ms: %lld samples of %d channels at %d Hz", name, (long long)part->begin_ms,
                 (long long)total, channels, rate);
}

static void parts_are_files_of_their_own_and_together_the_whole(void **state)
{
    struct world *w = *state;
    need_media();
    static const struct {
        const char *name, *file;
        struct media_cut cut;
        int channels, rate; /* expected */
        size_t least, most; /* parts */
    } table[] = {
        {"speech", "speech.wav", {true, 16000, 10000, 0, 0}, 1, 16000, 5, 6},
        {"with an overlap", "speech.wav", {true, 16000, 15000, 0, 2500}, 1, 16000, 4, 6},
        {"with the largest overlap", "speech.wav", {true, 16000, 20000, 0, 10000}, 1, 16000, 4, 7},
        {"shorter than a part", "speech.wav", {true, 16000, 3600000, 1 << 30, 60000}, 1, 16000, 1, 1},
        {"exactly one part", "tone.wav", {true, 16000, 20000, 0, 1000}, 1, 16000, 1, 1},
        {"a little longer than a part", "tone.wav", {true, 16000, 19999, 0, 0}, 1, 16000, 2, 2},
        {"a tone without a pause", "tone.wav", {true, 16000, 6000, 0, 0}, 1, 16000, 4, 5},
        {"digital silence", "silence.wav", {true, 16000, 6000, 0, 500}, 1, 16000, 3, 4},
        {"nothing", "nothing.wav", {true, 16000, 6000, 0, 0}, 1, 16000, 1, 1},
        {"by size", "noise.wav", {true, 8000, 0, 100000, 0}, 1, 8000, 3, 4},
        {"by size, without an overlap to the millisecond",
         "noise.wav",
         {true, 8000, 60000, 100000, 333},
         1,
         8000,
         3,
         5},
        {"two channels kept", "stereo.wav", {false, 16000, 9000, 0, 1000}, 2, 16000, 3, 4},
        {"two channels mixed", "stereo.wav", {true, 16000, 9000, 0, 1000}, 1, 16000, 3, 4},
        {"its own rate", "stereo.wav", {false, 0, 9000, 0, 0}, 2, 44100, 3, 3},
        {"its own rate, cut between samples", "stereo.wav", {false, 0, 9000, 0, 1007}, 2, 44100, 3, 4},
        {"a rate without whole milliseconds", "stereo.wav", {true, 11025, 8999, 0, 1}, 1, 11025, 3, 3},
        {"MP3", "talk.mp3", {true, 16000, 10000, 0, 300}, 1, 16000, 5, 6},
        {"a film", "film.mp4", {false, 0, 12000, 0, 0}, 1, 16000, 4, 5},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *name = table[i].name;
        const struct media_cut *cut = &table[i].cut;
        cleanup_close int file = empty_file(w);
        convert_to_the_end(w, open_recording(table[i].file), cut);
        cleanup_close int whole_file = steal_fd(w->whole);
        struct stat st;
        assert_int_equal(fstat(whole_file, &st), 0);
        __attribute__((cleanup(sound_free))) struct sound whole = decode(whole_file, 0, st.st_size);

        cut_well(w, table[i].file, file, cut);
        const struct media_facts *f = &w->facts;
        if (f->channels != table[i].channels || f->sample_rate != table[i].rate ||
            w->count < table[i].least || w->count > table[i].most)
            fail_msg("%s: %zu parts of %d channels at %d Hz", name, w->count, f->channels, f->sample_rate);
        assert_string_equal(w->extension, ".flac");
        assert_false(f->video);
        assert_true(w->progress_count > 0 && !w->went_back);

        int64_t total = (int64_t)whole.count / f->channels, end = 0, end_ms = 0, offset = 0;
        for (size_t k = 0; k < w->count; k++) {
            const struct media_part *p = &w->parts[k];
            bool last = k + 1 == w->count;
            int64_t from = p->begin_ms * f->sample_rate / 1000;
            int64_t to = last ? total : p->end_ms * f->sample_rate / 1000;
            __attribute__((cleanup(sound_free))) struct sound part = decode(file, p->offset, p->length);
            if (p->begin_ms != (k ? end_ms - cut->overlap_ms : 0) || p->offset != offset ||
                (k && !cut->overlap_ms && from != end))
                fail_msg("%s: a gap before part %zu", name, k);
            if ((cut->max_ms > 0 && p->end_ms - p->begin_ms > cut->max_ms) ||
                (cut->max_bytes > 0 && p->length > cut->max_bytes))
                fail_msg("%s: part %zu has %lld ms, %lld bytes", name, k,
                         (long long)(p->end_ms - p->begin_ms), (long long)p->length);
            /* Cut late: noise by its size, all else by its length; the last cut leaves a little to the rest.
             */
            bool early = cut->max_bytes > 0 && cut->max_bytes < 1 << 20
                             ? p->length < cut->max_bytes * 7 / 10
                             : p->end_ms - p->begin_ms < cut->max_ms * 4 / 5;
            if (!last && early)
                fail_msg("%s: part %zu ends early, at %lld ms", name, k, (long long)p->end_ms);
            if (last && k && cut->max_ms > 0 && p->end_ms - p->begin_ms - cut->overlap_ms < cut->max_ms / 20)
                fail_msg("%s: the last part adds %lld ms", name,
                         (long long)(p->end_ms - p->begin_ms - cut->overlap_ms));
            check_header(name, file, p, f, to - from);
            if ((int64_t)part.count != (to - from) * f->channels ||
                memcmp(part.samples, whole.samples + from * f->channels, part.count * sizeof *part.samples))
                fail_msg("%s: part %zu is not from %lld to %lld ms", name, k, (long long)p->begin_ms,
                         (long long)p->end_ms);
            end = to;
            end_ms = p->end_ms;
            offset = p->offset + p->length;
        }
        assert_int_equal(fstat(file, &st), 0);
        if (end_ms != f->duration_ms || end_ms != total * 1000 / f->sample_rate || st.st_size != offset)
            fail_msg("%s: the end is missing: %lld of %lld ms", name, (long long)end_ms,
                     (long long)f->duration_ms);
    }
}

static void cuts_lie_in_the_silence_between_utterances(void **state)
{
    struct world *w = *state;
    need_media();
    enum { PERIOD = UTTERANCE_MS + SILENCE_MS };
    /* With these lengths there is no other pause of half a second where a cut may lie. */
    static const struct {
        const char *name, *file;
        struct media_cut cut;
        int utterances; /* in a part, but for the last */
    } table[] = {
        {"one to a part", "speech.wav", {true, 16000, PERIOD + 400, 0, 0}, 1},
        {"two to a part", "speech.wav", {true, 16000, 2 * PERIOD + 400, 0, 0}, 2},
        {"three to a part", "speech.wav", {true, 8000, 3 * PERIOD + 400, 0, 0}, 3},
        {"faint", "faint.wav", {true, 16000, PERIOD + 400, 0, 0}, 1},
        {"with a constant offset", "offset.wav", {true, 16000, PERIOD + 400, 0, 0}, 1},
        {"in a noisy room", "noisy.wav", {true, 16000, PERIOD + 400, 0, 0}, 1},
        {"as MP3", "talk.mp3", {true, 16000, PERIOD + 400, 0, 0}, 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cleanup_close int file = empty_file(w);
        cut_well(w, table[i].file, file, &table[i].cut);
        assert_int_equal(w->count, (UTTERANCES + table[i].utterances - 1) / table[i].utterances);
        for (size_t k = 0; k + 1 < w->count; k++) {
            int64_t silence_ends = PERIOD * table[i].utterances * (int64_t)(k + 1);
            int64_t at = w->parts[k].end_ms;
            if (at <= silence_ends - SILENCE_MS || at >= silence_ends)
                fail_msg("%s: part %zu ends at %lld ms", table[i].name, k, (long long)at);
        }
    }
}

static void bad_recordings_give_the_errors_of_converting(void **state)
{
    struct world *w = *state;
    need_media();
    static const struct {
        const char *name, *command, *code;
    } table[] = {
        {"empty", ": > bad", "media.empty"},
        {"text", "seq 1 5000 > bad", "media.not_audio"},
        {"half a WAV", "head -c 200000 speech.wav > bad", "media.truncated"},
        {"half an MP4", "head -c $(($(wc -c < film.mp4) / 2)) film.mp4 > bad", "media.truncated"},
        {"half a FLAC, after some parts",
         "sox speech.wav bad.flac && head -c $(($(wc -c < bad.flac) / 2)) bad.flac > bad && rm bad.flac",
         "media.truncated"},
    };
    static const struct media_cut cut = {true, 16000, 5000, 0, 0};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cleanup_close int file = empty_file(w);
        assert_true(shell("cd '%s' && %s", media, table[i].command));
        convert_to_the_end(w, open_recording("bad"), &cut);
        assert_string_equal(w->error.code, table[i].code);
        cut_to_the_end(w, open_recording("bad"), file, &cut);
        if (strcmp(w->error.code, table[i].code) || w->error.class != ERROR_PERMANENT)
            fail_msg("%s: %s", table[i].name, w->error.code);
    }
}

static void limits_that_leave_no_room_are_refused(void **state)
{
    struct world *w = *state;
    need_media();
    static const struct {
        const char *name;
        struct media_cut cut;
        const char *code;
    } table[] = {
        {"too short", {true, 16000, 999, 0, 0}, "media.too_large"},
        {"too small", {true, 16000, 0, 9000, 0}, "media.too_large"},
        {"too small by far", {true, 16000, 0, 1, 0}, "media.too_large"},
        {"too short for the overlap", {true, 16000, 10000, 0, 5001}, "media.too_large"},
        {"too small for the overlap", {true, 16000, 0, 100000, 5001}, "media.too_large"},
        {"too small for the overlap of two channels", {false, 16000, 0, 330000, 2600}, "media.too_large"},
        {"large enough for that of one", {true, 16000, 0, 330000, 2600}, ""},
        {"as short as can be", {true, 16000, 1000, 0, 500}, ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cleanup_close int file = empty_file(w);
        cut_to_the_end(w, open_recording("stereo.wav"), file, &table[i].cut);
        if (strcmp(w->error.code, table[i].code))
            fail_msg("%s: %s", table[i].name, w->error.code);
    }
}

static void a_file_that_cannot_be_written_is_told(void **state)
{
    struct world *w = *state;
    need_media();
    static const struct media_cut cut = {true, 16000, 10000, 0, 0};
    char *path = scratch_join(w->dir, "parts");
    cleanup_close int unwritable = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(unwritable >= 0);
    cut_to_the_end(w, open_recording("speech.wav"), unwritable, &cut);
    assert_string_equal(w->error.code, "media.write");
    assert_int_equal(w->error.class, ERROR_TRANSIENT);
    unlink(path);
    free(path);
}

static void a_full_disk_is_told(void **state)
{
    struct world *w = *state;
    need_media();
    static const struct media_cut cut = {true, 16000, 10000, 0, 0};
    char *disk = scratch_join(w->dir, "disk");
    assert_int_equal(mkdir(disk, 0700), 0);
    if (!scratch_mount(disk, "size=400k")) { /* room for the first part */
        rmdir(disk);
        free(disk);
        print_message("SKIP: may not mount\n");
        skip();
    }
    char *path = scratch_join(disk, "parts");
    int into = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(into >= 0);
    cut_to_the_end(w, open_recording("speech.wav"), into, &cut);
    assert_string_equal(w->error.code, "media.write");
    assert_int_equal(w->error.class, ERROR_TRANSIENT);
    assert_int_equal(w->error.sys, ENOSPC);
    close(into);
    wait_for_no_children(w);
    scratch_unmount(disk);
    rmdir(disk);
    free(path);
    free(disk);
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

static pid_t only_child(void)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    cleanup_file FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &pid), 1);
    return pid;
}

static void the_cutting_worker_is_confined_to_its_one_file(void **state)
{
    struct world *w = *state;
    need_media();
    cleanup_close int fd = open_recording("long.flac"), file = empty_file(w);
    w->stop_at_progress = true;
    begin(w, fd, file, &(struct media_cut){true, 16000, 10000, 0, 0});
    run(w);
    char value[256];
    pid_t pid = only_child();
    proc_value(pid, "status", "Seccomp:", value, sizeof value);
    assert_string_equal(value, "2\n");
    proc_value(pid, "status", "NoNewPrivs:", value, sizeof value);
    assert_string_equal(value, "1\n");
    proc_value(pid, "limits", "Max file size", value, sizeof value);
    /* What a day can become, with every overlap. */
    assert_in_range(atoll(value), 24 * 3600 * 32000LL, 24 * 3600 * 32000LL * 5);
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
    static const struct media_cut cut = {true, 16000, 10000, 0, 1000};
    cleanup_close int fd = open_recording("long.flac"), file = empty_file(w);
    for (int i = 0; i < 3; i++) { /* at once; after some progress; inside it */
        w->stop_at_progress = i > 0;
        w->cancel_at_progress = i == 2;
        begin(w, fd, file, &cut);
        if (i)
            run(w);
        if (w->preparation)
            w->preparer->operations->cancel(w->preparation);
        w->preparation = NULL;
        wait_for_no_children(w);
        assert_int_equal(w->ends, 0);
    }
    /* The file is still the caller's, and begun anew, whatever was in it. */
    assert_int_equal(ftruncate(file, 5 << 20), 0);
    w->stop_at_progress = w->cancel_at_progress = false;
    cut_well(w, "tone.wav", file, &cut);
    struct stat st;
    assert_int_equal(fstat(file, &st), 0);
    assert_int_equal(st.st_size, w->parts[w->count - 1].offset + w->parts[w->count - 1].length);
}

/* ---- played workers ---- */

static void what_a_worker_says_is_not_taken_unseen(void **state)
{
    struct world *w = *state;
    use_worker(w, w->worker, 20);
    /* Parts of at most 1000 ms or 9 bytes, 100 ms overlap. */
    static const struct {
        const char *name, *script, *code;
        size_t parts;
    } table[] = {
        {"one part", "printf 12345 >&5\n" PART(0, 900, 0, 5) FACTS(900, "flac") "exec sleep 1000", "", 1},
        {"two parts", "printf 12345678 >&5\n" PART(0, 900, 0, 5) PART(800, 1700, 5, 3) FACTS(1700, "flac"),
         "", 2},
        {"no part", "printf 12345 >&5\n" FACTS(900, "flac"), "engine.protocol", 0},
        {"no facts", "printf 12345 >&5\n" PART(0, 900, 0, 5), "engine.failed", 0},
        {"a strange format", "printf 12345 >&5\n" PART(0, 900, 0, 5) FACTS(900, "opus"), "engine.protocol",
         0},
        {"a longer recording", "printf 12345 >&5\n" PART(0, 900, 0, 5) FACTS(901, "flac"), "engine.protocol",
         0},
        {"a shorter file", "printf 1234 >&5\n" PART(0, 900, 0, 5) FACTS(900, "flac"), "engine.protocol", 0},
        {"a longer file", "printf 123456 >&5\n" PART(0, 900, 0, 5) FACTS(900, "flac"), "engine.protocol", 0},
        {"a late beginning", PART(1, 900, 0, 5) "exec sleep 1000", "engine.protocol", 0},
        {"a negative beginning", PART(-1, 900, 0, 5) "exec sleep 1000", "engine.protocol", 0},
        {"an offset at the beginning", PART(0, 900, 1, 5) "exec sleep 1000", "engine.protocol", 0},
        {"an empty file", PART(0, 900, 0, 0) "exec sleep 1000", "engine.protocol", 0},
        {"too long", PART(0, 1001, 0, 5) "exec sleep 1000", "engine.protocol", 0},
        {"too large", PART(0, 900, 0, 10) "exec sleep 1000", "engine.protocol", 0},
        {"the end before the beginning", PART(0, 900, 0, 5) PART(800, 700, 5, 3) "exec sleep 1000",
         "engine.protocol", 0},
        {"no new sound", PART(0, 900, 0, 5) PART(800, 900, 5, 3) "exec sleep 1000", "engine.protocol", 0},
        {"a gap in time", PART(0, 900, 0, 5) PART(850, 1700, 5, 3) "exec sleep 1000", "engine.protocol", 0},
        {"a gap in the file", PART(0, 900, 0, 5) PART(800, 1700, 6, 3) "exec sleep 1000", "engine.protocol",
         0},
        {"no numbers", PART(0, "\"x\"", 0, 5) "exec sleep 1000", "engine.protocol", 0},
        {"half a line", "echo '{\"type\":\"part\",\"beg' >&4\nexec sleep 1000", "engine.protocol", 0},
        {"an error after a part",
         PART(0, 900, 0, 5) "echo '{\"type\":\"error\",\"class\":\"permanent\",\"code\":\"media.truncated\","
                            "\"detail\":\"x\"}' >&4",
         "media.truncated", 0},
        {"a crash after a part", PREPARING PART(0, 900, 0, 5) "kill -SEGV $$", "media.crashed", 0},
        {"killed from outside", PREPARING PART(0, 900, 0, 5) "kill -KILL $$", "engine.killed", 0},
    };
    static const struct media_cut cut = {true, 16000, 1000, 9, 100};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cleanup_close int file = empty_file(w);
        play(w, table[i].script);
        cut_to_the_end(w, open_nothing(), file, &cut);
        if (strcmp(w->error.code, table[i].code) || w->count != table[i].parts)
            fail_msg("%s: %zu parts, %s: %s", table[i].name, w->count, w->error.code, w->error.detail);
        wait_for_no_children(w);
    }
}

static void many_parts_arrive_in_order(void **state)
{
    struct world *w = *state;
    use_worker(w, w->worker, 20);
    play(w, "i=0; while [ $i -lt 60 ]; do printf 1 >&5\n"
            "echo '{\"type\":\"part\",\"begin_ms\":'$((i * 10))',\"end_ms\":'$((i * 10 + 10))"
            "',\"offset\":'$i',\"length\":1}' >&4; i=$((i + 1)); done\n" FACTS(600, "flac"));
    cleanup_close int file = empty_file(w);
    cut_to_the_end(w, open_nothing(), file, &(struct media_cut){true, 16000, 0, 0, 0});
    assert_string_equal(w->error.code, "");
    assert_int_equal(w->count, 60);
    for (int i = 0; i < 60; i++)
        assert_true(w->parts[i].begin_ms == i * 10 && w->parts[i].offset == i);
}

static void a_silent_worker_is_killed(void **state)
{
    struct world *w = *state;
    use_worker(w, w->worker, 1);
    play(w, PREPARING PART(0, 900, 0, 5) "exec sleep 1000");
    cleanup_close int file = empty_file(w);
    cut_to_the_end(w, open_nothing(), file, &(struct media_cut){true, 16000, 1000, 0, 0});
    assert_string_equal(w->error.code, "media.timeout");
    wait_for_no_children(w);
}

static void without_worker_or_file_it_does_not_even_begin(void **state)
{
    struct world *w = *state;
    static const struct media_cut cut = {true, 16000, 1000, 0, 0};
    cleanup_close int fd = open_nothing(), file = empty_file(w);
    struct error err = {0};
    use_worker(w, w->worker, 20);
    const struct preparer_operations *o = w->preparer->operations;
    assert_null(o->split(w->preparer, fd, file, &cut, &split_events, w, &err));
    assert_string_equal(err.code, "engine.missing");
    assert_null(o->split(w->preparer, fd, -1, &cut, &split_events, w, &err));
    assert_string_equal(err.code, "engine.start");
    assert_int_equal(w->ends, 0);
}

/* ---- the recordings ---- */

static int make_media(void **state)
{
    (void)state;
    if (access(real_worker(), X_OK) || access(SPEECH, R_OK) ||
        system("command -v sox > /dev/null && command -v ffmpeg > /dev/null"))
        return 0;
    static const char *const commands[] = {
        "sox '" SPEECH "' -b 16 one.wav trim 0 7.1 pad 0 0.7",
        "sox one.wav speech.wav repeat 5", /* UTTERANCES */
        "sox speech.wav faint.wav vol -30dB",
        "sox speech.wav offset.wav vol -10dB dcshift 0.3",
        "sox -n -r 16000 -c 1 -b 16 floor.wav synth 46.8 pinknoise vol -35dB",
        "sox -m -v 1 speech.wav -v 1 floor.wav noisy.wav",
        "sox -n -r 16000 -c 1 -b 16 tone.wav synth 20 sine 440 vol 0.5",
        "sox -n -r 16000 -c 1 -b 16 silence.wav trim 0 15",
        "sox -n -r 16000 -c 1 -b 16 nothing.wav trim 0 0",
        "sox -R -n -r 8000 -c 1 -b 16 noise.wav synth 15 whitenoise",
        "sox -R speech.wav -r 44100 left.wav trim 0 23.4",
        "sox -R -n -r 44100 -c 1 -b 16 right.wav synth 23.4 sine 300 tremolo 0.4 95 vol 0.2",
        "sox -M left.wav right.wav stereo.wav",
        "sox speech.wav long.flac repeat 30", /* far longer than a test looks at it */
        "ffmpeg -nostdin -v error -y -i speech.wav -b:a 48k talk.mp3",
        "ffmpeg -nostdin -v error -y -f lavfi -i testsrc=d=46.8:s=160x120:r=5 -i speech.wav -c:a aac "
        "film.mp4",
    };
    media = scratch_new();
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!shell("cd '%s' && %s 2> /dev/null", media, commands[i])) {
            print_error("%s\n", commands[i]);
            return -1;
        }
    return 0;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(parts_are_files_of_their_own_and_together_the_whole),
        CASE(cuts_lie_in_the_silence_between_utterances),
        CASE(bad_recordings_give_the_errors_of_converting),
        CASE(limits_that_leave_no_room_are_refused),
        CASE(a_file_that_cannot_be_written_is_told),
        CASE(the_cutting_worker_is_confined_to_its_one_file),
        CASE(cancelling_at_any_moment_leaves_nothing),
        CASE(what_a_worker_says_is_not_taken_unseen),
        CASE(many_parts_arrive_in_order),
        CASE(a_silent_worker_is_killed),
        CASE(without_worker_or_file_it_does_not_even_begin),
        CASE(a_full_disk_is_told), /* last: it leaves the mounts of others */
    };
    return cmocka_run_group_tests(tests, make_media, remove_media);
}
