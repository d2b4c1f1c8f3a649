#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "text.h"

/* A byte takes at most six (\u001f); the rest is time, level and names. */
enum { MESSAGE_MAX = 2000, REQUEST_ID_MAX = 64, LINE_MAX_BYTES = (MESSAGE_MAX + REQUEST_ID_MAX) * 6 + 256 };

/* The one mutable global of the project beside the signal flags: where log lines go. A reload changes it while other
 * threads log; a line may then see the old level with the new format, which harms nobody. */
static struct {
    _Atomic int fd;
    _Atomic enum log_level least;
    _Atomic enum log_format format;
} sink = {.fd = STDERR_FILENO, .least = LOG_INFO, .format = LOG_TEXT};

static _Thread_local char request_id[REQUEST_ID_MAX];

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_init(int fd, enum log_level least, enum log_format format)
{
    sink.fd = fd;
    sink.least = least;
    sink.format = format;
}

bool log_level_parse(const char *s, enum log_level *ret)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(s, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(const char *s, enum log_format *ret)
{
    if (strcmp(s, "text") == 0)
        *ret = LOG_TEXT;
    else if (strcmp(s, "json") == 0)
        *ret = LOG_JSON;
    else
        return false;
    return true;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

void log_request_id(const char *id)
{
    (void)snprintf(request_id, sizeof request_id, "%s", id != NULL ? id : "");
}

static void add_json_string(struct buf *b, const char *s)
{
    buf_addc(b, '"');
    for (const unsigned char *p = (const unsigned char *)s; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            buf_addf(b, "\\%c", *p);
        else if (*p < 0x20 || *p >= 0x7f) /* bytes beyond ASCII may be no UTF-8: shown as Latin-1 code points */
            buf_addf(b, "\\u%04x", *p);
        else
            buf_addc(b, (char)*p);
    }
    buf_addc(b, '"');
}

/* Terminals take orders from control characters, and viewers from those that turn the direction of what follows. */
static void add_plain(struct buf *b, const char *s)
{
    for (size_t len; *s != '\0'; s += len) {
        uint32_t code;
        len = text_next(s, &code);
        if (text_is_control(code))
            buf_addc(b, '?');
        else
            buf_add(b, s, len);
    }
}

static void format_line(struct buf *b, enum log_level level, const char *message)
{
    char time[CLOCK_RFC3339_SIZE];
    clock_format_rfc3339(clock_now_ms(clock_system()), time);
    if (sink.format == LOG_JSON) {
        buf_addf(b, "{\"time\":\"%s\",\"level\":\"%s\",", time, level_names[level]);
        if (request_id[0] != '\0') {
            buf_adds(b, "\"request_id\":");
            add_json_string(b, request_id);
            buf_addc(b, ',');
        }
        buf_adds(b, "\"message\":");
        add_json_string(b, message);
        buf_adds(b, "}\n");
        return;
    }
    buf_addf(b, "%s %-7s ", time, level_names[level]);
    if (request_id[0] != '\0') {
        buf_addc(b, '[');
        add_plain(b, request_id);
        buf_adds(b, "] ");
    }
    add_plain(b, message);
    buf_addc(b, '\n');
}

static void log_va(enum log_level level, const char *fmt, va_list args)
{
    if (level < sink.least)
        return;
    int saved = errno;
    char message[MESSAGE_MAX];
    (void)vsnprintf(message, sizeof message, fmt, args);
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    format_line(&line, level, message);
    /* A log that cannot be written must not stop the program, and there is nowhere to report it. */
    if (buf_ok(&line) && write(sink.fd, line.data, line.len) < 0)
        errno = 0;
    buf_done(&line);
    errno = saved;
}

void log_at(enum log_level level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_va(level, fmt, args);
    va_end(args);
}

void log_debug(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_va(LOG_DEBUG, fmt, args);
    va_end(args);
}

void log_info(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_va(LOG_INFO, fmt, args);
    va_end(args);
}

void log_warning(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_va(LOG_WARNING, fmt, args);
    va_end(args);
}

void log_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    log_va(LOG_ERROR, fmt, args);
    va_end(args);
}
