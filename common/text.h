/* text.h: text from outside that is to stand in a line which people and programs read. */
#ifndef MUSTER_COMMON_TEXT_H
#define MUSTER_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_INVALID UINT32_MAX

/* Reads the character that s, which is not empty, begins with: returns how many bytes it has, 1 to 4, and its code
 * point. What is not UTF-8 is one byte and TEXT_INVALID. Never reads beyond the NUL. */
size_t text_next(const char *s, uint32_t *ret);

/* Whether a terminal, an editor or a browser may take it for an order, or show what is around it in another order or
 * not at all: control characters (C0, DEL, C1), separators of lines, what turns the direction, what has no width; and
 * TEXT_INVALID. */
bool text_is_control(uint32_t code);

#endif
