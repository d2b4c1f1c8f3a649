/* The rules about people's accounts, as the writes themselves hold them. */
#include "fixture_fleet.h"

#include "auth/users.h"
#include "fleet/fleet.h"
#include "people/invitation.h"
#include "people/person.h"

#define DAY_MS   (INT64_C(24) * 60 * 60 * 1000)
#define GRACE_MS (7 * DAY_MS)
#define HASH     "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g"
#define AGENT    "0193a000-0000-7000-8000-000000000001"
#define OFF      "0193a000-0000-7000-8000-000000000002"

static struct person_act act_on(struct fleet *f, const char *id, int64_t now_ms)
{
    return (struct person_act){
        .key = secrets_audit_key(f->app.secrets), .audit = {.time_ms = now_ms, .actor = "cli:0"}, .id = id};
}

struct adding {
    struct fleet *f;
    const char *email;
    enum role role;
    char *id;
};

static int write_user(struct db *db, void *ctx, struct err *err)
{
    struct adding *a = ctx;
    struct auth_user_new user = {
        .email = a->email, .role = a->role, .password_hash = HASH, .actor = "cli:0", .now_ms = FLEET_NOW};
    return auth_user_create(db, secrets_audit_key(a->f->app.secrets), &user, a->id, err);
}

static void add_user(struct fleet *f, const char *email, enum role role, char id[UUID_SIZE])
{
    struct adding a = {f, email, role, id};
    struct err err = {0};
    expect_ok(db_write(f->app.writer, write_user, &a, &err), &err);
}

static int change(struct fleet *f, const char *id, enum role role, enum person_switch enable)
{
    struct person_change c = {.act = act_on(f, id, FLEET_NOW), .role = role, .enable = enable};
    struct err err = {0};
    return db_write(f->app.writer, person_change, &c, &err);
}

static int delete_at(struct fleet *f, const char *id, int64_t now_ms)
{
    struct person_delete d = {.act = act_on(f, id, now_ms), .grace_ms = GRACE_MS};
    struct err err = {0};
    return db_write(f->app.writer, person_delete, &d, &err);
}

static int restore_at(struct fleet *f, const char *id, int64_t now_ms)
{
    struct person_act act = act_on(f, id, now_ms);
    struct err err = {0};
    return db_write(f->app.writer, person_restore, &act, &err);
}

static int64_t number(struct fleet *f, enum db_statement statement, struct db_args args)
{
    struct db_rows rows;
    struct err err = {0};
    int rc = db_query_one(f->base->db, statement, args, &rows, &err);
    assert_int_equal(rc, DB_ROW);
    int64_t n = db_rows_int(&rows, 0, -1);
    db_rows_done(&rows);
    return n;
}

/* --- the last admin --- */

static void the_last_admin_stays_an_admin(void **state)
{
    struct fleet *f = *state;
    char other[UUID_SIZE];
    assert_int_equal(change(f, f->owner, ROLE_OPERATOR, PERSON_AS_IS), ERR_CONFLICT);
    assert_int_equal(change(f, f->owner, ROLE_NONE, PERSON_DISABLE), ERR_CONFLICT);
    assert_int_equal(delete_at(f, f->owner, FLEET_NOW), ERR_CONFLICT);
    add_user(f, "other@example.org", ROLE_ADMIN, other);
    assert_int_equal(change(f, f->owner, ROLE_OPERATOR, PERSON_AS_IS), 0);
    assert_int_equal(change(f, other, ROLE_OPERATOR, PERSON_AS_IS), ERR_CONFLICT);
}

static void an_admin_who_is_disabled_or_deleted_counts_for_none(void **state)
{
    struct fleet *f = *state;
    char other[UUID_SIZE];
    add_user(f, "other@example.org", ROLE_ADMIN, other);
    assert_int_equal(change(f, other, ROLE_NONE, PERSON_DISABLE), 0);
    assert_int_equal(change(f, f->owner, ROLE_VIEWER, PERSON_AS_IS), ERR_CONFLICT);
    assert_int_equal(change(f, other, ROLE_NONE, PERSON_ENABLE), 0);
    assert_int_equal(delete_at(f, other, FLEET_NOW), 0);
    assert_int_equal(change(f, f->owner, ROLE_VIEWER, PERSON_AS_IS), ERR_CONFLICT);
    assert_int_equal(restore_at(f, other, FLEET_NOW + 1), 0);
    assert_int_equal(change(f, f->owner, ROLE_VIEWER, PERSON_AS_IS), 0);
}

static void who_is_nobody_cannot_be_changed(void **state)
{
    struct fleet *f = *state;
    assert_int_equal(change(f, AGENT, ROLE_VIEWER, PERSON_AS_IS), ERR_NOT_FOUND);
    assert_int_equal(delete_at(f, AGENT, FLEET_NOW), ERR_NOT_FOUND);
    assert_int_equal(restore_at(f, f->owner, FLEET_NOW), ERR_CONFLICT);
}

/* --- deleting --- */

static bool is_off(struct fleet *f, const char *agent_id)
{
    struct err err = {0};
    int rc = fleet_agent_live(f->base->db, agent_id, &err);
    assert_true(rc == 0 || rc == ERR_DENIED);
    return rc == ERR_DENIED;
}

static void with_agents(struct fleet *f, const char *user_id)
{
    char sql[800];
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms, deactivated_ms)"
        " VALUES ('" AGENT "', 'a', 'a', '%s', 'k1', 1, 1, NULL), ('" OFF "', 'b', 'b', '%s', 'k2', 1, 1, 5)",
        user_id, user_id);
    fixture_script(f->base, sql);
}

static void a_deletion_is_taken_back_until_its_grace_is_over(void **state)
{
    struct fleet *f = *state;
    char id[UUID_SIZE];
    add_user(f, "ada@example.org", ROLE_OPERATOR, id);
    with_agents(f, id);
    assert_int_equal(delete_at(f, id, FLEET_NOW), 0);
    assert_int_equal(delete_at(f, id, FLEET_NOW), ERR_CONFLICT);
    assert_true(is_off(f, AGENT) && is_off(f, OFF));
    assert_int_equal(restore_at(f, id, FLEET_NOW + GRACE_MS), ERR_CONFLICT);
    assert_int_equal(restore_at(f, id, FLEET_NOW + GRACE_MS - 1), 0);
    assert_false(is_off(f, AGENT));
    assert_true(is_off(f, OFF));
}

static int write_agent_change(struct db *db, void *ctx, struct err *err)
{
    return agent_change(db, ctx, err);
}

static void the_agents_of_the_deleted_cannot_be_activated(void **state)
{
    struct fleet *f = *state;
    char id[UUID_SIZE];
    struct err err = {0};
    add_user(f, "ada@example.org", ROLE_OPERATOR, id);
    with_agents(f, id);
    assert_int_equal(delete_at(f, id, FLEET_NOW), 0);
    struct agent_change activate = {.act = AGENT_ACTIVATE,
                                    .id = AGENT,
                                    .key = secrets_audit_key(f->app.secrets),
                                    .audit = {.time_ms = FLEET_NOW, .actor = "cli:0"}};
    assert_int_equal(db_write(f->app.writer, write_agent_change, &activate, &err), ERR_CONFLICT);
    assert_true(is_off(f, AGENT));
}

/* --- invitations --- */

static int invite(struct fleet *f, const char *email, struct invitation *ret)
{
    struct invitation_new want = {.act = act_on(f, NULL, FLEET_NOW), .email = email, .role = ROLE_VIEWER};
    struct err err = {0};
    return invitation_create(&f->app, &want, ret, &err);
}

static int accept_at(struct fleet *f, const char *token, int64_t now_ms)
{
    struct invitation_accept a = {.key = secrets_audit_key(f->app.secrets),
                                  .audit = {.time_ms = now_ms},
                                  .token = token,
                                  .name = "New",
                                  .password_hash = HASH};
    struct err err = {0};
    return db_write(f->app.writer, invitation_accept, &a, &err);
}

static void a_link_is_good_once_and_for_a_day(void **state)
{
    struct fleet *f = *state;
    struct invitation early, late;
    assert_int_equal(invite(f, "early@example.org", &early), 0);
    assert_int_equal(invite(f, "late@example.org", &late), 0);
    assert_int_equal(accept_at(f, late.token, FLEET_NOW + DAY_MS), ERR_NOT_FOUND);
    assert_int_equal(accept_at(f, early.token, FLEET_NOW + DAY_MS - 1), 0);
    assert_int_equal(accept_at(f, early.token, FLEET_NOW + DAY_MS - 1), ERR_NOT_FOUND);
}

static void the_link_before_is_void(void **state)
{
    struct fleet *f = *state;
    struct invitation first, second;
    assert_int_equal(invite(f, "ada@example.org", &first), 0);
    assert_int_equal(invite(f, "ADA@example.org", &second), 0);
    assert_int_equal(accept_at(f, first.token, FLEET_NOW), ERR_NOT_FOUND);
    assert_int_equal(accept_at(f, second.token, FLEET_NOW), 0);
    assert_int_equal(invite(f, "ada@example.org", &first), ERR_CONFLICT);
    assert_int_equal(invite(f, "no address", &first), ERR_INVALID);
}

/* Whoever was an admin when the request was let in. */
static int invite_by(struct fleet *f, const char *user_id, const char *email)
{
    struct invitation_new want = {.act = act_on(f, NULL, FLEET_NOW), .email = email, .role = ROLE_ADMIN};
    struct invitation made;
    struct err err = {0};
    char actor[5 + UUID_SIZE];
    (void)snprintf(actor, sizeof actor, "user:%s", user_id);
    want.act.audit.actor = actor;
    return invitation_create(&f->app, &want, &made, &err);
}

static void whoever_is_no_admin_any_more_invites_nobody(void **state)
{
    struct fleet *f = *state;
    struct invitation before;
    char id[UUID_SIZE];
    add_user(f, "boss@example.org", ROLE_ADMIN, id);
    assert_int_equal(invite_by(f, id, "ada@example.org"), 0);
    assert_int_equal(invite(f, "bob@example.org", &before), 0);
    assert_int_equal(change(f, id, ROLE_OPERATOR, PERSON_AS_IS), 0);
    assert_int_equal(invite_by(f, id, "bob@example.org"), ERR_DENIED);
    assert_int_equal(accept_at(f, before.token, FLEET_NOW), 0); /* nothing of it has happened */
    assert_int_equal(change(f, id, ROLE_ADMIN, PERSON_DISABLE), 0);
    assert_int_equal(invite_by(f, id, "cid@example.org"), ERR_DENIED);
    assert_int_equal(change(f, id, ROLE_NONE, PERSON_ENABLE), 0);
    assert_int_equal(invite_by(f, id, "cid@example.org"), 0);
    assert_int_equal(delete_at(f, id, FLEET_NOW), 0);
    assert_int_equal(invite_by(f, id, "dan@example.org"), ERR_DENIED);
}

static void a_failed_accept_uses_nothing_up(void **state)
{
    struct fleet *f = *state;
    struct invitation made;
    char id[UUID_SIZE];
    assert_int_equal(invite(f, "ada@example.org", &made), 0);
    struct invitation_accept a = {.key = secrets_audit_key(f->app.secrets),
                                  .audit = {.time_ms = FLEET_NOW},
                                  .token = made.token,
                                  .name = "New",
                                  .password_hash = "not a hash"};
    struct err err = {0};
    assert_int_equal(db_write(f->app.writer, invitation_accept, &a, &err), ERR_INVALID);
    assert_int_equal(accept_at(f, made.token, FLEET_NOW), 0);
    expect_ok(person_resolve(f->base->db, "ada@example.org", id, &err), &err);
    assert_int_equal(number(f, DB_PEOPLE_COUNT, DB_ARGS(DB_TEXT("q", ""), DB_TEXT("role", ""), DB_TEXT("state", ""))),
                     2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fleet_setup, fleet_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_last_admin_stays_an_admin),
        TEST(an_admin_who_is_disabled_or_deleted_counts_for_none),
        TEST(who_is_nobody_cannot_be_changed),
        TEST(a_deletion_is_taken_back_until_its_grace_is_over),
        TEST(the_agents_of_the_deleted_cannot_be_activated),
        TEST(a_link_is_good_once_and_for_a_day),
        TEST(whoever_is_no_admin_any_more_invites_nobody),
        TEST(the_link_before_is_void),
        TEST(a_failed_accept_uses_nothing_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
