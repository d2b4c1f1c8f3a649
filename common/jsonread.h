/* jsonread.h: taking typed fields out of JSON that a stranger sent.
 *
 * A reader stands on one JSON object. Each call names a field and its limits; the first thing that is wrong is kept
 * with its JSON pointer (RFC 6901) and everything after it quietly gives zeros and NULLs, so that a handler reads all
 * its fields in a row and asks once:
 *
 *     struct jsonread_error wrong = {0};
 *     struct jsonread r;
 *     jsonread_init(&r, body, &wrong);
 *     const char *name = jsonread_str(&r, "name", 1, 120);
 *     int64_t size = jsonread_int_or(&r, "filesize", 0, INT64_MAX, -1);
 *     if (wrong.failed) … 422 with wrong.pointer and wrong.reason
 *
 * Fields nobody asks for are ignored. A field that is null counts as missing. Strings are borrowed from the JSON
 * value. Limits of strings count bytes of UTF-8. */
#ifndef MUSTER_COMMON_JSONREAD_H
#define MUSTER_COMMON_JSONREAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"
#include "err.h"

enum { JSONREAD_POINTER_MAX = 200 };

struct jsonread_error {
    bool failed;
    char pointer[JSONREAD_POINTER_MAX]; /* "/sources/0/path"; "" is the whole document */
    char reason[160];                   /* "must be a string of 1 to 120 bytes" */
};

struct jsonread {
    const json_t *object; /* NULL after a failure */
    struct jsonread_error *error;
    char pointer[JSONREAD_POINTER_MAX];
};

/* Parses text with our limits: no duplicate keys, depth 32, 131072 values, nothing after the value. NULL on failure,
 * err says where. The caller json_decref()s it. */
json_t *jsonread_parse(struct span text, struct err *err);

/* The same with fewer values (at most 131072), for who has little memory: each may take some 300 bytes. */
json_t *jsonread_parse_max(struct span text, size_t max_values, struct err *err);

/* The same for a file of at most max bytes. NULL as well when it cannot be read. */
json_t *jsonread_file(const char *path, size_t max, struct err *err);

/* Has jansson wipe all memory that it gives back, since JSON carries keys and passwords. Once, before any JSON. */
void jsonread_wipe_freed(void);

/* The same value, for jansson's iterators, which take none that is const. Nothing may be changed through it. */
json_t *jsonread_iterable(const json_t *value);

/* Stands on value, which must be an object. */
void jsonread_init(struct jsonread *r, const json_t *value, struct jsonread_error *error);

bool jsonread_has(const struct jsonread *r, const char *key);

/* A string of min to max bytes without control characters. _text allows them. _or: fallback when missing. */
const char *jsonread_str(struct jsonread *r, const char *key, size_t min, size_t max);
const char *jsonread_str_or(struct jsonread *r, const char *key, size_t min, size_t max, const char *fallback);
const char *jsonread_text(struct jsonread *r, const char *key, size_t min, size_t max);
const char *jsonread_text_or(struct jsonread *r, const char *key, size_t min, size_t max, const char *fallback);

int64_t jsonread_int(struct jsonread *r, const char *key, int64_t min, int64_t max);
int64_t jsonread_int_or(struct jsonread *r, const char *key, int64_t min, int64_t max, int64_t fallback);

bool jsonread_bool(struct jsonread *r, const char *key);
bool jsonread_bool_or(struct jsonread *r, const char *key, bool fallback);

/* The index of the string among names[] (ended by NULL). */
int jsonread_enum(struct jsonread *r, const char *key, const char *const names[]);
int jsonread_enum_or(struct jsonread *r, const char *key, const char *const names[], int fallback);

/* An object field as a reader of its own; a missing one gives a reader that reads nothing (and, for _object, fails). */
void jsonread_object(struct jsonread *r, const char *key, struct jsonread *ret);
void jsonread_object_or_none(struct jsonread *r, const char *key, struct jsonread *ret);

/* An array of min to max items; returns how many. Its items: objects by jsonread_item, strings by jsonread_item_str. */
size_t jsonread_array(struct jsonread *r, const char *key, size_t min, size_t max, const json_t **ret);
size_t jsonread_array_or_none(struct jsonread *r, const char *key, size_t max, const json_t **ret);
void jsonread_item(struct jsonread *r, const char *key, const json_t *array, size_t index, struct jsonread *ret);
const char *jsonread_item_str(struct jsonread *r, const char *key, const json_t *array, size_t index, size_t min,
                              size_t max);

/* Marks a field as wrong for a reason only the caller can judge. Keeps an earlier mark. */
void jsonread_fail(struct jsonread *r, const char *key, const char *fmt, ...) MUSTER_PRINTF(3, 4);

#endif
