/* Signing keys by the clock, and refresh tokens at the bounds of their grace. */
#include "fixture_db.h"

#include "app.h"
#include "auth/secrets.h"
#include "common/clock.h"
#include "http/list.h"
#include "token/keys.h"
#include "token/personal.h"
#include "token/refresh.h"
#include "token/token.h"

#define START_MS INT64_C(1800000000000)
#define DAY_MS   (INT64_C(24) * 3600 * 1000)
#define USER     "01900000-dead-7000-8000-000000000001"
#define SESSION  "01900000-dead-7000-8000-000000000002"

struct stage {
    struct fixture *f;
    struct clock_fake clock;
    struct app app;
};

static int setup(void **state)
{
    struct stage *s = calloc(1, sizeof *s);
    struct err err = {0};
    void *fixture = NULL;
    assert_non_null(s);
    assert_int_equal(fixture_setup(&fixture), 0);
    s->f = fixture;
    clock_fake_init(&s->clock, START_MS);
    expect_ok(secrets_init(s->f->dir, &err), &err);
    expect_ok(secrets_load(s->f->dir, &s->app.secrets, &err), &err);
    s->app.writer = s->f->writer;
    s->app.clock = &s->clock.clock;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct stage *s = *state;
    void *fixture = s->f;
    secrets_free(s->app.secrets);
    (void)fixture_teardown(&fixture);
    free(s);
    return 0;
}

static void kid_of_newest(struct stage *s, char ret[ACCESS_KID_SIZE])
{
    struct access_key key;
    struct err err = {0};
    expect_ok(keys_newest(&s->app, s->f->db, &key, &err), &err);
    memcpy(ret, key.kid, sizeof key.kid);
}

static int find(struct stage *s, const char *kid)
{
    struct access_key key;
    struct err err = {0};
    return keys_find(&s->app, s->f->db, kid, &key, &err);
}

static void tick(struct stage *s)
{
    struct err err = {0};
    expect_ok(keys_tick(&s->app, s->clock.now_ms, &err), &err);
}

static void the_first_key_is_made_when_it_is_needed_and_stays(void **state)
{
    struct stage *s = *state;
    char first[ACCESS_KID_SIZE], again[ACCESS_KID_SIZE];
    assert_int_equal(find(s, "0123456789abcdef"), ERR_NOT_FOUND);
    kid_of_newest(s, first);
    tick(s);
    kid_of_newest(s, again);
    assert_string_equal(first, again);
}

static void a_key_is_followed_after_thirty_days(void **state)
{
    struct stage *s = *state;
    char first[ACCESS_KID_SIZE], next[ACCESS_KID_SIZE];
    kid_of_newest(s, first);
    clock_fake_advance(&s->clock, KEYS_ROTATE_DAYS * DAY_MS);
    tick(s);
    kid_of_newest(s, next);
    assert_string_equal(first, next);
    clock_fake_advance(&s->clock, 1);
    tick(s);
    kid_of_newest(s, next);
    assert_string_not_equal(first, next);
}

static void the_key_before_stays_until_its_tokens_have_expired(void **state)
{
    struct stage *s = *state;
    char first[ACCESS_KID_SIZE], next[ACCESS_KID_SIZE];
    struct err err = {0};
    kid_of_newest(s, first);
    clock_fake_advance(&s->clock, DAY_MS);
    expect_ok(keys_rotate(&s->app, &(struct keys_rotation){.actor = "cli:0"}, next, &err), &err);
    clock_fake_advance(&s->clock, KEYS_LINGER_S * 1000 - 1);
    tick(s);
    assert_int_equal(find(s, first), 0);
    clock_fake_advance(&s->clock, 1);
    tick(s);
    assert_int_equal(find(s, first), ERR_NOT_FOUND);
    assert_int_equal(find(s, next), 0);
}

static void a_clock_set_back_signs_with_the_newest_all_the_same(void **state)
{
    struct stage *s = *state;
    char made[ACCESS_KID_SIZE], newest[ACCESS_KID_SIZE];
    struct err err = {0};
    kid_of_newest(s, newest);
    clock_fake_advance(&s->clock, -DAY_MS);
    expect_ok(keys_rotate(&s->app, &(struct keys_rotation){.actor = "cli:0"}, made, &err), &err);
    kid_of_newest(s, newest);
    assert_string_equal(made, newest);
}

static void rotated_at_once_only_the_new_key_is_left(void **state)
{
    struct stage *s = *state;
    char first[ACCESS_KID_SIZE], made[ACCESS_KID_SIZE];
    struct err err = {0};
    kid_of_newest(s, first);
    expect_ok(keys_rotate(&s->app, &(struct keys_rotation){.actor = "cli:0", .at_once = true}, made, &err), &err);
    assert_int_equal(find(s, first), ERR_NOT_FOUND);
    assert_int_equal(find(s, made), 0);
}

static void a_key_that_was_moved_to_another_name_does_not_open(void **state)
{
    struct stage *s = *state;
    char kid[ACCESS_KID_SIZE];
    kid_of_newest(s, kid);
    fixture_script(s->f, "UPDATE jwt_keys SET kid = '0123456789abcdef';");
    assert_int_equal(find(s, "0123456789abcdef"), ERR_CORRUPT);
}

/* --- refresh tokens --- */

static int insert_first(struct db *db, void *ctx, struct err *err)
{
    return refresh_insert_first(db, SESSION, ctx, START_MS, START_MS + 7 * DAY_MS, err);
}

static void begin_family(struct stage *s, char ret_token[TOKEN_SIZE])
{
    struct err err = {0};
    fixture_script(s->f, "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)"
                         " VALUES ('" USER "', 'a@x', 'a@x', 'x', 'viewer', 1, 1);"
                         "INSERT INTO sessions (id_hash, user_id, csrf_token, address, user_agent, created_ms,"
                         " last_used_ms, expires_ms, id, kind) VALUES ('sid:" SESSION "', '" USER
                         "', '', '', '', 1, 1, 1800604800000, '" SESSION "', 'token');");
    assert_true(token_new(TOKEN_REFRESH, token_random, ret_token));
    expect_ok(db_write(s->f->writer, insert_first, ret_token, &err), &err);
}

/* The outcome at that time; the next token is copied out when there is one. */
static enum refresh_outcome redeemed(struct stage *s, const char *token, int64_t now_ms, char ret_next[TOKEN_SIZE])
{
    struct err err = {0};
    struct redemption w = {
        .token = token,
        .now_ms = now_ms,
        .audit_key = secrets_audit_key(s->app.secrets),
        .audit =
            {.time_ms = now_ms, .actor = "anonymous", .action = "token.reuse", .target = "", .address = "192.0.2.1"},
    };
    expect_ok(refresh_prepare(&w, &err), &err);
    expect_ok(db_write(s->f->writer, refresh_redeem, &w, &err), &err);
    if (w.outcome == REFRESH_AGAIN)
        expect_ok(refresh_open(&w, &err), &err);
    if (ret_next != NULL)
        memcpy(ret_next, w.next, TOKEN_SIZE);
    refresh_done(&w);
    return w.outcome;
}

static void within_thirty_seconds_the_same_successor_comes_again(void **state)
{
    struct stage *s = *state;
    char first[TOKEN_SIZE], second[TOKEN_SIZE], again[TOKEN_SIZE];
    begin_family(s, first);
    assert_int_equal(redeemed(s, first, START_MS, second), REFRESH_NEXT);
    assert_int_equal(redeemed(s, first, START_MS + REFRESH_GRACE_MS, again), REFRESH_AGAIN);
    assert_string_equal(second, again);
    assert_int_equal(redeemed(s, first, START_MS - 5, again),
                     REFRESH_AGAIN); /* it began first, and is written second */
    assert_string_equal(second, again);
    assert_int_equal(redeemed(s, second, START_MS + REFRESH_GRACE_MS, NULL), REFRESH_NEXT);
}

static void a_millisecond_later_the_family_ends(void **state)
{
    struct stage *s = *state;
    char first[TOKEN_SIZE], second[TOKEN_SIZE];
    begin_family(s, first);
    assert_int_equal(redeemed(s, first, START_MS, second), REFRESH_NEXT);
    assert_int_equal(redeemed(s, first, START_MS + REFRESH_GRACE_MS + 1, NULL), REFRESH_REUSED);
    assert_int_equal(redeemed(s, second, START_MS + REFRESH_GRACE_MS + 2, NULL), REFRESH_UNKNOWN);
}

static void a_used_successor_ends_the_grace(void **state)
{
    struct stage *s = *state;
    char first[TOKEN_SIZE], second[TOKEN_SIZE];
    begin_family(s, first);
    assert_int_equal(redeemed(s, first, START_MS, second), REFRESH_NEXT);
    assert_int_equal(redeemed(s, second, START_MS + 1, NULL), REFRESH_NEXT);
    assert_int_equal(redeemed(s, first, START_MS + 2, NULL), REFRESH_REUSED);
}

static void nothing_of_the_successor_can_be_read_without_its_predecessor(void **state)
{
    struct stage *s = *state;
    char first[TOKEN_SIZE], second[TOKEN_SIZE];
    struct err err = {0};
    begin_family(s, first);
    assert_int_equal(redeemed(s, first, START_MS, second), REFRESH_NEXT);
    struct redemption thief = {.token = second};
    expect_ok(refresh_prepare(&thief, &err), &err);
    struct db_rows rows;
    char hash[DIGEST_HEX_SIZE];
    digest_token(first, hash);
    assert_int_equal(
        db_query_one(s->f->db, DB_REFRESH_GET, DB_ARGS(DB_TEXT("hash", hash), DB_INT("now", START_MS)), &rows, &err),
        DB_ROW);
    (void)snprintf(thief.sealed_before, sizeof thief.sealed_before, "%s", db_rows_text(&rows, 4));
    db_rows_done(&rows);
    assert_null(strstr(thief.sealed_before, second));
    assert_int_equal(refresh_open(&thief, &err), ERR_CORRUPT);
}

static void a_token_ends_with_its_time_and_with_its_session(void **state)
{
    struct stage *s = *state;
    char first[TOKEN_SIZE];
    begin_family(s, first);
    assert_int_equal(redeemed(s, first, START_MS + 7 * DAY_MS, NULL), REFRESH_UNKNOWN);
    fixture_script(s->f, "UPDATE sessions SET expires_ms = expires_ms + 1;");
    assert_int_equal(redeemed(s, first, START_MS + 7 * DAY_MS, NULL), REFRESH_EXPIRED);
    assert_int_equal(redeemed(s, first, START_MS + 7 * DAY_MS - 1, NULL), REFRESH_NEXT);
}

static int64_t count(struct stage *s, const char *token, bool *ret_sealed)
{
    struct err err = {0};
    struct db_rows rows;
    char hash[DIGEST_HEX_SIZE];
    digest_token(token, hash);
    int rc =
        db_query_one(s->f->db, DB_REFRESH_GET, DB_ARGS(DB_TEXT("hash", hash), DB_INT("now", START_MS)), &rows, &err);
    if (rc != DB_ROW)
        return 0;
    *ret_sealed = !db_rows_null(&rows, 4);
    db_rows_done(&rows);
    return 1;
}

static void the_seal_is_gone_after_the_grace_and_the_token_after_its_time(void **state)
{
    struct stage *s = *state;
    char first[TOKEN_SIZE], second[TOKEN_SIZE];
    bool sealed = false;
    struct token_schedule schedule = {0};
    begin_family(s, first);
    assert_int_equal(redeemed(s, first, START_MS, second), REFRESH_NEXT);
    clock_fake_advance(&s->clock, REFRESH_GRACE_MS);
    token_tick(&s->app, &schedule);
    assert_int_equal(count(s, first, &sealed), 1);
    assert_true(sealed);
    clock_fake_advance(&s->clock, 60 * 1000);
    token_tick(&s->app, &schedule);
    assert_int_equal(count(s, first, &sealed), 1);
    assert_false(sealed);
    fixture_script(s->f, "UPDATE sessions SET expires_ms = expires_ms + 100000;");
    s->clock.now_ms = START_MS + 7 * DAY_MS - 1;
    token_tick(&s->app, &schedule);
    assert_int_equal(count(s, second, &sealed), 1);
    clock_fake_advance(&s->clock, 60 * 1000);
    token_tick(&s->app, &schedule);
    assert_int_equal(count(s, second, &sealed), 0);
}

static void an_expired_personal_token_is_listed_for_thirty_days(void **state)
{
    struct stage *s = *state;
    struct token_schedule schedule = {0};
    struct err err = {0};
    char first[TOKEN_SIZE];
    begin_family(s, first); /* and its user */
    fixture_script(s->f, "INSERT INTO access_tokens (id, user_id, name, token_hash, scopes, created_ms, expires_ms)"
                         " VALUES ('a', '" USER "', 'n', 'h', 'read', 1, 1800000000000);");
    for (int kept = 1; kept >= 0; kept--) {
        s->clock.now_ms = START_MS + PERSONAL_KEPT_DAYS * DAY_MS - kept;
        schedule.due_ms = 0;
        token_tick(&s->app, &schedule);
        const struct db_args args =
            DB_ARGS(DB_TEXT("user", USER), DB_TEXT("state", ""), DB_TEXT("q", ""), DB_INT("now", s->clock.now_ms));
        int64_t count = -1;
        assert_int_equal(db_query_number(s->f->db, DB_ACCESS_TOKEN_PAGE_COUNT, args, &count, &err), 0);
        assert_int_equal(count, kept);
    }
}

/* A token that is written now; its owner was let in a moment ago. */
static int create(struct stage *s, const char *hash)
{
    struct personal_new w = {
        .key = secrets_audit_key(s->app.secrets),
        .audit = {.time_ms = START_MS, .actor = "user:" USER, .action = "token.create", .target = ""},
        .user_id = USER,
        .session_id = SESSION,
        .name = "n",
        .hash = hash,
        .scopes = "read",
        .now_ms = START_MS,
        .expires_ms = START_MS + DAY_MS};
    struct err err = {0};
    memcpy(w.id, hash, strlen(hash) + 1);
    return db_write(s->app.writer, personal_create, &w, &err);
}

static void whoever_is_out_meanwhile_makes_no_personal_token(void **state)
{
    static const char *const out[] = {"UPDATE users SET disabled_ms = 1;", "UPDATE users SET deleted_ms = 1;",
                                      "DELETE FROM sessions;"};
    struct stage *s = *state;
    char first[TOKEN_SIZE];
    begin_family(s, first); /* and its user */
    assert_int_equal(create(s, "in"), 0);
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        fixture_script(s->f, out[i]);
        assert_int_equal(create(s, "out"), ERR_DENIED);
        fixture_script(s->f, "UPDATE users SET disabled_ms = NULL, deleted_ms = NULL;");
    }
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STAGE(the_first_key_is_made_when_it_is_needed_and_stays),
        ON_STAGE(a_key_is_followed_after_thirty_days),
        ON_STAGE(the_key_before_stays_until_its_tokens_have_expired),
        ON_STAGE(a_clock_set_back_signs_with_the_newest_all_the_same),
        ON_STAGE(rotated_at_once_only_the_new_key_is_left),
        ON_STAGE(a_key_that_was_moved_to_another_name_does_not_open),
        ON_STAGE(within_thirty_seconds_the_same_successor_comes_again),
        ON_STAGE(a_millisecond_later_the_family_ends),
        ON_STAGE(a_used_successor_ends_the_grace),
        ON_STAGE(nothing_of_the_successor_can_be_read_without_its_predecessor),
        ON_STAGE(a_token_ends_with_its_time_and_with_its_session),
        ON_STAGE(an_expired_personal_token_is_listed_for_thirty_days),
        ON_STAGE(whoever_is_out_meanwhile_makes_no_personal_token),
        ON_STAGE(the_seal_is_gone_after_the_grace_and_the_token_after_its_time),
    };
    return cmocka_run_group_tests_name("token keys", tests, NULL, NULL);
}
