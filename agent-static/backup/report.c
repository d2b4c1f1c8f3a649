#include "backup/report.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void report_init(struct report *r)
{
    *r = (struct report){.lock = PTHREAD_MUTEX_INITIALIZER};
}

static void free_all(struct report_problem *problems, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        free(problems[i].path);
        free(problems[i].message);
    }
    *count = 0;
}

void report_done(struct report *r)
{
    free_all(r->problems, &r->kept);
    free_all(r->skips, &r->skipped_kept);
    (void)pthread_mutex_destroy(&r->lock);
}

static void keep(struct report_problem *problem, const char *path, enum report_kind kind, const char *message)
{
    char shown[REPORT_PATH_MAX];
    report_printable(path == NULL ? "" : path, shown, sizeof shown);
    problem->kind = kind;
    problem->path = path == NULL ? NULL : strdup(shown);
    problem->message = strdup(message);
}

static void record(struct report *r, const char *path, enum report_kind kind, const char *fmt, va_list args)
    MUSTER_PRINTF(4, 0);
static void record(struct report *r, const char *path, enum report_kind kind, const char *fmt, va_list args)
{
    char message[REPORT_MESSAGE_MAX];
    (void)vsnprintf(message, sizeof message, fmt, args);
    char text[REPORT_MESSAGE_MAX + 8];
    report_printable(message, text, sizeof text);

    (void)pthread_mutex_lock(&r->lock);
    r->counts[kind]++;
    if (kind == REPORT_SKIPPED) {
        atomic_fetch_add_explicit(&r->skipped, 1, memory_order_relaxed);
        if (r->skipped_kept < REPORT_SKIPPED_MAX)
            keep(&r->skips[r->skipped_kept++], path, kind, text);
    } else {
        r->problem_count++;
        if (r->kept < REPORT_PROBLEMS_MAX)
            keep(&r->problems[r->kept++], path, kind, text);
    }
    (void)pthread_mutex_unlock(&r->lock);
}

void report_outcome(struct report *r, const char *path, enum report_kind kind, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    record(r, path, kind, fmt, args);
    va_end(args);
}

void report_problem(struct report *r, const char *path, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    record(r, path, REPORT_OTHER, fmt, args);
    va_end(args);
}

uint64_t report_problems(struct report *r)
{
    (void)pthread_mutex_lock(&r->lock);
    uint64_t count = r->problem_count;
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}

uint64_t report_count(struct report *r, enum report_kind kind)
{
    (void)pthread_mutex_lock(&r->lock);
    uint64_t count = r->counts[kind];
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}

static bool append(json_t *list, const struct report_problem *problem)
{
    static const char *const kinds[REPORT_KINDS] = {"unreadable", "vanished", "changed", "skipped", "other"};
    json_t *item =
        json_pack("{s:s*, s:s, s:s}", "path", problem->path, "message",
                  problem->message == NULL ? "out of memory" : problem->message, "kind", kinds[problem->kind]);
    return item != NULL && json_array_append_new(list, item) == 0;
}

json_t *report_errors_json(struct report *r)
{
    json_t *list = json_array();
    bool good = list != NULL;
    (void)pthread_mutex_lock(&r->lock);
    for (size_t i = 0; good && i < r->kept; i++)
        good = append(list, &r->problems[i]);
    for (size_t i = 0; good && i < r->skipped_kept; i++)
        good = append(list, &r->skips[i]);
    (void)pthread_mutex_unlock(&r->lock);
    if (!good) {
        json_decref(list);
        return NULL;
    }
    return list;
}

size_t report_utf8_length(const unsigned char *s)
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
        size_t taken = report_utf8_length(s);
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
