#include "../unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "archive_fixture.h"
#include "tempdir.h"

struct fixture {
    struct tempdir dir; /* from/ and to/ */
    struct packed packed;
    struct report report; /* of the extraction */
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    tempdir_make(&f.dir);
    assert_int_equal(mkdir(tempdir_path(&f.dir, "from"), 0755), 0);
    assert_int_equal(mkdir(tempdir_path(&f.dir, "to"), 0755), 0);
    report_init(&f.report);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    packed_done(&f->packed);
    report_done(&f->report);
    tempdir_remove(&f->dir);
    return 0;
}

static const char *from(const struct fixture *f, const char *name)
{
    char below[300];
    (void)snprintf(below, sizeof below, "from/%s", name);
    return tempdir_path(&f->dir, below);
}

/* Where name is after the round trip: paths are stored whole. */
static const char *to(const struct fixture *f, const char *name)
{
    char below[400];
    (void)snprintf(below, sizeof below, "to%s/from/%s", f->dir.path, name);
    return tempdir_path(&f->dir, below);
}

static void write_file(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    (void)close(fd);
}

static void expect_content(const char *path, const char *content)
{
    char have[256] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        fail_msg("%s: %s", path, strerror(errno));
    ssize_t len = read(fd, have, sizeof have - 1);
    (void)close(fd);
    assert_int_equal(len, (ssize_t)strlen(content));
    assert_string_equal(have, content);
}

static void round_trip(struct fixture *f)
{
    struct err err = {0};
    assert_int_equal(pack(&f->packed, tempdir_path(&f->dir, "from")), 0);
    if (unpack(&f->packed, tempdir_path(&f->dir, "to"), &f->report, &err) != 0)
        fail_msg("%s", err.msg);
    assert_string_equal(first_problem(&f->report), "");
}

static void names_of_any_bytes_come_back(void **state)
{
    struct fixture *f = *state;
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    write_file(from(f, "\xff\xfe latin \xe9"), "1");
    write_file(from(f, "line\nbreak"), "2");
    write_file(from(f, longest), "3");
    write_file(from(f, "Gr\xc3\xbc\xc3\x9f"
                       "e"),
               "4");
    write_file(from(f, "Gru\xcc\x88"
                       "e"),
               "5"); /* decomposed: must not be composed on the way */
    round_trip(f);
    expect_content(to(f, "\xff\xfe latin \xe9"), "1");
    expect_content(to(f, "line\nbreak"), "2");
    expect_content(to(f, longest), "3");
    expect_content(to(f, "Gr\xc3\xbc\xc3\x9f"
                         "e"),
                   "4");
    expect_content(to(f, "Gru\xcc\x88"
                         "e"),
                   "5");
}

static void modes_and_times_come_back(void **state)
{
    struct fixture *f = *state;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000007, .tv_nsec = 123456789}};
    const struct timespec ancient[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = -3600, .tv_nsec = 5}};
    struct stat st;
    write_file(from(f, "file"), "x");
    assert_int_equal(mkdir(from(f, "dir"), 0755), 0);
    write_file(from(f, "dir/child"), "x");
    assert_int_equal(chmod(from(f, "file"), 04751), 0);
    assert_int_equal(chmod(from(f, "dir"), 01511), 0);
    assert_int_equal(utimensat(AT_FDCWD, from(f, "file"), times, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, from(f, "dir"), ancient, 0), 0);
    round_trip(f);
    assert_int_equal(stat(to(f, "file"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 04751);
    assert_int_equal(st.st_mtim.tv_sec, 1000000007);
    assert_int_equal(st.st_mtim.tv_nsec, 123456789);
    assert_int_equal(stat(to(f, "dir"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 01511);
    assert_int_equal(st.st_mtim.tv_sec, -3600);
    assert_int_equal(st.st_mtim.tv_nsec, 5);
    assert_int_equal(chmod(from(f, "dir"), 0755), 0);
    assert_int_equal(chmod(to(f, "dir"), 0755), 0);
}

static void hard_links_stay_links(void **state)
{
    struct fixture *f = *state;
    struct stat a, b;
    assert_int_equal(mkdir(from(f, "d"), 0755), 0);
    write_file(from(f, "d/one"), "shared");
    assert_int_equal(link(from(f, "d/one"), from(f, "two")), 0);
    assert_int_equal(symlink("nowhere", from(f, "s1")), 0);
    assert_int_equal(link(from(f, "s1"), from(f, "s2")), 0);
    round_trip(f);
    assert_int_equal(stat(to(f, "d/one"), &a), 0);
    assert_int_equal(stat(to(f, "two"), &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    expect_content(to(f, "two"), "shared");
    assert_int_equal(lstat(to(f, "s1"), &a), 0);
    assert_int_equal(lstat(to(f, "s2"), &b), 0);
    assert_true(S_ISLNK(b.st_mode));
    assert_int_equal(a.st_ino, b.st_ino);
}

static void symlinks_fifos_and_empty_directories_come_back(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char target[32] = "";
    assert_int_equal(symlink("/absolute/nowhere", from(f, "link")), 0);
    assert_int_equal(mkfifo(from(f, "fifo"), 0600), 0);
    assert_int_equal(mkdir(from(f, "empty"), 0700), 0);
    round_trip(f);
    assert_int_equal(readlink(to(f, "link"), target, sizeof target - 1), 17);
    assert_string_equal(target, "/absolute/nowhere");
    assert_int_equal(lstat(to(f, "fifo"), &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(lstat(to(f, "empty"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
}

static void holes_come_back_as_holes_and_zeros_as_zeros(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 8 * 1024 * 1024 };
    struct stat st;
    static char zeros[1024 * 1024];
    int fd = open(from(f, "holes"), O_RDWR | O_CREAT, 0644);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    assert_int_equal(pwrite(fd, "data", 4, SIZE / 2), 4);
    (void)close(fd);
    fd = open(from(f, "hole"), O_RDWR | O_CREAT, 0644);
    assert_int_equal(ftruncate(fd, SIZE + 1), 0);
    (void)close(fd);
    fd = open(from(f, "zeros"), O_RDWR | O_CREAT, 0644);
    assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
    (void)close(fd);
    round_trip(f);
    assert_true(f->packed.archive.len < 64 * 1024);
    assert_int_equal(stat(to(f, "holes"), &st), 0);
    assert_int_equal(st.st_size, SIZE);
    assert_true(st.st_blocks * 512 < SIZE / 4);
    char four[4];
    fd = open(to(f, "holes"), O_RDONLY);
    assert_int_equal(pread(fd, four, 4, SIZE / 2), 4);
    assert_memory_equal(four, "data", 4);
    (void)close(fd);
    assert_int_equal(stat(to(f, "hole"), &st), 0);
    assert_int_equal(st.st_size, SIZE + 1);
    assert_true(st.st_blocks * 512 < SIZE / 4);
    assert_int_equal(stat(to(f, "zeros"), &st), 0);
    assert_true(st.st_blocks * 512 >= (blkcnt_t)sizeof zeros);
}

static void attributes_of_any_name_come_back_once(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"user.plain", "user.a=b", "user.line\nbreak", "user.a b", "user.a%20b"};
    char have[64];
    write_file(from(f, "file"), "x");
    if (setxattr(from(f, "file"), names[0], "v\0w", 3, 0) != 0)
        skip(); /* no attributes on this file system */
    for (size_t i = 1; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(setxattr(from(f, "file"), names[i], "same", 4, 0), 0);
    round_trip(f);
    assert_int_equal(getxattr(to(f, "file"), names[0], have, sizeof have), 3);
    assert_memory_equal(have, "v\0w", 3);
    for (size_t i = 1; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(getxattr(to(f, "file"), names[i], have, sizeof have), 4);
    assert_int_equal(listxattr(to(f, "file"), NULL, 0), listxattr(from(f, "file"), NULL, 0));
}

static void files_over_eight_gigabytes_keep_their_size(void **state)
{
    struct fixture *f = *state;
    const off_t size = (off_t)9 * 1024 * 1024 * 1024;
    struct stat st;
    int fd = open(from(f, "big"), O_RDWR | O_CREAT, 0644);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(pwrite(fd, "end", 3, size - 3), 3);
    (void)close(fd);
    round_trip(f);
    assert_int_equal(stat(to(f, "big"), &st), 0);
    assert_int_equal(st.st_size, size);
}

static void deep_directories_come_back(void **state)
{
    struct fixture *f = *state;
    enum { DEPTH = 1500 };
    int here = open(".", O_RDONLY | O_DIRECTORY);
    for (int top = 0; top < 2; top++) {
        assert_int_equal(chdir(top == 0 ? tempdir_path(&f->dir, "from") : to(f, "")), 0);
        for (int i = 0; i < DEPTH; i++) {
            if (top == 0)
                assert_int_equal(mkdir("level", 0750), 0);
            assert_int_equal(chdir("level"), 0);
        }
        struct stat st;
        if (top == 0)
            write_file("bottom", "here");
        else
            expect_content("bottom", "here");
        assert_int_equal(stat(".", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0750);
        assert_int_equal(fchdir(here), 0);
        if (top == 0)
            round_trip(f);
    }
    for (int top = 0; top < 2; top++) { /* the fixture's own removal knows no such depth */
        assert_int_equal(chdir(top == 0 ? tempdir_path(&f->dir, "from") : to(f, "")), 0);
        for (int i = 0; i < DEPTH; i++)
            assert_int_equal(chdir("level"), 0);
        assert_int_equal(unlink("bottom"), 0);
        for (int i = 0; i < DEPTH; i++) {
            assert_int_equal(chdir(".."), 0);
            assert_int_equal(rmdir("level"), 0);
        }
        assert_int_equal(fchdir(here), 0);
    }
    (void)close(here);
}

/* --- files that do not stand still ------------------------------------------------------------------------------- */

static void shrink(const char *path)
{
    if (strstr(path, "/victim") != NULL)
        assert_int_equal(truncate(path, 3), 0);
}

static void append(const char *path)
{
    if (strstr(path, "/victim") != NULL) {
        int fd = open(path, O_WRONLY | O_APPEND);
        assert_int_equal(write(fd, "more", 4), 4);
        (void)close(fd);
    }
}

static void a_file_that_shrinks_is_padded_and_told(void **state)
{
    struct fixture *f = *state;
    struct err err;
    write_file(from(f, "victim"), "0123456789");
    write_file(from(f, "zlast"), "intact");
    f->packed.before = shrink;
    assert_int_equal(pack(&f->packed, tempdir_path(&f->dir, "from")), 0);
    assert_int_equal(report_problems(&f->packed.report), 1);
    assert_non_null(strstr(first_problem(&f->packed.report), "shorter"));
    assert_int_equal(unpack(&f->packed, tempdir_path(&f->dir, "to"), &f->report, &err), 0);
    struct stat st;
    assert_int_equal(stat(to(f, "victim"), &st), 0);
    assert_int_equal(st.st_size, 10);
    expect_content(to(f, "zlast"), "intact");
}

static void a_file_that_grows_is_cut_and_told(void **state)
{
    struct fixture *f = *state;
    struct err err;
    write_file(from(f, "victim"), "0123456789");
    write_file(from(f, "zlast"), "intact");
    f->packed.before = append;
    assert_int_equal(pack(&f->packed, tempdir_path(&f->dir, "from")), 0);
    assert_int_equal(report_problems(&f->packed.report), 1);
    assert_non_null(strstr(first_problem(&f->packed.report), "changed"));
    assert_int_equal(unpack(&f->packed, tempdir_path(&f->dir, "to"), &f->report, &err), 0);
    expect_content(to(f, "victim"), "0123456789");
    expect_content(to(f, "zlast"), "intact");
}

static void every_method_and_level_gives_a_readable_archive(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum compress_method method;
        int level;
    } cases[] = {{COMPRESS_NONE, 0}, {COMPRESS_GZIP, 1}, {COMPRESS_GZIP, 9},  {COMPRESS_GZIP, 99},
                 {COMPRESS_ZSTD, 1}, {COMPRESS_ZSTD, 0}, {COMPRESS_ZSTD, 19}, {COMPRESS_ZSTD, 99}};
    static const struct walk_options everything;
    write_file(from(f, "a"), "content");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        assert_int_equal(
            pack_with(&f->packed, tempdir_path(&f->dir, "from"), &everything, cases[i].method, cases[i].level, &err),
            0);
        assert_int_equal(unpack(&f->packed, tempdir_path(&f->dir, "to"), &f->report, &err), 0);
        expect_content(to(f, "a"), "content");
        assert_int_equal(unlink(to(f, "a")), 0);
        packed_done(&f->packed);
    }
    assert_int_equal(pack(&f->packed, tempdir_path(&f->dir, "from")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_of_any_bytes_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(modes_and_times_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(hard_links_stay_links, setup, teardown),
        cmocka_unit_test_setup_teardown(symlinks_fifos_and_empty_directories_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(holes_come_back_as_holes_and_zeros_as_zeros, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_of_any_name_come_back_once, setup, teardown),
        cmocka_unit_test_setup_teardown(files_over_eight_gigabytes_keep_their_size, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_directories_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_shrinks_is_padded_and_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_grows_is_cut_and_told, setup, teardown),
        cmocka_unit_test_setup_teardown(every_method_and_level_gives_a_readable_archive, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
