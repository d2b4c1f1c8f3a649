/* Changing the repository: everything is made and judged in memory first, then written in the order that repo.h
 * promises. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "update/repo_private.h"

/* What will stand there afterwards. Borrowed from the repo or the change, but for snapshot and timestamp. */
struct next {
    struct repo *repo;
    const struct repo_change *change;
    const json_t *root, *targets;
    json_t *snapshot, *timestamp; /* owned */
    struct buf targets_bytes, snapshot_bytes, timestamp_bytes;
    bool root_first;
};

/* --- making it --- */

static int check_follows(const json_t *new_one, const json_t *old, struct err *err)
{
    int64_t have = old != NULL ? tuf_document_version(old) : 0;
    if (new_one == NULL || tuf_document_version(new_one) == have + 1)
        return 0;
    return err_set(err, ERR_CONFLICT, "%s version %lld cannot follow version %lld: make it again",
                   tuf_role_names[tuf_document_role(new_one)], (long long)tuf_document_version(new_one),
                   (long long)have);
}

/* Signed with the keys of the root before and after, so that it fits both while they change places. */
static int sign(const struct next *n, json_t *document, struct buf *ret, struct err *err)
{
    int rc = document != NULL ? 0 : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        rc = tuf_document_sign_all(document, n->repo->root, n->change->server, err);
    if (rc == 0 && n->root != n->repo->root)
        rc = tuf_document_sign_all(document, n->root, n->change->server, err);
    return rc == 0 ? tuf_document_encode(document, ret, err) : rc;
}

static json_t *new_signed(const struct next *n, enum tuf_role role, const json_t *before, int64_t life_s)
{
    return tuf_signed_new(role, before != NULL ? tuf_document_version(before) + 1 : 1,
                          n->change->now_ms + life_s * 1000);
}

static int make_snapshot(struct next *n, struct err *err)
{
    if (n->change->timestamp_only) {
        n->snapshot = json_incref(n->repo->snapshot);
        return tuf_document_encode(n->snapshot, &n->snapshot_bytes, err);
    }
    json_t *signed_part = new_signed(n, TUF_SNAPSHOT, n->repo->snapshot, n->change->snapshot_life_s);
    int rc = tuf_meta_set(signed_part, "targets.json", n->targets, &n->targets_bytes, err);
    n->snapshot = tuf_document_new(signed_part);
    return rc == 0 ? sign(n, n->snapshot, &n->snapshot_bytes, err) : rc;
}

static int make_timestamp(struct next *n, struct err *err)
{
    json_t *signed_part = new_signed(n, TUF_TIMESTAMP, n->repo->timestamp, n->change->timestamp_life_s);
    int rc = tuf_meta_set(signed_part, "snapshot.json", n->snapshot, &n->snapshot_bytes, err);
    n->timestamp = tuf_document_new(signed_part);
    return rc == 0 ? sign(n, n->timestamp, &n->timestamp_bytes, err) : rc;
}

/* --- judging it --- */

static int fits(const struct next *n, const json_t *root, struct err *err)
{
    int rc = tuf_document_verify(n->targets, root, err);
    if (rc == 0)
        rc = tuf_document_verify(n->snapshot, root, err);
    return rc == 0 ? tuf_document_verify(n->timestamp, root, err) : rc;
}

static int judge_root(struct next *n, struct err *err)
{
    struct err ignored = {0};
    if (n->change->root == NULL)
        return fits(n, n->root, err);
    int rc = n->repo->root != NULL ? tuf_document_verify(n->root, n->repo->root, err) : 0;
    if (rc == 0)
        rc = tuf_document_verify(n->root, n->root, err);
    if (rc == 0)
        rc = fits(n, n->root, err);
    n->root_first = rc == 0 && n->repo->root != NULL && fits(n, n->repo->root, &ignored) != 0;
    return rc;
}

/* --- files of targets --- */

/* From staging, unless it is there already. A hard link: nothing here is ever written into. */
static int place(const struct repo *repo, const char *target, const json_t *info, bool only_check, struct err *err)
{
    char to[REPO_PATH_SIZE], from[REPO_PATH_SIZE], dir[REPO_PATH_SIZE];
    struct err ignored = {0};
    int rc = repo_target_path(repo, target, info, to, err);
    if (rc != 0 || repo_file_check(to, info, &ignored) == 0)
        return rc;
    rc = repo_path(repo, from, err, "staging/%s", target);
    if (rc == 0)
        rc = repo_file_check(from, info, err);
    if (rc != 0 || only_check)
        return rc;
    (void)snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(to, '/') - to), to);
    if (mkdir(dir, 0700) == 0)
        rc = file_sync_dir_of(dir, err);
    else if (errno != EEXIST)
        rc = err_sys(err, ERR_IO, "make directory %.200s", dir);
    if (rc == 0 && unlink(to) != 0 && errno != ENOENT)
        rc = err_sys(err, ERR_IO, "remove %.200s", to);
    if (rc == 0 && link(from, to) != 0)
        rc = err_sys(err, ERR_IO, "link %.200s", to);
    return rc == 0 ? file_sync_dir_of(to, err) : rc;
}

static int place_all(const struct next *n, bool only_check, struct err *err)
{
    const char *target;
    json_t *info;
    int rc = 0;
    if (n->change->targets == NULL)
        return 0;
    json_object_foreach(json_object_get(tuf_document_signed(n->targets), "targets"), target, info)
    {
        if (rc == 0)
            rc = place(n->repo, target, info, only_check, err);
    }
    return rc;
}

/* --- writing it --- */

static int write_named(const struct next *n, const json_t *document, const struct buf *bytes, struct err *err)
{
    char path[REPO_PATH_SIZE];
    int rc = repo_path(n->repo, path, err, "public/tuf/%lld.%s.json", (long long)tuf_document_version(document),
                       tuf_role_names[tuf_document_role(document)]);
    return rc == 0 ? file_write(path, bytes->data, bytes->len, 0644, err) : rc;
}

static int write_root(const struct next *n, struct err *err)
{
    struct buf bytes;
    buf_init(&bytes, TUF_DOCUMENT_MAX);
    int rc = n->change->root != NULL ? tuf_document_encode(n->root, &bytes, err) : 0;
    if (rc == 0 && n->change->root != NULL)
        rc = write_named(n, n->root, &bytes, err);
    if (rc == 0 && n->repo->root == NULL)
        repo_set_fingerprint(n->repo, &bytes);
    buf_done(&bytes);
    return rc;
}

static int write_rest(const struct next *n, struct err *err)
{
    char path[REPO_PATH_SIZE];
    int rc = place_all(n, false, err);
    if (rc == 0 && n->change->targets != NULL)
        rc = write_named(n, n->targets, &n->targets_bytes, err);
    if (rc == 0 && !n->change->timestamp_only)
        rc = write_named(n, n->snapshot, &n->snapshot_bytes, err);
    if (rc == 0)
        rc = repo_path(n->repo, path, err, "public/tuf/timestamp.json");
    return rc == 0 ? repo_write(path, n->timestamp_bytes.data, n->timestamp_bytes.len, err) : rc;
}

static void take_over(struct next *n)
{
    struct repo *repo = n->repo;
    json_t *old[] = {repo->root, repo->targets, repo->snapshot, repo->timestamp};
    repo->root = json_deep_copy(n->root);
    repo->targets = json_deep_copy(n->targets);
    repo->snapshot = json_incref(n->snapshot);
    repo->timestamp = json_incref(n->timestamp);
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
        json_decref(old[i]);
}

/* --- all of it --- */

static int prepare(struct next *n, struct err *err)
{
    int rc = check_follows(n->change->root, n->repo->root, err);
    if (rc == 0)
        rc = check_follows(n->change->targets, n->repo->targets, err);
    if (rc == 0)
        rc = tuf_document_encode(n->targets, &n->targets_bytes, err);
    if (rc == 0)
        rc = make_snapshot(n, err);
    if (rc == 0)
        rc = make_timestamp(n, err);
    if (rc == 0)
        rc = judge_root(n, err);
    return rc == 0 ? place_all(n, true, err) : rc;
}

int repo_commit(struct repo *repo, const struct repo_change *change, struct err *err)
{
    struct next n = {.repo = repo,
                     .change = change,
                     .root = change->root != NULL ? change->root : repo->root,
                     .targets = change->targets != NULL ? change->targets : repo->targets};
    buf_init(&n.targets_bytes, TUF_DOCUMENT_MAX);
    buf_init(&n.snapshot_bytes, TUF_DOCUMENT_MAX);
    buf_init(&n.timestamp_bytes, TUF_DOCUMENT_MAX);
    int rc = prepare(&n, err);
    if (rc == 0 && n.root_first)
        rc = write_root(&n, err);
    if (rc == 0)
        rc = write_rest(&n, err);
    if (rc == 0 && !n.root_first)
        rc = write_root(&n, err);
    if (rc == 0)
        take_over(&n);
    json_decref(n.snapshot);
    json_decref(n.timestamp);
    buf_done(&n.targets_bytes);
    buf_done(&n.snapshot_bytes);
    buf_done(&n.timestamp_bytes);
    return rc;
}
