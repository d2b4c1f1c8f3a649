/* What an agent says of the end of a run: the body of POST /api/agent/backup/complete. */
#include "backup/finish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"
#include "common/uuid.h"
#include "store/store.h"

enum { ERRORS_SENT_MAX = 20000, MESSAGE_BYTES = 1000, PATH_BYTES = 4096, SHA256_HEX = 64, PARTS_SENT_MAX = 10000 };

/* Of the errors of one run: every list of runs carries them. */
enum { ERRORS_KEPT = 200, ERRORS_KEPT_BYTES = 64 * 1024 };

const char *const finish_outcome_names[] = {"completed", "warning", "failed", "cancelled", NULL};

/* As much of text as fits, cut between characters. */
static json_t *cut(const char *text, size_t max)
{
    size_t len = strlen(text);
    if (len > max)
        for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
            continue;
    return json_stringn(text, len);
}

/* What became of a file. "skipped" was left out on purpose: no loss. */
static const char *kind_of(const json_t *item)
{
    static const char *const kinds[] = {"unreadable", "vanished", "changed", "skipped", "other"};
    const char *kind = json_string_value(json_object_get(item, "kind"));
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return kinds[i];
    return NULL;
}

/* Errors come as {"path", "message", "kind"} or as bare strings. */
static json_t *read_error(const json_t *item)
{
    const char *kind = kind_of(item);
    const char *path = json_string_value(json_object_get(item, "path"));
    const char *message = json_string_value(json_is_string(item) ? item : json_object_get(item, "message"));
    json_t *out = json_object();
    if (path != NULL)
        (void)json_object_set_new(out, "path", cut(path, PATH_BYTES));
    (void)json_object_set_new(out, "message", cut(message != NULL ? message : "", MESSAGE_BYTES));
    if (kind != NULL)
        (void)json_object_set_new(out, "kind", json_string(kind));
    return out;
}

/* The first ones, as JSON. */
static char *keep_errors(const json_t *list, size_t count)
{
    json_t *kept = json_array();
    for (size_t i = 0, bytes = 0; i < count && i < ERRORS_KEPT; i++) {
        json_t *item = read_error(json_array_get(list, i));
        bytes += json_dumpb(item, NULL, 0, JSON_COMPACT);
        if (bytes > ERRORS_KEPT_BYTES) {
            json_decref(item);
            break;
        }
        (void)json_array_append_new(kept, item);
    }
    char *text = json_dumps(kept, JSON_COMPACT);
    json_decref(kept);
    return text;
}

static void read_errors(struct jsonread *body, struct arena *arena, struct finish *f)
{
    const json_t *list = NULL;
    int64_t losses = 0;
    size_t count = jsonread_array_or_none(body, "errors", ERRORS_SENT_MAX, &list);
    for (size_t i = 0; i < count; i++) {
        const char *kind = kind_of(json_array_get(list, i));
        losses += kind == NULL || strcmp(kind, "skipped") != 0;
    }
    char *text = keep_errors(list, count);
    f->errors = arena_strdup(arena, text);
    f->error_count = jsonread_int_or(body, "errorCount", losses, INT64_MAX, losses);
    free(text);
}

static int64_t read_count(struct jsonread *body, const char *key)
{
    return jsonread_int_or(body, key, 0, INT64_MAX, 0);
}

static void read_counts(struct jsonread *body, struct finish *f)
{
    f->files = read_count(body, "filesProcessed");
    f->bytes_read = jsonread_int_or(body, "bytesRead", 0, INT64_MAX, -1);
    f->bytes_transferred = read_count(body, "bytesTransferred");
    f->duration_ms = read_count(body, "duration");
    f->listed_files = jsonread_int_or(body, "listedFiles", 0, INT64_MAX, -1);
    f->listed_bytes = jsonread_int_or(body, "listedBytes", 0, INT64_MAX, -1);
    f->unreadable = read_count(body, "unreadable");
    f->vanished = read_count(body, "vanished");
    f->changed = read_count(body, "changed");
    f->skipped = read_count(body, "skipped");
}

/* The digest of a part, which our own store gives for an ETag. */
static void read_etag(struct jsonread *item, char ret[PART_DIGEST_SIZE])
{
    enum { MD5_HEX = 32, XXH64_HEX = 16 };
    unsigned char bytes[MD5_HEX / 2];
    const char *etag = jsonread_str(item, "etag", XXH64_HEX, MD5_HEX + 2);
    if (etag == NULL)
        return;
    if (etag[0] == '"')
        etag++;
    size_t len = strspn(etag, "0123456789abcdef");
    bool ends = etag[len] == '\0' || strcmp(etag + len, "\"") == 0;
    (void)snprintf(ret, PART_DIGEST_SIZE, "%.*s", ends && len < PART_DIGEST_SIZE ? (int)len : 0, etag);
    if (!hex_decode(ret, bytes, MD5_HEX / 2) && !hex_decode(ret, bytes, XXH64_HEX / 2))
        jsonread_fail(item, "etag", "must be the ETag that the store gave");
}

static bool read_claim(struct jsonread *body, struct arena *arena, struct upload_claim *claim)
{
    const json_t *list = NULL;
    claim->count = jsonread_int_or(body, "partCount", 1, UPLOAD_PARTS_MAX, -1);
    claim->size = jsonread_int_or(body, "size", 1, INT64_MAX, -1);
    claim->index_count = jsonread_int_or(body, "indexPartCount", 0, UPLOAD_PARTS_PER_OBJECT, -1);
    claim->index_size = jsonread_int_or(body, "indexSize", 0, INT64_MAX, -1);
    claim->part_count = jsonread_array_or_none(body, "parts", PARTS_SENT_MAX, &list);
    struct upload_part *parts = arena_array(arena, claim->part_count + 1, sizeof *parts);
    if (parts == NULL)
        return false;
    for (size_t i = 0; i < claim->part_count; i++) {
        struct jsonread item;
        jsonread_item(body, "parts", list, i, &item);
        parts[i].number = jsonread_int(&item, "number", 1, PARTS_SENT_MAX);
        parts[i].size = jsonread_int(&item, "size", 1, INT64_MAX);
        read_etag(&item, parts[i].digest);
    }
    claim->parts = parts;
    return true;
}

static const char *read_sha256(struct jsonread *body)
{
    unsigned char bytes[SHA256_HEX / 2];
    const char *hex = jsonread_str_or(body, "sha256", SHA256_HEX, SHA256_HEX, NULL);
    if (hex != NULL && !hex_decode(hex, bytes, sizeof bytes))
        jsonread_fail(body, "sha256", "must be 64 hex digits in lower case");
    return hex;
}

/* A run that has lost anything is none to be shown as completed, whatever its agent calls it. */
static bool has_losses(const struct finish *f)
{
    return f->error_count > 0 || f->unreadable > 0 || f->vanished > 0 || f->changed > 0;
}

bool finish_read(struct req *r, struct finish *f)
{
    struct jsonread_error wrong = {0};
    struct jsonread body;
    if (!req_json(r, &wrong, &body))
        return false;
    f->run_id = jsonread_str(&body, "logId", 1, UUID_SIZE);
    if (f->run_id != NULL && !uuid_valid(f->run_id))
        jsonread_fail(&body, "logId", "must be a UUID in lower case");
    f->outcome = jsonread_enum(&body, "status", finish_outcome_names);
    f->sha256 = read_sha256(&body);
    read_counts(&body, f);
    read_errors(&body, r->arena, f);
    if (!read_claim(&body, r->arena, &f->claim) || f->errors == NULL) {
        reply_error(r, &(struct err){.code = ERR_NOMEM, .msg = "no memory for the end of a run"});
        return false;
    }
    if (f->outcome == FINISH_COMPLETED && has_losses(f))
        f->outcome = FINISH_WARNING;
    return req_fields_ok(r, &wrong);
}
