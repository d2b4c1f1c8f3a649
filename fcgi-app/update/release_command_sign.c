/* muster-app release sign, import: signatures that are made where the server is not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "update/release_command.h"
#include "update/release_targets.h"
#include "update/update.h"

const struct cli_option release_sign_options[] = {
    COMMAND_OPTION_CONFIG,
    COMMAND_OPTION_JSON,
    {"key", "FILE", "the private key to sign with"},
    {0},
};

const char release_sign_details[] =
    "Shows what FILE says and adds the key's signature to it. Needs neither configuration nor database nor network, "
    "so\n"
    "that it runs where the key is. 'release import' on the server checks the signatures and takes it.";

const char release_import_details[] =
    "FILE is root or targets metadata that was signed elsewhere; a new root that changes the targets keys and the\n"
    "targets that they signed go in one call. Nothing is changed unless enough signatures are right and it follows\n"
    "what is in force.";

static int read_document(const char *path, json_t **ret, struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    int rc = file_read(path, TUF_DOCUMENT_MAX, &text, &len, err);
    if (rc != 0)
        return rc;
    rc = tuf_document_parse((struct span){text, len}, ret, err);
    if (rc != 0)
        (void)err_prefix(err, "%.150s", path);
    free(text);
    return rc;
}

/* --- sign --- */

static void print_root(const json_t *document)
{
    for (int i = 0; i < TUF_ROLES; i++) {
        const char *id;
        json_t *key;
        json_t *keys = tuf_root_keys(document, (enum tuf_role)i);
        (void)printf("  %-9s %lld of %zu:", tuf_role_names[i],
                     (long long)tuf_root_threshold(document, (enum tuf_role)i), json_object_size(keys));
        json_object_foreach(keys, id, key)
        {
            (void)printf(" %.8s", id);
        }
        (void)printf("\n");
        json_decref(keys);
    }
}

/* Whoever made the document must not paint over what the signer sees: no control characters. */
static void print_text(const char *before, const json_t *value)
{
    (void)fputs(before, stdout);
    for (const char *s = json_is_string(value) ? json_string_value(value) : "-"; *s != '\0'; s++)
        (void)putchar((unsigned char)*s < ' ' || *s == 127 ? '?' : *s);
}

static void print_target(const char *path, const json_t *info)
{
    const json_t *custom = json_object_get(info, "custom");
    print_text("  ", json_object_get(json_object_get(info, "hashes"), "sha256"));
    (void)printf(" %.200s", strpbrk(path, "\r\n\t\033") == NULL ? path : "(a name with control characters)");
    if (release_targets_is(custom, RELEASE_PRODUCT)) {
        print_text(", channel ", json_object_get(custom, "channel"));
        print_text(", least version ", json_object_get(custom, "min_version"));
        print_text(", image ", json_object_get(custom, "container_image"));
        (void)printf("%s", json_is_true(json_object_get(custom, "downgrade")) ? ", DOWNGRADE ALLOWED" : "");
    }
    (void)printf("\n");
}

static void print_targets(const json_t *document)
{
    const char *path;
    json_t *info;
    size_t i;
    const json_t *one;
    json_object_foreach(json_object_get(tuf_document_signed(document), "targets"), path, info)
    {
        print_target(path, info);
    }
    json_array_foreach(release_targets_withdrawn(tuf_document_signed(document)), i, one)
    {
        print_text("  withdrawn: ", json_object_get(one, "version"));
        print_text(", ", json_object_get(one, "reason"));
        (void)printf("\n");
    }
}

static void print_document(const json_t *document)
{
    char expires[CLOCK_RFC3339_SIZE];
    enum tuf_role role = tuf_document_role(document);
    clock_format_rfc3339(tuf_document_expires_ms(document), expires);
    (void)printf("%s version %lld, until %.10s\n", tuf_role_names[role], (long long)tuf_document_version(document),
                 expires);
    if (role == TUF_ROOT)
        print_root(document);
    if (role == TUF_TARGETS)
        print_targets(document);
}

static int sign_file(const char *path, const char *key_path, json_t **ret, struct err *err)
{
    struct tuf_key *key = NULL;
    struct buf bytes;
    buf_init(&bytes, TUF_DOCUMENT_MAX);
    int rc =
        key_path != NULL ? read_document(path, ret, err) : err_set(err, ERR_INVALID, "say which key signs: --key FILE");
    if (rc == 0 && tuf_document_role(*ret) != TUF_ROOT && tuf_document_role(*ret) != TUF_TARGETS)
        rc = err_set(err, ERR_INVALID, "%.150s: only root and targets are signed by people", path);
    if (rc == 0)
        rc = tuf_key_read(key_path, &key, err);
    if (rc == 0)
        rc = tuf_document_sign(*ret, key, err);
    if (rc == 0)
        rc = tuf_document_encode(*ret, &bytes, err);
    if (rc == 0)
        rc = file_write(path, bytes.data, bytes.len, 0644, err);
    tuf_key_free(key);
    buf_done(&bytes);
    return rc;
}

int release_command_sign(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct err err = {0};
    json_t *document = NULL;
    int code = CLI_OK;
    int rc = sign_file(cli_operand(args, 0), cli_option(args, "key"), &document, &err);
    if (rc != 0) {
        code = cli_fail(args, rc == ERR_INVALID ? CLI_USAGE : CLI_FAILED, &err);
    } else if (cli_switch(args, "json")) {
        command_print_json(json_pack("{s:s, s:I, s:I}", "role", tuf_role_names[tuf_document_role(document)], "version",
                                     (json_int_t)tuf_document_version(document), "signatures",
                                     (json_int_t)json_array_size(json_object_get(document, "signatures"))));
    } else {
        print_document(document);
        (void)printf("signed; %zu signatures\n", json_array_size(json_object_get(document, "signatures")));
    }
    json_decref(document);
    return code;
}

/* --- import --- */

static int read_operands(const struct release_job *job, json_t **ret_root, json_t **ret_targets, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < cli_operand_count(job->args); i++) {
        json_t *document = NULL;
        rc = read_document(cli_operand(job->args, i), &document, err);
        if (rc != 0)
            break;
        enum tuf_role role = tuf_document_role(document);
        json_t **place = role == TUF_ROOT ? ret_root : role == TUF_TARGETS ? ret_targets : NULL;
        if (place == NULL || *place != NULL) {
            json_decref(document);
            rc = err_set(err, ERR_INVALID, "%.150s: one root and one targets metadata at most are taken",
                         cli_operand(job->args, i));
        } else {
            *place = document;
        }
    }
    return rc;
}

static int import(struct release_job *job, struct err *err)
{
    json_t *root = NULL, *targets = NULL;
    int rc = read_operands(job, &root, &targets, err);
    if (rc == 0)
        rc = release_audit(job, "release.import", "update", root != NULL ? "root" : "targets", err);
    if (rc == 0)
        rc = release_take(job, root, targets, err);
    if (rc == 0 && root != NULL)
        rc = release_drop_server_keys(job, err);
    if (rc == 0)
        release_print(job, json_pack("{s:s, s:I, s:I}", "status", "published", "root version",
                                     (json_int_t)tuf_document_version(job->repo->root), "targets version",
                                     (json_int_t)tuf_document_version(job->repo->targets)));
    json_decref(root);
    json_decref(targets);
    return rc;
}

int release_command_import(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_CHANGE, import);
}
