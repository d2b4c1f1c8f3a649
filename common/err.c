#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void clean_line(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p != '\0'; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
}

void err_record(struct err *e, int code, const char *fmt, ...)
{
    if (e == NULL)
        return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(e->msg, sizeof e->msg, fmt, args);
    va_end(args);
    clean_line(e->msg);
    e->code = code;
    e->sys_errno = 0;
}

void err_record_sys(struct err *e, int code, const char *fmt, ...)
{
    int saved = errno;
    if (e == NULL)
        return;
    char what[sizeof e->msg];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    /* strerror, not strerror_r: that one's result means different things in glibc and musl, while both libraries give
     * strerror storage per thread or constant. */
    err_record(e, code, "%.200s: %.96s", what, strerror(saved));
    e->sys_errno = saved;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    if (e == NULL)
        return ERR_INTERNAL;
    char context[160];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(context, sizeof context, fmt, args);
    va_end(args);
    char old[sizeof e->msg];
    memcpy(old, e->msg, sizeof old);
    (void)snprintf(e->msg, sizeof e->msg, "%s: %.150s", context, old);
    clean_line(e->msg);
    return e->code;
}

const char *err_name(int code)
{
    switch (code) {
    case 0: return "ok";
    case ERR_NOMEM: return "out of memory";
    case ERR_IO: return "input/output error";
    case ERR_INVALID: return "invalid input";
    case ERR_TOO_BIG: return "too big";
    case ERR_NOT_FOUND: return "not found";
    case ERR_CONFLICT: return "conflict";
    case ERR_DENIED: return "denied";
    case ERR_UNAVAILABLE: return "unavailable";
    case ERR_TIMEOUT: return "timed out";
    case ERR_CORRUPT: return "corrupt data";
    default: return "internal error";
    }
}
