/* One stream, from its request to its end. The request is parked between two pieces (http/park.h). */
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "fleet/fleet.h"
#include "http/park.h"
#include "http/stream.h"
#include "live/hub.h"
#include "policy/policy.h"

enum {
    LOOK_MS = 3000,           /* how long a stream may last whose session ended by time, or unheard of */
    HEARTBEAT_MS = 15 * 1000, /* shorter than what proxies take for silence */
    BEHIND_MS = 45 * 1000,    /* a client that takes nothing for so long is given up */
    LIFE_MS = 15 * 60 * 1000,
    RETRY_MS = 3000,
    LOG_PIECES_MAX = 8,
    LOG_EVENTS_MAX = 100,
    LOG_AGAIN_MS = 200,
    FULL_WAIT_S = 30,
};

struct live_stream {
    struct live_place place;
    int64_t begun_ms, told_ms, looked_ms; /* monotonic: the last piece that went out, the last look at the session */
    struct live_seen seen, looked;        /* told of; and known when the session was looked at */
    const char *agent_id;                 /* NULL: a stream of topics */
    char key[FLEET_LOG_KEY_SIZE];
    int64_t level;
    struct fleet_event_place after;
};

/* --- may it go on --- */

static int session_look(struct req *r, struct err *err)
{
    struct db_rows rows;
    int64_t idle_since_ms = r->now_ms - r->app->settings->session_idle_s * INT64_C(1000);
    int rc = db_query_one(r->db, DB_LIVE_SESSION,
                          DB_ARGS(DB_TEXT("session", r->principal.session_id), DB_TEXT("user", r->principal.id),
                                  DB_INT("now", r->now_ms), DB_INT("idle_since", idle_since_ms)),
                          &rows, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_DENIED, "the session is over");
    bool same = role_parse(db_rows_text(&rows, 0)) == r->principal.role;
    db_rows_done(&rows);
    return same ? 0 : err_set(err, ERR_DENIED, "the role has changed");
}

/* An admin may ask everybody for a second factor while somebody without one looks on. */
static bool factor_missing(struct req *r)
{
    struct policy policy;
    policy_get(r->app, r->db, &policy);
    return policy.mfa_required && !r->principal.has_factor;
}

/* Watching is no use of a session: looking does not make it last longer. */
static bool allowed(struct req *r, struct live_stream *s, int64_t now_ms)
{
    struct err err = {0};
    struct live_seen now;
    live_read(s->place.hub, &now);
    bool moved = now.counters[LIVE_SESSIONS] != s->looked.counters[LIVE_SESSIONS] ||
                 now.counters[LIVE_USERS] != s->looked.counters[LIVE_USERS];
    if (!moved && now_ms - s->looked_ms < LOOK_MS)
        return true;
    s->looked = now;
    s->looked_ms = now_ms;
    if (factor_missing(r))
        return false;
    int rc = session_look(r, &err);
    if (rc == 0 && s->agent_id != NULL)
        rc = fleet_agent_may_see(r, s->agent_id, &err);
    if (rc != 0 && rc != ERR_DENIED && rc != ERR_NOT_FOUND)
        log_warning("a live stream ends: %s", err.msg);
    return rc == 0;
}

/* --- what it says --- */

static bool say(struct req *r, struct live_stream *s, const struct buf *text, int64_t now_ms)
{
    if (!buf_ok(text) || !stream_send(r, buf_str(text), text->len))
        return false;
    s->told_ms = now_ms;
    return true;
}

static bool told_to(const struct req *r, enum live_topic topic)
{
    bool admins_own = topic == LIVE_POLICY || topic == LIVE_USERS;
    return live_topic_name(topic) != NULL && (!admins_own || r->principal.role == ROLE_ADMIN);
}

static void tell_topics(struct req *r, struct live_stream *s, int64_t now_ms)
{
    struct live_seen now;
    struct buf text;
    unsigned count = 0;
    live_read(s->place.hub, &now);
    buf_init(&text, 512);
    buf_adds(&text, "event: changed\ndata: {\"topics\":[");
    for (enum live_topic t = 0; t < LIVE_TOPIC_COUNT; t++)
        if (told_to(r, t) && now.counters[t] != s->seen.counters[t])
            buf_addf(&text, "%s\"%s\"", count++ > 0 ? "," : "", live_topic_name(t));
    buf_adds(&text, "]}\n\n");
    if (count == 0 || say(r, s, &text, now_ms))
        s->seen = now; /* else it is told with what comes next */
    buf_done(&text);
}

/* One piece of a log: as many events as fit. */
struct piece {
    struct buf text;
    size_t count;
    bool full;
    struct fleet_event_place last;
};

static bool add_event(const json_t *event, const struct fleet_event_place *place, void *ctx)
{
    struct piece *p = ctx;
    char id[FLEET_EVENT_PLACE_SIZE];
    json_t *shorter = NULL;
    char *data = json_dumps(event, JSON_COMPACT);
    if (data != NULL && strlen(data) > STREAM_PIECE_MAX - 1024) {
        /* Metadata alone can be larger than a piece; the message is not. */
        free(data);
        shorter = json_copy(jsonread_iterable(event));
        (void)json_object_set_new(shorter, "metadata", json_pack("{s:b}", "cut", 1));
        data = json_dumps(shorter, JSON_COMPACT);
        json_decref(shorter);
    }
    fleet_event_place_text(place, id);
    p->full = data == NULL || p->text.len + strlen(data) + 256 > STREAM_PIECE_MAX;
    if (!p->full) {
        buf_addf(&p->text, "id: %s\nevent: log\ndata: ", id);
        buf_adds(&p->text, data);
        buf_adds(&p->text, "\n\n");
        p->last = *place;
        p->count++;
    }
    free(data);
    return !p->full;
}

/* True when there may be more to say. */
static bool tell_piece(struct req *r, struct live_stream *s, int64_t now_ms)
{
    struct piece piece = {0};
    struct err err = {0};
    struct fleet_events_ask ask = {s->agent_id, s->level, LOG_EVENTS_MAX, s->after};
    buf_init(&piece.text, STREAM_PIECE_MAX);
    int rc = fleet_events_after(r->db, &ask, add_event, &piece, &err);
    if (rc != 0)
        log_warning("events for a live stream not read: %s", err.msg);
    bool sent = rc == 0 && piece.count > 0 && say(r, s, &piece.text, now_ms);
    if (sent)
        s->after = piece.last;
    buf_done(&piece.text);
    return piece.count > 0 && (!sent || piece.full || piece.count == LOG_EVENTS_MAX);
}

/* False: all is told. True: the client first has to take what it was sent. */
static bool tell_log(struct req *r, struct live_stream *s, int64_t now_ms)
{
    for (int i = 0; i < LOG_PIECES_MAX && stream_ready(r); i++)
        if (!tell_piece(r, s, now_ms))
            return false;
    return true;
}

/* --- its life --- */

static void go_on(struct req *r, enum park_reason reason, void *ctx);

static void wait_for_news(struct req *r, struct live_stream *s, uint64_t generation, int64_t wait_ms)
{
    struct err err = {0};
    if (park_request(r, s->key, generation, wait_ms, go_on, s, &err) != 0)
        log_debug("a live stream ends: %s", err.msg);
}

/* What is new, or a sign of life. True: there is more. */
static bool tell(struct req *r, struct live_stream *s, int64_t now_ms)
{
    bool more = false;
    if (s->agent_id != NULL)
        more = tell_log(r, s, now_ms);
    else
        tell_topics(r, s, now_ms);
    if (now_ms - s->told_ms >= HEARTBEAT_MS && stream_send(r, ": here\n\n", 8))
        s->told_ms = now_ms;
    return more;
}

static void go_on(struct req *r, enum park_reason reason, void *ctx)
{
    struct live_stream *s = ctx;
    int64_t now_ms = clock_monotonic_ms(r->app->clock);
    uint64_t generation = park_generation(r->app->park);
    if (reason == PARK_DRAIN || now_ms - s->begun_ms >= LIFE_MS || !allowed(r, s, now_ms))
        return;
    bool more = tell(r, s, now_ms);
    if (now_ms - s->told_ms >= BEHIND_MS)
        stream_break(r);
    else
        wait_for_news(r, s, generation, more ? LOG_AGAIN_MS : LOOK_MS);
}

static void leave(void *ctx)
{
    live_leave(ctx);
}

/* A place for it, given back with the request's memory. */
static bool enter(struct req *r, struct live_stream *s)
{
    size_t most = r->app->settings->max_parked / 4 + 1; /* agents wait in the same place */
    if (!live_enter(r->app->live, &s->place, r->principal.id, s->key, most)) {
        reply_retry_after(r, PROBLEM_RATE_LIMITED, FULL_WAIT_S, "There are too many live views open; close some.");
        return false;
    }
    if (arena_cleanup(r->arena, leave, &s->place) == 0)
        return true;
    live_leave(&s->place);
    reply_problem(r, PROBLEM_INTERNAL, NULL);
    return false;
}

/* Where a log begins: where the browser was cut off, else at what comes from now on. */
static int find_log(struct req *r, struct live_stream *s, struct err *err)
{
    const char *last = req_header(r, "Last-Event-ID");
    int rc = fleet_agent_may_see(r, s->agent_id, err);
    if (rc != 0 || (last != NULL && fleet_event_place_parse(last, &s->after)))
        return rc;
    return fleet_events_newest(r->db, s->agent_id, &s->after, err);
}

static void greet(struct req *r, struct live_stream *s, int64_t now_ms)
{
    struct buf text;
    buf_init(&text, 256);
    buf_addf(&text, "retry: %d\n\nevent: begun\ndata: {}\n\n", RETRY_MS);
    (void)say(r, s, &text, now_ms); /* a new connection's buffer is empty; else the heartbeat is the first piece */
    buf_done(&text);
}

void live_stream(struct req *r)
{
    struct err err = {0};
    const char *agent_id = req_query(r, "agent");
    struct live_stream *s = arena_alloc(r->arena, sizeof *s);
    int64_t now_ms = clock_monotonic_ms(r->app->clock);
    if (s == NULL) {
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return;
    }
    *s = (struct live_stream){.begun_ms = now_ms, .told_ms = now_ms, .looked_ms = now_ms, .agent_id = agent_id};
    memcpy(s->key, live_key, strlen(live_key) + 1);
    if (!fleet_level_query(r, &s->level))
        return;
    if (r->method == HTTP_HEAD) {
        reply_bytes(r, 200, "text/event-stream", "", 0);
        return;
    }
    uint64_t generation = park_generation(r->app->park);
    live_read(r->app->live, &s->seen);
    s->looked = s->seen;
    if (agent_id != NULL && find_log(r, s, &err) != 0) {
        reply_error(r, &err);
        return;
    }
    if (agent_id != NULL)
        fleet_log_key(agent_id, s->key);
    if (!enter(r, s))
        return;
    if (park_request(r, s->key, generation, LOOK_MS, go_on, s, &err) != 0) {
        reply_retry_after(r, PROBLEM_UNAVAILABLE, FULL_WAIT_S, err.msg);
        return;
    }
    stream_begin(r);
    greet(r, s, now_ms);
}
