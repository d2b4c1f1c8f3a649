/* What agents have said, read back for people: a page at a time, newest first, or what came after a place. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/blocking.h"
#include "common/encode.h"
#include "fleet/fleet.h"
#include "http/list.h"
#include "http/problem.h"

const char *const fleet_level_names[] = {"debug", "info", "warning", "error", NULL};

void fleet_log_key(const char *agent_id, char ret[FLEET_LOG_KEY_SIZE])
{
    (void)snprintf(ret, FLEET_LOG_KEY_SIZE, "log:%.36s", agent_id);
}

/* --- places --- */

/* What it stands for is nobody's business but ours. */
void fleet_event_place_text(const struct fleet_event_place *place, char ret[FLEET_EVENT_PLACE_SIZE])
{
    char plain[FLEET_EVENT_PLACE_PLAIN];
    int len = snprintf(plain, sizeof plain, "%" PRId64 ".%s.%" PRId64, place->received_ms, place->epoch, place->seq);
    base64url_encode(plain, (size_t)len, ret);
}

bool fleet_event_place_parse(const char *text, struct fleet_event_place *ret)
{
    char plain[FLEET_EVENT_PLACE_PLAIN];
    size_t len = 0;
    struct cursor c;
    struct span epoch;
    uint64_t ms = 0, seq = 0;
    if (!base64url_decode(text, plain, sizeof plain, &len))
        return false;
    cursor_init(&c, (struct span){plain, len});
    if (!cursor_uint(&c, INT64_MAX, &ms) || !cursor_char(&c, '.') || !cursor_until(&c, '.', &epoch) ||
        epoch.len >= sizeof ret->epoch || memchr(epoch.ptr, '\0', epoch.len) != NULL ||
        !cursor_uint(&c, INT64_MAX, &seq) || !cursor_done(&c))
        return false;
    ret->received_ms = (int64_t)ms;
    memcpy(ret->epoch, epoch.ptr, epoch.len);
    ret->epoch[epoch.len] = '\0';
    ret->seq = (int64_t)seq;
    return true;
}

/* --- pages --- */

static json_t *event_json(const struct db_rows *rows)
{
    int64_t level = db_rows_int(rows, 4, 0);
    const char *metadata = db_rows_text(rows, 7);
    json_t *object = metadata != NULL ? json_loads(metadata, 0, NULL) : NULL;
    return json_pack("{s:s,s:I,s:I,s:I,s:s,s:s,s:s,s:o}", "epoch", db_rows_text(rows, 0), "seq",
                     (json_int_t)db_rows_int(rows, 1, 0), "time_ms", (json_int_t)db_rows_int(rows, 2, 0), "received_ms",
                     (json_int_t)db_rows_int(rows, 3, 0), "level",
                     fleet_level_names[level >= 0 && level <= 3 ? level : 1], "kind", db_rows_text(rows, 5), "message",
                     db_rows_text(rows, 6), "metadata", object != NULL ? object : json_object());
}

static struct fleet_event_place place_of(const struct db_rows *rows)
{
    struct fleet_event_place place = {.received_ms = db_rows_int(rows, 3, 0), .seq = db_rows_int(rows, 1, 0)};
    (void)snprintf(place.epoch, sizeof place.epoch, "%s", db_rows_text(rows, 0));
    return place;
}

static const struct csv_column columns[] = {
    {"time", "time_ms", CSV_TIME},     {"received", "received_ms", CSV_TIME},
    {"level", "level", CSV_PLAIN},     {"kind", "kind", CSV_PLAIN},
    {"message", "message", CSV_PLAIN}, {"details", "metadata", CSV_PLAIN},
    {"epoch", "epoch", CSV_PLAIN},     {"seq", "seq", CSV_PLAIN},
    {NULL, NULL, CSV_PLAIN},
};

struct event_query {
    const char *agent_id;
    int64_t level;
    struct list_ask ask; /* newest first, whatever is asked for, and without an offset */
    struct fleet_event_place before;
};

/* One row more than asked for tells whether there is a next page. */
static int read_page(struct req *r, const struct event_query *q, struct list_out *out,
                     struct fleet_event_place *ret_last, bool *ret_more, struct err *err)
{
    struct db_rows rows;
    int64_t count = 0;
    int rc = db_query(r->db, DB_EVENT_PAGE,
                      DB_ARGS(DB_TEXT("agent", q->agent_id), DB_INT("level", q->level), DB_TEXT("q", q->ask.pattern),
                              DB_INT("before_ms", q->before.received_ms), DB_TEXT("before_epoch", q->before.epoch),
                              DB_INT("before_seq", q->before.seq), DB_INT("limit", q->ask.limit + 1)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        rc = 0;
        if (++count > q->ask.limit)
            break;
        *ret_last = place_of(&rows);
        rc = list_add(out, event_json(&rows), err);
    }
    db_rows_done(&rows);
    *ret_more = count > q->ask.limit;
    return rc;
}

bool fleet_level_query(struct req *r, int64_t *ret)
{
    const char *level = req_query(r, "level");
    int64_t found = 0;
    while (level != NULL && fleet_level_names[found] != NULL && strcmp(fleet_level_names[found], level) != 0)
        found++;
    *ret = found;
    if (fleet_level_names[found] != NULL)
        return true;
    reply_invalid_field(r, "", "level", "level must be debug, info, warning or error");
    return false;
}

static bool read_query(struct req *r, struct event_query *ret)
{
    const char *before = req_query(r, "before");
    static const char *const formats[] = {"json", "csv", NULL};
    const char *format;
    *ret =
        (struct event_query){.agent_id = r->params[0], .ask = {.name = "events"}, .before = {.received_ms = INT64_MAX}};
    if (!fleet_level_query(r, &ret->level))
        return false;
    if (before != NULL && !fleet_event_place_parse(before, &ret->before)) {
        reply_invalid_field(r, "", "before", "before must be the 'next' of an earlier reply");
        return false;
    }
    if (!list_choice(r, "format", formats, "json", &format) || !req_query_int(r, "limit", 1, 500, 100, &ret->ask.limit))
        return false;
    list_pattern(req_query(r, "q"), ret->ask.pattern);
    ret->ask.csv = strcmp(format, "csv") == 0;
    if (ret->ask.csv)
        ret->ask.limit = LIST_CSV_ROWS;
    return true;
}

void fleet_agent_events(struct req *r)
{
    struct event_query query;
    struct fleet_event_place last = {0};
    struct list_out out;
    struct err err = {0};
    bool more = false;
    if (!read_query(r, &query))
        return;
    list_begin(&out, &query.ask, columns);
    int rc = fleet_agent_may_see(r, query.agent_id, &err);
    blocking_begin(); /* a search may look at all that an agent ever said */
    if (rc == 0)
        rc = read_page(r, &query, &out, &last, &more, &err);
    blocking_end();
    if (rc != 0 || query.ask.csv) {
        list_reply(r, &out, rc, more ? LIST_CSV_ROWS + 1 : 0, &err);
        return;
    }
    char next[FLEET_EVENT_PLACE_SIZE];
    fleet_event_place_text(&last, next);
    reply_json(r, 200, json_pack("{s:o,s:s?}", "items", out.items, "next", more ? next : NULL));
}

/* --- what came after a place --- */

int fleet_events_newest(struct db *db, const char *agent_id, struct fleet_event_place *ret, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_EVENT_PAGE,
                          DB_ARGS(DB_TEXT("agent", agent_id), DB_INT("level", 0), DB_TEXT("q", ""),
                                  DB_INT("before_ms", INT64_MAX), DB_TEXT("before_epoch", ""), DB_INT("before_seq", 0),
                                  DB_INT("limit", 1)),
                          &rows, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW ? place_of(&rows) : (struct fleet_event_place){0};
    if (rc == DB_ROW)
        db_rows_done(&rows);
    return 0;
}

int fleet_events_after(struct db *db, const struct fleet_events_ask *ask, fleet_event_fn *fn, void *ctx,
                       struct err *err)
{
    struct db_rows rows;
    bool more = true;
    int rc = db_query(db, DB_EVENT_AFTER,
                      DB_ARGS(DB_TEXT("agent", ask->agent_id), DB_INT("level", ask->level),
                              DB_INT("after_ms", ask->after.received_ms), DB_TEXT("after_epoch", ask->after.epoch),
                              DB_INT("after_seq", ask->after.seq), DB_INT("limit", ask->limit)),
                      &rows, err);
    while (rc == 0 && more && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct fleet_event_place place = place_of(&rows);
        json_t *event = event_json(&rows);
        rc = event != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
        if (rc == 0)
            more = fn(event, &place, ctx);
        json_decref(event);
    }
    db_rows_done(&rows);
    return rc;
}
