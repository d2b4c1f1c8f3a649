/* rollout.h: rollouts: which agents get which release, in which order, and what they say of it. The one header other
 * parts include for that.
 *
 * A rollout's members are the agents of its target. The engine (rollout_tick) offers the release to them stage by
 * stage: an offer is a row in agent_updates, which the presence table holds with the agent's other facts and every
 * heartbeat's reply repeats until the agent has come to an end. What the agent says of it comes with its heartbeats
 * and is written when it says something new. Nothing that decides is in memory alone. */
#ifndef MUSTER_ROLLOUT_H
#define MUSTER_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli.h"
#include "common/err.h"
#include "common/jsonread.h"
#include "common/uuid.h"
#include "db/db.h"

struct app;
struct req;

/* --- what agents say --- */

enum update_state {
    UPDATE_IDLE,
    UPDATE_OFFERED,
    UPDATE_WAITING,
    UPDATE_DOWNLOADING,
    UPDATE_VERIFYING,
    UPDATE_TRIAL,
    UPDATE_COMMITTED,
    UPDATE_RESTORED,
    UPDATE_SKIPPED,
    UPDATE_FAILED,
    UPDATE_AVAILABLE,
    UPDATE_STATE_COUNT
};
const char *update_state_name(enum update_state state);
extern const char *const update_state_names[]; /* ended by NULL */

enum { UPDATE_VERSION_SIZE = 65, UPDATE_REASON_SIZE = 301, UPDATE_WORKLOAD_SIZE = 201, UPDATE_NO_PERCENT = -1 };

struct update_report {
    enum update_state state;
    int percent; /* or UPDATE_NO_PERCENT */
    char version[UPDATE_VERSION_SIZE];
    char rollout_id[UUID_SIZE];
    char workload[UPDATE_WORKLOAD_SIZE];
    char reason[UPDATE_REASON_SIZE];
};

/* Reads the object `update` of a heartbeat; a body without one leaves an idle report. What is wrong goes to body. */
void update_report_read(struct jsonread *body, struct update_report *ret);

/* The report that columns of agent_updates hold, from `first` on: state, version, percent, reason, rollout_id,
 * workload. A row of nothing is an idle report. */
void update_report_of_row(const struct db_rows *rows, int first, struct update_report *ret);

/* Whether b is worth writing when a is what is written: anything but a percentage that moved by less than ten. */
bool update_report_differs(const struct update_report *a, const struct update_report *b);

/* Inside a write closure: stores what an agent says, adds to its history, and moves the member it is about. One struct
 * for all reports of a closure. */
struct update_write {
    int64_t now_ms;
    int64_t rev; /* 0; the revision of the offers that ended, once there are any */
};
int update_report_store(struct db *db, struct update_write *write, const char *agent_id, const char *current_version,
                        const struct update_report *report, struct err *err) MUSTER_NODISCARD;

/* Inside a write closure: an agent is heard of again that was offline. Rollouts that would have offered it something
 * meanwhile come back to it. */
int update_agent_back(struct db *db, struct update_write *write, const char *agent_id,
                      struct err *err) MUSTER_NODISCARD;

/* --- what agents are told --- */

struct update_offer {
    char version[UPDATE_VERSION_SIZE];
    char rollout_id[UUID_SIZE];
    int64_t not_before_ms;
    bool force, downgrade;
};

/* The offer that columns of agent_updates hold, from `first` on: rollout id, version, not before, force, downgrade.
 * False: there is none. */
bool update_offer_of_row(const struct db_rows *rows, int first, struct update_offer *ret);

/* Offers one agent a version, as the signed-in person, who may see it; audited. ret_rollout_id: by what it is done.
 * ERR_CONFLICT says why not. Blocks. */
int rollout_order_agent(struct req *r, const char *agent_id, const char *version, char ret_rollout_id[UUID_SIZE],
                        struct err *err) MUSTER_NODISCARD;

/* --- the engine --- */

/* Memory of one thread between two ticks: when there is something to do again. Zeroed at first. */
struct rollout_schedule {
    struct db *db;
    int64_t rollouts, releases; /* the topics' counters when they were looked at last */
    int64_t next_ms, minimum_due_ms;
    bool failing;
};

/* A few times a second, on a thread of its own; with nothing to do it is two small reads. Any number of processes may
 * do it: each step is one write transaction that reads what it decides by. */
void rollout_tick(struct app *app, struct rollout_schedule *schedule);
void rollout_tick_end(struct rollout_schedule *schedule);

/* --- handlers for people --- */

void rollout_list(struct req *r);
void rollout_create(struct req *r);
void rollout_get(struct req *r);
void rollout_change(struct req *r);
void rollout_members(struct req *r);
void rollout_pause(struct req *r);
void rollout_resume(struct req *r);
void rollout_abort(struct req *r);
void rollout_rollback(struct req *r);
void rollout_advance(struct req *r);
void rollout_agent_updates(struct req *r);
void rollout_agent_update(struct req *r);
void rollout_agent_k8s(struct req *r);
void rollout_container_list(struct req *r);

/* --- commands --- */

extern const struct cli_option rollout_create_options[];
extern const struct cli_option rollout_wait_options[];
extern const char rollout_create_details[];
int rollout_command_create(const struct cli_args *args, void *ctx);
int rollout_command_list(const struct cli_args *args, void *ctx);
int rollout_command_show(const struct cli_args *args, void *ctx);
int rollout_command_pause(const struct cli_args *args, void *ctx);
int rollout_command_resume(const struct cli_args *args, void *ctx);
int rollout_command_abort(const struct cli_args *args, void *ctx);
int rollout_command_rollback(const struct cli_args *args, void *ctx);
int rollout_command_advance(const struct cli_args *args, void *ctx);

#endif
