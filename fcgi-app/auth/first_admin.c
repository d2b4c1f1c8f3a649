#include "auth/first_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/password.h"
#include "auth/users.h"

/* What stands in other people's examples and in everybody's first guess. */
static const char *const defaults[] = {
    "admin",   "password", "changeme", "change-me", "administrator", "root",        "muster",
    "default", "secret",   "letmein",  "welcome",   "12345678",      "password123", "correct horse battery staple",
};

static bool is(const char *password, const char *hash)
{
    return password_verify(password, strlen(password), hash);
}

static bool is_a_default(const char *email, const char *hash)
{
    char local[USER_EMAIL_MAX + 1];
    (void)snprintf(local, sizeof local, "%.*s", (int)strcspn(email, "@"), email);
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
        if (is(defaults[i], hash))
            return true;
    return is(email, hash) || is(local, hash);
}

int first_admin_check(const struct settings *settings, struct err *err)
{
    const char *plain = getenv("MUSTER_ADMIN_PASSWORD");
    const char *hash = settings->admin_password_hash;
    if (plain != NULL && plain[0] != '\0')
        return err_set(err, ERR_INVALID,
                       "MUSTER_ADMIN_PASSWORD: a password does not belong into the environment, where every process "
                       "sees it; MUSTER_ADMIN_PASSWORD_HASH takes its Argon2id hash");
    if (hash == NULL)
        return 0;
    if (!password_hash_valid(hash))
        return err_set(err, ERR_INVALID, "MUSTER_ADMIN_PASSWORD_HASH is not an Argon2id hash this program takes");
    if (is_a_default(settings->admin_email != NULL ? settings->admin_email : "", hash))
        return err_set(err, ERR_INVALID,
                       "MUSTER_ADMIN_PASSWORD_HASH is the hash of a password that is tried first everywhere; choose "
                       "another");
    return 0;
}
