#include "../unit.h"

#include <pthread.h>
#include <string.h>

#include "snapshot/stream.h"

static void *write_much(void *arg)
{
    struct stream *s = arg;
    unsigned char block[37];
    unsigned next = 0;
    for (int i = 0; i < 1000; i++) {
        for (size_t k = 0; k < sizeof block; k++)
            block[k] = (unsigned char)next++;
        if (stream_write(s, block, sizeof block, NULL) != 0)
            return s;
    }
    stream_end(s);
    return NULL;
}

static void every_byte_arrives_in_order(void **state)
{
    (void)state;
    struct stream *s = stream_new(64);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_much, s), 0);
    unsigned next = 0;
    for (;;) {
        const void *data;
        size_t len;
        stream_read(s, &data, &len);
        if (len == 0)
            break;
        for (size_t i = 0; i < len; i++)
            assert_int_equal(((const unsigned char *)data)[i], (unsigned char)next++);
    }
    assert_int_equal(next, 37000);
    void *failed;
    (void)pthread_join(thread, &failed);
    assert_null(failed);
    stream_free(s);
}

static void a_writer_hears_that_the_reader_has_gone(void **state)
{
    (void)state;
    struct stream *s = stream_new(64);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_much, s), 0);
    const void *data;
    size_t len;
    stream_read(s, &data, &len);
    stream_leave(s);
    void *failed;
    (void)pthread_join(thread, &failed);
    assert_non_null(failed);
    stream_free(s);
}

static void the_end_comes_after_what_was_written(void **state)
{
    (void)state;
    struct stream *s = stream_new(64);
    const void *data;
    size_t len;
    assert_int_equal(stream_write(s, "abc", 3, NULL), 0);
    stream_end(s);
    stream_read(s, &data, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(data, "abc", 3);
    stream_read(s, &data, &len);
    assert_int_equal(len, 0);
    stream_free(s);
}

static void expect_next(struct stream *s, const char *text)
{
    const void *data;
    size_t len;
    stream_read(s, &data, &len);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(data, text, len);
}

/* A ring of 64, of which up to the half is lent at once. */
static void room_ends_with_the_ring_and_what_was_put_there_stays(void **state)
{
    (void)state;
    struct stream *s = stream_new(64);
    void *room, *first;
    size_t len;
    assert_int_equal(stream_room(s, &first, &len, NULL), 0);
    assert_int_equal(len, 64);
    assert_int_equal(stream_write(s, "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789AB", 60, NULL), 0);
    expect_next(s, "0123456789abcdef0123456789ABCDEF");
    assert_int_equal(stream_room(s, &room, &len, NULL), 0);
    assert_int_equal(len, 4);
    memcpy(room, "wxyz", 4);
    assert_int_equal(stream_write(s, room, 4, NULL), 0);
    expect_next(s, "0123456789abcdef0123456789AB");
    assert_int_equal(stream_room(s, &room, &len, NULL), 0);
    assert_ptr_equal(room, first);
    assert_int_equal(len, 32); /* what is lent now is not free yet */
    memcpy(room, "!", 1);
    assert_int_equal(stream_write(s, room, 1, NULL), 0);
    stream_end(s);
    expect_next(s, "wxyz");
    expect_next(s, "!");
    expect_next(s, "");
    stream_free(s);
}

static void what_was_written_over_in_the_room_is_not_passed_on(void **state)
{
    (void)state;
    struct stream *s = stream_new(64);
    void *room;
    size_t len;
    assert_int_equal(stream_room(s, &room, &len, NULL), 0);
    memcpy(room, "content", 7);
    assert_int_equal(stream_write(s, "header", 6, NULL), 0);
    assert_int_equal(stream_write(s, room, 7, NULL), ERR_INTERNAL);
    stream_free(s);
}

static void there_is_no_room_when_the_reader_has_gone(void **state)
{
    (void)state;
    struct stream *s = stream_new(64);
    void *room;
    size_t len;
    stream_leave(s);
    assert_int_equal(stream_room(s, &room, &len, NULL), ERR_CONFLICT);
    stream_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_in_order),
        cmocka_unit_test(a_writer_hears_that_the_reader_has_gone),
        cmocka_unit_test(the_end_comes_after_what_was_written),
        cmocka_unit_test(room_ends_with_the_ring_and_what_was_put_there_stays),
        cmocka_unit_test(what_was_written_over_in_the_room_is_not_passed_on),
        cmocka_unit_test(there_is_no_room_when_the_reader_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
