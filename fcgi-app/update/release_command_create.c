/* muster-app release create: what is to be published, checked and put aside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/file.h"
#include "common/version.h"
#include "db/writer.h"
#include "update/release_binary.h"
#include "update/release_command.h"
#include "update/release_store.h"
#include "update/release_targets.h"
#include "update/update.h"

enum { CHANGELOG_MAX = 64 * 1024, EVENTLOG_NOW = 1 };

const struct cli_option release_create_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    RELEASE_OPTION_KEYS,
    {"amd64", "FILE", "the agent for amd64"},
    {"arm64", "FILE", "the agent for arm64"},
    {"channel", "NAME", "which channel it goes to [stable]"},
    {"min-version", "VERSION", "agents below it are to be updated at once [as in the release before]"},
    {"changelog", "TEXT", "what is new, for people"},
    {"changelog-file", "FILE", "the same from a file; - is standard input"},
    {"container-image", "NAME", "the image of this version, \"registry/name:0.2.0\""},
    {"eventlog-min", "N", "the oldest format of the event log that it reads [1]"},
    {0},
};

const char release_create_details[] =
    "Checks the files (64-bit ELF of the right architecture that say VERSION; the one for this machine is asked), and\n"
    "puts them aside. Nothing reaches an agent before 'release publish'. Repeating it replaces what was put aside.";

/* --- reading the options --- */

static bool is_channel(const char *s)
{
    size_t len = strlen(s);
    return len >= 1 && len <= 32 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && s[0] >= 'a';
}

static bool is_image(const char *s)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/:@";
    size_t len = strlen(s);
    return len >= 1 && len <= 255 && strspn(s, plain) == len;
}

static int read_changelog(const struct cli_args *args, json_t **ret, struct err *err)
{
    const char *file = cli_option(args, "changelog-file");
    const char *given = cli_option(args, "changelog");
    char *text = NULL;
    size_t len = 0;
    int rc =
        file == NULL ? 0 : file_read(strcmp(file, "-") == 0 ? "/dev/stdin" : file, CHANGELOG_MAX, &text, &len, err);
    if (rc == 0 && (given != NULL && strlen(given) > CHANGELOG_MAX))
        rc = err_set(err, ERR_TOO_BIG, "--changelog: more than %d bytes", CHANGELOG_MAX);
    json_t *json = text != NULL ? json_stringn(text, len) : json_string(given != NULL ? given : "");
    free(text);
    if (rc == 0 && json == NULL)
        rc = err_set(err, ERR_INVALID, "the changelog is not UTF-8");
    if (rc != 0)
        json_decref(json);
    else
        *ret = json;
    return rc;
}

/* The least version of the release before, which a release does not lower by saying nothing. */
static const char *default_min(const struct release_job *job, const char *channel)
{
    const json_t *signed_part = tuf_document_signed(job->repo->targets);
    const char *newest = release_targets_newest(signed_part, channel, NULL, NULL);
    for (int i = 0; newest != NULL && i < RELEASE_ARCHES; i++) {
        const json_t *info = release_targets_find(signed_part, newest, release_arch_names[i]);
        if (info != NULL)
            return json_string_value(json_object_get(json_object_get(info, "custom"), "min_version"));
    }
    return "0.0.0";
}

static int read_options(struct release_job *job, json_t *release, struct err *err)
{
    const struct cli_args *args = job->args;
    const char *version = cli_operand(args, 0);
    const char *channel = cli_option(args, "channel") != NULL ? cli_option(args, "channel") : "stable";
    const char *image = cli_option(args, "container-image");
    const char *eventlog = cli_option(args, "eventlog-min");
    const char *min = cli_option(args, "min-version");
    uint64_t eventlog_min = EVENTLOG_NOW;
    json_t *changelog = NULL;
    if (!version_valid(version))
        return err_set(err, ERR_INVALID, "%.70s: not a version such as 0.2.0 (Semantic Versioning 2.0.0)", version);
    if (!is_channel(channel))
        return err_set(err, ERR_INVALID, "--channel %.40s: lower-case letters, digits and - only", channel);
    min = min != NULL ? min : default_min(job, channel);
    if (!version_valid(min) || version_compare(min, version) > 0)
        return err_set(err, ERR_INVALID, "--min-version %.70s: not a version up to %s", min, version);
    if (image != NULL && !is_image(image))
        return err_set(err, ERR_INVALID, "--container-image: not the name of an image");
    if (eventlog != NULL && (!cursor_parse_uint(eventlog, 1000, &eventlog_min) || eventlog_min < 1))
        return err_set(err, ERR_INVALID, "--eventlog-min takes a number of 1 or more");
    int rc = read_changelog(args, &changelog, err);
    if (rc != 0)
        return rc;
    json_t *fields =
        json_pack("{s:s, s:s, s:s, s:o, s:s?, s:I, s:[]}", "version", version, "channel", channel, "min_version", min,
                  "changelog", changelog, "container_image", image, "eventlog_min", (json_int_t)eventlog_min, "files");
    rc = fields != NULL && json_object_update(release, fields) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    json_decref(fields);
    return rc;
}

/* --- files --- */

static int stage_file(struct release_job *job, json_t *release, enum release_arch arch, struct err *err)
{
    const char *version = json_string_value(json_object_get(release, "version"));
    const char *file = cli_option(job->args, release_arch_names[arch]);
    char path[REPO_PATH_SIZE], target[RELEASE_TARGET_SIZE], sha256[DIGEST_HEX_SIZE];
    char *data = NULL;
    size_t len = 0;
    if (file == NULL)
        return 0;
    release_targets_path(version, release_arch_names[arch], NULL, target);
    int rc = release_binary_read(file, arch, version, &data, &len, err);
    if (rc == 0)
        rc = repo_path(job->repo, path, err, "staging/%s", target);
    if (rc == 0)
        rc = file_write(path, data, len, 0644, err);
    if (rc == 0) {
        digest_sha256_hex(data, len, sha256);
        json_t *entry =
            json_pack("{s:s, s:s, s:I}", "arch", release_arch_names[arch], "sha256", sha256, "size", (json_int_t)len);
        (void)json_array_append_new(json_object_get(release, "files"), entry);
        if ((json_int_t)len > json_integer_value(json_object_get(release, "size")))
            (void)json_object_set_new(release, "size", json_integer((json_int_t)len));
    }
    free(data);
    return rc;
}

static int stage_files(struct release_job *job, json_t *release, struct err *err)
{
    char dir[REPO_PATH_SIZE];
    int rc = repo_path(job->repo, dir, err, "staging/%s", json_string_value(json_object_get(release, "version")));
    if (rc == 0)
        rc = repo_remove_dir(dir, err); /* of a try before */
    if (rc == 0)
        rc = file_mkdirs(dir, 0700, err);
    for (int i = 0; rc == 0 && i < RELEASE_ARCHES; i++)
        rc = stage_file(job, release, (enum release_arch)i, err);
    if (rc == 0 && json_array_size(json_object_get(release, "files")) == 0)
        rc = err_set(err, ERR_INVALID, "give at least one file: --amd64 FILE, --arm64 FILE");
    if (rc == 0)
        rc = file_sync_dir_of(dir, err);
    return rc;
}

struct stage_write {
    const json_t *release;
    int64_t now_ms;
};

static int write_stage(struct db *db, void *ctx, struct err *err)
{
    const struct stage_write *w = ctx;
    return release_stage(db, w->release, w->now_ms, err);
}

static int refuse_used(struct release_job *job, const char *version, const char *channel, struct err *err)
{
    const json_t *signed_part = tuf_document_signed(job->repo->targets);
    const char *newest = release_targets_newest(signed_part, channel, NULL, NULL);
    size_t i;
    const json_t *one;
    json_array_foreach(release_targets_withdrawn(signed_part), i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "version")), version) == 0)
            return err_set(err, ERR_CONFLICT, "release %s was withdrawn: give what follows a version of its own",
                           version);
    }
    if (release_targets_has(signed_part, version))
        return err_set(err, ERR_CONFLICT, "release %s is published: give what follows a version of its own", version);
    if (newest != NULL && version_compare(version, newest) <= 0)
        return err_set(err, ERR_CONFLICT, "channel %s has %s already, which is newer than %s", channel, newest,
                       version);
    return 0;
}

static int create(struct release_job *job, struct err *err)
{
    json_t *release = json_object();
    struct stage_write w = {release, job->now_ms};
    int rc = read_options(job, release, err);
    const char *version = json_string_value(json_object_get(release, "version"));
    if (rc == 0)
        rc = refuse_used(job, version, json_string_value(json_object_get(release, "channel")), err);
    if (rc == 0)
        rc = release_audit(job, "release.create", "release", version, err);
    if (rc == 0)
        rc = stage_files(job, release, err);
    if (rc == 0)
        rc = db_write(job->c.app->writer, write_stage, &w, err);
    if (rc == 0 && cli_switch(job->args, "json"))
        command_print_json(json_incref(release));
    else if (rc == 0)
        (void)printf("%s is staged; 'muster-app release publish %s' makes it known\n", version, version);
    json_decref(release);
    return rc;
}

int release_command_create(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_CHANGE, create);
}
