#include "backup/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void report_init(struct report *r)
{
    *r = (struct report){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void report_done(struct report *r)
{
    for (size_t i = 0; i < r->kept; i++) {
        free(r->problems[i].path);
        free(r->problems[i].message);
    }
    r->kept = 0;
    (void)pthread_mutex_destroy(&r->lock);
}

void report_problem(struct report *r, const char *path, const char *fmt, ...)
{
    char message[REPORT_MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    char text[REPORT_MESSAGE_MAX + 8];
    report_printable(message, text, sizeof text);

    (void)pthread_mutex_lock(&r->lock);
    r->problem_count++;
    if (r->kept < REPORT_PROBLEMS_MAX) {
        struct report_problem *problem = &r->problems[r->kept++];
        char shown[REPORT_PATH_MAX];
        report_printable(path == NULL ? "" : path, shown, sizeof shown);
        problem->path = path == NULL ? NULL : strdup(shown);
        problem->message = strdup(text);
    }
    (void)pthread_mutex_unlock(&r->lock);
}

uint64_t report_problems(struct report *r)
{
    (void)pthread_mutex_lock(&r->lock);
    uint64_t count = r->problem_count;
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}

json_t *report_errors_json(struct report *r)
{
    json_t *list = json_array();
    (void)pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->kept && list != NULL; i++) {
        const struct report_problem *problem = &r->problems[i];
        json_t *item = json_pack("{s:s*, s:s}", "path", problem->path, "message",
                                 problem->message == NULL ? "out of memory" : problem->message);
        if (item == NULL || json_array_append_new(list, item) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    (void)pthread_mutex_unlock(&r->lock);
    return list;
}

/* The length of the well-formed, printable UTF-8 sequence at s, or 0. Overlong forms, surrogates and the C1 controls
 * are not: RFC 3629 §4. */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f && s[0] != '\\' ? 1 : 0;
    size_t len = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

void report_printable(const char *path, char *ret, size_t ret_size)
{
    static const char cut[] = "…";
    const unsigned char *s = (const unsigned char *)path;
    size_t at = 0;
    while (*s != '\0') {
        char piece[8];
        size_t taken = utf8_length(s);
        size_t len = taken == 0 ? 4 : taken;
        if (taken == 0)
            (void)snprintf(piece, sizeof piece, "\\%03o", (unsigned)*s);
        else
            memcpy(piece, s, taken);
        if (at + len + sizeof cut > ret_size) {
            memcpy(ret + at, cut, sizeof cut - 1);
            at += sizeof cut - 1;
            break;
        }
        memcpy(ret + at, piece, len);
        at += len;
        s += taken == 0 ? 1 : taken;
    }
    ret[at] = '\0';
}
