#include "../unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backup/runfile.h"
#include "common/file.h"
#include "tempdir.h"

struct fixture {
    struct tempdir dir;
    struct agent agent;
};

static const struct runfile_content sample = {
    .config_id = "c-1", .config_name = "data", .log_id = "log-1", .command_id = "cmd-1", .started_ms = 1234567890123};

static int setup(void **state)
{
    static struct fixture f;
    tempdir_make(&f.dir);
    f.agent = (struct agent){.state_dir = f.dir.path};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tempdir_remove(&f->dir);
    return 0;
}

static struct runfile *take(const struct fixture *f)
{
    struct runfile *r = NULL;
    assert_int_equal(runfile_take(&f->agent, "c-1", &r, NULL, NULL), 0);
    return r;
}

static void what_is_written_can_be_read(void **state)
{
    struct fixture *f = *state;
    struct runfile_content read = {0};
    struct runfile *r = take(f);
    assert_false(runfile_read(r, &read));
    assert_int_equal(runfile_write(r, &sample, NULL), 0);
    assert_true(runfile_read(r, &read));
    assert_memory_equal(&read, &sample, sizeof sample);
    runfile_release(r);
}

static void a_shorter_content_replaces_a_longer_one(void **state)
{
    struct fixture *f = *state;
    struct runfile_content read;
    struct runfile_content shorter = {.config_id = "c", .started_ms = 1};
    struct runfile *r = take(f);
    assert_int_equal(runfile_write(r, &sample, NULL), 0);
    assert_int_equal(runfile_write(r, &shorter, NULL), 0);
    assert_true(runfile_read(r, &read));
    assert_string_equal(read.config_id, "c");
    runfile_release(r);
}

static void the_second_taker_is_told_who_has_it(void **state)
{
    struct fixture *f = *state;
    struct runfile_content other;
    struct runfile *second = NULL;
    struct runfile *r = take(f);
    assert_int_equal(runfile_write(r, &sample, NULL), 0);
    assert_int_equal(runfile_take(&f->agent, "c-1", &second, &other, NULL), ERR_CONFLICT);
    assert_null(second);
    assert_string_equal(other.command_id, "cmd-1");
    runfile_release(r);
}

static void a_killed_process_leaves_its_file_and_no_lock(void **state)
{
    struct fixture *f = *state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct runfile *r = NULL;
        if (runfile_take(&f->agent, "c-1", &r, NULL, NULL) != 0 || runfile_write(r, &sample, NULL) != 0)
            _exit(1);
        (void)!write(ready[1], "x", 1);
        for (;;)
            (void)pause();
    }
    char x;
    assert_int_equal(read(ready[0], &x, 1), 1);
    struct runfile *r = NULL;
    assert_int_equal(runfile_take(&f->agent, "c-1", &r, NULL, NULL), ERR_CONFLICT);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    struct runfile_content read_back;
    assert_int_equal(runfile_take(&f->agent, "c-1", &r, NULL, NULL), 0);
    assert_true(runfile_read(r, &read_back));
    assert_string_equal(read_back.log_id, "log-1");
    assert_int_equal(runfile_remove(r, NULL), 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void torn_content_is_found_out(void **state)
{
    struct fixture *f = *state;
    struct runfile_content read;
    struct runfile *r = take(f);
    assert_int_equal(runfile_write(r, &sample, NULL), 0);
    assert_int_equal(truncate(tempdir_path(&f->dir, "run/c-1"), 20), 0);
    assert_false(runfile_read(r, &read));
    runfile_release(r);
}

static int count(void *ctx, const char *config_id, struct err *err)
{
    (void)err;
    assert_string_equal(config_id, "c-1");
    (*(int *)ctx)++;
    return 0;
}

static void every_file_is_listed_until_it_is_removed(void **state)
{
    struct fixture *f = *state;
    int files = 0;
    assert_int_equal(runfile_each(&f->agent, count, &files, NULL), 0);
    assert_int_equal(files, 0);
    struct runfile *r = take(f);
    assert_int_equal(runfile_each(&f->agent, count, &files, NULL), 0);
    assert_int_equal(files, 1);
    assert_int_equal(runfile_remove(r, NULL), 0);
    assert_int_equal(runfile_each(&f->agent, count, &files, NULL), 0);
    assert_int_equal(files, 1);
}

static void an_id_with_a_slash_is_no_file(void **state)
{
    struct fixture *f = *state;
    struct runfile *r = NULL;
    assert_int_equal(runfile_take(&f->agent, "../x", &r, NULL, NULL), ERR_INVALID);
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_can_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shorter_content_replaces_a_longer_one, setup, teardown),
        cmocka_unit_test_setup_teardown(the_second_taker_is_told_who_has_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_process_leaves_its_file_and_no_lock, setup, teardown),
        cmocka_unit_test_setup_teardown(torn_content_is_found_out, setup, teardown),
        cmocka_unit_test_setup_teardown(every_file_is_listed_until_it_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_with_a_slash_is_no_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
