#include "auth/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/audit_row.h"
#include "auth/digest.h"
#include "common/buf.h"
#include "common/cursor.h"
#include "common/encode.h"
#include "common/wipe.h"
#include "http/request.h"

enum { ROW_MAX = 64 * 1024 };

static const char *const result_names[] = {[AUDIT_OK] = "ok", [AUDIT_DENIED] = "denied", [AUDIT_FAILED] = "failed"};

const char audit_no_mac[AUDIT_MAC_SIZE] = "0000000000000000000000000000000000000000000000000000000000000000";

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

static int mac_of_fields(const struct audit_key *key, const struct buf *fields, char ret[AUDIT_MAC_SIZE],
                         struct err *err)
{
    unsigned char mac[DIGEST_SIZE];
    if (!buf_ok(fields))
        return err_set(err, ERR_TOO_BIG, "an audit row of more than %d bytes", ROW_MAX);
    if (!digest_hmac(key->bytes, sizeof key->bytes, fields->data, fields->len, mac))
        return err_set(err, ERR_INTERNAL, "HMAC failed");
    hex_encode(mac, sizeof mac, ret);
    return 0;
}

int audit_row_mac(const struct audit_key *key, const char *previous, const struct audit_row *row,
                  char ret[AUDIT_MAC_SIZE], struct err *err)
{
    struct buf b;
    buf_init(&b, ROW_MAX);
    add_field(&b, previous);
    add_integer(&b, row->seq);
    add_integer(&b, row->time_ms);
    const char *const fields[] = {row->actor,   row->action,     row->target, row->result,
                                  row->address, row->request_id, row->detail};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        add_field(&b, fields[i]);
    int rc = mac_of_fields(key, &b, ret, err);
    buf_done(&b);
    return rc;
}

/* A row begins with a field of 64 bytes, this with one of another length. */
int audit_sign(const struct audit_key *key, const char *purpose, const char *text, char ret[AUDIT_MAC_SIZE],
               struct err *err)
{
    struct buf b;
    buf_init(&b, ROW_MAX);
    add_field(&b, purpose);
    add_field(&b, text);
    int rc = strlen(purpose) != AUDIT_MAC_SIZE - 1 ? mac_of_fields(key, &b, ret, err)
                                                   : err_set(err, ERR_INTERNAL, "a purpose as long as a mac");
    buf_done(&b);
    return rc;
}

/* The newest row's number and mac; 0 and zeros when there is none. */
static int read_head(struct db *db, int64_t *ret_seq, char ret_mac[AUDIT_MAC_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_AUDIT_HEAD, DB_NO_ARGS, &rows, err);
    if (rc < 0)
        return rc;
    if (rc == DB_DONE) {
        *ret_seq = 0;
        memcpy(ret_mac, audit_no_mac, sizeof audit_no_mac);
        return 0;
    }
    *ret_seq = db_rows_int(&rows, 0, 0);
    const char *mac = db_rows_text(&rows, 1);
    (void)snprintf(ret_mac, AUDIT_MAC_SIZE, "%s", mac != NULL ? mac : "");
    db_rows_done(&rows);
    return 0;
}

int audit_append(struct db *db, const struct audit_key *key, const struct audit_entry *entry, struct err *err)
{
    char previous[AUDIT_MAC_SIZE];
    char mac[AUDIT_MAC_SIZE];
    if (entry->actor == NULL || entry->target == NULL)
        return err_set(err, ERR_NOMEM, "an audit row without an actor or a target");
    struct audit_row row = {
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
    rc = audit_row_mac(key, previous, &row, mac, err);
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
    char mac[AUDIT_MAC_SIZE];
    int rc = read_head(db, &seq, mac, err);
    if (rc == 0)
        (void)snprintf(ret, AUDIT_HEAD_SIZE, "%" PRId64 ":%s", seq, mac);
    return rc;
}

/* What a head says: its number and its mac. */
static int head_parse(const char *head, struct audit_place *ret, struct err *err)
{
    struct cursor c;
    uint64_t seq = 0;
    unsigned char bytes[DIGEST_SIZE];
    cursor_init(&c, span_of(head));
    bool good = cursor_uint(&c, INT64_MAX, &seq) && cursor_char(&c, ':') && hex_decode(c.at, bytes, sizeof bytes) &&
                (seq != 0 || strcmp(c.at, audit_no_mac) == 0);
    if (!good)
        return err_set(err, ERR_INVALID, "not the head of an audit trail");
    ret->seq = (int64_t)seq;
    (void)snprintf(ret->mac, sizeof ret->mac, "%s", c.at);
    return 0;
}

int audit_check_place(struct db *db, const struct audit_place *place, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_AUDIT_MAC_AT, DB_ARGS(DB_INT("seq", place->seq)), &rows, err);
    if (rc < 0)
        return rc;
    const char *mac = rc == DB_ROW ? db_rows_text(&rows, 0) : NULL;
    bool same = mac != NULL && wipe_equal_str(mac, place->mac);
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return same ? 0 : err_set(err, ERR_CORRUPT, "audit row %" PRId64 " is gone or was replaced", place->seq);
}

int audit_check_head(struct db *db, const struct audit_key *key, const char *head, struct err *err)
{
    struct audit_place told, begin;
    int rc = head_parse(head, &told, err);
    if (rc == 0)
        rc = audit_begin(db, key, &begin, NULL, err);
    if (rc != 0 || told.seq < begin.seq || told.seq == 0)
        return rc; /* what was cut in good order is too old to say anything of */
    if (told.seq > begin.seq)
        return audit_check_place(db, &told, err);
    return wipe_equal_str(told.mac, begin.mac)
               ? 0
               : err_set(err, ERR_CORRUPT, "audit row %" PRId64 " was replaced before it was cut", told.seq);
}
