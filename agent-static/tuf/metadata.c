#include "tuf/metadata.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "tuf/tuf_search.h"
#include "tuf/tuf_trust.h"

struct metadata {
    char *dir;
    metadata_fetch_fn *fetch; /* NULL: what is stored must do */
    void *fetch_ctx;
    struct tuf_trust trust;
    struct tuf_meta *found; /* the delegated role of the last target that was found */
};

/* --- stored files --- */

static int path_of(const struct metadata *m, const char *name, char ret[PATH_MAX], struct err *err)
{
    if (snprintf(ret, PATH_MAX, "%s/%s", m->dir, name) >= PATH_MAX)
        return err_set(err, ERR_TOO_BIG, "path too long");
    return 0;
}

static int read_file(const char *path, size_t max, struct buf *ret, struct err *err)
{
    char *data = NULL;
    size_t len = 0;
    int rc = file_read(path, max, &data, &len, err);
    if (rc == 0)
        *ret = (struct buf){.data = data, .len = len, .size = len + 1, .max = len};
    return rc;
}

static int stored(const struct metadata *m, const char *name, size_t max, struct buf *ret, struct err *err)
{
    char path[PATH_MAX];
    int rc = path_of(m, name, path, err);
    return rc == 0 ? read_file(path, max, ret, err) : rc;
}

static int store(const struct metadata *m, const char *name, const struct buf *text, struct err *err)
{
    char path[PATH_MAX];
    int rc = path_of(m, name, path, err);
    return rc == 0 ? file_write(path, buf_str(text), text->len, 0600, err) : rc;
}

static int forget(const struct metadata *m, const char *name, struct err *err)
{
    char path[PATH_MAX];
    int rc = path_of(m, name, path, err);
    return rc == 0 ? file_remove(path, err) : rc;
}

static struct span span_of_buf(const struct buf *b)
{
    return (struct span){.ptr = buf_str(b), .len = b->len};
}

static int fetch(const struct metadata *m, const struct tuf_wanted *wanted, struct buf *ret, struct err *err)
{
    buf_init(ret, wanted->max_bytes);
    if (m->fetch == NULL)
        return err_set(err, ERR_NOT_FOUND, "%s: not stored", wanted->name);
    int rc = m->fetch(m->fetch_ctx, wanted->name, wanted->max_bytes, ret, err);
    if (rc == 0 && !buf_ok(ret))
        rc = err_set(err, ERR_TOO_BIG, "more than %zu bytes", wanted->max_bytes);
    return rc == 0 ? 0 : err_prefix(err, "%s", wanted->name);
}

/* --- the workflow --- */

static int try_root(struct metadata *m, const char *path, int64_t now_ms, struct err *err)
{
    struct buf text = {.data = NULL};
    int rc = read_file(path, TUF_ROOT_SIZE_MAX, &text, err);
    if (rc == 0) {
        tuf_trust_done(&m->trust);
        rc = tuf_trust_init(&m->trust, span_of_buf(&text), now_ms, err);
    }
    buf_done(&text);
    return rc;
}

/* The pinned root serves again when the stored one was damaged; from it, all newer ones are walked through once more.
 */
static int load_root(struct metadata *m, const struct metadata_options *o, struct err *err)
{
    char path[PATH_MAX];
    int rc = path_of(m, "root.json", path, err);
    if (rc == 0)
        rc = try_root(m, path, o->now_ms, err);
    if (rc != 0 && rc != ERR_NOMEM && o->pinned_root != NULL)
        rc = try_root(m, o->pinned_root, o->now_ms, err);
    if (rc == 0 || rc == ERR_IO || rc == ERR_NOMEM)
        return rc;
    (void)err_prefix(err, "no trusted root");
    err->code = ERR_CORRUPT;
    return ERR_CORRUPT;
}

/* One step of §5.3. The stored files that a rotation ends go first: after a power cut in between, nothing is trusted
 * that should not be, while with the new root stored first the rotation would go unnoticed. */
static int next_root(struct metadata *m, bool *ret_more, struct err *err)
{
    struct tuf_wanted wanted;
    struct buf text;
    bool rotated = false;
    tuf_trust_want_root(&m->trust, &wanted);
    int rc = fetch(m, &wanted, &text, err);
    *ret_more = rc == 0;
    if (rc == ERR_NOT_FOUND)
        rc = 0;
    else if (rc == 0)
        rc = tuf_trust_next_root(&m->trust, span_of_buf(&text), &rotated, err);
    if (rc == 0 && rotated)
        rc = forget(m, "timestamp.json", err);
    if (rc == 0 && rotated)
        rc = forget(m, "snapshot.json", err);
    if (rc == 0 && *ret_more)
        rc = store(m, "root.json", &text, err);
    buf_done(&text);
    return rc;
}

static int update_root(struct metadata *m, struct err *err)
{
    bool more = true;
    int rc = 0;
    for (int i = 0; rc == 0 && more && i < TUF_ROOTS_MAX; i++)
        rc = next_root(m, &more, err);
    return rc == 0 ? tuf_trust_last_root(&m->trust, err) : rc;
}

/* What was stored and no longer verifies is as good as not there. */
static int update_timestamp(struct metadata *m, struct err *err)
{
    static const struct tuf_wanted wanted = {.name = "timestamp.json", .max_bytes = TUF_TIMESTAMP_SIZE_MAX};
    struct buf text = {.data = NULL};
    bool new = false;
    int rc = stored(m, wanted.name, wanted.max_bytes, &text, err);
    if (rc == 0)
        rc = tuf_trust_stored_timestamp(&m->trust, span_of_buf(&text), err);
    buf_done(&text);
    if (m->fetch != NULL) {
        rc = fetch(m, &wanted, &text, err);
        if (rc == 0)
            rc = tuf_trust_timestamp(&m->trust, span_of_buf(&text), &new, err);
        if (rc == 0 && new)
            rc = store(m, wanted.name, &text, err);
        buf_done(&text);
    }
    return rc == 0 ? tuf_trust_last_timestamp(&m->trust, err) : rc;
}

static int update_snapshot(struct metadata *m, struct err *err)
{
    struct tuf_wanted wanted;
    struct buf text = {.data = NULL};
    int rc = stored(m, "snapshot.json", TUF_SNAPSHOT_SIZE_MAX, &text, err);
    if (rc == 0)
        rc = tuf_trust_stored_snapshot(&m->trust, span_of_buf(&text), err);
    if (rc == 0)
        rc = tuf_trust_last_snapshot(&m->trust, err);
    buf_done(&text);
    if (rc == 0 || m->fetch == NULL)
        return rc;
    rc = tuf_trust_want(&m->trust, "snapshot", &wanted, err);
    if (rc == 0)
        rc = fetch(m, &wanted, &text, err);
    if (rc == 0)
        rc = tuf_trust_snapshot(&m->trust, span_of_buf(&text), err);
    if (rc == 0)
        rc = store(m, "snapshot.json", &text, err);
    buf_done(&text);
    return rc;
}

static int update_targets(struct metadata *m, struct err *err)
{
    struct tuf_wanted wanted;
    struct buf text = {.data = NULL};
    int rc = stored(m, "targets.json", TUF_TARGETS_SIZE_MAX, &text, err);
    if (rc == 0)
        rc = tuf_trust_targets(&m->trust, span_of_buf(&text), err);
    buf_done(&text);
    if (rc == 0 || m->fetch == NULL)
        return rc;
    rc = tuf_trust_want(&m->trust, "targets", &wanted, err);
    if (rc == 0)
        rc = fetch(m, &wanted, &text, err);
    if (rc == 0)
        rc = tuf_trust_targets(&m->trust, span_of_buf(&text), err);
    if (rc == 0)
        rc = store(m, "targets.json", &text, err);
    buf_done(&text);
    return rc;
}

static int run(const struct metadata_options *o, metadata_fetch_fn *fetch_fn, struct metadata **ret, struct err *err)
{
    static int (*const steps[])(struct metadata *, struct err *) = {update_root, update_timestamp, update_snapshot,
                                                                    update_targets};
    struct metadata *m = calloc(1, sizeof *m);
    int rc = m == NULL || (m->dir = strdup(o->dir)) == NULL ? err_set(err, ERR_NOMEM, "out of memory") : 0;
    if (rc == 0) {
        m->fetch = fetch_fn;
        m->fetch_ctx = o->fetch_ctx;
        rc = load_root(m, o, err);
    }
    if (rc == 0 && fetch_fn != NULL)
        rc = file_mkdirs(o->dir, 0700, err);
    for (size_t i = 0; rc == 0 && i < sizeof steps / sizeof steps[0]; i++)
        rc = steps[i](m, err);
    if (rc == 0)
        *ret = m;
    else
        metadata_free(m);
    return rc;
}

int metadata_refresh(const struct metadata_options *options, struct metadata **ret, struct err *err)
{
    return run(options, options->fetch, ret, err);
}

int metadata_load(const struct metadata_options *options, struct metadata **ret, struct err *err)
{
    return run(options, NULL, ret, err);
}

void metadata_free(struct metadata *m)
{
    if (m == NULL)
        return;
    tuf_trust_done(&m->trust);
    tuf_meta_free(m->found);
    free(m->dir);
    free(m);
}

/* --- targets --- */

static void copy_hash(const json_t *hashes, const char *name, char *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(hashes, name));
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

static bool read_target(const char *path, const json_t *target, struct metadata_target *ret)
{
    const json_t *hashes = json_object_get(target, "hashes");
    const json_t *custom = json_object_get(target, "custom");
    *ret = (struct metadata_target){.path = path,
                                    .length = json_integer_value(json_object_get(target, "length")),
                                    .custom = json_is_object(custom) ? custom : NULL};
    copy_hash(hashes, "sha256", ret->sha256, sizeof ret->sha256);
    copy_hash(hashes, "sha512", ret->sha512, sizeof ret->sha512);
    return ret->sha256[0] != '\0' || ret->sha512[0] != '\0';
}

/* *ret_found: this role has it; if not, that is no error. */
static int target_in(const struct tuf_meta *targets, const char *path, bool *ret_found, struct metadata_target *ret,
                     struct err *err)
{
    json_t *all = json_object_get(targets->body, "targets");
    void *at = json_object_iter_at(all, path);
    *ret_found = at != NULL;
    if (at != NULL && !read_target(json_object_iter_key(at), json_object_iter_value(at), ret))
        return err_set(err, ERR_INVALID, "target %s: no hash that we know", path);
    return 0;
}

/* Stored metadata does as long as it is what the snapshot promises and signed by the role as it is delegated here. */
static int load_delegated(const struct metadata *m, const struct tuf_step *step, struct tuf_meta **ret, struct err *err)
{
    struct tuf_wanted wanted;
    struct buf text = {.data = NULL};
    char name[TUF_FILE_NAME_SIZE];
    tuf_trust_file_name(step->name, name);
    int rc = tuf_trust_want(&m->trust, step->name, &wanted, err);
    if (rc == 0 && stored(m, name, wanted.max_bytes, &text, err) == 0 &&
        tuf_trust_delegated(&m->trust, step->name, &step->role, span_of_buf(&text), ret, err) == 0) {
        buf_done(&text);
        return 0;
    }
    buf_done(&text);
    if (rc == 0)
        rc = fetch(m, &wanted, &text, err);
    if (rc == 0)
        rc = tuf_trust_delegated(&m->trust, step->name, &step->role, span_of_buf(&text), ret, err);
    if (rc == 0)
        rc = store(m, name, &text, err);
    buf_done(&text);
    return rc;
}

static int look_into(struct metadata *m, struct tuf_search *search, const struct tuf_step *step, bool *ret_found,
                     struct metadata_target *ret, struct err *err)
{
    tuf_meta_free(m->found);
    m->found = NULL;
    int rc = load_delegated(m, step, &m->found, err);
    if (rc == 0)
        rc = target_in(m->found, search->path, ret_found, ret, err);
    if (rc == 0 && !*ret_found)
        rc = tuf_search_enter(search, m->found, err);
    return rc;
}

static int search_delegated(struct metadata *m, const char *path, bool *ret_found, struct metadata_target *ret,
                            struct err *err)
{
    struct tuf_search search;
    const struct tuf_step *step;
    int rc = tuf_search_init(&search, path, err);
    if (rc == 0)
        rc = tuf_search_enter(&search, m->trust.targets, err);
    while (rc == 0 && !*ret_found && (step = tuf_search_next(&search)) != NULL)
        rc = look_into(m, &search, step, ret_found, ret, err);
    tuf_search_done(&search);
    return rc;
}

int metadata_target(struct metadata *m, const char *path, struct metadata_target *ret, struct err *err)
{
    struct metadata_target target;
    bool found = false;
    int rc = target_in(m->trust.targets, path, &found, &target, err);
    if (rc == 0 && !found)
        rc = search_delegated(m, path, &found, &target, err);
    if (rc == 0 && !found)
        rc = err_set(err, ERR_NOT_FOUND, "no target %s", path);
    if (rc == 0)
        *ret = target;
    return rc;
}

int metadata_each(const struct metadata *m, metadata_visit_fn *visit, void *ctx)
{
    json_t *all = json_object_get(m->trust.targets->body, "targets");
    int rc = 0;
    for (void *at = json_object_iter(all); rc == 0 && at != NULL; at = json_object_iter_next(all, at)) {
        struct metadata_target target;
        if (read_target(json_object_iter_key(at), json_object_iter_value(at), &target))
            rc = visit(ctx, &target);
    }
    return rc;
}

const json_t *metadata_extra(const struct metadata *m, const char *key)
{
    return json_object_get(m->trust.targets->body, key);
}

int metadata_target_name(const struct metadata *m, const struct metadata_target *target, struct buf *ret,
                         struct err *err)
{
    char path[TUF_ENCODED_SIZE(TUF_PATH_MAX)];
    if (strlen(target->path) > TUF_PATH_MAX)
        return err_set(err, ERR_INVALID, "path of more than %d bytes", TUF_PATH_MAX);
    tuf_path_encode(target->path, true, path);
    const char *slash = strrchr(path, '/');
    int dir = slash != NULL ? (int)(slash + 1 - path) : 0;
    const char *hash = target->sha256[0] != '\0' ? target->sha256 : target->sha512;
    if (m->trust.root->consistent_snapshot)
        buf_addf(ret, "%.*s%s.%s", dir, path, hash, path + dir);
    else
        buf_adds(ret, path);
    return buf_ok(ret) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

int metadata_root_check(const void *data, size_t len, char ret_sha256[METADATA_SHA256_SIZE], struct err *err)
{
    struct tuf_trust trust;
    struct span text = {.ptr = data, .len = len};
    char digest[TUF_HEX_MAX];
    int rc = tuf_trust_init(&trust, text, 0, err);
    tuf_trust_done(&trust);
    if (rc == 0)
        rc = tuf_digest_hex(TUF_SHA256, text, digest, err);
    if (rc == 0)
        (void)snprintf(ret_sha256, METADATA_SHA256_SIZE, "%.64s", digest);
    return rc;
}
