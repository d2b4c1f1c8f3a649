#include "update/root.h"

#include <dirent.h>
#include <limits.h>
#include <mbedtls/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "tuf/metadata.h"

enum { FETCH_MS = 20 * 1000 };

/* `make TUF_ROOT=FILE` has the assembler take the file in; without it the two symbols are one place. */
#ifdef MUSTER_TUF_ROOT
#define TUF_ROOT_BYTES ".incbin \"" MUSTER_TUF_ROOT "\"\n"
#else
#define TUF_ROOT_BYTES ""
#endif
__asm__(".pushsection .rodata\n"
        ".global muster_tuf_root\n"
        ".global muster_tuf_root_end\n"
        "muster_tuf_root:\n" TUF_ROOT_BYTES "muster_tuf_root_end:\n"
        ".byte 0\n"
        ".popsection\n");
extern const char muster_tuf_root[] __attribute__((visibility("hidden")));
extern const char muster_tuf_root_end[] __attribute__((visibility("hidden")));

static size_t built_in_len(void)
{
    return (size_t)((uintptr_t)muster_tuf_root_end - (uintptr_t)muster_tuf_root);
}

bool root_known(const struct agent *agent)
{
    char path[PATH_MAX];
    struct err err;
    return built_in_len() > 0 ||
           (agent_state_path(agent, "update/root.json", path, &err) == 0 && access(path, R_OK) == 0);
}

static bool holds(const char *path, const char *bytes, size_t len)
{
    char *data = NULL;
    size_t data_len = 0;
    struct err err;
    bool same =
        file_read(path, ROOT_MAX, &data, &data_len, &err) == 0 && data_len == len && memcmp(data, bytes, len) == 0;
    free(data);
    return same;
}

static int write_below_state(const struct agent *agent, const char *name, const char *bytes, size_t len,
                             struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(agent, "update", path, err);
    if (rc == 0)
        rc = file_mkdirs(path, 0700, err);
    if (rc == 0)
        rc = agent_state_path(agent, name, path, err);
    return rc != 0 || holds(path, bytes, len) ? rc : file_write(path, bytes, len, 0600, err);
}

int root_file(const struct agent *agent, char *ret, struct err *err)
{
    int rc = agent_state_path(agent, "update/root.json", ret, err);
    if (rc != 0 || access(ret, F_OK) == 0)
        return rc;
    if (built_in_len() == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "this host has no TUF root to trust updates by: give it one with `muster-agent update pin`");
    rc = write_below_state(agent, "update/root.built-in.json", muster_tuf_root, built_in_len(), err);
    return rc != 0 ? rc : agent_state_path(agent, "update/root.built-in.json", ret, err);
}

/* --- pinning --- */

/* Metadata that was trusted because of another root. */
static int drop_metadata(const struct agent *agent, struct err *err)
{
    char dir[PATH_MAX];
    char path[PATH_MAX];
    int rc = agent_state_path(agent, "update/metadata", dir, err);
    DIR *d = rc == 0 ? opendir(dir) : NULL;
    for (struct dirent *e; rc == 0 && d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < (int)sizeof path)
            rc = file_remove(path, err);
    if (d != NULL)
        (void)closedir(d);
    return rc;
}

int root_pin(const struct agent *agent, const char *bytes, size_t len, struct err *err)
{
    char path[PATH_MAX];
    char sha256[METADATA_SHA256_SIZE];
    int rc = metadata_root_check(bytes, len, sha256, err);
    if (rc == 0)
        rc = agent_state_path(agent, "update/root.json", path, err);
    if (rc != 0 || holds(path, bytes, len))
        return rc;
    rc = drop_metadata(agent, err);
    return rc != 0 ? rc : write_below_state(agent, "update/root.json", bytes, len, err);
}

int root_fetch(struct http *http, const char *server_url, const uint8_t sha256[ROOT_SHA256_SIZE], struct buf *ret,
               struct err *err)
{
    char url[1024];
    uint8_t digest[ROOT_SHA256_SIZE];
    struct http_reply reply;
    if (snprintf(url, sizeof url, "%s/updates/tuf/1.root.json", server_url) >= (int)sizeof url)
        return err_set(err, ERR_TOO_BIG, "URL too long");
    const struct http_request request = {
        .method = "GET", .url = url, .reply_max = ROOT_MAX, .timeouts = {.total_ms = FETCH_MS}};
    int rc = http_perform(http, &request, &reply, err);
    if (rc != 0)
        return err_prefix(err, "the TUF root");
    if (reply.status != 200)
        rc = err_set(err, reply.status == 404 ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
                     "the TUF root: the server answers %d for %s", reply.status, url);
    else if (mbedtls_sha256((const unsigned char *)buf_str(&reply.body), reply.body.len, digest, 0) != 0 ||
             memcmp(digest, sha256, sizeof digest) != 0)
        rc = err_set(err, ERR_DENIED, "the server's TUF root is not the one of the fingerprint: do not go on");
    else
        buf_add(ret, reply.body.data, reply.body.len);
    buf_done(&reply.body);
    return rc != 0 || buf_ok(ret) ? rc : err_set(err, ERR_TOO_BIG, "the TUF root is too big");
}
