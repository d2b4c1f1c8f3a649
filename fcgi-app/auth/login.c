/* The routes under /api/auth. */
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/prove.h"
#include "auth/secrets.h"
#include "auth/session.h"
#include "auth/users.h"
#include "common/log.h"
#include "common/wipe.h"
#include "db/writer.h"

static json_t *user_json(const char *id, const char *email, enum role role)
{
    return json_pack("{s:s,s:s,s:s}", "id", id, "email", email, "role", role_name(role));
}

void auth_login(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return;
    const char *email = jsonread_str(&body, "email", 1, USER_EMAIL_MAX);
    const char *password = jsonread_text(&body, "password", 1, PASSWORD_MAX);
    if (!req_fields_ok(r, &wrong))
        return;
    struct user user = {0};
    struct err err = {0};
    const char *csrf_token = NULL;
    if (!password_proven(r, email, password, &user))
        return;
    int rc = session_begin(r, &(struct session_user){user.id, user.email, user.role, "password"}, &csrf_token, &err);
    wipe(user.password_hash, sizeof user.password_hash);
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    reply_json(r, 200,
               json_pack("{s:b,s:o,s:s}", "success", 1, "user", user_json(user.id, user.email, user.role), "csrfToken",
                         csrf_token));
}

void auth_logout(struct req *r)
{
    struct err err = {0};
    if (session_end(r, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:b}", "success", 1));
}

void auth_session(struct req *r)
{
    const struct principal *p = &r->principal;
    reply_json(r, 200,
               json_pack("{s:o,s:s,s:I,s:s}", "user", user_json(p->id, p->email, p->role), "csrfToken", p->csrf_token,
                         "serverTime_ms", (json_int_t)r->now_ms, "version", MUSTER_VERSION));
}
