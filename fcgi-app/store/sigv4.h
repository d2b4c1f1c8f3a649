/* sigv4.h: AWS Signature Version 4 in its query form, for S3: making pre-signed URLs and verifying them.
 *
 * Without I/O and without state. Both directions build the same canonical request from decoded parts, so a URL that
 * verifies here is one that was signed with the key for exactly this method, path, query and these headers. The payload
 * is UNSIGNED-PAYLOAD; a body is bound by signing content-length and a digest of it.
 * After "Authenticating Requests: Using Query Parameters" of the Amazon S3 API reference. */
#ifndef MUSTER_STORE_SIGV4_H
#define MUSTER_STORE_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/err.h"

enum {
    SIGV4_PAIRS_MAX = 16,
    SIGV4_QUERY_MAX = 4096,
    SIGV4_EXPIRES_MAX_S = 7 * 24 * 3600,
    SIGV4_CLOCK_SKEW_S = 15 * 60, /* how far in the future a signature may have been made */
    SIGV4_SIGNATURE_SIZE = 65,
};

struct sigv4_key {
    const char *id;
    const char *secret;
    const char *region;
    const char *service; /* "s3" */
};

struct sigv4_pair {
    const char *name;
    const char *value;
};

struct sigv4_request {
    const char *method;
    const char *path;               /* decoded, begins with '/' */
    const struct sigv4_pair *query; /* decoded, without X-Amz-*; names differ */
    size_t query_count;
    const struct sigv4_pair *headers; /* what is signed: lower-case names in ascending order, host among them */
    size_t header_count;
    int64_t time_ms;
    int expires_s;
};

/* "/path?query", encoded, with the signature as its last parameter, from the arena. */
int sigv4_presign(const struct sigv4_key *key, const struct sigv4_request *request, struct arena *arena,
                  const char **ret, struct err *err) MUSTER_NODISCARD;

/* A pre-signed query taken apart. */
struct sigv4_presigned {
    const char *key_id;
    const char *date; /* "20130524", of the credential's scope */
    const char *region;
    const char *service;
    const char *signed_headers; /* "content-length;host" */
    const char *signature;
    int64_t time_ms;
    int expires_s;
    struct sigv4_pair query[SIGV4_PAIRS_MAX]; /* the rest, decoded, in the order they came */
    size_t query_count;
};

/* Takes a raw query apart. Strict: each of the six X-Amz- parameters once, no other X-Amz- one, no name twice, every
 * byte in its one canonical encoding. ERR_INVALID otherwise. Everything lives in the arena. */
int sigv4_parse(const char *query, struct arena *arena, struct sigv4_presigned *ret, struct err *err) MUSTER_NODISCARD;

/* The value of one of the other parameters, or NULL. */
const char *sigv4_query(const struct sigv4_presigned *p, const char *name);

/* Whether p was made with key for this method, path and exactly these headers, and is in force at now_ms. ERR_DENIED
 * otherwise; the message is fit for the client. The signature is compared in constant time. */
struct sigv4_expected {
    const char *method;
    const char *path;
    const struct sigv4_pair *headers; /* as in sigv4_request */
    size_t header_count;
    int64_t now_ms;
};
int sigv4_verify(const struct sigv4_key *key, const struct sigv4_presigned *p, const struct sigv4_expected *expected,
                 struct arena *arena, struct err *err) MUSTER_NODISCARD;

#endif
