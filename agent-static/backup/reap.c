#include "backup/reap.h"

#include "backup/backup.h"
#include "backup/result.h"

enum { RETRY_MS = 5000 };

int reap_dead(const struct agent *agent, struct eventlog *log, struct api *api, const struct runfile_content *content,
              struct err *err)
{
    int64_t age = clock_now_ms(agent->clock) - content->started_ms;
    const struct result result = {
        .run = content,
        .outcome = BACKUP_FAILED,
        .reason = "the agent was stopped in the middle of this backup",
        .duration_ms = age < 0 ? 0 : age,
    };
    if (content->log_id[0] != '\0') {
        int rc = result_send(agent, api, &result, RETRY_MS, err);
        if (!result_settled(rc))
            return rc;
    }
    return result_log(log, &result, err);
}

struct reaping {
    struct agent *agent;
    struct eventlog *log;
    struct api *api; /* opened when the first is found: mostly there is none */
};

static int reap_file(struct reaping *reaping, const struct runfile *file, struct err *err)
{
    struct runfile_content content;
    int rc = 0;
    if (!runfile_read(file, &content)) /* killed before it could write anything */
        return 0;
    if (reaping->api == NULL)
        rc = api_open(reaping->agent, &reaping->api, err);
    return rc != 0 ? rc : reap_dead(reaping->agent, reaping->log, reaping->api, &content, err);
}

static int reap_one(void *ctx, const char *config_id, struct err *err)
{
    struct reaping *reaping = ctx;
    struct runfile *file = NULL;
    int rc = runfile_take(reaping->agent, config_id, &file, NULL, err);
    if (rc == ERR_CONFLICT) /* alive */
        return 0;
    if (rc != 0)
        return rc;
    rc = reap_file(reaping, file, err);
    if (rc != 0) {
        runfile_release(file);
        return rc;
    }
    return runfile_remove(file, err);
}

int backup_reap(struct agent *agent, struct err *err)
{
    struct reaping reaping = {.agent = agent};
    int rc = result_open_log(agent, &reaping.log, err);
    if (rc == 0)
        rc = runfile_each(agent, reap_one, &reaping, err);
    api_close(reaping.api);
    eventlog_close(reaping.log);
    return rc;
}
