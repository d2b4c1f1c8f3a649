/* What people may say of a backup config. */
#include <string.h>

#include "backup/config.h"
#include "backup/config_options.h"
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
    assert_string_equal(c.execution_mode, "agent");
    assert_string_equal(
        c.options, "{\"type\":\"full\",\"compression\":true,\"method\":\"zstd\",\"level\":3,\"encryption\":false,"
                   "\"recipients\":[],\"excludes\":[],\"oneFileSystem\":false,\"maxFileSize\":null,\"skipTags\":[],"
                   "\"schedule\":null,\"window\":null,\"maxRuntimeMinutes\":null,\"rateLimitKbps\":0,\"fullEvery\":30,"
                   "\"preHook\":null,\"postHook\":null,\"alertAfterHours\":null,\"verifyEveryDays\":0,"
                   "\"verifyAgentId\":null,\"retentionDays\":30,\"retention\":{\"keepLast\":0,\"keepDaily\":0,"
                   "\"keepWeekly\":0,\"keepMonthly\":0,\"keepYearly\":0}}");
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

#define RECIPIENT "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

/* Options that are all said, in the order in which they are stored: what is said comes back as it is. */
static void what_is_said_is_kept(void **state)
{
    static const char options[] =
        "{\"type\":\"incremental\",\"compression\":false,\"method\":\"gzip\",\"level\":9,\"encryption\":true,"
        "\"recipients\":[\"" RECIPIENT "\"],\"excludes\":[\"*.tmp\",\"!keep.tmp\"],\"oneFileSystem\":true,"
        "\"maxFileSize\":1073741824,\"skipTags\":[\"CACHEDIR.TAG\"],"
        "\"schedule\":{\"cron\":\"0 2 * * *\",\"timeZone\":\"Europe/Berlin\"},"
        "\"window\":{\"from\":\"22:00\",\"to\":\"06:00\",\"timeZone\":\"Europe/Berlin\"},\"maxRuntimeMinutes\":240,"
        "\"rateLimitKbps\":1024,\"fullEvery\":7,\"preHook\":\"dump-db\",\"postHook\":\"thaw_1.x\",\"alertAfterHours\":"
        "36,"
        "\"verifyEveryDays\":14,\"verifyAgentId\":\"0193a000-0000-7000-8000-000000000002\",\"retentionDays\":null,"
        "\"retention\":{\"keepLast\":3,\"keepDaily\":7,\"keepWeekly\":4,\"keepMonthly\":12,\"keepYearly\":2}}";
    struct config_change c;
    char pointer[JSONREAD_POINTER_MAX], text[2000];
    (void)snprintf(text, sizeof text, "{\"name\":\"n\"," AGENT ",\"sources\":[{\"path\":\"/\"}],\"options\":%s}",
                   options);
    read_config(*state, text, &c, pointer);
    assert_string_equal(pointer, "-");
    assert_string_equal(c.options, options);
    json_t *complete = config_options_complete(c.options), *same = json_loads(options, 0, NULL);
    assert_true(json_equal(complete, same));
    json_decref(complete);
    json_decref(same);
}

static void a_zone_that_is_not_said_is_utc(void **state)
{
    struct config_change c;
    char pointer[JSONREAD_POINTER_MAX];
    read_config(*state,
                "{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":{\"schedule\":{\"cron\":\"@daily\"},"
                "\"window\":{\"from\":\"00:00\",\"to\":\"05:30\"}}}",
                &c, pointer);
    assert_string_equal(pointer, "-");
    assert_non_null(strstr(c.options, "\"schedule\":{\"cron\":\"@daily\",\"timeZone\":\"UTC\"}"));
    assert_non_null(strstr(c.options, "{\"from\":\"00:00\",\"to\":\"05:30\",\"timeZone\":\"UTC\"}"));
}

static void the_servers_own_backups_have_no_agent(void **state)
{
    struct config_change c;
    char pointer[JSONREAD_POINTER_MAX];
    read_config(*state, "{\"name\":\"n\",\"executionMode\":\"server\",\"sources\":[{\"path\":\"/\"}]}", &c, pointer);
    assert_string_equal(pointer, "-");
    assert_string_equal(c.execution_mode, "server");
    read_config(*state, "{\"name\":\"n\",\"executionMode\":\"server\"," AGENT ",\"sources\":[{\"path\":\"/\"}]}", &c,
                pointer);
    assert_string_equal(pointer, "/agentId");
}

static void options_of_an_older_version_get_what_they_lack(void **state)
{
    (void)state;
    json_t *o = config_options_complete("{\"type\":\"full\",\"compression\":true,\"encryption\":false,"
                                        "\"retentionDays\":7,\"method\":\"gzip\",\"level\":9,\"excludes\":[\"x\"]}");
    assert_non_null(o);
    assert_int_equal(json_object_size(o), 22);
    assert_int_equal(json_integer_value(json_object_get(o, "retentionDays")), 7);
    assert_int_equal(json_integer_value(json_object_get(o, "level")), 9);
    assert_int_equal(json_integer_value(json_object_get(o, "fullEvery")), 30);
    assert_true(json_is_null(json_object_get(o, "schedule")));
    assert_int_equal(json_array_size(json_object_get(o, "excludes")), 1);
    json_decref(o);
    assert_null(config_options_complete("no JSON"));
    assert_null(config_options_complete(NULL));
}

/* The options alone, and what they are wrong with. */
static void a_wrong_option_is_named(void **state)
{
    static const struct {
        const char *options;
        const char *pointer;
    } cases[] = {
        {"{\"type\":\"differential\"}", "type"},
        {"{\"recipients\":[\"age1\"]}", "recipients/0"},
        {"{\"recipients\":[\"" RECIPIENT "\",\"AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ\"]}",
         "recipients/1"},
        {"{\"recipients\":\"" RECIPIENT "\"}", "recipients"},
        {"{\"oneFileSystem\":1}", "oneFileSystem"},
        {"{\"maxFileSize\":0}", "maxFileSize"},
        {"{\"maxFileSize\":\"1G\"}", "maxFileSize"},
        {"{\"skipTags\":[\"a/b\"]}", "skipTags/0"},
        {"{\"skipTags\":[\"a\",\"..\"]}", "skipTags/1"},
        {"{\"skipTags\":[\"\"]}", "skipTags/0"},
        {"{\"schedule\":\"0 2 * * *\"}", "schedule"},
        {"{\"schedule\":{}}", "schedule"},
        {"{\"schedule\":{\"cron\":\"0 2 31 2 *\"}}", "schedule/cron"},
        {"{\"schedule\":{\"cron\":\"0 2 * *\"}}", "schedule/cron"},
        {"{\"schedule\":{\"cron\":5}}", "schedule/cron"},
        {"{\"schedule\":{\"cron\":\"0 2 * * *\",\"timeZone\":\"Mars/Olympus\"}}", "schedule/timeZone"},
        {"{\"schedule\":{\"cron\":\"0 2 * * *\",\"timeZone\":\"../../../etc/passwd\"}}", "schedule/timeZone"},
        {"{\"schedule\":{\"cron\":\"0 2 * * *\",\"everyHours\":6}}", "schedule/everyHours"},
        {"{\"schedule\":{\"everyHours\":0}}", "schedule/everyHours"},
        {"{\"schedule\":{\"everyHours\":1.5}}", "schedule/everyHours"},
        {"{\"window\":{\"from\":\"22:00\"}}", "window/to"},
        {"{\"window\":{\"from\":\"24:00\",\"to\":\"06:00\"}}", "window/from"},
        {"{\"window\":{\"from\":\"2:00\",\"to\":\"06:00\"}}", "window/from"},
        {"{\"window\":{\"from\":\"22:00\",\"to\":\"06:60\"}}", "window/to"},
        {"{\"window\":{\"from\":\"22:00\",\"to\":\"22:00\"}}", "window/to"},
        {"{\"window\":{\"from\":\"22:00\",\"to\":\"06:00\",\"timeZone\":\"X\"}}", "window/timeZone"},
        {"{\"maxRuntimeMinutes\":0}", "maxRuntimeMinutes"},
        {"{\"rateLimitKbps\":-1}", "rateLimitKbps"},
        {"{\"fullEvery\":-1}", "fullEvery"},
        {"{\"preHook\":\"rm -rf /\"}", "preHook"},
        {"{\"postHook\":\"../x\"}", "postHook"},
        {"{\"alertAfterHours\":0}", "alertAfterHours"},
        {"{\"verifyEveryDays\":-1}", "verifyEveryDays"},
        {"{\"verifyAgentId\":\"x\"}", "verifyAgentId"},
        {"{\"retentionDays\":0}", "retentionDays"},
        {"{\"retention\":{\"keepDaily\":-1}}", "retention/keepDaily"},
        {"{\"retention\":[]}", "retention"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_change c;
        char pointer[JSONREAD_POINTER_MAX], text[1000], expected[100];
        (void)snprintf(text, sizeof text, "{\"name\":\"n\",\"sources\":[{\"path\":\"/\"}],\"options\":%s}",
                       cases[i].options);
        (void)snprintf(expected, sizeof expected, "/options/%s", cases[i].pointer);
        read_config(*state, text, &c, pointer);
        if (strcmp(pointer, expected) != 0)
            fail_msg("%s: %s instead of %s", cases[i].options, pointer, expected);
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
        cmocka_unit_test_setup_teardown(what_is_said_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_zone_that_is_not_said_is_utc, setup, teardown),
        cmocka_unit_test_setup_teardown(the_servers_own_backups_have_no_agent, setup, teardown),
        cmocka_unit_test(options_of_an_older_version_get_what_they_lack),
        cmocka_unit_test_setup_teardown(a_wrong_option_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_with_dots_is_no_way_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
