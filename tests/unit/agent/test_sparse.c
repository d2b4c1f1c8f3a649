#include "../unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "snapshot/sparse.h"
#include "tempdir.h"

static struct sparse_map map;

static int empty_map(void **state)
{
    (void)state;
    map.count = 0;
    map.least_gap = 0;
    return 0;
}

static void segments_that_touch_become_one(void **state)
{
    (void)state;
    sparse_add(&map, 0, 10);
    sparse_add(&map, 10, 5);
    sparse_add(&map, 20, 5);
    assert_int_equal(map.count, 2);
    assert_int_equal(map.segments[0].length, 15);
    assert_int_equal(map.segments[1].offset, 20);
}

static void too_many_segments_close_the_small_gaps_and_lose_no_data(void **state)
{
    (void)state;
    const int64_t big = 1 << 20;
    for (int64_t i = 0; i < 3 * SPARSE_MAX; i++)
        sparse_add(&map, i * 12288, 4096);
    sparse_add(&map, 3 * SPARSE_MAX * (int64_t)12288 + big, 4096);
    assert_true(map.count <= SPARSE_MAX);
    /* Every byte that was data is in a segment, and the one large gap is still a gap. */
    size_t at = 0;
    for (int64_t i = 0; i < 3 * SPARSE_MAX; i++) {
        while (map.segments[at].offset + map.segments[at].length <= i * 12288)
            at++;
        assert_true(map.segments[at].offset <= i * 12288);
        assert_true(map.segments[at].offset + map.segments[at].length >= i * 12288 + 4096);
    }
    const struct sparse_segment *last = &map.segments[map.count - 1];
    assert_int_equal(last->length, 4096);
}

static int make_file(struct tempdir *dir, off_t size)
{
    tempdir_make(dir);
    int fd = open(tempdir_path(dir, "f"), O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    return fd;
}

static void a_file_of_one_hole_has_no_segments(void **state)
{
    (void)state;
    struct tempdir dir;
    int fd = make_file(&dir, 1 << 20);
    assert_true(sparse_read(fd, 1 << 20, &map));
    assert_int_equal(map.count, 0);
    (void)close(fd);
    tempdir_remove(&dir);
}

static void data_between_holes_is_found(void **state)
{
    (void)state;
    struct tempdir dir;
    int fd = make_file(&dir, 1 << 20);
    assert_int_equal(pwrite(fd, "x", 1, 512 * 1024), 1);
    assert_true(sparse_read(fd, 1 << 20, &map));
    assert_int_equal(map.count, 1);
    assert_true(map.segments[0].offset <= 512 * 1024);
    assert_true(map.segments[0].offset + map.segments[0].length > 512 * 1024);
    assert_true(map.segments[0].length < 256 * 1024);
    (void)close(fd);
    tempdir_remove(&dir);
}

static void a_full_file_is_one_segment_and_not_sparse(void **state)
{
    (void)state;
    struct tempdir dir;
    int fd = make_file(&dir, 0);
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_false(sparse_read(fd, 5, &map));
    assert_int_equal(map.count, 1);
    assert_int_equal(map.segments[0].length, 5);
    (void)close(fd);
    tempdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(segments_that_touch_become_one, empty_map),
        cmocka_unit_test_setup(too_many_segments_close_the_small_gaps_and_lose_no_data, empty_map),
        cmocka_unit_test_setup(a_file_of_one_hole_has_no_segments, empty_map),
        cmocka_unit_test_setup(data_between_holes_is_found, empty_map),
        cmocka_unit_test_setup(a_full_file_is_one_segment_and_not_sparse, empty_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
