#include "store/store_s3_xml.h"

#include <stdio.h>
#include <string.h>

#include <expat.h>

#include "common/clock.h"
#include "common/cursor.h"

enum { DEPTH_MAX = 8, PATH_MAX_BYTES = 256, TEXT_MAX = 2048 };

struct reader {
    XML_Parser parser;
    struct s3_reply *reply;
    char path[PATH_MAX_BYTES]; /* "ListPartsResult/Part/ETag" */
    size_t ends[DEPTH_MAX];    /* where the path of each open element ends */
    size_t depth;
    char text[TEXT_MAX + 1]; /* of the innermost element since its last child */
    size_t text_len;
    bool bad;
};

static void stop(struct reader *r)
{
    r->bad = true;
    (void)XML_StopParser(r->parser, XML_FALSE);
}

/* --- what the elements mean -----------------------------------------------------------------------------------------
 */

/* Copies a value that may not be cut: one that is too long is as good as none. */
static void take(char *ret, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size)
        len = 0;
    memcpy(ret, text, len);
    ret[len] = '\0';
}

/* Copies what a person may read: as much as there is room for. */
static void take_cut(char *ret, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);
    memcpy(ret, text, len);
    ret[len] = '\0';
}

static void take_etag(char ret[STORE_ETAG_SIZE], const char *text)
{
    size_t len = strlen(text);
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        text++;
        len -= 2;
    }
    (void)snprintf(ret, STORE_ETAG_SIZE, "%.*s", len < STORE_ETAG_SIZE ? (int)len : 0, text);
}

static int64_t take_number(const char *text)
{
    uint64_t number;
    return cursor_parse_uint(text, INT64_MAX, &number) ? (int64_t)number : -1;
}

static bool on_part(struct s3_reply *reply, const char *name, const char *text)
{
    if (reply->part_count == S3_PARTS_MAX)
        return false;
    struct s3_part *part = &reply->parts[reply->part_count];
    if (name == NULL)
        reply->part_count++;
    else if (strcmp(name, "PartNumber") == 0)
        part->number = take_number(text);
    else if (strcmp(name, "Size") == 0)
        part->size = take_number(text);
    else if (strcmp(name, "ETag") == 0)
        take_etag(part->etag, text);
    return true;
}

static bool on_upload(struct s3_reply *reply, const char *name, const char *text)
{
    if (reply->upload_count == S3_UPLOADS_MAX)
        return false;
    struct s3_upload *upload = &reply->uploads[reply->upload_count];
    if (name == NULL)
        reply->upload_count++;
    else if (strcmp(name, "Key") == 0)
        take(upload->key, sizeof upload->key, text);
    else if (strcmp(name, "UploadId") == 0)
        take(upload->upload_id, sizeof upload->upload_id, text);
    else if (strcmp(name, "Initiated") == 0 && !clock_parse_rfc3339(text, &upload->started_ms))
        upload->started_ms = 0;
    return true;
}

static void on_list(struct s3_reply *reply, const char *name, const char *text)
{
    if (strcmp(name, "IsTruncated") == 0)
        reply->truncated = strcmp(text, "true") == 0;
    else if (strcmp(name, "NextPartNumberMarker") == 0)
        reply->next_part = take_number(text);
    else if (strcmp(name, "NextKeyMarker") == 0)
        take(reply->next_key, sizeof reply->next_key, text);
    else if (strcmp(name, "NextUploadIdMarker") == 0)
        take(reply->next_upload_id, sizeof reply->next_upload_id, text);
}

/* What follows prefix in path: NULL when it does not begin with it. */
static const char *below(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(path, prefix, len) == 0 ? path + len : NULL;
}

/* An element has ended. False: more than there can be. */
static bool on_element(struct s3_reply *reply, const char *path, const char *text)
{
    const char *name;
    if ((name = below(path, "ListPartsResult/Part")) != NULL && (*name == '/' || *name == '\0'))
        return on_part(reply, *name == '/' ? name + 1 : NULL, text);
    if ((name = below(path, "ListMultipartUploadsResult/Upload")) != NULL && (*name == '/' || *name == '\0'))
        return on_upload(reply, *name == '/' ? name + 1 : NULL, text);
    if ((name = below(path, "ListBucketResult/Contents")) != NULL && (*name == '/' || *name == '\0'))
        return on_upload(reply, *name == '/' ? name + 1 : NULL, text);
    if ((name = below(path, "ListPartsResult/")) != NULL || (name = below(path, "ListBucketResult/")) != NULL ||
        (name = below(path, "ListMultipartUploadsResult/")) != NULL)
        on_list(reply, name, text);
    else if (strcmp(path, "Error/Code") == 0)
        take_cut(reply->error.code, sizeof reply->error.code, text);
    else if (strcmp(path, "Error/Message") == 0)
        take_cut(reply->error.message, sizeof reply->error.message, text);
    else if (strcmp(path, "InitiateMultipartUploadResult/UploadId") == 0)
        take(reply->upload_id, sizeof reply->upload_id, text);
    else if (strcmp(path, "CompleteMultipartUploadResult/ETag") == 0)
        take_etag(reply->etag, text);
    else if (strcmp(path, "CompleteMultipartUploadResult") == 0)
        reply->completed = true;
    else if (strcmp(path, "ListPartsResult") == 0)
        reply->parts_listed = true;
    else if (strcmp(path, "ListBucketResult") == 0)
        reply->objects_listed = true;
    else if (strcmp(path, "ListMultipartUploadsResult") == 0)
        reply->uploads_listed = true;
    else if (strcmp(path, "Error") == 0 && reply->error.code[0] == '\0')
        take_cut(reply->error.code, sizeof reply->error.code, "Error");
    return true;
}

/* --- expat ----------------------------------------------------------------------------------------------------------
 */

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *r = ctx;
    size_t start = r->depth > 0 ? r->ends[r->depth - 1] : 0;
    size_t len = strlen(name);
    (void)attributes;
    if (r->depth == DEPTH_MAX || start + 1 + len >= sizeof r->path) {
        stop(r);
        return;
    }
    if (start > 0)
        r->path[start++] = '/';
    memcpy(r->path + start, name, len + 1);
    r->ends[r->depth++] = start + len;
    r->text_len = 0;
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    struct reader *r = ctx;
    (void)name;
    r->text[r->text_len] = '\0';
    if (!on_element(r->reply, r->path, r->text)) {
        stop(r);
        return;
    }
    r->depth--;
    r->path[r->depth > 0 ? r->ends[r->depth - 1] : 0] = '\0';
    r->text_len = 0;
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int len)
{
    struct reader *r = ctx;
    if ((size_t)len > TEXT_MAX - r->text_len) {
        stop(r);
        return;
    }
    memcpy(r->text + r->text_len, text, (size_t)len);
    r->text_len += (size_t)len;
}

/* With a document type come entities, and with them replies that grow without end. */
static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system, const XML_Char *public_id,
                               int internal)
{
    (void)name;
    (void)system;
    (void)public_id;
    (void)internal;
    stop(ctx);
}

int s3_reply_read(const char *data, size_t len, struct s3_reply *ret, struct err *err)
{
    struct reader r = {.reply = ret};
    memset(ret, 0, sizeof *ret);
    if (len > INT32_MAX)
        return err_set(err, ERR_INVALID, "the store's reply is too long");
    r.parser = XML_ParserCreate(NULL);
    if (r.parser == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the store's reply");
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    enum XML_Status status = XML_Parse(r.parser, data, (int)len, XML_TRUE);
    XML_ParserFree(r.parser);
    if (status != XML_STATUS_OK || r.bad)
        return err_set(err, ERR_INVALID, "the store's reply is not the XML of an S3 store");
    return 0;
}
