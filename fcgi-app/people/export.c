/* What is stored about a person, as one JSON document: for themselves, and for an admin who is asked for it. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/blocking.h"
#include "db/writer.h"
#include "http/request.h"
#include "people/people.h"
#include "people/person.h"

/* A column's name, and what its last character says: '#' a number or null, '{' JSON that is stored as text. */
struct section {
    const char *name;
    bool one; /* an object, not a list */
    enum db_statement statement;
    const char *columns[12];
};

static const struct section sections[] = {
    {"account",
     true,
     DB_EXPORT_ACCOUNT,
     {"id", "email", "name", "role", "disabled_ms#", "created_ms#", "updated_ms#", "lastLogin_ms#", "deleted_ms#",
      "purgeAfter_ms#"}},
    {"sessions",
     false,
     DB_EXPORT_SESSIONS,
     {"id", "kind", "method", "address", "userAgent", "created_ms#", "authenticated_ms#", "lastUsed_ms#",
      "expires_ms#"}},
    {"devices", false, DB_EXPORT_DEVICES, {"id", "name", "address", "created_ms#", "lastUsed_ms#", "expires_ms#"}},
    {"signInAddresses", false, DB_EXPORT_SIGN_IN_ADDRESSES, {"address", "last_ms#"}},
    {"totp", false, DB_EXPORT_TOTP, {"enabled_ms#", "pending_ms#"}},
    {"passkeys", false, DB_EXPORT_PASSKEYS, {"id", "name", "created_ms#", "lastUsed_ms#"}},
    {"backupCodes", false, DB_EXPORT_BACKUP_CODES, {"created_ms#", "used_ms#"}},
    {"accessTokens",
     false,
     DB_EXPORT_ACCESS_TOKENS,
     {"id", "name", "scopes", "created_ms#", "expires_ms#", "lastUsed_ms#", "lastAddress"}},
    {"grants", false, DB_EXPORT_GRANTS, {"kind", "objectId", "created_ms#"}},
    {"invitations",
     false,
     DB_EXPORT_INVITATIONS,
     {"id", "email", "role", "invitedBy", "created_ms#", "expires_ms#", "used_ms#", "revoked_ms#"}},
    {"agents",
     false,
     DB_EXPORT_AGENTS,
     {"id", "name", "hostname", "platform", "arch", "version", "address", "labels{", "created_ms#", "last_seen_ms#"}},
    {"otps",
     false,
     DB_EXPORT_OTPS,
     {"id", "name", "expectedHost", "network", "labels{", "uses#", "created_ms#", "expires_ms#", "revoked_ms#"}},
    {"configs",
     false,
     DB_EXPORT_CONFIGS,
     {"id", "agentId", "name", "executionMode", "sources{", "options{", "created_ms#", "updated_ms#"}},
    {"backups", true, DB_EXPORT_RUNS, {"count#", "bytes#", "first_ms#", "last_ms#"}},
    {"rollouts",
     false,
     DB_EXPORT_ROLLOUTS,
     {"id", "kind", "version", "channel", "state", "created_ms#", "finished_ms#"}},
    {"alerts", false, DB_EXPORT_ALERTS, {"id", "kind", "message", "created_ms#", "acknowledged_ms#"}},
    {"audit",
     false,
     DB_EXPORT_AUDIT,
     {"seq#", "time_ms#", "actor", "action", "target", "result", "address", "requestId", "detail{"}},
};

static json_t *value_of(const struct db_rows *rows, int column, char kind)
{
    if (db_rows_null(rows, column))
        return json_null();
    if (kind == '#')
        return json_integer((json_int_t)db_rows_int(rows, column, 0));
    const char *text = db_rows_text(rows, column);
    json_t *json = kind == '{' ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return json != NULL ? json : json_string(text);
}

static json_t *row_json(const struct db_rows *rows, const struct section *s)
{
    json_t *row = json_object();
    for (int i = 0; row != NULL && i < 12 && s->columns[i] != NULL; i++) {
        char name[32];
        size_t len = strlen(s->columns[i]);
        char kind = s->columns[i][len - 1];
        if (kind == '#' || kind == '{')
            len--;
        memcpy(name, s->columns[i], len);
        name[len] = '\0';
        if (json_object_set_new(row, name, value_of(rows, i, kind)) != 0) {
            json_decref(row);
            row = NULL;
        }
    }
    return row;
}

static int add_section(struct db *db, const struct section *s, const char *user_id, json_t *document, struct err *err)
{
    struct db_rows rows;
    json_t *list = json_array();
    int rc = db_query(db, s->statement, DB_ARGS(DB_TEXT("user", user_id)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = json_array_append_new(list, row_json(&rows, s)) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    db_rows_done(&rows);
    json_t *value = s->one ? json_incref(json_array_get(list, 0)) : json_incref(list);
    json_decref(list);
    if (rc == 0 && value == NULL)
        return err_set(err, ERR_NOT_FOUND, "There is no such person.");
    if (rc == 0 && json_object_set(document, s->name, value) != 0)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    json_decref(value);
    return rc;
}

static int collect(struct req *r, const char *user_id, json_t *document, struct err *err)
{
    int rc = db_read_begin(r->db, err);
    if (rc != 0)
        return rc;
    blocking_begin();
    for (size_t i = 0; rc == 0 && i < sizeof sections / sizeof sections[0]; i++)
        rc = add_section(r->db, &sections[i], user_id, document, err);
    blocking_end();
    db_read_end(r->db);
    return rc;
}

static int write_audit(struct db *db, void *ctx, struct err *err)
{
    const struct person_act *act = ctx;
    return person_audit(db, act, "user.export", NULL, err);
}

static void export(struct req *r, const char *user_id)
{
    struct err err = {0};
    struct person_act act = {secrets_audit_key(r->app->secrets), audit_of_request(r, "", ""), user_id};
    json_t *document = json_pack("{s:I}", "exported_ms", (json_int_t)r->now_ms);
    int rc = document != NULL ? collect(r, user_id, document, &err) : err_set(&err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        rc = db_write(r->app->writer, write_audit, &act, &err);
    if (rc != 0) {
        json_decref(document);
        reply_error(r, &err);
        return;
    }
    reply_header(r, "Content-Disposition", "attachment; filename=\"muster-export.json\"");
    reply_json(r, 200, document);
}

void people_export(struct req *r)
{
    export(r, r->params[0]);
}

void people_export_own(struct req *r)
{
    export(r, r->principal.id);
}
