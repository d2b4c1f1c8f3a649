/* common_words.h: passwords that are often used, as sorted hashes; made by words/generate.mjs at build time from a list
 * that others keep. Private to guessable.c. */
#ifndef MUSTER_AUTH_COMMON_WORDS_H
#define MUSTER_AUTH_COMMON_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* 64-bit FNV-1a of the word's bytes in lower case. */
extern const uint64_t common_words[];
extern const size_t common_words_count;
extern const size_t common_words_longest; /* bytes of the longest word */

#endif
