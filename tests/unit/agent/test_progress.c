#include "../unit.h"

#include "backup/progress.h"

static void how_much_is_done_counts_files_and_bytes_and_is_never_all(void **state)
{
    struct progress p = {.total_files = 1000, .total_bytes = 0};
    (void)state;
    assert_int_equal(progress_permille(&p, 0, 0), 0);
    assert_int_equal(progress_permille(&p, 500, 0), 500);
    assert_int_equal(progress_permille(&p, 1000, 0), 999);
    assert_int_equal(progress_permille(&p, 5000, 1 << 30), 999);
    p.total_bytes = 1 << 30;
    assert_in_range(progress_permille(&p, 1000, 0), 1, 100); /* the large file is still to come */
    p = (struct progress){0};
    assert_int_equal(progress_permille(&p, 10, 10), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_much_is_done_counts_files_and_bytes_and_is_never_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
