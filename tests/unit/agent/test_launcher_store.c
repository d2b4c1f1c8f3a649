#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include "agent-static/launcher/copy.h"
#include "agent-static/launcher/evidence.h"
#include "agent-static/launcher/store.h"
#include "tempdir.h"

static const char good[] =
    "muster-trial 1\nphase trial\nversion 0.2.0\nprevious 0.1.0\ntrial_s 120\nstarts 0\nround 1\n"
    "epoch 0123456789abcdef\nseq 4711\nreplayed 4711\nboot unknown\nevidence /evidence\n";

struct fixture {
    struct tempdir dir;
    char agent[PATH_MAX];
    struct store store;
};

static void lay(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void assert_content(const char *path, const char *wanted)
{
    char text[512] = "";
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    assert_int_equal(n, strlen(wanted));
    assert_string_equal(text, wanted);
}

static int setup(void **state)
{
    static struct fixture f;
    tempdir_make(&f.dir);
    (void)snprintf(f.agent, sizeof f.agent, "%s/A", f.dir.path);
    assert_true(store_init(&f.store, f.agent));
    lay(f.agent, "old", 0750);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tempdir_remove(&f->dir);
    return 0;
}

static bool is_root(void)
{
    return geteuid() == 0;
}

/* --- the state file --- */

static enum store_found load(struct fixture *f)
{
    struct state s;
    struct store_why why = {""};
    enum store_found found = store_load(&f->store, &s, &why);
    assert_true((found == STORE_REFUSED) == (why.text[0] != '\0'));
    return found;
}

static void there_need_not_be_a_state(void **state)
{
    assert_int_equal(load(*state), STORE_NOTHING);
}

static void a_state_is_read_and_written(void **state)
{
    struct fixture *f = *state;
    struct state s;
    struct state back;
    struct store_why why;
    struct stat st;
    lay(f->store.trial, good, 0600);
    assert_int_equal(store_load(&f->store, &s, &why), STORE_STATE);
    s.starts = 2;
    assert_true(store_save(&f->store, &s, &why));
    assert_int_equal(store_load(&f->store, &back, &why), STORE_STATE);
    assert_int_equal(back.starts, 2);
    assert_int_equal(stat(f->store.trial, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(access(f->store.trial_temp, F_OK), -1);
}

static void a_state_that_others_may_write_is_refused(void **state)
{
    struct fixture *f = *state;
    lay(f->store.trial, good, 0620);
    assert_int_equal(load(f), STORE_REFUSED);
    lay(f->store.trial, good, 0602);
    assert_int_equal(load(f), STORE_REFUSED);
    lay(f->store.trial, good, 0644);
    assert_int_equal(load(f), STORE_STATE);
}

static void a_state_of_another_user_is_refused(void **state)
{
    struct fixture *f = *state;
    if (!is_root())
        skip();
    lay(f->store.trial, good, 0600);
    assert_int_equal(chown(f->store.trial, 12345, 0), 0);
    assert_int_equal(load(f), STORE_REFUSED);
}

static void a_state_that_is_no_file_of_its_own_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *elsewhere = tempdir_path(&f->dir, "elsewhere");
    lay(elsewhere, good, 0600);
    assert_int_equal(symlink(elsewhere, f->store.trial), 0);
    assert_int_equal(load(f), STORE_REFUSED);
    assert_int_equal(unlink(f->store.trial), 0);
    assert_int_equal(mkfifo(f->store.trial, 0600), 0);
    assert_int_equal(load(f), STORE_REFUSED);
    assert_int_equal(unlink(f->store.trial), 0);
    assert_int_equal(mkdir(f->store.trial, 0700), 0);
    assert_int_equal(load(f), STORE_REFUSED);
}

static void a_state_that_is_too_long_or_damaged_is_refused(void **state)
{
    struct fixture *f = *state;
    static char text[STATE_TEXT_MAX + 2];
    lay(f->store.trial, "", 0600);
    assert_int_equal(load(f), STORE_REFUSED);
    lay(f->store.trial, "muster-trial 1\nphase trial\n", 0600);
    assert_int_equal(load(f), STORE_REFUSED);
    (void)snprintf(text, sizeof text, "%s", good);
    for (size_t len = strlen(text); len < sizeof text - 1; len++)
        text[len] = len % 64 == 63 ? '\n' : len % 64 == 10 ? ' ' : 'x';
    text[sizeof text - 2] = '\n';
    lay(f->store.trial, text, 0600);
    assert_int_equal(load(f), STORE_REFUSED);
}

static void what_lies_where_the_state_is_written_is_not_followed(void **state)
{
    struct fixture *f = *state;
    struct state s;
    struct store_why why;
    const char *victim = tempdir_path(&f->dir, "victim");
    lay(victim, "untouched", 0600);
    assert_int_equal(symlink(victim, f->store.trial_temp), 0);
    assert_true(state_parse(good, strlen(good), &s));
    assert_true(store_save(&f->store, &s, &why));
    assert_content(victim, "untouched");
    assert_int_equal(load(f), STORE_STATE);
}

static void a_save_that_fails_leaves_the_state_that_was(void **state)
{
    struct fixture *f = *state;
    struct state s;
    struct store_why why = {""};
    lay(f->store.trial, good, 0600);
    assert_true(state_parse(good, strlen(good), &s));
    assert_int_equal(mkdir(f->store.trial_temp, 0700), 0);
    assert_int_equal(mkdir(tempdir_path(&f->dir, "A.trial.tmp/in-the-way"), 0700), 0);
    assert_false(store_save(&f->store, &s, &why));
    assert_true(why.text[0] != '\0');
    assert_content(f->store.trial, good);
}

/* --- the binary --- */

static enum store_put put(struct fixture *f, const char *source)
{
    struct store_why why = {""};
    enum store_put result = store_put(&f->store, source, &why);
    assert_true((result == STORE_PUT) == (why.text[0] == '\0'));
    return result;
}

static void a_binary_is_put_with_all_that_belongs_to_it(void **state)
{
    struct fixture *f = *state;
    struct stat source;
    struct stat agent;
    lay(f->store.made_new, "new", 0710);
    assert_int_equal(put(f, f->store.made_new), STORE_PUT);
    assert_content(f->agent, "new");
    assert_int_equal(stat(f->store.made_new, &source), 0);
    assert_int_equal(stat(f->agent, &agent), 0);
    assert_true(source.st_ino == agent.st_ino); /* the same file: owner, mode and attributes are */
    assert_int_equal(access(f->store.put_temp, F_OK), -1);
}

static void what_is_in_place_stays(void **state)
{
    struct fixture *f = *state;
    struct stat before;
    struct stat after;
    lay(f->store.backup, "old", 0750);
    assert_int_equal(stat(f->agent, &before), 0);
    assert_int_equal(put(f, f->store.backup), STORE_PUT);
    assert_int_equal(stat(f->agent, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    /* rename(2) between two links of one file does nothing; that must not leave a third. */
    assert_int_equal(unlink(f->store.backup) == 0 && link(f->agent, f->store.backup) == 0, 1);
    assert_int_equal(put(f, f->store.backup), STORE_PUT);
    assert_int_equal(stat(f->agent, &after), 0);
    assert_int_equal(after.st_nlink, 2);
}

static void only_a_program_is_put(void **state)
{
    struct fixture *f = *state;
    const char *elsewhere = tempdir_path(&f->dir, "elsewhere");
    assert_int_equal(put(f, f->store.made_new), STORE_MISSING);
    lay(f->store.made_new, "new", 0640);
    assert_int_equal(put(f, f->store.made_new), STORE_FAILED);
    lay(f->store.made_new, "", 0750);
    assert_int_equal(put(f, f->store.made_new), STORE_FAILED);
    assert_int_equal(unlink(f->store.made_new), 0);
    lay(elsewhere, "new", 0750);
    assert_int_equal(symlink(elsewhere, f->store.made_new), 0);
    assert_int_equal(put(f, f->store.made_new), STORE_FAILED);
    assert_int_equal(unlink(f->store.made_new), 0);
    assert_int_equal(mkfifo(f->store.made_new, 0750), 0);
    assert_int_equal(put(f, f->store.made_new), STORE_FAILED);
    assert_content(f->agent, "old");
}

static void a_binary_of_a_stranger_is_not_put(void **state)
{
    struct fixture *f = *state;
    if (!is_root())
        skip();
    lay(f->store.made_new, "new", 0750);
    assert_int_equal(chown(f->store.made_new, 12345, 0), 0);
    assert_int_equal(put(f, f->store.made_new), STORE_FAILED);
    assert_content(f->agent, "old");
    assert_int_equal(chown(f->agent, 12345, 0), 0); /* the agent's owner is no stranger */
    assert_int_equal(put(f, f->store.made_new), STORE_PUT);
}

static void a_copy_has_owner_mode_and_attributes_too(void **state)
{
    struct fixture *f = *state;
    const char *to = tempdir_path(&f->dir, "copy");
    struct stat st;
    char value[32] = "";
    bool attributes = setxattr(f->agent, "user.muster", "kept", 4, 0) == 0;
    if (is_root())
        assert_int_equal(chown(f->agent, 12345, 54321), 0);
    assert_int_equal(chmod(f->agent, 04751), 0);
    int fd = open(f->agent, O_RDONLY | O_CLOEXEC);
    assert_true(copy_file(fd, to));
    assert_content(to, "old");
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_mode & 07777, 04751);
    if (is_root())
        assert_true(st.st_uid == 12345 && st.st_gid == 54321);
    if (attributes)
        assert_int_equal(getxattr(to, "user.muster", value, sizeof value), 4);
    errno = 0;
    assert_false(copy_file(fd, to)); /* never over something */
    assert_int_equal(errno, EEXIST);
    (void)close(fd);
}

/* --- evidence --- */

static struct state failed(const struct fixture *f)
{
    struct state s;
    assert_true(state_parse(good, strlen(good), &s));
    (void)snprintf(s.reason, sizeof s.reason, "crashed: signal 6");
    (void)snprintf(s.evidence, sizeof s.evidence, "%s/evidence", f->dir.path);
    return s;
}

static void evidence_tells_what_and_why(void **state)
{
    struct fixture *f = *state;
    static struct evidence e;
    struct state s = failed(f);
    char text[1024] = "";
    const char *path = tempdir_path(&f->dir, "evidence/0.2.0.log");
    e.total = 0;
    evidence_add(&e, "last words\n", 11);
    assert_true(evidence_write(&e, &s));
    assert_true(evidence_write(&e, &s)); /* in place of the one before */
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    (void)fclose(file);
    assert_non_null(strstr(text, "version 0.2.0\nprevious 0.1.0\ntime 20"));
    assert_non_null(strstr(text, "\nreason crashed: signal 6\n\nlast words\n"));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void only_the_last_whole_lines_are_kept(void **state)
{
    (void)state;
    static struct evidence e;
    static char bytes[EVIDENCE_MAX];
    e.total = 0;
    for (int i = 0; i < 2000; i++) {
        char line[32];
        evidence_add(&e, line, (size_t)snprintf(line, sizeof line, "line %d\n", i));
    }
    size_t len = evidence_get(&e, bytes);
    assert_true(len > EVIDENCE_MAX - 16 && len <= EVIDENCE_MAX);
    assert_memory_equal(bytes, "line ", 5);
    assert_memory_equal(bytes + len - 10, "line 1999\n", 10);
    /* A line longer than all of it is better than nothing. */
    e.total = 0;
    for (int i = 0; i < EVIDENCE_MAX + 100; i++)
        evidence_add(&e, "x", 1);
    assert_int_equal(evidence_get(&e, bytes), EVIDENCE_MAX);
}

static void evidence_goes_nowhere_that_others_prepared(void **state)
{
    struct fixture *f = *state;
    static struct evidence e;
    struct state s = failed(f);
    const char *dir = tempdir_path(&f->dir, "evidence");
    const char *elsewhere = tempdir_path(&f->dir, "elsewhere");
    const char *victim = tempdir_path(&f->dir, "victim");
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    assert_int_equal(symlink(elsewhere, dir), 0);
    assert_false(evidence_write(&e, &s));
    assert_int_equal(unlink(dir), 0);
    assert_int_equal(mkdir(dir, 0700) == 0 && chmod(dir, 0777) == 0, 1);
    assert_false(evidence_write(&e, &s));
    assert_int_equal(chmod(dir, 0700), 0);
    lay(victim, "untouched", 0600);
    assert_int_equal(symlink(victim, tempdir_path(&f->dir, "evidence/0.2.0.log")), 0);
    assert_int_equal(symlink(victim, tempdir_path(&f->dir, "evidence/0.2.0.tmp")), 0);
    assert_true(evidence_write(&e, &s));
    assert_content(victim, "untouched");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(there_need_not_be_a_state),
        TEST(a_state_is_read_and_written),
        TEST(a_state_that_others_may_write_is_refused),
        TEST(a_state_of_another_user_is_refused),
        TEST(a_state_that_is_no_file_of_its_own_is_refused),
        TEST(a_state_that_is_too_long_or_damaged_is_refused),
        TEST(what_lies_where_the_state_is_written_is_not_followed),
        TEST(a_save_that_fails_leaves_the_state_that_was),
        TEST(a_binary_is_put_with_all_that_belongs_to_it),
        TEST(what_is_in_place_stays),
        TEST(only_a_program_is_put),
        TEST(a_binary_of_a_stranger_is_not_put),
        TEST(a_copy_has_owner_mode_and_attributes_too),
        TEST(evidence_tells_what_and_why),
        TEST(only_the_last_whole_lines_are_kept),
        TEST(evidence_goes_nowhere_that_others_prepared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
