#include "db/migrate.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/version.h"
#include "db/backup.h"
#include "db/driver.h"

/* What the table schema_migrations says. */
struct applied {
    int64_t version; /* the newest */
    bool has_wanted; /* the migration that was asked for is there */
};

/* Reads the table, refusing what this program must not touch. */
static int read_applied(struct db *db, const struct migrate_options *o, int64_t wanted, struct applied *ret,
                        struct err *err)
{
    struct applied found = {0};
    struct db_rows rows;
    int rc = db_query(db, DB_MIGRATION_LIST, DB_NO_ARGS, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        rc = 0;
        int64_t version = db_rows_int(&rows, 0, 0);
        const char *least = db_rows_text(&rows, 2);
        const char *sum = db_rows_text(&rows, 3);
        if (least != NULL && least[0] != '\0' && version_compare(o->app_version, least) < 0)
            rc = err_set(err, ERR_CONFLICT, "%s: this database needs muster-app %s or newer; this is %s", o->path,
                         least, o->app_version);
        for (const struct migration *m = o->table; rc == 0 && m->sql != NULL; m++)
            if (m->version == version && (sum == NULL || strcmp(sum, m->sha256) != 0))
                rc = err_set(err, ERR_CORRUPT, "%s: migration %04d (%s) is not the one this program knows", o->path,
                             (int)version, m->name);
        found.version = version; /* ordered by version */
        found.has_wanted |= version == wanted;
    }
    db_rows_done(&rows);
    if (rc == 0)
        *ret = found;
    return rc;
}

/* Inside the transaction: applies m unless somebody else has. */
static int apply_locked(struct db *db, const struct migrate_options *o, const struct migration *m,
                        struct migrate_result *result, struct err *err)
{
    struct applied applied;
    int rc = read_applied(db, o, m->version, &applied, err);
    if (rc != 0 || applied.has_wanted)
        return rc;
    rc = db_script(db, m->sql, err);
    if (rc == 0)
        rc = db_foreign_key_check(db, err);
    if (rc == 0)
        rc = db_exec(db, DB_MIGRATION_RECORD,
                     DB_ARGS(DB_INT("version", m->version), DB_TEXT("name", m->name), DB_TEXT("min_app", m->least_app),
                             DB_TEXT("sha256", m->sha256), DB_INT("now", o->now_ms)),
                     NULL, err);
    if (rc != 0)
        return err_prefix(err, "migration %04d (%s)", (int)m->version, m->name);
    result->applied++;
    return 0;
}

/* Foreign keys are off meanwhile, so that a table can be rebuilt; they are checked as a whole before the commit. */
static int apply(struct db *db, const struct migrate_options *o, const struct migration *m,
                 struct migrate_result *result, struct err *err)
{
    int rc = db_begin(db, err);
    if (rc != 0)
        return rc;
    rc = m->version == 0 ? db_script(db, m->sql, err) : apply_locked(db, o, m, result, err);
    if (rc == 0)
        rc = db_commit(db, err);
    if (rc != 0)
        db_rollback(db);
    return rc;
}

static int backup_before(const struct migrate_options *o, int64_t version, struct migrate_result *result,
                         struct err *err)
{
    int rc = file_mkdirs(o->backup_dir, 0700, err);
    if (rc != 0)
        return rc;
    int len = snprintf(result->backup, sizeof result->backup, "%s/before-%04d-%lld.sqlite", o->backup_dir, (int)version,
                       (long long)o->now_ms);
    if (len < 0 || (size_t)len >= sizeof result->backup)
        return err_set(err, ERR_TOO_BIG, "MUSTER_DB_BACKUP_DIR is too long");
    return db_backup(o->path, result->backup, err);
}

static int64_t newest(const struct migration *table)
{
    int64_t version = 0;
    for (const struct migration *m = table; m->sql != NULL; m++)
        version = m->version;
    return version;
}

static int run_all(struct db *db, const struct migrate_options *o, struct migrate_result *result, struct err *err)
{
    int rc = db_foreign_keys(db, false, err);
    if (rc == 0)
        rc = apply(db, o, &o->table[0], result, err);
    struct applied applied = {0};
    if (rc == 0)
        rc = read_applied(db, o, 0, &applied, err);
    if (rc != 0)
        return rc;
    result->from = applied.version;
    if (applied.version > 0 && applied.version < newest(o->table) && o->backup_dir != NULL)
        rc = backup_before(o, newest(o->table), result, err);
    for (const struct migration *m = &o->table[1]; rc == 0 && m->sql != NULL; m++)
        if (m->version > applied.version)
            rc = apply(db, o, m, result, err);
    result->to = applied.version > newest(o->table) ? applied.version : newest(o->table);
    return rc;
}

int db_migrate(const struct migrate_options *options, struct migrate_result *ret, struct err *err)
{
    struct migrate_options o = *options;
    if (o.table == NULL)
        o.table = migrations;
    if (o.app_version == NULL)
        o.app_version = MUSTER_VERSION;
    if (o.table[0].version != 0)
        return err_set(err, ERR_INTERNAL, "the table of migrations does not start with 0");
    if (!o.create && access(o.path, F_OK) != 0)
        return err_set(err, ERR_NOT_FOUND, "%s: no database; 'muster-app init' makes one", o.path);
    struct db *db = NULL;
    struct migrate_result result = {0};
    int rc = db_open(&(struct db_options){.path = o.path, .create = o.create}, &db, err);
    if (rc == 0)
        rc = run_all(db, &o, &result, err);
    db_close(db);
    if (rc == 0)
        *ret = result;
    return rc;
}
