#include "../unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/hooks.h"
#include "common/file.h"
#include "settings.h"
#include "tempdir.h"

struct fixture {
    struct tempdir dir;
    struct arena *arena;
    struct agent agent;
    struct hook hook;
    struct err err;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.arena = arena_new(64 * 1024), .agent = {.clock = clock_system()}};
    tempdir_make(&f.dir);
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

static int parse(struct fixture *f, const char *text, const char *name)
{
    f->hook = (struct hook){0};
    return hooks_parse(text, name, f->arena, &f->hook, &f->err);
}

static void a_line_is_a_name_a_time_and_a_program_with_arguments(void **state)
{
    struct fixture *f = *state;
    static const char text[] =
        "# dump 1 /bin/false\n\n  dump   60  /usr/bin/pg_dump --all  $HOME;ls\nother 1 /bin/true";
    assert_int_equal(parse(f, text, "dump"), 0);
    assert_string_equal(f->hook.name, "dump");
    assert_int_equal(f->hook.timeout_s, 60);
    assert_string_equal(f->hook.argv[0], "/usr/bin/pg_dump");
    assert_string_equal(f->hook.argv[1], "--all");
    assert_string_equal(f->hook.argv[2], "$HOME;ls");
    assert_null(f->hook.argv[3]);
    assert_int_equal(parse(f, text, "other"), 0);
    assert_null(f->hook.argv[1]);
    assert_int_equal(parse(f, text, "du"), ERR_DENIED);
    assert_int_equal(parse(f, text, "#"), ERR_DENIED);
    assert_int_equal(parse(f, text, ""), ERR_DENIED);
}

static void a_line_that_is_no_good_is_refused(void **state)
{
    static const char *const lines[] = {"x",
                                        "x 10",
                                        "x 0 /bin/true",
                                        "x -1 /bin/true",
                                        "x 10s /bin/true",
                                        "x 10 bin/true",
                                        "x 86401 /bin/true",
                                        "x /bin/true"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(parse(f, lines[i], "x"), ERR_DENIED);
}

static int find(struct fixture *f, const char *text, mode_t mode, const char *name)
{
    const char *path = tempdir_path(&f->dir, "hooks");
    const char *conf = tempdir_path(&f->dir, "agent.conf");
    char line[PATH_MAX + 16];
    assert_int_equal(file_write(path, text, strlen(text), mode, &f->err), 0);
    (void)snprintf(line, sizeof line, "HOOKS=%s\n", path);
    assert_int_equal(file_write(conf, line, strlen(line), 0600, &f->err), 0);
    assert_int_equal(settings_load(conf, &f->agent.config, &f->err), 0);
    int rc = hooks_find(&f->agent, name, f->arena, &f->hook, &f->err);
    config_free(f->agent.config);
    return rc;
}

static void a_file_or_a_program_that_others_may_change_is_not_trusted(void **state)
{
    struct fixture *f = *state;
    char program[PATH_MAX], text[2 * PATH_MAX];
    (void)snprintf(program, sizeof program, "%s/program", f->dir.path);
    assert_int_equal(file_write(program, "#!/bin/sh\n", 10, 0755, &f->err), 0);
    (void)snprintf(text, sizeof text, "x 10 %s\n", program);
    assert_int_equal(find(f, text, 0644, "x"), 0);
    assert_int_equal(find(f, text, 0664, "x"), ERR_DENIED);
    assert_int_equal(find(f, text, 0646, "x"), ERR_DENIED);
    assert_int_equal(chmod(program, 0777), 0);
    assert_int_equal(find(f, text, 0644, "x"), ERR_DENIED);
    assert_int_equal(unlink(program), 0);
    assert_int_equal(find(f, text, 0644, "x"), ERR_DENIED);
}

static int run(struct fixture *f, const char *script, const char *status, int (*tick)(void *, struct err *))
{
    char text[PATH_MAX];
    const char *path = tempdir_path(&f->dir, "script");
    (void)snprintf(text, sizeof text, "#!/bin/sh\nDIR=%s\n%s\n", f->dir.path, script);
    assert_int_equal(file_write(path, text, strlen(text), 0700, &f->err), 0);
    f->hook = (struct hook){.name = "x", .timeout_s = 20, .argv = {(char *)(uintptr_t)path, (char *)(uintptr_t) "a b"}};
    const struct hook_run hook_run = {.hook = &f->hook,
                                      .config_id = "c-1",
                                      .run_id = "r-1",
                                      .status = status,
                                      .timeout_ms = tick == NULL ? 0 : 5000,
                                      .tick = tick,
                                      .ctx = f};
    return hooks_run(&f->agent, &hook_run, &f->err);
}

static void it_runs_with_its_arguments_and_nothing_of_our_environment(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    assert_int_equal(setenv("API_KEY", "secret", 1), 0);
    assert_int_equal(run(f, "{ env; echo \"$#:$1\"; } > $DIR/out", "failed", NULL), 0);
    assert_int_equal(file_read(tempdir_path(&f->dir, "out"), 4096, &text, NULL, &f->err), 0);
    assert_null(strstr(text, "API_KEY"));
    assert_non_null(strstr(text, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"));
    assert_non_null(strstr(text, "MUSTER_HOOK=x\n"));
    assert_non_null(strstr(text, "MUSTER_WHEN=after\n"));
    assert_non_null(strstr(text, "MUSTER_CONFIG_ID=c-1\n"));
    assert_non_null(strstr(text, "MUSTER_RUN_ID=r-1\n"));
    assert_non_null(strstr(text, "MUSTER_STATUS=failed\n"));
    assert_non_null(strstr(text, "1:a b\n"));
    free(text);
}

static void a_failure_is_told(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, "exit 3", NULL, NULL), ERR_INVALID);
    assert_non_null(strstr(f->err.msg, "exit code 3"));
    assert_int_equal(run(f, "kill -9 $$", NULL, NULL), ERR_INVALID);
    assert_non_null(strstr(f->err.msg, "signal 9"));
}

static int object_now(void *ctx, struct err *err)
{
    (void)ctx;
    return err_set(err, ERR_CONFLICT, "enough");
}

static void it_is_killed_with_its_children_when_it_has_to_end(void **state)
{
    struct fixture *f = *state;
    char *text = NULL;
    assert_int_equal(run(f, "sleep 1000 & echo $! > $DIR/pid; wait", NULL, object_now), ERR_CONFLICT);
    assert_int_equal(file_read(tempdir_path(&f->dir, "pid"), 64, &text, NULL, &f->err), 0);
    pid_t child = atoi(text);
    free(text);
    char path[64], stat_text[256] = "";
    for (int i = 0; i < 500; i++) { /* an orphan: whoever inherits it may take its time to bury it */
        (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            return;
        char *got = fgets(stat_text, sizeof stat_text, file);
        (void)fclose(file);
        if (got == NULL || strstr(stat_text, ") Z ") != NULL)
            return;
        (void)usleep(10000);
    }
    fail_msg("the hook's child is still alive: %s", stat_text);
}

static int go_on(void *ctx, struct err *err)
{
    (void)ctx;
    (void)err;
    return 0;
}

static void it_is_killed_after_its_time(void **state)
{
    struct fixture *f = *state;
    const char *path = "/bin/sleep";
    f->hook = (struct hook){.name = "x", .timeout_s = 1, .argv = {(char *)(uintptr_t)path, (char *)(uintptr_t) "1000"}};
    const struct hook_run hook_run = {.hook = &f->hook, .config_id = "c", .run_id = "r", .tick = go_on};
    assert_int_equal(hooks_run(&f->agent, &hook_run, &f->err), ERR_TIMEOUT);
    assert_non_null(strstr(f->err.msg, "longer than 1 s"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_is_a_name_a_time_and_a_program_with_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_that_is_no_good_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_or_a_program_that_others_may_change_is_not_trusted, setup, teardown),
        cmocka_unit_test_setup_teardown(it_runs_with_its_arguments_and_nothing_of_our_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_killed_with_its_children_when_it_has_to_end, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_killed_after_its_time, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
