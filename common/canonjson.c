#include "canonjson.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int encode(const json_t *value, int depth, struct buf *ret, struct err *err);

static void add_string(const char *s, size_t len, struct buf *ret)
{
    buf_addc(ret, '"');
    for (size_t done = 0; done < len;) {
        size_t plain = 0;
        while (done + plain < len && s[done + plain] != '"' && s[done + plain] != '\\')
            plain++;
        buf_add(ret, s + done, plain);
        done += plain;
        if (done < len) {
            buf_addc(ret, '\\');
            buf_addc(ret, s[done++]);
        }
    }
    buf_addc(ret, '"');
}

static int encode_array(const json_t *array, int depth, struct buf *ret, struct err *err)
{
    int rc = 0;
    buf_addc(ret, '[');
    for (size_t i = 0; rc == 0 && i < json_array_size(array); i++) {
        if (i > 0)
            buf_addc(ret, ',');
        rc = encode(json_array_get(array, i), depth + 1, ret, err);
    }
    buf_addc(ret, ']');
    return rc;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys, sorted: bytes of UTF-8 sort as its code points do. The caller frees the array alone. NULL: no memory. */
static const char **sorted_keys(json_t *object, size_t count)
{
    const char **keys = calloc(count + 1, sizeof keys[0]);
    if (keys == NULL)
        return NULL;
    size_t i = 0;
    for (void *at = json_object_iter(object); at != NULL && i < count; at = json_object_iter_next(object, at))
        keys[i++] = json_object_iter_key(at);
    qsort(keys, count, sizeof keys[0], by_bytes);
    return keys;
}

static int encode_object(const json_t *object, int depth, struct buf *ret, struct err *err)
{
    size_t count = json_object_size(object);
    const char **keys = sorted_keys((json_t *)(uintptr_t)object, count); /* jansson iterates over no const object */
    int rc = keys == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    buf_addc(ret, '{');
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (i > 0)
            buf_addc(ret, ',');
        add_string(keys[i], strlen(keys[i]), ret);
        buf_addc(ret, ':');
        rc = encode(json_object_get(object, keys[i]), depth + 1, ret, err);
    }
    buf_addc(ret, '}');
    free(keys);
    return rc;
}

static int encode(const json_t *value, int depth, struct buf *ret, struct err *err)
{
    if (depth > CANONJSON_DEPTH_MAX)
        return err_set(err, ERR_INVALID, "JSON nested deeper than %d", CANONJSON_DEPTH_MAX);
    if (value == NULL)
        return err_set(err, ERR_INVALID, "no JSON value");
    switch (json_typeof(value)) {
    case JSON_OBJECT: return encode_object(value, depth, ret, err);
    case JSON_ARRAY: return encode_array(value, depth, ret, err);
    case JSON_STRING: add_string(json_string_value(value), json_string_length(value), ret); return 0;
    case JSON_INTEGER: buf_addf(ret, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); return 0;
    case JSON_TRUE: buf_adds(ret, "true"); return 0;
    case JSON_FALSE: buf_adds(ret, "false"); return 0;
    case JSON_NULL: buf_adds(ret, "null"); return 0;
    case JSON_REAL: break;
    }
    return err_set(err, ERR_INVALID, "canonical JSON has no real numbers");
}

int canonjson_encode(const json_t *value, struct buf *ret, struct err *err)
{
    int rc = encode(value, 0, ret, err);
    if (rc == 0 && !buf_ok(ret))
        rc = err_set(err, ERR_TOO_BIG, "canonical JSON of more than %zu bytes, or out of memory", ret->max);
    return rc;
}
