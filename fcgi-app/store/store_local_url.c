/* The local store's URLs: agent_url/objects/<path>?…, signed with the store's own key.
 *
 * The access key id in the credential is "<store key id>.<agent id>": it names on whose behalf the URL was made, is
 * covered by the signature, and lets a URL die with the agent's rights. The host that is signed is the configured one,
 * whatever Host header a client or a proxy sends. */
#include <string.h>

#include "common/cursor.h"
#include "common/encode.h"
#include "common/uuid.h"
#include "store/sigv4.h"
#include "store/store_local.h"
#include "store/store_local_private.h"

#define PREFIX "/objects/"

enum { MD5_BYTES = 16, HEADERS_MAX = 3, PART_QUERY_MAX = 3 };

static const int64_t body_max = INT64_C(5) << 30; /* of a single PUT, as S3's */

static int nomem(struct err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a URL");
}

/* "host:port" of the agents' URL. */
static const char *authority(const struct store_local *s)
{
    const char *at = strstr(s->url, "://");
    return at == NULL ? s->url : at + 3;
}

static int agent_key(const struct store_local *s, const char *agent_id, struct arena *arena, struct sigv4_key *ret,
                     struct err *err)
{
    const char *id = arena_printf(arena, "%s.%s", secrets_store_key_id(s->secrets), agent_id);
    if (id == NULL)
        return nomem(err);
    *ret = (struct sigv4_key){
        .id = id, .secret = secrets_store_secret(s->secrets), .region = STORE_LOCAL_REGION, .service = "s3"};
    return 0;
}

/* The headers that are signed, in ascending order. */
static size_t signed_headers(const struct store_local *s, const char *content_length, const char *content_md5,
                             struct sigv4_pair ret[HEADERS_MAX])
{
    size_t count = 0;
    if (content_length != NULL)
        ret[count++] = (struct sigv4_pair){"content-length", content_length};
    if (content_md5 != NULL)
        ret[count++] = (struct sigv4_pair){"content-md5", content_md5};
    ret[count++] = (struct sigv4_pair){"host", authority(s)};
    return count;
}

static const char *md5_to_base64(struct arena *arena, const char *hex)
{
    unsigned char bytes[MD5_BYTES];
    char text[BASE64_SIZE(MD5_BYTES)];
    if (!hex_decode(hex, bytes, sizeof bytes))
        return NULL;
    base64_encode(bytes, sizeof bytes, text);
    return arena_strdup(arena, text);
}

int store_local_presign(struct store *base, const struct store_url *want, struct arena *arena, const char **ret_url,
                        int64_t *ret_expires_ms, struct err *err)
{
    const struct store_local *s = store_local_self(base);
    bool put = strcmp(want->method, "PUT") == 0;
    const char *path = arena_printf(arena, PREFIX "%s", want->path);
    const char *length = put ? arena_printf(arena, "%lld", (long long)want->size) : NULL;
    bool is_part = put && want->digest != NULL;
    bool in_query = is_part && part_digest_of(want->digest) == PART_XXH64;
    const char *md5 = is_part && !in_query ? md5_to_base64(arena, want->digest) : NULL;
    const struct sigv4_pair part[PART_QUERY_MAX] = {
        {"partNumber", arena_printf(arena, "%lld", (long long)want->number)},
        {"uploadId", want->upload_id},
        {"xxh64", want->digest},
    };
    if (path == NULL || (put && length == NULL) || (is_part && !in_query && md5 == NULL) || part[0].value == NULL)
        return nomem(err);
    struct sigv4_pair headers[HEADERS_MAX];
    const struct sigv4_request request = {
        .method = want->method,
        .path = path,
        .query = part,
        .query_count = in_query  ? 3
                       : is_part ? 2
                                 : 0,
        .headers = headers,
        .header_count = signed_headers(s, length, md5, headers),
        .time_ms = want->now_ms,
        .expires_s = want->expires_s,
    };
    struct sigv4_key key;
    const char *signed_path;
    int rc = agent_key(s, want->agent_id, arena, &key, err);
    if (rc == 0)
        rc = sigv4_presign(&key, &request, arena, &signed_path, err);
    if (rc != 0)
        return rc;
    const char *url = arena_printf(arena, "%s%s", s->url, signed_path);
    if (url == NULL)
        return nomem(err);
    *ret_url = url;
    *ret_expires_ms = want->now_ms + want->expires_s * INT64_C(1000);
    return 0;
}

/* --- verifying ------------------------------------------------------------------------------------------------------
 */

static int not_ours(struct err *err)
{
    return err_set(err, ERR_INVALID, "this is not a URL that this store has made");
}

/* Splits the raw URI; only our one spelling of a path is taken, so nothing has to be decoded. */
static int split_uri(const char *uri, struct arena *arena, const char **ret_path, const char **ret_query,
                     struct err *err)
{
    const char *mark = strchr(uri, '?');
    size_t prefix = strlen(PREFIX);
    if (mark == NULL || strncmp(uri, PREFIX, prefix) != 0)
        return not_ours(err);
    const char *path = arena_strndup(arena, uri + prefix, (size_t)(mark - uri) - prefix);
    if (path == NULL)
        return nomem(err);
    if (!store_path_valid(path))
        return not_ours(err);
    *ret_path = path;
    *ret_query = mark + 1;
    return 0;
}

/* The agent that the credential names, or NULL. */
static const char *credential_agent(const struct store_local *s, const char *key_id)
{
    const char *ours = secrets_store_key_id(s->secrets);
    size_t len = strlen(ours);
    bool fits = strncmp(key_id, ours, len) == 0 && key_id[len] == '.' && uuid_valid(key_id + len + 1);
    return fits ? key_id + len + 1 : NULL;
}

/* Reads which part the query names, and its XXH64, unless a header has its MD5. False when it names half a part or
 * anything else. */
static bool read_part(const struct sigv4_presigned *p, struct store_grant *grant)
{
    uint64_t number;
    const char *text = sigv4_query(p, "partNumber");
    grant->upload_id = sigv4_query(p, "uploadId");
    grant->digest = sigv4_query(p, "xxh64");
    if (p->query_count == 0)
        return true;
    if (p->query_count != (grant->digest != NULL ? 3 : 2) || text == NULL || grant->upload_id == NULL ||
        !store_local_upload_id_valid(grant->upload_id) || !cursor_parse_uint(text, STORE_PARTS_MAX, &number) ||
        number == 0)
        return false;
    grant->number = (int64_t)number;
    return true;
}

/* Reads the length and the digest that a PUT states. */
static int read_put(const struct store_request *request, struct arena *arena, struct store_grant *grant,
                    struct err *err)
{
    uint64_t size;
    unsigned char md5[MD5_BYTES];
    size_t md5_len = 0;
    bool part = grant->upload_id != NULL;
    if (grant->digest != NULL && part_digest_of(grant->digest) != PART_XXH64)
        return not_ours(err);
    if (request->content_length == NULL || !cursor_parse_uint(request->content_length, INT64_MAX, &size))
        return err_set(err, ERR_INVALID, "the request has no proper Content-Length");
    if (size > (uint64_t)(part ? STORE_PART_SIZE : body_max)) {
        return err_set(err, ERR_TOO_BIG, "the body is larger than %lld bytes",
                       (long long)(part ? STORE_PART_SIZE : body_max));
    }
    grant->size = (int64_t)size;
    if (!part)
        return request->content_md5 == NULL ? 0 : not_ours(err);
    if (grant->digest != NULL)
        return 0;
    if (request->content_md5 == NULL || !base64_decode(request->content_md5, md5, sizeof md5, &md5_len) ||
        md5_len != sizeof md5)
        return err_set(err, ERR_INVALID, "the request has no proper Content-MD5");
    char *hex = arena_alloc(arena, PART_DIGEST_SIZE);
    if (hex == NULL)
        return nomem(err);
    hex_encode(md5, sizeof md5, hex);
    grant->digest = hex;
    return 0;
}

int store_local_verify(const struct store_local *s, const struct store_request *request, struct arena *arena,
                       struct store_grant *ret, struct err *err)
{
    struct store_grant grant = {0};
    struct sigv4_presigned p;
    struct sigv4_key key;
    const char *query = NULL;
    bool put = strcmp(request->method, "PUT") == 0;
    int rc = split_uri(request->uri, arena, &grant.path, &query, err);
    if (rc == 0)
        rc = sigv4_parse(query, arena, &p, err);
    if (rc != 0)
        return rc;
    grant.agent_id = credential_agent(s, p.key_id);
    if (grant.agent_id == NULL || !read_part(&p, &grant) || (!put && grant.upload_id != NULL))
        return not_ours(err);
    rc = put ? read_put(request, arena, &grant, err) : 0;
    if (rc == 0)
        rc = agent_key(s, grant.agent_id, arena, &key, err);
    if (rc != 0)
        return rc;
    struct sigv4_pair headers[HEADERS_MAX];
    const char *path = arena_printf(arena, PREFIX "%s", grant.path);
    const char *md5 = sigv4_query(&p, "xxh64") == NULL ? request->content_md5 : NULL;
    const struct sigv4_expected expected = {
        .method = put ? "PUT" : "GET",
        .path = path,
        .headers = headers,
        .header_count = signed_headers(s, put ? request->content_length : NULL, put ? md5 : NULL, headers),
        .now_ms = request->now_ms,
    };
    rc = path == NULL ? nomem(err) : sigv4_verify(&key, &p, &expected, arena, err);
    if (rc == 0)
        *ret = grant;
    return rc;
}
