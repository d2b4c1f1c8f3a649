#include "people/person.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "auth/users.h"
#include "ops/alert.h"

/* --- showing --- */

static json_t *int_or_null(const struct db_rows *rows, int column)
{
    int64_t value = db_rows_int(rows, column, 0);
    return value == 0 ? json_null() : json_integer((json_int_t)value);
}

static const char *state_of(const struct db_rows *rows)
{
    return !db_rows_null(rows, 7) ? "deleted" : !db_rows_null(rows, 4) ? "disabled" : "active";
}

int person_json(struct db *db, const char *id, json_t **ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_PEOPLE_GET, DB_ARGS(DB_TEXT("id", id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such person.");
    if (rc < 0)
        return rc;
    json_t *person =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:o,s:o,s:o,s:{s:b,s:I},s:I,s:I}", "id", db_rows_text(&rows, 0),
                  "email", db_rows_text(&rows, 1), "name", db_rows_text(&rows, 2), "role", db_rows_text(&rows, 3),
                  "state", state_of(&rows), "disabled", !db_rows_null(&rows, 4), "created_ms",
                  (json_int_t)db_rows_int(&rows, 5, 0), "lastLogin_ms", int_or_null(&rows, 6), "deleted_ms",
                  int_or_null(&rows, 7), "purgeAfter_ms", int_or_null(&rows, 8), "mfa", "totp",
                  db_rows_int(&rows, 9, 0) != 0, "passkeys", (json_int_t)db_rows_int(&rows, 10, 0), "agents",
                  (json_int_t)db_rows_int(&rows, 11, 0), "configs", (json_int_t)db_rows_int(&rows, 12, 0));
    db_rows_done(&rows);
    if (person == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    *ret = person;
    return 0;
}

int person_resolve(struct db *db, const char *email_or_id, char ret_id[UUID_SIZE], struct err *err)
{
    char email[USER_EMAIL_MAX + 1];
    struct db_rows rows;
    if (!user_email_key(email_or_id, email))
        email[0] = '\0';
    int rc = db_query_one(db, DB_PEOPLE_ID_BY_EMAIL, DB_ARGS(DB_TEXT("email", email), DB_TEXT("id", email_or_id)),
                          &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "nobody has this e-mail address: %.120s", email_or_id);
    if (rc < 0)
        return rc;
    (void)snprintf(ret_id, UUID_SIZE, "%s", db_rows_text(&rows, 0));
    db_rows_done(&rows);
    return 0;
}

/* --- what all acts share --- */

int person_audit(struct db *db, const struct person_act *act, const char *action, const char *detail, struct err *err)
{
    char target[5 + UUID_SIZE];
    struct audit_entry entry = act->audit;
    (void)snprintf(target, sizeof target, "user:%s", act->id);
    entry.action = action;
    entry.target = target;
    entry.detail = detail;
    return audit_append(db, act->key, &entry, err);
}

int person_tell(struct db *db, const struct person_act *act, const char *kind, const char *message, struct err *err)
{
    const struct alert alert = {
        .kind = kind, .message = message, .user_id = act->id, .time_ms = act->audit.time_ms, .repeat = true};
    return alert_raise(db, &alert, err);
}

struct state {
    enum role role;
    bool disabled, deleted;
    int64_t disabled_ms, deleted_ms, purge_after_ms;
    char name[PERSON_NAME_MAX + 1];
    char email_lower[USER_EMAIL_MAX + 1];
};

static int read_state(struct db *db, const char *id, struct state *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_PEOPLE_STATE, DB_ARGS(DB_TEXT("id", id)), &rows, err);
    if (rc == DB_DONE)
        return err_set(err, ERR_NOT_FOUND, "There is no such person.");
    if (rc < 0)
        return rc;
    *ret = (struct state){.role = role_parse(db_rows_text(&rows, 0)),
                          .disabled = !db_rows_null(&rows, 1),
                          .deleted = !db_rows_null(&rows, 2),
                          .disabled_ms = db_rows_int(&rows, 1, 0),
                          .deleted_ms = db_rows_int(&rows, 2, 0),
                          .purge_after_ms = db_rows_int(&rows, 3, 0)};
    (void)snprintf(ret->name, sizeof ret->name, "%s", db_rows_text(&rows, 4));
    (void)snprintf(ret->email_lower, sizeof ret->email_lower, "%s", db_rows_text(&rows, 5));
    db_rows_done(&rows);
    return 0;
}

/* Two admins who remove each other at once: the second one finds that they are the last. */
static int another_admin(struct db *db, const char *id, struct err *err)
{
    int64_t others = 0;
    int rc = db_query_number(db, DB_PEOPLE_OTHER_ADMINS, DB_ARGS(DB_TEXT("id", id)), &others, err);
    if (rc != 0)
        return rc;
    return others > 0 ? 0 : err_set(err, ERR_CONFLICT, "This is the last admin; make somebody else one first.");
}

/* Whoever is no admin any more has invited nobody. */
static int void_invitations_by(struct db *db, const struct person_act *act, struct err *err)
{
    char by[5 + UUID_SIZE];
    (void)snprintf(by, sizeof by, "user:%s", act->id);
    return db_exec(db, DB_INVITATION_VOID_BY, DB_ARGS(DB_TEXT("by", by), DB_INT("now", act->audit.time_ms)), NULL, err);
}

int person_access_end(struct db *db, const char *id, struct err *err)
{
    static const enum db_statement statements[] = {DB_PEOPLE_ACCESS_TOKENS_DELETE, DB_PEOPLE_CHALLENGES_DELETE};
    int rc = auth_sign_out_everywhere(db, id, NULL, err);
    for (size_t i = 0; rc == 0 && i < sizeof statements / sizeof statements[0]; i++)
        rc = db_exec(db, statements[i], DB_ARGS(DB_TEXT("user", id)), NULL, err);
    return rc;
}

/* --- changing --- */

/* A row for each thing that changes; names stay out of the trail. */
static int audit_changes(struct db *db, const struct person_change *c, const struct state *was, const struct state *is,
                         struct err *err)
{
    char detail[64], message[80];
    int rc = 0;
    if (strcmp(was->name, is->name) != 0)
        rc = person_audit(db, &c->act, "user.rename", NULL, err);
    if (rc == 0 && was->role != is->role) {
        (void)snprintf(detail, sizeof detail, "{\"from\":\"%s\",\"to\":\"%s\"}", role_name(was->role),
                       role_name(is->role));
        rc = person_audit(db, &c->act, "user.role", detail, err);
        (void)snprintf(message, sizeof message, "Your role was changed from %s to %s.", role_name(was->role),
                       role_name(is->role));
        if (rc == 0)
            rc = person_tell(db, &c->act, "account.role", message, err);
    }
    if (rc == 0 && was->disabled != is->disabled)
        rc = person_audit(db, &c->act, is->disabled ? "user.disable" : "user.enable", NULL, err);
    return rc;
}

static int take_away(struct db *db, const struct person_change *c, const struct state *was, const struct state *is,
                     struct err *err)
{
    int rc = 0;
    if (is->disabled && !was->disabled)
        rc = person_access_end(db, c->act.id, err);
    if (rc == 0 && was->role == ROLE_ADMIN && (is->disabled || is->role != ROLE_ADMIN))
        rc = void_invitations_by(db, &c->act, err);
    return rc;
}

static struct state wanted(const struct person_change *c, const struct state *was)
{
    struct state is = *was;
    if (c->role != ROLE_NONE)
        is.role = c->role;
    if (c->enable != PERSON_AS_IS)
        is.disabled = c->enable == PERSON_DISABLE;
    is.disabled_ms = was->disabled ? was->disabled_ms : c->act.audit.time_ms;
    if (c->name != NULL)
        (void)snprintf(is.name, sizeof is.name, "%s", c->name);
    return is;
}

int person_change(struct db *db, void *ctx, struct err *err)
{
    const struct person_change *c = ctx;
    struct state was;
    int rc = read_state(db, c->act.id, &was, err);
    if (rc != 0)
        return rc;
    if (was.deleted)
        return err_set(err, ERR_CONFLICT, "This person was deleted; restore them first.");
    struct state is = wanted(c, &was);
    if (was.role == ROLE_ADMIN && !was.disabled && (is.role != ROLE_ADMIN || is.disabled))
        rc = another_admin(db, c->act.id, err);
    if (rc == 0)
        rc = db_exec(db, DB_PEOPLE_CHANGE,
                     DB_ARGS(DB_TEXT("id", c->act.id), DB_TEXT("name", is.name), DB_TEXT("role", role_name(is.role)),
                             is.disabled ? DB_INT("disabled", is.disabled_ms) : DB_NULL("disabled"),
                             DB_INT("now", c->act.audit.time_ms)),
                     NULL, err);
    if (rc == 0)
        rc = take_away(db, c, &was, &is, err);
    if (rc == 0)
        rc = audit_changes(db, c, &was, &is, err);
    return rc != 0 ? rc : db_changed(db, "users", err);
}

/* --- deleting, and taking it back --- */

static int mark_deleted(struct db *db, struct person_delete *d, struct err *err)
{
    d->purge_after_ms = d->act.audit.time_ms + d->grace_ms;
    return db_exec(db, DB_PEOPLE_MARK_DELETED,
                   DB_ARGS(DB_TEXT("id", d->act.id), DB_INT("now", d->act.audit.time_ms),
                           DB_INT("purge_after", d->purge_after_ms)),
                   NULL, err);
}

/* Commands first: ending a run or a job forgets which was its. */
static int stop_work(struct db *db, const struct person_act *act, struct err *err)
{
    static const enum db_statement statements[] = {
        DB_PEOPLE_COMMANDS_WITHDRAW, DB_PEOPLE_AGENTS_DEACTIVATE, DB_PEOPLE_RUNS_CANCEL,
        DB_PEOPLE_JOBS_CANCEL,       DB_PEOPLE_OTPS_REVOKE,
    };
    static const char *const topics[] = {"agents", "commands", "configs", "runs", "users"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof statements / sizeof statements[0]; i++)
        rc =
            db_exec(db, statements[i], DB_ARGS(DB_TEXT("user", act->id), DB_INT("now", act->audit.time_ms)), NULL, err);
    for (size_t i = 0; rc == 0 && i < sizeof topics / sizeof topics[0]; i++)
        rc = db_changed(db, topics[i], err);
    return rc;
}

int person_delete(struct db *db, void *ctx, struct err *err)
{
    struct person_delete *d = ctx;
    struct state was;
    char detail[64];
    int rc = read_state(db, d->act.id, &was, err);
    if (rc == 0 && was.deleted)
        rc = err_set(err, ERR_CONFLICT, "This person was deleted already.");
    if (rc == 0 && was.role == ROLE_ADMIN && !was.disabled)
        rc = another_admin(db, d->act.id, err);
    if (rc == 0)
        rc = mark_deleted(db, d, err);
    if (rc == 0)
        rc = person_access_end(db, d->act.id, err);
    if (rc == 0)
        rc = void_invitations_by(db, &d->act, err);
    if (rc == 0)
        rc = db_exec(
            db, DB_INVITATION_VOID_EMAIL,
            DB_ARGS(DB_TEXT("email", was.email_lower), DB_TEXT("user", d->act.id), DB_INT("now", d->act.audit.time_ms)),
            NULL, err);
    if (rc == 0)
        rc = stop_work(db, &d->act, err);
    if (rc == 0)
        rc = db_exec(db, DB_PEOPLE_ROLLOUTS_PAUSE,
                     DB_ARGS(DB_TEXT("user", d->act.id), DB_INT("now", d->act.audit.time_ms)), NULL, err);
    if (rc == 0)
        rc = db_changed(db, "rollouts", err);
    (void)snprintf(detail, sizeof detail, "{\"purgeAfter_ms\":%lld}", (long long)d->purge_after_ms);
    return rc != 0 ? rc : person_audit(db, &d->act, "user.delete", detail, err);
}

int person_restore(struct db *db, void *ctx, struct err *err)
{
    const struct person_act *act = ctx;
    struct state was;
    int rc = read_state(db, act->id, &was, err);
    if (rc == 0 && !was.deleted)
        rc = err_set(err, ERR_CONFLICT, "This person was not deleted.");
    if (rc == 0 && was.purge_after_ms <= act->audit.time_ms)
        rc = err_set(err, ERR_CONFLICT, "It is too late: what this person had is being removed.");
    if (rc == 0)
        rc = db_exec(
            db, DB_PEOPLE_AGENTS_REACTIVATE,
            DB_ARGS(DB_TEXT("user", act->id), DB_INT("deleted", was.deleted_ms), DB_INT("now", act->audit.time_ms)),
            NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_PEOPLE_MARK_RESTORED, DB_ARGS(DB_TEXT("id", act->id), DB_INT("now", act->audit.time_ms)),
                     NULL, err);
    if (rc == 0)
        rc = person_audit(db, act, "user.restore", NULL, err);
    if (rc == 0)
        rc = db_changed(db, "agents", err);
    if (rc == 0)
        rc = db_changed(db, "configs", err);
    return rc != 0 ? rc : db_changed(db, "users", err);
}
