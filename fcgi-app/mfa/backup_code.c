#include "mfa/backup_code.h"

#include <stdio.h>
#include <string.h>

#include "common/token.h"
#include "common/wipe.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static const char hash_use[] = "muster backup codes";

enum { HASHED_MAX = 64 + 1 + BACKUP_CODE_LETTERS };

bool backup_code_new(int number, char ret[BACKUP_CODE_SIZE])
{
    unsigned char random[BACKUP_CODE_LETTERS];
    char letters[BACKUP_CODE_LETTERS];
    if (!token_random(random, sizeof random))
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        letters[i] = alphabet[random[i] & 31]; /* 256 is a multiple of 32: none is likelier */
    (void)snprintf(ret, BACKUP_CODE_SIZE, "%02d-%.5s-%.5s", number % 100, letters, letters + 5);
    wipe(random, sizeof random);
    wipe(letters, sizeof letters);
    return true;
}

/* The letter that is meant; 0 when it is none. */
static char letter(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - ('a' - 'A'));
    if (c == 'O')
        return '0';
    if (c == 'I' || c == 'L')
        return '1';
    return c != '\0' && strchr(alphabet, c) != NULL ? c : '\0';
}

bool backup_code_parse(const char *typed, char ret[BACKUP_CODE_LETTERS + 1])
{
    char all[2 + BACKUP_CODE_LETTERS];
    size_t count = 0;
    for (const char *p = typed; *p != '\0'; p++) {
        if (*p == ' ' || *p == '-' || *p == '\t')
            continue;
        char c = letter(*p);
        if (c == '\0' || count == sizeof all)
            return false;
        all[count++] = c;
    }
    bool whole = count == BACKUP_CODE_LETTERS || count == sizeof all;
    if (whole) {
        memcpy(ret, all + count - BACKUP_CODE_LETTERS, BACKUP_CODE_LETTERS);
        ret[BACKUP_CODE_LETTERS] = '\0';
    }
    wipe(all, sizeof all);
    return whole;
}

/* age: of the key, 0 the newest. ERR_NOT_FOUND: there is none so old. */
static int hash(const struct secrets *secrets, size_t age, const char *user_id, const char *letters,
                char ret[SECRETS_MAC_SIZE], struct err *err)
{
    char text[HASHED_MAX + 1];
    int len = snprintf(text, sizeof text, "%s:%s", user_id, letters);
    int rc = len < 0 || (size_t)len >= sizeof text ? err_set(err, ERR_INTERNAL, "the id of a user is too long")
                                                   : secrets_mac(secrets, age, hash_use, text, (size_t)len, ret, err);
    wipe(text, sizeof text);
    return rc;
}

int backup_code_use(struct db *db, const struct secrets *secrets, const char *user_id,
                    const char letters[BACKUP_CODE_LETTERS + 1], int64_t now_ms, bool *ret_used, struct err *err)
{
    char code_hash[SECRETS_MAC_SIZE];
    int64_t changes = 0;
    for (size_t age = 0; changes == 0; age++) {
        struct err why = {0};
        int rc = hash(secrets, age, user_id, letters, code_hash, &why);
        if (rc == ERR_NOT_FOUND)
            break;
        if (rc != 0)
            return err_set(err, rc, "%s", why.msg);
        rc = db_exec(db, DB_MFA_BACKUP_CODE_USE,
                     DB_ARGS(DB_TEXT("user", user_id), DB_TEXT("hash", code_hash), DB_INT("now", now_ms)), &changes,
                     err);
        if (rc != 0)
            return rc;
    }
    *ret_used = changes > 0;
    return 0;
}

static int add(struct db *db, const struct secrets *secrets, const char *user_id, const char *code, int64_t now_ms,
               struct err *err)
{
    char letters[BACKUP_CODE_LETTERS + 1];
    char code_hash[SECRETS_MAC_SIZE];
    if (!backup_code_parse(code, letters))
        return err_set(err, ERR_INTERNAL, "a backup code that is none");
    int rc = hash(secrets, 0, user_id, letters, code_hash, err);
    wipe(letters, sizeof letters);
    return rc != 0 ? rc
                   : db_exec(db, DB_MFA_BACKUP_CODE_ADD,
                             DB_ARGS(DB_TEXT("user", user_id), DB_TEXT("hash", code_hash), DB_INT("now", now_ms)), NULL,
                             err);
}

int backup_code_replace(struct db *db, const struct secrets *secrets, const char *user_id, int count, int64_t now_ms,
                        char ret[][BACKUP_CODE_SIZE], struct err *err)
{
    if (count > BACKUP_CODES_MAX)
        return err_set(err, ERR_INTERNAL, "more backup codes than there is room for");
    int rc = db_exec(db, DB_MFA_BACKUP_CODE_DELETE_ALL, DB_ARGS(DB_TEXT("user", user_id)), NULL, err);
    for (int i = 0; rc == 0 && i < count; i++) {
        if (!backup_code_new(i + 1, ret[i]))
            return err_set(err, ERR_UNAVAILABLE, "the system gives no random bytes");
        rc = add(db, secrets, user_id, ret[i], now_ms, err);
    }
    return rc;
}

int backup_code_count(struct db *db, const char *user_id, int *ret_left, int *ret_total, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_MFA_BACKUP_CODE_COUNT, DB_ARGS(DB_TEXT("user", user_id)), &rows, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, ERR_INTERNAL, "a count without a row");
    *ret_left = (int)db_rows_int(&rows, 0, 0);
    *ret_total = (int)db_rows_int(&rows, 1, 0);
    db_rows_done(&rows);
    return 0;
}
