/* pathtext.h: paths of any bytes as text that JSON and a terminal can carry, and back.
 *
 * Control characters, the backslash and what is not UTF-8 stand as \ooo, three octal digits; the agents print paths the
 * same way. Private to restore/. */
#ifndef MUSTER_RESTORE_PATHTEXT_H
#define MUSTER_RESTORE_PATHTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"

/* The text, from the arena; NULL when that is full. */
const char *pathtext_of(struct arena *arena, const char *path, size_t len);

/* The bytes of a text, followed by a NUL, from the arena. A backslash without three octal digits of a byte behind it
 * stands for itself: people type paths too. NULL when the arena is full. */
const char *pathtext_bytes(struct arena *arena, const char *text, size_t *ret_len);

/* How many of max bytes may be kept of a text without cutting a character. */
size_t pathtext_fit(const char *text, size_t max);

/* Whether it is UTF-8 throughout, without a NUL. */
bool pathtext_is_utf8(const char *path, size_t len);

/* The byte that the \ooo at p stands for; '\0' when it is none, or stands for that. p is at the backslash. */
char pathtext_escaped(const char *p, const char *end);

#endif
