/* The files here were made by Debian's age with keys that were thrown away; tests/agent/test_age.py does the rest
 * with the program itself. */
#include "../unit.h"

#include <stdlib.h>
#include <string.h>

#include <psa/crypto.h>

#include "age/age.h"
#include "common/buf.h"
#include "common/encode.h"

static const char alice[] = "# public key: age1gh5zudxgl3pvj8v7ywfqwvvydpdfh0ddjgnra73e2lajxyjv69jqyxlzeu\n"
                            "AGE-SECRET-KEY-1W0HWP9MGX5WYZQ84UMFSGNKA3ZJJ0YAPAP7AJVUZW7RP7KP6M6CQ87DPJQ\n";
static const char alice_public[] = "age1gh5zudxgl3pvj8v7ywfqwvvydpdfh0ddjgnra73e2lajxyjv69jqyxlzeu";
static const char bob[] = "AGE-SECRET-KEY-1MMYS5HZ0HUSRCE33HZL37LN59AMQ4R9FDHGTVN9PSD2KCRQJ0S6SF8ZKFR\n";
static const char bob_public[] = "age13jqw6ljnxf5hvndmqsmlt9ddjx704zr48k7v63k3l4ufnc57hars3yzjdh";
static const char hello_to_both[] =
    "6167652d656e6372797074696f6e2e6f72672f76310a2d3e2058323535313920357a4162595658596b6858336a36303633653379366b346a"
    "6c35397844636a594e737578626452586255300a6c515a7652464434553267656556414839466d794243567a4f4f4a44786657696846304c"
    "6566474e75366b0a2d3e2058323535313920384c30444a62734e42334b4c736a304546644e636738796255686f5a71705270614f76572f76"
    "59472f79770a777936692f4b777770435434695031307977736f786175695a7442724e6d685953337131446274386442340a2d2d2d20564e"
    "5049664354727979753065352f57453064787a58586f6769526166396c755448546f707156325643510a9a212e2d369701d7dc48b11bc4dc"
    "5226753d06c74a86cecaa50f56387ba4aac87fbfc050ff6d5345b2f5dd1059";
static const char nothing_to_alice[] =
    "6167652d656e6372797074696f6e2e6f72672f76310a2d3e20583235353139204352352f55496450595262377934706d4a666e776e59784a"
    "4d7276465874624a64746a6173412b464e68510a766d7350667269654f56494c4b444e2f444e753131326c5638467650574d37715753544e"
    "686d3270424b590a2d2d2d20557a4e44526d6a454c364f375957373236336a384a7952377039766768675133634d635453465941772b450a"
    "85a7d078cd241271a192f69d30d1c075cb91ef2b7b196b79b06123df3dfa76a8";

enum { ROOM = 1000, MOST = 4 * AGE_CHUNK };

/* --- both ends --------------------------------------------------------------------------------------------------- */

struct outlet {
    struct buf got;
    char room[ROOM];
};

static int take_room(void *ctx, void **ret, size_t *ret_len, struct err *err)
{
    struct outlet *o = ctx;
    (void)err;
    *ret = o->room;
    *ret_len = ROOM;
    return 0;
}

static void give_filled(void *ctx, size_t len)
{
    struct outlet *o = ctx;
    buf_add(&o->got, o->room, len);
}

static int collect(void *ctx, const void *data, size_t len, struct err *err)
{
    (void)err;
    assert_true(len <= AGE_CHUNK);
    buf_add(ctx, data, len);
    return 0;
}

static void encrypt(const char *const *recipients, size_t count, const char *text, size_t len, struct buf *ret)
{
    struct outlet o;
    struct err err;
    struct age_encrypt *e = NULL;
    buf_init(&o.got, MOST);
    const struct compress_receiver out = {.room = take_room, .filled = give_filled, .ctx = &o};
    assert_int_equal(age_encrypt_new(recipients, count, &out, &e, &err), 0);
    const struct compress_receiver *in = age_encrypt_receiver(e);
    while (len > 0) {
        void *room;
        size_t size;
        assert_int_equal(in->room(in->ctx, &room, &size, &err), 0);
        size_t n = len < size ? len : size;
        memcpy(room, text, n);
        in->filled(in->ctx, n);
        text += n;
        len -= n;
        assert_int_equal(in->room(in->ctx, &room, &size, &err), 0); /* and left unused, as compressors do */
        in->filled(in->ctx, 0);
    }
    assert_int_equal(age_encrypt_finish(e, &err), 0);
    age_encrypt_free(e);
    *ret = o.got;
}

/* In pieces of this size. ret keeps what was given away, also when the end is bad. */
static int decrypt(const char *identities, const struct buf *file, size_t piece, struct buf *ret)
{
    struct err err;
    struct age_identities *ids = NULL;
    struct age_decrypt *d = NULL;
    buf_init(ret, MOST);
    assert_int_equal(age_identities_parse(identities, &ids, &err), 0);
    assert_int_equal(age_decrypt_new(ids, collect, ret, &d, &err), 0);
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < file->len; at += piece)
        rc = age_decrypt_push(d, file->data + at, file->len - at < piece ? file->len - at : piece, &err);
    if (rc == 0)
        rc = age_decrypt_finish(d, &err);
    age_decrypt_free(d);
    age_identities_free(ids);
    return rc;
}

static void from_hex(const char *hex, struct buf *ret)
{
    size_t len = strlen(hex) / 2;
    char *bytes = malloc(len);
    assert_non_null(bytes);
    assert_true(hex_decode(hex, bytes, len));
    buf_init(ret, MOST);
    buf_add(ret, bytes, len);
    free(bytes);
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static void a_file_of_age_is_read_by_each_of_its_recipients(void **state)
{
    const char *const readers[] = {alice, bob};
    (void)state;
    struct buf file, text;
    from_hex(hello_to_both, &file);
    for (size_t i = 0; i < 2; i++)
        for (size_t piece = 1; piece <= 1000; piece *= 10) {
            assert_int_equal(decrypt(readers[i], &file, piece, &text), 0);
            assert_string_equal(buf_str(&text), "hello, muster");
            buf_done(&text);
        }
    buf_done(&file);
    from_hex(nothing_to_alice, &file);
    assert_int_equal(decrypt(alice, &file, 7, &text), 0);
    assert_int_equal(text.len, 0);
    assert_int_equal(decrypt(bob, &file, 7, &text), ERR_DENIED);
    buf_done(&file);
}

static void every_bit_of_a_file_counts(void **state)
{
    (void)state;
    struct buf file, text;
    from_hex(hello_to_both, &file);
    for (size_t bit = 0; bit < file.len * 8; bit++) {
        file.data[bit / 8] ^= (char)(1 << bit % 8);
        int rc = decrypt(alice, &file, file.len, &text);
        /* a stanza's own damage can be that of a stanza that is not ours */
        assert_true(rc == ERR_CORRUPT || rc == ERR_DENIED);
        assert_int_equal(text.len, 0);
        file.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    buf_done(&file);
}

static void a_file_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct buf file, text;
    from_hex(hello_to_both, &file);
    size_t len = file.len;
    while (file.len-- > 0) {
        assert_int_equal(decrypt(alice, &file, len, &text), ERR_CORRUPT);
        assert_int_equal(text.len, 0);
    }
    buf_done(&file);
}

static void what_is_encrypted_comes_back_at_every_length_around_a_chunk(void **state)
{
    static const size_t lengths[] = {
        0, 1, AGE_CHUNK - 1, AGE_CHUNK, AGE_CHUNK + 1, 2 * AGE_CHUNK, 2 * AGE_CHUNK + 1, 3 * AGE_CHUNK};
    const char *const recipients[] = {alice_public, bob_public};
    (void)state;
    char *plain = malloc(3 * AGE_CHUNK);
    assert_non_null(plain);
    for (size_t i = 0; i < 3 * AGE_CHUNK; i++)
        plain[i] = (char)(i * i >> 3);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct buf file, text;
        encrypt(recipients, 2, plain, lengths[i], &file);
        assert_int_equal(decrypt(i % 2 == 0 ? alice : bob, &file, 10007, &text), 0);
        assert_int_equal(text.len, lengths[i]);
        assert_true(text.len == 0 || memcmp(text.data, plain, text.len) == 0);
        buf_done(&text);
        buf_done(&file);
    }
    free(plain);
}

static void chunks_can_be_neither_left_out_nor_moved_nor_added(void **state)
{
    enum { SEALED = AGE_CHUNK + 16 };
    const char *const recipients[] = {alice_public};
    static char plain[3 * AGE_CHUNK];
    (void)state;
    struct buf file, text;
    encrypt(recipients, 1, plain, sizeof plain, &file);
    size_t head = file.len - (size_t)3 * SEALED;

    file.len -= SEALED; /* the last chunk is gone: the two before are given away, then the lie is found */
    assert_int_equal(decrypt(alice, &file, 5000, &text), ERR_CORRUPT);
    assert_int_equal(text.len, AGE_CHUNK);
    buf_done(&text);
    file.len += SEALED;

    char *chunks = file.data + head;
    static char kept[SEALED];
    memcpy(kept, chunks, SEALED);
    memmove(chunks, chunks + SEALED, SEALED);
    memcpy(chunks + SEALED, kept, SEALED);
    assert_int_equal(decrypt(alice, &file, 5000, &text), ERR_CORRUPT);
    assert_int_equal(text.len, 0);
    memmove(chunks + SEALED, chunks, SEALED);
    memcpy(chunks, kept, SEALED);

    buf_addc(&file, 'x');
    assert_int_equal(decrypt(alice, &file, 5000, &text), ERR_CORRUPT);
    buf_done(&text);
    buf_done(&file);
}

static void two_files_of_the_same_text_have_nothing_in_common(void **state)
{
    const char *const recipients[] = {alice_public};
    (void)state;
    struct buf a, b;
    encrypt(recipients, 1, "the same", 8, &a);
    encrypt(recipients, 1, "the same", 8, &b);
    assert_int_equal(a.len, b.len);
    assert_memory_not_equal(a.data + a.len - 40, b.data + b.len - 40, 40);
    buf_done(&a);
    buf_done(&b);
}

static void only_the_one_spelling_of_a_recipient_is_taken(void **state)
{
    char text[80];
    struct err err;
    (void)state;
    assert_int_equal(age_recipient_check(alice_public, &err), 0);
    for (size_t i = 0; i < sizeof alice_public - 1; i++) {
        (void)strcpy(text, alice_public);
        text[i] = text[i] == 'q' ? 'p' : 'q';
        assert_int_equal(age_recipient_check(text, &err), ERR_INVALID);
        (void)strcpy(text, alice_public);
        if (text[i] >= 'a') {
            text[i] = (char)(text[i] - 32);
            assert_int_equal(age_recipient_check(text, &err), ERR_INVALID);
        }
        text[i] = '\0';
        assert_int_equal(age_recipient_check(text, &err), ERR_INVALID);
    }
    assert_int_equal(age_recipient_check("AGE1GH5ZUDXGL3PVJ8V7YWFQWVVYDPDFH0DDJGNRA73E2LAJXYJV69JQYXLZEU", &err),
                     ERR_INVALID);
}

static void nothing_is_encrypted_to_nobody_or_to_a_point_of_low_order(void **state)
{
    struct outlet o;
    struct err err;
    struct age_encrypt *e = NULL;
    const struct compress_receiver out = {.room = take_room, .filled = give_filled, .ctx = &o};
    const char *const zero[] = {"age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z"};
    (void)state;
    assert_int_equal(age_recipient_check(zero[0], &err), 0); /* its text is well-formed */
    assert_int_equal(age_encrypt_new(zero, 0, &out, &e, &err), ERR_INVALID);
    assert_int_equal(age_encrypt_new(zero, 1, &out, &e, &err), ERR_INVALID);
    assert_null(e);
}

static void a_file_of_identities_says_where_it_is_wrong_and_not_what(void **state)
{
    struct err err;
    struct age_identities *ids = NULL;
    (void)state;
    assert_int_equal(age_identities_parse("# nothing\n\n", &ids, &err), ERR_INVALID);
    assert_int_equal(age_identities_parse("# one\nAGE-SECRET-KEY-1QQQQ\n", &ids, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "line 2"));
    assert_null(strstr(err.msg, "QQQQ"));
    assert_int_equal(age_identities_load("/nonexistent/key", &ids, &err), ERR_NOT_FOUND);
    assert_null(ids);
}

static int start_crypto(void **state)
{
    (void)state;
    return psa_crypto_init() == PSA_SUCCESS ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_age_is_read_by_each_of_its_recipients),
        cmocka_unit_test(every_bit_of_a_file_counts),
        cmocka_unit_test(a_file_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(what_is_encrypted_comes_back_at_every_length_around_a_chunk),
        cmocka_unit_test(chunks_can_be_neither_left_out_nor_moved_nor_added),
        cmocka_unit_test(two_files_of_the_same_text_have_nothing_in_common),
        cmocka_unit_test(only_the_one_spelling_of_a_recipient_is_taken),
        cmocka_unit_test(nothing_is_encrypted_to_nobody_or_to_a_point_of_low_order),
        cmocka_unit_test(a_file_of_identities_says_where_it_is_wrong_and_not_what),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
