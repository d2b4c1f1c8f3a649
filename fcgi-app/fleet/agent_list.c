/* GET /api/agents: searched, filtered, sorted and paged by the database. */
#include "fleet/agent_list.h"

#include <string.h>

#include "app.h"
#include "fleet/agents.h"
#include "fleet/fleet.h"
#include "http/problem.h"

const char *const agent_states[] = {"online", "offline", "error", "deactivated", "quarantined", NULL};

static const struct csv_column columns[] = {
    {"id", "id", CSV_PLAIN},
    {"name", "name", CSV_PLAIN},
    {"status", "status", CSV_PLAIN},
    {"hostname", "hostname", CSV_PLAIN},
    {"address", "address", CSV_PLAIN},
    {"platform", "platform", CSV_PLAIN},
    {"arch", "arch", CSV_PLAIN},
    {"version", "version", CSV_PLAIN},
    {"deployment", "deploymentMode", CSV_PLAIN},
    {"labels", "labels", CSV_PLAIN},
    {"last seen", "last_seen_ms", CSV_TIME},
    {"last backup", "lastBackup.status", CSV_PLAIN},
    {"last backup finished", "lastBackup.finished_ms", CSV_TIME},
    {"certificate until", "certificateNotAfter_ms", CSV_TIME},
    {"added", "created_ms", CSV_TIME},
    {NULL, NULL, CSV_PLAIN},
};

static int64_t sees_all(const struct req *r)
{
    return r->principal.role == ROLE_ADMIN;
}

static bool read_filter(struct req *r, const struct list_ask *ask, struct agent_filter *ret)
{
    *ret = (struct agent_filter){.version = list_filter(r, "version", ""), .platform = list_filter(r, "platform", "")};
    memcpy(ret->pattern, ask->pattern, sizeof ret->pattern);
    if (!label_patterns(list_filter(r, "label", ""), &ret->label)) {
        reply_invalid_field(r, "", "label", "label must be a name, or name=value");
        return false;
    }
    return list_choice(r, "status", agent_states, "", &ret->status);
}

/* What the statements of the list take. */
#define FILTER_ARGS(r, f)                                                                                              \
    DB_INT("see_all", sees_all(r)), DB_TEXT("viewer", (r)->principal.id), DB_TEXT("q", (f)->pattern),                  \
        DB_TEXT("version", (f)->version), DB_TEXT("platform", (f)->platform), DB_TEXT("status", (f)->status),          \
        DB_TEXT("label_first", (f)->label.first), DB_TEXT("label_next", (f)->label.next), DB_INT("now", (r)->now_ms)

static int open_page(struct req *r, const struct agent_filter *f, const struct list_ask *ask, struct db_rows *rows,
                     struct err *err)
{
    if (strcmp(ask->sort, "name") == 0 && !ask->descending)
        return db_query(r->db, DB_AGENT_PAGE,
                        DB_ARGS(FILTER_ARGS(r, f), DB_INT("limit", ask->limit), DB_INT("offset", ask->offset)), rows,
                        err);
    return db_query(r->db, DB_AGENT_PAGE_SORTED,
                    DB_ARGS(FILTER_ARGS(r, f), DB_TEXT("sort", ask->sort), DB_INT("descending", ask->descending),
                            DB_INT("limit", ask->limit), DB_INT("offset", ask->offset)),
                    rows, err);
}

static int list_agents(struct req *r, const struct agent_filter *f, const struct list_ask *ask, struct list_out *out,
                       struct err *err)
{
    struct db_rows rows;
    int rc = open_page(r, f, ask, &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *agent = NULL;
        rc = agent_json(r->db, db_rows_text(&rows, 0), r->now_ms, &agent, err);
        if (rc == 0)
            rc = list_add(out, agent, err);
    }
    db_rows_done(&rows);
    return rc;
}

void fleet_agent_list(struct req *r)
{
    static const char *const sorts[] = {"name", "last_seen", "version", "created", "platform", "status", NULL};
    struct agent_filter filter;
    struct list_ask ask;
    struct list_out out;
    struct err err = {0};
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .name = "agents"}, &ask) ||
        !read_filter(r, &ask, &filter))
        return;
    list_begin(&out, &ask, columns);
    int rc = db_read_begin(r->db, &err);
    if (rc == 0) {
        rc = db_query_number(r->db, DB_AGENT_COUNT, DB_ARGS(FILTER_ARGS(r, &filter)), &total, &err);
        if (rc == 0)
            rc = list_agents(r, &filter, &ask, &out, &err);
        db_read_end(r->db);
    }
    list_reply(r, &out, rc, total, &err);
}

int agent_filter_ids(struct req *r, const struct agent_filter *f, size_t max, const char ***ret_ids, int64_t *ret_count,
                     struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    const char **ids = arena_array(r->arena, max, sizeof *ids);
    int rc = ids != NULL ? db_query_number(r->db, DB_AGENT_COUNT, DB_ARGS(FILTER_ARGS(r, f)), ret_count, err)
                         : err_set(err, ERR_NOMEM, "out of memory");
    if (rc != 0)
        return rc;
    rc = db_query(r->db, DB_AGENT_PAGE, DB_ARGS(FILTER_ARGS(r, f), DB_INT("limit", (int64_t)max), DB_INT("offset", 0)),
                  &rows, err);
    while (rc == 0 && count < max && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        ids[count] = arena_strdup(r->arena, db_rows_text(&rows, 0));
        rc = ids[count++] != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    *ret_ids = ids;
    return rc;
}
