#include "auth/password.h"

#include <argon2.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/guessable.h"
#include "common/blocking.h"
#include "common/cursor.h"
#include "common/token.h"
#include "common/wipe.h"

/* OWASP's recommendation for Argon2id: 19 MiB, two passes, one lane. */
enum { MEMORY_KIB = 19456, PASSES = 2, LANES = 1, SALT_SIZE = 16, HASH_SIZE = 32 };
enum { EMAIL_MAX = 254 };

/* What a hash from outside (the configuration file) may cost us at most. */
enum { MEMORY_KIB_MAX = 262144, PASSES_MAX = 16, LANES_MAX = 8 };

/* Code points of UTF-8, counted by their first bytes. */
static size_t count_characters(const char *s, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)s[i] & 0xc0) != 0x80;
    return count;
}

static void lower(char *s)
{
    for (; *s != '\0'; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + ('a' - 'A'));
}

static int check_new(const char *password, size_t len, const char *const words[], struct err *err)
{
    if (len > PASSWORD_MAX)
        return err_set(err, ERR_INVALID, "the password is longer than %d bytes", PASSWORD_MAX);
    if (memchr(password, '\0', len) != NULL)
        return err_set(err, ERR_INVALID, "the password contains a NUL byte");
    if (count_characters(password, len) < PASSWORD_MIN)
        return err_set(err, ERR_INVALID, "the password is shorter than %d characters", PASSWORD_MIN);
    if (guessable(password, len, words))
        return err_set(err, ERR_INVALID,
                       "the password is one of those that are tried first: repeated, or made of one or two common "
                       "ones; three or four words that have nothing to do with each other are good");
    return 0;
}

/* The first label of this machine's name; "" when it cannot be told. */
static void own_name(char ret[HOST_NAME_MAX + 1])
{
    if (gethostname(ret, HOST_NAME_MAX) != 0)
        ret[0] = '\0';
    ret[HOST_NAME_MAX] = '\0';
    ret[strcspn(ret, ".")] = '\0';
    lower(ret);
}

int password_check_new(const char *password, size_t len, struct err *err)
{
    return password_check_new_of("", password, len, err);
}

int password_check_new_of(const char *email, const char *password, size_t len, struct err *err)
{
    char host[HOST_NAME_MAX + 1], whole[EMAIL_MAX + 1], local[EMAIL_MAX + 1];
    own_name(host);
    (void)snprintf(whole, sizeof whole, "%s", email);
    lower(whole);
    memcpy(local, whole, sizeof local);
    char *at = strchr(local, '@');
    if (at != NULL)
        *at = '\0';
    const char *const words[] = {"muster", "administrator", host, whole, local, at != NULL ? at + 1 : "", NULL};
    return check_new(password, len, words, err);
}

int password_hash(const char *password, size_t len, char ret[PASSWORD_HASH_SIZE], struct err *err)
{
    unsigned char salt[SALT_SIZE];
    if (!token_random(salt, sizeof salt))
        return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
    blocking_begin();
    int rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, len, salt, sizeof salt, HASH_SIZE, ret,
                                   PASSWORD_HASH_SIZE);
    blocking_end();
    if (rc != ARGON2_OK)
        return err_set(err, ERR_NOMEM, "Argon2id: %s", argon2_error_message(rc));
    return 0;
}

static bool verify(const char *password, size_t len, const char *hash)
{
    if (hash != NULL)
        return argon2id_verify(hash, password, len) == ARGON2_OK;
    static const unsigned char salt[SALT_SIZE] = {0};
    unsigned char unused[HASH_SIZE];
    (void)argon2id_hash_raw(PASSES, MEMORY_KIB, LANES, password, len, salt, sizeof salt, unused, sizeof unused);
    wipe(unused, sizeof unused);
    return false;
}

bool password_verify(const char *password, size_t len, const char *hash)
{
    blocking_begin();
    bool fits = verify(password, len, hash);
    blocking_end();
    return fits;
}

bool password_hash_current(const char *hash)
{
    char prefix[48];
    int len = snprintf(prefix, sizeof prefix, "$argon2id$v=19$m=%d,t=%d,p=%d$", MEMORY_KIB, PASSES, LANES);
    return strncmp(hash, prefix, (size_t)len) == 0;
}

static bool take_base64(struct cursor *c, char stop, size_t min, size_t max)
{
    struct span field;
    if (!cursor_field(c, stop, &field) || field.len < min || field.len > max)
        return false;
    for (size_t i = 0; i < field.len; i++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", field.ptr[i]) == NULL)
            return false;
    return true;
}

bool password_hash_valid(const char *hash)
{
    struct cursor c;
    uint64_t memory = 0, passes = 0, lanes = 0;
    cursor_init(&c, span_of(hash));
    return strlen(hash) < PASSWORD_HASH_SIZE && cursor_literal(&c, "$argon2id$v=19$m=") &&
           cursor_uint(&c, MEMORY_KIB_MAX, &memory) && memory >= 8 && cursor_literal(&c, ",t=") &&
           cursor_uint(&c, PASSES_MAX, &passes) && passes >= 1 && cursor_literal(&c, ",p=") &&
           cursor_uint(&c, LANES_MAX, &lanes) && lanes >= 1 && cursor_char(&c, '$') && take_base64(&c, '$', 11, 64) &&
           take_base64(&c, '\0', 16, 86) && cursor_done(&c);
}
