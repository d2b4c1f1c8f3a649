#include "backup/result.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backup/retry.h"

const char *backup_outcome_name(enum backup_outcome outcome)
{
    static const char *const names[] = {
        [BACKUP_COMPLETED] = "completed",
        [BACKUP_WARNING] = "warning",
        [BACKUP_FAILED] = "failed",
        [BACKUP_CANCELLED] = "cancelled",
    };
    return names[outcome];
}

int result_open_log(const struct agent *agent, struct eventlog **ret, struct err *err)
{
    char dir[PATH_MAX];
    int rc = agent_state_path(agent, "events", dir, err);
    if (rc != 0)
        return rc;
    const struct eventlog_options options = {.dir = dir, .clock = agent->clock};
    return eventlog_open(&options, ret, err);
}

/* The errors, with the reason of a failure in front. NULL when memory is out. */
static json_t *errors_with_reason(const struct result *result)
{
    json_t *all = json_array();
    if (all != NULL && result->reason != NULL)
        (void)json_array_append_new(all, json_pack("{s:s}", "message", result->reason));
    if (all != NULL && result->errors != NULL)
        (void)json_array_extend(all, result->errors);
    return all;
}

int result_send(const struct agent *agent, struct api *api, const struct result *result, int give_up_ms,
                struct err *err)
{
    json_t *errors = errors_with_reason(result);
    const struct remote_outcome outcome = {
        .status = backup_outcome_name(result->outcome),
        .files = result->files,
        .bytes_read = result->bytes_read,
        .bytes_sent = result->bytes_sent,
        .duration_ms = result->duration_ms,
        .error_count = result->error_count + (result->reason != NULL),
        .errors = errors,
        .listed_files = result->listed_files,
        .listed_bytes = result->listed_bytes,
        .unreadable = result->unreadable,
        .vanished = result->vanished,
        .changed = result->changed,
        .skipped = result->skipped,
        .sha256 = result->sha256,
        .part_count = result->archive.part_count,
        .size = result->archive.size,
        .index_part_count = result->index.part_count,
        .index_size = result->index.size,
    };
    struct retry retry;
    retry_init(&retry, agent->clock, give_up_ms);
    int rc;
    for (;;) {
        struct api_result api_result = {.retry_after_s = -1};
        rc = remote_complete(api, result->run->log_id, &outcome, &api_result, err);
        int wait = retry_worth(rc) ? retry_next_ms(&retry, &api_result) : -1;
        if (wait < 0)
            break;
        retry_sleep(wait);
    }
    json_decref(errors);
    return rc;
}

bool result_settled(int rc)
{
    return rc == 0 || rc == ERR_CONFLICT || rc == ERR_NOT_FOUND || rc == ERR_INVALID;
}

static void describe(const struct result *result, char *ret, size_t size)
{
    const char *name = result->run->config_name[0] != '\0' ? result->run->config_name : result->run->config_id;
    double seconds = (double)result->duration_ms / 1000;
    if (result->outcome == BACKUP_FAILED || result->outcome == BACKUP_CANCELLED)
        (void)snprintf(ret, size, "backup %s %s: %s", name, backup_outcome_name(result->outcome),
                       result->reason == NULL ? "no reason known" : result->reason);
    else
        (void)snprintf(ret, size, "backup %s %s%s%s: %llu files, %.1f MB read, %.1f MB stored in %.1f s, %llu problems",
                       name, backup_outcome_name(result->outcome), result->type != NULL ? ", " : "",
                       result->type != NULL ? result->type : "", (unsigned long long)result->files,
                       (double)result->bytes_read / 1e6, (double)result->bytes_sent / 1e6, seconds,
                       (unsigned long long)result->error_count);
}

static json_t *to_json(const struct result *result)
{
    const struct runfile_content *run = result->run;
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s*, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o*, s:s*, s:s*}",
        "configId", run->config_id, "configName", run->config_name, "logId", run->log_id, "status",
        backup_outcome_name(result->outcome), "type", result->type, "encrypted", result->encrypted ? 1 : 0,
        "filesProcessed", (json_int_t)result->files, "bytesRead", (json_int_t)result->bytes_read, "bytesTransferred",
        (json_int_t)result->bytes_sent, "listedFiles", (json_int_t)result->listed_files, "listedBytes",
        (json_int_t)result->listed_bytes, "unreadable", (json_int_t)result->unreadable, "vanished",
        (json_int_t)result->vanished, "changed", (json_int_t)result->changed, "skipped", (json_int_t)result->skipped,
        "errorCount", (json_int_t)result->error_count, "duration", (json_int_t)result->duration_ms, "errors",
        result->errors == NULL ? NULL : json_incref(result->errors), "sha256", result->sha256, "reason",
        result->reason);
}

int result_log(struct eventlog *log, const struct result *result, struct err *err)
{
    enum { LEVEL_ERRORS = 10 };
    char message[512];
    describe(result, message, sizeof message);
    json_t *metadata = to_json(result);
    json_t *errors = json_object_get(metadata, "errors");
    if (errors != NULL && json_array_size(errors) > LEVEL_ERRORS) { /* the run at the server has them all */
        json_t *first = json_array();
        for (size_t i = 0; i < LEVEL_ERRORS; i++)
            (void)json_array_append(first, json_array_get(errors, i));
        (void)json_object_set_new(metadata, "errors", first);
    }
    enum log_level level = result->outcome == BACKUP_COMPLETED ? LOG_INFO
                           : result->outcome == BACKUP_FAILED  ? LOG_ERROR
                                                               : LOG_WARNING;
    int rc = eventlog_append(log, level, "backup", message, metadata, err);
    if (rc != 0 || result->run->command_id[0] == '\0')
        return rc;
    bool done = result->outcome == BACKUP_COMPLETED || result->outcome == BACKUP_WARNING;
    return result_log_command(log, result->run->command_id, done ? "done" : "failed", message, err);
}

int result_log_command(struct eventlog *log, const char *command_id, const char *status, const char *detail,
                       struct err *err)
{
    json_t *metadata = json_pack("{s:s, s:s, s:s}", "commandId", command_id, "status", status, "detail", detail);
    if (metadata == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return eventlog_append(log, LOG_INFO, "command_result", detail, metadata, err);
}

void result_print(const struct result *result, bool json)
{
    if (!json) {
        char line[512];
        describe(result, line, sizeof line);
        (void)printf("%s\n", line);
        return;
    }
    json_t *value = to_json(result);
    char *text = value == NULL ? NULL : json_dumps(value, JSON_INDENT(2));
    if (text != NULL)
        (void)printf("%s\n", text);
    free(text);
    json_decref(value);
}
