/* Replies of an S3 store: whatever comes is refused or read within its bounds. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ends(const char *text, size_t size)
{
    if (memchr(text, '\0', size) == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct s3_reply reply;
    if (s3_reply_read((const char *)data, size, &reply, NULL) != 0)
        return 0;
    if (reply.part_count > S3_PARTS_MAX || reply.upload_count > S3_UPLOADS_MAX)
        abort();
    for (size_t i = 0; i < reply.part_count; i++)
        ends(reply.parts[i].etag, sizeof reply.parts[i].etag);
    for (size_t i = 0; i < reply.upload_count; i++) {
        ends(reply.uploads[i].key, sizeof reply.uploads[i].key);
        ends(reply.uploads[i].upload_id, sizeof reply.uploads[i].upload_id);
    }
    ends(reply.error.code, sizeof reply.error.code);
    ends(reply.error.message, sizeof reply.error.message);
    ends(reply.upload_id, sizeof reply.upload_id);
    ends(reply.etag, sizeof reply.etag);
    ends(reply.next_key, sizeof reply.next_key);
    ends(reply.next_upload_id, sizeof reply.next_upload_id);
    return 0;
}
