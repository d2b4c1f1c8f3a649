/* The agent's age beside Debian's, for test_age.py, standard input to standard output:
 *
 *   encrypt RECIPIENT…
 *   decrypt IDENTITIES
 *
 * Exit status: 0, or 1 with the error's name on standard error. */
#include <psa/crypto.h>
#include <stdio.h>
#include <string.h>

#include "age/age.h"

static char block[16 * 1024 + 1];

static int take_room(void *ctx, void **ret, size_t *ret_len, struct err *err)
{
    (void)ctx;
    (void)err;
    *ret = block;
    *ret_len = sizeof block;
    return 0;
}

static void give_filled(void *ctx, size_t len)
{
    (void)ctx;
    (void)fwrite(block, 1, len, stdout);
}

static int write_out(void *ctx, const void *data, size_t len, struct err *err)
{
    (void)ctx;
    return fwrite(data, 1, len, stdout) == len ? 0 : err_set(err, ERR_IO, "write");
}

static int encrypt(const char *const *recipients, size_t count, struct err *err)
{
    struct age_encrypt *e = NULL;
    const struct compress_receiver out = {.room = take_room, .filled = give_filled};
    int rc = age_encrypt_new(recipients, count, &out, &e, err);
    size_t n = 1;
    while (rc == 0 && n > 0) {
        const struct compress_receiver *in = age_encrypt_receiver(e);
        void *room;
        size_t size;
        rc = in->room(in->ctx, &room, &size, err);
        n = rc == 0 ? fread(room, 1, size, stdin) : 0;
        if (rc == 0)
            in->filled(in->ctx, n);
    }
    if (rc == 0)
        rc = age_encrypt_finish(e, err);
    age_encrypt_free(e);
    return rc;
}

static int decrypt(const char *path, struct err *err)
{
    struct age_identities *ids = NULL;
    struct age_decrypt *d = NULL;
    char in[10007];
    size_t n;
    int rc = age_identities_load(path, &ids, err);
    if (rc == 0)
        rc = age_decrypt_new(ids, write_out, NULL, &d, err);
    while (rc == 0 && (n = fread(in, 1, sizeof in, stdin)) > 0)
        rc = age_decrypt_push(d, in, n, err);
    if (rc == 0)
        rc = age_decrypt_finish(d, err);
    age_decrypt_free(d);
    age_identities_free(ids);
    return rc;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    int rc = psa_crypto_init() == PSA_SUCCESS ? 0 : ERR_INTERNAL;
    const char *recipients[AGE_RECIPIENTS_MAX];
    size_t count = 0;
    for (int i = 2; i < argc && count < AGE_RECIPIENTS_MAX; i++)
        recipients[count++] = argv[i];
    if (rc == 0 && argc > 2 && strcmp(argv[1], "encrypt") == 0)
        rc = encrypt(recipients, count, &err);
    else if (rc == 0 && argc == 3 && strcmp(argv[1], "decrypt") == 0)
        rc = decrypt(argv[2], &err);
    else
        rc = ERR_INVALID;
    if (rc != 0)
        (void)fprintf(stderr, "%s: %s\n", err_name(rc), err.msg);
    return fflush(stdout) == 0 && rc == 0 ? 0 : 1;
}
