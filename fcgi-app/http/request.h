/* request.h: one HTTP request and its reply, as handlers see them.
 *
 * The FastCGI side (http/server.c) fills a struct req, finds the route, authenticates, checks CSRF and limits, reads
 * the body and calls the handler. The handler parses, authorises the object, calls its area and sets exactly one reply;
 * nothing is sent before it returns. Everything lives in req->arena and dies with the request. A handler that
 * returns without a reply is a bug and becomes a 500. */
#ifndef MUSTER_HTTP_REQUEST_H
#define MUSTER_HTTP_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/principal.h"
#include "common/arena.h"
#include "common/buf.h"
#include "common/cursor.h"
#include "common/jsonread.h"

struct app;
struct db;
struct route;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OTHER };
enum http_listener { HTTP_ADMIN = 1, HTTP_AGENT = 2, HTTP_BOTH = 3 };

enum { REQ_PARAMS_MAX = 4 };

struct req {
    struct app *app; /* shared, read-only */
    struct arena *arena;
    struct db *db; /* this worker's read connection; not valid in a parked request's resume */
    enum http_method method;
    enum http_listener listener;
    const char *path;                   /* decoded and canonical: one slash between segments, no dot segments */
    const char *query;                  /* raw, without '?'; "" when there is none */
    const char *uri;                    /* as the client sent it */
    const char *params[REQ_PARAMS_MAX]; /* the {…} segments of the route, decoded, in order */
    struct span body;
    const char *request_id;
    const char *remote_addr;
    int64_t now_ms; /* one reading of the clock for the whole request */
    const struct route *route;
    struct principal principal;     /* who asks; kind NONE on public routes */
    struct http_exchange *exchange; /* http/'s own */
};

/* What came in. NULL when absent. Header names as "X-CSRF-Token"; FastCGI parameters by their own name. */
const char *req_header(const struct req *r, const char *name);
const char *req_param(const struct req *r, const char *name);
const char *req_cookie(const struct req *r, const char *name);

/* Whether any header's name begins with prefix, such as "X-Amz-". */
bool req_header_begins(const struct req *r, const char *prefix);

/* A decoded query parameter, the first of that name; NULL when absent. Badly encoded ones are a 400 before the handler.
 */
const char *req_query(const struct req *r, const char *name);

/* Whole number in a query; false after a 422 has been set when it is there but wrong. */
bool req_query_int(struct req *r, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *ret);

/* Parses the body. False after the reply 400 or 415 has been set. *ret stands on the object and reports to wrong; the
 * JSON lives as long as the request. After reading all fields: if (!req_fields_ok(r, &wrong)) return; sends the 422. */
bool req_json(struct req *r, struct jsonread_error *wrong, struct jsonread *ret);
bool req_fields_ok(struct req *r, const struct jsonread_error *wrong);

/* --- replies; the last one set wins until the handler returns --- */

void reply_json(struct req *r, int status, json_t *body); /* takes body; NULL (out of memory) becomes a 500 */
void reply_bytes(struct req *r, int status, const char *content_type, const void *data, size_t len); /* copied */
void reply_status(struct req *r, int status);                                                        /* no body */
void reply_header(struct req *r, const char *name, const char *value); /* added to whatever reply goes out */

/* A body that is made while it is sent, for what is longer than memory should hold. next is called with an empty buffer
 * after the handler has returned, on the same thread and with r->db, until it says 0: out is the last of it; 1: there
 * is more. A negative code breaks the reply off, so that the client sees that it is not whole. The reply is sent at the
 * client's pace: whoever uses it bounds how many do so at once. */
enum { REPLY_CHUNK_MAX = 2 * 1024 * 1024 };
typedef int reply_chunk_fn(struct req *r, void *ctx, struct buf *out, struct err *err);
void reply_chunks(struct req *r, int status, const char *content_type, reply_chunk_fn *next, void *ctx);

/* A problem of the table in http/problem.c. detail: one sentence for a human, what to do next; never a secret. */
enum problem {
    PROBLEM_BAD_REQUEST,
    PROBLEM_BAD_JSON,
    PROBLEM_UNAUTHENTICATED,
    PROBLEM_FORBIDDEN,
    PROBLEM_REAUTHENTICATE,
    PROBLEM_STEP_UP_REQUIRED,
    PROBLEM_MFA_ENROLMENT_REQUIRED,
    PROBLEM_PROOF_WRONG,
    PROBLEM_CODE_REPEATED,
    PROBLEM_BACKUP_CODE_REQUIRED,
    PROBLEM_CSRF,
    PROBLEM_NOT_FOUND,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_CONFLICT,
    PROBLEM_OTP_TAKEN,
    PROBLEM_ENCRYPTED,
    PROBLEM_ARCHIVED,
    PROBLEM_LENGTH_REQUIRED,
    PROBLEM_PAYLOAD_TOO_LARGE,
    PROBLEM_UNSUPPORTED_MEDIA_TYPE,
    PROBLEM_INVALID_FIELD,
    PROBLEM_RATE_LIMITED,
    PROBLEM_AGENT_DEACTIVATED,
    PROBLEM_QUARANTINED,
    PROBLEM_CERTIFICATE_MISMATCH,
    PROBLEM_INSUFFICIENT_STORAGE,
    PROBLEM_INTERNAL,
    PROBLEM_UNAVAILABLE,
    PROBLEM_COUNT
};
void reply_problem(struct req *r, enum problem problem, const char *detail);
void reply_retry_after(struct req *r, enum problem problem, int seconds,
                       const char *detail); /* RATE_LIMITED, UNAVAILABLE, ARCHIVED */

/* The problem that fits an error of an area (NOT_FOUND -> 404, CONFLICT -> 409, DENIED -> 403, INVALID -> 422 without
 * a pointer, UNAVAILABLE -> 503 …). Internal ones are logged with the request id and answered without their text. */
void reply_error(struct req *r, const struct err *err);

#endif
