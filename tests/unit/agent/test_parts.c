#include "../unit.h"

#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backup/parts.h"
#include "tempdir.h"

enum { SIZE = 8 };

static struct parts *make(void)
{
    struct parts *p = NULL;
    assert_int_equal(parts_new(SIZE, PART_MD5, NULL, &p, NULL), 0);
    return p;
}

/* One byte of a part, wherever it lies. */
static char byte_at(const struct part *part, size_t at)
{
    char buffer[PART_PIECE];
    const void *piece;
    size_t len = 0;
    assert_int_equal(part_read(part, at, buffer, &piece, &len, NULL), 0);
    assert_in_range(len, 1, PART_PIECE);
    return *(const char *)piece;
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
    for (size_t at = 0; at < part->size; at++)
        assert_int_equal(byte_at(part, at), content[at]);
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

enum { LARGE = 2 * 1024 * 1024, LITTLE = 1024 * 1024, TELLING = 64 * 1024 };

/* Fills len bytes from `from` of the object on, each with the number of the piece of TELLING that it lies in. */
static void fill_blocks(struct parts *p, size_t len, size_t from)
{
    for (size_t end = from + len; from < end;) {
        void *room;
        size_t size;
        assert_int_equal(parts_room(p, &room, &size, NULL), 0);
        size_t alike = TELLING - from % TELLING < end - from ? TELLING - from % TELLING : end - from;
        size_t piece = alike < size ? alike : size;
        memset(room, (int)(from / TELLING), piece);
        parts_filled(p, piece);
        from += piece;
    }
}

/* Sends the next part, which begins at `from` of the object. */
static const struct part *send_blocks(struct parts *p, size_t from)
{
    struct part *part = NULL;
    assert_int_equal(parts_wait_full(p, 0, &part, NULL), 0);
    parts_pass(p, part);
    assert_int_equal(parts_take_ready(p, &part, NULL), 0);
    for (size_t at = 0; at < part->size; at += TELLING / 4)
        assert_int_equal((unsigned char)byte_at(part, at), (from + at) / TELLING);
    assert_int_equal((unsigned char)byte_at(part, part->size - 1), (from + part->size - 1) / TELLING);
    parts_pass(p, part);
    return part;
}

static void expect_digest(const struct part *part, const void *content)
{
    struct part_digest d;
    unsigned char want[PART_DIGEST_MAX];
    part_digest_init(&d, PART_XXH64);
    part_digest_update(&d, content, part->size);
    part_digest_finish(&d, want);
    assert_memory_equal(part->digest, want, part_digest_size(PART_XXH64));
}

/* Also of what is in the file already, and of each part for itself. */
static void a_part_has_the_digest_of_what_was_filled(void **state)
{
    (void)state;
    static unsigned char content[2 * LARGE + LITTLE];
    struct tempdir dir;
    struct parts *p = NULL;
    struct part *part = NULL;
    tempdir_make(&dir);
    assert_int_equal(parts_new(LARGE, PART_XXH64, dir.path, &p, NULL), 0);
    assert_int_equal(rmdir(dir.path), 0);
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (unsigned char)(i / TELLING);
    fill_blocks(p, sizeof content, 0);
    parts_end_object(p);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(parts_wait_full(p, 0, &part, NULL), 0);
        expect_digest(part, content + i * LARGE);
        parts_pass(p, part);
        assert_int_equal(parts_take_ready(p, &part, NULL), 0);
        parts_pass(p, part);
    }
    parts_end_object(p); /* an object of nothing */
    assert_int_equal(parts_wait_full(p, 0, &part, NULL), ERR_TIMEOUT);
    void *room;
    size_t len;
    assert_int_equal(parts_room(p, &room, &len, NULL), 0);
    parts_end_object(p);
    assert_int_equal(parts_wait_full(p, 0, &part, NULL), 0);
    assert_int_equal(part->size, 0);
    expect_digest(part, "");
    parts_free(p);
}

static void there_is_room_for_two_parts_and_a_little_and_a_sent_part_gives_its_own_back(void **state)
{
    (void)state;
    struct parts *p = NULL;
    pthread_t thread;
    void *room;
    size_t len;
    assert_int_equal(parts_new(LARGE, PART_MD5, "/no/such/directory", &p, NULL), 0);
    fill_blocks(p, 2 * LARGE + LITTLE, 0);
    send_blocks(p, 0);
    fill_blocks(p, LARGE - LITTLE, 2 * LARGE + LITTLE); /* the rest of the third part */
    fill_blocks(p, LITTLE, 3 * LARGE);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, p), 0);
    assert_int_equal(parts_room(p, &room, &len, NULL), ERR_CONFLICT);
    (void)pthread_join(thread, NULL);
    parts_free(p);
}

/* In a directory of a disk: one in memory is of no use for it, which parts.c sees as well. */
static struct parts *make_large(struct tempdir *dir)
{
    struct parts *p = NULL;
    struct statfs fs;
    tempdir_make(dir);
    if (statfs(dir->path, &fs) == 0 && fs.f_type == TMPFS_MAGIC) {
        tempdir_remove(dir);
        skip();
    }
    assert_int_equal(parts_new(LARGE, PART_MD5, dir->path, &p, NULL), 0);
    assert_int_equal(rmdir(dir->path), 0); /* its file has no name */
    return p;
}

static void a_file_holds_more_than_memory_may(void **state)
{
    (void)state;
    struct tempdir dir;
    struct parts *p = make_large(&dir);
    fill_blocks(p, 3 * LARGE + LITTLE, 0); /* would wait for ever, in memory */
    for (size_t i = 0; i < 3; i++)
        (void)send_blocks(p, i * LARGE);
    fill_blocks(p, 2 * LARGE + 1, 3 * LARGE + LITTLE); /* where the first ones lay */
    parts_end_object(p);
    parts_end(p);
    (void)send_blocks(p, 3 * LARGE);
    (void)send_blocks(p, 4 * LARGE);
    assert_int_equal(send_blocks(p, 5 * LARGE)->size, LITTLE + 1);
    assert_int_equal(parts_drain(p, 0), 0);
    parts_free(p);
}

static void what_does_not_fit_the_disk_stays_in_memory(void **state)
{
    (void)state;
    struct tempdir dir;
    struct rlimit before;
    struct parts *p = make_large(&dir);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit full = {.rlim_cur = LARGE + LITTLE + 100, .rlim_max = before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    fill_blocks(p, 3 * LARGE + LITTLE, 0);
    for (size_t i = 0; i < 3; i++)
        (void)send_blocks(p, i * LARGE);
    fill_blocks(p, LARGE - LITTLE, 3 * LARGE + LITTLE);
    (void)send_blocks(p, 3 * LARGE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
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
    fill(p, "aaaaaaaabbbbbbbbcccccccc"); /* all that memory is for */
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
        for (size_t at = 0; at < part->size; at++)
            r->data[(part->number - 1) * SIZE + at] = byte_at(part, at);
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
        cmocka_unit_test(a_file_holds_more_than_memory_may),
        cmocka_unit_test(a_part_has_the_digest_of_what_was_filled),
        cmocka_unit_test(what_does_not_fit_the_disk_stays_in_memory),
        cmocka_unit_test(nothing_to_do_yet_is_a_timeout),
        cmocka_unit_test(a_filler_that_waits_for_room_hears_of_the_stop),
        cmocka_unit_test(parts_may_come_home_out_of_order),
        cmocka_unit_test(four_threads_pass_on_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
