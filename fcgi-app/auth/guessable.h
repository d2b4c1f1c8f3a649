/* guessable.h: whether a password is among those that are tried first.
 *
 * Lists of leaked passwords hold few of fifteen characters; what people make of a short one to get there is two of
 * them in a row, one and a row of digits, or the same again. So the question is not whether the password is on the
 * list, but how few parts of it cover the password: a word of the list, a run (aaaa), a row (1234, dcba), single
 * characters between them. Three words pass, and there is no rule about kinds of characters. */
#ifndef MUSTER_AUTH_GUESSABLE_H
#define MUSTER_AUTH_GUESSABLE_H

#include <stdbool.h>
#include <stddef.h>

/* words: what else this person or this place makes likely, ended by NULL; as good as words of the list. Compared
 * without case, and with the usual digits for letters (p4ssw0rd). */
bool guessable(const char *password, size_t len, const char *const words[]);

#endif
