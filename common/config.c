#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cursor.h"
#include "file.h"
#include "wipe.h"

enum { FILE_MAX = 256 * 1024, VALUE_MAX = 16 * 1024 };

struct value {
    char *text; /* words of a LIST are separated by NULs; text_len then counts them all */
    size_t text_len;
    int64_t number;
    size_t line; /* 0: the environment or the default */
    bool given;
};

struct config {
    const struct config_key *keys;
    size_t count;
    struct value *values;
};

/* Where a message points to, and who hears warnings. */
struct source {
    const char *name;
    size_t line; /* 0: the environment */
    config_warn_fn *warn;
    void *ctx;
};

static int complain(const struct source *src, const char *key, const char *reason, struct err *err)
{
    if (src->line == 0)
        return err_set(err, ERR_INVALID, "environment variable %.64s: %s", key, reason);
    return err_set(err, ERR_INVALID, "%.160s:%zu: %.64s: %s", src->name, src->line, key, reason);
}

static bool parse_int(const char *s, int64_t *ret)
{
    bool negative = s[0] == '-';
    uint64_t n;
    if (!cursor_parse_uint(s + (negative ? 1 : 0), INT64_MAX, &n))
        return false;
    *ret = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

bool config_parse_duration(const char *s, int64_t *ret_s)
{
    struct cursor c;
    cursor_init(&c, span_of(s));
    uint64_t n;
    if (!cursor_uint(&c, INT64_MAX / 86400, &n))
        return false;
    uint64_t unit = cursor_char(&c, 'd') ? 86400 : cursor_char(&c, 'h') ? 3600 : cursor_char(&c, 'm') ? 60 : 1;
    if (unit == 1)
        (void)cursor_char(&c, 's');
    *ret_s = (int64_t)(n * unit);
    return cursor_done(&c);
}

static bool parse_bool(const char *s, int64_t *ret)
{
    static const char *const yes[] = {"true", "yes", "1"};
    static const char *const no[] = {"false", "no", "0"};
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
            *ret = strcmp(s, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool is_choice(const char *choices, const char *s)
{
    struct cursor c;
    cursor_init(&c, span_of(choices));
    struct span choice;
    while (cursor_field(&c, '|', &choice))
        if (span_equal(choice, s))
            return true;
    return false;
}

/* Cuts text into words in place. Returns the length with the separating NULs, without the last one's. */
static size_t split_words(char *text)
{
    size_t out = 0;
    for (char *p = text; *p != '\0';) {
        p += strspn(p, " \t\n");
        size_t len = strcspn(p, " \t\n");
        if (len == 0)
            break;
        if (out > 0)
            text[out++] = '\0';
        bool last = p[len] == '\0';
        memmove(text + out, p, len);
        out += len;
        p += len + (last ? 0 : 1);
    }
    text[out] = '\0';
    return out;
}

/* Checks and keeps one value; takes no ownership of text. */
static int value_set(struct value *v, const struct config_key *key, const char *text, const struct source *src,
                     struct err *err)
{
    char reason[160];
    int64_t number = 0;
    bool ok = true;
    switch (key->type) {
    case CONFIG_INT:
        ok = parse_int(text, &number) && number >= key->min && number <= key->max;
        (void)snprintf(reason, sizeof reason, "must be a whole number from %lld to %lld", (long long)key->min,
                       (long long)key->max);
        break;
    case CONFIG_DURATION:
        ok = config_parse_duration(text, &number) && number >= key->min && number <= key->max;
        (void)snprintf(reason, sizeof reason, "must be a time such as 30s, 15m, 1h or 2d, from %lld s to %lld s",
                       (long long)key->min, (long long)key->max);
        break;
    case CONFIG_BOOL:
        ok = parse_bool(text, &number);
        (void)snprintf(reason, sizeof reason, "must be true or false");
        break;
    case CONFIG_ENUM:
        ok = is_choice(key->choices, text);
        (void)snprintf(reason, sizeof reason, "must be one of %s", key->choices);
        break;
    case CONFIG_TEXT:
    case CONFIG_LIST: break;
    }
    if (!ok)
        return complain(src, key->name, reason, err);
    char *copy = strdup(text);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (v->text != NULL) {
        wipe(v->text, v->text_len);
        free(v->text);
    }
    v->text = copy;
    v->number = number;
    v->text_len = key->type == CONFIG_LIST ? split_words(copy) : strlen(copy);
    v->given = src->name != NULL;
    v->line = src->line;
    return 0;
}

static bool is_key_char(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* KEY= at the start of a line. */
static const char *parse_key(struct cursor *c, char ret[65])
{
    size_t len = 0;
    while (c->at < c->end && is_key_char(*c->at, len == 0)) {
        if (len == 64)
            return "name too long";
        ret[len++] = *c->at++;
    }
    ret[len] = '\0';
    if (len == 0 || !cursor_char(c, '='))
        return "expected KEY=\"value\"";
    return NULL;
}

static const char *parse_quoted(struct cursor *c, struct buf *value)
{
    while (c->at < c->end) {
        char ch = *c->at++;
        if (ch == '"')
            return cursor_done(c) ? NULL : "text after the closing quote";
        if (ch == '\\') {
            if (c->at == c->end)
                break;
            ch = *c->at++;
            if (ch == 'n')
                ch = '\n';
            else if (ch != '"' && ch != '\\')
                return "unknown escape; only \\\" \\\\ and \\n are";
        }
        buf_addc(value, ch);
    }
    return "the closing quote is missing";
}

static const char *parse_bare(struct cursor *c, struct buf *value)
{
    while (c->at < c->end) {
        if (strchr(" \t\"'\\$`", *c->at) != NULL)
            return "quote this value: KEY=\"value\"";
        buf_addc(value, *c->at++);
    }
    return NULL;
}

static ssize_t key_index(const struct config_key *keys, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].name, name) == 0)
            return (ssize_t)i;
    return -1;
}

static int parse_line(struct config *c, struct span line, const struct source *src, struct err *err)
{
    struct cursor cur;
    cursor_init(&cur, span_trim(line));
    if (cursor_done(&cur) || *cur.at == '#')
        return 0;
    char name[65];
    const char *reason = parse_key(&cur, name);
    if (reason != NULL)
        return err_set(err, ERR_INVALID, "%.160s:%zu: %s", src->name, src->line, reason);
    struct buf value;
    buf_init(&value, VALUE_MAX);
    reason = cursor_char(&cur, '"') ? parse_quoted(&cur, &value) : parse_bare(&cur, &value);
    int rc = 0;
    ssize_t i = key_index(c->keys, c->count, name);
    bool no_memory = !buf_ok(&value) && value.len < VALUE_MAX; /* it is filled byte by byte */
    if (reason == NULL && !buf_ok(&value))
        reason = "value too long";
    if (reason == NULL && value.data != NULL && memchr(value.data, '\0', value.len) != NULL)
        reason = "a NUL byte";
    if (no_memory) {
        rc = err_set(err, ERR_NOMEM, "out of memory");
    } else if (reason != NULL) {
        rc = complain(src, name, reason, err);
    } else if (i >= 0) {
        rc = value_set(&c->values[i], &c->keys[i], buf_str(&value), src, err);
    } else if (src->warn != NULL) {
        char text[256];
        (void)snprintf(text, sizeof text, "%.160s:%zu: unknown key %s", src->name, src->line, name);
        src->warn(src->ctx, text);
    }
    buf_done_secret(&value);
    return rc;
}

static int set_defaults(struct config *c, struct err *err)
{
    static const struct source built_in = {.name = NULL};
    for (size_t i = 0; i < c->count; i++) {
        if (c->keys[i].fallback == NULL)
            continue;
        int rc = value_set(&c->values[i], &c->keys[i], c->keys[i].fallback, &built_in, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int apply_environment(struct config *c, struct err *err)
{
    static const struct source environment = {.name = "environment"};
    for (size_t i = 0; i < c->count; i++) {
        const char *text = getenv(c->keys[i].name);
        if (text == NULL)
            continue;
        if (strlen(text) > VALUE_MAX)
            return complain(&environment, c->keys[i].name, "value too long", err);
        int rc = value_set(&c->values[i], &c->keys[i], text, &environment, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int config_parse(const char *name, const char *text, size_t len, const struct config_key *keys, size_t count,
                 config_warn_fn *warn, void *ctx, struct config **ret, struct err *err)
{
    struct config *c = calloc(1, sizeof *c);
    if (c != NULL)
        c->values = calloc(count > 0 ? count : 1, sizeof *c->values);
    if (c == NULL || c->values == NULL) {
        free(c);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    c->keys = keys;
    c->count = count;
    int rc = set_defaults(c, err);
    struct source src = {.name = name, .warn = warn, .ctx = ctx};
    struct cursor lines;
    cursor_init(&lines, (struct span){.ptr = text, .len = len});
    struct span line;
    while (rc == 0 && cursor_line(&lines, &line)) {
        src.line++;
        rc = parse_line(c, line, &src, err);
    }
    if (rc == 0)
        rc = apply_environment(c, err);
    if (rc != 0) {
        config_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

int config_load(const char *path, const struct config_key *keys, size_t count, config_warn_fn *warn, void *ctx,
                struct config **ret, struct err *err)
{
    char *text = NULL;
    size_t len = 0;
    if (path != NULL) {
        int rc = file_read(path, FILE_MAX, &text, &len, err);
        if (rc != 0)
            return rc;
    }
    int rc = config_parse(path != NULL ? path : "", text != NULL ? text : "", len, keys, count, warn, ctx, ret, err);
    if (text != NULL)
        wipe(text, len);
    free(text);
    return rc;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++) {
        if (c->values[i].text != NULL)
            wipe(c->values[i].text, c->values[i].text_len);
        free(c->values[i].text);
    }
    free(c->values);
    free(c);
}

static const struct value *lookup(const struct config *c, const char *name, enum config_type a, enum config_type b)
{
    ssize_t i = key_index(c->keys, c->count, name);
    assert(i >= 0 && (c->keys[i].type == a || c->keys[i].type == b));
    (void)a;
    (void)b;
    return &c->values[i];
}

const char *config_text(const struct config *c, const char *name)
{
    return lookup(c, name, CONFIG_TEXT, CONFIG_ENUM)->text;
}

int64_t config_int(const struct config *c, const char *name)
{
    return lookup(c, name, CONFIG_INT, CONFIG_INT)->number;
}

int64_t config_seconds(const struct config *c, const char *name)
{
    return lookup(c, name, CONFIG_DURATION, CONFIG_DURATION)->number;
}

bool config_bool(const struct config *c, const char *name)
{
    return lookup(c, name, CONFIG_BOOL, CONFIG_BOOL)->number != 0;
}

const char *config_word(const struct config *c, const char *name, const char **at)
{
    const struct value *v = lookup(c, name, CONFIG_LIST, CONFIG_LIST);
    if (v->text_len == 0)
        return NULL;
    const char *next = *at == NULL ? v->text : *at + strlen(*at) + 1;
    if (next > v->text + v->text_len)
        return NULL;
    *at = next;
    return next;
}

bool config_given(const struct config *c, const char *name)
{
    ssize_t i = key_index(c->keys, c->count, name);
    assert(i >= 0);
    return c->values[i].given;
}

int config_reject(const struct config *c, const char *path, const char *name, struct err *err, const char *reason)
{
    ssize_t i = key_index(c->keys, c->count, name);
    assert(i >= 0);
    struct source src = {.name = path != NULL ? path : "", .line = c->values[i].line};
    if (!c->values[i].given)
        return err_set(err, ERR_INVALID, "%.160s: %.64s: %s", src.name, name, reason);
    return complain(&src, name, reason, err);
}

int config_write_line(struct buf *b, const char *key, const char *value, struct err *err)
{
    for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++)
        if ((*p < 0x20 && *p != '\n') || *p == 0x7f)
            return err_set(err, ERR_INVALID, "%.64s: control characters cannot be written to a configuration file",
                           key);
    buf_addf(b, "%s=\"", key);
    for (const char *p = value; *p != '\0'; p++) {
        if (*p == '\n')
            buf_adds(b, "\\n");
        else if (*p == '"' || *p == '\\')
            buf_addf(b, "\\%c", *p);
        else
            buf_addc(b, *p);
    }
    buf_adds(b, "\"\n");
    return buf_ok(b) ? 0 : err_set(err, ERR_NOMEM, "configuration too large");
}
