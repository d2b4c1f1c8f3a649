#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "net/url.h"

static void assert_parsed(const char *text, const char *host, const char *port, const char *target)
{
    struct url u;
    struct err err = {0};
    assert_int_equal(url_parse(text, &u, &err), 0);
    assert_string_equal(u.host, host);
    assert_string_equal(u.port, port);
    assert_string_equal(u.target, target);
}

static void assert_refused(const char *text)
{
    struct url u = {.host = "untouched"};
    struct err err = {0};
    assert_int_equal(url_parse(text, &u, &err), ERR_INVALID);
    assert_string_equal(u.host, "untouched");
    assert_true(err.msg[0] != '\0');
}

static void a_url_is_taken_apart(void **state)
{
    (void)state;
    assert_parsed("https://muster.example.net:8444/a/b?c=d&e=f", "muster.example.net", "8444", "/a/b?c=d&e=f");
    assert_parsed("https://host", "host", "443", "");
    assert_parsed("https://host/", "host", "443", "/");
    assert_parsed("https://host?x=1", "host", "443", "?x=1");
    assert_parsed("https://my_host-1.example:1/", "my_host-1.example", "1", "/");
}

static void scheme_and_host_are_lower_cased_and_the_rest_is_not(void **state)
{
    (void)state;
    assert_parsed("HTTPS://Host.Example/Path", "host.example", "443", "/Path");
}

static void addresses_are_told_from_names(void **state)
{
    (void)state;
    struct url u;
    struct err err;
    assert_int_equal(url_parse("https://127.0.0.1:8444", &u, &err), 0);
    assert_true(u.numeric);
    assert_int_equal(url_parse("https://[::1]:8444/x", &u, &err), 0);
    assert_true(u.numeric);
    assert_string_equal(u.host, "::1");
    assert_int_equal(url_parse("https://1.2.3.example", &u, &err), 0);
    assert_false(u.numeric);
}

static void what_is_no_https_url_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "http://host/",
        "https:/host",
        "https://",
        "https:///path",
        "https://:443/",
        "https://host:0/",
        "https://host:65536/",
        "https://host:08/",
        "https://host:/",
        "https://host:12x/",
        "https://user@host/",
        "https://user:secret@host/",
        "https://host/a b",
        "https://host/a\tb",
        "https://host/a\r\nX-Evil: 1",
        "https://host/#fragment",
        "https://host/\xc3\xa9",
        "https://h\xc3\xb6st/",
        "https://[::1/",
        "https://[not-an-address]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1]x/",
        "https://-host/",
        "https://.host/",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_refused(wrong[i]);
}

static void too_long_hosts_and_urls_are_refused(void **state)
{
    (void)state;
    char text[URL_MAX + 100];
    (void)snprintf(text, sizeof text, "https://%0*d/", URL_HOST_SIZE, 1);
    assert_refused(text);
    (void)snprintf(text, sizeof text, "https://host/%0*d", URL_MAX, 1);
    assert_refused(text);
}

static void the_message_does_not_repeat_the_url(void **state)
{
    (void)state;
    struct url u;
    struct err err = {0};
    assert_int_equal(url_parse("https://host/x#X-Amz-Signature=secret", &u, &err), ERR_INVALID);
    assert_null(strstr(err.msg, "secret"));
}

static void origins_are_host_and_port(void **state)
{
    (void)state;
    struct url a;
    struct url b;
    struct err err;
    assert_int_equal(url_parse("https://host/x", &a, &err), 0);
    assert_int_equal(url_parse("https://HOST:443/y", &b, &err), 0);
    assert_true(url_same_origin(&a, &b));
    assert_int_equal(url_parse("https://host:8443/x", &b, &err), 0);
    assert_false(url_same_origin(&a, &b));
    assert_int_equal(url_parse("https://host2/x", &b, &err), 0);
    assert_false(url_same_origin(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_taken_apart),
        cmocka_unit_test(scheme_and_host_are_lower_cased_and_the_rest_is_not),
        cmocka_unit_test(addresses_are_told_from_names),
        cmocka_unit_test(what_is_no_https_url_is_refused),
        cmocka_unit_test(too_long_hosts_and_urls_are_refused),
        cmocka_unit_test(the_message_does_not_repeat_the_url),
        cmocka_unit_test(origins_are_host_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
