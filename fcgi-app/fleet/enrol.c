/* POST /api/agent/enroll and /api/agent/renew. The rules of enrolment stand in redeem.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/digest.h"
#include "auth/secrets.h"
#include "common/token.h"
#include "common/wipe.h"
#include "db/writer.h"
#include "fleet/ca.h"
#include "fleet/fleet.h"
#include "fleet/presence_entry.h"
#include "fleet/redeem.h"
#include "http/problem.h"

enum { SEALED_MAX = 64 * 1024, CAPABILITIES_MAX = 64 };

static void free_csr(void *csr)
{
    ca_csr_free(csr);
}

/* The request's "csr" field, parsed; lives as long as the request. NULL after a reply was set. Verifying a signature is
 * the dearest thing a stranger could have us do: only for those who showed a password or a key. */
static struct ca_csr *parse_csr(struct req *r, const char *pem)
{
    struct ca_csr *csr = NULL;
    struct err err = {0};
    if (ca_csr_parse(pem, &csr, &err) != 0) {
        reply_invalid_field(r, "/csr", NULL, err.msg);
        return NULL;
    }
    if (arena_cleanup(r->arena, free_csr, csr) != 0) {
        ca_csr_free(csr);
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return NULL;
    }
    return csr;
}

/* --- enrol --- */

struct enrolment {
    const char *otp;
    const char *csr_pem;
    const struct ca_csr *csr;
    struct redemption redemption;
    char otp_hash[DIGEST_HEX_SIZE];
    char id[UUID_SIZE];
    char api_key[TOKEN_SIZE];
    char api_key_hash[DIGEST_HEX_SIZE];
    json_t *answer;
    struct buf sealed;
};

static const char *read_capabilities(struct req *r, struct jsonread *body)
{
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(body, "capabilities", CAPABILITIES_MAX, &list);
    for (size_t i = 0; i < count; i++)
        (void)jsonread_item_str(body, "capabilities", list, i, 1, 64);
    if (list == NULL || body->error->failed)
        return NULL;
    char *text = json_dumps(list, JSON_COMPACT);
    const char *copy = arena_strdup(r->arena, text);
    free(text);
    return copy;
}

/* A host name may be longer than a name; it is cut before a character of UTF-8, not within it. */
static const char *name_of_host(struct arena *arena, const char *hostname)
{
    size_t len = strnlen(hostname, AGENT_NAME_MAX);
    while (len > 0 && ((unsigned char)hostname[len] & 0xc0) == 0x80)
        len--;
    return arena_strndup(arena, hostname, len);
}

static bool read_enrolment(struct req *r, struct enrolment *e)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct agent_new *agent = &e->redemption.agent;
    if (!req_json(r, &wrong, &body))
        return false;
    e->otp = jsonread_text(&body, "otp", 1, 200);
    agent->hostname = jsonread_str(&body, "hostname", 1, OTP_HOST_MAX);
    agent->name = jsonread_str_or(&body, "name", 1, AGENT_NAME_MAX, NULL);
    agent->platform = jsonread_str(&body, "platform", 1, 32);
    agent->arch = jsonread_str(&body, "arch", 1, 32);
    agent->version = jsonread_str(&body, "version", 1, 64);
    agent->deployment_mode = jsonread_str_or(&body, "deploymentMode", 0, 16, "");
    agent->proto = jsonread_int(&body, "proto", 1, 1000000);
    agent->capabilities = read_capabilities(r, &body);
    e->csr_pem = jsonread_text(&body, "csr", 1, CA_CSR_MAX);
    if (!req_fields_ok(r, &wrong))
        return false;
    if (agent->name == NULL)
        agent->name = name_of_host(r->arena, agent->hostname);
    agent->address = r->remote_addr;
    agent->poll_interval_s = r->app->settings->poll_interval_s;
    agent->now_ms = r->now_ms;
    if (agent->name == NULL)
        reply_problem(r, PROBLEM_INTERNAL, NULL);
    return agent->name != NULL;
}

static int make_identity(struct req *r, struct enrolment *e, struct err *err)
{
    struct agent_new *agent = &e->redemption.agent;
    const char *certificate = NULL;
    if (!uuid_v7(r->now_ms, token_random, e->id) || !token_new(TOKEN_API_KEY, token_random, e->api_key))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    digest_token(e->api_key, e->api_key_hash);
    agent->id = e->id;
    agent->api_key_hash = e->api_key_hash;
    struct ca_issue_options options = {e->id, r->now_ms, r->app->settings->certificate_days};
    int rc = ca_issue(r->app->ca, e->csr, &options, r->arena, &certificate, &agent->certificate_not_after_ms, err);
    if (rc != 0)
        return rc;
    e->answer = json_pack("{s:b,s:{s:s,s:s,s:s,s:s},s:s,s:I,s:s,s:I,s:i}", "success", 1, "agent", "id", e->id, "name",
                          agent->name, "apiKey", e->api_key, "status", "offline", "certificate", certificate,
                          "certificateNotAfter_ms", (json_int_t)agent->certificate_not_after_ms, "caBundle",
                          ca_bundle(r->app->ca), "caBundleRev", (json_int_t)ca_bundle_rev(r->app->ca), "nextPollS",
                          agent->poll_interval_s);
    return e->answer != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

/* The key that seals the answer exists only while somebody shows the password. */
static int sealing(struct req *r, const struct enrolment *e, const char *otp_id,
                   unsigned char ret_key[SECRETS_KEY_SIZE], const char **ret_aad, struct err *err)
{
    *ret_aad = arena_printf(r->arena, "otp_uses:sealed_answer:%s:%s", otp_id, e->redemption.agent.spki);
    if (*ret_aad == NULL ||
        !digest_hkdf(e->otp, strlen(e->otp), "muster enrolment answer 1", ret_key, SECRETS_KEY_SIZE))
        return err_set(err, ERR_NOMEM, "out of memory");
    return 0;
}

static int seal_answer(struct req *r, struct enrolment *e, const char *otp_id, struct err *err)
{
    unsigned char key[SECRETS_KEY_SIZE];
    const char *aad = NULL;
    char *text = json_dumps(e->answer, JSON_COMPACT);
    int rc = text != NULL ? sealing(r, e, otp_id, key, &aad, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0 && text != NULL)
        rc = secrets_seal_with(key, aad, text, strlen(text), &e->sealed, err);
    e->redemption.sealed_answer = buf_str(&e->sealed);
    wipe(key, sizeof key);
    wipe_str(text);
    free(text);
    return rc;
}

static int open_answer(struct req *r, const struct enrolment *e, const char *otp_id, json_t **ret, struct err *err)
{
    unsigned char key[SECRETS_KEY_SIZE];
    const char *aad = NULL;
    struct buf text;
    buf_init(&text, SEALED_MAX);
    int rc = sealing(r, e, otp_id, key, &aad, err);
    if (rc == 0)
        rc = secrets_open_with(key, aad, e->redemption.sealed_before, &text, err);
    if (rc == 0) {
        *ret = json_loadb(buf_str(&text), text.len, 0, NULL);
        rc = *ret != NULL ? 0 : err_set(err, ERR_CORRUPT, "a sealed answer is not JSON");
    }
    wipe(key, sizeof key);
    buf_done_secret(&text);
    return rc;
}

static void refuse(struct req *r, enum redeem_outcome outcome)
{
    static const struct {
        enum problem problem;
        const char *action; /* what it is counted as */
        const char *detail;
    } answers[] = {
        [REDEEM_NEW] = {PROBLEM_INTERNAL, "agent.enroll", NULL},
        [REDEEM_AGAIN] = {PROBLEM_INTERNAL, "agent.enroll", NULL},
        [REDEEM_UNKNOWN] = {PROBLEM_UNAUTHENTICATED, "agent.enroll", "This one-time password is not known."},
        [REDEEM_EXPIRED] = {PROBLEM_UNAUTHENTICATED, "agent.enroll",
                            "This one-time password has expired; mint a new one."},
        [REDEEM_REVOKED] = {PROBLEM_UNAUTHENTICATED, "agent.enroll",
                            "This one-time password was revoked; mint a new one."},
        [REDEEM_USED_UP] = {PROBLEM_UNAUTHENTICATED, "agent.enroll",
                            "This enrolment token has no uses left; mint a new one."},
        [REDEEM_GONE] = {PROBLEM_UNAUTHENTICATED, "agent.enroll",
                         "The agent that used this one-time password was deleted."},
        [REDEEM_NOT_BOUND] = {PROBLEM_FORBIDDEN, "agent.enroll.bound",
                              "This one-time password is for another host or network."},
        [REDEEM_TAKEN] = {PROBLEM_OTP_TAKEN, "agent.enroll",
                          "Another host has used this one-time password; it is blocked."},
        [REDEEM_TAKEN_NOW] = {PROBLEM_OTP_TAKEN, "agent.enroll",
                              "Another host has used this one-time password; both are stopped until an admin looked."},
        [REDEEM_KEY_DENIED] = {PROBLEM_FORBIDDEN, "agent.enroll.denied",
                               "This host's key is denied; remove it and enrol with a new one."},
    };
    auth_failure_note(r->app, answers[outcome].action, r->remote_addr);
    reply_problem(r, answers[outcome].problem, answers[outcome].detail);
}

static void reply_enrolled(struct req *r, json_t *answer)
{
    if (json_object_set_new(answer, "serverTime_ms", json_integer((json_int_t)r->now_ms)) != 0)
        reply_json(r, 500, NULL);
    else
        reply_json(r, 200, json_incref(answer));
}

static int enrol(struct req *r, struct enrolment *e, const char *otp_id, struct err *err)
{
    struct redemption *redemption = &e->redemption;
    int rc = make_identity(r, e, err);
    if (rc == 0)
        rc = seal_answer(r, e, otp_id, err);
    if (rc == 0)
        rc = db_write(r->app->writer, redeem, redemption, err);
    if (rc != 0)
        return rc;
    if (redemption->outcome == REDEEM_TAKEN_NOW)
        presence_invalidate(r->app->presence);
    if (redemption->outcome != REDEEM_AGAIN)
        return 0;
    json_t *before = NULL;
    rc = open_answer(r, e, otp_id, &before, err);
    if (rc == 0) {
        json_decref(e->answer);
        e->answer = before;
    }
    return rc;
}

/* A first look at the password, before anything costs much; redeem() decides. */
static bool find_otp(struct req *r, struct enrolment *e, struct otp *ret)
{
    struct err err = {0};
    int rc = ERR_NOT_FOUND;
    digest_token(e->otp, e->otp_hash);
    if (token_well_formed(TOKEN_OTP, e->otp))
        rc = otp_by_hash(r->db, r->arena, e->otp_hash, ret, &err);
    if (rc == ERR_NOT_FOUND)
        refuse(r, REDEEM_UNKNOWN);
    else if (rc != 0)
        reply_error(r, &err);
    return rc == 0;
}

void fleet_enroll(struct req *r)
{
    struct enrolment e = {0};
    struct otp otp;
    struct err err = {0};
    if (!read_enrolment(r, &e) || !find_otp(r, &e, &otp))
        return;
    e.csr = parse_csr(r, e.csr_pem);
    if (e.csr == NULL)
        return;
    e.redemption.agent.spki = ca_csr_spki(e.csr);
    buf_init(&e.sealed, SEALED_MAX);
    e.redemption.otp_hash = e.otp_hash;
    e.redemption.arena = r->arena;
    e.redemption.key = secrets_audit_key(r->app->secrets);
    e.redemption.hushed = !login_limits_worth_a_row(r->app->logins, otp.id, r->now_ms);
    e.redemption.audit = audit_of_request(r, "agent.enroll", "");
    int rc = enrol(r, &e, otp.id, &err);
    enum redeem_outcome outcome = e.redemption.outcome;
    if (rc != 0)
        reply_error(r, &err);
    else if (outcome == REDEEM_NEW || outcome == REDEEM_AGAIN)
        reply_enrolled(r, e.answer);
    else
        refuse(r, outcome);
    json_decref(e.answer);
    buf_done(&e.sealed);
    wipe(e.api_key, sizeof e.api_key);
}

/* --- renew --- */

struct renewal {
    const char *agent_id;
    const char *spki;
    int64_t not_after_ms;
    const struct audit_key *key;
    struct audit_entry audit;
};

static int write_renewal(struct db *db, void *ctx, struct err *err)
{
    const struct renewal *w = ctx;
    int64_t changes = 0;
    int rc = db_exec(db, DB_AGENT_SET_CERTIFICATE,
                     DB_ARGS(DB_TEXT("id", w->agent_id), DB_TEXT("spki", w->spki), DB_INT("not_after", w->not_after_ms),
                             DB_INT("now", w->audit.time_ms)),
                     &changes, err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_CONFLICT, "the agent's key has changed");
    return rc != 0 ? rc : audit_append(db, w->key, &w->audit, err);
}

/* Each renewal is a signature and a row of the audit trail: an agent gets a few, not two a second. */
static bool may_renew(struct req *r)
{
    int wait_s = presence_take_renewal(r->principal.presence, r->now_ms);
    if (wait_s > 0)
        reply_retry_after(r, PROBLEM_RATE_LIMITED, wait_s, "This agent has renewed its certificate often enough.");
    return wait_s == 0;
}

void fleet_renew(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct err err = {0};
    char enrolled[DIGEST_HEX_SIZE];
    const char *certificate = NULL;
    if (!req_json(r, &wrong, &body))
        return;
    const char *pem = jsonread_text(&body, "csr", 1, CA_CSR_MAX);
    if (!req_fields_ok(r, &wrong) || !may_renew(r))
        return;
    const struct ca_csr *csr = parse_csr(r, pem);
    if (csr == NULL)
        return;
    presence_spki(r->principal.presence, enrolled);
    if (!wipe_equal_str(enrolled, ca_csr_spki(csr))) {
        reply_problem(r, PROBLEM_CONFLICT, "The request's key is not the one this agent enrolled with; enrol anew.");
        return;
    }
    struct renewal w = {
        .agent_id = r->principal.id,
        .spki = enrolled,
        .key = secrets_audit_key(r->app->secrets),
        .audit = audit_of_request(r, "agent.renew", arena_printf(r->arena, "agent:%s", r->principal.id)),
    };
    struct ca_issue_options options = {w.agent_id, r->now_ms, r->app->settings->certificate_days};
    int rc = ca_issue(r->app->ca, csr, &options, r->arena, &certificate, &w.not_after_ms, &err);
    if (rc == 0)
        rc = db_write(r->app->writer, write_renewal, &w, &err);
    if (rc != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200,
                   json_pack("{s:b,s:s,s:I}", "success", 1, "certificate", certificate, "certificateNotAfter_ms",
                             (json_int_t)w.not_after_ms));
}
