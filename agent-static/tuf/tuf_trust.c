#include "tuf/tuf_trust.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

static int prefixed(int rc, struct err *err, const char *role)
{
    return rc == 0 ? 0 : err_prefix(err, "%s.json", role);
}

/* Parsed, and signed by role. */
static int take(enum tuf_kind kind, struct span text, const struct tuf_role *role, struct tuf_meta **ret,
                struct err *err)
{
    struct tuf_meta *m = NULL;
    int rc = tuf_meta_parse(kind, text, &m, err);
    if (rc == 0)
        rc = tuf_role_verify(role, m, err);
    if (rc == 0)
        *ret = m;
    else
        tuf_meta_free(m);
    return rc;
}

static int take_by_root(const struct tuf_meta *root, enum tuf_kind kind, struct span text, struct tuf_meta **ret,
                        struct err *err)
{
    struct tuf_role role;
    tuf_role_of_root(root, kind, &role);
    int rc = take(kind, text, &role, ret, err);
    tuf_role_done(&role);
    return rc;
}

static void replace(struct tuf_meta **place, struct tuf_meta *m)
{
    tuf_meta_free(*place);
    *place = m;
}

static int check_expiry(const struct tuf_trust *t, const struct tuf_meta *m, struct err *err)
{
    char expires[CLOCK_RFC3339_SIZE];
    char now[CLOCK_RFC3339_SIZE];
    if (m->expires_ms > t->now_ms)
        return 0;
    clock_format_rfc3339(m->expires_ms, expires);
    clock_format_rfc3339(t->now_ms, now);
    return err_set(err, ERR_TIMEOUT, "expired on %s, and by our clock it is %s (freeze)", expires, now);
}

static int older(struct err *err, const char *what, int64_t version, int64_t trusted)
{
    return err_set(err, ERR_DENIED, "%s %" PRId64 " after %" PRId64 " (rollback)", what, version, trusted);
}

/* --- root --- */

int tuf_trust_init(struct tuf_trust *t, struct span root, int64_t now_ms, struct err *err)
{
    struct tuf_role role;
    *t = (struct tuf_trust){.now_ms = now_ms};
    int rc = tuf_meta_parse(TUF_ROOT, root, &t->root, err);
    if (rc == 0) {
        tuf_role_of_root(t->root, TUF_ROOT, &role);
        rc = tuf_role_verify(&role, t->root, err);
        tuf_role_done(&role);
    }
    return prefixed(rc, err, "root");
}

void tuf_trust_done(struct tuf_trust *t)
{
    tuf_meta_free(t->root);
    tuf_meta_free(t->timestamp);
    tuf_meta_free(t->snapshot);
    tuf_meta_free(t->targets);
    *t = (struct tuf_trust){.now_ms = t->now_ms};
}

static bool rotated(const struct tuf_meta *before, const struct tuf_meta *after, enum tuf_kind kind)
{
    struct tuf_role role_before;
    struct tuf_role role_after;
    tuf_role_of_root(before, kind, &role_before);
    tuf_role_of_root(after, kind, &role_after);
    bool yes = tuf_role_rotated(&role_before, &role_after);
    tuf_role_done(&role_before);
    tuf_role_done(&role_after);
    return yes;
}

int tuf_trust_next_root(struct tuf_trust *t, struct span text, bool *ret_rotated, struct err *err)
{
    struct tuf_meta *next = NULL;
    struct tuf_role role;
    int rc = take_by_root(t->root, TUF_ROOT, text, &next, err);
    if (rc == 0) {
        tuf_role_of_root(next, TUF_ROOT, &role);
        rc = tuf_role_verify(&role, next, err);
        tuf_role_done(&role);
    }
    if (rc == 0 && next->version != t->root->version + 1)
        rc = err_set(err, ERR_DENIED, "version %" PRId64 " where %" PRId64 " was asked for", next->version,
                     t->root->version + 1);
    if (rc != 0) {
        tuf_meta_free(next);
        return prefixed(rc, err, "root");
    }
    *ret_rotated = rotated(t->root, next, TUF_TIMESTAMP) || rotated(t->root, next, TUF_SNAPSHOT);
    replace(&t->root, next);
    return 0;
}

int tuf_trust_last_root(const struct tuf_trust *t, struct err *err)
{
    return prefixed(check_expiry(t, t->root, err), err, "root");
}

/* --- timestamp --- */

int tuf_trust_stored_timestamp(struct tuf_trust *t, struct span text, struct err *err)
{
    return prefixed(take_by_root(t->root, TUF_TIMESTAMP, text, &t->timestamp, err), err, "timestamp");
}

static int64_t promised_snapshot(const struct tuf_meta *timestamp)
{
    struct tuf_file file = {.version = 0};
    (void)tuf_meta_file(timestamp, "snapshot.json", &file);
    return file.version;
}

/* §5.4.3 and §5.4.4. */
static int check_timestamp(const struct tuf_trust *t, const struct tuf_meta *m, struct err *err)
{
    if (t->timestamp != NULL && m->version < t->timestamp->version)
        return older(err, "version", m->version, t->timestamp->version);
    if (t->timestamp != NULL && promised_snapshot(m) < promised_snapshot(t->timestamp))
        return older(err, "snapshot", promised_snapshot(m), promised_snapshot(t->timestamp));
    return check_expiry(t, m, err);
}

int tuf_trust_timestamp(struct tuf_trust *t, struct span text, bool *ret_new, struct err *err)
{
    struct tuf_meta *m = NULL;
    int rc = take_by_root(t->root, TUF_TIMESTAMP, text, &m, err);
    bool same = rc == 0 && t->timestamp != NULL && m->version == t->timestamp->version;
    if (rc == 0 && !same)
        rc = check_timestamp(t, m, err);
    if (rc != 0 || same) {
        tuf_meta_free(m);
        *ret_new = false;
        return prefixed(rc, err, "timestamp");
    }
    replace(&t->timestamp, m);
    *ret_new = true;
    return 0;
}

int tuf_trust_last_timestamp(const struct tuf_trust *t, struct err *err)
{
    return prefixed(check_expiry(t, t->timestamp, err), err, "timestamp");
}

/* --- snapshot --- */

static int check_promise(const struct tuf_meta *by, const char *role, struct span text, struct err *err)
{
    struct tuf_file file;
    char name[TUF_ROLE_NAME_MAX + sizeof ".json"];
    (void)snprintf(name, sizeof name, "%s.json", role);
    if (!tuf_meta_file(by, name, &file))
        return err_set(err, ERR_NOT_FOUND, "not in the snapshot");
    return tuf_file_check(&file, text, err);
}

int tuf_trust_stored_snapshot(struct tuf_trust *t, struct span text, struct err *err)
{
    int rc = take_by_root(t->root, TUF_SNAPSHOT, text, &t->snapshot, err);
    if (rc == 0)
        t->snapshot_promised = t->snapshot->version == promised_snapshot(t->timestamp) &&
                               check_promise(t->timestamp, "snapshot", text, err) == 0;
    return prefixed(rc, err, "snapshot");
}

/* §5.5.5: everything that was there still is, and not older. */
static int check_no_rollback(const struct tuf_meta *before, const struct tuf_meta *after, struct err *err)
{
    json_t *files = json_object_get(before->body, "meta");
    for (void *at = json_object_iter(files); at != NULL; at = json_object_iter_next(files, at)) {
        const char *name = json_object_iter_key(at);
        struct tuf_file old;
        struct tuf_file new;
        if (!tuf_meta_file(before, name, &old))
            continue;
        if (!tuf_meta_file(after, name, &new))
            return err_set(err, ERR_DENIED, "%.100s is no longer in it (rollback)", name);
        if (new.version < old.version)
            return older(err, name, new.version, old.version);
    }
    return 0;
}

static int check_snapshot(const struct tuf_trust *t, const struct tuf_meta *m, struct err *err)
{
    if (m->version != promised_snapshot(t->timestamp))
        return err_set(err, ERR_DENIED, "version %" PRId64 ", not the %" PRId64 " promised (mix and match)", m->version,
                       promised_snapshot(t->timestamp));
    if (t->snapshot != NULL && m->version < t->snapshot->version)
        return older(err, "version", m->version, t->snapshot->version);
    int rc = t->snapshot != NULL ? check_no_rollback(t->snapshot, m, err) : 0;
    return rc == 0 ? check_expiry(t, m, err) : rc;
}

int tuf_trust_snapshot(struct tuf_trust *t, struct span text, struct err *err)
{
    struct tuf_meta *m = NULL;
    int rc = check_promise(t->timestamp, "snapshot", text, err);
    if (rc == 0)
        rc = take_by_root(t->root, TUF_SNAPSHOT, text, &m, err);
    if (rc == 0)
        rc = check_snapshot(t, m, err);
    if (rc != 0) {
        tuf_meta_free(m);
        return prefixed(rc, err, "snapshot");
    }
    replace(&t->snapshot, m);
    t->snapshot_promised = true;
    return 0;
}

int tuf_trust_last_snapshot(const struct tuf_trust *t, struct err *err)
{
    int rc = t->snapshot == NULL || !t->snapshot_promised
                 ? err_set(err, ERR_NOT_FOUND, "not there in the version promised")
                 : check_expiry(t, t->snapshot, err);
    return prefixed(rc, err, "snapshot");
}

/* --- targets --- */

static int take_targets(const struct tuf_trust *t, const char *name, const struct tuf_role *role, struct span text,
                        struct tuf_meta **ret, struct err *err)
{
    struct tuf_meta *m = NULL;
    struct tuf_file file = {.version = 0};
    char file_name[TUF_ROLE_NAME_MAX + sizeof ".json"];
    (void)snprintf(file_name, sizeof file_name, "%s.json", name);
    int rc = check_promise(t->snapshot, name, text, err);
    if (rc == 0)
        rc = take(TUF_TARGETS, text, role, &m, err);
    (void)tuf_meta_file(t->snapshot, file_name, &file);
    if (rc == 0 && m->version != file.version)
        rc = err_set(err, ERR_DENIED, "version %" PRId64 ", not the %" PRId64 " promised (mix and match)", m->version,
                     file.version);
    if (rc == 0)
        rc = check_expiry(t, m, err);
    if (rc == 0)
        *ret = m;
    else
        tuf_meta_free(m);
    return prefixed(rc, err, name);
}

int tuf_trust_targets(struct tuf_trust *t, struct span text, struct err *err)
{
    struct tuf_meta *m = NULL;
    struct tuf_role role;
    tuf_role_of_root(t->root, TUF_TARGETS, &role);
    int rc = take_targets(t, "targets", &role, text, &m, err);
    tuf_role_done(&role);
    if (rc == 0)
        replace(&t->targets, m);
    return rc;
}

int tuf_trust_delegated(const struct tuf_trust *t, const char *name, const struct tuf_role *role, struct span text,
                        struct tuf_meta **ret, struct err *err)
{
    return take_targets(t, name, role, text, ret, err);
}

/* --- names --- */

void tuf_trust_file_name(const char *role, char ret[TUF_FILE_NAME_SIZE])
{
    char name[TUF_ENCODED_SIZE(TUF_ROLE_NAME_MAX)];
    tuf_path_encode(role, false, name);
    (void)snprintf(ret, TUF_FILE_NAME_SIZE, "%s.json", name);
}

static void versioned(int64_t version, const char *role, char ret[TUF_FILE_NAME_SIZE])
{
    char name[TUF_ENCODED_SIZE(TUF_ROLE_NAME_MAX)];
    tuf_path_encode(role, false, name);
    (void)snprintf(ret, TUF_FILE_NAME_SIZE, "%" PRId64 ".%s.json", version, name);
}

void tuf_trust_want_root(const struct tuf_trust *t, struct tuf_wanted *ret)
{
    ret->max_bytes = TUF_ROOT_SIZE_MAX;
    versioned(t->root->version + 1, "root", ret->name);
}

int tuf_trust_want(const struct tuf_trust *t, const char *role, struct tuf_wanted *ret, struct err *err)
{
    bool snapshot = strcmp(role, "snapshot") == 0;
    int64_t max = snapshot ? TUF_SNAPSHOT_SIZE_MAX : TUF_TARGETS_SIZE_MAX;
    struct tuf_file file;
    char listed[TUF_ROLE_NAME_MAX + sizeof ".json"];
    (void)snprintf(listed, sizeof listed, "%s.json", role);
    if (!tuf_meta_file(snapshot ? t->timestamp : t->snapshot, listed, &file))
        return prefixed(err_set(err, ERR_NOT_FOUND, "not in the snapshot"), err, role);
    if (file.length > max)
        return prefixed(err_set(err, ERR_TOO_BIG, "promised with more than %" PRId64 " bytes", max), err, role);
    ret->max_bytes = (size_t)(file.length >= 0 ? file.length : max);
    if (t->root->consistent_snapshot)
        versioned(file.version, role, ret->name);
    else
        tuf_trust_file_name(role, ret->name);
    return 0;
}
