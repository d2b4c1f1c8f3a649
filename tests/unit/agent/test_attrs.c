#include "../unit.h"

#include <string.h>

#include "snapshot/attrs.h"

#define ITEM(tag, perm, id) tag, 0, perm, 0, (id)&0xff, (id) >> 8 & 0xff, (id) >> 16 & 0xff, (unsigned)(id) >> 24

static const unsigned char full[] = {2,
                                     0,
                                     0,
                                     0,
                                     ITEM(0x01, 6, 0xffffffffU),
                                     ITEM(0x02, 7, 1000),
                                     ITEM(0x02, 4, 0x01020304),
                                     ITEM(0x04, 4, 0xffffffffU),
                                     ITEM(0x08, 5, 2000),
                                     ITEM(0x10, 7, 0xffffffffU),
                                     ITEM(0x20, 0, 0xffffffffU)};

static void an_acl_survives_there_and_back(void **state)
{
    (void)state;
    static const int types[] = {ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT};
    for (size_t i = 0; i < 2; i++) {
        unsigned char back[256];
        size_t len = 0;
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_mode(entry, 0100644);
        assert_true(attrs_acl_parse(full, sizeof full, types[i], entry));
        assert_int_equal(attrs_acl_build(entry, types[i], back, sizeof back, &len), 0);
        assert_int_equal(len, sizeof full);
        assert_memory_equal(back, full, len);
        archive_entry_free(entry);
    }
}

static void what_is_no_acl_is_refused_and_adds_nothing(void **state)
{
    (void)state;
    static const unsigned char version3[] = {3, 0, 0, 0, ITEM(0x01, 6, 0)};
    static const unsigned char unknown_tag[] = {2, 0, 0, 0, ITEM(0x02, 6, 1), ITEM(0x40, 6, 0)};
    struct archive_entry *entry = archive_entry_new();
    assert_false(attrs_acl_parse("", 0, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, entry));
    assert_false(attrs_acl_parse(full, sizeof full - 1, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, entry));
    assert_false(attrs_acl_parse(version3, sizeof version3, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, entry));
    assert_false(attrs_acl_parse(unknown_tag, sizeof unknown_tag, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, entry));
    assert_int_equal(archive_entry_acl_count(entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS), 0);
    archive_entry_free(entry);
}

static void an_acl_that_does_not_fit_is_told(void **state)
{
    (void)state;
    unsigned char back[20];
    size_t len = 7;
    struct archive_entry *entry = archive_entry_new();
    assert_true(attrs_acl_parse(full, sizeof full, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, entry));
    assert_int_equal(attrs_acl_build(entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, back, sizeof back, &len), ERR_TOO_BIG);
    assert_int_equal(len, 7);
    archive_entry_free(entry);
}

static size_t count_named(struct archive_entry *entry, const char *wanted)
{
    const char *name;
    const void *value;
    size_t len, count = 0;
    (void)archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &len) == 0)
        count += strcmp(name, wanted) == 0;
    return count;
}

static void only_the_encoded_twin_is_taken_out(void **state)
{
    (void)state;
    struct archive_entry *entry = archive_entry_new();
    struct err err;
    archive_entry_xattr_add_entry(entry, "user.a%0Ab", "v", 1); /* twin of the next */
    archive_entry_xattr_add_entry(entry, "user.a\nb", "v", 1);
    archive_entry_xattr_add_entry(entry, "user.c%20d", "v", 1); /* its plain form has another value */
    archive_entry_xattr_add_entry(entry, "user.c d", "w", 1);
    archive_entry_xattr_add_entry(entry, "user.50%", "v", 1);   /* nothing encoded */
    archive_entry_xattr_add_entry(entry, "user.e%20f", "v", 1); /* a name of its own: it has a twin itself */
    archive_entry_xattr_add_entry(entry, "user.e%2520f", "v", 1);
    archive_entry_xattr_add_entry(entry, "user.e f", "v", 1);
    assert_int_equal(attrs_clean(entry, &err), 0);
    assert_int_equal(count_named(entry, "user.a%0Ab"), 0);
    assert_int_equal(count_named(entry, "user.a\nb"), 1);
    assert_int_equal(count_named(entry, "user.c%20d"), 1);
    assert_int_equal(count_named(entry, "user.c d"), 1);
    assert_int_equal(count_named(entry, "user.50%"), 1);
    assert_int_equal(count_named(entry, "user.e%20f"), 1);
    assert_int_equal(count_named(entry, "user.e%2520f"), 0);
    assert_int_equal(count_named(entry, "user.e f"), 1);
    archive_entry_free(entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_acl_survives_there_and_back),
        cmocka_unit_test(what_is_no_acl_is_refused_and_adds_nothing),
        cmocka_unit_test(an_acl_that_does_not_fit_is_told),
        cmocka_unit_test(only_the_encoded_twin_is_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
