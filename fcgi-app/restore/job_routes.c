/* Jobs, as people see them: /api/runs/{id}/restore, /api/runs/{id}/verify, /api/jobs. */
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "backup/backup.h"
#include "backup/run.h"
#include "common/log.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "http/problem.h"
#include "restore/job_ask.h"
#include "restore/job_row.h"
#include "restore/restorable.h"

static void reply_job(struct req *r, int status, const char *id)
{
    struct err err = {0};
    json_t *job = NULL;
    if (job_row_get(r->db, id, run_viewer(r), &job, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, status, json_pack("{s:o}", "job", job));
}

/* --- asking ---------------------------------------------------------------------------------------------------------
 */

static void free_arena(void *arena)
{
    arena_free(arena);
}

static void drop_json(void *json)
{
    json_decref(json);
}

/* Reads the body; false after a reply was set. *ret_request stays NULL for a proof. */
static bool read_ask(struct req *r, const char *kind, struct arena *arena, const char **ret_agent, json_t **ret_request)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    *ret_agent = jsonread_str_or(&body, "agentId", 1, UUID_SIZE, NULL);
    if (*ret_agent != NULL && !uuid_valid(*ret_agent))
        jsonread_fail(&body, "agentId", "must be an agent's id");
    bool restore = strcmp(kind, "restore") == 0;
    if (restore)
        *ret_request = job_restore_read(&body, arena);
    if (!req_fields_ok(r, &wrong))
        return false;
    if (restore && (*ret_request == NULL || arena_cleanup(arena, drop_json, *ret_request) != 0)) {
        json_decref(*ret_request);
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return false;
    }
    return true;
}

/* A restore writes to a host, so whoever asks for it must see that host; a proof only reads, where the config says. */
static int check_agent(struct req *r, const struct job_new *job, bool named, struct err *err)
{
    if (!named && strcmp(job->kind, "verify") == 0)
        return 0;
    int rc = fleet_agent_may_see(r, job->agent_id, err);
    return rc == ERR_NOT_FOUND ? err_set(err, ERR_DENIED, "The agent must be one of yours.") : rc;
}

static void ask(struct req *r, const char *kind)
{
    struct err err = {0};
    const char *agent_id = NULL;
    json_t *request = NULL;
    struct arena *arena = arena_new(RESTORABLE_ARENA_BYTES);
    if (arena == NULL || arena_cleanup(r->arena, free_arena, arena) != 0) {
        arena_free(arena);
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return;
    }
    if (!read_ask(r, kind, arena, &agent_id, &request))
        return;
    struct job_ask ask = {
        .job = {.kind = kind, .request = request, .now_ms = r->now_ms},
        .audit_key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "", ""),
    };
    ask.job.created_by = ask.audit.actor;
    int rc = job_ask_plan(r->db, r->params[0], run_viewer(r), agent_id, arena, &ask.job, &err);
    if (rc == 0)
        rc = check_agent(r, &ask.job, agent_id != NULL, &err);
    if (rc == ERR_DENIED) {
        reply_invalid_field(r, "/agentId", NULL, err.msg);
        return;
    }
    if (rc == 0)
        rc = db_write(r->app->writer, job_ask_write, &ask, &err);
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    struct err later = {0};
    if (jobs_hand_out(r->app, r->db, ask.id, &later) != 0)
        log_warning("job %s is left to the next look: %s", ask.id, later.msg);
    reply_job(r, 201, ask.id);
}

void backup_run_restore(struct req *r)
{
    ask(r, "restore");
}

void backup_run_verify(struct req *r)
{
    ask(r, "verify");
}

/* --- seeing ---------------------------------------------------------------------------------------------------------
 */

void backup_job_get(struct req *r)
{
    reply_job(r, 200, r->params[0]);
}

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"kind", "kind", CSV_PLAIN},
    {"backup", "configName", CSV_PLAIN},
    {"host", "agentName", CSV_PLAIN},
    {"status", "status", CSV_PLAIN},
    {"detail", "detail", CSV_PLAIN},
    {"files", "files", CSV_PLAIN},
    {"bytes", "bytes", CSV_PLAIN},
    {"errors", "errorCount", CSV_PLAIN},
    {"asked by", "createdBy", CSV_PLAIN},
    {"asked", "created_ms", CSV_TIME},
    {"started", "started_ms", CSV_TIME},
    {"finished", "finished_ms", CSV_TIME},
    {NULL, NULL, CSV_PLAIN},
};

void backup_job_list(struct req *r)
{
    static const char *const sorts[] = {"created", "finished", "status", "kind", "agent", NULL};
    static const char *const kinds[] = {"restore", "verify", NULL};
    struct job_filter filter = {.config_id = list_filter(r, "configId", NULL),
                                .run_id = list_filter(r, "runId", NULL),
                                .status = list_filter(r, "status", NULL),
                                .viewer = run_viewer(r)};
    struct list_out out;
    struct err err = {0};
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "jobs"}, &filter.ask) ||
        !list_choice(r, "kind", kinds, NULL, &filter.kind))
        return;
    if (filter.status != NULL && !job_status_known(filter.status)) {
        reply_invalid_field(r, "", "status", "must be one of the states of a job");
        return;
    }
    list_begin(&out, &filter.ask, columns);
    int rc = job_row_count(r->db, &filter, &total, &err);
    if (rc == 0)
        rc = job_row_list(r->db, &filter, &out, &err);
    list_reply(r, &out, rc, total, &err);
}

/* --- cancelling -----------------------------------------------------------------------------------------------------
 */

struct cancel {
    struct job_end end;
    const struct audit_key *audit_key;
    struct audit_entry audit;
};

static int write_cancel(struct db *db, void *ctx, struct err *err)
{
    const struct cancel *c = ctx;
    int rc = job_end(db, &c->end, err);
    return rc == 0 ? audit_append(db, c->audit_key, &c->audit, err) : rc;
}

void backup_job_cancel(struct req *r)
{
    const char *id = r->params[0];
    struct err err = {0};
    json_t *job = NULL;
    const char *target = arena_printf(r->arena, "job:%s", id);
    struct cancel cancel = {
        .end = {id, "cancelled", "A person has cancelled it.", r->now_ms, 0},
        .audit_key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "job.cancel", target),
    };
    int rc = job_row_get(r->db, id, run_viewer(r), &job, &err);
    json_decref(job);
    if (rc == 0 && target == NULL)
        rc = err_set(&err, ERR_NOMEM, "no memory for a job");
    if (rc == 0)
        rc = db_write(r->app->writer, write_cancel, &cancel, &err);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_job(r, 200, id);
}
