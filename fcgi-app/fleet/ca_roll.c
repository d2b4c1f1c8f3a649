/* From one root to the next, in steps that can each be cut short at any point and repeated. */
#include <inttypes.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "fleet/ca.h"
#include "fleet/ca_x509.h"

static bool exists(const char *dir, const char *name)
{
    char path[CA_PATH_SIZE];
    struct err ignored = {0};
    return ca_path(dir, name, path, &ignored) == 0 && access(path, F_OK) == 0;
}

static int move(const char *dir, const char *from, const char *to, struct err *err)
{
    char from_path[CA_PATH_SIZE], to_path[CA_PATH_SIZE];
    int rc = ca_path(dir, from, from_path, err);
    if (rc == 0)
        rc = ca_path(dir, to, to_path, err);
    return rc != 0 ? rc : file_rename(from_path, to_path, err);
}

static int drop(const char *dir, const char *name, struct err *err)
{
    char path[CA_PATH_SIZE];
    int rc = ca_path(dir, name, path, err);
    return rc != 0 ? rc : file_remove(path, err);
}

/* Before the change of the bundle: a number too many makes agents ask for what they have, one too few would leave them
 * with what is old. */
static int raise_rev(const char *dir, struct err *err)
{
    int64_t rev = 0;
    char text[32];
    int rc = ca_read_rev(dir, &rev, err);
    if (rc != 0)
        return rc;
    (void)snprintf(text, sizeof text, "%" PRId64 "\n", rev + 1);
    return ca_write_text(dir, "ca.rev", text, 0644, err);
}

static int prepare(const char *dir, int64_t now_ms, struct err *err)
{
    EVP_PKEY *key = NULL;
    if (exists(dir, "ca-next.pem") || exists(dir, "ca-previous.pem"))
        return err_set(err, ERR_CONFLICT, "a change of the root is under way; switch or retire first");
    int rc = raise_rev(dir, err);
    if (rc == 0)
        rc = ca_ensure_key(dir, "ca-next.key", &key, err);
    if (rc == 0)
        rc = ca_make_root(dir, "ca-next.pem", key, now_ms, err);
    EVP_PKEY_free(key);
    return rc;
}

/* The old root is kept as trusted first; then the new key and the new root take their places, the key first. */
static int switch_over(const char *dir, struct err *err)
{
    X509 *old = NULL;
    if (!exists(dir, "ca-next.pem"))
        return err_set(err, ERR_CONFLICT, "there is no next root; prepare one first");
    int rc = raise_rev(dir, err);
    if (rc == 0 && exists(dir, "ca-next.key")) {
        rc = ca_read_certificate(dir, "ca.pem", &old, err);
        char *pem = rc == 0 ? ca_certificate_pem(old) : NULL;
        if (rc == 0)
            rc = pem != NULL ? ca_write_text(dir, "ca-previous.pem", pem, 0644, err)
                             : err_set(err, ERR_NOMEM, "out of memory");
        free(pem);
        if (rc == 0)
            rc = move(dir, "ca-next.key", "ca.key", err);
    }
    if (rc == 0)
        rc = move(dir, "ca-next.pem", "ca.pem", err);
    X509_free(old);
    return rc;
}

static int retire(const char *dir, struct err *err)
{
    if (exists(dir, "ca-next.pem") || !exists(dir, "ca-previous.pem"))
        return err_set(err, ERR_CONFLICT, "there is no root to retire; prepare and switch first");
    int rc = raise_rev(dir, err);
    return rc != 0 ? rc : drop(dir, "ca-previous.pem", err);
}

int ca_roll(const char *dir, enum ca_step step, int64_t now_ms, struct err *err)
{
    int rc = step == CA_PREPARE  ? prepare(dir, now_ms, err)
             : step == CA_SWITCH ? switch_over(dir, err)
                                 : retire(dir, err);
    return rc != 0 ? rc : ca_init(&(struct ca_init_options){.dir = dir, .now_ms = now_ms}, err);
}
