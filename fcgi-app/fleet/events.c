/* What agents have to say: POST /api/agent/events and /api/agent/log. Each (agent, epoch, seq) is stored once; an
 * acknowledged event is on disk. Reading it back is in events_read.c. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "common/encode.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "fleet/presence_entry.h"
#include "http/park.h"

enum {
    EVENTS_MAX = 500,
    MESSAGE_MAX = 8 * 1024,
    METADATA_MAX = 64 * 1024,
    DETAIL_MAX = 500,
};

/* The events that came by /log have no epoch of the agent's. */
static const char log_epoch[] = "log";

struct event {
    int64_t seq; /* 0: the next free one */
    int64_t time_ms;
    int level;
    const char *kind;
    const char *message;
    const char *metadata; /* a JSON object as text */
    /* of a command_result that is one: */
    const char *command_id;
    const char *command_status;
    const char *command_detail;
};

struct intake {
    const char *agent_id;
    const char *epoch;
    int64_t now_ms;
    size_t count;
    struct event *events;
};

/* --- reading a batch --- */

/* At most max bytes, cut before a character rather than within it. An event that is too long is cut, not refused: the
 * agent could never get rid of it. */
static const char *cut(struct arena *arena, const char *s, size_t max)
{
    size_t len = strlen(s);
    if (len <= max)
        return s;
    while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
        max--;
    return arena_strndup(arena, s, max);
}

static const char *metadata_text(struct req *r, const struct jsonread *metadata)
{
    if (metadata->object == NULL)
        return "{}";
    char *text = json_dumps(metadata->object, JSON_COMPACT);
    const char *copy = NULL;
    if (text != NULL)
        copy = strlen(text) <= METADATA_MAX ? arena_strdup(r->arena, text) : "{\"cut\":true}";
    free(text);
    return copy;
}

/* A result that names no command, or says nothing we know, is kept as what it is: something the agent said. */
static void read_command_result(struct req *r, const json_t *metadata, struct event *ret)
{
    static const char *const statuses[] = {"done", "failed", "unsupported", "refused"};
    const char *id = json_string_value(json_object_get(metadata, "commandId"));
    const char *status = json_string_value(json_object_get(metadata, "status"));
    const char *detail = json_string_value(json_object_get(metadata, "detail"));
    for (size_t i = 0; id != NULL && status != NULL && i < sizeof statuses / sizeof statuses[0]; i++) {
        if (strcmp(status, statuses[i]) != 0)
            continue;
        ret->command_id = id;
        ret->command_status = statuses[i];
        ret->command_detail = cut(r->arena, detail != NULL ? detail : "", DETAIL_MAX);
    }
}

static void read_event(struct req *r, struct jsonread *item, struct event *ret)
{
    struct jsonread metadata;
    ret->seq = jsonread_int(item, "seq", 1, INT64_MAX);
    ret->time_ms = jsonread_int(item, "time_ms", 0, INT64_MAX);
    ret->level = jsonread_enum(item, "level", fleet_level_names);
    ret->kind = jsonread_str(item, "kind", 1, 64);
    ret->message = jsonread_text(item, "message", 0, SIZE_MAX);
    jsonread_object_or_none(item, "metadata", &metadata);
    if (item->error->failed)
        return;
    ret->message = cut(r->arena, ret->message, MESSAGE_MAX);
    ret->metadata = metadata_text(r, &metadata);
    if (strcmp(ret->kind, "command_result") == 0)
        read_command_result(r, metadata.object, ret);
}

/* --- storing --- */

static int store_event(struct db *db, const struct intake *in, const struct event *e, struct err *err)
{
    int64_t seq = e->seq;
    if (seq == 0) {
        struct db_rows rows;
        int rc = db_query_one(db, DB_EVENT_NEXT_SEQ,
                              DB_ARGS(DB_TEXT("agent", in->agent_id), DB_TEXT("epoch", in->epoch)), &rows, err);
        if (rc != DB_ROW)
            return rc < 0 ? rc : err_set(err, ERR_INTERNAL, "no next sequence number");
        seq = db_rows_int(&rows, 0, 1);
        db_rows_done(&rows);
    }
    return db_exec(db, DB_EVENT_INSERT,
                   DB_ARGS(DB_TEXT("agent", in->agent_id), DB_TEXT("epoch", in->epoch), DB_INT("seq", seq),
                           DB_INT("level", e->level), DB_TEXT("kind", e->kind), DB_TEXT("message", e->message),
                           DB_TEXT("metadata", e->metadata), DB_INT("timestamp", e->time_ms),
                           DB_INT("now", in->now_ms)),
                   NULL, err);
}

static int write_intake(struct db *db, void *ctx, struct err *err)
{
    const struct intake *in = ctx;
    int64_t finished = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < in->count; i++) {
        const struct event *e = &in->events[i];
        int64_t changes = 0;
        rc = store_event(db, in, e, err);
        if (rc == 0 && e->command_id != NULL)
            rc = db_exec(db, DB_COMMAND_FINISH,
                         DB_ARGS(DB_TEXT("id", e->command_id), DB_TEXT("agent", in->agent_id),
                                 DB_TEXT("status", e->command_status), DB_TEXT("detail", e->command_detail),
                                 DB_INT("now", in->now_ms)),
                         &changes, err);
        finished += changes;
    }
    if (rc == 0 && finished > 0)
        rc = db_changed(db, "commands", err);
    return rc;
}

/* Has those who watch the agent's log look again. */
static void wake_watchers(const struct req *r)
{
    char key[FLEET_LOG_KEY_SIZE];
    fleet_log_key(r->principal.id, key);
    park_wake(r->app->park, key);
}

/* An agent may say a lot, but not fill the disk. */
static bool within_allowance(struct req *r)
{
    int wait_s = presence_take_bytes(r->principal.presence, (int64_t)r->body.len, r->now_ms);
    if (wait_s > 0)
        reply_retry_after(r, PROBLEM_RATE_LIMITED, wait_s, "This agent has sent more events than it may.");
    return wait_s == 0;
}

static bool epoch_valid(const char *epoch)
{
    unsigned char bytes[8];
    return hex_decode(epoch, bytes, sizeof bytes);
}

/* Whether memory was enough for every copy. */
static bool complete(const struct intake *in)
{
    if (in->events == NULL)
        return false;
    for (size_t i = 0; i < in->count; i++) {
        const struct event *e = &in->events[i];
        if (e->message == NULL || e->metadata == NULL || (e->command_id != NULL && e->command_detail == NULL))
            return false;
    }
    return true;
}

static void reply_acked(struct req *r, const struct intake *in)
{
    json_t *acked = json_array();
    for (size_t i = 0; i < in->count; i++)
        if (json_array_append_new(acked, json_integer(in->events[i].seq)) != 0) {
            json_decref(acked);
            acked = NULL; /* the reply becomes a 500; the agent sends again, nothing doubles */
            break;
        }
    reply_json(r, 200, json_pack("{s:b,s:o}", "success", 1, "acked", acked));
}

void fleet_events(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    const json_t *list = NULL;
    struct intake in = {.agent_id = r->principal.id, .now_ms = r->now_ms};
    struct err err = {0};
    if (!within_allowance(r) || !req_json(r, &wrong, &body))
        return;
    in.epoch = jsonread_str(&body, "epoch", 16, 16);
    if (in.epoch != NULL && !epoch_valid(in.epoch))
        jsonread_fail(&body, "epoch", "must be 16 hex digits");
    in.count = jsonread_array(&body, "events", 0, EVENTS_MAX, &list);
    in.events = arena_array(r->arena, in.count, sizeof *in.events);
    for (size_t i = 0; in.events != NULL && i < in.count && !wrong.failed; i++) {
        struct jsonread item;
        jsonread_item(&body, "events", list, i, &item);
        read_event(r, &item, &in.events[i]);
    }
    if (!req_fields_ok(r, &wrong))
        return;
    int rc = complete(&in) ? 0 : err_set(&err, ERR_NOMEM, "out of memory");
    if (rc == 0 && in.count > 0)
        rc = db_write(r->app->writer, write_intake, &in, &err);
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    for (size_t i = 0; i < in.count; i++)
        if (in.events[i].command_id != NULL) {
            presence_invalidate(r->app->presence); /* the next heartbeat says how many are left */
            break;
        }
    if (in.count > 0)
        wake_watchers(r);
    reply_acked(r, &in);
}

void fleet_log(struct req *r)
{
    struct jsonread_error wrong = {0};
    struct jsonread body, metadata;
    struct event event = {.time_ms = r->now_ms, .kind = "log"};
    struct intake in = {r->principal.id, log_epoch, r->now_ms, 1, &event};
    struct err err = {0};
    if (!within_allowance(r) || !req_json(r, &wrong, &body))
        return;
    event.level = jsonread_enum(&body, "level", fleet_level_names);
    event.message = jsonread_text(&body, "message", 0, SIZE_MAX);
    jsonread_object_or_none(&body, "metadata", &metadata);
    if (!req_fields_ok(r, &wrong))
        return;
    event.message = cut(r->arena, event.message, MESSAGE_MAX);
    event.metadata = metadata_text(r, &metadata);
    int rc =
        complete(&in) ? db_write(r->app->writer, write_intake, &in, &err) : err_set(&err, ERR_NOMEM, "out of memory");
    if (rc != 0) {
        reply_error(r, &err);
        return;
    }
    wake_watchers(r);
    reply_json(r, 200, json_pack("{s:b}", "success", 1));
}
