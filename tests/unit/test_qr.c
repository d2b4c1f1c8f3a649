/* What authenticators are shown: the URI, and its picture. */
#include "unit.h"

#include <qrencode.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mfa/qr.h"
#include "mfa/uri.h"

static const unsigned char secret[TOTP_SECRET_SIZE] = "12345678901234567890";

static void a_secret_is_base32_in_fours(void **state)
{
    (void)state;
    char base32[TOTP_BASE32_SIZE], grouped[TOTP_GROUPED_SIZE];
    struct err err = {0};
    assert_int_equal(totp_base32(secret, base32, &err), 0);
    assert_string_equal(base32, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    totp_grouped(base32, grouped);
    assert_string_equal(grouped, "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
}

static void names_in_a_uri_are_encoded(void **state)
{
    (void)state;
    struct buf uri;
    buf_init(&uri, 1000);
    totp_uri("A&B Co?#", "a+b%c@x", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", &uri);
    assert_string_equal(buf_str(&uri),
                        "otpauth://totp/A%26B%20Co%3F%23:a%2Bb%25c%40x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3"
                        "TQOJQ&issuer=A%26B%20Co%3F%23&algorithm=SHA1&digits=6&period=30");
    buf_done(&uri);
}

/* Paints what the second path of the picture says: "M<x> <y>h<n>v1h-<n>z" over and over. */
static void paint(const char *svg, unsigned char *modules, int side)
{
    const char *at = strstr(strstr(svg, "<path fill=\"#fff\"") + 1, "d=\"M");
    at = strstr(at + 1, "<path");
    at = strstr(at, "d=\"") + 3;
    while (*at == 'M') {
        int x = 0, y = 0, run = 0, back = 0, used = 0;
        assert_int_equal(sscanf(at, "M%d %dh%dv1h-%dz%n", &x, &y, &run, &back, &used), 4);
        assert_true(used > 0 && run == back && x >= 0 && y >= 0 && y < side && x + run <= side);
        memset(modules + y * side + x, 1, (size_t)run);
        at += used;
    }
    assert_int_equal(*at, '"');
}

/* Four modules of white all around, and inside what the library says. */
static void the_picture_shows_every_module(void **state)
{
    (void)state;
    static const char text[] = "otpauth://totp/Muster:a%40b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Muster";
    struct buf svg;
    struct err err = {0};
    buf_init(&svg, 128 * 1024);
    assert_int_equal(qr_svg(text, &svg, &err), 0);
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    assert_non_null(code);
    int side = code->width + 8;
    unsigned char *modules = calloc((size_t)side, (size_t)side);
    char box[40];
    assert_non_null(modules);
    (void)snprintf(box, sizeof box, "viewBox=\"0 0 %d %d\"", side, side);
    assert_non_null(strstr(buf_str(&svg), box));
    paint(buf_str(&svg), modules, side);
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
            bool inside = x >= 4 && y >= 4 && x < side - 4 && y < side - 4;
            int dark = inside ? code->data[(y - 4) * code->width + x - 4] & 1 : 0;
            assert_int_equal(modules[y * side + x], dark);
        }
    }
    free(modules);
    QRcode_free(code);
    buf_done(&svg);
}

static void the_longest_uri_there_can_be_fits(void **state)
{
    (void)state;
    char issuer[65], account[255];
    struct buf uri, svg;
    struct err err = {0};
    memset(issuer, '&', sizeof issuer - 1);
    memset(account, '+', sizeof account - 1);
    issuer[sizeof issuer - 1] = account[sizeof account - 1] = '\0';
    buf_init(&uri, 2048);
    buf_init(&svg, 128 * 1024);
    totp_uri(issuer, account, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", &uri);
    assert_true(buf_ok(&uri));
    assert_int_equal(qr_svg(buf_str(&uri), &svg, &err), 0);
    buf_done(&uri);
    buf_done(&svg);
}

static void what_no_code_holds_is_an_error(void **state)
{
    (void)state;
    struct buf svg;
    struct err err = {0};
    char *text = malloc(5000);
    assert_non_null(text);
    memset(text, 'x', 4999);
    text[4999] = '\0';
    buf_init(&svg, 128 * 1024);
    assert_int_equal(qr_svg(text, &svg, &err), ERR_TOO_BIG);
    assert_int_equal(svg.len, 0);
    buf_done(&svg);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_base32_in_fours),    cmocka_unit_test(names_in_a_uri_are_encoded),
        cmocka_unit_test(the_picture_shows_every_module), cmocka_unit_test(the_longest_uri_there_can_be_fits),
        cmocka_unit_test(what_no_code_holds_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
