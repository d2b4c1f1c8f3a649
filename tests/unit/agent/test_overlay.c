#include "../unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "restore/overlay.h"
#include "restore/place.h"
#include "tempdir.h"

/* Somebody who may write in "to" puts a symlink in the place of the directory "d" just before it is opened there. */
static const char *racing; /* the directory that holds "to"; NULL: nobody does */
int __real_openat(int dir_fd, const char *name, int flags, ...);
int __wrap_openat(int dir_fd, const char *name, int flags, ...);

int __wrap_openat(int dir_fd, const char *name, int flags, ...)
{
    struct stat here;
    struct stat to;
    char path[PATH_MAX];
    if (racing != NULL && strcmp(name, "d") == 0) {
        (void)snprintf(path, sizeof path, "%s/to", racing);
        assert_int_equal(fstat(dir_fd, &here) | stat(path, &to), 0);
        if (here.st_ino == to.st_ino) {
            racing = NULL;
            assert_int_equal(renameat(dir_fd, "d", dir_fd, "was"), 0);
            assert_int_equal(symlinkat("../outside", dir_fd, "d"), 0);
        }
    }
    return __real_openat(dir_fd, name, flags, 0600);
}

/* "from" is what was restored, "to" what is there, "outside" neither. */
struct fixture {
    struct tempdir dir;
    struct report report;
    struct overlay overlay;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.overlay = {.policy = OVERLAY_ALWAYS, .report = &f.report}};
    tempdir_make(&f.dir);
    report_init(&f.report);
    static const char *const names[] = {"from", "to", "outside"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(mkdir(tempdir_path(&f.dir, names[i]), 0755), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    report_done(&f->report);
    tempdir_remove(&f->dir);
    return 0;
}

static void make_dir(struct fixture *f, const char *name, mode_t mode)
{
    assert_int_equal(mkdir(tempdir_path(&f->dir, name), 0700), 0);
    assert_int_equal(chmod(tempdir_path(&f->dir, name), mode), 0);
}

static void make_file(struct fixture *f, const char *name, const char *content, time_t mtime)
{
    int fd = open(tempdir_path(&f->dir, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    assert_int_equal(futimens(fd, times), 0);
    (void)close(fd);
}

static const char *content(struct fixture *f, const char *name)
{
    static char text[100];
    int fd = open(tempdir_path(&f->dir, name), O_RDONLY | O_NOFOLLOW);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    text[len < 0 ? 0 : len] = '\0';
    if (fd >= 0)
        (void)close(fd);
    return len < 0 ? NULL : text;
}

static void merge(struct fixture *f)
{
    struct err err;
    int from = open(tempdir_path(&f->dir, "from"), O_RDONLY | O_DIRECTORY);
    int to = open(tempdir_path(&f->dir, "to"), O_RDONLY | O_DIRECTORY);
    assert_int_equal(overlay_tree(&f->overlay, from, to, "", &err), 0);
    (void)close(from);
    (void)close(to);
}

static void policies_decide(void **state)
{
    (void)state;
    const struct overlay_item old = {.type = S_IFREG, .size = 5, .mtime_ms = 1000};
    const struct overlay_item newer = {.type = S_IFREG, .size = 5, .mtime_ms = 1001};
    const struct overlay_item larger = {.type = S_IFREG, .size = 6, .mtime_ms = 1000};
    const struct overlay_item link = {.type = S_IFLNK, .size = 5, .mtime_ms = 1000};
    const struct {
        const struct overlay_item *restored, *there;
        bool never, newer, changed, always;
    } cases[] = {
        {&old, &old, false, false, false, true},  {&newer, &old, false, true, true, true},
        {&old, &newer, false, false, true, true}, {&larger, &old, false, false, true, true},
        {&link, &old, false, false, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(overlay_replaces(OVERLAY_NEVER, cases[i].restored, cases[i].there), cases[i].never);
        assert_int_equal(overlay_replaces(OVERLAY_NEWER, cases[i].restored, cases[i].there), cases[i].newer);
        assert_int_equal(overlay_replaces(OVERLAY_CHANGED, cases[i].restored, cases[i].there), cases[i].changed);
        assert_int_equal(overlay_replaces(OVERLAY_ALWAYS, cases[i].restored, cases[i].there), cases[i].always);
    }
}

static void what_is_kept_stays_aside_and_is_counted(void **state)
{
    struct fixture *f = *state;
    f->overlay.policy = OVERLAY_NEVER;
    make_file(f, "from/a", "new", 5);
    make_file(f, "to/a", "old", 5);
    make_file(f, "from/b", "new", 5);
    merge(f);
    assert_string_equal(content(f, "to/a"), "old");
    assert_string_equal(content(f, "from/a"), "new");
    assert_string_equal(content(f, "to/b"), "new");
    assert_int_equal(f->overlay.kept, 1);
    assert_int_equal(f->overlay.written, 1);
    assert_int_equal(f->overlay.replaced, 0);
}

static void a_file_with_other_names_is_replaced_not_written_to(void **state)
{
    struct fixture *f = *state;
    make_file(f, "outside/victim", "untouched", 5);
    assert_int_equal(link(tempdir_path(&f->dir, "outside/victim"), tempdir_path(&f->dir, "to/a")), 0);
    make_file(f, "from/a", "new", 5);
    merge(f);
    assert_string_equal(content(f, "outside/victim"), "untouched");
    assert_string_equal(content(f, "to/a"), "new");
    assert_int_equal(f->overlay.replaced, 1);
}

static void a_symlink_to_a_directory_is_replaced_not_entered(void **state)
{
    struct fixture *f = *state;
    make_dir(f, "from/d", 0755);
    make_file(f, "from/d/evil", "evil", 5);
    assert_int_equal(symlink("../outside", tempdir_path(&f->dir, "to/d")), 0);
    merge(f);
    assert_null(content(f, "outside/evil"));
    assert_string_equal(content(f, "to/d/evil"), "evil");
}

static void a_symlink_that_comes_up_while_it_is_entered_is_not_followed(void **state)
{
    struct fixture *f = *state;
    make_dir(f, "from/d", 0755);
    make_file(f, "from/d/evil", "evil", 5);
    make_dir(f, "to/d", 0755);
    racing = f->dir.path;
    merge(f);
    assert_null(racing);
    assert_null(content(f, "outside/evil"));
    assert_int_equal(report_problems(&f->report), 1);
}

static void a_directory_that_is_only_passed_through_changes_nothing_of_the_one_there(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    make_dir(f, "from/d", 0755);
    make_file(f, "from/d/a", "new", 5);
    assert_int_equal(chmod(tempdir_path(&f->dir, "from/d"), PLACE_WAY), 0);
    make_dir(f, "to/d", 0711);
    merge(f);
    assert_int_equal(stat(tempdir_path(&f->dir, "to/d"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    assert_string_equal(content(f, "to/d/a"), "new");
    assert_int_equal(f->overlay.replaced, 0);
}

static void a_directory_takes_mode_and_time_when_the_policy_says_so(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    const struct timespec times[2] = {{.tv_sec = 77}, {.tv_sec = 77}};
    make_dir(f, "from/d", 0750);
    make_file(f, "from/d/a", "new", 5);
    assert_int_equal(utimensat(AT_FDCWD, tempdir_path(&f->dir, "from/d"), times, 0), 0);
    make_dir(f, "to/d", 0711);
    merge(f);
    assert_int_equal(stat(tempdir_path(&f->dir, "to/d"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(st.st_mtim.tv_sec, 77);
}

static void a_full_directory_is_replaced_by_no_file_but_an_empty_one_is(void **state)
{
    struct fixture *f = *state;
    make_file(f, "from/a", "new", 5);
    make_file(f, "from/b", "new", 5);
    make_dir(f, "to/a", 0755);
    make_file(f, "to/a/mine", "mine", 5);
    make_dir(f, "to/b", 0755);
    merge(f);
    assert_string_equal(content(f, "to/a/mine"), "mine");
    assert_string_equal(content(f, "to/b"), "new");
    assert_int_equal(report_problems(&f->report), 1);
}

static void the_place_aside_is_left_alone(void **state)
{
    struct fixture *f = *state;
    f->overlay.skip = "aside";
    make_dir(f, "from/aside", 0755);
    make_dir(f, "from/d", 0755);
    make_file(f, "from/d/aside", "only a name", 5);
    merge(f);
    assert_int_equal(access(tempdir_path(&f->dir, "to/aside"), F_OK), -1);
    assert_string_equal(content(f, "to/d/aside"), "only a name");
    assert_int_equal(report_problems(&f->report), 1);
}

static void attributes_of_a_directory_are_the_restored_ones(void **state)
{
    struct fixture *f = *state;
    char value[8];
    make_dir(f, "from/d", 0755);
    make_dir(f, "to/d", 0755);
    if (setxattr(tempdir_path(&f->dir, "from/d"), "user.new", "1", 1, 0) != 0)
        return; /* a file system without attributes */
    assert_int_equal(setxattr(tempdir_path(&f->dir, "to/d"), "user.old", "1", 1, 0), 0);
    merge(f);
    assert_int_equal(getxattr(tempdir_path(&f->dir, "to/d"), "user.new", value, sizeof value), 1);
    assert_int_equal(getxattr(tempdir_path(&f->dir, "to/d"), "user.old", value, sizeof value), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_decide),
        cmocka_unit_test_setup_teardown(what_is_kept_stays_aside_and_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_with_other_names_is_replaced_not_written_to, setup, teardown),
        cmocka_unit_test_setup_teardown(a_symlink_to_a_directory_is_replaced_not_entered, setup, teardown),
        cmocka_unit_test_setup_teardown(a_symlink_that_comes_up_while_it_is_entered_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_is_only_passed_through_changes_nothing_of_the_one_there, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_directory_takes_mode_and_time_when_the_policy_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_directory_is_replaced_by_no_file_but_an_empty_one_is, setup, teardown),
        cmocka_unit_test_setup_teardown(the_place_aside_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_of_a_directory_are_the_restored_ones, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
