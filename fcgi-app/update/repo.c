#include "update/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "update/repo_private.h"

enum { LOCK_WAIT_S = 30, LOCK_LOOK_MS = 50, ROOTS_MAX = 100000 };

/* --- the lock --- */

static int take_lock(struct repo *repo, bool wait, struct err *err)
{
    char path[REPO_PATH_SIZE];
    const struct timespec pause = {.tv_nsec = LOCK_LOOK_MS * 1000000L};
    int rc = repo_path(repo, path, err, "lock");
    if (rc != 0)
        return rc;
    repo->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (repo->lock < 0)
        return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%.200s", path);
    for (int left = wait ? LOCK_WAIT_S * 1000 / LOCK_LOOK_MS : 0; flock(repo->lock, LOCK_EX | LOCK_NB) != 0; left--) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return err_sys(err, ERR_IO, "%.200s", path);
        if (left <= 0)
            return err_set(err, ERR_UNAVAILABLE, "another program is changing the update repository; try again");
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

/* --- loading --- */

int repo_load(const struct repo *repo, const char *name, json_t **ret, struct buf *ret_bytes, struct err *err)
{
    char path[REPO_PATH_SIZE];
    char *text = NULL;
    size_t len = 0;
    int rc = repo_path(repo, path, err, "public/tuf/%s", name);
    if (rc == 0)
        rc = file_read(path, TUF_DOCUMENT_MAX, &text, &len, err);
    if (rc != 0)
        return rc;
    rc = tuf_document_parse((struct span){text, len}, ret, err);
    if (rc != 0)
        (void)err_prefix(err, "%.100s", name);
    if (rc == ERR_INVALID) /* what stands here was checked before it was written */
        rc = ERR_CORRUPT;
    if (ret_bytes != NULL)
        buf_add(ret_bytes, text, len);
    free(text);
    return rc;
}

static int expect(const json_t *document, enum tuf_role role, int64_t version, struct err *err)
{
    if (tuf_document_role(document) == role && (version == 0 || tuf_document_version(document) == version))
        return 0;
    return err_set(err, ERR_CORRUPT, "a file of %s metadata holds something else", tuf_role_names[role]);
}

void repo_set_fingerprint(struct repo *repo, const struct buf *root)
{
    char hex[DIGEST_HEX_SIZE];
    digest_sha256_hex(root->data, root->len, hex);
    (void)snprintf(repo->fingerprint, sizeof repo->fingerprint, "sha256:%s", hex);
}

/* The next root after the one that is held; ERR_NOT_FOUND when it is the newest. */
static int next_root(struct repo *repo, struct err *err)
{
    char name[64];
    struct buf bytes;
    json_t *next = NULL;
    int64_t version = repo->root != NULL ? tuf_document_version(repo->root) + 1 : 1;
    (void)snprintf(name, sizeof name, "%lld.root.json", (long long)version);
    buf_init(&bytes, TUF_DOCUMENT_MAX);
    int rc = repo_load(repo, name, &next, &bytes, err);
    if (rc == 0)
        rc = expect(next, TUF_ROOT, version, err);
    if (rc == 0 && repo->root != NULL)
        rc = tuf_document_verify(next, repo->root, err);
    if (rc == 0)
        rc = tuf_document_verify(next, next, err);
    if (rc == 0 && version == 1)
        repo_set_fingerprint(repo, &bytes);
    buf_done(&bytes);
    if (rc != 0) {
        json_decref(next);
        return rc;
    }
    json_decref(repo->root);
    repo->root = next;
    return 0;
}

static int load_roots(struct repo *repo, struct err *err)
{
    struct err why = {0};
    int rc = 0;
    for (int i = 0; rc == 0 && i < ROOTS_MAX; i++)
        rc = next_root(repo, &why);
    if (rc == ERR_NOT_FOUND && repo->root != NULL)
        return 0;
    if (rc == ERR_NOT_FOUND)
        return err_set(err, rc, "%.150s: no update repository; 'muster-app release init-keys' makes one", repo->dir);
    return err_set(err, rc, "%s", why.msg);
}

/* A document that another one names: "N.<role>.json" with the version, length and hash that stand there. */
static int load_named(const struct repo *repo, const json_t *by, enum tuf_role role, json_t **ret, struct err *err)
{
    char name[64], meta[32];
    struct buf bytes;
    json_t *document = NULL;
    (void)snprintf(meta, sizeof meta, "%s.json", tuf_role_names[role]);
    int64_t version = tuf_meta_version(by, meta);
    (void)snprintf(name, sizeof name, "%lld.%s", (long long)version, meta);
    buf_init(&bytes, TUF_DOCUMENT_MAX);
    int rc = repo_load(repo, name, &document, &bytes, err);
    if (rc == 0)
        rc = expect(document, role, version, err);
    if (rc == 0)
        rc = tuf_meta_check(by, meta, (struct span){bytes.data, bytes.len}, version, err);
    if (rc == 0)
        rc = tuf_document_verify(document, repo->root, err);
    buf_done(&bytes);
    if (rc != 0)
        json_decref(document);
    else
        *ret = document;
    return rc;
}

static int load_all(struct repo *repo, struct err *err)
{
    int rc = load_roots(repo, err);
    if (rc != 0)
        return rc;
    rc = repo_load(repo, "timestamp.json", &repo->timestamp, NULL, err);
    if (rc == 0)
        rc = expect(repo->timestamp, TUF_TIMESTAMP, 0, err);
    if (rc == 0)
        rc = tuf_document_verify(repo->timestamp, repo->root, err);
    if (rc == 0)
        rc = load_named(repo, repo->timestamp, TUF_SNAPSHOT, &repo->snapshot, err);
    if (rc == 0)
        rc = load_named(repo, repo->snapshot, TUF_TARGETS, &repo->targets, err);
    if (rc == ERR_NOT_FOUND) { /* which means that there is no repository; here half of one is */
        (void)err_prefix(err, "the update repository lacks a file");
        rc = ERR_CORRUPT;
    }
    return rc;
}

static int prepare_new(struct repo *repo, struct err *err)
{
    static const char *const places[] = {"public", "public/tuf", "public/tuf/targets", "staging", "pending"};
    char path[REPO_PATH_SIZE];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof places / sizeof places[0]; i++) {
        rc = repo_path(repo, path, err, "%s", places[i]);
        if (rc == 0)
            rc = file_mkdirs(path, 0700, err);
    }
    return rc;
}

/* The first root is the last file that is made. */
static int refuse_old(const struct repo *repo, struct err *err)
{
    char path[REPO_PATH_SIZE];
    int rc = repo_path(repo, path, err, "public/tuf/1.root.json");
    if (rc == 0 && access(path, F_OK) == 0)
        rc = err_set(err, ERR_CONFLICT,
                     "%.150s: there is an update repository already; 'muster-app release rotate-key' changes its keys",
                     repo->dir);
    return rc;
}

static int open_in(struct repo *repo, enum repo_mode mode, struct err *err)
{
    int rc = mode == REPO_CREATE ? prepare_new(repo, err) : 0;
    if (rc == 0 && mode != REPO_READ) {
        rc = take_lock(repo, mode != REPO_TRY, err);
        if (rc == ERR_NOT_FOUND)
            rc = err_set(err, rc, "%.150s: no update repository; 'muster-app release init-keys' makes one", repo->dir);
    }
    if (rc == 0)
        rc = mode == REPO_CREATE ? refuse_old(repo, err) : load_all(repo, err);
    return rc;
}

int repo_open(const char *dir, enum repo_mode mode, struct repo **ret, struct err *err)
{
    struct repo *repo = calloc(1, sizeof *repo);
    if (repo == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    repo->lock = -1;
    int rc = (size_t)snprintf(repo->dir, sizeof repo->dir, "%s", dir) < sizeof repo->dir
                 ? open_in(repo, mode, err)
                 : err_set(err, ERR_INVALID, "MUSTER_UPDATE_DIR is too long");
    if (rc != 0)
        repo_close(repo);
    else
        *ret = repo;
    return rc;
}

void repo_close(struct repo *repo)
{
    if (repo == NULL)
        return;
    json_decref(repo->root);
    json_decref(repo->targets);
    json_decref(repo->snapshot);
    json_decref(repo->timestamp);
    if (repo->lock >= 0)
        (void)close(repo->lock);
    free(repo);
}

/* --- places --- */

int repo_path(const struct repo *repo, char ret[REPO_PATH_SIZE], struct err *err, const char *fmt, ...)
{
    va_list args;
    int at = snprintf(ret, REPO_PATH_SIZE, "%s/", repo->dir);
    va_start(args, fmt);
    int len = vsnprintf(ret + at, REPO_PATH_SIZE - (size_t)at, fmt, args);
    va_end(args);
    return len >= 0 && (size_t)at + (size_t)len < REPO_PATH_SIZE ? 0 : err_set(err, ERR_INVALID, "a path is too long");
}

static bool is_plain(const char *s, size_t len)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-";
    return len > 0 && len <= 200 && s[0] != '.' && strspn(s, plain) >= len;
}

int repo_target_path(const struct repo *repo, const char *target, const json_t *info, char ret[REPO_PATH_SIZE],
                     struct err *err)
{
    const char *slash = strchr(target, '/');
    const char *sha256 = json_string_value(json_object_get(json_object_get(info, "hashes"), "sha256"));
    if (slash == NULL || !is_plain(target, (size_t)(slash - target)) || !is_plain(slash + 1, strlen(slash + 1)) ||
        strchr(slash + 1, '/') != NULL)
        return err_set(err, ERR_INVALID, "%.100s: not a path of a target", target);
    if (sha256 == NULL || strlen(sha256) != DIGEST_HEX_SIZE - 1 || strspn(sha256, "0123456789abcdef") != 64)
        return err_set(err, ERR_INVALID, "%.100s: no sha256", target);
    return repo_path(repo, ret, err, "public/tuf/targets/%.*s/%s.%s", (int)(slash - target), target, sha256, slash + 1);
}
