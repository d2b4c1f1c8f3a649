#include "passkey/challenge.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/token.h"
#include "common/wipe.h"
#include "db/writer.h"

static const char *purpose_name(enum passkey_purpose purpose)
{
    static const char *const names[] = {"register", "signin", "factor", "stepup"};
    return names[purpose];
}

int passkey_rp_id(const struct req *r, char ret[RP_ID_SIZE], struct err *err)
{
    static const char scheme[] = "https://";
    struct in_addr ignored;
    const char *host = r->app->settings->public_url + sizeof scheme - 1;
    size_t len = host[0] == '[' ? 0 : strcspn(host, ":");
    if (len >= RP_ID_SIZE)
        return err_set(err, ERR_CONFLICT, "the server's name is too long for passkeys");
    char name[RP_ID_SIZE];
    memcpy(name, host, len);
    name[len] = '\0';
    if (len == 0 || inet_pton(AF_INET, name, &ignored) == 1)
        return err_set(err, ERR_CONFLICT, "Passkeys need a server with a name; MUSTER_PUBLIC_URL has an address.");
    memcpy(ret, name, len + 1);
    return 0;
}

/* --- of one we know: a row, which goes when it is used --- */

struct new_challenge {
    const struct passkey_ask *ask;
    char hash[DIGEST_HEX_SIZE];
    int64_t expires_ms;
};

static int insert(struct db *db, const struct passkey_ask *ask, const char *hash, int64_t expires_ms,
                  int64_t *ret_changes, struct err *err)
{
    return db_exec(db, DB_CHALLENGE_INSERT,
                   DB_ARGS(DB_TEXT("hash", hash), DB_TEXT("purpose", purpose_name(ask->purpose)),
                           DB_TEXT("user", ask->user_id), DB_TEXT("bound_to", ask->bound_to),
                           DB_INT("expires", expires_ms)),
                   ret_changes, err);
}

static int write_new(struct db *db, void *ctx, struct err *err)
{
    const struct new_challenge *c = ctx;
    int rc = db_exec(db, DB_CHALLENGE_DELETE_EARLIER,
                     DB_ARGS(DB_TEXT("bound_to", c->ask->bound_to), DB_TEXT("user", c->ask->user_id),
                             DB_TEXT("purpose", purpose_name(c->ask->purpose))),
                     NULL, err);
    return rc != 0 ? rc : insert(db, c->ask, c->hash, c->expires_ms, NULL, err);
}

static int row_find(struct db *db, const struct challenge *c, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_CHALLENGE_GET,
                          DB_ARGS(DB_TEXT("hash", c->hash), DB_TEXT("purpose", purpose_name(c->ask->purpose)),
                                  DB_TEXT("user", c->ask->user_id), DB_TEXT("bound_to", c->ask->bound_to),
                                  DB_INT("now", c->now_ms)),
                          &rows, err);
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return rc < 0 ? rc : rc == DB_ROW ? 0 : err_set(err, ERR_DENIED, "no such challenge");
}

static int row_use(struct db *db, const struct challenge *c, int64_t *ret_used, struct err *err)
{
    return db_exec(db, DB_CHALLENGE_USE,
                   DB_ARGS(DB_TEXT("hash", c->hash), DB_TEXT("purpose", purpose_name(c->ask->purpose)),
                           DB_TEXT("user", c->ask->user_id), DB_TEXT("bound_to", c->ask->bound_to),
                           DB_INT("now", c->now_ms)),
                   ret_used, err);
}

/* --- of a stranger: until when, eight random bytes, and our MAC over both and the browser --- */

enum { EXPIRES_BYTES = 8, SIGNED_BYTES = 16, MAC_BYTES = 16, MAC_HEX = 32 };
_Static_assert(SIGNED_BYTES + MAC_BYTES == WEBAUTHN_CHALLENGE_BYTES, "a challenge is as long as others");

static int stranger_mac(const struct req *r, size_t age, const struct passkey_ask *ask,
                        const unsigned char what[SIGNED_BYTES], unsigned char ret[MAC_BYTES], struct err *err)
{
    char mac[SECRETS_MAC_SIZE], hex[HEX_SIZE(SIGNED_BYTES)], text[HEX_SIZE(SIGNED_BYTES) + DIGEST_HEX_SIZE];
    hex_encode(what, SIGNED_BYTES, hex);
    int len = snprintf(text, sizeof text, "%s:%s", hex, ask->bound_to);
    if (len < 0 || (size_t)len >= sizeof text)
        return err_set(err, ERR_INTERNAL, "a challenge bound to too much");
    int rc = secrets_mac(r->app->secrets, age, "muster passkey challenges", text, (size_t)len, mac, err);
    if (rc != 0)
        return rc;
    mac[MAC_HEX] = '\0'; /* half of it is enough */
    return hex_decode(mac, ret, MAC_BYTES) ? 0 : err_set(err, ERR_INTERNAL, "a MAC that is no hex");
}

static int stranger_new(struct req *r, const struct passkey_ask *ask, char ret[WEBAUTHN_CHALLENGE_SIZE],
                        struct err *err)
{
    unsigned char bytes[WEBAUTHN_CHALLENGE_BYTES];
    uint64_t expires_ms = (uint64_t)(r->now_ms + PASSKEY_CHALLENGE_MS);
    for (int i = 0; i < EXPIRES_BYTES; i++)
        bytes[i] = (unsigned char)(expires_ms >> (8 * (EXPIRES_BYTES - 1 - i)));
    if (!token_random(bytes + EXPIRES_BYTES, SIGNED_BYTES - EXPIRES_BYTES))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    int rc = stranger_mac(r, 0, ask, bytes, bytes + SIGNED_BYTES, err);
    if (rc == 0)
        base64url_encode(bytes, sizeof bytes, ret);
    return rc;
}

/* Whether we made it, for this browser, and when it ends. Older keys too: they may have rotated since. */
static int stranger_find(struct req *r, const char *text, struct challenge *c, struct err *err)
{
    unsigned char bytes[WEBAUTHN_CHALLENGE_BYTES], mac[MAC_BYTES];
    uint64_t expires_ms = 0;
    size_t len = 0;
    bool ours = false;
    int rc = 0;
    if (!base64url_decode(text, bytes, sizeof bytes, &len) || len != sizeof bytes)
        return err_set(err, ERR_DENIED, "no challenge of ours");
    for (size_t age = 0; !ours && rc == 0; age++) {
        rc = stranger_mac(r, age, c->ask, bytes, mac, err);
        ours = rc == 0 && wipe_equal(mac, bytes + SIGNED_BYTES, sizeof mac);
    }
    for (int i = 0; i < EXPIRES_BYTES; i++)
        expires_ms = expires_ms << 8 | bytes[i];
    c->expires_ms = (int64_t)expires_ms;
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    return ours && c->expires_ms > c->now_ms ? 0 : err_set(err, ERR_DENIED, "no challenge of ours, or over");
}

/* --- either --- */

static bool of_stranger(const struct passkey_ask *ask)
{
    return ask->purpose == PASSKEY_SIGNIN;
}

int challenge_new(struct req *r, const struct passkey_ask *ask, char ret[WEBAUTHN_CHALLENGE_SIZE], struct err *err)
{
    unsigned char bytes[WEBAUTHN_CHALLENGE_BYTES];
    char text[WEBAUTHN_CHALLENGE_SIZE];
    struct new_challenge c = {.ask = ask, .expires_ms = r->now_ms + PASSKEY_CHALLENGE_MS};
    if (of_stranger(ask))
        return stranger_new(r, ask, ret, err);
    if (!token_random(bytes, sizeof bytes))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    base64url_encode(bytes, sizeof bytes, text);
    digest_token(text, c.hash);
    int rc = db_write(r->app->writer, write_new, &c, err);
    if (rc == 0)
        memcpy(ret, text, sizeof text);
    return rc;
}

int challenge_find(struct req *r, const char *text, struct challenge *c, struct err *err)
{
    digest_token(text, c->hash);
    return of_stranger(c->ask) ? stranger_find(r, text, c, err) : row_find(r->db, c, err);
}

bool challenge_wrong_answer_counts(const struct challenge *c)
{
    return !of_stranger(c->ask);
}

int challenge_use(struct db *db, const struct challenge *c, struct err *err)
{
    int64_t used = 0;
    int rc = of_stranger(c->ask) ? insert(db, c->ask, c->hash, c->expires_ms, &used, err) : row_use(db, c, &used, err);
    return rc != 0 ? rc : used == 1 ? 0 : err_set(err, ERR_DENIED, "the challenge was used");
}

/* "usb nfc" as a list. */
static json_t *transports_json(const char *text)
{
    struct cursor c;
    struct span name;
    json_t *list = json_array();
    cursor_init(&c, span_of(text));
    while (cursor_field(&c, ' ', &name))
        if (name.len > 0)
            (void)json_array_append_new(list, json_stringn(name.ptr, name.len));
    return list;
}

int passkey_descriptors(struct req *r, const char *user_id, json_t **ret, struct err *err)
{
    struct db_rows rows;
    json_t *list = json_array();
    int rc = db_query(r->db, DB_PASSKEY_LIST, DB_ARGS(DB_TEXT("user", user_id)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *one = json_pack("{s:s,s:s,s:o}", "type", "public-key", "id", db_rows_text(&rows, 2), "transports",
                                transports_json(db_rows_text(&rows, 4)));
        rc = json_array_append_new(list, one) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    if (rc == 0)
        *ret = list;
    else
        json_decref(list);
    return rc;
}

int passkey_challenge(struct req *r, const struct passkey_ask *ask, json_t **ret_options, struct err *err)
{
    char rp_id[RP_ID_SIZE], challenge[WEBAUTHN_CHALLENGE_SIZE];
    json_t *allowed = NULL;
    int rc = passkey_rp_id(r, rp_id, err);
    /* A stranger is not told who has passkeys: the browser offers those that it knows. */
    if (rc == 0 && ask->purpose == PASSKEY_SIGNIN)
        allowed = json_array();
    else if (rc == 0)
        rc = passkey_descriptors(r, ask->user_id, &allowed, err);
    if (rc == 0 && ask->purpose != PASSKEY_SIGNIN && json_array_size(allowed) == 0)
        rc = err_set(err, ERR_NOT_FOUND, "the person has no passkey");
    if (rc == 0)
        rc = challenge_new(r, ask, challenge, err);
    if (rc != 0) {
        json_decref(allowed);
        return rc;
    }
    *ret_options = json_pack("{s:s,s:s,s:i,s:s,s:o}", "challenge", challenge, "rpId", rp_id, "timeout",
                             PASSKEY_CHALLENGE_MS, "userVerification",
                             ask->purpose == PASSKEY_SIGNIN ? "required" : "preferred", "allowCredentials", allowed);
    return *ret_options != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

struct span passkey_bytes(struct req *r, const char *text, size_t max)
{
    size_t len = 0;
    size_t room = text != NULL ? strlen(text) / 4 * 3 + 3 : 0;
    char *bytes = text != NULL && room <= max + 3 ? arena_alloc(r->arena, room) : NULL;
    if (bytes == NULL || !base64url_decode(text, bytes, room, &len) || len > max)
        return (struct span){0};
    return (struct span){bytes, len};
}
