/* Removing all that a person has in an S3 store: the first page of what is there, again and again until it is empty. So
 * nothing has to be remembered between calls, and what comes in meanwhile is seen, too. */
#include <stdio.h>
#include <stdlib.h>

#include "common/blocking.h"
#include "common/clock.h"
#include "store/store_s3.h"
#include "store/store_s3_call.h"

enum { PREFIX_SIZE = 64 };

static int ask(struct store_s3 *s, const struct s3_call *call, struct s3_reply **ret, struct err *err)
{
    struct s3_answer answer;
    blocking_begin();
    int rc = s3_call_xml(s, call, &answer, ret, err);
    blocking_end();
    if (rc == 0 && (answer.status != 200 || (!(*ret)->uploads_listed && !(*ret)->objects_listed)))
        rc = s3_unavailable(&answer, "list what a person has", err);
    s3_answer_done(&answer);
    return rc;
}

static int list_page(struct store_s3 *s, const char *prefix, bool uploads, struct s3_reply **ret, struct err *err)
{
    const struct s3_call of_objects = {.method = "GET",
                                       .query = {{"list-type", "2"}, {"max-keys", "100"}, {"prefix", prefix}},
                                       .query_count = 3,
                                       .reply_max = S3_XML_MAX};
    const struct s3_call of_uploads = {.method = "GET",
                                       .query = {{"uploads", ""}, {"prefix", prefix}, {"max-uploads", "100"}},
                                       .query_count = 3,
                                       .reply_max = S3_XML_MAX};
    return ask(s, uploads ? &of_uploads : &of_objects, ret, err);
}

/* *ret_removed: how many of the page were ours and are gone. */
static int remove_page(struct store *base, const struct s3_reply *page, bool uploads, size_t *ret_removed,
                       struct err *err)
{
    int rc = 0;
    *ret_removed = 0;
    for (size_t i = 0; rc == 0 && i < page->upload_count; i++) {
        const struct s3_upload *u = &page->uploads[i];
        if (!store_path_valid(u->key))
            continue; /* nothing that this server has made */
        rc = uploads ? store_upload_forget(base, u->key, u->upload_id, err) : store_object_delete(base, u->key, err);
        *ret_removed += rc == 0 ? 1 : 0;
    }
    return rc;
}

static int remove_all(struct store *base, const char *prefix, bool uploads, int64_t deadline_ms, bool *ret_gone,
                      struct err *err)
{
    int rc = 0;
    *ret_gone = false;
    while (rc == 0 && !*ret_gone && clock_monotonic_ms(clock_system()) < deadline_ms) {
        struct s3_reply *page = NULL;
        size_t removed = 0;
        rc = list_page(store_s3_self(base), prefix, uploads, &page, err);
        if (rc == 0)
            rc = remove_page(base, page, uploads, &removed, err);
        *ret_gone = rc == 0 && removed == 0;
        free(page);
    }
    return rc;
}

/* Uploads first: one that is completed meanwhile is an object by the time those are listed. */
int store_s3_user_remove(struct store *base, const char *user_id, int64_t deadline_ms, bool *ret_gone, struct err *err)
{
    char prefix[PREFIX_SIZE];
    bool uploads_gone = false, objects_gone = false;
    (void)snprintf(prefix, sizeof prefix, "users/%s/", user_id);
    int rc = remove_all(base, prefix, true, deadline_ms, &uploads_gone, err);
    if (rc == 0 && uploads_gone)
        rc = remove_all(base, prefix, false, deadline_ms, &objects_gone, err);
    *ret_gone = objects_gone;
    return rc;
}
