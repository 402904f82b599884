/* Recordings in parts, as the jobs runner sees them: what is cut, sent, kept and put together. */
#include "tests/unit/parts_tests.h"

/* ---- when all goes well ---- */

static void direct_calls_one_for_each_part(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    const struct transcript *t = b->s->transcript;
    assert_int_equal(t->sentence_count, 3);
    for (int i = 0; i < 3; i++) {
        char text[20];
        snprintf(text, sizeof text, "part %d", i);
        assert_string_equal(t->sentences[i].text, text);
        assert_int_equal(b->calls[i], 1);
        assert_int_equal(t->sentences[i].begin_ms, i * 5 * MINUTE + 760);
        assert_int_equal(t->sentences[i].end_ms, i * 5 * MINUTE + 3800);
    }
    assert_int_equal(t->duration_ms, 15 * MINUTE);
    assert_int_equal(t->billed_ms, 180000);
    assert_string_equal(t->request_id, "q0 q1 q2");
    assert_string_equal(t->model, "fun-asr-flash-2026-06-15");
    assert_int_equal(b->cut.max_ms, 5 * MINUTE);
    assert_int_equal(b->cut.max_bytes, CATALOGUE_INLINE_BYTES);
    assert_int_equal(b->cut.sample_rate, 16000);
    assert_int_equal(b->cut.overlap_ms, 0);
    cJSON *raw = cJSON_Parse(b->s->raw);
    assert_int_equal(cJSON_GetArraySize(raw), 3);
    assert_non_null(cJSON_GetObjectItem(cJSON_GetArrayItem(raw, 2), "output"));
    cJSON_Delete(raw);
    assert_int_equal(done_in(b->s->checkpoint), 3);
}

static void tasks_each_with_an_object_of_its_own(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    finishes(b, NULL);
    const struct transcript *t = b->s->transcript;
    assert_int_equal(t->sentence_count, 3);
    assert_int_equal(t->sentences[2].begin_ms, 24 * 60 * MINUTE + 420);
    for (int i = 1; i <= 3; i++) {
        char task[20];
        snprintf(task, sizeof task, "task-%d", i);
        assert_non_null(strstr(t->task_id, task));
    }
    assert_int_equal(t->billed_ms, 15000);
    assert_int_equal(t->cost_micro, 15 * 220);
    assert_string_equal(t->currency, "CNY");
    assert_int_equal(studio_count(b->s, "PUT "), 3);
    assert_int_equal(studio_count(b->s, "DELETE "), 3);
    assert_int_equal(b->s->submissions, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(b->uploads[i], 1);
    assert_int_equal(b->cut.max_ms, 12 * 60 * MINUTE);
    assert_null(strstr(b->s->checkpoint, "secret"));
    assert_null(strstr(b->s->raw, "c0ffee"));
}

static void speakers_need_an_overlap_and_one_channel(void **state)
{
    struct bench *b = *state;
    struct dashscope_settings speakers = tasks;
    speakers.wishes.speakers = true;
    use(b, speakers);
    b->part_ms = 100 * MINUTE;
    finishes(b, NULL);
    assert_int_equal(b->cut.max_ms, 120 * MINUTE);
    assert_int_equal(b->cut.overlap_ms, 3 * MINUTE);
    assert_true(b->cut.mix_down);
    /* Each part hears something at its beginning: there the part before it is right, and heard nothing. */
    assert_int_equal(b->s->transcript->sentence_count, 1);
}

static void growing_answers_are_joined_in_order(void **state)
{
    struct bench *b = *state;
    struct dashscope_settings stream = direct;
    stream.wishes.stream = b->stream = true;
    use(b, stream);
    finishes(b, NULL);
    assert_string_equal(b->s->transcript->sentences[1].text, "part 1");
    cJSON *raw = cJSON_Parse(b->s->raw);
    assert_int_equal(cJSON_GetArraySize(raw), 3);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetArrayItem(raw, 0)), 2); /* its events */
    cJSON_Delete(raw);
}

/* Text behind what is missing is held back: what was shown once is never moved. */
static void the_text_grows_at_its_end_only(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->hangs[1] = true;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, two_done);
    studio_wait(b->s, 400);
    assert_string_equal(b->s->partials, "part 0|");
    stop(b, true);
    b->hangs[1] = false;
    finishes(b, b->s->checkpoint);
    assert_int_equal(strncmp(b->s->partials, "part 0|part 0|", 14), 0);
}

/* ---- how many at once, and what is reported ---- */

static bool four_submitted(const struct bench *b)
{
    return b->s->submissions == 4 && b->s->queries > 20;
}

static void four_at_once(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    b->parts = 6;
    b->s->states[0] = STUDIO_RUNNING;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, four_submitted);
    assert_int_equal(studio_count(b->s, "PUT "), 4);
    assert_int_equal(studio_count(b->s, "stage recognising"), 1);
    b->s->states[0] = STUDIO_DONE;
    while (!b->s->finished)
        loop_run(b->s->loop);
    assert_int_equal(b->s->submissions, 6);
    assert_int_equal(b->s->transcript->sentence_count, 6);
}

/* ---- once more ---- */

static void tasks_are_found_again(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    b->s->states[0] = STUDIO_RUNNING;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, some_submitted);
    stop(b, true);
    b->s->states[0] = STUDIO_DONE;
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->s->submissions, 3);
    assert_int_equal(studio_count(b->s, "PUT "), 3);
    assert_int_equal(studio_count(b->s, "DELETE "), 3);
    assert_int_equal(b->probes, 1);
    assert_int_equal(b->cuts, 1);
}

static void finished_parts_are_not_sent_again(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->hangs[1] = true;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, two_done);
    stop(b, true);
    b->hangs[1] = false;
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->calls[0], 1);
    assert_int_equal(b->calls[1], 2);
    assert_int_equal(b->calls[2], 1);
    assert_int_equal(b->cuts, 1);
    assert_int_equal(b->s->transcript->sentence_count, 3);
}

/* Killed between storing a part and the checkpoint that says so. */
static void a_part_that_is_stored_counts_as_done(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    b->hangs[1] = true;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, two_done);
    stop(b, true);
    char *at;
    while ((at = strstr(b->s->checkpoint, ",\"done\":true")))
        memmove(at, at + strlen(",\"done\":true"), strlen(at + strlen(",\"done\":true")) + 1);
    b->hangs[1] = false;
    finishes(b, b->s->checkpoint);
    assert_int_equal(total(b->calls), 4);
    assert_int_equal(b->calls[0], 1);
}

static void a_stored_part_that_is_lost_or_damaged_is_sent_again(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    lose(b, "part-002.json");
    char *path = scratch_join(b->s->work_dir, "part-003.json");
    assert_int_equal(truncate(path, 10), 0);
    free(path);
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->calls[0], 1);
    assert_int_equal(b->calls[1], 2);
    assert_int_equal(b->calls[2], 2);
    assert_int_equal(b->cuts, 1);
}

static void without_its_audio_everything_is_begun_anew(void **state)
{
    struct bench *b = *state;
    use_tasks(b);
    b->s->states[0] = STUDIO_RUNNING;
    assert_true(studio_begin(b->s, 3000, "talk.wav", NULL, NULL));
    run_until(b, some_submitted);
    stop(b, true);
    lose(b, "parts");
    b->s->states[0] = STUDIO_DONE;
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->cuts, 2);
    assert_int_equal(b->s->submissions, 6);
    studio_wait(b->s, 100);
    assert_int_equal(studio_count(b->s, "POST /api/v1/tasks/"), 3); /* …/cancel */
    assert_int_equal(studio_count(b->s, "DELETE "), 6);
}

static void with_half_of_its_audio_as_well(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    lose(b, "part-003.json");
    char *path = scratch_join(b->s->work_dir, "parts");
    assert_int_equal(truncate(path, 89), 0);
    free(path);
    finishes(b, b->s->checkpoint);
    assert_int_equal(b->cuts, 2);
    assert_int_equal(b->s->transcript->sentence_count, 3);
}

static void when_all_are_stored_the_audio_is_not_needed(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    lose(b, "parts");
    finishes(b, b->s->checkpoint);
    assert_int_equal(total(b->calls), 3);
    assert_int_equal(b->cuts, 1);
}

static void results_of_another_cut_are_not_mixed_in(void **state)
{
    struct bench *b = *state;
    use(b, direct);
    finishes(b, NULL);
    b->parts = 2;
    finishes(b, NULL);
    assert_false(kept(b, "part-003.json"));
    assert_int_equal(b->calls[0], 2);
    assert_int_equal(b->s->transcript->sentence_count, 2);
}

static void a_damaged_checkpoint_begins_anew(void **state)
{
    static const char *const checkpoints[] = {
        "{\"model\":\"fun-asr-flash-2026-06-15\",\"call\":2,\"extension\":\".flac\",\"parts\":[{\"begin_ms\":"
        "0}]}",
        "{\"model\":\"fun-asr-flash-2026-06-15\",\"call\":2,\"extension\":\".flac\",\"parts\":[{\"begin_ms\":"
        "5,\"end_"
        "ms\":5,\"offset\":0,\"length\":1}]}",
        "{\"model\":\"fun-asr-flash-2026-06-15\",\"call\":2,\"parts\":[{\"begin_ms\":0,\"end_ms\":5,"
        "\"offset\":0,"
        "\"length\":1}]}",
        "{\"model\":\"gone\",\"call\":2,\"extension\":\".flac\",\"parts\":[{\"begin_ms\":0,\"end_ms\":5,"
        "\"offset\":0,\"length\":1}]}",
        "{\"model\":\"fun-asr-flash-2026-06-15\",\"call\":2,\"extension\":\".flac\",\"parts\":{}}",
    };
    struct bench *b = *state;
    use(b, direct);
    for (size_t i = 0; i < sizeof checkpoints / sizeof *checkpoints; i++) {
        b->cuts = 0;
        finishes(b, checkpoints[i]);
        assert_int_equal(b->cuts, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(direct_calls_one_for_each_part),
        TEST(tasks_each_with_an_object_of_its_own),
        TEST(speakers_need_an_overlap_and_one_channel),
        TEST(growing_answers_are_joined_in_order),
        TEST(the_text_grows_at_its_end_only),
        TEST(four_at_once),
        TEST(tasks_are_found_again),
        TEST(finished_parts_are_not_sent_again),
        TEST(a_part_that_is_stored_counts_as_done),
        TEST(a_stored_part_that_is_lost_or_damaged_is_sent_again),
        TEST(without_its_audio_everything_is_begun_anew),
        TEST(with_half_of_its_audio_as_well),
        TEST(when_all_are_stored_the_audio_is_not_needed),
        TEST(results_of_another_cut_are_not_mixed_in),
        TEST(a_damaged_checkpoint_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
