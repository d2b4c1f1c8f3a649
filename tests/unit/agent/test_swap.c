#include "../unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tempdir.h"
#include "update/likeness.h"
#include "update/swap.h"
#include "update/swap_text.h"

struct fixture {
    struct tempdir dir;
    char agent[PATH_MAX];
    struct swap_state start;
};

static void lay(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static const char *beside(const struct fixture *f, const char *suffix)
{
    char name[32];
    (void)snprintf(name, sizeof name, "A%s", suffix);
    return tempdir_path(&f->dir, name);
}

static bool exists(const struct fixture *f, const char *suffix)
{
    struct stat st;
    return lstat(beside(f, suffix), &st) == 0;
}

static int setup(void **state)
{
    static struct fixture f;
    tempdir_make(&f.dir);
    (void)snprintf(f.agent, sizeof f.agent, "%s/A", f.dir.path);
    lay(f.agent, "old", 0750);
    lay(beside(&f, ".new"), "new", 0750);
    f.start = (struct swap_state){.version = "0.2.0", .previous = "0.1.0", .trial_s = 120, .evidence = "/evidence"};
    f.start.log = (struct eventlog_position){.epoch = "0123456789abcdef", .seq = 4711, .boot_id = "unknown"};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tempdir_remove(&f->dir);
    return 0;
}

static int begin(struct fixture *f)
{
    struct err err = {0};
    int rc = swap_begin(f->agent, &f->start, &err);
    assert_true((rc == 0) == (err.msg[0] == '\0'));
    return rc;
}

static struct swap_state read_state(struct fixture *f)
{
    struct swap_state s;
    struct err err = {0};
    if (swap_state_read(f->agent, &s, &err) != 0)
        fail_msg("%s", err.msg);
    return s;
}

static void set_phase(struct fixture *f, enum swap_phase phase)
{
    char text[SWAP_FILE_MAX + 1];
    size_t len = 0;
    struct err err = {0};
    struct swap_state s = f->start;
    s.phase = phase;
    s.round = 1;
    assert_int_equal(swap_text_format(&s, text, &len, &err), 0);
    text[len] = '\0';
    lay(beside(f, ".trial"), text, 0600);
}

static void what_runs_is_kept_and_the_launcher_told(void **state)
{
    struct fixture *f = *state;
    struct stat agent;
    struct stat backup;
    struct stat trial;
    f->start.phase = SWAP_COMMITTED; /* of an older one, and looked at no more than these */
    f->start.starts = 7;
    f->start.round = 9;
    (void)strcpy(f->start.reason, "of an older one");
    assert_int_equal(begin(f), 0);
    struct swap_state s = read_state(f);
    assert_int_equal(s.phase, SWAP_TRIAL);
    assert_string_equal(s.version, "0.2.0");
    assert_int_equal(s.starts, 0);
    assert_int_equal(s.round, 1);
    assert_string_equal(s.reason, "");
    assert_int_equal(s.log.seq, 4711);
    assert_int_equal(stat(f->agent, &agent) == 0 && stat(beside(f, ".backup"), &backup) == 0, 1);
    assert_true(agent.st_ino == backup.st_ino);
    assert_int_equal(stat(beside(f, ".trial"), &trial), 0);
    assert_int_equal(trial.st_mode & 07777, 0600);
    assert_false(exists(f, ".backup.tmp") || exists(f, ".trial.tmp"));
}

static void beginning_again_is_safe_until_the_launcher_has_it(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(link(f->agent, beside(f, ".backup")), 0); /* it came so far */
    lay(beside(f, ".trial.tmp"), "half", 0600);
    assert_int_equal(begin(f), 0);
    assert_int_equal(begin(f), ERR_CONFLICT);
}

static void nothing_is_begun_without_a_program(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(beside(f, ".new"), 0640), 0);
    assert_int_equal(begin(f), ERR_INVALID);
    lay(beside(f, ".new"), "", 0750);
    assert_int_equal(begin(f), ERR_INVALID);
    assert_int_equal(unlink(beside(f, ".new")), 0);
    assert_int_equal(begin(f), ERR_NOT_FOUND);
    assert_int_equal(symlink(f->agent, beside(f, ".new")), 0);
    assert_int_equal(begin(f), ERR_INVALID);
    assert_false(exists(f, ".backup") || exists(f, ".trial"));
}

static void nothing_is_begun_that_the_launcher_could_not_read(void **state)
{
    struct fixture *f = *state;
    (void)strcpy(f->start.version, "../0.2.0");
    assert_int_equal(begin(f), ERR_INVALID);
    assert_false(exists(f, ".trial"));
}

static void the_launchers_phases_are_left_alone(void **state)
{
    struct fixture *f = *state;
    static const enum swap_phase phases[] = {SWAP_TRIAL, SWAP_RESTORED, SWAP_WAITING};
    for (size_t i = 0; i < 3; i++) {
        struct err err = {0};
        set_phase(f, phases[i]);
        assert_int_equal(begin(f), ERR_CONFLICT);
        assert_int_equal(swap_clear(f->agent, &err), ERR_CONFLICT);
        assert_int_equal(read_state(f).phase, phases[i]);
        assert_true(exists(f, ".new"));
    }
}

static void what_is_over_is_cleared_or_begun_anew(void **state)
{
    struct fixture *f = *state;
    static const enum swap_phase phases[] = {SWAP_COMMITTED, SWAP_REJECTED};
    for (size_t i = 0; i < 2; i++) {
        struct err err = {0};
        lay(beside(f, ".new"), "new", 0750);
        lay(beside(f, ".backup"), "older", 0750);
        set_phase(f, phases[i]);
        assert_int_equal(swap_clear(f->agent, &err), 0);
        assert_false(exists(f, ".new") || exists(f, ".backup") || exists(f, ".trial"));
        assert_int_equal(read_state(f).phase, SWAP_NONE);
        assert_int_equal(swap_clear(f->agent, &err), 0);
        lay(beside(f, ".new"), "new", 0750);
        set_phase(f, phases[i]);
        assert_int_equal(begin(f), 0);
        assert_int_equal(read_state(f).phase, SWAP_TRIAL);
        set_phase(f, phases[i]);
    }
}

static void a_damaged_state_is_told_and_can_be_cleared(void **state)
{
    struct fixture *f = *state;
    struct swap_state s = {.phase = SWAP_WAITING};
    struct err err = {0};
    lay(beside(f, ".trial"), "muster-trial 1\nphase tri", 0600);
    assert_int_equal(swap_state_read(f->agent, &s, &err), ERR_CORRUPT);
    assert_int_equal(s.phase, SWAP_WAITING);
    assert_int_equal(begin(f), ERR_CORRUPT);
    assert_int_equal(swap_clear(f->agent, &err), 0);
    assert_false(exists(f, ".trial"));
}

static void a_state_that_is_no_file_is_damaged(void **state)
{
    struct fixture *f = *state;
    struct swap_state s;
    struct err err = {0};
    assert_int_equal(symlink(f->agent, beside(f, ".trial")), 0);
    assert_int_equal(swap_state_read(f->agent, &s, &err), ERR_CORRUPT);
    assert_int_equal(unlink(beside(f, ".trial")), 0);
    assert_int_equal(mkfifo(beside(f, ".trial"), 0600), 0);
    assert_int_equal(swap_state_read(f->agent, &s, &err), ERR_CORRUPT);
}

static void a_copy_is_like_its_original(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    struct err err = {0};
    char value[8] = "";
    const char *to = beside(f, ".copy");
    bool attributes = setxattr(f->agent, "user.muster", "kept", 4, 0) == 0;
    if (geteuid() == 0)
        assert_int_equal(chown(f->agent, 12345, 54321), 0);
    assert_int_equal(chmod(f->agent, 04751), 0);
    assert_int_equal(likeness_copy(f->agent, to, &err), 0);
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_mode & 07777, 04751);
    assert_int_equal(st.st_size, 3);
    if (geteuid() == 0)
        assert_true(st.st_uid == 12345 && st.st_gid == 54321);
    if (attributes)
        assert_int_equal(getxattr(to, "user.muster", value, sizeof value), 4);
    assert_int_equal(likeness_copy(f->agent, to, &err), ERR_IO); /* never over something */
    assert_int_equal(stat(to, &st), 0);
}

/* In a process of its own, since it is about the process's own binary: a copy of this program. */
static void the_binary_is_found_after_it_was_replaced(void **state)
{
    struct fixture *f = *state;
    char self[PATH_MAX];
    char copy[PATH_MAX];
    struct err err = {0};
    (void)snprintf(copy, sizeof copy, "%s/program", f->dir.path);
    assert_int_equal(swap_running_path(self, &err), 0);
    assert_int_equal(likeness_copy(self, copy, &err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl(copy, copy, "replaced", (char *)NULL);
        _exit(3);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

static int replaced(const char *self)
{
    char before[PATH_MAX];
    char after[PATH_MAX];
    char other[PATH_MAX];
    struct err err = {0};
    (void)snprintf(other, sizeof other, "%.4000s.other", self);
    if (swap_running_path(before, &err) != 0 || strcmp(before, self) != 0)
        return 1;
    FILE *f = fopen(other, "we");
    if (f == NULL || fclose(f) != 0 || rename(other, self) != 0)
        return 2;
    return swap_running_path(after, &err) == 0 && strcmp(after, self) == 0 ? 0 : 4;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(what_runs_is_kept_and_the_launcher_told),
        TEST(beginning_again_is_safe_until_the_launcher_has_it),
        TEST(nothing_is_begun_without_a_program),
        TEST(nothing_is_begun_that_the_launcher_could_not_read),
        TEST(the_launchers_phases_are_left_alone),
        TEST(what_is_over_is_cleared_or_begun_anew),
        TEST(a_damaged_state_is_told_and_can_be_cleared),
        TEST(a_state_that_is_no_file_is_damaged),
        TEST(a_copy_is_like_its_original),
        TEST(the_binary_is_found_after_it_was_replaced),
    };
    if (argc == 2)
        return replaced(argv[0]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
