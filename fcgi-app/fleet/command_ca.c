/* muster-app ca …: from one root to the next without an agent left behind. */
#include "command.h"

#include <inttypes.h>
#include <stdio.h>

#include "auth/secrets.h"
#include "db/writer.h"
#include "fleet/ca.h"
#include "fleet/fleet.h"

const char fleet_ca_details[] =
    "A new root comes in three steps. 'ca prepare' makes it and has agents trust it beside the old one; 'ca switch'\n"
    "makes it the one that signs; 'ca retire' ends the trust in the old one. After each step restart the server and\n"
    "reload nginx, and wait until every agent has been online: they fetch the new bundle with their next heartbeat.\n"
    "Before 'ca retire' wait for the life of a certificate (MUSTER_CERTIFICATE_DAYS) too.";

static int print_ca(const struct cli_args *args, const struct ca *ca)
{
    if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:s,s:I,s:s}", "caFingerprint", ca_fingerprint(ca), "caBundleRev",
                                     (json_int_t)ca_bundle_rev(ca), "caBundle", ca_bundle(ca)));
    else
        printf("root      %s\nbundle    revision %" PRId64 "\n\n%s", ca_fingerprint(ca), ca_bundle_rev(ca),
               ca_bundle(ca));
    return CLI_OK;
}

int fleet_command_ca_show(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct command c = {0};
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    exit_code = print_ca(args, c.app->ca);
    command_close(&c);
    return exit_code;
}

struct step_write {
    const struct audit_key *key;
    struct audit_entry entry;
};

static int write_step(struct db *db, void *ctx, struct err *err)
{
    const struct step_write *w = ctx;
    return audit_append(db, w->key, &w->entry, err);
}

/* The first row says that it was begun; what it changes is files, which no transaction takes back. */
static void record_failure(struct app *app, struct step_write *w)
{
    struct err err = {0};
    w->entry.result = AUDIT_FAILED;
    if (db_write(app->writer, write_step, w, &err) != 0)
        (void)fprintf(stderr, "the failure is not in the audit trail: %s\n", err.msg);
}

static int take_step(const struct cli_args *args, enum ca_step step, const char *action)
{
    struct command c = {0};
    struct err err = {0};
    struct ca *ca = NULL;
    int exit_code = CLI_OK;
    if (command_open(args, &c, &exit_code) != 0)
        return exit_code;
    int64_t now_ms = clock_now_ms(c.app->clock);
    struct step_write w = {secrets_audit_key(c.app->secrets),
                           {.time_ms = now_ms, .actor = command_actor(), .action = action, .target = "ca"}};
    const char *dir = c.app->settings->secrets_dir;
    int rc = db_write(c.app->writer, write_step, &w, &err);
    if (rc == 0) {
        rc = ca_roll(dir, step, now_ms, &err);
        if (rc != 0)
            record_failure(c.app, &w);
    }
    if (rc == 0)
        rc = ca_load(dir, &ca, &err);
    exit_code = rc == 0 ? print_ca(args, ca) : cli_fail(args, CLI_FAILED, &err);
    ca_free(ca);
    command_close(&c);
    return exit_code;
}

int fleet_command_ca_prepare(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return take_step(args, CA_PREPARE, "ca.prepare");
}

int fleet_command_ca_switch(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return take_step(args, CA_SWITCH, "ca.switch");
}

int fleet_command_ca_retire(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    return take_step(args, CA_RETIRE, "ca.retire");
}
