#include "auth/users.h"

#include <stdio.h>
#include <string.h>

#include "auth/auth.h"
#include "common/text.h"
#include "common/token.h"

bool user_email_key(const char *email, char ret[USER_EMAIL_MAX + 1])
{
    size_t len = strnlen(email, USER_EMAIL_MAX + 1);
    const char *at = strchr(email, '@');
    if (len > USER_EMAIL_MAX || at == NULL || at == email || at[1] == '\0' || strchr(at + 1, '@') != NULL)
        return false;
    for (size_t i = 0, step; i < len; i += step) {
        uint32_t code;
        step = text_next(email + i, &code);
        /* Nobody's address looks like another's by what is not seen. */
        if (text_is_control(code) || code == ' ' || (code < 0x80 && strchr("\"'`<>(),;:\\", (int)code) != NULL))
            return false;
    }
    for (size_t i = 0; i <= len; i++)
        ret[i] = email[i] >= 'A' && email[i] <= 'Z' ? (char)(email[i] + ('a' - 'A')) : email[i];
    return true;
}

static void copy_text(char *ret, size_t size, const char *text)
{
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

static int take_user(struct db *db, enum db_statement statement, const char *name, const char *value, struct user *ret,
                     struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, statement, DB_ARGS(DB_TEXT(name, value)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "no such user");
    if (rc < 0)
        return rc;
    copy_text(ret->id, sizeof ret->id, db_rows_text(&rows, 0));
    copy_text(ret->email, sizeof ret->email, db_rows_text(&rows, 1));
    ret->role = role_parse(db_rows_text(&rows, 2));
    copy_text(ret->password_hash, sizeof ret->password_hash, db_rows_text(&rows, 3));
    ret->disabled = !db_rows_null(&rows, 4);
    db_rows_done(&rows);
    return 0;
}

int user_by_email(struct db *db, const char *email, struct user *ret, struct err *err)
{
    char key[USER_EMAIL_MAX + 1];
    if (!user_email_key(email, key))
        return err_set(err, ERR_NOT_FOUND, "no such user");
    return take_user(db, DB_AUTH_USER_BY_EMAIL, "email", key, ret, err);
}

int user_by_id(struct db *db, const char *id, struct user *ret, struct err *err)
{
    return take_user(db, DB_AUTH_USER_BY_ID, "id", id, ret, err);
}

static int append_about(struct db *db, const struct audit_key *key, const char *user_id, struct audit_entry entry,
                        struct err *err)
{
    char target[5 + UUID_SIZE];
    (void)snprintf(target, sizeof target, "user:%s", user_id);
    entry.target = target;
    return audit_append(db, key, &entry, err);
}

int auth_user_create(struct db *db, const struct audit_key *key, const struct auth_user_new *user,
                     char ret_id[UUID_SIZE], struct err *err)
{
    char email_lower[USER_EMAIL_MAX + 1], id[UUID_SIZE], detail[48];
    if (!user_email_key(user->email, email_lower))
        return err_set(err, ERR_INVALID, "not an e-mail address");
    if (user->role == ROLE_NONE || !password_hash_valid(user->password_hash))
        return err_set(err, ERR_INVALID, "a user needs a role and an Argon2id hash within our limits");
    if (!uuid_v7(user->now_ms, token_random, id))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    int rc = db_exec(db, DB_AUTH_USER_INSERT,
                     DB_ARGS(DB_TEXT("id", id), DB_TEXT("email", user->email), DB_TEXT("email_lower", email_lower),
                             DB_TEXT("name", user->name != NULL ? user->name : ""),
                             DB_TEXT("password_hash", user->password_hash), DB_TEXT("role", role_name(user->role)),
                             DB_INT("now", user->now_ms)),
                     NULL, err);
    if (rc == ERR_CONFLICT)
        return err_set(err, rc, "there is a user with this e-mail address already");
    (void)snprintf(detail, sizeof detail, "{\"role\":\"%s\"}", role_name(user->role));
    if (rc == 0)
        rc = db_exec(db, DB_INVITATION_VOID_EMAIL,
                     DB_ARGS(DB_TEXT("email", email_lower), DB_NULL("user"), DB_INT("now", user->now_ms)), NULL, err);
    if (rc == 0)
        rc = append_about(
            db, key, id,
            (struct audit_entry){.time_ms = user->now_ms, .actor = user->actor, .action = "user.add", .detail = detail},
            err);
    if (rc == 0)
        memcpy(ret_id, id, sizeof id);
    return rc;
}

int user_set_password(struct db *db, const struct audit_key *key, const struct user_password *change, struct err *err)
{
    int64_t changes = 0;
    int rc = db_exec(db, DB_AUTH_USER_SET_PASSWORD,
                     DB_ARGS(DB_TEXT("id", change->user_id), DB_TEXT("password_hash", change->password_hash),
                             DB_INT("now", change->now_ms)),
                     &changes, err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_NOT_FOUND, "no such user");
    if (rc == 0)
        rc = db_exec(db, DB_INVITATION_VOID_USER,
                     DB_ARGS(DB_TEXT("user", change->user_id), DB_INT("now", change->now_ms)), NULL, err);
    if (rc == 0)
        rc = auth_sign_out_everywhere(db, change->user_id, change->keep_session_id, err);
    return rc != 0 ? rc
                   : append_about(db, key, change->user_id,
                                  (struct audit_entry){.time_ms = change->now_ms,
                                                       .actor = change->actor,
                                                       .action = "user.passwd",
                                                       .address = change->address,
                                                       .request_id = change->request_id},
                                  err);
}

int auth_first_admin(struct db *db, char ret_id[UUID_SIZE], struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_AUTH_ADMIN_FIRST, DB_NO_ARGS, &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "there is no admin yet: 'muster-app user add --role admin EMAIL' makes one");
    if (rc < 0)
        return rc;
    copy_text(ret_id, UUID_SIZE, db_rows_text(&rows, 0));
    db_rows_done(&rows);
    return 0;
}

int auth_admin_exists(struct db *db, bool *ret, struct err *err)
{
    char id[UUID_SIZE];
    struct err why = {0};
    int rc = auth_first_admin(db, id, &why);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return err_set(err, rc, "%s", why.msg);
    *ret = rc == 0;
    return 0;
}
