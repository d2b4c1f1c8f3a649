#include "../unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/roots.h"
#include "tempdir.h"

static const struct config_key keys[] = {
    {.name = "BACKUP_ROOTS", .type = CONFIG_LIST},
    {.name = "RESTORE_ROOTS", .type = CONFIG_LIST},
};

struct fixture {
    struct tempdir dir;
    struct agent agent;
};

/* inside/ is the root for both; outside/ lies beside it. */
static int setup(void **state)
{
    static struct fixture f;
    char text[256];
    tempdir_make(&f.dir);
    assert_int_equal(mkdir(tempdir_path(&f.dir, "inside"), 0755), 0);
    assert_int_equal(mkdir(tempdir_path(&f.dir, "inside/data"), 0755), 0);
    assert_int_equal(mkdir(tempdir_path(&f.dir, "outside"), 0755), 0);
    (void)snprintf(text, sizeof text, "BACKUP_ROOTS=\"/nowhere %s/inside\"\nRESTORE_ROOTS=\"%s/inside\"\n", f.dir.path,
                   f.dir.path);
    f.agent = (struct agent){.config_path = "agent.conf", .state_dir = f.dir.path};
    assert_int_equal(config_parse("agent.conf", text, strlen(text), keys, 2, NULL, NULL, &f.agent.config, NULL), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    config_free(f->agent.config);
    tempdir_remove(&f->dir);
    return 0;
}

static int open_source(const struct fixture *f, const char *name)
{
    int fd = -1;
    struct err err;
    int rc = roots_open_source(&f->agent, tempdir_path(&f->dir, name), &fd, &err);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static void paths_are_cleaned(void **state)
{
    (void)state;
    char clean[PATH_MAX];
    assert_int_equal(roots_clean_path("//a/./b///c/", clean, NULL), 0);
    assert_string_equal(clean, "/a/b/c");
    assert_int_equal(roots_clean_path("/", clean, NULL), 0);
    assert_string_equal(clean, "/");
    assert_int_equal(roots_clean_path("/a/..b", clean, NULL), 0);
    assert_string_equal(clean, "/a/..b");
}

static void relative_paths_and_dot_dot_are_refused(void **state)
{
    (void)state;
    char clean[PATH_MAX];
    assert_int_equal(roots_clean_path("a/b", clean, NULL), ERR_INVALID);
    assert_int_equal(roots_clean_path("", clean, NULL), ERR_INVALID);
    assert_int_equal(roots_clean_path("/a/../b", clean, NULL), ERR_INVALID);
    assert_int_equal(roots_clean_path("/a/..", clean, NULL), ERR_INVALID);
}

static void containment_ends_at_a_slash(void **state)
{
    (void)state;
    assert_true(roots_contain("/srv", "/srv"));
    assert_true(roots_contain("/srv", "/srv/a"));
    assert_true(roots_contain("/", "/srv"));
    assert_false(roots_contain("/srv", "/srv2"));
    assert_false(roots_contain("/srv/a", "/srv"));
}

static void a_source_inside_a_root_is_opened(void **state)
{
    assert_int_equal(open_source(*state, "inside"), 0);
    assert_int_equal(open_source(*state, "inside/data"), 0);
}

static void a_source_outside_every_root_is_refused_whether_it_is_there_or_not(void **state)
{
    assert_int_equal(open_source(*state, "outside"), ERR_DENIED);
    assert_int_equal(open_source(*state, "outside/nothing"), ERR_DENIED);
    assert_int_equal(open_source(*state, "inside2"), ERR_DENIED);
}

static void a_missing_source_inside_a_root_is_told_as_missing(void **state)
{
    assert_int_equal(open_source(*state, "inside/nothing"), ERR_NOT_FOUND);
}

static void a_symlink_is_judged_by_where_it_leads(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(symlink(tempdir_path(&f->dir, "outside"), tempdir_path(&f->dir, "inside/out")), 0);
    assert_int_equal(symlink(tempdir_path(&f->dir, "inside/data"), tempdir_path(&f->dir, "in")), 0);
    assert_int_equal(open_source(f, "inside/out"), ERR_DENIED);
    assert_int_equal(open_source(f, "in"), 0);
}

static void without_roots_nothing_may_be_read(void **state)
{
    struct fixture *f = *state;
    struct agent agent = f->agent;
    int fd = -1;
    assert_int_equal(config_parse("x", "", 0, keys, 2, NULL, NULL, &agent.config, NULL), 0);
    assert_int_equal(roots_open_source(&agent, tempdir_path(&f->dir, "inside"), &fd, NULL), ERR_DENIED);
    config_free(agent.config);
}

static int open_target(const struct fixture *f, const char *name, const char *want_name)
{
    int fd = -1;
    const char *leaf = NULL;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", tempdir_path(&f->dir, name));
    int rc = roots_open_target(&f->agent, path, &fd, &leaf, NULL);
    if (rc == 0) {
        assert_string_equal(leaf, want_name);
        (void)close(fd);
    }
    return rc;
}

static void a_target_below_a_root_gets_its_parents(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(open_target(f, "inside/a/b/c", "c"), 0);
    assert_int_equal(stat(tempdir_path(&f->dir, "inside/a/b"), &st), 0);
    assert_int_equal(stat(tempdir_path(&f->dir, "inside/a/b/c"), &st), -1);
    assert_int_equal(open_target(f, "inside", "."), 0);
}

static void a_target_outside_is_refused_and_nothing_is_made(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(open_target(f, "outside/a/b", "b"), ERR_DENIED);
    assert_int_equal(stat(tempdir_path(&f->dir, "outside/a"), &st), -1);
}

static void a_target_through_a_symlink_is_refused(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(symlink(tempdir_path(&f->dir, "outside"), tempdir_path(&f->dir, "inside/way")), 0);
    assert_int_equal(open_target(f, "inside/way/a/b", "b"), ERR_DENIED);
    assert_int_equal(stat(tempdir_path(&f->dir, "outside/a"), &st), -1);
}

/* What roots_json says of an agent.conf; "" when it says nothing. */
static void assert_said(const struct fixture *f, const char *conf, const char *expected)
{
    struct agent agent = {.state_dir = f->dir.path};
    assert_int_equal(config_parse("agent.conf", conf, strlen(conf), keys, 2, NULL, NULL, &agent.config, NULL), 0);
    json_t *said = roots_json(&agent);
    char *text = said != NULL ? json_dumps(said, JSON_COMPACT) : NULL;
    assert_string_equal(text != NULL ? text : "", expected);
    free(text);
    json_decref(said);
    config_free(agent.config);
}

static void the_roots_are_said_as_they_count(void **state)
{
    struct fixture *f = *state;
    char usual[512];
    (void)snprintf(usual, sizeof usual, "{\"backup\":[],\"restore\":[\"%s/restore\"]}", f->dir.path);
    assert_said(f, "", usual);
    assert_said(f, "BACKUP_ROOTS=\"/home//ann/ relative /etc\"\nRESTORE_ROOTS=\"/srv/./a /srv/b\"\n",
                "{\"backup\":[\"/home/ann\",\"/etc\"],\"restore\":[\"/srv/a\",\"/srv/b\"]}");
}

static void roots_that_are_too_long_or_no_text_are_not_said(void **state)
{
    struct fixture *f = *state;
    char conf[8192] = "RESTORE_ROOTS=/r\nBACKUP_ROOTS=\"";
    /* Each takes its length and four bytes more of the 4,096; "/r" has taken 6. */
    for (int i = 0; i < 409; i++)
        strcat(conf, "/23456 ");
    assert_said(f, "RESTORE_ROOTS=/r\nBACKUP_ROOTS=\"/\xff\"\n", "");
    size_t len = strlen(conf);
    strcpy(conf + len, "\"\n");
    struct agent agent = {.state_dir = f->dir.path};
    assert_int_equal(config_parse("agent.conf", conf, len + 2, keys, 2, NULL, NULL, &agent.config, NULL), 0);
    json_t *said = roots_json(&agent);
    assert_int_equal(json_array_size(json_object_get(said, "backup")), 409);
    json_decref(said);
    config_free(agent.config);
    strcpy(conf + len, "/2\"\n");
    assert_said(f, conf, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_cleaned),
        cmocka_unit_test(relative_paths_and_dot_dot_are_refused),
        cmocka_unit_test(containment_ends_at_a_slash),
        cmocka_unit_test_setup_teardown(a_source_inside_a_root_is_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(a_source_outside_every_root_is_refused_whether_it_is_there_or_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_missing_source_inside_a_root_is_told_as_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_symlink_is_judged_by_where_it_leads, setup, teardown),
        cmocka_unit_test_setup_teardown(without_roots_nothing_may_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_target_below_a_root_gets_its_parents, setup, teardown),
        cmocka_unit_test_setup_teardown(a_target_outside_is_refused_and_nothing_is_made, setup, teardown),
        cmocka_unit_test_setup_teardown(a_target_through_a_symlink_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_roots_are_said_as_they_count, setup, teardown),
        cmocka_unit_test_setup_teardown(roots_that_are_too_long_or_no_text_are_not_said, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
