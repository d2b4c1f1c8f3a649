#include "jsonread.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "wipe.h"

/* A value may take sixty times the room of its text: "{}," is three bytes. */
enum { DEPTH_MAX = 32, VALUES_MAX = 128 * 1024 };

static void fail_at(struct jsonread *r, const char *pointer, const char *reason)
{
    r->object = NULL;
    if (r->error->failed)
        return;
    r->error->failed = true;
    (void)snprintf(r->error->pointer, sizeof r->error->pointer, "%s", pointer);
    (void)snprintf(r->error->reason, sizeof r->error->reason, "%s", reason);
}

static void pointer_of(const struct jsonread *r, const char *key, char ret[JSONREAD_POINTER_MAX])
{
    (void)snprintf(ret, JSONREAD_POINTER_MAX, "%.150s/%.48s", r->pointer, key);
}

static void wiping_free(void *p)
{
    if (p != NULL)
        wipe(p, malloc_usable_size(p));
    free(p);
}

void jsonread_wipe_freed(void)
{
    json_set_alloc_funcs(malloc, wiping_free);
}

void jsonread_fail(struct jsonread *r, const char *key, const char *fmt, ...)
{
    char reason[160];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    char pointer[JSONREAD_POINTER_MAX];
    pointer_of(r, key, pointer);
    fail_at(r, pointer, reason);
}

/* jansson recurses at most JSON_PARSER_MAX_DEPTH (2048) deep and takes any number of values; we need far less of both,
 * and a small stack or a small host may hold less. */
static int check_limits(struct span text, size_t max_values, struct err *err)
{
    int depth = 0;
    size_t values = 0; /* each stands behind a comma or opens something */
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            values++;
            if (++depth > DEPTH_MAX)
                return err_set(err, ERR_INVALID, "JSON nested more than %d deep", DEPTH_MAX);
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == ',') {
            values++;
        }
    }
    return values > max_values ? err_set(err, ERR_INVALID, "JSON of more than %zu values", max_values) : 0;
}

json_t *jsonread_parse(struct span text, struct err *err)
{
    return jsonread_parse_max(text, VALUES_MAX, err);
}

json_t *jsonread_parse_max(struct span text, size_t max_values, struct err *err)
{
    if (check_limits(text, max_values < VALUES_MAX ? max_values : VALUES_MAX, err) != 0)
        return NULL;
    json_error_t wrong;
    json_t *value = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &wrong);
    if (value == NULL)
        (void)err_set(err, ERR_INVALID, "not JSON: line %d column %d", wrong.line, wrong.column);
    return value;
}

json_t *jsonread_file(const char *path, size_t max, struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    if (file_read(path, max, &text, &len, err) != 0)
        return NULL;
    json_t *value = jsonread_parse((struct span){.ptr = text, .len = len}, err);
    wipe(text, len);
    free(text);
    return value;
}

json_t *jsonread_iterable(const json_t *value)
{
    const union {
        const json_t *given;
        json_t *taken;
    } same = {.given = value};
    return same.taken;
}

void jsonread_init(struct jsonread *r, const json_t *value, struct jsonread_error *error)
{
    *r = (struct jsonread){.object = value, .error = error};
    if (!json_is_object(value))
        fail_at(r, "", "must be an object");
}

/* The field, or NULL when it is missing, null, or something failed before. */
static const json_t *field(const struct jsonread *r, const char *key)
{
    if (r->object == NULL || r->error->failed)
        return NULL;
    const json_t *value = json_object_get(r->object, key);
    return json_is_null(value) ? NULL : value;
}

/* As field(), but a missing one is a failure. */
static const json_t *required(struct jsonread *r, const char *key)
{
    const json_t *value = field(r, key);
    if (value == NULL && !r->error->failed && r->object != NULL)
        jsonread_fail(r, key, "is missing");
    return value;
}

bool jsonread_has(const struct jsonread *r, const char *key)
{
    return field(r, key) != NULL;
}

/* Of C0 and C1: terminals take orders from both (RFC 3629 spells C1 as C2 80 to C2 9F). And what turns the direction of
 * text around (Unicode's UAX #9): a name with it may look like another. */
static bool is_control(const unsigned char *s, size_t len)
{
    if (s[0] < 0x20 || s[0] == 0x7f)
        return true;
    if (s[0] == 0xc2 && len > 1)
        return s[1] < 0xa0;
    if (s[0] != 0xe2 || len < 3)
        return false;
    return (s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae) || (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

static bool has_controls(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (is_control((const unsigned char *)s + i, len - i))
            return true;
    return false;
}

static const char *string_of(struct jsonread *r, const char *pointer, const json_t *value, size_t min, size_t max,
                             bool controls)
{
    char reason[160];
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len < min || len > max) {
        (void)snprintf(reason, sizeof reason, "must be a string of %zu to %zu bytes", min, max);
        fail_at(r, pointer, reason);
        return NULL;
    }
    if (!controls && has_controls(json_string_value(value), len)) {
        fail_at(r, pointer, "must not contain control characters");
        return NULL;
    }
    return json_string_value(value);
}

static const char *string_field(struct jsonread *r, const char *key, const json_t *value, size_t min, size_t max,
                                bool controls)
{
    char pointer[JSONREAD_POINTER_MAX];
    pointer_of(r, key, pointer);
    return string_of(r, pointer, value, min, max, controls);
}

const char *jsonread_str(struct jsonread *r, const char *key, size_t min, size_t max)
{
    const json_t *value = required(r, key);
    return value == NULL ? NULL : string_field(r, key, value, min, max, false);
}

const char *jsonread_str_or(struct jsonread *r, const char *key, size_t min, size_t max, const char *fallback)
{
    const json_t *value = field(r, key);
    return value == NULL ? fallback : string_field(r, key, value, min, max, false);
}

const char *jsonread_text(struct jsonread *r, const char *key, size_t min, size_t max)
{
    const json_t *value = required(r, key);
    return value == NULL ? NULL : string_field(r, key, value, min, max, true);
}

const char *jsonread_text_or(struct jsonread *r, const char *key, size_t min, size_t max, const char *fallback)
{
    const json_t *value = field(r, key);
    return value == NULL ? fallback : string_field(r, key, value, min, max, true);
}

static int64_t int_field(struct jsonread *r, const char *key, const json_t *value, int64_t min, int64_t max)
{
    int64_t n = json_is_integer(value) ? (int64_t)json_integer_value(value) : 0;
    if (!json_is_integer(value) || n < min || n > max) {
        jsonread_fail(r, key, "must be a whole number from %lld to %lld", (long long)min, (long long)max);
        return 0;
    }
    return n;
}

int64_t jsonread_int(struct jsonread *r, const char *key, int64_t min, int64_t max)
{
    const json_t *value = required(r, key);
    return value == NULL ? 0 : int_field(r, key, value, min, max);
}

int64_t jsonread_int_or(struct jsonread *r, const char *key, int64_t min, int64_t max, int64_t fallback)
{
    const json_t *value = field(r, key);
    return value == NULL ? fallback : int_field(r, key, value, min, max);
}

static bool bool_field(struct jsonread *r, const char *key, const json_t *value)
{
    if (!json_is_boolean(value))
        jsonread_fail(r, key, "must be true or false");
    return json_is_true(value);
}

bool jsonread_bool(struct jsonread *r, const char *key)
{
    const json_t *value = required(r, key);
    return value != NULL && bool_field(r, key, value);
}

bool jsonread_bool_or(struct jsonread *r, const char *key, bool fallback)
{
    const json_t *value = field(r, key);
    return value == NULL ? fallback : bool_field(r, key, value);
}

static int enum_field(struct jsonread *r, const char *key, const json_t *value, const char *const names[])
{
    const char *s = json_string_value(value);
    char list[120] = "";
    for (int i = 0; names[i] != NULL; i++) {
        if (s != NULL && strcmp(s, names[i]) == 0)
            return i;
        size_t len = strlen(list);
        (void)snprintf(list + len, sizeof list - len, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    jsonread_fail(r, key, "must be one of %s", list);
    return 0;
}

int jsonread_enum(struct jsonread *r, const char *key, const char *const names[])
{
    const json_t *value = required(r, key);
    return value == NULL ? 0 : enum_field(r, key, value, names);
}

int jsonread_enum_or(struct jsonread *r, const char *key, const char *const names[], int fallback)
{
    const json_t *value = field(r, key);
    return value == NULL ? fallback : enum_field(r, key, value, names);
}

static void object_field(struct jsonread *r, const char *key, const json_t *value, struct jsonread *ret)
{
    *ret = (struct jsonread){.object = value, .error = r->error};
    pointer_of(r, key, ret->pointer);
    if (value != NULL && !json_is_object(value))
        fail_at(ret, ret->pointer, "must be an object");
}

void jsonread_object(struct jsonread *r, const char *key, struct jsonread *ret)
{
    object_field(r, key, required(r, key), ret);
}

void jsonread_object_or_none(struct jsonread *r, const char *key, struct jsonread *ret)
{
    object_field(r, key, field(r, key), ret);
}

static size_t array_field(struct jsonread *r, const char *key, const json_t *value, size_t min, size_t max,
                          const json_t **ret)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count < min || count > max) {
        jsonread_fail(r, key, "must be a list of %zu to %zu items", min, max);
        return 0;
    }
    *ret = value;
    return count;
}

size_t jsonread_array(struct jsonread *r, const char *key, size_t min, size_t max, const json_t **ret)
{
    const json_t *value = required(r, key);
    return value == NULL ? 0 : array_field(r, key, value, min, max, ret);
}

size_t jsonread_array_or_none(struct jsonread *r, const char *key, size_t max, const json_t **ret)
{
    const json_t *value = field(r, key);
    return value == NULL ? 0 : array_field(r, key, value, 0, max, ret);
}

static void item_pointer(const struct jsonread *r, const char *key, size_t index, char ret[JSONREAD_POINTER_MAX])
{
    (void)snprintf(ret, JSONREAD_POINTER_MAX, "%.120s/%.48s/%zu", r->pointer, key, index);
}

void jsonread_item(struct jsonread *r, const char *key, const json_t *array, size_t index, struct jsonread *ret)
{
    *ret = (struct jsonread){.object = r->error->failed ? NULL : json_array_get(array, index), .error = r->error};
    item_pointer(r, key, index, ret->pointer);
    if (!r->error->failed && !json_is_object(ret->object))
        fail_at(ret, ret->pointer, "must be an object");
}

const char *jsonread_item_str(struct jsonread *r, const char *key, const json_t *array, size_t index, size_t min,
                              size_t max)
{
    if (r->error->failed)
        return NULL;
    char pointer[JSONREAD_POINTER_MAX];
    item_pointer(r, key, index, pointer);
    return string_of(r, pointer, json_array_get(array, index), min, max, false);
}
