#include "../unit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>

#include "restore/tree.h"
#include "tempdir.h"

struct fixture {
    struct tempdir dir;
    int fd;
    struct err err;
};

static int setup(void **state)
{
    static struct fixture f;
    tempdir_make(&f.dir);
    f.fd = open(f.dir.path, O_RDONLY | O_DIRECTORY);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    (void)close(f->fd);
    tempdir_remove(&f->dir);
    return 0;
}

static bool there(const struct fixture *f, const char *name)
{
    return faccessat(f->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void what_is_not_there_is_gone_already(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(tree_remove(f->fd, "a", &f->err), 0);
}

static void files_and_symlinks_go_alone(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdirat(f->fd, "outside", 0755), 0);
    (void)close(openat(f->fd, "outside/victim", O_WRONLY | O_CREAT, 0600));
    assert_int_equal(symlinkat("outside", f->fd, "way"), 0);
    assert_int_equal(mkdirat(f->fd, "d", 0755), 0);
    assert_int_equal(symlinkat("../outside", f->fd, "d/way"), 0);
    assert_int_equal(tree_remove(f->fd, "way", &f->err), 0);
    assert_int_equal(tree_remove(f->fd, "d", &f->err), 0);
    assert_false(there(f, "way") || there(f, "d"));
    assert_true(there(f, "outside/victim"));
}

static void directories_without_rights_go_too(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdirat(f->fd, "d", 0755), 0);
    assert_int_equal(mkdirat(f->fd, "d/e", 0755), 0);
    (void)close(openat(f->fd, "d/e/file", O_WRONLY | O_CREAT, 0600));
    assert_int_equal(fchmodat(f->fd, "d/e", 0, 0), 0);
    assert_int_equal(fchmodat(f->fd, "d", 0, 0), 0);
    assert_int_equal(tree_remove(f->fd, "d", &f->err), 0);
    assert_false(there(f, "d"));
}

/* Deeper than there are descriptors, wider than one reading of a directory, and with our own names in it. */
static void deep_and_wide_trees_go(void **state)
{
    struct fixture *f = *state;
    int fd = dup(f->fd);
    for (int depth = 0; depth < 3000; depth++) {
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        (void)close(fd);
        fd = next;
        if (depth % 500 != 0)
            continue;
        assert_int_equal(mkdirat(fd, ".muster-deep-0", 0755), 0);
        for (int i = 0; i < 300; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "file %d", i);
            (void)close(openat(fd, name, O_WRONLY | O_CREAT, 0600));
        }
    }
    (void)close(fd);
    assert_int_equal(tree_remove(f->fd, "d", &f->err), 0);
    assert_false(there(f, "d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_there_is_gone_already, setup, teardown),
        cmocka_unit_test_setup_teardown(files_and_symlinks_go_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(directories_without_rights_go_too, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_and_wide_trees_go, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
