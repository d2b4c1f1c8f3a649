#include "../unit.h"

/* The launcher shares no object with the agent, so its rules are taken as they are. */
#include "launcher/rules.c"

static enum rules_word say(struct rules_reader *r, const char *text, uint64_t *ret_number)
{
    enum rules_word word = RULES_NONE;
    for (; *text != '\0'; text++)
        word = rules_read(r, *text, ret_number);
    return word;
}

static void restarts_slow_down_to_a_minute(void **state)
{
    (void)state;
    static const int64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    int64_t wait_ms = 0;
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++)
        assert_int_equal(rules_restart_wait(&wait_ms, 100), waits[i]);
}

static void an_agent_that_was_stable_is_started_again_at_once(void **state)
{
    (void)state;
    int64_t wait_ms = 32000;
    assert_int_equal(rules_restart_wait(&wait_ms, RULES_STABLE_MS), RULES_FIRST_WAIT_MS);
    assert_int_equal(rules_restart_wait(&wait_ms, RULES_STABLE_MS - 1), 2000);
}

static void a_minute_without_a_sign_is_silence(void **state)
{
    (void)state;
    assert_false(rules_is_silent(1000, 1000 + RULES_SILENCE_MS - 1));
    assert_true(rules_is_silent(1000, 1000 + RULES_SILENCE_MS));
}

static void the_words_of_the_agent_are_understood(void **state)
{
    (void)state;
    struct rules_reader r = {.len = 0};
    uint64_t number = 0;
    assert_int_equal(say(&r, "tick\n", &number), RULES_TICK);
    assert_int_equal(say(&r, "ack\n", &number), RULES_ACKNOWLEDGED);
    assert_int_equal(say(&r, "replayed 12345\n", &number), RULES_REPLAYED);
    assert_int_equal(number, 12345);
    assert_int_equal(say(&r, "ti", &number), RULES_NONE);
    assert_int_equal(say(&r, "ck\n", &number), RULES_TICK);
}

static void other_words_are_no_sign_of_life(void **state)
{
    (void)state;
    struct rules_reader r = {.len = 0};
    uint64_t number = 7;
    assert_int_equal(say(&r, "\n", &number), RULES_UNKNOWN);
    assert_int_equal(say(&r, "tick \n", &number), RULES_UNKNOWN);
    assert_int_equal(say(&r, "replayed \n", &number), RULES_UNKNOWN);
    assert_int_equal(say(&r, "replayed 1x\n", &number), RULES_UNKNOWN);
    assert_int_equal(say(&r, "replayed 99999999999999999999\n", &number), RULES_UNKNOWN);
    assert_int_equal(number, 7);
}

static void a_line_without_end_does_not_hide_the_next(void **state)
{
    (void)state;
    struct rules_reader r = {.len = 0};
    uint64_t number = 0;
    for (int i = 0; i < 10000; i++)
        assert_int_equal(rules_read(&r, 't', &number), RULES_NONE);
    assert_int_equal(say(&r, "\n", &number), RULES_UNKNOWN);
    assert_int_equal(say(&r, "tick\n", &number), RULES_TICK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts_slow_down_to_a_minute),
        cmocka_unit_test(an_agent_that_was_stable_is_started_again_at_once),
        cmocka_unit_test(a_minute_without_a_sign_is_silence),
        cmocka_unit_test(the_words_of_the_agent_are_understood),
        cmocka_unit_test(other_words_are_no_sign_of_life),
        cmocka_unit_test(a_line_without_end_does_not_hide_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
