#include "settings_s3.h"

#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"
#include "common/file.h"
#include "common/wipe.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

enum { KEY_ID_MAX = 128, SECRET_MAX = 200, REGION_MAX = 32, BUCKET_MIN = 3, BUCKET_MAX = 63, HOST_MAX = 253 };

/* Of a variable of the environment, empty means not there: that is how one in app.conf is taken back. */
static const char *given(const struct config *c, const char *key)
{
    const char *text = config_text(c, key);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static bool consists_of(const char *s, const char *alphabet, size_t min, size_t max)
{
    size_t len = strlen(s);
    return len >= min && len <= max && strspn(s, alphabet) == len;
}

static int take_secret(const struct config *c, const char *path, struct settings_s3 *s, struct err *err)
{
    const char *file = given(c, "AWS_SECRET_ACCESS_KEY_FILE");
    struct err why;
    s->secret = given(c, "AWS_SECRET_ACCESS_KEY");
    if (file == NULL)
        return 0;
    if (s->secret != NULL)
        return config_reject(c, path, "AWS_SECRET_ACCESS_KEY_FILE", err, "the key itself is given, too");
    if (file_read(file, 1024, &s->secret_from_file, NULL, &why) != 0)
        return config_reject(c, path, "AWS_SECRET_ACCESS_KEY_FILE", err, why.msg);
    s->secret_from_file[strcspn(s->secret_from_file, "\r\n")] = '\0';
    s->secret = s->secret_from_file;
    return s->secret[0] != '\0' ? 0 : config_reject(c, path, "AWS_SECRET_ACCESS_KEY_FILE", err, "the file is empty");
}

/* ERR_INVALID names what is missing of a store that is only partly there. */
static int check_whole(const struct config *c, const char *path, const struct settings_s3 *s, struct err *err)
{
    const struct {
        const char *key;
        const char *value;
    } parts[] = {{"AWS_ACCESS_KEY_ID", s->key_id}, {"AWS_SECRET_ACCESS_KEY", s->secret},
                 {"AWS_REGION", s->region},        {"AWS_S3_BUCKET", s->bucket},
                 {"AWS_S3_ENDPOINT", s->endpoint}, {"MUSTER_S3_CA_FILE", s->ca_file}};
    enum { NEEDED = 4, ALL = sizeof parts / sizeof parts[0] };
    const char *missing = NULL;
    bool any = false;
    for (size_t i = 0; i < ALL; i++) {
        any = any || parts[i].value != NULL;
        if (i < NEEDED && parts[i].value == NULL && missing == NULL)
            missing = parts[i].key;
    }
    if (!any || missing == NULL)
        return 0;
    return config_reject(c, path, missing, err,
                         "is missing: an S3 store takes AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (or its _FILE), "
                         "AWS_REGION and AWS_S3_BUCKET; without all of them backups go to the local store");
}

static bool is_port(const char *text)
{
    uint64_t port;
    return cursor_parse_uint(text, 65535, &port) && port > 0;
}

/* https://host[:port], also http:// on this very machine. The port that goes without saying must not be said: clients
 * leave it out of the Host header, which is signed. */
static bool is_endpoint(const char *url)
{
    bool plain = strncmp(url, "http://", 7) == 0;
    if (!plain && strncmp(url, "https://", 8) != 0)
        return false;
    const char *host = url + (plain ? 7 : 8);
    size_t len = strspn(host, "abcdefghijklmnopqrstuvwxyz" DIGITS ".-");
    if (host[0] == '[') {
        len = 1 + strspn(host + 1, DIGITS "abcdef:.");
        if (host[len++] != ']')
            return false;
    }
    const char *rest = host + len;
    if (len == 0 || len > HOST_MAX || (*rest != '\0' && (*rest != ':' || !is_port(rest + 1))))
        return false;
    bool here = (len == 9 && (strncmp(host, "127.0.0.1", len) == 0 || strncmp(host, "localhost", len) == 0)) ||
                (len == 5 && strncmp(host, "[::1]", len) == 0);
    return strcmp(rest, plain ? ":80" : ":443") != 0 && (!plain || here);
}

static int check_forms(const struct config *c, const char *path, const struct settings_s3 *s, struct err *err)
{
    if (!consists_of(s->key_id, LETTERS DIGITS "._:@+=-", 1, KEY_ID_MAX))
        return config_reject(c, path, "AWS_ACCESS_KEY_ID", err, "is not the id of an access key");
    for (const char *at = s->secret; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || at - s->secret >= SECRET_MAX)
            return config_reject(c, path,
                                 s->secret_from_file != NULL ? "AWS_SECRET_ACCESS_KEY_FILE" : "AWS_SECRET_ACCESS_KEY",
                                 err, "is not a secret access key: 1 to 200 characters without blanks");
    if (!consists_of(s->region, LETTERS DIGITS "-_", 1, REGION_MAX))
        return config_reject(c, path, "AWS_REGION", err, "is not the name of a region");
    if (!consists_of(s->bucket, LETTERS DIGITS "._-", BUCKET_MIN, BUCKET_MAX) || s->bucket[0] == '.' ||
        s->bucket[0] == '-')
        return config_reject(c, path, "AWS_S3_BUCKET", err, "is not the name of a bucket");
    if (s->endpoint == NULL && strspn(s->bucket, "abcdefghijklmnopqrstuvwxyz" DIGITS "-") != strlen(s->bucket))
        return config_reject(c, path, "AWS_S3_BUCKET", err,
                             "is to be part of a host's name, and cannot; give AWS_S3_ENDPOINT, too");
    if (s->endpoint != NULL && !is_endpoint(s->endpoint))
        return config_reject(c, path, "AWS_S3_ENDPOINT", err,
                             "must be https://host[:port] in lower case without a path, and without :443");
    return 0;
}

int settings_s3_take(const struct config *c, const char *path, struct settings_s3 *ret, struct err *err)
{
    struct settings_s3 s = {
        .bucket = given(c, "AWS_S3_BUCKET"),
        .key_id = given(c, "AWS_ACCESS_KEY_ID"),
        .region = given(c, "AWS_REGION"),
        .endpoint = given(c, "AWS_S3_ENDPOINT"),
        .ca_file = given(c, "MUSTER_S3_CA_FILE"),
    };
    int rc = take_secret(c, path, &s, err);
    if (rc == 0)
        rc = check_whole(c, path, &s, err);
    if (rc == 0 && s.bucket != NULL)
        rc = check_forms(c, path, &s, err);
    *ret = s;
    return rc;
}

void settings_s3_done(struct settings_s3 *s)
{
    wipe_str(s->secret_from_file);
    free(s->secret_from_file);
    *s = (struct settings_s3){0};
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool settings_s3_same(const struct settings_s3 *a, const struct settings_s3 *b)
{
    return same(a->bucket, b->bucket) && same(a->key_id, b->key_id) && same(a->secret, b->secret) &&
           same(a->region, b->region) && same(a->endpoint, b->endpoint) && same(a->ca_file, b->ca_file);
}
