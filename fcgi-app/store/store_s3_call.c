#include "store/store_s3_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include <curl/curl.h>

#include "common/clock.h"
#include "common/cursor.h"

enum {
    SIGNED_S = 60,
    CONNECT_TIMEOUT_S = 10,
    HEADERS_MAX = 64 * 1024,
    PAUSE_MS = 100, /* at most, before the second try; doubled for each one more */
    URL_ARENA_BYTES = 64 * 1024,
};

/* --- connections ----------------------------------------------------------------------------------------------------
 */

static CURL *handle_get(struct store_s3 *s)
{
    CURL *curl = NULL;
    (void)pthread_mutex_lock(&s->lock);
    if (s->idle_count > 0)
        curl = s->idle[--s->idle_count];
    (void)pthread_mutex_unlock(&s->lock);
    return curl != NULL ? curl : curl_easy_init();
}

static void handle_put(struct store_s3 *s, CURL *curl)
{
    if (curl == NULL)
        return;
    curl_easy_reset(curl); /* keeps its connection */
    (void)pthread_mutex_lock(&s->lock);
    if (s->idle_count < S3_IDLE_MAX) {
        s->idle[s->idle_count++] = curl;
        curl = NULL;
    }
    (void)pthread_mutex_unlock(&s->lock);
    curl_easy_cleanup(curl);
}

/* --- one try --------------------------------------------------------------------------------------------------------
 */

struct
try {
    struct s3_answer *answer;
    size_t header_bytes;
    bool too_big;
};

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct try *t = ctx;
    buf_add(&t->answer->body, data, size * count);
    t->too_big = !buf_ok(&t->answer->body);
    return t->too_big ? 0 : size * count;
}

/* The value when line is the header `name`, without blanks around it. */
static bool header_value(struct span line, const char *name, struct span *ret)
{
    size_t len = strlen(name);
    if (line.len <= len || line.ptr[len] != ':' || strncasecmp(line.ptr, name, len) != 0)
        return false;
    const char *from = line.ptr + len + 1;
    const char *to = line.ptr + line.len;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == '\r' || to[-1] == '\n' || to[-1] == ' '))
        to--;
    *ret = (struct span){from, (size_t)(to - from)};
    return true;
}

static void take_header(struct span line, const char *name, char *ret, size_t size)
{
    struct span value;
    if (header_value(line, name, &value) && value.len < size)
        (void)snprintf(ret, size, "%.*s", (int)value.len, value.ptr);
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct try *t = ctx;
    struct s3_answer *a = t->answer;
    const struct span line = {data, size * count};
    struct span etag;
    t->header_bytes += line.len;
    t->too_big = t->header_bytes > HEADERS_MAX;
    take_header(line, "x-amz-storage-class", a->storage_class, sizeof a->storage_class);
    take_header(line, "x-amz-restore", a->restore, sizeof a->restore);
    take_header(line, "x-amz-archive-status", a->archive, sizeof a->archive);
    take_header(line, "x-amz-bucket-region", a->region, sizeof a->region);
    if (header_value(line, "etag", &etag)) {
        bool quoted = etag.len >= 2 && etag.ptr[0] == '"' && etag.ptr[etag.len - 1] == '"';
        size_t len = quoted ? etag.len - 2 : etag.len;
        (void)snprintf(a->etag, sizeof a->etag, "%.*s", len < sizeof a->etag ? (int)len : 0, etag.ptr + quoted);
    }
    return t->too_big ? 0 : line.len;
}

static struct curl_slist *make_headers(const struct s3_call *call, bool *ret_ok)
{
    const char *const lines[] = {"Expect:", call->body != NULL ? "Content-Type: application/xml" : "Content-Type:",
                                 call->headers[0], call->headers[1]};
    struct curl_slist *list = NULL;
    *ret_ok = true;
    for (size_t i = 0; *ret_ok && i < sizeof lines / sizeof lines[0] && lines[i] != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(list, lines[i]);
        *ret_ok = longer != NULL;
        list = *ret_ok ? longer : list;
    }
    return list;
}

static void set_method(CURL *curl, const struct s3_call *call)
{
    if (strcmp(call->method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (strcmp(call->method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body != NULL ? call->body : "");
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    }
}

static void set_bounds(CURL *curl, const struct store_s3 *s, const struct s3_call *call)
{
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, call->timeout_s > 0 ? (long)call->timeout_s : (long)S3_TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, strncmp(s->origin, "https:", 6) == 0 ? "https" : "http");
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "muster/" MUSTER_VERSION);
}

/* False: the system refused something before the request was sent. */
static bool set_up(CURL *curl, const struct store_s3 *s, const struct s3_call *call, const char *url,
                   struct curl_slist *headers, struct try *t)
{
    set_bounds(curl, s, call);
    set_method(curl, call);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           (s->settings->ca_file == NULL || curl_easy_setopt(curl, CURLOPT_CAINFO, s->settings->ca_file) == CURLE_OK);
}

static void answer_clear(struct s3_answer *a, size_t reply_max)
{
    buf_done(&a->body);
    *a = (struct s3_answer){.length = -1};
    buf_init(&a->body, reply_max);
}

static CURLcode try_once(struct store_s3 *s, const struct s3_call *call, const char *url, struct s3_answer *a,
                         bool *ret_too_big)
{
    struct try t = {.answer = a};
    bool ok = false;
    long status = 0;
    curl_off_t length = -1;
    CURL *curl = handle_get(s);
    struct curl_slist *headers = make_headers(call, &ok);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    answer_clear(a, call->reply_max);
    if (curl != NULL && ok && set_up(curl, s, call, url, headers, &t))
        code = curl_easy_perform(curl);
    if (code == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        a->status = (int)status;
        a->length = (int64_t)length;
    }
    *ret_too_big = t.too_big;
    handle_put(s, curl);
    curl_slist_free_all(headers);
    return code;
}

/* --- all tries ------------------------------------------------------------------------------------------------------
 */

/* A URL that is signed now: each try has its own, as the pauses may outlive one. */
static int make_url(const struct store_s3 *s, const struct s3_call *call, struct arena *arena, const char **ret,
                    struct err *err)
{
    const struct sigv4_key key = {
        .id = s->settings->key_id, .secret = s->settings->secret, .region = s->settings->region, .service = "s3"};
    const struct sigv4_pair host = {"host", s->authority};
    const struct sigv4_request request = {
        .method = call->method,
        .path = arena_printf(arena, "%s/%s", s->prefix, call->path != NULL ? call->path : ""),
        .query = call->query,
        .query_count = call->query_count,
        .headers = &host,
        .header_count = 1,
        .time_ms = clock_now_ms(clock_system()),
        .expires_s = SIGNED_S,
    };
    const char *tail = NULL;
    int rc = request.path == NULL ? err_set(err, ERR_NOMEM, "no memory for a URL")
                                  : sigv4_presign(&key, &request, arena, &tail, err);
    if (rc != 0)
        return rc;
    *ret = arena_printf(arena, "%s%s", s->origin, tail);
    return *ret == NULL ? err_set(err, ERR_NOMEM, "no memory for a URL") : 0;
}

static bool may_pass(CURLcode code, const struct s3_answer *a)
{
    switch (code) {
    case CURLE_OK: return a->status == 429 || (a->status >= 500 && a->status != 501);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_WRITE_ERROR: /* beyond the bounds */
    case CURLE_OUT_OF_MEMORY: return false;
    default: return true;
    }
}

static void pause_before(int number)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = UINT32_MAX / 2;
    int64_t most_ms = (int64_t)PAUSE_MS << number;
    int64_t ms = (int64_t)random * most_ms / UINT32_MAX;
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
}

/* What an answer without success says of the reason. */
static void read_error(struct s3_answer *a)
{
    struct s3_reply *reply = a->body.len > 0 ? malloc(sizeof *reply) : NULL;
    if (reply != NULL && s3_reply_read(buf_str(&a->body), a->body.len, reply, NULL) == 0)
        a->error = reply->error;
    free(reply);
}

int s3_call(struct store_s3 *s, const struct s3_call *call, struct s3_answer *ret, struct err *err)
{
    struct arena *arena = arena_new(URL_ARENA_BYTES);
    int tries = call->tries > 0 ? call->tries : S3_TRIES;
    CURLcode code = CURLE_OK;
    bool too_big = false;
    int rc = arena == NULL ? err_set(err, ERR_NOMEM, "no memory for a request") : 0;
    *ret = (struct s3_answer){0};
    for (int i = 0; rc == 0 && i < tries; i++) {
        const char *url = NULL;
        if (i > 0)
            pause_before(i - 1);
        arena_reset(arena);
        rc = make_url(s, call, arena, &url, err);
        if (rc != 0)
            break;
        code = try_once(s, call, url, ret, &too_big);
        if (!may_pass(code, ret))
            break;
    }
    arena_free(arena);
    if (rc == 0 && too_big)
        rc = err_set(err, ERR_UNAVAILABLE, "the object store's reply is larger than %zu bytes", call->reply_max);
    else if (rc == 0 && code != CURLE_OK)
        rc = err_set(err, ERR_UNAVAILABLE, "the object store at %s does not answer: %s", s->authority,
                     curl_easy_strerror(code));
    if (rc == 0 && ret->status >= 300)
        read_error(ret);
    return rc;
}

void s3_answer_done(struct s3_answer *a)
{
    buf_done(&a->body);
}

static int refuse(const struct s3_answer *a, int code, const char *what, struct err *err)
{
    const struct s3_error *e = &a->error;
    if (a->status == 301 || a->status == 307)
        return err_set(err, code, "cannot %s: the bucket is elsewhere%s%s", what, a->region[0] != '\0' ? ": in " : "",
                       a->region);
    return err_set(err, code, "cannot %s: the object store answers %d%s%s%s%s", what, a->status,
                   e->code[0] != '\0' ? " " : "", e->code, e->message[0] != '\0' ? ": " : "", e->message);
}

int s3_refused(const struct s3_answer *a, const char *what, struct err *err)
{
    switch (a->status) {
    case 404: return refuse(a, ERR_NOT_FOUND, what, err);
    case 409:
    case 412: return refuse(a, ERR_CONFLICT, what, err);
    default: return refuse(a, ERR_UNAVAILABLE, what, err);
    }
}

int s3_unavailable(const struct s3_answer *a, const char *what, struct err *err)
{
    return refuse(a, ERR_UNAVAILABLE, what, err);
}

int s3_call_xml(struct store_s3 *s, const struct s3_call *call, struct s3_answer *ret, struct s3_reply **ret_reply,
                struct err *err)
{
    struct s3_reply *reply = malloc(sizeof *reply);
    int rc = s3_call(s, call, ret, err);
    if (rc == 0 && reply == NULL)
        rc = err_set(err, ERR_NOMEM, "no memory for the store's reply");
    if (rc == 0)
        rc = s3_reply_read(buf_str(&ret->body), ret->body.len, reply, err);
    if (rc == ERR_INVALID && ret->status >= 300) { /* an error without a reason */
        memset(reply, 0, sizeof *reply);
        rc = 0;
    } else if (rc == ERR_INVALID) {
        rc = err_set(err, ERR_UNAVAILABLE, "the object store at %s does not speak as S3 does", s->authority);
    }
    if (rc == 0) {
        *ret_reply = reply;
        return 0;
    }
    free(reply);
    return rc;
}
