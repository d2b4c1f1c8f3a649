#include "auth/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/digest.h"
#include "common/buf.h"
#include "common/cursor.h"
#include "common/encode.h"
#include "common/wipe.h"
#include "http/request.h"

enum { ROW_MAX = 64 * 1024 };

static const char *const result_names[] = {[AUDIT_OK] = "ok", [AUDIT_DENIED] = "denied", [AUDIT_FAILED] = "failed"};

static const char no_mac[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* A row as its mac sees it. */
struct row {
    int64_t seq;
    int64_t time_ms;
    const char *actor, *action, *target, *result, *address, *request_id, *detail;
};

struct audit_entry audit_of_request(struct req *r, const char *action, const char *target)
{
    const struct principal *p = &r->principal;
    const char *actor = "anonymous";
    if (p->kind != PRINCIPAL_NONE)
        actor = arena_printf(r->arena, "%s:%s", p->kind == PRINCIPAL_USER ? "user" : "agent", p->id);
    return (struct audit_entry){
        .time_ms = r->now_ms,
        .actor = actor,
        .action = action,
        .target = target,
        .address = r->remote_addr,
        .request_id = r->request_id,
    };
}

/* Every field with its length in front: no two rows share a spelling. */
static void add_field(struct buf *b, const char *text)
{
    size_t len = strlen(text);
    unsigned char prefix[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16), (unsigned char)(len >> 8),
                               (unsigned char)len};
    buf_add(b, prefix, sizeof prefix);
    buf_add(b, text, len);
}

static void add_integer(struct buf *b, int64_t n)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, n);
    add_field(b, text);
}

static int mac_of(const struct audit_key *key, const char *previous, const struct row *row, char ret[DIGEST_HEX_SIZE],
                  struct err *err)
{
    struct buf b;
    unsigned char mac[DIGEST_SIZE];
    buf_init(&b, ROW_MAX);
    add_field(&b, previous);
    add_integer(&b, row->seq);
    add_integer(&b, row->time_ms);
    const char *const fields[] = {row->actor,   row->action,     row->target, row->result,
                                  row->address, row->request_id, row->detail};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        add_field(&b, fields[i]);
    int rc = 0;
    if (!buf_ok(&b))
        rc = err_set(err, ERR_TOO_BIG, "an audit row of more than %d bytes", ROW_MAX);
    else if (!digest_hmac(key->bytes, sizeof key->bytes, b.data, b.len, mac))
        rc = err_set(err, ERR_INTERNAL, "HMAC failed");
    else
        hex_encode(mac, sizeof mac, ret);
    buf_done(&b);
    return rc;
}

/* The newest row's number and mac; 0 and zeros when there is none. */
static int read_head(struct db *db, int64_t *ret_seq, char ret_mac[DIGEST_HEX_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_AUDIT_HEAD, DB_NO_ARGS, &rows, err);
    if (rc < 0)
        return rc;
    if (rc == DB_DONE) {
        *ret_seq = 0;
        memcpy(ret_mac, no_mac, sizeof no_mac);
        return 0;
    }
    *ret_seq = db_rows_int(&rows, 0, 0);
    const char *mac = db_rows_text(&rows, 1);
    (void)snprintf(ret_mac, DIGEST_HEX_SIZE, "%s", mac != NULL ? mac : "");
    db_rows_done(&rows);
    return 0;
}

int audit_append(struct db *db, const struct audit_key *key, const struct audit_entry *entry, struct err *err)
{
    char previous[DIGEST_HEX_SIZE];
    char mac[DIGEST_HEX_SIZE];
    if (entry->actor == NULL || entry->target == NULL)
        return err_set(err, ERR_NOMEM, "an audit row without an actor or a target");
    struct row row = {
        .time_ms = entry->time_ms,
        .actor = entry->actor,
        .action = entry->action,
        .target = entry->target,
        .result = result_names[entry->result],
        .address = entry->address != NULL ? entry->address : "",
        .request_id = entry->request_id != NULL ? entry->request_id : "",
        .detail = entry->detail != NULL ? entry->detail : "{}",
    };
    int rc = read_head(db, &row.seq, previous, err);
    if (rc != 0)
        return rc;
    row.seq++;
    rc = mac_of(key, previous, &row, mac, err);
    if (rc != 0)
        return rc;
    return db_exec(db, DB_AUDIT_INSERT,
                   DB_ARGS(DB_INT("seq", row.seq), DB_INT("time", row.time_ms), DB_TEXT("actor", row.actor),
                           DB_TEXT("action", row.action), DB_TEXT("target", row.target), DB_TEXT("result", row.result),
                           DB_TEXT("address", row.address), DB_TEXT("request_id", row.request_id),
                           DB_TEXT("detail", row.detail), DB_TEXT("mac", mac)),
                   NULL, err);
}

int audit_head(struct db *db, char ret[AUDIT_HEAD_SIZE], struct err *err)
{
    int64_t seq = 0;
    char mac[DIGEST_HEX_SIZE];
    int rc = read_head(db, &seq, mac, err);
    if (rc == 0)
        (void)snprintf(ret, AUDIT_HEAD_SIZE, "%" PRId64 ":%s", seq, mac);
    return rc;
}

int audit_check_head(struct db *db, const char *head, struct err *err)
{
    struct cursor c;
    uint64_t seq = 0;
    unsigned char bytes[DIGEST_SIZE];
    struct db_rows rows;
    cursor_init(&c, span_of(head));
    if (!cursor_uint(&c, INT64_MAX, &seq) || !cursor_char(&c, ':') || !hex_decode(c.at, bytes, sizeof bytes))
        return err_set(err, ERR_INVALID, "not the head of an audit trail");
    if (seq == 0)
        return strcmp(c.at, no_mac) == 0 ? 0 : err_set(err, ERR_INVALID, "not the head of an audit trail");
    int rc = db_query_one(db, DB_AUDIT_MAC_AT, DB_ARGS(DB_INT("seq", (int64_t)seq)), &rows, err);
    if (rc < 0)
        return rc;
    const char *mac = rc == DB_ROW ? db_rows_text(&rows, 0) : NULL;
    bool same = mac != NULL && wipe_equal_str(mac, c.at);
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return same ? 0 : err_set(err, ERR_CORRUPT, "audit row %" PRIu64 " is gone or was replaced", seq);
}

static const char *text_or_empty(const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, column);
    return text != NULL ? text : "";
}

/* Checks the row that rows stands on, and moves previous on to its mac. */
static int verify_row(const struct db_rows *rows, const struct audit_key *key, int64_t want_seq,
                      char previous[DIGEST_HEX_SIZE], struct err *err)
{
    struct row row = {
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
    if (row.seq != want_seq)
        return err_set(err, ERR_CORRUPT, "audit row %" PRId64 " is missing: the next one is %" PRId64, want_seq,
                       row.seq);
    char mac[DIGEST_HEX_SIZE];
    int rc = mac_of(key, previous, &row, mac, err);
    if (rc != 0)
        return rc;
    if (!wipe_equal_str(mac, text_or_empty(rows, 9)))
        return err_set(err, ERR_CORRUPT, "audit row %" PRId64 " was changed, or the one before it", row.seq);
    memcpy(previous, mac, sizeof mac);
    return 0;
}

int audit_verify(struct db *db, const struct audit_key *key, int64_t *ret_rows, struct err *err)
{
    char previous[DIGEST_HEX_SIZE];
    int64_t count = 0;
    struct db_rows rows;
    memcpy(previous, no_mac, sizeof no_mac);
    int rc = db_query(db, DB_AUDIT_ALL, DB_NO_ARGS, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW)
        rc = verify_row(&rows, key, ++count, previous, err);
    db_rows_done(&rows);
    if (rc == 0)
        *ret_rows = count;
    return rc;
}
