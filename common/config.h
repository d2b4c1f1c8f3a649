/* config.h: configuration files of KEY="value" lines, as in os-release(5), with the environment above them.
 *
 * A line is empty, a # comment, or KEY=value; the value bare (no blanks, quotes, backslashes or $) or in double quotes
 * with \" \\ and \n as its only escapes. Nothing is expanded. A variable of the environment with the key's name
 * overrides the file; an empty one too. What keys exist, their types and defaults stand in one const table. */
#ifndef MUSTER_COMMON_CONFIG_H
#define MUSTER_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum config_type {
    CONFIG_TEXT,
    CONFIG_INT,      /* min to max */
    CONFIG_BOOL,     /* true, false, yes, no, 1, 0 */
    CONFIG_DURATION, /* "30", "30s", "15m", "1h", "2d"; kept in seconds, min to max */
    CONFIG_ENUM,     /* one of choices */
    CONFIG_LIST,     /* blank-separated words */
};

struct config_key {
    const char *name;
    enum config_type type;
    const char *fallback; /* in the file's spelling; NULL: unset */
    const char *help;     /* one line */
    int64_t min, max;     /* for INT and DURATION */
    const char *choices;  /* for ENUM: "a|b|c" */
    bool secret;          /* never printed */
};

struct config;

/* What a caller hears of a line that is fine but suspicious, such as an unknown key: "app.conf:3: unknown key FOO". */
typedef void config_warn_fn(void *ctx, const char *line);

/* Reads path (NULL: environment and defaults only) against keys[0..count), which must outlive the config. On failure
 * err says "path:line: KEY: reason" and *ret is untouched. Names in the table are unique. warn may be NULL. */
int config_load(const char *path, const struct config_key *keys, size_t count, config_warn_fn *warn, void *ctx,
                struct config **ret, struct err *err) MUSTER_NODISCARD;

/* As config_load, from text; name stands for the path in messages. Without I/O, for tests and the fuzzer. */
int config_parse(const char *name, const char *text, size_t len, const struct config_key *keys, size_t count,
                 config_warn_fn *warn, void *ctx, struct config **ret, struct err *err) MUSTER_NODISCARD;

/* Wipes secrets. config_free(NULL) does nothing. */
void config_free(struct config *c);

/* The value of a key of the table; asking for another name or type is our own bug and aborts. Borrowed. */
const char *config_text(const struct config *c, const char *name); /* TEXT, ENUM; NULL when unset */
int64_t config_int(const struct config *c, const char *name);      /* INT; 0 when unset */
int64_t config_seconds(const struct config *c, const char *name);  /* DURATION; 0 when unset */
bool config_bool(const struct config *c, const char *name);        /* BOOL; false when unset */

/* The next word of a LIST. Start with *at = NULL; NULL at the end. The words are NUL-terminated. */
const char *config_word(const struct config *c, const char *name, const char **at);

/* Whether the key was given in the file or the environment rather than left to its default. */
bool config_given(const struct config *c, const char *name);

/* The caller's own judgement of a value, told like config_load's: "path:line: KEY: reason". Returns ERR_INVALID. */
int config_reject(const struct config *c, const char *path, const char *name, struct err *err, const char *reason);

/* Writes KEY="value" with the quoting the parser undoes. ERR_INVALID when the value holds control characters other
 * than LF. For writing configuration files. */
struct buf;
int config_write_line(struct buf *b, const char *key, const char *value, struct err *err) MUSTER_NODISCARD;

/* A DURATION as text. */
bool config_parse_duration(const char *s, int64_t *ret_s);

#endif
