#include "store/sigv4.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "auth/digest.h"
#include "common/clock.h"
#include "common/cursor.h"
#include "common/encode.h"
#include "common/wipe.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SCOPE_END "aws4_request"

enum { TIMESTAMP_SIZE = 17, DATE_LENGTH = 8 };

static int nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a signature");
}

static bool unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

/* Percent-encoding as SigV4 wants it; in a path the slashes stay. */
static char *uri_encode(struct arena *arena, const char *s, bool path)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_array(arena, strlen(s) + 1, 3);
    if (out == NULL)
        return NULL;
    char *at = out;
    for (; *s != '\0'; s++) {
        if (unreserved(*s) || (path && *s == '/')) {
            *at++ = *s;
        } else {
            unsigned char byte = (unsigned char)*s;
            *at++ = '%';
            *at++ = digits[byte >> 4];
            *at++ = digits[byte & 15];
        }
    }
    *at = '\0';
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The decoded bytes, or NULL unless s is the one canonical encoding of them. */
static char *uri_decode(struct arena *arena, struct span s)
{
    char *out = arena_alloc(arena, s.len + 1);
    if (out == NULL)
        return NULL;
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '%') {
            if (!unreserved(s.ptr[i]))
                return NULL;
            out[len++] = s.ptr[i];
            continue;
        }
        int high = s.len - i > 2 ? hex_value(s.ptr[i + 1]) : -1;
        int low = s.len - i > 2 ? hex_value(s.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return NULL;
        char c = (char)(high * 16 + low);
        if (c == '\0' || unreserved(c))
            return NULL;
        out[len++] = c;
        i += 2;
    }
    out[len] = '\0';
    return out;
}

static void format_timestamp(int64_t time_ms, char ret[TIMESTAMP_SIZE])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || strftime(ret, TIMESTAMP_SIZE, "%Y%m%dT%H%M%SZ", &tm) == 0)
        ret[0] = '\0';
}

/* "20130524T000000Z", exactly. */
static bool parse_timestamp(const char *s, int64_t *ret_ms)
{
    char rfc3339[CLOCK_RFC3339_SIZE];
    if (strlen(s) != TIMESTAMP_SIZE - 1 || s[8] != 'T' || s[15] != 'Z')
        return false;
    const char shape[] = "0000-00-00T00:00:00Z";
    const char *from = s;
    for (size_t i = 0; i < sizeof shape; i++) {
        bool separator = shape[i] == '-' || shape[i] == ':';
        rfc3339[i] = separator || shape[i] == '\0' ? shape[i] : *from++;
    }
    return clock_parse_rfc3339(rfc3339, ret_ms);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct sigv4_pair *left = a;
    const struct sigv4_pair *right = b;
    return strcmp(left->name, right->name);
}

/* name=value&…, encoded and in the order of the encoded names. NULL: out of memory or too many. */
static char *canonical_query(struct arena *arena, const struct sigv4_pair *pairs, size_t count)
{
    struct sigv4_pair encoded[SIGV4_PAIRS_MAX];
    size_t size = 1;
    if (count > SIGV4_PAIRS_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        encoded[i].name = uri_encode(arena, pairs[i].name, false);
        encoded[i].value = uri_encode(arena, pairs[i].value, false);
        if (encoded[i].name == NULL || encoded[i].value == NULL)
            return NULL;
        size += strlen(encoded[i].name) + strlen(encoded[i].value) + 2;
    }
    qsort(encoded, count, sizeof(encoded[0]), compare_pairs);
    char *out = arena_alloc(arena, size);
    char *at = out;
    for (size_t i = 0; out != NULL && i < count; i++) {
        if (i > 0)
            *at++ = '&';
        at = stpcpy(at, encoded[i].name);
        *at++ = '=';
        at = stpcpy(at, encoded[i].value);
    }
    return out;
}

/* "content-length;host" of the headers' names. */
static char *header_names(struct arena *arena, const struct sigv4_pair *headers, size_t count)
{
    char *out = arena_strdup(arena, "");
    for (size_t i = 0; out != NULL && i < count; i++)
        out = arena_printf(arena, "%s%s%s", out, i > 0 ? ";" : "", headers[i].name);
    return out;
}

static char *canonical_headers(struct arena *arena, const struct sigv4_pair *headers, size_t count)
{
    char *out = arena_strdup(arena, "");
    for (size_t i = 0; out != NULL && i < count; i++)
        out = arena_printf(arena, "%s%s:%s\n", out, headers[i].name, headers[i].value);
    return out;
}

/* The key of one day, region and service, then the signature of text in hex. */
static bool sign(const struct sigv4_key *key, const char *date, const char *text, char ret[SIGV4_SIGNATURE_SIZE])
{
    unsigned char mac[2][DIGEST_SIZE];
    char first[4 + 256];
    int len = snprintf(first, sizeof first, "AWS4%s", key->secret);
    bool ok = len > 0 && (size_t)len < sizeof first && digest_hmac(first, (size_t)len, date, strlen(date), mac[0]) &&
              digest_hmac(mac[0], DIGEST_SIZE, key->region, strlen(key->region), mac[1]) &&
              digest_hmac(mac[1], DIGEST_SIZE, key->service, strlen(key->service), mac[0]) &&
              digest_hmac(mac[0], DIGEST_SIZE, SCOPE_END, strlen(SCOPE_END), mac[1]) &&
              digest_hmac(mac[1], DIGEST_SIZE, text, strlen(text), mac[0]);
    if (ok)
        hex_encode(mac[0], DIGEST_SIZE, ret);
    wipe(first, sizeof first);
    wipe(mac, sizeof mac);
    return ok;
}

/* What both directions share: the canonical query without the signature, and the signature. */
static int compute(const struct sigv4_key *key, const struct sigv4_request *request, struct arena *arena,
                   const char **ret_query, char ret_signature[SIGV4_SIGNATURE_SIZE], struct err *err)
{
    char timestamp[TIMESTAMP_SIZE];
    format_timestamp(request->time_ms, timestamp);
    const char *date = arena_strndup(arena, timestamp, DATE_LENGTH);
    const char *names = header_names(arena, request->headers, request->header_count);
    const char *headers = canonical_headers(arena, request->headers, request->header_count);
    const char *path = uri_encode(arena, request->path, true);
    if (date == NULL || names == NULL || headers == NULL || path == NULL)
        return nomem(err);
    const char *scope = arena_printf(arena, "%s/%s/%s/" SCOPE_END, date, key->region, key->service);
    const char *expires = arena_printf(arena, "%d", request->expires_s);
    struct sigv4_pair query[SIGV4_PAIRS_MAX] = {
        {"X-Amz-Algorithm", ALGORITHM},
        {"X-Amz-Credential", scope == NULL ? NULL : arena_printf(arena, "%s/%s", key->id, scope)},
        {"X-Amz-Date", timestamp},
        {"X-Amz-Expires", expires},
        {"X-Amz-SignedHeaders", names},
    };
    size_t count = 5;
    if (scope == NULL || expires == NULL || query[1].value == NULL)
        return nomem(err);
    for (size_t i = 0; i < request->query_count && count < SIGV4_PAIRS_MAX; i++)
        query[count++] = request->query[i];
    if (count != request->query_count + 5)
        return err_set(err, ERR_TOO_BIG, "too many query parameters to sign");
    const char *canonical = canonical_query(arena, query, count);
    const char *whole = canonical == NULL ? NULL
                                          : arena_printf(arena, "%s\n%s\n%s\n%s\n%s\nUNSIGNED-PAYLOAD", request->method,
                                                         path, canonical, headers, names);
    if (whole == NULL)
        return nomem(err);
    char hash[DIGEST_HEX_SIZE];
    digest_sha256_hex(whole, strlen(whole), hash);
    const char *text = arena_printf(arena, ALGORITHM "\n%s\n%s\n%s", timestamp, scope, hash);
    if (text == NULL || !sign(key, date, text, ret_signature))
        return nomem(err);
    *ret_query = canonical;
    return 0;
}

int sigv4_presign(const struct sigv4_key *key, const struct sigv4_request *request, struct arena *arena,
                  const char **ret, struct err *err)
{
    const char *query;
    char signature[SIGV4_SIGNATURE_SIZE];
    int rc = compute(key, request, arena, &query, signature, err);
    if (rc != 0)
        return rc;
    const char *path = uri_encode(arena, request->path, true);
    const char *url = path == NULL ? NULL : arena_printf(arena, "%s?%s&X-Amz-Signature=%s", path, query, signature);
    if (url == NULL)
        return nomem(err);
    *ret = url;
    return 0;
}

/* --- taking a query apart ------------------------------------------------------------------------------------------
 */

enum amz { AMZ_ALGORITHM, AMZ_CREDENTIAL, AMZ_DATE, AMZ_EXPIRES, AMZ_SIGNED_HEADERS, AMZ_SIGNATURE, AMZ_COUNT };
static const char *const amz_names[AMZ_COUNT] = {"X-Amz-Algorithm", "X-Amz-Credential",    "X-Amz-Date",
                                                 "X-Amz-Expires",   "X-Amz-SignedHeaders", "X-Amz-Signature"};

/* Sorts one parameter into its place; false when it may not be there or is there already. */
static bool place(struct sigv4_presigned *p, const char *amz[AMZ_COUNT], const char *name, const char *value)
{
    for (int i = 0; i < AMZ_COUNT; i++) {
        if (strcmp(name, amz_names[i]) == 0) {
            bool first = amz[i] == NULL;
            amz[i] = value;
            return first;
        }
    }
    if (strncasecmp(name, "x-amz-", 6) == 0 || name[0] == '\0' || sigv4_query(p, name) != NULL ||
        p->query_count == SIGV4_PAIRS_MAX)
        return false;
    p->query[p->query_count++] = (struct sigv4_pair){name, value};
    return true;
}

static bool split(const char *query, struct arena *arena, struct sigv4_presigned *p, const char *amz[AMZ_COUNT])
{
    struct cursor pairs;
    struct span pair;
    cursor_init(&pairs, span_of(query));
    while (cursor_field(&pairs, '&', &pair)) {
        struct cursor c;
        struct span raw;
        cursor_init(&c, pair);
        if (!cursor_until(&c, '=', &raw))
            return false;
        const char *name = uri_decode(arena, raw);
        const char *value = uri_decode(arena, (struct span){c.at, (size_t)(c.end - c.at)});
        if (name == NULL || value == NULL || !place(p, amz, name, value))
            return false;
    }
    for (int i = 0; i < AMZ_COUNT; i++)
        if (amz[i] == NULL)
            return false;
    return true;
}

/* "keyid/20130524/region/service/aws4_request" */
static bool parse_credential(const char *text, struct arena *arena, struct sigv4_presigned *p)
{
    const char **fields[] = {&p->key_id, &p->date, &p->region, &p->service};
    struct cursor c;
    struct span field;
    cursor_init(&c, span_of(text));
    for (size_t i = 0; i < sizeof fields / sizeof(fields[0]); i++)
        if (!cursor_until(&c, '/', &field) || field.len == 0 ||
            (*fields[i] = arena_strndup(arena, field.ptr, field.len)) == NULL)
            return false;
    return cursor_literal(&c, SCOPE_END) && cursor_done(&c);
}

int sigv4_parse(const char *query, struct arena *arena, struct sigv4_presigned *ret, struct err *err)
{
    struct sigv4_presigned p = {0};
    const char *amz[AMZ_COUNT] = {0};
    uint64_t expires;
    size_t len = strlen(query);
    if (len == 0 || len > SIGV4_QUERY_MAX || query[len - 1] == '&' || !split(query, arena, &p, amz))
        return err_set(err, ERR_INVALID, "the query is not that of a pre-signed URL");
    if (strcmp(amz[AMZ_ALGORITHM], ALGORITHM) != 0 || !parse_credential(amz[AMZ_CREDENTIAL], arena, &p) ||
        !parse_timestamp(amz[AMZ_DATE], &p.time_ms) || strncmp(p.date, amz[AMZ_DATE], DATE_LENGTH) != 0 ||
        strlen(p.date) != DATE_LENGTH || !cursor_parse_uint(amz[AMZ_EXPIRES], SIGV4_EXPIRES_MAX_S, &expires) ||
        expires == 0 || strlen(amz[AMZ_SIGNATURE]) != SIGV4_SIGNATURE_SIZE - 1)
        return err_set(err, ERR_INVALID, "the X-Amz- parameters of the URL are malformed");
    p.expires_s = (int)expires;
    p.signed_headers = amz[AMZ_SIGNED_HEADERS];
    p.signature = amz[AMZ_SIGNATURE];
    *ret = p;
    return 0;
}

const char *sigv4_query(const struct sigv4_presigned *p, const char *name)
{
    for (size_t i = 0; i < p->query_count; i++)
        if (strcmp(p->query[i].name, name) == 0)
            return p->query[i].value;
    return NULL;
}

int sigv4_verify(const struct sigv4_key *key, const struct sigv4_presigned *p, const struct sigv4_expected *expected,
                 struct arena *arena, struct err *err)
{
    const struct sigv4_request request = {
        .method = expected->method,
        .path = expected->path,
        .query = p->query,
        .query_count = p->query_count,
        .headers = expected->headers,
        .header_count = expected->header_count,
        .time_ms = p->time_ms,
        .expires_s = p->expires_s,
    };
    const char *query;
    char signature[SIGV4_SIGNATURE_SIZE];
    int rc = compute(key, &request, arena, &query, signature, err);
    if (rc != 0)
        return rc;
    const char *names = header_names(arena, expected->headers, expected->header_count);
    if (names == NULL)
        return nomem(err);
    bool same = wipe_equal_str(signature, p->signature);
    if (!same || strcmp(p->key_id, key->id) != 0 || strcmp(p->region, key->region) != 0 ||
        strcmp(p->service, key->service) != 0 || strcmp(p->signed_headers, names) != 0)
        return err_set(err, ERR_DENIED, "the URL's signature does not fit this request");
    if (p->time_ms > expected->now_ms + SIGV4_CLOCK_SKEW_S * INT64_C(1000))
        return err_set(err, ERR_DENIED, "the URL is not valid yet; compare the clocks");
    if (expected->now_ms >= p->time_ms + p->expires_s * INT64_C(1000))
        return err_set(err, ERR_DENIED, "the URL has expired; ask for a new one");
    return 0;
}
