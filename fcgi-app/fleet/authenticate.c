/* Who an agent is: its API key, and its certificate when it shows one. */
#include <string.h>

#include "app.h"
#include "auth/auth.h"
#include "auth/digest.h"
#include "common/encode.h"
#include "common/token.h"
#include "common/wipe.h"
#include "fleet/ca.h"
#include "fleet/fleet.h"
#include "fleet/presence_entry.h"
#include "http/request.h"
#include "policy/policy.h"

static void release(void *entry)
{
    presence_release(entry);
}

static int refuse(struct req *r, enum problem problem, const char *detail)
{
    reply_problem(r, problem, detail);
    return ERR_DENIED;
}

static int refuse_key(struct req *r)
{
    auth_failure_note(r->app, "agent.key", r->remote_addr);
    return refuse(r, PROBLEM_UNAUTHENTICATED, "Send the agent's API key in the header X-Agent-API-Key.");
}

static int refuse_verdict(struct req *r, enum presence_verdict verdict, int retry_after_s)
{
    switch (verdict) {
    case PRESENCE_OK: break;
    case PRESENCE_RATE_LIMITED:
        reply_retry_after(r, PROBLEM_RATE_LIMITED, retry_after_s, "Too many requests with this key.");
        break;
    case PRESENCE_DEACTIVATED:
        reply_problem(r, PROBLEM_AGENT_DEACTIVATED, "This agent was deactivated; an operator can activate it again.");
        break;
    case PRESENCE_QUARANTINED:
        reply_problem(r, PROBLEM_QUARANTINED, "This agent waits for an admin to approve it.");
        break;
    case PRESENCE_KEY_DENIED: reply_problem(r, PROBLEM_FORBIDDEN, "This agent's key is denied; enrol anew."); break;
    }
    return ERR_DENIED;
}

/* Whether the certificate that nginx verified against our CA holds the key this agent enrolled with. */
static bool certificate_fits(struct presence_entry *entry, const char *escaped)
{
    unsigned char hash[DIGEST_SIZE];
    char enrolled[DIGEST_HEX_SIZE], shown[DIGEST_HEX_SIZE];
    struct err ignored = {0};
    digest_sha256(escaped, strlen(escaped), hash);
    if (presence_certificate_known(entry, hash))
        return true;
    presence_spki(entry, enrolled);
    if (ca_escaped_spki(escaped, shown, &ignored) != 0 || !wipe_equal_str(enrolled, shown))
        return false;
    presence_certificate_remember(entry, hash);
    return true;
}

static int check_certificate(struct req *r, struct presence_entry *entry)
{
    const char *verify = req_param(r, "MUSTER_CLIENT_VERIFY");
    if (verify == NULL || verify[0] == '\0' || strcmp(verify, "NONE") == 0)
        return 0;
    const char *certificate = req_param(r, "MUSTER_CLIENT_CERT");
    if (strcmp(verify, "SUCCESS") == 0 && certificate != NULL && certificate_fits(entry, certificate))
        return 0;
    auth_failure_note(r->app, "agent.certificate", r->remote_addr);
    return refuse(r, PROBLEM_CERTIFICATE_MISMATCH, "The client certificate is not the one of this key's agent.");
}

static enum presence_verdict admit(const struct req *r, struct presence_entry *entry, int *ret_retry_after_s)
{
    struct policy policy;
    if (strcmp(r->path, "/api/agent/backup/parts") == 0)
        return presence_admit_part(entry, r->now_ms, ret_retry_after_s);
    policy_get(r->app, r->db, &policy);
    struct ratelimit_rule rule = {
        .per_minute = policy.agent_rate > 0 ? policy.agent_rate : r->app->settings->rate_per_minute,
        .burst = policy.agent_burst > 0 ? policy.agent_burst : r->app->settings->rate_burst,
    };
    return presence_admit(entry, &rule, r->now_ms, ret_retry_after_s);
}

int fleet_authenticate(struct req *r)
{
    const char *key = req_header(r, "X-Agent-API-Key");
    unsigned char hash[DIGEST_SIZE];
    struct presence_entry *entry = NULL;
    struct err err = {0};
    if (key == NULL || !token_well_formed(TOKEN_API_KEY, key))
        return refuse_key(r);
    digest_sha256(key, strlen(key), hash);
    int rc = presence_acquire(r->app->presence, r->db, hash, r->now_ms, &entry, &err);
    if (rc == ERR_NOT_FOUND)
        return refuse_key(r);
    if (rc == 0 && arena_cleanup(r->arena, release, entry) != 0) {
        presence_release(entry);
        rc = err_set(&err, ERR_NOMEM, "out of memory");
    }
    if (rc != 0) {
        reply_error(r, &err);
        return rc;
    }
    int retry_after_s = 0;
    enum presence_verdict verdict = admit(r, entry, &retry_after_s);
    if (verdict != PRESENCE_OK)
        return refuse_verdict(r, verdict, retry_after_s);
    rc = check_certificate(r, entry);
    if (rc != 0)
        return rc;
    r->principal = (struct principal){
        .kind = PRINCIPAL_AGENT,
        .id = presence_agent_id(entry),
        .owner_id = presence_owner_id(entry),
        .presence = entry,
    };
    return 0;
}
