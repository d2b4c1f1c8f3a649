#include "../unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backup/walk.h"
#include "common/buf.h"
#include "tempdir.h"

struct fixture {
    struct tempdir dir;
    char top[PATH_MAX];
    struct buf seen; /* the paths below top, each with a line break */
    struct buf problems;
    int skipped;
    size_t visits;
    size_t stop_after; /* 0: never */
    void (*on_visit)(struct fixture *f, const struct walk_entry *entry);
};

static int on_file(void *ctx, const struct walk_entry *entry, struct err *err)
{
    struct fixture *f = ctx;
    (void)err;
    f->visits++;
    if (strlen(entry->path) < PATH_MAX) /* the deep ones would be too much */
        buf_addf(&f->seen, "%s\n", entry->path + strlen(f->top));
    if (f->on_visit != NULL)
        f->on_visit(f, entry);
    return 0;
}

static void on_problem(void *ctx, const char *path, const struct err *err)
{
    struct fixture *f = ctx;
    buf_addf(&f->problems, "%.300s: %s\n", path + strlen(f->top), err->msg);
}

static void on_skipped(void *ctx, const char *path)
{
    struct fixture *f = ctx;
    (void)path;
    f->skipped++;
}

static bool on_stopped(void *ctx)
{
    struct fixture *f = ctx;
    return f->stop_after > 0 && f->visits >= f->stop_after;
}

static int walk_with(struct fixture *f, const struct walk_options *options)
{
    const struct walk_visitor visitor = {
        .visit = on_file, .problem = on_problem, .skipped = on_skipped, .stopped = on_stopped, .ctx = f};
    struct err err;
    int fd = open(f->top, O_PATH | O_CLOEXEC);
    int rc = walk_source(options, fd, f->top, &visitor, &err);
    (void)close(fd);
    return rc;
}

static int walk(struct fixture *f)
{
    static const struct walk_options everything;
    return walk_with(f, &everything);
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    tempdir_make(&f.dir);
    (void)snprintf(f.top, sizeof f.top, "%s", f.dir.path);
    buf_init(&f.seen, 64 * 1024 * 1024);
    buf_init(&f.problems, 1024 * 1024);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    buf_done(&f->seen);
    buf_done(&f->problems);
    tempdir_remove(&f->dir);
    return 0;
}

static void make_file(const struct fixture *f, const char *name)
{
    int fd = open(tempdir_path(&f->dir, name), O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void make_dir(const struct fixture *f, const char *name)
{
    assert_int_equal(mkdir(tempdir_path(&f->dir, name), 0755), 0);
}

static void directories_come_before_their_content_in_sorted_order(void **state)
{
    struct fixture *f = *state;
    make_dir(f, "b");
    make_file(f, "b/2");
    make_file(f, "b/1");
    make_dir(f, "b/empty");
    make_file(f, "a");
    make_file(f, "\xff\n");
    assert_int_equal(walk(f), 0);
    assert_string_equal(buf_str(&f->seen), "\n/a\n/b\n/b/1\n/b/2\n/b/empty\n/\xff\n\n");
    assert_int_equal(f->problems.len, 0);
}

static void excludes_match_names_whole_paths_or_paths_below_the_source(void **state)
{
    struct fixture *f = *state;
    char whole[PATH_MAX + 8];
    make_dir(f, "keep");
    make_file(f, "keep/a.tmp");
    make_file(f, "keep/b");
    make_dir(f, "cache");
    make_file(f, "cache/x");
    make_dir(f, "var");
    make_dir(f, "var/cache");
    make_file(f, "var/log");
    (void)snprintf(whole, sizeof whole, "%s/var/log", f->top);
    const char *excludes[] = {"*.tmp", "var/c*", whole};
    const struct walk_options options = {.excludes = excludes, .exclude_count = 3};
    assert_int_equal(walk_with(f, &options), 0);
    assert_string_equal(buf_str(&f->seen), "\n/cache\n/cache/x\n/keep\n/keep/b\n/var\n");
}

static void a_star_does_not_cross_a_slash(void **state)
{
    struct fixture *f = *state;
    make_dir(f, "a");
    make_dir(f, "a/b");
    make_file(f, "a/b/c");
    const char *excludes[] = {"a/*c"};
    const struct walk_options options = {.excludes = excludes, .exclude_count = 1};
    assert_int_equal(walk_with(f, &options), 0);
    assert_string_equal(buf_str(&f->seen), "\n/a\n/a/b\n/a/b/c\n");
}

static void the_private_directory_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    make_dir(f, "state");
    make_file(f, "state/key.pem");
    make_file(f, "z");
    assert_int_equal(stat(tempdir_path(&f->dir, "state"), &st), 0);
    const struct walk_options options = {.has_private = true, .private_dev = st.st_dev, .private_ino = st.st_ino};
    assert_int_equal(walk_with(f, &options), 0);
    assert_string_equal(buf_str(&f->seen), "\n/z\n");
}

static void symlinks_are_seen_and_not_followed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(symlink("/etc", tempdir_path(&f->dir, "link")), 0);
    assert_int_equal(walk(f), 0);
    assert_string_equal(buf_str(&f->seen), "\n/link\n");
}

static void sockets_are_skipped_and_counted(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", f->dir.path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(walk(f), 0);
    assert_string_equal(buf_str(&f->seen), "\n");
    assert_int_equal(f->skipped, 1);
    (void)close(fd);
}

/* What a hostile user does: the directory that was just seen becomes a symlink to another place. */
static void swap_for_symlink(struct fixture *f, const struct walk_entry *entry)
{
    if (strcmp(entry->path + strlen(f->top), "/a") != 0)
        return;
    assert_int_equal(rename(tempdir_path(&f->dir, "b"), tempdir_path(&f->dir, "gone")), 0);
    assert_int_equal(symlink("/etc", tempdir_path(&f->dir, "b")), 0);
}

static void a_directory_swapped_for_a_symlink_does_not_lead_outside(void **state)
{
    struct fixture *f = *state;
    make_file(f, "a");
    make_dir(f, "b");
    make_file(f, "b/inside");
    f->on_visit = swap_for_symlink;
    assert_int_equal(walk(f), 0);
    assert_null(strstr(buf_str(&f->seen), "passwd"));
    assert_non_null(strstr(buf_str(&f->seen), "/b\n"));
}

static void remove_b(struct fixture *f, const struct walk_entry *entry)
{
    if (strcmp(entry->path + strlen(f->top), "/a") == 0)
        assert_int_equal(unlink(tempdir_path(&f->dir, "b")), 0);
}

static void a_file_that_vanishes_is_told_and_the_walk_goes_on(void **state)
{
    struct fixture *f = *state;
    make_file(f, "a");
    make_file(f, "b");
    make_file(f, "c");
    f->on_visit = remove_b;
    assert_int_equal(walk(f), 0);
    assert_string_equal(buf_str(&f->seen), "\n/a\n/c\n");
    assert_non_null(strstr(buf_str(&f->problems), "/b: vanished"));
}

static void a_file_alone_is_a_source(void **state)
{
    struct fixture *f = *state;
    make_file(f, "one");
    (void)snprintf(f->top, sizeof f->top, "%s", tempdir_path(&f->dir, "one"));
    assert_int_equal(walk(f), 0);
    assert_string_equal(buf_str(&f->seen), "\n");
}

static void a_stop_ends_the_walk(void **state)
{
    struct fixture *f = *state;
    make_file(f, "a");
    make_file(f, "b");
    f->stop_after = 2;
    assert_int_equal(walk(f), ERR_CONFLICT);
    assert_int_equal(f->visits, 2);
}

static void a_huge_directory_is_read_in_batches_without_loss(void **state)
{
    struct fixture *f = *state;
    enum { FILES = 8000 };
    for (int i = 0; i < FILES; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "a-name-that-is-somewhat-long-%06d", i);
        make_file(f, name);
    }
    assert_int_equal(walk(f), 0);
    assert_int_equal(f->visits, FILES + 1);
}

enum { DEPTH = 1200 }; /* 12,000 bytes: far beyond PATH_MAX */

/* Below the working directory, with a file before and after each directory. */
static void make_deep(void)
{
    for (int i = 0; i < DEPTH; i++) {
        int fd = open("z", O_WRONLY | O_CREAT, 0644);
        assert_true(fd >= 0);
        (void)close(fd);
        assert_int_equal(mkdir("directory", 0755), 0);
        assert_int_equal(chdir("directory"), 0);
    }
}

static void remove_deep(void)
{
    for (int i = 0; i < DEPTH; i++) {
        assert_int_equal(chdir(".."), 0);
        assert_int_equal(rmdir("directory"), 0);
        assert_int_equal(unlink("z"), 0);
    }
}

static void thousands_of_levels_are_walked_down_and_up_again(void **state)
{
    struct fixture *f = *state;
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(f->top), 0);
    make_deep();
    int rc = walk(f);
    remove_deep();
    assert_int_equal(fchdir(here), 0);
    (void)close(here);
    assert_int_equal(rc, 0);
    assert_int_equal(f->problems.len, 0);
    assert_int_equal(f->visits, 2 * DEPTH + 1);
}

/* While the walk is deep down, a level far above, whose descriptor is closed by then, moves away. */
static void move_level_away(struct fixture *f, const struct walk_entry *entry)
{
    if (f->visits == DEPTH + 1) {
        char from[PATH_MAX] = "";
        (void)entry;
        (void)snprintf(from, sizeof from, "%s", f->top);
        for (int i = 0; i < 100; i++)
            (void)strcat(from, "/directory");
        assert_int_equal(rename(from, tempdir_path(&f->dir, "moved")), 0);
    }
}

static void a_level_that_moves_away_is_told_and_never_left_upwards(void **state)
{
    struct fixture *f = *state;
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(f->top), 0);
    make_deep();
    f->on_visit = move_level_away;
    int rc = walk(f);
    char back[PATH_MAX] = "";
    (void)snprintf(back, sizeof back, "%s", f->top);
    for (int i = 0; i < 100; i++)
        (void)strcat(back, "/directory");
    assert_int_equal(rename(tempdir_path(&f->dir, "moved"), back), 0);
    remove_deep();
    assert_int_equal(fchdir(here), 0);
    (void)close(here);
    assert_int_equal(rc, 0);
    assert_non_null(strstr(buf_str(&f->problems), "moved while it was read"));
    assert_non_null(strstr(buf_str(&f->seen), "\n/z\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(directories_come_before_their_content_in_sorted_order, setup, teardown),
        cmocka_unit_test_setup_teardown(excludes_match_names_whole_paths_or_paths_below_the_source, setup, teardown),
        cmocka_unit_test_setup_teardown(a_star_does_not_cross_a_slash, setup, teardown),
        cmocka_unit_test_setup_teardown(the_private_directory_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(symlinks_are_seen_and_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(sockets_are_skipped_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_swapped_for_a_symlink_does_not_lead_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_vanishes_is_told_and_the_walk_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_alone_is_a_source, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_ends_the_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(a_huge_directory_is_read_in_batches_without_loss, setup, teardown),
        cmocka_unit_test_setup_teardown(thousands_of_levels_are_walked_down_and_up_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_level_that_moves_away_is_told_and_never_left_upwards, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
