/* The trace of what somebody known was refused. */
#include "app.h"
#include "auth/auth.h"
#include "auth/secrets.h"
#include "common/log.h"
#include "db/writer.h"
#include "http/request.h"

struct denial {
    const struct audit_key *key;
    struct audit_entry entry;
};

static int write_denial(struct db *db, void *ctx, struct err *err)
{
    const struct denial *d = ctx;
    return audit_append(db, d->key, &d->entry, err);
}

void auth_denied(struct req *r, const char *who, const char *action, const char *target, const char *detail)
{
    struct err err = {0};
    if (!login_limits_worth_a_row(r->app->logins, who, r->now_ms)) {
        auth_failure_note(r->app, action, r->remote_addr);
        return;
    }
    struct denial d = {secrets_audit_key(r->app->secrets), audit_of_request(r, action, target)};
    d.entry.result = AUDIT_DENIED;
    d.entry.detail = detail;
    if (db_write(r->app->writer, write_denial, &d, &err) != 0)
        log_error("audit: %s", err.msg);
}
