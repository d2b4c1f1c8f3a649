/* fixture_fleet.h: a database with an owner in it, and as much of the app as the fleet's own modules need. */
#ifndef MUSTER_TESTS_FIXTURE_FLEET_H
#define MUSTER_TESTS_FIXTURE_FLEET_H

#include "fixture_db.h"

#include "app.h"
#include "auth/auth.h"
#include "auth/digest.h"
#include "auth/secrets.h"
#include "common/arena.h"
#include "fleet/agents.h"
#include "fleet/presence_entry.h"

#define FLEET_NOW INT64_C(1750000000000)

struct fleet {
    struct fixture *base;
    struct clock_fake clock;
    struct settings settings;
    struct app app;
    struct arena *arena;
    char owner[UUID_SIZE];
};

static inline int fleet_add_owner(struct db *db, void *ctx, struct err *err)
{
    struct fleet *f = ctx;
    struct auth_user_new user = {
        .email = "owner@example.org",
        .role = ROLE_ADMIN,
        .password_hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g",
        .actor = "cli:0",
        .now_ms = FLEET_NOW,
    };
    return auth_user_create(db, secrets_audit_key(f->app.secrets), &user, f->owner, err);
}

static inline int fleet_setup(void **state)
{
    struct fleet *f = calloc(1, sizeof *f);
    struct err err = {0};
    void *base = NULL;
    assert_non_null(f);
    (void)fixture_setup(&base);
    f->base = base;
    clock_fake_init(&f->clock, FLEET_NOW);
    f->settings.db_path = f->base->path;
    f->settings.log_retention_days = 30;
    f->settings.poll_interval_s = 30;
    f->app.settings = &f->settings;
    f->app.clock = &f->clock.clock;
    f->app.writer = f->base->writer;
    f->app.presence = presence_new();
    f->arena = arena_new(1 << 20);
    assert_non_null(f->app.presence);
    assert_non_null(f->arena);
    expect_ok(secrets_init(f->base->dir, &err), &err);
    expect_ok(secrets_load(f->base->dir, &f->app.secrets, &err), &err);
    expect_ok(db_write(f->app.writer, fleet_add_owner, f, &err), &err);
    *state = f;
    return 0;
}

static inline int fleet_teardown(void **state)
{
    struct fleet *f = *state;
    void *base = f->base;
    presence_free(f->app.presence);
    secrets_free(f->app.secrets);
    arena_free(f->arena);
    (void)fixture_teardown(&base);
    free(f);
    return 0;
}

/* The agent as people see it. */
static inline json_t *fleet_agent_json(struct fleet *f, const char *id)
{
    struct err err = {0};
    json_t *agent = NULL;
    expect_ok(agent_json(f->base->db, id, clock_now_ms(f->app.clock), &agent, &err), &err);
    return agent;
}

static inline void expect_status(struct fleet *f, const char *id, const char *status)
{
    json_t *agent = fleet_agent_json(f, id);
    assert_string_equal(json_string_value(json_object_get(agent, "status")), status);
    json_decref(agent);
}

static inline int fleet_write_act(struct db *db, void *ctx, struct err *err)
{
    return agent_change(db, ctx, err);
}

static inline void fleet_act(struct fleet *f, enum agent_act act, const char *id)
{
    struct err err = {0};
    struct agent_change change = {
        .act = act,
        .id = id,
        .key = secrets_audit_key(f->app.secrets),
        .audit = {.time_ms = clock_now_ms(f->app.clock), .actor = "cli:0"},
    };
    expect_ok(db_write(f->app.writer, fleet_write_act, &change, &err), &err);
}

#endif
