#include "unit.h"

#include <stdalign.h>
#include <string.h>

#include "common/arena.h"

static int order[4];
static size_t order_count;

static void note(void *arg)
{
    order[order_count++] = *(int *)arg;
}

static int setup(void **state)
{
    order_count = 0;
    *state = arena_new(64 * 1024);
    return *state == NULL;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

static void memory_is_zeroed_and_aligned(void **state)
{
    for (size_t size = 0; size < 70; size++) {
        unsigned char *p = arena_alloc(*state, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
}

static void reused_memory_is_zeroed_again(void **state)
{
    memset(arena_alloc(*state, 4000), 0xff, 4000);
    arena_reset(*state);
    const unsigned char *p = arena_alloc(*state, 4000);
    for (size_t i = 0; i < 4000; i++)
        assert_int_equal(p[i], 0);
}

static void allocations_do_not_overlap(void **state)
{
    char *a = arena_strdup(*state, "first");
    char *b = arena_strdup(*state, "second");
    assert_string_equal(a, "first");
    assert_string_equal(b, "second");
    assert_ptr_not_equal(arena_alloc(*state, 0), arena_alloc(*state, 0));
}

static void what_an_arena_held_is_wiped_at_reset(void **state)
{
    (void)state;
    struct arena *a = arena_new(1024);
    char *secret = arena_strdup(a, "correct horse battery staple");
    assert_non_null(secret);
    arena_reset(a); /* the first block is kept, so that its bytes may still be looked at */
    for (size_t i = 0; i < 28; i++)
        assert_int_equal(secret[i], 0);
    arena_free(a);
}

static void an_arena_gives_exactly_its_cap(void **state)
{
    (void)state;
    struct arena *a = arena_new(64);
    assert_non_null(arena_alloc(a, 48));
    assert_non_null(arena_alloc(a, 16));
    assert_null(arena_alloc(a, 1));
    assert_null(arena_alloc(a, 0));
    assert_int_equal(arena_used(a), 64);
    arena_free(a);
}

static void a_refused_allocation_leaves_the_rest_usable(void **state)
{
    (void)state;
    struct arena *a = arena_new(128);
    assert_null(arena_alloc(a, 129));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 8));
    assert_int_equal(arena_used(a), 0);
    assert_non_null(arena_alloc(a, 128));
    arena_free(a);
}

static void a_product_that_overflows_is_refused(void **state)
{
    assert_null(arena_array(*state, SIZE_MAX / 2, 3));
    assert_non_null(arena_array(*state, 3, 5));
    assert_non_null(arena_array(*state, 0, SIZE_MAX));
}

static void blocks_larger_than_usual_are_served(void **state)
{
    char *p = arena_alloc(*state, 40000);
    assert_non_null(p);
    p[39999] = 'x';
    assert_non_null(arena_alloc(*state, 100));
    assert_null(arena_alloc(*state, 40000));
}

static void reset_gives_the_whole_cap_back(void **state)
{
    for (int i = 0; i < 100; i++) {
        assert_non_null(arena_alloc(*state, 60000));
        arena_reset(*state);
        assert_int_equal(arena_used(*state), 0);
    }
}

static void strings_are_copied_with_their_nul(void **state)
{
    assert_string_equal(arena_strndup(*state, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(*state, NULL, 0), "");
    assert_null(arena_strdup(*state, NULL));
    assert_null(arena_strndup(*state, "x", SIZE_MAX));
    assert_string_equal(arena_printf(*state, "%d-%s", 7, "x"), "7-x");
}

static void a_formatted_string_that_does_not_fit_is_null(void **state)
{
    (void)state;
    struct arena *a = arena_new(32);
    assert_null(arena_printf(a, "%40d", 1));
    assert_string_equal(arena_printf(a, "%31d", 1), "                              1");
    arena_free(a);
}

static void cleanups_run_last_registered_first_and_once(void **state)
{
    static int numbers[] = {1, 2, 3};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(arena_cleanup(*state, note, &numbers[i]), 0);
    arena_reset(*state);
    arena_reset(*state);
    assert_int_equal(order_count, 3);
    assert_int_equal(order[0], 3);
    assert_int_equal(order[2], 1);
}

static void a_cleanup_that_does_not_fit_is_not_run(void **state)
{
    (void)state;
    static int one = 1;
    struct arena *a = arena_new(16);
    assert_int_equal(arena_cleanup(a, note, &one), ERR_NOMEM);
    arena_free(a);
    assert_int_equal(order_count, 0);
}

static void allocate_again(void *arg)
{
    (void)arena_alloc(arg, 100);
    order_count++;
}

static void a_cleanup_may_allocate(void **state)
{
    assert_int_equal(arena_cleanup(*state, allocate_again, *state), 0);
    arena_reset(*state);
    assert_int_equal(order_count, 1);
    assert_int_equal(arena_used(*state), 0);
}

static void freeing_nothing_does_nothing(void **state)
{
    (void)state;
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_is_zeroed_and_aligned, setup, teardown),
        cmocka_unit_test_setup_teardown(reused_memory_is_zeroed_again, setup, teardown),
        cmocka_unit_test_setup_teardown(allocations_do_not_overlap, setup, teardown),
        cmocka_unit_test(what_an_arena_held_is_wiped_at_reset),
        cmocka_unit_test(an_arena_gives_exactly_its_cap),
        cmocka_unit_test(a_refused_allocation_leaves_the_rest_usable),
        cmocka_unit_test_setup_teardown(a_product_that_overflows_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(blocks_larger_than_usual_are_served, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_gives_the_whole_cap_back, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_are_copied_with_their_nul, setup, teardown),
        cmocka_unit_test(a_formatted_string_that_does_not_fit_is_null),
        cmocka_unit_test_setup_teardown(cleanups_run_last_registered_first_and_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cleanup_that_does_not_fit_is_not_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cleanup_may_allocate, setup, teardown),
        cmocka_unit_test(freeing_nothing_does_nothing),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
