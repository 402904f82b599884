/* The built-in recogniser's supervision: what a worker says, how it dies, and that nothing of it is left.
 *
 * Most cases play a worker by a shell script. The last ones run the real one (SCRIBEFS_WORKER, by default
 * build/libexec/worker) and are skipped where it or its model is not there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/base/cleanup.h"
#include "backend/base/loop.h"
#include "backend/local/local.h"
#include "backend/overrides.h"
#include "backend/transcript.h"

#define PREPARING "echo '{\"type\":\"progress\",\"stage\":\"preparing\",\"done\":0,\"total\":0}' >&4\n"
#define RECOGNISING                                                                                          \
    "echo '{\"type\":\"progress\",\"stage\":\"recognising\",\"done\":500,\"total\":900}' >&4\n"
#define TRANSCRIPT                                                                                           \
    "echo "                                                                                                  \
    "'{\"type\":\"transcript\",\"transcript\":{\"schema\":\"scribefs-transcript/1\",\"duration_ms\":900,"    \
    "\"sentences\":[]}}' >&4\n"
#define ALIVE "echo '{\"type\":\"alive\"}' >&4\n"

struct world {
    struct loop *loop;
    struct backend *backend;
    struct backend_job *job;
    struct loop_timer *poll, *deadline;
    char dir[64];
    char worker[128], library[128], model[128];
    int descriptors;

    struct transcript *transcript;
    struct error error;
    int ends; /* events that end a job */
    enum backend_stage stage;
    int64_t done, total;
    int progress_count;
    bool cancel_at_progress, stop_at_progress;
    bool timed_out;
};

/* ---- helpers ---- */

static int count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* A script in the place of the worker program. */
static void play(struct world *w, const char *script)
{
    char text[4096];
    snprintf(text, sizeof text, "#!/bin/sh\n%s", script);
    write_file(w->worker, text, 0755);
}

static void use_settings(struct world *w, const struct local_settings *settings)
{
    struct error err;
    if (w->backend)
        w->backend->operations->free(w->backend);
    w->backend = local_backend_new(w->loop, settings, &err);
    assert_non_null(w->backend);
}

static struct local_settings fake_settings(struct world *w)
{
    return (struct local_settings){.worker = w->worker,
                                   .vosk_library = w->library,
                                   .model = w->model,
                                   .sphinx_model = w->dir,
                                   .hang_seconds = 20};
}

static int recording(const char *bytes, size_t len)
{
    char name[] = "/tmp/test-local-recording-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void on_progress(void *context, enum backend_stage stage, int64_t done, int64_t total)
{
    struct world *w = context;
    w->stage = stage;
    w->done = done;
    w->total = total;
    w->progress_count++;
    if (w->cancel_at_progress) {
        w->backend->operations->cancel(w->job);
        w->job = NULL;
    }
    if (w->stop_at_progress)
        loop_stop(w->loop);
}

static void on_finished(void *context, struct transcript *transcript, const void *raw, size_t raw_length)
{
    struct world *w = context;
    assert_null(raw);
    assert_int_equal(raw_length, 0);
    w->transcript = transcript;
    w->job = NULL;
    w->ends++;
    loop_stop(w->loop);
}

static void on_failed(void *context, const struct error *error)
{
    struct world *w = context;
    w->error = *error;
    w->job = NULL;
    w->ends++;
    loop_stop(w->loop);
}

static const struct backend_events events = {
    .progress = on_progress, .finished = on_finished, .failed = on_failed};

static void begin(struct world *w, int fd, const char *settings)
{
    struct backend_request request = {.fd = fd, .name = "talk.wav", .work_dir = w->dir, .settings = settings};
    struct error err = {0};
    w->job = w->backend->operations->start(w->backend, &request, &events, w, &err);
    if (!w->job)
        w->error = err;
}

static void on_deadline(void *arg)
{
    struct world *w = arg;
    w->timed_out = true;
    loop_stop(w->loop);
}

static void run(struct world *w)
{
    loop_timer_after(w->deadline, 60000);
    loop_run(w->loop);
    assert_false(w->timed_out);
}

/* Runs one job to its end, with the fake worker `script`. */
static void run_script(struct world *w, const char *script)
{
    play(w, script);
    begin(w, recording("hello", 5), NULL);
    assert_non_null(w->job);
    assert_int_equal(w->ends, 0); /* no event from inside start() */
    run(w);
    assert_int_equal(w->ends, 1);
}

static void look_for_children(void *arg)
{
    struct world *w = arg;
    /* Nobody but the backend may reap, so only look. */
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
        loop_stop(w->loop);
    else
        loop_timer_after(w->poll, 5);
}

/* Turns the loop until the last child is reaped. */
static void wait_for_no_children(struct world *w)
{
    loop_timer_after(w->poll, 0);
    run(w);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->descriptors = count_descriptors();
    assert_int_equal(loop_new(&w->loop), 0);
    w->poll = loop_timer(w->loop, look_for_children, w);
    w->deadline = loop_timer(w->loop, on_deadline, w);
    snprintf(w->dir, sizeof w->dir, "/tmp/test-local-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->worker, sizeof w->worker, "%s/worker", w->dir);
    snprintf(w->library, sizeof w->library, "%s/libvosk.so", w->dir);
    snprintf(w->model, sizeof w->model, "%s/small-model", w->dir);
    char path[256];
    assert_int_equal(mkdir(w->model, 0755), 0);
    snprintf(path, sizeof path, "%s/am", w->model);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/am/final.mdl", w->model);
    write_file(path, "acoustic", 0644);
    write_file(w->library, "library", 0644);
    struct local_settings settings = fake_settings(w);
    use_settings(w, &settings);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    if (w->job)
        w->backend->operations->cancel(w->job);
    w->backend->operations->free(w->backend);
    loop_timer_free(w->poll);
    loop_timer_free(w->deadline);
    loop_free(w->loop);
    transcript_free(w->transcript);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
    int rc = system(command);
    /* Nothing of any worker is left: no child, not even a zombie, and no descriptor. */
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
        print_error("a child is left\n");
        rc = -1;
    }
    if (count_descriptors() != w->descriptors) {
        print_error("a descriptor is left\n");
        rc = -1;
    }
    free(w);
    return rc ? -1 : 0;
}

/* ---- how a worker may end ---- */

static void every_end_of_a_worker_gives_its_error(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *name, *script;
        enum error_class class;
        const char *code, *detail;
    } table[] = {
        {"crash while loading", "kill -SEGV $$", ERROR_PERSON, "engine.crashed", "signal 11"},
        {"crash in the container", PREPARING "kill -SEGV $$", ERROR_PERMANENT, "media.crashed", "signal 11"},
        {"crash while recognising", PREPARING RECOGNISING "kill -ABRT $$", ERROR_PERMANENT, "engine.crashed",
         "signal 6"},
        {"forbidden system call", PREPARING "kill -SYS $$", ERROR_PERMANENT, "media.crashed", "signal 31"},
        {"uncaught bad_alloc", RECOGNISING "echo \"throwing 'std::bad_alloc'\" >&2; kill -ABRT $$",
         ERROR_PERMANENT, "engine.memory", ""},
        {"killed for memory", RECOGNISING "kill -KILL $$", ERROR_TRANSIENT, "engine.killed", "signal 9"},
        {"stopped by the system", PREPARING "kill -TERM $$", ERROR_TRANSIENT, "engine.killed", "signal 15"},
        {"no result", PREPARING "echo 'what happened' >&2; exit 3", ERROR_PERMANENT, "engine.failed",
         "status 3 and no result: what happened"},
        {"no result, not begun", "exit 0", ERROR_PERSON, "engine.failed", "status 0"},
        {"not JSON", "echo hello >&4; sleep 100", ERROR_PERMANENT, "engine.protocol", ""},
        {"JSON without a type", "echo '{}' >&4; sleep 100", ERROR_PERMANENT, "engine.protocol", ""},
        {"half a line", "printf '{\"type\":\"ali' >&4", ERROR_PERSON, "engine.failed", ""},
        {"an error of its own",
         "echo '{\"type\":\"error\",\"class\":\"person\",\"code\":\"engine.model\",\"detail\":\"bad "
         "\\u201cmodel\"}' >&4",
         ERROR_PERSON, "engine.model", "bad “model"},
        {"an error of an unknown class",
         "echo '{\"type\":\"error\",\"class\":\"sad\",\"code\":\"x\",\"detail\":\"y\"}' >&4", ERROR_PERMANENT,
         "engine.protocol", ""},
        {"a broken transcript", "echo '{\"type\":\"transcript\",\"transcript\":{\"sentences\":7}}' >&4",
         ERROR_PERMANENT, "transcript.invalid", ""},
        {"closed its end and then failed", PREPARING "exec 4>&-; exit 1", ERROR_PERMANENT, "engine.failed",
         ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        w->ends = 0;
        run_script(w, table[i].script);
        if (w->error.class != table[i].class || strcmp(w->error.code, table[i].code) ||
            !strstr(w->error.detail, table[i].detail))
            fail_msg("%s: class %d, %s: %s", table[i].name, (int)w->error.class, w->error.code,
                     w->error.detail);
        wait_for_no_children(w);
    }
}

static void a_transcript_ends_the_job_even_if_the_worker_goes_on(void **state)
{
    struct world *w = *state;
    run_script(w, TRANSCRIPT "exec sleep 1000");
    assert_non_null(w->transcript);
    assert_int_equal(w->transcript->duration_ms, 900);
    wait_for_no_children(w);
}

static void a_transcript_is_taken_from_a_worker_that_dies_right_after_it(void **state)
{
    struct world *w = *state;
    run_script(w, TRANSCRIPT "kill -SEGV $$");
    assert_non_null(w->transcript);
}

static void progress_says_stage_and_milliseconds(void **state)
{
    struct world *w = *state;
    run_script(w, PREPARING RECOGNISING ALIVE TRANSCRIPT);
    assert_int_equal(w->progress_count, 2);
    assert_int_equal(w->stage, STAGE_RECOGNISING);
    assert_int_equal(w->done, 500);
    assert_int_equal(w->total, 900);
}

static void a_line_may_come_in_pieces(void **state)
{
    struct world *w = *state;
    run_script(
        w, "printf '{\"type\":\"progress\",\"stage\":\"recog' >&4; sleep 0.1\n"
           "printf 'nising\",\"done\":7}\\n{\"type\":' >&4; sleep 0.1; echo '\"alive\"}' >&4\n" TRANSCRIPT);
    assert_int_equal(w->done, 7);
    assert_non_null(w->transcript);
}

static void a_flood_of_messages_does_not_block_and_its_end_is_kept(void **state)
{
    struct world *w = *state;
    run_script(w, PREPARING "head -c 1000000 /dev/zero | tr '\\0' x >&2; echo 'the end' >&2; exit 1");
    assert_string_equal(w->error.code, "engine.failed");
    assert_non_null(strstr(w->error.detail, "xxxxxxxx"));
}

/* ---- what a worker is given ---- */

static void the_worker_reads_the_recording_and_nothing_of_the_environment(void **state)
{
    struct world *w = *state;
    setenv("DASHSCOPE_API_KEY", "secret", 1);
    run_script(w, "[ \"$(cat <&3)\" = hello ] || exit 1\n"
                  "[ -z \"$DASHSCOPE_API_KEY\" ] || exit 2\n"
                  "read x && exit 3\n" TRANSCRIPT);
    unsetenv("DASHSCOPE_API_KEY");
    assert_non_null(w->transcript);
}

static void the_worker_leads_a_session_of_its_own(void **state)
{
    struct world *w = *state;
    run_script(w, "set -- $(cat /proc/$$/stat); [ \"$6\" = $$ ] || exit 1\n" TRANSCRIPT);
    assert_non_null(w->transcript);
}

/* ---- silence ---- */

static void a_silent_worker_is_killed_and_the_stage_says_whose_fault_it_is(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *script, *code;
        enum error_class class;
    } table[] = {
        {"exec sleep 1000", "engine.timeout", ERROR_TRANSIENT},
        {PREPARING "exec sleep 1000", "media.timeout", ERROR_PERMANENT},
        {PREPARING RECOGNISING "kill -STOP $$", "engine.timeout", ERROR_PERMANENT},
        {PREPARING "exec 4>&-; exec sleep 1000", "media.timeout", ERROR_PERMANENT},
    };
    struct local_settings settings = fake_settings(w);
    settings.hang_seconds = 1;
    use_settings(w, &settings);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        w->ends = 0;
        run_script(w, table[i].script);
        assert_string_equal(w->error.code, table[i].code);
        assert_int_equal(w->error.class, table[i].class);
    }
}

static void any_line_is_a_sign_of_life(void **state)
{
    struct world *w = *state;
    struct local_settings settings = fake_settings(w);
    settings.hang_seconds = 1;
    use_settings(w, &settings);
    run_script(w, "for i in 1 2 3 4; do sleep 0.5\n" ALIVE "done\n" TRANSCRIPT);
    assert_non_null(w->transcript);
}

/* ---- cancelling ---- */

static void a_cancelled_job_tells_nothing_and_leaves_no_process(void **state)
{
    struct world *w = *state;
    play(w, "echo \"{\\\"type\\\":\\\"progress\\\",\\\"stage\\\":\\\"preparing\\\",\\\"done\\\":$$}\" "
            ">&4\nexec sleep 1000");
    w->stop_at_progress = true;
    begin(w, recording("", 0), NULL);
    run(w);
    pid_t pid = (pid_t)w->done;
    assert_int_equal(kill(pid, 0), 0);
    w->backend->operations->cancel(w->job);
    w->job = NULL;
    wait_for_no_children(w);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(w->ends, 0);
}

static void a_job_may_be_cancelled_inside_its_own_progress(void **state)
{
    struct world *w = *state;
    play(w, PREPARING RECOGNISING TRANSCRIPT);
    w->cancel_at_progress = w->stop_at_progress = true;
    begin(w, recording("", 0), NULL);
    run(w);
    wait_for_no_children(w);
    assert_int_equal(w->progress_count, 1);
    assert_int_equal(w->ends, 0);
}

static void freeing_the_backend_reaps_what_was_cancelled_just_before(void **state)
{
    struct world *w = *state;
    play(w, "exec sleep 1000");
    for (int i = 0; i < 5; i++) {
        begin(w, recording("", 0), NULL);
        assert_non_null(w->job);
        w->backend->operations->cancel(w->job);
        w->job = NULL;
    }
    /* teardown() looks for children */
}

/* ---- settings ---- */

static void a_missing_worker_needs_a_person(void **state)
{
    struct world *w = *state;
    begin(w, recording("", 0), NULL);
    assert_null(w->job);
    assert_int_equal(w->error.class, ERROR_PERSON);
    assert_string_equal(w->error.code, "engine.missing");
}

static void settings_name_engine_model_and_language(void **state)
{
    struct world *w = *state;
    struct error err;
    cleanup_free char *first = w->backend->operations->freeze(w->backend, NULL, &err);
    cleanup_free char *second = w->backend->operations->freeze(w->backend, NULL, &err);
    assert_non_null(first);
    assert_string_equal(first, second);
    static const char *const parts[] = {"\"engine\":\"vosk\"", "\"model\":\"small-model\"",
                                        "\"language\":\"en\"", "\"tuning\":1", "\"backend\":\"local\""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_non_null(strstr(first, parts[i]));
}

static void a_folder_can_ask_for_what_is_installed_only(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    cleanup_free char *plain = w->backend->operations->freeze(w->backend, NULL, &err);
    struct backend_overrides same = {.language = (char *)"en-GB", .model = (char *)"small-model"};
    cleanup_free char *named = w->backend->operations->freeze(w->backend, &same, &err);
    assert_string_equal(named, plain);
    const struct backend_overrides others[] = {{.language = (char *)"de"},
                                               {.model = (char *)"large-model"},
                                               {.speakers = OVERRIDE_YES}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_null(w->backend->operations->freeze(w->backend, &others[i], &err));
        assert_string_equal(err.code, "folder.cannot");
    }
}

static void another_model_gives_other_settings_and_old_jobs_are_settled_again(void **state)
{
    struct world *w = *state;
    struct error err;
    char path[256];
    cleanup_free char *before = w->backend->operations->freeze(w->backend, NULL, &err);
    snprintf(path, sizeof path, "%s/am/final.mdl", w->model);
    write_file(path, "better acoustic", 0644);
    cleanup_free char *after = w->backend->operations->freeze(w->backend, NULL, &err);
    assert_string_not_equal(before, after);
    play(w, TRANSCRIPT);
    begin(w, recording("", 0), before);
    assert_null(w->job);
    assert_int_equal(w->error.class, ERROR_CHANGED);
    begin(w, recording("", 0), after);
    assert_non_null(w->job);
    run(w);
    assert_non_null(w->transcript);
}

static void without_vosk_pocketsphinx_is_taken_and_without_both_nothing(void **state)
{
    struct world *w = *state;
    struct error err;
    char path[256], line[256];
    assert_int_equal(unlink(w->library), 0);
    assert_null(w->backend->operations->freeze(w->backend, NULL, &err));
    assert_int_equal(err.class, ERROR_PERSON);
    assert_string_equal(err.code, "engine.missing");
    assert_true(w->backend->operations->describe(w->backend, line, sizeof line) < 0);
    assert_non_null(strstr(line, "make deps"));

    snprintf(path, sizeof path, "%s/en-us", w->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    static const char *const files[] = {"en-us/mdef", "en-us.lm.bin", "cmudict-en-us.dict"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", w->dir, files[i]);
        write_file(path, "x", 0644);
    }
    play(w, "case \"$*\" in *'--engine pocketsphinx --sphinx-model'*) ;; *) exit 1 ;; esac\n" TRANSCRIPT);
    cleanup_free char *settings = w->backend->operations->freeze(w->backend, NULL, &err);
    assert_non_null(settings);
    assert_non_null(strstr(settings, "pocketsphinx"));
    assert_int_equal(w->backend->operations->describe(w->backend, line, sizeof line), 0);
    assert_non_null(strstr(line, "PocketSphinx"));
    /* What was frozen stays, also when Vosk comes back. */
    write_file(w->library, "library", 0644);
    begin(w, recording("", 0), settings);
    run(w);
    assert_non_null(w->transcript);
}

/* ---- the real worker ---- */

#define SPEECH "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav"

static const char *real_worker(void)
{
    const char *path = getenv("SCRIBEFS_WORKER");
    return path ? path : "build/libexec/worker";
}

/* Settings of the real worker; skips the test when something is not there. */
static void use_real(struct world *w, enum local_engine engine)
{
    const char *dir = getenv("SCRIBEFS_VOSK");
    static char library[PATH_MAX], model[PATH_MAX];
    snprintf(library, sizeof library, "%s/lib/libvosk.so", dir ? dir : "build/vosk");
    snprintf(model, sizeof model, "%s/model", dir ? dir : "build/vosk");
    struct local_settings settings = {
        .engine = engine, .worker = real_worker(), .vosk_library = library, .model = model};
    use_settings(w, &settings);
    char line[256];
    if (w->backend->operations->describe(w->backend, line, sizeof line) || access(SPEECH, R_OK)) {
        print_message("SKIP: %s\n", line);
        skip();
    }
}

static void hears_real_speech(struct world *w, enum local_engine engine, const char *name)
{
    use_real(w, engine);
    int fd = open(SPEECH, O_RDONLY | O_CLOEXEC);
    begin(w, fd, NULL);
    assert_non_null(w->job);
    run(w);
    if (!w->transcript)
        fail_msg("%s: %s", w->error.code, w->error.detail);
    const struct transcript *t = w->transcript;
    assert_int_equal(t->duration_ms, 2990);
    assert_string_equal(t->engine, name);
    assert_string_equal(t->provider, "local");
    assert_string_equal(t->language, "en");
    assert_int_equal(t->sentence_count, 1);
    assert_non_null(strstr(t->sentences[0].text, "young man"));
    int64_t last = 0;
    for (size_t i = 0; i < t->sentences[0].word_count; i++) {
        const struct word *word = &t->sentences[0].words[i];
        assert_true(word->begin_ms >= last && word->end_ms >= word->begin_ms &&
                    word->end_ms <= t->duration_ms);
        assert_true(word->confidence >= 0 && word->confidence <= 1);
        last = word->begin_ms;
    }
    assert_int_equal(w->stage, STAGE_RECOGNISING);
}

static void vosk_hears_real_speech(void **state)
{
    hears_real_speech(*state, LOCAL_VOSK, "vosk");
}

static void pocketsphinx_hears_real_speech(void **state)
{
    hears_real_speech(*state, LOCAL_POCKETSPHINX, "pocketsphinx");
}

static void recordings_that_are_none_are_told_apart(void **state)
{
    struct world *w = *state;
    use_real(w, LOCAL_AUTO);
    char speech[8192] = {0}, text[] = "Dear diary, today nothing was recorded. It was very quiet.\n";
    cleanup_close int wav = open(SPEECH, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(wav, speech, sizeof speech), (ssize_t)sizeof speech);
    const struct {
        const char *code, *bytes;
        size_t len;
    } table[] = {
        {"media.empty", "", 0},
        {"media.not_audio", text, sizeof text - 1},
        {"media.truncated", speech, sizeof speech},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        w->ends = 0;
        begin(w, recording(table[i].bytes, table[i].len), NULL);
        run(w);
        assert_int_equal(w->ends, 1);
        assert_string_equal(w->error.code, table[i].code);
        assert_int_equal(w->error.class, ERROR_PERMANENT);
    }
}

static void a_tenth_of_a_second_has_no_sentences(void **state)
{
    struct world *w = *state;
    use_real(w, LOCAL_AUTO);
    static const unsigned char header[44] =
        "RIFF\xa4\x0c\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\x80\x0c";
    char bytes[44 + 3200] = {0};
    memcpy(bytes, header, sizeof header);
    begin(w, recording(bytes, sizeof bytes), NULL);
    run(w);
    if (!w->transcript)
        fail_msg("%s: %s", w->error.code, w->error.detail);
    assert_int_equal(w->transcript->sentence_count, 0);
    assert_int_equal(w->transcript->duration_ms, 100);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_end_of_a_worker_gives_its_error),
        CASE(a_transcript_ends_the_job_even_if_the_worker_goes_on),
        CASE(a_transcript_is_taken_from_a_worker_that_dies_right_after_it),
        CASE(progress_says_stage_and_milliseconds),
        CASE(a_line_may_come_in_pieces),
        CASE(a_flood_of_messages_does_not_block_and_its_end_is_kept),
        CASE(the_worker_reads_the_recording_and_nothing_of_the_environment),
        CASE(the_worker_leads_a_session_of_its_own),
        CASE(a_silent_worker_is_killed_and_the_stage_says_whose_fault_it_is),
        CASE(any_line_is_a_sign_of_life),
        CASE(a_cancelled_job_tells_nothing_and_leaves_no_process),
        CASE(a_job_may_be_cancelled_inside_its_own_progress),
        CASE(freeing_the_backend_reaps_what_was_cancelled_just_before),
        CASE(a_missing_worker_needs_a_person),
        CASE(settings_name_engine_model_and_language),
        CASE(a_folder_can_ask_for_what_is_installed_only),
        CASE(another_model_gives_other_settings_and_old_jobs_are_settled_again),
        CASE(without_vosk_pocketsphinx_is_taken_and_without_both_nothing),
        CASE(vosk_hears_real_speech),
        CASE(pocketsphinx_hears_real_speech),
        CASE(recordings_that_are_none_are_told_apart),
        CASE(a_tenth_of_a_second_has_no_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
