#include "../unit.h"

/* The launcher shares no object with the agent, so its rules are taken as they are. */
#include "launcher/rules.c"

static enum rules_word say(struct rules_reader *r, const char *text, struct rules_replayed *ret)
{
    enum rules_word word = RULES_NONE;
    for (; *text != '\0'; text++)
        word = rules_read(r, *text, ret);
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

static void one_that_asks_for_a_restart_is_started_at_once(void **state)
{
    (void)state;
    int64_t wait_ms = 32000;
    assert_int_equal(rules_wait_after(RULES_EXIT_RESTART, &wait_ms, RULES_RESTART_GUARD_MS), 0);
    assert_int_equal(wait_ms, 32000);
    assert_int_equal(rules_wait_after(0, &wait_ms, RULES_RESTART_GUARD_MS), 60000);
    assert_int_equal(rules_wait_after(-1, &wait_ms, RULES_RESTART_GUARD_MS), 60000);
}

static void one_that_does_nothing_but_ask_for_a_restart_is_slowed_down(void **state)
{
    (void)state;
    int64_t wait_ms = 0;
    assert_int_equal(rules_wait_after(RULES_EXIT_RESTART, &wait_ms, RULES_RESTART_GUARD_MS - 1), 1000);
    assert_int_equal(rules_wait_after(RULES_EXIT_RESTART, &wait_ms, 0), 2000);
}

static void the_words_of_the_agent_are_understood(void **state)
{
    (void)state;
    struct rules_reader r = {.len = 0};
    struct rules_replayed replayed = {.seq = 0};
    assert_int_equal(say(&r, "tick\n", &replayed), RULES_TICK);
    assert_int_equal(say(&r, "ack\n", &replayed), RULES_ACKNOWLEDGED);
    assert_int_equal(say(&r, "ti", &replayed), RULES_NONE);
    assert_int_equal(say(&r, "ck\n", &replayed), RULES_TICK);
}

static void how_far_the_log_has_got_is_understood(void **state)
{
    (void)state;
    struct rules_reader r = {.len = 0};
    struct rules_replayed replayed = {.seq = 0};
    assert_int_equal(say(&r, "replayed 0123456789abcdef 4711\n", &replayed), RULES_REPLAYED);
    assert_string_equal(replayed.epoch, "0123456789abcdef");
    assert_string_equal(replayed.current, "0123456789abcdef");
    assert_int_equal(replayed.seq, 4711);
    assert_int_equal(say(&r, "replayed 0123456789012345 9223372036854775807 fedcba9876543210\n", &replayed),
                     RULES_REPLAYED);
    assert_string_equal(replayed.epoch, "0123456789012345");
    assert_string_equal(replayed.current, "fedcba9876543210");
    assert_true(replayed.seq == INT64_MAX);
    assert_int_equal(say(&r, "replayed 12345\n", &replayed), RULES_REPLAYED);
    assert_string_equal(replayed.epoch, "");
    assert_int_equal(replayed.seq, 12345);
}

static void other_words_are_no_sign_of_life(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "\n",
        "tick \n",
        "replayed \n",
        "replayed 1x\n",
        "replayed 99999999999999999999\n",
        "replayed 0123456789abcdef 9223372036854775808\n", /* more than A.trial can hold */
        "replayed 0123456789abcdef\n",
        "replayed 0123456789abcdef \n",
        "replayed 0123456789abcde 1\n",
        "replayed 0123456789abcdef0 1\n",
        "replayed 0123456789ABCDEF 1\n",
        "replayed 0123456789abcdef 1 \n",
        "replayed 0123456789abcdef 1 0123\n",
        "replayed 0123456789abcdef 1 0123456789abcdef \n",
    };
    struct rules_reader r = {.len = 0};
    struct rules_replayed replayed = {.seq = 7};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(say(&r, lines[i], &replayed), RULES_UNKNOWN);
    assert_int_equal(replayed.seq, 7);
}

static void a_line_without_end_does_not_hide_the_next(void **state)
{
    (void)state;
    struct rules_reader r = {.len = 0};
    struct rules_replayed number = {.seq = 0};
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
        cmocka_unit_test(one_that_asks_for_a_restart_is_started_at_once),
        cmocka_unit_test(one_that_does_nothing_but_ask_for_a_restart_is_slowed_down),
        cmocka_unit_test(the_words_of_the_agent_are_understood),
        cmocka_unit_test(how_far_the_log_has_got_is_understood),
        cmocka_unit_test(other_words_are_no_sign_of_life),
        cmocka_unit_test(a_line_without_end_does_not_hide_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
