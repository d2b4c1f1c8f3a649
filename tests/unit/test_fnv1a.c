#include "unit.h"

#include <string.h>

#include "common/fnv1a.h"

/* From the published test vectors of the draft. */
static void published_vectors_come_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t hash;
    } vectors[] = {{"", 0x811c9dc5}, {"a", 0xe40c292c}, {"b", 0xe70c2de5}, {"foobar", 0xbf9cf968}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        assert_int_equal(fnv1a_32(vectors[i].text, strlen(vectors[i].text)), vectors[i].hash);
}

static void pieces_hash_as_the_whole(void **state)
{
    (void)state;
    assert_int_equal(fnv1a_32_add(fnv1a_32_add(FNV1A_32_START, "foo", 3), "bar", 3), fnv1a_32("foobar", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_come_out),
        cmocka_unit_test(pieces_hash_as_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
