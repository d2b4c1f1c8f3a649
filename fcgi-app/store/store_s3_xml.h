/* store_s3_xml.h: reads the XML replies of an S3 store. Without I/O.
 *
 * The replies come from outside: document types are refused, nesting, names and texts are bounded, and what is not
 * known is passed over. Which reply it is, its root says, not its HTTP status: an error may come with a 200. */
#ifndef MUSTER_STORE_STORE_S3_XML_H
#define MUSTER_STORE_STORE_S3_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

struct s3_error {
    char code[64]; /* "NoSuchUpload"; "": the reply was no error */
    char message[160];
};

struct s3_part {
    int64_t number;
    int64_t size;
    char etag[STORE_ETAG_SIZE]; /* without quotes */
};

struct s3_upload {
    char key[STORE_PATH_MAX + 1]; /* "": longer than any of ours */
    char upload_id[STORE_UPLOAD_ID_SIZE];
    int64_t started_ms; /* 0: not said */
};

/* How much one reply may list. */
enum { S3_PARTS_MAX = 1000, S3_UPLOADS_MAX = 100 };

/* One reply, of whatever kind; only the fields of its kind are set. */
struct s3_reply {
    struct s3_error error;                /* Error */
    char upload_id[STORE_UPLOAD_ID_SIZE]; /* InitiateMultipartUploadResult */
    bool completed;                       /* CompleteMultipartUploadResult … */
    char etag[STORE_ETAG_SIZE];           /* … and its ETag; some stores leave it empty */
    bool parts_listed;                    /* ListPartsResult */
    struct s3_part parts[S3_PARTS_MAX];
    size_t part_count;
    bool objects_listed; /* ListBucketResult: in uploads, without ids */
    bool uploads_listed; /* ListMultipartUploadsResult */
    struct s3_upload uploads[S3_UPLOADS_MAX];
    size_t upload_count;
    bool truncated;          /* of both lists: there is another page, after … */
    int64_t next_part;       /* … this part, */
    char next_key[1024 + 1]; /* … or this key */
    char next_upload_id[STORE_UPLOAD_ID_SIZE];
};

/* ERR_INVALID: not XML, or not within the bounds. Large: allocate it; no need to clear it first. */
int s3_reply_read(const char *data, size_t len, struct s3_reply *ret, struct err *err) MUSTER_NODISCARD;

#endif
