/* token.h: the secrets people, programs and hosts carry about: API keys, one-time passwords, access and refresh tokens.
 *
 * A token is a prefix, random base62 characters and six characters of CRC-32 over what stands before them, so that a
 * slip of the pen is told apart from a wrong token without a look-up: "msk_" + 30 + 6, about 178 random bits.
 * Personal access tokens "mpt_" and refresh tokens "mrt_" are as long; the one-time password "mot_" has 22 random
 * characters, 131 bits. Tokens are stored only as SHA-256. */
#ifndef MUSTER_COMMON_TOKEN_H
#define MUSTER_COMMON_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum {
    TOKEN_API_KEY_RANDOM = 30,
    TOKEN_OTP_RANDOM = 22,
    TOKEN_CRC = 6,
    TOKEN_SIZE = 4 + TOKEN_API_KEY_RANDOM + TOKEN_CRC + 1, /* room for any token and its NUL */
};

enum token_kind { TOKEN_API_KEY, TOKEN_OTP, TOKEN_ACCESS, TOKEN_REFRESH };

/* Fills len bytes from the system's generator; false when it cannot. */
typedef bool token_random_fn(void *ret, size_t len);

/* getrandom(2). */
bool token_random(void *ret, size_t len);

/* A fresh token. False, and ret is empty, when the generator failed. */
bool token_new(enum token_kind kind, token_random_fn *random, char ret[TOKEN_SIZE]);

/* Whether s has the form of this kind and its CRC is right. Says nothing about whether it is known. */
bool token_well_formed(enum token_kind kind, const char *s);

#endif
