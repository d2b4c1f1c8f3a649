/* FNV-1a against the vectors its authors publish (the appendix of draft-eastlake-fnv), and waves that are even. */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/fnv1a.h"

static void the_published_vectors_come_out(void **state)
{
    static const struct {
        const char *text;
        uint32_t hash;
    } vectors[] = {
        {"", 0x811c9dc5},    {"a", 0xe40c292c},    {"b", 0xe70c2de5},     {"c", 0xe60c2c52},
        {"d", 0xe10c2473},   {"e", 0xe00c22e0},    {"f", 0xe30c2799},     {"fo", 0x6222e842},
        {"foo", 0xa9f37ed7}, {"foob", 0x3f5076ef}, {"fooba", 0x39aaa18a}, {"foobar", 0xbf9cf968},
        {"ch", 0x5f299f4e},  {"cho", 0xef8580f3},  {"chon", 0xac297727},  {"chong", 0x4546b9c0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        assert_int_equal(fnv1a32(FNV1A32_START, vectors[i].text, strlen(vectors[i].text)), vectors[i].hash);
}

static void pieces_hash_like_the_whole(void **state)
{
    (void)state;
    assert_int_equal(fnv1a32(fnv1a32(FNV1A32_START, "foo", 3), "bar", 3), 0xbf9cf968);
    assert_int_equal(fnv1a_bucket("foo", "bar"), 0xbf9cf968 % 100);
    assert_int_equal(fnv1a_bucket("", "foobar"), 0xbf9cf968 % 100);
}

static void a_wave_of_a_tenth_is_about_a_tenth_and_another_one_for_each_salt(void **state)
{
    int first = 0, second = 0, both = 0;
    (void)state;
    for (int i = 0; i < 10000; i++) {
        char id[40];
        (void)snprintf(id, sizeof id, "0199f3a0-7c1e-7d33-9c2a-%012x", (unsigned)i * 7919u);
        bool in_first = fnv1a_bucket("0.2.0:", id) < 10, in_second = fnv1a_bucket("0.2.1:", id) < 10;
        first += in_first;
        second += in_second;
        both += in_first && in_second;
    }
    assert_in_range(first, 900, 1100);
    assert_in_range(second, 900, 1100);
    assert_in_range(both, 50, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_come_out),
        cmocka_unit_test(pieces_hash_like_the_whole),
        cmocka_unit_test(a_wave_of_a_tenth_is_about_a_tenth_and_another_one_for_each_salt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
