#include "token/refresh.h"

#include <stdio.h>
#include <string.h>

#include "auth/secrets.h"
#include "auth/session.h"
#include "common/wipe.h"
#include "ops/alert.h"

int refresh_insert_first(struct db *db, const char *session_id, const char *token, int64_t now_ms, int64_t expires_ms,
                         struct err *err)
{
    char hash[DIGEST_HEX_SIZE];
    digest_token(token, hash);
    return db_exec(db, DB_REFRESH_INSERT,
                   DB_ARGS(DB_TEXT("hash", hash), DB_TEXT("session", session_id), DB_INT("generation", 0),
                           DB_INT("now", now_ms), DB_INT("expires", expires_ms)),
                   NULL, err);
}

int refresh_known(struct db *db, const char *token, int64_t now_ms, bool *ret, struct err *err)
{
    char hash[DIGEST_HEX_SIZE];
    struct db_rows rows;
    digest_token(token, hash);
    int rc = db_query_one(db, DB_REFRESH_GET, DB_ARGS(DB_TEXT("hash", hash), DB_INT("now", now_ms)), &rows, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW;
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return 0;
}

/* --- the successor under the seal of its predecessor --- */

enum { AAD_SIZE = 32 + DIGEST_HEX_SIZE };

static void aad_of(const struct redemption *w, char ret[AAD_SIZE])
{
    (void)snprintf(ret, AAD_SIZE, "refresh_tokens:successor:%s", w->hash);
}

static int seal(struct redemption *w, struct err *err)
{
    char aad[AAD_SIZE];
    struct buf text;
    aad_of(w, aad);
    buf_init(&text, sizeof w->sealed - 1);
    int rc = secrets_seal_with(w->key, aad, w->next, strlen(w->next), &text, err);
    if (rc == 0)
        memcpy(w->sealed, buf_str(&text), text.len + 1);
    buf_done(&text);
    return rc;
}

int refresh_prepare(struct redemption *w, struct err *err)
{
    digest_token(w->token, w->hash);
    if (!token_new(TOKEN_REFRESH, token_random, w->next))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    if (!digest_hkdf(w->token, strlen(w->token), "muster refresh successor 1", w->key, sizeof w->key))
        return err_set(err, ERR_NOMEM, "out of memory");
    digest_token(w->next, w->next_hash);
    return seal(w, err);
}

int refresh_open(struct redemption *w, struct err *err)
{
    char aad[AAD_SIZE];
    struct buf plain;
    aad_of(w, aad);
    buf_init(&plain, TOKEN_SIZE - 1);
    int rc = secrets_open_with(w->key, aad, w->sealed_before, &plain, err);
    if (rc == 0)
        memcpy(w->next, buf_str(&plain), plain.len + 1);
    buf_done_secret(&plain);
    return rc;
}

void refresh_done(struct redemption *w)
{
    wipe(w->next, sizeof w->next);
    wipe(w->key, sizeof w->key);
}

/* --- redeeming --- */

struct found {
    int64_t generation;
    bool used;
    int64_t used_ms;
    int64_t expires_ms;
};

static const char *text_or_empty(const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, column);
    return text != NULL ? text : "";
}

/* DB_ROW, DB_DONE or an error. */
static int find(struct db *db, struct redemption *w, struct found *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_REFRESH_GET, DB_ARGS(DB_TEXT("hash", w->hash), DB_INT("now", w->now_ms)), &rows, err);
    if (rc != DB_ROW)
        return rc;
    (void)snprintf(w->session_id, sizeof w->session_id, "%s", text_or_empty(&rows, 0));
    *ret = (struct found){
        .generation = db_rows_int(&rows, 1, 0),
        .used = !db_rows_null(&rows, 2),
        .used_ms = db_rows_int(&rows, 2, 0),
        .expires_ms = db_rows_int(&rows, 3, 0),
    };
    (void)snprintf(w->sealed_before, sizeof w->sealed_before, "%s", text_or_empty(&rows, 4));
    (void)snprintf(w->user_id, sizeof w->user_id, "%s", text_or_empty(&rows, 5));
    w->expires_ms = db_rows_int(&rows, 6, 0);
    db_rows_done(&rows);
    return DB_ROW;
}

static int successor_unused(struct db *db, const struct redemption *w, const struct found *f, bool *ret,
                            struct err *err)
{
    struct db_rows rows;
    int rc =
        db_query_one(db, DB_REFRESH_UNUSED,
                     DB_ARGS(DB_TEXT("session", w->session_id), DB_INT("generation", f->generation + 1)), &rows, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW;
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return 0;
}

static int move_on(struct db *db, struct redemption *w, const struct found *f, struct err *err)
{
    int64_t changes = 0;
    int rc = db_exec(db, DB_REFRESH_USE,
                     DB_ARGS(DB_TEXT("hash", w->hash), DB_INT("now", w->now_ms), DB_TEXT("successor", w->sealed)),
                     &changes, err);
    if (rc == 0 && changes != 1)
        rc = err_set(err, ERR_INTERNAL, "a refresh token was used while it was being used");
    if (rc == 0)
        rc = db_exec(db, DB_REFRESH_INSERT,
                     DB_ARGS(DB_TEXT("hash", w->next_hash), DB_TEXT("session", w->session_id),
                             DB_INT("generation", f->generation + 1), DB_INT("now", w->now_ms),
                             DB_INT("expires", w->expires_ms)),
                     NULL, err);
    return rc != 0 ? rc
                   : db_exec(db, DB_REFRESH_FORGET,
                             DB_ARGS(DB_TEXT("session", w->session_id),
                                     DB_INT("generation", f->generation + 1 - REFRESH_FAMILY_MAX)),
                             NULL, err);
}

static int raise_reuse(struct db *db, const struct redemption *w, struct err *err)
{
    char message[512];
    (void)snprintf(
        message, sizeof message,
        "A refresh token was used twice, the second time from %s: somebody has a copy. The session was ended; sign the "
        "program in again, and find out where its token was kept.",
        w->audit.address);
    struct alert alert = {.kind = "token.reuse", .message = message, .user_id = w->user_id, .time_ms = w->now_ms};
    return alert_raise(db, &alert, err);
}

static int end_family(struct db *db, struct redemption *w, struct err *err)
{
    char target[8 + UUID_SIZE], detail[32 + UUID_SIZE];
    (void)snprintf(target, sizeof target, "user:%s", w->user_id);
    (void)snprintf(detail, sizeof detail, "{\"session\":\"%s\"}", w->session_id);
    struct audit_entry entry = w->audit;
    entry.action = "token.reuse";
    entry.target = target;
    entry.result = AUDIT_DENIED;
    entry.detail = detail;
    int rc = session_delete(db, w->session_id, err);
    if (rc == 0)
        rc = audit_append(db, w->audit_key, &entry, err);
    if (rc == 0)
        rc = raise_reuse(db, w, err);
    return rc != 0 ? rc : db_changed(db, "sessions", err);
}

/* Of two requests at once the one that is written second may have begun first, so its time may be the earlier one. */
static bool within_grace(const struct redemption *w, const struct found *f)
{
    return w->now_ms - f->used_ms <= REFRESH_GRACE_MS && f->used_ms - w->now_ms <= REFRESH_GRACE_MS;
}

int refresh_redeem(struct db *db, void *ctx, struct err *err)
{
    struct redemption *w = ctx;
    struct found f = {0};
    bool unused = false;
    int rc = find(db, w, &f, err);
    w->outcome = REFRESH_UNKNOWN;
    if (rc != DB_ROW)
        return rc;
    if (!f.used) {
        w->outcome = f.expires_ms <= w->now_ms ? REFRESH_EXPIRED : REFRESH_NEXT;
        return w->outcome == REFRESH_NEXT ? move_on(db, w, &f, err) : 0;
    }
    rc = successor_unused(db, w, &f, &unused, err);
    if (rc != 0)
        return rc;
    if (unused && within_grace(w, &f) && w->sealed_before[0] != '\0') {
        w->outcome = REFRESH_AGAIN;
        return 0;
    }
    w->outcome = REFRESH_REUSED;
    return end_family(db, w, err);
}
