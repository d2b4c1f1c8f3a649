#include "identity.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cursor.h"
#include "common/file.h"
#include "common/jsonread.h"
#include "common/jsonwrite.h"
#include "common/token.h"
#include "common/wipe.h"

enum { FILE_MAX = 16 * 1024, CA_MAX = 1024 * 1024 };

#define CA_REV_LINE "# caBundleRev "

static int parse(const char *text, size_t len, struct identity *ret, struct err *err)
{
    json_t *value = jsonread_parse((struct span){.ptr = text, .len = len}, err);
    if (value == NULL)
        return ERR_CORRUPT;
    struct jsonread_error wrong = {0};
    struct jsonread r;
    jsonread_init(&r, value, &wrong);
    const char *id = jsonread_str(&r, "id", 1, sizeof ret->id - 1);
    const char *key = jsonread_str(&r, "apiKey", 1, sizeof ret->api_key - 1);
    const char *url = jsonread_str_or(&r, "serverUrl", 0, sizeof ret->server_url - 1, "");
    int64_t enrolled_ms = jsonread_int_or(&r, "enrolled_ms", 0, INT64_MAX, 0);
    int rc = 0;
    if (wrong.failed)
        rc = err_set(err, ERR_CORRUPT, "%s %s", wrong.pointer, wrong.reason);
    else if (!token_well_formed(TOKEN_API_KEY, key))
        rc = err_set(err, ERR_CORRUPT, "/apiKey fails its check sum");
    if (rc == 0) {
        *ret = (struct identity){.enrolled_ms = enrolled_ms};
        (void)snprintf(ret->id, sizeof ret->id, "%s", id);
        (void)snprintf(ret->api_key, sizeof ret->api_key, "%s", key);
        (void)snprintf(ret->server_url, sizeof ret->server_url, "%s", url);
    }
    json_decref(value);
    return rc;
}

int identity_load(const char *path, struct identity *ret, struct err *err)
{
    char *text = NULL;
    size_t len;
    int rc = file_check_private(path, err);
    if (rc == 0)
        rc = file_read(path, FILE_MAX, &text, &len, err);
    if (rc != 0)
        return rc;
    rc = parse(text, len, ret, err);
    wipe(text, len);
    free(text);
    if (rc != 0)
        return err_set(err, ERR_CORRUPT, "%.150s is damaged (%.100s): enrol again with --force", path,
                       err != NULL ? err->msg : "");
    return 0;
}

int identity_save(const char *path, const struct identity *identity, struct err *err)
{
    json_t *value = json_pack("{s:s, s:s, s:s, s:I}", "id", identity->id, "apiKey", identity->api_key, "serverUrl",
                              identity->server_url, "enrolled_ms", (json_int_t)identity->enrolled_ms);
    return jsonwrite_file(path, value, JSON_INDENT(2), err);
}

void identity_done(struct identity *identity)
{
    wipe(identity, sizeof *identity);
}

int identity_save_ca(const char *path, const char *pem, int64_t rev, struct err *err)
{
    struct buf text;
    buf_init(&text, CA_MAX);
    buf_addf(&text, CA_REV_LINE "%lld\n%s", (long long)rev, pem);
    int rc = buf_ok(&text) ? file_write(path, text.data, text.len, 0644, err)
                           : err_set(err, ERR_TOO_BIG, "the CA bundle is too large");
    buf_done(&text);
    return rc;
}

int64_t identity_ca_rev(const char *path)
{
    char *text = NULL;
    size_t len;
    struct err err;
    if (file_read(path, CA_MAX, &text, &len, &err) != 0)
        return 0;
    struct cursor c;
    uint64_t rev = 0;
    cursor_init(&c, (struct span){.ptr = text, .len = len});
    if (!cursor_literal(&c, CA_REV_LINE) || !cursor_uint(&c, INT64_MAX, &rev))
        rev = 0;
    free(text);
    return (int64_t)rev;
}
