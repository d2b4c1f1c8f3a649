/* muster-app release publish, withdraw, allow-downgrade, refresh: new targets metadata. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cursor.h"
#include "common/file.h"
#include "common/version.h"
#include "db/writer.h"
#include "update/delta.h"
#include "update/release_binary.h"
#include "update/release_command.h"
#include "update/release_store.h"
#include "update/release_targets.h"
#include "update/update.h"

enum { PATCHES_MAX = 20, REASON_MAX = 500 };

const struct cli_option release_publish_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    RELEASE_OPTION_KEYS,
    {"patches", "N", "make patches from the last N releases [MUSTER_UPDATE_PATCHES]"},
    {0},
};

const struct cli_option release_withdraw_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    RELEASE_OPTION_KEYS,
    {"reason", "TEXT", "why; agents and people are told"},
    {0},
};

const struct cli_option release_downgrade_options[] = {
    COMMAND_OPTION_CONFIG, COMMAND_OPTION_JSON, RELEASE_OPTION_KEYS, {"off", NULL, "take it back"}, {0},
};

const struct cli_option release_refresh_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    RELEASE_OPTION_KEYS,
    {0},
};

const char release_publish_details[] =
    "Makes patches, signs new targets metadata and puts all of it where agents look. When the targets keys are not at\n"
    "hand it writes what is to be signed, and says how to go on. Repeating it finishes what was cut short.";

const char release_withdraw_details[] =
    "Agents install the release no more, and those that run it may go back to an older one. Its files stay for seven\n"
    "days, so that downloads under way end well. A release that is only staged is forgotten.";

const char release_downgrade_details[] =
    "Agents never go back to an older version by themselves, nor because the server says so: an order to go back to\n"
    "VERSION is obeyed only when its signed metadata allows it, which this command does.";

const char release_refresh_details[] =
    "Signs snapshot and timestamp anew, which the server otherwise does by itself; with root or targets that one as\n"
    "well, with a new expiry. Needs the keys, as 'release publish' does.";

static json_t *next_targets(const struct release_job *job)
{
    return tuf_signed_next(job->repo->targets, job->now_ms + job->c.settings->update_targets_life_s * 1000);
}

static int propose_targets(struct release_job *job, json_t *take_signed, bool *ret_done, struct err *err)
{
    json_t *targets = tuf_document_new(take_signed);
    int rc =
        targets != NULL ? release_propose(job, NULL, targets, ret_done, err) : err_set(err, ERR_NOMEM, "out of memory");
    json_decref(targets);
    return rc;
}

static void print_done(const struct release_job *job, const char *version, const char *status)
{
    release_print(job, json_pack("{s:s, s:s, s:I}", "version", version, "status", status, "targets version",
                                 (json_int_t)tuf_document_version(job->repo->targets)));
}

/* --- patches --- */

static int make_patch(struct release_job *job, json_t *signed_part, const struct release_patch *which, struct err *err)
{
    char base[REPO_PATH_SIZE], fresh[REPO_PATH_SIZE], path[REPO_PATH_SIZE], sha256[DIGEST_HEX_SIZE];
    char base_target[RELEASE_TARGET_SIZE], target[RELEASE_TARGET_SIZE], patch_target[RELEASE_TARGET_SIZE];
    struct release_patch patch = *which;
    bool made = false;
    char *data = NULL;
    size_t len = 0;
    release_targets_path(patch.base, patch.arch, NULL, base_target);
    release_targets_path(patch.version, patch.arch, NULL, target);
    release_targets_path(patch.version, patch.arch, patch.base, patch_target);
    int rc =
        repo_target_path(job->repo, base_target, release_targets_find(signed_part, patch.base, patch.arch), base, err);
    if (rc == 0)
        rc = repo_path(job->repo, fresh, err, "staging/%s", target);
    if (rc == 0)
        rc = repo_path(job->repo, path, err, "staging/%s", patch_target);
    if (rc == 0)
        rc = delta_make(base, fresh, path, &made, err);
    if (rc == 0 && made)
        rc = file_read(path, RELEASE_BINARY_MAX, &data, &len, err);
    if (rc == 0 && made) {
        digest_sha256_hex(data, len, sha256);
        patch.sha256 = sha256;
        patch.size = (int64_t)len;
        rc = release_targets_add_patch(signed_part, &patch, err);
    }
    free(data);
    return rc;
}

/* From the last releases of the channel that have this architecture. */
static int make_patches(struct release_job *job, const json_t *release, json_t *signed_part, struct err *err)
{
    const char *option = cli_option(job->args, "patches");
    const char *version = json_string_value(json_object_get(release, "version"));
    const char *channel = json_string_value(json_object_get(release, "channel"));
    uint64_t count = (uint64_t)job->c.settings->update_patches;
    size_t i;
    const json_t *file;
    int rc = option == NULL || cursor_parse_uint(option, PATCHES_MAX, &count)
                 ? 0
                 : err_set(err, ERR_INVALID, "--patches takes a number up to %d", PATCHES_MAX);
    json_array_foreach(json_object_get(release, "files"), i, file)
    {
        struct release_patch patch = {
            .version = version, .base = version, .arch = json_string_value(json_object_get(file, "arch"))};
        for (uint64_t n = 0; rc == 0 && n < count; n++) {
            patch.base = release_targets_newest(signed_part, channel, patch.arch, patch.base);
            if (patch.base == NULL)
                break;
            rc = make_patch(job, signed_part, &patch, err);
        }
    }
    return rc;
}

/* --- publish --- */

static int check_staged(struct release_job *job, const json_t *release, struct err *err)
{
    const char *version = json_string_value(json_object_get(release, "version"));
    const char *channel = json_string_value(json_object_get(release, "channel"));
    const char *newest = release_targets_newest(tuf_document_signed(job->repo->targets), channel, NULL, NULL);
    if (strcmp(json_string_value(json_object_get(release, "status")), "staged") != 0)
        return err_set(err, ERR_CONFLICT, "release %s was withdrawn: give what follows a version of its own", version);
    if (newest != NULL && version_compare(version, newest) <= 0)
        return err_set(err, ERR_CONFLICT, "channel %s has %s already, which is newer than %s", channel, newest,
                       version);
    return 0;
}

static int drop_staging(const struct release_job *job, const char *version, struct err *err)
{
    char dir[REPO_PATH_SIZE];
    int rc = repo_path(job->repo, dir, err, "staging/%s", version);
    return rc == 0 ? repo_remove_dir(dir, err) : rc;
}

static int publish_staged(struct release_job *job, const json_t *release, bool *ret_done, struct err *err)
{
    const char *version = json_string_value(json_object_get(release, "version"));
    json_t *signed_part = next_targets(job);
    int rc = check_staged(job, release, err);
    if (rc == 0)
        rc = release_audit(job, "release.publish", "release", version, err);
    if (rc == 0)
        rc = release_targets_add(signed_part, release, job->now_ms, err);
    if (rc == 0)
        rc = make_patches(job, release, signed_part, err);
    rc = rc == 0 ? propose_targets(job, json_incref(signed_part), ret_done, err) : rc;
    json_decref(signed_part);
    return rc;
}

static int publish(struct release_job *job, struct err *err)
{
    const char *version = cli_operand(job->args, 0);
    json_t *release = NULL;
    bool done = true;
    if (!version_valid(version))
        return err_set(err, ERR_INVALID, "%.70s: not a version such as 0.2.0", version);
    bool in_force = release_targets_has(tuf_document_signed(job->repo->targets), version);
    int rc = in_force ? release_follow(job, err) : release_get(job->c.db, version, NULL, &release, err);
    if (rc == ERR_NOT_FOUND)
        rc = err_set(err, rc, "there is no release %s; 'muster-app release create %s' makes one", version, version);
    if (rc == 0 && !in_force)
        rc = publish_staged(job, release, &done, err);
    if (rc == 0 && done)
        print_done(job, version, "published");
    json_decref(release);
    return rc;
}

int release_command_publish(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_CHANGE, publish);
}

/* --- withdraw --- */

struct discard_write {
    const char *version;
};

static int write_discard(struct db *db, void *ctx, struct err *err)
{
    const struct discard_write *w = ctx;
    return release_discard(db, w->version, err);
}

static int discard(struct release_job *job, const char *version, struct err *err)
{
    struct discard_write w = {version};
    int rc = db_write(job->c.app->writer, write_discard, &w, err);
    if (rc == 0)
        rc = drop_staging(job, version, err);
    if (rc == 0)
        print_done(job, version, "forgotten");
    return rc;
}

static int withdraw_published(struct release_job *job, const char *version, struct err *err)
{
    json_t *signed_part = next_targets(job);
    bool done = false;
    int rc = release_targets_withdraw(signed_part, version, cli_option(job->args, "reason"), err);
    rc = rc == 0 ? propose_targets(job, json_incref(signed_part), &done, err) : rc;
    json_decref(signed_part);
    if (rc == 0 && done)
        print_done(job, version, "withdrawn");
    return rc;
}

static int withdraw(struct release_job *job, struct err *err)
{
    const char *version = cli_operand(job->args, 0);
    const char *reason = cli_option(job->args, "reason");
    if (!version_valid(version))
        return err_set(err, ERR_INVALID, "%.70s: not a version such as 0.2.0", version);
    bool published = release_targets_has(tuf_document_signed(job->repo->targets), version);
    if (published && (reason == NULL || reason[0] == '\0' || strlen(reason) > REASON_MAX))
        return err_set(err, ERR_INVALID, "say why: --reason TEXT, of up to %d bytes", REASON_MAX);
    int rc = release_audit(job, "release.withdraw", "release", version, err);
    if (rc != 0)
        return rc;
    return published ? withdraw_published(job, version, err) : discard(job, version, err);
}

int release_command_withdraw(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_CHANGE, withdraw);
}

/* --- allow-downgrade --- */

static int downgrade(struct release_job *job, struct err *err)
{
    const char *version = cli_operand(job->args, 0);
    bool allowed = !cli_switch(job->args, "off");
    bool done = false;
    int rc = version_valid(version) ? release_audit(job, "release.allow_downgrade", "release", version, err)
                                    : err_set(err, ERR_INVALID, "%.70s: not a version such as 0.2.0", version);
    if (rc != 0)
        return rc;
    json_t *signed_part = next_targets(job);
    rc = release_targets_downgrade(signed_part, version, allowed, err);
    rc = rc == 0 ? propose_targets(job, json_incref(signed_part), &done, err) : rc;
    json_decref(signed_part);
    if (rc == 0 && done)
        print_done(job, version, allowed ? "downgrade allowed" : "downgrade not allowed");
    return rc;
}

int release_command_downgrade(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_CHANGE, downgrade);
}

/* --- refresh --- */

static int refresh_role(struct release_job *job, const char *name, enum tuf_role role, struct err *err)
{
    const struct settings *s = job->c.settings;
    json_t *root = NULL, *targets = NULL;
    bool done = true;
    int rc = release_audit(job, "release.refresh", "update", name, err);
    if (rc == 0 && role == TUF_ROOT)
        root = tuf_document_new(tuf_signed_next(job->repo->root, job->now_ms + s->update_root_life_s * 1000));
    if (rc == 0 && role == TUF_TARGETS)
        targets = tuf_document_new(next_targets(job));
    if (rc == 0)
        rc = release_propose(job, root, targets, &done, err);
    if (rc == 0 && done)
        release_print(job, json_pack("{s:s, s:I, s:I, s:I, s:I}", "status", "refreshed", "root version",
                                     (json_int_t)tuf_document_version(job->repo->root), "targets version",
                                     (json_int_t)tuf_document_version(job->repo->targets), "snapshot version",
                                     (json_int_t)tuf_document_version(job->repo->snapshot), "timestamp version",
                                     (json_int_t)tuf_document_version(job->repo->timestamp)));
    json_decref(root);
    json_decref(targets);
    return rc;
}

static int refresh(struct release_job *job, struct err *err)
{
    const char *name = cli_operand(job->args, 0) != NULL ? cli_operand(job->args, 0) : "snapshot";
    enum tuf_role role;
    if (!tuf_role_parse(name, &role))
        return err_set(err, ERR_INVALID, "%.40s: the role must be root, targets, snapshot or timestamp", name);
    return refresh_role(job, name, role, err);
}

int release_command_refresh(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_CHANGE, refresh);
}
