#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/roots.h"
#include "common/cursor.h"
#include "common/encode.h"
#include "common/file.h"
#include "common/jsonread.h"
#include "describe.h"
#include "poll/poller.h"
#include "update/root.h"
#include "update/update.h"

enum { FINAL_MS = 5000, NEXT_POLL_MAX_S = 24 * 60 * 60 };

static bool set(json_t *body, const char *key, json_t *value)
{
    return json_object_set_new(body, key, value) == 0;
}

/* The host's boot, so that the server can tell a reboot from an outage. */
static json_t *boot_id(void)
{
    char *text = NULL;
    struct err err;
    if (file_read("/proc/sys/kernel/random/boot_id", 128, &text, NULL, &err) != 0)
        return json_string("");
    text[strcspn(text, "\n")] = '\0';
    json_t *value = json_string(text);
    free(text);
    return value;
}

static json_t *update_report(struct poller *p)
{
    json_t *update = updates_json(p);
    if (update != NULL && k8s_report(p, update))
        return update;
    json_decref(update);
    return NULL;
}

/* What only the process that polls knows it can do. */
static bool add_capabilities(const struct poller *p, json_t *body)
{
    const char *reason;
    bool can = update_in_place_possible(p->agent, p->watchdog.fd >= 0, &reason) && root_known(p->agent);
    return !can || json_array_append_new(json_object_get(body, "capabilities"), json_string("update")) == 0;
}

static json_t *make_body(struct poller *p, bool final)
{
    json_t *body = describe_agent(p->agent);
    if (body == NULL)
        return NULL;
    bool whole = add_capabilities(p, body) && set(body, "bootId", boot_id()) &&
                 set(body, "hostname", json_string(p->agent->hostname)) &&
                 set(body, "uptimeS", json_integer(poller_monotonic_ms(p) / 1000)) &&
                 set(body, "eventSeq", json_integer((json_int_t)eventlog_last_seq(p->events))) &&
                 set(body, "error", json_boolean(ledger_last_failed(p->ledger) || updates_failed(p))) &&
                 set(body, "update", update_report(p));
    if (whole && p->status.audit_head[0] != '\0')
        whole = set(body, "auditHead", json_string(p->status.audit_head));
    json_t *roots = roots_json(p->agent);
    if (whole && roots != NULL)
        whole = set(body, "roots", json_incref(roots));
    json_decref(roots);
    if (whole && final)
        whole = set(body, "final", json_true());
    if (whole)
        return body;
    json_decref(body);
    return NULL;
}

/* "<seq>:<64 hex>" */
static bool parse_head(const char *s, uint64_t *ret_seq)
{
    struct cursor c;
    unsigned char mac[32];
    cursor_init(&c, span_of(s));
    return cursor_uint(&c, INT64_MAX, ret_seq) && cursor_char(&c, ':') && strlen(c.at) == 64 &&
           hex_decode(c.at, mac, sizeof mac);
}

/* The audit trail only grows. A head before the one we were told last means that records are missing. */
static void take_audit_head(struct poller *p, const char *head)
{
    uint64_t known = 0;
    uint64_t now = 0;
    if (!parse_head(head, &now))
        return;
    if (parse_head(p->status.audit_head, &known) && now < known)
        poller_note(p, LOG_WARNING, "audit", "the server's audit trail has gone back from record %llu to %llu",
                    (unsigned long long)known, (unsigned long long)now);
    (void)snprintf(p->status.audit_head, sizeof p->status.audit_head, "%s", head);
}

/* An offer that is none must not cost the rest of the reply. */
static void read_offer(struct jsonread *reply, struct policy_offer *ret)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    const json_t *value = json_object_get(reply->object, "update");
    *ret = (struct policy_offer){.not_before_ms = 0};
    if (value == NULL || json_is_null(value))
        return;
    jsonread_init(&r, value, &wrong);
    const char *version = jsonread_str(&r, "version", 1, sizeof ret->version - 1);
    const char *rollout = jsonread_str_or(&r, "rolloutId", 0, sizeof ret->rollout_id - 1, "");
    struct policy_offer offer = {
        .not_before_ms = jsonread_int_or(&r, "notBefore_ms", 0, INT64_MAX, 0),
        .force = jsonread_bool_or(&r, "force", false),
        .downgrade = jsonread_bool_or(&r, "downgrade", false),
    };
    if (wrong.failed) {
        log_warning("the server's offer of an update: %s %s", wrong.pointer, wrong.reason);
        return;
    }
    (void)snprintf(offer.version, sizeof offer.version, "%s", version);
    (void)snprintf(offer.rollout_id, sizeof offer.rollout_id, "%s", rollout);
    *ret = offer;
}

static int read_reply(const json_t *reply, struct heartbeat_reply *ret, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, reply, &wrong);
    struct heartbeat_reply read = {
        .next_poll_s = jsonread_int_or(&r, "nextPollS", 1, NEXT_POLL_MAX_S, 30),
        .configs_rev = jsonread_int_or(&r, "configsRev", 0, INT64_MAX, -1),
        .ca_rev = jsonread_int_or(&r, "caBundleRev", 0, INT64_MAX, 0),
        .commands = jsonread_int_or(&r, "commands", 0, INT64_MAX, 0),
        .server_time_ms = jsonread_int_or(&r, "serverTime_ms", 0, INT64_MAX, 0),
    };
    const char *head = jsonread_str_or(&r, "auditHead", 0, sizeof read.audit_head - 1, "");
    if (wrong.failed)
        return err_set(err, ERR_INVALID, "the server's reply: %s %s", wrong.pointer, wrong.reason);
    read_offer(&r, &read.offer);
    (void)snprintf(read.audit_head, sizeof read.audit_head, "%s", head);
    *ret = read;
    return 0;
}

int heartbeat_send(struct poller *p, bool final, struct heartbeat_reply *ret, struct api_result *result,
                   struct err *err)
{
    json_t *body = make_body(p, final);
    json_t *reply = NULL;
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = api_call(p->api, "POST", "/api/agent/heartbeat", body, final ? FINAL_MS : POLLER_REQUEST_MS, &reply,
                      result, err);
    if (rc == 0)
        rc = read_reply(reply, ret, err);
    if (rc == 0)
        take_audit_head(p, ret->audit_head);
    json_decref(reply);
    return rc;
}
