/* The commands "restore" and "verify": a child does the work and tells the server how it goes (restore/restore.h). */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "backup/remote.h"
#include "poll/poller.h"
#include "restore/jobfile.h"

void readback_begin(struct poller *p)
{
    jobfile_sweep(p->agent);
}

static int start(struct poller *p, const char *id, bool verify, const char *job_id, const json_t *args, struct err *err)
{
    struct ledger_entry entry = {.status = LEDGER_STARTED};
    (void)snprintf(entry.id, sizeof entry.id, "%s", id);
    int rc = jobfile_write(p->agent, job_id, args, err);
    if (rc == 0)
        rc = ledger_put(p->ledger, &entry, err);
    if (rc == 0)
        rc = jobs_start_read_back(&p->jobs, p->agent->config_path, verify, job_id, id, err);
    return rc;
}

/* While one is under way the next stays with the server, which will name it again. */
void readback_take(struct poller *p, const char *id, bool verify, const json_t *args)
{
    struct err err = {0};
    const char *job_id = json_string_value(json_object_get(args, "jobId"));
    if (job_id == NULL || !remote_id_valid(job_id)) {
        commands_finish(p, id, LEDGER_REFUSED, "args.jobId is missing or not an id");
        return;
    }
    if (jobs_run(&p->jobs, JOB_READ_BACK))
        return;
    if (start(p, id, verify, job_id, args, &err) == 0) {
        log_info("command %s: %s job %s begins", id, verify ? "verify" : "restore", job_id);
        return;
    }
    jobfile_remove(p->agent, job_id);
    commands_finish(p, id, LEDGER_FAILED, err.msg);
}

static enum ledger_status status_of(int code)
{
    switch (code) {
    case JOB_EXIT_COMPLETED:
    case JOB_EXIT_WARNING: return LEDGER_DONE;
    case JOB_EXIT_REFUSED: return LEDGER_REFUSED;
    default: return LEDGER_FAILED;
    }
}

static void describe(int status, char *ret, size_t size)
{
    static const char *const told[] = {
        [JOB_EXIT_COMPLETED] = "completed", [JOB_EXIT_FAILED] = "failed",       [JOB_EXIT_WARNING] = "warning",
        [JOB_EXIT_REFUSED] = "refused",     [JOB_EXIT_CANCELLED] = "cancelled",
    };
    size_t code = WIFEXITED(status) ? (size_t)WEXITSTATUS(status) : 0;
    if (WIFSIGNALED(status))
        (void)snprintf(ret, size, "killed by signal %d", WTERMSIG(status));
    else if (code == JOB_EXIT_UNTOLD)
        (void)snprintf(ret, size, "ended, but the server could not be told how");
    else if (code < sizeof told / sizeof told[0] && told[code] != NULL)
        (void)snprintf(ret, size, "%s", told[code]);
    else
        (void)snprintf(ret, size, "could not be started (exit code %zu)", code);
}

void readback_ended(struct poller *p, const struct job *job, int status)
{
    char detail[LEDGER_DETAIL_SIZE];
    describe(status, detail, sizeof detail);
    log_info("command %s: job %s ended: %s", job->command_id, job->config_id, detail);
    jobfile_remove(p->agent, job->config_id);
    commands_finish(p, job->command_id, WIFEXITED(status) ? status_of(WEXITSTATUS(status)) : LEDGER_FAILED, detail);
}
