/* encode.h: bytes as text: hex, base64url and base64 (RFC 4648), base62, and the CRC-32 of zlib.
 *
 * Encoders write a NUL-terminated string into the caller's room, which must hold the size their macro gives. Decoders
 * are strict: the one canonical spelling or false, never more than ret_size bytes. */
#ifndef MUSTER_COMMON_ENCODE_H
#define MUSTER_COMMON_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEX_SIZE(len)    ((len)*2 + 1)
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* Lower-case hex. Decoding takes lower case only, as all of ours is; len is the number of bytes wanted. */
void hex_encode(const void *data, size_t len, char *ret);
bool hex_decode(const char *s, void *ret, size_t len);

/* RFC 4648 §5 without padding, and §4 with it. *ret_len: bytes written. */
void base64url_encode(const void *data, size_t len, char *ret);
bool base64url_decode(const char *s, void *ret, size_t ret_size, size_t *ret_len);
void base64_encode(const void *data, size_t len, char *ret);
bool base64_decode(const char *s, void *ret, size_t ret_size, size_t *ret_len);

/* digits base62 digits (0-9 A-Z a-z) of value, most significant first; what does not fit is cut off at the front. */
void base62_encode_u32(uint32_t value, size_t digits, char *ret);

/* The alphabet, for drawing random characters: 62 of them. */
extern const char base62_alphabet[63];

/* CRC-32 as in zlib and PNG. Start with 0, feed the result back in to go on. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t len);

#endif
