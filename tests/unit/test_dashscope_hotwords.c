/* Vocabularies the cloud backend makes, uses again, mends and removes. */
#include "tests/unit/dashscope_tests.h"

/* ---- hotwords ---- */

static const char *sent_vocabulary(struct studio *s)
{
    const char *at = s->body ? strstr(s->body, "\"vocabulary_id\":\"") : NULL;
    return at ? at + strlen("\"vocabulary_id\":\"") : "";
}

static void hotwords_get_one_vocabulary_that_is_used_again(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "Bulge Bracket, Lazard=5";
    studio_use(s, settings);
    s->undeployed = 0;
    studio_go(s, 3000, "talk.wav", NULL);
    if (!s->finished)
        fail_msg("%s: %s", s->error.code, s->error.detail);
    assert_int_equal(cJSON_GetArraySize(s->vocabularies), 1);
    const char *id =
        cJSON_GetObjectItem(cJSON_GetArrayItem(s->vocabularies, 0), "vocabulary_id")->valuestring;
    assert_int_equal(strncmp(sent_vocabulary(s), id, strlen(id)), 0);
    assert_int_equal(strncmp(id, "vocab-sf", 8), 0);
    assert_int_equal(strcspn(id + 6, "-"), 10);
    studio_go(s, 3000, "two.wav", NULL);
    assert_int_equal(studio_count(s, "VOCABULARY list"), 1);
    assert_int_equal(studio_count(s, "VOCABULARY create"), 1);
    studio_use(s, settings); /* after a restart it is found again */
    studio_go(s, 3000, "three.wav", NULL);
    assert_int_equal(studio_count(s, "VOCABULARY list"), 2);
    assert_int_equal(studio_count(s, "VOCABULARY create"), 1);
    assert_int_equal(strncmp(sent_vocabulary(s), id, strlen(id)), 0);
}

static void other_hotwords_replace_the_vocabulary_that_nobody_uses(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    cJSON *foreign = cJSON_Parse("{\"vocabulary_id\":\"vocab-sf0000-x\",\"status\":\"OK\"}");
    cJSON_AddItemToArray(s->vocabularies, foreign);
    settings.wishes.hotwords = "two";
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    while (studio_count(s, "VOCABULARY delete") == 0)
        studio_wait(s, 5);
    assert_int_equal(s->finished, 1);
    assert_int_equal(cJSON_GetArraySize(s->vocabularies), 2);
    assert_non_null(studio_vocabulary(s, "vocab-sf0000-x")); /* another installation's */
}

static void a_vocabulary_somebody_changed_is_put_right(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    cJSON *ours = cJSON_GetArrayItem(s->vocabularies, 0);
    cJSON_ReplaceItemInObject(ours, "vocabulary", cJSON_Parse("[{\"text\":\"hacked\",\"weight\":4}]"));
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(studio_count(s, "VOCABULARY update"), 1);
    char *words =
        cJSON_PrintUnformatted(cJSON_GetObjectItem(cJSON_GetArrayItem(s->vocabularies, 0), "vocabulary"));
    assert_string_equal(words, "[{\"text\":\"one\",\"weight\":4}]");
    free(words);
}

static void a_vocabulary_is_waited_for(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    s->undeployed = 1;
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(studio_count(s, "VOCABULARY query"), 2);
}

static void room_is_made_among_ours_only(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    s->vocabulary_limit = 1;
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    settings.wishes.hotwords = "two";
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
    assert_int_equal(studio_count(s, "VOCABULARY create"), 3); /* the second was refused first */
    cJSON_Delete(s->vocabularies);
    s->vocabularies = cJSON_Parse("[{\"vocabulary_id\":\"vocab-console-1\",\"status\":\"OK\"}]");
    studio_use(s, settings);
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->failed, 1);
    assert_string_equal(s->error.code, "cloud.quota");
    assert_int_equal(s->error.class, ERROR_PERSON);
}

static void jobs_that_wait_for_one_vocabulary_may_leave(void **state)
{
    struct studio *s = *state;
    struct dashscope_settings settings = tasks;
    settings.wishes.hotwords = "one";
    studio_use(s, settings);
    static const char *const moments[] = {"VOCABULARY list", "VOCABULARY create", "VOCABULARY query"};
    for (size_t i = 0; i < 3; i++) {
        s->cancel_at = moments[i];
        assert_true(studio_begin(s, 3000, "talk.wav", NULL, NULL));
        while (s->cancel_at)
            studio_wait(s, 5);
        studio_wait(s, 30);
        assert_int_equal(s->finished + s->failed, 0);
        cJSON_Delete(s->vocabularies);
        s->vocabularies = cJSON_CreateArray();
    }
    studio_go(s, 3000, "talk.wav", NULL);
    assert_int_equal(s->finished, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(hotwords_get_one_vocabulary_that_is_used_again),
        CASE(other_hotwords_replace_the_vocabulary_that_nobody_uses),
        CASE(a_vocabulary_somebody_changed_is_put_right),
        CASE(a_vocabulary_is_waited_for),
        CASE(room_is_made_among_ours_only),
        CASE(jobs_that_wait_for_one_vocabulary_may_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
