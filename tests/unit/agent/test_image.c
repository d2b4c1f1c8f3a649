#include "../unit.h"

#include <string.h>

#include "update/image.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void assert_parsed(const char *text, const char *repository, const char *tag, const char *digest)
{
    struct image image;
    struct err err = {0};
    assert_int_equal(image_parse(text, &image, &err), 0);
    assert_string_equal(image.repository, repository);
    assert_string_equal(image.tag, tag);
    assert_string_equal(image.digest, digest);
    assert_int_equal(image_is_exact(&image), tag[0] != '\0' || digest[0] != '\0');
}

static void references_are_taken_apart(void **state)
{
    (void)state;
    assert_parsed("muster-agent", "muster-agent", "", "");
    assert_parsed("muster-agent:0.2.0", "muster-agent", "0.2.0", "");
    assert_parsed("registry.example/tools/muster-agent:0.2.0-rc.1", "registry.example/tools/muster-agent", "0.2.0-rc.1",
                  "");
    assert_parsed("registry.example:5000/muster_agent:v1", "registry.example:5000/muster_agent", "v1", "");
    assert_parsed("localhost:5000/a/b__c/d--e/f.g", "localhost:5000/a/b__c/d--e/f.g", "", "");
    assert_parsed("10.0.0.7:5000/muster-agent@sha256:" HEX64, "10.0.0.7:5000/muster-agent", "", "sha256:" HEX64);
    assert_parsed("Registry.Example/a:b@sha256:" HEX64, "Registry.Example/a", "b", "sha256:" HEX64);
}

static void a_port_is_no_tag(void **state)
{
    (void)state;
    assert_parsed("registry.example:5000/a", "registry.example:5000/a", "", "");
}

static void what_is_no_reference_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        ":",
                                        "@",
                                        "/",
                                        "a/",
                                        "/a",
                                        "a//b",
                                        "a:",
                                        "a@",
                                        "a:b:c/d",
                                        "A",
                                        "a/B",
                                        "a b",
                                        "a\nb",
                                        "a\"b",
                                        "-a",
                                        "a-",
                                        ".a",
                                        "a.",
                                        "a..b",
                                        "a___b",
                                        "a_-b",
                                        "reg:port/a",
                                        "reg:/a",
                                        "-reg/a",
                                        "reg.-x/A",
                                        "[::1]:5000/a",
                                        "https://reg/a",
                                        "user@reg/a:1",
                                        "a:-1",
                                        "a:.1",
                                        "a:t@g",
                                        "a:t g",
                                        "a@sha256:" HEX64 "0",
                                        "a@sha256:",
                                        "a@sha512:" HEX64,
                                        "a@sha256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
                                        "a@sha256:" HEX64 "@sha256:" HEX64,
                                        "a:1@sha256:" HEX64 ":2",
                                        "a/../b",
                                        "a/./b",
                                        "a?b",
                                        "a%2fb",
                                        "\xc3\xa4",
                                        "a:\xc3\xa4"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct image image;
        struct err err = {0};
        if (image_parse(wrong[i], &image, &err) != ERR_INVALID)
            fail_msg("taken: %s", wrong[i]);
        assert_true(err.msg[0] != '\0');
    }
}

static void lengths_have_limits(void **state)
{
    (void)state;
    char text[2 * IMAGE_SIZE];
    struct image image;
    struct err err;
    memset(text, 'a', sizeof text);
    text[IMAGE_REPOSITORY_SIZE - 1] = '\0';
    assert_int_equal(image_parse(text, &image, &err), 0);
    text[IMAGE_REPOSITORY_SIZE - 1] = 'a';
    text[IMAGE_REPOSITORY_SIZE] = '\0';
    assert_int_equal(image_parse(text, &image, &err), ERR_INVALID);
    memset(text, 'a', sizeof text);
    text[1] = ':';
    text[2 + IMAGE_TAG_SIZE - 1] = '\0';
    assert_int_equal(image_parse(text, &image, &err), 0);
    text[2 + IMAGE_TAG_SIZE - 1] = 'a';
    text[2 + IMAGE_TAG_SIZE] = '\0';
    assert_int_equal(image_parse(text, &image, &err), ERR_INVALID);
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(image_parse(text, &image, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_taken_apart),
        cmocka_unit_test(a_port_is_no_tag),
        cmocka_unit_test(what_is_no_reference_is_refused),
        cmocka_unit_test(lengths_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
