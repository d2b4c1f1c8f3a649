#include "../unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "poll/eventlog.h"
#include "tempdir.h"
#include "update/known_answers.h"
#include "update/selftest.h"

#define GOOD "{\"version\":\"2.0.0\",\"proto\":1,\"eventlog\":[1,2],\"ok\":true}"

/* What a "binary" that is this script comes to. */
static int run_script(void **state, const char *script, int timeout_ms, struct err *err)
{
    char text[2048];
    const char *path = tempdir_path(*state, "new");
    struct err write_err;
    int len = snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
    assert_int_equal(file_write(path, text, (size_t)len, 0755, &write_err), 0);
    struct selftest s = {.path = path, .version = "2.0.0", .config_path = "/the conf", .timeout_ms = timeout_ms};
    *err = (struct err){0};
    return selftest_run(&s, err);
}

static void assert_fails(void **state, const char *script, int code, const char *why)
{
    struct err err;
    int rc = run_script(state, script, 10000, &err);
    if (rc != code || strstr(err.msg, why) == NULL)
        fail_msg("%s: %d %s", script, rc, err.msg);
}

static void one_that_says_all_is_well_is_good(void **state)
{
    struct err err;
    if (run_script(state, "echo '" GOOD "'", 10000, &err) != 0)
        fail_msg("%s", err.msg);
}

static void what_it_reports_decides(void **state)
{
    assert_fails(state, "echo '{\"version\":\"1.9.9\",\"proto\":1,\"eventlog\":[1,1],\"ok\":true}'", ERR_INVALID,
                 "it is version 1.9.9, not 2.0.0");
    assert_fails(state, "echo '{\"version\":\"2.0.0\",\"proto\":1,\"eventlog\":[2,3],\"ok\":true}'", ERR_INVALID,
                 "format 1");
    assert_fails(
        state, "echo '{\"version\":\"2.0.0\",\"proto\":1,\"eventlog\":[1,1],\"ok\":false,\"error\":\"no CA\"}'; exit 1",
        ERR_INVALID, "no CA");
    assert_fails(state, "echo '{\"version\":\"2.0.0\"}'", ERR_INVALID, "not understood");
    assert_fails(state, "echo '" GOOD "'; exit 1", ERR_INVALID, "code 1");
    assert_fails(state, "echo '" GOOD "' '" GOOD "'", ERR_INVALID, "code 0");
}

static void one_that_does_not_get_that_far_says_why(void **state)
{
    assert_fails(state, "echo first >&2; echo 'no command selftest' >&2; exit 2", ERR_INVALID, "no command selftest");
    assert_fails(state, "echo why >&2; kill -ABRT $$", ERR_INVALID, "signal 6");
    assert_fails(state, "exit 0", ERR_INVALID, "code 0");
}

/* Gone, or dead and not yet collected by whoever is its parent now. A kill is no more than a request at first. */
static bool dies_within(pid_t pid, int64_t ms)
{
    char path[64];
    int64_t end_ms = clock_monotonic_ms(clock_system()) + ms;
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    do {
        char *text = NULL;
        struct err err;
        bool dead = file_read(path, 4096, &text, NULL, &err) != 0 || strstr(text, ") Z") != NULL;
        free(text);
        if (dead)
            return true;
        (void)usleep(1000);
    } while (clock_monotonic_ms(clock_system()) < end_ms);
    return false;
}

static void one_that_hangs_is_ended_with_all_it_started(void **state)
{
    struct err err;
    int64_t began_ms = clock_monotonic_ms(clock_system());
    const char *pid_file = tempdir_path(*state, "pid");
    char script[200];
    (void)snprintf(script, sizeof script, "sleep 1000 & echo $! > %s; wait", pid_file);
    assert_int_equal(run_script(state, script, 700, &err), ERR_TIMEOUT);
    assert_true(clock_monotonic_ms(clock_system()) - began_ms < 5000);
    char *text = NULL;
    assert_int_equal(file_read(pid_file, 20, &text, NULL, &err), 0);
    assert_true(dies_within(atoi(text), 5000));
    free(text);

    assert_int_equal(run_script(state, "exec >&- 2>&-; sleep 1000", 700, &err), ERR_TIMEOUT);
}

static void one_that_never_stops_talking_is_ended(void **state)
{
    assert_fails(state, "while :; do echo more and more; done", ERR_INVALID, "more than");
    assert_fails(state, "while :; do echo more and more >&2; done", ERR_INVALID, "more than");
}

static void it_is_given_its_arguments_and_nothing_else(void **state)
{
    (void)setenv("LOG_LEVEL", "debug", 1);
    (void)setenv("SECRET_OF_OURS", "x", 1);
    int fd = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    assert_true(fd >= 3);
    struct err err;
    int rc = run_script(state,
                        "[ \"$*\" = 'selftest --json --config /the conf' ] || exit 11\n"
                        "[ \"$LOG_LEVEL\" = debug ] || exit 12\n"
                        "[ -z \"$SECRET_OF_OURS\" ] || exit 13\n"
                        "[ \"$PWD\" = / ] || exit 14\n"
                        "for fd in /proc/self/fd/*; do case $fd in */0|*/1|*/2|*/10) ;; *)\n"
                        "  [ \"$(readlink $fd)\" != /dev/null ] || exit 15;; esac; done\n"
                        "read line && exit 16\n"
                        "echo '" GOOD "'",
                        10000, &err);
    if (rc != 0)
        fail_msg("%s", err.msg);
    (void)close(fd);
    (void)unsetenv("SECRET_OF_OURS");
    (void)unsetenv("LOG_LEVEL");
}

static void what_cannot_be_executed_is_told(void **state)
{
    struct err err;
    const char *path = tempdir_path(*state, "new");
    struct selftest s = {.path = path, .version = "2.0.0"};
    assert_int_equal(file_write(path, "\177ELF of another machine", 23, 0755, &err), 0);
    assert_int_equal(selftest_run(&s, &err), ERR_DENIED);
    assert_non_null(strstr(err.msg, "cannot be executed: Exec format error"));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(selftest_run(&s, &err), ERR_DENIED);
    assert_non_null(strstr(err.msg, "Permission denied"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(selftest_run(&s, &err), ERR_DENIED);
}

static void the_libraries_compute_rightly(void **state)
{
    struct err err = {0};
    (void)state;
    if (known_answers_check(&err) != 0)
        fail_msg("%s", err.msg);
}

static void the_event_log_is_read_without_a_write(void **state)
{
    struct err err = {0};
    struct eventlog *log = NULL;
    const char *dir = tempdir_path(*state, "events");
    char name[PATH_MAX];
    assert_int_equal(eventlog_check(dir, &err), 0); /* none yet */
    assert_int_not_equal(access(dir, F_OK), 0);
    struct eventlog_options options = {.dir = dir, .clock = clock_system()};
    assert_int_equal(eventlog_open(&options, &log, &err), 0);
    assert_int_equal(eventlog_check(dir, &err), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(eventlog_append(log, LOG_INFO, "log", "message", NULL, &err), 0);
    assert_int_equal(eventlog_check(dir, &err), 0);
    eventlog_close(log);

    struct stat st;
    (void)snprintf(name, sizeof name, "%s/%016d.seg", dir, 1);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(truncate(name, st.st_size - 1), 0); /* a writer is at it */
    assert_int_equal(eventlog_check(dir, &err), 0);
    assert_int_equal(truncate(name, st.st_size), 0); /* and now a zero where there was another byte */
    assert_int_equal(eventlog_check(dir, &err), ERR_CORRUPT);
    int fd = open(name, O_WRONLY);
    assert_int_equal(pwrite(fd, "MUSTEREW", 8, 0), 8); /* a format that is not ours */
    (void)close(fd);
    assert_int_equal(eventlog_check(dir, &err), ERR_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_says_all_is_well_is_good),       TEST(what_it_reports_decides),
        TEST(one_that_does_not_get_that_far_says_why), TEST(one_that_hangs_is_ended_with_all_it_started),
        TEST(one_that_never_stops_talking_is_ended),   TEST(it_is_given_its_arguments_and_nothing_else),
        TEST(what_cannot_be_executed_is_told),         TEST(the_libraries_compute_rightly),
        TEST(the_event_log_is_read_without_a_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
