#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/sha256.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/file.h"
#include "tempdir.h"
#include "update/binary.h"
#include "update/space.h"

struct fixture {
    struct tempdir dir;
    char path[PATH_MAX];
    struct binary b;
};

/* A, and a complete A.part. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err err = {0};
    assert_non_null(f);
    tempdir_make(&f->dir);
    (void)snprintf(f->path, sizeof f->path, "%s", tempdir_path(&f->dir, "agent"));
    assert_int_equal(file_write(f->path, "old", 3, 0755, &err), 0);
    assert_int_equal(binary_open(f->path, &f->b, &err), 0);
    assert_int_equal(file_write(f->b.part, "new one", 7, 0600, &err), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tempdir_remove(&f->dir);
    free(f);
    return 0;
}

static void assert_content(const char *path, const char *text)
{
    char *data = NULL;
    struct err err;
    assert_int_equal(file_read(path, 100, &data, NULL, &err), 0);
    assert_string_equal(data, text);
    free(data);
}

static void assert_finishes(const struct fixture *f)
{
    struct err err = {0};
    if (binary_finish(&f->b, &err) != 0)
        fail_msg("%s", err.msg);
    assert_content(f->b.fresh, "new one");
    assert_content(f->path, "old");
    assert_int_not_equal(access(f->b.part, F_OK), 0);
}

static void the_files_are_beside_the_binary(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(f->b.directory, f->dir.path);
    assert_string_equal(f->b.part, tempdir_path(&f->dir, "agent.part"));
    assert_string_equal(f->b.fresh, tempdir_path(&f->dir, "agent.new"));
    assert_int_equal(f->b.size, 3);
    char sha256[BINARY_SHA256_SIZE];
    struct err err;
    assert_int_equal(binary_sha256(&f->b, sha256, &err), 0);
    assert_string_equal(sha256, "cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4"); /* of "old" */
}

static void ones_own_binary_is_found(void **state)
{
    struct binary b;
    struct err err = {0};
    (void)state;
    assert_int_equal(binary_open(NULL, &b, &err), 0);
    assert_non_null(strstr(b.path, "/test_binary"));
}

static void owner_and_mode_are_those_of_the_old_one(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(chmod(f->path, 0750), 0);
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(chown(f->path, 1234, 4321), 0);
    assert_finishes(f);
    assert_int_equal(stat(f->b.fresh, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(st.st_uid, root ? 1234 : geteuid());
    assert_int_equal(st.st_gid, root ? 4321 : getegid());
}

/* struct vfs_cap_data, revision 2: cap_net_bind_service, permitted and effective. */
static const unsigned char capability[20] = {0x01, 0, 0, 0x02, 0, 0x04};

static void attributes_come_along_but_not_those_of_the_content(void **state)
{
    struct fixture *f = *state;
    char value[64];
    if (setxattr(f->path, "user.note", "kept", 4, 0) != 0)
        skip(); /* a filesystem without */
    bool privileged = setxattr(f->path, "security.capability", capability, sizeof capability, 0) == 0;
    bool labelled = setxattr(f->path, "security.ima", "\x01xxxx", 5, 0) == 0;
    assert_finishes(f);
    assert_int_equal(getxattr(f->b.fresh, "user.note", value, sizeof value), 4);
    if (privileged) {
        assert_int_equal(getxattr(f->b.fresh, "security.capability", value, sizeof value), sizeof capability);
        assert_memory_equal(value, capability, sizeof capability);
    }
    if (labelled)
        assert_int_equal(getxattr(f->b.fresh, "security.ima", value, sizeof value), -1);
}

/* u::rwx u:7:r-x g::r-x m::r-x o::r-x, as the kernel keeps it. */
static const unsigned char acl[] = {2, 0, 0,    0,    0x01, 0,    7,    0, 0xff, 0xff, 0xff, 0xff, 0x02, 0,    5,
                                    0, 7, 0,    0,    0,    4,    0,    5, 0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,
                                    5, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 5,    0,    0xff, 0xff, 0xff, 0xff};

static void its_acl_comes_along(void **state)
{
    struct fixture *f = *state;
    char value[128];
    if (setxattr(f->path, "system.posix_acl_access", acl, sizeof acl, 0) != 0)
        skip();
    assert_finishes(f);
    assert_int_equal(getxattr(f->b.fresh, "system.posix_acl_access", value, sizeof value), sizeof acl);
    assert_memory_equal(value, acl, sizeof acl);
}

/* Else whoever the directory's default names could write what root runs. */
static void a_default_acl_of_the_directory_does_not(void **state)
{
    struct fixture *f = *state;
    char value[128];
    struct err err;
    struct stat st;
    if (setxattr(f->dir.path, "system.posix_acl_default", acl, sizeof acl, 0) != 0)
        skip();
    assert_int_equal(unlink(f->b.part), 0);
    assert_int_equal(file_write(f->b.part, "new one", 7, 0600, &err), 0);
    assert_true(getxattr(f->b.part, "system.posix_acl_access", value, sizeof value) > 0);
    assert_finishes(f);
    assert_int_equal(getxattr(f->b.fresh, "system.posix_acl_access", value, sizeof value), -1);
    assert_int_equal(stat(f->b.fresh, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
}

static void assert_not_opened(const char *path, int code, const char *why)
{
    struct binary b;
    struct err err = {0};
    assert_int_equal(binary_open(path, &b, &err), code);
    assert_non_null(strstr(err.msg, why));
}

static void set_user_id_is_not_handed_on(void **state)
{
    struct fixture *f = *state;
    struct err err;
    assert_int_equal(chmod(f->path, 04755), 0);
    assert_not_opened(f->path, ERR_CONFLICT, "set-user-id");
    assert_int_equal(binary_finish(&f->b, &err), ERR_CONFLICT); /* nor when it became so meanwhile */
    assert_int_not_equal(access(f->b.fresh, F_OK), 0);
    assert_int_not_equal(access(f->b.part, F_OK), 0);
    assert_int_equal(chmod(f->path, 02755), 0);
    assert_not_opened(f->path, ERR_CONFLICT, "set-user-id");
}

static void what_is_no_binary_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *link = tempdir_path(&f->dir, "link");
    assert_int_equal(symlink(f->path, link), 0);
    assert_not_opened(link, ERR_CONFLICT, "not a regular file");
    assert_not_opened(f->dir.path, ERR_CONFLICT, "not a regular file");
    assert_not_opened(tempdir_path(&f->dir, "missing"), ERR_CONFLICT, "No such file");
    assert_not_opened("relative", ERR_INVALID, "not the path");
}

static void a_part_that_is_linked_elsewhere_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct stat st;
    const char *other = tempdir_path(&f->dir, "other");
    assert_int_equal(link(f->b.part, other), 0);
    assert_int_equal(binary_finish(&f->b, &err), ERR_CONFLICT);
    assert_int_equal(stat(other, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    assert_int_equal(unlink(f->b.part), 0);
    assert_int_equal(symlink(other, f->b.part), 0);
    assert_true(binary_finish(&f->b, &err) < 0);
    assert_int_not_equal(access(f->b.fresh, F_OK), 0);
}

static void an_older_new_one_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct err err;
    assert_int_equal(file_write(f->b.fresh, "older", 5, 0755, &err), 0);
    assert_finishes(f);
    assert_int_equal(binary_discard(&f->b, &err), 0);
    assert_int_equal(binary_discard(&f->b, &err), 0);
    assert_int_not_equal(access(f->b.fresh, F_OK), 0);
    assert_content(f->path, "old");
}

static void room_is_told_in_numbers(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct space_need need = {.fetched = 1000, .copied = 1000};
    assert_int_equal(space_check(f->dir.path, &need, &err), 0);
    need = (struct space_need){.fetched = INT64_MAX / 16, .copied = INT64_MAX / 16, .reserve = 3 * 1024 * 1024 / 2};
    assert_int_equal(space_check(f->dir.path, &need, &err), ERR_IO);
    assert_int_equal(err.sys_errno, ENOSPC);
    assert_non_null(strstr(err.msg, " free, "));
    assert_non_null(strstr(err.msg, " needed (1.5 MiB of it"));
    assert_int_equal(space_check(tempdir_path(&f->dir, "missing"), &need, &err), ERR_IO);
    assert_int_equal(err.sys_errno, ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_files_are_beside_the_binary),
        TEST(ones_own_binary_is_found),
        TEST(owner_and_mode_are_those_of_the_old_one),
        TEST(attributes_come_along_but_not_those_of_the_content),
        TEST(its_acl_comes_along),
        TEST(a_default_acl_of_the_directory_does_not),
        TEST(set_user_id_is_not_handed_on),
        TEST(what_is_no_binary_is_refused),
        TEST(a_part_that_is_linked_elsewhere_is_left_alone),
        TEST(an_older_new_one_is_replaced),
        TEST(room_is_told_in_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
