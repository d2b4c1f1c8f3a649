#include "update/release_command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/secrets.h"
#include "common/cursor.h"
#include "common/file.h"
#include "db/writer.h"
#include "update/release_public.h"
#include "update/release_store.h"

/* --- opening and closing --- */

/* --keys, else "update-keys" beside MUSTER_UPDATE_DIR: near, but nothing that nginx or a copy of it takes along. */
static int find_keys_dir(struct release_job *job, struct err *err)
{
    const char *given = cli_option(job->args, "keys");
    const char *dir = job->c.settings->update_dir;
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    while (len > 0 && dir[len - 1] != '/')
        len--;
    int n = given != NULL ? snprintf(job->keys_dir, sizeof job->keys_dir, "%s", given)
                          : snprintf(job->keys_dir, sizeof job->keys_dir, "%.*supdate-keys", (int)len, dir);
    return n > 0 && (size_t)n < sizeof job->keys_dir ? 0 : err_set(err, ERR_INVALID, "--keys: the path is too long");
}

static int open_job(struct release_job *job, enum release_repo with, struct err *err)
{
    static const enum repo_mode modes[] = {
        [RELEASE_READ] = REPO_READ, [RELEASE_CHANGE] = REPO_WAIT, [RELEASE_CREATE] = REPO_CREATE};
    if (with == RELEASE_NO_REPO)
        return 0;
    int rc = find_keys_dir(job, err);
    if (rc == 0)
        rc = repo_open(job->c.settings->update_dir, modes[with], &job->repo, err);
    if (rc == 0 && with != RELEASE_READ)
        rc = tuf_keyring_load(job->keys_dir, "", &job->keys, err);
    if (rc == 0 && with != RELEASE_READ)
        rc = tuf_keyring_load(job->c.settings->secrets_dir, "update-", &job->server, err);
    return rc;
}

struct audit_write {
    const struct audit_key *key;
    struct audit_entry entry;
};

static int write_audit(struct db *db, void *ctx, struct err *err)
{
    const struct audit_write *w = ctx;
    return audit_append(db, w->key, &w->entry, err);
}

static int append_audit(struct release_job *job, enum audit_result result, struct err *err)
{
    struct audit_write w = {secrets_audit_key(job->c.app->secrets),
                            {.time_ms = job->now_ms,
                             .actor = command_actor(),
                             .action = job->action,
                             .target = job->target,
                             .result = result,
                             .address = "",
                             .request_id = ""}};
    return db_write(job->c.app->writer, write_audit, &w, err);
}

int release_audit(struct release_job *job, const char *action, const char *target, const char *name, struct err *err)
{
    job->action = action;
    (void)snprintf(job->target, sizeof job->target, "%s:%.64s", target, name);
    int rc = append_audit(job, AUDIT_OK, err);
    if (rc != 0)
        job->action = NULL;
    return rc;
}

int release_job_run(const struct cli_args *args, enum release_repo with, release_work_fn *work)
{
    struct release_job job = {.args = args};
    struct err err = {0}, second = {0};
    int code = CLI_OK;
    if (command_open(args, &job.c, &code) != 0)
        return code;
    job.now_ms = clock_now_ms(job.c.app->clock);
    int rc = open_job(&job, with, &err);
    if (rc == 0)
        rc = work(&job, &err);
    if (rc != 0 && job.action != NULL && append_audit(&job, AUDIT_FAILED, &second) != 0)
        (void)fprintf(stderr, "the failure is not in the audit trail: %s\n", second.msg);
    if (rc != 0)
        code = cli_fail(args, rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED, &err);
    tuf_keyring_done(&job.keys);
    tuf_keyring_done(&job.server);
    repo_close(job.repo);
    command_close(&job.c);
    return code;
}

/* --- putting documents in force --- */

struct sync_write {
    const struct release_job *job;
};

static int write_sync(struct db *db, void *ctx, struct err *err)
{
    const struct sync_write *w = ctx;
    return release_sync(db, w->job->repo->targets, w->job->now_ms, err);
}

int release_follow(struct release_job *job, struct err *err)
{
    struct sync_write w = {job};
    int rc = db_write(job->c.app->writer, write_sync, &w, err);
    if (rc == 0)
        rc = release_public_write(job->repo, err);
    return rc == 0 ? repo_drop_staged(job->repo, err) : rc;
}

static int forget_pending(const struct release_job *job, const json_t *document, struct err *err)
{
    char path[REPO_PATH_SIZE];
    if (document == NULL)
        return 0;
    int rc = repo_path(job->repo, path, err, "pending/%lld.%s.json", (long long)tuf_document_version(document),
                       tuf_role_names[tuf_document_role(document)]);
    return rc == 0 ? file_remove(path, err) : rc;
}

int release_take(struct release_job *job, const json_t *root, const json_t *targets, struct err *err)
{
    const struct settings *s = job->c.settings;
    struct repo_change change = {.root = root,
                                 .targets = targets,
                                 .server = &job->server,
                                 .now_ms = job->now_ms,
                                 .snapshot_life_s = s->update_snapshot_life_s,
                                 .timestamp_life_s = s->update_timestamp_life_s};
    int rc = repo_commit(job->repo, &change, err);
    if (rc == 0)
        rc = release_follow(job, err);
    if (rc == 0)
        rc = forget_pending(job, root, err);
    return rc == 0 ? forget_pending(job, targets, err) : rc;
}

int release_drop_server_keys(const struct release_job *job, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->server.count; i++) {
        const struct tuf_key *key = job->server.keys[i];
        if (!tuf_root_has_key(job->repo->root, TUF_SNAPSHOT, tuf_key_id(key)) &&
            !tuf_root_has_key(job->repo->root, TUF_TIMESTAMP, tuf_key_id(key)) && unlink(tuf_key_path(key)) != 0)
            rc = err_sys(err, ERR_IO, "remove %.200s", tuf_key_path(key));
    }
    return rc;
}

/* --- or asking for signatures --- */

static int sign_root(struct release_job *job, json_t *root, bool *ret_enough, struct err *err)
{
    struct err ignored = {0};
    int rc = tuf_document_sign_all(root, job->repo->root, &job->keys, err);
    if (rc == 0)
        rc = tuf_document_sign_all(root, root, &job->keys, err);
    if (rc == 0)
        *ret_enough = (job->repo->root == NULL || tuf_document_verify(root, job->repo->root, &ignored) == 0) &&
                      tuf_document_verify(root, root, &ignored) == 0;
    return rc;
}

/* Signed for the root before and after, where there are two: clients may have either. */
static int sign_targets(struct release_job *job, const json_t *root, json_t *targets, bool *ret_enough, struct err *err)
{
    struct err ignored = {0};
    int rc = tuf_document_sign_all(targets, job->repo->root, &job->keys, err);
    if (rc == 0)
        rc = tuf_document_sign_all(targets, root, &job->keys, err);
    if (rc == 0)
        *ret_enough = tuf_document_verify(targets, root != NULL ? root : job->repo->root, &ignored) == 0;
    return rc;
}

static int write_pending(const struct release_job *job, const json_t *document, json_t *files, struct err *err)
{
    char path[REPO_PATH_SIZE];
    struct buf bytes;
    buf_init(&bytes, TUF_DOCUMENT_MAX);
    int rc = repo_path(job->repo, path, err, "pending/%lld.%s.json", (long long)tuf_document_version(document),
                       tuf_role_names[tuf_document_role(document)]);
    if (rc == 0)
        rc = tuf_document_encode(document, &bytes, err);
    if (rc == 0)
        rc = file_write(path, bytes.data, bytes.len, 0644, err);
    if (rc == 0)
        (void)json_array_append_new(files, json_string(path));
    buf_done(&bytes);
    return rc;
}

static int ask_for_signatures(const struct release_job *job, const json_t *root, const json_t *targets, struct err *err)
{
    json_t *files = json_array();
    size_t i;
    const json_t *file;
    int rc = root != NULL ? write_pending(job, root, files, err) : 0;
    if (rc == 0 && targets != NULL)
        rc = write_pending(job, targets, files, err);
    if (rc == 0 && cli_switch(job->args, "json")) {
        command_print_json(json_pack("{s:s, s:O}", "status", "unsigned", "files", files));
    } else if (rc == 0) {
        (void)printf("Nothing is changed yet: %s lacks keys that must sign. Where they are, run for each of them\n",
                     job->keys_dir);
        json_array_foreach(files, i, file)
        {
            (void)printf("    muster-app release sign %s --key KEY.pem\n", json_string_value(file));
        }
        (void)printf("and bring what was signed back with\n    muster-app release import");
        json_array_foreach(files, i, file)
        {
            (void)printf(" %s", json_string_value(file));
        }
        (void)printf("\n");
    }
    json_decref(files);
    return rc;
}

int release_propose(struct release_job *job, json_t *root, json_t *targets, bool *ret_done, struct err *err)
{
    bool root_enough = true, targets_enough = true;
    int rc = root != NULL ? sign_root(job, root, &root_enough, err) : 0;
    if (rc == 0 && targets != NULL)
        rc = sign_targets(job, root, targets, &targets_enough, err);
    if (rc != 0)
        return rc;
    bool done = root_enough && targets_enough;
    rc = done ? release_take(job, root, targets, err) : ask_for_signatures(job, root, targets, err);
    if (rc == 0 && ret_done != NULL)
        *ret_done = done;
    return rc;
}

/* --- printing and reading --- */

void release_print(const struct release_job *job, json_t *take)
{
    const char *key;
    json_t *value;
    if (cli_switch(job->args, "json")) {
        command_print_json(take);
        return;
    }
    json_object_foreach(take, key, value)
    {
        size_t i = 0;
        do {
            const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
            if (json_is_string(one))
                (void)printf("%-16s %s\n", key, json_string_value(one));
            else if (json_is_integer(one))
                (void)printf("%-16s %lld\n", key, (long long)json_integer_value(one));
        } while (++i < json_array_size(value));
    }
    json_decref(take);
}

int release_quorum(const char *text, int64_t *threshold, int64_t *count, struct err *err)
{
    struct cursor c;
    uint64_t m = 0, n = 0;
    if (text == NULL)
        return 0;
    cursor_init(&c, span_of(text));
    if (!cursor_uint(&c, TUF_KEYS_MAX, &m) || !cursor_char(&c, '/') || !cursor_uint(&c, TUF_KEYS_MAX, &n) ||
        !cursor_done(&c) || m < 1 || m > n)
        return err_set(err, ERR_INVALID, "%.20s: not M/N, such as 2/3: M of N keys must sign, of %d at most", text,
                       TUF_KEYS_MAX);
    *threshold = (int64_t)m;
    *count = (int64_t)n;
    return 0;
}
