#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "backup/remote.h"
#include "backup/upload.h"

struct fixture {
    struct arena *arena;
    struct remote_config config;
    struct err err;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.arena = arena_new(64 * 1024)};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    return 0;
}

static int parse(struct fixture *f, const char *text, const char *id, const char *name)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    int rc = remote_config_parse(json, id, name, f->arena, &f->config, &f->err);
    json_decref(json);
    return rc;
}

#define ONE(options) "{\"configs\":[{\"id\":\"c-1\",\"name\":\"data\",\"sources\":[{\"path\":\"/srv\"}]" options "}]}"

static void a_config_is_found_by_id_or_by_name(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, ONE(""), "c-1", NULL), 0);
    assert_string_equal(f->config.name, "data");
    assert_int_equal(parse(f, ONE(""), NULL, "data"), 0);
    assert_string_equal(f->config.id, "c-1");
    assert_int_equal(f->config.source_count, 1);
    assert_string_equal(f->config.sources[0], "/srv");
    assert_int_equal(parse(f, ONE(""), "c-2", NULL), ERR_NOT_FOUND);
    assert_int_equal(parse(f, "{\"configs\":[]}", NULL, "data"), ERR_NOT_FOUND);
}

static void options_have_defaults(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, ONE(""), "c-1", NULL), 0);
    assert_int_equal(f->config.method, COMPRESS_ZSTD);
    assert_int_equal(f->config.level, 0);
    assert_int_equal(f->config.exclude_count, 0);
    assert_false(f->config.encryption);
}

static void options_are_read(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f,
                           ONE(",\"options\":{\"compression\":true,\"method\":\"gzip\",\"level\":9,"
                               "\"encryption\":true,\"excludes\":[\"*.tmp\",\"/a/b\"]}"),
                           "c-1", NULL),
                     0);
    assert_int_equal(f->config.method, COMPRESS_GZIP);
    assert_int_equal(f->config.level, 9);
    assert_true(f->config.encryption);
    assert_int_equal(f->config.exclude_count, 2);
    assert_string_equal(f->config.excludes[1], "/a/b");
}

static void options_of_newer_servers_are_read(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, ONE(""), "c-1", NULL), 0);
    assert_false(f->config.incremental || f->config.one_file_system);
    assert_int_equal(f->config.max_file_size, -1);
    assert_int_equal(f->config.max_runtime_s + f->config.rate_bytes, 0);
    assert_null(f->config.pre_hook);
    assert_int_equal(parse(f,
                           ONE(",\"options\":{\"type\":\"incremental\",\"oneFileSystem\":true,\"maxFileSize\":1000,"
                               "\"skipTags\":[\"CACHEDIR.TAG\"],\"recipients\":[\"age1x\",\"age1y\"],"
                               "\"preHook\":\"dump\",\"postHook\":null,\"maxRuntimeMinutes\":90,"
                               "\"rateLimitKbps\":512}"),
                           "c-1", NULL),
                     0);
    assert_true(f->config.incremental && f->config.one_file_system);
    assert_int_equal(f->config.max_file_size, 1000);
    assert_string_equal(f->config.skip_tags[0], "CACHEDIR.TAG");
    assert_int_equal(f->config.recipient_count, 2);
    assert_string_equal(f->config.recipients[1], "age1y");
    assert_string_equal(f->config.pre_hook, "dump");
    assert_null(f->config.post_hook);
    assert_int_equal(f->config.max_runtime_s, 5400);
    assert_int_equal(f->config.rate_bytes, 512 * 1024);
    assert_int_equal(parse(f, ONE(",\"options\":{\"rateLimitKbps\":-1}"), "c-1", NULL), ERR_INVALID);
}

static int start(struct fixture *f, const char *run, struct remote_run *ret)
{
    char text[512];
    (void)snprintf(text, sizeof text, "{\"logId\":\"r-1\",\"upload\":{\"partSize\":65536}%s}", run);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    int rc = remote_start_parse(json, ret, &f->err);
    json_decref(json);
    return rc;
}

static void a_start_says_what_the_run_goes_on_from(void **state)
{
    struct fixture *f = *state;
    struct remote_run run = {0};
    assert_int_equal(start(f, "", &run), 0); /* an older server */
    assert_false(run.chained || run.incremental);
    assert_int_equal(run.part_size, 65536);
    assert_int_equal(start(f, ",\"run\":{\"type\":\"full\",\"base\":null,\"chainSeq\":0,\"reason\":\"first\"}", &run),
                     0);
    assert_true(run.chained && !run.incremental);
    assert_string_equal(run.reason, "first");
    assert_int_equal(start(f, ",\"run\":{\"type\":\"incremental\",\"base\":\"r-0\",\"chainSeq\":3}", &run), 0);
    assert_true(run.chained && run.incremental);
    assert_string_equal(run.base, "r-0");
    assert_int_equal(run.chain_seq, 3);
    assert_int_equal(start(f, ",\"run\":{\"type\":\"incremental\",\"chainSeq\":3}", &run), ERR_INVALID);
    assert_int_equal(start(f, ",\"run\":{\"type\":\"incremental\",\"base\":\"../x\",\"chainSeq\":3}", &run),
                     ERR_INVALID);
    assert_int_equal(start(f, ",\"run\":{\"type\":\"incremental\",\"base\":\"r-0\"}", &run), ERR_INVALID);
}

static enum part_digest_kind digest_of(struct fixture *f, const char *upload)
{
    char text[512];
    struct remote_run run = {0};
    (void)snprintf(text, sizeof text, "{\"logId\":\"r-1\",\"upload\":{%s}}", upload);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_int_equal(remote_start_parse(json, &run, &f->err), 0);
    json_decref(json);
    return run.digest;
}

static void parts_are_announced_as_the_server_likes_it(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(digest_of(f, "\"digest\":\"xxh64\""), PART_XXH64);
    assert_int_equal(digest_of(f, "\"digest\":\"md5\""), PART_MD5);
    assert_int_equal(digest_of(f, ""), PART_MD5);                      /* an older server */
    assert_int_equal(digest_of(f, "\"digest\":\"blake9\""), PART_MD5); /* a newer one, which takes it too */
}

static void compression_false_beats_the_method(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, ONE(",\"options\":{\"compression\":false,\"method\":\"zstd\"}"), "c-1", NULL), 0);
    assert_int_equal(f->config.method, COMPRESS_NONE);
}

static void a_reply_that_is_wrong_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {
        "{}",
        "{\"configs\":{}}",
        "{\"configs\":[{\"id\":\"c-1\",\"name\":\"data\",\"sources\":[]}]}",
        "{\"configs\":[{\"id\":\"c-1\",\"name\":\"data\",\"sources\":[{\"path\":7}]}]}",
        "{\"configs\":[{\"id\":\"c-1\",\"name\":\"data\"}]}",
        ONE(",\"options\":{\"method\":\"rot13\"}"),
        ONE(",\"options\":{\"level\":\"9\"}"),
        ONE(",\"options\":{\"excludes\":[1]}"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(parse(f, wrong[i], "c-1", NULL), ERR_INVALID);
}

static void an_id_that_is_no_file_name_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        parse(f, "{\"configs\":[{\"id\":\"../x\",\"name\":\"data\",\"sources\":[{\"path\":\"/a\"}]}]}", NULL, "data"),
        ERR_INVALID);
    assert_true(remote_id_valid("0190a0a0-0000-7000-8000-000000000001"));
    assert_false(remote_id_valid(""));
    assert_false(remote_id_valid("a/b"));
    assert_false(remote_id_valid("a.b"));
    assert_false(remote_id_valid("01234567890123456789012345678901234567890123456789012345678901234"));
}

static void more_than_the_arena_holds_is_no_memory(void **state)
{
    struct fixture *f = *state;
    struct arena *small = arena_new(64);
    json_t *json = json_loads(ONE(",\"options\":{\"excludes\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
                                  "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"]}"),
                              0, NULL);
    assert_int_equal(remote_config_parse(json, "c-1", NULL, small, &f->config, &f->err), ERR_NOMEM);
    json_decref(json);
    arena_free(small);
}

static void answers_of_a_store_are_judged(void **state)
{
    (void)state;
    static const struct {
        int status, code;
    } cases[] = {{200, 0},
                 {204, 0},
                 {400, ERR_DENIED},
                 {403, ERR_DENIED},
                 {404, ERR_CONFLICT},
                 {409, ERR_CONFLICT},
                 {411, ERR_INVALID},
                 {413, ERR_INVALID},
                 {429, ERR_UNAVAILABLE},
                 {500, ERR_UNAVAILABLE},
                 {503, ERR_UNAVAILABLE},
                 {507, ERR_TOO_BIG},
                 {301, ERR_INVALID},
                 {100, ERR_INVALID}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(upload_judge_status(cases[i].status), cases[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_config_is_found_by_id_or_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(options_have_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(options_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(options_of_newer_servers_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_says_what_the_run_goes_on_from, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_are_announced_as_the_server_likes_it, setup, teardown),
        cmocka_unit_test_setup_teardown(compression_false_beats_the_method, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reply_that_is_wrong_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_that_is_no_file_name_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_the_arena_holds_is_no_memory, setup, teardown),
        cmocka_unit_test(answers_of_a_store_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
