#include "../unit.h"

#include <stdio.h>
#include <string.h>

/* The launcher shares no object with the agent, so its reading of A.trial is taken as it is, and held against the
 * agent's. */
#include "launcher/state.c"

#include "common/version.h"
#include "update/swap_text.h"

static const char whole[] = "muster-trial 1\n"
                            "phase restored\n"
                            "version 0.2.0-rc.1+build_7\n"
                            "previous 0.1.0\n"
                            "trial_s 120\n"
                            "starts 2\n"
                            "round 3\n"
                            "epoch 0123456789abcdef\n"
                            "seq 4711\n"
                            "replayed 4700\n"
                            "boot 01234567-89ab-cdef-0123-456789abcdef\n"
                            "reason not acknowledged within 120 s\n"
                            "evidence /var/lib/muster-agent/update/evidence\n";

static bool both_take(const char *text, size_t len)
{
    struct state state = {.phase = STATE_NONE};
    struct swap_state swap = {.phase = SWAP_NONE};
    bool launcher = state_parse(text, len, &state);
    bool agent = swap_text_parse(text, len, &swap, NULL) == 0;
    if (launcher != agent)
        fail_msg("the launcher %s what the agent %s:\n%.*s", launcher ? "takes" : "refuses",
                 agent ? "takes" : "refuses", (int)len, text);
    return launcher;
}

/* The whole text with one line in place of another, or (NULL) without it. */
static bool with_line(const char *key, const char *line)
{
    char text[8192] = "";
    size_t len = 0;
    for (const char *at = whole; *at != '\0'; at = strchr(at, '\n') + 1) {
        size_t size = (size_t)(strchr(at, '\n') + 1 - at);
        bool it = strncmp(at, key, strlen(key)) == 0 && at[strlen(key)] == ' ';
        if (!it) {
            memcpy(text + len, at, size);
            len += size;
        } else if (line != NULL) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s\n", line);
        }
    }
    return both_take(text, len);
}

static void both_read_what_either_writes(void **state)
{
    (void)state;
    struct state launcher;
    struct swap_state agent;
    struct err err = {0};
    char by_launcher[STATE_TEXT_MAX];
    char by_agent[SWAP_FILE_MAX];
    size_t agent_len = 0;
    assert_true(state_parse(whole, strlen(whole), &launcher));
    assert_int_equal(swap_text_parse(whole, strlen(whole), &agent, &err), 0);
    size_t launcher_len = state_format(&launcher, by_launcher);
    assert_int_equal(swap_text_format(&agent, by_agent, &agent_len, &err), 0);
    assert_int_equal(launcher_len, strlen(whole));
    assert_memory_equal(by_launcher, whole, launcher_len);
    assert_int_equal(agent_len, strlen(whole));
    assert_memory_equal(by_agent, whole, agent_len);
}

static void the_fields_are_what_the_text_says(void **state)
{
    (void)state;
    struct state s;
    assert_true(state_parse(whole, strlen(whole), &s));
    assert_int_equal(s.phase, STATE_RESTORED);
    assert_string_equal(s.version, "0.2.0-rc.1+build_7");
    assert_string_equal(s.previous, "0.1.0");
    assert_int_equal(s.trial_s, 120);
    assert_int_equal(s.starts, 2);
    assert_int_equal(s.round, 3);
    assert_string_equal(s.epoch, "0123456789abcdef");
    assert_int_equal(s.seq, 4711);
    assert_int_equal(s.replayed, 4700);
    assert_string_equal(s.boot, "01234567-89ab-cdef-0123-456789abcdef");
    assert_string_equal(s.reason, "not acknowledged within 120 s");
    assert_string_equal(s.evidence, "/var/lib/muster-agent/update/evidence");
}

static void every_phase_has_a_name_of_its_own(void **state)
{
    (void)state;
    static const char *const names[] = {"", "trial", "restored", "waiting", "committed", "rejected"};
    struct state launcher;
    struct swap_state agent;
    assert_true(state_parse(whole, strlen(whole), &launcher));
    for (int i = STATE_TRIAL; i <= STATE_REJECTED; i++) {
        char text[STATE_TEXT_MAX];
        char line[64];
        launcher.phase = (enum state_phase)i;
        size_t len = state_format(&launcher, text);
        assert_int_equal(swap_text_parse(text, len, &agent, NULL), 0);
        assert_int_equal(agent.phase, i);
        (void)snprintf(line, sizeof line, "\nphase %s\n", names[i]);
        assert_non_null(memmem(text, len, line, strlen(line)));
    }
}

static void a_text_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(whole); len++)
        assert_false(both_take(whole, len));
    assert_true(both_take(whole, strlen(whole)));
}

static void no_byte_that_was_changed_is_read_in_two_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < strlen(whole); i++) {
        char text[sizeof whole];
        memcpy(text, whole, sizeof whole);
        for (int byte = 0; byte < 256; byte++) {
            text[i] = (char)byte;
            (void)both_take(text, strlen(whole));
        }
    }
}

static void only_the_reason_may_be_missing(void **state)
{
    (void)state;
    static const char *const keys[] = {"phase", "version", "previous", "trial_s", "starts",  "round",
                                       "epoch", "seq",     "replayed", "boot",    "evidence"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_false(with_line(keys[i], NULL));
    assert_true(with_line("reason", NULL));
}

static void a_key_of_another_version_is_passed_over(void **state)
{
    (void)state;
    assert_true(with_line("reason", "colour a shade of blue"));
    assert_false(with_line("reason", "without-a-value"));
    assert_false(with_line("reason", "seq 4711"));
}

/* One that were cut short here would not be the one that is skipped when it has failed. */
static void the_longest_version_that_there_is_has_room(void **state)
{
    (void)state;
    char text[STATE_TEXT_MAX];
    char version[80] = "0.2.0-";
    struct swap_state swap;
    struct err err = {0};
    while (version_valid(version) || version[strlen(version) - 1] == '-')
        (void)strcat(version, "x");
    version[strlen(version) - 1] = '\0';
    assert_int_equal(strlen(version), 64);
    int len = snprintf(text, sizeof text, "%.*s%s%s", (int)(strstr(whole, "0.2.0") - whole), whole, version,
                       strstr(whole, "\nprevious"));
    assert_true(both_take(text, (size_t)len));
    assert_int_equal(swap_text_parse(text, (size_t)len, &swap, &err), 0);
    assert_string_equal(swap.version, version);
}

static void values_out_of_bounds_are_refused(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"phase", "phase sideways"},
        {"phase", "phase "},
        {"phase", "phase trial "},
        {"version", "version ../../etc/cron.d/x"},
        {"version", "version .hidden"},
        {"version", "version "},
        {"version", "version 0.2.0 "},
        {"version", "version 01234567890123456789012345678901234567890123456789012345678901234"},
        {"trial_s", "trial_s 0"},
        {"trial_s", "trial_s 86401"},
        {"trial_s", "trial_s -1"},
        {"trial_s", "trial_s 0120"},
        {"starts", "starts 1000001"},
        {"round", "round 0"},
        {"round", "round 4294967297"},
        {"epoch", "epoch 0123456789abcde"},
        {"epoch", "epoch 0123456789abcdef0"},
        {"epoch", "epoch 0123456789ABCDEF"},
        {"seq", "seq 9223372036854775808"},
        {"seq", "seq 18446744073709551616"},
        {"seq", "seq 1e3"},
        {"boot", "boot 01234567-89ab-cdef-0123-456789abcdef0"},
        {"boot", "boot /"},
        {"reason", "reason "},
        {"evidence", "evidence relative/path"},
        {"evidence", "evidence "},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (with_line(lines[i][0], lines[i][1]))
            fail_msg("%s", lines[i][1]);
    assert_true(with_line("seq", "seq 9223372036854775807"));
    assert_true(with_line("trial_s", "trial_s 1"));
    assert_true(with_line("boot", "boot unknown"));
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    char text[STATE_TEXT_MAX + 64];
    assert_false(both_take("", 0));
    assert_false(both_take("\n", 1));
    assert_false(both_take(whole, sizeof whole)); /* with a NUL */
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\n';
    assert_false(both_take(text, sizeof text));
    int len = snprintf(text, sizeof text, "muster-trial 2%s", whole + strlen("muster-trial 1"));
    assert_false(both_take(text, (size_t)len));
}

static void a_state_that_could_not_be_read_back_is_not_written(void **state)
{
    (void)state;
    struct state s;
    struct state good;
    char text[STATE_TEXT_MAX];
    assert_true(state_parse(whole, strlen(whole), &good));
    s = good;
    s.phase = STATE_NONE;
    assert_int_equal(state_format(&s, text), 0);
    s = good;
    (void)snprintf(s.reason, sizeof s.reason, "two\nlines");
    assert_int_equal(state_format(&s, text), 0);
    s = good;
    s.round = 0;
    assert_int_equal(state_format(&s, text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_read_what_either_writes),
        cmocka_unit_test(the_fields_are_what_the_text_says),
        cmocka_unit_test(every_phase_has_a_name_of_its_own),
        cmocka_unit_test(a_text_cut_anywhere_is_refused),
        cmocka_unit_test(no_byte_that_was_changed_is_read_in_two_ways),
        cmocka_unit_test(only_the_reason_may_be_missing),
        cmocka_unit_test(a_key_of_another_version_is_passed_over),
        cmocka_unit_test(the_longest_version_that_there_is_has_room),
        cmocka_unit_test(values_out_of_bounds_are_refused),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(a_state_that_could_not_be_read_back_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
