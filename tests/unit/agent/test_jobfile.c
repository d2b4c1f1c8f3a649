#include "../unit.h"

#include <string.h>

#include "restore/jobfile.h"
#include "tempdir.h"

struct fixture {
    struct tempdir dir;
    struct agent agent;
    struct arena *arena;
    struct restore_options options;
    struct err err;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.arena = arena_new(JOBFILE_MEMORY)};
    tempdir_make(&f.dir);
    f.agent.state_dir = f.dir.path;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    tempdir_remove(&f->dir);
    return 0;
}

static int parse(struct fixture *f, const char *text)
{
    json_t *args = json_loads(text, 0, NULL);
    assert_non_null(args);
    int rc = jobfile_parse(args, f->arena, &f->options, &f->err);
    json_decref(args);
    return rc;
}

static void a_request_is_read(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "{\"jobId\":\"j\",\"logId\":\"r-1\",\"target\":\"/srv/x\",\"paths\":[\"/a\",\"b\"],"
                              "\"patterns\":[\"*.c\"],\"policy\":\"changed\",\"dryRun\":true}"),
                     0);
    assert_string_equal(f->options.which.log_id, "r-1");
    assert_string_equal(f->options.target, "/srv/x");
    assert_int_equal(f->options.choice.path_count, 2);
    assert_string_equal(f->options.choice.paths[1], "b");
    assert_string_equal(f->options.choice.patterns[0], "*.c");
    assert_true(f->options.has_policy && f->options.policy == OVERLAY_CHANGED && f->options.dry_run);
    assert_false(f->options.original);
}

static void what_is_left_out_is_the_careful_way(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "{\"logId\":\"r-1\"}"), 0);
    assert_false(f->options.has_policy || f->options.dry_run || f->options.original);
    assert_int_equal(f->options.policy, OVERLAY_NEVER);
    assert_null(f->options.target);
}

static void requests_that_are_none_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"logId\":\"../x\"}",
        "{\"logId\":\"r\",\"policy\":\"perhaps\"}",
        "{\"logId\":\"r\",\"paths\":\"/a\"}",
        "{\"logId\":\"r\",\"paths\":[1]}",
        "{\"logId\":\"r\",\"paths\":[\"\"]}",
        "{\"logId\":\"r\",\"original\":true,\"target\":\"/x\"}",
        "{\"logId\":\"r\",\"dryRun\":\"no\"}",
        "{\"logId\":\"r\",\"target\":\"\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(parse(f, texts[i]), ERR_INVALID);
}

static void it_is_written_down_for_nobody_else_to_read(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    json_t *args = json_pack("{s:s, s:s}", "logId", "r-1", "target", "/srv/x");
    assert_int_equal(jobfile_write(&f->agent, "j-1", args, &f->err), 0);
    assert_int_equal(stat(tempdir_path(&f->dir, "jobs/j-1.json"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(jobfile_read(&f->agent, "j-1", f->arena, &f->options, &f->err), 0);
    assert_string_equal(f->options.target, "/srv/x");
    jobfile_remove(&f->agent, "j-1");
    assert_int_equal(jobfile_read(&f->agent, "j-1", f->arena, &f->options, &f->err), ERR_NOT_FOUND);
    assert_int_equal(jobfile_write(&f->agent, "../j", args, &f->err), ERR_INVALID);
    json_decref(args);
}

static void a_sweep_takes_all_of_them(void **state)
{
    struct fixture *f = *state;
    json_t *args = json_pack("{s:s}", "logId", "r-1");
    assert_int_equal(jobfile_write(&f->agent, "j-1", args, &f->err), 0);
    assert_int_equal(jobfile_write(&f->agent, "j-2", args, &f->err), 0);
    jobfile_sweep(&f->agent);
    assert_int_equal(rmdir(tempdir_path(&f->dir, "jobs")), 0);
    jobfile_sweep(&f->agent); /* no such directory */
    json_decref(args);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_left_out_is_the_careful_way, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_that_are_none_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_written_down_for_nobody_else_to_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sweep_takes_all_of_them, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
