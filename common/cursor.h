/* cursor.h: reading bytes from outside without ever leaving them.
 *
 * A span is borrowed bytes, not NUL-terminated. A cursor walks over one; each cursor_* function either takes what it
 * names and moves on, or returns false and stays where it was. */
#ifndef MUSTER_COMMON_CURSOR_H
#define MUSTER_COMMON_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const char *ptr;
    size_t len;
};

struct cursor {
    const char *at;
    const char *end;
};

struct span span_of(const char *s);
bool span_equal(struct span s, const char *text);
bool span_equal_nocase(struct span s, const char *text); /* ASCII */
struct span span_trim(struct span s);                    /* spaces and tabs on both sides */

void cursor_init(struct cursor *c, struct span s);
bool cursor_done(const struct cursor *c);

/* The exact character or literal. */
bool cursor_char(struct cursor *c, char want);
bool cursor_literal(struct cursor *c, const char *want);

/* Everything up to stop, which is taken too and is not part of *ret. False when stop does not come. */
bool cursor_until(struct cursor *c, char stop, struct span *ret);

/* Everything up to stop or the end; false only at the end. Made for splitting: "a,,b" gives "a", "", "b". */
bool cursor_field(struct cursor *c, char stop, struct span *ret);

/* One line without its LF or CR LF; the last may lack it. False at the end. */
bool cursor_line(struct cursor *c, struct span *ret);

/* Decimal digits, at most max; no sign, no leading zero but "0" itself. */
bool cursor_uint(struct cursor *c, uint64_t max, uint64_t *ret);

/* The same for a whole string: "30" yes, "30 " no. */
bool cursor_parse_uint(const char *s, uint64_t max, uint64_t *ret);

#endif
