#include "age/age_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/wipe.h"

enum { DATA_CHARS = 52, CHECK_CHARS = 6, KEY_CHARS = DATA_CHARS + CHECK_CHARS, FILE_MAX = 64 * 1024 };

/* --- Bech32 ------------------------------------------------------------------------------------------------------ */

static uint32_t polymod(uint32_t sum, unsigned value)
{
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        if (top >> i & 1)
            sum ^= generator[i];
    return sum;
}

/* The checksum's state after the part before the "1", which counts in lower case. */
static uint32_t begin(const char *name)
{
    uint32_t sum = 1;
    for (const char *c = name; *c != '\0'; c++)
        sum = polymod(sum, (unsigned)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c) >> 5);
    sum = polymod(sum, 0);
    for (const char *c = name; *c != '\0'; c++)
        sum = polymod(sum, (unsigned)*c & 31);
    return sum;
}

/* text: all of it, spelled in the case of name and alphabet alone. */
static bool decode(struct span text, const char *name, const char *alphabet, uint8_t ret[AGE_KEY_SIZE])
{
    size_t name_len = strlen(name);
    if (text.len != name_len + 1 + KEY_CHARS || memcmp(text.ptr, name, name_len) != 0 || text.ptr[name_len] != '1')
        return false;
    const char *c = text.ptr + name_len + 1;
    uint32_t sum = begin(name);
    unsigned bits = 0;
    uint32_t pending = 0;
    size_t len = 0;
    bool good = true;
    for (size_t i = 0; i < KEY_CHARS && good; i++) {
        const char *found = c[i] == '\0' ? NULL : strchr(alphabet, c[i]);
        good = found != NULL;
        unsigned value = good ? (unsigned)(found - alphabet) : 0;
        sum = polymod(sum, value);
        if (i >= DATA_CHARS)
            continue;
        pending = (pending << 5 | value) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            ret[len++] = (uint8_t)(pending >> bits);
        }
        if (i + 1 == DATA_CHARS) /* four bits are left over, and must be nothing */
            good = good && (pending & 0xf) == 0;
    }
    return good && sum == 1;
}

bool age_recipient_read(const char *text, uint8_t ret[AGE_KEY_SIZE])
{
    return decode(span_of(text), "age", "qpzry9x8gf2tvdw0s3jn54khce6mua7l", ret);
}

bool age_identity_read(struct span text, uint8_t ret[AGE_KEY_SIZE])
{
    bool good = decode(text, "AGE-SECRET-KEY-", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", ret);
    if (!good)
        wipe(ret, AGE_KEY_SIZE);
    return good;
}

int age_recipient_check(const char *text, struct err *err)
{
    uint8_t key[AGE_KEY_SIZE];
    return age_recipient_read(text, key) ? 0 : err_set(err, ERR_INVALID, "\"%.80s\" is not an age recipient", text);
}

/* --- identities -------------------------------------------------------------------------------------------------- */

static int add_identity(struct age_identities *ids, struct span line, size_t number, struct err *err)
{
    if (ids->count == AGE_IDENTITIES_MAX)
        return err_set(err, ERR_INVALID, "there are more than %d identities", AGE_IDENTITIES_MAX);
    if (!age_identity_read(line, ids->item[ids->count].secret)) /* the line is not shown: it may nearly be one */
        return err_set(err, ERR_INVALID, "line %zu is not an age identity", number);
    if (age_x25519(ids->item[ids->count].secret, NULL, ids->item[ids->count].recipient, NULL) != 0)
        return err_set(err, ERR_INTERNAL, "X25519 failed");
    ids->count++;
    return 0;
}

int age_identities_parse(const char *text, struct age_identities **ret, struct err *err)
{
    struct age_identities *ids = calloc(1, sizeof *ids);
    if (ids == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct cursor c;
    struct span line;
    int rc = 0;
    cursor_init(&c, span_of(text));
    for (size_t number = 1; rc == 0 && cursor_line(&c, &line); number++) {
        line = span_trim(line);
        if (line.len > 0 && line.ptr[0] != '#')
            rc = add_identity(ids, line, number, err);
    }
    if (rc == 0 && ids->count == 0)
        rc = err_set(err, ERR_INVALID, "there is no age identity");
    if (rc != 0) {
        age_identities_free(ids);
        return rc;
    }
    *ret = ids;
    return 0;
}

/* Into one piece of memory, so that no copy is left where a buffer grew. */
static int read_text(const char *path, char *text, size_t *ret_len, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s", path);
    int rc = file_read_all(fd, text, FILE_MAX + 1, ret_len, err);
    (void)close(fd);
    if (rc == 0 && *ret_len > FILE_MAX)
        rc = err_set(err, ERR_INVALID, "more than %d bytes", FILE_MAX);
    if (rc == 0 && memchr(text, '\0', *ret_len) != NULL)
        rc = err_set(err, ERR_INVALID, "not a text");
    return rc == 0 ? 0 : err_prefix(err, "%s", path);
}

int age_identities_load(const char *path, struct age_identities **ret, struct err *err)
{
    char *text = calloc(1, FILE_MAX + 2);
    size_t len = 0;
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = read_text(path, text, &len, err);
    if (rc == 0 && (rc = age_identities_parse(text, ret, err)) != 0)
        (void)err_prefix(err, "%s", path);
    wipe(text, FILE_MAX + 2);
    free(text);
    return rc;
}

void age_identities_free(struct age_identities *ids)
{
    if (ids != NULL)
        wipe(ids, sizeof *ids);
    free(ids);
}
