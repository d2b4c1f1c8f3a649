#include "passkey/challenge.h"

#include <arpa/inet.h>
#include <string.h>

#include "app.h"
#include "common/token.h"
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

struct new_challenge {
    const struct passkey_ask *ask;
    char hash[DIGEST_HEX_SIZE];
    int64_t expires_ms;
};

static int write_new(struct db *db, void *ctx, struct err *err)
{
    const struct new_challenge *c = ctx;
    const struct passkey_ask *ask = c->ask;
    int rc =
        ask->user_id[0] == '\0'
            ? db_exec(db, DB_CHALLENGE_DELETE_SURPLUS, DB_ARGS(DB_INT("keep", STRANGERS_CHALLENGES_MAX - 1)), NULL, err)
            : db_exec(db, DB_CHALLENGE_DELETE_EARLIER,
                      DB_ARGS(DB_TEXT("bound_to", ask->bound_to), DB_TEXT("user", ask->user_id),
                              DB_TEXT("purpose", purpose_name(ask->purpose))),
                      NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_CHALLENGE_INSERT,
                     DB_ARGS(DB_TEXT("hash", c->hash), DB_TEXT("purpose", purpose_name(ask->purpose)),
                             DB_TEXT("user", ask->user_id), DB_TEXT("bound_to", ask->bound_to),
                             DB_INT("expires", c->expires_ms)),
                     NULL, err);
    return rc;
}

int challenge_new(struct req *r, const struct passkey_ask *ask, char ret[WEBAUTHN_CHALLENGE_SIZE], struct err *err)
{
    unsigned char bytes[WEBAUTHN_CHALLENGE_BYTES];
    char text[WEBAUTHN_CHALLENGE_SIZE];
    struct new_challenge c = {.ask = ask, .expires_ms = r->now_ms + PASSKEY_CHALLENGE_MS};
    if (!token_random(bytes, sizeof bytes))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    base64url_encode(bytes, sizeof bytes, text);
    digest_token(text, c.hash);
    int rc = db_write(r->app->writer, write_new, &c, err);
    if (rc == 0)
        memcpy(ret, text, sizeof text);
    return rc;
}

int challenge_find(struct db *db, const struct challenge *c, struct err *err)
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

int challenge_use(struct db *db, const struct challenge *c, struct err *err)
{
    int64_t used = 0;
    int rc = db_exec(db, DB_CHALLENGE_USE,
                     DB_ARGS(DB_TEXT("hash", c->hash), DB_TEXT("purpose", purpose_name(c->ask->purpose)),
                             DB_TEXT("user", c->ask->user_id), DB_TEXT("bound_to", c->ask->bound_to),
                             DB_INT("now", c->now_ms)),
                     &used, err);
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
