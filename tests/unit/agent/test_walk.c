#include "../unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/buf.h"
#include "snapshot/walk.h"
#include "tempdir.h"

struct fixture {
    struct tempdir dir;
    char top[PATH_MAX];
    char last[PATH_MAX]; /* path that was visited */
    struct buf seen;     /* the paths below top, each with a line break */
    struct buf problems;
    int skipped;
    size_t visits;
    size_t stop_after; /* 0: never */
    void (*on_visit)(struct fixture *f, const struct walk_entry *entry);
};

static int on_file(void *ctx, struct walk_entry *entry, struct err *err)
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

static int on_missed(void *ctx, const char *path, const struct stat *st, enum report_kind kind, const char *why,
                     struct err *err)
{
    struct fixture *f = ctx;
    (void)st;
    (void)err;
    if (kind == REPORT_SKIPPED)
        f->skipped++;
    else
        buf_addf(&f->problems, "%.300s: %s\n", path + strlen(f->top), why);
    return 0;
}

static int on_incomplete(void *ctx, const char *path, const char *why, struct err *err)
{
    return on_missed(ctx, path, NULL, REPORT_UNREADABLE, why, err);
}

static bool on_stopped(void *ctx)
{
    struct fixture *f = ctx;
    return f->stop_after > 0 && f->visits >= f->stop_after;
}

static int walk_with(struct fixture *f, const struct walk_options *options)
{
    const struct walk_visitor visitor = {
        .visit = on_file, .missed = on_missed, .incomplete = on_incomplete, .stopped = on_stopped, .ctx = f};
    struct err err;
    struct walk_options with = *options;
    with.spool_dir = "/tmp";
    int fd = open(f->top, O_PATH | O_CLOEXEC);
    int rc = walk_source(&with, fd, f->top, &visitor, &err);
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

static void what_is_excluded_is_not_even_looked_at(void **state)
{
    struct fixture *f = *state;
    struct excludes *excludes = NULL;
    struct err err;
    make_dir(f, "cache");
    make_file(f, "cache/x");
    make_file(f, "keep");
    const char *patterns[] = {"cache/"};
    assert_int_equal(excludes_new(patterns, 1, &excludes, &err), 0);
    const struct walk_options options = {.excludes = excludes};
    assert_int_equal(walk_with(f, &options), 0);
    excludes_free(excludes);
    assert_string_equal(buf_str(&f->seen), "\n/keep\n");
    assert_int_equal(f->skipped, 0);
}

static void expect_closed(struct fixture *f, const struct walk_entry *entry)
{
    (void)f;
    assert_int_equal(entry->fd >= 0, S_ISDIR(entry->st.st_mode));
}

static void files_are_not_opened_by_the_walk(void **state)
{
    struct fixture *f = *state;
    make_file(f, "a");
    f->on_visit = expect_closed;
    assert_int_equal(walk(f), 0);
    assert_int_equal(f->visits, 2);
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

static void expect_order(struct fixture *f, const struct walk_entry *entry)
{
    assert_true(f->last[0] == '\0' || strcmp(f->last, entry->path) < 0);
    (void)snprintf(f->last, sizeof f->last, "%s", entry->path);
}

static void a_huge_directory_comes_in_order_without_loss(void **state)
{
    struct fixture *f = *state;
    enum { FILES = 20000 };
    for (int i = 0; i < FILES; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "a-name-that-is-somewhat-long-%06d", i * 7919 % FILES);
        make_file(f, name);
    }
    f->on_visit = expect_order;
    f->last[0] = '\0';
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
        cmocka_unit_test_setup_teardown(what_is_excluded_is_not_even_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_not_opened_by_the_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(the_private_directory_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(symlinks_are_seen_and_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(sockets_are_skipped_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_swapped_for_a_symlink_does_not_lead_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_vanishes_is_told_and_the_walk_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_alone_is_a_source, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_ends_the_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(a_huge_directory_comes_in_order_without_loss, setup, teardown),
        cmocka_unit_test_setup_teardown(thousands_of_levels_are_walked_down_and_up_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_level_that_moves_away_is_told_and_never_left_upwards, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
