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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_in_order),
        cmocka_unit_test(a_writer_hears_that_the_reader_has_gone),
        cmocka_unit_test(the_end_comes_after_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
