#include "audit/filter.h"

#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "auth/users.h"
#include "common/text.h"
#include "http/problem.h"

enum { TEXT_MAX = 200, READERS_MAX = 2, BUSY_S = 5 };

#define TIME_MAX INT64_C(253402300799999) /* the year 9999 */

/* --- reading --- */

/* The parameter, "" when it is not there. NULL after a reply was set. */
static const char *text_of(struct req *r, const char *name, int max)
{
    const char *text = list_filter(r, name, "");
    if (strlen(text) <= (size_t)max)
        return text;
    reply_invalid_field(r, "", name, arena_printf(r->arena, "%s must have at most %d bytes", name, max));
    return NULL;
}

static bool match_read(struct req *r, const char *name, struct trail_match *ret)
{
    const char *text = text_of(r, name, TEXT_MAX);
    if (text == NULL)
        return false;
    bool part = text[0] != '\0' && strchr(":./", text[strlen(text) - 1]) != NULL;
    *ret = (struct trail_match){part ? "" : text, part ? text : ""};
    return true;
}

/* Nobody's address: no row. */
static bool actor_of_email(struct req *r, struct trail_match *actor)
{
    struct user user;
    struct err err = {0};
    int rc = user_by_email(r->db, actor->whole, &user, &err);
    if (rc != 0 && rc != ERR_NOT_FOUND) {
        reply_error(r, &err);
        return false;
    }
    actor->whole = rc == 0 ? arena_printf(r->arena, "user:%s", user.id) : "user:nobody";
    return true;
}

/* --- which rows can be meant at all --- */

static int edge(struct db *db, enum db_statement statement, int64_t time_ms, int64_t none, int64_t *ret,
                struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, statement, DB_ARGS(DB_INT("time", time_ms)), &rows, err);
    *ret = none;
    if (rc != DB_ROW)
        return rc;
    *ret = db_rows_int(&rows, 0, none);
    db_rows_done(&rows);
    return 0;
}

static int bounds(struct db *db, struct trail_filter *f, struct err *err)
{
    struct db_rows rows;
    int64_t edge_seq = 0;
    int rc = db_query_one(db, DB_AUDIT_CUT_NEWEST, DB_NO_ARGS, &rows, err);
    f->above = 0;
    if (rc == DB_ROW) {
        f->above = db_rows_int(&rows, 0, 0);
        db_rows_done(&rows);
        rc = 0;
    }
    if (rc == 0)
        rc = db_query_one(db, DB_AUDIT_HEAD, DB_NO_ARGS, &rows, err);
    f->below = f->above + 1;
    if (rc == DB_ROW) {
        f->below = db_rows_int(&rows, 0, 0) + 1;
        db_rows_done(&rows);
        rc = 0;
    }
    if (rc == 0 && f->from_ms > 0)
        rc = edge(db, DB_TRAIL_FIRST_SINCE, f->from_ms, f->below, &edge_seq, err);
    if (rc == 0 && f->from_ms > 0 && edge_seq - 1 > f->above)
        f->above = edge_seq - 1;
    if (rc == 0 && f->to_ms < TIME_MAX)
        rc = edge(db, DB_TRAIL_LAST_BEFORE, f->to_ms, 0, &edge_seq, err);
    if (rc == 0 && f->to_ms < TIME_MAX && edge_seq + 1 < f->below)
        f->below = edge_seq + 1;
    return rc;
}

bool trail_filter_read(struct req *r, struct trail_filter *ret)
{
    static const char *const results[] = {"ok", "denied", "failed", NULL};
    struct trail_filter f = {0};
    struct err err = {0};
    const char *q = text_of(r, "q", LIST_Q_MAX);
    if (q == NULL || !match_read(r, "actor", &f.actor) || !match_read(r, "target", &f.target) ||
        !match_read(r, "address", &f.address) || (f.action = text_of(r, "action", TEXT_MAX)) == NULL ||
        !list_choice(r, "result", results, "", &f.result) || !req_query_int(r, "from_ms", 0, TIME_MAX, 0, &f.from_ms) ||
        !req_query_int(r, "to_ms", 0, TIME_MAX, TIME_MAX, &f.to_ms))
        return false;
    if (strchr(f.actor.whole, '@') != NULL && !actor_of_email(r, &f.actor))
        return false;
    list_pattern(q, f.q);
    int rc = f.actor.whole != NULL ? bounds(r->db, &f, &err) : err_set(&err, ERR_NOMEM, "out of memory");
    if (rc != 0) {
        reply_error(r, &err);
        return false;
    }
    *ret = f;
    return true;
}

/* Values of what holds no text but what we know; of the others that they were there. */
const char *trail_filter_text(struct req *r)
{
    static const struct {
        const char *name;
        bool shown;
    } filters[] = {{"actor", false},  {"action", false}, {"target", false}, {"result", true}, {"address", false},
                   {"from_ms", true}, {"to_ms", true},   {"q", false},      {"after", true}};
    const char *text = "";
    for (size_t i = 0; text != NULL && i < sizeof filters / sizeof filters[0]; i++) {
        const char *value = req_query(r, filters[i].name);
        if (value != NULL && value[0] != '\0')
            text = arena_printf(r->arena, "%s%s%s=%s", text, text[0] != '\0' ? "&" : "", filters[i].name,
                                filters[i].shown ? value : "");
    }
    return text != NULL ? arena_printf(r->arena, "{\"query\":\"%s\"}", text) : NULL;
}

/* --- stretches --- */

bool trail_left(const struct trail_filter *f)
{
    return f->above + 1 < f->below;
}

struct trail_filter trail_stretch(const struct trail_filter *f, int64_t rows)
{
    struct trail_filter stretch = *f;
    if (f->below - f->above - 1 <= rows)
        return stretch;
    if (f->descending)
        stretch.above = f->below - 1 - rows;
    else
        stretch.below = f->above + 1 + rows;
    return stretch;
}

int64_t trail_end(const struct trail_filter *stretch)
{
    return stretch->descending ? stretch->above + 1 : stretch->below - 1;
}

void trail_go_on(struct trail_filter *f, int64_t behind_seq)
{
    if (f->descending)
        f->below = behind_seq;
    else
        f->above = behind_seq;
}

/* --- rows --- */

int trail_query(struct db *db, const struct trail_filter *f, int64_t limit, struct db_rows *ret, struct err *err)
{
    return db_query(db, DB_TRAIL_PAGE,
                    DB_ARGS(DB_INT("above", f->above), DB_INT("below", f->below), DB_INT("from", f->from_ms),
                            DB_INT("to", f->to_ms), DB_TEXT("actor", f->actor.whole),
                            DB_TEXT("actor_prefix", f->actor.prefix), DB_TEXT("action", f->action),
                            DB_TEXT("target", f->target.whole), DB_TEXT("target_prefix", f->target.prefix),
                            DB_TEXT("result", f->result), DB_TEXT("address", f->address.whole),
                            DB_TEXT("address_prefix", f->address.prefix), DB_TEXT("q", f->q),
                            DB_INT("descending", f->descending), DB_INT("limit", limit)),
                    ret, err);
}

/* A text as JSON. What is not UTF-8, a character that was cut in two, shows as U+FFFD. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    if (json != NULL || text == NULL)
        return json != NULL ? json : json_string("");
    struct buf b;
    buf_init(&b, 3 * strlen(text));
    for (size_t len; *text != '\0'; text += len) {
        uint32_t code;
        len = text_next(text, &code);
        buf_add(&b, code == TEXT_INVALID ? "\xef\xbf\xbd" : text, code == TEXT_INVALID ? 3 : len);
    }
    json = json_string(buf_str(&b));
    buf_done(&b);
    return json;
}

/* NULL for a name that nobody has. */
static json_t *name_json(const char *name)
{
    return name != NULL ? text_json(name) : json_null();
}

/* A detail is written as a JSON object; whatever else stands there is shown as the text it is. */
static json_t *detail_json(const char *text)
{
    json_t *detail = text != NULL ? json_loads(text, 0, NULL) : NULL;
    if (json_is_object(detail))
        return detail;
    json_decref(detail);
    return json_pack("{s:o}", "text", text_json(text));
}

json_t *trail_row_json(const struct db_rows *rows)
{
    return json_pack("{s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "seq", (json_int_t)db_rows_int(rows, 0, 0),
                     "time_ms", (json_int_t)db_rows_int(rows, 1, 0), "actor", text_json(db_rows_text(rows, 2)),
                     "actorName", name_json(db_rows_text(rows, 3)), "action", text_json(db_rows_text(rows, 4)),
                     "target", text_json(db_rows_text(rows, 5)), "targetName", name_json(db_rows_text(rows, 6)),
                     "result", text_json(db_rows_text(rows, 7)), "address", text_json(db_rows_text(rows, 8)),
                     "requestId", text_json(db_rows_text(rows, 9)), "detail", detail_json(db_rows_text(rows, 10)),
                     "mac", text_json(db_rows_text(rows, 11)));
}

/* --- bounding --- */

struct trail_place {
    atomic_int *readers; /* NULL: given back */
};

void trail_reader_end(struct trail_place *place)
{
    if (place->readers != NULL)
        (void)atomic_fetch_sub(place->readers, 1);
    place->readers = NULL;
}

static void end_with_request(void *place)
{
    trail_reader_end(place);
}

struct trail_place *trail_reader_begin(struct req *r)
{
    atomic_int *readers = &r->app->trail_readers;
    struct trail_place *place = arena_alloc(r->arena, sizeof *place);
    if (place == NULL || arena_cleanup(r->arena, end_with_request, place) != 0) {
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return NULL;
    }
    if (atomic_fetch_add(readers, 1) >= READERS_MAX) {
        (void)atomic_fetch_sub(readers, 1);
        reply_retry_after(r, PROBLEM_UNAVAILABLE, BUSY_S, "The audit trail is being read by others; try again.");
        return NULL;
    }
    place->readers = readers;
    return place;
}
