#include "backup/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"
#include "common/jsonread.h"

enum { NAME_BYTES = 200, URL_BYTES = 8000 };

bool remote_id_valid(const char *s)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strlen(s);
    return len > 0 && len < REMOTE_ID_SIZE && strspn(s, allowed) == len;
}

int remote_bad_reply(const struct jsonread_error *wrong, struct err *err)
{
    return err_set(err, ERR_INVALID, "the server's reply is not understood: %.100s %.150s", wrong->pointer,
                   wrong->reason);
}

const char *remote_read_id(struct jsonread *r, const char *key)
{
    const char *id = jsonread_str(r, key, 1, REMOTE_ID_SIZE - 1);
    if (id != NULL && !remote_id_valid(id))
        jsonread_fail(r, key, "must be an id");
    return id;
}

/* --- a run ------------------------------------------------------------------------------------------------------- */

static void read_chain(struct jsonread *r, struct remote_run *run)
{
    static const char *const types[] = {"full", "incremental", NULL};
    struct jsonread chain;
    jsonread_object_or_none(r, "run", &chain);
    run->chained = jsonread_has(r, "run");
    run->incremental = jsonread_enum_or(&chain, "type", types, 0) == 1;
    run->chain_seq = (unsigned)jsonread_int_or(&chain, "chainSeq", 0, INT32_MAX, 0);
    (void)snprintf(run->reason, sizeof run->reason, "%s",
                   jsonread_str_or(&chain, "reason", 0, sizeof run->reason - 1, ""));
    if (!run->incremental)
        return;
    const char *base = remote_read_id(&chain, "base");
    (void)snprintf(run->base, sizeof run->base, "%s", base == NULL ? "" : base);
    if (run->chain_seq == 0)
        jsonread_fail(&chain, "chainSeq", "must be positive for an incremental run");
}

int remote_start_parse(const json_t *reply, struct remote_run *ret, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r, upload;
    struct remote_run run = {0};
    jsonread_init(&r, reply, &wrong);
    const char *log_id = remote_read_id(&r, "logId");
    jsonread_object(&r, "upload", &upload);
    const char *digest = jsonread_str_or(&upload, "digest", 0, NAME_BYTES, "");
    run.digest = strcmp(digest, "xxh64") == 0 ? PART_XXH64 : PART_MD5; /* which every server takes */
    int64_t size = jsonread_int_or(&upload, "partSize", REMOTE_PART_MIN, INT64_MAX, REMOTE_PART_DEFAULT);
    read_chain(&r, &run);
    if (wrong.failed)
        return remote_bad_reply(&wrong, err);
    (void)snprintf(run.log_id, sizeof run.log_id, "%s", log_id);
    run.part_size = size < REMOTE_PART_DEFAULT ? (size_t)size : REMOTE_PART_DEFAULT;
    *ret = run;
    return 0;
}

int remote_start(struct api *api, const struct remote_start *start, struct remote_run *ret, struct err *err)
{
    json_t *reply = NULL;
    json_t *body = json_pack("{s:s, s:s, s:b, s:s*, s:s*, s:b, s:I, s:I}", "configId", start->config_id, "filename",
                             start->filename, "multipart", 1, "commandId", start->command_id, "base", start->base,
                             "encrypted", start->encrypted ? 1 : 0, "totalFiles", (json_int_t)start->total_files,
                             "totalBytes", (json_int_t)start->total_bytes);
    int rc = api_call(api, "POST", "/api/agent/backup/start", body, 0, &reply, NULL, err);
    if (rc == 0)
        rc = remote_start_parse(reply, ret, err);
    json_decref(reply);
    return rc;
}

int remote_part_url(struct api *api, const char *log_id, const struct remote_part *part, char **ret_url,
                    struct api_result *ret_result, struct err *err)
{
    char digest[HEX_SIZE(PART_DIGEST_MAX)];
    hex_encode(part->digest, part_digest_size(part->kind), digest);
    json_t *reply = NULL;
    json_t *body =
        json_pack("{s:s, s:s*, s:I, s:I, s:s, s:I, s:I, s:I}", "logId", log_id, "object", part->index ? "index" : NULL,
                  "number", (json_int_t)part->number, "size", (json_int_t)part->size,
                  part->kind == PART_XXH64 ? "xxh64" : "md5", digest, "filesProcessed", (json_int_t)part->files,
                  "bytesRead", (json_int_t)part->bytes, "bytesTransferred", (json_int_t)part->sent);
    int rc = api_call(api, "POST", "/api/agent/backup/parts", body, 0, &reply, ret_result, err);
    if (rc != 0)
        return rc;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, reply, &wrong);
    const char *url = jsonread_str(&r, "url", 1, URL_BYTES);
    if (url == NULL) {
        rc = remote_bad_reply(&wrong, err);
    } else {
        char *copy = strdup(url);
        if (copy == NULL)
            rc = err_set(err, ERR_NOMEM, "out of memory");
        else
            *ret_url = copy;
    }
    json_decref(reply);
    return rc;
}

int remote_progress(struct api *api, const char *log_id, const struct remote_progress *progress,
                    struct remote_orders *ret, struct err *err)
{
    enum { SHORT_MS = 10000 }; /* progress is worth little when it is late */
    json_t *reply = NULL;
    json_t *body =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "logId", log_id, "filesProcessed", (json_int_t)progress->files,
                  "bytesRead", (json_int_t)progress->bytes, "bytesTransferred", (json_int_t)progress->sent,
                  "totalFiles", (json_int_t)progress->total_files, "totalBytes", (json_int_t)progress->total_bytes);
    int rc = api_call(api, "POST", "/api/agent/backup/progress", body, SHORT_MS, &reply, NULL, err);
    if (rc != 0)
        return rc;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct remote_orders orders = {0};
    jsonread_init(&r, reply, &wrong);
    orders.cancel = jsonread_bool_or(&r, "cancel", false);
    (void)snprintf(orders.reason, sizeof orders.reason, "%s",
                   jsonread_str_or(&r, "reason", 0, sizeof orders.reason - 1, ""));
    json_decref(reply);
    if (wrong.failed)
        return remote_bad_reply(&wrong, err);
    *ret = orders;
    return 0;
}

/* Adds what an archive that is there is made of. */
static int add_archive(json_t *body, const struct remote_outcome *outcome)
{
    json_t *more = json_pack("{s:s, s:I, s:I, s:I, s:I}", "sha256", outcome->sha256, "partCount",
                             (json_int_t)outcome->part_count, "size", (json_int_t)outcome->size, "indexPartCount",
                             (json_int_t)outcome->index_part_count, "indexSize", (json_int_t)outcome->index_size);
    int rc = more == NULL ? -1 : json_object_update(body, more);
    json_decref(more);
    return rc;
}

int remote_complete(struct api *api, const char *log_id, const struct remote_outcome *outcome,
                    struct api_result *ret_result, struct err *err)
{
    json_t *errors = outcome->errors != NULL ? json_incref(outcome->errors) : json_array();
    json_t *body =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "logId", log_id, "status",
                  outcome->status, "filesProcessed", (json_int_t)outcome->files, "bytesRead",
                  (json_int_t)outcome->bytes_read, "bytesTransferred", (json_int_t)outcome->bytes_sent, "duration",
                  (json_int_t)outcome->duration_ms, "listedFiles", (json_int_t)outcome->listed_files, "listedBytes",
                  (json_int_t)outcome->listed_bytes, "unreadable", (json_int_t)outcome->unreadable, "vanished",
                  (json_int_t)outcome->vanished, "changed", (json_int_t)outcome->changed, "skipped",
                  (json_int_t)outcome->skipped, "errorCount", (json_int_t)outcome->error_count, "errors", errors);
    if (body == NULL || (outcome->sha256 != NULL && add_archive(body, outcome) != 0)) {
        json_decref(body);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    return api_call(api, "POST", "/api/agent/backup/complete", body, 0, NULL, ret_result, err);
}
