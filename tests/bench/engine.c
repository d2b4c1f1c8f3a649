/* engine: how long the steps of the rollout engine hold the writer with a hundred thousand agents in the database.
 *
 *     engine [AGENTS]
 *
 * Each line of standard output that begins with a brace is {"name", "steps", "most_ms", "sum_ms"}: processor time of
 * the closures that a situation gave the writer, commits not counted. With ENGINE_STATEMENTS set, the statements that
 * took longest go to standard error. */
#include "fixture_rollout.h"

#include <time.h>

/* --- the writer's closures, timed (linked with --wrap=db_write) --- */

static struct {
    int steps;
    double most_ms, sum_ms;
} seen;

struct timed {
    db_write_fn *fn;
    void *ctx;
};

static double used_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* others on this machine shall not count */
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int run_timed(struct db *db, void *ctx, struct err *err)
{
    const struct timed *t = ctx;
    double start = used_ms();
    int rc = t->fn(db, t->ctx, err);
    double ms = used_ms() - start;
    seen.steps++;
    seen.sum_ms += ms;
    if (ms > seen.most_ms)
        seen.most_ms = ms;
    return rc;
}

int __real_db_write(struct db_writer *w, db_write_fn *fn, void *ctx, struct err *err);
int __wrap_db_write(struct db_writer *w, db_write_fn *fn, void *ctx, struct err *err);
int __wrap_db_write(struct db_writer *w, db_write_fn *fn, void *ctx, struct err *err)
{
    struct timed t = {fn, ctx};
    return __real_db_write(w, run_timed, &t, err);
}

/* --- statements --- */

enum { STATEMENTS_MAX = 400, STATEMENTS_SHOWN = 4 };

static struct statement {
    char text[70];
    double ms;
    int runs;
} statements[STATEMENTS_MAX];

static int on_profile(unsigned kind, void *ctx, void *statement, void *ns)
{
    const char *text = sqlite3_sql(statement);
    (void)kind;
    (void)ctx;
    for (struct statement *s = statements; text != NULL && s < statements + STATEMENTS_MAX; s++) {
        if (s->runs > 0 && strncmp(s->text, text, sizeof s->text - 1) != 0)
            continue;
        (void)snprintf(s->text, sizeof s->text, "%s", text);
        s->ms += (double)*(sqlite3_int64 *)ns / 1e6;
        s->runs++;
        break;
    }
    return 0;
}

static int on_open(sqlite3 *db, char **ret_error, const struct sqlite3_api_routines *api)
{
    (void)ret_error;
    (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, on_profile, NULL);
}

static int longer(const void *a, const void *b)
{
    double x = ((const struct statement *)a)->ms, y = ((const struct statement *)b)->ms;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void told(const char *name)
{
    (void)printf("{\"name\":\"%s\",\"steps\":%d,\"most_ms\":%.1f,\"sum_ms\":%.1f}\n", name, seen.steps, seen.most_ms,
                 seen.sum_ms);
    (void)fflush(stdout);
    qsort(statements, STATEMENTS_MAX, sizeof statements[0], longer);
    for (int i = 0; getenv("ENGINE_STATEMENTS") != NULL && i < STATEMENTS_SHOWN && statements[i].runs > 0; i++) {
        for (char *c = statements[i].text; *c != '\0'; c++)
            *c = *c == '\n' ? ' ' : *c;
        (void)fprintf(stderr, "    %9.1f ms %7d x %s\n", statements[i].ms, statements[i].runs, statements[i].text);
    }
}

static void forget(void)
{
    memset(&seen, 0, sizeof seen);
    memset(statements, 0, sizeof statements);
}

/* --- situations --- */

static int agents = 100000;

static void step(struct fleet *f, const char *name)
{
    forget();
    tick(f);
    told(name);
}

static int write_act(struct db *db, void *ctx, struct err *err)
{
    return act_change(db, ctx, err);
}

static void act(struct fleet *f, const char *id, enum rollout_act what, const char *name)
{
    struct err err = {0};
    struct rollout_change change = {
        .audit_key = secrets_audit_key(f->app.secrets),
        .audit = {.time_ms = f->clock.now_ms, .actor = "cli:0", .address = "", .request_id = ""},
        .act = what,
        .id = id,
        .now_ms = f->clock.now_ms};
    forget();
    expect_ok(db_write(f->app.writer, write_act, &change, &err), &err);
    told(name);
}

static void later(struct fleet *f, int64_t ms)
{
    clock_fake_advance(&f->clock, ms);
    everybody_beats(f);
}

static void a_hundred_thousand_agents(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 50);
    add_agents(f, 0, agents, "0.1.0");
    add_release(f, "0.2.0", "");
    char id[UUID_SIZE];
    (void)snprintf(id, sizeof id, "%s", begin(f, "0.2.0", &plan));
    step(f, "members found, 50 offered");
    later(f, 5000);
    step(f, "50 under way, nothing happens");
    later(f, 600000);
    step(f, "members looked for once more");
    sql(f, "UPDATE rollouts SET max_in_flight = 100000");
    later(f, 5000);
    step(f, "all offered");
    later(f, 5000);
    step(f, "all under way, nothing happens");
    later(f, 30000);
    step(f, "all under way, after an outage");
    act(f, id, ACT_PAUSE, "paused with all under way");
    step(f, "paused, the rest of it");
    later(f, 5000);
    step(f, "paused, nothing happens");
    act(f, id, ACT_RESUME, "resumed");
    later(f, 1000);
    step(f, "all offered again");
    sql(f, "UPDATE rollouts SET fail_percent = NULL");
    sql(f, "UPDATE rollout_members SET deadline_ms = 1");
    step(f, "all overdue");
    later(f, 1000);
    step(f, "all overdue, next");
    sql(f, "UPDATE rollout_members SET state = 'committed', deadline_ms = NULL");
    sql(f, "UPDATE agent_updates SET offer_rollout_id = NULL, offer_version = NULL");
    later(f, 5000);
    step(f, "all committed");
    later(f, 31000);
    step(f, "done, nothing happens");
    later(f, 600000);
    step(f, "done, members looked for once more");
    sql(f, "UPDATE releases SET downgrade = 1");
    add_release(f, "0.1.0", "");
    sql(f, "UPDATE releases SET downgrade = 1");
    sql(f, "UPDATE rollouts SET previous_version = '0.1.0'");
    act(f, id, ACT_ROLLBACK, "rolled back with all committed");
    later(f, 1000);
    sql(f, "UPDATE agents SET version = '0.2.0'");
    step(f, "all offered the way back");
    act(f, id, ACT_ABORT, "aborted");
    step(f, "aborted, the rest of it");
}

static void agents_that_are_away(void **state)
{
    struct fleet *f = *state;
    struct rollout_plan plan = plan_of(100, 50);
    add_agents(f, 0, agents, "0.1.0");
    sql(f, "UPDATE agents SET last_seen_ms = 1, offline_after_ms = 2");
    add_release(f, "0.2.0", "");
    char id[UUID_SIZE];
    (void)snprintf(id, sizeof id, "%s", begin(f, "0.2.0", &plan));
    step(f, "away: members found");
    clock_fake_advance(&f->clock, 5000);
    step(f, "away: nothing happens");
    clock_fake_advance(&f->clock, 600000);
    step(f, "away: members looked for once more");
    act(f, id, ACT_ABORT, "away: aborted");
    add_release(f, "0.3.0", "0.1.5");
    step(f, "a minimum is set");
    clock_fake_advance(&f->clock, 5000);
    step(f, "a minimum, nothing happens");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        agents = atoi(argv[1]);
    (void)sqlite3_auto_extension((void (*)(void))on_open);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hundred_thousand_agents, fleet_setup, fleet_teardown),
        cmocka_unit_test_setup_teardown(agents_that_are_away, fleet_setup, fleet_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
