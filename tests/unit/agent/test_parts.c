#include "../unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/parts.h"

enum { SIZE = 8 };

static struct parts *make(void)
{
    struct parts *p = NULL;
    assert_int_equal(parts_new(SIZE, &p, NULL), 0);
    return p;
}

static void fill(struct parts *p, const char *text)
{
    while (*text != '\0') {
        void *room;
        size_t len;
        assert_int_equal(parts_room(p, &room, &len, NULL), 0);
        size_t n = strlen(text) < len ? strlen(text) : len;
        memcpy(room, text, n);
        parts_filled(p, n);
        text += n;
    }
}

static struct part *expect_part(struct part *part, unsigned number, const char *content)
{
    assert_int_equal(part->number, number);
    assert_int_equal(part->size, strlen(content));
    size_t len = 0;
    assert_true(part->size == 0 || memcmp(part_piece(part, 0, &len), content, part->size) == 0);
    assert_int_equal(len, part->size);
    return part;
}

static struct part *expect_full(struct parts *p, unsigned number, const char *content)
{
    struct part *part = NULL;
    assert_int_equal(parts_wait_full(p, 0, &part, NULL), 0);
    return expect_part(part, number, content);
}

static struct part *expect_ready(struct parts *p, unsigned number, const char *content)
{
    struct part *part = NULL;
    assert_int_equal(parts_take_ready(p, &part, NULL), 0);
    return expect_part(part, number, content);
}

static void parts_go_round_in_order(void **state)
{
    (void)state;
    struct parts *p = make();
    fill(p, "aaaaaaaabbbbbbbb");
    parts_pass(p, expect_full(p, 1, "aaaaaaaa"));
    parts_pass(p, expect_full(p, 2, "bbbbbbbb"));
    parts_pass(p, expect_ready(p, 1, "aaaaaaaa"));
    fill(p, "ccc");
    parts_end_object(p);
    parts_end(p);
    parts_pass(p, expect_ready(p, 2, "bbbbbbbb"));
    parts_pass(p, expect_full(p, 3, "ccc"));
    assert_int_equal(parts_drain(p, 0), ERR_TIMEOUT);
    parts_pass(p, expect_ready(p, 3, "ccc"));
    assert_int_equal(parts_drain(p, 0), 0);
    parts_free(p);
}

static void the_end_is_heard_at_every_station(void **state)
{
    (void)state;
    struct parts *p = make();
    struct part *part = NULL;
    fill(p, "aaaaaaaa");
    parts_end_object(p);
    parts_end(p);
    parts_pass(p, expect_full(p, 1, "aaaaaaaa"));
    assert_int_equal(parts_wait_full(p, 0, &part, NULL), ERR_NOT_FOUND);
    parts_pass(p, expect_ready(p, 1, "aaaaaaaa"));
    assert_int_equal(parts_take_ready(p, &part, NULL), ERR_NOT_FOUND);
    parts_free(p);
}

static void a_last_part_that_got_nothing_is_not_one(void **state)
{
    (void)state;
    struct parts *p = make();
    void *room;
    size_t len;
    fill(p, "aaaaaaaa");
    assert_int_equal(parts_room(p, &room, &len, NULL), 0);
    parts_end_object(p);
    parts_end(p);
    parts_pass(p, expect_full(p, 1, "aaaaaaaa"));
    struct part *part = NULL;
    assert_int_equal(parts_wait_full(p, 0, &part, NULL), ERR_NOT_FOUND);
    parts_free(p);
}

static void an_empty_stream_is_one_empty_part(void **state)
{
    (void)state;
    struct parts *p = make();
    void *room;
    size_t len;
    assert_int_equal(parts_room(p, &room, &len, NULL), 0);
    parts_end_object(p);
    parts_end(p);
    (void)expect_full(p, 1, "");
    parts_free(p);
}

static void numbers_begin_again_with_the_next_object(void **state)
{
    (void)state;
    struct parts *p = make();
    fill(p, "aaaaaaaabbb");
    parts_end_object(p);
    fill(p, "cc");
    parts_end_object(p);
    parts_end(p);
    parts_pass(p, expect_full(p, 1, "aaaaaaaa"));
    struct part *last = expect_full(p, 2, "bbb");
    assert_int_equal(last->object, 0);
    parts_pass(p, last);
    struct part *next = expect_full(p, 1, "cc");
    assert_int_equal(next->object, 1);
    parts_pass(p, next);
    parts_pass(p, expect_ready(p, 1, "aaaaaaaa"));
    parts_pass(p, expect_ready(p, 2, "bbb"));
    assert_int_equal(parts_drain(p, 0), ERR_TIMEOUT);
    parts_pass(p, expect_ready(p, 1, "cc"));
    assert_int_equal(parts_drain(p, 0), 0);
    parts_free(p);
}

static void *stop_soon(void *p)
{
    parts_stop(p);
    return NULL;
}

/* Fills len bytes, each block with its number. */
static void fill_blocks(struct parts *p, size_t len)
{
    for (size_t done = 0; done < len;) {
        void *room;
        size_t size;
        assert_int_equal(parts_room(p, &room, &size, NULL), 0);
        memset(room, (int)(done >> 18), size);
        parts_filled(p, size);
        done += size;
    }
}

static void there_is_room_for_two_parts_and_a_little_and_a_sent_part_gives_its_own_back(void **state)
{
    enum { LARGE = 2 * 1024 * 1024, LITTLE = 1024 * 1024 };
    (void)state;
    struct parts *p = NULL;
    struct part *part = NULL;
    pthread_t thread;
    void *room;
    size_t len;
    assert_int_equal(parts_new(LARGE, &p, NULL), 0);
    fill_blocks(p, 2 * LARGE + LITTLE);
    assert_int_equal(parts_wait_full(p, 0, &part, NULL), 0);
    for (size_t at = 0, block = 0; at < part->size; at += len, block++)
        assert_int_equal(*(const char *)part_piece(part, at, &len), block);
    parts_pass(p, part);
    assert_int_equal(parts_take_ready(p, &part, NULL), 0);
    parts_pass(p, part);
    fill_blocks(p, LARGE - LITTLE); /* the rest of the third part */
    fill_blocks(p, LITTLE);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, p), 0);
    assert_int_equal(parts_room(p, &room, &len, NULL), ERR_CONFLICT);
    (void)pthread_join(thread, NULL);
    parts_free(p);
}

static void nothing_to_do_yet_is_a_timeout(void **state)
{
    (void)state;
    struct parts *p = make();
    struct part *part = NULL;
    assert_int_equal(parts_wait_full(p, 1, &part, NULL), ERR_TIMEOUT);
    parts_free(p);
}

static void a_filler_that_waits_for_room_hears_of_the_stop(void **state)
{
    (void)state;
    struct parts *p = make();
    void *room;
    size_t len;
    pthread_t thread;
    fill(p, "aaaaaaaabbbbbbbbcccccccc"); /* every buffer */
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, p), 0);
    assert_int_equal(parts_room(p, &room, &len, NULL), ERR_CONFLICT);
    assert_int_equal(parts_sleep(p, 60000), ERR_CONFLICT);
    struct part *part = NULL;
    assert_int_equal(parts_wait_full(p, -1, &part, NULL), ERR_CONFLICT);
    (void)pthread_join(thread, NULL);
    parts_free(p);
}

static void parts_may_come_home_out_of_order(void **state)
{
    (void)state;
    struct parts *p = make();
    fill(p, "aaaaaaaabbb");
    parts_end_object(p);
    parts_end(p);
    parts_pass(p, expect_full(p, 1, "aaaaaaaa"));
    parts_pass(p, expect_full(p, 2, "bbb"));
    struct part *first = expect_ready(p, 1, "aaaaaaaa");
    parts_pass(p, expect_ready(p, 2, "bbb"));
    assert_int_equal(parts_drain(p, 0), ERR_TIMEOUT);
    parts_pass(p, first);
    assert_int_equal(parts_drain(p, 0), 0);
    parts_free(p);
}

struct received {
    struct parts *parts;
    atomic_size_t len;
    char data[4096];
};

static void *sign(void *arg)
{
    struct parts *p = arg;
    struct part *part;
    while (parts_wait_full(p, -1, &part, NULL) == 0)
        parts_pass(p, part);
    return NULL;
}

static void *send_all(void *arg)
{
    struct received *r = arg;
    struct part *part;
    while (parts_take_ready(r->parts, &part, NULL) == 0) {
        size_t len;
        memcpy(r->data + (part->number - 1) * SIZE, part_piece(part, 0, &len), part->size);
        atomic_fetch_add(&r->len, part->size);
        parts_pass(r->parts, part);
    }
    return NULL;
}

static void four_threads_pass_on_every_byte(void **state)
{
    (void)state;
    static struct received received;
    struct parts *p = make();
    pthread_t signer, sender, second;
    char text[1001];
    for (size_t i = 0; i < 1000; i++)
        text[i] = (char)('a' + i % 23);
    text[1000] = '\0';
    received.parts = p;
    assert_int_equal(pthread_create(&signer, NULL, sign, p), 0);
    assert_int_equal(pthread_create(&sender, NULL, send_all, &received), 0);
    assert_int_equal(pthread_create(&second, NULL, send_all, &received), 0);
    fill(p, text);
    parts_end_object(p);
    parts_end(p);
    (void)pthread_join(signer, NULL);
    (void)pthread_join(sender, NULL);
    (void)pthread_join(second, NULL);
    assert_int_equal(received.len, 1000);
    assert_memory_equal(received.data, text, 1000);
    parts_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_go_round_in_order),
        cmocka_unit_test(the_end_is_heard_at_every_station),
        cmocka_unit_test(a_last_part_that_got_nothing_is_not_one),
        cmocka_unit_test(an_empty_stream_is_one_empty_part),
        cmocka_unit_test(numbers_begin_again_with_the_next_object),
        cmocka_unit_test(there_is_room_for_two_parts_and_a_little_and_a_sent_part_gives_its_own_back),
        cmocka_unit_test(nothing_to_do_yet_is_a_timeout),
        cmocka_unit_test(a_filler_that_waits_for_room_hears_of_the_stop),
        cmocka_unit_test(parts_may_come_home_out_of_order),
        cmocka_unit_test(four_threads_pass_on_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
