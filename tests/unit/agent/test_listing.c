#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/buf.h"
#include "restore/listing.h"

struct fixture {
    struct buf packed;
    size_t given, step;
    struct buf said; /* "path|" of each entry */
    struct listing_entry last;
};

static void read_packed(void *ctx, const void **ret, size_t *ret_len)
{
    struct fixture *f = ctx;
    size_t left = f->packed.len - f->given;
    *ret = f->packed.data + f->given;
    *ret_len = left < f->step ? left : f->step;
    f->given += *ret_len;
}

static int note(void *ctx, const struct listing_entry *entry, struct err *err)
{
    struct fixture *f = ctx;
    (void)err;
    buf_adds(&f->said, entry->path);
    buf_addc(&f->said, '|');
    f->last = *entry;
    return 0;
}

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.step = 3};
    buf_init(&f.packed, 8 * 1024 * 1024);
    buf_init(&f.said, 8 * 1024 * 1024);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    buf_done(&f->packed);
    buf_done(&f->said);
    return 0;
}

static void add_frame(struct fixture *f, const char *text, size_t len)
{
    size_t room = ZSTD_compressBound(len);
    char *packed = malloc(room);
    room = ZSTD_compress(packed, room, text, len, 1);
    assert_false(ZSTD_isError(room));
    buf_add(&f->packed, packed, room);
    free(packed);
}

static int read_again(struct fixture *f)
{
    struct err err;
    f->given = 0;
    buf_clear(&f->said);
    return listing_read(read_packed, f, note, f, &err);
}

static int read_text(struct fixture *f, const char *text)
{
    buf_clear(&f->packed);
    add_frame(f, text, strlen(text));
    return read_again(f);
}

static void entries_are_read(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(read_text(f, "muster-index 1\nd - 0 -5 0 a\nf c 12 1700000000123 7 a/b\\040c\\134\\377\nend 2\n"),
                     0);
    assert_string_equal(buf_str(&f->said), "a|a/b c\\\xff|");
    assert_int_equal(f->last.type, 'f');
    assert_int_equal(f->last.outcome, 'c');
    assert_int_equal(f->last.size, 12);
    assert_true(f->last.mtime_ms == 1700000000123);
    assert_int_equal(f->last.seq, 7);
    assert_int_equal(read_text(f, "muster-index 1\ns s 0 1 - a\nend 1\n"), 0);
    assert_int_equal(f->last.seq, -1);
    assert_int_equal(read_text(f, "muster-index 1\nend 0\n"), 0);
}

static void a_long_list_in_any_pieces_is_read(void **state)
{
    struct fixture *f = *state;
    struct buf text;
    buf_init(&text, 8 * 1024 * 1024);
    buf_adds(&text, "muster-index 1\n");
    for (unsigned i = 0; i < 20000; i++)
        buf_addf(&text, "f - %u 1 0 some/path/%u\n", i, i * 7919);
    buf_adds(&text, "end 20000\n");
    for (f->step = 1; f->step < 100000; f->step *= 40)
        assert_int_equal(read_text(f, buf_str(&text)), 0);
    buf_done(&text);
}

static void what_is_cut_off_or_goes_on_is_damage(void **state)
{
    struct fixture *f = *state;
    f->step = 1000;
    assert_int_equal(read_text(f, "muster-index 1\nf - 1 1 0 a\nend 1\n"), 0);
    size_t whole = f->packed.len;
    for (f->packed.len = 0; f->packed.len < whole; f->packed.len++)
        assert_int_equal(read_again(f), ERR_CORRUPT);
    f->packed.len = whole;
    add_frame(f, "x", 1);
    assert_int_equal(read_again(f), ERR_CORRUPT);
}

static void lines_that_are_none_are_damage(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "f - 1 1 0 a",
        "muster-index 2\nend 0\n",
        "muster-index 1\n",
        "muster-index 1\n\nend 0\n",
    };
    static const char *const lines[] = {
        "f - 1 1 0 ",      "f - 1 1 0",
        "f - 1 1 a",       "f - 1 1 -1 a",
        "f - -1 1 0 a",    "f x 1 1 0 a",
        "x - 1 1 0 a",     "f - 1 1 0 \\",
        "f - 1 1 0 \\0",   "f - 1 1 0 \\400",
        "f - 1 1 0 \\000", "f  - 1 1 0 a",
        "f - 1 1.5 0 a",   "f - 99999999999999999999 1 0 a",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(read_text(f, texts[i]), ERR_CORRUPT);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "muster-index 1\n%s\nend 1\n", lines[i]);
        assert_int_equal(read_text(f, text), ERR_CORRUPT);
    }
}

static void a_nul_in_a_line_is_damage(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "muster-index 1\nf - 1 1 0 a\0b\nend 1\n";
    add_frame(f, text, sizeof text - 1);
    assert_int_equal(read_again(f), ERR_CORRUPT);
}

static void a_line_without_an_end_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    size_t len = 64 * 1024 * 1024;
    char *text = malloc(len);
    memset(text, 'x', len);
    memcpy(text, "muster-index 1\n", 15);
    add_frame(f, text, len);
    free(text);
    assert_int_equal(read_again(f), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entries_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_list_in_any_pieces_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_cut_off_or_goes_on_is_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_that_are_none_are_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(a_nul_in_a_line_is_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_without_an_end_is_not_waited_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
