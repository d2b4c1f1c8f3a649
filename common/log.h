/* log.h: one line per event, as JSON or as text, to one file descriptor.
 *
 * Programs log; library code returns errors instead. Every line carries time, level and message; the request id where
 * one is set for the thread. Text from outside cannot forge a line: JSON escapes it, the text form replaces what
 * is no plain text (text.h). No secret is ever passed here. Thread-safe: a line is one write(). */
#ifndef MUSTER_COMMON_LOG_H
#define MUSTER_COMMON_LOG_H

#include <stdbool.h>

#include "err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

/* Call once, before threads start; and again on SIGHUP. fd is borrowed. Without it: text, info, standard error. */
void log_init(int fd, enum log_level least, enum log_format format);

/* "debug", "info", "warning", "error"; "text", "json". False when it is none of them. */
bool log_level_parse(const char *s, enum log_level *ret);
bool log_format_parse(const char *s, enum log_format *ret);
const char *log_level_name(enum log_level level);

/* The id that this thread's lines carry from now on; NULL for none. Copied. */
void log_request_id(const char *id);

void log_debug(const char *fmt, ...) MUSTER_PRINTF(1, 2);
void log_info(const char *fmt, ...) MUSTER_PRINTF(1, 2);
void log_warning(const char *fmt, ...) MUSTER_PRINTF(1, 2);
void log_error(const char *fmt, ...) MUSTER_PRINTF(1, 2);
void log_at(enum log_level level, const char *fmt, ...) MUSTER_PRINTF(2, 3);

#endif
