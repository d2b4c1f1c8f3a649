/* muster-app release init-keys, new-key, rotate-key: who may sign. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "update/release_command.h"
#include "update/update.h"

const struct cli_option release_init_keys_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    RELEASE_OPTION_KEYS,
    {"root", "M/N", "make N root keys, of which M must sign [1/1]"},
    {"targets", "M/N", "the same for targets keys [1/1]"},
    {0},
};

const struct cli_option release_new_key_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"keys", "DIR", "where to put it [.]"},
    {0},
};

const struct cli_option release_rotate_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    RELEASE_OPTION_KEYS,
    {"replace", "KEYID", "replace this key alone (its first digits will do); the role's others stay"},
    {"public", "FILE", "a public key that was made elsewhere ('release new-key'); may be repeated"},
    {"quorum", "M/N", "from now on M of N keys must sign [as it is]"},
    {0},
};

const char release_init_keys_details[] = "Makes the keys of the update repository, and an empty repository in "
                                         "MUSTER_UPDATE_DIR. Root keys say who may sign,\n"
                                         "targets keys sign releases; both are only needed when a person signs. Move "
                                         "them off this server, to a medium that\n"
                                         "is kept locked away, and give its place with --keys when they are needed. "
                                         "The snapshot and timestamp keys stay in\n"
                                         "MUSTER_SECRETS_DIR: the server signs with them by itself.\n"
                                         "Repeating it after it was cut short goes on with the keys that are there.";

const char release_new_key_details[] =
    "ROLE is root or targets. For a key that never was on the server: run it on another machine; it needs neither\n"
    "configuration nor network. Bring only the .pub file to the server, for 'release rotate-key ROLE --public FILE'.";

const char release_rotate_details[] =
    "ROLE is root, targets, snapshot or timestamp. All keys of the role are replaced by new ones, as many as there "
    "are,\n"
    "unless --replace names one. The new root has to be signed by the root keys in force and by those that come.\n"
    "Keys that are replaced sign nothing any more as soon as it is published; hosts learn of it with their next check.";

/* --- what both of the first make --- */

static int generate(const char *dir, const char *name, bool with_public, struct tuf_keyring *ring, json_t *paths,
                    struct err *err)
{
    char path[REPO_PATH_SIZE];
    struct tuf_key *key = NULL;
    int rc = tuf_key_generate(&key, err);
    if (rc != 0)
        return rc;
    rc = tuf_key_write(key, dir, name, with_public, path, sizeof path, err);
    if (rc != 0) {
        tuf_key_free(key);
        return rc;
    }
    (void)json_array_append_new(paths, json_string(path));
    return tuf_keyring_take(ring, key, err);
}

static int add_key(json_t *keys, const struct tuf_key *key, struct err *err)
{
    return json_object_set_new(keys, tuf_key_id(key), tuf_key_json(key)) == 0
               ? 0
               : err_set(err, ERR_NOMEM, "out of memory");
}

/* --- init-keys --- */

/* count keys of a role: those whose files are there from a run before, and new ones. */
static int ensure_keys(const char *dir, const char *name, int64_t count, struct tuf_keyring *ring, json_t *ret_keys,
                       json_t *paths, struct err *err)
{
    struct tuf_keyring there = {0};
    char prefix[48];
    (void)snprintf(prefix, sizeof prefix, "%s-", name);
    int rc = tuf_keyring_load(dir, prefix, &there, err);
    for (size_t i = 0; rc == 0 && i < there.count && (int64_t)json_object_size(ret_keys) < count; i++) {
        rc = add_key(ret_keys, there.keys[i], err);
        (void)json_array_append_new(paths, json_string(tuf_key_path(there.keys[i])));
    }
    tuf_keyring_done(&there);
    while (rc == 0 && (int64_t)json_object_size(ret_keys) < count) {
        rc = generate(dir, name, false, ring, paths, err);
        if (rc == 0)
            rc = add_key(ret_keys, ring->keys[ring->count - 1], err);
    }
    return rc;
}

struct quorum {
    int64_t threshold, count;
};

static int fill_root(struct release_job *job, const struct quorum quorums[TUF_ROLES], json_t *root_signed,
                     json_t *paths, struct err *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < TUF_ROLES; i++) {
        char name[32];
        bool on_server = i == TUF_SNAPSHOT || i == TUF_TIMESTAMP;
        json_t *keys = json_object();
        json_t *role_paths = json_array();
        (void)snprintf(name, sizeof name, "%s%s", on_server ? "update-" : "", tuf_role_names[i]);
        rc = ensure_keys(on_server ? job->c.settings->secrets_dir : job->keys_dir, name, quorums[i].count,
                         on_server ? &job->server : &job->keys, keys, role_paths, err);
        if (rc == 0)
            rc = tuf_root_set_role(root_signed, (enum tuf_role)i, keys, quorums[i].threshold, err);
        (void)snprintf(name, sizeof name, "%s key%s", tuf_role_names[i], quorums[i].count > 1 ? "s" : "");
        (void)json_object_set_new(paths, name, role_paths);
        json_decref(keys);
    }
    return rc;
}

static int make_first(struct release_job *job, json_t *paths, json_t **ret_root, json_t **ret_targets, struct err *err)
{
    const struct settings *s = job->c.settings;
    struct quorum quorums[TUF_ROLES] = {{1, 1}, {1, 1}, {1, 1}, {1, 1}};
    json_t *root = tuf_signed_new(TUF_ROOT, 1, job->now_ms + s->update_root_life_s * 1000);
    json_t *targets = tuf_signed_new(TUF_TARGETS, 1, job->now_ms + s->update_targets_life_s * 1000);
    (void)json_object_set_new(root, "consistent_snapshot", json_true());
    (void)json_object_set_new(targets, "targets", json_object());
    (void)json_object_set_new(targets, "x_muster", json_pack("{s:[]}", "withdrawn"));
    int rc = release_quorum(cli_option(job->args, "root"), &quorums[TUF_ROOT].threshold, &quorums[TUF_ROOT].count, err);
    if (rc == 0)
        rc = release_quorum(cli_option(job->args, "targets"), &quorums[TUF_TARGETS].threshold,
                            &quorums[TUF_TARGETS].count, err);
    if (rc == 0)
        rc = fill_root(job, quorums, root, paths, err);
    *ret_root = tuf_document_new(root);
    *ret_targets = tuf_document_new(targets);
    return rc == 0 && (*ret_root == NULL || *ret_targets == NULL) ? err_set(err, ERR_NOMEM, "out of memory") : rc;
}

static int init_keys(struct release_job *job, struct err *err)
{
    json_t *paths = json_object();
    json_t *root = NULL, *targets = NULL;
    bool done = false;
    int rc = release_audit(job, "release.init_keys", "update", "repository", err);
    if (rc == 0)
        rc = make_first(job, paths, &root, &targets, err);
    if (rc == 0)
        rc = release_propose(job, root, targets, &done, err);
    if (rc == 0 && done) {
        json_t *said =
            json_pack("{s:s, s:s}", "repository", job->repo->dir, "root fingerprint", job->repo->fingerprint);
        (void)json_object_update(said, paths);
        release_print(job, said);
        if (!cli_switch(job->args, "json"))
            (void)printf(
                "\nMove the root and targets keys off this server, and keep a copy. Hosts pin the fingerprint.\n");
    }
    json_decref(root);
    json_decref(targets);
    json_decref(paths);
    return rc;
}

int release_command_init_keys(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_CREATE, init_keys);
}

/* --- new-key: elsewhere, without app or database --- */

int release_command_new_key(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct err err = {0};
    struct tuf_keyring ring = {0};
    enum tuf_role role = TUF_ROLES;
    const char *name = cli_operand(args, 0);
    const char *dir = cli_option(args, "keys") != NULL ? cli_option(args, "keys") : ".";
    json_t *paths = json_array();
    int code = CLI_OK;
    (void)umask(077);
    if (!tuf_role_parse(name, &role) || (role != TUF_ROOT && role != TUF_TARGETS)) {
        (void)err_set(&err, ERR_INVALID, "%.40s: the role must be root or targets", name);
        code = cli_fail(args, CLI_USAGE, &err);
    } else if (generate(dir, name, true, &ring, paths, &err) != 0) {
        code = cli_fail(args, CLI_FAILED, &err);
    } else if (cli_switch(args, "json")) {
        command_print_json(json_pack("{s:s, s:O}", "keyid", tuf_key_id(ring.keys[0]), "key", json_array_get(paths, 0)));
    } else {
        (void)printf("%s\n", json_string_value(json_array_get(paths, 0)));
    }
    tuf_keyring_done(&ring);
    json_decref(paths);
    return code;
}

/* --- rotate-key --- */

struct rotation {
    enum tuf_role role;
    json_t *keys;             /* of the role, afterwards */
    json_t *paths;            /* of those that were made */
    struct tuf_keyring fresh; /* public halves that were given */
    int64_t threshold, count;
};

/* Leaves in keys what stays: with --replace all but that one, else nothing. */
static int keep_old(const struct release_job *job, struct rotation *r, struct err *err)
{
    const char *which = cli_option(job->args, "replace");
    json_t *old = tuf_root_keys(job->repo->root, r->role);
    const char *id;
    json_t *key;
    size_t found = 0;
    json_object_foreach(old, id, key)
    {
        if (which != NULL && strncmp(id, which, strlen(which)) == 0)
            found++;
        else if (which != NULL)
            (void)json_object_set(r->keys, id, key);
    }
    json_decref(old);
    return which == NULL || (found == 1 && which[0] != '\0')
               ? 0
               : err_set(err, ERR_NOT_FOUND, "--replace %.64s: %s; 'release check' lists them", which,
                         found > 1 ? "several keys begin like that" : "the role has no such key");
}

static int take_given(const struct release_job *job, struct rotation *r, struct err *err)
{
    const char *path;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (path = cli_option_nth(job->args, "public", i)) != NULL; i++) {
        struct tuf_key *key = NULL;
        rc = tuf_key_read_public(path, &key, err);
        if (rc == 0)
            rc = tuf_keyring_take(&r->fresh, key, err);
        if (rc == 0)
            rc = add_key(r->keys, key, err);
    }
    return rc;
}

static int make_missing(struct release_job *job, struct rotation *r, struct err *err)
{
    char name[32];
    bool on_server = r->role == TUF_SNAPSHOT || r->role == TUF_TIMESTAMP;
    struct tuf_keyring *ring = on_server ? &job->server : &job->keys;
    int rc = 0;
    (void)snprintf(name, sizeof name, "%s%s", on_server ? "update-" : "", tuf_role_names[r->role]);
    while (rc == 0 && (int64_t)json_object_size(r->keys) < r->count) {
        rc = generate(on_server ? job->c.settings->secrets_dir : job->keys_dir, name, false, ring, r->paths, err);
        if (rc == 0)
            rc = add_key(r->keys, ring->keys[ring->count - 1], err);
    }
    return rc;
}

static int choose_keys(struct release_job *job, struct rotation *r, struct err *err)
{
    json_t *old = tuf_root_keys(job->repo->root, r->role);
    r->threshold = tuf_root_threshold(job->repo->root, r->role);
    r->count = (int64_t)json_object_size(old);
    json_decref(old);
    int rc = release_quorum(cli_option(job->args, "quorum"), &r->threshold, &r->count, err);
    if (rc == 0)
        rc = keep_old(job, r, err);
    if (rc == 0)
        rc = take_given(job, r, err);
    return rc == 0 ? make_missing(job, r, err) : rc;
}

/* A new root, and with new targets keys the same targets signed by them: under the root before and after there is
 * always one that clients accept. */
static int make_rotated(struct release_job *job, struct rotation *r, json_t **ret_root, json_t **ret_targets,
                        struct err *err)
{
    const struct settings *s = job->c.settings;
    json_t *root = tuf_signed_next(job->repo->root, job->now_ms + s->update_root_life_s * 1000);
    int rc = root != NULL ? tuf_root_set_role(root, r->role, r->keys, r->threshold, err)
                          : err_set(err, ERR_NOMEM, "out of memory");
    *ret_root = tuf_document_new(root);
    if (r->role == TUF_TARGETS)
        *ret_targets =
            tuf_document_new(tuf_signed_next(job->repo->targets, job->now_ms + s->update_targets_life_s * 1000));
    return rc;
}

static int rotate_role(struct release_job *job, struct rotation *r, struct err *err)
{
    json_t *root = NULL, *targets = NULL;
    bool done = false;
    int rc = choose_keys(job, r, err);
    if (rc == 0)
        rc = make_rotated(job, r, &root, &targets, err);
    if (rc == 0)
        rc = release_propose(job, root, targets, &done, err);
    if (rc == 0 && done)
        rc = release_drop_server_keys(job, err);
    if (rc == 0 && done) {
        release_print(job, json_pack("{s:s, s:I, s:O}", "role", tuf_role_names[r->role], "root version",
                                     (json_int_t)tuf_document_version(job->repo->root), "new key", r->paths));
        if (!cli_switch(job->args, "json") && (r->role == TUF_ROOT || r->role == TUF_TARGETS))
            (void)printf("\nMove the new keys off this server, and destroy those that are replaced.\n");
    }
    json_decref(root);
    json_decref(targets);
    return rc;
}

static int rotate(struct release_job *job, struct err *err)
{
    struct rotation r = {.keys = json_object(), .paths = json_array()};
    const char *name = cli_operand(job->args, 0);
    int rc = tuf_role_parse(name, &r.role)
                 ? release_audit(job, "release.rotate_key", "update", name, err)
                 : err_set(err, ERR_INVALID, "%.40s: the role must be root, targets, snapshot or timestamp", name);
    if (rc == 0)
        rc = rotate_role(job, &r, err);
    tuf_keyring_done(&r.fresh);
    json_decref(r.keys);
    json_decref(r.paths);
    return rc;
}

int release_command_rotate(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_CHANGE, rotate);
}
