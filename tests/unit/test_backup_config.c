/* What people may say of a backup config. */
#include <string.h>

#include "backup/config.h"
#include "unit.h"

#define AGENT "\"agentId\":\"0193a000-0000-7000-8000-000000000001\""

static int setup(void **state)
{
    *state = arena_new(1 << 20);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    arena_free(*state);
    return 0;
}

/* Reads text; ret_pointer (room for a pointer) is "-" when nothing was wrong. */
static void read_config(struct arena *arena, const char *text, struct config_change *ret,
                        char ret_pointer[JSONREAD_POINTER_MAX])
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    jsonread_init(&r, json, &wrong);
    int rc = config_read(&r, arena, ret, NULL);
    assert_int_equal(rc, wrong.failed ? ERR_INVALID : 0);
    (void)strcpy(ret_pointer, wrong.failed ? wrong.pointer : "-");
    json_decref(json);
}

static void what_is_left_out_is_filled_in(void **state)
{
    struct config_change c;
    char pointer[JSONREAD_POINTER_MAX];
    read_config(*state, "{\"name\":\"n\"," AGENT ",\"sources\":[{\"path\":\"/etc\"},{\"path\":\"/home\"}]}", &c,
                pointer);
    assert_string_equal(pointer, "-");
    assert_string_equal(c.name, "n");
    assert_string_equal(c.sources, "[{\"path\":\"/etc\"},{\"path\":\"/home\"}]");
    assert_string_equal(c.options, "{\"type\":\"full\",\"compression\":true,\"encryption\":false,\"retentionDays\":30,"
                                   "\"method\":\"zstd\",\"level\":3,\"excludes\":[]}");
}

static void the_level_goes_with_the_method(void **state)
{
    struct config_change c;
    char pointer[JSONREAD_POINTER_MAX];
    read_config(*state, "{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":{\"method\":\"gzip\"}}", &c,
                pointer);
    assert_string_equal(pointer, "-");
    assert_null(c.agent_id);
    assert_non_null(strstr(c.options, "\"level\":6"));
    read_config(*state,
                "{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":{\"method\":\"gzip\",\"level\":10}}", &c,
                pointer);
    assert_string_equal(pointer, "/options/level");
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text;
        const char *pointer;
    } cases[] = {
        {"{\"sources\":[{\"path\":\"/\"}]}", "/name"},
        {"{\"name\":\"\",\"sources\":[{\"path\":\"/\"}]}", "/name"},
        {"{\"name\":\"n\"}", "/sources"},
        {"{\"name\":\"n\",\"sources\":[]}", "/sources"},
        {"{\"name\":\"n\",\"sources\":[{\"path\":\"etc\"}]}", "/sources/0/path"},
        {"{\"name\":\"n\",\"sources\":[{\"path\":\"/\"},{\"path\":\"/a/../b\"}]}", "/sources/1/path"},
        {"{\"name\":\"n\",\"sources\":[{\"path\":\"/a/..\"}]}", "/sources/0/path"},
        {"{\"name\":\"n\",\"agentId\":\"x\",\"sources\":[{\"path\":\"/\"}]}", "/agentId"},
        {"{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":{\"level\":20}}", "/options/level"},
        {"{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":{\"method\":\"lzo\"}}", "/options/method"},
        {"{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":{\"type\":\"incremental\"}}", "/options/type"},
        {"{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":{\"encryption\":true}}", "/options/encryption"},
        {"{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":{\"retentionDays\":0}}", "/options/retentionDays"},
        {"{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":{\"excludes\":[1]}}", "/options/excludes/0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_change c;
        char pointer[JSONREAD_POINTER_MAX];
        read_config(*state, cases[i].text, &c, pointer);
        if (strcmp(pointer, cases[i].pointer) != 0)
            fail_msg("%s: %s instead of %s", cases[i].text, pointer, cases[i].pointer);
    }
}

static void a_name_with_dots_is_no_way_up(void **state)
{
    struct config_change c;
    char pointer[JSONREAD_POINTER_MAX];
    read_config(*state, "{\"name\":\"n\",\"sources\":[{\"path\":\"/a/..b/c..\"}]}", &c, pointer);
    assert_string_equal(pointer, "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_left_out_is_filled_in, setup, teardown),
        cmocka_unit_test_setup_teardown(the_level_goes_with_the_method, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_with_dots_is_no_way_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
