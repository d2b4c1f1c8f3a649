#include "../unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/encode.h"
#include "tuf/tuf_crypto.h"

/* Signatures of the bytes "muster", made with OpenSSL by keys that were thrown away. */
static const char message[] = "muster";
static const char rsa_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAy8SPsqegpaeroGDmFIph\n"
                              "KSXZZRsgs+nMwTmLQJ42lZb0d59NnFC5sF/y+6sFmLpmUqzQVKVdQjJoSPAMFeRp\n"
                              "2UO8bL1pjv8ZyO4SwfmuOsWbbcoQayLqaNmClF/o39M3Dg0eKsNMEQ4mfEpx5XfL\n"
                              "zO4zHfdAQCOz9DfOLuJPP5tQiM02du/+6G7K0VAGJH/VItZjo0Jus1oso6kW/MN+\n"
                              "8fVMH0fLJcAyiroyXZGO+vuM1vUaZKbefxMDSfE/OPR4kcn5wHJ/8fDF/hXMOtEh\n"
                              "K6hRw7Izthg4ioPPb5e696d1iJantW3+CLnKYjCEy3k5OCaERtRFAlErpkwRD6MF\n"
                              "YwIDAQAB\n"
                              "-----END PUBLIC KEY-----\n";
static const char weak_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCv9qAIy5uSjyi89QbByjRj71/i\n"
                               "yCg6Lbg//7FauVEgF1InkvlFyGP4EGrPYsRjr0/vrR32GO7wyLbwgcykOzsnhMMA\n"
                               "vJ3f/9KNQtpTzX2b9AlPn+oO3pza2ebsoSyrWV3GQSK8Fvjrsgj3rpDeB0cXw+Jx\n"
                               "uS0LFOjLsv/yNbpcXwIDAQAB\n"
                               "-----END PUBLIC KEY-----\n";
static const char p256_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBULYrOu6wPnPSW+dJeH4ZM8Fu8tR\n"
                               "Wppu/j6jS/7h+4Bu/tGfwruXDNUbUTWrTfk+TZJy2BVutfg5kX5t25CP4Q==\n"
                               "-----END PUBLIC KEY-----\n";
static const char p384_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEbLTV+fTrWNd5G5uKuEPpc4Ecp3f+NCUM\n"
                               "84TQcmv+eP3FAmgJPyLTv2amHnXUSnQinNJ025f+tJfeI90fK0ClGySkWWwn1jQV\n"
                               "rJvHJxN4iXrKvw1JJmS9UVeQiKqVH4bE\n"
                               "-----END PUBLIC KEY-----\n";
static const char pss_sha256[] =
    "3735bb6c1b17b921811e89f41b594b53a087ea65cbe0cb07ee6f0d50244d6b95f9c4bea26708dc2b336ca3900ffec6eb36928d92"
    "38e54c22f138c7f579691702eb2d4a38785b3260282b29ed2ece914972d965becbf048503a9b5ab0d650e9d8f118e7d306b00c93"
    "52393a57798c3f631352a878aa11478e5bd778a623942b0d8c5a28bf3c7eb9324cce4a31a4def2a8ea23a4829db8ef1068e3c088"
    "6f52856331d709dafa3afedbc5f5963a05e745c4329e2bb4a7f69b1df0eaa82d189dc2172d627d9f86f39c17a4659f43398c8134"
    "702f98c45065504ea19cfc489dc8645fcdfe3d3e4f1aedf6ca39c53600e5b58e22df6d97e6c49f003924c995756bcb53";
static const char pss_sha256_long_salt[] =
    "598a7ced1d0d6c15012ab633367095f33a8ef7dec8122980ee09f10cd1c3ed8f06fe42530997028a7172c6b744b155dd8fe45a3b"
    "56cf5ce4b198107f779c715679083ffabcc17318ae8ac95e45db51dc31eaf982949dc1fd9866fc1a2ab989b8a60388cc8353881d"
    "245adaf70ff5519f05d59c50b7df84268ca6059abb30acd259e55a50e403db55d3f0617582ac7c91d37f52a93539cfd6a195f01a"
    "fa5c8b0064f558a5c509538d9da7bc17847db040500754e8fa8ad60f36470935e6b037080216ad88234eb228e7363ac50c09d6ce"
    "0f2641774a5b3322506548a18234cbf929428ad1068a79d7c35202f3c61dad419ce7fe6206ac32d755c225ee92fa0d2f";
static const char pss_sha512[] =
    "091f1377516abd9ccad103b2b81b8be0d2509cdeaef50b7daa955c4e7448daf00d8da428ea2fa7fc20fbda5e030c289c0f85d0ff"
    "a8a967211ffd6ebf83699a3753d9a4f76755856c24bada2aa4d738bf39033bebf705ca1f93531357b484ea466f5d4f93e3c39644"
    "3909db6c4eff45274a15057b21baff5ea52ea4fbfb8135b508fadd59e0a06e244ec668dbda7c852d034c88a4bee59a7482e77a0f"
    "8aa6d0dc126abc0c505c818575eebef2c71465607de06f0207eea32da152d7234973ee835c489a7a8be2ac0994c62b62efe866ca"
    "6b0aa5c29e34d19eca112e9978d1e86f5a698222e7b6bd75e06282e189348b7d1b4ca6ea7a9317df076dfb6eaec6eeea";
static const char pkcs1_v15[] =
    "631eec7ed596e560bf98313e69432d52a61d02c09da2ca2475c331b89c179a71bdfe2f54ac6361721275706411e9f0cfdfd1d50b"
    "44938d61545cbc22a46384ad00f62383f5d638e93a10311231b4c5c50e7f0065f51f7408de43d6e484e0814823f4d37505c985b9"
    "1fdebbc736b6667fc2e4d731823d12f6913e935ad1cdd9460f8cd700673fb339f4a1f36b1db956aceb08847252df8b5f172c086c"
    "9f8bfd280e387dafa6fb2c18965da1254b81a3e4af864d18286bef4486d3f24df7526fb6479e288bbeae34f04caf26e6056f8d26"
    "f1ea67c7f9ed3cd3aee6d034a59e38e82bfca10e0efd80880f7b5b30145babcac8536ff93f805df9cd3b7ee4f6c4b191";
static const char weak_pss[] =
    "25eec7b262027afcd78f5a3ca08379f36bb3b6b4a44d3ad6cd150abc32f7e2f837a188822421a32db15d6d64e6555018b871a3e1"
    "f3d24791ce701e8eb593666df1cc3c1337b4f9ddb0947b5e254d520848c1a26080742c749f1118f49f0cbb93bf7bd903dadd79f6"
    "e522d1780a86577d80c745207200581aed958831d55c6d70";
static const char ecdsa_p256[] =
    "3044022040b9d24775a30633502b48c63225fe6d21947d8c48366e220cffe21635f27f7102207be292b95a29a506a82537e61ab4"
    "a5d23a22deb1c6dc869991e11d5ed1588da7";
static const char ecdsa_p384[] =
    "306502305a9772fc726d5fbf28a56c443df362aca56d08107ec029445642a067466fc4194c8df6dc0ba466b28150fef3f7d78db3"
    "023100e9a157d6efae3e76e1535ab5644d71cf2caeb9de9275d6e1217633c5752c2bc57e02de84065e2c8ecbf4c87488b1d373";
static const char ecdsa_p384_sha256[] =
    "306402304ca983f2568ea571f0737f9e1e639daf989c851422e5216581a45c486c4e3504071890b1565289e0a9b79efefaf135d6"
    "02300f65460052490f120f352f511044d3ce67347e10c93721c20b3032592a400cb05d42a248256986158ff1a72d600d2dd1";

static bool verifies(const char *keytype, const char *name, const char *pem, const char *hex, const char *text)
{
    uint8_t digest[TUF_DIGEST_MAX];
    uint8_t signature[512];
    size_t len = strlen(hex) / 2;
    const struct tuf_scheme *scheme = tuf_scheme_find(keytype, name);
    assert_non_null(scheme);
    assert_true(hex_decode(hex, signature, len));
    struct tuf_hasher *h = tuf_hasher_new(scheme->hash);
    assert_non_null(h);
    tuf_hasher_add(h, text, strlen(text));
    assert_true(tuf_hasher_end(h, digest));
    return tuf_verify(scheme, pem, digest, signature, len);
}

static void every_scheme_verifies_what_openssl_signed(void **state)
{
    (void)state;
    assert_true(verifies("ecdsa", "ecdsa-sha2-nistp256", p256_pem, ecdsa_p256, message));
    assert_true(verifies("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", p256_pem, ecdsa_p256, message));
    assert_true(verifies("ecdsa", "ecdsa-sha2-nistp384", p384_pem, ecdsa_p384, message));
    assert_true(verifies("rsa", "rsassa-pss-sha256", rsa_pem, pss_sha256, message));
    assert_true(verifies("rsa", "rsassa-pss-sha256", rsa_pem, pss_sha256_long_salt, message));
    assert_true(verifies("rsa", "rsassa-pss-sha512", rsa_pem, pss_sha512, message));
}

static void another_text_is_refused(void **state)
{
    (void)state;
    assert_false(verifies("ecdsa", "ecdsa-sha2-nistp256", p256_pem, ecdsa_p256, "Muster"));
    assert_false(verifies("ecdsa", "ecdsa-sha2-nistp384", p384_pem, ecdsa_p384, "Muster"));
    assert_false(verifies("rsa", "rsassa-pss-sha256", rsa_pem, pss_sha256, "Muster"));
    assert_false(verifies("rsa", "rsassa-pss-sha512", rsa_pem, pss_sha512, "Muster"));
}

static void a_signature_of_another_scheme_is_refused(void **state)
{
    (void)state;
    assert_false(verifies("rsa", "rsassa-pss-sha256", rsa_pem, pkcs1_v15, message));
    assert_false(verifies("rsa", "rsassa-pss-sha256", rsa_pem, pss_sha512, message));
    assert_false(verifies("rsa", "rsassa-pss-sha512", rsa_pem, pss_sha256, message));
    assert_false(verifies("ecdsa", "ecdsa-sha2-nistp256", p384_pem, ecdsa_p384_sha256, message)); /* P-384, SHA-256 */
}

static void a_key_of_another_kind_or_too_weak_is_refused(void **state)
{
    (void)state;
    assert_false(verifies("rsa", "rsassa-pss-sha256", weak_pem, weak_pss, message));
    assert_false(verifies("rsa", "rsassa-pss-sha256", p256_pem, ecdsa_p256, message));
    assert_false(verifies("ecdsa", "ecdsa-sha2-nistp256", rsa_pem, pss_sha256, message));
    assert_false(verifies("ecdsa", "ecdsa-sha2-nistp256", "", ecdsa_p256, message));
    assert_false(verifies("ecdsa", "ecdsa-sha2-nistp256", "-----BEGIN PUBLIC KEY-----\n", ecdsa_p256, message));
}

static void cut_and_bent_signatures_are_refused(void **state)
{
    (void)state;
    char bent[sizeof ecdsa_p256];
    for (size_t len = 0; len < sizeof ecdsa_p256 - 1; len += 2) {
        memcpy(bent, ecdsa_p256, sizeof bent);
        bent[len] = '\0';
        assert_false(verifies("ecdsa", "ecdsa-sha2-nistp256", p256_pem, bent, message));
        bent[len] = ecdsa_p256[len] == '0' ? '1' : '0';
        assert_false(verifies("ecdsa", "ecdsa-sha2-nistp256", p256_pem, bent, message));
    }
}

static void unknown_schemes_are_not_there(void **state)
{
    (void)state;
    enum tuf_hash hash;
    assert_null(tuf_scheme_find("ed25519", "ed25519"));
    assert_null(tuf_scheme_find("rsa", "ecdsa-sha2-nistp256"));
    assert_null(tuf_scheme_find("rsa", "rsa-pkcs1v15-sha256"));
    assert_false(tuf_hash_named("md5", &hash));
    assert_true(tuf_hash_named("sha512", &hash));
    assert_int_equal(tuf_hash_size(hash), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scheme_verifies_what_openssl_signed),
        cmocka_unit_test(another_text_is_refused),
        cmocka_unit_test(a_signature_of_another_scheme_is_refused),
        cmocka_unit_test(a_key_of_another_kind_or_too_weak_is_refused),
        cmocka_unit_test(cut_and_bent_signatures_are_refused),
        cmocka_unit_test(unknown_schemes_are_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
