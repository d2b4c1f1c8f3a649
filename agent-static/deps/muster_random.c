/*
 * The random source mbedTLS is built with (MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG): getrandom(), and nothing else.
 * It blocks only in early boot, until the kernel's pool is seeded, which is right: a host key made before
 * that would be guessable. There is no fallback to a weaker source.
 */
#include <errno.h>
#include <sys/random.h>

#include <psa/crypto.h>

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *output,
                                             size_t output_size, size_t *output_length)
{
    size_t done = 0;

    (void)context;
    while (done < output_size) {
        ssize_t n = getrandom(output + done, output_size - done, 0);

        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return PSA_ERROR_INSUFFICIENT_ENTROPY;
    }
    *output_length = output_size;
    return PSA_SUCCESS;
}
