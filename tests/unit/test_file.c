#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"

/* Every test works in a directory of its own, which is the current one. */
struct place {
    char dir[64];
    int before;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    (void)strcpy(p->dir, "/tmp/muster-test-file-XXXXXX");
    p->before = open(".", O_RDONLY | O_DIRECTORY);
    *state = p;
    return p->before < 0 || mkdtemp(p->dir) == NULL || chdir(p->dir) != 0;
}

static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    int count = 0;
    while (d != NULL && readdir(d) != NULL)
        count++;
    if (d != NULL)
        (void)closedir(d);
    return count - 2; /* . and .. */
}

static void remove_all(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(path) != 0)
            remove_all(path);
    }
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(dir);
}

static int teardown(void **state)
{
    struct place *p = *state;
    int rc = fchdir(p->before);
    (void)close(p->before);
    remove_all(p->dir);
    free(p);
    return rc;
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    char *data = NULL;
    size_t len = 0;
    struct err e = {0};
    assert_int_equal(file_write("f", "a\0b", 3, 0600, &e), 0);
    assert_int_equal(file_read("f", 3, &data, &len, &e), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(data, "a\0b", 4);
    free(data);
    assert_int_equal(entries("."), 1);
}

static void the_mode_is_as_asked_whatever_the_umask(void **state)
{
    (void)state;
    mode_t before = umask(0777);
    assert_int_equal(file_write("f", "x", 1, 0644, NULL), 0);
    assert_int_equal(file_create("g", "x", 1, 0640, NULL), 0);
    (void)umask(before);
    struct stat st;
    assert_int_equal(stat("f", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(stat("g", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void an_empty_file_is_an_empty_string(void **state)
{
    (void)state;
    char *data = NULL;
    size_t len = 9;
    assert_int_equal(file_write("f", NULL, 0, 0600, NULL), 0);
    assert_int_equal(file_read("f", 0, &data, &len, NULL), 0);
    assert_int_equal(len, 0);
    assert_string_equal(data, "");
    free(data);
}

static void a_file_of_exactly_the_limit_is_read_and_a_larger_one_is_not(void **state)
{
    (void)state;
    static char big[100000];
    memset(big, 'x', sizeof big);
    assert_int_equal(file_write("f", big, sizeof big, 0600, NULL), 0);
    char *data = NULL;
    size_t len = 0;
    struct err e = {0};
    assert_int_equal(file_read("f", sizeof big - 1, &data, &len, &e), ERR_TOO_BIG);
    assert_null(data);
    assert_string_equal(e.msg, "f: larger than 99999 bytes");
    assert_int_equal(file_read("f", sizeof big, &data, &len, &e), 0);
    assert_int_equal(len, sizeof big);
    free(data);
    for (size_t size = 4094; size < 4098; size++) { /* around the first growth */
        assert_int_equal(file_write("f", big, size, 0600, NULL), 0);
        assert_int_equal(file_read("f", size, &data, &len, &e), 0);
        assert_int_equal(len, size);
        assert_int_equal(strlen(data), size);
        free(data);
    }
}

static void files_that_say_they_are_empty_are_read_to_their_end(void **state)
{
    (void)state;
    char *data = NULL;
    size_t len = 0;
    assert_int_equal(file_read("/proc/self/status", 65536, &data, &len, NULL), 0);
    assert_true(len > 100);
    free(data);
}

static void a_missing_file_is_told_apart_from_an_unreadable_one(void **state)
{
    (void)state;
    char *data = NULL;
    struct err e = {0};
    assert_int_equal(file_read("none", 10, &data, NULL, &e), ERR_NOT_FOUND);
    assert_string_equal(e.msg, "none: No such file or directory");
    assert_int_equal(file_read(".", 10, &data, NULL, &e), ERR_IO);
    assert_int_equal(e.sys_errno, EISDIR);
    assert_null(data);
}

static void writing_replaces_and_creating_does_not(void **state)
{
    (void)state;
    char *data = NULL;
    struct err e = {0};
    assert_int_equal(file_create("f", "one", 3, 0600, &e), 0);
    assert_int_equal(file_create("f", "two", 3, 0600, &e), ERR_CONFLICT);
    assert_int_equal(file_read("f", 10, &data, NULL, &e), 0);
    assert_string_equal(data, "one");
    free(data);
    assert_int_equal(file_write("f", "three", 5, 0600, &e), 0);
    assert_int_equal(file_read("f", 10, &data, NULL, &e), 0);
    assert_string_equal(data, "three");
    free(data);
    assert_int_equal(entries("."), 1);
}

static void a_failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
    (void)state;
    char *data = NULL;
    static char big[200000];
    assert_int_equal(file_write("f", "old", 3, 0600, NULL), 0);
    /* A limit on file sizes stands in for a full disk: the write fails half-way. */
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 100000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct err e = {0};
    int rc = file_write("f", big, sizeof big, 0600, &e);
    int rc_new = file_create("g", big, sizeof big, 0600, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(rc, ERR_IO);
    assert_int_equal(rc_new, ERR_IO);
    assert_string_equal(e.msg, "f: write: File too large");
    assert_int_equal(file_read("f", 10, &data, NULL, NULL), 0);
    assert_string_equal(data, "old");
    free(data);
    assert_int_equal(entries("."), 1);
}

static void a_directory_in_the_way_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(mkdir("d", 0700), 0);
    assert_int_equal(file_write("d", "x", 1, 0600, &e), ERR_IO);
    assert_int_equal(file_write("none/f", "x", 1, 0600, &e), ERR_IO);
    assert_int_equal(entries("."), 1);
}

static void a_rename_names_both_files_when_it_fails(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(file_write("a", "x", 1, 0600, NULL), 0);
    assert_int_equal(file_rename("a", "b", &e), 0);
    assert_int_equal(file_rename("a", "b", &e), ERR_IO);
    assert_string_equal(e.msg, "rename a to b: No such file or directory");
    assert_int_equal(access("b", F_OK), 0);
}

static void removing_what_is_not_there_is_no_error(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(file_write("a", "x", 1, 0600, NULL), 0);
    assert_int_equal(file_remove("a", &e), 0);
    assert_int_equal(file_remove("a", &e), 0);
    assert_int_equal(mkdir("d", 0700), 0);
    assert_int_equal(file_remove("d", &e), ERR_IO);
}

static void missing_parents_are_made(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat st;
    assert_int_equal(file_mkdirs("a/b//c/", 0700, &e), 0);
    assert_int_equal(stat("a/b/c", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(file_mkdirs("a/b/c", 0755, &e), 0);
    assert_int_equal(stat("a/b/c", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(file_mkdirs("/", 0700, &e), 0);
}

static void a_file_in_a_directorys_place_is_an_error(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(file_write("f", "x", 1, 0600, NULL), 0);
    assert_int_equal(file_mkdirs("f", 0700, &e), ERR_CONFLICT);
    assert_int_equal(file_mkdirs("f/g", 0700, &e), ERR_IO);
    assert_int_equal(file_mkdirs("", 0700, &e), ERR_INVALID);
}

static void secrets_that_others_can_read_are_noticed(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(file_write("f", "x", 1, 0600, NULL), 0);
    assert_int_equal(file_check_private("f", &e), 0);
    static const mode_t open_modes[] = {0640, 0604, 0620, 0602, 0610, 0777};
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        assert_int_equal(chmod("f", open_modes[i]), 0);
        assert_int_equal(file_check_private("f", &e), ERR_DENIED);
        assert_non_null(strstr(e.msg, "chmod 600"));
    }
    assert_int_equal(file_check_private("none", &e), ERR_NOT_FOUND);
}

static void secrets_of_another_user_are_noticed(void **state)
{
    (void)state;
    struct err e = {0};
    if (geteuid() != 0)
        skip(); /* only root can give files away */
    assert_int_equal(file_write("f", "x", 1, 0600, NULL), 0);
    assert_int_equal(chown("f", 12345, 12345), 0);
    assert_int_equal(file_check_private("f", &e), ERR_DENIED);
}

static void a_read_goes_on_until_the_pipe_ends(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 1000; i++)
            if (write(ends[1], "0123456789", 10) != 10)
                _exit(1);
        _exit(0);
    }
    (void)close(ends[1]);
    static char data[20000];
    size_t len = 0;
    assert_int_equal(file_read_all(ends[0], data, sizeof data, &len, NULL), 0);
    assert_int_equal(len, 10000);
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void long_paths_are_refused_whole(void **state)
{
    (void)state;
    char path[PATH_MAX + 100];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    struct err e = {0};
    assert_int_equal(file_write(path, "x", 1, 0600, &e), ERR_TOO_BIG);
    assert_int_equal(file_mkdirs(path, 0700, &e), ERR_INVALID);
    assert_int_equal(entries("."), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_back),
        TEST(the_mode_is_as_asked_whatever_the_umask),
        TEST(an_empty_file_is_an_empty_string),
        TEST(a_file_of_exactly_the_limit_is_read_and_a_larger_one_is_not),
        TEST(files_that_say_they_are_empty_are_read_to_their_end),
        TEST(a_missing_file_is_told_apart_from_an_unreadable_one),
        TEST(writing_replaces_and_creating_does_not),
        TEST(a_failed_write_leaves_the_old_file_and_nothing_else),
        TEST(a_directory_in_the_way_is_an_error_and_leaves_nothing),
        TEST(a_rename_names_both_files_when_it_fails),
        TEST(removing_what_is_not_there_is_no_error),
        TEST(missing_parents_are_made),
        TEST(a_file_in_a_directorys_place_is_an_error),
        TEST(secrets_that_others_can_read_are_noticed),
        TEST(secrets_of_another_user_are_noticed),
        TEST(a_read_goes_on_until_the_pipe_ends),
        TEST(long_paths_are_refused_whole),
    };
    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
