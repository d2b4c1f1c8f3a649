/* metadata_fixture.h: a trusted repository at version 1 and what tests of metadata.h do with it. */
#ifndef MUSTER_TESTS_METADATA_FIXTURE_H
#define MUSTER_TESTS_METADATA_FIXTURE_H

#include "common/file.h"
#include "tempdir.h"
#include "tuf_fixture.h"

/* Version 1 of everything is served, and its root is pinned. */
struct fixture {
    struct tempdir dir;
    struct repo repo;
    struct metadata_options options;
    struct metadata *m;
    struct err err;
    char metadata_dir[PATH_MAX];
    char pinned[PATH_MAX];
};

static inline void put(struct fixture *f, const char *name, json_t *body, const char *signers)
{
    repo_put(&f->repo, name, repo_sign(&f->repo, body, signers));
}

static inline int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.m = NULL};
    tempdir_make(&f.dir);
    repo_make(&f.repo);
    (void)snprintf(f.metadata_dir, sizeof f.metadata_dir, "%s/update/metadata", f.dir.path);
    (void)snprintf(f.pinned, sizeof f.pinned, "%s/root.json", f.dir.path);
    put(&f, "1.root.json", repo_root(&f.repo, 1), "0");
    put(&f, "timestamp.json", repo_timestamp(1, 1), "1");
    put(&f, "1.snapshot.json", repo_snapshot(1, 1), "2");
    put(&f, "1.targets.json", repo_targets(1), "3");
    const char *root = repo_text(&f.repo, "1.root.json");
    assert_int_equal(file_write(f.pinned, root, strlen(root), 0600, &f.err), 0);
    f.options = (struct metadata_options){
        .dir = f.metadata_dir, .pinned_root = f.pinned, .now_ms = REPO_NOW, .fetch = repo_fetch, .fetch_ctx = &f.repo};
    *state = &f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    metadata_free(f->m);
    repo_done(&f->repo);
    tempdir_remove(&f->dir);
    return 0;
}

static inline int refresh(struct fixture *f)
{
    metadata_free(f->m);
    f->m = NULL;
    f->repo.asked[0] = '\0';
    return metadata_refresh(&f->options, &f->m, &f->err);
}

static inline void assert_refreshes(struct fixture *f)
{
    if (refresh(f) != 0)
        fail_msg("%s", f->err.msg);
}

static inline void assert_refused(struct fixture *f, int code, const char *message)
{
    assert_int_equal(refresh(f), code);
    assert_int_equal(f->err.code, code);
    if (strstr(f->err.msg, message) == NULL)
        fail_msg("%s does not say %s", f->err.msg, message);
    assert_null(f->m);
}

static inline const char *path_of(const struct fixture *f, const char *name)
{
    static char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/%s", f->metadata_dir, name);
    return path;
}

/* 0: not stored. */
static inline int64_t stored_version(const struct fixture *f, const char *name)
{
    json_t *json = json_load_file(path_of(f, name), 0, NULL);
    int64_t version = json_integer_value(json_object_get(json_object_get(json, "signed"), "version"));
    json_decref(json);
    return version;
}

static inline void assert_stored(const struct fixture *f, int root, int timestamp, int snapshot, int targets)
{
    assert_int_equal(stored_version(f, "root.json"), root);
    assert_int_equal(stored_version(f, "timestamp.json"), timestamp);
    assert_int_equal(stored_version(f, "snapshot.json"), snapshot);
    assert_int_equal(stored_version(f, "targets.json"), targets);
}

/* A new version of the three, whose snapshot and targets are of the versions given. */
static inline void publish(struct fixture *f, int timestamp, int snapshot, int targets)
{
    char name[32];
    put(f, "timestamp.json", repo_timestamp(timestamp, snapshot), "1");
    (void)snprintf(name, sizeof name, "%d.snapshot.json", snapshot);
    put(f, name, repo_snapshot(snapshot, targets), "2");
    (void)snprintf(name, sizeof name, "%d.targets.json", targets);
    put(f, name, repo_targets(targets), "3");
}

static inline json_t *promise(const char *type, int version, const char *name, int of, const char *text,
                              const char *hash)
{
    json_t *body = repo_body(type, version);
    char digest[TUF_HEX_MAX];
    struct err err;
    assert_int_equal(tuf_digest_hex(TUF_SHA256, span_of(text), digest, &err), 0);
    (void)json_object_set_new(body, "meta",
                              json_pack("{s:{s:i, s:I, s:{s:s}}}", name, "version", of, "length",
                                        (json_int_t)strlen(text), "hashes", "sha256", hash != NULL ? hash : digest));
    return body;
}

#endif
