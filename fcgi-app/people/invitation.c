#include "people/invitation.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/digest.h"
#include "auth/secrets.h"
#include "common/encode.h"
#include "common/wipe.h"
#include "db/writer.h"

enum { TOKEN_BYTES = 32 };

/* --- asking somebody in --- */

struct creation {
    const struct invitation_new *want;
    struct invitation *made;
    char email_lower[USER_EMAIL_MAX + 1];
    char token_hash[DIGEST_HEX_SIZE];
};

static int is_unused(struct db *db, const struct creation *c, struct err *err)
{
    struct user user;
    struct err why = {0};
    int rc = user_by_email(db, c->want->email, &user, &why);
    wipe(&user, sizeof user);
    if (rc == ERR_NOT_FOUND)
        return 0;
    return rc != 0 ? err_set(err, rc, "%s", why.msg)
                   : err_set(err, ERR_CONFLICT, "There is somebody with this e-mail address already.");
}

/* Whose password is to be set: their address and role. */
static int read_owner(struct db *db, struct creation *c, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_PEOPLE_GET, DB_ARGS(DB_TEXT("id", c->want->act.id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such person.");
    if (rc < 0)
        return rc;
    bool off = !db_rows_null(&rows, 4) || !db_rows_null(&rows, 7);
    (void)snprintf(c->made->email, sizeof c->made->email, "%s", db_rows_text(&rows, 1));
    c->made->role = role_parse(db_rows_text(&rows, 3));
    db_rows_done(&rows);
    if (off)
        return err_set(err, ERR_CONFLICT, "This person is disabled or was deleted.");
    return user_email_key(c->made->email, c->email_lower) ? 0 : err_set(err, ERR_CORRUPT, "not an e-mail address");
}

static int insert(struct db *db, const struct creation *c, struct err *err)
{
    const struct invitation_new *want = c->want;
    int64_t now_ms = want->act.audit.time_ms, changes = 0;
    int rc = db_exec(db, DB_INVITATION_VOID_EMAIL,
                     DB_ARGS(DB_TEXT("email", c->email_lower), DB_TEXT("user", want->act.id), DB_INT("now", now_ms)),
                     NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_INVITATION_INSERT,
                     DB_ARGS(DB_TEXT("id", c->made->id), DB_TEXT("token_hash", c->token_hash),
                             DB_TEXT("email", c->made->email), DB_TEXT("email_lower", c->email_lower),
                             DB_TEXT("role", role_name(c->made->role)), DB_TEXT("user", want->act.id),
                             DB_TEXT("invited_by", want->act.audit.actor), DB_INT("now", now_ms),
                             DB_INT("expires", c->made->expires_ms)),
                     &changes, err);
    return rc == 0 && changes == 0 ? err_set(err, ERR_DENIED, "You are no admin any more.") : rc;
}

static int audit_creation(struct db *db, const struct creation *c, struct err *err)
{
    char target[11 + UUID_SIZE], detail[48];
    struct audit_entry entry = c->want->act.audit;
    if (c->want->act.id != NULL) {
        int rc = person_tell(db, &c->want->act, "account.password_link",
                             "An admin made a link that sets your password anew.", err);
        return rc != 0 ? rc : person_audit(db, &c->want->act, "user.password_link", NULL, err);
    }
    (void)snprintf(target, sizeof target, "invitation:%s", c->made->id);
    (void)snprintf(detail, sizeof detail, "{\"role\":\"%s\"}", role_name(c->made->role));
    entry.action = "invitation.create";
    entry.target = target;
    entry.detail = detail;
    return audit_append(db, c->want->act.key, &entry, err);
}

static int write_creation(struct db *db, void *ctx, struct err *err)
{
    struct creation *c = ctx;
    int rc = c->want->act.id == NULL ? is_unused(db, c, err) : read_owner(db, c, err);
    if (rc == 0)
        rc = insert(db, c, err);
    return rc != 0 ? rc : audit_creation(db, c, err);
}

int invitation_create(struct app *app, const struct invitation_new *want, struct invitation *ret, struct err *err)
{
    unsigned char bytes[TOKEN_BYTES];
    struct invitation made = {.role = want->role, .expires_ms = want->act.audit.time_ms + INVITATION_MS};
    struct creation c = {.want = want, .made = &made};
    if (want->act.id == NULL && !user_email_key(want->email, c.email_lower))
        return err_set(err, ERR_INVALID, "not an e-mail address");
    if (want->act.id == NULL)
        (void)snprintf(made.email, sizeof made.email, "%s", want->email);
    if (!uuid_v7(want->act.audit.time_ms, token_random, made.id) || !token_random(bytes, sizeof bytes))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    base64url_encode(bytes, sizeof bytes, made.token);
    wipe(bytes, sizeof bytes);
    digest_token(made.token, c.token_hash);
    int rc = db_write(app->writer, write_creation, &c, err);
    if (rc == 0)
        *ret = made;
    wipe(&made, sizeof made);
    return rc;
}

void invitation_link(const struct app *app, const struct invitation *invitation, char ret[INVITATION_LINK_MAX])
{
    (void)snprintf(ret, INVITATION_LINK_MAX, "%s/invitation#%s", app->settings->public_url, invitation->token);
}

/* --- coming in --- */

static int no_such_link(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND,
                   "This link is not in force: it was used, is older than a day, or another one was sent. Ask an admin "
                   "for a new one.");
}

int invitation_find(struct db *db, const char *token, int64_t now_ms, struct invitation_open *ret, struct err *err)
{
    char hash[DIGEST_HEX_SIZE];
    struct db_rows rows;
    digest_token(token, hash);
    int rc =
        db_query_one(db, DB_INVITATION_OPEN, DB_ARGS(DB_TEXT("token_hash", hash), DB_INT("now", now_ms)), &rows, err);
    if (rc == DB_DONE)
        return no_such_link(err);
    if (rc < 0)
        return rc;
    *ret = (struct invitation_open){.role = role_parse(db_rows_text(&rows, 2)), .expires_ms = db_rows_int(&rows, 4, 0)};
    (void)snprintf(ret->id, sizeof ret->id, "%s", db_rows_text(&rows, 0));
    (void)snprintf(ret->email, sizeof ret->email, "%s", db_rows_text(&rows, 1));
    if (!db_rows_null(&rows, 3))
        (void)snprintf(ret->user_id, sizeof ret->user_id, "%s", db_rows_text(&rows, 3));
    db_rows_done(&rows);
    return 0;
}

/* The act is that of the person the account is for. */
static int audit_accept(struct db *db, const struct invitation_accept *a, const struct invitation_open *open,
                        struct err *err)
{
    char actor[5 + UUID_SIZE], target[11 + UUID_SIZE], detail[80];
    struct audit_entry entry = a->audit;
    (void)snprintf(actor, sizeof actor, "user:%s", a->user_id);
    (void)snprintf(target, sizeof target, "invitation:%s", open->id);
    (void)snprintf(detail, sizeof detail, "{\"role\":\"%s\"}", role_name(open->role));
    entry.actor = actor;
    entry.action = "invitation.accept";
    entry.target = target;
    entry.detail = detail;
    return audit_append(db, a->key, &entry, err);
}

static int make_account(struct db *db, struct invitation_accept *a, const struct invitation_open *open, struct err *err)
{
    char actor[11 + UUID_SIZE];
    (void)snprintf(actor, sizeof actor, "invitation:%s", open->id);
    struct auth_user_new user = {.email = open->email,
                                 .name = a->name,
                                 .role = open->role,
                                 .password_hash = a->password_hash,
                                 .actor = actor,
                                 .now_ms = a->audit.time_ms};
    struct err why = {0};
    int rc = auth_user_create(db, a->key, &user, a->user_id, &why);
    if (rc == ERR_CONFLICT)
        return no_such_link(err);
    return rc != 0 ? err_set(err, rc, "%s", why.msg) : 0;
}

/* Whoever lost their password may have lost their devices, too. */
static int set_password(struct db *db, struct invitation_accept *a, const struct invitation_open *open, struct err *err)
{
    char actor[11 + UUID_SIZE];
    (void)snprintf(actor, sizeof actor, "invitation:%s", open->id);
    memcpy(a->user_id, open->user_id, sizeof a->user_id);
    struct user_password change = {
        .user_id = a->user_id, .password_hash = a->password_hash, .actor = actor, .now_ms = a->audit.time_ms};
    const struct person_act act = {.key = a->key, .audit = a->audit, .id = a->user_id};
    int rc = person_access_end(db, a->user_id, err);
    if (rc == 0)
        rc = person_tell(db, &act, "account.password", "Your password was set anew by a link.", err);
    return rc != 0 ? rc : user_set_password(db, a->key, &change, err);
}

int invitation_accept(struct db *db, void *ctx, struct err *err)
{
    struct invitation_accept *a = ctx;
    struct invitation_open open;
    char hash[DIGEST_HEX_SIZE];
    int64_t used = 0;
    digest_token(a->token, hash);
    int rc = invitation_find(db, a->token, a->audit.time_ms, &open, err);
    if (rc == 0)
        rc = db_exec(db, DB_INVITATION_USE, DB_ARGS(DB_TEXT("token_hash", hash), DB_INT("now", a->audit.time_ms)),
                     &used, err);
    if (rc == 0 && used == 0)
        rc = no_such_link(err);
    if (rc == 0)
        rc = open.user_id[0] == '\0' ? make_account(db, a, &open, err) : set_password(db, a, &open, err);
    if (rc == 0)
        rc = audit_accept(db, a, &open, err);
    return rc != 0 ? rc : db_changed(db, "users", err);
}
