#include "store/store_s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "common/clock.h"
#include "common/encode.h"
#include "store/store_s3_call.h"

enum { MD5_BYTES = 16, CHECK_AGE_MS = 5000, CHECK_TIMEOUT_S = 4 };

/* --- URLs for agents ------------------------------------------------------------------------------------------------
 */

/* The headers that are signed, in ascending order. A store enforces a length only when it is among them. */
static int sign_headers(const struct store_s3 *s, const struct store_url *want, struct arena *arena,
                        struct sigv4_pair ret[3], size_t *ret_count, struct err *err)
{
    unsigned char md5[MD5_BYTES];
    char base64[BASE64_SIZE(MD5_BYTES)];
    size_t count = 0;
    if (strcmp(want->method, "PUT") == 0) {
        ret[count++] = (struct sigv4_pair){"content-length", arena_printf(arena, "%lld", (long long)want->size)};
        if (want->digest != NULL) {
            if (!hex_decode(want->digest, md5, sizeof md5))
                return err_set(err, ERR_INVALID, "an MD5 is not one");
            base64_encode(md5, sizeof md5, base64);
            ret[count++] = (struct sigv4_pair){"content-md5", arena_strdup(arena, base64)};
        }
    }
    ret[count++] = (struct sigv4_pair){"host", s->authority};
    for (size_t i = 0; i < count; i++)
        if (ret[i].value == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a URL");
    *ret_count = count;
    return 0;
}

/* A whole body is the only part of its upload: a URL of the object itself could replace the object as long as it is in
 * force, and in some stores (Ceph) it copies whatever a header names that nobody has signed. */
static int store_s3_presign(struct store *base, const struct store_url *want, struct arena *arena, const char **ret_url,
                            int64_t *ret_expires_ms, struct err *err)
{
    const struct store_s3 *s = store_s3_self(base);
    const struct sigv4_key key = {
        .id = s->settings->key_id, .secret = s->settings->secret, .region = s->settings->region, .service = "s3"};
    const struct sigv4_pair query[] = {{"partNumber", arena_printf(arena, "%lld", (long long)want->number)},
                                       {"uploadId", want->upload_id}};
    struct sigv4_pair headers[3];
    struct sigv4_request request = {.method = want->method,
                                    .path = arena_printf(arena, "%s/%s", s->prefix, want->path),
                                    .query = query,
                                    .query_count = want->upload_id != NULL ? 2 : 0,
                                    .headers = headers,
                                    .time_ms = want->now_ms,
                                    .expires_s = want->expires_s};
    const char *tail = NULL;
    int rc = sign_headers(s, want, arena, headers, &request.header_count, err);
    if (rc == 0 && (request.path == NULL || query[0].value == NULL))
        rc = err_set(err, ERR_NOMEM, "no memory for a URL");
    if (rc == 0)
        rc = sigv4_presign(&key, &request, arena, &tail, err);
    if (rc != 0)
        return rc;
    const char *url = arena_printf(arena, "%s%s", s->origin, tail);
    if (url == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a URL");
    *ret_url = url;
    *ret_expires_ms = want->now_ms + want->expires_s * INT64_C(1000);
    return 0;
}

/* --- its health -----------------------------------------------------------------------------------------------------
 */

static int ask(struct store_s3 *s, struct err *err)
{
    const struct s3_call call = {.method = "HEAD", .reply_max = S3_XML_MAX, .timeout_s = CHECK_TIMEOUT_S, .tries = 1};
    struct s3_answer answer;
    int rc = s3_call(s, &call, &answer, err);
    if (rc == 0 && answer.status != 200)
        rc = s3_unavailable(&answer, "see the bucket", err);
    s3_answer_done(&answer);
    return rc;
}

/* Health is asked for often, by several at once: the store hears of it every few seconds only. */
int store_s3_check(struct store *base, struct err *err)
{
    struct store_s3 *s = store_s3_self(base);
    (void)pthread_mutex_lock(&s->check_lock);
    if (!s->checked || clock_monotonic_ms(clock_system()) - s->checked_ms >= CHECK_AGE_MS) {
        s->check_err = (struct err){0};
        s->check_err.code = ask(s, &s->check_err);
        s->checked_ms = clock_monotonic_ms(clock_system());
        s->checked = true;
    }
    struct err last = s->check_err;
    (void)pthread_mutex_unlock(&s->check_lock);
    if (last.code != 0 && err != NULL)
        *err = last;
    return last.code;
}

static int store_s3_room(struct store *base, int64_t *ret, struct err *err)
{
    (void)base;
    (void)err;
    *ret = INT64_MAX;
    return 0;
}

/* Bodies never come here. */
static int store_s3_sweep(struct store *base, int64_t max_age_s, struct err *err)
{
    (void)base;
    (void)max_age_s;
    (void)err;
    return 0;
}

/* --- life -----------------------------------------------------------------------------------------------------------
 */

static void free_all(struct store_s3 *s)
{
    while (s->idle_count > 0)
        curl_easy_cleanup(s->idle[--s->idle_count]);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_mutex_destroy(&s->check_lock);
    free(s->origin);
    free(s->authority);
    free(s->prefix);
    free(s);
    curl_global_cleanup();
}

static void store_s3_close(struct store *base)
{
    free_all(store_s3_self(base));
}

static const struct store_driver store_s3_driver = {
    .close = store_s3_close,
    .check = store_s3_check,
    .room = store_s3_room,
    .presign = store_s3_presign,
    .upload_begin = store_s3_upload_begin,
    .upload_complete = store_s3_upload_complete,
    .upload_abort = store_s3_upload_abort,
    .upload_forget = store_s3_upload_forget,
    .upload_each = store_s3_upload_each,
    .object_delete = store_s3_object_delete,
    .user_remove = store_s3_user_remove,
    .object_head = store_s3_object_head,
    .object_thaw = store_s3_object_thaw,
    .object_open = store_s3_object_open,
    .object_read = store_s3_object_read,
    .object_close = store_s3_object_close,
    .sweep = store_s3_sweep,
};

/* Amazon's hosts are named after bucket and region; an endpoint may have a name for itself only. */
static bool name_host(struct store_s3 *s)
{
    const struct settings_s3 *at = s->settings;
    int made = at->endpoint != NULL ? asprintf(&s->origin, "%s", at->endpoint)
                                    : asprintf(&s->origin, "https://%s.s3.%s.amazonaws.com", at->bucket, at->region);
    if (made < 0)
        s->origin = NULL;
    if (asprintf(&s->prefix, "%s%s", at->endpoint != NULL ? "/" : "", at->endpoint != NULL ? at->bucket : "") < 0)
        s->prefix = NULL;
    s->authority = s->origin == NULL ? NULL : strdup(strstr(s->origin, "://") + 3);
    return s->prefix != NULL && s->authority != NULL;
}

int store_s3_open(const struct settings_s3 *settings, struct store **ret, struct err *err)
{
    struct store_s3 *s = calloc(1, sizeof *s);
    if (s == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(s);
        return err_set(err, ERR_NOMEM, "no memory for the store");
    }
    s->base = (struct store){.driver = &store_s3_driver, .bucket = settings->bucket, .region = settings->region};
    s->settings = settings;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_mutex_init(&s->check_lock, NULL);
    if (!name_host(s)) {
        free_all(s);
        return err_set(err, ERR_NOMEM, "no memory for the store");
    }
    *ret = &s->base;
    return 0;
}
