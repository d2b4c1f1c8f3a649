/* poller.h: what the process that polls holds. For poll/ alone; the agent's face of it is loop.h. */
#ifndef MUSTER_AGENT_POLL_POLLER_H
#define MUSTER_AGENT_POLL_POLLER_H

#include "agent.h"
#include "common/log.h"
#include "net/api.h"
#include "poll/eventlog.h"
#include "poll/jobs.h"
#include "poll/ledger.h"
#include "poll/signals.h"
#include "poll/status.h"
#include "poll/updates.h"
#include "poll/watchdog.h"

/* No request of the loop takes longer: the launcher kills an agent that is silent for a minute. */
enum { POLLER_REQUEST_MS = 25 * 1000 };

struct poller {
    struct agent *agent;
    struct api *api;
    struct eventlog *events;
    struct ledger *ledger;
    struct jobs jobs;
    struct signals signals;
    struct watchdog watchdog;
    struct updates updates;
    int lock_fd;
    bool stopping; /* children that end now were ended by us */
    struct status status;
    struct status saved_status;
    int64_t status_saved_ms; /* monotonic */
    size_t batch_max;        /* events in one request; smaller while the server refuses some */
    bool replay_told;        /* the launcher knows how far the log has got */
    int64_t renew_after_ms;  /* monotonic: no try before, after one that failed */
    int64_t ca_after_ms;     /* the same for the CA bundle */
};

/* Takes over the agent, also on failure. ERR_CONFLICT when another process polls with this STATE_DIR. */
int poller_open(struct agent *agent, int watchdog_fd, struct poller **ret, struct err *err) MUSTER_NODISCARD;
void poller_close(struct poller *p); /* NULL does nothing */

/* Reads agent.conf and the identity again; keeps the old ones when the new are no good. */
int poller_reload(struct poller *p, struct err *err) MUSTER_NODISCARD;

/* A fresh connection, with what is in STATE_DIR now. The old one stays on failure. */
int poller_reconnect(struct poller *p, struct err *err) MUSTER_NODISCARD;

/* Logs the line and puts it into the event log for the server. */
void poller_note(struct poller *p, enum log_level level, const char *kind, const char *fmt, ...) MUSTER_PRINTF(4, 5);

/* Puts the result of a command into the event log; it is in the ledger before. */
int poller_report_command(struct poller *p, const struct ledger_entry *entry, struct err *err) MUSTER_NODISCARD;

int64_t poller_now_ms(const struct poller *p); /* trusted wall clock */
int64_t poller_monotonic_ms(const struct poller *p);

/* Writes status.json if that is worth it. */
void poller_save_status(struct poller *p);

/* --- the steps of a cycle, one file each --- */

struct heartbeat_reply {
    int64_t next_poll_s;
    int64_t configs_rev; /* -1: not said */
    int64_t ca_rev;      /* 0: not said */
    int64_t commands;
    int64_t server_time_ms;    /* 0: not said */
    struct policy_offer offer; /* version "": none */
    char audit_head[STATUS_HEAD_SIZE];
};

/* heartbeat.c. final: goodbye. */
int heartbeat_send(struct poller *p, bool final, struct heartbeat_reply *ret, struct api_result *result,
                   struct err *err) MUSTER_NODISCARD;

/* uploader.c: sends what the event log holds, batch after batch, for at most budget_ms. */
int uploader_run(struct poller *p, int budget_ms, struct api_result *result, struct err *err) MUSTER_NODISCARD;

/* commands.c */
int commands_fetch(struct poller *p, struct err *err) MUSTER_NODISCARD;
void commands_settle(struct poller *p);  /* at start: what the last process left open */
bool commands_collect(struct poller *p); /* children that have ended; true when there were any */
void commands_stop(struct poller *p);    /* has the children end, within seconds */

void commands_finish(struct poller *p, const char *id, enum ledger_status status, const char *detail);

/* k8s.c: the command "k8s-rollout" {"version"}: this agent's workload gets the signed image of that version. */
void k8s_take(struct poller *p, const char *id, const json_t *args);
void k8s_ended(struct poller *p, const struct job *job, int status);
void k8s_resume(struct poller *p); /* at start, before commands_settle: a roll-out that ended our own pod goes on */
bool k8s_report(struct poller *p, json_t *update); /* adds to a heartbeat's "update"; false: no memory */

/* readback.c: the commands "restore" and "verify" {"jobId","logId",…}. */
void readback_begin(struct poller *p); /* at start */
void readback_take(struct poller *p, const char *id, bool verify, const json_t *args);
void readback_ended(struct poller *p, const struct job *job, int status);

/* renew.c */
int renew_certificate_if_due(struct poller *p, struct err *err) MUSTER_NODISCARD;
int renew_ca_bundle(struct poller *p, int64_t rev, struct err *err) MUSTER_NODISCARD;

/* configs.c */
int configs_refresh(struct poller *p, int64_t rev, struct err *err) MUSTER_NODISCARD;

#endif
