#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "restore/remote_restore.h"

struct fixture {
    struct arena *arena;
    struct remote_chain chain;
    struct err err;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.arena = arena_new(REMOTE_CHAIN_MEMORY)};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    return 0;
}

static int parse(struct fixture *f, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    int rc = remote_chain_parse(json, f->arena, &f->chain, &f->err);
    json_decref(json);
    return rc;
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FULL                                                                                                           \
    "{\"logId\":\"r-0\",\"type\":\"full\",\"seq\":0,\"size\":30,\"sha256\":\"" HASH                                    \
    "\",\"encrypted\":true,\"volumes\":"                                                                               \
    "[{\"number\":1,\"size\":20,\"url\":\"u1\"},{\"number\":2,\"size\":10,\"url\":\"u2\"}],\"index\":null}"
#define NEXT(more)                                                                                                     \
    "{\"logId\":\"r-1\",\"type\":\"incremental\",\"seq\":1,\"size\":5,\"volumes\":"                                    \
    "[{\"number\":1,\"size\":5,\"url\":\"u3\"}],\"index\":{\"size\":3,\"url\":\"u4\"}" more "}"
#define REPLY(id, chain)                                                                                               \
    "{\"logId\":\"" id "\",\"configName\":\"c\",\"filename\":\"f\",\"url\":\"old\",\"chain\":[" chain "]}"

static void a_chain_is_read(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, REPLY("r-1", FULL "," NEXT(",\"sha256\":\"" HASH "\""))), 0);
    assert_int_equal(f->chain.count, 2);
    assert_true(f->chain.archives[0].encrypted);
    assert_int_equal(f->chain.archives[0].volume_count, 2);
    assert_string_equal(f->chain.archives[0].volumes[1].url, "u2");
    assert_null(f->chain.archives[0].index.url);
    assert_string_equal(f->chain.archives[1].index.url, "u4");
    assert_int_equal(f->chain.archives[1].index.size, 3);
}

static void an_old_reply_is_a_chain_of_one(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "{\"logId\":\"r\",\"url\":\"u\",\"size\":7,\"sha256\":\"" HASH "\"}"), 0);
    assert_int_equal(f->chain.count, 1);
    assert_string_equal(f->chain.archives[0].volumes[0].url, "u");
    assert_string_equal(f->chain.archives[0].log_id, "r");
    assert_int_equal(f->chain.archives[0].size, 7);
    assert_int_equal(parse(f, "{\"logId\":\"r\",\"url\":\"u\"}"), 0);
    assert_int_equal(f->chain.archives[0].volumes[0].size, -1);
}

static void chains_that_make_no_sense_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "{}",
        "{\"logId\":\"r\"}",
        "{\"logId\":\"../r\",\"url\":\"u\"}",
        "{\"logId\":\"r\",\"url\":\"u\",\"sha256\":\"xyz\"}",
        REPLY("r-0", ""),
        REPLY("r-1", FULL),              /* ends with another */
        REPLY("r-1", FULL "," NEXT("")), /* one without a hash */
        REPLY("r-1", NEXT("")),          /* begins in the middle */
        REPLY("r-0", FULL "," FULL),     /* two beginnings */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(parse(f, texts[i]), ERR_INVALID);
}

static void volumes_make_up_the_size(void **state)
{
    struct fixture *f = *state;
    static const char *const volumes[] = {
        "",
        "{\"number\":2,\"size\":30,\"url\":\"u\"}",
        "{\"number\":1,\"size\":29,\"url\":\"u\"}",
        "{\"number\":1,\"size\":31,\"url\":\"u\"}",
        "{\"number\":1,\"size\":30}",
        "{\"number\":1,\"size\":-30,\"url\":\"u\"}",
        "{\"number\":1,\"size\":30,\"url\":\"u\"},{\"number\":1,\"size\":0,\"url\":\"u\"}",
        "{\"number\":1,\"size\":9223372036854775807,\"url\":\"u\"},{\"number\":2,\"size\":31,\"url\":\"u\"}",
    };
    for (size_t i = 0; i < sizeof volumes / sizeof volumes[0]; i++) {
        char text[1000];
        (void)snprintf(
            text, sizeof text,
            "{\"logId\":\"r\",\"chain\":[{\"logId\":\"r\",\"type\":\"full\",\"seq\":0,\"size\":30,\"sha256\":\"" HASH
            "\",\"volumes\":[%s]}]}",
            volumes[i]);
        assert_int_equal(parse(f, text), ERR_INVALID);
    }
}

static void a_chain_that_takes_too_much_memory_is_told(void **state)
{
    struct fixture *f = *state;
    struct arena *small = arena_new(400);
    json_t *json = json_loads(REPLY("r-1", FULL "," NEXT(",\"sha256\":\"" HASH "\"")), 0, NULL);
    assert_int_equal(remote_chain_parse(json, small, &f->chain, &f->err), ERR_NOMEM);
    json_decref(json);
    arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_chain_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(an_old_reply_is_a_chain_of_one, setup, teardown),
        cmocka_unit_test_setup_teardown(chains_that_make_no_sense_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(volumes_make_up_the_size, setup, teardown),
        cmocka_unit_test_setup_teardown(a_chain_that_takes_too_much_memory_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
