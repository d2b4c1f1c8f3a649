#include "../unit.h"

#include <mbedtls/sha256.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "common/encode.h"
#include "common/file.h"
#include "tempdir.h"
#include "update/part.h"
#include "update/patch.h"

enum { SIZE = 900 * 1000 };

struct fixture {
    struct tempdir dir;
    char base[PATH_MAX], patch[PATH_MAX], result[PATH_MAX];
    unsigned char old[SIZE], new[SIZE];
    char old_sha256[PART_SHA256_SIZE], new_sha256[PART_SHA256_SIZE];
    unsigned char bytes[SIZE];
    size_t len; /* of the patch */
};

static void digest_of(const void *data, size_t len, char ret[PART_SHA256_SIZE])
{
    unsigned char digest[32];
    assert_int_equal(mbedtls_sha256(data, len, digest, 0), 0);
    hex_encode(digest, sizeof digest, ret);
}

/* As `zstd --patch-from` does: the old file as prefix, a window over both. */
static void make_patch(struct fixture *f, bool content_size)
{
    ZSTD_CCtx *cctx = ZSTD_createCCtx();
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(cctx, ZSTD_c_windowLog, 21)));
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(cctx, ZSTD_c_contentSizeFlag, content_size)));
    assert_false(ZSTD_isError(ZSTD_CCtx_refPrefix(cctx, f->old, SIZE)));
    f->len = ZSTD_compress2(cctx, f->bytes, sizeof f->bytes, f->new, SIZE);
    assert_false(ZSTD_isError(f->len));
    (void)ZSTD_freeCCtx(cctx);
}

static void put_patch(const struct fixture *f, size_t len)
{
    struct err err;
    assert_int_equal(file_write(f->patch, f->bytes, len, 0600, &err), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err err;
    assert_non_null(f);
    tempdir_make(&f->dir);
    (void)snprintf(f->base, sizeof f->base, "%s", tempdir_path(&f->dir, "agent"));
    (void)snprintf(f->patch, sizeof f->patch, "%s", tempdir_path(&f->dir, "patch"));
    (void)snprintf(f->result, sizeof f->result, "%s", tempdir_path(&f->dir, "agent.part"));
    uint32_t x = 1;
    for (size_t i = 0; i < SIZE; i++)
        f->old[i] = (unsigned char)((x = x * 1664525 + 1013904223) >> 24); /* nothing in it repeats */
    memcpy(f->new, f->old + 5000, SIZE - 5000);
    memcpy(f->new + SIZE - 5000, f->old, 5000);
    for (size_t i = 0; i < SIZE; i += 90000)
        f->new[i] ^= 1;
    digest_of(f->old, SIZE, f->old_sha256);
    digest_of(f->new, SIZE, f->new_sha256);
    assert_int_equal(file_write(f->base, f->old, SIZE, 0755, &err), 0);
    make_patch(f, true);
    put_patch(f, f->len);
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

static struct patch patch_of(const struct fixture *f)
{
    return (struct patch){.base = f->base,
                          .base_sha256 = f->old_sha256,
                          .patch = f->patch,
                          .result = f->result,
                          .result_size = SIZE,
                          .result_sha256 = f->new_sha256};
}

static void assert_refused(const struct fixture *f, const struct patch *p, int code)
{
    struct err err = {0};
    struct stat st;
    assert_int_equal(patch_apply(p, &err), code);
    assert_int_equal(err.code, code);
    assert_true(lstat(p->result, &st) != 0);
    assert_int_equal(stat(f->base, &st), 0);
    assert_int_equal(st.st_size, SIZE);
}

static void a_patch_makes_the_new_file(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct patch p = patch_of(f);
    char *made = NULL;
    size_t len;
    struct stat st;
    assert_true(f->len < SIZE / 50);
    if (patch_apply(&p, &err) != 0)
        fail_msg("%s", err.msg);
    assert_int_equal(file_read(f->result, SIZE + 1, &made, &len, &err), 0);
    assert_int_equal(len, SIZE);
    assert_memory_equal(made, f->new, SIZE);
    free(made);
    assert_int_equal(stat(f->result, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void another_base_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct patch p = patch_of(f);
    f->old[17] ^= 1;
    assert_int_equal(file_write(f->base, f->old, SIZE, 0755, &err), 0);
    assert_refused(f, &p, ERR_CONFLICT);
}

/* Whichever byte it is: the digest, if nothing before it, sees that. */
static void a_damaged_patch_is_refused(void **state)
{
    struct fixture *f = *state;
    struct patch p = patch_of(f);
    for (size_t at = 0; at < f->len; at += at < 32 ? 1 : f->len / 64) {
        struct err err = {0};
        f->bytes[at] ^= 0x08;
        put_patch(f, f->len);
        f->bytes[at] ^= 0x08;
        int rc = patch_apply(&p, &err);
        if (rc != ERR_CORRUPT && rc != ERR_TOO_BIG)
            fail_msg("byte %zu: %d %s", at, rc, err.msg);
        assert_true(access(f->result, F_OK) != 0);
    }
}

static void a_patch_that_is_cut_off_is_refused(void **state)
{
    struct fixture *f = *state;
    struct patch p = patch_of(f);
    for (size_t len = 1; len < f->len; len += len < 32 ? 1 : f->len / 32) {
        put_patch(f, len);
        assert_refused(f, &p, ERR_CORRUPT);
    }
    f->bytes[f->len] = 0;
    put_patch(f, f->len + 1);
    assert_refused(f, &p, ERR_CORRUPT);
}

static void a_result_of_another_size_is_refused_before_it_is_made(void **state)
{
    struct fixture *f = *state;
    struct patch p = patch_of(f);
    p.result_size = SIZE - 1;
    assert_refused(f, &p, ERR_TOO_BIG);
    p.result_size = (int64_t)PATCH_RESULT_MAX + 1;
    assert_refused(f, &p, ERR_TOO_BIG);
    p.result_size = SIZE;
    make_patch(f, false); /* one that does not say */
    put_patch(f, f->len);
    assert_refused(f, &p, ERR_CORRUPT);
}

static void a_result_that_is_not_the_one_signed_is_refused(void **state)
{
    struct fixture *f = *state;
    struct patch p = patch_of(f);
    p.result_sha256 = f->old_sha256;
    assert_refused(f, &p, ERR_CORRUPT);
}

static void what_is_no_patch_at_all_is_refused(void **state)
{
    struct fixture *f = *state;
    struct patch p = patch_of(f);
    struct err err;
    static const unsigned char skippable[] = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
    assert_int_equal(file_write(f->patch, skippable, sizeof skippable, 0600, &err), 0);
    assert_refused(f, &p, ERR_TOO_BIG);
    assert_int_equal(file_write(f->patch, "", 0, 0600, &err), 0);
    assert_refused(f, &p, ERR_CONFLICT);
    assert_int_equal(unlink(f->patch), 0);
    assert_int_equal(mkfifo(f->patch, 0600), 0);
    assert_refused(f, &p, ERR_CONFLICT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_patch_makes_the_new_file),
        TEST(another_base_is_refused),
        TEST(a_damaged_patch_is_refused),
        TEST(a_patch_that_is_cut_off_is_refused),
        TEST(a_result_of_another_size_is_refused_before_it_is_made),
        TEST(a_result_that_is_not_the_one_signed_is_refused),
        TEST(what_is_no_patch_at_all_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
