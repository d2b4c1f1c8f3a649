#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <mbedtls/sha256.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/encode.h"
#include "common/file.h"
#include "tempdir.h"
#include "update/part.h"

enum { SIZE = 100 * 1000 };

struct fixture {
    struct tempdir dir;
    char path[PATH_MAX], note[PATH_MAX];
    unsigned char data[SIZE];
    char sha256[PART_SHA256_SIZE];
};

static void digest_of(const void *data, size_t len, char ret[PART_SHA256_SIZE])
{
    unsigned char digest[32];
    assert_int_equal(mbedtls_sha256(data, len, digest, 0), 0);
    hex_encode(digest, sizeof digest, ret);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    tempdir_make(&f->dir);
    (void)snprintf(f->path, sizeof f->path, "%s", tempdir_path(&f->dir, "agent.part"));
    (void)snprintf(f->note, sizeof f->note, "%s", tempdir_path(&f->dir, "note"));
    for (size_t i = 0; i < SIZE; i++)
        f->data[i] = (unsigned char)(i * i >> 3);
    digest_of(f->data, SIZE, f->sha256);
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

static struct part opened(const struct fixture *f)
{
    struct part p;
    struct err err = {0};
    if (part_open(f->path, f->note, SIZE, f->sha256, &p, &err) != 0)
        fail_msg("%s", err.msg);
    return p;
}

/* The first bytes of the target, from a process that then stopped. */
static void begin(const struct fixture *f, size_t len, const char *etag)
{
    struct err err;
    struct part p = opened(f);
    assert_int_equal(part_restart(&p, etag, &err), 0);
    assert_int_equal(part_add(&p, f->data, len, &err), 0);
    part_close(&p);
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void what_is_there_is_gone_on_with(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct stat st;
    begin(f, 70 * 1000, "v1-etag");
    struct part p = opened(f);
    assert_int_equal(p.have, 70 * 1000);
    assert_string_equal(p.etag, "v1-etag");
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(part_add(&p, f->data + p.have, SIZE - 70 * 1000, &err), 0);
    assert_int_equal(part_finish(&p, &err), 0);
    part_close(&p);

    p = opened(f); /* and once it is complete nothing is asked for again */
    assert_int_equal(p.have, SIZE);
    assert_int_equal(part_finish(&p, &err), 0);
    part_close(&p);
}

static void a_part_of_something_else_is_never_gone_on_with(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct part p;
    char other[PART_SHA256_SIZE];
    digest_of("other", 5, other);
    begin(f, 1000, "x");
    assert_int_equal(part_open(f->path, f->note, SIZE, other, &p, &err), 0);
    assert_int_equal(p.have, 0);
    part_close(&p);

    begin(f, 1000, "x");
    assert_int_equal(part_open(f->path, f->note, SIZE - 1, f->sha256, &p, &err), 0);
    assert_int_equal(p.have, 0);
    part_close(&p);

    begin(f, 1000, "x");
    assert_int_equal(unlink(f->note), 0);
    p = opened(f);
    assert_int_equal(p.have, 0);
    part_close(&p);

    begin(f, 1000, "x");
    assert_int_equal(file_write(f->note, "muster-part 1\nsha256 ", 21, 0600, &err), 0);
    p = opened(f);
    assert_int_equal(p.have, 0);
    assert_string_equal(p.etag, "");
    part_close(&p);
}

static void more_than_the_size_is_not_written(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct part p = opened(f);
    assert_int_equal(part_restart(&p, NULL, &err), 0);
    assert_int_equal(part_add(&p, f->data, SIZE, &err), 0);
    assert_int_equal(part_add(&p, "x", 1, &err), ERR_TOO_BIG);
    assert_int_equal(p.have, SIZE);
    part_close(&p);

    int fd = open(f->path, O_WRONLY | O_APPEND); /* somebody else may have written it */
    assert_int_equal(write(fd, "x", 1), 1);
    (void)close(fd);
    p = opened(f);
    assert_int_equal(p.have, 0);
    part_close(&p);
}

static void what_is_wrong_is_not_finished(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct part p = opened(f);
    assert_int_equal(part_restart(&p, NULL, &err), 0);
    assert_int_equal(part_add(&p, f->data, SIZE - 1, &err), 0);
    assert_int_equal(part_finish(&p, &err), ERR_CORRUPT);
    assert_int_equal(part_add(&p, "?", 1, &err), 0);
    assert_int_equal(part_finish(&p, &err), ERR_CORRUPT);
    part_discard(&p);
    assert_false(exists(f->path));
    assert_false(exists(f->note));
}

static void one_process_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct part p = opened(f);
    pid_t pid = fork();
    if (pid == 0) {
        struct part q;
        _exit(part_open(f->path, f->note, SIZE, f->sha256, &q, &err) == ERR_CONFLICT ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    part_close(&p);
}

static void nothing_that_stands_there_is_followed(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct stat st;
    const char *victim = tempdir_path(&f->dir, "victim");
    assert_int_equal(file_write(victim, "precious", 8, 0644, &err), 0);

    assert_int_equal(symlink(victim, f->path), 0);
    begin(f, 10, NULL);
    assert_int_equal(lstat(f->path, &st), 0);
    assert_true(S_ISREG(st.st_mode));

    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(link(victim, f->path), 0);
    begin(f, 10, NULL);
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_size, 8);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_mode & 07777, 0644);

    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    begin(f, 10, NULL);

    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    struct part p;
    assert_true(part_open(f->path, f->note, SIZE, f->sha256, &p, &err) < 0);
    assert_true(exists(f->path));
}

static void an_etag_that_no_header_could_carry_is_not_kept(void **state)
{
    static const char *const wrong[] = {"a b", "a\"b", "a\nb", "\xff", "a\tb"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        begin(f, 10, wrong[i]);
        struct part p = opened(f);
        assert_string_equal(p.etag, "");
        assert_int_equal(p.have, 10);
        part_close(&p);
    }
}

static void a_full_disk_is_told(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct part p = opened(f);
    assert_int_equal(part_restart(&p, NULL, &err), 0);
    int full = open("/dev/full", O_WRONLY);
    assert_int_equal(dup2(full, p.fd), p.fd);
    (void)close(full);
    assert_int_equal(part_add(&p, f->data, 100, &err), ERR_IO);
    assert_int_equal(err.sys_errno, ENOSPC);
    part_close(&p);
}

static void a_target_without_a_digest_is_none(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct part p;
    assert_int_equal(part_open(f->path, f->note, SIZE, "", &p, &err), ERR_INVALID);
    assert_int_equal(part_open(f->path, f->note, SIZE, "xyz", &p, &err), ERR_INVALID);
    assert_int_equal(part_open(f->path, f->note, -1, f->sha256, &p, &err), ERR_INVALID);
    assert_false(exists(f->path));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_is_gone_on_with),
        TEST(a_part_of_something_else_is_never_gone_on_with),
        TEST(more_than_the_size_is_not_written),
        TEST(what_is_wrong_is_not_finished),
        TEST(one_process_at_a_time),
        TEST(nothing_that_stands_there_is_followed),
        TEST(an_etag_that_no_header_could_carry_is_not_kept),
        TEST(a_full_disk_is_told),
        TEST(a_target_without_a_digest_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
