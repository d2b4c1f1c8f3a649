#include "audit/mark.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/wipe.h"
#include "ops/alert.h"

enum { TEXT_MAX = 20 + 1 + 64 + 1 + 20 + 1 + 20 + 1, MESSAGE_MAX = 640 };

static const char mark_fact[] = "audit_verified", fault_fact[] = "audit_fault", purpose[] = "audit verified";

/* --- facts --- */

static int fact_get(struct db *db, const char *name, char *ret, size_t size, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_FACT_GET, DB_ARGS(DB_TEXT("name", name)), &rows, err);
    ret[0] = '\0';
    if (rc != DB_ROW)
        return rc;
    const char *value = db_rows_text(&rows, 0);
    (void)snprintf(ret, size, "%s", value != NULL ? value : "");
    db_rows_done(&rows);
    return 0;
}

static int fact_set(struct db *db, const char *name, const char *value, struct err *err)
{
    return db_exec(db, DB_FACT_SET, DB_ARGS(DB_TEXT("name", name), DB_TEXT("value", value)), NULL, err);
}

/* --- the mark: "<seq>:<mac>:<at_ms>:<full_ms>:<signature>" --- */

static bool mark_parse(const char *text, struct trail_mark *ret, struct span *ret_signed, const char **ret_signature)
{
    struct cursor c;
    struct span mac;
    uint64_t seq = 0, at_ms = 0, full_ms = 0;
    cursor_init(&c, span_of(text));
    if (!cursor_uint(&c, INT64_MAX, &seq) || !cursor_char(&c, ':') || !cursor_until(&c, ':', &mac) ||
        mac.len != AUDIT_MAC_SIZE - 1 || !cursor_uint(&c, INT64_MAX, &at_ms) || !cursor_char(&c, ':') ||
        !cursor_uint(&c, INT64_MAX, &full_ms))
        return false;
    *ret_signed = (struct span){text, (size_t)(c.at - text)};
    if (!cursor_char(&c, ':'))
        return false;
    *ret_signature = c.at;
    ret->at.seq = (int64_t)seq;
    ret->at_ms = (int64_t)at_ms;
    ret->full_ms = (int64_t)full_ms;
    memcpy(ret->at.mac, mac.ptr, mac.len);
    ret->at.mac[mac.len] = '\0';
    return true;
}

static int mark_read(struct db *db, const struct audit_key *key, struct trail_mark *ret, struct err *err)
{
    char text[TEXT_MAX + AUDIT_MAC_SIZE], plain[TEXT_MAX], want[AUDIT_MAC_SIZE];
    struct trail_mark mark = {0};
    struct span covered;
    const char *signature;
    *ret = mark;
    int rc = fact_get(db, mark_fact, text, sizeof text, err);
    if (rc != 0 || !mark_parse(text, &mark, &covered, &signature) || covered.len >= sizeof plain)
        return rc;
    memcpy(plain, covered.ptr, covered.len);
    plain[covered.len] = '\0';
    rc = audit_sign(key, purpose, plain, want, err);
    if (rc == 0 && wipe_equal_str(signature, want))
        *ret = mark;
    return rc;
}

static int mark_write(struct db *db, const struct audit_key *key, const struct trail_mark *mark, struct err *err)
{
    char text[TEXT_MAX + AUDIT_MAC_SIZE], signature[AUDIT_MAC_SIZE];
    int len = snprintf(text, TEXT_MAX, "%" PRId64 ":%s:%" PRId64 ":%" PRId64, mark->at.seq, mark->at.mac, mark->at_ms,
                       mark->full_ms);
    int rc = audit_sign(key, purpose, text, signature, err);
    (void)snprintf(text + len, sizeof text - (size_t)len, ":%s", signature);
    return rc != 0 ? rc : fact_set(db, mark_fact, text, err);
}

int trail_mark_store(struct db *db, const struct audit_key *key, const struct trail_mark *mark, struct err *err)
{
    struct trail_mark known, next = *mark;
    int rc = mark_read(db, key, &known, err);
    if (rc != 0)
        return rc;
    if (known.at.seq > next.at.seq) {
        next.at = known.at;
        next.at_ms = known.at_ms;
    }
    return mark_write(db, key, &next, err);
}

/* --- the fault: "<at_ms>:<problem>" --- */

static int fault_read(struct db *db, struct trail_fault *ret, struct err *err)
{
    char text[TRAIL_PROBLEM_MAX + 24];
    struct cursor c;
    uint64_t at_ms = 0;
    *ret = (struct trail_fault){0};
    int rc = fact_get(db, fault_fact, text, sizeof text, err);
    if (rc != 0 || text[0] == '\0')
        return rc;
    cursor_init(&c, span_of(text));
    (void)(cursor_uint(&c, INT64_MAX, &at_ms) && cursor_char(&c, ':'));
    ret->at_ms = at_ms > 0 ? (int64_t)at_ms : 1; /* whatever stands there, something was wrong */
    (void)snprintf(ret->problem, sizeof ret->problem, "%s", c.at);
    return 0;
}

static int fault_alert(struct db *db, const struct trail_fault *fault, struct err *err)
{
    char message[MESSAGE_MAX];
    (void)snprintf(message, sizeof message,
                   "The audit trail does not verify: %s. Somebody changed the database beside the server. Keep a copy "
                   "of it as it is, and compare it with the nightly ones.",
                   fault->problem);
    struct alert alert = {.kind = "audit.broken", .message = message, .time_ms = fault->at_ms};
    return alert_raise(db, &alert, err);
}

static int fault_audit(struct db *db, const struct audit_key *key, const struct trail_fault *fault, struct err *err)
{
    json_t *detail = json_pack("{s:s}", "problem", fault->problem);
    char *text = detail != NULL ? json_dumps(detail, JSON_COMPACT) : NULL;
    struct audit_entry entry = {
        .time_ms = fault->at_ms,
        .actor = "system",
        .action = "audit.verify",
        .target = "",
        .result = AUDIT_FAILED,
        .detail = text,
    };
    int rc = text != NULL ? audit_append(db, key, &entry, err) : err_set(err, ERR_NOMEM, "out of memory");
    json_decref(detail);
    free(text);
    return rc;
}

int trail_fault_store(struct db *db, const struct audit_key *key, const struct trail_fault *fault, struct err *err)
{
    struct trail_fault known;
    char text[TRAIL_PROBLEM_MAX + 24];
    int rc = fault_read(db, &known, err);
    if (rc != 0)
        return rc;
    (void)snprintf(text, sizeof text, "%" PRId64 ":%s", fault->at_ms, fault->problem);
    rc = fact_set(db, fault_fact, text, err);
    if (rc != 0 || (known.at_ms != 0 && strcmp(known.problem, fault->problem) == 0))
        return rc;
    rc = fault_audit(db, key, fault, err);
    return rc != 0 ? rc : fault_alert(db, fault, err);
}

int trail_fault_clear(struct db *db, struct err *err)
{
    return db_exec(db, DB_TRAIL_FAULT_CLEAR, DB_ARGS(DB_TEXT("name", fault_fact)), NULL, err);
}

int trail_mark_load(struct db *db, const struct audit_key *key, struct trail_mark *ret_mark,
                    struct trail_fault *ret_fault, struct err *err)
{
    int rc = mark_read(db, key, ret_mark, err);
    return rc != 0 ? rc : fault_read(db, ret_fault, err);
}
