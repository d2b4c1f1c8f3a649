#include "fleet/retention.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "db/writer.h"
#include "policy/policy.h"

enum {
    EVERY_MS = 3600 * 1000,
    AGENTS_A_STEP = 200,
    ROWS_A_WRITE = 1000,
    WRITES_A_STEP = 10,
    LOOK_MS = 200, /* counting to logs.rows takes milliseconds for each agent that has so many */
};

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* Everything of an agent up to and with this event goes. */
struct doom {
    char agent_id[UUID_SIZE];
    int64_t received_ms;
    char epoch[40];
    int64_t seq;
};

struct step {
    struct db *db; /* for reading */
    int64_t before_ms;
    int64_t keep_rows; /* 0: all */
    int64_t until_ms;  /* monotonic: no further agent is looked at then */
    size_t count;      /* agents of this step */
    char ids[AGENTS_A_STEP][UUID_SIZE];
    size_t doomed;
    struct doom list[AGENTS_A_STEP];
    int64_t deleted; /* by the last write */
};

bool fleet_due(int64_t *at_ms, int64_t now_ms, int64_t every_ms)
{
    if (now_ms < *at_ms && *at_ms - now_ms <= every_ms)
        return false;
    *at_ms = now_ms + every_ms;
    return true;
}

/* --- what is to go --- */

static int read_agents(struct step *s, const char *after, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(s->db, DB_AGENT_IDS_AFTER, DB_ARGS(DB_TEXT("after", after), DB_INT("limit", AGENTS_A_STEP)),
                      &rows, err);
    while (rc == 0 && s->count < AGENTS_A_STEP && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        const char *id = db_rows_text(&rows, 0);
        (void)snprintf(s->ids[s->count++], UUID_SIZE, "%s", id != NULL ? id : "");
        rc = 0;
    }
    db_rows_done(&rows);
    return rc;
}

static void take_doom(struct step *s, const char *agent_id, const struct db_rows *rows)
{
    struct doom *doom = &s->list[s->doomed++];
    const char *epoch = db_rows_text(rows, 1);
    (void)snprintf(doom->agent_id, sizeof doom->agent_id, "%s", agent_id);
    (void)snprintf(doom->epoch, sizeof doom->epoch, "%s", epoch != NULL ? epoch : "");
    doom->received_ms = db_rows_int(rows, 0, 0);
    doom->seq = db_rows_int(rows, 2, 0);
}

static bool is_later(const struct doom *a, const struct doom *b)
{
    if (a->received_ms != b->received_ms)
        return a->received_ms > b->received_ms;
    int order = strcmp(a->epoch, b->epoch);
    return order != 0 ? order > 0 : a->seq > b->seq;
}

/* The newest of its events that goes: the later of the last one that is too old and the first one that is too many. */
static int find_doom(struct step *s, const char *agent_id, struct err *err)
{
    struct db_rows rows;
    size_t before = s->doomed;
    int rc = db_query_one(s->db, DB_EVENT_LAST_BEFORE,
                          DB_ARGS(DB_TEXT("agent", agent_id), DB_INT("before", s->before_ms)), &rows, err);
    if (rc == DB_ROW) {
        take_doom(s, agent_id, &rows);
        db_rows_done(&rows);
    }
    if (rc < 0 || s->keep_rows == 0)
        return rc < 0 ? rc : 0;
    rc = db_query_one(s->db, DB_EVENT_NTH_NEWEST, DB_ARGS(DB_TEXT("agent", agent_id), DB_INT("nth", s->keep_rows)),
                      &rows, err);
    if (rc != DB_ROW)
        return rc;
    struct doom old = s->list[before];
    bool was = s->doomed > before;
    s->doomed = before;
    take_doom(s, agent_id, &rows);
    db_rows_done(&rows);
    if (was && is_later(&old, &s->list[before]))
        s->list[before] = old;
    return 0;
}

/* --- deleting it --- */

/* At most ROWS_A_WRITE, from the agents whose turn it is; an agent with nothing left is taken off the list. */
static int delete_some(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    size_t doomed = s->doomed;
    int rc = 0;
    s->deleted = 0;
    while (rc == 0 && doomed > 0 && s->deleted < ROWS_A_WRITE) {
        const struct doom *doom = &s->list[doomed - 1];
        int64_t limit = ROWS_A_WRITE - s->deleted, changes = 0;
        rc = db_exec(db, DB_EVENT_DELETE_SOME,
                     DB_ARGS(DB_TEXT("agent", doom->agent_id), DB_INT("received_ms", doom->received_ms),
                             DB_TEXT("epoch", doom->epoch), DB_INT("seq", doom->seq), DB_INT("limit", limit)),
                     &changes, err);
        s->deleted += changes;
        doomed -= changes < limit;
    }
    if (rc == 0)
        s->doomed = doomed;
    return rc;
}

static int delete_rest(struct db *db, void *ctx, struct err *err)
{
    const struct step *s = ctx;
    int rc = db_exec(db, DB_COMMAND_DELETE_BEFORE, DB_ARGS(DB_INT("before", s->before_ms)), NULL, err);
    return rc != 0 ? rc : db_exec(db, DB_OTP_DELETE_BEFORE, DB_ARGS(DB_INT("before", s->before_ms)), NULL, err);
}

/* *ret_done: all that these agents have too much is gone. */
static int delete_doomed(struct app *app, struct step *s, bool *ret_done, struct err *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < WRITES_A_STEP && s->doomed > 0; i++)
        rc = db_write(app->writer, delete_some, s, err);
    *ret_done = s->doomed == 0;
    return rc;
}

/* --- rounds --- */

static int step(struct app *app, struct presence_chores *chores, struct step *s, struct err *err)
{
    bool done = false, more;
    int rc = read_agents(s, chores->retention_after, err);
    more = s->count == AGENTS_A_STEP;
    for (size_t i = 0; rc == 0 && i < s->count; i++) {
        rc = find_doom(s, s->ids[i], err);
        if (clock_monotonic_ms(app->clock) < s->until_ms)
            continue;
        more |= i + 1 < s->count;
        s->count = i + 1;
    }
    if (rc == 0)
        rc = delete_doomed(app, s, &done, err);
    if (rc == 0 && done && chores->retention_after[0] == '\0')
        rc = db_write(app->writer, delete_rest, s, err);
    if (rc != 0 || !done)
        return rc; /* the same agents once more */
    chores->retention_runs = more;
    (void)snprintf(chores->retention_after, UUID_SIZE, "%s", chores->retention_runs ? s->ids[s->count - 1] : "");
    return 0;
}

int fleet_retention(struct app *app, struct presence_chores *chores, int64_t now_ms, struct err *err)
{
    struct policy policy;
    policy_get(app, chores->db, &policy);
    int64_t days = policy.log_days > 0 ? policy.log_days : app->settings->log_retention_days;
    bool changed = days != chores->retention_days || policy.log_rows != chores->retention_rows;
    bool due = fleet_due(&chores->retention_due_ms, now_ms, EVERY_MS);
    if (changed)
        chores->retention_after[0] = '\0';
    if (!changed && !due && !chores->retention_runs)
        return 0;
    chores->retention_days = days;
    chores->retention_rows = policy.log_rows;
    chores->retention_runs = true;
    struct step s = {.db = chores->db,
                     .before_ms = now_ms - days * DAY_MS,
                     .keep_rows = policy.log_rows,
                     .until_ms = clock_monotonic_ms(app->clock) + LOOK_MS};
    return step(app, chores, &s, err);
}
