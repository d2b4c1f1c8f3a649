/* muster-app release list, show, check: looking without changing. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "update/release_command.h"
#include "update/release_store.h"
#include "update/update.h"

const char release_check_details[] =
    "Goes through the repository as a client does that trusts its first root: signatures, versions, expiry, and the\n"
    "length and hash of every file.";

static const char *text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s != NULL ? s : "-";
}

static void day(const json_t *object, const char *key, char ret[CLOCK_RFC3339_SIZE])
{
    const json_t *ms = json_object_get(object, key);
    clock_format_rfc3339(json_integer_value(ms), ret);
    (void)snprintf(ret + 10, CLOCK_RFC3339_SIZE - 10, "%s", "");
    if (!json_is_integer(ms))
        (void)snprintf(ret, CLOCK_RFC3339_SIZE, "-");
}

/* --- list --- */

static int list(struct release_job *job, struct err *err)
{
    json_t *releases = NULL;
    size_t i;
    const json_t *one;
    int rc = release_list(job->c.db, NULL, &releases, err);
    if (rc != 0)
        return rc;
    if (cli_switch(job->args, "json")) {
        command_print_json(releases);
        return 0;
    }
    (void)printf("%-16s  %-10s  %-10s  %-10s  %10s  %s\n", "VERSION", "CHANNEL", "STATUS", "PUBLISHED", "BYTES",
                 "AGENTS");
    json_array_foreach(releases, i, one)
    {
        char published[CLOCK_RFC3339_SIZE];
        day(one, "published_ms", published);
        (void)printf("%-16s  %-10s  %-10s  %-10s  %10lld  %lld\n", text(one, "version"), text(one, "channel"),
                     text(one, "status"), published, (long long)json_integer_value(json_object_get(one, "size")),
                     (long long)json_integer_value(json_object_get(one, "agents")));
    }
    json_decref(releases);
    return 0;
}

int release_command_list(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_NO_REPO, list);
}

/* --- show --- */

static void print_release(const json_t *r)
{
    static const char *const times[] = {"created_ms", "published_ms", "withdrawn_ms"};
    static const char *const names[] = {"created", "published", "withdrawn"};
    size_t i;
    const json_t *one;
    (void)printf("version     %s, %s, channel %s\n", text(r, "version"), text(r, "status"), text(r, "channel"));
    for (i = 0; i < 3; i++) {
        char when[CLOCK_RFC3339_SIZE];
        day(r, times[i], when);
        (void)printf("%-11s %s\n", names[i], when);
    }
    if (json_is_string(json_object_get(r, "withdrawn_reason")))
        (void)printf("because     %s\n", text(r, "withdrawn_reason"));
    (void)printf("least       %s\nimage       %s\ndowngrade   %s\nagents      %lld\n", text(r, "min_version"),
                 text(r, "container_image"), json_is_true(json_object_get(r, "downgrade")) ? "allowed" : "not allowed",
                 (long long)json_integer_value(json_object_get(r, "agents")));
    json_array_foreach(json_object_get(r, "files"), i, one)
    {
        (void)printf("%-11s %10lld bytes  %s\n", text(one, "arch"),
                     (long long)json_integer_value(json_object_get(one, "size")), text(one, "sha256"));
    }
    json_array_foreach(json_object_get(r, "patches"), i, one)
    {
        (void)printf("patch       %10lld bytes  %s from %s\n",
                     (long long)json_integer_value(json_object_get(one, "size")), text(one, "arch"),
                     text(one, "base_version"));
    }
    (void)printf("\n%s\n", text(r, "changelog"));
}

static int show(struct release_job *job, struct err *err)
{
    json_t *release = NULL;
    int rc = release_get(job->c.db, cli_operand(job->args, 0), NULL, &release, err);
    if (rc == 0 && cli_switch(job->args, "json"))
        command_print_json(json_incref(release));
    else if (rc == 0)
        print_release(release);
    json_decref(release);
    return rc;
}

int release_command_show(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_NO_REPO, show);
}

/* --- check --- */

static json_t *describe(const struct repo *repo, const json_t *document)
{
    enum tuf_role role = tuf_document_role(document);
    char expires[CLOCK_RFC3339_SIZE];
    const char *id;
    json_t *key;
    json_t *ids = json_array();
    json_t *keys = tuf_root_keys(repo->root, role);
    clock_format_rfc3339(tuf_document_expires_ms(document), expires);
    json_object_foreach(keys, id, key)
    {
        (void)json_array_append_new(ids, json_string(id));
    }
    json_decref(keys);
    return json_pack("{s:I, s:s, s:I, s:o}", "version", (json_int_t)tuf_document_version(document), "expires", expires,
                     "threshold", (json_int_t)tuf_root_threshold(repo->root, role), "keys", ids);
}

static void print_role(const struct repo *repo, const json_t *document)
{
    json_t *d = describe(repo, document);
    size_t i;
    const json_t *id;
    (void)printf("%-10s version %lld, until %.10s, %lld of %zu keys:", tuf_role_names[tuf_document_role(document)],
                 (long long)json_integer_value(json_object_get(d, "version")), text(d, "expires"),
                 (long long)json_integer_value(json_object_get(d, "threshold")),
                 json_array_size(json_object_get(d, "keys")));
    json_array_foreach(json_object_get(d, "keys"), i, id)
    {
        (void)printf(" %.8s", json_string_value(id));
    }
    (void)printf("\n");
    json_decref(d);
}

static int check(struct release_job *job, struct err *err)
{
    const struct repo *repo = job->repo;
    int rc = repo_check(repo, job->now_ms, err);
    if (rc == 0 && cli_switch(job->args, "json")) {
        command_print_json(json_pack("{s:s, s:o, s:o, s:o, s:o}", "fingerprint", repo->fingerprint, "root",
                                     describe(repo, repo->root), "targets", describe(repo, repo->targets), "snapshot",
                                     describe(repo, repo->snapshot), "timestamp", describe(repo, repo->timestamp)));
    } else if (rc == 0) {
        (void)printf("fingerprint of the first root: %s\n", repo->fingerprint);
        print_role(repo, repo->root);
        print_role(repo, repo->targets);
        print_role(repo, repo->snapshot);
        print_role(repo, repo->timestamp);
        (void)printf("%zu files, all as they were signed\n",
                     json_object_size(json_object_get(tuf_document_signed(repo->targets), "targets")));
    }
    return rc;
}

int release_command_check(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return release_job_run(args, RELEASE_READ, check);
}
