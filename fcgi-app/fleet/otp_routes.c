/* The routes under /api/otps. */
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "fleet/agents.h"
#include "fleet/fleet.h"
#include "fleet/labels.h"
#include "fleet/network.h"
#include "fleet/otp.h"
#include "http/list.h"
#include "http/request.h"

static int64_t sees_all(const struct req *r)
{
    return r->principal.role == ROLE_ADMIN;
}

/* --- mint --- */

/* The labels as JSON text in the arena; "{}" for none, NULL after a failure. */
static const char *read_labels(struct req *r, struct jsonread *body)
{
    struct jsonread given;
    jsonread_object_or_none(body, "labels", &given);
    if (given.object == NULL)
        return body->error->failed ? NULL : "{}";
    bool ok = labels_valid(given.object);
    if (!ok)
        jsonread_fail(body, "labels", "must be at most %d names of up to %d bytes with texts of up to %d", LABELS_MAX,
                      LABEL_NAME_MAX, LABEL_VALUE_MAX);
    char *text = ok ? labels_text(given.object) : NULL;
    const char *copy = arena_strdup(r->arena, text);
    free(text);
    return copy;
}

void fleet_otp_mint(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct network network;
    struct err err = {0};
    if (!req_json(r, &wrong, &body))
        return;
    struct otp_new otp = {
        .owner_id = r->principal.id,
        .name = jsonread_str_or(&body, "name", 0, AGENT_NAME_MAX, ""),
        .expected_host = jsonread_str_or(&body, "expectedHost", 1, OTP_HOST_MAX, NULL),
        .network = jsonread_str_or(&body, "network", 1, 64, NULL),
        .ttl_s = jsonread_int_or(&body, "ttlS", OTP_TTL_MIN_S, OTP_TTL_MAX_S, OTP_TTL_S),
        .uses = jsonread_int_or(&body, "uses", 1, OTP_USES_MAX, 1),
        .labels = read_labels(r, &body),
        .now_ms = r->now_ms,
    };
    if (otp.network != NULL && !network_parse(otp.network, &network))
        jsonread_fail(&body, "network", "must be a network such as 192.0.2.0/24 or 2001:db8::/32");
    if (!req_fields_ok(r, &wrong))
        return;
    struct otp_minted minted = {0};
    struct audit_entry entry = audit_of_request(r, "otp.mint", "");
    int rc =
        otp.labels != NULL ? otp_mint(r->app, &otp, &entry, &minted, &err) : err_set(&err, ERR_NOMEM, "out of memory");
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, otp_minted_json(r->app, &minted));
    wipe(&minted, sizeof minted);
}

/* --- list --- */

static const char *state_of(const struct db_rows *rows, int64_t now_ms)
{
    if (!db_rows_null(rows, 9))
        return "revoked";
    if (!db_rows_null(rows, 8))
        return "blocked";
    if (db_rows_int(rows, 5, 0) >= db_rows_int(rows, 4, 0))
        return "used";
    return db_rows_int(rows, 3, 0) <= now_ms ? "expired" : "open";
}

static json_t *otp_json(const struct db_rows *rows, int64_t now_ms)
{
    return json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:s?,s:s?,s:s}", "id", db_rows_text(rows, 0), "name",
                     db_rows_text(rows, 1), "created_ms", (json_int_t)db_rows_int(rows, 2, 0), "expires_ms",
                     (json_int_t)db_rows_int(rows, 3, 0), "uses", (json_int_t)db_rows_int(rows, 4, 0), "used",
                     (json_int_t)db_rows_int(rows, 5, 0), "expectedHost", db_rows_text(rows, 6), "network",
                     db_rows_text(rows, 7), "state", state_of(rows, now_ms));
}

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"name", "name", CSV_PLAIN},
    {"state", "state", CSV_PLAIN},
    {"host", "expectedHost", CSV_PLAIN},
    {"network", "network", CSV_PLAIN},
    {"used", "used", CSV_PLAIN},
    {"uses", "uses", CSV_PLAIN},
    {"made", "created_ms", CSV_TIME},
    {"expires", "expires_ms", CSV_TIME},
    {NULL, NULL, CSV_PLAIN},
};

#define QUERY_ARGS(r, state, ask)                                                                                      \
    DB_INT("see_all", sees_all(r)), DB_TEXT("viewer", (r)->principal.id), DB_TEXT("state", state),                     \
        DB_TEXT("q", (ask)->pattern), DB_INT("now", (r)->now_ms)

void fleet_otp_list(struct req *r)
{
    static const char *const sorts[] = {"created", "expires", "name", "uses", NULL};
    static const char *const states[] = {"open", "used", "expired", "blocked", "revoked", NULL};
    struct list_ask ask;
    struct list_out out;
    struct db_rows rows;
    struct err err = {0};
    const char *state;
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "otps"}, &ask) ||
        !list_choice(r, "state", states, "", &state))
        return;
    list_begin(&out, &ask, columns);
    int rc = db_query_number(r->db, DB_OTP_COUNT, DB_ARGS(QUERY_ARGS(r, state, &ask)), &total, &err);
    if (rc == 0) {
        rc = db_query(r->db, DB_OTP_PAGE,
                      DB_ARGS(QUERY_ARGS(r, state, &ask), DB_TEXT("sort", ask.sort),
                              DB_INT("descending", ask.descending), DB_INT("limit", ask.limit),
                              DB_INT("offset", ask.offset)),
                      &rows, &err);
        while (rc == 0 && (rc = db_rows_next(&rows, &err)) == DB_ROW)
            rc = list_add(&out, otp_json(&rows, r->now_ms), &err);
        db_rows_done(&rows);
    }
    list_reply(r, &out, rc, total, &err);
}

/* --- revoke --- */

struct revocation {
    const struct req *r;
    const struct audit_key *key;
    struct audit_entry audit;
};

static int require_visible(struct db *db, const struct req *r, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(
        db, DB_OTP_VISIBLE,
        DB_ARGS(DB_TEXT("id", r->params[0]), DB_INT("see_all", sees_all(r)), DB_TEXT("viewer", r->principal.id)), &rows,
        err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such one-time password");
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return rc < 0 ? rc : 0;
}

static int write_revocation(struct db *db, void *ctx, struct err *err)
{
    const struct revocation *w = ctx;
    int64_t changes = 0;
    int rc = require_visible(db, w->r, err);
    if (rc == 0)
        rc = db_exec(db, DB_OTP_REVOKE,
                     DB_ARGS(DB_TEXT("id", w->r->params[0]), DB_INT("now", w->r->now_ms),
                             DB_INT("see_all", sees_all(w->r)), DB_TEXT("viewer", w->r->principal.id)),
                     &changes, err);
    return rc != 0 || changes == 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

void fleet_otp_revoke(struct req *r)
{
    struct err err = {0};
    struct revocation w = {r, secrets_audit_key(r->app->secrets),
                           audit_of_request(r, "otp.revoke", arena_printf(r->arena, "otp:%s", r->params[0]))};
    if (db_write(r->app->writer, write_revocation, &w, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
