/* Objects in an S3 store: looked at, thawed, read, removed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_s3.h"
#include "store/store_s3_call.h"

enum { CHUNK_BYTES = 1024 * 1024 };

int store_s3_object_delete(struct store *base, const char *path, struct err *err)
{
    const struct s3_call call = {.method = "DELETE", .path = path, .reply_max = S3_XML_MAX};
    struct s3_answer answer;
    int rc = s3_call(store_s3_self(base), &call, &answer, err);
    if (rc == 0 && answer.status != 204 && answer.status != 200 && answer.status != 404)
        rc = s3_refused(&answer, "remove an object", err);
    s3_answer_done(&answer);
    return rc;
}

/* --- archives -------------------------------------------------------------------------------------------------------
 */

static bool is_one_of(const char *text, const char *a, const char *b)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static enum store_thaw thaw_of(const struct s3_answer *a)
{
    bool archived = is_one_of(a->storage_class, "GLACIER", "DEEP_ARCHIVE") || a->archive[0] != '\0';
    if (!archived)
        return STORE_ONLINE;
    if (strstr(a->restore, "ongoing-request=\"true\"") != NULL)
        return STORE_THAWING;
    return strstr(a->restore, "ongoing-request=\"false\"") != NULL ? STORE_THAWED : STORE_ARCHIVED;
}

/* The object, and whether it lies in a tier that thaws for good (then `days` must not be said). */
static int look(struct store_s3 *s, const char *path, struct store_object *ret, bool *ret_for_good, struct err *err)
{
    const struct s3_call call = {.method = "HEAD", .path = path, .reply_max = S3_XML_MAX};
    struct s3_answer answer;
    int rc = s3_call(s, &call, &answer, err);
    if (rc == 0 && answer.status == 404)
        rc = err_set(err, ERR_NOT_FOUND, "there is no such object");
    else if (rc == 0 && answer.status != 200)
        rc = s3_refused(&answer, "look at an object", err);
    else if (rc == 0 && answer.length < 0)
        rc = err_set(err, ERR_UNAVAILABLE, "the object store does not say how large an object is");
    if (rc == 0) {
        *ret = (struct store_object){.size = answer.length, .thaw = thaw_of(&answer)};
        memcpy(ret->etag, answer.etag, sizeof ret->etag);
        *ret_for_good = answer.archive[0] != '\0';
    }
    s3_answer_done(&answer);
    return rc;
}

int store_s3_object_head(struct store *base, const char *path, struct store_object *ret, struct err *err)
{
    bool unused;
    return look(store_s3_self(base), path, ret, &unused, err);
}

int store_s3_object_thaw(struct store *base, const char *path, int days, struct err *err)
{
    struct store_object object;
    bool for_good = false;
    char body[320];
    int rc = look(store_s3_self(base), path, &object, &for_good, err);
    if (rc != 0 || object.thaw == STORE_ONLINE || object.thaw == STORE_THAWING)
        return rc;
    char span[40] = "";
    if (!for_good)
        (void)snprintf(span, sizeof span, "<Days>%d</Days>", days);
    int len = snprintf(body, sizeof body,
                       "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">%s<GlacierJobParameters>"
                       "<Tier>Standard</Tier></GlacierJobParameters></RestoreRequest>",
                       span);
    const struct s3_call call = {.method = "POST",
                                 .path = path,
                                 .query = {{"restore", ""}},
                                 .query_count = 1,
                                 .body = body,
                                 .body_len = (size_t)len,
                                 .reply_max = S3_XML_MAX};
    struct s3_answer answer;
    rc = s3_call(store_s3_self(base), &call, &answer, err);
    bool asked = rc == 0 && (answer.status == 200 || answer.status == 202 ||
                             strcmp(answer.error.code, "RestoreAlreadyInProgress") == 0);
    if (rc == 0 && !asked)
        rc = s3_refused(&answer, "thaw an object", err);
    s3_answer_done(&answer);
    return rc;
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

/* A piece at a time, each a request of its own: one that breaks off is simply asked for again. That all are of the same
 * object, the ETag ensures. */
struct reader {
    struct store_reader base;
    const char *path;
    struct store_object object;
    char if_match[STORE_ETAG_SIZE + 16];
    int64_t at; /* of the object, behind the chunk */
    struct buf chunk;
    size_t chunk_at;
};

int store_s3_object_open(struct store *base, const char *path, struct store_reader **ret, struct err *err)
{
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(err, ERR_NOMEM, "no memory to read an object");
    int rc = store_s3_object_head(base, path, &r->object, err);
    if (rc == 0 && (r->object.thaw == STORE_ARCHIVED || r->object.thaw == STORE_THAWING))
        rc = err_set(err, ERR_CONFLICT, "the object is archived and has to be thawed first");
    if (rc != 0) {
        free(r);
        return rc;
    }
    r->base.store = base;
    r->path = path;
    buf_init(&r->chunk, CHUNK_BYTES);
    if (r->object.etag[0] != '\0')
        (void)snprintf(r->if_match, sizeof r->if_match, "If-Match: \"%s\"", r->object.etag);
    *ret = &r->base;
    return 0;
}

static int read_chunk(struct reader *r, struct err *err)
{
    int64_t left = r->object.size - r->at;
    int64_t len = left < CHUNK_BYTES ? left : CHUNK_BYTES;
    char range[64];
    (void)snprintf(range, sizeof range, "Range: bytes=%lld-%lld", (long long)r->at, (long long)(r->at + len - 1));
    const struct s3_call call = {.method = "GET",
                                 .path = r->path,
                                 .headers = {range, r->if_match[0] != '\0' ? r->if_match : NULL},
                                 .reply_max = CHUNK_BYTES};
    struct s3_answer answer;
    int rc = s3_call(store_s3_self(r->base.store), &call, &answer, err);
    bool whole = answer.status == 200 && len == r->object.size;
    if (rc == 0 && answer.status != 206 && !whole)
        rc = s3_refused(&answer, "read an object", err);
    else if (rc == 0 && (int64_t)answer.body.len != len)
        rc = err_set(err, ERR_UNAVAILABLE, "the object store gives %zu bytes of an object instead of %lld",
                     answer.body.len, (long long)len);
    if (rc == 0) {
        buf_done(&r->chunk);
        r->chunk = answer.body;
        r->chunk_at = 0;
        r->at += len;
        return 0;
    }
    s3_answer_done(&answer);
    return rc;
}

int store_s3_object_read(struct store_reader *reader, void *buf, size_t size, size_t *ret_len, struct err *err)
{
    struct reader *r = (struct reader *)reader;
    int rc = 0;
    if (r->chunk_at == r->chunk.len && r->at < r->object.size)
        rc = read_chunk(r, err);
    if (rc != 0)
        return rc;
    size_t len = r->chunk.len - r->chunk_at;
    if (len > size)
        len = size;
    if (len > 0)
        memcpy(buf, r->chunk.data + r->chunk_at, len);
    r->chunk_at += len;
    *ret_len = len;
    return 0;
}

void store_s3_object_close(struct store_reader *reader)
{
    struct reader *r = (struct reader *)reader;
    buf_done(&r->chunk);
    free(r);
}
