#include "../unit.h"

#include <mbedtls/platform_time.h>

#include "common/file.h"
#include "net/trusttime.h"
#include "tempdir.h"

enum { HOUR_MS = 60 * 60 * 1000 };

/* The floor is one for the process and only rises: every test goes on above the one before. */
static int64_t above_floor(void)
{
    return clock_now_ms(trusttime_clock()) + 24 * HOUR_MS;
}

static void without_a_floor_the_system_clock_counts(void **state)
{
    trusttime_load(tempdir_path(*state, "missing"));
    int64_t system_ms = clock_now_ms(clock_system());
    int64_t trusted_ms = clock_now_ms(trusttime_clock());
    assert_true(trusted_ms >= system_ms && trusted_ms < system_ms + HOUR_MS);
}

static void an_authenticated_time_raises_the_floor_and_is_kept(void **state)
{
    const char *path = tempdir_path(*state, "clock");
    int64_t now_ms = above_floor();
    struct err err;
    char *text = NULL;
    assert_int_equal(trusttime_observe(path, now_ms, now_ms + HOUR_MS, &err), 0);
    assert_true(clock_now_ms(trusttime_clock()) == now_ms);
    assert_int_equal(file_read(path, 100, &text, NULL, &err), 0);
    assert_true(strtoll(text, NULL, 10) == now_ms);
    free(text);
}

static void mbedtls_is_given_the_trusted_time(void **state)
{
    int64_t now_ms = above_floor();
    struct err err;
    trusttime_load(tempdir_path(*state, "missing"));
    assert_int_equal(trusttime_observe(tempdir_path(*state, "clock"), now_ms, now_ms, &err), 0);
    assert_true(mbedtls_time(NULL) == now_ms / 1000);
}

static void a_time_past_the_certificate_that_vouches_for_it_is_not_believed(void **state)
{
    int64_t before_ms = clock_now_ms(trusttime_clock());
    int64_t now_ms = above_floor();
    struct err err;
    assert_int_equal(trusttime_observe(tempdir_path(*state, "clock"), now_ms, now_ms - 1, &err), 0);
    assert_int_equal(trusttime_observe(tempdir_path(*state, "clock"), now_ms, 0, &err), 0);
    assert_true(clock_now_ms(trusttime_clock()) == before_ms);
}

static void the_floor_never_goes_back(void **state)
{
    int64_t now_ms = above_floor();
    struct err err;
    assert_int_equal(trusttime_observe(tempdir_path(*state, "clock"), now_ms, now_ms, &err), 0);
    assert_int_equal(trusttime_observe(tempdir_path(*state, "clock"), now_ms - HOUR_MS, now_ms, &err), 0);
    assert_true(clock_now_ms(trusttime_clock()) == now_ms);
}

static void the_floor_is_written_at_most_hourly(void **state)
{
    const char *path = tempdir_path(*state, "clock");
    int64_t now_ms = above_floor();
    struct err err;
    assert_int_equal(trusttime_observe(path, now_ms, now_ms, &err), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(trusttime_observe(path, now_ms + HOUR_MS - 1, now_ms + HOUR_MS, &err), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(trusttime_observe(path, now_ms + HOUR_MS, now_ms + HOUR_MS, &err), 0);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_damaged_file_changes_nothing(void **state)
{
    const char *path = tempdir_path(*state, "clock");
    int64_t before_ms = clock_now_ms(trusttime_clock());
    struct err err;
    assert_int_equal(file_write(path, "99999999999999x\n", 16, 0600, &err), 0);
    trusttime_load(path);
    assert_true(clock_now_ms(trusttime_clock()) == before_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_floor_the_system_clock_counts, tempdir_setup, tempdir_teardown),
        cmocka_unit_test_setup_teardown(an_authenticated_time_raises_the_floor_and_is_kept, tempdir_setup,
                                        tempdir_teardown),
        cmocka_unit_test_setup_teardown(mbedtls_is_given_the_trusted_time, tempdir_setup, tempdir_teardown),
        cmocka_unit_test_setup_teardown(a_time_past_the_certificate_that_vouches_for_it_is_not_believed, tempdir_setup,
                                        tempdir_teardown),
        cmocka_unit_test_setup_teardown(the_floor_never_goes_back, tempdir_setup, tempdir_teardown),
        cmocka_unit_test_setup_teardown(the_floor_is_written_at_most_hourly, tempdir_setup, tempdir_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_changes_nothing, tempdir_setup, tempdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
