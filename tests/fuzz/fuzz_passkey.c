/* What authenticators and browsers say, whole or with everything right up to where the bytes begin; the first byte says
 * which. What gets past our own reading goes on to libfido2, as it does in the server. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/digest.h"
#include "common/buf.h"
#include "passkey/cborread.h"
#include "passkey/webauthn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct webauthn_expect expect = {"webauthn.get", "https://h", "h", false};

enum { SMALL = 4096, AAGUID_AND_LENGTH = 18, ID = 16 };

/* SHA-256 of the site, flags, and a counter. */
static void add_head(struct buf *b, unsigned char flags)
{
    unsigned char site[DIGEST_SIZE];
    digest_sha256(expect.rp_id, strlen(expect.rp_id), site);
    buf_add(b, site, sizeof site);
    buf_addc(b, (char)flags);
    buf_add(b, "\0\0\0\1", 4);
}

static void enrol(struct span attestation)
{
    struct webauthn_credential c;
    struct err err = {0};
    uint32_t count;
    int rc = webauthn_register(attestation, &expect, &c, &err);
    assert(rc == 0 || rc == ERR_DENIED || rc == ERR_INVALID);
    if (rc != 0)
        return;
    assert(c.id_len >= WEBAUTHN_ID_MIN && c.id_len <= WEBAUTHN_ID_MAX && c.key.len <= WEBAUTHN_KEY_MAX);
    struct buf head; /* what was taken is a key that can be asked */
    buf_init(&head, SMALL);
    add_head(&head, 1);
    struct webauthn_assertion a = {span_of("{}"), {head.data, head.len}, span_of("no signature")};
    assert(webauthn_assert(&a, &c.key, &expect, &count, &err) == ERR_DENIED);
    buf_done(&head);
}

/* An attestation object around a key and what follows it. */
static void add_attestation(struct buf *b, unsigned char flags, const void *key, size_t key_len)
{
    static const char fixed[AAGUID_AND_LENGTH + ID] = {[AAGUID_AND_LENGTH - 1] = ID};
    struct buf auth_data;
    buf_init(&auth_data, 2 * SMALL);
    add_head(&auth_data, (unsigned char)(flags | 0x41)); /* present, with a credential */
    buf_add(&auth_data, fixed, sizeof fixed);
    buf_add(&auth_data, key, key_len);
    buf_adds(b, "\xa3\x63\x66mt\x64none\x67\x61ttStmt\xa0\x68\x61uthData");
    const char head[] = {0x59, (char)(auth_data.len >> 8), (char)auth_data.len};
    bool small = auth_data.len < 256;
    buf_addc(b, small ? 0x58 : head[0]);
    buf_add(b, head + 1 + small, 2 - small);
    buf_add(b, auth_data.data, auth_data.len);
    buf_done(&auth_data);
}

static void enrol_key(const uint8_t *bytes, size_t size)
{
    struct buf b;
    if (size == 0 || size > SMALL)
        return;
    buf_init(&b, 4 * SMALL);
    add_attestation(&b, bytes[0], bytes + 1, size - 1);
    enrol((struct span){b.data, b.len});
    buf_done(&b);
}

/* A sound key of each algorithm, and what the bytes make of it: a place and what is changed there, three by three. */
static void enrol_changed(const uint8_t *bytes, size_t size)
{
    static const char es256[] = "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"
                                "\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2"
                                "\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x22\x58\x20"
                                "\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16"
                                "\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";
    static const char eddsa[] = "\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20"
                                "\x58\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66"
                                "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66";
    char rs256[11 + 256 + 5] = "\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00\xff";
    struct buf b;
    if (size == 0)
        return;
    buf_init(&b, 4 * SMALL);
    switch (bytes[0] % 3) {
    case 0: add_attestation(&b, 0, es256, sizeof es256 - 1); break;
    case 1: add_attestation(&b, 0, eddsa, sizeof eddsa - 1); break;
    default:
        rs256[11 + 255] = 1;
        memcpy(rs256 + 11 + 256, "\x21\x43\x01\x00\x01", 5);
        add_attestation(&b, 0, rs256, sizeof rs256);
    }
    for (size_t i = 1; i + 2 < size; i += 3)
        b.data[(size_t)(bytes[i] << 8 | bytes[i + 1]) % b.len] ^= (char)bytes[i + 2];
    struct webauthn_credential c;
    struct err err = {0};
    if (size < 4) /* unchanged */
        assert(webauthn_register((struct span){b.data, b.len}, &expect, &c, &err) == 0);
    enrol((struct span){b.data, b.len});
    buf_done(&b);
}

/* bytes: a flag byte, what follows the head, and a signature. */
static void answer(const uint8_t *bytes, size_t size)
{
    static const struct webauthn_key keys[] = {
        {.algorithm = WEBAUTHN_EDDSA, .len = 32, .bytes = {0x58, 0x66, 0x66, 0x66}},
        {.algorithm = WEBAUTHN_RS256, .len = 259, .bytes = {[0] = 0xff, [255] = 1, [256] = 1, [258] = 1}},
    };
    struct buf auth_data;
    struct err err = {0};
    uint32_t count;
    if (size < 2)
        return;
    size_t half = size / 2;
    buf_init(&auth_data, 64 * 1024);
    add_head(&auth_data, (unsigned char)(bytes[0] | 1));
    buf_add(&auth_data, bytes + 1, half - 1);
    struct webauthn_assertion a = {
        span_of("{}"), {auth_data.data, auth_data.len}, {(const char *)bytes + half, size - half}};
    assert(webauthn_assert(&a, &keys[bytes[0] >> 1 & 1], &expect, &count, &err) == ERR_DENIED);
    buf_done(&auth_data);
}

static void walk(struct span bytes)
{
    struct cborread c;
    size_t items = 0;
    cborread_init(&c, bytes);
    while (cborread_skip(&c)) {
        assert(c.at > bytes.ptr && c.at <= c.end);
        items++;
    }
    assert(items <= bytes.len);
}

static void client_data(struct span json)
{
    char challenge[WEBAUTHN_CHALLENGE_SIZE];
    struct err err = {0};
    int rc = webauthn_client_data(json, &expect, challenge, &err);
    assert(rc == ERR_DENIED || (rc == 0 && strlen(challenge) == WEBAUTHN_CHALLENGE_SIZE - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct span bytes = {(const char *)data + 1, size - 1};
    switch (data[0] % 6) {
    case 0: walk(bytes); break;
    case 1: enrol(bytes); break;
    case 2: enrol_key(data + 1, size - 1); break;
    case 3: answer(data + 1, size - 1); break;
    case 4: enrol_changed(data + 1, size - 1); break;
    default: client_data(bytes); break;
    }
    return 0;
}
