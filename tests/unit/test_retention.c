/* Retention, against a table of cases written by hand: what there is, what the policy says, what has to come out. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "retention/retention.h"
#include "unit.h"

enum { RUNS_MAX = 24, CHAINS_MAX = 12 };

/* "A 2026-11-20 02:00 s": a run of chain A, whole at that time (UTC). Then letters: s asked for by the server, a begun
 * by the agent itself; x not stored, b in use, p pinned, v proven, d found damaged, g a run before it is gone. */
struct retention_case {
    const char *name;
    struct retention_policy policy;
    const char *now;
    const char *runs[RUNS_MAX];
    const char *expected; /* "A: why, why" or "A: -", a line each, in the order in which they first appear */
};

#define NOW "2026-11-27 12:00"

static const struct retention_case cases[] = {
    /* --- the rules one by one --- */
    {"nothing at all", {.last = 1}, NOW, {NULL}, ""},
    {"without a rule everything stays",
     {0},
     NOW,
     {"A 2001-01-01 00:00 s", "B 2026-11-26 02:00 s"},
     "A: no rule\nB: newest good, newest asked for, no rule\n"},
    {"the last three",
     {.last = 3},
     NOW,
     {"A 2026-11-22 02:00 s", "B 2026-11-23 02:00 s", "C 2026-11-24 02:00 s", "D 2026-11-25 02:00 s",
      "E 2026-11-26 02:00 s"},
     "A: -\nB: -\nC: last 3\nD: last 3\nE: newest good, newest asked for, last 3\n"},
    {"the last count restore points, not chains",
     {.last = 3},
     NOW,
     {"A 2026-11-20 02:00 s", "B 2026-11-22 02:00 s", "B 2026-11-23 02:00 s", "B 2026-11-24 02:00 s"},
     "A: -\nB: newest good, newest asked for, last 3\n"},
    {"days are counted to the millisecond's 24 hours",
     {.days = 7},
     NOW,
     {"A 2026-11-20 11:59 s", "B 2026-11-20 12:00 s", "C 2026-11-26 02:00 s"},
     "A: -\nB: within 7 days\nC: newest good, newest asked for, within 7 days\n"},
    {"one young point keeps its whole chain",
     {.days = 7},
     NOW,
     {"A 2026-11-01 02:00 s", "A 2026-11-10 02:00 s", "A 2026-11-21 02:00 s", "B 2026-11-22 02:00 s"},
     "A: within 7 days\nB: newest good, newest asked for, within 7 days\n"},
    {"of a day the oldest point takes the slot",
     {.daily = 2},
     NOW,
     {"A 2026-11-24 02:00 s", "B 2026-11-25 02:00 s", "C 2026-11-25 14:00 s", "D 2026-11-26 02:00 s",
      "E 2026-11-26 03:00 s"},
     "A: -\nB: daily 2026-11-25\nC: -\nD: daily 2026-11-26\nE: newest good, newest asked for\n"},
    {"days end at midnight UTC",
     {.daily = 3},
     NOW,
     {"A 2026-11-25 23:59 s", "B 2026-11-26 00:00 s", "C 2026-11-26 23:59 s", "D 2026-11-27 00:00 s"},
     "A: daily 2026-11-25\nB: daily 2026-11-26\nC: -\nD: newest good, newest asked for, daily 2026-11-27\n"},
    {"days without a point take no slot",
     {.daily = 2},
     NOW,
     {"A 2026-08-01 02:00 s", "B 2026-08-02 02:00 s", "C 2026-11-02 02:00 s"},
     "A: -\nB: daily 2026-08-02\nC: newest good, newest asked for, daily 2026-11-02\n"},
    {"weeks are those of ISO 8601, also over new year",
     {.weekly = 3},
     "2027-01-12 12:00",
     {"A 2026-12-27 23:00 s", "B 2026-12-28 01:00 s", "C 2027-01-03 23:00 s", "D 2027-01-04 01:00 s"},
     "A: weekly 2026-W52\nB: weekly 2026-W53\nC: -\nD: newest good, newest asked for, weekly 2027-W01\n"},
    {"months and years",
     {.monthly = 2, .yearly = 2},
     NOW,
     {"A 2024-02-29 02:00 s", "B 2025-12-31 23:59 s", "C 2026-01-01 00:00 s", "D 2026-10-01 02:00 s",
      "E 2026-10-31 02:00 s", "F 2026-11-01 02:00 s", "G 2026-11-26 02:00 s"},
     "A: -\nB: yearly 2025\nC: yearly 2026\nD: monthly 2026-10\nE: -\nF: monthly 2026-11\n"
     "G: newest good, newest asked for\n"},
    {"rules add up",
     {.last = 1, .daily = 2, .weekly = 2, .days = 1},
     NOW,
     {"A 2026-11-09 02:00 s", "B 2026-11-16 02:00 s", "C 2026-11-23 02:00 s", "D 2026-11-25 02:00 s",
      "E 2026-11-26 02:00 s", "F 2026-11-26 20:00 s"},
     "A: -\nB: weekly 2026-W47\nC: weekly 2026-W48\nD: daily 2026-11-25\nE: daily 2026-11-26\n"
     "F: newest good, newest asked for, last 1, within 1 days\n"},
    {"a rule of a huge number keeps all",
     {.daily = RETENTION_KEEP_MAX, .days = RETENTION_DAYS_MAX},
     NOW,
     {"A 2020-01-01 02:00 s", "B 2026-11-26 02:00 s"},
     "A: within 36500 days, daily 2020-01-01\n"
     "B: newest good, newest asked for, within 36500 days, daily 2026-11-26\n"},

    /* --- what is never deleted --- */
    {"the only good one, however old",
     {.days = 1},
     NOW,
     {"A 2020-01-01 02:00 s"},
     "A: newest good, newest asked for\n"},
    {"the newest proven one beside the newest",
     {.last = 1},
     NOW,
     {"A 2026-11-20 02:00 sv", "B 2026-11-21 02:00 sv", "C 2026-11-22 02:00 s", "D 2026-11-23 02:00 s"},
     "A: -\nB: newest proven\nC: -\nD: newest good, newest asked for, last 1\n"},
    {"a proof of an incremental alone proves nothing",
     {.last = 1},
     NOW,
     {"A 2026-11-20 02:00 sv", "B 2026-11-21 02:00 s", "B 2026-11-22 02:00 sv", "C 2026-11-23 02:00 s"},
     "A: newest proven\nB: -\nC: newest good, newest asked for, last 1\n"},
    {"a chain proven up to some point counts",
     {.last = 1},
     NOW,
     {"A 2026-11-20 02:00 sv", "B 2026-11-21 02:00 sv", "B 2026-11-22 02:00 s", "C 2026-11-23 02:00 s"},
     "A: -\nB: newest proven\nC: newest good, newest asked for, last 1\n"},
    {"pinned by any of its runs",
     {.last = 1},
     NOW,
     {"A 2026-11-20 02:00 s", "A 2026-11-20 03:00 sp", "B 2026-11-21 02:00 s"},
     "A: pinned\nB: newest good, newest asked for, last 1\n"},
    {"in use: a run under way upon it, or a restore from it",
     {.last = 1},
     NOW,
     {"A 2026-11-20 02:00 s", "A 2026-11-27 11:00 sxb", "B 2026-11-21 02:00 sb", "C 2026-11-22 02:00 s"},
     "A: in use\nB: in use\nC: newest good, newest asked for, last 1\n"},

    /* --- whole chains only --- */
    {"failed runs take no slot and no place",
     {.last = 1, .daily = 1},
     NOW,
     {"A 2026-11-25 02:00 s", "B 2026-11-26 02:00 sx", "C 2026-11-27 02:00 sx"},
     "A: newest good, newest asked for, last 1, daily 2026-11-25\nB: not whole\nC: not whole\n"},
    {"a failed try within a chain breaks nothing",
     {.last = 2},
     NOW,
     {"A 2026-11-24 02:00 s", "A 2026-11-25 02:00 sx", "A 2026-11-26 02:00 s", "B 2026-11-20 02:00 s"},
     "A: newest good, newest asked for, last 2\nB: -\n"},
    {"what stands upon a run that is gone is no restore point",
     {.last = 1},
     NOW,
     {"A 2026-11-20 02:00 s", "B 2026-11-21 02:00 s", "B 2026-11-26 02:00 sg"},
     "A: -\nB: newest good, newest asked for, last 1\n"},
    {"a chain without its full run is left alone",
     {.last = 1},
     NOW,
     {"A 2026-11-25 02:00 sx", "A 2026-11-26 02:00 sg", "B 2026-11-20 02:00 s"},
     "A: not whole\nB: newest good, newest asked for, last 1\n"},
    {"without any good one nothing is deleted",
     {.last = 1},
     NOW,
     {"A 2020-01-01 02:00 sx", "B 2020-01-02 02:00 sx"},
     "A: not whole\nB: not whole\n"},

    /* --- damaged ones --- */
    {"a damaged chain pushes no good one out",
     {.last = 1, .daily = 1},
     NOW,
     {"A 2026-11-24 02:00 s", "B 2026-11-25 02:00 s", "C 2026-11-26 02:00 sd"},
     "A: -\nB: newest good, newest asked for, last 1, daily 2026-11-25\n"
     "C: newest good, newest asked for, last 1, daily 2026-11-26\n"},
    {"a damaged one that no rule would want goes",
     {.last = 1},
     NOW,
     {"A 2026-11-24 02:00 sd", "B 2026-11-25 02:00 s"},
     "A: -\nB: newest good, newest asked for, last 1\n"},
    {"calling an incremental damaged does not cost its chain",
     {.days = 7},
     NOW,
     {"A 2026-11-01 02:00 s", "A 2026-11-25 02:00 sd", "A 2026-11-26 02:00 s", "B 2026-11-27 02:00 a"},
     "A: newest asked for, within 7 days\nB: newest good, within 7 days\n"},
    {"what is proven and then damaged is not the newest proven one",
     {.last = 1},
     NOW,
     {"A 2026-11-20 02:00 sv", "B 2026-11-21 02:00 svd", "C 2026-11-22 02:00 s"},
     "A: newest proven\nB: newest proven\nC: newest good, newest asked for, last 1\n"},

    /* --- a compromised agent --- */
    {"an agent that backs up often pushes nothing out of the last ones",
     {.last = 2},
     NOW,
     {"A 2026-11-24 02:00 s", "B 2026-11-25 02:00 s", "C 2026-11-26 01:00 a", "D 2026-11-26 02:00 a",
      "E 2026-11-26 03:00 a", "F 2026-11-26 04:00 a"},
     "A: last 2\nB: newest asked for, last 2\nC: -\nD: -\nE: last 2 of the agent's own\n"
     "F: newest good, last 2 of the agent's own\n"},
    {"an agent that comes first in the day does not take the slot",
     {.daily = 2, .weekly = 1, .monthly = 1, .yearly = 1},
     NOW,
     {"A 2026-11-25 00:01 a", "B 2026-11-25 02:00 s", "C 2026-11-26 00:01 a", "D 2026-11-26 02:00 s",
      "E 2026-11-26 03:00 a"},
     "A: -\nB: daily 2026-11-25, weekly 2026-W48, monthly 2026-11, yearly 2026\nC: -\n"
     "D: newest asked for, daily 2026-11-26\nE: newest good\n"},
    {"a day that has only the agent's own is better than none",
     {.daily = 2},
     NOW,
     {"A 2026-11-24 02:00 s", "B 2026-11-25 01:00 a", "C 2026-11-25 02:00 a", "D 2026-11-26 02:00 s"},
     "A: -\nB: daily 2026-11-25\nC: -\nD: newest good, newest asked for, daily 2026-11-26\n"},
    {"garbage after a month of silence does not cost the last copy that was asked for",
     {.days = 30},
     NOW,
     {"A 2026-09-01 02:00 s", "B 2026-09-02 02:00 s", "C 2026-11-27 02:00 a"},
     "A: -\nB: newest asked for\nC: newest good, within 30 days\n"},
    {"garbage in the server's own run does not take the slots of this day",
     {.daily = 3},
     NOW,
     {"A 2026-11-25 02:00 s", "B 2026-11-26 02:00 s", "C 2026-11-27 02:00 s", "D 2026-11-27 09:00 s",
      "E 2026-11-27 10:00 s"},
     "A: daily 2026-11-25\nB: daily 2026-11-26\nC: daily 2026-11-27\nD: -\nE: newest good, newest asked for\n"},
    {"an agent of an older server keeps the last of its own",
     {.last = 2},
     NOW,
     {"A 2026-11-24 02:00 a", "B 2026-11-25 02:00 a", "C 2026-11-26 02:00 a"},
     "A: -\nB: last 2 of the agent's own\nC: newest good, last 2 of the agent's own\n"},

    /* --- clocks --- */
    {"a run from the future is kept, and counts for nothing before its time",
     {.last = 1, .daily = 1},
     NOW,
     {"A 2026-11-25 02:00 s", "B 2026-11-26 02:00 s", "C 2031-01-01 00:00 s"},
     "A: -\nB: newest good, newest asked for, last 1, daily 2026-11-26\nC: ahead of the clock\n"},
    {"only runs from the future",
     {.last = 1},
     NOW,
     {"A 2031-01-01 00:00 s", "B 2031-01-02 00:00 s"},
     "A: ahead of the clock\nB: ahead of the clock\n"},
    {"a clock years ahead empties no slot of a period",
     {.last = 1, .daily = 1, .weekly = 1},
     "2099-01-01 00:00",
     {"A 2026-11-18 02:00 s", "B 2026-11-25 02:00 s", "C 2026-11-26 02:00 s"},
     "A: -\nB: weekly 2026-W48\nC: newest good, newest asked for, last 1, daily 2026-11-26\n"},
    {"a clock that went back within a chain",
     {.last = 1, .daily = 1},
     NOW,
     {"A 2026-11-26 02:00 s", "A 2026-11-25 23:00 s", "B 2026-11-24 02:00 s"},
     "A: newest good, newest asked for, last 1, daily 2026-11-26\nB: -\n"},
    {"before 1970",
     {.daily = 2},
     NOW,
     {"A 1969-12-30 23:00 s", "B 1969-12-31 23:00 s", "C 1970-01-01 00:00 s"},
     "A: -\nB: daily 1969-12-31\nC: newest good, newest asked for, daily 1970-01-01\n"},
    {"at the same moment the later one in the list is the newer one",
     {.last = 1},
     NOW,
     {"A 2026-11-26 02:00 s", "B 2026-11-26 02:00 s"},
     "A: -\nB: newest good, newest asked for, last 1\n"},
};

static int64_t time_of(const char *text)
{
    struct tm tm = {0};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
    return (int64_t)timegm(&tm) * 1000;
}

struct table {
    struct retention_run runs[CHAINS_MAX][RUNS_MAX];
    struct retention_chain chains[CHAINS_MAX];
    char names[CHAINS_MAX];
    size_t count;
};

static size_t chain_of(struct table *t, char name)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->names[i] == name)
            return i;
    assert_true(t->count < CHAINS_MAX);
    t->names[t->count] = name;
    t->chains[t->count].runs = t->runs[t->count];
    return t->count++;
}

static void add_run(struct table *t, const char *text)
{
    const char *flags = text + strlen("A 2026-11-20 02:00 ");
    size_t chain = chain_of(t, text[0]), number = t->chains[chain].count++;
    const struct retention_run *before = number > 0 ? &t->runs[chain][number - 1] : NULL;
    struct retention_run run = {
        .received_ms = time_of(text + 2),
        .seq = before == NULL ? 0 : before->seq + (before->good ? 1 : 0),
        .good = strchr(flags, 'x') == NULL,
        .busy = strchr(flags, 'b') != NULL,
        .asked = strchr(flags, 's') != NULL,
        .pinned = strchr(flags, 'p') != NULL,
        .proven = strchr(flags, 'v') != NULL,
        .damaged = strchr(flags, 'd') != NULL,
    };
    if (strchr(flags, 'g') != NULL)
        run.seq++;
    t->runs[chain][number] = run;
}

static void say(const struct table *t, const struct retention_verdict *verdicts, char *ret, size_t size)
{
    size_t len = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < t->count; i++) {
        assert_int_equal(verdicts[i].keep, verdicts[i].reasons != NULL);
        len += (size_t)snprintf(ret + len, size - len, "%c:%s", t->names[i], verdicts[i].keep ? "" : " -");
        for (const struct retention_reason *r = verdicts[i].reasons; r != NULL; r = r->next)
            len += (size_t)snprintf(ret + len, size - len, " %s%s", r->text, r->next != NULL ? "," : "");
        len += (size_t)snprintf(ret + len, size - len, "\n");
        assert_true(len < size);
    }
}

static void judge_case(const struct retention_case *c, char *ret, size_t size)
{
    struct err err = {0};
    struct table t = {0};
    struct retention_verdict verdicts[CHAINS_MAX];
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < RUNS_MAX && c->runs[i] != NULL; i++)
        add_run(&t, c->runs[i]);
    if (retention_judge(t.chains, t.count, &c->policy, time_of(c->now), arena, verdicts, &err) != 0)
        fail_msg("%s: %s", c->name, err.msg);
    say(&t, verdicts, ret, size);
    arena_free(arena);
}

static void the_table_holds(void **state)
{
    (void)state;
    char got[4000];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        judge_case(&cases[i], got, sizeof got);
        if (strcmp(got, cases[i].expected) != 0)
            fail_msg("%s:\n%s--- expected:\n%s", cases[i].name, got, cases[i].expected);
    }
}

/* Deleting what a verdict gives up must not change the verdict on the rest: else each hour would take one more. */
static void doing_it_twice_deletes_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct retention_case rest = cases[i];
        char first[4000], second[4000];
        size_t kept = 0;
        judge_case(&cases[i], first, sizeof first);
        for (size_t k = 0; k < RUNS_MAX && cases[i].runs[k] != NULL; k++) {
            const char deleted[] = {cases[i].runs[k][0], ':', ' ', '-', '\0'};
            if (strstr(first, deleted) == NULL)
                rest.runs[kept++] = cases[i].runs[k];
        }
        for (; kept < RUNS_MAX; kept++)
            rest.runs[kept] = NULL;
        judge_case(&rest, second, sizeof second);
        if (strstr(second, ": -") != NULL)
            fail_msg("%s: %s", cases[i].name, second);
    }
}

static void times_beyond_any_calendar_do_no_harm(void **state)
{
    (void)state;
    struct err err = {0};
    const struct retention_run runs[] = {{.received_ms = INT64_MIN, .good = true, .asked = true},
                                         {.received_ms = 0, .good = true, .asked = true},
                                         {.received_ms = INT64_MAX, .good = true, .asked = true}};
    const struct retention_chain chains[] = {{&runs[0], 1}, {&runs[1], 1}, {&runs[2], 1}};
    struct retention_verdict verdicts[3];
    struct arena *arena = arena_new(1 << 16);
    const struct retention_policy policy = {.daily = 1, .weekly = 1, .monthly = 1, .yearly = 1, .days = 1};
    assert_int_equal(retention_judge(chains, 3, &policy, 1, arena, verdicts, &err), 0);
    assert_false(verdicts[0].keep);
    assert_true(verdicts[1].keep && verdicts[1].newest);
    assert_true(verdicts[2].keep);
    arena_free(arena);
}

static void without_memory_there_is_no_verdict(void **state)
{
    (void)state;
    struct err err = {0};
    struct retention_run run = {.good = true, .asked = true};
    struct retention_chain chain = {&run, 1};
    struct retention_verdict verdict;
    struct arena *arena = arena_new(16);
    assert_int_equal(retention_judge(&chain, 1, &(struct retention_policy){.last = 1}, 1, arena, &verdict, &err),
                     ERR_NOMEM);
    arena_free(arena);
}

static void a_clock_that_jumps_is_given_a_day(void **state)
{
    (void)state;
    const int64_t hour = 3600000, day = 24 * hour, now = 1000 * day;
    assert_int_equal(retention_hold(now - hour, 0, now), 0);
    assert_int_equal(retention_hold(now + hour / 2, 0, now), 0);
    assert_int_equal(retention_hold(now - day, 0, now), 0);
    assert_int_equal(retention_hold(now - day - 1, 0, now), now + day);
    assert_int_equal(retention_hold(0, 0, now), now + day); /* from before there was retention */
    assert_int_equal(retention_hold(now + 2 * hour, 0, now), now + day);
    assert_int_equal(retention_hold(now - hour, now + 5, now), now + 5);
    assert_int_equal(retention_hold(now - hour, now + 365 * day, now), now + day);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds),
        cmocka_unit_test(doing_it_twice_deletes_no_more),
        cmocka_unit_test(times_beyond_any_calendar_do_no_harm),
        cmocka_unit_test(a_clock_that_jumps_is_given_a_day),
        cmocka_unit_test(without_memory_there_is_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
