#include "restore/restorable.h"

#include <string.h>

enum { CANDIDATES_MAX = 1000, OBJECTS_MAX = 100000 };

static int nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a chain");
}

int restorable_query(struct db *db, const struct restorable_wanted *w, int64_t limit, struct arena *arena,
                     struct db_rows *ret, struct err *err)
{
    const char *verifier = arena_printf(arena, "%%\"verifyAgentId\":\"%s\"%%", w->agent_id != NULL ? w->agent_id : "");
    if (verifier == NULL)
        return nomem(err);
    return db_query(db, DB_RESTORE_CANDIDATES,
                    DB_ARGS(DB_TEXT("agent_id", w->agent_id), DB_TEXT("verifier", verifier),
                            DB_TEXT("run_id", w->run_id), DB_TEXT("config_id", w->config_id),
                            DB_TEXT("config_name", w->config_name),
                            w->at_ms > 0 ? DB_INT("at", w->at_ms) : DB_NULL("at"), DB_INT("limit", limit)),
                    ret, err);
}

/* --- the objects of a run -------------------------------------------------------------------------------------------
 */

/* Counts, then fills, so that an array of the right size comes from the arena. */
static int count_objects(struct db *db, const char *run_id, size_t *ret, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    int rc = db_query(db, DB_RESTORE_OBJECTS, DB_ARGS(DB_TEXT("run_id", run_id)), &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        count++;
        rc = 0;
    }
    db_rows_done(&rows);
    *ret = count;
    return rc == 0 && count > OBJECTS_MAX ? err_set(err, ERR_TOO_BIG, "a run of too many objects") : rc;
}

static int fill_objects(struct db *db, const char *run_id, struct arena *arena, struct restorable_object *list,
                        size_t count, struct err *err)
{
    struct db_rows rows;
    size_t i = 0;
    int rc = db_query(db, DB_RESTORE_OBJECTS, DB_ARGS(DB_TEXT("run_id", run_id)), &rows, err);
    while (rc == 0 && i < count && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        list[i] = (struct restorable_object){.number = db_rows_int(&rows, 0, -1),
                                             .path = arena_strdup(arena, db_rows_text(&rows, 1)),
                                             .size = db_rows_int(&rows, 2, 0),
                                             .thaw = arena_strdup(arena, db_rows_text(&rows, 3))};
        rc = list[i].path != NULL && list[i].thaw != NULL ? 0 : nomem(err);
        i++;
    }
    db_rows_done(&rows);
    return rc == 0 && i < count ? err_set(err, ERR_CONFLICT, "The run was changed meanwhile.") : rc;
}

/* Volumes 1, 2, … that are the archive, none missing. */
static bool is_whole(const struct restorable_link *link)
{
    int64_t next = 1, size = 0;
    for (size_t i = 0; i < link->object_count; i++) {
        if (link->objects[i].number == 0)
            continue;
        if (link->objects[i].number != next++)
            return false;
        size += link->objects[i].size;
    }
    return next > 1 && size == link->size;
}

static int read_objects(struct db *db, struct restorable_link *link, struct arena *arena, struct err *err)
{
    size_t count = 0;
    int rc = count_objects(db, link->run_id, &count, err);
    if (rc != 0)
        return rc;
    struct restorable_object *list = arena_array(arena, count, sizeof *list);
    if (list == NULL)
        return nomem(err);
    rc = fill_objects(db, link->run_id, arena, list, count, err);
    link->objects = list;
    link->object_count = count;
    return rc == 0 && !is_whole(link) ? err_set(err, ERR_CONFLICT, "The run's volumes are not all there.") : rc;
}

/* --- the chain ------------------------------------------------------------------------------------------------------
 */

static bool read_link(const struct db_rows *rows, struct arena *arena, struct restorable_link *ret)
{
    const char *base = db_rows_text(rows, 1), *sha256 = db_rows_text(rows, 6);
    *ret = (struct restorable_link){
        .run_id = arena_strdup(arena, db_rows_text(rows, 0)),
        .base_id = arena_strdup(arena, base),
        .type = arena_strdup(arena, db_rows_text(rows, 2)),
        .seq = db_rows_int(rows, 3, 0),
        .filename = arena_strdup(arena, db_rows_text(rows, 4)),
        .size = db_rows_int(rows, 5, -1),
        .sha256 = arena_strdup(arena, sha256),
        .encrypted = db_rows_int(rows, 7, 0) != 0,
        .finished_ms = db_rows_int(rows, 8, 0),
        .files = db_rows_int(rows, 9, 0),
    };
    return ret->run_id != NULL && ret->type != NULL && ret->filename != NULL &&
           (base == NULL || ret->base_id != NULL) && (sha256 == NULL || ret->sha256 != NULL);
}

/* Goes from the run to what it stands on and on to the full one; links is filled from its end. Whatever stands on
 * nothing that is there leaves *ret_first above 0. */
static int walk(struct db *db, const char *chain_id, const struct restorable *r, struct restorable_link *links,
                struct arena *arena, size_t *ret_first, struct err *err)
{
    struct db_rows rows;
    size_t first = r->count;
    const char *want = r->run_id;
    int rc = db_query(
        db, DB_RESTORE_CHAIN,
        DB_ARGS(DB_TEXT("chain_id", chain_id), DB_INT("seq", (int64_t)r->count - 1), DB_TEXT("user_id", r->user_id)),
        &rows, err);
    while (rc == 0 && first > 0 && want != NULL && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        rc = 0;
        if (strcmp(db_rows_text(&rows, 0), want) != 0)
            continue;
        if (db_rows_int(&rows, 3, -1) != (int64_t)first - 1)
            break;
        rc = read_link(&rows, arena, &links[--first]) ? 0 : nomem(err);
        want = links[first].base_id;
    }
    db_rows_done(&rows);
    *ret_first = first;
    return rc;
}

static int read_chain(struct db *db, const char *chain_id, int64_t seq, struct arena *arena, struct restorable *r,
                      struct err *err)
{
    size_t first = 1;
    if (seq < 0 || seq >= RESTORABLE_CHAIN_MAX)
        return err_set(err, ERR_TOO_BIG, "a chain of too many runs");
    r->count = (size_t)seq + 1;
    struct restorable_link *links = arena_array(arena, r->count, sizeof *links);
    if (links == NULL)
        return nomem(err);
    int rc = walk(db, chain_id, r, links, arena, &first, err);
    if (rc == 0 && (first != 0 || links[0].base_id != NULL || strcmp(links[0].type, "full") != 0))
        rc = err_set(err, ERR_CONFLICT, "The run stands on others that are no longer there, so it cannot be restored.");
    for (size_t i = 0; rc == 0 && i < r->count; i++)
        rc = read_objects(db, &links[i], arena, err);
    r->links = links;
    return rc;
}

/* --- finding --------------------------------------------------------------------------------------------------------
 */

static int read_candidate(struct db *db, const struct db_rows *rows, struct arena *arena, struct restorable *ret,
                          struct err *err)
{
    const char *config_id = db_rows_text(rows, 1), *agent_id = db_rows_text(rows, 13);
    *ret = (struct restorable){
        .run_id = arena_strdup(arena, db_rows_text(rows, 0)),
        .config_id = arena_strdup(arena, config_id),
        .config_name = arena_strdup(arena, db_rows_text(rows, 2)),
        .user_id = arena_strdup(arena, db_rows_text(rows, 3)),
        .status = arena_strdup(arena, db_rows_text(rows, 7)),
        .agent_id = arena_strdup(arena, agent_id),
    };
    if (ret->run_id == NULL || ret->config_name == NULL || ret->user_id == NULL || ret->status == NULL ||
        (config_id != NULL && ret->config_id == NULL) || (agent_id != NULL && ret->agent_id == NULL))
        return nomem(err);
    return read_chain(db, db_rows_text(rows, 10), db_rows_int(rows, 11, 0), arena, ret, err);
}

int restorable_find(struct db *db, const struct restorable_wanted *wanted, struct arena *arena, struct restorable *ret,
                    struct err *err)
{
    struct db_rows rows;
    struct restorable found;
    bool any = false;
    int rc = restorable_query(db, wanted, CANDIDATES_MAX, arena, &rows, err);
    if (rc != 0)
        return rc;
    while (!any && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        rc = read_candidate(db, &rows, arena, &found, err);
        any = rc == 0;
        if (rc != 0 && (rc != ERR_CONFLICT || wanted->run_id != NULL))
            break; /* an older one may do, but not instead of the one that was named */
    }
    db_rows_done(&rows);
    if (rc == DB_DONE && !any)
        return err_set(err, ERR_NOT_FOUND, "There is no such backup that this agent may read.");
    if (rc == 0)
        *ret = found;
    return rc;
}

const struct restorable_link *restorable_target(const struct restorable *r)
{
    return &r->links[r->count - 1];
}

const struct restorable_object *restorable_index(const struct restorable_link *link)
{
    return link->object_count > 0 && link->objects[0].number == 0 ? &link->objects[0] : NULL;
}

const char *restorable_method(const struct restorable_link *link)
{
    if (strstr(link->filename, ".tar.zst") != NULL)
        return "zstd";
    return strstr(link->filename, ".tar.gz") != NULL ? "gzip" : NULL;
}
