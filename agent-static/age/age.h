/* age.h: the age v1 file format (age-encryption.org/v1), X25519 recipients only: what `age -r` writes and `age -d -i`
 * reads. One of several recipients' identities is enough to decrypt.
 *
 * Encrypting needs recipients alone, so a host that backs up holds nothing that could decrypt its backups. The reader
 * takes the one spelling of everything, and gives plaintext away only after it was authenticated; but that a file was
 * cut at the end of a chunk is known only from age_decrypt_finish. Every secret is wiped when its struct is freed.
 * psa_crypto_init() must have been called. One struct belongs to one thread at a time. */
#ifndef MUSTER_AGENT_AGE_AGE_H
#define MUSTER_AGENT_AGE_AGE_H

#include <stddef.h>

#include "common/err.h"
#include "snapshot/compress.h"

enum {
    AGE_RECIPIENTS_MAX = 100,
    AGE_IDENTITIES_MAX = 100,
    AGE_HEADER_MAX = 64 * 1024, /* longer ones are not read */
    AGE_CHUNK = 64 * 1024,
};

/* Whether text is a recipient: "age1" and 58 more characters of Bech32 (BIP 173). ERR_INVALID. */
int age_recipient_check(const char *text, struct err *err) MUSTER_NODISCARD;

/* --- encrypting -------------------------------------------------------------------------------------------------- */

struct age_encrypt;

/* 1 to AGE_RECIPIENTS_MAX recipients. What comes in through age_encrypt_receiver goes out, encrypted, through *out,
 * which is copied and may block; nothing goes there before the first chunk is full or the end. */
int age_encrypt_new(const char *const *recipients, size_t count, const struct compress_receiver *out,
                    struct age_encrypt **ret, struct err *err) MUSTER_NODISCARD;

/* Where the plaintext goes; lives as long as e. */
const struct compress_receiver *age_encrypt_receiver(struct age_encrypt *e);

/* The end of the plaintext, which may be empty. A file is none without it. Errors of *out come through. */
int age_encrypt_finish(struct age_encrypt *e, struct err *err) MUSTER_NODISCARD;
void age_encrypt_free(struct age_encrypt *e); /* NULL does nothing */

/* --- decrypting -------------------------------------------------------------------------------------------------- */

struct age_identities;

/* The identities of a file as age-keygen writes it: lines of AGE-SECRET-KEY-1…, comments after '#', empty lines. Who
 * may read the file is for the caller to check. ERR_NOT_FOUND; ERR_INVALID for any other line, or no identity. */
int age_identities_load(const char *path, struct age_identities **ret, struct err *err) MUSTER_NODISCARD;

/* The same of text, which stays the caller's to wipe. */
int age_identities_parse(const char *text, struct age_identities **ret, struct err *err) MUSTER_NODISCARD;
void age_identities_free(struct age_identities *ids); /* NULL does nothing */

/* Takes plaintext in order. Non-zero ends the decryption and is returned. */
typedef int age_sink(void *ctx, const void *data, size_t len, struct err *err);

struct age_decrypt;

/* ids must outlive it. */
int age_decrypt_new(const struct age_identities *ids, age_sink *sink, void *ctx, struct age_decrypt **ret,
                    struct err *err) MUSTER_NODISCARD;

/* ERR_DENIED: none of the identities fits. ERR_CORRUPT: damaged, or not of this format. After an error nothing more can
 * be pushed. */
int age_decrypt_push(struct age_decrypt *d, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* ERR_CORRUPT: the end is missing. */
int age_decrypt_finish(struct age_decrypt *d, struct err *err) MUSTER_NODISCARD;
void age_decrypt_free(struct age_decrypt *d); /* NULL does nothing */

#endif
