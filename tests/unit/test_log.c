#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

static int sink;
static char text[40000];

static int setup(void **state)
{
    (void)state;
    sink = memfd_create("log", 0);
    return sink < 0;
}

static int teardown(void **state)
{
    (void)state;
    log_init(STDERR_FILENO, LOG_INFO, LOG_TEXT);
    log_request_id(NULL);
    return close(sink);
}

static const char *written(void)
{
    ssize_t len = pread(sink, text, sizeof text - 1, 0);
    assert_true(len >= 0);
    text[len] = '\0';
    return text;
}

static void a_text_line_has_time_level_and_message(void **state)
{
    (void)state;
    log_init(sink, LOG_INFO, LOG_TEXT);
    log_info("started %d", 3);
    char time[CLOCK_RFC3339_SIZE] = "";
    int64_t ms;
    memcpy(time, written(), 24);
    assert_true(clock_parse_rfc3339(time, &ms));
    assert_string_equal(text + 24, " info    started 3\n");
}

static void levels_below_the_least_are_left_out(void **state)
{
    (void)state;
    log_init(sink, LOG_WARNING, LOG_TEXT);
    log_debug("d");
    log_info("i");
    log_at(LOG_INFO, "i");
    assert_string_equal(written(), "");
    log_warning("w");
    log_error("e");
    assert_non_null(strstr(written(), " warning w\n"));
    assert_non_null(strstr(text, " error   e\n"));
}

static void a_json_line_is_json_with_everything_in_it(void **state)
{
    (void)state;
    log_init(sink, LOG_DEBUG, LOG_JSON);
    log_request_id("id-\"1\"");
    log_debug("say \"%s\" \\ \n\t\x1b \xc3\xa4 \xff", "hi");
    json_t *line = json_loads(written(), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "debug");
    assert_string_equal(json_string_value(json_object_get(line, "request_id")), "id-\"1\"");
    const char *message = json_string_value(json_object_get(line, "message"));
    assert_memory_equal(message, "say \"hi\" \\ \n\t\x1b ", 15);
    json_decref(line);
}

static void text_from_outside_cannot_forge_a_line(void **state)
{
    (void)state;
    log_init(sink, LOG_INFO, LOG_TEXT);
    log_request_id("a\nb");
    log_info("one\n2026-01-01T00:00:00.000Z error   two\x1b[2J\r\xc2\x9b"
             "2J\xc2\xa0");
    const char *newline = strchr(written(), '\n');
    assert_non_null(newline);
    assert_string_equal(newline, "\n");
    assert_non_null(strstr(text, "[a?b] one?2026"));
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "[2J??2J\xc2\xa0"));
}

static void text_that_turns_a_line_around_cannot_either(void **state)
{
    (void)state;
    log_init(sink, LOG_INFO, LOG_TEXT);
    log_info("a\xe2\x80\xae" /* right to left from here */
             "b\xe2\x80\xa8" /* a line's end to some */
             "c\xe2\x81\xa6" /* an isolate */
             "d\xef\xbb\xbf" /* no width */
             "e\x9b"         /* CSI to terminals of eight bits */
             "f\xc3"         /* half a character */
             "g\xc3\xa4");
    assert_non_null(strstr(written(), " a?b?c?d?e?f?g\xc3\xa4\n"));
}

static void the_request_id_goes_when_it_is_taken_back(void **state)
{
    (void)state;
    log_init(sink, LOG_INFO, LOG_JSON);
    log_request_id("r1");
    log_info("a");
    log_request_id(NULL);
    log_info("b");
    const char *second = strchr(written(), '\n') + 1;
    assert_non_null(strstr(text, "\"request_id\":\"r1\""));
    assert_null(strstr(second, "request_id"));
}

static void the_longest_message_with_the_longest_id_still_comes_out(void **state)
{
    (void)state;
    static char long_text[5000];
    memset(long_text, '\x01', sizeof long_text - 1);
    log_init(sink, LOG_INFO, LOG_JSON);
    log_request_id(long_text);
    log_info("%s", long_text);
    json_t *line = json_loads(written(), 0, NULL);
    assert_non_null(line);
    assert_int_equal(json_string_length(json_object_get(line, "message")), 1999);
    json_decref(line);
}

static void errno_survives_even_a_sink_that_is_gone(void **state)
{
    (void)state;
    log_init(-1, LOG_INFO, LOG_TEXT);
    errno = ENOENT;
    log_info("lost");
    assert_int_equal(errno, ENOENT);
}

static void names_of_levels_and_formats_are_read(void **state)
{
    (void)state;
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        enum log_level level = LOG_DEBUG;
        assert_true(log_level_parse(log_level_name((enum log_level)i), &level));
        assert_int_equal(level, i);
    }
    enum log_level level = LOG_WARNING;
    assert_false(log_level_parse("warn", &level));
    assert_int_equal(level, LOG_WARNING);
    enum log_format format = LOG_TEXT;
    assert_true(log_format_parse("json", &format));
    assert_int_equal(format, LOG_JSON);
    assert_true(log_format_parse("text", &format));
    assert_int_equal(format, LOG_TEXT);
    assert_false(log_format_parse("", &format));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_text_line_has_time_level_and_message),
        TEST(levels_below_the_least_are_left_out),
        TEST(a_json_line_is_json_with_everything_in_it),
        TEST(text_from_outside_cannot_forge_a_line),
        TEST(text_that_turns_a_line_around_cannot_either),
        TEST(the_request_id_goes_when_it_is_taken_back),
        TEST(the_longest_message_with_the_longest_id_still_comes_out),
        TEST(errno_survives_even_a_sink_that_is_gone),
        TEST(names_of_levels_and_formats_are_read),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
