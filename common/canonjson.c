#include "canonjson.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jsonread.h"

struct out {
    canonjson_sink_fn *sink;
    void *ctx;
};

static int encode(const json_t *value, int depth, const struct out *out, struct err *err);

static void add(const struct out *out, const char *text)
{
    out->sink(out->ctx, text, strlen(text));
}

static void add_string(const char *s, size_t len, const struct out *out)
{
    add(out, "\"");
    for (size_t done = 0; done < len;) {
        size_t plain = 0;
        while (done + plain < len && s[done + plain] != '"' && s[done + plain] != '\\')
            plain++;
        out->sink(out->ctx, s + done, plain);
        done += plain;
        if (done < len)
            add(out, s[done++] == '"' ? "\\\"" : "\\\\");
    }
    add(out, "\"");
}

static int encode_array(const json_t *array, int depth, const struct out *out, struct err *err)
{
    int rc = 0;
    add(out, "[");
    for (size_t i = 0; rc == 0 && i < json_array_size(array); i++) {
        if (i > 0)
            add(out, ",");
        rc = encode(json_array_get(array, i), depth + 1, out, err);
    }
    add(out, "]");
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

static int encode_object(const json_t *object, int depth, const struct out *out, struct err *err)
{
    size_t count = json_object_size(object);
    const char **keys = sorted_keys(jsonread_iterable(object), count);
    int rc = keys == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    add(out, "{");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (i > 0)
            add(out, ",");
        add_string(keys[i], strlen(keys[i]), out);
        add(out, ":");
        rc = encode(json_object_get(object, keys[i]), depth + 1, out, err);
    }
    add(out, "}");
    free(keys);
    return rc;
}

static void add_integer(json_int_t value, const struct out *out)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, value);
    add(out, text);
}

static int encode(const json_t *value, int depth, const struct out *out, struct err *err)
{
    if (depth > CANONJSON_DEPTH_MAX)
        return err_set(err, ERR_INVALID, "JSON nested deeper than %d", CANONJSON_DEPTH_MAX);
    if (value == NULL)
        return err_set(err, ERR_INVALID, "no JSON value");
    switch (json_typeof(value)) {
    case JSON_OBJECT: return encode_object(value, depth, out, err);
    case JSON_ARRAY: return encode_array(value, depth, out, err);
    case JSON_STRING: add_string(json_string_value(value), json_string_length(value), out); return 0;
    case JSON_INTEGER: add_integer(json_integer_value(value), out); return 0;
    case JSON_TRUE: add(out, "true"); return 0;
    case JSON_FALSE: add(out, "false"); return 0;
    case JSON_NULL: add(out, "null"); return 0;
    case JSON_REAL: break;
    }
    return err_set(err, ERR_INVALID, "canonical JSON has no real numbers");
}

int canonjson_write(const json_t *value, canonjson_sink_fn *sink, void *ctx, struct err *err)
{
    return encode(value, 0, &(struct out){.sink = sink, .ctx = ctx}, err);
}

static void into_buf(void *ctx, const void *data, size_t len)
{
    buf_add(ctx, data, len);
}

int canonjson_encode(const json_t *value, struct buf *ret, struct err *err)
{
    int rc = canonjson_write(value, into_buf, ret, err);
    if (rc == 0 && !buf_ok(ret))
        rc = err_set(err, ERR_TOO_BIG, "canonical JSON of more than %zu bytes, or out of memory", ret->max);
    return rc;
}
