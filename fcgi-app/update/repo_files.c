/* Single files of the repository: replacing, comparing, and removing what nobody needs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/encode.h"
#include "common/file.h"
#include "update/repo_private.h"

enum { HASH_CHUNK = 64 * 1024 };

/* --- replacing --- */

static bool is_same(const char *path, const void *data, size_t len)
{
    char *old = NULL;
    size_t old_len = 0;
    struct err ignored = {0};
    bool same = file_read(path, len, &old, &old_len, &ignored) == 0 && old_len == len && memcmp(old, data, len) == 0;
    free(old);
    return same;
}

int repo_write(const char *path, const void *data, size_t len, struct err *err)
{
    struct stat before = {0}, after = {0};
    if (is_same(path, data, len))
        return 0;
    bool replaces = stat(path, &before) == 0;
    int rc = file_write(path, data, len, 0644, err);
    if (rc != 0 || !replaces || stat(path, &after) != 0 || after.st_mtim.tv_sec > before.st_mtim.tv_sec)
        return rc;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = before.st_mtim.tv_sec + 1}};
    return utimensat(AT_FDCWD, path, times, 0) == 0 ? 0 : err_sys(err, ERR_IO, "%.200s", path);
}

/* --- comparing --- */

static int hash_file(const char *path, char ret_sha256[DIGEST_HEX_SIZE], int64_t *ret_len, struct err *err)
{
    unsigned char digest[DIGEST_SIZE];
    char *chunk = malloc(HASH_CHUNK);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int64_t len = 0;
    size_t got = HASH_CHUNK;
    int rc = 0;
    if (fd < 0)
        rc = err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%.200s", path);
    else if (chunk == NULL || ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    while (rc == 0 && got == HASH_CHUNK) {
        rc = file_read_all(fd, chunk, HASH_CHUNK, &got, err);
        if (rc == 0 && EVP_DigestUpdate(ctx, chunk, got) != 1)
            rc = err_set(err, ERR_INTERNAL, "SHA-256 failed");
        len += rc == 0 ? (int64_t)got : 0;
    }
    if (rc == 0 && EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
        rc = err_set(err, ERR_INTERNAL, "SHA-256 failed");
    if (rc == 0) {
        hex_encode(digest, sizeof digest, ret_sha256);
        *ret_len = len;
    }
    if (fd >= 0)
        (void)close(fd);
    EVP_MD_CTX_free(ctx);
    free(chunk);
    return rc;
}

int repo_file_check(const char *path, const json_t *info, struct err *err)
{
    char sha256[DIGEST_HEX_SIZE];
    int64_t len = 0;
    const char *want = json_string_value(json_object_get(json_object_get(info, "hashes"), "sha256"));
    int rc = hash_file(path, sha256, &len, err);
    if (rc == 0 && (want == NULL || strcmp(want, sha256) != 0 ||
                    json_integer_value(json_object_get(info, "length")) != (json_int_t)len))
        rc = err_set(err, ERR_CORRUPT, "%.200s: not of the length and hash that were signed", path);
    return rc;
}

/* --- removing --- */

/* Calls visit for every file of a directory; one that is not there has none. */
typedef int visit_fn(const void *ctx, const char *dir, const char *name, struct err *err);
static int each_file(const char *dir, visit_fn *visit, const void *ctx, struct err *err)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "%.200s", dir);
    int rc = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(d)) != NULL;)
        if (entry->d_name[0] != '.')
            rc = visit(ctx, dir, entry->d_name, err);
    (void)closedir(d);
    return rc;
}

static int remove_one(const void *ctx, const char *dir, const char *name, struct err *err)
{
    char path[REPO_PATH_SIZE];
    (void)ctx;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return err_set(err, ERR_INVALID, "a path is too long");
    return unlink(path) == 0 || errno == ENOENT ? 0 : err_sys(err, ERR_IO, "remove %.200s", path);
}

int repo_remove_dir(const char *path, struct err *err)
{
    int rc = each_file(path, remove_one, NULL, err);
    if (rc == 0 && rmdir(path) != 0 && errno != ENOENT)
        rc = err_sys(err, ERR_IO, "remove %.200s", path);
    return rc;
}

struct prune {
    const struct repo *repo;
    const char *version;
    int64_t before_ms;
};

static bool is_listed(const struct prune *p, const char *path)
{
    const char *target;
    json_t *info;
    char listed[REPO_PATH_SIZE];
    struct err ignored = {0};
    json_object_foreach(json_object_get(tuf_document_signed(p->repo->targets), "targets"), target, info)
    {
        if (repo_target_path(p->repo, target, info, listed, &ignored) == 0 && strcmp(listed, path) == 0)
            return true;
    }
    return false;
}

static int prune_target(const void *ctx, const char *dir, const char *name, struct err *err)
{
    char path[REPO_PATH_SIZE];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return err_set(err, ERR_INVALID, "a path is too long");
    return is_listed(ctx, path) ? 0 : remove_one(NULL, dir, name, err);
}

int repo_prune_version(const struct repo *repo, const char *version, struct err *err)
{
    char path[REPO_PATH_SIZE];
    struct prune p = {.repo = repo, .version = version};
    int rc = repo_path(repo, path, err, "public/tuf/targets/%s", version);
    if (rc == 0)
        rc = each_file(path, prune_target, &p, err);
    if (rc == 0 && rmdir(path) != 0 && errno != ENOENT && errno != ENOTEMPTY)
        rc = err_sys(err, ERR_IO, "remove %.200s", path);
    return rc;
}

/* "17.snapshot.json" that is not the one in force and is old. Roots stay: clients walk along them. */
static int prune_document(const void *ctx, const char *dir, const char *name, struct err *err)
{
    const struct prune *p = ctx;
    char path[REPO_PATH_SIZE];
    struct stat st;
    char *dot = NULL;
    int64_t version = strtoll(name, &dot, 10);
    bool targets = strcmp(dot, ".targets.json") == 0;
    if (dot == name || (!targets && strcmp(dot, ".snapshot.json") != 0))
        return 0;
    int64_t current = tuf_document_version(targets ? p->repo->targets : p->repo->snapshot);
    if (version >= current || (size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path ||
        stat(path, &st) != 0 || (int64_t)st.st_mtim.tv_sec * 1000 >= p->before_ms)
        return 0;
    return remove_one(NULL, dir, name, err);
}

int repo_prune_metadata(const struct repo *repo, int64_t before_ms, struct err *err)
{
    char path[REPO_PATH_SIZE];
    struct prune p = {.repo = repo, .before_ms = before_ms};
    int rc = repo_path(repo, path, err, "public/tuf");
    return rc == 0 ? each_file(path, prune_document, &p, err) : rc;
}

static bool lists_version(const struct repo *repo, const char *version)
{
    const char *target;
    json_t *info;
    size_t len = strlen(version);
    json_object_foreach(json_object_get(tuf_document_signed(repo->targets), "targets"), target, info)
    {
        if (strncmp(target, version, len) == 0 && target[len] == '/')
            return true;
    }
    return false;
}

static int drop_staged(const void *ctx, const char *dir, const char *name, struct err *err)
{
    char path[REPO_PATH_SIZE];
    if (!lists_version(ctx, name))
        return 0;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return err_set(err, ERR_INVALID, "a path is too long");
    return repo_remove_dir(path, err);
}

int repo_drop_staged(const struct repo *repo, struct err *err)
{
    char path[REPO_PATH_SIZE];
    int rc = repo_path(repo, path, err, "staging");
    return rc == 0 ? each_file(path, drop_staged, repo, err) : rc;
}
