/* Uploads in an S3 store: begun, completed, given up, listed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "store/store_s3.h"
#include "store/store_s3_call.h"

#define OURS "users/" /* every path begins with it */

enum {
    COMPLETE_TIMEOUT_S = 120, /* the store may copy all of it */
    COMPLETE_PART_BYTES = 160,
    PAGES_MAX = 1000,
    NUMBER_SIZE = 24,
};

int store_s3_upload_begin(struct store *base, const char *path, const char *id_hint, char ret[STORE_UPLOAD_ID_SIZE],
                          struct err *err)
{
    const struct s3_call call = {
        .method = "POST", .path = path, .query = {{"uploads", ""}}, .query_count = 1, .reply_max = S3_XML_MAX};
    struct s3_reply *reply = NULL;
    struct s3_answer answer;
    (void)id_hint;
    int rc = s3_call_xml(store_s3_self(base), &call, &answer, &reply, err);
    if (rc == 0 && answer.status != 200)
        rc = s3_unavailable(&answer, "begin an upload", err);
    else if (rc == 0 && reply->upload_id[0] == '\0')
        rc = err_set(err, ERR_UNAVAILABLE, "the object store has begun an upload without an id");
    if (rc == 0)
        memcpy(ret, reply->upload_id, STORE_UPLOAD_ID_SIZE);
    s3_answer_done(&answer);
    free(reply);
    return rc;
}

/* --- completing -----------------------------------------------------------------------------------------------------
 */

struct completion {
    struct store_s3 *s;
    const char *path;
    const char *upload_id;
    const struct store_part *parts;
    size_t count;
    struct s3_part *listed; /* what the store has, count of them */
    size_t listed_count;
};

static int not_stored(struct err *err, int64_t number)
{
    return err_set(err, ERR_CONFLICT, "part %lld has not been stored", (long long)number);
}

static int take_page(struct completion *c, const struct s3_reply *page, struct err *err)
{
    for (size_t i = 0; i < page->part_count; i++) {
        const struct s3_part *part = &page->parts[i];
        if (c->listed_count == c->count)
            return err_set(err, ERR_CONFLICT, "the store has more parts than were announced");
        if (part->number != c->parts[c->listed_count].number)
            return not_stored(err, c->parts[c->listed_count].number);
        if (part->size != c->parts[c->listed_count].size)
            return err_set(err, ERR_CONFLICT, "part %lld has %lld bytes in the store instead of %lld",
                           (long long)part->number, (long long)part->size, (long long)c->parts[c->listed_count].size);
        c->listed[c->listed_count++] = *part;
    }
    return 0;
}

/* One page of the parts after number `after`. ERR_NOT_FOUND: there is no such upload. */
static int list_page(struct completion *c, int64_t after, struct s3_reply **ret, struct err *err)
{
    char marker[NUMBER_SIZE];
    (void)snprintf(marker, sizeof marker, "%lld", (long long)after);
    const struct s3_call call = {
        .method = "GET",
        .path = c->path,
        .query = {{"uploadId", c->upload_id}, {"max-parts", "1000"}, {"part-number-marker", marker}},
        .query_count = after > 0 ? 3 : 2,
        .reply_max = S3_XML_MAX,
    };
    struct s3_answer answer;
    int rc = s3_call_xml(c->s, &call, &answer, ret, err);
    if (rc == 0 && answer.status != 200)
        rc = s3_refused(&answer, "list the parts of an upload", err);
    else if (rc == 0 && !(*ret)->parts_listed)
        rc = err_set(err, ERR_UNAVAILABLE, "the object store does not list the parts of an upload");
    s3_answer_done(&answer);
    return rc;
}

/* Fills c->listed. ERR_CONFLICT when that is not what was announced. */
static int list_parts(struct completion *c, struct err *err)
{
    int64_t after = 0;
    bool more = true;
    int rc = 0;
    while (rc == 0 && more) {
        struct s3_reply *page = NULL;
        rc = list_page(c, after, &page, err);
        if (rc == 0)
            rc = take_page(c, page, err);
        more = rc == 0 && page->truncated;
        if (more && (page->next_part <= after || page->part_count == 0))
            rc = err_set(err, ERR_UNAVAILABLE, "the object store lists the same parts over and over");
        if (more)
            after = page->next_part;
        free(page);
    }
    if (rc == 0 && c->listed_count < c->count)
        return not_stored(err, c->parts[c->listed_count].number);
    return rc;
}

/* ETags are MD5s in most stores, and in the others none is one: then nothing can be said. A store that ignores
 * Content-MD5 may have taken a damaged body. */
static int compare_md5s(const struct completion *c, struct err *err)
{
    size_t same = 0;
    int64_t different = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->parts[i].digest != NULL && strcmp(c->parts[i].digest, c->listed[i].etag) == 0)
            same++;
        else if (c->parts[i].digest != NULL && different == 0)
            different = c->parts[i].number;
    }
    if (same > 0 && different > 0)
        return err_set(err, ERR_CONFLICT, "part %lld is not the one that was announced", (long long)different);
    return 0;
}

/* ETags as text of XML; none of their characters but the quotes means anything there, or it is no ETag. */
static bool etag_plain(const char *etag)
{
    return etag[0] != '\0' && strpbrk(etag, "<>&\"'") == NULL;
}

static int write_request(const struct completion *c, struct buf *body, struct err *err)
{
    buf_init(body, (size_t)STORE_PARTS_MAX * COMPLETE_PART_BYTES);
    buf_adds(body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < c->count; i++) {
        if (!etag_plain(c->listed[i].etag))
            return err_set(err, ERR_UNAVAILABLE, "the object store gives a part an impossible ETag");
        buf_addf(body, "<Part><PartNumber>%lld</PartNumber><ETag>\"%s\"</ETag></Part>", (long long)c->listed[i].number,
                 c->listed[i].etag);
    }
    buf_adds(body, "</CompleteMultipartUpload>");
    return buf_ok(body) ? 0 : err_set(err, ERR_NOMEM, "no memory to complete an upload");
}

/* What the store says to the wish; 0 means no more than that the object is worth looking for. */
static int ask_complete(struct completion *c, const struct buf *body, struct err *err)
{
    bool careful = !atomic_load(&c->s->without_if_none_match);
    const struct s3_call call = {
        .method = "POST",
        .path = c->path,
        .query = {{"uploadId", c->upload_id}},
        .query_count = 1,
        .body = buf_str(body),
        .body_len = body->len,
        .headers = {careful ? "If-None-Match: *" : NULL},
        .reply_max = S3_XML_MAX,
        .timeout_s = COMPLETE_TIMEOUT_S,
    };
    struct s3_reply *reply = NULL;
    struct s3_answer answer;
    int rc = s3_call_xml(c->s, &call, &answer, &reply, err);
    bool unknown = rc == 0 && careful && answer.status == 501;
    if (rc == 0 && answer.status == 200 && reply->error.code[0] != '\0') {
        answer.error = reply->error; /* begun with a 200 before it was known how it would end */
        rc = s3_refused(&answer, "complete an upload", err);
    } else if (rc == 0 && answer.status != 200) {
        rc = s3_refused(&answer, "complete an upload", err);
    } else if (rc == 0 && !reply->completed) {
        rc = err_set(err, ERR_UNAVAILABLE, "the object store does not say how completing an upload went");
    }
    s3_answer_done(&answer);
    free(reply);
    if (!unknown)
        return rc;
    atomic_store(&c->s->without_if_none_match, true);
    return ask_complete(c, body, err);
}

/* The object, if it is the one that is wanted. ERR_NOT_FOUND, or ERR_CONFLICT when it is another one. */
static int confirm(struct completion *c, struct store_made *ret, struct err *err)
{
    struct store_object object;
    int64_t size = store_parts_size(c->parts, c->count);
    int rc = store_s3_object_head(&c->s->base, c->path, &object, err);
    if (rc != 0)
        return rc;
    if (object.size != size)
        return err_set(err, ERR_CONFLICT, "the object in the store has %lld bytes instead of %lld",
                       (long long)object.size, (long long)size);
    *ret = (struct store_made){.size = size};
    memcpy(ret->etag, object.etag, sizeof ret->etag);
    return 0;
}

/* The object counts, not the words: a try before may have made it, or this one although its answer was lost. */
static int complete_listed(struct completion *c, struct store_made *ret, struct err *err)
{
    struct buf body;
    struct err why = {0};
    int asked = write_request(c, &body, &why);
    if (asked == 0)
        asked = ask_complete(c, &body, &why);
    buf_done(&body);
    int rc = confirm(c, ret, err);
    if (rc != ERR_NOT_FOUND)
        return rc;
    if (asked != 0 && err != NULL)
        *err = why;
    return asked != 0 ? ERR_UNAVAILABLE : err_set(err, ERR_UNAVAILABLE, "the object store does not show the object");
}

int store_s3_upload_complete(struct store *base, const char *path, const char *upload_id,
                             const struct store_part *parts, size_t count, struct store_made *ret, struct err *err)
{
    struct completion c = {
        .s = store_s3_self(base), .path = path, .upload_id = upload_id, .parts = parts, .count = count};
    struct err why = {0};
    c.listed = calloc(count, sizeof *c.listed);
    if (c.listed == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the parts of an upload");
    int rc = list_parts(&c, &why);
    if (rc == 0)
        rc = compare_md5s(&c, &why);
    if (rc == 0) {
        rc = complete_listed(&c, ret, err);
    } else if (rc == ERR_NOT_FOUND) { /* there is no upload of this id, or not any more */
        rc = confirm(&c, ret, err);
        if (rc == ERR_NOT_FOUND)
            rc = err_set(err, ERR_CONFLICT, "the upload is over");
    } else if (err != NULL) {
        *err = why;
    }
    free(c.listed);
    return rc;
}

/* --- giving up ------------------------------------------------------------------------------------------------------
 */

int store_s3_upload_forget(struct store *base, const char *path, const char *upload_id, struct err *err)
{
    const struct s3_call call = {.method = "DELETE",
                                 .path = path,
                                 .query = {{"uploadId", upload_id}},
                                 .query_count = 1,
                                 .reply_max = S3_XML_MAX};
    struct s3_answer answer;
    if (path == NULL)
        return 0;
    int rc = s3_call(store_s3_self(base), &call, &answer, err);
    if (rc == 0 && answer.status != 204 && answer.status != 200 && answer.status != 404)
        rc = s3_refused(&answer, "give up an upload", err);
    s3_answer_done(&answer);
    return rc;
}

/* The upload first: a completion under way then either fails, or has made the object already and loses it here. */
int store_s3_upload_abort(struct store *base, const char *path, const char *upload_id, struct err *err)
{
    int rc = store_s3_upload_forget(base, path, upload_id, err);
    return rc == 0 ? store_s3_object_delete(base, path, err) : rc;
}

/* --- listing --------------------------------------------------------------------------------------------------------
 */

struct place {
    char key[1024 + 1];
    char upload_id[STORE_UPLOAD_ID_SIZE];
};

static int list_uploads(struct store_s3 *s, const struct place *after, struct s3_reply **ret, struct err *err)
{
    const struct s3_call call = {
        .method = "GET",
        .query = {{"uploads", ""},
                  {"prefix", OURS},
                  {"max-uploads", "100"},
                  {"key-marker", after->key},
                  {"upload-id-marker", after->upload_id}},
        .query_count = after->key[0] != '\0' ? 5 : 3,
        .reply_max = S3_XML_MAX,
    };
    struct s3_answer answer;
    int rc = s3_call_xml(s, &call, &answer, ret, err);
    if (rc == 0 && (answer.status != 200 || !(*ret)->uploads_listed))
        rc = s3_unavailable(&answer, "list the uploads", err);
    s3_answer_done(&answer);
    return rc;
}

static int show_page(const struct s3_reply *page, int64_t before_ms, store_upload_fn *fn, void *ctx, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < page->upload_count; i++) {
        const struct s3_upload *u = &page->uploads[i];
        bool ours = store_path_valid(u->key) && u->upload_id[0] != '\0';
        if (ours && u->started_ms > 0 && u->started_ms < before_ms)
            rc = fn(ctx, u->key, u->upload_id, u->started_ms, err);
    }
    return rc;
}

int store_s3_upload_each(struct store *base, int64_t min_age_s, store_upload_fn *fn, void *ctx, struct err *err)
{
    struct place *after = calloc(1, sizeof *after);
    int64_t before_ms = clock_now_ms(clock_system()) - min_age_s * 1000;
    bool more = true;
    int rc = after == NULL ? err_set(err, ERR_NOMEM, "no memory to list uploads") : 0;
    for (int pages = 0; rc == 0 && more && pages < PAGES_MAX; pages++) {
        struct s3_reply *page = NULL;
        rc = list_uploads(store_s3_self(base), after, &page, err);
        if (rc == 0)
            rc = show_page(page, before_ms, fn, ctx, err);
        more = rc == 0 && page->truncated && page->next_key[0] != '\0';
        if (more) {
            memcpy(after->key, page->next_key, sizeof after->key);
            memcpy(after->upload_id, page->next_upload_id, sizeof after->upload_id);
        }
        free(page);
    }
    free(after);
    return rc;
}
