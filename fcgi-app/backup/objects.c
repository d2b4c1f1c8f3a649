/* /objects/: what nginx asks before it reads a body, after it has one, and before it sends one.
 *
 * A PUT comes here twice. In the phase "auth" (nginx's auth_request, before the body) everything that can be known is
 * checked; auth_request passes on only 2xx, 401 and 403, so a refusal is a 403 that carries the real status and problem
 * in X-Muster-Status and X-Muster-Problem, for nginx to answer with. In the phase "store" the body lies in a file;
 * everything is checked again, since time has passed. A GET goes through both in the same way. Without a phase nothing
 * is allowed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "backup/backup.h"
#include "backup/upload.h"
#include "common/blocking.h"
#include "common/log.h"
#include "db/writer.h"
#include "fleet/fleet.h"
#include "http/problem.h"
#include "http/request.h"
#include "store/store_local.h"

/* A verified request and what it is about. */
struct object {
    struct store_local *store;
    struct store_grant grant;
    struct upload upload;
    struct upload_object which; /* of the run's objects */
    bool put;
    bool stored; /* the same bytes have come before */
};

/* Why not: what the client hears. */
struct refusal {
    enum problem problem;
    struct err err;
};

static bool refuse(struct refusal *why, enum problem problem, const char *detail)
{
    why->problem = problem;
    (void)err_set(&why->err, ERR_DENIED, "%s", detail);
    return false;
}

/* The problem for an error of the store or the database. Full disks are told apart from broken ones. */
static bool refuse_error(struct refusal *why, enum problem invalid)
{
    bool full = why->err.sys_errno == ENOSPC || why->err.sys_errno == EDQUOT;
    switch (why->err.code) {
    case ERR_INVALID: why->problem = invalid; break;
    case ERR_DENIED: why->problem = PROBLEM_FORBIDDEN; break;
    case ERR_NOT_FOUND: why->problem = PROBLEM_NOT_FOUND; break;
    case ERR_CONFLICT: why->problem = PROBLEM_CONFLICT; break;
    case ERR_TOO_BIG: why->problem = PROBLEM_PAYLOAD_TOO_LARGE; break;
    case ERR_UNAVAILABLE: why->problem = PROBLEM_UNAVAILABLE; break;
    default:
        log_error("objects: %s", why->err.msg);
        why->problem = full ? PROBLEM_INSUFFICIENT_STORAGE : PROBLEM_INTERNAL;
        (void)err_set(&why->err, why->err.code, "%s", full ? "the store's disk is full" : "the store has failed");
    }
    return false;
}

/* The signature, and that the agent it was made for still has its rights. */
static bool verify(struct req *r, struct object *o, struct refusal *why)
{
    const char *length = req_param(r, "MUSTER_CONTENT_LENGTH");
    const struct store_request request = {
        .method = o->put ? "PUT" : "GET",
        .uri = r->uri,
        .content_length = length,
        .content_md5 = req_header(r, "Content-MD5"),
        .now_ms = r->now_ms,
    };
    if (o->put && (length == NULL || length[0] == '\0'))
        return refuse(why, PROBLEM_LENGTH_REQUIRED, "Send the body with a Content-Length, not chunked.");
    if (!o->put && (req_header(r, "Transfer-Encoding") != NULL ||
                    (length != NULL && length[0] != '\0' && strcmp(length, "0") != 0)))
        return refuse(why, PROBLEM_FORBIDDEN, "A download has no body."); /* nginx would keep it on the store's disk */
    if (req_header_begins(r, "X-Amz-"))
        return refuse(why, PROBLEM_FORBIDDEN, "X-Amz- headers are not signed by this URL.");
    if (store_local_verify(o->store, &request, r->arena, &o->grant, &why->err) != 0)
        return refuse_error(why, PROBLEM_FORBIDDEN);
    if (fleet_agent_live(r->db, o->grant.agent_id, &why->err) != 0) {
        if (why->err.code == ERR_NOT_FOUND || why->err.code == ERR_DENIED)
            return refuse(why, PROBLEM_FORBIDDEN, "The agent this URL was made for may not use it any more.");
        return refuse_error(why, PROBLEM_FORBIDDEN);
    }
    if (upload_by_path(r->db, o->grant.path, r->arena, &o->upload, &o->which, &why->err) != 0)
        return refuse_error(why, PROBLEM_FORBIDDEN);
    return true;
}

/* Whether the part, or the whole, is one that was announced, and where it goes. */
static bool check_announced(struct req *r, struct object *o, struct refusal *why)
{
    const struct store_grant *g = &o->grant;
    struct upload_part part;
    if (!upload_multipart(&o->upload)) {
        bool same = g->upload_id == NULL && g->size == o->upload.announced;
        int rc = upload_part_find(r->db, o->upload.run_id, o->which.number, 1, &part, &why->err);
        o->stored = rc == 0;
        if (rc != 0 && rc != ERR_NOT_FOUND)
            return refuse_error(why, PROBLEM_FORBIDDEN);
        return same || refuse(why, PROBLEM_CONFLICT, "The run was started for another body.");
    }
    if (g->upload_id == NULL || strcmp(g->upload_id, o->which.upload_id) != 0)
        return refuse(why, PROBLEM_CONFLICT, "The run was started for another upload.");
    if (upload_part_find(r->db, o->upload.run_id, o->which.number, g->number, &part, &why->err) != 0) {
        if (why->err.code == ERR_NOT_FOUND)
            return refuse(why, PROBLEM_CONFLICT, "The part has not been announced.");
        return refuse_error(why, PROBLEM_FORBIDDEN);
    }
    if (part.size != g->size || strcmp(part.digest, g->digest) != 0)
        return refuse(why, PROBLEM_CONFLICT, "The part was announced with another length or digest.");
    o->stored = part.stored;
    return true;
}

static bool authorize_put(struct req *r, struct object *o, struct refusal *why)
{
    if (o->upload.agent_id == NULL || strcmp(o->upload.agent_id, o->grant.agent_id) != 0)
        return refuse(why, PROBLEM_FORBIDDEN, "The run belongs to another agent.");
    if (!upload_running(&o->upload))
        return refuse(why, PROBLEM_CONFLICT, "The run is over.");
    if (!check_announced(r, o, why))
        return false;
    int rc = o->stored ? upload_room_again(r->app, r->db, o->grant.size, &why->err)
                       : upload_room(r->app, r->db, o->grant.agent_id, 0, o->grant.size, &why->err);
    if (rc != 0) {
        if (why->err.code == ERR_TOO_BIG) {
            why->problem = PROBLEM_INSUFFICIENT_STORAGE;
            return false;
        }
        return refuse_error(why, PROBLEM_FORBIDDEN);
    }
    return true;
}

static bool authorize(struct req *r, bool put, struct object *ret, struct refusal *why)
{
    ret->put = put;
    ret->store = store_local_of(r->app->store);
    if (ret->store == NULL)
        return refuse(why, PROBLEM_NOT_FOUND, "Objects are kept elsewhere.");
    if (!verify(r, ret, why))
        return false;
    if (put)
        return authorize_put(r, ret, why);
    bool ended = strcmp(ret->upload.status, "completed") == 0 || strcmp(ret->upload.status, "warning") == 0;
    bool there = ended && ret->which.size >= 0;
    return there || refuse(why, PROBLEM_NOT_FOUND, "There is no such object.");
}

/* --- phase auth -----------------------------------------------------------------------------------------------------
 */

static void reply_refusal_to_nginx(struct req *r, const struct refusal *why)
{
    const struct problem_text *t = problem_text(why->problem);
    const char *type = arena_printf(r->arena, "/problems/%s", t->slug);
    json_t *body = json_pack("{s:s?, s:s, s:i, s:s, s:s}", "type", type, "title", t->title, "status", t->status,
                             "detail", why->err.msg, "requestId", r->request_id);
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(body);
    reply_status(r, 403);
    reply_header(r, "X-Muster-Status", arena_printf(r->arena, "%d", t->status));
    reply_header(r, "X-Muster-Problem", text != NULL ? text : "{}");
    free(text);
}

/* True when the request is in the phase "store"; otherwise the reply is set. */
static bool answer_auth(struct req *r, bool put)
{
    const char *phase = req_param(r, "MUSTER_PHASE");
    if (phase != NULL && strcmp(phase, "store") == 0)
        return true;
    if (phase == NULL || strcmp(phase, "auth") != 0) {
        reply_problem(r, PROBLEM_FORBIDDEN, "Objects are reached through nginx only.");
        return false;
    }
    struct object o = {0};
    struct refusal why = {0};
    if (authorize(r, put, &o, &why))
        reply_status(r, 204);
    else
        reply_refusal_to_nginx(r, &why);
    return false;
}

/* --- GET ------------------------------------------------------------------------------------------------------------
 */

void backup_object_get(struct req *r)
{
    struct object o = {0};
    struct refusal why = {0};
    if (!answer_auth(r, false))
        return;
    if (!authorize(r, false, &o, &why)) {
        reply_problem(r, why.problem, why.err.msg);
        return;
    }
    const char *name = strrchr(o.which.path, '/') + 1;
    const char *inside = arena_printf(r->arena, "/-/objects/%s", o.which.path);
    const char *disposition = arena_printf(r->arena, "attachment; filename=\"%s\"", name);
    if (inside == NULL || disposition == NULL) {
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return;
    }
    reply_bytes(r, 200, "application/octet-stream", "", 0);
    reply_header(r, "Content-Disposition", disposition);
    reply_header(r, "X-Accel-Redirect", inside);
}

/* --- PUT ------------------------------------------------------------------------------------------------------------
 */

struct stored {
    const struct object *object;
    const char *digest;
    int64_t now_ms;
};

/* Part and run in one: the part counts only while the run lives. */
static int write_stored(struct db *db, void *ctx, struct err *err)
{
    const struct stored *s = ctx;
    const struct upload *u = &s->object->upload;
    const struct store_grant *g = &s->object->grant;
    int64_t changed = 0;
    int rc;
    if (upload_multipart(u))
        rc = db_exec(db, DB_BACKUP_PART_STORED,
                     DB_ARGS(DB_TEXT("run_id", u->run_id), DB_INT("object", s->object->which.number),
                             DB_INT("number", g->number), DB_TEXT("digest", s->digest), DB_INT("size_bytes", g->size),
                             DB_INT("now", s->now_ms)),
                     &changed, err);
    else
        rc = db_exec(db, DB_BACKUP_WHOLE_STORED,
                     DB_ARGS(DB_TEXT("run_id", u->run_id), DB_TEXT("digest", s->digest), DB_INT("size_bytes", g->size),
                             DB_INT("now", s->now_ms)),
                     &changed, err);
    if (rc == 0 && changed == 0)
        return err_set(err, ERR_CONFLICT, "the run is over");
    if (rc == 0)
        rc = db_exec(db, DB_BACKUP_RUN_COUNT_STORED,
                     DB_ARGS(DB_TEXT("id", u->run_id), DB_INT("bytes", g->size), DB_INT("now", s->now_ms)), NULL, err);
    return rc;
}

/* With the range locked: stores the body unless the same one is there already. */
static int store_locked(struct req *r, const struct object *o, int stage_fd, int body_fd, const char *digest,
                        struct err *err)
{
    bool multipart = upload_multipart(&o->upload);
    int64_t number = multipart ? o->grant.number : 1;
    struct upload_part part = {0};
    int rc = upload_part_find(r->db, o->upload.run_id, o->which.number, number, &part, err);
    if (rc != 0 && (rc != ERR_NOT_FOUND || multipart))
        return rc;
    if (part.stored)
        return strcmp(part.digest, digest) == 0 ? 0
                                                : err_set(err, ERR_CONFLICT, "another body has been stored already");
    struct stored stored = {.object = o, .digest = digest, .now_ms = r->now_ms};
    rc = store_local_copy(stage_fd, (number - 1) * STORE_PART_SIZE, body_fd, o->grant.size, err);
    return rc == 0 ? db_write(r->app->writer, write_stored, &stored, err) : rc;
}

static int store_body(struct req *r, const struct object *o, const char *file, char ret_digest[PART_DIGEST_SIZE],
                      struct err *err)
{
    int body_fd = -1;
    int stage_fd = -1;
    int64_t offset = upload_multipart(&o->upload) ? (o->grant.number - 1) * STORE_PART_SIZE : 0;
    blocking_begin(); /* the body is read twice and synced */
    enum part_digest kind = o->grant.digest != NULL ? part_digest_of(o->grant.digest) : PART_MD5;
    int rc = store_local_body_open(o->store, file, o->grant.size, kind, &body_fd, ret_digest, err);
    if (rc == 0 && o->grant.digest != NULL && strcmp(ret_digest, o->grant.digest) != 0)
        rc = err_set(err, ERR_INVALID, "the body does not fit its %s", kind == PART_MD5 ? "Content-MD5" : "XXH64");
    if (rc == 0)
        rc = store_local_stage(o->store, o->which.upload_id, offset, o->grant.size, &stage_fd, err);
    if (rc == 0)
        rc = store_locked(r, o, stage_fd, body_fd, ret_digest, err);
    blocking_end();
    if (stage_fd >= 0)
        close(stage_fd);
    if (body_fd >= 0)
        close(body_fd);
    return rc;
}

void backup_object_put(struct req *r)
{
    struct object o = {0};
    struct refusal why = {0};
    char digest[PART_DIGEST_SIZE];
    const char *file = req_param(r, "MUSTER_BODY_FILE");
    if (!answer_auth(r, true))
        return;
    bool ok = authorize(r, true, &o, &why);
    if (ok && (file == NULL || file[0] == '\0'))
        ok = refuse(&why, PROBLEM_BAD_REQUEST, "The request had no body.");
    if (ok && store_body(r, &o, file, digest, &why.err) != 0)
        ok = refuse_error(&why, PROBLEM_BAD_REQUEST);
    if (file != NULL && o.store != NULL)
        store_local_body_remove(o.store, file);
    if (!ok) {
        reply_problem(r, why.problem, why.err.msg);
        return;
    }
    reply_status(r, 200);
    reply_header(r, "ETag", arena_printf(r->arena, "\"%s\"", digest));
}
