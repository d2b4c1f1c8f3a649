#include "../unit.h"

#include <stdio.h>
#include <string.h>

/* The launcher shares no object with the agent, so its rules are taken as they are. */
#include "launcher/trial.c"

#define EPOCH   "0123456789abcdef"
#define ANOTHER "fedcba9876543210"
#define OLDER   "00000000000000aa"
#define BOOT    "01234567-0000-0000-0000-000000000000"
#define REBOOT  "89abcdef-0000-0000-0000-000000000000"

enum { TRIAL_S = 120, SEQ = 100 };

static const struct state begun = {
    .phase = STATE_TRIAL,
    .version = "0.2.0",
    .previous = "0.1.0",
    .trial_s = TRIAL_S,
    .round = 1,
    .epoch = EPOCH,
    .seq = SEQ,
    .replayed = SEQ,
    .boot = BOOT,
    .evidence = "/evidence",
};

static unsigned feed(struct trial *t, enum trial_kind kind, int64_t now_s)
{
    return trial_step(t, &(struct trial_input){.kind = kind}, now_s * 1000);
}

static unsigned replay(struct trial *t, const char *epoch, uint64_t seq, const char *current, int64_t now_s)
{
    struct trial_input in = {.kind = TRIAL_REPLAYED, .replayed = {.seq = seq}};
    (void)snprintf(in.replayed.epoch, sizeof in.replayed.epoch, "%s", epoch);
    (void)snprintf(in.replayed.current, sizeof in.replayed.current, "%s", current);
    return trial_step(t, &in, now_s * 1000);
}

static unsigned end(struct trial *t, int code, int signal, int64_t now_s)
{
    return trial_step(t, &(struct trial_input){.kind = TRIAL_ENDED, .code = code, .signal = signal}, now_s * 1000);
}

/* A trial, or what follows one, with an agent that was started at second 0. */
static struct trial running(struct state state, const char *boot)
{
    struct trial t;
    trial_adopt(&t, &state, boot);
    (void)feed(&t, TRIAL_STARTING, 0);
    (void)feed(&t, TRIAL_STARTED, 0);
    return t;
}

static struct trial in_phase(enum state_phase phase)
{
    struct state state = begun;
    state.phase = phase;
    (void)snprintf(state.reason, sizeof state.reason, "not acknowledged within 120 s");
    return running(state, BOOT);
}

/* --- commit --- */

static void acknowledged_replayed_and_alive_at_half_time_commits(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    assert_int_equal(feed(&t, TRIAL_ACKNOWLEDGED, 1), 0);
    assert_int_equal(replay(&t, EPOCH, SEQ, EPOCH, 2), 0);
    assert_int_equal(feed(&t, TRIAL_SIGN, 59), 0);
    assert_int_equal(feed(&t, TRIAL_SIGN, 60), TRIAL_SAVE);
    assert_int_equal(t.state.phase, STATE_COMMITTED);
    assert_int_equal(trial_due(&t), INT64_MAX);
}

static void neither_word_alone_commits(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    assert_int_equal(feed(&t, TRIAL_SIGN, 100), 0);
    t = running(begun, BOOT);
    (void)replay(&t, EPOCH, SEQ, EPOCH, 1);
    assert_int_equal(feed(&t, TRIAL_SIGN, 100), 0);
    assert_int_equal(t.state.phase, STATE_TRIAL);
}

static void words_from_before_a_restart_do_not_count(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    (void)replay(&t, EPOCH, SEQ, EPOCH, 1);
    assert_int_equal(end(&t, RULES_EXIT_RESTART, 0, 50), 0);
    assert_int_equal(feed(&t, TRIAL_STARTING, 50), TRIAL_SAVE | TRIAL_PLACE);
    (void)feed(&t, TRIAL_STARTED, 50);
    assert_int_equal(feed(&t, TRIAL_SIGN, 111), 0);
    assert_int_equal(t.state.phase, STATE_TRIAL);
    assert_int_equal(trial_due(&t), 170 * 1000);
}

static void one_that_has_said_all_may_be_late_at_half_time(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    (void)replay(&t, EPOCH, SEQ, EPOCH, 1);
    assert_int_equal(feed(&t, TRIAL_TIME, 500), 0);
    assert_int_equal(feed(&t, TRIAL_SIGN, 500), TRIAL_SAVE);
}

/* --- failures that are its own --- */

static void every_end_of_its_own_is_final(void **state)
{
    (void)state;
    static const struct {
        int code;
        int signal;
        bool silent;
        const char *reason;
    } ends[] = {
        {-1, 6, false, "crashed: signal 6"},
        {0, 0, false, "exited: code 0"},
        {RULES_EXIT_MISUSE, 0, false, "exited: code 2"},
        {RULES_EXIT_NOT_STARTED, 0, false, "cannot be started"},
        {-1, 9, true, "silent: no sign of life for 60 s"},
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct trial t = running(begun, BOOT);
        struct trial_input in = {
            .kind = TRIAL_ENDED, .code = ends[i].code, .signal = ends[i].signal, .silent = ends[i].silent};
        assert_int_equal(trial_step(&t, &in, 1000), TRIAL_SAVE | TRIAL_EVIDENCE | TRIAL_PLACE);
        assert_int_equal(t.state.phase, STATE_REJECTED);
        assert_string_equal(t.state.reason, ends[i].reason);
    }
}

static void the_third_start_is_final(void **state)
{
    (void)state;
    struct trial t;
    trial_adopt(&t, &begun, BOOT);
    for (uint32_t i = 1; i <= 2; i++) {
        assert_int_equal(feed(&t, TRIAL_STARTING, 0), TRIAL_SAVE | TRIAL_PLACE);
        assert_int_equal(t.state.starts, i);
    }
    assert_int_equal(feed(&t, TRIAL_STARTING, 0), TRIAL_SAVE | TRIAL_EVIDENCE | TRIAL_PLACE);
    assert_int_equal(t.state.phase, STATE_REJECTED);
    assert_string_equal(t.state.reason, "started 3 times");
}

static void one_that_cannot_be_put_in_place_is_final(void **state)
{
    (void)state;
    struct trial t;
    trial_adopt(&t, &begun, BOOT);
    (void)feed(&t, TRIAL_STARTING, 0);
    unsigned todo = trial_step(&t, &(struct trial_input){.kind = TRIAL_UNPLACED, .why = "no\nspace"}, 0);
    assert_int_equal(todo, TRIAL_SAVE | TRIAL_EVIDENCE | TRIAL_PLACE);
    assert_int_equal(t.state.phase, STATE_REJECTED);
    assert_string_equal(t.state.reason, "cannot be put in place: no?space");
}

static void a_first_sign_is_wanted_soon_and_the_next_within_a_minute(void **state)
{
    (void)state;
    struct state quick = begun;
    quick.trial_s = 20;
    struct trial t = running(quick, BOOT);
    assert_int_equal(trial_silence_ms(&t), 10 * 1000);
    (void)feed(&t, TRIAL_SIGN, 1);
    assert_int_equal(trial_silence_ms(&t), RULES_SILENCE_MS);
    t = running(begun, BOOT);
    assert_int_equal(trial_silence_ms(&t), RULES_SILENCE_MS);
    quick.phase = STATE_RESTORED;
    t = running(quick, BOOT);
    assert_int_equal(trial_silence_ms(&t), RULES_SILENCE_MS);
}

/* --- the event log --- */

static void another_epoch_in_the_same_boot_is_damage(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    assert_int_equal(replay(&t, ANOTHER, SEQ + 1, ANOTHER, 1), TRIAL_SAVE | TRIAL_EVIDENCE | TRIAL_PLACE | TRIAL_KILL);
    assert_int_equal(t.state.phase, STATE_REJECTED);
    assert_string_equal(t.state.reason, "event log: epoch changed");
}

static void damage_shows_although_the_old_epoch_was_replayed_whole(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    assert_int_equal(replay(&t, EPOCH, SEQ, ANOTHER, 1), TRIAL_SAVE | TRIAL_EVIDENCE | TRIAL_PLACE | TRIAL_KILL);
    assert_string_equal(t.state.reason, "event log: epoch changed");
}

static void what_is_left_of_an_older_epoch_is_no_damage(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    assert_int_equal(replay(&t, OLDER, 7, EPOCH, 1), 0);
    assert_false(t.replayed);
    assert_int_equal(replay(&t, EPOCH, SEQ - 1, EPOCH, 1), 0);
    assert_false(t.replayed);
    assert_int_equal(replay(&t, EPOCH, SEQ, EPOCH, 60), TRIAL_SAVE);
    assert_int_equal(t.state.phase, STATE_COMMITTED);
}

static void a_reboot_begins_an_epoch_that_the_trial_goes_on_in(void **state)
{
    (void)state;
    struct trial t = running(begun, REBOOT);
    assert_int_equal(replay(&t, ANOTHER, 3, ANOTHER, 1), TRIAL_SAVE);
    assert_true(t.replayed);
    assert_string_equal(t.state.epoch, ANOTHER);
    assert_string_equal(t.state.boot, REBOOT);
    assert_int_equal(t.state.seq, 3);
    /* From here on, another epoch is damage again. */
    assert_true((replay(&t, OLDER, 4, OLDER, 2) & TRIAL_KILL) != 0);
}

static void what_was_not_replayed_before_a_reboot_comes_first(void **state)
{
    (void)state;
    struct state unsent = begun;
    unsent.replayed = SEQ - 10;
    struct trial t = running(unsent, REBOOT);
    assert_int_equal(replay(&t, EPOCH, SEQ - 1, ANOTHER, 1), 0);
    assert_false(t.replayed);
    assert_int_equal(replay(&t, EPOCH, SEQ + 1, ANOTHER, 1), TRIAL_SAVE);
    assert_true(t.replayed);
    /* Remembered: a start later nobody will speak of that epoch any more. */
    struct trial next = running(t.state, REBOOT);
    assert_int_equal(replay(&next, ANOTHER, 3, ANOTHER, 1), TRIAL_SAVE);
    assert_true(next.replayed);
}

static void what_is_lost_with_a_reboot_is_damage(void **state)
{
    (void)state;
    struct state unsent = begun;
    unsent.replayed = SEQ - 10;
    struct trial t = running(unsent, REBOOT);
    assert_true((replay(&t, ANOTHER, 3, ANOTHER, 1) & TRIAL_KILL) != 0);
    assert_int_equal(t.state.phase, STATE_REJECTED);
    assert_string_equal(t.state.reason, "event log: what was written before the reboot is lost");
}

static void the_word_of_old_agents_says_nothing_of_a_new_one(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    assert_int_equal(replay(&t, "", 1000000, "", 60), 0);
    assert_int_equal(t.state.phase, STATE_TRIAL);
}

/* --- the server was not reached --- */

static void no_acknowledgement_in_time_puts_the_old_one_back_to_be_asked(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    (void)feed(&t, TRIAL_SIGN, 119);
    assert_int_equal(trial_due(&t), 120 * 1000);
    assert_int_equal(feed(&t, TRIAL_TIME, 119), 0);
    assert_int_equal(feed(&t, TRIAL_TIME, 120), TRIAL_SAVE | TRIAL_EVIDENCE | TRIAL_PLACE | TRIAL_END);
    assert_int_equal(t.state.phase, STATE_RESTORED);
    assert_string_equal(t.state.reason, "not acknowledged within 120 s");
}

static void what_the_new_one_says_while_it_ends_counts_no_more(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    (void)replay(&t, EPOCH, SEQ, EPOCH, 1);
    (void)feed(&t, TRIAL_TIME, 120);
    assert_int_equal(feed(&t, TRIAL_ACKNOWLEDGED, 121), 0);
    assert_int_equal(feed(&t, TRIAL_TIME, 1000), 0);
    assert_int_equal(trial_due(&t), INT64_MAX);
    assert_int_equal(end(&t, 0, 0, 122), 0);
    assert_int_equal(t.state.phase, STATE_RESTORED);
}

/* In RESTORED, after a trial that began with the server in reach. */
static struct trial restored_again(void)
{
    struct trial t = in_phase(STATE_RESTORED);
    t.state.proven = 1;
    return t;
}

static void the_first_time_it_may_have_been_the_server_that_was_away(void **state)
{
    (void)state;
    struct trial t = in_phase(STATE_RESTORED);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    assert_int_equal(replay(&t, EPOCH, SEQ + 3, EPOCH, 2), TRIAL_SAVE | TRIAL_PLACE | TRIAL_END);
    assert_int_equal(t.state.phase, STATE_TRIAL);
    assert_int_equal(t.state.round, 2);
    assert_int_equal(t.state.proven, 1);
    assert_int_equal(t.state.seq, SEQ + 3);
}

static void a_trial_after_a_back_off_proves_nothing_of_the_server(void **state)
{
    (void)state;
    struct trial t = restored_again();
    (void)feed(&t, TRIAL_TIME, 120);
    assert_int_equal(t.state.phase, STATE_WAITING);
    (void)feed(&t, TRIAL_TIME, 120 + 240);
    assert_int_equal(t.state.phase, STATE_TRIAL);
    assert_int_equal(t.state.proven, 0);
}

static void an_old_one_that_reaches_the_server_before_and_after_has_the_new_one_rejected(void **state)
{
    (void)state;
    struct trial t = restored_again();
    assert_int_equal(feed(&t, TRIAL_ACKNOWLEDGED, 1), 0);
    assert_int_equal(replay(&t, EPOCH, SEQ, EPOCH, 2), TRIAL_SAVE);
    assert_int_equal(t.state.phase, STATE_REJECTED);
    assert_string_equal(t.state.reason, "not acknowledged within 120 s");
}

static void an_old_one_is_trusted_with_whatever_its_log_has_become(void **state)
{
    (void)state;
    struct trial t = restored_again();
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    assert_int_equal(replay(&t, OLDER, 9, ANOTHER, 2), 0);
    assert_int_equal(replay(&t, ANOTHER, 1, ANOTHER, 2), TRIAL_SAVE);
    assert_int_equal(t.state.phase, STATE_REJECTED);
}

static void the_server_takes_heartbeats_but_no_events_is_an_outage_too(void **state)
{
    (void)state;
    struct trial t = running(begun, BOOT);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    (void)feed(&t, TRIAL_TIME, 120);
    assert_int_equal(t.state.phase, STATE_RESTORED);
    assert_string_equal(t.state.reason, "event log: not replayed within 120 s");
    (void)feed(&t, TRIAL_STARTING, 121);
    (void)feed(&t, TRIAL_STARTED, 121);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 122);
    assert_int_equal(feed(&t, TRIAL_TIME, 241), TRIAL_SAVE);
    assert_int_equal(t.state.phase, STATE_WAITING);
}

static void an_old_one_that_does_not_reach_it_either_means_an_outage(void **state)
{
    (void)state;
    struct trial t = in_phase(STATE_RESTORED);
    assert_int_equal(end(&t, -1, 11, 60), 0); /* crashing does not make it reach anything */
    (void)feed(&t, TRIAL_STARTING, 61);
    (void)feed(&t, TRIAL_STARTED, 61);
    assert_int_equal(feed(&t, TRIAL_TIME, 119), 0);
    assert_int_equal(feed(&t, TRIAL_TIME, 120), TRIAL_SAVE);
    assert_int_equal(t.state.phase, STATE_WAITING);
    assert_int_equal(trial_due(&t), (120 + 240) * 1000);
}

static void with_nothing_to_go_back_to_the_matter_is_closed(void **state)
{
    (void)state;
    struct trial t = in_phase(STATE_RESTORED);
    unsigned todo = trial_step(&t, &(struct trial_input){.kind = TRIAL_UNPLACED, .why = "gone"}, 0);
    assert_int_equal(todo, TRIAL_SAVE);
    assert_int_equal(t.state.phase, STATE_REJECTED);
    assert_string_equal(t.state.reason, "not acknowledged within 120 s");
}

static void after_the_back_off_there_is_another_trial(void **state)
{
    (void)state;
    struct trial t = in_phase(STATE_WAITING);
    assert_int_equal(feed(&t, TRIAL_TIME, 239), 0);
    assert_int_equal(feed(&t, TRIAL_TIME, 240), TRIAL_SAVE | TRIAL_PLACE | TRIAL_END);
    assert_int_equal(t.state.phase, STATE_TRIAL);
    assert_int_equal(t.state.round, 2);
    assert_int_equal(t.state.starts, 0);
    assert_string_equal(t.state.reason, "");
    assert_int_equal(t.state.seq, SEQ);
}

static void when_the_server_is_back_the_next_trial_comes_at_once(void **state)
{
    (void)state;
    struct trial t = in_phase(STATE_WAITING);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 10);
    assert_int_equal(replay(&t, EPOCH, SEQ + 50, EPOCH, 10), TRIAL_SAVE | TRIAL_PLACE | TRIAL_END);
    assert_int_equal(t.state.phase, STATE_TRIAL);
    assert_int_equal(t.state.seq, SEQ + 50);
    assert_int_equal(t.state.replayed, SEQ + 50);
}

static void the_next_trial_starts_from_where_the_old_one_has_brought_the_log(void **state)
{
    (void)state;
    struct state outage = begun;
    outage.phase = STATE_WAITING;
    outage.replayed = 0;
    struct trial t = running(outage, REBOOT);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 10);
    assert_int_equal(replay(&t, ANOTHER, 5, ANOTHER, 10), TRIAL_SAVE | TRIAL_PLACE | TRIAL_END);
    assert_string_equal(t.state.epoch, ANOTHER);
    assert_string_equal(t.state.boot, REBOOT);
    assert_int_equal(t.state.seq, 5);
    (void)feed(&t, TRIAL_STARTING, 11);
    (void)feed(&t, TRIAL_STARTED, 11);
    assert_int_equal(replay(&t, ANOTHER, 6, ANOTHER, 12), 0);
    assert_true(t.replayed);
}

static void an_old_agent_says_too_little_to_start_from_but_enough_to_reject(void **state)
{
    (void)state;
    struct trial t = restored_again();
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    assert_int_equal(replay(&t, "", 5, "", 1), TRIAL_SAVE);
    assert_int_equal(t.state.phase, STATE_REJECTED);
    t = in_phase(STATE_WAITING);
    (void)feed(&t, TRIAL_ACKNOWLEDGED, 1);
    (void)replay(&t, "", 5, "", 1);
    assert_int_equal(t.state.phase, STATE_TRIAL);
    assert_string_equal(t.state.epoch, EPOCH);
}

static void the_back_off_doubles_up_to_six_hours(void **state)
{
    (void)state;
    struct state s = begun;
    static const int64_t hours6_ms = (int64_t)6 * 60 * 60 * 1000;
    assert_int_equal(trial_backoff_ms(&s), 240 * 1000);
    s.round = 2;
    assert_int_equal(trial_backoff_ms(&s), 480 * 1000);
    s.round = 7;
    assert_int_equal(trial_backoff_ms(&s), 15360 * 1000);
    s.round = 8;
    assert_int_equal(trial_backoff_ms(&s), hours6_ms);
    s.round = 1000000;
    assert_int_equal(trial_backoff_ms(&s), hours6_ms);
    s.trial_s = 24 * 60 * 60;
    assert_int_equal(trial_backoff_ms(&s), hours6_ms);
}

/* --- without a trial --- */

static void what_is_over_is_not_judged(void **state)
{
    (void)state;
    static const enum state_phase over[] = {STATE_NONE, STATE_COMMITTED, STATE_REJECTED};
    for (size_t i = 0; i < 3; i++) {
        struct trial t = in_phase(over[i]);
        assert_int_equal(feed(&t, TRIAL_ACKNOWLEDGED, 1), 0);
        assert_int_equal(replay(&t, ANOTHER, 1, ANOTHER, 1), 0);
        assert_int_equal(feed(&t, TRIAL_TIME, 100000), 0);
        assert_int_equal(end(&t, -1, 6, 1), 0);
        assert_int_equal(feed(&t, TRIAL_STARTING, 1), over[i] == STATE_REJECTED ? TRIAL_PLACE : 0);
        assert_int_equal(t.state.phase, over[i]);
    }
}

/* Whatever comes, in whatever order: the counts stay within bounds, what is final stays so, and an end that is asked
 * for is that of an agent that runs. */
static void no_order_of_inputs_breaks_the_rules(void **state)
{
    (void)state;
    unsigned random = 1;
    for (int game = 0; game < 3000; game++) {
        struct trial t;
        int64_t now_s = 0;
        trial_adopt(&t, &begun, game % 2 == 0 ? BOOT : REBOOT);
        for (int move = 0; move < 60; move++) {
            random = random * 1103515245 + 12345;
            struct trial_input in = {.kind = (enum trial_kind)(random >> 16) % (TRIAL_TIME + 1), .why = "why"};
            in.code = (random >> 8) % 3 == 0 ? RULES_EXIT_RESTART : -1;
            in.signal = 6;
            (void)snprintf(in.replayed.epoch, sizeof in.replayed.epoch, "%s", (random >> 20) % 2 ? EPOCH : ANOTHER);
            (void)snprintf(in.replayed.current, sizeof in.replayed.current, "%s", (random >> 21) % 4 ? EPOCH : ANOTHER);
            in.replayed.seq = random % (2 * SEQ);
            now_s += (random >> 24) % 40;
            enum state_phase before = t.state.phase;
            bool runs = t.running;
            unsigned todo = trial_step(&t, &in, now_s * 1000);
            assert_true(t.state.starts <= TRIAL_STARTS_MAX && t.state.phase != STATE_NONE);
            if (before == STATE_COMMITTED || before == STATE_REJECTED)
                assert_int_equal(t.state.phase, before);
            if (t.state.phase != before)
                assert_true((todo & TRIAL_SAVE) != 0);
            if ((todo & (TRIAL_END | TRIAL_KILL)) != 0)
                assert_true(runs);
            if (t.state.phase == STATE_COMMITTED && before != STATE_COMMITTED)
                assert_true(t.acknowledged && t.replayed);
            if ((t.state.phase == STATE_RESTORED || t.state.phase == STATE_REJECTED) && before == STATE_TRIAL)
                assert_true(t.state.reason[0] != '\0' && (todo & TRIAL_PLACE) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledged_replayed_and_alive_at_half_time_commits),
        cmocka_unit_test(neither_word_alone_commits),
        cmocka_unit_test(words_from_before_a_restart_do_not_count),
        cmocka_unit_test(one_that_has_said_all_may_be_late_at_half_time),
        cmocka_unit_test(every_end_of_its_own_is_final),
        cmocka_unit_test(the_third_start_is_final),
        cmocka_unit_test(one_that_cannot_be_put_in_place_is_final),
        cmocka_unit_test(a_first_sign_is_wanted_soon_and_the_next_within_a_minute),
        cmocka_unit_test(another_epoch_in_the_same_boot_is_damage),
        cmocka_unit_test(damage_shows_although_the_old_epoch_was_replayed_whole),
        cmocka_unit_test(what_is_left_of_an_older_epoch_is_no_damage),
        cmocka_unit_test(a_reboot_begins_an_epoch_that_the_trial_goes_on_in),
        cmocka_unit_test(what_was_not_replayed_before_a_reboot_comes_first),
        cmocka_unit_test(what_is_lost_with_a_reboot_is_damage),
        cmocka_unit_test(the_word_of_old_agents_says_nothing_of_a_new_one),
        cmocka_unit_test(no_acknowledgement_in_time_puts_the_old_one_back_to_be_asked),
        cmocka_unit_test(what_the_new_one_says_while_it_ends_counts_no_more),
        cmocka_unit_test(the_first_time_it_may_have_been_the_server_that_was_away),
        cmocka_unit_test(a_trial_after_a_back_off_proves_nothing_of_the_server),
        cmocka_unit_test(an_old_one_that_reaches_the_server_before_and_after_has_the_new_one_rejected),
        cmocka_unit_test(an_old_one_is_trusted_with_whatever_its_log_has_become),
        cmocka_unit_test(the_server_takes_heartbeats_but_no_events_is_an_outage_too),
        cmocka_unit_test(an_old_one_that_does_not_reach_it_either_means_an_outage),
        cmocka_unit_test(with_nothing_to_go_back_to_the_matter_is_closed),
        cmocka_unit_test(after_the_back_off_there_is_another_trial),
        cmocka_unit_test(when_the_server_is_back_the_next_trial_comes_at_once),
        cmocka_unit_test(the_next_trial_starts_from_where_the_old_one_has_brought_the_log),
        cmocka_unit_test(an_old_agent_says_too_little_to_start_from_but_enough_to_reject),
        cmocka_unit_test(the_back_off_doubles_up_to_six_hours),
        cmocka_unit_test(what_is_over_is_not_judged),
        cmocka_unit_test(no_order_of_inputs_breaks_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
