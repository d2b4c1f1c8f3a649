/* POST /api/agent/heartbeat: the path that every agent takes all the time. Memory only: one small parse, one lock, a
 * reply from a format string. What changed is written by presence_flush. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/log.h"
#include "db/writer.h"
#include "fleet/ca.h"
#include "fleet/fleet.h"
#include "fleet/presence_entry.h"
#include "http/request.h"
#include "ops/alert.h"

enum { REPLY_MAX = 1024, OFFER_MAX = 320, CAPABILITIES_MAX = 64, ROOTS_MAX = 256, ROOT_MAX = 4095 };

static void copy(char *ret, size_t size, const char *text)
{
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

static void read_beat(struct req *r, struct jsonread *body, struct presence_beat *ret)
{
    copy(ret->version, sizeof ret->version, jsonread_str(body, "version", 1, sizeof ret->version - 1));
    copy(ret->platform, sizeof ret->platform, jsonread_str(body, "platform", 1, sizeof ret->platform - 1));
    copy(ret->arch, sizeof ret->arch, jsonread_str_or(body, "arch", 0, sizeof ret->arch - 1, ""));
    copy(ret->deployment_mode, sizeof ret->deployment_mode,
         jsonread_str_or(body, "deploymentMode", 0, sizeof ret->deployment_mode - 1, ""));
    copy(ret->boot_id, sizeof ret->boot_id, jsonread_str_or(body, "bootId", 0, sizeof ret->boot_id - 1, ""));
    copy(ret->address, sizeof ret->address, r->remote_addr);
    ret->uptime_s = jsonread_int_or(body, "uptimeS", 0, INT64_C(1) << 40, -1);
    ret->proto = jsonread_int_or(body, "proto", 1, 1000000, 1);
    ret->error = jsonread_bool_or(body, "error", false);
    ret->final = jsonread_bool_or(body, "final", false);
    /* Nothing needs it yet; an agent that gets it wrong shall hear of it all the same. */
    (void)jsonread_int_or(body, "eventSeq", 0, INT64_MAX, 0);
}

/* --- what rarely differs from the heartbeat before --- */

struct said {
    enum db_statement statement;
    const char *agent_id;
    const char *text;
};

static int write_said(struct db *db, void *ctx, struct err *err)
{
    const struct said *w = ctx;
    return db_exec(db, w->statement, DB_ARGS(DB_TEXT("id", w->agent_id), DB_TEXT("text", w->text)), NULL, err);
}

static void take_said(struct req *r, const json_t *value, bool (*is_new)(struct presence_entry *e, const char *text),
                      enum db_statement statement)
{
    char *text = json_dumps(value, JSON_COMPACT);
    struct err err = {0};
    struct said w = {statement, r->principal.id, text};
    if (text != NULL && is_new(r->principal.presence, text) && db_write(r->app->writer, write_said, &w, &err) != 0)
        log_warning("what agent %s said of itself was not written: %s", r->principal.id, err.msg);
    free(text);
}

/* A copy of what is as it should be; NULL: nothing. They are shown and not relied on, so those that cannot be shown
 * cost the agent nothing but that. */
static json_t *read_roots(struct jsonread *body)
{
    static const char *const names[] = {"backup", "restore"};
    struct jsonread_error wrong = {0};
    struct jsonread given, r;
    const json_t *lists[2] = {NULL, NULL};
    jsonread_object_or_none(body, "roots", &given);
    if (given.object == NULL)
        return NULL;
    jsonread_init(&r, given.object, &wrong);
    for (int k = 0; k < 2; k++) {
        size_t count = jsonread_array(&r, names[k], 0, ROOTS_MAX, &lists[k]);
        for (size_t i = 0; i < count; i++)
            (void)jsonread_item_str(&r, names[k], lists[k], i, 1, ROOT_MAX);
    }
    return wrong.failed
               ? NULL
               : json_pack("{s:o,s:o}", names[0], json_deep_copy(lists[0]), names[1], json_deep_copy(lists[1]));
}

static int raise_cut_trail(struct db *db, void *ctx, struct err *err)
{
    const struct req *r = ctx;
    char message[300];
    (void)snprintf(message, sizeof message,
                   "Agent %s remembers an audit row that the trail no longer holds: rows were removed or replaced, an "
                   "older database was put back, or the agent does not tell the truth. Run 'muster-app audit verify'.",
                   r->principal.id);
    struct alert alert = {
        .kind = "audit.cut",
        .message = message,
        .time_ms = r->now_ms,
    };
    return alert_raise(db, &alert, err);
}

/* The agent says back the head it was told last: a trail that was cut since no longer holds that row. */
static void judge_head(struct req *r, const char *head)
{
    struct err err = {0};
    if (!presence_head_new(r->principal.presence, head))
        return;
    int rc = audit_check_head(r->db, secrets_audit_key(r->app->secrets), head, &err);
    if (rc != ERR_CORRUPT)
        return;
    log_error("audit trail cut: agent %s: %s", r->principal.id, err.msg);
    if (db_write(r->app->writer, raise_cut_trail, r, &err) != 0)
        log_error("an alert was not stored: %s", err.msg);
}

/* Versions and ids need no escapes. */
static void format_offer(struct presence_entry *entry, char ret[OFFER_MAX])
{
    struct update_offer offer;
    ret[0] = '\0';
    if (presence_offer(entry, &offer))
        (void)snprintf(ret, OFFER_MAX,
                       "\"update\":{\"version\":\"%s\",\"rolloutId\":\"%s\",\"notBefore_ms\":%" PRId64
                       ",\"force\":%s,\"downgrade\":%s},",
                       offer.version, offer.rollout_id, offer.not_before_ms, offer.force ? "true" : "false",
                       offer.downgrade ? "true" : "false");
}

static void reply_news(struct req *r, const struct presence_news *news)
{
    char text[REPLY_MAX], offer[OFFER_MAX], head[AUDIT_HEAD_SIZE], time[CLOCK_RFC3339_SIZE];
    presence_audit_head(r->app->presence, head);
    format_offer(r->principal.presence, offer);
    clock_format_rfc3339(r->now_ms, time);
    int len =
        snprintf(text, sizeof text,
                 "{\"success\":true,\"status\":\"%s\",\"nextPollS\":%d,\"configsRev\":%" PRId64 ",\"commands\":%" PRId64
                 ",\"caBundleRev\":%" PRId64 ",%s%s%s%s\"serverTime\":\"%s\""
                 ",\"serverTime_ms\":%" PRId64 "}",
                 news->status, news->next_poll_s, news->configs_rev, news->commands, ca_bundle_rev(r->app->ca), offer,
                 head[0] != '\0' ? "\"auditHead\":\"" : "", head, head[0] != '\0' ? "\"," : "", time, r->now_ms);
    reply_bytes(r, 200, "application/json", text, (size_t)len);
}

void fleet_heartbeat(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    struct presence_beat beat;
    struct presence_news news;
    struct update_report report;
    const json_t *capabilities = NULL;
    if (!req_json(r, &wrong, &body))
        return;
    read_beat(r, &body, &beat);
    update_report_read(&body, &report);
    const char *head = jsonread_str_or(&body, "auditHead", 0, AUDIT_HEAD_SIZE - 1, "");
    size_t count = jsonread_array_or_none(&body, "capabilities", CAPABILITIES_MAX, &capabilities);
    for (size_t i = 0; i < count; i++)
        (void)jsonread_item_str(&body, "capabilities", capabilities, i, 1, 64);
    json_t *roots = read_roots(&body);
    if (!req_fields_ok(r, &wrong)) {
        json_decref(roots);
        return;
    }
    presence_beat(r->principal.presence, &beat, r->app->settings->poll_interval_s, r->now_ms, &news);
    presence_report(r->principal.presence, &report);
    if (capabilities != NULL)
        take_said(r, capabilities, presence_capabilities_new, DB_AGENT_SET_CAPABILITIES);
    if (roots != NULL)
        take_said(r, roots, presence_roots_new, DB_AGENT_SET_ROOTS);
    json_decref(roots);
    if (head[0] != '\0')
        judge_head(r, head);
    reply_news(r, &news);
}

void fleet_ca_bundle(struct req *r)
{
    reply_json(r, 200,
               json_pack("{s:b,s:I,s:s}", "success", 1, "caBundleRev", (json_int_t)ca_bundle_rev(r->app->ca),
                         "caBundle", ca_bundle(r->app->ca)));
}
