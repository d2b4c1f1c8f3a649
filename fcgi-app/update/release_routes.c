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

void release_route_list(struct req *r)
{
    struct err err = {0};
    json_t *list = NULL;
    if (release_list(r->db, viewer_of(&r->principal), &list, &err) != 0)
        reply_error(r, &err);
    else
        reply_json(r, 200, json_pack("{s:o}", "items", list));
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
