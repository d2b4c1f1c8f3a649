/* When a run goes on from the one before, and why it does not. */
#include "backup/chain.h"
#include "backup/run.h"
#include <string.h>

#include "unit.h"

#define BASE  "0193a000-0000-7000-8000-00000000000a"
#define CHAIN "0193a000-0000-7000-8000-00000000000b"
#define OTHER "0193a000-0000-7000-8000-00000000000c"

static struct chain_ask good_ask(void)
{
    return (struct chain_ask){.incremental = true, .full_every = 30, .base = BASE, .multipart = true};
}

static struct chain_newest good_newest(void)
{
    return (struct chain_newest){.found = true, .id = BASE, .chain_id = CHAIN, .seq = 4, .indexed = true, .kept = 5};
}

static void a_run_goes_on_when_nothing_speaks_against_it(void **state)
{
    (void)state;
    struct chain_ask ask = good_ask();
    struct chain_newest newest = good_newest();
    struct chain_choice choice;
    chain_decide(&ask, &newest, &choice);
    assert_true(choice.incremental);
    assert_string_equal(choice.chain_id, CHAIN);
    assert_string_equal(choice.base_id, BASE);
    assert_int_equal(choice.seq, 5);
    assert_string_equal(choice.reason, "");
}

static void each_doubt_alone_makes_it_a_full_one(void **state)
{
    (void)state;
    enum { CASES = 12 };
    struct chain_ask ask[CASES];
    struct chain_newest newest[CASES];
    static const char *const says[CASES] = {"one piece",     "No earlier",    "no list",       "not of the newest",
                                            "not there any", "not there any", "not be read",   "no index",
                                            "not encrypted", "is encrypted",  "as many incre", "as many incre"};
    for (size_t i = 0; i < CASES; i++) {
        ask[i] = good_ask();
        newest[i] = good_newest();
    }
    ask[0].multipart = false;
    newest[1].found = false;
    ask[2].base = NULL;
    ask[3].base = OTHER;
    newest[4].kept = 4;
    newest[5].kept = 6; /* two runs in one place are no chain either */
    newest[6].broken = 1;
    newest[7].indexed = false;
    ask[8].encrypted = true;
    newest[9].encrypted = true;
    ask[10].full_every = 4;
    ask[11].full_every = 1;
    for (size_t i = 0; i < CASES; i++) {
        struct chain_choice choice;
        chain_decide(&ask[i], &newest[i], &choice);
        assert_false(choice.incremental);
        assert_int_equal(choice.seq, 0);
        assert_string_equal(choice.base_id, "");
        assert_non_null(strstr(choice.reason, says[i]));
    }
}

static void a_config_of_full_runs_needs_no_reason(void **state)
{
    (void)state;
    struct chain_ask ask = good_ask();
    struct chain_newest newest = good_newest();
    struct chain_choice choice;
    ask.incremental = false;
    chain_decide(&ask, &newest, &choice);
    assert_false(choice.incremental);
    assert_string_equal(choice.reason, "");
}

static void as_many_incremental_runs_as_the_config_allows(void **state)
{
    (void)state;
    static const struct {
        int64_t full_every, seq;
        bool incremental;
    } cases[] = {{1, 0, true}, {1, 1, false}, {5, 4, true}, {5, 5, false}, {0, 5000, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chain_ask ask = good_ask();
        struct chain_newest newest = good_newest();
        struct chain_choice choice;
        ask.full_every = cases[i].full_every;
        newest.seq = cases[i].seq;
        newest.kept = cases[i].seq + 1;
        chain_decide(&ask, &newest, &choice);
        assert_int_equal(choice.incremental, cases[i].incremental);
    }
}

static void options_that_cannot_be_read_ask_for_a_full_run(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        bool incremental;
        int64_t full_every;
    } cases[] = {{"{\"type\":\"incremental\",\"fullEvery\":7}", true, 7},
                 {"{\"type\":\"incremental\"}", true, CHAIN_FULL_EVERY_DEFAULT},
                 {"{\"type\":\"full\"}", false, CHAIN_FULL_EVERY_DEFAULT},
                 {"{\"type\":5}", false, CHAIN_FULL_EVERY_DEFAULT},
                 {"{}", false, CHAIN_FULL_EVERY_DEFAULT},
                 {"nonsense", false, CHAIN_FULL_EVERY_DEFAULT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chain_ask ask = {0};
        chain_read_options(cases[i].options, &ask);
        assert_int_equal(ask.incremental, cases[i].incremental);
        assert_int_equal(ask.full_every, cases[i].full_every);
    }
}

/* --- how far a run is --- */

static void a_full_run_is_as_far_as_its_bytes_and_an_incremental_one_as_its_files(void **state)
{
    (void)state;
    static const struct {
        struct run_state run;
        struct run_pace pace;
    } cases[] = {
        {{"running", false, 1, 250, 10, 1000, 5000}, {25, 50, 15}},
        {{"running", true, 4, 250, 10, 1000, 5000}, {40, 50, 8}},
        {{"running", false, 4, 250, 10, -1, 5000}, {40, 50, 8}},
        {{"running", false, 1, 250, -1, -1, 5000}, {-1, 50, -1}},
        {{"running", false, 1, 2000, 10, 1000, 5000}, {99, 400, 0}}, /* it grew meanwhile */
        {{"running", false, 0, 0, 10, 1000, 5000}, {0, 0, -1}},
        {{"running", false, 1, 250, 10, 1000, 10}, {25, -1, -1}},
        {{"running", false, 1, INT64_MAX, 10, INT64_MAX, 5000}, {99, 1844674407370955161, 0}},
        {{"completed", false, 1, 1000, 10, 1000, 4000}, {100, 250, -1}},
        {{"queued", false, 0, 0, -1, -1, 0}, {-1, -1, -1}},
        {{"failed", false, 1, 250, 10, 1000, 5000}, {-1, -1, -1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run_pace pace = run_pace_of(&cases[i].run);
        assert_int_equal(pace.percent, cases[i].pace.percent);
        assert_int_equal(pace.bytes_per_second / 1000, cases[i].pace.bytes_per_second / 1000);
        assert_int_equal(pace.eta_s, cases[i].pace.eta_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_goes_on_when_nothing_speaks_against_it),
        cmocka_unit_test(each_doubt_alone_makes_it_a_full_one),
        cmocka_unit_test(a_config_of_full_runs_needs_no_reason),
        cmocka_unit_test(as_many_incremental_runs_as_the_config_allows),
        cmocka_unit_test(options_that_cannot_be_read_ask_for_a_full_run),
        cmocka_unit_test(a_full_run_is_as_far_as_its_bytes_and_an_incremental_one_as_its_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
