#include "update/root.h"

#include <dirent.h>
#include <limits.h>
#include <mbedtls/sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/jsonread.h"

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

int root_read(const struct agent *agent, char **ret, size_t *ret_len, struct err *err)
{
    char path[PATH_MAX];
    int rc = agent_state_path(agent, "update/root.json", path, err);
    if (rc == 0)
        rc = file_read(path, ROOT_MAX, ret, ret_len, err);
    if (rc != ERR_NOT_FOUND)
        return rc;
    if (built_in_len() == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "this host has no TUF root to start from: give one with `muster-agent update pin`");
    char *copy = malloc(built_in_len() + 1);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(copy, muster_tuf_root, built_in_len());
    copy[built_in_len()] = '\0';
    *ret = copy;
    *ret_len = built_in_len();
    return 0;
}

/* --- pinning --- */

static int check_root(const char *bytes, size_t len, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    struct jsonread body;
    json_t *root = jsonread_parse((struct span){.ptr = bytes, .len = len}, err);
    if (root == NULL)
        return err_prefix(err, "the TUF root");
    jsonread_init(&r, root, &wrong);
    jsonread_object(&r, "signed", &body);
    const char *type = jsonread_str(&body, "_type", 1, 64);
    (void)jsonread_int(&body, "version", 1, INT64_MAX);
    bool is_root = !wrong.failed && strcmp(type, "root") == 0;
    json_decref(root);
    return is_root ? 0 : err_set(err, ERR_INVALID, "this is no TUF root (a file like 1.root.json)");
}

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
    char *before = NULL;
    size_t before_len = 0;
    struct err unknown;
    int rc = check_root(bytes, len, err);
    if (rc == 0)
        rc = agent_state_path(agent, "update", path, err);
    if (rc == 0)
        rc = file_mkdirs(path, 0700, err);
    if (rc == 0)
        rc = agent_state_path(agent, "update/root.json", path, err);
    if (rc != 0)
        return rc;
    bool same =
        root_read(agent, &before, &before_len, &unknown) == 0 && before_len == len && memcmp(before, bytes, len) == 0;
    free(before);
    if (!same)
        rc = drop_metadata(agent, err);
    return rc != 0 ? rc : file_write(path, bytes, len, 0600, err);
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
