#include "../unit.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "snapshot/behind.h"

enum { LARGE = 3 * 1024 * 1024, ROOM = 5000 };

/* Takes what comes out as it is, until it shall fail. */
struct taken {
    struct buf bytes;
    size_t fail_at; /* 0: never */
    char room[ROOM];
};

static int give_room(void *ctx, void **ret, size_t *ret_len, struct err *err)
{
    struct taken *t = ctx;
    if (t->fail_at > 0 && t->bytes.len >= t->fail_at)
        return err_set(err, ERR_TIMEOUT, "nobody takes it");
    *ret = t->room;
    *ret_len = sizeof t->room;
    return 0;
}

static void take_filled(void *ctx, size_t len)
{
    struct taken *t = ctx;
    buf_add(&t->bytes, t->room, len);
}

struct fixture {
    struct taken taken;
    struct compress *compress;
    struct behind *behind;
    char *text;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.text = malloc(LARGE)};
    const struct compress_receiver out = {.room = give_room, .filled = take_filled, .ctx = &f.taken};
    for (size_t i = 0; f.text != NULL && i < LARGE; i++)
        f.text[i] = (char)(i >> 8 ^ i);
    buf_init(&f.taken.bytes, 2 * LARGE);
    *state = &f;
    return f.text != NULL && compress_new(COMPRESS_NONE, 0, &out, &f.compress, NULL) == 0 &&
                   behind_new(f.compress, &f.behind, NULL) == 0
               ? 0
               : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    behind_free(f->behind);
    compress_free(f->compress);
    buf_done(&f->taken.bytes);
    free(f->text);
    return 0;
}

static void pieces_small_and_large_arrive_in_order(void **state)
{
    struct fixture *f = *state;
    size_t size = 1;
    for (size_t at = 0; at < LARGE; size = (size * 3 + 7) % 200000) {
        size_t n = LARGE - at < size ? LARGE - at : size;
        assert_int_equal(behind_write(f->behind, f->text + at, n, NULL), 0);
        at += n;
    }
    assert_int_equal(behind_finish(f->behind, NULL), 0);
    assert_int_equal(f->taken.bytes.len, LARGE);
    assert_memory_equal(f->taken.bytes.data, f->text, LARGE);
}

static void what_is_put_into_the_room_arrives_between_what_is_copied(void **state)
{
    struct fixture *f = *state;
    for (size_t at = 0; at < LARGE;) {
        void *room;
        size_t size, head = LARGE - at < 512 ? LARGE - at : 512;
        assert_int_equal(behind_write(f->behind, f->text + at, head, NULL), 0);
        at += head;
        assert_int_equal(behind_room(f->behind, &room, &size, NULL), 0);
        size_t n = LARGE - at < size ? LARGE - at : size;
        memcpy(room, f->text + at, n);
        assert_int_equal(behind_write(f->behind, room, n, NULL), 0);
        at += n;
    }
    assert_int_equal(behind_finish(f->behind, NULL), 0);
    assert_int_equal(f->taken.bytes.len, LARGE);
    assert_memory_equal(f->taken.bytes.data, f->text, LARGE);
}

static void the_receivers_failure_is_that_of_the_writer(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int rc = 0;
    f->taken.fail_at = 100000;
    for (size_t at = 0; rc == 0 && at < LARGE; at += 1024)
        rc = behind_write(f->behind, f->text + at, 1024, &err);
    assert_int_equal(rc, ERR_TIMEOUT);
    assert_string_equal(err.msg, "nobody takes it");
    assert_int_equal(behind_write(f->behind, f->text, LARGE, &err), ERR_TIMEOUT);
    void *room;
    size_t size;
    assert_int_equal(behind_room(f->behind, &room, &size, &err), ERR_TIMEOUT);
}

static void a_failure_at_the_very_end_is_heard(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    f->taken.fail_at = 1;
    assert_int_equal(behind_write(f->behind, f->text, 2 * ROOM, &err), 0);
    assert_int_equal(behind_finish(f->behind, &err), ERR_TIMEOUT);
    assert_string_equal(err.msg, "nobody takes it");
}

static void a_stream_that_is_given_up_is_not_ended_as_if_it_were_whole(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(behind_write(f->behind, f->text, 100, NULL), 0); /* too little to be handed over yet */
    behind_free(f->behind);
    f->behind = NULL;
    assert_int_equal(f->taken.bytes.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_small_and_large_arrive_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_put_into_the_room_arrives_between_what_is_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(the_receivers_failure_is_that_of_the_writer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_at_the_very_end_is_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_that_is_given_up_is_not_ended_as_if_it_were_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
