/* What came in: headers, cookies, query, JSON. */
#include "http/request.h"

#include <string.h>

#include "http/exchange.h"
#include "http/problem.h"

const char *req_param(const struct req *r, const char *name)
{
    return FCGX_GetParam(name, r->exchange->fcgi.envp);
}

/* "X-Amz-Date" as FastCGI names it: "HTTP_X_AMZ_DATE". False when it is too long. */
static bool header_param(const char *name, char *ret, size_t size)
{
    size_t len = strlen(name);
    static const char start[5] = {'H', 'T', 'T', 'P', '_'};
    if (len + sizeof start + 1 > size)
        return false;
    memcpy(ret, start, sizeof start);
    for (size_t i = 0; i <= len; i++) {
        char c = name[i];
        ret[5 + i] = c == '-' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return true;
}

const char *req_header(const struct req *r, const char *name)
{
    char param[80];
    if (strcmp(name, "Content-Type") == 0)
        return req_param(r, "CONTENT_TYPE");
    if (strcmp(name, "Content-Length") == 0)
        return req_param(r, "CONTENT_LENGTH");
    return header_param(name, param, sizeof param) ? req_param(r, param) : NULL;
}

bool req_header_begins(const struct req *r, const char *prefix)
{
    char param[80];
    if (!header_param(prefix, param, sizeof param))
        return false;
    for (char **at = r->exchange->fcgi.envp; at != NULL && *at != NULL; at++)
        if (strncmp(*at, param, strlen(param)) == 0)
            return true;
    return false;
}

const char *req_cookie(const struct req *r, const char *name)
{
    const char *header = req_header(r, "Cookie");
    struct cursor c;
    struct span field;
    cursor_init(&c, span_of(header != NULL ? header : ""));
    size_t len = strlen(name);
    while (cursor_field(&c, ';', &field)) {
        field = span_trim(field);
        if (field.len > len && field.ptr[len] == '=' && memcmp(field.ptr, name, len) == 0)
            return arena_strndup(r->arena, field.ptr + len + 1, field.len - len - 1);
    }
    return NULL;
}

const char *req_query(const struct req *r, const char *name)
{
    for (size_t i = 0; i < r->exchange->query_count; i++)
        if (strcmp(r->exchange->query[i].name, name) == 0)
            return r->exchange->query[i].value;
    return NULL;
}

bool req_query_int(struct req *r, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *ret)
{
    const char *text = req_query(r, name);
    if (text == NULL) {
        *ret = fallback;
        return true;
    }
    bool negative = text[0] == '-';
    uint64_t number;
    if (cursor_parse_uint(text + (negative ? 1 : 0), INT64_MAX, &number)) {
        int64_t value = negative ? -(int64_t)number : (int64_t)number;
        if (value >= min && value <= max) {
            *ret = value;
            return true;
        }
    }
    const char *reason =
        arena_printf(r->arena, "%s must be a whole number from %lld to %lld", name, (long long)min, (long long)max);
    reply_invalid_field(r, "", name, reason);
    return false;
}

/* application/json, with or without a charset of utf-8. */
static bool is_json_type(const char *type)
{
    struct cursor c;
    struct span part;
    cursor_init(&c, span_of(type != NULL ? type : ""));
    if (!cursor_field(&c, ';', &part) || !span_equal_nocase(span_trim(part), "application/json"))
        return false;
    while (cursor_field(&c, ';', &part)) {
        part = span_trim(part);
        if (part.len >= 8 && span_equal_nocase((struct span){part.ptr, 8}, "charset=") &&
            !span_equal_nocase(part, "charset=utf-8") && !span_equal_nocase(part, "charset=\"utf-8\""))
            return false;
    }
    return true;
}

static void json_release(void *arg)
{
    json_decref(arg);
}

bool req_json(struct req *r, struct jsonread_error *wrong, struct jsonread *ret)
{
    if (!is_json_type(req_header(r, "Content-Type"))) {
        reply_problem(r, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.");
        return false;
    }
    struct err err = {0};
    json_t *body = jsonread_parse(r->body, &err);
    if (body == NULL) {
        reply_problem(r, PROBLEM_BAD_JSON, err.msg);
        return false;
    }
    if (arena_cleanup(r->arena, json_release, body) != 0) {
        json_decref(body);
        reply_problem(r, PROBLEM_INTERNAL, NULL);
        return false;
    }
    jsonread_init(ret, body, wrong);
    return true;
}

bool req_fields_ok(struct req *r, const struct jsonread_error *wrong)
{
    if (!wrong->failed)
        return true;
    reply_invalid_field(r, wrong->pointer, NULL, wrong->reason);
    return false;
}
