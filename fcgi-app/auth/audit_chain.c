/* The chain of the audit trail from its beginning: checking it, and cutting it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/audit.h"
#include "auth/audit_row.h"
#include "auth/digest.h"
#include "common/wipe.h"

enum { CUT_TEXT_MAX = 20 + 1 + 64 + 1 + 20 + 1 };

/* --- where it begins --- */

static int cut_mac(const struct audit_key *key, const struct audit_place *last, int64_t cut_ms,
                   char ret[AUDIT_MAC_SIZE], struct err *err)
{
    char text[CUT_TEXT_MAX];
    (void)snprintf(text, sizeof text, "%" PRId64 ":%s:%" PRId64, last->seq, last->mac, cut_ms);
    return audit_sign(key, "audit cut", text, ret, err);
}

static const char *text_or_empty(const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, column);
    return text != NULL ? text : "";
}

int audit_begin(struct db *db, const struct audit_key *key, struct audit_place *ret, int64_t *ret_cut_ms,
                struct err *err)
{
    struct audit_place place = {0};
    struct db_rows rows;
    int64_t cut_ms = 0;
    char mac[AUDIT_MAC_SIZE] = "", want[AUDIT_MAC_SIZE] = "";
    int rc = db_query_one(db, DB_AUDIT_CUT_NEWEST, DB_NO_ARGS, &rows, err);
    if (rc < 0)
        return rc;
    bool is_cut = rc == DB_ROW;
    (void)snprintf(place.mac, sizeof place.mac, "%s", is_cut ? text_or_empty(&rows, 1) : audit_no_mac);
    if (is_cut) {
        place.seq = db_rows_int(&rows, 0, 0);
        cut_ms = db_rows_int(&rows, 2, 0);
        (void)snprintf(mac, sizeof mac, "%s", text_or_empty(&rows, 3));
        db_rows_done(&rows);
        rc = cut_mac(key, &place, cut_ms, want, err);
        if (rc != 0)
            return rc;
        if (place.seq <= 0 || !wipe_equal_str(mac, want))
            return err_set(err, ERR_CORRUPT, "the cut of the audit trail at row %" PRId64 " is not ours", place.seq);
    }
    *ret = place;
    if (ret_cut_ms != NULL)
        *ret_cut_ms = cut_ms;
    return 0;
}

/* --- walking along it --- */

/* Checks the row that rows stands on, and moves the place on to it. */
static int check_row(const struct db_rows *rows, const struct audit_key *key, struct audit_place *at, struct err *err)
{
    struct audit_row row = {
        .seq = db_rows_int(rows, 0, 0),
        .time_ms = db_rows_int(rows, 1, 0),
        .actor = text_or_empty(rows, 2),
        .action = text_or_empty(rows, 3),
        .target = text_or_empty(rows, 4),
        .result = text_or_empty(rows, 5),
        .address = text_or_empty(rows, 6),
        .request_id = text_or_empty(rows, 7),
        .detail = text_or_empty(rows, 8),
    };
    if (row.seq != at->seq + 1)
        return err_set(err, ERR_CORRUPT, "audit row %" PRId64 " is missing: the next one is %" PRId64, at->seq + 1,
                       row.seq);
    char mac[AUDIT_MAC_SIZE];
    int rc = audit_row_mac(key, at->mac, &row, mac, err);
    if (rc != 0)
        return rc;
    if (!wipe_equal_str(mac, text_or_empty(rows, 9)))
        return err_set(err, ERR_CORRUPT, "audit row %" PRId64 " was changed, or the one before it", row.seq);
    at->seq = row.seq;
    memcpy(at->mac, mac, sizeof mac);
    return 0;
}

int audit_walk(struct db *db, const struct audit_key *key, struct audit_walk *walk, struct err *err)
{
    struct db_rows rows;
    walk->rows = 0;
    walk->ended = true;
    int rc = db_query(db, DB_AUDIT_AFTER, DB_ARGS(DB_INT("seq", walk->at.seq)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        rc = 0;
        if (db_rows_int(&rows, 1, 0) >= walk->before_ms)
            break;
        if (walk->rows == walk->max_rows) {
            walk->ended = false;
            break;
        }
        rc = check_row(&rows, key, &walk->at, err);
        walk->rows += rc == 0;
    }
    db_rows_done(&rows);
    return rc;
}

int audit_verify(struct db *db, const struct audit_key *key, int64_t *ret_rows, struct err *err)
{
    struct audit_walk walk = {.max_rows = INT64_MAX, .before_ms = INT64_MAX};
    int rc = audit_begin(db, key, &walk.at, NULL, err);
    bool is_cut = rc == 0 && walk.at.seq > 0;
    if (rc == 0)
        rc = audit_walk(db, key, &walk, err);
    if (rc == 0 && is_cut && walk.rows == 0)
        rc = err_set(err, ERR_CORRUPT, "no audit row follows row %" PRId64 ", where the trail was cut", walk.at.seq);
    if (rc == 0)
        *ret_rows = walk.rows;
    return rc;
}

/* --- cutting it --- */

static int append_cut(struct db *db, const struct audit_key *key, const struct audit_cut *cut, struct err *err)
{
    char target[32], detail[128];
    (void)snprintf(target, sizeof target, "audit:%" PRId64, cut->to.seq);
    (void)snprintf(detail, sizeof detail, "{\"rows\":%" PRId64 ",\"before_ms\":%" PRId64 "}", cut->rows,
                   cut->before_ms);
    struct audit_entry entry = {
        .time_ms = cut->now_ms, .actor = "system", .action = "audit.cut", .target = target, .detail = detail};
    return audit_append(db, key, &entry, err);
}

int audit_cut(struct db *db, const struct audit_key *key, const struct audit_cut *cut, struct err *err)
{
    struct audit_place begin;
    char mac[AUDIT_MAC_SIZE];
    int rc = audit_begin(db, key, &begin, NULL, err);
    if (rc == 0 && (begin.seq != cut->from.seq || cut->to.seq <= begin.seq))
        rc = err_set(err, ERR_CONFLICT, "the audit trail was cut meanwhile");
    if (rc == 0)
        rc = audit_check_place(db, &cut->to, err);
    if (rc == 0)
        rc = cut_mac(key, &cut->to, cut->now_ms, mac, err);
    if (rc == 0)
        rc = append_cut(db, key, cut, err); /* first: it continues from the newest row, which may be one that goes */
    if (rc == 0)
        rc = db_exec(db, DB_AUDIT_CUT_INSERT,
                     DB_ARGS(DB_INT("seq", cut->to.seq), DB_TEXT("row_mac", cut->to.mac), DB_INT("now", cut->now_ms),
                             DB_TEXT("mac", mac)),
                     NULL, err);
    return rc != 0 ? rc : db_exec(db, DB_AUDIT_CUT_DELETE_BEFORE, DB_ARGS(DB_INT("seq", cut->to.seq)), NULL, err);
}

int audit_drop(struct db *db, const struct audit_key *key, int64_t max, int64_t *ret_rows, struct err *err)
{
    struct audit_place begin;
    int rc = audit_begin(db, key, &begin, NULL, err);
    return rc != 0 ? rc
                   : db_exec(db, DB_AUDIT_DROP, DB_ARGS(DB_INT("seq", begin.seq), DB_INT("limit", max)), ret_rows, err);
}
