/* wipe.h: forgetting secrets, and comparing them without telling how much matched. */
#ifndef MUSTER_COMMON_WIPE_H
#define MUSTER_COMMON_WIPE_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroes len bytes; the compiler may not leave it out. */
void wipe(void *p, size_t len);

/* wipe() of a string up to its NUL; nothing for NULL. */
void wipe_str(char *s);

/* Whether two byte strings of the same length are equal, in time that depends on len alone. */
bool wipe_equal(const void *a, const void *b, size_t len);

/* As wipe_equal for strings; unequal lengths are unequal (the length itself is not hidden). */
bool wipe_equal_str(const char *a, const char *b);

#endif
