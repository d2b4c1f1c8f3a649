#include "update/known_answers.h"

#include <jansson.h>
#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include "common/canonjson.h"
#include "common/encode.h"
#include "common/jsonread.h"
#include "common/token.h"

static bool is_hex(const void *data, size_t len, const char *hex)
{
    char text[HEX_SIZE(64)];
    hex_encode(data, len, text);
    return strcmp(text, hex) == 0;
}

/* FIPS 180-4's example, and one of more than a block. */
static bool sha256_works(void)
{
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    unsigned char a[32], b[32];
    return mbedtls_sha256((const unsigned char *)"abc", 3, a, 0) == 0 &&
           mbedtls_sha256((const unsigned char *)two, sizeof two - 1, b, 0) == 0 &&
           is_hex(a, sizeof a, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") &&
           is_hex(b, sizeof b, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Test case 2 of the GCM specification: zeros under a key of zeros. */
static bool aes_gcm_works(void)
{
    static const unsigned char zeros[16];
    unsigned char out[32];
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    bool good =
        mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, zeros, 128) == 0 &&
        mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, 16, zeros, 12, NULL, 0, zeros, out, 16, out + 16) == 0;
    mbedtls_gcm_free(&gcm);
    return good && is_hex(out, sizeof out, "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf");
}

static bool chachapoly_works(void)
{
    static const unsigned char zeros[32];
    unsigned char out[32];
    mbedtls_chachapoly_context chachapoly;
    mbedtls_chachapoly_init(&chachapoly);
    bool good = mbedtls_chachapoly_setkey(&chachapoly, zeros) == 0 &&
                mbedtls_chachapoly_encrypt_and_tag(&chachapoly, 16, zeros, NULL, 0, zeros, out, out + 16) == 0;
    mbedtls_chachapoly_free(&chachapoly);
    return good && is_hex(out, sizeof out, "9f07e7be5551387a98ba977c732d080dc34a88047320f52aa2c6683ef8084d2f");
}

/* RFC 6979 §A.2.5, "sample" with SHA-256; and the same signature is not good for another message. */
static bool ecdsa_works(void)
{
    static const char key_hex[] = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
                                  "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                                  "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    static const char signature_hex[] = "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                                        "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    unsigned char key[(sizeof key_hex - 1) / 2], signature[(sizeof signature_hex - 1) / 2], digest[32] = {0};
    mbedtls_pk_context pk;
    mbedtls_pk_init(&pk);
    bool good = hex_decode(key_hex, key, sizeof key) && hex_decode(signature_hex, signature, sizeof signature) &&
                mbedtls_sha256((const unsigned char *)"sample", 6, digest, 0) == 0 &&
                mbedtls_pk_parse_public_key(&pk, key, sizeof key) == 0 &&
                mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, digest, sizeof digest, signature, sizeof signature) == 0;
    digest[0] ^= 1;
    good = good && mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, digest, sizeof digest, signature, sizeof signature) != 0;
    mbedtls_pk_free(&pk);
    return good;
}

static bool zstd_works(void)
{
    static const unsigned char frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68, 0x5d, 0x01, 0x00, 0x44, 0x02, 0x6d, 0x75,
                                          0x73, 0x74, 0x65, 0x72, 0x20, 0x3a, 0x20, 0x6f, 0x6e, 0x65, 0x20, 0x72, 0x65,
                                          0x6c, 0x65, 0x61, 0x73, 0x65, 0x2c, 0x20, 0x70, 0x75, 0x62, 0x6c, 0x69, 0x73,
                                          0x68, 0x65, 0x64, 0x20, 0x6f, 0x6e, 0x63, 0x65, 0x01, 0x00, 0xa2, 0x8b, 0x11};
    static const char text[] = "muster muster muster muster: one release, published once";
    char out[sizeof text];
    size_t len = ZSTD_decompress(out, sizeof out, frame, sizeof frame);
    return len == sizeof text - 1 && memcmp(out, text, len) == 0;
}

static bool json_works(void)
{
    static const char text[] = "{\"b\":[1,true,null],\"a\":\"\\u00e9\\n\"}";
    struct err err;
    struct buf canonical;
    buf_init(&canonical, 256);
    json_t *value = jsonread_parse(span_of(text), &err);
    bool good = value != NULL && canonjson_encode(value, &canonical, &err) == 0 &&
                strcmp(buf_str(&canonical), "{\"a\":\"\xc3\xa9\n\",\"b\":[1,true,null]}") == 0;
    json_decref(value);
    buf_done(&canonical);
    return good;
}

static bool random_works(void)
{
    unsigned char a[32], b[32];
    return token_random(a, sizeof a) && token_random(b, sizeof b) && memcmp(a, b, sizeof a) != 0;
}

int known_answers_check(struct err *err)
{
    static const struct {
        const char *name;
        bool (*works)(void);
    } checks[] = {
        {"SHA-256", sha256_works},
        {"AES-GCM", aes_gcm_works},
        {"ChaCha20-Poly1305", chachapoly_works},
        {"ECDSA", ecdsa_works},
        {"zstd", zstd_works},
        {"JSON", json_works},
        {"the random source", random_works},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (!checks[i].works())
            return err_set(err, ERR_INTERNAL, "%s does not work on this machine", checks[i].name);
    return 0;
}
