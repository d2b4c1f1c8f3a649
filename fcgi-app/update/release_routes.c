/* Releases as people see them. */
#include "http/request.h"
#include "update/release_store.h"
#include "update/update.h"

/* NULL for admins, who see every agent. Nobody in particular sees none. */
static const char *viewer_of(const struct principal *p)
{
    if (p->kind == PRINCIPAL_USER && p->role == ROLE_ADMIN)
        return NULL;
    return p->kind == PRINCIPAL_USER && p->id != NULL ? p->id : "";
}

static const struct csv_column columns[] = {
    {"version", "version", CSV_PLAIN},         {"status", "status", CSV_PLAIN},
    {"channel", "channel", CSV_PLAIN},         {"size", "size", CSV_PLAIN},
    {"agents", "agents", CSV_PLAIN},           {"least version", "min_version", CSV_PLAIN},
    {"image", "container_image", CSV_PLAIN},   {"made", "created_ms", CSV_TIME},
    {"published", "published_ms", CSV_TIME},   {"withdrawn", "withdrawn_ms", CSV_TIME},
    {"reason", "withdrawn_reason", CSV_PLAIN}, {NULL, NULL, CSV_PLAIN},
};

void release_route_list(struct req *r)
{
    static const char *const sorts[] = {"created", "published", "version", "status", "channel", "size", NULL};
    static const char *const statuses[] = {"staged", "published", "withdrawn", NULL};
    struct release_filter filter = {.viewer = viewer_of(&r->principal)};
    struct list_out out;
    struct err err = {0};
    int64_t total = 0;
    if (!list_ask_read(r, &(struct list_rules){.sorts = sorts, .descending = true, .name = "releases"}, &filter.ask) ||
        !list_choice(r, "status", statuses, "", &filter.status))
        return;
    filter.channel = list_filter(r, "channel", "");
    list_begin(&out, &filter.ask, columns);
    int rc = release_page(r->db, &filter, &out, &total, &err);
    list_reply(r, &out, rc, total, &err);
}

static int versions_in_use(struct req *r, json_t *into, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, DB_OVERVIEW_VERSIONS, DB_ARGS(DB_TEXT("viewer", viewer_of(&r->principal))), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        json_t *item =
            json_pack("{s:s, s:I}", "version", db_rows_text(&rows, 0), "count", (json_int_t)db_rows_int(&rows, 1, 0));
        rc = json_array_append_new(into, item) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    }
    db_rows_done(&rows);
    return rc;
}

void release_route_get(struct req *r)
{
    struct err err = {0};
    json_t *release = NULL;
    json_t *versions = json_array();
    int rc = db_read_begin(r->db, &err); /* one moment for all the numbers */
    if (rc == 0) {
        rc = release_get(r->db, r->params[0], viewer_of(&r->principal), &release, &err);
        if (rc == 0)
            rc = versions_in_use(r, versions, &err);
        db_read_end(r->db);
    }
    if (rc == 0)
        reply_json(r, 200, json_pack("{s:O, s:O}", "release", release, "versions", versions));
    else
        reply_error(r, &err);
    json_decref(release);
    json_decref(versions);
}
