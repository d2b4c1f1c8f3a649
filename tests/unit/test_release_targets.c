/* What targets metadata says of releases, and what is made from it. */
#include "fixture_db.h"

#include <jansson.h>

#include "common/file.h"
#include "common/token.h"
#include "update/delta.h"
#include "update/release_public.h"
#include "update/release_targets.h"
#include "update/tuf_document.h"

#define NOW INT64_C(1771185600000)
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static json_t *empty(void)
{
    json_t *signed_part = tuf_signed_new(TUF_TARGETS, 1, NOW);
    (void)json_object_set_new(signed_part, "targets", json_object());
    return signed_part;
}

static void add(json_t *signed_part, const char *version, const char *channel, const char *arch, const char *image)
{
    struct err err = {0};
    json_t *release = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:i, s:[{s:s, s:s, s:i}]}", "version", version, "channel",
                                channel, "min_version", "0.1.0", "changelog", "c", "container_image", image,
                                "eventlog_min", 1, "files", "arch", arch, "sha256", SHA, "size", 100);
    expect_ok(release_targets_add(signed_part, release, NOW, &err), &err);
    json_decref(release);
}

static void the_newest_is_by_version_within_channel_and_architecture(void **state)
{
    (void)state;
    json_t *t = empty();
    assert_null(release_targets_newest(t, "stable", NULL, NULL));
    add(t, "0.9.0", "stable", "amd64", NULL);
    add(t, "0.10.0", "stable", "amd64", NULL);
    add(t, "0.8.0", "stable", "arm64", NULL);
    add(t, "1.0.0", "beta", "amd64", NULL);
    assert_string_equal(release_targets_newest(t, "stable", NULL, NULL), "0.10.0");
    assert_string_equal(release_targets_newest(t, "stable", "arm64", NULL), "0.8.0");
    assert_string_equal(release_targets_newest(t, "stable", "amd64", "0.10.0"), "0.9.0");
    assert_null(release_targets_newest(t, "stable", "amd64", "0.9.0"));
    assert_string_equal(release_targets_newest(t, "beta", NULL, NULL), "1.0.0");
    assert_true(release_targets_has(t, "0.8.0"));
    assert_false(release_targets_has(t, "0.8"));
    json_decref(t);
}

static void withdrawing_takes_what_leads_to_a_version_and_keeps_what_leads_away(void **state)
{
    (void)state;
    struct err err = {0};
    json_t *t = empty();
    add(t, "0.1.0", "stable", "amd64", NULL);
    add(t, "0.2.0", "stable", "amd64", NULL);
    add(t, "0.3.0", "stable", "amd64", NULL);
    struct release_patch to = {"0.2.0", "0.1.0", "amd64", SHA, 10}, away = {"0.3.0", "0.2.0", "amd64", SHA, 10};
    expect_ok(release_targets_add_patch(t, &to, &err), &err);
    expect_ok(release_targets_add_patch(t, &away, &err), &err);
    assert_int_equal(release_targets_withdraw(t, "0.9.0", "r", &err), ERR_NOT_FOUND);
    expect_ok(release_targets_withdraw(t, "0.2.0", "it is bad", &err), &err);
    const json_t *targets = json_object_get(t, "targets");
    assert_int_equal(json_object_size(targets), 3);
    assert_null(json_object_get(targets, "0.2.0/agent-linux-amd64.from-0.1.0.zst"));
    assert_non_null(json_object_get(targets, "0.3.0/agent-linux-amd64.from-0.2.0.zst"));
    assert_int_equal(json_array_size(release_targets_withdrawn(t)), 1);
    assert_int_equal(release_targets_withdraw(t, "0.2.0", "again", &err), ERR_NOT_FOUND);
    json_decref(t);
}

static void the_values_for_helm_have_the_images_tag(void **state)
{
    (void)state;
    static const struct {
        const char *image, *repository, *tag;
    } cases[] = {{"registry/name:0.2.0", "  repository: \"registry/name\"\n", "  tag: \"0.2.0\"\n"},
                 {"registry:5000/a/name:x", "  repository: \"registry:5000/a/name\"\n", "  tag: \"x\"\n"},
                 {"registry:5000/name", "  repository: \"registry:5000/name\"\n", "  tag: \"0.5.0\"\n"},
                 {"name:tag", "  repository: \"name\"\n", "  tag: \"tag\"\n"},
                 {NULL, "image:\n  tag", "  tag: \"0.5.0\"\n"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        struct buf text;
        json_t *t = empty();
        add(t, "0.5.0", "stable", "arm64", cases[i].image);
        buf_init(&text, 4096);
        expect_ok(release_public_helm(t, "0.5.0", &text, &err), &err);
        assert_non_null(strstr(buf_str(&text), cases[i].repository));
        assert_non_null(strstr(buf_str(&text), cases[i].tag));
        buf_done(&text);
        json_decref(t);
    }
}

static void the_manifest_has_the_original_shape(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf text;
    json_t *t = empty();
    add(t, "0.5.0", "stable", "arm64", "i:1");
    buf_init(&text, 4096);
    expect_ok(release_public_manifest(t, "0.5.0", &text, &err), &err);
    json_t *got = json_loads(buf_str(&text), 0, NULL);
    json_t *want =
        json_pack("{s:s, s:s, s:{s:{s:s, s:s, s:i}}, s:s, s:s, s:s}", "version", "0.5.0", "released_at",
                  "2026-02-15T20:00:00Z", "binaries", "linux-arm64", "url", "/updates/agent-linux-arm64", "sha256", SHA,
                  "size", 100, "container_image", "i:1", "min_version", "0.1.0", "changelog", "c");
    assert_true(json_equal(got, want));
    json_decref(got);
    json_decref(want);
    json_decref(t);
    buf_done(&text);
}

static void a_patch_is_made_only_where_it_is_smaller(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char base[100], fresh[100], patch[100];
    char *made_bytes = NULL;
    unsigned char noise[20000];
    size_t len = 0;
    bool made = false;
    (void)snprintf(base, sizeof base, "%s/base", f->dir);
    (void)snprintf(fresh, sizeof fresh, "%s/fresh", f->dir);
    (void)snprintf(patch, sizeof patch, "%s/patch", f->dir);
    assert_true(token_random(noise, sizeof noise));
    expect_ok(file_write(base, noise, sizeof noise, 0600, &err), &err);
    noise[10000] ^= 1;
    expect_ok(file_write(fresh, noise, sizeof noise, 0600, &err), &err);
    expect_ok(delta_make(base, fresh, patch, &made, &err), &err);
    assert_true(made);
    expect_ok(file_read(patch, 1000, &made_bytes, &len, &err), &err);
    assert_in_range(len, 10, 200);
    free(made_bytes);
    expect_ok(file_remove(patch, &err), &err);
    assert_true(token_random(noise, sizeof noise));
    expect_ok(file_write(fresh, noise, sizeof noise, 0600, &err), &err);
    expect_ok(delta_make(base, fresh, patch, &made, &err), &err);
    assert_false(made);
    assert_int_not_equal(access(patch, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_is_by_version_within_channel_and_architecture),
        cmocka_unit_test(withdrawing_takes_what_leads_to_a_version_and_keeps_what_leads_away),
        cmocka_unit_test(the_values_for_helm_have_the_images_tag),
        cmocka_unit_test(the_manifest_has_the_original_shape),
        cmocka_unit_test_setup_teardown(a_patch_is_made_only_where_it_is_smaller, fixture_setup_empty,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
