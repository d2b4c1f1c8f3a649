#include "../unit.h"

#include "net/pace.h"

/* Sends pieces as told; the bytes that got through in these milliseconds. */
static int64_t sent_in(struct pace *p, int64_t piece, int64_t from_ms, int64_t for_ms)
{
    int64_t now_ms = from_ms, bytes = 0;
    while (now_ms < from_ms + for_ms) {
        bytes += piece;
        now_ms += pace_take(p, piece, now_ms);
    }
    return bytes;
}

static void the_rate_is_kept_whatever_the_pieces(void **state)
{
    static const int64_t rates[] = {1024, 10 * 1024, 1000 * 1000, 1024 * 1024 * 1024};
    static const int64_t pieces[] = {1, 1000, 4096, 65536};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            struct pace p;
            if (rates[i] / pieces[k] > 1000 * 1000) /* would only take long */
                continue;
            pace_init(&p, rates[i], 5000);
            int64_t bytes = sent_in(&p, pieces[k], 5000, 100 * 1000);
            assert_true(bytes <= rates[i] * 100 + rates[i] / 4 + pieces[k]);
            assert_true(bytes >= rates[i] * 99);
        }
}

static void no_rate_is_no_wait(void **state)
{
    struct pace p;
    (void)state;
    pace_init(&p, 0, 0);
    assert_int_equal(pace_take(&p, INT64_MAX, 0), 0);
}

static void a_pause_is_not_made_up_for(void **state)
{
    struct pace p;
    (void)state;
    pace_init(&p, 1000, 0);
    (void)sent_in(&p, 100, 0, 1000);
    int64_t bytes = sent_in(&p, 100, 3600 * 1000, 1000);
    assert_true(bytes <= 1000 + 250 + 100);
}

static void a_peer_that_dribbles_is_found_out(void **state)
{
    struct least l;
    (void)state;
    least_init(&l, 1024, 60000, 0);
    for (int64_t now = 1000; now < 60000; now += 1000)
        assert_true(least_take(&l, 100, now));
    assert_false(least_take(&l, 100, 60000));
}

static void one_that_is_just_fast_enough_goes_on(void **state)
{
    struct least l;
    (void)state;
    least_init(&l, 1024, 60000, 0);
    for (int64_t now = 1000; now <= 600 * 1000; now += 1000)
        assert_true(least_take(&l, 1024, now));
}

static void a_quick_beginning_buys_no_time(void **state)
{
    struct least l;
    (void)state;
    least_init(&l, 1024, 60000, 0);
    assert_true(least_take(&l, 100 * 1024 * 1024, 1));
    assert_true(least_take(&l, 1, 60000));
    assert_false(least_take(&l, 1, 120001));
}

static void our_own_waiting_does_not_count(void **state)
{
    struct least l;
    (void)state;
    least_init(&l, 1024, 60000, 0);
    least_excuse(&l, 3600 * 1000);
    assert_true(least_take(&l, 1, 3600 * 1000 + 59999));
    assert_false(least_take(&l, 1, 3600 * 1000 + 60000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_is_kept_whatever_the_pieces), cmocka_unit_test(no_rate_is_no_wait),
        cmocka_unit_test(a_pause_is_not_made_up_for),           cmocka_unit_test(a_peer_that_dribbles_is_found_out),
        cmocka_unit_test(one_that_is_just_fast_enough_goes_on), cmocka_unit_test(a_quick_beginning_buys_no_time),
        cmocka_unit_test(our_own_waiting_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
