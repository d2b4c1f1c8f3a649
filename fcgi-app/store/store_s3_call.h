/* store_s3_call.h: one request of ours to an S3 store. Private to store_s3*.c.
 *
 * Each is a query-signed URL that lives a minute, so that there is one way of signing. Time and size of the reply are
 * bounded, no redirect is followed, the store's certificate is verified, and nothing of a URL is ever logged. What may
 * pass (no connection, 429, 5xx) is tried again, with a growing pause of random length. */
#ifndef MUSTER_STORE_STORE_S3_CALL_H
#define MUSTER_STORE_STORE_S3_CALL_H

#include "common/buf.h"
#include "store/sigv4.h"
#include "store/store_s3_private.h"
#include "store/store_s3_xml.h"

enum {
    S3_QUERY_MAX = 5,
    S3_XML_MAX = 4 * 1024 * 1024,
    S3_TIMEOUT_S = 20,
    S3_TRIES = 4,
};

struct s3_call {
    const char *method; /* "GET", "HEAD", "POST", "DELETE" */
    const char *path;   /* of the object; NULL: the bucket */
    struct sigv4_pair query[S3_QUERY_MAX];
    size_t query_count;
    const char *body; /* POST; NULL: none */
    size_t body_len;
    const char *headers[2]; /* "If-Match: …"; NULL ends them */
    size_t reply_max;       /* bytes */
    int timeout_s;          /* of one try; 0: S3_TIMEOUT_S */
    int tries;              /* 0: S3_TRIES */
};

struct s3_answer {
    int status;
    struct buf body;
    int64_t length; /* Content-Length; -1: not said */
    char etag[STORE_ETAG_SIZE];
    char storage_class[32];
    char restore[128]; /* x-amz-restore */
    char archive[32];  /* x-amz-archive-status */
    char region[40];   /* x-amz-bucket-region */
    struct s3_error error;
};

/* 0 whenever the store has answered, whatever: ret->status says. ERR_UNAVAILABLE when it has not, or beyond the bounds.
 * ret is for s3_answer_done in any case. */
int s3_call(struct store_s3 *s, const struct s3_call *call, struct s3_answer *ret, struct err *err) MUSTER_NODISCARD;
void s3_answer_done(struct s3_answer *a);

/* err for an answer that was not the wanted one: ERR_NOT_FOUND, ERR_CONFLICT (409, 412) or ERR_UNAVAILABLE. what: what
 * was tried, "complete an upload". Nothing that a store does is the fault of who called us: no ERR_INVALID. */
int s3_refused(const struct s3_answer *a, const char *what, struct err *err) MUSTER_NODISCARD;

/* The same, always ERR_UNAVAILABLE: for what is not about an object, so that nothing of it is the caller's fault. */
int s3_unavailable(const struct s3_answer *a, const char *what, struct err *err) MUSTER_NODISCARD;

/* s3_call, and the body read as XML, which a success must be. Free *ret_reply. An error in a reply is not an error of
 * this call. */
int s3_call_xml(struct store_s3 *s, const struct s3_call *call, struct s3_answer *ret, struct s3_reply **ret_reply,
                struct err *err) MUSTER_NODISCARD;

#endif
