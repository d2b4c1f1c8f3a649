/* store_local.h: the embedded store: a directory on this machine that nginx serves on the agents' port.
 *
 *   MUSTER_STORE_DIR/objects/<path>     finished objects, never changed again
 *   MUSTER_STORE_DIR/uploads/<id>       staging: part N lies at (N-1) * STORE_PART_SIZE
 *   MUSTER_STORE_DIR/incoming/<digits>  bodies as nginx hands them over (its client_body_temp_path)
 *
 * nginx and the app run as the same user. Everything is opened relative to directories held open since the start and
 * never through a symbolic link. A writer of a part holds an (open file description) lock on its range of the staging
 * file from before it looks at the part's record until that is written; whoever completes the upload locks all of it.
 * So no stored byte is written twice and none after the object is made. */
#ifndef MUSTER_STORE_STORE_LOCAL_H
#define MUSTER_STORE_STORE_LOCAL_H

#include "store/store.h"

struct store_local;

int store_local_open(const struct settings *settings, const struct secrets *secrets, struct store **ret,
                     struct err *err) MUSTER_NODISCARD;

/* The local store behind s; NULL when s is of another kind. */
struct store_local *store_local_of(struct store *s);

/* --- URLs: store_local_url.c --- */

/* What a verified URL allows, to whom. Lives in the arena. */
struct store_grant {
    const char *agent_id;
    const char *path;
    const char *upload_id; /* NULL: the whole object */
    int64_t number;        /* of the part */
    int64_t size;          /* PUT: of the body, as signed and as sent */
    const char *digest;    /* PUT of a part: as signed; NULL otherwise */
};

/* A request as it arrived. Header values are NULL when absent. */
struct store_request {
    const char *method; /* "GET", "HEAD" (verified as GET) or "PUT" */
    const char *uri;    /* raw, with its query */
    const char *content_length;
    const char *content_md5;
    int64_t now_ms;
};

/* Checks form and signature. ERR_INVALID: not one of our URLs; ERR_DENIED: not signed like this, or not in force;
 * ERR_TOO_BIG: a body larger than any. PUT without a content-length is ERR_INVALID: ask before. */
int store_local_verify(const struct store_local *s, const struct store_request *request, struct arena *arena,
                       struct store_grant *ret, struct err *err) MUSTER_NODISCARD;

/* --- bodies --- */

/* Opens a body that nginx has handed over, by the name it gave, and digests it. ERR_INVALID unless that is a plain file
 * in incoming/ with exactly size bytes. *ret_fd is the caller's. */
int store_local_body_open(const struct store_local *s, const char *file, int64_t size, enum part_digest kind,
                          int *ret_fd, char ret_digest[PART_DIGEST_SIZE], struct err *err) MUSTER_NODISCARD;

/* Removes a body; also done by nginx. */
void store_local_body_remove(const struct store_local *s, const char *file);

/* Opens and locks size bytes at offset of an upload. ERR_CONFLICT: the upload is over; ERR_UNAVAILABLE: somebody else
 * writes them now. Close *ret_fd to unlock. */
int store_local_stage(const struct store_local *s, const char *upload_id, int64_t offset, int64_t size, int *ret_fd,
                      struct err *err) MUSTER_NODISCARD;

/* Copies the body into the locked range and has it on disk when it returns 0. Memory stays free of it where the file
 * system can write directly. */
int store_local_copy(int stage_fd, int64_t offset, int body_fd, int64_t size, struct err *err) MUSTER_NODISCARD;

#endif
