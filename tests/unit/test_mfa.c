/* Codes as the database keeps them: judged, used up, counted and written down in one write. */
#include "fixture_sql.h"

#include <liboath/oath.h>
#include <pthread.h>

#include "mfa/backup_code.h"
#include "mfa/judge.h"
#include "mfa/totp_row.h"

#define MINUTE INT64_C(60000)

static const unsigned char secret[TOTP_SECRET_SIZE] = "12345678901234567890";
static const char session[] = "0199f3a0-7c1e-7d33-9c2a-3f6f3a1b2c3d";

/* The owner has one-time codes in force. */
static int setup(void **state)
{
    (void)fleet_setup(state);
    struct fleet *f = *state;
    char sealed[TOTP_SEALED_SIZE], text[600];
    struct err err = {0};
    expect_ok(totp_seal(f->app.secrets, f->owner, TOTP_IN_FORCE, secret, sealed, &err), &err);
    (void)snprintf(text, sizeof text, "INSERT INTO user_totp (user_id, secret, enabled_ms) VALUES ('%s', '%s', 1)",
                   f->owner, sealed);
    sql(f, text);
    return 0;
}

static void code_at(int64_t now_ms, char ret[TOTP_DIGITS + 1])
{
    assert_int_equal(
        oath_totp_generate((const char *)secret, sizeof secret, (time_t)(now_ms / 1000), 30, 0, TOTP_DIGITS, ret),
        OATH_OK);
}

/* Six digits that none of the steps around now has. */
static void wrong_at(int64_t now_ms, char ret[TOTP_DIGITS + 1])
{
    int64_t step;
    unsigned number = 0;
    do
        (void)snprintf(ret, TOTP_DIGITS + 1, "%06u", number++ % 1000000U);
    while (totp_match(secret, ret, now_ms, 0, &step) != TOTP_NONE);
}

struct
try {
    struct mfa_try what;
    struct mfa_answer answer;
};

static int write_try(struct db *db, void *ctx, struct err *err)
{
    struct try *t = ctx;
    return mfa_judge(db, &t->what, &t->answer, err);
}

static struct try try_of(const struct fleet *f, const char *code)
{
    return (struct try){.what = {.secrets = f->app.secrets,
                                 .user_id = f->owner,
                                 .code = code,
                                 .now_ms = f->clock.now_ms,
                                 .audit = {.time_ms = f->clock.now_ms,
                                           .actor = "user:x",
                                           .target = "user:x",
                                           .address = "192.0.2.1",
                                           .request_id = "r"}}};
}

static struct mfa_answer check(struct fleet *f, const char *code)
{
    struct try t = try_of(f, code);
    struct err err = {0};
    expect_ok(db_write(f->app.writer, write_try, &t, &err), &err);
    return t.answer;
}

static enum mfa_verdict verdict(struct fleet *f, const char *code)
{
    return check(f, code).verdict;
}

static enum mfa_verdict right(struct fleet *f)
{
    char code[TOTP_DIGITS + 1];
    code_at(f->clock.now_ms, code);
    return verdict(f, code);
}

static enum mfa_verdict wrong(struct fleet *f)
{
    char code[TOTP_DIGITS + 1];
    wrong_at(f->clock.now_ms, code);
    return verdict(f, code);
}

struct make {
    const struct fleet *f;
    int count;
    char codes[BACKUP_CODES_MAX][BACKUP_CODE_SIZE];
};

static int write_codes(struct db *db, void *ctx, struct err *err)
{
    struct make *m = ctx;
    return backup_code_replace(db, m->f->app.secrets, m->f->owner, m->count, FLEET_NOW, m->codes, err);
}

static void make_codes(struct make *m, struct fleet *f, int count)
{
    struct err err = {0};
    *m = (struct make){.f = f, .count = count};
    expect_ok(db_write(f->app.writer, write_codes, m, &err), &err);
}

/* --- one-time codes --- */

static void a_code_is_good_once_and_then_says_so(void **state)
{
    struct fleet *f = *state;
    assert_int_equal(right(f), MFA_RIGHT);
    assert_int_equal(right(f), MFA_REPEATED);
    clock_fake_advance(&f->clock, 30000);
    assert_int_equal(right(f), MFA_RIGHT);
}

static void the_code_before_one_that_was_used_is_used_up_too(void **state)
{
    struct fleet *f = *state;
    char next[TOTP_DIGITS + 1];
    code_at(f->clock.now_ms + 30000, next);
    assert_int_equal(verdict(f, next), MFA_RIGHT);
    assert_int_equal(right(f), MFA_REPEATED);
}

static void blanks_and_dashes_in_a_code_do_not_matter(void **state)
{
    struct fleet *f = *state;
    char code[TOTP_DIGITS + 1], typed[20];
    code_at(f->clock.now_ms, code);
    (void)snprintf(typed, sizeof typed, " %.3s %.3s-", code, code + 3);
    assert_int_equal(verdict(f, typed), MFA_RIGHT);
}

static void a_secret_of_another_person_does_not_open(void **state)
{
    struct fleet *f = *state;
    char sealed[TOTP_SEALED_SIZE], text[400];
    struct err err = {0};
    expect_ok(totp_seal(f->app.secrets, "somebody else", TOTP_IN_FORCE, secret, sealed, &err), &err);
    (void)snprintf(text, sizeof text, "UPDATE user_totp SET secret = '%s'", sealed);
    sql(f, text);
    struct try t = try_of(f, "123456");
    assert_int_equal(db_write(f->app.writer, write_try, &t, &err), ERR_CORRUPT);
}

static void who_has_no_factor_is_wrong_whatever_they_type(void **state)
{
    struct fleet *f = *state;
    sql(f, "UPDATE user_totp SET enabled_ms = NULL");
    assert_int_equal(right(f), MFA_WRONG);
    assert_int_equal(verdict(f, "00-00000-00000"), MFA_WRONG);
    assert_int_equal(verdict(f, ""), MFA_WRONG);
}

/* --- limits --- */

static void the_sixth_try_after_five_wrong_ones_is_not_judged(void **state)
{
    struct fleet *f = *state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(wrong(f), MFA_WRONG);
    char code[TOTP_DIGITS + 1];
    wrong_at(f->clock.now_ms, code);
    struct mfa_answer fifth = check(f, code);
    assert_int_equal(fifth.verdict, MFA_WRONG);
    assert_int_equal(fifth.wait_s, 900);
    code_at(f->clock.now_ms, code);
    struct mfa_answer sixth = check(f, code);
    assert_int_equal(sixth.verdict, MFA_LOCKED);
    assert_int_equal(sixth.wait_s, 900);
    clock_fake_advance(&f->clock, 15 * MINUTE - 1000);
    assert_int_equal(right(f), MFA_LOCKED);
    clock_fake_advance(&f->clock, 2000);
    assert_int_equal(right(f), MFA_RIGHT);
}

static void a_right_code_after_four_wrong_ones_begins_anew(void **state)
{
    struct fleet *f = *state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(wrong(f), MFA_WRONG);
    assert_int_equal(right(f), MFA_RIGHT);
    for (int i = 0; i < 4; i++)
        assert_int_equal(wrong(f), MFA_WRONG);
    clock_fake_advance(&f->clock, 30000);
    assert_int_equal(right(f), MFA_RIGHT);
}

static void a_locked_person_is_told_once_and_the_trail_has_each_wrong_code(void **state)
{
    struct fleet *f = *state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(wrong(f), MFA_WRONG);
    for (int i = 0; i < 10; i++)
        assert_int_equal(wrong(f), MFA_LOCKED);
    char text[160];
    (void)snprintf(text, sizeof text, "SELECT count(*) FROM alerts WHERE kind = 'mfa.locked' AND user_id = '%s'",
                   f->owner);
    assert_int_equal(number(f, text), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM audit WHERE action = 'auth.mfa.code' AND result = 'denied'"), 5);
}

static void after_nineteen_wrong_ones_a_code_helps_and_after_twenty_none(void **state)
{
    struct fleet *f = *state;
    sql(f, "INSERT INTO user_lockouts (user_id, failures_in_row) SELECT id, 19 FROM users");
    assert_int_equal(right(f), MFA_RIGHT);
    sql(f, "UPDATE user_lockouts SET failures_in_row = 19");
    assert_int_equal(wrong(f), MFA_WRONG);
    clock_fake_advance(&f->clock, 24 * 60 * MINUTE);
    assert_int_equal(right(f), MFA_BACKUP_CODE_NEEDED);
    assert_int_equal(number(f, "SELECT failures_in_row FROM user_lockouts"), 20);
}

/* --- backup codes --- */

static void a_backup_code_is_good_once(void **state)
{
    struct fleet *f = *state;
    struct make m;
    make_codes(&m, f, 10);
    struct mfa_answer answer = check(f, m.codes[6]);
    assert_int_equal(answer.verdict, MFA_RIGHT);
    assert_string_equal(answer.method, "backup-code");
    assert_int_equal(answer.codes_left, 9);
    assert_int_equal(verdict(f, m.codes[6]), MFA_WRONG);
    assert_int_equal(check(f, m.codes[7]).codes_left, 8);
}

static void a_backup_code_ends_a_lock_and_a_row_of_twenty(void **state)
{
    struct fleet *f = *state;
    struct make m;
    make_codes(&m, f, 10);
    for (int i = 0; i < 5; i++)
        assert_int_equal(wrong(f), MFA_WRONG);
    assert_int_equal(right(f), MFA_LOCKED);
    assert_int_equal(verdict(f, m.codes[0]), MFA_RIGHT);
    assert_int_equal(right(f), MFA_RIGHT);
    sql(f, "UPDATE user_lockouts SET failures_in_row = 21");
    assert_int_equal(right(f), MFA_BACKUP_CODE_NEEDED);
    assert_int_equal(verdict(f, m.codes[1]), MFA_RIGHT);
    clock_fake_advance(&f->clock, 30000);
    assert_int_equal(right(f), MFA_RIGHT);
}

static void new_codes_void_the_old_ones(void **state)
{
    struct fleet *f = *state;
    struct make before, after;
    make_codes(&before, f, 10);
    make_codes(&after, f, 5);
    for (int i = 0; i < 4; i++)
        assert_int_equal(verdict(f, before.codes[i]), MFA_WRONG);
    assert_int_equal(check(f, after.codes[4]).codes_left, 4);
}

static void of_few_codes_left_one_is_told(void **state)
{
    struct fleet *f = *state;
    struct make m;
    make_codes(&m, f, 5);
    assert_int_equal(check(f, m.codes[0]).codes_left, 4);
    assert_int_equal(number(f, "SELECT count(*) FROM alerts WHERE kind = 'mfa.codes_few'"), 0);
    assert_int_equal(check(f, m.codes[1]).codes_left, 3);
    assert_int_equal(number(f, "SELECT count(*) FROM alerts WHERE kind = 'mfa.codes_few'"), 1);
    assert_int_equal(check(f, m.codes[2]).codes_left, 2);
    assert_int_equal(number(f, "SELECT count(*) FROM alerts WHERE kind = 'mfa.codes_few'"), 1);
}

static void another_persons_backup_code_is_worth_nothing(void **state)
{
    struct fleet *f = *state;
    struct make m;
    make_codes(&m, f, 5);
    sql(f, "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms) "
           "VALUES ('other', 'o@x', 'o@x', 'x', 'viewer', 1, 1); UPDATE backup_codes SET user_id = 'other'");
    struct try t = try_of(f, m.codes[0]);
    struct err err = {0};
    t.what.user_id = "other"; /* the row was moved: its hash knows whose it was */
    expect_ok(db_write(f->app.writer, write_try, &t, &err), &err);
    assert_int_equal(t.answer.verdict, MFA_WRONG);
}

/* The newest key makes new codes; those from before the rotation still open. */
static void codes_outlive_a_rotation_of_the_master_key(void **state)
{
    struct fleet *f = *state;
    struct make m;
    struct err err = {0};
    char path[200];
    make_codes(&m, f, 5);
    (void)snprintf(path, sizeof path, "%s/master.key", f->base->dir);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    (void)fprintf(file, "deadbeef %064d\n", 7);
    assert_int_equal(fclose(file), 0);
    secrets_free(f->app.secrets);
    expect_ok(secrets_load(f->base->dir, &f->app.secrets, &err), &err);
    assert_int_equal(verdict(f, m.codes[0]), MFA_RIGHT);
    assert_int_equal(right(f), MFA_RIGHT);
    make_codes(&m, f, 5);
    assert_int_equal(verdict(f, m.codes[0]), MFA_RIGHT);
}

static void a_backup_code_is_read_as_people_write(void **state)
{
    (void)state;
    static const char *const same[] = {"07-01234-ABCDX", "01234-abcdx", "0 1 2 3 4 a b c d x",  "O7 OI234 ABCDX",
                                       "07ol234abcdx",   "0l234ABCDX",  "\t07 - 01234 - ABCDX "};
    static const char *const none[] = {
        "", "01234-ABCD", "07-01234-ABCDU", "7-01234-ABCDX", "07-01234-ABCDXX", "01234_A", "01234-ABCD\xc3\xa9"};
    char letters[BACKUP_CODE_LETTERS + 1];
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_true(backup_code_parse(same[i], letters));
        assert_string_equal(letters, "01234ABCDX");
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(backup_code_parse(none[i], letters));
}

static void backup_codes_are_numbered_and_look_like_codes(void **state)
{
    (void)state;
    char code[BACKUP_CODE_SIZE], letters[BACKUP_CODE_LETTERS + 1], start[4];
    int seen[256] = {0};
    for (int i = 1; i <= 2000; i++) {
        assert_true(backup_code_new(i % 99 + 1, code));
        (void)snprintf(start, sizeof start, "%02u-", (unsigned)i % 99 + 1);
        assert_memory_equal(code, start, 3);
        assert_int_equal(strlen(code), 14);
        assert_int_equal(code[8], '-');
        assert_true(backup_code_parse(code, letters));
        for (const char *p = letters; *p != '\0'; p++)
            seen[(unsigned char)*p]++;
    }
    int letters_seen = 0;
    for (int c = 0; c < 256; c++)
        letters_seen += seen[c] > 0;
    assert_int_equal(letters_seen, 32); /* five bits each */
}

/* --- at once --- */

enum { AT_ONCE = 100 };

struct racer {
    struct fleet *f;
    struct try t;
    pthread_barrier_t *start;
    int rc;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    struct err err = {0};
    (void)pthread_barrier_wait(r->start);
    r->rc = db_write(r->f->app.writer, write_try, &r->t, &err);
    return NULL;
}

/* How many of a hundred requests with one code are right. */
static int winners(struct fleet *f, const char *code)
{
    static struct racer racers[AT_ONCE];
    pthread_t threads[AT_ONCE];
    pthread_barrier_t start;
    int count = 0;
    assert_int_equal(pthread_barrier_init(&start, NULL, AT_ONCE), 0);
    for (int i = 0; i < AT_ONCE; i++) {
        racers[i] = (struct racer){.f = f, .t = try_of(f, code), .start = &start};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(racers[i].rc, 0);
        count += racers[i].t.answer.verdict == MFA_RIGHT;
    }
    (void)pthread_barrier_destroy(&start);
    return count;
}

static void of_a_hundred_with_one_code_one_wins(void **state)
{
    struct fleet *f = *state;
    char code[TOTP_DIGITS + 1];
    for (int round = 0; round < 3; round++) {
        clock_fake_advance(&f->clock, 2 * MINUTE);
        code_at(f->clock.now_ms, code);
        assert_int_equal(winners(f, code), 1);
    }
}

static void of_a_hundred_with_one_backup_code_one_wins(void **state)
{
    struct fleet *f = *state;
    struct make m;
    make_codes(&m, f, 10);
    for (int round = 0; round < 3; round++) {
        clock_fake_advance(&f->clock, 16 * MINUTE);
        assert_int_equal(winners(f, m.codes[round]), 1);
    }
}

/* --- set-ups --- */

static void set_up(struct fleet *f, int64_t pending_ms)
{
    char sealed[TOTP_SEALED_SIZE], text[600];
    struct err err = {0};
    expect_ok(totp_seal(f->app.secrets, f->owner, TOTP_PENDING, secret, sealed, &err), &err);
    (void)snprintf(text, sizeof text,
                   "UPDATE user_totp SET secret = NULL, enabled_ms = NULL, pending = '%s', pending_ms = %lld, "
                   "pending_session = '%s'",
                   sealed, (long long)pending_ms, session);
    sql(f, text);
}

static int verify(struct fleet *f, const char *from, enum mfa_verdict *ret)
{
    char code[TOTP_DIGITS + 1];
    code_at(f->clock.now_ms, code);
    struct try t = try_of(f, code);
    struct err err = {0};
    t.what.setup_session = from;
    int rc = db_write(f->app.writer, write_try, &t, &err);
    *ret = t.answer.verdict;
    return rc;
}

static void a_set_up_is_verified_by_the_session_that_made_it(void **state)
{
    struct fleet *f = *state;
    enum mfa_verdict said;
    set_up(f, FLEET_NOW);
    assert_int_equal(verify(f, "another", &said), ERR_CONFLICT);
    assert_int_equal(number(f, "SELECT count(*) FROM user_totp WHERE pending_verified_ms IS NOT NULL"), 0);
    assert_int_equal(verify(f, session, &said), 0);
    assert_int_equal(said, MFA_RIGHT);
    assert_int_equal(number(f, "SELECT count(*) FROM user_totp WHERE pending_verified_ms IS NOT NULL"), 1);
    assert_int_equal(verify(f, session, &said), 0);
    assert_int_equal(said, MFA_REPEATED);
}

static void a_set_up_waits_an_hour(void **state)
{
    struct fleet *f = *state;
    enum mfa_verdict said;
    set_up(f, FLEET_NOW - 60 * MINUTE);
    assert_int_equal(verify(f, session, &said), ERR_CONFLICT);
    set_up(f, FLEET_NOW - 60 * MINUTE + 1);
    assert_int_equal(verify(f, session, &said), 0);
    assert_int_equal(said, MFA_RIGHT);
}

static void a_secret_that_waits_does_not_open_in_the_place_of_one_in_force(void **state)
{
    struct fleet *f = *state;
    struct err err = {0};
    set_up(f, FLEET_NOW);
    sql(f, "UPDATE user_totp SET secret = pending, enabled_ms = 1");
    struct try t = try_of(f, "123456");
    assert_int_equal(db_write(f->app.writer, write_try, &t, &err), ERR_CORRUPT);
}

static void a_set_up_is_no_factor_before_it_is_enabled(void **state)
{
    struct fleet *f = *state;
    set_up(f, FLEET_NOW);
    assert_int_equal(right(f), MFA_WRONG);
}

#define WITH_CODES(test) cmocka_unit_test_setup_teardown(test, setup, fleet_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CODES(a_code_is_good_once_and_then_says_so),
        WITH_CODES(the_code_before_one_that_was_used_is_used_up_too),
        WITH_CODES(blanks_and_dashes_in_a_code_do_not_matter),
        WITH_CODES(a_secret_of_another_person_does_not_open),
        WITH_CODES(who_has_no_factor_is_wrong_whatever_they_type),
        WITH_CODES(the_sixth_try_after_five_wrong_ones_is_not_judged),
        WITH_CODES(a_right_code_after_four_wrong_ones_begins_anew),
        WITH_CODES(a_locked_person_is_told_once_and_the_trail_has_each_wrong_code),
        WITH_CODES(after_nineteen_wrong_ones_a_code_helps_and_after_twenty_none),
        WITH_CODES(a_backup_code_is_good_once),
        WITH_CODES(a_backup_code_ends_a_lock_and_a_row_of_twenty),
        WITH_CODES(new_codes_void_the_old_ones),
        WITH_CODES(of_few_codes_left_one_is_told),
        WITH_CODES(another_persons_backup_code_is_worth_nothing),
        WITH_CODES(codes_outlive_a_rotation_of_the_master_key),
        cmocka_unit_test(a_backup_code_is_read_as_people_write),
        cmocka_unit_test(backup_codes_are_numbered_and_look_like_codes),
        WITH_CODES(of_a_hundred_with_one_code_one_wins),
        WITH_CODES(of_a_hundred_with_one_backup_code_one_wins),
        WITH_CODES(a_set_up_is_verified_by_the_session_that_made_it),
        WITH_CODES(a_set_up_waits_an_hour),
        WITH_CODES(a_secret_that_waits_does_not_open_in_the_place_of_one_in_force),
        WITH_CODES(a_set_up_is_no_factor_before_it_is_enabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
