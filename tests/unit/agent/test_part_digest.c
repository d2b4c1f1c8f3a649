#include "../unit.h"

#include <string.h>

#include "backup/part_digest.h"
#include "common/encode.h"

static void expect_digest(enum part_digest_kind kind, const char *text, size_t cut, const char *want)
{
    struct part_digest d;
    unsigned char sum[PART_DIGEST_MAX];
    char have[HEX_SIZE(PART_DIGEST_MAX)];
    part_digest_init(&d, kind);
    part_digest_update(&d, text, cut);
    part_digest_update(&d, text + cut, strlen(text) - cut);
    part_digest_finish(&d, sum);
    hex_encode(sum, part_digest_size(kind), have);
    assert_string_equal(have, want);
}

/* As xxhsum -H64 has them: the server compares them with what its libxxhash says. */
static void xxh64_is_the_one_of_others(void **state)
{
    (void)state;
    expect_digest(PART_XXH64, "", 0, "ef46db3751d8e999");
    expect_digest(PART_XXH64, "abc", 1, "44bc2cf5ad770999");
    for (size_t cut = 0; cut <= 62; cut++)
        expect_digest(PART_XXH64, "The quick brown fox jumps over the lazy dog, and does so twice.", cut,
                      "930b561f1b30fb86");
}

static void md5_is_taken_when_it_is_asked_for(void **state)
{
    (void)state;
    expect_digest(PART_MD5, "", 0, "d41d8cd98f00b204e9800998ecf8427e");
    expect_digest(PART_MD5, "abc", 2, "900150983cd24fb0d6963f7d28e17f72");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xxh64_is_the_one_of_others),
        cmocka_unit_test(md5_is_taken_when_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
