/* store.h: where backups are kept: objects under a path, written in parts, read back by pre-signed URL.
 *
 * Two stores stand behind this header: `local`, a directory that nginx serves on the agents' port, and `s3`, a bucket
 * somewhere else, which the settings choose.
 * Both speak the query form of AWS Signature V4, so an agent cannot tell them apart. Rights are not the store's
 * business: who may have a URL is decided before store_presign is called.
 *
 * An object's path is users/{userId}/agents/{agentId}/configs/{configId}/{filename}; every segment is of
 * [A-Za-z0-9._-], so that its canonical and its raw spelling are the same bytes.
 *
 * What talks to the store may wait for a disk or a network: not from inside a write closure. */
#ifndef MUSTER_STORE_STORE_H
#define MUSTER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/err.h"
#include "store/part_digest.h"

struct settings;
struct secrets;
struct store;

enum {
    STORE_PART_SIZE = 8 * 1024 * 1024, /* every part but the last */
    STORE_PARTS_MAX = 10000,           /* as S3's; 80 GB in 8 MiB parts */
    STORE_PATH_MAX = 512,
    STORE_FILENAME_MAX = 160,    /* of an object: of a run's name and what tells its objects apart */
    STORE_UPLOAD_ID_SIZE = 1024, /* S3 stores may give ids of hundreds of characters */
    STORE_ETAG_SIZE = 80,
};

/* Local: makes what is missing of the directories (0700) and reads the signing key. S3: talks to nobody yet. settings
 * and secrets must outlive it. Call it before there are threads. */
int store_open(const struct settings *settings, const struct secrets *secrets, struct store **ret,
               struct err *err) MUSTER_NODISCARD;
void store_close(struct store *s); /* NULL does nothing */

/* Whether objects can be written now: for /health. ERR_UNAVAILABLE says why not. */
int store_check(struct store *s, struct err *err) MUSTER_NODISCARD;

/* Bytes that may still be written, the reserve left out; negative when the reserve is touched; INT64_MAX: no limit
 * known. */
int store_room(struct store *s, int64_t *ret, struct err *err) MUSTER_NODISCARD;

/* Whether path has the form above. The only check between a stranger's string and the file system. */
bool store_path_valid(const char *path);
bool store_filename_valid(const char *name);

/* Where configs say their backups go. */
const char *store_bucket(const struct store *s);
const char *store_region(const struct store *s);

struct store_url {
    const char *agent_id;  /* on whose behalf: a URL of the local store dies with the agent's rights */
    const char *method;    /* "PUT", "GET" */
    const char *path;      /* of the object */
    const char *upload_id; /* PUT */
    int64_t number;        /* PUT: of the part; 1 when the body is the whole object */
    int64_t size;          /* PUT: signed content-length */
    const char *digest;    /* PUT of a part: signed; NULL: the body is the whole object */
    int64_t now_ms;
    int expires_s;
};

/* What it is best told of a part. MD5 is taken by every store, anything else only by one that says so here. */
enum part_digest store_digest(const struct store *s);

/* The URL, from the arena, and when it expires. */
int store_presign(struct store *s, const struct store_url *want, struct arena *arena, const char **ret_url,
                  int64_t *ret_expires_ms, struct err *err) MUSTER_NODISCARD;

/* --- uploads --- */

/* Makes ready for the parts of an object, or for its whole body in one PUT. id_hint is the run's id, or "<run's
 * id>-<object's number>"; the id of the upload, which may be another one, goes into ret. */
int store_upload_begin(struct store *s, const char *path, const char *id_hint, char ret[STORE_UPLOAD_ID_SIZE],
                       struct err *err) MUSTER_NODISCARD;

struct store_part {
    int64_t number; /* 1, 2, … without a gap; the body of one PUT is part 1 */
    int64_t size;
    const char *digest; /* NULL: not known */
};

struct store_made {
    int64_t size;
    char etag[STORE_ETAG_SIZE]; /* without quotes; "": the store gives none */
};

/* Makes the object out of these parts. Durable when it returns 0. Repeating it after a crash at any point finishes it.
 * ERR_CONFLICT when what is stored is not that; ERR_UNAVAILABLE: try again. */
int store_upload_complete(struct store *s, const char *path, const char *upload_id, const struct store_part *parts,
                          size_t count, struct store_made *ret, struct err *err) MUSTER_NODISCARD;

/* For a run that ended without success: forgets the upload, its bytes, and an object that was already made of them.
 * What is not there is no error. Safe beside a store_upload_complete under way. */
int store_upload_abort(struct store *s, const char *path, const char *upload_id, struct err *err) MUSTER_NODISCARD;

/* Forgets an upload and its bytes, but no object. path as store_upload_each gives it. */
int store_upload_forget(struct store *s, const char *path, const char *upload_id, struct err *err) MUSTER_NODISCARD;

/* Whether the app has to note which parts are stored, since they come through it. Otherwise only
 * store_upload_complete knows. */
bool store_tracks_parts(const struct store *s);

/* Calls fn for each upload older than min_age_s that has not become an object. path: NULL when the store does not know
 * it, otherwise any name: not necessarily one of ours. The first non-zero result ends the walk and is returned. fn may
 * give up the upload it is called for. */
typedef int store_upload_fn(void *ctx, const char *path, const char *upload_id, int64_t started_ms, struct err *err);
int store_upload_each(struct store *s, int64_t min_age_s, store_upload_fn *fn, void *ctx,
                      struct err *err) MUSTER_NODISCARD;

/* --- objects --- */

/* What is not there is no error. */
int store_object_delete(struct store *s, const char *path, struct err *err) MUSTER_NODISCARD;

/* Removes all that lies below users/{userId}/: objects, and uploads that the store knows by their path, as far as it
 * gets within budget_ms. *ret_gone: nothing is left. What could not be removed is an error; call it again later. */
int store_user_remove(struct store *s, const char *user_id, int64_t budget_ms, bool *ret_gone,
                      struct err *err) MUSTER_NODISCARD;

/* Storage that is not online has to be thawed before an object can be read. */
enum store_thaw { STORE_ONLINE, STORE_ARCHIVED, STORE_THAWING, STORE_THAWED };

struct store_object {
    int64_t size;
    char etag[STORE_ETAG_SIZE]; /* as in store_made */
    enum store_thaw thaw;
};

/* ERR_NOT_FOUND when there is none. */
int store_object_head(struct store *s, const char *path, struct store_object *ret, struct err *err) MUSTER_NODISCARD;

/* Asks for an archived object to be readable for some days. It takes hours: store_object_head tells when it is. Asked
 * again, or of an object that is online: no error. */
int store_object_thaw(struct store *s, const char *path, int days, struct err *err) MUSTER_NODISCARD;

/* Reads an object from its beginning. The path must live as long as the reader. ERR_NOT_FOUND; ERR_CONFLICT when it is
 * archived. */
struct store_reader;
int store_object_open(struct store *s, const char *path, struct store_reader **ret, struct err *err) MUSTER_NODISCARD;
/* Up to size bytes; *ret_len is 0 at the end only. An object that ends early is an error. */
int store_object_read(struct store_reader *r, void *buf, size_t size, size_t *ret_len,
                      struct err *err) MUSTER_NODISCARD;
void store_object_close(struct store_reader *r); /* NULL does nothing */

/* Removes what no request can still need: bodies older than max_age_s that were handed over and never stored. */
int store_sweep(struct store *s, int64_t max_age_s, struct err *err) MUSTER_NODISCARD;

#endif
