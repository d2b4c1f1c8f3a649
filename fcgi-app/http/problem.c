/* Problems (RFC 9457): one table of what can go wrong, and replies made of it. */
#include <stdio.h>

#include "common/log.h"
#include "common/text.h"
#include "http/exchange.h"
#include "http/problem.h"

enum { RETRY_AFTER_S = 5 };

static const struct problem_text texts[PROBLEM_COUNT] = {
    [PROBLEM_BAD_REQUEST] = {"bad-request", 400, "The request is malformed"},
    [PROBLEM_BAD_JSON] = {"bad-json", 400, "The body is not valid JSON"},
    [PROBLEM_UNAUTHENTICATED] = {"unauthenticated", 401, "Who you are could not be established"},
    [PROBLEM_FORBIDDEN] = {"forbidden", 403, "You may not do this"},
    [PROBLEM_REAUTHENTICATE] = {"reauthenticate", 401, "You signed in too long ago for this"},
    [PROBLEM_STEP_UP_REQUIRED] = {"step-up-required", 403, "Show once more that it is you"},
    [PROBLEM_MFA_ENROLMENT_REQUIRED] = {"mfa-enrolment-required", 403, "A second factor has to be set up first"},
    [PROBLEM_PROOF_WRONG] = {"proof-wrong", 403, "This does not show that it is you"},
    [PROBLEM_CODE_REPEATED] = {"code-repeated", 403, "This code has been used"},
    [PROBLEM_BACKUP_CODE_REQUIRED] = {"backup-code-required", 403, "Too many wrong codes"},
    [PROBLEM_CSRF] = {"csrf", 403, "The request did not come from our own page"},
    [PROBLEM_NOT_FOUND] = {"not-found", 404, "There is no such thing"},
    [PROBLEM_METHOD_NOT_ALLOWED] = {"method-not-allowed", 405, "This method does not fit here"},
    [PROBLEM_CONFLICT] = {"conflict", 409, "The present state does not allow this"},
    [PROBLEM_OTP_TAKEN] = {"otp-taken", 409, "Another host has used this one-time password"},
    [PROBLEM_ENCRYPTED] = {"encrypted", 409, "Only a host with the identity can read this"},
    [PROBLEM_ARCHIVED] = {"archived", 409, "The store has to bring this back from its archive first"},
    [PROBLEM_LENGTH_REQUIRED] = {"length-required", 411, "The length of the body must be given"},
    [PROBLEM_PAYLOAD_TOO_LARGE] = {"payload-too-large", 413, "The body is too large"},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {"unsupported-media-type", 415, "The body's type is not understood"},
    [PROBLEM_INVALID_FIELD] = {"invalid-field", 422, "A field is missing or wrong"},
    [PROBLEM_RATE_LIMITED] = {"rate-limited", 429, "Too many requests"},
    [PROBLEM_AGENT_DEACTIVATED] = {"agent-deactivated", 403, "This agent has been deactivated"},
    [PROBLEM_QUARANTINED] = {"quarantined", 403, "This agent waits for an admin's approval"},
    [PROBLEM_CERTIFICATE_MISMATCH] = {"certificate-mismatch", 403, "The certificate is not this agent's"},
    [PROBLEM_INSUFFICIENT_STORAGE] = {"insufficient-storage", 507, "There is no room for this"},
    [PROBLEM_INTERNAL] = {"internal", 500, "Something went wrong on our side"},
    [PROBLEM_UNAVAILABLE] = {"unavailable", 503, "Not possible just now"},
};

const struct problem_text *problem_text(enum problem problem)
{
    return (unsigned)problem < PROBLEM_COUNT ? &texts[problem] : &texts[PROBLEM_INTERNAL];
}

/* What a refusal quotes may be cut in the middle of a character, and no JSON takes half of one. */
static json_t *text_json(const char *text)
{
    size_t len = 0;
    while (text[len] != '\0') {
        uint32_t code;
        size_t step = text_next(text + len, &code);
        if (code == TEXT_INVALID)
            break;
        len += step;
    }
    return json_stringn(text, len);
}

/* The members that all problems have; NULL when memory is out. */
static json_t *problem_json(const struct req *r, const struct problem_text *t, const char *detail)
{
    char type[64];
    (void)snprintf(type, sizeof type, "/problems/%s", t->slug);
    return json_pack("{s:s, s:s, s:i, s:o, s:s}", "type", type, "title", t->title, "status", t->status, "detail",
                     text_json(detail != NULL ? detail : t->title), "requestId",
                     r->request_id != NULL ? r->request_id : "");
}

/* RFC 9110 §15.5.2 wants a challenge with every 401. An error code stands only where a token came (RFC 6750 §3); one
 * whose sign-in is too old is still good for other things (RFC 9470), so that no program throws it away. Agents have a
 * header of their own, which is no scheme. */
static void challenge(struct req *r, const struct problem_text *t)
{
    const char *value = "Bearer realm=\"muster\"";
    if (r->listener != HTTP_ADMIN)
        return;
    if (t == &texts[PROBLEM_REAUTHENTICATE])
        value = "Bearer realm=\"muster\", error=\"insufficient_user_authentication\"";
    else if (req_header(r, "Authorization") != NULL)
        value = "Bearer realm=\"muster\", error=\"invalid_token\"";
    reply_header(r, "WWW-Authenticate", value);
}

static void send_problem(struct req *r, const struct problem_text *t, json_t *take)
{
    if (t->status == 401)
        challenge(r, t);
    reply_json(r, t->status, take);
    if (take != NULL)
        r->exchange->reply.content_type = "application/problem+json";
}

void reply_problem(struct req *r, enum problem problem, const char *detail)
{
    if (problem == PROBLEM_RATE_LIMITED || problem == PROBLEM_UNAVAILABLE) {
        reply_retry_after(r, problem, RETRY_AFTER_S, detail);
        return;
    }
    const struct problem_text *t = problem_text(problem);
    send_problem(r, t, problem_json(r, t, detail));
}

void reply_retry_after(struct req *r, enum problem problem, int seconds, const char *detail)
{
    const struct problem_text *t = problem_text(problem);
    reply_header(r, "Retry-After", arena_printf(r->arena, "%d", seconds > 0 ? seconds : 1));
    send_problem(r, t, problem_json(r, t, detail));
}

void reply_invalid_field(struct req *r, const char *pointer, const char *parameter, const char *reason)
{
    const struct problem_text *t = problem_text(PROBLEM_INVALID_FIELD);
    json_t *body = problem_json(r, t, reason);
    if (body != NULL && json_object_set_new(body, "pointer", text_json(pointer)) != 0) {
        json_decref(body);
        body = NULL;
    }
    if (body != NULL && parameter != NULL)
        (void)json_object_set_new(body, "parameter", json_string(parameter));
    send_problem(r, t, body);
}

void reply_step_up(struct req *r, const char *action, const char *target)
{
    const struct problem_text *t = problem_text(PROBLEM_STEP_UP_REQUIRED);
    bool factor = r->principal.has_factor;
    json_t *body = problem_json(r, t,
                                factor ? "Show a second factor once more, for this act alone."
                                       : "Type your password once more, for this act alone.");
    json_t *more =
        json_pack("{s:s,s:s,s:s}", "action", action, "target", target, "proof", factor ? "factor" : "password");
    if (body == NULL || more == NULL || json_object_update_new(body, more) != 0) {
        json_decref(body);
        body = NULL;
    }
    send_problem(r, t, body);
}

void reply_error(struct req *r, const struct err *err)
{
    switch (err->code) {
    case ERR_INVALID: reply_invalid_field(r, "", NULL, err->msg); return;
    case ERR_TOO_BIG: reply_problem(r, PROBLEM_PAYLOAD_TOO_LARGE, err->msg); return;
    case ERR_NOT_FOUND: reply_problem(r, PROBLEM_NOT_FOUND, err->msg); return;
    case ERR_CONFLICT: reply_problem(r, PROBLEM_CONFLICT, err->msg); return;
    case ERR_DENIED: reply_problem(r, PROBLEM_FORBIDDEN, err->msg); return;
    case ERR_UNAVAILABLE:
        log_warning("%s", err->msg);
        reply_problem(r, PROBLEM_UNAVAILABLE, "The server could not store or read this just now; try again.");
        return;
    default:
        log_error("%s: %s", err_name(err->code), err->msg);
        reply_problem(r, PROBLEM_INTERNAL, "The server's log says more under this request's id.");
    }
}
