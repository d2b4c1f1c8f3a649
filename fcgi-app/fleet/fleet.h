/* fleet.h: agents: enrolment, what they call, what people see of them. The one header other parts include, beside ca.h
 * (secrets of `init`) and presence.h (start and drain). */
#ifndef MUSTER_FLEET_FLEET_H
#define MUSTER_FLEET_FLEET_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/cli.h"
#include "common/encode.h"
#include "common/err.h"
#include "common/uuid.h"
#include "db/db.h"

struct app;
struct req;

/* Fills r->principal from X-Agent-API-Key and the client certificate, and takes one request off the key's rate. 0, or a
 * negative code with the reply (401, 403, 429, 503) set. */
int fleet_authenticate(struct req *r) MUSTER_NODISCARD;

/* Has the presence table and parked polls hear of changes that any process makes (ops/changes.h). Between app_open's
 * making of app->changes and changes_start. */
int fleet_watch(struct app *app, struct err *err) MUSTER_NODISCARD;

/* Every second, on a thread of its own: flushes presence; now and then wipes sealed answers of expired one-time
 * passwords, expires commands and deletes events beyond their retention. */
void fleet_tick(struct app *app);

/* Handlers for people */
void fleet_agent_list(struct req *r);
void fleet_agent_register(struct req *r);
void fleet_agent_get(struct req *r);
void fleet_agent_change(struct req *r);
void fleet_agent_deactivate(struct req *r);
void fleet_agent_activate(struct req *r);
void fleet_agent_approve(struct req *r);
void fleet_agent_delete(struct req *r);
void fleet_agent_events(struct req *r);
void fleet_agent_bulk(struct req *r);
void fleet_agent_bulk_update(struct req *r);
void fleet_otp_list(struct req *r);
void fleet_otp_mint(struct req *r);
void fleet_otp_revoke(struct req *r);

/* Handlers for agents */
void fleet_enroll(struct req *r);
void fleet_renew(struct req *r);
void fleet_heartbeat(struct req *r);
void fleet_events(struct req *r);
void fleet_log(struct req *r);
void fleet_commands(struct req *r);
void fleet_ca_bundle(struct req *r);

/* Commands */
extern const struct cli_option fleet_otp_mint_options[];
extern const struct cli_option fleet_agent_delete_options[];
extern const char fleet_ca_details[];
int fleet_command_otp_mint(const struct cli_args *args, void *ctx);
int fleet_command_agent_list(const struct cli_args *args, void *ctx);
int fleet_command_agent_deactivate(const struct cli_args *args, void *ctx);
int fleet_command_agent_activate(const struct cli_args *args, void *ctx);
int fleet_command_agent_approve(const struct cli_args *args, void *ctx);
int fleet_command_agent_delete(const struct cli_args *args, void *ctx);
int fleet_command_ca_show(const struct cli_args *args, void *ctx);
int fleet_command_ca_prepare(const struct cli_args *args, void *ctx);
int fleet_command_ca_switch(const struct cli_args *args, void *ctx);
int fleet_command_ca_retire(const struct cli_args *args, void *ctx);

/* --- for other areas --- */

/* Queues a command for an agent, inside a write closure. Wake the agent's poll (fleet_agent_wake) after the write has
 * returned 0. ERR_NOT_FOUND when there is no such agent. */
struct fleet_command_new {
    const char *agent_id;
    const char *kind;       /* "backup" */
    const char *args;       /* a JSON object */
    const char *created_by; /* "user:<id>", "cli:<uid>" */
    int64_t now_ms;
    int64_t expires_ms; /* 0: in a week */
};
int fleet_command_create(struct db *db, const struct fleet_command_new *command, char ret_id[UUID_SIZE],
                         struct err *err) MUSTER_NODISCARD;

/* Lets the agent's parked poll, if this process holds it, look for news at once. Other processes hear of it through the
 * changes table. Does nothing on the command line. */
void fleet_agent_wake(struct app *app, const char *agent_id);

/* Inside the write closure that changes an agent's configs: raises its configs_rev. agent_id NULL does nothing. */
int fleet_agent_configs_changed(struct db *db, const char *agent_id, struct err *err) MUSTER_NODISCARD;

/* Whether the signed-in user may see (owner, grant or admin) the agent: 0 or ERR_NOT_FOUND. */
int fleet_agent_may_see(struct req *r, const char *agent_id, struct err *err) MUSTER_NODISCARD;

/* Whether the agent exists and is neither deactivated nor quarantined nor its key denied, asked of the database: 0,
 * ERR_NOT_FOUND or ERR_DENIED. */
int fleet_agent_live(struct db *db, const char *agent_id, struct err *err) MUSTER_NODISCARD;

/* Where in an agent's events somebody is: by when they came in, then by what the agent numbered them with. */
enum { FLEET_EVENT_PLACE_PLAIN = 120, FLEET_EVENT_PLACE_SIZE = BASE64_SIZE(FLEET_EVENT_PLACE_PLAIN) };
struct fleet_event_place {
    int64_t received_ms;
    char epoch[17];
    int64_t seq;
};
void fleet_event_place_text(const struct fleet_event_place *place, char ret[FLEET_EVENT_PLACE_SIZE]);
bool fleet_event_place_parse(const char *text, struct fleet_event_place *ret);

/* The names of levels 0 to 3, then NULL; and the query's `level`, debug without one. False after a 422. */
extern const char *const fleet_level_names[];
bool fleet_level_query(struct req *r, int64_t *ret);

/* What requests that wait for an agent's next events are parked under. */
enum { FLEET_LOG_KEY_SIZE = 48 };
void fleet_log_key(const char *agent_id, char ret[FLEET_LOG_KEY_SIZE]);

/* The newest event's place; zeros when there is none. */
int fleet_events_newest(struct db *db, const char *agent_id, struct fleet_event_place *ret,
                        struct err *err) MUSTER_NODISCARD;

/* The events of at least this level after a place, oldest first, until fn returns false. event is borrowed. */
struct fleet_events_ask {
    const char *agent_id;
    int64_t level;
    int64_t limit;
    struct fleet_event_place after;
};
typedef bool fleet_event_fn(const json_t *event, const struct fleet_event_place *place, void *ctx);
int fleet_events_after(struct db *db, const struct fleet_events_ask *ask, fleet_event_fn *fn, void *ctx,
                       struct err *err) MUSTER_NODISCARD;

/* The id of the one agent with this id or name (any case). ERR_NOT_FOUND, or ERR_CONFLICT when several have the name.
 */
int fleet_agent_resolve(struct db *db, const char *id_or_name, char ret_id[UUID_SIZE],
                        struct err *err) MUSTER_NODISCARD;

#endif
