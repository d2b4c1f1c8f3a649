#include "../unit.h"

#include "backup/retry.h"

enum { PATIENCE_MS = 600 * 1000, LEAST_MS = 50, FIRST_MS = LEAST_MS + 500, MOST_MS = LEAST_MS + 30000 };

struct fixture {
    struct clock_fake clock;
    struct retry retry;
};

static int setup(void **state)
{
    static struct fixture f;
    clock_fake_init(&f.clock, 1000);
    retry_init(&f.retry, &f.clock.clock, PATIENCE_MS);
    *state = &f;
    return 0;
}

static void waits_grow_up_to_half_a_minute(void **state)
{
    struct fixture *f = *state;
    int longest = 0;
    assert_in_range(retry_next_ms(&f->retry, NULL), LEAST_MS, FIRST_MS);
    assert_in_range(retry_next_ms(&f->retry, NULL), LEAST_MS, LEAST_MS + 1000);
    for (int i = 0; i < 200; i++) {
        int wait = retry_next_ms(&f->retry, NULL);
        assert_in_range(wait, LEAST_MS, MOST_MS);
        longest = wait > longest ? wait : longest;
    }
    assert_true(longest > MOST_MS / 2);
}

static void what_the_server_asks_for_is_waited_and_no_more_than_five_minutes(void **state)
{
    static const struct {
        int asked_s, waited_ms;
    } rows[] = {{1, 1000}, {300, 300 * 1000}, {301, 300 * 1000}, {86400, 300 * 1000}};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct api_result result = {.retry_after_s = rows[i].asked_s};
        retry_init(&f->retry, &f->clock.clock, PATIENCE_MS);
        assert_in_range(retry_next_ms(&f->retry, &result), rows[i].waited_ms, rows[i].waited_ms + FIRST_MS / 4);
    }
}

static void the_time_ends_for_what_would_come_after_it(void **state)
{
    const struct api_result result = {.retry_after_s = 200};
    struct fixture *f = *state;
    clock_fake_advance(&f->clock, PATIENCE_MS - FIRST_MS);
    assert_in_range(retry_next_ms(&f->retry, NULL), LEAST_MS, FIRST_MS);
    clock_fake_advance(&f->clock, FIRST_MS - LEAST_MS + 1);
    assert_int_equal(retry_next_ms(&f->retry, NULL), -1);
    retry_init(&f->retry, &f->clock.clock, 201 * 1000);
    assert_in_range(retry_next_ms(&f->retry, &result), 200 * 1000, 201 * 1000);
    clock_fake_advance(&f->clock, 1001);
    assert_int_equal(retry_next_ms(&f->retry, &result), -1);
}

static void only_what_may_pass_is_worth_another_try(void **state)
{
    (void)state;
    assert_true(retry_worth(ERR_UNAVAILABLE) && retry_worth(ERR_TIMEOUT));
    assert_false(retry_worth(0) || retry_worth(ERR_DENIED) || retry_worth(ERR_CONFLICT) || retry_worth(ERR_INVALID));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(waits_grow_up_to_half_a_minute, setup),
        cmocka_unit_test_setup(what_the_server_asks_for_is_waited_and_no_more_than_five_minutes, setup),
        cmocka_unit_test_setup(the_time_ends_for_what_would_come_after_it, setup),
        cmocka_unit_test(only_what_may_pass_is_worth_another_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
