/* migrate, backup-db, restore-db */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/audit.h"
#include "auth/secrets.h"
#include "command.h"
#include "common/log.h"
#include "db/backup.h"
#include "db/migrate.h"
#include "db/writer.h"
#include "ops/ops.h"

static int fail(const struct cli_args *args, const struct err *err)
{
    return cli_fail(args, CLI_FAILED, err);
}

static int find_database(const struct settings *s, struct err *err)
{
    if (access(s->db_path, F_OK) == 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "%s: no database; 'muster-app init' makes one", s->db_path);
}

int ops_command_migrate(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct settings *s = NULL;
    struct err err = {0};
    struct migrate_result result = {0};
    int lock = -1;
    int exit_code = CLI_OK;
    if (command_settings(args, &s, &exit_code) != 0)
        return exit_code;
    struct migrate_options options = {
        .path = s->db_path, .backup_dir = s->backup_dir, .now_ms = clock_now_ms(clock_system())};
    int rc = find_database(s, &err);
    if (rc == 0)
        rc = db_lock(s->db_path, false, &lock, &err);
    if (rc == 0)
        rc = db_migrate(&options, &result, &err);
    if (rc != 0)
        exit_code = fail(args, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:I, s:I, s:I, s:s}", "from", (json_int_t)result.from, "to",
                                     (json_int_t)result.to, "applied", (json_int_t)result.applied, "backup",
                                     result.backup));
    else if (result.applied == 0)
        (void)printf("the schema is at version %d already\n", (int)result.to);
    else
        (void)printf("schema %d -> %d%s%s\n", (int)result.from, (int)result.to,
                     result.backup[0] != '\0' ? "; copy before: " : "", result.backup);
    if (lock >= 0)
        (void)close(lock);
    settings_free(s);
    return exit_code;
}

int ops_command_backup_db(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct settings *s = NULL;
    struct err err = {0};
    const char *file = cli_operand(args, 0);
    int64_t version = 0;
    int exit_code = CLI_OK;
    if (command_settings(args, &s, &exit_code) != 0)
        return exit_code;
    int rc = find_database(s, &err);
    if (rc == 0)
        rc = db_backup(s->db_path, file, &err);
    if (rc == 0)
        rc = db_backup_verify(file, &version, &err);
    if (rc != 0)
        exit_code = fail(args, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:s, s:I}", "file", file, "schema", (json_int_t)version));
    else
        (void)printf("copied to %s and verified (schema %d)\n", file, (int)version);
    settings_free(s);
    return exit_code;
}

/* --- restore --- */

struct restored {
    const struct audit_key *key;
    int64_t now_ms;
    json_t *detail;
};

/* What a copy must not bring back, since it may have been ended, revoked or used meanwhile. */
static int end_what_lets_in(struct db *db, int64_t now_ms, struct err *err)
{
    static const enum db_statement ended[] = {DB_RESTORE_SESSIONS_END, DB_RESTORE_SIGNINS_END, DB_RESTORE_DEVICES_END,
                                              DB_RESTORE_ACCESS_TOKENS_END};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof ended / sizeof ended[0]; i++)
        rc = db_exec(db, ended[i], DB_NO_ARGS, NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_RESTORE_OTPS_REVOKE, DB_ARGS(DB_INT("now", now_ms)), NULL, err);
    return rc != 0 ? rc : db_exec(db, DB_INVITATION_VOID_ALL, DB_ARGS(DB_INT("now", now_ms)), NULL, err);
}

static int restored_write(struct db *db, void *ctx, struct err *err)
{
    const struct restored *r = ctx;
    char now[24];
    (void)snprintf(now, sizeof now, "%lld", (long long)r->now_ms);
    char *detail = json_dumps(r->detail, JSON_COMPACT);
    struct audit_entry entry = {.time_ms = r->now_ms,
                                .actor = command_actor(),
                                .action = "database.restored",
                                .target = "database",
                                .result = AUDIT_OK,
                                .address = "",
                                .request_id = "",
                                .detail = detail};
    int rc = end_what_lets_in(db, r->now_ms, err);
    if (rc == 0)
        rc = db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", "restored_ms"), DB_TEXT("value", now)), NULL, err);
    if (rc == 0)
        rc = audit_append(db, r->key, &entry, err);
    free(detail);
    return rc;
}

static int record_restore(const struct settings *s, const struct secrets *secrets, const char *file, int64_t now_ms,
                          struct err *err)
{
    struct db_writer *writer = NULL;
    struct migrate_result migrated;
    struct restored restored = {.now_ms = now_ms, .detail = json_pack("{s:s}", "file", file)};
    int rc = db_migrate(&(struct migrate_options){.path = s->db_path, .backup_dir = s->backup_dir, .now_ms = now_ms},
                        &migrated, err);
    if (rc == 0)
        rc = db_writer_start(s->db_path, &writer, err);
    if (rc == 0) {
        restored.key = secrets_audit_key(secrets);
        rc = db_write(writer, restored_write, &restored, err);
    }
    db_writer_stop(writer);
    json_decref(restored.detail);
    return rc;
}

int ops_command_restore_db(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct settings *s = NULL;
    struct secrets *secrets = NULL;
    struct err err = {0};
    char old[DB_PATH_MAX] = "";
    int lock = -1;
    int exit_code = CLI_OK;
    if (command_settings(args, &s, &exit_code) != 0)
        return exit_code;
    int64_t now_ms = clock_now_ms(clock_system());
    /* First, since it also finds out whether we are the user that all of this belongs to. */
    int rc = secrets_load(s->secrets_dir, &secrets, &err);
    if (rc == 0)
        rc = db_lock(s->db_path, true, &lock, &err);
    if (rc == 0)
        rc = db_restore(cli_operand(args, 0), s->db_path, now_ms, old, &err);
    if (rc == 0)
        rc = record_restore(s, secrets, cli_operand(args, 0), now_ms, &err);
    if (rc != 0)
        exit_code = fail(args, &err);
    else if (cli_switch(args, "json"))
        command_print_json(json_pack("{s:s, s:s}", "database", s->db_path, "before", old));
    else
        (void)printf("restored %s\n%s%s%severyone has to sign in again; one-time passwords not yet used are revoked;\n"
                     "agents deactivated since the copy was made are active again: look at them\n",
                     s->db_path, old[0] != '\0' ? "what was there before: " : "", old, old[0] != '\0' ? "\n" : "");
    if (lock >= 0)
        (void)close(lock);
    secrets_free(secrets);
    settings_free(s);
    return exit_code;
}
